/* SPDX-License-Identifier: MIT */

/* One token request with its rounds, as the host sees it: parameters in, run, question, answer, result. Called by hosts
 * and by the loops of adapters. The work of the states is in call_steps.c, their order in call_states.c. No I/O, no
 * clock; answers go by ticket, are copied, and never run the machine; a negative status sticks. */

#include "agent/agent.h"

static void close_question(occ_call *call)
{
  call->open = 0;
  occ__call_json_wipe(call->json);
  occ__wipe(&call->question, sizeof(call->question));
}

occ_question *occ__call_ask(occ_call *call, occ_ask kind)
{
  close_question(call);
  call->answered = 0;
  call->verdict = OCC_NO;
  call->open = 1;
  call->question.kind = kind;
  call->question.ticket = occ__lib_ticket(call->agent->lib);
  call->question.now = call->now;
  call->question.expires = call->deadline < 0 ? 0 : call->deadline;
  call->question.deadline = call->question.expires;
  return &call->question;
}

static void init_buffers(occ_call *call)
{
  occ__arena_init(&call->arena, call->mem, OCC__AGENT_MAX_MEMORY);
  occ__buf_init(&call->answer, call->mem, OCC__MAX_ANSWER);
  occ__buf_init(&call->evidence, call->mem, OCC__MAX_ANSWER);
  occ__buf_init(&call->evidence_form, call->mem, OCC__MAX_BODY);
  occ__buf_init(&call->jwt, call->mem, OCC__MAX_JWT);
  occ__buf_init(&call->body, call->mem, OCC__MAX_BODY);
  occ__buf_init(&call->proof, call->mem, OCC__MAX_HEADER);
  occ__buf_init(&call->nonce, call->mem, OCC__AGENT_MAX_SESSION);
}

static void clear_buffers(occ_call *call)
{
  occ__buf_clear(&call->answer);
  occ__buf_clear(&call->evidence);
  occ__buf_clear(&call->evidence_form);
  occ__buf_clear(&call->jwt);
  occ__buf_clear(&call->body);
  occ__buf_clear(&call->proof);
  occ__buf_clear(&call->nonce);
  occ__arena_clear(&call->arena);
  call->form = (occ_form){ 0 };
}

int occ_call_new(occ_call **out, occ_agent *agent)
{
  occ_call *call;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (agent == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  rc = occ__agent_hold(agent);
  if (rc != OCC_OK) {
    return rc;
  }
  call = occ__mem_alloc(agent->mem, sizeof(*call));
  if (call == NULL) {
    occ__agent_drop(agent);
    return OCC_ERR_MEMORY;
  }
  call->agent = agent;
  call->mem = agent->mem;
  call->state = OCC__CALL_PROVE;
  call->deadline = -1;
  call->dpop = occ__agent_uses_dpop(agent);
  init_buffers(call);
  rc = occ__call_json_new(&call->json, call->mem);
  if (rc != OCC_OK) {
    occ_call_free(call);
    return rc;
  }
  *out = call;
  return OCC_OK;
}

static int add_param(occ_call *call, occ_span name, occ_span value)
{
  int rc;

  if (occ__span_is(name, occ__names_kahrer_00.session)) {
    return OCC_ERR_ARGUMENT; /* the call's own: a follow-up must not carry two */
  }
  rc = occ__form_add(&call->form, &call->arena, name, value);
  if (rc == OCC__REASON_FORM_TOO_LARGE || rc == OCC__REASON_FORM_TOO_MANY) {
    return OCC_ERR_LIMIT;
  }
  return rc > 0 ? OCC_ERR_ARGUMENT : rc;
}

int occ_call_add_param(occ_call *call, const char *name, const void *value, size_t len)
{
  int rc;

  if (call == NULL || name == NULL || (value == NULL && len > 0)) {
    return OCC_ERR_ARGUMENT;
  }
  if (call->started) {
    return OCC_ERR_STATE;
  }
  rc = add_param(call, occ__span_text(name), occ__span(value, len));
  if (rc != OCC_OK && call->set_rc == OCC_OK) {
    call->set_rc = rc;
  }
  return rc;
}

/* Who asks is part of every token request (RFC 6749 section 3.2.1), unless the host has said it. */
static int start(occ_call *call)
{
  if (call->set_rc == OCC_OK && occ__form_find(&call->form, "client_id", 0) == NULL) {
    call->set_rc =
        add_param(call, occ__span_text("client_id"), occ__span_text(call->agent->client_id));
  }
  call->started = 1;
  return call->set_rc;
}

/* C-04: after its time a challenge is not worked on, and above all not answered. What was answered already is read. */
static int is_expired(const occ_call *call)
{
  return call->pending != NULL && call->deadline >= 0 && call->now >= call->deadline &&
         occ__call_states_expires(call->state) &&
         !(call->state == OCC__CALL_SEND && call->answered);
}

static int advance(occ_call *call, occ_workspace *ws)
{
  while (call->state != OCC__CALL_DONE) {
    occ_call_event event = OCC__CALL_NO;
    int rc = OCC_OK;
    if (!is_expired(call)) {
      rc = occ__call_steps_run(call, ws, &event);
    }
    call->answered = 0;
    occ__buf_reset(&call->answer);
    if (rc != OCC_OK) {
      return rc;
    }
    call->state = occ__call_states_next(call->state, event);
    if (!OCC_INVARIANT(call->state != OCC__CALL_FAILED)) {
      return OCC_ERR_INTERNAL;
    }
  }
  return OCC_OK;
}

static int fail(occ_call *call, int rc)
{
  call->state = OCC__CALL_FAILED;
  call->rc = rc;
  close_question(call);
  clear_buffers(call);
  return rc;
}

static int drive(occ_call *call)
{
  occ_workspace *ws = NULL;
  int rc = call->started ? OCC_OK : start(call);

  if (rc == OCC_OK) {
    rc = occ__lib_take(call->agent->lib, &ws);
  }
  if (rc == OCC_OK) {
    rc = advance(call, ws);
    occ__lib_give(call->agent->lib, ws);
  }
  return rc;
}

int occ_call_run(occ_call *call, occ_time now)
{
  int rc;

  if (call == NULL || now < 0 || now > OCC__AGENT_MAX_TIME) {
    return OCC_ERR_ARGUMENT;
  }
  if (call->rc != OCC_OK || call->state == OCC__CALL_DONE) {
    return call->rc;
  }
  if (call->open) {
    return OCC_PENDING;
  }
  if (now > call->now) {
    call->now = now; /* a clock set back must not give a challenge more time */
  }
  rc = drive(call);
  if (rc < 0) {
    return fail(call, rc);
  }
  if (rc == OCC_OK) {
    clear_buffers(call);
  }
  return rc;
}

const occ_question *occ_call_question(const occ_call *call)
{
  return call == NULL || !call->open ? NULL : &call->question;
}

static int may_send(const occ_call *call)
{
  return call != NULL && call->open && call->question.kind == OCC_ASK_SEND;
}

const char *occ_call_header_name(const occ_call *call, size_t i)
{
  static const char *const names[] = { "Content-Type", "Accept", OCC__HEADER_DPOP };

  if (!may_send(call) || i > 2 || (i == 2 && call->proof.len == 0)) {
    return NULL;
  }
  return names[i];
}

const char *occ_call_header_value(const occ_call *call, size_t i)
{
  static const char *const values[] = { "application/x-www-form-urlencoded", "application/json" };

  if (occ_call_header_name(call, i) == NULL) {
    return NULL;
  }
  return i == 2 ? occ__buf_string(&call->proof) : values[i];
}

static int find_question(const occ_call *call, occ_ticket ticket)
{
  if (call == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  return call->open && call->question.ticket == ticket ? OCC_OK : OCC_ERR_STALE;
}

static void accept_answer(occ_call *call, occ_verdict verdict)
{
  close_question(call);
  call->verdict = verdict;
  call->answered = 1;
}

int occ_call_answer(occ_call *call, occ_ticket ticket, occ_verdict verdict, const void *data,
                    size_t len)
{
  int rc = find_question(call, ticket);

  if (rc != OCC_OK) {
    return rc;
  }
  if ((verdict != OCC_NO && verdict != OCC_YES && verdict != OCC_RETRY) ||
      (data == NULL && len > 0) || (call->question.kind == OCC_ASK_SEND && verdict == OCC_YES)) {
    return OCC_ERR_ARGUMENT;
  }
  if (len > OCC__MAX_ANSWER) {
    return OCC_ERR_LIMIT;
  }
  rc = occ__buf_put(&call->answer, data, len);
  if (rc != OCC_OK) {
    occ__buf_reset(&call->answer);
    return rc;
  }
  if (call->question.kind == OCC_ASK_SEND) {
    call->response_rc = OCC_ERR_ANSWER;
  }
  accept_answer(call, verdict);
  return OCC_OK;
}

int occ_call_answer_send(occ_call *call, occ_ticket ticket, int http_status, const char *headers,
                         const void *body, size_t len)
{
  occ_challenge *response = NULL;
  int rc = find_question(call, ticket);

  if (rc != OCC_OK) {
    return rc;
  }
  if (call->question.kind != OCC_ASK_SEND) {
    return OCC_ERR_ARGUMENT;
  }
  if (http_status == 0) {
    rc = OCC_ERR_ANSWER;
  } else {
    rc = occ_challenge_read(&response, call->agent->lib, http_status, headers, body, len);
    if (rc == OCC_ERR_ARGUMENT || rc == OCC_ERR_MEMORY) {
      return rc; /* the host's or ours: the question stays open */
    }
  }
  call->response = response;
  call->response_rc = rc; /* the peer's: told by the run that reads it */
  accept_answer(call, OCC_YES);
  return OCC_OK;
}

const occ_challenge *occ_call_result(const occ_call *call)
{
  return call == NULL || call->state != OCC__CALL_DONE ? NULL : call->response;
}

void occ_call_free(occ_call *call)
{
  occ_agent *agent;

  if (call == NULL) {
    return;
  }
  agent = call->agent;
  occ_challenge_free(call->response);
  occ_challenge_free(call->pending);
  clear_buffers(call);
  occ__call_json_free(call->json, call->mem);
  occ__mem_wipe_free(call->mem, call, sizeof(*call));
  occ__agent_drop(agent);
}
