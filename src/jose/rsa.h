/* SPDX-License-Identifier: MIT */
#ifndef OCC__RSA_H
#define OCC__RSA_H

/* RSASSA-PKCS1-v1_5 and RSASSA-PSS on plain octets, for jwk.c and jws.c: which public keys are good, verify. Also the few
 * keys that a workspace keeps imported: whose keys these are, its owner's run decides; an import costs as much as a
 * verification. */

#include <openssl/types.h>

#include "jose/jwk.h"

#define OCC__RSA_KEPT 4u /* trusted issuers that still sign with RSA are few */

typedef struct occ_rsa_kept {
  EVP_PKEY_CTX *ctx; /* set up for alg; NULL: nothing is kept here */
  occ_alg alg;
  uint32_t e;
  size_t n_len;
  uint8_t n[OCC__RSA_MAX_LEN];
} occ_rsa_kept;

typedef struct occ_rsa_cache {
  occ_rsa_kept kept[OCC__RSA_KEPT];
  size_t next; /* the one that gives way */
} occ_rsa_cache;

/* Big endian numbers as they came. OCC_OK, or OCC__REASON_JOSE_KEY: a leading zero octet, a modulus of other than
 * OCC__MIN_RSA_BITS to OCC__MAX_RSA_BITS bits or even, an exponent of more than OCC__MAX_RSA_E_LEN octets, even or 1. No
 * arithmetic is done. */
int occ__rsa_check(occ_span n, occ_span e);
/* key has kty RSA, alg is one of its algorithms. OCC_OK, OCC__REASON_JOSE_SIGNATURE (among others: not of the modulus's
 * length, not below it), OCC_ERR_CRYPTO. */
int occ__rsa_verify(occ_workspace *ws, const occ_jwk *key, occ_alg alg, occ_span input,
                    occ_span sig);
void occ__rsa_cache_clear(occ_rsa_cache *cache);

#endif
