/* SPDX-License-Identifier: MIT */
#ifndef OCC__JCS_TEXT_H
#define OCC__JCS_TEXT_H

/* Canonical JSON (jcs.h) from JSON texts. What a requirement is made of lies ready as canonical texts, so that to write it
 * is to merge sorted members, with no JSON value in between. */

#include "base/arena.h"
#include "jose/jcs.h"
#include "wire/json_in.h"

/* The canonical form of a JSON text, NUL-terminated, in the arena. OCC_OK; OCC_ERR_SYNTAX: no JSON, or without canonical
 * form; OCC_ERR_LIMIT, OCC_ERR_MEMORY. */
int occ__jcs_text(occ_span *out, occ_arena *arena, occ_span text, const occ_json_limits *limits);

/* One object of the members of several, whose texts are canonical; where names meet, the later one's counts. An empty text
 * is no object and is passed over. NUL-terminated, in the arena. OCC_OK, OCC_ERR_LIMIT, OCC_ERR_MEMORY. */
int occ__jcs_text_merge(occ_span *out, occ_arena *arena, const occ_span *layer, size_t layers);

/* The text of a member's value in an object whose text is canonical, borrowed from it; base NULL: no such member. name:
 * without characters that are escaped. */
occ_span occ__jcs_text_get(occ_span object, const char *name);

#endif
