/* SPDX-License-Identifier: MIT */

/* Client identifier URLs: what is one, and by which option. Case ids: cases A and CU of the requirements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cimd/client_url.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define BAD     OCC__REASON_CIMD_URL
#define L10     "abcdefghij"
#define L60     L10 L10 L10 L10 L10 L10

static const occ_client_url_rules strict = { .octets = OCC__CIMD_URL };

static int read_as(const char *text, size_t len, const occ_client_url_rules *rules)
{
  /* An exact heap block, so that the sanitizer sees an octet too far. */
  uint8_t *copy = malloc(len > 0 ? len : 1);
  occ_client_url url = { { copy, 1 }, { copy, 1 }, 1 };
  int rc;

  assert_non_null(copy);
  memcpy(copy, text, len);
  rc = occ__client_url_read(&url, occ__span(copy, len), rules);
  assert_true(rc == OCC_OK || rc == BAD);
  assert_true((rc == OCC_OK) == (url.host.base != NULL));
  assert_true((rc == OCC_OK) == (url.target.len > 0 && url.port > 0));
  free(copy);
  return rc;
}

static int read_text(const char *text, const occ_client_url_rules *rules)
{
  return read_as(text, strlen(text), rules);
}

static void test_read__takes(void **state)
{
  static const struct {
    const char *why, *id, *host, *target;
  } row[] = {
    { "A01 the usual", "https://app.example.org/client.json", "app.example.org", "/client.json" },
    { "A04 the root alone", "https://app.example.org/", "app.example.org", "/" },
    { "A07 double encoding is no dot segment", "https://app.example.org/a/%252e%252e/c",
      "app.example.org", "/a/%252e%252e/c" },
    { "A11 port 443 written out is another id", "https://app.example.org:443/c", "app.example.org",
      "/c" },
    { "A18 punycode", "https://xn--mnchen-3ya.example.org/c", "xn--mnchen-3ya.example.org", "/c" },
    { "A19 a label of 63 octets", "https://" L60 "abc.org/c", L60 "abc.org", "/c" },
    { "CU-8 letters keep their case", "https://App.Example.org/C", "App.Example.org", "/C" },
    { "empty segments stay", "https://app.example.org//a//", "app.example.org", "//a//" },
    { "three dots are a name", "https://app.example.org/.../c", "app.example.org", "/.../c" },
    { "a name that begins with a dot", "https://app.example.org/.well-known/c", "app.example.org",
      "/.well-known/c" },
    { "dots and an escape", "https://app.example.org/..%41", "app.example.org", "/..%41" },
    { "every octet that a path may have", "https://app.example.org/-._~!$&'()*+,;=:@aZ09",
      "app.example.org", "/-._~!$&'()*+,;=:@aZ09" },
    { "digits in a label, not in the last", "https://127.0.0.1.example.org/c",
      "127.0.0.1.example.org", "/c" },
    { "a last label that only begins with 0x", "https://app.0xg/c", "app.0xg", "/c" },
    { "a special name as a first label", "https://localhost.example.org/c", "localhost.example.org",
      "/c" },
    { "ends like a special name", "https://mylocalhost.org/c", "mylocalhost.org", "/c" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_client_url url;

    print_message("  %s\n", row[i].why);
    assert_true(occ__client_url_is_ours(occ__span_text(row[i].id)));
    assert_int_equal(occ__client_url_read(&url, occ__span_text(row[i].id), &strict), OCC_OK);
    assert_true(occ__span_is(url.host, row[i].host));
    assert_true(occ__span_is(url.target, row[i].target));
    assert_int_equal(url.port, 443);
  }
}

static void test_read__refuses(void **state)
{
  static const struct {
    const char *why, *id;
  } row[] = {
    { "nothing", "" },
    { "A02 http", "http://app.example.org/c" },
    { "A03 CU-4 no path", "https://app.example.org" },
    { "A03 no path but a query", "https://app.example.org?x" },
    { "A05 CU-5 two dots inside", "https://app.example.org/a/../c" },
    { "A05 one dot inside", "https://app.example.org/a/./c" },
    { "A05 two dots at the end", "https://app.example.org/.." },
    { "A05 one dot at the end", "https://app.example.org/." },
    { "A05 two dots and a slash", "https://app.example.org/../" },
    { "A06 both dots escaped", "https://app.example.org/a/%2e%2e/c" },
    { "A06 one of two, upper case", "https://app.example.org/a/.%2E/c" },
    { "A06 the first of two", "https://app.example.org/a/%2e./c" },
    { "A06 one dot escaped", "https://app.example.org/%2e" },
    { "A08 CU-7 fragment", "https://app.example.org/c#frag" },
    { "A08 empty fragment", "https://app.example.org/c#" },
    { "A08 fragment where the path should be", "https://app.example.org#" },
    { "A09 CU-2 user", "https://user@app.example.org/c" },
    { "A09 empty user", "https://@app.example.org/c" },
    { "A09 empty user and password", "https://:@app.example.org/c" },
    { "A09 user and password", "https://a:b@app.example.org/c" },
    { "A10 CU-6 query", "https://app.example.org/c?x=1" },
    { "A10 empty query", "https://app.example.org/c?" },
    { "A11 another port", "https://app.example.org:8443/c" },
    { "A11 empty port", "https://app.example.org:/c" },
    { "A11 port 0", "https://app.example.org:0/c" },
    { "A11 port 65536", "https://app.example.org:65536/c" },
    { "A11 leading zeros", "https://app.example.org:00443/c" },
    { "A11 one leading zero", "https://app.example.org:0443/c" },
    { "A11 a sign", "https://app.example.org:+443/c" },
    { "A11 a port with a letter", "https://app.example.org:44x/c" },
    { "A11 a port of 20 digits", "https://app.example.org:18446744073709552059/c" },
    { "A11 two ports", "https://app.example.org:443:443/c" },
    { "A12 one slash", "https:/app.example.org/c" },
    { "A12 no slash", "https:app.example.org/c" },
    { "A12 three slashes", "https:///app.example.org/c" },
    { "A12 backslashes", "https:\\\\app.example.org\\c" },
    { "A12 a backslash in the host", "https://app.example.org\\@evil.example.net/c" },
    { "A12 upper case scheme", "HTTPS://app.example.org/c" },
    { "A12 no scheme", "//app.example.org/c" },
    { "A13 space before", " https://app.example.org/c" },
    { "A13 space after", "https://app.example.org/c " },
    { "A13 space in the host", "https://app .example.org/c" },
    { "A13 tab", "https://app.example.org/\tc" },
    { "A13 CR LF", "https://app.example.org/c\r\n" },
    { "A13 LF in the host", "https://app.example.org\n/c" },
    { "A13 DEL", "https://app.example.org/\x7f" },
    { "A14 decimal address", "https://2130706433/c" },
    { "A14 hexadecimal address", "https://0x7f000001/c" },
    { "A14 octal address", "https://0177.0.0.1/c" },
    { "A14 short address", "https://127.1/c" },
    { "A14 zero", "https://0/c" },
    { "A14 a hexadecimal last label", "https://1.2.3.0x4/c" },
    { "A14 0x alone", "https://app.0x/c" },
    { "A15 IPv4", "https://127.0.0.1/c" },
    { "A15 IPv6", "https://[::1]/c" },
    { "A15 mapped", "https://[::ffff:127.0.0.1]/c" },
    { "A15 zone", "https://[fe80::1%25eth0]/c" },
    { "A16 localhost", "https://localhost/c" },
    { "A16 below localhost", "https://foo.localhost/c" },
    { "A16 below localhost, upper case", "https://foo.LOCALHOST/c" },
    { "A16 local", "https://printer.local/c" },
    { "A16 internal", "https://x.internal/c" },
    { "A16 one label", "https://intranet/c" },
    { "A16 home.arpa", "https://home.arpa/c" },
    { "A16 below home.arpa", "https://a.home.arpa/c" },
    { "A16 test", "https://a.test/c" },
    { "A16 invalid", "https://a.invalid/c" },
    { "A16 example", "https://a.example/c" },
    { "A16 onion", "https://a.onion/c" },
    { "A16 alt", "https://a.alt/c" },
    { "A17 dot at the end", "https://app.example.org./c" },
    { "A17 dot at the beginning", "https://.example.org/c" },
    { "A17 two dots", "https://app..example.org/c" },
    { "A17 only a dot", "https://./c" },
    { "A18 raw UTF-8", "https://m\xc3\xbcnchen.example.org/c" },
    { "A18 full-width digits", "https://\xef\xbc\x91\xef\xbc\x92.example.org/c" },
    { "A18 raw UTF-8 in the path", "https://app.example.org/\xc3\xbc" },
    { "A19 a label of 64 octets", "https://" L60 "abcd.org/c" },
    { "A19 a label that begins with -", "https://-app.example.org/c" },
    { "A19 a label that ends with -", "https://app-.example.org/c" },
    { "A19 an underscore", "https://my_app.example.org/c" },
    { "A21 no hex digits", "https://app.example.org/%zz" },
    { "A21 one hex digit", "https://app.example.org/%1g" },
    { "A21 a lone % at the end", "https://app.example.org/c%" },
    { "A21 cut escape at the end", "https://app.example.org/c%4" },
    { "A21 an escape cut by a slash", "https://app.example.org/%4/1" },
    { "an escaped zero octet", "https://app.example.org/c%00" },
    { "an escaped slash", "https://app.example.org/a%2fb" },
    { "an escaped backslash", "https://app.example.org/a%5Cb" },
    { "an escape in the host", "https://loc%61lhost.example.org/c" },
    { "octets that no path has", "https://app.example.org/<c>" },
    { "a quotation mark", "https://app.example.org/\"" },
    { "a backslash in the path", "https://app.example.org/a\\b" },
    { "brackets in the path", "https://app.example.org/[a]" },
    { "no host", "https://:443/c" },
    { "an open bracket", "https://[::1/c" },
    { "text behind the bracket", "https://[::1]x/c" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(read_text(row[i].id, &strict), BAD);
  }
  print_message("  A13 a zero octet\n");
  assert_int_equal(read_as("https://app.example.org/c\0d", 27, &strict), BAD);
  assert_int_equal(read_as("https://app\0.example.org/c", 26, &strict), BAD);
}

/* Each option opens what its row says, and nothing of the others. */
static void test_read__options(void **state)
{
  static const struct {
    const char *why, *id;
    occ_client_url_rules rules;
    int want;
  } row[] = {
    { "A10 query", "https://a.org/c?x=1/?%41", { .query = 1 }, OCC_OK },
    { "A10 empty query", "https://a.org/c?", { .query = 1 }, OCC_OK },
    { "A10 a fragment behind a query", "https://a.org/c?x#", { .query = 1 }, BAD },
    { "A10 a cut escape in a query", "https://a.org/c?%4", { .query = 1 }, BAD },
    { "A10 a space in a query", "https://a.org/c?a b", { .query = 1 }, BAD },
    { "A10 still no path", "https://a.org?x", { .query = 1 }, BAD },
    { "A11 a listed port", "https://a.org:8443/c", { .port = { 8443 }, .ports = 1 }, OCC_OK },
    { "A11 not listed", "https://a.org:8444/c", { .port = { 8443 }, .ports = 1 }, BAD },
    { "A11 443 beside a list", "https://a.org:443/c", { .port = { 8443 }, .ports = 1 }, OCC_OK },
    { "A11 any port", "https://a.org:65535/c", { .any_port = 1 }, OCC_OK },
    { "A11 port 2", "https://a.org:2/c", { .any_port = 1 }, OCC_OK },
    { "A11 any port is none above", "https://a.org:65536/c", { .any_port = 1 }, BAD },
    { "B13 SMTP", "https://a.org:25/c", { .any_port = 1 }, BAD },
    { "B13 SSH", "https://a.org:22/c", { .any_port = 1 }, BAD },
    { "B13 Redis", "https://a.org:6379/c", { .any_port = 1 }, BAD },
    { "B13 the last of the list", "https://a.org:27017/c", { .any_port = 1 }, BAD },
    { "IPv4", "https://127.0.0.1/c", { .addresses = 1 }, OCC_OK },
    { "IPv4, highest", "https://255.255.255.255/c", { .addresses = 1 }, OCC_OK },
    { "IPv4, 256", "https://1.2.3.256/c", { .addresses = 1 }, BAD },
    { "IPv4, three parts", "https://1.2.3/c", { .addresses = 1 }, BAD },
    { "IPv4, five parts", "https://1.2.3.4.5/c", { .addresses = 1 }, BAD },
    { "IPv4, leading zero", "https://127.0.0.01/c", { .addresses = 1 }, BAD },
    { "IPv4, hexadecimal", "https://127.0.0.0x1/c", { .addresses = 1 }, BAD },
    { "IPv4, decimal", "https://2130706433/c", { .addresses = 1 }, BAD },
    { "IPv4, empty part", "https://1..2.3/c", { .addresses = 1 }, BAD },
    { "IPv4, dot at the end", "https://1.2.3.4./c", { .addresses = 1 }, BAD },
    { "IPv6", "https://[::1]/c", { .addresses = 1 }, OCC_OK },
    { "IPv6 and port", "https://[2001:db8::1]:443/c", { .addresses = 1 }, OCC_OK },
    { "IPv6 with IPv4", "https://[::ffff:1.2.3.4]/c", { .addresses = 1 }, OCC_OK },
    { "IPv6 with zone", "https://[fe80::1%25lo]/c", { .addresses = 1 }, BAD },
    { "IPv6, no colons", "https://[abcd]/c", { .addresses = 1 }, BAD },
    { "IPv6, empty", "https://[]/c", { .addresses = 1 }, BAD },
    { "IPv6, text behind", "https://[::1]a/c", { .addresses = 1 }, BAD },
    { "IPv6, not closed", "https://[::1/c", { .addresses = 1 }, BAD },
    { "addresses are not names", "https://localhost/c", { .addresses = 1 }, BAD },
    { "one label", "https://intranet/c", { .single_label = 1 }, OCC_OK },
    { "one label, special", "https://localhost/c", { .single_label = 1 }, BAD },
    { "one label, a number", "https://2130706433/c", { .single_label = 1 }, BAD },
    { "special names", "https://a.test/c", { .special_names = 1 }, OCC_OK },
    { "special names of one label",
      "https://localhost/c",
      { .special_names = 1, .single_label = 1 },
      OCC_OK },
    { "special names are no single labels", "https://localhost/c", { .special_names = 1 }, BAD },
    { "A04 a path is wanted", "https://a.org/", { .need_path = 1 }, BAD },
    { "A04 and is there", "https://a.org/c", { .need_path = 1 }, OCC_OK },
    { "A04 a query is no path", "https://a.org/?c", { .need_path = 1, .query = 1 }, BAD },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_client_url_rules rules = row[i].rules;

    rules.octets = OCC__CIMD_URL;
    print_message("  %s\n", row[i].why);
    assert_int_equal(read_text(row[i].id, &rules), row[i].want);
  }
}

/* A20, A19: limits at -1, 0, +1. */
static void test_read__limits(void **state)
{
  static const char begin[] = "https://app.example.org/";
  occ_client_url_rules large = { .octets = OCC__CIMD_URL_MAX };
  char *text = malloc(1u << 20);
  char name[300];
  (void)state;

  assert_non_null(text);
  memset(text, 'a', 1u << 20);
  memcpy(text, begin, strlen(begin));
  assert_int_equal(read_as(text, OCC__CIMD_URL - 1, &strict), OCC_OK);
  assert_int_equal(read_as(text, OCC__CIMD_URL, &strict), OCC_OK);
  assert_int_equal(read_as(text, OCC__CIMD_URL + 1, &strict), BAD);
  assert_int_equal(read_as(text, OCC__CIMD_URL_MAX, &large), OCC_OK);
  assert_int_equal(read_as(text, OCC__CIMD_URL_MAX + 1, &large), BAD);
  assert_int_equal(read_as(text, 1u << 20, &strict), BAD);
  free(text);
  for (size_t len = 252; len <= 254; len++) { /* of the name */
    memset(name, 'a', sizeof(name));
    memcpy(name, "https://", 8);
    for (size_t i = 40; i < len - 4; i += 40) {
      name[8 + i] = '.';
    }
    memcpy(name + 8 + len - 4, ".org/", 5);
    assert_int_equal(read_as(name, 8 + len + 1, &strict), len <= 253 ? OCC_OK : BAD);
  }
}

static void test_is_ours__literal_prefix(void **state)
{
  (void)state;

  assert_true(occ__client_url_is_ours(occ__span_text("https://")));
  assert_true(occ__client_url_is_ours(occ__span_text("https://x")));
  assert_false(occ__client_url_is_ours(occ__span_text("https:/")));
  assert_false(occ__client_url_is_ours(occ__span_text("http://x.org/c")));
  assert_false(occ__client_url_is_ours(occ__span_text("Https://x.org/c")));
  assert_false(occ__client_url_is_ours(occ__span_text("agent-7")));
  assert_false(occ__client_url_is_ours(occ__span(NULL, 0)));
}

static void test_host_is__patterns(void **state)
{
  static const struct {
    const char *why, *host, *pattern;
    int want;
  } row[] = {
    { "the same", "a.example.org", "a.example.org", 1 },
    { "without case", "A.example.ORG", "a.Example.org", 1 },
    { "below", "a.example.org", "*.example.org", 1 },
    { "far below", "a.b.example.org", "*.example.org", 1 },
    { "the domain itself is not below", "example.org", "*.example.org", 0 },
    { "ends alike", "aexample.org", "*.example.org", 0 },
    { "nothing before the dot", ".example.org", "*.example.org", 0 },
    { "longer", "a.example.org.evil.net", "*.example.org", 0 },
    { "another", "b.example.org", "a.example.org", 0 },
    { "a prefix", "a.example.orgs", "a.example.org", 0 },
    { "a star elsewhere is no pattern", "a.example.org", "a.*.org", 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__client_url_host_is(occ__span_text(row[i].host), row[i].pattern),
                     row[i].want);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_read__takes),
    cmocka_unit_test(test_read__refuses),
    cmocka_unit_test(test_read__options),
    cmocka_unit_test(test_read__limits),
    cmocka_unit_test(test_is_ours__literal_prefix),
    cmocka_unit_test(test_host_is__patterns),
  };
  return cmocka_run_group_tests_name("cimd/client_url", tests, NULL, NULL);
}
