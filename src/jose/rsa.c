/* SPDX-License-Identifier: MIT */

/* RSASSA-PKCS1-v1_5 and RSASSA-PSS on plain octets, called by jwk.c and jws.c. Sizes are judged before OpenSSL sees a
 * number, for arithmetic on a peer's numbers can cost what the peer likes. Must never leave errors in OpenSSL's queue.
 * spec: RFC 7518 sections 3.3, 3.5, 6.3.1; RFC 8017 sections 8.1.2, 8.2.2. */

#include "jose/rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

static const struct {
  occ_hash hash;
  int padding;
  const EVP_MD *(*md)(void);
} scheme[OCC__ALGS] = {
  [OCC__ALG_PS256] = { OCC__SHA256, RSA_PKCS1_PSS_PADDING, EVP_sha256 },
  [OCC__ALG_PS384] = { OCC__SHA384, RSA_PKCS1_PSS_PADDING, EVP_sha384 },
  [OCC__ALG_PS512] = { OCC__SHA512, RSA_PKCS1_PSS_PADDING, EVP_sha512 },
  [OCC__ALG_RS256] = { OCC__SHA256, RSA_PKCS1_PADDING, EVP_sha256 },
  [OCC__ALG_RS384] = { OCC__SHA384, RSA_PKCS1_PADDING, EVP_sha384 },
  [OCC__ALG_RS512] = { OCC__SHA512, RSA_PKCS1_PADDING, EVP_sha512 },
};

/* Base64urlUInt: no zero octet in front. Then the number of its bits; 0 for what is none. */
static size_t bits_of(occ_span number)
{
  size_t bits = number.len * 8;

  if (number.len == 0 || number.base[0] == 0) {
    return 0;
  }
  for (unsigned first = number.base[0]; (first & 0x80u) == 0; first <<= 1) {
    bits--;
  }
  return bits;
}

static int is_odd(occ_span number)
{
  return (number.base[number.len - 1] & 1) != 0;
}

int occ__rsa_check(occ_span n, occ_span e)
{
  const size_t n_bits = bits_of(n), e_bits = bits_of(e);

  if (n_bits < OCC__MIN_RSA_BITS || n_bits > OCC__MAX_RSA_BITS || !is_odd(n)) {
    return OCC__REASON_JOSE_KEY;
  }
  /* An odd number of two bits is 3. */
  if (e_bits < 2 || e_bits > 8 * OCC__MAX_RSA_E_LEN || !is_odd(e)) {
    return OCC__REASON_JOSE_KEY;
  }
  return OCC_OK;
}

static EVP_PKEY *import(const occ_jwk *key)
{
  uint8_t n[OCC__RSA_MAX_LEN];
  const int len = (int)key->pub_len;
  uint32_t e = key->e;
  OSSL_PARAM param[3];
  EVP_PKEY *made = NULL;
  EVP_PKEY_CTX *maker = NULL;
  BIGNUM *number = BN_bin2bn(key->pub, len, NULL);

  /* OSSL_PARAM numbers are in the machine's own order. */
  if (number == NULL || BN_bn2nativepad(number, n, len) != len) {
    goto out;
  }
  param[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, key->pub_len);
  param[1] = OSSL_PARAM_construct_uint32(OSSL_PKEY_PARAM_RSA_E, &e);
  param[2] = OSSL_PARAM_construct_end();
  maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  if (maker == NULL || EVP_PKEY_fromdata_init(maker) != 1 ||
      EVP_PKEY_fromdata(maker, &made, EVP_PKEY_PUBLIC_KEY, param) != 1) {
    made = NULL;
  }

out:
  EVP_PKEY_CTX_free(maker);
  BN_free(number);
  return made;
}

/* spec: RFC 7518 section 3.5: the mask is made with the same hash, the salt is as long as its value. */
static int set_up(EVP_PKEY_CTX *ctx, occ_alg alg)
{
  const EVP_MD *md = scheme[alg].md();

  if (EVP_PKEY_verify_init(ctx) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx, scheme[alg].padding) != 1 ||
      EVP_PKEY_CTX_set_signature_md(ctx, md) != 1) {
    return 0;
  }
  return scheme[alg].padding == RSA_PKCS1_PADDING ||
         (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static EVP_PKEY_CTX *context_new(const occ_jwk *key, occ_alg alg)
{
  EVP_PKEY *imported = import(key);
  EVP_PKEY_CTX *ctx = NULL;

  if (imported != NULL) {
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, imported, NULL);
  }
  if (ctx != NULL && !set_up(ctx, alg)) {
    EVP_PKEY_CTX_free(ctx);
    ctx = NULL;
  }
  EVP_PKEY_free(imported); /* ctx has its own reference */
  return ctx;
}

/* The kept one, or a new one in the place of the oldest; NULL for an error. */
static EVP_PKEY_CTX *context_of(occ_rsa_cache *cache, const occ_jwk *key, occ_alg alg)
{
  occ_rsa_kept *kept;

  for (size_t i = 0; i < OCC__RSA_KEPT; i++) {
    kept = &cache->kept[i];
    if (kept->ctx != NULL && kept->alg == alg && kept->e == key->e && kept->n_len == key->pub_len &&
        memcmp(kept->n, key->pub, key->pub_len) == 0) {
      return kept->ctx;
    }
  }
  kept = &cache->kept[cache->next];
  cache->next = (cache->next + 1) % OCC__RSA_KEPT;
  EVP_PKEY_CTX_free(kept->ctx);
  kept->ctx = context_new(key, alg);
  kept->alg = alg;
  kept->e = key->e;
  kept->n_len = key->pub_len;
  memcpy(kept->n, key->pub, key->pub_len);
  return kept->ctx;
}

int occ__rsa_verify(occ_workspace *ws, const occ_jwk *key, occ_alg alg, occ_span input,
                    occ_span sig)
{
  uint8_t digest[OCC__HASH_MAX_LEN];
  const occ_hash hash = scheme[alg].hash;
  EVP_PKEY_CTX *ctx;
  int rc, good;

  /* As long as the modulus and below it (RFC 8017 sections 5.2.2, 8): one value has one spelling. All is public. */
  if (sig.len != key->pub_len || memcmp(sig.base, key->pub, sig.len) >= 0) {
    return OCC__REASON_JOSE_SIGNATURE;
  }
  rc = occ__hash(ws, hash, digest, input);
  if (rc != OCC_OK) {
    return rc;
  }
  (void)ERR_set_mark();
  ctx = context_of(occ__workspace_rsa(ws), key, alg);
  good = ctx != NULL && EVP_PKEY_verify(ctx, sig.base, sig.len, digest, occ__hash_len(hash)) == 1;
  (void)ERR_pop_to_mark();
  if (ctx == NULL) {
    return OCC_ERR_CRYPTO;
  }
  return good ? OCC_OK : OCC__REASON_JOSE_SIGNATURE;
}

void occ__rsa_cache_clear(occ_rsa_cache *cache)
{
  for (size_t i = 0; i < OCC__RSA_KEPT; i++) {
    EVP_PKEY_CTX_free(cache->kept[i].ctx);
  }
  memset(cache, 0, sizeof(*cache));
}
