/* SPDX-License-Identifier: MIT */

/* The type interface by a type in C: what it may do and sees, and that whatever it does wrong fails closed. The type is a
 * set of functions that each row chooses; a row that ends in a grant is a fault of the library, unless it says so. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define CONFIG        "{" X_BASE REST
#define CONFIG_IGNORE "{" X_BASE "\"digest_ignore\":[\"X-*\",\"x-*\",\"EV\"]," REST
#define REST                                                                                       \
  "\"types\":{\"scripted\":{\"name\":\"https://t.example/e\"}},"                                   \
  "\"requirements\":{\"r\":{\"type\":\"scripted\",\"class\":\"provenance\",\"a\":1,\"b\":1,"       \
  "\"c\":1},\"auth\":{\"type\":\"scripted\",\"class\":\"authorization\"}}}"
#define THUMB   "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS4"
#define ANOTHER "aBc5x6aWMIRAFtW6dfv8HSaMgIPx-vREoPd1aPrgN1Q"

typedef int (*write_fn)(occ_evidence *evidence);
typedef int (*step_fn)(occ_evidence *evidence, int step);

static struct {
  write_fn write;
  step_fn parse, judge;
  int writes, parses, judges;
  occ_evidence *seen;
} script;

static int write_by_script(occ_evidence *evidence, void *self)
{
  assert_ptr_equal(self, &script);
  (void)occ_evidence_about(evidence); /* it looks, so it is written for each request */
  script.writes++;
  return script.write == NULL ? OCC_OK : script.write(evidence);
}

static int parse_by_script(occ_evidence *evidence, int step, void *self)
{
  assert_ptr_equal(self, &script);
  script.parses++;
  script.seen = evidence;
  return script.parse == NULL ? OCC_OK : script.parse(evidence, step);
}

static int accept_all(occ_evidence *evidence, int step)
{
  (void)step;
  return occ_evidence_accept(evidence, NULL, 0);
}

static int judge_by_script(occ_evidence *evidence, int step, void *self)
{
  assert_ptr_equal(self, &script);
  script.judges++;
  return (script.judge == NULL ? accept_all : script.judge)(evidence, step);
}

static const char *const params[] = { "ev", "ev2", NULL };
static const char *const headers[] = { "X-Ev", NULL };
static const occ_type scripted = { .size = sizeof(scripted),
                                   .name = "scripted",
                                   .params = params,
                                   .headers = headers,
                                   .write = write_by_script,
                                   .parse = parse_by_script,
                                   .judge = judge_by_script };

static x_host host;

static int set_up(void **state)
{
  memset(&script, 0, sizeof(script));
  x_open(&host, CONFIG, &scripted, &script);
  host.challenge = "r";
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static void play(write_fn write, step_fn parse, step_fn judge)
{
  memset(&script, 0, sizeof(script));
  script.write = write;
  script.parse = parse;
  script.judge = judge;
}

/* ---- Misbehaving in parse ---- */

static int parse_asks_status(occ_evidence *e, int step)
{
  (void)step;
  assert_null(occ_evidence_ask(e, OCC_ASK_STATUS));
  return OCC_OK;
}

static int parse_asks_and_goes_on(occ_evidence *e, int step)
{
  (void)step;
  assert_non_null(occ_evidence_ask(e, OCC_ASK_KEYS));
  return OCC_OK;
}

static int parse_asks_twice(occ_evidence *e, int step)
{
  (void)step;
  if (step == 0) {
    assert_non_null(occ_evidence_ask(e, OCC_ASK_KEYS));
    assert_null(occ_evidence_ask(e, OCC_ASK_FETCH));
    return OCC_PENDING;
  }
  return OCC_OK;
}

static int parse_waits_for_nothing(occ_evidence *e, int step)
{
  (void)e;
  (void)step;
  return OCC_PENDING;
}

static int parse_accepts(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int parse_rejects(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_reject(e, "no"), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int parse_retries(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_retry(e, "no"), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int parse_puts(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_put(e, "a", "1"), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int once_without_id(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_once(e, "i", NULL, 0), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int once_with_empty_id(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_once(e, "i", "", 0), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int once_without_issuer(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_once(e, NULL, "id", 0), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int error_before_asking(occ_evidence *e, int step)
{
  if (step == 0) {
    assert_int_equal(occ_evidence_set_once(e, "i", NULL, 0), OCC_ERR_ARGUMENT);
    assert_non_null(occ_evidence_ask(e, OCC_ASK_KEYS));
    return OCC_PENDING;
  }
  return OCC_OK;
}

static int key_malformed(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_key(e, OCC_SENDER_MTLS, "short"), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int key_null(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_key(e, OCC_SENDER_MTLS, NULL), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int key_of_kind_0(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_key(e, (occ_sender)0, THUMB), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int key_of_kind_4(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_key(e, (occ_sender)4, THUMB), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int nonce_null(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_nonce(e, NULL, 1), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int keep_grows(occ_evidence *e, int step)
{
  (void)step;
  assert_non_null(occ_evidence_keep(e, 16));
  assert_null(occ_evidence_keep(e, 17));
  return OCC_OK;
}

static int keep_from_nothing(occ_evidence *e, int step)
{
  (void)step;
  assert_non_null(occ_evidence_keep(e, 0));
  assert_null(occ_evidence_keep(e, 1));
  return OCC_OK;
}

static int keep_too_much(occ_evidence *e, int step)
{
  (void)step;
  assert_null(occ_evidence_keep(e, OCC__MAX_TXN_MEMORY + 1));
  return OCC_OK;
}

static int keep_all_there_is(occ_evidence *e, int step)
{
  (void)step;
  assert_null(occ_evidence_keep(e, SIZE_MAX));
  return OCC_OK;
}

static int returns_7(occ_evidence *e, int step)
{
  (void)e;
  (void)step;
  return 7;
}

static int returns_minus_7(occ_evidence *e, int step)
{
  (void)e;
  (void)step;
  return -7;
}

static int returns_memory(occ_evidence *e, int step)
{
  (void)e;
  (void)step;
  return OCC_ERR_MEMORY;
}

typedef struct bad_row {
  const char *why;
  step_fn call;
  int want;
} bad_row;

static void run_bad(x_host *x, const bad_row *row, int judging)
{
  occ_txn *txn;

  print_message("  %s\n", row->why);
  play(NULL, judging ? NULL : row->call, judging ? row->call : NULL);
  x->verdict[OCC_ASK_KEYS] = x->verdict[OCC_ASK_STATUS] = x->verdict[OCC_ASK_RESERVE] = OCC_YES;
  x_challenge(x);
  txn = x_follow_up(x, "ev=1");
  x_is_failure(txn, x_run(x, txn), row->want, NULL);
  assert_null(occ_txn_question(txn));
  assert_int_equal(occ_txn_run(txn, x->now), row->want);
  occ_txn_free(txn);
}

static void test_parse__misbehaves(void **state)
{
  static const bad_row row[] = {
    { "asks what may be asked later only", parse_asks_status, OCC_ERR_STATE },
    { "asks and does not wait", parse_asks_and_goes_on, OCC_ERR_STATE },
    { "asks while a question is open", parse_asks_twice, OCC_ERR_STATE },
    { "waits for nothing", parse_waits_for_nothing, OCC_ERR_INTERNAL },
    { "accepts without judging", parse_accepts, OCC_ERR_ARGUMENT },
    { "rejects without judging", parse_rejects, OCC_ERR_ARGUMENT },
    { "retries without judging", parse_retries, OCC_ERR_ARGUMENT },
    { "puts a member", parse_puts, OCC_ERR_ARGUMENT },
    { "once without id", once_without_id, OCC_ERR_ARGUMENT },
    { "once with an empty id", once_with_empty_id, OCC_ERR_ARGUMENT },
    { "once without issuer", once_without_issuer, OCC_ERR_ARGUMENT },
    { "an error, then a question", error_before_asking, OCC_ERR_ARGUMENT },
    { "key malformed", key_malformed, OCC_ERR_ARGUMENT },
    { "no key", key_null, OCC_ERR_ARGUMENT },
    { "key of kind 0", key_of_kind_0, OCC_ERR_ARGUMENT },
    { "key of kind 4", key_of_kind_4, OCC_ERR_ARGUMENT },
    { "nonce without octets", nonce_null, OCC_ERR_ARGUMENT },
    { "keeps more than before", keep_grows, OCC_ERR_ARGUMENT },
    { "keeps more than nothing", keep_from_nothing, OCC_ERR_ARGUMENT },
    { "keeps more than a txn may have", keep_too_much, OCC_ERR_LIMIT },
    { "keeps all there is", keep_all_there_is, OCC_ERR_LIMIT },
    { "returns a positive number", returns_7, OCC_ERR_INTERNAL },
    { "returns no status", returns_minus_7, -7 },
    { "has no memory", returns_memory, OCC_ERR_MEMORY },
  };

  for (size_t i = 0; i < X_ROWS(row); i++) {
    run_bad(*state, &row[i], 0);
  }
}

static int malformed(occ_evidence *e, int step)
{
  (void)e;
  (void)step;
  return OCC_ERR_SYNTAX;
}

static int asks_then_malformed(occ_evidence *e, int step)
{
  (void)step;
  assert_non_null(occ_evidence_ask(e, OCC_ASK_FETCH));
  return OCC_ERR_SYNTAX;
}

/* O-14: invalid_request, and the session stays good. */
static void test_parse__malformed_costs_nothing(void **state)
{
  static const step_fn way[] = { malformed, asks_then_malformed };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(way); i++) {
    occ_txn *txn;

    play(NULL, way[i], NULL);
    x_challenge(x);
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "evidence_malformed");
    assert_non_null(strstr(occ_txn_body(txn, NULL), "\"invalid_request\""));
    assert_null(occ_txn_question(txn));
    assert_int_equal(script.judges, 0);
    occ_txn_free(txn);
    play(NULL, NULL, NULL);
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    occ_txn_free(txn);
  }
}

/* ---- Misbehaving in judge ---- */

static int accepts_twice(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_OK);
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_STATE);
  return OCC_OK;
}

static int accepts_then_rejects(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_OK);
  assert_int_equal(occ_evidence_reject(e, "no"), OCC_ERR_STATE);
  return OCC_OK;
}

static int rejects_then_accepts(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_reject(e, NULL), OCC_OK);
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_STATE);
  return OCC_OK;
}

static int retries_then_accepts(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_retry(e, NULL), OCC_OK);
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_STATE);
  return OCC_OK;
}

static int judge_asks_for_wrong_kinds(occ_evidence *e, int step)
{
  static const int kind[] = {
    -1, OCC_ASK_NONE, OCC_ASK_CHECK, OCC_ASK_DECIDE, OCC_ASK_CLIENT,  OCC_ASK_KEYS,
    8,  OCC_ASK_ONCE, OCC_ASK_KEEP,  OCC_ASK_RECALL, OCC_ASK_COMMIT,  OCC_ASK_RELEASE,
    15, OCC_ASK_SEND, OCC_ASK_SOLVE, OCC_ASK_SIGN,   OCC_ASK_DISCLOSE
  };

  (void)step;
  for (size_t i = 0; i < X_ROWS(kind); i++) {
    assert_null(occ_evidence_ask(e, (occ_ask)kind[i]));
  }
  return occ_evidence_accept(e, NULL, 0);
}

static int judge_asks_and_accepts(occ_evidence *e, int step)
{
  (void)step;
  assert_non_null(occ_evidence_ask(e, OCC_ASK_STATUS));
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_STATE);
  return OCC_OK;
}

static int judge_asks_accepts_and_waits(occ_evidence *e, int step)
{
  if (step == 0) {
    assert_non_null(occ_evidence_ask(e, OCC_ASK_STATUS));
    assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_STATE);
    return OCC_PENDING;
  }
  return OCC_OK;
}

static int judge_accepts_and_asks(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_OK);
  assert_null(occ_evidence_ask(e, OCC_ASK_STATUS));
  return OCC_PENDING;
}

static int judge_asks_and_goes_on(occ_evidence *e, int step)
{
  (void)step;
  assert_non_null(occ_evidence_ask(e, OCC_ASK_VERIFY));
  return OCC_OK;
}

static int judge_accepts_and_waits(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_OK);
  return OCC_PENDING;
}

static int reserves_nothing(occ_evidence *e, int step)
{
  if (step == 0) {
    assert_non_null(occ_evidence_ask(e, OCC_ASK_RESERVE));
    return OCC_PENDING;
  }
  return occ_evidence_accept(e, NULL, 0);
}

static int accept_with(occ_evidence *e, const char *facts, size_t len, int want)
{
  assert_int_equal(occ_evidence_accept(e, facts, len), want);
  return OCC_OK;
}

static int facts_cut(occ_evidence *e, int step)
{
  (void)step;
  return accept_with(e, "{", 1, OCC_ERR_ARGUMENT);
}

static int facts_array(occ_evidence *e, int step)
{
  (void)step;
  return accept_with(e, "[]", 2, OCC_ERR_ARGUMENT);
}

static int facts_text(occ_evidence *e, int step)
{
  (void)step;
  return accept_with(e, "\"good\"", 6, OCC_ERR_ARGUMENT);
}

static int facts_twice(occ_evidence *e, int step)
{
  (void)step;
  return accept_with(e, "{\"a\":1,\"a\":2}", 13, OCC_ERR_ARGUMENT);
}

static int facts_with_more(occ_evidence *e, int step)
{
  (void)step;
  return accept_with(e, "{}\0{}", 5, OCC_ERR_ARGUMENT);
}

static int facts_null(occ_evidence *e, int step)
{
  (void)step;
  return accept_with(e, NULL, 1, OCC_ERR_ARGUMENT);
}

static int facts_too_large(occ_evidence *e, int step)
{
  static char text[OCC__MAX_ANSWER + 1];

  (void)step;
  memset(text, ' ', sizeof(text));
  text[0] = '{';
  text[sizeof(text) - 1] = '}';
  return accept_with(e, text, sizeof(text), OCC_ERR_LIMIT);
}

static int judge_sets_nonce(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_nonce(e, "n", 1), OCC_ERR_ARGUMENT);
  return occ_evidence_accept(e, NULL, 0);
}

static int judge_sets_once(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_once(e, "i", "id", 0), OCC_ERR_ARGUMENT);
  return occ_evidence_accept(e, NULL, 0);
}

static int judge_sets_key(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_set_key(e, OCC_SENDER_MTLS, THUMB), OCC_ERR_ARGUMENT);
  return occ_evidence_accept(e, NULL, 0);
}

static int judge_puts(occ_evidence *e, int step)
{
  (void)step;
  assert_int_equal(occ_evidence_put(e, "a", "2"), OCC_ERR_ARGUMENT);
  return occ_evidence_accept(e, NULL, 0);
}

static int accepts_and_returns(occ_evidence *e, int rc)
{
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_OK);
  return rc;
}

static int accepts_and_returns_7(occ_evidence *e, int step)
{
  (void)step;
  return accepts_and_returns(e, 7);
}

static int accepts_and_returns_syntax(occ_evidence *e, int step)
{
  (void)step;
  return accepts_and_returns(e, OCC_ERR_SYNTAX);
}

static void test_judge__misbehaves(void **state)
{
  static const bad_row row[] = {
    { "accepts twice", accepts_twice, OCC_ERR_STATE },
    { "accepts, then rejects", accepts_then_rejects, OCC_ERR_STATE },
    { "rejects, then accepts", rejects_then_accepts, OCC_ERR_STATE },
    { "retries, then accepts", retries_then_accepts, OCC_ERR_STATE },
    { "asks what it may not", judge_asks_for_wrong_kinds, OCC_ERR_STATE },
    { "asks and accepts", judge_asks_and_accepts, OCC_ERR_STATE },
    { "asks, accepts and waits", judge_asks_accepts_and_waits, OCC_ERR_STATE },
    { "accepts, then asks", judge_accepts_and_asks, OCC_ERR_STATE },
    { "asks and does not wait", judge_asks_and_goes_on, OCC_ERR_STATE },
    { "waits for nothing", parse_waits_for_nothing, OCC_ERR_INTERNAL },
    { "accepts and waits", judge_accepts_and_waits, OCC_ERR_INTERNAL },
    { "reserves without a key", reserves_nothing, OCC_ERR_INTERNAL },
    { "facts: cut", facts_cut, OCC_ERR_ARGUMENT },
    { "facts: an array", facts_array, OCC_ERR_ARGUMENT },
    { "facts: a text", facts_text, OCC_ERR_ARGUMENT },
    { "facts: one name twice", facts_twice, OCC_ERR_ARGUMENT },
    { "facts: with more behind a zero octet", facts_with_more, OCC_ERR_ARGUMENT },
    { "facts: without octets", facts_null, OCC_ERR_ARGUMENT },
    { "facts: too large", facts_too_large, OCC_ERR_LIMIT },
    { "sets the nonce", judge_sets_nonce, OCC_ERR_ARGUMENT },
    { "sets the id", judge_sets_once, OCC_ERR_ARGUMENT },
    { "sets the key", judge_sets_key, OCC_ERR_ARGUMENT },
    { "puts a member", judge_puts, OCC_ERR_ARGUMENT },
    { "keeps more than before", keep_grows, OCC_ERR_ARGUMENT },
    { "returns a positive number", returns_7, OCC_ERR_INTERNAL },
    { "returns no status", returns_minus_7, -7 },
    { "has no memory", returns_memory, OCC_ERR_MEMORY },
    { "accepts and returns a positive number", accepts_and_returns_7, OCC_ERR_INTERNAL },
    { "accepts and calls it malformed", accepts_and_returns_syntax, OCC_ERR_SYNTAX },
  };

  for (size_t i = 0; i < X_ROWS(row); i++) {
    run_bad(*state, &row[i], 1);
  }
}

static int says_nothing(occ_evidence *e, int step)
{
  (void)e;
  (void)step;
  return OCC_OK;
}

static int rejects_with_token(occ_evidence *e, int step)
{
  (void)step;
  return occ_evidence_reject(e, "not_ours");
}

static int rejects_with_dirt(occ_evidence *e, int step)
{
  (void)step;
  return occ_evidence_reject(e, "no \"token\"\n");
}

static int rejects_with_much(occ_evidence *e, int step)
{
  (void)step;
  return occ_evidence_reject(e,
                             "a2345678901234567890123456789012345678901234567890123456789012345");
}

static void test_judge__no(void **state)
{
  static const struct {
    const char *why;
    step_fn judge;
    const char *detail;
  } row[] = {
    { "no verdict is no", says_nothing, NULL },
    { "a reason", rejects_with_token, "not_ours" },
    { "a reason that is no token stays out of the log", rejects_with_dirt, NULL },
    { "a reason of 65 octets too", rejects_with_much, NULL },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    play(NULL, NULL, row[i].judge);
    x_challenge(x);
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "evidence_rejected");
    assert_non_null(strstr(occ_txn_body(txn, NULL), "\"unauthorized_client\""));
    if (row[i].detail != NULL) {
      assert_int_equal(x_logged(txn, "detail", row[i].detail), 1);
      assert_null(strstr(occ_txn_body(txn, NULL), row[i].detail));
    } else {
      assert_null(strstr(occ_txn_log(txn, NULL), "token\\"));
      assert_null(strstr(occ_txn_log(txn, NULL), "a234567"));
    }
    occ_txn_free(txn);
    txn = x_follow_up(x, "ev=1"); /* it is spent */
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
    occ_txn_free(txn);
  }
}

static int wants_newer(occ_evidence *e, int step)
{
  (void)step;
  return occ_evidence_retry(e, "too_old");
}

/* O-05: attempts are counted in the session, and end. */
static void test_judge__retry(void **state)
{
  x_host *x = *state;

  play(NULL, NULL, wants_newer);
  x_challenge(x);
  for (unsigned attempt = 1; attempt <= OCC__MAX_ATTEMPTS; attempt++) {
    occ_txn *txn = x_follow_up(x, "ev=1");

    x->asked[OCC_ASK_DECIDE] = 0;
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(x->asked[OCC_ASK_DECIDE], 0); /* the policy is not asked */
    if (attempt < OCC__MAX_ATTEMPTS) {
      assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
      assert_int_equal(x_handle(x, txn), 1);
    } else {
      assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
      assert_string_equal(occ_txn_reason(txn), "attempts_spent");
    }
    occ_txn_free(txn);
  }
}

/* ---- Misbehaving in write ---- */

static int put_row(occ_evidence *e, const char *member, const char *json)
{
  assert_int_equal(occ_evidence_put(e, member, json), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int puts_type(occ_evidence *e)
{
  return put_row(e, "type", "\"other\"");
}

static int puts_session(occ_evidence *e)
{
  return put_row(e, "challenge_session", "\"x\"");
}

static int puts_no_json(occ_evidence *e)
{
  return put_row(e, "m", "{");
}

static int puts_nothing(occ_evidence *e)
{
  return put_row(e, "m", "");
}

static int puts_two(occ_evidence *e)
{
  return put_row(e, "m", "1 2");
}

static int puts_real(occ_evidence *e)
{
  return put_row(e, "m", "[1.5]");
}

static int puts_large_integer(occ_evidence *e)
{
  return put_row(e, "m", "9007199254740992");
}

static int puts_repeat(occ_evidence *e)
{
  return put_row(e, "m", "{\"a\":1,\"a\":1}");
}

static int puts_null_member(occ_evidence *e)
{
  return put_row(e, NULL, "1");
}

static int puts_null_json(occ_evidence *e)
{
  return put_row(e, "m", NULL);
}

static int write_asks(occ_evidence *e)
{
  assert_null(occ_evidence_ask(e, OCC_ASK_KEYS));
  return OCC_OK;
}

static int write_accepts(occ_evidence *e)
{
  assert_int_equal(occ_evidence_accept(e, NULL, 0), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int write_sets_once(occ_evidence *e)
{
  assert_int_equal(occ_evidence_set_once(e, "i", "id", 0), OCC_ERR_ARGUMENT);
  return OCC_OK;
}

static int write_waits(occ_evidence *e)
{
  (void)e;
  return OCC_PENDING;
}

static int write_returns_7(occ_evidence *e)
{
  (void)e;
  return 7;
}

static int write_returns_minus_7(occ_evidence *e)
{
  (void)e;
  return -7;
}

static int write_returns_syntax(occ_evidence *e)
{
  (void)e;
  return OCC_ERR_SYNTAX;
}

static void test_write__misbehaves(void **state)
{
  static const struct {
    const char *why;
    write_fn write;
    int want;
  } row[] = {
    { "puts type", puts_type, OCC_ERR_ARGUMENT },
    { "puts the session's member", puts_session, OCC_ERR_ARGUMENT },
    { "puts no JSON", puts_no_json, OCC_ERR_ARGUMENT },
    { "puts nothing", puts_nothing, OCC_ERR_ARGUMENT },
    { "puts two values", puts_two, OCC_ERR_ARGUMENT },
    { "puts a real", puts_real, OCC_ERR_ARGUMENT },
    { "puts an integer beyond 2^53-1", puts_large_integer, OCC_ERR_ARGUMENT },
    { "puts one name twice", puts_repeat, OCC_ERR_ARGUMENT },
    { "puts without a name", puts_null_member, OCC_ERR_ARGUMENT },
    { "puts without a value", puts_null_json, OCC_ERR_ARGUMENT },
    { "asks", write_asks, OCC_ERR_STATE },
    { "accepts", write_accepts, OCC_ERR_ARGUMENT },
    { "sets the id", write_sets_once, OCC_ERR_ARGUMENT },
    { "waits", write_waits, OCC_ERR_INTERNAL },
    { "returns a positive number", write_returns_7, OCC_ERR_INTERNAL },
    { "returns no status", write_returns_minus_7, -7 },
    { "calls its own work malformed", write_returns_syntax, OCC_ERR_ARGUMENT },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    play(row[i].write, NULL, NULL); /* when the challenge is made */
    txn = x_txn(x, X_BODY);
    x_is_failure(txn, x_run(x, txn), row[i].want, NULL);
    occ_txn_free(txn);

    play(NULL, NULL, NULL); /* when the answer comes: not a grant either */
    x_challenge(x);
    script.write = row[i].write;
    txn = x_follow_up(x, "ev=1");
    assert_int_not_equal(x_run(x, txn), OCC_PENDING);
    assert_int_not_equal(occ_txn_outcome(txn), OCC_GRANT);
    assert_int_equal(script.judges, 0);
    occ_txn_free(txn);
  }
}

static int puts_another_each_time(occ_evidence *e)
{
  char text[16];

  (void)snprintf(text, sizeof(text), "%d", script.writes);
  return occ_evidence_put(e, "m", text);
}

/* It is not a pure function of what it sees: the session is stale, so the policy is asked again. */
static void test_write__is_written_again_and_compared(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  play(puts_another_each_time, NULL, NULL);
  x_challenge(x);
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_int_equal(x_logged(txn, "reason", "session_request_changed"), 1);
  assert_int_equal(script.judges, 0);
  occ_txn_free(txn);
}

/* ---- What it may do ---- */

static int writes_well(occ_evidence *e)
{
  const occ_question *about = occ_evidence_about(e);

  assert_string_equal(about->requirement, "r");
  assert_string_equal(about->type, "https://t.example/e");
  assert_string_equal(about->audience, X_ISSUER);
  assert_string_equal(about->client_id, X_CLIENT);
  assert_null(about->nonce);
  assert_non_null(occ_evidence_txn(e));
  assert_null(occ_evidence_param(e, "ev", NULL)); /* what is asked for does not depend on it */
  assert_null(occ_evidence_keep(e, 1));
  assert_int_equal(occ_evidence_put(e, "c", "{\"z\":[true,null,\"x\"],\"y\":-1}"), OCC_OK);
  assert_int_equal(occ_evidence_put(e, "d", "\"once\""), OCC_OK);
  return occ_evidence_put(e, "d", "\"twice\"");
}

/* The template, the answer's params over it, what the type writes over both; the type's name on the wire stays. */
static void test_write__order_of_members(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  play(writes_well, NULL, NULL);
  x->params = "{\"b\":2,\"c\":2,\"e\":2}";
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_non_null(
      strstr(occ_txn_body(txn, NULL),
             "\"authorization_requirement\":{\"a\":1,\"b\":2,\"c\":{\"y\":-1,\"z\":[true,"
             "null,\"x\"]},\"d\":\"twice\",\"e\":2,\"type\":\"https://t.example/e\"}"));
  assert_int_equal(x_handle(x, txn), 1);
  occ_txn_free(txn);
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

typedef struct kept {
  uint8_t octets[40];
} kept;

static int parses_well(occ_evidence *e, int step)
{
  const occ_question *about = occ_evidence_about(e);
  kept *own = occ_evidence_keep(e, sizeof(kept));
  const void *data = &data;
  size_t len = 9;
  occ_question *q;

  assert_ptr_equal(occ_evidence_keep(e, 1), own);
  assert_string_equal(about->nonce, host.handle);
  assert_string_equal(about->wanted, "{\"a\":1,\"b\":1,\"c\":1,\"type\":\"https://t.example/e\"}");
  assert_int_equal(about->issued, X_T0);
  assert_int_equal(about->expires, X_T0 + 300000);
  assert_int_equal(about->now, X_T0);
  assert_string_equal(occ_evidence_param(e, "ev", &len), "v");
  assert_int_equal(len, 1);
  assert_string_equal(occ_evidence_param(e, "ev", NULL), "v");
  assert_string_equal(occ_evidence_param(e, "x-ev", &len), "h");
  assert_null(occ_evidence_param(e, "ev2", &len));
  assert_int_equal(len, 0);
  assert_null(occ_evidence_param(e, NULL, &len));
  if (step == 0) {
    for (size_t i = 0; i < sizeof(own->octets); i++) {
      assert_int_equal(own->octets[i], 0);
    }
    memset(own->octets, 7, sizeof(own->octets));
    assert_int_equal(occ_evidence_answer(e, &data, &len), OCC_NO); /* nothing was asked */
    assert_null(data);
    assert_int_equal(len, 0);
    q = occ_evidence_ask(e, OCC_ASK_KEYS);
    assert_string_equal(q->type, "https://t.example/e");
    q->issuer = "https://i.example";
    return OCC_PENDING;
  }
  assert_int_equal(occ_evidence_answer(e, NULL, NULL), OCC_YES);
  assert_int_equal(occ_evidence_answer(e, &data, &len), OCC_YES);
  assert_int_equal(own->octets[39], 7);
  if (step == 1) {
    assert_int_equal(len, 4);
    assert_memory_equal(data, "keys", 4);
    q = occ_evidence_ask(e, OCC_ASK_FETCH);
    q->url = "https://i.example/";
    q->index = 100;
    return OCC_PENDING;
  }
  assert_int_equal(step, 2);
  assert_memory_equal(data, "page", 4);
  assert_int_equal(occ_evidence_set_nonce(e, "wrong at first", 14), OCC_OK);
  assert_int_equal(occ_evidence_set_nonce(e, about->nonce, strlen(about->nonce)), OCC_OK);
  return occ_evidence_set_once(e, "https://i.example", "id-1", about->now - 5);
}

static int judges_well(occ_evidence *e, int step)
{
  static const occ_ask asks[] = { OCC_ASK_STATUS, OCC_ASK_COVER, OCC_ASK_VERIFY };
  kept *own = occ_evidence_keep(e, sizeof(kept));

  assert_int_equal(own->octets[0], 7);
  if (step < 3) {
    occ_question *q = occ_evidence_ask(e, asks[step]);

    assert_int_equal(q->kind, asks[step]);
    assert_string_equal(q->requirement, "r");
    assert_string_equal(q->nonce, host.handle);
    return OCC_PENDING;
  }
  assert_int_equal(step, 3);
  assert_int_equal(occ_evidence_answer(e, NULL, NULL),
                   OCC_NO); /* VERIFY, and it is the type's word */
  return occ_evidence_accept(e, "{\"level\":3}", 11);
}

static occ_txn *with_header(x_host *x, const char *evidence)
{
  occ_txn *txn = x_follow_up(x, evidence);

  assert_int_equal(occ_txn_add_header(txn, "X-Ev", " h ", 3), OCC_OK);
  return txn;
}

static void test_type__behaves(void **state)
{
  x_host *x = *state;
  const occ_question *q;
  occ_txn *txn;

  play(NULL, parses_well, judges_well);
  x->verdict[OCC_ASK_KEYS] = x->verdict[OCC_ASK_FETCH] = x->verdict[OCC_ASK_STATUS] = OCC_YES;
  x->verdict[OCC_ASK_COVER] = OCC_YES;
  x->data[OCC_ASK_KEYS] = "keys";
  x->data[OCC_ASK_FETCH] = "page";
  x_challenge(x);
  txn = with_header(x, "ev=v");
  x->stop = OCC_ASK_KEYS;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_string_equal(occ_txn_question(txn)->issuer, "https://i.example");
  x->stop = OCC_ASK_ONCE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  q = occ_txn_question(txn);
  assert_int_equal(q->keys, 2);
  assert_int_equal(q->key[0], 3);
  assert_int_equal(q->key[32], 4);
  assert_int_equal(q->issued, X_T0 - 5);
  x->stop = OCC_ASK_NONE;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_string_equal(occ_txn_fact(txn, "/evidence/facts/level", NULL), "3");
  assert_int_equal(script.judges, 4);
  occ_txn_free(txn);

  x_challenge(x); /* N85 its id was seen before */
  txn = with_header(x, "ev=v");
  script.judges = 0;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_string_equal(occ_txn_reason(txn), "evidence_replayed");
  assert_int_equal(script.judges, 0);
  occ_txn_free(txn);
}

static int looks_for_carriers(occ_evidence *e, int step)
{
  size_t len = 9;

  (void)step;
  assert_null(occ_evidence_param(e, "X-Ev", &len)); /* a parameter of the header's name */
  assert_int_equal(len, 0);
  assert_null(occ_evidence_param(e, "x-ev", &len));
  assert_null(occ_evidence_param(e, "scope", &len)); /* the request's */
  assert_null(occ_evidence_param(e, "challenge_session", &len));
  assert_null(occ_evidence_param(e, "DPoP", &len)); /* a header that is not the type's */
  assert_null(occ_evidence_param(e, "Authorization", &len));
  assert_null(occ_evidence_param(e, "EV", &len)); /* parameters compare with case */
  assert_string_equal(occ_evidence_param(e, "ev", &len), "v");
  return OCC_OK;
}

/* Evidence comes from where the type says, and from nowhere else. */
static void test_param__only_carriers_of_the_type(void **state)
{
  static const char header[] = "Basic YTpi";
  x_host *x = *state;
  occ_txn *txn;

  play(NULL, looks_for_carriers, NULL);
  occ_server_free(x->server);
  x->server = x_server(x, CONFIG_IGNORE, &scripted, &script, NULL);
  x_challenge(x);
  txn = x_follow_up(x, "ev=v&X-Ev=forged&x-ev=forged&EV=other");
  assert_int_equal(occ_txn_add_header(txn, "Authorization", header, strlen(header)), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(script.parses, 1);
  occ_txn_free(txn);
}

static int parse_with_wrong_nonce(occ_evidence *e, int step)
{
  const char *nonce = occ_evidence_about(e)->nonce;
  const char *way[] = { "", "x", NULL };

  (void)step;
  if (script.writes > 3) { /* one octet less */
    return occ_evidence_set_nonce(e, nonce, strlen(nonce) - 1);
  }
  return occ_evidence_set_nonce(e, way[script.writes == 3], strlen(way[script.writes == 3]));
}

/* C-03: nothing is used up, and there is no second look. */
static void test_set_nonce__is_compared_before_once(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  play(NULL, parse_with_wrong_nonce, NULL);
  x_challenge(x);
  for (int i = 0; i < 3; i++) {
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), "evidence_nonce");
    occ_txn_free(txn);
  }
  assert_int_equal(script.judges, 0);
  assert_int_equal(x->asked[OCC_ASK_ONCE], 0);
}

static int names_thumb(occ_evidence *e, int step)
{
  (void)step;
  return occ_evidence_set_key(e, OCC_SENDER_MTLS, THUMB);
}

static int names_another(occ_evidence *e, int step)
{
  (void)step;
  return occ_evidence_set_key(e, OCC_SENDER_MTLS, ANOTHER);
}

static void test_set_key__ties_evidence_to_the_sender(void **state)
{
  static const struct {
    const char *why;
    int first, second; /* the sender key is shown */
    step_fn parse;
    occ_outcome want;
    const char *reason;
  } row[] = {
    { "shown twice, named", 1, 1, names_thumb, OCC_GRANT, NULL },
    { "shown twice, not named", 1, 1, NULL, OCC_GRANT, NULL },
    { "added, named", 0, 1, names_thumb, OCC_GRANT, NULL },
    { "added, not named", 0, 1, NULL, OCC_REFUSE, "sender_key_added" },
    { "added, another one named", 0, 1, names_another, OCC_REFUSE, "sender_key_added" },
    { "shown twice, another one named", 1, 1, names_another, OCC_REFUSE, "evidence_rejected" },
    { "named, never shown", 0, 0, names_thumb, OCC_REFUSE, "evidence_rejected" },
    { "not shown again", 1, 0, names_thumb, OCC_CHALLENGE, NULL },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    play(NULL, row[i].parse, NULL);
    x->thumbprint = THUMB;
    x->sender = row[i].first ? OCC_SENDER_MTLS : (occ_sender)0;
    x_challenge(x);
    x->sender = row[i].second ? OCC_SENDER_MTLS : (occ_sender)0;
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), row[i].want);
    if (row[i].reason != NULL) {
      assert_string_equal(occ_txn_reason(txn), row[i].reason);
    }
    occ_txn_free(txn);
  }
}

/* What occ_evidence_is_bound() said of each kind, in parse and in judge. */
static int bound_in_parse[5], bound_in_judge[5];

static void look_at_bound(const occ_evidence *e, int bound[5])
{
  for (int kind = 0; kind < 5; kind++) {
    bound[kind] = occ_evidence_is_bound(e, (occ_sender)kind);
  }
}

static int asks_in_parse(occ_evidence *e, int step)
{
  (void)step;
  look_at_bound(e, bound_in_parse);
  return occ_evidence_set_key(e, OCC_SENDER_MTLS, THUMB);
}

static int asks_in_judge(occ_evidence *e, int step)
{
  (void)step;
  look_at_bound(e, bound_in_judge);
  return occ_evidence_accept(e, NULL, 0);
}

static void test_is_bound__is_of_the_request_that_was_challenged(void **state)
{
  static const struct {
    const char *why;
    int first, second; /* the sender key is shown */
    int want;
  } row[] = {
    { "shown twice", 1, 1, 1 },
    { "added by the follow-up", 0, 1, 0 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    play(NULL, asks_in_parse, asks_in_judge);
    x->thumbprint = THUMB;
    x->sender = row[i].first ? OCC_SENDER_MTLS : (occ_sender)0;
    x_challenge(x);
    x->sender = row[i].second ? OCC_SENDER_MTLS : (occ_sender)0;
    txn = x_follow_up(x, "ev=1");
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    for (int kind = 0; kind < 5; kind++) {
      const int want = kind == OCC_SENDER_MTLS ? row[i].want : 0;

      assert_int_equal(bound_in_parse[kind], want);
      assert_int_equal(bound_in_judge[kind], want);
    }
    occ_txn_free(txn);
  }
  assert_int_equal(occ_evidence_is_bound(NULL, OCC_SENDER_MTLS), 0);
}

/* What is shown and named in the last follow-up. */
typedef struct key_row {
  const char *why;
  int shown;
  step_fn parse;
  occ_outcome want;
  const char *reason;
  int is_stale; /* then it is looked at as if it had no session, and granted as such */
} key_row;

static void run_after(x_host *x, const key_row *row, step_fn judge)
{
  occ_txn *txn;

  print_message("  %s\n", row->why);
  play(NULL, names_thumb, judge);
  x->thumbprint = THUMB;
  x->sender = (occ_sender)0;
  x->challenge = "r";
  x_challenge(x);
  x->sender = OCC_SENDER_MTLS;
  x->challenge = "auth"; /* of what is accepted the policy wants more */
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_int_equal(x_handle(x, txn), 1);
  occ_txn_free(txn);

  play(NULL, row->parse, NULL);
  x->sender = row->shown ? OCC_SENDER_MTLS : (occ_sender)0;
  x->challenge = NULL;
  txn = x_follow_up(x, "ev=1");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), row->want);
  if (row->reason != NULL) {
    assert_string_equal(occ_txn_reason(txn), row->reason);
    assert_non_null(strstr(occ_txn_body(txn, NULL), "\"invalid_request\""));
    assert_int_equal(script.judges, 0);
  } else {
    assert_int_equal(script.judges, !row->is_stale);
    assert_int_equal(x_logged(txn, "reason", "session_of_another_sender"), row->is_stale);
    assert_int_equal(occ_txn_confirmation(txn) != NULL, row->shown);
  }
  occ_txn_free(txn);
}

/* S-15: the key that such evidence named has not come in. Nobody need show it again, and it needs evidence again. */
static void test_set_key__of_evidence_that_was_not_good(void **state)
{
  static const key_row row[] = {
    { "shown, not named any more", 1, NULL, OCC_REFUSE, "sender_key_added", 0 },
    { "shown, another one named", 1, names_another, OCC_REFUSE, "sender_key_added", 0 },
    { "shown, and named again", 1, names_thumb, OCC_GRANT, NULL, 0 },
    { "not shown any more", 0, NULL, OCC_GRANT, NULL, 0 },
  };

  for (size_t i = 0; i < X_ROWS(row); i++) {
    run_after(*state, &row[i], wants_newer);
  }
}

/* One that came in with good evidence has: it is shown in every round, and needs no evidence. */
static void test_set_key__of_evidence_that_was_good(void **state)
{
  static const key_row row[] = {
    { "shown, not named", 1, NULL, OCC_GRANT, NULL, 0 },
    { "not shown any more", 0, NULL, OCC_GRANT, NULL, 1 },
  };

  for (size_t i = 0; i < X_ROWS(row); i++) {
    run_after(*state, &row[i], accept_all);
  }
}

/* ---- FETCH ---- */

static struct {
  int asks, status;
  const char *headers, *body;
} fetched;

static int fetches_and_looks(occ_evidence *e, int step)
{
  const occ_question *about = occ_evidence_about(e);
  const void *data = NULL;
  size_t len = 9;

  if (step == 0) {
    assert_int_equal(about->index, 0);
    assert_null(about->headers);
  } else {
    assert_int_equal(occ_evidence_answer(e, &data, &len), fetched.status == 0 ? OCC_NO : OCC_YES);
    assert_int_equal(about->index, fetched.status);
    assert_string_equal(about->headers, fetched.headers);
    assert_int_equal(len, strlen(fetched.body));
    assert_true(len == 0 || memcmp(data, fetched.body, len) == 0);
  }
  if (step == fetched.asks) {
    return OCC_OK;
  }
  occ_evidence_ask(e, OCC_ASK_FETCH)->url = "https://i.example/keys";
  return OCC_PENDING;
}

/* A status and headers decide what a document is worth, and how long it may be kept. */
static void test_fetch__shows_status_and_headers(void **state)
{
  static const struct {
    const char *why, *headers, *body;
    int status;
  } row[] = {
    { "found", "Content-Type: application/json\r\nCache-Control: max-age=60\r\n", "{}", 200 },
    { "found, without headers", "", "{}", 200 },
    { "not found is an answer, too", "Content-Type: text/html\r\n", "<html>", 404 },
    { "highest status", "A: b\r\n", "", 999 },
    { "nothing was to be had", "", "", 0 },
  };
  x_host *x = *state;
  occ_txn *txn;

  play(NULL, fetches_and_looks, NULL);
  fetched.asks = X_ROWS(row);
  x_challenge(x);
  txn = x_follow_up(x, "ev=1");
  x->stop = OCC_ASK_FETCH;
  for (size_t i = 0; i < X_ROWS(row);
       i++) { /* one after another, so that nothing stays of the last */
    assert_int_equal(x_run(x, txn), OCC_PENDING);
    assert_int_equal(script.parses, i + 1);
    print_message("  %s\n", row[i].why);
    fetched.status = row[i].status;
    fetched.headers = row[i].headers;
    fetched.body = row[i].body;
    assert_int_equal(occ_txn_answer_fetch(txn, occ_txn_question(txn)->ticket, row[i].status,
                                          row[i].headers, row[i].body, strlen(row[i].body)),
                     OCC_OK);
  }
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(script.parses, X_ROWS(row) + 1);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

/* ---- The ledger ---- */

static const uint8_t mandate[32] = { 5, 1, 2, 3 };

static int reserves_and_asks(occ_evidence *e, int step)
{
  if (step == 0) {
    occ_question *q = occ_evidence_ask(e, OCC_ASK_RESERVE);

    q->key = mandate;
    q->expires = X_T0 + 1000;
    assert_null(occ_evidence_ask(e, OCC_ASK_STATUS)); /* one at a time */
    return OCC_PENDING;
  }
  return occ_evidence_accept(e, NULL, 0);
}

static int reserves_well(occ_evidence *e, int step)
{
  if (step == 0) {
    occ_question *q = occ_evidence_ask(e, OCC_ASK_RESERVE);

    q->key = mandate;
    q->expires = X_T0 + 1000;
    return OCC_PENDING;
  }
  return occ_evidence_answer(e, NULL, NULL) == OCC_YES ? occ_evidence_accept(e, NULL, 0)
                                                       : occ_evidence_reject(e, "no_room");
}

static occ_txn *reserved(x_host *x)
{
  play(NULL, NULL, reserves_well);
  x->challenge = "auth";
  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = THUMB;
  x->verdict[OCC_ASK_RESERVE] = OCC_YES;
  x_challenge(x);
  return x_follow_up(x, "ev=1");
}

static void test_reserve__is_committed_or_given_back(void **state)
{
  static const struct {
    const char *why;
    int issue;
    occ_verdict answer;
    int want;
  } row[] = {
    { "committed", 1, OCC_YES, OCC_OK },
    { "commit refused", 1, OCC_NO, OCC_ERR_ANSWER },
    { "commit not possible now", 1, OCC_RETRY, OCC_ERR_ANSWER },
    { "given back", 0, OCC_YES, OCC_OK },
    { "not given back: it lapses", 0, OCC_NO, OCC_OK },
    { "not given back now: it lapses", 0, OCC_RETRY, OCC_OK },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    const occ_ask kind = row[i].issue ? OCC_ASK_COMMIT : OCC_ASK_RELEASE;
    occ_txn *txn = reserved(x);

    print_message("  %s\n", row[i].why);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK); /* the host has not said yet */
    assert_int_equal(occ_txn_settle(txn, row[i].issue), OCC_OK);
    assert_int_equal(occ_txn_run(txn, X_T0 + 60000), OCC_PENDING); /* a deadline of its own */
    assert_int_equal(occ_txn_outcome(txn), OCC_UNDECIDED);
    assert_int_equal(occ_txn_http_status(txn), 500);
    assert_int_equal(occ_txn_question(txn)->kind, kind);
    assert_int_equal(occ_txn_question(txn)->keys, 1);
    assert_memory_equal(occ_txn_question(txn)->key, mandate, 32);
    assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, row[i].answer, NULL, 0),
                     OCC_OK);
    assert_int_equal(occ_txn_run(txn, X_T0 + 60000), row[i].want);
    assert_int_equal(occ_txn_outcome(txn), row[i].want == OCC_OK ? OCC_GRANT : OCC_FAILED);
    assert_int_equal(occ_txn_settle(txn, row[i].issue), OCC_ERR_STATE);
    occ_txn_free(txn);
  }
}

static void test_reserve__ends_without_a_grant(void **state)
{
  x_host *x = *state;
  occ_txn *txn = reserved(x);

  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_NO, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_RELEASE);
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  occ_txn_free(txn);

  x->stop = OCC_ASK_NONE;
  txn = reserved(x); /* the ledger has no room: the type says no */
  x->verdict[OCC_ASK_RESERVE] = OCC_NO;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_int_equal(x_logged(txn, "detail", "no_room"), 1);
  occ_txn_free(txn);

  txn = reserved(x);
  script.judge = reserves_and_asks;
  x_is_failure(txn, x_run(x, txn), OCC_ERR_STATE, NULL);
  occ_txn_free(txn);
}

/* ---- NULL, and a handle that is kept too long ---- */

static void test_evidence__refuses_null(void **state)
{
  const void *data = &data;
  size_t len = 9;

  (void)state;
  assert_null(occ_evidence_param(NULL, "ev", &len));
  assert_int_equal(len, 0);
  assert_null(occ_evidence_about(NULL));
  assert_null(occ_evidence_txn(NULL));
  assert_null(occ_evidence_keep(NULL, 1));
  assert_int_equal(occ_evidence_set_nonce(NULL, "n", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_set_once(NULL, "i", "id", 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_set_key(NULL, OCC_SENDER_DPOP, THUMB), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_put(NULL, "m", "1"), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_accept(NULL, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_reject(NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_retry(NULL, NULL), OCC_ERR_ARGUMENT);
  assert_null(occ_evidence_ask(NULL, OCC_ASK_KEYS));
  assert_int_equal(occ_evidence_answer(NULL, &data, &len), OCC_NO);
  assert_null(data);
  assert_int_equal(len, 0);
}

static void test_evidence__outside_of_its_calls(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  play(NULL, NULL, says_nothing);
  x_challenge(x);
  txn = x_follow_up(x, "ev=1");
  x->stop = OCC_ASK_ONCE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_non_null(script.seen);
  assert_int_equal(occ_evidence_accept(script.seen, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_set_once(script.seen, "i", "id", 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_evidence_put(script.seen, "m", "1"), OCC_ERR_ARGUMENT);
  assert_null(occ_evidence_keep(script.seen, 1));
  assert_null(occ_evidence_ask(script.seen, OCC_ASK_STATUS));
  x->stop = OCC_ASK_NONE;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE); /* it said nothing when it was asked */
  occ_txn_free(txn);
}

/* ---- One that looks at nothing ---- */

static int blind_writes;

static int writes_blindly(occ_evidence *evidence, void *self)
{
  (void)self;
  blind_writes++;
  return occ_evidence_put(evidence, "m", "1");
}

static const occ_type blind = {
  .size = sizeof(blind), .name = "blind", .params = params, .write = writes_blindly
};

/* It writes the same each time, so it is asked once, whatever the params; and what it writes goes over them. */
static void test_write__without_a_look(void **state)
{
  x_host x;
  occ_txn *txn;
  (void)state;

  blind_writes = 0;
  x_open(&x, "{" X_BASE "\"requirements\":{\"r\":{\"type\":\"blind\",\"class\":\"provenance\"}}}",
         &blind, NULL);
  assert_int_equal(blind_writes, 1);
  x.challenge = "r";
  x_challenge(&x);
  x_challenge(&x);
  x.verdict[OCC_ASK_VERIFY] = OCC_YES;
  txn = x_follow_up(&x, "ev=1");
  assert_int_equal(x_run(&x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  assert_int_equal(blind_writes, 1);
  x.params = "{\"m\":2,\"n\":2}";
  txn = x_txn(&x, X_BODY);
  assert_int_equal(x_run(&x, txn), OCC_OK);
  assert_int_equal(blind_writes, 1);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"m\":1,\"n\":2,\"type\":\"blind\"}"));
  occ_txn_free(txn);
  x_close(&x);
}

/* ---- A type without functions ---- */

static const occ_type bare = { .size = sizeof(bare), .name = "bare", .params = params };

static void test_type__without_functions_asks_the_host(void **state)
{
  static const struct {
    const char *why;
    occ_verdict verdict;
    occ_outcome want;
  } row[] = {
    { "yes", OCC_YES, OCC_GRANT },
    { "no", OCC_NO, OCC_REFUSE },
    { "retry", OCC_RETRY, OCC_CHALLENGE },
  };
  x_host x;
  (void)state;

  x_open(&x, "{" X_BASE "\"requirements\":{\"r\":{\"type\":\"bare\",\"class\":\"provenance\"}}}",
         &bare, NULL);
  x.challenge = "r";
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    x.verdict[OCC_ASK_VERIFY] = row[i].verdict;
    x_challenge(&x);
    txn = x_follow_up(&x, "ev=1");
    assert_int_equal(x_run(&x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), row[i].want);
    occ_txn_free(txn);
  }
  assert_int_equal(x.asked[OCC_ASK_VERIFY], 3);
  x_close(&x);
}

/* ---- Memory ---- */

static int parses_much(occ_evidence *e, int step)
{
  static const char text[9000] = { 'n' };
  const char *nonce = occ_evidence_about(e)->nonce;
  int rc;

  (void)step;
  if (occ_evidence_keep(e, 20000) == NULL) {
    return OCC_OK; /* it does not look */
  }
  (void)occ_evidence_set_nonce(e, text, sizeof(text));
  rc = occ_evidence_set_nonce(e, nonce, strlen(nonce));
  (void)occ_evidence_set_once(e, "i", "id", 0);
  return rc == OCC_ERR_MEMORY ? OCC_OK : rc;
}

static int judges_much(occ_evidence *e, int step)
{
  static char facts[30000];

  (void)step;
  memset(facts, ' ', sizeof(facts));
  facts[0] = '{';
  facts[sizeof(facts) - 1] = '}';
  (void)occ_evidence_accept(e, facts, sizeof(facts));
  return OCC_OK;
}

static int writes_much(occ_evidence *e)
{
  (void)occ_evidence_put(e, "m", "\"x\"");
  return OCC_OK;
}

/* A type that never looks at what its calls return, with each allocation failing. */
static void test_type__survives_every_failed_allocation(void **state)
{
  (void)state;
  for (int keep = 0; keep <= 1; keep++) {
    bool failed = true;
    size_t n = 0;

    for (; failed && n < 1000; n++) {
      x_host x;
      occ_txn *txn;
      int rc = OCC_ERR_MEMORY;

      x_open(&x, CONFIG, &scripted, &script);
      x.challenge = "r";
      play(writes_much, parses_much, judges_much);
      x_challenge(&x);
      x.fm.count = 0;
      x.fm.until = n;
      x.fm.keep = keep != 0;
      txn = x_follow_up(&x, "ev=1");
      if (txn != NULL) {
        rc = x_run(&x, txn);
      }
      failed = x.fm.failed;
      if (!failed) {
        assert_int_equal(rc, OCC_OK);
        assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
      } else if (txn != NULL && rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
        x.fm.until = SIZE_MAX;
        x.fm.keep = false;
        x_is_failure(txn, OCC_ERR_MEMORY, OCC_ERR_MEMORY, NULL);
      }
      occ_txn_free(txn);
      x_close(&x);
    }
    assert_false(failed);
    assert_true(n > 6);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* jansson's own copies leave out what they have no memory for, and say nothing. */
static size_t json_left;

static void *json_alloc(size_t size)
{
  return json_left-- == 0 ? NULL : malloc(size);
}

static void test_write__loses_no_member_for_lack_of_memory(void **state)
{
  x_host *x = *state;
  json_malloc_t before_malloc;
  json_free_t before_free;
  size_t n, failed = 0;
  int whole = 0;

  json_get_alloc_funcs(&before_malloc, &before_free);
  play(writes_much, NULL, NULL);
  for (n = 0; n < 1000 && !whole; n++) {
    occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);
    int rc;

    assert_int_equal(occ_txn_answer_challenge(txn, occ_txn_question(txn)->ticket, "r", NULL),
                     OCC_OK);
    json_left = n;
    json_set_alloc_funcs(json_alloc, free);
    rc = occ_txn_run(txn, X_T0);
    json_set_alloc_funcs(before_malloc, before_free);
    if (rc ==
        OCC_OK) { /* a challenge, and then with all that its template has and its type writes */
      assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
      assert_non_null(strstr(occ_txn_body(txn, NULL), "{\"a\":1,\"b\":1,\"c\":1,\"m\":\"x\","
                                                      "\"type\":\"https://t.example/e\"}"));
      whole = 1;
    } else {
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_int_equal(occ_txn_outcome(txn), OCC_FAILED);
      failed++;
    }
    occ_txn_free(txn);
  }
  assert_true(whole);
  assert_true(failed > 3); /* the object, and its member */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_parse__misbehaves),
    TEST(test_parse__malformed_costs_nothing),
    TEST(test_judge__misbehaves),
    TEST(test_judge__no),
    TEST(test_judge__retry),
    TEST(test_write__misbehaves),
    TEST(test_write__is_written_again_and_compared),
    TEST(test_write__order_of_members),
    TEST(test_write__loses_no_member_for_lack_of_memory),
    TEST(test_type__behaves),
    TEST(test_param__only_carriers_of_the_type),
    TEST(test_set_nonce__is_compared_before_once),
    TEST(test_set_key__ties_evidence_to_the_sender),
    TEST(test_is_bound__is_of_the_request_that_was_challenged),
    TEST(test_set_key__of_evidence_that_was_not_good),
    TEST(test_set_key__of_evidence_that_was_good),
    TEST(test_fetch__shows_status_and_headers),
    TEST(test_reserve__is_committed_or_given_back),
    TEST(test_reserve__ends_without_a_grant),
    TEST(test_evidence__refuses_null),
    TEST(test_evidence__outside_of_its_calls),
    cmocka_unit_test(test_write__without_a_look),
    cmocka_unit_test(test_type__without_functions_asks_the_host),
    cmocka_unit_test(test_type__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("core/evidence", tests, NULL, NULL);
}
