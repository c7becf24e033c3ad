/* SPDX-License-Identifier: MIT */
/* rhonabwy, on GnuTLS and jansson. */

#include <rhonabwy.h>

#include "meter.h"
#include "peers.h"
#include "test_keys.h"

static jwk_t *issuer;

static void open_peer(void)
{
  must(r_global_init() == RHN_OK, "rhonabwy");
  must(r_jwk_init(&issuer) == RHN_OK &&
           r_jwk_import_from_json_str(issuer, TEST_ISSUER_PUBLIC) == RHN_OK,
       "rhonabwy: key");
}

static void close_peer(void)
{
  r_jwk_free(issuer);
  r_global_close();
}

/* key: NULL for the one in the header. */
static int verify(const char *text, jwk_t *key)
{
  jwt_t *jwt = NULL;
  jwk_t *own = NULL;
  json_t *jwk;
  int good;

  must(r_jwt_init(&jwt) == RHN_OK && r_jwt_advanced_parse(jwt, text, R_PARSE_NONE, 0) == RHN_OK,
       "rhonabwy: token");
  if (key == NULL) {
    jwk = r_jwt_get_header_json_t_value(jwt, "jwk");
    must(r_jwk_init(&own) == RHN_OK && r_jwk_import_from_json_t(own, jwk) == RHN_OK,
         "rhonabwy: key");
    json_decref(jwk);
  }
  good = r_jwt_verify_signature(jwt, own == NULL ? key : own, 0) == RHN_OK;
  must(r_jwt_get_claim_str_value(jwt, "jti") != NULL, "rhonabwy: jti");
  r_jwk_free(own);
  r_jwt_free(jwt);
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

const peer the_peer = { "rhonabwy", open_peer, verify_proof, verify_token, close_peer };
