/* SPDX-License-Identifier: MIT */
/* jose (latchset), on OpenSSL and jansson. It has no compact form: the three parts are put into a JSON object. */

#include <jose/b64.h>
#include <jose/jws.h>
#include <string.h>

#include "meter.h"
#include "peers.h"
#include "test_keys.h"

static json_t *issuer;

static void open_peer(void)
{
  issuer = json_loads(TEST_ISSUER_PUBLIC, 0, NULL);
  must(issuer != NULL, "jose: key");
}

static void close_peer(void)
{
  json_decref(issuer);
}

/* key: NULL for the one in the header. */
static int verify(const char *text, const json_t *key)
{
  const char *payload = strchr(text, '.') + 1, *signature = strchr(payload, '.') + 1;
  json_t *jws =
      json_pack("{s:s%,s:s%,s:s}", "protected", text, (size_t)(payload - text) - 1, "payload",
                payload, (size_t)(signature - payload) - 1, "signature", signature);
  json_t *header = jose_b64_dec_load(json_object_get(jws, "protected"));
  json_t *claims;
  int good;

  must(header != NULL, "jose: token");
  good = jose_jws_ver(NULL, jws, NULL, key == NULL ? json_object_get(header, "jwk") : key, false);
  claims = jose_b64_dec_load(json_object_get(jws, "payload"));
  must(json_is_string(json_object_get(claims, "jti")), "jose: jti");
  json_decref(claims);
  json_decref(header);
  json_decref(jws);
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

const peer the_peer = { "jose", open_peer, verify_proof, verify_token, close_peer };
