/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_ASSERTION_H
#define EXAMPLES_ASSERTION_H

/* How a client authenticates by a key instead of a secret: private_key_jwt. spec: RFC 7523 sections
 * 2.2 and 3. A new one for every request, the follow-up too. */

#include <jansson.h>

/* form, and behind it a client assertion: of this client, for this issuer, signed with key, a
 * private JWK of P-256. Freed by the caller; NULL: no such key, or no memory. */
char *assertion_add(const char *form, const char *client_id, const char *issuer, const json_t *key);

#endif
