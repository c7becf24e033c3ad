/* SPDX-License-Identifier: MIT */

/* See issue.h. Called by walk.c after GRANT, and never else. */

#include "issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "common.h"
#include "reply.h"

#define TOKEN_LIFE_MS   (300 * 1000)
#define REFRESH_LIFE_MS (30LL * 24 * 3600 * 1000) /* of all that come of one code */
#define REQUEST_URI     "urn:ietf:params:oauth:request_uri:"

/* What one response is made of. */
typedef struct issue {
  int64_t now;
  char *access, *refresh; /* refresh: NULL, where there is none */
  json_t *access_record, *refresh_record;
  int64_t access_expires, refresh_expires;
} issue;

static json_t *confirmation(const occ_txn *txn)
{
  const char *cnf = occ_txn_confirmation(txn);

  return cnf != NULL ? json_loads(cnf, 0, NULL) : NULL;
}

static const char *subject(const as_request *request)
{
  const char *sub = json_string_value(json_object_get(request->grant.record, "sub"));

  return sub != NULL ? sub : request->client->id; /* it acts for itself */
}

/* What a resource server must know, by the names of introspection: what it must check lies in cnf,
 * every key that the request has shown. spec: RFC 7662 section 2.2 */
static json_t *access_record(const as_request *request, const occ_txn *txn, const issue *it)
{
  json_t *record = json_deep_copy(request->grant.wanted);
  json_t *more =
      json_pack("{s:s, s:o*, s:s, s:s, s:I, s:I, s:o*}", "client_id", request->client->id,
                "stranger", client_sign(request->client), "sub", subject(request), "token_type",
                occ_txn_sender(txn, OCC_SENDER_DPOP) != NULL ? "DPoP" : "Bearer", "iat",
                (json_int_t)(it->now / 1000), "exp", (json_int_t)(it->access_expires / 1000), "cnf",
                confirmation(txn));

  if (record == NULL || more == NULL || json_object_update(record, more) != 0) {
    json_decref(record);
    record = NULL;
  }
  json_decref(more);
  return record;
}

/* What was granted with the code, whatever part of it is asked for now.
 * spec: RFC 6749 section 6 */
static json_t *refresh_record(const as_request *request, const occ_txn *txn, const issue *it)
{
  const json_t *from = request->grant.record;

  return json_pack("{s:s, s:o*, s:s, s:O*, s:O*, s:O*, s:o*, s:I}", "client_id",
                   request->client->id, "stranger", client_sign(request->client), "sub",
                   subject(request), "scope", json_object_get(from, "scope"), "resource",
                   json_object_get(from, "resource"), "authorization_details",
                   json_object_get(from, "authorization_details"), "keys", confirmation(txn),
                   "expires", (json_int_t)it->refresh_expires);
}

/* A refresh token comes of a code or of a refresh token, where the client may use one. */
static int prepare(issue *it, const as_request *request, const occ_txn *txn)
{
  const as_grant *grant = &request->grant;
  int refreshes = grant->secret != NULL && client_may(request->client, GRANT_REFRESH_TOKEN);

  it->now = clock_ms();
  it->access_expires = it->now + TOKEN_LIFE_MS;
  if (grant->ends != 0 && grant->ends < it->access_expires) {
    it->access_expires = grant->ends;
  }
  it->access = random_text(32);
  it->access_record = access_record(request, txn, it);
  if (refreshes) {
    it->refresh_expires = grant->ends != 0 ? grant->ends : it->now + REFRESH_LIFE_MS;
    it->refresh = refresh_successor(grant->kind == KIND_REFRESH_TOKEN ? grant->secret : NULL);
    it->refresh_record = refresh_record(request, txn, it);
  }
  return it->access != NULL && it->access_record != NULL &&
         (!refreshes || (it->refresh != NULL && it->refresh_record != NULL));
}

/* The code or refresh token is used up and the tokens are kept in one step, or neither. */
static as_exchange keep(const issue *it, const as_request *request)
{
  const as_grant *grant = &request->grant;
  const char *owner = request->client->share;
  const as_item used = { grant->kind, grant->secret, NULL,
                         it->refresh != NULL ? it->refresh_expires : it->access_expires, NULL };
  const as_item items[2] = {
    { KIND_ACCESS_TOKEN, it->access, it->access_record, it->access_expires, owner },
    { KIND_REFRESH_TOKEN, it->refresh, it->refresh_record, it->refresh_expires, owner },
  };

  return table_exchange(request->host->table, grant->secret != NULL ? &used : NULL, items,
                        it->refresh != NULL ? 2 : 1, it->now);
}

static void record(const issue *it, const as_request *request, const occ_txn *txn)
{
  const char *user = json_string_value(json_object_get(request->grant.record, "sub"));

  metrics_issued(&request->host->metrics, KIND_ACCESS_TOKEN);
  if (it->refresh != NULL) {
    metrics_issued(&request->host->metrics, KIND_REFRESH_TOKEN);
  }
  audit_json(&request->host->audit,
             json_pack("{s:s, s:o, s:s*, s:s, s:O*, s:O*, s:b, s:s*}", "event", "token_issued",
                       "client", audit_client(request->client->id), "sub", user, "grant_type",
                       request->grant.type, "scope", json_object_get(it->access_record, "scope"),
                       "cnf", json_object_get(it->access_record, "cnf"), "refresh_token",
                       it->refresh != NULL, "reference", occ_txn_reference(txn)));
}

static enum MHD_Result send_token(const issue *it, const as_request *request, const occ_txn *txn)
{
  const char *issued_type =
      strcmp(request->grant.type, GRANT_TOKEN_EXCHANGE) == 0 ? TOKEN_TYPE_ACCESS_TOKEN : NULL;
  json_t *body =
      json_pack("{s:s, s:O, s:I, s:s*, s:O*, s:O*, s:s*}", "access_token", it->access, "token_type",
                json_object_get(it->access_record, "token_type"), "expires_in",
                (json_int_t)((it->access_expires - it->now) / 1000), "refresh_token", it->refresh,
                "scope", json_object_get(it->access_record, "scope"), "authorization_details",
                json_object_get(it->access_record, "authorization_details"), "issued_token_type",
                issued_type);

  return reply_json(request->connection, MHD_HTTP_OK, body, txn);
}

/* The token is made, and not sent: what the evidence has set aside is committed now, or given back.
 * No kind of evidence in this configuration sets anything aside; then this does nothing. */
static int settle(occ_txn *txn, int made)
{
  int rc = occ_txn_settle(txn, made);

  while (rc == OCC_OK && (rc = occ_txn_run(txn, clock_ms())) == OCC_PENDING) {
    rc = occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_NO, NULL, 0);
  }
  return rc == OCC_OK;
}

static enum MHD_Result give(const issue *it, const as_request *request, occ_txn *txn)
{
  if (!settle(txn, 1)) {
    table_end(request->host->table, KIND_ACCESS_TOKEN, it->access);
    return reply_txn(request->connection, txn);
  }
  record(it, request, txn);
  return send_token(it, request, txn);
}

static enum MHD_Result refuse(const as_request *request, unsigned status, const char *error,
                              occ_txn *txn)
{
  (void)settle(txn, 0);
  return reply_error(request->connection, status, error, txn);
}

static enum MHD_Result finish(const issue *it, const as_request *request, occ_txn *txn)
{
  const as_asking asking = { request->host, &request->as->policy, request->client, txn, it->now };

  switch (keep(it, request)) {
  case EXCHANGE_DONE:
    return give(it, request, txn);
  case EXCHANGE_TWICE: /* two requests with one code came to GRANT, and this one is the second */
    grant_end_family(&asking, request->grant.kind, request->grant.secret);
    return refuse(request, MHD_HTTP_BAD_REQUEST, "invalid_grant", txn);
  case EXCHANGE_GONE:
    return refuse(request, MHD_HTTP_BAD_REQUEST, "invalid_grant", txn);
  case EXCHANGE_FULL:
  default:
    return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "temporarily_unavailable", txn);
  }
}

enum MHD_Result issue_token(as_request *request, occ_txn *txn)
{
  issue it = { 0 };
  enum MHD_Result sent = MHD_NO;

  if (prepare(&it, request, txn)) {
    sent = finish(&it, request, txn);
  } else {
    sent = refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "server_error", txn);
  }
  json_decref(it.access_record);
  json_decref(it.refresh_record);
  free(it.access);
  free(it.refresh);
  return sent;
}

/* ---- Pushed authorization requests ----------------------------------------------------------- */

/* A key that was shown with the request is the key of its code: spec: RFC 9449 section 10.1. What
 * was met stays here, sealed, until the code comes: the client never sees it. */
static json_t *pushed_record(const as_request *request, const occ_txn *txn)
{
  const char *jkt = occ_txn_sender(txn, OCC_SENDER_DPOP);
  const char *receipt = occ_txn_receipt(txn);
  json_t *record = json_incref(request->pushed);

  if (jkt != NULL) {
    (void)json_object_set_new(record, "dpop_jkt", json_string(jkt));
  }
  if (receipt != NULL) {
    (void)json_object_set_new(record, "receipt", json_string(receipt));
  }
  return record;
}

/* The request_uri; NULL: there is no room for it. */
static json_t *keep_pushed(const as_request *request, const occ_txn *txn)
{
  int64_t now = clock_ms();
  json_t *record = pushed_record(request, txn);
  char *secret = random_text(32);
  json_t *uri = secret != NULL ? json_sprintf("%s%s", REQUEST_URI, secret) : NULL;
  const as_item item = { KIND_REQUEST_URI, json_string_value(uri), record, now + CODE_LIFE_MS,
                         request->client->share };

  if (uri != NULL && table_exchange(request->host->table, NULL, &item, 1, now) != EXCHANGE_DONE) {
    json_decref(uri);
    uri = NULL;
  }
  json_decref(record);
  free(secret);
  return uri;
}

/* spec: RFC 9126 section 2.2 */
enum MHD_Result issue_request_uri(as_request *request, occ_txn *txn)
{
  json_t *uri = NULL;

  if (!settle(txn, 1)) { /* before the receipt is read, which tells of what was committed */
    return reply_txn(request->connection, txn);
  }
  uri = keep_pushed(request, txn);
  if (uri == NULL) {
    return reply_error(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "temporarily_unavailable",
                       txn);
  }
  metrics_issued(&request->host->metrics, KIND_REQUEST_URI);
  audit_json(&request->host->audit,
             json_pack("{s:s, s:o, s:s*}", "event", "request_uri_issued", "client",
                       audit_client(request->client->id), "reference", occ_txn_reference(txn)));
  return reply_json(request->connection, MHD_HTTP_CREATED,
                    json_pack("{s:o, s:i}", "request_uri", uri, "expires_in", CODE_LIFE_MS / 1000),
                    txn);
}
