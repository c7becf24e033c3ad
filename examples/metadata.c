/* SPDX-License-Identifier: MIT */

/* See metadata.h. Called by host.c, once for each configuration. */

#include "metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "common.h"

#define WELL_KNOWN   "/.well-known/oauth-authorization-server"
#define BY_ASSERTION "private_key_jwt"

static void add(json_t *list, const char *text)
{
  if (!list_has(list, text, strlen(text))) {
    (void)json_array_append_new(list, json_string(text));
  }
}

/* What a client can use whom nobody has registered. */
static void add_of_strangers(json_t *methods, json_t *grants, const json_t *config)
{
  add(methods, BY_ASSERTION);
  add(methods, "none");
  if (json_object_get(json_object_get(config, "tls"), "client_ca") != NULL) {
    add(methods, "tls_client_auth");
    add(methods, "self_signed_tls_client_auth");
  }
  add(grants, GRANT_CLIENT_CREDENTIALS);
  if (json_object_get(config, "test_user") != NULL) {
    add(grants, GRANT_CODE);
    add(grants, GRANT_REFRESH_TOKEN);
  }
  if (json_object_size(json_object_get(config, "subject_tokens")) > 0) {
    add(grants, GRANT_TOKEN_EXCHANGE);
  }
}

/* What some client can use here. */
static void put_of_clients(json_t *out, const json_t *config)
{
  json_t *methods = json_array();
  json_t *grants = json_array();
  const json_t *client = NULL;
  size_t i = 0;

  json_array_foreach(json_object_get(config, "clients"), i, client)
  {
    const char *method = json_string_value(json_object_get(client, "token_endpoint_auth_method"));
    const json_t *types = json_object_get(client, "grant_types");
    const json_t *type = NULL;
    size_t n = 0;

    add(methods, method != NULL ? method : "client_secret_basic");
    if (method == NULL) {
      add(methods, "client_secret_post");
    }
    if (types == NULL) {
      add(grants, GRANT_CLIENT_CREDENTIALS);
      add(grants, GRANT_TOKEN_EXCHANGE);
    }
    json_array_foreach(types, n, type)
    {
      add(grants, json_string_value(type));
    }
  }
  if (json_object_get(config, "cimd") != NULL) {
    add_of_strangers(methods, grants, config);
  }
  (void)json_object_set_new(out, "grant_types_supported", grants);
  /* libocc names what it can do alone: our clients may use less, and what needs us. */
  if (!list_has(methods, BY_ASSERTION, strlen(BY_ASSERTION))) {
    (void)json_object_del(out, "token_endpoint_auth_signing_alg_values_supported");
  }
  (void)json_object_set_new(out, "token_endpoint_auth_methods_supported", methods);
}

static void put_authorize(json_t *out, const json_t *config, const char *origin, size_t len)
{
  const json_t *libocc = json_object_get(config, "libocc");

  if (json_object_get(config, "test_user") == NULL) {
    (void)json_object_set_new(out, "response_types_supported", json_array()); /* required */
    return;
  }
  (void)json_object_set_new(out, "authorization_endpoint",
                            json_sprintf("%.*s/authorize", (int)len, origin));
  (void)json_object_set(out, "pushed_authorization_request_endpoint",
                        json_array_get(json_object_get(libocc, "par_urls"), 0));
  (void)json_object_set_new(out, "response_types_supported", json_pack("[s]", "code"));
  (void)json_object_set_new(out, "response_modes_supported", json_pack("[s]", "query"));
  (void)json_object_set_new(out, "code_challenge_methods_supported", json_pack("[s]", "S256"));
  (void)json_object_set_new(out, "authorization_response_iss_parameter_supported", json_true());
}

static void put_introspection(json_t *out, const json_t *config, const char *origin, size_t len)
{
  if (json_array_size(json_object_get(config, "resource_servers")) > 0) {
    (void)json_object_set_new(out, "introspection_endpoint",
                              json_sprintf("%.*s/introspect", (int)len, origin));
    (void)json_object_set_new(out, "introspection_endpoint_auth_methods_supported",
                              json_pack("[s]", "client_secret_basic"));
  }
}

int metadata_make(json_t **out, char **path, const json_t *config, const occ_server *server)
{
  const json_t *libocc = json_object_get(config, "libocc");
  const char *issuer = json_string_value(json_object_get(config, "issuer"));
  const char *host = issuer != NULL ? strstr(issuer, "://") : NULL;
  size_t origin = host != NULL ? (size_t)(host - issuer) + 3 + strcspn(host + 3, "/") : 0;
  const char *under = issuer != NULL ? issuer + origin : ""; /* spec: RFC 8414 section 3 */
  size_t room = strlen(WELL_KNOWN) + strlen(under) + 1;

  *out = json_loads(occ_server_metadata(server), 0, NULL); /* libocc's own part */
  *path = malloc(room);
  if (*out == NULL || *path == NULL) {
    fprintf(stderr, "metadata: no memory\n");
    return 0;
  }
  (void)snprintf(*path, room, "%s%s", WELL_KNOWN, strcmp(under, "/") == 0 ? "" : under);
  (void)json_object_set(*out, "issuer", json_object_get(config, "issuer"));
  (void)json_object_set(*out, "token_endpoint",
                        json_array_get(json_object_get(libocc, "token_urls"), 0));
  put_of_clients(*out, config);
  put_authorize(*out, config, issuer, origin);
  put_introspection(*out, config, issuer, origin);
  if (json_object_get(json_object_get(config, "tls"), "client_ca") != NULL) {
    (void)json_object_set_new(*out, "tls_client_certificate_bound_access_tokens", json_true());
  }
  return 1;
}
