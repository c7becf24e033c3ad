/* SPDX-License-Identifier: MIT */

/* Counts of the last minute. Called by the cache before and at each fetch. A clock that is set back by more than a minute
 * frees the budget once, and does not lock it until the clock has caught up. */

#include "cimd/budget.h"

#define MINUTE INT64_C(60000)

struct occ_budget_record {
  occ_time time;
  uint64_t host, domain;
  int used;
};

int occ__budget_init(occ_budget *budget, const occ_mem *mem, size_t most)
{
  *budget = (occ_budget){ .mem = mem, .most = most };
  budget->record = occ__mem_alloc(mem, most * sizeof(*budget->record));
  return budget->record == NULL ? OCC_ERR_MEMORY : OCC_OK;
}

void occ__budget_clear(occ_budget *budget)
{
  if (budget->record != NULL) {
    occ__mem_free(budget->mem, budget->record, budget->most * sizeof(*budget->record));
  }
  budget->record = NULL;
}

static int counts(const struct occ_budget_record *record, occ_time now)
{
  const occ_time ago = now - record->time;

  return record->used && ago < MINUTE && ago > -MINUTE;
}

size_t occ__budget_count(const occ_budget *budget, uint64_t whose, occ_time now)
{
  size_t count = 0;

  for (size_t i = 0; i < budget->most; i++) {
    const struct occ_budget_record *r = &budget->record[i];

    count += counts(r, now) && (whose == 0 || r->host == whose || r->domain == whose);
  }
  return count;
}

void occ__budget_add(occ_budget *budget, uint64_t host, uint64_t domain, occ_time now)
{
  budget->record[budget->next] = (struct occ_budget_record){ now, host, domain, 1 };
  budget->next = (budget->next + 1) % budget->most;
}
