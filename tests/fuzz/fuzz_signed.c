/* SPDX-License-Identifier: MIT
 *
 * Tokens whose signature is good and whose content is not to be trusted: the input is header and claims, the target signs
 * them, so that whatever stands behind the signature is reached. Byte 0 picks the failing allocation (255: none), byte 1
 * what the token is (see below); then the header, a line feed, and the claims. In both the octet 1 stands for the
 * handle, 2 for the public key of the client. A token that is taken is judged once more here, claim by claim. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "test_keys.h"
#include "traffic.h"

#define MAX_TEXT (24u * 1024u)
#define NOW      (TRAFFIC_NOW + 1000)

/* Byte 1: evidence of an issuer whose keys are configured, or asked for; a client's assertion; a DPoP proof; one that is
 * evidence. */
typedef enum kind { EVIDENCE, ASSERTION, PROOF, PROOF_EVIDENCE, KINDS } kind;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static fail_mem memory;
static traffic world;
static occ_server *server;
static char handles[KINDS][1025];

static const char config[] =
    "{\"token_urls\":[\"" TRAFFIC_URL "\"],\"store_id\":\"AAAAAAAAAAAAAAAAAAAAAA\","
    "\"jwt_assertion\":{\"issuers\":{\"https://iss.example\":{\"jwks\":{\"keys\":"
    "[" TEST_ISSUER_PUBLIC "]}},\"https://other.example\":{}}},"
    "\"requirements\":{\"attested\":{\"type\":\"jwt_assertion\",\"required_claims\":[\"device\"]},"
    "\"fresh\":{\"type\":\"dpop_proof\"}}}";
static const char by_assertion[] = "{\"insufficient_client_authorization_supported\":true,"
                                   "\"token_endpoint_auth_method\":\"private_key_jwt\","
                                   "\"jwks\":{\"keys\":[" TEST_CLIENT_B_PUBLIC "]}}";
static const char issuer_keys[] = "{\"keys\":[" TEST_ISSUER_PUBLIC "]}";

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

/* A challenge that waits, of a request that shows the client's DPoP key. */
static void make_waiting(kind what, const char *wants, const char *jti)
{
  char *proof =
      test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TRAFFIC_URL, TRAFFIC_NOW / 1000, jti, NULL);
  const traffic_request request = { .body = TRAFFIC_BODY, .proof = proof, .wants = wants };
  occ_txn *txn = traffic_begin(server, &request, NULL);
  traffic_result result;
  int rc = traffic_run(txn, wants, TRAFFIC_NOW);

  while (rc == OCC_PENDING) {
    must(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_YES, NULL, 0) == OCC_OK);
    rc = traffic_run(txn, wants, TRAFFIC_NOW);
  }
  traffic_read(&result, txn, rc);
  must(result.session[0] != '\0');
  memcpy(handles[what], result.session, sizeof(handles[what]));
  occ_txn_free(txn);
  free(proof);
}

/* Made once, reachable to the end. */
static void set_up(void)
{
  if (server != NULL) {
    return;
  }
  fail_mem_init(&memory, SIZE_MAX, false);
  traffic_open(&world, &memory.mem);
  server = traffic_server(&world, config, NULL, NULL, NULL);
  make_waiting(EVIDENCE, "attested", "a");
  make_waiting(PROOF_EVIDENCE, "fresh", "b");
}

static char *expand(kind what, const uint8_t *text, size_t len)
{
  char *out = malloc(MAX_TEXT);
  size_t n = 0;

  must(out != NULL);
  for (size_t i = 0; i < len; i++) {
    const char *piece = text[i] == 1 ? handles[what] : text[i] == 2 ? TEST_CLIENT_A_PUBLIC : NULL;
    const size_t piece_len = piece == NULL ? 1 : strlen(piece);

    if (n + piece_len >= MAX_TEXT) {
      break;
    }
    memcpy(out + n, piece == NULL ? (const char *)&text[i] : piece, piece_len);
    n += piece_len;
  }
  out[n] = '\0';
  return out;
}

/* ---- What a token that was taken must say ---- */

static int is(const json_t *object, const char *member, const char *text)
{
  const json_t *value = json_object_get(object, member);

  return json_is_string(value) && json_string_length(value) == strlen(text) &&
         strcmp(json_string_value(value), text) == 0;
}

static long double seconds(const json_t *claims, const char *name, long double otherwise)
{
  const json_t *value = json_object_get(claims, name);

  return json_is_number(value) ? (long double)json_number_value(value) : otherwise;
}

static int is_in_time(const json_t *claims, long double longest)
{
  const long double now = NOW / 1000, exp = seconds(claims, "exp", 0),
                    iat = seconds(claims, "iat", now);

  return exp > now - 11 && iat < now + 11 && exp - now < longest + 11 &&
         seconds(claims, "nbf", 0) < now + 11;
}

static int is_for_us(const json_t *claims)
{
  const json_t *aud = json_object_get(claims, "aud");

  return is(claims, "aud", TRAFFIC_ISSUER) ||
         (json_array_size(aud) == 1 && json_is_string(json_array_get(aud, 0)) &&
          strcmp(json_string_value(json_array_get(aud, 0)), TRAFFIC_ISSUER) == 0);
}

static int has_text(const json_t *claims, const char *name)
{
  return json_string_length(json_object_get(claims, name)) > 0;
}

static void check_evidence(const json_t *claims)
{
  must(is(claims, "iss", "https://iss.example") || is(claims, "iss", "https://other.example"));
  must(is(claims, "sub", TRAFFIC_CLIENT) && is_for_us(claims) && is_in_time(claims, 600));
  must(is(claims, "nonce", handles[EVIDENCE]) && has_text(claims, "jti"));
  must(json_object_get(claims, "device") != NULL);
  must(json_object_get(claims, "cnf") == NULL ||
       is(json_object_get(claims, "cnf"), "jkt", TEST_CLIENT_A_THUMBPRINT));
}

static void check_proof(const json_t *claims, kind what)
{
  const long double now = NOW / 1000, iat = seconds(claims, "iat", 0);

  must(is(claims, "htm", "POST") && has_text(claims, "htu") && has_text(claims, "jti"));
  must(json_is_number(json_object_get(claims, "iat")) && seconds(claims, "exp", now) > now - 11);
  if (what == PROOF) {
    must(iat > now - 62 && iat < now + 32); /* no nonce of ours is at hand */
  } else {
    must(is(claims, "nonce", handles[PROOF_EVIDENCE]));
  }
}

static void check_taken(kind what, const char *header_text, const char *claims_text)
{
  json_t *header = json_loads(header_text, JSON_REJECT_DUPLICATES, NULL);
  json_t *claims = json_loads(claims_text, JSON_REJECT_DUPLICATES, NULL);

  must(json_is_object(header) && json_is_object(claims) && is(header, "alg", "ES256"));
  must(json_object_get(header, "crit") == NULL && json_object_get(header, "b64") == NULL);
  switch (what) {
  case EVIDENCE:
    check_evidence(claims);
    break;
  case ASSERTION:
    must(has_text(claims, "sub") && has_text(claims, "jti") && is_for_us(claims));
    must(json_equal(json_object_get(claims, "iss"), json_object_get(claims, "sub")));
    must(is_in_time(claims, 3600));
    break;
  case PROOF:
  case PROOF_EVIDENCE:
  case KINDS:
    must(!json_object_get(json_object_get(header, "jwk"), "d"));
    check_proof(claims, what);
    break;
  }
  json_decref(header);
  json_decref(claims);
}

/* ---- The request with the token ---- */

static void add(occ_txn *txn, const char *name, const char *value)
{
  (void)occ_txn_add_param(txn, name, value, strlen(value));
}

static void fill(occ_txn *txn, kind what, const char *token)
{
  add(txn, "grant_type", "client_credentials");
  add(txn, "scope", "a");
  if (what == ASSERTION) {
    add(txn, "client_assertion", token);
    add(txn, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    (void)occ_txn_set_metadata(txn, by_assertion, strlen(by_assertion));
    return;
  }
  (void)occ_txn_set_client(txn, TRAFFIC_CLIENT, "client_secret_basic", NULL);
  (void)occ_txn_set_metadata(txn, traffic_metadata, strlen(traffic_metadata));
  if (what != PROOF) {
    add(txn, "challenge_session", handles[what]);
  }
  if (what == EVIDENCE) {
    static char *proof;

    if (proof == NULL) {
      proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TRAFFIC_URL, NOW / 1000, "c", NULL);
    }
    (void)occ_txn_add_header(txn, "DPoP", proof, strlen(proof));
    add(txn, "claim_token", token);
    add(txn, "claim_token_format", "urn:ietf:params:oauth:token-type:jwt");
  } else {
    (void)occ_txn_add_header(txn, "DPoP", token, strlen(token));
  }
}

/* The policy grants what is met, and refuses all else; for what has no session it grants whoever came so far. */
static int answer(occ_txn *txn, kind what)
{
  const occ_question *q = occ_txn_question(txn);
  const char *wants = what == PROOF_EVIDENCE ? "fresh" : "attested";

  if (q->kind == OCC_ASK_KEYS) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, issuer_keys, strlen(issuer_keys));
  }
  if (q->kind == OCC_ASK_DECIDE && what != ASSERTION && what != PROOF &&
      !occ_txn_is_satisfied(txn, wants)) {
    return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
  }
  return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
}

static void run(kind what, const char *header, const char *claims)
{
  const char *key = what == EVIDENCE    ? TEST_ISSUER_PRIVATE
                    : what == ASSERTION ? TEST_CLIENT_B_PRIVATE
                                        : TEST_CLIENT_A_PRIVATE;
  char *token = test_jws(key, header, claims);
  int rc = OCC_OK, rounds = 0;
  occ_txn *txn = NULL;

  if (occ_txn_new(&txn, server, OCC_TOKEN, NULL) == OCC_OK) {
    fill(txn, what, token);
    while ((rc = occ_txn_run(txn, NOW)) == OCC_PENDING) {
      must(++rounds < 16);
      if (answer(txn, what) != OCC_OK) {
        break; /* no memory for the answer */
      }
    }
    must(rc != OCC_PENDING || memory.failed);
    must(rc >= 0 || memory.failed);
    if (occ_txn_outcome(txn) == OCC_GRANT) {
      must(what != ASSERTION || occ_txn_client_id(txn) != NULL);
      check_taken(what, header, claims);
    }
  }
  occ_txn_free(txn);
  free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *end = size < 3 ? NULL : memchr(data + 2, '\n', size - 2);
  char *header, *claims;
  size_t before;
  kind what;

  if (end == NULL) {
    return 0;
  }
  set_up();
  what = (kind)(data[1] % KINDS);
  header = expand(what, data + 2, (size_t)(end - data) - 2);
  claims = expand(what, end + 1, size - (size_t)(end - data) - 1);
  before = memory.live;
  memory.count = 0;
  memory.failed = false;
  memory.keep = true;
  memory.until = data[0] == 255 ? SIZE_MAX : data[0];
  run(what, header, claims);
  memory.until = SIZE_MAX;
  must(memory.live <= before + 8); /* the pool may have made a workspace */
  free(header);
  free(claims);
  return 0;
}
