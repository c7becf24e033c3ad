/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_HOST_H
#define EXAMPLES_HOST_H

/* What the process has once (as_host), and what a reload replaces (as_snapshot). A request holds
 * the snapshot that it began with until it is answered, so a reload loses none. */

#include <jansson.h>
#include <pthread.h>

#include "audit.h"
#include "metrics.h"
#include "occ/occ.h"
#include "policy.h"
#include "table.h"

typedef struct as_snapshot {
  json_t *config;
  as_policy policy;
  occ_server *server;
  occ_cimd *cimd;      /* answers for strangers, held by server; NULL: they are not taken */
  json_t *metadata;    /* RFC 8414 */
  char *metadata_path; /* where it is served */
  unsigned holders;    /* under the host's lock */
} as_snapshot;

typedef struct as_host {
  const char *path; /* of the configuration */
  int fd;           /* the socket, whose port the configuration may leave open */
  as_audit audit;
  as_metrics metrics;
  as_table *table;
  as_known *known;
  occ_lib *lib;
  occ_keyring *ring;
  occ_store *store;
  pthread_mutex_t lock;
  as_snapshot *snapshot; /* under lock */
} as_host;

/* From a configuration as listen_on() has left it. 1, or 0 after a message on stderr; host_clear()
 * in both cases. Takes config. */
int host_make(as_host *host, json_t *config);
void host_clear(as_host *host);

/* Reads the configuration again. Clients, rules, users, keys, libocc's options and the audit log's
 * file take effect for requests that begin from now on; the socket, TLS and the sizes stay. 1, or 0
 * after a message on stderr: everything is as it was. */
int host_reload(as_host *host);

as_snapshot *host_hold(as_host *host);
void host_release(as_host *host, as_snapshot *snapshot);

#endif
