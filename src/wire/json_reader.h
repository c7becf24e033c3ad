/* SPDX-License-Identifier: MIT */
#ifndef OCC__JSON_READER_H
#define OCC__JSON_READER_H

/* A JSON text as a sequence of events, within limits. It allocates nothing, never recurses and
 * looks at no octet outside the text. */

#include "base/limits.h"
#include "wire/json_in.h"

#define OCC__JSON_LEVELS 64u /* however high the limit of depth is */

typedef enum occ_json_event {
  OCC__JSON_END, /* of the text */
  OCC__JSON_OBJECT,
  OCC__JSON_ARRAY,
  OCC__JSON_CLOSE, /* the innermost object or array */
  OCC__JSON_NAME,  /* of the member whose value comes next */
  OCC__JSON_STRING,
  OCC__JSON_INTEGER,
  OCC__JSON_REAL,
  OCC__JSON_TRUE,
  OCC__JSON_FALSE,
  OCC__JSON_NULL
} occ_json_event;

typedef struct occ_json_reader {
  const uint8_t *at, *end;
  const occ_json_limits *limits;
  size_t depth, values, reals;
  uint64_t objects; /* one bit a level, the innermost lowest: 1 in an object, 0 in an array */
  int due;          /* what may come next */
  occ_span raw;     /* of a name, string or number: what stands in the text, without quotes */
  size_t len;       /* of a name or string: octets when decoded; raw.len where it has no escape */
  int64_t integer;
} occ_json_reader;

/* OCC_OK, or OCC_ERR_LIMIT: too long. */
int occ__json_reader_init(occ_json_reader *r, occ_span text, const occ_json_limits *limits);
/* OCC_OK with the next event; OCC_ERR_LIMIT, OCC_ERR_SYNTAX: call it no more. */
int occ__json_reader_next(occ_json_reader *r, occ_json_event *event);
/* raw of a name or string that an event gave: as UTF-8, exactly len octets. */
void occ__json_reader_decode(uint8_t *out, occ_span raw);
/* raw of a real that an event gave. OCC_OK, or OCC_ERR_SYNTAX: no double is so large. */
int occ__json_reader_real(double *out, occ_span raw);

#endif
