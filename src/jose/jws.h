/* SPDX-License-Identifier: MIT */
#ifndef OCC__JWS_H
#define OCC__JWS_H

/* Compact JWS that are JWTs (RFC 7515, 7519, 8725): parse strictly, verify with a key that the caller chose, sign. The
 * algorithm comes from the caller's allow-list, never from the token alone; no URL in a token is ever looked at. */

#include "base/buf.h"
#include "jose/jwk.h"
#include "wire/json_in.h"

typedef struct occ_jws {
  json_t *header; /* owned */
  json_t *claims; /* owned; an object */
  occ_alg alg;
  const char *kid; /* borrowed from header; NULL: none */
  occ_span input;  /* header "." payload, borrowed from the token */
  size_t
      sig_len; /* octets of the signature in the token; sig holds them only where there is room */
  uint8_t sig[OCC__RSA_MAX_LEN];
} occ_jws;

/* Splits, decodes and reads; limits hold for the header and for the claims, each. OCC_OK; OCC__REASON_JOSE_MALFORMED for what is no JWT at all: other than two dots, an empty
 * part, strict base64url, header or payload no JSON object, duplicate names, limits, over OCC__MAX_JWT. What is a JWT but
 * not an acceptable one is found by occ__jws_check(). out is cleared on any error. */
int occ__jws_parse(occ_jws *out, const occ_mem *mem, occ_span token, const occ_json_limits *limits);
/* After parse, before any key is looked for: alg is in `algs` (bits), typ is `typ` (media type, without case, with or
 * without "application/"), no crit, no b64 (RFC 7797), kid a string within its limit, signature of the length that alg has. typ NULL: not looked
 * at. (What RSA signatures have depends on the key; here they are within the limits of keys.) Reasons: JOSE_ALG, JOSE_TYP, JOSE_CRIT, JOSE_KEY (kid), JOSE_SIGNATURE. Sets out->alg and out->kid. */
int occ__jws_check(occ_jws *jws, unsigned algs, const char *typ);
/* OCC_OK, OCC__REASON_JOSE_SIGNATURE, OCC__REASON_JOSE_KEY (the key does not fit alg), OCC_ERR_CRYPTO. */
int occ__jws_verify(const occ_jws *jws, occ_workspace *ws, const occ_jwk *key);
void occ__jws_clear(occ_jws *jws);

/* Claims. Each returns OCC_OK or a reason. */
/* NumericDate to milliseconds (a fraction is cut). absent: JWT_CLAIM if required, else *has = 0. Not a number, negative,
 * beyond 2^53: JWT_CLAIM. */
int occ__jwt_time(const json_t *claims, const char *name, int required, int64_t *ms, int *has);
/* exp passed, nbf or iat ahead (with OCC__JWT_SKEW_MS): JWT_TIME. require_exp. */
int occ__jwt_check_times(const json_t *claims, int64_t now, int require_exp);
/* exp and nbf alone, for a token whose iat has a window of its own. */
int occ__jwt_check_lifetime(const json_t *claims, int64_t now, int require_exp);
/* aud is the one string `audience`, or an array of exactly that: else JWT_AUDIENCE. */
int occ__jwt_check_audience(const json_t *claims, const char *audience);

/* Octets of a signature that is made here or by a host for us: ES256 and Ed25519. */
#define OCC__JWS_MADE_LEN 64u
/* Is the key of a kind that signs: P-256 or Ed25519? */
int occ__jws_may_sign(const occ_jwk *key);
/* Signs: header and claims are JSON objects, alg ES256 or Ed25519 by the key's kind; puts the compact JWS. OCC_OK,
 * out->rc, OCC__REASON_JOSE_KEY (no private key), OCC_ERR_CRYPTO; but for OCC_OK, throw away what out holds. */
int occ__jws_sign(occ_buf *out, occ_workspace *ws, const occ_jwk *key, occ_span header,
                  occ_span claims);
/* The same in two halves, for a key that is elsewhere: base64url(header) "." base64url(claims). */
int occ__jws_input(occ_buf *out, occ_span header, occ_span claims);

#endif
