/* SPDX-License-Identifier: MIT */
/* Hostile JSON, and the requests that carry it. Knows the library by its public headers alone. */

#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"
#include "test_keys.h"

#define HUGE_TEXT    (60u * 1024u)
#define DETAILS_TEXT 4050u /* authorization_details may have 4,096 octets */
#define CLAIMS_TEXT                                                                                \
  12000u /* no JSON text of a peer may have more than 12,288; beyond 2,048 it is not read */
#define TOKEN_TEXT 11600u /* with header, signature and format still 16,384 characters */
#define PROOF_TEXT 2500u  /* ... a DPoP proof of 4,096 */
#define MANY       122    /* a text may have 128 values, a quarter of them reals */
#define MANY_PROOF 58     /* ... and in a proof or claims 64 */

static hostile_case *list; /* where add() puts them */
static size_t count;

/* ---- Texts ---- */

typedef struct text {
  char *at;
  size_t len, room;
} text;

static void put(text *t, const char *piece)
{
  const size_t len = strlen(piece);

  must(t->len + len < t->room, "text too long");
  memcpy(t->at + t->len, piece, len + 1);
  t->len += len;
}

/* As often as leaves `rest` octets. */
static void fill(text *t, const char *piece, size_t rest)
{
  while (t->len + strlen(piece) + rest < t->room) {
    put(t, piece);
  }
}

/* Members or elements that fill the room, or as much of it as `most` characters of padding in each can. */
static void fill_many(text *t, int number, const char *before, int common, const char *after,
                      size_t most)
{
  const size_t each = (t->room - 16) / (size_t)number;

  for (int i = 0; i < number; i++) {
    char piece[2048], pad[1200];
    const size_t all = each > 16 ? each - 14 : 2, width = all < most ? all : most;

    must(width < sizeof(pad), "pad");
    memset(pad, common, width);
    pad[width] = '\0';
    (void)snprintf(piece, sizeof(piece), "%s%s%s%04d%s", i == 0 ? "" : ",", before, pad, i, after);
    put(t, piece);
  }
}

static const char *const kinds[] = {
  "zeros",    "deep-arrays", "deep-objects", "depth-16", "plain-string",
  "newlines", "u-escapes",   "surrogates",   "few-keys", "many-keys",
  "digits",   "reals",       "duplicates",   "bad-utf8",
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void put_strings(text *t, const char *unit, const char *end)
{
  put(t, "[\"");
  fill(t, unit, 8);
  put(t, end);
}

/* many: as many values as the place may hold, or almost. */
static void put_kind(text *t, size_t kind, int many)
{
  switch (kind) {
  case 0:
    put(t, "[0");
    fill(t, ",0", 2);
    put(t, "]");
    break;
  case 1:
    fill(t, "[", 1);
    break;
  case 2:
    fill(t, "{\"a\":", 1);
    break;
  case 3: /* 15 values a piece, and the rest white space */
    put(t, "[0");
    for (int i = 0; i < many / 15; i++) {
      put(t, ",[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]");
    }
    fill(t, " ", 2);
    put(t, "]");
    break;
  case 4:
    put_strings(t, "a", "\"]");
    break;
  case 5:
    put_strings(t, "\\n", "\"]");
    break;
  case 6:
    put_strings(t, "\\u00e9", "\"]");
    break;
  case 7:
    put_strings(t, "\\ud83d\\ude00", "\"]");
    break;
  case 8:
    put(t, "{");
    fill_many(t, many, "\"", 'k', "\":0", SIZE_MAX);
    put(t, "}");
    break;
  case 9:
    put(t, "{\"k\":0");
    for (int i = 0; t->len + 16 < t->room; i++) {
      char piece[24];

      (void)snprintf(piece, sizeof(piece), ",\"k%d\":0", i);
      put(t, piece);
    }
    put(t, "}");
    break;
  case 10:
    put(t, "[0.");
    fill(t, "7", 2);
    put(t, "]");
    break;
  case 11:
    put(t, "[");
    fill_many(t, many / 4, "1.", '9', "e-300", 50);
    put(t, "]");
    break;
  case 12:
    put(t, "{");
    fill_many(t, many, "\"", 'k', "\":0", SIZE_MAX);
    put(t, ",\"a\":0,\"a\":0}");
    break;
  default:
    put_strings(t, "a", "\xff\"]");
    break;
  }
}

static char *hostile_of(size_t kind, size_t len, int many)
{
  text t = { malloc(len + 16), 0, len };

  must(t.at != NULL, "memory");
  t.at[0] = '\0';
  t.room = kind == 12 ? len + 16 : len;
  put_kind(&t, kind, many);
  return t.at;
}

/* A short one has room for fewer values. */
static char *hostile(size_t kind, size_t len)
{
  return hostile_of(kind, len, len / 16 < MANY ? (int)(len / 16) : MANY);
}

/* ---- Requests ---- */

/* Takes body and proof. */
static void add(const char *place, const char *kind, char *body, char *proof)
{
  hostile_case *made = &list[count++];

  must(count <= HOSTILE_CASES, "too many cases");
  (void)snprintf(made->name, sizeof(made->name), "%s/%s", place, kind);
  made->body = body;
  made->proof = proof;
  made->metadata = NULL;
}

static const char jwt_header[] = "{\"alg\":\"ES256\",\"typ\":\"client-challenge-assertion+jwt\"}";
static const char proof_header[] =
    "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":" TEST_CLIENT_A_PUBLIC "}";

/* Nobody signs it: it must be refused before the signature, or by it. */
static char *unsigned_token(const char *header, const char *payload)
{
  static const uint8_t signature[64] = { 1 };

  return test_token(header, strlen(header), payload, strlen(payload), signature, sizeof(signature));
}

static char *follow_up(const char *session, const char *more, const char *token)
{
  return traffic_text(TRAFFIC_BODY "%s&challenge_session=%s&claim_token=%s&claim_token_format="
                                   "urn:ietf:params:oauth:token-type:jwt",
                      more, session, token);
}

static char *challenge_for(occ_server *server, const char *body, const char *proof)
{
  const traffic_request request = { .body = body, .proof = proof, .wants = "attested" };
  traffic_result result;

  traffic_whole(&result, server, &request, TRAFFIC_NOW);
  return traffic_text("%s", result.outcome == OCC_CHALLENGE ? result.session : "none");
}

static void add_param(const char *place, const char *param, size_t kind, size_t len)
{
  char *json = hostile(kind, len);

  add(place, kinds[kind], traffic_text(TRAFFIC_BODY "&%s=%s", param, json), NULL);
  free(json);
}

/* Every octet as %XX: as much as a body holds. */
static void add_encoded(size_t kind)
{
  char *json = hostile(kind, 30u * 1024u), *encoded = malloc(3 * strlen(json) + 1);

  must(encoded != NULL, "memory");
  for (size_t i = 0; json[i] != '\0'; i++) {
    (void)snprintf(encoded + 3 * i, 4, "%%%02x", (unsigned char)json[i]);
  }
  add("param-encoded", kinds[kind], traffic_text(TRAFFIC_BODY "&x=%s", encoded), NULL);
  free(encoded);
  free(json);
}

static void add_tokens(occ_server *server, size_t kind)
{
  static const struct {
    const char *place;
    size_t len;
    int in_header, is_proof;
  } row[] = {
    { "token-60k", HUGE_TEXT, 0, 0 },     { "token-claims", TOKEN_TEXT, 0, 0 },
    { "token-header", TOKEN_TEXT, 1, 0 }, { "proof-60k", HUGE_TEXT, 0, 1 },
    { "proof-claims", PROOF_TEXT, 0, 1 }, { "proof-header", PROOF_TEXT, 1, 1 },
  };
  char *session = challenge_for(server, TRAFFIC_BODY, NULL);

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    char *json = hostile_of(kind, row[i].len, row[i].is_proof ? MANY_PROOF : MANY);
    char *token = unsigned_token(row[i].in_header  ? json
                                 : row[i].is_proof ? proof_header
                                                   : jwt_header,
                                 row[i].in_header ? "{}" : json);

    if (row[i].is_proof) {
      add(row[i].place, kinds[kind], traffic_text("%s", TRAFFIC_BODY), token);
    } else {
      add(row[i].place, kinds[kind], follow_up(session, "", token), NULL);
      free(token);
    }
    free(json);
  }
  free(session);
}

/* All places at once, behind a good proof and a session that was made for just this: refused for the evidence, and with
 * another scope, where the session is stale and all of it is digested twice. What is read as JSON may have 16 KiB
 * together, so there are several ways to fill them. */
static const struct {
  const char *first, *follow_up, *stale;
  size_t details, claims, token;
} mix[] = {
  { "all-first", "all-follow-up", "all-stale", DETAILS_TEXT, CLAIMS_TEXT, 5800 },
  { "claims-first", "claims-follow-up", "claims-stale", DETAILS_TEXT, 2000, 4300 },
  { "token-first", "token-follow-up", "token-stale", 240, CLAIMS_TEXT, 8700 },
};
#define MIXES (sizeof(mix) / sizeof(mix[0]))

static void add_everything(occ_server *server, size_t kind, size_t i)
{
  char *details = hostile(kind, mix[i].details),
       *claims = hostile_of(kind, mix[i].claims, MANY_PROOF),
       *inner = hostile_of(kind, mix[i].token, MANY), *junk = hostile(kind, 32u * 1024u),
       *proven = hostile_of(kind, PROOF_TEXT, MANY_PROOF);
  char *more = traffic_text("&authorization_details=[{\"type\":\"t\",\"x\":%s}]&claims=%s&x=%s",
                            details, claims, junk);
  char *proof_claims =
      traffic_text("{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"" TRAFFIC_URL "\",\"iat\":%lld,"
                   "\"x\":%s}",
                   (long long)(TRAFFIC_NOW / 1000), proven);
  char *proof = test_jws(TEST_CLIENT_A_PRIVATE, proof_header, proof_claims);
  char *first = traffic_text(TRAFFIC_BODY "%s", more);
  char *session = challenge_for(server, first, proof);
  char *token = unsigned_token(jwt_header, inner);
  char *changed = traffic_text("%s&resource=https://rs.example/", more);

  add(mix[i].first, kinds[kind], first, traffic_text("%s", proof));
  add(mix[i].follow_up, kinds[kind], follow_up(session, more, token), traffic_text("%s", proof));
  add(mix[i].stale, kinds[kind], follow_up(session, changed, token), proof);
  free(details);
  free(claims);
  free(inner);
  free(proven);
  free(junk);
  free(more);
  free(proof_claims);
  free(session);
  free(token);
  free(changed);
}

/* ---- Requests of a client that libocc has to authenticate; it has registered what it likes ---- */

#define BY_KEY                                                                                     \
  "{\"client_id\":\"" TRAFFIC_CLIENT "\",\"token_endpoint_auth_method\":\"private_key_jwt\","      \
  "\"jwks\":{\"keys\":["
#define RSA_LEN  512u /* 4,096 bits */
#define RSA_KEYS 40   /* as many as its metadata may hold */
#define ASSERTED                                                                                   \
  "{\"iss\":\"" TRAFFIC_CLIENT "\",\"sub\":\"" TRAFFIC_CLIENT "\",\"aud\":\"" TRAFFIC_ISSUER "\"," \
  "\"jti\":\"j\",\"exp\":1800000060}"

/* Takes token and metadata. */
static void add_client(const char *place, const char *kind, char *token, char *metadata)
{
  add(place, kind,
      traffic_text(TRAFFIC_BODY "&client_assertion=%s&client_assertion_type="
                                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                   token),
      NULL);
  list[count - 1].metadata = metadata;
  free(token);
}

/* A key that nobody has made; a signature by it is none, and costs as much. */
static char *rsa_key(int number)
{
  uint8_t modulus[RSA_LEN];
  char *n, *key;

  for (size_t i = 0; i < RSA_LEN; i++) {
    modulus[i] = (uint8_t)(i * 151 + (size_t)number * 7 + 0x81);
  }
  modulus[0] |= 0x80;
  modulus[RSA_LEN - 1] |= 1;
  n = test_b64(modulus, RSA_LEN);
  key = traffic_text("{\"kty\":\"RSA\",\"kid\":\"k%d\",\"e\":\"AQAB\",\"n\":\"%s\"}", number, n);
  free(n);
  return key;
}

static char *rsa_token(const char *header, const char *claims)
{
  uint8_t signature[RSA_LEN];

  memset(signature, 1, sizeof(signature));
  return test_token(header, strlen(header), claims, strlen(claims), signature, sizeof(signature));
}

static char *rsa_keys(int number)
{
  char *keys = traffic_text("%s", "");

  for (int i = 0; i < number; i++) {
    char *key = rsa_key(i), *more = traffic_text("%s%s%s", keys, i == 0 ? "" : ",", key);

    free(key);
    free(keys);
    keys = more;
  }
  return keys;
}

static void add_clients(size_t kind)
{
  static const char header[] = "{\"alg\":\"PS256\",\"kid\":\"k0\"}";
  char *json = hostile_of(kind, TOKEN_TEXT - 700, MANY_PROOF), *key = rsa_key(0);
  char *extra = hostile_of(kind, 28u * 1024u, 230);

  add_client("assertion-header", kinds[kind], rsa_token(json, ASSERTED),
             traffic_text(BY_KEY "%s]}}", key));
  add_client("assertion-claims", kinds[kind], rsa_token(header, json),
             traffic_text(BY_KEY "%s]}}", key));
  add_client("metadata", kinds[kind], rsa_token(header, ASSERTED),
             traffic_text(BY_KEY "%s]},\"x\":%s}", key, extra));
  free(extra);
  free(key);
  free(json);
}

static void add_key_sets(void)
{
  static const char header[] = "{\"alg\":\"PS256\",\"kid\":\"k7\"}";
  char *keys = rsa_keys(RSA_KEYS);

  add_client("key-set", "rsa", rsa_token(header, ASSERTED), traffic_text(BY_KEY "%s]}}", keys));
  add_client("key-set", "other-kind", unsigned_token("{\"alg\":\"ES256\"}", ASSERTED),
             traffic_text(BY_KEY "%s]}}", keys));
  free(keys);
}

/* Every proof is new, so that one can be sent again and again. */
static int always_first(occ_txn *txn, const occ_question *q, void *user_data)
{
  (void)user_data;
  return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
}

static void tune(occ_config *config, void *user_data)
{
  (void)user_data;
  (void)occ_config_set(config, "store_id", "AAAAAAAAAAAAAAAAAAAAAA");
  (void)occ_config_answer(config, OCC_ASK_ONCE, always_first, NULL, NULL, NULL);
}

occ_server *hostile_server(const traffic *x)
{
  return traffic_server(x, traffic_config, NULL, tune, NULL);
}

size_t hostile_make(hostile_case *out, occ_server *server)
{
  list = out;
  count = 0;
  add("plain", "first", traffic_text("%s", TRAFFIC_BODY), NULL);
  for (size_t kind = 0; kind < KINDS; kind++) {
    add_param("param-60k", "x", kind, HUGE_TEXT);
    add_encoded(kind);
    add_param("details-60k", "authorization_details", kind, HUGE_TEXT);
    add_param("details", "authorization_details", kind, DETAILS_TEXT);
    add_param("claims-60k", "claims", kind, HUGE_TEXT);
    add_param("claims", "claims", kind, CLAIMS_TEXT);
    add_tokens(server, kind);
    for (size_t i = 0; i < MIXES; i++) {
      add_everything(server, kind, i);
    }
    add_clients(kind);
  }
  add_key_sets();
  return count;
}

void hostile_free(hostile_case *cases, size_t number)
{
  for (size_t i = 0; i < number; i++) {
    free(cases[i].body);
    free(cases[i].proof);
    free(cases[i].metadata);
  }
}

/* Metadata beyond the limits are the host's error. */
static occ_txn *run_client(occ_server *server, const hostile_case *hostile)
{
  occ_txn *txn = NULL;
  int rc;

  must(occ_txn_new(&txn, server, OCC_TOKEN, NULL) == OCC_OK, "txn");
  (void)occ_txn_set_body(txn, hostile->body, strlen(hostile->body));
  (void)occ_txn_set_metadata(txn, hostile->metadata, strlen(hostile->metadata));
  rc = traffic_run(txn, "attested", TRAFFIC_NOW);
  must(rc != OCC_PENDING && occ_txn_outcome(txn) != OCC_GRANT, hostile->name);
  return txn;
}

occ_txn *hostile_run(occ_server *server, const hostile_case *hostile)
{
  const traffic_request request = { .body = hostile->body, .proof = hostile->proof };
  occ_txn *txn;
  int rc;

  if (hostile->metadata != NULL) {
    return run_client(server, hostile);
  }
  txn = traffic_begin(server, &request, NULL);
  rc = traffic_run(txn, "attested", TRAFFIC_NOW);
  must(rc == OCC_OK && occ_txn_outcome(txn) != OCC_GRANT, hostile->name);
  return txn;
}
