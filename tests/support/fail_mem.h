/* SPDX-License-Identifier: MIT */
#ifndef FAIL_MEM_H
#define FAIL_MEM_H

/* An occ_mem for tests. Allocation number `until` (from 0) fails; with keep, every later one too;
 * SIZE_MAX: none fails. It aborts when release() gets a block that is not its own or another size
 * than was allocated, and counts what lives. Fresh memory is filled with a pattern, so that nobody
 * relies on zeros that the library does not write. For one thread.
 *
 * The usual loop: for n = 0, 1, 2 ..., run the code under test with until = n, until fm.failed
 * stays false. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "occ/base.h"

typedef struct fail_mem {
  occ_mem mem; /* hand &fm.mem to the library; user_data is the fail_mem, so it must not be moved */
  size_t until;       /* number of the allocation that fails */
  size_t live;        /* blocks allocated and not yet released */
  size_t live_octets; /* their sizes together */
  size_t count;       /* allocations asked for so far, failed ones included */
  bool keep;          /* all after `until` fail as well */
  bool failed;        /* at least one has failed */
} fail_mem;

void fail_mem_init(fail_mem *fm, size_t until, bool keep);

#endif
