/* SPDX-License-Identifier: MIT
 *
 * Client authentication, where the host has not said that it did it: by the method that the client has registered, a
 * signed assertion or a TLS certificate. Called in the state CLIENT. Three things are kept apart: a request that does not
 * authenticate (no credentials, no method registered), a public client (method "none"), and one that must and did not or
 * could not, which is always invalid_client with one text. Secrets stay the host's. What is used up is taken in ONCE.
 * spec: RFC 7521 section 4.2, RFC 7523 section 3, RFC 8705 section 2. */

#include "core/txn.h"

#include "base/b64.h"
#include "jose/x509.h"
#include "wire/json_in.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_TYP  "client-authentication+jwt"

static occ_step refuse(occ_txn *txn, int reason)
{
  return occ__txn_refuse_as(txn, OCC__INVALID_CLIENT, reason);
}

/* ---- Before the metadata: the assertion ---- */

/* spec: RFC 7515 section 4.1.9: a JWT of any other kind is not for this. Without typ it may be one (JA-7). */
static int check_header(const occ_txn *txn, occ_jws *jws)
{
  const occ_server *server = txn->server;
  const json_t *typ = json_object_get(jws->header, "typ");
  int rc;

  if (typ == NULL && !server->assertion_typ_required) {
    return occ__jws_check(jws, server->assertion_algs, NULL);
  }
  rc = occ__jws_check(jws, server->assertion_algs, ASSERTION_TYP);
  if (rc == OCC__REASON_JOSE_TYP && !server->assertion_typ_required) {
    rc = occ__jws_check(jws, server->assertion_algs, "JWT");
  }
  return rc;
}

static int is_for_url_of(const occ_txn *txn, const json_t *claims, occ_endpoint endpoint)
{
  for (char **url = txn->server->urls[endpoint]; *url != NULL; url++) {
    if (occ__jwt_check_audience(claims, *url) == OCC_OK) {
      return 1;
    }
  }
  return 0;
}

/* The issuer alone: an endpoint's URL as audience lets a malicious server pass on what was meant for another (JA-4). */
static int check_audience(const occ_txn *txn, const json_t *claims)
{
  int rc = occ__jwt_check_audience(claims, txn->server->issuer);

  if (rc != OCC_OK && txn->server->assertion_endpoint &&
      (is_for_url_of(txn, claims, OCC_TOKEN) || is_for_url_of(txn, claims, txn->endpoint))) {
    rc = OCC_OK;
  }
  return rc;
}

/* A client speaks for itself: iss and sub are its id. */
static int check_names(const json_t *claims)
{
  const char *iss = occ__json_text(claims, "iss");
  const char *sub = occ__json_text(claims, "sub");
  const char *jti = occ__json_text(claims, "jti");

  if (sub == NULL || sub[0] == '\0' || strlen(sub) > OCC__MAX_CLIENT_ID ||
      !occ__txn_is_vschar(sub)) {
    return OCC__REASON_JWT_SUBJECT;
  }
  if (iss == NULL || strcmp(iss, sub) != 0) {
    return OCC__REASON_JWT_ISSUER;
  }
  return jti == NULL || jti[0] == '\0' || strlen(jti) > OCC__MAX_ID ? OCC__REASON_JWT_CLAIM
                                                                    : OCC_OK;
}

/* The one end of its life that counts, by whatever clock of ours. */
static int is_over(const occ_assertion *assertion, occ_time now)
{
  return assertion->expires + OCC__JWT_SKEW_MS <= now;
}

/* An assertion is made for one request. So it is good for some minutes after it was made, however long its exp would have
 * it (RFC 10070's own example: an hour), and its jti need not be kept for longer. Without an iat it was made so many
 * minutes before exp at the earliest. */
static int check_times(occ_assertion *assertion, const json_t *claims, occ_time now)
{
  int64_t iat = 0, exp = 0;
  int has_iat = 0, has_exp, rc = occ__jwt_check_times(claims, now, 1);

  if (rc == OCC_OK) {
    rc = occ__jwt_time(claims, "exp", 1, &exp, &has_exp);
  }
  if (rc == OCC_OK) {
    rc = occ__jwt_time(claims, "iat", 0, &iat, &has_iat);
  }
  if (rc != OCC_OK) {
    return rc;
  }
  if (!has_iat) {
    iat = exp - OCC__ASSERTION_MS;
    if (iat - OCC__JWT_SKEW_MS > now) {
      return OCC__REASON_JWT_TIME;
    }
  }
  assertion->expires = exp < iat + OCC__ASSERTION_MS ? exp : iat + OCC__ASSERTION_MS;
  /* Taken no earlier than that. One more: a use in the very millisecond in which a store is made may have come before. */
  assertion->issued = iat - OCC__JWT_SKEW_MS - 1;
  return is_over(assertion, now) || exp - OCC__ASSERTION_EXP_MS - OCC__JWT_SKEW_MS > now
             ? OCC__REASON_JWT_TIME
             : OCC_OK;
}

static const char *keep_text(occ_txn *txn, const char *text)
{
  return occ__txn_text(txn, text, strlen(text));
}

/* What is needed after the claims have gone; the client is who the assertion says, until somebody disagrees. */
static int keep(occ_txn *txn, occ_assertion *assertion, const occ_jws *jws)
{
  assertion->jws = *jws;
  assertion->jws.header = assertion->jws.claims = NULL; /* not owned here */
  assertion->jws.kid = jws->kid == NULL ? NULL : keep_text(txn, jws->kid);
  assertion->jti = keep_text(txn, occ__json_text(jws->claims, "jti"));
  txn->client_id = keep_text(txn, occ__json_text(jws->claims, "sub"));
  txn->assertion = assertion;
  return txn->arena.rc;
}

static occ_step read_assertion(occ_txn *txn, const occ_param *param)
{
  occ_assertion *assertion = occ__arena_alloc(&txn->arena, sizeof(*assertion));
  occ_jws jws;
  int rc;

  if (assertion == NULL) {
    return occ__txn_fail_status(txn, txn->arena.rc);
  }
  rc = occ__jws_parse(&jws, occ__lib_mem(txn->lib), occ__span(param->value, param->value_len),
                      &occ__json_assertion);
  if (rc != OCC_OK) {
    return occ__txn_step_of(txn, rc, OCC__INVALID_CLIENT);
  }
  rc = check_header(txn, &jws);
  if (rc == OCC_OK) {
    rc = check_names(jws.claims);
  }
  if (rc == OCC_OK) {
    rc = check_audience(txn, jws.claims);
  }
  if (rc == OCC_OK) {
    rc = check_times(assertion, jws.claims, txn->now);
  }
  if (rc == OCC_OK) {
    rc = keep(txn, assertion, &jws);
  }
  occ__jws_clear(&jws);
  return occ__txn_step_of(txn, rc, OCC__INVALID_CLIENT);
}

occ_step occ__authenticate_begin(occ_txn *txn)
{
  const occ_param *type = occ__form_find(&txn->form, "client_assertion_type", 0);
  const occ_param *param = occ__form_find(&txn->form, "client_assertion", 0);
  const int asserts = type != NULL || param != NULL;
  const int secret = occ__form_find(&txn->form, "client_secret", 0) != NULL;
  const int header = occ__headers_find(&txn->headers, OCC__HEADER_AUTHORIZATION, 0) != NULL;

  if (txn->client_set) {
    return OCC__GO;
  }
  if (asserts + secret + header > 1) { /* spec: RFC 6749 section 2.3 */
    return occ__txn_refuse(txn, OCC__REASON_CLIENT_METHODS_SEVERAL);
  }
  if (secret || header) { /* the host has not said that it verified them */
    return refuse(txn, OCC__REASON_CLIENT_CREDENTIALS_UNVERIFIED);
  }
  if (!asserts) {
    return OCC__GO;
  }
  if (type == NULL || param == NULL ||
      !occ__span_is(occ__span(type->value, type->value_len), ASSERTION_TYPE)) {
    return refuse(txn, OCC__REASON_CLIENT_ASSERTION_UNSUPPORTED);
  }
  return read_assertion(txn, param);
}

/* ---- After the metadata: by the registered method ---- */

static occ_step authenticated(occ_txn *txn, const char *method)
{
  txn->client_method = method;
  txn->authenticated = 1;
  return OCC__GO;
}

static int certificate_key(occ_txn *txn)
{
  char text[OCC__B64_LEN(OCC__SHA256_LEN) + 1];
  const size_t len = occ__b64_encode(text, txn->certificate, sizeof(txn->certificate));

  txn->client_key = occ__txn_text(txn, text, len);
  return txn->client_key == NULL ? txn->arena.rc : OCC_OK;
}

/* The signature comes last, and only then is the jti worth taking: nobody can use up another client's. */
static int verify_assertion(occ_txn *txn, const json_t *set, int *bad_set)
{
  occ_assertion *assertion = txn->assertion;
  const occ_span part[2] = { occ__span_text(txn->client_id), occ__span_text(assertion->jti) };
  occ_jwk key;
  int rc = occ__jwks_pick(&key, txn->ws, set, assertion->jws.kid, assertion->jws.alg);

  *bad_set = rc == OCC__REASON_JOSE_KEY;
  if (rc != OCC_OK) {
    return rc;
  }
  if (is_over(assertion, txn->now)) { /* while the keys were looked for */
    return OCC__REASON_JWT_TIME;
  }
  rc = occ__jws_verify(&assertion->jws, txn->ws, &key);
  if (rc == OCC_OK) {
    rc = occ__digest_key(assertion->once, txn->ws, OCC__PURPOSE_ASSERTION, "assertion",
                         txn->server->issuer, part, 2);
  }
  if (rc == OCC_OK) {
    txn->client_key = keep_text(txn, key.thumbprint);
    rc = txn->arena.rc;
  }
  return rc;
}

/* Is it the certificate of a key of the set, octet for octet? Plain base64 (RFC 7517 section 4.7), the first is the key's. */
static int is_in_x5c(occ_txn *txn, const json_t *jwk)
{
  const json_t *first = json_array_get(json_object_get(jwk, "x5c"), 0);
  const occ_span text = occ__span(json_string_value(first), json_string_length(first));
  const size_t room = txn->certificate_der.len;
  const occ_mem *mem = occ__lib_mem(txn->lib);
  uint8_t *der;
  size_t len = 0;
  int rc;

  if (!json_is_string(first) || text.len / 4 * 3 > room + 2 || text.len / 4 * 3 < room) {
    return 0;
  }
  der = occ__mem_alloc(mem, room);
  if (der == NULL) {
    return OCC_ERR_MEMORY;
  }
  rc = occ__b64_decode_padded(der, room, &len, text);
  rc = rc == OCC_OK && occ__span_equal(occ__span(der, len), txn->certificate_der);
  occ__mem_free(mem, der, room);
  return rc;
}

/* 1, 0 or a negative status. */
static int is_in_any_x5c(occ_txn *txn, const json_t *set)
{
  const json_t *list = json_object_get(set, "keys");
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
    rc = is_in_x5c(txn, json_array_get(list, i));
  }
  return rc;
}

/* spec: RFC 8705 section 2.2: the chain is not looked at; the set says which certificates, or keys, are the client's. */
static int match_certificate(occ_txn *txn, const json_t *set, int *bad_set)
{
  occ_x509 own;
  occ_jwk key;
  int rc = occ__x509_read(&own, txn->certificate_der), listed;

  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__x509_key(&key, txn->ws, occ__lib_mem(txn->lib), &own);
  if (rc < 0) {
    return rc;
  }
  rc = occ__jwks_has(set, &key); /* a key that is none of ours is in no set */
  *bad_set = rc == OCC__REASON_JOSE_KEY;
  if (*bad_set) {
    return rc;
  }
  listed = rc == OCC_OK ? 1 : is_in_any_x5c(txn, set);
  if (listed < 0) {
    return listed;
  }
  return listed == 1 ? certificate_key(txn) : OCC__REASON_CERTIFICATE_OTHER;
}

/* The client's keys are there. *bad_set: it is the set that is wrong. */
static occ_step with_keys(occ_txn *txn, const json_t *set, int *bad_set)
{
  int rc;

  *bad_set = 0;
  rc = txn->assertion != NULL ? verify_assertion(txn, set, bad_set)
                              : match_certificate(txn, set, bad_set);
  if (rc != OCC_OK) {
    return occ__txn_step_of(txn, rc, OCC__INVALID_CLIENT);
  }
  return authenticated(txn,
                       txn->assertion != NULL ? "private_key_jwt" : "self_signed_tls_client_auth");
}

/* The keys of the metadata, or the host is asked: it knows what jwks_uri leads to. */
static occ_step find_keys(occ_txn *txn)
{
  const json_t *set = json_object_get(txn->metadata, "jwks");
  occ_question *q;
  int bad_set;

  if (set != NULL) {
    return with_keys(txn, set, &bad_set);
  }
  q = occ__question_open(txn, OCC_ASK_KEYS);
  q->issuer = txn->client_id;
  q->kid = txn->assertion == NULL ? NULL : txn->assertion->jws.kid;
  return OCC__ASKED;
}

occ_step occ__authenticate_keys(occ_txn *txn)
{
  json_t *set = NULL;
  occ_step step;
  int bad_set = 0;
  int rc =
      occ__json_read_object(&set, occ__span(txn->asking.data, txn->asking.len), &occ__json_client);

  if (rc != OCC_OK) {
    return rc == OCC_ERR_MEMORY ? occ__txn_fail_status(txn, rc)
                                : occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER);
  }
  step = with_keys(txn, set, &bad_set);
  json_decref(set);
  /* Who answers has to judge what it hands over: the peer did nothing wrong. */
  return bad_set ? occ__txn_fail(txn, OCC_ERR_ANSWER, OCC__REASON_HOST_ANSWER) : step;
}

static occ_step be_public(occ_txn *txn)
{
  txn->client_method = "none";
  return OCC__GO;
}

static occ_step by_assertion(occ_txn *txn)
{
  const json_t *alg = json_object_get(txn->metadata, "token_endpoint_auth_signing_alg");
  const char *name = json_string_value(alg);

  if (txn->assertion == NULL) {
    return refuse(txn, OCC__REASON_CLIENT_NOT_AUTHENTICATED);
  }
  if (alg != NULL && name == NULL) {
    return refuse(txn, OCC__REASON_CLIENT_METADATA);
  }
  if (name != NULL && strcmp(name, occ__alg_name(txn->assertion->jws.alg)) != 0) {
    return refuse(txn, OCC__REASON_JOSE_ALG);
  }
  return find_keys(txn);
}

/* A certificate says nothing of a client id: it must be in the request. spec: RFC 8705 section 2 */
static int has_certificate(const occ_txn *txn)
{
  return txn->has_certificate && txn->client_id != NULL;
}

/* Which name of the certificate is the client's. Several could be met by a certificate that somebody else may have. */
static int registered_name(const json_t *metadata, const char **value)
{
  static const char *const member[] = {
    "tls_client_auth_subject_dn",
    [OCC__X509_DNS] = "tls_client_auth_san_dns",
    [OCC__X509_URI] = "tls_client_auth_san_uri",
    [OCC__X509_IP] = "tls_client_auth_san_ip",
    [OCC__X509_EMAIL] = "tls_client_auth_san_email",
  };
  int found = -1;

  for (int i = 0; i < (int)(sizeof(member) / sizeof(member[0])); i++) {
    if (json_object_get(metadata, member[i]) == NULL) {
      continue;
    }
    *value = occ__json_text(metadata, member[i]);
    if (found >= 0 || *value == NULL || (*value)[0] == '\0') {
      return -1;
    }
    found = i;
  }
  return found;
}

static occ_step by_certificate(occ_txn *txn)
{
  const char *value = NULL;
  const int name = registered_name(txn->metadata, &value);
  occ_x509 own;
  int same, rc;

  if (!has_certificate(txn)) {
    return refuse(txn, OCC__REASON_CLIENT_NOT_AUTHENTICATED);
  }
  if (!txn->certificate_verified) {
    return refuse(txn, OCC__REASON_CERTIFICATE_UNVERIFIED);
  }
  if (name < 0) {
    return refuse(txn, OCC__REASON_CLIENT_METADATA);
  }
  rc = occ__x509_read(&own, txn->certificate_der);
  if (rc != OCC_OK) {
    return refuse(txn, rc);
  }
  same = name == 0 ? occ__x509_has_subject(&own, value)
                   : occ__x509_has_name(&own, (occ_x509_name)name, value);
  if (!same) {
    return refuse(txn, OCC__REASON_CERTIFICATE_OTHER);
  }
  rc = certificate_key(txn);
  return rc == OCC_OK ? authenticated(txn, "tls_client_auth") : occ__txn_fail_status(txn, rc);
}

static occ_step by_own_certificate(occ_txn *txn)
{
  return has_certificate(txn) ? find_keys(txn) : refuse(txn, OCC__REASON_CLIENT_NOT_AUTHENTICATED);
}

/* Metadata that name another client were looked up for another client. */
static int is_of_another(const occ_txn *txn)
{
  const json_t *named = txn->registered.client_id;

  return named != NULL && txn->client_id != NULL &&
         (!json_is_string(named) ||
          !occ__span_is(occ__span(json_string_value(named), json_string_length(named)),
                        txn->client_id));
}

static occ_step by_method(occ_txn *txn, const char *method)
{
  static const struct {
    const char *name;
    occ_action action;
  } row[] = {
    { "none", be_public },
    { "private_key_jwt", by_assertion },
    { "tls_client_auth", by_certificate },
    { "self_signed_tls_client_auth", by_own_certificate },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    if (strcmp(row[i].name, method) == 0) {
      return row[i].action(txn);
    }
  }
  return refuse(
      txn, OCC__REASON_CLIENT_NOT_AUTHENTICATED); /* a secret, or what we do not know: the host's */
}

occ_step occ__authenticate_client(occ_txn *txn)
{
  const json_t *member = txn->registered.method;
  const char *method = json_string_value(member);

  if (is_of_another(txn)) { /* whoever has authenticated it */
    return refuse(txn, OCC__REASON_CLIENT_MISMATCH);
  }
  if (txn->client_set) {
    return OCC__GO;
  }
  if (member != NULL && method == NULL) {
    return refuse(txn, OCC__REASON_CLIENT_METADATA);
  }
  if (txn->assertion != NULL && (method == NULL || strcmp(method, "private_key_jwt") != 0)) {
    return refuse(txn, OCC__REASON_CLIENT_ASSERTION_UNSUPPORTED);
  }
  return method == NULL ? OCC__GO : by_method(txn, method);
}
