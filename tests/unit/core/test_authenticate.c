/* SPDX-License-Identifier: MIT */

/* Client authentication by libocc: the rows N-JA-01 to -10 and N-MTLS-01 to -09 by their ids, limits, what ONCE is asked,
 * failing allocations. Tokens and certificates are made by OpenSSL alone. Whole exchanges: transcripts/15-client.txt. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "base/b64.h"
#include "txn_host.h"

#define NOW      INT64_C(1800000000) /* X_T0 in seconds; the claims below are written around it */
#define PAR      "https://as.example/par"
#define PLAIN    "{" X_BASE "\"par_urls\":[\"" PAR "\"]}"
#define TYPE     "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define HEADER   "{\"alg\":\"ES256\",\"typ\":\"client-authentication+jwt\"}"
#define SET(...) "\"jwks\":{\"keys\":[" __VA_ARGS__ "]}"
#define NAMED    "\"client_id\":\"agent-7\","
#define METHOD   "\"token_endpoint_auth_method\":\"private_key_jwt\""
#define PKJ      NAMED METHOD
#define TLS      "\"token_endpoint_auth_method\":\"tls_client_auth\""
#define SELF     "\"token_endpoint_auth_method\":\"self_signed_tls_client_auth\""
#define USUAL    "{" PKJ "," SET(TEST_CLIENT_B_PUBLIC) "}"
#define TEXT     "\"error_description\":\"The client is not known or not authenticated.\""

/* iss, sub, aud as JSON; then the rest. */
#define CLAIMS(iss, sub, aud, rest) "{\"iss\":" iss ",\"sub\":" sub ",\"aud\":" aud "," rest "}"
#define ME                          "\"" X_CLIENT "\""
#define AUD                         "\"" X_ISSUER "\""
#define JTI                         "\"jti\":\"j\""
#define TIMES                       "\"iat\":1800000000,\"exp\":1800000060"
#define GOOD                        CLAIMS(ME, ME, AUD, JTI "," TIMES)
#define WITH_AUD(aud)               CLAIMS(ME, ME, aud, JTI "," TIMES)
#define WITH_TIMES(times)           CLAIMS(ME, ME, AUD, JTI "," times)

static x_host host;

static int set_up(void **state)
{
  x_open(&host, PLAIN, NULL, NULL);
  host.client = NULL;
  host.metadata = USUAL;
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

/* ---- What one request came to ---- */

/* Takes the txn. reason NULL: granted. */
static void ends(x_host *x, occ_txn *txn, const char *why, int status, const char *reason)
{
  const int rc = x_run(x, txn);

  if (reason == NULL) {
    if (occ_txn_outcome(txn) != OCC_GRANT) {
      fail_msg("%s: not granted: %s", why, occ_txn_reason(txn));
    }
  } else {
    if (rc != OCC_OK || occ_txn_outcome(txn) != OCC_REFUSE || occ_txn_http_status(txn) != status ||
        strcmp(occ_txn_reason(txn), reason) != 0) {
      fail_msg("%s: outcome %d, %d, reason %s, not %s", why, (int)occ_txn_outcome(txn),
               occ_txn_http_status(txn), occ_txn_reason(txn), reason);
    }
    assert_int_equal(x->asked[OCC_ASK_ONCE], 0); /* nothing was used up */
    assert_int_equal(x->asked[OCC_ASK_DECIDE], 0);
    assert_null(occ_txn_client_id(txn));
  }
  if (status == 401) { /* one text, whatever was wrong */
    assert_non_null(strstr(occ_txn_body(txn, NULL), "\"error\":\"invalid_client\""));
    assert_non_null(strstr(occ_txn_body(txn, NULL), TEXT));
  }
  occ_txn_free(txn);
}

static occ_txn *begin(x_host *x, occ_endpoint endpoint, const char *body)
{
  occ_txn *txn = NULL;

  memset(x->asked, 0, sizeof(x->asked));
  if (occ_txn_new(&txn, x->server, endpoint, x) != OCC_OK) {
    assert_true(x->fm.failed);
    return NULL;
  }
  (void)occ_txn_set_body(txn, body, strlen(body));
  if (x->metadata != NULL) {
    (void)occ_txn_set_metadata(txn, x->metadata, strlen(x->metadata));
  }
  return txn;
}

static char *body_with(const char *token, const char *more)
{
  static char body[64 * 1024];
  const int len =
      snprintf(body, sizeof(body), X_BODY "&" TYPE "&client_assertion=%s%s", token, more);

  assert_true(len > 0 && (size_t)len < sizeof(body));
  return body;
}

typedef struct row {
  const char *why, *header, *claims, *reason; /* header, claims NULL: the usual */
  const char *key;                            /* NULL: client_b's */
  const char *metadata;                       /* NULL: as the host has it */
  const char *more;                           /* parameters */
} row;

static void try_row(x_host *x, const row *r)
{
  const char *before = x->metadata;
  char *token =
      test_jws(r->key == NULL ? TEST_CLIENT_B_PRIVATE : r->key,
               r->header == NULL ? HEADER : r->header, r->claims == NULL ? GOOD : r->claims);

  x->metadata = r->metadata == NULL ? before : r->metadata;
  x->used_count = 0;
  ends(x, begin(x, OCC_TOKEN, body_with(token, r->more == NULL ? "" : r->more)), r->why,
       r->reason == NULL ? 0 : 401, r->reason);
  x->metadata = before;
  free(token);
}

static void try_rows(x_host *x, const row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    try_row(x, &rows[i]);
  }
}

/* ---- private_key_jwt ---- */

static void test_assertion__of_the_client(void **state)
{
  static const row rows[] = {
    { "good", NULL, NULL, NULL, NULL, NULL, NULL },
    { "good, client_id agrees", NULL, NULL, NULL, NULL, NULL, "&client_id=agent-7" },
    { "good, client_id in the request alone", NULL, NULL, NULL, NULL,
      "{" METHOD "," SET(TEST_CLIENT_B_PUBLIC) "}", "&client_id=agent-7" },
    { "client_id nowhere: whose are the metadata?", NULL, NULL, "client_mismatch", NULL,
      "{" METHOD "," SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
    { "N-JA-02 iss is another", NULL, CLAIMS("\"x\"", ME, AUD, JTI "," TIMES), "jwt_issuer", NULL,
      NULL, NULL },
    { "N-JA-02 sub is another", NULL, CLAIMS(ME, "\"x\"", AUD, JTI "," TIMES), "jwt_issuer", NULL,
      NULL, NULL },
    { "N-JA-02 iss unequal sub, client_id is iss", NULL, CLAIMS(ME, "\"x\"", AUD, JTI "," TIMES),
      "jwt_issuer", NULL, NULL, "&client_id=agent-7" },
    { "N-JA-02 client_id unequal sub", NULL, NULL, "client_mismatch", NULL, NULL,
      "&client_id=agent-8" },
    { "N-JA-02 client_id in capitals", NULL, NULL, "client_mismatch", NULL, NULL,
      "&client_id=AGENT-7" },
    { "N-JA-02 client_id with a zero octet", NULL, NULL, "client_mismatch", NULL, NULL,
      "&client_id=agent-7%00" },
    { "N-JA-02 the host's metadata are another's", NULL, NULL, "client_mismatch", NULL,
      "{\"client_id\":\"agent-8\"," METHOD "," SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
    { "the metadata name the client", NULL, NULL, NULL, NULL,
      "{\"client_id\":\"agent-7\"," METHOD "," SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
    { "iss missing", NULL, "{\"sub\":" ME ",\"aud\":" AUD "," JTI "," TIMES "}", "jwt_issuer", NULL,
      NULL, NULL },
    { "sub missing", NULL, "{\"iss\":" ME ",\"aud\":" AUD "," JTI "," TIMES "}", "jwt_subject",
      NULL, NULL, NULL },
    { "sub empty", NULL, CLAIMS("\"\"", "\"\"", AUD, JTI "," TIMES), "jwt_subject", NULL, NULL,
      NULL },
    { "sub a number", NULL, CLAIMS(ME, "7", AUD, JTI "," TIMES), "jwt_subject", NULL, NULL, NULL },
    { "iss a list", NULL, CLAIMS("[" ME "]", ME, AUD, JTI "," TIMES), "jwt_issuer", NULL, NULL,
      NULL },
    { "sub beyond ASCII", NULL, CLAIMS("\"\xc3\xa4\"", "\"\xc3\xa4\"", AUD, JTI "," TIMES),
      "jwt_subject", NULL, NULL, NULL },
    { "sub with a line end", NULL, CLAIMS("\"a\\n\"", "\"a\\n\"", AUD, JTI "," TIMES),
      "jwt_subject", NULL, NULL, NULL },
  };

  try_rows(*state, rows, X_ROWS(rows));
}

static void test_assertion__unknown_client(void **state)
{
  static const row unknown = {
    "N-JA-02 unknown client", NULL, NULL, "client_unknown", NULL, NULL, NULL
  };
  x_host *x = *state;

  x->metadata = NULL;
  x->verdict[OCC_ASK_CLIENT] = OCC_NO;
  try_row(x, &unknown);
  assert_int_equal(x->asked[OCC_ASK_CLIENT], 1);
}

static void test_assertion__names_have_a_limit(void **state)
{
  static char claims[8192], id[OCC__MAX_CLIENT_ID + 2], more[OCC__MAX_CLIENT_ID + 16];
  static const char unnamed[] = "{" METHOD "," SET(TEST_CLIENT_B_PUBLIC) "}";
  x_host *x = *state;

  for (size_t len = OCC__MAX_CLIENT_ID - 1; len <= OCC__MAX_CLIENT_ID + 1; len++) {
    const row r = { "sub", NULL,    claims, len > OCC__MAX_CLIENT_ID ? "jwt_subject" : NULL,
                    NULL,  unnamed, more };

    memset(id, 'c', len);
    id[len] = '\0';
    (void)snprintf(more, sizeof(more), "&client_id=%s", id);
    (void)snprintf(claims, sizeof(claims),
                   "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":" AUD "," JTI "," TIMES "}", id, id);
    try_row(x, &r);
  }
  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    const row r = { "jti", NULL, claims, len > OCC__MAX_ID ? "jwt_claim" : NULL, NULL, NULL, NULL };

    memset(id, 'j', len);
    id[len] = '\0';
    (void)snprintf(claims, sizeof(claims),
                   "{\"iss\":" ME ",\"sub\":" ME ",\"aud\":" AUD ",\"jti\":\"%s\"," TIMES "}", id);
    try_row(x, &r);
  }
}

static void test_assertion__audience(void **state)
{
  static const row rows[] = {
    { "array of one", NULL, WITH_AUD("[" AUD "]"), NULL, NULL, NULL, NULL },
#define BAD(why, aud) { "N-JA-03 " why, NULL, WITH_AUD(aud), "jwt_audience", NULL, NULL, NULL }
    BAD("token endpoint", "\"" X_TOKEN "\""),
    BAD("PAR endpoint", "\"" PAR "\""),
    BAD("issuer and token endpoint", "[" AUD ",\"" X_TOKEN "\"]"),
    BAD("issuer twice", "[" AUD "," AUD "]"),
    BAD("empty array", "[]"),
    BAD("array with a number", "[" AUD ",7]"),
    BAD("array with null", "[" AUD ",null]"),
    BAD("array in an array", "[[" AUD "]]"),
    BAD("number", "7"),
    BAD("object", "{\"iss\":" AUD "}"),
    BAD("null", "null"),
    BAD("empty", "\"\""),
    BAD("in capitals", "\"https://AS.example\""),
    BAD("with a slash", "\"https://as.example/\""),
    BAD("with its port", "\"https://as.example:443\""),
    BAD("another server", "\"https://evil.example\""),
#undef BAD
    { "N-JA-03 missing", NULL, "{\"iss\":" ME ",\"sub\":" ME "," JTI "," TIMES "}", "jwt_audience",
      NULL, NULL, NULL },
  };

  try_rows(*state, rows, X_ROWS(rows));
}

static void test_assertion__audience_of_old_clients(void **state)
{
  static const row rows[] = {
    { "issuer", NULL, NULL, NULL, NULL, NULL, NULL },
    { "token endpoint", NULL, WITH_AUD("\"" X_TOKEN "\""), NULL, NULL, NULL, NULL },
    { "array of it", NULL, WITH_AUD("[\"" X_TOKEN "\"]"), NULL, NULL, NULL, NULL },
    { "both", NULL, WITH_AUD("[" AUD ",\"" X_TOKEN "\"]"), "jwt_audience", NULL, NULL, NULL },
    { "PAR endpoint at the token endpoint", NULL, WITH_AUD("\"" PAR "\""), "jwt_audience", NULL,
      NULL, NULL },
    { "another spelling", NULL, WITH_AUD("\"" X_TOKEN "/\""), "jwt_audience", NULL, NULL, NULL },
  };
  x_host x;
  char *token;
  (void)state;

  x_open(&x, "{" X_BASE "\"par_urls\":[\"" PAR "\"],\"client_assertion_audience\":\"endpoint\"}",
         NULL, NULL);
  x.metadata = USUAL;
  try_rows(&x, rows, X_ROWS(rows));
  token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, WITH_AUD("\"" PAR "\""));
  ends(&x, begin(&x, OCC_PAR, body_with(token, "")), "at the PAR endpoint", 0, NULL);
  free(token);
  x_close(&x);
}

/* JA-14 */
static void test_assertion__at_the_par_endpoint(void **state)
{
  x_host *x = *state;
  char *good = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);
  char *par = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, WITH_AUD("\"" PAR "\""));

  ends(x, begin(x, OCC_PAR, body_with(par, "")), "N-JA-03 PAR endpoint", 401, "jwt_audience");
  ends(x, begin(x, OCC_PAR, body_with(good, "")), "issuer", 0, NULL);
  free(good);
  free(par);
}

static void test_assertion__times(void **state)
{
  static const row rows[] = {
#define BAD(why, times) { "N-JA-04 " why, NULL, WITH_TIMES(times), "jwt_time", NULL, NULL, NULL }
#define NONE(why, times)                                                                           \
  {                                                                                                \
    "N-JA-04 " why, NULL, WITH_TIMES(times), "jwt_claim", NULL, NULL, NULL                         \
  }
#define FINE(why, times)                                                                           \
  {                                                                                                \
    why, NULL, WITH_TIMES(times), NULL, NULL, NULL, NULL                                           \
  }
    FINE("no iat", "\"exp\":1800000060"),
    NONE("exp missing", "\"iat\":1800000000"),
    NONE("exp null", "\"exp\":null"),
    NONE("exp a text", "\"exp\":\"1800000060\""),
    NONE("exp true", "\"exp\":true"),
    NONE("exp negative", "\"exp\":-1"),
    BAD("exp long past", "\"exp\":1700000000"),
    BAD("exp past by the skew", "\"exp\":1799999990"),
    FINE("exp past by less than the skew", "\"exp\":1799999991"),
    FINE("an hour, as in RFC 10070 section 4", "\"iat\":1800000000,\"exp\":1800003600"),
    FINE("exp an hour and the skew ahead", "\"iat\":1800000000,\"exp\":1800003610"),
    BAD("exp a second more ahead", "\"iat\":1800000000,\"exp\":1800003611"),
    FINE("no iat, exp ten minutes and the skew ahead", "\"exp\":1800000610"),
    BAD("no iat, exp a second more ahead", "\"exp\":1800000611"),
    BAD("exp years ahead", "\"exp\":1999999999"),
    BAD("exp at the end of numbers", "\"exp\":9007199254740992"),
    NONE("exp beyond them", "\"exp\":9007199254740993"),
    FINE("nbf ahead by the skew", "\"exp\":1800000060,\"nbf\":1800000010"),
    BAD("nbf ahead by more", "\"exp\":1800000060,\"nbf\":1800000011"),
    NONE("nbf a text", "\"exp\":1800000060,\"nbf\":\"0\""),
    FINE("iat ahead by the skew", "\"exp\":1800000060,\"iat\":1800000010"),
    BAD("iat ahead by more", "\"exp\":1800000060,\"iat\":1800000011"),
    FINE("iat ten minutes back", "\"exp\":1800000060,\"iat\":1799999400"),
    FINE("iat that and less than the skew back", "\"exp\":1800000060,\"iat\":1799999391"),
    BAD("iat that and the skew back", "\"exp\":1800000060,\"iat\":1799999390"),
    BAD("iat an hour back, exp ahead", "\"exp\":1800003600,\"iat\":1799996400"),
    BAD("iat ancient", "\"exp\":1800000060,\"iat\":0"),
    NONE("iat a text", "\"exp\":1800000060,\"iat\":\"x\""),
#undef BAD
#undef NONE
#undef FINE
  };

  try_rows(*state, rows, X_ROWS(rows));
}

static void test_assertion__needs_a_jti(void **state)
{
  static const row rows[] = {
    { "JA-10 missing", NULL, CLAIMS(ME, ME, AUD, TIMES), "jwt_claim", NULL, NULL, NULL },
    { "empty", NULL, CLAIMS(ME, ME, AUD, "\"jti\":\"\"," TIMES), "jwt_claim", NULL, NULL, NULL },
    { "a number", NULL, CLAIMS(ME, ME, AUD, "\"jti\":7," TIMES), "jwt_claim", NULL, NULL, NULL },
    { "null", NULL, CLAIMS(ME, ME, AUD, "\"jti\":null," TIMES), "jwt_claim", NULL, NULL, NULL },
  };

  try_rows(*state, rows, X_ROWS(rows));
}

/* As many values in the claims as a client's assertion may have, one less, one more; the same of their depth. */
static void test_assertion__has_limits(void **state)
{
  static char claims[4096];
  x_host *x = *state;

  for (size_t n = OCC__MAX_PROOF_VALUES - 1; n <= OCC__MAX_PROOF_VALUES + 1; n++) {
    const row r = { "values", NULL, claims, n <= OCC__MAX_PROOF_VALUES ? NULL : "jose_malformed",
                    NULL,     NULL, NULL };

    (void)strcpy(claims,
                 "{\"iss\":" ME ",\"sub\":" ME ",\"aud\":" AUD "," JTI "," TIMES ",\"x\":[0");
    for (size_t i = 9; i < n; i++) {
      (void)strcat(claims, ",0");
    }
    (void)strcat(claims, "]}");
    try_row(x, &r);
  }
  for (size_t depth = OCC__MAX_PROOF_DEPTH - 1; depth <= OCC__MAX_PROOF_DEPTH + 1; depth++) {
    const row r = { "depth", NULL, claims, depth <= OCC__MAX_PROOF_DEPTH ? NULL : "jose_malformed",
                    NULL,    NULL, NULL };

    (void)strcpy(claims, "{\"iss\":" ME ",\"sub\":" ME ",\"aud\":" AUD "," JTI "," TIMES ",\"x\":");
    for (size_t i = 1; i < depth; i++) {
      (void)strcat(claims, "[");
    }
    for (size_t i = 1; i < depth; i++) {
      (void)strcat(claims, "]");
    }
    (void)strcat(claims, "}");
    try_row(x, &r);
  }
}

#define ALG(alg)     "{\"alg\":\"" alg "\"}"
#define ALG_KID(kid) "{\"alg\":\"ES256\",\"kid\":\"" kid "\"}"
#define K1_B         "{\"kid\":\"k1\"," TEST_CLIENT_B_MEMBERS "}"
#define K1_A         "{\"kid\":\"k1\"," TEST_CLIENT_A_MEMBERS "}"
#define K2_A         "{\"kid\":\"k2\"," TEST_CLIENT_A_MEMBERS "}"

static void test_assertion__algorithms_and_keys(void **state)
{
  static const row rows[] = {
    { "N-JA-05 alg none", ALG("none"), NULL, "jose_alg", NULL, NULL, NULL },
    { "N-JA-05 HS256", ALG("HS256"), NULL, "jose_alg", NULL, NULL, NULL },
    { "alg missing", "{\"typ\":\"JWT\"}", NULL, "jose_alg", NULL, NULL, NULL },
    { "ES384 only by configuration", ALG("ES384"), NULL, "jose_alg", TEST_P384_PRIVATE,
      "{" PKJ "," SET(TEST_P384_PUBLIC) "}", NULL },
    { "PS256", ALG("PS256"), NULL, NULL, TEST_RSA_PRIVATE, "{" PKJ "," SET(TEST_RSA_PUBLIC) "}",
      NULL },
    { "RS256", ALG("RS256"), NULL, NULL, TEST_RSA_PRIVATE, "{" PKJ "," SET(TEST_RSA_PUBLIC) "}",
      NULL },
    { "Ed25519", ALG("Ed25519"), NULL, NULL, TEST_ISSUER_ED_PRIVATE,
      "{" PKJ "," SET(TEST_ISSUER_ED_PUBLIC) "}", NULL },
    { "the registered alg", NULL, NULL, NULL, NULL,
      "{" PKJ ",\"token_endpoint_auth_signing_alg\":\"ES256\"," SET(TEST_CLIENT_B_PUBLIC) "}",
      NULL },
    { "N-JA-05 another than the registered alg", ALG("RS256"), NULL, "jose_alg", TEST_RSA_PRIVATE,
      "{" PKJ ",\"token_endpoint_auth_signing_alg\":\"PS256\"," SET(TEST_RSA_PUBLIC) "}", NULL },
    { "N-JA-05 EdDSA is registered, Ed25519 is not", ALG("Ed25519"), NULL, "jose_alg",
      TEST_ISSUER_ED_PRIVATE,
      "{" PKJ ",\"token_endpoint_auth_signing_alg\":\"EdDSA\"," SET(TEST_ISSUER_ED_PUBLIC) "}",
      NULL },
    { "the registered alg is no text", NULL, NULL, "client_metadata_malformed", NULL,
      "{" PKJ ",\"token_endpoint_auth_signing_alg\":7," SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
    { "N-JA-05 key of another client", NULL, NULL, "jose_signature", TEST_CLIENT_A_PRIVATE, NULL,
      NULL },
    { "N-JA-05 key of another client beside the right one", ALG_KID("k1"), NULL, "jose_signature",
      TEST_CLIENT_A_PRIVATE, "{" PKJ "," SET(K1_B "," K2_A) "}", NULL },
    { "found by kid", ALG_KID("k1"), NULL, NULL, NULL, "{" PKJ "," SET(K2_A "," K1_B) "}", NULL },
    { "N-JA-05 retired key", ALG_KID("k1"), NULL, "jose_key_unknown", NULL,
      "{" PKJ "," SET(K2_A) "}", NULL },
    { "N-JA-05 kid unknown", ALG_KID("k9"), NULL, "jose_key_unknown", NULL,
      "{" PKJ "," SET(K1_B) "}", NULL },
    { "N-JA-05 one kid twice", ALG_KID("k1"), NULL, "jose_key", NULL,
      "{" PKJ "," SET(K1_B "," K1_A) "}", NULL },
    { "no kid, and two keys that would do", NULL, NULL, "jose_key_unknown", NULL,
      "{" PKJ "," SET(K1_B "," K2_A) "}", NULL },
    { "no key that fits", NULL, NULL, "jose_key_unknown", NULL,
      "{" PKJ "," SET(TEST_RSA_PUBLIC) "}", NULL },
    { "an empty set", NULL, NULL, "jose_key_unknown", NULL, "{" PKJ ",\"jwks\":{\"keys\":[]}}",
      NULL },
    { "another key of the set is malformed", ALG_KID("k1"), NULL, NULL, NULL,
      "{" PKJ "," SET("{\"kty\":\"RSA\",\"n\":\"sXch\",\"e\":\"AQAB\"}," K1_B) "}", NULL },
    { "a key of the set is no object", ALG_KID("k1"), NULL, "jose_key", NULL,
      "{" PKJ "," SET(K1_B ",7") "}", NULL },
    { "a private key in the set", NULL, NULL, "jose_key", NULL,
      "{" PKJ "," SET(TEST_CLIENT_B_PRIVATE) "}", NULL },
    { "no set", NULL, NULL, "jose_key", NULL, "{" PKJ ",\"jwks\":7}", NULL },
    { "crit", "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", NULL, "jose_crit", NULL, NULL, NULL },
    { "kid a number", "{\"alg\":\"ES256\",\"kid\":7}", NULL, "jose_key", NULL, NULL, NULL },
    { "a key in the header is nobody's", "{\"alg\":\"ES256\",\"jwk\":" TEST_CLIENT_A_PUBLIC "}",
      NULL, "jose_signature", TEST_CLIENT_A_PRIVATE, NULL, NULL },
  };

  try_rows(*state, rows, X_ROWS(rows));
}

static void test_assertion__algorithms_by_configuration(void **state)
{
  static const row rows[] = {
    { "ES384", ALG("ES384"), NULL, NULL, TEST_P384_PRIVATE, "{" PKJ "," SET(TEST_P384_PUBLIC) "}",
      NULL },
    { "not in the list any more", NULL, NULL, "jose_alg", NULL, NULL, NULL },
  };
  x_host x;
  (void)state;

  x_open(&x, "{" X_BASE "\"client_assertion_algs\":[\"ES384\"]}", NULL, NULL);
  x.metadata = USUAL;
  try_rows(&x, rows, X_ROWS(rows));
  x_close(&x);
}

#define TYP(typ) "{\"alg\":\"ES256\",\"typ\":" typ "}"

static void test_assertion__typ(void **state)
{
  static const row rows[] = {
    { "N-JA-07 absent", ALG("ES256"), NULL, NULL, NULL, NULL, NULL },
    { "N-JA-07 JWT", TYP("\"JWT\""), NULL, NULL, NULL, NULL, NULL },
    { "jwt", TYP("\"jwt\""), NULL, NULL, NULL, NULL, NULL },
    { "as a media type", TYP("\"application/client-authentication+jwt\""), NULL, NULL, NULL, NULL,
      NULL },
    { "in capitals", TYP("\"Client-Authentication+JWT\""), NULL, NULL, NULL, NULL, NULL },
#define BAD(why, typ) { "N-JA-07 " why, TYP(typ), NULL, "jose_typ", NULL, NULL, NULL }
    BAD("access token", "\"at+jwt\""),
    BAD("DPoP proof", "\"dpop+jwt\""),
    BAD("logout token", "\"logout+jwt\""),
    BAD("attestation", "\"oauth-client-attestation+jwt\""),
    BAD("its proof", "\"oauth-client-attestation-pop+jwt\""),
    BAD("evidence of this library", "\"client-challenge-assertion+jwt\""),
    BAD("empty", "\"\""),
    BAD("a number", "7"),
    BAD("null", "null"),
#undef BAD
    { "N-JA-10 ID-JAG", TYP("\"oauth-id-jag+jwt\""), NULL, "jose_typ", NULL, NULL, NULL },
    { "N-JA-10 ID token of this server: for the client, about a user", TYP("\"JWT\""),
      CLAIMS(AUD, "\"user-1\"", ME, JTI "," TIMES), "jwt_issuer", NULL, NULL, NULL },
    { "N-JA-10 ID token, the user called like the issuer", TYP("\"JWT\""),
      CLAIMS(AUD, AUD, ME, JTI "," TIMES), "jwt_audience", NULL, NULL, NULL },
  };
  static const row strict[] = {
    { "typed", NULL, NULL, NULL, NULL, NULL, NULL },
    { "N-JA-07 absent", ALG("ES256"), NULL, "jose_typ", NULL, NULL, NULL },
    { "N-JA-07 JWT", TYP("\"JWT\""), NULL, "jose_typ", NULL, NULL, NULL },
  };
  x_host x;

  try_rows(*state, rows, X_ROWS(rows));
  x_open(&x, "{" X_BASE "\"client_assertion_typ\":\"required\"}", NULL, NULL);
  x.metadata = USUAL;
  try_rows(&x, strict, X_ROWS(strict));
  x_close(&x);
}

/* Header and claims as they are, over a signature of zeros. */
static void test_assertion__is_no_jwt(void **state)
{
  static const struct {
    const char *why, *header, *claims;
  } rows[] = {
    { "N-JA-09 header null", "null", GOOD },
    { "N-JA-09 header an array", "[]", GOOD },
    { "N-JA-09 header a text", "\"x\"", GOOD },
    { "N-JA-09 claims null", HEADER, "null" },
    { "N-JA-09 claims an array", HEADER, "[]" },
    { "N-JA-09 claims a number", HEADER, "7" },
    { "N-JA-09 invalid UTF-8", HEADER, "{\"iss\":\"\xc3\"}" },
    { "N-JA-09 BOM", HEADER, "\xef\xbb\xbf{}" },
    { "a name twice", HEADER, "{\"iss\":\"a\",\"iss\":\"a\"}" },
    { "not closed", HEADER, "{\"iss\":\"a\"" },
  };
  static const char *const texts[] = {
    "x", "a.b", "a.b.c.d", "a.b.c.d.e", "..", "%00", "a%3Db.c.d"
  };
  const uint8_t sig[64] = { 0 };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    char *token = test_token(rows[i].header, strlen(rows[i].header), rows[i].claims,
                             strlen(rows[i].claims), sig, sizeof(sig));

    ends(x, begin(x, OCC_TOKEN, body_with(token, "")), rows[i].why, 401, "jose_malformed");
    free(token);
  }
  for (size_t i = 0; i < X_ROWS(texts); i++) {
    ends(x, begin(x, OCC_TOKEN, body_with(texts[i], "")), texts[i], 401, "jose_malformed");
  }
}

static void test_assertion__parameters(void **state)
{
  static const struct {
    const char *why, *format, *reason; /* %s: the assertion */
    int status;
  } rows[] = {
    { "N-JA-01 type missing", X_BODY "&client_assertion=%s", "client_assertion_unsupported", 401 },
    { "N-JA-01 type empty", X_BODY "&client_assertion_type=&client_assertion=%s",
      "client_assertion_unsupported", 401 },
    { "N-JA-01 type wrong", X_BODY "&client_assertion_type=jwt-bearer&client_assertion=%s",
      "client_assertion_unsupported", 401 },
    { "N-JA-01 type in capitals",
      X_BODY "&client_assertion_type=URN:ietf:params:oauth:client-assertion-type:jwt-bearer"
             "&client_assertion=%s",
      "client_assertion_unsupported", 401 },
    { "N-JA-01 type with more behind it", X_BODY "&" TYPE "%%00&client_assertion=%s",
      "client_assertion_unsupported", 401 },
    { "N-JA-01 type twice", X_BODY "&" TYPE "&" TYPE "&client_assertion=%s", "parameter_repeated",
      400 },
    { "N-JA-01 assertion missing", X_BODY "&" TYPE "&x=%s", "client_assertion_unsupported", 401 },
    { "N-JA-01 assertion empty", X_BODY "&" TYPE "&client_assertion=&x=%s",
      "client_assertion_unsupported", 401 },
    { "N-JA-01 two assertions", X_BODY "&" TYPE "&client_assertion=%s&client_assertion=x",
      "parameter_repeated", 400 },
    { "N-JA-08 with client_secret", X_BODY "&" TYPE "&client_assertion=%s&client_secret=s",
      "client_methods_several", 400 },
    { "N-JA-08 the type alone with client_secret", X_BODY "&" TYPE "&client_secret=s&x=%s",
      "client_methods_several", 400 },
  };
  x_host *x = *state;
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    static char body[8192];
    const char *at = strstr(rows[i].format, "%s");
    int len;

    assert_non_null(at);
    len = snprintf(body, sizeof(body), "%.*s%s%s", (int)(at - rows[i].format), rows[i].format,
                   token, at + 2);
    assert_true(len > 0 && (size_t)len < sizeof(body));
    at = strstr(body, "%%");
    if (at != NULL) {
      memmove(body + (at - body), at + 1, strlen(at));
    }
    ends(x, begin(x, OCC_TOKEN, body), rows[i].why, rows[i].status, rows[i].reason);
  }
  free(token);
}

static void test_assertion__beside_an_authorization_header(void **state)
{
  x_host *x = *state;
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);
  occ_txn *txn = begin(x, OCC_TOKEN, body_with(token, ""));

  assert_int_equal(occ_txn_add_header(txn, "authorization", "Basic YTpi", 10), OCC_OK);
  ends(x, txn, "N-JA-08 Basic", 400, "client_methods_several");
  txn = begin(x, OCC_TOKEN, X_BODY "&client_secret=s");
  assert_int_equal(occ_txn_add_header(txn, "authorization", "Basic YTpi", 10), OCC_OK);
  ends(x, txn, "secret and Basic", 400, "client_methods_several");
  ends(x, begin(x, OCC_TOKEN, X_BODY "&client_secret=s"), "a secret", 401,
       "client_credentials_unverified");
  txn = begin(x, OCC_TOKEN, X_BODY);
  assert_int_equal(occ_txn_add_header(txn, "authorization", "Basic YTpi", 10), OCC_OK);
  ends(x, txn, "Basic", 401, "client_credentials_unverified");
  free(token);
}

static void test_assertion__is_used_once(void **state)
{
  x_host *x = *state;
  char *first = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);
  char *again = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, WITH_TIMES("\"exp\":1800000600"));
  char *other = test_jws(TEST_CLIENT_B_PRIVATE, HEADER,
                         CLAIMS("\"agent-8\"", "\"agent-8\"", AUD, JTI "," TIMES));
  occ_txn *txn;

  ends(x, begin(x, OCC_TOKEN, body_with(first, "")), "the first", 0, NULL);
  for (int i = 0; i < 2; i++) { /* the same octets, and another assertion with the same jti */
    txn = begin(x, OCC_TOKEN, body_with(i == 0 ? first : again, ""));
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_string_equal(occ_txn_reason(txn), "client_assertion_replayed"); /* N-JA-06 */
    assert_int_equal(occ_txn_http_status(txn), 401);
    assert_non_null(strstr(occ_txn_body(txn, NULL), TEXT));
    assert_int_equal(x->asked[OCC_ASK_DECIDE], 0);
    occ_txn_free(txn);
  }
  x->metadata = "{\"client_id\":\"agent-8\"," METHOD "," SET(TEST_CLIENT_B_PUBLIC) "}";
  ends(x, begin(x, OCC_TOKEN, body_with(other, "")), "N-JA-06 another client", 0, NULL);
  free(first);
  free(again);
  free(other);
}

static void test_once__is_asked_for_the_assertion(void **state)
{
  static const struct {
    const char *why, *claims;
    int64_t issued, expires; /* from X_T0 */
  } rows[] = {
    { "usual", GOOD, -10001, 190000 },
    { "iat back", WITH_TIMES("\"iat\":1799999900,\"exp\":1800000060"), -110001, 190000 },
    { "iat ahead", WITH_TIMES("\"iat\":1800000010,\"exp\":1800000060"), -1, 190000 },
    { "no iat: ten minutes before exp", WITH_TIMES("\"exp\":1800000060"), -550001, 190000 },
    { "almost over", WITH_TIMES("\"exp\":1799999991"), -619001, 121000 },
    { "exp as far as it may be: no longer than it is good",
      WITH_TIMES("\"iat\":1800000000,\"exp\":1800003610"), -10001, 730000 },
    { "... and iat ahead", WITH_TIMES("\"iat\":1800000010,\"exp\":1800003610"), -1, 740000 },
    { "... and iat far back", WITH_TIMES("\"iat\":1799999391,\"exp\":1800003000"), -619001,
      121000 },
    { "no iat, exp as far as it may be", WITH_TIMES("\"exp\":1800000610"), -1, 740000 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, rows[i].claims);
    occ_txn *txn = begin(x, OCC_TOKEN, body_with(token, ""));
    const occ_question *q;

    print_message("  %s\n", rows[i].why);
    x->stop = OCC_ASK_ONCE;
    assert_int_equal(x_run(x, txn), OCC_PENDING);
    q = occ_txn_question(txn);
    assert_int_equal(q->keys, 1);
    assert_int_equal(q->key[0], OCC__PURPOSE_ASSERTION);
    assert_int_equal(q->issued - X_T0, rows[i].issued);
    assert_int_equal(q->expires - X_T0, rows[i].expires);
    assert_string_equal(q->client_id, X_CLIENT);
    occ_txn_free(txn);
    free(token);
  }
  x->stop = OCC_ASK_NONE;
}

/* A request with both, at ONCE; proof and assertion are the caller's. */
static occ_txn *at_once_with_both(x_host *x, const char *token, const char *proof)
{
  occ_txn *txn = begin(x, OCC_TOKEN, body_with(token, ""));

  assert_int_equal(occ_txn_add_header(txn, "DPoP", proof, strlen(proof)), OCC_OK);
  x->stop = OCC_ASK_ONCE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  x->stop = OCC_ASK_NONE;
  return txn;
}

static void test_once__proof_comes_before_assertion(void **state)
{
  x_host *x = *state;
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);
  char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, NOW, "p", NULL);
  occ_txn *txn = at_once_with_both(x, token, proof);
  const occ_question *q = occ_txn_question(txn);

  assert_int_equal(q->keys, 2);
  assert_int_equal(q->key[0], OCC__PURPOSE_PROOF);
  assert_int_equal(q->key[32], OCC__PURPOSE_ASSERTION);
  assert_int_equal(q->issued, X_T0 - 30001);   /* the proof's, which may be older */
  assert_int_equal(q->expires, X_T0 + 190000); /* the assertion's, which is good for longer */
  occ_txn_free(txn);
  free(token);
  free(proof);
}

/* A store that cannot say. The error that asks for a nonce is given where one can help: where the proof is what may be too
 * old for it. */
static void test_once__young_store_with_both(void **state)
{
  static const struct {
    const char *why, *claims, *told;
    int is_nonce_given;
  } rows[] = {
    { "the proof may be older", GOOD, "young", 1 },
    { "and nothing is said", GOOD, NULL, 1 },
    { "the assertion is older", WITH_TIMES("\"iat\":1799999979,\"exp\":1800000060"), "young", 0 },
    { "as old", WITH_TIMES("\"iat\":1799999980,\"exp\":1800000060"), "young", 0 },
    { "younger by a second", WITH_TIMES("\"iat\":1799999981,\"exp\":1800000060"), "young", 1 },
    { "the store is full", GOOD, "full", 0 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, rows[i].claims);
    char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, NOW, "p", NULL);
    occ_txn *txn = at_once_with_both(x, token, proof);
    const size_t len = rows[i].told == NULL ? 0 : strlen(rows[i].told);

    print_message("  %s\n", rows[i].why);
    assert_int_equal(
        occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_RETRY, rows[i].told, len), OCC_OK);
    if (rows[i].is_nonce_given) {
      assert_int_equal(x_run(x, txn), OCC_OK);
      assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
      assert_string_equal(occ_txn_reason(txn), "dpop_store_young");
    } else {
      x_is_failure(txn, x_run(x, txn), OCC_ERR_ANSWER, "store_unavailable");
      assert_int_equal(occ_txn_http_status(txn), 503);
    }
    occ_txn_free(txn);
    free(token);
    free(proof);
  }
}

/* ---- KEYS ---- */

static void test_keys__are_asked_where_the_metadata_have_none(void **state)
{
  x_host *x = *state;
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, ALG_KID("k1"), GOOD);
  occ_txn *txn;
  const occ_question *q;

  x->metadata = "{" PKJ ",\"jwks_uri\":\"https://agent.example/jwks\"}";
  txn = begin(x, OCC_TOKEN, body_with(token, ""));
  x->stop = OCC_ASK_KEYS;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_int_equal(q->kind, OCC_ASK_KEYS);
  assert_string_equal(q->issuer, X_CLIENT);
  assert_string_equal(q->client_id, X_CLIENT);
  assert_string_equal(q->kid, "k1");
  assert_null(q->type); /* a client's own keys, and nobody's evidence */
  assert_null(q->requirement);
  x->stop = OCC_ASK_NONE;
  x->verdict[OCC_ASK_KEYS] = OCC_YES;
  x->data[OCC_ASK_KEYS] = "{\"keys\":[" K1_B "]}";
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_string_equal(occ_txn_client_id(txn), X_CLIENT);
  assert_string_equal(occ_txn_fact(txn, "/client/method", NULL), "\"private_key_jwt\"");
  assert_string_equal(occ_txn_fact(txn, "/client/key", NULL), "\"" TEST_CLIENT_B_THUMBPRINT "\"");
  occ_txn_free(txn);
  free(token);
}

static void test_keys__answers(void **state)
{
  static const struct {
    const char *why;
    occ_verdict verdict;
    const char *data;
    int rc, status;
    const char *reason;
  } rows[] = {
    { "no", OCC_NO, NULL, OCC_OK, 401, "jose_key_unknown" },
    { "no, with a set", OCC_NO, "{\"keys\":[" TEST_CLIENT_B_PUBLIC "]}", OCC_OK, 401,
      "jose_key_unknown" },
    { "retry", OCC_RETRY, NULL, OCC_ERR_ANSWER, 503, "host_retry" },
    { "yes without a set", OCC_YES, NULL, OCC_ERR_ANSWER, 503, "host_answer_malformed" },
    { "no JSON", OCC_YES, "[", OCC_ERR_ANSWER, 503, "host_answer_malformed" },
    { "an array", OCC_YES, "[" TEST_CLIENT_B_PUBLIC "]", OCC_ERR_ANSWER, 503,
      "host_answer_malformed" },
    { "no set", OCC_YES, "{}", OCC_ERR_ANSWER, 503, "host_answer_malformed" },
    { "a private key", OCC_YES, "{\"keys\":[" TEST_CLIENT_B_PRIVATE "]}", OCC_ERR_ANSWER, 503,
      "host_answer_malformed" },
    { "none", OCC_YES, "{\"keys\":[]}", OCC_OK, 401, "jose_key_unknown" },
    { "another", OCC_YES, "{\"keys\":[" TEST_CLIENT_A_PUBLIC "]}", OCC_OK, 401, "jose_signature" },
  };
  x_host *x = *state;
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);

  x->metadata = "{" PKJ "}";
  for (size_t i = 0; i < X_ROWS(rows); i++) {
    occ_txn *txn = begin(x, OCC_TOKEN, body_with(token, ""));

    print_message("  %s\n", rows[i].why);
    x->verdict[OCC_ASK_KEYS] = rows[i].verdict;
    x->data[OCC_ASK_KEYS] = rows[i].data;
    assert_int_equal(x_run(x, txn), rows[i].rc);
    assert_int_equal(occ_txn_http_status(txn), rows[i].status);
    assert_string_equal(occ_txn_reason(txn), rows[i].reason);
    assert_int_equal(x->asked[OCC_ASK_KEYS], 1);
    assert_int_equal(x->asked[OCC_ASK_ONCE], 0);
    occ_txn_free(txn);
  }
  free(token);
}

static void come_late(x_host *x, const char *claims)
{
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, claims);

  x->metadata = "{" PKJ "}";
  x->verdict[OCC_ASK_KEYS] = OCC_YES;
  x->data[OCC_ASK_KEYS] = "{\"keys\":[" TEST_CLIENT_B_PUBLIC "]}";
  for (int late = 0; late <= 1; late++) { /* the skew is ten seconds: five are left */
    occ_txn *txn = begin(x, OCC_TOKEN, body_with(token, ""));

    x->now = X_T0;
    x->stop = OCC_ASK_KEYS;
    assert_int_equal(x_run(x, txn), OCC_PENDING);
    x->stop = OCC_ASK_NONE;
    x->now = X_T0 + 4999 + late;
    x->used_count = 0;
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), late ? OCC_REFUSE : OCC_GRANT);
    if (late) {
      assert_string_equal(occ_txn_reason(txn), "jwt_time");
    }
    occ_txn_free(txn);
  }
  free(token);
}

static void test_keys__come_when_the_assertion_is_over(void **state)
{
  come_late(*state, WITH_TIMES("\"exp\":1799999995"));
  come_late(*state, WITH_TIMES("\"iat\":1799999395,\"exp\":1800003000"));
}

/* ---- The registered method ---- */

static void test_method__three_different_things(void **state)
{
  static const struct {
    const char *why, *metadata, *reason;
    const char *method; /* as the policy sees it */
  } rows[] = {
    { "not authenticated: no method", "{}", NULL, NULL },
    { "public", "{\"token_endpoint_auth_method\":\"none\"}", NULL, "\"none\"" },
    { "please: private_key_jwt", USUAL, "client_not_authenticated", NULL },
    { "please: tls_client_auth", "{" TLS ",\"tls_client_auth_san_dns\":\"a\"}",
      "client_not_authenticated", NULL },
    { "please: self_signed_tls_client_auth", "{" SELF "," SET(TEST_CLIENT_A_PUBLIC) "}",
      "client_not_authenticated", NULL },
    { "please: client_secret_basic", "{\"token_endpoint_auth_method\":\"client_secret_basic\"}",
      "client_not_authenticated", NULL },
    { "please: client_secret_jwt", "{\"token_endpoint_auth_method\":\"client_secret_jwt\"}",
      "client_not_authenticated", NULL },
    { "a method that nobody knows", "{\"token_endpoint_auth_method\":\"x\"}",
      "client_not_authenticated", NULL },
    { "a method in capitals", "{\"token_endpoint_auth_method\":\"NONE\"}",
      "client_not_authenticated", NULL },
    { "a method that is no text", "{\"token_endpoint_auth_method\":7}", "client_metadata_malformed",
      NULL },
    { "a method that is null", "{\"token_endpoint_auth_method\":null}", "client_metadata_malformed",
      NULL },
    { "metadata of another client", "{\"client_id\":\"agent-8\"}", "client_mismatch", NULL },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    for (int told = 0; told <= 1; told++) { /* by the host, or by CLIENT's answer */
      char answer[1024];
      occ_txn *txn;

      (void)snprintf(answer, sizeof(answer), "{\"metadata\":%s}", rows[i].metadata);
      x->data[OCC_ASK_CLIENT] = answer;
      x->metadata = told ? rows[i].metadata : NULL;
      txn = begin(x, OCC_TOKEN, X_BODY "&client_id=" X_CLIENT);
      if (rows[i].reason == NULL) {
        x->stop = OCC_ASK_DECIDE;
        assert_int_equal(x_run(x, txn), OCC_PENDING);
        x->stop = OCC_ASK_NONE;
        assert_null(occ_txn_client_id(txn));
        if (rows[i].method == NULL) {
          assert_null(occ_txn_fact(txn, "/client/method", NULL));
        } else {
          assert_string_equal(occ_txn_fact(txn, "/client/method", NULL), rows[i].method);
        }
      }
      ends(x, txn, rows[i].why, rows[i].reason == NULL ? 0 : 401, rows[i].reason);
    }
  }
}

static void test_method__of_no_metadata(void **state)
{
  static const row with = {
    "an assertion without metadata", NULL, NULL, "client_assertion_unsupported", NULL, NULL, NULL
  };
  x_host *x = *state;

  x->metadata = NULL;
  x->data[OCC_ASK_CLIENT] = NULL; /* known, nothing to tell */
  ends(x, begin(x, OCC_TOKEN, X_BODY "&client_id=" X_CLIENT), "known", 0, NULL);
  try_row(x, &with);
}

static void test_method__of_an_assertion(void **state)
{
  static const row rows[] = {
    { "public", NULL, NULL, "client_assertion_unsupported", NULL,
      "{" NAMED "\"token_endpoint_auth_method\":\"none\"," SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
    { "none registered", NULL, NULL, "client_assertion_unsupported", NULL,
      "{" NAMED SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
    { "a secret registered", NULL, NULL, "client_assertion_unsupported", NULL,
      "{" NAMED
      "\"token_endpoint_auth_method\":\"client_secret_jwt\"," SET(TEST_CLIENT_B_PUBLIC) "}",
      NULL },
    { "TLS registered", NULL, NULL, "client_assertion_unsupported", NULL,
      "{" NAMED SELF "," SET(TEST_CLIENT_B_PUBLIC) "}", NULL },
  };

  try_rows(*state, rows, X_ROWS(rows));
}

/* What the host says counts, whatever the metadata say and the request holds. */
static void test_method__the_host_has_said_it(void **state)
{
  static const char *const method[] = { "private_key_jwt", "none", "client_secret_basic" };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(method); i++) {
    occ_txn *txn = begin(x, OCC_TOKEN, X_BODY "&client_assertion=x&client_secret=s");

    assert_int_equal(occ_txn_set_client(txn, X_CLIENT, method[i], NULL), OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    assert_true((occ_txn_client_id(txn) != NULL) == (i != 1));
    occ_txn_free(txn);
  }
}

/* Metadata that were looked up for somebody else are refused, whoever authenticated the client. */
static void test_method__metadata_of_another(void **state)
{
  static const struct {
    const char *why, *metadata, *reason;
  } rows[] = {
    { "its own", "{\"client_id\":\"agent-7\"}", NULL },
    { "no client_id", "{}", NULL },
    { "another's", "{\"client_id\":\"agent-8\"}", "client_mismatch" },
    { "in part", "{\"client_id\":\"agent\"}", "client_mismatch" },
    { "empty", "{\"client_id\":\"\"}", "client_mismatch" },
    { "no text", "{\"client_id\":7}", "client_mismatch" },
    { "null", "{\"client_id\":null}", "client_mismatch" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    for (int told = 0; told <= 1; told++) {
      for (int set = 0; set <= 1; set++) {
        char answer[256];
        occ_txn *txn;
        int rc;

        (void)snprintf(answer, sizeof(answer), "{\"metadata\":%s}", rows[i].metadata);
        x->data[OCC_ASK_CLIENT] = answer;
        x->metadata = told ? rows[i].metadata : NULL;
        txn = begin(x, OCC_TOKEN, X_BODY "&client_id=" X_CLIENT);
        if (set) {
          assert_int_equal(occ_txn_set_client(txn, X_CLIENT, "client_secret_basic", NULL), OCC_OK);
        }
        print_message("  %s, %d, %d\n", rows[i].why, told, set);
        rc = x_run(x, txn);
        assert_int_equal(rc, OCC_OK);
        assert_int_equal(occ_txn_outcome(txn), rows[i].reason == NULL ? OCC_GRANT : OCC_REFUSE);
        if (rows[i].reason != NULL) {
          assert_string_equal(occ_txn_reason(txn), rows[i].reason);
          assert_int_equal(occ_txn_http_status(txn), 401);
        }
        occ_txn_free(txn);
      }
    }
  }
}

/* The client may have written them: as much as costs one signature, and no more. */
static void test_method__metadata_have_limits(void **state)
{
  static char text[OCC__MAX_METADATA + 64], answer[OCC__MAX_METADATA + 64];
  x_host *x = *state;

  x->metadata = NULL;
  for (size_t n = OCC__MAX_METADATA_VALUES - 1; n <= OCC__MAX_METADATA_VALUES + 1; n++) {
    const int good = n <= OCC__MAX_METADATA_VALUES;
    occ_txn *txn;
    size_t len;

    (void)strcpy(text, "{\"x\":[0");
    for (size_t i = 3; i < n; i++) { /* object, array and one zero are there */
      (void)strcat(text, ",0");
    }
    (void)strcat(text, "]}");
    len = strlen(text);
    txn = begin(x, OCC_TOKEN, X_BODY "&client_id=" X_CLIENT);
    assert_int_equal(occ_txn_set_metadata(txn, text, len), good ? OCC_OK : OCC_ERR_LIMIT);
    occ_txn_free(txn);
    /* In an answer there is one object more around it. */
    (void)snprintf(answer, sizeof(answer), "{\"metadata\":%.*s", (int)len, text);
    answer[strlen(answer) - 4] = '\0'; /* one zero less */
    (void)strcat(answer, "]}}");
    x->data[OCC_ASK_CLIENT] = answer;
    txn = begin(x, OCC_TOKEN, X_BODY "&client_id=" X_CLIENT);
    assert_int_equal(x_run(x, txn), good ? OCC_OK : OCC_ERR_ANSWER);
    occ_txn_free(txn);
  }
}

/* ---- TLS ---- */

static const char *const subject[] = { "O", "Example, Inc.", "CN", "agent-7", NULL };
#define NAMES                                                                                      \
  "DNS:agent.example,DNS:*.wild.example,URI:https://agent.example/7,IP:192.0.2.7,"                 \
  "email:agent@example.org"

static occ_txn *with_certificate(x_host *x, const char *body, const uint8_t *der, size_t len,
                                 const char *verified)
{
  occ_txn *txn = begin(x, OCC_TOKEN, body);

  if (txn != NULL) {
    (void)occ_txn_set_certificate(txn, der, len);
    if (verified != NULL) {
      (void)occ_txn_set(txn, "certificate_verified", verified);
    }
  }
  return txn;
}

#define CLAIMED X_BODY "&client_id=" X_CLIENT

static void test_tls__registered_names(void **state)
{
  static const struct {
    const char *why, *registered, *reason;
  } rows[] = {
#define OTHER  "certificate_of_another"
#define BROKEN "client_metadata_malformed"
    { "subject", "\"tls_client_auth_subject_dn\":\"CN=agent-7,O=Example\\\\, Inc.\"", NULL },
    { "DNS", "\"tls_client_auth_san_dns\":\"agent.example\"", NULL },
    { "URI", "\"tls_client_auth_san_uri\":\"https://agent.example/7\"", NULL },
    { "IP", "\"tls_client_auth_san_ip\":\"192.0.2.7\"", NULL },
    { "email", "\"tls_client_auth_san_email\":\"agent@example.org\"", NULL },
    { "N-MTLS-03 substring", "\"tls_client_auth_san_dns\":\"example\"", OTHER },
    { "N-MTLS-03 longer", "\"tls_client_auth_san_dns\":\"www.agent.example\"", OTHER },
    { "N-MTLS-03 under the certificate's wildcard",
      "\"tls_client_auth_san_dns\":\"a.wild.example\"", OTHER },
    { "N-MTLS-03 wildcard", "\"tls_client_auth_san_dns\":\"*.example\"", OTHER },
    { "N-MTLS-03 URI, its beginning", "\"tls_client_auth_san_uri\":\"https://agent.example\"",
      OTHER },
    { "N-MTLS-04 blanks", "\"tls_client_auth_subject_dn\":\"CN=agent-7, O=Example\\\\, Inc.\"",
      OTHER },
    { "N-MTLS-04 quotes", "\"tls_client_auth_subject_dn\":\"CN=agent-7,O=\\\"Example, Inc.\\\"\"",
      OTHER },
    { "N-MTLS-04 order", "\"tls_client_auth_subject_dn\":\"O=Example\\\\, Inc.,CN=agent-7\"",
      OTHER },
    { "N-MTLS-06 two names",
      "\"tls_client_auth_san_dns\":\"agent.example\",\"tls_client_auth_san_ip\":\"192.0.2.7\"",
      BROKEN },
    { "N-MTLS-06 two, one of them empty",
      "\"tls_client_auth_san_dns\":\"agent.example\",\"tls_client_auth_subject_dn\":\"\"", BROKEN },
    { "none", "\"x\":1", BROKEN },
    { "empty", "\"tls_client_auth_san_dns\":\"\"", BROKEN },
    { "a number", "\"tls_client_auth_san_dns\":7", BROKEN },
    { "a list", "\"tls_client_auth_san_dns\":[\"agent.example\"]", BROKEN },
    { "null", "\"tls_client_auth_san_dns\":null", BROKEN },
#undef OTHER
#undef BROKEN
  };
  x_host *x = *state;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, NAMES);

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    char metadata[1024];

    (void)snprintf(metadata, sizeof(metadata), "{" TLS ",%s}", rows[i].registered);
    x->metadata = metadata;
    ends(x, with_certificate(x, CLAIMED, der, len, "true"), rows[i].why,
         rows[i].reason == NULL ? 0 : 401, rows[i].reason);
  }
  free(der);
}

static void test_tls__needs_the_hosts_word(void **state)
{
  static const char pem[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
  x_host *x = *state;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, NAMES);
  occ_txn *txn;

  x->metadata = "{" TLS ",\"tls_client_auth_san_dns\":\"agent.example\"}";
  ends(x, with_certificate(x, CLAIMED, der, len, NULL), "no word", 401, "certificate_unverified");
  ends(x, with_certificate(x, CLAIMED, der, len, "false"), "not verified", 401,
       "certificate_unverified");
  txn = begin(x, OCC_TOKEN, CLAIMED);
  assert_int_equal(occ_txn_set(txn, "certificate_verified", "true"), OCC_OK);
  ends(x, txn, "N-MTLS-01 the word without a certificate", 401, "client_not_authenticated");
  ends(x, with_certificate(x, X_BODY, der, len, "true"), "no client id in the request", 401,
       "client_not_authenticated");
  txn = begin(x, OCC_TOKEN, CLAIMED); /* a header is nobody's certificate */
  assert_int_equal(occ_txn_add_header(txn, "Client-Cert", ":MAA=:", 6), OCC_OK);
  assert_int_equal(occ_txn_add_header(txn, "X-Client-Cert", "MAA=", 4), OCC_OK);
  assert_int_equal(occ_txn_set(txn, "certificate_verified", "true"), OCC_OK);
  ends(x, txn, "N-MTLS-05 a header of the client's", 401, "client_not_authenticated");
  txn = begin(x, OCC_TOKEN, CLAIMED);
  assert_int_equal(occ_txn_set_certificate(txn, pem, sizeof(pem) - 1), OCC_ERR_ARGUMENT);
  x_is_failure(txn, x_run(x, txn), OCC_ERR_ARGUMENT, "host_input"); /* N-MTLS-07 */
  occ_txn_free(txn);
  ends(x, with_certificate(x, CLAIMED, (const uint8_t *)"\x30\x03\x02\x01\x01", 5, "true"),
       "DER of something else", 401, "certificate_malformed");
  free(der);
}

/* N-MTLS-08: behind the certificate, inside of what is a SEQUENCE as a whole. */
static void test_tls__octets_behind_the_certificate(void **state)
{
  x_host *x = *state;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, NAMES);
  uint8_t *longer = malloc(len + 2);
  occ_txn *txn = begin(x, OCC_TOKEN, CLAIMED);

  assert_non_null(longer);
  memcpy(longer, der, len);
  longer[len] = longer[len + 1] = 0;
  assert_int_equal(occ_txn_set_certificate(txn, longer, len + 1), OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
  assert_int_equal(longer[1], 0x82); /* two octets of length: two more octets in it */
  longer[2] = (uint8_t)((len - 4 + 2) >> 8);
  longer[3] = (uint8_t)(len - 4 + 2);
  x->metadata = "{" TLS ",\"tls_client_auth_san_dns\":\"agent.example\"}";
  ends(x, with_certificate(x, CLAIMED, longer, len + 2, "true"), "N-MTLS-08 garbage inside", 401,
       "certificate_malformed");
  free(longer);
  free(der);
}

static void test_tls__becomes_key_and_sender(void **state)
{
  x_host *x = *state;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, NAMES);
  occ_txn *txn;

  x->metadata = "{" TLS ",\"tls_client_auth_san_dns\":\"agent.example\"}";
  txn = with_certificate(x, CLAIMED, der, len, "true");
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  x->stop = OCC_ASK_NONE;
  assert_string_equal(occ_txn_client_id(txn), X_CLIENT);
  assert_string_equal(occ_txn_fact(txn, "/client/method", NULL), "\"tls_client_auth\"");
  assert_non_null(occ_txn_sender(txn, OCC_SENDER_MTLS));
  assert_non_null(strstr(occ_txn_fact(txn, "/client", NULL), occ_txn_sender(txn, OCC_SENDER_MTLS)));
  occ_txn_free(txn);
  free(der);
}

/* N-MTLS-09: a thumbprint has one spelling. */
static void test_tls__thumbprints_have_one_spelling(void **state)
{
  static const char *const bad[] = {
    "5PYNCqbX89O2pklLHIYbmfZJxvnsUauvIBsg8pcyfJU=", "5PYNCqbX89O2pklLHIYbmfZJxvnsUauvIBsg8pcyfJV",
    "e4f60d0aa6d7f3d3b6a6494b1c861b99f649c6f9ec51abaf201b20f297327c95",
    "5PYNCqbX89O2pklLHIYbmfZJxvnsUauvIBsg8pcyfJ"
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(bad); i++) {
    occ_txn *txn = begin(x, OCC_TOKEN, X_BODY);

    assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_MTLS, bad[i]), OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
}

/* ---- Self-signed ---- */

static void test_self_signed__by_certificate_or_key(void **state)
{
  static const struct {
    const char *why, *format, *reason; /* %s: x5c of the certificate */
  } rows[] = {
    { "x5c beside another key",
      "{" SELF "," SET("{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"%s\"]}") "}", NULL },
    { "x5c of the second key",
      "{" SELF "," SET(TEST_CLIENT_B_PUBLIC ",{" TEST_ISSUER_MEMBERS ",\"x5c\":[\"%s\"]}") "}",
      NULL },
    { "x5c of a kind of key that is not ours",
      "{" SELF "," SET("{\"kty\":\"AKP\",\"x5c\":[\"%s\"]}") "}", NULL },
    { "the key", "{" SELF "," SET(TEST_CLIENT_A_PUBLIC) "}", NULL },
    { "the key, another certificate of it",
      "{" SELF "," SET("{" TEST_CLIENT_A_MEMBERS ",\"x5c\":[\"MAA=\"]}") "}", NULL },
    { "the second of x5c",
      "{" SELF "," SET("{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"MAA=\",\"%s\"]}") "}",
      "certificate_of_another" },
    { "x5c cut", "{" SELF "," SET("{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"AAAA%s\"]}") "}",
      "certificate_of_another" },
    { "x5c is no list", "{" SELF "," SET("{" TEST_CLIENT_B_MEMBERS ",\"x5c\":\"%s\"}") "}",
      "certificate_of_another" },
    { "x5c of a number", "{" SELF "," SET("{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[7]}") "}",
      "certificate_of_another" },
    { "another key", "{" SELF "," SET(TEST_CLIENT_B_PUBLIC) "}", "certificate_of_another" },
    { "no key", "{" SELF ",\"jwks\":{\"keys\":[]}}", "certificate_of_another" },
    { "no set", "{" SELF ",\"jwks\":[]}", "jose_key" },
  };
  static char metadata[8192];
  x_host *x = *state;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, NULL);
  char *x5c = test_b64_plain(der, len);

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    const char *at = strstr(rows[i].format, "%s");

    (void)snprintf(metadata, sizeof(metadata), "%.*s%s%s",
                   (int)(at == NULL ? strlen(rows[i].format) : (size_t)(at - rows[i].format)),
                   rows[i].format, at == NULL ? "" : x5c, at == NULL ? "" : at + 2);
    x->metadata = metadata;
    ends(x, with_certificate(x, CLAIMED, der, len, NULL), rows[i].why,
         rows[i].reason == NULL ? 0 : 401, rows[i].reason); /* its chain is nobody's matter */
  }
  free(x5c);
  free(der);
}

/* As long as the registered one, and an octet of it is another. */
static void test_self_signed__x5c_differs_somewhere(void **state)
{
  static char metadata[8192];
  x_host *x = *state;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, NULL);
  const size_t step = len / 20;

  for (size_t at = 0; at < len; at += step) {
    char *x5c;

    der[at] ^= 1;
    x5c = test_b64_plain(der, len);
    der[at] ^= 1;
    (void)snprintf(metadata, sizeof(metadata),
                   "{" SELF ",\"jwks\":{\"keys\":[{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"%s\"]}]}}",
                   x5c);
    x->metadata = metadata;
    ends(x, with_certificate(x, CLAIMED, der, len, NULL), "an octet", 401,
         "certificate_of_another");
    free(x5c);
  }
  free(der);
}

/* Lengths of DER that leave zero, one and two characters of padding. */
static void test_self_signed__x5c_of_every_length(void **state)
{
  static const char *const names[] = { "DNS:a.example", "DNS:aa.example", "DNS:aaa.example" };
  static char metadata[8192];
  unsigned seen = 0;
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(names); i++) {
    size_t len = 0;
    /* Ed25519: its signatures have one length. */
    uint8_t *der = test_certificate(&len, TEST_ISSUER_ED_PRIVATE, subject, names[i]);
    char *x5c = test_b64_plain(der, len);

    seen |= 1u << len % 3;
    (void)snprintf(metadata, sizeof(metadata),
                   "{" SELF ",\"jwks\":{\"keys\":[{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"%s\"]}]}}",
                   x5c);
    x->metadata = metadata;
    ends(x, with_certificate(x, CLAIMED, der, len, NULL), names[i], 0, NULL);
    free(x5c);
    free(der);
  }
  assert_int_equal(seen, 7);
}

static void test_self_signed__certificate_that_is_none(void **state)
{
  x_host *x = *state;

  x->metadata = "{" SELF "," SET(TEST_CLIENT_A_PUBLIC) "}";
  ends(x, with_certificate(x, CLAIMED, (const uint8_t *)"\x30\x00", 2, "true"), "no certificate",
       401, "certificate_malformed");
}

/* The certificate of RFC 8705 appendix A, its key and its thumbprint. */
static void test_tls__published_certificate(void **state)
{
#define X5C_8705                                                                                   \
  "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIy"               \
  "MDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwq"               \
  "V6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8w"               \
  "CgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV"               \
  "bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="
#define KEY_8705                                                                                   \
  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"1yfLHCpXqFjxCeHHHMVDTcLscpb07KUxudBmOMn8C7Q\","        \
  "\"y\":\"8_coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8\""
  static const char *const metadata[] = {
    "{" SELF "," SET("{" KEY_8705 ",\"x5c\":[\"" X5C_8705 "\"]}") "}",
    "{" SELF "," SET("{" KEY_8705 "}") "}",
    "{" SELF "," SET("{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"" X5C_8705 "\"]}") "}",
    "{" TLS ",\"tls_client_auth_subject_dn\":\"CN=mtls\"}",
  };
  x_host *x = *state;
  uint8_t der[512];
  size_t len = 0;

  assert_int_equal(occ__b64_decode_padded(der, sizeof(der), &len, occ__span_text(X5C_8705)),
                   OCC_OK);
  for (size_t i = 0; i < X_ROWS(metadata); i++) {
    occ_txn *txn;

    x->metadata = metadata[i];
    txn = with_certificate(x, CLAIMED, der, len, "true");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    assert_string_equal(occ_txn_confirmation(txn),
                        "{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}");
    occ_txn_free(txn);
  }
}

/* Header and claims of RFC 10070 section 4.1, whose signature is not printed: signed with a key of ours. */
static void test_assertion__published_claims(void **state)
{
  static const char header[] =
      "{\"typ\":\"client-authentication+jwt\",\"alg\":\"ES256\",\"kid\":\"16\"}";
  static const char claims[] =
      "{\"iat\":1752702206,\"exp\":1752705806,\"jti\":\"j\",\"iss\":\"https://client.example\","
      "\"sub\":\"https://client.example\",\"aud\":\"https://authz.example.net\"}";
  x_host *x = *state;
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, header, claims);
  occ_config *config = NULL;
  occ_txn *txn;

  occ_server_free(x->server);
  x->server = NULL;
  assert_int_equal(occ_config_new(&config, x->lib, "https://authz.example.net"), OCC_OK);
  assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
  assert_int_equal(occ_config_load(config, PLAIN, strlen(PLAIN)), OCC_OK);
  assert_int_equal(occ_server_new(&x->server, config), OCC_OK);
  occ_config_free(config);
  x->now = INT64_C(1752702206000);
  x->metadata = "{\"client_id\":\"https://client.example\"," METHOD
                "," SET("{\"kid\":\"16\"," TEST_CLIENT_B_MEMBERS "}") "}";
  txn = begin(x, OCC_TOKEN, body_with(token, ""));
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_string_equal(occ_txn_client_id(txn), "https://client.example");
  occ_txn_free(txn);
  free(token);
}

/* The public key is no secret: whoever has it can make a MAC with it. */
static void test_assertion__mac_by_the_public_key(void **state)
{
  static const char *const keys[] = { TEST_CLIENT_B_PUBLIC, TEST_CLIENT_B_MEMBERS,
                                      "VsXqTrTtDKj9AgOeyVkhSD8tKY4BT0Aaxk0Fm3sHdck" };
  static const char *const algs[] = { "HS256", "ES256" };
  x_host *x = *state;

  for (size_t a = 0; a < X_ROWS(algs); a++) {
    for (size_t i = 0; i < X_ROWS(keys); i++) {
      char header[64], *input, *token;
      uint8_t mac[64] = { 0 };
      unsigned len = 0;

      (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algs[a]);
      token = test_token(header, strlen(header), GOOD, strlen(GOOD), "x", 1);
      input = token; /* less the signature of one octet */
      assert_non_null(HMAC(EVP_sha256(), keys[i], (int)strlen(keys[i]), (const uint8_t *)input,
                           strlen(input) - 3, mac, &len));
      free(token);
      token = test_token(header, strlen(header), GOOD, strlen(GOOD), mac, a == 0 ? len : 64);
      ends(x, begin(x, OCC_TOKEN, body_with(token, "")), "N-JA-05 a MAC by the public key", 401,
           a == 0 ? "jose_alg" : "jose_signature");
      free(token);
    }
  }
}

/* ---- What the client has registered for its tokens ---- */

static void test_registered__bound_tokens(void **state)
{
#define DPOP_BOUND "{\"dpop_bound_access_tokens\":true}"
#define TLS_BOUND  "{\"tls_client_certificate_bound_access_tokens\":true}"
  static const struct {
    const char *why, *metadata;
    int proof, certificate;
    occ_endpoint endpoint;
    int status;
    const char *reason;
  } rows[] = {
    { "N-DPOP-19 no proof", DPOP_BOUND, 0, 0, OCC_TOKEN, 400, "dpop_missing" },
    { "N-DPOP-19 a certificate instead", DPOP_BOUND, 0, 1, OCC_TOKEN, 400, "dpop_missing" },
    { "a proof", DPOP_BOUND, 1, 0, OCC_TOKEN, 0, NULL },
    { "no token is made at the PAR endpoint", DPOP_BOUND, 0, 0, OCC_PAR, 0, NULL },
    { "not bound", "{\"dpop_bound_access_tokens\":false}", 0, 0, OCC_TOKEN, 0, NULL },
    { "a text is no true", "{\"dpop_bound_access_tokens\":\"true\"}", 0, 0, OCC_TOKEN, 0, NULL },
    { "N-MTLS-01 no certificate", TLS_BOUND, 0, 0, OCC_TOKEN, 400, "certificate_missing" },
    { "N-MTLS-01 a proof instead", TLS_BOUND, 1, 0, OCC_TOKEN, 400, "certificate_missing" },
    { "a certificate", TLS_BOUND, 0, 1, OCC_TOKEN, 0, NULL },
    { "not bound", "{\"tls_client_certificate_bound_access_tokens\":false}", 0, 0, OCC_TOKEN, 0,
      NULL },
  };
  x_host *x = *state;
  char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, NOW, "p", NULL);

  for (size_t i = 0; i < X_ROWS(rows); i++) {
    for (int set = 0; set <= 1;
         set++) { /* the client named itself; the host has authenticated it */
      occ_txn *txn;

      x->metadata = rows[i].metadata;
      x->used_count = 0;
      txn = begin(x, rows[i].endpoint, CLAIMED);
      if (set) {
        assert_int_equal(occ_txn_set_client(txn, X_CLIENT, "client_secret_basic", NULL), OCC_OK);
      }
      if (rows[i].proof) {
        assert_int_equal(occ_txn_add_header(txn, "DPoP", proof, strlen(proof)), OCC_OK);
      }
      if (rows[i].certificate) {
        assert_int_equal(occ_txn_set_certificate(txn, "\x30\x00", 2), OCC_OK);
      }
      print_message("  %s\n", rows[i].why);
      assert_int_equal(x_run(x, txn), OCC_OK);
      assert_int_equal(occ_txn_http_status(txn), rows[i].status);
      if (rows[i].reason != NULL) {
        assert_string_equal(occ_txn_reason(txn), rows[i].reason);
        assert_true((occ_txn_header_name(txn, 0) != NULL &&
                     strcmp(occ_txn_header_name(txn, 0), "DPoP-Nonce") == 0) ==
                    (strcmp(rows[i].reason, "dpop_missing") == 0));
      }
      occ_txn_free(txn);
    }
  }
  free(proof);
}

static void test_registered__bound_by_the_hosts_word(void **state)
{
  x_host x;
  (void)state;

  x_open(&x, "{\"dpop\":\"host\",\"store_id\":\"" X_STORE_ID "\"}", NULL, NULL);
  x.metadata = DPOP_BOUND;
  for (int shown = 0; shown <= 1; shown++) {
    occ_txn *txn = begin(&x, OCC_TOKEN, CLAIMED);

    if (shown) {
      assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_DPOP, TEST_CLIENT_A_THUMBPRINT), OCC_OK);
    }
    assert_int_equal(x_run(&x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), shown ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
  }
  x_close(&x);
}

static void test_registered__dpop_jkt(void **state)
{
  static const struct {
    const char *why, *jkt;
    int proof;
    occ_endpoint endpoint;
    const char *reason;
  } rows[] = {
    { "the key's", TEST_CLIENT_A_THUMBPRINT, 1, OCC_PAR, NULL },
    { "N-DPOP-21 another key's", TEST_CLIENT_B_THUMBPRINT, 1, OCC_PAR, "dpop_jkt" },
    { "N-DPOP-21 padded", TEST_CLIENT_A_THUMBPRINT "%3D", 1, OCC_PAR, "dpop_jkt" },
    { "N-DPOP-21 with a zero octet", TEST_CLIENT_A_THUMBPRINT "%00", 1, OCC_PAR, "dpop_jkt" },
    { "N-DPOP-21 in capitals", "RS2XX4CK0ITIZCCTVYPMJWAADMXGYLKKJLZ_LRKKRS4", 1, OCC_PAR,
      "dpop_jkt" },
    { "N-DPOP-21 as a URI (RFC 9278)",
      "urn:ietf:params:oauth:jwk-thumbprint:sha-256:" TEST_CLIENT_A_THUMBPRINT, 1, OCC_PAR,
      "dpop_jkt" },
    { "empty counts as absent", "", 1, OCC_PAR, NULL },
    { "no proof: the parameter alone binds", TEST_CLIENT_B_THUMBPRINT, 0, OCC_PAR, NULL },
    { "means nothing at the token endpoint", TEST_CLIENT_B_THUMBPRINT, 1, OCC_TOKEN, NULL },
  };
  x_host *x = *state;

  x->metadata = "{}";
  for (size_t i = 0; i < X_ROWS(rows); i++) {
    char body[256];
    char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST",
                            rows[i].endpoint == OCC_PAR ? PAR : X_TOKEN, NOW, rows[i].why, NULL);
    occ_txn *txn;

    (void)snprintf(body, sizeof(body), CLAIMED "&dpop_jkt=%s", rows[i].jkt);
    txn = begin(x, rows[i].endpoint, body);
    if (rows[i].proof) {
      assert_int_equal(occ_txn_add_header(txn, "DPoP", proof, strlen(proof)), OCC_OK);
    }
    ends(x, txn, rows[i].why, rows[i].reason == NULL ? 0 : 400, rows[i].reason);
    free(proof);
  }
}

/* ---- Memory ---- */

/* A request in which allocation n fails, for every n: a failure with something to send, or as without it. */
static void survive(occ_txn *(*make)(x_host *x, void *data), void *data, const char *metadata)
{
  for (int keep = 0; keep <= 1; keep++) {
    bool failed = true;

    for (size_t n = 0; failed && n < 1000; n++) {
      x_host x;
      occ_txn *txn;
      int rc;

      x_open(&x, PLAIN, NULL, NULL);
      x.metadata = metadata;
      x.verdict[OCC_ASK_KEYS] = OCC_YES;
      x.data[OCC_ASK_KEYS] = "{\"keys\":[" TEST_CLIENT_B_PUBLIC "," TEST_ISSUER_ED_PUBLIC "]}";
      x.fm.count = 0;
      x.fm.until = n;
      x.fm.keep = keep != 0;
      txn = make(&x, data);
      rc = txn == NULL ? OCC_ERR_MEMORY : x_run(&x, txn);
      failed = x.fm.failed;
      if (!failed) {
        assert_int_equal(rc, OCC_OK);
        assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
      } else if (rc != OCC_OK && txn != NULL) {
        x_is_failure(txn, rc, OCC_ERR_MEMORY, NULL);
      } else if (txn != NULL) { /* the answer had no memory, and this host gave up */
        assert_int_not_equal(occ_txn_outcome(txn), OCC_GRANT);
      }
      occ_txn_free(txn);
      x_close(&x);
    }
    assert_false(failed);
  }
}

static occ_txn *make_assertion(x_host *x, void *data)
{
  return begin(x, OCC_TOKEN, body_with(data, ""));
}

typedef struct shown {
  uint8_t *der;
  size_t len;
} shown;

static occ_txn *make_tls(x_host *x, void *data)
{
  const shown *certificate = data;

  return with_certificate(x, CLAIMED, certificate->der, certificate->len, "true");
}

static void test_authenticate__survives_every_failed_allocation(void **state)
{
  char *token = test_jws(TEST_CLIENT_B_PRIVATE, HEADER, GOOD);
  static char metadata[8192];
  shown own = { NULL, 0 };
  char *x5c;
  (void)state;

  survive(make_assertion, token, USUAL);
  survive(make_assertion, token, "{" PKJ "}");
  own.der = test_certificate(&own.len, TEST_ISSUER_ED_PRIVATE, subject, NAMES);
  x5c = test_b64_plain(own.der, own.len);
  survive(make_tls, &own, "{" TLS ",\"tls_client_auth_san_dns\":\"agent.example\"}");
  survive(make_tls, &own, "{" SELF "}");
  (void)snprintf(metadata, sizeof(metadata),
                 "{" SELF ",\"jwks\":{\"keys\":[{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"%s\"]}]}}",
                 x5c);
  survive(make_tls, &own, metadata);
  free(x5c);
  free(own.der);
  free(token);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
    TEST(test_assertion__of_the_client),
    TEST(test_assertion__unknown_client),
    TEST(test_assertion__names_have_a_limit),
    TEST(test_assertion__audience),
    cmocka_unit_test(test_assertion__audience_of_old_clients),
    TEST(test_assertion__at_the_par_endpoint),
    TEST(test_assertion__times),
    TEST(test_assertion__needs_a_jti),
    TEST(test_assertion__has_limits),
    TEST(test_assertion__algorithms_and_keys),
    cmocka_unit_test(test_assertion__algorithms_by_configuration),
    TEST(test_assertion__typ),
    TEST(test_assertion__is_no_jwt),
    TEST(test_assertion__parameters),
    TEST(test_assertion__beside_an_authorization_header),
    TEST(test_assertion__is_used_once),
    TEST(test_once__is_asked_for_the_assertion),
    TEST(test_once__proof_comes_before_assertion),
    TEST(test_once__young_store_with_both),
    TEST(test_keys__are_asked_where_the_metadata_have_none),
    TEST(test_keys__answers),
    TEST(test_keys__come_when_the_assertion_is_over),
    TEST(test_method__three_different_things),
    TEST(test_method__of_no_metadata),
    TEST(test_method__of_an_assertion),
    TEST(test_method__the_host_has_said_it),
    TEST(test_method__metadata_of_another),
    TEST(test_method__metadata_have_limits),
    TEST(test_tls__registered_names),
    TEST(test_tls__needs_the_hosts_word),
    TEST(test_tls__octets_behind_the_certificate),
    TEST(test_tls__becomes_key_and_sender),
    TEST(test_tls__thumbprints_have_one_spelling),
    TEST(test_tls__published_certificate),
    TEST(test_assertion__published_claims),
    TEST(test_assertion__mac_by_the_public_key),
    TEST(test_self_signed__by_certificate_or_key),
    TEST(test_self_signed__x5c_of_every_length),
    TEST(test_self_signed__x5c_differs_somewhere),
    TEST(test_self_signed__certificate_that_is_none),
    TEST(test_registered__bound_tokens),
    cmocka_unit_test(test_registered__bound_by_the_hosts_word),
    TEST(test_registered__dpop_jkt),
    cmocka_unit_test(test_authenticate__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("core/authenticate", tests, NULL, NULL);
}
