/* SPDX-License-Identifier: MIT */

/* Which responses are looked at. Case ids: cases C of the requirements, as far as a response shows them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cimd/fetched.h"

#define ROWS(a)    (sizeof(a) / sizeof((a)[0]))
#define TYPE(text) "Content-Type: " text "\r\n"
#define JSON       TYPE("application/json")

static const occ_fetched_rules rules = { .octets = OCC__CIMD_DOCUMENT };

/* C02, C03, DI-3, DI-4: every status but 200; what may be over soon is told apart. */
static void test_fetched_judge__status(void **state)
{
  (void)state;

  for (int status = -1; status <= 1000; status++) {
    const int soon = status == 0 || status == 429 || (status >= 500 && status <= 599);
    const int want = status == 200 ? OCC_OK
                     : soon        ? OCC__REASON_CIMD_UNREACHABLE
                                   : OCC__REASON_CIMD_STATUS;

    assert_int_equal(occ__fetched_judge(status, occ__span_text(JSON), 1, &rules), want);
  }
}

static void test_fetched_judge__lines(void **state)
{
  static const struct {
    const char *why, *lines;
    int want;
  } row[] = {
    { "C16 JSON", JSON, OCC_OK },
    { "C16 with a charset", TYPE("application/json; charset=UTF-8"), OCC_OK },
    { "C16 in quotes", TYPE("application/json;charset=\"utf-8\""), OCC_OK },
    { "C16 DOC-4 JSON-LD", TYPE("application/ld+json"), OCC_OK },
    { "C16 DOC-4 CIMD", TYPE("application/cimd+json"), OCC_OK },
    { "1.10 a key set", TYPE("application/jwk-set+json"), OCC_OK },
    { "without case", "content-type:APPLICATION/Json\r\n", OCC_OK },
    { "another parameter", TYPE("application/json; profile=\"a;b\" ; x=1"), OCC_OK },
    { "C15 HTML", TYPE("text/html"), OCC__REASON_CIMD_TYPE },
    { "C15 D-5 none", "", OCC__REASON_CIMD_TYPE },
    { "C15 another charset", TYPE("application/json; charset=latin1"), OCC__REASON_CIMD_TYPE },
    { "a charset that begins alike", TYPE("application/json; charset=utf-8x"),
      OCC__REASON_CIMD_TYPE },
    { "a charset whose quotes do not end", TYPE("application/json; charset=\"utf-8"),
      OCC__REASON_CIMD_TYPE },
    { "a second charset", TYPE("application/json; charset=utf-8; charset=utf-16"),
      OCC__REASON_CIMD_TYPE },
    { "another tree", TYPE("text/json"), OCC__REASON_CIMD_TYPE },
    { "a type that only begins so", TYPE("application/jsonp"), OCC__REASON_CIMD_TYPE },
    { "a type that only ends so", TYPE("application/xjson"), OCC__REASON_CIMD_TYPE },
    { "nothing before the plus", TYPE("application/+json"), OCC__REASON_CIMD_TYPE },
    { "no subtype", TYPE("application/"), OCC__REASON_CIMD_TYPE },
    { "two in one line", TYPE("application/json, text/html"), OCC__REASON_CIMD_TYPE },
    { "two lines", JSON TYPE("text/html"), OCC__REASON_CIMD_TYPE },
    { "quotes that do not end", TYPE("application/json; x=\"a"), OCC__REASON_CIMD_TYPE },
    { "text without a semicolon", TYPE("application/json charset=utf-8"), OCC__REASON_CIMD_TYPE },
    { "C07 gzip", JSON "Content-Encoding: gzip\r\n", OCC__REASON_CIMD_TYPE },
    { "C07 identity and gzip", JSON "Content-Encoding: identity, gzip\r\n", OCC__REASON_CIMD_TYPE },
    { "C07 two lines", JSON "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n",
      OCC__REASON_CIMD_TYPE },
    { "C07 empty", JSON "Content-Encoding:\r\n", OCC__REASON_CIMD_TYPE },
    { "C07 identity", JSON "Content-Encoding: Identity\r\n", OCC_OK },
    { "C04 announced at the limit", JSON "Content-Length: 5120\r\n", OCC_OK },
    { "C04 one above", JSON "Content-Length: 5121\r\n", OCC__REASON_CIMD_LARGE },
    { "C04 above any number", JSON "Content-Length: 99999999999999999999999999\r\n",
      OCC__REASON_CIMD_LARGE },
    { "C17 lines that do not matter", JSON "Set-Cookie: a=b\r\nAlt-Svc: h3\r\n", OCC_OK },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__fetched_judge(200, occ__span_text(row[i].lines), 1, &rules), row[i].want);
  }
}

static void test_fetched_judge__option_and_limits(void **state)
{
  const occ_fetched_rules lenient = { OCC__CIMD_DOCUMENT, 1 };
  const occ_span json = occ__span_text(JSON);
  (void)state;

  assert_int_equal(occ__fetched_judge(200, occ__span(NULL, 0), 1, &lenient), OCC_OK);
  assert_int_equal(occ__fetched_judge(200, occ__span_text(TYPE("text/html")), 1, &lenient),
                   OCC__REASON_CIMD_TYPE);
  assert_int_equal(occ__fetched_judge(200, json, OCC__CIMD_DOCUMENT - 1, &rules), OCC_OK);
  assert_int_equal(occ__fetched_judge(200, json, OCC__CIMD_DOCUMENT, &rules), OCC_OK);
  assert_int_equal(occ__fetched_judge(200, json, OCC__CIMD_DOCUMENT + 1, &rules),
                   OCC__REASON_CIMD_LARGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fetched_judge__status),
    cmocka_unit_test(test_fetched_judge__lines),
    cmocka_unit_test(test_fetched_judge__option_and_limits),
  };
  return cmocka_run_group_tests_name("cimd/fetched", tests, NULL, NULL);
}
