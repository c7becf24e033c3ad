/* SPDX-License-Identifier: MIT */

/* Compact JWS that are JWTs: what is no JWT, what is not acceptable, which signatures fit. Tokens are signed by OpenSSL
 * through tests/support/test_keys.c, or come from RFCs. */

#include "jose/jws.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#include "base/b64.h"
#include "jose_test.h"

#define MALFORMED OCC__REASON_JOSE_MALFORMED
#define ES256     "{\"alg\":\"ES256\",\"typ\":\"a+jwt\"}"
#define ED25519   "{\"alg\":\"Ed25519\",\"typ\":\"a+jwt\"}"
#define CLAIMS    "{\"iss\":\"i\",\"sub\":\"s\"}"

/* base64url of {"alg":"ES256"} and of {} */
#define HEADER64 "eyJhbGciOiJFUzI1NiJ9"
#define EMPTY64  "e30"
#define SIG64    "AAAA"

#define ALL_ALGS  ((1u << OCC__ALGS) - 2u)
#define ALG(name) "{\"alg\":\"" name "\"}"

static occ_workspace *ws;
static occ_jwk client_a, issuer_ed;

static int setup(void **state)
{
  (void)state;
  return occ__workspace_new(&ws, &occ__mem_libc) != OCC_OK ||
         occ__jwk_read_text(&client_a, ws, occ__span_text(TEST_CLIENT_A_PRIVATE), 1) != OCC_OK ||
         occ__jwk_read_text(&issuer_ed, ws, occ__span_text(TEST_ISSUER_ED_PRIVATE), 1) != OCC_OK;
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

/* Parses an exact copy of the token, so that a read past its end is seen, and checks what must hold after a failure. */
static int parse(occ_jws *jws, const char *token, size_t len)
{
  static const occ_jws zero;
  uint8_t *copy = malloc(len == 0 ? 1 : len);
  int rc;

  memcpy(copy, token, len);
  memset(jws, 0xaa, sizeof(*jws));
  rc = occ__jws_parse(jws, &occ__mem_libc, occ__span(copy, len), &occ__json_peer);
  if (rc != OCC_OK) {
    assert_memory_equal(jws, &zero, sizeof(zero));
  }
  free(copy);
  jws->input = occ__span(token, jws->input.len); /* the same octets, which stay */
  return rc;
}

static void check_text(const char *why, const char *token, int want)
{
  occ_jws jws;

  check_rc(why, parse(&jws, token, strlen(token)), want);
  occ__jws_clear(&jws);
}

static void test_jws_parse__refuses_what_is_no_compact_jws(void **state)
{
  static const struct {
    const char *why, *token;
    int want;
  } row[] = {
    { "well-formed", HEADER64 "." EMPTY64 "." SIG64, OCC_OK },
    { "no text", "", MALFORMED },
    { "N-JOSE-01 no dot", HEADER64 EMPTY64 SIG64, MALFORMED },
    { "N-JOSE-01 one dot", HEADER64 "." EMPTY64, MALFORMED },
    { "N-JOSE-01 three dots", HEADER64 "." EMPTY64 "." SIG64 "." SIG64, MALFORMED },
    { "N-JOSE-01 four dots: JWE", HEADER64 "." EMPTY64 "." SIG64 "." SIG64 "." SIG64, MALFORMED },
    { "N-JOSE-01 only dots", "..", MALFORMED },
    { "N-JOSE-01 empty header", "." EMPTY64 "." SIG64, MALFORMED },
    { "N-JOSE-01 empty payload", HEADER64 ".." SIG64, MALFORMED },
    { "N-JOSE-01 empty signature", HEADER64 "." EMPTY64 ".", MALFORMED },
    { "N-JOSE-01 leading dot", "." HEADER64 "." EMPTY64 "." SIG64, MALFORMED },
    { "N-JOSE-01 trailing dot", HEADER64 "." EMPTY64 "." SIG64 ".", MALFORMED },
    { "N-JOSE-01 leading space", " " HEADER64 "." EMPTY64 "." SIG64, MALFORMED },
    { "N-JOSE-01 trailing space", HEADER64 "." EMPTY64 "." SIG64 " ", MALFORMED },
    { "N-JOSE-01 CR inside", HEADER64 "." EMPTY64 "\r." SIG64, MALFORMED },
    { "N-JOSE-01 LF inside", HEADER64 ".\n" EMPTY64 "." SIG64, MALFORMED },
    { "N-JOSE-01 CRLF at the end", HEADER64 "." EMPTY64 "." SIG64 "\r\n", MALFORMED },
    { "N-JOSE-01 tab inside the signature", HEADER64 "." EMPTY64 ".AA\tAA", MALFORMED },
    { "JSON serialization", "{\"payload\":\"e30\",\"protected\":\"\",\"signature\":\"\"}",
      MALFORMED },
    { "N-JOSE-02 = padding in the payload", HEADER64 "." EMPTY64 "=." SIG64, MALFORMED },
    { "N-JOSE-02 = padding in the signature", HEADER64 "." EMPTY64 ".AA==", MALFORMED },
    { "N-JOSE-02 +", HEADER64 "." EMPTY64 ".AA+A", MALFORMED },
    { "N-JOSE-02 /", HEADER64 "." EMPTY64 ".AA/A", MALFORMED },
    { "N-JOSE-02 ?", HEADER64 "." EMPTY64 ".AA?A", MALFORMED },
    { "N-JOSE-02 length 4k+1 in the signature", HEADER64 "." EMPTY64 ".AAAAA", MALFORMED },
    { "N-JOSE-02 length 4k+1 in the header", HEADER64 "A." EMPTY64 "." SIG64, MALFORMED },
    { "N-JOSE-02 length 4k+1 in the payload", HEADER64 ".e30AA." SIG64, MALFORMED },
    { "N-JOSE-02 trailing bits set in the payload", HEADER64 ".e31." SIG64, MALFORMED },
    { "N-JOSE-02 trailing bits set in the signature, 2", HEADER64 "." EMPTY64 ".AB", MALFORMED },
    { "N-JOSE-02 trailing bits set in the signature, 3", HEADER64 "." EMPTY64 ".AAB", MALFORMED },
    { "N-JOSE-02 %2E for a dot", HEADER64 "%2E" EMPTY64 "." SIG64, MALFORMED },
    { "N-JOSE-02 %2E inside", HEADER64 "." EMPTY64 ".AA%2E", MALFORMED },
    { "N-JOSE-02 octets beyond ASCII", HEADER64 "." EMPTY64 ".AA\xc3\xa4", MALFORMED },
    { "a tilde form", HEADER64 "." EMPTY64 "." SIG64 "~", MALFORMED },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_text(row[i].why, row[i].token, row[i].want);
  }
}

static void test_jws_parse__refuses_an_embedded_nul(void **state)
{
  static const char token[] = HEADER64 "." EMPTY64 ".AA\0A";
  occ_jws jws;
  (void)state;

  check_rc("N-JOSE-02 embedded NUL", parse(&jws, token, sizeof(token) - 1), MALFORMED);
  check_rc("N-JOSE-02 NUL at the end", parse(&jws, token, sizeof(token) - 2), MALFORMED);
}

#define OCTETS(text) text, sizeof(text) - 1

static void test_jws_parse__refuses_what_is_no_json_object(void **state)
{
  static const struct {
    const char *why, *json;
    size_t len;
  } row[] = {
    { "N-JOSE-03 null", OCTETS("null") },
    { "N-JOSE-03 []", OCTETS("[]") },
    { "N-JOSE-03 [{}]", OCTETS("[{}]") },
    { "N-JOSE-03 a string", OCTETS("\"x\"") },
    { "N-JOSE-03 a number", OCTETS("1") },
    { "a word", OCTETS("true") },
    { "N-JOSE-03 trailing comma", OCTETS("{\"alg\":\"ES256\",}") },
    { "N-JOSE-03 comment", OCTETS("{\"alg\":\"ES256\"/* */}") },
    { "N-JOSE-03 line comment", OCTETS("{\"alg\":\"ES256\"}//") },
    { "N-JOSE-03 BOM", OCTETS("\xef\xbb\xbf{\"alg\":\"ES256\"}") },
    { "N-JOSE-03 UTF-16, big endian", OCTETS("\xfe\xff\0{\0}") },
    { "N-JOSE-03 UTF-16, little endian", OCTETS("{\0}\0") },
    { "N-JOSE-03 invalid UTF-8", OCTETS("{\"a\":\"\xff\"}") },
    { "N-JOSE-03 invalid UTF-8, cut", OCTETS("{\"a\":\"\xe2\x82\"}") },
    { "N-JOSE-03 invalid UTF-8 in a name", OCTETS("{\"\x80\":1}") },
    { "N-JOSE-03 overlong UTF-8", OCTETS("{\"a\":\"\xc0\xaf\"}") },
    { "N-JOSE-03 overlong UTF-8, three octets", OCTETS("{\"a\":\"\xe0\x80\xaf\"}") },
    { "N-JOSE-03 a surrogate in UTF-8", OCTETS("{\"a\":\"\xed\xa0\x80\"}") },
    { "N-JOSE-03 beyond U+10FFFF", OCTETS("{\"a\":\"\xf4\x90\x80\x80\"}") },
    { "N-JOSE-03 lone high surrogate escape", OCTETS("{\"a\":\"\\ud800\"}") },
    { "N-JOSE-03 lone low surrogate escape", OCTETS("{\"a\":\"\\udc00\"}") },
    { "N-JOSE-03 surrogates exchanged", OCTETS("{\"a\":\"\\udc00\\ud800\"}") },
    { "N-JOSE-03 deep nesting", OCTETS("{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}") },
    { "JOSE-6 NUL escape", OCTETS("{\"a\":\"\\u0000\"}") },
    { "JOSE-6 NUL escape in a name", OCTETS("{\"a\\u0000\":1}") },
    { "JOSE-6 raw NUL", OCTETS("{\"a\":\"\0\"}") },
    { "JOSE-6 raw control character", OCTETS("{\"a\":\"\n\"}") },
    { "JOSE-6 trailing text", OCTETS("{}{}") },
    { "JOSE-6 trailing NUL", OCTETS("{}\0") },
    { "JOSE-6 integer beyond int64", OCTETS("{\"a\":9223372036854775808}") },
    { "N-JOSE-12 1e309", OCTETS("{\"exp\":1e309}") },
    { "single quotes", OCTETS("{'a':1}") },
    { "unquoted name", OCTETS("{a:1}") },
    { "cut", OCTETS("{\"a\":1") },
    { "nothing but space", OCTETS(" ") },

    { "N-JOSE-04 duplicate alg", OCTETS("{\"alg\":\"ES256\",\"alg\":\"ES256\"}") },
    { "N-JOSE-04 duplicate alg via escape", OCTETS("{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}") },
    { "N-JOSE-04 duplicate sub", OCTETS("{\"sub\":\"a\",\"x\":1,\"sub\":\"b\"}") },
    { "N-JOSE-04 duplicate cnf", OCTETS("{\"cnf\":{},\"cnf\":{}}") },
    { "N-JOSE-04 duplicate jwk", OCTETS("{\"jwk\":{},\"jwk\":{}}") },
    { "N-JOSE-04 duplicate x in jwk", OCTETS("{\"jwk\":{\"x\":\"a\",\"x\":\"a\"}}") },
    { "N-JOSE-04 duplicate x in cnf.jwk via escape",
      OCTETS("{\"cnf\":{\"jwk\":{\"x\":\"a\",\"\\u0078\":\"a\"}}}") },
    { "N-JOSE-04 duplicate in an array's object", OCTETS("{\"a\":[{\"b\":1,\"b\":1}]}") },
  };
  char *token;
  occ_jws jws;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    token = test_token(row[i].json, row[i].len, OCTETS(CLAIMS), OCTETS("sig"));
    check_rc(row[i].why, parse(&jws, token, strlen(token)), MALFORMED);
    free(token);
    token = test_token(OCTETS(ES256), row[i].json, row[i].len, OCTETS("sig"));
    check_rc(row[i].why, parse(&jws, token, strlen(token)), MALFORMED);
    free(token);
  }
}

/* {"a":[[..]]} with `depth` levels, or {"a":[0,0,..]} with `values` values, the object counted. */
static char *json_of_depth(size_t depth)
{
  char *text = calloc(1, 2 * depth + 10);

  strcpy(text, "{\"a\":");
  memset(text + 5, '[', depth - 1);
  memset(text + 4 + depth, ']', depth - 1);
  strcat(text, "}");
  return text;
}

static char *json_of_values(size_t values)
{
  char *text = calloc(1, 2 * values + 10);

  strcpy(text, "{\"a\":[0");
  for (size_t i = 3; i < values; i++) {
    strcat(text, ",0");
  }
  strcat(text, "]}");
  return text;
}

static void test_jws_parse__limits_of_json(void **state)
{
  (void)state;

  for (int more = -1; more <= 1; more++) {
    char *json[2] = { json_of_depth((size_t)((int)OCC__MAX_JSON_DEPTH + more)),
                      json_of_values((size_t)((int)OCC__MAX_JSON_VALUES + more)) };

    for (int i = 0; i < 2; i++) {
      char *in_claims = test_token(OCTETS(ES256), json[i], strlen(json[i]), OCTETS("sig"));
      char *in_header = test_token(json[i], strlen(json[i]), OCTETS(CLAIMS), OCTETS("sig"));

      check_text(i == 0 ? "depth of the claims" : "values of the claims", in_claims,
                 more <= 0 ? OCC_OK : MALFORMED);
      check_text(i == 0 ? "depth of the header" : "values of the header", in_header,
                 more <= 0 ? OCC_OK : MALFORMED);
      free(in_claims);
      free(in_header);
      free(json[i]);
    }
  }
}

/* A token of exactly len characters: the signature's part is of any length. */
static char *token_of_length(size_t len)
{
  static const char start[] = HEADER64 "." EMPTY64 ".";
  char *token = malloc(len + 1);

  memset(token, 'A', len);
  memcpy(token, start, sizeof(start) - 1);
  token[len] = '\0';
  return token;
}

static void test_jws_parse__limit_of_length(void **state)
{
  const size_t rest = sizeof(HEADER64 "." EMPTY64 ".") - 1;
  (void)state;

  for (size_t len = OCC__MAX_JWT - 1; len <= OCC__MAX_JWT + 1; len++) {
    char *token = token_of_length(len);

    if ((len - rest) % 4 == 1) {
      free(token);
      fail_msg("a length of 4k+1 at %zu would be refused for that", len);
    }
    check_text("N-JOSE-02 size limit", token, len <= OCC__MAX_JWT ? OCC_OK : MALFORMED);
    free(token);
  }
}

/* N-JOSE-03 1e6 members: far over every limit, and cheap. */
static void test_jws_parse__a_million_members(void **state)
{
  const size_t members = 1000u * 1000u, size = members * 11;
  char *json = calloc(1, size + 2), *token;
  (void)state;

  for (size_t i = 0; i < members; i++) {
    (void)snprintf(json + i * 11, 12, "%c\"%06zu\":1", i == 0 ? '{' : ',', i);
  }
  json[size] = '}';
  token = test_token(OCTETS(ES256), json, size + 1, OCTETS("sig"));
  check_text("N-JOSE-03 1e6 members", token, MALFORMED);
  free(token);
  free(json);
}

static void test_jws_parse__borrows_and_owns(void **state)
{
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  const char *last = strrchr(token, '.');
  occ_jws jws;
  uint8_t sig[64];
  (void)state;

  assert_int_equal(occ__jws_parse(&jws, &occ__mem_libc, occ__span_text(token), &occ__json_peer),
                   OCC_OK);
  assert_ptr_equal(jws.input.base, token);
  assert_int_equal(jws.input.len, (size_t)(last - token));
  assert_int_equal(jws.sig_len, 64);
  assert_int_equal(occ__b64_decode_exact(sig, 64, occ__span_text(last + 1)), OCC_OK);
  assert_memory_equal(jws.sig, sig, 64);
  assert_string_equal(json_string_value(json_object_get(jws.header, "typ")), "a+jwt");
  assert_string_equal(json_string_value(json_object_get(jws.claims, "sub")), "s");
  assert_int_equal(jws.alg, OCC__ALG_NONE); /* not before the check */
  occ__jws_clear(&jws);
  assert_null(jws.header);
  assert_null(jws.claims);
  occ__jws_clear(&jws);
  free(token);
}

/* What a header leads to; the signature is 64 zero octets. */
static int check_header(const char *header, unsigned algs, const char *typ, size_t sig_len)
{
  static const uint8_t sig[600];
  char *token = test_token(header, strlen(header), OCTETS(CLAIMS), sig, sig_len);
  occ_jws jws;
  int rc;

  assert_int_equal(parse(&jws, token, strlen(token)), OCC_OK);
  rc = occ__jws_check(&jws, algs, typ);
  if (rc == OCC__REASON_JOSE_ALG) {
    assert_int_equal(jws.alg, OCC__ALG_NONE);
  }
  occ__jws_clear(&jws);
  free(token);
  return rc;
}

static void test_jws_check__judges_headers(void **state)
{
  static const struct {
    const char *why, *header;
    int want;
  } row[] = {
    { "ES256", "{\"alg\":\"ES256\"}", OCC_OK },
    { "EdDSA", "{\"alg\":\"EdDSA\"}", OCC_OK },
    { "Ed25519", "{\"alg\":\"Ed25519\"}", OCC_OK },
    { "JOSE-23 unknown parameters", "{\"alg\":\"ES256\",\"x\":[1],\"exp\":1}", OCC_OK },
    { "JOSE-24 jku and x5u are not looked at",
      "{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1\",\"x5u\":\"file:///\"}", OCC_OK },
    { "JOSE-25 jwk and x5c are no key source here",
      "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"oct\"},\"x5c\":[]}", OCC_OK },
    { "kid", "{\"alg\":\"ES256\",\"kid\":\"../../etc\"}", OCC_OK },

    { "alg missing", "{}", OCC__REASON_JOSE_ALG },
    { "alg no string", "{\"alg\":1}", OCC__REASON_JOSE_ALG },
    { "alg null", "{\"alg\":null}", OCC__REASON_JOSE_ALG },
    { "alg an array", "{\"alg\":[\"ES256\"]}", OCC__REASON_JOSE_ALG },
    { "alg empty", "{\"alg\":\"\"}", OCC__REASON_JOSE_ALG },
    { "JOSE-44 none", "{\"alg\":\"none\"}", OCC__REASON_JOSE_ALG },
    { "JOSE-44 nOnE", "{\"alg\":\"nOnE\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 es256", "{\"alg\":\"es256\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 Es256", "{\"alg\":\"Es256\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 ES256 and a space", "{\"alg\":\"ES256 \"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 eddsa", "{\"alg\":\"eddsa\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 ED25519", "{\"alg\":\"ED25519\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 unregistered ESP256", "{\"alg\":\"ESP256\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 ES512", "{\"alg\":\"ES512\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 ES384", "{\"alg\":\"ES384\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 Ed448", "{\"alg\":\"Ed448\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 PS256", "{\"alg\":\"PS256\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 RS256", "{\"alg\":\"RS256\"}", OCC__REASON_JOSE_ALG },
    { "N-JOSE-10 HS256", "{\"alg\":\"HS256\"}", OCC__REASON_JOSE_ALG },
    { "ES256K", "{\"alg\":\"ES256K\"}", OCC__REASON_JOSE_ALG },
    { "a JWE header", "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", OCC__REASON_JOSE_ALG },

    { "N-JOSE-05 crit []", "{\"alg\":\"ES256\",\"crit\":[]}", OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit a string", "{\"alg\":\"ES256\",\"crit\":\"exp\",\"exp\":1}",
      OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit: unknown name", "{\"alg\":\"ES256\",\"crit\":[\"x\"],\"x\":1}",
      OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit: name absent from the header", "{\"alg\":\"ES256\",\"crit\":[\"x\"]}",
      OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit: registered name", "{\"alg\":\"ES256\",\"crit\":[\"alg\"]}",
      OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit: duplicate name", "{\"alg\":\"ES256\",\"crit\":[\"x\",\"x\"],\"x\":1}",
      OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit with b64", "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}",
      OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit null", "{\"alg\":\"ES256\",\"crit\":null}", OCC__REASON_JOSE_CRIT },
    { "N-JOSE-05 crit via escape", "{\"alg\":\"ES256\",\"\\u0063rit\":[\"x\"],\"x\":1}",
      OCC__REASON_JOSE_CRIT },
    { "JOSE-22 b64 false alone", "{\"alg\":\"ES256\",\"b64\":false}", OCC__REASON_JOSE_CRIT },
    { "JOSE-22 b64 true", "{\"alg\":\"ES256\",\"b64\":true}", OCC__REASON_JOSE_CRIT },
    { "RFC 7515 appendix E",
      "{\"alg\":\"none\",\"crit\":[\"http://example.invalid/UNDEFINED\"],"
      "\"http://example.invalid/UNDEFINED\":true}",
      OCC__REASON_JOSE_ALG },

    { "kid no string", "{\"alg\":\"ES256\",\"kid\":1}", OCC__REASON_JOSE_KEY },
    { "kid null", "{\"alg\":\"ES256\",\"kid\":null}", OCC__REASON_JOSE_KEY },
    { "kid an object", "{\"alg\":\"ES256\",\"kid\":{}}", OCC__REASON_JOSE_KEY },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, check_header(row[i].header, OCC__ALGS_DEFAULT, NULL, 64), row[i].want);
  }
}

static void test_jws_check__allows_only_listed_algorithms(void **state)
{
  static const struct {
    const char *why, *header;
    unsigned algs;
    int want;
  } row[] = {
    { "ES256 of ES256", "{\"alg\":\"ES256\"}", OCC__ALG_BIT(OCC__ALG_ES256), OCC_OK },
    { "EdDSA of ES256", "{\"alg\":\"EdDSA\"}", OCC__ALG_BIT(OCC__ALG_ES256), OCC__REASON_JOSE_ALG },
    { "EdDSA of Ed25519: listed by name", "{\"alg\":\"EdDSA\"}", OCC__ALG_BIT(OCC__ALG_ED25519),
      OCC__REASON_JOSE_ALG },
    { "Ed25519 of EdDSA", "{\"alg\":\"Ed25519\"}", OCC__ALG_BIT(OCC__ALG_EDDSA),
      OCC__REASON_JOSE_ALG },
    { "PS256 of the list of assertions", ALG("PS256"), OCC__ALGS_ASSERTION,
      OCC__REASON_JOSE_SIGNATURE },
    { "RS256 of the list of assertions", ALG("RS256"), OCC__ALGS_ASSERTION,
      OCC__REASON_JOSE_SIGNATURE },
    { "PS384 of the list of assertions", ALG("PS384"), OCC__ALGS_ASSERTION, OCC__REASON_JOSE_ALG },
    { "PS512 of the list of assertions", ALG("PS512"), OCC__ALGS_ASSERTION, OCC__REASON_JOSE_ALG },
    { "RS384 of the list of assertions", ALG("RS384"), OCC__ALGS_ASSERTION, OCC__REASON_JOSE_ALG },
    { "RS512 of the list of assertions", ALG("RS512"), OCC__ALGS_ASSERTION, OCC__REASON_JOSE_ALG },
    { "ES384 of the list of assertions", ALG("ES384"), OCC__ALGS_ASSERTION, OCC__REASON_JOSE_ALG },
    { "ES512 of the list of assertions", ALG("ES512"), OCC__ALGS_ASSERTION, OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 rs256", ALG("rs256"), ALL_ALGS, OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 Ps256", ALG("Ps256"), ALL_ALGS, OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 es384", ALG("es384"), ALL_ALGS, OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 ES521", ALG("ES521"), ALL_ALGS, OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 ESP384", ALG("ESP384"), ALL_ALGS, OCC__REASON_JOSE_ALG },
    { "N-JOSE-06 RS1", ALG("RS1"), ALL_ALGS, OCC__REASON_JOSE_ALG },
    { "N-JOSE-10 HS256 where all are listed", ALG("HS256"), ~0u, OCC__REASON_JOSE_ALG },
    { "nothing listed", "{\"alg\":\"ES256\"}", 0, OCC__REASON_JOSE_ALG },
    { "the bit of none lets nothing in", "{\"alg\":\"none\"}", ~0u, OCC__REASON_JOSE_ALG },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, check_header(row[i].header, row[i].algs, NULL, 64), row[i].want);
  }
}

static void test_jws_check__compares_typ_as_media_type(void **state)
{
  static const struct {
    const char *why, *typ;
    int want;
  } row[] = {
    { "short", "\"dpop+jwt\"", OCC_OK },
    { "long", "\"application/dpop+jwt\"", OCC_OK },
    { "other case", "\"DPoP+JWT\"", OCC_OK },
    { "long, other case", "\"Application/DPOP+jwt\"", OCC_OK },
    { "missing", NULL, OCC__REASON_JOSE_TYP },
    { "no string", "1", OCC__REASON_JOSE_TYP },
    { "null", "null", OCC__REASON_JOSE_TYP },
    { "array", "[\"dpop+jwt\"]", OCC__REASON_JOSE_TYP },
    { "empty", "\"\"", OCC__REASON_JOSE_TYP },
    { "JWT", "\"JWT\"", OCC__REASON_JOSE_TYP },
    { "a beginning", "\"dpop\"", OCC__REASON_JOSE_TYP },
    { "more at the end", "\"dpop+jwts\"", OCC__REASON_JOSE_TYP },
    { "a parameter", "\"dpop+jwt;v=1\"", OCC__REASON_JOSE_TYP },
    { "a space", "\"dpop+jwt \"", OCC__REASON_JOSE_TYP },
    { "another tree", "\"text/dpop+jwt\"", OCC__REASON_JOSE_TYP },
    { "application/ twice", "\"application/application/dpop+jwt\"", OCC__REASON_JOSE_TYP },
    { "application/ alone", "\"application/\"", OCC__REASON_JOSE_TYP },
    { "no slash", "\"applicationdpop+jwt\"", OCC__REASON_JOSE_TYP },
    { "a slash in front", "\"/dpop+jwt\"", OCC__REASON_JOSE_TYP },
  };
  char header[200];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\"%s%s}", row[i].typ ? ",\"typ\":" : "",
                   row[i].typ ? row[i].typ : "");
    check_rc(row[i].why, check_header(header, OCC__ALGS_DEFAULT, "dpop+jwt", 64), row[i].want);
    check_rc(row[i].why, check_header(header, OCC__ALGS_DEFAULT, NULL, 64), OCC_OK);
  }
}

static void test_jws_check__limits_of_kid_and_signature(void **state)
{
  static const struct {
    const char *why;
    size_t len;
  } row[] = {
    { "N-JOSE-07 1 octet", 1 },         { "N-JOSE-07 63 octets", 63 },
    { "N-JOSE-07 65 octets", 65 },      { "N-JOSE-07 trailing zeros", 72 },
    { "a signature of 32 octets", 32 },
  };
  char header[400], kid[OCC__MAX_ID + 2];
  (void)state;

  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    memset(kid, 'k', len);
    kid[len] = '\0';
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
    check_rc("kid length", check_header(header, OCC__ALGS_DEFAULT, NULL, 64),
             len <= OCC__MAX_ID ? OCC_OK : OCC__REASON_JOSE_KEY);
  }
  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, check_header(ES256, OCC__ALGS_DEFAULT, NULL, row[i].len),
             OCC__REASON_JOSE_SIGNATURE);
    check_rc(row[i].why, check_header(ED25519, OCC__ALGS_DEFAULT, NULL, row[i].len),
             OCC__REASON_JOSE_SIGNATURE);
  }
}

static void test_jws_check__length_of_the_signature(void **state)
{
  static const struct {
    const char *why, *header;
    size_t len;
    int want;
  } row[] = {
    { "ES384", ALG("ES384"), 96, OCC_OK },
    { "N-JOSE-07 ES384, 95 octets", ALG("ES384"), 95, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-07 ES384, 97 octets", ALG("ES384"), 97, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-07 ES384, 64 octets", ALG("ES384"), 64, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-07 ES384, DER", ALG("ES384"), 104, OCC__REASON_JOSE_SIGNATURE },
    { "ES512", ALG("ES512"), 132, OCC_OK },
    { "N-JOSE-07 ES512, 131 octets", ALG("ES512"), 131, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-07 ES512, 133 octets", ALG("ES512"), 133, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-07 ES512, 128 octets", ALG("ES512"), 128, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-07 ES512, DER", ALG("ES512"), 139, OCC__REASON_JOSE_SIGNATURE },
    { "ES256, the length of ES384", ALG("ES256"), 96, OCC__REASON_JOSE_SIGNATURE },
    { "ES256, the length of RSA", ALG("ES256"), 256, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-08 RS256, 255 octets", ALG("RS256"), 255, OCC__REASON_JOSE_SIGNATURE },
    { "RS256, 256 octets", ALG("RS256"), 256, OCC_OK },
    { "RS256, 257 octets", ALG("RS256"), 257, OCC_OK },
    { "RS256, 511 octets", ALG("RS256"), 511, OCC_OK },
    { "RS256, 512 octets", ALG("RS256"), 512, OCC_OK },
    { "N-JOSE-08 RS256, 513 octets", ALG("RS256"), 513, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-08 PS512, 128 octets", ALG("PS512"), 128, OCC__REASON_JOSE_SIGNATURE },
    { "PS512, 384 octets", ALG("PS512"), 384, OCC_OK },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, check_header(row[i].header, ALL_ALGS, NULL, row[i].len), row[i].want);
  }
}

/* parse, check, verify: the first that fails. */
static int judge(const char *token, const occ_jwk *key)
{
  occ_jws jws;
  int rc = parse(&jws, token, strlen(token));

  if (rc == OCC_OK) {
    rc = occ__jws_check(&jws, ALL_ALGS, NULL);
  }
  if (rc == OCC_OK) {
    rc = occ__jws_verify(&jws, ws, key);
  }
  occ__jws_clear(&jws);
  return rc;
}

static void test_jws_verify__takes_published_tokens(void **state)
{
  static const struct {
    const char *why, *key, *token, *thumbprint;
  } row[] = {
    { "RFC 7515 A.3",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
      "eyJhbGciOiJFUzI1NiJ9"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "l"
      "fQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
      "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" },
    { "RFC 9449 4.1",
      "{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
      "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"crv\":\"P-256\"}",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
      "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
      "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh"
      "0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8"
      "v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
      "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" },
    { "RFC 9449 5, of a refresh",
      "{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
      "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"crv\":\"P-256\"}",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgt"
      "MzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VO"
      "SmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFR"
      "jIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
      "xNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8yn"
      "rrvZLTk41mSRroapUA",
      "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" },
    { "RFC 9449 7.1, with an ath",
      "{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs\","
      "\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\",\"crv\":\"P-256\"}",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgt"
      "MzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VO"
      "SmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUV"
      "CIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXN"
      "vdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUl"
      "pS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy"
      "1dqd-jfxSYoMxhAJpLjA",
      "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_jwk key;

    check_rc(row[i].why, occ__jwk_read_text(&key, ws, occ__span_text(row[i].key), 0), OCC_OK);
    check_rc(row[i].why, judge(row[i].token, &key), OCC_OK);
    check_rc(row[i].why, judge(row[i].token, &client_a), OCC__REASON_JOSE_SIGNATURE);
    assert_string_equal(key.thumbprint, row[i].thumbprint);
  }
}

/* Published, and nothing for us. */
static void test_jws_check__refuses_published_tokens(void **state)
{
  static const struct {
    const char *why, *token;
    int parsed, checked;
  } row[] = {
    { "RFC 7515 A.1, RFC 7519 3.1: HS256",
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ"
      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
      OCC_OK, OCC__REASON_JOSE_ALG },
    { "RFC 7515 A.5, RFC 7519 6.1: no signature",
      "eyJhbGciOiJub25lIn0"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ"
      ".",
      MALFORMED, OCC_OK },
    { "the same with one of an octet",
      "eyJhbGciOiJub25lIn0"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ"
      ".AA",
      OCC_OK, OCC__REASON_JOSE_ALG },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_jws jws;

    check_rc(row[i].why,
             occ__jws_parse(&jws, &occ__mem_libc, occ__span_text(row[i].token), &occ__json_peer),
             row[i].parsed);
    if (row[i].parsed == OCC_OK) {
      check_rc(row[i].why, occ__jws_check(&jws, ~0u, NULL), row[i].checked);
      occ__jws_clear(&jws);
    }
  }
}

/* RFC 8037 A.4, A.5. Its payload is plain text, so it is no JWT; the layer below takes it. */
static void test_jws_verify__takes_rfc_8037_a4(void **state)
{
  static const char key_text[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                 "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
  static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  static const char sig[] =
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g"
      "7sVvpAr_MuM0KAg";
  occ_jws jws = { .alg = OCC__ALG_EDDSA,
                  .input = occ__span(input, sizeof(input) - 1),
                  .sig_len = 64 };
  char token[200];
  occ_jwk key;
  (void)state;

  assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(key_text), 0), OCC_OK);
  assert_int_equal(occ__b64_decode_exact(jws.sig, 64, occ__span_text(sig)), OCC_OK);
  assert_int_equal(occ__jws_verify(&jws, ws, &key), OCC_OK);
  jws.alg = OCC__ALG_ED25519; /* the same signature under its other name */
  assert_int_equal(occ__jws_verify(&jws, ws, &key), OCC_OK);
  jws.sig_len = 63;
  assert_int_equal(occ__jws_verify(&jws, ws, &key), OCC__REASON_JOSE_SIGNATURE);
  (void)snprintf(token, sizeof(token), "%s.%s", input, sig);
  check_text("as a JWT", token, MALFORMED);
}

#define RSA_7520                                                                                   \
  "{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":\""           \
  "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_"       \
  "AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpP"       \
  "e7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg"       \
  "_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\","              \
  "\"e\":\"AQAB\"}"
#define PAYLOAD_7520                                                                               \
  ".SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAg"      \
  "b250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dp"       \
  "bmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

/* Their payloads are plain text, so they are no JWTs; the layer below takes them. */
static void test_jws_verify__takes_published_signatures(void **state)
{
  static const struct {
    const char *why, *key, *input, *sig;
    occ_alg alg;
  } row[] = {
    { "RFC 7515 A.4, ES512",
      "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
      "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_"
      "NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
      "\"y\":"
      "\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-"
      "x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
      "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO"
      "0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9E"
      "RBXukOXolLzeO_Jn",
      OCC__ALG_ES512 },
    { "RFC 7520 4.1, RS256", RSA_7520,
      "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" PAYLOAD_7520,
      "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx"
      "996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHR"
      "D68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrD"
      "aLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH8"
      "4ogoree7vjbU5y18kDquDg",
      OCC__ALG_RS256 },
    { "RFC 7520 4.2, PS384", RSA_7520,
      "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" PAYLOAD_7520,
      "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsG"
      "qDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8Z"
      "nyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8c"
      "BE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmW"
      "jwZ6oD4ifKo8DYM-X72Eaw",
      OCC__ALG_PS384 },
    { "RFC 7520 4.3, ES512",
      "{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"crv\":\"P-"
      "521\",\"x\":"
      "\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-"
      "7ytDyRXYgCF5cj0Kt\","
      "\"y\":"
      "\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-"
      "HqHZR1\"}",
      "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" PAYLOAD_7520,
      "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4V"
      "a2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8"
      "OcGDqoRuBomu9xQ2",
      OCC__ALG_ES512 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_jws jws = { .alg = row[i].alg, .input = occ__span_text(row[i].input) };
    occ_jwk key;

    check_rc(row[i].why, occ__jwk_read_text(&key, ws, occ__span_text(row[i].key), 0), OCC_OK);
    assert_int_equal(
        occ__b64_decode(jws.sig, sizeof(jws.sig), &jws.sig_len, occ__span_text(row[i].sig)),
        OCC_OK);
    check_rc(row[i].why, occ__jws_verify(&jws, ws, &key), OCC_OK);
    jws.sig_len--;
    check_rc("one octet less", occ__jws_verify(&jws, ws, &key), OCC__REASON_JOSE_SIGNATURE);
    jws.sig_len++;
    jws.sig[jws.sig_len - 1] ^= 1;
    check_rc("changed", occ__jws_verify(&jws, ws, &key), OCC__REASON_JOSE_SIGNATURE);
    jws.sig[jws.sig_len - 1] ^= 1;
    jws.input.len--;
    check_rc("another text", occ__jws_verify(&jws, ws, &key), OCC__REASON_JOSE_SIGNATURE);
  }
}

static void test_jws_verify__needs_the_right_key(void **state)
{
  static const struct {
    const char *why, *signer, *header, *key;
    int want;
  } row[] = {
    { "ES256", TEST_CLIENT_A_PRIVATE, ES256, TEST_CLIENT_A_PUBLIC, OCC_OK },
    { "Ed25519", TEST_ISSUER_ED_PRIVATE, ED25519, TEST_ISSUER_ED_PUBLIC, OCC_OK },
    { "EdDSA", TEST_ISSUER_ED_PRIVATE, "{\"alg\":\"EdDSA\"}", TEST_ISSUER_ED_PUBLIC, OCC_OK },
    { "another key", TEST_CLIENT_A_PRIVATE, ES256, TEST_CLIENT_B_PUBLIC,
      OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-06 ES256 with an Ed25519 key", TEST_CLIENT_A_PRIVATE, ES256, TEST_ISSUER_ED_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 EdDSA with a P-256 key", TEST_ISSUER_ED_PRIVATE, "{\"alg\":\"EdDSA\"}",
      TEST_CLIENT_A_PUBLIC, OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 an ES256 signature called EdDSA", TEST_CLIENT_A_PRIVATE, "{\"alg\":\"EdDSA\"}",
      TEST_CLIENT_A_PUBLIC, OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 an Ed25519 signature called ES256", TEST_ISSUER_ED_PRIVATE, ES256,
      TEST_ISSUER_ED_PUBLIC, OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 an Ed25519 signature called ES256, with a P-256 key", TEST_ISSUER_ED_PRIVATE,
      ES256, TEST_CLIENT_A_PUBLIC, OCC__REASON_JOSE_SIGNATURE },
    { "JOSE-31 the key is for EdDSA, the token says Ed25519", TEST_ISSUER_ED_PRIVATE, ED25519,
      "{" TEST_ISSUER_ED_MEMBERS ",\"alg\":\"EdDSA\"}", OCC__REASON_JOSE_KEY },
    { "RS256", TEST_RSA_PRIVATE, ALG("RS256"), TEST_RSA_PUBLIC, OCC_OK },
    { "RS384", TEST_RSA_PRIVATE, ALG("RS384"), TEST_RSA_PUBLIC, OCC_OK },
    { "RS512", TEST_RSA_PRIVATE, ALG("RS512"), TEST_RSA_PUBLIC, OCC_OK },
    { "PS256", TEST_RSA_PRIVATE, ALG("PS256"), TEST_RSA_PUBLIC, OCC_OK },
    { "PS384", TEST_RSA_PRIVATE, ALG("PS384"), TEST_RSA_PUBLIC, OCC_OK },
    { "PS512", TEST_RSA_PRIVATE, ALG("PS512"), TEST_RSA_PUBLIC, OCC_OK },
    { "ES384", TEST_P384_PRIVATE, ALG("ES384"), TEST_P384_PUBLIC, OCC_OK },
    { "ES512", TEST_P521_PRIVATE, ALG("ES512"), TEST_P521_PUBLIC, OCC_OK },
    { "N-JOSE-06 ES256 with a P-384 key", TEST_P384_PRIVATE, ES256, TEST_P384_PUBLIC,
      OCC__REASON_JOSE_SIGNATURE }, /* for its 96 octets */
    { "N-JOSE-06 ES256 and its signature with a P-384 key", TEST_CLIENT_A_PRIVATE, ES256,
      TEST_P384_PUBLIC, OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 ES512 with a P-256 key", TEST_P521_PRIVATE, ALG("ES512"), TEST_CLIENT_A_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 ES384 with a P-521 key", TEST_P384_PRIVATE, ALG("ES384"), TEST_P521_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 ES512 with a P-384 key", TEST_P521_PRIVATE, ALG("ES512"), TEST_P384_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 an ES512 signature called ES384", TEST_P521_PRIVATE, ALG("ES384"),
      TEST_P521_PUBLIC, OCC__REASON_JOSE_SIGNATURE },
    { "N-JOSE-06 RS256 with a P-256 key", TEST_RSA_PRIVATE, ALG("RS256"), TEST_CLIENT_A_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 ES256 with an RSA key", TEST_CLIENT_A_PRIVATE, ES256, TEST_RSA_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "N-JOSE-06 EdDSA with an RSA key", TEST_ISSUER_ED_PRIVATE, ALG("EdDSA"), TEST_RSA_PUBLIC,
      OCC__REASON_JOSE_KEY },
    { "JOSE-31 the key is for PS256, the token says RS256", TEST_RSA_PRIVATE, ALG("RS256"),
      "{" TEST_RSA_MEMBERS ",\"alg\":\"PS256\"}", OCC__REASON_JOSE_KEY },
    { "JOSE-31 the key is for RS256, the token says PS256", TEST_RSA_PRIVATE, ALG("PS256"),
      "{" TEST_RSA_MEMBERS ",\"alg\":\"RS256\"}", OCC__REASON_JOSE_KEY },
    { "JOSE-31 the key is for RS256, the token says RS512", TEST_RSA_PRIVATE, ALG("RS512"),
      "{" TEST_RSA_MEMBERS ",\"alg\":\"RS256\"}", OCC__REASON_JOSE_KEY },
    { "JOSE-31 the key is for PS256, and so is the token", TEST_RSA_PRIVATE, ALG("PS256"),
      "{" TEST_RSA_MEMBERS ",\"alg\":\"PS256\"}", OCC_OK },
    { "JOSE-25 the header's jwk is no key source", TEST_CLIENT_B_PRIVATE,
      "{\"alg\":\"ES256\",\"jwk\":" TEST_CLIENT_B_PUBLIC "}", TEST_CLIENT_A_PUBLIC,
      OCC__REASON_JOSE_SIGNATURE },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    char *token = test_jws(row[i].signer, row[i].header, CLAIMS);
    occ_jwk key;

    check_rc(row[i].why, occ__jwk_read_text(&key, ws, occ__span_text(row[i].key), 0), OCC_OK);
    check_rc(row[i].why, judge(token, &key), row[i].want);
    free(token);
  }
}

static void test_jws_verify__refuses_without_a_check(void **state)
{
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  occ_jws jws;
  (void)state;

  assert_int_equal(parse(&jws, token, strlen(token)), OCC_OK);
  assert_int_equal(occ__jws_verify(&jws, ws, &client_a), OCC__REASON_JOSE_KEY);
  assert_int_equal(occ__jws_check(&jws, OCC__ALGS_DEFAULT, NULL), OCC_OK);
  assert_int_equal(occ__jws_verify(&jws, ws, &client_a), OCC_OK);
  assert_int_equal(occ__jws_check(&jws, 0, NULL), OCC__REASON_JOSE_ALG);
  assert_int_equal(occ__jws_verify(&jws, ws, &client_a), OCC__REASON_JOSE_KEY);
  occ__jws_clear(&jws);
  free(token);
}

/* Signatures in the place of a good one. */
static void test_jws_verify__refuses_other_encodings(void **state)
{
  static const uint8_t n[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
  uint8_t good[64], sig[80] = { 0 };
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  static const char *const why[] = { "the signature itself", "N-JOSE-07 DER",
                                     "N-JOSE-07 63 octets",  "N-JOSE-07 65 octets",
                                     "N-JOSE-07 R=0",        "N-JOSE-07 S=0",
                                     "N-JOSE-07 R=n",        "N-JOSE-07 S=n",
                                     "N-JOSE-07 R, S huge",  "N-JOSE-07 trailing zeros" };
  (void)state;

  assert_int_equal(occ__b64_decode_exact(good, 64, occ__span_text(strrchr(token, '.') + 1)),
                   OCC_OK);
  free(token);
  for (int i = 0; i < (int)ROWS(why); i++) {
    size_t len = 64;

    memset(sig, 0, sizeof(sig));
    memcpy(sig, good, 64);
    switch (i) {
    case 0:
      break;
    case 1: /* SEQUENCE of two INTEGERs of 33 octets: 2 + 35 + 35 */
      memcpy(sig, "\x30\x46\x02\x21\x00", 5);
      memcpy(sig + 5, good, 32);
      memcpy(sig + 37, "\x02\x21\x00", 3);
      memcpy(sig + 40, good + 32, 32);
      len = 72;
      break;
    case 2:
      len = 63;
      break;
    case 3:
      len = 65;
      break;
    case 4:
      memset(sig, 0, 32);
      break;
    case 5:
      memset(sig + 32, 0, 32);
      break;
    case 6:
      memcpy(sig, n, 32);
      break;
    case 7:
      memcpy(sig + 32, n, 32);
      break;
    case 8:
      memset(sig, 0xff, 64);
      break;
    default:
      len = 66;
      break;
    }
    token = test_token(OCTETS(ES256), OCTETS(CLAIMS), sig, len);
    check_rc(why[i], judge(token, &client_a), i == 0 ? OCC_OK : OCC__REASON_JOSE_SIGNATURE);
    free(token);
  }
  check_text("N-JOSE-07 0 octets", HEADER64 "." EMPTY64 ".", MALFORMED);
}

/* The token with that signature in the place of the good one. */
static void check_sig(const char *why, const char *header, const occ_jwk *key, const uint8_t *sig,
                      size_t len, int want)
{
  char *token = test_token(header, strlen(header), OCTETS(CLAIMS), sig, len);

  check_rc(why, judge(token, key), want);
  free(token);
}

static size_t to_der(uint8_t *der, const uint8_t *sig, int half)
{
  ECDSA_SIG *pair = ECDSA_SIG_new();
  int len;

  assert_int_equal(
      ECDSA_SIG_set0(pair, BN_bin2bn(sig, half, NULL), BN_bin2bn(sig + half, half, NULL)), 1);
  len = i2d_ECDSA_SIG(pair, &der);
  assert_true(len > 0);
  ECDSA_SIG_free(pair);
  return (size_t)len;
}

static void test_jws_verify__refuses_other_encodings_of_large_curves(void **state)
{
  static const struct {
    const char *private_key, *public_key, *header;
    size_t half;
  } row[] = {
    { TEST_P384_PRIVATE, TEST_P384_PUBLIC, ALG("ES384"), 48 },
    { TEST_P521_PRIVATE, TEST_P521_PUBLIC, ALG("ES512"), 66 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    const size_t half = row[i].half, len = 2 * half;
    uint8_t good[132], sig[200] = { 0 };
    char *token = test_jws(row[i].private_key, row[i].header, CLAIMS);
    const char *header = row[i].header;
    occ_jwk key;

    assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(row[i].public_key), 0), OCC_OK);
    assert_int_equal(occ__b64_decode_exact(good, len, occ__span_text(strrchr(token, '.') + 1)),
                     OCC_OK);
    free(token);
    check_sig("as it is", header, &key, good, len, OCC_OK);
    check_sig("N-JOSE-07 DER", header, &key, sig, to_der(sig, good, (int)half),
              OCC__REASON_JOSE_SIGNATURE);
    /* DER cut, or filled, to the length that is due */
    check_sig("N-JOSE-07 DER, cut", header, &key, sig, len, OCC__REASON_JOSE_SIGNATURE);
    memset(sig, 0, sizeof(sig));
    memcpy(sig, good, len);
    check_sig("N-JOSE-07 one octet less", header, &key, sig, len - 1, OCC__REASON_JOSE_SIGNATURE);
    check_sig("N-JOSE-07 trailing zero", header, &key, sig, len + 1, OCC__REASON_JOSE_SIGNATURE);
    check_sig("N-JOSE-07 trailing zeros", header, &key, sig, len + 2, OCC__REASON_JOSE_SIGNATURE);
    memset(sig, 0, half);
    check_sig("N-JOSE-07 R=0", header, &key, sig, len, OCC__REASON_JOSE_SIGNATURE);
    memcpy(sig, good, half);
    memset(sig + half, 0, half);
    check_sig("N-JOSE-07 S=0", header, &key, sig, len, OCC__REASON_JOSE_SIGNATURE);
    memset(sig, 0xff, len);
    check_sig("N-JOSE-07 R, S huge", header, &key, sig, len, OCC__REASON_JOSE_SIGNATURE);
    memcpy(sig, good + half, half);
    memcpy(sig + half, good, half);
    check_sig("R and S exchanged", header, &key, sig, len, OCC__REASON_JOSE_SIGNATURE);
  }
}

/* No character of a token can be changed: what can still be read does not verify. */
static void test_jws_verify__refuses_every_changed_character(void **state)
{
  static const struct {
    const char *private_key, *public_key, *header;
  } row[] = {
    { TEST_CLIENT_A_PRIVATE, TEST_CLIENT_A_PUBLIC, ES256 },
    { TEST_ISSUER_ED_PRIVATE, TEST_ISSUER_ED_PUBLIC, ED25519 },
    { TEST_RSA_PRIVATE, TEST_RSA_PUBLIC, ALG("RS256") },
    { TEST_RSA_PRIVATE, TEST_RSA_PUBLIC, ALG("PS256") },
    { TEST_P384_PRIVATE, TEST_P384_PUBLIC, ALG("ES384") },
    { TEST_P521_PRIVATE, TEST_P521_PUBLIC, ALG("ES512") },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    char *token = test_jws(row[i].private_key, row[i].header, CLAIMS);
    occ_jwk key;

    assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(row[i].public_key), 0), OCC_OK);
    assert_int_equal(judge(token, &key), OCC_OK);
    for (char *at = token; *at != '\0'; at++) {
      const char before = *at;

      *at = before == 'B' ? 'C' : 'B';
      assert_int_not_equal(judge(token, &key), OCC_OK);
      *at = before;
    }
    assert_int_equal(judge(token, &key), OCC_OK);
    free(token);
  }
}

/* A proof by a key that is only taken where the configuration lists its algorithm. */
static void test_jws_verify__takes_a_dpop_proof_of_a_listed_algorithm(void **state)
{
  static const struct {
    const char *private_key, *thumbprint;
    occ_alg alg;
  } row[] = {
    { TEST_RSA_PRIVATE, TEST_RSA_THUMBPRINT, OCC__ALG_PS256 },
    { TEST_P384_PRIVATE, TEST_P384_THUMBPRINT, OCC__ALG_ES384 },
    { TEST_P521_PRIVATE, TEST_P521_THUMBPRINT, OCC__ALG_ES512 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    char *proof = test_dpop(row[i].private_key, "POST", "https://as.example/token",
                            INT64_C(1700000000), "j-1", NULL);
    occ_jws jws;
    occ_jwk key;

    assert_int_equal(occ__jws_parse(&jws, &occ__mem_libc, occ__span_text(proof), &occ__json_peer),
                     OCC_OK);
    assert_int_equal(occ__jws_check(&jws, OCC__ALGS_DEFAULT, "dpop+jwt"), OCC__REASON_JOSE_ALG);
    assert_int_equal(occ__jws_check(&jws, OCC__ALG_BIT(row[i].alg), "dpop+jwt"), OCC_OK);
    assert_int_equal(occ__jwk_read(&key, ws, json_object_get(jws.header, "jwk"), 0), OCC_OK);
    assert_int_equal(occ__jws_verify(&jws, ws, &key), OCC_OK);
    assert_string_equal(key.thumbprint, row[i].thumbprint);
    occ__jws_clear(&jws);
    free(proof);
  }
}

static void test_jws_verify__takes_a_dpop_proof(void **state)
{
  static const struct {
    const char *why, *private_key;
    const occ_jwk *key;
    const char *nonce;
  } row[] = {
    { "ES256", TEST_CLIENT_A_PRIVATE, &client_a, NULL },
    { "Ed25519 with a nonce", TEST_ISSUER_ED_PRIVATE, &issuer_ed, "n-1" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    char *proof = test_dpop(row[i].private_key, "POST", "https://as.example/token",
                            INT64_C(1700000000), "j-1", row[i].nonce);
    const char *nonce;
    occ_jws jws;
    occ_jwk key;

    check_rc(row[i].why,
             occ__jws_parse(&jws, &occ__mem_libc, occ__span_text(proof), &occ__json_peer), OCC_OK);
    check_rc(row[i].why, occ__jws_check(&jws, OCC__ALGS_DEFAULT, "dpop+jwt"), OCC_OK);
    check_rc(row[i].why, occ__jwk_read(&key, ws, json_object_get(jws.header, "jwk"), 0), OCC_OK);
    check_rc(row[i].why, occ__jws_verify(&jws, ws, &key), OCC_OK);
    assert_string_equal(key.thumbprint, row[i].key->thumbprint);
    nonce = json_string_value(json_object_get(jws.claims, "nonce"));
    assert_int_equal(nonce != NULL, row[i].nonce != NULL);
    if (nonce != NULL) {
      assert_string_equal(nonce, row[i].nonce);
    }
    occ__jws_clear(&jws);
    free(proof);
  }
}

static void test_jws_sign__makes_tokens_that_verify(void **state)
{
  static const struct {
    const char *why, *header;
    const occ_jwk *key;
  } row[] = {
    { "ES256", ES256, &client_a },
    { "Ed25519", ED25519, &issuer_ed },
  };
  char *want;
  occ_buf out;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ__buf_init(&out, &occ__mem_libc, 1000);
    (void)occ__buf_text(&out, "before ");
    check_rc(
        row[i].why,
        occ__jws_sign(&out, ws, row[i].key, occ__span_text(row[i].header), occ__span_text(CLAIMS)),
        OCC_OK);
    assert_memory_equal(out.base, "before ", 7);
    check_rc(row[i].why, judge(occ__buf_string(&out) + 7, row[i].key), OCC_OK);
    occ__buf_clear(&out);
  }
  /* Ed25519 is deterministic: the whole token is known. */
  want = test_jws(TEST_ISSUER_ED_PRIVATE, ED25519, CLAIMS);
  occ__buf_init(&out, &occ__mem_libc, strlen(want));
  assert_int_equal(
      occ__jws_sign(&out, ws, &issuer_ed, occ__span_text(ED25519), occ__span_text(CLAIMS)), OCC_OK);
  assert_string_equal(occ__buf_string(&out), want);
  occ__buf_clear(&out);
  free(want);
}

static void test_jws_may_sign__two_kinds(void **state)
{
  static const struct {
    const char *jwk;
    int want;
  } row[] = {
    { TEST_CLIENT_A_PUBLIC, 1 }, { TEST_ISSUER_ED_PUBLIC, 1 }, { TEST_RSA_PUBLIC, 0 },
    { TEST_P384_PUBLIC, 0 },     { TEST_P521_PUBLIC, 0 },
  };
  occ_jwk key;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(row[i].jwk), 0), OCC_OK);
    check_rc(row[i].jwk, occ__jws_may_sign(&key), row[i].want);
  }
  occ__jwk_wipe(&key);
  assert_false(occ__jws_may_sign(&key));
}

static void test_jws_input__is_what_is_signed(void **state)
{
  char *token = test_jws(TEST_ISSUER_ED_PRIVATE, ED25519, CLAIMS);
  occ_buf out;
  (void)state;

  *strrchr(token, '.') = '\0';
  occ__buf_init(&out, &occ__mem_libc, 1000);
  assert_int_equal(occ__jws_input(&out, occ__span_text(ED25519), occ__span_text(CLAIMS)), OCC_OK);
  assert_string_equal(occ__buf_string(&out), token);
  occ__buf_clear(&out);
  free(token);
}

static void test_jws_sign__refuses(void **state)
{
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  const size_t len = strlen(token);
  occ_jwk public_key;
  occ_buf out;
  (void)state;

  free(token);
  assert_int_equal(occ__jwk_read_text(&public_key, ws, occ__span_text(TEST_CLIENT_A_PUBLIC), 0),
                   OCC_OK);
  occ__buf_init(&out, &occ__mem_libc, 1000);
  check_rc("no private key",
           occ__jws_sign(&out, ws, &public_key, occ__span_text(ES256), occ__span_text(CLAIMS)),
           OCC__REASON_JOSE_KEY);
  occ__buf_clear(&out);
  for (size_t max = 0; max <= len + 1; max++) {
    occ__buf_init(&out, &occ__mem_libc, max);
    check_rc("the buffer's end",
             occ__jws_sign(&out, ws, &client_a, occ__span_text(ES256), occ__span_text(CLAIMS)),
             max < len ? OCC_ERR_LIMIT : OCC_OK);
    occ__buf_clear(&out);
  }
}

/* An allocator that counts octets that were not zero at release. */
static size_t unwiped;

static void *plain_alloc(size_t size, void *user_data)
{
  (void)user_data;
  return malloc(size);
}

static void watch_release(void *memory, size_t size, void *user_data)
{
  (void)user_data;
  for (size_t i = 0; i < size; i++) {
    unwiped += ((uint8_t *)memory)[i] != 0;
  }
  free(memory);
}

static void test_jws_parse__wipes_its_scratch(void **state)
{
  const occ_mem mem = { plain_alloc, watch_release, NULL };
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  occ_jws jws;
  (void)state;

  unwiped = 0;
  assert_int_equal(occ__jws_parse(&jws, &mem, occ__span_text(token), &occ__json_peer), OCC_OK);
  occ__jws_clear(&jws);
  free(token);
  token = test_token(OCTETS(ES256), OCTETS("{\"secret\":"), OCTETS("sig"));
  assert_int_equal(occ__jws_parse(&jws, &mem, occ__span_text(token), &occ__json_peer), MALFORMED);
  free(token);
  assert_int_equal(unwiped, 0);
}

static void test_jws__survives_every_failed_allocation(void **state)
{
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  int rc = OCC_ERR_MEMORY;
  fail_mem fm;
  occ_jws jws;
  occ_buf out;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__jws_parse(&jws, &fm.mem, occ__span_text(token), &occ__json_peer);
      occ__jws_clear(&jws);
      assert_int_equal(fm.live, 0);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
    }
    assert_int_equal(rc, OCC_OK);
    for (size_t n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      occ__buf_init(&out, &fm.mem, 10000);
      rc = occ__jws_sign(&out, ws, &client_a, occ__span_text(ES256), occ__span_text(CLAIMS));
      occ__buf_clear(&out);
      assert_int_equal(fm.live, 0);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
    }
    assert_int_equal(rc, OCC_OK);
  }
  free(token);
}

static void test_jws_parse__survives_every_failed_allocation_of_jansson(void **state)
{
  char *token = test_jws(TEST_CLIENT_A_PRIVATE, ES256, CLAIMS);
  int rc = OCC_ERR_MEMORY;
  fail_mem fm;
  occ_jws jws;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 1000; n++) {
      json_fail_at(n, keep);
      fail_mem_init(&fm, SIZE_MAX, false);
      rc = occ__jws_parse(&jws, &fm.mem, occ__span_text(token), &occ__json_peer);
      occ__jws_clear(&jws);
      json_fail_never();
      assert_int_equal(json_live, 0);
      assert_int_equal(fm.live, 0);
      if (!json_failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
    }
    assert_int_equal(rc, OCC_OK);
  }
  free(token);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jws_parse__refuses_what_is_no_compact_jws),
    cmocka_unit_test(test_jws_parse__refuses_an_embedded_nul),
    cmocka_unit_test(test_jws_parse__refuses_what_is_no_json_object),
    cmocka_unit_test(test_jws_parse__limits_of_json),
    cmocka_unit_test(test_jws_parse__limit_of_length),
    cmocka_unit_test(test_jws_parse__a_million_members),
    cmocka_unit_test(test_jws_parse__borrows_and_owns),
    cmocka_unit_test(test_jws_check__judges_headers),
    cmocka_unit_test(test_jws_check__allows_only_listed_algorithms),
    cmocka_unit_test(test_jws_check__compares_typ_as_media_type),
    cmocka_unit_test(test_jws_check__limits_of_kid_and_signature),
    cmocka_unit_test(test_jws_verify__takes_published_tokens),
    cmocka_unit_test(test_jws_check__length_of_the_signature),
    cmocka_unit_test(test_jws_check__refuses_published_tokens),
    cmocka_unit_test(test_jws_verify__takes_rfc_8037_a4),
    cmocka_unit_test(test_jws_verify__takes_published_signatures),
    cmocka_unit_test(test_jws_verify__needs_the_right_key),
    cmocka_unit_test(test_jws_verify__refuses_without_a_check),
    cmocka_unit_test(test_jws_verify__refuses_other_encodings),
    cmocka_unit_test(test_jws_verify__refuses_other_encodings_of_large_curves),
    cmocka_unit_test(test_jws_verify__refuses_every_changed_character),
    cmocka_unit_test(test_jws_verify__takes_a_dpop_proof_of_a_listed_algorithm),
    cmocka_unit_test(test_jws_may_sign__two_kinds),
    cmocka_unit_test(test_jws_verify__takes_a_dpop_proof),
    cmocka_unit_test(test_jws_sign__makes_tokens_that_verify),
    cmocka_unit_test(test_jws_input__is_what_is_signed),
    cmocka_unit_test(test_jws_sign__refuses),
    cmocka_unit_test(test_jws_parse__wipes_its_scratch),
    cmocka_unit_test(test_jws__survives_every_failed_allocation),
    cmocka_unit_test(test_jws_parse__survives_every_failed_allocation_of_jansson),
  };

  return cmocka_run_group_tests_name("jose/jws", tests, setup, teardown);
}
