/* libexcfg: reads the access node's key = value configuration. */
#ifndef EXCFG_H
#define EXCFG_H
const char *excfg_version(void);
int excfg_get(const char *path, const char *key, char *out, unsigned size);
unsigned excfg_crc(const unsigned char *p, unsigned n);
#endif
