/* SPDX-License-Identifier: MIT */
#ifndef OCC__CIMD_OPTIONS_H
#define OCC__CIMD_OPTIONS_H

/* The options of occ_cimd_new(), one JSON object; docs/cimd.md has them all. */

#include "base/arena.h"
#include "cimd/address.h"
#include "cimd/cache.h"
#include "cimd/document.h"
#include "cimd/fetched.h"

#define OCC__CIMD_WEAKENED 6u /* options that may */

typedef struct occ_cimd_options {
  occ_client_url_rules url;
  const char **hosts; /* patterns, NULL-terminated, in the arena; NULL: any host */
  occ_address_rules address;
  occ_document_rules document;
  occ_fetched_rules fetched[OCC__CACHE_KINDS];
  occ_freshness_rules freshness;
  occ_cache_rules cache;
  const char *weakened[OCC__CIMD_WEAKENED +
                       1]; /* those that give up some protection; static, NULL-terminated */
} occ_cimd_options;

/* json: NULL for the defaults. OCC_OK, OCC_ERR_SYNTAX, OCC_ERR_LIMIT, OCC_ERR_CONFIG, OCC_ERR_MEMORY. */
int occ__cimd_options_read(occ_cimd_options *out, occ_arena *arena, const char *json);

#endif
