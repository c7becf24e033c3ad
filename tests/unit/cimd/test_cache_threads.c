/* SPDX-License-Identifier: MIT */

/* The cache under threads: one fetch for all of them, also when the one that fetches gives up. E12. A host may take locks
 * of its own where it is woken, and where it runs a request. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

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
  pthread_mutex_t own;         /* held while it asks, and while it is woken */
  size_t number, ids, give_up; /* so many times it goes away instead of fetching */
  int impatient;               /* it goes away instead of waiting */
  int awake, has_gone;         /* ... and may not be woken then */
  unsigned fetches, hits, refusals, late;
} request;

static occ_cache *cache;
static request requests[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

static void wake(const void *who)
{
  request *r = &requests[(const request *)who - requests];

  (void)sched_yield(); /* somebody else's turn, to come too late */
  (void)pthread_mutex_lock(&r->own);
  (void)pthread_mutex_lock(&lock);
  r->late += r->has_gone != 0;
  r->awake = 1;
  (void)pthread_cond_broadcast(&woken);
  (void)pthread_mutex_unlock(&lock);
  (void)pthread_mutex_unlock(&r->own);
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

/* Without its own lock: whoever wakes it just now may want that. */
static void go_away(request *r, occ_ticket ticket)
{
  for (size_t i = 0; i < r->number; i++) {
    (void)sched_yield();
  }
  occ__cache_cancel(cache, ticket);
  (void)pthread_mutex_lock(&lock);
  r->has_gone = 1;
  (void)pthread_mutex_unlock(&lock);
}

static occ_cache_step ask_locked(request *r, const occ_cache_ask *ask, occ_cache_found *found)
{
  occ_cache_step step;

  (void)pthread_mutex_lock(&r->own);
  step = occ__cache_ask(cache, ask, found);
  (void)pthread_mutex_unlock(&r->own);
  return step;
}

/* One request to its end, as a host runs it. */
static void run(request *r, const occ_cache_ask *ask)
{
  occ_cache_found found;

  for (;;) {
    switch (ask_locked(r, ask, &found)) {
    case OCC__CACHE_HIT:
      occ__value_drop(found.value);
      r->hits++;
      return;
    case OCC__CACHE_REFUSED:
    case OCC__CACHE_UNKNOWN:
      r->refusals++;
      return;
    case OCC__CACHE_WAIT:
      if (r->impatient) {
        go_away(r, ask->ticket);
        return;
      }
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
                       NULL, &found);
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

static void run_all(size_t ids, size_t give_up, size_t impatient, unsigned *fetches, unsigned *hits)
{
  const occ_cache_rules rules = { .entries = { 64, 64 },
                                  .per_host = 16,
                                  .octets = 1u << 20,
                                  .flights = 16,
                                  .flights_per_host = 4,
                                  .minute = 120,
                                  .minute_per_host = 100,
                                  .domain_percent = 25,
                                  .kid_minute = 1,
                                  .most_ms = OCC__CIMD_MOST_MS };

  *fetches = *hits = 0;
  assert_int_equal(occ__cache_new(&cache, &occ__mem_libc, &rules, hash_key, wake), OCC_OK);
  for (size_t i = 0; i < THREADS; i++) {
    requests[i] = (request){
      .number = i, .ids = ids, .give_up = i < give_up ? 1 : 0, .impatient = i >= THREADS - impatient
    };
    assert_int_equal(pthread_mutex_init(&requests[i].own, NULL), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&requests[i].thread, NULL, thread, &requests[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(requests[i].thread, NULL), 0);
    assert_int_equal(requests[i].refusals, 0);
    assert_int_equal(requests[i].late, 0);
    (void)pthread_mutex_destroy(&requests[i].own);
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
    run_all(1, 0, 0, &fetches, &hits);
    assert_int_equal(fetches, 1);
    assert_int_equal(hits, THREADS - 1);
  }
}

static void test_ask__several_ids(void **state)
{
  unsigned fetches, hits;
  (void)state;

  for (int round = 0; round < 5; round++) {
    run_all(IDS, 0, 0, &fetches, &hits);
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
    run_all(1, 10, 0, &fetches, &hits);
    assert_int_equal(fetches, 1);
    assert_in_range(hits, THREADS - 11, THREADS - 1);
  }
}

/* Nobody who has gone is woken, whenever he goes. */
static void test_cancel__those_who_wait(void **state)
{
  unsigned fetches, hits;
  (void)state;

  for (int round = 0; round < 50; round++) {
    run_all(1, 5, 25, &fetches, &hits);
    assert_int_equal(fetches, 1);
    assert_in_range(hits, THREADS - 25 - 6, THREADS - 1);
  }
}

/* ---- What may happen while somebody is being woken ---- */

/* Request 0 fetches, 1 and 2 wait. Whoever is woken first runs `meanwhile`. */
static struct {
  const occ_cache_ask *ask[3];
  void (*meanwhile)(size_t who);
  unsigned woken[3];
  pthread_t leaver;
  int leaves;
  atomic_int cancelled;
} scene;

static void wake_in_scene(const void *who)
{
  const size_t i = *(const size_t *)who;

  scene.woken[i]++;
  if (scene.woken[1] + scene.woken[2] == 1) {
    scene.meanwhile(i);
  }
}

static void play(void (*meanwhile)(size_t who))
{
  static const size_t number[3] = { 0, 1, 2 };
  const occ_cache_rules rules = { .entries = { 64, 64 },
                                  .per_host = 16,
                                  .octets = 1u << 20,
                                  .flights = 16,
                                  .flights_per_host = 4,
                                  .minute = 120,
                                  .minute_per_host = 100,
                                  .domain_percent = 25,
                                  .kid_minute = 1,
                                  .most_ms = OCC__CIMD_MOST_MS };
  occ_cache_ask ask[3];
  occ_cache_found found;

  memset(&scene, 0, sizeof(scene));
  scene.meanwhile = meanwhile;
  assert_int_equal(occ__cache_new(&cache, &occ__mem_libc, &rules, hash_key, wake_in_scene), OCC_OK);
  for (size_t i = 0; i < 3; i++) {
    ask[i] = (occ_cache_ask){ .client_id = occ__span_text(id[0]),
                              .host = occ__span(id[0] + 8, 5),
                              .who = &number[i],
                              .ticket = i + 1,
                              .now = T0,
                              .deadline = T0 + 10000 };
    scene.ask[i] = &ask[i];
    assert_int_equal(occ__cache_ask(cache, &ask[i], &found),
                     i == 0 ? OCC__CACHE_FETCH : OCC__CACHE_WAIT);
  }
  assert_int_equal(occ__cache_ask(cache, &ask[0], &found), OCC__CACHE_MINE);
  occ__cache_store(cache, &ask[0], occ__value_new(&occ__mem_libc, 100), (occ_freshness){ 60000, 0 },
                   NULL, &found);
  occ__value_drop(found.value);
  if (scene.leaves) {
    assert_int_equal(pthread_join(scene.leaver, NULL), 0);
  }
  occ__cache_free(cache);
}

static void in_another_thread(void *(*what)(void *), size_t who)
{
  pthread_t other;

  assert_int_equal(pthread_create(&other, NULL, what, &who), 0);
  assert_int_equal(pthread_join(other, NULL), 0);
}

static occ_cache_step ask_now(size_t who)
{
  occ_cache_found found;
  occ_cache_step step = occ__cache_ask(cache, scene.ask[who], &found);

  occ__value_drop(found.value);
  return step;
}

static void *ask_for_other(void *who)
{
  assert_int_equal(ask_now(3 - *(const size_t *)who), OCC__CACHE_HIT);
  return NULL;
}

static void others_ask(size_t who)
{
  in_another_thread(ask_for_other, who);
}

/* The lock is free; and one that has its answer is not woken any more. */
static void test_wake__others_may_ask(void **state)
{
  (void)state;

  play(others_ask);
  assert_int_equal(scene.woken[1], 1);
  assert_int_equal(scene.woken[2], 0);
}

static void *ask_too_soon(void *who)
{
  assert_int_equal(ask_now(*(const size_t *)who), OCC__CACHE_WAIT);
  return NULL;
}

static void it_asks_elsewhere(size_t who)
{
  in_another_thread(ask_too_soon, who);
}

/* Another thread runs it before the call is back: it waits, and is woken once more. */
static void test_wake__once_more(void **state)
{
  (void)state;

  play(it_asks_elsewhere);
  assert_int_equal(scene.woken[1], 2);
  assert_int_equal(scene.woken[2], 1);
}

static void it_is_run_at_once(size_t who)
{
  assert_int_equal(ask_now(who), OCC__CACHE_HIT);
  occ__cache_cancel(cache, scene.ask[who]->ticket);
}

static void it_goes_at_once(size_t who)
{
  occ__cache_cancel(cache, scene.ask[who]->ticket);
  occ__cache_cancel(cache, scene.ask[3 - who]->ticket);
}

/* A host that does more than post. */
static void test_wake__run_and_freed_inside(void **state)
{
  (void)state;

  play(it_is_run_at_once);
  assert_int_equal(scene.woken[1], 1);
  assert_int_equal(scene.woken[2], 1);
  play(it_goes_at_once);
  assert_int_equal(scene.woken[1], 1);
  assert_int_equal(scene.woken[2], 0);
}

static void *cancel_it(void *who)
{
  occ__cache_cancel(cache, scene.ask[(uintptr_t)who]->ticket);
  atomic_store(&scene.cancelled, 1);
  return NULL;
}

static void it_goes_elsewhere(size_t who)
{
  assert_int_equal(pthread_create(&scene.leaver, NULL, cancel_it, (void *)(uintptr_t)who), 0);
  scene.leaves = 1;
  (void)poll(NULL, 0, 50);
  assert_int_equal(atomic_load(&scene.cancelled), 0); /* it has to wait for us */
}

/* A request is not gone before the call that wakes it is back. */
static void test_cancel__waits_for_the_call(void **state)
{
  (void)state;

  play(it_goes_elsewhere);
  assert_int_equal(scene.woken[1], 1);
  assert_int_equal(scene.woken[2], 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ask__fifty_threads_one_fetch),
    cmocka_unit_test(test_ask__several_ids),
    cmocka_unit_test(test_cancel__somebody_takes_over),
    cmocka_unit_test(test_cancel__those_who_wait),
    cmocka_unit_test(test_wake__others_may_ask),
    cmocka_unit_test(test_wake__once_more),
    cmocka_unit_test(test_wake__run_and_freed_inside),
    cmocka_unit_test(test_cancel__waits_for_the_call),
  };
  return cmocka_run_group_tests_name("cimd/cache_threads", tests, NULL, NULL);
}
