/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_GRANT_H
#define EXAMPLES_GRANT_H

/* The grants of the token endpoint. Reading one only looks: a code, a refresh token stays as it is
 * until GRANT, because after a challenge the client comes again with the same one. issue.c uses it
 * up. */

#include <jansson.h>
#include <stdint.h>

#include "host.h"
#include "policy.h"

#define TOKEN_TYPE_ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"

/* Whose grant is looked at, and with what. */
typedef struct as_asking {
  as_host *host;
  const as_policy *policy;
  const as_client *client; /* authenticated, or public */
  const occ_txn *txn;
  int64_t now;
} as_asking;

/* A grant that was found good. All but type and kind are its own. */
typedef struct as_grant {
  const char *type;   /* a name of clients.h; NULL: not read, or not good */
  as_kind kind;       /* of secret */
  char *secret;       /* the code or refresh token; NULL: there is nothing to use up */
  json_t *record;     /* what is known of it, or of the subject token; NULL: nothing */
  json_t *wanted;     /* what is asked for, as policy_wanted() has it */
  int64_t good_until; /* milliseconds: the grant; 0: no end */
  int64_t ends;       /* what is made of it; 0: no end */
} as_grant;

/* For CHECK. NULL: *out is good. Else the OAuth error to refuse with. */
const char *grant_read(as_grant *out, const as_asking *asking);
void grant_clear(as_grant *grant);

/* Something was used twice: ends all that came of it. */
void grant_end_family(const as_asking *asking, as_kind kind, const char *secret);

#endif
