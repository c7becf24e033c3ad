/* SPDX-License-Identifier: MIT
 *
 * The state ONCE: everything in this request that may be used but once is taken in one question, the proof before the
 * client's assertion before the session before the evidence, and the first that was there already ends it. Before this
 * nothing is used up; after it the session is spent, whatever comes. */

#include "core/txn.h"

static void add(occ_txn *txn, const uint8_t key[OCC__SHA256_LEN], occ_time issued)
{
  memcpy(txn->once_keys[txn->once_count++], key, OCC__SHA256_LEN);
  if (issued < txn->asking.q.issued) {
    txn->asking.q.issued = issued;
  }
}

/* Until when might a node take this proof again? One without a nonce: while its iat is good. One with a nonce of ours: as
 * long as that is good at most, and then, as if it had none, by its iat. Any other nonce may turn out to be one of ours
 * (of a node whose clock is ahead, or a handle), so it counts like a session. All by the clock of the node that takes it;
 * a node that forgets may be ahead of that by the skew. */
static occ_time proof_expires(const occ_txn *txn)
{
  const occ_proof *proof = &txn->proof;
  const occ_time longest = txn->now + OCC__ONCE_LIFE_MS;
  occ_time end = proof->iat + OCC__DPOP_BACK_MS + 1; /* not good any more */

  if (proof->nonce == OCC__NONCE_OURS && end < txn->now + OCC__NONCE_LIFE_MS) {
    end = txn->now + OCC__NONCE_LIFE_MS;
  } else if (proof->nonce == OCC__NONCE_FOREIGN || proof->nonce == OCC__NONCE_HANDLE) {
    return longest;
  }
  end += OCC__NODE_SKEW_MS;
  return end < longest ? end : longest;
}

static occ_time later(occ_time a, occ_time b)
{
  return a > b ? a : b;
}

/* As long as the longest-lived of what is taken. An assertion may be good for longer than any session. */
static occ_time expires(const occ_txn *txn)
{
  occ_time end = txn->live ? txn->now + OCC__ONCE_LIFE_MS : 0;

  if (txn->proof.present) {
    end = later(end, proof_expires(txn));
  }
  if (txn->assertion != NULL) {
    end = later(end, txn->assertion->expires + OCC__JWT_SKEW_MS + OCC__NODE_SKEW_MS);
  }
  return end;
}

occ_step occ__once_begin(occ_txn *txn)
{
  const occ_span id = occ__span(txn->session.id, OCC__SESSION_ID_LEN);
  uint8_t key[OCC__SHA256_LEN];
  occ_question *q;

  if (!txn->proof.present && txn->assertion == NULL && !txn->live) {
    return OCC__SKIP;
  }
  q = occ__question_open(txn, OCC_ASK_ONCE);
  q->issued =
      txn->now; /* a session names its store, so it cannot have been used before a younger one */
  if (txn->proof.present) {
    add(txn, txn->proof.once, txn->proof.issued);
  }
  if (txn->assertion != NULL) {
    add(txn, txn->assertion->once, txn->assertion->issued);
  }
  if (txn->live) {
    int rc =
        occ__digest_key(key, txn->ws, OCC__PURPOSE_SESSION, "session", txn->server->issuer, &id, 1);
    if (rc != OCC_OK) {
      return occ__txn_fail_status(txn, rc);
    }
    add(txn, key, txn->now);
  }
  if (txn->live && txn->evidence.has_once) {
    add(txn, txn->evidence.once, txn->evidence.once_issued);
  }
  q->key = txn->once_keys[0];
  q->keys = txn->once_count;
  q->expires = expires(txn);
  return OCC__ASKED;
}

occ_step occ__once_first(occ_txn *txn)
{
  if (!txn->live) {
    return OCC__SKIP;
  }
  occ__txn_emit(txn, OCC__EVENT_SESSION_ACCEPTED, 0, txn->evidence.requirement->name, NULL);
  return OCC__GO;
}

occ_step occ__once_seen(occ_txn *txn)
{
  const char *place = txn->asking.data;

  if (txn->asking.len != 1 || place[0] < '0' || (size_t)(place[0] - '0') >= txn->once_count) {
    return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER);
  }
  switch (txn->once_keys[place[0] - '0'][0]) {
  case OCC__PURPOSE_SESSION: /* O-06: a replay is stale, and stale sessions look alike */
    txn->live = 0;
    txn->stale = OCC__REASON_SESSION_USED;
    occ__txn_emit(txn, OCC__EVENT_SESSION_STALE, txn->stale, NULL, NULL);
    occ__session_note_ignored(txn);
    return OCC__SKIP;
  case OCC__PURPOSE_ASSERTION:
    return occ__txn_refuse(txn, OCC__REASON_CLIENT_ASSERTION_REPLAYED);
  case OCC__PURPOSE_EVIDENCE:
    occ__txn_emit(txn, OCC__EVENT_EVIDENCE_REJECTED, OCC__REASON_EVIDENCE_REPLAYED,
                  txn->evidence.requirement->name, NULL);
    return occ__txn_refuse(txn, OCC__REASON_EVIDENCE_REPLAYED);
  default:
    return occ__txn_refuse(txn, OCC__REASON_DPOP_REPLAYED);
  }
}

/* Does the store lack memory of the time before it? A store that does not say why may. */
static int is_young(const occ_txn *txn)
{
  const occ_span why = occ__span(txn->asking.data, txn->asking.len);

  return why.len == 0 || occ__span_is(why, "young");
}

/* No nonce makes an assertion younger; where the proof may be the older one of the two, a nonce can be enough. */
static int may_nonce_help(const occ_txn *txn)
{
  const occ_proof *proof = &txn->proof;

  return proof->present && proof->issued < txn->now &&
         (txn->assertion == NULL || proof->issued < txn->assertion->issued) &&
         txn->server->nonce_mode != OCC__NONCE_OFF;
}

/* The store cannot tell. Where a fresh nonce would let it, the client is given one; else the server is not able now. */
occ_step occ__once_retry(occ_txn *txn)
{
  if (is_young(txn) && may_nonce_help(txn)) {
    return occ__txn_refuse(txn, OCC__REASON_DPOP_STORE_YOUNG);
  }
  return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_STORE_UNAVAILABLE);
}
