/* SPDX-License-Identifier: MIT */

/* The cache under any order of requests: two octets a step, what happens and to which request and client. No request is
 * woken that does not wait, one fetches for one client, and in the end nothing is stuck. Byte 0 picks a small cache. */

#include <stdlib.h>

#include "cimd/cache.h"
#include "cimd/keyset.h"
#include "fail_mem.h"

#define REQUESTS 8u
#define CLIENTS  8u
#define T0       INT64_C(1800000000000)

typedef enum doing { IDLE, FETCHING, WAITING } doing;

typedef struct request {
  doing doing;
  size_t client;
  occ_cache_kind kind;
  occ_ticket ticket;
  occ_time deadline;
} request;

static request requests[REQUESTS];
static occ_cache *cache;
static occ_time now;
static occ_ticket tickets;
static fail_mem fm;
static const char *const id[CLIENTS] = { "https://a.org/1", "https://a.org/2", "https://a.org/3",
                                         "https://a.org/4", "https://b.org/1", "https://b.org/2",
                                         "https://c.org/1", "https://d.org/1" };

static void need(int good)
{
  if (!good) {
    abort();
  }
}

static void wake(const void *who)
{
  need(((const request *)who)->doing == WAITING);
}

static occ_cache_ask question(const request *r, const char *kid)
{
  return (occ_cache_ask){ .kind = r->kind,
                          .client_id = occ__span_text(id[r->client]),
                          .url = occ__span_text(id[r->client]),
                          .host = occ__span(id[r->client] + 8, 5),
                          .kid = kid,
                          .who = r,
                          .ticket = r->ticket,
                          .now = now,
                          .deadline = r->deadline };
}

static void finish(request *r, const occ_cache_ask *ask, unsigned how)
{
  occ_cache_found found;
  occ_keyset *set;

  r->doing = IDLE; /* not one of those that are woken */
  if (how % 3 == 0) {
    (void)occ__cache_fail(cache, ask, OCC__REASON_CIMD_UNREACHABLE, &found);
    occ__value_drop(found.value);
    return;
  }
  if (how % 3 == 1) {
    (void)occ__cache_fail(cache, ask, OCC__REASON_CIMD_STATUS, &found);
    occ__value_drop(found.value);
    return;
  }
  set = occ__value_new(&fm.mem, sizeof(*set));
  need(set != NULL);
  set->kids = "1";
  set->kids_len = 2;
  set->value.snapshot.capable = (int)(how & 4);
  occ__cache_store(cache, ask, &set->value, (occ_freshness){ 60000, 1 }, NULL, &found);
  need(found.value == &set->value);
  occ__value_drop(found.value);
}

/* Somebody else who fetches for the same, and is not over its deadline? */
static int is_fetched(const request *r)
{
  for (size_t i = 0; i < REQUESTS; i++) {
    const request *other = &requests[i];

    if (other != r && other->doing == FETCHING && other->kind == r->kind &&
        other->client == r->client && now < other->deadline) {
      return 1;
    }
  }
  return 0;
}

static void run(request *r, unsigned how)
{
  const occ_cache_ask ask = question(r, how % 5 == 0 ? "2" : "1");
  const doing before = r->doing;
  occ_cache_found found;
  occ_cache_step step;

  step = occ__cache_ask(cache, &ask, &found);
  switch (step) {
  case OCC__CACHE_HIT:
    need(found.value != NULL && (found.stale || now - found.fetched < 60000));
    occ__value_drop(found.value);
    r->doing = IDLE;
    break;
  case OCC__CACHE_FETCH:
    need(!is_fetched(r));
    r->doing = FETCHING;
    break;
  case OCC__CACHE_MINE:
    need(before == FETCHING);
    finish(r, &ask, how);
    break;
  case OCC__CACHE_WAIT:
    r->doing = WAITING;
    break;
  case OCC__CACHE_REFUSED:
    need(found.reason != 0 && found.value == NULL);
    r->doing = IDLE;
    break;
  case OCC__CACHE_UNKNOWN:
    need(0);
  }
}

static void step(unsigned what, unsigned which)
{
  request *r = &requests[which % REQUESTS];

  if (what % 8 == 0) {
    now += (occ_time)which * (what % 16 == 0 ? 500 : 10);
  } else if (what % 8 == 1) {
    occ__cache_forget(cache, occ__span_text(id[which % CLIENTS]));
  } else if (what % 8 == 2 && r->doing != IDLE) {
    r->doing = IDLE;
    occ__cache_cancel(cache, r->ticket);
  } else if (r->doing == IDLE) {
    *r = (request){ IDLE, (which / REQUESTS) % CLIENTS,
                    what % 8 == 7 ? OCC__CACHE_KEYSET : OCC__CACHE_DOCUMENT, ++tickets,
                    now + 10000 };
    run(r, what / 8);
  } else {
    if (what % 8 == 3 && r->doing == WAITING) { /* it wants something else now */
      r->client = (which / REQUESTS) % CLIENTS;
      r->kind = r->kind == OCC__CACHE_KEYSET ? OCC__CACHE_DOCUMENT : OCC__CACHE_KEYSET;
    }
    run(r, what / 8);
  }
}

/* Everybody goes; then each client can be fetched again. */
static void check_end(void)
{
  for (size_t i = 0; i < REQUESTS; i++) {
    if (requests[i].doing != IDLE) {
      requests[i].doing = IDLE;
      occ__cache_cancel(cache, requests[i].ticket);
    }
  }
  for (size_t i = 0; i < CLIENTS; i++) {
    request r = { IDLE, i, OCC__CACHE_DOCUMENT, ++tickets, 0 };

    now += 4000000;
    r.deadline = now + 10000;
    run(&r, 1);
    need(r.doing == FETCHING);
    occ__cache_cancel(cache, r.ticket);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const uint8_t key[16] = { 1 };
  occ_cache_rules rules = { .entries = { 64, 64 },
                            .per_host = 16,
                            .octets = 1u << 16,
                            .flights = 16,
                            .flights_per_host = 4,
                            .minute = 120,
                            .minute_per_host = 30,
                            .domain_percent = 25,
                            .kid_minute = 30,
                            .most_ms = 3600000,
                            .stale_ms = 60000 };

  if (size < 1) {
    return 0;
  }
  if ((data[0] & 1) != 0) {
    rules.entries[0] = rules.entries[1] = 4;
    rules.per_host = 4;
    rules.flights = 4;
    rules.flights_per_host = 1;
    rules.minute = 8;
    rules.kid_minute = 1;
    rules.octets = 500;
  }
  fail_mem_init(&fm, SIZE_MAX, false);
  memset(requests, 0, sizeof(requests));
  now = T0;
  need(occ__cache_new(&cache, &fm.mem, &rules, key, wake) == OCC_OK);
  for (size_t i = 1; i + 1 < size && i < 2000; i += 2) {
    step(data[i], data[i + 1]);
  }
  check_end();
  occ__cache_free(cache);
  need(fm.live == 0);
  return 0;
}
