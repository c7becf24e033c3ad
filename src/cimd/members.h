/* SPDX-License-Identifier: MIT */
#ifndef OCC__MEMBERS_H
#define OCC__MEMBERS_H

/* The members of a client's metadata document that are kept. Each by itself: what they say together is document.c's. */

#include <jansson.h>

#define OCC__MEMBERS_METHOD  "token_endpoint_auth_method"
#define OCC__MEMBERS_METHODS "token_endpoint_auth_methods_supported"
#define OCC__MEMBERS_ALG     "token_endpoint_auth_signing_alg"

/* Puts those that are kept into out, an empty object. OCC_OK, OCC__REASON_CIMD_MEMBER, OCC_ERR_MEMORY. */
int occ__members_select(json_t *out, json_t *document);

#endif
