/* SPDX-License-Identifier: MIT
 *
 * The state SETTLE and the end: a reservation in the mandate ledger (RESERVE, asked by a type) is committed when the
 * host has made the token, and given back when it has not, or when the txn ends without a grant. */

#include "core/txn.h"

static occ_step ask(occ_txn *txn, occ_ask kind)
{
  occ_question *q = occ__question_open(txn, kind);

  q->key = txn->mandate;
  q->keys = 1;
  q->expires = txn->mandate_expires;
  return OCC__ASKED;
}

occ_step occ__settle_begin(occ_txn *txn)
{
  if (!txn->reserved || txn->outcome == OCC_FAILED) {
    return OCC__GO; /* after a failure the reservation lapses by its own expiry */
  }
  if (txn->outcome != OCC_GRANT) {
    return ask(txn, OCC_ASK_RELEASE);
  }
  if (txn->settled == 0) {
    return OCC__GO; /* the host has not said yet */
  }
  return ask(txn, txn->settled == 1 ? OCC_ASK_COMMIT : OCC_ASK_RELEASE);
}

occ_step occ__settle_done(occ_txn *txn)
{
  txn->reserved = 0;
  return OCC__GO;
}

/* A commit that did not happen must not be followed by a token; a release that did not happen lapses. */
occ_step occ__settle_failed(occ_txn *txn)
{
  if (txn->asking.q.kind == OCC_ASK_RELEASE) {
    return occ__settle_done(txn);
  }
  return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_STORE_UNAVAILABLE);
}

occ_step occ__end(occ_txn *txn)
{
  (void)txn;
  return OCC__END;
}
