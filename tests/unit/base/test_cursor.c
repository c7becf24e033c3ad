/* SPDX-License-Identifier: MIT */

/* The read cursor: network order, and that a read that does not fit moves nothing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/cursor.h"

static const uint8_t octets[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09 };

static void test_cursor_uint__reads_big_endian(void **state)
{
  static const uint64_t want[] = { 0,
                                   0x01,
                                   0x0102,
                                   0x010203,
                                   0x01020304,
                                   0x0102030405,
                                   0x010203040506,
                                   0x01020304050607,
                                   0x0102030405060708 };
  occ_cursor cursor;
  uint64_t value;
  (void)state;

  for (size_t n = 1; n <= 8; n++) {
    occ__cursor_init(&cursor, occ__span(octets, sizeof(octets)));
    assert_int_equal(occ__cursor_uint(&cursor, n, &value), 1);
    assert_int_equal(value, want[n]);
    assert_int_equal(cursor.left, sizeof(octets) - n);
    assert_ptr_equal(cursor.at, octets + n);
  }
}

static void test_cursor_uint__refuses(void **state)
{
  static const struct {
    const char *why;
    size_t len, octets;
  } row[] = {
    { "no octet wanted", 9, 0 },
    { "more than fit into the number", 9, 9 },
    { "an absurd number", 9, SIZE_MAX },
    { "nothing left", 0, 1 },
    { "one too few", 7, 8 },
  };
  occ_cursor cursor;
  uint64_t value = 77;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    occ__cursor_init(&cursor, occ__span(row[i].len == 0 ? NULL : octets, row[i].len));
    assert_int_equal(occ__cursor_uint(&cursor, row[i].octets, &value), 0);
    assert_int_equal(cursor.left, row[i].len);
    assert_int_equal(value, 77);
  }
}

static void test_cursor_copy__moves_only_when_it_fits(void **state)
{
  occ_cursor cursor;
  uint8_t out[10] = { 0 };
  (void)state;

  occ__cursor_init(&cursor, occ__span(octets, 9));
  assert_int_equal(occ__cursor_copy(&cursor, out, 10), 0);
  assert_int_equal(cursor.left, 9);
  assert_int_equal(occ__cursor_copy(&cursor, out, 4), 1);
  assert_memory_equal(out, octets, 4);
  assert_int_equal(occ__cursor_copy(&cursor, out, 5), 1);
  assert_memory_equal(out, octets + 4, 5);
  assert_int_equal(cursor.left, 0);
  assert_int_equal(occ__cursor_copy(&cursor, out, 1), 0);
  assert_int_equal(occ__cursor_copy(&cursor, NULL, 0), 1);
}

static void test_cursor_span__borrows(void **state)
{
  occ_cursor cursor;
  occ_span span = { NULL, 55 };
  (void)state;

  occ__cursor_init(&cursor, occ__span(octets, 9));
  assert_int_equal(occ__cursor_span(&cursor, 10, &span), 0);
  assert_int_equal(span.len, 55);
  assert_int_equal(occ__cursor_span(&cursor, 9, &span), 1);
  assert_ptr_equal(span.base, octets);
  assert_int_equal(span.len, 9);
  assert_int_equal(occ__cursor_span(&cursor, 0, &span), 1);
  assert_int_equal(span.len, 0);
  assert_int_equal(occ__cursor_span(&cursor, SIZE_MAX, &span), 0);
}

static void test_cursor_sized__reads_length_and_octets(void **state)
{
  static const struct {
    const char *why;
    const char *octets;
    size_t len, width, max;
    int want;
    size_t got;
  } row[] = {
    { "one octet of length",
      "\x03"
      "abcd",
      5, 1, 10, 1, 3 },
    { "two octets of length",
      "\x00\x03"
      "abc",
      5, 2, 10, 1, 3 },
    { "length 0", "\x00", 1, 1, 10, 1, 0 },
    { "at the maximum",
      "\x03"
      "abc",
      4, 1, 3, 1, 3 },
    { "one above the maximum",
      "\x03"
      "abc",
      4, 1, 2, 0, 0 },
    { "octets cut",
      "\x03"
      "ab",
      3, 1, 10, 0, 0 },
    { "length cut", "\x00", 1, 2, 10, 0, 0 },
    { "nothing", "", 0, 1, 10, 0, 0 },
    { "longest length, nothing behind", "\xff\xff", 2, 2, SIZE_MAX, 0, 0 },
    { "a width of 0", "\x00", 1, 0, 10, 0, 0 },
    { "a width of 3", "\x00\x00\x00", 3, 3, 10, 0, 0 },
  };
  occ_cursor cursor;
  occ_span span;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    occ__cursor_init(&cursor, occ__span(row[i].octets, row[i].len));
    span = occ__span("untouched", 9);
    assert_int_equal(occ__cursor_sized(&cursor, row[i].width, row[i].max, &span), row[i].want);
    if (row[i].want) {
      assert_int_equal(span.len, row[i].got);
      assert_ptr_equal(span.base, row[i].octets + row[i].width);
      assert_int_equal(cursor.left, row[i].len - row[i].width - row[i].got);
    } else {
      assert_int_equal(span.len, 9);
      assert_int_equal(cursor.left, row[i].len); /* not moved by the length alone */
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_cursor_uint__reads_big_endian),
    cmocka_unit_test(test_cursor_uint__refuses),
    cmocka_unit_test(test_cursor_copy__moves_only_when_it_fits),
    cmocka_unit_test(test_cursor_span__borrows),
    cmocka_unit_test(test_cursor_sized__reads_length_and_octets),
  };

  return cmocka_run_group_tests_name("base/cursor", tests, NULL, NULL);
}
