/* SPDX-License-Identifier: MIT */
#ifndef OCC__BODY_H
#define OCC__BODY_H

/* The JSON body of a token error response (RFC 6749 section 5.2) and of a challenge. Only fixed
 * sentences, an opaque reference and what the server itself made go in: no octet of the peer. */

#include "base/buf.h"
#include "wire/names.h"

typedef struct occ_body_challenge {
  const char *requirement; /* JSON text */
  const char *session;
  int64_t expires_in; /* seconds */
  int nested;         /* also write the session inside the requirement (compatibility, O-01) */
} occ_body_challenge;

/* error: its wire name (a host's own code is allowed: characters of RFC 6749 5.2 only, see below).
 * description, reference, challenge: may be NULL; the reference is appended to the description as "
 * (reference X)". */
void occ__body_write(occ_buf *out, const occ_names *names, const char *error,
                     const char *description, const char *reference,
                     const occ_body_challenge *challenge);
/* 1 when text holds only %x20-21 / %x23-5B / %x5D-7E (RFC 6749 section 5.2) and is not empty. */
int occ__body_text_allowed(const char *text);

#endif
