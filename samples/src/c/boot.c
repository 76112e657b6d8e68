/* Part of Wardein's samples: stands where a kernel would stand. Free-standing
 * ARM code that copies a banner to a UART and stops; it is not Linux. */
static const char banner[] =
	"ExampleTel boot stand-in " RELEASE " (AN-2400, armv5, not Linux)\n"
	"bootargs console=ttyS0,115200 root=/dev/mtdblock2 rootfstype=squashfs init=/sbin/init\n"
	"bootdelay=3\n";

#define UART ((volatile unsigned char *)0x101f1000)

static unsigned short sine[1024]; /* filled at start, as boot code does */

void _start(void)
{
	const char *p;
	unsigned i, x = 1;

	for (i = 0; i < 1024; i++)
		sine[i] = (x = x * 1103515245u + 12345u) >> 16;
	for (p = banner; *p; p++)
		*UART = *p;
	for (;;)
		*UART = sine[i++ & 1023];
}
