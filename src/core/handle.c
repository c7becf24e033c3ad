/* SPDX-License-Identifier: MIT */

/* Seals a session into the text that travels, and opens it again. Called by the machine. No I/O, no clock, no state: it
 * judges only whether the octets are ours and whole; what they say is compared by the machine.
 *
 * A handle, before base64url (format 1):
 *
 *      at  octets  what
 *       0       1  format; the handle of a stored session has bit 0x80 set, and only the id behind it
 *       1       4  key id
 *       5      32  id, random
 *      37       n  ciphertext, as long as the plain text
 *    37+n      16  tag
 *
 * The plain text; numbers are big endian, times are milliseconds since 1970:
 *
 *      at  octets  what
 *       0       6  issued
 *       6       6  expires
 *      12       1  attempt
 *      13       1  round
 *      14       8  chain
 *      22      16  store id
 *      38      32  bound: digest of all that is only compared
 *      70     1+n  name of the requirement, its length first; n at most 64
 *       .     2+n  params, the same way
 *       .     1+n  memo, the same way; n at most 128; name, params and memo together at most 512
 *       .       1  sender keys: bit 1 << occ_sender; every other bit is 0
 *       .    32 k  their thumbprints, lowest bit first
 *       .       1  m: satisfied requirements, at most 8
 *       .    23 m  each: id (16), when (6), sender keys shown then (1, bits as above)
 *       .       1  flags: bit 0, the client's metadata said that it may be challenged; every other bit is 0
 *
 * Nothing follows. A reader of format 1 refuses whatever does not fit this table to the octet. */

#include "core/handle.h"

#include "base/b64.h"
#include "base/mem.h"
#include "core/plain.h"

/* Formats of handles are 0x01 to 0x1f, of receipts (receipt.c) 0x20 to 0x3f, so that with 0x80 they stay below 0xd0: a
 * handle begins with a letter. */
#define FORMAT     0x01u
#define STORED_BIT 0x80u

#define KEY_ID_AT  1u
#define ID_AT      (KEY_ID_AT + OCC__SEAL_KEY_ID_LEN)
#define HEAD_LEN   (ID_AT + OCC__SESSION_ID_LEN)
#define FIXED_LEN  70u              /* of the plain text, up to the name */
#define MIN_PLAIN  (FIXED_LEN + 7u) /* everything that may be empty is */
#define AROUND_LEN OCC__SEALED_AROUND
#define MAX_SEALED                                                                                 \
  (OCC__MAX_HANDLE / 4u * 3u) /* octets whose text has OCC__MAX_HANDLE characters */
#define MAX_PLAIN  (MAX_SEALED - AROUND_LEN)
#define STORED_LEN (1u + OCC__SESSION_ID_LEN)
_Static_assert(OCC__HANDLE_STORED_LEN == OCC__B64_LEN(STORED_LEN), "a stored handle");

#define FLAG_CAPABLE 0x01u

static const char label[] = "libocc session 1";
static const occ_seal_kind of_session = { FORMAT, { (const uint8_t *)label, sizeof(label) } };

/* ---- Writing the plain text ---------------------------------------------------------------------------------- */

static void put_sized(occ_plain *w, occ_span span, size_t octets)
{
  occ__plain_put_uint(w, span.len, octets);
  occ__plain_put(w, span.base, span.len);
}

/* Both sides ask this: what is not sealed is not opened either. */
static int are_texts(occ_span name, occ_span params, occ_span memo)
{
  return name.len <= OCC__MAX_REQUIREMENT_NAME && memo.len <= OCC__MAX_MEMO &&
         params.len <= OCC__MAX_NAME_PARAMS_MEMO - name.len - memo.len;
}

static int fits(const occ_session *session)
{
  if (!occ__plain_is_time(session->issued) || !occ__plain_is_time(session->expires) ||
      !occ__plain_are_senders(session->senders) ||
      !are_texts(session->name, session->params, session->memo) ||
      session->satisfied_count > OCC__MAX_SATISFIED) {
    return 0;
  }
  for (size_t i = 0; i < session->satisfied_count; i++) {
    if (!occ__plain_is_time(session->satisfied[i].at) ||
        !occ__plain_are_senders(session->satisfied[i].senders)) {
      return 0;
    }
  }
  return 1;
}

static void write_plain(occ_plain *w, const occ_session *session)
{
  occ__plain_put_time(w, session->issued);
  occ__plain_put_time(w, session->expires);
  occ__plain_put_uint(w, session->attempt, 1);
  occ__plain_put_uint(w, session->round, 1);
  occ__plain_put(w, session->chain, sizeof(session->chain));
  occ__plain_put(w, session->store_id, sizeof(session->store_id));
  occ__plain_put(w, session->bound, sizeof(session->bound));
  put_sized(w, session->name, 1);
  put_sized(w, session->params, 2);
  put_sized(w, session->memo, 1);
  occ__plain_put_senders(w, session->senders, session->sender);
  occ__plain_put_met(w, session->satisfied, session->satisfied_count);
  occ__plain_put_uint(w, session->capable ? FLAG_CAPABLE : 0, 1);
}

/* ---- Reading it ---------------------------------------------------------------------------------------------- */

static int read_fixed(occ_session *out, occ_cursor *cursor)
{
  return occ__plain_get_time(cursor, &out->issued) && occ__plain_get_time(cursor, &out->expires) &&
         occ__plain_get_octet(cursor, &out->attempt) && occ__plain_get_octet(cursor, &out->round) &&
         occ__cursor_copy(cursor, out->chain, sizeof(out->chain)) &&
         occ__cursor_copy(cursor, out->store_id, sizeof(out->store_id)) &&
         occ__cursor_copy(cursor, out->bound, sizeof(out->bound));
}

static int read_texts(occ_session *out, occ_cursor *cursor)
{
  return occ__cursor_sized(cursor, 1, OCC__MAX_REQUIREMENT_NAME, &out->name) &&
         occ__cursor_sized(cursor, 2, OCC__MAX_NAME_PARAMS_MEMO, &out->params) &&
         occ__cursor_sized(cursor, 1, OCC__MAX_MEMO, &out->memo) &&
         are_texts(out->name, out->params, out->memo);
}

static int read_flags(occ_session *out, occ_cursor *cursor)
{
  uint8_t flags;

  if (!occ__plain_get_octet(cursor, &flags) || (flags & ~FLAG_CAPABLE) != 0) {
    return 0;
  }
  out->capable = (flags & FLAG_CAPABLE) != 0;
  return 1;
}

static int read_plain(occ_session *out, occ_span plain)
{
  occ_cursor cursor;

  occ__cursor_init(&cursor, plain);
  return read_fixed(out, &cursor) && read_texts(out, &cursor) &&
         occ__plain_get_senders(&cursor, &out->senders, out->sender) &&
         occ__plain_get_met(&cursor, out->satisfied, &out->satisfied_count) &&
         read_flags(out, &cursor) && cursor.left == 0;
}

/* ---- Seal and open ------------------------------------------------------------------------------------------- */

/* A key of its own for each session, from its random id: so no counter is needed, and no number of sessions wears a key
 * out. What a key seals it seals once, and the iv may be the same for all. */
static int derive(uint8_t own[OCC__AEAD_KEY_LEN], occ_workspace *ws, const occ_seal_key *key,
                  occ_span kind, const uint8_t id[OCC__SESSION_ID_LEN])
{
  const occ_span part[] = { kind, occ__span(id, OCC__SESSION_ID_LEN) };

  return occ__hmac_sha256(ws, own, occ__span(key->master, sizeof(key->master)), part, 2);
}

static const uint8_t iv[OCC__AEAD_IV_LEN] = { 0 };

int occ__handle_wrap(occ_sealed *out, occ_workspace *ws, const occ_seal_key *key,
                     const occ_seal_kind *kind, const uint8_t id[OCC__SESSION_ID_LEN],
                     occ_span plain)
{
  uint8_t own[OCC__AEAD_KEY_LEN] = { 0 };
  int rc;

  out->len = 0;
  if (plain.len > sizeof(out->octets) - AROUND_LEN) {
    return OCC_ERR_LIMIT;
  }
  rc = derive(own, ws, key, kind->label, id);
  if (rc == OCC_OK) {
    out->octets[0] = kind->format;
    memcpy(out->octets + KEY_ID_AT, key->id, OCC__SEAL_KEY_ID_LEN);
    memcpy(out->octets + ID_AT, id, OCC__SESSION_ID_LEN);
    rc = occ__aead_seal(ws, own, iv, occ__span(out->octets, HEAD_LEN), plain,
                        out->octets + HEAD_LEN, out->octets + HEAD_LEN + plain.len);
  }
  if (rc == OCC_OK) {
    out->len = AROUND_LEN + plain.len;
  }
  occ__wipe(own, sizeof(own));
  return rc;
}

int occ__handle_unwrap(uint8_t *plain, occ_workspace *ws, const occ_seal_key *key,
                       const occ_seal_kind *kind, const occ_sealed *sealed)
{
  const uint8_t *octets = sealed->octets;
  const size_t len = sealed->len - AROUND_LEN;
  uint8_t own[OCC__AEAD_KEY_LEN] = { 0 };
  int rc = derive(own, ws, key, kind->label, octets + ID_AT);

  if (rc == OCC_OK &&
      occ__aead_open(ws, own, iv, occ__span(octets, HEAD_LEN), occ__span(octets + HEAD_LEN, len),
                     octets + HEAD_LEN + len, plain) != OCC_OK) {
    rc = OCC__REASON_SESSION_FORGED; /* or OpenSSL failed: closed either way */
  }
  occ__wipe(own, sizeof(own));
  return rc;
}

int occ__handle_seal(occ_sealed *out, occ_workspace *ws, const occ_seal_key *key,
                     const occ_session *session)
{
  uint8_t plain[MAX_PLAIN];
  occ_plain w = { .at = plain, .left = sizeof(plain) };
  int rc = OCC_ERR_LIMIT;

  out->len = 0;
  if (!fits(session)) {
    return rc;
  }
  write_plain(&w, session);
  if (!w.full) {
    rc = occ__handle_wrap(out, ws, key, &of_session, session->id,
                          occ__span(plain, sizeof(plain) - w.left));
  }
  occ__wipe(plain, sizeof(plain) - w.left);
  return rc;
}

static int is_whole(const occ_sealed *sealed)
{
  return sealed->len >= AROUND_LEN + MIN_PLAIN && sealed->len <= MAX_SEALED &&
         sealed->octets[0] == FORMAT;
}

int occ__handle_open(occ_session *out, occ_arena *arena, occ_workspace *ws, const occ_key_set *keys,
                     const occ_sealed *sealed, occ_time now)
{
  const uint8_t *octets = sealed->octets;
  const occ_seal_key *key;
  uint8_t *plain;
  size_t len;
  int rc;

  *out = (occ_session){ .attempt = 0 };
  if (!is_whole(sealed)) {
    return OCC__REASON_SESSION_MALFORMED;
  }
  key = occ__key_set_opens(keys, octets + KEY_ID_AT, now);
  if (key == NULL) {
    return OCC__REASON_SESSION_KEY_UNKNOWN;
  }
  len = sealed->len - AROUND_LEN;
  plain = occ__arena_alloc(arena, len);
  if (plain == NULL) {
    return arena->rc;
  }
  rc = occ__handle_unwrap(plain, ws, key, &of_session, sealed);
  if (rc == OCC_OK && !read_plain(out, occ__span(plain, len))) {
    *out = (occ_session){ .attempt = 0 };
    occ__wipe(plain, len);
    rc = OCC__REASON_SESSION_MALFORMED;
  }
  if (rc == OCC_OK) {
    memcpy(out->id, octets + ID_AT, sizeof(out->id));
  }
  return rc;
}

/* ---- Text ---------------------------------------------------------------------------------------------------- */

size_t occ__handle_text(char *out, const occ_sealed *sealed)
{
  /* out has room for no more; nothing that seal or decode made is longer. */
  return occ__b64_encode(out, sealed->octets, sealed->len <= MAX_SEALED ? sealed->len : 0);
}

size_t occ__handle_text_stored(char *out, const uint8_t id[OCC__SESSION_ID_LEN])
{
  uint8_t octets[STORED_LEN];

  octets[0] = FORMAT | STORED_BIT;
  memcpy(octets + 1, id, OCC__SESSION_ID_LEN);
  return occ__b64_encode(out, octets, sizeof(octets));
}

int occ__handle_kind(occ_span text, int *stored, uint8_t id[OCC__SESSION_ID_LEN])
{
  uint8_t octets[STORED_LEN];

  *stored = 0;
  memset(id, 0, OCC__SESSION_ID_LEN);
  /* The first three octets tell; a sealed one is decoded whole only where it is opened. */
  if (text.len < 4 || text.len > OCC__MAX_HANDLE ||
      occ__b64_decode_exact(octets, 3, occ__span(text.base, 4)) != OCC_OK) {
    return OCC__REASON_SESSION_MALFORMED;
  }
  if (octets[0] == FORMAT) {
    return OCC_OK;
  }
  if (octets[0] != (FORMAT | STORED_BIT) ||
      occ__b64_decode_exact(octets, sizeof(octets), text) != OCC_OK) {
    return OCC__REASON_SESSION_MALFORMED;
  }
  *stored = 1;
  memcpy(id, octets + 1, OCC__SESSION_ID_LEN);
  return OCC_OK;
}

int occ__handle_decode(occ_sealed *out, occ_span text)
{
  out->len = 0;
  if (text.len > OCC__MAX_HANDLE ||
      occ__b64_decode(out->octets, sizeof(out->octets), &out->len, text) != OCC_OK ||
      !is_whole(out)) {
    out->len = 0;
    return OCC__REASON_SESSION_MALFORMED;
  }
  return OCC_OK;
}
