/* SPDX-License-Identifier: MIT */
/* What a store remembers, and what it does not: restarts, clocks that are set, two stores, a store shared by the workers
 * of a reload, and how much of it one client may have. No session and no proof is taken twice, in whatever order things
 * happen; and what is right works again as soon as it can. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_keys.h"
#include "traffic.h"

#define NOW    TRAFFIC_NOW
#define S      INT64_C(1000)
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- A server that can be started again ---- */

/* Only "asked": a server that is quickly made. */
static const char small_config[] =
    "{\"token_urls\":[\"" TRAFFIC_URL "\"],"
    "\"types\":{\"https://host.example/ev\":{\"class\":\"provenance\",\"params\":[\"ev\"],"
    "\"headers\":[]}},"
    "\"requirements\":{\"asked\":{\"type\":\"https://host.example/ev\",\"expiry\":600}}}";

typedef struct node {
  traffic x;
  occ_store *store;
  occ_server *server;
  size_t entries;
  const char *nonce_mode;
} node;

static void tune_nonce(occ_config *config, void *user_data)
{
  assert_int_equal(occ_config_set(config, "dpop_nonce", user_data), OCC_OK);
}

static void node_start(node *n, occ_time now)
{
  char mode[16];

  (void)snprintf(mode, sizeof(mode), "%s", n->nonce_mode);
  n->store = traffic_store(&n->x, n->entries, now);
  n->server = traffic_server(&n->x, small_config, n->store, tune_nonce, mode);
}

static void node_stop(node *n)
{
  occ_server_free(n->server);
  occ_store_free(n->store);
}

/* Same configuration, same key ring; what was in the store is lost. */
static void node_restart(node *n, occ_time now)
{
  node_stop(n);
  node_start(n, now);
}

static void node_open(node *n, size_t entries, const char *nonce_mode, occ_time now)
{
  n->entries = entries;
  n->nonce_mode = nonce_mode;
  traffic_open(&n->x, NULL);
  node_start(n, now);
}

static void node_close(node *n)
{
  node_stop(n);
  traffic_close(&n->x);
}

/* ---- Requests ---- */

static traffic_result send(occ_server *server, const char *body, const char *proof,
                           const char *wants, occ_time now)
{
  const traffic_request request = { .body = body, .proof = proof, .wants = wants };
  traffic_result result;

  traffic_whole(&result, server, &request, now);
  return result;
}

/* A challenge for "asked"; the follow-up that meets it. Free it. */
static char *challenged(occ_server *server, const char *client, occ_time now)
{
  const traffic_request first = { .body = TRAFFIC_BODY, .client = client, .wants = "asked" };
  traffic_result result;

  traffic_whole(&result, server, &first, now);
  assert_int_equal(result.outcome, OCC_CHALLENGE);
  return traffic_follow_up(result.session, NULL);
}

static char *proof_of(const char *jti, occ_time iat, const char *nonce)
{
  return test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TRAFFIC_URL, iat / 1000, jti, nonce);
}

/* G granted, C challenged, U not able now, R refused. */
static char letter(const traffic_result *r)
{
  if (r->outcome == OCC_FAILED && r->http_status == 503) {
    return 'U';
  }
  return r->outcome == OCC_GRANT       ? 'G'
         : r->outcome == OCC_CHALLENGE ? 'C'
         : r->outcome == OCC_REFUSE    ? 'R'
                                       : '?';
}

/* ---- Schedules: one session, shown again and again while the clock does what it likes ---- */

/* Sessions of others are accepted, so that the store sweeps what has expired. */
static void others_come(node *n, occ_time now)
{
  for (int i = 0; i < 4; i++) {
    char *client = traffic_text("other-%d", i);
    char *body = challenged(n->server, client, now);
    const traffic_request request = { .body = body, .client = client, .wants = "asked" };
    traffic_result result;

    traffic_whole(&result, n->server, &request, now);
    free(body);
    free(client);
  }
}

enum { SHOW = 1, RESTART, OTHERS };

typedef struct event {
  int what;
  occ_time at; /* after NOW */
  char want;   /* of SHOW */
} event;

/* Small enough that four insertions sweep all of it. */
enum { FEW = 16 };

static void test_session__is_taken_once_whatever_the_clock(void **state)
{
  static const struct {
    const char *why;
    occ_time issued; /* after NOW */
    event event[8];
  } row[] = {
    { "shown twice", 0, { { SHOW, 0, 'G' }, { SHOW, 0, 'C' }, { SHOW, 1, 'C' } } },
    { "restart in the same millisecond, used",
      0,
      { { SHOW, 0, 'G' }, { RESTART, 0, 0 }, { SHOW, 0, 'C' }, { SHOW, 599 * S, 'C' } } },
    { "restart in the same millisecond, not used",
      0,
      { { RESTART, 0, 0 }, { SHOW, 0, 'C' }, { SHOW, 1, 'C' } } },
    { "restart in the same second",
      0,
      { { SHOW, 1, 'G' }, { RESTART, 400, 0 }, { SHOW, 999, 'C' } } },
    { "restarted twice",
      0,
      { { SHOW, 1, 'G' }, { RESTART, 1, 0 }, { RESTART, 1, 0 }, { SHOW, 2, 'C' } } },
    { "clock back by 1 s", 0, { { SHOW, 0, 'G' }, { SHOW, -1 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by 60 s", 0, { { SHOW, 0, 'G' }, { SHOW, -60 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by 119 s", 0, { { SHOW, 0, 'G' }, { SHOW, -119 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by 120 s", 0, { { SHOW, 0, 'G' }, { SHOW, -120 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by 121 s, to before it was made",
      0,
      { { SHOW, 0, 'G' }, { SHOW, -121 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by 121 s, to after it was made",
      -200 * S,
      { { SHOW, 0, 'G' }, { SHOW, -121 * S, 'C' }, { SHOW, -120 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by an hour",
      0,
      { { SHOW, 0, 'G' }, { SHOW, -3600 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "clock back by an hour before it is used",
      0,
      { { SHOW, -3600 * S, 'C' }, { SHOW, 1, 'G' }, { SHOW, 2, 'C' } } },
    { "clock back by 121 s before it is used, with nothing forgotten",
      -400 * S,
      { { OTHERS, 0, 0 }, { SHOW, -121 * S, 'G' }, { SHOW, -120 * S, 'C' }, { SHOW, 0, 'C' } } },
    { "clock back to 121 s before what is forgotten: nothing is used up by a 503",
      400 * S,
      { { OTHERS, 0, 0 },
        { OTHERS, 840 * S, 0 },
        { SHOW, 719 * S, 'U' },
        { SHOW, 720 * S - 1, 'U' },
        { SHOW, 720 * S, 'G' },
        { SHOW, 720 * S, 'C' },
        { SHOW, 840 * S, 'C' } } },
    { "clock back and restarted",
      0,
      { { SHOW, 0, 'G' }, { RESTART, -1 * S, 0 }, { SHOW, -1 * S, 'C' }, { SHOW, 0, 'C' } } },
    { "made by a clock 120 s ahead", 120 * S, { { SHOW, 0, 'G' }, { SHOW, 120 * S, 'C' } } },
    { "made by a clock more than 120 s ahead",
      120 * S + 1,
      { { SHOW, 0, 'C' }, { SHOW, 1, 'G' }, { SHOW, 120 * S, 'C' } } },
    { "used by a clock 120 s ahead",
      0,
      { { SHOW, 120 * S, 'G' }, { SHOW, 0, 'C' }, { SHOW, 120 * S, 'C' }, { SHOW, 1, 'C' } } },
    { "used by a clock 121 s ahead",
      0,
      { { SHOW, 121 * S, 'G' }, { SHOW, 0, 'C' }, { SHOW, 1 * S, 'C' } } },
    { "the entry expires and is swept, and the clock comes back",
      0,
      { { SHOW, 0, 'G' },
        { OTHERS, 841 * S, 0 },
        { SHOW, 841 * S, 'C' },
        { SHOW, 10 * S, 'U' },
        { SHOW, 599 * S, 'U' },
        { SHOW, 600 * S, 'C' },
        { SHOW, 721 * S, 'C' } } },
    { "used by a clock ahead just before it expires, then shown by one that is behind",
      0,
      { { SHOW, 599999, 'G' },
        { SHOW, 480 * S, 'C' },
        { OTHERS, 599999, 0 },
        { SHOW, 480 * S, 'C' } } },
    { "a clock a year ahead looks in before it is used",
      0,
      { { OTHERS, 365 * 86400 * S, 0 }, { SHOW, 0, 'G' }, { SHOW, 1, 'C' } } },
    { "a clock a year ahead looks in after it was used",
      0,
      { { SHOW, 0, 'G' },
        { OTHERS, 365 * 86400 * S, 0 },
        { SHOW, 0, 'U' },
        { SHOW, 599 * S, 'U' } } },
    { "expired", 0, { { SHOW, 600 * S, 'C' }, { SHOW, 599999, 'G' }, { SHOW, 600 * S, 'C' } } },
  };
  (void)state;

  for (size_t i = 0; i < LEN(row); i++) {
    int grants = 0;
    char *body;
    node n;

    print_message("  %s\n", row[i].why);
    node_open(&n, FEW, "accept", NOW - 4000 * S);
    body = challenged(n.server, NULL, NOW + row[i].issued);
    for (const event *e = row[i].event; e->what != 0; e++) {
      traffic_result result;

      if (e->what == RESTART) {
        node_restart(&n, NOW + e->at);
        continue;
      }
      if (e->what == OTHERS) {
        others_come(&n, NOW + e->at);
        continue;
      }
      result = send(n.server, body, NULL, "asked", NOW + e->at);
      assert_int_equal(letter(&result), e->want);
      grants += result.outcome == OCC_GRANT;
    }
    assert_in_range(grants, 0, 1);
    free(body);
    node_close(&n);
  }
}

/* Every order of three looks at the clock; before the second and the third a restart, or others, or nothing: one session,
 * never more than one grant. */
static void test_session__is_taken_once_in_every_order(void **state)
{
  static const occ_time at[] = { -3600 * S, -121 * S, 0, 120 * S, 121 * S, 841 * S };
  enum { TIMES = LEN(at), WAYS = 3, CHOICES = TIMES * WAYS, ORDERS = TIMES * CHOICES * CHOICES };
  size_t granted = 0;
  node n;
  (void)state;

  node_open(&n, FEW, "accept", NOW - 4000 * S);
  for (size_t order = 0; order < ORDERS; order++) {
    const size_t look[] = { order % TIMES * WAYS, order / TIMES % CHOICES,
                            order / TIMES / CHOICES };
    int grants = 0;
    char *body;

    node_restart(&n, NOW - 4000 * S);
    body = challenged(n.server, NULL, NOW);
    for (size_t i = 0; i < LEN(look); i++) {
      const occ_time now = NOW + at[look[i] / WAYS];
      traffic_result result;

      if (look[i] % WAYS == 1) {
        node_restart(&n, now);
      } else if (look[i] % WAYS == 2) {
        others_come(&n, now);
      }
      result = send(n.server, body, NULL, "asked", now);
      grants += result.outcome == OCC_GRANT;
    }
    free(body);
    granted += grants == 1;
    if (grants > 1) {
      fail_msg("order %zu: %d grants", order, grants);
    }
  }
  assert_true(granted > ORDERS / 8);
  node_close(&n);
}

/* ---- Proofs over a restart ---- */

typedef struct replay {
  const char *mode;
  int with_nonce;
  occ_time used, born; /* after NOW, which is the proof's iat */
} replay;

/* 1 if the proof was taken the first time; afterwards it must not be, at any time. */
static int used_and_shown_again(const replay *r)
{
  static const occ_time later[] = { 0, 1, 1000, 29999, 30000, 30001, 60000, 90000 };
  traffic_result result;
  char *proof;
  int taken;
  node n;

  node_open(&n, FEW, r->mode, NOW - 4000 * S);
  proof = proof_of("ask", NOW + r->used, "x");
  result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW + r->used);
  free(proof);
  /* a good nonce where the server makes them, else one that it does not know */
  proof = proof_of("p", NOW, !r->with_nonce ? NULL : result.nonce[0] != '\0' ? result.nonce : "x");
  result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW + r->used);
  taken = result.outcome == OCC_GRANT;
  node_restart(&n, NOW + r->born);
  for (size_t i = 0; i < LEN(later); i++) {
    result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW + r->born + later[i]);
    if (result.outcome == OCC_GRANT) {
      fail_msg("mode %s, nonce %d: used at %lld, restarted at %lld, taken again after %lld",
               r->mode, r->with_nonce, (long long)r->used, (long long)r->born, (long long)later[i]);
    }
  }
  free(proof);
  node_close(&n);
  return taken;
}

/* For every moment at which a proof can be used, and every restart after that. */
static void test_proof__is_not_taken_again_after_a_restart(void **state)
{
  static const occ_time used[] = { -30000, -29999, 0, 400, 30000, 60000 };
  static const occ_time born[] = { 0, 1, 600, 1000, 30000, 60000 };
  static const char *const mode[] = { "off", "accept", "require" };
  size_t taken = 0;
  (void)state;

  for (size_t i = 0; i < LEN(mode) * 2 * LEN(used) * LEN(born); i++) {
    const occ_time first = used[i / LEN(born) % LEN(used)];
    const replay r = { mode[i / LEN(born) / LEN(used) / 2], (int)(i / LEN(born) / LEN(used) % 2),
                       first, first + born[i % LEN(born)] };

    taken += (size_t)used_and_shown_again(&r);
  }
  assert_int_equal(taken, 5 * LEN(used) * LEN(born)); /* all but "require" without a nonce */
}

/* The same in its usual form, with the answers spelled out, and the way back to work. */
static void test_proof__after_a_restart_works_again(void **state)
{
  static const struct {
    const char *mode;
    const char *error;
    int http_status, with_nonce;
    occ_time works_at; /* after the restart, with a fresh proof and what the answer gave */
  } row[] = {
    { "off", "temporarily_unavailable", 503, 0, 31 * S },
    { "accept", "use_dpop_nonce", 400, 0, 0 },
    { "accept", "use_dpop_nonce", 400, 1, 0 },
    { "require", "use_dpop_nonce", 400, 1, 0 },
  };
  (void)state;

  for (size_t i = 0; i < LEN(row); i++) {
    traffic_result result;
    char *proof;
    node n;

    print_message("  %s\n", row[i].mode);
    node_open(&n, FEW, row[i].mode, NOW - 600 * S);
    result.nonce[0] = '\0';
    if (row[i].with_nonce) {
      proof = proof_of("none", NOW, strcmp(row[i].mode, "require") == 0 ? NULL : "x");
      result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW);
      free(proof);
      assert_string_not_equal(result.nonce, "");
    }
    proof = proof_of("p", NOW, row[i].with_nonce ? result.nonce : NULL);
    result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW);
    assert_int_equal(letter(&result), 'G');
    node_restart(&n, NOW);

    result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW);
    assert_int_equal(result.http_status, row[i].http_status);
    assert_string_equal(result.error, row[i].error);
    assert_int_equal(result.nonce[0] != '\0', row[i].http_status == 400);
    free(proof);

    for (occ_time early = 0; early < row[i].works_at; early += 10 * S) {
      proof = proof_of("early", NOW + early, NULL);
      result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW + early);
      assert_int_equal(result.http_status, 503);
      free(proof);
    }
    proof = proof_of("fresh", NOW + row[i].works_at, result.nonce[0] == '\0' ? NULL : result.nonce);
    result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW + row[i].works_at);
    assert_int_equal(letter(&result), 'G');
    result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW + row[i].works_at);
    assert_string_equal(result.reason, "dpop_replayed");
    free(proof);
    node_close(&n);
  }
}

/* A session that fell to a restart gives a fresh challenge at once, and that one works in the same millisecond. */
static void test_session__after_a_restart_works_again(void **state)
{
  traffic_result result;
  char *body;
  node n;
  (void)state;

  node_open(&n, FEW, "accept", NOW);
  body = challenged(n.server, NULL, NOW);
  node_restart(&n, NOW);
  result = send(n.server, body, NULL, "asked", NOW);
  free(body);
  assert_int_equal(letter(&result), 'C');
  assert_string_equal(result.stale, "session_of_another_store");
  body = traffic_follow_up(result.session, NULL);
  result = send(n.server, body, NULL, "asked", NOW);
  assert_int_equal(letter(&result), 'G');
  free(body);
  node_close(&n);
}

/* ---- Two servers from one configuration text, one key ring, two stores ---- */

typedef struct pair {
  traffic x;
  occ_store *store[2];
  occ_server *server[2];
} pair;

static void pair_open(pair *p, const char *mode)
{
  char text[16];

  (void)snprintf(text, sizeof(text), "%s", mode);
  traffic_open(&p->x, NULL);
  for (int i = 0; i < 2; i++) {
    p->store[i] = traffic_store(&p->x, 4096, NOW - 600 * S);
    p->server[i] = traffic_server(&p->x, traffic_config, p->store[i], tune_nonce, text);
  }
}

static void pair_close(pair *p)
{
  for (int i = 0; i < 2; i++) {
    occ_server_free(p->server[i]);
    occ_store_free(p->store[i]);
  }
  traffic_close(&p->x);
}

static void test_two_stores__no_session_of_one_is_good_at_the_other(void **state)
{
  static const char *const wants[] = { "asked", "attested" };
  pair p;
  (void)state;

  pair_open(&p, "accept");
  for (int i = 0; i < 4; i++) {
    occ_server *own = p.server[i / 2], *other = p.server[1 - i / 2];
    traffic_result result = send(own, TRAFFIC_BODY, NULL, wants[i % 2], NOW);
    char *token = traffic_assertion(result.session, TRAFFIC_CLIENT, NOW, "j");
    char *body = traffic_follow_up(result.session, i % 2 == 1 ? token : NULL);

    result = send(other, body, NULL, wants[i % 2], NOW + 1);
    assert_int_equal(letter(&result), 'C');
    assert_string_equal(result.stale, "session_of_another_store");
    result = send(own, body, NULL, wants[i % 2], NOW + 2); /* and nothing was used up by that */
    assert_int_equal(letter(&result), 'G');
    result = send(other, body, NULL, wants[i % 2], NOW + 3);
    assert_int_equal(letter(&result), 'C');
    result = send(own, body, NULL, wants[i % 2], NOW + 4);
    assert_int_equal(letter(&result), 'C');
    assert_string_equal(result.stale, "session_used");
    free(body);
    free(token);
  }
  pair_close(&p);
}

/* A nonce of ours replaces the window of iat. One of the other store does not; nor does a handle of the other. */
static void test_two_stores__no_nonce_of_one_counts_at_the_other(void **state)
{
  const occ_time old = NOW - 3600 * S;
  traffic_result nonce[2], result;
  char *proof;
  pair p;
  (void)state;

  pair_open(&p, "require");
  for (int i = 0; i < 2; i++) {
    proof = proof_of("ask", NOW, NULL);
    nonce[i] = send(p.server[i], TRAFFIC_BODY, proof, NULL, NOW);
    assert_string_equal(nonce[i].error, "use_dpop_nonce");
    free(proof);
  }
  assert_string_not_equal(nonce[0].nonce, nonce[1].nonce);
  for (int i = 0; i < 2; i++) {
    proof = proof_of("swapped", NOW, nonce[1 - i].nonce);
    result = send(p.server[i], TRAFFIC_BODY, proof, NULL, NOW);
    assert_string_equal(result.error, "use_dpop_nonce");
    assert_string_equal(result.reason, "dpop_nonce_unknown");
    free(proof);
    proof = proof_of("own", old, nonce[i].nonce);
    result = send(p.server[i], TRAFFIC_BODY, proof, NULL, NOW);
    assert_int_equal(letter(&result), 'G');
    free(proof);
  }
  pair_close(&p);

  pair_open(&p, "accept");
  for (int i = 0; i < 2; i++) {
    traffic_result asked = send(p.server[i], TRAFFIC_BODY, NULL, "asked", NOW);
    char *body = traffic_follow_up(asked.session, NULL);

    proof = proof_of("handle", old, asked.session);
    result = send(p.server[1 - i], body, proof, "asked", NOW);
    assert_string_equal(result.error, "invalid_dpop_proof");
    assert_string_equal(result.reason, "dpop_time");
    free(proof);
    free(body);
  }
  pair_close(&p);
}

/* ---- One store, several processes ---- */

enum { SESSIONS = 40, WORKERS = 3 };

typedef struct board { /* between the processes */
  atomic_int ready[SESSIONS];
  atomic_int granted[SESSIONS], challenged[SESSIONS], other;
} board;

static void *shared(size_t len)
{
  void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  assert_true(memory != MAP_FAILED);
  return memory;
}

/* All workers at each session at once, as far as the machine lets them. */
static void show_all(board *b, occ_server *server, char *const *body)
{
  for (int i = 0; i < SESSIONS; i++) {
    const traffic_request request = { .body = body[i], .wants = "asked" };
    traffic_result result;

    atomic_fetch_add(&b->ready[i], 1);
    for (long spins = 0; atomic_load(&b->ready[i]) < WORKERS && spins < 2000000; spins++) {
    }
    traffic_whole(&result, server, &request, NOW + 1);
    atomic_fetch_add(result.outcome == OCC_GRANT       ? &b->granted[i]
                     : result.outcome == OCC_CHALLENGE ? &b->challenged[i]
                                                       : &b->other,
                     1);
  }
}

/* A worker that comes later: everything of its own but the memory. */
static void join_and_show(board *b, void *region, size_t len, char *const *body)
{
  occ_store *store = NULL;
  occ_server *server;
  traffic x;

  traffic_open(&x, NULL);
  if (occ_store_open(&store, x.lib, region, len, NOW) != OCC_OK) {
    atomic_fetch_add(&b->other, 1);
    _exit(1);
  }
  server = traffic_server(&x, traffic_config, store, NULL, NULL);
  show_all(b, server, body);
  occ_server_free(server);
  occ_store_free(store);
  traffic_close(&x);
}

static void assert_board(const board *b, int workers)
{
  assert_int_equal(atomic_load(&b->other), 0);
  for (int i = 0; i < SESSIONS; i++) {
    assert_int_equal(atomic_load(&b->granted[i]), 1);
    assert_int_equal(atomic_load(&b->challenged[i]), workers - 1);
  }
}

static void wait_for_all(const pid_t *child, int count)
{
  for (int i = 0; i < count; i++) {
    int status = -1;

    assert_int_equal(waitpid(child[i], &status, 0), child[i]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

/* region: NULL: a store of its own memory, shared by those that are forked later. */
static void workers(void *region, size_t len)
{
  board *b = shared(sizeof(*b));
  char *body[SESSIONS];
  occ_store *store = NULL;
  occ_server *server;
  pid_t child[WORKERS];
  traffic x;

  traffic_open(&x, NULL);
  if (region == NULL) {
    store = traffic_store(&x, 65536, NOW - 600 * S);
  } else {
    assert_int_equal(occ_store_open(&store, x.lib, region, len, NOW - 600 * S), OCC_OK);
  }
  server = traffic_server(&x, traffic_config, store, NULL, NULL);
  for (int i = 0; i < SESSIONS; i++) {
    body[i] = challenged(server, NULL, NOW);
  }
  for (int i = 0; i < WORKERS; i++) {
    child[i] = fork();
    assert_true(child[i] >= 0);
    if (child[i] == 0) {
      if (region == NULL || i == 0) { /* an old worker: what it had from its parent */
        show_all(b, server, body);
      } else {
        join_and_show(b, region, len, body);
      }
      _exit(0);
    }
  }
  wait_for_all(child, WORKERS);
  assert_board(b, WORKERS);
  for (int i = 0; i < SESSIONS; i++) {
    traffic_result result =
        send(server, body[i], NULL, "asked", NOW + 2); /* the parent sees it too */

    assert_string_equal(result.stale, "session_used");
    free(body[i]);
  }
  occ_server_free(server);
  occ_store_free(store);
  traffic_close(&x);
  assert_int_equal(munmap(b, sizeof(*b)), 0);
}

static void test_shared_store__old_and_new_workers_grant_once(void **state)
{
  const size_t len = 1u << 22;
  void *region = shared(len);
  (void)state;

  workers(region, len);
  assert_int_equal(munmap(region, len), 0);
}

static void test_own_store__forked_workers_grant_once(void **state)
{
  (void)state;
  workers(NULL, 0);
}

/* ---- Reload: a new server beside the old ---- */

static void test_reload__a_session_of_the_old_server_is_good_at_the_new(void **state)
{
  traffic_result result;
  occ_store *store;
  occ_server *old, *new;
  char *body[2];
  traffic x;
  (void)state;

  traffic_open(&x, NULL);
  store = traffic_store(&x, 4096, NOW - 600 * S);
  old = traffic_server(&x, traffic_config, store, NULL, NULL);
  body[0] = challenged(old, NULL, NOW);
  body[1] = challenged(old, NULL, NOW);
  new = traffic_server(&x, traffic_config, store, NULL, NULL);
  occ_store_free(store); /* both servers hold it */
  result = send(old, body[1], NULL, "asked", NOW + 1);
  assert_int_equal(letter(&result), 'G');
  occ_server_free(old);
  result = send(new, body[1], NULL, "asked", NOW + 2);
  assert_int_equal(letter(&result), 'C');
  assert_string_equal(result.stale, "session_used");
  result = send(new, body[0], NULL, "asked", NOW + 3);
  assert_int_equal(letter(&result), 'G');
  result = send(new, body[0], NULL, "asked", NOW + 4);
  assert_int_equal(letter(&result), 'C');
  free(body[0]);
  free(body[1]);
  occ_server_free(new);
  traffic_close(&x);
}

/* A reload that takes the requirement away: the session is stale, not an error and not a grant. */
static void test_reload__a_requirement_that_is_gone_makes_the_session_stale(void **state)
{
  static const char without[] =
      "{\"token_urls\":[\"" TRAFFIC_URL "\"],"
      "\"types\":{\"https://host.example/ev\":{\"class\":\"provenance\",\"params\":[\"ev\"],"
      "\"headers\":[]}},\"requirements\":{\"other\":{\"type\":\"https://host.example/ev\"}}}";
  traffic_result result;
  occ_server *new;
  char *body;
  node n;
  (void)state;

  node_open(&n, 4096, "accept", NOW - 600 * S);
  body = challenged(n.server, NULL, NOW);
  new = traffic_server(&n.x, without, n.store, NULL, NULL);
  result = send(new, body, NULL, "other", NOW + 1);
  assert_int_equal(letter(&result), 'C');
  assert_string_equal(result.stale, "session_requirement_gone");
  result = send(n.server, body, NULL, "asked", NOW + 2);
  assert_int_equal(letter(&result), 'G');
  free(body);
  occ_server_free(new);
  node_close(&n);
}

/* ---- One client cannot starve another ---- */

enum { LEAST = 16 }; /* what any client may hold of a small store */

static traffic_result follow_up(occ_server *server, const char *client, occ_time now)
{
  char *body = challenged(server, client, now);
  const traffic_request request = { .body = body, .client = client, .wants = "asked" };
  traffic_result result;

  traffic_whole(&result, server, &request, now);
  free(body);
  return result;
}

static void test_clients__one_cannot_starve_another_of_sessions(void **state)
{
  traffic_result result;
  node n;
  (void)state;

  node_open(&n, 4096, "accept", NOW - 600 * S);
  for (int i = 0; i < LEAST; i++) {
    result = follow_up(n.server, "greedy", NOW);
    assert_int_equal(letter(&result), 'G');
  }
  for (int i = 0; i < 40; i++) {
    result = follow_up(n.server, "greedy", NOW);
    assert_int_equal(letter(&result), 'U');
    assert_string_equal(result.reason, "store_unavailable");
  }
  result = follow_up(n.server, "modest", NOW);
  assert_int_equal(letter(&result), 'G');
  result = follow_up(n.server, "greedy", NOW + 840 * S - 1);
  assert_int_equal(letter(&result), 'U');
  result = follow_up(n.server, "greedy", NOW + 840 * S); /* its entries have expired */
  assert_int_equal(letter(&result), 'G');
  node_close(&n);
}

/* The session finds no room after its proof has: the proof is as new as before. */
static void test_clients__no_room_uses_nothing_up(void **state)
{
  char *proof[2] = { proof_of("first", NOW, NULL), proof_of("second", NOW, NULL) };
  traffic_request request = { .body = TRAFFIC_BODY, .proof = proof[0], .wants = "asked" };
  traffic_result result;
  char *body;
  node n;
  (void)state;

  node_open(&n, 4096, "off", NOW - 600 * S);
  for (int i = 0; i < LEAST; i++) {
    result = follow_up(n.server, TRAFFIC_CLIENT, NOW);
    assert_int_equal(letter(&result), 'G');
  }
  traffic_whole(&result, n.server, &request, NOW);
  assert_int_equal(letter(&result), 'C');
  body = traffic_follow_up(result.session, NULL);
  for (int i = 0; i < 3; i++) {
    result = send(n.server, body, proof[1], "asked", NOW);
    assert_int_equal(letter(&result), 'U');
  }
  result = send(n.server, TRAFFIC_BODY, proof[1], NULL, NOW);
  assert_int_equal(letter(&result), 'G');
  result = send(n.server, TRAFFIC_BODY, proof[1], NULL, NOW);
  assert_int_equal(letter(&result), 'R');
  free(body);
  free(proof[0]);
  free(proof[1]);
  node_close(&n);
}

/* client: NULL: nobody is authenticated, and the body claims client_id. */
static traffic_result with_proof_at(occ_server *server, const char *client, const char *claimed,
                                    const char *key, int number, occ_time iat, occ_time now)
{
  char *jti = traffic_text("%s-%s-%d", client == NULL ? "-" : client, claimed, number);
  char *proof = test_dpop(key, "POST", TRAFFIC_URL, iat / 1000, jti, NULL);
  char *body = traffic_text(TRAFFIC_BODY "&client_id=%s", claimed);
  traffic_result result;
  occ_txn *txn = NULL;
  int rc;

  assert_int_equal(occ_txn_new(&txn, server, OCC_TOKEN, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, body, strlen(body)), OCC_OK);
  assert_int_equal(occ_txn_add_header(txn, "DPoP", proof, strlen(proof)), OCC_OK);
  assert_int_equal(occ_txn_set_metadata(txn, traffic_metadata, strlen(traffic_metadata)), OCC_OK);
  if (client != NULL) {
    assert_int_equal(occ_txn_set_client(txn, client, "client_secret_basic", NULL), OCC_OK);
  }
  rc = traffic_run(txn, NULL, now);
  traffic_read(&result, txn, rc);
  occ_txn_free(txn);
  free(body);
  free(proof);
  free(jti);
  return result;
}

static traffic_result with_proof(occ_server *server, const char *client, const char *claimed,
                                 const char *key, int number)
{
  return with_proof_at(server, client, claimed, key, number, NOW, NOW);
}

static void test_clients__one_cannot_starve_another_of_proofs(void **state)
{
  traffic_result result;
  node n;
  (void)state;

  node_open(&n, 4096, "off", NOW - 600 * S);
  for (int i = 0; i < LEAST; i++) {
    result = with_proof(n.server, "greedy", "greedy", TEST_CLIENT_A_PRIVATE, i);
    assert_int_equal(letter(&result), 'G');
  }
  for (int i = LEAST; i < LEAST + 10; i++) {
    result = with_proof(n.server, "greedy", "greedy", TEST_CLIENT_A_PRIVATE, i);
    assert_int_equal(letter(&result), 'U');
  }
  result = with_proof(n.server, "modest", "modest", TEST_CLIENT_B_PRIVATE, 0);
  assert_int_equal(letter(&result), 'G');
  node_close(&n);
}

/* A full store is not a young one: no nonce is offered that would not help. */
static void test_clients__a_full_store_offers_no_nonce(void **state)
{
  traffic_result result;
  node n;
  (void)state;

  node_open(&n, 4096, "accept", NOW - 600 * S);
  for (int i = 0; i <= LEAST; i++) {
    result = with_proof(n.server, "greedy", "greedy", TEST_CLIENT_A_PRIVATE, i);
    assert_int_equal(letter(&result), i < LEAST ? 'G' : 'U');
  }
  assert_string_equal(result.reason, "store_unavailable");
  assert_string_equal(result.nonce, "");
  node_close(&n);
}

/* One request a second, each with a proof of its own, for longer than any entry lives. */
static void test_clients__a_busy_one_is_served(void **state)
{
  node n;
  (void)state;

  node_open(&n, 96000, "accept", NOW - 600 * S); /* 300 proofs of one client, as the guide says */
  for (int i = 0; i < 1000; i++) {
    traffic_result result =
        with_proof_at(n.server, "busy", "busy", TEST_CLIENT_A_PRIVATE, i, NOW + i * S, NOW + i * S);

    if (letter(&result) != 'G') {
      fail_msg("request %d: %s", i, result.reason);
    }
  }
  node_close(&n);
}

/* Keys cost nothing. Two of them, neither at its own limit, fill what strangers have; the clients have the rest. */
static void test_clients__strangers_do_not_shut_out_clients(void **state)
{
  traffic_result result;
  node n;
  (void)state;

  node_open(&n, 320, "off", NOW - 600 * S); /* 100 proofs, 25 of strangers */
  for (int i = 0; i < LEAST; i++) {
    result = with_proof(n.server, NULL, "a", TEST_CLIENT_A_PRIVATE, i);
    assert_int_equal(letter(&result), 'G');
  }
  for (int i = 0; i < LEAST; i++) {
    result = with_proof(n.server, NULL, "b", TEST_CLIENT_B_PRIVATE, i);
    assert_int_equal(letter(&result), i < 25 - LEAST ? 'G' : 'U');
  }
  for (int i = 0; i < 75; i++) {
    char *client = traffic_text("client-%d", i / LEAST);

    result = with_proof(n.server, client, client, TEST_CLIENT_B_PRIVATE, i);
    assert_int_equal(letter(&result), 'G');
    free(client);
  }
  result = with_proof(n.server, "late", "late", TEST_CLIENT_B_PRIVATE, 0);
  assert_int_equal(letter(&result), 'U');
  node_close(&n);
}

/* Who is not authenticated takes no room from the client that it says it is. */
static void test_clients__a_claimed_name_does_not_starve_its_owner(void **state)
{
  traffic_result result;
  node n;
  (void)state;

  node_open(&n, 4096, "off", NOW - 600 * S);
  for (int i = 0; i < LEAST + 10; i++) {
    result = with_proof(n.server, NULL, "victim", TEST_CLIENT_A_PRIVATE, i);
    assert_int_equal(letter(&result), i < LEAST ? 'G' : 'U');
  }
  result = with_proof(n.server, "victim", "victim", TEST_CLIENT_B_PRIVATE, 0);
  assert_int_equal(letter(&result), 'G');
  node_close(&n);
}

/* ---- Proofs to the end of their life ---- */

enum { NO_NONCE, OURS, UNKNOWN, OWN_HANDLE };

/* Shown every 20 s, at clocks that differ by 240 s, while a node with the clock ahead sweeps: taken once. */
static void shown_to_the_end(int nonce, occ_time iat)
{
  static const occ_time clock[] = { 0, -120 * S, -240 * S };
  char *body = NULL, *proof, *plain;
  traffic_result result;
  int number = 0;
  node n;

  node_open(&n, FEW, "accept", NOW - 4000 * S);
  proof = proof_of("ask", NOW, NULL);
  result = send(n.server, TRAFFIC_BODY, proof, "asked", NOW);
  assert_int_equal(letter(&result), 'C');
  body = traffic_follow_up(result.session, NULL);
  free(proof);
  proof = proof_of("p", NOW + iat,
                   nonce == NO_NONCE  ? NULL
                   : nonce == OURS    ? result.nonce
                   : nonce == UNKNOWN ? "x"
                                      : result.session);
  result = send(n.server, TRAFFIC_BODY, proof, NULL, NOW);
  assert_int_equal(letter(&result), 'G');
  for (occ_time t = 0; t < 1100 * S; t += 20 * S) {
    for (int i = 0; i < 2; i++) {
      const occ_time ahead = NOW + t + 120 * S; /* proofs go soon: a pool of 16 must not be full */

      plain = traffic_text("other-%d", number++);
      result =
          with_proof_at(n.server, plain, plain, TEST_CLIENT_B_PRIVATE, 0, ahead - 60 * S, ahead);
      assert_int_equal(letter(&result), 'G');
      free(plain);
    }
    for (size_t i = 0; i < 2 * LEN(clock); i++) {
      result =
          send(n.server, i % 2 == 0 ? TRAFFIC_BODY : body, proof, NULL, NOW + t + clock[i / 2]);
      if (result.outcome == OCC_GRANT) {
        fail_msg("nonce %d, iat %lld: taken again after %lld s by a clock %lld s behind", nonce,
                 (long long)(iat / S), (long long)(t / S), (long long)(-clock[i / 2] / S));
      }
    }
  }
  free(proof);
  free(body);
  node_close(&n);
}

static void test_proof__is_taken_once_to_the_end_of_its_life(void **state)
{
  static const struct {
    int nonce;
    occ_time iat;
  } row[] = {
    { NO_NONCE, 0 },   { NO_NONCE, 30 * S },   { NO_NONCE, -60 * S }, { UNKNOWN, 30 * S },
    { OWN_HANDLE, 0 }, { OWN_HANDLE, 30 * S }, { OURS, 0 },           { OURS, -3600 * S },
    { OURS, 100 * S }, { OURS, 300 * S },      { OURS, 600 * S },     { OURS, 659 * S },
  };
  (void)state;

  for (size_t i = 0; i < LEN(row); i++) {
    shown_to_the_end(row[i].nonce, row[i].iat);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_session__is_taken_once_whatever_the_clock),
    cmocka_unit_test(test_session__is_taken_once_in_every_order),
    cmocka_unit_test(test_session__after_a_restart_works_again),
    cmocka_unit_test(test_proof__is_not_taken_again_after_a_restart),
    cmocka_unit_test(test_proof__after_a_restart_works_again),
    cmocka_unit_test(test_proof__is_taken_once_to_the_end_of_its_life),
    cmocka_unit_test(test_two_stores__no_session_of_one_is_good_at_the_other),
    cmocka_unit_test(test_two_stores__no_nonce_of_one_counts_at_the_other),
    cmocka_unit_test(test_shared_store__old_and_new_workers_grant_once),
    cmocka_unit_test(test_own_store__forked_workers_grant_once),
    cmocka_unit_test(test_reload__a_session_of_the_old_server_is_good_at_the_new),
    cmocka_unit_test(test_reload__a_requirement_that_is_gone_makes_the_session_stale),
    cmocka_unit_test(test_clients__one_cannot_starve_another_of_sessions),
    cmocka_unit_test(test_clients__no_room_uses_nothing_up),
    cmocka_unit_test(test_clients__one_cannot_starve_another_of_proofs),
    cmocka_unit_test(test_clients__a_full_store_offers_no_nonce),
    cmocka_unit_test(test_clients__a_busy_one_is_served),
    cmocka_unit_test(test_clients__strangers_do_not_shut_out_clients),
    cmocka_unit_test(test_clients__a_claimed_name_does_not_starve_its_owner),
  };

  return cmocka_run_group_tests_name("scenario/restart", tests, NULL, NULL);
}
