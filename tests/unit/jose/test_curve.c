/* SPDX-License-Identifier: MIT */

/* ECDSA and Ed25519 on plain octets. Signatures to verify are OpenSSL's own, by tests/support/test_keys.c; signatures made
 * here are verified by OpenSSL directly. */

#include "jose/curve.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/sha.h>

#include "base/b64.h"
#include "jose_test.h"

static occ_workspace *ws;

/* client_a and issuer_ed, as octets. */
static uint8_t ec_pub[65], ec_priv[32], ed_pub[32], ed_priv[32];

static const uint8_t p256_n[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
static const uint8_t text[] = "the text that is signed";

static occ_span input(void)
{
  return occ__span(text, sizeof(text) - 1);
}

static void member(uint8_t *out, const char *jwk, const char *name)
{
  json_t *value = json_of(jwk);

  assert_int_equal(occ__b64_decode_exact(
                       out, 32, occ__span_text(json_string_value(json_object_get(value, name)))),
                   OCC_OK);
  json_decref(value);
}

static int setup(void **state)
{
  (void)state;
  ec_pub[0] = 0x04;
  member(ec_pub + 1, TEST_CLIENT_A_PRIVATE, "x");
  member(ec_pub + 33, TEST_CLIENT_A_PRIVATE, "y");
  member(ec_priv, TEST_CLIENT_A_PRIVATE, "d");
  member(ed_pub, TEST_ISSUER_ED_PRIVATE, "x");
  member(ed_priv, TEST_ISSUER_ED_PRIVATE, "d");
  return occ__workspace_new(&ws, &occ__mem_libc);
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

static void test_curve_verify__takes_good_signatures(void **state)
{
  uint8_t sig[64];
  int short_r = 0, short_s = 0;
  (void)state;

  /* Leading zero octets make the hand-written DER shorter, set high bits longer: meet both, whatever the nonces. */
  for (int i = 0; i < 20000 && (i < 50 || short_r == 0 || short_s == 0); i++) {
    test_sign(sig, TEST_CLIENT_A_PRIVATE, text, sizeof(text) - 1);
    if (i < 50 || sig[0] == 0 || sig[32] == 0) {
      assert_int_equal(occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig), OCC_OK);
    }
    short_r += sig[0] == 0;
    short_s += sig[32] == 0;
  }
  assert_true(short_r > 0);
  assert_true(short_s > 0);
}

static void test_curve_verify__refuses_numbers_out_of_range(void **state)
{
  static const struct {
    const char *why;
    size_t at;
    int add;    /* to the number below */
    int base_n; /* count from n, else from 0 */
  } row[] = {
    { "N-JOSE-07 R=0", 0, 0, 0 },
    { "N-JOSE-07 S=0", 32, 0, 0 },
    { "N-JOSE-07 R=n", 0, 0, 1 },
    { "N-JOSE-07 S=n", 32, 0, 1 },
    { "N-JOSE-07 R=n+1", 0, 1, 1 },
    { "N-JOSE-07 S=n+1", 32, 1, 1 },
    { "R=n-1, in range but wrong", 0, -1, 1 },
    { "S=n-1, in range but wrong", 32, -1, 1 },
    { "R=1, in range but wrong", 0, 1, 0 },
    { "S=1, in range but wrong", 32, 1, 0 },
  };
  uint8_t good[64], sig[64];
  (void)state;

  test_sign(good, TEST_CLIENT_A_PRIVATE, text, sizeof(text) - 1);
  for (size_t i = 0; i < ROWS(row); i++) {
    memcpy(sig, good, sizeof(sig));
    memset(sig + row[i].at, 0, 32);
    if (row[i].base_n) {
      memcpy(sig + row[i].at, p256_n, 32);
    }
    sig[row[i].at + 31] = (uint8_t)(sig[row[i].at + 31] + row[i].add);
    check_rc(row[i].why, occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig),
             OCC__REASON_JOSE_SIGNATURE);
  }
  memset(sig, 0xff, sizeof(sig));
  check_rc("N-JOSE-07 R, S huge", occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig),
           OCC__REASON_JOSE_SIGNATURE);
  memset(sig, 0, sizeof(sig));
  check_rc("N-JOSE-07 R=S=0", occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig),
           OCC__REASON_JOSE_SIGNATURE);
  memcpy(sig, good + 32, 32);
  memcpy(sig + 32, good, 32);
  check_rc("R and S exchanged", occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig),
           OCC__REASON_JOSE_SIGNATURE);
}

static void test_curve_verify__refuses_every_changed_octet(void **state)
{
  uint8_t good[64], sig[64], other[sizeof(text)];
  (void)state;

  test_sign(good, TEST_CLIENT_A_PRIVATE, text, sizeof(text) - 1);
  for (size_t i = 0; i < sizeof(sig); i++) {
    memcpy(sig, good, sizeof(sig));
    sig[i] ^= 0x10;
    assert_int_equal(occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig),
                     OCC__REASON_JOSE_SIGNATURE);
  }
  for (size_t i = 0; i < sizeof(text) - 1; i++) {
    memcpy(other, text, sizeof(text));
    other[i] ^= 1;
    assert_int_equal(
        occ__curve_verify(ws, OCC__P256, ec_pub, occ__span(other, sizeof(text) - 1), good),
        OCC__REASON_JOSE_SIGNATURE);
  }
  assert_int_equal(occ__curve_verify(ws, OCC__P256, ec_pub, input(), good), OCC_OK);
}

/* Who has the private key can choose R = -e/d, so that u1*G + u2*Q is infinite. OpenSSL calls that an error of its own;
 * here it is a wrong signature. */
static void test_curve_verify__refuses_an_infinite_sum(void **state)
{
  uint8_t digest[32], sig[64] = { 0 };
  BN_CTX *ctx = BN_CTX_new();
  BIGNUM *n = BN_bin2bn(p256_n, 32, NULL), *d = BN_bin2bn(ec_priv, 32, NULL), *e, *r = BN_new();
  (void)state;

  SHA256(text, sizeof(text) - 1, digest);
  e = BN_bin2bn(digest, 32, NULL);
  assert_non_null(BN_mod_inverse(r, d, n, ctx));
  assert_int_equal(BN_mod_mul(r, r, e, n, ctx), 1);
  assert_int_equal(BN_sub(r, n, r), 1);
  assert_int_equal(BN_bn2binpad(r, sig, 32), 32);
  sig[63] = 1;
  check_rc("N-JOSE-07 the sum of points is infinite",
           occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig), OCC__REASON_JOSE_SIGNATURE);
  assert_int_equal(ERR_peek_error(), 0);
  BN_free(n);
  BN_free(d);
  BN_free(e);
  BN_free(r);
  BN_CTX_free(ctx);
}

/* JOSE-41: S and n-S both fit. Known, and why no replay key may be made of a token's text. */
static void test_curve_verify__takes_the_other_s(void **state)
{
  uint8_t sig[64];
  BIGNUM *n = BN_bin2bn(p256_n, 32, NULL), *s;
  (void)state;

  test_sign(sig, TEST_CLIENT_A_PRIVATE, text, sizeof(text) - 1);
  s = BN_bin2bn(sig + 32, 32, NULL);
  assert_int_equal(BN_sub(s, n, s), 1);
  assert_int_equal(BN_bn2binpad(s, sig + 32, 32), 32);
  assert_int_equal(occ__curve_verify(ws, OCC__P256, ec_pub, input(), sig), OCC_OK);
  BN_free(n);
  BN_free(s);
}

static void test_curve_check__judges_points(void **state)
{
  /* x = 5 has the y below; p + 5 is a second spelling of it that fits 32 octets. */
  static const struct {
    const char *why, *x, *y;
    int want;
  } row[] = {
    { "x=5 is a point", "0000000000000000000000000000000000000000000000000000000000000005",
      "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc", OCC_OK },
    { "N-JOSE-09 x >= p: p+5", "ffffffff00000001000000000000000000000001000000000000000000000004",
      "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 x = p", "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
      "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", OCC__REASON_JOSE_KEY },
    { "x=0 is a point", "0000000000000000000000000000000000000000000000000000000000000000",
      "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", OCC_OK },
    { "N-JOSE-09 y >= p", "0000000000000000000000000000000000000000000000000000000000000005",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 (0,0)", "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000000", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 off the curve", "0000000000000000000000000000000000000000000000000000000000000005",
      "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcd", OCC__REASON_JOSE_KEY },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    uint8_t pub[65] = { 0x04 };
    BIGNUM *x = NULL, *y = NULL;

    assert_int_equal(BN_hex2bn(&x, row[i].x), 64);
    assert_int_equal(BN_hex2bn(&y, row[i].y), 64);
    assert_int_equal(BN_bn2binpad(x, pub + 1, 32), 32);
    assert_int_equal(BN_bn2binpad(y, pub + 33, 32), 32);
    check_rc(row[i].why, occ__curve_check(ws, OCC__P256, pub), row[i].want);
    BN_free(x);
    BN_free(y);
  }
  assert_int_equal(ERR_peek_error(), 0);
}

/* ---- The larger curves; their numbers are OpenSSL's ---- */

#define MAX_HALF 66u

typedef struct large {
  occ_curve curve;
  int nid;
  size_t half;
  const char *jwk;
  uint8_t pub[1 + 2 * MAX_HALF], n[MAX_HALF], p[MAX_HALF];
} large;

static void octets_of(uint8_t *out, size_t len, const char *jwk, const char *name)
{
  json_t *value = json_of(jwk);

  assert_int_equal(occ__b64_decode_exact(
                       out, len, occ__span_text(json_string_value(json_object_get(value, name)))),
                   OCC_OK);
  json_decref(value);
}

static void load_large(large *out, int which)
{
  static const large both[2] = {
    { .curve = OCC__P384, .nid = NID_secp384r1, .half = 48, .jwk = TEST_P384_PRIVATE },
    { .curve = OCC__P521, .nid = NID_secp521r1, .half = 66, .jwk = TEST_P521_PRIVATE },
  };
  EC_GROUP *group = EC_GROUP_new_by_curve_name(both[which].nid);
  BIGNUM *p = BN_new();
  const int half = (int)both[which].half;

  *out = both[which];
  out->pub[0] = 0x04;
  octets_of(out->pub + 1, out->half, out->jwk, "x");
  octets_of(out->pub + 1 + out->half, out->half, out->jwk, "y");
  assert_int_equal(EC_GROUP_get_curve(group, p, NULL, NULL, NULL), 1);
  assert_int_equal(BN_bn2binpad(EC_GROUP_get0_order(group), out->n, half), half);
  assert_int_equal(BN_bn2binpad(p, out->p, half), half);
  assert_int_equal(occ__curve_half(out->curve), out->half);
  BN_free(p);
  EC_GROUP_free(group);
}

static void test_curve_verify__takes_good_signatures_of_large_curves(void **state)
{
  uint8_t sig[TEST_SIG_MAX];
  large of;
  (void)state;

  for (int which = 0; which < 2; which++) {
    /* A leading zero octet in R and in S, and a high bit: DER of every length. R of P-521 begins with 0 or 1. */
    const uint8_t below = which == 0 ? 1 : 2, second = which == 0 ? 255 : 1;
    int short_r = 0, short_s = 0;

    load_large(&of, which);
    for (int i = 0; i < 20000 && (i < 20 || short_r == 0 || short_s == 0); i++) {
      const uint8_t *s = sig + of.half;
      int rare;

      assert_int_equal(test_sign_alg(sig, of.jwk, NULL, text, sizeof(text) - 1), 2 * of.half);
      rare = sig[0] < below && sig[1] <= second;
      short_r += rare;
      short_s += s[0] < below && s[1] <= second;
      if (i < 20 || rare || s[0] < below) {
        assert_int_equal(occ__curve_verify(ws, of.curve, of.pub, input(), sig), OCC_OK);
      }
    }
    assert_true(short_r > 0);
    assert_true(short_s > 0);
  }
}

static void test_curve_verify__refuses_numbers_out_of_range_of_large_curves(void **state)
{
  static const struct {
    const char *why;
    int of_s, from_n, add;
  } row[] = {
    { "N-JOSE-07 R=0", 0, 0, 0 },
    { "N-JOSE-07 S=0", 1, 0, 0 },
    { "N-JOSE-07 R=n", 0, 1, 0 },
    { "N-JOSE-07 S=n", 1, 1, 0 },
    { "N-JOSE-07 R=n+1", 0, 1, 1 },
    { "N-JOSE-07 S=n+1", 1, 1, 1 },
    { "R=n-1, in range but wrong", 0, 1, -1 },
    { "S=n-1, in range but wrong", 1, 1, -1 },
    { "R=1, in range but wrong", 0, 0, 1 },
    { "S=1, in range but wrong", 1, 0, 1 },
  };
  uint8_t good[TEST_SIG_MAX], sig[TEST_SIG_MAX];
  large of;
  (void)state;

  for (int which = 0; which < 2; which++) {
    load_large(&of, which);
    assert_int_equal(test_sign_alg(good, of.jwk, NULL, text, sizeof(text) - 1), 2 * of.half);
    for (size_t i = 0; i < ROWS(row); i++) {
      uint8_t *number = sig + (row[i].of_s ? of.half : 0);

      memcpy(sig, good, sizeof(sig));
      memset(number, 0, of.half);
      if (row[i].from_n) {
        memcpy(number, of.n, of.half);
      }
      number[of.half - 1] = (uint8_t)(number[of.half - 1] + row[i].add);
      check_rc(row[i].why, occ__curve_verify(ws, of.curve, of.pub, input(), sig),
               OCC__REASON_JOSE_SIGNATURE);
    }
    for (size_t i = 0; i < 2 * of.half; i++) {
      memcpy(sig, good, sizeof(sig));
      sig[i] ^= 0x01;
      check_rc("a changed octet", occ__curve_verify(ws, of.curve, of.pub, input(), sig),
               OCC__REASON_JOSE_SIGNATURE);
    }
    check_rc("another text", occ__curve_verify(ws, of.curve, of.pub, occ__span(text, 5), good),
             OCC__REASON_JOSE_SIGNATURE);
    check_rc("as it was", occ__curve_verify(ws, of.curve, of.pub, input(), good), OCC_OK);
  }
  assert_int_equal(ERR_peek_error(), 0);
}

static void test_curve_verify__refuses_an_infinite_sum_of_large_curves(void **state)
{
  uint8_t digest[64], d[MAX_HALF], sig[2 * MAX_HALF];
  large of;
  (void)state;

  for (int which = 0; which < 2; which++) {
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n, *r = BN_new(), *e, *k;

    load_large(&of, which);
    octets_of(d, of.half, of.jwk, "d");
    (void)(which == 0 ? SHA384(text, sizeof(text) - 1, digest)
                      : SHA512(text, sizeof(text) - 1, digest));
    n = BN_bin2bn(of.n, (int)of.half, NULL);
    e = BN_bin2bn(digest, which == 0 ? 48 : 64, NULL);
    k = BN_bin2bn(d, (int)of.half, NULL);
    assert_non_null(BN_mod_inverse(r, k, n, ctx));
    assert_int_equal(BN_mod_mul(r, r, e, n, ctx), 1);
    assert_int_equal(BN_sub(r, n, r), 1);
    memset(sig, 0, sizeof(sig));
    assert_int_equal(BN_bn2binpad(r, sig, (int)of.half), (int)of.half);
    sig[2 * of.half - 1] = 1;
    check_rc("N-JOSE-07 the sum of points is infinite",
             occ__curve_verify(ws, of.curve, of.pub, input(), sig), OCC__REASON_JOSE_SIGNATURE);
    BN_free(n);
    BN_free(r);
    BN_free(e);
    BN_free(k);
    BN_CTX_free(ctx);
  }
  assert_int_equal(ERR_peek_error(), 0);
}

static void test_curve_check__judges_points_of_large_curves(void **state)
{
  uint8_t pub[1 + 2 * MAX_HALF], sig[TEST_SIG_MAX];
  large of;
  (void)state;

  for (int which = 0; which < 2; which++) {
    load_large(&of, which);
    for (int i = 0; i < 9; i++) {
      static const char *const why[] = { "as it is",         "N-JOSE-09 off the curve",
                                         "N-JOSE-09 (0,0)",  "N-JOSE-09 x = p",
                                         "N-JOSE-09 y = p",  "N-JOSE-09 x, y huge",
                                         "compressed, 02",   "infinity",
                                         "x and y exchanged" };
      uint8_t *x = pub + 1, *y = pub + 1 + of.half;

      memcpy(pub, of.pub, sizeof(pub));
      switch (i) {
      case 0:
        break;
      case 1:
        y[of.half - 1] ^= 1;
        break;
      case 2:
        memset(x, 0, 2 * of.half);
        break;
      case 3:
        memcpy(x, of.p, of.half);
        break;
      case 4:
        memcpy(y, of.p, of.half);
        break;
      case 5:
        memset(x, 0xff, 2 * of.half);
        break;
      case 6:
        pub[0] = 2;
        break;
      case 7:
        pub[0] = 0;
        break;
      default:
        memcpy(x, of.pub + 1 + of.half, of.half);
        memcpy(y, of.pub + 1, of.half);
        break;
      }
      check_rc(why[i], occ__curve_check(ws, of.curve, pub), i == 0 ? OCC_OK : OCC__REASON_JOSE_KEY);
    }
    /* After all of those the slot takes the good key again. */
    assert_int_equal(test_sign_alg(sig, of.jwk, NULL, text, sizeof(text) - 1), 2 * of.half);
    assert_int_equal(occ__curve_verify(ws, of.curve, pub, input(), sig), OCC__REASON_JOSE_KEY);
    assert_int_equal(occ__curve_verify(ws, of.curve, of.pub, input(), sig), OCC_OK);
  }
  assert_int_equal(ERR_peek_error(), 0);
}

static void little_endian(uint8_t out[32], const char *hex)
{
  BIGNUM *number = NULL;

  assert_true(BN_hex2bn(&number, hex) > 0);
  assert_int_equal(BN_bn2lebinpad(number, out, 32), 32);
  BN_free(number);
}

static void test_curve_check_ed25519__judges_points(void **state)
{
  static const struct {
    const char *why, *y;
    int want;
  } row[] = {
    { "N-JOSE-09 small order: y=0", "0", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 small order: y=1", "1", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 small order: y=p-1",
      "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 small order: first y of order 8",
      "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 small order: second y of order 8",
      "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 second spelling: y=p",
      "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 second spelling: y=p+1",
      "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffee", OCC__REASON_JOSE_KEY },
    { "N-JOSE-09 second spelling: y=2^255-1",
      "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", OCC__REASON_JOSE_KEY },
    { "y=3", "3", OCC_OK },
    { "y=4", "4", OCC_OK },
    { "y=p-4", "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe9", OCC_OK },
  };
  uint8_t pub[32];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    little_endian(pub, row[i].y);
    check_rc(row[i].why, occ__curve_check_ed25519(pub), row[i].want);
    pub[31] |= 0x80; /* the other x */
    check_rc(row[i].why, occ__curve_check_ed25519(pub), row[i].want);
  }
  assert_int_equal(occ__curve_check_ed25519(ed_pub), OCC_OK);
}

static void test_curve_verify_ed25519__refuses(void **state)
{
  static const char order[] = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
  uint8_t good[64], sig[64], pub[32], l[32];
  unsigned carry = 0;
  (void)state;

  test_sign(good, TEST_ISSUER_ED_PRIVATE, text, sizeof(text) - 1);
  assert_int_equal(occ__curve_verify_ed25519(ed_pub, input(), good), OCC_OK);
  for (size_t i = 0; i < sizeof(sig); i++) {
    memcpy(sig, good, sizeof(sig));
    sig[i] ^= 0x08;
    assert_int_equal(occ__curve_verify_ed25519(ed_pub, input(), sig), OCC__REASON_JOSE_SIGNATURE);
  }

  little_endian(l, order);
  memcpy(sig, good, sizeof(sig));
  for (size_t i = 0; i < 32; i++) {
    carry += (unsigned)good[32 + i] + l[i];
    sig[32 + i] = (uint8_t)carry;
    carry >>= 8;
  }
  assert_int_equal(carry, 0);
  check_rc("JOSE-43 S+L", occ__curve_verify_ed25519(ed_pub, input(), sig),
           OCC__REASON_JOSE_SIGNATURE);
  memcpy(sig + 32, l, 32);
  check_rc("JOSE-43 S=L", occ__curve_verify_ed25519(ed_pub, input(), sig),
           OCC__REASON_JOSE_SIGNATURE);
  memset(sig, 0, sizeof(sig));
  check_rc("all zero", occ__curve_verify_ed25519(ed_pub, input(), sig), OCC__REASON_JOSE_SIGNATURE);
  memset(sig, 0xff, sizeof(sig));
  check_rc("all ones", occ__curve_verify_ed25519(ed_pub, input(), sig), OCC__REASON_JOSE_SIGNATURE);
  check_rc("another text", occ__curve_verify_ed25519(ed_pub, occ__span(text, 5), good),
           OCC__REASON_JOSE_SIGNATURE);
  little_endian(pub, "2");
  check_rc("y=2 is no point: nothing fits it", occ__curve_verify_ed25519(pub, input(), good),
           OCC__REASON_JOSE_SIGNATURE);
  assert_int_equal(ERR_peek_error(), 0);
}

static void test_curve_pair__tells_whose_private_key_it_is(void **state)
{
  uint8_t priv[32];
  (void)state;

  check_rc("P-256", occ__curve_pair_p256(ec_pub, ec_priv), OCC_OK);
  check_rc("Ed25519", occ__curve_pair_ed25519(ed_pub, ed_priv), OCC_OK);
  memcpy(priv, ec_priv, 32);
  priv[31] ^= 1;
  check_rc("P-256, another", occ__curve_pair_p256(ec_pub, priv), OCC__REASON_JOSE_KEY);
  memset(priv, 0, 32);
  check_rc("P-256, zero", occ__curve_pair_p256(ec_pub, priv), OCC__REASON_JOSE_KEY);
  check_rc("P-256, n", occ__curve_pair_p256(ec_pub, p256_n), OCC__REASON_JOSE_KEY);
  memcpy(priv, ed_priv, 32);
  priv[31] ^= 1;
  check_rc("Ed25519, another", occ__curve_pair_ed25519(ed_pub, priv), OCC__REASON_JOSE_KEY);
  assert_int_equal(ERR_peek_error(), 0);
}

/* Does the signature over the text fit client_a, says OpenSSL? */
static int openssl_fits_p256(const uint8_t sig[64])
{
  ECDSA_SIG *pair = ECDSA_SIG_new();
  uint8_t *der = NULL, digest[32];
  int len, good;
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *ctx;
  OSSL_PARAM param[3];
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  char group[] = "P-256";

  param[0] = OSSL_PARAM_construct_utf8_string("group", group, 0);
  param[1] = OSSL_PARAM_construct_octet_string("pub", ec_pub, sizeof(ec_pub));
  param[2] = OSSL_PARAM_construct_end();
  assert_int_equal(EVP_PKEY_fromdata_init(maker), 1);
  assert_int_equal(EVP_PKEY_fromdata(maker, &pkey, EVP_PKEY_PUBLIC_KEY, param), 1);
  assert_int_equal(ECDSA_SIG_set0(pair, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)),
                   1);
  len = i2d_ECDSA_SIG(pair, &der);
  SHA256(text, sizeof(text) - 1, digest);
  ctx = EVP_PKEY_CTX_new(pkey, NULL);
  assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
  good = EVP_PKEY_verify(ctx, der, (size_t)len, digest, sizeof(digest)) == 1;
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_CTX_free(maker);
  EVP_PKEY_free(pkey);
  OPENSSL_free(der);
  ECDSA_SIG_free(pair);
  return good;
}

static void test_curve_sign__makes_what_openssl_takes(void **state)
{
  uint8_t sig[64], want[64];
  (void)state;

  for (int i = 0; i < 20; i++) {
    assert_int_equal(occ__curve_sign_p256(ws, sig, ec_pub, ec_priv, input()), OCC_OK);
    assert_true(openssl_fits_p256(sig));
  }
  sig[5] ^= 1;
  assert_false(openssl_fits_p256(sig));

  /* Ed25519 signatures are deterministic. */
  test_sign(want, TEST_ISSUER_ED_PRIVATE, text, sizeof(text) - 1);
  assert_int_equal(occ__curve_sign_ed25519(sig, ed_priv, input()), OCC_OK);
  assert_memory_equal(sig, want, 64);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_curve_verify__takes_good_signatures),
    cmocka_unit_test(test_curve_verify__refuses_numbers_out_of_range),
    cmocka_unit_test(test_curve_verify__refuses_every_changed_octet),
    cmocka_unit_test(test_curve_verify__refuses_an_infinite_sum),
    cmocka_unit_test(test_curve_verify__takes_the_other_s),
    cmocka_unit_test(test_curve_check__judges_points),
    cmocka_unit_test(test_curve_verify__takes_good_signatures_of_large_curves),
    cmocka_unit_test(test_curve_verify__refuses_numbers_out_of_range_of_large_curves),
    cmocka_unit_test(test_curve_verify__refuses_an_infinite_sum_of_large_curves),
    cmocka_unit_test(test_curve_check__judges_points_of_large_curves),
    cmocka_unit_test(test_curve_check_ed25519__judges_points),
    cmocka_unit_test(test_curve_verify_ed25519__refuses),
    cmocka_unit_test(test_curve_pair__tells_whose_private_key_it_is),
    cmocka_unit_test(test_curve_sign__makes_what_openssl_takes),
  };

  return cmocka_run_group_tests_name("jose/curve", tests, setup, teardown);
}
