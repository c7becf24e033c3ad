/* SPDX-License-Identifier: MIT */

/* Octet 0 picks the failing allocation (255: none), octet 1 the door. Even: the rest is the text that a client sent as
 * challenge_session or as nonce, judged with a fixed ring. Odd: the rest is a plain text of ours, sealed here and opened
 * by the library, so that the reader of the layout is reached without luck. Whatever is taken has one spelling alone. */

#include <stdlib.h>

#include "base/lib.h"
#include "base/limits.h"
#include "core/nonce.h"
#include "fail_mem.h"

#define T      ((occ_time)1000000000000)
#define ISSUER "https://as.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char ring_text[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"ERERERERERERERERERERERERERERERERERERERERERE\","
    "\"seal_from\":0,\"open_until\":9000000000000}]}";

static const uint8_t store[OCC__STORE_ID_LEN] = { 1 };

/* Made once, reachable to the end. */
static struct {
  occ_lib *lib;
  occ_keyring *ring;
  const occ_key_set *keys;
  const occ_seal_key *key;
  occ_workspace *ws;
} world;

static void must(int holds)
{
  if (!holds) {
    abort();
  }
}

static void open_world(void)
{
  if (world.lib != NULL) {
    return;
  }
  must(occ_lib_new(&world.lib, NULL) == OCC_OK);
  must(occ_keyring_new(&world.ring, world.lib) == OCC_OK);
  must(occ_keyring_load(world.ring, ring_text, sizeof(ring_text) - 1, T, 0) == OCC_OK);
  must(occ__lib_take(world.lib, &world.ws) == OCC_OK);
  world.keys = occ__keyring_take(world.ring);
  world.key = occ__key_set_seals(world.keys, T);
  must(world.key != NULL);
}

/* Opens; what is taken is sealed once more and must come out the same. */
static int open_sealed(fail_mem *fm, const occ_sealed *sealed)
{
  occ_session session;
  occ_sealed again;
  occ_arena arena;
  int rc;

  occ__arena_init(&arena, &fm->mem, (size_t)64 * 1024);
  rc = occ__handle_open(&session, &arena, world.ws, world.keys, sealed, T);
  if (rc == OCC_OK) {
    must(occ__handle_seal(&again, world.ws, world.key, &session) == OCC_OK);
    must(again.len == sealed->len && memcmp(again.octets, sealed->octets, again.len) == 0);
  } else {
    must(session.name.base == NULL && session.params.base == NULL && session.memo.base == NULL);
    must(rc != OCC_ERR_MEMORY || fm->failed);
  }
  occ__arena_clear(&arena);
  return rc;
}

static void as_text(fail_mem *fm, occ_span text)
{
  uint8_t id[OCC__SESSION_ID_LEN];
  char again[OCC__MAX_HANDLE + 1];
  occ_sealed sealed;
  int stored, kind = occ__handle_kind(text, &stored, id);
  int rc = occ__handle_decode(&sealed, text);

  must(kind == OCC_OK || (kind == OCC__REASON_SESSION_MALFORMED && !stored));
  must(rc == OCC_OK || (rc == OCC__REASON_SESSION_MALFORMED && sealed.len == 0));
  if (stored) {
    must(rc != OCC_OK);
    must(occ__handle_text_stored(again, id) == text.len && occ__span_is(text, again));
  }
  if (rc == OCC_OK) {
    must(kind == OCC_OK);
    must(occ__handle_text(again, &sealed) == text.len && occ__span_is(text, again));
    rc = open_sealed(fm, &sealed);
    must(rc == OCC_OK || rc == OCC_ERR_MEMORY || rc == OCC__REASON_SESSION_FORGED ||
         rc == OCC__REASON_SESSION_KEY_UNKNOWN);
  }
}

static void as_nonce(occ_span text)
{
  char again[OCC__NONCE_LEN + 1];
  occ_time began;
  int rc = occ__nonce_check(world.ws, world.keys, ISSUER, store, text, T, &began);

  must(rc == OCC_OK || rc == OCC__REASON_DPOP_NONCE_UNKNOWN);
  if (rc == OCC_OK) {
    must(began <= T && began > T - 3 * (occ_time)OCC__NONCE_STEP_MS);
    must(occ__nonce_make(again, world.ws, world.key, ISSUER, store, began) == OCC_OK);
    must(occ__span_is(text, again));
  }
}

/* Seals any octets as if they were a session of ours. */
static void as_plain(fail_mem *fm, occ_span plain)
{
  static const char label[] = "libocc session 1";
  static const uint8_t id[OCC__SESSION_ID_LEN] = { 7 };
  const occ_span part[] = { occ__span(label, sizeof(label)), occ__span(id, sizeof(id)) };
  static const uint8_t iv[OCC__AEAD_IV_LEN] = { 0 };
  uint8_t own[OCC__SHA256_LEN];
  occ_sealed sealed;
  int rc;

  if (plain.len > sizeof(sealed.octets) - 37 - OCC__AEAD_TAG_LEN) {
    return;
  }
  sealed.octets[0] = 0x01;
  memcpy(sealed.octets + 1, world.key->id, OCC__SEAL_KEY_ID_LEN);
  memcpy(sealed.octets + 5, id, sizeof(id));
  must(occ__hmac_sha256(world.ws, own, occ__span(world.key->master, OCC__SEAL_KEY_LEN), part, 2) ==
       OCC_OK);
  must(occ__aead_seal(world.ws, own, iv, occ__span(sealed.octets, 37), plain, sealed.octets + 37,
                      sealed.octets + 37 + plain.len) == OCC_OK);
  sealed.len = 37 + plain.len + OCC__AEAD_TAG_LEN;
  rc = open_sealed(fm, &sealed);
  must(rc == OCC_OK || rc == OCC_ERR_MEMORY || rc == OCC__REASON_SESSION_MALFORMED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fail_mem fm;

  if (size < 2) {
    return 0;
  }
  open_world();
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  if (data[1] % 2 == 0) {
    as_text(&fm, occ__span(data + 2, size - 2));
    as_nonce(occ__span(data + 2, size - 2));
  } else {
    as_plain(&fm, occ__span(data + 2, size - 2));
  }
  must(fm.live == 0);
  return 0;
}
