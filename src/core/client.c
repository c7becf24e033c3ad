/* SPDX-License-Identifier: MIT
 *
 * The states CLIENT and CHECK: who asks, and is the grant good? All identities of the client in one request agree, and
 * its metadata are known before a policy is asked. How it is authenticated, where the host has not done it: authenticate.c. */

#include "core/txn.h"

#include "base/b64.h"
#include "wire/json_in.h"

/* Once for all who look at them: a look-up by name in a JSON object costs as much as a pass over a few members. The
 * capability flag counts only as the JSON boolean true (S-16). */
static void read_metadata(occ_txn *txn)
{
  occ_registered *registered = &txn->registered;
  const struct {
    occ_span name;
    const json_t **member;
  } row[] = {
    { occ__span_text(txn->server->names->capability), &registered->capability },
    { occ__span_text("client_id"), &registered->client_id },
    { occ__span_text("token_endpoint_auth_method"), &registered->method },
    { occ__span_text("grant_types"), &registered->grant_types },
    { occ__span_text("dpop_bound_access_tokens"), &registered->dpop_bound },
    { occ__span_text("tls_client_certificate_bound_access_tokens"),
      &registered->certificate_bound },
  };
  const char *name;
  size_t len;
  json_t *value;

  json_object_keylen_foreach(txn->metadata, name, len, value)
  {
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
      if (occ__span_equal(row[i].name, occ__span(name, len))) {
        *row[i].member = value;
      }
    }
  }
  txn->capable = json_is_true(registered->capability);
}

/* The assertion alone says who the client is: metadata that name nobody may be anybody's, and their keys too. */
static int are_of_nobody(const occ_txn *txn)
{
  return txn->assertion != NULL && txn->metadata != NULL && txn->registered.client_id == NULL &&
         occ__form_find(&txn->form, "client_id", 0) == NULL;
}

/* client_id of the form, beside who the host, or the client's assertion, says that it is. spec: RFC 7521 section 4.2 */
static int take_name(occ_txn *txn)
{
  const occ_param *claimed = occ__form_find(&txn->form, "client_id", 0);

  if (claimed == NULL) {
    return OCC_OK;
  }
  if (claimed->value_len > OCC__MAX_CLIENT_ID || strlen(claimed->value) != claimed->value_len ||
      (txn->client_id != NULL && strcmp(claimed->value, txn->client_id) != 0)) {
    return OCC__REASON_CLIENT_MISMATCH;
  }
  if (txn->client_id == NULL && !occ__txn_is_vschar(claimed->value)) {
    return OCC__REASON_CLIENT_UNKNOWN; /* no client has such an id */
  }
  if (txn->client_id == NULL) {
    txn->client_id = claimed->value;
  }
  return OCC_OK;
}

occ_step occ__client_begin(occ_txn *txn)
{
  occ_step step;
  int reason;

  read_metadata(txn);
  step = occ__authenticate_begin(txn);
  if (step != OCC__GO) {
    return step;
  }
  reason = take_name(txn);
  if (reason != OCC_OK) {
    return occ__txn_refuse(txn, reason);
  }
  if (are_of_nobody(txn)) {
    return occ__txn_refuse_as(txn, OCC__INVALID_CLIENT, OCC__REASON_CLIENT_MISMATCH);
  }
  if (txn->metadata != NULL) {
    return occ__authenticate_client(txn);
  }
  if (txn->client_id == NULL) {
    return OCC__GO; /* a grant without a client: the policy will see that */
  }
  occ__question_open(txn, OCC_ASK_CLIENT);
  return OCC__ASKED;
}

/* {"metadata":{},"first_seen":ms, ...}: the rest is for the policy. */
static occ_step take_answer(occ_txn *txn)
{
  json_t *answer = NULL, *metadata;
  int rc;

  if (txn->asking.len == 0) { /* known, nothing to tell */
    return OCC__GO;
  }
  rc = occ__json_read_object(&answer, occ__span(txn->asking.data, txn->asking.len),
                             &occ__json_client);
  if (rc == OCC_ERR_MEMORY) {
    return occ__txn_fail_status(txn, rc);
  }
  metadata = json_object_get(answer, "metadata");
  if (rc != OCC_OK || (metadata != NULL && !json_is_object(metadata))) {
    json_decref(answer);
    return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER);
  }
  txn->metadata = json_incref(metadata);
  json_object_del(answer, "metadata");
  txn->client_facts = answer;
  read_metadata(txn);
  return OCC__GO;
}

int occ__txn_tell_client(occ_txn *txn, const void *json, size_t len)
{
  json_t *more = NULL;
  int rc = occ__json_read_object(&more, occ__span(json, len), &occ__json_client);

  if (rc == OCC_OK && txn->client_facts == NULL) {
    txn->client_facts = json_incref(more);
  } else if (rc == OCC_OK && json_object_update(txn->client_facts, more) != 0) {
    rc = OCC_ERR_MEMORY;
  }
  json_decref(more);
  return rc;
}

/* Two questions are asked in this state: who the client is, and which keys it has. */
occ_step occ__client_known(occ_txn *txn)
{
  occ_step step;

  if (txn->asking.q.kind == OCC_ASK_KEYS) {
    return occ__authenticate_keys(txn);
  }
  step = take_answer(txn);
  return step == OCC__GO ? occ__authenticate_client(txn) : step;
}

occ_step occ__client_unknown(occ_txn *txn)
{
  if (!txn->client_set) {
    txn->reason_detail = occ__txn_token(txn->asking.data, txn->asking.len);
  }
  if (txn->asking.q.kind == OCC_ASK_KEYS) {
    return occ__txn_refuse_as(txn, OCC__INVALID_CLIENT, OCC__REASON_JOSE_KEY_UNKNOWN);
  }
  return txn->client_set ? OCC__GO : occ__txn_refuse(txn, OCC__REASON_CLIENT_UNKNOWN);
}

/* Where the grants of a client are registered, this must be one of them. spec: RFC 7591 section 2 */
static int is_registered(const occ_txn *txn)
{
  const json_t *list = txn->registered.grant_types;

  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *grant = json_string_value(json_array_get(list, i));

    if (grant != NULL && strcmp(grant, occ__txn_grant_type(txn)) == 0) {
      return 1;
    }
  }
  return list == NULL || txn->endpoint == OCC_PAR;
}

occ_step occ__check_begin(occ_txn *txn)
{
  if (!is_registered(txn)) {
    return occ__txn_refuse(txn, OCC__REASON_GRANT_TYPE_UNREGISTERED);
  }
  if (!txn->server->check) {
    return OCC__GO;
  }
  occ__question_open(txn, OCC_ASK_CHECK);
  return OCC__ASKED;
}

/* {"not_after":ms,"binding":"<base64url, 32 octets>"}, both optional. */
occ_step occ__check_passed(occ_txn *txn)
{
  json_t *answer = NULL;
  const json_t *not_after, *binding;
  int good, rc;

  if (txn->asking.len == 0) {
    return OCC__GO;
  }
  rc = occ__json_read_object(&answer, occ__span(txn->asking.data, txn->asking.len),
                             &occ__json_answer);
  if (rc == OCC_ERR_MEMORY) {
    return occ__txn_fail_status(txn, rc);
  }
  not_after = json_object_get(answer, "not_after");
  binding = json_object_get(answer, "binding");
  good = rc == OCC_OK && (not_after == NULL || json_is_integer(not_after)) &&
         (binding == NULL || json_is_string(binding));
  if (good && not_after != NULL) {
    txn->not_after = json_integer_value(not_after);
    good = txn->not_after > 0;
  }
  if (good && binding != NULL) {
    good = occ__b64_decode_exact(txn->binding, sizeof(txn->binding),
                                 occ__span_text(json_string_value(binding))) == OCC_OK;
    txn->has_binding = good;
  }
  json_decref(answer);
  if (!good) {
    return occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER);
  }
  return txn->not_after != 0 && txn->not_after <= txn->now
             ? occ__txn_refuse(txn, OCC__REASON_GRANT_EXPIRED)
             : OCC__GO;
}

occ_step occ__check_failed(occ_txn *txn)
{
  return occ__txn_refuse(txn, OCC__REASON_GRANT_REFUSED);
}
