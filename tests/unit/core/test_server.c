/* SPDX-License-Identifier: MIT */

/* occ_server: what a whole configuration becomes, or why it is refused; types opened and closed; what it asks and
 * publishes; independence of its configuration; every allocation failing. */

#include "core/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"
#include "fail_mem.h"
#include "jose/jcs_text.h"
#include "occ/keyring.h"

#define STORE   "\"store_id\":\"AAECAwQFBgcICQoLDA0ODw\"" /* 0 .. 15 */
#define TOKEN   "\"token_urls\":[\"https://as.example/token\"]"
#define LEAST   STORE "," TOKEN
#define BIT(id) (UINT32_C(1) << (id))

/* ---- Types that note what is done with them ---- */

typedef struct notes {
  int opened, closed, accepted;
  int open_rc, accept_rc;
  const char *problem;
  const char *at[4]; /* what open says is wrong: three names, and why */
  char options[200], template[500];
} notes;

static notes builtin_notes, host_notes;

static void *allocated; /* what open leaves as self */

static int note_open(notes *into, void **self, const char *options)
{
  into->opened++;
  snprintf(into->options, sizeof(into->options), "%s", options);
  if (into->open_rc == OCC_OK) {
    *self = into;
  }
  return into->open_rc;
}

static int open_builtin(void **self, occ_lib *lib, const char *options)
{
  occ_problem *problem = *self; /* room to say what is wrong */

  assert_non_null(lib);
  assert_non_null(problem);
  assert_null(problem->why);
  if (builtin_notes.at[3] != NULL) {
    assert_int_equal(occ__lib_problem(problem, builtin_notes.at[3], builtin_notes.at[0],
                                      builtin_notes.at[1], builtin_notes.at[2]),
                     OCC_ERR_SYNTAX);
    assert_int_equal(occ__lib_problem(problem, "second", "x", "y", "z"), OCC_ERR_SYNTAX);
  }
  return note_open(&builtin_notes, self, options);
}

static int open_host(void **self, occ_lib *lib, const char *options)
{
  assert_non_null(lib);
  assert_ptr_equal(*self, &allocated); /* as the host gave it */
  return note_open(&host_notes, self, options);
}

static void close_type(void *self)
{
  ((notes *)self)->closed++;
}

static int accepts(const char *requirement, const char **problem, void *self)
{
  notes *into = self;

  into->accepted++;
  snprintf(into->template, sizeof(into->template), "%s", requirement);
  *problem = into->problem;
  return into->accept_rc;
}

static int nothing(occ_evidence *evidence, int step, void *self)
{
  (void)evidence;
  (void)step;
  (void)self;
  return OCC_OK;
}

static const char *const claim_params[] = { "claim_token", "claim_token_format", NULL };
static const char *const dpop_headers[] = { "DPoP", NULL };
static const char *const pop_headers[] = { "OAuth-Client-Attestation",
                                           "oauth-client-attestation-pop", "X-More", NULL };

/* The core knows no evidence: stand-ins for the built-in types. */
static const occ_type builtin_jwt = { .size = sizeof(occ_type),
                                      .name = "jwt_assertion",
                                      .evidence_class = OCC_PROVENANCE,
                                      .params = claim_params,
                                      .open = open_builtin,
                                      .close = close_type,
                                      .accepts = accepts,
                                      .parse = nothing,
                                      .judge = nothing };
static const occ_type builtin_dpop = { .size = sizeof(occ_type),
                                       .name = "dpop_proof",
                                       .evidence_class = OCC_PROVENANCE,
                                       .headers = dpop_headers,
                                       .parse = nothing,
                                       .judge = nothing };

const occ_type *occ_type_builtin(const char *name) __attribute__((weak));
const occ_type *occ_type_builtin(const char *name)
{
  return strcmp(name, "jwt_assertion") == 0 ? &builtin_jwt
         : strcmp(name, "dpop_proof") == 0  ? &builtin_dpop
                                            : NULL;
}

static const occ_type host_type = { .size = sizeof(occ_type),
                                    .name = "urn:host",
                                    .evidence_class = OCC_AUTHORIZATION,
                                    .params = claim_params,
                                    .headers = pop_headers,
                                    .open = open_host,
                                    .close = close_type,
                                    .accepts = accepts,
                                    .parse = nothing,
                                    .judge = nothing };
static const occ_type free_type = { .size = sizeof(occ_type), .name = "free", .judge = nothing };
static const occ_type asking_type = { .size = sizeof(occ_type),
                                      .name = "asking",
                                      .evidence_class = OCC_PROVENANCE };
static const occ_type proof_type = { .size = sizeof(occ_type),
                                     .name = "proof",
                                     .evidence_class = OCC_PROVENANCE,
                                     .headers = dpop_headers,
                                     .parse = nothing };

/* ---- Fixture ---- */

#define EVENTS 8

typedef struct fixture {
  fail_mem fm;
  occ_lib *lib;
  occ_keyring *ring;
  occ_config *config;
  occ_server *server;
  char detail[EVENTS][32];
  size_t events;
} fixture;

static void keep_event(const occ_event *event, void *user_data)
{
  fixture *f = user_data;

  assert_int_equal(event->id, OCC__EVENT_OPTION_WEAKENED);
  assert_string_equal(event->issuer, "https://as.example");
  assert_true(f->events < EVENTS);
  snprintf(f->detail[f->events++], sizeof(f->detail[0]), "%s", event->detail);
}

static int set_up(void **state)
{
  static fixture f;

  memset(&f, 0, sizeof(f));
  builtin_notes = (notes){ 0 };
  host_notes = (notes){ 0 };
  fail_mem_init(&f.fm, SIZE_MAX, false);
  *state = &f;
  return occ_lib_new(&f.lib, &f.fm.mem) == OCC_OK &&
                 occ_lib_on_event(f.lib, keep_event, &f) == OCC_OK &&
                 occ_keyring_new(&f.ring, f.lib) == OCC_OK
             ? 0
             : -1;
}

static int tear_down(void **state)
{
  fixture *f = *state;

  occ_server_free(f->server);
  occ_config_free(f->config);
  occ_keyring_free(f->ring);
  occ_lib_free(f->lib);
  if (builtin_notes.opened != builtin_notes.closed + (builtin_notes.open_rc != OCC_OK) ||
      host_notes.opened != host_notes.closed + (host_notes.open_rc != OCC_OK)) {
    return -1;
  }
  return f->fm.live == 0 ? 0 : -1;
}

/* A fresh configuration with everything. */
static void configure(fixture *f, const char *json)
{
  occ_server_free(f->server);
  occ_config_free(f->config);
  f->server = NULL;
  f->config = NULL;
  f->events = 0;
  assert_int_equal(occ_config_new(&f->config, f->lib, "https://as.example"), OCC_OK);
  assert_int_equal(occ_keyring_attach(f->ring, f->config), OCC_OK);
  assert_int_equal(occ_config_add_type(f->config, &host_type, &allocated), OCC_OK);
  assert_int_equal(occ_config_add_type(f->config, &free_type, NULL), OCC_OK);
  assert_int_equal(occ_config_add_type(f->config, &asking_type, NULL), OCC_OK);
  assert_int_equal(occ_config_load(f->config, json, strlen(json)), OCC_OK);
}

/* And a server of it. */
static int serve(fixture *f, const char *json)
{
  configure(f, json);
  f->server = (occ_server *)(uintptr_t)1;
  return occ_server_new(&f->server, f->config);
}

static const occ_requirement *find(const fixture *f, const char *name)
{
  return occ__server_requirement(f->server, occ__span_text(name));
}

/* ---- Refused ---- */

static void test_server_new__refuses(void **state)
{
  static const struct {
    const char *why, *json, *error;
  } row[] = {
    { "no store id", "{" TOKEN "}", "store_id: attach a store or set it" },
    { "no token_urls", "{" STORE "}",
      "token_urls: missing: DPoP proofs are compared with them (dpop=host does without)" },
    { "nonce options with dpop=host", "{" STORE ",\"dpop\":\"host\",\"dpop_nonce\":\"require\"}",
      "dpop_nonce: has no effect with dpop=host" },
    { "the other way round", "{" STORE ",\"dpop_nonce_unknown\":\"refuse\",\"dpop\":\"host\"}",
      "dpop_nonce_unknown: has no effect with dpop=host" },
    { "algs with dpop=host", "{" STORE ",\"dpop_algs\":[\"ES256\"],\"dpop\":\"host\"}",
      "dpop_algs: has no effect with dpop=host" },
    { "unknown type", "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"nothing\"}}}",
      "requirements.a.type: no such type" },
    { "a wire name is no key",
      "{" LEAST ",\"types\":{\"k\":{\"name\":\"w\",\"class\":\"provenance\",\"params\":[\"p\"]}},"
      "\"requirements\":{\"a\":{\"type\":\"w\"}}}",
      "requirements.a.type: no such type" },
    { "a class that the type has not",
      "{" LEAST
      ",\"requirements\":{\"a\":{\"type\":\"jwt_assertion\",\"class\":\"authorization\"}}}",
      "requirements.a.class: its type is of the other class" },
    { "no class at all", "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"free\"}}}",
      "requirements.a.class: missing, and its type has none" },
    { "DPoP evidence with dpop=host",
      "{" STORE ",\"dpop\":\"host\",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}",
      "types.dpop_proof: needs the nonce of DPoP proofs, which dpop=host keeps from it" },
    { "a declared type without carriers", "{" LEAST ",\"types\":{\"k\":{\"params\":[]}}}",
      "types.k: no such type, and no params or headers that would declare one" },
    { "a misspelt built-in type", "{" LEAST ",\"types\":{\"jwt_asertion\":{\"name\":\"j\"}}}",
      "types.jwt_asertion: no such type, and no params or headers that would declare one" },
    { "a built-in type with carriers",
      "{" LEAST ",\"types\":{\"jwt_assertion\":{\"params\":[\"p\"]}}}",
      "types.jwt_assertion: a type with code can only be given another name" },
    { "a host's type with a class",
      "{" LEAST ",\"types\":{\"urn:host\":{\"name\":\"h\",\"class\":\"provenance\"}}}",
      "types.urn:host: a type with code can only be given another name" },
    { "two names the same on the wire", "{" LEAST ",\"types\":{\"free\":{\"name\":\"asking\"}}}",
      "types.asking.name: another type has this name on the wire" },
    { "two declared with one name",
      "{" LEAST
      ",\"types\":{\"k\":{\"params\":[\"p\"]},\"l\":{\"name\":\"k\",\"params\":[\"p\"]}}}",
      "types.l.name: another type has this name on the wire" },
    { "options of nobody", "{" LEAST ",\"jwt_asertion\":{}}",
      "jwt_asertion: no such option, and no type with code" },
    { "options of a declared type", "{" LEAST ",\"k\":{},\"types\":{\"k\":{\"params\":[\"p\"]}}}",
      "k: no such option, and no type with code" },
    { "options for a type that has none", "{" LEAST ",\"free\":{}}",
      "free: this type has no options" },
    { "options of a type that no requirement uses",
      "{" STORE ",\"dpop\":\"host\",\"dpop_proof\":{}}",
      "types.dpop_proof: needs the nonce of DPoP proofs, which dpop=host keeps from it" },
    { "options of one that another has the name of on the wire",
      "{" LEAST
      ",\"jwt_assertion\":{},\"types\":{\"k\":{\"name\":\"jwt_assertion\",\"params\":[\"p\"]}}}",
      "types.jwt_assertion.name: another type has this name on the wire" },
    { "a declared type's parameter out of the digest",
      "{" LEAST ",\"digest_ignore\":[\"p\"],\"types\":{\"k\":{\"params\":[\"q\",\"p\"]}}}",
      "digest_ignore.p: a type's evidence comes in this parameter" },
    { "the same, by a pattern",
      "{" LEAST ",\"digest_ignore\":[\"x\",\"ev-*\"],\"types\":{\"k\":{\"params\":[\"ev-1\"]}}}",
      "digest_ignore.ev-1: a type's evidence comes in this parameter" },
    { "a parameter of the host's type", "{" LEAST ",\"digest_ignore\":[\"claim_token\"]}",
      "digest_ignore.claim_token: a type's evidence comes in this parameter" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(serve(f, row[i].json), OCC_ERR_CONFIG);
    assert_null(f->server);
    assert_non_null(occ_config_error(f->config));
    assert_string_equal(occ_config_error(f->config), row[i].error);
    assert_int_equal(f->events, 0);
    assert_int_equal(host_notes.opened, host_notes.closed);
  }
  assert_int_equal(occ_server_new(NULL, f->config), OCC_ERR_ARGUMENT);
  f->server = (occ_server *)(uintptr_t)1;
  assert_int_equal(occ_server_new(&f->server, NULL), OCC_ERR_ARGUMENT);
  assert_null(f->server);
}

static void test_server_new__wants_a_ring(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "nonces", "{" LEAST "}", OCC_ERR_CONFIG },
    { "requirements",
      "{" LEAST ",\"dpop_nonce\":\"off\",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}",
      OCC_ERR_CONFIG },
    { "requirements with dpop=host",
      "{" STORE ",\"dpop\":\"host\",\"requirements\":{\"a\":{\"type\":\"jwt_assertion\"}}}",
      OCC_ERR_CONFIG },
    { "neither", "{" LEAST ",\"dpop_nonce\":\"off\",\"requirements\":{}}", OCC_OK },
    { "neither with dpop=host", "{" STORE ",\"dpop\":\"host\"}", OCC_OK },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_config *config = NULL;
    occ_server *server = NULL;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_config_new(&config, f->lib, "https://as.example"), OCC_OK);
    assert_int_equal(occ_config_load(config, row[i].json, strlen(row[i].json)), OCC_OK);
    assert_int_equal(occ_server_new(&server, config), row[i].want);
    if (row[i].want != OCC_OK) {
      assert_string_equal(occ_config_error(config),
                          "keyring: attach one: it seals sessions and DPoP nonces");
      assert_int_equal(occ_keyring_attach(f->ring, config), OCC_OK); /* not too late */
      assert_int_equal(occ_server_new(&server, config), OCC_OK);
      assert_null(occ_config_error(config));
      assert_ptr_equal(server->ring, f->ring);
    } else {
      assert_null(server->ring);
    }
    occ_server_free(server);
    occ_config_free(config);
  }
}

static void test_server_new__counts_types(void **state)
{
  fixture *f = *state;
  char json[4000];

  for (size_t count = OCC__MAX_TYPES - 4; count <= OCC__MAX_TYPES - 2; count++) {
    size_t at = (size_t)snprintf(json, sizeof(json), "{" LEAST ",\"types\":{");

    for (size_t i = 0; i < count; i++) { /* beside the three of the host */
      at += (size_t)snprintf(json + at, sizeof(json) - at, "%s\"t%zu\":{\"params\":[\"p\"]}",
                             i == 0 ? "" : ",", i);
    }
    snprintf(json + at, sizeof(json) - at, "}}");
    assert_int_equal(serve(f, json), count <= OCC__MAX_TYPES - 3 ? OCC_OK : OCC_ERR_CONFIG);
    if (count > OCC__MAX_TYPES - 3) {
      assert_string_equal(occ_config_error(f->config), "types: more than 32 types");
    } else {
      assert_int_equal(f->server->kinds, count + 3);
    }
  }
}

/* ---- What it becomes ---- */

static void test_server_new__has_defaults(void **state)
{
  fixture *f = *state;
  const occ_server *server;

  assert_int_equal(serve(f, "{" LEAST "}"), OCC_OK);
  server = f->server;
  assert_string_equal(server->issuer, "https://as.example");
  assert_ptr_equal(server->lib, f->lib);
  assert_ptr_equal(server->names, &occ__names_kahrer_00);
  assert_ptr_equal(server->ring, f->ring);
  assert_null(server->wake);
  assert_int_equal(server->dpop_host, 0);
  assert_int_equal(server->nonce_mode, OCC__NONCE_ACCEPT);
  assert_int_equal(server->nonce_unknown_refuse, 0);
  assert_int_equal(server->dpop_algs, OCC__ALGS_DEFAULT);
  assert_int_equal(server->assertion_algs, OCC__ALGS_ASSERTION);
  assert_int_equal(server->assertion_typ_required, 0);
  assert_int_equal(server->assertion_endpoint, 0);
  assert_int_equal(server->check, 0);
  assert_int_equal(server->challenge_status, 403);
  assert_int_equal(server->nested_session, 0);
  assert_int_equal(server->stored, 0);
  assert_int_equal(server->deadline_ms, 10000);
  assert_string_equal(server->digest_ignore[0], "client-request-id");
  assert_string_equal(server->digest_ignore[1], "x-client-*");
  assert_null(server->digest_ignore[2]);
  assert_null(server->urls[0][0]);
  assert_string_equal(server->urls[OCC_TOKEN][0], "https://as.example/token");
  assert_null(server->urls[OCC_TOKEN][1]);
  assert_null(server->urls[OCC_PAR][0]);
  assert_int_equal(server->requirements, 0);
  for (size_t i = 0; i < OCC__STORE_ID_LEN; i++) {
    assert_int_equal(server->store_id[i], i);
  }
  for (size_t i = 0; i < OCC__ASKS; i++) {
    assert_null(server->answerer[i]);
  }
  assert_int_equal(f->events, 0); /* nothing is weakened by default */
  assert_null(occ_config_error(f->config));
}

static void wake(void *txn_user_data)
{
  (void)txn_user_data;
}

static void test_server_new__takes_every_option(void **state)
{
  fixture *f = *state;
  occ_server *server = NULL;

  assert_int_equal(
      serve(f, "{" STORE ",\"token_urls\":[\"HTTPS://AS.example:443/x/../token?a\","
               "\"https://mtls.as.example/token\"],\"par_urls\":[\"https://as.example\"],"
               "\"dpop_nonce\":\"require\",\"dpop_nonce_unknown\":\"refuse\","
               "\"dpop_algs\":[\"ES256\",\"ES256\"],\"client_assertion_algs\":[\"PS512\"],"
               "\"client_assertion_audience\":\"endpoint\","
               "\"client_assertion_typ\":\"required\",\"check\":true,\"challenge_status\":400,"
               "\"challenge_session_nested\":true,\"session_mode\":\"stored\","
               "\"session_format\":1,\"deadline\":60,\"digest_ignore\":[]}"),
      OCC_OK);
  assert_int_equal(occ_config_on_wake(f->config, wake), OCC_OK);
  assert_int_equal(occ_server_new(&server, f->config), OCC_OK);
  assert_true(server->wake == wake);
  assert_string_equal(server->urls[OCC_TOKEN][0], "https://as.example/token");
  assert_string_equal(server->urls[OCC_TOKEN][1], "https://mtls.as.example/token");
  assert_null(server->urls[OCC_TOKEN][2]);
  assert_string_equal(server->urls[OCC_PAR][0], "https://as.example/");
  assert_int_equal(server->nonce_mode, OCC__NONCE_REQUIRE);
  assert_int_equal(server->nonce_unknown_refuse, 1);
  assert_int_equal(server->dpop_algs, OCC__ALG_BIT(OCC__ALG_ES256));
  assert_int_equal(server->assertion_algs, OCC__ALG_BIT(OCC__ALG_PS512));
  assert_int_equal(server->assertion_typ_required, 1);
  assert_int_equal(server->assertion_endpoint, 1);
  assert_int_equal(server->check, 1);
  assert_int_equal(server->challenge_status, 400);
  assert_int_equal(server->nested_session, 1);
  assert_int_equal(server->stored, 1);
  assert_int_equal(server->deadline_ms, 60000);
  assert_null(server->digest_ignore[0]);
  occ_server_free(server);
}

static void test_server_new__tells_what_is_weakened(void **state)
{
  static const struct {
    const char *why, *json;
    const char *detail[3];
  } row[] = {
    { "nothing",
      "{" LEAST ",\"challenge_session_nested\":true,\"challenge_status\":400}",
      { NULL } },
    { "nonces off", "{" LEAST ",\"dpop_nonce\":\"off\"}", { "dpop_nonce" } },
    { "the host's DPoP", "{" STORE ",\"dpop\":\"host\"}", { "dpop" } },
    { "assertions for endpoints",
      "{" LEAST ",\"client_assertion_audience\":\"endpoint\"}",
      { "client_assertion_audience" } },
    { "assertions as by default",
      "{" LEAST ",\"client_assertion_audience\":\"issuer\",\"client_assertion_typ\":\"any\"}",
      { NULL } },
    { "stored sessions", "{" LEAST ",\"session_mode\":\"stored\"}", { "session_mode" } },
    { "less is ignored", "{" LEAST ",\"digest_ignore\":[\"client-request-id\"]}", { NULL } },
    { "more is ignored",
      "{" LEAST ",\"digest_ignore\":[\"x-client-*\",\"trace\"]}",
      { "digest_ignore" } },
    { "two",
      "{" LEAST ",\"dpop_nonce\":\"off\",\"digest_ignore\":[\"t\"]}",
      { "digest_ignore", "dpop_nonce" } },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    size_t count = 0;

    print_message("  %s\n", row[i].why);
    assert_int_equal(serve(f, row[i].json), OCC_OK);
    for (; row[i].detail[count] != NULL; count++) {
      assert_true(count < f->events);
      assert_string_equal(f->detail[count], row[i].detail[count]);
    }
    assert_int_equal(f->events, count);
  }
}

static void test_server_new__host_dpop_makes_no_nonces(void **state)
{
  fixture *f = *state;

  assert_int_equal(serve(f, "{" STORE ",\"dpop\":\"host\"}"), OCC_OK);
  assert_int_equal(f->server->dpop_host, 1);
  assert_int_equal(f->server->nonce_mode, OCC__NONCE_OFF);
}

static void expect_members(const occ_requirement *requirement, const char *want)
{
  assert_string_equal((const char *)requirement->members.base, want);
}

static void test_server_new__makes_requirements(void **state)
{
  fixture *f = *state;
  const occ_requirement *r;

  assert_int_equal(
      serve(f, "{" LEAST ",\"types\":{\"jwt_assertion\":{\"name\":\"https://w.example/jwt\"},"
               "\"ev\":{\"params\":[\"ev\"]}},\"requirements\":{"
               "\"attested\":{\"b\":[1,{\"c\":null}],\"expiry\":90,\"type\":\"jwt_assertion\","
               "\"a\":\"x\",\"class\":\"provenance\"},"
               "\"mandate\":{\"type\":\"urn:host\"},"
               "\"pay\":{\"type\":\"ev\",\"class\":\"authorization\"},"
               "\"who\":{\"type\":\"ev\",\"class\":\"provenance\"}}}"),
      OCC_OK);
  assert_int_equal(f->server->requirements, 4);

  r = find(f, "attested");
  assert_non_null(r);
  assert_string_equal(r->name, "attested");
  assert_string_equal(r->kind->key, "jwt_assertion");
  assert_string_equal(r->kind->name, "https://w.example/jwt");
  assert_ptr_equal(r->kind->type, occ_type_builtin("jwt_assertion"));
  assert_int_equal(r->evidence_class, OCC_PROVENANCE);
  assert_int_equal(r->expiry_ms, 90000);
  expect_members(r, "{\"a\":\"x\",\"b\":[1,{\"c\":null}],\"type\":\"https://w.example/jwt\"}");
  assert_int_equal(builtin_notes.accepted, 1);
  assert_string_equal(builtin_notes.template,
                      "{\"a\":\"x\",\"b\":[1,{\"c\":null}],\"type\":\"https://w.example/jwt\"}");

  r = find(f, "mandate");
  assert_int_equal(r->evidence_class, OCC_AUTHORIZATION);
  assert_int_equal(r->expiry_ms, 60000); /* AUTHORIZATION */
  expect_members(r, "{\"type\":\"urn:host\"}");
  assert_string_equal(host_notes.template, "{\"type\":\"urn:host\"}");

  r = find(f, "pay");
  assert_int_equal(r->evidence_class, OCC_AUTHORIZATION);
  assert_int_equal(r->expiry_ms, 60000);
  assert_true(r->kind->declared);
  r = find(f, "who");
  assert_int_equal(r->evidence_class, OCC_PROVENANCE);
  assert_int_equal(r->expiry_ms, 300000);

  assert_null(find(f, "attest"));
  assert_null(find(f, "attestedx"));
  assert_null(find(f, ""));
  assert_null(occ__server_requirement(f->server, occ__span("attested\0", 9)));
}

/* The first was computed by another program: printf '\0\0\0\1a{"class":"provenance","type":"free","x":1}' | sha256sum */
static void test_server_new__names_requirements_by_their_wording(void **state)
{
  fixture *f = *state;
  uint8_t id[5][OCC__TEMPLATE_ID_LEN];
  static const char *const template[] = {
    "\"a\":{\"type\":\"free\",\"class\":\"provenance\",\"x\":1}",
    "\"a\":{ \"x\" : 1, \"class\":\"provenance\", \"type\":\"free\"}", /* the same, as JCS sees it */
    "\"a\":{\"type\":\"free\",\"class\":\"provenance\",\"x\":2}",
    "\"b\":{\"type\":\"free\",\"class\":\"provenance\",\"x\":1}",
    "\"a\":{\"type\":\"free\",\"class\":\"provenance\",\"x\":1,\"expiry\":300}",
  };
  static const uint8_t want[OCC__TEMPLATE_ID_LEN] = { 0x9f, 0x76, 0x9d, 0xa8, 0x00, 0x58,
                                                      0xc9, 0x07, 0x93, 0xea, 0x58, 0x00,
                                                      0x97, 0xe8, 0x9c, 0x59 };
  char json[500];

  for (size_t i = 0; i < sizeof(template) / sizeof(template[0]); i++) {
    snprintf(json, sizeof(json), "{" LEAST ",\"requirements\":{%s}}", template[i]);
    assert_int_equal(serve(f, json), OCC_OK);
    memcpy(id[i], f->server->requirement[0].id, sizeof(id[i]));
  }
  assert_memory_equal(id[0], want, sizeof(want));
  assert_memory_equal(id[1], id[0], sizeof(id[0]));
  for (size_t i = 2; i < sizeof(template) / sizeof(template[0]); i++) {
    assert_memory_not_equal(id[i], id[0], sizeof(id[0]));
  }
}

static void test_server_new__makes_kinds(void **state)
{
  fixture *f = *state;
  const occ_kind *kind;

  assert_int_equal(serve(f, "{" LEAST
                            ",\"types\":{\"https://bank.example/ev\":{\"class\":\"authorization\","
                            "\"params\":[\"ev\"],\"headers\":[\"X-Ev\"],\"name\":\"ev\"}},"
                            "\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}"),
                   OCC_OK);
  assert_int_equal(f->server->kinds, 5); /* three of the host, one declared, one built-in in use */

  kind = occ__server_carrier(f->server, "ev");
  assert_non_null(kind);
  assert_string_equal(kind->key, "https://bank.example/ev");
  assert_string_equal(kind->name, "ev");
  assert_true(kind->declared);
  assert_false(kind->opened);
  assert_int_equal(kind->evidence_class, OCC_AUTHORIZATION);
  assert_string_equal(kind->params[0], "ev");
  assert_null(kind->params[1]);
  assert_string_equal(kind->headers[0], "X-Ev");
  assert_null(kind->headers[1]);
  assert_non_null(kind->type); /* a struct without functions */
  assert_true(kind->type->parse == NULL && kind->type->judge == NULL && kind->type->write == NULL);
  assert_false(kind->by_dpop || kind->by_attestation);
  assert_ptr_equal(occ__server_carrier(f->server, "x-eV"), kind);

  kind = occ__server_carrier(f->server, "claim_token");
  assert_non_null(kind);
  assert_string_equal(kind->key, "urn:host");
  assert_false(kind->declared);
  assert_true(kind->opened);
  assert_true(kind->by_attestation);
  assert_false(kind->by_dpop);
  assert_ptr_equal(kind->self, &host_notes);
  assert_string_equal(host_notes.options, "{}");

  kind = occ__server_carrier(f->server, "DPoP");
  assert_non_null(kind);
  assert_string_equal(kind->key, "dpop_proof");
  assert_true(kind->by_dpop);
  assert_false(kind->by_attestation);

  assert_null(occ__server_carrier(f->server, "scope"));
  assert_null(occ__server_carrier(f->server, "EV"));
  assert_null(occ__server_carrier(f->server, ""));
}

static void test_server_new__lists_headers(void **state)
{
  static const char *const want[] = {
    "Authorization", "DPoP", "OAuth-Client-Attestation", "oauth-client-attestation-pop",
    "X-More",        "X-Ev"
  };
  fixture *f = *state;
  size_t count = 0;

  assert_int_equal(serve(f, "{" LEAST ",\"types\":{\"ev\":{\"headers\":[\"X-Ev\",\"x-more\"]}},"
                            "\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}"),
                   OCC_OK);
  while (f->server->headers[count] != NULL) {
    assert_true(count < sizeof(want) / sizeof(want[0]));
    assert_string_equal(f->server->headers[count], want[count]);
    count++;
  }
  assert_int_equal(count, sizeof(want) / sizeof(want[0]));
}

/* ---- Types with code ---- */

static void test_server_new__opens_what_it_uses(void **state)
{
  fixture *f = *state;

  assert_int_equal(serve(f, "{" LEAST ",\"urn:host\":{\"a\":[true]}}"), OCC_OK);
  assert_int_equal(builtin_notes.opened, 0); /* no requirement uses it, and it has no options */
  assert_int_equal(host_notes.opened, 1);
  assert_string_equal(host_notes.options, "{\"a\":[true]}");
  occ_server_free(f->server);
  f->server = NULL;
  assert_int_equal(host_notes.closed, 1);

  assert_int_equal(serve(f, "{" LEAST ",\"jwt_assertion\":{\"x\":1},"
                            "\"requirements\":{\"a\":{\"type\":\"jwt_assertion\"},"
                            "\"b\":{\"type\":\"jwt_assertion\",\"y\":1}}}"),
                   OCC_OK);
  assert_int_equal(builtin_notes.opened, 1); /* once for both */
  assert_string_equal(builtin_notes.options, "{\"x\":1}");
  assert_int_equal(builtin_notes.accepted, 2);
}

/* Options that nobody uses are looked at all the same: a misspelt one must not wait for the day on which it counts. */
static void test_server_new__reads_options_that_nobody_uses(void **state)
{
  static const char json[] = "{" LEAST ",\"jwt_assertion\":{\"x\":1}}";
  fixture *f = *state;

  assert_int_equal(serve(f, json), OCC_OK);
  assert_int_equal(builtin_notes.opened, 1);
  assert_string_equal(builtin_notes.options, "{\"x\":1}");
  assert_int_equal(builtin_notes.accepted, 0);
  occ_server_free(f->server);
  f->server = NULL;
  assert_int_equal(builtin_notes.closed, 1);

  builtin_notes = (notes){ .open_rc = OCC_ERR_SYNTAX };
  assert_int_equal(serve(f, json), OCC_ERR_CONFIG);
  assert_null(f->server);
  assert_string_equal(occ_config_error(f->config),
                      "jwt_assertion: the type does not take these options");
  builtin_notes = (notes){ .open_rc = OCC_ERR_MEMORY };
  assert_int_equal(serve(f, json), OCC_ERR_MEMORY);
  assert_string_equal(occ_config_error(f->config), "jwt_assertion: out of memory");
}

/* A parameter that is never in the digest could be exchanged where it is no evidence; a header never is in it. */
static void test_server_new__digest_leaves_out_what_is_no_evidence(void **state)
{
  fixture *f = *state;

  assert_int_equal(serve(f, "{" LEAST ",\"digest_ignore\":[\"DPoP\",\"pp\",\"P\",\"x-*\"],"
                            "\"types\":{\"k\":{\"params\":[\"p\",\"x\"],\"headers\":[\"X-Ev\"]}},"
                            "\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}"),
                   OCC_OK);
}

#define TENS "1234567890123456789012345678901234567890123456789012345678901234"

static void test_server_new__says_which_option_of_a_type(void **state)
{
  static const struct {
    const char *why, *at[4], *error;
  } row[] = {
    { "of the whole", { NULL, NULL, NULL, "bad" }, "jwt_assertion: bad" },
    { "a member", { "typ", NULL, NULL, "bad" }, "jwt_assertion.typ: bad" },
    { "a member's member",
      { "issuers", "https://i", NULL, "bad" },
      "jwt_assertion.issuers.https://i: bad" },
    { "three",
      { "issuers", "https://i", "jwks", "bad" },
      "jwt_assertion.issuers.https://i.jwks: bad" },
    { "a name that just fits",
      { "issuers", TENS, "jwks", "bad" },
      "jwt_assertion.issuers." TENS ".jwks: bad" },
    { "a longer one is cut",
      { "issuers", TENS "5", "jwks", "bad" },
      "jwt_assertion.issuers." TENS ".jwks: bad" },
    { "a name that may not be printed", { "a\nb", NULL, NULL, "bad" }, "jwt_assertion.a?b: bad" },
    { "nothing behind an empty name", { "", "x", NULL, "bad" }, "jwt_assertion: bad" },
  };
  fixture *f = *state;

  assert_int_equal(occ__lib_problem(NULL, "nobody listens", "a", "b", "c"), OCC_ERR_SYNTAX);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    builtin_notes = (notes){ .open_rc = OCC_ERR_SYNTAX };
    memcpy(builtin_notes.at, row[i].at, sizeof(row[i].at));
    assert_int_equal(serve(f, "{" LEAST ",\"jwt_assertion\":{}}"), OCC_ERR_CONFIG);
    assert_string_equal(occ_config_error(f->config), row[i].error);
    assert_int_equal(builtin_notes.closed, 0);
  }
}

static void test_server_new__passes_on_what_types_say(void **state)
{
  static const struct {
    const char *why;
    int open_rc, accept_rc;
    const char *problem;
    int want;
    const char *error;
  } row[] = {
    { "options refused", OCC_ERR_SYNTAX, OCC_OK, NULL, OCC_ERR_CONFIG,
      "jwt_assertion: the type does not take these options" },
    { "options refused in its own way", 77, OCC_OK, NULL, OCC_ERR_CONFIG,
      "jwt_assertion: the type does not take these options" },
    { "no memory", OCC_ERR_MEMORY, OCC_OK, NULL, OCC_ERR_MEMORY, "jwt_assertion: out of memory" },
    { "no cryptography", OCC_ERR_CRYPTO, OCC_OK, NULL, OCC_ERR_CRYPTO,
      "jwt_assertion: the cryptographic library failed" },
    { "a problem with a member", OCC_OK, OCC_ERR_SYNTAX, "dcql_query: no credentials",
      OCC_ERR_CONFIG, "requirements.mandate.dcql_query: no credentials" },
    { "a problem", OCC_OK, OCC_ERR_CONFIG, "no issuer: name one", OCC_ERR_CONFIG,
      "requirements.mandate: no issuer: name one" },
    { "a problem of one word", OCC_OK, OCC_ERR_CONFIG, "bad", OCC_ERR_CONFIG,
      "requirements.mandate: bad" },
    { "a colon alone", OCC_OK, OCC_ERR_CONFIG, ": bad", OCC_ERR_CONFIG,
      "requirements.mandate: : bad" },
    { "no word of the problem", OCC_OK, OCC_ERR_CONFIG, NULL, OCC_ERR_CONFIG,
      "requirements.mandate: its type does not accept it" },
    { "a positive answer is no yes", OCC_OK, 1, NULL, OCC_ERR_CONFIG,
      "requirements.mandate: its type does not accept it" },
    { "no memory to look", OCC_OK, OCC_ERR_MEMORY, NULL, OCC_ERR_MEMORY,
      "requirements.mandate: out of memory" },
  };
  fixture *f = *state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    builtin_notes = (notes){ .open_rc = row[i].open_rc,
                             .accept_rc = row[i].accept_rc,
                             .problem = row[i].problem };
    assert_int_equal(
        serve(f, "{" LEAST ",\"requirements\":{\"mandate\":{\"type\":\"jwt_assertion\"}}}"),
        row[i].want);
    assert_null(f->server);
    assert_string_equal(occ_config_error(f->config), row[i].error);
    assert_int_equal(builtin_notes.opened, 1);
    assert_int_equal(builtin_notes.closed, row[i].open_rc == OCC_OK);

    /* It does not stick: the type may find it good the next time. */
    builtin_notes = (notes){ 0 };
    assert_int_equal(occ_server_new(&f->server, f->config), OCC_OK);
    assert_null(occ_config_error(f->config));
    occ_server_free(f->server);
    f->server = NULL;
    assert_int_equal(builtin_notes.closed, 1);
  }
}

static void test_server_new__refuses_proof_types_of_the_host(void **state)
{
  fixture *f = *state;
  occ_config *config = NULL;
  occ_server *server = NULL;

  for (int host = 0; host <= 1; host++) {
    const char *json = host ? "{" STORE ",\"dpop\":\"host\"}" : "{" LEAST "}";

    assert_int_equal(occ_config_new(&config, f->lib, "https://as.example"), OCC_OK);
    assert_int_equal(occ_keyring_attach(f->ring, config), OCC_OK);
    assert_int_equal(occ_config_add_type(config, &proof_type, NULL), OCC_OK);
    assert_int_equal(occ_config_load(config, json, strlen(json)), OCC_OK);
    assert_int_equal(occ_server_new(&server, config), host ? OCC_ERR_CONFIG : OCC_OK);
    if (host) {
      assert_string_equal(occ_config_error(config),
                          "types.proof: needs the nonce of DPoP proofs, which dpop=host keeps "
                          "from it");
    }
    occ_server_free(server);
    occ_config_free(config);
  }
}

/* ---- asks, metadata ---- */

static int answer(occ_txn *txn, const occ_question *question, void *user_data)
{
  (void)txn;
  (void)question;
  (void)user_data;
  return OCC_OK;
}

#define USUAL (BIT(OCC_ASK_DECIDE) | BIT(OCC_ASK_CLIENT) | BIT(OCC_ASK_KEYS) | BIT(OCC_ASK_ONCE))
#define C_TYPE                                                                                     \
  (BIT(OCC_ASK_KEYS) | BIT(OCC_ASK_FETCH) | BIT(OCC_ASK_STATUS) | BIT(OCC_ASK_COVER) |             \
   BIT(OCC_ASK_VERIFY))
#define LEDGER (BIT(OCC_ASK_RESERVE) | BIT(OCC_ASK_COMMIT) | BIT(OCC_ASK_RELEASE))

static void test_server_asks__what_will_reach_the_host(void **state)
{
  static const struct {
    const char *why, *json;
    uint32_t answered, want;
  } row[] = {
    { "least", "{" LEAST "}", 0, USUAL },
    { "check", "{" LEAST ",\"check\":true}", 0, USUAL | BIT(OCC_ASK_CHECK) },
    { "stored", "{" LEAST ",\"session_mode\":\"stored\"}", 0,
      USUAL | BIT(OCC_ASK_KEEP) | BIT(OCC_ASK_RECALL) },
    { "stored, with a store", "{" LEAST ",\"session_mode\":\"stored\"}",
      BIT(OCC_ASK_ONCE) | BIT(OCC_ASK_KEEP) | BIT(OCC_ASK_RECALL) | LEDGER,
      BIT(OCC_ASK_DECIDE) | BIT(OCC_ASK_CLIENT) | BIT(OCC_ASK_KEYS) },
    { "a built-in type", "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}", 0,
      USUAL },
    { "keys answered, which may fetch",
      "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}", BIT(OCC_ASK_KEYS),
      (USUAL & ~BIT(OCC_ASK_KEYS)) | BIT(OCC_ASK_FETCH) },
    { "keys of clients answered, which may fetch", "{" LEAST "}", BIT(OCC_ASK_KEYS),
      (USUAL & ~BIT(OCC_ASK_KEYS)) | BIT(OCC_ASK_FETCH) },
    { "clients answered, which may fetch", "{" LEAST "}", BIT(OCC_ASK_CLIENT),
      BIT(OCC_ASK_DECIDE) | BIT(OCC_ASK_FETCH) | BIT(OCC_ASK_KEYS) | BIT(OCC_ASK_ONCE) },
    { "clients and fetches answered", "{" LEAST "}", BIT(OCC_ASK_CLIENT) | BIT(OCC_ASK_FETCH),
      BIT(OCC_ASK_DECIDE) | BIT(OCC_ASK_KEYS) | BIT(OCC_ASK_ONCE) },
    { "a declared type, not used", "{" LEAST ",\"types\":{\"k\":{\"params\":[\"p\"]}}}", 0, USUAL },
    { "a declared type",
      "{" LEAST ",\"types\":{\"k\":{\"class\":\"provenance\",\"params\":[\"p\"]}},"
      "\"requirements\":{\"a\":{\"type\":\"k\"}}}",
      0, USUAL | BIT(OCC_ASK_VERIFY) },
    { "the host's type", "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"urn:host\"}}}", 0,
      USUAL | C_TYPE | LEDGER },
    { "the host's type without a class",
      "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"free\",\"class\":\"provenance\"}}}", 0,
      USUAL | C_TYPE | LEDGER },
    { "the host's type for clients", "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"asking\"}}}",
      0, USUAL | C_TYPE },
    { "everything answered",
      "{" LEAST ",\"check\":true,\"requirements\":{\"a\":{\"type\":\"urn:host\"}}}", 0x7ffe, 0 },
  };
  fixture *f = *state;

  assert_int_equal(occ_server_asks(NULL), 0);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_server *server = NULL;

    print_message("  %s\n", row[i].why);
    assert_int_equal(serve(f, row[i].json), OCC_OK);
    for (int kind = OCC_ASK_CHECK; kind <= OCC_ASK_RELEASE; kind++) {
      if ((row[i].answered & BIT(kind)) != 0) {
        assert_int_equal(occ_config_answer(f->config, (occ_ask)kind, answer, NULL, NULL, NULL),
                         OCC_OK);
      }
    }
    assert_int_equal(occ_server_new(&server, f->config), OCC_OK);
    assert_int_equal(occ_server_asks(server), row[i].want);
    occ_server_free(server);
  }
}

static void test_server_metadata__lists_what_is_used(void **state)
{
#define METHODS "\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\",\"none\"],"
#define SIGNED                                                                                     \
  METHODS "\"token_endpoint_auth_signing_alg_values_supported\":[\"ES256\",\"Ed25519\",\"EdDSA\"," \
          "\"PS256\",\"RS256\"]"
  static const struct {
    const char *why, *json, *want;
  } row[] = {
    { "least", "{" LEAST "}",
      "{" SIGNED ",\"dpop_signing_alg_values_supported\":[\"ES256\",\"Ed25519\",\"EdDSA\"]}" },
    { "one alg", "{" LEAST ",\"dpop_algs\":[\"Ed25519\"]}",
      "{" SIGNED ",\"dpop_signing_alg_values_supported\":[\"Ed25519\"]}" },
    { "one alg of assertions",
      "{" STORE ",\"dpop\":\"host\",\"client_assertion_algs\":[\"ES384\"]}",
      "{" METHODS "\"token_endpoint_auth_signing_alg_values_supported\":[\"ES384\"]}" },
    { "the host's DPoP", "{" STORE ",\"dpop\":\"host\"}", "{" SIGNED "}" },
    { "types by their wire names, each once",
      "{" STORE ",\"dpop\":\"host\",\"types\":{\"jwt_assertion\":{\"name\":\"j/w\"},"
      "\"k\":{\"params\":[\"p\"],\"class\":\"provenance\"},\"unused\":{\"params\":[\"p\"]}},"
      "\"requirements\":{\"a\":{\"type\":\"jwt_assertion\"},\"b\":{\"type\":\"k\"},"
      "\"c\":{\"type\":\"jwt_assertion\"}}}",
      "{\"authorization_requirement_types_supported\":[\"k\",\"j/w\"]," SIGNED "}" },
    { "clients known by a URL",
      "{" STORE ",\"dpop\":\"host\",\"client_id_metadata_document_supported\":true}",
      "{" SIGNED ",\"client_id_metadata_document_supported\":true}" },
    { "no such clients",
      "{" STORE ",\"dpop\":\"host\",\"client_id_metadata_document_supported\":false}",
      "{" SIGNED "}" },
    { "both", "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}",
      "{\"authorization_requirement_types_supported\":[\"dpop_proof\"]," SIGNED
      ",\"dpop_signing_alg_values_supported\":[\"ES256\",\"Ed25519\",\"EdDSA\"]}" },
  };
#undef METHODS
#undef SIGNED
  fixture *f = *state;

  assert_null(occ_server_metadata(NULL));
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(serve(f, row[i].json), OCC_OK);
    assert_string_equal(occ_server_metadata(f->server), row[i].want);
  }
}

/* ---- Lives of its own ---- */

static void count(void *user_data)
{
  ++*(int *)user_data;
}

static void test_server__does_not_see_later_changes(void **state)
{
  fixture *f = *state;
  occ_config *config;
  int first = 0, second = 0;

  assert_int_equal(serve(f, "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}"),
                   OCC_OK);
  occ_server_free(f->server);
  config = f->config;
  assert_int_equal(occ_config_answer(config, OCC_ASK_ONCE, answer, NULL, count, &first), OCC_OK);
  assert_int_equal(occ_server_new(&f->server, config), OCC_OK);
  assert_int_equal(occ_config_answer(config, OCC_ASK_ONCE, answer, NULL, count, &second), OCC_OK);
  assert_int_equal(occ_config_set(config, "requirements", "{}"), OCC_OK);
  assert_int_equal(occ_config_set(config, "deadline", "1"), OCC_OK);
  assert_int_equal(occ_config_set(config, "token_urls", "[\"https://other.example/\"]"), OCC_OK);
  assert_int_equal(occ_config_set(config, "digest_ignore", "[]"), OCC_OK);
  assert_int_equal(first, 0); /* the server has it still */
  assert_ptr_equal(f->server->answerer[OCC_ASK_ONCE]->user_data, &first);
  occ_config_free(config);
  f->config = NULL;
  assert_int_equal(second, 1);

  assert_int_equal(f->server->requirements, 1);
  expect_members(find(f, "a"), "{\"type\":\"dpop_proof\"}");
  assert_int_equal(f->server->deadline_ms, 10000);
  assert_string_equal(f->server->urls[OCC_TOKEN][0], "https://as.example/token");
  assert_string_equal(f->server->digest_ignore[0], "client-request-id");
  assert_string_equal(f->server->issuer, "https://as.example");
  occ_server_free(f->server);
  f->server = NULL;
  assert_int_equal(first, 1);
}

static void test_server__outlives_ring_config_and_lib(void **state)
{
  fixture *f = *state;
  const occ_key_set *keys;

  assert_int_equal(serve(f, "{" LEAST "}"), OCC_OK);
  occ_config_free(f->config);
  occ_keyring_free(f->ring);
  occ_lib_free(f->lib);
  occ__server_hold(f->server); /* a txn */
  occ_server_free(f->server);
  keys = occ__keyring_take(f->server->ring);
  assert_non_null(keys);
  occ__keyring_give(f->server->ring, keys);
  assert_string_equal(f->server->issuer, "https://as.example");
  assert_int_equal(host_notes.closed, 0);
  f->config = NULL;
  f->ring = NULL;
  f->lib = NULL;
  /* tear_down lets the last hold go, and finds no block left */
  occ_server_free(NULL);
}

static void test_server__makes_several_of_one_config(void **state)
{
  fixture *f = *state;
  occ_server *second = NULL;
  int released = 0;

  assert_int_equal(serve(f, "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"jwt_assertion\"}}}"),
                   OCC_OK);
  assert_int_equal(occ_config_answer(f->config, OCC_ASK_ONCE, answer, NULL, count, &released),
                   OCC_OK);
  occ_server_free(f->server);
  assert_int_equal(occ_server_new(&f->server, f->config), OCC_OK);
  assert_int_equal(occ_server_new(&second, f->config), OCC_OK);
  assert_ptr_not_equal(second, f->server);
  assert_int_equal(builtin_notes.opened, 3);
  assert_int_equal(builtin_notes.closed, 1);
  occ_config_free(f->config);
  f->config = NULL;
  occ_server_free(second);
  assert_int_equal(released, 0);
  occ_server_free(f->server);
  f->server = NULL;
  assert_int_equal(released, 1); /* once, by the last */
  assert_int_equal(builtin_notes.closed, 3);
}

#define THREADS 4
#define TIMES   2000

static void *use(void *data)
{
  occ_server *server = data;
  void *bad = NULL;

  for (size_t i = 0; i < TIMES; i++) {
    const occ_requirement *r;
    occ_span type;

    occ__server_hold(server);
    r = occ__server_requirement(server, occ__span("a", 1));
    type = r == NULL ? occ__span(NULL, 0) : occ__jcs_text_get(r->members, "type");
    if (type.len < 3 || occ__server_carrier(server, "DPoP") != r->kind ||
        occ_server_asks(server) == 0) {
      bad = server;
    }
    occ_server_free(server);
  }
  occ_server_free(server); /* its own hold */
  return bad;
}

static void test_server__serves_four_threads(void **state)
{
  fixture *f = *state;
  pthread_t thread[THREADS];

  assert_int_equal(serve(f, "{" LEAST ",\"requirements\":{\"a\":{\"type\":\"dpop_proof\"}}}"),
                   OCC_OK);
  for (size_t i = 0; i < THREADS; i++) {
    occ__server_hold(f->server);
    assert_int_equal(pthread_create(&thread[i], NULL, use, f->server), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    void *bad = NULL;

    assert_int_equal(pthread_join(thread[i], &bad), 0);
    assert_null(bad);
  }
}

/* ---- No memory ---- */

static const char whole[] =
    "{" LEAST ",\"par_urls\":[\"https://as.example/par\"],\"digest_ignore\":[\"a\"],"
    "\"jwt_assertion\":{\"x\":[1]},\"types\":{\"ev\":{\"class\":\"authorization\","
    "\"params\":[\"ev\"],\"headers\":[\"X-Ev\"],\"name\":\"EV\"}},"
    "\"requirements\":{\"a\":{\"type\":\"jwt_assertion\",\"y\":[\"z\"]},\"b\":{\"type\":\"ev\"},"
    "\"c\":{\"type\":\"urn:host\",\"expiry\":10},\"d\":{\"type\":\"dpop_proof\"}}}";

/* The same, with names so long that the arena grows at another step for each number of `more` names. */
static char *make_large(size_t more)
{
  static const char *const part[] = {
    "{" STORE ",\"token_urls\":[\"https://as.example/~\"],\"par_urls\":[\"https://as.example/~\"]"
    ",\"digest_ignore\":[\"a~\"",
    ",\"#~\"",
    "],\"types\":{\"t~\":{\"class\":\"provenance\",\"params\":[\"p~\",\"q~\"],\"headers\":[\"h~\"],"
    "\"name\":\"w~\"},\"u~\":{\"params\":[\"p~\"]},\"v~\":{\"params\":[\"p~\"]}},"
    "\"requirements\":{\"a\":{\"type\":\"t~\"},\"b\":{\"type\":\"t~\"}}}"
  };
  const size_t times[] = { 1, more, 1 };
  const size_t room = 30000;
  char *json = malloc(room);
  size_t at = 0;

  assert_non_null(json);
  for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
    for (size_t k = 0; k < times[i]; k++) {
      for (const char *from = part[i]; *from != '\0'; from++) {
        assert_true(at + 260 < room);
        if (*from == '~') {
          memset(json + at, 'x', 250);
          at += 250;
        } else if (*from == '#') {
          at += (size_t)snprintf(json + at, room - at, "%zu", k);
        } else {
          json[at++] = *from;
        }
      }
    }
  }
  json[at] = '\0';
  return json;
}

/* Number n of the allocations fails, in a lib that has no workspace yet. 1: none failed. */
static int survives(void **state, const char *json, size_t n, bool keep)
{
  fixture *f = *state;
  size_t live;
  int rc;

  assert_int_equal(tear_down(state), 0);
  assert_int_equal(set_up(state), 0);
  configure(f, json);
  live = f->fm.live;
  f->fm.count = 0;
  f->fm.until = n;
  f->fm.keep = keep;
  f->server = (occ_server *)(uintptr_t)1;
  rc = occ_server_new(&f->server, f->config);
  f->fm.until = SIZE_MAX;
  f->fm.keep = false;
  if (rc == OCC_OK) {
    assert_false(f->fm.failed);
    return 1;
  }
  assert_int_equal(rc, OCC_ERR_MEMORY);
  assert_null(f->server);
  assert_int_equal(f->events, 0);
  assert_non_null(strstr(occ_config_error(f->config), ": out of memory"));
  assert_int_equal(builtin_notes.opened, builtin_notes.closed);
  assert_true(f->fm.live >= live &&
              f->fm.live <= live + 10); /* a workspace may stay with the lib */
  assert_int_equal(occ_server_new(&f->server, f->config), OCC_OK); /* memory came back */
  assert_null(occ_config_error(f->config));
  return 0;
}

static void test_server_new__survives_every_failed_allocation(void **state)
{
  size_t n;

  for (int keep = 0; keep <= 1; keep++) {
    for (n = 0; !survives(state, whole, n, keep != 0); n++) {
      continue;
    }
    assert_true(n > 10);
  }
  for (size_t more = 0; more < OCC__MAX_DIGEST_IGNORE; more++) {
    char *large = make_large(more);

    for (n = 0; !survives(state, large, n, true); n++) {
      continue;
    }
    assert_true(n > 10);
    free(large);
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

static void test_server_new__survives_a_jansson_without_memory(void **state)
{
  fixture *f = *state;
  int rc = OCC_ERR_MEMORY;

  assert_int_equal(serve(f, whole), OCC_OK);
  for (size_t n = 0; n < 5000 && rc != OCC_OK; n++) {
    occ_server_free(f->server);
    f->server = (occ_server *)(uintptr_t)1;
    jansson_left = n;
    json_set_alloc_funcs(jansson_alloc, free);
    rc = occ_server_new(&f->server, f->config);
    json_set_alloc_funcs(malloc, free);
    if (rc != OCC_OK) {
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(f->server);
    }
  }
  assert_int_equal(rc, OCC_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_server_new__refuses),
    TEST(test_server_new__wants_a_ring),
    TEST(test_server_new__counts_types),
    TEST(test_server_new__has_defaults),
    TEST(test_server_new__takes_every_option),
    TEST(test_server_new__tells_what_is_weakened),
    TEST(test_server_new__host_dpop_makes_no_nonces),
    TEST(test_server_new__makes_requirements),
    TEST(test_server_new__names_requirements_by_their_wording),
    TEST(test_server_new__makes_kinds),
    TEST(test_server_new__lists_headers),
    TEST(test_server_new__opens_what_it_uses),
    TEST(test_server_new__reads_options_that_nobody_uses),
    TEST(test_server_new__digest_leaves_out_what_is_no_evidence),
    TEST(test_server_new__says_which_option_of_a_type),
    TEST(test_server_new__passes_on_what_types_say),
    TEST(test_server_new__refuses_proof_types_of_the_host),
    TEST(test_server_asks__what_will_reach_the_host),
    TEST(test_server_metadata__lists_what_is_used),
    TEST(test_server__does_not_see_later_changes),
    TEST(test_server__outlives_ring_config_and_lib),
    TEST(test_server__makes_several_of_one_config),
    TEST(test_server__serves_four_threads),
    TEST(test_server_new__survives_every_failed_allocation),
    TEST(test_server_new__survives_a_jansson_without_memory),
  };

  return cmocka_run_group_tests_name("core/server", tests, NULL, NULL);
}
