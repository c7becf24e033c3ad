/* SPDX-License-Identifier: MIT */
/* SipHash-2-4-128 against the vectors of its authors and against OpenSSL's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "base/siphash.h"

static void octets_of(uint8_t out[16], const uint64_t hash[2])
{
  for (size_t i = 0; i < 16; i++) {
    out[i] = (uint8_t)(hash[i / 8] >> (8 * (i % 8)));
  }
}

static void test_siphash__gives_the_published_vectors(void **state)
{
  static const struct {
    const char *why;
    size_t len;
    uint8_t want[16];
  } row[] = {
    { "nothing",
      0,
      { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
        0x93 } },
    { "one octet, 00",
      1,
      { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
        0x45 } },
  };
  uint8_t key[16];
  const uint8_t zero = 0;
  (void)state;

  for (size_t i = 0; i < sizeof(key); i++) {
    key[i] = (uint8_t)i;
  }
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    uint64_t hash[2];
    uint8_t got[16];

    print_message("  %s\n", row[i].why);
    occ__siphash(hash, key, &zero, row[i].len);
    octets_of(got, hash);
    assert_memory_equal(got, row[i].want, sizeof(got));
  }
}

static void reference(uint8_t out[16], const uint8_t key[16], const uint8_t *data, size_t len)
{
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
  EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
  size_t size = 16;
  OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                          OSSL_PARAM_construct_end() };

  assert_non_null(ctx);
  assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
  assert_int_equal(EVP_MAC_update(ctx, data, len), 1);
  assert_int_equal(EVP_MAC_final(ctx, out, &size, 16), 1);
  EVP_MAC_CTX_free(ctx);
  EVP_MAC_free(mac);
}

static void test_siphash__agrees_with_openssl_at_every_length(void **state)
{
  uint8_t key[16];
  uint8_t data[100];
  (void)state;

  for (size_t i = 0; i < sizeof(key); i++) {
    key[i] = (uint8_t)(200 - 7 * i);
  }
  for (size_t len = 0; len <= sizeof(data); len++) {
    uint64_t hash[2];
    uint8_t got[16];
    uint8_t want[16];

    for (size_t i = 0; i < len; i++) {
      data[i] = (uint8_t)(i * 37 + len);
    }
    occ__siphash(hash, key, data, len);
    octets_of(got, hash);
    reference(want, key, data, len);
    assert_memory_equal(got, want, sizeof(got));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_siphash__gives_the_published_vectors),
    cmocka_unit_test(test_siphash__agrees_with_openssl_at_every_length),
  };
  return cmocka_run_group_tests_name("base/siphash", tests, NULL, NULL);
}
