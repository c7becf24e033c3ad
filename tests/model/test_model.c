/* SPDX-License-Identifier: MIT
 *
 * The machine against an independent one. The model below was written from docs/architecture.md, as a walk of phases, and knows
 * nothing of the table. For every kind of request, breadth-first: a real txn is driven with every answer in every
 * position, until no new pair (state of the machine, state of the model) appears; after each answer both must agree on
 * the question that is open, or on how it ended. Nobody answers by callback here: each question is the test's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/txn.h"
#include "test_keys.h"

#define T0        INT64_C(1800000000000)
#define TOKEN_URL "https://as.example/token"
#define SECOND    1000

/* ---- The requests ------------------------------------------------------------------------------------------------ */

enum client { NO_CLIENT, SET_WITH_METADATA, SET_WITHOUT_METADATA, CLAIMED, ASSERTED };
#define CLIENTS 5
enum handle { NO_HANDLE, FORGED, LIVE, CHANGED };
enum evidence { DECLARED, SIGNED, LEDGER };

typedef struct scenario {
  enum client client;
  int proof, check, stored;
  enum handle handle;
  enum evidence evidence;
} scenario;

/* ---- The model ---------------------------------------------------------------------------------------------------- */

typedef struct model {
  occ_ask open;        /* OCC_ASK_NONE: ended */
  occ_outcome outcome; /* when ended */
  int opened, live, capable, authenticated, has_key, accepted, reserved, settled;
} model;

typedef enum input {
  IN_YES,
  IN_NO,
  IN_NO_LAST, /* ONCE: the last key was there */
  IN_RETRY,
  IN_RETRY_YOUNG, /* ONCE: with the store's reason */
  IN_RETRY_FULL,
  IN_GARBAGE,
  IN_CHALLENGE,
  IN_REFUSE,
  IN_LATE,   /* the deadline passes */
  IN_LAPSE,  /* the session's expiry passes, then yes */
  IN_COMMIT, /* after GRANT: the token was made */
  IN_GIVE_BACK,
  INPUTS
} input;

static model ended(model m, occ_outcome outcome)
{
  m.open = OCC_ASK_NONE;
  m.outcome = outcome;
  return m;
}

static model asks(model m, occ_ask kind)
{
  m.open = kind;
  return m;
}

/* A request that ends without a grant gives back what it had reserved. */
static model closes(model m, occ_outcome outcome)
{
  m.outcome = outcome;
  return m.reserved ? asks(m, OCC_ASK_RELEASE) : ended(m, outcome);
}

static model challenges(const scenario *s, model m)
{
  if (!m.capable || (!m.authenticated && !s->proof)) {
    return closes(m, OCC_REFUSE);
  }
  return s->stored ? asks(m, OCC_ASK_KEEP) : closes(m, OCC_CHALLENGE);
}

static model after_once(const scenario *s, model m)
{
  if (!m.live) {
    return asks(m, OCC_ASK_DECIDE);
  }
  switch (s->evidence) {
  case DECLARED:
    return asks(m, OCC_ASK_VERIFY);
  case LEDGER:
    return asks(m, OCC_ASK_RESERVE);
  case SIGNED:
    break;
  }
  m.accepted = m.has_key;
  return m.has_key ? asks(m, OCC_ASK_DECIDE) : closes(m, OCC_REFUSE);
}

static model before_once(const scenario *s, model m)
{
  m.live = m.opened && s->handle == LIVE;
  return s->proof || s->client == ASSERTED || m.live ? asks(m, OCC_ASK_ONCE) : after_once(s, m);
}

static model after_check(const scenario *s, model m)
{
  const int live = m.opened && s->handle == LIVE;

  return live && s->evidence == SIGNED ? asks(m, OCC_ASK_KEYS) : before_once(s, m);
}

static model after_client(const scenario *s, model m)
{
  return s->check ? asks(m, OCC_ASK_CHECK) : after_check(s, m);
}

static model after_handle(const scenario *s, model m)
{
  m.capable = s->client == SET_WITH_METADATA;
  m.authenticated = s->client == SET_WITH_METADATA || s->client == SET_WITHOUT_METADATA;
  return s->client == NO_CLIENT || s->client == SET_WITH_METADATA ? after_client(s, m)
                                                                  : asks(m, OCC_ASK_CLIENT);
}

static model model_start(const scenario *s)
{
  model m = { 0 };

  m.opened = !s->stored && (s->handle == LIVE || s->handle == CHANGED);
  return s->stored && s->handle != NO_HANDLE ? asks(m, OCC_ASK_RECALL) : after_handle(s, m);
}

/* Which keys ONCE has: proof, the client's assertion, session, evidence. */
static size_t once_keys(const scenario *s, const model *m)
{
  return (s->proof ? 1u : 0u) + (s->client == ASSERTED ? 1u : 0u) + (m->live ? 1u : 0u) +
         (m->live && s->evidence == SIGNED ? 1u : 0u);
}

static model once_no(const scenario *s, model m, size_t place)
{
  const size_t session = (s->proof ? 1u : 0u) + (s->client == ASSERTED ? 1u : 0u);

  if (m.live && place == session) {
    m.live = 0;
    return asks(m, OCC_ASK_DECIDE);
  }
  return closes(m, OCC_REFUSE);
}

/* Is this input possible where m is? */
static int applies(const model *m, input in)
{
  switch (in) {
  case IN_CHALLENGE:
  case IN_LAPSE:
    return m->open == OCC_ASK_DECIDE;
  case IN_REFUSE:
    return m->open == OCC_ASK_DECIDE || m->open == OCC_ASK_CHECK;
  case IN_GARBAGE:
    return m->open == OCC_ASK_RECALL || m->open == OCC_ASK_CLIENT || m->open == OCC_ASK_CHECK ||
           m->open == OCC_ASK_KEYS || m->open == OCC_ASK_ONCE || m->open == OCC_ASK_VERIFY;
  case IN_NO_LAST:
  case IN_RETRY_YOUNG:
  case IN_RETRY_FULL:
    return m->open == OCC_ASK_ONCE;
  case IN_COMMIT:
  case IN_GIVE_BACK:
    return m->open == OCC_ASK_NONE && m->outcome == OCC_GRANT && m->reserved && !m->settled;
  case IN_YES:
  case IN_NO:
  case IN_RETRY:
  case IN_LATE:
    return m->open != OCC_ASK_NONE;
  case INPUTS:
    break;
  }
  return 0;
}

static model model_step(const scenario *s, model m, input in)
{
  if (in == IN_LATE || in == IN_GARBAGE) {
    return ended(m, OCC_FAILED);
  }
  if (in == IN_COMMIT || in == IN_GIVE_BACK) {
    m.settled = 1;
    return asks(m, in == IN_COMMIT ? OCC_ASK_COMMIT : OCC_ASK_RELEASE);
  }
  switch (m.open) {
  case OCC_ASK_RECALL:
    m.opened = in == IN_YES && s->handle != FORGED;
    return in == IN_RETRY ? ended(m, OCC_FAILED) : after_handle(s, m);
  case OCC_ASK_CLIENT:
    m.capable = in == IN_YES;
    if (in == IN_NO && (s->client == CLAIMED || s->client == ASSERTED)) {
      return closes(m, OCC_REFUSE);
    }
    if (in == IN_YES && s->client == ASSERTED) { /* its own keys, to authenticate it with */
      return asks(m, OCC_ASK_KEYS);
    }
    return in == IN_RETRY ? ended(m, OCC_FAILED) : after_client(s, m);
  case OCC_ASK_CHECK:
    return in == IN_YES     ? after_check(s, m)
           : in == IN_RETRY ? ended(m, OCC_FAILED)
                            : closes(m, OCC_REFUSE);
  case OCC_ASK_KEYS:
    if (s->client == ASSERTED && !m.authenticated) {
      m.authenticated = in == IN_YES;
      return in == IN_YES     ? after_client(s, m)
             : in == IN_RETRY ? ended(m, OCC_FAILED)
                              : closes(m, OCC_REFUSE);
    }
    m.has_key = in == IN_YES;
    return in == IN_RETRY ? ended(m, OCC_FAILED) : before_once(s, m);
  case OCC_ASK_ONCE:
    if (in == IN_YES) {
      return after_once(s, m);
    }
    if (in == IN_RETRY_FULL) {
      return ended(m, OCC_FAILED);
    }
    if (in == IN_RETRY || in == IN_RETRY_YOUNG) {
      /* A fresh nonce helps where the proof had none. An assertion of the same second may be used for 10 s back, a proof
       * for 30 s, so it is the proof that may be too old. */
      return s->proof ? closes(m, OCC_REFUSE) : ended(m, OCC_FAILED);
    }
    return once_no(s, m, in == IN_NO ? 0 : once_keys(s, &m) - 1);
  case OCC_ASK_VERIFY:
  case OCC_ASK_RESERVE:
    if (in == IN_RETRY) {
      return challenges(s, m);
    }
    m.reserved = in == IN_YES && m.open == OCC_ASK_RESERVE;
    m.accepted = in == IN_YES;
    return in == IN_YES ? asks(m, OCC_ASK_DECIDE) : closes(m, OCC_REFUSE);
  case OCC_ASK_DECIDE:
    if (in == IN_CHALLENGE || (in == IN_LAPSE && m.live)) {
      return challenges(s, m);
    }
    if (in == IN_YES || in == IN_LAPSE) {
      return ended(m, OCC_GRANT);
    }
    return in == IN_RETRY ? ended(m, OCC_FAILED) : closes(m, OCC_REFUSE);
  case OCC_ASK_KEEP:
    return in == IN_YES ? closes(m, OCC_CHALLENGE) : ended(m, OCC_FAILED);
  case OCC_ASK_RELEASE:
    m.reserved = 0;
    return ended(m, m.outcome);
  case OCC_ASK_COMMIT:
    m.reserved = in != IN_YES;
    return in == IN_YES ? ended(m, OCC_GRANT) : ended(m, OCC_FAILED);
  case OCC_ASK_NONE:
  case OCC_ASK_STATUS:
  case OCC_ASK_COVER:
  case OCC_ASK_FETCH:
  case OCC_ASK_WAIT:
  case OCC_ASK_SEND:
  case OCC_ASK_SOLVE:
  case OCC_ASK_SIGN:
  case OCC_ASK_DISCLOSE:
    break;
  }
  fail_msg("the model does not know question %d", (int)m.open);
  return m;
}

/* ---- The real machine ---------------------------------------------------------------------------------------------- */

static int ledger_judge(occ_evidence *evidence, int step, void *self)
{
  static const uint8_t key[OCC__SHA256_LEN] = { OCC__PURPOSE_MANDATE, 1 };

  (void)self;
  if (step == 0) {
    occ_question *q = occ_evidence_ask(evidence, OCC_ASK_RESERVE);
    if (q == NULL) {
      return OCC_ERR_STATE;
    }
    q->key = key;
    q->keys = 1;
    q->expires = q->now + 60 * SECOND;
    return OCC_PENDING;
  }
  return occ_evidence_answer(evidence, NULL, NULL) == OCC_YES
             ? occ_evidence_accept(evidence, NULL, 0)
             : occ_evidence_reject(evidence, "spent");
}

static const char *const ledger_params[] = { "mandate", NULL };
static const occ_type ledger_type = {
  .size = sizeof(occ_type),
  .name = "ledger",
  .evidence_class = OCC_PROVENANCE,
  .params = ledger_params,
  .judge = ledger_judge,
};

static const char ring_json[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
    "\"seal_from\":1,\"open_until\":9000000000000}]}";
static const char config_json[] =
    "{\"token_urls\":[\"" TOKEN_URL "\"],\"deadline\":60,"
    "\"store_id\":\"AAAAAAAAAAAAAAAAAAAAAA\","
    "\"types\":{\"declared\":{\"class\":\"provenance\",\"params\":[\"ev\"],\"headers\":[]}},"
    "\"requirements\":{\"declared\":{\"type\":\"declared\",\"expiry\":10},"
    "\"signed\":{\"type\":\"jwt_assertion\",\"issuer\":[\"https://iss.example\"],\"expiry\":10},"
    "\"ledger\":{\"type\":\"ledger\",\"expiry\":10}}}";

static occ_lib *lib;
static occ_keyring *ring;
static occ_server *servers[2][2]; /* [check][stored] */
static char *proof_a, *proof_b;   /* of the first request and of the follow-up */
static char *client_a, *client_b; /* assertions of the client for them */

static occ_server *make_server(int check, int stored)
{
  occ_config *config = NULL;
  occ_server *server = NULL;

  assert_int_equal(occ_config_new(&config, lib, "https://as.example"), OCC_OK);
  assert_int_equal(occ_config_add_type(config, &ledger_type, NULL), OCC_OK);
  assert_int_equal(occ_config_load(config, config_json, strlen(config_json)), OCC_OK);
  assert_int_equal(occ_config_set(config, "check", check ? "true" : "false"), OCC_OK);
  assert_int_equal(occ_config_set(config, "session_mode", stored ? "stored" : "sealed"), OCC_OK);
  assert_int_equal(occ_keyring_attach(ring, config), OCC_OK);
  assert_int_equal(occ_server_new(&server, config), OCC_OK);
  occ_config_free(config);
  return server;
}

static char *client_assertion(const char *jti)
{
  char claims[512];

  snprintf(claims, sizeof(claims),
           "{\"iss\":\"agent-7\",\"sub\":\"agent-7\",\"aud\":\"https://as.example\","
           "\"iat\":%lld,\"exp\":%lld,\"jti\":\"%s\"}",
           (long long)(T0 / 1000), (long long)(T0 / 1000 + 300), jti);
  return test_jws(TEST_CLIENT_B_PRIVATE, "{\"alg\":\"ES256\"}", claims);
}

static int set_up(void **state)
{
  (void)state;
  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  assert_int_equal(occ_keyring_new(&ring, lib), OCC_OK);
  assert_int_equal(occ_keyring_load(ring, ring_json, strlen(ring_json), T0, 0), OCC_OK);
  for (int check = 0; check < 2; check++) {
    for (int stored = 0; stored < 2; stored++) {
      servers[check][stored] = make_server(check, stored);
    }
  }
  proof_a = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TOKEN_URL, T0 / 1000, "a", NULL);
  proof_b = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TOKEN_URL, T0 / 1000, "b", NULL);
  client_a = client_assertion("a");
  client_b = client_assertion("b");
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  free(proof_a);
  free(proof_b);
  free(client_a);
  free(client_b);
  for (int i = 0; i < 4; i++) {
    occ_server_free(servers[i / 2][i % 2]);
  }
  occ_keyring_free(ring);
  occ_lib_free(lib);
  return 0;
}

typedef struct waiting { /* a challenge that was made before: its handle, and what the store kept */
  char handle[OCC__MAX_HANDLE + 1];
  uint8_t kept[OCC__MAX_HANDLE];
  size_t kept_len;
  char *token; /* SIGNED: the assertion for it */
} waiting;

static const char metadata[] = "{\"insufficient_client_authorization_supported\":true}";
static const char client_answer[] =
    "{\"metadata\":{\"insufficient_client_authorization_supported\":true}}";
static const char asserted_answer[] =
    "{\"metadata\":{\"insufficient_client_authorization_supported\":true,"
    "\"token_endpoint_auth_method\":\"private_key_jwt\"}}";

static const char *requirement_of(const scenario *s)
{
  return s->evidence == DECLARED ? "declared" : s->evidence == SIGNED ? "signed" : "ledger";
}

static occ_txn *make_txn(const scenario *s, const waiting *w, int follow_up)
{
  const char *proof = follow_up ? proof_b : proof_a;
  char body[8192];
  occ_txn *txn = NULL;
  int n = snprintf(body, sizeof(body), "grant_type=client_credentials&scope=%s%s",
                   follow_up && s->handle == CHANGED ? "more" : "a",
                   s->client == CLAIMED ? "&client_id=agent-7" : "");

  if (s->client == ASSERTED) {
    n += snprintf(body + n, sizeof(body) - (size_t)n,
                  "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                  "&client_assertion=%s",
                  follow_up ? client_b : client_a);
  }
  if (follow_up && s->handle != NO_HANDLE) {
    n += snprintf(body + n, sizeof(body) - (size_t)n, "&challenge_session=%s", w->handle);
    if (s->evidence == SIGNED) {
      snprintf(body + n, sizeof(body) - (size_t)n,
               "&claim_token=%s&claim_token_format=urn:ietf:params:oauth:token-type:jwt",
               w->token == NULL ? "none" : w->token);
    } else {
      snprintf(body + n, sizeof(body) - (size_t)n, "&%s=x",
               s->evidence == DECLARED ? "ev" : "mandate");
    }
  }
  assert_int_equal(occ_txn_new(&txn, servers[s->check][s->stored], OCC_TOKEN, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, body, strlen(body)), OCC_OK);
  if (s->proof) {
    assert_int_equal(occ_txn_add_header(txn, "DPoP", proof, strlen(proof)), OCC_OK);
  }
  if (s->client == SET_WITH_METADATA || s->client == SET_WITHOUT_METADATA) {
    assert_int_equal(occ_txn_set_client(txn, "agent-7", "client_secret_basic", NULL), OCC_OK);
  }
  if (s->client == SET_WITH_METADATA) {
    assert_int_equal(occ_txn_set_metadata(txn, metadata, strlen(metadata)), OCC_OK);
  }
  return txn;
}

/* What the host of this test says, for one input. */
static void answer(occ_txn *txn, const scenario *s, const waiting *w, input in)
{
  static const char keys[] = "{\"keys\":[" TEST_ISSUER_PUBLIC "]}";
  static const char own_keys[] = "{\"keys\":[" TEST_CLIENT_B_PUBLIC "]}";
  const occ_question *q = occ_txn_question(txn);
  const char *data = NULL;
  size_t len;
  char place[2] = { '0', '\0' };

  assert_non_null(q);
  assert_int_equal(occ_txn_answer(txn, q->ticket + 1000, OCC_YES, NULL, 0), OCC_ERR_STALE);
  if (in == IN_CHALLENGE) {
    assert_int_equal(occ_txn_answer_challenge(txn, q->ticket, requirement_of(s), NULL), OCC_OK);
    return;
  }
  if (in == IN_REFUSE) {
    assert_int_equal(occ_txn_answer_refuse(txn, q->ticket, "access_denied", NULL), OCC_OK);
    return;
  }
  if (in == IN_YES && q->kind == OCC_ASK_RECALL) {
    assert_int_equal(occ_txn_answer(txn, q->ticket, OCC_YES, w->kept, w->kept_len), OCC_OK);
    return;
  }
  if (in == IN_YES && q->kind == OCC_ASK_CLIENT) {
    data = s->client == ASSERTED ? asserted_answer : client_answer;
  } else if (in == IN_YES && q->kind == OCC_ASK_KEYS) {
    data = strcmp(q->issuer, "agent-7") == 0 ? own_keys : keys;
  } else if (in == IN_GARBAGE && q->kind == OCC_ASK_ONCE) {
    data = "9";
    in = IN_NO;
  } else if (in == IN_GARBAGE && q->kind != OCC_ASK_RECALL) {
    data = "[";
  } else if (in == IN_RETRY_YOUNG || in == IN_RETRY_FULL) {
    data = in == IN_RETRY_YOUNG ? "young" : "full";
    in = IN_RETRY;
  } else if (q->kind == OCC_ASK_ONCE && (in == IN_NO || in == IN_NO_LAST)) {
    place[0] = in == IN_NO ? '0' : (char)('0' + q->keys - 1);
    data = place;
  }
  len = data == NULL ? 0 : strlen(data);
  assert_int_equal(occ_txn_answer(txn, q->ticket,
                                  in == IN_RETRY                    ? OCC_RETRY
                                  : in == IN_NO || in == IN_NO_LAST ? OCC_NO
                                                                    : OCC_YES,
                                  data, len),
                   OCC_OK);
  assert_null(occ_txn_question(txn)); /* answered: asked but once */
}

/* Makes the challenge that the follow-up answers; 0 where such a request gets none. */
static int make_waiting(const scenario *s, waiting *w)
{
  scenario first = *s;
  occ_txn *txn;
  const char *body, *at;
  int rc, made;

  memset(w, 0, sizeof(*w));
  first.handle = NO_HANDLE;
  txn = make_txn(&first, w, 0);
  while ((rc = occ_txn_run(txn, T0)) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);
    if (q->kind == OCC_ASK_KEEP) {
      assert_true(q->len <= sizeof(w->kept));
      memcpy(w->kept, q->data, q->len);
      w->kept_len = q->len;
    }
    answer(txn, &first, w, q->kind == OCC_ASK_DECIDE ? IN_CHALLENGE : IN_YES);
  }
  assert_int_equal(rc, OCC_OK);
  made = occ_txn_outcome(txn) == OCC_CHALLENGE;
  body = occ_txn_body(txn, NULL);
  at = strstr(body, "\"challenge_session\":\"");
  assert_int_equal(made, at != NULL);
  if (made) {
    at += strlen("\"challenge_session\":\"");
    memcpy(w->handle, at, strcspn(at, "\""));
  }
  occ_txn_free(txn);
  return made;
}

static void spoil(const scenario *s, waiting *w)
{
  if (s->handle != FORGED) {
    return;
  }
  if (s->stored) {
    w->kept[w->kept_len - 1] ^= 1;
  } else {
    w->handle[60] = w->handle[60] == 'A' ? 'B' : 'A';
  }
}

static void sign(waiting *w)
{
  char claims[4096];

  snprintf(claims, sizeof(claims),
           "{\"iss\":\"https://iss.example\",\"sub\":\"agent-7\",\"aud\":\"https://as.example\","
           "\"nonce\":\"%s\",\"iat\":%lld,\"exp\":%lld,\"jti\":\"j1\"}",
           w->handle, (long long)(T0 / 1000), (long long)(T0 / 1000 + 300));
  w->token = test_jws(TEST_ISSUER_PRIVATE,
                      "{\"alg\":\"ES256\",\"typ\":\"client-challenge-assertion+jwt\"}", claims);
}

/* ---- Both together ------------------------------------------------------------------------------------------------- */

#define MAX_DEPTH 14
#define MAX_NODES 4096

typedef struct node {
  input step[MAX_DEPTH];
  size_t depth;
} node;

static size_t pairs;

static void agree(const occ_txn *txn, const scenario *s, const model *m, int rc)
{
  const occ_question *q = occ_txn_question(txn);
  const occ_ask open = q == NULL ? OCC_ASK_NONE : q->kind;

  if (open != m->open || (m->open == OCC_ASK_NONE && occ_txn_outcome(txn) != m->outcome)) {
    fail_msg("client %d proof %d check %d stored %d handle %d evidence %d: machine asks %d, "
             "outcome %d, reason "
             "%s; model asks %d, outcome %d",
             (int)s->client, s->proof, s->check, s->stored, (int)s->handle, (int)s->evidence,
             (int)open, (int)occ_txn_outcome(txn), occ_txn_reason(txn), (int)m->open,
             (int)m->outcome);
  }
  assert_int_equal(rc == OCC_PENDING, open != OCC_ASK_NONE);
  if (open == OCC_ASK_NONE) {
    assert_int_equal(rc < 0, m->outcome == OCC_FAILED);
    assert_int_equal(occ_txn_http_status(txn) == 0, m->outcome == OCC_GRANT);
  }
}

/* Replays the node's answers on a new txn; returns it with the model's state. */
static occ_txn *replay(const scenario *s, const waiting *w, const node *n, model *m)
{
  occ_txn *txn = make_txn(s, w, 1);
  occ_time now = T0 + 1;
  int rc = occ_txn_run(txn, now);

  *m = model_start(s);
  agree(txn, s, m, rc);
  for (size_t i = 0; i < n->depth; i++) {
    const input in = n->step[i];
    if (in == IN_LATE) {
      now += 61 * SECOND;
    } else if (in == IN_COMMIT || in == IN_GIVE_BACK) {
      assert_int_equal(occ_txn_settle(txn, in == IN_COMMIT), OCC_OK);
    } else {
      now += in == IN_LAPSE ? 11 * SECOND : 0;
      answer(txn, s, w, in);
    }
    rc = occ_txn_run(txn, now);
    *m = model_step(s, *m, in);
    agree(txn, s, m, rc);
  }
  return txn;
}

/* What tells two pairs apart. */
static uint32_t pair_of(const occ_txn *txn, const model *m)
{
  return (uint32_t)txn->state | (uint32_t)txn->live << 4 | (uint32_t)txn->accepted << 5 |
         (uint32_t)txn->reserved << 6 | (uint32_t)txn->capable << 7 | (uint32_t)m->open << 8 |
         (uint32_t)m->outcome << 13 | (uint32_t)m->live << 16 | (uint32_t)m->capable << 17 |
         (uint32_t)m->has_key << 18 | (uint32_t)m->accepted << 19 | (uint32_t)m->reserved << 20 |
         (uint32_t)m->settled << 21 | (uint32_t)m->opened << 22 | (uint32_t)m->authenticated << 23 |
         (uint32_t)txn->authenticated << 24;
}

static void explore(const scenario *s, const waiting *w)
{
  static node queue[MAX_NODES];
  static uint32_t seen[MAX_NODES];
  size_t head = 0, tail = 1, known = 0;

  memset(queue, 0, sizeof(queue[0]));
  while (head < tail) {
    const node n = queue[head++];
    model m;
    occ_txn *txn = replay(s, w, &n, &m);
    const uint32_t pair = pair_of(txn, &m);
    int is_new = 1;
    occ_txn_free(txn);
    for (size_t i = 0; i < known; i++) {
      is_new = is_new && seen[i] != pair;
    }
    if (!is_new) {
      continue;
    }
    seen[known++] = pair;
    for (int in = 0; in < INPUTS; in++) {
      if (applies(&m, (input)in)) {
        assert_true(n.depth < MAX_DEPTH && tail < MAX_NODES);
        queue[tail] = n;
        queue[tail].step[queue[tail].depth++] = (input)in;
        tail++;
      }
    }
  }
  pairs += known;
}

static void run_scenario(const scenario *s)
{
  waiting w;

  memset(&w, 0, sizeof(w));
  if (s->handle != NO_HANDLE) {
    if (!make_waiting(s, &w)) {
      return; /* such a request is never challenged, so there is nothing to follow up */
    }
    spoil(s, &w);
    if (s->evidence == SIGNED) {
      sign(&w);
    }
  }
  explore(s, &w);
  free(w.token);
}

static void explore_all(enum evidence evidence)
{
  for (int i = 0; i < CLIENTS * 4 * 8; i++) {
    const int bits = i / CLIENTS;
    const scenario s = {
      .client = (enum client)(i % CLIENTS),
      .handle = (enum handle)(bits & 3),
      .proof = bits >> 2 & 1,
      .check = bits >> 3 & 1,
      .stored = bits >> 4 & 1,
      .evidence = evidence,
    };
    /* An assertion needs a client to be about. */
    if (evidence != SIGNED || s.client != NO_CLIENT) {
      run_scenario(&s);
    }
  }
}

static void test_machine__agrees_with_the_model_on_declared_evidence(void **state)
{
  (void)state;
  pairs = 0;
  explore_all(DECLARED);
  print_message("  %zu pairs\n", pairs);
  assert_true(pairs > 500);
}

static void test_machine__agrees_with_the_model_on_signed_evidence(void **state)
{
  (void)state;
  pairs = 0;
  explore_all(SIGNED);
  print_message("  %zu pairs\n", pairs);
  assert_true(pairs > 500);
}

static void test_machine__agrees_with_the_model_on_a_ledger(void **state)
{
  (void)state;
  pairs = 0;
  explore_all(LEDGER);
  print_message("  %zu pairs\n", pairs);
  assert_true(pairs > 500);
}

/* Whatever comes, a state has an answer, and what is not written fails closed. */
static void test_states__are_total_and_fail_closed(void **state)
{
  (void)state;
  for (int s = 0; s < OCC__STATES; s++) {
    for (int e = 0; e < OCC__STEPS; e++) {
      const occ_cell cell = occ__states_cell((occ_state)s, (occ_step)e);
      assert_non_null(cell.action);
      if (cell.action == occ__response_grant) { /* one way to a grant, and no other */
        assert_int_equal(s, OCC__DECIDE);
        assert_int_equal(e, OCC__YES);
      }
    }
    assert_non_null(occ__states_name((occ_state)s));
  }
  assert_ptr_equal(occ__states_cell(OCC__STATES, OCC__GO).action, occ__response_fail);
  assert_ptr_equal(occ__states_cell(OCC__PARSED, OCC__STEPS).action, occ__response_fail);
  assert_ptr_equal(occ__states_cell(OCC__DECIDE, OCC__GO).action, occ__response_fail);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_states__are_total_and_fail_closed),
    cmocka_unit_test(test_machine__agrees_with_the_model_on_declared_evidence),
    cmocka_unit_test(test_machine__agrees_with_the_model_on_signed_evidence),
    cmocka_unit_test(test_machine__agrees_with_the_model_on_a_ledger),
  };

  return cmocka_run_group_tests_name("core/model", tests, set_up, tear_down);
}
