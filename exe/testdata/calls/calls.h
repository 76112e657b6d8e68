#pragma once
#include <stddef.h>
#include <stdio.h>
struct setting { char name[64], value[64]; };
int words(char *, char **, int);
size_t join(char *, size_t, char **, int);
int command(int, const char *, char *);
char *copy(char *, const char *);
int print(const char *);
void drop(void *);
void stop(int);
int upper(int);
void *clone(const void *, size_t);
int readlines(FILE *, int (*)(const char *, void *), void *);
int listener(int);
long pump(int, int);
double mean(const double *, int);
int configure(const char *, struct setting *, int);
