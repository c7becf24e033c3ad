/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_DIGEST_H
#define OCC__CORE_DIGEST_H

/* The digest that ties a session to its request: one value over all that is only compared. */

#include <jansson.h>

#include "core/handle.h"
#include "wire/form.h"

/* Parameters that are JSON, in the form in which they are hashed: a stale session is digested, and the challenge that
 * follows it, too. base NULL: not made yet. */
typedef struct occ_canonical {
  occ_arena *arena; /* where they are kept */
  occ_span details, claims;
} occ_canonical;

/* What counts as the same request. */
typedef struct occ_digest_query {
  const occ_form *form;
  const char *const
      *carriers; /* parameters of the pending requirement, NULL-terminated; may be NULL */
  const char *const *ignore; /* option digest_ignore, NULL-terminated; a name may end in "*" */
  const char *session_param; /* challenge_session, by its wire name */
  const uint8_t *binding;    /* 32 octets that stand for the grant, or NULL */
  const json_t *details;     /* authorization_details, where they are parsed already; else NULL */
  occ_canonical *canonical;  /* used, and filled; not NULL */
} occ_digest_query;

/* Does the option leave this parameter out? */
int occ__digest_ignores(const char *const *ignore, occ_span name);

typedef struct occ_bound {
  const char *issuer, *client_id,
      *method; /* client_id and method: NULL when there is none, which differs from "" */
  occ_endpoint endpoint;
  const char *grant_type, *type; /* type: wire name */
  const uint8_t *requirement;    /* JCS digest of the requirement object */
  occ_digest_query request;
} occ_bound;

/* SHA-256 over "libocc bound 1", the texts in the order above, each as len32 and octets (NULL: a length of ffffffff), with
 * the endpoint as a number of 32 bits in its place, the digest of the requirement, and then the request: for each kept
 * parameter in octet order of its name, len32 name, count32, then len32 value each (several values of one name in their
 * order of appearance). Left out: session_param, carriers, ignore, client_secret, client_assertion,
 * client_assertion_type. authorization_details and claims by their JCS form, or octet by octet where they have none. With
 * a binding: code, refresh_token, assertion, subject_token, actor_token are left out, and after the parameters come a
 * len32 of zero and the binding. OCC_OK, OCC_ERR_MEMORY, OCC_ERR_CRYPTO; out is zero on error. */
int occ__digest_bound(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, const occ_bound *bound);

/* A key of ONCE, KEEP, RECALL and the ledger: SHA-256(tag, issuer, part 1, part 2, ...), each with its len32, its first
 * octet replaced by the purpose. */
enum {
  OCC__PURPOSE_PROOF = 1,
  OCC__PURPOSE_ASSERTION = 2,
  OCC__PURPOSE_SESSION = 3,
  OCC__PURPOSE_EVIDENCE = 4,
  OCC__PURPOSE_MANDATE = 5
};
int occ__digest_key(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, int purpose, const char *tag,
                    const char *issuer, const occ_span *part, size_t parts);

#endif
