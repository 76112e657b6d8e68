/* Routines that compare with fixed texts, in the ways that compilers pass them. */
typedef unsigned long size;
struct account { char *name, *hash; };
extern char *crypt(const char *, const char *);
extern struct account *getspnam(const char *);
extern int strcmp(const char *, const char *), strncmp(const char *, const char *, size), memcmp(const void *, const void *, size), strcasecmp(const char *, const char *);
extern void syslog(int, const char *, ...);
extern void get(int, char *, size);

/* what is compared is what is hashed */
__attribute__((noinline)) int check(const char *user, const char *word)
{
	struct account *a;
	if (!strcmp(word, "text-of-the-sample"))
		return 1;
	a = getspnam(user);
	if (!a)
		return 0;
	return !strcmp(crypt(word, a->hash), a->hash);
}

/* the text stands first, in a buffer, and only its first bytes count */
__attribute__((noinline)) int ask(int fd)
{
	char word[64];
	struct account *a;
	get(fd, word, sizeof word);
	for (;;) {
		if (strncmp("another-sample", word, 9) == 0)
			return 2;
		a = getspnam("nobody");
		if (a && !strcmp(crypt(word, a->hash), a->hash))
			return 1;
		syslog(4, "wrong: %s", word);
		get(fd, word, sizeof word);
	}
}

/* in a structure */
struct request { int n; char *user, *word; };
__attribute__((noinline)) int serve(struct request *r)
{
	struct account *a = getspnam(r->user);
	if (!a || strcasecmp(r->user, "care-of-sample") == 0)
		return 0;
	if (strcmp(crypt(r->word, a->hash), a->hash) == 0)
		return 1;
	return strcmp(r->word, "third-sample-text") == 0;
}

/* nothing is hashed here */
__attribute__((noinline)) int other(const char *s)
{
	return strcmp(s, "a-text-that-means-nothing");
}

int begin(char **s)
{
	return check(s[0], s[1]) + ask(0) + serve((void *)s) + other(s[2]);
}
