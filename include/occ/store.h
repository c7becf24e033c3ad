/* SPDX-License-Identifier: MIT */
#ifndef OCC_STORE_H
#define OCC_STORE_H

/**
 * @file
 * Remembers for a while, in memory: used sessions and proofs, kept sessions, mandates. Attached, it
 * answers ONCE, KEEP, RECALL and the ledger. Servers that share one issuer must share one store, or
 * what was used at one is fresh at the other; a session names its store, so that even then no
 * session is good at both.
 */

#include "occ/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A store. Shared by servers, held by each that has it attached. Any thread; any process where
 * its memory is shared. */
typedef struct occ_store occ_store;

/**
 * Makes a store in memory of its own, all of it reserved now, about 64 octets an entry. Processes
 * forked after that share it. It forgets only what has expired: when the share of one purpose is
 * full, one client holds 1 % of it, or all requests without an authenticated client together hold a
 * quarter (never fewer than 16 entries), the answer is RETRY until entries expire. How many entries
 * to take: docs/guide.md. A restart makes another store: sessions of the old one are stale.
 *
 * @param[out] out      the store, owned by the caller, free with occ_store_free(); NULL on error
 * @param[in]  lib      in which to make it
 * @param[in]  entries  how many it can remember at once, at most 2^28
 * @param[in]  now      the time; a store does not vouch for what was used before it was made
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no entries
 * @return OCC_ERR_LIMIT: too many entries
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 */
OCC_API int occ_store_new(occ_store **out, occ_lib *lib, size_t entries,
                          occ_time now) OCC_MUST_CHECK;

/**
 * Lays a store out in shared memory that the host owns, or joins the one that is there, so that the
 * old and the new workers of a reload share it. Only processes that are trusted alike may share. No
 * one needs to take it down; a process that dies inside leaves it usable.
 *
 * @param[out] out     the store, owned by the caller, free with occ_store_free(); NULL on error
 * @param[in]  lib     in which to make it
 * @param[in]  region  at an address divisible by 64, mapped shared; blank (its first 1024 octets
 *                     are zero) or laid out by this function before; must outlive the store
 * @param[in]  len     of region, the same in every process; at least 64 KiB
 * @param[in]  now     the time; counts where the store is made, not where it is joined
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_STATE: it holds something else, a store of another size or version, or one that
 *         its maker did not finish within a second
 * @return OCC_ERR_LIMIT: region is too small
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 */
OCC_API int occ_store_open(occ_store **out, occ_lib *lib, void *region, size_t len,
                           occ_time now) OCC_MUST_CHECK;

/**
 * Makes the store the answerer of its questions, like any other, and its id the configuration's
 * "store_id".
 *
 * @param[in] store   held by config and by its servers
 * @param[in] config  may have one store
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_store_attach(occ_store *store, occ_config *config);

/**
 * Drops the caller's hold.
 *
 * @param[in] store  may be NULL
 */
OCC_API void occ_store_free(occ_store *store);

#ifdef __cplusplus
}
#endif

#endif
