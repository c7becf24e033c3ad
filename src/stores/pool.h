/* SPDX-License-Identifier: MIT */
#ifndef OCC__POOL_H
#define OCC__POOL_H

/* One pool of a store, for table.c: entries by keyed hash, limits, sweeping. All of it with the store's mutex held. */

#include "base/span.h"
#include "stores/region.h"

/* The low octet of a slot's word. */
typedef enum occ__slot_state {
  OCC__SLOT_ONCE = 1,
  OCC__SLOT_KEPT = 2,
  OCC__SLOT_RESERVED = 3,
  OCC__SLOT_COMMITTED = 4
} occ__slot_state;

/* One pool as this process sees it. */
typedef struct occ__pool_view {
  const occ__pool_layout *layout;
  occ__pool *pool;
  occ__bucket *buckets;
  uint32_t *counters;
  occ__block *blocks; /* one a slot in the pool of kept data, else NULL */
} occ__pool_view;

typedef struct occ__slot {
  occ__bucket *bucket;
  size_t at;
} occ__slot;

typedef struct occ__entry {
  uint64_t tag[2];
  uint32_t client;
  int is_limited;  /* 0: whoever asks may fill the pool */
  int is_stranger; /* nobody has authenticated it: counts among the strangers too */
  occ_time expires;
  occ__slot_state state;
  occ_span data; /* KEPT */
} occ__entry;

/* Fetches what an insert will touch while the mutex is not yet held: most of an insert is waiting for memory. */
void occ__pool_prefetch(const occ__pool_view *v, const occ__entry *e);
occ__pool_view occ__pool_of(const occ__region *region, size_t i);
/* 1: now lies so far back that entries which it still needs may be gone. */
int occ__pool_is_past(const occ__pool_view *v, occ_time now);
/* 1: *out is the live entry of that key. */
int occ__pool_find(const occ__pool_view *v, const uint64_t tag[2], occ_time now, occ__slot *out);
/* Insert if absent. NO: there is a live one. RETRY: no room, nothing inserted. YES: *out is its slot. */
occ_verdict occ__pool_put(const occ__pool_view *v, const occ__entry *e, occ_time now,
                          occ__slot *out);
/* Gives a slot back that is not needed any more; of what merely expired the pool takes note itself. */
void occ__pool_free(const occ__pool_view *v, occ__slot s);
occ__slot_state occ__pool_state(occ__slot s);
void occ__pool_commit(occ__slot s);
occ__block *occ__pool_block(const occ__pool_view *v, occ__slot s);
/* After a process died inside: slots are whole, what is counted may be off. */
void occ__pool_recount(const occ__pool_view *v);

#endif
