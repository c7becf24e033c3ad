/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_NONCE_H
#define OCC__CORE_NONCE_H

/* The DPoP nonces of libocc's own (RFC 9449 section 8): nothing is stored, a nonce proves itself.
 *
 *     nonce = base64url( version(1) || key id(4) || step(1) || HMAC-SHA-256(master key, label || issuer || store id || step8) [24] )
 *
 * A step is OCC__NONCE_STEP_MS of time, counted from 1970; this step and the OCC__NONCE_STEPS_BACK before are good. The
 * version octet differs from a handle's, begins with a letter, and the whole is [A-Za-z0-9_-]. */

#include "core/handle.h"

#define OCC__NONCE_LEN 40u /* characters */

int occ__nonce_make(char out[OCC__NONCE_LEN + 1], occ_workspace *ws, const occ_seal_key *key,
                    const char *issuer, const uint8_t store_id[OCC__STORE_ID_LEN], occ_time now);
/* *step_time: when its step began. OCC_OK; DPOP_NONCE_UNKNOWN for anything else; OCC_ERR_CRYPTO. */
int occ__nonce_check(occ_workspace *ws, const occ_key_set *keys, const char *issuer,
                     const uint8_t store_id[OCC__STORE_ID_LEN], occ_span nonce, occ_time now,
                     occ_time *step_time);

#endif
