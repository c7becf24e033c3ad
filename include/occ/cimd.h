/* SPDX-License-Identifier: MIT */
#ifndef OCC_CIMD_H
#define OCC_CIMD_H

/**
 * @file
 * Clients that nobody has registered, known by a URL that leads to their metadata document
 * (draft-ietf-oauth-client-id-metadata-document). You need it where strangers come. Attached, it
 * answers CLIENT and KEYS for client ids that begin with "https://", and passes on all others: you
 * see those questions as without it. It opens no socket: what it needs it asks for by FETCH, for
 * which there has to be a fetcher that follows no redirects and connects to no address that
 * occ_cimd_may_connect() refuses. Limits, options and facts: docs/cimd.md.
 */

#include "occ/server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sockaddr;

/** Identifier rules, documents, key sets, a bounded cache. Shared by servers, held by each that has
 * it attached. Any thread; one process. */
typedef struct occ_cimd occ_cimd;

/**
 * Makes one with an empty cache.
 *
 * @param[out] out      owned by the caller, free with occ_cimd_free(); NULL on error
 * @param[in]  lib      in which to make it
 * @param[in]  options  JSON object, docs/cimd.md; may be NULL: the defaults
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_SYNTAX: options are no JSON object
 * @return OCC_ERR_CONFIG: an option that there is not, a value out of its bounds, or
 *         allow_addresses without development
 * @return OCC_ERR_LIMIT: options are too large
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 */
OCC_API int occ_cimd_new(occ_cimd **out, occ_lib *lib, const char *options) OCC_MUST_CHECK;

/**
 * Makes it the answerer of CLIENT and KEYS, and says in the server's metadata that clients may be
 * known by a URL. May serve many issuers. A client of yours whose id is such a URL, too: give its
 * metadata to the txn, then it is not asked for.
 *
 * @param[in] cimd    what to attach
 * @param[in] config  servers made from it have it, and hold it
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: also where config was made in another lib
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_cimd_attach(occ_cimd *cimd, occ_config *config);

/**
 * Forgets what is known of a client: it is fetched afresh, and counts as never seen. What the host
 * keeps of it is the host's to forget.
 *
 * @param[in] cimd       which one
 * @param[in] client_id  its URL; may be NULL: all of them
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no cimd, or an id longer than any
 */
OCC_API int occ_cimd_forget(occ_cimd *cimd, const char *client_id);

/**
 * Finds the record that occ_cimd_keep_fn was given for a client. Short: it is called at a fetch, on
 * the thread of the run, with no lock of the library's. It must not run or free a txn, nor attach or
 * free the cimd.
 *
 * @param[in]  client_id  whose
 * @param[out] record     the text, with its NUL
 * @param[in]  size       octets of record, the NUL among them; no record is longer
 * @param[in]  user_data  of occ_cimd_remember()
 * @return OCC_YES: here it is
 * @return OCC_NO: there is none
 * @return OCC_RETRY: nobody can say now. The client counts as new, nothing is kept, and the question
 *         comes again with the next fetch
 */
typedef occ_verdict (*occ_cimd_recall_fn)(const char *client_id, char *record, size_t size,
                                          void *user_data);

/** Keeps the record of a client, in place of an earlier one: it was seen for the first time, or its
 * method, its keys or its flag are others than before. JSON, docs/cimd.md. As above. */
typedef void (*occ_cimd_keep_fn)(const char *client_id, const char *record, void *user_data);

/**
 * Lets first_seen, changed and changes last beyond this process: they are the host's to keep, for all
 * nodes alike. Without it they are forgotten with a restart, and with an entry that makes room.
 *
 * @param[in] cimd       before it is attached
 * @param[in] recall     asked at the first fetch of a client, and where something has changed
 * @param[in] keep       called where what it says is new
 * @param[in] user_data  borrowed as long as cimd lives; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 * @return OCC_ERR_STATE: it is attached
 */
OCC_API int occ_cimd_remember(occ_cimd *cimd, occ_cimd_recall_fn recall, occ_cimd_keep_fn keep,
                              void *user_data);

/**
 * May a fetcher connect to this address? To be asked after name resolution and before connect(), for
 * each address. Port and name are not looked at.
 *
 * @param[in] cimd     whose lists of addresses count
 * @param[in] address  what connect() would get; may be NULL: no
 * @param[in] len      octets of address
 * @return 1, or 0: close the socket
 */
OCC_API int occ_cimd_may_connect(const occ_cimd *cimd, const struct sockaddr *address, size_t len);

/**
 * Takes another hold, for a fetcher that asks it about addresses.
 *
 * @param[in] cimd  may be NULL
 */
OCC_API void occ_cimd_hold(occ_cimd *cimd);

/**
 * Drops a hold. It ends with the last one, and with the last server that has it attached.
 *
 * @param[in] cimd  may be NULL
 */
OCC_API void occ_cimd_free(occ_cimd *cimd);

#ifdef __cplusplus
}
#endif

#endif
