/* SPDX-License-Identifier: MIT */

/* The digests over a request and over all that is only compared: what changes them, what must not, and known answers made
 * here with SHA-256 alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/sha.h>

#include "base/lib.h"
#include "base/limits.h"
#include "core/digest.h"
#include "fail_mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ARENA        ((size_t)1024 * 1024)

typedef struct fixture {
  fail_mem fm;
  occ_lib *lib;
  occ_workspace *ws;
} fixture;

static void open_fixture(fixture *fx)
{
  memset(fx, 0, sizeof(*fx));
  fail_mem_init(&fx->fm, SIZE_MAX, false);
  assert_int_equal(occ_lib_new(&fx->lib, &fx->fm.mem), OCC_OK);
  assert_int_equal(occ__lib_take(fx->lib, &fx->ws), OCC_OK);
}

static void close_fixture(fixture *fx)
{
  occ__lib_give(fx->lib, fx->ws);
  occ_lib_free(fx->lib);
  assert_int_equal(fx->fm.live, 0);
}

static const char *const no_names[] = { NULL };
static const char *const usual_ignore[] = { "client-request-id", "x-client-*", NULL };
static const char *const usual_carriers[] = { "claim_token", "claim_token_format", NULL };

static occ_digest_query usual(void)
{
  return (occ_digest_query){ .carriers = usual_carriers,
                             .ignore = usual_ignore,
                             .session_param = "challenge_session" };
}

static const uint8_t some_requirement[OCC__SHA256_LEN] = { 1, 2, 3 };
static const occ_form empty_form;
static occ_canonical no_canonical; /* no JSON in it */

static occ_bound sample(void)
{
  return (occ_bound){ .issuer = "https://as.example",
                      .client_id = "agent-7",
                      .method = "private_key_jwt",
                      .endpoint = OCC_TOKEN,
                      .grant_type = "client_credentials",
                      .type = "jwt_assertion",
                      .requirement = some_requirement,
                      .request = { .form = &empty_form, .canonical = &no_canonical } };
}

/* With the sample around it. */
static int digest_request(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws,
                          const occ_digest_query *query)
{
  occ_bound bound = sample();

  bound.request = *query;
  return occ__digest_bound(out, ws, &bound);
}

/* With nothing kept from before; what is kept lies in an arena of this memory for as long as it runs. */
static int run(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, const occ_mem *mem,
               occ_digest_query query)
{
  occ_canonical canonical = { .arena = NULL };
  occ_arena arena;
  int rc;

  occ__arena_init(&arena, mem, ARENA);
  canonical.arena = &arena;
  query.canonical = &canonical;
  rc = digest_request(out, ws, &query);
  occ__arena_clear(&arena);
  return rc;
}

/* The digest of a body under a query whose form is filled in here. */
static void digest_span(fixture *fx, uint8_t out[OCC__SHA256_LEN], occ_digest_query query,
                        occ_span body)
{
  occ_form form = { .count = 0 };
  occ_arena arena;

  occ__arena_init(&arena, &fx->fm.mem, ARENA);
  assert_int_equal(occ__form_parse(&form, &arena, body), OCC_OK);
  query.form = &form;
  assert_int_equal(run(out, fx->ws, &fx->fm.mem, query), OCC_OK);
  occ__arena_clear(&arena);
}

static void digest(fixture *fx, uint8_t out[OCC__SHA256_LEN], occ_digest_query query,
                   const char *body)
{
  digest_span(fx, out, query, occ__span_text(body));
}

static int is_same(fixture *fx, occ_digest_query query, const char *a, const char *b)
{
  uint8_t left[OCC__SHA256_LEN], right[OCC__SHA256_LEN];

  digest(fx, left, query, a);
  digest(fx, right, query, b);
  return memcmp(left, right, sizeof(left)) == 0;
}

/* ---- Known answers ------------------------------------------------------------------------------------------- */

/* What is to be hashed, written once more by hand. */
typedef struct message {
  uint8_t octets[4096];
  size_t len;
} message;

static void add(message *m, const void *octets, size_t len)
{
  assert_true(m->len + len <= sizeof(m->octets));
  memcpy(m->octets + m->len, octets, len);
  m->len += len;
}

static void add_number(message *m, uint32_t number)
{
  const uint8_t octets[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 8), (uint8_t)number };

  add(m, octets, 4);
}

static void add_sized(message *m, const char *text)
{
  add_number(m, (uint32_t)strlen(text));
  add(m, text, strlen(text));
}

/* The sample, up to the request. */
static message after_sample(void)
{
  message m = { .len = 0 };

  add_sized(&m, "libocc bound 1");
  add_sized(&m, "https://as.example");
  add_sized(&m, "agent-7");
  add_sized(&m, "private_key_jwt");
  add_number(&m, 1);
  add_sized(&m, "client_credentials");
  add_sized(&m, "jwt_assertion");
  add(&m, some_requirement, sizeof(some_requirement));
  return m;
}

static void assert_digest(const message *m, const uint8_t got[OCC__SHA256_LEN])
{
  uint8_t want[OCC__SHA256_LEN];

  SHA256(m->octets, m->len, want);
  assert_memory_equal(got, want, sizeof(want));
}

static void test_request__gives_what_the_description_says(void **state)
{
  static const uint8_t binding[OCC__SHA256_LEN] = { 9, 8, 7 };
  occ_digest_query query = usual();
  uint8_t got[OCC__SHA256_LEN];
  message m = after_sample();
  fixture fx;
  (void)state;

  open_fixture(&fx);
  digest(
      &fx, got, query,
      "scope=a+b&grant_type=urn%3Ax&resource=https%3A%2F%2Fb.example&client_secret=s"
      "&resource=https%3A%2F%2Fa.example&audience=z&claim_token=t&challenge_session=h&code=c"
      "&empty=&authorization_details=%5B%7B%22type%22%3A%22p%22%2C%20%22amount%22%20%3A%201%7D%5D"
      "&x-client-sku=1");
  add_sized(&m, "audience");
  add_number(&m, 1);
  add_sized(&m, "z");
  add_sized(&m, "authorization_details");
  add_number(&m, 1);
  add_sized(&m, "[{\"amount\":1,\"type\":\"p\"}]");
  add_sized(&m, "code");
  add_number(&m, 1);
  add_sized(&m, "c");
  add_sized(&m, "grant_type");
  add_number(&m, 1);
  add_sized(&m, "urn:x");
  add_sized(&m, "resource");
  add_number(&m, 2);
  add_sized(&m, "https://b.example");
  add_sized(&m, "https://a.example");
  add_sized(&m, "scope");
  add_number(&m, 1);
  add_sized(&m, "a b");
  assert_digest(&m, got);

  m = after_sample();
  query.binding = binding;
  digest(&fx, got, query, "scope=a&code=c&refresh_token=r");
  add_sized(&m, "scope");
  add_number(&m, 1);
  add_sized(&m, "a");
  add_number(&m, 0);
  add(&m, binding, sizeof(binding));
  assert_digest(&m, got);

  m = after_sample();
  query.binding = NULL;
  digest(&fx, got, query, "");
  assert_digest(&m, got); /* of nothing */
  close_fixture(&fx);
}

/* ---- What must not matter, what must ------------------------------------------------------------------------- */

static void test_request__same(void **state)
{
  static const struct {
    const char *why, *a, *b;
  } row[] = {
    { "order of parameters", "a=1&b=2&c=3", "c=3&a=1&b=2" },
    { "order of parameters whose names begin alike", "a=1&ab=2&abc=3", "abc=3&ab=2&a=1" },
    { "repeated values among others", "resource=x&a=1&resource=y", "a=1&resource=x&resource=y" },
    { "two repeated names, interleaved", "resource=x&audience=p&resource=y&audience=q",
      "audience=p&audience=q&resource=x&resource=y" },
    { "percent encoding", "scope=a%20b", "scope=a+b" },
    { "percent encoding of a name", "%73cope=a", "scope=a" },
    { "hex digits", "r=%2f", "r=%2F" },
    { "empty value", "scope=a&state=", "scope=a" },
    { "challenge_session", "scope=a&challenge_session=h", "scope=a" },
    { "challenge_session, another", "scope=a&challenge_session=h", "scope=a&challenge_session=i" },
    { "carrier", "scope=a&claim_token=t", "scope=a" },
    { "second carrier", "scope=a&claim_token_format=t", "scope=a" },
    { "carriers, both changed", "claim_token=1&claim_token_format=2",
      "claim_token=3&claim_token_format=4" },
    { "client_secret", "scope=a&client_secret=t", "scope=a&client_secret=u" },
    { "client_assertion", "scope=a&client_assertion=t", "scope=a&client_assertion=u" },
    { "client_assertion_type", "scope=a&client_assertion_type=t", "scope=a" },
    { "ignored by its whole name", "scope=a&client-request-id=1", "scope=a" },
    { "ignored by the beginning of its name", "scope=a&x-client-sku=1", "scope=a" },
    { "ignored by the beginning, no more than that", "scope=a&x-client-=1", "scope=a" },
    { "details: order of members", "authorization_details=[{\"a\":1,\"b\":2}]",
      "authorization_details=[{\"b\":2,\"a\":1}]" },
    { "details: white space", "authorization_details=[{\"a\":1}]",
      "authorization_details=%0A[ {%09\"a\" : 1 } ] " },
    { "details: escapes", "authorization_details=[\"\\u0061\\/\"]",
      "authorization_details=[\"a/\"]" },
    { "details: nested order", "authorization_details=[{\"a\":{\"x\":[1],\"y\":null}}]",
      "authorization_details=[{\"a\":{\"y\":null,\"x\":[1]}}]" },
    { "claims: order of members", "claims={\"a\":1,\"b\":2}", "claims={\"b\":2,\"a\":1}" },
  };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_true(is_same(&fx, usual(), row[i].a, row[i].b));
  }
  close_fixture(&fx);
}

static void test_request__changed(void **state)
{
  static const struct {
    const char *why, *a, *b;
  } row[] = {
    { "another value", "scope=a", "scope=b" },
    { "scope raised", "scope=a", "scope=a+b" },
    { "order within scope", "scope=a+b", "scope=b+a" },
    { "another name", "scope=a", "scopf=a" },
    { "a parameter more", "scope=a", "scope=a&state=1" },
    { "a parameter less", "scope=a&resource=x", "scope=a" },
    { "nothing left", "scope=a", "" },
    { "upper case name", "scope=a", "Scope=a" },
    { "upper case value", "scope=a", "scope=A" },
    { "order of repeated resource values", "resource=x&resource=y", "resource=y&resource=x" },
    { "order of repeated audience values", "audience=x&audience=y", "audience=y&audience=x" },
    { "a resource twice", "resource=x", "resource=x&resource=x" },
    { "a resource less", "resource=x&resource=y", "resource=x" },
    { "two values in one", "resource=x&resource=y", "resource=xy" },
    { "value moved to the next name", "resource=x&audience=y", "resource=y&audience=x" },
    { "shift: name and value", "ab=c", "a=bc" },
    { "shift: value and next name", "a=bc&d=e", "a=b&cd=e" },
    { "shift: the stream of lengths inside a value", "a=x&b=y",
      "a=x%00%00%00%01b%00%00%00%01%00%00%00%01y" },
    { "shift: two values against one that holds the length", "resource=x&resource=y",
      "resource=x%00%00%00%01y" },
    { "zero octet at the end of a value", "scope=a", "scope=a%00" },
    { "zero octet in a value", "scope=a%00b", "scope=a%00c" },
    { "session parameter in upper case", "Challenge_session=h", "a=1" },
    { "challenge_session2 is another", "challenge_session2=h", "" },
    { "carrier's name, longer", "claim_tokens=t", "" },
    { "client_secret's name, shorter", "client_secre=t", "" },
    { "client_id is kept", "client_id=a", "client_id=b" },
    { "ignored whole name, longer", "client-request-id2=1", "" },
    { "ignored beginning, in upper case", "X-Client-sku=1", "" },
    { "ignored beginning, one less", "x-client=1", "" },
    { "code without a binding", "code=a", "code=b" },
    { "refresh_token without a binding", "refresh_token=a", "refresh_token=b" },
    { "assertion without a binding", "assertion=a", "assertion=b" },
    { "subject_token without a binding", "subject_token=a", "subject_token=b" },
    { "actor_token without a binding", "actor_token=a", "actor_token=b" },
    { "details: another amount", "authorization_details=[{\"amount\":1}]",
      "authorization_details=[{\"amount\":2}]" },
    { "details: amount as text", "authorization_details=[{\"amount\":1}]",
      "authorization_details=[{\"amount\":\"1\"}]" },
    { "details: another payee", "authorization_details=[{\"to\":\"a\"}]",
      "authorization_details=[{\"to\":\"b\"}]" },
    { "details: a member more", "authorization_details=[{\"a\":1}]",
      "authorization_details=[{\"a\":1,\"b\":null}]" },
    { "details: order of elements", "authorization_details=[1,2]", "authorization_details=[2,1]" },
    { "details: an element twice", "authorization_details=[1]", "authorization_details=[1,1]" },
    { "details: malformed, one space", "authorization_details=[1", "authorization_details=[1 " },
    { "details: malformed, another octet", "authorization_details={a", "authorization_details={b" },
    { "details: malformed against well formed", "authorization_details=[1",
      "authorization_details=[1]" },
    { "details: name twice is malformed, octet by octet", "authorization_details={\"a\":1,\"a\":2}",
      "authorization_details={\"a\":2,\"a\":1}" },
    { "details: name twice, the last one alone", "authorization_details={\"a\":1,\"a\":2}",
      "authorization_details={\"a\":2}" },
    { "details: a real has no canonical form", "authorization_details=[1.50]",
      "authorization_details=[1.5]" },
    { "details: integer beyond 2^53", "authorization_details=[9007199254740993]",
      "authorization_details=[9007199254740992]" },
    { "details: beyond 2^53, with a space", "authorization_details=[9007199254740993]",
      "authorization_details=[9007199254740993 ]" },
    { "claims: another value", "claims={\"a\":1}", "claims={\"a\":2}" },
    { "claims: malformed, order", "claims={\"a\":1,\"b\":2", "claims={\"b\":2,\"a\":1" },
    { "JSON elsewhere is text", "state={\"a\":1,\"b\":2}", "state={\"b\":2,\"a\":1}" },
    { "details as claims", "authorization_details=[1]", "claims=[1]" },
  };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_false(is_same(&fx, usual(), row[i].a, row[i].b));
  }
  close_fixture(&fx);
}

static void test_request__malformed_json_counts_octet_by_octet(void **state)
{
  uint8_t got[OCC__SHA256_LEN];
  message m = after_sample();
  fixture fx;
  (void)state;

  open_fixture(&fx);
  digest(&fx, got, usual(), "claims= {\"b\":2,\"a\":1");
  add_sized(&m, "claims");
  add_number(&m, 1);
  add_sized(&m, " {\"b\":2,\"a\":1");
  assert_digest(&m, got);

  m = after_sample();
  digest(&fx, got, usual(), "authorization_details=[ 1.0 ]");
  add_sized(&m, "authorization_details");
  add_number(&m, 1);
  add_sized(&m, "[ 1.0 ]");
  assert_digest(&m, got);
  close_fixture(&fx);
}

/* Too deep or too many values for our reader: still a digest, of the octets. */
static void test_request__hostile_json_counts_octet_by_octet(void **state)
{
  char deep[512] = "claims=", wide[8192] = "claims=[0";
  uint8_t got[OCC__SHA256_LEN];
  message m = after_sample();
  fixture fx;
  (void)state;

  open_fixture(&fx);
  memset(deep + 7, '[', 100);
  memset(deep + 107, ']', 100);
  digest(&fx, got, usual(), deep);
  add_sized(&m, "claims");
  add_number(&m, 1);
  add_sized(&m, deep + 7);
  assert_digest(&m, got);

  for (size_t i = 0, at = strlen(wide); i < 600; i++, at += 2) {
    memcpy(wide + at, ",0", 3);
  }
  strncat(wide, "]", 2);
  m = after_sample();
  digest(&fx, got, usual(), wide);
  add_sized(&m, "claims");
  add_number(&m, 1);
  add_sized(&m, wide + 7);
  assert_digest(&m, got);
  close_fixture(&fx);
}

/* Up to its limit `claims` is compared by what it means, and above it by its octets: two spellings of one value. */
static void test_request__claims_have_a_limit(void **state)
{
  static char a[OCC__MAX_CLAIMS + 64], b[OCC__MAX_CLAIMS + 64];
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t len = OCC__MAX_CLAIMS - 1; len <= OCC__MAX_CLAIMS + 1; len++) {
    const int fill = (int)(len - strlen("{\"a\":1,\"b\":\"\"}"));

    (void)snprintf(a, sizeof(a), "claims={\"a\":1,\"b\":\"%0*d\"}", fill, 0);
    (void)snprintf(b, sizeof(b), "claims={\"b\":\"%0*d\",\"a\":1}", fill, 0);
    assert_int_equal(strlen(a), strlen("claims=") + len);
    assert_int_equal(strlen(b), strlen("claims=") + len);
    assert_int_equal(is_same(&fx, usual(), a, b), len <= OCC__MAX_CLAIMS);
    assert_true(is_same(&fx, usual(), a, a));
    a[strlen(a) - 3] = '1'; /* another value */
    assert_false(is_same(&fx, usual(), a, b));
  }
  close_fixture(&fx);
}

static void test_request__without_carriers_or_ignore_keeps_them(void **state)
{
  static const char *const rows[] = { "claim_token=1",       "claim_token_format=1",
                                      "client-request-id=1", "x-client-sku=1",
                                      "challenge_session=1", "x-=1" };
  static const char *const star[] = { "x-*", NULL };
  static const char *const odd[] = { "", "*y", "x-clie*t-sku", NULL };
  occ_digest_query query = { .session_param = "session2" };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t i = 0; i < COUNT(rows); i++) {
    print_message("  %s\n", rows[i]);
    query.carriers = query.ignore = NULL;
    assert_false(is_same(&fx, query, rows[i], ""));
    query.carriers = query.ignore = no_names;
    assert_false(is_same(&fx, query, rows[i], ""));
    query.ignore = odd; /* "*" means something at the end alone */
    assert_false(is_same(&fx, query, rows[i], ""));
  }
  query.ignore = star;
  assert_true(is_same(&fx, query, "x-client-sku=1", ""));
  assert_true(is_same(&fx, query, "x-=1", ""));
  assert_false(is_same(&fx, query, "x=1", ""));
  query.ignore = no_names;
  query.carriers = star; /* a carrier is a name, not a pattern */
  assert_false(is_same(&fx, query, "x-client-sku=1", ""));
  assert_true(is_same(&fx, query, "x-*=1", ""));
  assert_true(is_same(&fx, query, "session2=1", ""));
  close_fixture(&fx);
}

static void test_request__binding_stands_for_the_grant(void **state)
{
  static const char *const names[] = { "code", "refresh_token", "assertion", "subject_token",
                                       "actor_token" };
  static const char *const kept[] = { "code_verifier", "subject_token_type", "actor_token_type",
                                      "redirect_uri",  "device_code",        "grant_type" };
  uint8_t one[OCC__SHA256_LEN] = { 1 }, two[OCC__SHA256_LEN] = { 1 };
  uint8_t a[OCC__SHA256_LEN], b[OCC__SHA256_LEN];
  occ_digest_query with = usual(), other = usual();
  char left[64], right[64];
  fixture fx;
  (void)state;

  open_fixture(&fx);
  two[31] = 1;
  with.binding = one;
  other.binding = two;
  for (size_t i = 0; i < COUNT(names); i++) {
    print_message("  %s\n", names[i]);
    snprintf(left, sizeof(left), "scope=a&%s=1", names[i]);
    snprintf(right, sizeof(right), "scope=a&%s=2", names[i]);
    assert_true(is_same(&fx, with, left, right));
    assert_true(is_same(&fx, with, left, "scope=a"));
    assert_false(is_same(&fx, usual(), left, right));
    digest(&fx, a, with, left);
    digest(&fx, b, other, left);
    assert_memory_not_equal(a, b, sizeof(a)); /* another grant */
    digest(&fx, b, usual(), left);
    assert_memory_not_equal(a, b, sizeof(a)); /* none */
  }
  for (size_t i = 0; i < COUNT(kept); i++) {
    print_message("  %s is kept\n", kept[i]);
    snprintf(left, sizeof(left), "%s=1", kept[i]);
    snprintf(right, sizeof(right), "%s=2", kept[i]);
    assert_false(is_same(&fx, with, left, right));
  }
  close_fixture(&fx);
}

/* A binding that looks like the record of a parameter is not one. */
static void test_request__binding_is_no_parameter(void **state)
{
  uint8_t binding[OCC__SHA256_LEN], a[OCC__SHA256_LEN], b[OCC__SHA256_LEN];
  message m = { .len = 0 };
  occ_digest_query with = usual();
  fixture fx;
  (void)state;

  open_fixture(&fx);
  add_sized(&m, "zzzz");
  add_number(&m, 1);
  add_sized(&m, "0123456789abcdef");
  assert_int_equal(m.len, sizeof(binding));
  memcpy(binding, m.octets, sizeof(binding));
  with.binding = binding;
  digest(&fx, a, with, "scope=a");
  digest(&fx, b, usual(), "scope=a&zzzz=0123456789abcdef");
  assert_memory_not_equal(a, b, sizeof(a));
  close_fixture(&fx);
}

/* The form drops empty values; whoever fills one in another way gets the same digest. */
static void test_request__leaves_empty_values_out(void **state)
{
  occ_param param[] = { { "scope", "a", 5, 1 }, { "state", "", 5, 0 } };
  const occ_form form = { .param = param, .count = 2, .seen = 2 };
  uint8_t got[OCC__SHA256_LEN], want[OCC__SHA256_LEN];
  occ_digest_query query = usual();
  fixture fx;
  (void)state;

  open_fixture(&fx);
  digest(&fx, want, query, "scope=a");
  query.form = &form;
  assert_int_equal(run(got, fx.ws, &fx.fm.mem, query), OCC_OK);
  assert_memory_equal(got, want, sizeof(got));
  close_fixture(&fx);
}

static void test_request__takes_as_many_parameters_as_a_form_has(void **state)
{
  char forward[8192], backward[8192];
  size_t f = 0, b = 0;
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (unsigned i = 0; i < OCC__MAX_PARAMS; i++) {
    f += (size_t)snprintf(forward + f, sizeof(forward) - f, "%sp%u=%u", i == 0 ? "" : "&", i, i);
    b += (size_t)snprintf(backward + b, sizeof(backward) - b, "%sp%u=%u", i == 0 ? "" : "&",
                          OCC__MAX_PARAMS - 1 - i, OCC__MAX_PARAMS - 1 - i);
  }
  assert_true(is_same(&fx, usual(), forward, backward));
  forward[f - 1] = (char)(forward[f - 1] ^ 1); /* the last value */
  assert_false(is_same(&fx, usual(), forward, backward));
  close_fixture(&fx);
}

/* ---- Memory that runs out ------------------------------------------------------------------------------------ */

static size_t json_left;

static void *json_alloc(size_t size)
{
  if (json_left == 0) {
    return NULL;
  }
  json_left--;
  return malloc(size);
}

static const char json_body[] =
    "scope=a&authorization_details=[{\"b\":2,\"a\":[1]}]&claims={\"a\":1}";

static void test_request__claims_have_few_values(void **state)
{
  char a[1024], b[1024];
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t values = OCC__MAX_CLAIMS_VALUES - 1; values <= OCC__MAX_CLAIMS_VALUES + 1; values++) {
    char zeros[256] = "0";

    for (size_t i = 4; i < values; i++) { /* object, number and array are three more */
      strcat(zeros, ",0");
    }
    (void)snprintf(a, sizeof(a), "claims={\"a\":1,\"b\":[%s]}", zeros);
    (void)snprintf(b, sizeof(b), "claims={\"b\":[%s],\"a\":1}", zeros);
    assert_int_equal(is_same(&fx, usual(), a, b), values <= OCC__MAX_CLAIMS_VALUES);
  }
  close_fixture(&fx);
}

/* What is kept is what would be made again: the text that was parsed may be gone by then. */
static void test_request__keeps_what_it_made_of_json(void **state)
{
  static const char *const body[] = {
    "scope=a&authorization_details=[{\"b\":2,\"a\":[1]}]&claims={\"a\":1}",
    "scope=a&authorization_details=[{\"b\":2.5}]&claims={\"a\":",
  };
  uint8_t first[OCC__SHA256_LEN], again[OCC__SHA256_LEN], other[OCC__SHA256_LEN];
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t i = 0; i < COUNT(body); i++) {
    occ_canonical canonical = { .arena = NULL };
    occ_digest_query query = usual();
    occ_form form = { .count = 0 };
    occ_arena arena;
    size_t count;

    occ__arena_init(&arena, &fx.fm.mem, ARENA);
    assert_int_equal(occ__form_parse(&form, &arena, occ__span_text(body[i])), OCC_OK);
    canonical.arena = &arena;
    query.form = &form;
    query.canonical = &canonical;
    assert_int_equal(digest_request(first, fx.ws, &query), OCC_OK);
    count = fx.fm.count;
    assert_int_equal(digest_request(again, fx.ws, &query), OCC_OK);
    assert_memory_equal(again, first, sizeof(first));
    assert_int_equal(fx.fm.count, count);
    query.ignore = (const char *const[]){ "scope", NULL };
    assert_int_equal(digest_request(again, fx.ws, &query), OCC_OK);
    digest(&fx, other, query, body[i]);
    assert_memory_equal(again, other, sizeof(other));
    assert_memory_not_equal(again, first, sizeof(first));
    occ__arena_clear(&arena);
  }
  close_fixture(&fx);
}

static void test_request__survives_every_failed_allocation(void **state)
{
  static const uint8_t zero[OCC__SHA256_LEN];
  uint8_t want[OCC__SHA256_LEN], got[OCC__SHA256_LEN];
  occ_form form = { .count = 0 };
  occ_digest_query query = usual();
  occ_arena arena;
  fixture fx;
  (void)state;

  open_fixture(&fx);
  occ__arena_init(&arena, &fx.fm.mem, ARENA);
  assert_int_equal(occ__form_parse(&form, &arena, occ__span_text(json_body)), OCC_OK);
  query.form = &form;
  assert_int_equal(run(want, fx.ws, &fx.fm.mem, query), OCC_OK);
  for (int keep = 0; keep <= 1; keep++) {
    bool reached = false;

    for (size_t n = 0; n < 100 && !reached; n++) {
      fail_mem fm;
      int rc;

      fail_mem_init(&fm, n, keep != 0);
      rc = run(got, fx.ws, &fm.mem, query);
      assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      assert_memory_equal(got, fm.failed ? zero : want, sizeof(got));
      reached = !fm.failed;
      assert_int_equal(fm.live, 0);
    }
    assert_true(reached);
  }
  occ__arena_clear(&arena);
  close_fixture(&fx);
}

static void test_request__survives_every_failed_allocation_of_jansson(void **state)
{
  static const uint8_t zero[OCC__SHA256_LEN];
  uint8_t want[OCC__SHA256_LEN], got[OCC__SHA256_LEN];
  json_malloc_t before_malloc;
  json_free_t before_free;
  occ_form form = { .count = 0 };
  occ_digest_query query = usual();
  size_t live, memory = 0, n;
  occ_arena arena;
  fixture fx;
  (void)state;

  open_fixture(&fx);
  occ__arena_init(&arena, &fx.fm.mem, ARENA);
  assert_int_equal(occ__form_parse(&form, &arena, occ__span_text(json_body)), OCC_OK);
  query.form = &form;
  assert_int_equal(run(want, fx.ws, &fx.fm.mem, query), OCC_OK);
  live = fx.fm.live;
  json_get_alloc_funcs(&before_malloc, &before_free);
  json_set_alloc_funcs(json_alloc, free);
  for (n = 0; n < 1000; n++) {
    int rc;

    json_left = n;
    rc = run(got, fx.ws, &fx.fm.mem, query);
    assert_int_equal(fx.fm.live, live);
    if (rc == OCC_OK) {
      break;
    }
    assert_int_equal(rc, OCC_ERR_MEMORY);
    assert_memory_equal(got, zero, sizeof(got));
    memory++;
  }
  json_set_alloc_funcs(before_malloc, before_free);
  assert_true(n < 1000);
  assert_true(memory > 0);
  assert_memory_equal(got, want, sizeof(got));
  occ__arena_clear(&arena);
  close_fixture(&fx);
}

/* ---- The one value that is only compared --------------------------------------------------------------------- */

static void test_bound__gives_what_the_description_says(void **state)
{
  occ_bound bound = sample();
  uint8_t got[OCC__SHA256_LEN];
  message m = { .len = 0 };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  bound.method = NULL;
  bound.client_id = "";
  assert_int_equal(occ__digest_bound(got, fx.ws, &bound), OCC_OK);
  add_sized(&m, "libocc bound 1");
  add_sized(&m, "https://as.example");
  add_sized(&m, "");
  add_number(&m, UINT32_MAX);
  add_number(&m, 1);
  add_sized(&m, "client_credentials");
  add_sized(&m, "jwt_assertion");
  add(&m, some_requirement, 32);
  assert_digest(&m, got);
  close_fixture(&fx);
}

static void test_bound__every_member_changes_it(void **state)
{
  static const char *const why[] = { "nothing changed",
                                     "issuer",
                                     "client_id",
                                     "client_id empty",
                                     "no client_id",
                                     "method",
                                     "method empty",
                                     "no method",
                                     "endpoint",
                                     "grant type",
                                     "type",
                                     "requirement, first octet",
                                     "requirement, last octet",
                                     "request: a parameter",
                                     "request: another value",
                                     "request: another name",
                                     "shift: client_id and method",
                                     "shift: issuer and client_id",
                                     "shift: grant type and type",
                                     "no client_id, no method" };
  uint8_t digests[COUNT(why)][OCC__SHA256_LEN], again[OCC__SHA256_LEN], other[OCC__SHA256_LEN];
  static const char *const body[] = { "scope=a", "scope=b", "scopes=a" };
  occ_form forms[COUNT(body)] = { { .count = 0 } };
  occ_arena arena;
  fixture fx;
  (void)state;

  open_fixture(&fx);
  occ__arena_init(&arena, &fx.fm.mem, ARENA);
  for (size_t i = 0; i < COUNT(forms); i++) {
    assert_int_equal(occ__form_parse(&forms[i], &arena, occ__span_text(body[i])), OCC_OK);
  }
  for (size_t i = 0; i < COUNT(why); i++) {
    occ_bound bound = sample();

    memcpy(other, some_requirement, sizeof(other));
    bound.requirement = other;
    switch (i) {
    case 1:
      bound.issuer = "https://as.exampl";
      break;
    case 2:
      bound.client_id = "agent-8";
      break;
    case 3:
      bound.client_id = "";
      break;
    case 4:
      bound.client_id = NULL;
      break;
    case 5:
      bound.method = "client_secret_basic";
      break;
    case 6:
      bound.method = "";
      break;
    case 7:
      bound.method = NULL;
      break;
    case 8:
      bound.endpoint = OCC_PAR;
      break;
    case 9:
      bound.grant_type = "authorization_code";
      break;
    case 10:
      bound.type = "dpop_proof";
      break;
    case 11:
      other[0] ^= 1;
      break;
    case 12:
      other[31] ^= 0x80;
      break;
    case 13:
      bound.request.form = &forms[0];
      break;
    case 14:
      bound.request.form = &forms[1];
      break;
    case 15:
      bound.request.form = &forms[2];
      break;
    case 16:
      bound.client_id = "agent-7p";
      bound.method = "rivate_key_jwt";
      break;
    case 17:
      bound.issuer = "https://as.examplea";
      bound.client_id = "gent-7";
      break;
    case 18:
      bound.grant_type = "client_credentialsj";
      bound.type = "wt_assertion";
      break;
    case 19:
      bound.client_id = bound.method = NULL;
      break;
    default:
      break;
    }
    assert_int_equal(occ__digest_bound(digests[i], fx.ws, &bound), OCC_OK);
    assert_int_equal(occ__digest_bound(again, fx.ws, &bound), OCC_OK);
    assert_memory_equal(digests[i], again, sizeof(again));
    for (size_t j = 0; j < i; j++) {
      if (memcmp(digests[i], digests[j], OCC__SHA256_LEN) == 0) {
        fail_msg("%s: the same as %s", why[i], why[j]);
      }
    }
  }
  occ__arena_clear(&arena);
  close_fixture(&fx);
}

/* ---- Keys of stores ------------------------------------------------------------------------------------------ */

static void test_key__gives_what_the_description_says(void **state)
{
  static const int purpose[] = { OCC__PURPOSE_PROOF, OCC__PURPOSE_ASSERTION, OCC__PURPOSE_SESSION,
                                 OCC__PURPOSE_EVIDENCE, OCC__PURPOSE_MANDATE };
  const occ_span part[] = { occ__span_text("jkt"), occ__span_text("jti") };
  uint8_t got[OCC__SHA256_LEN], want[OCC__SHA256_LEN];
  message m = { .len = 0 };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  add_sized(&m, "dpop");
  add_sized(&m, "https://as.example");
  add_sized(&m, "jkt");
  add_sized(&m, "jti");
  SHA256(m.octets, m.len, want);
  for (size_t i = 0; i < COUNT(purpose); i++) {
    assert_int_equal(occ__digest_key(got, fx.ws, purpose[i], "dpop", "https://as.example", part, 2),
                     OCC_OK);
    assert_int_equal(got[0], i + 1);
    assert_memory_equal(got + 1, want + 1, sizeof(got) - 1);
  }
  close_fixture(&fx);
}

static void test_key__every_part_changes_it(void **state)
{
  static const struct {
    const char *why, *tag, *issuer, *part[3];
    size_t parts;
  } row[] = {
    { "the sample", "tag", "iss", { "ab", "cd" }, 2 },
    { "another tag", "tah", "iss", { "ab", "cd" }, 2 },
    { "another issuer", "tag", "ist", { "ab", "cd" }, 2 },
    { "empty issuer", "tag", "", { "ab", "cd" }, 2 },
    { "no issuer", "tag", NULL, { "ab", "cd" }, 2 },
    { "another first part", "tag", "iss", { "ac", "cd" }, 2 },
    { "another last part", "tag", "iss", { "ab", "ce" }, 2 },
    { "shift between parts", "tag", "iss", { "abc", "d" }, 2 },
    { "one part of both", "tag", "iss", { "abcd" }, 1 },
    { "a part less", "tag", "iss", { "ab" }, 1 },
    { "no part", "tag", "iss", { NULL }, 0 },
    { "an empty part", "tag", "iss", { "" }, 1 },
    { "an empty part behind", "tag", "iss", { "ab", "cd", "" }, 3 },
    { "an empty part between", "tag", "iss", { "ab", "", "cd" }, 3 },
    { "shift between issuer and part", "tag", "issab", { "", "cd" }, 2 },
    { "shift between tag and issuer", "tagi", "ss", { "ab", "cd" }, 2 },
  };
  uint8_t key[COUNT(row)][OCC__SHA256_LEN];
  fixture fx;
  (void)state;

  open_fixture(&fx);
  for (size_t i = 0; i < COUNT(row); i++) {
    occ_span part[3];

    for (size_t j = 0; j < 3; j++) {
      part[j] = occ__span_text(row[i].part[j]);
    }
    assert_int_equal(occ__digest_key(key[i], fx.ws, OCC__PURPOSE_SESSION, row[i].tag, row[i].issuer,
                                     part, row[i].parts),
                     OCC_OK);
    for (size_t j = 0; j < i; j++) {
      if (memcmp(key[i], key[j], OCC__SHA256_LEN) == 0) {
        fail_msg("%s: the same as %s", row[i].why, row[j].why);
      }
    }
  }
  close_fixture(&fx);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_request__gives_what_the_description_says),
    cmocka_unit_test(test_request__same),
    cmocka_unit_test(test_request__changed),
    cmocka_unit_test(test_request__malformed_json_counts_octet_by_octet),
    cmocka_unit_test(test_request__hostile_json_counts_octet_by_octet),
    cmocka_unit_test(test_request__claims_have_a_limit),
    cmocka_unit_test(test_request__without_carriers_or_ignore_keeps_them),
    cmocka_unit_test(test_request__binding_stands_for_the_grant),
    cmocka_unit_test(test_request__binding_is_no_parameter),
    cmocka_unit_test(test_request__leaves_empty_values_out),
    cmocka_unit_test(test_request__takes_as_many_parameters_as_a_form_has),
    cmocka_unit_test(test_request__claims_have_few_values),
    cmocka_unit_test(test_request__keeps_what_it_made_of_json),
    cmocka_unit_test(test_request__survives_every_failed_allocation),
    cmocka_unit_test(test_request__survives_every_failed_allocation_of_jansson),
    cmocka_unit_test(test_bound__gives_what_the_description_says),
    cmocka_unit_test(test_bound__every_member_changes_it),
    cmocka_unit_test(test_key__gives_what_the_description_says),
    cmocka_unit_test(test_key__every_part_changes_it),
  };

  return cmocka_run_group_tests_name("core/digest", tests, NULL, NULL);
}
