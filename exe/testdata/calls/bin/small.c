#include <stddef.h>
char *gets(char *); int sprintf(char *, const char *, ...); int snprintf(char *, size_t, const char *, ...);
char *strcpy(char *, const char *); void *memcpy(void *, const void *, size_t); size_t strlen(const char *); int puts(const char *);
int memcpy_s(void *d, size_t max, const void *s, size_t n) { return memcpy(d, s, n) != 0; }
size_t lines(char **list, char *out)
{
	size_t n = 0;
	for (; *list; list++) {
		if (strlen(*list) < 9)
			strcpy(out + n, *list);
		else
			memcpy(out + n, *list, 9);
		n += strlen(out + n);
	}
	return n;
}
int command(int what, char *b)
{
	switch (what) {
	case 0: gets(b); break;
	case 1: return sprintf(b, "%d", what);
	case 2: snprintf(b, 9, "%d", what); break;
	case 3: return puts(b);
	case 4: strcpy(b, b + 9); break;
	case 5: b = 0; break;
	default: return strlen(b);
	}
	puts("done");
	return what;
}
