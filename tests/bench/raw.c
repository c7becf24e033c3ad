/* SPDX-License-Identifier: MIT */
/* OpenSSL's own time for what a session needs, and the kernel's. Knows nothing of the library. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* getentropy() */
#endif

#include "raw.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meter.h"

/* For keys that are used once. */
static const uint8_t iv[12] = { 0 };

static EVP_MAC_CTX *hmac_new(void)
{
  static const uint8_t key[32] = { 1 };
  char digest[] = "SHA256";
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
  OSSL_PARAM param[2];

  param[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
  param[1] = OSSL_PARAM_construct_end();
  must(EVP_MAC_init(ctx, key, sizeof(key), param) == 1, "HMAC");
  EVP_MAC_free(mac);
  return ctx;
}

static void derive(raw *r, const uint8_t id[32], uint8_t key[32])
{
  size_t len = 0;

  must(EVP_MAC_init(r->hmac, NULL, 0, NULL) == 1 && EVP_MAC_update(r->hmac, id, 32) == 1 &&
           EVP_MAC_final(r->hmac, key, &len, 32) == 1,
       "HMAC");
}

static void seal(raw *r, const uint8_t key[32])
{
  OSSL_PARAM param[2];
  int len = 0;

  param[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, r->tag, 16);
  param[1] = OSSL_PARAM_construct_end();
  must(EVP_CipherInit_ex2(r->gcm, NULL, key, iv, 1, NULL) == 1 &&
           EVP_CipherUpdate(r->gcm, r->sealed, &len, r->plain, (int)r->len) == 1 &&
           EVP_CipherFinal_ex(r->gcm, r->sealed + r->len, &len) == 1 &&
           EVP_CIPHER_CTX_get_params(r->gcm, param) == 1,
       "AES-256-GCM");
}

void raw_init(raw *r, size_t len)
{
  static const uint8_t id[32] = { 0 };
  EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  uint8_t key[32];

  memset(r, 0, sizeof(*r));
  must(len < RAW_SESSION_MAX - 16, "session too long");
  r->len = len;
  r->gcm = EVP_CIPHER_CTX_new();
  must(EVP_CipherInit_ex2(r->gcm, gcm, NULL, NULL, 1, NULL) == 1, "AES-256-GCM");
  EVP_CIPHER_free(gcm);
  r->hmac = hmac_new();
  r->table = calloc(2 * RAW_TABLE, sizeof(*r->table));
  must(r->table != NULL, "memory");
  derive(r, id, key);
  seal(r, key);
}

void raw_clear(raw *r)
{
  EVP_CIPHER_CTX_free(r->gcm);
  EVP_MAC_CTX_free(r->hmac);
  free(r->table);
}

/* Without padding; a multiple of three is near enough. */
static void encode(char *out, const uint8_t *in, size_t len)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

  for (size_t i = 0; i + 2 < len; i += 3) {
    const uint32_t three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

    *out++ = digit[three >> 18];
    *out++ = digit[three >> 12 & 63];
    *out++ = digit[three >> 6 & 63];
    *out++ = digit[three & 63];
  }
}

void raw_issue(raw *r)
{
  static const uint8_t key[32] = { 7 };
  uint8_t id[32];

  must(getentropy(id, sizeof(id)) == 0, "getentropy");
  memcpy(r->plain, id, sizeof(id));
  seal(r, key);
  encode(r->text, r->sealed, r->len);
}

static void insert(raw *r)
{
  uint64_t key = ++r->used * 0x9e3779b97f4a7c15u, at = key >> 44;

  while (r->table[2 * at] != 0 && r->table[2 * at] != key) {
    at = (at + 1) % RAW_TABLE;
  }
  r->table[2 * at] = key;
  r->table[2 * at + 1] = r->used;
}

void raw_open_once(raw *r)
{
  static const uint8_t id[32] = { 0 };
  uint8_t key[32];
  OSSL_PARAM param[2];
  int len = 0;

  derive(r, id, key);
  param[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, r->tag, 16);
  param[1] = OSSL_PARAM_construct_end();
  must(EVP_CipherInit_ex2(r->gcm, NULL, key, iv, 0, NULL) == 1 &&
           EVP_CIPHER_CTX_set_params(r->gcm, param) == 1 &&
           EVP_CipherUpdate(r->gcm, r->plain, &len, r->sealed, (int)r->len) == 1,
       "AES-256-GCM");
  (void)EVP_CipherFinal_ex(r->gcm, r->plain + r->len,
                           &len); /* raw_issue() sealed with another key */
  insert(r);
}
