/* SPDX-License-Identifier: MIT */
#ifndef OCC__FORM_H
#define OCC__FORM_H

/* application/x-www-form-urlencoded bodies, in and out (RFC 6749 appendix B). Reading decodes into
 * the arena, refuses a repeated name (RFC 6749 section 3.2) except resource (RFC 8707) and audience
 * (RFC 8693), keeps empty values as absent (they are counted and then dropped), passes over nothing
 * between two separators, and stops at the limits. */

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

typedef struct occ_param {
  const char *name;  /* NUL-terminated, in the arena; may hold no zero octet */
  const char *value; /* NUL-terminated, in the arena; may hold zero octets */
  size_t name_len, value_len;
} occ_param;

typedef struct occ_form {
  occ_param *param; /* in order of appearance, in the arena */
  size_t room, count;
  size_t seen;   /* parameters met, the empty ones included */
  size_t octets; /* of all bodies and added parameters, at most OCC__MAX_BODY */
} occ_form;      /* zeroed before the first use: parse and add may both be called, in any order */

/* OCC_OK, OCC_ERR_MEMORY, OCC_ERR_LIMIT (arena), or a reason: FORM_MALFORMED (bad escape, zero
 * octet in a name, empty name), FORM_TOO_LARGE, FORM_TOO_MANY, PARAM_REPEATED (an empty repeat
 * counts as a repeat). A body longer than OCC__MAX_BODY is not looked at. */
int occ__form_parse(occ_form *form, occ_arena *arena, occ_span body);
/* The same rules for a parameter that is decoded already. */
int occ__form_add(occ_form *form, occ_arena *arena, occ_span name, occ_span value);
/* The i-th value of name (only resource and audience have more than one), or NULL. */
const occ_param *occ__form_find_span(const occ_form *form, occ_span name, size_t i);
/* Here, so that the length of a name that stands in the code is no work. */
static inline const occ_param *occ__form_find(const occ_form *form, const char *name, size_t i)
{
  return occ__form_find_span(form, occ__span_text(name), i);
}
/* name=value, percent-encoded, with & before it unless it is the first. */
int occ__form_put(occ_buf *out, const char *name, occ_span value);

#endif
