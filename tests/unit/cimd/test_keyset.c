/* SPDX-License-Identifier: MIT */

/* Key sets of clients known by a URL. Case ids: cases F and section 1.10 of the requirements. */

#include "../jose/jose_test.h"

#include "cimd/keyset.h"

#define SET(keys)  "{\"keys\":[" keys "]}"
#define A(members) "{" TEST_CLIENT_A_MEMBERS members "}"
#define B(members) "{" TEST_CLIENT_B_MEMBERS members "}"
#define E(members) "{" TEST_ISSUER_ED_MEMBERS members "}"
#define R(members) "{" TEST_RSA_MEMBERS members "}"
#define MAX        OCC__CIMD_JWKS

static occ_workspace *ws;

static int setup(void **state)
{
  (void)state;
  return occ__workspace_new(&ws, &occ__mem_libc);
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

static int read_set(occ_keyset **out, const char *text)
{
  return occ__keyset_read(out, &occ__mem_libc, ws, occ__span_text(text), MAX);
}

static void test_keyset_read__takes(void **state)
{
  static const struct {
    const char *why, *set, *kid, *other; /* has the first, not the second */
  } row[] = {
    { "one", SET(A(",\"kid\":\"1\"")), "1", "2" },
    { "several", SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"2\"")), "2", "3" },
    { "F08 use enc is not used", SET(A(",\"kid\":\"1\",\"use\":\"enc\"") "," B(",\"kid\":\"2\"")),
      "2", "1" },
    { "F08 key_ops without verify",
      SET(A(",\"kid\":\"1\",\"key_ops\":[\"encrypt\"]") "," B(",\"kid\":\"2\"")), "2", "1" },
    { "F08 another algorithm", SET(A(",\"kid\":\"1\",\"alg\":\"ECDH-ES\"") "," B(",\"kid\":\"2\"")),
      "2", "1" },
    { "a name is exact", SET(A(",\"kid\":\"one\"")), "one", "on" },
    { "other members of the set", "{\"keys\":[" A(",\"kid\":\"1\"") "],\"x\":[1]}", "1", "x" },
    { "an unknown kind, public", SET("{\"kty\":\"AKP\",\"kid\":\"2\"}," A(",\"kid\":\"1\"")), "1",
      "2" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_keyset *set = NULL;

    check_rc(row[i].why, read_set(&set, row[i].set), OCC_OK);
    assert_int_equal(set->len, strlen(row[i].set));
    assert_string_equal(set->text, row[i].set);
    assert_true(occ__keyset_has(set, row[i].kid));
    assert_false(occ__keyset_has(set, row[i].other));
    assert_false(occ__keyset_has(set, ""));
    occ__value_drop(&set->value);
  }
}

static void test_keyset_read__refuses(void **state)
{
  static const struct {
    const char *why, *set;
    int want;
  } row[] = {
    { "nothing", "", OCC__REASON_CIMD_JSON },
    { "no JSON", "<html>", OCC__REASON_CIMD_JSON },
    { "an array", "[" A("") "]", OCC__REASON_CIMD_JSON },
    { "two texts", SET(A("")) SET(A("")), OCC__REASON_CIMD_JSON },
    { "keys twice", "{\"keys\":[],\"keys\":[" A("") "]}", OCC__REASON_CIMD_JSON },
    { "no keys", "{}", OCC__REASON_CIMD_KEYS },
    { "a single key", A(""), OCC__REASON_CIMD_KEYS },
    { "keys no array", "{\"keys\":{}}", OCC__REASON_CIMD_KEYS },
    { "F12 empty", SET(""), OCC__REASON_CIMD_KEYS },
    { "F03 a private key", SET(A("") "," TEST_CLIENT_B_PRIVATE), OCC__REASON_CIMD_SECRET },
    { "F03 a private RSA key", SET(A("") "," TEST_RSA_PRIVATE), OCC__REASON_CIMD_SECRET },
    { "F03 a private key that would be skipped",
      SET(A("") ","
                "{" TEST_CLIENT_B_MEMBERS ",\"use\":\"enc\",\"d\":\"AA\"}"),
      OCC__REASON_CIMD_SECRET },
    { "F03 a private key beside the keys",
      "{\"keys\":[" A("") "],\"x\":{\"y\":[" TEST_CLIENT_B_PRIVATE "]}}", OCC__REASON_CIMD_SECRET },
    { "a symmetric key", SET(A("") ",{\"kty\":\"oct\",\"k\":\"AAAA\"}"), OCC__REASON_CIMD_SECRET },
    { "a symmetric key without its octets", SET(A("") ",{\"kty\":\"oct\"}"),
      OCC__REASON_CIMD_SECRET },
    { "F08 a short RSA key", SET(A("") ",{\"kty\":\"RSA\",\"n\":\"sXch\",\"e\":\"AQAB\"}"),
      OCC__REASON_CIMD_KEYS },
    { "F08 alg of another kind", SET(A(",\"alg\":\"EdDSA\"")), OCC__REASON_CIMD_KEYS },
    { "one name twice", SET(A(",\"kid\":\"1\"") "," B(",\"kid\":\"1\"")), OCC__REASON_CIMD_KEYS },
    { "an element that is no object", SET(A("") ",1"), OCC__REASON_CIMD_KEYS },
    { "17 levels", "{\"keys\":[" A("") "],\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
      OCC__REASON_CIMD_JSON },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_keyset *set = (occ_keyset *)(uintptr_t)1;

    check_rc(row[i].why, read_set(&set, row[i].set), row[i].want);
    assert_null(set);
  }
}

/* F02, and the number of keys; at -1, 0, +1. */
static void test_keyset_read__limits(void **state)
{
  char text[MAX + 2];
  (void)state;

  for (size_t len = MAX - 1; len <= MAX + 1; len++) {
    occ_keyset *set = NULL;

    memset(text, ' ', sizeof(text));
    memcpy(text, SET(A("")), strlen(SET(A(""))));
    check_rc("octets", occ__keyset_read(&set, &occ__mem_libc, ws, occ__span(text, len), MAX),
             len <= MAX ? OCC_OK : OCC__REASON_CIMD_LARGE);
    occ__value_drop(set == NULL ? NULL : &set->value);
  }
  for (size_t count = OCC__CIMD_KEYS - 1; count <= OCC__CIMD_KEYS + 1; count++) {
    json_t *keys = json_array(), *json = json_pack("{s:o}", "keys", keys);
    uint8_t digest[OCC__SHA256_LEN];

    for (size_t i = 0; i < count; i++) {
      assert_int_equal(json_array_append_new(keys, json_of(i % 2 ? A("") : E(""))), 0);
    }
    check_rc("keys", occ__keyset_judge(digest, NULL, &occ__mem_libc, ws, json),
             count <= OCC__CIMD_KEYS ? OCC_OK : OCC__REASON_CIMD_KEYS);
    json_decref(json);
  }
}

/* Its digest names the keys, whatever stands around them. */
static void test_keyset_read__digest(void **state)
{
  static const struct {
    const char *why, *one, *two;
    int same;
  } row[] = {
    { "itself", SET(A("")), SET(A("")), 1 },
    { "in another order", SET(A("") "," B("") "," E("")), SET(E("") "," A("") "," B("")), 1 },
    { "another name", SET(A(",\"kid\":\"1\"")), SET(A(",\"kid\":\"2\"")), 1 },
    { "one twice", SET(A("") "," A("")), SET(A("")), 1 },
    { "beside one that is not used", SET(A("") ",{\"kty\":\"AKP\"}"), SET(A("")), 1 },
    { "another key", SET(A("")), SET(B("")), 0 },
    { "one more", SET(A("")), SET(A("") "," B("")), 0 },
    { "none of ours", SET("{\"kty\":\"AKP\"}"), SET(A("")), 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_keyset *one = NULL, *two = NULL;

    check_rc(row[i].why, read_set(&one, row[i].one), OCC_OK);
    check_rc(row[i].why, read_set(&two, row[i].two), OCC_OK);
    assert_int_equal(occ__value_changes(&one->value.snapshot, &two->value.snapshot) == 0,
                     row[i].same);
    occ__value_drop(&one->value);
    occ__value_drop(&two->value);
  }
}

static void test_keyset_read__survives_every_failed_allocation(void **state)
{
  static const char text[] = SET(A(",\"kid\":\"1\"") "," R(",\"kid\":\"2\"") "," E(""));
  int rc = OCC_ERR_MEMORY;
  occ_keyset *set = NULL;
  fail_mem fm;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__keyset_read(&set, &fm.mem, ws, occ__span_text(text), MAX);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(set);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
    assert_true(occ__keyset_has(set, "2"));
    occ__value_hold(&set->value);
    occ__value_drop(&set->value);
    assert_int_equal(fm.live, 1);
    occ__value_drop(&set->value);
    assert_int_equal(fm.live, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_keyset_read__takes),
    cmocka_unit_test(test_keyset_read__refuses),
    cmocka_unit_test(test_keyset_read__limits),
    cmocka_unit_test(test_keyset_read__digest),
    cmocka_unit_test(test_keyset_read__survives_every_failed_allocation),
  };
  return cmocka_run_group_tests_name("cimd/keyset", tests, setup, teardown);
}
