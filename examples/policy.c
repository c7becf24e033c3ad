/* SPDX-License-Identifier: MIT */

/* See policy.h. Called by token-server.c, from several threads at once: nothing here changes
 * after policy_load(). */

#include "policy.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The configuration ----------------------------------------------------------------------- */

static int load_client(as_client *out, const json_t *config)
{
  json_t *metadata = json_deep_copy(config);

  out->config = config;
  out->id = json_string_value(json_object_get(config, "client_id"));
  out->secret = json_string_value(json_object_get(config, "client_secret"));
  (void)json_object_del(metadata, "client_secret");
  out->metadata = json_dumps(metadata, JSON_COMPACT);
  json_decref(metadata);
  if (out->id == NULL || out->secret == NULL || out->metadata == NULL) {
    fprintf(stderr, "clients: each needs a client_id and a client_secret\n");
    return 0;
  }
  return 1;
}

/* A rule that names no requirement, or one that does not exist, would let everything through. */
static int rule_is_good(const json_t *rule, const json_t *requirements)
{
  const char *requirement = json_string_value(json_object_get(rule, "requirement"));
  int matchers = json_is_string(json_object_get(rule, "scope")) +
                 json_is_string(json_object_get(rule, "resource")) +
                 json_is_string(json_object_get(rule, "authorization_details_type"));

  if (requirement == NULL || json_object_get(requirements, requirement) == NULL) {
    fprintf(stderr, "rules: the requirement \"%s\" is not in libocc.requirements\n",
            requirement != NULL ? requirement : "");
    return 0;
  }
  if (matchers != 1 || json_object_size(rule) != 2) {
    fprintf(stderr, "rules: each needs \"requirement\" and one of \"scope\", \"resource\", "
                    "\"authorization_details_type\", nothing else\n");
    return 0;
  }
  return 1;
}

int policy_load(as_policy *out, const json_t *config)
{
  const json_t *clients = json_object_get(config, "clients");
  const json_t *requirements = json_object_get(json_object_get(config, "libocc"), "requirements");
  const json_t *entry = NULL;
  size_t i = 0;

  out->config = config;
  out->clients = 0;
  out->client = calloc(json_array_size(clients) + 1, sizeof(*out->client));
  if (out->client == NULL) {
    return 0;
  }
  json_array_foreach(clients, i, entry)
  {
    if (!load_client(&out->client[out->clients++], entry)) {
      return 0;
    }
  }
  json_array_foreach(json_object_get(config, "rules"), i, entry)
  {
    if (!rule_is_good(entry, requirements)) {
      return 0;
    }
  }
  return 1;
}

void policy_clear(as_policy *policy)
{
  for (size_t i = 0; i < policy->clients; i++) {
    free(policy->client[i].metadata);
  }
  free(policy->client);
  *policy = (as_policy){ 0 };
}

/* ---- Clients --------------------------------------------------------------------------------- */

/* Through a hash, so that neither the place of the first wrong octet nor the length shows in the
 * time it takes. */
static int secrets_equal(const char *a, const char *b)
{
  unsigned char digest_a[EVP_MAX_MD_SIZE] = { 0 };
  unsigned char digest_b[EVP_MAX_MD_SIZE] = { 0 };

  return EVP_Digest(a, strlen(a), digest_a, NULL, EVP_sha256(), NULL) == 1 &&
         EVP_Digest(b, strlen(b), digest_b, NULL, EVP_sha256(), NULL) == 1 &&
         CRYPTO_memcmp(digest_a, digest_b, sizeof(digest_a)) == 0;
}

const as_client *policy_client(const as_policy *policy, const char *id, const char *secret)
{
  if (id == NULL || secret == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < policy->clients; i++) {
    if (strcmp(policy->client[i].id, id) == 0) {
      return secrets_equal(policy->client[i].secret, secret) ? &policy->client[i] : NULL;
    }
  }
  return NULL;
}

/* ---- Grants ---------------------------------------------------------------------------------- */

static int list_has(const json_t *list, const char *text, size_t len)
{
  const json_t *entry = NULL;
  size_t i = 0;

  json_array_foreach(list, i, entry)
  {
    if (json_string_length(entry) == len && memcmp(json_string_value(entry), text, len) == 0) {
      return 1;
    }
  }
  return 0;
}

/* The client's own list, or a rule that names it: what nobody has configured is not handed out. */
static int is_known(const as_policy *policy, const as_client *client, const char *list,
                    const char *rule, const char *text)
{
  const json_t *entry = NULL;
  size_t i = 0;

  json_array_foreach(json_object_get(policy->config, "rules"), i, entry)
  {
    const char *named = json_string_value(json_object_get(entry, rule));

    if (named != NULL && strcmp(named, text) == 0) {
      return 1;
    }
  }
  return list_has(json_object_get(client->config, list), text, strlen(text));
}

static const char *param(const occ_txn *txn, const char *name)
{
  return occ_txn_param(txn, name, 0, NULL);
}

/* A text that goes on behind a zero octet would be one thing to us and another to whoever reads
 * it next. */
static int has_zero_octet(const occ_txn *txn)
{
  static const char *const names[] = {
    "scope",         "resource",           "authorization_details",
    "subject_token", "subject_token_type", "requested_token_type"
  };

  for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
    const char *value = NULL;
    size_t len = 0;

    for (size_t i = 0; (value = occ_txn_param(txn, names[n], i, &len)) != NULL; i++) {
      if (strlen(value) != len) {
        return 1;
      }
    }
  }
  return 0;
}

/* No scope asked for, none given: a default would slip past the rules, which look at what was
 * asked. */
static const char *scope_error(const as_client *client, const json_t *subject, const occ_txn *txn)
{
  const char *scope = param(txn, "scope");

  while (scope != NULL && *scope != '\0') {
    size_t len = strcspn(scope, " ");

    if (!list_has(json_object_get(client->config, "scope"), scope, len) ||
        (subject != NULL && !list_has(json_object_get(subject, "scope"), scope, len))) {
      return "invalid_scope";
    }
    scope += len;
    scope += strspn(scope, " ");
  }
  return NULL;
}

static const char *target_error(const as_policy *policy, const as_client *client,
                                const occ_txn *txn)
{
  const char *resource = NULL;

  for (size_t i = 0; (resource = occ_txn_param(txn, "resource", i, NULL)) != NULL; i++) {
    if (!is_known(policy, client, "resource", "resource", resource)) {
      return "invalid_target"; /* spec: RFC 8707 section 2 */
    }
  }
  return param(txn, "audience") != NULL ? "invalid_target" : NULL; /* not offered here */
}

static const char *details_error(json_t **details, const as_policy *policy, const as_client *client,
                                 const occ_txn *txn)
{
  const char *text = param(txn, "authorization_details");
  const json_t *element = NULL;
  size_t i = 0;

  if (text == NULL) {
    return NULL;
  }
  *details = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_array(*details)) {
    return "invalid_authorization_details";
  }
  json_array_foreach(*details, i, element)
  {
    const char *type = json_string_value(json_object_get(element, "type"));

    /* spec: RFC 9396 section 5: a type that is not known is refused. */
    if (type == NULL || !is_known(policy, client, "authorization_details_types",
                                  "authorization_details_type", type)) {
      return "invalid_authorization_details";
    }
  }
  return NULL;
}

/* spec: RFC 8693 section 2.1. Subject tokens are known by the configuration and good for many
 * exchanges. Where they are good for one, this must still only look: the token is used up after
 * GRANT, never because of a challenge. */
static const char *exchange_error(const json_t **subject, const as_policy *policy,
                                  const occ_txn *txn)
{
  json_t *known = json_object_get(policy->config, "subject_tokens");
  const char *token = param(txn, "subject_token");
  const char *type = param(txn, "subject_token_type");
  const char *wanted = param(txn, "requested_token_type");
  const char *key = NULL;
  json_t *entry = NULL;

  if (token == NULL || type == NULL || strcmp(type, TOKEN_TYPE_ACCESS_TOKEN) != 0 ||
      (wanted != NULL && strcmp(wanted, TOKEN_TYPE_ACCESS_TOKEN) != 0) ||
      param(txn, "actor_token") != NULL) {
    return "invalid_request";
  }
  json_object_foreach(known, key, entry)
  {
    if (secrets_equal(key, token)) {
      *subject = entry;
    }
  }
  return *subject == NULL ? "invalid_grant" : NULL;
}

const char *policy_grant(as_grant *out, const as_policy *policy, const as_client *client,
                         const occ_txn *txn, int64_t now)
{
  const char *asked = param(txn, "grant_type");
  const char *type = GRANT_CLIENT_CREDENTIALS; /* ours: what occ_txn_param() lends does not last */
  const char *error = NULL;

  if (asked == NULL || has_zero_octet(txn)) {
    return "invalid_request";
  }
  if (strcmp(asked, GRANT_TOKEN_EXCHANGE) == 0) {
    type = GRANT_TOKEN_EXCHANGE;
    error = exchange_error(&out->subject, policy, txn);
  } else if (strcmp(asked, GRANT_CLIENT_CREDENTIALS) != 0) {
    error = "unsupported_grant_type";
  }
  if (error == NULL) {
    out->not_after = json_integer_value(json_object_get(out->subject, "not_after"));
    error = out->not_after != 0 && out->not_after <= now ? "invalid_grant" : NULL;
  }
  if (error == NULL) {
    error = scope_error(client, out->subject, txn);
  }
  if (error == NULL) {
    error = target_error(policy, client, txn);
  }
  if (error == NULL) {
    error = details_error(&out->details, policy, client, txn);
  }
  out->type = error == NULL ? type : NULL;
  return error;
}

void grant_clear(as_grant *grant)
{
  json_decref(grant->details);
  *grant = (as_grant){ 0 };
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static int asks_for_resource(const occ_txn *txn, const char *resource)
{
  const char *asked = NULL;

  for (size_t i = 0; (asked = occ_txn_param(txn, "resource", i, NULL)) != NULL; i++) {
    if (strcmp(asked, resource) == 0) {
      return 1;
    }
  }
  return 0;
}

static int asks_for_type(const as_grant *grant, const char *type)
{
  const json_t *element = NULL;
  size_t i = 0;

  json_array_foreach(grant->details, i, element)
  {
    if (strcmp(json_string_value(json_object_get(element, "type")), type) == 0) {
      return 1;
    }
  }
  return 0;
}

static int rule_matches(const json_t *rule, const as_grant *grant, const occ_txn *txn)
{
  const char *scope = json_string_value(json_object_get(rule, "scope"));
  const char *resource = json_string_value(json_object_get(rule, "resource"));
  const char *type = json_string_value(json_object_get(rule, "authorization_details_type"));

  return (scope != NULL && occ_txn_has_scope(txn, scope)) ||
         (resource != NULL && asks_for_resource(txn, resource)) ||
         (type != NULL && asks_for_type(grant, type));
}

const char *policy_requirement(const as_policy *policy, const as_grant *grant, const occ_txn *txn)
{
  const json_t *rule = NULL;
  size_t i = 0;

  json_array_foreach(json_object_get(policy->config, "rules"), i, rule)
  {
    const char *requirement = json_string_value(json_object_get(rule, "requirement"));

    if (rule_matches(rule, grant, txn) && !occ_txn_is_satisfied(txn, requirement)) {
      return requirement;
    }
  }
  return NULL;
}
