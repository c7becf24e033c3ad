/* SPDX-License-Identifier: MIT */

/* The walk of one request through libocc. To embed it in a server of your own, read handle_token()
 * and answer_question() first: they are the whole of it. What a grant is stands in grant.c, which
 * requirement a request needs in policy.c, what is made after GRANT in issue.c. */

#include "walk.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "authorize.h"
#include "common.h"
#include "issue.h"
#include "reply.h"
#include "tls.h"

/* ---- What libocc asks ------------------------------------------------------------------------ */

/* Who is that? For a client that showed no secret libocc goes on by what it has registered: a key,
 * a certificate, or nothing. An id that is in the request is only a name until then. */
static int answer_client(as_request *request, occ_txn *txn, const occ_question *q)
{
  request->client = clients_find(&request->as->policy.clients, q->client_id);
  if (request->client == NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
  }
  return occ_txn_answer(txn, q->ticket, OCC_YES, request->client->facts,
                        strlen(request->client->facts));
}

/* A stranger, where libocc has asked its document and not us. Not where its name is one of a client
 * of ours, who has not been looked for by that name then: what our client may have is not for
 * whoever rules what stands at that URL. */
static const as_client *client_of(as_request *request, const occ_txn *txn, const occ_question *q)
{
  const as_policy *policy = &request->as->policy;

  if (request->client == NULL && policy->takes_strangers &&
      clients_find(&policy->clients, q->client_id) == NULL) {
    request->client = stranger_read(&request->stranger, &policy->strangers, txn);
  }
  return request->client;
}

/* Is the grant good, or the authorization request? This only looks. Whatever a grant can be used up
 * by stays as it is until GRANT: the client comes again with the same one after a challenge. */
static int answer_check(as_request *request, occ_txn *txn, const occ_question *q)
{
  const as_asking asking = { request->host, &request->as->policy, client_of(request, txn, q), txn,
                             q->now };
  const as_params params = { txn, NULL };
  const char *error = NULL;
  char *good_until = NULL;
  json_t *answer = NULL;
  int rc = OCC_OK;

  if (asking.client == NULL ||
      (occ_txn_client_id(txn) == NULL && !client_is_public(asking.client))) {
    error = "invalid_client";
  } else if (request->endpoint == OCC_TOKEN) {
    error = grant_read(&request->grant, &asking);
  } else if (param_has_zero_octet(txn)) {
    error = "invalid_request";
  } else {
    error = authorization_read(&request->pushed, asking.policy, asking.client, &params);
  }
  if (error != NULL) {
    return occ_txn_answer_refuse(txn, q->ticket, error, NULL);
  }
  if (request->grant.good_until == 0) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
  }
  answer = json_pack("{s:I}", "not_after", (json_int_t)request->grant.good_until);
  good_until = json_dumps(answer, JSON_COMPACT);
  json_decref(answer);
  rc = good_until != NULL ? occ_txn_answer(txn, q->ticket, OCC_YES, good_until, strlen(good_until))
                          : occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
  free(good_until);
  return rc;
}

/* The policy. It is asked with what is proven so far, and asked again after each round. */
static int answer_decide(as_request *request, occ_txn *txn, const occ_question *q)
{
  const json_t *wanted = request->endpoint == OCC_PAR ? request->pushed : request->grant.wanted;
  const char *requirement = NULL;

  if (request->client == NULL || wanted == NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
  }
  policy_remember(&request->as->policy, request->host->known, txn);
  requirement = policy_requirement(&request->as->policy, request->host->known, request->client,
                                   wanted, txn, q->now);
  if (requirement == NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
  }
  if (request->client->challenge_status != NULL) { /* for libraries that know 400 alone */
    (void)occ_txn_set(txn, "challenge_status", request->client->challenge_status);
  }
  if (occ_txn_answer_challenge(txn, q->ticket, requirement, NULL) == OCC_OK) {
    return OCC_OK;
  }
  /* One that this grant cannot carry: the question is still open, and a requirement that cannot
   * be met is a no. */
  return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
}

void walk_wake(void *request)
{
  (void)sem_post(&((as_request *)request)->woken);
}

/* Somebody else fetches what this request needs, too; the thread is the connection's own. After the
 * deadline the next run ends it. */
static int wait_for_wake(as_request *request, int64_t deadline)
{
  const struct timespec until = { deadline / 1000, (long)(deadline % 1000) * 1000000 };

  (void)sem_timedwait(&request->woken, &until);
  return OCC_OK;
}

/* The store answers ONCE by itself, and jwt_assertion has its keys from the configuration, as
 * clients have theirs, or from where strangers' documents are: three kinds are left for us. No to
 * all others. */
static int answer_question(as_request *request, occ_txn *txn)
{
  const occ_question *q = occ_txn_question(txn);

  if (q->kind == OCC_ASK_WAIT) {
    return wait_for_wake(request, q->deadline);
  }
  if (q->kind == OCC_ASK_CLIENT) {
    return answer_client(request, txn, q);
  }
  if (q->kind == OCC_ASK_CHECK) {
    return answer_check(request, txn, q);
  }
  if (q->kind == OCC_ASK_DECIDE) {
    return answer_decide(request, txn, q);
  }
  return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
}

/* ---- What libocc is told --------------------------------------------------------------------- */

static enum MHD_Result add_header(void *txn, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
  (void)kind;
  (void)name_len;
  /* An error sticks until occ_txn_run(). */
  (void)occ_txn_add_header(txn, name, value != NULL ? value : "", value_len);
  return MHD_YES;
}

/* spec: RFC 6749 section 2.3.1: id and secret are form-encoded before they become Basic
 * credentials. */
static const as_client *client_by_basic(const as_request *request)
{
  char *raw_secret = NULL;
  char *raw_id = MHD_basic_auth_get_username_password(request->connection, &raw_secret);
  char *id = raw_id != NULL ? form_decode(raw_id, strlen(raw_id), NULL) : NULL;
  char *secret = raw_secret != NULL ? form_decode(raw_secret, strlen(raw_secret), NULL) : NULL;
  const as_client *client =
      clients_with_secret(&request->as->policy.clients, id, secret, "client_secret_basic");

  free(secret);
  free(id);
  MHD_free(raw_secret);
  MHD_free(raw_id);
  return client;
}

static enum MHD_Result count_authorization(void *count, enum MHD_ValueKind kind, const char *name,
                                           const char *value)
{
  (void)kind;
  (void)value;
  *(int *)count += strcasecmp(name, "Authorization") == 0;
  return MHD_YES;
}

/* spec: RFC 6749 section 2.3: one way to authenticate in a request. */
static int shows_one_thing(const as_request *request, const occ_txn *txn)
{
  int shown = occ_txn_param(txn, "client_secret", 0, NULL) != NULL;

  (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_authorization,
                                  &shown);
  return shown == 1 && occ_txn_param(txn, "client_assertion", 0, NULL) == NULL &&
         occ_txn_param(txn, "client_assertion_type", 0, NULL) == NULL;
}

/* Secrets are the host's to verify; of all other clients nothing is said here, and libocc
 * authenticates them. A secret that is wrong, or one of two, is not vouched for: libocc then
 * refuses the client, where its turn is. */
static const as_client *authenticate(const as_request *request, occ_txn *txn)
{
  size_t len = 0;
  const char *secret = occ_txn_param(txn, "client_secret", 0, &len);
  const char *id = occ_txn_param(txn, "client_id", 0, NULL);
  const char *method = "client_secret_basic";
  const as_client *client = NULL;

  if (!shows_one_thing(request, txn)) {
    return NULL;
  }
  if (secret == NULL) {
    client = client_by_basic(request);
  } else if (strlen(secret) == len) {
    method = "client_secret_post";
    client = clients_with_secret(&request->as->policy.clients, id, secret, method);
  }
  if (client != NULL) {
    (void)occ_txn_set_client(txn, client->id, method, NULL);
  }
  return client;
}

/* A client of ours whose id is a URL: what it has registered is said before anybody asks, or it
 * would be looked for at that URL. One that names itself in its assertion alone is not found here.
 */
static void vouch(as_request *request, occ_txn *txn, const as_client *client)
{
  if (client == NULL) {
    client = clients_find(&request->as->policy.clients, occ_txn_param(txn, "client_id", 0, NULL));
  }
  if (client != NULL && stranger_is_named(client->id)) {
    request->client = client;
    (void)occ_txn_set_metadata(txn, client->metadata, strlen(client->metadata));
  }
}

/* What was met when the request behind this code was pushed is not asked again. The code is only
 * looked at; whose it is, and what the receipt is worth, libocc and CHECK find out later. */
static void hand_receipt_back(const as_request *request, occ_txn *txn)
{
  const char *code = occ_txn_param(txn, "code", 0, NULL);
  const char *receipt = NULL;
  json_t *record = NULL;

  if (code != NULL && request->endpoint == OCC_TOKEN &&
      table_look(request->host->table, KIND_CODE, code, clock_ms(), &record) == FOUND_LIVE) {
    receipt = json_string_value(json_object_get(record, "receipt"));
  }
  if (receipt != NULL) {
    (void)occ_txn_set(txn, "receipt", receipt);
  }
  json_decref(record);
}

/* The body goes in raw and every header line as it came: repeated parameters and a second DPoP
 * header must be seen to be refused, and a framework that drops parameters it does not know drops
 * challenge_session first. What of it we need ourselves we ask libocc for. */
static void fill(as_request *request, occ_txn *txn)
{
  char *reference = random_text(9); /* what the client can quote, and the audit log has */

  (void)occ_txn_set_body(txn, request->body, request->len);
  (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, add_header, txn);
  (void)occ_txn_set(txn, "reference", reference);
  tls_certificate(request->connection, txn);
  vouch(request, txn, authenticate(request, txn));
  hand_receipt_back(request, txn);
  free(reference);
}

/* Within one txn time must not run back, even where somebody sets the clock. */
static int64_t later(int64_t than)
{
  int64_t now = clock_ms();

  return now > than ? now : than;
}

/* ---- The whole walk -------------------------------------------------------------------------- */

/* NULL where there is no memory: even that has an answer to send. */
static occ_txn *walk(as_request *request, occ_endpoint endpoint)
{
  occ_txn *txn = NULL;
  int64_t now = clock_ms();

  request->endpoint = endpoint;
  if (occ_txn_new(&txn, request->as->server, endpoint, request) == OCC_OK) {
    fill(request, txn);
    while (occ_txn_run(txn, now) == OCC_PENDING && answer_question(request, txn) == OCC_OK) {
      now = later(now);
    }
  }
  metrics_request(&request->host->metrics, txn, endpoint);
  return txn;
}

enum MHD_Result handle_token(as_request *request)
{
  occ_txn *txn = walk(request, OCC_TOKEN);
  /* GRANT is leave, no more: issue_token() uses up what the grant can be used up by, atomically.
   * Else it is a challenge, a refusal, or a fault of ours: status, headers and body are made. */
  enum MHD_Result sent = occ_txn_outcome(txn) == OCC_GRANT ? issue_token(request, txn)
                                                           : reply_txn(request->connection, txn);

  occ_txn_free(txn);
  return sent;
}

/* The same, a step earlier: whatever the code would be challenged for is asked here already. */
enum MHD_Result handle_par(as_request *request)
{
  occ_txn *txn = walk(request, OCC_PAR);
  enum MHD_Result sent = occ_txn_outcome(txn) == OCC_GRANT ? issue_request_uri(request, txn)
                                                           : reply_txn(request->connection, txn);

  occ_txn_free(txn);
  return sent;
}
