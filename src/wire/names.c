/* SPDX-License-Identifier: MIT */

/* The names of the challenge protocol as one draft spells them, and what each OAuth error is on the
 * wire: name, status, sentence. Called by core, agent and body.c; tables only. The sentences say
 * nothing of which check failed. */

#include "wire/names.h"

/* spec: S-01, S-02, S-03, S-04, S-06, S-09, S-13, S-16, C-05 */
const occ_names occ__names_kahrer_00 = {
  .dialect = "kahrer-00",
  .requirement = "authorization_requirement",
  .session = "challenge_session",
  .expires_in = "expires_in",
  .type = "type",
  .capability = "insufficient_client_authorization_supported",
  .types_supported = "authorization_requirement_types_supported",
  .challenge_error = "insufficient_client_authorization",
  .challenge_status = 403,
};

typedef struct error_row {
  const char *name; /* NULL: the dialect's */
  const char *text;
  int http_status; /* 0: the dialect's */
} error_row;

static const error_row errors[OCC__ERRORS] = {
  [OCC__INVALID_REQUEST] = { "invalid_request", "The request is malformed.", 400 },
  [OCC__INVALID_CLIENT] = { "invalid_client", "The client is not known or not authenticated.",
                            401 },
  [OCC__INVALID_GRANT] = { "invalid_grant", "The grant is not valid.", 400 },
  [OCC__UNAUTHORIZED_CLIENT] = { "unauthorized_client",
                                 "The client is not authorized for this request.", 400 },
  [OCC__INVALID_AUTHORIZATION_DETAILS] = { "invalid_authorization_details",
                                           "The authorization details are not acceptable.", 400 },
  [OCC__INSUFFICIENT_CLIENT_AUTHORIZATION] = { NULL, "The client must meet a requirement first.",
                                               0 },
  [OCC__USE_DPOP_NONCE] = { "use_dpop_nonce", "The DPoP proof must carry the given nonce.", 400 },
  [OCC__INVALID_DPOP_PROOF] = { "invalid_dpop_proof", "An acceptable DPoP proof is needed.", 400 },
  [OCC__USE_ATTESTATION_CHALLENGE] = { "use_attestation_challenge",
                                       "The attestation proof must carry the given challenge.",
                                       400 },
  [OCC__SERVER_ERROR] = { "server_error", "The server could not process the request.", 500 },
  [OCC__TEMPORARILY_UNAVAILABLE] = { "temporarily_unavailable",
                                     "The server cannot decide now, try again later.", 503 },
};

/* What is no error is ours, so the answer fails closed. */
static const error_row *row_of(occ_oauth_error error)
{
  return (unsigned)error > OCC__NO_ERROR && (unsigned)error < OCC__ERRORS
             ? &errors[error]
             : &errors[OCC__SERVER_ERROR];
}

const char *occ__error_name(const occ_names *names, occ_oauth_error error)
{
  const error_row *row = row_of(error);

  return row->name == NULL ? names->challenge_error : row->name;
}

int occ__error_http_status(const occ_names *names, occ_oauth_error error)
{
  const error_row *row = row_of(error);

  return row->http_status == 0 ? names->challenge_status : row->http_status;
}

const char *occ__error_text(occ_oauth_error error)
{
  return error == OCC__NO_ERROR ? NULL : row_of(error)->text;
}
