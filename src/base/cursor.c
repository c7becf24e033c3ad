/* SPDX-License-Identifier: MIT */

/* Reads octets in network order. Called by core for opened sessions and by the stores. It allocates
 * nothing and never looks past the span. */

#include "base/cursor.h"

void occ__cursor_init(occ_cursor *cursor, occ_span span)
{
  *cursor = (occ_cursor){ span.base, span.len };
}

static const uint8_t *step(occ_cursor *cursor, size_t len)
{
  const uint8_t *at = cursor->at;

  if (len != 0) { /* the empty span has no base to count from */
    cursor->at += len;
    cursor->left -= len;
  }
  return at;
}

int occ__cursor_uint(occ_cursor *cursor, size_t octets, uint64_t *value)
{
  uint64_t sum = 0;
  const uint8_t *at;

  if (octets == 0 || octets > sizeof(sum) || octets > cursor->left) {
    return 0;
  }
  at = step(cursor, octets);
  for (size_t i = 0; i < octets; i++) {
    sum = sum << 8 | at[i];
  }
  *value = sum;
  return 1;
}

int occ__cursor_copy(occ_cursor *cursor, void *out, size_t len)
{
  if (len > cursor->left) {
    return 0;
  }
  if (len != 0) {
    memcpy(out, step(cursor, len), len);
  }
  return 1;
}

int occ__cursor_span(occ_cursor *cursor, size_t len, occ_span *out)
{
  if (len > cursor->left) {
    return 0;
  }
  *out = occ__span(step(cursor, len), len);
  return 1;
}

int occ__cursor_sized(occ_cursor *cursor, size_t octets, size_t max, occ_span *out)
{
  occ_cursor ahead = *cursor;
  uint64_t len;

  if (octets > 2 || !occ__cursor_uint(&ahead, octets, &len) || len > max ||
      !occ__cursor_span(&ahead, (size_t)len, out)) {
    return 0;
  }
  *cursor = ahead;
  return 1;
}
