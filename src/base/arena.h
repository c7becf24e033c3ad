/* SPDX-License-Identifier: MIT */
#ifndef OCC__ARENA_H
#define OCC__ARENA_H

/* Memory that lives and dies together: one arena a txn, wiped and freed at once. Created with a
 * maximum; reaching it is the caller's OCC_ERR_LIMIT. Not for threads. */

#include "mem.h"

typedef struct occ_arena_block occ_arena_block;

typedef struct occ_arena {
  const occ_mem *mem;
  occ_arena_block *blocks; /* the one that is being filled comes first */
  size_t used, max;        /* octets handed out over all blocks, with the gaps of alignment */
  int rc; /* OCC_OK, or why the last NULL was returned: OCC_ERR_MEMORY, OCC_ERR_LIMIT */
} occ_arena;

void occ__arena_init(occ_arena *arena, const occ_mem *mem, size_t max);
/* Zeroed, aligned for any type; NULL: arena->rc says why. */
void *occ__arena_alloc(occ_arena *arena, size_t size);
/* Not zeroed, align a power of two: the caller writes before it reads. NULL as above. */
void *occ__arena_raw(occ_arena *arena, size_t size, size_t align);
/* A NUL-terminated copy; NULL as above. */
char *occ__arena_text(occ_arena *arena, const void *octets, size_t len);
/* Wipes and frees everything; the arena may be used again. */
void occ__arena_clear(occ_arena *arena);

#endif
