/* SPDX-License-Identifier: MIT */
#ifndef TRAFFIC_H
#define TRAFFIC_H

/* The exchange in few words, for tests and measurements that need many requests: one lib with its key ring, servers from
 * one JSON text, requests that are run to their end by a host with a simple policy. Any number of threads may run
 * requests at once. Unlike with fake_host.h, nothing here is scripted or counted. What cannot go wrong in a test ends
 * the program; what the library says is handed back. */

#include "occ/occ.h"

#define TRAFFIC_NOW    INT64_C(1800000000000) /* when everything begins; a whole second */
#define TRAFFIC_ISSUER "https://as.example"
#define TRAFFIC_URL    "https://as.example/token"
#define TRAFFIC_BODY   "grant_type=client_credentials&scope=a"
#define TRAFFIC_CLIENT "agent-7"

/* "attested": a JWT of TEST_ISSUER about the client, verified by the library, 300 seconds. "asked": the parameter ev,
 * judged by the host (good if it holds the session's handle), 600 seconds. Both say who the client is. */
extern const char traffic_config[];
extern const char traffic_metadata[]; /* with the capability flag */

typedef struct traffic {
  occ_lib *lib;
  occ_keyring *ring;
} traffic;

typedef struct traffic_request {
  const char *body;
  const char *proof;  /* DPoP header; may be NULL */
  const char *client; /* authenticated by the host; NULL: TRAFFIC_CLIENT */
  const char *wants;  /* the requirement that the policy wants met; NULL: it grants at once */
} traffic_request;

typedef struct traffic_result {
  int rc, http_status;
  occ_outcome outcome;
  char error[64];     /* of the body; "" on GRANT */
  char session[1025]; /* of a challenge */
  char nonce[256];    /* DPoP-Nonce */
  char reason[64];    /* occ_txn_reason() */
  char stale[64]; /* why the session that was shown was stale, by the txn's log; "" if it was not */
} traffic_result;

typedef void (*traffic_tune)(occ_config *config, void *user_data);

/* mem may be NULL. */
void traffic_open(traffic *x, const occ_mem *mem);
void traffic_close(traffic *x);
/* tune, if not NULL, sees the configuration last. store may be NULL: then json or tune say the store_id. */
occ_server *traffic_server(const traffic *x, const char *json, occ_store *store, traffic_tune tune,
                           void *user_data);
occ_store *traffic_store(const traffic *x, size_t entries, occ_time now);

occ_txn *traffic_begin(occ_server *server, const traffic_request *request, void *user_data);
/* Runs, answering DECIDE (by `wants`) and VERIFY. Comes back at the end, or with OCC_PENDING at any other question. */
int traffic_run(occ_txn *txn, const char *wants, occ_time now);
void traffic_read(traffic_result *out, const occ_txn *txn, int rc);
/* The three in one, and the txn freed. */
void traffic_whole(traffic_result *out, occ_server *server, const traffic_request *request,
                   occ_time now);

/* malloc()ed texts; free() them. */
char *traffic_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *traffic_assertion(const char *session, const char *client, occ_time now, const char *jti);
/* TRAFFIC_BODY with the session, and the evidence for "asked" or, if assertion is not NULL, for "attested". */
char *traffic_follow_up(const char *session, const char *assertion);

#endif
