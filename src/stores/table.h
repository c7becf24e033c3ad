/* SPDX-License-Identifier: MIT */
#ifndef OCC__TABLE_H
#define OCC__TABLE_H

/* What a store can be asked. One question in, one occ_verdict out, or a negative status where the question itself is
 * wrong (OCC_ERR_ARGUMENT, OCC_ERR_LIMIT) or the mutex is lost (OCC_ERR_INTERNAL): the txn then fails closed. Of the
 * question only key, keys, client_id, authenticated, now, issued, expires, data and len are read. Any thread, any
 * process. */

#include "occ/question.h"
#include "stores/region.h"

/* Why ONCE cannot be answered. */
typedef enum occ__why {
  OCC__WHY_YOUNG = 0, /* a key may have been used before the store was there: a fresh nonce helps */
  OCC__WHY_FULL,
  OCC__WHY_CLOCK /* what this clock might still need is forgotten, or the store was made after now */
} occ__why;

/* NO: *detail is the index of the key that exists; those before it are inserted all the same. RETRY: nothing is inserted,
 * *detail is an occ__why. */
int occ__table_once(const occ__region *region, const occ_question *question, size_t *detail);
int occ__table_keep(const occ__region *region, const occ_question *question);
/* YES: *len octets are in out. */
int occ__table_recall(const occ__region *region, const occ_question *question,
                      uint8_t out[OCC__MAX_KEPT], size_t *len);
int occ__table_reserve(const occ__region *region, const occ_question *question);
int occ__table_commit(const occ__region *region, const occ_question *question);
int occ__table_release(const occ__region *region, const occ_question *question);

#endif
