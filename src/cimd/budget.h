/* SPDX-License-Identifier: MIT */
#ifndef OCC__BUDGET_H
#define OCC__BUDGET_H

/* What happened within the last minute: as many records as may happen in one, the oldest overwritten. Exact, and no record of
 * a host is needed longer than its fetches count. Not for threads: the cache's lock is around it. */

#include "base/mem.h"

typedef struct occ_budget {
  const occ_mem *mem;
  struct occ_budget_record *record;
  size_t most, next;
} occ_budget;

int occ__budget_init(occ_budget *budget, const occ_mem *mem,
                     size_t most); /* OCC_OK, OCC_ERR_MEMORY */
void occ__budget_clear(occ_budget *budget);
/* How many of this host, or of this domain; 0: of all. */
size_t occ__budget_count(const occ_budget *budget, uint64_t whose, occ_time now);
/* One more. The caller has seen that there are fewer than most. */
void occ__budget_add(occ_budget *budget, uint64_t host, uint64_t domain, occ_time now);

#endif
