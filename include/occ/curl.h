/* SPDX-License-Identifier: MIT */
#ifndef OCC_CURL_H
#define OCC_CURL_H

/**
 * @file
 * libocc-curl, a library of its own: it answers FETCH over libcurl by a strict recipe, and carries
 * an agent's calls. No header of libcurl is included, and occ.h does not include this one. Link it
 * where you want it; libocc itself opens no socket. If your libcurl is not thread-safe in
 * curl_global_init(), call that first.
 */

#include "occ/agent.h"
#include "occ/cimd.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Trust, limits, credentials. Immutable once it is attached or has carried a call; then any
 * thread, but for the event loop's functions. */
typedef struct occ_curl occ_curl;

/**
 * Makes one, and tries out that this libcurl takes every option that the recipe needs.
 *
 * @param[out] out      owned by the caller, free with occ_curl_free(); NULL on error
 * @param[in]  lib      whose allocator it uses
 * @param[in]  options  JSON object, docs/options.md; may be NULL: the defaults
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_SYNTAX: options are no JSON object
 * @return OCC_ERR_CONFIG: an option that there is not, a value out of its bounds, resolve without
 *         development; or a libcurl that lacks something, so that nothing is fetched by a weaker
 *         recipe
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_curl_new(occ_curl **out, occ_lib *lib, const char *options) OCC_MUST_CHECK;

/**
 * Makes it the answerer of FETCH. It blocks inside occ_txn_run() until the response is there, or
 * the time for it is over; after occ_curl_use_multi() it does not.
 *
 * @param[in] curl    what to attach
 * @param[in] config  servers made from it have it, and hold it
 * @param[in] cimd    says which addresses may be connected to; held as long as they live
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_curl_attach(occ_curl *curl, occ_config *config, occ_cimd *cimd);

/**
 * From now on fetches run on a CURLM of the host's event loop: FETCH is kept, the host sees WAIT,
 * and is woken (occ_config_on_wake()) when the response is there. The host drives the CURLM as it
 * always does, and hands every message of curl_multi_info_read() to occ_curl_done(). occ_txn_run()
 * and occ_txn_free() of these servers then belong to the thread that drives it.
 *
 * @param[in] curl   attached or not
 * @param[in] curlm  a CURLM, borrowed as long as curl lives; may be NULL: block again
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_STATE: a fetch is running
 */
OCC_API int occ_curl_use_multi(occ_curl *curl, void *curlm);

/**
 * Is this message of one of my transfers? Then it is done, and the message is not valid any more.
 *
 * @param[in] curl     that has the CURLM
 * @param[in] message  a CURLMsg; may be NULL: no
 * @return 1: taken; the txn that waits is woken
 * @return 0: it is the host's own
 */
OCC_API int occ_curl_done(occ_curl *curl, const void *message);

/** What occ_curl_call() sends, and what comes back. Made by the library, grows at its end only.
 * It has tokens and evidence in it: nothing for a log. */
typedef struct occ_curl_message {
  const char *url;     /**< where it goes, or came from */
  int http_status;     /**< of a response; 0: nothing came */
  int is_request;      /**< 1, or 0: a response */
  const char *headers; /**< lines with their ends; of a request those of libocc; may be NULL */
  const char *body;    /**< may be NULL if len is 0 */
  size_t len;          /**< of body */
} occ_curl_message;

/** Sees a message. Everything in it is borrowed. */
typedef void (*occ_curl_message_fn)(const occ_curl_message *message, void *user_data);

/**
 * Sets who sees each message of occ_curl_call(): for a person who looks on.
 *
 * @param[in] curl        before its first call
 * @param[in] see         may be NULL: nobody
 * @param[in] user_data   borrowed as long as curl lives; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 */
OCC_API int occ_curl_on_message(occ_curl *curl, occ_curl_message_fn see, void *user_data);

/**
 * Carries a call to its end: answers SEND, and blocks meanwhile. Other questions (SOLVE, SIGN,
 * DISCLOSE) are the host's: answer with occ_call_answer(), then go on here.
 *
 * @param[in] curl  trust, limits, credentials
 * @param[in] call  filled
 * @param[in] now   the time; never back within a call
 * @return OCC_OK: finished; read occ_call_result()
 * @return OCC_PENDING: a question of another kind is open
 * @return any negative status: failed, sticky
 */
OCC_API int occ_curl_call(occ_curl *curl, occ_call *call, occ_time now) OCC_MUST_CHECK;

/**
 * Drops the caller's hold. It ends with the last server that has it attached.
 *
 * @param[in] curl  may be NULL
 */
OCC_API void occ_curl_free(occ_curl *curl);

#ifdef __cplusplus
}
#endif

#endif
