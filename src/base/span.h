/* SPDX-License-Identifier: MIT */
#ifndef OCC__SPAN_H
#define OCC__SPAN_H

/* Borrowed octets. Peer data is always a span, never a C string. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct occ_span {
  const uint8_t *base;
  size_t len;
} occ_span;

static inline occ_span occ__span(const void *base, size_t len)
{
  return (occ_span){ (const uint8_t *)base, len };
}

/* text: NUL-terminated, or NULL for the empty span. */
static inline occ_span occ__span_text(const char *text)
{
  return (occ_span){ (const uint8_t *)text, text == NULL ? 0 : strlen(text) };
}

/* For values that are not secret; secrets go through occ__equal_ct(). */
static inline int occ__span_equal(occ_span a, occ_span b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

static inline int occ__span_is(occ_span span, const char *text)
{
  return occ__span_equal(span, occ__span_text(text));
}

#endif
