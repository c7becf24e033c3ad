/* SPDX-License-Identifier: MIT */

/* What a client's URL and its jwks_uri lead to: the same octets as a metadata document and as a key set. Byte 0 picks the
 * allocation of ours that fails (255: none). */

#include <stdlib.h>

#include "cimd/document.h"
#include "fail_mem.h"
#include "wire/json_in.h"

#define ID "https://app.example.org/c"

static occ_workspace *ws;

static void need(int good)
{
  if (!good) {
    abort();
  }
}

static void use_document(const occ_document *document)
{
  json_t *kept = NULL;

  need(strlen(document->metadata) == document->metadata_len);
  need(occ__json_read_object(&kept, occ__span(document->metadata, document->metadata_len),
                             &occ__json_config) == OCC_OK);
  need(strcmp(occ__json_text(kept, "client_id"), ID) == 0);
  need(strcmp(occ__json_text(kept, "token_endpoint_auth_method"), document->method) == 0);
  need(strncmp(document->method, "client_secret", 13) != 0);
  need(json_is_array(json_object_get(kept, "grant_types")));
  need(json_object_get(kept, "client_secret") == NULL && !occ__keyset_is_secret(kept));
  need(document->jwks_uri == NULL || strncmp(document->jwks_uri, "https://", 8) == 0);
  need(document->jwks_uri == NULL || json_object_get(kept, "jwks") == NULL);
  need(strcmp(document->method, "private_key_jwt") != 0 || document->jwks_uri != NULL ||
       json_object_get(kept, "jwks") != NULL);
  json_decref(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const occ_document_rules rules = { .octets = OCC__CIMD_DOCUMENT,
                                     .jwks_uri = { .octets = OCC__CIMD_URL, .query = 1 } };
  occ_document *document;
  occ_keyset *set;
  fail_mem fm;
  int rc;

  if (size < 1) {
    return 0;
  }
  if (ws == NULL) { /* made once, reachable to the end */
    need(occ__workspace_new(&ws, &occ__mem_libc) == OCC_OK);
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  rc = occ__document_read(&document, &fm.mem, ws, occ__span(data + 1, size - 1), occ__span_text(ID),
                          &rules);
  need((rc == OCC_OK) == (document != NULL) && (rc >= 0 || (rc == OCC_ERR_MEMORY && fm.failed)));
  if (document != NULL) {
    use_document(document);
    occ__value_drop(&document->value);
  }
  rc = occ__keyset_read(&set, &fm.mem, ws, occ__span(data + 1, size - 1), OCC__CIMD_JWKS);
  need((rc == OCC_OK) == (set != NULL) && (rc >= 0 || (rc == OCC_ERR_MEMORY && fm.failed)));
  if (set != NULL) {
    need(set->kids_len == 0 || occ__keyset_has(set, set->kids));
    occ__value_drop(&set->value);
  }
  need(fm.live == 0);
  return 0;
}
