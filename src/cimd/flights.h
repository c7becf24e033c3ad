/* SPDX-License-Identifier: MIT */
#ifndef OCC__FLIGHTS_H
#define OCC__FLIGHTS_H

/* Fetches under way: for each who fetches and who waits for it, so that there is one for each entry. If the one that fetches
 * goes away, or is over its deadline, the first of the others that asks again fetches in its place. Not for threads: the
 * cache's lock is around it. */

#include "cimd/cache.h"
#include "cimd/slots.h"

typedef struct occ_waiter {
  const void *who;
  occ_ticket ticket;
} occ_waiter;

typedef struct occ_flight {
  occ_slot *slot;  /* NULL: none */
  const void *who; /* NULL: it has gone away */
  occ_ticket ticket;
  occ_time deadline;
  occ_waiter waiting[OCC__CIMD_WAITERS];
  size_t waits;
} occ_flight;

typedef struct occ_flights {
  const occ_mem *mem;
  occ_flight *flight;
  size_t count;
  occ_cache_wake wake;
} occ_flights;

int occ__flights_init(occ_flights *flights, const occ_mem *mem, size_t count, occ_cache_wake wake);
void occ__flights_clear(occ_flights *flights);
/* That of a slot, or NULL. slot may be NULL. */
occ_flight *occ__flights_of(const occ_flights *flights, const occ_slot *slot);
/* Has nobody fetches it any more? */
int occ__flights_is_lapsed(const occ_flight *flight, occ_time now);
/* Those that have not lapsed, but for one; host 0: of all. */
size_t occ__flights_count(const occ_flights *flights, uint64_t host, const occ_flight *but,
                          occ_time now);
/* A free one, if need be a lapsed one that is landed; NULL: none. */
occ_flight *occ__flights_free(occ_flights *flights, occ_time now);
/* This request fetches for that slot from now on. Those who waited still do. */
void occ__flights_start(occ_flights *flights, occ_flight *flight, occ_slot *slot,
                        const occ_cache_ask *ask);
/* This request waits, once; 0: too many do. */
int occ__flights_join(occ_flight *flight, const occ_cache_ask *ask);
void occ__flights_leave(occ_flight *flight, occ_ticket ticket); /* ... no more */
/* It is over: those who wait are woken, and ask again. */
void occ__flights_land(occ_flights *flights, occ_flight *flight);
/* The request behind this ticket is gone. */
void occ__flights_cancel(occ_flights *flights, occ_ticket ticket);

#endif
