/* SPDX-License-Identifier: MIT */

/* JWK Sets of clients and issuers. Called by core and evidence when the host or a cache hands over somebody's keys. A set
 * with a private key in it is refused as a whole: who publishes one has lost it. spec: RFC 7517 section 5. */

#include "jose/jwk.h"
#include "wire/json_in.h"

/* Two keys of one kind under one name: which one signed could not be told. */
static int is_repeat(const occ_jwks *jwks, const occ_jwk *key)
{
  for (size_t i = 0; key->kid[0] != '\0' && i < jwks->count; i++) {
    if (jwks->key[i].kty == key->kty && strcmp(jwks->key[i].kid, key->kid) == 0) {
      return 1;
    }
  }
  return 0;
}

static int read_one(occ_jwks *jwks, occ_workspace *ws, const json_t *jwk)
{
  occ_jwk *key = &jwks->key[jwks->count];
  int rc;

  if (!json_is_object(jwk) || occ__jwk_has_private(jwk)) {
    return OCC__REASON_JOSE_KEY;
  }
  if (occ__jwk_is_foreign(jwk)) {
    return OCC_OK;
  }
  rc = occ__jwk_read(key, ws, jwk, 0);
  if (rc != OCC_OK) {
    return rc;
  }
  if (is_repeat(jwks, key)) {
    return OCC__REASON_JOSE_KEY;
  }
  jwks->count++;
  return OCC_OK;
}

int occ__jwks_read(occ_jwks *out, const occ_mem *mem, occ_workspace *ws, const json_t *set)
{
  const json_t *keys = json_object_get(set, "keys");
  const size_t size = json_array_size(keys);
  int rc = OCC_OK;

  *out = (occ_jwks){ .mem = mem };
  if (!json_is_array(keys) || size > OCC__MAX_JWKS_KEYS) {
    return OCC__REASON_JOSE_KEY;
  }
  if (size == 0) {
    return OCC_OK;
  }
  out->key = occ__mem_alloc(mem, size * sizeof(*out->key));
  if (out->key == NULL) {
    return OCC_ERR_MEMORY;
  }
  out->room = size;
  for (size_t i = 0; rc == OCC_OK && i < size; i++) {
    rc = read_one(out, ws, json_array_get(keys, i));
  }
  if (rc != OCC_OK) {
    occ__jwks_clear(out);
  }
  return rc;
}

const occ_jwk *occ__jwks_find(const occ_jwks *jwks, const char *kid, occ_alg alg)
{
  const int any = kid == NULL || kid[0] == '\0';
  const occ_jwk *found = NULL;

  for (size_t i = 0; i < jwks->count; i++) {
    const occ_jwk *key = &jwks->key[i];

    if (!occ__jwk_fits(key, alg) || (!any && strcmp(key->kid, kid) != 0)) {
      continue;
    }
    if (found != NULL) {
      return NULL; /* without a kid, several would do */
    }
    found = key;
  }
  return found;
}

static int is_text(const json_t *jwk, const char *member, const char *text)
{
  const char *value = occ__json_text(jwk, member);

  return value != NULL && strcmp(value, text) == 0;
}

/* Whatever becomes of a set with a private key in it, or with something that is no key at all. */
static int is_public_set(const json_t *set)
{
  const json_t *keys = json_object_get(set, "keys");
  const json_t *jwk;
  size_t i;

  if (!json_is_array(keys) || json_array_size(keys) > OCC__MAX_JWKS_KEYS) {
    return 0;
  }
  json_array_foreach(keys, i, jwk)
  {
    if (!json_is_object(jwk) || occ__jwk_has_private(jwk)) {
      return 0;
    }
  }
  return 1;
}

/* 3, 17, 65537 and what lies between: each bit is one more multiplication. */
static int is_cheap(uint32_t e)
{
  return e <= OCC__MAX_RSA_E_CLIENT && ((e - 1) & (e - 2)) == 0;
}

/* Who wrote the key may have made it dear. */
static int read_cheap(occ_jwk *out, occ_workspace *ws, const json_t *jwk)
{
  int rc = occ__jwk_read(out, ws, jwk, 0);

  if (rc == OCC_OK && out->kty == OCC__KTY_RSA && !is_cheap(out->e)) {
    occ__jwk_wipe(out);
    rc = OCC__REASON_JOSE_KEY;
  }
  return rc;
}

int occ__jwks_pick(occ_jwk *out, occ_workspace *ws, const json_t *set, const char *kid, occ_alg alg)
{
  const int any = kid == NULL || kid[0] == '\0';
  const json_t *jwk, *found = NULL;
  size_t i, named = 0, fitting = 0;

  memset(out, 0, sizeof(*out));
  if (!is_public_set(set)) {
    return OCC__REASON_JOSE_KEY;
  }
  json_array_foreach(json_object_get(set, "keys"), i, jwk)
  {
    if (occ__jwk_is_foreign(jwk) || occ__jwk_kty_of(jwk) != occ__alg_kty(alg) ||
        (!any && !is_text(jwk, "kid", kid))) {
      continue;
    }
    named++;
    if (json_object_get(jwk, "alg") == NULL || is_text(jwk, "alg", occ__alg_name(alg))) {
      fitting++;
      found = jwk;
    }
  }
  if (!any && named > 1) { /* which of them signed could not be told */
    return OCC__REASON_JOSE_KEY;
  }
  return fitting == 1 ? read_cheap(out, ws, found) : OCC__REASON_JOSE_KEY_UNKNOWN;
}

int occ__jwks_has(const json_t *set, const occ_jwk *key)
{
  const json_t *jwk;
  size_t i;

  if (!is_public_set(set)) {
    return OCC__REASON_JOSE_KEY;
  }
  json_array_foreach(json_object_get(set, "keys"), i, jwk)
  {
    if (!occ__jwk_is_foreign(jwk) && occ__jwk_is(jwk, key)) {
      return OCC_OK;
    }
  }
  return OCC__REASON_JOSE_KEY_UNKNOWN;
}

void occ__jwks_clear(occ_jwks *jwks)
{
  if (jwks->key != NULL) {
    occ__mem_wipe_free(jwks->mem, jwks->key, jwks->room * sizeof(*jwks->key));
  }
  *jwks = (occ_jwks){ .mem = jwks->mem };
}
