/* SPDX-License-Identifier: MIT
 *
 * The state PARSED: what the host has filled in is looked at for the first time, and the handle, if there is one, is
 * opened. Nothing changes by that: no session is used up, and what is wrong with a handle is only remembered (O-08). */

#include "core/txn.h"

static occ_step open_sealed(occ_txn *txn, const occ_sealed *sealed)
{
  int rc = OCC__REASON_SESSION_KEY_UNKNOWN;

  if (txn->keys != NULL) {
    rc = occ__handle_open(&txn->session, &txn->arena, txn->ws, txn->keys, sealed, txn->now);
  }
  if (rc < 0) {
    return occ__txn_fail_status(txn, rc);
  }
  txn->opened = rc == OCC_OK;
  txn->stale = rc;
  return OCC__GO;
}

static occ_step recall(occ_txn *txn, const uint8_t *id)
{
  occ_question *q;
  const occ_span part = occ__span(id, OCC__SESSION_ID_LEN);
  int rc = occ__digest_key(txn->once_keys[0], txn->ws, OCC__PURPOSE_SESSION, "keep",
                           txn->server->issuer, &part, 1);

  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  memcpy(txn->session.id, id, OCC__SESSION_ID_LEN);
  q = occ__question_open(txn, OCC_ASK_RECALL);
  q->key = txn->once_keys[0];
  q->keys = 1;
  return OCC__ASKED;
}

/* spec: S-13 */
static occ_step open_handle(occ_txn *txn)
{
  const occ_param *param = occ__form_find(&txn->form, txn->server->names->session, 0);
  uint8_t id[OCC__SESSION_ID_LEN];
  occ_sealed sealed;
  occ_span text;
  int stored = 0, rc;

  if (param == NULL) {
    return OCC__GO;
  }
  txn->handle = param->value;
  text = occ__span(param->value, param->value_len);
  rc = occ__handle_kind(text, &stored, id);
  if (rc == OCC_OK && stored != txn->server->stored) {
    rc = OCC__REASON_SESSION_MALFORMED; /* of a server with the other mode */
  }
  if (rc == OCC_OK && !stored) {
    rc = occ__handle_decode(&sealed, text);
  }
  if (rc != OCC_OK) {
    txn->stale = rc;
    return rc < 0 ? occ__txn_fail_status(txn, rc) : OCC__GO;
  }
  return stored ? recall(txn, id) : open_sealed(txn, &sealed);
}

occ_step occ__request_recalled(occ_txn *txn)
{
  uint8_t id[OCC__SESSION_ID_LEN];
  occ_sealed sealed;
  occ_step step;

  if (txn->asking.data == NULL || txn->asking.len > sizeof(sealed.octets)) {
    return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER);
  }
  memcpy(id, txn->session.id, sizeof(id));
  memcpy(sealed.octets, txn->asking.data, txn->asking.len);
  sealed.len = txn->asking.len;
  step = open_sealed(txn, &sealed);
  if (txn->opened && memcmp(id, txn->session.id, sizeof(id)) != 0) { /* another session's octets */
    txn->opened = 0;
    txn->stale = OCC__REASON_SESSION_FORGED;
  }
  return step;
}

occ_step occ__request_not_recalled(occ_txn *txn)
{
  txn->stale = OCC__REASON_SESSION_NOT_KEPT;
  return OCC__GO;
}

/* What is longer than its own limit is refused by that, or not read. */
static size_t octets_of(const occ_txn *txn, const char *name, size_t most)
{
  const occ_param *param = occ__form_find(&txn->form, name, 0);

  return param == NULL || param->value_len > most ? 0 : param->value_len;
}

/* All that this request can make us read as JSON. Each has a limit of its own; together they would cost more than a refusal
 * may. What the host judges, or a type of its own, is not counted. */
static size_t json_octets(const occ_txn *txn)
{
  const occ_server *server = txn->server;
  const occ_header *proof = occ__headers_find(&txn->headers, OCC__HEADER_DPOP, 0);
  size_t octets = octets_of(txn, "authorization_details", OCC__MAX_DETAILS) +
                  octets_of(txn, "claims", OCC__MAX_CLAIMS);

  if (!txn->client_set) {
    octets += octets_of(txn, "client_assertion", OCC__MAX_JWT);
  }
  if (!server->dpop_host && proof != NULL && proof->value_len <= OCC__MAX_PROOF) {
    octets += proof->value_len;
  }
  for (size_t i = 0; i < server->kinds; i++) {
    const occ_kind *kind = &server->kind[i];

    for (const char *const *name = kind->params; *name != NULL; name++) {
      octets += kind->type == occ_type_builtin(kind->key) ? octets_of(txn, *name, OCC__MAX_JWT) : 0;
    }
  }
  return octets;
}

occ_step occ__request_parse(occ_txn *txn)
{
  const occ_param *details;

  occ__txn_emit(txn, OCC__EVENT_REQUEST, 0, NULL, NULL);
  if (txn->input_rc < 0) { /* the host's own call had failed; going on would be guessing */
    return occ__txn_fail(txn, txn->input_rc, OCC__REASON_HOST_INPUT);
  }
  if (txn->input_rc > 0) {
    return occ__txn_refuse_as(txn, OCC__INVALID_REQUEST, txn->input_rc);
  }
  if (txn->endpoint == OCC_TOKEN && occ__txn_grant_type(txn)[0] == '\0') {
    return occ__txn_refuse(txn, OCC__REASON_GRANT_TYPE_MISSING);
  }
  details = occ__form_find(&txn->form, "authorization_details", 0);
  if (details != NULL && details->value_len > OCC__MAX_DETAILS) {
    return occ__txn_refuse(txn, OCC__REASON_DETAILS_TOO_LARGE);
  }
  if (json_octets(txn) > OCC__MAX_REQUEST_JSON) {
    return occ__txn_refuse(txn, OCC__REASON_JSON_TOO_LARGE);
  }
  return open_handle(txn);
}
