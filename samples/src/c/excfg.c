/* Part of Wardein's samples: the fictitious AN-2400's configuration library. */
#include <stdio.h>
#include <string.h>
#include "excfg.h"

/* The same in both releases; the package database of 1.1.0 says 2.4.0. */
static const char version[] = "libexcfg 2.3.1";

const char *excfg_version(void) { return version; }

int excfg_get(const char *path, const char *key, char *out, unsigned size)
{
	char line[256], *eq, *nl;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof line, f)) {
		if (!(eq = strchr(line, '=')))
			continue;
		*eq++ = 0;
		if ((nl = strchr(eq, '\n')))
			*nl = 0;
		if (strcmp(line, key))
			continue;
		snprintf(out, size, "%s", eq);
		fclose(f);
		return 0;
	}
	fclose(f);
	return -1;
}

unsigned excfg_crc(const unsigned char *p, unsigned n)
{
	unsigned c = ~0u, i;

	while (n--) {
		c ^= *p++;
		for (i = 0; i < 8; i++)
			c = c >> 1 ^ (0xEDB88320u & -(c & 1));
	}
	return ~c;
}
