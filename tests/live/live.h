/* SPDX-License-Identifier: MIT */
#ifndef LIVE_H
#define LIVE_H

/* A server with occ_cimd and occ_curl over a web of its own: one request at a time is run to its end, in the way a host
 * with threads does. Time of the requests is the test's, and moves on with each, so that no pause or budget of one row
 * meets the next. What goes wrong in here ends the program. */

#include "occ/curl.h"
#include "occ/occ.h"
#include "web.h"

typedef struct live {
  web *web;
  occ_lib *lib;
  occ_keyring *ring;
  occ_cimd *cimd;
  occ_curl *curl;
  occ_server *server;
  occ_time now;
} live;

typedef struct live_result {
  int rc, status;
  occ_outcome outcome;
  char error[64];  /* of the body */
  char detail[64]; /* of the last event that has one */
  long long ms;    /* what it took */
} live_result;

typedef struct live_options {
  const char *curl, *cimd, *config; /* JSON objects put over the usual ones; NULL: nothing */
  int real_names;                   /* no seam: names go to getaddrinfo() */
  void *curlm;                      /* NULL: blocking */
  occ_wake_fn wake;                 /* NULL: live_ask()'s own */
  const occ_mem *mem;               /* NULL: libc's */
} live_options;

/* Of a request, for waking. */
typedef struct live_waiter live_waiter;

void live_open(live *x, const live_options *options);
void live_close(live *x);
/* A server in a lib of its own, with the web and the occ_curl of the first; closed before it. */
void live_open_beside(live *x, const live *first, const live_options *options);
void live_close_beside(live *x);
/* A request of the client https://WEB_HOST:port<path>; more: further parameters, "&a=b". */
occ_txn *live_txn(live *x, const char *path, const char *more, void *user_data);
/* Parameters of one that authenticates by an assertion; its signature is none, but its keys are looked for before. */
void live_assertion(const live *x, char *out, size_t size, const char *path);
void live_read(live_result *out, const occ_txn *txn, int rc);
/* The whole of it; WAIT waits for the wake. */
void live_ask(live *x, const char *path, live_result *out);
void live_ask_more(live *x, const char *path, const char *more, occ_time now, live_result *out);
/* Threads of this process, and waiting until there are no more than that. */
unsigned live_threads(void);
int live_wait_threads(unsigned count);

#endif
