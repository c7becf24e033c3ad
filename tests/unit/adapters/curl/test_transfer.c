/* SPDX-License-Identifier: MIT */

/* A transfer without time is not begun: for libcurl 0 ms would be no limit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/curl/transfer.h"
#include "fail_mem.h"

static void test_transfer_set__needs_time(void **state)
{
  static const struct {
    int64_t ms;
    CURLcode want;
  } row[] = {
    { INT64_MIN, CURLE_OPERATION_TIMEDOUT },
    { -1, CURLE_OPERATION_TIMEDOUT },
    { 0, CURLE_OPERATION_TIMEDOUT },
    { 1, CURLE_OK },
  };
  occ_curl_options options;
  fail_mem fm;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  assert_int_equal(occ__curl_options_read(&options, NULL), OCC_OK);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_transfer *t = occ__transfer_new(&fm.mem, 10);

    assert_non_null(t);
    assert_int_equal(
        occ__transfer_set_get(t, &options, NULL, "https://app.example.org/c", row[i].ms),
        row[i].want);
    assert_int_equal(
        occ__transfer_set_post(t, &options, "https://app.example.org/t", "", 0, row[i].ms),
        row[i].want);
    occ__transfer_end(t, CURLE_OPERATION_TIMEDOUT);
    assert_string_equal(t->failure, "fetch_timeout");
    occ__transfer_free(t);
  }
  occ__curl_options_clear(&options);
  assert_int_equal(fm.live, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_transfer_set__needs_time),
  };
  return cmocka_run_group_tests_name("adapters/curl/transfer", tests, NULL, NULL);
}
