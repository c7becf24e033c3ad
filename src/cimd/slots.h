/* SPDX-License-Identifier: MIT */
#ifndef OCC__SLOTS_H
#define OCC__SLOTS_H

/* The bounded table of one kind: entries by a keyed hash of their name, and which of them go when there is no room. An entry
 * begins on trial. One that is used again after a minute is kept: it goes for no stranger while it is used at least once
 * an hour. A quarter of the table, and of each host's and each domain's part, is never kept, so that there is always room
 * for a newcomer, and newcomers push out each other. Not for threads: the cache's lock is around it. */

#include "base/limits.h"
#include "cimd/history.h"

#define OCC__SLOTS_NONE UINT32_MAX

typedef struct occ_slot {
  uint64_t name[2]; /* hash of what it is about */
  uint64_t client;  /* ... of the client id */
  uint64_t host;    /* ... of where it is fetched from */
  uint64_t
      domain; /* ... of the end of that name, as far as it costs something; never the same as a host */
  uint32_t next; /* in its bucket */
  int used;
  int kept;        /* no stranger pushes it out */
  uint32_t flight; /* being fetched: place + 1 */
  occ_time born, last_used, prove_at;
  /* what is known */
  occ_value *value; /* NULL: nothing that is good */
  occ_time fetched, fresh_until, stale_until;
  occ_history history; /* also of what is gone */
  occ_history
      keys; /* of a document: that of the set behind its jwks_uri, where that was pushed out */
  uint64_t keys_name[2];
  /* what went wrong */
  int reason; /* 0: nothing */
  unsigned failures;
  occ_time retry_at;
  occ_time kid_at; /* no fetch for an unknown key before that */
} occ_slot;

typedef struct occ_slots {
  const occ_mem *mem;
  occ_slot *slot;
  size_t count;
  uint32_t *bucket;
  size_t buckets; /* a power of two */
  size_t per_host, per_domain;
  size_t octets; /* of all values */
} occ_slots;

int occ__slots_init(occ_slots *slots, const occ_mem *mem, size_t count, size_t per_host,
                    size_t per_domain);
void occ__slots_clear(occ_slots *slots);
occ_slot *occ__slots_find(const occ_slots *slots, const uint64_t name[2]);
/* A blank slot of that name, host and domain; another one may go for it. NULL: none can. */
occ_slot *occ__slots_add(occ_slots *slots, const uint64_t name[2], uint64_t host, uint64_t domain,
                         occ_time now);
void occ__slots_remove(occ_slots *slots, occ_slot *slot); /* has no flight */
/* Takes the caller's hold on value; NULL: only lets go of the old one. */
void occ__slots_set(occ_slots *slots, occ_slot *slot, occ_value *value);
/* It was used: perhaps it is kept from now on. */
void occ__slots_touch(occ_slots *slots, occ_slot *slot, occ_time now);
/* The one on trial that was used least recently, has a value, and is not `but`; NULL: none. */
occ_slot *occ__slots_oldest(const occ_slots *slots, const occ_slot *but);

#endif
