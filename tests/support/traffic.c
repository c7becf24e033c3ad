/* SPDX-License-Identifier: MIT */

/* A small host for many requests. Knows the library by its public headers alone. */

#include "traffic.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_keys.h"

const char traffic_config[] =
    "{\"token_urls\":[\"" TRAFFIC_URL "\"],"
    "\"jwt_assertion\":{\"issuers\":{\"https://iss.example\":{\"jwks\":{\"keys\":"
    "[" TEST_ISSUER_PUBLIC "]}}}},"
    "\"types\":{\"https://host.example/ev\":{\"class\":\"provenance\",\"params\":[\"ev\"],"
    "\"headers\":[]}},"
    "\"requirements\":{\"attested\":{\"type\":\"jwt_assertion\",\"expiry\":300},"
    "\"asked\":{\"type\":\"https://host.example/ev\",\"expiry\":600}}}";

const char traffic_metadata[] = "{\"insufficient_client_authorization_supported\":true}";

static const char ring_json[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA\","
    "\"seal_from\":0,\"open_until\":9000000000000}]}";

static void must(int truth, const char *what)
{
  if (!truth) {
    fprintf(stderr, "traffic: %s\n", what);
    abort();
  }
}

void traffic_open(traffic *x, const occ_mem *mem)
{
  must(occ_lib_new(&x->lib, mem) == OCC_OK, "lib");
  must(occ_keyring_new(&x->ring, x->lib) == OCC_OK, "key ring");
  must(occ_keyring_load(x->ring, ring_json, strlen(ring_json), TRAFFIC_NOW, 0) == OCC_OK, "keys");
}

void traffic_close(traffic *x)
{
  occ_keyring_free(x->ring);
  occ_lib_free(x->lib);
}

occ_store *traffic_store(const traffic *x, size_t entries, occ_time now)
{
  occ_store *store = NULL;

  must(occ_store_new(&store, x->lib, entries, now) == OCC_OK, "store");
  return store;
}

occ_server *traffic_server(const traffic *x, const char *json, occ_store *store, traffic_tune tune,
                           void *user_data)
{
  occ_config *config = NULL;
  occ_server *server = NULL;

  must(occ_config_new(&config, x->lib, TRAFFIC_ISSUER) == OCC_OK, "configuration");
  (void)occ_config_load(config, json, strlen(json)); /* its errors stick */
  must(store == NULL || occ_store_attach(store, config) == OCC_OK, "store not attached");
  must(occ_keyring_attach(x->ring, config) == OCC_OK, "key ring not attached");
  if (tune != NULL) {
    tune(config, user_data);
  }
  if (occ_server_new(&server, config) != OCC_OK) {
    must(0, occ_config_error(config) == NULL ? "server" : occ_config_error(config));
  }
  occ_config_free(config);
  return server;
}

occ_txn *traffic_begin(occ_server *server, const traffic_request *request, void *user_data)
{
  const char *client = request->client == NULL ? TRAFFIC_CLIENT : request->client;
  occ_txn *txn = NULL;

  must(occ_txn_new(&txn, server, OCC_TOKEN, user_data) == OCC_OK, "txn");
  /* Errors of these stick until the run. */
  (void)occ_txn_set_body(txn, request->body, strlen(request->body));
  (void)occ_txn_set_client(txn, client, "client_secret_basic", NULL);
  (void)occ_txn_set_metadata(txn, traffic_metadata, strlen(traffic_metadata));
  if (request->proof != NULL) {
    (void)occ_txn_add_header(txn, "DPoP", request->proof, strlen(request->proof));
  }
  return txn;
}

/* 1: answered. */
static int answer(occ_txn *txn, const char *wants)
{
  const occ_question *q = occ_txn_question(txn);
  int rc;

  must(q != NULL, "pending without a question");
  if (q->kind == OCC_ASK_DECIDE && wants != NULL && !occ_txn_is_satisfied(txn, wants)) {
    rc = occ_txn_answer_challenge(txn, q->ticket, wants, NULL);
  } else if (q->kind == OCC_ASK_DECIDE) {
    rc = occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
  } else if (q->kind == OCC_ASK_VERIFY) {
    const int good = strstr(q->data, q->nonce) != NULL;
    rc = occ_txn_answer(txn, q->ticket, good ? OCC_YES : OCC_NO, NULL, 0);
  } else {
    return 0;
  }
  must(rc == OCC_OK, "answer not taken");
  return 1;
}

int traffic_run(occ_txn *txn, const char *wants, occ_time now)
{
  int rc = occ_txn_run(txn, now);

  while (rc == OCC_PENDING && answer(txn, wants)) {
    rc = occ_txn_run(txn, now);
  }
  return rc;
}

static void take(char *out, size_t room, const char *text)
{
  must(text == NULL || strlen(text) < room, "text too long");
  (void)snprintf(out, room, "%s", text == NULL ? "" : text);
}

static void read_body(traffic_result *out, const occ_txn *txn)
{
  size_t len = 0;
  const char *body = occ_txn_body(txn, &len);
  json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);

  must(json != NULL, "body is no JSON");
  take(out->error, sizeof(out->error), json_string_value(json_object_get(json, "error")));
  take(out->session, sizeof(out->session),
       json_string_value(json_object_get(json, "challenge_session")));
  json_decref(json);
}

/* The first reason of a session_stale in the log. */
static void read_stale(traffic_result *out, const occ_txn *txn)
{
  const char *log = occ_txn_log(txn, NULL);
  json_t *events = log == NULL ? NULL : json_loads(log, 0, NULL);
  const json_t *event;
  size_t i;

  json_array_foreach(events, i, event)
  {
    const char *name = json_string_value(json_object_get(event, "event"));

    if (name != NULL && strcmp(name, "session_stale") == 0 && out->stale[0] == '\0') {
      take(out->stale, sizeof(out->stale), json_string_value(json_object_get(event, "reason")));
    }
  }
  json_decref(events);
}

void traffic_read(traffic_result *out, const occ_txn *txn, int rc)
{
  memset(out, 0, sizeof(*out));
  out->rc = rc;
  out->outcome = occ_txn_outcome(txn);
  if (out->outcome == OCC_UNDECIDED) {
    return;
  }
  out->http_status = occ_txn_http_status(txn);
  if (out->outcome != OCC_GRANT) {
    read_body(out, txn);
  }
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    if (strcmp(occ_txn_header_name(txn, i), "DPoP-Nonce") == 0) {
      take(out->nonce, sizeof(out->nonce), occ_txn_header_value(txn, i));
    }
  }
  take(out->reason, sizeof(out->reason), occ_txn_reason(txn));
  read_stale(out, txn);
}

void traffic_whole(traffic_result *out, occ_server *server, const traffic_request *request,
                   occ_time now)
{
  occ_txn *txn = traffic_begin(server, request, NULL);

  traffic_read(out, txn, traffic_run(txn, request->wants, now));
  occ_txn_free(txn);
}

char *traffic_text(const char *format, ...)
{
  va_list args, again;
  char *text;
  int len;

  va_start(args, format);
  va_copy(again, args);
  len = vsnprintf(NULL, 0, format, args);
  must(len >= 0, "format");
  text = malloc((size_t)len + 1);
  must(text != NULL, "no memory");
  (void)vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

char *traffic_assertion(const char *session, const char *client, occ_time now, const char *jti)
{
  const int64_t s = now / 1000;
  char *claims = traffic_text("{\"iss\":\"https://iss.example\",\"sub\":\"%s\",\"aud\":"
                              "\"" TRAFFIC_ISSUER "\",\"nonce\":\"%s\",\"iat\":%" PRId64
                              ",\"exp\":%" PRId64 ",\"jti\":\"%s\"}",
                              client, session, s, s + 300, jti);
  char *token = test_jws(TEST_ISSUER_PRIVATE,
                         "{\"alg\":\"ES256\",\"typ\":\"client-challenge-assertion+jwt\"}", claims);

  free(claims);
  return token;
}

char *traffic_follow_up(const char *session, const char *assertion)
{
  if (assertion == NULL) {
    return traffic_text(TRAFFIC_BODY "&challenge_session=%s&ev=%s", session, session);
  }
  return traffic_text(TRAFFIC_BODY "&challenge_session=%s&claim_token=%s&claim_token_format="
                                   "urn:ietf:params:oauth:token-type:jwt",
                      session, assertion);
}
