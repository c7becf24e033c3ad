/* SPDX-License-Identifier: MIT */

/* The JSON door: every member of a request and of an answer, what is refused, and that a misspelt member never passes. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define CONFIG                                                                                     \
  "{" X_BASE "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"],"                     \
  "\"headers\":[\"X-Ev\"]}},\"requirements\":{\"r\":{\"type\":\"t\"}}}"
#define CONFIG_HOST "{\"dpop\":\"host\",\"store_id\":\"" X_STORE_ID "\"}"
#define THUMB       "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS4"

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

static void assert_begins(const char *text, const char *begin)
{
  assert_non_null(text);
  assert_true(strlen(text) >= strlen(begin));
  assert_memory_equal(text, begin, strlen(begin));
}

static occ_txn *blank(x_host *x)
{
  occ_txn *txn = NULL;

  assert_int_equal(occ_txn_new(&txn, x->server, OCC_TOKEN, NULL), OCC_OK);
  return txn;
}

/* ---- The request ---- */

static void test_txn_set_json__refuses(void **state)
{
#define ARGUMENT(why, json)                                                                        \
  {                                                                                                \
    why, json, OCC_ERR_ARGUMENT                                                                    \
  }
#define SYNTAX(why, json)                                                                          \
  {                                                                                                \
    why, json, OCC_ERR_SYNTAX                                                                      \
  }
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    SYNTAX("empty", ""),
    SYNTAX("blank", "  "),
    SYNTAX("an array", "[]"),
    SYNTAX("a text", "\"{}\""),
    SYNTAX("null", "null"),
    SYNTAX("cut", "{\"body\":\"a=1\""),
    SYNTAX("more behind it", "{}x"),
    SYNTAX("one name twice", "{\"body\":\"a=1\",\"body\":\"a=1\"}"),
    SYNTAX("a comment", "{/**/}"),
    ARGUMENT("unknown member", "{\"boby\":\"a=1\"}"),
    ARGUMENT("a member in another case", "{\"Body\":\"a=1\"}"),
    ARGUMENT("an option that is not for here", "{\"expiry\":60}"),
    ARGUMENT("body: a number", "{\"body\":1}"),
    ARGUMENT("body: null", "{\"body\":null}"),
    ARGUMENT("params: an object", "{\"params\":{\"a\":\"1\"}}"),
    ARGUMENT("params: a text", "{\"params\":\"a=1\"}"),
    ARGUMENT("params: no pairs", "{\"params\":[\"a\",\"1\"]}"),
    ARGUMENT("params: one of a pair", "{\"params\":[[\"a\"]]}"),
    ARGUMENT("params: three of a pair", "{\"params\":[[\"a\",\"1\",\"2\"]]}"),
    ARGUMENT("params: a number", "{\"params\":[[\"a\",1]]}"),
    ARGUMENT("params: name a number", "{\"params\":[[1,\"a\"]]}"),
    ARGUMENT("params: an object for a pair", "{\"params\":[{\"a\":\"1\"}]}"),
    ARGUMENT("headers: an object", "{\"headers\":{\"DPoP\":\"x\"}}"),
    ARGUMENT("headers: one of a pair", "{\"headers\":[[\"DPoP\"]]}"),
    ARGUMENT("headers: a number", "{\"headers\":[[\"DPoP\",1]]}"),
    ARGUMENT("client: a text", "{\"client\":\"a\"}"),
    ARGUMENT("client: without method", "{\"client\":{\"id\":\"a\"}}"),
    ARGUMENT("client: without id", "{\"client\":{\"method\":\"none\"}}"),
    ARGUMENT("client: id empty", "{\"client\":{\"id\":\"\",\"method\":\"none\"}}"),
    ARGUMENT("client: id a number", "{\"client\":{\"id\":1,\"method\":\"none\"}}"),
    SYNTAX("client: id with a zero octet",
           "{\"client\":{\"id\":\"a\\u0000\",\"method\":\"none\"}}"),
    ARGUMENT("client: key a number", "{\"client\":{\"id\":\"a\",\"method\":\"m\",\"key\":1}}"),
    ARGUMENT("client: key null", "{\"client\":{\"id\":\"a\",\"method\":\"m\",\"key\":null}}"),
    ARGUMENT("client: unknown member",
             "{\"client\":{\"id\":\"a\",\"method\":\"m\",\"jkt\":\"k\"}}"),
    ARGUMENT("sender: a text", "{\"sender\":\"" THUMB "\"}"),
    ARGUMENT("sender: unknown kind", "{\"sender\":{\"x5t\":\"" THUMB "\"}}"),
    ARGUMENT("sender: a number", "{\"sender\":{\"x5t#S256\":1}}"),
    ARGUMENT("sender: malformed", "{\"sender\":{\"x5t#S256\":\"x\"}}"),
    ARGUMENT("sender: DPoP is libocc's to verify", "{\"sender\":{\"jkt\":\"" THUMB "\"}}"),
    ARGUMENT("certificate: a number", "{\"certificate\":1}"),
    ARGUMENT("certificate: without padding", "{\"certificate\":\"MAA\"}"),
    ARGUMENT("certificate: base64url", "{\"certificate\":\"MAMC_wE=\"}"),
    ARGUMENT("certificate: no DER", "{\"certificate\":\"AAAA\"}"),
    ARGUMENT("certificate: PEM", "{\"certificate\":\"-----BEGIN CERTIFICATE-----\"}"),
    ARGUMENT("certificate: empty", "{\"certificate\":\"\"}"),
    ARGUMENT("certificate_verified: a text", "{\"certificate_verified\":\"true\"}"),
    ARGUMENT("certificate_verified: a number", "{\"certificate_verified\":1}"),
    ARGUMENT("certificate_verified: null", "{\"certificate_verified\":null}"),
    ARGUMENT("metadata: a text", "{\"metadata\":\"{}\"}"),
    ARGUMENT("metadata: an array", "{\"metadata\":[]}"),
    ARGUMENT("reference: a number", "{\"reference\":1}"),
    ARGUMENT("reference: null", "{\"reference\":null}"),
    ARGUMENT("reference: with a quote", "{\"reference\":\"a\\\"b\"}"),
    ARGUMENT("receipt: a number", "{\"receipt\":1}"),
    ARGUMENT("receipt: null", "{\"receipt\":null}"),
    ARGUMENT("receipt: empty", "{\"receipt\":\"\"}"),
    ARGUMENT("receipt: none of ours", "{\"receipt\":\"IQ\"}"),
    ARGUMENT("receipts", "{\"receipts\":\"IQ\"}"),
    { "body and params", "{\"body\":\"a=1\",\"params\":[[\"b\",\"2\"]]}", OCC_ERR_STATE },
    { "params and body", "{\"params\":[[\"b\",\"2\"]],\"body\":\"a=1\"}", OCC_ERR_STATE },
    { "unknown member, after a body with a repeat", "{\"body\":\"a=1&a=2\",\"boby\":\"\"}",
      OCC_ERR_ARGUMENT },
  };
#undef ARGUMENT
#undef SYNTAX
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = blank(x);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set_json(txn, row[i].json, strlen(row[i].json)), row[i].want);
    (void)occ_txn_add_param(txn, "grant_type", "a", 1);
    x_is_failure(txn, occ_txn_run(txn, X_T0), row[i].want, "host_input"); /* half a request */
    occ_txn_free(txn);
  }
}

static void test_txn_set_json__takes_all(void **state)
{
  static const char json[] =
      "{\"params\":[[\"grant_type\",\"a\"],[\"scope\",\"x y\"],[\"resource\",\"1\"],"
      "[\"resource\",\"2\"]],\"headers\":[[\"x-ev\",\"h\"],[\"Accept\",\"*/*\"]],"
      "\"client\":{\"id\":\"c\",\"method\":\"private_key_jwt\",\"key\":\"k\"},"
      "\"sender\":{\"attested\":\"" THUMB "\"},\"certificate\":\"MAA=\","
      "\"certificate_verified\":true,"
      "\"metadata\":{\"m\":1},\"reference\":\"r-1\"}";
  x_host *x = *state;
  occ_txn *txn = blank(x);

  assert_int_equal(occ_txn_set_json(txn, json, strlen(json)), OCC_OK);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_string_equal(occ_txn_client_id(txn), "c");
  assert_string_equal(occ_txn_fact(txn, "/client/key", NULL), "\"k\"");
  assert_string_equal(occ_txn_fact(txn, "/client/metadata", NULL), "{\"m\":1}");
  assert_string_equal(occ_txn_param(txn, "resource", 1, NULL), "2");
  assert_int_equal(occ_txn_has_scope(txn, "y"), 1);
  assert_string_equal(occ_txn_sender(txn, OCC_SENDER_ATTESTED), THUMB);
  assert_string_equal(occ_txn_sender(txn, OCC_SENDER_MTLS),
                      "5PYNCqbX89O2pklLHIYbmfZJxvnsUauvIBsg8pcyfJU");
  assert_string_equal(occ_txn_reference(txn), "r-1");
  assert_int_equal(txn->certificate_verified, 1);
  occ_txn_free(txn);

  txn = blank(x); /* what the client did wrong is an outcome */
  assert_int_equal(occ_txn_set_json(txn, "{\"body\":\"a=%\"}", 14), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  occ_txn_free(txn);
  txn = blank(x);
  assert_int_equal(occ_txn_set_json(txn, "{}", 2), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_string_equal(occ_txn_reason(txn), "grant_type_missing");
  occ_txn_free(txn);
}

static void test_txn_set_json__reads_len_octets(void **state)
{
  x_host *x = *state;
  occ_txn *txn = blank(x);
  char *exact = malloc(2);

  memcpy(exact, "{}", 2);
  assert_int_equal(occ_txn_set_json(txn, exact, 2), OCC_OK);
  assert_int_equal(occ_txn_set_json(txn, "{}xx", 2), OCC_OK);
  assert_int_equal(occ_txn_set_json(txn, "{}\0", 3), OCC_ERR_SYNTAX);
  free(exact);
  occ_txn_free(txn);
  assert_int_equal(occ_txn_set_json(NULL, "{}", 2), OCC_ERR_ARGUMENT);
  txn = blank(x);
  assert_int_equal(occ_txn_set_json(txn, NULL, 0), OCC_ERR_ARGUMENT);
  occ_txn_free(txn);
}

static void test_txn_set_json__sender_of_a_host_that_verifies(void **state)
{
  static const char json[] = "{\"body\":\"grant_type=a\",\"sender\":{\"jkt\":\"" THUMB "\"}}";
  x_host *x = *state;
  occ_txn *txn = blank(x);

  assert_int_equal(occ_txn_set_json(txn, json, strlen(json)), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_string_equal(occ_txn_confirmation(txn), "{\"jkt\":\"" THUMB "\"}");
  occ_txn_free(txn);
}

static void test_txn_set_json__has_limits(void **state)
{
  x_host *x = *state;
  static char json[OCC__MAX_CONFIG_JSON + 2];

  for (size_t len = OCC__MAX_CONFIG_JSON - 1; len <= OCC__MAX_CONFIG_JSON + 1; len++) {
    occ_txn *txn = blank(x);

    memset(json, ' ', len);
    json[0] = '{';
    json[len - 1] = '}';
    assert_int_equal(occ_txn_set_json(txn, json, len),
                     len <= OCC__MAX_CONFIG_JSON ? OCC_OK : OCC_ERR_LIMIT);
    occ_txn_free(txn);
  }
  /* The objects, the array, its elements. No member that a request may have takes so many: the next
   * thing to be said of it is that there is no such member. */
  for (size_t values = 2047; values <= 2049; values++) {
    occ_txn *txn = blank(x);
    size_t at = (size_t)snprintf(json, sizeof(json), "{\"other\":{\"a\":[");

    for (size_t i = 0; i < values - 3; i++) {
      at += (size_t)snprintf(json + at, sizeof(json) - at, i == 0 ? "0" : ",0");
    }
    at += (size_t)snprintf(json + at, sizeof(json) - at, "]}}");
    assert_int_equal(occ_txn_set_json(txn, json, at),
                     values <= 2048 ? OCC_ERR_ARGUMENT : OCC_ERR_LIMIT);
    occ_txn_free(txn);
  }
}

/* ---- The question ---- */

static void test_txn_question_json__shows_what_is_open(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);
  char want[512];
  size_t len = 9;

  assert_null(occ_txn_question_json(NULL, &len));
  assert_int_equal(len, 0);
  assert_null(occ_txn_question_json(NULL, NULL));
  assert_null(occ_txn_question_json(txn, &len)); /* none yet */
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  (void)snprintf(want, sizeof(want),
                 "{\"kind\":\"decide\",\"ticket\":%llu,\"deadline\":1800000010000,"
                 "\"now\":1800000000000,\"client_id\":\"agent-7\",\"facts\":{\"request\":{",
                 (unsigned long long)occ_txn_question(txn)->ticket);
  assert_memory_equal(occ_txn_question_json(txn, &len), want, strlen(want));
  assert_int_equal(strlen(occ_txn_question_json(txn, NULL)), len);
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_null(occ_txn_question_json(txn, NULL)); /* answered */
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_null(occ_txn_question_json(txn, NULL)); /* ended */
  occ_txn_free(txn);
}

static void test_txn_question_json__members(void **state)
{
  x_host *x = *state;
  const char *json;
  char want[OCC__MAX_HANDLE + 64];
  occ_txn *txn;

  x->challenge = "r";
  x_challenge(x);
  txn = x_follow_up(x, "ev=1");
  x->stop = OCC_ASK_ONCE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  json = occ_txn_question_json(txn, NULL);
  assert_begins(json, "{\"kind\":\"once\",");
  assert_non_null(strstr(json, ",\"key\":[\"A")); /* the purpose is 3: base64url of 03.. */
  assert_non_null(strstr(json, ",\"issued\":1800000000000,\"expires\":1800000840000"));
  assert_null(strstr(json, "facts"));
  x->stop = OCC_ASK_VERIFY;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  json = occ_txn_question_json(txn, NULL);
  assert_non_null(strstr(json, "\"kind\":\"verify\""));
  assert_non_null(
      strstr(json, "\"requirement\":\"r\",\"type\":\"t\",\"wanted\":{\"type\":\"t\"},"));
  (void)snprintf(want, sizeof(want), "\"nonce\":\"%s\",\"audience\":\"" X_ISSUER "\"", x->handle);
  assert_non_null(strstr(json, want));
  assert_non_null(strstr(json, "\"data\":\"eyJldiI6IjEifQ\"")); /* {"ev":"1"} */
  occ_txn_free(txn);
}

/* ---- The answer ---- */

/* A question is open; %T in the text is its ticket. */
static int answer(occ_txn *txn, const char *text)
{
  const occ_question *q = occ_txn_question(txn);
  char json[1024];
  const char *at = strstr(text, "%T");
  int len;

  if (at == NULL) {
    return occ_txn_answer_json(txn, text, strlen(text));
  }
  len = snprintf(json, sizeof(json), "%.*s%llu%s", (int)(at - text), text,
                 (unsigned long long)(q == NULL ? 0 : q->ticket), at + 2);
  assert_true(len > 0 && (size_t)len < sizeof(json));
  return occ_txn_answer_json(txn, json, (size_t)len);
}

static void test_txn_answer_json__decide(void **state)
{
#define BAD(why, json)                                                                             \
  {                                                                                                \
    why, json, OCC_ERR_ARGUMENT, OCC_UNDECIDED                                                     \
  }
  static const struct {
    const char *why, *json;
    int want;
    occ_outcome outcome;
  } row[] = {
    { "yes", "{\"ticket\":%T,\"answer\":\"yes\"}", OCC_OK, OCC_GRANT },
    { "yes with data", "{\"ticket\":%T,\"answer\":\"yes\",\"data\":{\"a\":1}}", OCC_OK, OCC_GRANT },
    { "yes with octets", "{\"ticket\":%T,\"answer\":\"yes\",\"octets\":\"AP8\"}", OCC_OK,
      OCC_GRANT },
    { "no", "{\"ticket\":%T,\"answer\":\"no\"}", OCC_OK, OCC_REFUSE },
    { "retry", "{\"ticket\":%T,\"answer\":\"retry\"}", OCC_OK, OCC_FAILED },
    { "challenge", "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\"}", OCC_OK,
      OCC_CHALLENGE },
    { "challenge with all",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":"
      "{\"a\":1},\"memo\":\"AP8\",\"expiry\":60,\"status\":400,\"anyway\":true}",
      OCC_OK, OCC_CHALLENGE },
    { "challenge with empty params",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":{}}", OCC_OK,
      OCC_CHALLENGE },
    { "refuse", "{\"ticket\":%T,\"answer\":\"refuse\"}", OCC_OK, OCC_REFUSE },
    { "refuse with an error",
      "{\"ticket\":%T,\"answer\":\"refuse\",\"error\":\"access_denied\",\"description\":\"no\"}",
      OCC_OK, OCC_REFUSE },
    { "no JSON", "yes", OCC_ERR_SYNTAX, OCC_UNDECIDED },
    { "empty", "", OCC_ERR_SYNTAX, OCC_UNDECIDED },
    { "an array", "[]", OCC_ERR_SYNTAX, OCC_UNDECIDED },
    { "cut", "{\"ticket\":%T,\"answer\":\"yes\"", OCC_ERR_SYNTAX, OCC_UNDECIDED },
    { "two answers", "{\"ticket\":%T,\"answer\":\"no\",\"answer\":\"yes\"}", OCC_ERR_SYNTAX,
      OCC_UNDECIDED },
    { "no ticket", "{\"answer\":\"yes\"}", OCC_ERR_STALE, OCC_UNDECIDED },
    { "ticket 0", "{\"ticket\":0,\"answer\":\"yes\"}", OCC_ERR_STALE, OCC_UNDECIDED },
    { "ticket negative", "{\"ticket\":-1,\"answer\":\"yes\"}", OCC_ERR_STALE, OCC_UNDECIDED },
    { "ticket a text", "{\"ticket\":\"%T\",\"answer\":\"yes\"}", OCC_ERR_STALE, OCC_UNDECIDED },
    { "ticket a real", "{\"ticket\":%T.0,\"answer\":\"yes\"}", OCC_ERR_STALE, OCC_UNDECIDED },
    { "ticket of nobody", "{\"ticket\":9007199254740991,\"answer\":\"yes\"}", OCC_ERR_STALE,
      OCC_UNDECIDED },
    { "challenge, ticket of nobody",
      "{\"ticket\":9007199254740991,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":60}",
      OCC_ERR_STALE, OCC_UNDECIDED },
    BAD("no answer", "{\"ticket\":%T}"),
    BAD("answer a number", "{\"ticket\":%T,\"answer\":1}"),
    BAD("answer true", "{\"ticket\":%T,\"answer\":true}"),
    BAD("answer in another case", "{\"ticket\":%T,\"answer\":\"Yes\"}"),
    { "answer with a zero octet", "{\"ticket\":%T,\"answer\":\"yes\\u0000\"}", OCC_ERR_SYNTAX,
      OCC_UNDECIDED },
    BAD("answer unknown", "{\"ticket\":%T,\"answer\":\"grant\"}"),
    BAD("answer empty", "{\"ticket\":%T,\"answer\":\"\"}"),
    BAD("yes, unknown member", "{\"ticket\":%T,\"answer\":\"yes\",\"date\":1}"),
    BAD("yes, a member of another answer",
        "{\"ticket\":%T,\"answer\":\"yes\",\"requirement\":\"r\"}"),
    BAD("yes, octets a number", "{\"ticket\":%T,\"answer\":\"yes\",\"octets\":1}"),
    BAD("yes, octets padded", "{\"ticket\":%T,\"answer\":\"yes\",\"octets\":\"AP8=\"}"),
    BAD("yes, data and octets",
        "{\"ticket\":%T,\"answer\":\"yes\",\"data\":\"\",\"octets\":\"AP8\"}"),
    BAD("challenge without a name", "{\"ticket\":%T,\"answer\":\"challenge\"}"),
    BAD("challenge by an unknown name",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"x\"}"),
    BAD("challenge, name a number", "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":1}"),
    BAD("challenge, params misspelt",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"param\":{\"a\":1}}"),
    BAD("challenge, params an array",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":[]}"),
    BAD("challenge, params a text",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":\"{}\"}"),
    BAD("challenge, params with a real",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":{\"a\":1.5}}"),
    BAD("challenge, memo no base64url",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"memo\":\"AP8=\"}"),
    BAD("challenge, memo a number",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"memo\":1}"),
    BAD("challenge, expiry a text",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":\"60\"}"),
    BAD("challenge, expiry below",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":9}"),
    BAD("challenge, expiry above",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":601}"),
    BAD("challenge, expiry negative",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":-60}"),
    BAD("challenge, expiry enormous",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\","
        "\"expiry\":9223372036854775807}"),
    BAD("challenge, expiry a real",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":60.0}"),
    BAD("challenge, status a text",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"status\":\"400\"}"),
    BAD("challenge, status of success",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"status\":200}"),
    BAD("challenge, anyway a number",
        "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"anyway\":1}"),
    BAD("refuse, error a number", "{\"ticket\":%T,\"answer\":\"refuse\",\"error\":1}"),
    BAD("refuse, description null", "{\"ticket\":%T,\"answer\":\"refuse\",\"description\":null}"),
    BAD("refuse, error with a quote", "{\"ticket\":%T,\"answer\":\"refuse\",\"error\":\"\\\"\"}"),
    BAD("refuse, unknown member", "{\"ticket\":%T,\"answer\":\"refuse\",\"reason\":\"x\"}"),
    BAD("fetched, but nothing was fetched",
        "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":200}"),
  };
#undef BAD
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    int rc;

    print_message("  %s\n", row[i].why);
    assert_int_equal(answer(txn, row[i].json), row[i].want);
    rc = occ_txn_run(txn, X_T0);
    assert_int_equal(rc, row[i].outcome == OCC_UNDECIDED ? OCC_PENDING
                         : row[i].outcome == OCC_FAILED  ? OCC_ERR_ANSWER
                                                         : OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), row[i].outcome);
    occ_txn_free(txn);
  }
}

static void test_txn_answer_json__challenge_extras(void **state)
{
  x_host *x = *state;
  occ_txn *txn;
  size_t len = 0;

  x->metadata = "{}"; /* not capable */
  txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
  assert_int_equal(
      answer(txn, "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":"
                  "{\"a\":1},\"memo\":\"AP8\",\"expiry\":61,\"status\":400,"
                  "\"anyway\":true}"),
      OCC_OK);
  assert_int_equal(answer(txn, "{\"ticket\":1,\"answer\":\"challenge\",\"requirement\":\"r\","
                               "\"expiry\":61}"),
                   OCC_ERR_STALE);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_int_equal(occ_txn_http_status(txn), 400);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"a\":1,\"type\":\"t\"}"));
  assert_non_null(strstr(occ_txn_body(txn, NULL), "\"expires_in\":61"));
  assert_int_equal(x_handle(x, txn), 1);
  occ_txn_free(txn);
  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_memory_equal(occ_txn_memo(txn, &len), "\x00\xff", 2);
  assert_int_equal(len, 2);
  occ_txn_free(txn);
}

#define ALL ",\"memo\":\"AP8\",\"expiry\":61,\"status\":400,\"anyway\":true"

/* An answer that is not taken leaves nothing behind for the one that is: neither of what came before the fault, nor of
 * what the policy has set itself. */
static void test_txn_answer_json__what_is_not_taken_leaves_nothing_behind(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "an unknown requirement",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"x\"" ALL "}", OCC_ERR_ARGUMENT },
    { "no requirement", "{\"ticket\":%T,\"answer\":\"challenge\"" ALL "}", OCC_ERR_ARGUMENT },
    { "params that cannot be",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":{\"a\":1.5}" ALL
      "}",
      OCC_ERR_ARGUMENT },
    { "params that libocc writes",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":{\"type\":"
      "\"t\"}" ALL "}",
      OCC_ERR_ARGUMENT },
    { "params that are no object",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":[]" ALL "}",
      OCC_ERR_ARGUMENT },
    { "a status that is none",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"memo\":\"AP8\",\"expiry\":"
      "61,"
      "\"status\":200,\"anyway\":true}",
      OCC_ERR_ARGUMENT },
    { "a memo that is none",
      "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"memo\":\"AP8=\",\"expiry\":"
      "61,"
      "\"status\":400,\"anyway\":true}",
      OCC_ERR_ARGUMENT },
    { "another ticket", "{\"ticket\":1,\"answer\":\"challenge\",\"requirement\":\"r\"" ALL "}",
      OCC_ERR_STALE },
  };
  static const char good[] = "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\"}";
  x_host *x = *state;

  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  for (size_t i = 0; i < 3 * X_ROWS(row); i++) {
    const int capable = i % 3 > 0, has_memo = i % 3 > 1;
    size_t len = 9;
    occ_txn *txn;

    print_message("  %s\n", row[i / 3].why);
    x->metadata = capable ? X_CAPABLE : "{}";
    txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    if (has_memo) {
      assert_int_equal(occ_txn_set_memo(txn, "before", 6), OCC_OK);
      assert_int_equal(occ_txn_set(txn, "expiry", "99"), OCC_OK);
    }
    assert_int_equal(answer(txn, row[i / 3].json), row[i / 3].want);
    assert_int_equal(answer(txn, good), OCC_OK);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
    if (!capable) { /* "anyway" would have made it a challenge */
      assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
      assert_string_equal(occ_txn_reason(txn), "no_capability");
      occ_txn_free(txn);
      continue;
    }
    assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
    assert_int_equal(occ_txn_http_status(txn), 403);
    assert_non_null(
        strstr(occ_txn_body(txn, NULL), has_memo ? "\"expires_in\":99" : "\"expires_in\":300"));
    assert_int_equal(x_handle(x, txn), 1);
    occ_txn_free(txn);
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_true((occ_txn_memo(txn, &len) != NULL) == has_memo);
    assert_int_equal(len, has_memo ? 6 : 0);
    assert_true(!has_memo || memcmp(occ_txn_memo(txn, NULL), "before", 6) == 0);
    occ_txn_free(txn);
  }
}

/* 200 answers of 180 KB would be nine times what a txn may take, and 30 are more than it may. */
static void test_txn_answer_json__wrong_tickets_cost_no_memory(void **state)
{
  static const struct {
    const char *why, *before, *behind;
  } row[] = {
    { "octets", "\"answer\":\"retry\",\"octets\":\"", "\"}" },
    { "data", "\"answer\":\"yes\",\"data\":\"", "\"}" },
    { "data that is no text", "\"answer\":\"no\",\"data\":{\"a\":\"", "\"}}" },
    { "params", "\"answer\":\"challenge\",\"requirement\":\"r\",\"params\":{\"a\":\"", "\"}}" },
    { "headers", "\"answer\":\"fetched\",\"status\":200,\"headers\":\"", "\"}" },
    { "description", "\"answer\":\"refuse\",\"description\":\"", "\"}" },
  };
  const size_t fill = 180000, size = 200000;
  char *json = malloc(size);
  x_host *x = *state;

  assert_non_null(json);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    const unsigned long long wrong = occ_txn_question(txn)->ticket + 1;
    const size_t live = x->fm.live_octets;
    int len = snprintf(json, 200, "{\"ticket\":%llu,%s", wrong, row[i].before);

    print_message("  %s\n", row[i].why);
    memset(json + len, 'A', fill);
    (void)snprintf(json + len + fill, 200, "%s", row[i].behind);
    for (int k = 0; k < (i == 0 ? 200 : 30); k++) {
      assert_int_equal(occ_txn_answer_json(txn, json, strlen(json)), OCC_ERR_STALE);
    }
    assert_int_equal(x->fm.live_octets, live);
    assert_int_equal(answer(txn, "{\"ticket\":%T,\"answer\":\"yes\"}"), OCC_OK);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    occ_txn_free(txn);
  }
  free(json);
}

/* A challenge is no answer to another kind, and leaves no trace there. */
static void test_txn_answer_json__of_other_kinds(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->metadata = NULL;
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
  assert_int_equal(
      answer(txn, "{\"ticket\":%T,\"answer\":\"challenge\",\"requirement\":\"r\",\"expiry\":60}"),
      OCC_ERR_ARGUMENT);
  assert_int_equal(answer(txn, "{\"ticket\":%T,\"answer\":\"refuse\"}"), OCC_ERR_ARGUMENT);
  assert_int_equal(
      answer(txn, "{\"ticket\":%T,\"answer\":\"yes\",\"data\":{\"metadata\":{\"m\":2}}}"), OCC_OK);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_string_equal(occ_txn_fact(txn, "/client/metadata/m", NULL), "2");
  occ_txn_free(txn);
  txn = x_at(x, X_BODY, OCC_ASK_CLIENT); /* a text is taken as it is */
  assert_int_equal(
      answer(txn,
             "{\"ticket\":%T,\"answer\":\"yes\",\"data\":\"{\\\"metadata\\\":{\\\"m\\\":3}}\"}"),
      OCC_OK);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_string_equal(occ_txn_fact(txn, "/client/metadata/m", NULL), "3");
  occ_txn_free(txn);
  assert_int_equal(occ_txn_answer_json(NULL, "{}", 2), OCC_ERR_ARGUMENT);
  txn = blank(x);
  assert_int_equal(occ_txn_answer_json(txn, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(answer(txn, "{\"ticket\":1,\"answer\":\"yes\"}"), OCC_ERR_STALE);
  assert_int_equal(answer(txn, "{\"ticket\":1,\"answer\":\"challenge\",\"requirement\":\"r\"}"),
                   OCC_ERR_STALE);
  occ_txn_free(txn);
}

static void test_txn_answer_json__fetched(void **state)
{
#define BAD(why, json)                                                                             \
  {                                                                                                \
    why, json, OCC_ERR_ARGUMENT                                                                    \
  }
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "found",
      "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":200,\"headers\":\"A: b\\r\\n\",\"data\":"
      "\"{}\"}",
      OCC_OK },
    { "nothing was to be had", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":0}", OCC_OK },
    { "no", "{\"ticket\":%T,\"answer\":\"no\"}", OCC_OK },
    { "more than was asked for",
      "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":200,\"data\":\"12345678901\"}",
      OCC_ERR_LIMIT },
    BAD("yes", "{\"ticket\":%T,\"answer\":\"yes\",\"data\":\"{}\"}"),
    BAD("without status", "{\"ticket\":%T,\"answer\":\"fetched\"}"),
    BAD("status a text", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":\"200\"}"),
    BAD("status negative", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":-1}"),
    BAD("status above", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":1000}"),
    BAD("status that wraps around", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":4294967496}"),
    BAD("headers an array",
        "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":200,\"headers\":[[\"A\",\"b\"]]}"),
    BAD("data an object", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":200,\"data\":{}}"),
    BAD("unknown member", "{\"ticket\":%T,\"answer\":\"fetched\",\"status\":200,\"body\":\"{}\"}"),
  };
#undef BAD
  x_host *x = *state;

  x->metadata = NULL;
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_CLIENT);
    const char *json;

    print_message("  %s\n", row[i].why);
    assert_int_equal(
        occ_txn_answer_fetch_first(txn, occ_txn_question(txn)->ticket, "https://c", 10), OCC_OK);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
    json = occ_txn_question_json(txn, NULL);
    assert_non_null(strstr(json, "\"kind\":\"fetch\""));
    assert_non_null(strstr(json, "\"url\":\"https://c\",\"index\":10"));
    assert_int_equal(answer(txn, row[i].json), row[i].want);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
    if (i == 0) {
      json = occ_txn_question_json(txn, NULL);
      assert_non_null(strstr(json, "\"index\":200,\"headers\":\"A: b\\r\\n\",\"data\":\"e30\""));
    }
    occ_txn_free(txn);
  }
}

/* ---- The result ---- */

static void test_txn_result_json__of_each_outcome(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);
  const char *json;
  size_t len = 9;

  assert_null(occ_txn_result_json(NULL, &len));
  assert_int_equal(len, 0);
  assert_null(occ_txn_result_json(NULL, NULL));
  len = 9;
  assert_null(occ_txn_result_json(txn, &len)); /* not ended */
  assert_int_equal(len, 0);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_null(occ_txn_result_json(txn, &len)); /* not ended either */
  x->stop = OCC_ASK_NONE;
  assert_int_equal(x_run(x, txn), OCC_OK);
  json = occ_txn_result_json(txn, &len);
  assert_int_equal(strlen(json), len);
  assert_begins(json,
                "{\"outcome\":\"grant\",\"status\":0,\"headers\":[],\"body\":\"\",\"facts\":{");
  occ_txn_free(txn);

  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = THUMB;
  x->challenge = "r";
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set(txn, "reference", "r-1"), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  json = occ_txn_result_json(txn, NULL);
  assert_begins(json, "{\"outcome\":\"challenge\",\"status\":403,\"headers\":[[\"Content-Type\","
                      "\"application/json\"],[\"Cache-Control\",\"no-store\"]");
  assert_non_null(
      strstr(json, "\"body\":\"{\\\"error\\\":\\\"insufficient_client_authorization\\\""));
  assert_non_null(
      strstr(json, ",\"confirmation\":{\"x5t#S256\":\"" THUMB "\"},\"reference\":\"r-1\""));
  occ_txn_free(txn);

  txn = x_txn(x, "a=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  json = occ_txn_result_json(txn, NULL);
  assert_begins(json, "{\"outcome\":\"refuse\",\"status\":400,");
  assert_non_null(strstr(json, ",\"reason\":\"grant_type_missing\","));
  occ_txn_free(txn);

  txn = blank(x);
  assert_int_equal(occ_txn_set_body(txn, NULL, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_ERR_ARGUMENT);
  json = occ_txn_result_json(txn, NULL);
  assert_begins(json, "{\"outcome\":\"failed\",\"status\":500,");
  assert_non_null(strstr(json, ",\"reason\":\"host_input\","));
  occ_txn_free(txn);
}

/* Out of one result into the request that follows. */
static void test_json__receipt(void **state)
{
  x_host *x = *state;
  char *receipt, json[2048];
  occ_txn *txn;

  x->endpoint = OCC_PAR;
  x->challenge = "r";
  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  x_challenge(x);
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  receipt = x_copy(occ_txn_receipt(txn));
  (void)snprintf(json, sizeof(json), "\"receipt\":\"%s\"", receipt);
  assert_non_null(strstr(occ_txn_result_json(txn, NULL), json));
  occ_txn_free(txn);

  x->endpoint = OCC_TOKEN;
  txn = blank(x);
  (void)snprintf(json, sizeof(json),
                 "{\"body\":\"grant_type=authorization_code&code=c\",\"receipt\":\"%s\",\"client\":"
                 "{\"id\":\"" X_CLIENT "\",\"method\":\"client_secret_basic\"}}",
                 receipt);
  assert_int_equal(occ_txn_set_json(txn, json, strlen(json)), OCC_OK);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_string_equal(occ_txn_fact(txn, "/satisfied", NULL), "[\"r\"]");
  assert_null(strstr(occ_txn_question_json(txn, NULL), receipt)); /* no fact of the policy's */
  x->stop = OCC_ASK_NONE;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_null(strstr(occ_txn_result_json(txn, NULL), "receipt"));
  occ_txn_free(txn);
  free(receipt);
}

static void test_txn_result_json__survives_every_failed_allocation(void **state)
{
  x_host *x = *state;
  bool failed = true;
  size_t n = 0;

  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = THUMB;
  for (; failed && n < 100; n++) {
    occ_txn *txn = x_at(x, X_BODY "&client_secret=s", OCC_ASK_DECIDE);
    char fill[OCC__MAX_ID + 1];
    const char *json;
    size_t len = 9;

    memset(fill, 'f', sizeof(fill) - 1);
    fill[sizeof(fill) - 1] = '\0';
    for (int k = 0; k < 60; k++) {
      assert_int_equal(occ_txn_set(txn, "reference", fill), OCC_OK);
    }
    assert_int_equal(x_run(x, txn), OCC_OK);
    x->fm.failed = false;
    x->fm.count = 0;
    x->fm.until = n;
    x->fm.keep = true;
    json = occ_txn_result_json(txn, &len);
    failed = x->fm.failed;
    x->fm.until = SIZE_MAX;
    x->fm.keep = false;
    assert_true(failed == (json == NULL)); /* whole or not at all: never without the confirmation */
    assert_true((json == NULL) == (len == 0));
    assert_true(json == NULL || strstr(json, "confirmation") != NULL);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    occ_txn_free(txn);
  }
  assert_false(failed);
  assert_true(n > 1);
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_HOST(name) cmocka_unit_test_setup_teardown(name, set_up_host, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_txn_set_json__refuses),
    TEST(test_txn_set_json__takes_all),
    TEST(test_txn_set_json__reads_len_octets),
    TEST_HOST(test_txn_set_json__sender_of_a_host_that_verifies),
    TEST(test_txn_set_json__has_limits),
    TEST(test_txn_question_json__shows_what_is_open),
    TEST(test_txn_question_json__members),
    TEST(test_txn_answer_json__decide),
    TEST(test_txn_answer_json__challenge_extras),
    TEST(test_txn_answer_json__what_is_not_taken_leaves_nothing_behind),
    TEST(test_txn_answer_json__wrong_tickets_cost_no_memory),
    TEST(test_txn_answer_json__of_other_kinds),
    TEST(test_txn_answer_json__fetched),
    TEST(test_txn_result_json__of_each_outcome),
    TEST(test_json__receipt),
    TEST(test_txn_result_json__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("core/json", tests, NULL, NULL);
}
