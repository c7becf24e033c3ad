/* SPDX-License-Identifier: MIT */

/* Fetches on an event loop: a CURLM of the host's, driven by its multi-socket interface, and requests that wait meanwhile.
 * All in one thread, as such a host does it. Case ids: cases E and G of the requirements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "live.h"
#include "resolver.h"

/* ---- The host's loop ---- */

static struct {
  CURLM *multi;
  struct pollfd fd[16];
  nfds_t fds;
  long long timer; /* -1: none */
  unsigned own;    /* messages that were not occ_curl's */
} loop;

static live x;

static void on_wake(void *user_data)
{
  ++*(unsigned *)user_data;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user_data, void *socket_data)
{
  nfds_t i = 0;
  (void)easy;
  (void)user_data;
  (void)socket_data;

  while (i < loop.fds && loop.fd[i].fd != fd) {
    i++;
  }
  if (what == CURL_POLL_REMOVE) {
    if (i < loop.fds) {
      loop.fd[i] = loop.fd[--loop.fds];
    }
    return 0;
  }
  assert_true(i < sizeof(loop.fd) / sizeof(loop.fd[0]));
  loop.fds += i == loop.fds;
  loop.fd[i] = (struct pollfd){ .fd = fd };
  loop.fd[i].events =
      (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
  return 0;
}

static int on_timer(CURLM *multi, long ms, void *user_data)
{
  (void)multi;
  (void)user_data;
  loop.timer = ms < 0 ? -1 : web_clock_ms() + ms;
  return 0;
}

static void take_messages(void)
{
  int left = 0;
  const CURLMsg *message;

  while ((message = curl_multi_info_read(loop.multi, &left)) != NULL) {
    loop.own += !occ_curl_done(x.curl, message);
  }
}

/* Whatever is ready, or 10 ms. */
static void turn(void)
{
  struct pollfd fd[16];
  const nfds_t fds = loop.fds;
  int running = 0;

  memcpy(fd, loop.fd, sizeof(fd));
  (void)poll(fd, fds, 10);
  for (nfds_t i = 0; i < fds; i++) {
    const int what = (fd[i].revents & POLLIN ? CURL_CSELECT_IN : 0) |
                     (fd[i].revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
                     (fd[i].revents & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR : 0);

    if (what != 0) {
      assert_int_equal(curl_multi_socket_action(loop.multi, fd[i].fd, what, &running), CURLM_OK);
    }
  }
  if (loop.timer >= 0 && web_clock_ms() >= loop.timer) {
    loop.timer = -1;
    assert_int_equal(curl_multi_socket_action(loop.multi, CURL_SOCKET_TIMEOUT, 0, &running),
                     CURLM_OK);
  }
  take_messages();
}

/* Until *value is as large. */
static void turn_until(const unsigned *value, unsigned least)
{
  const long long until = web_clock_ms() + WEB_PATIENCE_MS;

  while (*value < least) {
    assert_true(web_clock_ms() < until);
    turn();
  }
}

static unsigned requests(void)
{
  return web_requests(x.web);
}

static void turn_until_seen(unsigned (*count)(void))
{
  const long long until = web_clock_ms() + WEB_PATIENCE_MS;

  while (count() == 0) {
    assert_true(web_clock_ms() < until);
    turn();
  }
}

static void open_loop(const char *curl, const char *config)
{
  live_options options = { .curl = curl, .config = config, .real_names = 1, .wake = on_wake };

  memset(&loop, 0, sizeof(loop));
  loop.timer = -1;
  loop.multi = curl_multi_init();
  assert_non_null(loop.multi);
  assert_int_equal(curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, on_socket), CURLM_OK);
  assert_int_equal(curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, on_timer), CURLM_OK);
  options.curlm = loop.multi;
  live_open(&x, &options);
  web_behave(x.web, WEB_TLS, web_good, NULL);
  resolver_say("127.0.0.2");
}

static void close_loop(void)
{
  assert_int_equal(occ_curl_use_multi(x.curl, NULL), OCC_OK); /* nothing runs any more */
  assert_int_equal(curl_multi_cleanup(loop.multi), CURLM_OK);
  assert_true(web_canary_is_quiet(x.web));
  live_close(&x);
}

/* Runs it, answering DECIDE; OCC_PENDING: it waits. */
static int run(occ_txn *txn)
{
  int rc;

  while ((rc = occ_txn_run(txn, x.now)) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);

    if (q->kind == OCC_ASK_WAIT) {
      return rc;
    }
    assert_int_equal(q->kind, OCC_ASK_DECIDE);
    assert_int_equal(occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0), OCC_OK);
  }
  return rc;
}

static void is_granted(occ_txn *txn)
{
  assert_int_equal(run(txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

static void say_nothing(web_conn *c, const void *data)
{
  (void)data;
  web_hold(c);
}

/* ---- Tests ---- */

static void test_fetch__is_kept_and_woken(void **state)
{
  unsigned woken = 0;
  occ_txn *txn;
  (void)state;

  open_loop(NULL, NULL);
  txn = live_txn(&x, "/a", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  assert_int_equal(run(txn), OCC_PENDING); /* looked at again: no second fetch */
  assert_int_equal(occ_curl_use_multi(x.curl, NULL), OCC_ERR_STATE);
  turn_until(&woken, 1);
  is_granted(txn);
  assert_int_equal(woken, 1);
  assert_int_equal(web_requests(x.web), 1);
  assert_int_equal(loop.own, 0);
  close_loop();
}

/* E12: two wait, one fetches. */
static void test_follower__is_woken(void **state)
{
  unsigned woken[3] = { 0, 0, 0 };
  occ_txn *txn[3];
  (void)state;

  open_loop(NULL, NULL);
  for (size_t i = 0; i < 3; i++) {
    txn[i] = live_txn(&x, "/a", NULL, &woken[i]);
    assert_int_equal(run(txn[i]), OCC_PENDING);
  }
  turn_until(&woken[0], 1);
  assert_int_equal(woken[1] + woken[2], 0); /* they wait for the first to look */
  is_granted(txn[0]);
  assert_int_equal(woken[1], 1);
  assert_int_equal(woken[2], 1);
  is_granted(txn[1]);
  is_granted(txn[2]);
  assert_int_equal(web_requests(x.web), 1);
  close_loop();
}

/* The one that fetches goes away: its connection ends at once, and who waited fetches in its place. */
static void test_follower__takes_over(void **state)
{
  unsigned woken[2] = { 0, 0 };
  occ_txn *first, *second;
  (void)state;

  open_loop(NULL, NULL);
  web_behave(x.web, WEB_TLS, say_nothing, NULL);
  first = live_txn(&x, "/a", NULL, &woken[0]);
  second = live_txn(&x, "/a", NULL, &woken[1]);
  assert_int_equal(run(first), OCC_PENDING);
  assert_int_equal(run(second), OCC_PENDING);
  turn_until_seen(requests);
  occ_txn_free(first);
  assert_int_equal(woken[0], 0);
  assert_int_equal(woken[1], 1);
  web_behave(x.web, WEB_TLS, web_good, NULL); /* waits until that connection is gone */
  assert_int_equal(run(second), OCC_PENDING);
  turn_until(&woken[1], 2);
  is_granted(second);
  assert_int_equal(web_requests(x.web), 1);
  close_loop();
}

/* G08: at each moment of a fetch the request may go away. */
static void test_txn__freed_whenever(void **state)
{
  unsigned woken = 0;
  occ_txn *txn;
  (void)state;

  open_loop(NULL, NULL);
  for (unsigned turns = 0; woken == 0; turns++) {
    char path[32];

    assert_true(turns < 1000);
    (void)snprintf(path, sizeof(path), "/%u", turns);
    x.now += 120000;
    txn = live_txn(&x, path, NULL, &woken);
    assert_int_equal(run(txn), OCC_PENDING);
    for (unsigned i = 0; i < turns && woken == 0; i++) {
      turn();
    }
    occ_txn_free(txn); /* the last time: with the response there, and not looked at */
  }
  web_wait_idle(x.web);
  assert_int_equal(loop.fds, 0);
  close_loop();
}

static void test_txn__deadline(void **state)
{
  unsigned woken = 0;
  occ_txn *txn;
  (void)state;

  open_loop(NULL, NULL);
  web_behave(x.web, WEB_TLS, say_nothing, NULL);
  txn = live_txn(&x, "/a", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  turn_until_seen(requests);
  x.now += 10000;
  assert_int_equal(run(txn), OCC_ERR_DEADLINE);
  assert_int_equal(occ_txn_http_status(txn), 503);
  web_wait_idle(x.web); /* the connection went with the question */
  assert_int_equal(occ_curl_use_multi(x.curl, loop.multi), OCC_OK);
  occ_txn_free(txn);
  close_loop();
}

static void test_fetch__ends_at_its_limit(void **state)
{
  const long long from = web_clock_ms();
  unsigned woken = 0;
  live_result got;
  occ_txn *txn;
  (void)state;

  open_loop("{\"fetch_ms\":300}", NULL);
  web_behave(x.web, WEB_TLS, say_nothing, NULL);
  txn = live_txn(&x, "/a", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  turn_until(&woken, 1);
  assert_in_range(web_clock_ms() - from, 300, 1500);
  live_read(&got, txn, run(txn));
  assert_int_equal(got.status, 503);
  assert_string_equal(got.detail, "fetch_timeout");
  occ_txn_free(txn);
  close_loop();
}

/* L21: nobody waits for a resolver that hangs, neither the loop nor who frees the request. */
static void test_names__hang(void **state)
{
  unsigned woken = 0, threads;
  long long from;
  occ_txn *txn;
  (void)state;

  open_loop(NULL, NULL);
  txn = live_txn(&x, "/first", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  turn_until(&woken, 1);
  is_granted(txn);
  threads = live_threads();
  resolver_hang(1);
  txn = live_txn(&x, "/second", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  turn_until_seen(resolver_queries);
  from = web_clock_ms();
  occ_txn_free(txn);
  assert_in_range(web_clock_ms() - from, 0, 300);
  resolver_hang(0);
  assert_true(live_wait_threads(threads));
  close_loop();
}

/* What is not occ_curl's stays the host's. */
static void test_done__leaves_other_transfers(void **state)
{
  unsigned woken = 0;
  occ_txn *txn;
  CURL *easy;
  (void)state;

  open_loop(NULL, NULL);
  easy = curl_easy_init();
  assert_non_null(easy);
  assert_int_equal(curl_easy_setopt(easy, CURLOPT_URL, "gopher-like://x"), CURLE_OK);
  txn = live_txn(&x, "/a", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  assert_int_equal(curl_multi_add_handle(loop.multi, easy), CURLM_OK);
  turn_until(&loop.own, 1);
  assert_int_equal(curl_multi_remove_handle(loop.multi, easy), CURLM_OK);
  curl_easy_cleanup(easy);
  turn_until(&woken, 1);
  is_granted(txn);
  assert_int_equal(loop.own, 1);
  close_loop();
}

/* Tickets of two libs are the same numbers: neither has the other's response, or ends its fetch. */
static void test_fetch__of_two_libs(void **state)
{
  const live_options options = { .real_names = 1, .wake = on_wake };
  unsigned woken[3] = { 0, 0, 0 };
  occ_txn *txn[3];
  live beside;
  (void)state;

  open_loop(NULL, NULL);
  live_open_beside(&beside, &x, &options);
  web_behave(x.web, WEB_TLS, web_good, NULL);
  txn[0] = live_txn(&x, "/first", NULL, &woken[0]);
  txn[1] = live_txn(&beside, "/second", NULL, &woken[1]);
  txn[2] = live_txn(&beside, "/third", NULL, &woken[2]);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(run(txn[i]), OCC_PENDING);
  }
  occ_txn_free(txn[2]);
  turn_until(&woken[0], 1);
  turn_until(&woken[1], 1);
  is_granted(txn[0]);
  is_granted(txn[1]);
  live_close_beside(&beside);
  close_loop();
}

/* B02 */
static void test_fetch__address_refused(void **state)
{
  unsigned woken = 0;
  live_result got;
  occ_txn *txn;
  (void)state;

  open_loop(NULL, NULL);
  resolver_say("127.0.0.1");
  txn = live_txn(&x, "/a", NULL, &woken);
  assert_int_equal(run(txn), OCC_PENDING);
  turn_until(&woken, 1);
  live_read(&got, txn, run(txn));
  assert_int_equal(got.status, 503);
  assert_string_equal(got.detail, "fetch_address");
  occ_txn_free(txn);
  close_loop();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fetch__is_kept_and_woken),
    cmocka_unit_test(test_follower__is_woken),
    cmocka_unit_test(test_follower__takes_over),
    cmocka_unit_test(test_txn__freed_whenever),
    cmocka_unit_test(test_txn__deadline),
    cmocka_unit_test(test_fetch__ends_at_its_limit),
    cmocka_unit_test(test_fetch__address_refused),
    cmocka_unit_test(test_fetch__of_two_libs),
    cmocka_unit_test(test_names__hang),
    cmocka_unit_test(test_done__leaves_other_transfers),
  };

  return cmocka_run_group_tests_name("live/loop", tests, NULL, NULL);
}
