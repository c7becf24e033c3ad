/* SPDX-License-Identifier: MIT */

/* JSON in: the scan's counts and limits, what jansson must refuse, duplicates, failed allocations
 * of jansson. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/json_in.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/limits.h"
#include "occ/base.h"

/* The value count of a text, by finding the smallest limit that it passes. */
static void test_json_scan__counts_values(void **state)
{
  static const struct {
    const char *why, *text;
    size_t values, depth;
  } row[] = {
    { "a number", "1", 1, 0 },
    { "a literal with space around", " \t\r\n true ", 1, 0 },
    { "a string", "\"a\"", 1, 0 },
    { "empty object", "{}", 1, 1 },
    { "a name is no value", "{\"a\":1}", 2, 1 },
    { "names and strings", "{\"a\":\"b\",\"c\":\"d\"}", 3, 1 },
    { "spaces everywhere", " { \"a\" : \"b\" , \"c\" : [ ] } ", 3, 2 },
    { "elements", "[1,\"a\",null,[],{}]", 6, 2 },
    { "strings in an array in an object", "{\"a\":[\"b\",\"c\"],\"d\":\"e\"}", 5, 2 },
    { "an object in an array", "[{\"a\":\"b\"},\"c\"]", 4, 2 },
    { "brackets in strings", "[\"[[[{{{\",\"]]\"]", 3, 1 },
    { "quotes in strings", "[\"a\\\"[\",\"\\\\\",\"\\\\\\\"]\"]", 4, 1 },
    { "escaped quote in a name", "{\"a\\\":[\":1}", 2, 1 },
    { "commas and colons in strings", "[\",:,:\",\"a\"]", 3, 1 },
    { "numbers of all kinds", "[-1,2.5e+3,0]", 4, 1 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_span text = occ__span_text(row[i].text);
    occ_json_limits limits = { text.len, row[i].depth, row[i].values };

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__json_scan(text, &limits), OCC_OK);
    limits.values--;
    assert_int_equal(occ__json_scan(text, &limits), OCC_ERR_LIMIT);
    limits.values += 2;
    assert_int_equal(occ__json_scan(text, &limits), OCC_OK);
    limits.octets--;
    assert_int_equal(occ__json_scan(text, &limits), OCC_ERR_LIMIT);
    limits.octets += 2;
    assert_int_equal(occ__json_scan(text, &limits), OCC_OK);
    if (limits.depth != 0) {
      limits.depth--;
      assert_int_equal(occ__json_scan(text, &limits), OCC_ERR_LIMIT);
    }
  }
}

static void test_json_scan__refuses(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "nothing", "" },
    { "object not closed", "{" },
    { "array not closed", "[1,2" },
    { "closed once too often", "[]]" },
    { "closed first", "]" },
    { "the wrong bracket", "[}" },
    { "the wrong bracket, inside", "{\"a\":[1}]" },
    { "open string", "\"abc" },
    { "string that ends in an escape", "[\"abc\\" },
    { "escaped quote does not close", "\"abc\\\"" },
    { "raw line feed in a string", "\"a\nb\"" },
    { "raw HTAB in a string", "\"a\tb\"" },
    { "raw control after an escape", "\"a\\\x01\"" },
    { "control outside strings", "[1,\x01]" },
    { "control in a literal", "tr\x1fue" },
    { "form feed is no white space", "[\f]" },
    { "vertical tab is no white space", "\v1" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__json_scan(occ__span_text(row[i].text), &occ__json_peer), OCC_ERR_SYNTAX);
  }
  assert_int_equal(occ__json_scan(occ__span("[1,\0]", 5), &occ__json_peer), OCC_ERR_SYNTAX);
  assert_int_equal(occ__json_scan(occ__span("\"\0\"", 3), &occ__json_peer), OCC_ERR_SYNTAX);
  assert_int_equal(occ__json_scan(occ__span(NULL, 0), &occ__json_peer), OCC_ERR_SYNTAX);
}

/* depth brackets, alternating, with the least that makes them well formed. */
static size_t nest(char *out, size_t depth)
{
  size_t len = 0;

  for (size_t i = 0; i < depth; i++) {
    memcpy(out + len, i % 2 == 0 ? "[" : "{\"a\":", i % 2 == 0 ? 1 : 5);
    len += i % 2 == 0 ? 1 : 5;
  }
  out[len++] = '1';
  for (size_t i = depth; i-- != 0;) {
    out[len++] = i % 2 == 0 ? ']' : '}';
  }
  return len;
}

static void test_json_read__limit_of_depth(void **state)
{
  char text[2000];
  json_t *value;
  (void)state;

  for (size_t depth = OCC__MAX_JSON_DEPTH - 1; depth <= OCC__MAX_JSON_DEPTH + 1; depth++) {
    int want = depth <= OCC__MAX_JSON_DEPTH ? OCC_OK : OCC_ERR_LIMIT;

    assert_int_equal(occ__json_read(&value, occ__span(text, nest(text, depth)), &occ__json_peer),
                     want);
    assert_true((value != NULL) == (want == OCC_OK));
    json_decref(value);
    assert_int_equal(occ__json_scan(occ__span(text, nest(text, depth)), &occ__json_config), want);
  }
  /* However high the limit, the scan itself can follow 64 levels. */
  for (size_t depth = 63; depth <= 65; depth++) {
    const occ_json_limits deep = { sizeof(text), 1000, 1000 };

    assert_int_equal(occ__json_scan(occ__span(text, nest(text, depth)), &deep),
                     depth <= 64 ? OCC_OK : OCC_ERR_LIMIT);
  }
}

static void test_json_read__limits_of_values_and_octets(void **state)
{
  static const struct {
    const occ_json_limits *limits;
    size_t values, octets;
  } row[] = {
    { &occ__json_peer, OCC__MAX_JSON_VALUES, OCC__MAX_JWT / 4 * 3 },
    { &occ__json_answer, OCC__MAX_ANSWER_VALUES, OCC__MAX_ANSWER },
    { &occ__json_config, OCC__MAX_CONFIG_VALUES, OCC__MAX_CONFIG_JSON },
  };
  static char text[OCC__MAX_CONFIG_JSON + 1];
  json_t *value;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    for (size_t n = row[i].values - 1; n <= row[i].values + 1; n++) {
      size_t len = 0;
      int want = n <= row[i].values ? OCC_OK : OCC_ERR_LIMIT;

      text[len++] = '[';
      for (size_t k = 1; k < n; k++) { /* the array is a value, too */
        text[len++] = '0';
        text[len++] = ',';
      }
      text[len - 1] = ']';
      assert_int_equal(occ__json_read(&value, occ__span(text, len), row[i].limits), want);
      assert_int_equal(json_array_size(value), want == OCC_OK ? n - 1 : 0);
      json_decref(value);
    }
    for (size_t len = row[i].octets - 1; len <= row[i].octets + 1; len++) {
      memset(text, 'x', len);
      text[0] = text[len - 1] = '"';
      assert_int_equal(occ__json_read(&value, occ__span(text, len), row[i].limits),
                       len <= row[i].octets ? OCC_OK : OCC_ERR_LIMIT);
      assert_int_equal(json_string_length(value), len <= row[i].octets ? len - 2 : 0);
      json_decref(value);
    }
  }
}

static void test_json_read__refuses(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "N-JOSE-04 duplicate alg", "{\"alg\":\"ES256\",\"alg\":\"none\"}" },
    { "N-JOSE-04 duplicate via escape", "{\"alg\":1,\"\\u0061lg\":2}" },
    { "duplicate inside", "{\"a\":{\"b\":[{\"c\":1,\"c\":1}]}}" },
    { "duplicate empty name", "{\"\":1,\"\":2}" },
    { "N-JOSE-03 trailing comma", "[1,]" },
    { "trailing comma in an object", "{\"a\":1,}" },
    { "N-JOSE-03 comment", "{/* */}" },
    { "N-JOSE-03 BOM", "\xef\xbb\xbf{}" },
    { "N-JOSE-03 invalid UTF-8", "\"\xff\"" },
    { "invalid UTF-8 outside strings", "\xc0\x80" },
    { "N-JOSE-03 overlong UTF-8", "\"\xc0\xaf\"" },
    { "UTF-8 of a surrogate", "\"\xed\xa0\x80\"" },
    { "UTF-8 cut", "\"\xe2\x82\"" },
    { "UTF-8 cut at the end", "\"\xe2" },
    { "beyond U+10FFFF", "\"\xf4\x90\x80\x80\"" },
    { "N-JOSE-03 lone high surrogate", "\"\\ud800\"" },
    { "lone low surrogate", "\"\\udc00\"" },
    { "surrogates in the wrong order", "\"\\udc00\\ud800\"" },
    { "high surrogate, then another escape", "\"\\ud800\\u0041\"" },
    { "U+0000 in a string", "\"a\\u0000b\"" },
    { "U+0000 in a name", "{\"a\\u0000b\":1}" },
    { "bad escape", "\"\\x41\"" },
    { "short escape", "\"\\u00\"" },
    { "trailing text", "{} x" },
    { "two values", "1 2" },
    { "integer beyond int64", "9223372036854775808" },
    { "integer below int64", "-9223372036854775809" },
    { "N-JOSE-12 number beyond double", "1e309" },
    { "leading zero", "01" },
    { "plus sign", "+1" },
    { "no digit after the point", "1." },
    { "no digit before the point", ".5" },
    { "hexadecimal", "0x10" },
    { "NaN", "NaN" },
    { "Infinity", "[Infinity]" },
    { "single quotes", "{'a':1}" },
    { "name without quotes", "{a:1}" },
    { "a name that is no string", "{1:1}" },
    { "no colon", "{\"a\" 1}" },
    { "no value", "{\"a\":}" },
    { "colon in an array", "[\"a\":1]" },
    { "many strings where names are due", "{\"a\" \"b\" \"c\"}" },
    { "True", "True" },
    { "spaces only", "  \n" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    json_t *value = (json_t *)(uintptr_t)1; /* must be cleared */

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__json_read(&value, occ__span_text(row[i].text), &occ__json_peer),
                     OCC_ERR_SYNTAX);
    assert_null(value);
  }
  print_message("  N-JOSE-03 UTF-16\n");
  {
    json_t *value;

    assert_int_equal(occ__json_read(&value, occ__span("\xff\xfe{\0}\0", 6), &occ__json_peer),
                     OCC_ERR_SYNTAX);
    assert_int_equal(occ__json_read(&value, occ__span("{\0}\0", 4), &occ__json_peer),
                     OCC_ERR_SYNTAX);
  }
}

static void test_json_read__reads_any_value(void **state)
{
  static const struct {
    const char *text;
    json_type type;
    int object_rc;
  } row[] = {
    { "{\"a\":\"\\ud83d\\ude00\"}", JSON_OBJECT, OCC_OK },
    { " {} ", JSON_OBJECT, OCC_OK },
    { "[]", JSON_ARRAY, OCC_ERR_SYNTAX },
    { "\"x\"", JSON_STRING, OCC_ERR_SYNTAX },
    { "-9223372036854775808", JSON_INTEGER, OCC_ERR_SYNTAX },
    { "1.5", JSON_REAL, OCC_ERR_SYNTAX },
    { "true", JSON_TRUE, OCC_ERR_SYNTAX },
    { "null", JSON_NULL, OCC_ERR_SYNTAX },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_span text = occ__span_text(row[i].text);
    json_t *value;

    assert_int_equal(occ__json_read(&value, text, &occ__json_peer), OCC_OK);
    assert_int_equal(json_typeof(value), row[i].type);
    json_decref(value);
    assert_int_equal(occ__json_read_object(&value, text, &occ__json_peer), row[i].object_rc);
    assert_true((value != NULL) == (row[i].object_rc == OCC_OK));
    json_decref(value);
  }
}

static void test_json_text__borrows_strings_only(void **state)
{
  json_t *object;
  (void)state;

  assert_int_equal(
      occ__json_read_object(&object, occ__span_text("{\"a\":\"x\",\"b\":1,\"c\":null,\"d\":\"\"}"),
                            &occ__json_peer),
      OCC_OK);
  json_object_set_new(object, "zero", json_stringn("a\0b", 3));
  assert_string_equal(occ__json_text(object, "a"), "x");
  assert_string_equal(occ__json_text(object, "d"), "");
  assert_null(occ__json_text(object, "b"));
  assert_null(occ__json_text(object, "c"));
  assert_null(occ__json_text(object, "none"));
  assert_null(occ__json_text(object, "zero"));
  assert_null(occ__json_text(json_object_get(object, "a"), "a")); /* of no object */
  assert_null(occ__json_text(NULL, "a"));
  json_decref(object);
}

/* jansson's own allocator, made to fail. Blocks are counted, so that a value half built is not
 * forgotten. */
static size_t fail_at, asked, live;

static void *counting_malloc(size_t size)
{
  void *memory = asked++ == fail_at ? NULL : malloc(size);

  live += memory != NULL;
  return memory;
}

static void counting_free(void *memory)
{
  live -= memory != NULL;
  free(memory);
}

static void test_json_read__survives_failed_allocations_of_jansson(void **state)
{
  /* Short tokens: jansson 2.14 does not look whether its token buffer could grow. */
  static const char text[] = "{\"a\":[1,2.5,true,\"x\",{}],\"b\":{\"c\":\"y\"},\"d\":null}";
  size_t failures = 0;
  int rc = OCC_ERR_MEMORY;
  json_t *value;
  (void)state;

  json_set_alloc_funcs(counting_malloc, counting_free);
  for (fail_at = 0; rc != OCC_OK; fail_at++) {
    assert_true(fail_at < 1000);
    asked = live = 0;
    rc = occ__json_read_object(&value, occ__span_text(text), &occ__json_peer);
    if (rc != OCC_OK) {
      /* A string that could not be allocated is an invalid token to jansson. */
      assert_true(rc == OCC_ERR_MEMORY || rc == OCC_ERR_SYNTAX);
      assert_null(value);
      assert_int_equal(live, 0);
      failures += rc == OCC_ERR_MEMORY;
    }
  }
  assert_true(failures > 5);
  json_decref(value);
  assert_int_equal(live, 0);
  json_set_alloc_funcs(malloc, free);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_json_scan__counts_values),
    cmocka_unit_test(test_json_scan__refuses),
    cmocka_unit_test(test_json_read__limit_of_depth),
    cmocka_unit_test(test_json_read__limits_of_values_and_octets),
    cmocka_unit_test(test_json_read__refuses),
    cmocka_unit_test(test_json_read__reads_any_value),
    cmocka_unit_test(test_json_text__borrows_strings_only),
    cmocka_unit_test(test_json_read__survives_failed_allocations_of_jansson),
  };

  return cmocka_run_group_tests_name("wire/json_in", tests, NULL, NULL);
}
