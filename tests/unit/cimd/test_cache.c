/* SPDX-License-Identifier: MIT */

/* The cache of clients known by a URL: one fetch for many, what is fresh, what comes of failures, budgets, and that
 * strangers push out nobody. Case ids: cases E and F of the requirements, and CH-1. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"
#include "cimd/cache.h"
#include "cimd/keyset.h"
#include "fail_mem.h"

#define T0          INT64_C(1800000000000)
#define OWN_BLOCKS  10 /* of the cache itself */
#define LIFE        60000
#define UNREACHABLE OCC__REASON_CIMD_UNREACHABLE
#define STATUS      OCC__REASON_CIMD_STATUS
#define BUSY        OCC__REASON_CIMD_BUSY

static const uint8_t hash_key[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const occ_cache_rules usual = {
  .entries = { OCC__CIMD_DOCUMENTS, OCC__CIMD_KEYSETS },
  .per_host = OCC__CIMD_PER_HOST,
  .octets = OCC__CIMD_OCTETS,
  .flights = OCC__CIMD_FLIGHTS,
  .flights_per_host = OCC__CIMD_FLIGHTS_PER_HOST,
  .minute = OCC__CIMD_MINUTE,
  .minute_per_host = OCC__CIMD_MINUTE_PER_HOST,
  .kid_minute = OCC__CIMD_KID_MINUTE,
  .domain_percent = OCC__CIMD_DOMAIN_PERCENT,
  .most_ms = OCC__CIMD_MOST_MS,
};

/* Requests are small numbers. */
static int woken[200];

static const void *who(size_t number)
{
  return &woken[number];
}

static void wake(const void *request)
{
  woken[(const int *)request - woken]++;
}

static int wakes(void)
{
  int sum = 0;

  for (size_t i = 0; i < sizeof(woken) / sizeof(woken[0]); i++) {
    sum += woken[i];
    woken[i] = 0;
  }
  return sum;
}

typedef struct bed {
  fail_mem fm;
  occ_cache *cache;
  occ_time now;
  occ_cache_found found;
} bed;

static void begin(bed *b, const occ_cache_rules *rules)
{
  (void)wakes();
  memset(b, 0, sizeof(*b));
  fail_mem_init(&b->fm, SIZE_MAX, false);
  assert_int_equal(occ__cache_new(&b->cache, &b->fm.mem, rules, hash_key, wake), OCC_OK);
  b->now = T0;
}

static void end(bed *b)
{
  occ__cache_free(b->cache);
  assert_int_equal(b->fm.live, 0);
}

/* A question about id by request `number`. The host is what the id has between slashes. */
static occ_cache_ask question(const bed *b, const char *id, size_t number)
{
  const char *host = id + strlen("https://");

  assert_memory_equal(id, "https://", 8);
  return (occ_cache_ask){ .kind = OCC__CACHE_DOCUMENT,
                          .client_id = occ__span_text(id),
                          .host = occ__span(host, strcspn(host, "/")),
                          .who = who(number),
                          .ticket = number + 1,
                          .now = b->now,
                          .deadline = b->now + 10000 };
}

static occ_cache_step ask_by(bed *b, const char *id, size_t number)
{
  const occ_cache_ask ask = question(b, id, number);
  occ_cache_step step = occ__cache_ask(b->cache, &ask, &b->found);

  assert_true((step == OCC__CACHE_HIT) == (b->found.value != NULL));
  assert_true((step == OCC__CACHE_REFUSED) == (b->found.reason != 0));
  occ__value_drop(b->found.value);
  return step;
}

static occ_cache_step ask(bed *b, const char *id)
{
  return ask_by(b, id, 0);
}

static void store_as(bed *b, const occ_cache_ask *q, int keys, int64_t ms, int may_be_stale,
                     size_t size)
{
  occ_value *value = occ__value_new(&b->fm.mem, size);

  assert_non_null(value);
  value->snapshot.keys[0] = (uint8_t)keys;
  occ__cache_store(b->cache, q, value, (occ_freshness){ ms, may_be_stale }, NULL, &b->found);
  assert_ptr_equal(b->found.value, value);
  occ__value_drop(value);
}

static void store_by(bed *b, const char *id, size_t number, int64_t ms)
{
  const occ_cache_ask q = question(b, id, number);

  assert_int_equal(occ__cache_ask(b->cache, &q, &b->found), OCC__CACHE_MINE);
  store_as(b, &q, 1, ms, 1, 4000);
}

static void store(bed *b, const char *id)
{
  store_by(b, id, 0, LIFE);
}

static void fetch(bed *b, const char *id)
{
  assert_int_equal(ask(b, id), OCC__CACHE_FETCH);
  store(b, id);
}

static occ_cache_step fail_with(bed *b, const char *id, int reason)
{
  const occ_cache_ask q = question(b, id, 0);
  occ_cache_step step;

  assert_int_equal(occ__cache_ask(b->cache, &q, &b->found), OCC__CACHE_MINE);
  step = occ__cache_fail(b->cache, &q, reason, &b->found);
  occ__value_drop(b->found.value);
  return step;
}

/* ---- Fresh, failed, stale ---- */

/* E01, E04, and the edge. */
static void test_ask__one_fetch_while_it_is_fresh(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  fetch(&b, "https://a.org/c");
  assert_int_equal(b.found.first_seen, T0);
  assert_int_equal(b.found.changed, 0);
  for (int i = 0; i < 100; i++) {
    b.now = T0 + i * (LIFE - 1) / 99;
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
    assert_int_equal(b.found.fetched, T0);
    assert_int_equal(b.found.stale, 0);
  }
  assert_int_equal(b.now, T0 + LIFE - 1);
  b.now = T0 + LIFE;
  fetch(&b, "https://a.org/c");
  assert_int_equal(b.found.first_seen, T0);
  assert_int_equal(b.found.fetched, T0 + LIFE);
  b.now = T0 + LIFE + 1;
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
  end(&b);
}

/* CU-8: nothing is folded. The host of budgets is. */
static void test_ask__ids_are_compared_as_they_are(void **state)
{
  static const char *const other[] = { "https://a.org/C", "https://A.org/c", "https://a.org:443/c",
                                       "https://a.org/c/" };
  bed b;
  (void)state;

  begin(&b, &usual);
  fetch(&b, "https://a.org/c");
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(ask(&b, other[i]), OCC__CACHE_FETCH);
    assert_int_equal(fail_with(&b, other[i], STATUS), OCC__CACHE_REFUSED);
  }
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
  end(&b);
}

static void test_ask__a_clock_that_goes_back_keeps_nothing_alive(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  store_by(&b, "https://a.org/c", 0, OCC__CIMD_MOST_MS);
  b.now = T0;
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
  b.now = T0 - 1;
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  assert_int_equal(fail_with(&b, "https://a.org/c", UNREACHABLE), OCC__CACHE_REFUSED);
  b.now = T0 - 86400000; /* the pause does not last a day */
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  end(&b);
}

/* E08, E09, CA-3, CA-4: a failure is no answer that is kept, and is not tried again at once. */
static void test_fail__pauses_grow_and_end(void **state)
{
  static const int64_t pause[] = { 2000, 4000, 8000, 16000, 30000, 30000 };
  static const int reason[] = { UNREACHABLE, STATUS, OCC__REASON_CIMD_JSON };
  (void)state;

  for (size_t r = 0; r < 3; r++) {
    bed b;

    begin(&b, &usual);
    for (size_t i = 0; i < sizeof(pause) / sizeof(pause[0]); i++) {
      assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
      assert_int_equal(fail_with(&b, "https://a.org/c", reason[r]), OCC__CACHE_REFUSED);
      assert_int_equal(b.found.reason, reason[r]);
      b.now += pause[i] - 1;
      assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_REFUSED);
      assert_int_equal(b.found.reason, reason[r]);
      b.now++;
    }
    fetch(&b, "https://a.org/c");
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
    b.now += LIFE;
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
    assert_int_equal(fail_with(&b, "https://a.org/c", reason[r]), OCC__CACHE_REFUSED);
    b.now += pause[0]; /* from the beginning again */
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
    end(&b);
  }
}

/* E10: gone is gone, with stale on too. E11: a host that is away. */
static void test_fail__stale(void **state)
{
  static const struct {
    const char *why;
    int64_t stale_ms;
    int reason, may_be_stale;
    int64_t after; /* its time */
    occ_cache_step want;
  } row[] = {
    { "E11 off", 0, UNREACHABLE, 1, 0, OCC__CACHE_REFUSED },
    { "E11 on", 5000, UNREACHABLE, 1, 0, OCC__CACHE_HIT },
    { "E11 the end - 1", 5000, UNREACHABLE, 1, 4999, OCC__CACHE_HIT },
    { "E11 the end", 5000, UNREACHABLE, 1, 5000, OCC__CACHE_REFUSED },
    { "E11 the response forbids it", 5000, UNREACHABLE, 0, 0, OCC__CACHE_REFUSED },
    { "E10 404", 5000, STATUS, 1, 0, OCC__CACHE_REFUSED },
    { "E10 no JSON", 5000, OCC__REASON_CIMD_JSON, 1, 0, OCC__CACHE_REFUSED },
    { "E10 another client_id", 5000, OCC__REASON_CIMD_MISMATCH, 1, 0, OCC__CACHE_REFUSED },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_cache_rules rules = usual;
    occ_cache_ask q;
    bed b;

    print_message("  %s\n", row[i].why);
    rules.stale_ms = row[i].stale_ms;
    begin(&b, &rules);
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
    q = question(&b, "https://a.org/c", 0);
    store_as(&b, &q, 1, LIFE, row[i].may_be_stale, 4000);
    b.now = T0 + LIFE + row[i].after;
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
    assert_int_equal(fail_with(&b, "https://a.org/c", row[i].reason), row[i].want);
    assert_int_equal(b.found.stale, row[i].want == OCC__CACHE_HIT);
    /* The same for whoever asks during the pause. */
    assert_int_equal(ask(&b, "https://a.org/c"), row[i].want);
    b.now = T0 + LIFE + 5000;
    if (row[i].after < 3000) { /* the pause is over; the bound holds at the next failure too */
      assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
      assert_int_equal(fail_with(&b, "https://a.org/c", row[i].reason), OCC__CACHE_REFUSED);
    }
    end(&b);
  }
}

/* ---- One fetch for many ---- */

/* E12, without threads: all others wait, and have it then. */
static void test_ask__others_wait_for_one(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  for (size_t i = 1; i <= OCC__CIMD_WAITERS + 1; i++) {
    assert_int_equal(ask_by(&b, "https://a.org/c", i),
                     i <= OCC__CIMD_WAITERS ? OCC__CACHE_WAIT : OCC__CACHE_REFUSED);
  }
  assert_int_equal(b.found.reason, BUSY);
  for (size_t i = 1; i <= OCC__CIMD_WAITERS; i++) { /* looked at again, it waits once */
    assert_int_equal(ask_by(&b, "https://a.org/c", i), OCC__CACHE_WAIT);
  }
  assert_int_equal(wakes(), 0);
  store(&b, "https://a.org/c");
  assert_int_equal(woken[0], 0);
  assert_int_equal(woken[1], 1);
  assert_int_equal(wakes(), OCC__CIMD_WAITERS);
  for (size_t i = 1; i <= OCC__CIMD_WAITERS; i++) {
    assert_int_equal(ask_by(&b, "https://a.org/c", i), OCC__CACHE_HIT);
  }
  end(&b);
}

static void test_fail__those_who_waited_are_told_the_same(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_WAIT);
  assert_int_equal(fail_with(&b, "https://a.org/c", STATUS), OCC__CACHE_REFUSED);
  assert_int_equal(wakes(), 1);
  assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_REFUSED);
  assert_int_equal(b.found.reason, STATUS);
  end(&b);
}

static void test_cancel__another_takes_over(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  for (size_t i = 1; i <= 3; i++) {
    assert_int_equal(ask_by(&b, "https://a.org/c", i), OCC__CACHE_WAIT);
  }
  occ__cache_cancel(b.cache, 3); /* request 2 goes, and is woken no more */
  occ__cache_cancel(b.cache, 1); /* the one that fetches goes */
  assert_int_equal(woken[2], 0);
  assert_int_equal(wakes(), 2);
  assert_int_equal(ask_by(&b, "https://a.org/c", 3), OCC__CACHE_FETCH);
  assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_WAIT);
  store_by(&b, "https://a.org/c", 3, LIFE);
  assert_int_equal(woken[1], 1);
  assert_int_equal(wakes(), 1);
  end(&b);
}

static void test_cancel__nobody_waits(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  for (int i = 0; i < 50; i++) { /* no flight is left over */
    b.now += 61000;
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
    assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_WAIT);
    occ__cache_cancel(b.cache, 2);
    occ__cache_cancel(b.cache, 99); /* of nobody */
    occ__cache_cancel(b.cache, 1);
  }
  assert_int_equal(wakes(), 0);
  fetch(&b, "https://a.org/c");
  end(&b);
}

/* The one that waits in an abandoned flight goes, too. */
static void test_cancel__of_all_one_after_the_other(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  for (int i = 0; i < 50; i++) {
    b.now += 61000;
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
    assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_WAIT);
    occ__cache_cancel(b.cache, 1);
    occ__cache_cancel(b.cache, 2);
  }
  fetch(&b, "https://a.org/c");
  end(&b);
}

static void test_ask__a_deadline_lets_another_fetch(void **state)
{
  occ_cache_ask late;
  bed b;
  (void)state;

  begin(&b, &usual);
  late = question(&b, "https://a.org/c", 0);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  b.now = T0 + 9999;
  assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_WAIT);
  b.now = T0 + 10000;
  assert_int_equal(ask_by(&b, "https://a.org/c", 1), OCC__CACHE_FETCH);
  /* The first comes after all: it is answered, and changes nothing for the other. */
  store_as(&b, &late, 7, LIFE, 1, 4000);
  assert_int_equal(ask_by(&b, "https://a.org/c", 2), OCC__CACHE_WAIT);
  assert_int_equal(occ__cache_fail(b.cache, &late, STATUS, &b.found), OCC__CACHE_REFUSED);
  store_by(&b, "https://a.org/c", 1, LIFE);
  assert_int_equal(wakes(), 1);
  end(&b);
}

/* ---- One place at a time ---- */

/* What comes back is what it went for, whatever is asked for then. */
static void test_ask__the_response_is_of_what_was_fetched(void **state)
{
  occ_cache_ask q;
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  q = question(&b, "https://b.org/c", 0);
  q.kind = OCC__CACHE_KEYSET;
  q.url = occ__span_text("https://b.org/k");
  assert_int_equal(occ__cache_ask(b.cache, &q, &b.found), OCC__CACHE_MINE);
  assert_int_equal(b.found.kind, OCC__CACHE_DOCUMENT);
  store_as(&b, &q, 1, LIFE, 1, 4000);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
  assert_int_equal(ask(&b, "https://b.org/c"), OCC__CACHE_FETCH);
  end(&b);
}

/* It waits for what it asked for last, and only for that. */
static void test_ask__waits_for_one_thing(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask_by(&b, "https://a.org/c", 0), OCC__CACHE_FETCH);
  assert_int_equal(ask_by(&b, "https://b.org/c", 1), OCC__CACHE_FETCH);
  assert_int_equal(ask_by(&b, "https://a.org/c", 2), OCC__CACHE_WAIT);
  assert_int_equal(ask_by(&b, "https://b.org/c", 2), OCC__CACHE_WAIT);
  assert_int_equal(ask_by(&b, "https://a.org/c", 3), OCC__CACHE_WAIT);
  assert_int_equal(ask_by(&b, "https://c.org/c", 3), OCC__CACHE_FETCH);
  store_by(&b, "https://a.org/c", 0, LIFE);
  assert_int_equal(wakes(), 0);
  occ__cache_cancel(b.cache, 1 + 1);
  assert_int_equal(woken[2], 1);
  assert_int_equal(wakes(), 1);
  end(&b);
}

/* Nothing is fetched for a client of which nothing is known, if it is asked so. */
static void test_ask__only_known(void **state)
{
  occ_cache_ask q;
  bed b;
  (void)state;

  begin(&b, &usual);
  q = question(&b, "https://a.org/c", 0);
  q.only_known = 1;
  assert_int_equal(occ__cache_ask(b.cache, &q, &b.found), OCC__CACHE_UNKNOWN);
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  q = question(&b, "https://a.org/c", 1);
  q.only_known = 1;
  assert_int_equal(occ__cache_ask(b.cache, &q, &b.found), OCC__CACHE_UNKNOWN);
  store(&b, "https://a.org/c");
  assert_int_equal(wakes(), 0);
  b.now += LIFE;
  q.now = b.now;
  q.deadline = b.now + 10000;
  assert_int_equal(occ__cache_ask(b.cache, &q, &b.found), OCC__CACHE_FETCH);
  end(&b);
}

/* ---- Budgets ---- */

/* A client that is known: used again a minute after it came. */
static void become_known(bed *b, const char *id)
{
  assert_int_equal(ask(b, id), OCC__CACHE_FETCH);
  store_by(b, id, 0, OCC__CIMD_MOST_MS);
  b->now += OCC__CIMD_PROVE_MS;
  assert_int_equal(ask(b, id), OCC__CACHE_HIT);
}

/* E14, at -1, 0, +1: one host, all hosts; what is over is told apart from a client that is bad. */
static void test_ask__fetches_a_minute(void **state)
{
  char id[64];
  bed b;
  (void)state;

  begin(&b, &usual);
  for (unsigned i = 0; i <= OCC__CIMD_MINUTE_PER_HOST; i++) {
    (void)snprintf(id, sizeof(id), "https://A%s.org/%u", "", i);
    assert_int_equal(ask(&b, id),
                     i < OCC__CIMD_MINUTE_PER_HOST ? OCC__CACHE_FETCH : OCC__CACHE_REFUSED);
    if (i < OCC__CIMD_MINUTE_PER_HOST) {
      (void)fail_with(&b, id, STATUS);
    }
  }
  assert_int_equal(b.found.reason, BUSY);
  assert_int_equal(ask(&b, "https://a.org/lower"), OCC__CACHE_REFUSED); /* the same host */
  b.now = T0 - 59999; /* a clock that goes back frees it once, and does not lock it */
  assert_int_equal(ask(&b, "https://a.org/lower"), OCC__CACHE_REFUSED);
  b.now = T0 - 60000;
  assert_int_equal(ask(&b, "https://a.org/lower"), OCC__CACHE_FETCH);
  (void)fail_with(&b, "https://a.org/lower", STATUS);
  b.now = T0;
  fetch(&b, "https://b.org/c");
  b.now = T0 + 59999;
  assert_int_equal(ask(&b, "https://a.org/lower"), OCC__CACHE_REFUSED);
  b.now = T0 + 60000;
  fetch(&b, "https://a.org/lower");
  end(&b);

  begin(&b, &usual);
  for (unsigned i = 0; i <= OCC__CIMD_KEPT_PART(OCC__CIMD_MINUTE); i++) {
    (void)snprintf(id, sizeof(id), "https://h%u.org/c", i);
    assert_int_equal(ask(&b, id), i < OCC__CIMD_KEPT_PART(OCC__CIMD_MINUTE) ? OCC__CACHE_FETCH
                                                                            : OCC__CACHE_REFUSED);
    if (i < OCC__CIMD_KEPT_PART(OCC__CIMD_MINUTE)) {
      store(&b, id);
    }
  }
  assert_int_equal(b.found.reason, BUSY);
  b.now = T0 + 60000;
  fetch(&b, id);
  end(&b);
}

/* At once: 4 of a host, three quarters of 16 for strangers. */
static void test_ask__fetches_at_once(void **state)
{
  const unsigned most = OCC__CIMD_KEPT_PART(OCC__CIMD_FLIGHTS);
  char id[64];
  bed b;
  (void)state;

  begin(&b, &usual);
  for (unsigned i = 0; i <= OCC__CIMD_FLIGHTS_PER_HOST; i++) {
    (void)snprintf(id, sizeof(id), "https://a.org/%u", i);
    assert_int_equal(ask_by(&b, id, i),
                     i < OCC__CIMD_FLIGHTS_PER_HOST ? OCC__CACHE_FETCH : OCC__CACHE_REFUSED);
  }
  for (unsigned i = OCC__CIMD_FLIGHTS_PER_HOST; i <= most; i++) {
    (void)snprintf(id, sizeof(id), "https://h%u.org/c", i);
    assert_int_equal(ask_by(&b, id, i), i < most ? OCC__CACHE_FETCH : OCC__CACHE_REFUSED);
  }
  assert_int_equal(b.found.reason, BUSY);
  store_by(&b, "https://a.org/1", 1, LIFE);
  assert_int_equal(ask_by(&b, id, most), OCC__CACHE_FETCH);
  end(&b);
}

/* Three quarters of what strangers may fetch is not for one domain: at -1, 0, +1. Those who are known are not counted. */
static void test_ask__of_a_domain(void **state)
{
  const unsigned most = OCC__CIMD_MINUTE * OCC__CIMD_DOMAIN_PERCENT / 100;
  const unsigned at_once = OCC__CIMD_FLIGHTS * OCC__CIMD_DOMAIN_PERCENT / 100;
  char id[64];
  bed b;
  (void)state;

  begin(&b, &usual);
  become_known(&b, "https://known.evil.net/c");
  b.now += OCC__CIMD_MOST_MS;
  for (unsigned i = 0; i <= most; i++) {
    (void)snprintf(id, sizeof(id), "https://h%u.EVIL.net/c", i);
    assert_int_equal(ask(&b, id), i < most ? OCC__CACHE_FETCH : OCC__CACHE_REFUSED);
    if (i < most) {
      store(&b, id);
    }
  }
  assert_int_equal(b.found.reason, BUSY);
  assert_int_equal(ask(&b, "https://a.b.evil.net/c"), OCC__CACHE_REFUSED);
  assert_int_equal(ask(&b, "https://evil.net/c"), OCC__CACHE_REFUSED);
  fetch(&b, "https://known.evil.net/c");
  fetch(&b, "https://notevil.net/c");
  fetch(&b, "https://evil.net.org/c");
  b.now += 60000;
  for (unsigned i = 0; i <= at_once; i++) {
    (void)snprintf(id, sizeof(id), "https://n%u.evil.net/c", i);
    assert_int_equal(ask_by(&b, id, i), i < at_once ? OCC__CACHE_FETCH : OCC__CACHE_REFUSED);
  }
  assert_int_equal(ask_by(&b, "https://a.org/c", 99), OCC__CACHE_FETCH);
  end(&b);
}

/* An address is a domain of its own, and a host of one label too. */
static void test_ask__domains_of_addresses(void **state)
{
  static const char *const other[] = { "https://10.1.2.3/c", "https://10.9.2.3/c",
                                       "https://[::3]/c",    "https://[::2.3]/c",
                                       "https://one/c",      "https://two/c" };
  occ_cache_rules rules = usual;
  bed b;
  (void)state;

  rules.minute_per_host = 1;
  rules.domain_percent = 1;
  begin(&b, &rules);
  for (size_t i = 0; i < 6; i++) {
    fetch(&b, other[i]);
  }
  assert_int_equal(ask(&b, "https://10.1.2.3/d"), OCC__CACHE_REFUSED);
  end(&b);
}

/* Clients of one domain ask, and get what they ask for. */
static void evil_ask(bed *b, unsigned from, unsigned count, int64_t ms)
{
  for (unsigned i = from; i < from + count; i++) {
    char id[64];

    (void)snprintf(id, sizeof(id), "https://h%u.evil.net/c%u", i / 10, i);
    if (ask(b, id) == OCC__CACHE_FETCH) {
      store_by(b, id, 0, ms);
    }
  }
}

/* One domain whose clients have come to be known, few at a time, and then all want to be fetched every minute: more than a
 * minute has. It leaves some for those of others. */
static void test_ask__a_known_domain_leaves_fetches(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask(&b, "https://known.org/c"), OCC__CACHE_FETCH);
  store_by(&b, "https://known.org/c", 0, 7 * LIFE);
  b.now += OCC__CIMD_PROVE_MS;
  assert_int_equal(ask(&b, "https://known.org/c"), OCC__CACHE_HIT);
  for (unsigned i = 0; i < 180; i += 30) {
    evil_ask(&b, i, 30, 2 * LIFE);
    b.now += OCC__CIMD_PROVE_MS;
    evil_ask(&b, i, 30, LIFE);
  }
  for (unsigned second = 0; second < 600; second++, b.now += 1000) {
    occ_cache_step step;

    evil_ask(&b, 0, 180, LIFE);
    step = ask(&b, "https://known.org/c");
    if (step == OCC__CACHE_FETCH) {
      store_by(&b, "https://known.org/c", 0, LIFE);
    } else {
      assert_int_equal(step, OCC__CACHE_HIT);
    }
  }
  end(&b);
}

/* ---- Strangers ---- */

/* 10,000 ids on as many hosts, as fast as they are let in, all of them used again and again; the victim comes once in 50
 * minutes. */
static void test_ask__ten_thousand_strangers_push_out_nobody(void **state)
{
  size_t fetches = 0, refused = 0;
  occ_time began, last_use;
  char id[64];
  bed b;
  (void)state;

  begin(&b, &usual);
  become_known(&b, "https://victim.org/c");
  began = last_use = b.now;
  for (unsigned i = 0; i < 10000;) {
    (void)snprintf(id, sizeof(id), "https://h%u-evil.net/c", i);
    if (ask(&b, id) == OCC__CACHE_FETCH) {
      store_by(&b, id, 0, OCC__CIMD_MOST_MS);
      fetches++;
      i++;
    } else {
      refused++;
      b.now += 1000;
    }
    for (unsigned back = 1; back <= 200 && back * 5 < i; back += 20) {
      (void)snprintf(id, sizeof(id), "https://h%u-evil.net/c", i - back * 5);
      if (ask(&b, id) == OCC__CACHE_FETCH) {
        (void)fail_with(&b, id, STATUS);
        fetches++;
      }
    }
    if (b.now - last_use >= 50 * 60000) {
      /* Its own time is over by now and then; it is fetched out of the part that strangers leave. */
      occ_cache_step step = ask(&b, "https://victim.org/c");

      if (step == OCC__CACHE_FETCH) {
        store_by(&b, "https://victim.org/c", 0, OCC__CIMD_MOST_MS);
        fetches++;
      } else {
        assert_int_equal(step, OCC__CACHE_HIT);
      }
      assert_int_equal(b.found.first_seen, T0); /* it was never forgotten */
      last_use = b.now;
    }
  }
  assert_true(refused > 1000);
  assert_true(fetches <= (size_t)((b.now - began) / 60000 + 1) * OCC__CIMD_MINUTE);
  assert_true(b.fm.live_octets <= OCC__CIMD_OCTETS + (1u << 20));
  end(&b);
}

/* A domain of which every name is somebody: all it can get is its part, and others who come become known as before. */
static void test_ask__a_domain_leaves_room(void **state)
{
  occ_cache_rules rules = usual;
  occ_cache_step step;
  char id[64];
  bed b;
  (void)state;

  rules.entries[0] = 4 * OCC__CIMD_ENTRIES_MIN;
  begin(&b, &rules);
  for (unsigned i = 0; i < 10 * 300; i++) { /* again and again, as fast as it is let in */
    (void)snprintf(id, sizeof(id), "https://h%u.evil.net/c", i % 300);
    while ((step = ask(&b, id)) == OCC__CACHE_REFUSED) {
      b.now += 1000;
    }
    if (step == OCC__CACHE_FETCH) {
      store_by(&b, id, 0, OCC__CIMD_MOST_MS);
    }
  }
  assert_true(b.fm.live <= 64 + OWN_BLOCKS); /* a quarter */
  for (unsigned i = 0; i < 100; i++) {
    (void)snprintf(id, sizeof(id), "https://good%u.org/c", i);
    become_known(&b, id);
  }
  for (unsigned i = 0; i < 500; i++) {
    (void)snprintf(id, sizeof(id), "https://s%u.com/c", i);
    b.now += 1000;
    fetch(&b, id);
  }
  for (unsigned i = 0; i < 100; i++) {
    (void)snprintf(id, sizeof(id), "https://good%u.org/c", i);
    if (ask(&b, id) == OCC__CACHE_FETCH) {
      store(&b, id);
    }
    assert_true(b.found.first_seen < b.now - 400000); /* it was never forgotten */
    b.now += 1000;
  }
  end(&b);
}

/* The same with all of them on the victim's own host. */
static void test_ask__neighbours_push_out_nobody(void **state)
{
  char id[64];
  bed b;
  (void)state;

  begin(&b, &usual);
  become_known(&b, "https://shared.org/victim");
  for (unsigned i = 0; i < 1000; i++) {
    (void)snprintf(id, sizeof(id), "https://shared.org/%u", i);
    b.now += 2500;
    assert_int_equal(ask(&b, id), OCC__CACHE_FETCH);
    store_by(&b, id, 0, OCC__CIMD_MOST_MS);
    if (i % 20 == 0) { /* 50 s */
      occ_cache_step step = ask(&b, "https://shared.org/victim");

      if (step == OCC__CACHE_FETCH) {
        store_by(&b, "https://shared.org/victim", 0, OCC__CIMD_MOST_MS);
      } else {
        assert_int_equal(step, OCC__CACHE_HIT);
      }
      assert_int_equal(b.found.first_seen, T0);
    }
  }
  assert_true(b.fm.live <= 16 + OWN_BLOCKS); /* entries of one host, and the cache's own blocks */
  end(&b);
}

/* What is kept makes room only when it was idle for an hour. */
static void test_ask__the_idle_make_room(void **state)
{
  occ_cache_rules rules = usual;
  char id[64];
  bed b;
  (void)state;

  rules.entries[0] = OCC__CIMD_ENTRIES_MIN;
  begin(&b, &rules);
  for (unsigned i = 0; i < OCC__CIMD_KEPT_PART(OCC__CIMD_ENTRIES_MIN); i++) {
    (void)snprintf(id, sizeof(id), "https://h%u.org/c", i);
    become_known(&b, id); /* a minute each: the first is idle for 48 minutes at the end */
  }
  become_known(&b, "https://late.org/c"); /* on trial still: all places are taken */
  for (unsigned i = 0; i < OCC__CIMD_ENTRIES_MIN; i++) {
    (void)snprintf(id, sizeof(id), "https://s%u.org/c", i);
    b.now += 1000;
    fetch(&b, id);
  }
  assert_int_equal(ask(&b, "https://late.org/c"), OCC__CACHE_FETCH); /* pushed out */
  store_by(&b, "https://late.org/c", 0, OCC__CIMD_MOST_MS);
  assert_int_equal(b.found.first_seen, b.now);
  b.now = T0 + OCC__CIMD_PROVE_MS + OCC__CIMD_IDLE_MS; /* the first is idle for an hour now */
  assert_int_equal(ask(&b, "https://late.org/c"), OCC__CACHE_HIT);
  for (unsigned i = 0; i < OCC__CIMD_ENTRIES_MIN; i++) {
    (void)snprintf(id, sizeof(id), "https://t%u.org/c", i);
    b.now += 1000;
    fetch(&b, id);
  }
  assert_int_equal(ask(&b, "https://late.org/c"), OCC__CACHE_HIT);
  assert_int_equal(ask(&b, "https://h0.org/c"), OCC__CACHE_FETCH);
  end(&b);
}

/* All of a host's entries are used again and again; there is room for its newcomers, four at once. */
static void test_ask__a_host_keeps_a_quarter_free(void **state)
{
  char id[64];
  bed b;
  (void)state;

  begin(&b, &usual);
  for (unsigned i = 0; i < OCC__CIMD_PER_HOST; i++) {
    (void)snprintf(id, sizeof(id), "https://a.org/%u", i);
    become_known(&b, id);
  }
  for (unsigned i = 0; i < OCC__CIMD_FLIGHTS_PER_HOST; i++) {
    (void)snprintf(id, sizeof(id), "https://a.org/new/%u", i);
    assert_int_equal(ask_by(&b, id, i), OCC__CACHE_FETCH);
  }
  assert_int_equal(ask_by(&b, "https://a.org/0", 99), OCC__CACHE_HIT);
  assert_int_equal(ask_by(&b, "https://a.org/11", 99), OCC__CACHE_HIT);
  end(&b);
}

/* The same of a domain. */
static void test_ask__a_domain_keeps_a_quarter_free(void **state)
{
  occ_cache_rules rules = usual;
  char id[64];
  bed b;
  (void)state;

  rules.entries[0] = 4 * OCC__CIMD_ENTRIES_MIN;
  begin(&b, &rules);
  for (unsigned i = 0; i < OCC__CIMD_ENTRIES_MIN; i++) {
    (void)snprintf(id, sizeof(id), "https://h%u.a.org/c", i);
    become_known(&b, id);
  }
  for (unsigned i = 0; i < OCC__CIMD_FLIGHTS_PER_HOST; i++) {
    (void)snprintf(id, sizeof(id), "https://new%u.a.org/c", i);
    assert_int_equal(ask_by(&b, id, i), OCC__CACHE_FETCH);
  }
  assert_int_equal(ask_by(&b, "https://h47.a.org/c", 99), OCC__CACHE_HIT);
  end(&b);
}

/* E13: 5000 ids, as many entries as there may be, and no more octets. */
static void test_store__is_bounded(void **state)
{
  occ_cache_rules rules = usual;
  char id[64];
  bed b;
  (void)state;

  rules.octets = 100 * 4000;
  begin(&b, &rules);
  for (unsigned i = 0; i < 5000; i++) {
    (void)snprintf(id, sizeof(id), "https://h%u.org/c", i);
    b.now += 1000;
    fetch(&b, id);
    assert_true(b.fm.live <= 100 + OWN_BLOCKS); /* values, and the cache's own blocks */
  }
  assert_int_equal(b.fm.live, 100 + OWN_BLOCKS);
  b.now += 60000;
  assert_int_equal(ask(&b, "https://a.org/large"), OCC__CACHE_FETCH);
  { /* larger than all: given to the one that asked, not kept, and not fetched for each of the others */
    const occ_cache_ask q = question(&b, "https://a.org/large", 0);

    store_as(&b, &q, 1, LIFE, 1, 100 * 4000 + 1);
    assert_int_equal(ask(&b, "https://a.org/large"), OCC__CACHE_REFUSED);
    assert_int_equal(b.found.reason, BUSY);
  }
  end(&b);
}

/* ---- Keys ---- */

static const char set_id[] = "https://a.org/c";

static occ_cache_ask keys_question(const bed *b, const char *kid, size_t number)
{
  occ_cache_ask q = question(b, set_id, number);

  q.kind = OCC__CACHE_KEYSET;
  q.url = occ__span_text("https://a.org/k");
  q.kid = kid;
  return q;
}

static occ_cache_step ask_key(bed *b, const char *kid, size_t number)
{
  const occ_cache_ask q = keys_question(b, kid, number);
  occ_cache_step step = occ__cache_ask(b->cache, &q, &b->found);

  occ__value_drop(b->found.value);
  return step;
}

/* A set with one key of that name. */
static void store_key_of(bed *b, const occ_cache_ask *q, const char *kid)
{
  occ_keyset *set = occ__value_new(&b->fm.mem, sizeof(*set));

  assert_non_null(set);
  set->kids = kid;
  set->kids_len = strlen(kid) + 1;
  set->value.snapshot.keys[0] = (uint8_t)kid[0];
  assert_int_equal(occ__cache_ask(b->cache, q, &b->found), OCC__CACHE_MINE);
  occ__cache_store(b->cache, q, &set->value, (occ_freshness){ 10 * LIFE, 1 }, NULL, &b->found);
  occ__value_drop(b->found.value);
}

static void store_key(bed *b, const char *kid)
{
  const occ_cache_ask q = keys_question(b, "", 0);

  store_key_of(b, &q, kid);
}

static occ_cache_step fail_keys(bed *b, int reason)
{
  const occ_cache_ask q = keys_question(b, "", 0);
  occ_cache_step step = occ__cache_fail(b->cache, &q, reason, &b->found);

  occ__value_drop(b->found.value);
  return step;
}

/* F04, F05, F06, F10. */
static void test_ask__unknown_keys(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask_key(&b, "old", 0), OCC__CACHE_FETCH);
  store_key(&b, "old");
  assert_int_equal(ask_key(&b, "old", 0), OCC__CACHE_HIT);
  assert_int_equal(ask_key(&b, NULL, 0), OCC__CACHE_HIT);
  assert_int_equal(ask_key(&b, "", 0), OCC__CACHE_HIT);
  assert_int_equal(ask_key(&b, "new", 0), OCC__CACHE_FETCH); /* F04 */
  assert_int_equal(ask_key(&b, "old", 1), OCC__CACHE_HIT);   /* meanwhile */
  assert_int_equal(ask_key(&b, "new", 2), OCC__CACHE_WAIT);
  store_key(&b, "new");
  assert_int_equal(wakes(), 1);
  assert_int_equal(b.found.changes, OCC__CHANGED_KEYS);
  assert_int_equal(ask_key(&b, "new", 2), OCC__CACHE_HIT);
  for (int i = 0; i < 1000; i++) { /* F05 */
    assert_int_equal(ask_key(&b, "random", 0), OCC__CACHE_HIT);
  }
  b.now += OCC__CIMD_KID_MS - 1;
  assert_int_equal(ask_key(&b, "random", 0), OCC__CACHE_HIT);
  b.now++;
  assert_int_equal(ask_key(&b, "random", 0), OCC__CACHE_FETCH);
  assert_int_equal(fail_keys(&b, STATUS), OCC__CACHE_HIT); /* F06 */
  assert_int_equal(ask_key(&b, "new", 0), OCC__CACHE_HIT);
  b.now = T0 + 10 * LIFE - 1;
  assert_int_equal(ask_key(&b, "new", 0), OCC__CACHE_HIT);
  b.now++; /* F10, F06: it ends all the same */
  assert_int_equal(ask_key(&b, "new", 0), OCC__CACHE_FETCH);
  assert_int_equal(fail_keys(&b, UNREACHABLE), OCC__CACHE_REFUSED);
  assert_int_equal(ask_key(&b, "new", 0), OCC__CACHE_REFUSED);
  end(&b);
}

/* Keys are never used after their time, whatever holds for documents. */
static void test_fail__keys_are_never_stale(void **state)
{
  occ_cache_rules rules = usual;
  bed b;
  (void)state;

  rules.stale_ms = OCC__CIMD_STALE_MAX_MS;
  begin(&b, &rules);
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  b.now += 10 * LIFE;
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  assert_int_equal(fail_keys(&b, UNREACHABLE), OCC__CACHE_REFUSED);
  end(&b);
}

/* One that looked for an unknown key goes away: another looks, or has what there is. */
static void test_cancel__a_look_for_an_unknown_key(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_FETCH);
  assert_int_equal(ask_key(&b, "x", 1), OCC__CACHE_WAIT);
  assert_int_equal(ask_key(&b, "x", 2), OCC__CACHE_WAIT);
  occ__cache_cancel(b.cache, 1);
  assert_int_equal(wakes(), 2);
  assert_int_equal(ask_key(&b, "1", 1), OCC__CACHE_HIT); /* it leaves the flight */
  assert_int_equal(ask_key(&b, "x", 2), OCC__CACHE_FETCH);
  occ__cache_cancel(b.cache, 3);
  assert_int_equal(wakes(), 0);
  assert_int_equal(ask_key(&b, "x", 3), OCC__CACHE_HIT); /* not again so soon */
  end(&b);
}

/* Nobody may look any more: all who waited have what there is. */
static void test_cancel__a_look_that_no_budget_is_left_for(void **state)
{
  occ_cache_rules rules = usual;
  bed b;
  (void)state;

  rules.kid_minute = 1;
  begin(&b, &rules);
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_FETCH);
  assert_int_equal(ask_key(&b, "x", 1), OCC__CACHE_WAIT);
  assert_int_equal(ask_key(&b, "x", 2), OCC__CACHE_WAIT);
  occ__cache_cancel(b.cache, 1);
  assert_int_equal(wakes(), 2);
  assert_int_equal(ask_key(&b, "x", 1), OCC__CACHE_HIT);
  assert_int_equal(ask_key(&b, "x", 2), OCC__CACHE_HIT);
  assert_int_equal(wakes(), 0);
  end(&b);
}

/* F05, for all sets together. */
static void test_ask__unknown_keys_have_a_budget(void **state)
{
  occ_cache_rules rules = usual;
  bed b;
  (void)state;

  rules.kid_minute = 1;
  begin(&b, &rules);
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  b.now += OCC__CIMD_KID_MS;
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_HIT);
  b.now += 60000 - OCC__CIMD_KID_MS - 1;
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_HIT);
  b.now++;
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_FETCH);
  end(&b);
}

/* Asks for a key of sets of one domain, from one number on; how many led to a fetch. */
static unsigned look_for_keys(bed *b, const char *kid, unsigned from, unsigned count)
{
  unsigned fetches = 0;

  for (unsigned i = from; i < from + count; i++) {
    char id[64];
    occ_cache_ask q;

    (void)snprintf(id, sizeof(id), "https://h%u.evil.net/c", i);
    q = question(b, id, 0);
    q.kind = OCC__CACHE_KEYSET;
    q.url = q.client_id;
    q.kid = kid;
    if (occ__cache_ask(b->cache, &q, &b->found) == OCC__CACHE_FETCH) {
      store_key_of(b, &q, "1");
      fetches++;
    } else {
      occ__value_drop(b->found.value);
    }
  }
  return fetches;
}

/* ... nor does one domain use it up with sets of its own: keys of others are found all the same. */
static void test_ask__unknown_keys_of_a_domain(void **state)
{
  const unsigned most = OCC__CIMD_KID_MINUTE * OCC__CIMD_DOMAIN_PERCENT / 100;
  bed b;
  (void)state;

  begin(&b, &usual);
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  assert_int_equal(look_for_keys(&b, "1", 0, 29), 29);
  b.now += 60000;
  assert_int_equal(look_for_keys(&b, "1", 29, 29), 29);
  b.now += 60000;
  assert_int_equal(look_for_keys(&b, "x", 0, 58), most);
  assert_int_equal(ask_key(&b, "x", 0), OCC__CACHE_FETCH);
  end(&b);
}

/* ---- What is remembered ---- */

static void test_store__changes(void **state)
{
  occ_cache_ask q;
  bed b;
  (void)state;

  begin(&b, &usual);
  fetch(&b, "https://a.org/c");
  assert_int_equal(b.found.changed, 0);
  b.now += LIFE;
  fetch(&b, "https://a.org/c"); /* the same again */
  assert_int_equal(b.found.changed, 0);
  assert_int_equal(b.found.changes, 0);
  b.now += LIFE;
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  (void)fail_with(&b, "https://a.org/c", STATUS); /* gone in between */
  b.now += LIFE;
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_FETCH);
  q = question(&b, "https://a.org/c", 0);
  store_as(&b, &q, 2, LIFE, 1, 4000);
  assert_int_equal(b.found.changed, b.now);
  assert_int_equal(b.found.changes, OCC__CHANGED_KEYS);
  assert_int_equal(b.found.first_seen, T0);
  b.now += 1;
  assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
  assert_int_equal(b.found.changed, b.now - 1);
  q = question(&b, "https://a.org/c", 9);
  assert_int_equal(occ__cache_peek(b.cache, &q, &b.found), 1);
  assert_null(b.found.value);
  assert_int_equal(b.found.changed, b.now - 1);
  q = question(&b, "https://b.org/c", 9);
  assert_int_equal(occ__cache_peek(b.cache, &q, &b.found), 0);
  end(&b);
}

static void test_forget__one_and_all(void **state)
{
  bed b;
  (void)state;

  begin(&b, &usual);
  fetch(&b, set_id);
  fetch(&b, "https://b.org/c");
  assert_int_equal(ask_key(&b, "1", 0), OCC__CACHE_FETCH);
  store_key(&b, "1");
  b.now += 1;
  occ__cache_forget(b.cache, occ__span_text("https://c.org/c"));
  assert_int_equal(ask(&b, set_id), OCC__CACHE_HIT);
  occ__cache_forget(b.cache, occ__span_text(set_id));
  assert_int_equal(ask(&b, "https://b.org/c"), OCC__CACHE_HIT);
  assert_int_equal(ask_key(&b, "1", 1), OCC__CACHE_FETCH);
  assert_int_equal(ask(&b, set_id), OCC__CACHE_FETCH);
  occ__cache_forget(b.cache, occ__span_text(set_id)); /* while it is fetched */
  store(&b, set_id);
  assert_int_equal(b.found.first_seen, b.now);
  assert_int_equal(ask(&b, set_id), OCC__CACHE_HIT);
  occ__cache_forget(b.cache, occ__span(NULL, 0));
  assert_int_equal(ask_by(&b, set_id, 2), OCC__CACHE_FETCH);
  assert_int_equal(ask_by(&b, "https://b.org/c", 3), OCC__CACHE_FETCH);
  end(&b);
}

static void test_hit__allocates_nothing(void **state)
{
  size_t before;
  bed b;
  (void)state;

  begin(&b, &usual);
  fetch(&b, "https://a.org/c");
  before = b.fm.count;
  for (int i = 0; i < 100; i++) {
    assert_int_equal(ask(&b, "https://a.org/c"), OCC__CACHE_HIT);
  }
  assert_int_equal(b.fm.count, before);
  end(&b);
}

static void test_new__survives_every_failed_allocation(void **state)
{
  occ_cache *cache = NULL;
  int rc = OCC_ERR_MEMORY;
  fail_mem fm;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__cache_new(&cache, &fm.mem, &usual, hash_key, wake);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(cache);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
    occ__cache_free(cache);
    assert_int_equal(fm.live, 0);
  }
  occ__cache_free(NULL);
}

/* The set of that client, with keys that differ by their number; fetched where it is not there. */
static occ_cache_step put_set(bed *b, const char *id, int keys)
{
  occ_cache_ask q = question(b, id, 0);
  occ_cache_step step;

  q.kind = OCC__CACHE_KEYSET;
  q.url = q.client_id;
  q.kid = "";
  step = occ__cache_ask(b->cache, &q, &b->found);
  if (step == OCC__CACHE_FETCH) {
    store_as(b, &q, keys, 10 * LIFE, 1, 4000);
  } else {
    occ__value_drop(b->found.value);
  }
  return step;
}

static int peek_set(bed *b, const char *id)
{
  occ_cache_ask q = question(b, id, 0);

  q.kind = OCC__CACHE_KEYSET;
  q.url = q.client_id;
  return occ__cache_peek(b->cache, &q, &b->found);
}

/* While it is being fetched; then the fetch is given up. */
static void past_of_set(bed *b, const char *id, int keys)
{
  occ_cache_ask q = question(b, id, 0);
  occ_history past;

  q.kind = OCC__CACHE_KEYSET;
  q.url = q.client_id;
  assert_int_equal(occ__cache_ask(b->cache, &q, &b->found), OCC__CACHE_FETCH);
  occ__cache_past(b->cache, &q, &past);
  assert_int_equal(past.seen, 1);
  assert_int_equal(past.last.keys[0], keys);
  occ__cache_cancel(b->cache, q.ticket);
}

/* CH-1, CH-2: sets have fewer places than documents. The victim's goes; its document, and what is known of its keys, stay. */
static void test_store__a_set_that_was_pushed_out_is_not_new(void **state)
{
  static const struct {
    const char *why;
    int keys;
    unsigned changes;
  } row[] = { { "the same keys", 1, 0 }, { "other keys", 2, OCC__CHANGED_KEYS } };
  occ_cache_rules rules = usual;
  (void)state;

  rules.entries[OCC__CACHE_KEYSET] = 64;
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_time first;
    char id[64];
    bed b;

    print_message("  %s\n", row[i].why);
    begin(&b, &rules);
    become_known(&b, "https://victim.org/c");
    assert_int_equal(put_set(&b, "https://victim.org/c", 1), OCC__CACHE_FETCH);
    first = b.now;
    for (unsigned stranger = 0; stranger < 70; stranger++) {
      b.now += 1000;
      (void)snprintf(id, sizeof(id), "https://x.stranger%u.org/c", stranger);
      (void)put_set(&b, id, 9);
    }
    assert_int_equal(peek_set(&b, "https://victim.org/c"), 1);
    assert_int_equal(b.found.first_seen, first);
    past_of_set(&b, "https://victim.org/c", 1); /* what a host's memory is told of */
    assert_int_equal(put_set(&b, "https://victim.org/c", row[i].keys), OCC__CACHE_FETCH);
    assert_int_equal(b.found.first_seen, first);
    assert_int_equal(b.found.changes, row[i].changes);
    assert_int_equal(b.found.changed, row[i].changes == 0 ? 0 : b.now);
    assert_int_equal(peek_set(&b, "https://nobody.org/c"), 0);
    /* Forgotten is forgotten. */
    occ__cache_forget(b.cache, occ__span_text("https://victim.org/c"));
    assert_int_equal(peek_set(&b, "https://victim.org/c"), 0);
    end(&b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_store__a_set_that_was_pushed_out_is_not_new),
    cmocka_unit_test(test_ask__one_fetch_while_it_is_fresh),
    cmocka_unit_test(test_ask__ids_are_compared_as_they_are),
    cmocka_unit_test(test_ask__a_clock_that_goes_back_keeps_nothing_alive),
    cmocka_unit_test(test_fail__pauses_grow_and_end),
    cmocka_unit_test(test_fail__stale),
    cmocka_unit_test(test_ask__others_wait_for_one),
    cmocka_unit_test(test_fail__those_who_waited_are_told_the_same),
    cmocka_unit_test(test_cancel__another_takes_over),
    cmocka_unit_test(test_cancel__nobody_waits),
    cmocka_unit_test(test_cancel__of_all_one_after_the_other),
    cmocka_unit_test(test_ask__a_deadline_lets_another_fetch),
    cmocka_unit_test(test_ask__the_response_is_of_what_was_fetched),
    cmocka_unit_test(test_ask__waits_for_one_thing),
    cmocka_unit_test(test_ask__only_known),
    cmocka_unit_test(test_ask__fetches_a_minute),
    cmocka_unit_test(test_ask__fetches_at_once),
    cmocka_unit_test(test_ask__of_a_domain),
    cmocka_unit_test(test_ask__domains_of_addresses),
    cmocka_unit_test(test_ask__a_known_domain_leaves_fetches),
    cmocka_unit_test(test_ask__a_domain_leaves_room),
    cmocka_unit_test(test_ask__ten_thousand_strangers_push_out_nobody),
    cmocka_unit_test(test_ask__neighbours_push_out_nobody),
    cmocka_unit_test(test_ask__the_idle_make_room),
    cmocka_unit_test(test_ask__a_host_keeps_a_quarter_free),
    cmocka_unit_test(test_ask__a_domain_keeps_a_quarter_free),
    cmocka_unit_test(test_cancel__a_look_that_no_budget_is_left_for),
    cmocka_unit_test(test_store__is_bounded),
    cmocka_unit_test(test_ask__unknown_keys),
    cmocka_unit_test(test_fail__keys_are_never_stale),
    cmocka_unit_test(test_cancel__a_look_for_an_unknown_key),
    cmocka_unit_test(test_ask__unknown_keys_have_a_budget),
    cmocka_unit_test(test_ask__unknown_keys_of_a_domain),
    cmocka_unit_test(test_store__changes),
    cmocka_unit_test(test_forget__one_and_all),
    cmocka_unit_test(test_hit__allocates_nothing),
    cmocka_unit_test(test_new__survives_every_failed_allocation),
  };
  return cmocka_run_group_tests_name("cimd/cache", tests, NULL, NULL);
}
