/* SPDX-License-Identifier: MIT */
#ifndef OCC__HEADER_H
#define OCC__HEADER_H

/* Header field lines as the host received them. Keeps only those that somebody asked for; each line
 * stays one line, so that a repeated DPoP header can be seen (RFC 9449 section 4.3). */

#include "base/arena.h"
#include "base/status.h"

typedef struct occ_header {
  const char *name;  /* as wanted, not as received */
  const char *value; /* trimmed of SP and HTAB, NUL-terminated, without control characters */
  size_t value_len;
} occ_header;

typedef struct occ_headers {
  occ_header *line;
  size_t count;
} occ_headers;

/* wanted: NULL-terminated names; a line with another name is ignored (OCC_OK). Reasons:
 * HEADER_MALFORMED (a control character), HEADER_TOO_LARGE, HEADERS_TOO_MANY. Field names compare
 * without case. */
int occ__headers_add(occ_headers *headers, occ_arena *arena, const char *const *wanted,
                     occ_span name, occ_span value);
const occ_header *occ__headers_find(const occ_headers *headers, const char *name, size_t i);
int occ__header_name_equal(const char *a, const char *b); /* ASCII, without case */
/* The value of the first line `name: value` in a block of lines (CRLF or LF), trimmed; length 0 and
 * base NULL: none. *count: how many lines have that name. */
occ_span occ__header_in_block(occ_span lines, const char *name, size_t *count);

#endif
