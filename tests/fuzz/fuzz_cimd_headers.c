/* SPDX-License-Identifier: MIT */

/* Header lines of a response: how long it is fresh, and whether its body is looked at. */

#include <stdlib.h>

#include "cimd/fetched.h"
#include "cimd/freshness.h"

static void need(int good)
{
  if (!good) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const occ_freshness_rules rules = { 300 * 1000, 60 * 1000, 3600 * 1000 };
  const occ_fetched_rules fetched = { OCC__CIMD_DOCUMENT, 0 };
  const occ_span lines = occ__span(data, size);
  const occ_freshness fresh = occ__freshness_of(lines, &rules);
  const int64_t date = occ__freshness_date(lines);
  const int rc = occ__fetched_judge(200, lines, 1, &fetched);

  need(fresh.ms >= rules.least && fresh.ms <= rules.most);
  need(!fresh.may_be_stale || fresh.ms % 1000 == 0);
  need(date >= -1 && date < INT64_C(253402300801) && (date < 0 || size == 29));
  need(rc == OCC_OK || rc == OCC__REASON_CIMD_TYPE);
  return 0;
}
