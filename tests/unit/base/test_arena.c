/* SPDX-License-Identifier: MIT */

/* The arena: alignment, its maximum, growth over blocks, wiping, failed allocations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/arena.h"
#include "fail_mem.h"

static void test_arena_alloc__is_zeroed_and_aligned(void **state)
{
  static const uint8_t zero[512];
  fail_mem fm;
  occ_arena arena;
  uint8_t *memory;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  occ__arena_init(&arena, &fm.mem, 1u << 20);
  for (size_t size = 0; size < sizeof(zero); size++) { /* over several blocks */
    memory = occ__arena_alloc(&arena, size);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    assert_memory_equal(memory, zero, size);
    memset(memory, 0xff, size == 0 ? 1 : size);       /* shows in a later piece, if they overlap */
    assert_non_null(occ__arena_text(&arena, "x", 1)); /* the next one must be aligned again */
  }
  assert_true(fm.live > 3);
  occ__arena_clear(&arena);
  assert_int_equal(fm.live, 0);
}

static void test_arena_text__copies_and_ends(void **state)
{
  occ_arena arena;
  const char *a, *b;
  (void)state;

  occ__arena_init(&arena, &occ__mem_libc, 100);
  a = occ__arena_text(&arena, "abc\0def", 7);
  b = occ__arena_text(&arena, NULL, 0);
  assert_memory_equal(a, "abc\0def", 8);
  assert_string_equal(b, "");
  assert_int_equal(arena.used, 9); /* texts are packed */
  occ__arena_clear(&arena);
}

static void test_arena_alloc__stops_at_its_maximum(void **state)
{
  static const size_t max[] = { 1, 16, 1000, 8191, 8192, 8193, 100000 };
  fail_mem fm;
  occ_arena arena;
  (void)state;

  for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
    for (size_t size = max[i] - 1; size <= max[i] + 1; size++) { /* limit-1, limit, limit+1 */
      fail_mem_init(&fm, SIZE_MAX, false);
      occ__arena_init(&arena, &fm.mem, max[i]);
      if (size <= max[i]) {
        assert_non_null(occ__arena_alloc(&arena, size));
        assert_int_equal(arena.rc, OCC_OK);
      } else {
        assert_null(occ__arena_alloc(&arena, size));
        assert_int_equal(arena.rc, OCC_ERR_LIMIT);
        assert_int_equal(fm.count, 0); /* not even asked for */
      }
      occ__arena_clear(&arena);
      assert_int_equal(fm.live, 0);
    }
  }
}

static void test_arena_alloc__counts_gaps_and_pieces_together(void **state)
{
  occ_arena arena;
  (void)state;

  occ__arena_init(&arena, &occ__mem_libc, 32);
  assert_non_null(occ__arena_text(&arena, "", 0)); /* 1 octet, then a gap of 15 */
  assert_non_null(occ__arena_alloc(&arena, 16));
  assert_int_equal(arena.used, 32);
  assert_null(occ__arena_text(&arena, "", 0));
  assert_int_equal(arena.rc, OCC_ERR_LIMIT);
  occ__arena_clear(&arena);

  occ__arena_init(&arena, &occ__mem_libc, 31);
  assert_non_null(occ__arena_text(&arena, "", 0));
  assert_null(occ__arena_alloc(&arena, 16)); /* fits without the gap only */
  assert_int_equal(arena.rc, OCC_ERR_LIMIT);
  assert_null(occ__arena_alloc(&arena, SIZE_MAX));
  assert_null(occ__arena_text(&arena, "", SIZE_MAX));
  assert_int_equal(arena.rc, OCC_ERR_LIMIT);
  occ__arena_clear(&arena);
}

static void test_arena_alloc__large_piece_leaves_the_block_in_use(void **state)
{
  fail_mem fm;
  occ_arena arena;
  char *before, *after;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  occ__arena_init(&arena, &fm.mem, 1u << 20);
  before = occ__arena_text(&arena, "a", 1);
  assert_non_null(occ__arena_alloc(&arena, 100000));
  after = occ__arena_text(&arena, "b", 1);
  assert_ptr_equal(after, before + 2);
  assert_int_equal(fm.live, 2);
  occ__arena_clear(&arena);
  assert_int_equal(fm.live, 0);
}

static size_t secrets_seen;

static void *plain_alloc(size_t size, void *user_data)
{
  return occ__mem_alloc(user_data, size);
}

static void watching_release(void *memory, size_t size, void *user_data)
{
  const char *octet = memory;

  for (size_t i = 0; i + 6 <= size; i++) {
    secrets_seen += memcmp(octet + i, "secret", 6) == 0;
  }
  occ__mem_free(user_data, memory, size);
}

static void test_arena_clear__wipes_and_may_be_used_again(void **state)
{
  occ_mem inner = occ__mem_libc;
  occ_mem mem = { plain_alloc, watching_release, &inner };
  occ_arena arena;
  (void)state;

  secrets_seen = 0;
  occ__arena_init(&arena, &mem, 20000);
  for (size_t i = 0; i < 1000; i++) {
    assert_non_null(occ__arena_text(&arena, "secret", 6));
  }
  assert_null(occ__arena_alloc(&arena, 20000));
  occ__arena_clear(&arena);
  assert_int_equal(secrets_seen, 0);
  assert_int_equal(arena.used, 0);
  assert_int_equal(arena.rc, OCC_OK);
  assert_non_null(occ__arena_alloc(&arena, 20000));
  occ__arena_clear(&arena);
  occ__arena_clear(&arena); /* twice is harmless */
}

static void test_arena_alloc__survives_every_failed_allocation(void **state)
{
  fail_mem fm;
  occ_arena arena;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    fm.failed = true;
    for (size_t n = 0; fm.failed; n++) {
      size_t given = 0;

      assert_true(n < 100);
      fail_mem_init(&fm, n, keep != 0);
      occ__arena_init(&arena, &fm.mem, 1u << 20);
      for (size_t i = 0; i < 30; i++) {
        void *memory = occ__arena_alloc(&arena, 3000);

        if (memory == NULL) {
          assert_int_equal(arena.rc, OCC_ERR_MEMORY);
        } else {
          memset(memory, 1, 3000);
          given++;
        }
      }
      assert_true(arena.used >= given * 3000 && arena.used < given * 3016 + 1);
      assert_true(fm.failed ? given < 30 : given == 30);
      occ__arena_clear(&arena);
      assert_int_equal(fm.live, 0);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_arena_alloc__is_zeroed_and_aligned),
    cmocka_unit_test(test_arena_text__copies_and_ends),
    cmocka_unit_test(test_arena_alloc__stops_at_its_maximum),
    cmocka_unit_test(test_arena_alloc__counts_gaps_and_pieces_together),
    cmocka_unit_test(test_arena_alloc__large_piece_leaves_the_block_in_use),
    cmocka_unit_test(test_arena_clear__wipes_and_may_be_used_again),
    cmocka_unit_test(test_arena_alloc__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
