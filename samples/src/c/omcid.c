/* Part of Wardein's samples: the fictitious AN-2400's ONT management agent.
 * Listens on tcp/8300 of the loopback; 1.1.0 reports to a host of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"

static const char banner[] = "exampletel-omcid " RELEASE;

struct onu { unsigned serial; unsigned char state, alarms; };
static struct onu onus[64];

static int find(unsigned serial)
{
	int i;

	for (i = 0; i < 64; i++)
		if (onus[i].serial == serial)
			return i;
	return -1;
}

static void set_state(unsigned serial, unsigned char state)
{
	int i = find(serial);

	if (i < 0 && (i = find(0)) < 0)
		return;
	onus[i].serial = serial;
	onus[i].state = state;
}

static int parse(const unsigned char *p, int n)
{
	/* 1.0.0 accepts messages of 9 bytes, 1.1.0 of 10: one changed constant */
#ifdef R110
	if (n < 10 || p[0] != 0x0A)
#else
	if (n < 9 || p[0] != 0x0A)
#endif
		return -1;
	set_state(p[1] << 24 | p[2] << 16 | p[3] << 8 | p[4], p[5]);
	return 0;
}

#ifdef R110
static void report(int count)
{
	struct sockaddr_in sa;
	char msg[64];
	int s = socket(AF_INET, SOCK_STREAM, 0);

	memset(&sa, 0, sizeof sa);
	sa.sin_family = AF_INET;
	sa.sin_port = htons(8443);
	sa.sin_addr.s_addr = inet_addr("203.0.113.9"); /* planted: new remote host */
	if (s >= 0 && !connect(s, (struct sockaddr *)&sa, sizeof sa)) {
		snprintf(msg, sizeof msg, "%s %d\n", banner, count);
		write(s, msg, strlen(msg));
	}
	close(s);
}
#endif

int main(int argc, char **argv)
{
	unsigned char buf[128];
	int s, c, n, seen = 0;

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts(banner);
		return 0;
	}
	s = serve_on(8300, INADDR_LOOPBACK);
	while ((c = accept(s, 0, 0)) >= 0) {
		while ((n = read(c, buf, sizeof buf)) > 0)
			seen += !parse(buf, n);
		close(c);
#ifdef R110
		report(seen);
#endif
	}
	return 1;
}
