/* SPDX-License-Identifier: MIT */

/* Options of occ_curl_new(), and its other arguments. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "adapters/curl/curl_options.h"
#include "fail_mem.h"
#include "occ/curl.h"
#include "occ/occ.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static void test_curl_options_read__takes(void **state)
{
  static const char *const row[] = {
    "{}",
    "{\"fetch_ms\":100,\"connect_ms\":100,\"call_ms\":100,\"call_octets\":1024}",
    "{\"fetch_ms\":10000,\"connect_ms\":10000,\"call_ms\":120000,\"call_octets\":1048576}",
    "{\"ca_file\":\"/etc/a.pem\",\"ca_path\":\"/etc/a\"}",
    "{\"ca_pem\":\"x\",\"ca_path\":\"/etc/a\"}",
    "{\"user_agent\":\"a\",\"call_proxy\":\"http://p.example:3128\"}",
    "{\"client_id\":\"a\",\"client_secret\":\"b\"}",
    "{\"skip_refused_addresses\":true}",
    "{\"development\":true,\"resolve\":[\"a.example:443:127.0.0.2\"]}",
    "{\"resolve\":[\"a.example:443:127.0.0.2\"],\"development\":true}",
    "{\"resolve\":[]}",
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_curl_options options;

    print_message("  %s\n", row[i]);
    assert_int_equal(occ__curl_options_read(&options, row[i]), OCC_OK);
    occ__curl_options_clear(&options);
  }
}

static void test_curl_options_read__refuses(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "no JSON", "{", OCC_ERR_SYNTAX },
    { "nothing", "", OCC_ERR_SYNTAX },
    { "no object", "[]", OCC_ERR_SYNTAX },
    { "a name twice", "{\"fetch_ms\":100,\"fetch_ms\":100}", OCC_ERR_SYNTAX },
    { "an option that there is not", "{\"verify\":false}", OCC_ERR_CONFIG },
    { "an option of curl's", "{\"CURLOPT_SSL_VERIFYPEER\":0}", OCC_ERR_CONFIG },
    { "below the least time", "{\"fetch_ms\":99}", OCC_ERR_CONFIG },
    { "above the most time", "{\"fetch_ms\":10001}", OCC_ERR_CONFIG },
    { "a time below zero", "{\"connect_ms\":-1}", OCC_ERR_CONFIG },
    { "above the most for a connection", "{\"connect_ms\":10001}", OCC_ERR_CONFIG },
    { "above the most for a call", "{\"call_ms\":120001}", OCC_ERR_CONFIG },
    { "a time in words", "{\"fetch_ms\":\"100\"}", OCC_ERR_CONFIG },
    { "a time that is no whole number", "{\"fetch_ms\":100.5}", OCC_ERR_CONFIG },
    { "too few octets", "{\"call_octets\":1023}", OCC_ERR_CONFIG },
    { "too many octets", "{\"call_octets\":1048577}", OCC_ERR_CONFIG },
    { "more than any number", "{\"call_octets\":9223372036854775807}", OCC_ERR_CONFIG },
    { "an empty text", "{\"ca_file\":\"\"}", OCC_ERR_CONFIG },
    { "a text with an octet 0", "{\"ca_file\":\"a\\u0000b\"}", OCC_ERR_SYNTAX },
    { "no text", "{\"user_agent\":1}", OCC_ERR_CONFIG },
    { "two files of anchors", "{\"ca_file\":\"a\",\"ca_pem\":\"b\"}", OCC_ERR_CONFIG },
    { "an id without a secret", "{\"client_id\":\"a\"}", OCC_ERR_CONFIG },
    { "a secret without an id", "{\"client_secret\":\"a\"}", OCC_ERR_CONFIG },
    { "a flag in words", "{\"skip_refused_addresses\":\"true\"}", OCC_ERR_CONFIG },
    { "names for tests, in production", "{\"resolve\":[\"a.example:443:127.0.0.2\"]}",
      OCC_ERR_CONFIG },
    { "the same, said so", "{\"development\":false,\"resolve\":[\"a.example:443:127.0.0.2\"]}",
      OCC_ERR_CONFIG },
    { "no list of names", "{\"development\":true,\"resolve\":\"a.example:443:127.0.0.2\"}",
      OCC_ERR_CONFIG },
    { "no text in it", "{\"development\":true,\"resolve\":[1]}", OCC_ERR_CONFIG },
    { "a good one, then no text", "{\"development\":true,\"resolve\":[\"a:1:127.0.0.2\",1]}",
      OCC_ERR_CONFIG },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_curl_options options;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__curl_options_read(&options, row[i].json), row[i].want);
    occ__curl_options_clear(&options);
  }
}

static void test_curl_options_read__defaults(void **state)
{
  occ_curl_options options;
  (void)state;

  assert_int_equal(occ__curl_options_read(&options, NULL), OCC_OK);
  assert_int_equal(options.fetch_ms, 3000);
  assert_int_equal(options.connect_ms, 1500);
  assert_int_equal(options.call_ms, 15000);
  assert_int_equal(options.skip_refused, 0);
  assert_null(options.call_proxy);
  assert_null(options.user);
  assert_null(options.resolve);
  occ__curl_options_clear(&options);
}

/* spec: RFC 6749 section 2.3.1: form-encoded first. */
static void test_curl_options_read__credentials(void **state)
{
  occ_curl_options options;
  (void)state;

  assert_int_equal(
      occ__curl_options_read(&options, "{\"client_id\":\"a:b c\",\"client_secret\":\"%+\"}"),
      OCC_OK);
  assert_string_equal(options.user, "a%3Ab%20c");
  assert_string_equal(options.password, "%25%2B");
  occ__curl_options_clear(&options);
}

/* ---- occ_curl_new() and what takes no blocking ---- */

static void test_curl_new__arguments(void **state)
{
  occ_curl *curl = (occ_curl *)(uintptr_t)1;
  occ_lib *lib = NULL;
  (void)state;

  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  assert_int_equal(occ_curl_new(NULL, lib, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_new(&curl, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_null(curl);
  assert_int_equal(occ_curl_new(&curl, lib, "{"), OCC_ERR_SYNTAX);
  assert_null(curl);
  assert_int_equal(occ_curl_new(&curl, lib, "{\"a\":1}"), OCC_ERR_CONFIG);
  assert_null(curl);
  assert_int_equal(occ_curl_new(&curl, lib, NULL), OCC_OK);
  occ_lib_free(lib); /* frees may come in any order */
  occ_curl_free(curl);
  occ_curl_free(NULL);
}

static void test_curl_attach__arguments(void **state)
{
  occ_curl *curl = NULL;
  occ_cimd *cimd = NULL;
  occ_config *config = NULL;
  occ_lib *lib = NULL;
  (void)state;

  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  assert_int_equal(occ_curl_new(&curl, lib, NULL), OCC_OK);
  assert_int_equal(occ_cimd_new(&cimd, lib, NULL), OCC_OK);
  assert_int_equal(occ_config_new(&config, lib, "https://as.example"), OCC_OK);
  assert_int_equal(occ_curl_attach(NULL, config, cimd), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_attach(curl, NULL, cimd), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_attach(curl, config, NULL),
                   OCC_ERR_ARGUMENT); /* it would be open to all */
  assert_int_equal(occ_curl_attach(curl, config, cimd), OCC_OK);
  assert_int_equal(occ_curl_attach(curl, config, cimd), OCC_OK); /* the first is let go of */
  assert_int_equal(occ_curl_use_multi(NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_use_multi(curl, NULL), OCC_OK);
  assert_int_equal(occ_curl_done(curl, NULL), 0);
  assert_int_equal(occ_curl_done(NULL, NULL), 0);
  assert_int_equal(occ_curl_on_message(NULL, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_call(NULL, NULL, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_call(curl, NULL, 0), OCC_ERR_ARGUMENT);
  occ_curl_free(curl); /* the configuration holds it */
  occ_config_free(config);
  occ_cimd_free(cimd);
  occ_lib_free(lib);
}

static void test_curl_new__survives_every_failed_allocation(void **state)
{
  fail_mem fm;
  int rc = OCC_ERR_MEMORY;
  (void)state;

  for (size_t n = 0; rc == OCC_ERR_MEMORY; n++) {
    occ_curl *curl = (occ_curl *)(uintptr_t)1;
    occ_lib *lib = NULL;

    fail_mem_init(&fm, SIZE_MAX, true);
    assert_int_equal(occ_lib_new(&lib, &fm.mem), OCC_OK);
    assert_ptr_equal(occ_lib_mem(lib)->user_data, &fm);
    fm.until = fm.count + n;
    rc = occ_curl_new(&curl, lib, "{\"development\":true,\"resolve\":[\"a:1:127.0.0.2\"]}");
    assert_true(rc == (fm.failed ? OCC_ERR_MEMORY : OCC_OK));
    assert_true((rc == OCC_OK) == (curl != NULL));
    occ_curl_free(curl);
    occ_lib_free(lib);
    assert_int_equal(fm.live, 0);
  }
  assert_int_equal(rc, OCC_OK);
  assert_null(occ_lib_mem(NULL));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_curl_options_read__takes),
    cmocka_unit_test(test_curl_options_read__refuses),
    cmocka_unit_test(test_curl_options_read__defaults),
    cmocka_unit_test(test_curl_options_read__credentials),
    cmocka_unit_test(test_curl_new__arguments),
    cmocka_unit_test(test_curl_attach__arguments),
    cmocka_unit_test(test_curl_new__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("adapters/curl/curl_options", tests, NULL, NULL);
}
