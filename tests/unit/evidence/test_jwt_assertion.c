/* SPDX-License-Identifier: MIT */

/* jwt_assertion through whole exchanges: every rule of its profile as a row (presentation.md 5.3), its options and
 * templates, and the keys that the host is asked for. Tokens are signed by OpenSSL alone (test_keys.h). */

#include "evidence/builtin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "txn_host.h"

#define TYP               "client-challenge-assertion+jwt"
#define ES                "{\"alg\":\"ES256\",\"typ\":\"" TYP "\",\"kid\":\"k1\"}"
#define KEY(members, kid) "{" members ",\"kid\":\"" kid "\"}"
#define OPTIONS                                                                                    \
  "\"issuers\":{\"https://iss.example\":{\"jwks\":{\"keys\":[" KEY(                                \
      TEST_ISSUER_MEMBERS,                                                                         \
      "k1") "]}},\"https://ed.example\":{\"jwks\":{\"keys\":[" TEST_ISSUER_ED_PUBLIC "]}},"        \
            "\"https://two.example\":{\"jwks\":{\"keys\":[" KEY(TEST_ISSUER_MEMBERS, "a") "," KEY( \
                TEST_CLIENT_B_MEMBERS,                                                             \
                "b") "]}},\"https://none.example\":{\"jwks\":{\"keys\":[]}},"                      \
                     "\"https://other.example\":{}}"
#define REQUIREMENTS                                                                               \
  "\"requirements\":{\"any\":{\"type\":\"jwt_assertion\"},"                                        \
  "\"ed\":{\"type\":\"jwt_assertion\",\"issuer\":[\"https://ed.example\"]},"                       \
  "\"self\":{\"type\":\"jwt_assertion\",\"issuer\":[\"" X_CLIENT "\",\"https://iss.example\"]},"   \
  "\"claims\":{\"type\":\"jwt_assertion\",\"required_claims\":[\"email\",\"level\"]}}}"
#define CONFIG      "{" X_BASE "\"jwt_assertion\":{" OPTIONS "}," REQUIREMENTS
#define CONFIG_SELF "{" X_BASE "\"jwt_assertion\":{\"self_issued\":true," OPTIONS "}," REQUIREMENTS
#define CONFIG_ED   "{" X_BASE "\"jwt_assertion\":{\"algs\":[\"Ed25519\"]," OPTIONS "}," REQUIREMENTS
#define CONFIG_TYP  "{" X_BASE "\"jwt_assertion\":{\"typ\":\"my+jwt\"," OPTIONS "}," REQUIREMENTS

static x_host host;

static int open_with(void **state, const char *config)
{
  x_open(&host, config, NULL, NULL);
  host.challenge = "any";
  *state = &host;
  return 0;
}

static int set_up(void **state)
{
  return open_with(state, CONFIG);
}

static int set_up_self(void **state)
{
  return open_with(state, CONFIG_SELF);
}

static int set_up_ed(void **state)
{
  return open_with(state, CONFIG_ED);
}

static int set_up_typ(void **state)
{
  return open_with(state, CONFIG_TYP);
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

/* Claims that are good now, with the members of `patch` over them; the text "-" takes a member away. */
static char *claims_of(const x_host *x, const char *patch)
{
  static unsigned number;
  json_t *claims = json_pack("{ss,ss,ss,ss,sI,sI}", "iss", "https://iss.example", "sub", X_CLIENT,
                             "aud", X_ISSUER, "nonce", x->handle, "iat", (json_int_t)(X_T0 / 1000),
                             "exp", (json_int_t)(X_T0 / 1000 + 300));
  json_t *over = json_loads(patch == NULL ? "{}" : patch, 0, NULL), *value;
  char jti[32], *text;
  const char *name;

  (void)snprintf(jti, sizeof(jti), "jti-%u", number++);
  assert_int_equal(json_object_set_new(claims, "jti", json_string(jti)), 0);
  assert_non_null(over);
  json_object_foreach(over, name, value)
  {
    if (json_is_string(value) && strcmp(json_string_value(value), "-") == 0) {
      json_object_del(claims, name);
    } else {
      assert_int_equal(json_object_set(claims, name, value), 0);
    }
  }
  text = json_dumps(claims, JSON_COMPACT);
  json_decref(over);
  json_decref(claims);
  return text;
}

static char *token_of(const x_host *x, const char *key, const char *header, const char *patch)
{
  char *claims = claims_of(x, patch);
  char *token =
      test_jws(key == NULL ? TEST_ISSUER_PRIVATE : key, header == NULL ? ES : header, claims);

  free(claims);
  return token;
}

/* A follow-up with the token, not run. */
static occ_txn *with_token(x_host *x, const char *token)
{
  static char evidence[48 * 1024];
  int len =
      snprintf(evidence, sizeof(evidence), "claim_token_format=" X_JWT "&claim_token=%s", token);

  assert_true(len > 0 && (size_t)len < sizeof(evidence));
  return x_follow_up(x, evidence);
}

/* Rows leave out what is usual. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define REJECTED "evidence_rejected"

typedef struct row {
  const char *why, *patch;
  const char *detail; /* NULL: granted */
  const char *header, *key, *requirement, *params;
} row;

static void expect(x_host *x, occ_txn *txn, const char *detail)
{
  assert_int_equal(x_run(x, txn), OCC_OK);
  if (detail == NULL) {
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    return;
  }
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_string_equal(occ_txn_reason(txn), REJECTED);
  assert_int_equal(x_logged(txn, "detail", detail), 1);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"error\":\"unauthorized_client\""));
}

static void run_rows(x_host *x, const row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    char *token;
    occ_txn *txn;

    print_message("  %s\n", rows[i].why);
    x->challenge = rows[i].requirement == NULL ? "any" : rows[i].requirement;
    x->params = rows[i].params;
    x_challenge(x);
    token = token_of(x, rows[i].key, rows[i].header, rows[i].patch);
    txn = with_token(x, token);
    expect(x, txn, rows[i].detail);
    occ_txn_free(txn);
    free(token);
  }
  assert_int_equal(x->asked[OCC_ASK_KEYS], 0);
}

/* ---- Claims ---- */

static void test_claims__issuer_subject_audience(void **state)
{
  static const row rows[] = {
    { "as it must be", NULL, NULL },
    { "iss missing", "{\"iss\":\"-\"}", "jwt_issuer" },
    { "iss a number", "{\"iss\":1}", "jwt_issuer" },
    { "iss empty", "{\"iss\":\"\"}", "jwt_issuer" },
    { "iss an array", "{\"iss\":[\"https://iss.example\"]}", "jwt_issuer" },
    { "N78 iss not configured", "{\"iss\":\"https://evil.example\"}", "jwt_issuer" },
    { "iss with a slash more", "{\"iss\":\"https://iss.example/\"}", "jwt_issuer" },
    { "iss in another case", "{\"iss\":\"https://ISS.example\"}", "jwt_issuer" },
    { "iss configured, but not for this", NULL, "jwt_issuer", NULL, NULL, "ed" },
    { "iss is the server", "{\"iss\":\"" X_ISSUER "\"}", "jwt_issuer" },
    { "iss is the client", "{\"iss\":\"" X_CLIENT "\"}", "jwt_issuer" },
    { "iss is the client, and listed", "{\"iss\":\"" X_CLIENT "\"}", "jwt_issuer", NULL, NULL,
      "self" },
    { "N86 iss is the client, with its own key", "{\"iss\":\"" X_CLIENT "\"}", "jwt_issuer", NULL,
      TEST_CLIENT_A_PRIVATE },
    { "sub missing", "{\"sub\":\"-\"}", "jwt_subject" },
    { "sub a number", "{\"sub\":7}", "jwt_subject" },
    { "sub empty", "{\"sub\":\"\"}", "jwt_subject" },
    { "sub another client", "{\"sub\":\"agent-8\"}", "jwt_subject" },
    { "sub with an octet more", "{\"sub\":\"agent-7 \"}", "jwt_subject" },
    { "sub in another case", "{\"sub\":\"AGENT-7\"}", "jwt_subject" },
    { "sub an array", "{\"sub\":[\"agent-7\"]}", "jwt_subject" },
    { "aud an array of it", "{\"aud\":[\"" X_ISSUER "\"]}", NULL },
    { "aud missing", "{\"aud\":\"-\"}", "jwt_audience" },
    { "N79 aud another server", "{\"aud\":\"https://as2.example\"}", "jwt_audience" },
    { "aud the token endpoint", "{\"aud\":\"" X_TOKEN "\"}", "jwt_audience" },
    { "aud with a slash more", "{\"aud\":\"" X_ISSUER "/\"}", "jwt_audience" },
    { "aud a number", "{\"aud\":1}", "jwt_audience" },
    { "aud empty", "{\"aud\":\"\"}", "jwt_audience" },
    { "aud an empty array", "{\"aud\":[]}", "jwt_audience" },
    { "aud two of them", "{\"aud\":[\"" X_ISSUER "\",\"https://as2.example\"]}", "jwt_audience" },
    { "aud twice the same", "{\"aud\":[\"" X_ISSUER "\",\"" X_ISSUER "\"]}", "jwt_audience" },
    { "aud an array of a number", "{\"aud\":[1]}", "jwt_audience" },
    { "aud an array in an array", "{\"aud\":[[\"" X_ISSUER "\"]]}", "jwt_audience" },
    { "aud an object", "{\"aud\":{\"a\":\"" X_ISSUER "\"}}", "jwt_audience" },
  };

  run_rows(*state, rows, X_ROWS(rows));
}

/* X_T0 is 1800000000; the skew is 10 s, the longest life 600 s. */
static void test_claims__times(void **state)
{
  static const row rows[] = {
    { "exp missing", "{\"exp\":\"-\"}", "jwt_claim" },
    { "exp a text", "{\"exp\":\"1800000300\"}", "jwt_claim" },
    { "exp null", "{\"exp\":null}", "jwt_claim" },
    { "exp negative", "{\"exp\":-1}", "jwt_claim" },
    { "exp beyond 2^53", "{\"exp\":9007199254740993}", "jwt_claim" },
    { "exp: 11 s ago", "{\"exp\":1799999989,\"iat\":1799999900}", "jwt_time" },
    { "exp: 10 s ago", "{\"exp\":1799999990,\"iat\":1799999900}", "jwt_time" },
    { "exp: 9 s ago", "{\"exp\":1799999991,\"iat\":1799999900}", NULL },
    { "exp with a fraction", "{\"exp\":1800000300.5}", NULL },
    { "exp in milliseconds", "{\"exp\":1800000300000}", "jwt_time" },
    { "iat missing", "{\"iat\":\"-\"}", "jwt_claim" },
    { "iat a text", "{\"iat\":\"1800000000\"}", "jwt_claim" },
    { "iat false", "{\"iat\":false}", "jwt_claim" },
    { "iat negative", "{\"iat\":-5}", "jwt_claim" },
    { "iat: 9 s ahead", "{\"iat\":1800000009}", NULL },
    { "iat: 10 s ahead", "{\"iat\":1800000010}", NULL },
    { "iat: 11 s ahead", "{\"iat\":1800000011}", "jwt_time" },
    { "N84 exp - iat: one hour", "{\"exp\":1800003600}", "jwt_time" },
    { "exp - iat: 599 s", "{\"exp\":1800000599}", NULL },
    { "exp - iat: 600 s", "{\"exp\":1800000600}", NULL },
    { "exp - iat: 601 s", "{\"exp\":1800000601}", "jwt_time" },
    { "exp - iat: 601 s, in the past", "{\"iat\":1799999700,\"exp\":1800000301}", "jwt_time" },
    { "exp is iat", "{\"exp\":1800000000}", NULL },
    { "exp before iat", "{\"exp\":1800000004,\"iat\":1800000005}", "jwt_time" },
    { "nbf: 9 s ahead", "{\"nbf\":1800000009}", NULL },
    { "nbf: 10 s ahead", "{\"nbf\":1800000010}", NULL },
    { "nbf: 11 s ahead", "{\"nbf\":1800000011}", "jwt_time" },
    { "nbf a text", "{\"nbf\":\"1\"}", "jwt_claim" },
    { "nbf long ago", "{\"nbf\":1}", NULL },
  };

  run_rows(*state, rows, X_ROWS(rows));
}

static void test_claims__jti(void **state)
{
  static const row rows[] = {
    { "missing", "{\"jti\":\"-\"}", "jwt_claim" }, { "empty", "{\"jti\":\"\"}", "jwt_claim" },
    { "a number", "{\"jti\":1}", "jwt_claim" },    { "null", "{\"jti\":null}", "jwt_claim" },
    { "an array", "{\"jti\":[]}", "jwt_claim" },
  };
  x_host *x = *state;

  run_rows(x, rows, X_ROWS(rows));
  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    char patch[OCC__MAX_ID + 64];
    row one = { "length", patch, len <= OCC__MAX_ID ? NULL : "jwt_claim" };

    memset(patch, 'j', sizeof(patch));
    memcpy(patch, "{\"jti\":\"", 8);
    (void)snprintf(patch + 8 + len, 3, "\"}");
    run_rows(x, &one, 1);
  }
}

/* N85: once for an issuer, whatever the session. */
static void test_claims__jti_is_good_once(void **state)
{
  static const struct {
    const char *why, *patch, *reason;
  } one[] = {
    { "first", "{\"jti\":\"same\"}", NULL },
    { "N85 again, in a new session", "{\"jti\":\"same\"}", "evidence_replayed" },
    { "another one", "{\"jti\":\"Same\"}", NULL },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(one); i++) {
    char *token;
    occ_txn *txn;

    print_message("  %s\n", one[i].why);
    x_challenge(x);
    token = token_of(x, NULL, NULL, one[i].patch);
    txn = with_token(x, token);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), one[i].reason == NULL ? OCC_GRANT : OCC_REFUSE);
    if (one[i].reason != NULL) {
      assert_string_equal(occ_txn_reason(txn), one[i].reason);
    }
    occ_txn_free(txn);
    free(token);
  }
}

/* N80: seen before anything is used up. */
static void test_claims__nonce(void **state)
{
  static const char *const patch[] = { "{\"nonce\":\"-\"}",    "{\"nonce\":\"\"}",
                                       "{\"nonce\":\"x\"}",    "{\"nonce\":1}",
                                       "{\"nonce\":null}",     "{\"nonce\":[\"x\"]}",
                                       "{\"nonce\":\"BBBB\"}", NULL };
  x_host *x = *state;
  char *token;
  occ_txn *txn;

  x_challenge(x);
  for (size_t i = 0; patch[i] != NULL; i++) {
    print_message("  N80 %s\n", patch[i]);
    token = token_of(x, NULL, NULL, patch[i]);
    txn = with_token(x, token);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "evidence_nonce");
    assert_non_null(strstr(occ_txn_body(txn, NULL), "\"unauthorized_client\""));
    occ_txn_free(txn);
    free(token);
  }
  assert_int_equal(x->asked[OCC_ASK_ONCE], 0);
  token = token_of(x, NULL, NULL, NULL); /* the session is still good */
  txn = with_token(x, token);
  expect(x, txn, NULL);
  occ_txn_free(txn);
  free(token);
}

static void test_claims__required(void **state)
{
  static const row rows[] = {
    { "both", "{\"email\":\"a\",\"level\":1}", NULL, NULL, NULL, "claims" },
    { "false and empty are there", "{\"email\":\"\",\"level\":false}", NULL, NULL, NULL, "claims" },
    { "none", NULL, "jwt_claim", NULL, NULL, "claims" },
    { "one missing", "{\"email\":\"a\"}", "jwt_claim", NULL, NULL, "claims" },
    { "the other missing", "{\"level\":1}", "jwt_claim", NULL, NULL, "claims" },
    { "in another case", "{\"Email\":\"a\",\"level\":1}", "jwt_claim", NULL, NULL, "claims" },
    { "further down", "{\"a\":{\"email\":1},\"level\":1}", "jwt_claim", NULL, NULL, "claims" },
    { "by params", "{\"p\":1}", NULL, NULL, NULL, "any", "{\"required_claims\":[\"p\"]}" },
    { "by params, missing", NULL, "jwt_claim", NULL, NULL, "any", "{\"required_claims\":[\"p\"]}" },
    { "params put others in place of the template's", "{\"p\":1}", NULL, NULL, NULL, "claims",
      "{\"required_claims\":[\"p\"]}" },
    { "params: a text is no list, and not met", "{\"p\":1}", "jwt_claim", NULL, NULL, "any",
      "{\"required_claims\":\"p\"}" },
    { "params: null is no list", "{\"p\":1}", "jwt_claim", NULL, NULL, "any",
      "{\"required_claims\":null}" },
    { "params: a list of a number", "{\"p\":1}", "jwt_claim", NULL, NULL, "any",
      "{\"required_claims\":[1]}" },
    { "issuer by params", NULL, NULL, NULL, NULL, "any", "{\"issuer\":[\"https://iss.example\"]}" },
    { "issuer by params: another", NULL, "jwt_issuer", NULL, NULL, "any",
      "{\"issuer\":[\"https://ed.example\"]}" },
    { "issuer by params: a text", NULL, "jwt_issuer", NULL, NULL, "any",
      "{\"issuer\":\"https://iss.example\"}" },
    { "issuer by params: none", NULL, "jwt_issuer", NULL, NULL, "any", "{\"issuer\":[]}" },
    { "issuer by params: null", NULL, "jwt_issuer", NULL, NULL, "any", "{\"issuer\":[null]}" },
  };

  run_rows(*state, rows, X_ROWS(rows));
}

/* ---- cnf ---- */

static void test_claims__confirmation(void **state)
{
#define CNF(json) "{\"cnf\":" json "}"
#define JKT       "\"jkt\":\"" TEST_CLIENT_A_THUMBPRINT "\""
#define X5T       "\"x5t#S256\":\"" TEST_CLIENT_B_THUMBPRINT "\""
  static const row rows[] = {
    { "none", NULL, NULL },
    { "the DPoP key", CNF("{" JKT "}"), NULL },
    { "the certificate", CNF("{" X5T "}"), NULL },
    { "both", CNF("{" JKT "," X5T "}"), NULL },
    { "another DPoP key", CNF("{\"jkt\":\"" TEST_CLIENT_B_THUMBPRINT "\"}"), "sender_key" },
    { "another certificate", CNF("{\"x5t#S256\":\"" TEST_CLIENT_A_THUMBPRINT "\"}"), "sender_key" },
    { "one right, one wrong", CNF("{" JKT ",\"x5t#S256\":\"" TEST_CLIENT_A_THUMBPRINT "\"}"),
      "sender_key" },
    { "empty", CNF("{}"), "jwt_claim" },
    { "a text", CNF("\"" TEST_CLIENT_A_THUMBPRINT "\""), "jwt_claim" },
    { "null", CNF("null"), "jwt_claim" },
    { "an array", CNF("[]"), "jwt_claim" },
    { "a jwk", CNF("{\"jwk\":" TEST_CLIENT_A_PUBLIC "}"), "jwt_claim" },
    { "a kid", CNF("{\"kid\":\"k\"}"), "jwt_claim" },
    { "the key, and one more member", CNF("{" JKT ",\"kid\":\"k\"}"), "jwt_claim" },
    { "a number", CNF("{\"jkt\":1}"), "jwt_claim" },
    { "malformed", CNF("{\"jkt\":\"x\"}"), "jwt_claim" },
    { "one right, one malformed", CNF("{" JKT ",\"x5t#S256\":\"x\"}"), "jwt_claim" },
    { "one right, one null", CNF("{" JKT ",\"x5t#S256\":null}"), "jwt_claim" },
  };
  x_host *x = *state;

  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = TEST_CLIENT_B_THUMBPRINT;
  for (size_t i = 0; i < X_ROWS(rows); i++) {
    char jti[2][24], *proof[2], *token;
    occ_txn *txn;

    print_message("  %s\n", rows[i].why);
    for (int k = 0; k < 2; k++) {
      (void)snprintf(jti[k], sizeof(jti[k]), "p%u-%d", (unsigned)(i % 1000), k);
      proof[k] = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, X_T0 / 1000, jti[k], NULL);
    }
    x->dpop = proof[0];
    x_challenge(x);
    x->dpop = proof[1];
    token = token_of(x, NULL, NULL, rows[i].patch);
    txn = with_token(x, token);
    expect(x, txn, rows[i].detail);
    occ_txn_free(txn);
    free(token);
    free(proof[0]);
    free(proof[1]);
  }
}

/* A token for a key that the request does not show proves nothing, and may bring a key in. */
static void test_claims__confirmation_and_added_keys(void **state)
{
  x_host *x = *state;
  char *token;
  occ_txn *txn;

  x_challenge(x);
  token = token_of(x, NULL, NULL, CNF("{" JKT "}"));
  txn = with_token(x, token);
  expect(x, txn, "sender_key");
  occ_txn_free(txn);
  free(token);

  x_challenge(x);
  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = TEST_CLIENT_B_THUMBPRINT;
  token = token_of(x, NULL, NULL, CNF("{" X5T "}"));
  txn = with_token(x, token);
  expect(x, txn, NULL);
  assert_string_equal(occ_txn_confirmation(txn), "{" X5T "}");
  occ_txn_free(txn);
  free(token);

  x->sender = (occ_sender)0;
  x_challenge(x);
  x->sender = OCC_SENDER_MTLS;
  token = token_of(x, NULL, NULL, NULL);
  txn = with_token(x, token);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_string_equal(occ_txn_reason(txn), "sender_key_added");
  occ_txn_free(txn);
  free(token);
#undef CNF
#undef JKT
#undef X5T
}

/* ---- Header and signature ---- */

#define HEAD(alg, more) "{\"alg\":\"" alg "\",\"typ\":\"" TYP "\"" more "}"
#define FROM(issuer)    "{\"iss\":\"" issuer "\"}"

static void test_header__rows(void **state)
{
  static const row rows[] = {
    { "without kid", NULL, NULL, HEAD("ES256", "") },
    { "typ as a media type", NULL, NULL, "{\"alg\":\"ES256\",\"typ\":\"application/" TYP "\"}" },
    { "typ in another case", NULL, NULL,
      "{\"alg\":\"ES256\",\"typ\":\"Client-Challenge-Assertion+JWT\"}" },
    { "N87 typ missing", NULL, "jose_typ", "{\"alg\":\"ES256\"}" },
    { "typ JWT", NULL, "jose_typ", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}" },
    { "typ of a proof", NULL, "jose_typ", "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}" },
    { "typ a number", NULL, "jose_typ", "{\"alg\":\"ES256\",\"typ\":1}" },
    { "typ with more", NULL, "jose_typ", "{\"alg\":\"ES256\",\"typ\":\"" TYP ";a=b\"}" },
    { "alg none", NULL, "jose_alg", HEAD("none", "") },
    { "alg NONE", NULL, "jose_alg", HEAD("NONE", "") },
    { "alg HS256", NULL, "jose_alg", HEAD("HS256", "") },
    { "alg in another case", NULL, "jose_alg", HEAD("es256", "") },
    { "alg not in the list", NULL, "jose_alg", HEAD("ES384", "") },
    { "alg missing", NULL, "jose_alg", "{\"typ\":\"" TYP "\"}" },
    { "alg a number", NULL, "jose_alg", "{\"alg\":7,\"typ\":\"" TYP "\"}" },
    { "alg of another kind of key", NULL, "jose_key_unknown", HEAD("EdDSA", "") },
    { "crit", NULL, "jose_crit", HEAD("ES256", ",\"crit\":[\"exp\"]") },
    { "crit empty", NULL, "jose_crit", HEAD("ES256", ",\"crit\":[]") },
    { "b64", NULL, "jose_crit", HEAD("ES256", ",\"b64\":true") },
    { "kid unknown", NULL, "jose_key_unknown", HEAD("ES256", ",\"kid\":\"k2\"") },
    { "kid a number", NULL, "jose_key", HEAD("ES256", ",\"kid\":1") },
    { "kid null", NULL, "jose_key", HEAD("ES256", ",\"kid\":null") },
    { "kid empty", NULL, NULL, HEAD("ES256", ",\"kid\":\"\"") },
    { "jku is not looked at", NULL, NULL, HEAD("ES256", ",\"jku\":\"https://evil.example\"") },
    { "N30 the key is not taken from the token", NULL, "jose_signature",
      HEAD("ES256", ",\"jwk\":" TEST_CLIENT_A_PUBLIC), TEST_CLIENT_A_PRIVATE },
    { "N86 signed by the client", NULL, "jose_signature", NULL, TEST_CLIENT_A_PRIVATE },
    { "of two keys the one named", FROM("https://two.example"), NULL,
      HEAD("ES256", ",\"kid\":\"a\"") },
    { "of two keys the other one", FROM("https://two.example"), NULL,
      HEAD("ES256", ",\"kid\":\"b\""), TEST_CLIENT_B_PRIVATE },
    { "of two keys the wrong one", FROM("https://two.example"), "jose_signature",
      HEAD("ES256", ",\"kid\":\"b\"") },
    { "two keys, none named", FROM("https://two.example"), "jose_key_unknown", HEAD("ES256", "") },
    { "an issuer with an empty set", FROM("https://none.example"), "jose_key_unknown",
      HEAD("ES256", "") },
    { "EdDSA", FROM("https://ed.example"), NULL, HEAD("EdDSA", ""), TEST_ISSUER_ED_PRIVATE },
    { "Ed25519", FROM("https://ed.example"), NULL, HEAD("Ed25519", ""), TEST_ISSUER_ED_PRIVATE },
    { "Ed25519 for the requirement of that issuer", FROM("https://ed.example"), NULL,
      HEAD("Ed25519", ""), TEST_ISSUER_ED_PRIVATE, "ed" },
    { "ES256 from an issuer with an Ed25519 key", FROM("https://ed.example"), "jose_key_unknown",
      HEAD("ES256", "") },
    { "a key of another configured issuer", FROM("https://ed.example"), "jose_signature",
      HEAD("EdDSA", ""), TEST_ISSUER_PRIVATE },
  };
  x_host *x = *state;

  run_rows(x, rows, X_ROWS(rows));
  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    char header[OCC__MAX_ID + 128];
    row one = { "kid: length", NULL, len <= OCC__MAX_ID ? "jose_key_unknown" : "jose_key", header };
    int at = snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"typ\":\"" TYP "\",\"kid\":\"");

    memset(header + at, 'k', len);
    (void)snprintf(header + (size_t)at + len, 3, "\"}");
    run_rows(x, &one, 1);
  }
}

static void test_header__algs_are_configured(void **state)
{
  static const row rows[] = {
    { "Ed25519", FROM("https://ed.example"), NULL, HEAD("Ed25519", ""), TEST_ISSUER_ED_PRIVATE },
    { "EdDSA is another name", FROM("https://ed.example"), "jose_alg", HEAD("EdDSA", ""),
      TEST_ISSUER_ED_PRIVATE },
    { "ES256 is not in the list", NULL, "jose_alg" },
  };

  run_rows(*state, rows, X_ROWS(rows));
}

static void test_header__typ_is_configured(void **state)
{
  static const row rows[] = {
    { "its own", NULL, NULL, "{\"alg\":\"ES256\",\"typ\":\"my+jwt\"}" },
    { "the usual one", NULL, "jose_typ" },
  };

  run_rows(*state, rows, X_ROWS(rows));
}

static void test_signature__spoilt(void **state)
{
  x_host *x = *state;

  for (int way = 0; way < 5; way++) {
    uint8_t sig[64] = { 0 };
    const char *detail = "jose_signature";
    char *claims, *token, *spoilt = NULL;
    occ_txn *txn;

    x_challenge(x);
    claims = claims_of(x, NULL);
    token = test_token(ES, strlen(ES), claims, strlen(claims), sig, sizeof(sig));
    test_sign(sig, TEST_ISSUER_PRIVATE, token, (size_t)(strrchr(token, '.') - token));
    if (way == 0) {
      detail = NULL;
    } else if (way == 1) {
      sig[63] ^= 1;
    } else if (way == 2) {
      sig[0] ^= 0x80;
    } else if (way == 3) {
      memset(sig, 0, sizeof(sig));
    }
    spoilt = test_token(ES, strlen(ES), claims, strlen(claims), sig, way == 4 ? 63 : 64);
    txn = with_token(x, spoilt);
    expect(x, txn, detail);
    occ_txn_free(txn);
    free(spoilt);
    free(token);
    free(claims);
  }
}

/* What is no JWT, or not sent as one, is malformed: invalid_request, and the session stays good. */
static void test_token__malformed(void **state)
{
  static const struct {
    const char *why, *evidence;
  } one[] = {
    { "a word", "claim_token_format=" X_JWT "&claim_token=x" },
    { "two parts", "claim_token_format=" X_JWT "&claim_token=e30.e30" },
    { "four parts", "claim_token_format=" X_JWT "&claim_token=e30.e30.AA.AA" },
    { "empty signature", "claim_token_format=" X_JWT "&claim_token=e30.e30." },
    { "empty header", "claim_token_format=" X_JWT "&claim_token=.e30.AA" },
    { "header an array", "claim_token_format=" X_JWT "&claim_token=W10.e30.AA" },
    { "claims an array", "claim_token_format=" X_JWT "&claim_token=e30.W10.AA" },
    { "padding", "claim_token_format=" X_JWT "&claim_token=e30%3D.e30.AA" },
    { "a blank", "claim_token_format=" X_JWT "&claim_token=e30.e30.AA+" },
    { "a zero octet", "claim_token_format=" X_JWT "&claim_token=e30.e30.AA%00" },
    { "no token", "claim_token_format=" X_JWT },
    { "no format", "claim_token=e30.e30.AA" },
    { "another format",
      "claim_token_format=urn:ietf:params:oauth:token-type:saml2&claim_token=e30.e30.AA" },
    { "format in another case",
      "claim_token_format=URN:ietf:params:oauth:token-type:jwt&claim_token=e30.e30.AA" },
    { "format cut by a zero octet", "claim_token_format=" X_JWT "%00&claim_token=e30.e30.AA" },
  };
  x_host *x = *state;
  char *token;
  occ_txn *txn;

  x_challenge(x);
  for (size_t i = 0; i < X_ROWS(one); i++) {
    print_message("  %s\n", one[i].why);
    txn = x_follow_up(x, one[i].evidence);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "evidence_malformed");
    assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"error\":\"invalid_request\""));
    occ_txn_free(txn);
  }
  assert_int_equal(x->asked[OCC_ASK_ONCE], 0);
  token = token_of(x, NULL, NULL, NULL);
  txn = with_token(x, token);
  expect(x, txn, NULL);
  occ_txn_free(txn);
  free(token);
}

static void test_token__length(void **state)
{
  x_host *x = *state;

  for (size_t fill = 11800; fill <= 12400; fill += 600) { /* about 16 KiB of JWT, and above */
    char *patch = malloc(fill + 32), *token;
    occ_txn *txn;

    x_challenge(x);
    memset(patch, 'f', fill + 32);
    memcpy(patch, "{\"fill\":\"", 9);
    (void)snprintf(patch + 9 + fill - (fill < 12000 ? 500 : 0), 3, "\"}");
    token = token_of(x, NULL, NULL, patch);
    txn = with_token(x, token);
    if (strlen(token) <= OCC__MAX_JWT) {
      expect(x, txn, NULL);
    } else {
      assert_int_equal(x_run(x, txn), OCC_OK);
      assert_string_equal(occ_txn_reason(txn), "evidence_malformed");
    }
    assert_true((strlen(token) <= OCC__MAX_JWT) == (fill == 11800));
    occ_txn_free(txn);
    free(token);
    free(patch);
  }
}

/* Each of header and claims has its limit; a token over it is malformed. */
static void test_token__values(void **state)
{
  x_host *x = *state;
  const int own =
      8; /* the object and seven members; the array and its first element are two more */

  for (int more = -1; more <= 1; more++) {
    char patch[OCC__MAX_REQUEST_VALUES * 2 + 64] = "{\"many\":[0", *token;
    occ_txn *txn;

    x_challenge(x);
    for (int i = own + 2; i < (int)OCC__MAX_REQUEST_VALUES + more; i++) {
      strcat(patch, ",0");
    }
    strcat(patch, "]}");
    token = token_of(x, NULL, NULL, patch);
    txn = with_token(x, token);
    if (more <= 0) {
      expect(x, txn, NULL);
    } else {
      assert_int_equal(x_run(x, txn), OCC_OK);
      assert_string_equal(occ_txn_reason(txn), "evidence_malformed");
    }
    occ_txn_free(txn);
    free(token);
  }
}

static void test_accept__claims_are_the_facts(void **state)
{
  x_host *x = *state;
  char *token;
  occ_txn *txn;

  x_challenge(x);
  token = token_of(x, NULL, NULL, "{\"level\":{\"a\":[3]},\"jti\":\"facts\"}");
  txn = with_token(x, token);
  expect(x, txn, NULL);
  assert_string_equal(occ_txn_fact(txn, "/evidence/facts/level", NULL), "{\"a\":[3]}");
  assert_string_equal(occ_txn_fact(txn, "/evidence/facts/iss", NULL), "\"https://iss.example\"");
  assert_string_equal(occ_txn_fact(txn, "/evidence/class", NULL), "\"provenance\"");
  assert_null(strstr(occ_txn_fact(txn, "/request", NULL), "eyJ")); /* the token as a digest only */
  assert_null(strstr(occ_txn_log(txn, NULL), "facts"));
  occ_txn_free(txn);
  free(token);
}

/* ---- KEYS ---- */

#define OTHER  "{\"iss\":\"https://other.example\"}"
#define SET(k) "{\"keys\":[" k "]}"

static void test_keys__are_asked_for(void **state)
{
  static const struct {
    const char *why;
    occ_verdict verdict;
    const char *keys, *header;
    int want;
    const char *detail; /* of a refusal; of a failure its reason */
  } one[] = {
    { "yes", OCC_YES, SET(KEY(TEST_ISSUER_MEMBERS, "k1")), NULL, OCC_OK, NULL },
    { "yes, without kid", OCC_YES, SET(TEST_ISSUER_PUBLIC), HEAD("ES256", ""), OCC_OK, NULL },
    { "yes, among others", OCC_YES,
      SET("{\"kty\":\"oct?\"}," KEY(TEST_CLIENT_A_MEMBERS, "k0") "," KEY(TEST_ISSUER_MEMBERS,
                                                                         "k1")),
      NULL, OCC_OK, NULL },
    { "no", OCC_NO, NULL, NULL, OCC_OK, "jose_key_unknown" },
    { "no, with keys all the same", OCC_NO, SET(KEY(TEST_ISSUER_MEMBERS, "k1")), NULL, OCC_OK,
      "jose_key_unknown" },
    { "an empty set", OCC_YES, SET(""), NULL, OCC_OK, "jose_key_unknown" },
    { "a set without the key", OCC_YES, SET(KEY(TEST_ISSUER_MEMBERS, "k2")), NULL, OCC_OK,
      "jose_key_unknown" },
    { "a key without a name", OCC_YES, SET(TEST_ISSUER_PUBLIC), NULL, OCC_OK, "jose_key_unknown" },
    { "another key of the name", OCC_YES, SET(KEY(TEST_CLIENT_A_MEMBERS, "k1")), NULL, OCC_OK,
      "jose_signature" },
    { "two keys, none named", OCC_YES,
      SET(KEY(TEST_ISSUER_MEMBERS, "a") "," KEY(TEST_CLIENT_A_MEMBERS, "b")), HEAD("ES256", ""),
      OCC_OK, "jose_key_unknown" },
    { "nothing", OCC_YES, NULL, NULL, OCC_ERR_ANSWER, "host_answer_malformed" },
    { "no JSON", OCC_YES, "keys", NULL, OCC_ERR_ANSWER, "host_answer_malformed" },
    { "no set", OCC_YES, "{}", NULL, OCC_ERR_ANSWER, "host_answer_malformed" },
    { "a key for a set", OCC_YES, TEST_ISSUER_PUBLIC, NULL, OCC_ERR_ANSWER,
      "host_answer_malformed" },
    { "an array", OCC_YES, "[]", NULL, OCC_ERR_ANSWER, "host_answer_malformed" },
    { "a private key in it", OCC_YES, SET(TEST_ISSUER_PRIVATE), NULL, OCC_ERR_ANSWER,
      "host_answer_malformed" },
    { "a key off the curve", OCC_YES,
      SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
          "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}"),
      NULL, OCC_ERR_ANSWER, "host_answer_malformed" },
    { "cannot say now", OCC_RETRY, NULL, NULL, OCC_ERR_ANSWER, "host_retry" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(one); i++) {
    const occ_question *q;
    char *token;
    occ_txn *txn;

    print_message("  %s\n", one[i].why);
    x_challenge(x);
    x->verdict[OCC_ASK_KEYS] = one[i].verdict;
    x->data[OCC_ASK_KEYS] = one[i].keys;
    token = token_of(x, NULL, one[i].header, OTHER);
    txn = with_token(x, token);
    x->stop = OCC_ASK_KEYS;
    assert_int_equal(x_run(x, txn), OCC_PENDING);
    x->stop = OCC_ASK_NONE;
    q = occ_txn_question(txn);
    assert_string_equal(q->issuer, "https://other.example");
    assert_string_equal(q->type, "jwt_assertion");
    assert_string_equal(q->requirement, "any");
    if (one[i].header == NULL) {
      assert_string_equal(q->kid, "k1");
    } else {
      assert_null(q->kid);
    }
    if (one[i].want == OCC_OK) {
      expect(x, txn, one[i].detail);
    } else {
      x->asked[OCC_ASK_ONCE] = 0;
      x_is_failure(txn, x_run(x, txn), one[i].want, one[i].detail);
      assert_int_equal(occ_txn_http_status(txn), 503);
      assert_int_equal(x->asked[OCC_ASK_ONCE], 0); /* nothing is used up */
    }
    occ_txn_free(txn);
    free(token);
  }
}

/* Only for a token that could be good otherwise. */
static void test_keys__are_not_asked_for_in_vain(void **state)
{
  static const row rows[] = {
    { "wrong audience", "{\"iss\":\"https://other.example\",\"aud\":\"x\"}", "jwt_audience" },
    { "wrong issuer", "{\"iss\":\"https://evil.example\"}", "jwt_issuer" },
    { "wrong typ", OTHER, "jose_typ", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}" },
    { "expired", "{\"iss\":\"https://other.example\",\"exp\":1799999000,\"iat\":1799998990}",
      "jwt_time" },
  };

  run_rows(*state, rows, X_ROWS(rows)); /* asserts that KEYS was not asked */
}

/* ---- self_issued ---- */

static void test_self_issued__only_with_the_option(void **state)
{
  static const char *const requirement[] = { "any", "self" };
  x_host *x = *state;
  char *token;
  occ_txn *txn;

  for (size_t i = 0; i < X_ROWS(requirement); i++) {
    x->challenge = requirement[i];
    x->verdict[OCC_ASK_KEYS] = OCC_YES;
    x->data[OCC_ASK_KEYS] = SET(TEST_CLIENT_A_PUBLIC);
    x_challenge(x);
    token = token_of(x, TEST_CLIENT_A_PRIVATE, HEAD("ES256", ""), "{\"iss\":\"" X_CLIENT "\"}");
    txn = with_token(x, token);
    expect(x, txn, NULL);
    assert_int_equal(x->asked[OCC_ASK_KEYS], i + 1);
    occ_txn_free(txn);
    free(token);
  }
  x->challenge = "ed"; /* not in that list */
  x_challenge(x);
  token = token_of(x, TEST_CLIENT_A_PRIVATE, HEAD("ES256", ""), "{\"iss\":\"" X_CLIENT "\"}");
  txn = with_token(x, token);
  expect(x, txn, "jwt_issuer");
  occ_txn_free(txn);
  free(token);
}

/* ---- Configuration ---- */

static void test_open__options(void **state)
{
#define AT      "jwt_assertion."
#define NO_KEYS ": not a set of public keys, each whole, each kid once"
  static const struct {
    const char *why, *options, *error;
  } one[] = {
    { "none but an issuer", "{\"issuers\":{\"https://i\":{}}}", "" },
    { "an issuer with keys",
      "{\"issuers\":{\"https://i\":{\"jwks\":{\"keys\":[" TEST_ISSUER_PUBLIC "]}}}}", "" },
    { "typ", "{\"typ\":\"a+jwt\",\"issuers\":{\"https://i\":{}}}", "" },
    { "algs", "{\"algs\":[\"ES256\"],\"issuers\":{\"https://i\":{}}}", "" },
    { "self_issued", "{\"self_issued\":true}", "" },
    { "no issuer at all", "{}",
      "requirements.any: no issuer: name one here, or in jwt_assertion.issuers" },
    { "no issuer, and not self-issued", "{\"self_issued\":false,\"issuers\":{}}",
      "requirements.any: no issuer: name one here, or in jwt_assertion.issuers" },
    { "unknown", "{\"issuer\":{\"https://i\":{}}}", AT "issuer: no such option" },
    { "in another case", "{\"Issuers\":{\"https://i\":{}}}", AT "Issuers: no such option" },
    { "typ empty", "{\"typ\":\"\"}", AT "typ: a text of 1 to 256 octets" },
    { "typ a number", "{\"typ\":1}", AT "typ: a text of 1 to 256 octets" },
    { "algs empty", "{\"algs\":[]}", AT "algs: an array of signature algorithms that libocc has" },
    { "algs a text", "{\"algs\":\"ES256\"}",
      AT "algs: an array of signature algorithms that libocc has" },
    { "algs none", "{\"algs\":[\"none\"]}",
      AT "algs: an array of signature algorithms that libocc has" },
    { "algs HS256", "{\"algs\":[\"ES256\",\"HS256\"]}",
      AT "algs: an array of signature algorithms that libocc has" },
    { "algs a number", "{\"algs\":[1]}",
      AT "algs: an array of signature algorithms that libocc has" },
    { "self_issued a text", "{\"self_issued\":\"true\"}", AT "self_issued: true or false" },
    { "self_issued a number", "{\"self_issued\":1}", AT "self_issued: true or false" },
    { "issuers an array", "{\"issuers\":[\"https://i\"]}",
      AT "issuers: an object: issuers by name" },
    { "issuers: a text", "{\"issuers\":{\"https://i\":\"keys\"}}",
      AT "issuers.https://i: an object: its jwks, or nothing" },
    { "issuers: no name", "{\"issuers\":{\"\":{}}}", AT "issuers: an issuer without a name" },
    { "issuers: unknown member", "{\"issuers\":{\"https://i\":{\"jwks_uri\":\"https://i/k\"}}}",
      AT "issuers.https://i.jwks_uri: only jwks may be set" },
    { "issuers: jwks and more", "{\"issuers\":{\"https://i\":{\"jwks\":{\"keys\":[]},\"a\":1}}}",
      AT "issuers.https://i.a: only jwks may be set" },
    { "issuers: no set", "{\"issuers\":{\"https://i\":{\"jwks\":{}}}}",
      AT "issuers.https://i.jwks" NO_KEYS },
    { "issuers: a private key",
      "{\"issuers\":{\"https://i\":{\"jwks\":{\"keys\":[" TEST_ISSUER_PRIVATE "]}}}}",
      AT "issuers.https://i.jwks" NO_KEYS },
    { "issuers: the second is bad",
      "{\"issuers\":{\"https://i\":{\"jwks\":{\"keys\":[" TEST_ISSUER_PUBLIC
      "]}},\"https://j\":{\"jwks\":1}}}",
      AT "issuers.https://j.jwks" NO_KEYS },
    { "no object", "[]", "jwt_assertion: no such option, and no type with code" },
  };
#undef AT
#undef NO_KEYS
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(one); i++) {
    char config[2048], error[512];
    occ_server *server;

    if (strcmp(one[i].why, "no object") == 0) {
      continue; /* test_config.c */
    }
    print_message("  %s\n", one[i].why);
    (void)snprintf(config, sizeof(config),
                   "{" X_BASE "\"jwt_assertion\":%s,\"requirements\":{\"any\":{\"type\":"
                   "\"jwt_assertion\"}}}",
                   one[i].options);
    server = x_server(x, config, NULL, NULL, error);
    assert_string_equal(error, one[i].error);
    assert_true((server != NULL) == (one[i].error[0] == '\0'));
    occ_server_free(server);
  }
}

/* No requirement is of this type: a misspelt option makes no server all the same. */
static void test_open__options_that_nobody_uses(void **state)
{
  static const struct {
    const char *why, *options, *error;
  } one[] = {
    { "none", "{}", "" },
    { "an issuer", "{\"issuers\":{\"https://i\":{}}}", "" },
    { "misspelt", "{\"issuer\":{\"https://i\":{}}}", "jwt_assertion.issuer: no such option" },
    { "of an issuer, misspelt", "{\"issuers\":{\"https://i\":{\"jwk\":{}}}}",
      "jwt_assertion.issuers.https://i.jwk: only jwks may be set" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(one); i++) {
    char config[512], error[512];
    occ_server *server;

    print_message("  %s\n", one[i].why);
    (void)snprintf(config, sizeof(config), "{" X_BASE "\"jwt_assertion\":%s}", one[i].options);
    server = x_server(x, config, NULL, NULL, error);
    assert_string_equal(error, one[i].error);
    assert_true((server != NULL) == (one[i].error[0] == '\0'));
    occ_server_free(server);
  }
}

typedef struct told {
  size_t count;
  char detail[4][64];
} told;

static void listen(const occ_event *event, void *user_data)
{
  told *to = user_data;

  assert_string_equal(occ_event_name(event->id), "option_weakened");
  assert_true(to->count < 4);
  (void)snprintf(to->detail[to->count++], sizeof(to->detail[0]), "%s", event->detail);
}

static void test_open__tells_what_is_weakened(void **state)
{
  static const struct {
    const char *why, *options, *first, *second; /* NULL: no event, no other */
  } one[] = {
    { "nothing", "{}", NULL, NULL },
    { "not self-issued", "{\"self_issued\":false}", NULL, NULL },
    { "self-issued", "{\"self_issued\":true}", "jwt_assertion.self_issued", NULL },
    { "more algorithms", "{\"algs\":[\"ES384\"]}", NULL, NULL },
    { "another typ", "{\"typ\":\"JWT\"}", "jwt_assertion.typ", NULL },
    { "one that begins like it", "{\"typ\":\"client-challenge-assertion+jwt2\"}",
      "jwt_assertion.typ", NULL },
    { "the profile's", "{\"typ\":\"client-challenge-assertion+jwt\"}", NULL, NULL },
    { "the profile's in other letters", "{\"typ\":\"Client-Challenge-Assertion+JWT\"}", NULL,
      NULL },
    { "both", "{\"self_issued\":true,\"typ\":\"JWT\"}", "jwt_assertion.self_issued",
      "jwt_assertion.typ" },
  };
  x_host x = { 0 };
  (void)state;

  for (size_t i = 0; i < X_ROWS(one); i++) {
    char json[512];
    occ_config *config = NULL;
    occ_server *server = NULL;
    occ_lib *lib = NULL;
    told to = { 0 };

    print_message("  %s\n", one[i].why);
    (void)snprintf(json, sizeof(json), "{" X_BASE "\"dpop_nonce\":\"accept\",\"jwt_assertion\":%s}",
                   one[i].options);
    assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
    assert_int_equal(occ_lib_on_event(lib, listen, &to), OCC_OK);
    x.lib = lib;
    x_ring(&x);
    assert_int_equal(occ_config_new(&config, lib, X_ISSUER), OCC_OK);
    assert_int_equal(occ_keyring_attach(x.ring, config), OCC_OK);
    assert_int_equal(occ_config_load(config, json, strlen(json)), OCC_OK);
    assert_int_equal(occ_server_new(&server, config), OCC_OK);
    assert_int_equal(to.count, (one[i].first != NULL) + (one[i].second != NULL));
    assert_string_equal(to.detail[0], one[i].first == NULL ? "" : one[i].first);
    assert_string_equal(to.detail[1], one[i].second == NULL ? "" : one[i].second);
    occ_server_free(server);
    occ_config_free(config);
    occ_keyring_free(x.ring);
    occ_lib_free(lib);
  }
}

static void test_open__typ_has_a_limit(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    char config[1024], typ[OCC__MAX_ID + 2], error[512];
    occ_server *server;

    memset(typ, 't', len);
    typ[len] = '\0';
    (void)snprintf(config, sizeof(config),
                   "{" X_BASE "\"jwt_assertion\":{\"self_issued\":true,\"typ\":\"%s\"},"
                   "\"requirements\":{\"any\":{\"type\":\"jwt_assertion\"}}}",
                   typ);
    server = x_server(x, config, NULL, NULL, error);
    assert_true((server != NULL) == (len <= OCC__MAX_ID));
    occ_server_free(server);
  }
}

static void test_accepts__templates(void **state)
{
#define ARRAYS "requirements.r: issuer and required_claims are arrays of strings"
  static const struct {
    const char *why, *members, *error;
  } one[] = {
    { "an issuer that is not configured: KEYS", ",\"issuer\":[\"https://i\"]", "" },
    { "all",
      ",\"issuer\":[\"https://i\",\"https://j\"],\"required_claims\":[\"a\"],\"expiry\":60,"
      "\"class\":\"provenance\"",
      "" },
    { "issuer a text", ",\"issuer\":\"https://i\"", ARRAYS },
    { "issuer empty", ",\"issuer\":[]", ARRAYS },
    { "issuer of a number", ",\"issuer\":[1]", ARRAYS },
    { "issuer of an empty text", ",\"issuer\":[\"\"]", ARRAYS },
    { "issuer an object", ",\"issuer\":{}", ARRAYS },
    { "issuer null", ",\"issuer\":null", ARRAYS },
    { "required_claims a text", ",\"issuer\":[\"https://i\"],\"required_claims\":\"a\"", ARRAYS },
    { "required_claims empty", ",\"issuer\":[\"https://i\"],\"required_claims\":[]", ARRAYS },
    { "another member", ",\"issuer\":[\"https://i\"],\"issuers\":[]",
      "requirements.r: only issuer and required_claims may be set" },
    { "what the type writes", ",\"issuer\":[\"https://i\"],\"claim_token_format\":[]",
      "requirements.r: only issuer and required_claims may be set" },
    { "the other class", ",\"issuer\":[\"https://i\"],\"class\":\"authorization\"",
      "requirements.r.class: its type is of the other class" },
  };
#undef ARRAYS
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(one); i++) {
    char config[2048], error[512];
    occ_server *server;

    print_message("  %s\n", one[i].why);
    (void)snprintf(config, sizeof(config),
                   "{" X_BASE "\"requirements\":{\"r\":{\"type\":\"jwt_assertion\"%s}}}",
                   one[i].members);
    server = x_server(x, config, NULL, NULL, error);
    assert_string_equal(error, one[i].error);
    occ_server_free(server);
  }
}

static void test_write__names_the_format(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->challenge = "ed";
  x->params = "{\"claim_token_format\":[\"other\"]}"; /* the type's word counts */
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"claim_token_format\":[\"" X_JWT
                                                  "\"],\"issuer\":[\"https://ed.example\"]"
                                                  ",\"type\":\"jwt_assertion\"}"));
  occ_txn_free(txn);
}

/* spec: "refused together with the uma-ticket grant", whose own parameters these are. */
static void test_write__not_with_the_uma_grant(void **state)
{
  x_host *x = *state;
  occ_txn *txn =
      x_at(x, "grant_type=urn:ietf:params:oauth:grant-type:uma-ticket&ticket=t", OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_answer_challenge(txn, occ_txn_question(txn)->ticket, "any", NULL),
                   OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
}

/* ---- Memory ---- */

static void test_exchange__survives_every_failed_allocation(void **state)
{
  (void)state;
  for (int keep = 0; keep <= 1; keep++) {
    bool failed = true;
    size_t n = 0;

    for (; failed && n < 1000; n++) {
      x_host x;
      char *token;
      occ_txn *txn;
      int rc = OCC_ERR_MEMORY;

      x_open(&x, CONFIG, NULL, NULL);
      x.challenge = "any";
      x.verdict[OCC_ASK_KEYS] = OCC_YES;
      x.data[OCC_ASK_KEYS] = SET(TEST_ISSUER_PUBLIC);
      x_challenge(&x);
      token = token_of(&x, NULL, HEAD("ES256", ""), OTHER);
      x.fm.count = 0;
      x.fm.until = n;
      x.fm.keep = keep != 0;
      txn = with_token(&x, token);
      if (txn != NULL) {
        rc = x_run(&x, txn);
      }
      failed = x.fm.failed;
      if (!failed) {
        assert_int_equal(rc, OCC_OK);
        assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
      } else if (txn != NULL && rc != OCC_OK) {
        x_is_failure(txn, rc, OCC_ERR_MEMORY, NULL);
      }
      occ_txn_free(txn);
      free(token);
      x_close(&x);
    }
    assert_false(failed);
    print_message("  %zu allocations\n", n - 1);
    assert_true(n > 3);
  }
}

/* A server that cannot be made leaves nothing behind. */
static void test_open__survives_every_failed_allocation(void **state)
{
  x_host *x = *state;
  bool failed = true;
  size_t n = 0;

  for (; failed && n < 1000; n++) {
    occ_config *config = NULL;
    occ_server *server = NULL;
    int rc;

    assert_int_equal(occ_config_new(&config, x->lib, X_ISSUER), OCC_OK);
    assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
    assert_int_equal(occ_config_load(config, CONFIG, strlen(CONFIG)), OCC_OK);
    x->fm.count = 0;
    x->fm.failed = false;
    x->fm.until = n;
    rc = occ_server_new(&server, config);
    failed = x->fm.failed;
    x->fm.until = SIZE_MAX;
    assert_int_equal(rc, failed ? OCC_ERR_MEMORY : OCC_OK);
    assert_true((server == NULL) == failed);
    occ_server_free(server);
    occ_config_free(config);
  }
  assert_false(failed);
  assert_true(n > 10);
}

#define TEST(name)           cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_WITH(how, name) cmocka_unit_test_setup_teardown(name, set_up_##how, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_claims__issuer_subject_audience),
    TEST(test_claims__times),
    TEST(test_claims__jti),
    TEST(test_claims__jti_is_good_once),
    TEST(test_claims__nonce),
    TEST(test_claims__required),
    TEST(test_claims__confirmation),
    TEST(test_claims__confirmation_and_added_keys),
    TEST(test_header__rows),
    TEST_WITH(ed, test_header__algs_are_configured),
    TEST_WITH(typ, test_header__typ_is_configured),
    TEST(test_signature__spoilt),
    TEST(test_token__malformed),
    TEST(test_token__length),
    TEST(test_token__values),
    TEST(test_accept__claims_are_the_facts),
    TEST(test_keys__are_asked_for),
    TEST(test_keys__are_not_asked_for_in_vain),
    TEST_WITH(self, test_self_issued__only_with_the_option),
    TEST(test_open__options),
    TEST(test_open__options_that_nobody_uses),
    TEST(test_open__typ_has_a_limit),
    TEST(test_open__tells_what_is_weakened),
    TEST(test_accepts__templates),
    TEST(test_write__names_the_format),
    TEST(test_write__not_with_the_uma_grant),
    cmocka_unit_test(test_exchange__survives_every_failed_allocation),
    TEST(test_open__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("evidence/jwt_assertion", tests, NULL, NULL);
}
