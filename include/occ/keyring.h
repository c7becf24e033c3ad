/* SPDX-License-Identifier: MIT */
#ifndef OCC_KEYRING_H
#define OCC_KEYRING_H

/**
 * @file
 * Keys that seal sessions. Replaced whole, under load; each key says from when it seals and until
 * when it opens. Without a key ring no challenge can be made. Of several nodes each must be able to
 * open with a key before one seals with it.
 */

#include "occ/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A key ring. Shared by servers, held by each that has it attached. Any thread. */
typedef struct occ_keyring occ_keyring;

/**
 * Makes an empty key ring: nothing can be sealed yet.
 *
 * @param[out] out  the key ring, owned by the caller, free with occ_keyring_free(); NULL on error
 * @param[in]  lib  in which to make it
 * @return OCC_OK
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_keyring_new(occ_keyring **out, occ_lib *lib) OCC_MUST_CHECK;

/**
 * Replaces all keys at once: {"keys":[{"id":"k7","key":"<base64url
 * 32>","seal_from":ms,"open_until":ms}]}. The key with the latest seal_from that has come seals;
 * every key opens until its open_until. The old keys are wiped when the last run that uses them is
 * over.
 *
 * @param[in] ring   whose keys are replaced
 * @param[in] json   copied; the caller wipes its own
 * @param[in] len    of json
 * @param[in] now    the time
 * @param[in] force  1: drop even a key that live sessions may need, and say so in an event; else 0
 * @return OCC_OK
 * @return OCC_ERR_STATE: it would drop a key that live sessions may need; nothing is changed
 * @return OCC_ERR_SYNTAX: no such text, two keys of one id, a key of another length; nothing is
 *         changed
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 *
 * Threads: any, under load; atomic.
 */
OCC_API int occ_keyring_load(occ_keyring *ring, const char *json, size_t len, occ_time now,
                             int force) OCC_MUST_CHECK;

/**
 * Servers made from config seal and open with this ring.
 *
 * @param[in] ring    held by config and by its servers
 * @param[in] config  may have one ring; a later one takes its place
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: of another lib
 */
OCC_API int occ_keyring_attach(occ_keyring *ring, occ_config *config);

/**
 * Drops the caller's hold.
 *
 * @param[in] ring  may be NULL
 */
OCC_API void occ_keyring_free(occ_keyring *ring);

#ifdef __cplusplus
}
#endif

#endif
