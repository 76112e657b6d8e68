/* A program for comparing: each of the words below, when defined, makes one
   small difference in one place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TABLE
#define LAST 77
#else
#define LAST 76
#endif
#ifdef INIT
#define START 41
#else
#define START 40
#endif

static const int steps[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, LAST};
static const unsigned short short_steps[] = {'A', 'B', 'C', 'D', 500, 600};
int limit = START, floor_level = 7;
int readings[64], errors[64], count;
static char line[256];

__attribute__((noinline)) int rise(int a) { readings[count & 63] += a; return a * 3 + steps[a & 15]; }
__attribute__((noinline)) int drop(int a) { readings[count & 63] -= a; return a * 5 - steps[(a + 1) & 15]; }

__attribute__((noinline)) void fail(const char *what, int code)
{
	errors[code & 63]++;
	fprintf(stderr, "gauge: %s (%d)\n", what, code);
	if (code > 3)
		exit(code);
}

__attribute__((noinline)) int check(int v)
{
#ifdef CONDITION
	if (v >= limit)
#else
	if (v > limit)
#endif
		fail("too high", 2);
#ifdef STRING
	if (v < floor_level)
		fail("too lov", 3);
#else
	if (v < floor_level)
		fail("too low", 3);
#endif
#ifdef CONSTANT
	return v * 12346 + 17;
#else
	return v * 12345 + 17;
#endif
}

__attribute__((noinline)) int step(int v)
{
#ifdef CALL
	int r = drop(v);
#else
	int r = rise(v);
#endif
	if (r & 1)
		r += short_steps[r & 3];
	return r;
}

__attribute__((noinline)) int fall(int v) { return drop(v) + check(v); }

__attribute__((noinline)) void note(int v)
{
#ifdef PLACE
	errors[v & 63] = v;
#else
	readings[v & 63] = v;
#endif
	count++;
}

__attribute__((noinline)) void clear_all(void)
{
	memset(readings, 0, sizeof readings);
	memset(errors, 0, sizeof errors);
#ifdef IMPORT
	perror(line);
#else
	puts(line);
#endif
}

typedef int (*reader)(int);
#ifdef POINTER
static const reader readers[] = {rise, fall, step, check, drop};
#else
static const reader readers[] = {rise, fall, step, drop, check};
#endif

__attribute__((noinline)) int read_all(int n)
{
	int sum = 0;
	for (unsigned i = 0; i < sizeof readers / sizeof *readers; i++)
		sum += readers[i](n + i);
	return sum;
}

__attribute__((noinline)) int choose(int n, int v)
{
	switch (n) {
	case 0: return rise(v) * 7;
	case 1: note(v); return 2;
#ifdef JUMP
	case 2: return step(v) ^ 99;
	case 3: return fall(v) - 8;
#else
	case 3: return step(v) ^ 99;
	case 2: return fall(v) - 8;
#endif
	case 4: clear_all(); return 9;
	case 5: return check(v) / 3;
	case 6: fail("six", v); return 11;
	case 7: return read_all(v) + 12;
	}
	return -1;
}

int main(int argc, char **argv)
{
	int sum = 0;
	while (fgets(line, sizeof line, stdin)) {
		int v = atoi(line);
		note(v);
		sum += choose(v & 7, v) + choose(argc, sum);
	}
	printf("%d of %d\n", sum, count);
#ifdef ADDED
	if (getenv("GAUGE_DEBUG"))
		puts(argv[0]);
#endif
	return 0;
}
