/* SPDX-License-Identifier: MIT */
#ifndef OCC__FETCHED_H
#define OCC__FETCHED_H

/* May the body of this response be looked at? Whoever fetched it, all that can be seen of it is judged here again: a host
 * with a fetcher of its own may follow redirects, or read on. A pure function. */

#include "base/limits.h"
#include "base/span.h"
#include "base/status.h"

typedef struct occ_fetched_rules {
  size_t octets;
  int type_optional; /* a response without Content-Type is taken */
} occ_fetched_rules;

/* status: of HTTP, 0 for none; headers: lines as received; len: octets of the body. OCC_OK, or a reason: CIMD_UNREACHABLE for
 * what may be over soon, CIMD_STATUS, CIMD_TYPE, CIMD_LARGE. */
int occ__fetched_judge(int64_t status, occ_span headers, size_t len,
                       const occ_fetched_rules *rules);

#endif
