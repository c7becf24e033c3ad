/* SPDX-License-Identifier: MIT */

/* The work of each state of a call: one function a state, run again with call->answered set when its question was
 * answered. Called by call.c alone. It decides what a response means, which challenges are weighed and found too many,
 * and that nothing leaves before DISCLOSE was answered with yes. Ids C-02, C-03, C-04; RFC 9449 section 8. */

#include "agent/agent.h"
#include "wire/json_out.h"

static int put_form(occ_call *call)
{
  for (size_t i = 0; i < call->form.count; i++) {
    const occ_param *param = &call->form.param[i];
    (void)occ__form_put(&call->body, param->name, occ__span(param->value, param->value_len));
  }
  return call->body.rc;
}

/* C-03: the first request's parameters, the very session, the evidence. */
static int build_body(occ_call *call)
{
  occ__buf_reset(&call->body);
  (void)put_form(call);
  if (call->pending != NULL) {
    (void)occ__form_put(&call->body, occ__names_kahrer_00.session,
                        occ__span_text(call->pending->session));
    if (call->evidence_form.len > 0) {
      (void)occ__buf_byte(&call->body, '&');
      (void)occ__buf_put(&call->body, call->evidence_form.base, call->evidence_form.len);
    }
  }
  return call->body.rc;
}

static int step_prove(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  if (call->answered || (call->dpop && !call->proof_ready)) {
    return occ__solve_proof(call, ws, event);
  }
  if (!call->proof_ready) {
    occ__buf_reset(&call->proof); /* one that was sent is never sent again */
  }
  *event = OCC__CALL_GO;
  return OCC_OK;
}

static int ask_send(occ_call *call)
{
  occ_question *question;
  int rc = build_body(call);

  if (rc != OCC_OK) {
    return rc;
  }
  call->proof_ready = 0; /* a proof is for one request */
  question = occ__call_ask(call, OCC_ASK_SEND);
  question->url = call->agent->token_url;
  question->data = occ__buf_string(&call->body);
  question->len = call->body.len;
  return OCC_PENDING;
}

/* spec: RFC 9449 section 8. Only where another nonce makes another request, once for each change, and within a budget of
 * its own: a server that hands out nonces for ever gets one more answer than there may be rounds. A proof that is
 * evidence must carry the session; no other nonce can help it. */
static int may_repeat(const occ_call *call)
{
  const occ_challenge *response = call->response;
  const char *nonce = response->nonce[0];

  return strcmp(response->error, occ__error_name(&occ__names_kahrer_00, OCC__USE_DPOP_NONCE)) ==
             0 &&
         response->http_status >= 400 && response->http_status <= 499 && call->dpop &&
         !call->proof_bound && nonce != NULL && call->repeats <= call->agent->rounds &&
         !occ__span_equal(occ__span(call->nonce.base, call->nonce.len), occ__span_text(nonce));
}

static int keep_nonce(occ_call *call)
{
  const char *nonce = call->response->nonce[0];

  if (nonce == NULL) {
    return OCC_OK;
  }
  occ__buf_reset(&call->nonce);
  return occ__buf_text(&call->nonce, nonce);
}

static void forget_pending(occ_call *call)
{
  occ_challenge_free(call->pending);
  call->pending = NULL;
  call->deadline = -1;
  call->proof_bound = 0;
  occ__buf_reset(&call->evidence);
  occ__buf_reset(&call->evidence_form);
}

static void take_challenge(occ_call *call)
{
  forget_pending(call);
  call->pending = call->response;
  call->response = NULL;
  if (call->pending->expires_in >= 0) {
    call->deadline = call->now + call->pending->expires_in * 1000;
  }
}

static int read_response(occ_call *call, occ_call_event *event)
{
  int repeat, rc;

  if (call->response_rc != OCC_OK) {
    return call->response_rc;
  }
  repeat = call->response->error != NULL && may_repeat(call);
  rc = keep_nonce(call);
  if (rc != OCC_OK) {
    return rc;
  }
  if (repeat) {
    call->repeats++;
    occ_challenge_free(call->response);
    call->response = NULL;
    *event = OCC__CALL_REPEAT;
  } else if (call->response->type != NULL) {
    take_challenge(call);
    *event = OCC__CALL_CHALLENGED;
  } else {
    forget_pending(call);
    *event = OCC__CALL_ENDED;
  }
  return OCC_OK;
}

static int step_send(occ_call *call, occ_call_event *event)
{
  return call->answered ? read_response(call, event) : ask_send(call);
}

/* The requirement without a session inside it (O-01): what makes it the same one again. */
static int digest_requirement(occ_call *call, occ_workspace *ws, uint8_t out[OCC__SHA256_LEN])
{
  json_t *wanted = json_object_get(call->pending->root, occ__names_kahrer_00.requirement);
  json_t *value;
  const char *name;
  occ_buf text;
  int rc;

  occ__buf_init(&text, call->mem, 2 * OCC__MAX_BODY); /* jansson may write a number longer */
  occ__json_open(&text, '{');
  json_object_foreach(wanted, name, value)
  {
    if (strcmp(name, occ__names_kahrer_00.session) != 0) {
      occ__json_name(&text, name);
      occ__json_value(&text, value);
    }
  }
  occ__json_close(&text, '}');
  rc = text.rc;
  if (rc == OCC_OK) {
    rc = occ__sha256(ws, out, occ__span(text.base, text.len));
  }
  occ__buf_clear(&text);
  return rc;
}

/* The audience comes from the agent's own configuration. A requirement that suggests another one was made for another
 * server, and is being passed on. */
static int is_for_us(const occ_call *call)
{
  const json_t *audience = json_object_get(call->pending->wanted, "client_id");

  return audience == NULL ||
         (json_string_value(audience) != NULL &&
          occ__span_is(occ__span(json_string_value(audience), json_string_length(audience)),
                       call->agent->issuer));
}

static int step_weigh(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  size_t same = 0;
  int fresh = 1;
  int rc = digest_requirement(call, ws, call->current.requirement);

  if (rc == OCC_OK) {
    rc = occ__sha256(ws, call->current.session, occ__span_text(call->pending->session));
  }
  if (rc != OCC_OK) {
    return rc;
  }
  for (size_t i = 0; i < call->rounds; i++) {
    const occ_call_round *round = &call->round[i];
    same += (size_t)occ__equal_ct(round->requirement, call->current.requirement, OCC__SHA256_LEN);
    /* A session that was answered already is no fresh nonce. */
    fresh &= !occ__equal_ct(round->session, call->current.session, OCC__SHA256_LEN);
  }
  *event =
      fresh && is_for_us(call) && call->rounds < call->agent->rounds && same < call->agent->answers
          ? OCC__CALL_GO
          : OCC__CALL_NO;
  return OCC_OK;
}

/* Evidence that was sent before is not sent again: whatever made it, it did not help. */
static int is_new_evidence(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  int rc =
      occ__sha256(ws, call->current.evidence, occ__span(call->evidence.base, call->evidence.len));

  for (size_t i = 0; i < call->rounds && rc == OCC_OK; i++) {
    if (occ__equal_ct(call->round[i].evidence, call->current.evidence, OCC__SHA256_LEN)) {
      *event = OCC__CALL_NO;
    }
  }
  return rc;
}

static int step_solve(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  int rc = occ__solve_evidence(call, ws, event);

  if (rc == OCC_OK && *event == OCC__CALL_GO) {
    rc = is_new_evidence(call, ws, event);
  }
  return rc;
}

static int step_disclose(occ_call *call, occ_call_event *event)
{
  occ_question *question;

  if (call->answered) {
    *event = call->verdict == OCC_YES ? OCC__CALL_GO : OCC__CALL_NO;
    if (*event == OCC__CALL_GO) {
      call->round[call->rounds++] = call->current; /* WEIGH has left room */
    }
    return OCC_OK;
  }
  question = occ__call_ask(call, OCC_ASK_DISCLOSE);
  question->type = call->pending->type;
  question->wanted = call->pending->requirement;
  question->audience = call->agent->issuer;
  question->data = occ__buf_string(&call->evidence);
  question->len = call->evidence.len;
  return OCC_PENDING;
}

/* C-02: as if the server had said unauthorized_client, with its own words attached. */
static int step_give_up(occ_call *call, occ_call_event *event)
{
  occ_challenge_free(call->response);
  call->response = call->pending;
  call->pending = NULL;
  occ__challenge_give_up(call->response);
  forget_pending(call);
  *event = OCC__CALL_GO;
  return OCC_OK;
}

int occ__call_steps_run(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  switch (call->state) {
  case OCC__CALL_PROVE:
    return step_prove(call, ws, event);
  case OCC__CALL_SEND:
    return step_send(call, event);
  case OCC__CALL_WEIGH:
    return step_weigh(call, ws, event);
  case OCC__CALL_SOLVE:
    return step_solve(call, ws, event);
  case OCC__CALL_DISCLOSE:
    return step_disclose(call, event);
  case OCC__CALL_GIVE_UP:
    return step_give_up(call, event);
  case OCC__CALL_FAILED:
  case OCC__CALL_DONE:
  case OCC__CALL_STATES:
    break;
  }
  return OCC_ERR_INTERNAL;
}
