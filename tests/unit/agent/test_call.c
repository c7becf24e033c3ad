/* SPDX-License-Identifier: MIT */

/* A call as its host sees it: parameters, questions, tickets, budgets, hostile servers. What the built-in solvers write
 * is looked at in test_solve.c. */

#include "agent_host.h"

#include <stdlib.h>

#define BASE "grant_type=client_credentials&scope=a+b&client_id=agent-7"

static const reply token = { 200, "", TOKEN };
static const reply unmet = { 403, "", CHALLENGE_OF("https://x.example/ev", "s-1", "") };

static void open_plain(host *h, const char *more)
{
  host_open(h, NULL, more);
  host_call(h);
}

static void test_occ_call_run__token_at_once(void **state)
{
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  assert_null(occ_call_result(h.call));
  assert_int_equal(host_run(&h, NOW, &token, 1), OCC_OK);
  assert_string_equal(h.body[0], BASE);
  assert_string_equal(h.proof[0], "");
  assert_null(occ_challenge_error(occ_call_result(h.call)));
  assert_string_equal(occ_challenge_body(occ_call_result(h.call), NULL), TOKEN);
  assert_int_equal(occ_call_run(h.call, NOW + 1), OCC_OK); /* and stays so */
  assert_int_equal(h.sends, 1);
  host_close(&h);
}

static void test_occ_call_run__client_id_of_the_host_is_not_doubled(void **state)
{
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  assert_int_equal(occ_call_new(&h.call, h.agent), OCC_OK);
  host_param(&h, "client_id", "mine");
  host_param(&h, "resource", "https://a.example");
  host_param(&h, "resource", "https://b.example");
  host_param(&h, "empty", "");
  assert_int_equal(host_run(&h, NOW, &token, 1), OCC_OK);
  assert_string_equal(
      h.body[0],
      "client_id=mine&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example");
  host_close(&h);
}

/* The client's requirements of the draft, each as a script of two responses and what must come of it. */
static void test_occ_call_run__client_requirements(void **state)
{
  static const struct {
    const char *why;
    reply first;
    const char *solution;  /* NULL: the host cannot */
    const char *follow_up; /* after the first request's parameters; NULL: nothing is sent */
    const char *error;     /* of the result; NULL: the token */
  } row[] = {
    { "C-01 members nobody knows",
      { 403, "",
        "{\"a\":{\"b\":[1]},\"error\":\"insufficient_client_"
        "authorization\",\"authorization_requirement\":{"
        "\"x\":null,\"type\":\"t\"},\"challenge_session\":"
        "\"s\",\"zz\":true}" },
      "{\"ev\":\"1\"}",
      "&challenge_session=s&ev=1",
      NULL },
    { "C-02 a type that nobody understands",
      { 403, "", CHALLENGE_OF("urn:x", "s", "") },
      NULL,
      NULL,
      "unauthorized_client" },
    { "C-03 the very session, every octet of it",
      { 403, "", CHALLENGE_OF("t", "a!~%+&=\\\\\\\"_.z", "") },
      "{\"ev\":\"x y&z\"}",
      "&challenge_session=a%21%7E%25%2B%26%3D%5C%22_.z&ev=x+y%26z",
      NULL },
    { "C-04 expired on arrival",
      { 403, "",
        "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":{"
        "\"type\":\"t\"},\"challenge_session\":\"s\",\"expires_in\":0}" },
      "{\"ev\":\"1\"}",
      NULL,
      "unauthorized_client" },
    { "C-04 without an expiry there is none",
      { 403, "",
        "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":{"
        "\"type\":\"t\"},\"challenge_session\":\"s\"}" },
      "{\"ev\":\"1\"}",
      "&challenge_session=s&ev=1",
      NULL },
    { "O-01 the session inside",
      { 403, "",
        "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":{"
        "\"type\":\"t\",\"challenge_session\":\"in\"}}" },
      "{\"ev\":\"1\"}",
      "&challenge_session=in&ev=1",
      NULL },
    { "O-02 the other name",
      { 403, "",
        "{\"error\":\"insufficient_authorization\",\"authorization_requirement\":{"
        "\"type\":\"t\"},\"challenge_session\":\"s\"}" },
      "{\"ev\":\"1\"}",
      "&challenge_session=s&ev=1",
      NULL },
    { "O-03 status 400",
      { 400, "", CHALLENGE_OF("t", "s", "") },
      "{\"ev\":\"1\"}",
      "&challenge_session=s&ev=1",
      NULL },
    { "O-03 status 429",
      { 429, "", CHALLENGE_OF("t", "s", "") },
      "{\"ev\":\"1\"}",
      "&challenge_session=s&ev=1",
      NULL },
    { "O-03 status 500 is not answered",
      { 500, "", CHALLENGE_OF("t", "s", "") },
      "{\"ev\":\"1\"}",
      NULL,
      "insufficient_client_authorization" },
    { "the audience that is suggested is ours",
      { 403, "", CHALLENGE_OF("t", "s", ",\"client_id\":\"" ISSUER "\"") },
      "{\"ev\":\"1\"}",
      "&challenge_session=s&ev=1",
      NULL },
    { "another server's challenge, passed on",
      { 403, "", CHALLENGE_OF("t", "s", ",\"client_id\":\"https://other.example\"") },
      "{\"ev\":\"1\"}",
      NULL,
      "unauthorized_client" },
    { "an audience with a slash more",
      { 403, "", CHALLENGE_OF("t", "s", ",\"client_id\":\"" ISSUER "/\"") },
      "{\"ev\":\"1\"}",
      NULL,
      "unauthorized_client" },
    { "an audience that is no text",
      { 403, "", CHALLENGE_OF("t", "s", ",\"client_id\":7") },
      "{\"ev\":\"1\"}",
      NULL,
      "unauthorized_client" },
    { "jwt_assertion without a key is the host's",
      { 403, "", CHALLENGE_OF("jwt_assertion", "s", "") },
      "{\"claim_token\":\"x\"}",
      "&challenge_session=s&claim_token=x",
      NULL },
    { "dpop_proof without a key is the host's",
      { 403, "", CHALLENGE_OF("dpop_proof", "s", "") },
      NULL,
      NULL,
      "unauthorized_client" },
    { "another error ends it",
      { 400, "", "{\"error\":\"invalid_grant\"}" },
      "{\"ev\":\"1\"}",
      NULL,
      "invalid_grant" },
    { "use_dpop_nonce without a key ends it",
      { 400, "DPoP-Nonce: n\r\n", "{\"error\":\"use_dpop_nonce\"}" },
      "{\"ev\":\"1\"}",
      NULL,
      "use_dpop_nonce" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    for (int late = 0; late <= 1; late++) {
      reply replies[2] = { row[i].first, token };
      char want[512];
      host h;
      print_message("  %s\n", row[i].why);
      open_plain(&h, OPTIONS(""));
      h.late = late;
      h.solution[0] = row[i].solution;
      assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
      assert_int_equal(h.sends, row[i].follow_up == NULL ? 1 : 2);
      if (row[i].follow_up != NULL) {
        snprintf(want, sizeof(want), "%s%s", BASE, row[i].follow_up);
        assert_string_equal(h.body[1], want);
        assert_int_equal(h.discloses, 1);
      }
      assert_string_equal(host_error(&h), row[i].error == NULL ? "" : row[i].error);
      host_close(&h);
    }
  }
}

static void test_occ_call_run__c05_capability_name(void **state)
{
  (void)state;
  /* C-05: what the client's metadata must say is the host's to publish; the name is the table's. */
  assert_string_equal(occ__names_kahrer_00.capability,
                      "insufficient_client_authorization_supported");
}

static void test_occ_call_result__c02_has_the_raw_object(void **state)
{
  host h;
  const occ_challenge *result;
  size_t len = 0;
  (void)state;

  open_plain(&h, OPTIONS(""));
  assert_int_equal(host_run(&h, NOW, &unmet, 1), OCC_OK);
  result = occ_call_result(h.call);
  assert_string_equal(occ_challenge_error(result), "unauthorized_client");
  assert_null(occ_challenge_type(result));
  assert_null(occ_challenge_session(result)); /* nobody is to answer it any more */
  assert_string_equal(occ_challenge_requirement(result), "{\"type\":\"https://x.example/ev\"}");
  assert_string_equal(occ_challenge_body(result, &len), unmet.body);
  assert_int_equal(len, strlen(unmet.body));
  assert_int_equal(h.solves, 1);
  assert_int_equal(h.discloses, 0);
  host_close(&h);
}

static void test_occ_call_question__solve_and_disclose(void **state)
{
  const reply replies[2] = { { 403, "", CHALLENGE_OF("t", "sess", ",\"n\":1.50") }, token };
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  h.solution[0] = "{ \"ev\" : \"a\\u0062\", \"more\":\"\\n\" }";
  assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
  assert_string_equal(h.wanted, "{\"type\":\"t\",\"n\":1.50}");
  assert_string_equal(h.nonce, "sess");
  assert_string_equal(h.disclosed[0], "{\"ev\":\"ab\",\"more\":\"\\n\"}");
  assert_string_equal(h.body[1], BASE "&challenge_session=sess&ev=ab&more=%0A");
  host_close(&h);
}

static void test_occ_call_run__disclose_no_sends_nothing(void **state)
{
  static const occ_verdict no[] = { OCC_NO, OCC_RETRY };
  (void)state;

  for (size_t i = 0; i < 2; i++) {
    host h;
    open_plain(&h, OPTIONS(""));
    h.solution[0] = "{\"ev\":\"1\"}";
    h.disclose = no[i];
    assert_int_equal(host_run(&h, NOW, &unmet, 1), OCC_OK);
    assert_int_equal(h.discloses, 1);
    assert_int_equal(h.sends, 1);
    assert_string_equal(host_error(&h), "unauthorized_client");
    host_close(&h);
  }
}

/* expires_in is 120; every run takes `step`. Runs: send (0), challenge read and SOLVE (1), DISCLOSE (2), SEND (3). */
static void test_occ_call_run__c04_expiry(void **state)
{
  static const struct {
    const char *why;
    occ_time step;
    size_t sends, discloses, solves;
  } row[] = {
    { "C-04 one millisecond before the end", 59999, 2, 1, 1 },
    { "C-04 at the end it is over: when sending", 60000, 1, 1, 1 },
    { "C-04 one step after", 60001, 1, 1, 1 },
    { "C-04 over before disclosure", 120000, 1, 0, 1 },
    { "C-04 one millisecond before disclosure", 119999, 1, 1, 1 },
    { "C-04 long over", 100000000, 1, 0, 1 },
  };
  const reply replies[2] = { unmet, token };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    host h;
    print_message("  %s\n", row[i].why);
    open_plain(&h, OPTIONS(""));
    h.solution[0] = "{\"ev\":\"1\"}";
    h.step = row[i].step;
    assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
    assert_int_equal(h.sends, row[i].sends);
    assert_int_equal(h.solves, row[i].solves);
    assert_int_equal(h.discloses, row[i].discloses);
    assert_string_equal(host_error(&h), row[i].sends == 2 ? "" : "unauthorized_client");
    host_close(&h);
  }
}

/* Answers one question by hand. */
static const occ_question *ask(host *h, occ_time now, occ_ask kind)
{
  const occ_question *q;

  assert_int_equal(occ_call_run(h->call, now), OCC_PENDING);
  q = occ_call_question(h->call);
  assert_non_null(q);
  assert_int_equal(q->kind, kind);
  return q;
}

static void test_occ_call_run__c04_a_clock_set_back_gives_no_time(void **state)
{
  const occ_question *q;
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  q = ask(&h, NOW, OCC_ASK_SEND);
  assert_int_equal(q->expires, 0);
  assert_int_equal(
      occ_call_answer_send(h.call, q->ticket, 403, NULL, unmet.body, strlen(unmet.body)), OCC_OK);
  q = ask(&h, NOW + 1000, OCC_ASK_SOLVE);
  assert_int_equal(q->expires, NOW + 121000); /* counted from the run in which it arrived */
  assert_int_equal(q->deadline, q->expires);
  assert_int_equal(q->now, NOW + 1000);
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, "{\"e\":\"1\"}", 9), OCC_OK);
  q = ask(&h, NOW + 120999, OCC_ASK_DISCLOSE);
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, NULL, 0), OCC_OK);
  q = ask(&h, NOW - 5000, OCC_ASK_SEND); /* back, and still before the end */
  assert_int_equal(q->now, NOW + 120999);
  assert_int_equal(occ_call_answer_send(h.call, q->ticket, 400, "DPoP-Nonce: x",
                                        "{\"error\":\"invalid_grant\"}", 25),
                   OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW + 500000), OCC_OK); /* a late reply is still read */
  assert_string_equal(host_error(&h), "invalid_grant");
  host_close(&h);
}

static void test_occ_call_answer__tickets(void **state)
{
  const occ_question *q;
  occ_ticket ticket, old;
  host h, other;
  (void)state;

  open_plain(&h, OPTIONS(""));
  open_plain(&other, OPTIONS(""));
  assert_null(occ_call_question(h.call));
  assert_int_equal(occ_call_answer(h.call, 0, OCC_YES, NULL, 0), OCC_ERR_STALE);
  assert_int_equal(occ_call_answer_send(h.call, 1, 200, "", TOKEN, strlen(TOKEN)), OCC_ERR_STALE);
  q = ask(&h, NOW, OCC_ASK_SEND);
  old = ticket = q->ticket;
  assert_true(ticket > 0 && ticket < (UINT64_C(1) << 53));
  assert_ptr_equal(ask(&h, NOW + 5, OCC_ASK_SEND), q); /* open: running again changes nothing */
  assert_int_equal(q->ticket, ticket);
  assert_int_equal(q->now, NOW);

  assert_int_equal(occ_call_answer_send(h.call, ticket + 1, 200, "", TOKEN, strlen(TOKEN)),
                   OCC_ERR_STALE);
  assert_int_equal(occ_call_answer(h.call, ticket + 1, OCC_NO, NULL, 0), OCC_ERR_STALE);
  assert_int_equal(occ_call_answer(h.call, ticket, OCC_YES, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer(h.call, ticket, OCC_NO, NULL, 3), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer(h.call, ticket, (occ_verdict)3, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer_send(h.call, ticket, 99, "", TOKEN, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer_send(h.call, ticket, 200, "", NULL, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer_send(h.call, ticket, -1, "", TOKEN, 1), OCC_ERR_ARGUMENT);
  assert_ptr_equal(occ_call_question(h.call), q); /* none of them had an effect */

  assert_int_equal(occ_call_answer_send(h.call, ticket, 403, "", unmet.body, strlen(unmet.body)),
                   OCC_OK);
  assert_null(occ_call_question(h.call));
  assert_null(occ_call_header_name(h.call, 0));
  assert_null(occ_call_header_value(h.call, 0));
  assert_int_equal(occ_call_answer_send(h.call, ticket, 200, "", TOKEN, strlen(TOKEN)),
                   OCC_ERR_STALE); /* the first answer counts */
  q = ask(&h, NOW, OCC_ASK_SOLVE);
  assert_int_equal(occ_call_answer(h.call, old, OCC_YES, "{\"e\":\"1\"}", 9), OCC_ERR_STALE);
  assert_int_equal(occ_call_answer_send(h.call, q->ticket, 200, "", TOKEN, strlen(TOKEN)),
                   OCC_ERR_ARGUMENT);           /* another kind of answer */
  assert_null(occ_call_header_name(h.call, 0)); /* headers are SEND's */
  assert_int_equal(occ_call_answer(other.call, q->ticket, OCC_YES, "{\"e\":\"1\"}", 9),
                   OCC_ERR_STALE);
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_NO, NULL, 0), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_OK);
  assert_string_equal(host_error(&h), "unauthorized_client");
  host_close(&other);
  host_close(&h);
}

static void test_occ_call_answer__copies(void **state)
{
  char body[] = CHALLENGE_OF("t", "sess", ""), data[] = "{\"ev\":\"1\"}", headers[] = "A: b\r\n";
  const occ_question *q;
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  q = ask(&h, NOW, OCC_ASK_SEND);
  assert_int_equal(occ_call_answer_send(h.call, q->ticket, 403, headers, body, strlen(body)),
                   OCC_OK);
  memset(body, 'x', sizeof(body) - 1);
  memset(headers, 'x', sizeof(headers) - 1);
  q = ask(&h, NOW, OCC_ASK_SOLVE);
  assert_string_equal(q->nonce, "sess");
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, data, strlen(data)), OCC_OK);
  memset(data, 'x', sizeof(data) - 1);
  q = ask(&h, NOW, OCC_ASK_DISCLOSE);
  assert_string_equal(q->data, "{\"ev\":\"1\"}");
  host_close(&h); /* with a question open */
}

/* What the host gives as evidence and cannot be used: its fault, told and sticky, and nothing is sent. */
static void test_occ_call_run__bad_solutions(void **state)
{
  static const struct {
    const char *why, *data;
  } row[] = {
    { "empty", "" },
    { "no JSON", "ev=1" },
    { "an array", "[\"ev\"]" },
    { "no member", "{}" },
    { "a number", "{\"ev\":1}" },
    { "null", "{\"ev\":null}" },
    { "an object", "{\"ev\":{}}" },
    { "an empty value", "{\"ev\":\"\"}" },
    { "an empty name", "{\"\":\"1\"}" },
    { "a name with a space", "{\"e v\":\"1\"}" },
    { "a name not ASCII", "{\"\xc3\xa9\":\"1\"}" },
    { "a name twice", "{\"ev\":\"1\",\"ev\":\"2\"}" },
    { "C-03 the session changed", "{\"challenge_session\":\"x\"}" },
    { "C-03 the first request changed", "{\"ev\":\"1\",\"scope\":\"admin\"}" },
    { "C-03 another client", "{\"client_id\":\"x\"}" },
    { "nine parameters", "{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\",\"e\":\"1\",\"f\":\"1\","
                         "\"g\":\"1\",\"h\":\"1\",\"i\":\"1\"}" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    host h;
    print_message("  %s\n", row[i].why);
    open_plain(&h, OPTIONS(""));
    h.solution[0] = row[i].data;
    assert_int_equal(host_run(&h, NOW, &unmet, 1), OCC_ERR_ANSWER);
    assert_int_equal(h.sends, 1);
    assert_int_equal(h.discloses, 0);
    assert_null(occ_call_result(h.call));
    assert_null(occ_call_question(h.call));
    assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_ANSWER); /* sticky */
    host_close(&h);
  }
}

static void test_occ_call_run__eight_parameters_are_enough_and_allowed(void **state)
{
  const reply replies[2] = { unmet, token };
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  h.solution[0] = "{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\",\"e\":\"1\",\"f\":\"1\",\"g\":"
                  "\"1\",\"h\":\"1\"}";
  assert_int_equal(host_run(&h, NOW, replies, 2), OCC_OK);
  assert_string_equal(host_error(&h), "");
  host_close(&h);
}

static void test_occ_call_answer__limits(void **state)
{
  const occ_question *q;
  char *data = malloc(OCC__MAX_ANSWER + 1);
  (void)state;

  assert_non_null(data);
  for (size_t more = 0; more < 3; more++) { /* -1, 0, +1 */
    size_t len = OCC__MAX_ANSWER - 1 + more;
    host h;
    open_plain(&h, OPTIONS(""));
    q = ask(&h, NOW, OCC_ASK_SEND);
    assert_int_equal(
        occ_call_answer_send(h.call, q->ticket, 403, "", unmet.body, strlen(unmet.body)), OCC_OK);
    q = ask(&h, NOW, OCC_ASK_SOLVE);
    memset(data, ' ', len);
    memcpy(data, "{\"ev\":\"1\"}", 10);
    assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, data, len),
                     more == 2 ? OCC_ERR_LIMIT : OCC_OK);
    if (more == 2) {
      assert_ptr_equal(occ_call_question(h.call), q); /* it may be answered still */
    } else {
      (void)ask(&h, NOW, OCC_ASK_DISCLOSE);
    }
    host_close(&h);
  }
  free(data);
}

static void test_occ_call_run__hostile_responses(void **state)
{
  char *huge = malloc(OCC__MAX_BODY + 2), *deep = malloc(40001);
  const struct {
    const char *why;
    reply reply;
    int want;
  } row[] = {
    { "no answer came", { 0, NULL, NULL }, OCC_ERR_ANSWER },
    { "empty", { 200, "", "" }, OCC_ERR_SYNTAX },
    { "a page", { 502, "", "<html>" }, OCC_ERR_SYNTAX },
    { "an error without a name", { 400, "", "{}" }, OCC_ERR_SYNTAX },
    { "types are wrong everywhere",
      { 403, "",
        "{\"error\":[\"insufficient_client_authorization\"],\"authorization_requirement\":"
        "7,\"challenge_session\":{},\"expires_in\":\"x\"}" },
      OCC_ERR_SYNTAX },
    { "requirement no object",
      { 403, "",
        "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":["
        "],\"challenge_session\":\"s\"}" },
      OCC_ERR_SYNTAX },
    { "O-01 two sessions",
      { 403, "",
        "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":{"
        "\"type\":\"t\",\"challenge_session\":\"a\"},\"challenge_session\":\"b\"}" },
      OCC_ERR_SYNTAX },
    { "an audience with a zero octet",
      { 403, "", CHALLENGE_OF("t", "s", ",\"client_id\":\"" ISSUER "\\u0000\"") },
      OCC_ERR_SYNTAX },
    { "huge", { 200, "", huge }, OCC_ERR_LIMIT },
    { "deep", { 403, "", deep }, OCC_ERR_LIMIT },
  };
  (void)state;

  assert_non_null(huge);
  assert_non_null(deep);
  memset(huge, ' ', OCC__MAX_BODY + 1);
  huge[0] = '{';
  huge[OCC__MAX_BODY] = '}';
  huge[OCC__MAX_BODY + 1] = '\0';
  memset(deep, '[', 40000);
  deep[40000] = '\0';
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    host h;
    print_message("  %s\n", row[i].why);
    open_plain(&h, OPTIONS(""));
    assert_int_equal(host_run(&h, NOW, &row[i].reply, 1), row[i].want);
    assert_int_equal(occ_call_run(h.call, NOW), row[i].want);
    assert_null(occ_call_result(h.call));
    host_close(&h);
  }
  free(huge);
  free(deep);
}

static void test_occ_call_answer__no_to_send_is_no_answer(void **state)
{
  const occ_question *q;
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  q = ask(&h, NOW, OCC_ASK_SEND);
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_NO, NULL, 0), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_ANSWER);
  host_close(&h);
}

/* A server that never has enough. numbered: each challenge has a session of its own; varied: a requirement too. */
static void run_endless(host *h, const char *options, int numbered, int varied,
                        size_t same_evidence)
{
  static char bodies[MAX_SENT][512], solutions[MAX_SENT][64];
  reply replies[MAX_SENT];

  host_open(h, NULL, options);
  host_call(h);
  for (size_t i = 0; i < MAX_SENT; i++) {
    snprintf(bodies[i], sizeof(bodies[i]), CHALLENGE_OF("t", "s-%zu", ",\"n\":%zu"), varied ? i : 0,
             numbered ? i : 0);
    replies[i] = (reply){ 403, "", bodies[i] };
    snprintf(solutions[i], sizeof(solutions[i]), "{\"ev\":\"%zu\"}", i % same_evidence);
    h->solution[i] = solutions[i];
  }
  assert_int_equal(host_run(h, NOW, replies, MAX_SENT), OCC_OK);
  assert_string_equal(host_error(h), "unauthorized_client");
}

static void test_occ_call_run__budgets(void **state)
{
  static const struct {
    const char *why, *options;
    int numbered, varied;
    size_t same_evidence, sends, solves;
  } row[] = {
    { "4 rounds, the requirement changing", OPTIONS(""), 1, 1, 99, 5, 4 },
    { "3 answers to one requirement", OPTIONS(""), 1, 0, 99, 4, 3 },
    { "1 round", OPTIONS(",\"rounds\":1"), 1, 1, 99, 2, 1 },
    { "8 rounds", OPTIONS(",\"rounds\":8"), 1, 1, 99, 9, 8 },
    { "8 rounds, 3 answers", OPTIONS(",\"rounds\":8"), 1, 0, 99, 4, 3 },
    { "8 rounds, 8 answers", OPTIONS(",\"rounds\":8,\"answers\":8"), 1, 0, 99, 9, 8 },
    { "1 answer", OPTIONS(",\"answers\":1"), 1, 0, 99, 2, 1 },
    { "the same session again and again", OPTIONS(""), 0, 1, 99, 2, 1 },
    { "the same evidence is not sent twice", OPTIONS(""), 1, 0, 1, 2, 2 },
    { "nor one of an earlier round", OPTIONS(",\"rounds\":8"), 1, 1, 2, 3, 3 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    host h;
    print_message("  %s\n", row[i].why);
    run_endless(&h, row[i].options, row[i].numbered, row[i].varied, row[i].same_evidence);
    assert_int_equal(h.sends, row[i].sends);
    assert_int_equal(h.solves, row[i].solves);
    host_close(&h);
  }
}

static void test_occ_call_run__session_inside_does_not_make_a_requirement_new(void **state)
{
  static char bodies[5][512];
  reply replies[5];
  host h;
  (void)state;

  open_plain(&h, OPTIONS(",\"rounds\":8"));
  for (size_t i = 0; i < 5; i++) {
    snprintf(bodies[i], sizeof(bodies[i]),
             "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":{"
             "\"type\":\"t\",\"challenge_session\":\"in-%zu\"}}",
             i);
    replies[i] = (reply){ 403, "", bodies[i] };
  }
  h.solution[0] = "{\"ev\":\"1\"}";
  h.solution[1] = "{\"ev\":\"2\"}";
  h.solution[2] = "{\"ev\":\"3\"}";
  h.solution[3] = "{\"ev\":\"4\"}";
  assert_int_equal(host_run(&h, NOW, replies, 5), OCC_OK);
  assert_int_equal(h.sends, 4); /* O-01, three answers a requirement */
  host_close(&h);
}

static void test_occ_call_run__two_kinds_of_evidence_in_turn(void **state)
{
  const reply replies[3] = { { 403, "", CHALLENGE_OF("t", "s-1", "") },
                             { 403, "", CHALLENGE_OF("u", "s-2", "") },
                             token };
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  h.solution[0] = "{\"ev\":\"1\"}";
  h.solution[1] = "{\"fw\":\"2\"}";
  assert_int_equal(host_run(&h, NOW, replies, 3), OCC_OK);
  assert_string_equal(h.body[1], BASE "&challenge_session=s-1&ev=1");
  assert_string_equal(h.body[2], BASE "&challenge_session=s-2&fw=2"); /* nothing of the first */
  assert_string_equal(host_error(&h), "");
  host_close(&h);
}

static void test_occ_call_add_param__errors(void **state)
{
  static const struct {
    const char *why, *name, *value;
    int want;
  } row[] = {
    { "repeated", "scope", "x", OCC_ERR_ARGUMENT },
    { "C-03 the session is the call's own", "challenge_session", "x", OCC_ERR_ARGUMENT },
    { "no name", "", "x", OCC_ERR_ARGUMENT },
  };
  char *big = malloc(OCC__MAX_BODY + 1);
  host h;
  (void)state;

  assert_non_null(big);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    open_plain(&h, OPTIONS(""));
    assert_int_equal(occ_call_add_param(h.call, row[i].name, row[i].value, strlen(row[i].value)),
                     row[i].want);
    assert_int_equal(occ_call_add_param(h.call, "ok", "x", 1), OCC_OK);
    assert_int_equal(occ_call_run(h.call, NOW), row[i].want); /* it sticks until the run */
    assert_int_equal(occ_call_run(h.call, NOW), row[i].want);
    host_close(&h);
  }
  open_plain(&h, OPTIONS(""));
  memset(big, 'x', OCC__MAX_BODY);
  assert_int_equal(occ_call_add_param(h.call, "big", big, OCC__MAX_BODY), OCC_ERR_LIMIT);
  assert_int_equal(occ_call_add_param(NULL, "a", "x", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_add_param(h.call, NULL, "x", 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_add_param(h.call, "a", NULL, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_LIMIT);
  host_close(&h);

  open_plain(&h, OPTIONS(""));
  (void)ask(&h, NOW, OCC_ASK_SEND);
  assert_int_equal(occ_call_add_param(h.call, "late", "x", 1), OCC_ERR_STATE);
  host_close(&h);
  free(big);
}

/* Spaces are one octet and tildes three in the body, so that both limits can be met. */
static void test_occ_call_run__limit_of_the_body(void **state)
{
  static const char fixed[] = "&client_id=agent-7";
  char *big = malloc(OCC__MAX_BODY + 1);
  (void)state;

  assert_non_null(big);
  memset(big, 'x', OCC__MAX_BODY);
  memset(big, '~', 100);                    /* counted once by the form, three times by the body */
  for (size_t more = 0; more < 3; more++) { /* -1, 0, +1 */
    size_t len = OCC__MAX_BODY - 200 - (sizeof("v=") - 1) - (sizeof(fixed) - 1) - 1 + more;
    host h;
    host_open(&h, NULL, OPTIONS(""));
    assert_int_equal(occ_call_new(&h.call, h.agent), OCC_OK);
    assert_int_equal(occ_call_add_param(h.call, "v", big, len), OCC_OK);
    assert_int_equal(occ_call_run(h.call, NOW), more == 2 ? OCC_ERR_LIMIT : OCC_PENDING);
    host_close(&h);
  }
  free(big);
}

static void test_occ_call__arguments(void **state)
{
  occ_call *call = (occ_call *)(uintptr_t)1;
  host h;
  (void)state;

  open_plain(&h, OPTIONS(""));
  assert_int_equal(occ_call_new(NULL, h.agent), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_new(&call, NULL), OCC_ERR_ARGUMENT);
  assert_null(call);
  assert_int_equal(occ_call_run(NULL, NOW), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_run(h.call, -1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_run(h.call, OCC__AGENT_MAX_TIME + 1), OCC_ERR_ARGUMENT);
  assert_null(occ_call_question(NULL));
  assert_null(occ_call_result(NULL));
  assert_null(occ_call_header_name(NULL, 0));
  assert_null(occ_call_header_value(NULL, 0));
  assert_int_equal(occ_call_answer(NULL, 1, OCC_YES, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer_send(NULL, 1, 200, "", "", 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_run(h.call, OCC__AGENT_MAX_TIME),
                   OCC_PENDING); /* -1xx does not stick */
  assert_null(occ_call_header_name(h.call, 2));
  assert_null(occ_call_header_name(h.call, SIZE_MAX));
  host_close(&h);
  occ_call_free(NULL);
}

/* jansson's own allocations, failed in turn: only test binaries may do that. */
static size_t json_left = SIZE_MAX;
static int json_failed;

static void *json_take(size_t size)
{
  if (json_left == 0) {
    json_failed = 1;
    return NULL;
  }
  json_left -= json_left == SIZE_MAX ? 0 : 1;
  return malloc(size);
}

/* Two rounds with a SIGN, a SOLVE and a new nonce: all there is. */
static int whole_call(const occ_mem *mem)
{
  const reply replies[4] = { { 400, "DPoP-Nonce: n-1\r\n", "{\"error\":\"use_dpop_nonce\"}" },
                             { 403, "", CHALLENGE_OF("jwt_assertion", "s-1", "") },
                             { 403, "DPoP-Nonce: n-2\r\n", CHALLENGE_OF("t", "s-2", "") },
                             token };
  static const char options[] = OPTIONS("");
  host h;
  int rc;

  memset(&h, 0, sizeof(h));
  h.disclose = h.sign = OCC_YES;
  h.signer = OKP_PRIVATE;
  h.solution[0] = "{\"ev\":\"1\"}";
  rc = occ_lib_new(&h.lib, mem);
  rc = rc != OCC_OK ? rc : occ_agent_new(&h.agent, h.lib, options, strlen(options));
  rc = rc != OCC_OK ? rc : occ_agent_add_key(h.agent, "dpop", EC_PRIVATE, strlen(EC_PRIVATE));
  rc = rc != OCC_OK ? rc : occ_agent_add_key(h.agent, "assertion", OKP_PUBLIC, strlen(OKP_PUBLIC));
  rc = rc != OCC_OK ? rc : occ_call_new(&h.call, h.agent);
  rc = rc != OCC_OK ? rc : occ_call_add_param(h.call, "grant_type", "x", 1);
  if (rc == OCC_OK) {
    size_t left = json_left;
    rc = occ_call_run(h.call, NOW);
    while (rc == OCC_PENDING) {
      const occ_question *q = occ_call_question(h.call);
      if (q->kind == OCC_ASK_SIGN) { /* the signer's own jansson is not under test */
        left = json_left;
        json_left = SIZE_MAX;
      }
      rc = host_answer(&h, replies, 4);
      json_left = left != json_left && json_left == SIZE_MAX ? left : json_left;
      left = json_left;
      rc = rc != OCC_OK ? rc : occ_call_run(h.call, NOW);
    }
  }
  if (rc == OCC_OK) {
    assert_int_equal(h.sends, 4);
    assert_string_equal(host_error(&h), "");
  }
  host_close(&h);
  return rc;
}

static void test_occ_call_run__survives_every_failed_allocation(void **state)
{
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    int rc = OCC_ERR_MEMORY;
    size_t n = 0;
    for (; n < 2000 && rc != OCC_OK; n++) {
      fail_mem fm;
      fail_mem_init(&fm, n, keep != 0);
      rc = whole_call(&fm.mem);
      if (rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
      }
      assert_int_equal(fm.live, 0);
    }
    print_message("  %zu allocations\n", n);
    assert_int_equal(rc, OCC_OK);
  }
}

static void test_occ_call_run__survives_every_failed_allocation_of_jansson(void **state)
{
  int rc = OCC_ERR_MEMORY;
  size_t n = 0;
  (void)state;

  json_set_alloc_funcs(json_take, free);
  for (; n < 5000 && rc != OCC_OK; n++) {
    fail_mem fm;
    fail_mem_init(&fm, SIZE_MAX, false);
    json_left = n;
    json_failed = 0;
    rc = whole_call(&fm.mem);
    json_left = SIZE_MAX;
    assert_true(rc == OCC_OK || rc == OCC_ERR_MEMORY);
    assert_int_equal(rc != OCC_OK, json_failed);
    assert_int_equal(fm.live, 0);
  }
  json_set_alloc_funcs(malloc, free);
  print_message("  %zu allocations\n", n);
  assert_int_equal(rc, OCC_OK);
}

/* A question that stayed open because the answer could not be copied is answered later all the same. */
static void test_occ_call_answer__memory_leaves_the_question_open(void **state)
{
  const occ_question *q;
  fail_mem fm;
  host h;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  host_open(&h, &fm.mem, OPTIONS(""));
  host_call(&h);
  q = ask(&h, NOW, OCC_ASK_SEND);
  fm.until = fm.count;
  assert_int_equal(occ_call_answer_send(h.call, q->ticket, 403, "", unmet.body, strlen(unmet.body)),
                   OCC_ERR_MEMORY);
  assert_ptr_equal(occ_call_question(h.call), q);
  assert_int_equal(occ_call_answer_send(h.call, q->ticket, 403, "", unmet.body, strlen(unmet.body)),
                   OCC_OK);
  q = ask(&h, NOW, OCC_ASK_SOLVE);
  fm.until = fm.count;
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, "{\"e\":\"1\"}", 9), OCC_ERR_MEMORY);
  assert_ptr_equal(occ_call_question(h.call), q);
  assert_int_equal(occ_call_answer(h.call, q->ticket, OCC_YES, "{\"e\":\"1\"}", 9), OCC_OK);
  (void)ask(&h, NOW, OCC_ASK_DISCLOSE);
  host_close(&h);
  assert_int_equal(fm.live, 0);
}

/* An allocator that looks for secrets in what is given back. */
static size_t canaries;

static void *watch_take(size_t size, void *user_data)
{
  (void)user_data;
  return calloc(1, size);
}

static void watch_give(void *memory, size_t size, void *user_data)
{
  static const char canary[] = "canary";
  const char *at = memory;
  (void)user_data;

  for (size_t i = 0; i + sizeof(canary) - 1 <= size; i++) {
    canaries += memcmp(at + i, canary, sizeof(canary) - 1) == 0;
  }
  free(memory);
}

/* Session, nonce, evidence, parameters and token all bear the word. */
static void test_occ_call_free__leaves_no_secret_in_memory(void **state)
{
  static const occ_mem mem = { watch_take, watch_give, NULL };
  const reply replies[3] = { { 403, "DPoP-Nonce: canary-nonce\r\n",
                               CHALLENGE_OF("t", "canary-session", "") },
                             { 403, "", CHALLENGE_OF("dpop_proof", "canary-two", "") },
                             { 200, "", "{\"access_token\":\"canary-token\"}" } };
  (void)state;

  canaries = 0;
  for (size_t stop = 0; stop < 3; stop++) { /* ended by the token, in the middle, by a failure */
    host h;
    host_open(&h, &mem, OPTIONS(""));
    host_key(&h, "dpop", EC_PRIVATE);
    host_call(&h);
    host_param(&h, "client_secret", "canary-secret");
    h.solution[0] = stop == 2 ? "{\"ev\":7,\"x\":\"canary\"}" : "{\"ev\":\"canary-evidence\"}";
    if (stop == 1) {
      h.disclose = OCC_NO;
    }
    assert_int_equal(host_run(&h, NOW, replies, 3), stop == 2 ? OCC_ERR_ANSWER : OCC_OK);
    if (stop == 0) {
      assert_string_equal(occ_challenge_body(occ_call_result(h.call), NULL), replies[2].body);
    }
    host_close(&h);
  }
  assert_int_equal(canaries, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_occ_call_run__token_at_once),
    cmocka_unit_test(test_occ_call_run__client_id_of_the_host_is_not_doubled),
    cmocka_unit_test(test_occ_call_run__client_requirements),
    cmocka_unit_test(test_occ_call_run__c05_capability_name),
    cmocka_unit_test(test_occ_call_result__c02_has_the_raw_object),
    cmocka_unit_test(test_occ_call_question__solve_and_disclose),
    cmocka_unit_test(test_occ_call_run__disclose_no_sends_nothing),
    cmocka_unit_test(test_occ_call_run__c04_expiry),
    cmocka_unit_test(test_occ_call_run__c04_a_clock_set_back_gives_no_time),
    cmocka_unit_test(test_occ_call_answer__tickets),
    cmocka_unit_test(test_occ_call_answer__copies),
    cmocka_unit_test(test_occ_call_run__bad_solutions),
    cmocka_unit_test(test_occ_call_run__eight_parameters_are_enough_and_allowed),
    cmocka_unit_test(test_occ_call_answer__limits),
    cmocka_unit_test(test_occ_call_run__hostile_responses),
    cmocka_unit_test(test_occ_call_answer__no_to_send_is_no_answer),
    cmocka_unit_test(test_occ_call_run__budgets),
    cmocka_unit_test(test_occ_call_run__session_inside_does_not_make_a_requirement_new),
    cmocka_unit_test(test_occ_call_run__two_kinds_of_evidence_in_turn),
    cmocka_unit_test(test_occ_call_add_param__errors),
    cmocka_unit_test(test_occ_call_run__limit_of_the_body),
    cmocka_unit_test(test_occ_call__arguments),
    cmocka_unit_test(test_occ_call_run__survives_every_failed_allocation),
    cmocka_unit_test(test_occ_call_run__survives_every_failed_allocation_of_jansson),
    cmocka_unit_test(test_occ_call_answer__memory_leaves_the_question_open),
    cmocka_unit_test(test_occ_call_free__leaves_no_secret_in_memory),
  };

  return cmocka_run_group_tests_name("agent/call", tests, NULL, NULL);
}
