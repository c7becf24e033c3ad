/* SPDX-License-Identifier: MIT */

/* occ_txn as the host fills, runs and settles it: every setter with its errors and limits, what sticks, what comes too
 * late, time, freeing from inside. What the getters say is in test_facts.c, the answer to send in test_response.c. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define CONFIG                                                                                     \
  "{" X_BASE "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"]}},"                   \
  "\"requirements\":{\"r\":{\"type\":\"t\"}}}"
#define CONFIG_HOST                                                                                \
  "{\"dpop\":\"host\",\"store_id\":\"" X_STORE_ID "\",\"types\":{\"t\":{\"class\":\"provenance\"," \
  "\"params\":[\"ev\"],\"headers\":[\"X-Ev\"]}},\"requirements\":{\"r\":{\"type\":\"t\"}}}"
#define THUMB "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS4"

static x_host host;

static int set_up(void **state)
{
  x_open(&host, CONFIG, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up_host(void **state)
{
  x_open(&host, CONFIG_HOST, NULL, NULL);
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static occ_txn *blank(x_host *x)
{
  occ_txn *txn = NULL;

  assert_int_equal(occ_txn_new(&txn, x->server, OCC_TOKEN, NULL), OCC_OK);
  return txn;
}

/* ---- new, free ---- */

static void test_txn_new__refuses(void **state)
{
  x_host *x = *state;
  occ_txn *txn = (occ_txn *)(uintptr_t)1;

  assert_int_equal(occ_txn_new(NULL, x->server, OCC_TOKEN, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_new(&txn, NULL, OCC_TOKEN, NULL), OCC_ERR_ARGUMENT);
  assert_null(txn);
  for (int endpoint = -1; endpoint <= 4; endpoint++) {
    txn = (occ_txn *)(uintptr_t)1;
    if (endpoint == OCC_TOKEN || endpoint == OCC_PAR) {
      continue;
    }
    assert_int_equal(occ_txn_new(&txn, x->server, (occ_endpoint)endpoint, NULL), OCC_ERR_ARGUMENT);
    assert_null(txn);
  }
}

static void test_txn_new__without_memory(void **state)
{
  x_host *x = *state;
  occ_txn *txn = (occ_txn *)(uintptr_t)1;

  x->fm.until = x->fm.count;
  assert_int_equal(occ_txn_new(&txn, x->server, OCC_TOKEN, NULL), OCC_ERR_MEMORY);
  assert_null(txn);
  assert_int_equal(occ_txn_http_status(txn), 500);
}

static void test_txn_new__holds_its_server(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);

  occ_server_free(x->server);
  x->server = NULL;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  occ_txn_free(NULL);
}

static void test_txn_user_data__is_the_hosts(void **state)
{
  x_host *x = *state;
  occ_txn *txn = NULL;
  int mine = 0;

  assert_null(occ_txn_user_data(NULL));
  assert_int_equal(occ_txn_new(&txn, x->server, OCC_PAR, &mine), OCC_OK);
  assert_ptr_equal(occ_txn_user_data(txn), &mine);
  occ_txn_free(txn);
}

/* ---- Setters ---- */

static void test_txn_setters__refuse_null(void **state)
{
  x_host *x = *state;

  assert_int_equal(occ_txn_set_body(NULL, "a=1", 3), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_add_param(NULL, "a", "1", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_add_header(NULL, "DPoP", "1", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set_certificate(NULL, "\x30", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set_client(NULL, "c", "none", NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set_sender(NULL, OCC_SENDER_MTLS, THUMB), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set_metadata(NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set(NULL, "reference", "r"), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set_memo(NULL, "m", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_run(NULL, X_T0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_settle(NULL, 1), OCC_ERR_ARGUMENT);
  (void)x;
}

/* One wrong call, then a request that is fine otherwise: it must not run. */
typedef int (*wrong_call)(occ_txn *txn);

static int null_body(occ_txn *txn)
{
  return occ_txn_set_body(txn, NULL, 1);
}

static int null_name(occ_txn *txn)
{
  return occ_txn_add_param(txn, NULL, "1", 1);
}

static int null_value(occ_txn *txn)
{
  return occ_txn_add_param(txn, "a", NULL, 1);
}

static int null_header(occ_txn *txn)
{
  return occ_txn_add_header(txn, NULL, "1", 1);
}

static int null_header_value(occ_txn *txn)
{
  return occ_txn_add_header(txn, "DPoP", NULL, 1);
}

static int null_certificate(occ_txn *txn)
{
  return occ_txn_set_certificate(txn, NULL, 2);
}

static int null_client(occ_txn *txn)
{
  return occ_txn_set_client(txn, NULL, "none", NULL);
}

static int null_method(occ_txn *txn)
{
  return occ_txn_set_client(txn, "c", NULL, NULL);
}

static int empty_client(occ_txn *txn)
{
  return occ_txn_set_client(txn, "", "none", NULL);
}

static int empty_method(occ_txn *txn)
{
  return occ_txn_set_client(txn, "c", "", NULL);
}

static int null_thumbprint(occ_txn *txn)
{
  return occ_txn_set_sender(txn, OCC_SENDER_MTLS, NULL);
}

static int null_metadata(occ_txn *txn)
{
  return occ_txn_set_metadata(txn, NULL, 0);
}

static int array_metadata(occ_txn *txn)
{
  return occ_txn_set_metadata(txn, "[]", 2);
}

static int cut_metadata(occ_txn *txn)
{
  return occ_txn_set_metadata(txn, "{\"a\":1", 6);
}

static int empty_metadata(occ_txn *txn)
{
  return occ_txn_set_metadata(txn, "", 0);
}

static int twice_metadata(occ_txn *txn)
{
  assert_int_equal(occ_txn_set_metadata(txn, "{}", 2), OCC_OK);
  return occ_txn_set_metadata(txn, "{}", 2);
}

static int null_option(occ_txn *txn)
{
  return occ_txn_set(txn, NULL, "a");
}

static int null_option_value(occ_txn *txn)
{
  return occ_txn_set(txn, "reference", NULL);
}

static int no_option(occ_txn *txn)
{
  return occ_txn_set(txn, "expires", "60");
}

static int null_memo(occ_txn *txn)
{
  return occ_txn_set_memo(txn, NULL, 1);
}

static int long_memo(occ_txn *txn)
{
  uint8_t memo[OCC__MAX_MEMO + 1] = { 0 };

  return occ_txn_set_memo(txn, memo, sizeof(memo));
}

static int two_bodies(occ_txn *txn)
{
  assert_int_equal(occ_txn_set_body(txn, X_BODY, strlen(X_BODY)), OCC_OK);
  return occ_txn_set_body(txn, X_BODY, strlen(X_BODY));
}

static int two_empty_bodies(occ_txn *txn)
{
  assert_int_equal(occ_txn_set_body(txn, NULL, 0), OCC_OK);
  return occ_txn_set_body(txn, X_BODY, strlen(X_BODY));
}

static int body_after_param(occ_txn *txn)
{
  assert_int_equal(occ_txn_add_param(txn, "a", "1", 1), OCC_OK);
  return occ_txn_set_body(txn, X_BODY, strlen(X_BODY));
}

static int param_after_body(occ_txn *txn)
{
  assert_int_equal(occ_txn_set_body(txn, X_BODY, strlen(X_BODY)), OCC_OK);
  return occ_txn_add_param(txn, "a", "1", 1);
}

static int large_metadata(occ_txn *txn)
{
  static char text[OCC__MAX_METADATA + 1];

  memset(text, ' ', sizeof(text));
  text[0] = '{';
  text[sizeof(text) - 1] = '}';
  return occ_txn_set_metadata(txn, text, sizeof(text));
}

static void test_txn_setters__errors_stick(void **state)
{
  static const struct {
    const char *why;
    wrong_call call;
    int want;
    const char *by; /* the event says */
  } row[] = {
    { "body without octets", null_body, OCC_ERR_ARGUMENT, "occ_txn_set_body" },
    { "parameter without name", null_name, OCC_ERR_ARGUMENT, "occ_txn_add_param" },
    { "parameter without value", null_value, OCC_ERR_ARGUMENT, "occ_txn_add_param" },
    { "header without name", null_header, OCC_ERR_ARGUMENT, "occ_txn_add_header" },
    { "header without value", null_header_value, OCC_ERR_ARGUMENT, "occ_txn_add_header" },
    { "certificate without octets", null_certificate, OCC_ERR_ARGUMENT, "occ_txn_set_certificate" },
    { "no client", null_client, OCC_ERR_ARGUMENT, "occ_txn_set_client" },
    { "no method", null_method, OCC_ERR_ARGUMENT, "occ_txn_set_client" },
    { "empty client", empty_client, OCC_ERR_ARGUMENT, "occ_txn_set_client" },
    { "empty method", empty_method, OCC_ERR_ARGUMENT, "occ_txn_set_client" },
    { "no thumbprint", null_thumbprint, OCC_ERR_ARGUMENT, "occ_txn_set_sender" },
    { "no metadata", null_metadata, OCC_ERR_ARGUMENT, "occ_txn_set_metadata" },
    { "metadata: an array", array_metadata, OCC_ERR_ARGUMENT, "occ_txn_set_metadata" },
    { "metadata: cut", cut_metadata, OCC_ERR_ARGUMENT, "occ_txn_set_metadata" },
    { "metadata: empty", empty_metadata, OCC_ERR_ARGUMENT, "occ_txn_set_metadata" },
    { "metadata twice", twice_metadata, OCC_ERR_ARGUMENT, "occ_txn_set_metadata" },
    { "metadata too large", large_metadata, OCC_ERR_LIMIT, "occ_txn_set_metadata" },
    { "option without name", null_option, OCC_ERR_ARGUMENT, "occ_txn_set" },
    { "option without value", null_option_value, OCC_ERR_ARGUMENT, "occ_txn_set.reference" },
    { "unknown option", no_option, OCC_ERR_ARGUMENT, "occ_txn_set" },
    { "memo without octets", null_memo, OCC_ERR_ARGUMENT, "occ_txn_set_memo" },
    { "memo too long", long_memo, OCC_ERR_ARGUMENT, "occ_txn_set_memo" },
    { "two bodies", two_bodies, OCC_ERR_STATE, "occ_txn_set_body" },
    { "two bodies, the first empty", two_empty_bodies, OCC_ERR_STATE, "occ_txn_set_body" },
    { "body after a parameter", body_after_param, OCC_ERR_STATE, "occ_txn_set_body" },
    { "parameter after the body", param_after_body, OCC_ERR_STATE, "occ_txn_add_param" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = blank(x);

    print_message("  %s\n", row[i].why);
    assert_int_equal(row[i].call(txn), row[i].want);
    assert_int_equal(occ_txn_outcome(txn), OCC_UNDECIDED);
    (void)occ_txn_set_client(txn, X_CLIENT, "none", NULL);
    x_is_failure(txn, occ_txn_run(txn, X_T0), row[i].want, "host_input");
    assert_true(x_logged(txn, "detail", row[i].by));
    assert_int_equal(occ_txn_http_status(txn), 500);
    assert_int_equal(occ_txn_run(txn, X_T0 + 1), row[i].want); /* sticky */
    occ_txn_free(txn);
  }
}

static void test_txn_setters__first_error_is_told(void **state)
{
  x_host *x = *state;
  occ_txn *txn = blank(x);

  assert_int_equal(two_bodies(txn), OCC_ERR_STATE);
  assert_int_equal(null_metadata(txn), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_STATE);
  assert_true(x_logged(txn, "detail", "occ_txn_set_body"));
  occ_txn_free(txn);
}

/* The name of the option is the host's text: what is told is one of ours, or none. */
static void test_txn_setters__options_by_name(void **state)
{
  static const struct {
    const char *name, *value, *by;
  } row[] = {
    { "reference", "\"", "occ_txn_set.reference" },
    { "expiry", "9", "occ_txn_set.expiry" },
    { "challenge_status", "401", "occ_txn_set.challenge_status" },
    { "challenge_anyway", "1", "occ_txn_set.challenge_anyway" },
    { "certificate_verified", "1", "occ_txn_set.certificate_verified" },
    { "receipt", "x", "occ_txn_set.receipt" },
    { "receipts", "x", "occ_txn_set" },
    { "", "x", "occ_txn_set" },
    { "\n", "x", "occ_txn_set" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = blank(x);

    print_message("  %s\n", row[i].by);
    assert_int_equal(occ_txn_set(txn, row[i].name, row[i].value), OCC_ERR_ARGUMENT);
    x_is_failure(txn, occ_txn_run(txn, X_T0), OCC_ERR_ARGUMENT, "host_input");
    assert_true(x_logged(txn, "detail", row[i].by));
    occ_txn_free(txn);
  }
}

/* What the peer did wrong comes first and is no fault of the host's; a fault of ours replaces it. */
static void test_txn_setters__a_fault_of_the_host_comes_first(void **state)
{
  x_host *x = *state;
  occ_txn *txn = blank(x);

  assert_int_equal(occ_txn_set_body(txn, "a=%", 3), OCC_OK);
  assert_int_equal(null_client(txn), OCC_ERR_ARGUMENT);
  x_is_failure(txn, occ_txn_run(txn, X_T0), OCC_ERR_ARGUMENT, "host_input");
  assert_true(x_logged(txn, "detail", "occ_txn_set_client"));
  occ_txn_free(txn);

  txn = blank(x);
  assert_int_equal(occ_txn_set_json(txn, "{\"body\":\"a=%\",\"x\":1}", 20), OCC_ERR_ARGUMENT);
  x_is_failure(txn, occ_txn_run(txn, X_T0), OCC_ERR_ARGUMENT, "host_input");
  assert_true(x_logged(txn, "detail", "occ_txn_set_json"));
  occ_txn_free(txn);
}

static void test_txn_setters__come_too_late(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  for (int ended = 0; ended <= 1; ended++) {
    assert_int_equal(occ_txn_set_body(txn, "a=1", 3), OCC_ERR_STATE);
    assert_int_equal(occ_txn_set_body(txn, NULL, 3), OCC_ERR_STATE);
    assert_int_equal(occ_txn_add_param(txn, "a", "1", 1), OCC_ERR_STATE);
    assert_int_equal(occ_txn_add_header(txn, "DPoP", "1", 1), OCC_ERR_STATE);
    assert_int_equal(occ_txn_set_certificate(txn, "\x30\x00", 2), OCC_ERR_STATE);
    assert_int_equal(occ_txn_set_client(txn, "c", "none", NULL), OCC_ERR_STATE);
    assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_MTLS, THUMB), OCC_ERR_STATE);
    assert_int_equal(occ_txn_set_metadata(txn, "{}", 2), OCC_ERR_STATE);
    assert_int_equal(occ_txn_set_json(txn, "{}", 2), OCC_ERR_STATE);
    assert_string_equal(occ_txn_client_id(txn), X_CLIENT);
    assert_null(occ_txn_sender(txn, OCC_SENDER_MTLS));
    if (!ended) { /* these may be set while DECIDE is open */
      assert_int_equal(occ_txn_set(txn, "reference", "r-1"), OCC_OK);
      assert_int_equal(occ_txn_set_memo(txn, "m", 1), OCC_OK);
      assert_int_equal(x_run(x, txn), OCC_OK);
    }
  }
  assert_int_equal(occ_txn_set(txn, "reference", "r-2"), OCC_ERR_STATE);
  assert_int_equal(occ_txn_set_memo(txn, "m", 1), OCC_ERR_STATE);
  assert_string_equal(occ_txn_reference(txn), "r-1");
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT); /* none of it failed the txn */
  occ_txn_free(txn);
}

static void test_txn_setters__while_another_question_is_open(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->metadata = NULL;
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
  assert_int_equal(occ_txn_set(txn, "reference", "r"), OCC_ERR_STATE);
  assert_int_equal(occ_txn_set_memo(txn, "m", 1), OCC_ERR_STATE);
  assert_null(occ_txn_reference(txn));
  occ_txn_free(txn);
}

static void test_txn_setters__after_decide_was_answered(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_set(txn, "reference", "r"), OCC_ERR_STATE);
  assert_int_equal(occ_txn_set_memo(txn, "m", 1), OCC_ERR_STATE);
  occ_txn_free(txn);
}

/* What is wrong while DECIDE is open does not stick: the policy may put it right. */
static void test_txn_set__while_decide_is_open(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_set(txn, "expiry", "9"), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set(txn, NULL, "9"), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set(txn, "expiry", NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set(txn, "certificate_verified", "true"), OCC_ERR_ARGUMENT);
  assert_int_equal(long_memo(txn), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_set(txn, "expiry", "10"), OCC_OK);
  x->challenge = "r";
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "\"expires_in\":10"));
  occ_txn_free(txn);
}

static void test_txn_set__values(void **state)
{
  static const struct {
    const char *why, *name, *value;
    int want;
  } row[] = {
    { "expiry below", "expiry", "9", OCC_ERR_ARGUMENT },
    { "expiry least", "expiry", "10", OCC_OK },
    { "expiry", "expiry", "11", OCC_OK },
    { "expiry", "expiry", "599", OCC_OK },
    { "expiry most", "expiry", "600", OCC_OK },
    { "expiry above", "expiry", "601", OCC_ERR_ARGUMENT },
    { "expiry far above", "expiry", "99999999999999999999999", OCC_ERR_ARGUMENT },
    { "expiry empty", "expiry", "", OCC_ERR_ARGUMENT },
    { "expiry negative", "expiry", "-60", OCC_ERR_ARGUMENT },
    { "expiry with a sign", "expiry", "+60", OCC_ERR_ARGUMENT },
    { "expiry with a blank", "expiry", " 60", OCC_ERR_ARGUMENT },
    { "expiry with a fraction", "expiry", "60.0", OCC_ERR_ARGUMENT },
    { "expiry with a unit", "expiry", "60s", OCC_ERR_ARGUMENT },
    { "status", "challenge_status", "400", OCC_OK },
    { "status", "challenge_status", "403", OCC_OK },
    { "status that is none", "challenge_status", "401", OCC_ERR_ARGUMENT },
    { "status of success", "challenge_status", "200", OCC_ERR_ARGUMENT },
    { "status empty", "challenge_status", "", OCC_ERR_ARGUMENT },
    { "status too long", "challenge_status", "4000", OCC_ERR_ARGUMENT },
    { "anyway", "challenge_anyway", "true", OCC_OK },
    { "anyway not", "challenge_anyway", "false", OCC_OK },
    { "anyway: 1", "challenge_anyway", "1", OCC_ERR_ARGUMENT },
    { "anyway: TRUE", "challenge_anyway", "TRUE", OCC_ERR_ARGUMENT },
    { "anyway: t", "challenge_anyway", "t", OCC_ERR_ARGUMENT },
    { "anyway: empty", "challenge_anyway", "", OCC_ERR_ARGUMENT },
    { "certificate verified", "certificate_verified", "true", OCC_OK },
    { "certificate not verified", "certificate_verified", "false", OCC_OK },
    { "certificate verified: 1", "certificate_verified", "1", OCC_ERR_ARGUMENT },
    { "certificate verified: True", "certificate_verified", "True", OCC_ERR_ARGUMENT },
    { "certificate verified: empty", "certificate_verified", "", OCC_ERR_ARGUMENT },
    { "reference", "reference", "ref-1 (a)", OCC_OK },
    { "reference taken back", "reference", "", OCC_OK },
    { "reference with a quote", "reference", "a\"b", OCC_ERR_ARGUMENT },
    { "reference with a backslash", "reference", "a\\b", OCC_ERR_ARGUMENT },
    { "reference with a line end", "reference", "a\nb", OCC_ERR_ARGUMENT },
    { "reference beyond ASCII", "reference", "\xc3\xa4", OCC_ERR_ARGUMENT },
    { "a receipt that is none", "receipt", "x", OCC_ERR_ARGUMENT },
    { "no name", "", "x", OCC_ERR_ARGUMENT },
    { "names are exact", "Expiry", "60", OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = blank(x);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set(txn, row[i].name, row[i].value), row[i].want);
    occ_txn_free(txn);
  }
}

/* len octets of c, NUL-terminated; good until the next call. */
static char *many(char c, size_t len)
{
  static char text[128 * 1024];

  assert_true(len < sizeof(text));
  memset(text, c, len);
  text[len] = '\0';
  return text;
}

static void test_txn_set__reference_has_a_limit(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    occ_txn *txn = blank(x);

    assert_int_equal(occ_txn_set(txn, "reference", many('r', len)),
                     len <= OCC__MAX_ID ? OCC_OK : OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
}

static void test_txn_set_memo__has_a_limit(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_MEMO - 1; len <= OCC__MAX_MEMO + 1; len++) {
    occ_txn *txn = blank(x);

    assert_int_equal(occ_txn_set_memo(txn, many('m', len), len),
                     len <= OCC__MAX_MEMO ? OCC_OK : OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
}

static void test_txn_set_client__has_limits(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_CLIENT_ID - 1; len <= OCC__MAX_CLIENT_ID + 1; len++) {
    occ_txn *txn = blank(x);

    assert_int_equal(occ_txn_set_client(txn, many('c', len), "none", NULL),
                     len <= OCC__MAX_CLIENT_ID ? OCC_OK : OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    const int want = len <= OCC__MAX_ID ? OCC_OK : OCC_ERR_ARGUMENT;
    occ_txn *txn = blank(x);

    assert_int_equal(occ_txn_set_client(txn, "c", many('m', len), NULL), want);
    assert_int_equal(occ_txn_set_client(txn, "c", "none", many('k', len)), want);
    occ_txn_free(txn);
  }
}

/* The last word counts, whole: the key of the first is not the second's. */
static void test_txn_set_client__twice(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->client = NULL;
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set_client(txn, "a", "private_key_jwt", "key-of-a"), OCC_OK);
  assert_int_equal(occ_txn_set_client(txn, "b", "none", NULL), OCC_OK);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_null(occ_txn_client_id(txn)); /* "none": known, not authenticated */
  assert_string_equal(occ_txn_fact(txn, "/client/id", NULL), "\"b\"");
  assert_null(occ_txn_fact(txn, "/client/key", NULL));
  occ_txn_free(txn);
}

static void test_txn_set_sender__refuses(void **state)
{
  static const struct {
    const char *why;
    int kind;
    const char *thumbprint;
  } row[] = {
    { "kind 0", 0, THUMB },
    { "kind below", -1, THUMB },
    { "kind above", 4, THUMB },
    { "kind far above", 257, THUMB },
    { "empty", OCC_SENDER_MTLS, "" },
    { "one short", OCC_SENDER_MTLS, "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS" },
    { "one long", OCC_SENDER_MTLS, THUMB "A" },
    { "padded", OCC_SENDER_MTLS, THUMB "=" },
    { "standard alphabet", OCC_SENDER_MTLS, "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ/LRKKrS4" },
    { "unused bits set", OCC_SENDER_MTLS, "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS5" },
    { "hexadecimal", OCC_SENDER_MTLS,
      "aecd97c78724d08b6264272dbf23cc27001a0cc5c660b9248cb67f2d128aad2e" },
  };
  x_host *x = *state;
  occ_txn *txn;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    txn = blank(x);
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set_sender(txn, (occ_sender)row[i].kind, row[i].thumbprint),
                     OCC_ERR_ARGUMENT);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
  txn = blank(x);
  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_MTLS, THUMB), OCC_OK);
  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_ATTESTED, THUMB), OCC_OK);
  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_MTLS, THUMB), OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
  txn = blank(x); /* here libocc verifies proofs itself */
  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_DPOP, THUMB), OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
}

static void test_txn_set_sender__takes_dpop_of_a_host_that_verifies(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->sender = OCC_SENDER_DPOP;
  x->thumbprint = THUMB;
  x->dpop = "no proof, but nobody looks";
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_string_equal(occ_txn_sender(txn, OCC_SENDER_DPOP), THUMB);
  assert_int_equal(x->asked[OCC_ASK_ONCE], 0);
  occ_txn_free(txn);
}

/* ---- Certificates ---- */

static void test_txn_set_certificate__rows(void **state)
{
  static const struct {
    const char *why, *der;
    size_t len;
    int want;
  } row[] = {
    { "an empty sequence", "\x30\x00", 2, OCC_OK },
    { "short form", "\x30\x03\x02\x01\x01", 5, OCC_OK },
    { "empty", "", 0, OCC_ERR_ARGUMENT },
    { "tag alone", "\x30", 1, OCC_ERR_ARGUMENT },
    { "PEM", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 60,
      OCC_ERR_ARGUMENT },
    { "base64 of it", "MAMCAQE=", 8, OCC_ERR_ARGUMENT },
    { "a set", "\x31\x00", 2, OCC_ERR_ARGUMENT },
    { "an integer", "\x02\x01\x01", 3, OCC_ERR_ARGUMENT },
    { "one octet behind it", "\x30\x03\x02\x01\x01\x00", 6, OCC_ERR_ARGUMENT },
    { "two of them", "\x30\x00\x30\x00", 4, OCC_ERR_ARGUMENT },
    { "cut", "\x30\x03\x02\x01", 4, OCC_ERR_ARGUMENT },
    { "indefinite length", "\x30\x80\x00\x00", 4, OCC_ERR_ARGUMENT },
    { "long form without its length", "\x30\x81", 2, OCC_ERR_ARGUMENT },
    { "two octets of length, one there", "\x30\x82\x01", 3, OCC_ERR_ARGUMENT },
    { "four octets of length", "\x30\x84\x00\x00\x00\x00", 6, OCC_ERR_ARGUMENT },
    { "127 octets of length", "\x30\xff\x00\x00", 4, OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_txn(x, X_BODY);
    uint8_t *block = malloc(row[i].len == 0 ? 1 : row[i].len); /* exact: reading past it is seen */

    print_message("  %s\n", row[i].why);
    assert_non_null(block);
    memcpy(block, row[i].der, row[i].len);
    assert_int_equal(occ_txn_set_certificate(txn, block, row[i].len), row[i].want);
    free(block);
    assert_int_equal(x_run(x, txn), row[i].want);
    assert_true((occ_txn_sender(txn, OCC_SENDER_MTLS) != NULL) == (row[i].want == OCC_OK));
    occ_txn_free(txn);
  }
}

/* body octets in a SEQUENCE whose length takes so many octets; 0: the short form. */
static size_t der_of(uint8_t *der, size_t body, unsigned octets)
{
  size_t at = 0;

  der[at++] = 0x30;
  der[at++] = (uint8_t)(octets == 0 ? body : 0x80u + octets);
  for (unsigned i = octets; i > 0; i--) {
    der[at++] = (uint8_t)(body >> (8 * (i - 1)));
  }
  memset(der + at, 0, body);
  return at + body;
}

static void test_txn_set_certificate__lengths(void **state)
{
  static const struct {
    const char *why;
    size_t body;
    unsigned octets;
    int want;
  } row[] = {
    { "longest short form", 127, 0, OCC_OK },
    { "shortest long form", 128, 1, OCC_OK },
    { "longest of one octet", 255, 1, OCC_OK },
    { "shortest of two", 256, 2, OCC_OK },
    { "one below the most", OCC__MAX_CERTIFICATE - 5, 2, OCC_OK },
    { "the most", OCC__MAX_CERTIFICATE - 4, 2, OCC_OK },
    { "one above the most", OCC__MAX_CERTIFICATE - 3, 2, OCC_ERR_ARGUMENT },
    { "far above the most", 70000, 3, OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    uint8_t *der = malloc(row[i].body + 8);
    size_t len = der_of(der, row[i].body, row[i].octets);
    occ_txn *txn = blank(x);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set_certificate(txn, der, len), row[i].want);
    occ_txn_free(txn);
    txn = blank(x);
    assert_int_equal(occ_txn_set_certificate(txn, der, len - 1), OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
    free(der);
  }
}

/* The thumbprint of "\x30\x00", computed by another implementation. */
#define EMPTY_SEQUENCE "5PYNCqbX89O2pklLHIYbmfZJxvnsUauvIBsg8pcyfJU"

static void test_txn_set_certificate__and_thumbprint_agree(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);

  assert_int_equal(occ_txn_set_certificate(txn, "\x30\x00", 2), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_string_equal(occ_txn_sender(txn, OCC_SENDER_MTLS), EMPTY_SEQUENCE);
  occ_txn_free(txn);

  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = EMPTY_SEQUENCE;
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set_certificate(txn, "\x30\x00", 2), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  occ_txn_free(txn);

  x->thumbprint = THUMB; /* of another one: the host contradicts itself */
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set_certificate(txn, "\x30\x00", 2), OCC_OK);
  x_is_failure(txn, x_run(x, txn), OCC_ERR_ARGUMENT, "host_input");
  assert_null(strstr(occ_txn_log(txn, NULL), "\"detail\":\"occ_txn")); /* no call was wrong */
  occ_txn_free(txn);
}

/* ---- What the client did wrong is an outcome ---- */

static void expect_refused(x_host *x, occ_txn *txn, const char *error, const char *reason)
{
  char want[64];

  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  (void)snprintf(want, sizeof(want), "{\"error\":\"%s\"", error);
  assert_memory_equal(occ_txn_body(txn, NULL), want, strlen(want));
  assert_string_equal(occ_txn_reason(txn), reason);
}

static void test_txn_set_body__peer_faults(void **state)
{
  static const struct {
    const char *why, *body, *reason;
  } row[] = {
    { "cut escape", "grant_type=a&b=%2", "form_malformed" },
    { "O-10 repeated parameter", "grant_type=a&grant_type=a", "parameter_repeated" },
    { "no grant type", "scope=a", "grant_type_missing" },
    { "O-10 empty grant type is absent", "grant_type=&scope=a", "grant_type_missing" },
    { "empty body", "", "grant_type_missing" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = blank(x);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set_body(txn, row[i].body, strlen(row[i].body)), OCC_OK);
    expect_refused(x, txn, "invalid_request", row[i].reason);
    assert_int_equal(occ_txn_http_status(txn), 400);
    occ_txn_free(txn);
  }
}

static void test_txn_add_param__limits(void **state)
{
  x_host *x = *state;

  for (size_t count = OCC__MAX_PARAMS - 1; count <= OCC__MAX_PARAMS + 1; count++) {
    occ_txn *txn = blank(x);
    char name[32];

    assert_int_equal(occ_txn_add_param(txn, "grant_type", "a", 1), OCC_OK);
    for (size_t i = 1; i < count; i++) {
      (void)snprintf(name, sizeof(name), "p%zu", i);
      assert_int_equal(occ_txn_add_param(txn, name, "1", 1), OCC_OK);
    }
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), count <= OCC__MAX_PARAMS ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
  }
  for (size_t len = OCC__MAX_BODY - 1; len <= OCC__MAX_BODY + 1; len++) {
    occ_txn *txn = blank(x);
    const size_t before = strlen("grant_type") + 1 + strlen("x");

    assert_int_equal(occ_txn_add_param(txn, "grant_type", "a", 1), OCC_OK);
    assert_int_equal(occ_txn_add_param(txn, "x", many('v', len - before), len - before), OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), len <= OCC__MAX_BODY ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
  }
}

static void test_txn_set_body__limit(void **state)
{
  static const char begin[] = "grant_type=a&x=";
  x_host *x = *state;

  for (size_t len = OCC__MAX_BODY - 1; len <= OCC__MAX_BODY + 1; len++) {
    char *body = many('v', len);
    occ_txn *txn = blank(x);

    memcpy(body, begin, strlen(begin));
    assert_int_equal(occ_txn_set_body(txn, body, len), OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), len <= OCC__MAX_BODY ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
  }
}

static void test_txn_add_header__limits(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  for (size_t len = OCC__MAX_HEADER - 1; len <= OCC__MAX_HEADER + 1; len++) {
    txn = x_txn(x, X_BODY);
    assert_int_equal(occ_txn_add_header(txn, "x-ev", many('v', len), len), OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), len <= OCC__MAX_HEADER ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
  }
  for (size_t count = OCC__MAX_HEADERS - 1; count <= OCC__MAX_HEADERS + 1; count++) {
    txn = x_txn(x, X_BODY);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(occ_txn_add_header(txn, "X-Ev", "v", 1), OCC_OK);
      assert_int_equal(occ_txn_add_header(txn, "Accept", "v", 1), OCC_OK); /* nobody keeps it */
    }
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), count <= OCC__MAX_HEADERS ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
  }
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_add_header(txn, "X-Ev", "a\r\nb: c", 7), OCC_OK);
  expect_refused(x, txn, "invalid_request", "header_malformed");
  occ_txn_free(txn);
}

/* ---- Time ---- */

static void test_txn_run__deadline(void **state)
{
  static const struct {
    const char *why;
    occ_time later;
    int want;
  } row[] = {
    { "one before", OCC__DEADLINE_MS - 1, OCC_PENDING },
    { "at it", OCC__DEADLINE_MS, OCC_ERR_DEADLINE },
    { "one behind", OCC__DEADLINE_MS + 1, OCC_ERR_DEADLINE },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    const occ_ticket ticket = occ_txn_question(txn)->ticket;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_question(txn)->deadline, X_T0 + OCC__DEADLINE_MS);
    assert_int_equal(occ_txn_run(txn, X_T0 + row[i].later), row[i].want);
    if (row[i].want != OCC_PENDING) {
      x_is_failure(txn, row[i].want, OCC_ERR_DEADLINE, "deadline");
      assert_int_equal(occ_txn_http_status(txn), 503);
      assert_null(occ_txn_question(txn));
      assert_int_equal(occ_txn_answer(txn, ticket, OCC_YES, NULL, 0), OCC_ERR_STALE);
      assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_DEADLINE);
    }
    occ_txn_free(txn);
  }
}

/* An answer that came in time is of no use if the run does not. */
static void test_txn_run__answered_but_too_late(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0), OCC_OK);
  x_is_failure(txn, occ_txn_run(txn, X_T0 + OCC__DEADLINE_MS), OCC_ERR_DEADLINE, "deadline");
  occ_txn_free(txn);
}

static void test_txn_run__time_never_goes_back(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_run(txn, X_T0 - 1000000), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->now, X_T0);
  x->now = 0;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

static void test_txn_run__refuses_what_is_no_time(void **state)
{
  static const struct {
    const char *why;
    occ_time now;
    int want;
  } row[] = {
    { "1970", 0, OCC_OK },
    { "before 1970", -1, OCC_ERR_ARGUMENT },
    { "least of all", INT64_MIN, OCC_ERR_ARGUMENT },
    { "last", OCC__MAX_TIME, OCC_OK },
    { "behind the last", OCC__MAX_TIME + 1, OCC_ERR_ARGUMENT },
    { "most of all", INT64_MAX, OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_txn(x, X_BODY);

    print_message("  %s\n", row[i].why);
    x->now = row[i].now;
    assert_int_equal(x_run(x, txn), row[i].want);
    assert_int_equal(occ_txn_outcome(txn), row[i].want == OCC_OK ? OCC_GRANT : OCC_FAILED);
    assert_int_equal(occ_txn_run(txn, X_T0), row[i].want);
    occ_txn_free(txn);
  }
}

static void test_txn_run__pending_is_harmless(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  const occ_ticket ticket = occ_txn_question(txn)->ticket;

  for (int i = 0; i < 3; i++) {
    assert_int_equal(occ_txn_run(txn, X_T0 + i), OCC_PENDING);
    assert_int_equal(occ_txn_question(txn)->ticket, ticket);
    assert_int_equal(occ_txn_outcome(txn), OCC_UNDECIDED);
  }
  assert_int_equal(occ_txn_answer(txn, ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0 + 1000000), OCC_OK); /* ended: nothing expires any more */
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(occ_txn_outcome(NULL), OCC_UNDECIDED);
  occ_txn_free(txn);
}

/* ---- settle ---- */

static void test_txn_settle__needs_a_grant(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);

  assert_int_equal(occ_txn_settle(txn, 1), OCC_ERR_STATE);
  occ_txn_free(txn);
  txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  assert_int_equal(occ_txn_settle(txn, 1), OCC_ERR_STATE);
  x->challenge = "r";
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_int_equal(occ_txn_settle(txn, 1), OCC_ERR_STATE);
  assert_int_equal(occ_txn_settle(txn, 0), OCC_ERR_STATE);
  occ_txn_free(txn);
}

static void test_txn_settle__once(void **state)
{
  x_host *x = *state;

  for (int issue = 0; issue <= 1; issue++) {
    occ_txn *txn = x_txn(x, X_BODY);

    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_settle(txn, 2), OCC_ERR_ARGUMENT);
    assert_int_equal(occ_txn_settle(txn, -1), OCC_ERR_ARGUMENT);
    assert_int_equal(occ_txn_settle(txn, issue), OCC_OK);
    assert_int_equal(occ_txn_settle(txn, issue), OCC_ERR_STATE);
    assert_int_equal(occ_txn_run(txn, X_T0 + 100000), OCC_OK); /* nothing was reserved */
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    occ_txn_free(txn);
  }
}

/* ---- Memory ---- */

/* A whole exchange with every allocation failing: the same outcome, or a failure with something to send. */
static void test_txn__survives_every_failed_allocation(void **state)
{
  x_host x;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    size_t n = 0;
    bool failed = true;

    for (; failed && n < 2000; n++) {
      occ_txn *txn = NULL;

      x_open(&x, CONFIG, NULL, NULL);
      x.challenge = "r";
      x.verdict[OCC_ASK_VERIFY] = OCC_YES;
      x.data[OCC_ASK_VERIFY] = "{\"a\":1}";
      x.fm.count = 0;
      x.fm.until = n;
      x.fm.keep = keep != 0;
      for (int round = 0; round < 2; round++) {
        int rc;

        txn = round == 0 ? x_txn(&x, X_BODY) : x_follow_up(&x, "ev=1");
        if (txn == NULL) {
          assert_int_equal(occ_txn_http_status(NULL), 500);
          break;
        }
        rc = x_run(&x, txn);
        if (rc != OCC_OK) {
          assert_true(x.fm.failed);
          assert_int_equal(rc, OCC_ERR_MEMORY);
          x_is_failure(txn, rc, OCC_ERR_MEMORY, NULL);
        } else if (!x.fm.failed) {
          assert_int_equal(occ_txn_outcome(txn), round == 0 ? OCC_CHALLENGE : OCC_GRANT);
        }
        if (rc != OCC_OK || !x_handle(&x, txn)) {
          break;
        }
        occ_txn_free(txn);
        txn = NULL;
      }
      occ_txn_free(txn);
      failed = x.fm.failed;
      x_close(&x);
    }
    assert_false(failed); /* the loop reached the end of the work */
    print_message("  %zu allocations\n", n - 1);
    assert_true(n > 6);
  }
}

/* ---- What is read as JSON in one request ---- */

#define JSON_CONFIG                                                                                \
  "{" X_BASE "\"jwt_assertion\":{\"self_issued\":true},"                                           \
  "\"requirements\":{\"r\":{\"type\":\"jwt_assertion\"}}}"

/* Nothing of it is good, so that the limit alone is to be seen: a length is a length. */
static char *json_body(const char *param, size_t len, size_t token)
{
  static char body[3 * OCC__MAX_REQUEST_JSON];
  const int n =
      snprintf(body, sizeof(body), X_BODY "&authorization_details=%0*d&claim_token=%0*d%s%s%s%0*d",
               (int)OCC__MAX_DETAILS, 0, (int)token, 0, param[0] == '\0' ? "" : "&", param,
               param[0] == '\0' ? "" : "=", (int)len, 0);

  assert_true(n > 0 && (size_t)n < sizeof(body));
  return body;
}

static void test_txn__json_of_a_request_has_a_limit(void **state)
{
  static const struct {
    const char *why, *param;
    size_t len;
    int counts, by_host; /* by_host: the host has said who the client is */
  } row[] = {
    { "nothing else", "claim_token_format", 100, 1, 1 },
    { "claims", "claims", OCC__MAX_CLAIMS, 1, 1 },
    { "claims that are not read", "claims", OCC__MAX_CLAIMS + 1, 0, 1 },
    { "an assertion", "client_assertion", 1000, 1, 0 },
    { "an assertion that the host has verified", "client_assertion", 1000, 0, 1 },
    { "what nobody reads", "x", 3000, 0, 1 },
    { "what the host reads", "vp_token", 3000, 0, 1 },
    { "a proof", "DPoP", 1000, 1, 1 },
  };
  x_host x;
  (void)state;

  x_open(&x, JSON_CONFIG, NULL, NULL);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    for (int more = -1; more <= 1; more++) {
      const size_t rest =
          OCC__MAX_REQUEST_JSON - OCC__MAX_DETAILS - (row[i].counts ? row[i].len : 0);
      const int is_proof = strcmp(row[i].param, "DPoP") == 0;
      const char *reason;
      occ_txn *txn;

      x.client = row[i].by_host ? X_CLIENT : NULL;
      x.dpop = is_proof ? many('p', row[i].len) : NULL;
      txn = x_txn(&x, is_proof ? json_body("x", 1, rest + (size_t)more)
                               : json_body(row[i].param, row[i].len, rest + (size_t)more));
      assert_int_equal(x_run(&x, txn), OCC_OK);
      reason = occ_txn_reason(txn);
      if ((reason != NULL && strcmp(reason, "json_too_large") == 0) != (more > 0)) {
        fail_msg("%s, %d more: %s", row[i].why, more, reason == NULL ? "none" : reason);
      }
      if (more > 0) {
        assert_int_equal(occ_txn_http_status(txn), 400);
        assert_non_null(strstr(occ_txn_body(txn, NULL), "\"invalid_request\""));
      }
      occ_txn_free(txn);
      x.dpop = NULL;
    }
  }
  x_close(&x);
}

/* spec: RFC 7591 section 2. X_BODY asks by client_credentials. */
static void test_txn_run__registered_grants(void **state)
{
  static const struct {
    const char *why, *metadata, *body;
    occ_endpoint endpoint;
    int granted;
  } row[] = {
    { "nothing is registered", "{}", X_BODY, OCC_TOKEN, 1 },
    { "this one", "{\"grant_types\":[\"x\",\"client_credentials\"]}", X_BODY, OCC_TOKEN, 1 },
    { "another", "{\"grant_types\":[\"authorization_code\"]}", X_BODY, OCC_TOKEN, 0 },
    { "none", "{\"grant_types\":[]}", X_BODY, OCC_TOKEN, 0 },
    { "a prefix", "{\"grant_types\":[\"client_credential\"]}", X_BODY, OCC_TOKEN, 0 },
    { "no array", "{\"grant_types\":\"client_credentials\"}", X_BODY, OCC_TOKEN, 0 },
    { "no text", "{\"grant_types\":[1]}", X_BODY, OCC_TOKEN, 0 },
    { "no token is asked for at the PAR endpoint", "{\"grant_types\":[\"authorization_code\"]}",
      "response_type=code", OCC_PAR, 1 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = NULL;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_new(&txn, x->server, row[i].endpoint, x), OCC_OK);
    (void)occ_txn_set_body(txn, row[i].body, strlen(row[i].body));
    (void)occ_txn_set_client(txn, X_CLIENT, "client_secret_basic", NULL);
    (void)occ_txn_set_metadata(txn, row[i].metadata, strlen(row[i].metadata));
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), row[i].granted ? OCC_GRANT : OCC_REFUSE);
    if (!row[i].granted) {
      assert_string_equal(occ_txn_reason(txn), "grant_type_unregistered");
      assert_non_null(strstr(occ_txn_body(txn, NULL), "\"error\":\"unauthorized_client\""));
    }
    occ_txn_free(txn);
  }
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_HOST(name) cmocka_unit_test_setup_teardown(name, set_up_host, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_txn_run__registered_grants),
    TEST(test_txn_new__refuses),
    TEST(test_txn_new__without_memory),
    TEST(test_txn_new__holds_its_server),
    TEST(test_txn_user_data__is_the_hosts),
    TEST(test_txn_setters__refuse_null),
    TEST(test_txn_setters__errors_stick),
    TEST(test_txn_setters__first_error_is_told),
    TEST(test_txn_setters__options_by_name),
    TEST(test_txn_setters__a_fault_of_the_host_comes_first),
    TEST(test_txn_setters__come_too_late),
    TEST(test_txn_setters__while_another_question_is_open),
    TEST(test_txn_setters__after_decide_was_answered),
    TEST(test_txn_set__while_decide_is_open),
    TEST(test_txn_set__values),
    TEST(test_txn_set__reference_has_a_limit),
    TEST(test_txn_set_memo__has_a_limit),
    TEST(test_txn_set_client__has_limits),
    TEST(test_txn_set_client__twice),
    TEST(test_txn_set_sender__refuses),
    TEST_HOST(test_txn_set_sender__takes_dpop_of_a_host_that_verifies),
    TEST(test_txn_set_certificate__rows),
    TEST(test_txn_set_certificate__lengths),
    TEST(test_txn_set_certificate__and_thumbprint_agree),
    TEST(test_txn_set_body__peer_faults),
    TEST(test_txn_add_param__limits),
    TEST(test_txn_set_body__limit),
    TEST_HOST(test_txn_add_header__limits),
    TEST(test_txn_run__deadline),
    TEST(test_txn_run__answered_but_too_late),
    TEST(test_txn_run__time_never_goes_back),
    TEST(test_txn_run__refuses_what_is_no_time),
    TEST(test_txn_run__pending_is_harmless),
    TEST(test_txn_settle__needs_a_grant),
    TEST(test_txn_settle__once),
    cmocka_unit_test(test_txn__json_of_a_request_has_a_limit),
    cmocka_unit_test(test_txn__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("core/txn", tests, NULL, NULL);
}
