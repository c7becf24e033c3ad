/* SPDX-License-Identifier: MIT
 *
 * The state DECIDE, and the making of a challenge: the policy says grant, refuse, or "first show me this", by the name
 * of a requirement. A challenge that must not or cannot be made becomes a refusal, never a grant. */

#include "core/txn.h"

#include "base/b64.h"
#include "wire/body.h"

#define AROUND                                                                                     \
  256u /* of a challenge's body: names, error, reference, expires_in; if it is more, the body grows */

occ_step occ__decide_ask(occ_txn *txn)
{
  occ__question_open(txn, OCC_ASK_DECIDE);
  return OCC__ASKED;
}

occ_step occ__decide_no(occ_txn *txn)
{
  return occ__txn_refuse(txn, OCC__REASON_POLICY_REFUSED);
}

int occ__session_satisfied(const occ_txn *txn, const occ_requirement *requirement)
{
  if (occ__receipt_satisfies(txn, requirement)) {
    return 1;
  }
  if (!txn->live) {
    return 0;
  }
  if (txn->accepted && txn->evidence.requirement == requirement) {
    return 1;
  }
  for (size_t i = 0; i < txn->session.satisfied_count; i++) {
    const occ_satisfied *met = &txn->session.satisfied[i];
    if (requirement->evidence_class == OCC_PROVENANCE &&
        memcmp(met->id, requirement->id, sizeof(met->id)) == 0 &&
        txn->now < met->at + OCC__CARRIED_MS && (met->senders & ~txn->senders) == 0) {
      return 1;
    }
  }
  return 0;
}

/* What has been met so far goes along, unless it has lapsed; AUTHORIZATION evidence never does (O-04). */
static void carry(const occ_txn *txn, occ_session *next)
{
  for (size_t i = 0; txn->live && i < txn->session.satisfied_count; i++) {
    const occ_satisfied *met = &txn->session.satisfied[i];
    if (txn->now < met->at + OCC__CARRIED_MS &&
        (!txn->accepted || memcmp(met->id, txn->evidence.requirement->id, sizeof(met->id)) != 0)) {
      next->satisfied[next->satisfied_count++] = *met;
    }
  }
  if (txn->accepted && txn->evidence.requirement->evidence_class == OCC_PROVENANCE &&
      next->satisfied_count < OCC__MAX_SATISFIED) {
    occ_satisfied *met = &next->satisfied[next->satisfied_count++];
    memcpy(met->id, txn->evidence.requirement->id, sizeof(met->id));
    met->at = txn->now;
    met->senders = txn->senders;
  }
}

/* spec: S-04 */
static int64_t lifetime(const occ_txn *txn, const occ_requirement *requirement)
{
  int64_t ms = txn->expiry_ms != 0 ? txn->expiry_ms : requirement->expiry_ms;

  if (txn->not_after != 0 && txn->not_after - txn->now < ms) {
    ms = txn->not_after - txn->now;
  }
  return ms;
}

/* One request for random octets: the id, and the chain where a new one begins. spec: S-03 */
static int fill(occ_txn *txn, const occ_requirement *requirement, unsigned senders)
{
  occ_session *next = &txn->next;
  uint8_t random[OCC__SESSION_ID_LEN + OCC__CHAIN_LEN];
  int rc = occ__lib_random(txn->lib, random, sizeof(random));

  if (rc != OCC_OK) {
    return rc;
  }
  memcpy(next->id, random, OCC__SESSION_ID_LEN);
  memcpy(next->chain, txn->live ? txn->session.chain : random + OCC__SESSION_ID_LEN,
         OCC__CHAIN_LEN);
  memcpy(next->store_id, txn->server->store_id, OCC__STORE_ID_LEN);
  next->issued = txn->now;
  next->expires = txn->now + lifetime(txn, requirement);
  next->senders = (uint8_t)senders;
  next->capable = txn->capable;
  memcpy(next->sender, txn->sender_key, sizeof(next->sender));
  return OCC_OK;
}

/* The handle's text, in the arena. */
static const char *handle_text(occ_txn *txn)
{
  const int stored = txn->server->stored;
  char *text = occ__arena_raw(
      &txn->arena, stored ? OCC__HANDLE_STORED_LEN + 1 : OCC__B64_LEN(txn->sealed->len) + 1, 1);

  if (text != NULL) {
    (void)(stored ? occ__handle_text_stored(text, txn->next.id)
                  : occ__handle_text(text, txn->sealed));
  }
  return text;
}

static int seal(occ_txn *txn)
{
  const occ_seal_key *key = txn->keys == NULL ? NULL : occ__key_set_seals(txn->keys, txn->now);
  int rc;

  if (key == NULL) {
    return OCC_ERR_CONFIG; /* no key seals now: the ring is empty, or its keys are pending or closed */
  }
  txn->sealed = occ__arena_raw(&txn->arena, sizeof(*txn->sealed), _Alignof(occ_sealed));
  if (txn->sealed == NULL) {
    return txn->arena.rc;
  }
  rc = occ__handle_seal(txn->sealed, txn->ws, key, &txn->next);
  if (rc != OCC_OK) {
    return rc;
  }
  txn->next_handle = handle_text(txn);
  return txn->next_handle == NULL ? txn->arena.rc : OCC_OK;
}

static int respond(occ_txn *txn, const occ_requirement *requirement, const char *wanted)
{
  const occ_names *names = txn->server->names;
  const occ_kind *kind = requirement->kind;
  const occ_body_challenge challenge = {
    .requirement = wanted,
    .session = txn->next_handle,
    .expires_in = (txn->next.expires - txn->next.issued) / 1000,
    .nested = txn->server->nested_session,
  };
  int rc = OCC_OK;

  occ__buf_reset(&txn->response.body);
  occ__buf_reserve(&txn->response.body, strlen(wanted) + strlen(txn->next_handle) + AROUND);
  occ__body_write(&txn->response.body, names, names->challenge_error, NULL, txn->reference,
                  &challenge);
  txn->response.http_status = txn->challenge_status;
  txn->response.headers = 0;
  if (kind->by_dpop) {
    rc = occ__response_header(txn, OCC__HEADER_DPOP_NONCE, txn->next_handle);
  } else if (txn->proof.present) {
    rc = occ__response_fresh_nonce(txn);
  }
  if (rc == OCC_OK && kind->by_attestation) {
    rc = occ__response_header(txn, OCC__HEADER_ATTESTATION_CHALLENGE, txn->next_handle);
  }
  return rc == OCC_OK ? txn->response.body.rc : rc;
}

static occ_step keep(occ_txn *txn)
{
  const occ_span id = occ__span(txn->next.id, OCC__SESSION_ID_LEN);
  occ_question *q;
  int rc = occ__digest_key(txn->once_keys[0], txn->ws, OCC__PURPOSE_SESSION, "keep",
                           txn->server->issuer, &id, 1);

  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  q = occ__question_open(txn, OCC_ASK_KEEP);
  q->key = txn->once_keys[0];
  q->keys = 1;
  q->expires = txn->next.expires;
  q->data = txn->sealed->octets;
  q->len = txn->sealed->len;
  return OCC__ASKED;
}

static occ_step challenge(occ_txn *txn, const occ_requirement *requirement, unsigned senders)
{
  uint8_t digest[OCC__SHA256_LEN];
  const char *const *carriers;
  const char *wanted = NULL;
  int rc = fill(txn, requirement, senders);

  if (rc == OCC_OK) {
    rc = occ__evidence_write(txn, requirement, txn->next.params, &wanted, digest);
  }
  if (rc == OCC_OK) {
    carriers = occ__session_carriers(txn, &txn->next, requirement);
    rc = carriers == NULL ? txn->arena.rc : OCC_OK;
  }
  if (rc == OCC_OK) {
    rc = occ__session_bound(txn, requirement, digest, carriers, txn->next.bound);
  }
  if (rc == OCC_OK) {
    rc = seal(txn);
  }
  if (rc == OCC_OK) {
    rc = respond(txn, requirement, wanted);
  }
  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  occ__txn_emit(txn, OCC__EVENT_SESSION_CREATED, 0, requirement->name, NULL);
  txn->evidence.about.requirement = requirement->name;
  return txn->server->stored ? keep(txn) : occ__response_kept(txn);
}

/* What stands in the way of any challenge for this request; the order is that of the answers. spec: S-08, S-16, O-12 */
static int obstacle(const occ_txn *txn, const occ_requirement *requirement)
{
  if (requirement->evidence_class == OCC_AUTHORIZATION && txn->senders == 0) {
    return OCC__REASON_SENDER_REQUIRED;
  }
  if (!txn->capable && !txn->challenge_anyway) {
    return OCC__REASON_NO_CAPABILITY;
  }
  if (!txn->authenticated && txn->senders == 0) {
    return OCC__REASON_NOTHING_TO_BIND;
  }
  return lifetime(txn, requirement) < 1000 ? OCC__REASON_GRANT_EXPIRED : OCC_OK;
}

occ_step occ__decide_challenge(occ_txn *txn)
{
  const occ_requirement *requirement = txn->asking.requirement;
  occ_session *next = &txn->next;
  int reason = obstacle(txn, requirement);

  if (reason == OCC_OK && txn->live && txn->session.round >= OCC__MAX_ROUNDS) {
    reason = OCC__REASON_ROUNDS_SPENT;
  }
  if (reason != OCC_OK) {
    return occ__txn_refuse(txn, reason);
  }
  memset(next, 0, sizeof(*next));
  carry(txn, next);
  next->round = (uint8_t)(txn->live ? txn->session.round + 1 : 1);
  next->attempt = 1;
  next->name = occ__span_text(requirement->name);
  next->params = txn->asking.params;
  next->memo = occ__span(txn->memo, txn->memo_set ? txn->memo_len : 0);
  txn->reason = OCC__REASON_POLICY_CHALLENGED;
  return challenge(txn, requirement, txn->senders);
}

/* The machine's own repetition: same requirement, params and memo; the policy is not asked (O-05). */
occ_step occ__decide_again(occ_txn *txn)
{
  const occ_requirement *requirement = txn->evidence.requirement;
  occ_session *next = &txn->next;
  int reason = obstacle(txn, requirement);

  if (reason == OCC_OK && txn->session.attempt >= OCC__MAX_ATTEMPTS) {
    reason = OCC__REASON_ATTEMPTS_SPENT;
  }
  if (reason != OCC_OK) {
    return occ__txn_refuse(txn, reason);
  }
  memset(next, 0, sizeof(*next));
  txn->accepted = 0; /* what came too late does not count in the next round either */
  carry(txn, next);
  next->round = txn->session.round;
  next->attempt = (uint8_t)(txn->session.attempt + 1);
  next->name = txn->session.name;
  next->params = txn->session.params;
  next->memo = txn->session.memo;
  txn->reason = OCC__REASON_EVIDENCE_RETRY;
  /* A key that came in with evidence which was not good has not come in. */
  return challenge(txn, requirement, txn->session.senders);
}
