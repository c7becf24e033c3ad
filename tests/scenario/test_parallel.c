/* SPDX-License-Identifier: MIT */
/* A thousand follow-ups with one session at once: one is granted, all others are challenged afresh. With the memory
 * store, with a component that keeps ONCE and answers late, and with a host that reads ONCE and hands the txn to another
 * thread. Run under TSan too. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, pthread_barrier_t */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stores/table.h"
#include "test_keys.h"
#include "traffic.h"

enum {
  THREADS = 8,
  REQUESTS = 1000,
  EACH = REQUESTS / THREADS,
  /* A client may hold 1 % of the proofs, which have 5 / 16 of the entries: room for all proofs of one client. */
  ENTRIES = 400000,
  STORE_THREADS = 2
};

#define NOW TRAFFIC_NOW

/* ---- What must have come out ---- */

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One GRANT; all others a challenge with a session that nobody else has. */
static void assert_one_grant(const traffic_result *result, size_t count, const char *shown)
{
  const char **session = calloc(count, sizeof(*session));
  size_t grants = 0, fresh = 0;

  assert_non_null(session);
  for (size_t i = 0; i < count; i++) {
    const traffic_result *r = &result[i];

    assert_int_equal(r->rc, OCC_OK);
    if (r->outcome == OCC_GRANT) {
      grants++;
      assert_string_equal(r->stale, "");
      continue;
    }
    assert_int_equal(r->outcome, OCC_CHALLENGE);
    assert_int_equal(r->http_status, 403);
    assert_string_equal(r->error, "insufficient_client_authorization");
    assert_string_equal(r->stale, "session_used");
    assert_string_not_equal(r->session, shown);
    session[fresh++] = r->session;
  }
  assert_int_equal(grants, 1);
  assert_int_equal(fresh, count - 1);
  qsort(session, fresh, sizeof(*session), by_text);
  for (size_t i = 1; i < fresh; i++) {
    assert_string_not_equal(session[i - 1], session[i]);
  }
  free(session);
}

/* The first challenge that one of them got is good, and the spent session still is not. */
static void assert_goes_on(occ_server *server, const traffic_result *result, const char *spent_body,
                           const char *proof[2])
{
  const traffic_result *fresh = result[0].outcome == OCC_CHALLENGE ? &result[0] : &result[1];
  char *token = traffic_assertion(fresh->session, TRAFFIC_CLIENT, NOW, "after");
  char *body = traffic_follow_up(fresh->session, token);
  traffic_request request = { .body = body, .proof = proof[0], .wants = "attested" };
  traffic_result after;

  traffic_whole(&after, server, &request, NOW);
  assert_int_equal(after.outcome, OCC_GRANT);
  request.body = spent_body;
  request.proof = proof[1];
  traffic_whole(&after, server, &request, NOW);
  assert_int_equal(after.outcome, OCC_CHALLENGE);
  free(body);
  free(token);
}

static char *fresh_proof(const char *jti, size_t i)
{
  char *id = traffic_text("%s-%zu", jti, i);
  char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TRAFFIC_URL, NOW / 1000, id, NULL);

  free(id);
  return proof;
}

/* A challenge: the session and the follow-up that meets it. */
static void challenged(occ_server *server, const char *proof, const char *wants, char **session,
                       char **body)
{
  const traffic_request first = { .body = TRAFFIC_BODY, .proof = proof, .wants = wants };
  traffic_result result;
  char *token = NULL;

  traffic_whole(&result, server, &first, NOW);
  assert_int_equal(result.outcome, OCC_CHALLENGE);
  *session = traffic_text("%s", result.session);
  if (strcmp(wants, "attested") == 0) {
    token = traffic_assertion(result.session, TRAFFIC_CLIENT, NOW, "one");
  }
  *body = traffic_follow_up(result.session, token);
  free(token);
}

/* ---- With the memory store ---- */

typedef struct crowd {
  occ_server *server;
  pthread_barrier_t start;
  traffic_request request[REQUESTS];
  traffic_result result[REQUESTS];
} crowd;

typedef struct member {
  crowd *crowd;
  size_t who;
} member;

static void *present(void *arg)
{
  const member *m = arg;
  crowd *c = m->crowd;

  (void)pthread_barrier_wait(&c->start);
  for (size_t i = m->who; i < REQUESTS; i += THREADS) {
    traffic_whole(&c->result[i], c->server, &c->request[i], NOW + 1);
  }
  return NULL;
}

static void run_crowd(crowd *c)
{
  pthread_t thread[THREADS];
  member m[THREADS];

  assert_int_equal(pthread_barrier_init(&c->start, NULL, THREADS), 0);
  for (size_t i = 0; i < THREADS; i++) {
    m[i] = (member){ c, i };
    assert_int_equal(pthread_create(&thread[i], NULL, present, &m[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
  }
  (void)pthread_barrier_destroy(&c->start);
}

static void thousand(int with_proofs)
{
  static crowd c;
  traffic x;
  occ_store *store;
  char *proof[REQUESTS] = { NULL };
  char *extra[3] = { NULL };
  char *session, *body;

  traffic_open(&x, NULL);
  store = traffic_store(&x, ENTRIES, NOW - 600000);
  c.server = traffic_server(&x, traffic_config, store, NULL, NULL);
  for (size_t i = 0; with_proofs && i < 3; i++) {
    extra[i] = fresh_proof("extra", i);
  }
  challenged(c.server, extra[0], "attested", &session, &body);
  for (size_t i = 0; i < REQUESTS; i++) {
    proof[i] = with_proofs ? fresh_proof("p", i) : NULL;
    c.request[i] = (traffic_request){ .body = body, .proof = proof[i], .wants = "attested" };
  }
  run_crowd(&c);
  assert_one_grant(c.result, REQUESTS, session);
  assert_goes_on(c.server, c.result, body, (const char *[2]){ extra[1], extra[2] });
  for (size_t i = 0; i < REQUESTS; i++) {
    free(proof[i]);
  }
  free(extra[0]);
  free(extra[1]);
  free(extra[2]);
  free(session);
  free(body);
  occ_server_free(c.server);
  occ_store_free(store);
  traffic_close(&x);
}

static void test_memory_store__one_grant_in_a_thousand(void **state)
{
  (void)state;
  thousand(0);
}

static void test_memory_store__one_grant_in_a_thousand_with_proofs(void **state)
{
  (void)state;
  thousand(1);
}

/* The same proof a thousand times, no session: one is taken. */
static void test_memory_store__one_proof_counts_once(void **state)
{
  static crowd c;
  char *proof = fresh_proof("same", 0);
  size_t grants = 0;
  traffic x;
  occ_store *store;
  (void)state;

  traffic_open(&x, NULL);
  store = traffic_store(&x, ENTRIES, NOW - 600000);
  c.server = traffic_server(&x, traffic_config, store, NULL, NULL);
  for (size_t i = 0; i < REQUESTS; i++) {
    c.request[i] = (traffic_request){ .body = TRAFFIC_BODY, .proof = proof };
  }
  run_crowd(&c);
  for (size_t i = 0; i < REQUESTS; i++) {
    grants += c.result[i].outcome == OCC_GRANT;
    if (c.result[i].outcome != OCC_GRANT) {
      assert_int_equal(c.result[i].outcome, OCC_REFUSE);
      assert_string_equal(c.result[i].reason, "dpop_replayed");
      assert_string_equal(c.result[i].error, "invalid_dpop_proof");
    }
  }
  assert_int_equal(grants, 1);
  free(proof);
  occ_server_free(c.server);
  occ_store_free(store);
  traffic_close(&x);
}

/* ---- A queue between threads ---- */

typedef struct queue {
  pthread_mutex_t lock;
  pthread_cond_t more;
  void *item[4 * REQUESTS];
  size_t head, tail;
  int closed;
} queue;

static void queue_init(queue *q)
{
  memset(q, 0, sizeof(*q));
  assert_int_equal(pthread_mutex_init(&q->lock, NULL), 0);
  assert_int_equal(pthread_cond_init(&q->more, NULL), 0);
}

static void queue_clear(queue *q)
{
  (void)pthread_mutex_destroy(&q->lock);
  (void)pthread_cond_destroy(&q->more);
}

static void queue_push(queue *q, void *item)
{
  (void)pthread_mutex_lock(&q->lock);
  if (q->tail == sizeof(q->item) / sizeof(q->item[0])) {
    abort(); /* more wakes than the test can explain */
  }
  q->item[q->tail++] = item;
  (void)pthread_cond_signal(&q->more);
  (void)pthread_mutex_unlock(&q->lock);
}

static void queue_close(queue *q)
{
  (void)pthread_mutex_lock(&q->lock);
  q->closed = 1;
  (void)pthread_cond_broadcast(&q->more);
  (void)pthread_mutex_unlock(&q->lock);
}

/* NULL: empty, and (if may_wait) closed. */
static void *queue_pop(queue *q, int may_wait)
{
  void *item = NULL;

  (void)pthread_mutex_lock(&q->lock);
  while (may_wait && q->head == q->tail && !q->closed) {
    (void)pthread_cond_wait(&q->more, &q->lock);
  }
  if (q->head != q->tail) {
    item = q->item[q->head++];
  }
  (void)pthread_mutex_unlock(&q->lock);
  return item;
}

/* ---- A component that keeps ONCE and answers late ---- */

enum { FREED_EACH = 14, ALL_EACH = EACH + FREED_EACH, FIRST_EACH = 69, ALL = THREADS * ALL_EACH };

typedef enum late_state { LATE_NEW = 0, LATE_WAITING, LATE_ANSWERED, LATE_CANCELLED } late_state;

struct late_store;
struct late_worker;

typedef struct late_request {
  struct late_worker *worker;
  occ_txn *txn;
  int to_free; /* before the answer comes */
  /* the component's part, under its lock */
  late_state state;
  occ_question copy;
  uint8_t key[4][32];
  char client[64];
  int verdict;
  size_t place;
  int shown, cancels, wakes;
} late_request;

typedef struct late_store {
  pthread_mutex_t lock;
  occ__region region;
  queue asked; /* late_request */
  late_request request[ALL];
} late_store;

typedef struct late_worker {
  late_store *store;
  occ_server *server;
  const char *body;
  pthread_barrier_t *barrier;
  queue woken;           /* late_request */
  late_request *request; /* ALL_EACH of the store's */
  traffic_result result[ALL_EACH];
  const char *problem; /* cmocka's assertions are for the main thread */
  size_t done;
} late_worker;

static void region_make(occ__region *region)
{
  static const uint8_t seed[32] = { 7 };
  occ__layout layout;
  void *base;

  occ__region_layout(&layout, ENTRIES);
  base = mmap(NULL, (size_t)layout.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(base != MAP_FAILED);
  assert_int_equal(occ__region_open(region, base, &layout, seed, NOW - 600000), OCC_OK);
}

static void region_away(occ__region *region)
{
  assert_int_equal(munmap(region->base, (size_t)region->layout.len), 0);
}

/* What the question points to must outlive the txn, which may be freed meanwhile. */
static void late_copy(late_request *r, const occ_question *q)
{
  r->copy = *q;
  memcpy(r->key, q->key, q->keys * 32);
  r->copy.key = r->key[0];
  (void)snprintf(r->client, sizeof(r->client), "%s", q->client_id);
  r->copy.client_id = r->client;
  r->state = LATE_WAITING;
}

static int late_answer(occ_txn *txn, const occ_question *q, void *user_data)
{
  late_store *store = user_data;
  late_request *r = occ_txn_user_data(txn);
  int rc = OCC_PENDING;

  (void)pthread_mutex_lock(&store->lock);
  r->shown++;
  if (r->state == LATE_NEW) {
    late_copy(r, q);
    queue_push(&store->asked, r);
  } else if (r->state == LATE_ANSWERED && q->ticket == r->copy.ticket) {
    const char digit = (char)('0' + (int)r->place);

    rc = occ_txn_answer(txn, q->ticket, (occ_verdict)r->verdict, &digit,
                        r->verdict == OCC_NO ? 1 : 0);
  }
  (void)pthread_mutex_unlock(&store->lock);
  return rc;
}

static void late_cancel(occ_ask kind, occ_ticket ticket, void *user_data)
{
  late_store *store = user_data;

  (void)pthread_mutex_lock(&store->lock);
  for (size_t i = 0; i < ALL; i++) {
    late_request *r = &store->request[i];

    if (r->copy.ticket == ticket && kind == OCC_ASK_ONCE) {
      r->cancels++;
      r->state = LATE_CANCELLED;
    }
  }
  (void)pthread_mutex_unlock(&store->lock);
}

/* The store's own thread: insert if absent, then tell who waits. */
static void *late_serve(void *arg)
{
  late_store *store = arg;
  late_request *r;

  while ((r = queue_pop(&store->asked, 1)) != NULL) {
    occ_question q;
    uint8_t key[4][32];
    size_t place = 0;
    int verdict, waiting;

    (void)pthread_mutex_lock(&store->lock);
    waiting = r->state == LATE_WAITING;
    q = r->copy;
    memcpy(key, r->key, sizeof(key));
    q.key = key[0];
    (void)pthread_mutex_unlock(&store->lock);
    if (!waiting) {
      continue;
    }
    verdict = occ__table_once(&store->region, &q, &place);
    (void)pthread_mutex_lock(&store->lock);
    if (r->state == LATE_WAITING) {
      r->state = LATE_ANSWERED;
      r->verdict = verdict;
      r->place = place;
      occ_txn_wake(r->txn); /* under the lock: never after its cancel */
    }
    (void)pthread_mutex_unlock(&store->lock);
  }
  return NULL;
}

/* The host's: only posts. */
static void late_wake(void *user_data)
{
  late_request *r = user_data;

  r->wakes++;
  queue_push(&r->worker->woken, r);
}

static void trouble(late_worker *w, const char *what)
{
  if (w->problem == NULL) {
    w->problem = what;
  }
}

/* The host sees WAIT, for which it has no ticket. */
static void look_at_wait(late_worker *w, const occ_txn *txn)
{
  const occ_question *q = occ_txn_question(txn);

  if (q == NULL || q->kind != OCC_ASK_WAIT || q->ticket != 0 || q->key != NULL) {
    trouble(w, "no WAIT");
  }
  if (occ_txn_outcome(txn) != OCC_UNDECIDED) {
    trouble(w, "an outcome while waiting");
  }
}

static void late_run(late_worker *w, late_request *r)
{
  const int rc = traffic_run(r->txn, "asked", NOW + 1);

  if (rc == OCC_PENDING) {
    look_at_wait(w, r->txn);
    return;
  }
  traffic_read(&w->result[r - w->request], r->txn, rc);
  occ_txn_free(r->txn);
  r->txn = NULL;
  w->done++;
}

static void late_begin(late_worker *w, size_t i)
{
  const traffic_request request = { .body = w->body, .wants = "asked" };
  late_request *r = &w->request[i];

  r->txn = traffic_begin(w->server, &request, r);
  late_run(w, r);
}

/* Before any answer: each waits, those to be freed are freed. Then the rest is sent while answers come. */
static void *late_work(void *arg)
{
  late_worker *w = arg;
  late_request *r;

  for (size_t i = 0; i < FIRST_EACH; i++) {
    late_begin(w, i);
    if (w->request[i].to_free && i % 2 == 0) {
      late_run(w, &w->request[i]); /* shown again, kept again */
    }
  }
  for (size_t i = 0; i < FIRST_EACH; i++) {
    if (w->request[i].to_free) {
      occ_txn_free(w->request[i].txn);
      w->request[i].txn = NULL;
    }
  }
  if (w->done != 0) {
    trouble(w, "an end before any answer");
  }
  (void)pthread_barrier_wait(w->barrier); /* nobody has been answered */
  (void)pthread_barrier_wait(w->barrier); /* the store begins */
  for (size_t i = FIRST_EACH; i < ALL_EACH; i++) {
    late_begin(w, i);
    while ((r = queue_pop(&w->woken, 0)) != NULL) {
      late_run(w, r);
    }
  }
  while (w->done < EACH && (r = queue_pop(&w->woken, 1)) != NULL) {
    late_run(w, r);
  }
  return NULL;
}

static void late_tune(occ_config *config, void *user_data)
{
  assert_int_equal(occ_config_set(config, "store_id", "AAAAAAAAAAAAAAAAAAAAAA"), OCC_OK);
  if (user_data != NULL) {
    assert_int_equal(
        occ_config_answer(config, OCC_ASK_ONCE, late_answer, late_cancel, NULL, user_data), OCC_OK);
    assert_int_equal(occ_config_on_wake(config, late_wake), OCC_OK);
  }
}

static void late_workers_make(late_worker *w, late_store *store, occ_server *server,
                              pthread_barrier_t *barrier, const char *body)
{
  for (size_t k = 0; k < THREADS; k++) {
    memset(&w[k], 0, sizeof(w[k]));
    queue_init(&w[k].woken);
    w[k].store = store;
    w[k].server = server;
    w[k].barrier = barrier;
    w[k].body = body;
    w[k].request = &store->request[k * ALL_EACH];
    for (size_t i = 0; i < ALL_EACH; i++) {
      w[k].request[i].worker = &w[k];
      w[k].request[i].to_free = i < FIRST_EACH && i % 5 == 2;
    }
  }
}

static void late_threads(late_worker *w, late_store *store, pthread_barrier_t *barrier)
{
  pthread_t worker[THREADS], server[STORE_THREADS];

  assert_int_equal(pthread_barrier_init(barrier, NULL, THREADS + 1), 0);
  for (size_t k = 0; k < THREADS; k++) {
    assert_int_equal(pthread_create(&worker[k], NULL, late_work, &w[k]), 0);
  }
  (void)pthread_barrier_wait(barrier);
  for (size_t i = 0; i < STORE_THREADS; i++) {
    assert_int_equal(pthread_create(&server[i], NULL, late_serve, store), 0);
  }
  (void)pthread_barrier_wait(barrier);
  for (size_t k = 0; k < THREADS; k++) {
    assert_int_equal(pthread_join(worker[k], NULL), 0);
  }
  queue_close(&store->asked);
  for (size_t i = 0; i < STORE_THREADS; i++) {
    assert_int_equal(pthread_join(server[i], NULL), 0);
  }
  (void)pthread_barrier_destroy(barrier);
}

/* A freed one was cancelled once and never woken; the others never cancelled and woken once. */
static void assert_cancels(const late_store *store)
{
  size_t freed = 0;

  for (size_t i = 0; i < ALL; i++) {
    const late_request *r = &store->request[i];

    freed += r->to_free != 0;
    assert_int_equal(r->cancels, r->to_free ? 1 : 0);
    assert_int_equal(r->wakes, r->to_free ? 0 : 1);
    assert_int_equal(r->shown, !r->to_free ? 2 : i % ALL_EACH % 2 == 0 ? 2 : 1);
    assert_null(r->txn);
  }
  assert_int_equal(freed, THREADS * FREED_EACH);
}

static void test_late_store__one_grant_in_a_thousand(void **state)
{
  static late_store store;
  static late_worker w[THREADS];
  static traffic_result result[REQUESTS];
  pthread_barrier_t barrier;
  occ_server *server, *plain;
  char *session, *body;
  size_t n = 0;
  traffic x;
  (void)state;

  traffic_open(&x, NULL);
  assert_int_equal(pthread_mutex_init(&store.lock, NULL), 0);
  queue_init(&store.asked);
  region_make(&store.region);
  plain = traffic_server(&x, traffic_config, NULL, late_tune, NULL);
  server = traffic_server(&x, traffic_config, NULL, late_tune, &store);
  challenged(plain, NULL, "asked", &session, &body);
  late_workers_make(w, &store, server, &barrier, body);
  late_threads(w, &store, &barrier);
  for (size_t k = 0; k < THREADS; k++) {
    if (w[k].problem != NULL) {
      fail_msg("%s", w[k].problem);
    }
    assert_int_equal(w[k].done, EACH);
    for (size_t i = 0; i < ALL_EACH; i++) {
      if (!w[k].request[i].to_free) {
        result[n++] = w[k].result[i];
      }
    }
    queue_clear(&w[k].woken);
  }
  assert_int_equal(n, REQUESTS);
  assert_one_grant(result, REQUESTS, session);
  assert_cancels(&store);
  free(session);
  free(body);
  occ_server_free(server);
  occ_server_free(plain);
  region_away(&store.region);
  queue_clear(&store.asked);
  (void)pthread_mutex_destroy(&store.lock);
  traffic_close(&x);
}

/* ---- A host that reads ONCE and hands the txn to a thread of its store ---- */

typedef struct pulled {
  occ_txn *txn;
  traffic_result result;
} pulled;

typedef struct pull_host {
  queue to_run, to_ask;
  occ__region region;
  atomic_size_t done, wrong;
  pulled request[REQUESTS];
} pull_host;

static void *pull_run(void *arg)
{
  pull_host *h = arg;
  pulled *p;

  while ((p = queue_pop(&h->to_run, 1)) != NULL) {
    const int rc = traffic_run(p->txn, "asked", NOW + 1);

    if (rc == OCC_PENDING) {
      if (occ_txn_question(p->txn)->kind != OCC_ASK_ONCE) {
        atomic_fetch_add(&h->wrong, 1);
      }
      queue_push(&h->to_ask, p);
      continue;
    }
    traffic_read(&p->result, p->txn, rc);
    if (atomic_fetch_add(&h->done, 1) + 1 == REQUESTS) {
      queue_close(&h->to_run);
      queue_close(&h->to_ask);
    }
  }
  return NULL;
}

static void *pull_ask(void *arg)
{
  pull_host *h = arg;
  pulled *p;

  while ((p = queue_pop(&h->to_ask, 1)) != NULL) {
    const occ_question *q = occ_txn_question(p->txn);
    const occ_ticket ticket = q->ticket;
    size_t place = 0;
    const int verdict = occ__table_once(&h->region, q, &place);
    const char digit = (char)('0' + (int)place);

    if (verdict < 0 ||
        occ_txn_answer(p->txn, ticket, (occ_verdict)verdict, &digit, verdict == OCC_NO ? 1 : 0) !=
            OCC_OK ||
        occ_txn_answer(p->txn, ticket, OCC_YES, NULL, 0) != OCC_ERR_STALE) {
      atomic_fetch_add(&h->wrong, 1);
    }
    queue_push(&h->to_run, p);
  }
  return NULL;
}

static void pull_threads(pull_host *h)
{
  pthread_t thread[THREADS + STORE_THREADS];

  for (size_t i = 0; i < THREADS + STORE_THREADS; i++) {
    assert_int_equal(pthread_create(&thread[i], NULL, i < THREADS ? pull_run : pull_ask, h), 0);
  }
  for (size_t i = 0; i < THREADS + STORE_THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
  }
}

static void test_pulled_once__one_grant_in_a_thousand(void **state)
{
  static pull_host h;
  static traffic_result result[REQUESTS];
  traffic_request request = { .wants = "asked" };
  occ_server *server;
  char *session, *body;
  traffic x;
  (void)state;

  traffic_open(&x, NULL);
  region_make(&h.region);
  queue_init(&h.to_run);
  queue_init(&h.to_ask);
  server = traffic_server(&x, traffic_config, NULL, late_tune, NULL);
  assert_true((occ_server_asks(server) & (UINT32_C(1) << OCC_ASK_ONCE)) != 0);
  challenged(server, NULL, "asked", &session, &body);
  request.body = body;
  for (size_t i = 0; i < REQUESTS; i++) {
    h.request[i].txn = traffic_begin(server, &request, NULL);
    queue_push(&h.to_run, &h.request[i]);
  }
  occ_server_free(server); /* the txns hold it */
  pull_threads(&h);
  for (size_t i = 0; i < REQUESTS; i++) {
    result[i] = h.request[i].result;
    occ_txn_free(h.request[i].txn);
  }
  assert_int_equal(atomic_load(&h.wrong), 0);
  assert_one_grant(result, REQUESTS, session);
  free(session);
  free(body);
  queue_clear(&h.to_run);
  queue_clear(&h.to_ask);
  region_away(&h.region);
  traffic_close(&x);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_memory_store__one_grant_in_a_thousand),
    cmocka_unit_test(test_memory_store__one_grant_in_a_thousand_with_proofs),
    cmocka_unit_test(test_memory_store__one_proof_counts_once),
    cmocka_unit_test(test_late_store__one_grant_in_a_thousand),
    cmocka_unit_test(test_pulled_once__one_grant_in_a_thousand),
  };

  return cmocka_run_group_tests_name("scenario/parallel", tests, NULL, NULL);
}
