/* SPDX-License-Identifier: MIT */

/* Canonical texts: what comes of a text is what comes of its values, and members are merged as values would be. */

#include "jose/jcs_text.h"

#include "base/limits.h"
#include "fail_mem.h"
#include "jose_test.h"

#define ARENA 65536u

static void open_arena(occ_arena *arena)
{
  occ__arena_init(arena, &occ__mem_libc, ARENA);
}

static void assert_text(const char *why, occ_span got, const char *want)
{
  if (got.base == NULL || strcmp((const char *)got.base, want) != 0 || strlen(want) != got.len) {
    fail_msg("%s: %s", why, got.base == NULL ? "nothing" : (const char *)got.base);
  }
}

static void test_jcs_text__gives_the_form(void **state)
{
  static const struct {
    const char *why, *json, *want;
  } row[] = {
    { "canonical already", "{\"a\":[1,{\"b\":null}],\"c\":\"x y\"}",
      "{\"a\":[1,{\"b\":null}],\"c\":\"x y\"}" },
    { "white space goes", " { \"a\" : [ 1 , 2 ] , \"b\" : { } } ", "{\"a\":[1,2],\"b\":{}}" },
    { "not sorted", "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}" },
    { "not sorted, deep inside", "{\"a\":[{\"z\":1,\"y\":{}}],\"b\":1}",
      "{\"a\":[{\"y\":{},\"z\":1}],\"b\":1}" },
    { "each object has its own order", "[{\"b\":1},{\"a\":1}]", "[{\"b\":1},{\"a\":1}]" },
    { "the same name at two levels", "{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}" },
    { "a name that begins another", "{\"a\":1,\"ab\":2}", "{\"a\":1,\"ab\":2}" },
    { "the empty name", "{\"\":1,\"a\":2}", "{\"\":1,\"a\":2}" },
    { "an escape in a name", "{\"\\u0061\":1,\"b\":2}", "{\"a\":1,\"b\":2}" },
    { "an escape in a string", "{\"a\":\"\\/\\u00e9\"}", "{\"a\":\"/\xc3\xa9\"}" },
    { "an escape that stays", "{\"a\":\"\\\"\\n\"}", "{\"a\":\"\\\"\\n\"}" },
    { "-0", "[-0,0,-10]", "[0,0,-10]" },
    { "2^53-1 is the last", "[9007199254740991,-9007199254740991]",
      "[9007199254740991,-9007199254740991]" },
    { "words", "[true,false,null]", "[true,false,null]" },
    { "no object", "\"x\"", "\"x\"" },
    { "UTF-16 order, as it stands", "{\"\xf0\x9f\x98\x80\":1,\"\xef\xac\xb3\":2}",
      "{\"\xf0\x9f\x98\x80\":1,\"\xef\xac\xb3\":2}" },
    { "UTF-8 order is another", "{\"\xef\xac\xb3\":2,\"\xf0\x9f\x98\x80\":1}",
      "{\"\xf0\x9f\x98\x80\":1,\"\xef\xac\xb3\":2}" },
  };
  occ_arena arena;
  (void)state;

  open_arena(&arena);
  for (size_t i = 0; i < ROWS(row); i++) {
    occ_span got;

    check_rc(row[i].why, occ__jcs_text(&got, &arena, occ__span_text(row[i].json), &occ__json_peer),
             OCC_OK);
    assert_text(row[i].why, got, row[i].want);
  }
  occ__arena_clear(&arena);
}

static void test_jcs_text__refuses(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "nothing", "", OCC_ERR_SYNTAX },
    { "cut", "{\"a\":1", OCC_ERR_SYNTAX },
    { "text behind it", "{}{}", OCC_ERR_SYNTAX },
    { "a name twice", "{\"a\":1,\"a\":1}", OCC_ERR_SYNTAX },
    { "a name twice, once escaped", "{\"a\":1,\"\\u0061\":1}", OCC_ERR_SYNTAX },
    { "a name twice, not sorted", "{\"b\":1,\"a\":1,\"b\":1}", OCC_ERR_SYNTAX },
    { "a real", "{\"a\":1.5}", OCC_ERR_SYNTAX },
    { "a real that is whole", "[1e2]", OCC_ERR_SYNTAX },
    { "a real after what is not sorted", "{\"b\":1,\"a\":1.5}", OCC_ERR_SYNTAX },
    { "2^53", "[9007199254740992]", OCC_ERR_SYNTAX },
    { "-2^53", "[-9007199254740992]", OCC_ERR_SYNTAX },
    { "no UTF-8", "\"\xff\"", OCC_ERR_SYNTAX },
    { "U+0000", "\"\\u0000\"", OCC_ERR_SYNTAX },
    { "17 levels", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", OCC_ERR_LIMIT },
  };
  occ_arena arena;
  (void)state;

  open_arena(&arena);
  for (size_t i = 0; i < ROWS(row); i++) {
    occ_span got = occ__span("x", 1);

    check_rc(row[i].why, occ__jcs_text(&got, &arena, occ__span_text(row[i].json), &occ__json_peer),
             row[i].want);
    assert_null(got.base);
  }
  occ__arena_clear(&arena);
}

static void test_jcs_text__limits(void **state)
{
  static const char text[] = "[[1,2]]"; /* 7 octets, 2 levels, 4 values */
  static const struct {
    const char *why;
    occ_json_limits limits;
    int want;
  } row[] = {
    { "all just enough", { 7, 2, 4 }, OCC_OK },
    { "one octet less", { 6, 2, 4 }, OCC_ERR_LIMIT },
    { "one octet more", { 8, 2, 4 }, OCC_OK },
    { "one level less", { 7, 1, 4 }, OCC_ERR_LIMIT },
    { "one level more", { 7, 3, 4 }, OCC_OK },
    { "one value less", { 7, 2, 3 }, OCC_ERR_LIMIT },
    { "one value more", { 7, 2, 5 }, OCC_OK },
    { "as deep as ever", { 7, 16, 4 }, OCC_OK },
    { "deeper than ever", { 7, 17, 4 }, OCC_ERR_LIMIT },
  };
  occ_arena arena;
  (void)state;

  open_arena(&arena);
  for (size_t i = 0; i < ROWS(row); i++) {
    occ_span got;

    check_rc(row[i].why, occ__jcs_text(&got, &arena, occ__span_text(text), &row[i].limits),
             row[i].want);
  }
  occ__arena_clear(&arena);
}

static void test_merge__puts_later_members_over_earlier_ones(void **state)
{
  static const struct {
    const char *why, *layer[3], *want;
  } row[] = {
    { "nothing at all", { "", "", "" }, "{}" },
    { "one", { "{\"a\":1}", "", "" }, "{\"a\":1}" },
    { "empty ones", { "{}", "{}", "{}" }, "{}" },
    { "next to each other",
      { "{\"b\":1}", "{\"a\":2}", "{\"c\":3}" },
      "{\"a\":2,\"b\":1,\"c\":3}" },
    { "the last one counts", { "{\"a\":1}", "{\"a\":2}", "{\"a\":3}" }, "{\"a\":3}" },
    { "over one and beside another",
      { "{\"a\":1,\"b\":1}", "{\"b\":2}", "{\"a\":3}" },
      "{\"a\":3,\"b\":2}" },
    { "values are not merged",
      { "{\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}", "" },
      "{\"a\":{\"y\":2}}" },
    { "brackets and commas inside",
      { "{\"a\":[{\"b\":\"}],\"},2],\"c\":{}}", "{\"b\":\",\"}", "" },
      "{\"a\":[{\"b\":\"}],\"},2],\"b\":\",\",\"c\":{}}" },
    { "a name that begins another",
      { "{\"a\":1,\"abc\":1}", "{\"ab\":2}", "" },
      "{\"a\":1,\"ab\":2,\"abc\":1}" },
    { "UTF-16 order",
      { "{\"\xef\xac\xb3\":1}", "{\"\xf0\x9f\x98\x80\":2}", "" },
      "{\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}" },
    { "escaped names sort as what they mean",
      { "{\"\\n\":1,\"b\":1}", "{\"A\":2,\"\\\\\":3}", "" },
      "{\"\\n\":1,\"A\":2,\"\\\\\":3,\"b\":1}" },
    { "an escaped quote",
      { "{\"a\":\"\\\"}\",\"b\":1}", "{\"b\":2}", "" },
      "{\"a\":\"\\\"}\",\"b\":2}" },
    { "the empty name", { "{\"\":1}", "{\"\":2,\"a\":3}", "" }, "{\"\":2,\"a\":3}" },
  };
  occ_arena arena;
  (void)state;

  open_arena(&arena);
  for (size_t i = 0; i < ROWS(row); i++) {
    const occ_span layer[3] = { occ__span_text(row[i].layer[0]), occ__span_text(row[i].layer[1]),
                                occ__span_text(row[i].layer[2]) };
    occ_span got;

    check_rc(row[i].why, occ__jcs_text_merge(&got, &arena, layer, 3), OCC_OK);
    assert_text(row[i].why, got, row[i].want);
  }
  occ__arena_clear(&arena);
}

/* One member of so many octets in all, over another of no weight. */
static int merge_long(size_t octets, const char *filler)
{
  const size_t around = strlen("{\"a\":\"\"}");
  char *text = malloc(octets + 1);
  occ_span layer[2] = { { NULL, 0 } }, got;
  occ_arena arena;
  int rc;

  assert_non_null(text);
  memset(text, 'x', octets);
  memcpy(text, "{\"a\":\"", 6);
  memcpy(text + octets - 2, "\"}", 3);
  memcpy(text + 6, filler, strlen(filler));
  assert_true(octets > around + strlen(filler));
  layer[0] = occ__span_text("{}");
  layer[1] = occ__span(text, octets);
  occ__arena_init(&arena, &occ__mem_libc, 4u * OCC__MAX_ANSWER);
  rc = occ__jcs_text_merge(&got, &arena, layer, 2);
  occ__arena_clear(&arena);
  free(text);
  return rc;
}

/* The limit is the same whether something is escaped or not. */
static void test_merge__limit(void **state)
{
  static const char *const filler[] = { "", "\\n" };
  (void)state;

  for (size_t i = 0; i < ROWS(filler); i++) {
    assert_int_equal(merge_long(OCC__MAX_ANSWER - 1, filler[i]), OCC_OK);
    assert_int_equal(merge_long(OCC__MAX_ANSWER, filler[i]), OCC_OK);
    assert_int_equal(merge_long(OCC__MAX_ANSWER + 1, filler[i]), OCC_ERR_LIMIT);
  }
}

static void test_get__finds_members_of_the_object_itself(void **state)
{
  static const struct {
    const char *why, *object, *name, *want;
  } row[] = {
    { "first", "{\"a\":1,\"b\":2}", "a", "1" },
    { "last", "{\"a\":1,\"b\":2}", "b", "2" },
    { "an array", "{\"a\":[1,{\"b\":2}],\"c\":3}", "a", "[1,{\"b\":2}]" },
    { "behind a string with a quote", "{\"a\":\"\\\\\\\"}\",\"b\":\"x\"}", "b", "\"x\"" },
    { "behind a string that ends in a backslash", "{\"a\":\"x\\\\\",\"b\":2}", "b", "2" },
    { "the empty name", "{\"\":7}", "", "7" },
    { "not there", "{\"a\":1}", "b", NULL },
    { "deeper only", "{\"a\":{\"b\":2}}", "b", NULL },
    { "a value of that text", "{\"a\":\"b\"}", "b", NULL },
    { "the beginning of a name", "{\"ab\":1}", "a", NULL },
    { "in nothing", "{}", "a", NULL },
    { "in no text", "", "a", NULL },
    { "no object", "[\"a\",1]", "b", NULL },
    /* A session's params are as good as the key that sealed them: what is no object is not walked out of. */
    { "cut in a name", "{\"a", "a", NULL },
    { "cut in a string", "{\"a\":\"b", "c", NULL },
    { "cut in an escape", "{\"a\":\"b\\", "c", NULL },
    { "cut in an array", "{\"a\":[[1", "c", NULL },
    { "cut behind a comma", "{\"a\":1,", "c", NULL },
    { "closed too often", "{\"a\":1]]}}", "c", NULL },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    /* In a block of its own length, so that a step past its end is seen. */
    const size_t len = strlen(row[i].object);
    char *object = malloc(len == 0 ? 1 : len);
    occ_span got;

    assert_non_null(object);
    memcpy(object, row[i].object, len);
    got = occ__jcs_text_get(occ__span(object, len), row[i].name);
    if (row[i].want == NULL ? got.base != NULL : !occ__span_is(got, row[i].want)) {
      fail_msg("%s: %.*s", row[i].why, (int)got.len, (const char *)got.base);
    }
    free(object);
  }
}

static int all_of_it(const occ_mem *mem)
{
  static const char sorted[] = "{\"a\":[1,2],\"b\":\"c\"}", other[] = "{\"z\":\"\\u00e9\",\"b\":1}";
  occ_arena arena;
  occ_span text[2] = { { NULL, 0 } }, merged;
  int rc;

  occ__arena_init(&arena, mem, ARENA);
  rc = occ__jcs_text(&text[0], &arena, occ__span_text(sorted), &occ__json_peer);
  if (rc == OCC_OK) {
    rc = occ__jcs_text(&text[1], &arena, occ__span_text(other), &occ__json_peer);
  }
  if (rc == OCC_OK) {
    rc = occ__jcs_text_merge(&merged, &arena, text, 2);
  }
  if (rc == OCC_OK) {
    assert_text("merged", merged, "{\"a\":[1,2],\"b\":1,\"z\":\"\xc3\xa9\"}");
    text[1] = occ__span_text("{\"\\\\\":0}");
    rc = occ__jcs_text_merge(&merged, &arena, text, 2);
  }
  occ__arena_clear(&arena);
  return rc;
}

static void test_jcs_text__survives_every_failed_allocation(void **state)
{
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    fail_mem fm;
    int rc = OCC_ERR_MEMORY;

    for (size_t n = 0; rc != OCC_OK; n++) {
      assert_true(n < 100);
      fail_mem_init(&fm, n, keep != 0);
      rc = all_of_it(&fm.mem);
      assert_true(rc == OCC_OK || rc == OCC_ERR_MEMORY);
      assert_int_equal(fm.live, 0);
    }
    assert_true(fm.count > 2);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jcs_text__gives_the_form),
    cmocka_unit_test(test_jcs_text__refuses),
    cmocka_unit_test(test_jcs_text__limits),
    cmocka_unit_test(test_merge__puts_later_members_over_earlier_ones),
    cmocka_unit_test(test_merge__limit),
    cmocka_unit_test(test_get__finds_members_of_the_object_itself),
    cmocka_unit_test(test_jcs_text__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("jose/jcs_text", tests, NULL, NULL);
}
