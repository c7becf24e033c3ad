/* SPDX-License-Identifier: MIT */

/* See introspect.h. No client comes here, so there is nothing for libocc to do; a resource server
 * is who shows a secret of config.resource_servers. */

#include "introspect.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "reply.h"

static int is_resource_server(const as_request *request)
{
  const json_t *servers = json_object_get(request->as->config, "resource_servers");
  char *raw_secret = NULL;
  char *raw_id = MHD_basic_auth_get_username_password(request->connection, &raw_secret);
  char *id = raw_id != NULL ? form_decode(raw_id, strlen(raw_id), NULL) : NULL;
  char *secret = raw_secret != NULL ? form_decode(raw_secret, strlen(raw_secret), NULL) : NULL;
  const json_t *server = NULL;
  size_t i = 0;
  int good = 0;

  json_array_foreach(servers, i, server)
  {
    const char *known_id = json_string_value(json_object_get(server, "id"));
    const char *known = json_string_value(json_object_get(server, "secret"));

    good = good || (id != NULL && secret != NULL && known_id != NULL && known != NULL &&
                    strcmp(id, known_id) == 0 && secrets_equal(secret, known));
  }
  free(secret);
  free(id);
  MHD_free(raw_secret);
  MHD_free(raw_id);
  return good;
}

/* {"active":false} for whatever is not good now, whyever: spec: RFC 7662 section 2.2. */
static json_t *describe(const as_request *request, const char *token)
{
  json_t *record = NULL;
  as_found found = table_look(request->host->table, KIND_ACCESS_TOKEN, token, clock_ms(), &record);

  if (found != FOUND_LIVE || !policy_knows_owner(&request->as->policy, record)) {
    json_decref(record);
    return json_pack("{s:b}", "active", 0);
  }
  (void)json_object_del(record, "stranger");
  (void)json_object_set_new(record, "active", json_true());
  (void)json_object_set(record, "iss", json_object_get(request->as->config, "issuer"));
  if (json_object_get(record, "resource") != NULL) {
    (void)json_object_set(record, "aud", json_object_get(record, "resource"));
    (void)json_object_del(record, "resource");
  }
  return record;
}

enum MHD_Result handle_introspect(as_request *request)
{
  char *token = NULL;
  enum MHD_Result sent = MHD_NO;

  if (!is_resource_server(request)) {
    return reply_text(request->connection, MHD_HTTP_UNAUTHORIZED, "application/json",
                      text_copy("{\"error\":\"invalid_client\"}", 26), "WWW-Authenticate",
                      "Basic realm=\"introspection\"");
  }
  token = form_find(request->body, request->len, "token");
  sent = token != NULL
             ? reply_json(request->connection, MHD_HTTP_OK, describe(request, token), NULL)
             : reply_error(request->connection, MHD_HTTP_BAD_REQUEST, "invalid_request", NULL);
  if (token != NULL) {
    OPENSSL_cleanse(token, strlen(token));
  }
  free(token);
  return sent;
}
