/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_METRICS_H
#define EXAMPLES_METRICS_H

/* Counters for Prometheus. Every label comes from a closed list, libocc's or one in metrics.c:
 * what a client sends is never one, or strangers could make as many series as they like. */

#include <stdatomic.h>

#include "occ/event.h"
#include "table.h"

#define METRICS_EVENTS  32  /* more than libocc has */
#define METRICS_REASONS 128 /* the same */
#define METRICS_GRANTS  7   /* see metrics.c */

typedef struct as_metrics {
  atomic_ulong event[METRICS_EVENTS][METRICS_REASONS];
  atomic_ulong request[METRICS_GRANTS][OCC_FAILED + 1];
  atomic_ulong issued[KIND_REFRESH_TOKEN + 1];
  atomic_ulong ended; /* families, because something was used twice */
  atomic_ulong reload[2];
} as_metrics;

void metrics_event(as_metrics *metrics, const occ_event *event);
/* The end of a txn. */
void metrics_request(as_metrics *metrics, const occ_txn *txn, occ_endpoint endpoint);
void metrics_issued(as_metrics *metrics, as_kind kind);
void metrics_ended(as_metrics *metrics);
void metrics_reload(as_metrics *metrics, int good);

/* The text format of Prometheus, freed by the caller; NULL: no memory. */
char *metrics_text(const as_metrics *metrics);

#endif
