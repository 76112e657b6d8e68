/* What the sample's servers share: one listening socket. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve_on(unsigned short port, unsigned addr)
{
	struct sockaddr_in sa;
	int s = socket(AF_INET, SOCK_STREAM, 0);

	memset(&sa, 0, sizeof sa);
	sa.sin_family = AF_INET;
	sa.sin_port = htons(port);
	sa.sin_addr.s_addr = htonl(addr);
	if (s < 0 || bind(s, (struct sockaddr *)&sa, sizeof sa) || listen(s, 8))
		return -1;
	return s;
}
