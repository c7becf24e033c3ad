/* SPDX-License-Identifier: MIT */

/* See authorize.h. A host has a login and a consent page in the place of handle_authorize(); what
 * it must check of a request, and keep with the code, is the same. */

#include "authorize.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "reply.h"

#define MOST_STATE   1024u
#define MOST_DETAILS (4u * 1024u) /* libocc's own limit, which the query has not passed */
#define THUMBPRINT   43u          /* base64url of 32 octets */

/* ---- Reading an authorization request -------------------------------------------------------- */

static int is_base64url(const char *text, size_t least, size_t most)
{
  size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

  return text[len] == '\0' && len >= least && len <= most;
}

static int is_printable(const char *text, size_t most)
{
  size_t len = 0;

  while (text[len] >= 0x20 && text[len] < 0x7f) {
    len++;
  }
  return text[len] == '\0' && len <= most;
}

/* spec: RFC 7636 section 4.1: 43 to 128 of the unreserved characters */
static int is_verifier(const char *text)
{
  size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

  return text[len] == '\0' && len >= 43 && len <= 128;
}

int pkce_fits(const char *challenge, const char *verifier)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  char *text = NULL;
  int fits = 0;

  if (challenge != NULL && verifier != NULL && is_verifier(verifier) &&
      EVP_Digest(verifier, strlen(verifier), digest, NULL, EVP_sha256(), NULL) == 1) {
    text = base64url(digest, 32);
    fits = text != NULL && strcmp(text, challenge) == 0;
  }
  free(text);
  return fits;
}

int redirect_is_known(const as_client *client, const char *redirect_uri)
{
  return redirect_uri != NULL && list_has(json_object_get(client->config, "redirect_uris"),
                                          redirect_uri, strlen(redirect_uri));
}

static const char *request_error(const as_policy *policy, const as_client *client,
                                 const as_params *params)
{
  const char *type = param_get(params, "response_type", 0);
  const char *mode = param_get(params, "response_mode", 0);
  const char *method = param_get(params, "code_challenge_method", 0);
  const char *challenge = param_get(params, "code_challenge", 0);
  const char *state = param_get(params, "state", 0);
  const char *jkt = param_get(params, "dpop_jkt", 0);

  if (!redirect_is_known(client, param_get(params, "redirect_uri", 0))) {
    return "invalid_request";
  }
  if (json_object_get(policy->config, "test_user") == NULL || !client_may(client, GRANT_CODE)) {
    return "unauthorized_client";
  }
  if (param_get(params, "request", 0) != NULL) {
    return "request_not_supported";
  }
  if (type == NULL || param_get(params, "request_uri", 0) != NULL || /* RFC 9126 section 2.1 */
      (mode != NULL && strcmp(mode, "query") != 0) || method == NULL ||
      strcmp(method, "S256") != 0 || /* "plain" is what none means */
      challenge == NULL || !is_base64url(challenge, THUMBPRINT, THUMBPRINT) ||
      (state != NULL && !is_printable(state, MOST_STATE)) ||
      (jkt != NULL && !is_base64url(jkt, THUMBPRINT, THUMBPRINT))) {
    return "invalid_request";
  }
  return strcmp(type, "code") == 0 ? NULL : "unsupported_response_type";
}

const char *authorization_read(json_t **record, const as_policy *policy, const as_client *client,
                               const as_params *params)
{
  const json_t *user = json_object_get(policy->config, "test_user");
  const char *error = request_error(policy, client, params);
  json_t *more = NULL;

  *record = NULL;
  if (error == NULL) {
    error = policy_wanted(record, policy, client, params, NULL, json_object_get(user, "scope"));
  }
  if (error != NULL) {
    return error;
  }
  more = json_pack("{s:s, s:o*, s:s, s:s, s:s, s:s*, s:s*}", "client_id", client->id, "stranger",
                   client_sign(client), "sub", json_string_value(json_object_get(user, "sub")),
                   "redirect_uri", param_get(params, "redirect_uri", 0), "code_challenge",
                   param_get(params, "code_challenge", 0), "state", param_get(params, "state", 0),
                   "dpop_jkt", param_get(params, "dpop_jkt", 0));
  if (more == NULL || json_object_update(*record, more) != 0) {
    json_decref(*record);
    *record = NULL;
    error = "server_error";
  }
  json_decref(more);
  return error;
}

/* ---- GET /authorize -------------------------------------------------------------------------- */

/* Collects the query. A repeated parameter, but for resource, spoils it; so does a zero octet. */
typedef struct query_reader {
  json_t *query;
  int bad;
} query_reader;

static enum MHD_Result take_argument(void *user_data, enum MHD_ValueKind kind, const char *name,
                                     size_t name_len, const char *value, size_t value_len)
{
  query_reader *reader = user_data;
  json_t *values = json_object_get(reader->query, name);
  size_t most = strcmp(name, "authorization_details") == 0 ? MOST_DETAILS : 2048u;

  (void)kind;
  if (strlen(name) != name_len || value_len > most ||
      (value != NULL && strlen(value) != value_len) ||
      (values != NULL && strcmp(name, "resource") != 0)) {
    reader->bad = 1;
    return MHD_NO;
  }
  if (value == NULL || *value == '\0') { /* RFC 6749 section 3.1: as if it were not there */
    return MHD_YES;
  }
  if (values == NULL) {
    (void)json_object_set_new(reader->query, name, json_array());
    values = json_object_get(reader->query, name);
  }
  reader->bad = json_array_append_new(values, json_string(value)) != 0; /* no UTF-8 */
  return reader->bad ? MHD_NO : MHD_YES;
}

static json_t *read_query(struct MHD_Connection *connection)
{
  query_reader reader = { json_object(), 0 };

  (void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_argument, &reader);
  if (reader.bad) {
    json_decref(reader.query);
    return NULL;
  }
  return reader.query;
}

/* Where the client cannot be told, the person in front of the browser is. */
static enum MHD_Result show_error(as_request *request, const char *error)
{
  return reply_text(request->connection, MHD_HTTP_BAD_REQUEST, "text/plain; charset=utf-8",
                    text_copy(error, strlen(error)), NULL, NULL);
}

/* redirect_uri is registered, so what follows it is ours alone. */
static enum MHD_Result redirect(as_request *request, const char *redirect_uri, json_t *pairs)
{
  char *form = form_write(pairs);
  json_t *url = form != NULL ? json_sprintf("%s%c%s", redirect_uri,
                                            strchr(redirect_uri, '?') != NULL ? '&' : '?', form)
                             : NULL;
  enum MHD_Result sent = MHD_NO;

  if (url != NULL) {
    sent = reply_text(request->connection, MHD_HTTP_SEE_OTHER, "text/plain", text_copy("", 0),
                      "Location", json_string_value(url));
  }
  json_decref(url);
  free(form);
  json_decref(pairs);
  return sent;
}

/* spec: RFC 6749 section 4.1.2, RFC 9207 section 2. name is "code" or "error". */
static enum MHD_Result redirect_with(as_request *request, const char *redirect_uri,
                                     const char *name, const char *value, const char *state)
{
  const json_t *issuer = json_object_get(request->as->config, "issuer");
  json_t *pairs = json_pack("[[s,s],[s,s]]", name, value, "iss", json_string_value(issuer));

  if (state != NULL) {
    (void)json_array_append_new(pairs, json_pack("[s,s]", "state", state));
  }
  return redirect(request, redirect_uri, pairs);
}

/* A code for the record, in the place of what was pushed, if it was. */
static enum MHD_Result give_code(as_request *request, const as_client *client, json_t *record,
                                 const as_item *pushed, int64_t now)
{
  as_item item = { KIND_CODE, NULL, record, now + CODE_LIFE_MS, client->share };
  const char *redirect_uri = json_string_value(json_object_get(record, "redirect_uri"));
  const char *state = json_string_value(json_object_get(record, "state"));
  char *code = random_text(32);
  enum MHD_Result sent = MHD_NO;
  as_exchange done = EXCHANGE_FULL;

  (void)json_object_set_new(record, "expires", json_integer(item.expires));
  item.secret = code;
  if (code != NULL) {
    done = table_exchange(request->host->table, pushed, &item, 1, now);
  }
  if (done == EXCHANGE_DONE) {
    metrics_issued(&request->host->metrics, KIND_CODE);
    audit_json(&request->host->audit,
               json_pack("{s:s, s:o, s:O}", "event", "code_issued", "client",
                         audit_client(client->id), "sub", json_object_get(record, "sub")));
    sent = redirect_with(request, redirect_uri, "code", code, state);
  } else if (done == EXCHANGE_FULL) {
    sent = redirect_with(request, redirect_uri, "error", "temporarily_unavailable", state);
  } else {
    sent = show_error(request, "This link was used already.\n");
  }
  free(code);
  return sent;
}

/* What was pushed is all that counts: spec: RFC 9126 section 4. */
static enum MHD_Result authorize_pushed(as_request *request, const as_client *client,
                                        const char *request_uri, int64_t now)
{
  const as_item pushed = { KIND_REQUEST_URI, request_uri, NULL, 0, NULL };
  json_t *record = NULL;
  int good = 0;
  enum MHD_Result sent = MHD_NO;

  if (table_look(request->host->table, KIND_REQUEST_URI, request_uri, now, &record) == FOUND_LIVE) {
    good = client_owns(client, record);
  }
  sent = good ? give_code(request, client, record, &pushed, now)
              : show_error(request, "This link is not good, or not any more.\n");
  json_decref(record);
  return sent;
}

/* Whoever has registered with us. Of others nobody looks here for the document: without
 * redirect_uris all that is left to them is what they have pushed. */
static const as_client *find_client(as_request *request, const char *id)
{
  const as_policy *policy = &request->as->policy;
  const as_client *client = clients_find(&policy->clients, id);

  if (client == NULL && policy_knows(policy, id)) {
    request->stranger.client = policy->strangers;
    request->stranger.client.id = id;
    client = &request->stranger.client;
  }
  return client;
}

static enum MHD_Result authorize(as_request *request, const as_client *client,
                                 const as_params *params, int64_t now)
{
  const char *redirect_uri = param_get(params, "redirect_uri", 0);
  const char *state = param_get(params, "state", 0);
  const char *error = NULL;
  json_t *record = NULL;
  enum MHD_Result sent = MHD_NO;

  if (!redirect_is_known(client, redirect_uri)) { /* an error would go to a stranger */
    return show_error(request, "redirect_uri is not one of the client's.\n");
  }
  if (json_is_true(json_object_get(client->config, "require_pushed_authorization_requests"))) {
    error = "invalid_request"; /* spec: RFC 9126 section 6 */
  } else {
    error = authorization_read(&record, &request->as->policy, client, params);
  }
  if (error != NULL) {
    state = state != NULL && is_printable(state, MOST_STATE) ? state : NULL;
    return redirect_with(request, redirect_uri, "error", error, state);
  }
  sent = give_code(request, client, record, NULL, now);
  json_decref(record);
  return sent;
}

enum MHD_Result handle_authorize(as_request *request)
{
  json_t *query = read_query(request->connection);
  const as_params params = { NULL, query };
  const char *request_uri = query != NULL ? param_get(&params, "request_uri", 0) : NULL;
  const as_client *client = NULL;
  enum MHD_Result sent = MHD_NO;

  if (query != NULL) {
    client = find_client(request, param_get(&params, "client_id", 0));
  }
  if (client == NULL || json_object_get(request->as->config, "test_user") == NULL) {
    sent = show_error(request, "No such client, or a malformed request.\n");
  } else if (request_uri != NULL) {
    sent = authorize_pushed(request, client, request_uri, clock_ms());
  } else {
    sent = authorize(request, client, &params, clock_ms());
  }
  json_decref(query);
  return sent;
}
