/* One compilation for all, which is faster. */
#include "text.c"
#include "net.c"
#include "main.c"
