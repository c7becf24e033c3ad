/* SPDX-License-Identifier: MIT */

/* Options: the defaults, each option at its bounds, and what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cimd/cimd_options.h"
#include "fail_mem.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static int read_options(occ_cimd_options *out, const char *json)
{
  occ_arena arena;
  int rc;

  occ__arena_init(&arena, &occ__mem_libc, 1u << 20);
  rc = occ__cimd_options_read(out, &arena, json);
  out->hosts = NULL; /* goes with the arena */
  occ__arena_clear(&arena);
  return rc;
}

static void test_options__defaults(void **state)
{
  static const char *const json[] = { NULL, "{}" };
  (void)state;

  for (size_t i = 0; i < 2; i++) {
    occ_cimd_options o;

    assert_int_equal(read_options(&o, json[i]), OCC_OK);
    assert_int_equal(o.url.octets, 512);
    assert_int_equal(o.url.ports + (size_t)o.url.any_port, 0);
    assert_int_equal(o.url.query + o.url.addresses + o.url.single_label + o.url.special_names, 0);
    assert_int_equal(o.url.need_path, 0);
    assert_int_equal(o.address.denies + o.address.allows + o.address.nat64s, 0);
    assert_int_equal(o.document.octets, 5120);
    assert_int_equal(o.document.same_host, 0);
    assert_int_equal(o.document.jwks_uri.octets, 512);
    assert_int_equal(o.document.jwks_uri.query, 1);
    assert_int_equal(o.fetched[OCC__CACHE_DOCUMENT].octets, 5120);
    assert_int_equal(o.fetched[OCC__CACHE_KEYSET].octets, 16384);
    assert_int_equal(o.fetched[0].type_optional + o.fetched[1].type_optional, 0);
    assert_int_equal(o.freshness.usual, 300000);
    assert_int_equal(o.freshness.least, 60000);
    assert_int_equal(o.freshness.most, 3600000);
    assert_int_equal(o.cache.entries[OCC__CACHE_DOCUMENT], 1000);
    assert_int_equal(o.cache.entries[OCC__CACHE_KEYSET], 500);
    assert_int_equal(o.cache.per_host, 16);
    assert_int_equal(o.cache.octets, 8388608);
    assert_int_equal(o.cache.flights, 16);
    assert_int_equal(o.cache.flights_per_host, 4);
    assert_int_equal(o.cache.minute, 120);
    assert_int_equal(o.cache.minute_per_host, 30);
    assert_int_equal(o.cache.kid_minute, 30);
    assert_int_equal(o.cache.domain_percent, 25);
    assert_int_equal(o.cache.most_ms, 3600000);
    assert_int_equal(o.cache.stale_ms, 0);
    assert_null(o.weakened[0]);
  }
}

/* least - 1, least, most, most + 1 */
static void test_options__numbers(void **state)
{
  static const struct {
    const char *name;
    long least, most;
    const char *more;
  } row[] = {
    { "client_id_octets", 16, 2048, "" },
    { "document_octets", 1024, 65536, "" },
    { "jwks_octets", 1024, 65536, "" },
    { "documents", 64, 100000, "" },
    { "key_sets", 64, 100000, "" },
    { "per_host", 4, 1000, ",\"fetches_at_once_per_host\":1" },
    { "octets", 524288, 1073741824, "" },
    { "fetches_at_once", 4, 64, "" },
    { "fetches_at_once_per_host", 1, 64, ",\"per_host\":1000" },
    { "fetches_per_minute", 4, 1200, "" },
    { "fetches_per_minute_per_host", 1, 1200, "" },
    { "unknown_keys_per_minute", 1, 1200, "" },
    { "domain_percent", 1, 100, "" },
    { "ttl", 1, 86400, "" },
    { "ttl_least", 1, 86400, ",\"ttl_most\":86400" },
    { "ttl_most", 1, 86400, ",\"ttl_least\":1" },
    { "stale_if_error", 0, 3600, "" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    const long value[] = { row[i].least - 1, row[i].least, row[i].most, row[i].most + 1 };

    for (size_t k = 0; k < 4; k++) {
      occ_cimd_options o;
      char json[128];

      (void)snprintf(json, sizeof(json), "{\"%s\":%ld%s}", row[i].name, value[k], row[i].more);
      print_message("  %s\n", json);
      assert_int_equal(read_options(&o, json), k == 1 || k == 2 ? OCC_OK : OCC_ERR_CONFIG);
    }
  }
}

static void test_options__rows(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "booleans",
      "{\"query\":true,\"path\":true,\"address_hosts\":false,\"single_label_hosts\":true,"
      "\"special_hosts\":true,\"jwks_uri_same_host\":true,\"content_type_optional\":true}",
      OCC_OK },
    { "ports", "{\"ports\":[8443,1,65535]}", OCC_OK },
    { "any port", "{\"ports\":\"any\"}", OCC_OK },
    { "eight ports", "{\"ports\":[1,2,3,4,5,6,7,8]}", OCC_OK },
    { "nine ports", "{\"ports\":[1,2,3,4,5,6,7,8,9]}", OCC_ERR_CONFIG },
    { "port 0", "{\"ports\":[0]}", OCC_ERR_CONFIG },
    { "port 65536", "{\"ports\":[65536]}", OCC_ERR_CONFIG },
    { "a port as text", "{\"ports\":[\"443\"]}", OCC_ERR_CONFIG },
    { "all ports", "{\"ports\":\"all\"}", OCC_ERR_CONFIG },
    { "hosts", "{\"hosts\":[\"*.example.org\"]}", OCC_OK },
    { "no hosts: nobody, or everybody?", "{\"hosts\":[]}", OCC_ERR_CONFIG },
    { "hosts no array", "{\"hosts\":\"*.example.org\"}", OCC_ERR_CONFIG },
    { "a host that is no text", "{\"hosts\":[1]}", OCC_ERR_CONFIG },
    { "an empty host", "{\"hosts\":[\"\"]}", OCC_ERR_CONFIG },
    { "B14 denied", "{\"deny_addresses\":[\"198.51.100.0/24\",\"2001:db8::/32\"]}", OCC_OK },
    { "denied, odd", "{\"deny_addresses\":[\"198.51.100.1/24\"]}", OCC_ERR_CONFIG },
    { "denied, no text", "{\"deny_addresses\":[1]}", OCC_ERR_CONFIG },
    { "denied, no array", "{\"deny_addresses\":\"10.0.0.0/8\"}", OCC_ERR_CONFIG },
    { "B15 SS-3 allowed in production", "{\"allow_addresses\":[\"127.0.0.2/32\"]}",
      OCC_ERR_CONFIG },
    { "B15 said to be none", "{\"development\":false,\"allow_addresses\":[\"127.0.0.2/32\"]}",
      OCC_ERR_CONFIG },
    { "SS-2 allowed in development",
      "{\"development\":true,\"allow_addresses\":[\"127.0.0.2/32\"]}", OCC_OK },
    { "NAT64", "{\"nat64_prefixes\":[\"64:ff9b::/96\"]}", OCC_OK },
    { "NAT64 of another length", "{\"nat64_prefixes\":[\"64:ff9b::/95\"]}", OCC_ERR_CONFIG },
    { "least above most", "{\"ttl_least\":3601}", OCC_ERR_CONFIG },
    { "a host has room for a quarter", "{\"per_host\":15}", OCC_ERR_CONFIG },
    { "another option", "{\"querys\":true}", OCC_ERR_CONFIG },
    { "a boolean as text", "{\"query\":\"true\"}", OCC_ERR_CONFIG },
    { "a number as text", "{\"documents\":\"1000\"}", OCC_ERR_CONFIG },
    { "development as number", "{\"development\":1}", OCC_ERR_CONFIG },
    { "an option twice", "{\"query\":true,\"query\":false}", OCC_ERR_SYNTAX },
    { "no object", "[]", OCC_ERR_SYNTAX },
    { "nothing", "", OCC_ERR_SYNTAX },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_cimd_options o;

    print_message("  %s\n", row[i].why);
    assert_int_equal(read_options(&o, row[i].json), row[i].want);
  }
}

static void test_options__what_they_do(void **state)
{
  occ_cimd_options o;
  (void)state;

  assert_int_equal(read_options(&o, "{\"ttl\":4000,\"stale_if_error\":60,\"jwks_octets\":2048,"
                                    "\"document_octets\":4096,\"ports\":[8443],\"path\":true,"
                                    "\"content_type_optional\":true}"),
                   OCC_OK);
  assert_int_equal(o.freshness.usual, 3600000); /* no more than most */
  assert_int_equal(o.cache.stale_ms, 60000);
  assert_int_equal(o.fetched[OCC__CACHE_KEYSET].octets, 2048);
  assert_int_equal(o.fetched[OCC__CACHE_DOCUMENT].octets, 4096);
  assert_int_equal(o.document.octets, 4096);
  assert_int_equal(o.document.jwks_uri.ports, 1);
  assert_int_equal(o.document.jwks_uri.need_path, 0);
  assert_int_equal(o.url.need_path, 1);
  assert_int_equal(o.fetched[OCC__CACHE_KEYSET].type_optional, 1);
  assert_string_equal(o.weakened[0], "cimd.content_type_optional");
  assert_null(o.weakened[1]);
}

/* Each one is told, and nothing but what is in use. */
static void test_options__that_weaken(void **state)
{
  static const char *const want[] = { "cimd.address_hosts",   "cimd.single_label_hosts",
                                      "cimd.special_hosts",   "cimd.content_type_optional",
                                      "cimd.allow_addresses", "cimd.ttl_most" };
  occ_cimd_options o;
  (void)state;

  assert_int_equal(
      read_options(&o, "{\"address_hosts\":true,\"single_label_hosts\":true,\"special_hosts\":true,"
                       "\"content_type_optional\":true,\"allow_addresses\":[\"127.0.0.2/32\"],"
                       "\"ttl_most\":3601,\"development\":true}"),
      OCC_OK);
  for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
    assert_string_equal(o.weakened[i], want[i]);
  }
  assert_null(o.weakened[sizeof(want) / sizeof(want[0])]);
  assert_int_equal(read_options(&o, "{\"address_hosts\":false,\"ttl_most\":3600,\"query\":true,"
                                    "\"jwks_uri_same_host\":true,\"development\":true}"),
                   OCC_OK);
  assert_null(o.weakened[0]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_options__defaults),     cmocka_unit_test(test_options__numbers),
    cmocka_unit_test(test_options__that_weaken),  cmocka_unit_test(test_options__rows),
    cmocka_unit_test(test_options__what_they_do),
  };
  return cmocka_run_group_tests_name("cimd/cimd_options", tests, NULL, NULL);
}
