/* SPDX-License-Identifier: MIT */
/* cjose, on OpenSSL and jansson. */

#include <cjose/cjose.h>
#include <jansson.h>
#include <string.h>

#include "meter.h"
#include "peers.h"
#include "test_keys.h"

static cjose_jwk_t *issuer;

static void open_peer(void)
{
  cjose_err err;

  issuer = cjose_jwk_import(TEST_ISSUER_PUBLIC, strlen(TEST_ISSUER_PUBLIC), &err);
  must(issuer != NULL, "cjose: key");
}

static void close_peer(void)
{
  (void)cjose_jwk_release(issuer);
}

/* key: NULL for the one in the header. */
static int verify(const char *text, const cjose_jwk_t *key)
{
  cjose_err err;
  cjose_jws_t *jws = cjose_jws_import(text, strlen(text), &err);
  cjose_jwk_t *own = NULL;
  uint8_t *octets = NULL;
  size_t len = 0;
  int good;
  json_t *claims;
  char *jwk;

  must(jws != NULL, "cjose: token");
  if (key == NULL) {
    jwk = cjose_header_get_raw(cjose_jws_get_protected(jws), "jwk", &err);
    must(jwk != NULL, "cjose: header");
    own = cjose_jwk_import(jwk, strlen(jwk), &err);
    cjose_get_dealloc()(jwk);
    must(own != NULL, "cjose: key");
  }
  good = cjose_jws_verify(jws, own == NULL ? key : own, &err);
  must(cjose_jws_get_plaintext(jws, &octets, &len, &err), "cjose: claims");
  claims = json_loadb((const char *)octets, len, JSON_REJECT_DUPLICATES, NULL);
  must(json_is_string(json_object_get(claims, "jti")), "cjose: jti");
  json_decref(claims);
  (void)cjose_jwk_release(own);
  cjose_jws_release(jws);
  return good;
}

static int verify_proof(const char *proof)
{
  return verify(proof, NULL);
}

static int verify_token(const char *token)
{
  return verify(token, issuer);
}

const peer the_peer = { "cjose", open_peer, verify_proof, verify_token, close_peer };
