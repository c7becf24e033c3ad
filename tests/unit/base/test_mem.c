/* SPDX-License-Identifier: MIT */

/* The door to the heap: zeroed memory, sizes that agree, wiping, comparison. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/mem.h"
#include "fail_mem.h"

static void test_mem_alloc__gives_zeros(void **state)
{
  fail_mem fm; /* fills what it gives with a pattern */
  static const uint8_t zero[100];
  uint8_t *memory;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  memory = occ__mem_alloc(&fm.mem, sizeof(zero));
  assert_non_null(memory);
  assert_memory_equal(memory, zero, sizeof(zero));
  assert_int_equal(fm.live_octets, sizeof(zero));
  occ__mem_free(&fm.mem, memory, sizeof(zero));
  assert_int_equal(fm.live, 0);

  memory = occ__mem_alloc(&occ__mem_libc, sizeof(zero));
  assert_non_null(memory);
  assert_memory_equal(memory, zero, sizeof(zero));
  occ__mem_free(&occ__mem_libc, memory, sizeof(zero));
}

static void test_mem_alloc__size_0_is_one_octet_both_ways(void **state)
{
  fail_mem fm;
  uint8_t *memory;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  memory = occ__mem_alloc(&fm.mem, 0);
  assert_non_null(memory);
  assert_int_equal(fm.live_octets, 1);
  memory[0] = 1;
  occ__mem_wipe_free(&fm.mem, memory, 0);
  assert_int_equal(fm.live, 0);
}

static void test_mem_alloc__tells_of_no_memory(void **state)
{
  fail_mem fm;
  (void)state;

  fail_mem_init(&fm, 0, true);
  assert_null(occ__mem_alloc(&fm.mem, 8));
  assert_null(occ__mem_text(&fm.mem, "abc", 3));
  assert_null(occ__mem_text(&fm.mem, "abc", SIZE_MAX));
  assert_int_equal(fm.count, 2); /* a size that wraps around is not even asked for */
  assert_int_equal(fm.live, 0);
}

static void test_mem_text__copies_and_ends(void **state)
{
  fail_mem fm;
  char *text;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  text = occ__mem_text(&fm.mem, "abcdef", 3);
  assert_string_equal(text, "abc");
  assert_int_equal(fm.live_octets, 4);
  occ__mem_text_free(&fm.mem, text);

  text = occ__mem_text(&fm.mem, NULL, 0);
  assert_string_equal(text, "");
  occ__mem_text_free(&fm.mem, text);
  assert_int_equal(fm.live, 0);
}

static void test_mem_free__takes_null(void **state)
{
  fail_mem fm;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  occ__mem_free(&fm.mem, NULL, 5); /* fail_mem aborts when NULL comes through */
  occ__mem_wipe_free(&fm.mem, NULL, 5);
  occ__mem_text_free(&fm.mem, NULL);
  occ__wipe(NULL, 5);
  assert_int_equal(fm.count, 0);
}

static size_t secrets_seen;

static void *plain_alloc(size_t size, void *user_data)
{
  return occ__mem_alloc(user_data, size);
}

static void watching_release(void *memory, size_t size, void *user_data)
{
  const uint8_t *octet = memory;

  for (size_t i = 0; i < size; i++) {
    secrets_seen += octet[i] == 's';
  }
  occ__mem_free(user_data, memory, size);
}

static void test_mem_wipe_free__leaves_nothing(void **state)
{
  occ_mem inner = occ__mem_libc;
  occ_mem mem = { plain_alloc, watching_release, &inner };
  (void)state;

  secrets_seen = 0;
  occ__mem_wipe_free(&mem, occ__mem_text(&mem, "ssss", 4), 5);
  occ__mem_text_free(&mem, occ__mem_text(&mem, "ssss", 4));
  assert_int_equal(secrets_seen, 0);
  occ__mem_free(&mem, occ__mem_text(&mem, "ssss", 4), 5);
  assert_int_equal(secrets_seen, 4); /* the watcher does see what is not wiped */
}

static void test_equal_ct__compares_all_octets(void **state)
{
  uint8_t a[33] = { 7 }, b[33] = { 7 };
  (void)state;

  assert_int_equal(occ__equal_ct(a, b, sizeof(a)), 1);
  assert_int_equal(occ__equal_ct(NULL, NULL, 0), 1);
  for (size_t i = 0; i < sizeof(b); i++) {
    b[i] ^= 0x80;
    assert_int_equal(occ__equal_ct(a, b, sizeof(a)), 0);
    assert_int_equal(occ__equal_ct(a, b, i), 1); /* len bounds the look */
    b[i] ^= 0x80;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_mem_alloc__gives_zeros),
    cmocka_unit_test(test_mem_alloc__size_0_is_one_octet_both_ways),
    cmocka_unit_test(test_mem_alloc__tells_of_no_memory),
    cmocka_unit_test(test_mem_text__copies_and_ends),
    cmocka_unit_test(test_mem_free__takes_null),
    cmocka_unit_test(test_mem_wipe_free__leaves_nothing),
    cmocka_unit_test(test_equal_ct__compares_all_octets),
  };

  return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
