/* More imports, long functions, floating point between calls. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "calls.h"

int listener(int port)
{
	struct sockaddr_in a;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_port = htons(port);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || bind(fd, (void *)&a, sizeof a) < 0 || listen(fd, 5) < 0) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

long pump(int from, int to)
{
	char buf[1024];
	long all = 0;
	for (;;) {
		ssize_t n = read(from, buf, sizeof buf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? n : all;
		for (char *p = buf; n > 0;) {
			ssize_t k = write(to, p, n);
			if (k < 0) {
				if (errno == EAGAIN) {
					usleep(1000);
					continue;
				}
				return -1;
			}
			p += k, n -= k, all += k;
		}
	}
}

double mean(const double *v, int n)
{
	double sum = 0, square = 0;
	for (int i = 0; i < n; i++) {
		sum += sin(v[i]) * exp(-v[i]);
		square += pow(v[i], 2.5);
	}
	return sqrt(square / n) + fmod(sum, 3.0);
}

uint64_t wide(uint64_t a, uint64_t b) { return b ? a / b + a % b : (uint64_t)time(NULL); }

int configure(const char *path, struct setting *s, int n)
{
	char text[256], name[64], value[64];
	FILE *f = fopen(path, "r");
	int found = 0;
	if (!f) {
		sprintf(text, "%s: %s", path, strerror(errno));
		puts(text);
		return -1;
	}
	while (fgets(text, sizeof text, f)) {
		if (sscanf(text, "%63[^=]=%63s", name, value) != 2)
			continue;
		for (int i = 0; i < n; i++)
			if (strcmp(s[i].name, name) == 0) {
				strcpy(s[i].value, value);
				found++;
			}
	}
	fclose(f);
	if (found == 0)
		printf("%s: nothing\n", path);
	return found;
}
