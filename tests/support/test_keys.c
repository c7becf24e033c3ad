/* SPDX-License-Identifier: MIT */

/* Tokens for tests, made with OpenSSL and jansson alone: nothing of the library is called here. */

#include "test_keys.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(int good, const char *what)
{
  if (!good) {
    fprintf(stderr, "test_keys: %s\n", what);
    abort();
  }
}

static void *room(size_t size)
{
  void *memory = calloc(1, size);

  need(memory != NULL, "no memory");
  return memory;
}

char *test_b64(const void *octets, size_t len)
{
  char *text = room((len + 2) / 3 * 4 + 1);
  int end = EVP_EncodeBlock((unsigned char *)text, octets, (int)len);

  while (end > 0 && text[end - 1] == '=') {
    text[--end] = '\0';
  }
  for (char *at = text; *at != '\0'; at++) {
    *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
  }
  return text;
}

/* A member of 32 octets. */
static void member(uint8_t out[32], const json_t *jwk, const char *name)
{
  const char *value = json_string_value(json_object_get(jwk, name));
  char text[45] = { 0 };
  uint8_t octets[33];

  need(value != NULL && strlen(value) == 43, name);
  for (size_t i = 0; i < 43; i++) {
    text[i] = value[i] == '-' ? '+' : value[i] == '_' ? '/' : value[i];
  }
  text[43] = '=';
  need(EVP_DecodeBlock(octets, (unsigned char *)text, 44) == 33, name);
  memcpy(out, octets, 32);
}

static EVP_PKEY *p256(const json_t *jwk)
{
  char group[] = "P-256";
  uint8_t point[65] = { 0x04 }, d[32], native[32];
  OSSL_PARAM param[4];
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  BIGNUM *number;

  member(point + 1, jwk, "x");
  member(point + 33, jwk, "y");
  member(d, jwk, "d");
  number = BN_bin2bn(d, 32, NULL);
  need(number != NULL && BN_bn2nativepad(number, native, 32) == 32, "d");
  param[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  param[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 65);
  param[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, 32);
  param[3] = OSSL_PARAM_construct_end();
  need(maker != NULL && EVP_PKEY_fromdata_init(maker) == 1 &&
           EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, param) == 1,
       "P-256 key");
  BN_free(number);
  EVP_PKEY_CTX_free(maker);
  return key;
}

static void from_der(uint8_t sig[64], const uint8_t *der, size_t len)
{
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);

  need(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, 32) == 32 &&
           BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + 32, 32) == 32,
       "signature");
  ECDSA_SIG_free(pair);
}

void test_sign(uint8_t sig[64], const char *jwk_private, const void *input, size_t len)
{
  json_t *jwk = json_loads(jwk_private, JSON_REJECT_DUPLICATES, NULL);
  const char *kty = json_string_value(json_object_get(jwk, "kty"));
  const int is_ec = kty != NULL && strcmp(kty, "EC") == 0;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY *key;
  uint8_t d[32], made[80];
  size_t made_len = sizeof(made);

  need(jwk != NULL && ctx != NULL, "private JWK");
  if (is_ec) {
    key = p256(jwk);
  } else {
    member(d, jwk, "d");
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d, sizeof(d));
  }
  need(key != NULL &&
           EVP_DigestSignInit_ex(ctx, NULL, is_ec ? "SHA256" : NULL, NULL, NULL, key, NULL) == 1 &&
           EVP_DigestSign(ctx, made, &made_len, input, len) == 1,
       "sign");
  if (is_ec) {
    from_der(sig, made, made_len);
  } else {
    need(made_len == 64, "sign");
    memcpy(sig, made, 64);
  }
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  json_decref(jwk);
}

char *test_token(const void *header, size_t header_len, const void *payload, size_t payload_len,
                 const void *sig, size_t sig_len)
{
  char *part[3] = { test_b64(header, header_len), test_b64(payload, payload_len),
                    test_b64(sig, sig_len) };
  const size_t size = strlen(part[0]) + strlen(part[1]) + strlen(part[2]) + 3;
  char *token = room(size);

  (void)snprintf(token, size, "%s.%s.%s", part[0], part[1], part[2]);
  free(part[0]);
  free(part[1]);
  free(part[2]);
  return token;
}

char *test_jws(const char *jwk_private, const char *header_json, const char *claims_json)
{
  uint8_t sig[64] = { 0 };
  char *token = test_token(header_json, strlen(header_json), claims_json, strlen(claims_json), sig,
                           sizeof(sig));

  test_sign(sig, jwk_private, token, (size_t)(strrchr(token, '.') - token));
  free(token);
  return test_token(header_json, strlen(header_json), claims_json, strlen(claims_json), sig,
                    sizeof(sig));
}

char *test_dpop(const char *jwk_private, const char *htm, const char *htu, int64_t iat,
                const char *jti, const char *nonce)
{
  json_t *jwk = json_loads(jwk_private, JSON_REJECT_DUPLICATES, NULL);
  const char *kty = json_string_value(json_object_get(jwk, "kty"));
  char public_jwk[256] = { 0 }, header[512], *claims, *proof;
  const size_t size = strlen(htm) + strlen(htu) + strlen(jti) + (nonce ? strlen(nonce) : 0) + 128;

  need(kty != NULL && json_object_del(jwk, "d") == 0, "private JWK");
  need(json_dumpb(jwk, public_jwk, sizeof(public_jwk) - 1, JSON_COMPACT) < sizeof(public_jwk),
       "public JWK");
  (void)snprintf(header, sizeof(header), "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%s}",
                 strcmp(kty, "EC") == 0 ? "ES256" : "Ed25519", public_jwk);
  claims = room(size);
  (void)snprintf(
      claims, size, "{\"jti\":\"%s\",\"htm\":\"%s\",\"htu\":\"%s\",\"iat\":%" PRId64 "%s%s%s}", jti,
      htm, htu, iat, nonce ? ",\"nonce\":\"" : "", nonce ? nonce : "", nonce ? "\"" : "");
  proof = test_jws(jwk_private, header, claims);
  free(claims);
  json_decref(jwk);
  return proof;
}
