/* SPDX-License-Identifier: MIT
 *
 * The type `jwt_assertion`: a JWT about the client, signed by an issuer that the operator trusts (or names and lets the
 * host find keys for), sent as claim_token. What the profile demands stands in docs/evidence.md. Parsed once, before the
 * session is used up: what is no JWT is malformed and costs the client nothing; every other fault is remembered and
 * rejects after ONCE. The signature comes last. Never looks at a URL or a key inside the token. */

#include "evidence/builtin.h"

#include "base/b64.h"
#include "base/lib.h"
#include "evidence/issuers.h"
#include "jose/jcs_text.h"
#include "jose/jws.h"
#include "occ/event.h"
#include "occ/txn.h"
#include "wire/header.h"
#include "wire/json_in.h"

#define JWT_FORMAT      "urn:ietf:params:oauth:token-type:jwt" /* RFC 8693 section 3 */
#define DEFAULT_TYP     "client-challenge-assertion+jwt"
#define MAX_LIFETIME_MS (10 * 60 * 1000)

/* The options of this type in one configuration. */
typedef struct options {
  occ_lib *lib;
  char typ[OCC__MAX_ID + 1];
  unsigned algs;
  int self_issued;
  occ_issuers issuers;
  occ_problem *problem; /* while they are read; may be NULL */
} options;

/* Texts among the claims; NULL: not there, or no text. Borrowed from them. */
typedef struct names {
  const char *iss, *sub, *jti;
} names;

/* What parse leaves for judge. */
typedef struct state {
  int reason; /* the first fault, or 0 */
  int has_key;
  occ_jwk key;
  occ_jws jws;               /* without header and claims: they are done with */
  char kid[OCC__MAX_ID + 1]; /* what the question points to lives here */
  char iss[OCC__MAX_CLIENT_ID + 1];
} state;

static int read_typ(options *self, const json_t *value)
{
  if (!json_is_string(value) || json_string_length(value) == 0 ||
      json_string_length(value) > OCC__MAX_ID) {
    return occ__lib_problem(self->problem, "a text of 1 to 256 octets", "typ", NULL, NULL);
  }
  memcpy(self->typ, json_string_value(value), json_string_length(value) + 1);
  if (!occ__header_name_equal(self->typ, DEFAULT_TYP)) { /* as it is compared: without case */
    occ__lib_tell_weakened(self->lib, "jwt_assertion.typ");
  }
  return OCC_OK;
}

static int read_algs(options *self, const json_t *value)
{
  self->algs = occ__issuers_algs(value);
  return self->algs != 0
             ? OCC_OK
             : occ__lib_problem(self->problem, "an array of signature algorithms that libocc has",
                                "algs", NULL, NULL);
}

static int read_self_issued(options *self, const json_t *value)
{
  if (!json_is_boolean(value)) {
    return occ__lib_problem(self->problem, "true or false", "self_issued", NULL, NULL);
  }
  self->self_issued = json_is_true(value);
  if (self->self_issued) {
    occ__lib_tell_weakened(self->lib, "jwt_assertion.self_issued");
  }
  return OCC_OK;
}

static int read_options(options *self, json_t *json)
{
  const char *key;
  json_t *value;

  json_object_foreach(json, key, value)
  {
    int rc;

    if (strcmp(key, "typ") == 0) {
      rc = read_typ(self, value);
    } else if (strcmp(key, "algs") == 0) {
      rc = read_algs(self, value);
    } else if (strcmp(key, "self_issued") == 0) {
      rc = read_self_issued(self, value);
    } else if (strcmp(key, "issuers") == 0) {
      rc = occ__issuers_read(&self->issuers, self->lib, value, self->problem);
    } else { /* a misspelt option must not weaken anything */
      rc = occ__lib_problem(self->problem, "no such option", key, NULL, NULL);
    }
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return OCC_OK;
}

static void close_type(void *opened)
{
  options *self = opened;
  const occ_mem *mem;

  if (self == NULL) {
    return;
  }
  mem = occ__lib_mem(self->lib);
  occ__issuers_clear(&self->issuers);
  occ__mem_free(mem, self, sizeof(*self));
}

static int open_type(void **out, occ_lib *lib, const char *text)
{
  options *self = occ__mem_alloc(occ__lib_mem(lib), sizeof(*self));
  json_t *json = NULL;
  int rc = OCC_OK;

  if (self == NULL) {
    return OCC_ERR_MEMORY;
  }
  self->lib = lib;
  self->problem = *out;
  self->algs = OCC__ALGS_ASSERTION;
  memcpy(self->typ, DEFAULT_TYP, sizeof(DEFAULT_TYP));
  if (text != NULL) {
    rc = occ__json_read_object(&json, occ__span_text(text), &occ__json_config);
    if (rc == OCC_OK) {
      rc = read_options(self, json);
    }
    json_decref(json);
  }
  if (rc != OCC_OK) {
    close_type(self);
    return rc;
  }
  self->problem = NULL;
  *out = self;
  return OCC_OK;
}

static int is_list_of_names(json_t *value)
{
  size_t i;
  json_t *name;

  json_array_foreach(value, i, name)
  {
    if (!json_is_string(name) || json_string_length(name) == 0) {
      return 0;
    }
  }
  return json_array_size(value) > 0;
}

static const char *problem_of(const options *self, json_t *requirement)
{
  const char *member;
  json_t *value;

  json_object_foreach(requirement, member, value)
  {
    if (strcmp(member, "type") == 0 || strcmp(member, "expiry") == 0 ||
        strcmp(member, "class") == 0) {
      continue;
    }
    if (strcmp(member, "issuer") != 0 && strcmp(member, "required_claims") != 0) {
      return "only issuer and required_claims may be set";
    }
    if (!is_list_of_names(value)) {
      return "issuer and required_claims are arrays of strings";
    }
  }
  if (json_object_get(requirement, "issuer") == NULL && self->issuers.count == 0 &&
      !self->self_issued) {
    return "no issuer: name one here, or in jwt_assertion.issuers";
  }
  return NULL;
}

static int accepts(const char *requirement, const char **problem, void *opened)
{
  json_t *json = NULL;
  int rc = occ__json_read_object(&json, occ__span_text(requirement), &occ__json_config);

  if (rc == OCC_OK) {
    *problem = problem_of(opened, json);
    rc = *problem == NULL ? OCC_OK : OCC_ERR_CONFIG;
  }
  json_decref(json);
  return rc;
}

static int write_type(occ_evidence *evidence, void *self)
{
  (void)self;
  return occ_evidence_put(evidence, "claim_token_format", "[\"" JWT_FORMAT "\"]");
}

/* Is iss one that this requirement takes? list: its member issuer; NULL: none. */
static int issuer_is_wanted(const options *self, json_t *list, const char *iss,
                            const char *client_id)
{
  size_t i;
  json_t *name;

  if (client_id != NULL && strcmp(iss, client_id) == 0 && !self->self_issued) {
    return 0; /* a client does not vouch for itself, unless the operator has said so */
  }
  if (list == NULL) {
    return occ__issuers_find(&self->issuers, iss) != NULL ||
           (self->self_issued && client_id != NULL && strcmp(iss, client_id) == 0);
  }
  json_array_foreach(list, i, name)
  {
    if (json_is_string(name) && strcmp(json_string_value(name), iss) == 0) {
      return 1;
    }
  }
  return 0;
}

/* What a policy put into the answer's params was not seen by accepts(): a list that is none is not met. */
static int has_required_claims(json_t *list, const json_t *claims)
{
  size_t i;
  json_t *name;

  if (list != NULL && !json_is_array(list)) {
    return 0;
  }
  json_array_foreach(list, i, name)
  {
    if (!json_is_string(name) || json_object_get(claims, json_string_value(name)) == NULL) {
      return 0;
    }
  }
  return 1;
}

static int check_life(const json_t *claims, occ_time now)
{
  int64_t iat = 0, exp = 0;
  int has, rc = occ__jwt_time(claims, "iat", 1, &iat, &has);

  if (rc == OCC_OK) {
    rc = occ__jwt_time(claims, "exp", 1, &exp, &has);
  }
  if (rc == OCC_OK) {
    rc = occ__jwt_check_times(claims, now, 1);
  }
  if (rc == OCC_OK && (exp < iat || exp - iat > MAX_LIFETIME_MS)) {
    rc = OCC__REASON_JWT_TIME;
  }
  return rc;
}

/* A member of the requirement, which is canonical; a new reference, or NULL where it has none. */
static int read_member(json_t **out, const occ_question *about, const char *name)
{
  const occ_span text = occ__jcs_text_get(occ__span_text(about->wanted), name);

  *out = NULL;
  return text.base == NULL ? OCC_OK : occ__json_read(out, text, &occ__json_config);
}

static int check_wanted(const options *self, const occ_question *about, const char *iss,
                        const json_t *claims)
{
  json_t *issuers, *required = NULL;
  int rc = read_member(&issuers, about, "issuer");

  if (rc == OCC_OK) {
    rc = read_member(&required, about, "required_claims");
  }
  if (rc == OCC_OK && !issuer_is_wanted(self, issuers, iss, about->client_id)) {
    rc = OCC__REASON_JWT_ISSUER;
  }
  if (rc == OCC_OK && !has_required_claims(required, claims)) {
    rc = OCC__REASON_JWT_CLAIM;
  }
  json_decref(issuers);
  json_decref(required);
  return rc;
}

/* Everything but the signature. */
static int check(const options *self, const occ_question *about, occ_jws *jws, const names *of)
{
  const char *iss = of->iss, *sub = of->sub, *jti = of->jti;
  int rc = occ__jws_check(jws, self->algs, self->typ);

  if (rc == OCC_OK && (iss == NULL || iss[0] == '\0' || strlen(iss) > OCC__MAX_CLIENT_ID)) {
    rc = OCC__REASON_JWT_ISSUER;
  }
  if (rc == OCC_OK && (jti == NULL || jti[0] == '\0' || strlen(jti) > OCC__MAX_ID)) {
    rc = OCC__REASON_JWT_CLAIM;
  }
  if (rc == OCC_OK &&
      (sub == NULL || about->client_id == NULL || strcmp(sub, about->client_id) != 0)) {
    rc = OCC__REASON_JWT_SUBJECT;
  }
  if (rc == OCC_OK) {
    rc = occ__jwt_check_audience(jws->claims, about->audience);
  }
  if (rc == OCC_OK) {
    rc = check_life(jws->claims, about->now);
  }
  return rc == OCC_OK ? check_wanted(self, about, iss, jws->claims) : rc;
}

static int is_thumbprint(const char *text)
{
  uint8_t octets[OCC__SHA256_LEN];

  return occ__b64_decode_exact(octets, sizeof(octets), occ__span_text(text)) == OCC_OK;
}

/* spec: RFC 7800, RFC 9449 section 6.1, RFC 8705 section 3.1: a token made for a key counts with that key alone. Only
 * thumbprints can be compared here, so any other confirmation is a no. */
static int tell_key(occ_evidence *evidence, const json_t *claims)
{
  const json_t *cnf = json_object_get(claims, "cnf");
  const char *jkt = occ__json_text(cnf, "jkt");
  const char *x5t = occ__json_text(cnf, "x5t#S256");
  const size_t known = (jkt != NULL ? 1u : 0u) + (x5t != NULL ? 1u : 0u);

  if (cnf == NULL) {
    return OCC_OK;
  }
  if (known == 0 || json_object_size(cnf) != known || (jkt != NULL && !is_thumbprint(jkt)) ||
      (x5t != NULL && !is_thumbprint(x5t))) {
    return OCC__REASON_JWT_CLAIM;
  }
  if (jkt != NULL) {
    occ_evidence_set_key(evidence, OCC_SENDER_DPOP, jkt); /* an error sticks in the evidence */
  }
  if (x5t != NULL) {
    occ_evidence_set_key(evidence, OCC_SENDER_MTLS, x5t);
  }
  return OCC_OK;
}

/* The nonce is compared and the jti taken by the core; a token without them gives it nothing that could fit. */
static int tell_core(occ_evidence *evidence, const json_t *claims, const names *of)
{
  const json_t *nonce = json_object_get(claims, "nonce");
  const char *text = json_is_string(nonce) ? json_string_value(nonce) : "";
  int rc =
      occ_evidence_set_nonce(evidence, text, json_is_string(nonce) ? json_string_length(nonce) : 0);

  if (rc == OCC_OK && of->iss != NULL && of->jti != NULL && of->jti[0] != '\0') {
    /* Its nonce is the handle, which names the store: it cannot have been used before now. */
    rc = occ_evidence_set_once(evidence, of->iss, of->jti, occ_evidence_about(evidence)->now);
  }
  return rc;
}

/* The key for it: configured, or the host is asked. OCC_PENDING: asked. */
static int find_key(const options *self, occ_evidence *evidence, state *kept, const occ_jws *jws,
                    const char *iss)
{
  const occ_issuer *issuer = occ__issuers_find(&self->issuers, iss);
  occ_question *q;

  if (issuer != NULL && issuer->has_keys) {
    const occ_jwk *key = occ__jwks_find(&issuer->keys, jws->kid, jws->alg);
    kept->has_key = key != NULL;
    if (key != NULL) {
      kept->key = *key;
    }
    return OCC_OK;
  }
  if (jws->kid != NULL) {
    memcpy(kept->kid, jws->kid, strlen(jws->kid) + 1);
  }
  q = occ_evidence_ask(evidence, OCC_ASK_KEYS);
  if (q == NULL) {
    return OCC_ERR_STATE;
  }
  memcpy(kept->iss, iss, strlen(iss) + 1); /* check() has seen to its length */
  q->issuer = kept->iss;
  q->kid = kept->kid[0] == '\0' ? NULL : kept->kid;
  return OCC_PENDING;
}

static int first_look(const options *self, occ_evidence *evidence, state *kept)
{
  const occ_question *about = occ_evidence_about(evidence);
  size_t len = 0, format_len = 0;
  const char *format = occ_evidence_param(evidence, "claim_token_format", &format_len);
  const char *token = occ_evidence_param(evidence, "claim_token", &len);
  occ_jws jws;
  names of;
  int rc;

  if (token == NULL || !occ__span_is(occ__span(format, format_len), JWT_FORMAT)) {
    return OCC_ERR_SYNTAX;
  }
  rc = occ__jws_parse(&jws, occ__lib_mem(self->lib), occ__span(token, len), &occ__json_request);
  if (rc != OCC_OK) {
    return rc < 0 ? rc : OCC_ERR_SYNTAX;
  }
  of = (names){ occ__json_text(jws.claims, "iss"), occ__json_text(jws.claims, "sub"),
                occ__json_text(jws.claims, "jti") };
  rc = tell_core(evidence, jws.claims, &of);
  if (rc == OCC_OK) {
    kept->reason = check(self, about, &jws, &of);
    if (kept->reason == 0) {
      kept->reason = tell_key(evidence, jws.claims);
    }
    rc = kept->reason < 0 ? kept->reason : OCC_OK;
  }
  kept->jws = jws;
  kept->jws.header = kept->jws.claims = NULL; /* not owned here: judge needs none of them */
  kept->jws.kid = NULL;
  if (rc == OCC_OK && kept->reason == 0) {
    rc = find_key(self, evidence, kept, &jws, of.iss);
  }
  occ__jws_clear(&jws);
  return rc;
}

/* The host's JWK Set for the issuer. None, or one without the key: judge rejects. */
static int take_keys(const options *self, const occ_evidence *evidence, state *kept)
{
  const void *data = NULL;
  size_t len = 0;
  occ_workspace *ws = NULL;
  json_t *json = NULL;
  occ_jwks keys = { 0 };
  const occ_jwk *key;
  int rc;

  if (occ_evidence_answer(evidence, &data, &len) != OCC_YES) {
    return OCC_OK;
  }
  rc = occ__lib_take(self->lib, &ws);
  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__json_read_object(&json, occ__span(data, len), &occ__json_config);
  if (rc == OCC_OK) {
    rc = occ__jwks_read(&keys, occ__lib_mem(self->lib), ws, json);
  }
  if (rc == OCC_OK) {
    key = occ__jwks_find(&keys, kept->kid, kept->jws.alg);
    kept->has_key = key != NULL;
    if (key != NULL) {
      kept->key = *key;
    }
  } else if (rc > 0 || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT) {
    rc = OCC_ERR_ANSWER; /* the host handed over something that is no key set */
  }
  occ__jwks_clear(&keys);
  json_decref(json);
  occ__lib_give(self->lib, ws);
  return rc;
}

static int parse(occ_evidence *evidence, int step, void *opened)
{
  state *kept = occ_evidence_keep(evidence, sizeof(*kept));

  if (kept == NULL) {
    return OCC_ERR_MEMORY;
  }
  return step == 0 ? first_look(opened, evidence, kept) : take_keys(opened, evidence, kept);
}

/* The claims as they were signed are the facts. */
static int accept_claims(occ_evidence *evidence, const state *kept)
{
  const uint8_t *dot = memchr(kept->jws.input.base, '.', kept->jws.input.len);
  char facts[OCC__MAX_JWT];
  occ_span payload;
  size_t len = 0;

  if (dot == NULL) {
    return OCC_ERR_INTERNAL;
  }
  payload.base = dot + 1;
  payload.len = kept->jws.input.len - (size_t)(payload.base - kept->jws.input.base);
  if (occ__b64_decode(facts, sizeof(facts), &len, payload) != OCC_OK) {
    return OCC_ERR_INTERNAL;
  }
  return occ_evidence_accept(evidence, facts, len);
}

static int judge(occ_evidence *evidence, int step, void *opened)
{
  const options *self = opened;
  state *kept = occ_evidence_keep(evidence, sizeof(*kept));
  occ_workspace *ws = NULL;
  int rc;

  (void)step;
  if (kept == NULL) {
    return OCC_ERR_MEMORY;
  }
  if (kept->reason != 0) {
    return occ_evidence_reject(evidence, occ_reason_name(kept->reason));
  }
  if (!kept->has_key) {
    return occ_evidence_reject(evidence, occ_reason_name(OCC__REASON_JOSE_KEY_UNKNOWN));
  }
  rc = occ__lib_take(self->lib, &ws);
  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__jws_verify(&kept->jws, ws, &kept->key);
  occ__lib_give(self->lib, ws);
  if (rc < 0) {
    return rc;
  }
  return rc == OCC_OK ? accept_claims(evidence, kept)
                      : occ_evidence_reject(evidence, occ_reason_name(rc));
}

static const char *const params[] = { "claim_token", "claim_token_format", NULL };

const occ_type occ__jwt_assertion_type = {
  .size = sizeof(occ_type),
  .name = "jwt_assertion",
  .evidence_class = OCC_PROVENANCE,
  .params = params,
  .open = open_type,
  .close = close_type,
  .accepts = accepts,
  .write = write_type,
  .parse = parse,
  .judge = judge,
};
