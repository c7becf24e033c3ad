/* SPDX-License-Identifier: MIT */

/* The agent's options and keys. */

#include "agent_host.h"

#include <stdlib.h>

#include "test_keys.h"

static void test_occ_agent_new__options(void **state)
{
  static const struct {
    const char *why, *options;
    int want;
  } row[] = {
    { "the least", OPTIONS(""), OCC_OK },
    { "all of them",
      OPTIONS(",\"assertion_issuer\":\"i\",\"assertion_typ\":\"t\",\"rounds\":4,\"answers\":3,"
              "\"dpop\":false"),
      OCC_OK },
    { "rounds 0", OPTIONS(",\"rounds\":0"), OCC_ERR_CONFIG },
    { "rounds 1", OPTIONS(",\"rounds\":1"), OCC_OK },
    { "rounds 8", OPTIONS(",\"rounds\":8"), OCC_OK },
    { "rounds 9", OPTIONS(",\"rounds\":9"), OCC_ERR_CONFIG },
    { "rounds -1", OPTIONS(",\"rounds\":-1"), OCC_ERR_CONFIG },
    { "rounds as text", OPTIONS(",\"rounds\":\"4\""), OCC_ERR_CONFIG },
    { "rounds as a real", OPTIONS(",\"rounds\":4.0"), OCC_ERR_CONFIG },
    { "answers 0", OPTIONS(",\"answers\":0"), OCC_ERR_CONFIG },
    { "answers 9", OPTIONS(",\"answers\":9"), OCC_ERR_CONFIG },
    { "dpop as text", OPTIONS(",\"dpop\":\"yes\""), OCC_ERR_CONFIG },
    { "an option that is none", OPTIONS(",\"round\":4"), OCC_ERR_CONFIG },
    { "an option twice", OPTIONS(",\"rounds\":4,\"rounds\":4"), OCC_ERR_SYNTAX },
    { "empty issuer of assertions", OPTIONS(",\"assertion_issuer\":\"\""), OCC_ERR_CONFIG },
    { "typ with a line end", OPTIONS(",\"assertion_typ\":\"a\\nb\""), OCC_ERR_CONFIG },
    { "no JSON", "issuer=x", OCC_ERR_SYNTAX },
    { "an array", "[]", OCC_ERR_SYNTAX },
    { "empty", "", OCC_ERR_SYNTAX },
    { "nothing set", "{}", OCC_ERR_CONFIG },
    { "no issuer", "{\"token_url\":\"" TOKEN_URL "\",\"client_id\":\"c\"}", OCC_ERR_CONFIG },
    { "no token URL", "{\"issuer\":\"" ISSUER "\",\"client_id\":\"c\"}", OCC_ERR_CONFIG },
    { "no client", "{\"issuer\":\"" ISSUER "\",\"token_url\":\"" TOKEN_URL "\"}", OCC_ERR_CONFIG },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_agent *agent = (occ_agent *)(uintptr_t)1;
    occ_lib *lib = NULL;
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
    assert_int_equal(occ_agent_new(&agent, lib, row[i].options, strlen(row[i].options)),
                     row[i].want);
    assert_true((agent != NULL) == (row[i].want == OCC_OK));
    occ_lib_free(lib); /* the agent holds it */
    occ_agent_free(agent);
  }
}

static void test_occ_agent_new__urls(void **state)
{
  static const struct {
    const char *why, *url;
    int issuer, token_url; /* may it be that? */
  } row[] = {
    { "https", "https://as.example", 1, 1 },
    { "with port and path", "https://as.example:8443/t/a", 1, 1 },
    { "with a query", "https://as.example/t?a=b", 0, 1 },
    { "a query without a path", "https://as.example?a=b", 0, 1 },
    { "with a fragment", "https://as.example/t#a", 0, 0 },
    { "http on loopback, by number", "http://127.0.0.1:8080/token", 1, 1 },
    { "http on loopback, version 6", "http://[::1]:8080/token", 1, 1 },
    { "http on loopback, by name", "http://localhost/token", 1, 1 },
    { "http elsewhere", "http://as.example/token", 0, 0 },
    { "http on a name that begins so", "http://localhost.example/token", 0, 0 },
    { "http on a number that begins so", "http://127.0.0.1.example/token", 0, 0 },
    { "user info", "https://u:p@as.example/token", 0, 0 },
    { "user info that looks like loopback", "http://127.0.0.1@as.example/token", 0, 0 },
    { "user info that looks like loopback with a port", "http://127.0.0.1:80@as.example/", 0, 0 },
    { "an at sign in the path", "https://as.example/@a", 1, 1 },
    { "no host", "https:///token", 0, 0 },
    { "nothing but the scheme", "https://", 0, 0 },
    { "brackets that do not close", "http://[::1/token", 0, 0 },
    { "another scheme", "ftp://as.example", 0, 0 },
    { "none", "as.example/token", 0, 0 },
    { "a space", "https://as.example/a b", 0, 0 },
    { "a tab", "https://as.example/a\\tb", 0, 0 },
    { "not ASCII", "https://\xc3\xa9.example/", 0, 0 },
    { "a backslash", "https://as.example\\\\b", 0, 0 },
    { "empty", "", 0, 0 },
  };
  occ_lib *lib = NULL;
  (void)state;

  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    char options[512];
    occ_agent *agent = NULL;
    print_message("  %s\n", row[i].why);
    snprintf(options, sizeof(options),
             "{\"issuer\":\"%s\",\"token_url\":\"%s\",\"client_id\":\"c\"}", row[i].url, TOKEN_URL);
    assert_int_equal(occ_agent_new(&agent, lib, options, strlen(options)),
                     row[i].issuer ? OCC_OK : OCC_ERR_CONFIG);
    occ_agent_free(agent);
    snprintf(options, sizeof(options),
             "{\"issuer\":\"%s\",\"token_url\":\"%s\",\"client_id\":\"c\"}", ISSUER, row[i].url);
    assert_int_equal(occ_agent_new(&agent, lib, options, strlen(options)),
                     row[i].token_url ? OCC_OK : OCC_ERR_CONFIG);
    occ_agent_free(agent);
  }
  occ_lib_free(lib);
}

static void test_occ_agent_new__limit_of_a_text(void **state)
{
  char *options = malloc(2 * OCC__MAX_CLIENT_ID);
  char *id = malloc(OCC__MAX_CLIENT_ID + 2);
  occ_lib *lib = NULL;
  (void)state;

  assert_non_null(options);
  assert_non_null(id);
  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  for (size_t more = 0; more < 3; more++) { /* -1, 0, +1 */
    occ_agent *agent = NULL;
    memset(id, 'c', OCC__MAX_CLIENT_ID - 1 + more);
    id[OCC__MAX_CLIENT_ID - 1 + more] = '\0';
    snprintf(options, 2 * OCC__MAX_CLIENT_ID,
             "{\"issuer\":\"" ISSUER "\",\"token_url\":\"" TOKEN_URL "\",\"client_id\":\"%s\"}",
             id);
    assert_int_equal(occ_agent_new(&agent, lib, options, strlen(options)),
                     more == 2 ? OCC_ERR_CONFIG : OCC_OK);
    occ_agent_free(agent);
  }
  occ_lib_free(lib);
  free(options);
  free(id);
}

static void test_occ_agent_add_key__keys(void **state)
{
  static const struct {
    const char *why, *use, *jwk;
    int want;
  } row[] = {
    { "private P-256", "dpop", EC_PRIVATE, OCC_OK },
    { "public P-256", "dpop", EC_PUBLIC, OCC_OK },
    { "private Ed25519", "assertion", OKP_PRIVATE, OCC_OK },
    { "public Ed25519", "assertion", OKP_PUBLIC, OCC_OK },
    { "a use that nobody has", "sign", EC_PRIVATE, OCC_ERR_ARGUMENT },
    { "a use without a solver yet", "attestation", EC_PRIVATE, OCC_ERR_ARGUMENT },
    { "a use without a solver yet", "holder", EC_PRIVATE, OCC_ERR_ARGUMENT },
    { "no JSON", "dpop", "key", OCC_ERR_SYNTAX },
    { "an array", "dpop", "[" EC_PRIVATE "]", OCC_ERR_SYNTAX },
    { "a secret", "dpop", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", OCC_ERR_SYNTAX },
    { "d no text", "dpop",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"d\":7}",
      OCC_ERR_SYNTAX },
    { "d of another length", "dpop",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"d\":\"AAAA\"}",
      OCC_ERR_SYNTAX },
    { "off the curve", "dpop",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}", OCC_ERR_SYNTAX },
    { "RSA, which nothing is signed with", "dpop", TEST_RSA_PUBLIC, OCC_ERR_SYNTAX },
    { "RSA, private", "assertion", TEST_RSA_PRIVATE, OCC_ERR_SYNTAX },
    { "P-384, which nothing is signed with", "assertion", TEST_P384_PUBLIC, OCC_ERR_SYNTAX },
    { "P-521, private", "dpop", TEST_P521_PRIVATE, OCC_ERR_SYNTAX },
    { "for encryption", "dpop",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"enc\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
      OCC_ERR_SYNTAX },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    host h;
    print_message("  %s\n", row[i].why);
    host_open(&h, NULL, OPTIONS(""));
    assert_int_equal(occ_agent_add_key(h.agent, row[i].use, row[i].jwk, strlen(row[i].jwk)),
                     row[i].want);
    if (row[i].want == OCC_OK) { /* one key a use */
      assert_int_equal(occ_agent_add_key(h.agent, row[i].use, row[i].jwk, strlen(row[i].jwk)),
                       OCC_ERR_STATE);
    } else if (row[i].want == OCC_ERR_SYNTAX) { /* a failed one leaves nothing */
      assert_int_equal(occ_agent_add_key(h.agent, row[i].use, EC_PRIVATE, strlen(EC_PRIVATE)),
                       OCC_OK);
    }
    host_close(&h);
  }
}

static void test_occ_agent__is_fixed_by_its_first_call(void **state)
{
  occ_call *second = NULL;
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  host_key(&h, "dpop", EC_PRIVATE);
  assert_int_equal(occ_call_new(&h.call, h.agent), OCC_OK);
  assert_int_equal(occ_agent_add_key(h.agent, "assertion", OKP_PRIVATE, strlen(OKP_PRIVATE)),
                   OCC_ERR_STATE);
  assert_int_equal(occ_call_new(&second, h.agent), OCC_OK);
  occ_agent_free(h.agent); /* calls hold it */
  h.agent = NULL;
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  assert_int_equal(occ_call_run(second, NOW), OCC_PENDING);
  assert_int_not_equal(occ_call_question(h.call)->ticket, occ_call_question(second)->ticket);
  assert_string_not_equal(occ_call_header_value(h.call, 2), occ_call_header_value(second, 2));
  occ_call_free(second);
  host_close(&h);
}

static void test_occ_agent__arguments(void **state)
{
  occ_agent *agent = (occ_agent *)(uintptr_t)1;
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  assert_int_equal(occ_agent_new(NULL, h.lib, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_agent_new(&agent, NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_null(agent);
  assert_int_equal(occ_agent_new(&agent, h.lib, NULL, 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_agent_add_key(NULL, "dpop", EC_PUBLIC, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_agent_add_key(h.agent, NULL, EC_PUBLIC, 1), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_agent_add_key(h.agent, "dpop", NULL, 1), OCC_ERR_ARGUMENT);
  occ_agent_free(NULL);
  host_close(&h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_occ_agent_new__options),
    cmocka_unit_test(test_occ_agent_new__urls),
    cmocka_unit_test(test_occ_agent_new__limit_of_a_text),
    cmocka_unit_test(test_occ_agent_add_key__keys),
    cmocka_unit_test(test_occ_agent__is_fixed_by_its_first_call),
    cmocka_unit_test(test_occ_agent__arguments),
  };

  return cmocka_run_group_tests_name("agent/agent", tests, NULL, NULL);
}
