/* SPDX-License-Identifier: MIT */

/* The host of the transcripts: set-up, one request through its questions, answers at once or later. */

#include "fake_host.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/txn.h"

void host_problem(host *h, const char *what, const char *which)
{
  if (h->problem[0] == '\0') {
    (void)snprintf(h->problem, sizeof(h->problem), "%.200s%s%.200s", what,
                   which[0] == '\0' ? "" : ": ", which);
  }
}

static char *copy(const char *from)
{
  char *to = malloc(strlen(from) + 1);

  if (to == NULL) {
    abort();
  }
  memcpy(to, from, strlen(from) + 1);
  return to;
}

/* ---- jansson's own allocations ---- */

static struct {
  size_t until, count;
  int armed, failed;
  int inside; /* the library is at work, not the host */
} json;

static void *json_take(size_t size)
{
  if (json.armed && json.inside > 0 && json.count++ == json.until) {
    json.failed = 1;
    return NULL;
  }
  return malloc(size);
}

void host_json_fail(size_t until)
{
  json.until = until;
  json.count = 0;
  json.armed = 1;
  json.failed = 0;
  json.inside = 0;
  json_set_alloc_funcs(json_take, free);
}

size_t host_json_count(void)
{
  return json.count;
}

int host_json_failed(void)
{
  return json.failed;
}

void host_json_off(void)
{
  json.armed = 0;
  json_set_alloc_funcs(malloc, free);
}

/* What the host does for itself must not fail. */
typedef struct calm {
  size_t until;
  bool keep;
} calm;

static calm calm_begin(host *h)
{
  calm was = { h->fm.until, h->fm.keep };

  h->fm.until = SIZE_MAX;
  h->fm.keep = false;
  json.inside--;
  return was;
}

static void calm_end(host *h, calm was)
{
  h->fm.until = was.until;
  h->fm.keep = was.keep;
  json.inside++;
}

/* ---- Set-up ---- */

/* SplitMix64: every octet string differs, and the next run makes the same ones. */
static int count_up(void *out, size_t len, void *user_data)
{
  host *h = user_data;
  uint8_t *at = out;

  while (len > 0) {
    uint64_t z = h->random += 0x9e3779b97f4a7c15u;
    size_t part = len < 8 ? len : 8;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    memcpy(at, &z, part);
    at += part;
    len -= part;
  }
  return OCC_OK;
}

static void on_event(const occ_event *event, void *user_data)
{
  host *h = user_data;
  host_event *kept = &h->event[h->events];
  char line[2048];

  if (h->events == HOST_EVENTS) {
    host_problem(h, "too many events", "");
    return;
  }
  if (occ_event_json(event, line, sizeof(line)) >= sizeof(line)) {
    host_problem(h, "an event is too long", line);
  }
  kept->id = event->id;
  kept->reason = event->reason;
  kept->json = copy(line);
  h->events++;
}

static const char first_keys[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\","
    "\"seal_from\":0,\"open_until\":9000000000000}]}";

static int open_lib(host *h)
{
  int rc;

  rc = occ_lib_new(&h->lib, &h->fm.mem);
  if (rc == OCC_OK) {
    rc = occ_lib_set_random(h->lib, count_up, h);
  }
  if (rc == OCC_OK) {
    rc = occ_lib_on_event(h->lib, on_event, h);
  }
  if (rc == OCC_OK) {
    rc = occ_keyring_new(&h->ring, h->lib);
  }
  return rc;
}

int host_open(host *h, host_mode mode, size_t until, bool keep, occ_time now)
{
  int rc;

  memset(h, 0, sizeof(*h));
  fail_mem_init(&h->fm, until, keep);
  h->mode = mode;
  h->now = now - 600000;
  json.inside++;
  rc = open_lib(h);
  json.inside--;
  if (rc == OCC_OK) {
    rc = host_load_keys(h, first_keys, 0);
  }
  if (rc == OCC_OK) {
    rc = host_add_store(h, "main");
  }
  h->now = now;
  return rc;
}

static void free_pairs(host_pair *pair, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    free(pair[i].name);
    text_free(&pair[i].value);
  }
}

static void forget_events(host *h)
{
  for (size_t i = 0; i < h->events; i++) {
    free(h->event[i].json);
  }
  h->events = 0;
}

int host_close(host *h)
{
  host_end(h);
  for (size_t i = 0; i < h->servers; i++) {
    occ_server_free(h->server[i].server);
    free(h->server[i].name);
  }
  for (size_t i = 0; i < h->stores; i++) {
    occ_store_free(h->store[i].store);
    free(h->store[i].name);
  }
  occ_keyring_free(h->ring);
  occ_lib_free(h->lib);
  free_pairs(h->option, h->options);
  forget_events(h);
  free(h->issuer);
  return h->fm.live == 0 ? 0 : -1;
}

/* A later value of the same name takes its place; "requirements" are gathered by the caller. */
void host_option(host *h, const char *name, const char *value)
{
  for (size_t i = 0; i < h->options; i++) {
    if (strcmp(h->option[i].name, name) == 0) {
      text_set(&h->option[i].value, value);
      return;
    }
  }
  if (h->options == HOST_OPTIONS) {
    abort();
  }
  h->option[h->options].name = copy(name);
  text_set(&h->option[h->options++].value, value);
}

int host_add_store(host *h, const char *name)
{
  host_store *store = &h->store[h->stores];
  int rc;

  if (h->stores == HOST_STORES) {
    abort();
  }
  rc = occ_store_new(&store->store, h->lib, 1024, h->now);
  if (rc != OCC_OK) {
    if (store->store != NULL) {
      host_problem(h, "occ_store_new() failed and left a store", "");
    }
    return rc;
  }
  store->name = copy(name);
  h->stores++;
  return OCC_OK;
}

int host_load_keys(host *h, const char *text_json, int force)
{
  int rc;

  json.inside++;
  rc = occ_keyring_load(h->ring, text_json, strlen(text_json), h->now, force);
  json.inside--;
  return rc;
}

int host_use(host *h, const char *name)
{
  for (size_t i = 0; i < h->servers; i++) {
    if (strcmp(h->server[i].name, name) == 0) {
      h->current = i;
      return 1;
    }
  }
  return 0;
}

/* The newest is the one that servers get. */
int host_use_store(host *h, const char *name)
{
  for (size_t i = 0; i < h->stores; i++) {
    if (strcmp(h->store[i].name, name) == 0) {
      host_store found = h->store[i];
      for (size_t k = 0; k < h->servers; k++) { /* they know it by its place */
        h->server[k].store = h->server[k].store == i               ? h->stores - 1
                             : h->server[k].store == h->stores - 1 ? i
                                                                   : h->server[k].store;
      }
      h->store[i] = h->store[h->stores - 1];
      h->store[h->stores - 1] = found;
      return 1;
    }
  }
  return 0;
}

/* ---- Answers ---- */

static host_answer *answer_for(host *h, occ_ask kind)
{
  for (size_t i = 0; i < h->request->answers; i++) {
    if (h->request->answer[i].kind == kind && !h->request->answer[i].used) {
      return &h->request->answer[i];
    }
  }
  return NULL;
}

static int same_json(const char *a, const char *b)
{
  json_t *left = a == NULL ? NULL : json_loads(a, JSON_DECODE_ANY, NULL);
  json_t *right = json_loads(b, JSON_DECODE_ANY, NULL);
  int same = left != NULL && right != NULL && json_equal(left, right);

  json_decref(left);
  json_decref(right);
  return same;
}

static void look(host *h, const occ_txn *txn, const host_pair *sees)
{
  size_t len = 0;
  const void *memo;
  const char *fact;
  char note[256];

  if (strncmp(sees->name, "satisfied ", 10) == 0) {
    if (occ_txn_is_satisfied(txn, sees->name + 10) != (strcmp(sees->value.at, "yes") == 0)) {
      host_problem(h, "the policy sees another answer", sees->name);
    }
  } else if (strcmp(sees->name, "memo") == 0) {
    memo = occ_txn_memo(txn, &len);
    if (strcmp(sees->value.at, "none") == 0
            ? memo != NULL && len > 0
            : memo == NULL || len != sees->value.len || memcmp(memo, sees->value.at, len) != 0) {
      host_problem(h, "the policy sees another memo", sees->value.at);
    }
  } else {
    fact = occ_txn_fact(txn, sees->name, &len);
    if (strcmp(sees->value.at, "none") == 0 ? fact != NULL : !same_json(fact, sees->value.at)) {
      (void)snprintf(note, sizeof(note), "%.100s is %.100s", sees->name,
                     fact == NULL ? "none" : fact);
      host_problem(h, "the policy sees another fact", note);
    }
  }
}

/* What the policy does before it answers. */
static void at_decide(host *h, occ_txn *txn)
{
  calm was = calm_begin(h);

  for (size_t i = 0; i < h->request->sees_count; i++) {
    look(h, txn, &h->request->sees[i]);
  }
  if (h->request->has_memo &&
      occ_txn_set_memo(txn, h->request->memo.at, h->request->memo.len) != OCC_OK) {
    host_problem(h, "occ_txn_set_memo() failed", "");
  }
  calm_end(h, was);
}

static int store_answers(host *h, occ_txn *txn, const occ_question *q)
{
  const host_store *store = &h->store[h->server[h->current].store];

  return store->answer[q->kind](txn, q, store->store);
}

/* Gives the scripted answer under this ticket. */
static int give(occ_txn *txn, occ_ticket ticket, const host_answer *answer)
{
  const char *data = answer->has_data ? answer->data.at : NULL;

  if (strcmp(answer->how, "challenge") == 0) {
    return occ_txn_answer_challenge(txn, ticket, answer->first, data);
  }
  if (strcmp(answer->how, "refuse") == 0) {
    return occ_txn_answer_refuse(txn, ticket, answer->first, data);
  }
  return occ_txn_answer(txn, ticket,
                        strcmp(answer->how, "yes") == 0  ? OCC_YES
                        : strcmp(answer->how, "no") == 0 ? OCC_NO
                                                         : OCC_RETRY,
                        data, answer->has_data ? answer->data.len : 0);
}

static void no_script(host *h, const occ_question *q)
{
  char number[16];

  (void)snprintf(number, sizeof(number), "kind %d", (int)q->kind);
  host_problem(h, "a question that the transcript does not answer", number);
}

static int answer_now(host *h, occ_txn *txn, const occ_question *q)
{
  host_answer *answer = answer_for(h, q->kind);
  int rc;

  if (answer == NULL &&
      (q->kind == OCC_ASK_ONCE || q->kind == OCC_ASK_KEEP || q->kind == OCC_ASK_RECALL)) {
    rc = store_answers(h, txn, q);
    h->kept_open = h->kept_open && rc != OCC_OK;
    return rc;
  }
  if (answer == NULL) {
    no_script(h, q);
    return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
  }
  if (q->kind == OCC_ASK_DECIDE) {
    at_decide(h, txn);
  }
  answer->used = 1;
  if (strcmp(answer->how, "silent") == 0) {
    return OCC_OK;
  }
  rc = give(txn, q->ticket, answer);
  h->kept_open = h->kept_open && rc != OCC_OK;
  if (rc != OCC_OK && !h->fm.failed && !json.failed) {
    host_problem(h, "the answer was not taken", occ_status_name(rc));
  }
  return rc;
}

/* Counted once, however often it is shown. */
static void note_question(host *h, const occ_question *q)
{
  if (q->ticket == h->kept.ticket) {
    return;
  }
  h->kept = *q;
  h->asked_at = h->now;
  if (q->kind == OCC_ASK_ONCE) {
    h->once_asked++;
  }
  if (q->kind == OCC_ASK_DECIDE) {
    h->decides++;
  }
}

static occ_time delay_of(host *h, occ_ask kind)
{
  const host_answer *answer = answer_for(h, kind);

  return answer == NULL ? 0 : answer->after;
}

/* Way one: on the spot, unless the script says that it takes time. */
static int answer_at_once(occ_txn *txn, const occ_question *q, void *user_data)
{
  host *h = ((host_server *)user_data)->host;

  note_question(h, q);
  if (occ_txn_run(txn, h->now) != OCC_ERR_REENTRANT) {
    host_problem(h, "occ_txn_run() inside an answerer is not OCC_ERR_REENTRANT", "");
  }
  if (h->now < h->asked_at + delay_of(h, q->kind)) {
    h->keeps++;
    h->kept_open = 1;
    return OCC_PENDING;
  }
  return answer_now(h, txn, q);
}

/* Way two, for the store's questions: kept at first; shown again, answered or kept once more. */
static int answer_kept(occ_txn *txn, const occ_question *q, void *user_data)
{
  host *h = ((host_server *)user_data)->host;
  const host_answer *answer = answer_for(h, q->kind);

  if (q->ticket != h->kept.ticket) {
    note_question(h, q);
    h->keeps++;
    h->kept_open = 1;
    return OCC_PENDING;
  }
  if (answer != NULL && strcmp(answer->how, "silent") == 0) {
    return OCC_PENDING;
  }
  return answer_now(h, txn, q);
}

static void on_cancel(occ_ask kind, occ_ticket ticket, void *user_data)
{
  host *h = ((host_server *)user_data)->host;

  (void)kind;
  h->cancels++;
  if (ticket != h->kept.ticket || h->keeps == 0) {
    host_problem(h, "cancelled what was not kept", "");
  }
}

static void on_wake(void *user_data)
{
  host *h = user_data;

  h->wakes++;
}

/* ---- Servers ---- */

static int attach(host *h, host_server *made, occ_config *config)
{
  host_store *store = &h->store[h->stores - 1];
  int rc = occ_store_attach(store->store, config);

  if (rc != OCC_OK) {
    return rc;
  }
  for (occ_ask kind = OCC_ASK_CHECK; kind <= OCC_ASK_RELEASE; kind++) {
    const occ_answerer *own = config->answerer[kind];

    if (own != NULL) {
      store->answer[kind] = own->answer;
    }
    if (own == NULL && h->mode == HOST_LATER) {
      continue;
    }
    rc = occ_config_answer(config, kind, h->mode == HOST_LATER ? answer_kept : answer_at_once,
                           on_cancel, NULL, made);
    if (rc != OCC_OK) {
      return rc;
    }
  }
  made->store = h->stores - 1;
  rc = occ_config_on_wake(config, on_wake);
  return rc == OCC_OK ? occ_keyring_attach(h->ring, config) : rc;
}

static int make_server(host *h, const char *name)
{
  host_server *made = &h->server[h->servers];
  occ_config *config = NULL;
  int rc = occ_config_new(&config, h->lib, h->issuer);

  made->host = h;
  for (size_t i = 0; rc == OCC_OK && i < h->options; i++) {
    rc = occ_config_set(config, h->option[i].name, h->option[i].value.at);
  }
  if (rc == OCC_OK) {
    rc = attach(h, made, config);
  }
  if (rc == OCC_OK) {
    rc = occ_server_new(&made->server, config);
  }
  if (rc != OCC_OK) {
    if (config != NULL && occ_config_error(config) != NULL && !h->fm.failed && !json.failed) {
      host_problem(h, "the configuration is not taken", occ_config_error(config));
    }
  } else {
    made->name = copy(name);
    h->current = h->servers++;
  }
  occ_config_free(config);
  return rc;
}

int host_add_server(host *h, const char *name)
{
  int rc;

  if (h->servers == HOST_SERVERS) {
    abort();
  }
  json.inside++;
  rc = make_server(h, name);
  json.inside--;
  return rc;
}

/* ---- One request ---- */

static int fill_lines(occ_txn *txn, const host_request *r)
{
  int rc = OCC_OK;

  if (r->has_body) {
    rc = occ_txn_set_body(txn, r->body.at, r->body.len);
  }
  for (size_t i = 0; rc == OCC_OK && i < r->params; i++) {
    rc = occ_txn_add_param(txn, r->param[i].name, r->param[i].value.at, r->param[i].value.len);
  }
  for (size_t i = 0; rc == OCC_OK && i < r->headers; i++) {
    rc = occ_txn_add_header(txn, r->header[i].name, r->header[i].value.at, r->header[i].value.len);
  }
  for (size_t i = 0; rc == OCC_OK && i < r->sets; i++) {
    rc = occ_txn_set(txn, r->set[i].name, r->set[i].value.at);
  }
  return rc;
}

static int fill(occ_txn *txn, const host_request *r)
{
  static const char *const kinds[] = { "", "dpop", "mtls", "attested" };
  int rc = fill_lines(txn, r);

  if (rc == OCC_OK && r->client_id != NULL) {
    rc = occ_txn_set_client(txn, r->client_id, r->client_method, NULL);
  }
  if (rc == OCC_OK && r->metadata != NULL) {
    rc = occ_txn_set_metadata(txn, r->metadata, strlen(r->metadata));
  }
  if (rc == OCC_OK && r->certificate.len > 0) {
    rc = occ_txn_set_certificate(txn, r->certificate.at, r->certificate.len);
  }
  for (size_t i = 0; rc == OCC_OK && i < r->senders; i++) {
    for (int kind = OCC_SENDER_DPOP; kind <= OCC_SENDER_ATTESTED; kind++) {
      if (strcmp(kinds[kind], r->sender[i].name) == 0) {
        rc = occ_txn_set_sender(txn, (occ_sender)kind, r->sender[i].value.at);
      }
    }
  }
  return rc;
}

/* A ticket that is not open: no effect, whatever is tried with it. */
static void try_wrong_tickets(host *h, occ_txn *txn, occ_ticket ticket)
{
  const occ_ticket wrong[] = { 0, ticket + 1, ticket - 1, UINT64_MAX };
  const occ_question *before = occ_txn_question(txn);

  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    if (occ_txn_answer(txn, wrong[i], OCC_YES, "{}", 2) != OCC_ERR_STALE ||
        occ_txn_answer_challenge(txn, wrong[i], "attested", NULL) != OCC_ERR_STALE ||
        occ_txn_answer_refuse(txn, wrong[i], NULL, NULL) != OCC_ERR_STALE ||
        occ_txn_answer_fetch(txn, wrong[i], 200, "", "{}", 2) != OCC_ERR_STALE) {
      host_problem(h, "a wrong ticket is not OCC_ERR_STALE", "");
    }
  }
  if (occ_txn_question(txn) != before) {
    host_problem(h, "a wrong ticket changed the question", "");
  }
}

/* The host's own questions, when they stay open. Returns 0 when nobody will answer. */
static int answer_open(host *h, occ_txn *txn)
{
  const occ_question *q = occ_txn_question(txn);
  const host_answer *answer;
  occ_ticket ticket;
  int rc;

  note_question(h, q);
  ticket = q->ticket;
  answer = answer_for(h, q->kind);
  if (occ_txn_run(txn, h->now) != OCC_PENDING || occ_txn_question(txn) == NULL ||
      occ_txn_question(txn)->ticket != ticket) {
    host_problem(h, "run again before the answer: another question", "");
    return 0;
  }
  try_wrong_tickets(h, txn, ticket);
  if (answer != NULL && strcmp(answer->how, "silent") == 0) {
    return 0;
  }
  h->now += answer == NULL ? 0 : answer->after;
  rc = answer_now(h, txn, occ_txn_question(txn));
  if (rc != OCC_OK) {
    return 0; /* no memory for it: it stays open to the deadline */
  }
  if (occ_txn_answer(txn, ticket, OCC_YES, NULL, 0) != OCC_ERR_STALE ||
      occ_txn_question(txn) != NULL) {
    host_problem(h, "answered twice", "");
  }
  return 1;
}

/* A question that its answerer keeps: the host cannot answer it, the component can, from outside or when asked again. */
static int answer_waiting(host *h, occ_txn *txn)
{
  const host_answer *answer = answer_for(h, h->kept.kind);
  const int wakes = h->wakes;
  const occ_ticket ticket = h->kept.ticket;

  if (occ_txn_question(txn)->ticket != 0) {
    host_problem(h, "WAIT has a ticket", "");
  }
  try_wrong_tickets(h, txn, ticket);
  if (answer != NULL && strcmp(answer->how, "silent") == 0) {
    return 0;
  }
  h->now += answer == NULL ? 0 : answer->after;
  if (ticket % 2 == 1 && answer_now(h, txn, &txn->asking.q) == OCC_OK &&
      occ_txn_answer(txn, ticket, OCC_YES, NULL, 0) != OCC_ERR_STALE) {
    host_problem(h, "answered twice", "");
  }
  occ_txn_wake(txn);
  if (h->wakes != wakes + 1) {
    host_problem(h, "waking did not reach the host", "");
  }
  return 1;
}

/* Nobody answers: open until the deadline, and not a millisecond longer. */
static int wait_for_deadline(host *h, occ_txn *txn)
{
  const occ_time deadline = txn->deadline;
  host_answer *silent = answer_for(h, h->kept.kind);
  int rc = occ_txn_run(txn, deadline - 1);

  if (rc != OCC_PENDING && !h->fm.failed) {
    host_problem(h, "an open question ended before its deadline", "");
  }
  if (rc == OCC_PENDING) {
    rc = occ_txn_run(txn, deadline);
  }
  if (silent != NULL) {
    silent->used = 1;
  }
  h->now = deadline;
  return rc;
}

static int drive(host *h, occ_txn *txn)
{
  int rc = occ_txn_run(txn, h->now);

  for (int turns = 0; rc == OCC_PENDING && h->problem[0] == '\0'; turns++) {
    const occ_question *q = occ_txn_question(txn);
    int goes_on;

    if (q == NULL || turns == 64) {
      host_problem(h, q == NULL ? "pending without a question" : "no end", "");
      return rc;
    }
    if (h->mode == HOST_AT_ONCE) { /* an answer that takes time */
      h->now = h->asked_at + delay_of(h, h->kept.kind);
      goes_on = q->kind == OCC_ASK_WAIT;
    } else {
      goes_on = q->kind == OCC_ASK_WAIT ? answer_waiting(h, txn) : answer_open(h, txn);
    }
    rc = goes_on ? occ_txn_run(txn, h->now) : wait_for_deadline(h, txn);
  }
  return rc;
}

/* A new txn, filled and driven to its end. */
static int run_request(host *h, const host_request *request)
{
  occ_txn *txn = NULL;
  int rc, again;

  rc = occ_txn_new(&txn, h->server[h->current].server, request->endpoint, h);
  if (rc != OCC_OK) {
    return rc;
  }
  h->txn = txn;
  (void)fill(txn, request); /* its errors stick until the run */
  rc = drive(h, txn);
  if (h->cancels != h->kept_open) {
    host_problem(h, "a kept question is cancelled once if it ends unanswered, else never", "");
  }
  again = occ_txn_run(txn, h->now);
  if (again != rc) {
    host_problem(h, "run after the end says something else", occ_status_name(again));
  }
  return rc;
}

int host_run(host *h, host_request *request)
{
  int rc;

  host_end(h);
  h->request = request;
  for (size_t i = 0; i < request->answers; i++) {
    request->answer[i].used = 0;
  }
  h->kept = (occ_question){ 0 };
  h->kept_open = 0;
  h->keeps = h->cancels = h->wakes = h->once_asked = h->decides = 0;
  json.inside++;
  rc = run_request(h, request);
  json.inside--;
  return rc;
}

void host_end(host *h)
{
  if (h->txn != NULL) {
    occ_txn_free(h->txn);
    h->txn = NULL;
  }
  forget_events(h);
}

void host_request_free(host_request *r)
{
  text_free(&r->body);
  free_pairs(r->param, r->params);
  free_pairs(r->header, r->headers);
  free_pairs(r->sender, r->senders);
  free_pairs(r->set, r->sets);
  free_pairs(r->sees, r->sees_count);
  free(r->client_id);
  free(r->client_method);
  free(r->metadata);
  text_free(&r->certificate);
  text_free(&r->memo);
  for (size_t i = 0; i < r->answers; i++) {
    free(r->answer[i].how);
    free(r->answer[i].first);
    text_free(&r->answer[i].data);
  }
  memset(r, 0, sizeof(*r));
}
