/* SPDX-License-Identifier: MIT */
#ifndef OCC__VALUE_H
#define OCC__VALUE_H

/* What the cache keeps: immutable, counted, one block of memory. Documents and key sets begin with it, so that a request
 * can go on with what it has seen while another replaces or evicts it. Any thread. */

#include <stdatomic.h>

#include "base/mem.h"
#include "jose/workspace.h"

/* What of a client matters when it is seen again: in the next request, or in the next leg of a challenge. */
typedef struct occ_snapshot {
  uint8_t method[OCC__SHA256_LEN]; /* digest of the authentication method */
  uint8_t keys
      [OCC__SHA256_LEN]; /* ... of the thumbprints of all keys, or of jwks_uri, and of a certificate's name */
  int capable;           /* it says that it can be challenged */
} occ_snapshot;

enum { /* bits of what is different */
       OCC__CHANGED_METHOD = 1,
       OCC__CHANGED_KEYS = 2,
       OCC__CHANGED_CAPABILITY = 4
};

typedef struct occ_value {
  atomic_size_t holds;
  const occ_mem *mem;
  size_t size; /* of the block that begins here */
  occ_snapshot snapshot;
} occ_value;

/* A block of size octets, zeroed, held once; NULL: no memory. */
void *occ__value_new(const occ_mem *mem, size_t size);
void occ__value_hold(occ_value *value);
void occ__value_drop(occ_value *value); /* the last one frees; NULL is fine */
/* Bits. spec: draft-ietf-oauth-client-id-metadata-document-02 section 8.4 */
unsigned occ__value_changes(const occ_snapshot *before, const occ_snapshot *now);

#endif
