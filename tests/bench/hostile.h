/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_H
#define HOSTILE_H

/* Requests with hostile JSON in every place where the library may look at some: 60 KiB of it, or as much as a limit lets
 * through. hostile_json measures all of them, occ_bench the dearest. */

#include "traffic.h"

#define HOSTILE_CASES 512

typedef struct hostile_case {
  char name[64]; /* place/kind */
  char *body, *proof;
  char *metadata; /* NULL: the host has authenticated the client */
} hostile_case;

/* A server that takes the same proof again and again. */
occ_server *hostile_server(const traffic *x);
/* Fills out[HOSTILE_CASES], returns how many there are; hostile_free(). */
size_t hostile_make(hostile_case *out, occ_server *server);
void hostile_free(hostile_case *cases, size_t number);
/* The whole request, to its end; occ_txn_free(). Never a grant. */
occ_txn *hostile_run(occ_server *server, const hostile_case *hostile);

#endif
