/* SPDX-License-Identifier: MIT */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

/* A host that answers by a script: libocc with the real memory store and the real key ring, one lib, several servers,
 * and one request after another. It answers at once (answerers for every kind of question) or later: each question
 * stays open, is run again, is answered first with tickets that are not open, and only then with its own; ONCE, KEEP and
 * RECALL are kept by their answerer (the host sees WAIT) and answered from outside or when they are shown again.
 *
 * Randomness is counted up, not random, so that a second run makes the same handles. Allocations fail as fail_mem.h
 * says. The first thing that is not as it must be stands in `problem`; nothing here ends the program for it. */

#include <stdint.h>

#include "fail_mem.h"
#include "occ/occ.h"
#include "transcript.h"

#define HOST_STORES  8
#define HOST_SERVERS 8
#define HOST_OPTIONS 32
#define HOST_LINES   32
#define HOST_EVENTS  512

typedef enum host_mode { HOST_AT_ONCE = 0, HOST_LATER } host_mode;

struct host;

typedef struct host_server {
  struct host *host;
  char *name;
  occ_server *server;
  size_t store;
} host_server;

typedef struct host_store {
  char *name;
  occ_store *store;
  occ_answer_fn answer[OCC_ASK_WAIT]; /* the store's own answerers, by kind */
} host_store;

/* What the script says to one question. */
typedef struct host_answer {
  occ_ask kind;
  char *how;        /* yes, no, retry, challenge, refuse, silent */
  char *first;      /* requirement, error, or NULL */
  script_text data; /* params, description, or what goes with yes and no */
  int has_data;
  occ_time after; /* comes so many milliseconds later */
  int used;
} host_answer;

typedef struct host_pair {
  char *name;
  script_text value;
} host_pair;

/* One request, as the script describes it. */
typedef struct host_request {
  occ_endpoint endpoint;
  script_text body;
  int has_body;
  host_pair param[HOST_LINES]; /* instead of the body */
  size_t params;
  host_pair header[HOST_LINES];
  size_t headers;
  char *client_id, *client_method; /* NULL: the host says nothing */
  char *metadata;                  /* NULL: CLIENT is asked */
  script_text certificate;
  host_pair sender[4];
  size_t senders;
  host_pair set[8];
  size_t sets;
  script_text memo;
  int has_memo;
  host_answer answer[HOST_LINES];
  size_t answers;
  host_pair sees
      [HOST_LINES]; /* looked at when DECIDE is asked: "satisfied NAME", "memo", "fact /pointer" */
  size_t sees_count;
} host_request;

typedef struct host_event {
  int id, reason;
  char *json;
} host_event;

typedef struct host {
  host_mode mode;
  fail_mem fm;
  occ_lib *lib;
  occ_keyring *ring;
  host_store store[HOST_STORES];
  size_t stores;
  host_server server[HOST_SERVERS];
  size_t servers, current;
  host_pair option[HOST_OPTIONS]; /* of the servers made afterwards */
  size_t options;
  char *issuer;
  uint64_t random;
  occ_time now;

  /* the request that runs */
  host_request *request;
  occ_txn *txn;
  occ_question kept; /* shown to an answerer that kept it */
  occ_time asked_at;
  int keeps, cancels, wakes, once_asked, decides;
  int kept_open; /* an answerer keeps the question */
  host_event event[HOST_EVENTS];
  size_t events;
  char problem[512];
} host;

/* A new lib with a key ring and a store "main", both ten minutes old. Allocation `until` fails. */
int host_open(host *h, host_mode mode, size_t until, bool keep, occ_time now);
/* Everything away; 0: nothing of the lib was left in memory. */
int host_close(host *h);
void host_option(host *h, const char *name, const char *value);
int host_add_store(host *h, const char *name);
int host_add_server(host *h, const char *name); /* and makes it the current one */
int host_load_keys(host *h, const char *json, int force);
/* 0: there is none of that name */
int host_use(host *h, const char *name);
int host_use_store(host *h, const char *name);

/* A txn for the request, run to its end; it stays in h->txn until host_end(). What occ_txn_new() or the last run said. */
int host_run(host *h, host_request *request);
void host_end(host *h);
void host_request_free(host_request *request);
void host_problem(host *h, const char *what, const char *which);

/* jansson's allocations, failed in turn: number `until` of those that are asked for while armed. Sizes to which its
 * buffers grow are left out, for jansson 2.14 reads beyond a buffer that could not grow. */
void host_json_fail(size_t until);
size_t host_json_count(void);
int host_json_failed(void);
void host_json_off(void);

#endif
