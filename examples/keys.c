/* SPDX-License-Identifier: MIT */

/* See keys.h. Called by agent.c. A real agent keeps its keys where they cannot be copied (TPM,
 * keystore), gives libocc the public part and signs when libocc asks SIGN. */

#include "keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

#define P256_OCTETS 32

/* One number of the key as JWK has it: full length, base64url. NULL: failed. */
static char *member_of(const EVP_PKEY *key, const char *param)
{
  unsigned char octets[P256_OCTETS];
  BIGNUM *number = NULL;
  char *text = NULL;

  if (EVP_PKEY_get_bn_param(key, param, &number) == 1 &&
      BN_bn2binpad(number, octets, P256_OCTETS) == P256_OCTETS) {
    text = base64url(octets, sizeof(octets));
  }
  BN_clear_free(number);
  OPENSSL_cleanse(octets, sizeof(octets));
  return text;
}

static int print_line(const json_t *jwk)
{
  char *line = json_dumps(jwk, JSON_COMPACT);

  if (line == NULL) {
    fprintf(stderr, "cannot make the key\n");
    return 3;
  }
  printf("%s\n", line);
  free(line);
  return 0;
}

int keys_print_new(const char *kid)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  char *x = key != NULL ? member_of(key, OSSL_PKEY_PARAM_EC_PUB_X) : NULL;
  char *y = key != NULL ? member_of(key, OSSL_PKEY_PARAM_EC_PUB_Y) : NULL;
  char *d = key != NULL ? member_of(key, OSSL_PKEY_PARAM_PRIV_KEY) : NULL;
  json_t *jwk = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "kid",
                          kid, "alg", "ES256", "x", x, "y", y, "d", d);
  int status = print_line(jwk);

  json_decref(jwk);
  free(x);
  free(y);
  free(d);
  EVP_PKEY_free(key);
  return status;
}

int keys_print_public(const char *jwk_path)
{
  json_t *jwk = json_load_file(jwk_path, 0, NULL);
  int status = 3;

  if (!json_is_object(jwk)) {
    fprintf(stderr, "%s: cannot be read, or holds no key\n", jwk_path);
    json_decref(jwk);
    return status;
  }
  (void)json_object_del(jwk, "d");
  status = print_line(jwk);
  json_decref(jwk);
  return status;
}
