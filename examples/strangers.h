/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_STRANGERS_H
#define EXAMPLES_STRANGERS_H

/* Clients whom nobody has registered: their id is a URL, and what stands there is their
 * registration (docs/cimd.md). libocc fetches it, by libocc-curl, and answers for them where this
 * host answers for its own clients. */

#include <jansson.h>
#include <stdint.h>

#include "clients.h"
#include "known.h"
#include "occ/cimd.h"
#include "occ/server.h"
#include "occ/txn.h"

/* Is it such an id? Of a client of ours it may be one, too. */
int stranger_is_named(const char *client_id);

/* Puts into config who answers for strangers. wanted: config.cimd; NULL: nobody does, and *cimd is
 * NULL. before, in_use: what answers for them now, and by which config.cimd; both may be NULL.
 * Where its options are the same it stays, and with it all that is known of them. config holds
 * *cimd. 1, or 0 after a message on stderr. */
int strangers_attach(occ_cimd **cimd, occ_lib *lib, occ_config *config, const json_t *wanted,
                     occ_cimd *before, const json_t *in_use);

/* One of them. */
typedef struct as_stranger {
  as_client client;
  json_t *config; /* NULL: there is none */
  char *id;
} as_stranger;

/* Who has sent this request, by its document, where libocc has found it good. like: what all of
 * them may have. NULL: nobody, or no memory. */
const as_client *stranger_read(as_stranger *out, const as_client *like, const occ_txn *txn);
void stranger_clear(as_stranger *stranger);

/* A requirement that strangers have to meet, once: config.libocc.requirements.name. */
typedef struct as_proof {
  const char *name;
  const json_t *wording;
} as_proof;

/* Did this request meet it? Then it is remembered what its client looks like. */
void stranger_remember(as_known *known, const as_proof *proof, const occ_txn *txn);
/* Was the client first seen less than so many hours ago, or how it authenticates, its keys, what it
 * says of challenges? Not if it looks as it did when it met the requirement. Not to be asked of a
 * client of ours, of whom nobody knows. */
int stranger_is_new(as_known *known, const as_proof *proof, double hours, const occ_txn *txn,
                    int64_t now);

#endif
