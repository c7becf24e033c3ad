/* SPDX-License-Identifier: MIT */

/* Tokens for tests, made with OpenSSL and jansson alone: nothing of the library is called here. */

#include "test_keys.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text_span {
  const void *base;
  size_t len;
} text_span;

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

/* A member of at most cap octets; returns their number. */
static size_t member(uint8_t *out, size_t cap, const json_t *jwk, const char *name)
{
  const char *value = json_string_value(json_object_get(jwk, name));
  const size_t chars = value == NULL ? 0 : strlen(value), len = chars * 3 / 4;
  char *text = room(chars + 4);
  uint8_t *octets = room(chars + 4);

  need(chars > 0 && chars % 4 != 1 && len <= cap, name);
  memset(text, '=', (chars + 3) / 4 * 4);
  for (size_t i = 0; i < chars; i++) {
    text[i] = value[i] == '-' ? '+' : value[i] == '_' ? '/' : value[i];
  }
  need(EVP_DecodeBlock(octets, (unsigned char *)text, (int)((chars + 3) / 4 * 4)) > 0, name);
  memcpy(out, octets, len);
  free(octets);
  free(text);
  return len;
}

static void put_number(OSSL_PARAM_BLD *builder, BIGNUM **keep, const json_t *jwk, const char *name,
                       const char *param)
{
  uint8_t octets[TEST_SIG_MAX];
  const size_t len = member(octets, sizeof(octets), jwk, name);

  *keep = BN_bin2bn(octets, (int)len, NULL);
  need(*keep != NULL && OSSL_PARAM_BLD_push_BN(builder, param, *keep) == 1, name);
}

static EVP_PKEY *make_pair(const char *type, OSSL_PARAM_BLD *builder)
{
  OSSL_PARAM *param = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
  EVP_PKEY *key = NULL;

  need(param != NULL && maker != NULL && EVP_PKEY_fromdata_init(maker) == 1 &&
           EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, param) == 1,
       type);
  EVP_PKEY_CTX_free(maker);
  OSSL_PARAM_free(param);
  return key;
}

static EVP_PKEY *ec_pair(const json_t *jwk)
{
  const char *crv = json_string_value(json_object_get(jwk, "crv"));
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  uint8_t point[133] = { 0x04 };
  BIGNUM *d = NULL;
  EVP_PKEY *key;
  size_t half;

  half = member(point + 1, 66, jwk, "x");
  need(member(point + 1 + half, 66, jwk, "y") == half, "y");
  need(builder != NULL && crv != NULL &&
           OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, crv, 0) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                            1 + 2 * half) == 1,
       "curve");
  put_number(builder, &d, jwk, "d", OSSL_PKEY_PARAM_PRIV_KEY);
  key = make_pair("EC", builder);
  OSSL_PARAM_BLD_free(builder);
  BN_free(d);
  return key;
}

static EVP_PKEY *rsa_pair(const json_t *jwk)
{
  static const struct {
    const char *name, *param;
  } row[] = {
    { "n", OSSL_PKEY_PARAM_RSA_N },          { "e", OSSL_PKEY_PARAM_RSA_E },
    { "d", OSSL_PKEY_PARAM_RSA_D },          { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
    { "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },    { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
    { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
  };
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  BIGNUM *number[8] = { NULL };
  EVP_PKEY *key;

  need(builder != NULL, "no memory");
  for (size_t i = 0; i < 8; i++) {
    put_number(builder, &number[i], jwk, row[i].name, row[i].param);
  }
  key = make_pair("RSA", builder);
  OSSL_PARAM_BLD_free(builder);
  for (size_t i = 0; i < 8; i++) {
    BN_free(number[i]);
  }
  return key;
}

static int has_kty(const json_t *jwk, const char *want)
{
  const char *kty = json_string_value(json_object_get(jwk, "kty"));

  return kty != NULL && strcmp(kty, want) == 0;
}

static EVP_PKEY *pair_of(const char *jwk_private)
{
  json_t *jwk = json_loads(jwk_private, JSON_REJECT_DUPLICATES, NULL);
  uint8_t d[32];
  EVP_PKEY *key = NULL;

  need(jwk != NULL, "private JWK");
  if (has_kty(jwk, "EC")) {
    key = ec_pair(jwk);
  } else if (has_kty(jwk, "RSA")) {
    key = rsa_pair(jwk);
  } else {
    need(member(d, sizeof(d), jwk, "d") == sizeof(d), "d");
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d, sizeof(d));
  }
  need(key != NULL, "private JWK");
  json_decref(jwk);
  return key;
}

/* DER to R || S of `half` octets each. */
static void from_der(uint8_t *sig, int half, const uint8_t *der, size_t len)
{
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);

  need(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, half) == half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + half, half) == half,
       "signature");
  ECDSA_SIG_free(pair);
}

static size_t sign(uint8_t sig[TEST_SIG_MAX], EVP_PKEY *key, const char *hash, const void *input,
                   size_t len)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  size_t made = TEST_SIG_MAX;

  need(ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, hash, NULL, NULL, key, NULL) == 1 &&
           EVP_DigestSign(ctx, sig, &made, input, len) == 1,
       "sign");
  EVP_MD_CTX_free(ctx);
  return made;
}

static size_t sign_pss(uint8_t sig[TEST_SIG_MAX], EVP_PKEY *key, const char *const hash[2],
                       int salt_len, text_span input)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *about = NULL; /* ctx owns it */
  size_t made = TEST_SIG_MAX;

  need(ctx != NULL && EVP_DigestSignInit_ex(ctx, &about, hash[0], NULL, NULL, key, NULL) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(about, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(about, hash[1], NULL) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(about, salt_len) == 1 &&
           EVP_DigestSign(ctx, sig, &made, input.base, input.len) == 1,
       "sign PSS");
  EVP_MD_CTX_free(ctx);
  return made;
}

size_t test_sign_alg(uint8_t sig[TEST_SIG_MAX], const char *jwk_private, const char *alg,
                     const void *input, size_t len)
{
  EVP_PKEY *key = pair_of(jwk_private);
  const int bits = EVP_PKEY_get_bits(key);
  uint8_t der[TEST_SIG_MAX];
  char hash[7] = "SHA256";
  size_t made;

  if (EVP_PKEY_is_a(key, "EC")) {
    const int half = (bits + 7) / 8;

    made = sign(der, key, bits == 256 ? "SHA256" : bits == 384 ? "SHA384" : "SHA512", input, len);
    from_der(sig, half, der, made);
    made = 2 * (size_t)half;
  } else if (EVP_PKEY_is_a(key, "RSA")) {
    need(alg != NULL && strlen(alg) == 5, "alg");
    memcpy(hash + 3, alg + 2, 3);
    made = alg[0] == 'P' ? sign_pss(sig, key, (const char *const[]){ hash, hash },
                                    RSA_PSS_SALTLEN_DIGEST, (text_span){ input, len })
                         : sign(sig, key, hash, input, len);
  } else {
    made = sign(sig, key, NULL, input, len);
  }
  EVP_PKEY_free(key);
  return made;
}

void test_sign(uint8_t sig[64], const char *jwk_private, const void *input, size_t len)
{
  uint8_t made[TEST_SIG_MAX];

  need(test_sign_alg(made, jwk_private, NULL, input, len) == 64, "sign");
  memcpy(sig, made, 64);
}

size_t test_sign_pss(uint8_t sig[TEST_SIG_MAX], const char *jwk_private, const char *hash,
                     const char *mgf1_hash, int salt_len, const void *input, size_t len)
{
  EVP_PKEY *key = pair_of(jwk_private);
  const size_t made = sign_pss(sig, key, (const char *const[]){ hash, mgf1_hash }, salt_len,
                               (text_span){ input, len });

  EVP_PKEY_free(key);
  return made;
}

size_t test_rsa_raw(uint8_t sig[TEST_SIG_MAX], const char *jwk_private, const uint8_t *em,
                    size_t len)
{
  EVP_PKEY *key = pair_of(jwk_private);
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  size_t made = TEST_SIG_MAX;

  need(ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
           EVP_PKEY_sign(ctx, sig, &made, em, len) == 1 && made == len,
       "raw RSA");
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(key);
  return made;
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

/* The alg that an RSA key shall sign with. */
static const char *rsa_alg(const json_t *header)
{
  const char *alg = json_string_value(json_object_get(header, "alg"));

  return alg != NULL && strlen(alg) == 5 &&
                 (strncmp(alg, "RS", 2) == 0 || strncmp(alg, "PS", 2) == 0)
             ? alg
             : "RS256";
}

char *test_jws(const char *jwk_private, const char *header_json, const char *claims_json)
{
  json_t *header = json_loads(header_json, 0, NULL);
  uint8_t sig[TEST_SIG_MAX] = { 0 };
  char *token = test_token(header_json, strlen(header_json), claims_json, strlen(claims_json), sig,
                           sizeof(sig));
  const size_t made = test_sign_alg(sig, jwk_private, rsa_alg(header), token,
                                    (size_t)(strrchr(token, '.') - token));

  free(token);
  json_decref(header);
  return test_token(header_json, strlen(header_json), claims_json, strlen(claims_json), sig, made);
}

/* What a key signs with here. */
static const char *alg_of(const json_t *jwk)
{
  const char *crv = json_string_value(json_object_get(jwk, "crv"));

  if (has_kty(jwk, "RSA") || crv == NULL) {
    return "PS256";
  }
  if (!has_kty(jwk, "EC")) {
    return "Ed25519";
  }
  return strcmp(crv, "P-256") == 0 ? "ES256" : strcmp(crv, "P-384") == 0 ? "ES384" : "ES512";
}

char *test_dpop(const char *jwk_private, const char *htm, const char *htu, int64_t iat,
                const char *jti, const char *nonce)
{
  static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi" };
  json_t *jwk = json_loads(jwk_private, JSON_REJECT_DUPLICATES, NULL);
  char public_jwk[1024] = { 0 }, header[1200], *claims, *proof;
  const size_t size = strlen(htm) + strlen(htu) + strlen(jti) + (nonce ? strlen(nonce) : 0) + 128;

  need(jwk != NULL, "private JWK");
  for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
    (void)json_object_del(jwk, secret[i]);
  }
  need(json_dumpb(jwk, public_jwk, sizeof(public_jwk) - 1, JSON_COMPACT) < sizeof(public_jwk),
       "public JWK");
  (void)snprintf(header, sizeof(header), "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%s}",
                 alg_of(jwk), public_jwk);
  claims = room(size);
  (void)snprintf(
      claims, size, "{\"jti\":\"%s\",\"htm\":\"%s\",\"htu\":\"%s\",\"iat\":%" PRId64 "%s%s%s}", jti,
      htm, htu, iat, nonce ? ",\"nonce\":\"" : "", nonce ? nonce : "", nonce ? "\"" : "");
  proof = test_jws(jwk_private, header, claims);
  free(claims);
  json_decref(jwk);
  return proof;
}

char *test_b64_plain(const void *octets, size_t len)
{
  char *text = room((len + 2) / 3 * 4 + 1);

  (void)EVP_EncodeBlock((unsigned char *)text, octets, (int)len);
  return text;
}

static void add_names(X509 *made, const char *names)
{
  X509V3_CTX context;
  X509_EXTENSION *extension;

  X509V3_set_ctx(&context, made, made, NULL, NULL, 0);
  X509V3_set_ctx_nodb(&context);
  extension = X509V3_EXT_nconf_nid(NULL, &context, NID_subject_alt_name, names);
  need(extension != NULL && X509_add_ext(made, extension, -1) == 1, "alternative names");
  X509_EXTENSION_free(extension);
}

uint8_t *test_certificate(size_t *len, const char *jwk_private, const char *const *subject,
                          const char *names)
{
  EVP_PKEY *key = pair_of(jwk_private);
  X509 *made = X509_new();
  unsigned char *at;
  uint8_t *der;
  int octets;

  need(made != NULL && X509_set_version(made, 2) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(made), 7) == 1 &&
           ASN1_TIME_set_string(X509_getm_notBefore(made), "20200101000000Z") == 1 &&
           ASN1_TIME_set_string(X509_getm_notAfter(made), "20991231235959Z") == 1 &&
           X509_set_pubkey(made, key) == 1,
       "certificate");
  for (; subject[0] != NULL; subject += 2) {
    need(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), subject[0], MBSTRING_UTF8,
                                    (const unsigned char *)subject[1], -1, -1, 0) == 1,
         subject[0]);
  }
  need(X509_set_issuer_name(made, X509_get_subject_name(made)) == 1, "issuer");
  if (names != NULL) {
    add_names(made, names);
  }
  need(X509_sign(made, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0, "signature");
  octets = i2d_X509(made, NULL);
  need(octets > 0, "DER");
  der = at = room((size_t)octets);
  need(i2d_X509(made, &at) == octets, "DER");
  *len = (size_t)octets;
  X509_free(made);
  EVP_PKEY_free(key);
  return der;
}
