/* SPDX-License-Identifier: MIT */

/* Who fetches, who waits. Called by cache.c under its lock, which is why a request is never woken after it was cancelled. */

#include "cimd/flights.h"

int occ__flights_init(occ_flights *flights, const occ_mem *mem, size_t count, occ_cache_wake wake)
{
  *flights = (occ_flights){ .mem = mem, .count = count, .wake = wake };
  flights->flight = occ__mem_alloc(mem, count * sizeof(*flights->flight));
  return flights->flight == NULL ? OCC_ERR_MEMORY : OCC_OK;
}

void occ__flights_clear(occ_flights *flights)
{
  if (flights->flight != NULL) {
    occ__mem_free(flights->mem, flights->flight, flights->count * sizeof(*flights->flight));
  }
  flights->flight = NULL;
}

occ_flight *occ__flights_of(const occ_flights *flights, const occ_slot *slot)
{
  return slot == NULL || slot->flight == 0 ? NULL : &flights->flight[slot->flight - 1];
}

int occ__flights_is_lapsed(const occ_flight *flight, occ_time now)
{
  return flight->who == NULL || now >= flight->deadline;
}

size_t occ__flights_count(const occ_flights *flights, uint64_t host, const occ_flight *but,
                          occ_time now)
{
  size_t count = 0;

  for (size_t i = 0; i < flights->count; i++) {
    const occ_flight *f = &flights->flight[i];

    count += f->slot != NULL && f != but && !occ__flights_is_lapsed(f, now) &&
             (host == 0 || f->slot->host == host);
  }
  return count;
}

occ_flight *occ__flights_free(occ_flights *flights, occ_time now)
{
  occ_flight *lapsed = NULL;

  for (size_t i = 0; i < flights->count; i++) {
    occ_flight *f = &flights->flight[i];

    if (f->slot == NULL) {
      return f;
    }
    lapsed = occ__flights_is_lapsed(f, now) ? f : lapsed;
  }
  if (lapsed != NULL) {
    occ__flights_land(flights, lapsed);
  }
  return lapsed;
}

void occ__flights_start(occ_flights *flights, occ_flight *flight, occ_slot *slot,
                        const occ_cache_ask *ask)
{
  occ__flights_leave(flight, ask->ticket);
  flight->slot = slot;
  flight->who = ask->who;
  flight->ticket = ask->ticket;
  flight->deadline = ask->deadline;
  slot->flight = (uint32_t)(flight - flights->flight) + 1;
}

/* The place of this request among those who wait, or their number. */
static size_t find(const occ_flight *flight, occ_ticket ticket)
{
  size_t i = 0;

  while (i < flight->waits && flight->waiting[i].ticket != ticket) {
    i++;
  }
  return i;
}

int occ__flights_join(occ_flight *flight, const occ_cache_ask *ask)
{
  const size_t i = find(flight, ask->ticket);

  if (i == OCC__CIMD_WAITERS) {
    return 0;
  }
  flight->waiting[i] = (occ_waiter){ ask->who, ask->ticket };
  flight->waits += i == flight->waits;
  return 1;
}

void occ__flights_leave(occ_flight *flight, occ_ticket ticket)
{
  const size_t i = find(flight, ticket);

  if (i < flight->waits) {
    flight->waiting[i] = flight->waiting[--flight->waits];
  }
}

static void wake_all(const occ_flights *flights, const occ_flight *flight)
{
  for (size_t i = 0; i < flight->waits; i++) {
    flights->wake(flight->waiting[i].who);
  }
}

void occ__flights_land(occ_flights *flights, occ_flight *flight)
{
  flight->slot->flight = 0;
  wake_all(flights, flight);
  flight->slot = NULL;
  flight->who = NULL;
  flight->waits = 0;
}

void occ__flights_cancel(occ_flights *flights, occ_ticket ticket)
{
  for (size_t i = 0; i < flights->count; i++) {
    occ_flight *f = &flights->flight[i];

    if (f->slot == NULL) {
      continue;
    }
    occ__flights_leave(f, ticket);
    if (f->who != NULL && f->ticket == ticket) {
      f->who = NULL;
      wake_all(flights, f);
    }
    if (f->who == NULL && f->waits == 0) {
      occ__flights_land(flights, f);
    }
  }
}
