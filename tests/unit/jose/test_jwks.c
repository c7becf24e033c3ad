/* SPDX-License-Identifier: MIT */

/* JWK Sets: which keys are kept, which are skipped, which spoil the set; how a key is found. */

#include "jose_test.h"

#include "jose/jwk.h"

#define KEY          OCC__REASON_JOSE_KEY
#define SET(keys)    "{\"keys\":[" keys "]}"
#define A(members)   "{" TEST_CLIENT_A_MEMBERS members "}"
#define B(members)   "{" TEST_CLIENT_B_MEMBERS members "}"
#define I(members)   "{" TEST_ISSUER_MEMBERS members "}"
#define E(members)   "{" TEST_ISSUER_ED_MEMBERS members "}"
#define R(members)   "{" TEST_RSA_MEMBERS members "}"
/* Of a kind that is nobody's here. */
#define AKP(members) "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"sXch\"" members "}"

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

static int read_set(occ_jwks *out, const char *text)
{
  json_t *set = json_of(text);
  int rc = occ__jwks_read(out, &occ__mem_libc, ws, set);

  json_decref(set);
  return rc;
}

static void test_jwks_read__keeps_and_skips(void **state)
{
  static const struct {
    const char *why, *set;
    size_t count;
  } row[] = {
    { "empty", SET(""), 0 },
    { "one", SET(A("")), 1 },
    { "two without a kid", SET(A("") "," B("")), 2 },
    { "two kinds", SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"2\"")), 2 },
    { "one kid, two kinds", SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"1\"")), 2 },
    { "other members of the set", "{\"keys\":[" A("") "],\"x\":[1]}", 1 },
    { "JOSE-36 unknown kty", SET("{\"kty\":\"AKP\",\"pub\":\"AA\"}," A("")), 1 },
    { "RSA", SET(R("") "," A("")), 2 },
    { "P-384 and P-521", SET(TEST_P384_PUBLIC "," TEST_P521_PUBLIC), 2 },
    { "one kid, five kinds",
      SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"1\"") "," R(
          ",\"kid\":\"1\"") ",{" TEST_P384_MEMBERS ",\"kid\":\"1\"},{" TEST_P521_MEMBERS
                            ",\"kid\":\"1\"}"),
      5 },
    { "a kind that nobody looks at", SET("{\"kty\":\"AKP\"}"), 0 },
    { "unknown crv", SET("{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"\"}," A("")), 1 },
    { "RSA of 1024 bits for encryption",
      SET("{\"kty\":\"RSA\",\"n\":\"sXch\",\"e\":\"AQAB\","
          "\"use\":\"enc\"}," A("")),
      1 },
    { "RSA with alg RSA-OAEP", SET(R(",\"alg\":\"RSA-OAEP\"") "," A("")), 1 },
    { "RSA with key_ops wrapKey", SET(R(",\"key_ops\":[\"wrapKey\"]") "," A("")), 1 },
    { "X25519", SET("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}," E("")), 1 },
    { "use enc", SET(A(",\"use\":\"enc\"") "," B("")), 1 },
    { "use enc and use sig under one kid",
      SET(A(",\"use\":\"enc\",\"kid\":\"1\"") "," B(",\"use\":\"sig\",\"kid\":\"1\"")), 1 },
    { "alg of encryption", SET(A(",\"alg\":\"ECDH-ES\"") "," B("")), 1 },
    { "key_ops of derivation", SET(A(",\"key_ops\":[\"deriveKey\"]") "," B("")), 1 },
  };
  occ_jwks jwks;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, read_set(&jwks, row[i].set), OCC_OK);
    check_rc(row[i].why, (int)jwks.count, (int)row[i].count);
    occ__jwks_clear(&jwks);
  }
}

static void test_jwks_read__refuses(void **state)
{
  static const struct {
    const char *why, *set;
  } row[] = {
    { "no object", "[]" },
    { "null", "null" },
    { "keys missing", "{}" },
    { "keys no array", "{\"keys\":{}}" },
    { "keys null", "{\"keys\":null}" },
    { "a single JWK", TEST_CLIENT_A_PUBLIC },
    { "an element that is no object", SET(A("") ",1") },
    { "an element that is a set", SET(SET(A(""))) },
    { "kty missing", SET(A("") ",{\"crv\":\"P-256\"}") },
    { "JOSE-37 a private key", SET(A("") "," TEST_CLIENT_B_PRIVATE) },
    { "JOSE-37 a private key of an unknown kty", SET(A("") "," AKP(",\"d\":\"AA\"")) },
    { "JOSE-37 a private RSA key", SET(A("") "," TEST_RSA_PRIVATE) },
    { "JOSE-37 an RSA prime", SET(A("") "," R(",\"p\":\"AA\"")) },
    { "JOSE-37 a private P-384 key", SET(A("") "," TEST_P384_PRIVATE) },
    { "RSA without numbers", SET(A("") ",{\"kty\":\"RSA\"}") },
    { "N-JOSE-08 RSA of 24 bits", SET(A("") ",{\"kty\":\"RSA\",\"n\":\"sXch\",\"e\":\"AQAB\"}") },
    { "N-JOSE-08 RSA with e = 1",
      SET(A("") ",{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"AQ\"}") },
    { "P-384 with an empty x", SET(A("") ",{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"\"}") },
    { "P-521 off the curve", SET("{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"" TEST_P521_Y
                                 "\",\"y\":\"" TEST_P521_X "\"}") },
    { "RSA with an alg of curves", SET(R(",\"alg\":\"ES256\"")) },
    { "JOSE-37 one kid for two RSA keys",
      SET(R(",\"kid\":\"1\",\"alg\":\"RS256\"") "," R(",\"kid\":\"1\",\"alg\":\"PS256\"")) },
    { "JOSE-37 a private key that would be skipped by its use",
      SET(A("") ","
                "{" TEST_CLIENT_B_MEMBERS ",\"use\":\"enc\",\"d\":\"AA\"}") },
    { "JOSE-37 a symmetric key", SET(A("") ",{\"kty\":\"oct\",\"k\":\"AAAA\"}") },
    { "JOSE-37 an AKP private key", SET(A("") ",{\"kty\":\"AKP\",\"priv\":\"AAAA\"}") },
    { "JOSE-37 one kid twice", SET(A(",\"kid\":\"1\"") "," B(",\"kid\":\"1\"")) },
    { "JOSE-37 one kid twice, not in a row",
      SET(A(",\"kid\":\"1\"") "," B(",\"kid\":\"2\"") "," I(",\"kid\":\"1\"")) },
    { "one key twice under one kid", SET(A(",\"kid\":\"1\"") "," A(",\"kid\":\"1\"")) },
    { "off the curve", SET(A("") ",{\"kty\":\"EC\",\"crv\":\"P-256\","
                                 "\"x\":\"VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0\","
                                 "\"y\":\"ICjA9aAif1-ZBbfpqvPAbpbIBsgE5qrB-6nUVXVInXM\"}") },
    { "alg of the other kind", SET(A(",\"alg\":\"EdDSA\"")) },
    { "kid no string", SET(A(",\"kid\":1")) },
    { "use no string", SET(A(",\"use\":1")) },
    { "key_ops no array", SET(A(",\"key_ops\":\"verify\"")) },
    { "key_ops repeated", SET(A(",\"key_ops\":[\"sign\",\"sign\"]")) },
    { "x missing", SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"AA\"}") },
  };
  occ_jwks jwks;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    jwks.key = (occ_jwk *)(uintptr_t)1;
    check_rc(row[i].why, read_set(&jwks, row[i].set), KEY);
    assert_null(jwks.key);
    assert_int_equal(jwks.count, 0);
  }
}

static void test_jwks_read__limits_the_keys(void **state)
{
  (void)state;

  for (size_t count = OCC__MAX_JWKS_KEYS - 1; count <= OCC__MAX_JWKS_KEYS + 1; count++) {
    json_t *keys = json_array(), *set = json_pack("{s:o}", "keys", keys);
    occ_jwks jwks;

    for (size_t i = 0; i < count; i++) {
      /* Those that are skipped count too: a look at each is what costs. */
      assert_int_equal(json_array_append_new(keys, json_of(i % 2 ? AKP("") : A(""))), 0);
    }
    check_rc("keys", occ__jwks_read(&jwks, &occ__mem_libc, ws, set),
             count <= OCC__MAX_JWKS_KEYS ? OCC_OK : KEY);
    assert_int_equal(jwks.count, count <= OCC__MAX_JWKS_KEYS ? (count + 1) / 2 : 0);
    occ__jwks_clear(&jwks);
    json_decref(set);
  }
}

static void test_jwks_find__by_kid_and_alg(void **state)
{
  static const struct {
    const char *why, *set, *kid;
    occ_alg alg;
    const char *thumbprint; /* NULL: none */
  } row[] = {
    { "by kid", SET(A(",\"kid\":\"1\"") "," B(",\"kid\":\"2\"")), "2", OCC__ALG_ES256,
      TEST_CLIENT_B_THUMBPRINT },
    { "unknown kid", SET(A(",\"kid\":\"1\"")), "2", OCC__ALG_ES256, NULL },
    { "kid is exact", SET(A(",\"kid\":\"one\"")), "One", OCC__ALG_ES256, NULL },
    { "kid of a key of the other kind", SET(A(",\"kid\":\"1\"")), "1", OCC__ALG_EDDSA, NULL },
    { "one kid, two kinds: ES256", SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"1\"")), "1",
      OCC__ALG_ES256, TEST_CLIENT_A_THUMBPRINT },
    { "one kid, two kinds: EdDSA", SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"1\"")), "1",
      OCC__ALG_EDDSA, TEST_ISSUER_ED_THUMBPRINT },
    { "a kid does not fit a key without one", SET(A("")), "1", OCC__ALG_ES256, NULL },
    { "no kid, one key", SET(A(",\"kid\":\"1\"")), NULL, OCC__ALG_ES256, TEST_CLIENT_A_THUMBPRINT },
    { "empty kid, one key", SET(A("")), "", OCC__ALG_ES256, TEST_CLIENT_A_THUMBPRINT },
    { "no kid, one key of the kind", SET(A("") "," E("")), NULL, OCC__ALG_ED25519,
      TEST_ISSUER_ED_THUMBPRINT },
    { "no kid, several", SET(A("") "," B("")), NULL, OCC__ALG_ES256, NULL },
    { "no kid, several, one of that alg", SET(E(",\"alg\":\"EdDSA\"") "," A("")), NULL,
      OCC__ALG_EDDSA, TEST_ISSUER_ED_THUMBPRINT },
    { "JOSE-31 the key's own alg", SET(E(",\"alg\":\"EdDSA\",\"kid\":\"1\"")), "1",
      OCC__ALG_ED25519, NULL },
    { "RSA by kid", SET(R(",\"kid\":\"1\"") "," A(",\"kid\":\"1\"")), "1", OCC__ALG_PS256,
      TEST_RSA_THUMBPRINT },
    { "JOSE-31 an RSA key for PS256, asked for RS256", SET(R(",\"kid\":\"1\",\"alg\":\"PS256\"")),
      "1", OCC__ALG_RS256, NULL },
    { "JOSE-31 an RSA key for each alg: RS256",
      SET(R(",\"kid\":\"1\",\"alg\":\"RS256\"") "," R(",\"kid\":\"2\",\"alg\":\"PS256\"")), NULL,
      OCC__ALG_RS256, TEST_RSA_THUMBPRINT },
    { "P-384", SET(TEST_P384_PUBLIC "," TEST_P521_PUBLIC "," A("")), NULL, OCC__ALG_ES384,
      TEST_P384_THUMBPRINT },
    { "P-521", SET(TEST_P384_PUBLIC "," TEST_P521_PUBLIC "," A("")), NULL, OCC__ALG_ES512,
      TEST_P521_THUMBPRINT },
    { "no alg", SET(A("")), NULL, OCC__ALG_NONE, NULL },
    { "no keys", SET(""), NULL, OCC__ALG_ES256, NULL },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_jwks jwks;
    const occ_jwk *key;

    check_rc(row[i].why, read_set(&jwks, row[i].set), OCC_OK);
    key = occ__jwks_find(&jwks, row[i].kid, row[i].alg);
    check_rc(row[i].why, key != NULL, row[i].thumbprint != NULL);
    if (key != NULL) {
      assert_string_equal(key->thumbprint, row[i].thumbprint);
    }
    occ__jwks_clear(&jwks);
    assert_null(jwks.key);
  }
}

static void test_jwks_read__survives_every_failed_allocation(void **state)
{
  json_t *set = json_of(SET(A("") "," AKP("") "," R("") "," E("")));
  int rc = OCC_ERR_MEMORY;
  occ_jwks jwks;
  fail_mem fm;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__jwks_read(&jwks, &fm.mem, ws, set);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(jwks.key);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
    assert_int_equal(jwks.count, 3);
    occ__jwks_clear(&jwks);
    assert_int_equal(fm.live, 0);
  }
  json_decref(set);
}

#define EC_7517                                                                                    \
  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","        \
  "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"use\":\"enc\",\"kid\":\"1\""
#define RSA_7517                                                                                   \
  "\"kty\":\"RSA\",\"n\":"                                                                         \
  "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtV"                                 \
  "T86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXA"               \
  "rwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"               \
  "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"               \
  "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"                                                     \
  "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\""

static void test_jwks_read__published_sets(void **state)
{
  static const struct {
    const char *why, *set;
    int rc;
  } row[] = {
    { "RFC 7517 A.1, public keys", SET("{" EC_7517 "},{" RSA_7517 "}"), OCC_OK },
    { "RFC 7517 A.2, private keys",
      SET("{" EC_7517 ",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\"},{" RSA_7517 "}"),
      KEY },
    { "RFC 7517 A.3, symmetric keys",
      SET("{\"kty\":\"oct\",\"alg\":\"A128KW\",\"k\":\"GawgguFyGrWKav7AX4VKUg\"}"), KEY },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *set = json_of(row[i].set);
    occ_jwks jwks;
    occ_jwk key;

    check_rc(row[i].why, read_set(&jwks, row[i].set), row[i].rc);
    check_rc(row[i].why, occ__jwks_pick(&key, ws, set, "2011-04-29", OCC__ALG_RS256), row[i].rc);
    if (row[i].rc == OCC_OK) { /* the first is for encryption; the second has RFC 7638's numbers */
      assert_int_equal(jwks.count, 1);
      assert_string_equal(jwks.key[0].thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
      assert_string_equal(key.thumbprint, jwks.key[0].thumbprint);
      check_rc("for encryption", occ__jwks_pick(&key, ws, set, "1", OCC__ALG_ES256),
               OCC__REASON_JOSE_KEY_UNKNOWN);
    }
    occ__jwks_clear(&jwks);
    json_decref(set);
  }
}

static void test_jwks_pick__reads_one_of_them(void **state)
{
#define NONE OCC__REASON_JOSE_KEY_UNKNOWN
  static const struct {
    const char *why, *set, *kid;
    occ_alg alg;
    int rc;
    const char *thumbprint;
  } row[] = {
    { "the only one", SET(A("")), NULL, OCC__ALG_ES256, OCC_OK, TEST_CLIENT_A_THUMBPRINT },
    { "by its kid", SET(A(",\"kid\":\"1\"") "," B(",\"kid\":\"2\"")), "2", OCC__ALG_ES256, OCC_OK,
      TEST_CLIENT_B_THUMBPRINT },
    { "an empty kid is none", SET(A("")), "", OCC__ALG_ES256, OCC_OK, TEST_CLIENT_A_THUMBPRINT },
    { "by its kind", SET(A("") "," R("") "," E("")), NULL, OCC__ALG_PS256, OCC_OK,
      TEST_RSA_THUMBPRINT },
    { "by its alg", SET(R(",\"alg\":\"RS256\"") "," E("") "," R(",\"alg\":\"PS256\"")), NULL,
      OCC__ALG_PS256, OCC_OK, TEST_RSA_THUMBPRINT },
    { "one kid, two kinds", SET(A(",\"kid\":\"1\"") "," E(",\"kid\":\"1\"")), "1", OCC__ALG_EDDSA,
      OCC_OK, TEST_ISSUER_ED_THUMBPRINT },
    { "use enc under the same kid",
      SET(A(",\"kid\":\"1\",\"use\":\"enc\"") "," B(",\"kid\":\"1\"")), "1", OCC__ALG_ES256, OCC_OK,
      TEST_CLIENT_B_THUMBPRINT },
    { "another is malformed", SET(A(",\"kid\":\"1\"") ",{\"kty\":\"EC\",\"crv\":\"P-256\"}"), "1",
      OCC__ALG_ES256, OCC_OK, TEST_CLIENT_A_THUMBPRINT },
    { "a kind of nobody's", SET(AKP("") "," A("")), NULL, OCC__ALG_ES256, OCC_OK,
      TEST_CLIENT_A_THUMBPRINT },
    { "empty", SET(""), NULL, OCC__ALG_ES256, NONE, NULL },
    { "N-JA-05 kid unknown", SET(A(",\"kid\":\"1\"")), "2", OCC__ALG_ES256, NONE, NULL },
    { "a key without a kid", SET(A("")), "1", OCC__ALG_ES256, NONE, NULL },
    { "kid in part", SET(A(",\"kid\":\"12\"")), "1", OCC__ALG_ES256, NONE, NULL },
    { "no kid, and two that fit", SET(A("") "," B("")), NULL, OCC__ALG_ES256, NONE, NULL },
    { "another kind", SET(A("")), NULL, OCC__ALG_EDDSA, NONE, NULL },
    { "another alg", SET(E(",\"alg\":\"EdDSA\"")), NULL, OCC__ALG_ED25519, NONE, NULL },
    { "its kid, another alg", SET(E(",\"kid\":\"1\",\"alg\":\"EdDSA\"")), "1", OCC__ALG_ED25519,
      NONE, NULL },
    { "N-JA-05 one kid twice", SET(A(",\"kid\":\"1\"") "," B(",\"kid\":\"1\"")), "1",
      OCC__ALG_ES256, KEY, NULL },
    { "N-JA-05 one kid twice, two algs",
      SET(R(",\"kid\":\"1\",\"alg\":\"RS256\"") "," R(",\"kid\":\"1\",\"alg\":\"PS256\"")), "1",
      OCC__ALG_PS256, KEY, NULL },
    { "malformed itself", SET("{\"kty\":\"EC\",\"crv\":\"P-256\"}"), NULL, OCC__ALG_ES256, KEY,
      NULL },
    { "N-JOSE-09 off the curve",
      SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
          "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
      NULL, OCC__ALG_ES256, KEY, NULL },
    { "e = 65537, the largest", SET(R("")), NULL, OCC__ALG_PS256, OCC_OK, TEST_RSA_THUMBPRINT },
    { "N-JOSE-08 e = 65535", SET("{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"__8\"}"), NULL,
      OCC__ALG_PS256, KEY, NULL },
    { "N-JOSE-08 e = 65539", SET("{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"AQAD\"}"), NULL,
      OCC__ALG_PS256, KEY, NULL },
    { "N-JOSE-08 e = 2^31 + 1", SET("{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"gAAAAQ\"}"),
      NULL, OCC__ALG_PS256, KEY, NULL },
    { "N-JOSE-08 e = 2^32 - 1", SET("{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"_____w\"}"),
      NULL, OCC__ALG_PS256, KEY, NULL },
    { "kid no text", SET(A(",\"kid\":1")), NULL, OCC__ALG_ES256, KEY, NULL },
    { "JOSE-37 a private key", SET(TEST_CLIENT_A_PRIVATE), NULL, OCC__ALG_ES256, KEY, NULL },
    { "JOSE-37 a private key beside it", SET(A("") "," AKP(",\"priv\":\"AA\"")), NULL,
      OCC__ALG_ES256, KEY, NULL },
    { "JOSE-37 a symmetric key behind it",
      SET(A(",\"kid\":\"1\"") ",{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "1", OCC__ALG_ES256, KEY,
      NULL },
    { "no key", SET(A("") ",7"), NULL, OCC__ALG_ES256, KEY, NULL },
    { "no keys", "{}", NULL, OCC__ALG_ES256, KEY, NULL },
    { "no list", "{\"keys\":{}}", NULL, OCC__ALG_ES256, KEY, NULL },
    { "no set", "[]", NULL, OCC__ALG_ES256, KEY, NULL },
    { "no alg", SET(A("")), NULL, OCC__ALG_NONE, NONE, NULL },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *set = json_of(row[i].set);
    occ_jwk key;

    check_rc(row[i].why, occ__jwks_pick(&key, ws, set, row[i].kid, row[i].alg), row[i].rc);
    assert_string_equal(key.thumbprint, row[i].thumbprint == NULL ? "" : row[i].thumbprint);
    json_decref(set);
  }
}

static void test_jwks_pick__small_exponents(void **state)
{
  static const struct {
    const char *why, *e;
    int rc;
  } row[] = {
    { "3", "Aw", OCC_OK },      { "5", "BQ", OCC_OK },   { "7", "Bw", KEY },
    { "17", "EQ", OCC_OK },     { "19", "Ew", KEY },     { "257", "AQE", OCC_OK },
    { "32769", "gAE", OCC_OK }, { "65535", "__8", KEY }, { "1", "AQ", KEY },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    char text[1024];
    json_t *set;
    occ_jwk key;

    (void)snprintf(text, sizeof(text),
                   "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"%s\"}]}",
                   row[i].e);
    set = json_of(text);
    check_rc(row[i].why, occ__jwks_pick(&key, ws, set, NULL, OCC__ALG_RS256), row[i].rc);
    json_decref(set);
  }
}

static void test_jwks_pick__limits_the_keys(void **state)
{
  static char text[OCC__MAX_JWKS_KEYS * 256];
  (void)state;

  for (size_t count = OCC__MAX_JWKS_KEYS - 1; count <= OCC__MAX_JWKS_KEYS + 1; count++) {
    const int want = count <= OCC__MAX_JWKS_KEYS ? OCC_OK : KEY;
    json_t *set;
    occ_jwk key;

    (void)strcpy(text, "{\"keys\":[" TEST_CLIENT_A_PUBLIC);
    for (size_t i = 1; i < count; i++) {
      (void)strcat(text, ",{\"kty\":\"OKP\"}");
    }
    (void)strcat(text, "]}");
    set = json_of(text);
    assert_int_equal(occ__jwks_pick(&key, ws, set, NULL, OCC__ALG_ES256), want);
    assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(TEST_CLIENT_A_PUBLIC), 0), OCC_OK);
    assert_int_equal(occ__jwks_has(set, &key), want);
    json_decref(set);
  }
}

static void test_jwks_has__the_same_key(void **state)
{
  static const char *const own[] = { TEST_CLIENT_A_PUBLIC, TEST_ISSUER_ED_PUBLIC, TEST_RSA_PUBLIC,
                                     TEST_P384_PUBLIC, TEST_P521_PUBLIC };
  static const struct {
    const char *why, *set;
    int rc[ROWS(own)];
  } row[] = {
    { "all",
      SET(A("") "," E("") "," R("") "," TEST_P384_PUBLIC "," TEST_P521_PUBLIC),
      { OCC_OK, OCC_OK, OCC_OK, OCC_OK, OCC_OK } },
    { "one, behind another", SET(B("") "," A("")), { OCC_OK, NONE, NONE, NONE, NONE } },
    { "another of its kind", SET(B("")), { NONE, NONE, NONE, NONE, NONE } },
    { "none", SET(""), { NONE, NONE, NONE, NONE, NONE } },
    { "use enc",
      SET(A(",\"use\":\"enc\"") "," R(",\"alg\":\"RSA-OAEP\"")),
      { NONE, NONE, NONE, NONE, NONE } },
    { "another exponent",
      SET("{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"Aw\"}"),
      { NONE, NONE, NONE, NONE, NONE } },
    { "e with a zero octet",
      SET("{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"AAEAAQ\"}"),
      { NONE, NONE, NONE, NONE, NONE } },
    { "x alone",
      SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
          "\"VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0\"}"),
      { NONE, NONE, NONE, NONE, NONE } },
    { "its x, another y",
      SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0\","
          "\"y\":\"IdLW8UNaS-4IzgAX8iTrfeqwlKE3FiEQHiAMV7WCQIU\"}"),
      { NONE, NONE, NONE, NONE, NONE } },
    { "its octets under another curve",
      SET("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
          "\"VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0\"}"),
      { NONE, NONE, NONE, NONE, NONE } },
    { "a private key beside it",
      SET(A("") "," TEST_CLIENT_B_PRIVATE),
      { KEY, KEY, KEY, KEY, KEY } },
    { "no set", "{\"keys\":1}", { KEY, KEY, KEY, KEY, KEY } },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *set = json_of(row[i].set);

    for (size_t k = 0; k < ROWS(own); k++) {
      occ_jwk key;

      assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(own[k]), 0), OCC_OK);
      check_rc(row[i].why, occ__jwks_has(set, &key), row[i].rc[k]);
      memset(&key, 0, sizeof(key)); /* what is no key is in no set */
      check_rc(row[i].why, occ__jwks_has(set, &key), row[i].rc[k] == OCC_OK ? NONE : row[i].rc[k]);
    }
    json_decref(set);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jwks_read__keeps_and_skips),
    cmocka_unit_test(test_jwks_read__refuses),
    cmocka_unit_test(test_jwks_read__limits_the_keys),
    cmocka_unit_test(test_jwks_find__by_kid_and_alg),
    cmocka_unit_test(test_jwks_read__published_sets),
    cmocka_unit_test(test_jwks_pick__reads_one_of_them),
    cmocka_unit_test(test_jwks_pick__small_exponents),
    cmocka_unit_test(test_jwks_pick__limits_the_keys),
    cmocka_unit_test(test_jwks_has__the_same_key),
    cmocka_unit_test(test_jwks_read__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("jose/jwks", tests, setup, teardown);
}
