/* SPDX-License-Identifier: MIT */

/* The answer to send: status, headers and body after every end, before any, and for no txn at all. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define REST                                                                                       \
  "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"]}},"                              \
  "\"requirements\":{\"r\":{\"type\":\"t\"},\"p\":{\"type\":\"dpop_proof\"}}}"
#define CONFIG        "{" X_BASE REST
#define CONFIG_STORED "{" X_BASE "\"session_mode\":\"stored\"," REST
#define CONFIG_NESTED "{" X_BASE "\"challenge_session_nested\":true,\"challenge_status\":400," REST
#define CONFIG_OFF    "{" X_BASE "\"dpop_nonce\":\"off\"," REST

static const char last[] = "{\"error\":\"server_error\"}";

static x_host host;

static int set_up(void **state)
{
  x_open(&host, CONFIG, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up_stored(void **state)
{
  x_open(&host, CONFIG_STORED, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up_nested(void **state)
{
  x_open(&host, CONFIG_NESTED, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up_off(void **state)
{
  x_open(&host, CONFIG_OFF, NULL, NULL);
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

/* NULL: there is none of that name; more than one of a name fails. */
static const char *header(const occ_txn *txn, const char *name)
{
  const char *found = NULL;

  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    assert_non_null(occ_txn_header_value(txn, i));
    if (strcmp(occ_txn_header_name(txn, i), name) == 0) {
      assert_null(found);
      found = occ_txn_header_value(txn, i);
    }
  }
  return found;
}

static size_t headers(const occ_txn *txn)
{
  size_t n = 0;

  while (occ_txn_header_name(txn, n) != NULL) {
    n++;
  }
  assert_null(occ_txn_header_value(txn, n));
  assert_null(occ_txn_header_name(txn, n + 1));
  assert_null(occ_txn_header_value(txn, n + 1));
  assert_null(occ_txn_header_name(txn, SIZE_MAX));
  assert_null(occ_txn_header_value(txn, SIZE_MAX));
  return n;
}

/* spec: S-05, RFC 6749 section 5.2 */
static void expect_json_headers(const occ_txn *txn)
{
  assert_string_equal(header(txn, "Content-Type"), "application/json");
  assert_string_equal(header(txn, "Cache-Control"), "no-store");
  assert_string_equal(header(txn, "Pragma"), "no-cache");
}

static void expect_500(const occ_txn *txn)
{
  size_t len = 0;

  assert_int_equal(occ_txn_http_status(txn), 500);
  expect_json_headers(txn);
  assert_int_equal(headers(txn), 3);
  assert_string_equal(occ_txn_body(txn, &len), last);
  assert_int_equal(len, strlen(last));
  assert_string_equal(occ_txn_body(txn, NULL), last);
}

static void test_response__of_nothing(void **state)
{
  (void)state;
  expect_500(NULL);
}

static void test_response__before_the_end(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);

  expect_500(txn);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  expect_500(txn);
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0), OCC_OK);
  expect_500(txn); /* answered is not run */
  occ_txn_free(txn);
}

/* What KEEP has not kept yet must not be sent. */
static void test_response__while_the_challenge_is_not_kept(void **state)
{
  static const struct {
    const char *why;
    occ_verdict verdict;
    occ_outcome want;
  } row[] = {
    { "kept", OCC_YES, OCC_CHALLENGE },
    { "not kept", OCC_NO, OCC_FAILED },
    { "not kept now", OCC_RETRY, OCC_FAILED },
  };
  x_host *x = *state;

  x->challenge = "r";
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_txn(x, X_BODY);
    const int fails = row[i].want == OCC_FAILED;

    print_message("  %s\n", row[i].why);
    x->stop = OCC_ASK_KEEP;
    assert_int_equal(x_run(x, txn), OCC_PENDING);
    expect_500(txn);
    assert_int_equal(occ_txn_question(txn)->key[0], 3);
    assert_true(occ_txn_question(txn)->len <= OCC__MAX_KEPT);
    assert_int_equal(occ_txn_question(txn)->expires, X_T0 + 300000);
    x->stop = OCC_ASK_NONE;
    x->verdict[OCC_ASK_KEEP] = row[i].verdict;
    assert_int_equal(x_run(x, txn), fails ? OCC_ERR_ANSWER : OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), row[i].want);
    assert_int_equal(occ_txn_http_status(txn), fails ? 503 : 403);
    assert_int_equal(x_handle(x, txn), !fails);
    assert_true((header(txn, "Retry-After") != NULL) == fails);
    occ_txn_free(txn);
  }
}

static void test_response__of_a_grant(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);
  size_t len = 9;

  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_http_status(txn), 0);
  assert_string_equal(occ_txn_body(txn, &len), "");
  assert_int_equal(len, 0);
  assert_int_equal(headers(txn), 0);
  occ_txn_free(txn);
}

static void test_response__of_a_challenge(void **state)
{
  x_host *x = *state;
  char want[OCC__MAX_HANDLE + 512];
  occ_txn *txn;
  size_t len = 0;

  x->challenge = "r";
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set(txn, "reference", "r-1"), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_http_status(txn), 403);
  expect_json_headers(txn);
  assert_int_equal(headers(txn), 3);
  assert_int_equal(x_handle(x, txn), 1);
  (void)snprintf(want, sizeof(want),
                 "{\"error\":\"insufficient_client_authorization\",\"error_description\":"
                 "\"(reference r-1)\",\"authorization_requirement\":{\"type\":\"t\"},"
                 "\"challenge_session\":\"%s\",\"expires_in\":300}",
                 x->handle);
  assert_string_equal(occ_txn_body(txn, &len), want);
  assert_int_equal(len, strlen(want));
  occ_txn_free(txn);
}

static void test_response__of_a_nested_challenge(void **state)
{
  x_host *x = *state;
  char want[2 * OCC__MAX_HANDLE + 512];
  occ_txn *txn;

  x->challenge = "r";
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_http_status(txn), 400); /* O-03 */
  assert_int_equal(x_handle(x, txn), 1);
  (void)snprintf(want, sizeof(want), /* O-01 */
                 "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":"
                 "{\"type\":\"t\",\"challenge_session\":\"%s\"},\"challenge_session\":\"%s\","
                 "\"expires_in\":300}",
                 x->handle, x->handle);
  assert_string_equal(occ_txn_body(txn, NULL), want);
  occ_txn_free(txn);
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set(txn, "challenge_status", "403"), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_http_status(txn), 403);
  occ_txn_free(txn);
}

static void test_response__of_invalid_client(void **state)
{
  static const struct {
    const char *why, *authorization;
    int basic;
  } row[] = {
    { "Basic", "Basic YTpi", 1 },
    { "basic: schemes compare without case", "basic YTpi", 1 },
    { "BASIC", "BASIC YTpi", 1 },
    { "bAsIc", "bAsIc YTpi", 1 },
    { "Basic with two blanks", "Basic  YTpi", 1 },
    { "Bearer", "Bearer x", 0 },
    { "Basics", "Basics YTpi", 0 },
    { "Basi", "Basi YTpi", 0 },
    { "Basic and a sign", "Basic=YTpi", 0 },
    { "as a value", "Bearer Basic YTpi", 0 },
    { "Basic without a value", "Basic", 0 },
  };
  x_host *x = *state;
  occ_txn *txn;

  x->client = NULL;
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    txn = x_txn(x, X_BODY);
    assert_int_equal(occ_txn_add_header(txn, "authorization", row[i].authorization,
                                        strlen(row[i].authorization)),
                     OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_http_status(txn), 401);
    assert_true((header(txn, "WWW-Authenticate") != NULL) == row[i].basic);
    if (row[i].basic) {
      assert_string_equal(header(txn, "WWW-Authenticate"), "Basic realm=\"token\"");
    }
    expect_json_headers(txn);
    assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"error\":\"invalid_client\""));
    occ_txn_free(txn);
  }
  txn = x_txn(x, X_BODY "&client_secret=s");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_http_status(txn), 401);
  assert_null(header(txn, "WWW-Authenticate"));
  occ_txn_free(txn);
}

/* No octet of the client's goes back to it, whatever it sent. */
static void test_response__says_nothing_of_the_client(void **state)
{
  static const char *const body[] = { "canary=canary&canary=canary",
                                      "grant_type=canary&authorization_details=canary",
                                      "grant_type=canary&client_id=other&scope=canary",
                                      "canary=%c" };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(body); i++) {
    occ_txn *txn = x_txn(x, body[i]);

    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_null(strstr(occ_txn_body(txn, NULL), "canary"));
    for (size_t k = 0; k < headers(txn); k++) {
      assert_null(strstr(occ_txn_header_value(txn, k), "canary"));
    }
    occ_txn_free(txn);
  }
}

static void test_response__of_a_failure(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_set(txn, "reference", "r-1"), OCC_OK);
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_RETRY, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_ANSWER);
  assert_int_equal(occ_txn_http_status(txn), 503);
  expect_json_headers(txn);
  assert_string_equal(header(txn, "Retry-After"), "1");
  assert_int_equal(headers(txn), 4);
  assert_string_equal(occ_txn_body(txn, NULL),
                      "{\"error\":\"temporarily_unavailable\",\"error_description\":\"The server "
                      "cannot decide now, try again later. (reference r-1)\"}");
  occ_txn_free(txn);

  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set_metadata(txn, "x", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_http_status(txn), 500);
  assert_int_equal(headers(txn), 3);
  assert_string_equal(occ_txn_body(txn, NULL),
                      "{\"error\":\"server_error\",\"error_description\":\"The server could not "
                      "process the request.\"}");
  occ_txn_free(txn);
}

/* Without memory for its body it still is an error. */
static void test_response__without_memory(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_NO, NULL, 0), OCC_OK);
  x->fm.until = x->fm.count;
  x->fm.keep = true;
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_MEMORY);
  assert_int_equal(occ_txn_outcome(txn), OCC_FAILED);
  assert_int_equal(occ_txn_http_status(txn), 500);
  assert_string_equal(occ_txn_body(txn, NULL), last);
  expect_json_headers(txn);
  occ_txn_free(txn);
}

/* ---- DPoP-Nonce: RFC 9449 section 8, never two of them ---- */

static void test_response__nonces(void **state)
{
  static const struct {
    const char *why, *htm, *challenge;
    int nonce; /* 0: none, 1: a fresh one, 2: the handle */
  } row[] = {
    { "no proof, granted", NULL, NULL, 0 },
    { "no proof, challenged", NULL, "r", 0 },
    { "granted", "POST", NULL, 1 },
    { "challenged", "POST", "r", 1 },
    { "challenged for a proof: the handle", "POST", "p", 2 },
    { "no proof, challenged for one: the handle", NULL, "p", 2 },
    { "invalid proof", "GET", NULL, 1 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char jti[16], *proof = NULL;
    const char *nonce;
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    (void)snprintf(jti, sizeof(jti), "j%u", (unsigned)(i % 1000));
    if (row[i].htm != NULL) {
      proof = test_dpop(TEST_CLIENT_A_PRIVATE, row[i].htm, X_TOKEN, X_T0 / 1000, jti, NULL);
    }
    x->dpop = proof;
    x->challenge = row[i].challenge;
    txn = x_txn(x, X_BODY);
    assert_int_equal(x_run(x, txn), OCC_OK);
    nonce = header(txn, "DPoP-Nonce");
    assert_true((nonce != NULL) == (row[i].nonce != 0));
    if (row[i].challenge != NULL) {
      assert_int_equal(x_handle(x, txn), 1);
      assert_true((nonce != NULL && strcmp(nonce, x->handle) == 0) == (row[i].nonce == 2));
    }
    occ_txn_free(txn);
    free(proof);
  }
}

static void test_response__no_nonces_where_they_are_off(void **state)
{
  x_host *x = *state;
  char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, X_T0 / 1000, "j", NULL);
  occ_txn *txn;

  x->dpop = proof;
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(headers(txn), 0);
  occ_txn_free(txn);
  free(proof);
}

#define TEST(name)         cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_IN(how, name) cmocka_unit_test_setup_teardown(name, set_up_##how, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_response__of_nothing),
    TEST(test_response__before_the_end),
    TEST_IN(stored, test_response__while_the_challenge_is_not_kept),
    TEST(test_response__of_a_grant),
    TEST(test_response__of_a_challenge),
    TEST_IN(nested, test_response__of_a_nested_challenge),
    TEST(test_response__of_invalid_client),
    TEST(test_response__says_nothing_of_the_client),
    TEST(test_response__of_a_failure),
    TEST(test_response__without_memory),
    TEST(test_response__nonces),
    TEST_IN(off, test_response__no_nonces_where_they_are_off),
  };

  return cmocka_run_group_tests_name("core/response", tests, NULL, NULL);
}
