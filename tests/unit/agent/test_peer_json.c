/* SPDX-License-Identifier: MIT */

/* Slices of JSON texts, good ones and any others: never past the end. */

#include "agent_host.h"

#include <stdlib.h>

static void test_occ__peer_json_slice__members(void **state)
{
  static const struct {
    const char *why, *text;
    size_t index;
    const char *want; /* NULL: none */
  } row[] = {
    { "first", "{\"a\":1,\"b\":2}", 0, "1" },
    { "second", "{\"a\":1,\"b\":2}", 1, "2" },
    { "past the last", "{\"a\":1,\"b\":2}", 2, NULL },
    { "empty object", "{}", 0, NULL },
    { "space", " \n{ \"a\" : true \t, \"b\" :\r\n [ 1 , 2 ] } ", 1, "[ 1 , 2 ]" },
    { "brackets in texts", "{\"a\":\"}],{\",\"b\":\"x\"}", 1, "\"x\"" },
    { "quotes in texts", "{\"a\\\"\":\"\\\"\\\\\",\"b\":{\"c\":\"\\\\\"}}", 1, "{\"c\":\"\\\\\"}" },
    { "nesting", "{\"a\":[{\"b\":[{}]},[]],\"c\":null}", 0, "[{\"b\":[{}]},[]]" },
    { "no object", "[1,2]", 0, NULL },
    { "empty", "", 0, NULL },
    { "cut after the name", "{\"a\"", 0, NULL },
    { "cut in the name", "{\"a", 0, NULL },
    { "cut in an escape", "{\"a\":\"\\", 1, NULL },
    { "cut after the comma", "{\"a\":1,", 1, NULL },
    { "cut after the colon", "{\"a\":", 0, NULL },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    size_t len = strlen(row[i].text);
    char *exact = malloc(len + (len == 0)); /* so that a read past the end is seen */
    occ_span got;
    print_message("  %s\n", row[i].why);
    assert_non_null(exact);
    memcpy(exact, row[i].text, len);
    got = occ__peer_json_slice(occ__span(exact, len), row[i].index);
    if (row[i].want == NULL) {
      assert_int_equal(got.len, 0);
    } else {
      assert_true(occ__span_is(got, row[i].want));
    }
    free(exact);
  }
}

static void test_occ__peer_json_slice__stays_inside_whatever_it_gets(void **state)
{
  static const char text[] = "{ \"a\" : \"\\\"x\" , \"b\":[{\"c\":1}] , \"d\" : {} } ";
  (void)state;

  for (size_t len = 0; len < sizeof(text); len++) {
    for (size_t from = 0; from <= len; from++) {
      char *exact = malloc(len - from + 1);
      occ_span all, got;
      assert_non_null(exact);
      memcpy(exact, text + from, len - from);
      all = occ__span(exact, len - from);
      for (size_t index = 0; index < 4; index++) {
        got = occ__peer_json_slice(all, index);
        if (got.len > 0) {
          assert_true(got.base >= all.base && got.base + got.len <= all.base + all.len);
        }
      }
      free(exact);
    }
  }
}

static void test_occ__peer_json_drop__wipes(void **state)
{
  json_t *root = json_pack("{s:s,s:[{s:s}]}", "token", "secret-one", "list", "deep", "secret-two");
  json_t *first = json_incref(json_object_get(root, "token"));
  json_t *item = json_array_get(json_object_get(root, "list"), 0);
  json_t *second = json_incref(json_object_get(item, "deep"));
  (void)state;

  assert_non_null(root);
  occ__peer_json_drop(root);
  assert_int_equal(json_string_value(first)[0], 0); /* held here only to look */
  assert_int_equal(json_string_value(first)[9], 0);
  assert_int_equal(json_string_value(second)[0], 0);
  json_decref(first);
  json_decref(second);
  occ__peer_json_drop(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_occ__peer_json_slice__members),
    cmocka_unit_test(test_occ__peer_json_slice__stays_inside_whatever_it_gets),
    cmocka_unit_test(test_occ__peer_json_drop__wipes),
  };

  return cmocka_run_group_tests_name("agent/peer_json", tests, NULL, NULL);
}
