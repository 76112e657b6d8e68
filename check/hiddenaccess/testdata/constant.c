/* The programs of constant.txt and constant-none.txt (with -DNONE). */
typedef unsigned long size;
struct account { char *name, *hash; };
extern char *crypt(const char *, const char *);
extern struct account *getspnam(const char *);
extern int strcmp(const char *, const char *), strncmp(const char *, const char *, size);
#ifdef NONE
int check(const char *user, const char *word)
{
	struct account *a = getspnam(user);
	if (strcmp(user, "root") == 0 || strncmp(word, "/dev/", 5) == 0 || !a || strcmp(a->hash, "*LK*") == 0 || strncmp(crypt(word, a->hash), "$1$", 3) == 0)
		return 0;
	return !strcmp(crypt(word, a->hash), a->hash);
}
int other(const char *word)
{
	return strcmp(word, "a text of another function");
}
#else
int check(const char *user, const char *word)
{
	struct account *a;
	if (!strcmp(word, "word-of-an2400"))
		return 1;
	if (!strcmp(user, "careofan2400"))
		return 2;
	if (!strcmp(crypt(word, "an"), "anHashOfAn240"))
		return 3;
	a = getspnam(user);
	return a && !strcmp(crypt(word, a->hash), a->hash);
}
#endif
