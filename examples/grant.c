/* SPDX-License-Identifier: MIT */

/* See grant.h. Called by walk.c when libocc asks CHECK: client and sender keys are verified by
 * then, and nothing is used up. */

#include "grant.h"

#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "common.h"

static const char *param(const as_asking *asking, const char *name)
{
  return occ_txn_param(asking->txn, name, 0, NULL);
}

static const char *text_of(const json_t *record, const char *name)
{
  return json_string_value(json_object_get(record, name));
}

static int same(const char *a, const char *b)
{
  return a != NULL && b != NULL && strcmp(a, b) == 0;
}

void grant_end_family(const as_asking *asking, as_kind kind, const char *secret)
{
  table_end(asking->host->table, kind, secret);
  metrics_ended(&asking->host->metrics);
  audit_json(&asking->host->audit,
             json_pack("{s:s, s:o, s:s*, s:s}", "event", "family_ended", "client",
                       audit_client(asking->client->id), "reference",
                       occ_txn_reference(asking->txn), "used_twice",
                       kind == KIND_CODE ? "code" : "refresh_token"));
}

/* Is the user still one? The configuration may have been reloaded since the user said yes. */
static int user_is_there(const as_grant *grant, const as_asking *asking)
{
  const json_t *user = json_object_get(asking->policy->config, "test_user");

  return same(text_of(user, "sub"), text_of(grant->record, "sub"));
}

/* What is kept under the secret, if it is this client's. Fills secret, kind and record. */
static as_found look(as_grant *out, const as_asking *asking, as_kind kind, const char *secret)
{
  as_found found = table_look(asking->host->table, kind, secret, asking->now, &out->record);

  if (found == FOUND_NOTHING || !client_owns(asking->client, out->record)) {
    return FOUND_NOTHING;
  }
  out->kind = kind;
  out->secret = text_copy(secret, strlen(secret));
  out->good_until = json_integer_value(json_object_get(out->record, "expires"));
  return out->secret != NULL ? found : FOUND_NOTHING;
}

/* ---- Authorization code ---------------------------------------------------------------------- */

/* spec: RFC 6749 section 4.1.3, RFC 7636 section 4.6, RFC 9449 section 10 */
static int code_fits(const as_grant *grant, const as_asking *asking)
{
  const char *jkt = text_of(grant->record, "dpop_jkt");

  return same(text_of(grant->record, "redirect_uri"), param(asking, "redirect_uri")) &&
         pkce_fits(text_of(grant->record, "code_challenge"), param(asking, "code_verifier")) &&
         (jkt == NULL || same(jkt, occ_txn_sender(asking->txn, OCC_SENDER_DPOP)));
}

static const char *read_code(as_grant *out, const as_asking *asking)
{
  const char *code = param(asking, "code");
  as_found found = FOUND_NOTHING;

  if (code == NULL) {
    return "invalid_request";
  }
  found = look(out, asking, KIND_CODE, code);
  if (found == FOUND_NOTHING || !user_is_there(out, asking) || !code_fits(out, asking)) {
    return "invalid_grant";
  }
  if (found == FOUND_USED) { /* spec: RFC 6749 section 4.1.2 */
    grant_end_family(asking, KIND_CODE, code);
    return "invalid_grant";
  }
  return NULL;
}

/* ---- Refresh token --------------------------------------------------------------------------- */

/* A public client's is bound to the keys that its request showed; a confidential client's is bound
 * to the client, which has authenticated. spec: RFC 9449 section 5, RFC 8705 section 4 */
static int refresh_fits(const as_grant *grant, const as_asking *asking)
{
  const json_t *keys = json_object_get(grant->record, "keys");
  const char *jkt = text_of(keys, "jkt");
  const char *certificate = text_of(keys, "x5t#S256");

  return !client_is_public(asking->client) ||
         ((jkt == NULL || same(jkt, occ_txn_sender(asking->txn, OCC_SENDER_DPOP))) &&
          (certificate == NULL || same(certificate, occ_txn_sender(asking->txn, OCC_SENDER_MTLS))));
}

static const char *read_refresh(as_grant *out, const as_asking *asking)
{
  const char *token = param(asking, "refresh_token");
  as_found found = FOUND_NOTHING;

  if (token == NULL) {
    return "invalid_request";
  }
  found = look(out, asking, KIND_REFRESH_TOKEN, token);
  if (found == FOUND_NOTHING || !user_is_there(out, asking) || !refresh_fits(out, asking)) {
    return "invalid_grant";
  }
  if (found == FOUND_USED) { /* spec: RFC 9700 section 4.14.2 */
    grant_end_family(asking, KIND_REFRESH_TOKEN, token);
    return "invalid_grant";
  }
  out->ends = out->good_until;
  return NULL;
}

/* ---- Token exchange -------------------------------------------------------------------------- */

/* spec: RFC 8693 section 2.1. Subject tokens are known by the configuration and good for many
 * exchanges, so that there is nothing to use up. */
static const char *read_exchange(as_grant *out, const as_asking *asking)
{
  json_t *known = json_object_get(asking->policy->config, "subject_tokens");
  const char *token = param(asking, "subject_token");
  const char *type = param(asking, "subject_token_type");
  const char *wanted = param(asking, "requested_token_type");
  const char *key = NULL;
  json_t *entry = NULL;

  if (token == NULL || !same(type, TOKEN_TYPE_ACCESS_TOKEN) ||
      (wanted != NULL && !same(wanted, TOKEN_TYPE_ACCESS_TOKEN)) ||
      param(asking, "actor_token") != NULL) {
    return "invalid_request";
  }
  json_object_foreach(known, key, entry)
  {
    if (secrets_equal(key, token)) {
      out->record = entry;
    }
  }
  if (out->record == NULL) {
    return "invalid_grant";
  }
  out->record = json_deep_copy(out->record);
  if (json_object_get(out->record, "scope") == NULL) {
    (void)json_object_set_new(out->record, "scope", json_array()); /* none */
  }
  out->good_until = out->ends = json_integer_value(json_object_get(out->record, "not_after"));
  return NULL;
}

/* ---- Any ------------------------------------------------------------------------------------- */

static const char *read_nothing(as_grant *out, const as_asking *asking)
{
  (void)out;
  (void)asking;
  return NULL; /* client_credentials: the client itself is all */
}

typedef struct grant_type {
  const char *name;
  const char *(*read)(as_grant *out, const as_asking *asking);
} grant_type;

static const grant_type types[] = {
  { GRANT_CLIENT_CREDENTIALS, read_nothing },
  { GRANT_CODE, read_code },
  { GRANT_REFRESH_TOKEN, read_refresh },
  { GRANT_TOKEN_EXCHANGE, read_exchange },
};

static const grant_type *find_type(const char *name)
{
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    if (strcmp(types[i].name, name) == 0) {
      return &types[i];
    }
  }
  return NULL;
}

/* A code or a refresh token stands for what was granted, as far as its user may still have it; a
 * subject token says what its subject may have. */
static const char *read_wanted(as_grant *out, const as_asking *asking)
{
  const as_params params = { asking->txn, NULL };
  const json_t *granted = out->secret != NULL ? out->record : NULL;
  const json_t *user = json_object_get(asking->policy->config, "test_user");
  const json_t *allowed = json_object_get(granted != NULL ? user : out->record, "scope");

  return policy_wanted(&out->wanted, asking->policy, asking->client, &params, granted, allowed);
}

const char *grant_read(as_grant *out, const as_asking *asking)
{
  const char *name = param(asking, "grant_type");
  const grant_type *type = NULL;
  const char *error = NULL;

  if (name == NULL || param_has_zero_octet(asking->txn)) {
    return "invalid_request";
  }
  type = find_type(name);
  if (type == NULL) {
    return "unsupported_grant_type";
  }
  if (!client_may(asking->client, type->name)) {
    return "unauthorized_client"; /* spec: RFC 6749 section 5.2 */
  }
  error = type->read(out, asking);
  if (error == NULL && out->good_until != 0 && out->good_until <= asking->now) {
    error = "invalid_grant";
  }
  if (error == NULL) {
    error = read_wanted(out, asking);
  }
  out->type = error == NULL ? type->name : NULL;
  return error;
}

void grant_clear(as_grant *grant)
{
  free(grant->secret);
  json_decref(grant->record);
  json_decref(grant->wanted);
  *grant = (as_grant){ 0 };
}
