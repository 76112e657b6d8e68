/* The functions that fixed.c calls, for the linker. */
void crypt(void) {}
void getspnam(void) {}
void strcmp(void) {}
void strncmp(void) {}
void memcmp(void) {}
void strcasecmp(void) {}
void syslog(void) {}
void get(void) {}
