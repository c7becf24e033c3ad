/* SPDX-License-Identifier: MIT */
#ifndef OCC__CURSOR_H
#define OCC__CURSOR_H

/* Reads octets from a span, in network order. Each read moves only when it succeeds, and returns 1
 * for success and 0 for "not enough left". No allocation, no copies but into the caller's room. */

#include "span.h"

typedef struct occ_cursor {
  const uint8_t *at;
  size_t left;
} occ_cursor;

void occ__cursor_init(occ_cursor *cursor, occ_span span);
int occ__cursor_uint(occ_cursor *cursor, size_t octets,
                     uint64_t *value); /* octets: 1 to 8, big endian */
int occ__cursor_copy(occ_cursor *cursor, void *out, size_t len);
int occ__cursor_span(occ_cursor *cursor, size_t len, occ_span *out);
/* A length of `octets` octets (1 or 2), then that many octets, at most max. */
int occ__cursor_sized(occ_cursor *cursor, size_t octets, size_t max, occ_span *out);

#endif
