/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_HANDLE_H
#define OCC__CORE_HANDLE_H

/* Sessions and the handles that carry them. Sealed by default, so that a waiting challenge costs the server no memory.
 *
 *     handle  = base64url( version(1) || key id(4) || id(32 random) || ciphertext || tag(16) )
 *     key     = HMAC-SHA-256(master key, label || id), used once: so its iv is all zero
 *     AEAD    = AES-256-GCM over the plain text, with version, key id and id as associated data
 *
 * In stored mode the handle is base64url( version | 0x80 (1) || id(32) ), and the sealed octets lie in the store.
 * The layout of the plain text stands as a table in handle.c and in docs/architecture.md. Receipts (receipt.h) are sealed
 * by the same code, with a format and a label of their own. */

#include "base/arena.h"
#include "base/limits.h"
#include "base/status.h"
#include "core/keyring.h"
#include "jose/workspace.h"
#include "occ/txn.h"

#define OCC__SESSION_ID_LEN  32u
#define OCC__CHAIN_LEN       8u
#define OCC__STORE_ID_LEN    16u
#define OCC__TEMPLATE_ID_LEN 16u
#define OCC__SENDERS         4u    /* indexes by occ_sender; 0 unused */
#define OCC__SENDER_BITS     0x0eu /* 1 << occ_sender, for the three there are */
#define OCC__MAX_SEALED_TIME (((occ_time)1 << 48) - 1)
/* Octets around the plain text: format, key id, id, tag. */
#define OCC__SEALED_AROUND   (1u + OCC__SEAL_KEY_ID_LEN + OCC__SESSION_ID_LEN + OCC__AEAD_TAG_LEN)

typedef struct occ_satisfied {
  uint8_t id[OCC__TEMPLATE_ID_LEN]; /* of requirement name and configured template */
  occ_time at;                      /* when its evidence was accepted */
  uint8_t senders;                  /* bit 1 << occ_sender: which keys were shown then */
} occ_satisfied;

typedef struct occ_session {
  uint8_t id[OCC__SESSION_ID_LEN];
  occ_time issued, expires;
  uint8_t attempt, round; /* from 1 */
  uint8_t chain[OCC__CHAIN_LEN];
  uint8_t store_id[OCC__STORE_ID_LEN];
  uint8_t bound[OCC__SHA256_LEN];                /* digest.h */
  uint8_t senders;                               /* bit set, as above */
  uint8_t sender[OCC__SENDERS][OCC__SHA256_LEN]; /* thumbprints, decoded */
  occ_satisfied satisfied[OCC__MAX_SATISFIED];
  size_t satisfied_count;
  int capable;                 /* the client's metadata had the capability flag */
  occ_span name, params, memo; /* of the pending requirement; borrowed */
} occ_session;

/* What a sealed handle looks like before base64url. */
typedef struct occ_sealed {
  uint8_t octets[OCC__MAX_HANDLE];
  size_t len;
} occ_sealed;

/* What tells one kind of sealed octets from another. The label goes into the key, the format is authenticated: what was
 * sealed as one kind does not open as another. */
typedef struct occ_seal_kind {
  uint8_t format;
  occ_span label; /* with its NUL, so that no label is the beginning of another */
} occ_seal_kind;

/* id: fresh random octets; plain: it fits into out with OCC__SEALED_AROUND. OCC_OK, OCC_ERR_LIMIT, OCC_ERR_CRYPTO. */
int occ__handle_wrap(occ_sealed *out, occ_workspace *ws, const occ_seal_key *key,
                     const occ_seal_kind *kind, const uint8_t id[OCC__SESSION_ID_LEN],
                     occ_span plain);
/* Into plain, which has room for sealed->len - OCC__SEALED_AROUND octets; sealed is longer than that. OCC_OK,
 * SESSION_FORGED, OCC_ERR_CRYPTO. */
int occ__handle_unwrap(uint8_t *plain, occ_workspace *ws, const occ_seal_key *key,
                       const occ_seal_kind *kind, const occ_sealed *sealed);

/* session->id must be filled with fresh random octets. OCC_OK; OCC_ERR_LIMIT: something does not fit into the layout, or
 * the whole into OCC__MAX_HANDLE characters; OCC_ERR_CRYPTO. */
int occ__handle_seal(occ_sealed *out, occ_workspace *ws, const occ_seal_key *key,
                     const occ_session *session);
#define OCC__HANDLE_STORED_LEN 44u /* characters of a stored handle */
/* The text of a sealed handle, or of a stored one (the id alone). out: room for it and a NUL. Returns its length. */
size_t occ__handle_text(char *out, const occ_sealed *sealed);
size_t occ__handle_text_stored(char *out, const uint8_t id[OCC__SESSION_ID_LEN]);

/* What kind of handle is this? OCC_OK and *stored; SESSION_MALFORMED. For a stored one, id is set. */
int occ__handle_kind(occ_span text, int *stored, uint8_t id[OCC__SESSION_ID_LEN]);
/* Base64url of a sealed handle to octets: OCC_OK or SESSION_MALFORMED. */
int occ__handle_decode(occ_sealed *out, occ_span text);
/* Opens sealed octets; plain text goes into the arena, session's spans borrow from there. Reasons SESSION_MALFORMED,
 * SESSION_KEY_UNKNOWN, SESSION_FORGED; OCC_ERR_MEMORY, OCC_ERR_LIMIT (arena), OCC_ERR_CRYPTO. Compares nothing: that is the machine's. */
int occ__handle_open(occ_session *out, occ_arena *arena, occ_workspace *ws, const occ_key_set *keys,
                     const occ_sealed *sealed, occ_time now);

#endif
