/* SPDX-License-Identifier: MIT */

/* DPoP nonces of libocc's own: good for three steps of time, one issuer, one store and one key; not one bit else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/b64.h"
#include "base/lib.h"
#include "base/limits.h"
#include "core/nonce.h"
#include "fail_mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STEP         ((occ_time)OCC__NONCE_STEP_MS)
#define FIRST        ((occ_time)16666667) /* a step; its last octet is 0x2b, and nothing wraps nearby */
#define T            (FIRST * STEP)
#define ISSUER       "https://as.example"

#define K11 "ERERERERERERERERERERERERERERERERERERERERERE"
#define K22 "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI"
#define KEY(id, key, until)                                                                        \
  "{\"id\":\"" id "\",\"key\":\"" key "\",\"seal_from\":0,\"open_until\":" until "}"

static const uint8_t store[OCC__STORE_ID_LEN] = { 1, 2,  3,  4,  5,  6,  7,  8,
                                                  9, 10, 11, 12, 13, 14, 15, 16 };

typedef struct fixture {
  fail_mem fm;
  occ_lib *lib;
  occ_keyring *ring;
  const occ_key_set *keys;
  occ_workspace *ws;
} fixture;

static void open_fixture(fixture *fx, const char *text)
{
  memset(fx, 0, sizeof(*fx));
  fail_mem_init(&fx->fm, SIZE_MAX, false);
  assert_int_equal(occ_lib_new(&fx->lib, &fx->fm.mem), OCC_OK);
  assert_int_equal(occ_keyring_new(&fx->ring, fx->lib), OCC_OK);
  assert_int_equal(occ_keyring_load(fx->ring, text, strlen(text), 0, 0), OCC_OK);
  fx->keys = occ__keyring_take(fx->ring);
  assert_int_equal(occ__lib_take(fx->lib, &fx->ws), OCC_OK);
}

static void close_fixture(fixture *fx)
{
  occ__lib_give(fx->lib, fx->ws);
  occ__keyring_give(fx->ring, fx->keys);
  occ_keyring_free(fx->ring);
  occ_lib_free(fx->lib);
  assert_int_equal(fx->fm.live, 0);
}

static const char ring_text[] = "{\"keys\":[" KEY("k1", K11, "9000000000000") "]}";

static void make(fixture *fx, char out[OCC__NONCE_LEN + 1], occ_time now)
{
  const occ_seal_key *key = occ__key_set_seals(fx->keys, now);

  assert_non_null(key);
  assert_int_equal(occ__nonce_make(out, fx->ws, key, ISSUER, store, now), OCC_OK);
  assert_int_equal(strlen(out), OCC__NONCE_LEN);
}

/* -1: unknown; else the beginning of the step. */
static occ_time check(fixture *fx, occ_span nonce, occ_time now)
{
  occ_time began = 17;
  int rc = occ__nonce_check(fx->ws, fx->keys, ISSUER, store, nonce, now, &began);

  if (rc == OCC_OK) {
    return began;
  }
  assert_int_equal(rc, OCC__REASON_DPOP_NONCE_UNKNOWN);
  assert_true(began == 0);
  return -1;
}

/* From the documentation, with OpenSSL alone. */
static void make_by_hand(char *out, uint8_t fill, const char *name, uint64_t step)
{
  static const char label[] = "libocc dpop nonce 1";
  uint8_t message[256], mac[64], master[32], hash[32], octets[30];
  size_t len = 0;
  unsigned mac_len = 0;

  memcpy(message, label, sizeof(label)); /* its NUL too */
  len += sizeof(label);
  memcpy(message + len, ISSUER, strlen(ISSUER));
  len += strlen(ISSUER);
  memcpy(message + len, store, 16);
  len += 16;
  for (int i = 7; i >= 0; i--) {
    message[len++] = (uint8_t)(step >> (8 * i));
  }
  memset(master, fill, sizeof(master));
  assert_non_null(HMAC(EVP_sha256(), master, 32, message, len, mac, &mac_len));
  SHA256((const unsigned char *)name, strlen(name), hash);
  octets[0] = 0xc1;
  memcpy(octets + 1, hash, 4);
  octets[5] = (uint8_t)step;
  memcpy(octets + 6, mac, 24);
  EVP_EncodeBlock((unsigned char *)out, octets, 30); /* 30 octets need no padding */
  for (; *out != '\0'; out++) {
    *out = (char)(*out == '+' ? '-' : *out == '/' ? '_' : *out);
  }
}

static void test_make__gives_what_the_layout_says(void **state)
{
  static const occ_time row[] = { 0, 1, STEP - 1, STEP, T, T + STEP - 1, (occ_time)1 << 42 };
  char text[OCC__NONCE_LEN + 1], want[64];
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (size_t i = 0; i < COUNT(row); i++) {
    make(&fx, text, row[i]);
    make_by_hand(want, 0x11, "k1", (uint64_t)(row[i] / STEP));
    assert_string_equal(text, want);
  }
  close_fixture(&fx);
}

static void test_make__begins_with_a_letter_and_changes_with_the_step(void **state)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char text[OCC__NONCE_LEN + 1], before[OCC__NONCE_LEN + 1] = "", again[OCC__NONCE_LEN + 1];
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (occ_time step = 0; step < 600; step++) {
    make(&fx, text, T + step * STEP);
    assert_true(text[0] == 'w');
    assert_int_equal(strspn(text, alphabet), OCC__NONCE_LEN);
    assert_string_not_equal(text, before);
    make(&fx, again, T + step * STEP + STEP - 1);
    assert_string_equal(text, again); /* one a step: nothing to count clients by */
    memcpy(before, text, sizeof(before));
  }
  close_fixture(&fx);
}

static void test_check__takes_this_step_and_the_two_before(void **state)
{
  static const struct {
    const char *why;
    occ_time made, now, want;
  } row[] = {
    { "same moment", T, T, T },
    { "last ms of the step", T, T + STEP - 1, T },
    { "first ms of the step, made at its end", T + STEP - 1, T, T },
    { "made 1 ms before the step", T - 1, T, T - STEP },
    { "one step back", T - STEP, T, T - STEP },
    { "two steps back", T - 2 * STEP, T, T - 2 * STEP },
    { "two steps back, last ms", T, T + 3 * STEP - 1, T },
    { "three steps back, first ms", T, T + 3 * STEP, -1 },
    { "three steps back", T - 3 * STEP, T, -1 },
    { "four steps back", T - 4 * STEP, T, -1 },
    { "one step ahead", T + STEP, T, -1 },
    { "1 ms ahead, in the next step", T, T - 1, -1 },
    { "two steps ahead", T + 2 * STEP, T, -1 },
    { "256 steps back: the same last octet", T - 256 * STEP, T, -1 },
    { "255 steps back", T - 255 * STEP, T, -1 },
    { "256 steps ahead", T + 256 * STEP, T, -1 },
    { "step 0 in step 0", 0, 1, 0 },
    { "step 0 in step 2", 0, 2 * STEP, 0 },
    { "step 0 in step 3", 0, 3 * STEP, -1 },
    { "step 254 in step 0: nothing is below 0", 254 * STEP, 0, -1 },
    { "step 255 in step 1", 255 * STEP, STEP, -1 },
    { "across the wrap of the octet", 255 * STEP, 257 * STEP, 255 * STEP },
    { "time before 1970", 0, -1, -1 },
  };
  char text[OCC__NONCE_LEN + 1];
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    make(&fx, text, row[i].made);
    assert_true(check(&fx, occ__span_text(text), row[i].now) == row[i].want);
  }
  close_fixture(&fx);
}

/* Its last octet is that of a step just before 1970. */
static void test_check__knows_no_step_below_zero(void **state)
{
  char text[64];
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  for (uint64_t back = 1; back <= 3; back++) {
    make_by_hand(text, 0x11, "k1", 0 - back);
    assert_true(check(&fx, occ__span_text(text), 0) == -1);
    assert_true(check(&fx, occ__span_text(text), STEP) == -1);
  }
  close_fixture(&fx);
}

static void test_check__refuses_another_issuer_or_store(void **state)
{
  static const struct {
    const char *why, *issuer;
    int store_octet; /* -1: as it is */
  } row[] = {
    { "another issuer", "https://as.example2", -1 },
    { "the issuer, cut", "https://as.exampl", -1 },
    { "the issuer in upper case", "HTTPS://as.example", -1 },
    { "the issuer with a slash behind", "https://as.example/", -1 },
    { "the issuer with the first octet of the store", "https://as.example\x01", -1 },
    { "no issuer", "", -1 },
    { "another store, first octet", ISSUER, 0 },
    { "another store, last octet", ISSUER, 15 },
  };
  char text[OCC__NONCE_LEN + 1];
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  make(&fx, text, T);
  for (size_t i = 0; i < COUNT(row); i++) {
    uint8_t id[OCC__STORE_ID_LEN];
    occ_time began;

    print_message("  %s\n", row[i].why);
    memcpy(id, store, sizeof(id));
    if (row[i].store_octet >= 0) {
      id[row[i].store_octet] ^= 1;
    }
    assert_int_equal(
        occ__nonce_check(fx.ws, fx.keys, row[i].issuer, id, occ__span_text(text), T, &began),
        OCC__REASON_DPOP_NONCE_UNKNOWN);
  }
  assert_true(check(&fx, occ__span_text(text), T) == T);
  close_fixture(&fx);
}

static void test_check__goes_by_the_key(void **state)
{
  char text[OCC__NONCE_LEN + 1];
  fixture fx, id, key, none;
  (void)state;

  open_fixture(&fx, ring_text);
  make(&fx, text, T);
  open_fixture(&id, "{\"keys\":[" KEY("k2", K11, "9000000000000") "]}");
  assert_true(check(&id, occ__span_text(text), T) == -1); /* another id */
  open_fixture(&key, "{\"keys\":[" KEY("k1", K22, "9000000000000") "]}");
  assert_true(check(&key, occ__span_text(text), T) == -1); /* other octets */
  open_fixture(&none, "{\"keys\":[]}");
  assert_true(check(&none, occ__span_text(text), T) == -1);
  close_fixture(&none);
  close_fixture(&key);
  close_fixture(&id);
  close_fixture(&fx);
}

static void test_check__refuses_a_closed_key(void **state)
{
  static const char brief[] =
      "{\"keys\":[" KEY("k1", K11, "1000000060000") "]}"; /* 40 s into a step */
  const occ_time until = 1000000060000;
  char text[OCC__NONCE_LEN + 1];
  fixture fx;
  (void)state;

  open_fixture(&fx, brief);
  make(&fx, text, until - 1);
  assert_true(check(&fx, occ__span_text(text), until - 1) >= 0);
  assert_true(check(&fx, occ__span_text(text), until) == -1);
  assert_true(check(&fx, occ__span_text(text), until + 1) == -1);
  close_fixture(&fx);
}

static void test_check__refuses_every_flipped_bit_and_every_other_spelling(void **state)
{
  char text[OCC__NONCE_LEN + 1], bad[OCC__NONCE_LEN + 8];
  uint8_t octets[30], touched[30];
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  make(&fx, text, T);
  assert_int_equal(occ__b64_decode_exact(octets, sizeof(octets), occ__span_text(text)), OCC_OK);
  for (size_t bit = 0; bit < sizeof(octets) * 8; bit++) {
    memcpy(touched, octets, sizeof(touched));
    touched[bit / 8] ^= (uint8_t)(1u << bit % 8);
    occ__b64_encode(bad, touched, sizeof(touched));
    assert_true(check(&fx, occ__span_text(bad), T) == -1);
  }
  for (size_t i = 0; i < OCC__NONCE_LEN; i++) {
    for (unsigned octet = 0; octet < 256; octet++) {
      memcpy(bad, text, sizeof(text));
      bad[i] = (char)octet;
      assert_true((check(&fx, occ__span(bad, OCC__NONCE_LEN), T) == T) == (bad[i] == text[i]));
    }
  }
  for (size_t cut = 0; cut < OCC__NONCE_LEN; cut++) {
    assert_true(check(&fx, occ__span(text, cut), T) == -1);
  }
  for (size_t more = 1; more < 8; more++) {
    memset(bad, 'A', sizeof(bad));
    memcpy(bad, text, OCC__NONCE_LEN);
    assert_true(check(&fx, occ__span(bad, OCC__NONCE_LEN + more), T) == -1);
  }
  assert_true(check(&fx, occ__span(NULL, 0), T) == -1);
  close_fixture(&fx);
}

static void test_check__takes_no_handle_and_no_handle_takes_a_nonce(void **state)
{
  char text[OCC__MAX_HANDLE + 1];
  uint8_t id[OCC__SESSION_ID_LEN] = { 0 };
  occ_session session = { .name = occ__span_text("attested") };
  occ_sealed sealed;
  int stored;
  fixture fx;
  (void)state;

  open_fixture(&fx, ring_text);
  make(&fx, text, T);
  assert_int_equal(occ__handle_kind(occ__span_text(text), &stored, id),
                   OCC__REASON_SESSION_MALFORMED);
  assert_int_equal(occ__handle_decode(&sealed, occ__span_text(text)),
                   OCC__REASON_SESSION_MALFORMED);

  assert_int_equal(occ__handle_seal(&sealed, fx.ws, occ__key_set_seals(fx.keys, T), &session),
                   OCC_OK);
  occ__handle_text(text, &sealed);
  assert_true(check(&fx, occ__span_text(text), T) == -1);
  assert_true(check(&fx, occ__span(text, OCC__NONCE_LEN), T) == -1);
  occ__handle_text_stored(text, id);
  assert_true(check(&fx, occ__span_text(text), T) == -1);
  assert_true(check(&fx, occ__span(text, OCC__NONCE_LEN), T) == -1);
  close_fixture(&fx);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_make__gives_what_the_layout_says),
    cmocka_unit_test(test_make__begins_with_a_letter_and_changes_with_the_step),
    cmocka_unit_test(test_check__takes_this_step_and_the_two_before),
    cmocka_unit_test(test_check__knows_no_step_below_zero),
    cmocka_unit_test(test_check__refuses_another_issuer_or_store),
    cmocka_unit_test(test_check__goes_by_the_key),
    cmocka_unit_test(test_check__refuses_a_closed_key),
    cmocka_unit_test(test_check__refuses_every_flipped_bit_and_every_other_spelling),
    cmocka_unit_test(test_check__takes_no_handle_and_no_handle_takes_a_nonce),
  };

  return cmocka_run_group_tests_name("core/nonce", tests, NULL, NULL);
}
