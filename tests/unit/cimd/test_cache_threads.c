/* SPDX-License-Identifier: MIT */

/* The cache under threads: one fetch for all of them, also when the one that fetches gives up. E12. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/status.h"
#include "cimd/cache.h"

#define T0      INT64_C(1800000000000)
#define THREADS 50u
#define IDS     8u

static const uint8_t hash_key[16] = { 7 };
static const char *const id[IDS] = { "https://a.org/c", "https://b.org/c", "https://c.org/c",
                                     "https://d.org/c", "https://e.org/c", "https://f.org/c",
                                     "https://g.org/c", "https://h.org/c" };

typedef struct request {
  pthread_t thread;
  size_t number, ids, give_up; /* so many times it goes away instead of fetching */
  int awake;
  unsigned fetches, hits, refusals;
} request;

static occ_cache *cache;
static request requests[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

static void wake(const void *who)
{
  (void)pthread_mutex_lock(&lock);
  requests[(const request *)who - requests].awake = 1;
  (void)pthread_cond_broadcast(&woken);
  (void)pthread_mutex_unlock(&lock);
}

static void sleep_until_woken(request *r)
{
  (void)pthread_mutex_lock(&lock);
  while (!r->awake) {
    (void)pthread_cond_wait(&woken, &lock);
  }
  r->awake = 0;
  (void)pthread_mutex_unlock(&lock);
}

/* One request to its end, as a host runs it. */
static void run(request *r, const occ_cache_ask *ask)
{
  occ_cache_found found;

  for (;;) {
    switch (occ__cache_ask(cache, ask, &found)) {
    case OCC__CACHE_HIT:
      occ__value_drop(found.value);
      r->hits++;
      return;
    case OCC__CACHE_REFUSED:
      r->refusals++;
      return;
    case OCC__CACHE_WAIT:
      sleep_until_woken(r);
      break;
    case OCC__CACHE_FETCH:
      for (int i = 0; i < 100; i++) {
        (void)sched_yield();
      }
      if (r->give_up > 0) {
        r->give_up--;
        occ__cache_cancel(cache, ask->ticket);
        return;
      }
      break;
    case OCC__CACHE_MINE:
      r->fetches++;
      occ__cache_store(cache, ask, occ__value_new(&occ__mem_libc, 100), (occ_freshness){ 60000, 0 },
                       &found);
      occ__value_drop(found.value);
      return;
    }
  }
}

static void *thread(void *argument)
{
  request *r = argument;

  for (size_t i = 0; i < r->ids; i++) {
    const char *name = id[i];
    const occ_cache_ask ask = { .client_id = occ__span_text(name),
                                .host = occ__span(name + 8, 5),
                                .who = r,
                                .ticket = r->number * IDS + i + 1,
                                .now = T0,
                                .deadline = T0 + 10000 };

    run(r, &ask);
  }
  return NULL;
}

static void run_all(size_t ids, size_t give_up, unsigned *fetches, unsigned *hits)
{
  const occ_cache_rules rules = { .entries = { 64, 64 },
                                  .per_host = 16,
                                  .octets = 1u << 20,
                                  .flights = 16,
                                  .flights_per_host = 4,
                                  .minute = 120,
                                  .minute_per_host = 100,
                                  .kid_minute = 1,
                                  .most_ms = OCC__CIMD_MOST_MS };

  *fetches = *hits = 0;
  assert_int_equal(occ__cache_new(&cache, &occ__mem_libc, &rules, hash_key, wake), OCC_OK);
  for (size_t i = 0; i < THREADS; i++) {
    requests[i] = (request){ .number = i, .ids = ids, .give_up = i < give_up ? 1 : 0 };
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&requests[i].thread, NULL, thread, &requests[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(requests[i].thread, NULL), 0);
    assert_int_equal(requests[i].refusals, 0);
    *fetches += requests[i].fetches;
    *hits += requests[i].hits;
  }
  occ__cache_free(cache);
}

static void test_ask__fifty_threads_one_fetch(void **state)
{
  unsigned fetches, hits;
  (void)state;

  for (int round = 0; round < 20; round++) {
    run_all(1, 0, &fetches, &hits);
    assert_int_equal(fetches, 1);
    assert_int_equal(hits, THREADS - 1);
  }
}

static void test_ask__several_ids(void **state)
{
  unsigned fetches, hits;
  (void)state;

  for (int round = 0; round < 5; round++) {
    run_all(IDS, 0, &fetches, &hits);
    assert_int_equal(fetches, IDS);
    assert_int_equal(hits, IDS * (THREADS - 1));
  }
}

/* Whoever is to fetch among the first ten goes away once: the others still get there, by one fetch. */
static void test_cancel__somebody_takes_over(void **state)
{
  unsigned fetches, hits;
  (void)state;

  for (int round = 0; round < 20; round++) {
    run_all(1, 10, &fetches, &hits);
    assert_int_equal(fetches, 1);
    assert_in_range(hits, THREADS - 11, THREADS - 1);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ask__fifty_threads_one_fetch),
    cmocka_unit_test(test_ask__several_ids),
    cmocka_unit_test(test_cancel__somebody_takes_over),
  };
  return cmocka_run_group_tests_name("cimd/cache_threads", tests, NULL, NULL);
}
