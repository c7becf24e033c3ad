/* SPDX-License-Identifier: MIT */
/* How a store's memory is laid out, made, joined and refused. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include "region_help.h"

#include <stdio.h>
#include <stdlib.h>

static void test_layout__parts_lie_apart_and_hold_what_they_say(void **state)
{
  static const uint64_t entries[] = { 1, 79, 80, 255, 256, 257, 1600, 10000, 1000000 };
  (void)state;

  for (size_t n = 0; n < sizeof(entries) / sizeof(entries[0]); n++) {
    occ__layout l;
    uint64_t at = sizeof(occ__header);
    uint64_t sum = 0;

    occ__region_layout(&l, entries[n]);
    for (size_t i = 0; i < OCC__POOLS; i++) {
      const occ__pool_layout *p = &l.pool[i];

      assert_true(p->buckets_at >= at && p->buckets_at % 64 == 0);
      at = p->buckets_at + p->buckets * sizeof(occ__bucket);
      assert_true(p->counters_at >= at && p->counters_at % 64 == 0);
      at = p->counters_at + 2 * ((uint64_t)p->counter_mask + 1) * sizeof(uint32_t);
      assert_int_equal((p->counter_mask + 1) & p->counter_mask, 0);
      assert_true(p->counter_mask <= 0xffff);
      assert_true(p->buckets >= 2 && p->buckets < UINT32_MAX);
      assert_true(p->capacity >= 16 && p->buckets * 16 * 3 >= p->capacity * 4);
      assert_true(p->client_limit >= 16);
      assert_true(p->client_limit == 16 || p->client_limit * UINT64_C(100) <= p->capacity);
      assert_true(p->strangers_limit >= p->client_limit);
      assert_true(p->strangers_limit == 16 || p->strangers_limit == p->capacity / 4);
      sum += i < OCC__POOL_KEPT ? p->capacity : 0;
    }
    assert_true(l.blocks_at >= at);
    at = l.blocks_at + l.pool[OCC__POOL_KEPT].buckets * 16 * sizeof(occ__block);
    assert_true(l.len >= at && l.len % 64 == 0);
    assert_true(sum + 5 > entries[n]); /* no share is lost but by rounding */
  }
}

static void test_layout__limit_of_a_client_is_one_in_a_hundred(void **state)
{
  static const struct {
    uint64_t entries;
    uint32_t proof;
  } row[] = {
    { 1, 16 }, { 5100, 16 }, { 5120, 16 }, { 5440, 17 }, { 320000, 1000 }, /* proof: 5 in 16 */
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ__layout l;

    occ__region_layout(&l, row[i].entries);
    assert_int_equal(l.pool[0].client_limit, row[i].proof);
  }
}

static void test_fit__finds_the_largest_layout(void **state)
{
  static const uint64_t entries[] = { 1, 300, 1600, 54321 };
  occ__layout want;
  occ__layout got;
  uint64_t next;
  (void)state;

  occ__region_layout(&want, 1);
  print_message("  the smallest region: %lu octets\n", (unsigned long)want.len);
  assert_true(want.len <= 64 * 1024); /* what store.h promises */
  assert_int_equal(occ__region_fit(&got, (size_t)want.len - 1), OCC_ERR_LIMIT);
  assert_int_equal(occ__region_fit(&got, 0), OCC_ERR_LIMIT);

  for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
    occ__region_layout(&want, entries[i]);
    for (size_t more = 0; more < 3; more++) {
      assert_int_equal(occ__region_fit(&got, (size_t)want.len + more), OCC_OK);
      assert_true(got.len <= want.len + more && got.entries >= entries[i]);
      occ__region_layout(&want, got.entries + 1);
      next = want.len; /* one more would not fit */
      occ__region_layout(&want, entries[i]);
      assert_true(next > want.len + more);
    }
  }
  assert_int_equal(occ__region_fit(&got, SIZE_MAX), OCC_OK);
  assert_int_equal(got.entries, OCC__MAX_STORE_ENTRIES);
}

static void test_open__joins_what_it_made(void **state)
{
  test_region r;
  occ__region second;
  occ__layout layout;
  uint8_t other[32];
  (void)state;

  memset(other, 0xee, sizeof(other));
  region_up(&r, 100);
  occ__region_layout(&layout, 100);
  assert_int_equal(occ__region_open(&second, r.base, &layout, other, T0 + 5000), OCC_OK);
  assert_int_equal(occ__region_header(&second)->id[0], 1); /* of the first seed */
  assert_int_equal(occ__region_header(&second)->born, T0);
  region_down(&r);
}

static void test_open__touches_nothing_past_its_length(void **state)
{
  occ__layout layout;
  occ__region region;
  uint8_t seed[32] = { 1 };
  uint8_t *base;
  (void)state;

  occ__region_layout(&layout, 50);
  base = aligned_alloc(64, (size_t)layout.len + 64);
  assert_non_null(base);
  memset(base, 0xaa, (size_t)layout.len + 64); /* only the header must be blank */
  memset(base, 0, sizeof(occ__header));
  assert_int_equal(occ__region_open(&region, base, &layout, seed, T0), OCC_OK);
  for (size_t i = 0; i < 64; i++) {
    assert_int_equal(base[layout.len + i], 0xaa);
  }
  for (size_t i = sizeof(occ__header); i < layout.len; i++) {
    assert_int_equal(base[i], 0);
  }
  free(base);
}

static void test_open__refuses_what_it_did_not_make(void **state)
{
  static const struct {
    const char *why;
    size_t at;
    uint8_t flip;
  } row[] = {
    { "another magic", offsetof(occ__header, magic), 1 },
    { "a later layout", offsetof(occ__header, version), 2 },
    { "another length", offsetof(occ__header, len), 64 },
    { "another number of entries", offsetof(occ__header, entries), 1 },
    { "a header of another ABI", offsetof(occ__header, header_len), 8 },
    { "a mutex of another ABI", offsetof(occ__header, mutex_len), 8 },
    { "no state of ours", offsetof(occ__header, state), 0x40 },
  };
  occ__layout layout;
  uint8_t seed[32] = { 1 };
  (void)state;

  occ__region_layout(&layout, 100);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    test_region r;
    occ__region out;

    print_message("  %s\n", row[i].why);
    region_up(&r, 100);
    ((uint8_t *)r.base)[row[i].at] ^= row[i].flip;
    assert_int_equal(occ__region_open(&out, r.base, &layout, seed, T0), OCC_ERR_STATE);
    ((uint8_t *)r.base)[row[i].at] ^= row[i].flip;
    assert_int_equal(occ__region_open(&out, r.base, &layout, seed, T0), OCC_OK);
    region_down(&r);
  }
}

static void test_open__refuses_another_size(void **state)
{
  test_region r;
  occ__layout layout;
  occ__region out;
  uint8_t seed[32] = { 1 };
  (void)state;

  region_up(&r, 1000);
  occ__region_layout(&layout, 999);
  assert_int_equal(occ__region_open(&out, r.base, &layout, seed, T0), OCC_ERR_STATE);
  occ__region_layout(&layout, 1001);
  assert_int_equal(occ__region_open(&out, r.base, &layout, seed, T0), OCC_ERR_STATE);
  region_down(&r);
}

static void test_open__refuses_memory_that_is_neither_blank_nor_a_store(void **state)
{
  occ__layout layout;
  occ__region out;
  uint8_t seed[32] = { 1 };
  uint8_t *base;
  (void)state;

  occ__region_layout(&layout, 10);
  base = aligned_alloc(64, (size_t)layout.len);
  assert_non_null(base);
  for (size_t at = 4; at < sizeof(occ__header); at++) { /* one octet is enough */
    memset(base, 0, (size_t)layout.len);
    base[at] = 1;
    assert_int_equal(occ__region_open(&out, base, &layout, seed, T0), OCC_ERR_STATE);
    assert_int_equal(base[0], 0); /* and it is left as it was */
    assert_int_equal(base[at], 1);
  }
  memset(base, 'x', (size_t)layout.len);
  assert_int_equal(occ__region_open(&out, base, &layout, seed, T0), OCC_ERR_STATE);
  assert_int_equal(base[0], 'x');
  free(base);
}

/* The state while a maker is at work; it takes a second to find that this one is not coming back. */
static void test_open__does_not_wait_for_a_dead_maker_for_ever(void **state)
{
  occ__layout layout;
  occ__region out;
  uint8_t seed[32] = { 1 };
  occ__header *header;
  (void)state;

  occ__region_layout(&layout, 10);
  header = aligned_alloc(64, (size_t)layout.len);
  assert_non_null(header);
  memset(header, 0, (size_t)layout.len);
  atomic_store(&header->state, 0x4d4b0001u);
  assert_int_equal(occ__region_open(&out, header, &layout, seed, T0), OCC_ERR_STATE);
  assert_int_equal(atomic_load(&header->state), 0x4d4b0001u);
  free(header);
}

/* Position-independent: the same octets at two addresses. */
static void test_open__works_at_two_addresses_at_once(void **state)
{
  FILE *file = tmpfile();
  test_region a = { 0 };
  test_region b = { 0 };
  occ__layout layout;
  uint8_t seed[32] = { 7 };
  (void)state;

  assert_non_null(file);
  occ__region_layout(&layout, 100);
  a.len = b.len = (size_t)layout.len;
  assert_int_equal(fseek(file, (long)layout.len - 1, SEEK_SET), 0);
  assert_int_equal(fputc(0, file), 0);
  assert_int_equal(fflush(file), 0);
  a.base = mmap(NULL, a.len, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  b.base = mmap(NULL, b.len, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  assert_true(a.base != MAP_FAILED && b.base != MAP_FAILED && a.base != b.base);
  assert_int_equal(occ__region_open(&a.region, a.base, &layout, seed, T0), OCC_OK);
  seed[0] = 8;
  assert_int_equal(occ__region_open(&b.region, b.base, &layout, seed, T0), OCC_OK);
  for (uint64_t n = 0; n < 16; n++) {
    assert_int_equal(once(n % 2 == 0 ? &a : &b, 3, n, "c", T0), OCC_YES);
    assert_int_equal(once(n % 2 == 0 ? &b : &a, 3, n, "c", T0), OCC_NO);
  }
  region_down(&a);
  region_down(&b);
  assert_int_equal(fclose(file), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_layout__parts_lie_apart_and_hold_what_they_say),
    cmocka_unit_test(test_layout__limit_of_a_client_is_one_in_a_hundred),
    cmocka_unit_test(test_fit__finds_the_largest_layout),
    cmocka_unit_test(test_open__joins_what_it_made),
    cmocka_unit_test(test_open__touches_nothing_past_its_length),
    cmocka_unit_test(test_open__refuses_what_it_did_not_make),
    cmocka_unit_test(test_open__refuses_another_size),
    cmocka_unit_test(test_open__refuses_memory_that_is_neither_blank_nor_a_store),
    cmocka_unit_test(test_open__does_not_wait_for_a_dead_maker_for_ever),
    cmocka_unit_test(test_open__works_at_two_addresses_at_once),
  };
  return cmocka_run_group_tests_name("stores/region", tests, NULL, NULL);
}
