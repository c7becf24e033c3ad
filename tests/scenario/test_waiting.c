/* SPDX-License-Identifier: MIT */
/* What happens around an open question: freeing in every situation, answers that come too late, twice or for somebody
 * else, calls from inside an answerer, the deadline. Nothing of it may leak, be cancelled twice, or change an outcome. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "traffic.h"

#define NOW TRAFFIC_NOW
#define S   INT64_C(1000)

/* ---- An answerer that does what the test says, and remembers what it saw ---- */

typedef enum manner {
  KEEP = 0,
  ANSWER,       /* yes */
  SAY_NOTHING,  /* OCC_OK without an answer */
  BREAK,        /* an error */
  FREE_KEEP,    /* frees the txn, then keeps */
  FREE_ANSWER,  /* frees the txn, twice, then answers */
  FREE_BREAK,   /* frees the txn, then fails */
  RUN_ANSWER,   /* runs the txn, then answers */
  ANSWER_TWICE, /* answers, and once more */
  FETCH_FIRST   /* wants a document */
} manner;

typedef struct actor {
  manner manner;
  int shown, cancelled, released;
  occ_ask kind;
  occ_ticket ticket, cancelled_ticket;
  occ_ask cancelled_kind;
  int inner; /* what the call inside returned */
} actor;

static int yes(occ_txn *txn, const occ_question *q)
{
  return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
}

static int act(occ_txn *txn, const occ_question *q, void *user_data)
{
  actor *a = user_data;
  int rc;

  a->shown++;
  a->kind = q->kind;
  a->ticket = q->ticket;
  switch (a->manner) {
  case ANSWER:
    return yes(txn, q);
  case SAY_NOTHING:
    return OCC_OK;
  case BREAK:
    return OCC_ERR_INTERNAL;
  case FREE_KEEP:
    occ_txn_free(txn);
    return OCC_PENDING;
  case FREE_ANSWER:
    occ_txn_free(txn);
    occ_txn_free(txn);
    a->inner = occ_txn_question(txn) == q && occ_txn_outcome(txn) == OCC_UNDECIDED;
    return yes(txn, q);
  case FREE_BREAK:
    occ_txn_free(txn);
    return OCC_ERR_INTERNAL;
  case RUN_ANSWER:
    a->inner = occ_txn_run(txn, q->now + 3600 * S); /* its time must have no effect either */
    return yes(txn, q);
  case ANSWER_TWICE:
    rc = yes(txn, q);
    a->inner = occ_txn_answer(txn, a->ticket, OCC_NO, NULL, 0);
    return rc;
  case FETCH_FIRST:
    return occ_txn_answer_fetch_first(txn, q->ticket, "https://client.example/doc", 4096);
  case KEEP:
  default:
    return OCC_PENDING;
  }
}

static void cancel(occ_ask kind, occ_ticket ticket, void *user_data)
{
  actor *a = user_data;

  a->cancelled++;
  a->cancelled_kind = kind;
  a->cancelled_ticket = ticket;
}

static void release(void *user_data)
{
  actor *a = user_data;

  a->released++;
}

/* ---- One lib over counted memory, one server; ONCE and FETCH go to actors where a test wants it ---- */

typedef struct stage {
  fail_mem fm;
  traffic x;
  occ_store *store;
  occ_server *server;
  actor once, client, fetch;
  int with_once, with_client;
  size_t live; /* blocks before a txn */
} stage;

static void tune(occ_config *config, void *user_data)
{
  stage *s = user_data;

  if (s->with_once) {
    assert_int_equal(occ_config_answer(config, OCC_ASK_ONCE, act, cancel, release, &s->once),
                     OCC_OK);
  }
  if (s->with_client) {
    assert_int_equal(occ_config_answer(config, OCC_ASK_CLIENT, act, cancel, release, &s->client),
                     OCC_OK);
    assert_int_equal(occ_config_answer(config, OCC_ASK_FETCH, act, cancel, release, &s->fetch),
                     OCC_OK);
  }
}

static void run_to_grant(stage *s)
{
  const traffic_request request = { .body = TRAFFIC_BODY };
  traffic_result result;

  traffic_whole(&result, s->server, &request, NOW);
  assert_int_equal(result.outcome, OCC_GRANT);
}

static void stage_open(stage *s)
{
  fail_mem_init(&s->fm, SIZE_MAX, false);
  traffic_open(&s->x, &s->fm.mem);
  s->store = traffic_store(&s->x, 4096, NOW - 600 * S);
  s->server = traffic_server(&s->x, traffic_config, s->store, tune, s);
  if (!s->with_client) {
    run_to_grant(s); /* the pool has its workspace */
  }
  s->live = s->fm.live;
}

static void stage_close(stage *s)
{
  occ_server_free(s->server);
  occ_store_free(s->store);
  traffic_close(&s->x);
  assert_int_equal(s->fm.live, 0);
}

/* A follow-up with a session of its own, up to ONCE or the end. */
static occ_txn *waiting(stage *s, int *rc)
{
  const traffic_request first = { .body = TRAFFIC_BODY, .wants = "asked" };
  traffic_request second = { .wants = "asked" };
  traffic_result result;
  occ_txn *txn;
  char *body;

  traffic_whole(&result, s->server, &first, NOW);
  assert_int_equal(result.outcome, OCC_CHALLENGE);
  body = traffic_follow_up(result.session, NULL);
  second.body = body;
  txn = traffic_begin(s->server, &second, NULL);
  free(body); /* the txn has its copy */
  *rc = traffic_run(txn, "asked", NOW + 1);
  return txn;
}

static void assert_wait(const occ_txn *txn, occ_time deadline)
{
  const occ_question *q = occ_txn_question(txn);

  assert_non_null(q);
  assert_int_equal(q->kind, OCC_ASK_WAIT);
  assert_int_equal(q->ticket, 0);
  assert_int_equal(q->deadline, deadline);
  assert_null(q->key);
}

/* ---- Freeing ---- */

static void test_free__with_an_open_question(void **state)
{
  const traffic_request request = { .body = TRAFFIC_BODY };
  stage s = { .with_once = 1 };
  occ_txn *txn;
  (void)state;

  stage_open(&s);
  txn = traffic_begin(s.server, &request, NULL);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_DECIDE);
  occ_txn_free(txn);
  assert_int_equal(s.once.cancelled, 0); /* the host's own question is nobody's to cancel */
  assert_int_equal(s.fm.live, s.live);
  txn = traffic_begin(s.server, &request, NULL); /* never run */
  occ_txn_free(txn);
  occ_txn_free(NULL);
  assert_int_equal(s.fm.live, s.live);
  stage_close(&s);
  assert_int_equal(s.once.released, 1);
}

static void test_free__with_a_kept_question_cancels_once(void **state)
{
  stage s = { .with_once = 1 };
  occ_txn *txn;
  int rc;
  (void)state;

  stage_open(&s);
  txn = waiting(&s, &rc);
  assert_int_equal(rc, OCC_PENDING);
  assert_wait(txn, NOW + 1 + 10 * S);
  assert_int_equal(s.once.cancelled, 0);
  assert_int_equal(occ_txn_run(txn, NOW + 2), OCC_PENDING); /* shown again, the same question */
  assert_int_equal(s.once.shown, 2);
  assert_wait(txn, NOW + 1 + 10 * S);
  occ_txn_free(txn);
  assert_int_equal(s.once.cancelled, 1);
  assert_int_equal(s.once.cancelled_kind, OCC_ASK_ONCE);
  assert_int_equal(s.once.cancelled_ticket, s.once.ticket);
  assert_int_equal(s.fm.live, s.live);
  stage_close(&s);
  assert_int_equal(s.once.cancelled, 1);
}

/* How a kept question can end: what is cancelled, and how often. */
static void test_cancel__once_when_a_kept_question_ends_unanswered(void **state)
{
  static const struct {
    const char *why;
    manner then;      /* when it is shown again */
    int from_outside; /* answered by its ticket, without being shown again */
    int run;          /* run before it is freed */
    occ_time at;
    int rc, cancelled;
    occ_outcome outcome;
  } row[] = {
    { "answered when shown again", ANSWER, 0, 1, 2, OCC_OK, 0, OCC_GRANT },
    { "answered from outside, then run", KEEP, 1, 1, 2, OCC_OK, 0, OCC_GRANT },
    { "answered from outside, then freed", KEEP, 1, 0, 2, OCC_PENDING, 0, OCC_UNDECIDED },
    { "kept again, then freed", KEEP, 0, 1, 2, OCC_PENDING, 1, OCC_UNDECIDED },
    { "the component fails", BREAK, 0, 1, 2, OCC_ERR_ANSWER, 1, OCC_FAILED },
    { "the component forgets it", SAY_NOTHING, 0, 1, 2, OCC_ERR_ANSWER, 1, OCC_FAILED },
    { "a millisecond before the deadline", KEEP, 0, 1, 10 * S, OCC_PENDING, 1, OCC_UNDECIDED },
    { "the deadline", KEEP, 0, 1, 10 * S + 1, OCC_ERR_DEADLINE, 1, OCC_FAILED },
    { "long after the deadline", ANSWER, 0, 1, 3600 * S, OCC_ERR_DEADLINE, 1, OCC_FAILED },
    { "answered in time, run too late", KEEP, 1, 1, 10 * S + 1, OCC_ERR_DEADLINE, 0, OCC_FAILED },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    stage s = { .with_once = 1 };
    occ_txn *txn;
    int rc;

    print_message("  %s\n", row[i].why);
    stage_open(&s);
    txn = waiting(&s, &rc);
    assert_int_equal(rc, OCC_PENDING);
    s.once.manner = row[i].then;
    if (row[i].from_outside) {
      assert_int_equal(occ_txn_answer(txn, s.once.ticket, OCC_YES, NULL, 0), OCC_OK);
      assert_null(occ_txn_question(txn)); /* answered: none is open, not even WAIT */
    }
    if (row[i].run) {
      rc = traffic_run(txn, "asked", NOW + row[i].at);
    }
    assert_int_equal(rc, row[i].rc);
    assert_int_equal(occ_txn_outcome(txn), row[i].outcome);
    if (row[i].outcome == OCC_FAILED) {
      assert_int_equal(occ_txn_http_status(txn), 503);
      assert_null(occ_txn_question(txn));
      assert_int_equal(s.once.cancelled, row[i].cancelled); /* at once, not at the free */
      assert_int_equal(occ_txn_answer(txn, s.once.ticket, OCC_YES, NULL, 0), OCC_ERR_STALE);
      assert_int_equal(occ_txn_run(txn, NOW + row[i].at), rc);
      assert_int_equal(occ_txn_run(txn, NOW), rc);
    }
    occ_txn_free(txn);
    assert_int_equal(s.once.cancelled, row[i].cancelled);
    if (row[i].cancelled) {
      assert_int_equal(s.once.cancelled_ticket, s.once.ticket);
    }
    assert_int_equal(s.fm.live, s.live);
    stage_close(&s);
  }
}

static void test_free__inside_an_answerer_waits_for_the_end_of_the_run(void **state)
{
  static const struct {
    const char *why;
    manner manner;
    int cancelled;
  } row[] = {
    { "kept", FREE_KEEP, 1 },
    { "answered: the run goes on to the next question", FREE_ANSWER, 0 },
    { "failed: nothing was kept", FREE_BREAK, 0 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const traffic_request first = { .body = TRAFFIC_BODY, .wants = "asked" };
    traffic_request second = { .wants = "asked" };
    stage s = { .with_once = 1 };
    traffic_result result;
    occ_txn *txn;
    char *body;

    print_message("  %s\n", row[i].why);
    stage_open(&s);
    traffic_whole(&result, s.server, &first, NOW);
    body = traffic_follow_up(result.session, NULL);
    second.body = body;
    txn = traffic_begin(s.server, &second, NULL);
    s.once.manner = row[i].manner;
    assert_int_equal(occ_txn_run(txn, NOW + 1), OCC_ERR_STATE);
    /* txn is gone: nothing but the counters may be looked at */
    assert_int_equal(s.once.shown, 1);
    assert_int_equal(s.once.cancelled, row[i].cancelled);
    assert_int_equal(s.once.inner, row[i].manner == FREE_ANSWER);
    assert_int_equal(s.fm.live, s.live);
    free(body);
    stage_close(&s);
  }
}

/* CLIENT wants a document and FETCH keeps: both are cancelled, once. Who asked for the fetch is told that it will not
 * come back, whether it had kept its question before or not. */
static void test_free__with_a_question_behind_a_fetch(void **state)
{
  static const char body[] = TRAFFIC_BODY "&client_id=agent-7";
  (void)state;

  for (int kept_first = 0; kept_first <= 1; kept_first++) {
    stage s = { .with_client = 1 };
    occ_txn *txn = NULL;

    stage_open(&s);
    assert_int_equal(occ_txn_new(&txn, s.server, OCC_TOKEN, NULL), OCC_OK);
    assert_int_equal(occ_txn_set_body(txn, body, strlen(body)), OCC_OK);
    s.client.manner = kept_first ? KEEP : FETCH_FIRST;
    assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
    if (kept_first) {
      assert_int_equal(s.fetch.shown, 0);
      s.client.manner = FETCH_FIRST;
      assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
    }
    assert_int_equal(s.fetch.shown, 1);
    assert_int_equal(s.fetch.kind, OCC_ASK_FETCH);
    occ_txn_free(txn);
    assert_int_equal(s.fetch.cancelled, 1);
    assert_int_equal(s.fetch.cancelled_ticket, s.fetch.ticket);
    assert_int_equal(s.client.cancelled, 1);
    assert_int_equal(s.client.cancelled_ticket, s.client.ticket);
    stage_close(&s);
    assert_int_equal(s.client.released, 1);
    assert_int_equal(s.fetch.released, 1);
  }
}

/* A reload: the host lets the old server go while a question of it is kept. The txn holds it. */
static void test_free__of_the_server_while_a_question_is_kept(void **state)
{
  stage s = { .with_once = 1 };
  occ_server *old;
  occ_txn *txn;
  int rc;
  (void)state;

  stage_open(&s);
  txn = waiting(&s, &rc);
  assert_int_equal(rc, OCC_PENDING);
  old = s.server;
  s.server = traffic_server(&s.x, traffic_config, s.store, NULL, NULL);
  occ_server_free(old);
  assert_int_equal(s.once.released, 0);
  run_to_grant(&s); /* the new one is at work */
  assert_int_equal(occ_txn_answer(txn, s.once.ticket, OCC_YES, NULL, 0), OCC_OK);
  assert_int_equal(traffic_run(txn, "asked", NOW + 2), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_int_equal(s.once.released, 0); /* what is read of the txn may lie in the server */
  occ_txn_free(txn);
  assert_int_equal(s.once.released, 1);
  assert_int_equal(s.once.cancelled, 0);
  stage_close(&s);
  assert_int_equal(s.once.released, 1);
}

/* ---- From inside an answerer ---- */

static void test_run__inside_an_answerer_is_reentrant(void **state)
{
  stage s = { .with_once = 1 };
  occ_txn *txn;
  int rc;
  (void)state;

  stage_open(&s);
  s.once.manner = RUN_ANSWER;
  txn = waiting(&s, &rc);
  assert_int_equal(s.once.inner, OCC_ERR_REENTRANT);
  assert_int_equal(rc, OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
  assert_int_equal(s.fm.live, s.live);
  stage_close(&s);
}

static void test_answer__twice_inside_an_answerer(void **state)
{
  stage s = { .with_once = 1 };
  occ_txn *txn;
  int rc;
  (void)state;

  stage_open(&s);
  s.once.manner = ANSWER_TWICE;
  txn = waiting(&s, &rc);
  assert_int_equal(s.once.inner, OCC_ERR_STALE);
  assert_int_equal(rc, OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT); /* the first counts */
  occ_txn_free(txn);
  stage_close(&s);
}

/* ---- Tickets ---- */

static void assert_stale(occ_txn *txn, occ_ticket ticket)
{
  assert_int_equal(occ_txn_answer(txn, ticket, OCC_YES, NULL, 0), OCC_ERR_STALE);
  assert_int_equal(occ_txn_answer(txn, ticket, OCC_NO, "x", 1), OCC_ERR_STALE);
  assert_int_equal(occ_txn_answer_challenge(txn, ticket, "asked", NULL), OCC_ERR_STALE);
  assert_int_equal(occ_txn_answer_refuse(txn, ticket, NULL, NULL), OCC_ERR_STALE);
  assert_int_equal(occ_txn_answer_fetch(txn, ticket, 200, "", "x", 1), OCC_ERR_STALE);
  assert_int_equal(occ_txn_answer_fetch_first(txn, ticket, "https://a.example/", 1), OCC_ERR_STALE);
}

static void test_tickets__used_foreign_and_after_the_end(void **state)
{
  const traffic_request request = { .body = TRAFFIC_BODY };
  stage s = { .with_once = 0 };
  occ_ticket ticket[2];
  occ_txn *txn[2];
  (void)state;

  stage_open(&s);
  for (int i = 0; i < 2; i++) {
    txn[i] = traffic_begin(s.server, &request, NULL);
    assert_null(occ_txn_question(txn[i])); /* none before the first run */
    assert_stale(txn[i], 1);
    assert_int_equal(occ_txn_run(txn[i], NOW), OCC_PENDING);
    ticket[i] = occ_txn_question(txn[i])->ticket;
    assert_in_range(ticket[i], 1, UINT64_C(9007199254740991));
  }
  assert_int_not_equal(ticket[0], ticket[1]);
  assert_stale(txn[0], ticket[1]);
  assert_stale(txn[1], ticket[0]);
  assert_stale(txn[0], 0);
  assert_stale(txn[0], UINT64_MAX);
  assert_int_equal(occ_txn_question(txn[0])->ticket, ticket[0]);
  assert_int_equal(occ_txn_run(txn[0], NOW), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn[0])->ticket, ticket[0]); /* not asked anew */

  assert_int_equal(occ_txn_answer(txn[0], ticket[0], OCC_NO, NULL, 0), OCC_OK);
  assert_null(occ_txn_question(txn[0]));
  assert_int_equal(occ_txn_outcome(txn[0]), OCC_UNDECIDED); /* an answer never runs the machine */
  assert_stale(txn[0], ticket[0]);                          /* and NO stays NO */
  assert_int_equal(occ_txn_run(txn[0], NOW), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn[0]), OCC_REFUSE);
  assert_null(occ_txn_question(txn[0]));
  assert_stale(txn[0], ticket[0]);
  assert_stale(txn[0], ticket[1]);
  assert_int_equal(occ_txn_outcome(txn[0]), OCC_REFUSE);

  assert_int_equal(occ_txn_answer(txn[1], ticket[1], OCC_YES, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn[1], NOW), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn[1]), OCC_GRANT);
  occ_txn_free(txn[0]);
  occ_txn_free(txn[1]);
  stage_close(&s);
}

/* ---- Copies: what was handed over may change or go at once ---- */

/* A heap copy that the caller spoils and frees after the call. */
static char *lend(const char *text)
{
  return traffic_text("%s", text);
}

static void spoil(char *text)
{
  memset(text, '#', strlen(text));
  free(text);
}

static occ_txn *filled_with_lent(stage *s)
{
  char *body = lend("grant_type=client_credentials&scope=first"), *id = lend("agent-7"),
       *method = lend("private_key_jwt"), *metadata = lend(traffic_metadata),
       *name = lend("reference"), *reference = lend("ref-1");
  occ_txn *txn = NULL;

  assert_int_equal(occ_txn_new(&txn, s->server, OCC_TOKEN, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, body, strlen(body)), OCC_OK);
  assert_int_equal(occ_txn_set_client(txn, id, method, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_metadata(txn, metadata, strlen(metadata)), OCC_OK);
  assert_int_equal(occ_txn_set(txn, name, reference), OCC_OK);
  spoil(body);
  spoil(id);
  spoil(method);
  spoil(metadata);
  spoil(name);
  spoil(reference);
  return txn;
}

static void test_answer__is_copied(void **state)
{
  stage s = { .with_once = 0 };
  traffic_result result;
  char *lent[2];
  occ_txn *txn;
  int rc;
  (void)state;

  stage_open(&s);
  txn = filled_with_lent(&s);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  assert_string_equal(occ_txn_client_id(txn), "agent-7");
  assert_string_equal(occ_txn_reference(txn), "ref-1");
  assert_int_equal(occ_txn_has_scope(txn, "first"), 1);
  lent[0] = lend("asked");
  lent[1] = lend("{\"limit\":7}");
  assert_int_equal(occ_txn_answer_challenge(txn, occ_txn_question(txn)->ticket, lent[0], lent[1]),
                   OCC_OK);
  spoil(lent[0]);
  spoil(lent[1]);
  rc = occ_txn_run(txn, NOW);
  traffic_read(&result, txn, rc);
  assert_int_equal(result.outcome, OCC_CHALLENGE);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "\"limit\":7"));
  occ_txn_free(txn);

  txn = filled_with_lent(&s);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  lent[0] = lend("access_denied");
  lent[1] = lend("not today");
  assert_int_equal(occ_txn_answer_refuse(txn, occ_txn_question(txn)->ticket, lent[0], lent[1]),
                   OCC_OK);
  spoil(lent[0]);
  spoil(lent[1]);
  rc = occ_txn_run(txn, NOW);
  traffic_read(&result, txn, rc);
  assert_string_equal(result.error, "access_denied");
  assert_non_null(strstr(occ_txn_body(txn, NULL), "not today"));
  occ_txn_free(txn);
  assert_int_equal(s.fm.live, s.live);
  stage_close(&s);
}

/* Facts of VERIFY, and metadata of CLIENT. */
static void test_answer__with_data_is_copied(void **state)
{
  static const char body[] = TRAFFIC_BODY "&client_id=agent-7";
  const traffic_request first = { .body = TRAFFIC_BODY, .wants = "asked" };
  traffic_request second = { .wants = "asked" };
  stage s = { .with_once = 0 };
  traffic_result result;
  const char *fact;
  char *lent, *follow_up;
  occ_txn *txn = NULL;
  (void)state;

  stage_open(&s);
  traffic_whole(&result, s.server, &first, NOW);
  follow_up = traffic_follow_up(result.session, NULL);
  second.body = follow_up;
  txn = traffic_begin(s.server, &second, NULL);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_VERIFY);
  lent = lend("{\"level\":\"high\"}");
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, lent, strlen(lent)),
                   OCC_OK);
  spoil(lent);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  fact = occ_txn_fact(txn, "", NULL);
  assert_non_null(fact);
  assert_non_null(strstr(fact, "\"level\":\"high\""));
  occ_txn_free(txn);
  free(follow_up);

  txn = NULL;
  assert_int_equal(occ_txn_new(&txn, s.server, OCC_TOKEN, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, body, strlen(body)), OCC_OK);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_CLIENT);
  lent = lend("{\"metadata\":{\"client_name\":\"Seven\"}}");
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, lent, strlen(lent)),
                   OCC_OK);
  spoil(lent);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  fact = occ_txn_fact(txn, "/client/metadata/client_name", NULL);
  assert_non_null(fact);
  assert_string_equal(fact, "\"Seven\"");
  occ_txn_free(txn);
  assert_int_equal(s.fm.live, s.live);
  stage_close(&s);
}

/* ---- The deadline ---- */

static void tune_deadline(occ_config *config, void *user_data)
{
  assert_int_equal(occ_config_set(config, "deadline", user_data), OCC_OK);
}

static void test_deadline__to_the_millisecond(void **state)
{
  static const struct {
    const char *seconds; /* NULL: the default */
    occ_time lasts;
  } row[] = { { NULL, 10 * S }, { "1", 1 * S }, { "60", 60 * S } };
  const traffic_request request = { .body = TRAFFIC_BODY };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    for (occ_time off = -1; off <= 1; off++) {
      const occ_time deadline = NOW + row[i].lasts;
      char seconds[8] = "";
      stage s = { .with_once = 0 };
      occ_server *server;
      occ_txn *txn;

      stage_open(&s);
      memcpy(seconds, row[i].seconds == NULL ? "10" : row[i].seconds,
             row[i].seconds == NULL ? 3 : strlen(row[i].seconds) + 1);
      server = traffic_server(&s.x, traffic_config, s.store,
                              row[i].seconds == NULL ? NULL : tune_deadline, seconds);
      txn = traffic_begin(server, &request, NULL);
      assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
      assert_int_equal(occ_txn_question(txn)->deadline, deadline);
      assert_int_equal(occ_txn_run(txn, NOW + row[i].lasts / 2), OCC_PENDING);
      assert_int_equal(occ_txn_question(txn)->deadline, deadline); /* not put off by running */
      if (off < 0) {
        assert_int_equal(occ_txn_run(txn, deadline + off), OCC_PENDING);
        assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0),
                         OCC_OK);
        assert_int_equal(occ_txn_run(txn, deadline + off), OCC_OK);
        assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
      } else {
        const occ_ticket ticket = occ_txn_question(txn)->ticket;

        assert_int_equal(occ_txn_run(txn, deadline + off), OCC_ERR_DEADLINE);
        assert_int_equal(occ_txn_outcome(txn), OCC_FAILED);
        assert_int_equal(occ_txn_http_status(txn), 503);
        assert_string_equal(occ_txn_reason(txn), "deadline");
        assert_null(occ_txn_question(txn));
        assert_int_equal(occ_txn_answer(txn, ticket, OCC_YES, NULL, 0), OCC_ERR_STALE);
        assert_int_equal(occ_txn_run(txn, NOW), OCC_ERR_DEADLINE);
      }
      occ_txn_free(txn);
      occ_server_free(server);
      stage_close(&s);
    }
  }
}

/* A clock that goes back neither puts the deadline off nor shows an earlier time. */
static void test_deadline__time_never_goes_back(void **state)
{
  const traffic_request request = { .body = TRAFFIC_BODY };
  stage s = { .with_once = 0 };
  occ_txn *txn;
  (void)state;

  stage_open(&s);
  txn = traffic_begin(s.server, &request, NULL);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  assert_int_equal(occ_txn_run(txn, NOW - 3600 * S), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->deadline, NOW + 10 * S);
  assert_int_equal(occ_txn_question(txn)->now, NOW);
  assert_int_equal(occ_txn_run(txn, NOW + 10 * S), OCC_ERR_DEADLINE);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_ERR_DEADLINE);
  occ_txn_free(txn);
  stage_close(&s);
}

/* A question that comes after the clock went back shows the latest time that the txn has seen. */
static void test_deadline__later_questions_show_no_earlier_time(void **state)
{
  const traffic_request first = { .body = TRAFFIC_BODY, .wants = "asked" };
  traffic_request second = { .wants = "asked" };
  stage s = { .with_once = 0 };
  traffic_result result;
  char *body;
  occ_txn *txn;
  (void)state;

  stage_open(&s);
  traffic_whole(&result, s.server, &first, NOW);
  body = traffic_follow_up(result.session, NULL);
  second.body = body;
  txn = traffic_begin(s.server, &second, NULL);
  assert_int_equal(occ_txn_run(txn, NOW), OCC_PENDING);
  assert_int_equal(occ_txn_run(txn, NOW + 5 * S), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_VERIFY);
  assert_int_equal(yes(txn, occ_txn_question(txn)), OCC_OK);
  assert_int_equal(occ_txn_run(txn, NOW - 3600 * S), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_DECIDE);
  assert_int_equal(occ_txn_question(txn)->now, NOW + 5 * S);
  assert_int_equal(occ_txn_question(txn)->deadline, NOW + 10 * S);
  occ_txn_free(txn);
  free(body);
  stage_close(&s);
}

/* ONCE was never answered: nothing is used up, and the same session is good in another request. */
static void test_deadline__before_once_uses_nothing_up(void **state)
{
  const traffic_request first = { .body = TRAFFIC_BODY, .wants = "asked" };
  traffic_request second = { .wants = "asked" };
  stage s = { .with_once = 1 };
  traffic_result result;
  char *body;
  (void)state;

  stage_open(&s);
  traffic_whole(&result, s.server, &first, NOW);
  body = traffic_follow_up(result.session, NULL);
  second.body = body;
  for (int i = 0; i < 3; i++) {
    occ_txn *txn = traffic_begin(s.server, &second, NULL);

    assert_int_equal(traffic_run(txn, "asked", NOW + i), OCC_PENDING);
    assert_int_equal(occ_txn_run(txn, NOW + i + 10 * S), OCC_ERR_DEADLINE);
    occ_txn_free(txn);
  }
  assert_int_equal(s.once.cancelled, 3);
  s.once.manner = ANSWER;
  traffic_whole(&result, s.server, &second, NOW + 20 * S);
  assert_int_equal(result.outcome, OCC_GRANT);
  free(body);
  stage_close(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_free__with_an_open_question),
    cmocka_unit_test(test_free__with_a_kept_question_cancels_once),
    cmocka_unit_test(test_cancel__once_when_a_kept_question_ends_unanswered),
    cmocka_unit_test(test_free__inside_an_answerer_waits_for_the_end_of_the_run),
    cmocka_unit_test(test_free__with_a_question_behind_a_fetch),
    cmocka_unit_test(test_free__of_the_server_while_a_question_is_kept),
    cmocka_unit_test(test_run__inside_an_answerer_is_reentrant),
    cmocka_unit_test(test_answer__twice_inside_an_answerer),
    cmocka_unit_test(test_tickets__used_foreign_and_after_the_end),
    cmocka_unit_test(test_answer__is_copied),
    cmocka_unit_test(test_answer__with_data_is_copied),
    cmocka_unit_test(test_deadline__to_the_millisecond),
    cmocka_unit_test(test_deadline__time_never_goes_back),
    cmocka_unit_test(test_deadline__later_questions_show_no_earlier_time),
    cmocka_unit_test(test_deadline__before_once_uses_nothing_up),
  };

  return cmocka_run_group_tests_name("scenario/waiting", tests, NULL, NULL);
}
