/* SPDX-License-Identifier: MIT */

/* Who fetches, who waits, who is woken. Called by cache.c under its lock. A request is woken without it, so that a host may
 * take a lock of its own there; who is being woken is written down, so that it is not gone meanwhile: one that asks is
 * told to wait and is woken once more, one that goes away waits until the call has come back. */

#include "cimd/flights.h"

/* ---- Rings ---- */

static void ring_init(occ_ring *head)
{
  head->next = head->prev = head;
}

static void ring_add(occ_ring *head, occ_ring *ring)
{
  ring->next = head;
  ring->prev = head->prev;
  head->prev->next = ring;
  head->prev = ring;
}

static void ring_remove(occ_ring *ring)
{
  ring->prev->next = ring->next;
  ring->next->prev = ring->prev;
}

static int ring_is_empty(const occ_ring *head)
{
  return head->next == head;
}

/* All of `from` behind the last of `to`. */
static void ring_move(occ_ring *to, occ_ring *from)
{
  if (!ring_is_empty(from)) {
    to->prev->next = from->next;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev = from->prev;
    ring_init(from);
  }
}

/* ---- Their life ---- */

int occ__flights_init(occ_flights *flights, const occ_mem *mem, size_t count, occ_cache_wake wake)
{
  *flights = (occ_flights){
    .mem = mem, .count = count, .waiters = count * OCC__CIMD_WAITERS, .buckets = 1, .wake = wake
  };
  ring_init(&flights->woken);
  while (flights->buckets < flights->waiters) {
    flights->buckets *= 2;
  }
  if (pthread_cond_init(&flights->called, NULL) != 0) {
    return OCC_ERR_MEMORY;
  }
  flights->flight = occ__mem_alloc(mem, count * sizeof(*flights->flight));
  flights->waiter = occ__mem_alloc(mem, flights->waiters * sizeof(*flights->waiter));
  flights->bucket = occ__mem_alloc(mem, flights->buckets * sizeof(*flights->bucket));
  if (flights->flight == NULL || flights->waiter == NULL || flights->bucket == NULL) {
    occ__flights_clear(flights);
    return OCC_ERR_MEMORY;
  }
  for (size_t i = 0; i < flights->waiters; i++) {
    flights->waiter[i].next = flights->blank;
    flights->blank = &flights->waiter[i];
  }
  return OCC_OK;
}

void occ__flights_clear(occ_flights *flights)
{
  const occ_mem *mem = flights->mem;

  if (mem == NULL) { /* never made */
    return;
  }
  if (flights->flight != NULL) {
    occ__mem_free(mem, flights->flight, flights->count * sizeof(*flights->flight));
  }
  if (flights->waiter != NULL) {
    occ__mem_free(mem, flights->waiter, flights->waiters * sizeof(*flights->waiter));
  }
  if (flights->bucket != NULL) {
    occ__mem_free(mem, flights->bucket, flights->buckets * sizeof(*flights->bucket));
  }
  (void)pthread_cond_destroy(&flights->called);
  *flights = (occ_flights){ .mem = NULL };
}

/* ---- Waiting ---- */

static occ_waiter **bucket_of(const occ_flights *flights, occ_ticket ticket)
{
  return &flights->bucket[(size_t)ticket & (flights->buckets - 1)];
}

/* Waits no more, nor is to be woken; the place is blank. */
static void drop(occ_flights *flights, occ_waiter *waiter)
{
  occ_waiter **at = bucket_of(flights, waiter->ticket);

  while (*at != waiter) {
    at = &(*at)->next;
  }
  *at = waiter->next;
  ring_remove(&waiter->ring);
  if (waiter->flight != NULL) {
    waiter->flight->waits--;
  }
  waiter->next = flights->blank;
  flights->blank = waiter;
  flights->waits--;
}

static void leave(occ_flights *flights, occ_ticket ticket)
{
  occ_waiter *waiter = *bucket_of(flights, ticket);

  while (waiter != NULL && waiter->ticket != ticket) {
    waiter = waiter->next;
  }
  if (waiter != NULL) {
    drop(flights, waiter);
  }
}

int occ__flights_join(occ_flights *flights, occ_flight *flight, const occ_cache_ask *ask)
{
  occ_waiter *waiter = flights->blank;
  occ_waiter **bucket = bucket_of(flights, ask->ticket);

  if (waiter == NULL || flight->waits == OCC__CIMD_WAITERS) {
    return 0;
  }
  flights->blank = waiter->next;
  *waiter =
      (occ_waiter){ .who = ask->who, .ticket = ask->ticket, .flight = flight, .next = *bucket };
  *bucket = waiter;
  ring_add(&flight->waiting, &waiter->ring);
  flight->waits++;
  flights->waits++;
  return 1;
}

/* ---- Fetching ---- */

static int is_late(const occ_flight *flight, occ_time now)
{
  return now >= flight->deadline;
}

occ_flight *occ__flights_by(const occ_flights *flights, const void *who)
{
  for (size_t i = 0; i < flights->count; i++) {
    if (flights->flight[i].slot != NULL && flights->flight[i].who == who) {
      return &flights->flight[i];
    }
  }
  return NULL;
}

/* Whoever was to do it has not: the next look for an unknown key need not be put off. */
static void give_up(occ_flights *flights, occ_flight *flight)
{
  flight->slot->kid_at = 0;
  occ__flights_land(flights, flight);
}

occ_flight *occ__flights_of(occ_flights *flights, occ_slot *slot, occ_time now)
{
  occ_flight *flight =
      slot == NULL || slot->flight == 0 ? NULL : &flights->flight[slot->flight - 1];

  if (flight != NULL && is_late(flight, now)) {
    give_up(flights, flight);
    return NULL;
  }
  return flight;
}

size_t occ__flights_count(const occ_flights *flights, uint64_t whose, occ_time now)
{
  size_t count = 0;

  for (size_t i = 0; i < flights->count; i++) {
    const occ_flight *f = &flights->flight[i];

    count += f->slot != NULL && !is_late(f, now) &&
             (whose == 0 || f->slot->host == whose || f->slot->domain == whose);
  }
  return count;
}

static occ_flight *find_room(occ_flights *flights, occ_time now)
{
  for (size_t i = 0; i < flights->count; i++) {
    occ_flight *flight = &flights->flight[i];

    if (flight->slot != NULL && is_late(flight, now)) {
      give_up(flights, flight);
    }
    if (flight->slot == NULL) {
      return flight;
    }
  }
  return NULL;
}

int occ__flights_start(occ_flights *flights, occ_slot *slot, const occ_cache_ask *ask)
{
  occ_flight *flight = find_room(flights, ask->now);

  if (flight == NULL) {
    return 0;
  }
  *flight = (occ_flight){ .slot = slot,
                          .kind = ask->kind,
                          .who = ask->who,
                          .ticket = ask->ticket,
                          .deadline = ask->deadline };
  ring_init(&flight->waiting);
  slot->flight = (uint32_t)(flight - flights->flight) + 1;
  flights->flying++;
  return 1;
}

void occ__flights_land(occ_flights *flights, occ_flight *flight)
{
  for (occ_ring *at = flight->waiting.next; at != &flight->waiting; at = at->next) {
    ((occ_waiter *)(void *)at)->flight = NULL;
  }
  ring_move(&flights->woken, &flight->waiting);
  flight->slot->flight = 0;
  *flight = (occ_flight){ .slot = NULL };
  flights->flying--;
}

/* ---- Waking, and going away ---- */

occ_place occ__flights_enter(occ_flights *flights, const occ_cache_ask *ask, occ_flight **flight)
{
  *flight = flights->flying == 0 ? NULL : occ__flights_by(flights, ask->who);
  if (*flight != NULL) {
    (*flight)->ticket = ask->ticket; /* its question came again */
    return OCC__PLACE_FETCHES;
  }
  for (occ_call *call = flights->calls; call != NULL; call = call->next) {
    if (call->who == ask->who && !pthread_equal(call->thread, pthread_self())) {
      call->again = 1;
      return OCC__PLACE_CALLED;
    }
    if (call->who == ask->who) { /* inside the call, where it should not be run, and may end */
      call->who = NULL;
    }
  }
  if (flights->waits > 0) {
    leave(flights, ask->ticket);
  }
  return OCC__PLACE_NONE;
}

/* Is another thread waking it just now? Then not once more. */
static int is_called(occ_flights *flights, occ_ticket ticket)
{
  for (occ_call *call = flights->calls; call != NULL; call = call->next) {
    if (call->who != NULL && call->ticket == ticket) {
      call->again = 0;
      if (!pthread_equal(call->thread, pthread_self())) {
        return 1;
      }
      call->who = NULL;
    }
  }
  return 0;
}

void occ__flights_cancel(occ_flights *flights, occ_ticket ticket, pthread_mutex_t *lock)
{
  while (is_called(flights, ticket)) {
    (void)pthread_cond_wait(&flights->called, lock);
  }
  leave(flights, ticket);
  for (size_t i = 0; i < flights->count; i++) {
    occ_flight *flight = &flights->flight[i];

    if (flight->slot != NULL && flight->ticket == ticket) {
      if (flight->waits > 0) { /* they look in its place */
        flight->slot->kid_at = 0;
      }
      occ__flights_land(flights, flight);
    }
  }
}

void occ__flights_wake(occ_flights *flights, pthread_mutex_t *lock)
{
  occ_call call = { .next = flights->calls, .thread = pthread_self() };
  occ_call **at = &flights->calls;
  occ_ring mine;

  if (ring_is_empty(&flights->woken)) {
    return;
  }
  ring_init(&mine);
  ring_move(&mine, &flights->woken);
  flights->calls = &call;
  while (!ring_is_empty(&mine)) {
    occ_waiter *waiter = (occ_waiter *)(void *)mine.next;
    const void *who = waiter->who;

    call.who = who;
    call.ticket = waiter->ticket;
    drop(flights, waiter);
    do {
      call.again = 0;
      (void)pthread_mutex_unlock(lock);
      flights->wake(who);
      (void)pthread_mutex_lock(lock);
    } while (call.again);
    call.who = NULL;
    (void)pthread_cond_broadcast(&flights->called);
  }
  while (*at != &call) {
    at = &(*at)->next;
  }
  *at = call.next;
}
