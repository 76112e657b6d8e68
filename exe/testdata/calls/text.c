/* Handling of text as old programs do it: many calls of few functions. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calls.h"

static char line[512];

int words(char *text, char **out, int max)
{
	int n = 0;
	char *save = NULL, *w;
	for (w = strtok_r(text, " \t", &save); w && n < max; w = strtok_r(NULL, " \t", &save))
		out[n++] = strdup(w);
	return n;
}

/* A loop that keeps addresses of functions over calls. */
size_t join(char *to, size_t room, char **list, int n)
{
	size_t used = 0;
	for (int i = 0; i < n; i++) {
		size_t k = strlen(list[i]);
		if (used + k + 2 > room)
			break;
		memcpy(to + used, list[i], k);
		used += k;
		if (i & 1)
			strcpy(to + used, ", ");
		else
			memmove(to + used, "; ", 3);
		used += strlen(to + used);
		free(list[i]);
	}
	return used;
}

/* A switch over many cases, each with calls. */
int command(int what, const char *arg, char *out)
{
	int r = 0;
	switch (what) {
	case 0: strcpy(out, arg); break;
	case 1: strcat(out, arg); break;
	case 2: r = sprintf(out, "%s-%d", arg, what); break;
	case 3: r = snprintf(out, 64, "%s-%d", arg, what); break;
	case 4: memset(out, 0, 64); break;
	case 5: memcpy(out, arg, strlen(arg) + 1); break;
	case 6: strncpy(out, arg, 64); break;
	case 7: strncat(out, arg, 10); break;
	case 8: r = sscanf(arg, "%d", &what) + what; break;
	case 9: r = atoi(arg); break;
	case 10: r = strcmp(arg, out); break;
	case 11: puts(arg); return 4;
	case 12: r = strtol(arg, NULL, 0); break;
	default: return strcasecmp(arg, out);
	}
	if (r < 0)
		perror(arg);
	return r;
}

/* Tail calls, also conditional ones. */
char *copy(char *to, const char *from) { return strcpy(to, from); }
int print(const char *s) { return s ? puts(s) : putchar('\n'); }
void drop(void *p) { if (p) free(p); }
void stop(int code) { if (code) exit(code); abort(); }
int upper(int c) { return c == 0 ? 0 : toupper(c); }
void *clone(const void *p, size_t n) { void *q = malloc(n); return q ? memcpy(q, p, n) : NULL; }

int readlines(FILE *in, int (*each)(const char *, void *), void *arg)
{
	int n = 0;
	while (fgets(line, sizeof line, in)) {
		char *nl = strchr(line, '\n');
		if (nl)
			*nl = 0;
		for (char *p = line; *p; p++)
			*p = tolower((unsigned char)*p);
		if (strncmp(line, "end", 3) == 0)
			break;
		if (each(line, arg) < 0) {
			fprintf(stderr, "line %d: %s\n", n, line);
			fflush(stderr);
			return -1;
		}
		n++;
	}
	if (ferror(in))
		perror("read");
	return n;
}
