/* SPDX-License-Identifier: MIT */
#ifndef OCC_TXN_H
#define OCC_TXN_H

/**
 * @file
 * One request going through: fill it, run it, send what it says. Until GRANT nothing of the grant
 * may be used up: no code, refresh token, assertion, device code. After GRANT the host uses it up
 * atomically; GRANT is leave, not issuance.
 */

#include "occ/base.h"
#include "occ/question.h"
#include "occ/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What the txn says to the host. */
typedef enum occ_outcome {
  OCC_UNDECIDED = 0, /**< still running */
  OCC_GRANT = 1,     /**< go on: use up the grant, make the token */
  OCC_CHALLENGE = 2, /**< send the challenge */
  OCC_REFUSE = 3,    /**< send the error: the client did wrong, or the policy said no */
  OCC_FAILED = 4     /**< send the error: the library or the host failed */
} occ_outcome;

/** Keys that the request proves possession of, at most one of each kind. */
typedef enum occ_sender {
  OCC_SENDER_DPOP = 1,    /**< RFC 9449; JWK thumbprint (RFC 7638) */
  OCC_SENDER_MTLS = 2,    /**< RFC 8705; SHA-256 of the certificate */
  OCC_SENDER_ATTESTED = 3 /**< the instance key of a client attestation; JWK thumbprint */
} occ_sender;

/**
 * Makes a txn for one request.
 *
 * @param[out] out        the txn, owned by the caller, free with occ_txn_free(); NULL on error
 * @param[in]  server     held until the txn is freed
 * @param[in]  endpoint   where the request came in
 * @param[in]  user_data  the host's request, for occ_txn_user_data() and waking; borrowed; may be
 *                        NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no such endpoint
 * @return OCC_ERR_MEMORY: the response getters below give a 500 to send, for NULL too
 *
 * Threads: a txn is used by one at a time, and may move between runs.
 */
OCC_API int occ_txn_new(occ_txn **out, occ_server *server, occ_endpoint endpoint,
                        void *user_data) OCC_MUST_CHECK;

/**
 * The host's request, as given to occ_txn_new().
 *
 * @param[in] txn  may be NULL
 * @return user_data; NULL for NULL
 */
OCC_API void *occ_txn_user_data(const occ_txn *txn);

/**
 * Cancels an open question, wipes everything and frees it. Inside an answerer: when the run is
 * over.
 *
 * @param[in] txn  may be NULL
 */
OCC_API void occ_txn_free(occ_txn *txn);

/* The request. Everything is copied. Errors stick until occ_txn_run(), so the results need not be
 * looked at; what the client did wrong is no error here. After the first run: OCC_ERR_STATE. */

/**
 * The body as it came: best, for a framework drops parameters that it does not know.
 *
 * @param[in] txn   before its first run
 * @param[in] form  x-www-form-urlencoded octets; may be NULL if len is 0
 * @param[in] len   of form
 * @return OCC_OK
 * @return OCC_ERR_STATE: there are parameters already
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_LIMIT
 */
OCC_API int occ_txn_set_body(occ_txn *txn, const void *form, size_t len);

/**
 * Instead of the body: one parameter, decoded, repeats and unknown ones included.
 *
 * @param[in] txn    before its first run
 * @param[in] name   of the parameter
 * @param[in] value  may be NULL if len is 0
 * @param[in] len    of value
 * @return OCC_OK
 * @return OCC_ERR_STATE: there is a body already
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_LIMIT
 */
OCC_API int occ_txn_add_param(occ_txn *txn, const char *name, const void *value, size_t len);

/**
 * One header line as received. Pass all of them, line by line: what no type needs is ignored, and
 * that a line came twice must be seen.
 *
 * @param[in] txn    before its first run
 * @param[in] name   of the field, in any case
 * @param[in] value  of the field; may be NULL if len is 0
 * @param[in] len    of value
 * @return OCC_OK
 * @return OCC_ERR_STATE
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_LIMIT
 */
OCC_API int occ_txn_add_header(occ_txn *txn, const char *name, const void *value, size_t len);

/**
 * The client's certificate of the TLS connection. That it was presented there is the host's word;
 * that its chain was verified, too: occ_txn_set() with "certificate_verified".
 *
 * @param[in] txn  before its first run
 * @param[in] der  one DER object
 * @param[in] len  of der
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no DER, or more than one
 * @return OCC_ERR_STATE
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 *
 * Spec: RFC 8705 section 3.
 */
OCC_API int occ_txn_set_certificate(occ_txn *txn, const void *der, size_t len);

/**
 * The host has authenticated the client. Without this call the library does, by the method that the
 * client's metadata name: private_key_jwt, tls_client_auth, self_signed_tls_client_auth, none. Where
 * they name none the request is unauthenticated; credentials that nobody verifies are refused.
 *
 * @param[in] txn        before its first run
 * @param[in] client_id  who it is
 * @param[in] method     as in token_endpoint_auth_method; "none": known, not authenticated
 * @param[in] key        thumbprint of the key it was authenticated with; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: empty or too long
 * @return OCC_ERR_STATE
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_set_client(occ_txn *txn, const char *client_id, const char *method,
                               const char *key);

/**
 * The host has verified a proof of possession itself. A DPoP key is taken only with the option
 * "dpop": "host".
 *
 * @param[in] txn         before its first run
 * @param[in] kind        of the key
 * @param[in] thumbprint  base64url of 32 octets
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no such kind or thumbprint, or there is one already
 * @return OCC_ERR_STATE
 */
OCC_API int occ_txn_set_sender(occ_txn *txn, occ_sender kind, const char *thumbprint);

/**
 * The client's metadata, which spares the CLIENT question. Without its member
 * insufficient_client_authorization_supported the client is never challenged. A member client_id must be the client's.
 *
 * @param[in] txn   before its first run
 * @param[in] json  an object
 * @param[in] len   of json
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no JSON object
 * @return OCC_ERR_STATE
 * @return OCC_ERR_LIMIT: more than 32 KiB or 256 JSON values
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_set_metadata(occ_txn *txn, const char *json, size_t len);

/**
 * Sets one of: "reference" (what support can look up), "expiry" (seconds of the next challenge),
 * "challenge_status" ("403" or "400"), "challenge_anyway" ("true": even without the capability
 * flag). Also while DECIDE is open. Before the first run alone: "certificate_verified" ("true": the
 * chain of the client's certificate leads to an anchor for clients), "receipt" (at the token
 * endpoint: what occ_txn_receipt() said of the pushed request behind the code).
 *
 * @param[in] txn    before its first run, or with DECIDE open
 * @param[in] name   of the option
 * @param[in] value  text
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no such name or value; a receipt at the PAR endpoint, or a second one
 * @return OCC_ERR_STATE
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_set(occ_txn *txn, const char *name, const char *value);

/**
 * What the policy wants back in the next round: sealed into the next challenge. Also while DECIDE
 * is open.
 *
 * @param[in] txn   before its first run, or with DECIDE open
 * @param[in] data  may be NULL if len is 0
 * @param[in] len   at most 128
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: too long
 * @return OCC_ERR_STATE
 */
OCC_API int occ_txn_set_memo(occ_txn *txn, const void *data, size_t len);

/**
 * Drives the txn until it is finished or a question is open.
 *
 * @param[in] txn  filled
 * @param[in] now  the time; never back within a txn
 * @return OCC_OK: finished, occ_txn_outcome() is set
 * @return OCC_PENDING: a question is open; running again before it is answered is harmless
 * @return OCC_ERR_REENTRANT: called from inside an answerer of this txn; no effect
 * @return any other negative status: failed closed, sticky; there is a 500 or 503 to send
 */
OCC_API int occ_txn_run(occ_txn *txn, occ_time now) OCC_MUST_CHECK;

/**
 * The decision.
 *
 * @param[in] txn  may be NULL
 * @return OCC_UNDECIDED until the run said OCC_OK or failed
 */
OCC_API occ_outcome occ_txn_outcome(const occ_txn *txn);

/**
 * After GRANT, when the token is made and not yet sent. Then run again, and send the token only
 * after OCC_OK.
 *
 * @param[in] txn    with GRANT
 * @param[in] issue  1: commit what the evidence reserved; 0: give it back
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: neither 0 nor 1
 * @return OCC_ERR_STATE: no GRANT, or settled already
 */
OCC_API int occ_txn_settle(occ_txn *txn, int issue);

/**
 * What the client has met at the PAR endpoint, sealed. Keep it with the request_uri, then with the
 * code; never give it to anybody; hand it in by occ_txn_set(txn, "receipt", ..) at each token
 * request with that code. There it counts for 600 s, for the same client, shown the same keys. One
 * that does not fit counts for nothing, with an event. After occ_txn_settle(): read it once that is
 * done.
 *
 * @param[in] txn  after GRANT at OCC_PAR; may be NULL
 * @return at most 506 characters A-Z a-z 0-9 - _; borrowed until the next run or free
 * @return NULL: nothing was met, another endpoint or outcome, or what was met has been given back
 *
 * Spec: RFC 9126, RFC 9449 section 10.
 */
OCC_API const char *occ_txn_receipt(const occ_txn *txn);

/* The answer to send unless the outcome is GRANT. There even after an error, even for NULL. On
 * GRANT: status 0, no body, and headers to add to the token response. Borrowed until the next run,
 * answer or free. */

/**
 * The HTTP status to send.
 *
 * @param[in] txn  may be NULL: 500
 * @return 403, 400, 401, 500 or 503; 0 on GRANT
 */
OCC_API int occ_txn_http_status(const occ_txn *txn);

/**
 * The names of the header fields to send, one after another.
 *
 * @param[in] txn  may be NULL
 * @param[in] i    from 0
 * @return NULL past the end
 */
OCC_API const char *occ_txn_header_name(const occ_txn *txn, size_t i);

/**
 * The value of the header field with the same i.
 *
 * @param[in] txn  may be NULL
 * @param[in] i    from 0
 * @return NULL past the end
 */
OCC_API const char *occ_txn_header_value(const occ_txn *txn, size_t i);

/**
 * The body to send: JSON, with no octet of the client's in it.
 *
 * @param[in]  txn  may be NULL
 * @param[out] len  may be NULL
 * @return never NULL; "" on GRANT
 *
 * Spec: RFC 6749 section 5.2.
 */
OCC_API const char *occ_txn_body(const occ_txn *txn, size_t *len);

/* What is known. Borrowed until the next run, answer or free. txn may be NULL: nothing is known. */

/**
 * Who the client is, authenticated by host or library.
 *
 * @return NULL: nobody has authenticated it
 */
OCC_API const char *occ_txn_client_id(const occ_txn *txn);

/**
 * A sender key, once it is verified.
 *
 * @param[in] txn   may be NULL
 * @param[in] kind  of the key
 * @return its thumbprint
 * @return NULL: the request proves no such key
 */
OCC_API const char *occ_txn_sender(const occ_txn *txn, occ_sender kind);

/**
 * The token's cnf claim: every sender key that binds tokens.
 *
 * @return a JSON object: {"jkt":".."}
 * @return NULL: the token is bound to nothing
 */
OCC_API const char *occ_txn_confirmation(const occ_txn *txn);

/**
 * A parameter as the client sent it, secrets too.
 *
 * @param[in]  txn   may be NULL
 * @param[in]  name  of the parameter
 * @param[in]  i     which of its values, from 0: only resource and audience may have more than one
 * @param[out] len   may be NULL; a value may hold zero octets
 * @return NULL past the last
 */
OCC_API const char *occ_txn_param(const occ_txn *txn, const char *name, size_t i, size_t *len);

/**
 * Is this one of the scopes asked for? The library splits.
 *
 * @param[in] txn    may be NULL
 * @param[in] scope  one scope token
 * @return 1 or 0
 */
OCC_API int occ_txn_has_scope(const occ_txn *txn, const char *scope);

/**
 * Has the client met this requirement, in this request or an earlier round?
 *
 * @param[in] txn          may be NULL
 * @param[in] requirement  its name in the configuration
 * @return 1 or 0
 */
OCC_API int occ_txn_is_satisfied(const occ_txn *txn, const char *requirement);

/**
 * What the policy kept in the last round by occ_txn_set_memo().
 *
 * @param[in]  txn  may be NULL
 * @param[out] len  may be NULL
 * @return NULL: nothing
 */
OCC_API const void *occ_txn_memo(const occ_txn *txn, size_t *len);

/**
 * One of the facts, as JSON: request, client, sender, session, satisfied, evidence (docs/json.md).
 *
 * @param[in]  txn      may be NULL
 * @param[in]  pointer  JSON pointer into them (RFC 6901); "" is the whole
 * @param[out] len      may be NULL
 * @return NULL: there is none, or no memory for it
 */
OCC_API const char *occ_txn_fact(const occ_txn *txn, const char *pointer, size_t *len);

/**
 * What support can look up: in the error description and in every event.
 *
 * @return NULL: none was set
 */
OCC_API const char *occ_txn_reference(const occ_txn *txn);

/**
 * Why it was refused, challenged or failed, by the name of a reason (event.h): for the log, never
 * for the client.
 *
 * @return NULL: granted, or not ended
 */
OCC_API const char *occ_txn_reason(const occ_txn *txn);

#ifdef __cplusplus
}
#endif

#endif
