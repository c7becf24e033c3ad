/* SPDX-License-Identifier: MIT */
#ifndef OCC_JSON_H
#define OCC_JSON_H

/**
 * @file
 * The same as JSON texts: four calls make a binding for any language. Shapes: docs/json.md. Octets
 * that are no text are base64url in them; tokens and secrets appear as digests only.
 */

#include "occ/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Fills a txn: {"body" or
 * "params","headers","client","sender","metadata","certificate","reference","receipt"}. Each member
 * is what the setter of its name does.
 *
 * @param[in] txn   before its first run
 * @param[in] json  copied
 * @param[in] len   of json
 * @return OCC_OK
 * @return OCC_ERR_SYNTAX: no JSON object
 * @return OCC_ERR_ARGUMENT: a member is unknown or has no such value
 * @return OCC_ERR_STATE: the run has begun
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_set_json(occ_txn *txn, const char *json, size_t len);

/**
 * The open question: {"kind","ticket","deadline",..}, with {"facts"} where the policy is asked.
 *
 * @param[in]  txn  whose question it is; may be NULL
 * @param[out] len  may be NULL
 * @return borrowed until the next run, answer or free
 * @return NULL: none is open, or there was no memory for it (the next run says so)
 */
OCC_API const char *occ_txn_question_json(const occ_txn *txn, size_t *len);

/**
 * Answers it: {"ticket","answer":"yes|no|retry|challenge|refuse|fetched",..}.
 *
 * @param[in] txn   whose question it is
 * @param[in] json  copied
 * @param[in] len   of json
 * @return OCC_OK
 * @return OCC_ERR_STALE: the ticket names no open question; no effect
 * @return OCC_ERR_SYNTAX: no JSON object
 * @return OCC_ERR_ARGUMENT: a member is unknown or has no such value; the question stays open
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_answer_json(occ_txn *txn, const char *json, size_t len);

/**
 * What to send and what is known:
 * {"outcome","status","headers","body","confirmation","receipt","facts","reference","reason"}.
 *
 * @param[in]  txn  may be NULL
 * @param[out] len  may be NULL
 * @return borrowed until the next run, answer or free
 * @return NULL: the txn has not ended, or there was no memory for it
 */
OCC_API const char *occ_txn_result_json(const occ_txn *txn, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
