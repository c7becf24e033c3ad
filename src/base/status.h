/* SPDX-License-Identifier: MIT */
#ifndef OCC__STATUS_H
#define OCC__STATUS_H

/* Reasons: why a request was refused, a session found stale, or a txn failed. A closed set, used as metric label and in
 * the audit log, never shown to the peer. One list gives name, OAuth error and HTTP status.
 *
 * Internal functions that judge peer input return int: OCC_OK, a negative status (a fault of ours or the host's), or a
 * positive reason (the peer's fault). They never return OCC_PENDING. */

#include "occ/base.h"

/* OAuth errors by what they are; their wire names are in wire/names.c. */
typedef enum occ_oauth_error {
  OCC__NO_ERROR = 0,
  OCC__INVALID_REQUEST,
  OCC__INVALID_CLIENT,
  OCC__INVALID_GRANT,
  OCC__UNAUTHORIZED_CLIENT,
  OCC__INVALID_AUTHORIZATION_DETAILS,
  OCC__INSUFFICIENT_CLIENT_AUTHORIZATION,
  OCC__USE_DPOP_NONCE,
  OCC__INVALID_DPOP_PROOF,
  OCC__USE_ATTESTATION_CHALLENGE,
  OCC__SERVER_ERROR,
  OCC__TEMPORARILY_UNAVAILABLE,
  OCC__ERRORS
} occ_oauth_error;

/* X(NAME, "name", oauth error): the error that the reason leads to by itself; OCC__NO_ERROR where
 * it only explains an event (a stale session is no error of its own). New reasons at the end of
 * their group; names are never reused. */
#define OCC__REASON_LIST(X)                                                                        \
  X(FORM_MALFORMED, "form_malformed", OCC__INVALID_REQUEST)                                        \
  X(FORM_TOO_LARGE, "form_too_large", OCC__INVALID_REQUEST)                                        \
  X(FORM_TOO_MANY, "form_too_many_parameters", OCC__INVALID_REQUEST)                               \
  X(PARAM_REPEATED, "parameter_repeated", OCC__INVALID_REQUEST)                                    \
  X(GRANT_TYPE_MISSING, "grant_type_missing", OCC__INVALID_REQUEST)                                \
  X(HEADER_MALFORMED, "header_malformed", OCC__INVALID_REQUEST)                                    \
  X(HEADER_TOO_LARGE, "header_too_large", OCC__INVALID_REQUEST)                                    \
  X(HEADERS_TOO_MANY, "headers_too_many", OCC__INVALID_REQUEST)                                    \
  X(DETAILS_TOO_LARGE, "authorization_details_too_large", OCC__INVALID_REQUEST)                    \
  X(DETAILS_MALFORMED, "authorization_details_malformed", OCC__INVALID_AUTHORIZATION_DETAILS)      \
  X(JSON_TOO_LARGE, "json_too_large", OCC__INVALID_REQUEST)                                        \
  X(CLIENT_MISMATCH, "client_mismatch", OCC__INVALID_CLIENT)                                       \
  X(CLIENT_UNKNOWN, "client_unknown", OCC__INVALID_CLIENT)                                         \
  X(CLIENT_CREDENTIALS_UNVERIFIED, "client_credentials_unverified", OCC__INVALID_CLIENT)           \
  X(CLIENT_ASSERTION_UNSUPPORTED, "client_assertion_unsupported", OCC__INVALID_CLIENT)             \
  X(CLIENT_ASSERTION_REPLAYED, "client_assertion_replayed", OCC__INVALID_CLIENT)                   \
  X(CLIENT_METHODS_SEVERAL, "client_methods_several", OCC__INVALID_REQUEST)                        \
  X(CLIENT_METADATA, "client_metadata_malformed", OCC__INVALID_CLIENT)                             \
  X(CLIENT_NOT_AUTHENTICATED, "client_not_authenticated", OCC__INVALID_CLIENT)                     \
  X(CERTIFICATE_MISSING, "certificate_missing", OCC__INVALID_REQUEST)                              \
  X(CERTIFICATE_UNVERIFIED, "certificate_unverified", OCC__INVALID_CLIENT)                         \
  X(CERTIFICATE_MALFORMED, "certificate_malformed", OCC__INVALID_CLIENT)                           \
  X(CERTIFICATE_OTHER, "certificate_of_another", OCC__INVALID_CLIENT)                              \
  X(CIMD_URL, "cimd_url", OCC__INVALID_CLIENT)                                                     \
  X(CIMD_HOST, "cimd_host", OCC__INVALID_CLIENT)                                                   \
  X(CIMD_STATUS, "cimd_status", OCC__INVALID_CLIENT)                                               \
  X(CIMD_TYPE, "cimd_content_type", OCC__INVALID_CLIENT)                                           \
  X(CIMD_LARGE, "cimd_too_large", OCC__INVALID_CLIENT)                                             \
  X(CIMD_JSON, "cimd_json", OCC__INVALID_CLIENT)                                                   \
  X(CIMD_MISMATCH, "cimd_client_id", OCC__INVALID_CLIENT)                                          \
  X(CIMD_MEMBER, "cimd_member", OCC__INVALID_CLIENT)                                               \
  X(CIMD_SECRET, "cimd_secret", OCC__INVALID_CLIENT)                                               \
  X(CIMD_METHOD, "cimd_method", OCC__INVALID_CLIENT)                                               \
  X(CIMD_JWKS_URI, "cimd_jwks_uri", OCC__INVALID_CLIENT)                                           \
  X(CIMD_KEYS, "cimd_keys", OCC__INVALID_CLIENT)                                                   \
  X(CIMD_UNREACHABLE, "cimd_unreachable", OCC__TEMPORARILY_UNAVAILABLE)                            \
  X(CIMD_BUSY, "cimd_busy", OCC__TEMPORARILY_UNAVAILABLE)                                          \
  X(DPOP_REPEATED, "dpop_repeated", OCC__INVALID_DPOP_PROOF)                                       \
  X(DPOP_HTM, "dpop_htm", OCC__INVALID_DPOP_PROOF)                                                 \
  X(DPOP_HTU, "dpop_htu", OCC__INVALID_DPOP_PROOF)                                                 \
  X(DPOP_TIME, "dpop_time", OCC__INVALID_DPOP_PROOF)                                               \
  X(DPOP_NONCE_MISSING, "dpop_nonce_missing", OCC__USE_DPOP_NONCE)                                 \
  X(DPOP_NONCE_UNKNOWN, "dpop_nonce_unknown", OCC__USE_DPOP_NONCE)                                 \
  X(DPOP_NONCE_UNEXPECTED, "dpop_nonce_unexpected", OCC__INVALID_DPOP_PROOF)                       \
  X(DPOP_REPLAYED, "dpop_replayed", OCC__INVALID_DPOP_PROOF)                                       \
  X(DPOP_STORE_YOUNG, "dpop_store_young", OCC__USE_DPOP_NONCE)                                     \
  X(DPOP_MISSING, "dpop_missing", OCC__INVALID_DPOP_PROOF)                                         \
  X(DPOP_JKT, "dpop_jkt", OCC__INVALID_DPOP_PROOF)                                                 \
  X(SENDER_REQUIRED, "sender_key_required", OCC__INVALID_DPOP_PROOF)                               \
  X(JOSE_MALFORMED, "jose_malformed", OCC__INVALID_REQUEST)                                        \
  X(JOSE_ALG, "jose_alg", OCC__NO_ERROR)                                                           \
  X(JOSE_TYP, "jose_typ", OCC__NO_ERROR)                                                           \
  X(JOSE_CRIT, "jose_crit", OCC__NO_ERROR)                                                         \
  X(JOSE_KEY, "jose_key", OCC__NO_ERROR)                                                           \
  X(JOSE_KEY_UNKNOWN, "jose_key_unknown", OCC__NO_ERROR)                                           \
  X(JOSE_SIGNATURE, "jose_signature", OCC__NO_ERROR)                                               \
  X(JWT_CLAIM, "jwt_claim", OCC__NO_ERROR)                                                         \
  X(JWT_TIME, "jwt_time", OCC__NO_ERROR)                                                           \
  X(JWT_AUDIENCE, "jwt_audience", OCC__NO_ERROR)                                                   \
  X(JWT_ISSUER, "jwt_issuer", OCC__NO_ERROR)                                                       \
  X(JWT_SUBJECT, "jwt_subject", OCC__NO_ERROR)                                                     \
  X(GRANT_TYPE_UNREGISTERED, "grant_type_unregistered", OCC__UNAUTHORIZED_CLIENT)                  \
  X(GRANT_REFUSED, "grant_refused", OCC__INVALID_GRANT)                                            \
  X(GRANT_EXPIRED, "grant_expired", OCC__INVALID_GRANT)                                            \
  X(HOST_REFUSED, "host_refused", OCC__UNAUTHORIZED_CLIENT)                                        \
  X(SESSION_MALFORMED, "session_malformed", OCC__NO_ERROR)                                         \
  X(SESSION_KEY_UNKNOWN, "session_key_unknown", OCC__NO_ERROR)                                     \
  X(SESSION_FORGED, "session_forged", OCC__NO_ERROR)                                               \
  X(SESSION_NOT_KEPT, "session_not_kept", OCC__NO_ERROR)                                           \
  X(SESSION_EXPIRED, "session_expired", OCC__NO_ERROR)                                             \
  X(SESSION_AHEAD, "session_ahead", OCC__NO_ERROR)                                                 \
  X(SESSION_STORE, "session_of_another_store", OCC__NO_ERROR)                                      \
  X(SESSION_SENDER, "session_of_another_sender", OCC__NO_ERROR)                                    \
  X(SESSION_CAPABILITY, "session_capability_withdrawn", OCC__NO_ERROR)                             \
  X(SESSION_REQUIREMENT, "session_requirement_gone", OCC__NO_ERROR)                                \
  X(SESSION_CHANGED, "session_request_changed", OCC__NO_ERROR)                                     \
  X(SESSION_USED, "session_used", OCC__NO_ERROR)                                                   \
  X(RECEIPT_MALFORMED, "receipt_malformed", OCC__NO_ERROR)                                         \
  X(RECEIPT_KEY_UNKNOWN, "receipt_key_unknown", OCC__NO_ERROR)                                     \
  X(RECEIPT_FORGED, "receipt_forged", OCC__NO_ERROR)                                               \
  X(RECEIPT_EXPIRED, "receipt_expired", OCC__NO_ERROR)                                             \
  X(RECEIPT_AHEAD, "receipt_ahead", OCC__NO_ERROR)                                                 \
  X(RECEIPT_GRANT, "receipt_for_another_grant", OCC__NO_ERROR)                                     \
  X(RECEIPT_CLIENT, "receipt_of_another_client", OCC__NO_ERROR)                                    \
  X(RECEIPT_SENDER, "receipt_of_another_sender", OCC__NO_ERROR)                                    \
  X(RECEIPT_REQUIREMENT, "receipt_requirement_gone", OCC__NO_ERROR)                                \
  X(EVIDENCE_UNASKED, "evidence_unasked", OCC__NO_ERROR)                                           \
  X(EVIDENCE_MISSING, "evidence_missing", OCC__INVALID_REQUEST)                                    \
  X(EVIDENCE_MALFORMED, "evidence_malformed", OCC__INVALID_REQUEST)                                \
  X(SENDER_ADDED, "sender_key_added", OCC__INVALID_REQUEST)                                        \
  X(EVIDENCE_NONCE, "evidence_nonce", OCC__UNAUTHORIZED_CLIENT)                                    \
  X(EVIDENCE_REPLAYED, "evidence_replayed", OCC__UNAUTHORIZED_CLIENT)                              \
  X(EVIDENCE_REJECTED, "evidence_rejected", OCC__UNAUTHORIZED_CLIENT)                              \
  X(EVIDENCE_RETRY, "evidence_retry", OCC__INSUFFICIENT_CLIENT_AUTHORIZATION)                      \
  X(POLICY_CHALLENGED, "policy_challenged", OCC__INSUFFICIENT_CLIENT_AUTHORIZATION)                \
  X(POLICY_REFUSED, "policy_refused", OCC__UNAUTHORIZED_CLIENT)                                    \
  X(NO_CAPABILITY, "no_capability", OCC__UNAUTHORIZED_CLIENT)                                      \
  X(NOTHING_TO_BIND, "nothing_to_bind", OCC__UNAUTHORIZED_CLIENT)                                  \
  X(ROUNDS_SPENT, "rounds_spent", OCC__UNAUTHORIZED_CLIENT)                                        \
  X(ATTEMPTS_SPENT, "attempts_spent", OCC__UNAUTHORIZED_CLIENT)                                    \
  X(HOST_RETRY, "host_retry", OCC__TEMPORARILY_UNAVAILABLE)                                        \
  X(HOST_SILENT, "host_gave_no_answer", OCC__TEMPORARILY_UNAVAILABLE)                              \
  X(HOST_ANSWER, "host_answer_malformed", OCC__TEMPORARILY_UNAVAILABLE)                            \
  X(STORE_UNAVAILABLE, "store_unavailable", OCC__TEMPORARILY_UNAVAILABLE)                          \
  X(DEADLINE, "deadline", OCC__TEMPORARILY_UNAVAILABLE)                                            \
  X(MEMORY, "memory", OCC__SERVER_ERROR)                                                           \
  X(LIMIT, "limit", OCC__SERVER_ERROR)                                                             \
  X(HOST_INPUT, "host_input", OCC__SERVER_ERROR)                                                   \
  X(CRYPTO, "crypto", OCC__SERVER_ERROR)                                                           \
  X(INTERNAL, "internal", OCC__SERVER_ERROR)

typedef enum occ_reason {
  OCC__REASON_NONE = 0,
#define X(name, text, error) OCC__REASON_##name,
  OCC__REASON_LIST(X)
#undef X
      OCC__REASONS
} occ_reason;

occ_oauth_error occ__reason_error(int reason); /* OCC__SERVER_ERROR for what is no reason */
int occ__reason_of_status(int status);         /* the reason that a negative status stands for */

/* A check that cannot fail unless libocc is wrong: aborts in debug builds, in release yields 0 so
 * that the caller returns OCC_ERR_INTERNAL and the txn fails closed. */
#ifdef NDEBUG
#define OCC_INVARIANT(x) (x)
#else
#include <assert.h>
#define OCC_INVARIANT(x) (assert(x), 1)
#endif

#endif
