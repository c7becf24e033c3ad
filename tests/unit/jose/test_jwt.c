/* SPDX-License-Identifier: MIT */

/* Claims that all JWTs share: times at their edges, audience, and texts that must be texts. */

#include "jose/jws.h"

#include "jose_test.h"
#include "wire/json_in.h"

#define CLAIM OCC__REASON_JWT_CLAIM
#define TIME  OCC__REASON_JWT_TIME

static void test_jwt_time__reads_numeric_dates(void **state)
{
  static const struct {
    const char *why, *value;
    int want;
    int64_t ms;
  } row[] = {
    { "a second count", "1700000000", OCC_OK, INT64_C(1700000000000) },
    { "zero", "0", OCC_OK, 0 },
    { "a fraction is cut", "1700000000.999", OCC_OK, INT64_C(1700000000000) },
    { "an exponent is a number too", "1.7e9", OCC_OK, INT64_C(1700000000000) },
    { "minus zero", "-0.0", OCC_OK, 0 },
    { "a tiny fraction", "1e-300", OCC_OK, 0 },
    { "N-JOSE-12 edge: 2^53-1", "9007199254740991", OCC_OK, INT64_C(9007199254740991000) },
    { "N-JOSE-12 edge: 2^53", "9007199254740992", OCC_OK, INT64_C(9007199254740992000) },
    { "N-JOSE-12 edge: 2^53+1", "9007199254740993", CLAIM, 0 },
    { "edge as a real: 2^53", "9007199254740992.0", OCC_OK, INT64_C(9007199254740992000) },
    { "edge as a real: 2^53+2", "9007199254740994.0", CLAIM, 0 },
    { "int64 end", "9223372036854775807", CLAIM, 0 },
    { "int64 begin", "-9223372036854775808", CLAIM, 0 },
    { "a huge real", "1e300", CLAIM, 0 },
    { "a huge negative real", "-1e300", CLAIM, 0 },
    { "N-JOSE-12 -1", "-1", CLAIM, 0 },
    { "a negative fraction", "-0.5", CLAIM, 0 },
    { "N-JOSE-12 string", "\"1700000000\"", CLAIM, 0 },
    { "N-JOSE-12 bool", "true", CLAIM, 0 },
    { "N-JOSE-12 null", "null", CLAIM, 0 },
    { "N-JOSE-12 array", "[1700000000]", CLAIM, 0 },
    { "object", "{}", CLAIM, 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    for (int required = 0; required <= 1; required++) {
      json_t *claims = json_object();
      int64_t ms = 77;
      int has = 77;

      assert_int_equal(json_object_set_new(claims, "exp", json_of(row[i].value)), 0);
      check_rc(row[i].why, occ__jwt_time(claims, "exp", required, &ms, &has), row[i].want);
      check_rc(row[i].why, has, row[i].want == OCC_OK);
      assert_true(ms == row[i].ms);
      json_decref(claims);
    }
  }
}

static void test_jwt_time__absent(void **state)
{
  json_t *claims = json_of("{\"exp2\":1}");
  int64_t ms = 77;
  int has = 77;
  (void)state;

  assert_int_equal(occ__jwt_time(claims, "exp", 1, &ms, &has), CLAIM);
  assert_int_equal(has, 0);
  assert_int_equal(occ__jwt_time(claims, "exp", 0, &ms, &has), OCC_OK);
  assert_int_equal(has, 0);
  assert_true(ms == 0);
  json_decref(claims);
}

/* A number beyond a double is no JSON here at all. */
static void test_jwt_time__beyond_double(void **state)
{
  static const char *const text[] = {
    "{\"exp\":1e309}", "{\"exp\":-1e309}",   "{\"exp\":9223372036854775808}",
    "{\"exp\":NaN}",   "{\"exp\":Infinity}", "{\"exp\":0x10}",
    "{\"exp\":+1}",    "{\"exp\":01}",       "{\"exp\":1.}",
    "{\"exp\":.5}"
  };
  json_t *claims = NULL;
  (void)state;

  for (size_t i = 0; i < ROWS(text); i++) {
    check_rc(text[i], occ__json_read_object(&claims, occ__span_text(text[i]), &occ__json_peer),
             OCC_ERR_SYNTAX); /* N-JOSE-12 1e309 */
    assert_null(claims);
  }
}

static void test_jwt_check_times__edges(void **state)
{
  /* now is 1,000,000 s; ms moves it. The skew is OCC__JWT_SKEW_MS, 10 s. */
  static const struct {
    const char *why, *claims;
    int64_t ms;
    int require_exp, want;
  } row[] = {
    { "nothing required", "{}", 0, 0, OCC_OK },
    { "exp required", "{}", 0, 1, CLAIM },
    { "exp ahead", "{\"exp\":1000060}", 0, 1, OCC_OK },
    { "N-JOSE-12 exp exactly now", "{\"exp\":1000000}", 0, 1, OCC_OK },
    { "N-JOSE-12 exp: last millisecond of the skew", "{\"exp\":1000000}", 9999, 1, OCC_OK },
    { "N-JOSE-12 exp: now-skew", "{\"exp\":1000000}", 10000, 1, TIME },
    { "exp passed, not required", "{\"exp\":999989}", 0, 0, TIME },
    { "exp 0", "{\"exp\":0}", 0, 1, TIME },
    { "exp far ahead", "{\"exp\":9007199254740992}", 0, 1, OCC_OK },
    { "N-JOSE-12 nbf exactly now", "{\"nbf\":1000000}", 0, 0, OCC_OK },
    { "N-JOSE-12 nbf: now+skew", "{\"nbf\":1000010}", 0, 0, OCC_OK },
    { "N-JOSE-12 nbf: a millisecond more", "{\"nbf\":1000010}", -1, 0, TIME },
    { "nbf far ahead", "{\"nbf\":9007199254740992}", 0, 0, TIME },
    { "N-JOSE-12 iat exactly now", "{\"iat\":1000000}", 0, 0, OCC_OK },
    { "N-JOSE-12 iat: now+skew", "{\"iat\":1000010}", 0, 0, OCC_OK },
    { "N-JOSE-12 iat: a millisecond more", "{\"iat\":1000010}", -1, 0, TIME },
    { "iat long ago is not judged here", "{\"iat\":1}", 0, 0, OCC_OK },
    { "exp passed before nbf", "{\"nbf\":1000005,\"exp\":999980}", 0, 1, TIME },
    { "N-JOSE-12 exp string", "{\"exp\":\"1000060\"}", 0, 0, CLAIM },
    { "N-JOSE-12 exp null", "{\"exp\":null}", 0, 0, CLAIM },
    { "N-JOSE-12 nbf string", "{\"exp\":1000060,\"nbf\":\"1\"}", 0, 1, CLAIM },
    { "N-JOSE-12 nbf bool", "{\"nbf\":false}", 0, 0, CLAIM },
    { "N-JOSE-12 nbf -1", "{\"nbf\":-1}", 0, 0, CLAIM },
    { "N-JOSE-12 iat null", "{\"iat\":null}", 0, 0, CLAIM },
    { "N-JOSE-12 iat array", "{\"iat\":[1000000]}", 0, 0, CLAIM },
    { "N-JOSE-12 iat bool", "{\"iat\":true}", 0, 0, CLAIM },
    { "a malformed claim counts even where another has passed", "{\"exp\":1,\"nbf\":\"1\"}", 0, 0,
      CLAIM },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *claims = json_of(row[i].claims);

    check_rc(row[i].why,
             occ__jwt_check_times(claims, INT64_C(1000000000) + row[i].ms, row[i].require_exp),
             row[i].want);
    json_decref(claims);
  }
}

/* The same without iat, for proofs whose own window judges it. */
static void test_jwt_check_lifetime__leaves_iat_alone(void **state)
{
  static const struct {
    const char *why, *claims;
    int require_exp, want;
  } row[] = {
    { "iat ahead", "{\"iat\":2000000}", 0, OCC_OK },
    { "iat no number", "{\"iat\":\"x\",\"exp\":1000060}", 1, OCC_OK },
    { "exp required", "{\"iat\":1}", 1, CLAIM },
    { "exp passed", "{\"exp\":999990}", 0, TIME },
    { "exp within the skew", "{\"exp\":999991}", 0, OCC_OK },
    { "nbf ahead", "{\"nbf\":1000011}", 0, TIME },
    { "nbf within the skew", "{\"nbf\":1000010}", 0, OCC_OK },
    { "N-JOSE-12 nbf string", "{\"nbf\":\"1\"}", 0, CLAIM },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *claims = json_of(row[i].claims);

    check_rc(row[i].why, occ__jwt_check_lifetime(claims, INT64_C(1000000000), row[i].require_exp),
             row[i].want);
    json_decref(claims);
  }
}

static void test_jwt_check_times__no_overflow(void **state)
{
  static const char whole[] =
      "{\"exp\":9007199254740992,\"nbf\":9007199254740992,\"iat\":9007199254740992}";
  json_t *claims = json_of(whole), *zero = json_of("{\"exp\":0,\"nbf\":0,\"iat\":0}");
  (void)state;

  assert_int_equal(occ__jwt_check_times(claims, INT64_MAX, 1), TIME);
  assert_int_equal(occ__jwt_check_times(claims, INT64_MIN, 1), TIME);
  assert_int_equal(occ__jwt_check_times(zero, INT64_MAX, 1), TIME);
  assert_int_equal(occ__jwt_check_times(zero, INT64_MIN, 1), TIME);
  json_decref(claims);
  json_decref(zero);
}

static void test_jwt_check_audience__one_only(void **state)
{
  static const struct {
    const char *why, *claims;
    int want;
  } row[] = {
    { "the string", "{\"aud\":\"https://as.example\"}", OCC_OK },
    { "an array of it", "{\"aud\":[\"https://as.example\"]}", OCC_OK },
    { "absent", "{}", OCC__REASON_JWT_AUDIENCE },
    { "another", "{\"aud\":\"https://rs.example\"}", OCC__REASON_JWT_AUDIENCE },
    { "JOSE-9 case", "{\"aud\":\"https://AS.example\"}", OCC__REASON_JWT_AUDIENCE },
    { "JOSE-9 a slash more", "{\"aud\":\"https://as.example/\"}", OCC__REASON_JWT_AUDIENCE },
    { "a beginning", "{\"aud\":\"https://as.exampl\"}", OCC__REASON_JWT_AUDIENCE },
    { "the token endpoint", "{\"aud\":\"https://as.example/token\"}", OCC__REASON_JWT_AUDIENCE },
    { "it and another", "{\"aud\":[\"https://as.example\",\"https://rs.example\"]}",
      OCC__REASON_JWT_AUDIENCE },
    { "it twice", "{\"aud\":[\"https://as.example\",\"https://as.example\"]}",
      OCC__REASON_JWT_AUDIENCE },
    { "empty array", "{\"aud\":[]}", OCC__REASON_JWT_AUDIENCE },
    { "N-JOSE-13 nested array", "{\"aud\":[[\"https://as.example\"]]}", OCC__REASON_JWT_AUDIENCE },
    { "N-JOSE-13 empty string", "{\"aud\":\"\"}", OCC__REASON_JWT_AUDIENCE },
    { "N-JOSE-13 object", "{\"aud\":{\"https://as.example\":1}}", OCC__REASON_JWT_AUDIENCE },
    { "number", "{\"aud\":1}", OCC__REASON_JWT_AUDIENCE },
    { "null", "{\"aud\":null}", OCC__REASON_JWT_AUDIENCE },
    { "array with a number", "{\"aud\":[1]}", OCC__REASON_JWT_AUDIENCE },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *claims = json_of(row[i].claims);

    check_rc(row[i].why, occ__jwt_check_audience(claims, "https://as.example"), row[i].want);
    json_decref(claims);
  }
}

/* iss and sub are read by occ__json_text() everywhere: what is no string is as good as absent. */
static void test_json_text__takes_strings_only(void **state)
{
  static const struct {
    const char *why, *claims, *member;
    int is_text;
  } row[] = {
    { "iss", "{\"iss\":\"i\"}", "iss", 1 },
    { "N-JOSE-13 iss number", "{\"iss\":1}", "iss", 0 },
    { "N-JOSE-13 iss array", "{\"iss\":[\"i\"]}", "iss", 0 },
    { "N-JOSE-13 iss object", "{\"iss\":{}}", "iss", 0 },
    { "N-JOSE-13 iss null", "{\"iss\":null}", "iss", 0 },
    { "N-JOSE-13 iss bool", "{\"iss\":true}", "iss", 0 },
    { "N-JOSE-13 sub number", "{\"sub\":1.5}", "sub", 0 },
    { "N-JOSE-13 sub array", "{\"sub\":[]}", "sub", 0 },
    { "N-JOSE-13 sub bool", "{\"sub\":false}", "sub", 0 },
    { "absent", "{\"iss\":\"i\"}", "sub", 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *claims = json_of(row[i].claims);

    check_rc(row[i].why, occ__json_text(claims, row[i].member) != NULL, row[i].is_text);
    json_decref(claims);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jwt_time__reads_numeric_dates),
    cmocka_unit_test(test_jwt_time__absent),
    cmocka_unit_test(test_jwt_time__beyond_double),
    cmocka_unit_test(test_jwt_check_times__edges),
    cmocka_unit_test(test_jwt_check_lifetime__leaves_iat_alone),
    cmocka_unit_test(test_jwt_check_times__no_overflow),
    cmocka_unit_test(test_jwt_check_audience__one_only),
    cmocka_unit_test(test_json_text__takes_strings_only),
  };

  return cmocka_run_group_tests_name("jose/jwt", tests, NULL, NULL);
}
