/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_KEYRING_H
#define OCC__CORE_KEYRING_H

/* Generations of seal keys. A generation is immutable and counted; a run takes the current one and gives it back, and
 * the last to let go wipes it. */

#include "base/span.h"
#include "occ/keyring.h"

#define OCC__SEAL_KEY_LEN    32u
#define OCC__SEAL_KEY_ID_LEN 4u
#define OCC__MAX_SEAL_KEYS                                                                         \
  64u /* of one generation; a year of weekly keys, and a scan stays short */

typedef struct occ_seal_key {
  uint8_t master[OCC__SEAL_KEY_LEN];
  uint8_t id[OCC__SEAL_KEY_ID_LEN]; /* first octets of SHA-256(the ring's id for it) */
  occ_time seal_from, open_until;
} occ_seal_key;

typedef struct occ_key_set occ_key_set; /* one generation */

void occ__keyring_hold(occ_keyring *ring); /* a server keeps its ring alive */
void occ__keyring_drop(occ_keyring *ring);
const occ_key_set *occ__keyring_take(occ_keyring *ring); /* never NULL: may be empty */
void occ__keyring_give(occ_keyring *ring, const occ_key_set *set);
/* The key that seals at `now`: the latest seal_from that is not ahead (of equals the greater id), still open. NULL: none. */
const occ_seal_key *occ__key_set_seals(const occ_key_set *set, occ_time now);
/* The key with that id, pending ones included, while now < open_until. NULL: none. */
const occ_seal_key *occ__key_set_opens(const occ_key_set *set,
                                       const uint8_t id[OCC__SEAL_KEY_ID_LEN], occ_time now);

#endif
