/* SPDX-License-Identifier: MIT */

/* JSON out: commas, escapes, octets that are no UTF-8, jansson values, limits, failed memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/json_out.h"

#include "fail_mem.h"
#include "wire/json_in.h"

static occ_buf out;

static int setup(void **state)
{
  (void)state;
  occ__buf_init(&out, &occ__mem_libc, 100000);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  occ__buf_clear(&out);
  return 0;
}

static void write_everything(occ_buf *to)
{
  json_t *value = json_pack("{s:[i,f,b,n],s:s}", "z", 1, 0.5, 1, "a", "\xc3\xa9");

  occ__json_open(to, '{');
  occ__json_put_text(to, "text", "x");
  occ__json_put_text(to, "absent", NULL);
  occ__json_put_number(to, "number", -5);
  occ__json_name(to, "list");
  occ__json_open(to, '[');
  occ__json_bool(to, 1);
  occ__json_bool(to, 0);
  occ__json_null(to);
  occ__json_open(to, '[');
  occ__json_close(to, ']');
  occ__json_open(to, '{');
  occ__json_close(to, '}');
  occ__json_string(to, occ__span_text("[{:,"));
  occ__json_number(to, 7);
  occ__json_raw(to, occ__span_text("{\"r\":1}"));
  occ__json_b64(to, occ__span("\xff\xff\xff", 3));
  occ__json_b64(to, occ__span(NULL, 0));
  occ__json_close(to, ']');
  occ__json_name(to, "value");
  occ__json_value(to, value);
  occ__json_close(to, '}');
  json_decref(value);
}

static void test_json_out__puts_commas_where_due(void **state)
{
  (void)state;

  write_everything(&out);
  assert_string_equal(
      occ__buf_string(&out),
      "{\"text\":\"x\",\"number\":-5,\"list\":[true,false,null,[],{},\"[{:,\",7,"
      "{\"r\":1},\"____\",\"\"],\"value\":{\"z\":[1,0.5,true,null],\"a\":\"\xc3\xa9\"}}");
}

static void test_json_string__escapes(void **state)
{
  static const struct {
    const char *why, *octets, *want;
  } row[] = {
    { "quote and backslash", "a\"b\\c", "a\\\"b\\\\c" },
    { "controls with a name", "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
    { "controls without", "\x01\x1f", "\\u0001\\u001f" },
    { "slash and DEL as they are", "/\x7f", "/\x7f" },
    { "two octets", "\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf" },
    { "three octets", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
      "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf" },
    { "four octets", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
    { "a lone continuation", "a\x80z", "a?z" },
    { "two of them", "\xbf\x80", "??" },
    { "overlong, two octets", "\xc0\xaf\xc1\xbf", "????" },
    { "overlong, three octets", "\xe0\x9f\xbf", "???" },
    { "overlong, four octets", "\xf0\x8f\xbf\xbf", "????" },
    { "surrogate", "\xed\xa0\x80", "???" },
    { "beyond U+10FFFF", "\xf4\x90\x80\x80", "????" },
    { "no such first octet", "\xf5\xff", "??" },
    { "cut, two", "a\xc2", "a?" },
    { "cut, three", "a\xe2\x82", "a??" },
    { "cut, four", "a\xf0\x9f\x98", "a???" },
    { "cut by a plain octet", "\xe2\x82z", "??z" },
    { "cut by a quote", "\xc2\"", "?\\\"" },
    { "cut by another sequence", "\xe2\xc3\xa9", "?\xc3\xa9" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    char want[100] = "\"";

    for (const char *at = row[i].want; *at != '\0'; at++) { /* '?' stands for U+FFFD */
      if (*at == '?') {
        strcat(want, "\xef\xbf\xbd");
      } else {
        strncat(want, at, 1);
      }
    }
    strcat(want, "\"");
    print_message("  %s\n", row[i].why);
    occ__json_string(&out, occ__span_text(row[i].octets));
    assert_string_equal(occ__buf_string(&out), want);
    occ__buf_reset(&out);
  }
  occ__json_string(&out, occ__span("a\0b", 3));
  assert_string_equal(occ__buf_string(&out), "\"a\\u0000b\"");
}

/* jansson is another reader: whatever goes in, it takes what comes out, and good UTF-8 comes back
 * unchanged. */
static void test_json_string__is_read_by_jansson(void **state)
{
  uint8_t octets[256 * 3];
  json_t *value;
  (void)state;

  for (unsigned i = 0; i < 256; i++) {
    octets[3 * i] = (uint8_t)i;
    octets[3 * i + 1] = (uint8_t)(i * 7 + 13);
    octets[3 * i + 2] = (uint8_t)(0x80 | i);
  }
  occ__json_string(&out, occ__span(octets, sizeof(octets)));
  value = json_loadb(occ__buf_string(&out), out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  assert_non_null(value);
  json_decref(value);
  occ__buf_reset(&out);

  for (unsigned i = 0; i < 128; i++) {
    octets[i] = (uint8_t)i;
  }
  occ__json_string(&out, occ__span(octets, 128));
  value = json_loadb(occ__buf_string(&out), out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  assert_int_equal(json_string_length(value), 128);
  assert_memory_equal(json_string_value(value), octets, 128);
  json_decref(value);
}

static void test_json_name__is_escaped(void **state)
{
  (void)state;

  occ__json_open(&out, '{');
  occ__json_put_text(&out, "a\"", "b");
  occ__json_put_text(&out, "", "");
  occ__json_close(&out, '}');
  assert_string_equal(occ__buf_string(&out), "{\"a\\\"\":\"b\",\"\":\"\"}");
}

static void test_json_value__fails_without_a_value(void **state)
{
  json_t *loop = json_array();
  (void)state;

  occ__json_value(&out, NULL);
  assert_int_equal(out.rc, OCC_ERR_MEMORY);
  occ__buf_reset(&out);
  json_array_append_new(loop, json_string_nocheck("\xff")); /* jansson will not write it */
  occ__json_value(&out, loop);
  assert_int_equal(out.rc, OCC_ERR_MEMORY);
  json_decref(loop);
}

static void test_json_out__limit_sticks(void **state)
{
  occ_buf small;
  size_t need;
  (void)state;

  write_everything(&out);
  need = out.len;
  for (size_t max = 0; max <= need + 1; max++) {
    occ__buf_init(&small, &occ__mem_libc, max);
    write_everything(&small);
    assert_int_equal(small.rc, max < need ? OCC_ERR_LIMIT : OCC_OK);
    assert_true(small.len <= max);
    occ__buf_clear(&small);
  }
}

static void test_json_out__survives_every_failed_allocation(void **state)
{
  fail_mem fm = { .failed = true };
  occ_buf buf;
  (void)state;

  for (size_t n = 0; fm.failed; n++) {
    assert_true(n < 100);
    fail_mem_init(&fm, n, true);
    occ__buf_init(&buf, &fm.mem, 100000);
    occ__json_open(&buf, '[');
    for (size_t i = 0; i < 20; i++) {
      write_everything(&buf);
    }
    occ__json_close(&buf, ']');
    assert_int_equal(buf.rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
    occ__buf_clear(&buf);
    assert_int_equal(fm.live, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_json_out__puts_commas_where_due, setup, teardown),
    cmocka_unit_test_setup_teardown(test_json_string__escapes, setup, teardown),
    cmocka_unit_test_setup_teardown(test_json_string__is_read_by_jansson, setup, teardown),
    cmocka_unit_test_setup_teardown(test_json_name__is_escaped, setup, teardown),
    cmocka_unit_test_setup_teardown(test_json_value__fails_without_a_value, setup, teardown),
    cmocka_unit_test_setup_teardown(test_json_out__limit_sticks, setup, teardown),
    cmocka_unit_test(test_json_out__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("wire/json_out", tests, NULL, NULL);
}
