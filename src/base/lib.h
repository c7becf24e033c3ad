/* SPDX-License-Identifier: MIT */
#ifndef OCC__LIB_H
#define OCC__LIB_H

/* What occ_lib lends to every room: memory, randomness, tickets, workspaces, its own lifetime. Implemented in
 * core/lib.c; declared here because stores, evidence, cimd and agent may not know core. Any thread. */

#include "occ/server.h"

typedef struct occ_workspace occ_workspace; /* jose/workspace.h */

const occ_mem *occ__lib_mem(const occ_lib *lib);
/* OCC_OK, or OCC_ERR_CRYPTO when the source of randomness failed. */
int occ__lib_random(occ_lib *lib, void *out, size_t len);
/* An option of a type weakens something: told by an event when the server is made. what: a static text. */
void occ__lib_tell_weakened(occ_lib *lib, const char *what);
/* Where the open() of a built-in type finds *self pointing to: room to say which of its options is wrong, and why. */
#define OCC__PROBLEM_PARTS 3u
typedef struct occ_problem {
  char part[OCC__PROBLEM_PARTS][65]; /* names below the type's own, cut; "" ends them */
  const char *why;                   /* a static text; NULL: the type does not say */
} occ_problem;
/* Keeps the first problem; problem may be NULL, and so may the names from the first that is missing. OCC_ERR_SYNTAX. */
int occ__lib_problem(occ_problem *problem, const char *why, const char *a, const char *b,
                     const char *c);
occ_ticket occ__lib_ticket(occ_lib *lib); /* never 0, never twice */
/* In which lib a configuration was made: tickets of two libs may be the same. */
const occ_lib *occ__config_lib(const occ_config *config);
/* For an answerer of KEYS: what it has found out of the client since CLIENT, a JSON object whose members go over those
 * that CLIENT's answer had, for the policy. OCC_OK, OCC_ERR_MEMORY, OCC_ERR_SYNTAX, OCC_ERR_LIMIT. */
int occ__txn_tell_client(occ_txn *txn, const void *json, size_t len);
void occ__lib_hold(occ_lib *lib);
void occ__lib_drop(occ_lib *lib);
/* A workspace for the length of a run. OCC_OK, OCC_ERR_MEMORY, OCC_ERR_CRYPTO. */
int occ__lib_take(occ_lib *lib, occ_workspace **out);
void occ__lib_give(occ_lib *lib, occ_workspace *ws);

#endif
