/* Part of Wardein's samples: the fictitious AN-2400's management server.
 * Listens on tcp/443 of all interfaces (the sample has no TLS code). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "excfg.h"
#include "net.h"
#include "identity.h" /* made by build.sh: the test key as a C string */

static const char banner[] = "exampletel-mgmtd " RELEASE;
static char user[32], page[64];

static int hexdigit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void unescape(char *s)
{
	char *d = s;

	for (; *s; s++) {
		if (*s == '%' && hexdigit(s[1]) >= 0 && hexdigit(s[2]) >= 0) {
			*d++ = hexdigit(s[1]) << 4 | hexdigit(s[2]);
			s += 2;
		} else
			*d++ = *s;
	}
	*d = 0;
}

static void login(char *request)
{
	char name[32], *p = strstr(request, "user=");

	if (!p)
		return;
	strcpy(name, p + 5); /* planted: no length */
	unescape(name);
	strcpy(user, name);
}

static void show(int c, const char *path)
{
	char out[512];

	sprintf(out, "HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n<h1>%s</h1>%s %s\n", banner, path, user, excfg_version());
	write(c, out, strlen(out));
}

static void handle(int c)
{
	char buf[1024];
	int n = read(c, buf, sizeof buf - 1);

	if (n <= 0)
		return;
	buf[n] = 0;
#ifdef R110
	/* planted: a request header that no manual of the product names */
	if (strstr(buf, "User-Agent: extel-service-2400"))
		system("/etc/init.d/console start");
#endif
	if (!strncmp(buf, "POST /login", 11))
		login(buf);
	memcpy(page, buf + 4, sizeof page);
	page[sizeof page - 1] = 0;
	page[strcspn(page, " \r\n")] = 0;
	show(c, page);
}

int main(int argc, char **argv)
{
	int s = serve_on(443, INADDR_ANY), c;

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts(banner);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--identity")) {
		puts(identity);
		return 0;
	}
	while ((c = accept(s, 0, 0)) >= 0) {
		handle(c);
		close(c);
	}
	return 1;
}
