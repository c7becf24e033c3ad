/* SPDX-License-Identifier: MIT */

/* ECDSA and Ed25519 on plain octets, called by jwk.c and jws.c. Judges what a peer sent before OpenSSL sees it, so that
 * one key and one signature have one spelling. Must never leave errors in OpenSSL's queue. spec: RFC 7518 sections 3.4
 * and 6.2.1, RFC 8032 section 5.1, RFC 8037. */

#include "jose/curve.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define HALF     32u /* octets of a coordinate, of R and of S: P-256 and Ed25519 */
#define MAX_HALF 66u /* the same of P-521 */

/* p and n of P-256 (FIPS 186), big endian. */
static const uint8_t p256_p[HALF] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
                                      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                      0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t p256_n[HALF] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

/* p and n of P-384. */
static const uint8_t p384_p[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                  0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff };
static const uint8_t p384_n[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37,
                                  0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a,
                                  0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73 };

/* p (2^521 - 1) and n of P-521. */
static const uint8_t p521_p[] = {
  0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};
static const uint8_t p521_n[] = {
  0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b,
  0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c,
  0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09
};

static const struct {
  size_t half;
  occ_hash hash;
  const uint8_t *p, *n;
} curves[OCC__CURVES] = {
  [OCC__P256] = { HALF, OCC__SHA256, p256_p, p256_n },
  [OCC__P384] = { sizeof(p384_p), OCC__SHA384, p384_p, p384_n },
  [OCC__P521] = { MAX_HALF, OCC__SHA512, p521_p, p521_n },
};

/* 2^255 - 19 and the order L of the base point (RFC 8032), big endian. */
static const uint8_t ed_p[HALF] = { 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xed };
static const uint8_t ed_l[HALF] = { 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6,
                                    0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed };

/* The y coordinates of the eight points of small order, big endian, without the sign of x. */
static const uint8_t ed_small[]
                             [HALF] = {
                               { 0 },
                               { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
                               { 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xec },
                               { 0x05, 0xfc, 0x53, 0x6d, 0x88, 0x02, 0x38, 0xb1, 0x39, 0x33, 0xc6,
                                 0xd3, 0x05, 0xac, 0xdf, 0xd5, 0xf0, 0x98, 0xef, 0xf2, 0x89, 0xf4,
                                 0xc3, 0x45, 0xb0, 0x27, 0xb2, 0xc2, 0x8f, 0x95, 0xe8, 0x26 },
                               { 0x7a, 0x03, 0xac, 0x92, 0x77, 0xfd, 0xc7, 0x4e, 0xc6, 0xcc, 0x39,
                                 0x2c, 0xfa, 0x53, 0x20, 0x2a, 0x0f, 0x67, 0x10, 0x0d, 0x76, 0x0b,
                                 0x3c, 0xba, 0x4f, 0xd8, 0x4d, 0x3d, 0x70, 0x6a, 0x17, 0xc7 },
                             };

/* All that is compared here is public. */
static int is_below(const uint8_t *a, const uint8_t *limit, size_t len)
{
  return memcmp(a, limit, len) < 0;
}

static int is_zero(const uint8_t *a, size_t len)
{
  static const uint8_t zero[MAX_HALF];

  return memcmp(a, zero, len) == 0;
}

static void reverse(uint8_t out[HALF], const uint8_t in[HALF])
{
  for (size_t i = 0; i < HALF; i++) {
    out[i] = in[HALF - 1 - i];
  }
}

size_t occ__curve_half(occ_curve curve)
{
  return curves[curve].half;
}

int occ__curve_check(occ_workspace *ws, occ_curve curve, const uint8_t *pub)
{
  const size_t half = curves[curve].half;

  if (!is_below(pub + 1, curves[curve].p, half) ||
      !is_below(pub + 1 + half, curves[curve].p, half)) {
    return OCC__REASON_JOSE_KEY;
  }
  return occ__workspace_put_key(ws, curve, pub);
}

int occ__curve_check_ed25519(const uint8_t pub[OCC__ED25519_PUB_LEN])
{
  uint8_t y[HALF];

  reverse(y, pub);
  y[0] &= 0x7f; /* the sign of x */
  if (!is_below(y, ed_p, HALF)) {
    return OCC__REASON_JOSE_KEY;
  }
  for (size_t i = 0; i < sizeof(ed_small) / sizeof(ed_small[0]); i++) {
    if (memcmp(y, ed_small[i], HALF) == 0) {
      return OCC__REASON_JOSE_KEY; /* a signature by such a key fits any text */
    }
  }
  return OCC_OK;
}

/* INTEGER of one half; returns its octets. */
static size_t der_integer(uint8_t *out, const uint8_t *half, size_t len)
{
  size_t skip = 0, at = 2;

  while (skip < len - 1 && half[skip] == 0) {
    skip++;
  }
  if ((half[skip] & 0x80) != 0) {
    out[at++] = 0; /* DER integers are signed */
  }
  memcpy(out + at, half + skip, len - skip);
  at += len - skip;
  out[0] = 0x02;
  out[1] = (uint8_t)(at - 2);
  return at;
}

#define DER_HEAD 3u /* of the SEQUENCE: its length takes two octets from 128 on */
#define DER_MAX  (DER_HEAD + 2u * (3u + MAX_HALF))

/* ECDSA-Sig-Value of R || S, in out: from *start to the end that is returned. */
static size_t der_pair(uint8_t out[DER_MAX], size_t *start, const uint8_t *sig, size_t half)
{
  size_t end = DER_HEAD;

  end += der_integer(out + end, sig, half);
  end += der_integer(out + end, sig + half, half);
  *start = 1;
  out[1] = 0x30;
  out[2] = (uint8_t)(end - DER_HEAD);
  if (out[2] >= 0x80) {
    *start = 0;
    out[0] = 0x30;
    out[1] = 0x81;
  }
  return end;
}

int occ__curve_verify(occ_workspace *ws, occ_curve curve, const uint8_t *pub, occ_span input,
                      const uint8_t *sig)
{
  const size_t half = curves[curve].half;
  const uint8_t *n = curves[curve].n;
  uint8_t digest[OCC__HASH_MAX_LEN], der[DER_MAX];
  size_t start, end;
  int rc;

  if (is_zero(sig, half) || is_zero(sig + half, half) || !is_below(sig, n, half) ||
      !is_below(sig + half, n, half)) {
    return OCC__REASON_JOSE_SIGNATURE;
  }
  rc = occ__workspace_put_key(ws, curve, pub);
  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__hash(ws, curves[curve].hash, digest, input);
  if (rc != OCC_OK) {
    return rc;
  }
  end = der_pair(der, &start, sig, half);
  return occ__workspace_verify(ws, curve, der + start, end - start, digest);
}

int occ__curve_verify_ed25519(const uint8_t pub[OCC__ED25519_PUB_LEN], occ_span input,
                              const uint8_t sig[OCC__CURVE_SIG_LEN])
{
  uint8_t s[HALF];
  EVP_PKEY *key = NULL;
  EVP_MD_CTX *ctx = NULL;
  int rc = OCC_ERR_CRYPTO;

  reverse(s, sig + HALF);
  if (!is_below(s, ed_l, HALF)) {
    return OCC__REASON_JOSE_SIGNATURE;
  }
  (void)ERR_set_mark();
  key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, OCC__ED25519_PUB_LEN);
  ctx = EVP_MD_CTX_new();
  if (key == NULL || ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1) {
    goto out;
  }
  rc = EVP_DigestVerify(ctx, sig, OCC__CURVE_SIG_LEN, input.base, input.len) == 1
           ? OCC_OK
           : OCC__REASON_JOSE_SIGNATURE;

out:
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  (void)ERR_pop_to_mark();
  return rc;
}

/* A key pair from plain octets, or NULL. */
static EVP_PKEY *p256_pair(const uint8_t pub[OCC__P256_PUB_LEN],
                           const uint8_t priv[OCC__CURVE_PRIV_LEN])
{
  char group[] = "P-256";
  uint8_t point[OCC__P256_PUB_LEN], native[OCC__CURVE_PRIV_LEN];
  OSSL_PARAM param[4];
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  BIGNUM *number = BN_secure_new();

  memcpy(point, pub, sizeof(point));
  /* OSSL_PARAM numbers are in the machine's own order. */
  if (number == NULL || BN_bin2bn(priv, (int)OCC__CURVE_PRIV_LEN, number) == NULL ||
      BN_bn2nativepad(number, native, (int)sizeof(native)) != (int)sizeof(native)) {
    goto out;
  }
  param[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  param[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
  param[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native));
  param[3] = OSSL_PARAM_construct_end();
  if (maker == NULL || EVP_PKEY_fromdata_init(maker) != 1 ||
      EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, param) != 1) {
    key = NULL;
  }

out:
  occ__wipe(native, sizeof(native));
  BN_clear_free(number);
  EVP_PKEY_CTX_free(maker);
  return key;
}

int occ__curve_pair_p256(const uint8_t pub[OCC__P256_PUB_LEN],
                         const uint8_t priv[OCC__CURVE_PRIV_LEN])
{
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *ctx = NULL;
  int good = 0;

  if (is_zero(priv, HALF) || !is_below(priv, p256_n, HALF)) {
    return OCC__REASON_JOSE_KEY;
  }
  (void)ERR_set_mark();
  key = p256_pair(pub, priv);
  if (key != NULL) {
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    good = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
  }
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(key);
  (void)ERR_pop_to_mark();
  return good ? OCC_OK : OCC__REASON_JOSE_KEY;
}

int occ__curve_pair_ed25519(const uint8_t pub[OCC__ED25519_PUB_LEN],
                            const uint8_t priv[OCC__CURVE_PRIV_LEN])
{
  uint8_t want[OCC__ED25519_PUB_LEN];
  size_t len = sizeof(want);
  EVP_PKEY *key = NULL;
  int good;

  (void)ERR_set_mark();
  key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, priv, OCC__CURVE_PRIV_LEN);
  good = key != NULL && EVP_PKEY_get_raw_public_key(key, want, &len) == 1 && len == sizeof(want) &&
         memcmp(want, pub, sizeof(want)) == 0;
  EVP_PKEY_free(key);
  (void)ERR_pop_to_mark();
  return good ? OCC_OK : OCC__REASON_JOSE_KEY;
}

/* An ECDSA-Sig-Value of OpenSSL's own to R || S. */
static int from_der(uint8_t sig[OCC__CURVE_SIG_LEN], const uint8_t *der, size_t len)
{
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
  int good = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, (int)HALF) == (int)HALF &&
             BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + HALF, (int)HALF) == (int)HALF;

  ECDSA_SIG_free(pair);
  return good;
}

int occ__curve_sign_p256(occ_workspace *ws, uint8_t sig[OCC__CURVE_SIG_LEN],
                         const uint8_t pub[OCC__P256_PUB_LEN],
                         const uint8_t priv[OCC__CURVE_PRIV_LEN], occ_span input)
{
  uint8_t digest[OCC__SHA256_LEN], der[2 + 2 * (3 + HALF)];
  size_t len = sizeof(der);
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *ctx = NULL;
  int rc;

  rc = occ__sha256(ws, digest, input);
  if (rc != OCC_OK) {
    return rc;
  }
  (void)ERR_set_mark();
  rc = OCC_ERR_CRYPTO;
  key = p256_pair(pub, priv);
  if (key == NULL) {
    goto out;
  }
  ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  if (ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
      EVP_PKEY_sign(ctx, der, &len, digest, sizeof(digest)) == 1 && from_der(sig, der, len)) {
    rc = OCC_OK;
  }

out:
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(key);
  (void)ERR_pop_to_mark();
  return rc;
}

int occ__curve_sign_ed25519(uint8_t sig[OCC__CURVE_SIG_LEN],
                            const uint8_t priv[OCC__CURVE_PRIV_LEN], occ_span input)
{
  size_t len = OCC__CURVE_SIG_LEN;
  EVP_PKEY *key = NULL;
  EVP_MD_CTX *ctx = NULL;
  int good;

  (void)ERR_set_mark();
  key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, priv, OCC__CURVE_PRIV_LEN);
  ctx = EVP_MD_CTX_new();
  good = key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
         EVP_DigestSign(ctx, sig, &len, input.base, input.len) == 1 && len == OCC__CURVE_SIG_LEN;
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  (void)ERR_pop_to_mark();
  return good ? OCC_OK : OCC_ERR_CRYPTO;
}
