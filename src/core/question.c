/* SPDX-License-Identifier: MIT
 *
 * Questions and answers: one open question at a time, named by a ticket. The host reads it and answers now or later; an
 * answerer of its kind sees it first, inside the run. An answer is copied and never runs the machine; a ticket that is
 * not open changes nothing. Whatever is forgotten here is a no. */

#include "core/txn.h"

#include "core/params.h"
#include "jose/jcs_text.h"
#include "wire/body.h"

const char *occ__question_name(occ_ask kind)
{
  static const char *const name[] = {
    [OCC_ASK_CHECK] = "check",   [OCC_ASK_DECIDE] = "decide",   [OCC_ASK_CLIENT] = "client",
    [OCC_ASK_KEYS] = "keys",     [OCC_ASK_STATUS] = "status",   [OCC_ASK_COVER] = "cover",
    [OCC_ASK_VERIFY] = "verify", [OCC_ASK_FETCH] = "fetch",     [OCC_ASK_ONCE] = "once",
    [OCC_ASK_KEEP] = "keep",     [OCC_ASK_RECALL] = "recall",   [OCC_ASK_RESERVE] = "reserve",
    [OCC_ASK_COMMIT] = "commit", [OCC_ASK_RELEASE] = "release", [OCC_ASK_WAIT] = "wait",
  };

  return (unsigned)kind < sizeof(name) / sizeof(name[0]) ? name[kind] : NULL;
}

occ_question *occ__question_open(occ_txn *txn, occ_ask kind)
{
  occ_asking *asking = &txn->asking;

  memset(asking, 0, sizeof(*asking));
  asking->q.kind = kind;
  asking->q.ticket = occ__lib_ticket(txn->lib);
  asking->q.deadline = txn->deadline;
  asking->q.now = txn->now;
  asking->q.client_id = txn->client_id;
  asking->open = 1;
  return &asking->q;
}

/* ONCE, KEEP and RESERVE name who fills the store: the authenticated client, else a sender key. By a name that is only
 * claimed, anybody could fill the space of the client that has it; that a key is no client is said beside it. */
static void name_the_client(occ_txn *txn)
{
  occ_question *q = &txn->asking.q;

  if (q->kind != OCC_ASK_ONCE && q->kind != OCC_ASK_KEEP && q->kind != OCC_ASK_RESERVE) {
    return;
  }
  q->authenticated = txn->authenticated;
  if (txn->authenticated) {
    return;
  }
  q->client_id = NULL;
  for (int kind = OCC_SENDER_DPOP; kind <= OCC_SENDER_ATTESTED; kind++) {
    if ((txn->senders & (1u << kind)) != 0) {
      q->client_id = txn->sender[kind];
      return;
    }
  }
}

static const occ_answerer *answerer_of(const occ_txn *txn, occ_ask kind)
{
  return (unsigned)kind < OCC__ASKS ? txn->server->answerer[kind] : NULL;
}

/* WAIT has no ticket: the host cannot answer for a component. */
static void keep(occ_txn *txn)
{
  occ_asking *asking = &txn->asking;

  if (!asking->kept) {
    asking->kept = 1;
    asking->wait.kind = OCC_ASK_WAIT;
    asking->wait.deadline = asking->q.deadline;
    asking->wait.now = asking->q.now;
  }
}

int occ__question_offer(occ_txn *txn)
{
  occ_asking *asking = &txn->asking;
  const occ_answerer *answerer = answerer_of(txn, asking->q.kind);
  occ_ticket ticket = asking->q.ticket;
  int rc;

  name_the_client(txn);
  if (!asking->told) { /* once, however often it is looked at */
    asking->told = 1;
    occ__txn_emit(txn, OCC__EVENT_ASKED, 0, asking->q.requirement,
                  occ__question_name(asking->q.kind));
  }
  if (answerer == NULL || asking->passed) {
    return OCC_PENDING;
  }
  asking->q.now = txn->now; /* shown again, it is later */
  txn->in_answerer = 1;
  rc = answerer->answer(txn, &asking->q, answerer->user_data);
  txn->in_answerer = 0;
  if (rc == OCC_PASS && !asking->answered && asking->q.ticket == ticket) {
    asking->passed = 1;
    return OCC_PENDING;
  }
  if (rc == OCC_OK || rc == OCC_PENDING) {
    if (asking->answered) {
      return OCC_OK;
    }
    if (asking->q.ticket != ticket) { /* it wants something fetched first */
      return occ__question_offer(txn);
    }
    if (rc == OCC_PENDING) {
      keep(txn);
      return OCC_PENDING;
    }
  }
  occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_SILENT);
  return OCC_ERR_ANSWER;
}

const occ_question *occ_txn_question(const occ_txn *txn)
{
  if (txn == NULL || !txn->asking.open || txn->asking.answered) {
    return NULL;
  }
  return txn->asking.kept && !txn->in_answerer ? &txn->asking.wait : &txn->asking.q;
}

int occ__question_is_open(const occ_txn *txn, occ_ticket ticket)
{
  return txn->asking.open && !txn->asking.answered && ticket != 0 && ticket == txn->asking.q.ticket;
}

/* The open question that this ticket names, if it can be answered by this caller. */
static int find(occ_txn *txn, occ_ticket ticket)
{
  if (txn == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  return occ__question_is_open(txn, ticket) ? OCC_OK : OCC_ERR_STALE;
}

static int copy_data(occ_txn *txn, const void *data, size_t len)
{
  if (data == NULL && len > 0) {
    return OCC_ERR_ARGUMENT;
  }
  if (len > OCC__MAX_ANSWER) {
    return OCC_ERR_LIMIT;
  }
  txn->asking.data = NULL;
  txn->asking.len = 0;
  if (data != NULL) {
    txn->asking.data = occ__txn_text(txn, data, len);
    if (txn->asking.data == NULL) {
      return txn->arena.rc;
    }
    txn->asking.len = len;
  }
  return OCC_OK;
}

static int answered(occ_txn *txn, occ_step step)
{
  txn->asking.step = step;
  txn->asking.answered = 1;
  return OCC_OK;
}

int occ_txn_answer(occ_txn *txn, occ_ticket ticket, occ_verdict verdict, const void *data,
                   size_t len)
{
  int rc = find(txn, ticket);

  if (rc != OCC_OK) {
    return rc;
  }
  if (verdict != OCC_NO && verdict != OCC_YES && verdict != OCC_RETRY) {
    return OCC_ERR_ARGUMENT;
  }
  if (txn->asking.q.kind == OCC_ASK_FETCH && verdict == OCC_YES) {
    return OCC_ERR_ARGUMENT; /* a response has a status: occ_txn_answer_fetch() */
  }
  rc = copy_data(txn, data, len);
  if (rc != OCC_OK) {
    return rc;
  }
  return answered(txn, verdict == OCC_YES ? OCC__YES : verdict == OCC_NO ? OCC__NO : OCC__RETRY);
}

/* params: a JSON object of integers, strings and the like, without the members that libocc writes. What is sealed and
 * written is its canonical form. */
static int read_params(occ_span *out, occ_txn *txn, const char *params)
{
  int rc;

  *out = occ__span_text("");
  if (params == NULL) {
    return OCC_OK;
  }
  if (strlen(params) > OCC__MAX_PARAMS_JSON) {
    return OCC_ERR_ARGUMENT;
  }
  rc = occ__jcs_text(out, &txn->arena, occ__span_text(params), &occ__json_peer);
  if (rc == OCC_OK && (out->base[0] != '{' || occ__jcs_text_get(*out, "type").base != NULL ||
                       occ__jcs_text_get(*out, txn->server->names->session).base != NULL)) {
    rc = OCC_ERR_ARGUMENT;
  }
  if (txn->arena.rc != OCC_OK) {
    return txn->arena.rc;
  }
  return rc == OCC_OK || rc == OCC_ERR_MEMORY ? rc : OCC_ERR_ARGUMENT;
}

/* What can be sealed. */
static int take_params(occ_txn *txn, const occ_requirement *requirement, occ_span params)
{
  if (strlen(requirement->name) + params.len + txn->memo_len > OCC__MAX_NAME_PARAMS_MEMO) {
    return OCC_ERR_LIMIT;
  }
  txn->asking.requirement = requirement;
  txn->asking.params = params;
  return OCC_OK;
}

/* Evidence in a parameter that the grant itself uses could not be told from the grant. */
static int takes_the_grants_parameter(const occ_txn *txn, const occ_requirement *requirement)
{
  for (const char *const *param = requirement->kind->params; *param != NULL; param++) {
    if (occ__params_owned(occ__txn_grant_type(txn), *param)) {
      return 1;
    }
  }
  return 0;
}

int occ_txn_answer_challenge(occ_txn *txn, occ_ticket ticket, const char *requirement,
                             const char *params)
{
  const occ_requirement *found;
  occ_span canonical;
  int rc = find(txn, ticket);

  if (rc != OCC_OK) {
    return rc;
  }
  if (txn->asking.q.kind != OCC_ASK_DECIDE || requirement == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  found = occ__server_requirement(txn->server, occ__span_text(requirement));
  if (found == NULL || takes_the_grants_parameter(txn, found)) {
    return OCC_ERR_ARGUMENT;
  }
  rc = read_params(&canonical, txn, params);
  if (rc == OCC_OK) {
    rc = take_params(txn, found, canonical);
  }
  return rc == OCC_OK ? answered(txn, OCC__CHALLENGE) : rc;
}

int occ_txn_answer_refuse(occ_txn *txn, occ_ticket ticket, const char *error,
                          const char *description)
{
  int rc = find(txn, ticket);

  if (rc != OCC_OK) {
    return rc;
  }
  if ((txn->asking.q.kind != OCC_ASK_DECIDE && txn->asking.q.kind != OCC_ASK_CHECK) ||
      (error != NULL && !occ__body_text_allowed(error)) ||
      (description != NULL && !occ__body_text_allowed(description)) ||
      (error != NULL && strlen(error) > OCC__MAX_ID) ||
      (description != NULL && strlen(description) > OCC__MAX_ID)) {
    return OCC_ERR_ARGUMENT;
  }
  /* A challenge is made by occ_txn_answer_challenge() alone: it needs a session. */
  if (error != NULL && strcmp(error, txn->server->names->challenge_error) == 0) {
    return OCC_ERR_ARGUMENT;
  }
  txn->asking.error = error == NULL ? NULL : occ__txn_text(txn, error, strlen(error));
  txn->asking.description =
      description == NULL ? NULL : occ__txn_text(txn, description, strlen(description));
  if ((error != NULL && txn->asking.error == NULL) ||
      (description != NULL && txn->asking.description == NULL)) {
    return txn->arena.rc;
  }
  return answered(txn, OCC__REFUSE);
}

int occ_txn_answer_fetch(occ_txn *txn, occ_ticket ticket, int http_status, const char *headers,
                         const void *body, size_t len)
{
  int rc = find(txn, ticket);

  if (rc != OCC_OK) {
    return rc;
  }
  if (txn->asking.q.kind != OCC_ASK_FETCH || http_status < 0 || http_status > 999 ||
      (headers != NULL && strlen(headers) > OCC__MAX_HEADER)) {
    return OCC_ERR_ARGUMENT;
  }
  if (txn->asking.q.index > 0 && (uint64_t)len > (uint64_t)txn->asking.q.index) {
    return OCC_ERR_LIMIT; /* more than was asked for */
  }
  rc = copy_data(txn, body, len);
  if (rc != OCC_OK) {
    return rc;
  }
  txn->asking.http_status = http_status;
  txn->asking.headers = headers == NULL ? "" : occ__txn_text(txn, headers, strlen(headers));
  if (txn->asking.headers == NULL) {
    return txn->arena.rc;
  }
  return answered(txn, http_status == 0 ? OCC__NO : OCC__YES);
}

/* The answerer of CLIENT or KEYS wants a document first: its own question steps back, FETCH is asked, and then it is
 * asked again with the response. */
int occ_txn_answer_fetch_first(occ_txn *txn, occ_ticket ticket, const char *url, int64_t most)
{
  int rc = find(txn, ticket);
  occ_question *fetch;
  const char *copy;

  if (rc != OCC_OK) {
    return rc;
  }
  if ((txn->asking.q.kind != OCC_ASK_CLIENT && txn->asking.q.kind != OCC_ASK_KEYS) || url == NULL ||
      strlen(url) > OCC__MAX_CLIENT_ID || most < 1) {
    return OCC_ERR_ARGUMENT;
  }
  if (txn->fetches == OCC__MAX_FETCHES) {
    return OCC_ERR_LIMIT; /* an answerer that is never content must not keep a run for ever */
  }
  copy = occ__txn_text(txn, url, strlen(url));
  if (copy == NULL) {
    return txn->arena.rc;
  }
  txn->fetches++;
  txn->outer = txn->asking;
  txn->outer.kept = 1; /* told by its cancel if it is not asked again */
  fetch = occ__question_open(txn, OCC_ASK_FETCH);
  fetch->url = copy;
  fetch->index = most;
  return OCC_OK;
}

/* The document is there, or is not to be had (status 0): back to the question behind the FETCH, under a new ticket. */
static occ_step back_to_outer(occ_txn *txn)
{
  occ_asking fetched = txn->asking;
  occ_ticket ticket = occ__lib_ticket(txn->lib);

  txn->asking = txn->outer;
  memset(&txn->outer, 0, sizeof(txn->outer));
  txn->asking.kept = 0;
  txn->asking.q.ticket = ticket;
  txn->asking.q.now = txn->now;
  txn->asking.q.index = fetched.http_status;
  txn->asking.q.headers = fetched.headers;
  txn->asking.q.data = fetched.data;
  txn->asking.q.len = fetched.len;
  return OCC__ASKED;
}

static void cancel(occ_txn *txn, occ_asking *asking)
{
  const occ_answerer *answerer = answerer_of(txn, asking->q.kind);

  if (!asking->open) {
    return;
  }
  asking->open = 0;
  if (asking->kept && !asking->answered) {
    occ__txn_emit(txn, OCC__EVENT_CANCELLED, 0, asking->q.requirement,
                  occ__question_name(asking->q.kind));
    if (answerer != NULL && answerer->cancel != NULL) {
      answerer->cancel(asking->q.kind, asking->q.ticket, answerer->user_data);
    }
  }
}

occ_step occ__question_close(occ_txn *txn)
{
  occ_asking *asking = &txn->asking;

  asking->open = 0;
  occ__txn_emit(txn, OCC__EVENT_ANSWERED, 0, asking->q.requirement,
                occ__question_name(asking->q.kind));
  if (asking->q.kind == OCC_ASK_FETCH && txn->outer.open) {
    if (asking->step != OCC__RETRY) {
      return back_to_outer(txn);
    }
    cancel(txn, &txn->outer);
    return OCC__RETRY;
  }
  if (asking->step == OCC__REFUSE) {
    txn->error_name = asking->error;
    txn->error_description = asking->description;
    return occ__txn_refuse(txn, asking->q.kind == OCC_ASK_CHECK ? OCC__REASON_GRANT_REFUSED
                                                                : OCC__REASON_HOST_REFUSED);
  }
  return asking->step;
}

void occ__question_cancel(occ_txn *txn)
{
  cancel(txn, &txn->asking);
  cancel(txn, &txn->outer);
}

void occ_txn_wake(const occ_txn *txn)
{
  if (txn != NULL && txn->server->wake != NULL) {
    txn->server->wake(txn->user_data);
  }
}
