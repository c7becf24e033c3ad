/* SPDX-License-Identifier: MIT */
#ifndef OCC__FRESHNESS_H
#define OCC__FRESHNESS_H

/* How long a response may be used without asking again, by its header lines and within bounds of the server's. What is
 * odd, repeated or beyond reason counts as the least: a cache that is asked not to keep anything would fetch for every
 * request of an attacker, one that is asked to keep for ever would never see that a key is gone. Validators (ETag,
 * Last-Modified) are not used: a document is small, and is fetched whole. A pure function. */

#include "base/limits.h"
#include "base/span.h"
#include "occ/base.h"

typedef struct occ_freshness_rules { /* milliseconds */
  int64_t usual;                     /* where the lines say nothing */
  int64_t least, most;
} occ_freshness_rules;

typedef struct occ_freshness {
  int64_t ms;       /* from now on; least to most */
  int may_be_stale; /* the lines do not forbid to use it for a while after, when no answer is to be had */
} occ_freshness;

/* headers: lines as received. spec: RFC 9111 sections 4.2, 5.2.2 */
occ_freshness occ__freshness_of(occ_span headers, const occ_freshness_rules *rules);
/* "Sun, 06 Nov 1994 08:49:37 GMT", seconds since 1970; -1: it is no such date. spec: RFC 9110 section 5.6.7 */
int64_t occ__freshness_date(occ_span text);

#endif
