/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_REPLY_H
#define EXAMPLES_REPLY_H

/* HTTP responses. MHD_NO, which closes the connection, is what is left where there is no memory. */

#include <jansson.h>
#include <microhttpd.h>

#include "occ/txn.h"

/* What libocc has decided: a challenge, a refusal, or a fault of ours. There even for NULL. */
enum MHD_Result reply_txn(struct MHD_Connection *connection, const occ_txn *txn);
/* Takes body. Not cached. With the headers of txn, which may be NULL. */
enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned status, json_t *body,
                           const occ_txn *txn);
/* An OAuth error of our own, with the reference of txn, which may be NULL. */
enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned status, const char *error,
                            const occ_txn *txn);
/* Takes text, which comes from malloc(). name and value: one more header; may be NULL. */
enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, const char *type,
                           char *text, const char *name, const char *value);

#endif
