/* SPDX-License-Identifier: MIT */

/* occ_curl_call(): an agent's call over TLS, against a token endpoint that the test plays. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "live.h"
#include "test_keys.h"

#define JSON "Content-Type: application/json\r\n"
#define NOW  INT64_C(1800000000000)
#define CHALLENGE                                                                                  \
  "{\"error\":\"insufficient_client_authorization\",\"challenge_session\":\"s1\",\"expires_in\":"  \
  "60,"                                                                                            \
  "\"authorization_requirement\":{\"type\":\"urn:ietf:params:oauth:client-challenge:jwt-"          \
  "assertion\"}}"

static live x;
static char seen[8192];
static unsigned requests_seen, responses_seen;

static void see(const occ_curl_message *message, void *user_data)
{
  assert_ptr_equal(user_data, &x);
  assert_non_null(strstr(message->url, WEB_HOST));
  if (message->is_request) {
    requests_seen++;
    (void)snprintf(seen, sizeof(seen), "%.*s", (int)message->len, message->body);
  } else {
    responses_seen++;
    (void)snprintf(seen, sizeof(seen), "%d %s|%.*s", message->http_status, message->headers,
                   (int)message->len, message->len == 0 ? "" : message->body);
  }
}

static int set_up(void **state)
{
  const live_options options = {
    .curl =
        "{\"client_id\":\"a b\",\"client_secret\":\"c:d\",\"call_ms\":1000,\"call_octets\":1024}"
  };

  (void)state;
  live_open(&x, &options);
  requests_seen = responses_seen = 0;
  seen[0] = '\0';
  return occ_curl_on_message(x.curl, see, &x);
}

static int tear_down(void **state)
{
  (void)state;
  assert_true(web_canary_is_quiet(x.web));
  live_close(&x);
  return 0;
}

static occ_agent *make_agent(const char *more)
{
  occ_agent *agent = NULL;
  char options[512];

  (void)snprintf(options, sizeof(options),
                 "{\"issuer\":\"https://as.example\",\"client_id\":\"a b\","
                 "\"token_url\":\"https://" WEB_HOST ":%u/token\"%s}",
                 web_port(x.web), more);
  assert_int_equal(occ_agent_new(&agent, x.lib, options, strlen(options)), OCC_OK);
  return agent;
}

static occ_call *make_call(occ_agent *agent)
{
  occ_call *call = NULL;

  assert_int_equal(occ_call_new(&call, agent), OCC_OK);
  assert_int_equal(occ_call_add_param(call, "grant_type", "client_credentials", 18), OCC_OK);
  return call;
}

/* The texts that the server says, one a request. */
static void say_next(web_conn *c, const void *data)
{
  const char *const *text = data;

  (void)web_say(c, text[web_requests(c->web) - 1]);
}

static const char token[] = "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 44\r\n\r\n"
                            "{\"access_token\":\"t\",\"token_type\":\"Bearer\"}  ";

static void test_call__gets_a_token(void **state)
{
  const char *const say[] = { token };
  occ_agent *agent = make_agent("");
  occ_call *call = make_call(agent);
  char request[8192];
  (void)state;

  web_behave(x.web, WEB_TLS, say_next, say);
  assert_int_equal(occ_curl_call(x.curl, call, NOW), OCC_OK);
  assert_null(occ_challenge_error(occ_call_result(call)));
  assert_non_null(strstr(occ_challenge_body(occ_call_result(call), NULL), "access_token"));
  web_request(x.web, request, sizeof(request));
  assert_memory_equal(request, "POST /token HTTP/1.1\r\n", 22);
  /* base64 of a%20b:c%3Ad; spec: RFC 6749 section 2.3.1 */
  assert_non_null(strstr(request, "\r\nAuthorization: Basic YSUyMGI6YyUzQWQ=\r\n"));
  assert_non_null(strstr(request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
  assert_non_null(strstr(request, "\r\n\r\ngrant_type=client_credentials"));
  assert_int_equal(requests_seen, 1);
  assert_int_equal(responses_seen, 1);
  assert_memory_equal(seen, "200 " JSON, 4 + sizeof(JSON) - 1);
  assert_non_null(strstr(seen, "|{\"access_token\""));
  occ_call_free(call);
  occ_agent_free(agent);
}

/* A DPoP nonce is asked for: the message goes out once more, with another proof. */
static void test_call__goes_its_rounds(void **state)
{
  const char *const say[] = { "HTTP/1.1 400 Bad\r\n" JSON
                              "DPoP-Nonce: n1\r\nContent-Length: 26\r\n\r\n"
                              "{\"error\":\"use_dpop_nonce\"}",
                              token };
  occ_agent *agent = make_agent(",\"dpop\":true");
  occ_call *call;
  char request[8192];
  (void)state;

  assert_int_equal(
      occ_agent_add_key(agent, "dpop", TEST_CLIENT_A_PRIVATE, strlen(TEST_CLIENT_A_PRIVATE)),
      OCC_OK);
  call = make_call(agent);
  web_behave(x.web, WEB_TLS, say_next, say);
  assert_int_equal(occ_curl_call(x.curl, call, NOW), OCC_OK);
  assert_null(occ_challenge_error(occ_call_result(call)));
  assert_int_equal(web_requests(x.web), 2);
  assert_int_equal(requests_seen, 2);
  web_request(x.web, request, sizeof(request));
  assert_non_null(strstr(request, "\r\nDPoP: "));
  occ_call_free(call);
  occ_agent_free(agent);
}

static void say_nothing(web_conn *c, const void *data)
{
  (void)data;
  web_hold(c);
}

static void say_too_much(web_conn *c, const void *data)
{
  static const char begin[] = "{\"access_token\":\"t\",\"token_type\":\"Bearer\"";
  static char body[1025];

  memset(body, ' ', sizeof(body));
  memcpy(body, begin, sizeof(begin) - 1);
  body[*(const size_t *)data - 1] = '}';
  (void)(web_say(c, "HTTP/1.1 200 OK\r\n" JSON "\r\n") && web_send(c, body, *(const size_t *)data));
}

/* Nothing came: what the call ends with, and what is told. */
static int fails(web_tls tls, web_serve serve, const void *data)
{
  occ_agent *agent = make_agent("");
  occ_call *call = make_call(agent);
  int rc;

  web_behave(x.web, tls, serve, data);
  rc = occ_curl_call(x.curl, call, NOW);
  if (rc == OCC_OK) {
    rc = occ_challenge_error(occ_call_result(call)) == NULL ? 1 : 2;
  }
  occ_call_free(call);
  occ_agent_free(agent);
  web_wait_idle(x.web);
  return rc;
}

static void test_call__no_token_without_a_whole_answer(void **state)
{
  static const size_t at = 1024, above = 1025;
  static const char *const redirect[] = {
    "HTTP/1.1 307 There\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
  };
  static const char *const cut[] = { "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 44\r\n\r\n{" };
  (void)state;

  assert_int_equal(fails(WEB_TLS, say_too_much, &at), 1);
  assert_true(fails(WEB_TLS, say_too_much, &above) != 1); /* cut: none at all */
  assert_memory_equal(seen, "0 |", 4);
  assert_true(fails(WEB_TLS, say_next, cut) != 1);
  assert_memory_equal(seen, "0 |", 4);
  assert_true(fails(WEB_SELF_SIGNED, say_next, cut) != 1);
  assert_int_equal(web_requests(x.web), 0);
  assert_true(fails(WEB_TLS, say_next, redirect) != 1);
  assert_int_equal(web_requests(x.web), 1); /* credentials go where the configuration says */
  assert_true(fails(WEB_TLS, say_nothing, NULL) != 1);
}

/* A question that is the host's comes back to it, and the call goes on where it was. */
static void test_call__leaves_other_questions(void **state)
{
  const char *say[] = { NULL, token };
  char challenge[1024];
  occ_agent *agent = make_agent("");
  occ_call *call = make_call(agent);
  const occ_question *q;
  (void)state;

  (void)snprintf(challenge, sizeof(challenge),
                 "HTTP/1.1 403 No\r\n" JSON "Content-Length: %zu\r\n\r\n%s", strlen(CHALLENGE),
                 CHALLENGE);
  say[0] = challenge;
  web_behave(x.web, WEB_TLS, say_next, say);
  assert_int_equal(occ_curl_call(x.curl, call, NOW), OCC_PENDING);
  q = occ_call_question(call);
  assert_int_equal(q->kind, OCC_ASK_SOLVE);
  assert_int_equal(occ_curl_call(x.curl, call, NOW), OCC_PENDING); /* still */
  assert_int_equal(occ_call_answer(call, q->ticket, OCC_YES, "{\"claim_token\":\"e\"}", 19),
                   OCC_OK);
  while (occ_curl_call(x.curl, call, NOW) == OCC_PENDING) {
    q = occ_call_question(call);
    assert_int_equal(q->kind, OCC_ASK_DISCLOSE);
    assert_int_equal(occ_call_answer(call, q->ticket, OCC_YES, NULL, 0), OCC_OK);
  }
  assert_null(occ_challenge_error(occ_call_result(call)));
  assert_int_equal(web_requests(x.web), 2);
  occ_call_free(call);
  occ_agent_free(agent);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_call__gets_a_token, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_call__goes_its_rounds, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_call__no_token_without_a_whole_answer, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_call__leaves_other_questions, set_up, tear_down),
  };

  return cmocka_run_group_tests_name("live/call", tests, NULL, NULL);
}
