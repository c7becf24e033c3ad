/* SPDX-License-Identifier: MIT */
#ifndef OCC__B64_H
#define OCC__B64_H

/* base64url without padding (RFC 4648 section 5, RFC 7515 section 2), strict: no white space, no
 * padding, no length of 4k+1, unused bits zero, so that one value has one spelling. It lives in
 * base because the stores need it too. Plain base64 with padding is read for the certificate in a
 * JSON request only. */

#include "span.h"

#define OCC__B64_LEN(octets) (((octets)*4u + 2u) / 3u) /* characters, without the NUL */

/* Writes OCC__B64_LEN(len) characters and a NUL; returns their number. */
size_t occ__b64_encode(char *out, const void *octets, size_t len);
/* OCC_OK, OCC_ERR_SYNTAX, or OCC_ERR_LIMIT where the octets do not fit into cap. *len is set on
 * success only. */
int occ__b64_decode(void *out, size_t cap, size_t *len, occ_span text);
/* Exactly len octets, else OCC_ERR_SYNTAX. */
int occ__b64_decode_exact(void *out, size_t len, occ_span text);
/* Standard alphabet, padding required where due (RFC 4648 section 4). */
int occ__b64_decode_padded(void *out, size_t cap, size_t *len, occ_span text);

#endif
