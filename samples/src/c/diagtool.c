/* Part of Wardein's samples: runs one of a few diagnosis commands. Mode 0755
 * in 1.0.0, 4755 in 1.1.0: that bit is the planted truth, the code is equal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	char cmd[128];

	if (argc < 3 || strlen(argv[2]) > 64)
		return 2;
	if (!strcmp(argv[1], "ping"))
		snprintf(cmd, sizeof cmd, "ping -c 1 %s", argv[2]);
	else if (!strcmp(argv[1], "trace"))
		snprintf(cmd, sizeof cmd, "traceroute %s", argv[2]);
	else
		return 2;
	return system(cmd);
}
