/* SPDX-License-Identifier: MIT
 *
 * The state EVIDENCE: the pending requirement's type judges what came, or the host does for a type that it declared.
 * NO refuses for good, RETRY asks once more, and a type that says nothing has said no. */

#include "core/txn.h"

#include "wire/json_in.h"
#include "wire/json_out.h"

static occ_step accepted(occ_txn *txn)
{
  txn->accepted = 1;
  occ__txn_emit(txn, OCC__EVENT_EVIDENCE_ACCEPTED, 0, txn->evidence.requirement->name, NULL);
  return OCC__GO;
}

/* The host's facts must be what it says they are, for a policy will read them. */
static occ_step accepted_by_host(occ_txn *txn, const char *facts, size_t len)
{
  int rc;

  if (len > 0) {
    rc = occ__json_check_object(occ__span(facts, len), &occ__json_answer);
    if (rc != OCC_OK) {
      return rc == OCC_ERR_MEMORY ? occ__txn_fail_status(txn, rc)
                                  : occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER);
    }
    txn->evidence.facts = facts;
  }
  return accepted(txn);
}

/* spec: S-12 */
static occ_step rejected(occ_txn *txn, const char *why)
{
  txn->reason_detail = why;
  occ__txn_emit(txn, OCC__EVENT_EVIDENCE_REJECTED, OCC__REASON_EVIDENCE_REJECTED,
                txn->evidence.requirement->name, why);
  return occ__txn_refuse(txn, OCC__REASON_EVIDENCE_REJECTED);
}

static occ_step again(occ_txn *txn, const char *why)
{
  occ__txn_emit(txn, OCC__EVENT_EVIDENCE_RETRY, OCC__REASON_EVIDENCE_RETRY,
                txn->evidence.requirement->name, why);
  return OCC__AGAIN;
}

static const char *text_of(const char *reason)
{
  return occ__txn_token(reason, reason == NULL ? 0 : strlen(reason));
}

static occ_step judge(occ_txn *txn)
{
  occ_evidence *evidence = &txn->evidence;
  const occ_kind *kind = evidence->requirement->kind;
  int rc;

  evidence->phase = OCC__JUDGING;
  evidence->rc = OCC_OK;
  rc = kind->type->judge(evidence, evidence->step++, kind->self);
  evidence->phase = OCC__IDLE;
  rc = occ__evidence_result(txn, rc);
  if (rc == OCC_PENDING) {
    return OCC__ASKED;
  }
  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  if (!evidence->verdict_given || evidence->verdict == OCC_NO) {
    return rejected(txn, text_of(evidence->reason));
  }
  if (evidence->verdict == OCC_RETRY) {
    return again(txn, text_of(evidence->reason));
  }
  return accepted(txn);
}

/* {"parameter":"value"} of all carriers, for the host that verifies itself. */
static int carried(occ_txn *txn, const char **text, size_t *len)
{
  const occ_kind *kind = txn->evidence.requirement->kind;
  occ_buf out;
  int rc;

  occ__buf_init(&out, occ__lib_mem(txn->lib), OCC__MAX_ANSWER * 2);
  occ__json_open(&out, '{');
  for (const char *const *name = kind->params; *name != NULL; name++) {
    const occ_param *param = occ__form_find(&txn->form, *name, 0);
    if (param != NULL) {
      occ__json_name(&out, *name);
      occ__json_string(&out, occ__span(param->value, param->value_len));
    }
  }
  for (const char *const *name = kind->headers; *name != NULL; name++) {
    const occ_header *line = occ__headers_find(&txn->headers, *name, 0);
    if (line != NULL) {
      occ__json_name(&out, *name);
      occ__json_string(&out, occ__span(line->value, line->value_len));
    }
  }
  occ__json_close(&out, '}');
  rc = out.rc;
  if (rc == OCC_OK) {
    *text = occ__txn_text(txn, out.base, out.len);
    *len = out.len;
    rc = *text == NULL ? txn->arena.rc : OCC_OK;
  }
  occ__buf_clear(&out);
  return rc;
}

static occ_step ask_host(occ_txn *txn)
{
  size_t len = 0;
  const char *data = NULL;
  occ_question *q;
  int rc = carried(txn, &data, &len);

  if (rc != OCC_OK) {
    return occ__txn_fail_status(txn, rc);
  }
  q = occ__question_open(txn, OCC_ASK_VERIFY);
  q->requirement = txn->evidence.about.requirement;
  q->type = txn->evidence.about.type;
  q->wanted = txn->evidence.about.wanted;
  q->nonce = txn->evidence.about.nonce;
  q->audience = txn->evidence.about.audience;
  q->issued = txn->evidence.about.issued;
  q->expires = txn->evidence.about.expires;
  q->data = data;
  q->len = len;
  return OCC__ASKED;
}

/* Evidence that names another sender key than the one shown proves nothing about this sender. */
static int names_another_sender(const occ_txn *txn)
{
  for (int kind = OCC_SENDER_DPOP; kind <= OCC_SENDER_ATTESTED; kind++) {
    const char *key = txn->evidence.key[kind];
    if (key[0] != '\0' && strcmp(key, txn->sender[kind]) != 0) {
      return 1;
    }
  }
  return 0;
}

occ_step occ__judge_begin(occ_txn *txn)
{
  const occ_kind *kind = txn->evidence.requirement->kind;

  txn->evidence.step = 0;
  if (names_another_sender(txn)) {
    return rejected(txn, "sender_key");
  }
  return kind->declared || kind->type->judge == NULL ? ask_host(txn) : judge(txn);
}

occ_step occ__judge_answered(occ_txn *txn)
{
  const occ_asking *asking = &txn->asking;
  occ_evidence *evidence = &txn->evidence;
  const int yes = asking->step == OCC__YES;

  if (asking->q.kind == OCC_ASK_VERIFY && evidence->step == 0) {
    return yes ? accepted_by_host(txn, asking->data, asking->len)
               : rejected(txn, occ__txn_token(asking->data, asking->len));
  }
  if (asking->q.kind == OCC_ASK_RESERVE && yes) {
    memcpy(txn->mandate, asking->q.key, sizeof(txn->mandate));
    txn->mandate_expires = asking->q.expires;
    txn->reserved = 1;
  }
  evidence->answer = yes ? OCC_YES : OCC_NO;
  evidence->answer_data = asking->data;
  evidence->answer_len = asking->len;
  evidence->about.now = txn->now;
  return judge(txn);
}

occ_step occ__judge_retry(occ_txn *txn)
{
  return again(txn, occ__txn_token(txn->asking.data, txn->asking.len));
}
