/* SPDX-License-Identifier: MIT */

/* Octet 0 picks the failing allocation (255: none), octet 1 the door. Even: the rest is the text that a host hands in.
 * Odd: the rest is a plain text of ours, sealed here, so that the reader of the layout is reached without luck; bit 2 of
 * the door puts the digest of this very client into it, bit 4 shows a DPoP key, bit 8 asks for a code. What is taken has
 * one spelling alone; and at a token request nothing is met but by an entry that opens, in its time, for this client. */

#include <stdlib.h>

#include "base/b64.h"
#include "base/lib.h"
#include "core/txn.h"
#include "fail_mem.h"

#define T      ((occ_time)1000000000000)
#define ISSUER "https://as.example"
#define THUMB  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char ring_text[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"ERERERERERERERERERERERERERERERERERERERERERE\","
    "\"seal_from\":0,\"open_until\":9000000000000}]}";
static const char config_text[] =
    "{\"dpop\":\"host\",\"store_id\":\"AAAAAAAAAAAAAAAAAAAAAA\","
    "\"types\":{\"ev\":{\"class\":\"provenance\",\"params\":[\"ev\"]},"
    "\"act\":{\"class\":\"authorization\",\"params\":[\"act\"]}},"
    "\"requirements\":{\"who\":{\"type\":\"ev\"},\"may\":{\"type\":\"act\"}}}";
static const char *const code[] = { "grant_type=client_credentials",
                                    "grant_type=authorization_code&code=c" };

/* Made once, reachable to the end. */
static struct {
  fail_mem memory;
  occ_lib *lib;
  occ_keyring *ring;
  occ_server *server;
  const occ_key_set *keys;
  const occ_seal_key *key;
  occ_workspace *ws;
  uint8_t bound[OCC__SHA256_LEN];
} world;

static void must(int holds)
{
  if (!holds) {
    abort();
  }
}

static void open_world(void)
{
  occ_config *config = NULL;

  if (world.lib != NULL) {
    return;
  }
  fail_mem_init(&world.memory, SIZE_MAX, false);
  must(occ_lib_new(&world.lib, &world.memory.mem) == OCC_OK);
  must(occ_keyring_new(&world.ring, world.lib) == OCC_OK);
  must(occ_keyring_load(world.ring, ring_text, sizeof(ring_text) - 1, T, 0) == OCC_OK);
  must(occ_config_new(&config, world.lib, ISSUER) == OCC_OK);
  must(occ_config_load(config, config_text, strlen(config_text)) == OCC_OK);
  must(occ_keyring_attach(world.ring, config) == OCC_OK);
  must(occ_server_new(&world.server, config) == OCC_OK);
  occ_config_free(config);
  must(occ__lib_take(world.lib, &world.ws) == OCC_OK);
  world.keys = occ__keyring_take(world.ring);
  world.key = occ__key_set_seals(world.keys, T);
  must(world.key != NULL);
  occ__sha256_begin(world.ws);
  occ__sha256_add_text(world.ws, "libocc receipt bound 1");
  occ__sha256_add_text(world.ws, ISSUER);
  occ__sha256_add_text(world.ws, "agent-7");
  occ__sha256_add_text(world.ws, "client_secret_basic");
  must(occ__sha256_end(world.ws, world.bound) == OCC_OK);
}

/* Opens; what is taken is sealed once more and must come out the same. */
static int open_sealed(occ_receipt *out, const occ_sealed *sealed)
{
  static const occ_receipt nothing;
  occ_sealed again;
  int rc = occ__receipt_open(out, world.ws, world.keys, sealed, T);

  if (rc == OCC_OK) {
    must(occ__receipt_seal(&again, world.ws, world.key, out) == OCC_OK);
    must(again.len == sealed->len && memcmp(again.octets, sealed->octets, again.len) == 0);
  } else {
    must(memcmp(out, &nothing, sizeof(nothing)) == 0);
    must(rc == OCC__REASON_RECEIPT_FORGED || rc == OCC__REASON_RECEIPT_KEY_UNKNOWN ||
         rc == OCC__REASON_RECEIPT_MALFORMED);
  }
  return rc;
}

/* May this requirement count as met by that receipt, at T, with this door? */
static int may_count(const occ_receipt *receipt, const occ_requirement *requirement, uint8_t door)
{
  uint8_t thumb[OCC__SHA256_LEN];
  const unsigned shown = (door & 4) != 0 ? 1u << OCC_SENDER_DPOP : 0;
  int found = 0;

  must(occ__b64_decode_exact(thumb, sizeof(thumb), occ__span_text(THUMB)) == OCC_OK);
  for (size_t i = 0; i < receipt->met_count; i++) {
    found |= memcmp(receipt->met[i].id, requirement->id, OCC__TEMPLATE_ID_LEN) == 0;
  }
  return found && (door & 8) != 0 && T < receipt->expires && receipt->issued <= T + 120000 &&
         memcmp(receipt->bound, world.bound, sizeof(world.bound)) == 0 &&
         (receipt->senders & ~shown) == 0 &&
         (receipt->senders == 0 ||
          memcmp(receipt->sender[OCC_SENDER_DPOP], thumb, sizeof(thumb)) == 0);
}

/* To DECIDE and no further. receipt: what it opens to, or NULL. */
static void ask(occ_txn *txn, const occ_receipt *receipt, uint8_t door)
{
  static const char metadata[] = "{}";
  const char *form = code[(door & 8) != 0];

  (void)occ_txn_set_body(txn, form, strlen(form));
  (void)occ_txn_set_client(txn, "agent-7", "client_secret_basic", NULL);
  (void)occ_txn_set_metadata(txn, metadata, strlen(metadata));
  if ((door & 4) != 0) {
    (void)occ_txn_set_sender(txn, OCC_SENDER_DPOP, THUMB);
  }
  if (occ_txn_run(txn, T) != OCC_PENDING) {
    must(world.memory.failed || receipt == NULL);
    must(occ_txn_outcome(txn) == OCC_FAILED);
    return;
  }
  must(occ_txn_question(txn)->kind == OCC_ASK_DECIDE);
  for (size_t i = 0; i < world.server->requirements; i++) {
    const occ_requirement *requirement = &world.server->requirement[i];
    must(!occ_txn_is_satisfied(txn, requirement->name) ||
         (receipt != NULL && may_count(receipt, requirement, door)));
  }
}

static void hand_in(const char *text, const occ_receipt *receipt, uint8_t door, uint8_t failing)
{
  const size_t live = world.memory.live;
  occ_txn *txn = NULL;

  world.memory.count = 0;
  world.memory.failed = false;
  world.memory.keep = true;
  world.memory.until = failing == 255 ? SIZE_MAX : failing;
  if (occ_txn_new(&txn, world.server, OCC_TOKEN, NULL) == OCC_OK) {
    int rc = occ_txn_set(txn, "receipt", text);
    must(rc == OCC_OK || rc == OCC_ERR_ARGUMENT || rc == OCC_ERR_MEMORY);
    must(rc != OCC_ERR_MEMORY || world.memory.failed);
    ask(txn, receipt, door);
  }
  occ_txn_free(txn);
  world.memory.until = SIZE_MAX;
  must(world.memory.live <= live + 8); /* the pool may have made a workspace */
}

static void as_text(const uint8_t *octets, size_t len, uint8_t door, uint8_t failing)
{
  char text[2048], again[OCC__MAX_RECEIPT + 1];
  occ_receipt receipt;
  occ_sealed sealed;
  int rc;

  if (len >= sizeof(text)) {
    return;
  }
  memcpy(text, octets, len);
  text[len] = '\0';
  rc = occ__receipt_decode(&sealed, occ__span_text(text));
  must(rc == OCC_OK || (rc == OCC__REASON_RECEIPT_MALFORMED && sealed.len == 0));
  if (rc == OCC_OK) {
    must(occ__receipt_text(again, &sealed) == strlen(text) && strcmp(text, again) == 0);
    rc = open_sealed(&receipt, &sealed);
  }
  hand_in(text, rc == OCC_OK ? &receipt : NULL, door, failing);
}

/* Seals any octets as if they were a receipt of ours. */
static void as_plain(const uint8_t *octets, size_t len, uint8_t door, uint8_t failing)
{
  static const char label[] = "libocc receipt 1";
  static const occ_seal_kind kind = { 0x21, { (const uint8_t *)label, sizeof(label) } };
  static const uint8_t id[OCC__SESSION_ID_LEN] = { 7 };
  uint8_t plain[OCC__MAX_HANDLE];
  char text[2 * OCC__MAX_HANDLE];
  occ_receipt receipt;
  occ_sealed sealed;
  int rc;

  if (len > sizeof(plain) - OCC__SEALED_AROUND) {
    return;
  }
  memcpy(plain, octets, len);
  if ((door & 2) != 0 && len >= 12 + sizeof(world.bound)) {
    memcpy(plain + 12, world.bound, sizeof(world.bound));
  }
  must(occ__handle_wrap(&sealed, world.ws, world.key, &kind, id, occ__span(plain, len)) == OCC_OK);
  rc = open_sealed(&receipt, &sealed);
  must(rc == OCC_OK || rc == OCC__REASON_RECEIPT_MALFORMED);
  occ__b64_encode(text, sealed.octets, sealed.len);
  hand_in(text, rc == OCC_OK ? &receipt : NULL, door, failing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2) {
    return 0;
  }
  open_world();
  if (data[1] % 2 == 0) {
    as_text(data + 2, size - 2, data[1], data[0]);
  } else {
    as_plain(data + 2, size - 2, data[1], data[0]);
  }
  return 0;
}
