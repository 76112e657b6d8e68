/* Part of Wardein's samples: the line card's program (MIPS, big endian). */
#include <stdio.h>
#include <string.h>

static const char banner[] = "exampletel-lcmgr " RELEASE;
static unsigned char ports[16];

static void reset(int n) { memset(ports, 0, n > 16 ? 16 : n); }

int main(int argc, char **argv)
{
	char line[32];

	reset(argc > 1 ? 16 : 8);
	strcpy(line, argc > 1 ? argv[1] : "idle"); /* planted: no length */
	printf("%s %s %d\n", banner, line, ports[0]);
	return 0;
}
