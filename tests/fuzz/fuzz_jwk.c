/* SPDX-License-Identifier: MIT */

/* A JWK or a JWK Set, and the canonical form of whatever JSON it is. Byte 0 picks the allocation of ours that fails (255:
 * none), the rest is the text. */

#include <stdlib.h>

#include "fail_mem.h"
#include "jose/jcs.h"
#include "jose/jws.h"
#include "wire/json_in.h"

static occ_workspace *ws;

static void need(int good)
{
  if (!good) {
    abort();
  }
}

/* Within the limits of what may be verified with. */
static void use_rsa(const occ_jwk *key)
{
  if (key->kty == OCC__KTY_RSA) {
    need(key->pub_len >= OCC__MIN_RSA_BITS / 8 && key->pub_len <= OCC__RSA_MAX_LEN);
    need(key->pub[0] != 0 && (key->pub[key->pub_len - 1] & 1) != 0);
    need(key->e >= 3 && (key->e & 1) != 0);
  } else {
    need(key->pub_len <= OCC__POINT_MAX_LEN && key->e == 0);
  }
}

/* What was read and written again is the same key. */
static void use_key(const occ_jwk *key, int want_private)
{
  occ_jwk again;
  occ_buf text;

  need(strlen(key->thumbprint) == OCC__THUMBPRINT_LEN && strlen(key->kid) <= OCC__MAX_ID);
  need(key->kty != OCC__KTY_NONE && key->is_private == want_private);
  need(key->alg == OCC__ALG_NONE || occ__jwk_fits(key, key->alg));
  occ__buf_init(&text, &occ__mem_libc, 1000);
  occ__jwk_write_public(&text, key);
  need(text.rc == OCC_OK);
  need(occ__jwk_read_text(&again, ws, occ__span(text.base, text.len), 0) == OCC_OK);
  need(strcmp(again.thumbprint, key->thumbprint) == 0);
  need(again.pub_len == key->pub_len && again.e == key->e);
  need(memcmp(again.pub, key->pub, sizeof(again.pub)) == 0);
  need(!key->is_private || occ__jws_may_sign(key));
  use_rsa(key);
  occ__buf_clear(&text);
}

static void use_jwk(occ_span text)
{
  static const occ_jwk zero;
  occ_jwk key;

  for (int want_private = 0; want_private <= 1; want_private++) {
    if (occ__jwk_read_text(&key, ws, text, want_private) == OCC_OK) {
      use_key(&key, want_private);
    } else {
      need(memcmp(&key, &zero, sizeof(zero)) == 0);
    }
    occ__jwk_wipe(&key);
  }
}

static void use_set(const json_t *value, fail_mem *fm)
{
  occ_jwks jwks;
  int rc = occ__jwks_read(&jwks, &fm->mem, ws, value);

  need(rc == OCC_OK || rc == OCC__REASON_JOSE_KEY || (rc == OCC_ERR_MEMORY && fm->failed));
  need(jwks.count <= OCC__MAX_JWKS_KEYS && (rc == OCC_OK || jwks.count == 0));
  for (size_t i = 0; i < jwks.count; i++) {
    use_key(&jwks.key[i], 0);
    (void)occ__jwks_find(&jwks, jwks.key[i].kid, OCC__ALG_ES256);
  }
  occ__jwks_clear(&jwks);
}

/* The canonical form of the canonical form is itself. */
static void use_jcs(const json_t *value, fail_mem *fm)
{
  occ_buf first, second;
  json_t *again = NULL;
  int rc;

  occ__buf_init(&first, &fm->mem, 1u << 20);
  occ__buf_init(&second, &occ__mem_libc, 1u << 20);
  rc = occ__jcs_write(&first, value);
  need(rc == OCC_OK || rc == OCC_ERR_SYNTAX || (rc == OCC_ERR_MEMORY && fm->failed));
  if (rc == OCC_OK) {
    need(occ__json_read(&again, occ__span(first.base, first.len), &occ__json_config) == OCC_OK);
    need(occ__jcs_write(&second, again) == OCC_OK);
    need(first.len == second.len && memcmp(first.base, second.base, first.len) == 0);
    need(json_equal(value, again));
  }
  json_decref(again);
  occ__buf_clear(&first);
  occ__buf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fail_mem fm;
  json_t *value = NULL;
  occ_span text;

  if (size < 1) {
    return 0;
  }
  if (ws == NULL) { /* made once, reachable to the end */
    need(occ__workspace_new(&ws, &occ__mem_libc) == OCC_OK);
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  text = occ__span(data + 1, size - 1);
  use_jwk(text);
  if (occ__json_read(&value, text, &occ__json_peer) == OCC_OK) {
    use_set(value, &fm);
    use_jcs(value, &fm);
    json_decref(value);
  }
  need(fm.live == 0);
  return 0;
}
