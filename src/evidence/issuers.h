/* SPDX-License-Identifier: MIT */
#ifndef OCC__ISSUERS_H
#define OCC__ISSUERS_H

/* The issuers that an operator trusts, with their keys parsed when the configuration is loaded: shared by the types whose
 * evidence is signed by somebody. An issuer without keys is one for which the host is asked (KEYS). */

#include "base/lib.h"
#include "jose/jwk.h"

typedef struct occ_issuer {
  char *name;
  occ_jwks keys;
  int has_keys;
} occ_issuer;

typedef struct occ_issuers {
  const occ_mem *mem;
  occ_issuer *issuer;
  size_t count;
} occ_issuers;

/* {"https://issuer.example": {"jwks": {"keys": [..]}}, "https://other.example": {}}. OCC_ERR_SYNTAX for anything else;
 * OCC_ERR_MEMORY, OCC_ERR_CRYPTO. problem: told where it is wrong, as a member "issuers"; may be NULL. */
int occ__issuers_read(occ_issuers *out, occ_lib *lib, json_t *json, occ_problem *problem);
const occ_issuer *occ__issuers_find(const occ_issuers *issuers, const char *name);
void occ__issuers_clear(occ_issuers *issuers);
/* ["ES256", ..] to bits; 0: not such a list, or an algorithm that is not known. */
unsigned occ__issuers_algs(const json_t *list);

#endif
