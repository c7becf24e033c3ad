/* SPDX-License-Identifier: MIT */

/* DPoP nonces that prove themselves: made for every response that carries one, checked in SENDER. Called by the
 * machine. Nothing is stored and nothing used up: a nonce may be shown again while its step is good. */

#include "core/nonce.h"

#include "base/b64.h"
#include "base/mem.h"

/* Formats of nonces are 0xc1 to 0xcf: no handle has them, and the text begins with a letter. */
#define FORMAT    0xc1u
#define KEY_ID_AT 1u
#define STEP_AT   (KEY_ID_AT + OCC__SEAL_KEY_ID_LEN)
#define MAC_AT    (STEP_AT + 1u)
#define MAC_LEN   24u
#define LEN       (MAC_AT + MAC_LEN)

/* The NUL at its end is hashed too, so that no label is the beginning of another. */
static const char label[] = "libocc dpop nonce 1";

/* What a nonce is good for. */
typedef struct scope {
  const char *issuer;
  const uint8_t *store_id;
} scope;

static int make(uint8_t octets[LEN], occ_workspace *ws, const occ_seal_key *key,
                const scope *good_for, uint64_t step)
{
  uint8_t step8[8], mac[OCC__SHA256_LEN];
  /* Only the issuer has no fixed length, so the parts cannot be shifted against each other. */
  const occ_span part[] = { occ__span(label, sizeof(label)), occ__span_text(good_for->issuer),
                            occ__span(good_for->store_id, OCC__STORE_ID_LEN),
                            occ__span(step8, sizeof(step8)) };
  int rc;

  for (size_t i = 0; i < sizeof(step8); i++) {
    step8[i] = (uint8_t)(step >> (8 * (sizeof(step8) - 1 - i)));
  }
  rc = occ__hmac_sha256(ws, mac, occ__span(key->master, sizeof(key->master)), part,
                        sizeof(part) / sizeof(part[0]));
  if (rc != OCC_OK) {
    return rc;
  }
  octets[0] = FORMAT;
  memcpy(octets + KEY_ID_AT, key->id, OCC__SEAL_KEY_ID_LEN);
  octets[STEP_AT] = (uint8_t)step;
  memcpy(octets + MAC_AT, mac, MAC_LEN);
  occ__wipe(mac, sizeof(mac));
  return OCC_OK;
}

int occ__nonce_make(char out[OCC__NONCE_LEN + 1], occ_workspace *ws, const occ_seal_key *key,
                    const char *issuer, const uint8_t store_id[OCC__STORE_ID_LEN], occ_time now)
{
  uint8_t octets[LEN];
  int rc;

  out[0] = '\0';
  if (!OCC_INVARIANT(now >= 0)) {
    return OCC_ERR_INTERNAL;
  }
  rc = make(octets, ws, key, &(scope){ issuer, store_id }, (uint64_t)(now / OCC__NONCE_STEP_MS));
  if (rc == OCC_OK) {
    occ__b64_encode(out, octets, sizeof(octets));
  }
  return rc;
}

/* The one good step that ends in this octet. 0: there is none. */
static int find_step(uint64_t *step, uint8_t low, occ_time now)
{
  uint64_t newest = (uint64_t)(now / OCC__NONCE_STEP_MS);

  for (uint64_t back = 0; back <= OCC__NONCE_STEPS_BACK && back <= newest; back++) {
    if ((uint8_t)(newest - back) == low) {
      *step = newest - back;
      return 1;
    }
  }
  return 0;
}

int occ__nonce_check(occ_workspace *ws, const occ_key_set *keys, const char *issuer,
                     const uint8_t store_id[OCC__STORE_ID_LEN], occ_span nonce, occ_time now,
                     occ_time *step_time)
{
  uint8_t shown[LEN], wanted[LEN];
  const occ_seal_key *key;
  uint64_t step;
  int rc;

  *step_time = 0;
  if (now < 0 || nonce.len != OCC__NONCE_LEN ||
      occ__b64_decode_exact(shown, sizeof(shown), nonce) != OCC_OK || shown[0] != FORMAT ||
      !find_step(&step, shown[STEP_AT], now)) {
    return OCC__REASON_DPOP_NONCE_UNKNOWN;
  }
  key = occ__key_set_opens(keys, shown + KEY_ID_AT, now);
  if (key == NULL) {
    return OCC__REASON_DPOP_NONCE_UNKNOWN;
  }
  rc = make(wanted, ws, key, &(scope){ issuer, store_id }, step);
  if (rc != OCC_OK) {
    return rc;
  }
  if (!occ__equal_ct(shown, wanted, sizeof(shown))) {
    rc = OCC__REASON_DPOP_NONCE_UNKNOWN;
  } else {
    *step_time = (occ_time)step * OCC__NONCE_STEP_MS;
  }
  occ__wipe(wanted, sizeof(wanted)); /* what a forger would like to know */
  return rc;
}
