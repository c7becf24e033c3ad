/* SPDX-License-Identifier: MIT */

/* Sealed sessions: every field of the layout survives, the text is exactly what the documented layout says (computed here
 * with OpenSSL alone), and no other spelling, bit, length or key is taken. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/b64.h"
#include "base/lib.h"
#include "base/limits.h"
#include "core/handle.h"
#include "fail_mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY          ((occ_time)24 * 3600 * 1000)
#define T            ((occ_time)1000000000000)
#define ARENA        ((size_t)64 * 1024)

/* Masters are 32 times 0x11, 0x22, ... in the order of the keys. */
#define K11 "ERERERERERERERERERERERERERERERERERERERERERE"
#define K22 "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI"
#define KEY(id, key, from, until)                                                                  \
  "{\"id\":\"" id "\",\"key\":\"" key "\",\"seal_from\":" from ",\"open_until\":" until "}"

static const char ring_text[] = "{\"keys\":[" KEY("k1", K11, "1000000000000", "1000864000000") "]}";
static const char ring_other_id[] = "{\"keys\":[" KEY("k2", K11, "0", "1000864000000") "]}";
static const char ring_other_key[] = "{\"keys\":[" KEY("k1", K22, "0", "1000864000000") "]}";

typedef struct fixture {
  fail_mem fm;
  occ_lib *lib;
  occ_keyring *ring;
  const occ_key_set *keys;
  occ_workspace *ws;
  occ_arena arena;
} fixture;

static void open_fixture(fixture *fx, const char *text)
{
  memset(fx, 0, sizeof(*fx));
  fail_mem_init(&fx->fm, SIZE_MAX, false);
  assert_int_equal(occ_lib_new(&fx->lib, &fx->fm.mem), OCC_OK);
  assert_int_equal(occ_keyring_new(&fx->ring, fx->lib), OCC_OK);
  assert_int_equal(occ_keyring_load(fx->ring, text, strlen(text), T, 0), OCC_OK);
  fx->keys = occ__keyring_take(fx->ring);
  assert_int_equal(occ__lib_take(fx->lib, &fx->ws), OCC_OK);
  occ__arena_init(&fx->arena, &fx->fm.mem, ARENA);
}

static void close_fixture(fixture *fx)
{
  occ__arena_clear(&fx->arena);
  occ__lib_give(fx->lib, fx->ws);
  occ__keyring_give(fx->ring, fx->keys);
  occ_keyring_free(fx->ring);
  occ_lib_free(fx->lib);
  assert_int_equal(fx->fm.live, 0);
}

static const occ_seal_key *key_of(const fixture *fx)
{
  return occ__key_set_seals(fx->keys, T);
}

/* A session in which every field has another value. */
static occ_session sample(void)
{
  occ_session s = { .issued = 0x010203040506, .expires = 0x0a0b0c0d0e0f, .attempt = 2, .round = 3 };

  for (size_t i = 0; i < sizeof(s.id); i++) {
    s.id[i] = (uint8_t)(0x80 + i);
  }
  memset(s.chain, 0xc1, sizeof(s.chain));
  memset(s.store_id, 0xc2, sizeof(s.store_id));
  memset(s.bound, 0xc3, sizeof(s.bound));
  s.senders = 1u << OCC_SENDER_DPOP | 1u << OCC_SENDER_ATTESTED;
  memset(s.sender[OCC_SENDER_DPOP], 0xd1, OCC__SHA256_LEN);
  memset(s.sender[OCC_SENDER_ATTESTED], 0xd3, OCC__SHA256_LEN);
  s.satisfied_count = 2;
  memset(s.satisfied[0].id, 0xe1, OCC__TEMPLATE_ID_LEN);
  s.satisfied[0].at = 0x000000000001;
  s.satisfied[0].senders = 1u << OCC_SENDER_MTLS;
  memset(s.satisfied[1].id, 0xe2, OCC__TEMPLATE_ID_LEN);
  s.satisfied[1].at = 0xfffffffffffe;
  s.satisfied[1].senders =
      1u << OCC_SENDER_DPOP | 1u << OCC_SENDER_MTLS | 1u << OCC_SENDER_ATTESTED;
  s.name = occ__span_text("attested");
  s.params = occ__span_text("{\"amount\":1}");
  s.memo = occ__span("me\0mo", 5);
  s.capable = 1;
  return s;
}

static void assert_session_equal(const occ_session *a, const occ_session *b)
{
  assert_memory_equal(a->id, b->id, sizeof(a->id));
  assert_true(a->issued == b->issued);
  assert_true(a->expires == b->expires);
  assert_int_equal(a->attempt, b->attempt);
  assert_int_equal(a->round, b->round);
  assert_memory_equal(a->chain, b->chain, sizeof(a->chain));
  assert_memory_equal(a->store_id, b->store_id, sizeof(a->store_id));
  assert_memory_equal(a->bound, b->bound, sizeof(a->bound));
  assert_int_equal(a->senders, b->senders);
  assert_memory_equal(a->sender, b->sender, sizeof(a->sender));
  assert_int_equal(a->satisfied_count, b->satisfied_count);
  for (size_t i = 0; i < OCC__MAX_SATISFIED; i++) {
    assert_memory_equal(a->satisfied[i].id, b->satisfied[i].id, OCC__TEMPLATE_ID_LEN);
    assert_true(a->satisfied[i].at == b->satisfied[i].at);
    assert_int_equal(a->satisfied[i].senders, b->satisfied[i].senders);
  }
  assert_true(occ__span_equal(a->name, b->name));
  assert_true(occ__span_equal(a->params, b->params));
  assert_true(occ__span_equal(a->memo, b->memo));
  assert_int_equal(a->capable, b->capable);
}

/* The handle of a session, which must fit. */
static size_t seal(fixture *fx, const occ_session *session, char text[OCC__MAX_HANDLE + 1])
{
  occ_sealed sealed;
  size_t len;

  assert_int_equal(occ__handle_seal(&sealed, fx->ws, key_of(fx), session), OCC_OK);
  len = occ__handle_text(text, &sealed);
  assert_int_equal(len, strlen(text));
  assert_true(len <= OCC__MAX_HANDLE);
  return len;
}

/* The whole way of a handle that a client sent. *out is filled on OCC_OK only. */
static int open_text(fixture *fx, occ_session *out, occ_span text, occ_time now)
{
  uint8_t id[OCC__SESSION_ID_LEN];
  occ_sealed sealed;
  int stored = 7, rc;

  occ__arena_clear(&fx->arena);
  rc = occ__handle_kind(text, &stored, id);
  if (rc != OCC_OK) {
    assert_int_equal(stored, 0);
    return rc;
  }
  if (stored != 0) {
    return OCC__REASON_SESSION_NOT_KEPT; /* what the machine would say of one that nobody kept */
  }
  rc = occ__handle_decode(&sealed, text);
  if (rc != OCC_OK) {
    assert_int_equal(sealed.len, 0);
    return rc;
  }
  return occ__handle_open(out, &fx->arena, fx->ws, fx->keys, &sealed, now);
}

/* ---- The layout, written once more from the documentation, with OpenSSL alone -------------------------------- */

#define HEAD 37u

/* Puts the sealed octets of a plain text; returns their number. */
static size_t seal_by_hand(uint8_t *out, const char *key_name, uint8_t fill, const uint8_t id[32],
                           const uint8_t *plain, size_t len)
{
  static const char label[] = "libocc session 1";
  uint8_t master[32], message[sizeof(label) + 32], material[32], hash[32];
  unsigned material_len = 0;
  static const uint8_t iv[12] = { 0 };
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int n = 0;

  memset(master, fill, sizeof(master));
  memcpy(message, label, sizeof(label)); /* its NUL too */
  memcpy(message + sizeof(label), id, 32);
  assert_non_null(
      HMAC(EVP_sha256(), master, 32, message, sizeof(message), material, &material_len));
  assert_int_equal(material_len, 32);
  SHA256((const unsigned char *)key_name, strlen(key_name), hash);

  out[0] = 0x01;
  memcpy(out + 1, hash, 4);
  memcpy(out + 5, id, 32);
  assert_non_null(ctx);
  assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, material, iv), 1);
  assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, out, HEAD), 1);
  assert_int_equal(EVP_EncryptUpdate(ctx, out + HEAD, &n, plain, (int)len), 1);
  assert_int_equal(n, (int)len);
  assert_int_equal(EVP_EncryptFinal_ex(ctx, out + HEAD + len, &n), 1);
  assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + HEAD + len), 1);
  EVP_CIPHER_CTX_free(ctx);
  return HEAD + len + 16;
}

/* base64url from OpenSSL's base64. */
static size_t b64_by_hand(char *out, const uint8_t *octets, size_t len)
{
  size_t n = (size_t)EVP_EncodeBlock((unsigned char *)out, octets, (int)len);

  while (n > 0 && out[n - 1] == '=') {
    out[--n] = '\0';
  }
  for (size_t i = 0; i < n; i++) {
    out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
  }
  return n;
}

/* The plain text of sample(), octet by octet. Returns its length. */
static size_t sample_by_hand(uint8_t *out)
{
  static const uint8_t times[] = { 1, 2, 3, 4, 5, 6, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 2, 3 };
  uint8_t *at = out;

#define FILL(octet, n)  (memset(at, octet, n), at += (n))
#define COPY(octets, n) (memcpy(at, octets, n), at += (n))
  COPY(times, sizeof(times));
  FILL(0xc1, 8);
  FILL(0xc2, 16);
  FILL(0xc3, 32);
  assert_int_equal(at - out, 70);
  COPY("\x08"
       "attested",
       9);
  COPY("\0\x0c"
       "{\"amount\":1}",
       14);
  COPY("\x05"
       "me\0mo",
       6);
  COPY("\x0a", 1); /* DPoP and attested */
  FILL(0xd1, 32);
  FILL(0xd3, 32);
  COPY("\x02", 1);
  FILL(0xe1, 16);
  COPY("\0\0\0\0\0\x01\x04", 7);
  FILL(0xe2, 16);
  COPY("\xff\xff\xff\xff\xff\xfe\x0e", 7);
  COPY("\x01", 1);
#undef FILL
#undef COPY
  return (size_t)(at - out);
}

static void test_seal__gives_what_the_layout_says(void **state)
{
  uint8_t plain[512], sealed[1024];
  char want[2048], text[OCC__MAX_HANDLE + 1];
  occ_session s = sample();
  size_t len;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  len = sample_by_hand(plain);
  len = seal_by_hand(sealed, "k1", 0x11, s.id, plain, len);
  b64_by_hand(want, sealed, len);
  seal(&fx, &s, text);
  assert_string_equal(text, want);
  close_fixture(&fx);
}

static void test_open__reads_what_the_layout_says(void **state)
{
  uint8_t plain[512], sealed[1024];
  char text[2048];
  occ_session s = sample(), got;
  size_t len;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  len = sample_by_hand(plain);
  len = seal_by_hand(sealed, "k1", 0x11, s.id, plain, len);
  len = b64_by_hand(text, sealed, len);
  assert_int_equal(open_text(&fx, &got, occ__span(text, len), T), OCC_OK);
  assert_session_equal(&got, &s);
  close_fixture(&fx);
}

/* ---- Round trips --------------------------------------------------------------------------------------------- */

static void test_every_field_survives_by_itself(void **state)
{
  static const uint8_t octets[OCC__MAX_NAME_PARAMS_MEMO] = { 0x7b, 0, 0xff };
  static const char *const field[] = { "all zero",    "id",
                                       "issued",      "issued, the last",
                                       "expires",     "expires, the last",
                                       "attempt",     "round",
                                       "chain",       "store",
                                       "bound",       "sender dpop",
                                       "sender mtls", "sender attested",
                                       "satisfied",   "eight satisfied",
                                       "name",        "longest name",
                                       "params",      "longest params",
                                       "memo",        "longest memo",
                                       "capable" };
  char text[OCC__MAX_HANDLE + 1], zero[OCC__MAX_HANDLE + 1];
  occ_session got;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (size_t i = 0; i < COUNT(field); i++) {
    occ_session s = { .attempt = 0 };
    size_t len;

    print_message("  %s\n", field[i]);
    switch (i) {
    case 1:
      memset(s.id, 1, sizeof(s.id));
      break;
    case 2:
      s.issued = 1;
      break;
    case 3:
      s.issued = ((occ_time)1 << 48) - 1;
      break;
    case 4:
      s.expires = 0x100;
      break;
    case 5:
      s.expires = ((occ_time)1 << 48) - 1;
      break;
    case 6:
      s.attempt = 255;
      break;
    case 7:
      s.round = 255;
      break;
    case 8:
      s.chain[7] = 1;
      break;
    case 9:
      s.store_id[15] = 1;
      break;
    case 10:
      s.bound[31] = 1;
      break;
    case 11:
    case 12:
    case 13:
      s.senders = (uint8_t)(1u << (i - 10));
      memset(s.sender[i - 10], 0x77, OCC__SHA256_LEN);
      break;
    case 14:
      s.satisfied_count = 1;
      s.satisfied[0].id[15] = 1;
      s.satisfied[0].at = T;
      s.satisfied[0].senders = 2;
      break;
    case 15:
      s.satisfied_count = OCC__MAX_SATISFIED;
      for (size_t j = 0; j < OCC__MAX_SATISFIED; j++) {
        s.satisfied[j].at = T + (occ_time)j;
        memset(s.satisfied[j].id, (int)j, OCC__TEMPLATE_ID_LEN);
      }
      break;
    case 16:
      s.name = occ__span(octets, 1);
      break;
    case 17:
      s.name = occ__span(octets, OCC__MAX_REQUIREMENT_NAME);
      break;
    case 18:
      s.params = occ__span(octets, 2);
      break;
    case 19:
      s.params = occ__span(octets, OCC__MAX_NAME_PARAMS_MEMO);
      break;
    case 20:
      s.memo = occ__span(octets, 3);
      break;
    case 21:
      s.memo = occ__span(octets, OCC__MAX_MEMO);
      break;
    case 22:
      s.capable = 1;
      break;
    default:
      break;
    }
    len = seal(&fx, &s, text);
    if (i == 0) {
      memcpy(zero, text, sizeof(zero));
    } else {
      assert_string_not_equal(text, zero); /* the field is there at all */
    }
    assert_int_equal(open_text(&fx, &got, occ__span(text, len), T), OCC_OK);
    assert_session_equal(&got, &s);
  }
  close_fixture(&fx);
}

static void test_text__begins_with_a_letter_and_stays_in_the_alphabet(void **state)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char text[OCC__MAX_HANDLE + 1];
  occ_session s = sample();
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (unsigned i = 0; i < 200; i++) {
    assert_int_equal(occ__lib_random(fx.lib, s.id, sizeof(s.id)), OCC_OK);
    seal(&fx, &s, text);
    assert_true(text[0] == 'A');
    assert_int_equal(strspn(text, alphabet), strlen(text));
    occ__handle_text_stored(text, s.id);
    assert_true(text[0] == 'g');
    assert_int_equal(strspn(text, alphabet), strlen(text));
  }
  close_fixture(&fx);
}

static int by_text(const void *a, const void *b)
{
  return memcmp(a, b, 64);
}

#define MANY 10000u

static void test_ten_thousand_handles_are_all_different(void **state)
{
  char(*start)[64] = malloc(MANY * sizeof(*start)); /* of the ciphertext, behind the id */
  char text[OCC__MAX_HANDLE + 1];
  occ_session s = sample();
  fixture fx;
  (void)state;

  assert_non_null(start);
  open_fixture(&fx, ring_text);
  for (uint32_t i = 0; i < MANY; i++) {
    memcpy(s.id, &i, sizeof(i)); /* ids in which little differs */
    seal(&fx, &s, text);
    memcpy(start[i], text + 52, sizeof(start[i]));
  }
  qsort(start, MANY, sizeof(start[0]), by_text);
  for (uint32_t i = 1; i < MANY; i++) {
    assert_int_not_equal(memcmp(start[i - 1], start[i], sizeof(start[i])), 0);
  }
  close_fixture(&fx);
  free(start);
}

/* ---- What was touched ---------------------------------------------------------------------------------------- */

static void test_open__refuses_every_flipped_bit(void **state)
{
  char text[OCC__MAX_HANDLE + 1], bad[OCC__MAX_HANDLE + 1];
  occ_session s = sample(), got;
  occ_sealed good;
  size_t forged = 0, unknown = 0, malformed = 0, kept = 0;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  seal(&fx, &s, text);
  assert_int_equal(occ__handle_decode(&good, occ__span_text(text)), OCC_OK);
  for (size_t bit = 0; bit < good.len * 8; bit++) {
    occ_sealed touched = good;
    int rc;

    touched.octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
    occ__handle_text(bad, &touched);
    rc = open_text(&fx, &got, occ__span_text(bad), T);
    assert_int_not_equal(rc, OCC_OK);
    forged += rc == OCC__REASON_SESSION_FORGED;
    unknown += rc == OCC__REASON_SESSION_KEY_UNKNOWN;
    malformed += rc == OCC__REASON_SESSION_MALFORMED;
    kept += rc == OCC__REASON_SESSION_NOT_KEPT;
  }
  assert_int_equal(malformed, 8); /* the version; with bit 0x80 it is too long for a stored one */
  assert_int_equal(unknown, 32);  /* the key id */
  assert_int_equal(kept, 0);
  assert_int_equal(forged, (good.len - 5) * 8);
  close_fixture(&fx);
}

static void test_open__takes_no_other_spelling(void **state)
{
  char text[OCC__MAX_HANDLE + 1], bad[OCC__MAX_HANDLE + 1];
  occ_session s = sample(), got;
  size_t len;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (size_t more = 0; more < 3; more++) { /* all three ways in which base64url may end */
    s.memo = occ__span("abc", more);
    len = seal(&fx, &s, text);
    for (size_t i = 0; i < len; i++) {
      for (unsigned octet = 0; octet < 256; octet++) {
        memcpy(bad, text, len + 1);
        bad[i] = (char)octet;
        if (bad[i] == text[i]) {
          continue;
        }
        assert_int_not_equal(open_text(&fx, &got, occ__span(bad, len), T), OCC_OK);
      }
    }
  }
  close_fixture(&fx);
}

static void test_open__refuses_every_truncation_and_every_addition(void **state)
{
  static const char *const behind[] = {
    "A", "AA", "AAA", "AAAA", "=", "==", " ", "\n", "\r\n", "."
  };
  char text[OCC__MAX_HANDLE + 1], bad[OCC__MAX_HANDLE + 1];
  occ_session s = sample(), got;
  occ_sealed sealed;
  size_t len;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  len = seal(&fx, &s, text);
  for (size_t cut = 0; cut < len; cut++) {
    char *exact = malloc(cut == 0 ? 1 : cut); /* a read past its end is seen */

    assert_non_null(exact);
    memcpy(exact, text, cut);
    assert_int_not_equal(open_text(&fx, &got, occ__span(exact, cut), T), OCC_OK);
    if (cut > 0) {
      memcpy(exact, text + len - cut, cut); /* its end alone */
      assert_int_not_equal(open_text(&fx, &got, occ__span(exact, cut), T), OCC_OK);
    }
    free(exact);
  }
  assert_int_equal(open_text(&fx, &got, occ__span(NULL, 0), T), OCC__REASON_SESSION_MALFORMED);
  for (size_t i = 0; i < COUNT(behind); i++) {
    snprintf(bad, sizeof(bad), "%s%s", text, behind[i]);
    assert_int_not_equal(open_text(&fx, &got, occ__span_text(bad), T), OCC_OK);
    snprintf(bad, sizeof(bad), "%s%s", behind[i], text);
    assert_int_not_equal(open_text(&fx, &got, occ__span_text(bad), T), OCC_OK);
  }
  /* Sealed octets from a store: any length may come, and anything behind them. */
  memset(&sealed, 0, sizeof(sealed));
  assert_int_equal(occ__handle_decode(&sealed, occ__span_text(text)), OCC_OK);
  for (size_t n = 0; n <= sizeof(sealed.octets); n++) {
    occ_sealed other = sealed;

    other.len = n;
    occ__arena_clear(&fx.arena);
    assert_int_equal(occ__handle_open(&got, &fx.arena, fx.ws, fx.keys, &other, T),
                     n == sealed.len               ? OCC_OK
                     : n < 37 + 77 + 16 || n > 768 ? OCC__REASON_SESSION_MALFORMED
                                                   : OCC__REASON_SESSION_FORGED);
  }
  close_fixture(&fx);
}

static void test_kind__goes_by_the_version(void **state)
{
  uint8_t octets[1 + OCC__SESSION_ID_LEN], id[OCC__SESSION_ID_LEN];
  char text[OCC__MAX_HANDLE + 1];
  occ_sealed sealed;
  int stored;
  (void)state;

  for (unsigned version = 0; version < 256; version++) {
    memset(octets, 0x5a, sizeof(octets));
    octets[0] = (uint8_t)version;
    occ__b64_encode(text, octets, sizeof(octets));
    stored = 7;
    assert_int_equal(occ__handle_kind(occ__span_text(text), &stored, id),
                     version == 0x01 || version == 0x81 ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
    assert_int_equal(stored, version == 0x81);
    assert_int_equal(id[0], version == 0x81 ? 0x5a : 0);
    /* As long as a sealed one may be. */
    memset(sealed.octets, 0x5a, 200);
    sealed.octets[0] = (uint8_t)version;
    sealed.len = 200;
    occ__handle_text(text, &sealed);
    assert_int_equal(occ__handle_decode(&sealed, occ__span_text(text)),
                     version == 0x01 ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
    assert_int_equal(sealed.len, version == 0x01 ? 200 : 0);
    assert_int_equal(occ__handle_kind(occ__span_text(text), &stored, id),
                     version == 0x01 ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
  }
}

static void test_open__goes_by_the_version(void **state)
{
  occ_session s = sample(), got;
  occ_sealed sealed;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  assert_int_equal(occ__handle_seal(&sealed, fx.ws, key_of(&fx), &s), OCC_OK);
  for (unsigned version = 0; version < 256; version++) {
    sealed.octets[0] = (uint8_t)version;
    assert_int_equal(occ__handle_open(&got, &fx.arena, fx.ws, fx.keys, &sealed, T),
                     version == 0x01 ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
    occ__arena_clear(&fx.arena);
  }
  close_fixture(&fx);
}

static void test_stored_handle__is_its_id_and_nothing_else(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "nothing", "" },
    { "one character", "g" },
    { "three characters", "gQA" },
    { "id of 31 octets", "gQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc" },
    { "id of 33 octets", "gQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fIA" },
    { "padding", "gQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f=" },
    { "a space in it", "gQAB AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f" },
    { "plain base64", "gQAB/gMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f" },
    { "another version", "ggABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f" },
    { "sealed and stored mixed up", "AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f" },
  };
  uint8_t id[OCC__SESSION_ID_LEN], got[OCC__SESSION_ID_LEN];
  char text[OCC__MAX_HANDLE + 1];
  occ_sealed sealed;
  int stored = 0;
  (void)state;

  for (uint8_t i = 0; i < sizeof(id); i++) {
    id[i] = i;
  }
  assert_int_equal(occ__handle_text_stored(text, id), 44);
  assert_string_equal(text, "gQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f");
  assert_int_equal(occ__handle_kind(occ__span_text(text), &stored, got), OCC_OK);
  assert_int_equal(stored, 1);
  assert_memory_equal(got, id, sizeof(id));
  assert_int_equal(occ__handle_decode(&sealed, occ__span_text(text)),
                   OCC__REASON_SESSION_MALFORMED);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    stored = 7;
    (void)occ__handle_kind(occ__span_text(row[i].text), &stored, got);
    assert_int_equal(stored, 0);
    assert_int_equal(occ__handle_decode(&sealed, occ__span_text(row[i].text)),
                     OCC__REASON_SESSION_MALFORMED);
  }
}

/* ---- Plain texts that are ours and yet wrong ----------------------------------------------------------------- */

static void test_open__refuses_a_plain_text_that_is_not_the_layout(void **state)
{
  static const struct {
    const char *why;
    size_t at; /* in the plain text of sample() */
    uint8_t octet;
  } row[] = {
    { "name longer than what there is", 70, 0x40 },
    { "name of 65", 70, 65 },
    { "name of 255", 70, 255 },
    { "params of 513", 79, 2 },
    { "params of 65,292", 79, 255 },
    { "params one shorter", 80, 11 },
    { "params one longer", 80, 13 },
    { "memo of 129", 93, 129 },
    { "memo one shorter", 93, 4 },
    { "sender bit 0", 99, 0x0b },
    { "sender bit 4", 99, 0x1a },
    { "sender bit 7", 99, 0x8a },
    { "one sender key more than is there", 99, 0x0e },
    { "one sender key less than is there", 99, 0x02 },
    { "9 satisfied", 164, 9 },
    { "one satisfied more than is there", 164, 3 },
    { "one satisfied less than is there", 164, 1 },
    { "none satisfied, two there", 164, 0 },
    { "sender bit 0 of a satisfied one", 187, 1 },
    { "sender bit 4 of a satisfied one", 187, 0x10 },
    { "sender bit 7 of the last", 210, 0x8e },
    { "flag bit 1", 211, 0x02 },
    { "flag bit 7", 211, 0x81 },
  };
  uint8_t plain[512], sealed[1024];
  occ_session s = sample(), got;
  occ_sealed in;
  size_t len, whole;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  whole = sample_by_hand(plain);
  assert_int_equal(whole, 212);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    sample_by_hand(plain);
    assert_int_not_equal(plain[row[i].at], row[i].octet);
    plain[row[i].at] = row[i].octet;
    in.len = seal_by_hand(in.octets, "k1", 0x11, s.id, plain, whole);
    memset(&got, 0x55, sizeof(got));
    assert_int_equal(occ__handle_open(&got, &fx.arena, fx.ws, fx.keys, &in, T),
                     OCC__REASON_SESSION_MALFORMED);
    assert_int_equal(got.issued, 0); /* nothing half read */
    assert_null(got.name.base);
    occ__arena_clear(&fx.arena);
  }
  print_message("  9 satisfied, all there\n");
  memset(plain, 0, sizeof(plain));
  for (uint8_t count = OCC__MAX_SATISFIED; count <= OCC__MAX_SATISFIED + 1; count++) {
    plain[75] = count;
    in.len = seal_by_hand(in.octets, "k1", 0x11, s.id, plain, 77 + count * (size_t)23);
    assert_int_equal(occ__handle_open(&got, &fx.arena, fx.ws, fx.keys, &in, T),
                     count <= OCC__MAX_SATISFIED ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
    occ__arena_clear(&fx.arena);
  }
  sample_by_hand(plain);
  memset(plain + whole, 0, 2);
  for (len = 0; len <= whole + 2; len++) { /* every truncation, and trailing octets */
    in.len = seal_by_hand(sealed, "k1", 0x11, s.id, plain, len);
    memcpy(in.octets, sealed, in.len);
    assert_int_equal(occ__handle_open(&got, &fx.arena, fx.ws, fx.keys, &in, T),
                     len == whole ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
    occ__arena_clear(&fx.arena);
  }
  close_fixture(&fx);
}

/* ---- Limits -------------------------------------------------------------------------------------------------- */

static void test_seal__stands_at_its_limits(void **state)
{
  static const uint8_t octets[1024];
  static const struct {
    const char *why;
    size_t name, params, memo;
    int want;
  } row[] = {
    { "name 63", 63, 0, 0, OCC_OK },
    { "name 64", 64, 0, 0, OCC_OK },
    { "name 65", 65, 0, 0, OCC_ERR_LIMIT },
    { "name 256: not 0", 256, 0, 0, OCC_ERR_LIMIT },
    { "memo 127", 1, 0, 127, OCC_OK },
    { "memo 128", 1, 0, 128, OCC_OK },
    { "memo 129", 1, 0, 129, OCC_ERR_LIMIT },
    { "memo 256: not 0", 1, 0, 256, OCC_ERR_LIMIT },
    { "params alone 511", 0, 511, 0, OCC_OK },
    { "params alone 512", 0, 512, 0, OCC_OK },
    { "params alone 513", 0, 513, 0, OCC_ERR_LIMIT },
    { "together 511", 64, 319, 128, OCC_OK },
    { "together 512", 64, 320, 128, OCC_OK },
    { "together 513, of params", 64, 321, 128, OCC_ERR_LIMIT },
    { "together 513, of the memo", 64, 385, 64, OCC_ERR_LIMIT },
    { "together 513, of the name", 1, 512, 0, OCC_ERR_LIMIT },
  };
  char text[OCC__MAX_HANDLE + 1];
  occ_session got;
  occ_sealed sealed;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (size_t i = 0; i < COUNT(row); i++) {
    occ_session s = { .name = occ__span(octets, row[i].name),
                      .params = occ__span(octets, row[i].params),
                      .memo = occ__span(octets, row[i].memo) };

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__handle_seal(&sealed, fx.ws, key_of(&fx), &s), row[i].want);
    assert_true((row[i].want == OCC_OK) == (sealed.len != 0));
    if (row[i].want == OCC_OK) {
      occ__handle_text(text, &sealed);
      assert_int_equal(open_text(&fx, &got, occ__span_text(text), T), OCC_OK);
      assert_session_equal(&got, &s);
    }
  }
  close_fixture(&fx);
}

static void test_seal__refuses_what_no_handle_can_say(void **state)
{
  static const char *const why[] = { "issued before 1970",
                                     "issued at 2^48",
                                     "expires before 1970",
                                     "expires at 2^48",
                                     "sender bit 0",
                                     "sender bit 4",
                                     "sender bit 7",
                                     "9 satisfied",
                                     "satisfied before 1970",
                                     "satisfied at 2^48",
                                     "satisfied with sender bit 0",
                                     "satisfied with sender bit 4" };
  occ_sealed sealed;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (size_t i = 0; i < COUNT(why); i++) {
    occ_session s = sample();

    print_message("  %s\n", why[i]);
    switch (i) {
    case 0:
      s.issued = -1;
      break;
    case 1:
      s.issued = (occ_time)1 << 48;
      break;
    case 2:
      s.expires = -1;
      break;
    case 3:
      s.expires = (occ_time)1 << 48;
      break;
    case 4:
      s.senders |= 0x01;
      break;
    case 5:
      s.senders |= 0x10;
      break;
    case 6:
      s.senders |= 0x80;
      break;
    case 7:
      s.satisfied_count = OCC__MAX_SATISFIED + 1;
      break;
    case 8:
      s.satisfied[1].at = -1;
      break;
    case 9:
      s.satisfied[1].at = (occ_time)1 << 48;
      break;
    case 10:
      s.satisfied[1].senders = 0x01;
      break;
    case 11:
      s.satisfied[1].senders = 0x10;
      break;
    default:
      fail();
    }
    assert_int_equal(occ__handle_seal(&sealed, fx.ws, key_of(&fx), &s), OCC_ERR_LIMIT);
    assert_int_equal(sealed.len, 0);
  }
  close_fixture(&fx);
}

static void test_handle__stops_at_1024_characters(void **state)
{
  static const uint8_t octets[512];
  char text[OCC__MAX_HANDLE + 8];
  occ_session s = sample(), got;
  occ_sealed sealed;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  s.senders = 0x0e;
  s.satisfied_count = 4;
  /* 37 + 70 + 4 + 1 + 3 * 32 + 1 + 4 * 23 + 1 + 16 = 318 without the three texts; 768 octets are 1,024 characters. */
  for (size_t texts = 449; texts <= 451; texts++) {
    s.name = occ__span(octets, 64);
    s.memo = occ__span(octets, 128);
    s.params = occ__span(octets, texts - 64 - 128);
    assert_int_equal(occ__handle_seal(&sealed, fx.ws, key_of(&fx), &s),
                     texts <= 450 ? OCC_OK : OCC_ERR_LIMIT);
    assert_int_equal(sealed.len, texts <= 450 ? 318 + texts : 0);
    assert_int_equal(occ__handle_text(text, &sealed), texts == 449   ? 1023
                                                      : texts == 450 ? 1024
                                                                     : 0);
    if (texts <= 450) {
      assert_int_equal(open_text(&fx, &got, occ__span_text(text), T), OCC_OK);
      assert_session_equal(&got, &s);
    }
  }
  /* Longer texts are not even decoded, whatever they say. */
  memset(text, 'A', sizeof(text));
  text[1] = 'Q'; /* octet 0x01 */
  for (size_t len = OCC__MAX_HANDLE - 1; len <= OCC__MAX_HANDLE + 4; len++) {
    uint8_t id[OCC__SESSION_ID_LEN];
    int stored;

    assert_int_equal(occ__handle_decode(&sealed, occ__span(text, len)),
                     len <= OCC__MAX_HANDLE ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
    assert_int_equal(occ__handle_kind(occ__span(text, len), &stored, id),
                     len <= OCC__MAX_HANDLE ? OCC_OK : OCC__REASON_SESSION_MALFORMED);
  }
  sealed.len = 769; /* nothing makes that; the text would not fit */
  assert_int_equal(occ__handle_text(text, &sealed), 0);
  assert_string_equal(text, "");
  close_fixture(&fx);
}

/* ---- Keys ---------------------------------------------------------------------------------------------------- */

static void test_open__goes_by_the_state_of_the_key(void **state)
{
  static const struct {
    const char *why;
    occ_time now;
    int want;
  } row[] = {
    { "pending, at the beginning of time", 0, OCC_OK },
    { "pending, 1 ms before it seals", T - 1, OCC_OK },
    { "active, first ms", T, OCC_OK },
    { "active, second ms", T + 1, OCC_OK },
    { "open, last but one ms", T + 10 * DAY - 2, OCC_OK },
    { "open, last ms", T + 10 * DAY - 1, OCC_OK },
    { "closed, first ms", T + 10 * DAY, OCC__REASON_SESSION_KEY_UNKNOWN },
    { "closed, second ms", T + 10 * DAY + 1, OCC__REASON_SESSION_KEY_UNKNOWN },
    { "closed for good", INT64_MAX, OCC__REASON_SESSION_KEY_UNKNOWN },
  };
  static const char two[] = "{\"keys\":[" KEY("k2", K22, "1000000000001", "1000864000000") "," KEY(
      "k1", K11, "1000000000000", "1000864000000") "]}";
  char text[OCC__MAX_HANDLE + 1];
  occ_session s = sample(), got;
  const occ_key_set *later;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  seal(&fx, &s, text);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(open_text(&fx, &got, occ__span_text(text), row[i].now), row[i].want);
  }
  print_message("  verify-only: another seals\n");
  assert_int_equal(occ_keyring_load(fx.ring, two, strlen(two), T, 0), OCC_OK);
  later = fx.keys;
  fx.keys = occ__keyring_take(fx.ring);
  assert_int_equal(occ__key_set_seals(fx.keys, T + 2)->master[0], 0x22);
  assert_int_equal(open_text(&fx, &got, occ__span_text(text), T + 2), OCC_OK);
  assert_session_equal(&got, &s);
  occ__keyring_give(fx.ring, later);
  close_fixture(&fx);
}

static void test_open__takes_nothing_of_another_ring(void **state)
{
  char text[OCC__MAX_HANDLE + 1];
  occ_session s = sample(), got;
  fixture fx, id, key, none;
  (void)state;

  open_fixture(&fx, ring_text);
  open_fixture(&id, ring_other_id);
  open_fixture(&key, ring_other_key);
  open_fixture(&none, "{\"keys\":[]}");
  seal(&fx, &s, text);
  assert_int_equal(open_text(&fx, &got, occ__span_text(text), T), OCC_OK);
  assert_int_equal(open_text(&id, &got, occ__span_text(text), T), OCC__REASON_SESSION_KEY_UNKNOWN);
  assert_int_equal(open_text(&key, &got, occ__span_text(text), T), OCC__REASON_SESSION_FORGED);
  assert_int_equal(open_text(&none, &got, occ__span_text(text), T),
                   OCC__REASON_SESSION_KEY_UNKNOWN);
  seal(&key, &s, text);
  assert_int_equal(open_text(&fx, &got, occ__span_text(text), T), OCC__REASON_SESSION_FORGED);
  close_fixture(&none);
  close_fixture(&key);
  close_fixture(&id);
  close_fixture(&fx);
}

/* ---- Memory that runs out ------------------------------------------------------------------------------------ */

static void test_open__survives_every_failed_allocation(void **state)
{
  char text[OCC__MAX_HANDLE + 1];
  occ_session s = sample(), got;
  occ_sealed sealed;
  occ_arena arena;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  seal(&fx, &s, text);
  assert_int_equal(occ__handle_decode(&sealed, occ__span_text(text)), OCC_OK);
  for (int keep = 0; keep <= 1; keep++) {
    bool reached = false;

    for (size_t n = 0; n < 100 && !reached; n++) {
      fail_mem fm;
      int rc;

      fail_mem_init(&fm, n, keep != 0);
      occ__arena_init(&arena, &fm.mem, ARENA);
      rc = occ__handle_open(&got, &arena, fx.ws, fx.keys, &sealed, T);
      assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      reached = !fm.failed;
      occ__arena_clear(&arena);
      assert_int_equal(fm.live, 0);
    }
    assert_true(reached);
  }
  occ__arena_init(&arena, &fx.fm.mem, 210); /* the plain text has 211 */
  assert_int_equal(occ__handle_open(&got, &arena, fx.ws, fx.keys, &sealed, T), OCC_ERR_LIMIT);
  occ__arena_clear(&arena);
  close_fixture(&fx);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_seal__gives_what_the_layout_says),
    cmocka_unit_test(test_open__reads_what_the_layout_says),
    cmocka_unit_test(test_every_field_survives_by_itself),
    cmocka_unit_test(test_text__begins_with_a_letter_and_stays_in_the_alphabet),
    cmocka_unit_test(test_ten_thousand_handles_are_all_different),
    cmocka_unit_test(test_open__refuses_every_flipped_bit),
    cmocka_unit_test(test_open__takes_no_other_spelling),
    cmocka_unit_test(test_open__refuses_every_truncation_and_every_addition),
    cmocka_unit_test(test_kind__goes_by_the_version),
    cmocka_unit_test(test_open__goes_by_the_version),
    cmocka_unit_test(test_stored_handle__is_its_id_and_nothing_else),
    cmocka_unit_test(test_open__refuses_a_plain_text_that_is_not_the_layout),
    cmocka_unit_test(test_seal__stands_at_its_limits),
    cmocka_unit_test(test_seal__refuses_what_no_handle_can_say),
    cmocka_unit_test(test_handle__stops_at_1024_characters),
    cmocka_unit_test(test_open__goes_by_the_state_of_the_key),
    cmocka_unit_test(test_open__takes_nothing_of_another_ring),
    cmocka_unit_test(test_open__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("core/handle", tests, NULL, NULL);
}
