/* SPDX-License-Identifier: MIT
 *
 * The state SENDER: which keys does this request prove possession of? A DPoP proof is verified here, once (RFC 9449
 * section 4.3, the twelve checks less the one for access tokens); a TLS certificate has been hashed when it was set.
 * Cheap checks first, the signature last; the proof's jti is taken in ONCE. */

#include "core/txn.h"

#include "base/b64.h"
#include "core/nonce.h"
#include "core/url.h"
#include "jose/jws.h"
#include "wire/json_in.h"

void occ__sender_add(occ_txn *txn, occ_sender kind, const char *thumbprint,
                     const uint8_t octets[OCC__SHA256_LEN])
{
  memcpy(txn->sender[kind], thumbprint, OCC__THUMBPRINT_LEN + 1);
  memcpy(txn->sender_key[kind], octets, OCC__SHA256_LEN);
  txn->senders = (uint8_t)(txn->senders | (1u << kind));
}

/* spec: S-15 */
int occ__sender_shows(const occ_txn *txn, unsigned senders,
                      const uint8_t (*sender)[OCC__SHA256_LEN])
{
  for (int kind = OCC_SENDER_DPOP; kind <= OCC_SENDER_ATTESTED; kind++) {
    const unsigned bit = 1u << kind;

    if ((senders & bit) != 0 &&
        ((txn->senders & bit) == 0 ||
         !occ__equal_ct(txn->sender_key[kind], sender[kind], OCC__SHA256_LEN))) {
      return 0;
    }
  }
  return 1;
}

static int take_certificate(occ_txn *txn)
{
  char thumbprint[OCC__THUMBPRINT_LEN + 1];
  const unsigned bit = 1u << OCC_SENDER_MTLS;

  if (!txn->has_certificate) {
    return OCC_OK;
  }
  occ__b64_encode(thumbprint, txn->certificate, sizeof(txn->certificate));
  if ((txn->senders & bit) != 0) { /* the host has given the thumbprint too: they must agree */
    return strcmp(thumbprint, txn->sender[OCC_SENDER_MTLS]) == 0 ? OCC_OK : OCC_ERR_ARGUMENT;
  }
  occ__sender_add(txn, OCC_SENDER_MTLS, thumbprint, txn->certificate);
  return OCC_OK;
}

/* spec: RFC 9449 section 4.3, check 9; the public URLs come from the configuration. */
static int htu_is_ours(const occ_txn *txn, const char *htu)
{
  char normal[OCC__MAX_URL + 1];

  if (occ__url_normal(normal, NULL, occ__span_text(htu)) != OCC_OK) {
    return 0;
  }
  for (char **url = txn->server->urls[txn->endpoint]; *url != NULL; url++) {
    if (strcmp(*url, normal) == 0) {
      return 1;
    }
  }
  return 0;
}

/* The four claims that a proof must have (check 3), and where it is for (8, 9). */
static int check_claims(const occ_txn *txn, const json_t *claims)
{
  const char *jti = occ__json_text(claims, "jti");
  const char *htm = occ__json_text(claims, "htm");
  const char *htu = occ__json_text(claims, "htu");

  if (jti == NULL || jti[0] == '\0' || strlen(jti) > OCC__MAX_ID) {
    return OCC__REASON_JWT_CLAIM;
  }
  if (htm == NULL || strcmp(htm, "POST") != 0) {
    return OCC__REASON_DPOP_HTM;
  }
  if (htu == NULL || !htu_is_ours(txn, htu)) {
    return OCC__REASON_DPOP_HTU;
  }
  return OCC_OK;
}

/* The handle of this request, while it lives, is as good a nonce as any: it is ours, fresh, and names our store. One of
 * another store is not, or a proof could be replayed across a restart. */
static int is_live_handle(const occ_txn *txn, occ_span nonce)
{
  const occ_session *session = &txn->session;

  return txn->opened && txn->now < session->expires &&
         session->issued <= txn->now + OCC__NODE_SKEW_MS &&
         memcmp(session->store_id, txn->server->store_id, OCC__STORE_ID_LEN) == 0 &&
         occ__span_equal(nonce, occ__span_text(txn->handle));
}

static int classify_nonce(occ_txn *txn, const json_t *claims)
{
  const json_t *value = json_object_get(claims, "nonce");
  occ_time step_time = 0;
  occ_span nonce;
  int rc;

  if (value == NULL) {
    txn->proof.nonce = OCC__NONCE_NONE;
    return OCC_OK;
  }
  txn->proof.nonce = OCC__NONCE_FOREIGN;
  if (!json_is_string(value)) {
    return OCC_OK;
  }
  nonce = occ__span(json_string_value(value), json_string_length(value));
  if (txn->proof.nonce_deferred) { /* SESSION will look at it */
    txn->proof.nonce_text = occ__span(occ__txn_text(txn, nonce.base, nonce.len), nonce.len);
    if (txn->proof.nonce_text.base == NULL) {
      return txn->arena.rc;
    }
  }
  if (is_live_handle(txn, nonce)) {
    txn->proof.nonce = OCC__NONCE_HANDLE;
    return OCC_OK;
  }
  if (txn->keys == NULL || txn->server->nonce_mode == OCC__NONCE_OFF) {
    return OCC_OK;
  }
  rc = occ__nonce_check(txn->ws, txn->keys, txn->server->issuer, txn->server->store_id, nonce,
                        txn->now, &step_time);
  if (rc == OCC_OK) {
    txn->proof.nonce = OCC__NONCE_OURS;
  }
  return rc < 0 ? rc : OCC_OK;
}

static int is_ours(occ_nonce_kind kind)
{
  return kind == OCC__NONCE_OURS || kind == OCC__NONCE_HANDLE;
}

/* spec: RFC 9449 section 11.1 */
static int is_in_window(const occ_txn *txn)
{
  return txn->proof.iat >= txn->now - OCC__DPOP_BACK_MS &&
         txn->proof.iat <= txn->now + OCC__DPOP_AHEAD_MS;
}

/* One more: a use in the very millisecond in which a store is made may have come before it. */
static occ_time earliest_use(const occ_txn *txn)
{
  return txn->proof.iat - OCC__DPOP_AHEAD_MS - 1;
}

/* Once its nonce is too old, and where an unknown one is passed over, a proof is judged by its iat. That must not come to
 * be good after the store has forgotten the proof. */
static int is_good_too_late(const occ_txn *txn)
{
  return txn->server->nonce_mode == OCC__NONCE_ACCEPT && !txn->server->nonce_unknown_refuse &&
         txn->proof.iat >= txn->now + OCC__DPOP_FAR_MS;
}

/* A valid nonce tells the time better than iat does. */
static int check_time(occ_txn *txn, const json_t *claims)
{
  int has = 0;
  int rc = occ__jwt_time(claims, "iat", 1, &txn->proof.iat, &has);

  if (rc != OCC_OK) {
    return rc;
  }
  if (is_ours(txn->proof.nonce) && txn->server->nonce_mode != OCC__NONCE_OFF) {
    if (is_good_too_late(txn)) {
      return OCC__REASON_DPOP_TIME;
    }
    txn->proof.issued = txn->now;
  } else if (is_in_window(txn)) {
    txn->proof.issued = earliest_use(txn);
  } else {
    return OCC__REASON_DPOP_TIME;
  }
  /* exp and nbf are no claims of a proof, but count where they are. */
  return occ__jwt_check_lifetime(claims, txn->now, 0);
}

/* Is the evidence that we wait for carried by the proof? Then SESSION compares its nonce with the handle. */
static int pending_by_dpop(const occ_txn *txn)
{
  const occ_requirement *pending;

  if (!txn->opened) {
    return 0;
  }
  pending = occ__server_requirement(txn->server, txn->session.name);
  return pending != NULL && pending->kind->by_dpop;
}

static int nonce_reason(const occ_txn *txn)
{
  const occ_server *server = txn->server;

  if (!txn->proof.present || is_ours(txn->proof.nonce)) {
    return OCC_OK;
  }
  if (txn->proof.nonce == OCC__NONCE_NONE) {
    return server->nonce_mode == OCC__NONCE_REQUIRE ? OCC__REASON_DPOP_NONCE_MISSING : OCC_OK;
  }
  if (server->nonce_mode == OCC__NONCE_OFF) { /* no nonce can cure it, so none is offered */
    return server->nonce_unknown_refuse ? OCC__REASON_DPOP_NONCE_UNEXPECTED : OCC_OK;
  }
  return server->nonce_mode == OCC__NONCE_REQUIRE || server->nonce_unknown_refuse
             ? OCC__REASON_DPOP_NONCE_UNKNOWN
             : OCC_OK;
}

static occ_step nonce_rule(occ_txn *txn)
{
  int reason = nonce_reason(txn);

  if (reason != OCC_OK) {
    return occ__txn_refuse(txn, reason);
  }
  if (txn->proof.present && txn->proof.nonce == OCC__NONCE_FOREIGN) {
    occ__txn_emit(txn, OCC__EVENT_NONCE_IGNORED, 0, NULL, NULL);
  }
  return OCC__GO;
}

/* A handle is a nonce for its own request alone: else a stolen one would be good for anybody's proofs, for as long as it
 * lives, and the answer would tell whether it does. So all is judged anew, in the order of verify_proof(). */
static int forget_handle(occ_txn *txn)
{
  if (txn->proof.nonce == OCC__NONCE_HANDLE) {
    txn->proof.nonce = OCC__NONCE_FOREIGN;
    txn->proof.issued = earliest_use(txn);
    if (!is_in_window(txn)) {
      return OCC__REASON_DPOP_TIME;
    }
  } else if (!txn->proof.nonce_deferred) {
    return OCC_OK; /* it has been judged */
  }
  return nonce_reason(txn);
}

occ_step occ__sender_without_session(occ_txn *txn)
{
  const int is_handle = txn->proof.nonce == OCC__NONCE_HANDLE;

  if (forget_handle(txn) == OCC__REASON_DPOP_TIME) {
    return occ__txn_refuse_as(txn, OCC__INVALID_DPOP_PROOF, OCC__REASON_DPOP_TIME);
  }
  return is_handle || txn->proof.nonce_deferred ? nonce_rule(txn) : OCC__GO;
}

/* The key that the proof carries signs it: possession is shown. */
static int verify_signature(occ_txn *txn, const occ_jws *jws)
{
  occ_jwk key;
  int rc = occ__jwk_read(&key, txn->ws, json_object_get(jws->header, "jwk"), 0);

  if (rc == OCC_OK) {
    rc = occ__jws_verify(jws, txn->ws, &key);
  }
  if (rc == OCC_OK) {
    occ__sender_add(txn, OCC_SENDER_DPOP, key.thumbprint, key.digest);
  }
  return rc;
}

/* The replay key has the proof's key in it: nobody can burn another's jti. The proof's own octets are no key, for an
 * ECDSA signature has two spellings. */
static int take_jti(occ_txn *txn, const json_t *claims)
{
  const occ_span part[2] = { occ__span_text(txn->sender[OCC_SENDER_DPOP]),
                             occ__span_text(occ__json_text(claims, "jti")) };

  return occ__digest_key(txn->proof.once, txn->ws, OCC__PURPOSE_PROOF, "dpop", txn->server->issuer,
                         part, 2);
}

static int verify_proof(occ_txn *txn, const occ_header *line)
{
  occ_jws jws;
  int rc;

  if (line->value_len > OCC__MAX_PROOF) {
    return OCC__REASON_JOSE_MALFORMED;
  }
  rc = occ__jws_parse(&jws, occ__lib_mem(txn->lib), occ__span(line->value, line->value_len),
                      &occ__json_proof);

  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__jws_check(&jws, txn->server->dpop_algs, "dpop+jwt");
  if (rc == OCC_OK) {
    rc = check_claims(txn, jws.claims);
  }
  if (rc == OCC_OK) {
    rc = classify_nonce(txn, jws.claims);
  }
  if (rc == OCC_OK) {
    rc = check_time(txn, jws.claims);
  }
  if (rc == OCC_OK && !txn->proof.nonce_deferred) {
    rc = nonce_reason(txn); /* before the signature: cheaper, and no worse (RFC 9449 section 8) */
  }
  if (rc == OCC_OK) {
    rc = verify_signature(txn, &jws);
    if (rc > 0) { /* it is the proof of no session, so its nonce comes first here, too */
      const int reason = forget_handle(txn);
      rc = reason != OCC_OK ? reason : rc;
    }
  }
  if (rc == OCC_OK) {
    rc = take_jti(txn, jws.claims);
  }
  occ__jws_clear(&jws);
  return rc;
}

static occ_step take_proof(occ_txn *txn, const occ_header *line)
{
  int rc;

  if (occ__headers_find(&txn->headers, OCC__HEADER_DPOP, 1) != NULL) {
    return occ__txn_refuse(txn, OCC__REASON_DPOP_REPEATED);
  }
  txn->proof.present = 1;
  txn->proof.nonce_deferred = pending_by_dpop(txn);
  rc = verify_proof(txn, line);
  if (rc == OCC__REASON_DPOP_NONCE_MISSING || rc == OCC__REASON_DPOP_NONCE_UNKNOWN) {
    return occ__txn_refuse(txn, rc);
  }
  if (rc != OCC_OK) {
    return occ__txn_step_of(txn, rc, OCC__INVALID_DPOP_PROOF);
  }
  return txn->proof.nonce_deferred ? OCC__GO : nonce_rule(txn);
}

/* The client has registered that its tokens are bound to such a key, and none is shown. At the PAR endpoint no token is
 * made. */
static int lacks(const occ_txn *txn, const json_t *flag, occ_sender kind)
{
  return txn->endpoint == OCC_TOKEN && json_is_true(flag) && (txn->senders & (1u << kind)) == 0;
}

/* spec: RFC 9449 section 10.1: the key that the code is to be bound to, and the one that is shown with it, are one. */
static int fits_dpop_jkt(const occ_txn *txn)
{
  const occ_param *jkt = occ__form_find(&txn->form, "dpop_jkt", 0);

  return txn->endpoint != OCC_PAR || jkt == NULL || (txn->senders & (1u << OCC_SENDER_DPOP)) == 0 ||
         occ__span_is(occ__span(jkt->value, jkt->value_len), txn->sender[OCC_SENDER_DPOP]);
}

occ_step occ__sender_verify(occ_txn *txn)
{
  const occ_header *line = occ__headers_find(&txn->headers, OCC__HEADER_DPOP, 0);
  int rc = take_certificate(txn);
  occ_step step = OCC__GO;

  if (rc != OCC_OK) {
    return occ__txn_fail(txn, rc, OCC__REASON_HOST_INPUT);
  }
  /* spec: RFC 8705 section 3.4 */
  if (lacks(txn, txn->registered.certificate_bound, OCC_SENDER_MTLS)) {
    return occ__txn_refuse(txn, OCC__REASON_CERTIFICATE_MISSING);
  }
  if (line != NULL && !txn->server->dpop_host) {
    step = take_proof(txn, line);
  }
  /* spec: RFC 9449 section 5.2 */
  if (step == OCC__GO && lacks(txn, txn->registered.dpop_bound, OCC_SENDER_DPOP)) {
    return occ__txn_refuse(txn, OCC__REASON_DPOP_MISSING);
  }
  return step == OCC__GO && !fits_dpop_jkt(txn) ? occ__txn_refuse(txn, OCC__REASON_DPOP_JKT) : step;
}
