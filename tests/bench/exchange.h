/* SPDX-License-Identifier: MIT */
#ifndef EXCHANGE_H
#define EXCHANGE_H

/* The requests that occ_bench measures, ready to be sent: the client's part, signatures and all, is made beforehand, and
 * exchange_run() is the server's part from occ_txn_new() to occ_txn_free(). The sessions are the largest usual ones: two
 * sender keys, name, params and memo filled, two requirements met in rounds before. Any number of threads may run
 * requests at once; they are made by one. */

#include <stddef.h>

#include "traffic.h"

typedef enum exchange_kind {
  EXCHANGE_ISSUE = 0, /* a first request is challenged */
  EXCHANGE_REISSUE, /* a third round: a session is opened, and another one with two entries is made */
  EXCHANGE_OPEN_ONCE, /* a session is opened and used up; its evidence is a comparison with the handle */
  EXCHANGE_DPOP, /* the same; the evidence is the DPoP proof, which has the handle as its nonce */
  EXCHANGE_JWT,  /* the same; a JWT of an issuer whose key is known */
  EXCHANGE_FORM, /* refused before any signature: a form with a broken escape */
  EXCHANGE_PROOF_HTU, /* a DPoP proof for another URL */
  EXCHANGE_PROOF_OLD, /* a DPoP proof of an hour ago */
  EXCHANGE_JWT_NONCE, /* a JWT with the nonce of another session */
  EXCHANGE_JWT_OLD,   /* a JWT that has expired */
  EXCHANGE_KINDS
} exchange_kind;

typedef struct exchange {
  traffic x;
  occ_store *store;
  occ_server *hosted;  /* the host verifies DPoP proofs */
  occ_server *proving; /* the library does */
  unsigned made;       /* requests: no two have the same client soon, nor ever the same jti */
} exchange;

typedef struct exchange_request {
  occ_server *server;
  char client[32];
  char *body, *proof; /* proof: NULL for none */
  const char *wants;  /* requirement of the policy */
  const char *params;
  occ_outcome ends;
} exchange_request;

/* mem: may be NULL. */
void exchange_open(exchange *e, const occ_mem *mem);
void exchange_close(exchange *e);
const char *exchange_name(exchange_kind kind);

void exchange_make(exchange *e, exchange_request *out, exchange_kind kind);
/* handle: of the challenge, occ_bench's measure for the length of a session; may be NULL. */
void exchange_run(const exchange_request *request, char handle[1025]);
void exchange_free(exchange_request *request);

#endif
