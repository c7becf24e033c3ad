/* SPDX-License-Identifier: MIT */
#ifndef COUNTS_H
#define COUNTS_H

/* Allocations of this thread, by whose they are. jansson's and OpenSSL's are counted by hooks that belong to the whole
 * process, which a measuring program may set, and the library never. */

#include "occ/base.h"

typedef struct counts {
  unsigned long own, jansson, openssl;
} counts;

/* Before anything else of jansson or OpenSSL is called. */
void counts_begin(void);
/* Once more: a peer sets jansson's allocators for the whole process. What it allocated before is libc's too. */
void counts_take_jansson(void);
/* Since the thread began. */
counts counts_now(void);
/* libc, counted as own. */
extern const occ_mem counts_mem;

#endif
