/* SPDX-License-Identifier: MIT */
#ifndef OCC__REGION_H
#define OCC__REGION_H

/* One piece of memory that holds a whole store, laid out by offsets so that several processes may map it at different
 * addresses. region.c makes or joins it; table.c works in it. Other processes that map it are trusted, yet no offset is
 * ever read from it: each process computes the layout itself from the length.
 *
 *   header | per pool: buckets, counters of clients | blocks for kept data
 */

#include "base/limits.h"
#include "occ/base.h"
#include <pthread.h>
#include <stdatomic.h>

/* Pools 0 to 4 are the purposes 1 to 5 of a key. Kept data has a pool of its own, so that 1-KiB blocks are reserved for
 * those entries only. */
#define OCC__POOL_KEPT 5u
#define OCC__POOLS     6u

#define OCC__BUCKET_SLOTS 16u

/* Sixteen slots. A slot is written tag first and word last, and freed by its word alone: whatever the moment at which a
 * process dies, a slot is either free or whole. */
typedef struct occ__bucket {
  _Atomic uint64_t word[OCC__BUCKET_SLOTS]; /* expiry in ms << 8 | flag, occ__slot_state; 0: free */
  uint64_t tag[2][OCC__BUCKET_SLOTS];       /* the keyed hash of the key, two halves */
  uint32_t client[OCC__BUCKET_SLOTS];       /* keyed hash of the client id, or of a sender key */
} occ__bucket;

typedef struct occ__block {
  uint32_t len;
  uint8_t data[OCC__MAX_KEPT];
} occ__block;

typedef struct occ__pool {
  uint64_t used;      /* slots that are not free, expired ones included */
  uint64_t strangers; /* of them, those of requests without an authenticated client */
  uint64_t cursor;    /* next bucket to sweep */
  occ_time forgotten; /* the latest expiry of what has expired and been freed */
} occ__pool;

typedef struct occ__header {
  _Atomic uint32_t state; /* first, so that it can be tested before anything else is known */
  uint32_t version;
  uint64_t magic;
  uint64_t len, entries;
  uint32_t header_len, mutex_len; /* differ between ABIs that might share the memory */
  uint8_t id[16];                 /* the store's instance id: public, sealed into sessions */
  uint8_t hash_key[16];           /* secret, lives and dies with the store */
  occ_time born;                  /* now when it was made */
  occ__pool pool[OCC__POOLS];
  pthread_mutex_t mutex; /* of all pools */
} occ__header;

typedef struct occ__pool_layout {
  uint64_t capacity;     /* entries */
  uint64_t buckets;      /* at least 2 */
  uint64_t buckets_at;   /* offset */
  uint64_t counters_at;  /* offset of two rows of uint32_t */
  uint32_t counter_mask; /* counters in a row, less one; a power of two less one, at most 0xffff */
  uint32_t client_limit; /* entries of one client */
  uint64_t strangers_limit; /* entries of all who are not authenticated */
} occ__pool_layout;

typedef struct occ__layout {
  uint64_t entries, len;
  uint64_t blocks_at; /* one block a slot of the pool of kept data */
  occ__pool_layout pool[OCC__POOLS];
} occ__layout;

typedef struct occ__region {
  uint8_t *base;
  occ__layout layout;
} occ__region;

/* entries: 1 to OCC__MAX_STORE_ENTRIES, the sum over the purposes. */
void occ__region_layout(occ__layout *out, uint64_t entries);
/* The layout of the most entries that fit. OCC_OK, or OCC_ERR_LIMIT: too small even for one. */
int occ__region_fit(occ__layout *out, size_t len);
/* Makes the store where the header is all zero, else joins the one that is there. seed: 32 random octets, used if it is
 * made. OCC_OK; OCC_ERR_STATE: something else is there, or a store of another size or version, or one whose maker does
 * not come to an end; OCC_ERR_INTERNAL: no such mutex here. */
int occ__region_open(occ__region *out, void *base, const occ__layout *layout,
                     const uint8_t seed[32], occ_time now);

static inline occ__header *occ__region_header(const occ__region *region)
{
  return (occ__header *)(void *)region->base;
}

#endif
