/* SPDX-License-Identifier: MIT */
#ifndef OCC__JCS_H
#define OCC__JCS_H

/* JSON Canonicalization Scheme (RFC 8785) for the values that we bind: members by UTF-16 code units, minimal escapes,
 * integers within 2^53-1. Reals have no canonical form here. */

#include <jansson.h>

#include "base/buf.h"
#include "jose/workspace.h"

/* OCC_OK; OCC_ERR_SYNTAX: it has no canonical form here (a real, an integer beyond 2^53-1); OCC_ERR_MEMORY, OCC_ERR_LIMIT. */
int occ__jcs_write(occ_buf *out, const json_t *value);
/* Of one object whose members are those of several; where names meet, the later one's counts. A layer may be NULL. */
int occ__jcs_write_layers(occ_buf *out, const json_t *const *layer, size_t layers);
/* Would it be OCC_OK, given the memory? Writes nothing. */
int occ__jcs_check(const json_t *value);
/* Does a name come before another in canonical form? Both in UTF-8, as they are when nothing is escaped. */
int occ__jcs_is_before(occ_span a, occ_span b);
/* Can I-JSON carry this integer? Others have no canonical form. */
int occ__jcs_is_exact(int64_t number);
/* SHA-256 over that form. */
int occ__jcs_digest(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, const occ_mem *mem,
                    const json_t *value);

#endif
