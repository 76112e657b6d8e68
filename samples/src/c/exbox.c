/* Part of Wardein's samples: one program under many names, as small systems
 * have it. It does nothing but say which of its names it was called by. */
#include <stdio.h>
#include <string.h>

static const char banner[] = "exampletel-exbox " RELEASE;
static const char *applets[] = { "init", "login", "sh", "su", "telnetd", 0 };

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	int i;

	name = name ? name + 1 : argv[0];
	for (i = 0; applets[i]; i++)
		if (!strcmp(name, applets[i])) {
			printf("%s: %s\n", banner, name);
			return 0;
		}
	puts(banner);
	return 1;
}
