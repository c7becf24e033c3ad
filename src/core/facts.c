/* SPDX-License-Identifier: MIT
 *
 * What is known of a txn, for the policy: getters, and one JSON document with a pointer into it (RFC 6901). Texts are
 * copied into the txn's arena and live until its next run, answer or free. Tokens and secrets appear as digests only. */

#include "core/txn.h"

#include "base/b64.h"
#include "core/params.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

const char *occ_txn_client_id(const occ_txn *txn)
{
  return txn != NULL && txn->authenticated ? txn->client_id : NULL;
}

const char *occ_txn_sender(const occ_txn *txn, occ_sender kind)
{
  if (txn == NULL || kind < OCC_SENDER_DPOP || kind > OCC_SENDER_ATTESTED ||
      (txn->senders & (1u << kind)) == 0) {
    return NULL;
  }
  return txn->sender[kind];
}

const char *occ_txn_param(const occ_txn *txn, const char *name, size_t i, size_t *len)
{
  const occ_param *param = txn == NULL || name == NULL ? NULL : occ__form_find(&txn->form, name, i);

  if (len != NULL) {
    *len = param == NULL ? 0 : param->value_len;
  }
  return param == NULL ? NULL : param->value;
}

/* spec: RFC 6749 section 3.3: case-sensitive, split at spaces. */
int occ_txn_has_scope(const occ_txn *txn, const char *scope)
{
  size_t len = 0, want = scope == NULL ? 0 : strlen(scope);
  const char *all = occ_txn_param(txn, "scope", 0, &len);

  for (size_t at = 0; want > 0 && at < len;) {
    size_t end = at;
    while (end < len && all[end] != ' ') {
      end++;
    }
    if (end - at == want && memcmp(all + at, scope, want) == 0) {
      return 1;
    }
    at = end + 1;
  }
  return 0;
}

int occ_txn_is_satisfied(const occ_txn *txn, const char *requirement)
{
  const occ_requirement *found =
      txn == NULL || requirement == NULL
          ? NULL
          : occ__server_requirement(txn->server, occ__span_text(requirement));

  return found != NULL && occ__session_satisfied(txn, found);
}

const void *occ_txn_memo(const occ_txn *txn, size_t *len)
{
  const int has = txn != NULL && txn->live && txn->session.memo.len > 0;

  if (len != NULL) {
    *len = has ? txn->session.memo.len : 0;
  }
  return has ? txn->session.memo.base : NULL;
}

const char *occ_txn_reference(const occ_txn *txn)
{
  return txn == NULL ? NULL : txn->reference;
}

const char *occ_txn_reason(const occ_txn *txn)
{
  return txn == NULL || txn->reason == 0 ? NULL : occ_reason_name(txn->reason);
}

/* The parameters that are, or hold, something secret. */
static int is_secret(const occ_txn *txn, const char *name)
{
  return (occ__params_flags(name) & OCC__PARAM_SECRET) != 0 ||
         strcmp(name, txn->server->names->session) == 0 ||
         occ__server_carrier(txn->server, name) != NULL;
}

static json_t *digest_text(occ_txn *txn, occ_span value)
{
  char text[8 + OCC__B64_LEN(OCC__SHA256_LEN) + 1] = "sha-256:";
  uint8_t digest[OCC__SHA256_LEN];
  occ_workspace *ws = txn->ws;
  int rc = ws == NULL ? occ__lib_take(txn->lib, &ws) : OCC_OK;

  if (rc == OCC_OK) {
    rc = occ__sha256(ws, digest, value);
  }
  if (ws != NULL && txn->ws == NULL) {
    occ__lib_give(txn->lib, ws);
  }
  if (rc != OCC_OK) {
    return NULL;
  }
  occ__b64_encode(text + 8, digest, sizeof(digest));
  return json_string(text);
}

/* json_object_set_new() accepts NULL and says no, which is what we want to hear. */
static int put(json_t *object, const char *name, json_t *value)
{
  return json_object_set_new(object, name, value) == 0;
}

static int put_text(json_t *object, const char *name, const char *text)
{
  return text == NULL || put(object, name, json_string(text));
}

static int put_param(occ_txn *txn, json_t *request, const occ_param *param)
{
  const occ_span text = occ__span(param->value, param->value_len);
  json_t *value, *list;

  if (strcmp(param->name, "authorization_details") == 0 && txn->details != NULL) {
    return put(request, param->name, json_incref(txn->details));
  }
  /* What is not UTF-8 the policy sees by its digest. */
  value = is_secret(txn, param->name) || text.len > OCC__MAX_FACT || !occ__json_is_utf8(text)
              ? digest_text(txn, text)
              : json_stringn(param->value, param->value_len);
  if (strcmp(param->name, "resource") != 0 && strcmp(param->name, "audience") != 0) {
    return put(request, param->name, value);
  }
  list = json_object_get(request, param->name);
  if (list == NULL) {
    list = json_array();
    if (!put(request, param->name, list)) {
      json_decref(value);
      return 0;
    }
  }
  return json_array_append_new(list, value) == 0;
}

static json_t *request_facts(occ_txn *txn)
{
  json_t *request = json_object();
  int good = request != NULL;

  for (size_t i = 0; good && i < txn->form.count; i++) {
    /* No specification has a name that is not ASCII; JSON might not take it. */
    if (occ__txn_is_vschar(txn->form.param[i].name)) {
      good = put_param(txn, request, &txn->form.param[i]);
    }
  }
  if (!good) {
    json_decref(request);
    return NULL;
  }
  return request;
}

static json_t *client_facts(occ_txn *txn)
{
  json_t *client = json_object();
  int good = client != NULL &&
             (txn->client_facts == NULL || json_object_update(client, txn->client_facts) == 0) &&
             put_text(client, "id", txn->client_id) &&
             put_text(client, "method", txn->client_method) &&
             put_text(client, "key", txn->client_key) &&
             put(client, "authenticated", json_boolean(txn->authenticated)) &&
             put(client, "challenge_supported", json_boolean(txn->capable));

  if (good && txn->metadata != NULL) {
    good = put(client, "metadata", json_incref(txn->metadata));
  }
  if (!good) {
    json_decref(client);
    return NULL;
  }
  return client;
}

static const char *const sender_name[OCC__SENDERS] = { NULL, "jkt", "x5t#S256", "attested" };

static json_t *sender_facts(occ_txn *txn)
{
  json_t *sender = json_object();
  int good = sender != NULL;

  for (int kind = OCC_SENDER_DPOP; good && kind <= OCC_SENDER_ATTESTED; kind++) {
    good = put_text(sender, sender_name[kind], occ_txn_sender(txn, (occ_sender)kind));
  }
  if (!good) {
    json_decref(sender);
    return NULL;
  }
  return sender;
}

/* The keys of the first request. */
static json_t *bound_facts(const occ_txn *txn)
{
  char text[OCC__THUMBPRINT_LEN + 1];
  json_t *bound = json_object();

  for (int kind = OCC_SENDER_DPOP; bound != NULL && kind <= OCC_SENDER_ATTESTED; kind++) {
    if ((txn->session.senders & (1u << kind)) != 0) {
      occ__b64_encode(text, txn->session.sender[kind], OCC__SHA256_LEN);
      if (!put_text(bound, sender_name[kind], text)) {
        json_decref(bound);
        return NULL;
      }
    }
  }
  return bound;
}

static json_t *session_facts(occ_txn *txn)
{
  char memo[OCC__B64_LEN(OCC__MAX_MEMO) + 1];
  json_t *session = json_object();
  int good = session != NULL;

  if (good && txn->live) {
    occ__b64_encode(memo, txn->session.memo.base, txn->session.memo.len);
    good = put(session, "round", json_integer(txn->session.round)) &&
           put(session, "attempt", json_integer(txn->session.attempt)) &&
           put_text(session, "memo", memo) && put(session, "bound", bound_facts(txn));
  } else if (good && txn->stale != 0) {
    good = put_text(session, "stale", occ_reason_name(txn->stale));
  }
  if (!good) {
    json_decref(session);
    return NULL;
  }
  return session;
}

static json_t *satisfied_facts(occ_txn *txn)
{
  json_t *list = json_array();

  for (size_t i = 0; list != NULL && i < txn->server->requirements; i++) {
    const occ_requirement *requirement = &txn->server->requirement[i];
    if (occ__session_satisfied(txn, requirement) &&
        json_array_append_new(list, json_string(requirement->name)) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

static json_t *evidence_facts(occ_txn *txn)
{
  const occ_requirement *requirement = txn->evidence.requirement;
  json_t *evidence = json_object(), *facts = NULL;
  int good = evidence != NULL;

  if (good && txn->accepted) {
    good =
        put_text(evidence, "requirement", requirement->name) &&
        put_text(evidence, "type", requirement->kind->name) &&
        put_text(evidence, "class",
                 requirement->evidence_class == OCC_AUTHORIZATION ? "authorization" : "provenance");
    if (good && txn->evidence.facts != NULL) {
      good = occ__json_read_object(&facts, occ__span_text(txn->evidence.facts),
                                   &occ__json_answer) == OCC_OK &&
             put(evidence, "facts", facts);
      if (good) { /* the handle, which is nobody's fact */
        (void)json_object_del(facts, "nonce");
      }
    }
  }
  if (!good) {
    json_decref(evidence);
    return NULL;
  }
  return evidence;
}

/* The parts, in the order in which they are shown. */
static const struct {
  const char *name;
  json_t *(*build)(occ_txn *txn);
} part[OCC__FACTS] = {
  { "request", request_facts }, { "client", client_facts },       { "sender", sender_facts },
  { "session", session_facts }, { "satisfied", satisfied_facts }, { "evidence", evidence_facts },
};

void occ__facts_drop(occ_txn *txn)
{
  for (size_t i = 0; i < OCC__FACTS; i++) {
    json_decref(txn->fact[i]);
    txn->fact[i] = NULL;
  }
  json_decref(txn->facts);
  txn->facts = NULL;
}

/* Built once for all that is asked while one question is open: a policy may look at many. */
static json_t *get_part(occ_txn *txn, size_t i)
{
  if (txn->fact[i] == NULL) {
    txn->fact[i] = part[i].build(txn);
  }
  return txn->fact[i];
}

static void drop_unless_begun(occ_txn *txn)
{
  if (!txn->begun) { /* what the host fills in may change them */
    occ__facts_drop(txn);
  }
}

static json_t *get_all(occ_txn *txn)
{
  json_t *all = json_object();

  for (size_t i = 0; i < OCC__FACTS; i++) {
    if (all == NULL || !put(all, part[i].name, json_incref(get_part(txn, i)))) {
      json_decref(all);
      return NULL;
    }
  }
  return all;
}

const json_t *occ__facts_get(const occ_txn *txn)
{
  drop_unless_begun(txn->self);
  if (txn->facts == NULL) {
    txn->self->facts = get_all(txn->self);
  }
  return txn->facts;
}

/* One reference token of RFC 6901, unescaped; 0 at the end or on an error. */
static int next_token(const char **at, char *token, size_t room)
{
  size_t n = 0;
  const char *c = *at;

  if (*c != '/') {
    return 0;
  }
  for (c++; *c != '\0' && *c != '/'; c++) {
    char octet = *c;
    if (octet == '~') {
      c++;
      if (*c != '0' && *c != '1') {
        return 0;
      }
      octet = *c == '0' ? '~' : '/';
    }
    if (n + 1 >= room) {
      return 0;
    }
    token[n++] = octet;
  }
  token[n] = '\0';
  *at = c;
  return 1;
}

static const json_t *element(const json_t *array, const char *token)
{
  size_t index = 0;

  if (token[0] == '\0' || (token[0] == '0' && token[1] != '\0') || strlen(token) > 6) {
    return NULL;
  }
  for (const char *c = token; *c != '\0'; c++) {
    if (*c < '0' || *c > '9') {
      return NULL;
    }
    index = index * 10 + (size_t)(*c - '0');
  }
  return json_array_get(array, index);
}

/* From there on. */
static const json_t *follow(const json_t *value, const char *pointer)
{
  char token[OCC__MAX_ID + 1];

  while (value != NULL && *pointer != '\0') {
    if (!next_token(&pointer, token, sizeof(token))) {
      return NULL;
    }
    value = json_is_array(value) ? element(value, token) : json_object_get(value, token);
  }
  return value;
}

/* No part is built but the one that is asked for. */
static const json_t *find(occ_txn *txn, const char *pointer)
{
  char token[OCC__MAX_ID + 1];

  drop_unless_begun(txn);
  if (*pointer == '\0') {
    return occ__facts_get(txn);
  }
  if (!next_token(&pointer, token, sizeof(token))) {
    return NULL;
  }
  for (size_t i = 0; i < OCC__FACTS; i++) {
    if (strcmp(token, part[i].name) == 0) {
      return follow(get_part(txn, i), pointer);
    }
  }
  return NULL;
}

const char *occ__facts_text(const occ_txn *txn, const json_t *value, size_t *len)
{
  const char *text = NULL;
  occ_buf out;

  occ__buf_init(&out, occ__lib_mem(txn->lib), OCC__MAX_TXN_MEMORY);
  occ__json_value(&out, value);
  if (out.rc == OCC_OK) {
    text = occ__txn_text(txn->self, out.base, out.len);
    if (text != NULL && len != NULL) {
      *len = out.len;
    }
  }
  occ__buf_clear(&out);
  return text;
}

const char *occ_txn_fact(const occ_txn *txn, const char *pointer, size_t *len)
{
  const char *text = NULL;
  const json_t *found;

  if (len != NULL) {
    *len = 0;
  }
  if (txn == NULL || pointer == NULL) {
    return NULL;
  }
  found = find(txn->self, pointer);
  if (found != NULL) {
    text = occ__facts_text(txn, found, len);
  }
  return text;
}

/* spec: RFC 7800 section 3.1, RFC 9449 section 6.1, RFC 8705 section 3.1: all that bind tokens; S-14. */
const char *occ_txn_confirmation(const occ_txn *txn)
{
  char text[128];
  size_t at = 0;

  if (txn == NULL) {
    return NULL;
  }
  for (int kind = OCC_SENDER_DPOP; kind <= OCC_SENDER_MTLS; kind++) {
    const char *thumbprint = occ_txn_sender(txn, (occ_sender)kind);
    const char *pieces[] = { at == 0 ? "{\"" : ",\"", sender_name[kind], "\":\"", thumbprint,
                             "\"" };
    for (size_t i = 0; thumbprint != NULL && i < sizeof(pieces) / sizeof(pieces[0]); i++) {
      memcpy(text + at, pieces[i], strlen(pieces[i]));
      at += strlen(pieces[i]);
    }
  }
  if (at == 0) {
    return NULL;
  }
  text[at++] = '}';
  return occ__txn_text(txn->self, text, at);
}
