/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_RECEIPT_H
#define OCC__CORE_RECEIPT_H

/* Receipts: what a client has met at the PAR endpoint, sealed for the host to keep with the request_uri and then with the
 * code, and to hand back at the token request. Sealed as handles are (handle.h); the layout of the plain text stands as a
 * table in receipt.c and in docs/architecture.md. What the machine does with them is in txn.h. */

#include "core/handle.h"

typedef struct occ_receipt {
  uint8_t id[OCC__SESSION_ID_LEN];
  occ_time issued, expires;
  uint8_t bound[OCC__SHA256_LEN]; /* digest of issuer, client and its authentication method */
  uint8_t senders;                /* bit 1 << occ_sender */
  uint8_t sender[OCC__SENDERS][OCC__SHA256_LEN];
  occ_satisfied met[OCC__MAX_SATISFIED];
  size_t met_count; /* at least one */
} occ_receipt;

/* receipt->id must be filled with fresh random octets. OCC_OK; OCC_ERR_LIMIT: something does not fit into the layout;
 * OCC_ERR_CRYPTO. */
int occ__receipt_seal(occ_sealed *out, occ_workspace *ws, const occ_seal_key *key,
                      const occ_receipt *receipt);
/* out: OCC__MAX_RECEIPT + 1. Returns its length. */
size_t occ__receipt_text(char *out, const occ_sealed *sealed);
/* What the host handed in to octets: OCC_OK or RECEIPT_MALFORMED. */
int occ__receipt_decode(occ_sealed *out, occ_span text);
/* OCC_OK, RECEIPT_KEY_UNKNOWN, RECEIPT_FORGED, RECEIPT_MALFORMED, OCC_ERR_CRYPTO. Compares nothing. */
int occ__receipt_open(occ_receipt *out, occ_workspace *ws, const occ_key_set *keys,
                      const occ_sealed *sealed, occ_time now);

#endif
