/* SPDX-License-Identifier: MIT */
#ifndef OCC__MEMORY_H
#define OCC__MEMORY_H

/* What a host remembers of clients, where it has said that it does. */

#include "cimd/cache.h"
#include "occ/cimd.h"

typedef struct occ_memory {
  occ_cimd_recall_fn recall; /* NULL: it remembers nothing */
  occ_cimd_keep_fn keep;
  void *user_data;
} occ_memory;

/* What was asked for was fetched, and is good: history, of what is known here, gets what the host knows, and what was seen
 * now; the host is told if it knows less. Without a lock. OCC_OK, or OCC_ERR_MEMORY: nothing was kept. */
int occ__memory_note(const occ_memory *memory, const occ_mem *mem, const occ_cache_ask *ask,
                     const occ_snapshot *seen, occ_history *history);

#endif
