/* SPDX-License-Identifier: MIT */
#ifndef OCC__JSON_OUT_H
#define OCC__JSON_OUT_H

/* A small JSON writer onto a bounded buffer. Octets that are not UTF-8 are written as U+FFFD, so
 * its output is always valid. Commas are the writer's: the first member after an opening bracket
 * gets none. Errors stick in the buffer. */

#include <jansson.h>

#include "base/buf.h"

/* Octets of the well-formed UTF-8 sequence that text, which is not empty, begins with; 0: with none. */
size_t occ__json_utf8_len(occ_span text);
int occ__json_is_utf8(occ_span text);

void occ__json_open(occ_buf *out,
                    char bracket); /* '{' or '[', with a comma before it where one is due */
void occ__json_close(occ_buf *out, char bracket);    /* '}' or ']' */
void occ__json_name(occ_buf *out, const char *name); /* member name and colon */
void occ__json_string(occ_buf *out, occ_span text);
void occ__json_number(occ_buf *out, int64_t number);
void occ__json_bool(occ_buf *out, int truth);
void occ__json_null(occ_buf *out);
void occ__json_raw(occ_buf *out, occ_span json); /* JSON text that is known to be good */
/* Compact, order kept. NULL (an allocation of jansson's that failed) sets OCC_ERR_MEMORY. */
void occ__json_value(occ_buf *out, const json_t *value);
void occ__json_b64(occ_buf *out, occ_span octets); /* a base64url string */

/* Shorthands: name, then value; a NULL text writes nothing. */
void occ__json_put_text(occ_buf *out, const char *name, const char *text);
void occ__json_put_number(occ_buf *out, const char *name, int64_t number);

#endif
