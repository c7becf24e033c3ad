/* SPDX-License-Identifier: MIT */
#ifndef OCC__WORKSPACE_H
#define OCC__WORKSPACE_H

/* Kept OpenSSL contexts, so that nothing is fetched, decoded or duplicated in a request that could be kept. One
 * workspace serves one thread at a time; core/lib.c has the pool. Also the primitives that need nothing else: the hashes,
 * HMAC-SHA-256 with AES-256-GCM for sessions. */

#include "base/mem.h"
#include "base/status.h"

typedef struct occ_workspace occ_workspace;

typedef enum occ_hash {
  OCC__SHA256 = 0,
  OCC__SHA384 = 1,
  OCC__SHA512 = 2,
  OCC__HASHES = 3
} occ_hash;

typedef enum occ_curve { OCC__P256 = 0, OCC__P384 = 1, OCC__P521 = 2, OCC__CURVES = 3 } occ_curve;

/* OCC_OK, OCC_ERR_MEMORY, OCC_ERR_CRYPTO. */
int occ__workspace_new(occ_workspace **out, const occ_mem *mem);
void occ__workspace_free(occ_workspace *ws); /* wipes; NULL is fine */

#define OCC__SHA256_LEN 32u

/* SHA-256 in pieces, on the kept context: begin, add any number of times, end. Errors stick until end, which returns
 * OCC_OK or OCC_ERR_CRYPTO and zeroes out on error. One digest at a time for one workspace. */
void occ__sha256_begin(occ_workspace *ws);
void occ__sha256_add(occ_workspace *ws, const void *octets, size_t len);
void occ__sha256_add_u32(occ_workspace *ws, size_t number); /* big endian */
void occ__sha256_add_text(occ_workspace *ws,
                          const char *text); /* len32, then the octets; NULL: len 0xffffffff */
int occ__sha256_end(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN]);
int occ__sha256(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN], occ_span octets);

#define OCC__HASH_MAX_LEN 64u
size_t occ__hash_len(occ_hash hash);
/* Any of them, at once; out gets occ__hash_len() octets. OCC_OK, or OCC_ERR_CRYPTO, which zeroes them. */
int occ__hash(occ_workspace *ws, occ_hash hash, uint8_t out[OCC__HASH_MAX_LEN], occ_span octets);

/* out = HMAC-SHA-256(key, part 1 || part 2 || ...). Not while a digest is under way. */
int occ__hmac_sha256(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN], occ_span key,
                     const occ_span *part, size_t parts);

#define OCC__AEAD_KEY_LEN 32u
#define OCC__AEAD_IV_LEN  12u
#define OCC__AEAD_TAG_LEN 16u
/* AES-256-GCM. seal: out has plain.len octets, tag 16. open: OCC_ERR_CRYPTO when the tag does not fit, and out is wiped. */
int occ__aead_seal(occ_workspace *ws, const uint8_t *key, const uint8_t *iv, occ_span aad,
                   occ_span plain, uint8_t *out, uint8_t *tag);
int occ__aead_open(occ_workspace *ws, const uint8_t *key, const uint8_t *iv, occ_span aad,
                   occ_span sealed, const uint8_t *tag, uint8_t *out);

/* The slots, for jose/curve.c: for each curve one kept verification context whose key is exchanged. Those of P-384 and
 * P-521 are made when first used. put: 04 || x || y; OCC_OK, OCC__REASON_JOSE_KEY for what is no point of the curve,
 * OCC_ERR_CRYPTO. verify: der is a well-formed ECDSA-Sig-Value, digest has 32, 48, 64 octets, by the curve; OCC_OK or
 * OCC__REASON_JOSE_SIGNATURE; OCC_ERR_CRYPTO where no good key is in the slot. */
#define OCC__P256_PUB_LEN  65u
#define OCC__POINT_MAX_LEN 133u
int occ__workspace_put_key(occ_workspace *ws, occ_curve curve, const uint8_t *pub);
int occ__workspace_verify(occ_workspace *ws, occ_curve curve, const uint8_t *der, size_t len,
                          const uint8_t *digest);
/* The same for RSA keys, for jose/rsa.c, which says what it is. */
struct occ_rsa_cache *occ__workspace_rsa(occ_workspace *ws);

#endif
