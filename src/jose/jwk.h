/* SPDX-License-Identifier: MIT */
#ifndef OCC__JWK_H
#define OCC__JWK_H

/* JSON Web Keys (RFC 7517), sets of them, and thumbprints (RFC 7638). A key is read once, strictly, into plain octets.
 * When it is used it goes into a slot of the workspace, which keeps it there, so a key has no OpenSSL object: it may be
 * copied, dropped and shared by threads. Private members are refused unless the caller asks for a private key. */

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"
#include "jose/workspace.h"

typedef enum occ_alg { /* JWS algorithms, as a bit set too: 1u << alg */
                       OCC__ALG_NONE = 0,
                       OCC__ALG_ES256 = 1,
                       OCC__ALG_ED25519 = 2, /* "Ed25519" (RFC 9864) */
                       OCC__ALG_EDDSA = 3,   /* "EdDSA" (RFC 8037): read for Ed25519 keys only */
                       OCC__ALG_ES384 = 4, /* from here on read only: nothing is signed with them */
                       OCC__ALG_ES512 = 5,
                       OCC__ALG_PS256 = 6,
                       OCC__ALG_PS384 = 7,
                       OCC__ALG_PS512 = 8,
                       OCC__ALG_RS256 = 9,
                       OCC__ALG_RS384 = 10,
                       OCC__ALG_RS512 = 11,
                       OCC__ALGS = 12
} occ_alg;

#define OCC__ALG_BIT(alg) (1u << (alg))
/* design: DPoP, PoP, KB-JWT */
#define OCC__ALGS_DEFAULT                                                                          \
  (OCC__ALG_BIT(OCC__ALG_ES256) | OCC__ALG_BIT(OCC__ALG_ED25519) | OCC__ALG_BIT(OCC__ALG_EDDSA))
/* design: assertions and credentials. The others only by configuration: ES384 costs 9 verifications of ES256. */
#define OCC__ALGS_ASSERTION                                                                        \
  (OCC__ALGS_DEFAULT | OCC__ALG_BIT(OCC__ALG_PS256) | OCC__ALG_BIT(OCC__ALG_RS256))

occ_alg occ__alg_of_name(const char *name); /* exact; OCC__ALG_NONE: unknown */
const char *occ__alg_name(occ_alg alg);

typedef enum occ_kty {
  OCC__KTY_NONE = 0,
  OCC__KTY_P256 = 1,
  OCC__KTY_ED25519 = 2,
  OCC__KTY_P384 = 3,
  OCC__KTY_P521 = 4,
  OCC__KTY_RSA = 5
} occ_kty;

occ_kty occ__alg_kty(occ_alg alg); /* the kind of its keys */

#define OCC__RSA_MAX_LEN    (OCC__MAX_RSA_BITS / 8u) /* octets of a modulus */
#define OCC__THUMBPRINT_LEN 43u                      /* characters of a base64url SHA-256 */

typedef struct occ_jwk {
  occ_kty kty;
  occ_alg alg; /* of the member "alg", or OCC__ALG_NONE */
  size_t pub_len;
  uint8_t pub[OCC__RSA_MAX_LEN]; /* EC: 04 || x || y; Ed25519: 32 octets; RSA: the modulus */
  uint32_t e;                    /* RSA: the exponent */
  uint8_t priv[32];              /* "d", where it was asked for */
  int is_private;
  char kid[OCC__MAX_ID + 1]; /* "" for none */
  char thumbprint[OCC__THUMBPRINT_LEN + 1];
  uint8_t digest[OCC__SHA256_LEN]; /* the thumbprint, decoded */
} occ_jwk;

/* OCC_OK; OCC__REASON_JOSE_KEY for whatever is wrong with the key (kty, crv, a private member where a public key is
 * due, x short or off the curve, small-order Ed25519 point, RSA numbers beyond their limits or not minimal, "use" other
 * than sig, "key_ops" without verify (sign for a private key), "alg" of another kty, a kid that is no string or too
 * long, "d" of another key, a private key of a kind that nothing is signed with); OCC_ERR_MEMORY, OCC_ERR_CRYPTO. out is
 * cleared on any error. */
int occ__jwk_read(occ_jwk *out, occ_workspace *ws, const json_t *jwk, int want_private);
int occ__jwk_read_text(occ_jwk *out, occ_workspace *ws, occ_span json, int want_private);
/* May this key be used with that algorithm? */
int occ__jwk_fits(const occ_jwk *jwk, occ_alg alg);
void occ__jwk_wipe(occ_jwk *jwk);
/* A JWK with the public members only, canonical order, for a JWS header. */
void occ__jwk_write_public(occ_buf *out, const occ_jwk *jwk);
/* For sets: does it hold a private or symmetric member of any kty? Is it well-formed as far as that shows, but of a kty,
 * crv, alg, use or key_ops that is not ours? */
int occ__jwk_has_private(const json_t *jwk);
int occ__jwk_is_foreign(const json_t *jwk);
/* What its members kty and crv name. */
occ_kty occ__jwk_kty_of(const json_t *jwk);
/* Has it the same public key, in the one spelling that is taken? Nothing else of it is judged. */
int occ__jwk_is(const json_t *jwk, const occ_jwk *key);

typedef struct occ_jwks {
  const occ_mem *mem;
  occ_jwk *key;
  size_t count;
  size_t room; /* keys allocated; those that were skipped left some free */
} occ_jwks;

/* A JWK Set. Keys of an unknown kty, crv, use or alg, or whose key_ops lack verify, are skipped (RFC 7517 section 5); a set that holds a private or
 * symmetric key, two keys with one kid (and kty), more than OCC__MAX_JWKS_KEYS keys or a malformed key of a known kty is
 * refused: OCC__REASON_JOSE_KEY. An empty result is OCC_OK. OCC_ERR_MEMORY, OCC_ERR_CRYPTO. */
int occ__jwks_read(occ_jwks *out, const occ_mem *mem, occ_workspace *ws, const json_t *set);
/* The key for kid and alg. kid "" or NULL: the only key that fits alg, NULL where there are several. */
const occ_jwk *occ__jwks_find(const occ_jwks *jwks, const char *kid, occ_alg alg);
void occ__jwks_clear(occ_jwks *jwks);

/* For a set that a client may have written, and that is looked at once. Of all its keys one is read, so that it does not
 * matter what many of them would cost: the rest must be objects without private members, and nothing more.
 * OCC__REASON_JOSE_KEY where that does not hold, where the key is malformed, has an exponent other than 2^k + 1 or above
 * OCC__MAX_RSA_E_CLIENT, or where two have one kid (and kty);
 * OCC__REASON_JOSE_KEY_UNKNOWN where there is none, or without a kid several. OCC_ERR_CRYPTO. */
int occ__jwks_pick(occ_jwk *out, occ_workspace *ws, const json_t *set, const char *kid,
                   occ_alg alg);
/* Is that key one of the set? OCC_OK, OCC__REASON_JOSE_KEY, OCC__REASON_JOSE_KEY_UNKNOWN. */
int occ__jwks_has(const json_t *set, const occ_jwk *key);

#endif
