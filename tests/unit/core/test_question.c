/* SPDX-License-Identifier: MIT */

/* Questions and answers: tickets, what each answer function takes of which kind, limits, answerers that answer, keep,
 * say nothing or misbehave, and what NO and RETRY lead to. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define LONG_NAME "r.23456789012345678901234567890123456789012345678901234567890123" /* 64 */
#define REQUIREMENTS                                                                               \
  "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"]},"                               \
  "\"own\":{\"class\":\"provenance\",\"params\":[\"claim_token\"]}},"                              \
  "\"requirements\":{\"r\":{\"type\":\"t\"},\"rr\":{\"type\":\"t\",\"a\":1},"                      \
  "\"" LONG_NAME "\":{\"type\":\"t\"},\"own\":{\"type\":\"own\"}}}"
#define CONFIG       "{" X_BASE REQUIREMENTS
#define CONFIG_CHECK "{" X_BASE "\"check\":true," REQUIREMENTS

static x_host host;

static int set_up(void **state)
{
  x_open(&host, CONFIG, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up_check(void **state)
{
  x_open(&host, CONFIG_CHECK, NULL, NULL);
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static occ_ticket ticket_of(const occ_txn *txn)
{
  const occ_question *q = occ_txn_question(txn);

  assert_non_null(q);
  return q->ticket;
}

/* len octets of c, NUL-terminated; good until the next call. */
static char *many(char c, size_t len)
{
  static char text[300 * 1024];

  assert_true(len < sizeof(text));
  memset(text, c, len);
  text[len] = '\0';
  return text;
}

static void expect_end(occ_txn *txn, int rc, int want, occ_outcome outcome, const char *error,
                       const char *reason)
{
  assert_int_equal(rc, want);
  assert_int_equal(occ_txn_outcome(txn), outcome);
  if (error != NULL) {
    char start[80];
    (void)snprintf(start, sizeof(start), "{\"error\":\"%s\"", error);
    assert_memory_equal(occ_txn_body(txn, NULL), start, strlen(start));
  }
  if (reason != NULL) {
    assert_string_equal(occ_txn_reason(txn), reason);
  }
}

/* ---- The open question ---- */

static void test_txn_question__is_there_while_it_is_open(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);
  const occ_question *q;

  assert_null(occ_txn_question(NULL));
  assert_null(occ_txn_question(txn));
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_int_equal(q->kind, OCC_ASK_DECIDE);
  assert_true(q->ticket > 0 && q->ticket < UINT64_C(1) << 53);
  assert_string_equal(q->client_id, X_CLIENT);
  assert_int_equal(q->now, X_T0);
  assert_int_equal(q->deadline, X_T0 + OCC__DEADLINE_MS);
  assert_null(q->url);
  assert_null(q->key);
  assert_null(q->data);
  assert_int_equal(occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_null(occ_txn_question(txn)); /* answered */
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_null(occ_txn_question(txn));
  occ_txn_free(txn);
}

static void test_txn_question__tickets_are_never_used_again(void **state)
{
  x_host *x = *state;
  occ_ticket last = 0;

  for (int i = 0; i < 20; i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

    assert_true(ticket_of(txn) > last);
    last = ticket_of(txn);
    occ_txn_free(txn);
  }
}

static void test_txn_answer__stale_tickets_have_no_effect(void **state)
{
  x_host *x = *state;
  occ_txn *other = x_at(x, X_BODY, OCC_ASK_DECIDE);
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  const occ_ticket own = ticket_of(txn);
  const occ_ticket stale[] = { 0, own - 1, own + 1, ticket_of(other), UINT64_MAX };
  occ_txn *blank = x_txn(x, X_BODY);

  for (size_t i = 0; i < X_ROWS(stale); i++) {
    assert_int_equal(occ_txn_answer(txn, stale[i], OCC_YES, NULL, 0), OCC_ERR_STALE);
    assert_int_equal(occ_txn_answer(txn, stale[i], (occ_verdict)9, NULL, 9), OCC_ERR_STALE);
    assert_int_equal(occ_txn_answer_challenge(txn, stale[i], "r", NULL), OCC_ERR_STALE);
    assert_int_equal(occ_txn_answer_refuse(txn, stale[i], NULL, NULL), OCC_ERR_STALE);
    assert_int_equal(occ_txn_answer_fetch(txn, stale[i], 200, NULL, NULL, 0), OCC_ERR_STALE);
    assert_int_equal(occ_txn_answer_fetch_first(txn, stale[i], "https://a", 1), OCC_ERR_STALE);
    assert_int_equal(occ_txn_answer(blank, stale[i], OCC_YES, NULL, 0), OCC_ERR_STALE);
  }
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  assert_int_equal(ticket_of(txn), own);
  assert_int_equal(occ_txn_answer(txn, own, OCC_NO, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_answer(txn, own, OCC_YES, NULL, 0),
                   OCC_ERR_STALE); /* the first counts */
  expect_end(txn, occ_txn_run(txn, X_T0), OCC_OK, OCC_REFUSE, "unauthorized_client",
             "policy_refused");
  assert_int_equal(occ_txn_answer(txn, own, OCC_YES, NULL, 0), OCC_ERR_STALE);
  occ_txn_free(blank);
  occ_txn_free(txn);
  occ_txn_free(other);
}

static void test_txn_answer__refuses_null(void **state)
{
  (void)state;
  assert_int_equal(occ_txn_answer(NULL, 1, OCC_YES, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_challenge(NULL, 1, "r", NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_refuse(NULL, 1, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_fetch(NULL, 1, 200, NULL, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_fetch_first(NULL, 1, "https://a", 1), OCC_ERR_ARGUMENT);
  occ_txn_wake(NULL);
}

static void test_txn_answer__refuses_and_stays_open(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  const occ_ticket own = ticket_of(txn);

  assert_int_equal(occ_txn_answer(txn, own, (occ_verdict)-1, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer(txn, own, (occ_verdict)3, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer(txn, own, OCC_YES, NULL, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_fetch(txn, own, 200, NULL, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_fetch_first(txn, own, "https://a", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(ticket_of(txn), own);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  occ_txn_free(txn);
}

static void test_txn_answer__data_has_a_limit(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_ANSWER - 1; len <= OCC__MAX_ANSWER + 1; len++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    const occ_ticket own = ticket_of(txn);
    const int fits = len <= OCC__MAX_ANSWER;

    assert_int_equal(occ_txn_answer(txn, own, OCC_YES, many('x', len), len),
                     fits ? OCC_OK : OCC_ERR_LIMIT);
    assert_int_equal(occ_txn_answer(txn, own, OCC_NO, NULL, 0), fits ? OCC_ERR_STALE : OCC_OK);
    occ_txn_free(txn);
  }
}

static void test_txn_answer__without_memory(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  const occ_ticket own = ticket_of(txn);
  char *large = many('x', 100000), text[OCC__MAX_ID + 1], long_params[OCC__MAX_PARAMS_JSON + 1];

  (void)snprintf(long_params, sizeof(long_params), "{\"a\":\"%0*d\"}", (int)sizeof(long_params) - 9,
                 0);
  memset(text, 'e', sizeof(text) - 1);
  text[sizeof(text) - 1] = '\0';
  x->fm.until = x->fm.count;
  x->fm.keep = true;
  assert_int_equal(occ_txn_answer(txn, own, OCC_YES, large, 100000), OCC_ERR_MEMORY);
  for (int i = 0; i < 60; i++) { /* until the block is full */
    if (occ_txn_set(txn, "reference", text) != OCC_OK) {
      break;
    }
  }
  assert_int_equal(occ_txn_set(txn, "reference", text), OCC_ERR_MEMORY);
  assert_int_equal(occ_txn_answer_refuse(txn, own, text, text), OCC_ERR_MEMORY);
  assert_int_equal(strlen(long_params), sizeof(text) - 1);
  assert_int_equal(occ_txn_answer_challenge(txn, own, "r", long_params), OCC_ERR_MEMORY);
  assert_int_equal(ticket_of(txn), own);
  x->fm.until = SIZE_MAX;
  x->fm.keep = false;
  assert_int_equal(occ_txn_answer_refuse(txn, own, text, NULL), OCC_OK); /* a failure is not kept */
  expect_end(txn, occ_txn_run(txn, X_T0), OCC_OK, OCC_REFUSE, NULL, "host_refused");
  occ_txn_free(txn);
}

/* ---- challenge ---- */

static void test_txn_answer_challenge__rows(void **state)
{
  static const struct {
    const char *why, *name, *params;
    int want;
  } row[] = {
    { "as it is", "r", NULL, OCC_OK },
    { "no params", "r", "{}", OCC_OK },
    { "params", "r", "{\"a\":[1,\"b\",true,null,{}]}", OCC_OK },
    { "type further down", "r", "{\"a\":{\"type\":1}}", OCC_OK },
    { "no name", NULL, NULL, OCC_ERR_ARGUMENT },
    { "empty name", "", NULL, OCC_ERR_ARGUMENT },
    { "unknown", "nobody", NULL, OCC_ERR_ARGUMENT },
    { "in another case", "R", NULL, OCC_ERR_ARGUMENT },
    { "one more octet", "rrr", NULL, OCC_ERR_ARGUMENT },
    { "a type is no requirement", "t", NULL, OCC_ERR_ARGUMENT },
    { "empty params", "r", "", OCC_ERR_ARGUMENT },
    { "params: an array", "r", "[]", OCC_ERR_ARGUMENT },
    { "params: null", "r", "null", OCC_ERR_ARGUMENT },
    { "params: cut", "r", "{\"a\":1", OCC_ERR_ARGUMENT },
    { "params: two of them", "r", "{}{}", OCC_ERR_ARGUMENT },
    { "params: one name twice", "r", "{\"a\":1,\"a\":1}", OCC_ERR_ARGUMENT },
    { "params: type", "r", "{\"type\":\"t\"}", OCC_ERR_ARGUMENT },
    { "params: type, escaped", "r", "{\"t\\u0079pe\":\"t\"}", OCC_ERR_ARGUMENT },
    { "params: the session's member", "r", "{\"challenge_session\":\"x\"}", OCC_ERR_ARGUMENT },
    { "params: a real", "r", "{\"a\":1.5}", OCC_ERR_ARGUMENT },
    { "params: an integer beyond 2^53", "r", "{\"a\":9007199254740992}", OCC_ERR_ARGUMENT },
    { "params: an integer within", "r", "{\"a\":9007199254740991}", OCC_OK },
    { "params: no UTF-8", "r", "{\"a\":\"\xff\"}", OCC_ERR_ARGUMENT },
    { "params: depth 16", "r", "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", OCC_OK },
    { "params: depth 17", "r", "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    const occ_ticket own = ticket_of(txn);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_answer_challenge(txn, own, row[i].name, row[i].params), row[i].want);
    assert_int_equal(occ_txn_run(txn, X_T0), row[i].want == OCC_OK ? OCC_OK : OCC_PENDING);
    assert_int_equal(occ_txn_outcome(txn), row[i].want == OCC_OK ? OCC_CHALLENGE : OCC_UNDECIDED);
    occ_txn_free(txn);
  }
}

static void test_txn_answer_challenge__params_have_a_limit(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_PARAMS_JSON - 1; len <= OCC__MAX_PARAMS_JSON + 1; len++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    char *params = many('x', len);

    memcpy(params, "{\"a\":\"", 6);
    memcpy(params + len - 2, "\"}", 2);
    assert_int_equal(occ_txn_answer_challenge(txn, ticket_of(txn), "r", params),
                     len <= OCC__MAX_PARAMS_JSON ? OCC_OK : OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
}

/* The longest name, params and memo that each may be are within what a session holds for the three. */
static void test_txn_answer_challenge__longest_of_all_fits(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  char params[OCC__MAX_PARAMS_JSON + 1];
  uint8_t memo[OCC__MAX_MEMO];
  size_t len = 0;

  assert_int_equal(strlen(LONG_NAME), OCC__MAX_REQUIREMENT_NAME);
  assert_true(OCC__MAX_REQUIREMENT_NAME + OCC__MAX_PARAMS_JSON + OCC__MAX_MEMO <=
              OCC__MAX_NAME_PARAMS_MEMO);
  memset(params, 'x', sizeof(params) - 1);
  memcpy(params, "{\"a\":\"", 6);
  memcpy(params + sizeof(params) - 3, "\"}", 3);
  memset(memo, 0xa5, sizeof(memo));
  assert_int_equal(occ_txn_set_memo(txn, memo, sizeof(memo)), OCC_OK);
  assert_int_equal(occ_txn_answer_challenge(txn, ticket_of(txn), LONG_NAME, params), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(x_handle(x, txn), 1);
  occ_txn_free(txn);

  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(occ_txn_is_satisfied(txn, LONG_NAME), 1);
  assert_memory_equal(occ_txn_memo(txn, &len), memo, sizeof(memo));
  assert_int_equal(len, sizeof(memo));
  occ_txn_free(txn);
}

static void test_txn_answer_challenge__not_by_a_parameter_of_the_grant(void **state)
{
  x_host *x = *state;
  occ_txn *txn =
      x_at(x, "grant_type=urn:ietf:params:oauth:grant-type:uma-ticket&ticket=a", OCC_ASK_DECIDE);

  assert_int_equal(occ_txn_answer_challenge(txn, ticket_of(txn), "own", NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_challenge(txn, ticket_of(txn), "r", NULL), OCC_OK);
  occ_txn_free(txn);
  txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  assert_int_equal(occ_txn_answer_challenge(txn, ticket_of(txn), "own", NULL), OCC_OK);
  occ_txn_free(txn);
}

/* What cannot be challenged is refused, never granted. */
static void test_txn_answer_challenge__without_a_way(void **state)
{
  static const struct {
    const char *why, *metadata;
    int anyway;
    occ_outcome want;
  } row[] = {
    { "S-16 capable", X_CAPABLE, 0, OCC_CHALLENGE },
    { "S-16 not capable", "{}", 0, OCC_REFUSE },
    { "S-16 false", "{\"insufficient_client_authorization_supported\":false}", 0, OCC_REFUSE },
    { "S-16 a text is no boolean", "{\"insufficient_client_authorization_supported\":\"true\"}", 0,
      OCC_REFUSE },
    { "S-16 a number is no boolean", "{\"insufficient_client_authorization_supported\":1}", 0,
      OCC_REFUSE },
    { "not capable, but anyway", "{}", 1, OCC_CHALLENGE },
  };
  x_host *x = *state;
  occ_txn *txn;

  x->challenge = "r";
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    x->metadata = row[i].metadata;
    txn = x_txn(x, X_BODY);
    if (row[i].anyway) {
      assert_int_equal(occ_txn_set(txn, "challenge_anyway", "true"), OCC_OK);
    }
    expect_end(txn, x_run(x, txn), OCC_OK, row[i].want,
               row[i].want == OCC_REFUSE ? "unauthorized_client" : NULL,
               row[i].want == OCC_REFUSE ? "no_capability" : NULL);
    occ_txn_free(txn);
  }
  x->metadata = X_CAPABLE;
  x->client = NULL; /* nothing to bind a session to */
  txn = x_txn(x, X_BODY "&client_id=c");
  expect_end(txn, x_run(x, txn), OCC_OK, OCC_REFUSE, "unauthorized_client", "nothing_to_bind");
  occ_txn_free(txn);
}

/* ---- refuse ---- */

static void test_txn_answer_refuse__rows(void **state)
{
  static const struct {
    const char *why, *error, *description;
    int want, status;
    const char *body;
  } row[] = {
    { "the usual one", NULL, NULL, OCC_OK, 400,
      "{\"error\":\"unauthorized_client\",\"error_description\":\"The client is not authorized for "
      "this request.\"}" },
    { "with a text of the host's", NULL, "no.", OCC_OK, 400,
      "{\"error\":\"unauthorized_client\",\"error_description\":\"no.\"}" },
    { "an error that libocc does not know", "access_denied", NULL, OCC_OK, 400,
      "{\"error\":\"access_denied\"}" },
    { "one that it knows", "invalid_client", "x y", OCC_OK, 401,
      "{\"error\":\"invalid_client\",\"error_description\":\"x y\"}" },
    { "one with 503", "temporarily_unavailable", NULL, OCC_OK, 503,
      "{\"error\":\"temporarily_unavailable\"}" },
    { "the challenge's own", "insufficient_client_authorization", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "empty error", "", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "empty description", NULL, "", OCC_ERR_ARGUMENT, 0, NULL },
    { "a quote", "a\"b", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "a backslash", "a\\b", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "a line end", "a\nb", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "beyond ASCII", "\xc3\xa4", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "DEL", "a\x7f", NULL, OCC_ERR_ARGUMENT, 0, NULL },
    { "a quote in the description", NULL, "\"", OCC_ERR_ARGUMENT, 0, NULL },
    { "a tab in the description", NULL, "a\tb", OCC_ERR_ARGUMENT, 0, NULL },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_answer_refuse(txn, ticket_of(txn), row[i].error, row[i].description),
                     row[i].want);
    if (row[i].want == OCC_OK) {
      assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
      assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
      assert_int_equal(occ_txn_http_status(txn), row[i].status);
      assert_string_equal(occ_txn_body(txn, NULL), row[i].body);
      assert_string_equal(occ_txn_reason(txn), "host_refused");
    } else {
      assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
    }
    occ_txn_free(txn);
  }
}

static void test_txn_answer_refuse__has_limits(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    const int want = len <= OCC__MAX_ID ? OCC_OK : OCC_ERR_ARGUMENT;
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

    assert_int_equal(occ_txn_answer_refuse(txn, ticket_of(txn), many('e', len), NULL), want);
    occ_txn_free(txn);
    txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    assert_int_equal(occ_txn_answer_refuse(txn, ticket_of(txn), NULL, many('d', len)), want);
    occ_txn_free(txn);
  }
}

/* ---- FETCH, first ---- */

static void test_txn_answer_fetch_first__rows(void **state)
{
  static const struct {
    const char *why;
    size_t url;
    int64_t most;
    int want;
  } row[] = {
    { "as it is", 20, 5120, OCC_OK },
    { "one octet", 20, 1, OCC_OK },
    { "no octet", 20, 0, OCC_ERR_ARGUMENT },
    { "fewer", 20, -1, OCC_ERR_ARGUMENT },
    { "least of all", 20, INT64_MIN, OCC_ERR_ARGUMENT },
    { "url: one below", OCC__MAX_CLIENT_ID - 1, 1, OCC_OK },
    { "url: longest", OCC__MAX_CLIENT_ID, 1, OCC_OK },
    { "url: one above", OCC__MAX_CLIENT_ID + 1, 1, OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;
  occ_txn *txn;

  x->metadata = NULL;
  for (size_t i = 0; i < X_ROWS(row); i++) {
    txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
    print_message("  %s\n", row[i].why);
    assert_int_equal(
        occ_txn_answer_fetch_first(txn, ticket_of(txn), many('u', row[i].url), row[i].most),
        row[i].want);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
    assert_int_equal(occ_txn_question(txn)->kind,
                     row[i].want == OCC_OK ? OCC_ASK_FETCH : OCC_ASK_CLIENT);
    occ_txn_free(txn);
  }
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
  assert_int_equal(occ_txn_answer_fetch_first(txn, ticket_of(txn), NULL, 1), OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
}

static void test_txn_answer_fetch_first__has_a_limit(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->metadata = NULL;
  for (unsigned most = OCC__MAX_FETCHES - 1; most <= OCC__MAX_FETCHES + 1; most++) {
    unsigned fetches = 0;
    int rc = OCC_OK;

    txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
    for (; fetches < most && rc == OCC_OK; fetches += rc == OCC_OK) {
      rc = occ_txn_answer_fetch_first(txn, ticket_of(txn), "https://c.example/id", 100);
      if (rc == OCC_OK) {
        assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
        assert_int_equal(occ_txn_answer_fetch(txn, ticket_of(txn), 200, NULL, "{}", 2), OCC_OK);
        assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
        assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_CLIENT);
      }
    }
    assert_int_equal(rc, most <= OCC__MAX_FETCHES ? OCC_OK : OCC_ERR_LIMIT);
    assert_int_equal(fetches, most <= OCC__MAX_FETCHES ? most : OCC__MAX_FETCHES);
    /* The question is as open as before. */
    assert_int_equal(occ_txn_answer(txn, ticket_of(txn), OCC_YES, "{}", 2), OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    occ_txn_free(txn);
  }
}

static occ_txn *at_fetch(x_host *x)
{
  occ_txn *txn;

  x->metadata = NULL;
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
  assert_int_equal(occ_txn_answer_fetch_first(txn, ticket_of(txn), "https://c.example/id", 5120),
                   OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_FETCH);
  return txn;
}

static void test_txn_answer_fetch_first__asks_again_with_the_document(void **state)
{
  x_host *x = *state;
  occ_txn *txn = at_fetch(x);
  const occ_question *q = occ_txn_question(txn);
  const occ_ticket fetch = q->ticket;

  assert_string_equal(q->url, "https://c.example/id");
  assert_int_equal(q->index, 5120);
  assert_int_equal(occ_txn_answer(txn, fetch, OCC_YES, "x", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_fetch(txn, fetch, 404, "A: b\r\n", "{}", 2), OCC_OK);
  assert_int_equal(occ_txn_answer_fetch(txn, fetch, 200, NULL, NULL, 0), OCC_ERR_STALE);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_int_equal(q->kind, OCC_ASK_CLIENT);
  assert_true(q->ticket > fetch);
  assert_int_equal(q->index, 404);
  assert_string_equal(q->headers, "A: b\r\n");
  assert_int_equal(q->len, 2);
  assert_memory_equal(q->data, "{}", 2);
  assert_string_equal(q->client_id, X_CLIENT);
  assert_int_equal(occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

static void test_txn_answer_fetch__rows(void **state)
{
  static const struct {
    const char *why;
    int status;
    size_t headers, body;
    int want;
  } row[] = {
    { "nothing was to be had", 0, 0, 0, OCC_OK },
    { "found", 200, 10, 100, OCC_OK },
    { "highest status", 999, 0, 0, OCC_OK },
    { "status above", 1000, 0, 0, OCC_ERR_ARGUMENT },
    { "status below", -1, 0, 0, OCC_ERR_ARGUMENT },
    { "headers: one below", 200, OCC__MAX_HEADER - 1, 0, OCC_OK },
    { "headers: most", 200, OCC__MAX_HEADER, 0, OCC_OK },
    { "headers: one above", 200, OCC__MAX_HEADER + 1, 0, OCC_ERR_ARGUMENT },
    { "body: one below what was asked for", 200, 0, 5119, OCC_OK },
    { "body: as much", 200, 0, 5120, OCC_OK },
    { "body: one above", 200, 0, 5121, OCC_ERR_LIMIT },
    { "body: above all", 200, 0, OCC__MAX_ANSWER + 1, OCC_ERR_LIMIT },
  };
  x_host *x = *state;
  occ_txn *txn;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char *headers = row[i].headers == 0 ? NULL : malloc(row[i].headers + 1);

    print_message("  %s\n", row[i].why);
    if (headers != NULL) {
      memset(headers, 'h', row[i].headers);
      headers[row[i].headers] = '\0';
    }
    txn = at_fetch(x);
    assert_int_equal(occ_txn_answer_fetch(txn, ticket_of(txn), row[i].status, headers,
                                          many('b', row[i].body), row[i].body),
                     row[i].want);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
    assert_int_equal(occ_txn_question(txn)->kind,
                     row[i].want == OCC_OK ? OCC_ASK_CLIENT : OCC_ASK_FETCH);
    free(headers);
    occ_txn_free(txn);
  }
  txn = at_fetch(x);
  assert_int_equal(occ_txn_answer_fetch(txn, ticket_of(txn), 200, NULL, NULL, 1), OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
}

static void test_txn_answer_fetch__no_and_retry(void **state)
{
  x_host *x = *state;
  occ_txn *txn = at_fetch(x);

  assert_int_equal(occ_txn_answer(txn, ticket_of(txn), OCC_NO, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_CLIENT);
  assert_int_equal(occ_txn_question(txn)->index, 0); /* no response */
  occ_txn_free(txn);
  txn = at_fetch(x);
  assert_int_equal(occ_txn_answer(txn, ticket_of(txn), OCC_RETRY, NULL, 0), OCC_OK);
  expect_end(txn, occ_txn_run(txn, X_T0), OCC_ERR_ANSWER, OCC_FAILED, "temporarily_unavailable",
             "host_retry");
  occ_txn_free(txn);
}

/* ---- What NO, RETRY and malformed answers lead to (api.md, rule 6) ---- */

typedef struct answer_row {
  const char *why;
  occ_ask kind;
  occ_verdict verdict;
  const char *data;
  int want;
  occ_outcome outcome;
  const char *error, *reason;
} answer_row;

static void run_row(x_host *x, const answer_row *row, const char *body)
{
  occ_txn *txn = x_at(x, body, row->kind);
  size_t len = row->data == NULL ? 0 : strlen(row->data);

  print_message("  %s\n", row->why);
  assert_int_equal(occ_txn_answer(txn, ticket_of(txn), row->verdict, row->data, len), OCC_OK);
  expect_end(txn, x_run(x, txn), row->want, row->outcome, row->error, row->reason);
  if (row->outcome == OCC_FAILED) {
    assert_int_equal(occ_txn_http_status(txn), 503);
  }
  occ_txn_free(txn);
}

static void test_txn_answer__decide_and_client(void **state)
{
  static const answer_row row[] = {
    { "DECIDE no", OCC_ASK_DECIDE, OCC_NO, NULL, OCC_OK, OCC_REFUSE, "unauthorized_client",
      "policy_refused" },
    { "DECIDE retry", OCC_ASK_DECIDE, OCC_RETRY, NULL, OCC_ERR_ANSWER, OCC_FAILED,
      "temporarily_unavailable", "host_retry" },
    { "DECIDE yes", OCC_ASK_DECIDE, OCC_YES, NULL, OCC_OK, OCC_GRANT, NULL, NULL },
    { "CLIENT no, authenticated by the host", OCC_ASK_CLIENT, OCC_NO, NULL, OCC_OK, OCC_GRANT, NULL,
      NULL },
    { "CLIENT retry", OCC_ASK_CLIENT, OCC_RETRY, NULL, OCC_ERR_ANSWER, OCC_FAILED,
      "temporarily_unavailable", "host_retry" },
    { "CLIENT yes", OCC_ASK_CLIENT, OCC_YES, "{\"metadata\":{},\"first_seen\":1}", OCC_OK,
      OCC_GRANT, NULL, NULL },
    { "CLIENT without metadata", OCC_ASK_CLIENT, OCC_YES, "{}", OCC_OK, OCC_GRANT, NULL, NULL },
    { "CLIENT: no JSON", OCC_ASK_CLIENT, OCC_YES, "yes", OCC_ERR_ANSWER, OCC_FAILED,
      "temporarily_unavailable", "host_answer_malformed" },
    { "CLIENT: an array", OCC_ASK_CLIENT, OCC_YES, "[]", OCC_ERR_ANSWER, OCC_FAILED,
      "temporarily_unavailable", "host_answer_malformed" },
    { "CLIENT: metadata a text", OCC_ASK_CLIENT, OCC_YES, "{\"metadata\":\"{}\"}", OCC_ERR_ANSWER,
      OCC_FAILED, "temporarily_unavailable", "host_answer_malformed" },
    { "CLIENT: metadata twice", OCC_ASK_CLIENT, OCC_YES, "{\"metadata\":{},\"metadata\":{}}",
      OCC_ERR_ANSWER, OCC_FAILED, "temporarily_unavailable", "host_answer_malformed" },
  };
  static const answer_row unknown = { "CLIENT no, nobody authenticated it",
                                      OCC_ASK_CLIENT,
                                      OCC_NO,
                                      NULL,
                                      OCC_OK,
                                      OCC_REFUSE,
                                      "invalid_client",
                                      "client_unknown" };
  x_host *x = *state;

  x->metadata = NULL;
  for (size_t i = 0; i < X_ROWS(row); i++) {
    run_row(x, &row[i], X_BODY);
  }
  x->client = NULL;
  run_row(x, &unknown, X_BODY "&client_id=c");
}

static void test_txn_answer__check(void **state)
{
#define GOOD "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define BAD(why, data)                                                                             \
  {                                                                                                \
    why, OCC_ASK_CHECK, OCC_YES, data, OCC_ERR_ANSWER, OCC_FAILED, "temporarily_unavailable",      \
        "host_answer_malformed"                                                                    \
  }
  static const answer_row row[] = {
    { "CHECK no", OCC_ASK_CHECK, OCC_NO, NULL, OCC_OK, OCC_REFUSE, "invalid_grant",
      "grant_refused" },
    { "CHECK retry", OCC_ASK_CHECK, OCC_RETRY, NULL, OCC_ERR_ANSWER, OCC_FAILED,
      "temporarily_unavailable", "host_retry" },
    { "CHECK yes", OCC_ASK_CHECK, OCC_YES, NULL, OCC_OK, OCC_GRANT, NULL, NULL },
    { "both members left out", OCC_ASK_CHECK, OCC_YES, "{}", OCC_OK, OCC_GRANT, NULL, NULL },
    { "both", OCC_ASK_CHECK, OCC_YES, "{\"not_after\":1800000000001,\"binding\":\"" GOOD "\"}",
      OCC_OK, OCC_GRANT, NULL, NULL },
    { "runs out now", OCC_ASK_CHECK, OCC_YES, "{\"not_after\":1800000000000}", OCC_OK, OCC_REFUSE,
      "invalid_grant", "grant_expired" },
    { "ran out long ago", OCC_ASK_CHECK, OCC_YES, "{\"not_after\":1}", OCC_OK, OCC_REFUSE,
      "invalid_grant", "grant_expired" },
    BAD("not_after 0", "{\"not_after\":0}"),
    BAD("not_after negative", "{\"not_after\":-1}"),
    BAD("not_after a text", "{\"not_after\":\"1800000000001\"}"),
    BAD("not_after a real", "{\"not_after\":1800000000001.5}"),
    BAD("binding one short", "{\"binding\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
    BAD("binding padded", "{\"binding\":\"" GOOD "=\"}"),
    BAD("binding a number", "{\"binding\":1}"),
    BAD("binding empty", "{\"binding\":\"\"}"),
    BAD("no JSON", "x"),
    BAD("an array", "[]"),
  };
#undef BAD
  x_host *x = *state;
  occ_txn *txn;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    run_row(x, &row[i], X_BODY);
  }
  txn = x_at(x, X_BODY, OCC_ASK_CHECK);
  assert_int_equal(occ_txn_answer_challenge(txn, ticket_of(txn), "r", NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_answer_refuse(txn, ticket_of(txn), "invalid_scope", NULL), OCC_OK);
  expect_end(txn, x_run(x, txn), OCC_OK, OCC_REFUSE, "invalid_scope", "grant_refused");
  occ_txn_free(txn);
  txn = x_at(x, X_BODY, OCC_ASK_CHECK);
  assert_int_equal(occ_txn_answer_refuse(txn, ticket_of(txn), NULL, NULL), OCC_OK);
  expect_end(txn, x_run(x, txn), OCC_OK, OCC_REFUSE, "invalid_grant", "grant_refused");
  occ_txn_free(txn);
}

static void test_txn_answer__once_and_verify(void **state)
{
#define ONCE(why, verdict, data)                                                                   \
  {                                                                                                \
    why, OCC_ASK_ONCE, verdict, data, OCC_ERR_ANSWER, OCC_FAILED, "temporarily_unavailable",       \
        "host_answer_malformed"                                                                    \
  }
#define NO(why, data)                                                                              \
  {                                                                                                \
    why, OCC_ASK_VERIFY, OCC_NO, data, OCC_OK, OCC_REFUSE, "unauthorized_client",                  \
        "evidence_rejected"                                                                        \
  }
#define BAD(why, data)                                                                             \
  {                                                                                                \
    why, OCC_ASK_VERIFY, OCC_YES, data, OCC_ERR_ANSWER, OCC_FAILED, "temporarily_unavailable",     \
        "host_answer_malformed"                                                                    \
  }
  static const answer_row row[] = {
    ONCE("no, without the place", OCC_NO, NULL),
    ONCE("no, a place that was not asked", OCC_NO, "1"),
    ONCE("no, a place far away", OCC_NO, "9"),
    ONCE("no, two digits", OCC_NO, "00"),
    ONCE("no, below the digits", OCC_NO, "/"),
    ONCE("no, a word", OCC_NO, "session"),
    { "the store cannot tell", OCC_ASK_ONCE, OCC_RETRY, NULL, OCC_ERR_ANSWER, OCC_FAILED,
      "temporarily_unavailable", "store_unavailable" },
    { "the store is young, but there is no proof", OCC_ASK_ONCE, OCC_RETRY, "young", OCC_ERR_ANSWER,
      OCC_FAILED, "temporarily_unavailable", "store_unavailable" },
    NO("no", NULL),
    NO("no, with a reason", "bad_signature"),
    NO("no, with one that is no token", "bad signature\n"),
    BAD("facts: no JSON", "good"),
    BAD("facts: an array", "[]"),
    BAD("facts: cut", "{\"a\":"),
    BAD("facts: one name twice", "{\"a\":1,\"a\":2}"),
    { "yes without facts", OCC_ASK_VERIFY, OCC_YES, NULL, OCC_OK, OCC_GRANT, NULL, NULL },
    { "yes with facts", OCC_ASK_VERIFY, OCC_YES, "{\"a\":1}", OCC_OK, OCC_GRANT, NULL, NULL },
    { "retry", OCC_ASK_VERIFY, OCC_RETRY, "stale_status", OCC_OK, OCC_CHALLENGE,
      "insufficient_client_authorization", NULL },
  };
#undef ONCE
#undef NO
#undef BAD
  x_host *x = *state;
  static char body[4096];

  for (size_t i = 0; i < X_ROWS(row); i++) {
    x->challenge = "r";
    x_challenge(x);
    (void)snprintf(body, sizeof(body), X_BODY "&challenge_session=%s&ev=1", x->handle);
    run_row(x, &row[i], body);
  }
}

static void test_txn_question__verify_shows_what_is_to_be_verified(void **state)
{
  x_host *x = *state;
  const occ_question *q;
  occ_txn *txn;

  x->challenge = "rr";
  x_challenge(x);
  txn = x_follow_up(x, "ev=a%22b");
  x->stop = OCC_ASK_ONCE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_int_equal(q->keys, 1);
  assert_int_equal(q->key[0], 3); /* a session */
  assert_int_equal(q->expires, X_T0 + OCC__ONCE_LIFE_MS);
  assert_int_equal(q->issued, X_T0);
  assert_string_equal(q->client_id, X_CLIENT);
  x->stop = OCC_ASK_VERIFY;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_string_equal(q->requirement, "rr");
  assert_string_equal(q->type, "t");
  assert_string_equal(q->wanted, "{\"a\":1,\"type\":\"t\"}");
  assert_string_equal(q->nonce, x->handle);
  assert_string_equal(q->audience, X_ISSUER);
  assert_string_equal(q->client_id, X_CLIENT);
  assert_int_equal(q->issued, X_T0);
  assert_int_equal(q->expires, X_T0 + OCC__EXPIRY_S * 1000);
  assert_int_equal(q->len, strlen("{\"ev\":\"a\\\"b\"}"));
  assert_memory_equal(q->data, "{\"ev\":\"a\\\"b\"}", q->len);
  occ_txn_free(txn);
}

/* ---- Answerers ---- */

typedef struct component {
  int calls, cancels, releases, wakes, fetches;
  int rc;            /* what it returns */
  int answers;       /* it answers yes */
  int fetches_first; /* it wants a document first, once */
  int frees, runs;
  int run_rc, set_rc, memo_rc, other_rc;
  occ_ticket ticket, cancelled;
  occ_ask cancelled_kind;
  occ_txn *txn; /* when its question ends: freed, run, or both */
  int cancel_frees, cancel_runs, cancel_run_rc;
} component;

static int answerer(occ_txn *txn, const occ_question *q, void *user_data)
{
  component *c = user_data;

  c->calls++;
  c->ticket = q->ticket;
  assert_ptr_equal(occ_txn_question(txn), q); /* never WAIT in here */
  assert_int_equal(occ_txn_outcome(txn), OCC_UNDECIDED);
  assert_int_equal(occ_txn_http_status(txn), 500);
  if (c->runs) {
    c->run_rc = occ_txn_run(txn, X_T0);
    c->set_rc = occ_txn_set(txn, "reference", "inside");
    c->memo_rc = occ_txn_set_memo(txn, "m", 1);
    c->other_rc = occ_txn_set_body(txn, "a=1", 3);
  }
  if (c->frees) {
    occ_txn_free(txn);
  }
  if (c->fetches_first && q->index == 0) {
    return occ_txn_answer_fetch_first(txn, q->ticket, "https://c.example/id", 100);
  }
  if (c->answers) {
    assert_int_equal(occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0), OCC_OK);
  }
  return c->rc;
}

static void cancelled(occ_ask kind, occ_ticket ticket, void *user_data)
{
  component *c = user_data;

  c->cancels++;
  c->cancelled = ticket;
  c->cancelled_kind = kind;
  if (c->cancel_runs) {
    c->cancel_run_rc = occ_txn_run(c->txn, X_T0);
  }
  if (c->cancel_frees) {
    occ_txn_free(c->txn);
  }
}

static void released(void *user_data)
{
  ((component *)user_data)->releases++;
}

static component *woken;

static void wake(void *user_data)
{
  assert_ptr_equal(user_data, &host);
  woken->wakes++;
}

/* A server whose questions of this kind the component answers. */
static void with(x_host *x, occ_ask kind, component *c)
{
  occ_config *config = NULL;

  woken = c;
  occ_server_free(x->server);
  x->server = NULL;
  assert_int_equal(occ_config_new(&config, x->lib, X_ISSUER), OCC_OK);
  assert_int_equal(occ_config_load(config, CONFIG, strlen(CONFIG)), OCC_OK);
  assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
  assert_int_equal(occ_config_answer(config, kind, answerer, cancelled, released, c), OCC_OK);
  assert_int_equal(occ_config_on_wake(config, wake), OCC_OK);
  assert_int_equal(occ_server_new(&x->server, config), OCC_OK);
  occ_config_free(config);
}

static void test_answerer__answers(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_OK, .answers = 1 };
  occ_txn *txn;

  with(x, OCC_ASK_DECIDE, &c);
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(c.calls, 1);
  occ_txn_free(txn);
  occ_server_free(x->server);
  x->server = NULL;
  assert_int_equal(c.cancels, 0);
  assert_int_equal(c.releases, 1);
}

static void test_answerer__without_an_answer_fails(void **state)
{
  static const struct {
    const char *why;
    int rc, answers;
  } row[] = {
    { "OK, but no answer", OCC_OK, 0 },
    { "an error", OCC_ERR_MEMORY, 0 },
    { "an error after a yes", OCC_ERR_MEMORY, 1 },
    { "a stale one's status", OCC_ERR_STALE, 0 },
    { "a number that is no status, after a yes", 7, 1 },
    { "a verdict for a status", OCC_RETRY, 1 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    component c = { .rc = row[i].rc, .answers = row[i].answers };
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    with(x, OCC_ASK_DECIDE, &c);
    txn = x_txn(x, X_BODY);
    x_is_failure(txn, occ_txn_run(txn, X_T0), OCC_ERR_ANSWER, "host_gave_no_answer");
    assert_int_equal(occ_txn_http_status(txn), 503);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_ANSWER);
    assert_int_equal(c.calls, 1);
    assert_int_equal(c.cancels, 0); /* it was not kept */
    occ_txn_free(txn);
    occ_server_free(x->server);
    x->server = NULL;
  }
}

static void test_answerer__keeps_its_question(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_PENDING };
  const occ_question *q;
  occ_txn *txn;

  with(x, OCC_ASK_DECIDE, &c);
  txn = x_txn(x, X_BODY);
  for (int i = 1; i <= 3; i++) {
    assert_int_equal(occ_txn_run(txn, X_T0 + i), OCC_PENDING);
    assert_int_equal(c.calls, i);
    q = occ_txn_question(txn);
    assert_int_equal(q->kind, OCC_ASK_WAIT);
    assert_int_equal(q->ticket, 0);
    assert_int_equal(q->deadline, X_T0 + 1 + OCC__DEADLINE_MS);
    assert_int_equal(occ_txn_answer(txn, 0, OCC_YES, NULL, 0), OCC_ERR_STALE);
  }
  occ_txn_wake(txn);
  assert_int_equal(c.wakes, 1);
  assert_int_equal(occ_txn_answer(txn, c.ticket, OCC_YES, NULL, 0),
                   OCC_OK); /* the component, late */
  assert_int_equal(occ_txn_answer(txn, c.ticket, OCC_NO, NULL, 0), OCC_ERR_STALE);
  assert_null(occ_txn_question(txn));
  assert_int_equal(occ_txn_run(txn, X_T0 + 4), OCC_OK);
  assert_int_equal(c.calls, 3); /* not shown again */
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  assert_int_equal(c.cancels, 0);
  occ_server_free(x->server);
  x->server = NULL;
}

/* It says PENDING, but has answered: the answer counts. */
static void test_answerer__pending_with_an_answer(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_PENDING, .answers = 1 };
  occ_txn *txn;

  with(x, OCC_ASK_DECIDE, &c);
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  occ_txn_free(txn);
  assert_int_equal(c.cancels, 0);
  occ_server_free(x->server);
  x->server = NULL;
}

static void test_answerer__is_told_once_when_its_question_ends(void **state)
{
  static const char *const why[] = { "freed", "deadline", "failure of its own" };
  x_host *x = *state;

  for (int way = 0; way < 3; way++) {
    component c = { .rc = OCC_PENDING };
    occ_ticket kept;
    occ_txn *txn;

    print_message("  %s\n", why[way]);
    with(x, OCC_ASK_DECIDE, &c);
    txn = x_txn(x, X_BODY);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
    kept = c.ticket;
    if (way == 1) {
      assert_int_equal(occ_txn_run(txn, X_T0 + OCC__DEADLINE_MS), OCC_ERR_DEADLINE);
      assert_int_equal(c.cancels, 1);
    } else if (way == 2) {
      c.rc = OCC_ERR_INTERNAL;
      assert_int_equal(occ_txn_run(txn, X_T0 + 1), OCC_ERR_ANSWER);
      assert_int_equal(c.cancels, 1);
    }
    assert_int_equal(occ_txn_answer(txn, kept, OCC_YES, NULL, 0),
                     way == 0 ? OCC_OK : OCC_ERR_STALE);
    if (way == 0) { /* unanswered this time */
      occ_txn_free(txn);
      assert_int_equal(c.cancels, 0);
      txn = x_txn(x, X_BODY);
      assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
      kept = c.ticket;
    }
    occ_txn_free(txn);
    assert_int_equal(c.cancels, 1);
    assert_int_equal(c.cancelled_kind, OCC_ASK_DECIDE);
    assert_true(c.cancelled == kept);
    occ_server_free(x->server);
    x->server = NULL;
  }
}

static void test_answerer__may_not_run_and_may_set(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_OK, .answers = 1, .runs = 1 };
  occ_txn *txn;

  with(x, OCC_ASK_DECIDE, &c);
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(c.run_rc, OCC_ERR_REENTRANT);
  assert_int_equal(c.set_rc, OCC_OK);
  assert_int_equal(c.memo_rc, OCC_OK);
  assert_int_equal(c.other_rc, OCC_ERR_STATE);
  assert_string_equal(occ_txn_reference(txn), "inside");
  occ_txn_free(txn);

  c = (component){ .rc = OCC_OK, .answers = 1, .runs = 1 };
  with(x, OCC_ASK_CLIENT, &c);
  x->metadata = NULL;
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(c.run_rc, OCC_ERR_REENTRANT);
  assert_int_equal(c.set_rc, OCC_ERR_STATE); /* for DECIDE only */
  assert_int_equal(c.memo_rc, OCC_ERR_STATE);
  occ_txn_free(txn);
  occ_server_free(x->server);
  x->server = NULL;
}

static void test_answerer__frees_its_txn(void **state)
{
  x_host *x = *state;

  for (int keeps = 0; keeps <= 1; keeps++) {
    component c = { .rc = keeps ? OCC_PENDING : OCC_OK, .answers = !keeps, .frees = 1 };
    size_t live;
    occ_txn *txn;

    with(x, OCC_ASK_DECIDE, &c);
    live = x->fm.live;
    txn = x_txn(x, X_BODY);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_STATE);
    assert_int_equal(x->fm.live, live); /* it is gone */
    assert_int_equal(c.cancels, keeps);
    occ_server_free(x->server);
    x->server = NULL;
  }
}

/* A component that frees or runs the txn which is about to go: told once, and nothing is left, freed twice or answered. */
static void test_answerer__frees_and_runs_when_it_is_cancelled(void **state)
{
  static const struct {
    const char *why;
    int frees, runs, in_run; /* in_run: the deadline ends its question, not occ_txn_free() */
  } row[] = {
    { "frees it while it is freed", 1, 0, 0 },
    { "runs it while it is freed", 0, 1, 0 },
    { "both", 1, 1, 0 },
    { "frees it while it runs", 1, 0, 1 },
    { "runs it while it runs", 0, 1, 1 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    component c = { .rc = OCC_PENDING, .cancel_frees = row[i].frees, .cancel_runs = row[i].runs };
    size_t live;

    print_message("  %s\n", row[i].why);
    with(x, OCC_ASK_DECIDE, &c);
    live = x->fm.live;
    c.txn = x_txn(x, X_BODY);
    assert_int_equal(occ_txn_run(c.txn, X_T0), OCC_PENDING);
    if (row[i].in_run) {
      assert_int_equal(occ_txn_run(c.txn, X_T0 + OCC__DEADLINE_MS),
                       row[i].frees ? OCC_ERR_STATE : OCC_ERR_DEADLINE);
    }
    if (!row[i].in_run || !row[i].frees) {
      occ_txn_free(c.txn);
    }
    assert_int_equal(c.cancels, 1);
    assert_true(c.cancelled == c.ticket);
    assert_int_equal(c.calls, 1);
    assert_int_equal(c.cancel_run_rc, row[i].runs ? OCC_ERR_REENTRANT : 0);
    assert_int_equal(x->fm.live, live); /* gone, once: fail_mem and ASan see to the rest */
    occ_server_free(x->server);
    x->server = NULL;
  }
}

static void test_answerer__wants_a_document_first(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_OK, .answers = 1, .fetches_first = 1 };
  occ_txn *txn;

  with(x, OCC_ASK_CLIENT, &c);
  x->metadata = NULL;
  txn = x_at(x, X_BODY, OCC_ASK_FETCH);
  assert_int_equal(c.calls, 1);
  assert_int_equal(occ_txn_answer(txn, c.ticket, OCC_YES, NULL, 0), OCC_ERR_STALE);
  assert_int_equal(occ_txn_answer_fetch(txn, ticket_of(txn), 200, NULL, "{}", 2), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(c.calls, 2);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  assert_int_equal(c.cancels, 0);
  occ_server_free(x->server);
  x->server = NULL;
}

/* A component that wants one more document for ever: the run ends as a failure of the host's. */
static int never_content(occ_txn *txn, const occ_question *q, void *user_data)
{
  component *c = user_data;

  c->calls++;
  return occ_txn_answer_fetch_first(txn, q->ticket, "https://c.example/id", 100);
}

static int fetches(occ_txn *txn, const occ_question *q, void *user_data)
{
  component *c = user_data;

  c->fetches++;
  assert_true(c->fetches < 100);
  return occ_txn_answer_fetch(txn, q->ticket, 200, NULL, "{}", 2);
}

static void test_answerer__is_never_content(void **state)
{
  x_host *x = *state;
  component c = { 0 };
  occ_config *config = NULL;
  occ_txn *txn;

  occ_server_free(x->server);
  x->server = NULL;
  assert_int_equal(occ_config_new(&config, x->lib, X_ISSUER), OCC_OK);
  assert_int_equal(occ_config_load(config, CONFIG, strlen(CONFIG)), OCC_OK);
  assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
  assert_int_equal(occ_config_answer(config, OCC_ASK_CLIENT, never_content, NULL, NULL, &c),
                   OCC_OK);
  assert_int_equal(occ_config_answer(config, OCC_ASK_FETCH, fetches, NULL, NULL, &c), OCC_OK);
  assert_int_equal(occ_server_new(&x->server, config), OCC_OK);
  occ_config_free(config);
  x->metadata = NULL;
  txn = x_txn(x, X_BODY);
  x_is_failure(txn, occ_txn_run(txn, X_T0), OCC_ERR_ANSWER, "host_gave_no_answer");
  assert_int_equal(c.fetches, OCC__MAX_FETCHES);
  assert_int_equal(c.calls, OCC__MAX_FETCHES + 1);
  occ_txn_free(txn);
}

/* A question that is none of the answerer's: the host sees it, and answers. */
static void test_answerer__passes(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_PASS };
  occ_txn *txn;

  with(x, OCC_ASK_CLIENT, &c);
  x->metadata = NULL;
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
  assert_int_equal(ticket_of(txn), c.ticket);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  assert_int_equal(c.calls, 1); /* not asked again */
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(c.calls, 1);
  occ_txn_free(txn);
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
  occ_txn_free(txn);
  assert_int_equal(c.cancels, 0); /* it kept nothing */
  occ_server_free(x->server);
  x->server = NULL;
}

/* An answer and a pass contradict each other: the answer counts as none. */
static void test_answerer__answers_and_passes(void **state)
{
  x_host *x = *state;
  component c = { .rc = OCC_PASS, .answers = 1 };
  occ_txn *txn;

  with(x, OCC_ASK_CLIENT, &c);
  x->metadata = NULL;
  txn = x_txn(x, X_BODY);
  x_is_failure(txn, occ_txn_run(txn, X_T0), OCC_ERR_ANSWER, "host_gave_no_answer");
  occ_txn_free(txn);
  occ_server_free(x->server);
  x->server = NULL;
}

/* A fetch that is not to come back: who wanted it is told, once, in each way. */
static void test_answerer__is_told_that_its_fetch_is_off(void **state)
{
  x_host *x = *state;

  for (int way = 0; way < 3; way++) {
    component c = { .rc = OCC_OK, .answers = 1, .fetches_first = 1 };
    occ_txn *txn;

    with(x, OCC_ASK_CLIENT, &c);
    x->metadata = NULL;
    txn = x_at(x, X_BODY, OCC_ASK_FETCH);
    if (way == 1) {
      assert_int_equal(occ_txn_answer(txn, ticket_of(txn), OCC_RETRY, NULL, 0), OCC_OK);
      assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_ANSWER);
      assert_int_equal(c.cancels, 1);
    } else if (way == 2) {
      assert_int_equal(occ_txn_run(txn, X_T0 + OCC__DEADLINE_MS), OCC_ERR_DEADLINE);
      assert_int_equal(c.cancels, 1);
    }
    occ_txn_free(txn);
    assert_int_equal(c.cancels, 1);
    assert_true(c.cancelled == c.ticket);
    assert_int_equal(c.cancelled_kind, OCC_ASK_CLIENT);
    occ_server_free(x->server);
    x->server = NULL;
  }
}

/* Why the client is not known, or not now, is for the log. */
static void test_txn_answer__client_says_why(void **state)
{
  x_host *x = *state;

  for (int verdict = OCC_NO; verdict <= OCC_RETRY; verdict += 2) {
    for (int clean = 0; clean <= 1; clean++) {
      const char *why = clean ? "gone.away" : "gone away";
      occ_txn *txn;

      x->metadata = x->client = NULL;
      txn = x_at(x, X_BODY "&client_id=a", OCC_ASK_CLIENT);
      assert_int_equal(occ_txn_answer(txn, ticket_of(txn), (occ_verdict)verdict, why, strlen(why)),
                       OCC_OK);
      assert_int_equal(occ_txn_run(txn, X_T0), verdict == OCC_NO ? OCC_OK : OCC_ERR_ANSWER);
      assert_int_equal(x_logged(txn, "detail", why), clean);
      assert_null(strstr(occ_txn_body(txn, NULL), why));
      occ_txn_free(txn);
    }
  }
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_CHECK(name) cmocka_unit_test_setup_teardown(name, set_up_check, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_answerer__passes),
    TEST(test_answerer__answers_and_passes),
    TEST(test_answerer__is_told_that_its_fetch_is_off),
    TEST(test_txn_answer__client_says_why),
    TEST(test_txn_question__is_there_while_it_is_open),
    TEST(test_txn_question__tickets_are_never_used_again),
    TEST(test_txn_answer__stale_tickets_have_no_effect),
    TEST(test_txn_answer__refuses_null),
    TEST(test_txn_answer__refuses_and_stays_open),
    TEST(test_txn_answer__data_has_a_limit),
    TEST(test_txn_answer__without_memory),
    TEST(test_txn_answer_challenge__rows),
    TEST(test_txn_answer_challenge__params_have_a_limit),
    TEST(test_txn_answer_challenge__longest_of_all_fits),
    TEST(test_txn_answer_challenge__not_by_a_parameter_of_the_grant),
    TEST(test_txn_answer_challenge__without_a_way),
    TEST(test_txn_answer_refuse__rows),
    TEST(test_txn_answer_refuse__has_limits),
    TEST(test_txn_answer_fetch_first__rows),
    TEST(test_txn_answer_fetch_first__has_a_limit),
    TEST(test_txn_answer_fetch_first__asks_again_with_the_document),
    TEST(test_txn_answer_fetch__rows),
    TEST(test_txn_answer_fetch__no_and_retry),
    TEST(test_txn_answer__decide_and_client),
    TEST_CHECK(test_txn_answer__check),
    TEST(test_txn_answer__once_and_verify),
    TEST(test_txn_question__verify_shows_what_is_to_be_verified),
    TEST(test_answerer__answers),
    TEST(test_answerer__without_an_answer_fails),
    TEST(test_answerer__keeps_its_question),
    TEST(test_answerer__pending_with_an_answer),
    TEST(test_answerer__is_told_once_when_its_question_ends),
    TEST(test_answerer__may_not_run_and_may_set),
    TEST(test_answerer__frees_its_txn),
    TEST(test_answerer__frees_and_runs_when_it_is_cancelled),
    TEST(test_answerer__is_never_content),
    TEST(test_answerer__wants_a_document_first),
  };

  return cmocka_run_group_tests_name("core/question", tests, NULL, NULL);
}
