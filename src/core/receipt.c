/* SPDX-License-Identifier: MIT */

/* Receipts: made when a pushed authorization request is granted, judged at the token request that follows. A receipt that
 * does not fit counts for nothing and is no error: the policy asks as if there were none. No I/O, no clock; nothing is
 * remembered, so the host uses a receipt up with the code.
 *
 * Before base64url (format 0x21) as in handle.c: format (1), key id (4), id (32, random), ciphertext, tag (16), with the
 * label "libocc receipt 1". The plain text; numbers are big endian, times are milliseconds since 1970:
 *
 *      at  octets  what
 *       0       6  issued
 *       6       6  expires
 *      12      32  bound: SHA-256 over "libocc receipt bound 1", issuer, client id, authentication method
 *      44       1  sender keys: bit 1 << occ_sender; every other bit is 0
 *       .    32 k  their thumbprints, lowest bit first
 *       .       1  m: requirements that were met, 1 to 8
 *       .    23 m  each: id (16), when (6), sender keys shown then (1, bits as above, some of those above)
 *
 * Nothing follows. A reader refuses whatever does not fit this table to the octet. */

#include "core/receipt.h"

#include "base/b64.h"
#include "base/mem.h"
#include "core/plain.h"
#include "core/txn.h"

/* Of 0x20 to 0x3f: neither the format of a handle, with or without its 0x80, nor that of a nonce (0xc1). */
#define FORMAT    0x21u
#define KEY_ID_AT 1u
#define ID_AT     (KEY_ID_AT + OCC__SEAL_KEY_ID_LEN)
#define FIXED_LEN (2u * OCC__PLAIN_TIME_LEN + OCC__SHA256_LEN + 2u) /* all but keys and entries */
#define MIN_LEN   (OCC__SEALED_AROUND + FIXED_LEN + OCC__PLAIN_MET_LEN)
#define MAX_PLAIN                                                                                  \
  (FIXED_LEN + (OCC__SENDERS - 1u) * OCC__SHA256_LEN + OCC__MAX_SATISFIED * OCC__PLAIN_MET_LEN)
#define MAX_LEN (OCC__SEALED_AROUND + MAX_PLAIN)

_Static_assert(OCC__B64_LEN(MAX_LEN) == OCC__MAX_RECEIPT, "the longest receipt");

static const char label[] = "libocc receipt 1";
static const occ_seal_kind of_receipt = { FORMAT, { (const uint8_t *)label, sizeof(label) } };

/* ---- The layout ---------------------------------------------------------------------------------------------- */

/* Both sides ask this: what is not sealed is not opened either. */
static int fits(const occ_receipt *receipt)
{
  if (!occ__plain_is_time(receipt->issued) || !occ__plain_is_time(receipt->expires) ||
      !occ__plain_are_senders(receipt->senders) || receipt->met_count < 1 ||
      receipt->met_count > OCC__MAX_SATISFIED) {
    return 0;
  }
  for (size_t i = 0; i < receipt->met_count; i++) {
    if (!occ__plain_is_time(receipt->met[i].at) ||
        (receipt->met[i].senders & ~receipt->senders) != 0) {
      return 0;
    }
  }
  return 1;
}

/* Of one that fits; returns the length. */
static size_t write_plain(uint8_t plain[MAX_PLAIN], const occ_receipt *receipt)
{
  occ_plain w = { .at = plain, .left = MAX_PLAIN };

  occ__plain_put_time(&w, receipt->issued);
  occ__plain_put_time(&w, receipt->expires);
  occ__plain_put(&w, receipt->bound, sizeof(receipt->bound));
  occ__plain_put_senders(&w, receipt->senders, receipt->sender);
  occ__plain_put_met(&w, receipt->met, receipt->met_count);
  return MAX_PLAIN - w.left;
}

static int read_plain(occ_receipt *out, occ_span plain)
{
  occ_cursor cursor;

  occ__cursor_init(&cursor, plain);
  return occ__plain_get_time(&cursor, &out->issued) &&
         occ__plain_get_time(&cursor, &out->expires) &&
         occ__cursor_copy(&cursor, out->bound, sizeof(out->bound)) &&
         occ__plain_get_senders(&cursor, &out->senders, out->sender) &&
         occ__plain_get_met(&cursor, out->met, &out->met_count) && cursor.left == 0 && fits(out);
}

/* ---- Seal and open ------------------------------------------------------------------------------------------- */

int occ__receipt_seal(occ_sealed *out, occ_workspace *ws, const occ_seal_key *key,
                      const occ_receipt *receipt)
{
  uint8_t plain[MAX_PLAIN];
  int rc;

  out->len = 0;
  if (!fits(receipt)) {
    return OCC_ERR_LIMIT;
  }
  rc = occ__handle_wrap(out, ws, key, &of_receipt, receipt->id,
                        occ__span(plain, write_plain(plain, receipt)));
  occ__wipe(plain, sizeof(plain));
  return rc;
}

size_t occ__receipt_text(char *out, const occ_sealed *sealed)
{
  return occ__b64_encode(out, sealed->octets, sealed->len <= MAX_LEN ? sealed->len : 0);
}

static int is_whole(const occ_sealed *sealed)
{
  return sealed->len >= MIN_LEN && sealed->len <= MAX_LEN && sealed->octets[0] == FORMAT;
}

int occ__receipt_decode(occ_sealed *out, occ_span text)
{
  out->len = 0;
  if (occ__b64_decode(out->octets, sizeof(out->octets), &out->len, text) != OCC_OK ||
      !is_whole(out)) {
    out->len = 0;
    return OCC__REASON_RECEIPT_MALFORMED;
  }
  return OCC_OK;
}

int occ__receipt_open(occ_receipt *out, occ_workspace *ws, const occ_key_set *keys,
                      const occ_sealed *sealed, occ_time now)
{
  const occ_seal_key *key;
  uint8_t plain[MAX_PLAIN];
  int rc;

  memset(out, 0, sizeof(*out));
  if (!is_whole(sealed)) {
    return OCC__REASON_RECEIPT_MALFORMED;
  }
  key = occ__key_set_opens(keys, sealed->octets + KEY_ID_AT, now);
  if (key == NULL) {
    return OCC__REASON_RECEIPT_KEY_UNKNOWN;
  }
  rc = occ__handle_unwrap(plain, ws, key, &of_receipt, sealed);
  if (rc == OCC_OK && !read_plain(out, occ__span(plain, sealed->len - OCC__SEALED_AROUND))) {
    memset(out, 0, sizeof(*out));
    rc = OCC__REASON_RECEIPT_MALFORMED;
  }
  if (rc == OCC_OK) {
    memcpy(out->id, sealed->octets + ID_AT, sizeof(out->id));
  }
  occ__wipe(plain, sizeof(plain));
  return rc == OCC__REASON_SESSION_FORGED ? OCC__REASON_RECEIPT_FORGED : rc;
}

/* ---- At the token request ------------------------------------------------------------------------------------ */

static int bound(const occ_txn *txn, uint8_t out[OCC__SHA256_LEN])
{
  occ__sha256_begin(txn->ws);
  occ__sha256_add_text(txn->ws, "libocc receipt bound 1");
  occ__sha256_add_text(txn->ws, txn->server->issuer);
  occ__sha256_add_text(txn->ws, txn->client_id);
  occ__sha256_add_text(txn->ws, txn->client_method);
  return occ__sha256_end(txn->ws, out);
}

int occ__receipt_set(occ_txn *txn, const char *text)
{
  occ_sealed sealed;
  const void *copy;

  if (txn->endpoint == OCC_PAR || txn->begun || txn->receipt.base != NULL ||
      occ__receipt_decode(&sealed, occ__span_text(text)) != OCC_OK) {
    return OCC_ERR_ARGUMENT;
  }
  copy = occ__txn_text(txn, sealed.octets, sealed.len);
  if (copy == NULL) {
    return txn->arena.rc;
  }
  txn->receipt = occ__span(copy, sealed.len);
  return OCC_OK;
}

static int compare(const occ_txn *txn, const occ_receipt *receipt)
{
  uint8_t digest[OCC__SHA256_LEN];
  int rc;

  if (txn->now >= receipt->expires) {
    return OCC__REASON_RECEIPT_EXPIRED;
  }
  if (receipt->issued > txn->now + OCC__NODE_SKEW_MS) {
    return OCC__REASON_RECEIPT_AHEAD;
  }
  rc = bound(txn, digest);
  if (rc != OCC_OK) {
    return rc;
  }
  if (!occ__equal_ct(digest, receipt->bound, sizeof(digest))) {
    return OCC__REASON_RECEIPT_CLIENT;
  }
  /* spec: RFC 9449 section 10: the key of the pushed request is the key of the code. */
  return occ__sender_shows(txn, receipt->senders, receipt->sender) ? OCC_OK
                                                                   : OCC__REASON_RECEIPT_SENDER;
}

static int judge(occ_txn *txn, occ_receipt *out)
{
  occ_sealed sealed = { .len = txn->receipt.len };
  int rc;

  /* A code stands for the request that was pushed; nothing else does. */
  if (strcmp(occ__txn_grant_type(txn), "authorization_code") != 0) {
    return OCC__REASON_RECEIPT_GRANT;
  }
  if (txn->keys == NULL) {
    return OCC__REASON_RECEIPT_KEY_UNKNOWN;
  }
  memcpy(sealed.octets, txn->receipt.base, txn->receipt.len);
  rc = occ__receipt_open(out, txn->ws, txn->keys, &sealed, txn->now);
  return rc == OCC_OK ? compare(txn, out) : rc;
}

/* Is this requirement worded as it was when it was met? */
static int is_met(const occ_receipt *receipt, const occ_requirement *requirement)
{
  for (size_t i = 0; i < receipt->met_count; i++) {
    const occ_satisfied *met = &receipt->met[i];
    /* A class that the configuration has raised since asks for what was not asked then. spec: O-12 */
    if (memcmp(met->id, requirement->id, sizeof(met->id)) == 0 &&
        (requirement->evidence_class == OCC_PROVENANCE || met->senders != 0)) {
      return 1;
    }
  }
  return 0;
}

int occ__receipt_match(occ_txn *txn)
{
  size_t known = 0;
  occ_receipt *receipt;
  int rc;

  if (txn->receipt.base == NULL) {
    return OCC_OK;
  }
  receipt = occ__arena_alloc(&txn->arena, sizeof(*receipt));
  if (receipt == NULL) {
    return txn->arena.rc;
  }
  rc = judge(txn, receipt);
  for (size_t i = 0; rc == OCC_OK && i < txn->server->requirements; i++) {
    known += (size_t)is_met(receipt, &txn->server->requirement[i]);
  }
  if (rc == OCC_OK && known == 0) {
    rc = OCC__REASON_RECEIPT_REQUIREMENT;
  }
  if (rc > 0) {
    occ__txn_emit(txn, OCC__EVENT_RECEIPT_IGNORED, rc, NULL, NULL);
  }
  if (rc == OCC_OK) {
    txn->met = receipt;
    occ__txn_emit(txn, OCC__EVENT_RECEIPT_ACCEPTED,
                  known < receipt->met_count ? OCC__REASON_RECEIPT_REQUIREMENT : 0, NULL, NULL);
  }
  return rc > 0 ? OCC_OK : rc;
}

int occ__receipt_satisfies(const occ_txn *txn, const occ_requirement *requirement)
{
  return txn->met != NULL && txn->now < txn->met->expires && is_met(txn->met, requirement);
}

/* ---- At the pushed request ----------------------------------------------------------------------------------- */

/* Accepted now, or in a round before; then the session says when, and with which keys. */
static occ_satisfied entry_of(const occ_txn *txn, const occ_requirement *requirement)
{
  occ_satisfied met = { .at = txn->now, .senders = txn->senders };

  for (size_t i = 0; i < txn->session.satisfied_count; i++) {
    const occ_satisfied *carried = &txn->session.satisfied[i];
    if (txn->evidence.requirement != requirement &&
        memcmp(carried->id, requirement->id, sizeof(carried->id)) == 0) {
      met = *carried;
    }
  }
  memcpy(met.id, requirement->id, sizeof(met.id));
  return met;
}

static void collect(const occ_txn *txn, occ_receipt *out)
{
  for (size_t i = 0; i < txn->server->requirements; i++) {
    const occ_requirement *requirement = &txn->server->requirement[i];
    if (out->met_count < OCC__MAX_SATISFIED && occ__session_satisfied(txn, requirement)) {
      out->met[out->met_count++] = entry_of(txn, requirement);
    }
  }
}

static int fill(occ_txn *txn, occ_receipt *out)
{
  int rc = occ__lib_random(txn->lib, out->id, sizeof(out->id));

  if (rc == OCC_OK) {
    rc = bound(txn, out->bound);
  }
  out->issued = txn->now;
  out->expires = txn->now + OCC__RECEIPT_MS;
  out->senders = txn->senders;
  memcpy(out->sender, txn->sender_key, sizeof(out->sender));
  return rc;
}

int occ__receipt_make(occ_txn *txn)
{
  const occ_seal_key *key;
  occ_receipt receipt = { .met_count = 0 };
  char text[OCC__MAX_RECEIPT + 1];
  occ_sealed sealed;
  int rc;

  if (txn->endpoint != OCC_PAR) {
    return OCC_OK;
  }
  collect(txn, &receipt);
  if (receipt.met_count == 0) {
    return OCC_OK;
  }
  key = txn->keys == NULL ? NULL : occ__key_set_seals(txn->keys, txn->now);
  if (key == NULL) {
    return OCC_ERR_CONFIG;
  }
  rc = fill(txn, &receipt);
  if (rc == OCC_OK) {
    rc = occ__receipt_seal(&sealed, txn->ws, key, &receipt);
  }
  if (rc == OCC_OK) {
    txn->next_receipt = occ__txn_text(txn, text, occ__receipt_text(text, &sealed));
    rc = txn->next_receipt == NULL ? txn->arena.rc : OCC_OK;
  }
  if (rc == OCC_OK) {
    occ__txn_emit(txn, OCC__EVENT_RECEIPT_CREATED, 0, NULL, NULL);
  }
  return rc;
}

/* What was given back was not met; what could not be committed ended as a failure. */
const char *occ_txn_receipt(const occ_txn *txn)
{
  return txn == NULL || txn->state != OCC__ENDED || txn->outcome != OCC_GRANT || txn->settled < 0
             ? NULL
             : txn->next_receipt;
}
