/* SPDX-License-Identifier: MIT */
#ifndef OCC__BUF_H
#define OCC__BUF_H

/* Owned, growable octets, created with a maximum. Errors stick: write everything, then look at rc
 * once. What it held is wiped when it grows and when it is cleared. */

#include "mem.h"

typedef struct occ_buf {
  const occ_mem *mem;
  uint8_t *base; /* NUL-terminated whenever base is not NULL; the NUL is not counted in len */
  size_t len, cap, max;
  int rc; /* OCC_OK, OCC_ERR_MEMORY, OCC_ERR_LIMIT; sticky */
} occ_buf;

void occ__buf_init(occ_buf *buf, const occ_mem *mem, size_t max);
/* Room for len more octets, as far as the maximum allows, so that what is written next does not grow
 * step by step. Returns rc. */
int occ__buf_reserve(occ_buf *buf, size_t len);
int occ__buf_put(occ_buf *buf, const void *octets, size_t len); /* returns rc */
int occ__buf_text(occ_buf *buf, const char *text);
int occ__buf_byte(occ_buf *buf, uint8_t byte);
int occ__buf_number(occ_buf *buf, int64_t number); /* decimal */
uint8_t *occ__buf_grow(occ_buf *buf,
                       size_t len); /* room for len more octets, counted at once; NULL: see rc */
void occ__buf_reset(occ_buf *buf);  /* wipes the octets, keeps the room, rc = OCC_OK */
const char *occ__buf_string(const occ_buf *buf); /* NUL-terminated; "" when nothing was ever put */
void occ__buf_clear(occ_buf *buf);               /* wipes and frees */

#endif
