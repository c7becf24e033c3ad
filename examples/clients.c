/* SPDX-License-Identifier: MIT */

/* See clients.h. Called from several threads at once: nothing changes after clients_load(). A real
 * host asks its database. */

#include "clients.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The configuration ----------------------------------------------------------------------- */

static int is_one_of(const char *text, const char *const *list)
{
  while (*list != NULL && strcmp(*list, text) != 0) {
    list++;
  }
  return *list != NULL;
}

/* What goes wrong here would be found by a client, much later and by invalid_client alone. */
static const char *method_problem(const as_client *client)
{
  static const char *const by_secret[] = { "client_secret_basic", "client_secret_post", NULL };
  static const char *const others[] = { "private_key_jwt", "tls_client_auth",
                                        "self_signed_tls_client_auth", "none", NULL };

  if (client->method == NULL) {
    return client->secret != NULL ? NULL : "needs a client_secret or token_endpoint_auth_method";
  }
  if (is_one_of(client->method, by_secret)) {
    return client->secret != NULL ? NULL : "its token_endpoint_auth_method needs a client_secret";
  }
  if (!is_one_of(client->method, others)) {
    return "there is no such token_endpoint_auth_method here";
  }
  return client->secret == NULL ? NULL : "its token_endpoint_auth_method has no client_secret";
}

static const char *grants_problem(const as_client *client)
{
  static const char *const types[] = { GRANT_CLIENT_CREDENTIALS, GRANT_CODE, GRANT_REFRESH_TOKEN,
                                       GRANT_TOKEN_EXCHANGE, NULL };
  const json_t *list = json_object_get(client->config, "grant_types");
  const json_t *entry = NULL;
  size_t i = 0;

  json_array_foreach(list, i, entry)
  {
    if (!json_is_string(entry) || !is_one_of(json_string_value(entry), types)) {
      return "there is no such grant type here";
    }
  }
  if (list != NULL && !json_is_array(list)) {
    return "grant_types must be an array";
  }
  /* spec: RFC 6749 section 4.4: anybody could be a client that shows nothing. */
  return client_is_public(client) && client_may(client, GRANT_CLIENT_CREDENTIALS)
             ? "a public client needs grant_types without client_credentials"
             : NULL;
}

static const char *redirect_problem(const as_client *client)
{
  const json_t *list = json_object_get(client->config, "redirect_uris");
  const json_t *entry = NULL;
  size_t i = 0;

  json_array_foreach(list, i, entry)
  {
    const char *uri = json_string_value(entry);

    /* spec: RFC 6749 section 3.1.2 */
    if (uri == NULL || strstr(uri, "://") == NULL || strpbrk(uri, "# \r\n") != NULL) {
      return "redirect_uris must be absolute and without fragment";
    }
  }
  return client_may(client, GRANT_CODE) && json_array_size(list) == 0
             ? "authorization_code needs redirect_uris"
             : NULL;
}

static const char *status_problem(as_client *client)
{
  const json_t *status = json_object_get(client->config, "challenge_status");
  json_int_t number = json_integer_value(status);

  client->challenge_status = number == 400 ? "400" : (number == 403 ? "403" : NULL);
  return status != NULL && client->challenge_status == NULL ? "challenge_status is 400 or 403"
                                                            : NULL;
}

/* What libocc, and through it a policy, may know of the client. */
static int write_metadata(as_client *client)
{
  json_t *metadata = json_deep_copy(client->config);
  json_t *facts = NULL;

  (void)json_object_del(metadata, "client_secret");
  if (client->method == NULL) {
    /* Please authenticate: without a method one that shows no secret would be a stranger. */
    (void)json_object_set_new(metadata, "token_endpoint_auth_method",
                              json_string("client_secret_basic"));
  }
  facts = json_pack("{s:O}", "metadata", metadata);
  client->metadata = json_dumps(metadata, JSON_COMPACT);
  client->facts = json_dumps(facts, JSON_COMPACT);
  json_decref(facts);
  json_decref(metadata);
  return client->metadata != NULL && client->facts != NULL;
}

/* Its own room in the table, or that which all together have that show nothing: anybody can be a
 * public client, and strangers may have as many names as they like. A host with a login counts by
 * user, too. */
#define SHARE_OF_PUBLIC    ""
#define SHARE_OF_STRANGERS "https:"

static int load_client(as_client *out, const json_t *config, const as_clients *before)
{
  const char *problem = NULL;

  out->config = config;
  out->id = json_string_value(json_object_get(config, "client_id"));
  out->secret = json_string_value(json_object_get(config, "client_secret"));
  out->method = json_string_value(json_object_get(config, "token_endpoint_auth_method"));
  out->share = client_is_public(out) ? SHARE_OF_PUBLIC : out->id;
  if (!write_metadata(out) || out->id == NULL || clients_find(before, out->id) != NULL) {
    problem = "each needs a client_id of its own";
  }
  problem = problem != NULL ? problem : method_problem(out);
  problem = problem != NULL ? problem : grants_problem(out);
  problem = problem != NULL ? problem : redirect_problem(out);
  problem = problem != NULL ? problem : status_problem(out);
  if (problem != NULL) {
    fprintf(stderr, "clients: %s: %s\n", out->id != NULL ? out->id : "?", problem);
  }
  return problem == NULL;
}

int clients_load_strangers(as_client *out, const json_t *config)
{
  const char *problem = NULL;

  *out = (as_client){ .share = SHARE_OF_STRANGERS, .config = config, .stranger = 1 };
  problem = status_problem(out);
  if (problem != NULL) {
    fprintf(stderr, "cimd.client: %s\n", problem);
  }
  return problem == NULL;
}

int clients_load(as_clients *out, const json_t *config)
{
  const json_t *entry = NULL;
  size_t i = 0;

  *out = (as_clients){ calloc(json_array_size(config) + 1, sizeof(*out->client)), 0 };
  if (out->client == NULL) {
    return 0;
  }
  json_array_foreach(config, i, entry)
  {
    int good = load_client(&out->client[i], entry, out);

    out->count++;
    if (!good) {
      return 0;
    }
  }
  return 1;
}

void clients_clear(as_clients *clients)
{
  for (size_t i = 0; i < clients->count; i++) {
    free(clients->client[i].facts);
    free(clients->client[i].metadata);
  }
  free(clients->client);
  *clients = (as_clients){ 0 };
}

/* ---- Finding one ----------------------------------------------------------------------------- */

const as_client *clients_find(const as_clients *clients, const char *id)
{
  for (size_t i = 0; i < clients->count && id != NULL; i++) {
    if (strcmp(clients->client[i].id, id) == 0) {
      return &clients->client[i];
    }
  }
  return NULL;
}

/* Through a hash, so that neither the place of the first wrong octet nor the length shows in the
 * time it takes. */
int secrets_equal(const char *a, const char *b)
{
  unsigned char digest_a[EVP_MAX_MD_SIZE] = { 0 };
  unsigned char digest_b[EVP_MAX_MD_SIZE] = { 0 };

  return EVP_Digest(a, strlen(a), digest_a, NULL, EVP_sha256(), NULL) == 1 &&
         EVP_Digest(b, strlen(b), digest_b, NULL, EVP_sha256(), NULL) == 1 &&
         CRYPTO_memcmp(digest_a, digest_b, sizeof(digest_a)) == 0;
}

const as_client *clients_with_secret(const as_clients *clients, const char *id, const char *secret,
                                     const char *method)
{
  const as_client *client = clients_find(clients, id);

  if (client == NULL || client->secret == NULL || secret == NULL ||
      (client->method != NULL && strcmp(client->method, method) != 0)) {
    return NULL;
  }
  return secrets_equal(client->secret, secret) ? client : NULL;
}

int client_is_public(const as_client *client)
{
  return client->method != NULL && strcmp(client->method, "none") == 0;
}

json_t *client_sign(const as_client *client)
{
  return client->stranger ? json_true() : NULL;
}

int client_owns(const as_client *client, const json_t *record)
{
  const char *id = json_string_value(json_object_get(record, "client_id"));

  return id != NULL && client->id != NULL && strcmp(id, client->id) == 0 &&
         json_is_true(json_object_get(record, "stranger")) == (client->stranger != 0);
}

int client_may(const as_client *client, const char *grant_type)
{
  const json_t *list = json_object_get(client->config, "grant_types");

  if (list == NULL) {
    return strcmp(grant_type, GRANT_CLIENT_CREDENTIALS) == 0 ||
           strcmp(grant_type, GRANT_TOKEN_EXCHANGE) == 0;
  }
  return list_has(list, grant_type, strlen(grant_type));
}

int list_has(const json_t *list, const char *text, size_t len)
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
