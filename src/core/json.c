/* SPDX-License-Identifier: MIT
 *
 * The same as JSON texts: four calls make a binding for any language (occ/json.h, docs/json.md). Only translates: every
 * member becomes a call of the typed interface, so that both doors have one behaviour. */

#include "core/txn.h"

#include "base/b64.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

/* A member that we do not know might have mattered to the host. names: NULL-terminated. */
static int has_only(json_t *object, const char *const *names)
{
  const char *member;
  json_t *value;

  json_object_foreach(object, member, value)
  {
    const char *const *known = names;
    while (*known != NULL && strcmp(*known, member) != 0) {
      known++;
    }
    if (*known == NULL) {
      return 0;
    }
  }
  return 1;
}

/* A text, or not there at all. */
static int is_text(const json_t *object, const char *member)
{
  return json_object_get(object, member) == NULL || occ__json_text(object, member) != NULL;
}

/* A request carries a body of its own size, escaped. */
static const occ_json_limits request_limits = { OCC__MAX_CONFIG_JSON, OCC__MAX_JSON_DEPTH, 2048 };

static int set_params(occ_txn *txn, json_t *params)
{
  size_t i;
  json_t *pair;

  json_array_foreach(params, i, pair)
  {
    const json_t *value = json_array_get(pair, 1);
    const char *name = json_string_value(json_array_get(pair, 0));
    int rc = OCC_ERR_ARGUMENT;

    if (json_array_size(pair) == 2 && name != NULL && json_is_string(value)) {
      rc = occ_txn_add_param(txn, name, json_string_value(value), json_string_length(value));
    }
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return json_is_array(params) ? OCC_OK : OCC_ERR_ARGUMENT;
}

static int set_headers(occ_txn *txn, json_t *headers)
{
  size_t i;
  json_t *pair;

  json_array_foreach(headers, i, pair)
  {
    const json_t *value = json_array_get(pair, 1);
    const char *name = json_string_value(json_array_get(pair, 0));
    int rc = OCC_ERR_ARGUMENT;

    if (json_array_size(pair) == 2 && name != NULL && json_is_string(value)) {
      rc = occ_txn_add_header(txn, name, json_string_value(value), json_string_length(value));
    }
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return json_is_array(headers) ? OCC_OK : OCC_ERR_ARGUMENT;
}

static int set_client(occ_txn *txn, json_t *client)
{
  static const char *const names[] = { "id", "method", "key", NULL };

  if (!has_only(client, names) || !is_text(client, "key")) {
    return OCC_ERR_ARGUMENT;
  }
  return occ_txn_set_client(txn, occ__json_text(client, "id"), occ__json_text(client, "method"),
                            occ__json_text(client, "key"));
}

static int set_senders(occ_txn *txn, json_t *senders)
{
  const char *name;
  json_t *value;

  json_object_foreach(senders, name, value)
  {
    occ_sender kind = strcmp(name, "jkt") == 0        ? OCC_SENDER_DPOP
                      : strcmp(name, "x5t#S256") == 0 ? OCC_SENDER_MTLS
                      : strcmp(name, "attested") == 0 ? OCC_SENDER_ATTESTED
                                                      : (occ_sender)0;
    int rc = occ_txn_set_sender(txn, kind, json_string_value(value));
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return json_is_object(senders) ? OCC_OK : OCC_ERR_ARGUMENT;
}

static int set_certificate(occ_txn *txn, const json_t *value)
{
  const size_t len = json_string_length(value);
  uint8_t *der;
  size_t der_len = 0;
  int rc;

  if (!json_is_string(value) || len > OCC__MAX_CERTIFICATE * 2) {
    return OCC_ERR_ARGUMENT;
  }
  der = occ__arena_alloc(&txn->arena, len + 1);
  if (der == NULL) {
    return txn->arena.rc;
  }
  rc = occ__b64_decode_padded(der, len + 1, &der_len, occ__span(json_string_value(value), len));
  return rc != OCC_OK ? OCC_ERR_ARGUMENT : occ_txn_set_certificate(txn, der, der_len);
}

static int set_metadata(occ_txn *txn, const json_t *value)
{
  size_t len = 0;
  const char *text = occ__facts_text(txn, value, &len);

  return text == NULL ? OCC_ERR_MEMORY : occ_txn_set_metadata(txn, text, len);
}

static int set_member(occ_txn *txn, const char *name, json_t *value)
{
  if (strcmp(name, "body") == 0) {
    return json_is_string(value)
               ? occ_txn_set_body(txn, json_string_value(value), json_string_length(value))
               : OCC_ERR_ARGUMENT;
  }
  if (strcmp(name, "params") == 0) {
    return set_params(txn, value);
  }
  if (strcmp(name, "headers") == 0) {
    return set_headers(txn, value);
  }
  if (strcmp(name, "client") == 0) {
    return set_client(txn, value);
  }
  if (strcmp(name, "sender") == 0) {
    return set_senders(txn, value);
  }
  if (strcmp(name, "certificate") == 0) {
    return set_certificate(txn, value);
  }
  if (strcmp(name, "certificate_verified") == 0) {
    return json_is_boolean(value) ? occ_txn_set(txn, name, json_is_true(value) ? "true" : "false")
                                  : OCC_ERR_ARGUMENT;
  }
  if (strcmp(name, "metadata") == 0) {
    return json_is_object(value) ? set_metadata(txn, value) : OCC_ERR_ARGUMENT;
  }
  if (strcmp(name, "reference") == 0 || strcmp(name, "receipt") == 0) {
    return occ_txn_set(txn, name, json_string_value(value));
  }
  return OCC_ERR_ARGUMENT;
}

int occ_txn_set_json(occ_txn *txn, const char *json, size_t len)
{
  json_t *object = NULL, *value;
  const char *name;
  int rc;

  if (txn == NULL || json == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (txn->begun || txn->running) {
    return OCC_ERR_STATE;
  }
  rc = occ__json_read_object(&object, occ__span(json, len), &request_limits);
  json_object_foreach(object, name, value)
  {
    if (rc == OCC_OK) {
      rc = set_member(txn, name, value);
    }
  }
  json_decref(object);
  return occ__txn_filled(txn, rc, __func__); /* half a request must not run */
}

static void put_keys(occ_buf *out, const occ_question *q)
{
  if (q->key == NULL) {
    return;
  }
  occ__json_name(out, "key");
  occ__json_open(out, '[');
  for (size_t i = 0; i < q->keys; i++) {
    occ__json_b64(out, occ__span(q->key + i * OCC__SHA256_LEN, OCC__SHA256_LEN));
  }
  occ__json_close(out, ']');
}

static void put_question(occ_buf *out, const occ_question *q)
{
  occ__json_put_text(out, "kind", occ__question_name(q->kind));
  occ__json_put_number(out, "ticket", (int64_t)q->ticket);
  occ__json_put_number(out, "deadline", q->deadline);
  occ__json_put_number(out, "now", q->now);
  occ__json_put_text(out, "client_id", q->client_id);
  if (q->kind == OCC_ASK_ONCE || q->kind == OCC_ASK_KEEP || q->kind == OCC_ASK_RESERVE) {
    occ__json_name(out, "authenticated");
    occ__json_bool(out, q->authenticated);
  }
  occ__json_put_text(out, "requirement", q->requirement);
  occ__json_put_text(out, "type", q->type);
  if (q->wanted != NULL) {
    occ__json_name(out, "wanted");
    occ__json_raw(out, occ__span_text(q->wanted));
  }
  occ__json_put_text(out, "nonce", q->nonce);
  occ__json_put_text(out, "audience", q->audience);
  occ__json_put_text(out, "issuer", q->issuer);
  occ__json_put_text(out, "kid", q->kid);
  occ__json_put_text(out, "url", q->url);
  if (q->kind == OCC_ASK_STATUS || q->kind == OCC_ASK_FETCH || q->index != 0) {
    occ__json_put_number(out, "index", q->index);
  }
  put_keys(out, q);
  if (q->issued != 0) {
    occ__json_put_number(out, "issued", q->issued);
  }
  if (q->expires != 0) {
    occ__json_put_number(out, "expires", q->expires);
  }
  occ__json_put_text(out, "headers", q->headers);
  if (q->data != NULL) {
    occ__json_name(out, "data");
    occ__json_b64(out, occ__span(q->data, q->len));
  }
}

/* Moves a finished text into the arena; NULL where something failed. */
static const char *finish(const occ_txn *txn, occ_buf *out, size_t *len)
{
  const char *text = NULL;

  if (out->rc == OCC_OK) {
    text = occ__txn_text(txn->self, out->base, out->len);
    if (text != NULL && len != NULL) {
      *len = out->len;
    }
  }
  occ__buf_clear(out);
  return text;
}

static void put_facts(occ_buf *out, const occ_txn *txn)
{
  occ__json_name(out, "facts");
  occ__json_value(out, occ__facts_get(txn)); /* NULL: no memory, and that sticks in out */
}

const char *occ_txn_question_json(const occ_txn *txn, size_t *len)
{
  const occ_question *q = occ_txn_question(txn);
  const char *text;
  occ_buf out;

  if (len != NULL) {
    *len = 0;
  }
  if (q == NULL) {
    return NULL;
  }
  occ__buf_init(&out, occ__lib_mem(txn->lib), OCC__MAX_TXN_MEMORY);
  occ__json_open(&out, '{');
  put_question(&out, q);
  if (q->kind == OCC_ASK_DECIDE || q->kind == OCC_ASK_CHECK) {
    put_facts(&out, txn);
  }
  occ__json_close(&out, '}');
  text = finish(txn, &out, len);
  if (text ==
      NULL) { /* a host that cannot see the question cannot answer it: the next run says why */
    (void)occ__txn_fail_status(txn->self, OCC_ERR_MEMORY);
  }
  return text;
}

/* "expiry" and "status" beside a challenge; numbers here, texts in occ_txn_set(). */
static int set_extras(occ_txn *txn, const json_t *answer)
{
  const json_t *expiry = json_object_get(answer, "expiry");
  const json_t *status = json_object_get(answer, "status");
  const json_t *anyway = json_object_get(answer, "anyway");
  const char *memo = occ__json_text(answer, "memo");
  uint8_t octets[OCC__MAX_MEMO];
  char number[24];
  size_t n;
  int rc = OCC_OK;

  if (!is_text(answer, "memo") || (anyway != NULL && !json_is_boolean(anyway))) {
    return OCC_ERR_ARGUMENT;
  }
  if (expiry != NULL) {
    n = sizeof(number) - 1;
    number[n] = '\0';
    for (json_int_t left = json_integer_value(expiry); left > 0 && n > 0; left /= 10) {
      number[--n] = (char)('0' + left % 10);
    }
    rc = occ_txn_set(txn, "expiry", number + n);
  }
  if (rc == OCC_OK && status != NULL) {
    const json_int_t code = json_integer_value(status);
    rc = occ_txn_set(txn, "challenge_status", code == 400 ? "400" : code == 403 ? "403" : "");
  }
  if (rc == OCC_OK && anyway != NULL) {
    rc = occ_txn_set(txn, "challenge_anyway", json_is_true(anyway) ? "true" : "false");
  }
  if (rc == OCC_OK && memo != NULL) {
    rc = occ__b64_decode(octets, sizeof(octets), &n, occ__span_text(memo));
    rc = rc == OCC_OK ? occ_txn_set_memo(txn, octets, n) : OCC_ERR_ARGUMENT;
  }
  return rc;
}

/* What an answer that is not taken must not leave behind. */
typedef struct extras {
  int64_t expiry_ms;
  int challenge_status, challenge_anyway, memo_set;
  size_t memo_len;
  uint8_t memo[OCC__MAX_MEMO];
} extras;

static extras save_extras(const occ_txn *txn)
{
  extras saved = { .expiry_ms = txn->expiry_ms,
                   .challenge_status = txn->challenge_status,
                   .challenge_anyway = txn->challenge_anyway,
                   .memo_set = txn->memo_set,
                   .memo_len = txn->memo_len };

  memcpy(saved.memo, txn->memo, sizeof(saved.memo));
  return saved;
}

static void restore_extras(occ_txn *txn, const extras *saved)
{
  txn->expiry_ms = saved->expiry_ms;
  txn->challenge_status = saved->challenge_status;
  txn->challenge_anyway = saved->challenge_anyway;
  txn->memo_set = saved->memo_set;
  txn->memo_len = saved->memo_len;
  memcpy(txn->memo, saved->memo, sizeof(txn->memo));
}

static int answer_challenge(occ_txn *txn, occ_ticket ticket, const json_t *answer)
{
  const json_t *params = json_object_get(answer, "params");
  const extras saved = save_extras(txn);
  const char *text = NULL;
  int rc = OCC_ERR_ARGUMENT;

  if (txn->asking.q.kind == OCC_ASK_DECIDE && (params == NULL || json_is_object(params))) {
    rc = set_extras(txn, answer);
  }
  if (rc == OCC_OK && json_object_size(params) > 0) {
    text = occ__facts_text(txn, params, NULL);
    rc = text == NULL ? OCC_ERR_MEMORY : OCC_OK;
  }
  if (rc == OCC_OK) {
    rc = occ_txn_answer_challenge(txn, ticket, occ__json_text(answer, "requirement"), text);
  }
  if (rc != OCC_OK) {
    restore_extras(txn, &saved);
  }
  return rc;
}

/* "data": text as it is, any other JSON as its text; "octets": base64url. */
static int answer_verdict(occ_txn *txn, occ_ticket ticket, occ_verdict verdict,
                          const json_t *answer)
{
  const json_t *data = json_object_get(answer, "data");
  const json_t *octets = json_object_get(answer, "octets");
  uint8_t *decoded;
  size_t len = 0;
  const char *text;
  int rc;

  if (octets != NULL && data != NULL) {
    return OCC_ERR_ARGUMENT; /* which of the two? */
  }
  if (octets != NULL) {
    decoded = occ__arena_alloc(&txn->arena, json_string_length(octets) + 1);
    if (decoded == NULL) {
      return txn->arena.rc;
    }
    rc = occ__b64_decode(decoded, json_string_length(octets) + 1, &len,
                         occ__span(json_string_value(octets), json_string_length(octets)));
    return rc != OCC_OK || !json_is_string(octets)
               ? OCC_ERR_ARGUMENT
               : occ_txn_answer(txn, ticket, verdict, decoded, len);
  }
  if (data == NULL || json_is_string(data)) {
    return occ_txn_answer(txn, ticket, verdict, json_string_value(data), json_string_length(data));
  }
  text = occ__facts_text(txn, data, &len);
  return text == NULL ? OCC_ERR_MEMORY : occ_txn_answer(txn, ticket, verdict, text, len);
}

static int answer_fetched(occ_txn *txn, occ_ticket ticket, const json_t *answer)
{
  const json_t *data = json_object_get(answer, "data");
  const json_t *status = json_object_get(answer, "status");

  if (!json_is_integer(status) || (data != NULL && !json_is_string(data)) ||
      !is_text(answer, "headers") || json_integer_value(status) < 0 ||
      json_integer_value(status) > 999) {
    return OCC_ERR_ARGUMENT;
  }
  return occ_txn_answer_fetch(txn, ticket, (int)json_integer_value(status),
                              occ__json_text(answer, "headers"), json_string_value(data),
                              json_string_length(data));
}

static int answer_refuse(occ_txn *txn, occ_ticket ticket, const json_t *answer)
{
  if (!is_text(answer, "error") || !is_text(answer, "description")) {
    return OCC_ERR_ARGUMENT;
  }
  return occ_txn_answer_refuse(txn, ticket, occ__json_text(answer, "error"),
                               occ__json_text(answer, "description"));
}

/* Each answer has members of its own. */
static int has_known_members(json_t *answer, const char *verb)
{
  static const char *const verdict[] = { "ticket", "answer", "data", "octets", NULL };
  static const char *const challenge[] = { "ticket", "answer", "requirement", "params", "memo",
                                           "expiry", "status", "anyway",      NULL };
  static const char *const refuse[] = { "ticket", "answer", "error", "description", NULL };
  static const char *const fetched[] = { "ticket", "answer", "status", "headers", "data", NULL };

  return has_only(answer, strcmp(verb, "challenge") == 0 ? challenge
                          : strcmp(verb, "refuse") == 0  ? refuse
                          : strcmp(verb, "fetched") == 0 ? fetched
                                                         : verdict);
}

static int answer_with(occ_txn *txn, json_t *answer)
{
  const char *verb = occ__json_text(answer, "answer");
  const json_t *number = json_object_get(answer, "ticket");
  const occ_ticket ticket = json_is_integer(number) && json_integer_value(number) > 0
                                ? (occ_ticket)json_integer_value(number)
                                : 0;

  if (verb == NULL || !has_known_members(answer, verb)) {
    return OCC_ERR_ARGUMENT;
  }
  if (!occ__question_is_open(txn, ticket)) {
    return OCC_ERR_STALE; /* before anything is copied for it */
  }
  if (strcmp(verb, "challenge") == 0) {
    return answer_challenge(txn, ticket, answer);
  }
  if (strcmp(verb, "refuse") == 0) {
    return answer_refuse(txn, ticket, answer);
  }
  if (strcmp(verb, "fetched") == 0) {
    return answer_fetched(txn, ticket, answer);
  }
  if (strcmp(verb, "yes") == 0) {
    return answer_verdict(txn, ticket, OCC_YES, answer);
  }
  if (strcmp(verb, "retry") == 0) {
    return answer_verdict(txn, ticket, OCC_RETRY, answer);
  }
  return strcmp(verb, "no") == 0 ? answer_verdict(txn, ticket, OCC_NO, answer) : OCC_ERR_ARGUMENT;
}

int occ_txn_answer_json(occ_txn *txn, const char *json, size_t len)
{
  json_t *answer = NULL;
  int rc;

  if (txn == NULL || json == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  rc = occ__json_read_object(&answer, occ__span(json, len), &occ__json_config);
  if (rc == OCC_OK) {
    rc = answer_with(txn, answer);
  }
  json_decref(answer);
  return rc;
}

#define SENDERS_THAT_BIND (1u << OCC_SENDER_DPOP | 1u << OCC_SENDER_MTLS)

static const char *outcome_name(occ_outcome outcome)
{
  switch (outcome) {
  case OCC_GRANT:
    return "grant";
  case OCC_CHALLENGE:
    return "challenge";
  case OCC_REFUSE:
    return "refuse";
  case OCC_FAILED:
    return "failed";
  case OCC_UNDECIDED:
    break;
  }
  return "undecided";
}

const char *occ_txn_result_json(const occ_txn *txn, size_t *len)
{
  const char *confirmation = occ_txn_confirmation(txn);
  occ_buf out;

  if (len != NULL) {
    *len = 0;
  }
  if (occ_txn_outcome(txn) == OCC_UNDECIDED ||
      (confirmation == NULL && (txn->senders & SENDERS_THAT_BIND) != 0)) {
    return NULL; /* not ended, or no memory for the confirmation: a token without it would be anybody's */
  }
  occ__buf_init(&out, occ__lib_mem(txn->lib), OCC__MAX_TXN_MEMORY);
  occ__json_open(&out, '{');
  occ__json_put_text(&out, "outcome", outcome_name(occ_txn_outcome(txn)));
  occ__json_put_number(&out, "status", occ_txn_http_status(txn));
  occ__json_name(&out, "headers");
  occ__json_open(&out, '[');
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    occ__json_open(&out, '[');
    occ__json_string(&out, occ__span_text(occ_txn_header_name(txn, i)));
    occ__json_string(&out, occ__span_text(occ_txn_header_value(txn, i)));
    occ__json_close(&out, ']');
  }
  occ__json_close(&out, ']');
  occ__json_put_text(&out, "body", occ_txn_body(txn, NULL));
  if (confirmation != NULL) {
    occ__json_name(&out, "confirmation");
    occ__json_raw(&out, occ__span_text(confirmation));
  }
  occ__json_put_text(&out, "receipt", occ_txn_receipt(txn));
  occ__json_put_text(&out, "reference", txn->reference);
  occ__json_put_text(&out, "reason", occ_txn_reason(txn));
  put_facts(&out, txn);
  occ__json_close(&out, '}');
  return finish(txn, &out, len);
}
