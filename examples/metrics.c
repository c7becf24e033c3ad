/* SPDX-License-Identifier: MIT */

/* See metrics.h. Called from all threads; counters that nobody has counted are not printed. */

#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"

/* What grant_type is as a label: "other" for whatever else a client sends. */
static const struct {
  const char *label, *grant_type;
} grants[METRICS_GRANTS] = {
  { "authorization_code", GRANT_CODE },
  { "client_credentials", GRANT_CLIENT_CREDENTIALS },
  { "refresh_token", GRANT_REFRESH_TOKEN },
  { "token_exchange", GRANT_TOKEN_EXCHANGE },
  { "other", NULL },
  { "none", NULL }, /* at the token endpoint, without the parameter */
  { "par", NULL },
};
#define OTHER 4
#define NO    5
#define PAR   6

static const char *const outcomes[OCC_FAILED + 1] = { "undecided", "granted", "challenged",
                                                      "refused", "failed" };
static const char *const kinds[KIND_REFRESH_TOKEN + 1] = { "code", "request_uri", "access_token",
                                                           "refresh_token" };

static void count(atomic_ulong *counter)
{
  (void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void metrics_event(as_metrics *metrics, const occ_event *event)
{
  if (event->id >= 0 && event->id < METRICS_EVENTS && event->reason >= 0 &&
      event->reason < METRICS_REASONS) {
    count(&metrics->event[event->id][event->reason]);
  }
}

void metrics_request(as_metrics *metrics, const occ_txn *txn, occ_endpoint endpoint)
{
  const char *type = occ_txn_param(txn, "grant_type", 0, NULL);
  size_t i = endpoint == OCC_PAR ? PAR : NO;

  if (endpoint == OCC_TOKEN && type != NULL) {
    for (i = 0; i < OTHER && strcmp(grants[i].grant_type, type) != 0; i++) {
    }
  }
  count(&metrics->request[i][occ_txn_outcome(txn)]);
}

void metrics_issued(as_metrics *metrics, as_kind kind)
{
  count(&metrics->issued[kind]);
}

void metrics_ended(as_metrics *metrics)
{
  count(&metrics->ended);
}

void metrics_reload(as_metrics *metrics, int good)
{
  count(&metrics->reload[good != 0]);
}

/* ---- The text -------------------------------------------------------------------------------- */

static unsigned long value_of(const atomic_ulong *counter)
{
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static void head(FILE *out, const char *name, const char *help)
{
  fprintf(out, "# HELP token_server_%s %s\n# TYPE token_server_%s counter\n", name, help, name);
}

static void write_events(FILE *out, const as_metrics *metrics)
{
  head(out, "events_total", "Events of libocc, by its own lists.");
  for (int id = 0; id < METRICS_EVENTS && occ_event_name(id) != NULL; id++) {
    for (int reason = 0; reason < METRICS_REASONS; reason++) {
      unsigned long value = value_of(&metrics->event[id][reason]);
      const char *name = reason > 0 ? occ_reason_name(reason) : "none";

      if (value > 0 && name != NULL) {
        fprintf(out, "token_server_events_total{event=\"%s\",reason=\"%s\"} %lu\n",
                occ_event_name(id), name, value);
      }
    }
  }
}

static void write_requests(FILE *out, const as_metrics *metrics)
{
  head(out, "requests_total", "Requests that libocc has decided.");
  for (size_t i = 0; i < METRICS_GRANTS; i++) {
    for (size_t outcome = 0; outcome <= OCC_FAILED; outcome++) {
      unsigned long value = value_of(&metrics->request[i][outcome]);

      if (value > 0) {
        fprintf(out, "token_server_requests_total{grant_type=\"%s\",outcome=\"%s\"} %lu\n",
                grants[i].label, outcomes[outcome], value);
      }
    }
  }
}

static void write_rest(FILE *out, const as_metrics *metrics)
{
  head(out, "issued_total", "What was handed out.");
  for (size_t kind = 0; kind <= KIND_REFRESH_TOKEN; kind++) {
    fprintf(out, "token_server_issued_total{kind=\"%s\"} %lu\n", kinds[kind],
            value_of(&metrics->issued[kind]));
  }
  head(out, "families_ended_total", "Authorizations ended: a code or refresh token came twice.");
  fprintf(out, "token_server_families_ended_total %lu\n", value_of(&metrics->ended));
  head(out, "reloads_total", "Configurations read on SIGHUP.");
  fprintf(out, "token_server_reloads_total{result=\"failed\"} %lu\n",
          value_of(&metrics->reload[0]));
  fprintf(out, "token_server_reloads_total{result=\"done\"} %lu\n", value_of(&metrics->reload[1]));
}

char *metrics_text(const as_metrics *metrics)
{
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  int good = 0;

  if (out == NULL) {
    return NULL;
  }
  write_events(out, metrics);
  write_requests(out, metrics);
  write_rest(out, metrics);
  good = ferror(out) == 0;
  good = fclose(out) == 0 && good;
  if (!good) {
    free(text);
    text = NULL;
  }
  return text;
}
