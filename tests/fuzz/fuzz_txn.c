/* SPDX-License-Identifier: MIT
 *
 * A whole token request. The input chooses everything: which allocation fails, how the request is filled in, what each
 * question is answered, how time moves, and the text of body and headers. Layout: byte 0 the failing allocation (255: none),
 * byte 1 flags, bytes 2 to 17 one answer each; then the body up to a line feed, then header lines `Name: value`. In the text
 * the octet 1 stands for the handle of a waiting challenge, 2 for a good DPoP proof, 3 for a good assertion, 4 for one by
 * which the client authenticates.
 *
 * Broken invariants abort: a grant that nobody decided, a status that does not fit the outcome, a run without end, memory
 * that outlives its txn. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "fail_mem.h"
#include "occ/occ.h"
#include "test_keys.h"

#define T0       INT64_C(1800000000000)
#define ANSWERS  16u
#define MAX_TEXT (32u * 1024u)

enum {
  SET_CLIENT = 1,
  SET_METADATA = 2,
  CERTIFICATE = 4,
  JSON_DOOR = 8,
  CHECKED = 16,
  AS_PARAMS = 32,
  CHALLENGE_FIRST = 64,
  AUTHENTICATE =
      128 /* the metadata name a method: an assertion, or with CERTIFICATE a self-signed one */
};

static fail_mem memory;
static occ_lib *lib;
static occ_keyring *ring;
static occ_server *servers[2];
static char handle[OCC__MAX_HANDLE + 1], *proof, *assertion, *client_assertion;
static uint8_t *certificate;
static size_t certificate_len;

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static const char ring_json[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
    "\"seal_from\":1,\"open_until\":9000000000000}]}";
static const char config_json[] =
    "{\"token_urls\":[\"https://as.example/token\"],\"store_id\":\"AAAAAAAAAAAAAAAAAAAAAA\","
    "\"jwt_assertion\":{\"issuers\":{\"https://"
    "iss.example\":{\"jwks\":{\"keys\":[" TEST_ISSUER_PUBLIC "]}},\"https://other.example\":{}}},"
    "\"types\":{\"declared\":{\"class\":\"authorization\",\"params\":[\"ev\"],\"headers\":[]}},"
    "\"requirements\":{\"attested\":{\"type\":\"jwt_assertion\",\"issuer\":[\"https://"
    "iss.example\","
    "\"https://"
    "other.example\"]},\"fresh\":{\"type\":\"dpop_proof\"},\"asked\":{\"type\":\"declared\"}}}";
static const char metadata[] = "{\"insufficient_client_authorization_supported\":true}";
static const char by_assertion[] = "{\"insufficient_client_authorization_supported\":true,"
                                   "\"token_endpoint_auth_method\":\"private_key_jwt\","
                                   "\"jwks\":{\"keys\":[" TEST_CLIENT_B_PUBLIC "]}}";
static const char by_certificate[] =
    "{\"token_endpoint_auth_method\":\"self_signed_tls_client_auth\","
    "\"tls_client_certificate_bound_access_tokens\":true,"
    "\"jwks\":{\"keys\":[{" TEST_CLIENT_B_MEMBERS ",\"x5c\":[\"MAA=\"]}," TEST_CLIENT_A_PUBLIC
    "]}}";
static const char *const requirement[] = { "attested", "fresh", "asked", "none" };

static occ_server *make_server(int check)
{
  occ_config *config = NULL;
  occ_server *server = NULL;

  must(occ_config_new(&config, lib, "https://as.example") == OCC_OK);
  must(occ_config_load(config, config_json, strlen(config_json)) == OCC_OK);
  must(occ_config_set(config, "check", check ? "true" : "false") == OCC_OK);
  must(occ_keyring_attach(ring, config) == OCC_OK);
  must(occ_server_new(&server, config) == OCC_OK);
  occ_config_free(config);
  return server;
}

/* A challenge for `grant_type=client_credentials&scope=a`, with the client set and a DPoP key shown. */
static void make_waiting(void)
{
  static const char body[] = "grant_type=client_credentials&scope=a";
  char *first =
      test_dpop(TEST_CLIENT_A_PRIVATE, "POST", "https://as.example/token", T0 / 1000, "a", NULL);
  char claims[4096];
  occ_txn *txn = NULL;
  const char *at;

  must(occ_txn_new(&txn, servers[0], OCC_TOKEN, NULL) == OCC_OK);
  must(occ_txn_set_body(txn, body, strlen(body)) == OCC_OK);
  must(occ_txn_set_client(txn, "agent-7", "client_secret_basic", NULL) == OCC_OK);
  must(occ_txn_set_metadata(txn, metadata, strlen(metadata)) == OCC_OK);
  must(occ_txn_add_header(txn, "DPoP", first, strlen(first)) == OCC_OK);
  while (occ_txn_run(txn, T0) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);
    must(q->kind == OCC_ASK_DECIDE
             ? occ_txn_answer_challenge(txn, q->ticket, "attested", NULL) == OCC_OK
             : occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0) == OCC_OK);
  }
  at = strstr(occ_txn_body(txn, NULL), "\"challenge_session\":\"");
  must(at != NULL);
  at += strlen("\"challenge_session\":\"");
  memcpy(handle, at, strcspn(at, "\""));
  occ_txn_free(txn);
  free(first);
  snprintf(claims, sizeof(claims),
           "{\"iss\":\"https://iss.example\",\"sub\":\"agent-7\",\"aud\":\"https://"
           "as.example\",\"nonce\":\"%s\","
           "\"iat\":%lld,\"exp\":%lld,\"jti\":\"j\"}",
           handle, (long long)(T0 / 1000), (long long)(T0 / 1000 + 300));
  assertion = test_jws(TEST_ISSUER_PRIVATE,
                       "{\"alg\":\"ES256\",\"typ\":\"client-challenge-assertion+jwt\"}", claims);
  proof =
      test_dpop(TEST_CLIENT_A_PRIVATE, "POST", "https://as.example/token", T0 / 1000, "b", NULL);
}

static void make_credentials(void)
{
  static const char *const subject[] = { "CN", "agent-7", NULL };
  char claims[512];

  snprintf(claims, sizeof(claims),
           "{\"iss\":\"agent-7\",\"sub\":\"agent-7\",\"aud\":\"https://as.example\","
           "\"iat\":%lld,\"exp\":%lld,\"jti\":\"c\"}",
           (long long)(T0 / 1000), (long long)(T0 / 1000 + 300));
  client_assertion = test_jws(TEST_CLIENT_B_PRIVATE, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", claims);
  certificate = test_certificate(&certificate_len, TEST_CLIENT_A_PRIVATE, subject, "DNS:a.example");
}

static void set_up(void)
{
  if (lib != NULL) {
    return;
  }
  fail_mem_init(&memory, SIZE_MAX, false);
  must(occ_lib_new(&lib, &memory.mem) == OCC_OK);
  must(occ_keyring_new(&ring, lib) == OCC_OK);
  must(occ_keyring_load(ring, ring_json, strlen(ring_json), T0, 0) == OCC_OK);
  servers[0] = make_server(0);
  servers[1] = make_server(1);
  make_waiting();
  make_credentials();
}

/* The text with its placeholders replaced. */
static size_t expand(char *out, const uint8_t *text, size_t len)
{
  size_t n = 0;

  for (size_t i = 0; i < len; i++) {
    const char *piece = text[i] == 1   ? handle
                        : text[i] == 2 ? proof
                        : text[i] == 3 ? assertion
                        : text[i] == 4 ? client_assertion
                                       : NULL;
    const size_t piece_len = piece == NULL ? 1 : strlen(piece);
    if (n + piece_len > MAX_TEXT) {
      break;
    }
    memcpy(out + n, piece == NULL ? (const char *)&text[i] : piece, piece_len);
    n += piece_len;
  }
  return n;
}

static void fill_body(occ_txn *txn, uint8_t flags, const uint8_t *text, size_t len)
{
  static char body[MAX_TEXT];
  const size_t n = expand(body, text, len);

  if ((flags & JSON_DOOR) != 0) {
    (void)occ_txn_set_json(txn, body, n);
  } else if ((flags & AS_PARAMS) != 0) {
    (void)occ_txn_add_param(txn, "grant_type", "client_credentials", 18);
    (void)occ_txn_add_param(txn, "claim_token", body, n);
  } else {
    (void)occ_txn_set_body(txn, body, n);
  }
}

static void fill_headers(occ_txn *txn, const uint8_t *text, size_t len)
{
  static char value[MAX_TEXT];
  char name[32];

  while (len > 0) {
    const uint8_t *end = memchr(text, '\n', len);
    const size_t line = end == NULL ? len : (size_t)(end - text);
    const uint8_t *colon = memchr(text, ':', line);
    if (colon != NULL && (size_t)(colon - text) < sizeof(name)) {
      const size_t name_len = (size_t)(colon - text);
      memcpy(name, text, name_len);
      name[name_len] = '\0';
      (void)occ_txn_add_header(txn, name, value, expand(value, colon + 1, line - name_len - 1));
    }
    text += line + (end == NULL ? 0 : 1);
    len -= line + (end == NULL ? 0 : 1);
  }
}

/* One answer; returns 1 when it was a yes to DECIDE. */
static int answer(occ_txn *txn, uint8_t choice)
{
  static const char *const data[] = { "",
                                      "0",
                                      "1",
                                      "{",
                                      metadata,
                                      "{\"metadata\":{\"token_endpoint_auth_method\":"
                                      "\"private_key_jwt\"}}",
                                      "{\"not_after\":1800000100000}",
                                      "{\"keys\":[" TEST_ISSUER_PUBLIC
                                      ",{\"kid\":\"k\"," TEST_CLIENT_B_MEMBERS "}]}" };
  const occ_question *q = occ_txn_question(txn);
  const char *text = data[choice >> 2 & 7];
  const occ_ask kind = q->kind;
  int rc;

  if ((choice & 0x80) != 0) {
    must(occ_txn_answer(txn, q->ticket + 1, OCC_YES, NULL, 0) == OCC_ERR_STALE);
  }
  if ((choice & 0x40) != 0 && kind == OCC_ASK_DECIDE) {
    (void)occ_txn_answer_challenge(txn, q->ticket, requirement[choice & 3],
                                   (choice & 4) != 0 ? "{\"a\":1}" : NULL);
    return 0;
  }
  if ((choice & 0x20) != 0) {
    (void)occ_txn_answer_refuse(txn, q->ticket, (choice & 4) != 0 ? "access_denied" : NULL, NULL);
    return 0;
  }
  rc = occ_txn_answer(txn, q->ticket, (occ_verdict)(choice & 3), text, strlen(text));
  return rc == OCC_OK && kind == OCC_ASK_DECIDE && (choice & 3) == OCC_YES;
}

static void drive(occ_txn *txn, const uint8_t *choices)
{
  occ_time now = T0 + 1;
  int decided = 0, rc = OCC_PENDING;
  size_t rounds = 0, i = 0;

  while ((rc = occ_txn_run(txn, now)) == OCC_PENDING) {
    must(++rounds < 64);
    must(occ_txn_question(txn) != NULL && occ_txn_outcome(txn) == OCC_UNDECIDED);
    if (i < ANSWERS && choices[i] != 0xff) {
      decided |= answer(txn, choices[i]);
    } else {
      now += 4000; /* nobody answers, and the deadline comes */
    }
    i++;
  }
  must(occ_txn_outcome(txn) != OCC_UNDECIDED);
  must(occ_txn_outcome(txn) != OCC_GRANT || decided);
  must((occ_txn_outcome(txn) == OCC_GRANT) == (occ_txn_http_status(txn) == 0));
  must((rc < 0) == (occ_txn_outcome(txn) == OCC_FAILED));
  must(occ_txn_run(txn, now) == rc);
  must(occ_txn_body(txn, NULL) != NULL);
  (void)occ_txn_result_json(txn, NULL);
  (void)occ_txn_log(txn, NULL);
}

static void fill_client(occ_txn *txn, uint8_t flags)
{
  const int authenticate = (flags & AUTHENTICATE) != 0;
  const char *known = !authenticate                ? metadata
                      : (flags & CERTIFICATE) != 0 ? by_certificate
                                                   : by_assertion;

  if ((flags & SET_CLIENT) != 0) {
    (void)occ_txn_set_client(txn, "agent-7", "client_secret_basic", NULL);
  }
  if ((flags & SET_METADATA) != 0) {
    (void)occ_txn_set_metadata(txn, known, strlen(known));
  }
  if ((flags & CERTIFICATE) != 0 && authenticate) {
    (void)occ_txn_set_certificate(txn, certificate, certificate_len);
    (void)occ_txn_set(txn, "certificate_verified", "true");
  } else if ((flags & CERTIFICATE) != 0) {
    (void)occ_txn_set_certificate(txn, "\x30\x01\x00", 3);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *text, *end;
  size_t before, body_len, left;
  uint8_t flags;
  occ_txn *txn = NULL;

  set_up();
  if (size < 2 + ANSWERS) {
    return 0;
  }
  flags = data[1];
  text = data + 2 + ANSWERS;
  left = size - 2 - ANSWERS;
  end = memchr(text, '\n', left);
  body_len = end == NULL ? left : (size_t)(end - text);

  before = memory.live;
  memory.count = 0;
  memory.failed = false;
  memory.keep = true;
  memory.until = data[0] == 255 ? SIZE_MAX : data[0];
  if (occ_txn_new(&txn, servers[(flags & CHECKED) != 0], OCC_TOKEN, NULL) == OCC_OK) {
    fill_body(txn, flags, text, body_len);
    if (end != NULL) {
      fill_headers(txn, end + 1, left - body_len - 1);
    }
    fill_client(txn, flags);
    drive(txn, data + 2);
  }
  occ_txn_free(txn);
  memory.until = SIZE_MAX;
  must(memory.live <=
       before + 8); /* the pool may have made a workspace; a txn leaves nothing else */
  return 0;
}
