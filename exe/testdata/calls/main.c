#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include "calls.h"

static int each(const char *s, void *arg)
{
	char out[256] = "", *list[16];
	int n = words(strcpy(out, s), list, 16);
	join(out, sizeof out, list, n);
	return command(n, s, out) + print(out) + *(int *)arg;
}

int main(int argc, char **argv)
{
	struct setting s[2] = {{"port", "23"}, {"host", "192.0.2.1"}};
	signal(SIGPIPE, SIG_IGN);
	configure(argc > 1 ? argv[1] : "/etc/example.conf", s, 2);
	int fd = listener(atoi(s[0].value));
	if (fd < 0)
		stop(upper(1));
	drop(clone(s, sizeof s));
	double v[2] = {1, 2};
	printf("%f %ld\n", mean(v, argc), pump(fd, 1));
	return readlines(stdin, each, &argc) < 0;
}
