/* SPDX-License-Identifier: MIT */
/* One pool, with hashes chosen by the test: what no peer can bring about without the store's key. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include "region_help.h"
#include "stores/pool.h"

#define ENTRIES 32000u /* 10,000 proofs in 834 buckets */

static occ__entry entry_of(uint32_t high0, uint32_t high1, uint32_t n)
{
  return (occ__entry){ .tag = { (uint64_t)high0 << 32 | n, (uint64_t)high1 << 32 | n },
                       .client = n,
                       .is_stranger = n % 2 == 1,
                       .expires = T0 + LIFE,
                       .state = OCC__SLOT_ONCE };
}

static void test_put__fills_both_buckets_and_no_other(void **state)
{
  static const struct {
    const char *why;
    uint32_t high0, high1;
  } row[] = {
    { "two buckets", 0x10000000, 0x90000000 },
    { "both hashes name the first bucket: the one after it helps", 0, 0 },
    { "both name the last: the first of all helps", UINT32_MAX, UINT32_MAX },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;
    occ__pool_view v;
    occ__entry e;
    occ__slot s;

    print_message("  %s\n", row[i].why);
    region_up(&r, ENTRIES);
    v = occ__pool_of(&r.region, 0);
    for (uint32_t n = 0; n < 2 * OCC__BUCKET_SLOTS; n++) {
      e = entry_of(row[i].high0, row[i].high1, n);
      assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_YES);
    }
    e = entry_of(row[i].high0, row[i].high1, 100);
    assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_RETRY);
    assert_int_equal(occ__pool_find(&v, e.tag, T0, &s), 0);
    for (uint32_t n = 0; n < 2 * OCC__BUCKET_SLOTS; n++) {
      e = entry_of(row[i].high0, row[i].high1, n);
      assert_int_equal(occ__pool_find(&v, e.tag, T0, &s), 1);
      assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_NO);
    }
    region_down(&r);
  }
}

static void test_put__takes_the_slot_of_an_expired_entry(void **state)
{
  test_region r;
  occ__pool_view v;
  occ__entry e;
  occ__slot s;
  (void)state;

  region_up(&r, ENTRIES);
  v = occ__pool_of(&r.region, 0);
  for (uint32_t n = 0; n < 2 * OCC__BUCKET_SLOTS; n++) {
    e = entry_of(0, 0, n);
    e.expires = n == 7 ? T0 + 10 : T0 + LIFE;
    assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_YES);
  }
  e = entry_of(0, 0, 100);
  assert_int_equal(occ__pool_put(&v, &e, T0 + 9, &s), OCC_RETRY);
  assert_int_equal(occ__pool_put(&v, &e, T0 + 10, &s), OCC_YES);
  assert_int_equal(occ__pool_find(&v, e.tag, T0 + 10, &s), 1);
  e = entry_of(0, 0, 7);
  assert_int_equal(occ__pool_find(&v, e.tag, T0, &s), 0);
  assert_int_equal(v.pool->used, 2 * OCC__BUCKET_SLOTS);
  region_down(&r);
}

static void test_find__compares_both_halves(void **state)
{
  static const uint64_t other[][2] = { { 2, 1 }, { 1, 2 }, { 2, 2 } };
  test_region r;
  occ__pool_view v;
  occ__entry e = entry_of(0, 0, 1);
  occ__slot s;
  (void)state;

  region_up(&r, ENTRIES);
  v = occ__pool_of(&r.region, 0);
  assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_YES);
  for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
    assert_int_equal(occ__pool_find(&v, other[i], T0, &s), 0);
  }
  assert_int_equal(occ__pool_find(&v, e.tag, T0, &s), 1);
  occ__pool_free(&v, s);
  assert_int_equal(occ__pool_find(&v, e.tag, T0, &s), 0);
  region_down(&r);
}

static void test_limit__is_the_lesser_of_two_counters(void **state)
{
  static const struct {
    const char *why;
    uint32_t client;
    occ_verdict want;
  } row[] = {
    { "the client itself", 0x00050007, OCC_RETRY },
    { "shares the first counter only", 0x00060007, OCC_YES },
    { "shares the second counter only", 0x00050008, OCC_YES },
    { "shares none", 0x00060008, OCC_YES },
  };
  test_region r;
  occ__pool_view v;
  occ__slot s;
  (void)state;

  region_up(&r, ENTRIES);
  v = occ__pool_of(&r.region, 0);
  for (uint32_t n = 0; n < 100; n++) {
    occ__entry e = entry_of(n << 25, n << 24, n);

    e.client = row[0].client;
    e.is_limited = 1;
    assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_YES);
  }
  for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ__entry e = entry_of(i << 20, i << 21, 200 + i);

    print_message("  %s\n", row[i].why);
    e.client = row[i].client;
    e.is_limited = 1;
    assert_int_equal(occ__pool_put(&v, &e, T0, &s), row[i].want);
    e.is_limited = 0;
    assert_int_equal(occ__pool_put(&v, &e, T0, &s), row[i].want == OCC_YES ? OCC_NO : OCC_YES);
  }
  region_down(&r);
}

static void test_commit__keeps_the_expiry(void **state)
{
  test_region r;
  occ__pool_view v;
  occ__entry e = entry_of(5, 6, 7);
  occ__slot s;
  (void)state;

  region_up(&r, ENTRIES);
  v = occ__pool_of(&r.region, 4);
  e.state = OCC__SLOT_RESERVED;
  e.expires = (INT64_C(1) << 55) - 1;
  assert_int_equal(occ__pool_put(&v, &e, T0, &s), OCC_YES);
  assert_int_equal(occ__pool_state(s), OCC__SLOT_RESERVED);
  occ__pool_commit(s);
  assert_int_equal(occ__pool_state(s), OCC__SLOT_COMMITTED);
  assert_int_equal(occ__pool_find(&v, e.tag, e.expires - 1, &s), 1);
  assert_int_equal(occ__pool_find(&v, e.tag, e.expires, &s), 0);
  assert_int_equal(v.pool->strangers, 1); /* and whose it is */
  assert_counts_right(&r.region);
  occ__pool_free(&v, s);
  assert_int_equal(v.pool->strangers, 0);
  region_down(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_put__fills_both_buckets_and_no_other),
    cmocka_unit_test(test_put__takes_the_slot_of_an_expired_entry),
    cmocka_unit_test(test_find__compares_both_halves),
    cmocka_unit_test(test_limit__is_the_lesser_of_two_counters),
    cmocka_unit_test(test_commit__keeps_the_expiry),
  };
  return cmocka_run_group_tests_name("stores/pool", tests, NULL, NULL);
}
