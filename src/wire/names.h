/* SPDX-License-Identifier: MIT */
#ifndef OCC__NAMES_H
#define OCC__NAMES_H

/* Every name that goes over the wire because of the challenge protocol, in one table, so that a
 * renamed draft is a new table. Names of other RFCs (grant_type, DPoP, ...) are constants, for they
 * will not change. */

#include "base/status.h"

typedef struct occ_names {
  const char *dialect;     /* "kahrer-00" */
  const char *requirement; /* authorization_requirement */
  const char *session;     /* challenge_session: member and form parameter */
  const char *expires_in;
  const char *type;            /* member of the requirement */
  const char *capability;      /* client metadata: insufficient_client_authorization_supported */
  const char *types_supported; /* AS metadata, unregistered */
  const char *challenge_error; /* insufficient_client_authorization */
  int challenge_status;        /* 403 */
} occ_names;

extern const occ_names occ__names_kahrer_00;

/* OCC__NO_ERROR and what is no error count as OCC__SERVER_ERROR in these three (occ__error_text:
 * NULL for OCC__NO_ERROR). */
const char *occ__error_name(const occ_names *names, occ_oauth_error error); /* "invalid_request" */
int occ__error_http_status(const occ_names *names,
                           occ_oauth_error error); /* 400, 401, 403, 500, 503 */
const char *
occ__error_text(occ_oauth_error error); /* the fixed sentence for error_description, or NULL */

#define OCC__HEADER_DPOP                  "DPoP"
#define OCC__HEADER_DPOP_NONCE            "DPoP-Nonce"
#define OCC__HEADER_ATTESTATION           "OAuth-Client-Attestation"
#define OCC__HEADER_ATTESTATION_POP       "OAuth-Client-Attestation-PoP"
#define OCC__HEADER_ATTESTATION_CHALLENGE "OAuth-Client-Attestation-Challenge"
#define OCC__HEADER_AUTHORIZATION         "Authorization"

#endif
