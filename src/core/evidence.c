/* SPDX-License-Identifier: MIT
 *
 * What an evidence type sees and may do (occ/type.h): write its requirement object, parse before ONCE, judge after.
 * Built-in types have no other door. Each call is allowed in its phase only; what a type does wrong fails the txn
 * closed. */

#include "core/txn.h"

#include "base/b64.h"
#include "jose/jcs_text.h"
#include "wire/json_in.h"

int occ__evidence_present(const occ_txn *txn, const occ_kind *kind)
{
  for (const char *const *name = kind->params; *name != NULL; name++) {
    if (occ__form_find(&txn->form, *name, 0) != NULL) {
      return 1;
    }
  }
  for (const char *const *name = kind->headers; *name != NULL; name++) {
    if (occ__headers_find(&txn->headers, *name, 0) != NULL) {
      return 1;
    }
  }
  return 0;
}

/* What the type adds, into evidence->object. */
static int ask_type(occ_evidence *evidence)
{
  const occ_kind *kind = evidence->requirement->kind;
  int rc;

  if (kind->type->write == NULL) {
    return OCC_OK;
  }
  evidence->phase = OCC__WRITING;
  rc = kind->type->write(evidence, kind->self);
  evidence->phase = OCC__IDLE;
  if (rc == OCC_OK) {
    rc = evidence->rc;
  }
  if (rc > 0) { /* no status: writing asks nothing */
    rc = OCC_ERR_INTERNAL;
  }
  return rc == OCC_ERR_SYNTAX ? OCC_ERR_ARGUMENT : rc;
}

/* The canonical form of what a type wrote; nothing for nothing. */
static int form_of(occ_span *out, occ_arena *arena, const json_t *written)
{
  occ_buf text;
  int rc;

  *out = occ__span(NULL, 0);
  if (written == NULL) {
    return OCC_OK;
  }
  occ__buf_init(&text, arena->mem, OCC__MAX_ANSWER);
  rc = occ__jcs_write(&text, written);
  if (rc == OCC_OK) {
    *out = occ__span(occ__arena_text(arena, text.base, text.len), text.len);
    rc = out->base == NULL ? arena->rc : OCC_OK;
  }
  occ__buf_clear(&text);
  return rc == OCC_ERR_SYNTAX ? OCC_ERR_ARGUMENT : rc;
}

/* Template, params over it, then what the type writes. The canonical form is what is sent, too: one text, one digest,
 * nothing to re-serialise. */
static int render(const occ_requirement *requirement, occ_span params, occ_span written,
                  occ_workspace *ws, occ_arena *arena, const char **text,
                  uint8_t digest[OCC__SHA256_LEN])
{
  const occ_span layer[] = { requirement->members, params, written };
  occ_span canonical;
  int rc = occ__jcs_text_merge(&canonical, arena, layer, sizeof(layer) / sizeof(layer[0]));

  if (rc == OCC_OK) {
    *text = (const char *)canonical.base;
    rc = occ__sha256(ws, digest, canonical);
  }
  return rc;
}

/* By a type whose words depend on the request. */
static int ask_and_render(occ_txn *txn, const occ_requirement *requirement, occ_span params,
                          const char **text, uint8_t digest[OCC__SHA256_LEN])
{
  occ_evidence evidence = {
    .txn = txn, .lib = txn->lib, .names = txn->server->names, .requirement = requirement
  };
  occ_span written;
  int rc;

  evidence.about.requirement = requirement->name;
  evidence.about.type = requirement->kind->name;
  evidence.about.audience = txn->server->issuer;
  evidence.about.client_id = txn->client_id;
  rc = ask_type(&evidence);
  if (rc == OCC_OK) {
    rc = form_of(&written, &txn->arena, evidence.object);
  }
  if (rc == OCC_OK) {
    rc = render(requirement, params, written, txn->ws, &txn->arena, text, digest);
  }
  json_decref(evidence.object);
  return rc;
}

int occ__evidence_write(occ_txn *txn, const occ_requirement *requirement, occ_span params,
                        const char **text, uint8_t digest[OCC__SHA256_LEN])
{
  if (requirement->text == NULL) {
    return ask_and_render(txn, requirement, params, text, digest);
  }
  if (params.len == 0) { /* the same for every request */
    *text = requirement->text;
    memcpy(digest, requirement->digest, OCC__SHA256_LEN);
    return OCC_OK;
  }
  return render(requirement, params, requirement->written, txn->ws, &txn->arena, text, digest);
}

/* A type's write is a pure function of what it is shown. One that looks at nothing writes the same each time, so it is
 * asked once, when the server is made. */
int occ__evidence_fix(const occ_server *server, occ_requirement *requirement, occ_workspace *ws,
                      occ_arena *arena)
{
  int looked = 0;
  occ_evidence evidence = {
    .lib = server->lib, .names = server->names, .requirement = requirement, .looked = &looked
  };
  int rc = ask_type(&evidence);

  if (rc == OCC_OK && !looked) {
    rc = form_of(&requirement->written, arena, evidence.object);
  }
  if (rc == OCC_OK && !looked) {
    rc = render(requirement, occ__span(NULL, 0), requirement->written, ws, arena,
                &requirement->text, requirement->digest);
  }
  json_decref(evidence.object);
  /* What cannot be written without a request may be writable with one; then it is tried again, and told. */
  return rc == OCC_ERR_MEMORY || rc == OCC_ERR_CRYPTO || rc == OCC_ERR_LIMIT ? rc : OCC_OK;
}

static void look(const occ_evidence *evidence)
{
  if (evidence->looked != NULL) {
    *evidence->looked = 1;
  }
}

static int is_listed(const char *const *list, const char *name, int header)
{
  for (; *list != NULL; list++) {
    if (header ? occ__header_name_equal(*list, name) : strcmp(*list, name) == 0) {
      return 1;
    }
  }
  return 0;
}

/* Only from where the type says that its evidence comes: a form parameter must not pass for a header. */
const char *occ_evidence_param(const occ_evidence *evidence, const char *name, size_t *len)
{
  const occ_kind *kind;
  const occ_param *param;
  const occ_header *line;

  if (len != NULL) {
    *len = 0;
  }
  if (evidence == NULL || name == NULL || evidence->phase == OCC__WRITING) {
    return NULL; /* what is asked for must not depend on what came */
  }
  kind = evidence->requirement->kind;
  param = is_listed(kind->params, name, 0) ? occ__form_find(&evidence->txn->form, name, 0) : NULL;
  if (param != NULL) {
    if (len != NULL) {
      *len = param->value_len;
    }
    return param->value;
  }
  line = is_listed(kind->headers, name, 1) ? occ__headers_find(&evidence->txn->headers, name, 0)
                                           : NULL;
  if (line != NULL && len != NULL) {
    *len = line->value_len;
  }
  return line == NULL ? NULL : line->value;
}

const occ_question *occ_evidence_about(const occ_evidence *evidence)
{
  if (evidence == NULL) {
    return NULL;
  }
  look(evidence);
  return &evidence->about;
}

const occ_txn *occ_evidence_txn(const occ_evidence *evidence)
{
  if (evidence == NULL) {
    return NULL;
  }
  look(evidence);
  return evidence->txn;
}

static void *fault(occ_evidence *evidence, int rc)
{
  if (evidence->rc == OCC_OK) {
    evidence->rc = rc;
  }
  return NULL;
}

void *occ_evidence_keep(occ_evidence *evidence, size_t size)
{
  if (evidence == NULL || evidence->phase == OCC__WRITING || evidence->phase == OCC__IDLE) {
    return NULL;
  }
  if (evidence->kept == NULL) {
    evidence->kept = occ__arena_alloc(&evidence->txn->arena, size);
    evidence->kept_size = size;
    if (evidence->kept == NULL) {
      return fault(evidence, evidence->txn->arena.rc);
    }
  }
  return size <= evidence->kept_size ? evidence->kept : fault(evidence, OCC_ERR_ARGUMENT);
}

/* Errors of a type stick, so that one that does not look at them cannot go on to accept. */
static int stick(occ_evidence *evidence, int rc)
{
  if (rc != OCC_OK) {
    fault(evidence, rc);
  }
  return rc;
}

/* A call in the wrong phase does nothing, and must not pass unnoticed either. */
static int is_in(occ_evidence *evidence, occ_phase phase)
{
  if (evidence != NULL && evidence->phase != phase) {
    fault(evidence, OCC_ERR_ARGUMENT);
  }
  return evidence != NULL && evidence->phase == phase;
}

int occ_evidence_set_nonce(occ_evidence *evidence, const char *nonce, size_t len)
{
  char *copy;

  if (!is_in(evidence, OCC__PARSING)) {
    return OCC_ERR_ARGUMENT;
  }
  if (nonce == NULL && len > 0) {
    return stick(evidence, OCC_ERR_ARGUMENT);
  }
  copy = occ__arena_text(&evidence->txn->arena, nonce, len);
  if (copy == NULL) {
    return stick(evidence, evidence->txn->arena.rc);
  }
  evidence->nonce = copy;
  evidence->nonce_len = len;
  return OCC_OK;
}

/* The client is in the key: evidence of one client cannot use up another's. */
int occ_evidence_set_once(occ_evidence *evidence, const char *issuer, const char *id,
                          occ_time issued)
{
  occ_txn *txn;
  int rc;

  if (!is_in(evidence, OCC__PARSING)) {
    return OCC_ERR_ARGUMENT;
  }
  if (issuer == NULL || id == NULL || id[0] == '\0') {
    return stick(evidence, OCC_ERR_ARGUMENT);
  }
  txn = evidence->txn;
  {
    const occ_span part[4] = { occ__span_text(evidence->requirement->kind->key),
                               occ__span_text(txn->client_id), occ__span_text(issuer),
                               occ__span_text(id) };
    rc = occ__digest_key(evidence->once, txn->ws, OCC__PURPOSE_EVIDENCE, "evidence",
                         txn->server->issuer, part, 4);
  }
  evidence->has_once = rc == OCC_OK;
  evidence->once_issued = issued;
  return stick(evidence, rc);
}

int occ_evidence_set_key(occ_evidence *evidence, occ_sender kind, const char *thumbprint)
{
  uint8_t octets[OCC__SHA256_LEN];

  if (!is_in(evidence, OCC__PARSING)) {
    return OCC_ERR_ARGUMENT;
  }
  if (kind < OCC_SENDER_DPOP || kind > OCC_SENDER_ATTESTED || thumbprint == NULL ||
      occ__b64_decode_exact(octets, sizeof(octets), occ__span_text(thumbprint)) != OCC_OK) {
    return stick(evidence, OCC_ERR_ARGUMENT);
  }
  memcpy(evidence->key[kind], thumbprint, OCC__THUMBPRINT_LEN + 1);
  return OCC_OK;
}

int occ_evidence_is_bound(const occ_evidence *evidence, occ_sender kind)
{
  if (evidence == NULL || (evidence->phase != OCC__PARSING && evidence->phase != OCC__JUDGING) ||
      kind < OCC_SENDER_DPOP || kind > OCC_SENDER_ATTESTED) {
    return 0;
  }
  return (evidence->txn->session.senders & (1u << kind)) != 0;
}

int occ_evidence_put(occ_evidence *evidence, const char *member, const char *json)
{
  json_t *value = NULL;
  int rc;

  if (!is_in(evidence, OCC__WRITING)) {
    return OCC_ERR_ARGUMENT;
  }
  if (member == NULL || json == NULL || strcmp(member, "type") == 0 ||
      strcmp(member, evidence->names->session) == 0) {
    return stick(evidence, OCC_ERR_ARGUMENT);
  }
  if (evidence->object == NULL) {
    evidence->object = json_object();
  }
  rc = occ__json_read(&value, occ__span_text(json), &occ__json_config);
  if (rc == OCC_OK) {
    rc = occ__jcs_check(value);
  }
  if (rc == OCC_OK && json_object_set(evidence->object, member, value) != 0) {
    rc = OCC_ERR_MEMORY;
  }
  json_decref(value);
  return stick(evidence, rc == OCC_ERR_SYNTAX ? OCC_ERR_ARGUMENT : rc);
}

static int verdict(occ_evidence *evidence, occ_verdict given, const char *facts, const char *reason)
{
  if (evidence->verdict_given || evidence->txn->asking.open) {
    return stick(evidence, OCC_ERR_STATE); /* one verdict, no second thoughts, nothing left open */
  }
  evidence->verdict_given = 1;
  evidence->verdict = given;
  evidence->facts = facts;
  evidence->reason = reason;
  return OCC_OK;
}

/* A policy will read them: what is no object now would be no facts then. */
static int check_facts(const char *facts, size_t len)
{
  int rc = occ__json_check_object(occ__span(facts, len), &occ__json_answer);

  return rc == OCC_ERR_SYNTAX ? OCC_ERR_ARGUMENT : rc;
}

int occ_evidence_accept(occ_evidence *evidence, const char *facts, size_t len)
{
  const char *copy = NULL;
  int rc;

  if (!is_in(evidence, OCC__JUDGING)) {
    return OCC_ERR_ARGUMENT;
  }
  if (facts == NULL && len > 0) {
    return stick(evidence, OCC_ERR_ARGUMENT);
  }
  if (len > 0) {
    rc = check_facts(facts, len);
    if (rc != OCC_OK) {
      return stick(evidence, rc);
    }
    copy = occ__arena_text(&evidence->txn->arena, facts, len);
    if (copy == NULL) {
      return stick(evidence, evidence->txn->arena.rc);
    }
  }
  return verdict(evidence, OCC_YES, copy, NULL);
}

static int with_reason(occ_evidence *evidence, occ_verdict given, const char *reason)
{
  const char *copy = NULL;

  if (!is_in(evidence, OCC__JUDGING)) {
    return OCC_ERR_ARGUMENT;
  }
  if (reason != NULL) {
    copy = occ__arena_text(&evidence->txn->arena, reason, strlen(reason));
    if (copy == NULL) {
      return stick(evidence, evidence->txn->arena.rc);
    }
  }
  return verdict(evidence, given, NULL, copy);
}

int occ_evidence_reject(occ_evidence *evidence, const char *reason)
{
  return with_reason(evidence, OCC_NO, reason);
}

int occ_evidence_retry(occ_evidence *evidence, const char *reason)
{
  return with_reason(evidence, OCC_RETRY, reason);
}

int occ__evidence_result(occ_txn *txn, int rc)
{
  const occ_asking *asking = &txn->asking;
  const int asked = asking->open;

  if (txn->evidence.rc != OCC_OK) {
    rc = txn->evidence.rc;
  }
  if (rc == OCC_PENDING && asked && (asking->q.kind != OCC_ASK_RESERVE || asking->q.key != NULL)) {
    return rc;
  }
  if (asked) { /* nobody will wait for the answer */
    occ__question_cancel(txn);
    rc = rc == OCC_OK ? OCC_ERR_STATE : rc;
  }
  return rc > 0 ? OCC_ERR_INTERNAL : rc;
}

/* Which questions a type may ask when: before ONCE what the syntax and the keys need, after it what the verdict needs. */
static int may_ask(occ_phase phase, occ_ask kind)
{
  switch (phase) {
  case OCC__PARSING:
    return kind == OCC_ASK_KEYS || kind == OCC_ASK_FETCH;
  case OCC__JUDGING:
    return kind == OCC_ASK_STATUS || kind == OCC_ASK_COVER || kind == OCC_ASK_VERIFY ||
           kind == OCC_ASK_RESERVE;
  case OCC__IDLE:
  case OCC__WRITING:
    break;
  }
  return 0;
}

occ_question *occ_evidence_ask(occ_evidence *evidence, occ_ask kind)
{
  occ_question *q;

  if (evidence == NULL) {
    return NULL;
  }
  if (!may_ask(evidence->phase, kind) || evidence->verdict_given || evidence->txn->asking.open ||
      (kind == OCC_ASK_RESERVE && evidence->txn->reserved)) {
    return fault(evidence, OCC_ERR_STATE);
  }
  q = occ__question_open(evidence->txn, kind);
  q->requirement = evidence->about.requirement;
  q->type = evidence->about.type;
  q->wanted = evidence->about.wanted;
  q->nonce = evidence->about.nonce;
  q->audience = evidence->about.audience;
  q->keys = kind == OCC_ASK_RESERVE ? 1 : 0;
  return q;
}

occ_verdict occ_evidence_answer(const occ_evidence *evidence, const void **data, size_t *len)
{
  if (data != NULL) {
    *data = evidence == NULL ? NULL : evidence->answer_data;
  }
  if (len != NULL) {
    *len = evidence == NULL ? 0 : evidence->answer_len;
  }
  return evidence == NULL ? OCC_NO : evidence->answer;
}
