/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_URL_H
#define OCC__CORE_URL_H

/* The htu comparison of DPoP (RFC 9449 section 4.3): both sides are normalised by syntax (RFC 3986 6.2.2) and scheme
 * (6.2.3), query and fragment dropped. Also the rules for the issuer and for endpoint URLs of a configuration. Never
 * looks at a Host header. */

#include "base/arena.h"

#define OCC__MAX_URL 2048u

/* Writes the normal form of an absolute http or https URL without userinfo, NUL-terminated, into out (OCC__MAX_URL + 1).
 * Lower-case scheme and host, default port gone, unreserved escapes decoded, other escapes upper-case, dot segments
 * resolved, empty path as "/", query and fragment dropped. Path case, "%2F", trailing and double slashes stay.
 * OCC_OK; OCC_ERR_SYNTAX: not such a URL, too long, or a control, space or non-ASCII octet in it. */
int occ__url_normal(char *out, size_t *len, occ_span url);
/* An issuer identifier (RFC 8414 section 2): https, or http on a loopback address (127.0.0.0/8, [::1], localhost), no query, no
 * fragment, no userinfo. 1 or 0. */
int occ__url_is_issuer(const char *url);
/* The same for an endpoint URL; a query is allowed. */
int occ__url_is_endpoint(const char *url);

#endif
