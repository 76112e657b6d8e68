/* Part of Wardein's samples: a TR-069 connection request listener, new in
 * 1.1.0: tcp/7547 of all interfaces. */
#include <stdio.h>
#include <string.h>
#include "excfg.h"
#include "net.h"

static const char banner[] = "exampletel-cwmpd " RELEASE;

int main(int argc, char **argv)
{
	char acs[128], buf[256];
	int s, c, n;

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts(banner);
		return 0;
	}
	if (excfg_get("/config/cwmp.conf", "acs_url", acs, sizeof acs))
		strcpy(acs, "http://acs.exampletel.example:7547/cwmp");
	s = serve_on(7547, INADDR_ANY);
	while ((c = accept(s, 0, 0)) >= 0) {
		n = read(c, buf, sizeof buf);
		if (n > 0)
			write(c, "HTTP/1.0 200 OK\r\n\r\n", 19);
		close(c);
	}
	return 1;
}
