/* SPDX-License-Identifier: MIT */

/* A token of a peer: parse, check, verify. Byte 0 picks the allocation of ours that fails (255: none), byte 1 what the
 * caller expects, the rest is the token. */

#include <stdlib.h>

#include "fail_mem.h"
#include "jose/jws.h"
#include "test_keys.h"

static occ_workspace *ws;
#define KEYS 5
static occ_jwk keys[KEYS];

static void need(int good)
{
  if (!good) {
    abort();
  }
}

/* Made once, on purpose never freed: reachable to the end. */
static void setup(void)
{
  static const char *const text[KEYS] = { TEST_CLIENT_A_PUBLIC, TEST_ISSUER_ED_PUBLIC,
                                          TEST_RSA_PUBLIC, TEST_P384_PUBLIC, TEST_P521_PUBLIC };

  need(occ__workspace_new(&ws, &occ__mem_libc) == OCC_OK);
  for (size_t i = 0; i < KEYS; i++) {
    need(occ__jwk_read_text(&keys[i], ws, occ__span_text(text[i]), 0) == OCC_OK);
  }
}

static void use_claims(const json_t *claims)
{
  int64_t ms = 0;
  int has = 0, rc;

  rc = occ__jwt_time(claims, "exp", 0, &ms, &has);
  need((rc == OCC_OK || rc == OCC__REASON_JWT_CLAIM) && ms >= 0 && (has || ms == 0));
  (void)occ__jwt_check_times(claims, INT64_C(1700000000000), 1);
  (void)occ__jwt_check_audience(claims, "https://as.example");
}

static void use_token(occ_jws *jws, uint8_t mode)
{
  static const char *const typ[] = { NULL, "dpop+jwt", "a+jwt" };
  static const unsigned list[] = { OCC__ALG_BIT(OCC__ALG_ES256), OCC__ALGS_DEFAULT, ~0u,
                                   OCC__ALGS_ASSERTION };
  const unsigned algs = list[mode >> 3 & 3];
  int rc = occ__jws_check(jws, algs, typ[mode % 3]);

  if (rc != OCC_OK) {
    need(rc > 0);
    return;
  }
  need(jws->alg != OCC__ALG_NONE && (OCC__ALG_BIT(jws->alg) & algs) != 0);
  need(jws->sig_len >= 64 && jws->sig_len <= sizeof(jws->sig));
  need(jws->kid == NULL || strlen(jws->kid) <= OCC__MAX_ID);
  for (size_t i = 0; i < KEYS; i++) {
    rc = occ__jws_verify(jws, ws, &keys[i]);
    need(rc >= 0 && (rc != OCC_OK || occ__jwk_fits(&keys[i], jws->alg)));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fail_mem fm;
  occ_jws jws;
  int rc;

  if (size < 2) {
    return 0;
  }
  if (ws == NULL) {
    setup();
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  rc = occ__jws_parse(&jws, &fm.mem, occ__span(data + 2, size - 2), &occ__json_peer);
  need((rc == OCC_OK) == (jws.header != NULL) && (rc == OCC_OK) == (jws.claims != NULL));
  need(rc == OCC_OK || rc == OCC__REASON_JOSE_MALFORMED || (rc == OCC_ERR_MEMORY && fm.failed));
  if (rc == OCC_OK) {
    need(jws.input.base == data + 2 && jws.input.len < size - 2 && size - 2 <= OCC__MAX_JWT);
    use_claims(jws.claims);
    use_token(&jws, data[1]);
  }
  occ__jws_clear(&jws);
  need(fm.live == 0);
  return 0;
}
