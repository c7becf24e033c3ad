/* SPDX-License-Identifier: MIT */
/* What the store answers: every rule at its limit, and 100,000 random questions against a naive list. Threads and
 * processes: test_table_shared.c. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include "region_help.h"

#include <stdio.h>

enum { PROOF = 1, ASSERTION = 2, SESSION = 3, EVIDENCE = 4, MANDATE = 5 };

/* --- ONCE --- */

static void test_once__is_yes_once(void **state)
{
  test_region r;
  (void)state;

  region_up(&r, 1000);
  for (unsigned purpose = PROOF; purpose <= MANDATE; purpose++) {
    assert_int_equal(once(&r, purpose, 1, "c", T0), OCC_YES);
    assert_int_equal(once(&r, purpose, 1, "c", T0), OCC_NO);
    assert_int_equal(once(&r, purpose, 1, "another client", T0 + 1), OCC_NO);
    assert_int_equal(once(&r, purpose, 2, "c", T0), OCC_YES);
  }
  region_down(&r);
}

static void test_once__every_octet_of_the_key_counts(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  occ_question q = question_of(key, NULL);
  size_t place;
  (void)state;

  region_up(&r, 10000);
  key_set(key, SESSION, 0);
  assert_int_equal(occ__table_once(&r.region, &q, &place), OCC_YES);
  for (size_t i = 1; i < sizeof(key); i++) {
    char client[24];

    key_set(key, SESSION, 0);
    key[i] ^= 0x80;
    q.client_id = client_name(client, (unsigned)i);
    assert_int_equal(occ__table_once(&r.region, &q, &place), OCC_YES);
  }
  region_down(&r);
}

/* Of four keys, some exist already. */
static void test_once__stops_at_the_first_that_exists(void **state)
{
  static const struct {
    const char *why;
    size_t keys;
    const char *exists; /* '1' where it does */
    int want;
    size_t place;
    const char *after;
  } row[] = {
    { "all four new", 4, "0000", OCC_YES, 0, "1111" },
    { "one key, new", 1, "0000", OCC_YES, 0, "1000" },
    { "three keys, the fourth is not asked about", 3, "0001", OCC_YES, 0, "1111" },
    { "the first exists", 4, "1000", OCC_NO, 0, "1000" },
    { "the second exists, the first stays", 4, "0100", OCC_NO, 1, "1100" },
    { "the third exists, two stay", 4, "0010", OCC_NO, 2, "1110" },
    { "the last exists, three stay", 4, "0001", OCC_NO, 3, "1111" },
    { "two exist, the first counts", 4, "0101", OCC_NO, 1, "1101" },
    { "all exist", 4, "1111", OCC_NO, 0, "1111" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;
    uint8_t keys[4][32] = { { 0 } };
    occ_question q = question_of(keys[0], "c");
    size_t place = 99;

    print_message("  %s\n", row[i].why);
    region_up(&r, 1000);
    q.keys = row[i].keys;
    for (unsigned k = 0; k < 4; k++) {
      key_set(keys[k], PROOF + k, 5);
      if (row[i].exists[k] == '1') {
        assert_int_equal(once(&r, PROOF + k, 5, "c", T0), OCC_YES);
      }
    }
    assert_int_equal(occ__table_once(&r.region, &q, &place), row[i].want);
    if (row[i].want == OCC_NO) {
      assert_int_equal(place, row[i].place);
    }
    for (unsigned k = 0; k < 4; k++) {
      assert_int_equal(once(&r, PROOF + k, 5, "c", T0), row[i].after[k] == '1' ? OCC_NO : OCC_YES);
    }
    region_down(&r);
  }
}

static void test_once__one_key_twice_in_a_question_is_a_replay(void **state)
{
  test_region r;
  uint8_t keys[2][32] = { { 0 } };
  occ_question q = question_of(keys[0], "c");
  size_t place = 99;
  (void)state;

  region_up(&r, 1000);
  key_set(keys[0], PROOF, 1);
  key_set(keys[1], PROOF, 1);
  q.keys = 2;
  assert_int_equal(occ__table_once(&r.region, &q, &place), OCC_NO);
  assert_int_equal(place, 1);
  region_down(&r);
}

static void test_once__refuses_malformed_questions(void **state)
{
  test_region r;
  uint8_t keys[5][32] = { { 0 } };
  size_t place;
  (void)state;

  region_up(&r, 1000);
  for (size_t row = 0;; row++) {
    occ_question q = question_of(keys[0], "c");
    const char *why;
    int want = OCC_ERR_ARGUMENT;

    for (unsigned k = 0; k < 5; k++) {
      key_set(keys[k], PROOF + k, 100 + row);
    }
    switch (row) {
    case 0:
      why = "no key at all";
      q.key = NULL;
      break;
    case 1:
      why = "0 keys";
      q.keys = 0;
      break;
    case 2:
      why = "5 keys";
      q.keys = 5;
      break;
    case 3:
      why = "4 keys";
      q.keys = 4;
      want = OCC_YES;
      break;
    case 4:
      why = "purpose 0";
      keys[0][0] = 0;
      break;
    case 5:
      why = "purpose 6";
      keys[0][0] = 6;
      break;
    case 6:
      why = "purpose 1 with a high bit";
      keys[0][0] = 0x81;
      break;
    case 7:
      why = "purpose 0 of the last key";
      keys[3][0] = 0;
      q.keys = 4;
      break;
    case 8:
      why = "expires before now";
      q.expires = q.now - 1;
      break;
    case 9:
      why = "expires now";
      q.expires = q.now;
      break;
    case 10:
      why = "expires in a millisecond";
      q.expires = q.now + 1;
      want = OCC_YES;
      break;
    case 11:
      why = "expires beyond what a slot holds";
      q.expires = INT64_C(1) << 55;
      break;
    case 12:
      why = "expires at the end of what it holds";
      q.expires = (INT64_C(1) << 55) - 1;
      want = OCC_YES;
      break;
    case 13:
      why = "expires at the end of time";
      q.expires = INT64_MAX;
      break;
    case 14:
      why = "now before 1970";
      q.now = -1;
      break;
    case 15:
      why = "now at the beginning of time";
      q.now = INT64_MIN;
      break;
    default:
      region_down(&r);
      return;
    }
    print_message("  %s\n", why);
    assert_int_equal(occ__table_once(&r.region, &q, &place), want);
    if (want != OCC_YES) { /* nothing came of it: what is well-formed among its keys is new */
      assert_int_equal(once(&r, ASSERTION, 100 + row, "c", T0), OCC_YES);
    }
  }
}

static void test_once__forgets_at_the_millisecond(void **state)
{
  static const struct {
    const char *why;
    occ_time later;
    int want;
  } row[] = {
    { "at once", 0, OCC_NO },
    { "a millisecond before the end", LIFE - 1, OCC_NO },
    { "at the end", LIFE, OCC_YES },
    { "a millisecond after", LIFE + 1, OCC_YES },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;

    print_message("  %s\n", row[i].why);
    region_up(&r, 1000);
    assert_int_equal(once(&r, SESSION, 1, "c", T0), OCC_YES);
    assert_int_equal(once(&r, SESSION, 1, "c", T0 + row[i].later), row[i].want);
    assert_int_equal(once(&r, SESSION, 1, "c", T0 + row[i].later), OCC_NO); /* either way */
    region_down(&r);
  }
}

/* What RETRY is because of. */
static size_t why_not(const test_region *r, uint64_t n, occ_time now, occ_time issued)
{
  uint8_t key[32];
  occ_question q;
  size_t detail = 99;

  key_set(key, SESSION, n);
  q = question_of(key, "c");
  q.now = now;
  q.issued = issued;
  q.expires = now + LIFE;
  assert_int_equal(occ__table_once(&r->region, &q, &detail), OCC_RETRY);
  return detail;
}

/* An entry that expires then has been, and is freed: its key comes again. */
static void forget(const test_region *r, unsigned purpose, occ_time expires)
{
  uint8_t key[32];
  occ_question q;
  size_t detail;

  key_set(key, purpose, 900000);
  q = question_of(key, "forgotten");
  q.expires = expires;
  assert_int_equal(occ__table_once(&r->region, &q, &detail), OCC_YES);
  q.now = expires;
  q.expires = expires + 1;
  assert_int_equal(occ__table_once(&r->region, &q, &detail), OCC_YES);
}

/* An entry has expired at T0 + LIFE and is forgotten: who comes from more than 120 s before that might have needed it. */
static void test_once__a_clock_set_back(void **state)
{
  static const struct {
    const char *why;
    occ_time back;
    int seen, fresh; /* for a key that exists, and for a new one */
  } row[] = {
    { "119 s", 119000, OCC_NO, OCC_YES },
    { "a millisecond less than 120 s", 119999, OCC_NO, OCC_YES },
    { "120 s", 120000, OCC_NO, OCC_YES },
    { "a millisecond more than 120 s", 120001, OCC_RETRY, OCC_RETRY },
    { "121 s", 121000, OCC_RETRY, OCC_RETRY },
    { "to the beginning of 1970", T0 + LIFE, OCC_RETRY, OCC_RETRY },
  };
  const occ_time high = T0 + LIFE + 50000;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const occ_time now = T0 + LIFE - row[i].back;
    test_region r;

    print_message("  %s\n", row[i].why);
    region_up(&r, 16); /* pools of two buckets: two inserts sweep all */
    assert_int_equal(once(&r, SESSION, 1, "c", T0), OCC_YES);
    assert_int_equal(once(&r, SESSION, 2, "c", high), OCC_YES);
    assert_int_equal(once(&r, SESSION, 3, "c", high), OCC_YES);
    assert_int_equal(once(&r, SESSION, 2, "c", now), row[i].seen);
    if (row[i].fresh == OCC_RETRY) {
      assert_int_equal(why_not(&r, 4, now, T0), OCC__WHY_CLOCK);
    }
    assert_int_equal(once(&r, SESSION, 4, "c", now), row[i].fresh);
    /* RETRY has inserted nothing, and the store answers again when the clock is right. */
    assert_int_equal(once(&r, SESSION, 4, "c", high), row[i].fresh == OCC_YES ? OCC_NO : OCC_YES);
    assert_int_equal(once(&r, SESSION, 2, "c", high), OCC_NO);
    region_down(&r);
  }
}

/* As long as nothing is forgotten, no clock is too far back. */
static void test_once__a_clock_set_back_with_nothing_forgotten(void **state)
{
  test_region r;
  (void)state;

  region_up(&r, 16);
  assert_int_equal(once(&r, SESSION, 1, "c", T0 + 400000), OCC_YES);
  assert_int_equal(once(&r, SESSION, 1, "c", T0 + 1), OCC_NO);
  assert_int_equal(once(&r, SESSION, 2, "c", T0 + 1), OCC_YES);
  assert_int_equal(once(&r, SESSION, 2, "c", T0 + 400000), OCC_NO);
  region_down(&r);
}

/* A clock a year ahead clears all that is there; the others are shut out no longer than that would have lived. What it
 * puts in itself stays, and is shut out for nobody. */
static void test_once__a_clock_a_year_ahead_does_not_stop_the_others(void **state)
{
  const occ_time year = T0 + INT64_C(31536000000);
  test_region r;
  (void)state;

  region_up(&r, 16);
  assert_int_equal(once(&r, SESSION, 1, "c", T0), OCC_YES);
  for (uint64_t n = 2; n < 6; n++) {
    assert_int_equal(once(&r, SESSION, n, "c", year), OCC_YES);
  }
  assert_int_equal(why_not(&r, 1, T0 + 1, T0), OCC__WHY_CLOCK); /* a wrong YES otherwise */
  assert_int_equal(why_not(&r, 6, T0 + LIFE - 120001, T0), OCC__WHY_CLOCK);
  assert_int_equal(once(&r, SESSION, 6, "c", T0 + LIFE - 120000), OCC_YES);
  assert_int_equal(once(&r, SESSION, 2, "c", T0 + LIFE - 120000), OCC_NO);
  assert_int_equal(once(&r, SESSION, 7, "c", T0 + 2 * LIFE), OCC_YES);
  region_down(&r);
}

static int insert(const test_region *r, int kind, uint64_t n, occ_time now)
{
  static const unsigned purpose[] = { PROOF, SESSION, MANDATE };
  uint8_t key[32];
  occ_question q;
  size_t detail;

  key_set(key, purpose[kind], n);
  q = question_of(key, "c");
  q.now = now;
  q.issued = now;
  q.expires = now + LIFE;
  return kind == 0   ? occ__table_once(&r->region, &q, &detail)
         : kind == 1 ? occ__table_keep(&r->region, &q)
                     : occ__table_reserve(&r->region, &q);
}

/* Whatever inserts may forget. What is forgotten counts for its purpose alone: mandates may live for long. */
static void test_once__any_insert_may_forget(void **state)
{
  (void)state;

  for (int kind = 0; kind < 3; kind++) {
    test_region r;

    region_up(&r, 16);
    assert_int_equal(insert(&r, kind, 1, T0), OCC_YES);
    assert_int_equal(insert(&r, kind, 2, T0 + LIFE), OCC_YES);
    assert_int_equal(insert(&r, kind, 3, T0 + LIFE), OCC_YES);
    for (int other = 0; other < 3; other++) {
      assert_int_equal(insert(&r, other, 4, T0 + LIFE - 120001),
                       other == kind ? OCC_RETRY : OCC_YES);
      assert_int_equal(insert(&r, other, 5, T0 + LIFE - 120000), OCC_YES);
    }
    region_down(&r);
  }
}

/* To look, and to give back, forgets nothing. */
static void test_once__looking_forgets_nothing(void **state)
{
  uint8_t key[32];
  uint8_t data[OCC__MAX_KEPT];
  occ_question q;
  test_region r;
  size_t len;
  (void)state;

  region_up(&r, 16);
  key_set(key, SESSION, 1);
  q = question_of(key, "c");
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_YES);
  q.now = T0 + 10 * LIFE;
  assert_int_equal(occ__table_recall(&r.region, &q, data, &len), OCC_NO);
  assert_int_equal(occ__table_commit(&r.region, &q), OCC_NO);
  assert_int_equal(occ__table_release(&r.region, &q), OCC_YES); /* nothing live to give back */
  q.now = T0 + 1;
  assert_int_equal(occ__table_release(&r.region, &q), OCC_YES);
  assert_int_equal(once(&r, SESSION, 1, "c", T0), OCC_YES);
  region_down(&r);
}

/* design: a session is used on a node, entries live 600 s + 2 * 120 s. Another node's clock runs 120 s ahead and clears
 * what has expired for it. As long as the first node could still take the session for a living one (issued by a clock
 * 120 s ahead of its own: 720 s after the use), it must not get YES. */
static void test_once__a_node_ahead_opens_no_window(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  occ_question ahead = question_of(key, "another");
  size_t place;
  (void)state;

  region_up(&r, 16); /* pools of 16: every sweep sees everything */
  assert_int_equal(once(&r, SESSION, 1, "c", T0), OCC_YES);
  for (occ_time t = 0; t <= 720000; t += 1000) {
    key_set(key, SESSION, (uint64_t)t + 2);
    ahead.now = T0 + t + 120000;
    ahead.expires = ahead.now + 1;
    assert_int_equal(occ__table_once(&r.region, &ahead, &place), OCC_YES);
    if (t < 720000) {
      assert_int_equal(once(&r, SESSION, 1, "c", T0 + t), OCC_NO);
    }
  }
  key_set(key, SESSION, 1); /* one sweep more, of the other bucket: it is cleared */
  key[1] = 1;
  assert_int_equal(occ__table_once(&r.region, &ahead, &place), OCC_YES);
  assert_int_equal(once(&r, SESSION, 1, "c", T0 + 720000), OCC_YES);
  region_down(&r);
}

static void test_once__a_store_younger_than_the_key_cannot_say(void **state)
{
  static const struct {
    const char *why;
    occ_time issued; /* from the moment the store was made */
    int want;
  } row[] = {
    { "a proof of 30 s before a restart", -30000, OCC_RETRY },
    { "restarted in the same second", -999, OCC_RETRY },
    { "a millisecond before", -1, OCC_RETRY },
    { "in the very millisecond", 0, OCC_YES },
    { "a millisecond after", 1, OCC_YES },
    { "no time given", -T0, OCC_RETRY },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;
    uint8_t key[32] = { 0 };
    occ_question q = question_of(key, "c");
    size_t place;

    print_message("  %s\n", row[i].why);
    region_up(&r, 1000);
    key_set(key, PROOF, 1);
    q.now = T0 + 10;
    q.issued = T0 + row[i].issued;
    assert_int_equal(occ__table_once(&r.region, &q, &place), row[i].want);
    if (row[i].want == OCC_RETRY) {
      assert_int_equal(place, OCC__WHY_YOUNG);
    }
    q.issued = T0;
    assert_int_equal(occ__table_once(&r.region, &q, &place),
                     row[i].want == OCC_YES ? OCC_NO : OCC_YES); /* RETRY has inserted nothing */
    region_down(&r);
  }
}

/* The maker's clock was ahead: what is made now would be too old as well, so that no nonce helps. */
static void test_once__a_store_made_after_now_cannot_say(void **state)
{
  test_region r;
  (void)state;

  region_up(&r, 1000);
  assert_int_equal(why_not(&r, 1, T0, T0 - 1), OCC__WHY_YOUNG);
  assert_int_equal(why_not(&r, 1, T0 - 1, T0 - 1), OCC__WHY_CLOCK);
  assert_int_equal(why_not(&r, 1, T0 - 120001, T0 - 150000), OCC__WHY_CLOCK);
  assert_int_equal(once(&r, SESSION, 1, "c", T0), OCC_YES);
  region_down(&r);
}

/* --- limits --- */

static void test_limits__of_one_client(void **state)
{
  static const struct {
    const char *why;
    uint64_t entries;
    unsigned purpose;
    uint64_t limit;
  } row[] = {
    { "a tiny store: 16, which fills a pool of 16", 1, SESSION, 16 },
    { "1 % is less than 16", 8000, SESSION, 16 }, /* capacity 1500 */
    { "1 % of 1700 proofs", 5440, PROOF, 17 },
    { "1 % of 6000 evidences", 32000, EVIDENCE, 60 },
    { "1 % of 2000 mandates", 32000, MANDATE, 20 },
    { "1 % of 50000 assertions", 200000, ASSERTION, 500 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;
    uint64_t n;

    print_message("  %s\n", row[i].why);
    region_up(&r, row[i].entries);
    for (n = 0; n < row[i].limit; n++) {
      assert_int_equal(once(&r, row[i].purpose, n, "greedy", T0), OCC_YES);
    }
    assert_int_equal(once(&r, row[i].purpose, n, "greedy", T0), OCC_RETRY);
    assert_int_equal(once(&r, row[i].purpose, n - 1, "greedy", T0), OCC_NO); /* still told */
    assert_int_equal(once(&r, row[i].purpose % 5 + 1, n, "greedy", T0), OCC_YES);
    if (row[i].entries > 1) {
      assert_int_equal(once(&r, row[i].purpose, n, "modest", T0), OCC_YES);
      n++;
    }
    assert_int_equal(once(&r, row[i].purpose, n, "greedy", T0 + LIFE - 1), OCC_RETRY);
    assert_int_equal(once(&r, row[i].purpose, n, "greedy", T0 + LIFE), OCC_YES); /* it fell */
    region_down(&r);
  }
}

static void test_limits__of_a_client_fall_in_a_large_store(void **state)
{
  test_region r;
  uint64_t n = 0;
  unsigned tries = 0;
  (void)state;

  region_up(&r, 200000); /* far more buckets than one call sweeps */
  while (once(&r, PROOF, n, "greedy", T0) == OCC_YES) {
    n++;
  }
  assert_int_equal(n, 625);
  while (once(&r, PROOF, n, "greedy", T0 + LIFE) != OCC_YES) {
    tries++;
    assert_true(tries < 20);
  }
  for (uint64_t more = 1; more < 625; more++) { /* and all of it comes back */
    int got = once(&r, PROOF, n + more, "greedy", T0 + LIFE);

    for (tries = 0; got == OCC_RETRY && tries < 20; tries++) {
      got = once(&r, PROOF, n + more, "greedy", T0 + LIFE);
    }
    assert_int_equal(got, OCC_YES);
  }
  region_down(&r);
}

/* Nobody is at a limit and no slot is wanted twice: the sweep alone, one bucket an insert, clears what has expired. */
static void test_sweep__clears_the_pool_in_one_round(void **state)
{
  test_region r;
  const occ__pool_layout *layout = &r.region.layout.pool[PROOF - 1];
  char client[24];
  (void)state;

  region_up(&r, 32000);
  for (unsigned n = 0; n < 1000; n++) {
    assert_int_equal(once(&r, PROOF, n, client_name(client, n / 8), T0), OCC_YES);
  }
  for (unsigned n = 0; n < layout->buckets; n++) {
    assert_int_equal(once(&r, PROOF, 5000 + n, client_name(client, n / 8), T0 + LIFE), OCC_YES);
  }
  assert_int_equal(occ__region_header(&r.region)->pool[PROOF - 1].used, layout->buckets);
  region_down(&r);
}

static void test_limits__one_client_cannot_fill_the_store(void **state)
{
  test_region r;
  unsigned yes = 0;
  (void)state;

  region_up(&r, 32000); /* 6000 sessions */
  for (uint64_t n = 0; n < 20000; n++) {
    yes += once(&r, SESSION, n, "greedy", T0) == OCC_YES;
  }
  assert_int_equal(yes, 60);
  for (unsigned c = 0; c < 5000; c++) {
    char client[24];

    assert_int_equal(once(&r, SESSION, 100000 + c, client_name(client, c), T0), OCC_YES);
  }
  region_down(&r);
}

static void test_limits__nameless_clients_are_one(void **state)
{
  test_region r;
  (void)state;

  region_up(&r, 8000);
  for (uint64_t n = 0; n < 16; n++) {
    assert_int_equal(once(&r, SESSION, n, n % 2 == 0 ? NULL : "", T0), OCC_YES);
  }
  assert_int_equal(once(&r, SESSION, 16, NULL, T0), OCC_RETRY);
  assert_int_equal(once(&r, SESSION, 16, "", T0), OCC_RETRY);
  assert_int_equal(once(&r, SESSION, 16, "named", T0), OCC_YES);
  region_down(&r);
}

static int stranger(const test_region *r, unsigned purpose, uint64_t n, unsigned key_number,
                    occ_time now, size_t *detail)
{
  char thumbprint[24];
  uint8_t key[32];
  occ_question q;

  key_set(key, purpose, n);
  q = question_of(key, client_name(thumbprint, key_number));
  q.authenticated = 0;
  q.now = now;
  q.issued = now;
  q.expires = now + LIFE;
  return occ__table_once(&r->region, &q, detail);
}

/* A key for each request, as an attacker has them: together they get a quarter of the purpose and no more. */
static void test_limits__strangers_share_a_quarter(void **state)
{
  static const struct {
    const char *why;
    uint64_t entries;
    unsigned purpose;
    uint64_t limit, capacity;
  } row[] = {
    { "a tiny store: all of it", 1, PROOF, 16, 16 },
    { "a quarter is less than 16", 192, PROOF, 16, 60 },
    { "a quarter of 68 proofs", 218, PROOF, 17, 68 },
    { "a quarter of 1000 proofs", 3200, PROOF, 250, 1000 },
    { "a quarter of 600 sessions", 3200, SESSION, 150, 600 },
    { "a quarter of 200 mandates", 3200, MANDATE, 50, 200 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const unsigned purpose = row[i].purpose;
    char client[24];
    size_t detail = 99;
    test_region r;
    uint64_t n;

    print_message("  %s\n", row[i].why);
    region_up(&r, row[i].entries);
    for (n = 0; n < row[i].limit; n++) {
      assert_int_equal(stranger(&r, purpose, n, (unsigned)n, T0, &detail), OCC_YES);
    }
    for (unsigned more = 0; more < 20; more++) {
      assert_int_equal(stranger(&r, purpose, 5000, 5000 + more, T0, &detail), OCC_RETRY);
      assert_int_equal(detail, OCC__WHY_FULL);
    }
    assert_int_equal(stranger(&r, purpose, 3, 6000, T0, &detail), OCC_NO); /* still told */
    assert_int_equal(stranger(&r, purpose % 5 + 1, 3, 6000, T0, &detail), OCC_YES);
    for (; n < row[i].capacity; n++) { /* the rest is for those who are authenticated */
      assert_int_equal(once(&r, purpose, n, client_name(client, (unsigned)(n / 4)), T0), OCC_YES);
    }
    assert_int_equal(once(&r, purpose, 5000, "late", T0), OCC_RETRY);
    assert_int_equal(stranger(&r, purpose, 5000, 5000, T0 + LIFE - 1, &detail), OCC_RETRY);
    assert_int_equal(stranger(&r, purpose, 5000, 5000, T0 + LIFE, &detail), OCC_YES);
    region_down(&r);
  }
}

/* The limit of one holds for a stranger's key too, and an entry of a client is none of the strangers'. */
static void test_limits__one_stranger_is_a_client(void **state)
{
  size_t detail = 99;
  test_region r;
  (void)state;

  region_up(&r, 3200);
  for (uint64_t n = 0; n < 17; n++) {
    assert_int_equal(stranger(&r, PROOF, n, 7, T0, &detail), n < 16 ? OCC_YES : OCC_RETRY);
  }
  assert_int_equal(stranger(&r, PROOF, 17, 8, T0, &detail), OCC_YES);
  assert_int_equal(once(&r, PROOF, 18, "c", T0), OCC_YES);
  assert_int_equal(occ__region_header(&r.region)->pool[PROOF - 1].strangers, 17);
  region_down(&r);
}

static void test_limits__a_full_purpose_starves_no_other(void **state)
{
  static const struct {
    unsigned purpose;
    uint64_t capacity;
  } row[] = {
    { PROOF, 1000 }, { ASSERTION, 800 }, { SESSION, 600 }, { EVIDENCE, 600 }, { MANDATE, 200 }
  };
  char client[24];
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;

    region_up(&r, 3200);
    for (uint64_t n = 0; n < row[i].capacity; n++) {
      client_name(client, (unsigned)(n / 4));
      assert_int_equal(once(&r, row[i].purpose, n, client_name(client, (unsigned)(n / 4)), T0),
                       OCC_YES);
    }
    assert_int_equal(once(&r, row[i].purpose, 5000, "late", T0), OCC_RETRY);
    assert_int_equal(once(&r, row[i].purpose, 7, "late", T0), OCC_NO);
    for (unsigned other = PROOF; other <= MANDATE; other++) {
      if (other != row[i].purpose) {
        assert_int_equal(once(&r, other, 5000, "late", T0), OCC_YES);
      }
    }
    /* Recovers all its room when what filled it has expired. */
    assert_int_equal(once(&r, row[i].purpose, 5000, "late", T0 + LIFE - 1), OCC_RETRY);
    for (uint64_t n = 0; n < row[i].capacity; n++) {
      assert_int_equal(
          once(&r, row[i].purpose, 10000 + n, client_name(client, (unsigned)(n / 4)), T0 + LIFE),
          OCC_YES);
    }
    assert_int_equal(once(&r, row[i].purpose, 5000, "late", T0 + LIFE), OCC_RETRY);
    region_down(&r);
  }
}

/* RETRY at the third of four keys: the two before it are as new as they were. */
static void test_limits__retry_leaves_nothing_behind(void **state)
{
  test_region r;
  uint8_t keys[4][32] = { { 0 } };
  occ_question q = question_of(keys[0], "greedy");
  size_t place;
  (void)state;

  region_up(&r, 8000);
  for (uint64_t n = 0; n < 16; n++) {
    assert_int_equal(once(&r, SESSION, n, "greedy", T0), OCC_YES);
  }
  for (unsigned k = 0; k < 4; k++) {
    key_set(keys[k], PROOF + k, 100);
  }
  q.keys = 4;
  for (int i = 0; i < 50; i++) { /* more often than its own limit would allow */
    assert_int_equal(occ__table_once(&r.region, &q, &place), OCC_RETRY);
  }
  for (uint64_t n = 0; n < 16; n++) {
    assert_int_equal(once(&r, PROOF, 100 + n, "greedy", T0), OCC_YES);
    assert_int_equal(once(&r, ASSERTION, 100 + n, "greedy", T0), OCC_YES);
  }
  region_down(&r);
}

/* --- KEEP and RECALL --- */

static void test_keep__gives_back_what_it_got(void **state)
{
  static const struct {
    const char *why;
    size_t len;
    int want;
  } row[] = {
    { "nothing", 0, OCC_YES },
    { "one octet", 1, OCC_YES },
    { "1023 octets", 1023, OCC_YES },
    { "1024 octets", 1024, OCC_YES },
    { "1025 octets", 1025, OCC_ERR_LIMIT },
    { "far too much", SIZE_MAX, OCC_ERR_LIMIT },
  };
  uint8_t data[1025];
  test_region r;
  (void)state;

  region_up(&r, 1000);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    uint8_t key[32] = { 0 };
    occ_question q = question_of(key, "c");
    uint8_t out[OCC__MAX_KEPT];
    size_t len = 77;

    print_message("  %s\n", row[i].why);
    for (size_t k = 0; k < sizeof(data); k++) {
      data[k] = (uint8_t)(k * 31 + i);
    }
    key_set(key, SESSION, i);
    q.data = row[i].len == 0 ? NULL : data;
    q.len = row[i].len;
    assert_int_equal(occ__table_keep(&r.region, &q), row[i].want);
    memset(data, 0, 512); /* it was copied */
    if (row[i].want == OCC_YES) {
      assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
      assert_int_equal(len, row[i].len);
      for (size_t k = 0; k < len; k++) {
        assert_int_equal(out[k], (uint8_t)(k * 31 + i));
      }
    } else {
      assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_NO);
      assert_int_equal(len, 77);
    }
  }
  region_down(&r);
}

static void test_keep__keeps_the_first(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  uint8_t another[32] = { 0 };
  uint8_t out[OCC__MAX_KEPT];
  occ_question q = question_of(key, "c");
  occ_question other = question_of(another, "c");
  size_t len = 0;
  (void)state;

  region_up(&r, 1000);
  key_set(key, SESSION, 1);
  q.data = "first";
  q.len = 5;
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_YES);
  q.data = "second";
  q.len = 6;
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_NO);
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
  assert_int_equal(len, 5);
  assert_memory_equal(out, "first", 5);

  q.now = T0 + LIFE - 1;
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
  q.now = T0 + LIFE;
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_NO);
  q.now = T0 + LIFE - 120000; /* not swept yet, and not expired by this clock */
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
  q.now = T0 + 1;
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
  key_set(another, SESSION, 2); /* forgotten: what is still there might be gone as well */
  other.expires = T0 + LIFE - 1;
  assert_int_equal(occ__table_keep(&r.region, &other), OCC_YES);
  other.now = other.expires++;
  assert_int_equal(occ__table_keep(&r.region, &other), OCC_YES);
  q.now = T0 + LIFE - 120001;
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
  q.now--;
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_RETRY);
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_RETRY);
  q.now = T0 + LIFE;
  q.expires = q.now + 1;
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_YES);
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_YES);
  assert_memory_equal(out, "second", len);
  region_down(&r);
}

static void test_keep__refuses_malformed_questions(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  uint8_t out[OCC__MAX_KEPT];
  size_t len;
  (void)state;

  region_up(&r, 1000);
  for (size_t row = 0;; row++) {
    occ_question q = question_of(key, "c");
    int recall = OCC_ERR_ARGUMENT;
    const char *why;

    key_set(key, SESSION, row);
    switch (row) {
    case 0:
      why = "no key";
      q.key = NULL;
      break;
    case 1:
      why = "purpose 0";
      key[0] = 0;
      break;
    case 2:
      why = "purpose 6";
      key[0] = 6;
      break;
    case 3:
      why = "octets from nowhere";
      q.len = 1;
      recall = OCC_NO;
      break;
    case 4:
      why = "expired";
      q.expires = q.now;
      recall = OCC_NO;
      break;
    case 5:
      why = "now before 1970";
      q.now = -1;
      break;
    default:
      region_down(&r);
      return;
    }
    print_message("  %s\n", why);
    assert_int_equal(occ__table_keep(&r.region, &q), OCC_ERR_ARGUMENT);
    assert_int_equal(occ__table_recall(&r.region, &q, out, &len), recall);
  }
}

static void test_keep__is_bounded_by_client_and_in_all(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  occ_question q = question_of(key, "greedy");
  char client[24];
  (void)state;

  region_up(&r, 6400); /* 100 blocks */
  q.data = "x";
  q.len = 1;
  for (uint64_t n = 0; n < 100; n++) {
    if (n == 16) {
      key_set(key, SESSION, 1000);
      assert_int_equal(occ__table_keep(&r.region, &q), OCC_RETRY);
    }
    key_set(key, SESSION, n);
    q.client_id = n < 16 ? "greedy" : client_name(client, (unsigned)n);
    assert_int_equal(occ__table_keep(&r.region, &q), OCC_YES);
    q.client_id = "greedy";
  }
  q.client_id = "late";
  key_set(key, SESSION, 1000);
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_RETRY);
  assert_int_equal(once(&r, SESSION, 1000, "late", T0), OCC_YES); /* a pool of its own */
  q.now = T0 + LIFE;
  q.expires = T0 + 2 * LIFE;
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_YES);
  region_down(&r);
}

/* Octets that other processes of the host have overwritten must not lead out of the block. */
static void test_recall__does_not_trust_the_length_in_shared_memory(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  uint8_t out[OCC__MAX_KEPT];
  occ_question q = question_of(key, "c");
  const occ__layout *l = &r.region.layout;
  size_t len = 0;
  (void)state;

  region_up(&r, 100);
  key_set(key, SESSION, 1);
  q.data = "x";
  q.len = 1;
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_YES);
  for (uint64_t at = l->blocks_at; at + sizeof(occ__block) <= l->len; at += sizeof(occ__block)) {
    ((occ__block *)(void *)(r.region.base + at))->len = OCC__MAX_KEPT + 1;
  }
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_NO);
  region_down(&r);
}

/* --- the ledger --- */

/* A script of letters on one key: R reserve, C commit, L release, O once, K keep, each followed by its verdict, y or n; and
 * time that passes: < a life less a millisecond, . a millisecond, > a life. */
static void test_ledger__goes_one_way(void **state)
{
  static const struct {
    const char *why;
    const char *script;
  } row[] = {
    { "reserve, commit; committing again is the same", "RyCyCyCy" },
    { "committed is never given back", "RyCyLnRn" },
    { "released is free again", "RyLyRyCy" },
    { "releasing again is the same", "RyLyLyRy" },
    { "reserved is reserved", "RyRnRnCyRn" },
    { "unknown cannot be committed", "CnRyCy" },
    { "unknown can be released", "LyCn" },
    { "released cannot be committed", "RyLyCn" },
    { "a reservation lapses", "Ry<RnCy.CnRy" },
    { "what has lapsed cannot be committed", "Ry>CnLyRy" },
    { "a commitment lapses too", "RyCy<CyRn.Ry" },
    { "ONCE, KEEP and the ledger do not see each other", "OyKyRyOnKnRnLyOnKnRyCyOnKn" },
    { "KEEP alone is nothing to the others", "KyCnLyOy" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;
    uint8_t key[32] = { 0 };
    occ_question q = question_of(key, "c");

    print_message("  %s\n", row[i].why);
    region_up(&r, 1000);
    key_set(key, MANDATE, i);
    for (const char *p = row[i].script; *p != '\0'; p++) {
      size_t place;
      int got = -1;

      q.expires = q.now + LIFE;
      switch (*p) {
      case 'R':
        got = occ__table_reserve(&r.region, &q);
        break;
      case 'C':
        got = occ__table_commit(&r.region, &q);
        break;
      case 'L':
        got = occ__table_release(&r.region, &q);
        break;
      case 'O':
        got = occ__table_once(&r.region, &q, &place);
        break;
      case 'K':
        got = occ__table_keep(&r.region, &q);
        break;
      case '<':
        q.now += LIFE - 1;
        continue;
      case '.':
        q.now += 1;
        continue;
      case '>':
        q.now += LIFE;
        continue;
      default:
        fail();
      }
      p++;
      assert_int_equal(got, *p == 'y' ? OCC_YES : OCC_NO);
    }
    region_down(&r);
  }
}

static void test_ledger__refuses_malformed_questions(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  (void)state;

  region_up(&r, 1000);
  for (size_t row = 0;; row++) {
    occ_question q = question_of(key, "c");
    const char *why;

    key_set(key, MANDATE, row);
    switch (row) {
    case 0:
      why = "no key";
      q.key = NULL;
      break;
    case 1:
      why = "purpose 0";
      key[0] = 0;
      break;
    case 2:
      why = "purpose 6";
      key[0] = 6;
      break;
    case 3:
      why = "now before 1970";
      q.now = -1;
      break;
    default:
      q.expires = q.now;
      assert_int_equal(occ__table_reserve(&r.region, &q), OCC_ERR_ARGUMENT);
      region_down(&r);
      return;
    }
    print_message("  %s\n", why);
    assert_int_equal(occ__table_reserve(&r.region, &q), OCC_ERR_ARGUMENT);
    assert_int_equal(occ__table_commit(&r.region, &q), OCC_ERR_ARGUMENT);
    assert_int_equal(occ__table_release(&r.region, &q), OCC_ERR_ARGUMENT);
  }
}

static void test_ledger__says_when_it_cannot_say(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  occ_question q = question_of(key, NULL);
  (void)state;

  region_up(&r, 3200); /* 200 mandates */
  q.issued = T0 - 1;   /* older than the store, which may have seen it spent in an earlier life */
  key_set(key, MANDATE, 0);
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_RETRY);
  q.issued = T0;
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_YES);
  q.issued = 0;                        /* not said */
  for (uint64_t n = 1; n < 200; n++) { /* no client named: no limit but that of the pool */
    key_set(key, MANDATE, n);
    assert_int_equal(occ__table_reserve(&r.region, &q), OCC_YES);
  }
  key_set(key, MANDATE, 200);
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_RETRY);
  key_set(key, MANDATE, 199);
  assert_int_equal(occ__table_release(&r.region, &q), OCC_YES); /* gives its room back at once */
  key_set(key, MANDATE, 200);
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_YES);

  /* A clock set back: nothing new, but what is reserved is settled. */
  for (uint64_t n = 7; n < 9; n++) {
    key_set(key, MANDATE, n);
    assert_int_equal(occ__table_release(&r.region, &q), OCC_YES);
  }
  forget(&r, MANDATE, T0 + 120001);
  key_set(key, MANDATE, 201);
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_RETRY);
  q.now = T0 + 1;
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_YES);
  q.now = T0;
  key_set(key, MANDATE, 5);
  assert_int_equal(occ__table_commit(&r.region, &q), OCC_YES);
  key_set(key, MANDATE, 6);
  assert_int_equal(occ__table_release(&r.region, &q), OCC_YES);
  region_down(&r);
}

static void test_ledger__counts_a_client_that_is_named(void **state)
{
  test_region r;
  uint8_t key[32] = { 0 };
  occ_question q = question_of(key, "greedy");
  (void)state;

  region_up(&r, 3200);
  for (uint64_t n = 0; n < 17; n++) {
    key_set(key, MANDATE, n);
    assert_int_equal(occ__table_reserve(&r.region, &q), n < 16 ? OCC_YES : OCC_RETRY);
  }
  region_down(&r);
}

/* --- a naive list, and questions at random --- */

enum { MODEL_MAX = 20000, UNIVERSE = 60, CLIENTS = 4 };
typedef enum model_space { M_ONCE, M_KEEP, M_LEDGER } model_space;
typedef enum model_found { ABSENT, PRESENT, MAYBE } model_found;

typedef struct model_entry {
  model_space space;
  uint8_t key[32];
  occ_time expires;
  unsigned client;
  int committed;
  uint64_t data;
} model_entry;

typedef struct model {
  model_entry list[MODEL_MAX];
  size_t count;
  occ_time highest;
  uint64_t random;
} model;

static model m;

static uint64_t model_random(uint64_t below)
{
  m.random ^= m.random << 13;
  m.random ^= m.random >> 7;
  m.random ^= m.random << 17;
  return (m.random * UINT64_C(2685821657736338717) >> 20) % below;
}

static model_entry *model_at(model_space space, const uint8_t *key)
{
  for (size_t i = 0; i < m.count; i++) {
    if (m.list[i].space == space && memcmp(m.list[i].key, key, 32) == 0) {
      return &m.list[i];
    }
  }
  return NULL;
}

/* MAYBE: expired for a clock that the store has seen, not for this one; it may have been swept. */
static model_found model_find(model_space space, const uint8_t *key, occ_time now)
{
  const model_entry *e = model_at(space, key);

  if (e == NULL || e->expires <= now) {
    return ABSENT;
  }
  return e->expires > m.highest ? PRESENT : MAYBE;
}

static void model_put(model_space space, const uint8_t *key, unsigned client, const occ_question *q)
{
  model_entry *e = model_at(space, key);

  if (e == NULL) {
    assert_true(m.count < MODEL_MAX);
    e = &m.list[m.count++];
  }
  *e = (model_entry){ .space = space, .expires = q->expires, .client = client };
  memcpy(e->key, key, 32);
  if (q->data != NULL) {
    memcpy(&e->data, q->data, sizeof(e->data));
  }
}

static void model_drop(model_space space, const uint8_t *key)
{
  model_entry *e = model_at(space, key);

  if (e == NULL) { /* the compiler does not know that the caller has found it */
    fail_msg("the model drops what it does not hold");
    return;
  }
  *e = m.list[--m.count];
}

/* Would an insert find its pool or its client at the limit? For the runs with pools of 16 and a clock that never goes
 * back, where every sweep sees everything. */
static int model_is_full(model_space space, const uint8_t *key, unsigned client, occ_time now)
{
  unsigned all = 0;
  unsigned own = 0;

  for (size_t i = 0; i < m.count; i++) {
    const model_entry *e = &m.list[i];
    int same = (space == M_KEEP) == (e->space == M_KEEP) &&
               (space == M_KEEP || e->key[0] == key[0]) && e->expires > now;

    all += same != 0;
    own += same && e->client == client;
  }
  return all >= 16 || (own >= 16 && space != M_LEDGER);
}

static void model_once(const test_region *r, const occ_question *q, unsigned client, int tight)
{
  size_t place = 99;
  int got = occ__table_once(&r->region, q, &place);
  size_t inserted[4];
  size_t n = 0;

  for (size_t i = 0; i < q->keys; i++) {
    const uint8_t *key = q->key + 32 * i;
    model_found found = model_find(M_ONCE, key, q->now);

    if (got == OCC_NO && place == i) {
      assert_int_not_equal(found, ABSENT);
      return;
    }
    assert_int_not_equal(found, PRESENT);
    if (tight && model_is_full(M_ONCE, key, client, q->now)) {
      assert_int_equal(got, OCC_RETRY);
      while (n > 0) {
        model_drop(M_ONCE, q->key + 32 * inserted[--n]);
      }
      return;
    }
    model_put(M_ONCE, key, client, q);
    inserted[n++] = i;
  }
  assert_int_equal(got, OCC_YES);
}

static void model_insert(model_space space, const occ_question *q, unsigned client, int got,
                         int tight)
{
  model_found found = model_find(space, q->key, q->now);

  if (found != PRESENT && tight && model_is_full(space, q->key, client, q->now)) {
    assert_int_equal(got, OCC_RETRY);
  } else if (found != MAYBE) {
    assert_int_equal(got, found == PRESENT ? OCC_NO : OCC_YES);
  } else {
    assert_true(got == OCC_NO || got == OCC_YES);
  }
  if (got == OCC_YES) {
    model_put(space, q->key, client, q);
  }
}

static void model_recall(const test_region *r, const occ_question *q)
{
  uint8_t out[OCC__MAX_KEPT];
  size_t len = 0;
  int got = occ__table_recall(&r->region, q, out, &len);
  model_found found = model_find(M_KEEP, q->key, q->now);

  if (got == OCC_YES) {
    assert_int_not_equal(found, ABSENT);
    assert_int_equal(len, sizeof(uint64_t));
    assert_memory_equal(out, &model_at(M_KEEP, q->key)->data, len);
  } else {
    assert_int_equal(got, OCC_NO);
    assert_int_not_equal(found, PRESENT);
  }
}

static void model_settle(const test_region *r, const occ_question *q, int commit)
{
  int got = commit ? occ__table_commit(&r->region, q) : occ__table_release(&r->region, q);
  model_found found = model_find(M_LEDGER, q->key, q->now);
  int committed = found != ABSENT && model_at(M_LEDGER, q->key)->committed;

  if (found == PRESENT) {
    assert_int_equal(got, commit || !committed ? OCC_YES : OCC_NO);
  } else if (found == ABSENT) {
    assert_int_equal(got, commit ? OCC_NO : OCC_YES);
  }
  if (found != ABSENT && got == OCC_YES && commit) {
    model_entry *e = model_at(M_LEDGER, q->key);
    if (e == NULL) {
      fail_msg("the model does not hold what it found");
      return;
    }
    e->committed = 1;
  }
  if (found != ABSENT && got == OCC_YES && !commit) {
    model_drop(M_LEDGER, q->key);
  }
}

static void model_ask(const test_region *r, const occ_question *q, unsigned client, uint64_t what,
                      int tight)
{
  switch (what) {
  default:
    model_once(r, q, client, tight);
    break;
  case 0:
    model_insert(M_KEEP, q, client, occ__table_keep(&r->region, q), tight);
    break;
  case 1:
    model_recall(r, q);
    break;
  case 2:
    model_insert(M_LEDGER, q, client, occ__table_reserve(&r->region, q), tight);
    break;
  case 3:
    model_settle(r, q, 1);
    break;
  case 4:
    model_settle(r, q, 0);
    break;
  }
}

/* tight: pools of 16 that are full most of the time, and one clock. Else: room enough, and clocks that differ by up to
 * 120 s. */
static void model_run(uint64_t entries, int tight, uint64_t seed)
{
  static const char *const name[CLIENTS] = { NULL, "agent-7", "https://agent.example/", "x" };
  test_region r;
  occ_time clock = T0;

  memset(&m, 0, sizeof(m));
  m.random = seed;
  m.highest = T0;
  region_up(&r, entries);
  for (unsigned i = 0; i < 50000; i++) {
    uint8_t keys[4][32] = { { 0 } };
    uint64_t data = model_random(UINT64_MAX);
    unsigned client = (unsigned)model_random(CLIENTS);
    uint64_t what = model_random(10);
    occ_question q = question_of(keys[0], name[client]);

    for (size_t k = 0; k < 4; k++) {
      key_set(keys[k], (unsigned)model_random(5) + 1, model_random(UNIVERSE));
    }
    if (what < 2) {
      keys[0][0] = SESSION; /* fewer, so that no client comes to its limit in the large store */
    }
    clock += (occ_time)model_random(400);
    q.keys = model_random(4) + 1;
    q.now = clock - (tight ? 0 : (occ_time)model_random(120001));
    q.now = q.now < m.highest - 120000 ? m.highest - 120000 : q.now;
    q.issued = T0;
    q.expires = q.now + 1 + (occ_time)model_random(tight ? 40000 : 200000);
    q.data = &data;
    q.len = sizeof(data);
    if (q.now > m.highest) {
      m.highest = q.now;
    }
    model_ask(&r, &q, client, what, tight);
  }
  region_down(&r);
}

static void test_random__agrees_with_a_naive_list(void **state)
{
  (void)state;
  model_run(200000, 0, UINT64_C(88172645463325252));
  model_run(1, 1, UINT64_C(2463534242));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_once__is_yes_once),
    cmocka_unit_test(test_once__every_octet_of_the_key_counts),
    cmocka_unit_test(test_once__stops_at_the_first_that_exists),
    cmocka_unit_test(test_once__one_key_twice_in_a_question_is_a_replay),
    cmocka_unit_test(test_once__refuses_malformed_questions),
    cmocka_unit_test(test_once__forgets_at_the_millisecond),
    cmocka_unit_test(test_once__a_clock_set_back),
    cmocka_unit_test(test_once__a_clock_set_back_with_nothing_forgotten),
    cmocka_unit_test(test_once__a_clock_a_year_ahead_does_not_stop_the_others),
    cmocka_unit_test(test_once__any_insert_may_forget),
    cmocka_unit_test(test_once__looking_forgets_nothing),
    cmocka_unit_test(test_once__a_node_ahead_opens_no_window),
    cmocka_unit_test(test_once__a_store_younger_than_the_key_cannot_say),
    cmocka_unit_test(test_once__a_store_made_after_now_cannot_say),
    cmocka_unit_test(test_limits__of_one_client),
    cmocka_unit_test(test_limits__of_a_client_fall_in_a_large_store),
    cmocka_unit_test(test_sweep__clears_the_pool_in_one_round),
    cmocka_unit_test(test_limits__one_client_cannot_fill_the_store),
    cmocka_unit_test(test_limits__nameless_clients_are_one),
    cmocka_unit_test(test_limits__strangers_share_a_quarter),
    cmocka_unit_test(test_limits__one_stranger_is_a_client),
    cmocka_unit_test(test_limits__a_full_purpose_starves_no_other),
    cmocka_unit_test(test_limits__retry_leaves_nothing_behind),
    cmocka_unit_test(test_keep__gives_back_what_it_got),
    cmocka_unit_test(test_keep__keeps_the_first),
    cmocka_unit_test(test_keep__refuses_malformed_questions),
    cmocka_unit_test(test_keep__is_bounded_by_client_and_in_all),
    cmocka_unit_test(test_recall__does_not_trust_the_length_in_shared_memory),
    cmocka_unit_test(test_ledger__goes_one_way),
    cmocka_unit_test(test_ledger__refuses_malformed_questions),
    cmocka_unit_test(test_ledger__says_when_it_cannot_say),
    cmocka_unit_test(test_ledger__counts_a_client_that_is_named),
    cmocka_unit_test(test_random__agrees_with_a_naive_list),
  };
  return cmocka_run_group_tests_name("stores/table", tests, NULL, NULL);
}
