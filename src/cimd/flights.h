/* SPDX-License-Identifier: MIT */
#ifndef OCC__FLIGHTS_H
#define OCC__FLIGHTS_H

/* Fetches under way: for each who fetches and who waits for it, so that there is one for each entry. A request is in one
 * place at a time: it fetches one thing, or waits for one, or is about to be woken. Not for threads, but for
 * occ__flights_wake() and occ__flights_cancel(), which are what the rest is made for: the cache's lock is around it, and
 * nobody is woken under it. */

#include <pthread.h>

#include "cimd/cache.h"
#include "cimd/slots.h"

typedef struct occ_ring { /* of those who wait; its head belongs to nobody */
  struct occ_ring *next, *prev;
} occ_ring;

typedef struct occ_flight {
  occ_slot *slot; /* NULL: none */
  occ_cache_kind kind;
  const void *who; /* who fetches */
  occ_ticket ticket;
  occ_time deadline;
  occ_ring waiting;
  size_t waits;
} occ_flight;

typedef struct occ_waiter { /* waits, or is about to be woken */
  occ_ring ring;            /* first */
  const void *who;
  occ_ticket ticket;
  occ_flight *flight;      /* NULL: is about to be woken */
  struct occ_waiter *next; /* with a ticket of the same bucket, or free */
} occ_waiter;

typedef struct occ_call { /* a thread that wakes, one after the other */
  struct occ_call *next;
  pthread_t thread;
  const void *who; /* NULL: nobody just now */
  occ_ticket ticket;
  int again; /* it has asked meanwhile, and was told to wait */
} occ_call;

typedef struct occ_flights {
  const occ_mem *mem;
  occ_flight *flight;
  size_t count, flying;
  occ_waiter *waiter, *blank;
  occ_waiter **bucket; /* by ticket */
  size_t waiters, buckets, waits;
  occ_ring woken; /* to be woken by whoever has the lock, when it lets go of it */
  occ_call *calls;
  pthread_cond_t called; /* a call has come back */
  occ_cache_wake wake;
} occ_flights;

typedef enum occ_place {
  OCC__PLACE_NONE = 0, /* it is not here, any more */
  OCC__PLACE_FETCHES,  /* it was to fetch: *flight */
  OCC__PLACE_CALLED /* another thread is waking it just now, and will once more: it has to wait for that */
} occ_place;

int occ__flights_init(occ_flights *flights, const occ_mem *mem, size_t count, occ_cache_wake wake);
void occ__flights_clear(occ_flights *flights);
/* A request asks: it waits no more, and will not be woken for what it waited for. */
occ_place occ__flights_enter(occ_flights *flights, const occ_cache_ask *ask, occ_flight **flight);
/* What this request fetches, or NULL. */
occ_flight *occ__flights_by(const occ_flights *flights, const void *who);
/* That of a slot, or NULL; one that is over its deadline is landed. slot may be NULL. */
occ_flight *occ__flights_of(occ_flights *flights, occ_slot *slot, occ_time now);
/* Those of this host, or domain, that are not over their deadline; 0: of all. */
size_t occ__flights_count(const occ_flights *flights, uint64_t whose, occ_time now);
/* This request fetches for that slot, which has no flight; if need be one that is over its deadline is landed. 0: no room. */
int occ__flights_start(occ_flights *flights, occ_slot *slot, const occ_cache_ask *ask);
/* This request, which is nowhere, waits; 0: too many do. */
int occ__flights_join(occ_flights *flights, occ_flight *flight, const occ_cache_ask *ask);
/* It is over: those who wait are woken, and ask again. */
void occ__flights_land(occ_flights *flights, occ_flight *flight);
/* The request behind this ticket is gone, and not woken any more when this returns. May let go of the lock. */
void occ__flights_cancel(occ_flights *flights, occ_ticket ticket, pthread_mutex_t *lock);
/* Wakes those who are to be, without the lock, and has it again afterwards. The caller looks at nothing that it guards. */
void occ__flights_wake(occ_flights *flights, pthread_mutex_t *lock);

#endif
