/* SPDX-License-Identifier: MIT */
#ifndef OCC__KEYSET_H
#define OCC__KEYSET_H

/* The public keys of a client known by a URL: those of its document, and those that its jwks_uri leads to. A set with a
 * secret or private key in it is refused whole: who publishes one has lost it. */

#include "cimd/value.h"
#include "jose/jwk.h"

typedef struct occ_keyset {
  occ_value value;  /* first */
  const char *text; /* the JWK Set as received: what KEYS is answered with */
  size_t len;
  const char *kids; /* of the keys that can be used, each with its NUL */
  size_t kids_len;
} occ_keyset;

/* A set out of a response's body of at most max octets. OCC_OK, a reason (CIMD_LARGE, CIMD_JSON, CIMD_KEYS, CIMD_SECRET),
 * OCC_ERR_MEMORY, OCC_ERR_CRYPTO. */
int occ__keyset_read(occ_keyset **out, const occ_mem *mem, occ_workspace *ws, occ_span text,
                     size_t max);
/* Is there a usable key of that name? */
int occ__keyset_has(const occ_keyset *set, const char *kid);

/* The rules for a set wherever it stands. digest: over the thumbprints of the usable keys, in an order of their own. kids: as
 * above, may be NULL; it is not yet cleared on an error. */
int occ__keyset_judge(uint8_t digest[OCC__SHA256_LEN], occ_buf *kids, const occ_mem *mem,
                      occ_workspace *ws, const json_t *set);
/* Is there secret or private key material anywhere in it? */
int occ__keyset_is_secret(const json_t *value);

#endif
