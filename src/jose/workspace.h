/* SPDX-License-Identifier: MIT */
#ifndef OCC__WORKSPACE_H
#define OCC__WORKSPACE_H

/* Kept OpenSSL contexts, so that nothing is fetched, decoded or duplicated in a request that could be kept. One
 * workspace serves one thread at a time; core/lib.c has the pool. Also the primitives that need nothing else: SHA-256,
 * HMAC-SHA-512 with AES-256-GCM for sessions. */

#include "base/mem.h"
#include "base/status.h"

typedef struct occ_workspace occ_workspace;

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

/* out = HMAC-SHA-512(key, part 1 || part 2 || ...). */
int occ__hmac_sha512(occ_workspace *ws, uint8_t out[64], occ_span key, const occ_span *part,
                     size_t parts);

#define OCC__AEAD_KEY_LEN 32u
#define OCC__AEAD_IV_LEN  12u
#define OCC__AEAD_TAG_LEN 16u
/* AES-256-GCM. seal: out has plain.len octets, tag 16. open: OCC_ERR_CRYPTO when the tag does not fit, and out is wiped. */
int occ__aead_seal(occ_workspace *ws, const uint8_t *key, const uint8_t *iv, occ_span aad,
                   occ_span plain, uint8_t *out, uint8_t *tag);
int occ__aead_open(occ_workspace *ws, const uint8_t *key, const uint8_t *iv, occ_span aad,
                   occ_span sealed, const uint8_t *tag, uint8_t *out);

/* The P-256 slot, for jose/curve.c: one kept verification context whose key is exchanged. put: 04 || x || y; OCC_OK, or
 * OCC__REASON_JOSE_KEY for what is no point of the curve. verify: der is a well-formed ECDSA-Sig-Value; OCC_OK or
 * OCC__REASON_JOSE_SIGNATURE; OCC_ERR_CRYPTO where no good key is in the slot. */
#define OCC__P256_PUB_LEN 65u
int occ__workspace_put_key(occ_workspace *ws, const uint8_t pub[OCC__P256_PUB_LEN]);
int occ__workspace_verify(occ_workspace *ws, const uint8_t *der, size_t len,
                          const uint8_t digest[OCC__SHA256_LEN]);

#endif
