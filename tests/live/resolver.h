/* SPDX-License-Identifier: MIT */
#ifndef RESOLVER_H
#define RESOLVER_H

/* getaddrinfo() of this program, in place of libc's, for libcurl too: says what the test wants of every name, whatever
 * family was asked for, or hangs. No name of a test ever leaves this process. */

#include <stddef.h>

/* Addresses separated by blanks; "": none; "!": a failure of the name server. */
void resolver_say(const char *addresses);
/* The first query gets these, all later ones the others. */
void resolver_flip(const char *first, const char *later);
/* Every query hangs (as long as 8 s) until it is called with 0. */
void resolver_hang(int hang);
unsigned resolver_queries(void); /* since the last of these */

#endif
