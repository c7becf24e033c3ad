/* SPDX-License-Identifier: MIT */
#ifndef OCC__CACHE_H
#define OCC__CACHE_H

/* Documents and key sets of clients known by a URL, shared by servers and threads. It fetches nothing: it tells one of
 * those who ask to fetch, and the others to wait for that one. No failure is kept as an answer: after one nothing is
 * fetched for a moment, and a good entry stays what it is. Found in the cache, nothing is parsed or allocated. */

#include "cimd/freshness.h"
#include "cimd/history.h"

typedef struct occ_cache occ_cache;

typedef enum occ_cache_kind {
  OCC__CACHE_DOCUMENT = 0,
  OCC__CACHE_KEYSET = 1,
  OCC__CACHE_KINDS = 2
} occ_cache_kind;

typedef struct occ_cache_rules {
  size_t entries[OCC__CACHE_KINDS], per_host, octets;
  size_t flights, flights_per_host; /* at once */
  size_t minute, minute_per_host, kid_minute;
  size_t
      domain_percent; /* of each of these, and of the entries: what a domain may have, if it is more than a host may */
  int64_t most_ms;  /* no entry is fresh for longer */
  int64_t stale_ms; /* a document after its time, where its host cannot be reached; 0: never */
} occ_cache_rules;

/* Tells that a request which waits should ask again. Without any lock of the cache. */
typedef void (*occ_cache_wake)(const void *who);

/* OCC_OK, OCC_ERR_MEMORY. hash_key: random, 16 octets. */
int occ__cache_new(occ_cache **out, const occ_mem *mem, const occ_cache_rules *rules,
                   const uint8_t *hash_key, occ_cache_wake wake);
void occ__cache_free(occ_cache *cache); /* nobody asks any more; NULL is fine */

typedef struct occ_cache_ask {
  occ_cache_kind kind;
  occ_span client_id; /* of a document: its URL too */
  occ_span url;       /* of a key set */
  occ_span host;      /* of where it is fetched from */
  const char *kid;    /* of a key set: the key that is looked for; NULL or "": any */
  int only_known;     /* where nothing was ever seen nothing is fetched */
  const void *who;    /* the request; it is in one place at a time, whatever it asked for last */
  occ_ticket ticket;  /* of its question; names it in occ__cache_cancel() */
  occ_time now;
  occ_time deadline; /* of the request: then another may fetch in its place */
} occ_cache_ask;

typedef struct occ_cache_found {
  occ_value *value; /* held for the caller, who drops it */
  occ_time fetched, first_seen, changed;
  unsigned changes;    /* since first_seen; OCC__CHANGED_ bits */
  int stale;           /* after its time */
  int reason;          /* of OCC__CACHE_REFUSED */
  occ_cache_kind kind; /* of OCC__CACHE_MINE: what it was that was fetched */
} occ_cache_found;

typedef enum occ_cache_step {
  OCC__CACHE_HIT = 1, /* found has it */
  OCC__CACHE_FETCH,   /* fetch it, then ask again: the answer to that is OCC__CACHE_MINE */
  OCC__CACHE_MINE,    /* this request was to fetch something, be it what is asked for now or not:
                       * occ__cache_store(), _fail() or _cancel() */
  OCC__CACHE_WAIT,    /* another one fetches it: wake is called when to ask again */
  OCC__CACHE_REFUSED, /* not now: CIMD_BUSY, or what went wrong a moment ago */
  OCC__CACHE_UNKNOWN  /* of only_known */
} occ_cache_step;

/* Any thread, these all. */
occ_cache_step occ__cache_ask(occ_cache *cache, const occ_cache_ask *ask, occ_cache_found *found);
/* What this request went for was fetched and is good. Takes the caller's hold on value. history: with value in it; NULL:
 * value is noted in what there is. found as for a hit. */
void occ__cache_store(occ_cache *cache, const occ_cache_ask *ask, occ_value *value,
                      occ_freshness fresh, const occ_history *history, occ_cache_found *found);
/* The history of what this request went for, before that; blank where there is none. */
void occ__cache_past(occ_cache *cache, const occ_cache_ask *ask, occ_history *out);
/* It could not be fetched, or is not good: a reason. OCC__CACHE_HIT where the old one still counts, else _REFUSED. */
occ_cache_step occ__cache_fail(occ_cache *cache, const occ_cache_ask *ask, int reason,
                               occ_cache_found *found);
/* The request behind this ticket asks no more, and is not woken when this returns. If it was the one to fetch, the others
 * are woken, to do it. */
void occ__cache_cancel(occ_cache *cache, occ_ticket ticket);
/* All that is known of a client; of every one where client_id is empty. What is being fetched will be taken as new. */
void occ__cache_forget(occ_cache *cache, occ_span client_id);
/* What is known, fresh or not, without a hold on it and without counting as use. 1, or 0: nothing. */
int occ__cache_peek(occ_cache *cache, const occ_cache_ask *ask, occ_cache_found *found);

#endif
