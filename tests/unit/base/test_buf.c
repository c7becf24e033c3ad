/* SPDX-License-Identifier: MIT */

/* Bounded buffers: maximum, sticky errors, numbers, wiping, failed allocations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/buf.h"
#include "fail_mem.h"

static void test_buf_put__appends_and_ends(void **state)
{
  fail_mem fm;
  occ_buf buf;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  occ__buf_init(&buf, &fm.mem, 1000);
  assert_string_equal(occ__buf_string(&buf), "");
  assert_int_equal(occ__buf_put(&buf, NULL, 0), OCC_OK);
  assert_int_equal(fm.count, 0); /* nothing put, nothing allocated */
  assert_int_equal(occ__buf_text(&buf, "abc"), OCC_OK);
  assert_int_equal(occ__buf_byte(&buf, '-'), OCC_OK);
  assert_int_equal(occ__buf_put(&buf, "d\0e", 3), OCC_OK);
  assert_int_equal(buf.len, 7);
  assert_memory_equal(occ__buf_string(&buf), "abc-d\0e", 8);
  occ__buf_clear(&buf);
  assert_null(buf.base);
  assert_int_equal(fm.live, 0);
}

static void test_buf_number__writes_decimal(void **state)
{
  static const struct {
    const char *want;
    int64_t number;
  } row[] = {
    { "0", 0 },
    { "-1", -1 },
    { "10", 10 },
    { "1798761600000", 1798761600000 },
    { "9223372036854775807", INT64_MAX },
    { "-9223372036854775808", INT64_MIN },
  };
  occ_buf buf;
  (void)state;

  occ__buf_init(&buf, &occ__mem_libc, 100);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    assert_int_equal(occ__buf_number(&buf, row[i].number), OCC_OK);
    assert_string_equal(occ__buf_string(&buf), row[i].want);
    occ__buf_reset(&buf);
  }
  occ__buf_clear(&buf);
}

static void test_buf_put__stops_at_its_maximum(void **state)
{
  static const size_t max[] = { 1, 255, 256, 257, 5000 };
  static const char text[5001];
  occ_buf buf;
  (void)state;

  for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
    for (size_t len = max[i] - 1; len <= max[i] + 1; len++) { /* limit-1, limit, limit+1 */
      for (int by_octet = 0; by_octet <= 1; by_octet++) {
        int rc = OCC_OK;

        occ__buf_init(&buf, &occ__mem_libc, max[i]);
        for (size_t at = 0; by_octet && at < len; at++) {
          rc = occ__buf_byte(&buf, 'x');
        }
        if (!by_octet) {
          rc = occ__buf_put(&buf, text, len);
        }
        assert_int_equal(rc, len <= max[i] ? OCC_OK : OCC_ERR_LIMIT);
        assert_int_equal(buf.len, len <= max[i] ? len : by_octet ? max[i] : 0);
        occ__buf_clear(&buf);
      }
    }
  }
}

static void test_buf_put__error_sticks_until_reset(void **state)
{
  occ_buf buf;
  (void)state;

  occ__buf_init(&buf, &occ__mem_libc, 4);
  occ__buf_text(&buf, "abc");
  assert_int_equal(occ__buf_text(&buf, "de"), OCC_ERR_LIMIT);
  assert_int_equal(occ__buf_byte(&buf, 'd'), OCC_ERR_LIMIT); /* would fit */
  assert_null(occ__buf_grow(&buf, 1));
  assert_int_equal(occ__buf_put(&buf, NULL, 0), OCC_ERR_LIMIT);
  assert_string_equal(occ__buf_string(&buf), "abc");
  occ__buf_reset(&buf);
  assert_string_equal(occ__buf_string(&buf), "");
  assert_int_equal(occ__buf_text(&buf, "abcd"), OCC_OK);
  occ__buf_clear(&buf);
}

static void test_buf_grow__counts_at_once(void **state)
{
  occ_buf buf;
  uint8_t *room;
  (void)state;

  occ__buf_init(&buf, &occ__mem_libc, 1000);
  room = occ__buf_grow(&buf, 0); /* a place, even for nothing */
  assert_non_null(room);
  assert_int_equal(buf.len, 0);
  occ__buf_text(&buf, "ab");
  room = occ__buf_grow(&buf, 600);
  assert_non_null(room);
  memset(room, 'c', 600);
  assert_int_equal(buf.len, 602);
  assert_int_equal(buf.base[602], 0);
  assert_null(occ__buf_grow(&buf, SIZE_MAX));
  assert_int_equal(buf.rc, OCC_ERR_LIMIT);
  occ__buf_clear(&buf);

  occ__buf_init(&buf, &occ__mem_libc, SIZE_MAX);
  assert_null(occ__buf_grow(&buf, SIZE_MAX)); /* the NUL has no room */
  assert_int_equal(buf.rc, OCC_ERR_LIMIT);
  occ__buf_clear(&buf);
}

static void test_buf_reserve__makes_room_and_no_error_of_it(void **state)
{
  fail_mem fm;
  occ_buf buf;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  occ__buf_init(&buf, &fm.mem, 1000);
  assert_int_equal(occ__buf_reserve(&buf, 700), OCC_OK);
  assert_int_equal(buf.len, 0);
  assert_string_equal(occ__buf_string(&buf), "");
  for (int i = 0; i < 700; i++) {
    assert_int_equal(occ__buf_byte(&buf, 'a'), OCC_OK);
  }
  assert_int_equal(fm.count, 1);                              /* it never had to grow */
  assert_int_equal(occ__buf_reserve(&buf, SIZE_MAX), OCC_OK); /* as far as the maximum allows */
  for (int i = 0; i < 300; i++) {
    assert_int_equal(occ__buf_byte(&buf, 'b'), OCC_OK);
  }
  assert_int_equal(fm.count, 2);
  assert_int_equal(occ__buf_reserve(&buf, 1), OCC_OK); /* full, which is no error yet */
  assert_int_equal(occ__buf_byte(&buf, 'c'), OCC_ERR_LIMIT);
  assert_int_equal(occ__buf_reserve(&buf, 1), OCC_ERR_LIMIT); /* and sticks */
  occ__buf_clear(&buf);
  assert_int_equal(fm.live, 0);

  fail_mem_init(&fm, 0, true);
  occ__buf_init(&buf, &fm.mem, 1000);
  assert_int_equal(occ__buf_reserve(&buf, 1), OCC_ERR_MEMORY);
  assert_int_equal(occ__buf_byte(&buf, 'a'), OCC_ERR_MEMORY);
  occ__buf_clear(&buf);
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

static void test_buf__wipes_what_it_held(void **state)
{
  occ_mem inner = occ__mem_libc;
  occ_mem mem = { plain_alloc, watching_release, &inner };
  occ_buf buf;
  (void)state;

  secrets_seen = 0;
  occ__buf_init(&buf, &mem, 100000);
  for (size_t i = 0; i < 10000; i++) { /* moves several times */
    occ__buf_text(&buf, "secret");
  }
  occ__buf_reset(&buf);
  assert_memory_not_equal(buf.base, "secret", 6);
  occ__buf_text(&buf, "secret");
  occ__buf_clear(&buf);
  assert_int_equal(secrets_seen, 0);
}

static void test_buf_put__survives_every_failed_allocation(void **state)
{
  fail_mem fm;
  occ_buf buf;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    fm.failed = true;
    for (size_t n = 0; fm.failed; n++) {
      assert_true(n < 100);
      fail_mem_init(&fm, n, keep != 0);
      occ__buf_init(&buf, &fm.mem, 100000);
      for (size_t i = 0; i < 2000; i++) {
        occ__buf_number(&buf, 1234567890);
      }
      assert_int_equal(buf.rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      assert_true(buf.len == 20000 || fm.failed);
      assert_int_equal(buf.len % 10, 0); /* whole pieces only */
      occ__buf_clear(&buf);
      assert_int_equal(fm.live, 0);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_buf_put__appends_and_ends),
    cmocka_unit_test(test_buf_number__writes_decimal),
    cmocka_unit_test(test_buf_put__stops_at_its_maximum),
    cmocka_unit_test(test_buf_put__error_sticks_until_reset),
    cmocka_unit_test(test_buf_grow__counts_at_once),
    cmocka_unit_test(test_buf_reserve__makes_room_and_no_error_of_it),
    cmocka_unit_test(test_buf__wipes_what_it_held),
    cmocka_unit_test(test_buf_put__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
