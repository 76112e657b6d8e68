/* Functions that are reached in all ways: called, through tables of pointers,
 * by their address in code, by jumps at the end of others; some never return,
 * some choose by tables of places, some stand behind literals. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone))

struct order { int kind, count; double price; const char *name; struct order *next; };

static struct order *first;
static volatile int sum;
static jmp_buf back;

APART __attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *what, ...)
{
	va_list list;
	va_start(list, what);
	vfprintf(stderr, what, list);
	va_end(list);
	exit(3);
}

APART static int leaf(int a, int b) { return a * 37 + (b ^ 0x12345); }
APART static long long wide(long long a, int n) { return (a << n) / (a | 5); }
APART static double money(double a, int n) { return a * 1.19 + n * 0.333333; }

APART static void *get(size_t n)
{
	void *p = malloc(n);
	if (!p)
		fail("no memory for %u\n", (unsigned)n);
	return p;
}

APART static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct order *const *)a)->name, (*(struct order *const *)b)->name);
}
APART static int by_price(const void *a, const void *b)
{
	double d = (*(struct order *const *)a)->price - (*(struct order *const *)b)->price;
	return d < 0 ? -1 : d > 0;
}

APART static void on_signal(int n) { sum += n; }
APART static void on_last(int n) { (void)n; longjmp(back, 1); }

APART static int choose(int kind, int n)
{
	switch (kind) {
	case 0: return n + 3;
	case 1: puts("one"); return leaf(n, 9);
	case 2: return n * n;
	case 3: puts("three"); break;
	case 4: return n % 7;
	case 5: printf("%d\n", n); return 12;
	case 6: sum = n; break;
	case 7: return n >> 3;
	case 8: puts("eight"); return leaf(9, n);
	case 9: return n << 2;
	case 10: return n | 1;
	case 11: return leaf(n, n) + 4;
	}
	return sum;
}

/* What is called last is jumped to. */
APART static int last(int n) { return choose(n & 7, n + 1); }
APART static int odd(int n);
APART static int even(int n) { return n == 0 ? 1 : odd(n - 1); }
APART static int odd(int n) { return n == 0 ? last(0) : even(n - 1); }

static int cmd_add(char **v) { struct order *o = get(sizeof *o); o->name = v[0]; o->count = atoi(v[1]); o->next = first; first = o; return 0; }
static int cmd_list(char **v) { for (struct order *o = first; o; o = o->next) printf("%s %d %f\n", o->name, o->count, money(o->price, o->count)); return v[0] == 0; }
static int cmd_drop(char **v) { first = first ? first->next : 0; return *v[0] - 'a'; }
static int cmd_quit(char **v) { fail("stopped by %s\n", v[0]); }
static int cmd_help(char **v) { return puts(v[0]); }
static int cmd_nothing(char **v) { (void)v; return 0; }

static const struct { const char *name; int (*run)(char **); } commands[] = {
	{"add", cmd_add}, {"list", cmd_list}, {"drop", cmd_drop}, {"quit", cmd_quit}, {"help", cmd_help}, {"nothing", cmd_nothing},
};

APART static void sort(struct order **list, int n, int how)
{
	qsort(list, n, sizeof *list, how ? by_name : by_price);
}

__attribute__((constructor)) static void early(void) { signal(SIGUSR1, on_signal); }
__attribute__((destructor)) static void late(void) { if (sum) puts("late"); }

int offered(int n) { return wide(n, 3) + even(n); }

int main(int argc, char **argv)
{
	struct order *list[16];
	int n = 0;
	signal(SIGUSR2, on_last);
	if (setjmp(back))
		return 4;
	for (int i = 1; i + 2 < argc; i++)
		for (unsigned k = 0; k < sizeof commands / sizeof *commands; k++)
			if (!strcmp(argv[i], commands[k].name))
				sum += commands[k].run(argv + i + 1);
	for (struct order *o = first; o && n < 16; o = o->next)
		list[n++] = o;
	sort(list, n, argc & 1);
	if (argc > 90)
		fail("too many: %d\n", argc);
	return offered(argc) + choose(argc, n);
}
