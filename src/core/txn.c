/* SPDX-License-Identifier: MIT
 *
 * The life of one token request: made, filled, run, freed. The host's own door to the machine; what happens inside a
 * run is the table's (txn_states.c) and the actions'. Does no I/O, reads no clock, and trusts nothing that it was
 * handed: what the peer did wrong ends as a refusal, what the host did wrong as a failure. */

#include "core/txn.h"

#include "base/b64.h"
#include "wire/body.h"
#include "wire/json_in.h"

int occ_txn_new(occ_txn **out, occ_server *server, occ_endpoint endpoint, void *user_data)
{
  const occ_mem *mem;
  occ_txn *txn;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (server == NULL || (endpoint != OCC_TOKEN && endpoint != OCC_PAR)) {
    return OCC_ERR_ARGUMENT;
  }
  mem = occ__lib_mem(server->lib);
  txn = occ__mem_alloc_raw(mem, sizeof(*txn));
  if (txn == NULL) {
    return OCC_ERR_MEMORY;
  }
  memset(txn, 0, offsetof(occ_txn, log));
  txn->self = txn;
  txn->lib = server->lib;
  txn->server = server;
  txn->user_data = user_data;
  txn->endpoint = endpoint;
  txn->challenge_status = server->challenge_status;
  occ__arena_init(&txn->arena, mem, OCC__MAX_TXN_MEMORY);
  txn->canonical.arena = &txn->arena;
  occ__buf_init(&txn->response.body, mem, OCC__MAX_BODY);
  txn->response.http_status = 500; /* until something better is known */
  occ__server_hold(server);
  *out = txn;
  return OCC_OK;
}

void *occ_txn_user_data(const occ_txn *txn)
{
  return txn == NULL ? NULL : txn->user_data;
}

void occ_txn_free(occ_txn *txn)
{
  occ_server *server;
  const occ_mem *mem;

  if (txn == NULL) {
    return;
  }
  if (txn->running) { /* from inside an answerer: when the run is over */
    txn->free_later = 1;
    return;
  }
  txn->running = 1; /* a cancel callback that frees or runs it again changes nothing */
  occ__question_cancel(txn);
  occ__facts_drop(txn);
  json_decref(txn->metadata);
  json_decref(txn->client_facts);
  json_decref(txn->details);
  json_decref(txn->evidence.object);
  occ__arena_clear(&txn->arena);
  occ__buf_clear(&txn->response.body);
  server = txn->server;
  mem = occ__lib_mem(txn->lib);
  occ__wipe(txn, offsetof(occ_txn, log));
  occ__mem_free(mem, txn, sizeof(*txn));
  occ_server_free(server);
}

/* Filling. The first error sticks until the run; a setter after the run has begun changes nothing. */

int occ__txn_filled(occ_txn *txn, int rc, const char *by)
{
  if (rc != OCC_OK && (txn->input_rc == OCC_OK || (rc < 0 && txn->input_rc > 0))) {
    txn->input_rc = rc; /* our own fault, or the host's, comes before the peer's */
    txn->input_by = by;
  }
  return rc < 0 ? rc : OCC_OK; /* the peer's fault is an outcome, not an error of this call */
}

static int may_fill(const occ_txn *txn)
{
  if (txn == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  return txn->begun || txn->running ? OCC_ERR_STATE : OCC_OK;
}

const char *occ__txn_text(occ_txn *txn, const void *octets, size_t len)
{
  return occ__arena_text(&txn->arena, octets, len);
}

int occ_txn_set_body(occ_txn *txn, const void *form, size_t len)
{
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if (form == NULL && len > 0) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  if (txn->has_body || txn->has_params) {
    return occ__txn_filled(txn, OCC_ERR_STATE,
                           __func__); /* two bodies: which one would the grant be for? */
  }
  txn->has_body = 1;
  return occ__txn_filled(txn, occ__form_parse(&txn->form, &txn->arena, occ__span(form, len)),
                         __func__);
}

int occ_txn_add_param(occ_txn *txn, const char *name, const void *value, size_t len)
{
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if (name == NULL || (value == NULL && len > 0)) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  if (txn->has_body) {
    return occ__txn_filled(txn, OCC_ERR_STATE, __func__);
  }
  txn->has_params = 1;
  rc = occ__form_add(&txn->form, &txn->arena, occ__span_text(name), occ__span(value, len));
  return occ__txn_filled(txn, rc, __func__);
}

int occ_txn_add_header(occ_txn *txn, const char *name, const void *value, size_t len)
{
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if (name == NULL || (value == NULL && len > 0)) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  rc = occ__headers_add(&txn->headers, &txn->arena, txn->server->headers, occ__span_text(name),
                        occ__span(value, len));
  return occ__txn_filled(txn, rc, __func__);
}

/* The outer SEQUENCE spans all of it: no PEM, nothing behind it. */
static int is_one_der_sequence(const uint8_t *der, size_t len)
{
  size_t at = 2, body = 0, octets;

  if (len < 2 || der[0] != 0x30) {
    return 0;
  }
  if (der[1] < 0x80) {
    return len == at + der[1];
  }
  octets = der[1] & 0x7fu;
  if (octets < 1 || octets > 3 || len < at + octets) {
    return 0;
  }
  for (size_t i = 0; i < octets; i++) {
    body = (body << 8) | der[at++];
  }
  return len - at == body;
}

int occ_txn_set_certificate(occ_txn *txn, const void *der, size_t len)
{
  occ_workspace *ws = NULL;
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if (der == NULL || len > OCC__MAX_CERTIFICATE || !is_one_der_sequence(der, len)) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  rc = occ__lib_take(txn->lib, &ws);
  if (rc != OCC_OK) {
    return occ__txn_filled(txn, rc, __func__);
  }
  rc = occ__sha256(ws, txn->certificate, occ__span(der, len));
  occ__lib_give(txn->lib, ws);
  if (rc == OCC_OK) {
    txn->certificate_der = occ__span(occ__txn_text(txn, der, len), len);
    rc = txn->certificate_der.base == NULL ? txn->arena.rc : OCC_OK;
  }
  txn->has_certificate = rc == OCC_OK;
  return occ__txn_filled(txn, rc, __func__);
}

int occ__txn_is_vschar(const char *text)
{
  for (; *text != '\0'; text++) {
    if (*text < 0x20 || *text > 0x7e) {
      return 0;
    }
  }
  return 1;
}

int occ_txn_set_client(occ_txn *txn, const char *client_id, const char *method, const char *key)
{
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if (client_id == NULL || method == NULL || client_id[0] == '\0' || method[0] == '\0' ||
      !occ__txn_is_vschar(client_id) || !occ__txn_is_vschar(method) ||
      (key != NULL && !occ__txn_is_vschar(key)) || strlen(client_id) > OCC__MAX_CLIENT_ID ||
      strlen(method) > OCC__MAX_ID || (key != NULL && strlen(key) > OCC__MAX_ID)) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  txn->client_set = 1;
  txn->authenticated = strcmp(method, "none") != 0;
  txn->client_id = occ__txn_text(txn, client_id, strlen(client_id));
  txn->client_method = occ__txn_text(txn, method, strlen(method));
  txn->client_key = key == NULL ? NULL : occ__txn_text(txn, key, strlen(key));
  return occ__txn_filled(txn, txn->arena.rc, __func__);
}

int occ_txn_set_sender(occ_txn *txn, occ_sender kind, const char *thumbprint)
{
  uint8_t octets[OCC__SHA256_LEN];
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if ((kind != OCC_SENDER_DPOP && kind != OCC_SENDER_MTLS && kind != OCC_SENDER_ATTESTED) ||
      thumbprint == NULL || (kind == OCC_SENDER_DPOP && !txn->server->dpop_host) ||
      occ__b64_decode_exact(octets, sizeof(octets), occ__span_text(thumbprint)) != OCC_OK ||
      (txn->senders & (1u << kind)) != 0) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  occ__sender_add(txn, kind, thumbprint, octets);
  return OCC_OK;
}

int occ_txn_set_metadata(occ_txn *txn, const char *json, size_t len)
{
  int rc = may_fill(txn);

  if (rc != OCC_OK) {
    return rc;
  }
  if (json == NULL || txn->metadata != NULL) {
    return occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  rc = occ__json_read_object(&txn->metadata, occ__span(json, len), &occ__json_client);
  return occ__txn_filled(txn, rc == OCC_ERR_SYNTAX ? OCC_ERR_ARGUMENT : rc, __func__);
}

static int set_seconds(int64_t *ms, const char *value)
{
  int64_t seconds = 0;

  for (const char *c = value; *c != '\0'; c++) {
    if (*c < '0' || *c > '9' || seconds > OCC__MAX_EXPIRY_S) {
      return OCC_ERR_ARGUMENT;
    }
    seconds = seconds * 10 + (*c - '0');
  }
  if (seconds < OCC__MIN_EXPIRY_S || seconds > OCC__MAX_EXPIRY_S) {
    return OCC_ERR_ARGUMENT;
  }
  *ms = seconds * 1000;
  return OCC_OK;
}

static int set_flag(int *flag, const char *value)
{
  if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
    return OCC_ERR_ARGUMENT;
  }
  *flag = value[0] == 't';
  return OCC_OK;
}

static int set_named(occ_txn *txn, const char *name, const char *value)
{
  const char *text;

  if (strcmp(name, "reference") == 0) {
    if (strlen(value) > OCC__MAX_ID || (value[0] != '\0' && !occ__body_text_allowed(value))) {
      return OCC_ERR_ARGUMENT;
    }
    text = occ__txn_text(txn, value, strlen(value));
    if (text == NULL) {
      return txn->arena.rc;
    }
    txn->reference = text;
    return OCC_OK;
  }
  if (strcmp(name, "expiry") == 0) {
    return set_seconds(&txn->expiry_ms, value);
  }
  if (strcmp(name, "challenge_status") == 0) {
    if (strcmp(value, "400") != 0 && strcmp(value, "403") != 0) {
      return OCC_ERR_ARGUMENT;
    }
    txn->challenge_status = value[2] == '0' ? 400 : 403;
    return OCC_OK;
  }
  if (strcmp(name, "challenge_anyway") == 0) {
    return set_flag(&txn->challenge_anyway, value);
  }
  if (strcmp(name, "receipt") == 0) {
    return occ__receipt_set(txn, value);
  }
  if (strcmp(name, "certificate_verified") == 0 &&
      !txn->begun) { /* too late once it was looked at */
    return set_flag(&txn->certificate_verified, value);
  }
  return OCC_ERR_ARGUMENT;
}

/* For the log: what the host called the option may be anything, what we call it is ours. */
static const char *name_of(const char *option)
{
  static const char *const known[] = {
    "occ_txn_set.reference",        "occ_txn_set.expiry",  "occ_txn_set.challenge_status",
    "occ_txn_set.challenge_anyway", "occ_txn_set.receipt", "occ_txn_set.certificate_verified",
  };

  for (size_t i = 0; option != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
    if (strcmp(strchr(known[i], '.') + 1, option) == 0) {
      return known[i];
    }
  }
  return "occ_txn_set";
}

static int deciding(const occ_txn *txn)
{
  return txn->asking.open && !txn->asking.answered && txn->asking.q.kind == OCC_ASK_DECIDE;
}

int occ_txn_set(occ_txn *txn, const char *name, const char *value)
{
  int rc;

  if (txn == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (deciding(txn)) {
    return name == NULL || value == NULL ? OCC_ERR_ARGUMENT : set_named(txn, name, value);
  }
  rc = may_fill(txn);
  if (rc != OCC_OK) {
    return rc;
  }
  rc = name == NULL || value == NULL ? OCC_ERR_ARGUMENT : set_named(txn, name, value);
  return occ__txn_filled(txn, rc, name_of(name));
}

int occ_txn_set_memo(occ_txn *txn, const void *data, size_t len)
{
  if (txn == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (!deciding(txn) && may_fill(txn) != OCC_OK) {
    return OCC_ERR_STATE;
  }
  if ((data == NULL && len > 0) || len > OCC__MAX_MEMO) {
    return deciding(txn) ? OCC_ERR_ARGUMENT : occ__txn_filled(txn, OCC_ERR_ARGUMENT, __func__);
  }
  if (len > 0) {
    memcpy(txn->memo, data, len);
  }
  txn->memo_len = len;
  txn->memo_set = 1;
  return OCC_OK;
}

/* Ways out of an action. */

occ_step occ__txn_refuse_as(occ_txn *txn, occ_oauth_error error, int reason)
{
  txn->error = error;
  txn->reason = reason;
  return OCC__REFUSE;
}

occ_step occ__txn_refuse(occ_txn *txn, int reason)
{
  return occ__txn_refuse_as(txn, occ__reason_error(reason), reason);
}

occ_step occ__txn_fail(occ_txn *txn, int status, int reason)
{
  if (txn->status == OCC_OK) { /* the first one is kept */
    txn->status = status;
    txn->reason = reason;
  }
  return OCC__FAULT;
}

occ_step occ__txn_fail_status(occ_txn *txn, int status)
{
  return occ__txn_fail(txn, status, occ__reason_of_status(status));
}

occ_step occ__txn_step_of(occ_txn *txn, int rc, occ_oauth_error error)
{
  if (rc == OCC_OK) {
    return OCC__GO;
  }
  if (rc < 0) {
    return occ__txn_fail_status(txn, rc);
  }
  return occ__txn_refuse_as(txn, error == OCC__NO_ERROR ? occ__reason_error(rc) : error, rc);
}

const char *occ__txn_token(const char *text, size_t len)
{
  if (text == NULL || len == 0 || len > 64 || strlen(text) != len) {
    return NULL;
  }
  for (size_t i = 0; i < len; i++) {
    const char c = text[i];

    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '-' || c == '.')) {
      return NULL;
    }
  }
  return text;
}

occ_step occ__host_retry(occ_txn *txn)
{
  txn->reason_detail = occ__txn_token(txn->asking.data, txn->asking.len);
  occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_RETRY);
  return occ__response_fail(txn);
}

const char *occ__txn_grant_type(const occ_txn *txn)
{
  const occ_param *param = occ__form_find(&txn->form, "grant_type", 0);

  return param == NULL ? "" : param->value;
}

/* Running. */

static int end_of_run(occ_txn *txn, int rc)
{
  if (txn->keys != NULL) {
    occ__keyring_give(txn->server->ring, txn->keys);
    txn->keys = NULL;
  }
  if (txn->ws != NULL) {
    occ__lib_give(txn->lib, txn->ws);
    txn->ws = NULL;
  }
  txn->running = 0;
  if (txn->free_later) {
    occ_txn_free(txn);
    return OCC_ERR_STATE; /* there is no txn any more whose outcome could be read */
  }
  return rc;
}

static int begin_run(occ_txn *txn, occ_time now)
{
  int rc;

  if (now > txn->now) { /* time never goes back within a txn */
    txn->now = now;
  }
  if (txn->deadline == 0) {
    txn->deadline = txn->now + txn->server->deadline_ms;
  }
  txn->running = 1;
  rc = occ__lib_take(txn->lib, &txn->ws);
  if (rc == OCC_OK && txn->server->ring != NULL) {
    txn->keys = occ__keyring_take(txn->server->ring);
  }
  return rc;
}

/* The open question: answered already, answered now by its answerer, or still open (OCC__ASKED). */
static occ_step answer_step(occ_txn *txn)
{
  occ_step step = OCC__ASKED;

  while (step == OCC__ASKED) { /* again where a question stood behind a FETCH */
    int rc = txn->status;      /* not OCC_OK where a getter had no memory for the question */

    if (rc == OCC_OK && !txn->asking.answered) {
      rc = occ__question_offer(txn);
    }
    if (rc == OCC_PENDING) {
      return OCC__ASKED;
    }
    step = rc == OCC_OK && txn->status == OCC_OK ? occ__question_close(txn) : OCC__FAULT;
  }
  return step;
}

/* With what a run begins. */
static occ_step first_step(occ_txn *txn)
{
  if (txn->state == OCC__ENDED) {
    return OCC__GO; /* settled */
  }
  if (!txn->begun) {
    txn->begun = 1;
    return occ__request_parse(txn);
  }
  return OCC__ASKED;
}

/* From a step to the next, until a question stays open or the walk is over. */
static int drive(occ_txn *txn, occ_step step)
{
  while (step != OCC__END) {
    occ_cell cell;

    if (step == OCC__ASKED) {
      step = answer_step(txn);
      if (step == OCC__ASKED) {
        return OCC_PENDING;
      }
    }
    if (step == OCC__FAULT) {
      occ__question_cancel(txn);
    }
    occ__facts_drop(txn);
    cell = occ__states_cell(txn->state, step);
    txn->state = cell.next;
    step = cell.action(txn);
  }
  return txn->status;
}

int occ_txn_run(occ_txn *txn, occ_time now)
{
  occ_step step;
  int rc;

  if (txn == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (txn->running) {
    return OCC_ERR_REENTRANT;
  }
  if (txn->state == OCC__ENDED && (txn->status != OCC_OK || txn->settled == 0 || !txn->reserved)) {
    return txn->status;
  }
  if (now < 0 || now > OCC__MAX_TIME) {
    now = txn->now;
    (void)occ__txn_fail(txn, OCC_ERR_ARGUMENT, OCC__REASON_HOST_INPUT);
  }
  rc = begin_run(txn, now);
  if (txn->status != OCC_OK) {
    step = OCC__FAULT;
  } else if (rc != OCC_OK) {
    step = occ__txn_fail_status(txn, rc);
  } else if (txn->now >= txn->deadline) {
    step = occ__txn_fail(txn, OCC_ERR_DEADLINE, OCC__REASON_DEADLINE);
  } else {
    step = first_step(txn);
  }
  return end_of_run(txn, drive(txn, step));
}

int occ_txn_settle(occ_txn *txn, int issue)
{
  if (txn == NULL || (issue != 0 && issue != 1)) {
    return OCC_ERR_ARGUMENT;
  }
  if (txn->state != OCC__ENDED || txn->outcome != OCC_GRANT || txn->settled != 0) {
    return OCC_ERR_STATE;
  }
  txn->settled = issue ? 1 : -1;
  txn->deadline = 0; /* counted anew, from the next run */
  return OCC_OK;
}

occ_outcome occ_txn_outcome(const occ_txn *txn)
{
  return txn == NULL || txn->state != OCC__ENDED ? OCC_UNDECIDED : txn->outcome;
}
