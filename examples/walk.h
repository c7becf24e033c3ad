/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WALK_H
#define EXAMPLES_WALK_H

/* One request, and its walk through libocc. */

#include <microhttpd.h>
#include <semaphore.h>
#include <stddef.h>

#include "grant.h"
#include "host.h"

typedef struct as_request {
  as_host *host;
  as_snapshot *as; /* what this request began with, whatever is reloaded meanwhile */
  struct MHD_Connection *connection;
  char *body;
  size_t len, cap;
  size_t sent; /* octets of the body so far, kept or not */
  sem_t woken; /* what a kept question has waited for may be there */
  occ_endpoint endpoint;
  const as_client *client; /* NULL: not known yet, or nobody */
  as_stranger stranger;    /* the client, where nobody has registered it */
  as_grant grant;          /* OCC_TOKEN: read when libocc asks CHECK */
  json_t *pushed;          /* OCC_PAR: the same */
} as_request;

/* For occ_config_on_wake(), with the request. */
void walk_wake(void *request);

/* POST /token, POST /par */
enum MHD_Result handle_token(as_request *request);
enum MHD_Result handle_par(as_request *request);

#endif
