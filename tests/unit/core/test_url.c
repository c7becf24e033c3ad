/* SPDX-License-Identifier: MIT */

/* Normal forms, and which URLs a configuration may name. */

#include "core/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "occ/base.h"

static const char wanted[] = "https://as.example/oauth/token";

static int normal(const char *text, size_t len, char out[OCC__MAX_URL + 1])
{
  uint8_t *copy = malloc(len + 1); /* an exact block: reading past its end is seen */
  size_t out_len = 12345;
  int rc;

  assert_non_null(copy);
  memcpy(copy, text, len);
  memset(out, 'x', OCC__MAX_URL + 1);
  rc = occ__url_normal(out, &out_len, occ__span(len == 0 ? NULL : copy, len));
  free(copy);
  if (rc == OCC_OK) {
    assert_int_equal(out_len, strlen(out));
  } else {
    assert_int_equal(rc, OCC_ERR_SYNTAX);
    assert_int_equal(out_len, 12345);
    assert_string_equal(out, "");
  }
  return rc;
}

static void test_url_normal__makes_equal(void **state)
{
  static const struct {
    const char *why, *url;
  } row[] = {
    { "N-DPOP-11 as it is", "https://as.example/oauth/token" },
    { "N-DPOP-11 upper-case scheme", "HTTPS://as.example/oauth/token" },
    { "N-DPOP-11 upper-case host", "https://AS.Example/oauth/token" },
    { "N-DPOP-11 explicit default port", "https://as.example:443/oauth/token" },
    { "N-DPOP-11 empty port", "https://as.example:/oauth/token" },
    { "N-DPOP-11 escape of an unreserved octet", "https://as.example/oauth/t%6Fken" },
    { "N-DPOP-11 the same in lower case", "https://as.example/oauth/t%6fken" },
    { "N-DPOP-11 escape in the host", "https://%41s.example/oauth/token" },
    { "N-DPOP-11 segment of one dot", "https://as.example/./oauth/././token" },
    { "N-DPOP-11 segment of two dots", "https://as.example/a/b/../../oauth/token" },
    { "N-DPOP-11 dots above the root", "https://as.example/../../oauth/token" },
    { "N-DPOP-11 escaped dots", "https://as.example/x/%2e%2E/oauth/token" },
    { "N-DPOP-11 query", "https://as.example/oauth/token?a=b&c=/../d" },
    { "N-DPOP-11 empty query", "https://as.example/oauth/token?" },
    { "N-DPOP-11 fragment", "https://as.example/oauth/token#x" },
    { "N-DPOP-11 query and fragment", "https://as.example/oauth/token?x=%#?y" },
  };
  char out[OCC__MAX_URL + 1];
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(normal(row[i].url, strlen(row[i].url), out), OCC_OK);
    assert_string_equal(out, wanted);
  }
}

static void test_url_normal__keeps_different(void **state)
{
  static const struct {
    const char *why, *url, *want;
  } row[] = {
    { "N-DPOP-10 other host", "https://as.example.org/oauth/token",
      "https://as.example.org/oauth/token" },
    { "N-DPOP-10 dot after the host", "https://as.example./oauth/token",
      "https://as.example./oauth/token" },
    { "N-DPOP-10 http", "http://as.example/oauth/token", "http://as.example/oauth/token" },
    { "N-DPOP-10 other port", "https://as.example:8443/oauth/token",
      "https://as.example:8443/oauth/token" },
    { "N-DPOP-10 port of the other scheme", "https://as.example:80/oauth/token",
      "https://as.example:80/oauth/token" },
    { "N-DPOP-10 https port with http", "http://as.example:443/oauth/token",
      "http://as.example:443/oauth/token" },
    { "http's own port goes", "http://as.example:80/oauth/token", "http://as.example/oauth/token" },
    { "N-DPOP-10 other path", "https://as.example/oauth/tokens",
      "https://as.example/oauth/tokens" },
    { "N-DPOP-10 path case", "https://as.example/oauth/Token", "https://as.example/oauth/Token" },
    { "N-DPOP-10 trailing slash", "https://as.example/oauth/token/",
      "https://as.example/oauth/token/" },
    { "N-DPOP-10 trailing dot segment", "https://as.example/oauth/token/.",
      "https://as.example/oauth/token/" },
    { "two dots at the end", "https://as.example/oauth/token/..", "https://as.example/oauth/" },
    { "two dots at the root", "https://as.example/..", "https://as.example/" },
    { "three dots are a name", "https://as.example/.../.a/..b", "https://as.example/.../.a/..b" },
    { "N-DPOP-10 %2F is no slash", "https://as.example/oauth%2ftoken",
      "https://as.example/oauth%2Ftoken" },
    { "N-DPOP-10 %2F before dots", "https://as.example/oauth%2F../token",
      "https://as.example/oauth%2F../token" },
    { "N-DPOP-10 escaped twice", "https://as.example/oauth/t%256Fken",
      "https://as.example/oauth/t%256Fken" },
    { "N-DPOP-10 escaped zero octet", "https://as.example/oauth/token%00",
      "https://as.example/oauth/token%00" },
    { "N-DPOP-10 double slash", "https://as.example//oauth/token",
      "https://as.example//oauth/token" },
    { "double slash and two dots", "https://as.example/a//../b", "https://as.example/a/b" },
    { "N-DPOP-10 escaped @ in the host", "https://as%40evil.example/oauth/token",
      "https://as%40evil.example/oauth/token" },
    { "%7E and ~ are one", "https://as.example/%7Euser", "https://as.example/~user" },
    { "an @ in the path", "https://as.example/@a:b", "https://as.example/@a:b" },
    { "empty path", "https://as.example", "https://as.example/" },
    { "empty path and query", "https://as.example?x", "https://as.example/" },
    { "address", "https://192.0.2.1:8443/t", "https://192.0.2.1:8443/t" },
    { "IPv6 address", "https://[2001:DB8::1]:443/t", "https://[2001:db8::1]/t" },
    { "port 65535", "https://a:65535/", "https://a:65535/" },
    { "port 0", "https://a:0/", "https://a:0/" },
  };
  char out[OCC__MAX_URL + 1];
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(normal(row[i].url, strlen(row[i].url), out), OCC_OK);
    assert_string_equal(out, row[i].want);
    assert_string_not_equal(out, wanted);
    assert_int_equal(normal(row[i].want, strlen(row[i].want), out), OCC_OK);
    assert_string_equal(out, row[i].want); /* a normal form is its own */
  }
}

static void test_url_normal__refuses(void **state)
{
  static const struct {
    const char *why, *url;
    size_t len; /* 0: strlen */
  } row[] = {
    { "empty", "", 0 },
    { "N-DPOP-10 relative path", "/oauth/token", 0 },
    { "N-DPOP-10 relative to the scheme", "//as.example/oauth/token", 0 },
    { "N-DPOP-10 no scheme", "as.example/oauth/token", 0 },
    { "other scheme", "ftp://as.example/oauth/token", 0 },
    { "scheme with more", "httpss://as.example/oauth/token", 0 },
    { "one slash", "https:/as.example/oauth/token", 0 },
    { "scheme alone", "https://", 0 },
    { "no host, but a path", "https:///oauth/token", 0 },
    { "no host, but a port", "https://:443/oauth/token", 0 },
    { "N-DPOP-10 userinfo", "https://user@as.example/oauth/token", 0 },
    { "N-DPOP-10 user and password", "https://as.example:443@evil.example/oauth/token", 0 },
    { "N-DPOP-10 empty userinfo", "https://@as.example/oauth/token", 0 },
    { "N-DPOP-10 zero octet", "https://as.example/oauth/token\0x", 32 },
    { "N-DPOP-10 zero octet at the end", "https://as.example/oauth/token\0", 31 },
    { "zero octet in the host", "https://as\0.example/", 20 },
    { "space before", " https://as.example/oauth/token", 0 },
    { "space after", "https://as.example/oauth/token ", 0 },
    { "space in the query", "https://as.example/oauth/token?a b", 0 },
    { "tab", "https://as.example/oauth/\ttoken", 0 },
    { "line end", "https://as.example/oauth/token\n", 0 },
    { "DEL", "https://as.example/oauth/token\x7f", 0 },
    { "not ASCII", "https://\xc3\xa4s.example/oauth/token", 0 },
    { "not ASCII in the path", "https://as.example/oauth/\xe2\x82\xac", 0 },
    { "backslash for slash", "https:\\\\as.example\\oauth\\token", 0 },
    { "backslash before the path", "https://as.example\\.evil.example/oauth/token", 0 },
    { "octets that no URL has: <", "https://as.example/<", 0 },
    { "octets that no URL has: \"", "https://as.example/\"", 0 },
    { "octets that no URL has: |", "https://as.example/a|b", 0 },
    { "octets that no URL has: ^", "https://as.example/?^", 0 },
    { "bracket in the path", "https://as.example/[a]", 0 },
    { "cut escape", "https://as.example/a%2", 0 },
    { "cut escape in the host", "https://a%4/", 0 },
    { "escape without digits", "https://as.example/%zz", 0 },
    { "escape with a sign", "https://as.example/%+1", 0 },
    { "port with letters", "https://as.example:44x/oauth/token", 0 },
    { "port with a sign", "https://as.example:-443/oauth/token", 0 },
    { "port 65536", "https://as.example:65536/oauth/token", 0 },
    { "port of six digits", "https://as.example:100443/oauth/token", 0 },
    { "port with leading zero", "https://as.example:0443/oauth/token", 0 },
    { "two ports", "https://as.example:443:443/oauth/token", 0 },
    { "IPv6 without end", "https://[::1/oauth/token", 0 },
    { "IPv6 with text after", "https://[::1]x/oauth/token", 0 },
    { "IPv6 empty", "https://[]/oauth/token", 0 },
    { "IPv6 with a zone", "https://[fe80::1%25eth0]/oauth/token", 0 },
    { "IPv6 without brackets", "https://::1/oauth/token", 0 },
  };
  char out[OCC__MAX_URL + 1];
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(normal(row[i].url, row[i].len == 0 ? strlen(row[i].url) : row[i].len, out),
                     OCC_ERR_SYNTAX);
  }
}

static void test_url_normal__stops_at_its_limit(void **state)
{
  char url[OCC__MAX_URL + 2], out[OCC__MAX_URL + 1];
  (void)state;

  memset(url, 'a', sizeof(url));
  memcpy(url, "https://h/", 10);
  assert_int_equal(normal(url, OCC__MAX_URL - 1, out), OCC_OK);
  assert_int_equal(normal(url, OCC__MAX_URL, out), OCC_OK);
  assert_int_equal(strlen(out), OCC__MAX_URL);
  assert_int_equal(normal(url, OCC__MAX_URL + 1, out), OCC_ERR_SYNTAX);

  url[9] = 'a'; /* no path: the normal form is one longer */
  assert_int_equal(normal(url, OCC__MAX_URL - 1, out), OCC_OK);
  assert_int_equal(strlen(out), OCC__MAX_URL);
  assert_int_equal(normal(url, OCC__MAX_URL, out), OCC_ERR_SYNTAX);
}

static void test_url_normal__needs_no_length(void **state)
{
  char out[OCC__MAX_URL + 1];
  (void)state;

  assert_int_equal(occ__url_normal(out, NULL, occ__span_text("https://a")), OCC_OK);
  assert_string_equal(out, "https://a/");
}

static void test_url_is__issuer_and_endpoint(void **state)
{
  static const struct {
    const char *why, *url;
    int issuer, endpoint;
  } row[] = {
    { "https", "https://as.example", 1, 1 },
    { "https with path", "https://as.example/tenant-1", 1, 1 },
    { "https with port", "https://as.example:8443/", 1, 1 },
    { "query", "https://as.example/token?tenant=1", 0, 1 },
    { "empty query", "https://as.example/token?", 0, 1 },
    { "fragment", "https://as.example/token#x", 0, 0 },
    { "empty fragment", "https://as.example/token#", 0, 0 },
    { "user", "https://a@as.example/", 0, 0 },
    { "http elsewhere", "http://as.example/", 0, 0 },
    { "http on localhost", "http://localhost:8080/token", 1, 1 },
    { "http on localhost, upper case", "http://LOCALHOST", 1, 1 },
    { "http on 127.0.0.1", "http://127.0.0.1:1/", 1, 1 },
    { "http on 127.0.0.1 without port", "http://127.0.0.1", 1, 1 },
    { "http on 127.255.255.255", "http://127.255.255.255/", 1, 1 },
    { "http on [::1]", "http://[::1]:8080/t", 1, 1 },
    { "http on [::1] without port", "http://[::1]", 1, 1 },
    { "a name that begins like it", "http://localhost.evil.example/", 0, 0 },
    { "a name that ends like it", "http://notlocalhost/", 0, 0 },
    { "a name that begins with 127", "http://127.0.0.1.evil.example/", 0, 0 },
    { "five numbers", "http://127.0.0.1.1/", 0, 0 },
    { "three numbers", "http://127.0.1/", 0, 0 },
    { "one number", "http://127/", 0, 0 },
    { "a number above 255", "http://127.0.0.256/", 0, 0 },
    { "a number with leading zero", "http://127.0.0.01/", 0, 0 },
    { "an empty number", "http://127..0.1/", 0, 0 },
    { "a dot at the end", "http://127.0.0.1./", 0, 0 },
    { "128.0.0.1", "http://128.0.0.1/", 0, 0 },
    { "0127.0.0.1", "http://0127.0.0.1/", 0, 0 },
    { "letters", "http://127.0.0.x/", 0, 0 },
    { "[::2]", "http://[::2]/", 0, 0 },
    { "[::11]", "http://[::11]/", 0, 0 },
    { "[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]/", 0, 0 },
    { "no URL", "as.example", 0, 0 },
    { "empty", "", 0, 0 },
    { "none", NULL, 0, 0 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__url_is_issuer(row[i].url), row[i].issuer);
    assert_int_equal(occ__url_is_endpoint(row[i].url), row[i].endpoint);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_url_normal__makes_equal),
    cmocka_unit_test(test_url_normal__keeps_different),
    cmocka_unit_test(test_url_normal__refuses),
    cmocka_unit_test(test_url_normal__stops_at_its_limit),
    cmocka_unit_test(test_url_normal__needs_no_length),
    cmocka_unit_test(test_url_is__issuer_and_endpoint),
  };

  return cmocka_run_group_tests_name("core/url", tests, NULL, NULL);
}
