/* SPDX-License-Identifier: MIT */

/* Fetches against a real TLS server: what is taken, what is refused, how much is read and how long it lasts. Case ids:
 * cases C, F and L of the requirements. In every row nobody connects to the canary. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fail_mem.h"
#include "live.h"

#define ROWS(a)    (sizeof(a) / sizeof((a)[0]))
#define JSON       "Content-Type: application/json\r\n"
#define LIMIT      1000 /* of a fetch in rows that run into it */
#define LIMIT_TEXT "{\"fetch_ms\":1000,\"connect_ms\":1000}"
#define MIB        (1024 * 1024)

/* What is expected. */
#define GRANT   0, ""
#define INVALID 401, "invalid_client"
#define LATER   503, "temporarily_unavailable"

typedef struct row {
  const char *why; /* with the case id */
  web_serve serve;
  const void *data;
  int status;
  const char *error, *detail;
} row;

static live x;

static void path_of(char out[32], size_t i)
{
  static unsigned number;

  (void)snprintf(out, 32, "/c%u-%zu", number++, i);
}

static void is_as_expected(const row *r, const live_result *got)
{
  if (got->status != r->status || strcmp(got->error, r->error) != 0 ||
      (r->detail != NULL && strcmp(got->detail, r->detail) != 0)) {
    fail_msg("%s: %d %s, %s", r->why, got->status, got->error, got->detail);
  }
  assert_int_equal(got->outcome == OCC_GRANT, r->status == 0);
  assert_true(web_canary_is_quiet(x.web));
}

/* Each row with a client of its own: nothing is in the cache, no failure is remembered. */
static void run_rows(const row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    live_result got;
    char path[32];

    print_message("  %s\n", rows[i].why);
    path_of(path, i);
    web_behave(x.web, WEB_TLS, rows[i].serve, rows[i].data);
    live_ask(&x, path, &got);
    is_as_expected(&rows[i], &got);
    web_wait_idle(x.web);
    assert_int_equal(web_requests(x.web), 1); /* no second attempt, no redirect */
  }
}

static int open_usual(void **state)
{
  const live_options options = { .curl = NULL };

  (void)state;
  live_open(&x, &options);
  return 0;
}

static int open_limited(void **state)
{
  const live_options options = { .curl = LIMIT_TEXT };

  (void)state;
  live_open(&x, &options);
  return 0;
}

static int close_all(void **state)
{
  (void)state;
  live_close(&x);
  return 0;
}

/* ---- What a server says ---- */

/* The text as it is; behind it the document with its length where the text ends with a field. */
static void say(web_conn *c, const void *data)
{
  const char *text = data;
  const size_t text_len = strlen(text);
  char length[64];
  size_t len;
  const char *body = web_document(c, &len);
  const int whole = text_len >= 4 && strcmp(text + text_len - 4, "\r\n\r\n") == 0;

  (void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", len);
  (void)(web_say(c, text) && (whole || (web_say(c, length) && web_send(c, body, len))));
}

static void say_status(web_conn *c, const void *data)
{
  char head[128];

  (void)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n" JSON, (const char *)data);
  say(c, head);
}

static void test_response__decides(void **state)
{
  static const row rows[] = {
    { "C01 a good document", web_good, NULL, GRANT, NULL },
    { "C03 201", say_status, "201 Created", INVALID, "cimd_status" },
    { "C03 203", say_status, "203 Non-Authoritative Information", INVALID, "cimd_status" },
    { "C03 204", say_status, "204 No Content", INVALID, "cimd_status" },
    { "C03 206", say_status, "206 Partial Content", INVALID, "cimd_status" },
    { "C03 304", say_status, "304 Not Modified", INVALID, "cimd_status" },
    { "C03 404", say_status, "404 Not Found", INVALID, "cimd_status" },
    { "C03 410", say_status, "410 Gone", INVALID, "cimd_status" },
    { "C03 D-3 429", say_status, "429 Too Many Requests", LATER, "cimd_unreachable" },
    { "C03 D-3 500", say_status, "500 Internal Server Error", LATER, "cimd_unreachable" },
    { "C03 D-3 503", say_status, "503 Service Unavailable", LATER, "cimd_unreachable" },
    { "C15 HTML", say, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", INVALID,
      "cimd_content_type" },
    { "C15 D-5 no type", say, "HTTP/1.1 200 OK\r\n", INVALID, "cimd_content_type" },
    { "C15 latin1", say, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=latin1\r\n",
      INVALID, "cimd_content_type" },
    { "C16 UTF-8", say, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n",
      GRANT, NULL },
    { "C16 JSON-LD", say, "HTTP/1.1 200 OK\r\nContent-Type: application/ld+json\r\n", GRANT, NULL },
    { "C16 CIMD", say, "HTTP/1.1 200 OK\r\nContent-Type: application/cimd+json\r\n", GRANT, NULL },
    { "L22 interim responses are not the response", say,
      "HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\nLink: </a>\r\n\r\nHTTP/1.1 200 "
      "OK\r\n" JSON,
      GRANT, NULL },
    { "L23 101", say,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", LATER,
      "fetch_response" },
    { "C13 HTTP/0.9", say, "{\"client_id\":1}\r\n\r\n", LATER, "fetch_response" },
    { "C13 no status line", say, "HELLO 200 OK\r\n" JSON, LATER, "fetch_response" },
    { "C13 L23 999", say_status, "999 What", INVALID, "cimd_status" },
    { "C20 a length below zero", say, "HTTP/1.1 200 OK\r\n" JSON "Content-Length: -5\r\n\r\n",
      LATER, "fetch_response" },
    { "C12 shorter than announced", say,
      "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 20\r\n\r\nHTTP\r\n\r\n", LATER,
      "fetch_response" },
    { "C07 a small body by gzip", say, "HTTP/1.1 200 OK\r\n" JSON "Content-Encoding: gzip\r\n",
      INVALID, "cimd_content_type" },
    { "L16 a transfer by gzip", say,
      "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: gzip, chunked\r\n\r\n", LATER,
      "fetch_response" },
  };
  (void)state;

  run_rows(rows, ROWS(rows));
}

static void say_zero(web_conn *c, const void *data)
{
  static const char head[] = "HTTP/1.1 200 OK\r\n" JSON "X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}";

  (void)data;
  (void)web_send(c, head, sizeof(head) - 1);
}

static void say_chunks(web_conn *c, const void *data)
{
  char head[32];
  size_t len;
  const char *body = web_document(c, &len);

  (void)data;
  (void)snprintf(head, sizeof(head), "%zx\r\n", len);
  (void)(web_say(c, "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n") &&
         web_say(c, head) && web_send(c, body, len) &&
         web_say(c, "\r\n0\r\nContent-Type: text/html\r\n\r\n"));
}

static void say_until_close(web_conn *c, const void *data)
{
  size_t len;
  const char *body = web_document(c, &len);

  (void)data;
  (void)(web_say(c, "HTTP/1.1 200 OK\r\n" JSON "\r\n") && web_send(c, body, len));
}

static void say_and_reset(web_conn *c, const void *data)
{
  (void)web_say(c, data);
  web_reset(c);
}

static void say_and_hold(web_conn *c, const void *data)
{
  if (web_say(c, data)) {
    web_hold(c);
  }
}

static void say_two_lengths(web_conn *c, const void *data)
{
  (void)data;
  (void)web_say(c,
                "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 2\r\nContent-Length: 100000\r\n\r\n{}");
}

static void test_response__framing(void **state)
{
  static const row rows[] = {
    { "C01 in chunks; a trailer is no header", say_chunks, NULL, GRANT, NULL },
    { "C01 until the connection ends", say_until_close, NULL, GRANT, NULL },
    { "L23 an octet 0 in a field", say_zero, NULL, LATER, "fetch_response" },
    { "C12 reset before the head", say_and_reset, "HTTP/1.1 200 OK\r\n", LATER, "fetch_response" },
    { "C12 reset behind the head", say_and_reset,
      "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 10\r\n\r\n", LATER, "fetch_response" },
    { "C12 reset within the body", say_and_reset,
      "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 10\r\n\r\n{\"a\"", LATER, "fetch_response" },
    { "C04 what is announced to be too long is not waited for", say_and_hold,
      "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 5122\r\n\r\n", INVALID, "cimd_too_large" },
    { "C03 nor the body of an error", say_and_hold,
      "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n", INVALID, "cimd_status" },
    { "L16 a transfer coding that is not chunked", say,
      "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: identity\r\n", LATER, "fetch_response" },
    { "C18 two lengths", say_two_lengths, NULL, LATER, "fetch_response" },
    { "C20 a chunk longer than any number", say_and_reset,
      "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}", LATER,
      "fetch_response" },
  };
  (void)state;

  run_rows(rows, ROWS(rows));
}

/* ---- Redirects ---- */

static void redirect(web_conn *c, const void *data)
{
  const char *const *say = data;
  char head[512];

  (void)snprintf(head, sizeof(head),
                 "HTTP/1.1 %s\r\nLocation: %s%u/x\r\n" JSON "Content-Length: 0\r\n\r\n", say[0],
                 say[1], web_port(c->web));
  (void)web_say(c, head);
}

static void test_redirect__is_a_response(void **state)
{
  static const char *const status[] = { "301 Moved", "302 Found", "303 See Other", "307 Temporary",
                                        "308 Permanent" };
  static const char *const to[] = { "https://" WEB_HOST ":", "https://" WEB_OTHER_HOST ":",
                                    "https://127.0.0.1:", "http://127.0.0.1:" };
  (void)state;

  for (size_t i = 0; i < ROWS(status); i++) {
    for (size_t k = 0; k < ROWS(to); k++) {
      const char *const data[] = { status[i], to[k] };
      const row rows[] = { { "C02 DI-4", redirect, data, INVALID, "cimd_status" } };

      run_rows(rows, 1);
    }
  }
}

/* ---- Too much ---- */

static atomic_ullong sent; /* by the server, in the last row */

static int pour(web_conn *c, const void *data, size_t len)
{
  if (!web_send(c, data, len)) {
    return 0;
  }
  atomic_fetch_add(&sent, len);
  return 1;
}

static void say_100_mib(web_conn *c, const void *data)
{
  static char block[65536];
  char head[32];

  (void)snprintf(head, sizeof(head), "\r\n%zx\r\n", sizeof(block));
  memset(block, ' ', sizeof(block));
  if (!web_say(c, data)) {
    return;
  }
  for (size_t i = 0; i < 1600; i++) {
    const char *chunk = strstr(data, "chunked") == NULL ? "" : i == 0 ? head + 2 : head;

    if (!web_say(c, chunk) || !pour(c, block, sizeof(block))) {
      return;
    }
  }
}

static void say_long_line(web_conn *c, const void *data)
{
  static char block[65536];

  (void)data;
  memset(block, 'a', sizeof(block));
  if (web_say(c, "HTTP/1.1 200 OK\r\nX-A: ")) {
    for (int i = 0; i < 16 && pour(c, block, sizeof(block)); i++) {
    }
  }
}

/* data: what comes first, then the line that comes over and over. */
static void say_lines(web_conn *c, const void *data)
{
  const char *const *part = data;
  const size_t len = strlen(part[1]);
  char block[8192];
  size_t used = 0;

  while (used + len <= sizeof(block)) {
    memcpy(block + used, part[1], len);
    used += len;
  }
  if (web_say(c, part[0])) {
    for (size_t i = 0; i < 100 * MIB / used && pour(c, block, used); i++) {
    }
  }
}

static long peak_kib(void)
{
  struct rusage usage;

  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_maxrss;
}

/* Read is not more than what is allowed and what lies in buffers; and memory stays flat. */
static void test_large__is_not_read(void **state)
{
  static const char *const many[] = { "HTTP/1.1 200 OK\r\n", "X-A: a\r\n" };
  static const char *const hints[] = { "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" };
  static const char *const trailers[] = { "HTTP/1.1 200 OK\r\n" JSON
                                          "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
                                          "X-A: aaaaaaaa\r\n" };
  static const row rows[] = {
    { "C04 10 MB announced", say_100_mib,
      "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 10000000\r\n\r\n", INVALID, "cimd_too_large" },
    { "C05 100 MB in chunks", say_100_mib,
      "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n", INVALID, "cimd_too_large" },
    { "C06 without an end", say_100_mib, "HTTP/1.1 200 OK\r\n" JSON "\r\n", INVALID,
      "cimd_too_large" },
    { "C07 a bomb, if it were unpacked", say_100_mib,
      "HTTP/1.1 200 OK\r\n" JSON "Content-Encoding: gzip\r\n\r\n", INVALID, "cimd_content_type" },
    { "C08 a line of 1 MB", say_long_line, NULL, LATER, "fetch_response" },
    { "C08 lines without number", say_lines, many, LATER, "fetch_response" },
    { "C09 interim responses without number", say_lines, hints, LATER, "fetch_response" },
    { "L18 trailers without number", say_lines, trailers, LATER, "fetch_response" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(rows); i++) {
    const long before = peak_kib();

    atomic_store(&sent, 0);
    run_rows(&rows[i], 1);
    assert_true(atomic_load(&sent) < 16 * MIB); /* what the kernel's buffers take */
    assert_true(peak_kib() - before < 16 * 1024);
  }
}

/* ---- Limits, at one below, at, and one above ---- */

/* A document of that many octets. */
static void say_octets(web_conn *c, const void *data)
{
  const size_t want = *(const size_t *)data;
  char *text = calloc(1, want + 1);
  char head[128];
  size_t len;
  const char *body = web_document(c, &len);

  assert_true(text != NULL && len <= want);
  memset(text, ' ', want);
  memcpy(text, body, len);
  (void)snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", want);
  (void)(web_say(c, head) && web_send(c, text, want) && web_say(c, "\r\n0\r\n\r\n"));
  free(text);
}

/* So many octets of header lines in all, the document behind. */
static void say_header_octets(web_conn *c, const void *data)
{
  const size_t want = *(const size_t *)data;
  char *head = calloc(1, want + 1);
  char tail[64];
  size_t len, used;
  const char *body = web_document(c, &len);

  assert_non_null(head);
  (void)snprintf(tail, sizeof(tail), "\r\nContent-Length: %zu\r\n\r\n", len);
  memset(head, 'a', want);
  used = (size_t)snprintf(head, want, "HTTP/1.1 200 OK\r\n" JSON "X-A: ");
  head[used] = 'a';
  memcpy(head + want - strlen(tail), tail, strlen(tail));
  (void)(web_send(c, head, want) && web_send(c, body, len));
  free(head);
}

static void say_header_lines(web_conn *c, const void *data)
{
  /* The status line, the type, the length and the empty line count, too. */
  const size_t more = *(const size_t *)data - 4;
  char *lines = calloc(more + 1, 6);

  assert_non_null(lines);
  for (size_t i = 0; i < more; i++) {
    memcpy(lines + 6 * i, "X: a\r\n", 6);
  }
  web_good(c, lines);
  free(lines);
}

static void test_limits__hold(void **state)
{
  static const size_t octets[] = { 5119, 5120, 5121, 5122 };
  static const size_t header[] = { 16383, 16384, 16385 };
  static const size_t lines[] = { 99, 100, 101 };
  const row rows[] = {
    { "SZ-1 one below the limit of a document", say_octets, &octets[0], GRANT, NULL },
    { "SZ-1 at it", say_octets, &octets[1], GRANT, NULL },
    { "SZ-1 one above: what is cut there is not taken for whole", say_octets, &octets[2], INVALID,
      "cimd_too_large" },
    { "SZ-1 two above", say_octets, &octets[3], INVALID, "cimd_too_large" },
    { "L17 header octets, one below", say_header_octets, &header[0], GRANT, NULL },
    { "L17 at it", say_header_octets, &header[1], GRANT, NULL },
    { "L17 one above", say_header_octets, &header[2], LATER, "fetch_response" },
    { "L17 header lines, one below", say_header_lines, &lines[0], GRANT, NULL },
    { "L17 at it", say_header_lines, &lines[1], GRANT, NULL },
    { "L17 one above", say_header_lines, &lines[2], LATER, "fetch_response" },
  };
  (void)state;

  run_rows(rows, ROWS(rows));
}

/* ---- Too slow ---- */

static void say_slowly(web_conn *c, const void *data)
{
  const char *text = data;

  while (*text != '\0' && web_send(c, text, 1) && web_pause(c, 50)) {
    text++;
  }
}

static void say_then_slowly(web_conn *c, const void *data)
{
  static const char drop[] =
      "                                                                                      ";

  if (web_say(c, data)) {
    say_slowly(c, drop);
  }
}

static void say_extension(web_conn *c, const void *data)
{
  (void)data;
  if (web_say(c, "HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n2;")) {
    while (web_say(c, "aaaaaaaaaaaaaaaa") && web_pause(c, 20)) {
    }
  }
}

static void say_nothing(web_conn *c, const void *data)
{
  (void)data;
  web_hold(c);
}

static void test_slow__ends_at_the_limit(void **state)
{
  static const row rows[] = {
    { "C10 a slow body", say_then_slowly, "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 900\r\n\r\n{",
      LATER, "fetch_timeout" },
    { "C10 slow headers", say_slowly,
      "HTTP/1.1 200 OK\r\nContent-Type: application/json; a=\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"",
      LATER, "fetch_timeout" },
    { "C11 no answer", say_nothing, NULL, LATER, "fetch_timeout" },
    { "L19 a chunk extension without an end", say_extension, NULL, LATER, "fetch_timeout" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(rows); i++) {
    live_result got;
    char path[32];

    print_message("  %s\n", rows[i].why);
    path_of(path, i);
    web_behave(x.web, WEB_TLS, rows[i].serve, rows[i].data);
    live_ask(&x, path, &got);
    is_as_expected(&rows[i], &got);
    assert_in_range(got.ms, LIMIT * 9 / 10, LIMIT + 300);
  }
}

/* C11: the time for a connection counts, too, whatever of it hangs. */
static void test_slow__handshake(void **state)
{
  static const row expected = { "C11 no handshake", NULL, NULL, LATER, "fetch_timeout" };
  live_result got;
  (void)state;

  web_behave(x.web, WEB_NO_TLS, web_good, NULL);
  live_ask(&x, "/handshake", &got);
  is_as_expected(&expected, &got);
  assert_in_range(got.ms, LIMIT * 9 / 10, LIMIT + 300);
}

/* The request's own deadline is nearer than the limit of a fetch. Two fetches in one run share it. */
static void test_slow__deadline_of_the_request(void **state)
{
  const live_options options = { .config = "{\"deadline\":1}" };
  static const row expected = { "a second", NULL, NULL, LATER, "fetch_timeout" };
  live_result got;
  (void)state;

  live_open(&x, &options);
  web_behave(x.web, WEB_TLS, say_nothing, NULL);
  live_ask(&x, "/deadline", &got);
  is_as_expected(&expected, &got);
  assert_in_range(got.ms, 900, 1300);
  live_close(&x);
}

/* ---- TLS ---- */

static void test_tls__is_verified(void **state)
{
  static const struct {
    const char *why;
    web_tls tls;
    int status;
    const char *error, *detail;
  } rows[] = {
    { "C14 expired", WEB_EXPIRED, LATER, "fetch_tls" },
    { "C14 self-signed", WEB_SELF_SIGNED, LATER, "fetch_tls" },
    { "C14 of another name", WEB_WRONG_NAME, LATER, "fetch_tls" },
    { "C14 of a CA that is not ours", WEB_OTHER_CA, LATER, "fetch_tls" },
    { "C14 TLS 1.1", WEB_TLS_1_1, LATER, "fetch_tls" },
    { "C19 L24 only h2", WEB_ONLY_H2, LATER, "fetch_tls" },
    { "and the good one", WEB_TLS, GRANT, NULL },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(rows); i++) {
    const row expected = { rows[i].why, NULL, NULL, rows[i].status, rows[i].error, rows[i].detail };
    live_result got;
    char path[32];

    print_message("  %s\n", rows[i].why);
    path_of(path, i);
    web_behave(x.web, rows[i].tls, web_good, NULL);
    live_ask(&x, path, &got);
    is_as_expected(&expected, &got);
    web_wait_idle(x.web);
    assert_int_equal(web_requests(x.web), rows[i].tls == WEB_TLS);
  }
}

/* With an anchor of one's own no other counts; and without one the test's CA is a stranger. */
static void test_tls__anchors(void **state)
{
  const live_options options = { .curl = "{\"ca_pem\":\"-----BEGIN CERTIFICATE-----\"}" };
  static const row expected = { "no anchor", NULL, NULL, LATER, NULL };
  live_result got;
  (void)state;

  live_open(&x, &options);
  web_behave(x.web, WEB_TLS, web_good, NULL);
  live_ask(&x, "/anchor", &got);
  is_as_expected(&expected, &got);
  assert_int_equal(web_requests(x.web), 0);
  live_close(&x);
}

/* ---- What goes out ---- */

static void test_request__says_no_more_than_it_must(void **state)
{
  static const char noise[] = "Set-Cookie: a=b; Path=/\r\nAlt-Svc: h2=\"127.0.0.1:443\"\r\n"
                              "Strict-Transport-Security: max-age=1000\r\n";
  char want[512], got[8192];
  live_result result;
  (void)state;

  for (int i = 0; i < 2; i++) { /* C17: the second has nothing of the first */
    web_behave(x.web, WEB_TLS, web_good, noise);
    live_ask(&x, i == 0 ? "/one" : "/two", &result);
    assert_int_equal(result.outcome, OCC_GRANT);
    (void)snprintf(want, sizeof(want),
                   "GET %s HTTP/1.1\r\nHost: " WEB_HOST ":%u\r\nUser-Agent: libocc\r\n"
                   "Accept: application/json\r\nAccept-Encoding: identity\r\n\r\n",
                   i == 0 ? "/one" : "/two", web_port(x.web));
    web_request(x.web, got, sizeof(got));
    assert_string_equal(got, want);
    assert_int_equal(web_connections(x.web), 1); /* none is kept and used again */
  }
}

/* L25: octet for octet, with what a lenient parser would mend. */
static void test_request__path_as_it_is(void **state)
{
  const live_options options = { .cimd = "{\"query\":true}" };
  static const char *const path[] = { "/a%252e%252e/c", "/a//b;c=d/,~!$", "/c?x=%20y" };
  char want[128], got[8192];
  live_result result;
  (void)state;

  live_open(&x, &options);
  for (size_t i = 0; i < ROWS(path); i++) {
    char encoded[128], *at = encoded;

    for (const char *c = path[i]; *c != '\0'; c++) { /* into the form: every octet by its number */
      at += sprintf(at, "%%%02X", (unsigned)*c);
    }
    web_behave(x.web, WEB_TLS, web_good, NULL);
    live_ask(&x, encoded, &result);
    (void)snprintf(want, sizeof(want), "GET %s HTTP/1.1\r\n", path[i]);
    web_request(x.web, got, sizeof(got));
    assert_memory_equal(got, want, strlen(want));
    assert_int_equal(result.outcome, OCC_GRANT);
  }
  live_close(&x);
}

/* B16, L12: the environment's proxies are not asked; each of them is the canary. */
static void test_request__no_proxy_of_the_environment(void **state)
{
  static const char *const name[] = { "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy",
                                      "http_proxy" };
  static const row expected = { "B16", NULL, NULL, GRANT, NULL };
  char proxy[64];
  live_result got;
  (void)state;

  (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", web_port(x.web));
  for (size_t i = 0; i < ROWS(name); i++) {
    assert_int_equal(setenv(name[i], proxy, 1), 0);
  }
  web_behave(x.web, WEB_TLS, web_good, NULL);
  live_ask(&x, "/proxy", &got);
  for (size_t i = 0; i < ROWS(name); i++) {
    assert_int_equal(unsetenv(name[i]), 0);
  }
  is_as_expected(&expected, &got);
}

/* ---- With the cache ---- */

static void say_500(web_conn *c, const void *data)
{
  (void)data;
  (void)web_say(c, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
}

/* E01, E08: what is fresh is not fetched; a failure is not kept. */
static void test_cache__over_the_wire(void **state)
{
  live_result got;
  occ_time now;
  (void)state;

  web_behave(x.web, WEB_TLS, say_500, NULL);
  live_ask(&x, "/cached", &got);
  assert_int_equal(got.status, 503);
  now = x.now + 2000;
  web_behave(x.web, WEB_TLS, web_good, "Cache-Control: max-age=120\r\n");
  live_ask_more(&x, "/cached", NULL, now, &got);
  assert_int_equal(got.outcome, OCC_GRANT);
  live_ask_more(&x, "/cached", NULL, now + 119999, &got);
  assert_int_equal(got.outcome, OCC_GRANT);
  assert_int_equal(web_requests(x.web), 1);
  live_ask_more(&x, "/cached", NULL, now + 120000, &got);
  assert_int_equal(got.outcome, OCC_GRANT);
  assert_int_equal(web_requests(x.web), 2);
  x.now = now + 120000;
}

typedef struct crowd {
  pthread_barrier_t start;
  occ_time now;
  live_result result[50];
} crowd;

typedef struct member {
  crowd *crowd;
  size_t i;
} member;

static void *ask_in_crowd(void *arg)
{
  const member *m = arg;

  (void)pthread_barrier_wait(&m->crowd->start);
  live_ask_more(&x, "/crowd", NULL, m->crowd->now, &m->crowd->result[m->i]);
  return NULL;
}

/* E12: 50 threads, a client that nobody knows: one fetch. */
static void test_crowd__fetches_once(void **state)
{
  static crowd c;
  static member who[50];
  pthread_t thread[50];
  (void)state;

  web_behave(x.web, WEB_TLS, web_good, NULL);
  c.now = x.now += 120000;
  assert_int_equal(pthread_barrier_init(&c.start, NULL, 50), 0);
  for (size_t i = 0; i < 50; i++) {
    who[i] = (member){ &c, i };
    assert_int_equal(pthread_create(&thread[i], NULL, ask_in_crowd, &who[i]), 0);
  }
  for (size_t i = 0; i < 50; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(c.result[i].outcome, OCC_GRANT);
  }
  (void)pthread_barrier_destroy(&c.start);
  assert_int_equal(web_requests(x.web), 1);
}

/* ---- Key sets ---- */

/* The document names a key set on the other host; that one is data's. */
static void say_keys(web_conn *c, const void *data)
{
  const row *r = data;
  char body[512], head[256], path[256] = "";

  if (strncmp(c->request, "GET /keys", 9) == 0) {
    r->serve(c, r->data);
    return;
  }
  assert_int_equal(sscanf(c->request, "GET %255s", path), 1);
  (void)snprintf(body, sizeof(body),
                 "{\"client_id\":\"https://" WEB_HOST
                 ":%u%s\",\"grant_types\":[\"client_credentials\"],"
                 "\"token_endpoint_auth_method\":\"private_key_jwt\","
                 "\"jwks_uri\":\"https://" WEB_OTHER_HOST ":%u/keys\"}",
                 web_port(c->web), path, web_port(c->web));
  (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n" JSON "Content-Length: %zu\r\n\r\n",
                 strlen(body));
  (void)(web_say(c, head) && web_say(c, body));
}

static void say_key_octets(web_conn *c, const void *data)
{
  static const char filler[] = "{\"keys\":[],\"x\":\"";
  const size_t want = *(const size_t *)data;
  char *text = calloc(1, want + 1);
  char head[256];

  assert_non_null(text);
  memset(text, 'a', want);
  memcpy(text, filler, sizeof(filler) - 1);
  memcpy(text + want - 2, "\"}", 2);
  (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n" JSON "Content-Length: %zu\r\n\r\n",
                 want);
  (void)(web_say(c, head) && web_send(c, text, want));
  free(text);
}

static void say_keys_slowly(web_conn *c, const void *data)
{
  (void)data;
  web_hold(c);
}

static void test_key_set__by_the_same_recipe(void **state)
{
  static const char *const elsewhere[] = { "302 Found", "https://" WEB_HOST ":" };
  static const size_t large = 16385;
  const row rows[] = {
    { "F01 a redirect", redirect, elsewhere, INVALID, "cimd_status" },
    { "F02 over its cap", say_key_octets, &large, INVALID, "cimd_too_large" },
    { "F11 1.10 not 200", say, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", INVALID,
      "cimd_status" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(rows); i++) {
    live_result got;
    char path[32], more[4096];

    print_message("  %s\n", rows[i].why);
    path_of(path, i);
    x.now += 120000;
    live_assertion(&x, more, sizeof(more), path);
    web_behave(x.web, WEB_TLS, say_keys, &rows[i]);
    live_ask_more(&x, path, more, x.now, &got);
    is_as_expected(&rows[i], &got);
    assert_int_equal(web_requests(x.web), 2);
  }
}

/* The time that the document took is not there for its keys. */
static void say_document_late(web_conn *c, const void *data)
{
  if (strncmp(c->request, "GET /keys", 9) != 0) {
    (void)web_pause(c, 600);
  }
  say_keys(c, data);
}

static void test_key_set__shares_the_deadline(void **state)
{
  const live_options options = { .config = "{\"deadline\":1}" };
  static const row keys = { "keys that do not come", say_keys_slowly, NULL, LATER,
                            "fetch_timeout" };
  live_result got;
  char more[4096];
  (void)state;

  live_open(&x, &options);
  x.now += 120000;
  live_assertion(&x, more, sizeof(more), "/late");
  web_behave(x.web, WEB_TLS, say_document_late, &keys);
  live_ask_more(&x, "/late", more, x.now, &got);
  is_as_expected(&keys, &got);
  assert_int_equal(web_requests(x.web), 2);
  assert_in_range(got.ms, 900, 1300);
  live_close(&x);
}

/* ---- Who holds what ---- */

/* An answerer of the host's that wants a fetch, and takes any document. */
static int answer_client(occ_txn *txn, const occ_question *q, void *user_data)
{
  const live *l = user_data;
  char url[128];

  if (q->index != 0) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, "{}", 2);
  }
  (void)snprintf(url, sizeof(url), "https://" WEB_HOST ":%u/held", web_port(l->web));
  return occ_txn_answer_fetch_first(txn, q->ticket, url, 1000);
}

/* The servers hold the occ_cimd that says where to, also where they ask it nothing else. */
static void test_attach__holds(void **state)
{
  static const char json[] = "{\"token_urls\":[\"https://as.example/token\"],"
                             "\"store_id\":\"AAECAwQFBgcICQoLDA0ODw\"}";
  const live_options options = { .curl = NULL };
  occ_config *config = NULL;
  occ_cimd *cimd = NULL;
  live_result got;
  (void)state;

  live_open(&x, &options);
  occ_server_free(x.server);
  assert_int_equal(
      occ_cimd_new(&cimd, x.lib, "{\"development\":true,\"allow_addresses\":[\"127.0.0.2/32\"]}"),
      OCC_OK);
  assert_int_equal(occ_config_new(&config, x.lib, "https://as.example"), OCC_OK);
  assert_int_equal(occ_config_answer(config, OCC_ASK_CLIENT, answer_client, NULL, NULL, &x),
                   OCC_OK);
  assert_int_equal(occ_keyring_attach(x.ring, config), OCC_OK);
  assert_int_equal(occ_curl_attach(x.curl, config, cimd), OCC_OK);
  occ_cimd_free(cimd);
  assert_int_equal(occ_config_load(config, json, strlen(json)), OCC_OK);
  assert_int_equal(occ_server_new(&x.server, config), OCC_OK);
  occ_config_free(config);
  web_behave(x.web, WEB_TLS, web_good, NULL);
  live_ask(&x, "/held", &got);
  assert_int_equal(got.outcome, OCC_GRANT);
  live_close(&x);
}

static void test_attach__arguments(void **state)
{
  const live_options options = { .curl = NULL };
  occ_config *config = NULL;
  occ_lib *other = NULL;
  (void)state;

  live_open(&x, &options);
  assert_int_equal(occ_lib_new(&other, NULL), OCC_OK);
  assert_int_equal(occ_config_new(&config, other, "https://as.example"), OCC_OK);
  assert_int_equal(occ_curl_attach(NULL, config, x.cimd), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_attach(x.curl, NULL, x.cimd), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_curl_attach(x.curl, config, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_attach(x.cimd, config), OCC_ERR_ARGUMENT); /* of another lib */
  occ_config_free(config);
  occ_lib_free(other);
  live_close(&x);
}

/* ---- No memory ---- */

/* A request whose allocation number n fails, and all behind it where keep is set. 1: none failed. */
static int ask_without_memory(fail_mem *fm, size_t n, bool keep)
{
  occ_txn *txn = NULL;
  char body[256];
  int rc;

  x.now += 120000;
  (void)snprintf(body, sizeof(body), "grant_type=urn:x&client_id=https://" WEB_HOST ":%u/m%zu-%d",
                 web_port(x.web), n, keep);
  fm->failed = false;
  fm->keep = keep;
  fm->until = fm->count + n;
  if (occ_txn_new(&txn, x.server, OCC_TOKEN, NULL) == OCC_OK) {
    (void)occ_txn_set_body(txn, body, strlen(body));
    while ((rc = occ_txn_run(txn, x.now)) == OCC_PENDING) {
      const occ_question *q = occ_txn_question(txn);

      assert_int_equal(q->kind, OCC_ASK_DECIDE);
      assert_int_equal(occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0), OCC_OK);
    }
    assert_int_equal(rc == OCC_OK && occ_txn_outcome(txn) == OCC_GRANT,
                     occ_txn_outcome(txn) == OCC_GRANT);
    assert_true(fm->failed || occ_txn_outcome(txn) == OCC_GRANT);
  }
  fm->until = SIZE_MAX;
  occ_txn_free(txn);
  return !fm->failed;
}

/* G09: whatever allocation of a request with its fetch fails: no grant by mistake, nothing is left, the next works. */
static void test_memory__fails_at_each_point(void **state)
{
  fail_mem fm;
  const live_options options = { .mem = &fm.mem };
  live_result got;
  size_t n = 0;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  live_open(&x, &options);
  web_behave(x.web, WEB_TLS, web_good, NULL);
  for (int keep = 0; keep <= 1; keep++) {
    for (n = 0; !ask_without_memory(&fm, n, keep != 0); n++) {
      assert_true(n < 1000);
    }
    assert_true(n > 5); /* of them those of the transfer */
  }
  live_ask(&x, "/after", &got);
  assert_int_equal(got.outcome, OCC_GRANT);
  live_close(&x);
  assert_int_equal(fm.live, 0);
}

int main(void)
{
  const struct CMUnitTest usual[] = {
    cmocka_unit_test(test_response__decides),
    cmocka_unit_test(test_response__framing),
    cmocka_unit_test(test_redirect__is_a_response),
    cmocka_unit_test(test_large__is_not_read),
    cmocka_unit_test(test_limits__hold),
    cmocka_unit_test(test_tls__is_verified),
    cmocka_unit_test(test_request__says_no_more_than_it_must),
    cmocka_unit_test(test_request__no_proxy_of_the_environment),
    cmocka_unit_test(test_cache__over_the_wire),
    cmocka_unit_test(test_crowd__fetches_once),
    cmocka_unit_test(test_key_set__by_the_same_recipe),
  };
  const struct CMUnitTest limited[] = {
    cmocka_unit_test(test_slow__ends_at_the_limit),
    cmocka_unit_test(test_slow__handshake),
  };
  const struct CMUnitTest alone[] = {
    cmocka_unit_test(test_memory__fails_at_each_point),
    cmocka_unit_test(test_slow__deadline_of_the_request),
    cmocka_unit_test(test_tls__anchors),
    cmocka_unit_test(test_attach__holds),
    cmocka_unit_test(test_attach__arguments),
    cmocka_unit_test(test_request__path_as_it_is),
    cmocka_unit_test(test_key_set__shares_the_deadline),
  };

  return cmocka_run_group_tests_name("live/fetch", usual, open_usual, close_all) +
         cmocka_run_group_tests_name("live/fetch, limits of time", limited, open_limited,
                                     close_all) +
         cmocka_run_group_tests_name("live/fetch, options", alone, NULL, NULL);
}
