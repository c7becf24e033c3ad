/* SPDX-License-Identifier: MIT */
#ifndef OCC_SERVER_H
#define OCC_SERVER_H

/**
 * @file
 * From a configuration to an immutable server, one an issuer. A reload is a new server beside the
 * old one: make a configuration, attach the same key ring and store, occ_server_new(), swap under
 * your lock, free the old one. On error keep the old one and print occ_config_error().
 */

#include "occ/base.h"
#include "occ/question.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A kind of evidence in C (type.h). */
typedef struct occ_type occ_type;

/**
 * Makes an empty configuration for one issuer. Its errors stick: check occ_server_new() alone if
 * you like.
 *
 * @param[out] out     the configuration, owned by the caller, free with occ_config_free(); NULL on
 *                     error
 * @param[in]  lib     in which to make it
 * @param[in]  issuer  copied; issuer identifier, exactly as published: https, or http on a loopback
 *                     address
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no such URL
 * @return OCC_ERR_MEMORY
 *
 * Threads: one at a time, for this and every call on a configuration.
 */
OCC_API int occ_config_new(occ_config **out, occ_lib *lib, const char *issuer) OCC_MUST_CHECK;

/**
 * Reads a configuration text. Every member of the JSON object is one occ_config_set().
 *
 * @param[in] config  takes what is read
 * @param[in] json    copied
 * @param[in] len     of json
 * @return OCC_OK
 * @return OCC_ERR_SYNTAX: no JSON object
 * @return OCC_ERR_CONFIG: an option is unknown or has no such value; occ_config_error() names it
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_config_load(occ_config *config, const char *json, size_t len);

/**
 * Sets one option (docs/options.md). "token_urls", "par_urls", "types" and "requirements" are
 * options too.
 *
 * @param[in] config  takes the option
 * @param[in] name    of the option
 * @param[in] value   copied; text, number, boolean or JSON, as the option wants
 * @return OCC_OK
 * @return OCC_ERR_CONFIG: as above
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_config_set(occ_config *config, const char *name, const char *value);

/**
 * Adds a type of evidence in C. Types that ASK_VERIFY judges need none: declare them by the option
 * "types".
 *
 * @param[in] config  servers made from it know the type
 * @param[in] type    borrowed as long as a server or configuration has it: static data
 * @param[in] self    handed to its functions until its open() puts something else there; may be
 *                    NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: of an unknown size (larger is fine where the rest is zero), a name that
 *         is taken, or a carrier that cannot be one; occ_config_error() says which
 */
OCC_API int occ_config_add_type(occ_config *config, const occ_type *type, void *self);

/**
 * The first error, for the operator: "requirements.mandate.dcql_query: no credentials".
 *
 * @param[in] config  may be NULL
 * @return borrowed until the next call on config
 * @return NULL: none
 */
OCC_API const char *occ_config_error(const occ_config *config);

/**
 * Frees a configuration. Servers made from it stay.
 *
 * @param[in] config  may be NULL
 */
OCC_API void occ_config_free(occ_config *config);

/**
 * Makes a server of what a configuration holds now. The configuration stays the caller's and may
 * make more.
 *
 * @param[out] out     the server, owned by the caller, free with occ_server_free(); NULL on error
 * @param[in]  config  copied where it is text, held where it is a store, a key ring or an answerer
 * @return OCC_OK
 * @return OCC_ERR_CONFIG: an earlier error, or the whole makes no sense; occ_config_error() says
 *         which
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 *
 * Threads: the server may be used by all.
 */
OCC_API int occ_server_new(occ_server **out, occ_config *config) OCC_MUST_CHECK;

/**
 * Drops the caller's reference. Each txn holds one, so a request on its way ends with the server it
 * began with.
 *
 * @param[in] server  may be NULL
 */
OCC_API void occ_server_free(occ_server *server);

/**
 * Which questions will reach the host, because no answerer takes them: look at start whether you
 * answer them all.
 *
 * @param[in] server  may be NULL
 * @return a set: bit 1 << kind is 1
 */
OCC_API uint32_t occ_server_asks(const occ_server *server);

/**
 * What to put into the authorization server's metadata: the types of requirements, the algorithms of
 * DPoP proofs and of client assertions, and of the methods of client authentication those that the
 * library does alone, private_key_jwt and none. Add what the host does, and tls_client_auth and
 * self_signed_tls_client_auth where it passes certificates; take out what it does not want.
 *
 * @param[in] server  may be NULL
 * @return a JSON object, borrowed as long as the server lives
 *
 * Spec: RFC 8414 section 2, RFC 9449 section 5.1.
 */
OCC_API const char *occ_server_metadata(const occ_server *server);

#ifdef __cplusplus
}
#endif

#endif
