/* SPDX-License-Identifier: MIT */

/* See assertion.h. Called by agent.c for each message. A real agent takes its own JWT library. */

#include "assertion.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define P256_OCTETS 32
#define LIFE        60 /* seconds */
#define PARAMS                                                                                     \
  "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"        \
  "&client_assertion="

/* ---- ES256 ----------------------------------------------------------------------------------- */

static int read_member(unsigned char out[P256_OCTETS], const json_t *jwk, const char *name)
{
  const char *text = json_string_value(json_object_get(jwk, name));

  return text != NULL && base64url_read(out, P256_OCTETS, text);
}

static EVP_PKEY *make_key(const unsigned char *point, size_t len, const BIGNUM *secret)
{
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  OSSL_PARAM *params = NULL;
  EVP_PKEY *key = NULL;

  if (build != NULL && ctx != NULL &&
      OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1 &&
      OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1) {
    params = OSSL_PARAM_BLD_to_param(build);
  }
  if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
    (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
  }
  OSSL_PARAM_free(params);
  EVP_PKEY_CTX_free(ctx);
  OSSL_PARAM_BLD_free(build);
  return key;
}

static EVP_PKEY *read_key(const json_t *jwk)
{
  unsigned char point[1 + 2 * P256_OCTETS] = { 4 }; /* uncompressed */
  unsigned char d[P256_OCTETS];
  BIGNUM *secret = NULL;
  EVP_PKEY *key = NULL;

  if (read_member(point + 1, jwk, "x") && read_member(point + 1 + P256_OCTETS, jwk, "y") &&
      read_member(d, jwk, "d")) {
    secret = BN_secure_new();
  }
  if (secret != NULL && BN_bin2bn(d, P256_OCTETS, secret) != NULL) {
    key = make_key(point, sizeof(point), secret);
  }
  BN_clear_free(secret);
  OPENSSL_cleanse(d, sizeof(d));
  return key;
}

/* OpenSSL's signature is DER; JWS has the two numbers, one behind the other. spec: RFC 7518 section
 * 3.4 */
static char *encode_signature(const unsigned char *der, size_t len)
{
  ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)len);
  unsigned char both[2 * P256_OCTETS];
  char *text = NULL;

  if (numbers != NULL &&
      BN_bn2binpad(ECDSA_SIG_get0_r(numbers), both, P256_OCTETS) == P256_OCTETS &&
      BN_bn2binpad(ECDSA_SIG_get0_s(numbers), both + P256_OCTETS, P256_OCTETS) == P256_OCTETS) {
    text = base64url(both, sizeof(both));
  }
  ECDSA_SIG_free(numbers);
  return text;
}

static char *sign(const json_t *jwk, const char *input)
{
  unsigned char der[128];
  size_t len = sizeof(der);
  EVP_PKEY *key = read_key(jwk);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  char *signature = NULL;

  if (key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
      EVP_DigestSign(ctx, der, &len, (const unsigned char *)input, strlen(input)) == 1) {
    signature = encode_signature(der, len);
  }
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  return signature;
}

/* ---- The assertion --------------------------------------------------------------------------- */

/* Takes object. */
static char *encode_json(json_t *object)
{
  char *text = json_dumps(object, JSON_COMPACT);
  char *encoded = text != NULL ? base64url((const unsigned char *)text, strlen(text)) : NULL;

  free(text);
  json_decref(object);
  return encoded;
}

/* The texts with dots between them. */
static char *join(const char *a, const char *b)
{
  size_t size = a != NULL && b != NULL ? strlen(a) + strlen(b) + 2 : 0;
  char *both = size > 0 ? malloc(size) : NULL;

  if (both != NULL) {
    (void)snprintf(both, size, "%s.%s", a, b);
  }
  return both;
}

static char *make(const char *client_id, const char *issuer, const json_t *key)
{
  const json_int_t now = clock_ms() / 1000;
  char *jti = random_text(16);
  char *head =
      encode_json(json_pack("{s:s, s:s, s:s*}", "typ", "client-authentication+jwt", "alg", "ES256",
                            "kid", json_string_value(json_object_get(key, "kid"))));
  char *claims =
      encode_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", client_id, "sub", client_id,
                            "aud", issuer, "iat", now, "exp", now + LIFE, "jti", jti));
  char *input = join(head, claims);
  char *signature = input != NULL ? sign(key, input) : NULL;
  char *assertion = join(input, signature);

  free(signature);
  free(input);
  free(claims);
  free(head);
  free(jti);
  return assertion;
}

char *assertion_add(const char *form, const char *client_id, const char *issuer, const json_t *key)
{
  char *assertion = make(client_id, issuer, key);
  size_t size = assertion != NULL ? strlen(form) + strlen(assertion) + sizeof(PARAMS) : 0;
  char *longer = size > 0 ? malloc(size) : NULL;

  if (longer != NULL) {
    (void)snprintf(longer, size, "%s%s%s", form, PARAMS, assertion);
  }
  free(assertion);
  return longer;
}
