/* SPDX-License-Identifier: MIT */

/* occ_challenge_read(): every kind of token response, and everything that must not pass for one. */

#include "agent_host.h"

#include <stdlib.h>

#define REQ     "\"authorization_requirement\":{\"type\":\"t\"}"
#define ERR     "\"error\":\"insufficient_client_authorization\""
#define SESSION "\"challenge_session\":\"s\""

typedef struct fixture {
  occ_lib *lib;
} fixture;

static int setup(void **state)
{
  static fixture f;
  *state = &f;
  return occ_lib_new(&f.lib, NULL);
}

static int teardown(void **state)
{
  fixture *f = *state;
  occ_lib_free(f->lib);
  return 0;
}

static occ_challenge *read_text(occ_lib *lib, int status, const char *headers, const char *body)
{
  occ_challenge *challenge = NULL;
  assert_int_equal(occ_challenge_read(&challenge, lib, status, headers, body, strlen(body)),
                   OCC_OK);
  assert_non_null(challenge);
  return challenge;
}

static void test_occ_challenge_read__kinds(void **state)
{
  fixture *f = *state;
  static const struct {
    const char *why;
    int status;
    const char *body, *error, *type, *session;
    int64_t expires_in;
  } row[] = {
    { "C-01 unknown members everywhere", 403,
      "{\"new\":[1,{\"a\":null}]," ERR
      ",\"authorization_requirement\":{\"type\":\"t\",\"more\":{\"x\":[]}}," SESSION
      ",\"expires_in\":120,\"error_description\":\"d\"}",
      "insufficient_client_authorization", "t", "s", 120 },
    { "O-01 session at the top", 403, "{" ERR "," REQ "," SESSION "}",
      "insufficient_client_authorization", "t", "s", -1 },
    { "O-01 session inside, as the draft's examples", 403,
      "{" ERR ",\"authorization_requirement\":{\"type\":\"verifiable_presentation\","
      "\"challenge_session\":\"7f3d9e2a-4c1b-4f8e-b5a0-1e6c8d2f0a9b\"}}",
      "insufficient_client_authorization", "verifiable_presentation",
      "7f3d9e2a-4c1b-4f8e-b5a0-1e6c8d2f0a9b", -1 },
    { "O-01 the same session twice", 403,
      "{" ERR ",\"authorization_requirement\":{\"type\":\"t\"," SESSION "}," SESSION "}",
      "insufficient_client_authorization", "t", "s", -1 },
    { "O-02 the other name", 403, "{\"error\":\"insufficient_authorization\"," REQ "," SESSION "}",
      "insufficient_client_authorization", "t", "s", -1 },
    { "O-02 the other name without a requirement is another protocol's error", 403,
      "{\"error\":\"insufficient_authorization\",\"auth_session\":\"x\"}",
      "insufficient_authorization", NULL, NULL, -1 },
    { "O-03 status 400", 400, "{" ERR "," REQ "," SESSION "}", "insufficient_client_authorization",
      "t", "s", -1 },
    { "O-03 status 401", 401, "{" ERR "," REQ "," SESSION "}", "insufficient_client_authorization",
      "t", "s", -1 },
    { "O-03 status 499", 499, "{" ERR "," REQ "," SESSION "}", "insufficient_client_authorization",
      "t", "s", -1 },
    { "O-03 status 500 is no challenge", 500, "{" ERR "," REQ "," SESSION "}",
      "insufficient_client_authorization", NULL, NULL, -1 },
    { "O-03 status 200 is no challenge", 200, "{" ERR "," REQ "," SESSION "}",
      "insufficient_client_authorization", NULL, NULL, -1 },
    { "O-03 status 399 is no challenge", 399, "{" ERR "," REQ "," SESSION "}",
      "insufficient_client_authorization", NULL, NULL, -1 },
    { "another error", 400, "{\"error\":\"invalid_grant\"}", "invalid_grant", NULL, NULL, -1 },
    { "another error with members of a challenge", 400, "{\"error\":\"invalid_grant\"," SESSION "}",
      "invalid_grant", NULL, NULL, -1 },
    { "an error of another server kind", 503, "{\"error\":\"temporarily_unavailable\"}",
      "temporarily_unavailable", NULL, NULL, -1 },
    { "a token", 200, TOKEN, NULL, NULL, NULL, 60 },
    { "a token of a server that writes its life as text", 200,
      "{\"access_token\":\"x\",\"expires_in\":\"60\"}", NULL, NULL, NULL, -1 },
    { "a token with a member called error", 200, "{\"access_token\":\"x\",\"error\":\"\"}", NULL,
      NULL, NULL, -1 },
    { "a pushed request", 201, "{\"request_uri\":\"urn:x\",\"expires_in\":5}", NULL, NULL, NULL,
      5 },
    { "200 with an error and no token is an error", 200, "{\"error\":\"invalid_grant\"}",
      "invalid_grant", NULL, NULL, -1 },
    { "C-04 expires at once", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":0}",
      "insufficient_client_authorization", "t", "s", 0 },
    { "C-04 a fraction is cut", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":1.9}",
      "insufficient_client_authorization", "t", "s", 1 },
    { "C-04 longest", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":2147483647}",
      "insufficient_client_authorization", "t", "s", 2147483647 },
    { "C-04 a large real", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":1e9}",
      "insufficient_client_authorization", "t", "s", 1000000000 },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_challenge *challenge = read_text(f->lib, row[i].status, NULL, row[i].body);
    size_t len = 0;
    print_message("  %s\n", row[i].why);
#define SAME(a, b)                                                                                 \
  do {                                                                                             \
    if ((b) == NULL) {                                                                             \
      assert_null(a);                                                                              \
    } else {                                                                                       \
      assert_string_equal(a, b);                                                                   \
    }                                                                                              \
  } while (0)
    SAME(occ_challenge_error(challenge), row[i].error);
    SAME(occ_challenge_type(challenge), row[i].type);
    SAME(occ_challenge_session(challenge), row[i].session);
    assert_int_equal(occ_challenge_expires_in(challenge), row[i].expires_in);
    assert_string_equal(occ_challenge_body(challenge, &len), row[i].body);
    assert_int_equal(len, strlen(row[i].body));
    assert_true((occ_challenge_requirement(challenge) != NULL) == (row[i].type != NULL));
    occ_challenge_free(challenge);
  }
}

static void test_occ_challenge_read__refuses(void **state)
{
  fixture *f = *state;
  static const struct {
    const char *why;
    int status;
    const char *body;
    int want;
  } row[] = {
    { "empty", 403, "", OCC_ERR_SYNTAX },
    { "no JSON", 502, "<html>Bad Gateway</html>", OCC_ERR_SYNTAX },
    { "no JSON on success", 200, "ok", OCC_ERR_SYNTAX },
    { "an array", 200, "[]", OCC_ERR_SYNTAX },
    { "a string", 200, "\"x\"", OCC_ERR_SYNTAX },
    { "a number", 403, "1", OCC_ERR_SYNTAX },
    { "null", 403, "null", OCC_ERR_SYNTAX },
    { "cut short", 403, "{\"error\":\"invalid", OCC_ERR_SYNTAX },
    { "two objects", 403, "{\"error\":\"a\"}{}", OCC_ERR_SYNTAX },
    { "a name twice", 403, "{\"error\":\"a\",\"error\":\"b\"}", OCC_ERR_SYNTAX },
    { "a byte order mark", 403, "\xef\xbb\xbf{\"error\":\"a\"}", OCC_ERR_SYNTAX },
    { "neither success nor error", 400, "{}", OCC_ERR_SYNTAX },
    { "200 without a token", 200, "{}", OCC_ERR_SYNTAX },
    { "200 with a token that is no text", 200, "{\"access_token\":1}", OCC_ERR_SYNTAX },
    { "a token with a refusing status", 400, TOKEN, OCC_ERR_SYNTAX },
    { "a redirect", 302, "{}", OCC_ERR_SYNTAX },
    { "error is a number", 400, "{\"error\":1}", OCC_ERR_SYNTAX },
    { "error is an object", 400, "{\"error\":{}}", OCC_ERR_SYNTAX },
    { "error is null", 400, "{\"error\":null}", OCC_ERR_SYNTAX },
    { "error is empty", 400, "{\"error\":\"\"}", OCC_ERR_SYNTAX },
    { "error with a quote", 400, "{\"error\":\"a\\\"b\"}", OCC_ERR_SYNTAX },
    { "error with a line end", 400, "{\"error\":\"a\\nb\"}", OCC_ERR_SYNTAX },
    { "error not ASCII", 400, "{\"error\":\"\xc3\xa9\"}", OCC_ERR_SYNTAX },
    { "error null on success without a token", 200, "{\"error\":null}", OCC_ERR_SYNTAX },
    { "O-01 two sessions that differ", 403,
      "{" ERR ",\"authorization_requirement\":{\"type\":\"t\",\"challenge_session\":\"x\"}," SESSION
      "}",
      OCC_ERR_SYNTAX },
    { "O-01 two sessions, one no text", 403,
      "{" ERR ",\"authorization_requirement\":{\"type\":\"t\",\"challenge_session\":1}," SESSION
      "}",
      OCC_ERR_SYNTAX },
    { "O-01 null at the top, a text inside", 403,
      "{" ERR ",\"authorization_requirement\":{\"type\":\"t\"," SESSION
      "},\"challenge_session\":null}",
      OCC_ERR_SYNTAX },
    { "no session", 403, "{" ERR "," REQ "}", OCC_ERR_SYNTAX },
    { "session empty", 403, "{" ERR "," REQ ",\"challenge_session\":\"\"}", OCC_ERR_SYNTAX },
    { "session a number", 403, "{" ERR "," REQ ",\"challenge_session\":7}", OCC_ERR_SYNTAX },
    { "session an array", 403, "{" ERR "," REQ ",\"challenge_session\":[\"s\"]}", OCC_ERR_SYNTAX },
    { "session with a space", 403, "{" ERR "," REQ ",\"challenge_session\":\"a b\"}",
      OCC_ERR_SYNTAX },
    { "session with a line end", 403, "{" ERR "," REQ ",\"challenge_session\":\"a\\r\\nb\"}",
      OCC_ERR_SYNTAX },
    { "session with octet 7f", 403, "{" ERR "," REQ ",\"challenge_session\":\"a\\u007f\"}",
      OCC_ERR_SYNTAX },
    { "session not ASCII", 403, "{" ERR "," REQ ",\"challenge_session\":\"\xc3\xa9\"}",
      OCC_ERR_SYNTAX },
    { "no requirement", 403, "{" ERR "," SESSION "}", OCC_ERR_SYNTAX },
    { "requirement a text", 403, "{" ERR ",\"authorization_requirement\":\"t\"," SESSION "}",
      OCC_ERR_SYNTAX },
    { "requirement an array", 403, "{" ERR ",\"authorization_requirement\":[]," SESSION "}",
      OCC_ERR_SYNTAX },
    { "O-02 the other name with a requirement null", 403,
      "{\"error\":\"insufficient_authorization\",\"authorization_requirement\":null," SESSION "}",
      OCC_ERR_SYNTAX },
    { "no type", 403, "{" ERR ",\"authorization_requirement\":{}," SESSION "}", OCC_ERR_SYNTAX },
    { "type a number", 403, "{" ERR ",\"authorization_requirement\":{\"type\":1}," SESSION "}",
      OCC_ERR_SYNTAX },
    { "type empty", 403, "{" ERR ",\"authorization_requirement\":{\"type\":\"\"}," SESSION "}",
      OCC_ERR_SYNTAX },
    { "C-04 expiry below zero", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":-1}",
      OCC_ERR_SYNTAX },
    { "C-04 expiry a text", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":\"120\"}",
      OCC_ERR_SYNTAX },
    { "C-04 expiry null", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":null}",
      OCC_ERR_SYNTAX },
    { "C-04 expiry one too far", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":2147483648}",
      OCC_ERR_SYNTAX },
    { "C-04 expiry far too far", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":1e300}",
      OCC_ERR_SYNTAX },
    { "C-04 expiry a negative real", 403, "{" ERR "," REQ "," SESSION ",\"expires_in\":-0.5}",
      OCC_ERR_SYNTAX },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_challenge *challenge = (occ_challenge *)(uintptr_t)1;
    print_message("  %s\n", row[i].why);
    assert_int_equal(
        occ_challenge_read(&challenge, f->lib, row[i].status, "", row[i].body, strlen(row[i].body)),
        row[i].want);
    assert_null(challenge);
  }
}

static void test_occ_challenge_read__keeps_the_requirement_as_received(void **state)
{
  fixture *f = *state;
  static const struct {
    const char *why, *body, *want;
  } row[] = {
    { "real, escapes and order",
      "{" ERR "," SESSION ",\"authorization_requirement\" : {\"z\":1.50,"
      "\"type\":\"t\",\"a\":\"\\u0041\\/}\" , \"b\":[ {},\"]\"]} }",
      "{\"z\":1.50,\"type\":\"t\",\"a\":\"\\u0041\\/}\" , \"b\":[ {},\"]\"]}" },
    { "its name escaped",
      "{\"x\":\"{\\\"\",\"authorization\\u005frequirement\":{\"type\":\"t\"}\n,"
      "" ERR "," SESSION "}",
      "{\"type\":\"t\"}" },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_challenge *challenge = read_text(f->lib, 403, NULL, row[i].body);
    print_message("  %s\n", row[i].why);
    assert_string_equal(occ_challenge_requirement(challenge), row[i].want);
    occ_challenge_free(challenge);
  }
}

static void test_occ_challenge_nonce__headers(void **state)
{
  fixture *f = *state;
  static const struct {
    const char *why, *headers, *name, *want;
  } row[] = {
    { "none", NULL, "DPoP-Nonce", NULL },
    { "no such line", "HTTP/1.1 400 Bad Request\r\nDate: x\r\n", "DPoP-Nonce", NULL },
    { "one", "Date: x\r\nDPoP-Nonce: n-1\r\n", "DPoP-Nonce", "n-1" },
    { "names without case", "dpop-NONCE:\tn-1 \n", "dpop-nonce", "n-1" },
    { "the attestation's", "OAuth-Client-Attestation-Challenge: c\r\nDPoP-Nonce: n\r\n",
      "OAuth-Client-Attestation-Challenge", "c" },
    { "two lines are none (RFC 9449 8.1)", "DPoP-Nonce: a\r\nDPoP-Nonce: b\r\n", "DPoP-Nonce",
      NULL },
    { "empty", "DPoP-Nonce: \r\n", "DPoP-Nonce", NULL },
    { "a space inside", "DPoP-Nonce: a b\r\n", "DPoP-Nonce", NULL },
    { "not ASCII", "DPoP-Nonce: \xc3\xa9\r\n", "DPoP-Nonce", NULL },
    { "another header is not kept", "Location: x\r\n", "Location", NULL },
    { "no name", "DPoP-Nonce: a\r\n", NULL, NULL },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_challenge *challenge =
        read_text(f->lib, 400, row[i].headers, "{\"error\":\"use_dpop_nonce\"}");
    print_message("  %s\n", row[i].why);
    SAME(occ_challenge_nonce(challenge, row[i].name), row[i].want);
    occ_challenge_free(challenge);
  }
}

/* A challenge body of exactly len octets, or one with a session of len characters. */
static char *body_of(size_t len, size_t session)
{
  static const char head[] = "{" ERR "," REQ ",\"challenge_session\":\"";
  static const char tail[] = "\"}";
  size_t fill = session;
  char *body;

  if (len > 0) {
    fill = 1;
  } else {
    len = sizeof(head) - 1 + session + sizeof(tail) - 1;
  }
  body = malloc(len + 1);
  assert_non_null(body);
  memset(body, ' ', len);
  memcpy(body, head, sizeof(head) - 1);
  memset(body + sizeof(head) - 1, 'x', fill);
  memcpy(body + sizeof(head) - 1 + fill, tail, sizeof(tail) - 1);
  body[len] = '\0';
  return body;
}

static void test_occ_challenge_read__limits(void **state)
{
  fixture *f = *state;
  static const struct {
    const char *why;
    size_t len, session;
    int want;
  } row[] = {
    { "session one less", 0, OCC__AGENT_MAX_SESSION - 1, OCC_OK },
    { "session at the limit", 0, OCC__AGENT_MAX_SESSION, OCC_OK },
    { "session one more", 0, OCC__AGENT_MAX_SESSION + 1, OCC_ERR_SYNTAX },
    { "body one less", OCC__MAX_BODY - 1, 0, OCC_OK },
    { "body at the limit", OCC__MAX_BODY, 0, OCC_OK },
    { "body one more", OCC__MAX_BODY + 1, 0, OCC_ERR_LIMIT },
    { "body huge", 16 * OCC__MAX_BODY, 0, OCC_ERR_LIMIT },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    char *body = body_of(row[i].len, row[i].session);
    occ_challenge *challenge = NULL;
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_challenge_read(&challenge, f->lib, 403, NULL, body, strlen(body)),
                     row[i].want);
    assert_true((challenge != NULL) == (row[i].want == OCC_OK));
    occ_challenge_free(challenge);
    free(body);
  }
}

static void test_occ_challenge_read__limits_of_headers_and_errors(void **state)
{
  fixture *f = *state;
  char *headers = malloc(OCC__AGENT_MAX_HEADERS + 2);
  char body[OCC__AGENT_MAX_ERROR + 32];
  occ_challenge *challenge = NULL;

  assert_non_null(headers);
  for (size_t more = 0; more < 3; more++) { /* -1, 0, +1 */
    size_t len = OCC__AGENT_MAX_HEADERS - 1 + more;
    memset(headers, 'h', len);
    headers[len] = '\0';
    assert_int_equal(occ_challenge_read(&challenge, f->lib, 200, headers, TOKEN, strlen(TOKEN)),
                     more == 2 ? OCC_ERR_LIMIT : OCC_OK);
    occ_challenge_free(challenge);
    challenge = NULL;
  }
  for (size_t more = 0; more < 3; more++) {
    size_t len = OCC__AGENT_MAX_ERROR - 1 + more;
    memcpy(body, "{\"error\":\"", 10);
    memset(body + 10, 'e', len);
    memcpy(body + 10 + len, "\"}", 3);
    assert_int_equal(occ_challenge_read(&challenge, f->lib, 400, NULL, body, strlen(body)),
                     more == 2 ? OCC_ERR_SYNTAX : OCC_OK);
    occ_challenge_free(challenge);
    challenge = NULL;
  }
  free(headers);
}

static void test_occ_challenge_read__limits_of_json(void **state)
{
  fixture *f = *state;
  char body[4 * OCC__MAX_JSON_VALUES];
  occ_challenge *challenge = NULL;

  for (size_t more = 0; more < 3; more++) { /* depth: -1, 0, +1; the object counts too */
    size_t depth = OCC__MAX_JSON_DEPTH - 2 + more, at = 0;
    at += (size_t)snprintf(body, sizeof(body), "{\"access_token\":\"x\",\"more\":");
    memset(body + at, '[', depth);
    memset(body + at + depth, ']', depth);
    memcpy(body + at + 2 * depth, "}", 2);
    assert_int_equal(occ_challenge_read(&challenge, f->lib, 200, NULL, body, strlen(body)),
                     more == 2 ? OCC_ERR_LIMIT : OCC_OK);
    occ_challenge_free(challenge);
    challenge = NULL;
  }
  for (size_t more = 0; more < 3;
       more++) { /* values: the object, the token and the array are three */
    size_t values = OCC__MAX_JSON_VALUES - 4 + more, at = 0;
    at += (size_t)snprintf(body, sizeof(body), "{\"access_token\":\"x\",\"more\":[");
    for (size_t i = 0; i < values; i++) {
      body[at++] = '1';
      body[at++] = ',';
    }
    memcpy(body + at - 1, "]}", 3);
    assert_int_equal(occ_challenge_read(&challenge, f->lib, 200, NULL, body, strlen(body)),
                     more == 2 ? OCC_ERR_LIMIT : OCC_OK);
    occ_challenge_free(challenge);
    challenge = NULL;
  }
}

static void test_occ_challenge_read__arguments(void **state)
{
  fixture *f = *state;
  occ_challenge *challenge = (occ_challenge *)(uintptr_t)1;
  size_t len = 1;

  assert_int_equal(occ_challenge_read(NULL, f->lib, 200, NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_challenge_read(&challenge, NULL, 200, NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_null(challenge);
  assert_int_equal(occ_challenge_read(&challenge, f->lib, 99, NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_challenge_read(&challenge, f->lib, 600, NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_challenge_read(&challenge, f->lib, 0, NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_challenge_read(&challenge, f->lib, 200, NULL, NULL, 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_challenge_read(&challenge, f->lib, 200, NULL, NULL, 0), OCC_ERR_SYNTAX);
  assert_null(occ_challenge_error(NULL));
  assert_null(occ_challenge_type(NULL));
  assert_null(occ_challenge_session(NULL));
  assert_null(occ_challenge_requirement(NULL));
  assert_null(occ_challenge_nonce(NULL, "DPoP-Nonce"));
  assert_null(occ_challenge_body(NULL, &len));
  assert_int_equal(len, 0);
  assert_int_equal(occ_challenge_expires_in(NULL), -1);
  occ_challenge_free(NULL);
}

static void test_occ_challenge_read__outlives_the_hosts_hold_on_the_lib(void **state)
{
  occ_lib *lib = NULL;
  occ_challenge *challenge;
  (void)state;

  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  challenge = read_text(lib, 200, NULL, TOKEN);
  occ_lib_free(lib);
  assert_null(occ_challenge_error(challenge));
  occ_challenge_free(challenge);
}

static void test_occ_challenge_read__survives_every_failed_allocation(void **state)
{
  static const char body[] =
      "{" ERR ",\"authorization_requirement\":{\"type\":\"t\"," SESSION "},\"expires_in\":9}";
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    int rc = OCC_ERR_MEMORY;
    for (size_t n = 1; n < 100 && rc != OCC_OK; n++) { /* number 0 is the lib */
      occ_challenge *challenge = (occ_challenge *)(uintptr_t)1;
      occ_lib *lib = NULL;
      fail_mem fm;
      fail_mem_init(&fm, n, keep != 0);
      assert_int_equal(occ_lib_new(&lib, &fm.mem), OCC_OK);
      rc = occ_challenge_read(&challenge, lib, 403, "DPoP-Nonce: n\r\n", body, strlen(body));
      assert_true(rc == OCC_OK ? challenge != NULL : challenge == NULL);
      if (rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
      }
      occ_challenge_free(challenge);
      occ_lib_free(lib);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__kinds, setup, teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__refuses, setup, teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__keeps_the_requirement_as_received,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_nonce__headers, setup, teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__limits, setup, teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__limits_of_headers_and_errors, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__limits_of_json, setup, teardown),
    cmocka_unit_test_setup_teardown(test_occ_challenge_read__arguments, setup, teardown),
    cmocka_unit_test(test_occ_challenge_read__outlives_the_hosts_hold_on_the_lib),
    cmocka_unit_test(test_occ_challenge_read__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("agent/challenge", tests, NULL, NULL);
}
