/* SPDX-License-Identifier: MIT
 *
 * The state DONE: how a request ends, as the outcome for the host and as the octets for the peer. Status, headers and
 * body are there after every end, even for a txn that never ran. Error texts are fixed sentences: no octet of the peer,
 * no detail of which check failed. */

#include "core/txn.h"

#include "core/nonce.h"
#include "wire/body.h"

int occ__response_header(occ_txn *txn, const char *name, const char *value)
{
  occ_response *response = &txn->response;

  if (response->headers == sizeof(response->header) / sizeof(response->header[0])) {
    return OCC_ERR_LIMIT;
  }
  response->header[response->headers].name = name;
  response->header[response->headers].value = value;
  response->headers++;
  return OCC_OK;
}

static int has_header(const occ_txn *txn, const char *name)
{
  for (size_t i = 0; i < txn->response.headers; i++) {
    if (strcmp(txn->response.header[i].name, name) == 0) {
      return 1;
    }
  }
  return 0;
}

/* spec: RFC 9449 section 8: never two DPoP-Nonce headers. */
int occ__response_fresh_nonce(occ_txn *txn)
{
  const occ_seal_key *key;
  char nonce[OCC__NONCE_LEN + 1];
  const char *copy;
  int rc;

  if (txn->server->nonce_mode == OCC__NONCE_OFF || txn->server->dpop_host || txn->keys == NULL ||
      has_header(txn, OCC__HEADER_DPOP_NONCE)) {
    return OCC_OK;
  }
  key = occ__key_set_seals(txn->keys, txn->now);
  if (key == NULL) {
    return OCC_ERR_CONFIG;
  }
  rc = occ__nonce_make(nonce, txn->ws, key, txn->server->issuer, txn->server->store_id, txn->now);
  if (rc != OCC_OK) {
    return rc;
  }
  copy = occ__txn_text(txn, nonce, OCC__NONCE_LEN);
  return copy == NULL ? txn->arena.rc : occ__response_header(txn, OCC__HEADER_DPOP_NONCE, copy);
}

/* spec: S-05 */
static int error_headers(occ_txn *txn)
{
  int rc = occ__response_header(txn, "Content-Type", "application/json");

  if (rc == OCC_OK) {
    rc = occ__response_header(txn, "Cache-Control", "no-store");
  }
  return rc == OCC_OK ? occ__response_header(txn, "Pragma", "no-cache") : rc;
}

occ_step occ__response_grant(occ_txn *txn)
{
  int rc = OCC_OK;

  if (txn->live && txn->now >= txn->session.expires) { /* it ran out while we were deciding */
    return OCC__AGAIN;
  }
  txn->response.headers = 0;
  if (txn->proof.present) {
    rc = occ__response_fresh_nonce(txn);
  }
  if (rc == OCC_OK) {
    rc = occ__receipt_make(txn);
  }
  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  txn->response.http_status = 0;
  txn->outcome = OCC_GRANT;
  occ__txn_emit(txn, OCC__EVENT_GRANTED, 0, NULL, NULL);
  return OCC__GO;
}

occ_step occ__response_kept(occ_txn *txn)
{
  int rc = error_headers(txn);

  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  txn->outcome = OCC_CHALLENGE;
  txn->error = OCC__INSUFFICIENT_CLIENT_AUTHORIZATION;
  occ__txn_emit(txn, OCC__EVENT_CHALLENGED, txn->reason, txn->evidence.about.requirement, NULL);
  return OCC__GO;
}

occ_step occ__response_not_kept(occ_txn *txn)
{
  return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_STORE_UNAVAILABLE);
}

/* The host may answer with any OAuth error; the ones that we know have their status. */
static int http_status(const occ_txn *txn, const char *error)
{
  for (int known = OCC__NO_ERROR + 1; known < OCC__ERRORS; known++) {
    if (strcmp(occ__error_name(txn->server->names, (occ_oauth_error)known), error) == 0) {
      return occ__error_http_status(txn->server->names, (occ_oauth_error)known);
    }
  }
  return 400;
}

/* spec: RFC 9110 section 11.1: schemes compare without case. */
static int is_basic(const occ_txn *txn)
{
  static const char scheme[] = "basic ";
  const occ_header *line = occ__headers_find(&txn->headers, OCC__HEADER_AUTHORIZATION, 0);

  for (size_t i = 0; i < sizeof(scheme) - 1; i++) {
    if (line == NULL || i >= line->value_len || (line->value[i] | 0x20) != (scheme[i] | 0x20)) {
      return 0;
    }
  }
  return 1;
}

static int refuse_headers(occ_txn *txn)
{
  int rc = OCC_OK;

  if (txn->error == OCC__USE_DPOP_NONCE || txn->error == OCC__INVALID_DPOP_PROOF) {
    rc = occ__response_fresh_nonce(txn);
  }
  /* spec: RFC 6749 section 5.2 (invalid_client) */
  if (rc == OCC_OK && txn->response.http_status == 401 && is_basic(txn)) {
    rc = occ__response_header(txn, "WWW-Authenticate", "Basic realm=\"token\"");
  }
  return rc == OCC_OK ? error_headers(txn) : rc;
}

occ_step occ__response_refuse(occ_txn *txn)
{
  const occ_names *names = txn->server->names;
  const char *error = txn->error_name;
  const char *description = txn->error_description;
  int rc;

  if (error == NULL) {
    error = occ__error_name(names, txn->error);
  }
  if (description == NULL && txn->error_name == NULL) {
    description = occ__error_text(txn->error);
  }
  occ__buf_reset(&txn->response.body);
  occ__body_write(&txn->response.body, names, error, description, txn->reference, NULL);
  txn->response.http_status = http_status(txn, error);
  rc = refuse_headers(txn);
  rc = rc == OCC_OK ? txn->response.body.rc : rc;
  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  txn->outcome = OCC_REFUSE;
  occ__txn_emit(txn, OCC__EVENT_REFUSED, txn->reason, NULL, txn->reason_detail);
  return OCC__GO;
}

/* Our own fault, or the host's. Whatever goes wrong in here, the answer is an error and never a grant. */
occ_step occ__response_fail(occ_txn *txn)
{
  const occ_names *names = txn->server->names;

  if (txn->status == OCC_OK) { /* the table came to a cell that cannot be */
    occ__txn_fail(txn, OCC_ERR_INTERNAL, OCC__REASON_INTERNAL);
  }
  txn->outcome = OCC_FAILED;
  txn->error = occ__reason_error(txn->reason);
  txn->response.http_status = occ__error_http_status(names, txn->error);
  txn->response.headers = 0;
  error_headers(txn);
  if (txn->response.http_status == 503) {
    occ__response_header(txn, "Retry-After", "1");
  }
  occ__buf_reset(&txn->response.body);
  occ__body_write(&txn->response.body, names, occ__error_name(names, txn->error),
                  occ__error_text(txn->error), txn->reference, NULL);
  /* The call that the host got wrong, if it was one before the run. */
  occ__txn_emit(txn, OCC__EVENT_FAILED, txn->reason, NULL,
                txn->reason == OCC__REASON_HOST_INPUT && txn->input_rc < 0 ? txn->input_by
                                                                           : txn->reason_detail);
  return OCC__GO;
}

int occ_txn_http_status(const occ_txn *txn)
{
  return txn == NULL || txn->state != OCC__ENDED ? 500 : txn->response.http_status;
}

/* What is sent where nothing has been made: no txn, one that has not ended, or no memory for its body. */
static const char last_body[] = "{\"error\":\"server_error\"}";
static const char *const last_header[][2] = { { "Content-Type", "application/json" },
                                              { "Cache-Control", "no-store" },
                                              { "Pragma", "no-cache" } };

static int is_bare(const occ_txn *txn)
{
  return txn == NULL || txn->state != OCC__ENDED ||
         (txn->response.http_status != 0 && txn->response.headers == 0);
}

const char *occ_txn_header_name(const occ_txn *txn, size_t i)
{
  if (is_bare(txn)) {
    return i < sizeof(last_header) / sizeof(last_header[0]) ? last_header[i][0] : NULL;
  }
  return i < txn->response.headers ? txn->response.header[i].name : NULL;
}

const char *occ_txn_header_value(const occ_txn *txn, size_t i)
{
  if (is_bare(txn)) {
    return i < sizeof(last_header) / sizeof(last_header[0]) ? last_header[i][1] : NULL;
  }
  return i < txn->response.headers ? txn->response.header[i].value : NULL;
}

const char *occ_txn_body(const occ_txn *txn, size_t *len)
{
  const char *body = last_body;
  size_t n = sizeof(last_body) - 1;

  if (txn == NULL || txn->state != OCC__ENDED) {
    /* half of an answer is none */
  } else if (txn->response.http_status == 0) {
    body = "";
    n = 0;
  } else if (txn->response.body.rc == OCC_OK && txn->response.body.len > 0) {
    body = occ__buf_string(&txn->response.body);
    n = txn->response.body.len;
  }
  if (len != NULL) {
    *len = n;
  }
  return body;
}
