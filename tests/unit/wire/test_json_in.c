/* SPDX-License-Identifier: MIT */

/* JSON in: the scan's counts and limits, what must be refused, what comes out, the same as jansson's
 * own reader makes of it, and every allocation of jansson failed in turn. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/json_in.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
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
    { "no value after a comma", "[1,]" },
    { "no value before a comma", "[,1]" },
    { "two commas", "[1,,2]" },
    { "two values", "1 2" },
    { "text behind the value", "{}x" },
    { "two names", "{\"a\":\"b\":1}" },
    { "comma for a colon", "{\"a\",1}" },
    { "invalid UTF-8", "\"\xff\"" },
    { "half a surrogate pair", "\"\\ud83d\"" },
    { "a number cut", "[-]" },
    { "a word cut", "[nul]" },
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
  for (size_t depth = OCC__MAX_PROOF_DEPTH - 1; depth <= OCC__MAX_PROOF_DEPTH + 1; depth++) {
    assert_int_equal(occ__json_scan(occ__span(text, nest(text, depth)), &occ__json_proof),
                     depth <= OCC__MAX_PROOF_DEPTH ? OCC_OK : OCC_ERR_LIMIT);
  }
  /* However high the limit, the reader itself can follow 64 levels, and build them. */
  for (size_t depth = 63; depth <= 65; depth++) {
    const occ_json_limits deep = { sizeof(text), 1000, 1000 };

    assert_int_equal(occ__json_scan(occ__span(text, nest(text, depth)), &deep),
                     depth <= 64 ? OCC_OK : OCC_ERR_LIMIT);
    assert_int_equal(occ__json_read(&value, occ__span(text, nest(text, depth)), &deep),
                     depth <= 64 ? OCC_OK : OCC_ERR_LIMIT);
    json_decref(value);
  }
}

/* A real costs more than other values: a quarter of the values may be reals, and one more. */
static void test_json_read__limit_of_reals(void **state)
{
  char text[400];
  (void)state;

  for (size_t n = 25; n <= 27; n++) {
    const occ_json_limits limits = { sizeof(text), 1, 100 };
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
      len += (size_t)snprintf(text + len, sizeof(text) - len, "%c0.5", i == 0 ? '[' : ',');
    }
    len += (size_t)snprintf(text + len, sizeof(text) - len, ",7]");
    assert_int_equal(occ__json_scan(occ__span(text, len), &limits),
                     n <= 26 ? OCC_OK : OCC_ERR_LIMIT);
  }
}

/* len characters: an integer of zeros would be none, so a real. */
static void test_json_read__limit_of_a_number(void **state)
{
  static const char *const before[] = { "0.", "1e", "-1.5E+", "[3." };
  char text[128];
  (void)state;

  for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
    const size_t bracket = before[i][0] == '[';

    for (size_t len = OCC__MAX_JSON_NUMBER - 1; len <= OCC__MAX_JSON_NUMBER + 1; len++) {
      json_t *value;

      memset(text, '0', sizeof(text));
      memcpy(text, before[i], strlen(before[i]));
      text[len + bracket] = ']';
      assert_int_equal(occ__json_read(&value, occ__span(text, len + 2 * bracket), &occ__json_peer),
                       len <= OCC__MAX_JSON_NUMBER ? OCC_OK : OCC_ERR_LIMIT);
      json_decref(value);
    }
  }
}

static void test_json_read__limits_of_values_and_octets(void **state)
{
  static const struct {
    const occ_json_limits *limits;
    size_t values, octets;
  } row[] = {
    { &occ__json_peer, OCC__MAX_JSON_VALUES, OCC__MAX_JWT / 4 * 3 },
    { &occ__json_proof, OCC__MAX_PROOF_VALUES, OCC__MAX_PROOF },
    { &occ__json_assertion, OCC__MAX_PROOF_VALUES, OCC__MAX_JWT / 4 * 3 },
    { &occ__json_client, OCC__MAX_METADATA_VALUES, OCC__MAX_METADATA },
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
    { "overlong UTF-8 of three", "\"\xe0\x9f\xbf\"" },
    { "overlong UTF-8 of four", "\"\xf0\x8f\xbf\xbf\"" },
    { "UTF-8 of the last surrogate", "\"\xed\xbf\xbf\"" },
    { "a continuation alone", "\"\x80\"" },
    { "UTF-8 of five", "\"\xf8\x88\x80\x80\x80\"" },
    { "invalid UTF-8 behind good", "\"abc\xc3\xa9\xc3\"" },
    { "invalid UTF-8 in a name", "{\"\xff\":1}" },
    { "invalid UTF-8 behind an escape", "\"\\n\xff\"" },
    { "N-JOSE-03 lone high surrogate", "\"\\ud800\"" },
    { "high surrogate, then text", "\"\\ud800x\"" },
    { "high surrogate, then a short escape", "\"\\ud800\\n\"" },
    { "two high surrogates", "\"\\ud800\\ud800\"" },
    { "high surrogate, then a cut escape", "\"\\ud800\\udc0\"" },
    { "high surrogate at the end", "\"\\ud800\\u" },
    { "lone low surrogate", "\"\\udc00\"" },
    { "surrogates in the wrong order", "\"\\udc00\\ud800\"" },
    { "high surrogate, then another escape", "\"\\ud800\\u0041\"" },
    { "U+0000 in a string", "\"a\\u0000b\"" },
    { "U+0000 in a name", "{\"a\\u0000b\":1}" },
    { "bad escape", "\"\\x41\"" },
    { "short escape", "\"\\u00\"" },
    { "escape without hexadecimal", "\"\\u00g0\"" },
    { "escape with a sign", "\"\\u+041\"" },
    { "upper-case U", "\"\\U0041\"" },
    { "escaped line end", "\"\\\n\"" },
    { "escaped non-ASCII", "\"\\\xc3\xa9\"" },
    { "escaped single quote", "\"\\'\"" },
    { "escape cut by the end", "\"\\u004" },
    { "U+0000 escaped in a short name", "{\"\\u0000\":1}" },
    { "raw control in a name", "{\"a\x1f\":1}" },
    { "DEL outside strings", "[\x7f]" },
    { "trailing text", "{} x" },
    { "two values", "1 2" },
    { "integer beyond int64", "9223372036854775808" },
    { "integer below int64", "-9223372036854775809" },
    { "N-JOSE-12 number beyond double", "1e309" },
    { "N-JOSE-12 and below", "-1e309" },
    { "beyond double without an exponent sign", "[1E400]" },
    { "beyond double with leading zeros in the exponent", "1e0000000000309" },
    { "integer of 64 digits", "1000000000000000000000000000000000000000000000000000000000000000" },
    { "leading zero", "01" },
    { "leading zero behind the sign", "-01" },
    { "two signs", "--1" },
    { "a sign alone", "-" },
    { "a sign and a point", "-.5" },
    { "leading zero before a point", "00.5" },
    { "no digit in the exponent", "1e" },
    { "no digit after the exponent's sign", "1e+" },
    { "two points", "1.2.3" },
    { "a fraction in the exponent", "1e1.5" },
    { "comma for a point", "1,5" },
    { "digit groups", "[1 000]" },
    { "a suffix", "1f" },
    { "-Infinity", "-Infinity" },
    { "hexadecimal with a point", "0x1p3" },
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
    { "a word with more", "truex" },
    { "a word cut", "[fals]" },
    { "a word with a control", "nul\x01" },
    { "a comma alone", "{,}" },
    { "a comma behind a name", "{\"a\",\"b\":1}" },
    { "two colons", "{\"a\"::1}" },
    { "a name for the second time, of other kind", "{\"a\":{},\"b\":1,\"a\":[]}" },
    { "duplicate via surrogates", "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}" },
    { "duplicate with two escapes", "{\"\\n\":1,\"\\u000a\":2}" },
    { "duplicate in an array in an object", "[{\"x\":[{\"a\":1,\"b\":2,\"a\":3}]}]" },
    { "BOM behind the value", "{}\xef\xbb\xbf" },
    { "no-break space", "\xc2\xa0{}" },
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
    print_message("  a zero octet behind the value\n");
    assert_int_equal(occ__json_read(&value, occ__span("{}\0", 3), &occ__json_peer), OCC_ERR_SYNTAX);
    assert_int_equal(occ__json_read(&value, occ__span("1\0x", 3), &occ__json_peer), OCC_ERR_SYNTAX);
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

/* What is accepted is what jansson's reader makes of it: another reader says what is right. */
static void test_json_read__builds_what_another_reader_builds(void **state)
{
  static const char *const text[] = {
    "0",
    "-0",
    "7",
    "-7",
    "9223372036854775807",
    "-9223372036854775808",
    "1234567890123456789",
    "0.0",
    "-0.0",
    "-0e0",
    "0e99999",
    "0.1",
    "1.5",
    "-2.5e-3",
    "1E5",
    "1e+5",
    "123.456e-7",
    "0.000001",
    "100e-2",
    "1.7976931348623157e308",
    "-1.7976931348623157E+308",
    "4.9e-324",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "1e-400",
    "1e-99999",
    "1e00000000005",
    "9007199254740993.0",
    "9007199254740992.99999999",
    "0.30000000000000004",
    "179769313486231570000000000000000000000000.0e267",
    "3.14159265358979323846264338327950288",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "{\"\":\"\"}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
    "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff\"",
    "\"\\uD7FF\\uE000\\u00Aa\"",
    "\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\"",
    "\"\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
    "\"a\xc3\xa9\\n\xe2\x82\xac\\u0001z\"",
    "\"\\\\\\\"\"",
    "\"ends in \\\\\"",
    " \t\r\n[ 1 , \"a\" , { \"b\" : [ ] , \"c\" : { } } , null ]\n",
    "{\"a\":{\"b\":{\"c\":[1,[2,[3]],{\"d\":\"e\"}]}},\"f\":[true,false],\"g\\u0068\":\"\\n\"}",
    "{\"a\\nb\":{\"a\\nb\":1},\"a\\tb\":[{\"a\\nb\":2}]}",
    "{\"a\":1,\"A\":2,\"a \":3,\"\":4}",
  };
  (void)state;

  for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
    json_t *want = json_loads(text[i], JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL), *value;

    print_message("  %s\n", text[i]);
    assert_non_null(want);
    assert_int_equal(occ__json_read(&value, occ__span_text(text[i]), &occ__json_peer), OCC_OK);
    assert_int_equal(json_typeof(value), json_typeof(want));
    assert_true(json_equal(value, want));
    assert_true(!json_is_real(value) ||
                signbit(json_real_value(value)) == signbit(json_real_value(want)));
    assert_true(!json_is_string(value) ||
                strlen(json_string_value(value)) == json_string_length(value));
    json_decref(value);
    json_decref(want);
  }
}

/* Names with escapes are decoded in one of two places, by their length. */
static void test_json_read__long_names_and_strings_with_escapes(void **state)
{
  char text[2000], want[600];
  (void)state;

  for (size_t len = 1; len <= 600; len += len < 250 || len > 260 ? 7 : 1) {
    json_t *value;
    size_t at = 2;

    memcpy(text, "{\"", 2);
    for (size_t i = 0; i + 1 < len; i++) {
      text[at++] = want[i] = i % 3 == 0 ? 'a' : 'b';
    }
    at += (size_t)snprintf(text + at, sizeof(text) - at, "\\n\":\"");
    memcpy(text + at, want, len - 1);
    at += len - 1;
    at += (size_t)snprintf(text + at, sizeof(text) - at, "\\n\"}");
    want[len - 1] = '\n';
    assert_int_equal(occ__json_read_object(&value, occ__span(text, at), &occ__json_peer), OCC_OK);
    assert_int_equal(json_object_size(value), 1);
    assert_int_equal(json_string_length(json_object_getn(value, want, len)), len);
    assert_memory_equal(json_string_value(json_object_getn(value, want, len)), want, len);
    json_decref(value);
  }
}

/* The text ends where the span does, not where a zero octet or a quote may stand behind it. */
static void test_json_read__looks_at_nothing_behind_the_text(void **state)
{
  static const char *const text[] = { "{\"a\":1}", "[\"b\\n\\ud83d\\ude00\",1.5e3,-7]",
                                      "\"\xe2\x82\xac\"", "[null,true,false]" };
  (void)state;

  for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
    for (size_t len = 0; len < strlen(text[i]); len++) {
      uint8_t *block =
          malloc(len + (len == 0)); /* exact: the address sanitizer sees a step beyond */
      json_t *value;

      assert_non_null(block);
      memcpy(block, text[i], len);
      assert_int_equal(occ__json_read(&value, occ__span(block, len), &occ__json_peer),
                       OCC_ERR_SYNTAX);
      assert_null(value);
      free(block);
    }
  }
}

/* A locale that writes 1,5. Where none is installed, there is nothing to try. */
static int use_comma_locale(void)
{
  static const char *const name[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8",
                                      "nl_NL.UTF-8" };

  for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
    if (setlocale(LC_NUMERIC, name[i]) != NULL && localeconv()->decimal_point[0] == ',') {
      return 1;
    }
  }
  return 0;
}

static void test_json_read__reals_in_any_locale(void **state)
{
  static const struct {
    const char *text;
    double want;
  } row[] = {
    { "1.5", 1.5 },     { "-0.25e1", -2.5 }, { "12.5E-1", 1.25 }, { "0.001e3", 1 },
    { "1e-7", 1e-7 },   { "3.0e8", 3e8 },    { "2e0", 2 },        { "10.0", 10 },
    { "1.25e+2", 125 }, { "0.5e-0", 0.5 },
  };
  const int has_comma = use_comma_locale();
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    json_t *value;

    assert_int_equal(occ__json_read(&value, occ__span_text(row[i].text), &occ__json_peer), OCC_OK);
    assert_true(json_is_real(value) && json_real_value(value) == row[i].want);
    json_decref(value);
  }
  print_message("  a locale with a decimal comma: %s\n", has_comma ? "yes" : "none here");
  (void)setlocale(LC_NUMERIC, "C");
}

/* jansson's own allocator, made to fail. Blocks are counted, so that a value half built is not
 * forgotten. */
static size_t fail_at, asked, live;
static int fail_on;

static void *counting_malloc(size_t size)
{
  const size_t number = asked++;
  void *memory = number == fail_at || (fail_on && number > fail_at) ? NULL : malloc(size);

  live += memory != NULL;
  return memory;
}

static void counting_free(void *memory)
{
  live -= memory != NULL;
  free(memory);
}

/* Strings beyond any first buffer, names with escapes of both lengths, objects and arrays that grow. */
static size_t greedy_text(char *out, size_t room)
{
  char pad[400];
  size_t len = 0;

  memset(pad, 'x', sizeof(pad));
  len += (size_t)snprintf(out + len, room - len,
                          "{\"a\":[1,2.5,true,\"x\",{}],\"b\":{\"c\":\"y\\u00e9\"},\"d\":null");
  len += (size_t)snprintf(out + len, room - len, ",\"e\\n\":\"%.*s\",\"f\\n%.*s\":\"\\t%.*s\"", 400,
                          pad, 300, pad, 400, pad);
  for (int i = 0; i < 20; i++) {
    len += (size_t)snprintf(out + len, room - len, ",\"n%d\":[0,1,2,3,4,5,6,7,8,%d.5]", i, i);
  }
  return len + (size_t)snprintf(out + len, room - len, "}");
}

static void test_json_read__survives_every_failed_allocation_of_jansson(void **state)
{
  char text[4000];
  const occ_span span = occ__span(text, greedy_text(text, sizeof(text)));
  (void)state;

  json_set_alloc_funcs(counting_malloc, counting_free);
  for (fail_on = 0; fail_on <= 1; fail_on++) {
    int rc = OCC_ERR_MEMORY;
    json_t *value = NULL;

    for (fail_at = 0; rc != OCC_OK; fail_at++) {
      assert_true(fail_at < 2000);
      asked = live = 0;
      rc = occ__json_read_object(&value, span, &occ__json_config);
      if (rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
        assert_null(value);
        assert_int_equal(live, 0);
      }
    }
    assert_true(fail_at > 200);
    assert_int_equal(json_object_size(value), 25);
    json_decref(value);
    assert_int_equal(live, 0);
  }
  json_set_alloc_funcs(malloc, free);
}

static size_t allocations(const char *text, const occ_json_limits *limits, int want)
{
  json_t *value;

  asked = live = 0;
  assert_int_equal(occ__json_read(&value, occ__span_text(text), limits), want);
  json_decref(value);
  assert_int_equal(live, 0);
  return asked;
}

/* What is no JSON, or too much of it, costs no more than what is just inside, however late it shows; a text that is too
 * long costs nothing. */
static void test_json_read__bad_texts_are_no_dearer_than_good_ones(void **state)
{
  static const struct {
    const char *why, *good, *bad;
    int want;
  } row[] = {
    { "no value", "[{\"a\":\"b\"},\"c\\n\"]", "[{\"a\":\"b\"},\"c\\n\",x]", OCC_ERR_SYNTAX },
    { "text behind it", "{\"a\":1}", "{\"a\":1}}", OCC_ERR_SYNTAX },
    { "no UTF-8", "[\"a\",\"b\"]", "[\"a\",\"b\",\"\xff\"]", OCC_ERR_SYNTAX },
    { "no int64", "[1,2,3]", "[1,2,3,9223372036854775808]", OCC_ERR_SYNTAX },
    { "twice", "{\"a\":1,\"b\":2}", "{\"a\":1,\"a\":2}", OCC_ERR_SYNTAX },
    { "a value more", "[1,2,3,4]", "[1,2,3,4,5]", OCC_ERR_LIMIT },
    { "a level more", "[[]]", "[[[]]]", OCC_ERR_LIMIT },
  };
  static const occ_json_limits few = { 100, 2, 5 };
  char text[128];
  (void)state;

  fail_at = SIZE_MAX;
  fail_on = 0;
  json_set_alloc_funcs(counting_malloc, counting_free);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const size_t least = allocations(row[i].good, &few, OCC_OK);

    print_message("  %s\n", row[i].why);
    assert_true(allocations(row[i].bad, &few, row[i].want) <= least);
  }
  memset(text, ' ', sizeof(text));
  memcpy(text + sizeof(text) - 3, "[]", 3);
  assert_int_equal(allocations(text, &few, OCC_ERR_LIMIT), 0);
  json_set_alloc_funcs(malloc, free);
}

/* {"n0":0,"n1":0, ...} and then whatever is to end it. */
static const char *many_names(char *out, size_t count, const char *end)
{
  char *at = out;

  *at++ = '{';
  for (size_t i = 0; i < count; i++) {
    at += sprintf(at, "\"n%zu\":0,", i);
  }
  strcpy(at, end);
  return out;
}

/* The verdict of occ__json_read_object(), with nothing made of the text. */
static void test_json_check_object__says_what_reading_would(void **state)
{
  static char at_most[2048], twice_at_most[2048], beyond[2048], twice_beyond[2048];
  const struct {
    const char *why, *text;
    int want;
  } row[] = {
    { "an object", "{\"a\":{\"b\":[1,{}]},\"c\":1.5}", OCC_OK },
    { "an empty one", "{}", OCC_OK },
    { "a name again, in another object", "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", OCC_OK },
    { "a name again, after an object that had it", "{\"b\":{\"a\":1},\"a\":1}", OCC_OK },
    { "twice", "{\"a\":1,\"b\":2,\"a\":3}", OCC_ERR_SYNTAX },
    { "twice, around an object", "{\"a\":{\"b\":1},\"a\":3}", OCC_ERR_SYNTAX },
    { "twice, inside", "{\"x\":[0,{\"a\":1,\"a\":1}]}", OCC_ERR_SYNTAX },
    { "twice, once escaped", "{\"a\":1,\"\\u0061\":3}", OCC_ERR_SYNTAX },
    { "escaped and not twice", "{\"a\":1,\"\\u0062\":3}", OCC_OK },
    { "an array", "[{}]", OCC_ERR_SYNTAX },
    { "a string", "\"{}\"", OCC_ERR_SYNTAX },
    { "nothing", "", OCC_ERR_SYNTAX },
    { "cut", "{\"a\":1", OCC_ERR_SYNTAX },
    { "text behind it", "{}1", OCC_ERR_SYNTAX },
    { "a real beyond double", "{\"a\":1e999}", OCC_ERR_SYNTAX },
    { "an integer beyond int64", "{\"a\":9223372036854775808}", OCC_ERR_SYNTAX },
    { "U+0000", "{\"a\":\"\\u0000\"}", OCC_ERR_SYNTAX },
    { "64 names", many_names(at_most, 63, "\"a\":1}"), OCC_OK },
    { "the 64th is the first", many_names(twice_at_most, 63, "\"n0\":1}"), OCC_ERR_SYNTAX },
    { "65 names", many_names(beyond, 64, "\"a\":1}"), OCC_OK },
    { "the 65th is the first", many_names(twice_beyond, 64, "\"n0\":1}"), OCC_ERR_SYNTAX },
    { "17 levels",
      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
      "{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}}}}}}}",
      OCC_ERR_LIMIT },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const occ_span text = occ__span_text(row[i].text);
    json_t *value;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__json_check_object(text, &occ__json_peer), row[i].want);
    assert_int_equal(occ__json_read_object(&value, text, &occ__json_peer), row[i].want);
    json_decref(value);
  }
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
    cmocka_unit_test(test_json_read__limit_of_reals),
    cmocka_unit_test(test_json_read__limit_of_a_number),
    cmocka_unit_test(test_json_read__builds_what_another_reader_builds),
    cmocka_unit_test(test_json_read__long_names_and_strings_with_escapes),
    cmocka_unit_test(test_json_read__looks_at_nothing_behind_the_text),
    cmocka_unit_test(test_json_read__reals_in_any_locale),
    cmocka_unit_test(test_json_read__survives_every_failed_allocation_of_jansson),
    cmocka_unit_test(test_json_read__bad_texts_are_no_dearer_than_good_ones),
    cmocka_unit_test(test_json_check_object__says_what_reading_would),
  };

  return cmocka_run_group_tests_name("wire/json_in", tests, NULL, NULL);
}
