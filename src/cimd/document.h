/* SPDX-License-Identifier: MIT */
#ifndef OCC__DOCUMENT_H
#define OCC__DOCUMENT_H

/* A client ID metadata document: judged once when it was fetched, then immutable. Of what stands in it only the members of a
 * list are kept, so that nothing that nobody has looked at is ever stored, shown or followed. */

#include "cimd/client_url.h"
#include "cimd/keyset.h"

typedef struct occ_document_rules {
  size_t octets;                 /* of the text */
  occ_client_url_rules jwks_uri; /* which URLs jwks_uri may be */
  int same_host;                 /* jwks_uri must be on the host of the client id */
} occ_document_rules;

typedef struct occ_document {
  occ_value value; /* first */
  const char
      *metadata; /* JSON: what is kept; token_endpoint_auth_method is the method that counts */
  size_t metadata_len;
  const char *method;   /* the same; "none" for a public client */
  const char *jwks_uri; /* NULL: none */
  const char *jwks;     /* the set in the document, JSON; NULL: none */
  int capable;          /* the capability flag is the JSON boolean true */
  int capability_odd;   /* it is there, and no boolean: counts as false, and an event tells */
} occ_document;

/* text: the body of the response; client_id: the URL that was fetched. OCC_OK, a reason (CIMD_LARGE, CIMD_JSON,
 * CIMD_MISMATCH, CIMD_MEMBER, CIMD_SECRET, CIMD_METHOD, CIMD_KEYS, CIMD_JWKS_URI), OCC_ERR_MEMORY, OCC_ERR_CRYPTO. */
int occ__document_read(occ_document **out, const occ_mem *mem, occ_workspace *ws, occ_span text,
                       occ_span client_id, const occ_document_rules *rules);

#endif
