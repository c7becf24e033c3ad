/* SPDX-License-Identifier: MIT */

/* What the agent makes by itself: DPoP proofs and their nonces, assertions, and signing by a key that is elsewhere. */

#include "agent_host.h"

#include <stdlib.h>

static const reply token = { 200, "", TOKEN };
static const reply assertion_wanted = { 403, "", CHALLENGE_OF("jwt_assertion", "s-1", "") };
static const reply proof_wanted = { 403, "DPoP-Nonce: s-1\r\n",
                                    CHALLENGE_OF("dpop_proof", "s-1", "") };

#define NONCE(nonce)                                                                               \
  {                                                                                                \
    400, "DPoP-Nonce: " nonce "\r\n", "{\"error\":\"use_dpop_nonce\"}"                             \
  }

/* One key for each use; NULL: none. */
static void open_keys(host *h, const char *options, const char *dpop, const char *assertion)
{
  host_open(h, NULL, options);
  if (dpop != NULL) {
    host_key(h, "dpop", dpop);
  }
  if (assertion != NULL) {
    host_key(h, "assertion", assertion);
  }
  host_call(h);
}

/* The proof's nonce, or "". Checks everything else about it. */
static void check_proof(char *nonce, size_t cap, char *jti, const char *proof, const char *key,
                        occ_time now)
{
  occ_jws jws = { 0 };
  const char *text;

  host_jwt(&jws, proof, "dpop+jwt", key);
  assert_int_equal(json_object_size(jws.header), 3); /* DPOP-1: typ, alg, jwk */
  assert_null(json_object_get(json_object_get(jws.header, "jwk"), "d"));
  assert_string_equal(claim(&jws, "htm"), "POST"); /* DPOP-2 */
  assert_string_equal(claim(&jws, "htu"), TOKEN_URL);
  assert_int_equal(json_integer_value(json_object_get(jws.claims, "iat")), now / 1000);
  assert_null(json_object_get(jws.claims, "ath")); /* DPOP-4 */
  text = claim(&jws, "jti");
  assert_non_null(text);
  assert_int_equal(strlen(text), 22); /* 128 bits */
  host_copy(jti, 64, text, strlen(text));
  text = claim(&jws, "nonce");
  host_copy(nonce, cap, text, text == NULL ? 0 : strlen(text));
  occ__jws_clear(&jws);
}

static void test_occ__solve_proof__nonces(void **state)
{
  static const struct {
    const char *why;
    reply replies[8];
    size_t count;
    const char *nonces[8]; /* of the proofs, in order; NULL ends them */
    const char *error;
  } row[] = {
    { "DPOP-2 without a nonce", { { 200, "", TOKEN } }, 1, { "" }, "" },
    { "DPOP-3 with the nonce that was asked for",
      { NONCE("n-1"), { 200, "", TOKEN } },
      2,
      { "", "n-1" },
      "" },
    { "with status 401 too",
      { { 401, "DPoP-Nonce: n-1\r\n", "{\"error\":\"use_dpop_nonce\"}" }, { 200, "", TOKEN } },
      2,
      { "", "n-1" },
      "" },
    { "no nonce in the answer ends it",
      { { 400, "", "{\"error\":\"use_dpop_nonce\"}" } },
      1,
      { "" },
      "use_dpop_nonce" },
    { "two nonces end it (RFC 9449 8.1)",
      { { 400, "DPoP-Nonce: a\r\nDPoP-Nonce: b\r\n", "{\"error\":\"use_dpop_nonce\"}" } },
      1,
      { "" },
      "use_dpop_nonce" },
    { "status 500 ends it",
      { { 500, "DPoP-Nonce: a\r\n", "{\"error\":\"use_dpop_nonce\"}" } },
      1,
      { "" },
      "use_dpop_nonce" },
    { "the same nonce again ends it",
      { NONCE("n-1"), NONCE("n-1") },
      2,
      { "", "n-1" },
      "use_dpop_nonce" },
    { "two nonces in turn end by the budget: 5 repeats in 4 rounds",
      { NONCE("a"), NONCE("b"), NONCE("a"), NONCE("b"), NONCE("a"), NONCE("b") },
      6,
      { "", "a", "b", "a", "b", "a" },
      "use_dpop_nonce" },
    { "DPOP-3 a nonce on the challenge is used in the answer",
      { { 403, "DPoP-Nonce: n-9\r\n", CHALLENGE_OF("jwt_assertion", "s-1", "") },
        { 200, "", TOKEN } },
      2,
      { "", "n-9" },
      "" },
    { "DPOP-3 it stays in use",
      { NONCE("n-1"), { 403, "", CHALLENGE_OF("jwt_assertion", "s", "") }, { 200, "", TOKEN } },
      3,
      { "", "n-1", "n-1" },
      "" },
    { "the follow-up is repeated as it was",
      { { 403, "", CHALLENGE_OF("jwt_assertion", "s-1", "") }, NONCE("n-1"), { 200, "", TOKEN } },
      3,
      { "", "", "n-1" },
      "" },
    { "dpop_proof: the session is the nonce",
      { { 403, "DPoP-Nonce: s-1\r\n", CHALLENGE_OF("dpop_proof", "s-1", "") }, { 200, "", TOKEN } },
      2,
      { "", "s-1" },
      "" },
    { "dpop_proof: the session, whatever the header says",
      { { 403, "DPoP-Nonce: other\r\n", CHALLENGE_OF("dpop_proof", "s-1", "") },
        { 200, "", TOKEN } },
      2,
      { "", "s-1" },
      "" },
    { "dpop_proof: no other nonce can meet it",
      { { 403, "", CHALLENGE_OF("dpop_proof", "s-1", "") }, NONCE("n-2") },
      2,
      { "", "s-1" },
      "use_dpop_nonce" },
    { "dpop_proof after a nonce, then an assertion",
      { NONCE("n-1"),
        { 403, "DPoP-Nonce: s-1\r\n", CHALLENGE_OF("dpop_proof", "s-1", "") },
        { 403, "DPoP-Nonce: n-2\r\n", CHALLENGE_OF("jwt_assertion", "s-2", "") },
        NONCE("n-3"),
        { 200, "", TOKEN } },
      5,
      { "", "n-1", "s-1", "n-2", "n-3" },
      "" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    char nonce[256], jti[8][64];
    size_t sent = 0;
    host h;
    print_message("  %s\n", row[i].why);
    open_keys(&h, OPTIONS(""), EC_PRIVATE, OKP_PRIVATE);
    assert_int_equal(host_run(&h, NOW, row[i].replies, row[i].count), OCC_OK);
    for (; sent < 8 && row[i].nonces[sent] != NULL; sent++) {
      check_proof(nonce, sizeof(nonce), jti[sent], h.proof[sent], EC_PUBLIC, NOW);
      assert_string_equal(nonce, row[i].nonces[sent]);
      for (size_t before = 0; before < sent; before++) {
        assert_string_not_equal(jti[before], jti[sent]); /* DPOP-5, N-DPOP-24 */
      }
    }
    assert_int_equal(h.sends, sent);
    assert_string_equal(host_error(&h), row[i].error);
    host_close(&h);
  }
}

static void test_occ__solve_proof__repeat_keeps_the_body(void **state)
{
  const reply replies[3] = { assertion_wanted, NONCE("n-1"), token };
  host h;
  (void)state;

  open_keys(&h, OPTIONS(""), EC_PRIVATE, OKP_PRIVATE);
  assert_int_equal(host_run(&h, NOW, replies, 3), OCC_OK);
  assert_string_equal(h.body[1], h.body[2]);
  assert_int_equal(h.discloses, 1); /* it is the same evidence to the same server */
  host_close(&h);
}

static void test_occ__solve_proof__htu_has_no_query(void **state)
{
  static const char options[] = "{\"issuer\":\"" ISSUER "\",\"token_url\":\"" TOKEN_URL
                                "?tenant=1\",\"client_id\":\"agent-7\"}";
  const occ_question *q;
  char nonce[64], jti[64];
  host h;
  (void)state;

  open_keys(&h, options, OKP_PRIVATE, NULL);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  q = occ_call_question(h.call);
  assert_string_equal(q->url, TOKEN_URL "?tenant=1");
  assert_string_equal(occ_call_header_name(h.call, 2), "DPoP");
  check_proof(nonce, sizeof(nonce), jti, occ_call_header_value(h.call, 2), OKP_PUBLIC, NOW);
  host_close(&h);
}

static void test_occ__solve_proof__option_dpop(void **state)
{
  const reply replies[3] = { proof_wanted,
                             { 403, "", CHALLENGE_OF("jwt_assertion", "s-2", "") },
                             token };
  occ_call *call = NULL;
  host h;
  (void)state;

  open_keys(&h, OPTIONS(",\"dpop\":false"), EC_PRIVATE, OKP_PRIVATE);
  assert_int_equal(host_run(&h, NOW, replies, 3), OCC_OK);
  assert_string_equal(h.proof[0], "");     /* off, */
  assert_string_not_equal(h.proof[1], ""); /* but the key answers a dpop_proof, */
  assert_string_not_equal(h.proof[2], ""); /* and once shown it is shown on, by another proof */
  assert_string_not_equal(h.proof[2], h.proof[1]);
  host_close(&h);

  host_open(&h, NULL, OPTIONS(",\"dpop\":true"));
  assert_int_equal(occ_call_new(&call, h.agent), OCC_ERR_CONFIG); /* without a key */
  assert_null(call);
  host_close(&h);
}

static void check_assertion(const host *h, const char *key, const char *typ, const char *issuer,
                            occ_time now)
{
  char value[4096];
  occ_jws jws = { 0 };

  assert_true(body_param(value, sizeof(value), h->body[1], "claim_token_format"));
  assert_string_equal(value, "urn:ietf:params:oauth:token-type:jwt");
  assert_true(body_param(value, sizeof(value), h->body[1], "claim_token"));
  host_jwt(&jws, value, typ, key);
  assert_string_equal(claim(&jws, "iss"), issuer);
  assert_string_equal(claim(&jws, "sub"), "agent-7");
  assert_string_equal(claim(&jws, "aud"), ISSUER);
  assert_string_equal(claim(&jws, "nonce"), "s-1");
  assert_int_equal(strlen(claim(&jws, "jti")), 22);
  assert_int_equal(json_integer_value(json_object_get(jws.claims, "iat")), now / 1000);
  assert_in_range(json_integer_value(json_object_get(jws.claims, "exp")), now / 1000 + 1,
                  now / 1000 + 600); /* presentation profile 5.3: at most ten minutes */
  occ__jws_clear(&jws);
}

static void test_occ__solve_evidence__assertion(void **state)
{
  static const struct {
    const char *why, *options, *key, *public_key, *typ, *issuer, *kid;
    size_t signs;
  } row[] = {
    { "self-signed, P-256", OPTIONS(""), EC_PRIVATE, EC_PUBLIC, "client-challenge-assertion+jwt",
      "agent-7", "", 0 },
    { "self-signed, Ed25519", OPTIONS(""), OKP_PRIVATE, OKP_PUBLIC,
      "client-challenge-assertion+jwt", "agent-7", "", 0 },
    { "another issuer and typ",
      OPTIONS(",\"assertion_issuer\":\"https://i.example\",\"assertion_typ\":\"x+jwt\""),
      OKP_PRIVATE, OKP_PUBLIC, "x+jwt", "https://i.example", "", 0 },
    { "SIGN with the key's kid", OPTIONS(""), OKP_PUBLIC, OKP_PUBLIC,
      "client-challenge-assertion+jwt", "agent-7", "signer-1", 1 },
    { "SIGN without a kid has the thumbprint", OPTIONS(""), EC_PUBLIC, EC_PUBLIC,
      "client-challenge-assertion+jwt", "agent-7", "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
      1 },
  };
  const reply replies[2] = { assertion_wanted, token };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    host h;
    print_message("  %s\n", row[i].why);
    open_keys(&h, row[i].options, NULL, row[i].key);
    h.signer = strcmp(row[i].key, EC_PUBLIC) == 0 ? EC_PRIVATE : OKP_PRIVATE;
    assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
    check_assertion(&h, row[i].public_key, row[i].typ, row[i].issuer, NOW);
    assert_int_equal(h.signs, row[i].signs);
    assert_int_equal(h.solves, 0);
    assert_string_equal(h.kid, row[i].kid);
    assert_true(strstr(h.disclosed[0], "claim_token_format") != NULL);
    host_close(&h);
  }
}

/* Where the built-in solver cannot give all that is wanted, the host is asked instead. */
static void test_occ__solve_evidence__assertion_fits(void **state)
{
  static const struct {
    const char *why, *body;
    int fits;
  } row[] = {
    { "nothing more is wanted", CHALLENGE_OF("jwt_assertion", "s-1", ""), 1 },
    { "its format",
      CHALLENGE_OF("jwt_assertion", "s-1",
                   ",\"claim_token_format\":\"urn:ietf:params:oauth:token-type:jwt\""),
      1 },
    { "one of two formats",
      CHALLENGE_OF("jwt_assertion", "s-1",
                   ",\"claim_token_format\":[\"x\",\"urn:ietf:params:oauth:token-type:jwt\"]"),
      1 },
    { "another format", CHALLENGE_OF("jwt_assertion", "s-1", ",\"claim_token_format\":\"x\""), 0 },
    { "format a number", CHALLENGE_OF("jwt_assertion", "s-1", ",\"claim_token_format\":1"), 0 },
    { "our issuer", CHALLENGE_OF("jwt_assertion", "s-1", ",\"issuer\":[\"x\",\"agent-7\"]"), 1 },
    { "other issuers", CHALLENGE_OF("jwt_assertion", "s-1", ",\"issuer\":[\"x\",7]"), 0 },
    { "no issuer at all", CHALLENGE_OF("jwt_assertion", "s-1", ",\"issuer\":[]"), 0 },
    { "issuer an object", CHALLENGE_OF("jwt_assertion", "s-1", ",\"issuer\":{}"), 0 },
    { "claims that it has",
      CHALLENGE_OF("jwt_assertion", "s-1", ",\"required_claims\":[\"iss\",\"jti\"]"), 1 },
    { "a claim that it has not",
      CHALLENGE_OF("jwt_assertion", "s-1", ",\"required_claims\":[\"iss\",\"email\"]"), 0 },
    { "claims no list", CHALLENGE_OF("jwt_assertion", "s-1", ",\"required_claims\":\"iss\""), 0 },
    { "a claim that is no text", CHALLENGE_OF("jwt_assertion", "s-1", ",\"required_claims\":[1]"),
      0 },
    { "a transaction", CHALLENGE_OF("jwt_assertion", "s-1", ",\"transaction_data\":[\"e30\"]"), 0 },
    { "C-01 something unknown", CHALLENGE_OF("jwt_assertion", "s-1", ",\"new\":[{}]"), 1 },
    { "the type in another case", CHALLENGE_OF("JWT_assertion", "s-1", ""), 0 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    reply replies[2] = { { 403, "", row[i].body }, token };
    host h;
    print_message("  %s\n", row[i].why);
    open_keys(&h, OPTIONS(""), NULL, OKP_PRIVATE);
    assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
    assert_int_equal(h.solves, !row[i].fits);
    assert_int_equal(h.sends, row[i].fits ? 2 : 1);
    assert_string_equal(host_error(&h), row[i].fits ? "" : "unauthorized_client");
    host_close(&h);
  }
}

static void test_occ__solve_evidence__parameter_of_the_first_request_is_left_alone(void **state)
{
  host h;
  (void)state;

  open_keys(&h, OPTIONS(""), NULL, OKP_PRIVATE);
  host_param(&h, "claim_token", "mine"); /* a grant of its own, UMA's for one */
  assert_int_equal(host_run(&h, NOW, &assertion_wanted, 1), OCC_OK);
  assert_int_equal(h.solves, 1);
  assert_string_equal(host_error(&h), "unauthorized_client");
  host_close(&h);
}

/* dpop_proof: what is disclosed is the header that is sent. */
static void test_occ__solve_evidence__proof_is_the_one_disclosed(void **state)
{
  static const char *const keys[] = { EC_PRIVATE, EC_PUBLIC };
  const reply replies[2] = { proof_wanted, token };
  (void)state;

  for (size_t i = 0; i < 2; i++) {
    char want[8192];
    host h;
    open_keys(&h, OPTIONS(""), keys[i], NULL);
    h.signer = EC_PRIVATE;
    assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
    snprintf(want, sizeof(want), "{\"DPoP\":\"%s\"}", h.proof[1]);
    assert_string_equal(h.disclosed[0], want);
    assert_string_equal(h.body[1], "grant_type=client_credentials&scope=a+b&client_id=agent-7"
                                   "&challenge_session=s-1");
    assert_int_equal(h.signs, 2 * i); /* one for each request */
    host_close(&h);
  }
}

static void test_occ__solve_proof__sign_refused(void **state)
{
  const reply replies[2] = { assertion_wanted, token };
  host h;
  (void)state;

  /* The first request cannot be made: nothing is there that could be the result. */
  open_keys(&h, OPTIONS(""), EC_PUBLIC, NULL);
  h.signer = EC_PRIVATE;
  h.sign = OCC_NO;
  assert_int_equal(host_run(&h, NOW, &token, 1), OCC_ERR_ANSWER);
  assert_int_equal(h.sends, 0);
  host_close(&h);

  /* Evidence that cannot be signed is a requirement that cannot be met. */
  open_keys(&h, OPTIONS(""), NULL, OKP_PUBLIC);
  h.signer = OKP_PRIVATE;
  h.sign = OCC_RETRY;
  assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
  assert_int_equal(h.sends, 1);
  assert_int_equal(h.discloses, 0);
  assert_string_equal(host_error(&h), "unauthorized_client");
  host_close(&h);
}

/* The first proof is signed, then the key is gone: the challenge cannot be answered. */
static void test_occ__solve_proof__sign_refused_for_the_follow_up(void **state)
{
  const reply replies[2] = { assertion_wanted, token };
  host h;
  int rc;
  (void)state;

  open_keys(&h, OPTIONS(""), EC_PUBLIC, OKP_PRIVATE);
  h.signer = EC_PRIVATE;
  rc = occ_call_run(h.call, NOW);
  while (rc == OCC_PENDING) {
    h.sign = h.sends == 0 ? OCC_YES : OCC_NO;
    assert_int_equal(host_answer(&h, replies, 2), OCC_OK);
    rc = occ_call_run(h.call, NOW);
  }
  assert_int_equal(rc, OCC_OK);
  assert_int_equal(h.signs, 2);
  assert_int_equal(h.sends, 1);
  assert_string_equal(host_error(&h), "unauthorized_client");
  host_close(&h);
}

static void test_occ__solve_proof__bad_signatures(void **state)
{
  static const struct {
    const char *why;
    size_t len;
    uint8_t first;
    int want; /* after the run */
  } row[] = {
    { "the right one", 64, 0, OCC_PENDING }, { "one octet short", 63, 0, OCC_ERR_ANSWER },
    { "empty", 0, 0, OCC_ERR_ANSWER },       { "one octet more", 65, 0, OCC_ERR_ANSWER },
    { "DER", 72, 0x30, OCC_ERR_ANSWER },     { "one bit wrong", 64, 1, OCC_ERR_ANSWER },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    uint8_t sig[72] = { 0 };
    const occ_question *q;
    host h;
    print_message("  %s\n", row[i].why);
    open_keys(&h, OPTIONS(""), OKP_PUBLIC, NULL);
    h.signer = OKP_PRIVATE;
    assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
    q = occ_call_question(h.call);
    assert_int_equal(q->kind, OCC_ASK_SIGN);
    assert_null(occ_call_header_name(h.call, 0));
    assert_int_equal(host_signature(&h, q, sig), OCC_OK);
    sig[0] ^= row[i].first;
    assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, sig, row[i].len), OCC_OK);
    assert_int_equal(occ_call_run(h.call, NOW), row[i].want);
    host_close(&h);
  }
}

static int no_random(void *out, size_t len, void *user_data)
{
  (void)out;
  (void)len;
  (void)user_data;
  return -1;
}

static void test_occ__solve_proof__without_randomness_nothing_is_sent(void **state)
{
  static const char options[] = OPTIONS("");
  host h;
  (void)state;

  memset(&h, 0, sizeof(h));
  assert_int_equal(occ_lib_new(&h.lib, NULL), OCC_OK);
  assert_int_equal(occ_lib_set_random(h.lib, no_random, NULL), OCC_OK);
  assert_int_equal(occ_agent_new(&h.agent, h.lib, options, strlen(options)), OCC_OK);
  host_key(&h, "dpop", EC_PRIVATE);
  host_call(&h);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_CRYPTO);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_CRYPTO);
  host_close(&h);
}

/* The longest session must still fit into a proof; an assertion with it too. */
static void test_occ__solve_evidence__longest_session(void **state)
{
  static const char *const types[] = { "jwt_assertion", "dpop_proof" };
  char *session = malloc(OCC__AGENT_MAX_SESSION + 1), *body = malloc(2 * OCC__AGENT_MAX_SESSION);
  (void)state;

  assert_non_null(session);
  assert_non_null(body);
  memset(session, 'x', OCC__AGENT_MAX_SESSION);
  session[OCC__AGENT_MAX_SESSION] = '\0';
  for (size_t i = 0; i < 2; i++) {
    const occ_question *q;
    host h;
    snprintf(body, 2 * OCC__AGENT_MAX_SESSION, CHALLENGE_OF("%s", "%s", ""), types[i], session);
    open_keys(&h, OPTIONS(""), EC_PRIVATE, OKP_PRIVATE);
    assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
    q = occ_call_question(h.call);
    assert_int_equal(occ_call_answer_send(h.call, q->ticket, 403, "", body, strlen(body)), OCC_OK);
    assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
    q = occ_call_question(h.call);
    assert_int_equal(q->kind, OCC_ASK_DISCLOSE);
    assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, NULL, 0), OCC_OK);
    assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
    assert_int_equal(occ_call_question(h.call)->kind, OCC_ASK_SEND);
    host_close(&h);
  }
  free(session);
  free(body);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_occ__solve_proof__nonces),
    cmocka_unit_test(test_occ__solve_proof__repeat_keeps_the_body),
    cmocka_unit_test(test_occ__solve_proof__htu_has_no_query),
    cmocka_unit_test(test_occ__solve_proof__option_dpop),
    cmocka_unit_test(test_occ__solve_evidence__assertion),
    cmocka_unit_test(test_occ__solve_evidence__assertion_fits),
    cmocka_unit_test(test_occ__solve_evidence__parameter_of_the_first_request_is_left_alone),
    cmocka_unit_test(test_occ__solve_evidence__proof_is_the_one_disclosed),
    cmocka_unit_test(test_occ__solve_proof__sign_refused),
    cmocka_unit_test(test_occ__solve_proof__sign_refused_for_the_follow_up),
    cmocka_unit_test(test_occ__solve_proof__bad_signatures),
    cmocka_unit_test(test_occ__solve_proof__without_randomness_nothing_is_sent),
    cmocka_unit_test(test_occ__solve_evidence__longest_session),
  };

  return cmocka_run_group_tests_name("agent/solve", tests, NULL, NULL);
}
