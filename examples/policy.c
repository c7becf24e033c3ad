/* SPDX-License-Identifier: MIT */

/* See policy.h. Called from several threads at once: nothing here changes after policy_load(). */

#include "policy.h"

#include <stdio.h>
#include <string.h>

#define MOST_SCOPE     1024u /* octets: it is kept with each token */
#define MOST_RESOURCES 16u
#define HOURS          "first_seen_within_hours"

/* ---- The configuration ----------------------------------------------------------------------- */

/* A rule that names no requirement, or one that does not exist, would let everything through. */
static int rule_is_good(const json_t *rule, const json_t *requirements)
{
  const char *requirement = json_string_value(json_object_get(rule, "requirement"));
  int matchers = json_is_string(json_object_get(rule, "scope")) +
                 json_is_string(json_object_get(rule, "resource")) +
                 json_is_string(json_object_get(rule, "authorization_details_type")) +
                 (json_number_value(json_object_get(rule, HOURS)) > 0);

  if (requirement == NULL || json_object_get(requirements, requirement) == NULL) {
    fprintf(stderr, "rules: the requirement \"%s\" is not in libocc.requirements\n",
            requirement != NULL ? requirement : "");
    return 0;
  }
  if (matchers != 1 || json_object_size(rule) != 2) {
    fprintf(stderr, "rules: each needs \"requirement\" and one of \"scope\", \"resource\", "
                    "\"authorization_details_type\", \"" HOURS "\", nothing else\n");
    return 0;
  }
  return 1;
}

int policy_load(as_policy *out, const json_t *config)
{
  const json_t *requirements = json_object_get(json_object_get(config, "libocc"), "requirements");
  const json_t *user = json_object_get(config, "test_user");
  const json_t *strangers = json_object_get(config, "cimd");
  const json_t *entry = NULL;
  size_t i = 0;

  out->config = config;
  out->takes_strangers = strangers != NULL;
  if (!clients_load(&out->clients, json_object_get(config, "clients")) ||
      !clients_load_strangers(&out->strangers, json_object_get(strangers, "client"))) {
    return 0;
  }
  if (user != NULL && (!json_is_string(json_object_get(user, "sub")) ||
                       !json_is_array(json_object_get(user, "scope")))) {
    fprintf(stderr, "test_user: needs a \"sub\" and a \"scope\", an array\n");
    return 0;
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
  clients_clear(&policy->clients);
  *policy = (as_policy){ 0 };
}

int policy_knows(const as_policy *policy, const char *client_id)
{
  return clients_find(&policy->clients, client_id) != NULL ||
         (policy->takes_strangers && stranger_is_named(client_id));
}

int policy_knows_owner(const as_policy *policy, const json_t *record)
{
  const char *id = json_string_value(json_object_get(record, "client_id"));
  const as_client *ours = clients_find(&policy->clients, id);

  return json_is_true(json_object_get(record, "stranger"))
             ? ours == NULL && policy->takes_strangers && stranger_is_named(id)
             : ours != NULL;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

const char *param_get(const as_params *params, const char *name, size_t i)
{
  if (params->txn != NULL) {
    return occ_txn_param(params->txn, name, i, NULL);
  }
  return json_string_value(json_array_get(json_object_get(params->query, name), i));
}

int param_has_zero_octet(const occ_txn *txn)
{
  /* All that is looked at here, in grant.c and in authorize.c. */
  static const char *const names[] = {
    "scope",         "resource",           "authorization_details", "subject_token",
    "grant_type",    "subject_token_type", "requested_token_type",  "code",
    "code_verifier", "refresh_token",      "redirect_uri",          "state",
    "response_type", "code_challenge",     "code_challenge_method", "response_mode",
    "dpop_jkt"
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

/* ---- What is asked for ----------------------------------------------------------------------- */

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

/* Is this one of the words of scope, which may be NULL? (occ_txn_has_scope() tells what the request
 * names; a code or a refresh token has a scope of its own, and the rules must hold for that.) */
static int has_word(const char *scope, const char *word, size_t len)
{
  while (scope != NULL && *scope != '\0') {
    size_t here = strcspn(scope, " ");

    if (here == len && memcmp(scope, word, len) == 0) {
      return 1;
    }
    scope += here;
    scope += strspn(scope, " ");
  }
  return 0;
}

/* No scope asked for, none given: a default would slip past the rules. */
static const char *take_scope(json_t *wanted, const as_client *client, const as_params *params,
                              const json_t *granted, const json_t *allowed)
{
  const char *before = json_string_value(json_object_get(granted, "scope"));
  const char *scope = param_get(params, "scope", 0);
  const char *word = NULL;

  scope = scope != NULL ? scope : before;
  if (scope == NULL) {
    return NULL;
  }
  for (word = scope; *word != '\0'; word += strspn(word, " ")) {
    size_t len = strcspn(word, " ");

    if (!list_has(json_object_get(client->config, "scope"), word, len) ||
        (allowed != NULL && !list_has(allowed, word, len)) ||
        (granted != NULL && !has_word(before, word, len))) {
      return "invalid_scope";
    }
    word += len;
  }
  return strlen(scope) <= MOST_SCOPE &&
                 json_object_set_new(wanted, "scope", json_string(scope)) == 0
             ? NULL
             : "invalid_scope";
}

/* What was granted before may have been taken from the client since. */
static int are_known(const as_policy *policy, const as_client *client, const json_t *resources)
{
  const json_t *resource = NULL;
  size_t i = 0;

  json_array_foreach(resources, i, resource)
  {
    if (!is_known(policy, client, "resource", "resource", json_string_value(resource))) {
      return 0;
    }
  }
  return 1;
}

/* spec: RFC 8707 section 2 */
static const char *take_resources(json_t *wanted, const as_policy *policy, const as_client *client,
                                  const as_params *params, const json_t *granted)
{
  const json_t *before = json_object_get(granted, "resource");
  json_t *resources = json_array();
  const char *resource = NULL;
  int good = param_get(params, "audience", 0) == NULL; /* not offered here */

  for (size_t i = 0; good && (resource = param_get(params, "resource", i)) != NULL; i++) {
    good = i < MOST_RESOURCES &&
           (granted == NULL || list_has(before, resource, strlen(resource))) &&
           json_array_append_new(resources, json_string(resource)) == 0;
  }
  if (good && json_array_size(resources) > 0) {
    good =
        are_known(policy, client, resources) && json_object_set(wanted, "resource", resources) == 0;
  } else if (good && before != NULL) {
    good = are_known(policy, client, before) &&
           json_object_set_new(wanted, "resource", json_deep_copy(before)) == 0;
  }
  json_decref(resources);
  return good ? NULL : "invalid_target";
}

static int details_are_known(const as_policy *policy, const as_client *client,
                             const json_t *details)
{
  const json_t *element = NULL;
  size_t i = 0;

  json_array_foreach(details, i, element)
  {
    const char *type = json_string_value(json_object_get(element, "type"));

    /* spec: RFC 9396 section 5: a type that is not known is refused. */
    if (type == NULL || !is_known(policy, client, "authorization_details_types",
                                  "authorization_details_type", type)) {
      return 0;
    }
  }
  return json_is_array(details);
}

/* What was granted before may be asked for again as it is, or not be mentioned. */
static const char *take_details(json_t *wanted, const as_policy *policy, const as_client *client,
                                const as_params *params, const json_t *granted)
{
  const json_t *before = json_object_get(granted, "authorization_details");
  const char *text = param_get(params, "authorization_details", 0);
  json_t *details =
      text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_deep_copy(before);
  int good = 1;

  if (text == NULL && before == NULL) {
    return NULL;
  }
  good = details_are_known(policy, client, details) &&
         (granted == NULL || json_equal(details, before)) &&
         json_object_set(wanted, "authorization_details", details) == 0;
  json_decref(details);
  return good ? NULL : "invalid_authorization_details";
}

const char *policy_wanted(json_t **wanted, const as_policy *policy, const as_client *client,
                          const as_params *params, const json_t *granted, const json_t *allowed)
{
  const char *error = NULL;

  *wanted = json_object();
  error = take_scope(*wanted, client, params, granted, allowed);
  if (error == NULL) {
    error = take_resources(*wanted, policy, client, params, granted);
  }
  if (error == NULL) {
    error = take_details(*wanted, policy, client, params, granted);
  }
  if (error != NULL) {
    json_decref(*wanted);
    *wanted = NULL;
  }
  return error;
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static int has_type(const json_t *details, const char *type)
{
  const json_t *element = NULL;
  size_t i = 0;

  json_array_foreach(details, i, element)
  {
    if (strcmp(json_string_value(json_object_get(element, "type")), type) == 0) {
      return 1;
    }
  }
  return 0;
}

/* What the rule wants. */
static as_proof proof_of(const as_policy *policy, const json_t *rule)
{
  const json_t *libocc = json_object_get(policy->config, "libocc");
  const char *name = json_string_value(json_object_get(rule, "requirement"));
  const as_proof proof = { name, json_object_get(json_object_get(libocc, "requirements"), name) };

  return proof;
}

static int rule_matches(const json_t *rule, const json_t *wanted)
{
  const char *scope = json_string_value(json_object_get(rule, "scope"));
  const char *resource = json_string_value(json_object_get(rule, "resource"));
  const char *type = json_string_value(json_object_get(rule, "authorization_details_type"));

  if (scope != NULL) {
    return has_word(json_string_value(json_object_get(wanted, "scope")), scope, strlen(scope));
  }
  if (resource != NULL) {
    return list_has(json_object_get(wanted, "resource"), resource, strlen(resource));
  }
  return has_type(json_object_get(wanted, "authorization_details"), type);
}

void policy_remember(const as_policy *policy, as_known *known, const occ_txn *txn)
{
  const json_t *rule = NULL;
  size_t i = 0;

  json_array_foreach(json_object_get(policy->config, "rules"), i, rule)
  {
    if (json_object_get(rule, HOURS) != NULL) {
      const as_proof proof = proof_of(policy, rule);

      stranger_remember(known, &proof, txn);
    }
  }
}

const char *policy_requirement(const as_policy *policy, as_known *known, const as_client *client,
                               const json_t *wanted, const occ_txn *txn, int64_t now)
{
  const json_t *rule = NULL;
  size_t i = 0;

  json_array_foreach(json_object_get(policy->config, "rules"), i, rule)
  {
    const json_t *hours = json_object_get(rule, HOURS);
    const as_proof proof = proof_of(policy, rule);

    if (!occ_txn_is_satisfied(txn, proof.name) &&
        (hours == NULL ? rule_matches(rule, wanted)
                       : client->stranger &&
                             stranger_is_new(known, &proof, json_number_value(hours), txn, now))) {
      return proof.name;
    }
  }
  return NULL;
}
