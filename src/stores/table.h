/* SPDX-License-Identifier: MIT */
#ifndef OCC__TABLE_H
#define OCC__TABLE_H

/* What a store can be asked. One question in, one occ_verdict out, or a negative status where the question itself is
 * wrong (OCC_ERR_ARGUMENT, OCC_ERR_LIMIT) or the mutex is lost (OCC_ERR_INTERNAL): the txn then fails closed. Of the
 * question only key, keys, client_id, now, issued, expires, data and len are read. Any thread, any process. */

#include "occ/question.h"
#include "stores/region.h"

/* NO: *place is the index of the key that exists; those before it are inserted all the same. RETRY: nothing is inserted. */
int occ__table_once(const occ__region *region, const occ_question *question, size_t *place);
int occ__table_keep(const occ__region *region, const occ_question *question);
/* YES: *len octets are in out. */
int occ__table_recall(const occ__region *region, const occ_question *question,
                      uint8_t out[OCC__MAX_KEPT], size_t *len);
int occ__table_reserve(const occ__region *region, const occ_question *question);
int occ__table_commit(const occ__region *region, const occ_question *question);
int occ__table_release(const occ__region *region, const occ_question *question);
/* Another opener has come with its clock. */
int occ__table_notice(const occ__region *region, occ_time now);

#endif
