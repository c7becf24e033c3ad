/* SPDX-License-Identifier: MIT */
#ifndef OCC_AGENT_H
#define OCC_AGENT_H

/**
 * @file
 * The client's side: read a challenge, or let a call go through its rounds. Asks and answers
 * exactly as the server side does, and does no I/O either. Evidence is made for the agent's own
 * issuer, never for one that a challenge names.
 */

#include "occ/question.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A token response that was read. Immutable; any thread. */
typedef struct occ_challenge occ_challenge;
/** Issuer, token URL, client id, keys, budget. Immutable once a call is made, then
 * any thread. */
typedef struct occ_agent occ_agent;
/** One token request with its rounds. One thread at a time. */
typedef struct occ_call occ_call;

/**
 * Reads any token response: a token, an error, a challenge.
 *
 * @param[out] out          what was read, owned by the caller, free with occ_challenge_free(); NULL
 *                          on error
 * @param[in]  lib          in which to make it
 * @param[in]  http_status  of the response
 * @param[in]  headers      header lines as received, each with its line end; copied; may be NULL
 * @param[in]  body         copied; may be NULL if len is 0
 * @param[in]  len          of body
 * @return OCC_OK
 * @return OCC_ERR_SYNTAX: an error response that is none, or a malformed challenge
 * @return OCC_ERR_LIMIT: larger than an honest server's
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_challenge_read(occ_challenge **out, occ_lib *lib, int http_status,
                               const char *headers, const void *body, size_t len) OCC_MUST_CHECK;

/**
 * The OAuth error of the response. In a call that cannot meet the challenge: unauthorized_client.
 *
 * @param[in] challenge  may be NULL, here and below
 * @return any OAuth error; borrowed as long as challenge lives, here and below
 * @return NULL: it is no error
 */
OCC_API const char *occ_challenge_error(const occ_challenge *challenge);

/**
 * The type of the requirement.
 *
 * @param[in] challenge  may be NULL
 * @return NULL: perhaps an error, but not a challenge
 */
OCC_API const char *occ_challenge_type(const occ_challenge *challenge);

/**
 * The session, wherever in the response it stood.
 *
 * @param[in] challenge  may be NULL
 * @return NULL: none
 */
OCC_API const char *occ_challenge_session(const occ_challenge *challenge);

/**
 * The requirement, as received.
 *
 * @param[in] challenge  may be NULL
 * @return a JSON object
 * @return NULL: none
 */
OCC_API const char *occ_challenge_requirement(const occ_challenge *challenge);

/**
 * A nonce that came in a header.
 *
 * @param[in] challenge  may be NULL
 * @param[in] header     "DPoP-Nonce", "OAuth-Client-Attestation-Challenge"
 * @return NULL: none
 */
OCC_API const char *occ_challenge_nonce(const occ_challenge *challenge, const char *header);

/**
 * How long the session can be answered.
 *
 * @param[in] challenge  may be NULL
 * @return seconds as received
 * @return -1: it does not say
 */
OCC_API int64_t occ_challenge_expires_in(const occ_challenge *challenge);

/**
 * The body as received, unknown members and all.
 *
 * @param[in]  challenge  may be NULL
 * @param[out] len        may be NULL
 * @return NUL-terminated too
 */
OCC_API const char *occ_challenge_body(const occ_challenge *challenge, size_t *len);

/**
 * Wipes and frees it.
 *
 * @param[in] challenge  may be NULL
 */
OCC_API void occ_challenge_free(occ_challenge *challenge);

/**
 * Makes an agent: one client of one authorization server.
 *
 * @param[out] out      the agent, owned by the caller, free with occ_agent_free(); NULL on error
 * @param[in]  lib      in which to make it
 * @param[in]  options  copied; {"issuer","token_url","client_id","assertion_issuer","rounds",..},
 *                      docs/options.md
 * @param[in]  len      of options
 * @return OCC_OK
 * @return OCC_ERR_SYNTAX: no JSON object
 * @return OCC_ERR_CONFIG: an option is unknown, missing, or has no such value
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_agent_new(occ_agent **out, occ_lib *lib, const char *options,
                          size_t len) OCC_MUST_CHECK;

/**
 * Gives it a key. A public one means that the key is elsewhere: SIGN is asked.
 *
 * @param[in] agent  without calls yet
 * @param[in] use    "dpop", "assertion", "attestation" or "holder", as far as this version has a
 *                   solver for it
 * @param[in] jwk    copied; the caller wipes its own
 * @param[in] len    of jwk
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: nothing would use it
 * @return OCC_ERR_STATE: a call was made, or there is one for this use
 * @return OCC_ERR_SYNTAX: no such key
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 */
OCC_API int occ_agent_add_key(occ_agent *agent, const char *use, const char *jwk, size_t len);

/**
 * Drops the caller's hold. Calls that were made keep the agent alive.
 *
 * @param[in] agent  may be NULL
 */
OCC_API void occ_agent_free(occ_agent *agent);

/**
 * Makes a call: one token request, with a budget of rounds of its own.
 *
 * @param[out] out    the call, owned by the caller, free with occ_call_free(); NULL on error
 * @param[in]  agent  held until the call is freed; changes no more
 * @return OCC_OK
 * @return OCC_ERR_CONFIG: "dpop" is on and there is no key for it
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_call_new(occ_call **out, occ_agent *agent) OCC_MUST_CHECK;

/**
 * Adds a parameter of the first request: kept for the follow-up, which must be the same.
 *
 * @param[in] call   before its first run
 * @param[in] name   not one that the call sets by itself
 * @param[in] value  copied; may be NULL if len is 0
 * @param[in] len    of value
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: the call's own, or a repeat
 * @return OCC_ERR_STATE: the run has begun
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_call_add_param(occ_call *call, const char *name, const void *value, size_t len);

/**
 * Drives the call until it is finished or a question is open.
 *
 * @param[in] call  filled
 * @param[in] now   the time; never back within a call
 * @return OCC_OK: finished; read occ_call_result()
 * @return OCC_PENDING: a question is open; running again before it is answered is harmless
 * @return any negative status: failed, sticky
 */
OCC_API int occ_call_run(occ_call *call, occ_time now) OCC_MUST_CHECK;

/**
 * The open question: SEND (url, data is the body), SOLVE, SIGN or DISCLOSE.
 *
 * @param[in] call  may be NULL
 * @return borrowed until it is answered or the call freed
 * @return NULL: none is open
 */
OCC_API const occ_question *occ_call_question(const occ_call *call);

/**
 * The names of the header fields of the request to send, one after another.
 *
 * @param[in] call  with SEND open; may be NULL
 * @param[in] i     from 0
 * @return NULL past the end
 */
OCC_API const char *occ_call_header_name(const occ_call *call, size_t i);

/**
 * The value of the header field with the same i. Proofs are made afresh for each request.
 *
 * @param[in] call  with SEND open; may be NULL
 * @param[in] i     from 0
 * @return NULL past the end
 */
OCC_API const char *occ_call_header_value(const occ_call *call, size_t i);

/**
 * Answers SOLVE, SIGN or DISCLOSE. The answer is copied and never runs the call: run again.
 *
 * @param[in] call     whose question it is
 * @param[in] ticket   of the question
 * @param[in] verdict  NO: it cannot be solved, signed, or must not be disclosed
 * @param[in] data     SOLVE: {"parameter":"value"}; SIGN: the signature as JWS has it; may be NULL
 * @param[in] len      of data
 * @return OCC_OK
 * @return OCC_ERR_STALE: the ticket names no open question; no effect
 * @return OCC_ERR_ARGUMENT: not for this kind
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_call_answer(occ_call *call, occ_ticket ticket, occ_verdict verdict,
                            const void *data, size_t len);

/**
 * Answers SEND with the response as it came.
 *
 * @param[in] call         whose question it is
 * @param[in] ticket       of the question
 * @param[in] http_status  0: no answer came
 * @param[in] headers      header lines as received, each with its line end; may be NULL
 * @param[in] body         may be NULL if len is 0
 * @param[in] len          of body
 * @return OCC_OK
 * @return OCC_ERR_STALE: the ticket names no open question; no effect
 * @return OCC_ERR_ARGUMENT: not for this kind
 */
OCC_API int occ_call_answer_send(occ_call *call, occ_ticket ticket, int http_status,
                                 const char *headers, const void *body, size_t len);

/**
 * The last response. Without an error it is the token: occ_challenge_body(). A challenge that could
 * not be met reads as unauthorized_client, with the requirement still there.
 *
 * @param[in] call  may be NULL
 * @return borrowed until the next run or free
 * @return NULL: none yet
 */
OCC_API const occ_challenge *occ_call_result(const occ_call *call);

/**
 * The open question as JSON, for other languages; with SEND its headers too.
 *
 * @param[in]  call  may be NULL
 * @param[out] len   may be NULL
 * @return borrowed until the next run, answer or free
 * @return NULL: none is open, or there was no memory for it
 */
OCC_API const char *occ_call_question_json(const occ_call *call, size_t *len);

/**
 * Answers it as JSON (docs/json.md).
 *
 * @param[in] call  whose question it is
 * @param[in] json  copied
 * @param[in] len   of json
 * @return OCC_OK
 * @return OCC_ERR_STALE: the ticket names no open question; no effect
 * @return OCC_ERR_SYNTAX: no JSON object
 * @return OCC_ERR_ARGUMENT: a member is unknown or has no such value
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_call_answer_json(occ_call *call, const char *json, size_t len);

/**
 * Wipes and frees it.
 *
 * @param[in] call  may be NULL
 */
OCC_API void occ_call_free(occ_call *call);

#ifdef __cplusplus
}
#endif

#endif
