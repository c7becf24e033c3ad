/* SPDX-License-Identifier: MIT */

/* Kept contexts and the primitives on them, against published vectors and against OpenSSL's one-shot functions. */

#include "jose/workspace.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "jose_test.h"

static occ_workspace *ws;

static int setup(void **state)
{
  (void)state;
  return occ__workspace_new(&ws, &occ__mem_libc);
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

static size_t from_hex(uint8_t *out, const char *hex)
{
  size_t len = strlen(hex) / 2;

  for (size_t i = 0; i < len; i++) {
    char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

    out[i] = (uint8_t)strtoul(two, NULL, 16);
  }
  return len;
}

static void test_workspace_new__survives_every_failed_allocation(void **state)
{
  fail_mem fm;
  occ_workspace *made = NULL;
  int rc = OCC_ERR_MEMORY;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 100; n++) {
      made = ws;
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__workspace_new(&made, &fm.mem);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(made);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
    occ__workspace_free(made);
    assert_int_equal(fm.live, 0);
  }
}

/* An allocator that counts octets that were not zero at release. */
static size_t unwiped;

static void *plain_alloc(size_t size, void *user_data)
{
  (void)user_data;
  return malloc(size);
}

static void watch_release(void *memory, size_t size, void *user_data)
{
  (void)user_data;
  for (size_t i = 0; i < size; i++) {
    unwiped += ((uint8_t *)memory)[i] != 0;
  }
  free(memory);
}

static void test_workspace_free__wipes(void **state)
{
  const occ_mem mem = { plain_alloc, watch_release, NULL };
  occ_workspace *made = NULL;
  uint8_t digest[32];
  (void)state;

  unwiped = 0;
  assert_int_equal(occ__workspace_new(&made, &mem), OCC_OK);
  assert_int_equal(occ__sha256(made, digest, occ__span("abc", 3)), OCC_OK);
  occ__workspace_free(made);
  assert_int_equal(unwiped, 0);
  occ__workspace_free(NULL);
}

static void test_sha256__gives_published_digests(void **state)
{
  static const struct {
    const char *why, *text, *digest;
  } row[] = {
    { "FIPS 180: abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "empty", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "FIPS 180: two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
  };
  uint8_t got[32], want[32];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    from_hex(want, row[i].digest);
    check_rc(row[i].why, occ__sha256(ws, got, occ__span_text(row[i].text)), OCC_OK);
    assert_memory_equal(got, want, 32);
  }
  check_rc("no octets at all", occ__sha256(ws, got, occ__span(NULL, 0)), OCC_OK);
  from_hex(want, row[1].digest);
  assert_memory_equal(got, want, 32);
}

static void test_hash__gives_published_digests(void **state)
{
  /* FIPS 180-4, of "abc" and of nothing. */
  static const struct {
    const char *why, *text;
    occ_hash hash;
    const char *hex;
  } row[] = {
    { "SHA-256", "abc", OCC__SHA256,
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "SHA-384", "abc", OCC__SHA384,
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
      "8086072ba1e7cc2358baeca134c825a7" },
    { "SHA-512", "abc", OCC__SHA512,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    { "SHA-384 of nothing", "", OCC__SHA384,
      "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
      "274edebfe76f65fbd51ad2f14898b95b" },
  };
  uint8_t want[64], got[64];
  (void)state;

  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < ROWS(row); i++) {
      check_rc(row[i].why, (int)from_hex(want, row[i].hex), (int)occ__hash_len(row[i].hash));
      check_rc(row[i].why, occ__hash(ws, row[i].hash, got, occ__span_text(row[i].text)), OCC_OK);
      assert_memory_equal(got, want, occ__hash_len(row[i].hash));
    }
  }
}

/* One digest at a time: another SHA-256 in between ends the one that is open. */
static void test_hash__ends_an_open_sha256(void **state)
{
  static const uint8_t zero[32];
  uint8_t got[64];
  (void)state;

  occ__sha256_begin(ws);
  occ__sha256_add(ws, "a", 1);
  assert_int_equal(occ__hash(ws, OCC__SHA256, got, occ__span_text("abc")), OCC_OK);
  assert_int_equal(occ__sha256_end(ws, got), OCC_ERR_CRYPTO);
  assert_memory_equal(got, zero, sizeof(zero));
}

static void test_sha256_add__frames_numbers_and_texts(void **state)
{
  static const uint8_t whole[] = { 1, 2, 3, 4,    0,    0,    0,    2,   'h', 'i', 0,
                                   0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'e', 'n', 'd' };
  uint8_t got[32], want[32];
  (void)state;

  SHA256(whole, sizeof(whole), want);
  occ__sha256_begin(ws);
  occ__sha256_add_u32(ws, 0x01020304);
  occ__sha256_add_text(ws, "hi");
  occ__sha256_add_text(ws, "");
  occ__sha256_add_text(ws, NULL);
  occ__sha256_add(ws, "end", 3);
  occ__sha256_add(ws, NULL, 0);
  assert_int_equal(occ__sha256_end(ws, got), OCC_OK);
  assert_memory_equal(got, want, 32);
}

static void test_sha256_end__refuses_and_zeroes(void **state)
{
  static const uint8_t zero[32];
  uint8_t got[32], want[32];
  (void)state;

  memset(got, 0xaa, sizeof(got));
  assert_int_equal(occ__sha256_end(ws, got), OCC_ERR_CRYPTO); /* never begun */
  assert_memory_equal(got, zero, 32);

  occ__sha256_begin(ws);
  occ__sha256_add_u32(ws, (size_t)UINT32_MAX + 1); /* a cut length */
  occ__sha256_add(ws, "x", 1);
  memset(got, 0xaa, sizeof(got));
  assert_int_equal(occ__sha256_end(ws, got), OCC_ERR_CRYPTO);
  assert_memory_equal(got, zero, 32);

  occ__sha256_begin(ws); /* begin makes it good again, and drops what was there */
  occ__sha256_add(ws, "forgotten", 9);
  SHA256((const uint8_t *)"abc", 3, want);
  assert_int_equal(occ__sha256(ws, got, occ__span("abc", 3)), OCC_OK);
  assert_memory_equal(got, want, 32);
  assert_int_equal(occ__sha256_end(ws, got), OCC_ERR_CRYPTO); /* ended already */
  occ__sha256_add(ws, "x", 1);
  assert_int_equal(occ__sha256_end(ws, got), OCC_ERR_CRYPTO);
}

static void test_hmac_sha256__gives_published_values(void **state)
{
  static const struct {
    const char *why, *key, *data, *mac;
  } row[] = {
    { "RFC 4231 case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "RFC 4231 case 2", "4a656665", "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
  };
  uint8_t key[32], got[32], want[32];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    const size_t key_len = from_hex(key, row[i].key);
    const size_t half = strlen(row[i].data) / 2;
    const occ_span part[3] = { occ__span(row[i].data, half), occ__span(NULL, 0),
                               occ__span_text(row[i].data + half) };

    from_hex(want, row[i].mac);
    check_rc(row[i].why, occ__hmac_sha256(ws, got, occ__span(key, key_len), part, 3), OCC_OK);
    assert_memory_equal(got, want, 32);
  }
}

/* A key of one block is used as it is, a longer one is hashed. */
static void test_hmac_sha256__takes_keys_of_every_length(void **state)
{
  static const size_t len[] = { 0, 1, 32, 63, 64, 65, 128, 300 };
  uint8_t key[300], got[32], want[32];
  const occ_span part = occ__span("data", 4);
  (void)state;

  for (size_t i = 0; i < sizeof(key); i++) {
    key[i] = (uint8_t)(i * 7 + 1);
  }
  for (size_t i = 0; i < ROWS(len); i++) {
    assert_non_null(HMAC(EVP_sha256(), key, (int)len[i], (const uint8_t *)"data", 4, want, NULL));
    assert_int_equal(occ__hmac_sha256(ws, got, occ__span(key, len[i]), &part, 1), OCC_OK);
    assert_memory_equal(got, want, 32);
  }
  assert_non_null(HMAC(EVP_sha256(), key, 32, (const uint8_t *)"", 0, want, NULL));
  assert_int_equal(occ__hmac_sha256(ws, got, occ__span(key, 32), NULL, 0), OCC_OK);
  assert_memory_equal(got, want, 32);
}

/* The GCM vectors of McGrew and Viega, AES-256: case 13 (nothing at all) and case 16. */
static const struct {
  const char *why, *key, *iv, *aad, *plain, *sealed, *tag;
} gcm[] = {
  { "case 13", "0000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b" },
  { "case 16", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
    "76fc6ece0f4e1768cddf8853bb2d551b" },
};

typedef struct sealed {
  uint8_t key[32], iv[12], aad[32], plain[64], sealed[64], tag[16];
  size_t aad_len, len;
} sealed;

static void load(sealed *s, size_t i)
{
  from_hex(s->key, gcm[i].key);
  from_hex(s->iv, gcm[i].iv);
  s->aad_len = from_hex(s->aad, gcm[i].aad);
  s->len = from_hex(s->plain, gcm[i].plain);
  from_hex(s->sealed, gcm[i].sealed);
  from_hex(s->tag, gcm[i].tag);
}

static int open_it(const sealed *s, uint8_t *out)
{
  return occ__aead_open(ws, s->key, s->iv, occ__span(s->aad, s->aad_len),
                        occ__span(s->sealed, s->len), s->tag, out);
}

static void test_aead__seals_and_opens_published_vectors(void **state)
{
  uint8_t out[64], tag[16];
  sealed s;
  (void)state;

  for (size_t i = 0; i < ROWS(gcm); i++) {
    load(&s, i);
    check_rc(gcm[i].why,
             occ__aead_seal(ws, s.key, s.iv, occ__span(s.aad, s.aad_len), occ__span(s.plain, s.len),
                            out, tag),
             OCC_OK);
    assert_memory_equal(out, s.sealed, s.len);
    assert_memory_equal(tag, s.tag, 16);
    check_rc(gcm[i].why, open_it(&s, out), OCC_OK);
    assert_memory_equal(out, s.plain, s.len);
  }
}

static void test_aead_open__refuses_every_changed_octet(void **state)
{
  static const uint8_t zero[64];
  static const struct {
    const char *why;
    size_t at, len;
  } row[] = {
    { "key", offsetof(sealed, key), 32 }, { "iv", offsetof(sealed, iv), 12 },
    { "aad", offsetof(sealed, aad), 20 }, { "sealed", offsetof(sealed, sealed), 60 },
    { "tag", offsetof(sealed, tag), 16 },
  };
  uint8_t out[64];
  sealed s;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    for (size_t j = 0; j < row[i].len; j++) {
      load(&s, 1);
      ((uint8_t *)&s)[row[i].at + j] ^= (uint8_t)(1u << (j % 8));
      memset(out, 0xaa, sizeof(out));
      check_rc(row[i].why, open_it(&s, out), OCC_ERR_CRYPTO);
      assert_memory_equal(out, zero, s.len); /* what was decrypted must not be used */
    }
  }
  load(&s, 1);
  s.aad_len--;
  check_rc("aad cut", open_it(&s, out), OCC_ERR_CRYPTO);
  load(&s, 1);
  s.len--;
  check_rc("sealed cut", open_it(&s, out), OCC_ERR_CRYPTO);
  load(&s, 1);
  check_rc("and the context is still good", open_it(&s, out), OCC_OK);
  assert_int_equal(ERR_peek_error(), 0);
}

/* A point, a text's digest, and a signature over it by OpenSSL. */
typedef struct signed_text {
  uint8_t pub[65], digest[32], der[80];
  size_t len;
} signed_text;

static void sign_text(signed_text *out)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
  size_t pub_len = 0;

  out->len = sizeof(out->der);
  memset(out->digest, 0x5a, sizeof(out->digest));
  assert_int_equal(EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", out->pub, 65, &pub_len),
                   1);
  assert_int_equal(pub_len, 65);
  assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
  assert_int_equal(EVP_PKEY_sign(ctx, out->der, &out->len, out->digest, 32), 1);
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(key);
}

static void test_workspace_verify__follows_the_key_in_the_slot(void **state)
{
  signed_text a, b;
  (void)state;

  sign_text(&a);
  sign_text(&b);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(occ__workspace_put_key(ws, OCC__P256, a.pub), OCC_OK);
    assert_int_equal(occ__workspace_verify(ws, OCC__P256, a.der, a.len, a.digest), OCC_OK);
    assert_int_equal(occ__workspace_verify(ws, OCC__P256, b.der, b.len, b.digest),
                     OCC__REASON_JOSE_SIGNATURE);
    assert_int_equal(occ__workspace_put_key(ws, OCC__P256, b.pub), OCC_OK);
    assert_int_equal(occ__workspace_verify(ws, OCC__P256, a.der, a.len, a.digest),
                     OCC__REASON_JOSE_SIGNATURE);
    assert_int_equal(occ__workspace_verify(ws, OCC__P256, b.der, b.len, b.digest), OCC_OK);
  }
  b.digest[31] ^= 1;
  assert_int_equal(occ__workspace_verify(ws, OCC__P256, b.der, b.len, b.digest),
                   OCC__REASON_JOSE_SIGNATURE);
  assert_int_equal(ERR_peek_error(), 0);
}

static void test_workspace_verify__needs_a_good_key(void **state)
{
  occ_workspace *made = NULL;
  signed_text a;
  uint8_t bad[65];
  (void)state;

  sign_text(&a);
  assert_int_equal(occ__workspace_new(&made, &occ__mem_libc), OCC_OK);
  assert_int_equal(occ__workspace_verify(made, OCC__P256, a.der, a.len, a.digest), OCC_ERR_CRYPTO);

  assert_int_equal(occ__workspace_put_key(made, OCC__P256, a.pub), OCC_OK);
  memcpy(bad, a.pub, sizeof(bad));
  bad[64] ^= 1; /* y of no point with this x */
  assert_int_equal(occ__workspace_put_key(made, OCC__P256, bad), OCC__REASON_JOSE_KEY);
  assert_int_equal(occ__workspace_verify(made, OCC__P256, a.der, a.len, a.digest), OCC_ERR_CRYPTO);
  for (unsigned first = 0; first < 256; first++) {
    memcpy(bad, a.pub, sizeof(bad));
    bad[0] = (uint8_t)first;
    assert_int_equal(occ__workspace_put_key(made, OCC__P256, bad),
                     first == 4 ? OCC_OK : OCC__REASON_JOSE_KEY);
  }
  assert_int_equal(occ__workspace_put_key(made, OCC__P256, a.pub), OCC_OK);
  assert_int_equal(occ__workspace_verify(made, OCC__P256, a.der, a.len, a.digest), OCC_OK);
  occ__workspace_free(made);
}

/* The host's TLS code looks into the same queue of errors. */
static void test_workspace__leaves_the_error_queue_alone(void **state)
{
  signed_text a;
  uint8_t bad[65] = { 0x04, 1 }, out[64];
  sealed s;
  (void)state;

  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7); /* the host's own */
  sign_text(&a);
  load(&s, 1);
  s.tag[0] ^= 1;
  assert_int_equal(open_it(&s, out), OCC_ERR_CRYPTO);
  assert_int_equal(occ__workspace_put_key(ws, OCC__P256, bad), OCC__REASON_JOSE_KEY);
  assert_int_equal(occ__workspace_put_key(ws, OCC__P256, a.pub), OCC_OK);
  a.der[a.len - 1] ^= 1;
  assert_int_equal(occ__workspace_verify(ws, OCC__P256, a.der, a.len, a.digest),
                   OCC__REASON_JOSE_SIGNATURE);
  assert_int_equal(ERR_GET_REASON(ERR_peek_error()), 7);
  assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), 7);
  ERR_clear_error();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_workspace_new__survives_every_failed_allocation),
    cmocka_unit_test(test_workspace_free__wipes),
    cmocka_unit_test(test_sha256__gives_published_digests),
    cmocka_unit_test(test_hash__gives_published_digests),
    cmocka_unit_test(test_hash__ends_an_open_sha256),
    cmocka_unit_test(test_sha256_add__frames_numbers_and_texts),
    cmocka_unit_test(test_sha256_end__refuses_and_zeroes),
    cmocka_unit_test(test_hmac_sha256__gives_published_values),
    cmocka_unit_test(test_hmac_sha256__takes_keys_of_every_length),
    cmocka_unit_test(test_aead__seals_and_opens_published_vectors),
    cmocka_unit_test(test_aead_open__refuses_every_changed_octet),
    cmocka_unit_test(test_workspace_verify__follows_the_key_in_the_slot),
    cmocka_unit_test(test_workspace_verify__needs_a_good_key),
    cmocka_unit_test(test_workspace__leaves_the_error_queue_alone),
  };

  return cmocka_run_group_tests_name("jose/workspace", tests, setup, teardown);
}
