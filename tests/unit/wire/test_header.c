/* SPDX-License-Identifier: MIT */

/* Header lines: which are kept, what is refused, blocks of lines, limits, failed allocations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/header.h"

#include "base/limits.h"
#include "fail_mem.h"
#include "wire/names.h"

static const char *const wanted[] = { OCC__HEADER_DPOP, OCC__HEADER_ATTESTATION, NULL };
static occ_arena arena;

static int setup(void **state)
{
  (void)state;
  occ__arena_init(&arena, &occ__mem_libc, OCC__MAX_TXN_MEMORY);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  occ__arena_clear(&arena);
  return 0;
}

static int add(occ_headers *headers, const char *name, const char *value)
{
  return occ__headers_add(headers, &arena, wanted, occ__span_text(name), occ__span_text(value));
}

static void test_headers_add__keeps_what_is_wanted(void **state)
{
  occ_headers headers = { 0 };
  const occ_header *line;
  (void)state;

  assert_null(occ__headers_find(&headers, "DPoP", 0));
  assert_int_equal(add(&headers, "dpop", " \t one \t"), OCC_OK);
  assert_int_equal(add(&headers, "Content-Type", "x\x01y"), OCC_OK); /* nobody looks at it */
  assert_int_equal(add(&headers, "DPOP", "two, three"), OCC_OK);
  assert_int_equal(add(&headers, "DPo", "x"), OCC_OK);
  assert_int_equal(add(&headers, "DPoPx", "x"), OCC_OK);
  assert_int_equal(add(&headers, "DPoP ", "x"), OCC_OK); /* that is another name */
  assert_int_equal(add(&headers, "", "x"), OCC_OK);
  assert_int_equal(add(&headers, "OAUTH-client-ATTESTATION", ""), OCC_OK);
  assert_int_equal(headers.count, 3);

  line = occ__headers_find(&headers, "DPoP", 0);
  assert_ptr_equal(line->name, wanted[0]);
  assert_string_equal(line->value, "one");
  assert_int_equal(line->value_len, 3);
  line = occ__headers_find(&headers, "dPoP", 1);
  assert_string_equal(line->value, "two, three"); /* not split, not joined */
  assert_null(occ__headers_find(&headers, "DPoP", 2));
  line = occ__headers_find(&headers, OCC__HEADER_ATTESTATION, 0);
  assert_string_equal(line->value, ""); /* empty, but there */
  assert_int_equal(
      occ__headers_add(&headers, &arena, NULL, occ__span_text("DPoP"), occ__span_text("x")),
      OCC_OK);
  assert_int_equal(headers.count, 3);
}

static void test_headers_add__refuses(void **state)
{
  static const struct {
    const char *why, *value;
    size_t len;
  } row[] = {
    { "line feed", "a\nb", 3 },
    { "carriage return", "a\rb", 3 },
    { "CRLF at the end", "ab\r\n", 4 },
    { "CRLF and another header", "a\r\nDPoP: b", 10 },
    { "zero octet", "a\0b", 3 },
    { "zero octet at the end", "ab\0", 3 },
    { "HTAB within", "a\tb", 3 },
    { "the last control", "a\x1f", 2 },
    { "DEL", "a\x7f", 2 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_headers headers = { 0 };

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__headers_add(&headers, &arena, wanted, occ__span_text("DPoP"),
                                      occ__span(row[i].value, row[i].len)),
                     OCC__REASON_HEADER_MALFORMED);
    assert_int_equal(headers.count, 0);
  }
}

static void test_headers_add__limits(void **state)
{
  static char value[OCC__MAX_HEADER + 3];
  occ_headers headers = { 0 };
  (void)state;

  memset(value, 'x', sizeof(value));
  for (size_t len = OCC__MAX_HEADER - 1; len <= OCC__MAX_HEADER + 1; len++) {
    assert_int_equal(
        occ__headers_add(&headers, &arena, wanted, occ__span_text("DPoP"), occ__span(value, len)),
        len <= OCC__MAX_HEADER ? OCC_OK : OCC__REASON_HEADER_TOO_LARGE);
  }
  value[0] = value[OCC__MAX_HEADER + 1] = ' '; /* blanks around do not count */
  assert_int_equal(occ__headers_add(&headers, &arena, wanted, occ__span_text("DPoP"),
                                    occ__span(value, OCC__MAX_HEADER + 2)),
                   OCC_OK);
  assert_int_equal(headers.count, 3);
  while (headers.count < OCC__MAX_HEADERS) {
    assert_int_equal(add(&headers, "DPoP", "x"), OCC_OK);
  }
  assert_int_equal(add(&headers, "DPoP", "x"), OCC__REASON_HEADERS_TOO_MANY);
  assert_int_equal(add(&headers, "Accept", "x"), OCC_OK); /* nobody wants it */
  assert_int_equal(headers.count, OCC__MAX_HEADERS);
}

static void test_header_name_equal__compares_without_case(void **state)
{
  (void)state;

  assert_int_equal(occ__header_name_equal("DPoP-Nonce", "dpop-nonce"), 1);
  assert_int_equal(occ__header_name_equal("", ""), 1);
  assert_int_equal(occ__header_name_equal("DPoP", "DPoP-Nonce"), 0);
  assert_int_equal(occ__header_name_equal("DPoP-Nonce", "DPoP"), 0);
  assert_int_equal(occ__header_name_equal("DPoP", "DP0P"), 0);
  assert_int_equal(occ__header_name_equal("@", "`"), 0); /* a bit apart, but no letters */
  assert_int_equal(occ__header_name_equal("[", "{"), 0);
}

static void test_header_in_block__finds(void **state)
{
  static const struct {
    const char *why, *block, *want;
    size_t count;
  } row[] = {
    { "CRLF", "HTTP/1.1 403 Forbidden\r\nContent-Type: x\r\nDPoP-Nonce: abc\r\n\r\n", "abc", 1 },
    { "LF", "DPoP-Nonce: abc\nX: y\n", "abc", 1 },
    { "without an end", "DPoP-Nonce: abc", "abc", 1 },
    { "without case, without blank", "dpop-nonce:abc\r\n", "abc", 1 },
    { "blanks around", "DPoP-Nonce: \t abc \t\r\n", "abc", 1 },
    { "colons within", "DPoP-Nonce: a:b\r\n", "a:b", 1 },
    { "the first of two", "DPoP-Nonce: a\r\nX: y\r\nDPoP-Nonce: b\r\n", "a", 2 },
    { "an empty one is found", "DPoP-Nonce:\r\n", "", 1 },
    { "an empty one, cut", "DPoP-Nonce:", "", 1 },
    { "an empty line before", "\r\n\nDPoP-Nonce: a\r\n", "a", 1 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    size_t count = 99;
    occ_span found;

    print_message("  %s\n", row[i].why);
    found = occ__header_in_block(occ__span_text(row[i].block), "DPoP-Nonce", &count);
    assert_non_null(found.base);
    assert_true(occ__span_is(found, row[i].want));
    assert_int_equal(count, row[i].count);
  }
}

static void test_header_in_block__passes_over(void **state)
{
  static const struct {
    const char *why, *block;
  } row[] = {
    { "nothing", "" },
    { "no colon", "DPoP-Nonce abc\r\n" },
    { "name cut", "DPoP-Nonce" },
    { "a longer name", "X-DPoP-Nonce: abc\r\n" },
    { "a shorter name", "DPoP: abc\r\n" },
    { "blank before the colon", "DPoP-Nonce : abc\r\n" },
    { "a folded line", "X: y\r\n DPoP-Nonce: abc\r\n" },
    { "within another's value", "X: DPoP-Nonce: abc\r\n" },
    { "a bare CR ends no line", "X: y\rDPoP-Nonce: abc\r\n" },
    { "no name", ": abc\r\n" },
    { "colons only", "::::\n:\n" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    size_t count = 99;
    occ_span found;

    print_message("  %s\n", row[i].why);
    found = occ__header_in_block(occ__span_text(row[i].block), "DPoP-Nonce", &count);
    assert_null(found.base);
    assert_int_equal(found.len, 0);
    assert_int_equal(count, 0);
  }
  assert_null(occ__header_in_block(occ__span(NULL, 0), "DPoP-Nonce", NULL).base);
}

static void test_header_in_block__does_not_read_past_the_end(void **state)
{
  static const char block[] = "A: b\r\nDPoP-Nonce: \r\n\r\n";
  (void)state;

  for (size_t len = 0; len < sizeof(block); len++) {
    uint8_t *exact = test_malloc(len == 0 ? 1 : len);
    size_t count = 99;

    memcpy(exact, block, len);
    (void)occ__header_in_block(occ__span(exact, len), "DPoP-Nonce", &count);
    assert_int_equal(count, len >= strlen("A: b\r\nDPoP-Nonce:") ? 1 : 0);
    test_free(exact);
  }
}

static void test_headers_add__survives_every_failed_allocation(void **state)
{
  static const char value[5000] = { 'x' };
  fail_mem fm = { .failed = true };
  occ_arena own;
  (void)state;

  for (size_t n = 0; fm.failed; n++) {
    occ_headers headers = { 0 };
    int rc = OCC_OK;

    assert_true(n < 100);
    fail_mem_init(&fm, n, true);
    occ__arena_init(&own, &fm.mem, OCC__MAX_TXN_MEMORY);
    for (size_t i = 0; rc == OCC_OK && i < 5; i++) {
      rc = occ__headers_add(&headers, &own, wanted, occ__span_text("DPoP"),
                            occ__span("xxxxxxxxxxxxxxxxxxx", 19));
      if (rc == OCC_OK) {
        rc = occ__arena_alloc(&own, sizeof(value)) == NULL ? own.rc : OCC_OK;
      }
    }
    assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
    occ__arena_clear(&own);
    assert_int_equal(fm.live, 0);
  }
  occ__arena_init(&own, &occ__mem_libc, OCC__MAX_HEADERS * sizeof(occ_header) + 3);
  {
    occ_headers headers = { 0 };

    assert_int_equal(
        occ__headers_add(&headers, &own, wanted, occ__span_text("DPoP"), occ__span_text("abc")),
        OCC_ERR_LIMIT);
    assert_int_equal(headers.count, 0);
  }
  occ__arena_clear(&own);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_headers_add__keeps_what_is_wanted, setup, teardown),
    cmocka_unit_test_setup_teardown(test_headers_add__refuses, setup, teardown),
    cmocka_unit_test_setup_teardown(test_headers_add__limits, setup, teardown),
    cmocka_unit_test(test_header_name_equal__compares_without_case),
    cmocka_unit_test(test_header_in_block__finds),
    cmocka_unit_test(test_header_in_block__passes_over),
    cmocka_unit_test(test_header_in_block__does_not_read_past_the_end),
    cmocka_unit_test(test_headers_add__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("wire/header", tests, NULL, NULL);
}
