/* SPDX-License-Identifier: MIT */

/* A token of a peer: parse, check, verify. Byte 0 picks the allocation of ours that fails (255: none), byte 1 what the
 * caller expects, the rest is the token. */

#include <stdlib.h>

#include "fail_mem.h"
#include "jose/jws.h"
#include "test_keys.h"

static occ_workspace *ws;
static occ_jwk keys[2];

static void need(int good)
{
  if (!good) {
    abort();
  }
}

/* Made once, on purpose never freed: reachable to the end. */
static void setup(void)
{
  need(occ__workspace_new(&ws, &occ__mem_libc) == OCC_OK);
  need(occ__jwk_read_text(&keys[0], ws, occ__span_text(TEST_CLIENT_A_PUBLIC), 0) == OCC_OK);
  need(occ__jwk_read_text(&keys[1], ws, occ__span_text(TEST_ISSUER_ED_PUBLIC), 0) == OCC_OK);
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
  const unsigned algs = mode & 8 ? OCC__ALGS_DEFAULT : OCC__ALG_BIT(OCC__ALG_ES256);
  int rc = occ__jws_check(jws, algs, typ[mode % 3]);

  if (rc != OCC_OK) {
    need(rc > 0);
    return;
  }
  need(jws->alg != OCC__ALG_NONE && (OCC__ALG_BIT(jws->alg) & algs) != 0 && jws->sig_len == 64);
  need(jws->kid == NULL || strlen(jws->kid) <= OCC__MAX_ID);
  for (size_t i = 0; i < 2; i++) {
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
  rc = occ__jws_parse(&jws, &fm.mem, occ__span(data + 2, size - 2));
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
