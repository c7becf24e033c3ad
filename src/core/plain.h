/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_PLAIN_H
#define OCC__CORE_PLAIN_H

/* What the plain texts of sessions (handle.c) and receipts (receipt.c) have in common: numbers, sender keys, and the
 * requirements that were met. Their layouts stand as tables in those two files. */

#include "base/cursor.h"
#include "core/handle.h"

#define OCC__PLAIN_TIME_LEN 6u
/* Octets of one requirement that was met. */
#define OCC__PLAIN_MET_LEN  (OCC__TEMPLATE_ID_LEN + OCC__PLAIN_TIME_LEN + 1u)

/* Room to write into. */
typedef struct occ_plain {
  uint8_t *at;
  size_t left;
  int full; /* something did not fit; sticky */
} occ_plain;

void occ__plain_put(occ_plain *plain, const void *octets, size_t len);
void occ__plain_put_uint(occ_plain *plain, uint64_t number, size_t octets); /* big endian */
void occ__plain_put_time(occ_plain *plain, occ_time time);
void occ__plain_put_senders(occ_plain *plain, unsigned senders,
                            const uint8_t (*sender)[OCC__SHA256_LEN]);
void occ__plain_put_met(occ_plain *plain, const occ_satisfied *met, size_t count);

/* Both sides ask these: what is not sealed is not opened either. */
int occ__plain_is_time(occ_time time);
int occ__plain_are_senders(unsigned bits);

/* 1, or 0: it is not there, or against the layout. */
int occ__plain_get_octet(occ_cursor *cursor, uint8_t *out);
int occ__plain_get_time(occ_cursor *cursor, occ_time *out);
int occ__plain_get_senders(occ_cursor *cursor, uint8_t *senders,
                           uint8_t (*sender)[OCC__SHA256_LEN]);
int occ__plain_get_met(occ_cursor *cursor, occ_satisfied met[OCC__MAX_SATISFIED], size_t *count);

#endif
