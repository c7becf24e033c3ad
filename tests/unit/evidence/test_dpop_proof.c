/* SPDX-License-Identifier: MIT */

/* dpop_proof through whole exchanges: whose key is known, the nonce, options and templates. That the proof itself is
 * verified is the state SENDER's; here is what the type adds. */

#include "evidence/builtin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define REQUIREMENTS "\"requirements\":{\"p\":{\"type\":\"dpop_proof\"}}}"
#define CONFIG       "{" X_BASE REQUIREMENTS
#define CONFIG_ANY   "{" X_BASE "\"dpop_proof\":{\"any_key\":true}," REQUIREMENTS
#define CONFIG_NOT   "{" X_BASE "\"dpop_proof\":{\"any_key\":false}," REQUIREMENTS
#define CAPABLE(m)   "{\"insufficient_client_authorization_supported\":true" m "}"
#define A            TEST_CLIENT_A_PRIVATE
#define B            TEST_CLIENT_B_PRIVATE

static x_host host;
static unsigned proofs;

static int open_with(void **state, const char *config)
{
  x_open(&host, config, NULL, NULL);
  host.challenge = "p";
  *state = &host;
  return 0;
}

static int set_up(void **state)
{
  return open_with(state, CONFIG);
}

static int set_up_any(void **state)
{
  return open_with(state, CONFIG_ANY);
}

static int set_up_not(void **state)
{
  return open_with(state, CONFIG_NOT);
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static char *proof_of(const char *key, const char *nonce)
{
  char jti[24];

  (void)snprintf(jti, sizeof(jti), "j-%u", proofs++);
  return test_dpop(key, "POST", X_TOKEN, X_T0 / 1000, jti, nonce);
}

/* The first request, with a proof by this key or without one. */
static void first(x_host *x, const char *key)
{
  char *proof = key == NULL ? NULL : proof_of(key, NULL);

  x->dpop = proof;
  x_challenge(x);
  x->dpop = NULL;
  free(proof);
}

/* The follow-up, run. */
static occ_txn *answer(x_host *x, const char *key, const char *nonce)
{
  char *proof = key == NULL ? NULL : proof_of(key, nonce);
  occ_txn *txn;

  x->dpop = proof;
  txn = x_follow_up(x, "");
  assert_int_equal(x_run(x, txn), OCC_OK);
  x->dpop = NULL;
  free(proof);
  return txn;
}

static const char *header(const occ_txn *txn, const char *name)
{
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    if (strcmp(occ_txn_header_name(txn, i), name) == 0) {
      return occ_txn_header_value(txn, i);
    }
  }
  return NULL;
}

/* ---- Whose key is it? ---- */

static void test_judge__whose_key_is_known(void **state)
{
#define JWKS(keys) CAPABLE(",\"jwks\":{\"keys\":[" keys "]}")
  static const struct {
    const char *why, *first, *second, *metadata;
    occ_outcome want;
  } row[] = {
    { "by the first request", A, A, NULL, OCC_GRANT },
    { "by nobody", NULL, A, NULL, OCC_REFUSE },
    { "registered", NULL, A, JWKS(TEST_CLIENT_A_PUBLIC), OCC_GRANT },
    { "registered, the second", NULL, B, JWKS(TEST_CLIENT_A_PUBLIC "," TEST_CLIENT_B_PUBLIC),
      OCC_GRANT },
    { "another one is registered", NULL, A, JWKS(TEST_CLIENT_B_PUBLIC), OCC_REFUSE },
    { "an empty set", NULL, A, JWKS(""), OCC_REFUSE },
    { "no set", NULL, A, CAPABLE(",\"jwks\":[" TEST_CLIENT_A_PUBLIC "]"), OCC_REFUSE },
    { "a set as a text", NULL, A, CAPABLE(",\"jwks\":\"{}\""), OCC_REFUSE },
    { "a set that cannot be read: with its private key", NULL, A, JWKS(TEST_CLIENT_A_PRIVATE),
      OCC_REFUSE },
    { "a URL registers nothing", NULL, A, CAPABLE(",\"jwks_uri\":\"https://c.example/jwks\""),
      OCC_REFUSE },
    { "the first request showed another", A, B, NULL, OCC_CHALLENGE },
    { "the first request showed another, this one is registered", A, B, JWKS(TEST_CLIENT_B_PUBLIC),
      OCC_CHALLENGE },
  };
#undef JWKS
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    x->metadata = row[i].metadata == NULL ? X_CAPABLE : row[i].metadata;
    first(x, row[i].first);
    txn = answer(x, row[i].second, x->handle);
    assert_int_equal(occ_txn_outcome(txn), row[i].want);
    if (row[i].want == OCC_REFUSE) {
      assert_string_equal(occ_txn_reason(txn), "evidence_rejected");
      assert_int_equal(x_logged(txn, "detail", "key_unknown"), 1);
    } else if (row[i].want == OCC_GRANT) {
      assert_string_equal(occ_txn_sender(txn, OCC_SENDER_DPOP), strcmp(row[i].second, A) == 0
                                                                    ? TEST_CLIENT_A_THUMBPRINT
                                                                    : TEST_CLIENT_B_THUMBPRINT);
      assert_int_equal(occ_txn_is_satisfied(txn, "p"), 1);
    }
    occ_txn_free(txn);
  }
}

static void test_judge__attested(void **state)
{
  static const struct {
    const char *why, *attested;
    occ_outcome want;
  } row[] = {
    { "the same key", TEST_CLIENT_A_THUMBPRINT, OCC_GRANT },
    { "another key", TEST_CLIENT_B_THUMBPRINT, OCC_REFUSE },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    x->sender = OCC_SENDER_ATTESTED;
    x->thumbprint = row[i].attested;
    first(x, NULL);
    txn = answer(x, A, x->handle);
    assert_int_equal(occ_txn_outcome(txn), row[i].want);
    occ_txn_free(txn);
  }
}

static void test_judge__any_key(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  first(x, NULL);
  txn = answer(x, A, x->handle);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_string_equal(occ_txn_confirmation(txn), "{\"jkt\":\"" TEST_CLIENT_A_THUMBPRINT "\"}");
  occ_txn_free(txn);
  first(x, A); /* not even any key is good where another was bound */
  txn = answer(x, B, x->handle);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  occ_txn_free(txn);
}

static void test_judge__any_key_switched_off(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  first(x, NULL);
  txn = answer(x, A, x->handle);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  occ_txn_free(txn);
}

/* ---- The nonce: C-03, design.md section 8 ---- */

static void test_parse__nonce(void **state)
{
  x_host *x = *state;
  char *old, *fresh, cut[OCC__MAX_HANDLE + 1];
  const char *nonce[5];
  occ_txn *txn;

  first(x, A);
  old = x_copy(x->handle);
  txn = x_txn(x, X_BODY);
  occ_txn_free(txn);
  x->challenge = NULL; /* a nonce of ours, which is not the handle */
  txn = answer(x, A, NULL);
  fresh = x_copy(header(txn, "DPoP-Nonce"));
  occ_txn_free(txn);
  x->challenge = "p";
  first(x, A);
  memcpy(cut, x->handle, sizeof(cut));
  cut[strlen(cut) - 1] = '\0';

  nonce[0] = NULL;
  nonce[1] = "";
  nonce[2] = fresh;
  nonce[3] = old;
  nonce[4] = cut;
  x->asked[OCC_ASK_ONCE] = 0;
  for (size_t i = 0; i < X_ROWS(nonce); i++) {
    print_message("  nonce: %.10s\n", nonce[i] == NULL ? "none" : nonce[i]);
    txn = answer(x, A, nonce[i]);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "evidence_nonce");
    assert_int_equal(occ_txn_http_status(txn), 400);
    assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"error\":\"use_dpop_nonce\""));
    assert_string_equal(header(txn, "DPoP-Nonce"), x->handle); /* told the right one again */
    occ_txn_free(txn);
  }
  assert_int_equal(x->asked[OCC_ASK_ONCE], 0); /* nothing is used up */
  txn = answer(x, A, x->handle);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  free(old);
  free(fresh);
}

static void test_parse__without_a_proof(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  first(x, NULL);
  txn = answer(x, NULL, NULL); /* N69 */
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_string_equal(occ_txn_reason(txn), "evidence_missing");
  assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"error\":\"invalid_request\""));
  occ_txn_free(txn);
  first(x, A); /* the key is bound: without it the session is another's */
  txn = answer(x, NULL, NULL);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  occ_txn_free(txn);
}

static void test_parse__spoilt_proofs_never_come_so_far(void **state)
{
  x_host *x = *state;
  char *proof;
  occ_txn *txn;

  first(x, A);
  for (int way = 0; way < 3; way++) {
    proof = way == 0 ? test_dpop(A, "GET", X_TOKEN, X_T0 / 1000, "s0", x->handle)
            : way == 1
                ? test_dpop(A, "POST", "https://as2.example/token", X_T0 / 1000, "s1", x->handle)
                : proof_of(A, x->handle);
    if (way == 2) { /* a signature by nobody */
      proof[strlen(proof) - 10] = proof[strlen(proof) - 10] == 'A' ? 'B' : 'A';
    }
    x->dpop = proof;
    txn = x_follow_up(x, "");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"error\":\"invalid_dpop_proof\""));
    occ_txn_free(txn);
    free(proof);
  }
  txn = answer(x, A, x->handle); /* and the session is still good */
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

/* The handle is good in one follow-up only, whatever proof comes with it. */
static void test_exchange__session_is_used_up(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  first(x, A);
  txn = answer(x, A, x->handle);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  txn = answer(x, A, x->handle);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_int_equal(x_logged(txn, "reason", "session_used"), 1);
  occ_txn_free(txn);
}

/* ---- Configuration ---- */

static void test_open__options(void **state)
{
#define NOT_TAKEN "dpop_proof: only any_key may be set"
#define NO_FLAG   "dpop_proof.any_key: true or false"
  static const struct {
    const char *why, *options, *error;
  } row[] = {
    { "none", "{}", "" },
    { "any_key", "{\"any_key\":true}", "" },
    { "not any_key", "{\"any_key\":false}", "" },
    { "any_key a text", "{\"any_key\":\"true\"}", NO_FLAG },
    { "any_key a number", "{\"any_key\":1}", NO_FLAG },
    { "any_key null", "{\"any_key\":null}", NO_FLAG },
    { "misspelt", "{\"any_keys\":true}", NOT_TAKEN },
    { "one more", "{\"any_key\":true,\"x\":1}", NOT_TAKEN },
  };
#undef NOT_TAKEN
#undef NO_FLAG
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char config[1024], error[512];
    occ_server *server;

    print_message("  %s\n", row[i].why);
    (void)snprintf(config, sizeof(config), "{" X_BASE "\"dpop_proof\":%s," REQUIREMENTS,
                   row[i].options);
    server = x_server(x, config, NULL, NULL, error);
    assert_string_equal(error, row[i].error);
    occ_server_free(server);
  }
}

/* No requirement is of this type: a misspelt option makes no server all the same. */
static void test_open__options_that_nobody_uses(void **state)
{
#define NOT_TAKEN "dpop_proof: only any_key may be set"
  static const struct {
    const char *why, *options, *error;
  } row[] = {
    { "none", "{}", "" },
    { "misspelt", "{\"any_keys\":true}", NOT_TAKEN },
  };
#undef NOT_TAKEN
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char config[512], error[512];
    occ_server *server;

    print_message("  %s\n", row[i].why);
    (void)snprintf(config, sizeof(config), "{" X_BASE "\"dpop_proof\":%s}", row[i].options);
    server = x_server(x, config, NULL, NULL, error);
    assert_string_equal(error, row[i].error);
    assert_true((server != NULL) == (row[i].error[0] == '\0'));
    occ_server_free(server);
  }
}

static void test_accepts__templates(void **state)
{
  static const struct {
    const char *why, *config, *error;
  } row[] = {
    { "the library's own members",
      "{" X_BASE "\"requirements\":{\"p\":{\"type\":\"dpop_proof\",\"expiry\":60,\"class\":"
      "\"provenance\"}}}",
      "" },
    { "any other member",
      "{" X_BASE "\"requirements\":{\"p\":{\"type\":\"dpop_proof\",\"algs\":[\"ES256\"]}}}",
      "requirements.p: this type has no members" },
    { "a member that is null",
      "{" X_BASE "\"requirements\":{\"p\":{\"type\":\"dpop_proof\",\"nonce\":null}}}",
      "requirements.p: this type has no members" },
    { "the other class",
      "{" X_BASE "\"requirements\":{\"p\":{\"type\":\"dpop_proof\",\"class\":\"authorization\"}}}",
      "requirements.p.class: its type is of the other class" },
    { "the host verifies proofs itself",
      "{\"dpop\":\"host\",\"store_id\":\"" X_STORE_ID "\"," REQUIREMENTS,
      "types.dpop_proof: needs the nonce of DPoP proofs, which dpop=host keeps from it" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char error[512];
    occ_server *server;

    print_message("  %s\n", row[i].why);
    server = x_server(x, row[i].config, NULL, NULL, error);
    assert_string_equal(error, row[i].error);
    assert_true((server != NULL) == (row[i].error[0] == '\0'));
    occ_server_free(server);
  }
}

/* ---- Memory ---- */

/* No memory is no verdict: nobody is told that its key is unknown because of that. */
static void test_exchange__survives_every_failed_allocation(void **state)
{
  (void)state;
  for (int keep = 0; keep <= 1; keep++) {
    bool failed = true;
    size_t n = 0;

    for (; failed && n < 1000; n++) {
      x_host x;
      char *proof;
      occ_txn *txn;
      int rc = OCC_ERR_MEMORY;

      x_open(&x, CONFIG, NULL, NULL);
      x.challenge = "p";
      x.metadata = CAPABLE(",\"jwks\":{\"keys\":[" TEST_CLIENT_A_PUBLIC "]}");
      first(&x, NULL);
      proof = proof_of(A, x.handle);
      x.dpop = proof;
      x.fm.count = 0;
      x.fm.until = n;
      x.fm.keep = keep != 0;
      txn = x_follow_up(&x, "");
      if (txn != NULL) {
        rc = x_run(&x, txn);
      }
      failed = x.fm.failed;
      if (txn != NULL && rc == OCC_OK) {
        assert_int_not_equal(occ_txn_outcome(txn), OCC_REFUSE);
      } else if (txn != NULL) {
        x_is_failure(txn, rc, OCC_ERR_MEMORY, NULL);
      }
      assert_true(failed || occ_txn_outcome(txn) == OCC_GRANT);
      occ_txn_free(txn);
      free(proof);
      x_close(&x);
    }
    assert_false(failed);
    assert_true(n > 6);
  }
}

#define TEST(name)           cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_WITH(how, name) cmocka_unit_test_setup_teardown(name, set_up_##how, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_judge__whose_key_is_known),
    TEST(test_judge__attested),
    TEST_WITH(any, test_judge__any_key),
    TEST_WITH(not, test_judge__any_key_switched_off),
    TEST(test_parse__nonce),
    TEST(test_parse__without_a_proof),
    TEST(test_parse__spoilt_proofs_never_come_so_far),
    TEST(test_exchange__session_is_used_up),
    TEST(test_open__options),
    TEST(test_open__options_that_nobody_uses),
    TEST(test_accepts__templates),
    cmocka_unit_test(test_exchange__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("evidence/dpop_proof", tests, NULL, NULL);
}
