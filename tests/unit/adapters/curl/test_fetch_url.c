/* SPDX-License-Identifier: MIT */

/* URLs that libcurl may have: those that it reads as they stand. Case ids: L of the requirements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>

#include "adapters/curl/fetch_url.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static void test_fetch_url_read__takes(void **state)
{
  static const struct {
    const char *url;
    unsigned port;
  } row[] = {
    { "https://app.example.org/c", 443 },
    { "https://app.example.org/", 443 },
    { "https://app.example.org:443/c", 443 },
    { "https://app.example.org:8443/a/b.json?x=1&y=%20", 8443 },
    { "https://app.example.org:65535/c", 65535 },
    { "https://app.example.org/a%252e%252e/c", 443 },
    { "https://app.example.org/c?", 443 },
    { "https://xn--mnchen-3ya.example.org/c", 443 },
    { "https://127.0.0.1/c", 443 }, /* where to is for occ_cimd_may_connect() to say */
    { "https://[2001:db8::1]:1/c", 1 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    unsigned port = 0;

    print_message("  %s\n", row[i].url);
    assert_int_equal(occ__fetch_url_read(row[i].url, &port), 1);
    assert_int_equal(port, row[i].port);
  }
}

static void test_fetch_url_read__refuses(void **state)
{
  static const struct {
    const char *why, *url;
  } row[] = {
    { "nothing", NULL },
    { "empty", "" },
    { "http", "http://app.example.org/c" },
    { "another scheme", "file:///etc/passwd" },
    { "in capitals", "HTTPS://app.example.org/c" },
    { "L4 one slash", "https:/app.example.org/c" },
    { "L4 three slashes", "https:///app.example.org/c" },
    { "L4 backslashes", "https:\\\\app.example.org\\c" },
    { "no host", "https://" },
    { "an empty host", "https:///c" },
    { "no path", "https://app.example.org" },
    { "a query in place of a path", "https://app.example.org?x" },
    { "a user", "https://user@app.example.org/c" },
    { "L4 an empty user", "https://@app.example.org/c" },
    { "L4 a user before a backslash", "https://a.example.org\\@127.0.0.1/c" },
    { "a fragment", "https://app.example.org/c#a" },
    { "an empty fragment", "https://app.example.org/c#" },
    { "L4 an empty port", "https://app.example.org:/c" },
    { "L4 a port with zeros", "https://app.example.org:00443/c" },
    { "port 0", "https://app.example.org:0/c" },
    { "port 65536", "https://app.example.org:65536/c" },
    { "a port that is none", "https://app.example.org:443x/c" },
    { "a port with a sign", "https://app.example.org:+443/c" },
    { "L1 a number", "https://2130706433/c" },
    { "L1 hexadecimal", "https://0x7f000001/c" },
    { "L1 octal", "https://0177.0.0.1/c" },
    { "L1 short", "https://127.1/c" },
    { "L1 zero", "https://0/c" },
    { "L2 a host in escapes", "https://loc%61lhost/c" },
    { "L2 an address in escapes", "https://127%2e0%2e0%2e1/c" },
    { "L3 full-width digits", "https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/c" },
    { "L3 an ideographic full stop", "https://127\xe3\x80\x82"
                                     "0.0.1/c" },
    { "L6 a zone", "https://[fe80::1%25lo]/c" },
    { "L6 a zone, raw", "https://[fe80::1%lo]/c" },
    { "brackets that do not end", "https://[::1/c" },
    { "a space", "https://app.example.org/a b" },
    { "a line end", "https://app.example.org/c\r\nX: y" },
    { "L5 a raw octet", "https://app.example.org/\xc3\xa9" },
    { "a DEL", "https://app.example.org/\x7f" },
    { "a backslash", "https://app.example.org/a\\b" },
  };
  (void)state;

  assert_non_null(setlocale(LC_ALL, "C.UTF-8")); /* libcurl maps names by it */
  for (size_t i = 0; i < ROWS(row); i++) {
    unsigned port = 0;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__fetch_url_read(row[i].url, &port), 0);
  }
}

static void test_fetch_url_read__length_of_the_host(void **state)
{
  char url[600] = "https://";
  unsigned port = 0;
  (void)state;

  for (size_t len = 254; len <= 256; len++) {
    for (size_t i = 0; i < len; i++) {
      url[8 + i] = i % 40 == 39 ? '.' : 'a';
    }
    url[8 + len] = '/';
    url[9 + len] = '\0';
    assert_int_equal(occ__fetch_url_read(url, &port), len <= 255);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fetch_url_read__takes),
    cmocka_unit_test(test_fetch_url_read__refuses),
    cmocka_unit_test(test_fetch_url_read__length_of_the_host),
  };

  return cmocka_run_group_tests_name("adapters/curl/fetch_url", tests, NULL, NULL);
}
