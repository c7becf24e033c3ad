/* SPDX-License-Identifier: MIT */
/* The host and the clients of occ_bench. Knows the library by its public headers alone. */

#include "exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"
#include "test_keys.h"

#define STORE_ENTRIES (1u << 20)
#define CLIENTS       1000u /* a client may hold 1 % of the store */

static const char first_body[] =
    "grant_type=client_credentials&scope=accounts+payments&resource=https%3A%2F%2Frs.example%2Fv1";
static const char memo[32] = "policy 7, seen 2, risk 31 of 100";

static const char *const names[EXCHANGE_KINDS] = {
  "issue", "reissue",   "open-once", "dpop",      "jwt",
  "form",  "proof-htu", "proof-old", "jwt-nonce", "jwt-old",
};

const char *exchange_name(exchange_kind kind)
{
  return names[kind];
}

/* ---- The server ---- */

/* Evidence that costs nothing to judge, so that what remains is the library. */
static int parse_handle(occ_evidence *evidence, int step, void *self)
{
  size_t len = 0;
  const char *handle = occ_evidence_param(evidence, "ev", &len);

  (void)step;
  (void)self;
  return handle == NULL ? OCC_ERR_SYNTAX : occ_evidence_set_nonce(evidence, handle, len);
}

static int judge_handle(occ_evidence *evidence, int step, void *self)
{
  (void)step;
  (void)self;
  return occ_evidence_accept(evidence, NULL, 0);
}

static const char *const params[] = { "ev", NULL };

static const occ_type handle_type = {
  .size = sizeof(occ_type),
  .name = "https://host.example/ev",
  .evidence_class = OCC_PROVENANCE,
  .params = params,
  .parse = parse_handle,
  .judge = judge_handle,
};

static void add_type(occ_config *config, void *user_data)
{
  (void)user_data;
  must(occ_config_add_type(config, &handle_type, NULL) == OCC_OK, "type");
}

#define TYPE "{\"type\":\"https://host.example/ev\",\"expiry\":300}"
#define COMMON                                                                                     \
  "\"jwt_assertion\":{\"issuers\":{\"https://iss.example\":{\"jwks\":{\"keys\":"                   \
  "[" TEST_ISSUER_PUBLIC "]}}}},"                                                                  \
  "\"requirements\":{\"registered-device\":" TYPE ",\"inspected-workload\":" TYPE                  \
  ",\"presented-handle\":" TYPE ",\"attested-device\":{\"type\":\"jwt_assertion\",\"expiry\":300}"

static const char hosted_config[] = "{\"dpop\":\"host\"," COMMON "}}";
static const char proving_config[] = "{\"token_urls\":[\"" TRAFFIC_URL "\"]," COMMON
                                     ",\"proven-key\":{\"type\":\"dpop_proof\",\"expiry\":300}}}";

static occ_server *server_of(const exchange *e, const char *json)
{
  occ_config *config = NULL;
  occ_server *server = NULL;

  must(occ_config_new(&config, e->x.lib, TRAFFIC_ISSUER) == OCC_OK, "configuration");
  add_type(config, NULL);
  (void)occ_config_load(config, json, strlen(json)); /* its errors stick */
  must(occ_store_attach(e->store, config) == OCC_OK, "store");
  must(occ_keyring_attach(e->x.ring, config) == OCC_OK, "key ring");
  if (occ_server_new(&server, config) != OCC_OK) {
    must(0, occ_config_error(config) == NULL ? "server" : occ_config_error(config));
  }
  occ_config_free(config);
  return server;
}

void exchange_open(exchange *e, const occ_mem *mem)
{
  memset(e, 0, sizeof(*e));
  traffic_open(&e->x, mem);
  e->store = traffic_store(&e->x, STORE_ENTRIES, TRAFFIC_NOW - 3600000);
  e->hosted = server_of(e, hosted_config);
  e->proving = server_of(e, proving_config);
}

void exchange_close(exchange *e)
{
  occ_server_free(e->hosted);
  occ_server_free(e->proving);
  occ_store_free(e->store);
  traffic_close(&e->x);
}

/* ---- A request, run ---- */

static occ_txn *begin(const exchange_request *request)
{
  occ_txn *txn = NULL;

  must(occ_txn_new(&txn, request->server, OCC_TOKEN, NULL) == OCC_OK, "txn");
  /* Errors of these stick until the run. */
  (void)occ_txn_set_body(txn, request->body, strlen(request->body));
  (void)occ_txn_set_client(txn, request->client, "client_secret_basic", NULL);
  (void)occ_txn_set_metadata(txn, traffic_metadata, strlen(traffic_metadata));
  (void)occ_txn_set_sender(txn, OCC_SENDER_MTLS, TEST_CLIENT_B_THUMBPRINT);
  if (request->proof != NULL) {
    (void)occ_txn_add_header(txn, "DPoP", request->proof, strlen(request->proof));
  } else {
    (void)occ_txn_set_sender(txn, OCC_SENDER_DPOP, TEST_CLIENT_A_THUMBPRINT);
  }
  return txn;
}

/* The policy; nothing but DECIDE is asked. */
static void decide(occ_txn *txn, const exchange_request *request)
{
  const occ_question *q = occ_txn_question(txn);

  must(q != NULL && q->kind == OCC_ASK_DECIDE, "question");
  if (occ_txn_is_satisfied(txn, request->wants)) {
    must(occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0) == OCC_OK, "grant");
    return;
  }
  must(occ_txn_set_memo(txn, memo, sizeof(memo)) == OCC_OK &&
           occ_txn_answer_challenge(txn, q->ticket, request->wants, request->params) == OCC_OK,
       "challenge");
}

static void take_handle(char handle[1025], const occ_txn *txn)
{
  static const char member[] = "\"challenge_session\":\"";
  const char *at = strstr(occ_txn_body(txn, NULL), member);
  size_t len = 0;

  if (at != NULL) {
    at += strlen(member);
    len = strcspn(at, "\"");
    memcpy(handle, at, len);
  }
  handle[len] = '\0';
}

void exchange_run(const exchange_request *request, char handle[1025])
{
  occ_txn *txn = begin(request);
  int rc = occ_txn_run(txn, TRAFFIC_NOW);

  if (rc == OCC_PENDING) {
    decide(txn, request);
    rc = occ_txn_run(txn, TRAFFIC_NOW);
  }
  if (rc != OCC_OK || occ_txn_outcome(txn) != request->ends) {
    must(0, occ_txn_reason(txn) == NULL ? "outcome" : occ_txn_reason(txn));
  }
  if (request->ends == OCC_GRANT) {
    must(occ_txn_settle(txn, 1) == OCC_OK && occ_txn_run(txn, TRAFFIC_NOW) == OCC_OK, "settled");
  }
  if (handle != NULL) {
    take_handle(handle, txn);
  }
  occ_txn_free(txn);
}

/* ---- A request, made ---- */

static char *proof(const exchange *e, const char *url, int64_t age, const char *nonce)
{
  char jti[32];

  (void)snprintf(jti, sizeof(jti), "proof-%u", e->made);
  return test_dpop(TEST_CLIENT_A_PRIVATE, "POST", url, TRAFFIC_NOW / 1000 - age, jti, nonce);
}

static char *assertion(const exchange *e, const char *client, int64_t age, const char *nonce)
{
  const int64_t s = TRAFFIC_NOW / 1000 - age;
  char *claims = traffic_text("{\"iss\":\"https://iss.example\",\"sub\":\"%s\",\"aud\":"
                              "\"" TRAFFIC_ISSUER "\",\"nonce\":\"%s\",\"iat\":%" PRId64
                              ",\"exp\":%" PRId64 ",\"jti\":\"jwt-%u\",\"device_id\":"
                              "\"0f8fad5b-d9cb-469f-a165-70867728950e\",\"os_version\":\"12.6\"}",
                              client, nonce, s, s + 300, e->made);
  char *token = test_jws(TEST_ISSUER_PRIVATE,
                         "{\"alg\":\"ES256\",\"typ\":\"client-challenge-assertion+jwt\"}", claims);

  free(claims);
  return token;
}

/* session: NULL for a first request; evidence: NULL where it is in a header. */
static char *body(const char *session, const char *evidence)
{
  if (session == NULL) {
    return traffic_text("%s", first_body);
  }
  return traffic_text("%s&challenge_session=%s%s%s", first_body, session,
                      evidence == NULL ? "" : "&", evidence == NULL ? "" : evidence);
}

static int is_proving(exchange_kind kind)
{
  return kind == EXCHANGE_DPOP || kind == EXCHANGE_PROOF_HTU || kind == EXCHANGE_PROOF_OLD;
}

static int is_jwt(exchange_kind kind)
{
  return kind == EXCHANGE_JWT || kind == EXCHANGE_JWT_NONCE || kind == EXCHANGE_JWT_OLD;
}

static const char *last_wish(exchange_kind kind)
{
  return kind == EXCHANGE_DPOP ? "proven-key"
         : is_jwt(kind)        ? "attested-device"
                               : "presented-handle";
}

static const char *params_of(exchange_kind kind)
{
  return is_jwt(kind)            ? "{\"required_claims\":[\"device_id\",\"os_version\"]}"
         : kind == EXCHANGE_DPOP ? "{\"max_age\":60,\"purpose\":\"payments\"}"
                                 : "{\"level\":2,\"purpose\":\"payments over 1000\"}";
}

/* The next of the three rounds before the last, each of them challenged. */
static void advance(exchange *e, exchange_request *request, char session[1025])
{
  char *evidence = session[0] == '\0' ? NULL : traffic_text("ev=%s", session);

  e->made++;
  request->body = body(evidence == NULL ? NULL : session, evidence);
  request->proof = request->server == e->proving ? proof(e, TRAFFIC_URL, 0, NULL) : NULL;
  free(evidence);
}

/* Rounds one and two, and three unless the third is what is wanted. */
static void prepare(exchange *e, exchange_request *request, exchange_kind kind, char session[1025])
{
  static const char *const wish[] = { "registered-device", "inspected-workload" };

  for (int round = 0; round < 2; round++) {
    advance(e, request, session);
    request->wants = wish[round];
    request->params = NULL;
    exchange_run(request, session);
    exchange_free(request);
  }
  advance(e, request, session);
  request->wants = last_wish(kind);
  request->params = params_of(kind);
  if (kind != EXCHANGE_REISSUE) {
    exchange_run(request, session);
    exchange_free(request);
  }
}

/* The follow-up that is measured. */
static void make_last(exchange *e, exchange_request *request, exchange_kind kind,
                      const char *session)
{
  char *token = NULL, *evidence = NULL;

  e->made++;
  if (is_jwt(kind)) {
    token = assertion(e, request->client, kind == EXCHANGE_JWT_OLD ? 3600 : 0,
                      kind == EXCHANGE_JWT_NONCE ? "another" : session);
    evidence = traffic_text("claim_token=%s&claim_token_format="
                            "urn:ietf:params:oauth:token-type:jwt",
                            token);
  } else if (kind != EXCHANGE_DPOP) {
    evidence = traffic_text("ev=%s", session);
  }
  request->body = body(session, evidence);
  request->proof = kind == EXCHANGE_DPOP ? proof(e, TRAFFIC_URL, 0, session) : NULL;
  free(evidence);
  free(token);
}

void exchange_make(exchange *e, exchange_request *out, exchange_kind kind)
{
  char session[1025] = "";

  memset(out, 0, sizeof(*out));
  e->made++;
  (void)snprintf(out->client, sizeof(out->client), "agent-%u", e->made % CLIENTS);
  out->server = is_proving(kind) ? e->proving : e->hosted;
  out->ends = OCC_CHALLENGE;
  out->wants = last_wish(kind);
  out->params = params_of(kind);
  if (kind == EXCHANGE_ISSUE) {
    out->body = body(NULL, NULL);
  } else if (kind == EXCHANGE_FORM) {
    out->body = traffic_text("%s&x=%%zz", first_body);
    out->ends = OCC_REFUSE;
  } else if (kind == EXCHANGE_PROOF_HTU || kind == EXCHANGE_PROOF_OLD) {
    out->body = body(NULL, NULL);
    out->proof = proof(e, kind == EXCHANGE_PROOF_HTU ? "https://rs.example/v1" : TRAFFIC_URL,
                       kind == EXCHANGE_PROOF_OLD ? 3600 : 0, NULL);
    out->ends = OCC_REFUSE;
  } else {
    prepare(e, out, kind, session);
    if (kind != EXCHANGE_REISSUE) {
      make_last(e, out, kind, session);
      out->ends = kind == EXCHANGE_JWT_NONCE || kind == EXCHANGE_JWT_OLD ? OCC_REFUSE : OCC_GRANT;
    }
  }
}

void exchange_free(exchange_request *request)
{
  free(request->body);
  free(request->proof);
  request->body = NULL;
  request->proof = NULL;
}
