/* SPDX-License-Identifier: MIT */

/* One JWK: what is taken, what is refused, thumbprints. Thumbprints come from RFCs and from another implementation. */

#include "jose/jwk.h"

#include "jose_test.h"

#define KEY OCC__REASON_JOSE_KEY

/* The public key of client_a, to be spoiled. */
#define A_X              "VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0"
#define A_Y              "ICjA9aAif1-ZBbfpqvPAbpbIBsgE5qrB-6nUVXVInXI"
#define EC(x, y)         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define NIST(crv, x, y)  "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define RSA(n, e)        "{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"" e "\"}"
#define ED(x)            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" x "\"}"
#define A_WITH(members)  "{" TEST_CLIENT_A_MEMBERS "," members "}"
#define ED_WITH(members) "{" TEST_ISSUER_ED_MEMBERS "," members "}"
#define ZERO32           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

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

static int read_text(occ_jwk *out, const char *text, int want_private)
{
  memset(out, 0xaa, sizeof(*out));
  return occ__jwk_read_text(out, ws, occ__span_text(text), want_private);
}

static void test_jwk_read__gives_published_thumbprints(void **state)
{
  static const struct {
    const char *why, *jwk;
    occ_kty kty;
    const char *thumbprint;
  } row[] = {
    { "RFC 7515 A.3",
      EC("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
      OCC__KTY_P256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" },
    { "RFC 8037 A.3", ED("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), OCC__KTY_ED25519,
      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
    { "RFC 9449 6.1",
      "{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
      "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"crv\":\"P-256\"}",
      OCC__KTY_P256, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" },
    { "ABCA section 4, cnf, with use",
      "{\"kty\":\"EC\",\"use\":\"sig\",\"crv\":\"P-256\","
      "\"x\":\"VcKVNBZ4IaBAYW3jxM4w3TJFVA7myeUGQyGt-g_yvpQ\","
      "\"y\":\"f-E-hYE3TAWKwhVv9pej9NABs9SX9XsNO80x57jFTyU\"}",
      OCC__KTY_P256, "Ak20Cf62SpTybasujYXbaI-Ms655MyvOZCtnnf8y1QU" },
    { "ABCA section 5.2",
      EC("18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM",
         "-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"),
      OCC__KTY_P256, "gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs" },
    { "ABCA attester",
      EC("EVs_o5-uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf84",
         "kGe5DgSIycKp8w9aJmoHhB1sB3QTugfnRWm5nU_TzsY"),
      OCC__KTY_P256, "19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8" },
    { "client_a", TEST_CLIENT_A_PUBLIC, OCC__KTY_P256, TEST_CLIENT_A_THUMBPRINT },
    { "client_b", TEST_CLIENT_B_PUBLIC, OCC__KTY_P256, TEST_CLIENT_B_THUMBPRINT },
    { "issuer", TEST_ISSUER_PUBLIC, OCC__KTY_P256, TEST_ISSUER_THUMBPRINT },
    { "issuer_ed", TEST_ISSUER_ED_PUBLIC, OCC__KTY_ED25519, TEST_ISSUER_ED_THUMBPRINT },
    { "RFC 7638 3.1",
      "{\"kty\":\"RSA\",\"n\":\""
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
      "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
      "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
      "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
      "Cur-kEgU8awapJzKnqDKgw"
      "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
      OCC__KTY_RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
    { "RFC 7515 A.4",
      "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
      "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_"
      "NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
      "\"y\":"
      "\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-"
      "x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
      OCC__KTY_P521, "u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U" },
    { "RSA", TEST_RSA_PUBLIC, OCC__KTY_RSA, TEST_RSA_THUMBPRINT },
    { "RSA in another order", "{\"e\":\"AQAB\",\"n\":\"" TEST_RSA_N "\",\"crv\":1,\"kty\":\"RSA\"}",
      OCC__KTY_RSA, TEST_RSA_THUMBPRINT },
    { "P-384", TEST_P384_PUBLIC, OCC__KTY_P384, TEST_P384_THUMBPRINT },
    { "P-521", TEST_P521_PUBLIC, OCC__KTY_P521, TEST_P521_THUMBPRINT },
    { "JOSE-36 unknown members do not count", A_WITH("\"x5t\":1,\"ext\":true,\"kid\":\"k\""),
      OCC__KTY_P256, TEST_CLIENT_A_THUMBPRINT },
    { "escapes in member names and values do not count",
      "{\"\\u006bty\":\"E\\u0043\",\"crv\":\"P\\u002d256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}",
      OCC__KTY_P256, TEST_CLIENT_A_THUMBPRINT },
  };
  occ_jwk jwk;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 0), OCC_OK);
    assert_int_equal(jwk.kty, row[i].kty);
    assert_string_equal(jwk.thumbprint, row[i].thumbprint);
    assert_false(jwk.is_private);
  }
}

static void test_jwk_read__refuses_public_keys(void **state)
{
  static const struct {
    const char *why, *jwk;
  } row[] = {
    { "no JSON", "{\"kty\":\"EC\"" },
    { "no text", "" },
    { "null", "null" },
    { "array", "[" TEST_CLIENT_A_PUBLIC "]" },
    { "string", "\"EC\"" },
    { "empty object", "{}" },
    { "kty missing", "{\"crv\":\"P-256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "kty no string", "{\"kty\":1,\"crv\":\"P-256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "kty case", "{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "kty with a space",
      "{\"kty\":\"EC \",\"crv\":\"P-256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "kty RSA with a curve's members",
      "{\"kty\":\"RSA\",\"crv\":\"P-256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "N-JOSE-08 RSA of 256 bits", RSA(A_X, "AQAB") },
    { "RSA: n missing", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}" },
    { "RSA: e missing", "{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\"}" },
    { "RSA: n no string", "{\"kty\":\"RSA\",\"n\":[\"" TEST_RSA_N "\"],\"e\":\"AQAB\"}" },
    { "RSA: e a number", "{\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":65537}" },
    { "RSA: n empty", RSA("", "AQAB") },
    { "RSA: n padded", RSA(TEST_RSA_N "==", "AQAB") },
    { "RSA: n with white space", RSA(TEST_RSA_N " ", "AQAB") },
    { "N-JOSE-08 n with an octet more", RSA(TEST_RSA_N "AA", "AQAB") },
    { "N-JOSE-08 n: shifted by six bits", RSA("A" TEST_RSA_N, "AQAB") },
    { "N-JOSE-08 n twice as long, and more", RSA(TEST_RSA_N TEST_RSA_N "AA", "AQAB") },
    { "N-JOSE-08 n far too long", RSA(TEST_RSA_N TEST_RSA_N TEST_RSA_N TEST_RSA_N, "AQAB") },
    { "N-JOSE-08 e = 1", RSA(TEST_RSA_N, "AQ") },
    { "N-JOSE-08 e = 2", RSA(TEST_RSA_N, "Ag") },
    { "N-JOSE-08 e = 0", RSA(TEST_RSA_N, "AA") },
    { "N-JOSE-08 e = 65536", RSA(TEST_RSA_N, "AQAA") },
    { "N-JOSE-08 e with a leading zero", RSA(TEST_RSA_N, "AAEAAQ") },
    { "N-JOSE-08 e = 2^32 + 1", RSA(TEST_RSA_N, "AQAAAAE") },
    { "N-JOSE-08 e as long as n", RSA(TEST_RSA_N, TEST_RSA_N) },
    { "RSA: e empty", RSA(TEST_RSA_N, "") },
    { "RSA: e with unused bits set", RSA(TEST_RSA_N, "Ax") },
    { "RSA: n and e exchanged", RSA("AQAB", TEST_RSA_N) },
    { "N-JOSE-04 duplicate n", "{" TEST_RSA_MEMBERS ",\"n\":\"" TEST_RSA_N "\"}" },
    { "N-JOSE-11 RSA private", TEST_RSA_PRIVATE },
    { "N-JOSE-11 RSA with use enc", "{" TEST_RSA_MEMBERS ",\"use\":\"enc\"}" },
    { "N-JOSE-11 RSA with alg ES256", "{" TEST_RSA_MEMBERS ",\"alg\":\"ES256\"}" },
    { "N-JOSE-11 RSA with alg RSA-OAEP", "{" TEST_RSA_MEMBERS ",\"alg\":\"RSA-OAEP\"}" },
    { "N-JOSE-11 RSA with alg HS256", "{" TEST_RSA_MEMBERS ",\"alg\":\"HS256\"}" },
    { "N-JOSE-11 RSA with alg rs256", "{" TEST_RSA_MEMBERS ",\"alg\":\"rs256\"}" },
    { "kty OKP on P-256", "{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" A_X "\"}" },
    { "kty EC on Ed25519", "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" A_X "\"}" },
    { "crv missing", "{\"kty\":\"EC\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "crv case", "{\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "crv by its other name",
      "{\"kty\":\"EC\",\"crv\":\"secp256r1\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "crv secp256k1",
      "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "x missing", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"" A_Y "\"}" },
    { "y missing", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A_X "\"}" },
    { "x no string", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1,\"y\":\"" A_Y "\"}" },
    { "x padded", EC(A_X "=", A_Y) },
    { "x in base64", EC("+/5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0", A_Y) },
    { "x with unused bits set", EC("VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO1", A_Y) },
    { "x with white space", EC(" " A_X, A_Y) },
    { "x empty", EC("", A_Y) },
    { "x and y exchanged", EC(A_Y, A_X) },

    { "N-JOSE-04 duplicate x",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A_X "\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "N-JOSE-04 duplicate x via escape", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A_X
                                          "\",\"\\u0078\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "N-JOSE-04 duplicate kty", A_WITH("\"kty\":\"EC\"") },

    { "N-JOSE-09 P-384 off the curve", NIST("P-384", TEST_P384_Y, TEST_P384_X) },
    { "N-JOSE-09 P-384 (0,0)",
      NIST("P-384", ZERO32 "AAAAAAAAAAAAAAAAAAAAA", ZERO32 "AAAAAAAAAAAAAAAAAAAAA") },
    { "N-JOSE-09 P-384 x of 49 octets", NIST("P-384", TEST_P384_X "AA", TEST_P384_Y) },
    { "N-JOSE-09 P-384 y missing", "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" TEST_P384_X "\"}" },
    { "N-JOSE-06 P-384 with the coordinates of P-256", NIST("P-384", A_X, A_Y) },
    { "N-JOSE-06 P-256 with the coordinates of P-384", NIST("P-256", TEST_P384_X, TEST_P384_Y) },
    { "N-JOSE-06 P-521 with the coordinates of P-384", NIST("P-521", TEST_P384_X, TEST_P384_Y) },
    { "N-JOSE-06 P-384 as OKP",
      "{\"kty\":\"OKP\",\"crv\":\"P-384\",\"x\":\"" TEST_P384_X "\",\"y\":\"" TEST_P384_Y "\"}" },
    { "N-JOSE-09 P-521 off the curve", NIST("P-521", TEST_P521_Y, TEST_P521_X) },
    { "N-JOSE-09 P-521 x of 67 octets", NIST("P-521", TEST_P521_X "AA", TEST_P521_Y) },
    { "N-JOSE-09 P-521 x and y short", NIST("P-521", "AA", "AA") },
    { "N-JOSE-11 alg ES512 on P-384", "{" TEST_P384_MEMBERS ",\"alg\":\"ES512\"}" },
    { "N-JOSE-11 alg ES256 on P-384", "{" TEST_P384_MEMBERS ",\"alg\":\"ES256\"}" },
    { "N-JOSE-11 alg ES384 on P-521", "{" TEST_P521_MEMBERS ",\"alg\":\"ES384\"}" },
    { "N-JOSE-11 private member d, P-384", TEST_P384_PRIVATE },
    { "N-JOSE-11 private member d, P-521", TEST_P521_PRIVATE },
    { "N-JOSE-06 Ed448 key", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" A_X "\"}" },
    { "N-JOSE-06 X25519 key", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" A_X "\"}" },

    { "N-JOSE-09 off the curve", EC(A_X, "ICjA9aAif1-ZBbfpqvPAbpbIBsgE5qrB-6nUVXVInXM") },
    { "N-JOSE-09 (0,0)", EC(ZERO32, ZERO32) },
    { "N-JOSE-09 x = p", EC("_____wAAAAEAAAAAAAAAAAAAAAD_______________8",
                            "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q") },
    { "N-JOSE-09 x of 31 octets", EC("VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKA", A_Y) },
    { "N-JOSE-09 x of 33 octets", EC("VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0A", A_Y) },
    { "N-JOSE-09 x of 33 octets, zero in front",
      EC("AFSuSirEQRpYuDAyKW7dist3E-zVGNL10-wDECW3Cyjt", A_Y) },
    { "N-JOSE-09 y of 31 octets", EC(A_X, "ICjA9aAif1-ZBbfpqvPAbpbIBsgE5qrB-6nUVXVInQ") },
    { "N-JOSE-09 y of 33 octets", EC(A_X, "ICjA9aAif1-ZBbfpqvPAbpbIBsgE5qrB-6nUVXVInXIA") },
    { "N-JOSE-09 OKP x of 31 octets", ED("7wlTv057aQmWJB1hbODEmfxKrccDdhM8nGsYrYM4iQ") },
    { "N-JOSE-09 OKP x of 33 octets", ED("7wlTv057aQmWJB1hbODEmfxKrccDdhM8nGsYrYM4ib8A") },
    { "N-JOSE-09 OKP x all zero", ED(ZERO32) },
    { "N-JOSE-09 OKP small order, y=1", ED("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") },
    { "N-JOSE-09 OKP small order, y=p-1", ED("7P_______________________________________38") },
    { "N-JOSE-09 OKP small order 8", ED("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU") },
    { "N-JOSE-09 OKP small order 8, the other x",
      ED("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU") },
    { "N-JOSE-09 OKP y not below p", ED("7f_______________________________________38") },

    { "N-JOSE-11 use enc", A_WITH("\"use\":\"enc\"") },
    { "N-JOSE-11 use in capitals", A_WITH("\"use\":\"SIG\"") },
    { "N-JOSE-11 use no string", A_WITH("\"use\":true") },
    { "N-JOSE-11 key_ops without verify", A_WITH("\"key_ops\":[\"sign\"]") },
    { "N-JOSE-11 key_ops empty", A_WITH("\"key_ops\":[]") },
    { "N-JOSE-11 key_ops no array", A_WITH("\"key_ops\":\"verify\"") },
    { "N-JOSE-11 key_ops with a number", A_WITH("\"key_ops\":[\"verify\",1]") },
    { "N-JOSE-11 key_ops repeated", A_WITH("\"key_ops\":[\"verify\",\"verify\"]") },
    { "N-JOSE-11 key_ops against use",
      A_WITH("\"use\":\"sig\",\"key_ops\":[\"verify\",\"encrypt\"]") },
    { "N-JOSE-11 key_ops: nine", A_WITH("\"key_ops\":[\"verify\",\"2\",\"3\",\"4\",\"5\","
                                        "\"6\",\"7\",\"8\",\"9\"]") },
    { "N-JOSE-11 alg of another curve", A_WITH("\"alg\":\"ES384\"") },
    { "N-JOSE-11 alg ES512 on P-256", A_WITH("\"alg\":\"ES512\"") },
    { "N-JOSE-11 alg of another kty", A_WITH("\"alg\":\"EdDSA\"") },
    { "N-JOSE-11 alg ES256 on OKP", ED_WITH("\"alg\":\"ES256\"") },
    { "N-JOSE-11 alg of another use", A_WITH("\"alg\":\"ECDH-ES\"") },
    { "N-JOSE-11 alg none", A_WITH("\"alg\":\"none\"") },
    { "N-JOSE-11 alg no string", A_WITH("\"alg\":7") },
    { "N-JOSE-11 a JWK Set", "{\"keys\":[" TEST_CLIENT_A_PUBLIC "]}" },
    { "N-JOSE-11 private member d", TEST_CLIENT_A_PRIVATE },
    { "N-JOSE-11 private member d, OKP", TEST_ISSUER_ED_PRIVATE },
    { "N-JOSE-11 private member d, null", A_WITH("\"d\":null") },
    { "N-JOSE-11 private member d, via escape", A_WITH("\"\\u0064\":\"\"") },
    { "N-JOSE-11 symmetric member k", A_WITH("\"k\":\"" A_X "\"") },
    { "N-JOSE-11 RSA private member p", A_WITH("\"p\":\"AA\"") },
    { "N-JOSE-11 RSA private member q", A_WITH("\"q\":\"AA\"") },
    { "N-JOSE-11 RSA private member dp", A_WITH("\"dp\":\"AA\"") },
    { "N-JOSE-11 RSA private member dq", A_WITH("\"dq\":\"AA\"") },
    { "N-JOSE-11 RSA private member qi", A_WITH("\"qi\":\"AA\"") },
    { "N-JOSE-11 RSA private member oth", A_WITH("\"oth\":[]") },
    { "N-JOSE-11 AKP private member priv", A_WITH("\"priv\":\"AA\"") },
    { "N-JOSE-10 symmetric key", "{\"kty\":\"oct\",\"k\":\"" A_X "\"}" },
    { "kid no string", A_WITH("\"kid\":5") },
    { "kid null", A_WITH("\"kid\":null") },
  };
  static const occ_jwk zero;
  occ_jwk jwk;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 0), KEY);
    assert_memory_equal(&jwk, &zero, sizeof(zero));
  }
}

static void test_jwk_read__takes_what_is_allowed(void **state)
{
  static const struct {
    const char *why, *jwk;
    occ_alg alg;
    const char *kid;
  } row[] = {
    { "use sig", A_WITH("\"use\":\"sig\""), OCC__ALG_NONE, "" },
    { "key_ops verify", A_WITH("\"key_ops\":[\"verify\"]"), OCC__ALG_NONE, "" },
    { "key_ops verify and sign, use sig",
      A_WITH("\"use\":\"sig\",\"key_ops\":[\"sign\",\"verify\"]"), OCC__ALG_NONE, "" },
    { "key_ops: eight",
      A_WITH("\"key_ops\":[\"verify\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\","
             "\"8\"]"),
      OCC__ALG_NONE, "" },
    { "alg ES256 and kid", A_WITH("\"alg\":\"ES256\",\"kid\":\"one\""), OCC__ALG_ES256, "one" },
    { "alg Ed25519", ED_WITH("\"alg\":\"Ed25519\""), OCC__ALG_ED25519, "" },
    { "alg EdDSA", ED_WITH("\"alg\":\"EdDSA\",\"kid\":\"\""), OCC__ALG_EDDSA, "" },
    { "alg RS256", "{" TEST_RSA_MEMBERS ",\"alg\":\"RS256\",\"use\":\"sig\"}", OCC__ALG_RS256, "" },
    { "alg PS512", "{" TEST_RSA_MEMBERS ",\"alg\":\"PS512\",\"kid\":\"r\"}", OCC__ALG_PS512, "r" },
    { "alg ES384", "{" TEST_P384_MEMBERS ",\"alg\":\"ES384\"}", OCC__ALG_ES384, "" },
    { "alg ES512", "{" TEST_P521_MEMBERS ",\"alg\":\"ES512\"}", OCC__ALG_ES512, "" },
    { "e = 3", RSA(TEST_RSA_N, "Aw"), OCC__ALG_NONE, "" },
    { "e = 2^32 - 1", RSA(TEST_RSA_N, "_____w"), OCC__ALG_NONE, "" },
    { "kid is any text", A_WITH("\"kid\":\"../\\u00e4\\n'%s\""), OCC__ALG_NONE,
      "../\xc3\xa4\n'%s" },
  };
  occ_jwk jwk;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 0), OCC_OK);
    assert_int_equal(jwk.alg, row[i].alg);
    assert_string_equal(jwk.kid, row[i].kid);
  }
}

static void test_jwk_read__limits_the_kid(void **state)
{
  char text[1024], kid[OCC__MAX_ID + 2];
  occ_jwk jwk;
  (void)state;

  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    memset(kid, 'k', len);
    kid[len] = '\0';
    (void)snprintf(text, sizeof(text), "{%s,\"kid\":\"%s\"}", TEST_CLIENT_A_MEMBERS, kid);
    check_rc("kid", read_text(&jwk, text, 0), len <= OCC__MAX_ID ? OCC_OK : KEY);
    assert_string_equal(jwk.kid, len <= OCC__MAX_ID ? kid : "");
  }
}

static void test_jwk_read__private_keys(void **state)
{
  static const struct {
    const char *why, *jwk;
    int want;
  } row[] = {
    { "P-256", TEST_CLIENT_A_PRIVATE, OCC_OK },
    { "Ed25519", TEST_ISSUER_ED_PRIVATE, OCC_OK },
    { "key_ops sign",
      A_WITH("\"key_ops\":[\"sign\"],\"d\":\"3ecNzrm6C2Ohl67KEQSwCsly4_rxXZPdsHXZi9phE1c\""),
      OCC_OK },
    { "key_ops without sign",
      A_WITH("\"key_ops\":[\"verify\"],\"d\":\"3ecNzrm6C2Ohl67KEQSwCsly4_rxXZPdsHXZi9phE1c\""),
      KEY },
    { "no d", TEST_CLIENT_A_PUBLIC, KEY },
    { "no d, Ed25519", TEST_ISSUER_ED_PUBLIC, KEY },
    { "d of another key", A_WITH("\"d\":\"vUpJB5bNPYgKgcfZbpYbEgyyK6HMLuqbho3fSuPSH1s\""), KEY },
    { "d of another key, Ed25519", ED_WITH("\"d\":\"vUpJB5bNPYgKgcfZbpYbEgyyK6HMLuqbho3fSuPSH1s\""),
      KEY },
    { "d zero", A_WITH("\"d\":\"" ZERO32 "\""), KEY },
    { "d = n", A_WITH("\"d\":\"_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE\""), KEY },
    { "d short", A_WITH("\"d\":\"3ecNzrm6C2Ohl67KEQSwCsly4_rxXZPdsHXZi9phEw\""), KEY },
    { "d no string", A_WITH("\"d\":1"), KEY },
    { "nothing is signed with RSA", TEST_RSA_PRIVATE, KEY },
    { "nothing is signed with P-384", TEST_P384_PRIVATE, KEY },
    { "nothing is signed with P-521", TEST_P521_PRIVATE, KEY },
    { "RSA without d", TEST_RSA_PUBLIC, KEY },
  };
  static const occ_jwk zero;
  occ_jwk jwk;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 1), row[i].want);
    assert_int_equal(jwk.is_private, row[i].want == OCC_OK);
    if (row[i].want != OCC_OK) {
      assert_memory_equal(&jwk, &zero, sizeof(zero));
    }
  }
  assert_int_equal(read_text(&jwk, TEST_CLIENT_A_PRIVATE, 1), OCC_OK);
  assert_string_equal(jwk.thumbprint, TEST_CLIENT_A_THUMBPRINT);
  occ__jwk_wipe(&jwk);
  assert_memory_equal(&jwk, &zero, sizeof(zero));
}

static void test_jwk_fits__needs_the_kind_and_the_keys_own_alg(void **state)
{
  static const struct {
    const char *why, *jwk, *algs; /* all that fit, in order */
  } row[] = {
    { "P-256", TEST_CLIENT_A_PUBLIC, " ES256" },
    { "P-256 with alg", A_WITH("\"alg\":\"ES256\""), " ES256" },
    { "Ed25519: both names", TEST_ISSUER_ED_PUBLIC, " Ed25519 EdDSA" },
    { "JOSE-31 Ed25519 with alg Ed25519", ED_WITH("\"alg\":\"Ed25519\""), " Ed25519" },
    { "JOSE-31 Ed25519 with alg EdDSA", ED_WITH("\"alg\":\"EdDSA\""), " EdDSA" },
    { "P-384", TEST_P384_PUBLIC, " ES384" },
    { "P-521", TEST_P521_PUBLIC, " ES512" },
    { "RSA: all of its own", TEST_RSA_PUBLIC, " PS256 PS384 PS512 RS256 RS384 RS512" },
    { "JOSE-31 RSA with alg PS256", "{" TEST_RSA_MEMBERS ",\"alg\":\"PS256\"}", " PS256" },
    { "JOSE-31 RSA with alg RS512", "{" TEST_RSA_MEMBERS ",\"alg\":\"RS512\"}", " RS512" },
  };
  char algs[100];
  occ_jwk jwk;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    algs[0] = '\0';
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 0), OCC_OK);
    for (int alg = OCC__ALG_NONE; alg <= OCC__ALGS; alg++) {
      if (occ__jwk_fits(&jwk, (occ_alg)alg)) {
        assert_int_equal(occ__alg_kty((occ_alg)alg), jwk.kty);
        strcat(algs, " ");
        strcat(algs, occ__alg_name((occ_alg)alg));
      }
    }
    if (strcmp(algs, row[i].algs) != 0) {
      fail_msg("%s: got%s", row[i].why, algs);
    }
  }
  occ__jwk_wipe(&jwk);
  check_rc("no key", occ__jwk_fits(&jwk, OCC__ALG_NONE), 0);
  assert_int_equal(occ__alg_kty(OCC__ALG_NONE), OCC__KTY_NONE);
  assert_int_equal(occ__alg_kty(OCC__ALGS), OCC__KTY_NONE);
}

/* A modulus of that many bits: the first and the last one are set. */
static void test_jwk_read__limits_rsa_keys(void **state)
{
  static const size_t bits[] = { 1024, 2047, 2048, 2049, 4095, 4096, 4097, 16384 };
  (void)state;

  for (size_t i = 0; i < ROWS(bits); i++) {
    const size_t len = (bits[i] + 7) / 8;
    const int good = bits[i] >= 2048 && bits[i] <= 4096;

    for (int kind = 0; kind < 3; kind++) {
      static const char *const why[] = { "N-JOSE-08 bits of n", "N-JOSE-08 n even",
                                         "N-JOSE-08 n with a leading zero" };
      uint8_t *n = calloc(1, len + 1);
      char *n_text, *json;
      occ_jwk jwk;

      n[kind == 2] = (uint8_t)(1u << (bits[i] - 1) % 8);
      n[len - (kind == 2 ? 0 : 1)] |= kind != 1;
      n_text = test_b64(n, len + (kind == 2));
      json = calloc(1, strlen(n_text) + 100);
      (void)sprintf(json, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", n_text);
      check_rc(why[kind], read_text(&jwk, json, 0), kind == 0 && good ? OCC_OK : KEY);
      assert_int_equal(jwk.pub_len, kind == 0 && good ? len : 0);
      free(json);
      free(n_text);
      free(n);
    }
  }
}

static void test_alg_of_name__is_exact(void **state)
{
  static const struct {
    const char *name;
    occ_alg alg;
  } row[] = {
    { "ES256", OCC__ALG_ES256 }, { "Ed25519", OCC__ALG_ED25519 }, { "EdDSA", OCC__ALG_EDDSA },
    { "ES384", OCC__ALG_ES384 }, { "ES512", OCC__ALG_ES512 },     { "PS256", OCC__ALG_PS256 },
    { "PS384", OCC__ALG_PS384 }, { "PS512", OCC__ALG_PS512 },     { "RS256", OCC__ALG_RS256 },
    { "RS384", OCC__ALG_RS384 }, { "RS512", OCC__ALG_RS512 },

    { "es256", OCC__ALG_NONE },  { "ES256 ", OCC__ALG_NONE },     { "ES25", OCC__ALG_NONE },
    { "ESP256", OCC__ALG_NONE }, { "ed25519", OCC__ALG_NONE },    { "EDDSA", OCC__ALG_NONE },
    { "ESP384", OCC__ALG_NONE }, { "ES256K", OCC__ALG_NONE },     { "HS256", OCC__ALG_NONE },
    { "rs256", OCC__ALG_NONE },  { "RS1", OCC__ALG_NONE },        { "RS2566", OCC__ALG_NONE },
    { "RSA1_5", OCC__ALG_NONE }, { "none", OCC__ALG_NONE },       { "", OCC__ALG_NONE },
    { "ES521", OCC__ALG_NONE },  { "PS265", OCC__ALG_NONE },      { NULL, OCC__ALG_NONE },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].name == NULL ? "NULL" : row[i].name, (int)occ__alg_of_name(row[i].name),
             (int)row[i].alg);
  }
  for (int alg = 1; alg < OCC__ALGS; alg++) {
    assert_int_equal(occ__alg_of_name(occ__alg_name((occ_alg)alg)), alg);
  }
  assert_string_equal(occ__alg_name(OCC__ALG_NONE), "");
  assert_string_equal(occ__alg_name(OCC__ALGS), "");
}

/* The lists of design: what each use takes without configuration. */
static void test_algs__by_default(void **state)
{
  static const struct {
    const char *why;
    unsigned algs;
    const char *want;
  } row[] = {
    { "proofs", OCC__ALGS_DEFAULT, " ES256 Ed25519 EdDSA" },
    { "assertions and credentials", OCC__ALGS_ASSERTION, " ES256 Ed25519 EdDSA PS256 RS256" },
  };
  char got[100];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    got[0] = '\0';
    for (unsigned alg = 0; alg < 32; alg++) {
      if ((row[i].algs & OCC__ALG_BIT(alg)) != 0) {
        strcat(got, " ");
        strcat(got, occ__alg_name((occ_alg)alg));
      }
    }
    assert_string_equal(got, row[i].want);
  }
}

static void test_jwk_write_public__leaves_the_private_part_out(void **state)
{
  static const struct {
    const char *why, *jwk, *want;
  } row[] = {
    { "P-256", TEST_CLIENT_A_PRIVATE,
      "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" A_X "\",\"y\":\"" A_Y "\"}" },
    { "Ed25519", TEST_ISSUER_ED_PRIVATE,
      "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":"
      "\"7wlTv057aQmWJB1hbODEmfxKrccDdhM8nGsYrYM4ib8\"}" },
  };
  occ_jwk jwk;
  occ_buf buf;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ__buf_init(&buf, &occ__mem_libc, 1000);
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 1), OCC_OK);
    occ__jwk_write_public(&buf, &jwk);
    assert_int_equal(buf.rc, OCC_OK);
    assert_string_equal(occ__buf_string(&buf), row[i].want);
    occ__buf_clear(&buf);
  }
  occ__buf_init(&buf, &occ__mem_libc, strlen(row[1].want) - 1);
  occ__jwk_write_public(&buf, &jwk);
  assert_int_equal(buf.rc, OCC_ERR_LIMIT);
  occ__buf_clear(&buf);
}

static void test_jwk_write_public__of_keys_that_only_verify(void **state)
{
  static const struct {
    const char *why, *jwk, *want;
  } row[] = {
    { "RSA", "{" TEST_RSA_MEMBERS ",\"alg\":\"RS256\"}",
      "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\"}" },
    { "e of one octet", RSA(TEST_RSA_N, "Aw"),
      "{\"e\":\"Aw\",\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\"}" },
    { "e of four octets", RSA(TEST_RSA_N, "_____w"),
      "{\"e\":\"_____w\",\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\"}" },
    { "P-384", TEST_P384_PUBLIC,
      "{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"" TEST_P384_X "\",\"y\":\"" TEST_P384_Y "\"}" },
    { "P-521", TEST_P521_PUBLIC,
      "{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"" TEST_P521_X "\",\"y\":\"" TEST_P521_Y "\"}" },
  };
  occ_jwk jwk;
  occ_buf buf;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ__buf_init(&buf, &occ__mem_libc, 1000);
    check_rc(row[i].why, read_text(&jwk, row[i].jwk, 0), OCC_OK);
    occ__jwk_write_public(&buf, &jwk);
    assert_string_equal(occ__buf_string(&buf), row[i].want);
    occ__buf_clear(&buf);
  }
}

static void test_jwk_read_text__survives_every_failed_allocation_of_jansson(void **state)
{
  occ_jwk jwk;
  int rc = OCC_ERR_MEMORY;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 1000; n++) {
      json_fail_at(n, keep);
      rc = read_text(&jwk, TEST_CLIENT_A_PRIVATE, 1);
      json_fail_never();
      assert_int_equal(json_live, 0);
      if (!json_failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
    }
    assert_int_equal(rc, OCC_OK);
    assert_int_equal(jwk.is_private, 1);
  }
}

static void test_jwk_read_text__wipes_the_private_member(void **state)
{
  occ_jwk jwk;
  (void)state;

  json_secret = "3ecNzrm6C2Ohl67KEQSwCsly4_rxXZPdsHXZi9phE1c";
  json_fail_at(SIZE_MAX, 0);
  assert_int_equal(read_text(&jwk, TEST_CLIENT_A_PRIVATE, 1), OCC_OK);
  assert_int_equal(json_unwiped, 0);
  assert_int_equal(read_text(&jwk, TEST_CLIENT_A_PRIVATE, 0), KEY); /* refused, and wiped too */
  assert_int_equal(json_unwiped, 0);
  json_decref(json_of(TEST_CLIENT_A_PRIVATE)); /* the count works */
  assert_int_equal(json_unwiped, 1);
  assert_int_equal(json_live, 0);
  json_fail_never();
  json_secret = NULL;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jwk_read__gives_published_thumbprints),
    cmocka_unit_test(test_jwk_read__refuses_public_keys),
    cmocka_unit_test(test_jwk_read__takes_what_is_allowed),
    cmocka_unit_test(test_jwk_read__limits_the_kid),
    cmocka_unit_test(test_jwk_read__limits_rsa_keys),
    cmocka_unit_test(test_jwk_read__private_keys),
    cmocka_unit_test(test_jwk_fits__needs_the_kind_and_the_keys_own_alg),
    cmocka_unit_test(test_alg_of_name__is_exact),
    cmocka_unit_test(test_algs__by_default),
    cmocka_unit_test(test_jwk_write_public__of_keys_that_only_verify),
    cmocka_unit_test(test_jwk_write_public__leaves_the_private_part_out),
    cmocka_unit_test(test_jwk_read_text__wipes_the_private_member),
    cmocka_unit_test(test_jwk_read_text__survives_every_failed_allocation_of_jansson),
  };

  return cmocka_run_group_tests_name("jose/jwk", tests, setup, teardown);
}
