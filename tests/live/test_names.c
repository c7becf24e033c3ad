/* SPDX-License-Identifier: MIT */

/* Names and addresses, through a resolver of the test's own: what it says is hostile, or it says nothing at all. Case ids:
 * cases B and L of the requirements. The canary on 127.0.0.1 sees no connection in any row. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "live.h"
#include "resolver.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static live x;

static void path_of(char out[32])
{
  static unsigned number;

  (void)snprintf(out, 32, "/n%u", number++);
}

static void open_with(const char *curl, const char *cimd, const char *config)
{
  const live_options options = { .curl = curl, .cimd = cimd, .config = config, .real_names = 1 };

  live_open(&x, &options);
}

/* One request of a client that nobody knows. */
static void ask(live_result *got)
{
  char path[32];

  path_of(path);
  web_behave(x.web, WEB_TLS, web_good, NULL);
  live_ask(&x, path, got);
  assert_true(web_canary_is_quiet(x.web));
  web_wait_idle(x.web);
}

static void test_addresses__special_ones_are_refused(void **state)
{
  static const struct {
    const char *why, *addresses;
  } row[] = {
    { "B02 loopback", "127.0.0.1" },
    { "B07 a chain of names that ends there, which the resolver follows", "127.0.0.1" },
    { "B02 the whole of it", "127.255.255.254" },
    { "B03 private", "10.0.0.5" },
    { "B03 private", "192.168.1.1" },
    { "B03 private", "172.31.255.255" },
    { "B03 shared", "100.64.0.1" },
    { "B03 metadata of clouds", "169.254.169.254" },
    { "B03 another cloud's", "168.63.129.16" },
    { "B04 loopback", "::1" },
    { "B04 unique local", "fd00::1" },
    { "B04 link local", "fe80::1" },
    { "B05 mapped", "::ffff:127.0.0.1" },
    { "B05 mapped, of the one that is allowed", "::ffff:127.0.0.2" },
    { "B06 6to4 of loopback", "2002:7f00:1::1" },
    { "B06 Teredo", "2001:0:7f00:1::1" },
    { "D-10 NAT64 of loopback", "64:ff9b::7f00:1" },
    { "B10 this host", "0.0.0.0" },
    { "B10 unspecified", "::" },
    { "B11 multicast", "224.0.0.1" },
    { "B11 multicast", "ff02::1" },
    { "B11 broadcast", "255.255.255.255" },
    { "B08 special, then good", "127.0.0.1 127.0.0.2" },
    { "B08 special of the other family, then good", "::1 127.0.0.2" },
    { "B08 many special ones",
      "127.0.0.1 10.0.0.1 10.0.0.2 10.0.0.3 ::1 fd00::1 10.0.0.4 10.0.0.5" },
  };
  live_result got;
  (void)state;

  open_with(NULL, NULL, NULL);
  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s: %s\n", row[i].why, row[i].addresses);
    resolver_say(row[i].addresses);
    ask(&got);
    assert_int_equal(got.status, 503);
    assert_string_equal(got.error, "temporarily_unavailable");
    assert_string_equal(got.detail, "fetch_address");
    assert_int_equal(web_connections(x.web), 0);
  }
  live_close(&x);
}

/* B08, L9: passed over, if the operator wants it so; special ones behind one that answers are not looked at. */
static void test_addresses__passed_over(void **state)
{
  live_result got;
  (void)state;

  open_with("{\"skip_refused_addresses\":true}", NULL, NULL);
  resolver_say("127.0.0.1 10.0.0.1 127.0.0.2");
  ask(&got);
  assert_int_equal(got.outcome, OCC_GRANT);
  resolver_say("127.0.0.1 10.0.0.1");
  ask(&got);
  assert_string_equal(got.detail, "fetch_address");
  live_close(&x);

  open_with(NULL, NULL, NULL);
  resolver_say("127.0.0.2 127.0.0.1");
  ask(&got);
  assert_int_equal(got.outcome, OCC_GRANT);
  live_close(&x);
}

/* B09, L10: what the name meant before does not matter, nor a connection of then. */
static void test_addresses__rebinding(void **state)
{
  live_result got;
  (void)state;

  open_with(NULL, NULL, NULL);
  resolver_flip("127.0.0.2", "127.0.0.1");
  ask(&got);
  assert_int_equal(got.outcome, OCC_GRANT);
  assert_int_equal(resolver_queries(), 1); /* what was checked is what was connected to */
  ask(&got);
  assert_string_equal(got.detail, "fetch_address");
  assert_int_equal(resolver_queries(), 2);
  live_close(&x);
}

/* A document with keys below it; whoever asks for them has come too far. */
static void say_document(web_conn *c, const void *data)
{
  char body[512], head[128];

  (void)data;
  assert_memory_equal(c->request, "GET /with-keys ", 15);
  (void)snprintf(body, sizeof(body),
                 "{\"client_id\":\"https://" WEB_HOST
                 ":%u/with-keys\",\"token_endpoint_auth_method\":\"private_key_jwt\","
                 "\"grant_types\":[\"client_credentials\"],\"jwks_uri\":\"https://" WEB_OTHER_HOST
                 ":%u/keys\"}",
                 web_port(c->web), web_port(c->web));
  (void)snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 strlen(body));
  (void)(web_say(c, head) && web_say(c, body));
}

/* SS-1, D16: what a document names is looked at like the document's own name. */
static void test_addresses__of_keys(void **state)
{
  live_result got;
  char more[4096];
  (void)state;

  open_with(NULL, NULL, NULL);
  resolver_flip("127.0.0.2", "127.0.0.1");
  web_behave(x.web, WEB_TLS, say_document, NULL);
  x.now += 120000;
  live_assertion(&x, more, sizeof(more), "/with-keys");
  live_ask_more(&x, "/with-keys", more, x.now, &got);
  assert_int_equal(got.status, 503);
  assert_string_equal(got.detail, "fetch_address");
  assert_int_equal(resolver_queries(), 2);
  assert_int_equal(web_requests(x.web), 1);
  assert_true(web_canary_is_quiet(x.web));
  live_close(&x);
}

/* B14 */
static void test_addresses__denied_by_the_operator(void **state)
{
  live_result got;
  (void)state;

  open_with(NULL, "{\"deny_addresses\":[\"127.0.0.0/30\"]}", NULL);
  resolver_say("127.0.0.2");
  ask(&got);
  assert_string_equal(got.detail, "fetch_address");
  assert_int_equal(web_connections(x.web), 0);
  live_close(&x);
}

/* B12, and the port where nobody listens: the client sees one and the same, the log tells them apart. */
static void test_names__fail_alike(void **state)
{
  static const struct {
    const char *why, *addresses, *detail;
  } row[] = {
    { "B12 no such name", "", "fetch_name" },
    { "B12 the name server fails", "!", "fetch_name" },
    { "connection refused", "127.0.0.3", "fetch_connect" },
    { "filtered", "127.0.0.1", "fetch_address" },
  };
  live_result got;
  (void)state;

  open_with(NULL, "{\"allow_addresses\":[\"127.0.0.2/31\"]}", NULL);
  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    resolver_say(row[i].addresses);
    ask(&got);
    assert_int_equal(got.status, 503);
    assert_string_equal(got.error, "temporarily_unavailable");
    assert_string_equal(got.detail, row[i].detail);
  }
  live_close(&x);
}

/* L21: a name server that hangs for 8 s, a request that has 1 s: it is answered in time, again and again, and the threads
 * that are left behind end when the name server does. */
static void test_names__hang(void **state)
{
  unsigned threads;
  live_result got;
  (void)state;

  open_with(NULL, NULL, "{\"deadline\":1}");
  resolver_say("127.0.0.2");
  ask(&got); /* what is made once is made */
  assert_int_equal(got.outcome, OCC_GRANT);
  threads = live_threads();
  resolver_hang(1);
  for (unsigned i = 1; i <= 3; i++) {
    ask(&got);
    assert_int_equal(got.status, 503);
    assert_string_equal(got.detail, "fetch_timeout");
    assert_in_range(got.ms, 900, 1300);
    assert_true(live_threads() <= threads + i);
    assert_int_equal(resolver_queries(), i);
  }
  resolver_hang(0);
  assert_true(live_wait_threads(threads));
  ask(&got);
  assert_int_equal(got.outcome, OCC_GRANT);
  live_close(&x);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_addresses__special_ones_are_refused),
    cmocka_unit_test(test_addresses__passed_over),
    cmocka_unit_test(test_addresses__rebinding),
    cmocka_unit_test(test_addresses__of_keys),
    cmocka_unit_test(test_addresses__denied_by_the_operator),
    cmocka_unit_test(test_names__fail_alike),
    cmocka_unit_test(test_names__hang),
  };

  return cmocka_run_group_tests_name("live/names", tests, NULL, NULL);
}
