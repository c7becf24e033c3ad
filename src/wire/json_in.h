/* SPDX-License-Identifier: MIT */
#ifndef OCC__JSON_IN_H
#define OCC__JSON_IN_H

/* JSON text to jansson values, within limits. Strictly RFC 8259: a BOM, octets that are no UTF-8, a lone
 * surrogate, trailing text and trailing commas are refused. So is what two readers may take in two
 * ways: duplicate names at every depth, by decoded name; U+0000; numbers outside double or int64, or
 * of more than OCC__MAX_JSON_NUMBER characters. A number without fraction and exponent is an
 * integer, -0 is 0. */

#include <jansson.h>

#include "base/span.h"

typedef struct occ_json_limits {
  size_t octets, depth, values;
} occ_json_limits;

extern const occ_json_limits occ__json_peer; /* limits.h: what a peer sent; no longer than a JWT */
extern const occ_json_limits occ__json_request;   /* details; header, claims of evidence */
extern const occ_json_limits occ__json_proof;     /* header and claims of a DPoP proof, each */
extern const occ_json_limits occ__json_assertion; /* the same of a client's assertion */
extern const occ_json_limits
    occ__json_client; /* its metadata, its keys: it may have written them */
extern const occ_json_limits occ__json_answer; /* other key sets, responses: with an answer */
extern const occ_json_limits occ__json_config; /* the host's own configuration */

/* OCC_OK, OCC_ERR_LIMIT, OCC_ERR_SYNTAX. Allocates nothing. values counts every value: containers,
 * members' values, elements. A text that passes may still have a duplicate name or a real beyond
 * double. */
int occ__json_scan(occ_span text, const occ_json_limits *limits);
/* *out: a new reference, or NULL. OCC_OK, OCC_ERR_LIMIT, OCC_ERR_SYNTAX, OCC_ERR_MEMORY. Any value
 * is read at top level. */
int occ__json_read(json_t **out, occ_span text, const occ_json_limits *limits);
/* The same, and anything but an object is OCC_ERR_SYNTAX. */
int occ__json_read_object(json_t **out, occ_span text, const occ_json_limits *limits);
/* Would that be OCC_OK? Nothing is made of it, so it costs little. OCC_OK, OCC_ERR_LIMIT, OCC_ERR_SYNTAX, OCC_ERR_MEMORY. */
int occ__json_check_object(occ_span text, const occ_json_limits *limits);
/* A member that is a string without a zero octet: its text, borrowed; else NULL. object: may be NULL */
const char *occ__json_text(const json_t *object, const char *member);

#endif
