/* SPDX-License-Identifier: MIT */

/* Trusted issuers of a type's options: read, looked up, cleared, with every allocation failing. */

#include "evidence/issuers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fail_mem.h"
#include "test_keys.h"

static fail_mem fm;
static occ_lib *lib;

static int set_up(void **state)
{
  (void)state;
  fail_mem_init(&fm, SIZE_MAX, false);
  return occ_lib_new(&lib, &fm.mem) == OCC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
  (void)state;
  occ_lib_free(lib);
  return fm.live == 0 ? 0 : -1;
}

static int read_text(occ_issuers *out, const char *text)
{
  json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
  int rc;

  assert_non_null(json);
  rc = occ__issuers_read(out, lib, json, NULL);
  json_decref(json); /* nothing of it is kept */
  return rc;
}

#define SET(keys) "{\"jwks\":{\"keys\":[" keys "]}}"

static void test_issuers_read__rows(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
    size_t count;
  } row[] = {
    { "none", "{}", OCC_OK, 0 },
    { "without keys", "{\"a\":{}}", OCC_OK, 1 },
    { "with keys", "{\"a\":" SET(TEST_ISSUER_PUBLIC) "}", OCC_OK, 1 },
    { "with an empty set", "{\"a\":" SET("") "}", OCC_OK, 1 },
    { "two", "{\"a\":" SET(TEST_ISSUER_PUBLIC "," TEST_ISSUER_ED_PUBLIC) ",\"b\":{}}", OCC_OK, 2 },
    { "an array", "[]", OCC_ERR_SYNTAX, 0 },
    { "a text", "\"a\"", OCC_ERR_SYNTAX, 0 },
    { "null", "null", OCC_ERR_SYNTAX, 0 },
    { "no name", "{\"\":{}}", OCC_ERR_SYNTAX, 0 },
    { "an issuer that is a text", "{\"a\":\"b\"}", OCC_ERR_SYNTAX, 0 },
    { "an issuer that is true", "{\"a\":true}", OCC_ERR_SYNTAX, 0 },
    { "a set without its name", "{\"a\":{\"keys\":[]}}", OCC_ERR_SYNTAX, 0 },
    { "one more member", "{\"a\":{\"jwks\":{\"keys\":[]},\"x\":1}}", OCC_ERR_SYNTAX, 0 },
    { "a URL of a set", "{\"a\":{\"jwks_uri\":\"https://a\"}}", OCC_ERR_SYNTAX, 0 },
    { "jwks null", "{\"a\":{\"jwks\":null}}", OCC_ERR_SYNTAX, 0 },
    { "jwks an array", "{\"a\":{\"jwks\":[]}}", OCC_ERR_SYNTAX, 0 },
    { "a private key", "{\"a\":" SET(TEST_ISSUER_PRIVATE) "}", OCC_ERR_SYNTAX, 0 },
    { "a symmetric key", "{\"a\":" SET("{\"kty\":\"oct\",\"k\":\"AAAA\"}") "}", OCC_ERR_SYNTAX, 0 },
    { "a key twice by one name",
      "{\"a\":" SET("{" TEST_ISSUER_MEMBERS ",\"kid\":\"k\"},{" TEST_CLIENT_A_MEMBERS
                    ",\"kid\":\"k\"}") "}",
      OCC_ERR_SYNTAX, 0 },
    { "the second is bad", "{\"a\":" SET(TEST_ISSUER_PUBLIC) ",\"b\":1}", OCC_ERR_SYNTAX, 0 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_issuers issuers = { 0 };

    print_message("  %s\n", row[i].why);
    assert_int_equal(read_text(&issuers, row[i].json), row[i].want);
    if (row[i].want == OCC_OK) {
      assert_int_equal(issuers.count, row[i].count);
    }
    occ__issuers_clear(&issuers); /* half of them, where it failed */
    assert_int_equal(issuers.count, 0);
    assert_null(issuers.issuer);
    occ__issuers_clear(&issuers); /* twice is fine */
  }
}

static void test_issuers_read__once(void **state)
{
  occ_issuers issuers = { 0 };
  (void)state;

  assert_int_equal(read_text(&issuers, "{\"a\":{}}"), OCC_OK);
  assert_int_equal(read_text(&issuers, "{\"b\":{}}"), OCC_ERR_SYNTAX);
  assert_non_null(occ__issuers_find(&issuers, "a"));
  occ__issuers_clear(&issuers);
}

static void test_issuers_find__is_exact(void **state)
{
  static const char *const unknown[] = {
    "", "https://a", "https://a.example/", "https://A.example", "https://a.exampl", NULL
  };
  occ_issuers issuers = { 0 };
  const occ_issuer *found;
  (void)state;

  assert_null(occ__issuers_find(&issuers, "https://a.example"));
  assert_int_equal(read_text(&issuers, "{\"https://a.example\":" SET(
                                           TEST_ISSUER_PUBLIC) ",\"https://b.example\":{}}"),
                   OCC_OK);
  found = occ__issuers_find(&issuers, "https://a.example");
  assert_non_null(found);
  assert_int_equal(found->has_keys, 1);
  assert_int_equal(found->keys.count, 1);
  assert_string_equal(found->keys.key[0].thumbprint, TEST_ISSUER_THUMBPRINT);
  found = occ__issuers_find(&issuers, "https://b.example");
  assert_non_null(found);
  assert_int_equal(found->has_keys, 0);
  for (size_t i = 0; unknown[i] != NULL; i++) {
    assert_null(occ__issuers_find(&issuers, unknown[i]));
  }
  occ__issuers_clear(&issuers);
}

static void test_issuers_algs__rows(void **state)
{
  static const struct {
    const char *json;
    unsigned want;
  } row[] = {
    { "[\"ES256\"]", OCC__ALG_BIT(OCC__ALG_ES256) },
    { "[\"EdDSA\",\"Ed25519\"]", OCC__ALG_BIT(OCC__ALG_EDDSA) | OCC__ALG_BIT(OCC__ALG_ED25519) },
    { "[\"ES256\",\"ES256\"]", OCC__ALG_BIT(OCC__ALG_ES256) },
    { "[]", 0 },
    { "{}", 0 },
    { "\"ES256\"", 0 },
    { "[\"none\"]", 0 },
    { "[\"HS256\"]", 0 },
    { "[\"es256\"]", 0 },
    { "[\"\"]", 0 },
    { "[1]", 0 },
    { "[null]", 0 },
    { "[[\"ES256\"]]", 0 },
    { "[\"ES256\",\"none\"]", 0 },
    { "[\"none\",\"ES256\"]", 0 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    json_t *json = json_loads(row[i].json, JSON_DECODE_ANY, NULL);

    print_message("  %s\n", row[i].json);
    assert_int_equal(occ__issuers_algs(json), row[i].want);
    json_decref(json);
  }
  assert_int_equal(occ__issuers_algs(NULL), 0);
}

static void test_issuers_read__survives_every_failed_allocation(void **state)
{
  (void)state;
  for (int keep = 0; keep <= 1; keep++) {
    size_t n = 0;
    int rc = OCC_ERR_MEMORY;

    for (; rc != OCC_OK && n < 100; n++) {
      occ_issuers issuers = { 0 };
      const size_t live = fm.live;

      fm.count = 0;
      fm.until = n;
      fm.keep = keep != 0;
      rc = read_text(&issuers, "{\"a\":" SET(TEST_ISSUER_PUBLIC) ",\"b\":{},\"c\":" SET(
                                   TEST_ISSUER_ED_PUBLIC) "}");
      fm.until = SIZE_MAX;
      assert_true(rc == OCC_OK || rc == OCC_ERR_MEMORY);
      occ__issuers_clear(&issuers);
      assert_true(fm.live == live ||
                  n < 10); /* the lib keeps a workspace that was made meanwhile */
    }
    assert_int_equal(rc, OCC_OK);
    assert_true(n > 4);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_issuers_read__rows),
    TEST(test_issuers_read__once),
    TEST(test_issuers_find__is_exact),
    TEST(test_issuers_algs__rows),
    TEST(test_issuers_read__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("evidence/issuers", tests, NULL, NULL);
}
