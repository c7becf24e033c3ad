/* SPDX-License-Identifier: MIT */

/* One JSON Web Key, read strictly into plain octets; its thumbprint. Called by jwks.c, and by core and evidence for keys
 * in proofs and assertions. Must never keep a key that it has not judged, nor take a thumbprint from the peer's own
 * spelling. spec: RFC 7517 section 4, RFC 7518 section 6, RFC 7638, RFC 8037 section 2. */

#include "jose/jwk.h"

#include "base/b64.h"
#include "jose/curve.h"
#include "jose/rsa.h"
#include "wire/json_in.h"

#define MAX_KEY_OPS 8u /* RFC 7517 section 4.3 names eight; more would be repeats or strangers */
/* {"e":"AQAB","kty":"RSA","n":"..683.."}; those of curves are shorter. */
#define CANONICAL   (64u + OCC__B64_LEN(OCC__RSA_MAX_LEN))

static const struct {
  const char *name;
  occ_kty kty;
} algs[OCC__ALGS] = {
  [OCC__ALG_ES256] = { "ES256", OCC__KTY_P256 },
  [OCC__ALG_ED25519] = { "Ed25519", OCC__KTY_ED25519 },
  [OCC__ALG_EDDSA] = { "EdDSA", OCC__KTY_ED25519 },
  [OCC__ALG_ES384] = { "ES384", OCC__KTY_P384 },
  [OCC__ALG_ES512] = { "ES512", OCC__KTY_P521 },
  [OCC__ALG_PS256] = { "PS256", OCC__KTY_RSA },
  [OCC__ALG_PS384] = { "PS384", OCC__KTY_RSA },
  [OCC__ALG_PS512] = { "PS512", OCC__KTY_RSA },
  [OCC__ALG_RS256] = { "RS256", OCC__KTY_RSA },
  [OCC__ALG_RS384] = { "RS384", OCC__KTY_RSA },
  [OCC__ALG_RS512] = { "RS512", OCC__KTY_RSA },
};

/* The kinds that are ours, by their names; RSA has no curve. */
static const struct {
  const char *kty, *crv;
  occ_curve curve; /* of the kinds with kty EC */
} kinds[] = {
  [OCC__KTY_P256] = { "EC", "P-256", OCC__P256 },
  [OCC__KTY_ED25519] = { "OKP", "Ed25519", OCC__CURVES },
  [OCC__KTY_P384] = { "EC", "P-384", OCC__P384 },
  [OCC__KTY_P521] = { "EC", "P-521", OCC__P521 },
  [OCC__KTY_RSA] = { "RSA", NULL, OCC__CURVES },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

occ_alg occ__alg_of_name(const char *name)
{
  for (int i = 1; name != NULL && i < OCC__ALGS; i++) {
    if (strcmp(algs[i].name, name) == 0) {
      return (occ_alg)i;
    }
  }
  return OCC__ALG_NONE;
}

const char *occ__alg_name(occ_alg alg)
{
  return alg > OCC__ALG_NONE && alg < OCC__ALGS ? algs[alg].name : "";
}

occ_kty occ__alg_kty(occ_alg alg)
{
  return alg > OCC__ALG_NONE && alg < OCC__ALGS ? algs[alg].kty : OCC__KTY_NONE;
}

int occ__jwk_fits(const occ_jwk *jwk, occ_alg alg)
{
  return alg > OCC__ALG_NONE && alg < OCC__ALGS && algs[alg].kty == jwk->kty &&
         (jwk->alg == OCC__ALG_NONE || jwk->alg == alg);
}

void occ__jwk_wipe(occ_jwk *jwk)
{
  occ__wipe(jwk, sizeof(*jwk));
}

int occ__jwk_has_private(const json_t *jwk)
{
  /* RFC 7518 section 6 for EC, RSA and oct, RFC 8037 for OKP; "priv" is the one of kty AKP. */
  static const char *const name[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv" };

  for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
    if (json_object_get(jwk, name[i]) != NULL) {
      return 1;
    }
  }
  return 0;
}

typedef enum ops { OPS_GOOD, OPS_OTHER, OPS_MALFORMED } ops;

/* Is element i a string that does not stand before it already? */
static int is_new_text(const json_t *list, size_t i)
{
  const json_t *op = json_array_get(list, i);

  for (size_t j = 0; j < i; j++) {
    if (json_equal(op, json_array_get(list, j))) {
      return 0;
    }
  }
  return json_is_string(op);
}

/* spec: RFC 7517 section 4.3. Good: absent, or holds `need`; other: a list of operations, but not of ours, or one that
 * contradicts "use". */
static ops read_ops(const json_t *jwk, const char *need)
{
  const json_t *list = json_object_get(jwk, "key_ops");
  const int has_use = json_object_get(jwk, "use") != NULL;
  int found = 0, stranger = 0;

  if (list == NULL) {
    return OPS_GOOD;
  }
  if (!json_is_array(list) || json_array_size(list) > MAX_KEY_OPS) {
    return OPS_MALFORMED;
  }
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *op = json_string_value(json_array_get(list, i));

    if (!is_new_text(list, i)) {
      return OPS_MALFORMED;
    }
    found |= strcmp(op, need) == 0;
    stranger |= strcmp(op, "sign") != 0 && strcmp(op, "verify") != 0;
  }
  return found && !(has_use && stranger) ? OPS_GOOD : OPS_OTHER;
}

static occ_kty kty_of(const char *kty, const char *crv)
{
  for (size_t i = OCC__KTY_NONE + 1; kty != NULL && i < KINDS; i++) {
    if (strcmp(kty, kinds[i].kty) == 0 &&
        (kinds[i].crv == NULL || (crv != NULL && strcmp(crv, kinds[i].crv) == 0))) {
      return (occ_kty)i;
    }
  }
  return OCC__KTY_NONE;
}

int occ__jwk_is_foreign(const json_t *jwk)
{
  const char *kty = occ__json_text(jwk, "kty"), *crv = occ__json_text(jwk, "crv");
  const char *use = occ__json_text(jwk, "use"), *alg = occ__json_text(jwk, "alg");

  if (kty == NULL) {
    return 0; /* malformed, which is for occ__jwk_read() to say */
  }
  if (strcmp(kty, "EC") != 0 && strcmp(kty, "OKP") != 0 && strcmp(kty, "RSA") != 0) {
    return 1;
  }
  return (crv != NULL && kty_of(kty, crv) == OCC__KTY_NONE) ||
         (use != NULL && strcmp(use, "sig") != 0) ||
         (alg != NULL && occ__alg_of_name(alg) == OCC__ALG_NONE) ||
         read_ops(jwk, "verify") == OPS_OTHER;
}

/* kid, use, key_ops, alg. */
static int read_about(occ_jwk *out, const json_t *jwk, int want_private)
{
  const json_t *kid = json_object_get(jwk, "kid"), *use = json_object_get(jwk, "use");
  const json_t *alg = json_object_get(jwk, "alg");
  const char *text;

  if (kid != NULL) {
    text = occ__json_text(jwk, "kid");
    if (text == NULL || json_string_length(kid) > OCC__MAX_ID) {
      return OCC__REASON_JOSE_KEY;
    }
    memcpy(out->kid, text, json_string_length(kid) + 1);
  }
  if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
    return OCC__REASON_JOSE_KEY;
  }
  if (read_ops(jwk, want_private ? "sign" : "verify") != OPS_GOOD) {
    return OCC__REASON_JOSE_KEY;
  }
  if (alg != NULL) {
    out->alg = occ__alg_of_name(occ__json_text(jwk, "alg"));
    if (!occ__jwk_fits(out, out->alg)) {
      return OCC__REASON_JOSE_KEY;
    }
  }
  return OCC_OK;
}

/* A member of exactly len octets; leading zeros are part of a coordinate (RFC 7518 section 6.2.1.2). */
static int read_exact(uint8_t *out, size_t len, const json_t *jwk, const char *name)
{
  const char *text = occ__json_text(jwk, name);

  if (text == NULL || occ__b64_decode_exact(out, len, occ__span_text(text)) != OCC_OK) {
    return OCC__REASON_JOSE_KEY;
  }
  return OCC_OK;
}

static int read_ec(occ_jwk *out, occ_workspace *ws, const json_t *jwk)
{
  const occ_curve curve = kinds[out->kty].curve;
  const size_t half = occ__curve_half(curve);
  int rc;

  out->pub_len = 1 + 2 * half;
  out->pub[0] = 0x04;
  rc = read_exact(out->pub + 1, half, jwk, "x");
  if (rc == OCC_OK) {
    rc = read_exact(out->pub + 1 + half, half, jwk, "y");
  }
  if (rc == OCC_OK) {
    rc = occ__curve_check(ws, curve, out->pub);
  }
  return rc;
}

static int read_ed25519(occ_jwk *out, const json_t *jwk)
{
  int rc;

  out->pub_len = OCC__ED25519_PUB_LEN;
  rc = read_exact(out->pub, OCC__ED25519_PUB_LEN, jwk, "x");
  return rc == OCC_OK ? occ__curve_check_ed25519(out->pub) : rc;
}

static int read_rsa(occ_jwk *out, const json_t *jwk)
{
  const char *n = occ__json_text(jwk, "n"), *e = occ__json_text(jwk, "e");
  uint8_t octets[OCC__MAX_RSA_E_LEN];
  size_t len = 0;

  if (n == NULL || e == NULL ||
      occ__b64_decode(out->pub, sizeof(out->pub), &out->pub_len, occ__span_text(n)) != OCC_OK ||
      occ__b64_decode(octets, sizeof(octets), &len, occ__span_text(e)) != OCC_OK) {
    return OCC__REASON_JOSE_KEY;
  }
  for (size_t i = 0; i < len; i++) {
    out->e = out->e << 8 | octets[i];
  }
  return occ__rsa_check(occ__span(out->pub, out->pub_len), occ__span(octets, len));
}

/* Big endian; returns how many zero octets stand before it. */
static size_t put_number(uint8_t out[sizeof(uint32_t)], uint32_t number)
{
  size_t skip = 0;

  for (size_t i = 0; i < sizeof(number); i++) {
    out[i] = (uint8_t)(number >> (8 * (sizeof(number) - 1 - i)));
  }
  while (skip < sizeof(number) - 1 && out[skip] == 0) {
    skip++;
  }
  return skip;
}

static int read_public(occ_jwk *out, occ_workspace *ws, const json_t *jwk)
{
  out->kty = kty_of(occ__json_text(jwk, "kty"), occ__json_text(jwk, "crv"));
  switch (out->kty) {
  case OCC__KTY_P256:
  case OCC__KTY_P384:
  case OCC__KTY_P521:
    return read_ec(out, ws, jwk);
  case OCC__KTY_ED25519:
    return read_ed25519(out, jwk);
  case OCC__KTY_RSA:
    return read_rsa(out, jwk);
  case OCC__KTY_NONE:
    break;
  }
  return OCC__REASON_JOSE_KEY;
}

occ_kty occ__jwk_kty_of(const json_t *jwk)
{
  return kty_of(occ__json_text(jwk, "kty"), occ__json_text(jwk, "crv"));
}

/* A member that is just these octets. */
static int member_is(const json_t *jwk, const char *name, const uint8_t *octets, size_t len)
{
  uint8_t read[OCC__RSA_MAX_LEN];

  return len <= sizeof(read) && read_exact(read, len, jwk, name) == OCC_OK &&
         memcmp(read, octets, len) == 0;
}

int occ__jwk_is(const json_t *jwk, const occ_jwk *key)
{
  const size_t half = (key->pub_len - 1) / 2;
  uint8_t e[sizeof(key->e)];

  if (key->kty == OCC__KTY_NONE || occ__jwk_kty_of(jwk) != key->kty) {
    return 0;
  }
  if (key->kty == OCC__KTY_ED25519) {
    return member_is(jwk, "x", key->pub, key->pub_len);
  }
  if (key->kty == OCC__KTY_RSA) {
    const size_t skip = put_number(e, key->e);

    return member_is(jwk, "n", key->pub, key->pub_len) &&
           member_is(jwk, "e", e + skip, sizeof(e) - skip);
  }
  return member_is(jwk, "x", key->pub + 1, half) && member_is(jwk, "y", key->pub + 1 + half, half);
}

static int read_private(occ_jwk *out, const json_t *jwk)
{
  int rc = OCC__REASON_JOSE_KEY;

  if (out->kty == OCC__KTY_P256 || out->kty == OCC__KTY_ED25519) {
    rc = read_exact(out->priv, sizeof(out->priv), jwk, "d");
  }
  if (rc == OCC_OK) {
    rc = out->kty == OCC__KTY_P256 ? occ__curve_pair_p256(out->pub, out->priv)
                                   : occ__curve_pair_ed25519(out->pub, out->priv);
  }
  out->is_private = rc == OCC_OK;
  return rc;
}

static char *put_text(char *at, const char *text)
{
  size_t len = strlen(text);

  memcpy(at, text, len);
  return at + len;
}

static char *put_octets(char *at, const uint8_t *octets, size_t len)
{
  return at + occ__b64_encode(at, octets, len);
}

static char *put_ec(char *at, const occ_jwk *jwk)
{
  const size_t half = (jwk->pub_len - 1) / 2;

  at = put_text(at, "{\"crv\":\"");
  at = put_text(at, kinds[jwk->kty].crv);
  at = put_text(at, "\",\"kty\":\"EC\",\"x\":\"");
  at = put_octets(at, jwk->pub + 1, half);
  at = put_text(at, "\",\"y\":\"");
  return put_octets(at, jwk->pub + 1 + half, half);
}

static char *put_rsa(char *at, const occ_jwk *jwk)
{
  uint8_t e[sizeof(jwk->e)];
  const size_t skip = put_number(e, jwk->e);

  at = put_text(at, "{\"e\":\"");
  at = put_octets(at, e + skip, sizeof(e) - skip);
  at = put_text(at, "\",\"kty\":\"RSA\",\"n\":\"");
  return put_octets(at, jwk->pub, jwk->pub_len);
}

/* The members that RFC 7638 section 3.2 takes, in its order, from the octets that were read; returns the length. */
static size_t canonical(char out[CANONICAL], const occ_jwk *jwk)
{
  char *at = out;

  if (jwk->kty == OCC__KTY_RSA) {
    at = put_rsa(at, jwk);
  } else if (jwk->kty == OCC__KTY_ED25519) {
    at = put_text(at, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    at = put_octets(at, jwk->pub, jwk->pub_len);
  } else {
    at = put_ec(at, jwk);
  }
  at = put_text(at, "\"}");
  return (size_t)(at - out);
}

static int write_thumbprint(occ_jwk *jwk, occ_workspace *ws)
{
  char text[CANONICAL];
  int rc = occ__sha256(ws, jwk->digest, occ__span(text, canonical(text, jwk)));

  if (rc == OCC_OK) {
    (void)occ__b64_encode(jwk->thumbprint, jwk->digest, sizeof(jwk->digest));
  }
  return rc;
}

int occ__jwk_read(occ_jwk *out, occ_workspace *ws, const json_t *jwk, int want_private)
{
  int rc;

  memset(out, 0, sizeof(*out));
  if (!json_is_object(jwk) || (!want_private && occ__jwk_has_private(jwk))) {
    return OCC__REASON_JOSE_KEY;
  }
  rc = read_public(out, ws, jwk);
  if (rc == OCC_OK) {
    rc = read_about(out, jwk, want_private);
  }
  if (rc == OCC_OK && want_private) {
    rc = read_private(out, jwk);
  }
  if (rc == OCC_OK) {
    rc = write_thumbprint(out, ws);
  }
  if (rc != OCC_OK) {
    occ__jwk_wipe(out);
  }
  return rc;
}

/* jansson frees its strings as they are. This one is ours alone, and about to be freed. */
static void wipe_member(json_t *jwk, const char *name)
{
  const json_t *value = json_object_get(jwk, name);

  if (json_is_string(value)) {
    occ__wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
  }
}

int occ__jwk_read_text(occ_jwk *out, occ_workspace *ws, occ_span json, int want_private)
{
  json_t *jwk = NULL;
  int rc = occ__json_read_object(&jwk, json, &occ__json_peer);

  if (rc == OCC_OK) {
    rc = occ__jwk_read(out, ws, jwk, want_private);
    wipe_member(jwk, "d");
    json_decref(jwk);
    return rc;
  }
  memset(out, 0, sizeof(*out));
  return rc == OCC_ERR_MEMORY ? rc : OCC__REASON_JOSE_KEY;
}

void occ__jwk_write_public(occ_buf *out, const occ_jwk *jwk)
{
  char text[CANONICAL];

  (void)occ__buf_put(out, text, canonical(text, jwk));
}
