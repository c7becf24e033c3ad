/* SPDX-License-Identifier: MIT */

/* occ_config: every option with what it accepts and the exact text for what it does not, loading, sticking errors, types
 * and answerers, counted holds. What only a server can tell is in test_server.c. */

#include "core/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_mem.h"
#include "occ/keyring.h"

#define STORE "AAECAwQFBgcICQoLDA0ODw" /* 0 .. 15 */

/* The core knows no evidence: a stand-in for the built-in types. */
const occ_type *occ_type_builtin(const char *name) __attribute__((weak));
const occ_type *occ_type_builtin(const char *name)
{
  static const occ_type builtin = { .size = sizeof(occ_type), .name = "dpop_proof" };

  return strcmp(name, builtin.name) == 0 ? &builtin : NULL;
}

typedef struct fixture {
  fail_mem fm;
  occ_lib *lib;
  occ_config *config;
} fixture;

static int set_up(void **state)
{
  static fixture f;

  fail_mem_init(&f.fm, SIZE_MAX, false);
  f.lib = NULL;
  f.config = NULL;
  *state = &f;
  return occ_lib_new(&f.lib, &f.fm.mem) == OCC_OK &&
                 occ_config_new(&f.config, f.lib, "https://as.example") == OCC_OK
             ? 0
             : -1;
}

static int tear_down(void **state)
{
  fixture *f = *state;

  occ_config_free(f->config);
  occ_lib_free(f->lib);
  return f->fm.live == 0 ? 0 : -1;
}

/* A fresh one: errors stick. */
static occ_config *renew(fixture *f)
{
  occ_config_free(f->config);
  f->config = NULL;
  assert_int_equal(occ_config_new(&f->config, f->lib, "https://as.example"), OCC_OK);
  return f->config;
}

static void expect(const occ_config *config, int rc, int want, const char *error)
{
  assert_int_equal(rc, want);
  if (error == NULL) {
    assert_null(occ_config_error(config));
  } else {
    assert_non_null(occ_config_error(config));
    assert_string_equal(occ_config_error(config), error);
  }
}

/* ---- new, free ---- */

static void test_config_new__refuses(void **state)
{
  static const char *const issuer[] = { NULL,
                                        "",
                                        "as.example",
                                        "http://as.example",
                                        "https://as.example?x",
                                        "https://as.example#",
                                        "https://u@as.example" };
  fixture *f = *state;
  occ_config *config;

  assert_int_equal(occ_config_new(NULL, f->lib, "https://as.example"), OCC_ERR_ARGUMENT);
  config = (occ_config *)(uintptr_t)1;
  assert_int_equal(occ_config_new(&config, NULL, "https://as.example"), OCC_ERR_ARGUMENT);
  assert_null(config);
  for (size_t i = 0; i < sizeof(issuer) / sizeof(issuer[0]); i++) {
    config = (occ_config *)(uintptr_t)1;
    assert_int_equal(occ_config_new(&config, f->lib, issuer[i]), OCC_ERR_ARGUMENT);
    assert_null(config);
  }
  assert_int_equal(occ_config_new(&config, f->lib, "http://127.0.0.1:8080"), OCC_OK);
  assert_null(occ_config_error(config));
  occ_config_free(config);
  occ_config_free(NULL);
}

static void test_config_new__survives_every_failed_allocation(void **state)
{
  fail_mem fm;
  (void)state;

  for (size_t n = 1; n <= 2; n++) {
    occ_lib *lib = NULL;
    occ_config *config = (occ_config *)(uintptr_t)1;

    fail_mem_init(&fm, n, true);
    assert_int_equal(occ_lib_new(&lib, &fm.mem), OCC_OK);
    assert_int_equal(occ_config_new(&config, lib, "https://as.example"), OCC_ERR_MEMORY);
    assert_null(config);
    occ_lib_free(lib);
    assert_int_equal(fm.live, 0);
  }
}

static void test_config__keeps_its_lib(void **state)
{
  fixture *f = *state;

  occ_lib_free(f->lib);
  assert_int_equal(occ_config_set(f->config, "check", "true"), OCC_OK);
  occ_config_free(f->config);
  assert_int_equal(f->fm.live, 0);
  assert_int_equal(set_up(state), 0); /* for tear_down */
}

static void test_config__refuses_null(void **state)
{
  fixture *f = *state;
  occ_config *config = f->config;

  assert_int_equal(occ_config_set(NULL, "check", "true"), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_config_load(NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_config_add_type(NULL, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_config_answer(NULL, OCC_ASK_ONCE, NULL, NULL, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_config_on_wake(NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_attach(NULL, config), OCC_ERR_ARGUMENT);
  assert_null(occ_config_error(NULL));
  assert_null(occ_config_error(config));
  expect(config, occ_config_set(config, NULL, "true"), OCC_ERR_ARGUMENT,
         "configuration: an option without a name");
  config = renew(f);
  expect(config, occ_config_set(config, "check", NULL), OCC_ERR_ARGUMENT, "check: no value");
  config = renew(f);
  expect(config, occ_config_load(config, NULL, 0), OCC_ERR_ARGUMENT, "configuration: no text");
}

/* ---- options ---- */

#define STATUS_TEXT "challenge_status: must be 403 or 400"
#define NESTED_TEXT "challenge_session_nested: must be true or false"
#define CHECK_TEXT  "check: must be true or false"
#define DEAD_TEXT   "deadline: must be seconds from 1 to 60"
#define DPOP_TEXT   "dpop: must be verify or host"
#define NONCE_TEXT  "dpop_nonce: must be off, accept or require"
#define UNKN_TEXT   "dpop_nonce_unknown: must be ignore or refuse"
#define CALG_TEXT   "client_assertion_algs: must be an array of asymmetric algorithms, such as ES256"
#define CAUD_TEXT   "client_assertion_audience: must be issuer or endpoint"
#define CTYP_TEXT   "client_assertion_typ: must be any or required"
#define ALGS_TEXT   "dpop_algs: must be an array of asymmetric algorithms, such as ES256"
#define MODE_TEXT   "session_mode: must be sealed or stored"
#define STORE_TEXT  "store_id: must be 16 octets as base64url"
#define URLS_TEXT   "token_urls: must be an array of 1 to 16 URLs"
#define URL_TEXT    "no https URL without user and fragment (http: on a loopback address only)"
#define BOUND_TEXT  "a challenge must stay bound to this parameter"
#define IGNORE_TEXT "digest_ignore: must be an array of at most 32 parameter names"

static void test_config_set__options(void **state)
{
  static const struct {
    const char *why, *name, *value, *error; /* error NULL: it is taken */
  } row[] = {
    { "status 403", "challenge_status", "403", NULL },
    { "status 400", "challenge_status", "400", NULL },
    { "status 401", "challenge_status", "401", STATUS_TEXT },
    { "status with sign", "challenge_status", "+403", STATUS_TEXT },
    { "status as a real", "challenge_status", "403.0", STATUS_TEXT },
    { "status empty", "challenge_status", "", STATUS_TEXT },
    { "nested true", "challenge_session_nested", "true", NULL },
    { "nested false", "challenge_session_nested", "false", NULL },
    { "nested 1", "challenge_session_nested", "1", NESTED_TEXT },
    { "nested True", "challenge_session_nested", "True", NESTED_TEXT },
    { "check true", "check", "true", NULL },
    { "check false", "check", "false", NULL },
    { "check yes", "check", "yes", CHECK_TEXT },
    { "check null", "check", "null", CHECK_TEXT },
    { "check with a space", "check", "true ", CHECK_TEXT },
    { "deadline 0", "deadline", "0", DEAD_TEXT },
    { "deadline 1", "deadline", "1", NULL },
    { "deadline 2", "deadline", "2", NULL },
    { "deadline 59", "deadline", "59", NULL },
    { "deadline 60", "deadline", "60", NULL },
    { "deadline 61", "deadline", "61", DEAD_TEXT },
    { "deadline negative", "deadline", "-1", DEAD_TEXT },
    { "deadline with leading zero", "deadline", "010", DEAD_TEXT },
    { "deadline in hexadecimal", "deadline", "0x10", DEAD_TEXT },
    { "deadline as a real", "deadline", "1.5", DEAD_TEXT },
    { "deadline with a unit", "deadline", "10s", DEAD_TEXT },
    { "deadline that overflows", "deadline", "18446744073709551626", DEAD_TEXT },
    { "dpop verify", "dpop", "verify", NULL },
    { "dpop host", "dpop", "host", NULL },
    { "dpop off", "dpop", "off", DPOP_TEXT },
    { "dpop Host", "dpop", "Host", DPOP_TEXT },
    { "dpop in quotes", "dpop", "\"host\"", DPOP_TEXT },
    { "nonce off", "dpop_nonce", "off", NULL },
    { "nonce accept", "dpop_nonce", "accept", NULL },
    { "nonce require", "dpop_nonce", "require", NULL },
    { "nonce on", "dpop_nonce", "on", NONCE_TEXT },
    { "nonce false", "dpop_nonce", "false", NONCE_TEXT },
    { "unknown nonce ignore", "dpop_nonce_unknown", "ignore", NULL },
    { "unknown nonce refuse", "dpop_nonce_unknown", "refuse", NULL },
    { "unknown nonce accept", "dpop_nonce_unknown", "accept", UNKN_TEXT },
    { "assertion algs one", "client_assertion_algs", "[\"RS256\"]", NULL },
    { "assertion algs none", "client_assertion_algs", "[]", CALG_TEXT },
    { "assertion algs \"none\"", "client_assertion_algs", "[\"none\"]", CALG_TEXT },
    { "assertion algs symmetric", "client_assertion_algs", "[\"ES256\",\"HS256\"]", CALG_TEXT },
    { "assertion algs a text", "client_assertion_algs", "\"ES256\"", CALG_TEXT },
    { "assertion audience issuer", "client_assertion_audience", "issuer", NULL },
    { "assertion audience endpoint", "client_assertion_audience", "endpoint", NULL },
    { "assertion audience a URL", "client_assertion_audience", "https://as.example/token",
      CAUD_TEXT },
    { "assertion audience empty", "client_assertion_audience", "", CAUD_TEXT },
    { "assertion typ any", "client_assertion_typ", "any", NULL },
    { "assertion typ required", "client_assertion_typ", "required", NULL },
    { "assertion typ true", "client_assertion_typ", "true", CTYP_TEXT },
    { "algs one", "dpop_algs", "[\"ES256\"]", NULL },
    { "algs all", "dpop_algs", "[\"ES256\",\"Ed25519\",\"EdDSA\"]", NULL },
    { "algs of RSA and larger curves", "dpop_algs",
      "[\"ES384\",\"ES512\",\"PS256\",\"PS384\",\"PS512\",\"RS256\",\"RS384\",\"RS512\"]", NULL },
    { "algs none", "dpop_algs", "[]", ALGS_TEXT },
    { "algs \"none\"", "dpop_algs", "[\"none\"]", ALGS_TEXT },
    { "algs symmetric", "dpop_algs", "[\"ES256\",\"HS256\"]", ALGS_TEXT },
    { "algs in lower case", "dpop_algs", "[\"es256\"]", ALGS_TEXT },
    { "algs a number", "dpop_algs", "[256]", ALGS_TEXT },
    { "algs a text", "dpop_algs", "\"ES256\"", ALGS_TEXT },
    { "algs an object", "dpop_algs", "{\"ES256\":true}", ALGS_TEXT },
    { "algs without quotes", "dpop_algs", "ES256", "dpop_algs: not JSON" },
    { "mode sealed", "session_mode", "sealed", NULL },
    { "mode stored", "session_mode", "stored", NULL },
    { "mode none", "session_mode", "none", MODE_TEXT },
    { "format 1", "session_format", "1", NULL },
    { "format 0", "session_format", "0", "session_format: must be 1" },
    { "format 2", "session_format", "2", "session_format: must be 1" },
    { "store id", "store_id", STORE, NULL },
    { "store id of 15 octets", "store_id", "AAECAwQFBgcICQoLDA0O", STORE_TEXT },
    { "store id of 17 octets", "store_id", "AAECAwQFBgcICQoLDA0ODxA", STORE_TEXT },
    { "store id with padding", "store_id", STORE "==", STORE_TEXT },
    { "store id with unused bits", "store_id", "AAECAwQFBgcICQoLDA0ODx", STORE_TEXT },
    { "store id empty", "store_id", "", STORE_TEXT },
    { "token_urls", "token_urls", "[\"https://as.example/token\"]", NULL },
    { "token_urls two, one with a query", "token_urls",
      "[\"https://a.example/t?x\",\"http://[::1]:80/t\"]", NULL },
    { "token_urls none", "token_urls", "[]", URLS_TEXT },
    { "token_urls a text", "token_urls", "https://as.example/token", "token_urls: not JSON" },
    { "token_urls a JSON text", "token_urls", "\"https://as.example/token\"", URLS_TEXT },
    { "token_urls an object", "token_urls", "{}", URLS_TEXT },
    { "token_urls number", "token_urls", "[\"https://a.example/\",1]", "token_urls.1: " URL_TEXT },
    { "token_urls http", "token_urls", "[\"http://as.example/token\"]", "token_urls.0: " URL_TEXT },
    { "token_urls relative", "token_urls", "[\"/token\"]", "token_urls.0: " URL_TEXT },
    { "token_urls user", "token_urls", "[\"https://u@as.example/token\"]",
      "token_urls.0: " URL_TEXT },
    { "token_urls fragment", "token_urls", "[\"https://as.example/token#\"]",
      "token_urls.0: " URL_TEXT },
    { "token_urls zero octet", "token_urls", "[\"https://as.example/\\u0000\"]",
      "token_urls: not JSON" },
    { "par_urls", "par_urls", "[\"https://as.example/par\"]", NULL },
    { "par_urls none", "par_urls", "[]", "par_urls: must be an array of 1 to 16 URLs" },
    { "par_urls relative", "par_urls", "[\"https://as.example/par\",\"par\"]",
      "par_urls.1: " URL_TEXT },
    { "ignore nothing", "digest_ignore", "[]", NULL },
    { "ignore names", "digest_ignore", "[\"trace\",\"x-client-*\",\"A.b_9\"]", NULL },
    { "ignore a text", "digest_ignore", "\"trace\"", IGNORE_TEXT },
    { "ignore a number", "digest_ignore", "[1]", "digest_ignore.0: no parameter name" },
    { "ignore the empty name", "digest_ignore", "[\"\"]", "digest_ignore.0: no parameter name" },
    { "ignore everything", "digest_ignore", "[\"*\"]", "digest_ignore.0: no parameter name" },
    { "ignore with star inside", "digest_ignore", "[\"t\",\"a*b\"]",
      "digest_ignore.1: no parameter name" },
    { "ignore with two stars", "digest_ignore", "[\"a**\"]", "digest_ignore.0: no parameter name" },
    { "ignore with a space", "digest_ignore", "[\"a b\"]", "digest_ignore.0: no parameter name" },
    { "ignore scope", "digest_ignore", "[\"scope\"]", "digest_ignore.scope: " BOUND_TEXT },
    { "ignore scope by a pattern", "digest_ignore", "[\"sc*\"]",
      "digest_ignore.scope: " BOUND_TEXT },
    { "ignore scope by its own name and a star", "digest_ignore", "[\"scope*\"]",
      "digest_ignore.scope: " BOUND_TEXT },
    { "a longer name is another", "digest_ignore", "[\"scope-x\"]", NULL },
    { "ignore resource", "digest_ignore", "[\"resource\"]", "digest_ignore.resource: " BOUND_TEXT },
    { "ignore audience", "digest_ignore", "[\"audi*\"]", "digest_ignore.audience: " BOUND_TEXT },
    { "ignore authorization_details", "digest_ignore", "[\"authorization_details\"]",
      "digest_ignore.authorization_details: " BOUND_TEXT },
    { "ignore client_id", "digest_ignore", "[\"client_id\"]",
      "digest_ignore.client_id: " BOUND_TEXT },
    { "ignore client ids by a pattern", "digest_ignore", "[\"client*\"]",
      "digest_ignore.client_id: " BOUND_TEXT },
    { "ignore grant_type", "digest_ignore", "[\"grant_type\"]",
      "digest_ignore.grant_type: " BOUND_TEXT },
    { "ignore code", "digest_ignore", "[\"code\"]", "digest_ignore.code: " BOUND_TEXT },
    { "ignore refresh_token", "digest_ignore", "[\"refresh_*\"]",
      "digest_ignore.refresh_token: " BOUND_TEXT },
    { "ignore assertion", "digest_ignore", "[\"assertion\"]",
      "digest_ignore.assertion: " BOUND_TEXT },
    { "ignore subject_token", "digest_ignore", "[\"subject_token\"]",
      "digest_ignore.subject_token: " BOUND_TEXT },
    { "ignore actor_token", "digest_ignore", "[\"a*\"]", "digest_ignore.acr_values: " BOUND_TEXT },
    { "ignore device_code", "digest_ignore", "[\"device_code\"]",
      "digest_ignore.device_code: " BOUND_TEXT },
    { "unknown", "dpop_nonces", "off", "dpop_nonces: no such option" },
    { "unknown, a number", "expiry", "60", "expiry: no such option" },
    { "unknown, an array", "token_url", "[]", "token_url: no such option" },
    { "not there yet", "verifier_identifiers", "[\"x\"]", "verifier_identifiers: no such option" },
    { "empty name", "", "1", ": no such option" },
    { "a name in another case", "Check", "true", "Check: no such option" },
    { "a name with a line end", "a\nb\x7f\xc3\xa4", "1", "a?b???: no such option" },
    { "an object may be a type's options", "my_type", "{\"a\":1}", NULL },
    { "an object that is none", "my_type", "{\"a\":1", "my_type: not JSON" },
    { "an object with a name twice", "my_type", "{\"a\":1,\"a\":2}", "my_type: not JSON" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_config *config = renew(f);

    print_message("  %s\n", row[i].why);
    expect(config, occ_config_set(config, row[i].name, row[i].value),
           row[i].error == NULL ? OCC_OK : OCC_ERR_CONFIG, row[i].error);
  }
}

static void test_config_set__requirements(void **state)
{
  static const struct {
    const char *why, *value, *error;
  } row[] = {
    { "none", "{}", NULL },
    { "least", "{\"a\":{\"type\":\"t\"}}", NULL },
    { "all members",
      "{\"A.b-c_9\":{\"type\":\"t\",\"expiry\":60,\"class\":\"provenance\",\"x\":[1]}}", NULL },
    { "authorization", "{\"a\":{\"type\":\"t\",\"class\":\"authorization\"}}", NULL },
    { "an array", "[]", "requirements: must be an object of at most 256 requirements" },
    { "no JSON", "attested", "requirements: not JSON" },
    { "name twice", "{\"a\":{\"type\":\"t\"},\"a\":{\"type\":\"t\"}}", "requirements: not JSON" },
    { "empty name", "{\"\":{\"type\":\"t\"}}",
      "requirements.: a name has 1 to 64 of A-Z a-z 0-9 . _ -" },
    { "name with a space", "{\"a b\":{\"type\":\"t\"}}",
      "requirements.a b: a name has 1 to 64 of A-Z a-z 0-9 . _ -" },
    { "name that is not ASCII", "{\"\xc3\xa4\":{\"type\":\"t\"}}",
      "requirements.??: a name has 1 to 64 of A-Z a-z 0-9 . _ -" },
    { "no object", "{\"a\":\"t\"}", "requirements.a: must be an object" },
    { "the second is wrong", "{\"a\":{\"type\":\"t\"},\"b\":[]}",
      "requirements.b: must be an object" },
    { "no type", "{\"a\":{\"types\":\"t\"}}", "requirements.a.type: missing, or no text" },
    { "type a number", "{\"a\":{\"type\":1}}", "requirements.a.type: missing, or no text" },
    { "expiry 9", "{\"a\":{\"type\":\"t\",\"expiry\":9}}",
      "requirements.a.expiry: must be seconds from 10 to 600" },
    { "expiry 10", "{\"a\":{\"type\":\"t\",\"expiry\":10}}", NULL },
    { "expiry 11", "{\"a\":{\"type\":\"t\",\"expiry\":11}}", NULL },
    { "expiry 599", "{\"a\":{\"type\":\"t\",\"expiry\":599}}", NULL },
    { "expiry 600", "{\"a\":{\"type\":\"t\",\"expiry\":600}}", NULL },
    { "expiry 601", "{\"a\":{\"type\":\"t\",\"expiry\":601}}",
      "requirements.a.expiry: must be seconds from 10 to 600" },
    { "no expiry at all", "{\"a\":{\"type\":\"t\",\"expiry\":0}}",
      "requirements.a.expiry: must be seconds from 10 to 600" },
    { "expiry null", "{\"a\":{\"type\":\"t\",\"expiry\":null}}",
      "requirements.a.expiry: must be seconds from 10 to 600" },
    { "expiry as a real", "{\"a\":{\"type\":\"t\",\"expiry\":60.0}}",
      "requirements.a.expiry: must be seconds from 10 to 600" },
    { "expiry as text", "{\"a\":{\"type\":\"t\",\"expiry\":\"60\"}}",
      "requirements.a.expiry: must be seconds from 10 to 600" },
    { "class unknown", "{\"a\":{\"type\":\"t\",\"class\":\"both\"}}",
      "requirements.a.class: must be provenance or authorization" },
    { "class a number", "{\"a\":{\"type\":\"t\",\"class\":1}}",
      "requirements.a.class: must be provenance or authorization" },
    { "class null", "{\"a\":{\"type\":\"t\",\"class\":null}}",
      "requirements.a.class: must be provenance or authorization" },
    { "a session of its own", "{\"a\":{\"type\":\"t\",\"challenge_session\":\"x\"}}",
      "requirements.a.challenge_session: libocc writes this member" },
    { "a real", "{\"a\":{\"type\":\"t\",\"x\":{\"y\":[0.5]}}}",
      "requirements.a: has a number that is no integer within 2^53-1" },
    { "2^53-1", "{\"a\":{\"type\":\"t\",\"x\":9007199254740991}}", NULL },
    { "2^53", "{\"a\":{\"type\":\"t\",\"x\":9007199254740992}}",
      "requirements.a: has a number that is no integer within 2^53-1" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_config *config = renew(f);

    print_message("  %s\n", row[i].why);
    expect(config, occ_config_set(config, "requirements", row[i].value),
           row[i].error == NULL ? OCC_OK : OCC_ERR_CONFIG, row[i].error);
  }
}

#define TYPE_TEXT "no usable name of a type"
#define WORD_TEXT "a name with characters that it may not have"
#define TAKE_TEXT "a name that evidence may not take"
#define TWICE     "the same name twice"
#define ARRAY     "must be an array of names"

static void test_config_set__types(void **state)
{
  static const struct {
    const char *why, *value, *error;
  } row[] = {
    { "none", "{}", NULL },
    { "declared",
      "{\"https://bank.example/ev\":{\"class\":\"authorization\",\"params\":[\"ev\",\"ev.2\"],"
      "\"headers\":[\"X-Ev\"],\"name\":\"ev\"}}",
      NULL },
    { "only a name", "{\"t\":{\"name\":\"u\"}}", NULL },
    { "nothing", "{\"t\":{}}", NULL },
    { "an array", "[]", "types: must be an object of at most 32 types" },
    { "empty key", "{\"\":{}}", "types.: " TYPE_TEXT },
    { "key with a space", "{\"a b\":{}}", "types.a b: " TYPE_TEXT },
    { "key that is not ASCII", "{\"\xc3\xa4\":{}}", "types.??: " TYPE_TEXT },
    { "no object", "{\"t\":true}", "types.t: must be an object" },
    { "unknown member", "{\"t\":{\"param\":[\"ev\"]}}", "types.t.param: no such member" },
    { "class unknown", "{\"t\":{\"class\":\"any\"}}",
      "types.t.class: must be provenance or authorization" },
    { "name empty", "{\"t\":{\"name\":\"\"}}", "types.t.name: " TYPE_TEXT },
    { "name a number", "{\"t\":{\"name\":1}}", "types.t.name: " TYPE_TEXT },
    { "name with a quote", "{\"t\":{\"name\":\"a\\\"b\"}}", "types.t.name: " TYPE_TEXT },
    { "params a text", "{\"t\":{\"params\":\"ev\"}}", "types.t.params: " ARRAY },
    { "params a number", "{\"t\":{\"params\":[\"ev\",1]}}", "types.t.params: " ARRAY },
    { "params empty name", "{\"t\":{\"params\":[\"\"]}}", "types.t.params: " WORD_TEXT },
    { "params with =", "{\"t\":{\"params\":[\"a=b\"]}}", "types.t.params: " WORD_TEXT },
    { "params twice", "{\"t\":{\"params\":[\"ev\",\"x\",\"ev\"]}}", "types.t.params: " TWICE },
    { "params differ by case", "{\"t\":{\"params\":[\"ev\",\"Ev\"]}}", NULL },
    { "params scope", "{\"t\":{\"params\":[\"scope\"]}}", "types.t.params: " TAKE_TEXT },
    { "params authorization_details", "{\"t\":{\"params\":[\"authorization_details\"]}}",
      "types.t.params: " TAKE_TEXT },
    { "params resource", "{\"t\":{\"params\":[\"resource\"]}}", "types.t.params: " TAKE_TEXT },
    { "params audience", "{\"t\":{\"params\":[\"audience\"]}}", "types.t.params: " TAKE_TEXT },
    { "params client_id", "{\"t\":{\"params\":[\"client_id\"]}}", "types.t.params: " TAKE_TEXT },
    { "params grant_type", "{\"t\":{\"params\":[\"grant_type\"]}}", "types.t.params: " TAKE_TEXT },
    { "params client_assertion", "{\"t\":{\"params\":[\"client_assertion\"]}}",
      "types.t.params: " TAKE_TEXT },
    { "params challenge_session", "{\"t\":{\"params\":[\"challenge_session\"]}}",
      "types.t.params: " TAKE_TEXT },
    { "params of a grant", "{\"t\":{\"params\":[\"assertion\"]}}", "types.t.params: " TAKE_TEXT },
    { "params of a pushed request", "{\"t\":{\"params\":[\"code_challenge\"]}}",
      "types.t.params: " TAKE_TEXT },
    { "params of a grant of UMA alone: DECIDE looks at it",
      "{\"t\":{\"params\":[\"claim_token\"]}}", NULL },
    { "headers with a colon", "{\"t\":{\"headers\":[\"X:\"]}}", "types.t.headers: " WORD_TEXT },
    { "headers a text", "{\"t\":{\"headers\":\"X\"}}", "types.t.headers: " ARRAY },
    { "headers twice, without case", "{\"t\":{\"headers\":[\"X-Ev\",\"x-eV\"]}}",
      "types.t.headers: " TWICE },
    { "headers Authorization", "{\"t\":{\"headers\":[\"authorization\"]}}",
      "types.t.headers: " TAKE_TEXT },
    { "headers Cookie", "{\"t\":{\"headers\":[\"Cookie\"]}}", "types.t.headers: " TAKE_TEXT },
    { "headers DPoP", "{\"t\":{\"headers\":[\"dpop\"]}}",
      "types.t.headers: a declared type cannot be carried by proof headers" },
    { "headers of attestation", "{\"t\":{\"headers\":[\"X\",\"OAuth-Client-Attestation-PoP\"]}}",
      "types.t.headers: a declared type cannot be carried by proof headers" },
    { "headers of attestation, the other", "{\"t\":{\"headers\":[\"oauth-client-attestation\"]}}",
      "types.t.headers: a declared type cannot be carried by proof headers" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_config *config = renew(f);

    print_message("  %s\n", row[i].why);
    expect(config, occ_config_set(config, "types", row[i].value),
           row[i].error == NULL ? OCC_OK : OCC_ERR_CONFIG, row[i].error);
  }
}

/* begin, then `count` times item with its number, commas between, then end. */
static char *repeat(const char *begin, const char *item, size_t count, const char *end)
{
  size_t room = strlen(begin) + count * (strlen(item) + 12) + strlen(end) + 1, at;
  char *text = malloc(room);

  assert_non_null(text);
  at = (size_t)snprintf(text, room, "%s", begin);
  for (size_t i = 0; i < count; i++) {
    const char *mark = strchr(item, '#');
    int head = mark == NULL ? (int)strlen(item) : (int)(mark - item);

    at += (size_t)snprintf(text + at, room - at, "%s%.*s", i == 0 ? "" : ",", head, item);
    if (mark != NULL) {
      at += (size_t)snprintf(text + at, room - at, "%zu%s", i, mark + 1);
    }
  }
  snprintf(text + at, room - at, "%s", end);
  return text;
}

static void test_config_set__counts(void **state)
{
  static const struct {
    const char *why, *name, *begin, *item, *end;
    size_t most;
    const char *error;
  } row[] = {
    { "token_urls", "token_urls", "[", "\"https://a.example/#\"", "]", OCC__MAX_URLS, URLS_TEXT },
    { "par_urls", "par_urls", "[", "\"https://a.example/#\"", "]", OCC__MAX_URLS,
      "par_urls: must be an array of 1 to 16 URLs" },
    { "digest_ignore", "digest_ignore", "[", "\"p#\"", "]", OCC__MAX_DIGEST_IGNORE, IGNORE_TEXT },
    { "requirements", "requirements", "{", "\"r#\":{\"type\":\"t\"}", "}", OCC__MAX_REQUIREMENTS,
      "requirements: must be an object of at most 256 requirements" },
    { "types", "types", "{", "\"t#\":{\"params\":[\"p\"]}", "}", OCC__MAX_TYPES,
      "types: must be an object of at most 32 types" },
    { "params", "types", "{\"t\":{\"params\":[", "\"p#\"", "]}}", OCC__MAX_TYPE_CARRIERS,
      "types.t.params: more than 8 names" },
    { "headers", "types", "{\"t\":{\"headers\":[", "\"p#\"", "]}}", OCC__MAX_TYPE_CARRIERS,
      "types.t.headers: more than 8 names" },
    { "values of a template", "requirements", "{\"a\":{\"type\":\"t\",\"x\":[", "#", "]}}",
      OCC__MAX_JSON_VALUES / 2 - 3, "requirements.a: too large" },
    { "letters of a requirement's name", "requirements", NULL, "{\"%s\":{\"type\":\"t\"}}", NULL,
      OCC__MAX_REQUIREMENT_NAME, NULL },
    { "letters of a type's name", "types", NULL, "{\"%s\":{}}", NULL, OCC__MAX_TYPE_NAME, NULL },
    { "letters of a wire name", "types", NULL, "{\"t\":{\"name\":\"%s\"}}", NULL,
      OCC__MAX_TYPE_NAME, "types.t.name: " TYPE_TEXT },
    { "letters of a parameter", "types", NULL, "{\"t\":{\"params\":[\"%s\"]}}", NULL, OCC__MAX_ID,
      "types.t.params: " WORD_TEXT },
    { "letters of a pattern", "digest_ignore", NULL, "[\"%s\"]", NULL, OCC__MAX_ID,
      "digest_ignore.0: no parameter name" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    for (size_t count = row[i].most - 1; count <= row[i].most + 1; count++) {
      occ_config *config = renew(f);
      char *text, name[400];
      int rc;

      if (row[i].begin != NULL) {
        text = repeat(row[i].begin, row[i].item, count, row[i].end);
      } else {
        const char *mark = strstr(row[i].item, "%s");

        memset(name, 'a', count);
        name[count] = '\0';
        text = malloc(500);
        assert_non_null(text);
        snprintf(text, 500, "%.*s%s%s", (int)(mark - row[i].item), row[i].item, name, mark + 2);
      }
      rc = occ_config_set(config, row[i].name, text);
      free(text);
      assert_int_equal(rc, count <= row[i].most ? OCC_OK : OCC_ERR_CONFIG);
      assert_int_equal(occ_config_error(config) == NULL, count <= row[i].most);
      if (rc != OCC_OK && row[i].error != NULL) {
        assert_string_equal(occ_config_error(config), row[i].error);
      }
    }
  }
}

static void test_config_set__template_depth_and_octets(void **state)
{
  fixture *f = *state;
  size_t most = OCC__MAX_JSON_DEPTH - 1; /* of the template */
  /* JCS: {"type":"t","x":"..."} */
  size_t octets = OCC__MAX_JWT / 2 - strlen("{\"type\":\"t\",\"x\":\"\"}");

  for (size_t depth = most - 1; depth <= most + 1; depth++) {
    occ_config *config = renew(f);
    char text[200] = "{\"a\":{\"type\":\"t\",\"x\":";

    memset(text + strlen(text), '[', depth - 1);
    memset(text + strlen(text), ']', depth - 1);
    strcat(text, "}}");
    expect(config, occ_config_set(config, "requirements", text),
           depth <= most ? OCC_OK : OCC_ERR_CONFIG,
           depth <= most                      ? NULL
           : depth + 1 <= OCC__MAX_JSON_DEPTH ? "requirements.a: too large"
                                              : "requirements: too large");
  }
  for (size_t len = octets - 1; len <= octets + 1; len++) {
    occ_config *config = renew(f);
    char *text = malloc(len + 100);

    assert_non_null(text);
    memset(text, 'y', len + 100);
    memcpy(text, "{\"a\":{\"x\":\"", 11);
    strcpy(text + 11 + len, "\",\"type\":\"t\"}}");
    expect(config, occ_config_set(config, "requirements", text),
           len <= octets ? OCC_OK : OCC_ERR_CONFIG,
           len <= octets ? NULL : "requirements.a: too large");
    free(text);
  }
}

static void test_config_set__two_store_ids(void **state)
{
  fixture *f = *state;

  assert_int_equal(occ_config_set(f->config, "store_id", STORE), OCC_OK);
  assert_int_equal(occ_config_set(f->config, "store_id", STORE), OCC_OK); /* the same */
  expect(f->config, occ_config_set(f->config, "store_id", "AAECAwQFBgcICQoLDA0OEA"), OCC_ERR_CONFIG,
         "store_id: another one is set already");
}

/* ---- errors stick ---- */

static int answer(occ_txn *txn, const occ_question *question, void *user_data)
{
  (void)txn;
  (void)question;
  (void)user_data;
  return OCC_OK;
}

static void count(void *user_data)
{
  ++*(int *)user_data;
}

static void test_config__first_error_sticks(void **state)
{
  static const occ_type type = { .size = sizeof(type), .name = "t" };
  fixture *f = *state;
  occ_config *config = f->config;
  occ_server *server = (occ_server *)(uintptr_t)1;
  occ_keyring *ring = NULL;
  const char *want = "check: must be true or false";
  int released = 0;

  expect(config, occ_config_set(config, "check", "maybe"), OCC_ERR_CONFIG, want);
  expect(config, occ_config_set(config, "dpop", "nonsense"), OCC_ERR_CONFIG, want);
  expect(config, occ_config_set(config, "check", "true"), OCC_ERR_CONFIG, want);
  expect(config, occ_config_set(config, NULL, NULL), OCC_ERR_CONFIG, want);
  expect(config, occ_config_load(config, "[", 1), OCC_ERR_CONFIG, want);
  expect(config, occ_config_load(config, "{}", 2), OCC_ERR_CONFIG, want);
  expect(config, occ_config_add_type(config, &type, NULL), OCC_ERR_CONFIG, want);
  expect(config, occ_config_answer(config, OCC_ASK_ONCE, answer, NULL, count, &released),
         OCC_ERR_CONFIG, want);
  assert_int_equal(released, 0); /* what was not taken is not released */
  expect(config, occ_config_on_wake(config, NULL), OCC_ERR_CONFIG, want);
  assert_int_equal(occ_keyring_new(&ring, f->lib), OCC_OK);
  expect(config, occ_keyring_attach(ring, config), OCC_ERR_CONFIG, want);
  occ_keyring_free(ring);
  expect(config, occ_server_new(&server, config), OCC_ERR_CONFIG, want);
  assert_null(server);
}

static void test_config_error__is_cut(void **state)
{
  fixture *f = *state;
  char name[1000], want[OCC__MAX_CONFIG_ERROR + 1];

  for (size_t len = OCC__MAX_CONFIG_PART - 1; len <= OCC__MAX_CONFIG_PART + 1; len++) {
    memset(name, 'n', len);
    name[len] = '\0';
    snprintf(want, sizeof(want), "%.*s: no such option", (int)OCC__MAX_CONFIG_PART, name);
    renew(f);
    expect(f->config, occ_config_set(f->config, name, "1"), OCC_ERR_CONFIG, want);
  }
  memset(name, 't', sizeof(name));
  name[sizeof(name) - 1] = '\0';
  renew(f);
  assert_int_equal(occ__config_fail(f->config, OCC_ERR_CONFIG, OCC__PATH("a", "b"), name),
                   OCC_ERR_CONFIG);
  assert_int_equal(strlen(occ_config_error(f->config)), OCC__MAX_CONFIG_ERROR);
}

/* ---- load ---- */

static void test_config_load__reads_an_object(void **state)
{
  static const struct {
    const char *why, *json;
    int rc;
    const char *error;
  } row[] = {
    { "nothing", "{}", OCC_OK, NULL },
    { "texts, numbers, truth, JSON",
      "{\"dpop\":\"host\",\"deadline\":5,\"check\":true,\"par_urls\":[\"https://a.example/par\"],"
      "\"requirements\":{\"a\":{\"type\":\"t\"}},\"my_type\":{\"x\":[null]}}",
      OCC_OK, NULL },
    { "a number as text", "{\"deadline\":\"5\"}", OCC_OK, NULL },
    { "JSON as text", "{\"par_urls\":\"[\\\"https://a.example/par\\\"]\"}", OCC_OK, NULL },
    { "a wrong member", "{\"deadline\":5,\"check\":\"maybe\",\"dpop\":\"no\"}", OCC_ERR_CONFIG,
      CHECK_TEXT },
    { "null", "{\"check\":null}", OCC_ERR_CONFIG, CHECK_TEXT },
    { "a real", "{\"deadline\":5.0}", OCC_ERR_CONFIG, DEAD_TEXT },
    { "unknown", "{\"dead_line\":5}", OCC_ERR_CONFIG, "dead_line: no such option" },
    { "empty", "", OCC_ERR_SYNTAX, "configuration: not one JSON object" },
    { "array", "[]", OCC_ERR_SYNTAX, "configuration: not one JSON object" },
    { "text after it", "{} {}", OCC_ERR_SYNTAX, "configuration: not one JSON object" },
    { "a comma too many", "{\"deadline\":5,}", OCC_ERR_SYNTAX,
      "configuration: not one JSON object" },
    { "a name twice", "{\"deadline\":5,\"deadline\":6}", OCC_ERR_SYNTAX,
      "configuration: not one JSON object" },
    { "no UTF-8", "{\"a\xff\":1}", OCC_ERR_SYNTAX, "configuration: not one JSON object" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_config *config = renew(f);

    print_message("  %s\n", row[i].why);
    expect(config, occ_config_load(config, row[i].json, strlen(row[i].json)), row[i].rc,
           row[i].error);
  }
}

static void test_config_load__reads_len_octets(void **state)
{
  fixture *f = *state;
  char *json = malloc(16);

  assert_non_null(json);
  memcpy(json, "{\"deadline\":60}9", 16); /* without an end */
  assert_int_equal(occ_config_load(f->config, json, 15), OCC_OK);
  free(json);
}

static void test_config_load__has_limits(void **state)
{
  fixture *f = *state;

  for (size_t len = OCC__MAX_CONFIG_JSON - 1; len <= OCC__MAX_CONFIG_JSON + 1; len++) {
    occ_config *config = renew(f);
    char *json = malloc(len);

    assert_non_null(json);
    memset(json, ' ', len);
    memcpy(json, "{}", 2);
    expect(config, occ_config_load(config, json, len),
           len <= OCC__MAX_CONFIG_JSON ? OCC_OK : OCC_ERR_LIMIT,
           len <= OCC__MAX_CONFIG_JSON ? NULL : "configuration: too large");
    free(json);
  }
}

/* jansson's allocator is the process's: only a test may set it. */
static size_t jansson_left;

static void *jansson_alloc(size_t size)
{
  if (jansson_left == 0) {
    return NULL;
  }
  jansson_left--;
  return malloc(size);
}

static const char whole[] =
    "{\"requirements\":{\"a\":{\"type\":\"t\",\"x\":[1,{\"y\":\"z\"}]}},\"deadline\":5,"
    "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"],\"headers\":[\"X-Ev\"]}},"
    "\"my_type\":{\"x\":[null]},\"other\":{},\"digest_ignore\":[\"a\"],"
    "\"token_urls\":[\"https://a.example/t\"]}";

static void test_config_load__survives_every_failed_allocation(void **state)
{
  fixture *f = *state;

  for (int keep = 0; keep <= 1; keep++) {
    int rc = OCC_ERR_MEMORY;

    for (size_t n = 0; n < 1000 && rc != OCC_OK; n++) {
      occ_config *config = renew(f);

      f->fm.count = 0;
      f->fm.until = n;
      f->fm.keep = keep != 0;
      rc = occ_config_load(config, whole, strlen(whole));
      f->fm.until = SIZE_MAX;
      f->fm.keep = false;
      if (rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
        assert_int_equal(occ_config_set(config, "check", "true"), OCC_ERR_MEMORY); /* sticks */
        assert_non_null(strstr(occ_config_error(config), ": out of memory"));
      }
    }
    assert_int_equal(rc, OCC_OK);
  }
}

static void test_config_load__survives_a_jansson_without_memory(void **state)
{
  fixture *f = *state;
  int rc = OCC_ERR_MEMORY;

  for (size_t n = 0; n < 5000 && rc != OCC_OK; n++) {
    occ_config *config = renew(f);

    jansson_left = n;
    json_set_alloc_funcs(jansson_alloc, free);
    rc = occ_config_load(config, whole, strlen(whole));
    json_set_alloc_funcs(malloc, free);
    if (rc != OCC_OK) {
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_non_null(occ_config_error(config));
    }
  }
  assert_int_equal(rc, OCC_OK);
}

/* ---- types with code ---- */

static int parse(occ_evidence *evidence, int step, void *self)
{
  (void)evidence;
  (void)step;
  (void)self;
  return OCC_OK;
}

static void test_config_add_type__looks_at_the_size(void **state)
{
  static const struct {
    const char *why;
    size_t size, block;
    int set; /* octet of the tail that is not zero; 0: none */
    int want;
  } row[] = {
    { "0", 0, sizeof(occ_type), 0, OCC_ERR_ARGUMENT },
    { "1", 1, sizeof(occ_type), 0, OCC_ERR_ARGUMENT },
    { "one less", sizeof(occ_type) - 1, sizeof(occ_type) - 1, 0, OCC_ERR_ARGUMENT },
    { "a pointer less", sizeof(occ_type) - sizeof(void *), sizeof(occ_type) - sizeof(void *), 0,
      OCC_ERR_ARGUMENT },
    { "as it is", sizeof(occ_type), sizeof(occ_type), 0, OCC_OK },
    { "one more, zero", sizeof(occ_type) + 1, sizeof(occ_type) + 1, 0, OCC_OK },
    { "one more, not zero", sizeof(occ_type) + 1, sizeof(occ_type) + 1, 1, OCC_ERR_ARGUMENT },
    { "larger, zero", sizeof(occ_type) + 64, sizeof(occ_type) + 64, 0, OCC_OK },
    { "larger, the first not zero", sizeof(occ_type) + 64, sizeof(occ_type) + 64, 1,
      OCC_ERR_ARGUMENT },
    { "larger, the last not zero", sizeof(occ_type) + 64, sizeof(occ_type) + 64, 64,
      OCC_ERR_ARGUMENT },
    { "behind its end nobody looks", sizeof(occ_type) + 1, sizeof(occ_type) + 64, 2, OCC_OK },
    { "most", OCC__MAX_TYPE_SIZE, OCC__MAX_TYPE_SIZE, 0, OCC_OK },
    { "more", OCC__MAX_TYPE_SIZE + 1, OCC__MAX_TYPE_SIZE + 1, 0, OCC_ERR_ARGUMENT },
    { "no size at all", SIZE_MAX, sizeof(occ_type), 0, OCC_ERR_ARGUMENT },
  };
  fixture *f = *state;
  const char *name = "t";

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_config *config = renew(f);
    uint8_t *block = calloc(1, row[i].block); /* exact: reading past it is seen */

    print_message("  %s\n", row[i].why);
    assert_non_null(block);
    memcpy(block, &row[i].size, sizeof(size_t));
    memcpy(block + offsetof(occ_type, name), &name, sizeof(name));
    if (row[i].set != 0) {
      block[sizeof(occ_type) + (size_t)row[i].set - 1] = 1;
    }
    expect(config, occ_config_add_type(config, (const occ_type *)(const void *)block, NULL),
           row[i].want, row[i].want == OCC_OK ? NULL : "types: an occ_type of unknown size");
    config = renew(f); /* it keeps the pointer, which ends here */
    free(block);
  }
}

static const char *const no_params[] = { NULL };
static const char *const good_params[] = { "claim_token", "ev", NULL };
static const char *const nine_params[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", NULL };
static const char *const eight_params[] = { "a", "b", "c", "d", "e", "f", "g", "h", NULL };
static const char *const scope_params[] = { "ev", "scope", NULL };
static const char *const dpop_headers[] = { "dpop", NULL };
static const char *const pop_headers[] = { "OAuth-Client-Attestation", NULL };
static const char *const bad_headers[] = { "X Ev", NULL };

static void test_config_add_type__refuses(void **state)
{
  static const occ_type same = { .size = sizeof(same), .name = "same" };
  static const struct {
    const char *why, *error;
    occ_type type;
  } row[] = {
    { "least", NULL, { .name = "t" } },
    { "params", NULL, { .name = "t", .params = good_params, .headers = no_params } },
    { "eight params", NULL, { .name = "t", .params = eight_params } },
    { "class", NULL, { .name = "t", .evidence_class = OCC_AUTHORIZATION } },
    { "DPoP with parse", NULL, { .name = "t", .headers = dpop_headers, .parse = parse } },
    { "no name", "types: an occ_type without a usable name", { .name = NULL } },
    { "empty name", "types: an occ_type without a usable name", { .name = "" } },
    { "name with a space", "types: an occ_type without a usable name", { .name = "a b" } },
    { "class unknown", "types.t: no such class", { .name = "t", .evidence_class = (occ_class)3 } },
    { "name of an option", "types.dpop: an option has this name", { .name = "dpop" } },
    { "name of a built-in type",
      "types.dpop_proof: a built-in type has this name",
      { .name = "dpop_proof" } },
    { "added twice", "types.same: added twice", { .name = "same" } },
    { "DPoP without parse",
      "types.t: a type carried by proof headers needs parse, for the nonce",
      { .name = "t", .headers = dpop_headers } },
    { "attestation without parse",
      "types.t: a type carried by proof headers needs parse, for the nonce",
      { .name = "t", .headers = pop_headers } },
    { "nine params", "types.t.params: more than 8 names", { .name = "t", .params = nine_params } },
    { "params scope", "types.t.params: " TAKE_TEXT, { .name = "t", .params = scope_params } },
    { "bad header", "types.t.headers: " WORD_TEXT, { .name = "t", .headers = bad_headers } },
  };
  fixture *f = *state;
  occ_config *config = f->config;

  expect(config, occ_config_add_type(config, NULL, NULL), OCC_ERR_ARGUMENT,
         "types: an occ_type of unknown size");
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_type type = row[i].type;

    print_message("  %s\n", row[i].why);
    config = renew(f);
    type.size = sizeof(type);
    assert_int_equal(occ_config_add_type(config, &same, NULL), OCC_OK);
    expect(config, occ_config_add_type(config, &type, NULL),
           row[i].error == NULL ? OCC_OK : OCC_ERR_ARGUMENT, row[i].error);
  }
}

static void test_config_add_type__takes_32(void **state)
{
  static occ_type type[OCC__MAX_TYPES + 1];
  static char name[OCC__MAX_TYPES + 1][8];
  fixture *f = *state;

  for (size_t i = 0; i <= OCC__MAX_TYPES; i++) {
    snprintf(name[i], sizeof(name[i]), "t%zu", i);
    type[i] = (occ_type){ .size = sizeof(occ_type), .name = name[i] };
    assert_int_equal(occ_config_add_type(f->config, &type[i], NULL),
                     i < OCC__MAX_TYPES ? OCC_OK : OCC_ERR_ARGUMENT);
  }
  assert_string_equal(occ_config_error(f->config), "types.t32: more than 32 types");
}

/* ---- answerers, key ring ---- */

static void test_config_answer__counts_its_holds(void **state)
{
  fixture *f = *state;
  occ_config *config = f->config;
  int first = 0, second = 0;

  assert_int_equal(occ_config_answer(config, OCC_ASK_ONCE, answer, NULL, count, &first), OCC_OK);
  assert_int_equal(occ_config_answer(config, OCC_ASK_KEEP, answer, NULL, count, &first), OCC_OK);
  assert_int_equal(first, 0);
  assert_int_equal(occ_config_answer(config, OCC_ASK_ONCE, answer, NULL, count, &second), OCC_OK);
  assert_int_equal(first, 1); /* replaced */
  assert_int_equal(occ_config_answer(config, OCC_ASK_KEYS, answer, NULL, NULL, NULL), OCC_OK);
  config = renew(f);
  assert_int_equal(first, 2);
  assert_int_equal(second, 1);
}

static void test_config_answer__refuses(void **state)
{
  static const int kind[] = { -1, 0, 15, 16, 32, 35, 1000 };
  fixture *f = *state;
  int released = 0;

  for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
    occ_config *config = renew(f);

    expect(config, occ_config_answer(config, (occ_ask)kind[i], answer, NULL, count, &released),
           OCC_ERR_ARGUMENT, "answerer: no kind of question for a server");
  }
  renew(f);
  expect(f->config, occ_config_answer(f->config, OCC_ASK_ONCE, NULL, NULL, count, &released),
         OCC_ERR_ARGUMENT, "answerer: no function");
  for (int good = OCC_ASK_CHECK; good <= OCC_ASK_RELEASE; good++) {
    assert_int_equal(occ_config_answer(renew(f), (occ_ask)good, answer, NULL, NULL, NULL), OCC_OK);
  }
  renew(f);
  f->fm.until = f->fm.count;
  expect(f->config, occ_config_answer(f->config, OCC_ASK_ONCE, answer, NULL, count, &released),
         OCC_ERR_MEMORY, "answerer: out of memory");
  f->fm.until = SIZE_MAX;
  assert_int_equal(released, 0);
}

static void test_keyring_attach__holds_the_ring(void **state)
{
  fixture *f = *state;
  occ_keyring *ring = NULL, *other = NULL;
  size_t live = f->fm.live;

  assert_int_equal(occ_keyring_attach(NULL, f->config), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_new(&ring, f->lib), OCC_OK);
  assert_int_equal(occ_keyring_new(&other, f->lib), OCC_OK);
  assert_int_equal(occ_keyring_attach(ring, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_attach(ring, f->config), OCC_OK);
  assert_int_equal(occ_keyring_attach(ring, f->config), OCC_OK); /* the same again */
  occ_keyring_free(ring);
  assert_true(f->fm.live > live);
  assert_int_equal(occ_keyring_attach(other, f->config), OCC_OK); /* the first goes */
  occ_keyring_free(other);
  renew(f);
  assert_int_equal(f->fm.live, live);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_config_new__refuses),
    TEST(test_config_new__survives_every_failed_allocation),
    TEST(test_config__keeps_its_lib),
    TEST(test_config__refuses_null),
    TEST(test_config_set__options),
    TEST(test_config_set__requirements),
    TEST(test_config_set__types),
    TEST(test_config_set__counts),
    TEST(test_config_set__template_depth_and_octets),
    TEST(test_config_set__two_store_ids),
    TEST(test_config__first_error_sticks),
    TEST(test_config_error__is_cut),
    TEST(test_config_load__reads_an_object),
    TEST(test_config_load__reads_len_octets),
    TEST(test_config_load__has_limits),
    TEST(test_config_load__survives_every_failed_allocation),
    TEST(test_config_load__survives_a_jansson_without_memory),
    TEST(test_config_add_type__looks_at_the_size),
    TEST(test_config_add_type__refuses),
    TEST(test_config_add_type__takes_32),
    TEST(test_config_answer__counts_its_holds),
    TEST(test_config_answer__refuses),
    TEST(test_keyring_attach__holds_the_ring),
  };

  return cmocka_run_group_tests_name("core/config", tests, NULL, NULL);
}
