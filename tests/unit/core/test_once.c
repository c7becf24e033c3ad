/* SPDX-License-Identifier: MIT */

/* ONCE as the store sees it: for whom it is asked, until when its keys are needed, and what RETRY leads to. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_keys.h"
#include "txn_host.h"

#define REQUIREMENTS                                                                               \
  "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"]}},"                              \
  "\"requirements\":{\"r\":{\"type\":\"t\"}}}"
#define CONFIG        "{" X_BASE REQUIREMENTS
#define CONFIG_OFF    "{" X_BASE "\"dpop_nonce\":\"off\"," REQUIREMENTS
#define CONFIG_STORED "{" X_BASE "\"session_mode\":\"stored\"," REQUIREMENTS
#define THUMB         "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define S             INT64_C(1000)

static x_host host;

static int open_with(void **state, const char *config)
{
  x_open(&host, config, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up(void **state)
{
  return open_with(state, CONFIG);
}

static int set_up_off(void **state)
{
  return open_with(state, CONFIG_OFF);
}

static int set_up_stored(void **state)
{
  return open_with(state, CONFIG_STORED);
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static char *proof_of(const char *jti, occ_time iat, const char *nonce)
{
  return test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, iat / S, jti, nonce);
}

/* A nonce of the server's, as a response has it. Free it. */
static char *fresh_nonce(x_host *x)
{
  char *proof = proof_of("ask", x->now, NULL);
  char *nonce = NULL;
  occ_txn *txn;

  x->dpop = proof;
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    if (strcmp(occ_txn_header_name(txn, i), "DPoP-Nonce") == 0) {
      nonce = x_copy(occ_txn_header_value(txn, i));
    }
  }
  assert_non_null(nonce);
  occ_txn_free(txn);
  x->dpop = NULL;
  free(proof);
  return nonce;
}

/* A node takes a proof by its iat for 60 s after it, by a nonce for at most 180 s; the clock that forgets may be 120 s
 * ahead. Where it can become good again in another way, and with a session: 840 s. */
static void test_once__says_how_long_its_keys_are_needed(void **state)
{
  enum { NONE, OURS, UNKNOWN };
  static const struct {
    const char *why;
    int nonce;
    occ_time iat, expires; /* from now */
  } row[] = {
    { "no nonce, made now", NONE, 0, 180 * S + 1 },
    { "no nonce, by a clock 30 s ahead", NONE, 30 * S, 210 * S + 1 },
    { "no nonce, in its last moment", NONE, -60 * S, 120 * S + 1 },
    { "a nonce of ours", OURS, 0, 300 * S },
    { "a nonce of ours, iat of an hour ago", OURS, -3600 * S, 300 * S },
    { "a nonce of ours, iat 120 s ahead", OURS, 120 * S, 300 * S + 1 },
    { "a nonce of ours, iat 119 s ahead", OURS, 119 * S, 300 * S },
    { "a nonce of ours, iat 600 s ahead: it will do without the nonce", OURS, 600 * S,
      780 * S + 1 },
    { "a nonce that may turn out to be one of ours", UNKNOWN, 0, 840 * S },
  };
  x_host *x = *state;
  char *ours = fresh_nonce(x);

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char *proof = proof_of(row[i].why, x->now + row[i].iat,
                           row[i].nonce == OURS      ? ours
                           : row[i].nonce == UNKNOWN ? "of-another"
                                                     : NULL);
    const occ_question *q;
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    x->dpop = proof;
    txn = x_at(x, X_BODY, OCC_ASK_ONCE);
    q = occ_txn_question(txn);
    assert_int_equal(q->keys, 1);
    assert_int_equal(q->expires - x->now, row[i].expires);
    occ_txn_free(txn);
    free(proof);
  }
  free(ours);
}

static void test_once__with_a_session_needs_all_keys_for_long(void **state)
{
  x_host *x = *state;
  char *proof[2] = { proof_of("a", X_T0, NULL), proof_of("b", X_T0, NULL) };
  const occ_question *q;
  occ_txn *txn;

  x->challenge = "r";
  x->dpop = proof[0];
  x_challenge(x);
  x->dpop = proof[1];
  txn = x_follow_up(x, "ev=1");
  x->stop = OCC_ASK_ONCE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_int_equal(q->keys, 2);
  assert_int_equal(q->expires - x->now, 840 * S);
  occ_txn_free(txn);
  free(proof[0]);
  free(proof[1]);
}

/* Asked until `kind`: who fills the store, and is that more than a key? */
static void expect_client(x_host *x, occ_ask kind, const char *client, int authenticated)
{
  occ_txn *txn = x_at(x, X_BODY "&client_id=" X_CLIENT, kind);
  const occ_question *q = occ_txn_question(txn);
  const char *member = authenticated ? ",\"authenticated\":true," : ",\"authenticated\":false,";

  assert_string_equal(q->client_id, client);
  assert_int_equal(q->authenticated, authenticated);
  assert_non_null(strstr(occ_txn_question_json(txn, NULL), member));
  occ_txn_free(txn);
}

static void test_once__a_key_is_no_client(void **state)
{
  x_host *x = *state;
  char *proof = proof_of("a", X_T0, NULL);

  x->dpop = proof;
  expect_client(x, OCC_ASK_ONCE, X_CLIENT, 1);
  x->client = NULL;
  expect_client(x, OCC_ASK_ONCE, TEST_CLIENT_A_THUMBPRINT, 0);
  free(proof);
}

static void test_keep__a_key_is_no_client(void **state)
{
  x_host *x = *state;

  x->challenge = "r";
  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = THUMB;
  expect_client(x, OCC_ASK_KEEP, X_CLIENT, 1);
  x->client = NULL;
  expect_client(x, OCC_ASK_KEEP, THUMB, 0);
}

static void test_decide__says_nothing_of_it(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  const char *json = occ_txn_question_json(txn, NULL);

  assert_int_equal(occ_txn_question(txn)->authenticated, 0);
  assert_non_null(strstr(json, "\"authenticated\":"));
  assert_true(strstr(json, "\"authenticated\":") > strstr(json, "\"facts\":")); /* there alone */
  occ_txn_free(txn);
}

/* One request with a proof, ONCE answered RETRY. */
static void retry(x_host *x, const char *jti, const char *nonce, const char *why,
                  int is_nonce_given)
{
  char *proof = proof_of(jti, x->now, nonce);
  size_t len = why == NULL ? 0 : strlen(why);
  occ_txn *txn;

  x->dpop = proof;
  txn = x_at(x, X_BODY, OCC_ASK_ONCE);
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_RETRY, why, len), OCC_OK);
  if (is_nonce_given) {
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "dpop_store_young");
    assert_non_null(strstr(occ_txn_body(txn, NULL), "\"use_dpop_nonce\""));
  } else {
    x_is_failure(txn, x_run(x, txn), OCC_ERR_ANSWER, "store_unavailable");
    assert_int_equal(occ_txn_http_status(txn), 503);
  }
  occ_txn_free(txn);
  x->dpop = NULL;
  free(proof);
}

static void test_once__retry_says_why(void **state)
{
  static const struct {
    const char *label, *why;
    int is_nonce_given;
  } row[] = {
    { "no reason: perhaps a nonce helps", NULL, 1 },
    { "an empty one", "", 1 },
    { "young", "young", 1 },
    { "full", "full", 0 },
    { "the clock", "clock", 0 },
    { "a word of the host's", "down", 0 },
    { "young, cut", "youn", 0 },
    { "young and more", "younger", 0 },
    { "young in capitals", "YOUNG", 0 },
  };
  x_host *x = *state;
  char *ours = fresh_nonce(x);

  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].label);
    retry(x, row[i].label, NULL, row[i].why, row[i].is_nonce_given);
    retry(x, row[i].label, ours, row[i].why, 0); /* it has one already */
  }
  free(ours);
}

static void test_once__retry_where_nonces_are_off(void **state)
{
  x_host *x = *state;

  retry(x, "a", NULL, "young", 0);
  retry(x, "b", NULL, NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_once__says_how_long_its_keys_are_needed),
    TEST(test_once__with_a_session_needs_all_keys_for_long),
    TEST(test_once__a_key_is_no_client),
    cmocka_unit_test_setup_teardown(test_keep__a_key_is_no_client, set_up_stored, tear_down),
    TEST(test_decide__says_nothing_of_it),
    TEST(test_once__retry_says_why),
    cmocka_unit_test_setup_teardown(test_once__retry_where_nonces_are_off, set_up_off, tear_down),
  };

  return cmocka_run_group_tests_name("core/once", tests, NULL, NULL);
}
