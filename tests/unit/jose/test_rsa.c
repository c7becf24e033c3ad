/* SPDX-License-Identifier: MIT */

/* RSA keys and signatures: N-JOSE-08 row by row. Good signatures are OpenSSL's, by tests/support/test_keys.c, published
 * ones, or another implementation's; bad ones are encoded by hand and put through the bare private operation. */

#include "jose/rsa.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/b64.h"
#include "jose/jws.h"
#include "jose_test.h"

#define KEY       OCC__REASON_JOSE_KEY
#define SIGNATURE OCC__REASON_JOSE_SIGNATURE
#define K         256u /* octets of the modulus of the key for tests */
#define HASH      SHA256_DIGEST_LENGTH

#define RSA_KEY(n, e) "{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"" e "\"}"
#define RS256         "{\"alg\":\"RS256\"}"
#define PS256         "{\"alg\":\"PS256\"}"

#define ALL_RSA                                                                                    \
  (OCC__ALG_BIT(OCC__ALG_RS256) | OCC__ALG_BIT(OCC__ALG_RS384) | OCC__ALG_BIT(OCC__ALG_RS512) |    \
   OCC__ALG_BIT(OCC__ALG_PS256) | OCC__ALG_BIT(OCC__ALG_PS384) | OCC__ALG_BIT(OCC__ALG_PS512))

static occ_workspace *ws;
static occ_jwk rsa;
static const char text[] = "the text that is signed";

/* OpenSSL's allocation number ssl_until fails, with ssl_keep all later ones too. */
static size_t ssl_until = SIZE_MAX, ssl_count;
static bool ssl_keep, ssl_failed;

static bool ssl_fails(void)
{
  size_t number;

  if (ssl_until == SIZE_MAX) {
    return false; /* nothing is written: there are threads */
  }
  number = ssl_count++;
  if (number != ssl_until && (!ssl_keep || number < ssl_until)) {
    return false;
  }
  ssl_failed = true;
  return true;
}

static void *ssl_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return ssl_fails() ? NULL : malloc(size);
}

static void *ssl_realloc(void *memory, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return ssl_fails() ? NULL : realloc(memory, size);
}

static void ssl_free(void *memory, const char *file, int line)
{
  (void)file;
  (void)line;
  free(memory);
}

static void ssl_fail_at(size_t until, bool keep)
{
  ssl_until = until;
  ssl_keep = keep;
  ssl_count = 0;
  ssl_failed = false;
}

static occ_span input(void)
{
  return occ__span(text, sizeof(text) - 1);
}

static int setup(void **state)
{
  (void)state;
  return occ__workspace_new(&ws, &occ__mem_libc) != OCC_OK ||
         occ__jwk_read_text(&rsa, ws, occ__span_text(TEST_RSA_PUBLIC), 0) != OCC_OK;
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

/* An exact copy on the heap, so that a read past its end is seen. */
static int verify(occ_alg alg, const uint8_t *sig, size_t len)
{
  uint8_t *copy = malloc(len == 0 ? 1 : len);
  int rc;

  memcpy(copy, sig, len);
  rc = occ__rsa_verify(ws, &rsa, alg, input(), occ__span(copy, len));
  free(copy);
  return rc;
}

/* ---- Keys ---- */

static void test_rsa_check__limits_the_modulus(void **state)
{
  static const struct {
    const char *why;
    size_t bits;
    int want;
  } row[] = {
    { "N-JOSE-08 1024 bits", 1024, KEY }, { "N-JOSE-08 2047 bits", 2047, KEY },
    { "2048 bits", 2048, OCC_OK },        { "2049 bits", 2049, OCC_OK },
    { "3000 bits", 3000, OCC_OK },        { "4095 bits", 4095, OCC_OK },
    { "4096 bits", 4096, OCC_OK },        { "N-JOSE-08 4097 bits", 4097, KEY },
    { "8192 bits", 8192, KEY },           { "1 bit", 1, KEY },
  };
  static const uint8_t e[] = { 1, 0, 1 };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    const size_t len = (row[i].bits + 7) / 8;
    uint8_t *n = calloc(1, len + 1);

    n[len - 1] = 1;
    n[0] = (uint8_t)(n[0] | 1u << (row[i].bits - 1) % 8);
    check_rc(row[i].why, occ__rsa_check(occ__span(n, len), occ__span(e, sizeof(e))), row[i].want);
    n[len - 1] &= 0xfe;
    check_rc("N-JOSE-08 n even", occ__rsa_check(occ__span(n, len), occ__span(e, sizeof(e))), KEY);
    n[len - 1] |= 1;
    memmove(n + 1, n, len);
    n[0] = 0;
    check_rc("N-JOSE-08 n with a leading zero",
             occ__rsa_check(occ__span(n, len + 1), occ__span(e, sizeof(e))), KEY);
    free(n);
  }
  check_rc("n empty", occ__rsa_check(occ__span(e, 0), occ__span(e, sizeof(e))), KEY);
}

static void test_rsa_check__limits_the_exponent(void **state)
{
  static const struct {
    const char *why;
    uint8_t e[9];
    size_t len;
    int want;
  } row[] = {
    { "N-JOSE-08 e = 1", { 1 }, 1, KEY },
    { "N-JOSE-08 e = 2: even", { 2 }, 1, KEY },
    { "e = 3", { 3 }, 1, OCC_OK },
    { "N-JOSE-08 e = 4: even", { 4 }, 1, KEY },
    { "e = 5", { 5 }, 1, OCC_OK },
    { "e = 255", { 255 }, 1, OCC_OK },
    { "e = 65537", { 1, 0, 1 }, 3, OCC_OK },
    { "N-JOSE-08 e = 65538: even", { 1, 0, 2 }, 3, KEY },
    { "e = 2^32 - 3", { 255, 255, 255, 253 }, 4, OCC_OK },
    { "e = 2^32 - 1", { 255, 255, 255, 255 }, 4, OCC_OK },
    { "N-JOSE-08 e = 2^32 - 2: even", { 255, 255, 255, 254 }, 4, KEY },
    { "N-JOSE-08 e = 2^32 + 1", { 1, 0, 0, 0, 1 }, 5, KEY },
    { "N-JOSE-08 e = 2^64 + 1", { 1, 0, 0, 0, 0, 0, 0, 0, 1 }, 9, KEY },
    { "e = 0", { 0 }, 1, KEY },
    { "e empty", { 0 }, 0, KEY },
    { "N-JOSE-08 e with a leading zero", { 0, 1, 0, 1 }, 4, KEY },
    { "N-JOSE-08 e = 1 with a leading zero", { 0, 1 }, 2, KEY },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why,
             occ__rsa_check(occ__span(rsa.pub, rsa.pub_len), occ__span(row[i].e, row[i].len)),
             row[i].want);
  }
}

/* ---- Good signatures ---- */

static int judge(const char *token, const occ_jwk *key)
{
  occ_jws jws;
  int rc = occ__jws_parse(&jws, &occ__mem_libc, occ__span_text(token), &occ__json_peer);

  if (rc == OCC_OK) {
    rc = occ__jws_check(&jws, ALL_RSA, NULL);
  }
  if (rc == OCC_OK) {
    rc = occ__jws_verify(&jws, ws, key);
  }
  occ__jws_clear(&jws);
  return rc;
}

static void test_rsa_verify__takes_keys_of_every_size(void **state)
{
  static const struct {
    const char *why, *key, *token;
  } row[] = {
    { "RFC 7515 A.2, RS256",
      RSA_KEY("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ"
              "PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0"
              "LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD"
              "Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2"
              "PAcDTW9gb54h4FRWyuXpoQ",
              "AQAB"),
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3X"
      "OiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--"
      "f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzD"
      "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
      "wlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
    { "2048 bits, e = 3, RS256",
      RSA_KEY("1lN5fxHU9BaN9h1BDGWPnXOoAQGwjOKjKRcAdhAb9Y7OhvUBY-jRt5R-PCxWGyUFYOtxwDYCfAmEEN2a"
              "1lVIi9jASuezemopBLt9aDX82RA-nSoEtd4IpuJlFNVjN4nwUXmo7aGVe2YShmNJaRMpa4n8h8J6BW9U"
              "GgbJoV1-TvgpUjy9HIp6EAuu3-mTrMUYlLuQwWml4JZfXY8GFZQ-s_p1mupy9C2KchWrUIkRyvfiiMXU"
              "tU9SfcgoRYiDzNEpV7bwKbzm5Az-fdt6B47H3lSfwnCzewIJoqLqsMuQV1hPEB6Ji6VLVf7jfP4PNbsP"
              "zW3YpBw7joZISf6DEtd1xQ",
              "Aw"),
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.UqejHFwKm4hcC7Gf2LDwpg2ugVcEyHumsgzNTYPWI2L"
      "U-4ZKMp5JGQdbfqJ25bCoEHX-e7lDPZAvNfSoXIEV-Gml5_xFk7Va5rWWGinFVjQELLxrl1UX6evj649"
      "-ngSb_khFysY_3uAS6z2QRwKrVuRSj4jFAASQG4Jdhidxml4Kkz5NbjJfkjsvbHympAPWqlx-CbYuuaE"
      "qx7AQ69YMAEbOnCnkt9QDaDuwdDCfn5QuE3vYy-ghSM2_g90eEFn1D2ezAOC7jV5w17WVCErOni3z1bS"
      "Cejk95hBDOQ15cyuAOJ-MI1i3N-FnAqkcpujYl4vvAcMY94yMCg_80eeTYw" },
    { "2048 bits, e = 2^32 - 1, PS256",
      RSA_KEY("7rfORtv-WDsu6ie4Fa4sIoM5xglomfnWxm8sPZu8S9WUippzm-qrDivqcOuSEiMgusgz1X4CoLufphUK"
              "_lqCGWNct-iUu5kKcvjAhiG08YslXa-RfEIrXbYFRC05UHIMQ7XcbEbeH8Q5b7XpgQUj12k71uVXVx_8"
              "awHTX9c4z7BJvQHK30s04dZaueCW2oHqPJCyF8QxBpb1TVGJBEPtluszUdpAfLQM3PJuZEOtXeB4N8D3"
              "oDbzUadLzARmDSh-HfsoXg0cdQYsmOhhfXtcTjIecTwHml3Vn2UY60UPK-3k79zC9E9A4BVNSiAA1ucY"
              "EtEpdQZ-nTjTBzpy5gPnJw",
              "_____w"),
      "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJpIn0.vkFVjiZ-fQYUfdW2SHE1l1_perjbhriEFU3ywanatEg"
      "vGH0AeFUJVa4heqDLngqhoU9teXjTBqtGePQIWKFbSIhKIIljUGjZyzcrjMnflWHauml8ce7oBUThWtd"
      "daXmIno142zMMPlO7jEPis0_lRBEY_tbpdG5_Mx4Nzkp8FcDZT8VKxrX6cJyS3F9CHS_cT9kpHelFzUb"
      "uGitKUcvK5uR8IVSFQZlxc1UQONlLMEQ9JzGou7oIpfxtvNtm32wSEam8NIYDpSS7o24ZxcReL2eQSQ3"
      "3r8dDIGUp0yZ8MFWNTKxo2Uf3doP4BBMPJyh5ilDBPg3cX0K1L0Yi9d2qXw" },
    { "2049 bits: PSS has an octet less than the modulus, PS256",
      RSA_KEY("AWcUIyGGqXZcF0-XTo_2Xkg0_L_9S8AU8lDYNv7lJQHul9pIdtW08IWI8OQfKYsSXfxpQvBbNaHLHyTy"
              "S75yVXJ0Q2jMhl5ZQubsfck8PLQZxZhS7jWMuOoLUiHKm3WiJIv0pmO9dHpAW0pp_MZd7rU_CIci3rKd"
              "YPwkebccRCZs9BWKFiKNKAUMcYtnLToJVjRRYUde9lWjN_BM3KfSGvoxPcozjQwnBhBvi_wrDqVQAZ3S"
              "ckXxOEzznnC5wafVt8TDyY1BgnbHjtdnSpeuF0JEW06jEDRHraBqzozhsjKqRQvDideOLN2cG9QjOlKv"
              "tWx-Gbg1VL94pQA3YZSfZGM",
              "AQAB"),
      "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJpIn0.APCAyD0Zx7V_H_0kdd5m8X4h9Q_AFhmOncJpmZtQFtp"
      "9JvPCyBrBfATT2Mjf3G33p3FJIn1yFUDly-yUheXuOYnSKrl1VibeFP7sxrmRRs_Hp_s81EoewPUaVhW"
      "wgN2_k6Yn4F3uIfhZhY6t0Txyw94nngItgVCS4IiHaCN1ZIpWqeyJsPjKCI7NQR7ozhn726Bdvg1cKeD"
      "nw1hS7_SxyJMZyBETnBl7x2sbHGAgsU6dbxoWDBoHuo8IOk_FfgI4VsKSYmxaXkcHfAjAks5ckKm6wDk"
      "XNpWezn7jPq9haCezzESguftKE0WQ78jIwJEfePZfYEuZfnuLXz9POwSRdlg" },
    { "2049 bits: PSS has an octet less than the modulus, RS256",
      RSA_KEY("AWcUIyGGqXZcF0-XTo_2Xkg0_L_9S8AU8lDYNv7lJQHul9pIdtW08IWI8OQfKYsSXfxpQvBbNaHLHyTy"
              "S75yVXJ0Q2jMhl5ZQubsfck8PLQZxZhS7jWMuOoLUiHKm3WiJIv0pmO9dHpAW0pp_MZd7rU_CIci3rKd"
              "YPwkebccRCZs9BWKFiKNKAUMcYtnLToJVjRRYUde9lWjN_BM3KfSGvoxPcozjQwnBhBvi_wrDqVQAZ3S"
              "ckXxOEzznnC5wafVt8TDyY1BgnbHjtdnSpeuF0JEW06jEDRHraBqzozhsjKqRQvDideOLN2cG9QjOlKv"
              "tWx-Gbg1VL94pQA3YZSfZGM",
              "AQAB"),
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.AAVPwMySmhKsHMOtZ_-X_5Kw1B2vS0_HZShpfWMOm8q"
      "U8TB8OZ7dShxp13q5ZoDAJ8iOSUIDumrrB4fYvFUqispL9LzKSf5a1UAHwxltrAIezFUf6wegOAELqo_"
      "goVOUqaWEoisseYjCf5gedwymH_IXhROYKvGCYuG8jMem42AknmqZfOaF9by8tT2LzAbgqkK-tUC_f0r"
      "r7_L22I46vbTi3qaqeyfmdQRDwHXdf56DdH0_vbLuRJdJdbXVmRwJxsG-vVcDOMbHQ3-mKfSnqowsykF"
      "99vrRscXRL5A06k_5Rmc4qDPwXvuDxYdymjh3YFwoVnbM6yOLcd_atgp1ryc" },
    { "3072 bits, PS256",
      RSA_KEY("46DSaj2REe2QbdhbPAjyCGQ7dNubiNLdbTlgGctd73Z3U3tPKO0vpjk_laOohwKDgvwu_9-uDfvT3vD_"
              "er7ZnVXiPALGVKwjwb4LBgmUX5wTmSjewyXIAnPHl4k2ueGKY_3ihG5ZbTMJuZjWd8xUaupL_VphgeVy"
              "O-TmuExXvqKwriUTEVc-LNAq1NpEyW8rQ9RZo3ddJQL3qtgc_Mq9Xlyz3ApWcVb4jdJEqT5vXMVvUM3t"
              "XZy8HgMNPHDHb5iZH80xFRZRc2Z9fyvbmsZOC3KFrgFC4Gj9xv-5TTYbEHSjA0H2VRQQx9RDS63gl7Mt"
              "fFQkuhdw-YVBl-naMUrRvdiwf25TlUIqhEDaRGciBl4bveX2FAcKeskhTf8DPHrHampcyDPhJfXyqyQx"
              "kBAZo7s1fuBVhUC5nBZ0t2wpspc2ZxBPCG-jr5af_fEUYFnuSxIuhDKIe1vXDucKCCGSJQcdAdBGMMyT"
              "_eVKdd_bNXEhmlsKQO0OX1UKCfk_1ryZ",
              "AQAB"),
      "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJpIn0.3QWkFEzQcBRx8xgxgMaNZCxuXf36Ehk3UsBMOCVnpA_"
      "sf7CQY2oOtQKppsXxrAeNwDsGfpnqCTrObhmokZV2kTv6bXKAsVg0Q8e1UZd-PYWQxW6iCCRfRfTNcxe"
      "nPeAba6kenHaeTW0TH942msCuYE7Pj_MHTze_YHr0f074pLhciwkiO9BUAJJAFP3YKfkS7R9q9d4JPQU"
      "nSDk9KdHMPHnmXheCwPxNhvxm0vURML5CjpyT_WpFZ_8SKtQcNNB5vrl1cDkP3LXBA9WIs8v_zl3o_5Q"
      "jnSa6UVja7HhvwvJ3RlYYTO20g_eB81zFFDs6V3gQDtNPqx91sW4bpFDp8LduTHthRz4N3JNJ3IcQaYw"
      "Gd8NIiV65PGycvCbbWMqs-H1eP8RjvalNK7-umMjS04kmVaNttoRKAGT7TNf1DVDIBWqMCdI4P_U0Y2U"
      "aaXTI23-6tnwyANrwnKlQYh_ZSPLTE1eVc4oeNxz3h3is_ufm0xjToJ542eyDKOJrEZLG" },
    { "4095 bits, RS256",
      RSA_KEY("V-6GY3INaf6-iJvMZh2fefKk_oVzHlz-xvmAIqIVZGhr3fsZanw4103HrJIKyPq7lm8jJGzggZUCAGes"
              "AojKU9NciUknzpCIWqI5mbLCzPXKMxy2adFiCYKoLcOKDCFMUIgN9etXBNwVydM6TkP2-67BqjeFGnX5"
              "GnF6Z6iXCtQevT9z8Vt-Ou-SJjj0bHe90SVxDtlSeMhXJo_i3Yv43uXx2NqaFZU7GRMtOuoiTkL8s1qP"
              "qTJMNLJveGgfyzmyyarPCvVq13mD0aWi3uEvwdDpo0pv4OIa1boF9ioM3HZp9noktMAdtG-o6pKeIs1k"
              "wFvIdl1pFsvYuIBu9THpsfg9XxNuH5DLTYheOkfZRMsxcwyxUXhvvkS2JSyhvEk3UUfGVIV3nRa8yHIw"
              "2E_hW3jUSd5CS_xq0w5geMXiYFoijSOaU1Y6I0rcYY3dDrJEyULt3WnYanwP1O3BaU9fO_qr4xHKoXWr"
              "bIWaLAyxhl1XkPtIY8NhNGqG0W1tJdTTTyXpPOa4SY7dv6Vc53pDh2ptUxgNWPn5k5b2fvqUFUu7JMIP"
              "rhpdOcI-RYwrltpnFEG8kQ0osSfDuFaxSIOrW7NZCRqxhgtsy1sMlKtFuSBSkveCy-RcwrySUGds6IZO"
              "ALyAjCZtA7Vfp1SuuYb-7evYymwu9OzaGJS4rjcMIi0",
              "AQAB"),
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.MeumUA4hH8wZPo6hwvXj54k_DnhD83AfrEpVstVmOJb"
      "V5cFxaCy4jYkgJJZypVN-ZeAWTj7a8-u8_HByQge-CV6wR3tAdGzr4UAbbvh7Qs3KjEGnFzHGXqGCPTv"
      "YGqs-BFErrhZhYdAyULXunS9DRIoT35Py9ovSQmAFIAdPas80kcErKnTAboJ1TnkTpBYkV75JnsoxuJs"
      "SV1vI5CzIkPdFYm-Xg5WT2R8M6VQNUSpT_g8ScL9Ogs4LRbCOKwxJTR6atx6kpyyjAin4ttJd1pfoZSc"
      "OR-8uPdRaLxKqWUvOUAkDX15ATrnF8EVH7HZuC8p3_wcDoF5B-IKVSdOvkLcwvr9fZE8H5qQbFmugVqE"
      "QAt_C6tmnvr186VHb7Y5m_qqjUcFubjbGYQzkEsVj5f8h9_4UIALLIemT7x1lvqDoOu1QwBk8TqC11zg"
      "UkO-DoaViFiKdy_-mpniJkY3Wnu4hTMrh3_LGDLWfoVQSWYsuLk_petWoFtML1LDNc2Zgm8aswPRBH96"
      "Ai0yJMIVyxaNy6EG2dTF33km7b-MPpNxfmBCeOKFkmW_j2_d3lyeWwYMuuVIsW68JKQ_Ebq0YIlJmgcU"
      "pRr8NiH7uKzS5GQwZ0pYrvsSjFKsyrqJT-h7viDmANCBczO8uQCyIAdtSQzCmX7NnDjNf-HWazv1gd50" },
    { "4096 bits, RS256",
      RSA_KEY("wJjk2OrVImWexdUt7v5vDWeLuV5aKfPBmavlblEA6ae1dnO_t06FrOKvzh4QgqK7FTeBm_9JCytzYMXD"
              "ESXafwPT0bq09ziWvkv27DeWsrF8MDjfeWChZG1yrpGrQccSIW6l4dMfyzbCARQmBhFpNyMJvQp8ZOQt"
              "DDHoj_I-b10zfdYok5LOgLPM6QF3Tw4HPAWPrN3uavY9wVGSwefyotpi60AZSyaxtfz-13FamMBtUK87"
              "0aWl5Ge3NFWjmLeYybdA6LK1aQEbSNStcsGTMxXgyR8kJSFa-FDa-VC9Vqe-7vz7eX69mDkW9c4vKJTp"
              "pjUrm_k0QNYAlOatVw7fkS0o-DfOF8-jT_tPczW4Fr1OXnnLXyaINrx3i_Qzd-i05Dz1fRfTITNS-oKU"
              "wtPKwyDIRVds2DVTLlsYZy6evNqJAdzc65mwHCiRgBQ1T_qUDm0BxUgY6Oj-6BsZEG7n3xj6KldZfaED"
              "5SsKe0ewq37WC81F_UNtk2eXuSdzhAUGF9VSvm9sv48fJYmKqfNQDy1JJgf09KTtpeEq2u2RZrqTXSso"
              "r1sf5Vfkxx7a3sBdAwo4QZED_wVfdQdIHjmzhMvKirwYaEj1Uldl_tjPNkG-POkSgDyIFtnseMCKQXtS"
              "4P0N-5sXvS_PdAd5Sk07wiXcPyAT1MFE_P31zIbbKxE",
              "AQAB"),
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.qaV-s8RWIZZRuJQ_mvPSwIH4pVU6ONRDF92GSIqqDgz"
      "H4KQVQvtpsJxovOB1LWQYuyvm-l-uOningY1oiToHZC6Cv4IR12Vjfa6DOyJ45d9gzu51vVLoHF5_RjP"
      "ttRH-Ns32PqZYrGWT7F7Otk54adEEiSq_es0v1XfiskiNvFEZRvr50eE2ZBIJtAogpPUFyb1xr3fJ1b8"
      "RAM0JXwp5eeQeodZBBUgaczc7h3GgNHNa84ACPwytAYPI0b0o4Zx-YJMx_hpLkyZXATqPUX5FJVkUgM5"
      "TuGWVK7uml2qbAbangvtPB_YifZRxPO7hyQ_I35cPJVHvvBHKW9ETDI_r6074knm9drJ42NkbCzw2Ep5"
      "3ffm8zHBlr3qJWxSLfJW0YdHNjTtcrtWwUaId5_Qh0fMtxTuMQDWqq-uTrrUE5DnX2fAipuQD4Vi3M1r"
      "yfu_ymQOxE43ieQlX-EpbPwKHHdiaLy4cQWhJNqqO_MvKq5WsGMF77_SPQ13O4Y23K4qJDZXMR0FVb3S"
      "4L0Bnrd-YYl-h0OR-vY-MqB2C5f8uduAe6yj4rtmqPT6mLRTcWn2d2O0qeZCma9GZ7bfTlHfm2rNsDQJ"
      "ZxxQ6G0tnKl573QHtNRel_oCNrp3BMr5Lql5-NHfBJ_JehX9ldI4Bz6UUM-4MMcnXzP8BCQAc52viQl4" },
    { "4096 bits, PS256",
      RSA_KEY("wJjk2OrVImWexdUt7v5vDWeLuV5aKfPBmavlblEA6ae1dnO_t06FrOKvzh4QgqK7FTeBm_9JCytzYMXD"
              "ESXafwPT0bq09ziWvkv27DeWsrF8MDjfeWChZG1yrpGrQccSIW6l4dMfyzbCARQmBhFpNyMJvQp8ZOQt"
              "DDHoj_I-b10zfdYok5LOgLPM6QF3Tw4HPAWPrN3uavY9wVGSwefyotpi60AZSyaxtfz-13FamMBtUK87"
              "0aWl5Ge3NFWjmLeYybdA6LK1aQEbSNStcsGTMxXgyR8kJSFa-FDa-VC9Vqe-7vz7eX69mDkW9c4vKJTp"
              "pjUrm_k0QNYAlOatVw7fkS0o-DfOF8-jT_tPczW4Fr1OXnnLXyaINrx3i_Qzd-i05Dz1fRfTITNS-oKU"
              "wtPKwyDIRVds2DVTLlsYZy6evNqJAdzc65mwHCiRgBQ1T_qUDm0BxUgY6Oj-6BsZEG7n3xj6KldZfaED"
              "5SsKe0ewq37WC81F_UNtk2eXuSdzhAUGF9VSvm9sv48fJYmKqfNQDy1JJgf09KTtpeEq2u2RZrqTXSso"
              "r1sf5Vfkxx7a3sBdAwo4QZED_wVfdQdIHjmzhMvKirwYaEj1Uldl_tjPNkG-POkSgDyIFtnseMCKQXtS"
              "4P0N-5sXvS_PdAd5Sk07wiXcPyAT1MFE_P31zIbbKxE",
              "AQAB"),
      "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJpIn0.jgHA4XVcsYDa_S6cwUcPDf0B3sgoDtKSGsseuDuMvh-"
      "ZNX1ybbeBFFi86tc8LnMZzv_92pkFvK-uBmPUGiLi0js2IV-R6mC_C_3KWvuY9FpbXyEfp-ds-HcVrv6"
      "5UOMSc4WoQ0r669x_hTuBBM8Jiz5Dkydm57JmCsXuqXnvtaWKb6MnQhOeQb7Ve15pEuAnXRfAI-sXDQZ"
      "5cKClTAqCJrXdjgFxzqkPJLPLFEWbT9qnbTQk2_KmbO1pL_r3fZWDeaUJVotGEizNT5lUmWAlIO1Y6gh"
      "fIq-8obpXzjyW3yn7dMjbq-XzRQioWlT-7voBFbi4bXiZonO40qyneeuBUtvVaHm3qr7XT9vgR8kQtLy"
      "FepmsChoP2orOr6EM36KU9itoFIDJ1LCLHyI73BGxCu8nugZp490wn_Ph2ukWNX01RjCT4W3Kfo54Qu2"
      "fhWtRUvJ7cDEyxc8Dq_-F4TmogjAKdl3QaCcbb8j1mxAEupuKUvkPK5okGD1YiDWxFubW2XHFqTtWBjo"
      "wzIguUW2RmbqKDlIiiIt2PnJDL-BijmMmqJsulhrsIxFY0XXBhkOn61CuVjuFMJUEPtPBbHHKBADhLxW"
      "ETnSQ8HVbD2di62S7VHri8IoKzhxqUXt38Jm84UzxoZaYYkk_xlb11Z0B97K27N4SEChW225RsR8kk18" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_jwk key;

    check_rc(row[i].why, occ__jwk_read_text(&key, ws, occ__span_text(row[i].key), 0), OCC_OK);
    assert_int_equal(key.kty, OCC__KTY_RSA);
    check_rc(row[i].why, judge(row[i].token, &key), OCC_OK);
    check_rc(row[i].why, judge(row[i].token, &rsa), SIGNATURE);
    check_rc(row[i].why, judge(row[i].token, &key), OCC_OK); /* kept, by now */
    key.e ^= 2;
    check_rc(row[i].why, judge(row[i].token, &key), SIGNATURE);
  }
}

static void test_rsa_verify__takes_what_openssl_signs_and_nothing_else(void **state)
{
  static const char *const name[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512" };
  static const occ_alg alg[] = { OCC__ALG_RS256, OCC__ALG_RS384, OCC__ALG_RS512,
                                 OCC__ALG_PS256, OCC__ALG_PS384, OCC__ALG_PS512 };
  uint8_t sig[TEST_SIG_MAX];
  (void)state;

  for (size_t i = 0; i < ROWS(name); i++) {
    assert_int_equal(test_sign_alg(sig, TEST_RSA_PRIVATE, name[i], text, sizeof(text) - 1), K);
    for (size_t k = 0; k < ROWS(alg); k++) { /* N-JOSE-06 PS256 token checked as RS256, and so on */
      check_rc(name[i], verify(alg[k], sig, K), i == k ? OCC_OK : SIGNATURE);
    }
    check_rc("another text",
             occ__rsa_verify(ws, &rsa, alg[i], occ__span(text, 3), occ__span(sig, K)), SIGNATURE);
    for (size_t at = 0; at < K; at += 17) {
      sig[at] ^= 1;
      check_rc("a changed octet", verify(alg[i], sig, K), SIGNATURE);
      sig[at] ^= 1;
    }
    check_rc(name[i], verify(alg[i], sig, K), OCC_OK);
  }
}

/* ---- Numbers out of range ---- */

/* n and a signature whose sum still has as many octets as n. */
static void sign_small(uint8_t sig[TEST_SIG_MAX], uint8_t sum[K], char *message, size_t size)
{
  BIGNUM *n = BN_bin2bn(rsa.pub, (int)K, NULL), *s = BN_new();
  int fits = 0;

  for (int i = 0; !fits && i < 5000; i++) {
    (void)snprintf(message, size, "text %d", i);
    assert_int_equal(test_sign_alg(sig, TEST_RSA_PRIVATE, "RS256", message, strlen(message)), K);
    assert_non_null(BN_bin2bn(sig, (int)K, s));
    assert_int_equal(BN_add(s, s, n), 1);
    fits = BN_bn2binpad(s, sum, (int)K) == (int)K;
  }
  BN_free(n);
  BN_free(s);
  assert_true(fits);
}

static void test_rsa_verify__refuses_a_signature_not_below_n(void **state)
{
  uint8_t sig[TEST_SIG_MAX], sum[K];
  char message[32];
  (void)state;

  sign_small(sig, sum, message, sizeof(message));
  check_rc("the signature",
           occ__rsa_verify(ws, &rsa, OCC__ALG_RS256, occ__span_text(message), occ__span(sig, K)),
           OCC_OK);
  check_rc("N-JOSE-08 signature + n",
           occ__rsa_verify(ws, &rsa, OCC__ALG_RS256, occ__span_text(message), occ__span(sum, K)),
           SIGNATURE);
  for (int i = 0; i < 6; i++) {
    static const char *const why[] = { "N-JOSE-08 signature = n", "n - 1", "n + 1",
                                       "N-JOSE-08 2^2048 - 1",    "0",     "1" };

    memcpy(sum, rsa.pub, K);
    sum[K - 1] = (uint8_t)(sum[K - 1] + (i == 1 ? -1 : i == 2 ? 1 : 0)); /* n is odd, not ..ff */
    if (i >= 3) {
      memset(sum, i == 3 ? 0xff : 0, K);
      sum[K - 1] = (uint8_t)(i == 5 ? 1 : sum[K - 1]);
    }
    for (int alg = OCC__ALG_PS256; alg <= OCC__ALG_RS512; alg++) {
      check_rc(why[i], verify((occ_alg)alg, sum, K), SIGNATURE);
    }
  }
}

static void test_rsa_verify__needs_the_length_of_the_modulus(void **state)
{
  uint8_t sig[TEST_SIG_MAX] = { 0 }, other[TEST_SIG_MAX] = { 0 };
  (void)state;

  for (int pss = 0; pss <= 1; pss++) {
    const occ_alg alg = pss ? OCC__ALG_PS256 : OCC__ALG_RS256;

    memset(sig, 0, sizeof(sig));
    assert_int_equal(
        test_sign_alg(sig, TEST_RSA_PRIVATE, pss ? "PS256" : "RS256", text, sizeof(text) - 1), K);
    check_rc("as it is", verify(alg, sig, K), OCC_OK);
    check_rc("N-JOSE-08 wrong length: none", verify(alg, sig, 0), SIGNATURE);
    check_rc("N-JOSE-08 wrong length: 1", verify(alg, sig, 1), SIGNATURE);
    check_rc("N-JOSE-08 wrong length: 255", verify(alg, sig, K - 1), SIGNATURE);
    check_rc("N-JOSE-08 wrong length: the last one gone", verify(alg, sig + 1, K - 1), SIGNATURE);
    check_rc("N-JOSE-08 wrong length: zero at the end", verify(alg, sig, K + 1), SIGNATURE);
    check_rc("N-JOSE-08 wrong length: 512", verify(alg, sig, 2 * K), SIGNATURE);
    memcpy(other + 1, sig, K);
    check_rc("N-JOSE-08 wrong length: zero in front", verify(alg, other, K + 1), SIGNATURE);
  }
}

/* ---- PKCS#1 v1.5 by hand ---- */

#define OID_SHA256 "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"

/* 00 01 FF.. 00 `prefix` hash `suffix`, with exactly ps octets FF; what is left over at the end is `rest`. */
typedef struct encoding {
  const char *why, *prefix;
  size_t prefix_len;
  const char *suffix;
  size_t suffix_len;
  size_t ps; /* 0: as many as fit */
  int want;
} encoding;

#define PART(t) t, sizeof(t) - 1

static void encode(uint8_t em[K], const encoding *how)
{
  const size_t t_len = how->prefix_len + HASH + how->suffix_len;
  const size_t ps = how->ps != 0 ? how->ps : K - 3 - t_len;
  uint8_t *at = em;

  memset(em, 0x2a, K);
  *at++ = 0;
  *at++ = 1;
  memset(at, 0xff, ps);
  at += ps;
  *at++ = 0;
  memcpy(at, how->prefix, how->prefix_len);
  at += how->prefix_len;
  (void)SHA256((const uint8_t *)text, sizeof(text) - 1, at);
  memcpy(at + HASH, how->suffix, how->suffix_len);
}

static void test_rsa_verify__refuses_other_paddings(void **state)
{
  static const encoding row[] = {
    { "the one encoding", PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 0,
      OCC_OK },
    { "N-JOSE-08 NULL missing", PART("\x30\x2f\x30\x0b" OID_SHA256 "\x04\x20"), "", 0, 0,
      SIGNATURE },
    { "N-JOSE-08 BER length of the whole",
      PART("\x30\x81\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 BER length with a zero",
      PART("\x30\x82\x00\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 BER length of the algorithm",
      PART("\x30\x32\x30\x81\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 BER length of the OID",
      PART("\x30\x32\x30\x0e\x06\x81\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"), "",
      0, 0, SIGNATURE },
    { "N-JOSE-08 BER length of NULL", PART("\x30\x32\x30\x0e" OID_SHA256 "\x05\x81\x00\x04\x20"),
      "", 0, 0, SIGNATURE },
    { "N-JOSE-08 BER length of the hash",
      PART("\x30\x32\x30\x0d" OID_SHA256 "\x05\x00\x04\x81\x20"), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 indefinite length", PART("\x30\x80\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"),
      PART("\x00\x00"), 0, SIGNATURE },
    { "N-JOSE-08 NULL with content", PART("\x30\x33\x30\x0f" OID_SHA256 "\x05\x02\x2a\x2a\x04\x20"),
      "", 0, 0, SIGNATURE },
    { "N-JOSE-08 a second NULL", PART("\x30\x33\x30\x0f" OID_SHA256 "\x05\x00\x05\x00\x04\x20"), "",
      0, 0, SIGNATURE },
    { "N-JOSE-08 another element at the end",
      PART("\x30\x33\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), PART("\x05\x00"), 0, SIGNATURE },
    { "N-JOSE-08 octets after the SEQUENCE", PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"),
      PART("\x2a\x2a"), 0, SIGNATURE },
    { "N-JOSE-08 OID of SHA-384",
      PART("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x20"), "", 0,
      0, SIGNATURE },
    { "N-JOSE-08 OID of SHA-512/256",
      PART("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x06\x05\x00\x04\x20"), "", 0,
      0, SIGNATURE },
    { "N-JOSE-08 OID of SHA3-256",
      PART("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x08\x05\x00\x04\x20"), "", 0,
      0, SIGNATURE },
    { "N-JOSE-08 no OID", PART("\x30\x26\x30\x02\x05\x00\x04\x20"), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 the hash alone", PART(""), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 OCTET STRING alone", PART("\x04\x20"), "", 0, 0, SIGNATURE },
    { "N-JOSE-08 BIT STRING", PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x03\x20"), "", 0, 0,
      SIGNATURE },
    { "N-JOSE-08 SET", PART("\x31\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 0,
      SIGNATURE },
    { "N-JOSE-08 short padding, anything behind: 8",
      PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 8, SIGNATURE },
    { "N-JOSE-08 short padding, anything behind: 7",
      PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 7, SIGNATURE },
    { "N-JOSE-08 one octet of padding short",
      PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, K - 3 - 51 - 1, SIGNATURE },
    { "N-JOSE-08 short padding, the rest inside the SEQUENCE",
      PART("\x30\x81\xf0\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"), "", 0, 8, SIGNATURE },
  };
  uint8_t em[K], sig[TEST_SIG_MAX];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    encode(em, &row[i]);
    assert_int_equal(test_rsa_raw(sig, TEST_RSA_PRIVATE, em, K), K);
    check_rc(row[i].why, verify(OCC__ALG_RS256, sig, K), row[i].want);
  }
}

static void test_rsa_verify__refuses_changed_padding_octets(void **state)
{
  static const encoding good = { "", PART("\x30\x31\x30\x0d" OID_SHA256 "\x05\x00\x04\x20"),
                                 "", 0,
                                 0,  OCC_OK };
  static const struct {
    const char *why;
    size_t at;
    uint8_t octet;
  } row[] = {
    { "N-JOSE-08 first octet 1", 0, 1 },
    { "N-JOSE-08 block type 0", 1, 0 },
    { "N-JOSE-08 block type 2", 1, 2 },
    { "N-JOSE-08 block type 255", 1, 255 },
    { "N-JOSE-08 padding with a zero first", 2, 0 },
    { "N-JOSE-08 padding with a zero after 7", 9, 0 },
    { "N-JOSE-08 padding with a zero after 8", 10, 0 },
    { "N-JOSE-08 padding with FE", 100, 0xfe },
    { "N-JOSE-08 padding with a zero last", K - 52 - 1, 0 },
    { "N-JOSE-08 no zero between", K - 52, 0xff },
    { "N-JOSE-08 1 between", K - 52, 1 },
    { "N-JOSE-08 a changed hash", K - 1, 0 },
  };
  uint8_t em[K], sig[TEST_SIG_MAX];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    encode(em, &good);
    assert_int_not_equal(em[row[i].at], row[i].octet);
    em[row[i].at] = row[i].octet;
    assert_int_equal(test_rsa_raw(sig, TEST_RSA_PRIVATE, em, K), K);
    check_rc(row[i].why, verify(OCC__ALG_RS256, sig, K), SIGNATURE);
  }
  memset(em, 0, K);
  for (uint8_t value = 0; value <= 1; value++) { /* their own signatures */
    em[K - 1] = value;
    check_rc("N-JOSE-08 the number 0 or 1", verify(OCC__ALG_RS256, em, K), SIGNATURE);
  }
}

/* ---- PSS ---- */

static void test_rsa_verify__refuses_other_parameters_of_pss(void **state)
{
  static const struct {
    const char *why, *hash, *mgf1;
    int salt_len;
    occ_alg alg;
    int want;
  } row[] = {
    { "PS256", "SHA256", "SHA256", 32, OCC__ALG_PS256, OCC_OK },
    { "PS384", "SHA384", "SHA384", 48, OCC__ALG_PS384, OCC_OK },
    { "PS512", "SHA512", "SHA512", 64, OCC__ALG_PS512, OCC_OK },
    { "N-JOSE-08 no salt", "SHA256", "SHA256", 0, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 salt of 20", "SHA256", "SHA256", 20, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 salt of 31", "SHA256", "SHA256", 31, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 salt of 33", "SHA256", "SHA256", 33, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 salt of 64", "SHA256", "SHA256", 64, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 the longest salt", "SHA256", "SHA256", 222, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 PS384 with a salt of 32", "SHA384", "SHA384", 32, OCC__ALG_PS384, SIGNATURE },
    { "N-JOSE-08 PS512 with a salt of 32", "SHA512", "SHA512", 32, OCC__ALG_PS512, SIGNATURE },
    { "N-JOSE-08 mask by SHA-1", "SHA256", "SHA1", 32, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 mask by SHA-512", "SHA256", "SHA512", 32, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 PS512 with a mask by SHA-256", "SHA512", "SHA256", 64, OCC__ALG_PS512, SIGNATURE },
    { "N-JOSE-08 SHA-1 for both", "SHA1", "SHA1", 20, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 hash SHA-512, mask SHA-256", "SHA512", "SHA256", 32, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 hash SHA-512/256", "SHA512-256", "SHA256", 32, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-08 hash SHA3-256", "SHA3-256", "SHA3-256", 32, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-06 PS512 as PS256", "SHA512", "SHA512", 64, OCC__ALG_PS256, SIGNATURE },
    { "N-JOSE-06 PS256 as RS256", "SHA256", "SHA256", 32, OCC__ALG_RS256, SIGNATURE },
  };
  uint8_t sig[TEST_SIG_MAX];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    assert_int_equal(test_sign_pss(sig, TEST_RSA_PRIVATE, row[i].hash, row[i].mgf1, row[i].salt_len,
                                   text, sizeof(text) - 1),
                     K);
    check_rc(row[i].why, verify(row[i].alg, sig, K), row[i].want);
  }
}

/* The encoded message of a fresh PS256 signature, by the public operation; its first octet with 0x80 is below n. */
static void pss_encoding(uint8_t em[K])
{
  BN_CTX *ctx = BN_CTX_new();
  BIGNUM *n = BN_bin2bn(rsa.pub, (int)K, NULL), *e = BN_new(), *m = BN_new(), *s = BN_new();
  uint8_t sig[TEST_SIG_MAX];

  assert_true(ctx != NULL && n != NULL && e != NULL && m != NULL && s != NULL);
  assert_int_equal(BN_set_word(e, 65537), 1);
  do {
    assert_int_equal(test_sign_alg(sig, TEST_RSA_PRIVATE, "PS256", text, sizeof(text) - 1), K);
    assert_non_null(BN_bin2bn(sig, (int)K, s));
    assert_int_equal(BN_mod_exp(m, s, e, n, ctx), 1);
    assert_int_equal(BN_bn2binpad(m, em, (int)K), K);
  } while ((em[0] | 0x80) >= rsa.pub[0]);
  BN_free(n);
  BN_free(e);
  BN_free(m);
  BN_free(s);
  BN_CTX_free(ctx);
}

static void test_rsa_verify__refuses_changed_octets_of_pss(void **state)
{
  static const struct {
    const char *why;
    size_t at;
    uint8_t flip;
    int want;
  } row[] = {
    { "as it was", 0, 0, OCC_OK },
    { "N-JOSE-08 trailer CC", K - 1, 0xbc ^ 0xcc, SIGNATURE },
    { "N-JOSE-08 trailer 0", K - 1, 0xbc, SIGNATURE },
    { "N-JOSE-08 trailer BD", K - 1, 1, SIGNATURE },
    { "N-JOSE-08 the bit in front", 0, 0x80, SIGNATURE },
    { "N-JOSE-08 padding, first octet", 0, 0x01, SIGNATURE },
    { "N-JOSE-08 padding, in the middle", 100, 0x10, SIGNATURE },
    { "N-JOSE-08 padding, before the 1", K - 1 - 32 - 32 - 2, 0x01, SIGNATURE },
    { "N-JOSE-08 padding, 0 for the 1", K - 1 - 32 - 32 - 1, 0x01, SIGNATURE },
    { "N-JOSE-08 padding, 3 for the 1", K - 1 - 32 - 32 - 1, 0x02, SIGNATURE },
    { "N-JOSE-08 a changed salt", K - 1 - 32 - 32, 0x01, SIGNATURE },
    { "N-JOSE-08 a changed salt, at its end", K - 1 - 32 - 1, 0x80, SIGNATURE },
    { "N-JOSE-08 a changed hash", K - 1 - 32, 0x01, SIGNATURE },
  };
  uint8_t em[K], sig[TEST_SIG_MAX];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    pss_encoding(em);
    em[row[i].at] ^= row[i].flip;
    assert_int_equal(test_rsa_raw(sig, TEST_RSA_PRIVATE, em, K), K);
    check_rc(row[i].why, verify(OCC__ALG_PS256, sig, K), row[i].want);
  }
}

/* ---- What is kept ---- */

/* More keys and algorithms than are kept, in turn: each is judged by its own. */
static void test_rsa_verify__keeps_few_and_confuses_none(void **state)
{
  static const char *const name[] = { "RS256", "PS256", "RS384", "PS384", "RS512", "PS512" };
  static const occ_alg alg[] = { OCC__ALG_RS256, OCC__ALG_PS256, OCC__ALG_RS384,
                                 OCC__ALG_PS384, OCC__ALG_RS512, OCC__ALG_PS512 };
  uint8_t sig[6][TEST_SIG_MAX];
  occ_jwk other = rsa; /* an odd number next to n: no key of anybody, but a key */
  (void)state;

  other.pub[K - 1] ^= 2;
  for (size_t i = 0; i < ROWS(alg); i++) {
    assert_int_equal(test_sign_alg(sig[i], TEST_RSA_PRIVATE, name[i], text, sizeof(text) - 1), K);
  }
  for (size_t round = 0; round < 5; round++) {
    for (size_t i = 0; i < ROWS(alg); i++) {
      const size_t k = (i * (round + 1)) % ROWS(alg);

      check_rc(name[k], verify(alg[k], sig[k], K), OCC_OK);
      check_rc("another key", occ__rsa_verify(ws, &other, alg[k], input(), occ__span(sig[k], K)),
               SIGNATURE);
      check_rc(name[k], verify(alg[k], sig[(k + 1) % ROWS(alg)], K), SIGNATURE);
    }
  }
}

/* The host's TLS code looks into the same queue of errors. */
static void test_rsa_verify__leaves_the_error_queue_alone(void **state)
{
  uint8_t sig[TEST_SIG_MAX] = { 0 };
  occ_workspace *fresh = NULL;
  (void)state;

  assert_int_equal(occ__workspace_new(&fresh, &occ__mem_libc), OCC_OK);
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7); /* the host's own */
  for (int alg = OCC__ALG_PS256; alg <= OCC__ALG_RS512; alg++) {
    assert_int_equal(occ__rsa_verify(fresh, &rsa, (occ_alg)alg, input(), occ__span(sig, K)),
                     SIGNATURE);
  }
  assert_int_equal(ERR_GET_REASON(ERR_peek_error()), 7);
  assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), 7);
  ERR_clear_error();
  occ__workspace_free(fresh);
}

/* Every allocation of OpenSSL in turn: a good token is refused or our fault at worst, a bad one never taken, and what was
 * kept half-made spoils nothing later. */
static void survive(const char *why, const char *key_text, const char *token, int want)
{
  for (int keep = 0; keep <= 1; keep++) {
    size_t n = 0;

    for (; n < 2000; n++) {
      occ_workspace *fresh = NULL;
      occ_jwk key;
      occ_jws jws;
      bool failed;
      int rc;

      assert_int_equal(occ__workspace_new(&fresh, &occ__mem_libc), OCC_OK);
      assert_int_equal(occ__jws_parse(&jws, &occ__mem_libc, occ__span_text(token), &occ__json_peer),
                       OCC_OK);
      assert_int_equal(occ__jws_check(&jws, ~0u, NULL), OCC_OK);
      ssl_fail_at(n, keep != 0);
      rc = occ__jwk_read_text(&key, fresh, occ__span_text(key_text), 0);
      if (rc == OCC_OK) {
        rc = occ__jws_verify(&jws, fresh, &key);
      }
      failed = ssl_failed;
      ssl_fail_at(SIZE_MAX, false);
      if (rc != OCC_ERR_CRYPTO && rc != SIGNATURE && rc != KEY) {
        check_rc(why, rc, want);
      }
      check_rc(why, occ__jwk_read_text(&key, fresh, occ__span_text(key_text), 0), OCC_OK);
      check_rc(why, occ__jws_verify(&jws, fresh, &key), want);
      occ__jws_clear(&jws);
      occ__workspace_free(fresh);
      if (!failed) {
        break;
      }
    }
    assert_true(n > 0 && n < 2000); /* something failed, and all of it was reached */
  }
}

static void test_jws_verify__survives_every_failed_allocation_of_openssl(void **state)
{
  static const struct {
    const char *why, *private_key, *public_key, *header;
  } row[] = {
    { "RS256", TEST_RSA_PRIVATE, TEST_RSA_PUBLIC, RS256 },
    { "PS256", TEST_RSA_PRIVATE, TEST_RSA_PUBLIC, PS256 },
    { "ES384", TEST_P384_PRIVATE, TEST_P384_PUBLIC, "{\"alg\":\"ES384\"}" },
    { "ES512", TEST_P521_PRIVATE, TEST_P521_PUBLIC, "{\"alg\":\"ES512\"}" },
    { "ES256", TEST_CLIENT_A_PRIVATE, TEST_CLIENT_A_PUBLIC, "{\"alg\":\"ES256\"}" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    char *token = test_jws(row[i].private_key, row[i].header, "{}");
    char *last = strrchr(token, '.') + 20;

    survive(row[i].why, row[i].public_key, token, OCC_OK);
    *last = *last == 'B' ? 'C' : 'B';
    survive(row[i].why, row[i].public_key, token, SIGNATURE);
    free(token);
  }
}

/* ---- One trusted key, several threads ---- */

#define THREADS 4
#define TURNS   50

typedef struct worker {
  pthread_t thread;
  const occ_jwk *key;
  const uint8_t (*sig)[TEST_SIG_MAX]; /* RS256, PS256 */
  int good, bad;
} worker;

static void *work(void *user_data)
{
  worker *self = user_data;
  occ_workspace *own = NULL;
  uint8_t changed[K];

  if (occ__workspace_new(&own, &occ__mem_libc) != OCC_OK) {
    return NULL;
  }
  for (int i = 0; i < TURNS; i++) {
    const occ_alg alg = i % 2 == 0 ? OCC__ALG_RS256 : OCC__ALG_PS256;
    const occ_jwk copy = *self->key; /* keys are plain values */

    memcpy(changed, self->sig[i % 2], K);
    self->good += occ__rsa_verify(own, self->key, alg, input(), occ__span(changed, K)) == OCC_OK;
    changed[i] ^= 1;
    self->bad += occ__rsa_verify(own, &copy, alg, input(), occ__span(changed, K)) == SIGNATURE;
  }
  occ__workspace_free(own);
  return NULL;
}

static void test_rsa_verify__one_key_in_four_threads(void **state)
{
  worker workers[THREADS];
  uint8_t sig[2][TEST_SIG_MAX];
  (void)state;

  assert_int_equal(test_sign_alg(sig[0], TEST_RSA_PRIVATE, "RS256", text, sizeof(text) - 1), K);
  assert_int_equal(test_sign_alg(sig[1], TEST_RSA_PRIVATE, "PS256", text, sizeof(text) - 1), K);
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker){ .key = &rsa, .sig = (const uint8_t(*)[TEST_SIG_MAX])sig };
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_int_equal(workers[i].good, TURNS);
    assert_int_equal(workers[i].bad, TURNS);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rsa_check__limits_the_modulus),
    cmocka_unit_test(test_rsa_check__limits_the_exponent),
    cmocka_unit_test(test_rsa_verify__takes_keys_of_every_size),
    cmocka_unit_test(test_rsa_verify__takes_what_openssl_signs_and_nothing_else),
    cmocka_unit_test(test_rsa_verify__refuses_a_signature_not_below_n),
    cmocka_unit_test(test_rsa_verify__needs_the_length_of_the_modulus),
    cmocka_unit_test(test_rsa_verify__refuses_other_paddings),
    cmocka_unit_test(test_rsa_verify__refuses_changed_padding_octets),
    cmocka_unit_test(test_rsa_verify__refuses_other_parameters_of_pss),
    cmocka_unit_test(test_rsa_verify__refuses_changed_octets_of_pss),
    cmocka_unit_test(test_rsa_verify__keeps_few_and_confuses_none),
    cmocka_unit_test(test_rsa_verify__leaves_the_error_queue_alone),
    cmocka_unit_test(test_jws_verify__survives_every_failed_allocation_of_openssl),
    cmocka_unit_test(test_rsa_verify__one_key_in_four_threads),
  };

  /* Before OpenSSL's first allocation; only test programs may set another library's allocator. */
  if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1) {
    return 1;
  }
  return cmocka_run_group_tests_name("jose/rsa", tests, setup, teardown);
}
