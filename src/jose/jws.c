/* SPDX-License-Identifier: MIT */

/* Compact JWS that are JWTs: split, decode, read, check, verify, sign. Called by core and evidence for every token of a
 * peer, and by the agent to sign. No key is chosen here and no URL of a token is looked at; what a token holds is not
 * believed before occ__jws_verify() said OCC_OK. spec: RFC 7515, RFC 7519 section 7.2, RFC 8725. */

#include "jose/jws.h"

#include "base/b64.h"
#include "jose/curve.h"
#include "jose/rsa.h"
#include "wire/header.h"

typedef struct parts {
  occ_span header, payload, sig;
} parts;

/* Exactly two dots, nothing empty. The characters are judged by base64url. */
static int split(parts *out, occ_span token)
{
  occ_span *part[3] = { &out->header, &out->payload, &out->sig };
  const uint8_t *at = token.base;
  size_t left = token.len;

  for (int i = 0; i < 3; i++) {
    const uint8_t *dot = left == 0 ? NULL : memchr(at, '.', left);
    const size_t len = dot == NULL ? left : (size_t)(dot - at);

    if ((dot == NULL) != (i == 2) || len == 0) {
      return OCC__REASON_JOSE_MALFORMED;
    }
    *part[i] = occ__span(at, len);
    if (dot != NULL) {
      at += len + 1;
      left -= len + 1;
    }
  }
  return OCC_OK;
}

static int read_object(json_t **out, uint8_t *scratch, size_t cap, occ_span text,
                       const occ_json_limits *limits)
{
  size_t len = 0;
  int rc;

  if (occ__b64_decode(scratch, cap, &len, text) != OCC_OK) {
    return OCC__REASON_JOSE_MALFORMED;
  }
  rc = occ__json_read_object(out, occ__span(scratch, len), limits);
  return rc == OCC_OK || rc == OCC_ERR_MEMORY ? rc : OCC__REASON_JOSE_MALFORMED;
}

static int read_signature(occ_jws *out, uint8_t *scratch, size_t cap, occ_span text)
{
  if (occ__b64_decode(scratch, cap, &out->sig_len, text) != OCC_OK) {
    return OCC__REASON_JOSE_MALFORMED;
  }
  if (out->sig_len <= sizeof(out->sig)) {
    memcpy(out->sig, scratch, out->sig_len);
  }
  return OCC_OK;
}

int occ__jws_parse(occ_jws *out, const occ_mem *mem, occ_span token, const occ_json_limits *limits)
{
  parts part;
  uint8_t *scratch = NULL;
  size_t cap;
  int rc;

  memset(out, 0, sizeof(*out));
  if (token.len == 0 || token.len > OCC__MAX_JWT || split(&part, token) != OCC_OK) {
    return OCC__REASON_JOSE_MALFORMED;
  }
  cap = token.len / 4 * 3 + 3;
  scratch = occ__mem_alloc_raw(mem, cap);
  if (scratch == NULL) {
    return OCC_ERR_MEMORY;
  }
  rc = read_signature(out, scratch, cap, part.sig); /* the cheapest first */
  if (rc == OCC_OK) {
    rc = read_object(&out->header, scratch, cap, part.header, limits);
  }
  if (rc == OCC_OK) {
    rc = read_object(&out->claims, scratch, cap, part.payload, limits);
  }
  out->input = occ__span(token.base, part.header.len + 1 + part.payload.len);
  if (rc != OCC_OK) {
    occ__jws_clear(out);
  }
  occ__mem_wipe_free(mem, scratch, cap);
  return rc;
}

/* spec: RFC 7515 section 4.1.9: "application/" may be left out. */
static int typ_is(const char *typ, const char *want)
{
  static const char prefix[] = "application/";
  const size_t len = sizeof(prefix) - 1;
  char start[sizeof(prefix)] = { 0 };

  if (typ == NULL) {
    return 0;
  }
  if (strlen(typ) > len) {
    memcpy(start, typ, len);
    if (occ__header_name_equal(start, prefix)) {
      typ += len;
    }
  }
  return occ__header_name_equal(typ, want);
}

/* spec: RFC 7518 section 3.4, RFC 8037 section 3.1: full length always, so DER shows, or its R is out of range. */
static int has_good_length(const occ_jws *jws)
{
  switch (occ__alg_kty(jws->alg)) {
  case OCC__KTY_P256:
  case OCC__KTY_ED25519:
    return jws->sig_len == OCC__CURVE_SIG_LEN;
  case OCC__KTY_P384:
    return jws->sig_len == 2 * occ__curve_half(OCC__P384);
  case OCC__KTY_P521:
    return jws->sig_len == 2 * occ__curve_half(OCC__P521);
  case OCC__KTY_RSA: /* which one is right depends on the key */
    return jws->sig_len >= OCC__MIN_RSA_BITS / 8 && jws->sig_len <= OCC__RSA_MAX_LEN;
  case OCC__KTY_NONE:
    break;
  }
  return 0;
}

/* Members of a header; NULL: not there. */
typedef struct head {
  const json_t *alg, *typ, *kid, *crit, *b64;
} head;

/* In one pass: look-ups by name cost as much as all of a header. */
static void read_header(head *out, json_t *json)
{
  const char *name;
  json_t *value;

  *out = (head){ .alg = NULL };
  json_object_foreach(json, name, value)
  {
    if (strcmp(name, "alg") == 0) {
      out->alg = value;
    } else if (strcmp(name, "typ") == 0) {
      out->typ = value;
    } else if (strcmp(name, "kid") == 0) {
      out->kid = value;
    } else if (strcmp(name, "crit") == 0) {
      out->crit = value;
    } else if (strcmp(name, "b64") == 0) {
      out->b64 = value;
    }
  }
}

int occ__jws_check(occ_jws *jws, unsigned algs, const char *typ)
{
  head is;

  read_header(&is, jws->header);
  jws->kid = NULL;
  jws->alg = occ__alg_of_name(json_string_value(is.alg));
  if (jws->alg == OCC__ALG_NONE || (OCC__ALG_BIT(jws->alg) & algs) == 0) {
    jws->alg = OCC__ALG_NONE; /* so that nothing verifies after a failed check */
    return OCC__REASON_JOSE_ALG;
  }
  if (typ != NULL && !typ_is(json_string_value(is.typ), typ)) {
    return OCC__REASON_JOSE_TYP;
  }
  /* No extension is understood here, so any "crit" is one too many; "b64" is not for JWTs (RFC 7797 section 7). */
  if (is.crit != NULL || is.b64 != NULL) {
    return OCC__REASON_JOSE_CRIT;
  }
  if (is.kid != NULL) {
    jws->kid = json_string_value(is.kid);
    if (jws->kid == NULL || json_string_length(is.kid) > OCC__MAX_ID) {
      jws->kid = NULL;
      return OCC__REASON_JOSE_KEY;
    }
  }
  return has_good_length(jws) ? OCC_OK : OCC__REASON_JOSE_SIGNATURE;
}

int occ__jws_verify(const occ_jws *jws, occ_workspace *ws, const occ_jwk *key)
{
  if (!occ__jwk_fits(key, jws->alg)) {
    return OCC__REASON_JOSE_KEY;
  }
  if (!has_good_length(jws)) {
    return OCC__REASON_JOSE_SIGNATURE;
  }
  switch (key->kty) {
  case OCC__KTY_P256:
    return occ__curve_verify(ws, OCC__P256, key->pub, jws->input, jws->sig);
  case OCC__KTY_ED25519:
    return occ__curve_verify_ed25519(key->pub, jws->input, jws->sig);
  case OCC__KTY_P384:
    return occ__curve_verify(ws, OCC__P384, key->pub, jws->input, jws->sig);
  case OCC__KTY_P521:
    return occ__curve_verify(ws, OCC__P521, key->pub, jws->input, jws->sig);
  case OCC__KTY_RSA:
    return occ__rsa_verify(ws, key, jws->alg, jws->input, occ__span(jws->sig, jws->sig_len));
  case OCC__KTY_NONE:
    break;
  }
  return OCC__REASON_JOSE_KEY;
}

void occ__jws_clear(occ_jws *jws)
{
  json_decref(jws->header);
  json_decref(jws->claims);
  memset(jws, 0, sizeof(*jws));
}

static void put_b64(occ_buf *out, occ_span octets)
{
  uint8_t *room = occ__buf_grow(out, OCC__B64_LEN(octets.len));

  if (room != NULL) {
    (void)occ__b64_encode((char *)room, octets.base, octets.len);
  }
}

int occ__jws_input(occ_buf *out, occ_span header, occ_span claims)
{
  put_b64(out, header);
  (void)occ__buf_byte(out, '.');
  put_b64(out, claims);
  return out->rc;
}

int occ__jws_may_sign(const occ_jwk *key)
{
  return key->kty == OCC__KTY_P256 || key->kty == OCC__KTY_ED25519;
}

int occ__jws_sign(occ_buf *out, occ_workspace *ws, const occ_jwk *key, occ_span header,
                  occ_span claims)
{
  const size_t start = out->len;
  uint8_t sig[OCC__JWS_MADE_LEN];
  occ_span input;
  int rc;

  if (!key->is_private) {
    return OCC__REASON_JOSE_KEY;
  }
  rc = occ__jws_input(out, header, claims);
  if (rc != OCC_OK) {
    return rc;
  }
  input = occ__span(out->base + start, out->len - start);
  rc = key->kty == OCC__KTY_P256 ? occ__curve_sign_p256(ws, sig, key->pub, key->priv, input)
                                 : occ__curve_sign_ed25519(sig, key->priv, input);
  if (rc != OCC_OK) {
    return rc;
  }
  (void)occ__buf_byte(out, '.');
  put_b64(out, occ__span(sig, sizeof(sig)));
  return out->rc;
}
