/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_POLICY_H
#define EXAMPLES_POLICY_H

/* What an authorization server has before libocc comes: its clients, the grants it takes, and
 * the rule which request needs which requirement. Here it stands in the configuration file; a
 * real host asks its database. */

#include <jansson.h>

#include "occ/txn.h"

#define GRANT_CLIENT_CREDENTIALS "client_credentials"
#define GRANT_TOKEN_EXCHANGE     "urn:ietf:params:oauth:grant-type:token-exchange"
#define TOKEN_TYPE_ACCESS_TOKEN  "urn:ietf:params:oauth:token-type:access_token"

typedef struct as_client {
  const char *id;
  const char *secret;
  char *metadata;       /* what is known of it, less the secret: JSON text */
  const json_t *config; /* its entry */
} as_client;

typedef struct as_policy {
  const json_t *config; /* the whole file; lives longer than the policy */
  as_client *client;
  size_t clients;
} as_policy;

/* A grant that was found good. Reading one uses nothing up. */
typedef struct as_grant {
  const char *type;      /* one of the two above; NULL: not read, or not good */
  const json_t *subject; /* token exchange: what is known of the subject token */
  json_t *details;       /* authorization_details, an array; NULL: none */
  int64_t not_after;     /* milliseconds; 0: no end */
} as_grant;

/* 1, or 0 after a message on stderr. */
int policy_load(as_policy *out, const json_t *config);
void policy_clear(as_policy *policy);

/* The client with this id and secret, or NULL. Both may be NULL. */
const as_client *policy_client(const as_policy *policy, const char *id, const char *secret);
/* NULL: *out is good. Else the OAuth error to refuse with. */
const char *policy_grant(as_grant *out, const as_policy *policy, const as_client *client,
                         const occ_txn *txn, int64_t now);
void grant_clear(as_grant *grant);
/* The first requirement that some rule puts on this request and that is not met yet; NULL: none. */
const char *policy_requirement(const as_policy *policy, const as_grant *grant, const occ_txn *txn);

#endif
