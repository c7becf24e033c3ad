/* SPDX-License-Identifier: MIT
 *
 * The state SESSION: is the opened handle a session for this very request? Everything is compared before anything is
 * used up: expiry, store, sender keys, and one digest over all the rest; then the evidence is parsed and its nonce
 * compared. Whatever does not fit makes the session stale, and all stale sessions look alike (O-08). */

#include "core/txn.h"

#include "base/b64.h"
#include "core/params.h"
#include "jose/jcs.h"
#include "wire/json_in.h"

int occ__session_bound(occ_txn *txn, const occ_requirement *requirement,
                       const uint8_t requirement_digest[OCC__SHA256_LEN],
                       const char *const *carriers, uint8_t out[OCC__SHA256_LEN])
{
  const occ_bound bound = {
    .issuer = txn->server->issuer,
    .client_id = txn->client_id,
    .method = txn->client_method,
    .endpoint = txn->endpoint,
    .grant_type = occ__txn_grant_type(txn),
    .type = requirement->kind->name,
    .requirement = requirement_digest,
    .request = { .form = &txn->form,
                 .carriers = carriers,
                 .ignore = txn->server->digest_ignore,
                 .session_param = txn->server->names->session,
                 .binding = txn->has_binding ? txn->binding : NULL,
                 .details = txn->details,
                 .canonical = &txn->canonical },
  };

  return occ__digest_bound(out, txn->ws, &bound);
}

/* spec: RFC 9396 section 2: an array of objects, each with a type. Parsed here and not before, so that a client must
 * have passed CLIENT, SENDER and CHECK before its JSON costs us anything. */
static int read_details(occ_txn *txn)
{
  const occ_param *param = occ__form_find(&txn->form, "authorization_details", 0);
  json_t *element;
  size_t i;
  int rc;

  if (param == NULL) {
    return OCC_OK;
  }
  rc = occ__json_read(&txn->details, occ__span(param->value, param->value_len), &occ__json_request);
  if (rc == OCC_ERR_MEMORY) {
    return rc;
  }
  if (rc != OCC_OK || !json_is_array(txn->details) || json_array_size(txn->details) == 0) {
    return OCC__REASON_DETAILS_MALFORMED;
  }
  json_array_foreach(txn->details, i, element)
  {
    if (occ__json_text(element, "type") == NULL) {
      return OCC__REASON_DETAILS_MALFORMED;
    }
  }
  return OCC_OK;
}

/* The comparisons that need no digest; cheap ones first. */
static int compare_plain(const occ_txn *txn)
{
  const occ_session *session = &txn->session;

  if (txn->now >= session->expires) {
    return OCC__REASON_SESSION_EXPIRED;
  }
  if (session->issued > txn->now + OCC__NODE_SKEW_MS) {
    return OCC__REASON_SESSION_AHEAD;
  }
  if (!occ__equal_ct(session->store_id, txn->server->store_id, OCC__STORE_ID_LEN)) {
    return OCC__REASON_SESSION_STORE;
  }
  if (!occ__sender_shows(txn, session->senders, session->sender)) {
    return OCC__REASON_SESSION_SENDER;
  }
  /* Metadata that are not at hand this time say nothing; those that are must not take back what they said (CH-1). */
  if (session->capable && txn->metadata != NULL && !txn->capable) {
    return OCC__REASON_SESSION_CAPABILITY;
  }
  return txn->evidence.requirement == NULL ? OCC__REASON_SESSION_REQUIREMENT : OCC_OK;
}

/* Room for the parameters of so many kinds, NULL-terminated. */
static const char **carrier_list(occ_txn *txn, size_t kinds)
{
  return occ__arena_alloc(&txn->arena, sizeof(char *) * (kinds * OCC__MAX_TYPE_CARRIERS + 1));
}

static size_t add_carriers(const char **list, size_t n, const occ_kind *kind)
{
  for (const char *const *param = kind->params; *param != NULL; param++) {
    list[n++] = *param;
  }
  return n;
}

/* What is evidence in the follow-up, and so no part of the request: the pending requirement's parameters, those of what
 * has been met in rounds before, and, while a challenge is being made, those of what was judged in this very request. */
const char *const *occ__session_carriers(occ_txn *txn, const occ_session *session,
                                         const occ_requirement *pending)
{
  const occ_server *server = txn->server;
  const char **list = carrier_list(txn, session->satisfied_count + 2);
  size_t n;

  if (list == NULL) {
    return NULL;
  }
  n = add_carriers(list, 0, pending->kind);
  if (txn->live) {
    n = add_carriers(list, n, txn->evidence.requirement->kind);
  }
  for (size_t i = 0; i < session->satisfied_count; i++) {
    for (size_t k = 0; k < server->requirements; k++) {
      if (memcmp(server->requirement[k].id, session->satisfied[i].id, OCC__TEMPLATE_ID_LEN) == 0) {
        n = add_carriers(list, n, server->requirement[k].kind);
        break;
      }
    }
  }
  return list;
}

/* The parameters of all types: a follow-up without the evidence that was asked for, but with another type's, is the same
 * request with the wrong evidence (N68), and not a changed one. */
static const char *const *all_carriers(occ_txn *txn)
{
  const occ_server *server = txn->server;
  const char **list = carrier_list(txn, server->kinds);
  size_t n = 0;

  for (size_t i = 0; list != NULL && i < server->kinds; i++) {
    for (const char *const *param = server->kind[i].params; *param != NULL; param++) {
      if (!occ__params_owned(occ__txn_grant_type(txn), *param)) {
        list[n++] = *param;
      }
    }
  }
  return list;
}

static int compare_bound(occ_txn *txn, int present)
{
  const occ_requirement *pending = txn->evidence.requirement;
  const char *const *carriers =
      present ? occ__session_carriers(txn, &txn->session, pending) : all_carriers(txn);
  uint8_t requirement[OCC__SHA256_LEN], bound[OCC__SHA256_LEN];
  int rc;

  if (carriers == NULL) {
    return txn->arena.rc;
  }
  rc = occ__evidence_write(txn, pending, txn->session.params, &txn->evidence.about.wanted,
                           requirement);
  if (rc == OCC_OK) {
    rc = occ__session_bound(txn, pending, requirement, carriers, bound);
  }
  if (rc != OCC_OK) {
    /* What could be written when the challenge was made cannot be any more: the configuration has changed. */
    return rc == OCC_ERR_ARGUMENT ? OCC__REASON_SESSION_REQUIREMENT : rc;
  }
  return occ__equal_ct(bound, txn->session.bound, sizeof(bound)) ? OCC_OK
                                                                 : OCC__REASON_SESSION_CHANGED;
}

/* Evidence that nobody asked for may belong to a grant of the host's own (O-14). */
void occ__session_note_ignored(occ_txn *txn)
{
  for (size_t i = 0; i < txn->server->kinds; i++) {
    const occ_kind *kind = &txn->server->kind[i];
    if (!kind->by_dpop && occ__evidence_present(txn, kind)) {
      occ__txn_emit(txn, OCC__EVENT_EVIDENCE_IGNORED, OCC__REASON_EVIDENCE_UNASKED, NULL,
                    kind->key);
    }
  }
}

static occ_step stale(occ_txn *txn, int reason)
{
  occ_step step = OCC__GO;

  txn->stale = reason;
  occ__txn_emit(txn, OCC__EVENT_SESSION_STALE, reason, NULL, NULL);
  occ__session_note_ignored(txn);
  if (txn->proof.present) {
    step = occ__sender_without_session(txn);
  }
  return step == OCC__GO ? OCC__SKIP : step;
}

/* Nothing is used up, and the client may try again with the same session. */
static occ_step refuse(occ_txn *txn, occ_oauth_error error, int reason)
{
  const char *name = txn->evidence.requirement->name;

  occ__txn_emit(txn, OCC__EVENT_SESSION_REFUSED, reason, name, NULL);
  return occ__txn_refuse_as(txn, error == OCC__NO_ERROR ? occ__reason_error(reason) : error,
                            reason);
}

/* The proof has been verified in SENDER and is not read again: where it is the evidence, its nonce is the evidence's,
 * unless the type says another. */
static void take_proof_nonce(occ_txn *txn)
{
  if (txn->evidence.requirement->kind->by_dpop) {
    txn->evidence.nonce = (const char *)txn->proof.nonce_text.base;
    txn->evidence.nonce_len = txn->proof.nonce_text.len;
  }
}

/* spec: C-03; design: the nonce of all evidence is the handle itself. For a header the client may have used the latest
 * nonce that it knew, of a request in parallel: it is told the right one again. */
static occ_step compare_nonce(occ_txn *txn)
{
  const occ_evidence *evidence = &txn->evidence;
  const occ_kind *kind = evidence->requirement->kind;
  size_t len = strlen(txn->handle);

  if (evidence->nonce == NULL && !kind->by_dpop && !kind->by_attestation) {
    return OCC__GO; /* the type compares it itself, or the host does */
  }
  if (evidence->nonce != NULL && evidence->nonce_len == len &&
      memcmp(evidence->nonce, txn->handle, len) == 0) { /* the peer sent both: nothing to tell */
    return OCC__GO;
  }
  if (kind->by_dpop || kind->by_attestation) {
    int rc = occ__response_header(
        txn, kind->by_dpop ? OCC__HEADER_DPOP_NONCE : OCC__HEADER_ATTESTATION_CHALLENGE,
        txn->handle);
    if (rc != OCC_OK) {
      return occ__txn_fail_status(txn, rc);
    }
    return refuse(txn, kind->by_dpop ? OCC__USE_DPOP_NONCE : OCC__USE_ATTESTATION_CHALLENGE,
                  OCC__REASON_EVIDENCE_NONCE);
  }
  return refuse(txn, OCC__NO_ERROR, OCC__REASON_EVIDENCE_NONCE);
}

/* A kind of key that the first request did not show may come in only by evidence that names it. */
static int added_sender_is_bound(const occ_txn *txn)
{
  for (int kind = OCC_SENDER_DPOP; kind <= OCC_SENDER_ATTESTED; kind++) {
    const unsigned bit = 1u << kind;
    if ((txn->senders & bit) != 0 && (txn->session.senders & bit) == 0 &&
        strcmp(txn->sender[kind], txn->evidence.key[kind]) != 0) {
      return 0;
    }
  }
  return 1;
}

/* The order of answers: a wrong nonce in a proof comes before an added key, one in a parameter after it. */
static occ_step accept(occ_txn *txn)
{
  const occ_kind *kind = txn->evidence.requirement->kind;
  const int in_proof = kind->by_dpop || kind->by_attestation;
  occ_step step = in_proof ? compare_nonce(txn) : OCC__GO;

  if (step == OCC__GO && !added_sender_is_bound(txn)) {
    return refuse(txn, OCC__NO_ERROR, OCC__REASON_SENDER_ADDED);
  }
  if (step == OCC__GO && !in_proof) {
    step = compare_nonce(txn);
  }
  txn->live = step == OCC__GO;
  return step;
}

static int repeated_header(const occ_txn *txn, const occ_kind *kind)
{
  for (const char *const *header = kind->headers; *header != NULL; header++) {
    if (occ__headers_find(&txn->headers, *header, 1) != NULL) {
      return 1;
    }
  }
  return 0;
}

static occ_step parse(occ_txn *txn)
{
  occ_evidence *evidence = &txn->evidence;
  const occ_kind *kind = evidence->requirement->kind;
  int rc = OCC_OK;

  if (kind->type->parse != NULL) {
    evidence->phase = OCC__PARSING;
    evidence->rc = OCC_OK;
    rc = kind->type->parse(evidence, evidence->step++, kind->self);
    evidence->phase = OCC__IDLE;
    rc = occ__evidence_result(txn, rc);
  }
  if (rc == OCC_PENDING) {
    return OCC__ASKED;
  }
  if (rc == OCC_OK) {
    return accept(txn);
  }
  if (rc == OCC_ERR_SYNTAX) {
    return refuse(txn, OCC__NO_ERROR, OCC__REASON_EVIDENCE_MALFORMED);
  }
  return occ__txn_fail_status(txn, rc);
}

static void look_at(occ_txn *txn, const occ_requirement *pending)
{
  occ_evidence *evidence = &txn->evidence;

  evidence->txn = txn;
  evidence->lib = txn->lib;
  evidence->names = txn->server->names;
  evidence->requirement = pending;
  if (pending == NULL) {
    return;
  }
  evidence->about.requirement = pending->name;
  evidence->about.type = pending->kind->name;
  evidence->about.nonce = txn->handle;
  evidence->about.audience = txn->server->issuer;
  evidence->about.client_id = txn->client_id;
  evidence->about.issued = txn->session.issued;
  evidence->about.expires = txn->session.expires;
  evidence->about.now = txn->now;
}

occ_step occ__session_match(occ_txn *txn)
{
  int present, rc = read_details(txn);

  if (rc == OCC_OK) {
    rc = occ__receipt_match(txn);
  }
  if (rc != OCC_OK) {
    return occ__txn_step_of(txn, rc, OCC__NO_ERROR);
  }
  if (txn->handle == NULL) {
    occ__session_note_ignored(txn);
    return OCC__SKIP;
  }
  if (!txn->opened) {
    return stale(txn, txn->stale);
  }
  look_at(txn, occ__server_requirement(txn->server, txn->session.name));
  rc = compare_plain(txn);
  if (rc != OCC_OK) {
    return stale(txn, rc);
  }
  present = occ__evidence_present(txn, txn->evidence.requirement->kind);
  rc = compare_bound(txn, present);
  if (rc != OCC_OK) {
    return rc < 0 ? occ__txn_fail_status(txn, rc) : stale(txn, rc);
  }
  if (!present) {
    return refuse(txn, OCC__NO_ERROR, OCC__REASON_EVIDENCE_MISSING);
  }
  if (repeated_header(txn, txn->evidence.requirement->kind)) {
    return refuse(txn, OCC__NO_ERROR, OCC__REASON_EVIDENCE_MALFORMED);
  }
  take_proof_nonce(txn);
  return parse(txn);
}

/* The issuer's keys, or a fetch that a type asked for. No means: go on without, the type will reject. */
occ_step occ__session_answered(occ_txn *txn)
{
  occ_evidence *evidence = &txn->evidence;

  evidence->answer = txn->asking.step == OCC__YES ? OCC_YES : OCC_NO;
  evidence->answer_data = txn->asking.data;
  evidence->answer_len = txn->asking.len;
  evidence->about.index = txn->asking.http_status; /* of a FETCH, with its header lines */
  evidence->about.headers = txn->asking.headers;
  evidence->about.now = txn->now;
  return parse(txn);
}
