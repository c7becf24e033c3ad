/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_POLICY_H
#define EXAMPLES_POLICY_H

/* What may be asked for, and the rule which request needs which requirement. Here it stands in the
 * configuration file; a real host asks its database. */

#include <jansson.h>

#include "clients.h"
#include "known.h"
#include "occ/txn.h"
#include "strangers.h"

typedef struct as_policy {
  const json_t *config; /* the whole file; lives longer than the policy */
  as_clients clients;
  as_client strangers; /* what those may have whom nobody has registered */
  int takes_strangers;
} as_policy;

/* Where parameters come from: a txn, or the query of /authorize, {"name":["value",..]}. */
typedef struct as_params {
  const occ_txn *txn;  /* NULL: it is the query */
  const json_t *query; /* else NULL */
} as_params;

/* 1, or 0 after a message on stderr. */
int policy_load(as_policy *out, const json_t *config);
void policy_clear(as_policy *policy);

/* Is it a client still, whose id this is? Of a stranger nothing is asked anew. NULL: no. */
int policy_knows(const as_policy *policy, const char *client_id);
/* And is it the same one still for which this was kept? See client_owns(). */
int policy_knows_owner(const as_policy *policy, const json_t *record);

/* Value number i of that name, from 0; NULL past the last. It does not last longer than params. */
const char *param_get(const as_params *params, const char *name, size_t i);
/* A text that goes on behind a zero octet would be one thing to us and another to whoever reads it
 * next. For a txn alone: no query has one. */
int param_has_zero_octet(const occ_txn *txn);

/* NULL: *wanted is what the request asks for, all of which this client may have; the caller's:
 * {"scope":"..","resource":[..],"authorization_details":[..]}, each only where there is some. Else
 * the OAuth error to refuse with. granted: what was granted before, in the same form, and is now
 * asked for again, or a part of it; NULL: nothing was. allowed: the scopes that the subject may
 * have; NULL: whatever the client may. */
const char *policy_wanted(json_t **wanted, const as_policy *policy, const as_client *client,
                          const as_params *params, const json_t *granted, const json_t *allowed);
/* What was met in this request and need not be met again: to be called first. */
void policy_remember(const as_policy *policy, as_known *known, const occ_txn *txn);
/* The first requirement that some rule puts on this request and that is not met yet; NULL: none. */
const char *policy_requirement(const as_policy *policy, as_known *known, const as_client *client,
                               const json_t *wanted, const occ_txn *txn, int64_t now);

#endif
