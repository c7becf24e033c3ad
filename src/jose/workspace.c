/* SPDX-License-Identifier: MIT */

/* Kept OpenSSL contexts and the primitives on them: SHA-2, HMAC-SHA-256, AES-256-GCM, the slots of curves. core/lib.c makes
 * workspaces and lends one for the length of a run. Must never leave errors in OpenSSL's queue (the host's TLS code reads
 * it on the same thread), must never set an allocator, and must not be used by two threads at once. */

#include "jose/workspace.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>

#include "jose/rsa.h"

#define SHA256_BLOCK 64u
#define GATHERED                                                                                   \
  512u /* octets that go to a digest together: many digests are of many short parts */

static const struct {
  const char *name;
  size_t len;
} hashes[OCC__HASHES] = {
  [OCC__SHA256] = { "SHA256", OCC__SHA256_LEN },
  [OCC__SHA384] = { "SHA384", 48 },
  [OCC__SHA512] = { "SHA512", 64 },
};

static const struct {
  const char *name;
  int nid;
  size_t pub_len;
  occ_hash hash;
} curves[OCC__CURVES] = {
  [OCC__P256] = { "P-256", NID_X9_62_prime256v1, OCC__P256_PUB_LEN, OCC__SHA256 },
  [OCC__P384] = { "P-384", NID_secp384r1, 97, OCC__SHA384 },
  [OCC__P521] = { "P-521", NID_secp521r1, OCC__POINT_MAX_LEN, OCC__SHA512 },
};

typedef struct slot {
  EVP_PKEY *key;     /* a public key of the curve; its point is exchanged, the object stays */
  EVP_PKEY_CTX *ctx; /* after EVP_PKEY_verify_init(); follows the key */
  uint8_t pub[OCC__POINT_MAX_LEN];
  int good; /* pub is in the slot */
} slot;

struct occ_workspace {
  const occ_mem *mem;
  EVP_MD_CTX *hash[OCC__HASHES];
  EVP_CIPHER_CTX *gcm;
  slot slots[OCC__CURVES];
  occ_rsa_cache rsa;
  int digest_open; /* between begin and end */
  int digest_bad;
  uint8_t gathered[GATHERED]; /* of the digest; what was used is wiped at its end */
  size_t gathered_len, gathered_most;
};

/* A context that keeps its own reference to the fetched digest: EVP_DigestInit_ex2(ctx, NULL, NULL) starts it again. */
static EVP_MD_CTX *digest_new(const char *name)
{
  EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();

  if (md == NULL || ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
    EVP_MD_CTX_free(ctx);
    ctx = NULL;
  }
  EVP_MD_free(md);
  return ctx;
}

static EVP_CIPHER_CTX *gcm_new(void)
{
  EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

  if (gcm == NULL || ctx == NULL || EVP_CipherInit_ex2(ctx, gcm, NULL, NULL, 1, NULL) != 1) {
    EVP_CIPHER_CTX_free(ctx);
    ctx = NULL;
  }
  EVP_CIPHER_free(gcm);
  return ctx;
}

/* The base point: any valid point will do to make a slot. Returns its octets, 0 for an error. */
static size_t base_point(uint8_t point[OCC__POINT_MAX_LEN], int nid)
{
  EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
  size_t len = 0;

  if (group != NULL) {
    len = EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), POINT_CONVERSION_UNCOMPRESSED,
                             point, OCC__POINT_MAX_LEN, NULL);
  }
  EC_GROUP_free(group);
  return len;
}

static int slot_new(slot *made, occ_curve curve)
{
  char group[sizeof("P-256")];
  uint8_t point[OCC__POINT_MAX_LEN];
  size_t len = base_point(point, curves[curve].nid);
  OSSL_PARAM param[3];
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *ctx = NULL;
  int rc = OCC_ERR_CRYPTO;

  memcpy(group, curves[curve].name, sizeof(group));
  param[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  param[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len);
  param[2] = OSSL_PARAM_construct_end();

  if (len != curves[curve].pub_len || maker == NULL || EVP_PKEY_fromdata_init(maker) != 1 ||
      EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, param) != 1) {
    goto out;
  }
  ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1) {
    goto out;
  }
  made->key = key;
  made->ctx = ctx;
  key = NULL;
  ctx = NULL;
  rc = OCC_OK;

out:
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(maker);
  return rc;
}

int occ__workspace_new(occ_workspace **out, const occ_mem *mem)
{
  occ_workspace *ws;
  int rc = OCC_ERR_CRYPTO;

  *out = NULL;
  ws = occ__mem_alloc(mem, sizeof(*ws));
  if (ws == NULL) {
    return OCC_ERR_MEMORY;
  }
  ws->mem = mem;

  (void)ERR_set_mark();
  ws->gcm = gcm_new();
  rc = ws->gcm != NULL ? OCC_OK : OCC_ERR_CRYPTO;
  for (int i = 0; i < OCC__HASHES; i++) {
    ws->hash[i] = digest_new(hashes[i].name);
    rc = ws->hash[i] != NULL ? rc : OCC_ERR_CRYPTO;
  }
  if (rc == OCC_OK) {
    rc = slot_new(&ws->slots[OCC__P256], OCC__P256);
  }
  (void)ERR_pop_to_mark();

  if (rc == OCC_OK) {
    *out = ws;
    ws = NULL;
  }
  occ__workspace_free(ws);
  return rc;
}

void occ__workspace_free(occ_workspace *ws)
{
  if (ws == NULL) {
    return;
  }
  /* OpenSSL cleanses the contexts' own secrets when it frees them. */
  occ__rsa_cache_clear(&ws->rsa);
  for (int i = 0; i < OCC__CURVES; i++) {
    EVP_PKEY_CTX_free(ws->slots[i].ctx);
    EVP_PKEY_free(ws->slots[i].key);
  }
  for (int i = 0; i < OCC__HASHES; i++) {
    EVP_MD_CTX_free(ws->hash[i]);
  }
  EVP_CIPHER_CTX_free(ws->gcm);
  occ__mem_wipe_free(ws->mem, ws, sizeof(*ws));
}

void occ__sha256_begin(occ_workspace *ws)
{
  ws->digest_open = 1;
  ws->gathered_len = 0;
  ws->digest_bad = EVP_DigestInit_ex2(ws->hash[OCC__SHA256], NULL, NULL) != 1;
}

/* A digest that could not begin has no state: OpenSSL would read it all the same. */
static void update(occ_workspace *ws, const void *octets, size_t len)
{
  if (!ws->digest_open || ws->digest_bad ||
      (len > 0 && EVP_DigestUpdate(ws->hash[OCC__SHA256], octets, len) != 1)) {
    ws->digest_bad = 1;
  }
}

static void pass_gathered(occ_workspace *ws)
{
  const size_t len = ws->gathered_len;

  ws->gathered_most = len > ws->gathered_most ? len : ws->gathered_most;
  ws->gathered_len = 0;
  update(ws, ws->gathered, len);
}

void occ__sha256_add(occ_workspace *ws, const void *octets, size_t len)
{
  if (len > sizeof(ws->gathered) - ws->gathered_len) {
    pass_gathered(ws);
  }
  if (len > sizeof(ws->gathered)) {
    update(ws, octets, len);
  } else if (len > 0) {
    memcpy(ws->gathered + ws->gathered_len, octets, len);
    ws->gathered_len += len;
  }
}

void occ__sha256_add_u32(occ_workspace *ws, size_t number)
{
  uint8_t octets[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                        (uint8_t)number };

  if (number > UINT32_MAX) {
    ws->digest_bad = 1; /* a cut length would let two inputs share a digest */
  }
  occ__sha256_add(ws, octets, sizeof(octets));
}

void occ__sha256_add_text(occ_workspace *ws, const char *text)
{
  size_t len;

  if (text == NULL) {
    occ__sha256_add_u32(ws, UINT32_MAX);
    return;
  }
  len = strlen(text);
  if (len >= UINT32_MAX) {
    ws->digest_bad = 1; /* that number means "no text" */
  }
  occ__sha256_add_u32(ws, len);
  occ__sha256_add(ws, text, len);
}

int occ__sha256_end(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN])
{
  int good;

  pass_gathered(ws);
  occ__wipe(ws->gathered, ws->gathered_most);
  ws->gathered_most = 0;
  good = ws->digest_open && !ws->digest_bad;
  ws->digest_open = 0;
  if (!good || EVP_DigestFinal_ex(ws->hash[OCC__SHA256], out, NULL) != 1) {
    memset(out, 0, OCC__SHA256_LEN);
    return OCC_ERR_CRYPTO;
  }
  return OCC_OK;
}

int occ__sha256(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN], occ_span octets)
{
  occ__sha256_begin(ws);
  occ__sha256_add(ws, octets.base, octets.len);
  return occ__sha256_end(ws, out);
}

size_t occ__hash_len(occ_hash hash)
{
  return hashes[hash].len;
}

int occ__hash(occ_workspace *ws, occ_hash hash, uint8_t out[OCC__HASH_MAX_LEN], occ_span octets)
{
  EVP_MD_CTX *ctx = ws->hash[hash];

  if (hash == OCC__SHA256) {
    return occ__sha256(ws, out, octets); /* which knows of a digest that is under way */
  }
  if (EVP_DigestInit_ex2(ctx, NULL, NULL) != 1 ||
      (octets.len > 0 && EVP_DigestUpdate(ctx, octets.base, octets.len) != 1) ||
      EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
    memset(out, 0, hashes[hash].len);
    return OCC_ERR_CRYPTO;
  }
  return OCC_OK;
}

/* One pass of HMAC: SHA-256(key ^ pad || parts). */
static int hmac_pass(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN],
                     const uint8_t key[SHA256_BLOCK], uint8_t pad, const occ_span *part,
                     size_t parts)
{
  uint8_t block[SHA256_BLOCK];

  for (size_t i = 0; i < sizeof(block); i++) {
    block[i] = key[i] ^ pad;
  }
  occ__sha256_begin(ws);
  occ__sha256_add(ws, block, sizeof(block));
  for (size_t i = 0; i < parts; i++) {
    occ__sha256_add(ws, part[i].base, part[i].len);
  }
  occ__wipe(block, sizeof(block));
  return occ__sha256_end(ws, out);
}

/* spec: RFC 2104. By hand, because EVP_MAC costs twice as much with a new key each time. */
int occ__hmac_sha256(occ_workspace *ws, uint8_t out[OCC__SHA256_LEN], occ_span key,
                     const occ_span *part, size_t parts)
{
  uint8_t block[SHA256_BLOCK] = { 0 }, inner[OCC__SHA256_LEN] = { 0 };
  const occ_span inner_span = occ__span(inner, sizeof(inner));
  int rc = OCC_OK;

  if (key.len > sizeof(block)) {
    rc = occ__sha256(ws, block, key);
  } else if (key.len > 0) {
    memcpy(block, key.base, key.len);
  }
  if (rc == OCC_OK) {
    rc = hmac_pass(ws, inner, block, 0x36, part, parts);
  }
  if (rc == OCC_OK) {
    rc = hmac_pass(ws, out, block, 0x5c, &inner_span, 1);
  }
  if (rc != OCC_OK) {
    occ__wipe(out, OCC__SHA256_LEN);
  }
  occ__wipe(block, sizeof(block));
  occ__wipe(inner, sizeof(inner));
  return rc;
}

/* One call of EVP_CipherUpdate(); empty input is skipped, since some versions take a NULL for the end. */
static int gcm_add(EVP_CIPHER_CTX *ctx, uint8_t *out, occ_span in)
{
  int len = 0;

  return in.len == 0 ||
         (in.len <= INT32_MAX / 2 && EVP_CipherUpdate(ctx, out, &len, in.base, (int)in.len) == 1);
}

int occ__aead_seal(occ_workspace *ws, const uint8_t *key, const uint8_t *iv, occ_span aad,
                   occ_span plain, uint8_t *out, uint8_t *tag)
{
  OSSL_PARAM param[2];
  uint8_t none[OCC__AEAD_TAG_LEN];
  int len = 0;

  param[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, OCC__AEAD_TAG_LEN);
  param[1] = OSSL_PARAM_construct_end();

  if (EVP_CipherInit_ex2(ws->gcm, NULL, key, iv, 1, NULL) != 1 || !gcm_add(ws->gcm, NULL, aad) ||
      !gcm_add(ws->gcm, out, plain) || EVP_CipherFinal_ex(ws->gcm, none, &len) != 1 ||
      EVP_CIPHER_CTX_get_params(ws->gcm, param) != 1) {
    occ__wipe(out, plain.len);
    occ__wipe(tag, OCC__AEAD_TAG_LEN);
    return OCC_ERR_CRYPTO;
  }
  return OCC_OK;
}

int occ__aead_open(occ_workspace *ws, const uint8_t *key, const uint8_t *iv, occ_span aad,
                   occ_span sealed, const uint8_t *tag, uint8_t *out)
{
  OSSL_PARAM param[2];
  uint8_t want[OCC__AEAD_TAG_LEN], none[OCC__AEAD_TAG_LEN];
  int len = 0, good;

  memcpy(want, tag, sizeof(want));
  param[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, want, sizeof(want));
  param[1] = OSSL_PARAM_construct_end();

  (void)ERR_set_mark();
  good = EVP_CipherInit_ex2(ws->gcm, NULL, key, iv, 0, NULL) == 1 &&
         EVP_CIPHER_CTX_set_params(ws->gcm, param) == 1 && gcm_add(ws->gcm, NULL, aad) &&
         gcm_add(ws->gcm, out, sealed) && EVP_CipherFinal_ex(ws->gcm, none, &len) == 1;
  (void)ERR_pop_to_mark();
  if (!good) {
    occ__wipe(out, sealed.len); /* GCM writes before it knows */
    return OCC_ERR_CRYPTO;
  }
  return OCC_OK;
}

/* Puts the point where the old one was. */
static int exchange(slot *into, const uint8_t *pub, size_t len)
{
  int good;

  into->good = 0;
  if (pub[0] != 0x04) {
    return OCC__REASON_JOSE_KEY; /* OpenSSL would take compressed and infinity encodings */
  }
  (void)ERR_set_mark();
  good = EVP_PKEY_set1_encoded_public_key(into->key, pub, len) == 1;
  (void)ERR_pop_to_mark();
  if (!good) {
    return OCC__REASON_JOSE_KEY;
  }
  memcpy(into->pub, pub, len);
  into->good = 1;
  return OCC_OK;
}

int occ__workspace_put_key(occ_workspace *ws, occ_curve curve, const uint8_t *pub)
{
  slot *into = &ws->slots[curve];
  const size_t len = curves[curve].pub_len;
  int rc = OCC_OK;

  if (into->good && memcmp(into->pub, pub, len) == 0) {
    return OCC_OK; /* read and used in one run, mostly */
  }
  if (into->ctx == NULL) {
    (void)ERR_set_mark();
    rc = slot_new(into, curve);
    (void)ERR_pop_to_mark();
  }
  return rc == OCC_OK ? exchange(into, pub, len) : rc;
}

int occ__workspace_verify(occ_workspace *ws, occ_curve curve, const uint8_t *der, size_t len,
                          const uint8_t *digest)
{
  const slot *with = &ws->slots[curve];
  int good;

  if (!with->good) {
    return OCC_ERR_CRYPTO;
  }
  (void)ERR_set_mark();
  good = EVP_PKEY_verify(with->ctx, der, len, digest, hashes[curves[curve].hash].len) == 1;
  (void)ERR_pop_to_mark();
  /* Negative results too: who has the private key can make the sum of points infinite, which OpenSSL calls an error. A
   * peer must not be able to make our machinery look broken. */
  return good ? OCC_OK : OCC__REASON_JOSE_SIGNATURE;
}

struct occ_rsa_cache *occ__workspace_rsa(occ_workspace *ws)
{
  return &ws->rsa;
}
