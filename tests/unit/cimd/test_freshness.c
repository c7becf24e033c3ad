/* SPDX-License-Identifier: MIT */

/* How long a response is fresh. Case ids: cases E of the requirements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cimd/freshness.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define LEAST   60
#define USUAL   300
#define MOST    3600
#define DATE    "Date: Tue, 24 Nov 2026 10:00:00 GMT\r\n"

static const occ_freshness_rules rules = { USUAL * 1000, LEAST * 1000, MOST * 1000 };

static void test_freshness_of__lines(void **state)
{
  static const struct {
    const char *why, *lines;
    int seconds, may_be_stale;
  } row[] = {
    { "E02 no lines", "", USUAL, 1 },
    { "E02 other lines", "Content-Type: application/json\r\nETag: \"x\"\r\n", USUAL, 1 },
    { "E01", "Cache-Control: max-age=120\r\n", 120, 1 },
    { "names without case", "cache-CONTROL: MAX-age=120\r\n", 120, 1 },
    { "least - 1", "Cache-Control: max-age=59\r\n", LEAST, 1 },
    { "least", "Cache-Control: max-age=60\r\n", LEAST, 1 },
    { "least + 1", "Cache-Control: max-age=61\r\n", 61, 1 },
    { "most - 1", "Cache-Control: max-age=3599\r\n", 3599, 1 },
    { "most", "Cache-Control: max-age=3600\r\n", MOST, 1 },
    { "most + 1", "Cache-Control: max-age=3601\r\n", MOST, 1 },
    { "E03 a year", "Cache-Control: max-age=31536000\r\n", MOST, 1 },
    { "2^31 - 1", "Cache-Control: max-age=2147483647\r\n", MOST, 1 },
    { "2^31", "Cache-Control: max-age=2147483648\r\n", LEAST, 0 },
    { "zero", "Cache-Control: max-age=0\r\n", LEAST, 1 },
    { "the longest of ten digits", "Cache-Control: max-age=0000000120\r\n", 120, 1 },
    { "eleven digits", "Cache-Control: max-age=00000000120\r\n", LEAST, 0 },
    { "E04 no-store", "Cache-Control: no-store\r\n", LEAST, 0 },
    { "E04 no-store beside a long life", "Cache-Control: max-age=3600, No-Store\r\n", LEAST, 0 },
    { "E04 no-cache", "Cache-Control: no-cache\r\n", LEAST, 0 },
    { "E04 no-cache for a field", "Cache-Control: no-cache=\"X\", max-age=3600\r\n", LEAST, 0 },
    { "E04 private", "Cache-Control: private, max-age=3600\r\n", LEAST, 0 },
    { "must-revalidate", "Cache-Control: max-age=120,must-revalidate\r\n", 120, 0 },
    { "proxy-revalidate", "Cache-Control: max-age=120 , proxy-revalidate\r\n", 120, 0 },
    { "s-maxage goes before", "Cache-Control: max-age=120, s-maxage=240\r\n", 240, 1 },
    { "s-maxage goes before, also when shorter", "Cache-Control: s-maxage=120, max-age=240\r\n",
      120, 1 },
    { "unknown directives", "Cache-Control: public, x=1, max-age=120, immutable\r\n", 120, 1 },
    { "empty directives", "Cache-Control: ,, max-age=120,\r\n", 120, 1 },
    { "in the quotes of another", "Cache-Control: x=\"a, max-age=3600\", max-age=120\r\n", 120, 1 },
    { "in quotes with an escape", "Cache-Control: x=\"a\\\", max-age=3600\", max-age=120\r\n", 120,
      1 },
    { "quotes that do not end", "Cache-Control: max-age=120, x=\"a\r\n", LEAST, 0 },
    { "an escape that does not end", "Cache-Control: max-age=120, x=\"a\\\r\n", LEAST, 0 },
    { "E07 negative", "Cache-Control: max-age=-1\r\n", LEAST, 0 },
    { "E07 twenty digits", "Cache-Control: max-age=99999999999999999999\r\n", LEAST, 0 },
    { "E07 in quotes", "Cache-Control: max-age=\"120\"\r\n", LEAST, 0 },
    { "E07 twice", "Cache-Control: max-age=120, max-age=240\r\n", LEAST, 0 },
    { "E07 twice the same", "Cache-Control: max-age=120, max-age=120\r\n", LEAST, 0 },
    { "E07 two lines", "Cache-Control: max-age=120\r\nCache-Control: max-age=240\r\n", LEAST, 0 },
    { "without a value", "Cache-Control: max-age\r\n", LEAST, 0 },
    { "with an empty value", "Cache-Control: max-age=\r\n", LEAST, 0 },
    { "with a fraction", "Cache-Control: max-age=120.5\r\n", LEAST, 0 },
    { "with a blank", "Cache-Control: max-age= 120\r\n", LEAST, 0 },
    { "with a sign", "Cache-Control: max-age=+120\r\n", LEAST, 0 },
    { "with a semicolon", "Cache-Control: max-age=120;x\r\n", LEAST, 0 },
    { "s-maxage odd, max-age not", "Cache-Control: s-maxage=x, max-age=120\r\n", LEAST, 0 },
    { "E05 Age", "Cache-Control: max-age=240\r\nAge: 100\r\n", 140, 1 },
    { "E05 Age leaves less than the least", "Cache-Control: max-age=120\r\nAge: 100\r\n", LEAST,
      1 },
    { "Age is more", "Cache-Control: max-age=120\r\nAge: 3600\r\n", LEAST, 1 },
    { "Age odd", "Cache-Control: max-age=240\r\nAge: -1\r\n", LEAST, 0 },
    { "Age a list", "Cache-Control: max-age=240\r\nAge: 1, 2\r\n", LEAST, 0 },
    { "Age too large", "Cache-Control: max-age=240\r\nAge: 2147483648\r\n", LEAST, 0 },
    { "Age twice", "Cache-Control: max-age=240\r\nAge: 1\r\nAge: 1\r\n", LEAST, 0 },
    { "Age empty", "Cache-Control: max-age=240\r\nAge:\r\n", LEAST, 0 },
    { "Expires", DATE "Expires: Tue, 24 Nov 2026 10:10:00 GMT\r\n", 600, 1 },
    { "Expires and Age", DATE "Expires: Tue, 24 Nov 2026 10:10:00 GMT\r\nAge: 60\r\n", 540, 1 },
    { "max-age goes before",
      DATE "Expires: Tue, 24 Nov 2026 10:10:00 GMT\r\nCache-Control: max-age=120\r\n", 120, 1 },
    { "E06 Expires is over", DATE "Expires: Tue, 24 Nov 2026 09:00:00 GMT\r\n", LEAST, 1 },
    { "E06 Expires is far", DATE "Expires: Fri, 31 Dec 9999 23:59:59 GMT\r\n", MOST, 1 },
    { "E06 Expires is no date", DATE "Expires: 0\r\n", LEAST, 0 },
    { "E06 Expires of another form", DATE "Expires: Tuesday, 24-Nov-26 10:10:00 GMT\r\n", LEAST,
      0 },
    { "Expires and no Date", "Expires: Tue, 24 Nov 2026 10:10:00 GMT\r\n", LEAST, 0 },
    { "Expires and an odd Date", "Date: now\r\nExpires: Tue, 24 Nov 2026 10:10:00 GMT\r\n", LEAST,
      0 },
    { "Expires twice",
      DATE "Expires: Tue, 24 Nov 2026 10:10:00 GMT\r\nExpires: Tue, 24 Nov 2026 10:10:00 GMT\r\n",
      LEAST, 0 },
    { "Date twice", DATE DATE "Expires: Tue, 24 Nov 2026 10:10:00 GMT\r\n", LEAST, 0 },
    { "Vary *", "Cache-Control: max-age=120\r\nVary: *\r\n", LEAST, 0 },
    { "Vary * in a list", "Vary: Accept, *\r\n", LEAST, 0 },
    { "Vary of a field", "Cache-Control: max-age=120\r\nVary: Accept\r\n", 120, 1 },
    { "line ends without CR", "Cache-Control: max-age=120\nX: y\n", 120, 1 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    const occ_freshness got = occ__freshness_of(occ__span_text(row[i].lines), &rules);

    print_message("  %s\n", row[i].why);
    assert_int_equal(got.ms, row[i].seconds * 1000);
    assert_int_equal(got.may_be_stale, row[i].may_be_stale);
  }
}

static void test_freshness_of__bounds_hold_for_what_is_usual(void **state)
{
  const occ_freshness_rules narrow = { 10 * 1000, 60 * 1000, 60 * 1000 };
  (void)state;

  assert_int_equal(occ__freshness_of(occ__span(NULL, 0), &narrow).ms, 60 * 1000);
}

static void test_freshness_date__reads(void **state)
{
  static const struct {
    const char *why, *text;
    int64_t want;
  } row[] = {
    { "that of the RFC", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "the first", "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "the last of a short month", "Sun, 28 Feb 2100 00:00:00 GMT", 4107456000 },
    { "a leap day", "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
    { "a leap day of a century", "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
    { "the last of a year", "Thu, 31 Dec 2026 23:59:59 GMT", 1798761599 },
    { "a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
    { "no leap day", "Sun, 29 Feb 2100 00:00:00 GMT", -1 },
    { "day 0", "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
    { "day 31 of a short month", "Sun, 31 Nov 1994 08:49:37 GMT", -1 },
    { "hour 24", "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
    { "minute 60", "Sun, 06 Nov 1994 08:60:37 GMT", -1 },
    { "second 61", "Sun, 06 Nov 1994 08:49:61 GMT", -1 },
    { "before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
    { "a month that is none", "Sun, 06 Now 1994 08:49:37 GMT", -1 },
    { "a day that is none", "Son, 06 Nov 1994 08:49:37 GMT", -1 },
    { "another zone", "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
    { "lower case", "sun, 06 nov 1994 08:49:37 gmt", -1 },
    { "one digit", "Sun,  6 Nov 1994 08:49:37 GMT", -1 },
    { "one digit, shorter", "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
    { "letters for digits", "Sun, 06 Nov 1994 0x:49:37 GMT", -1 },
    { "asctime", "Sun Nov  6 08:49:37 1994", -1 },
    { "text behind", "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
    { "nothing", "", -1 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__freshness_date(occ__span_text(row[i].text)), row[i].want);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_freshness_of__lines),
    cmocka_unit_test(test_freshness_of__bounds_hold_for_what_is_usual),
    cmocka_unit_test(test_freshness_date__reads),
  };
  return cmocka_run_group_tests_name("cimd/freshness", tests, NULL, NULL);
}
