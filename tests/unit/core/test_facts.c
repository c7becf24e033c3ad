/* SPDX-License-Identifier: MIT */

/* What is known of a txn: getters at every time of its life and for NULL, scopes, the confirmation, the document of facts
 * with its pointer, secrets as digests only, and the log. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "txn_host.h"

#define CONFIG                                                                                     \
  "{" X_BASE                                                                                       \
  "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"],\"headers\":[\"X-Ev\"]}},"       \
  "\"requirements\":{\"r\":{\"type\":\"t\"},\"s\":{\"type\":\"t\",\"a\":1}}}"
#define CONFIG_HOST "{\"dpop\":\"host\",\"store_id\":\"" X_STORE_ID "\"}"
#define THUMB       "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS4"
#define ANOTHER     "aBc5x6aWMIRAFtW6dfv8HSaMgIPx-vREoPd1aPrgN1Q"

static x_host host;

static int set_up(void **state)
{
  x_open(&host, CONFIG, NULL, NULL);
  *state = &host;
  return 0;
}

static int set_up_host(void **state)
{
  x_open(&host, CONFIG_HOST, NULL, NULL);
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static void expect_fact(const occ_txn *txn, const char *pointer, const char *want)
{
  size_t len = 99;
  const char *fact = occ_txn_fact(txn, pointer, &len);

  if (want == NULL) {
    assert_null(fact);
    assert_int_equal(len, 0);
    return;
  }
  assert_non_null(fact);
  assert_string_equal(fact, want);
  assert_int_equal(len, strlen(want));
}

/* ---- When nothing is known ---- */

static void test_getters__of_null(void **state)
{
  size_t len = 9;
  (void)state;

  assert_null(occ_txn_client_id(NULL));
  assert_null(occ_txn_sender(NULL, OCC_SENDER_DPOP));
  assert_null(occ_txn_confirmation(NULL));
  assert_null(occ_txn_param(NULL, "scope", 0, &len));
  assert_int_equal(len, 0);
  assert_null(occ_txn_param(NULL, "scope", 0, NULL));
  assert_int_equal(occ_txn_has_scope(NULL, "a"), 0);
  assert_int_equal(occ_txn_is_satisfied(NULL, "r"), 0);
  len = 9;
  assert_null(occ_txn_memo(NULL, &len));
  assert_int_equal(len, 0);
  len = 9;
  assert_null(occ_txn_fact(NULL, "", &len));
  assert_int_equal(len, 0);
  assert_null(occ_txn_reference(NULL));
  assert_null(occ_txn_reason(NULL));
  len = 9;
  assert_null(occ_txn_log(NULL, &len));
  assert_int_equal(len, 0);
  assert_null(occ_txn_log(NULL, NULL));
}

static void test_getters__before_the_first_run(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);
  size_t len = 9;

  assert_string_equal(occ_txn_client_id(txn), X_CLIENT);
  assert_null(occ_txn_sender(txn, OCC_SENDER_DPOP));
  assert_null(occ_txn_confirmation(txn));
  assert_string_equal(occ_txn_param(txn, "scope", 0, &len), "a");
  assert_int_equal(len, 1);
  assert_null(occ_txn_param(txn, "scope", 1, NULL));
  assert_null(occ_txn_param(txn, NULL, 0, NULL));
  assert_int_equal(occ_txn_has_scope(txn, "a"), 1);
  assert_int_equal(occ_txn_is_satisfied(txn, "r"), 0);
  assert_null(occ_txn_memo(txn, &len));
  assert_null(occ_txn_reference(txn));
  assert_null(occ_txn_reason(txn));
  assert_string_equal(occ_txn_log(txn, NULL), "[]");
  expect_fact(txn, "/request/grant_type", "\"client_credentials\"");
  expect_fact(txn, "/session", "{}");
  expect_fact(txn, "/satisfied", "[]");
  expect_fact(txn, "/evidence", "{}");
  assert_null(occ_txn_fact(txn, NULL, NULL));
  occ_txn_free(txn);
}

static void test_txn_sender__has_three_kinds(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);

  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_ATTESTED, THUMB), OCC_OK);
  for (int kind = -2; kind <= 40; kind++) {
    const char *found = occ_txn_sender(txn, (occ_sender)kind);

    if (kind == OCC_SENDER_ATTESTED) {
      assert_string_equal(found, THUMB);
    } else {
      assert_null(found);
    }
  }
  occ_txn_free(txn);
}

/* ---- Scopes ---- */

static void test_txn_has_scope__rows(void **state)
{
  static const struct {
    const char *why, *param, *scope;
    int want;
  } row[] = {
    { "the only one", "scope=pay", "pay", 1 },
    { "the first", "scope=pay+read", "pay", 1 },
    { "the last", "scope=read+pay", "pay", 1 },
    { "in the middle", "scope=a+pay+b", "pay", 1 },
    { "after two blanks", "scope=a++pay", "pay", 1 },
    { "blanks around", "scope=+pay+", "pay", 1 },
    { "percent-encoded blank", "scope=a%20pay", "pay", 1 },
    { "with a colon and a slash", "scope=https%3A%2F%2Fx%2Fpay", "https://x/pay", 1 },
    { "a beginning of it", "scope=payments", "pay", 0 },
    { "an end of it", "scope=prepay", "pay", 0 },
    { "in its midst", "scope=prepayment", "pay", 0 },
    { "one shorter", "scope=pa", "pay", 0 },
    { "another case", "scope=Pay", "pay", 0 },
    { "another case asked for", "scope=pay", "PAY", 0 },
    { "between tabs", "scope=a%09pay", "pay", 0 },
    { "between commas", "scope=a,pay", "pay", 0 },
    { "between line ends", "scope=a%0Apay", "pay", 0 },
    { "two at once", "scope=a+b", "a b", 0 },
    { "with a blank", "scope=pay", "pay ", 0 },
    { "nothing asked for", "scope=pay", "", 0 },
    { "nothing asked for between blanks", "scope=a++b", "", 0 },
    { "NULL", "scope=pay", NULL, 0 },
    { "no scope", "x=pay", "pay", 0 },
    { "empty scope", "scope=", "pay", 0 },
    { "a zero octet behind it", "scope=pay%00", "pay", 0 },
    { "behind a zero octet", "scope=a%00+pay", "pay", 1 },
    { "in another parameter", "scopes=pay", "pay", 0 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char body[128];
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    (void)snprintf(body, sizeof(body), "grant_type=a&%s", row[i].param);
    txn = x_txn(x, body);
    assert_int_equal(occ_txn_has_scope(txn, row[i].scope), row[i].want);
    occ_txn_free(txn);
  }
}

static void test_txn_param__values(void **state)
{
  x_host *x = *state;
  occ_txn *txn =
      x_txn(x, "grant_type=a&resource=r1&audience=u&resource=r2&client_secret=s3&z=a%00b");
  size_t len = 0;

  assert_string_equal(occ_txn_param(txn, "resource", 0, NULL), "r1");
  assert_string_equal(occ_txn_param(txn, "resource", 1, NULL), "r2");
  assert_null(occ_txn_param(txn, "resource", 2, &len));
  assert_null(occ_txn_param(txn, "resource", SIZE_MAX, NULL));
  assert_string_equal(occ_txn_param(txn, "client_secret", 0, NULL), "s3"); /* secrets too */
  assert_memory_equal(occ_txn_param(txn, "z", 0, &len), "a\0b", 4);
  assert_int_equal(len, 3);
  assert_null(occ_txn_param(txn, "Resource", 0, NULL));
  assert_null(occ_txn_param(txn, "", 0, NULL));
  occ_txn_free(txn);
}

/* ---- The confirmation ---- */

static void test_txn_confirmation__rows(void **state)
{
  static const struct {
    const char *why, *jkt, *x5t, *attested, *want;
  } row[] = {
    { "none", NULL, NULL, NULL, NULL },
    { "DPoP", THUMB, NULL, NULL, "{\"jkt\":\"" THUMB "\"}" },
    { "mTLS", NULL, ANOTHER, NULL, "{\"x5t#S256\":\"" ANOTHER "\"}" },
    { "both", THUMB, ANOTHER, NULL, "{\"jkt\":\"" THUMB "\",\"x5t#S256\":\"" ANOTHER "\"}" },
    { "an attested key binds no token", NULL, NULL, THUMB, NULL },
    { "all three", THUMB, ANOTHER, THUMB, "{\"jkt\":\"" THUMB "\",\"x5t#S256\":\"" ANOTHER "\"}" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = x_txn(x, X_BODY);

    print_message("  %s\n", row[i].why);
    if (row[i].jkt != NULL) {
      assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_DPOP, row[i].jkt), OCC_OK);
    }
    if (row[i].x5t != NULL) {
      assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_MTLS, row[i].x5t), OCC_OK);
    }
    if (row[i].attested != NULL) {
      assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_ATTESTED, row[i].attested), OCC_OK);
    }
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    if (row[i].want == NULL) {
      assert_null(occ_txn_confirmation(txn));
    } else {
      assert_string_equal(occ_txn_confirmation(txn), row[i].want);
    }
    occ_txn_free(txn);
  }
}

/* A proof that is there but not verified yet binds nothing. */
static void test_txn_confirmation__counts_verified_keys_only(void **state)
{
  x_host *x = *state;
  char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, X_T0 / 1000, "j1", NULL);
  occ_txn *txn;

  x->dpop = proof;
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set_certificate(txn, "\x30\x00", 2), OCC_OK);
  assert_null(occ_txn_confirmation(txn));
  assert_null(occ_txn_sender(txn, OCC_SENDER_DPOP));
  assert_null(occ_txn_sender(txn, OCC_SENDER_MTLS));
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_string_equal(occ_txn_confirmation(txn),
                      "{\"jkt\":\"" TEST_CLIENT_A_THUMBPRINT
                      "\",\"x5t#S256\":\"5PYNCqbX89O2pklLHIYbmfZJxvnsUauvIBsg8pcyfJU\"}");
  occ_txn_free(txn);
  free(proof);

  proof = test_dpop(TEST_CLIENT_A_PRIVATE, "GET", X_TOKEN, X_T0 / 1000, "j2", NULL);
  x->dpop = proof;
  txn = x_txn(x, X_BODY);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_null(occ_txn_confirmation(txn));
  occ_txn_free(txn);
  free(proof);
}

/* ---- Pointers ---- */

static void test_txn_fact__pointers(void **state)
{
  static const struct {
    const char *why, *pointer, *want;
  } row[] = {
    { "a member", "/request/scope", "\"a\"" },
    { "an empty name that is there not", "/", NULL },
    { "without a slash", "request", NULL },
    { "a slash at the end", "/request/scope/", NULL },
    { "two slashes", "//request", NULL },
    { "a member of a text", "/request/scope/a", NULL },
    { "unknown", "/request/nothing", NULL },
    { "in another case", "/Request", NULL },
    { "~1 is a slash", "/request/a~1b", "\"slash\"" },
    { "~0 is a tilde", "/request/a~0b", "\"tilde\"" },
    { "~01 is ~1", "/request/a~01b", "\"tilde one\"" },
    { "~ and nothing", "/request/a~", NULL },
    { "~2", "/request/a~2b", NULL },
    { "~ before a slash", "/request~/scope", NULL },
    { "an element", "/request/resource/0", "\"r0\"" },
    { "the last", "/request/resource/10", "\"r10\"" },
    { "behind the last", "/request/resource/11", NULL },
    { "leading zero", "/request/resource/00", NULL },
    { "leading zero before another", "/request/resource/01", NULL },
    { "behind all", "/request/resource/-", NULL },
    { "negative", "/request/resource/-1", NULL },
    { "signed", "/request/resource/+1", NULL },
    { "no number", "/request/resource/1a", NULL },
    { "no index", "/request/resource/", NULL },
    { "a large index", "/request/resource/999999", NULL },
    { "a larger one", "/request/resource/18446744073709551616", NULL },
    { "into JSON of the request", "/request/authorization_details/0/type", "\"pay\"" },
    { "an object of it", "/request/authorization_details/0/amount", "{\"value\":5}" },
    { "percent is no escape", "/request/a%2Fb", NULL },
    { "an empty name", "/client/metadata/", "\"empty\"" },
    { "false", "/client/metadata/no", "false" },
    { "null", "/client/metadata/nil", "null" },
  };
  x_host *x = *state;
  occ_txn *txn;

  x->metadata = "{\"\":\"empty\",\"no\":false,\"nil\":null}";
  txn = x_at(x,
             X_BODY "&a/b=slash&a~b=tilde&a~1b=tilde+one&resource=r0&resource=r1&resource=r2"
                    "&resource=r3&resource=r4&resource=r5&resource=r6&resource=r7&resource=r8"
                    "&resource=r9&resource=r10"
                    "&authorization_details=[{%22type%22:%22pay%22,%22amount%22:{%22value%22:5}}]",
             OCC_ASK_DECIDE);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    expect_fact(txn, row[i].pointer, row[i].want);
  }
  assert_null(occ_txn_fact(txn, "/request/nothing", NULL));
  occ_txn_free(txn);
}

static void test_txn_fact__token_has_a_limit(void **state)
{
  x_host *x = *state;
  char name[OCC__MAX_ID + 2], pointer[OCC__MAX_ID + 64], metadata[OCC__MAX_ID + 64];

  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    occ_txn *txn;

    memset(name, 'n', len);
    name[len] = '\0';
    (void)snprintf(metadata, sizeof(metadata), "{\"%s\":1}", name);
    (void)snprintf(pointer, sizeof(pointer), "/client/metadata/%s", name);
    x->metadata = metadata;
    txn = x_txn(x, X_BODY);
    expect_fact(txn, pointer, len <= OCC__MAX_ID ? "1" : NULL);
    occ_txn_free(txn);
  }
}

/* ---- Built once ---- */

static size_t built; /* allocations of jansson */

static void *counting_malloc(size_t size)
{
  built++;
  return malloc(size);
}

/* Allocations of jansson that one look costs. */
static size_t cost(const occ_txn *txn, const char *pointer, const char *want)
{
  built = 0;
  expect_fact(txn, pointer, want);
  return built;
}

#define TO_BUILD 20 /* there are six objects in them at least, each with its members */
#define TO_WRITE 3  /* of one value: jansson's own, to see that no container holds itself */

static void look_often(const occ_txn *txn, const char *pointer, const char *want)
{
  assert_true(cost(txn, pointer, want) > TO_WRITE); /* that part alone */
  for (int i = 0; i < 10; i++) {
    assert_true(cost(txn, pointer, want) < TO_WRITE);
  }
  built = 0;
  assert_non_null(occ_txn_fact(txn, "", NULL)); /* all of them */
  assert_true(built > TO_BUILD);
  assert_true(cost(txn, "/sender", "{}") < TO_WRITE);
  built = 0;
  assert_non_null(occ_txn_question_json(txn, NULL));
  assert_true(built < TO_BUILD);
}

#define METADATA "{\"insufficient_client_authorization_supported\":true,\"m\":1}"

/* A policy may look at many, so they are built once a question; the next question has new ones. */
static void test_txn_fact__are_built_once_a_question(void **state)
{
  x_host *x = *state;
  json_malloc_t before_malloc;
  json_free_t before_free;
  occ_ticket ticket;
  occ_txn *txn;

  json_get_alloc_funcs(&before_malloc, &before_free);
  x->challenge = "r";
  x_challenge(x);
  x->metadata = NULL;
  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  x->data[OCC_ASK_VERIFY] = "{\"level\":3}";
  txn = x_follow_up(x, "ev=1");
  x->stop = OCC_ASK_CLIENT;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  json_set_alloc_funcs(counting_malloc, free);
  look_often(txn, "/client/metadata", NULL);
  json_set_alloc_funcs(before_malloc, before_free);
  ticket = occ_txn_question(txn)->ticket;
  assert_int_equal(
      occ_txn_answer(txn, ticket, OCC_YES, "{\"metadata\":" METADATA "}", strlen(METADATA) + 13),
      OCC_OK);

  x->stop = OCC_ASK_VERIFY;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  expect_fact(txn, "/client/metadata", METADATA); /* after the answer */
  expect_fact(txn, "/session/round", "1");
  expect_fact(txn, "/satisfied", "[]");
  expect_fact(txn, "/evidence", "{}");

  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  json_set_alloc_funcs(counting_malloc, free);
  look_often(txn, "/satisfied", "[\"r\"]"); /* and after that one */
  assert_true(cost(txn, "/evidence/facts/level", "3") < TO_WRITE);
  json_set_alloc_funcs(before_malloc, before_free);
  x->stop = OCC_ASK_NONE;
  x->challenge = NULL;
  assert_int_equal(x_run(x, txn), OCC_OK);
  expect_fact(txn, "/satisfied", "[\"r\"]");
  occ_txn_free(txn);
}

/* Before the first run nothing is kept, for each setter changes it. */
static void test_txn_fact__before_the_first_run(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->client = NULL;
  x->metadata = NULL;
  txn = x_txn(x, X_BODY);
  expect_fact(txn, "/client/id", NULL);
  assert_int_equal(occ_txn_set_client(txn, "late", "none", NULL), OCC_OK);
  expect_fact(txn, "/client/id", "\"late\"");
  assert_int_equal(occ_txn_set_metadata(txn, "{\"m\":1}", 7), OCC_OK);
  expect_fact(txn, "/client/metadata", "{\"m\":1}");
  occ_txn_free(txn);
}

/* A parameter that is long is shown by its digest: facts stay small, whatever a peer sends. */
static void test_txn_fact__values_have_a_limit(void **state)
{
  x_host *x = *state;
  char body[OCC__MAX_FACT + 64], want[OCC__MAX_FACT + 8];

  for (size_t len = OCC__MAX_FACT - 1; len <= OCC__MAX_FACT + 1; len++) {
    occ_txn *txn;
    const char *fact;

    (void)snprintf(body, sizeof(body), "grant_type=a&p=%0*d", (int)len, 0);
    (void)snprintf(want, sizeof(want), "\"%0*d\"", (int)len, 0);
    txn = x_txn(x, body);
    fact = occ_txn_fact(txn, "/request/p", NULL);
    assert_non_null(fact);
    assert_int_equal(strcmp(fact, want) == 0, len <= OCC__MAX_FACT);
    assert_int_equal(strncmp(fact, "\"sha-256:", 9) == 0, len > OCC__MAX_FACT);
    occ_txn_free(txn);
  }
}

static void test_txn_fact__whole(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_at(x, X_BODY, OCC_ASK_DECIDE);

  expect_fact(txn, "",
              "{\"request\":{\"grant_type\":\"client_credentials\",\"scope\":\"a\"},"
              "\"client\":{\"id\":\"agent-7\",\"method\":\"client_secret_basic\","
              "\"authenticated\":true,\"challenge_supported\":true,\"metadata\":" X_CAPABLE "},"
              "\"sender\":{},\"session\":{},\"satisfied\":[],\"evidence\":{}}");
  occ_txn_free(txn);
}

static void test_txn_fact__client(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  x->metadata = NULL;
  x->data[OCC_ASK_CLIENT] = "{\"metadata\":{\"n\":1},\"first_seen\":5,\"age\":7,\"id\":\"forged\","
                            "\"authenticated\":true}";
  x->client = NULL;
  txn = x_at(x, X_BODY "&client_id=c", OCC_ASK_DECIDE);
  assert_null(occ_txn_client_id(txn)); /* nobody has authenticated it */
  expect_fact(txn, "/client/id", "\"c\"");
  expect_fact(txn, "/client/authenticated", "false"); /* that is not for an answer to say */
  expect_fact(txn, "/client/challenge_supported", "false");
  expect_fact(txn, "/client/method", NULL);
  expect_fact(txn, "/client/metadata", "{\"n\":1}");
  expect_fact(txn, "/client/first_seen", "5");
  expect_fact(txn, "/client/age", "7");
  occ_txn_free(txn);
  txn = x_at(x, X_BODY, OCC_ASK_DECIDE); /* no client at all */
  expect_fact(txn, "/client", "{\"authenticated\":false,\"challenge_supported\":false}");
  assert_null(occ_txn_question(txn)->client_id);
  occ_txn_free(txn);
}

static void test_txn_fact__session_evidence_and_satisfied(void **state)
{
  x_host *x = *state;
  occ_txn *txn;
  size_t len = 0;

  x->challenge = "r";
  x->sender = OCC_SENDER_MTLS;
  x->thumbprint = THUMB;
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set_memo(txn, "\x00\xff", 2), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(x_handle(x, txn), 1);
  assert_null(occ_txn_memo(txn, NULL)); /* of the last round, not of this one */
  occ_txn_free(txn);

  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  x->data[OCC_ASK_VERIFY] = "{\"level\":2}";
  txn = x_follow_up(x, "ev=1");
  assert_null(occ_txn_memo(txn, &len)); /* not opened yet */
  x->stop = OCC_ASK_VERIFY;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_int_equal(occ_txn_is_satisfied(txn, "r"), 0); /* not judged yet */
  expect_fact(txn, "/evidence", "{}");
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  x->stop = OCC_ASK_NONE;
  assert_int_equal(occ_txn_is_satisfied(txn, "r"), 1);
  assert_int_equal(occ_txn_is_satisfied(txn, "s"), 0);
  assert_int_equal(occ_txn_is_satisfied(txn, "t"), 0);
  assert_int_equal(occ_txn_is_satisfied(txn, ""), 0);
  assert_int_equal(occ_txn_is_satisfied(txn, NULL), 0);
  assert_memory_equal(occ_txn_memo(txn, &len), "\x00\xff", 2);
  assert_int_equal(len, 2);
  assert_non_null(occ_txn_memo(txn, NULL));
  expect_fact(txn, "/satisfied", "[\"r\"]");
  expect_fact(
      txn, "/evidence",
      "{\"requirement\":\"r\",\"type\":\"t\",\"class\":\"provenance\",\"facts\":{\"level\":2}}");
  expect_fact(txn, "/session",
              "{\"round\":1,\"attempt\":1,\"memo\":\"AP8\",\"bound\":{\"x5t#S256\":\"" THUMB
              "\"}}");
  expect_fact(txn, "/sender", "{\"x5t#S256\":\"" THUMB "\"}");
  occ_txn_free(txn);

  txn = x_follow_up(x, "ev=1"); /* replayed */
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  expect_fact(txn, "/session", "{\"stale\":\"session_used\"}");
  expect_fact(txn, "/satisfied", "[]");
  assert_null(occ_txn_memo(txn, &len));
  assert_int_equal(len, 0);
  assert_int_equal(occ_txn_is_satisfied(txn, "r"), 0);
  occ_txn_free(txn);
}

/* ---- Secrets ---- */

#define CANARY        "canary-0123456789"
/* Computed by another implementation. */
#define CANARY_DIGEST "\"sha-256:FKLVWhGW0PMY97ImuZ42uOzOPOgsJ03IZc2gRO1Eif8\""

static void test_txn_fact__secrets_are_digests(void **state)
{
  static const char *const secret[] = {
    "client_secret",
    "client_assertion",
    "code",
    "code_verifier",
    "refresh_token",
    "assertion",
    "subject_token",
    "actor_token",
    "device_code",
    "password",
    "auth_req_id",
    "ticket",
    "claim_token",
    "vp_token",
    "pct",
    "rpt",
    "user_code",
    "id_token_hint",
    "login_hint_token",
    "challenge_session", /* the handle */
    "ev"                 /* evidence of this server */
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(secret); i++) {
    char body[160], pointer[64];
    occ_txn *txn;

    print_message("  %s\n", secret[i]);
    (void)snprintf(body, sizeof(body), "grant_type=a&%s=%s", secret[i], CANARY);
    (void)snprintf(pointer, sizeof(pointer), "/request/%s", secret[i]);
    txn = x_at(x, body, OCC_ASK_DECIDE);
    expect_fact(txn, pointer, CANARY_DIGEST);
    assert_null(strstr(occ_txn_fact(txn, "", NULL), CANARY));
    assert_null(strstr(occ_txn_question_json(txn, NULL), CANARY));
    assert_string_equal(occ_txn_param(txn, secret[i], 0, NULL), CANARY);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_null(strstr(occ_txn_result_json(txn, NULL), CANARY));
    assert_null(strstr(occ_txn_log(txn, NULL), CANARY));
    occ_txn_free(txn);
  }
}

/* Credentials in headers appear nowhere. */
static void test_txn_fact__no_header_is_a_fact(void **state)
{
  static const char *const header[] = { "Authorization", "X-Ev", "Cookie" };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(header); i++) {
    occ_txn *txn = x_txn(x, X_BODY);

    assert_int_equal(occ_txn_add_header(txn, header[i], CANARY, strlen(CANARY)), OCC_OK);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_null(strstr(occ_txn_result_json(txn, NULL), CANARY));
    assert_null(strstr(occ_txn_log(txn, NULL), CANARY));
    occ_txn_free(txn);
  }
}

/* No peer can keep the facts from the policy by octets that are no text. */
static void test_txn_fact__of_what_is_no_text(void **state)
{
  x_host *x = *state;
  occ_txn *txn =
      x_at(x, X_BODY "&b%FF=1&c=%C3%28&d=a%00b&resource=%FF&resource=ok", OCC_ASK_DECIDE);

  expect_fact(txn, "/request/scope", "\"a\"");
  assert_memory_equal(occ_txn_fact(txn, "/request/c", NULL), "\"sha-256:", 9);
  expect_fact(txn, "/request/d", "\"a\\u0000b\"");
  assert_memory_equal(occ_txn_fact(txn, "/request/resource/0", NULL), "\"sha-256:", 9);
  expect_fact(txn, "/request/resource/1", "\"ok\"");
  assert_null(strstr(occ_txn_fact(txn, "/request", NULL), "\"b")); /* no name of a member */
  assert_null(strchr(occ_txn_fact(txn, "", NULL), '\xff'));
  assert_non_null(occ_txn_question_json(txn, NULL));
  occ_txn_free(txn);
}

/* ---- Reference, reason, log ---- */

static void test_txn_reason__is_for_refusals_and_failures(void **state)
{
  x_host *x = *state;
  occ_txn *txn = x_txn(x, X_BODY);

  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_null(occ_txn_reason(txn)); /* granted */
  occ_txn_free(txn);
  txn = x_txn(x, "scope=a");
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_string_equal(occ_txn_reason(txn), "grant_type_missing");
  assert_null(strstr(occ_txn_body(txn, NULL), "grant_type_missing")); /* never for the client */
  occ_txn_free(txn);
}

static void test_txn_log__tells_what_happened(void **state)
{
  x_host *x = *state;
  occ_txn *txn;
  const char *log;
  size_t len = 0;

  x->client = "https://c.example/id?token=" CANARY;
  x->challenge = "r";
  txn = x_txn(x, X_BODY);
  assert_int_equal(occ_txn_set(txn, "reference", "ref-9"), OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  log = occ_txn_log(txn, &len);
  assert_int_equal(strlen(log), len);
  assert_int_equal(log[0], '[');
  assert_int_equal(log[len - 1], ']');
  assert_non_null(strstr(log, "{\"event\":\"request\",\"time\":1800000000000,"));
  assert_non_null(strstr(log, "\"event\":\"question_asked\""));
  assert_non_null(strstr(log, "\"event\":\"question_answered\""));
  assert_non_null(strstr(log, "\"event\":\"session_created\""));
  assert_non_null(strstr(log, "\"event\":\"challenged\""));
  assert_int_equal(x_logged(txn, "issuer", X_ISSUER), 1);
  assert_int_equal(x_logged(txn, "reference", "ref-9"), 1);
  assert_int_equal(x_logged(txn, "client", "https://c.example/id"), 1);
  assert_int_equal(x_logged(txn, "requirement", "r"), 1);
  assert_int_equal(x_logged(txn, "detail", "decide"), 1);
  assert_null(strstr(log, CANARY));
  assert_int_equal(x_handle(x, txn), 1);
  assert_null(strstr(log, x->handle));
  occ_txn_free(txn);
}

/* ---- Memory ---- */

static void test_getters__survive_every_failed_allocation(void **state)
{
  static const char *const pointer[] = { "", "/request/client_secret", "/client/metadata" };
  static const char body[] = X_BODY "&client_secret=" CANARY;
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(pointer) + 2; i++) {
    bool failed = true;
    size_t n = 0;

    for (; failed && n < 100; n++) {
      occ_txn *txn = x_at(x, body, OCC_ASK_DECIDE);
      const char *text = NULL;
      size_t len = 9;
      char fill[OCC__MAX_ID + 1];

      memset(fill, 'f', sizeof(fill) - 1);
      fill[sizeof(fill) - 1] = '\0';
      for (int k = 0; k < 40; k++) { /* the first block of the txn is nearly full */
        assert_int_equal(occ_txn_set(txn, "reference", fill), OCC_OK);
      }
      x->fm.failed = false;
      x->fm.count = 0;
      x->fm.until = n;
      x->fm.keep = true;
      text = i < X_ROWS(pointer)    ? occ_txn_fact(txn, pointer[i], &len)
             : i == X_ROWS(pointer) ? occ_txn_log(txn, &len)
                                    : occ_txn_question_json(txn, &len);
      failed = x->fm.failed;
      x->fm.until = SIZE_MAX;
      x->fm.keep = false;
      assert_true(failed == (text == NULL));
      assert_true((text == NULL) == (len == 0));
      if (failed && i > X_ROWS(pointer)) { /* a question that cannot be seen cannot be answered */
        x_is_failure(txn, occ_txn_run(txn, x->now), OCC_ERR_MEMORY, "memory");
        occ_txn_free(txn);
        continue;
      }
      assert_int_equal(x_run(x, txn), OCC_OK); /* a getter without memory harms nothing else */
      assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
      occ_txn_free(txn);
    }
    assert_false(failed);
    assert_true(n > 1);
  }
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_HOST(name) cmocka_unit_test_setup_teardown(name, set_up_host, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_getters__of_null),
    TEST(test_getters__before_the_first_run),
    TEST(test_txn_sender__has_three_kinds),
    TEST(test_txn_has_scope__rows),
    TEST(test_txn_param__values),
    TEST_HOST(test_txn_confirmation__rows),
    TEST(test_txn_confirmation__counts_verified_keys_only),
    TEST(test_txn_fact__pointers),
    TEST(test_txn_fact__token_has_a_limit),
    TEST(test_txn_fact__are_built_once_a_question),
    TEST(test_txn_fact__before_the_first_run),
    TEST(test_txn_fact__values_have_a_limit),
    TEST(test_txn_fact__whole),
    TEST(test_txn_fact__client),
    TEST(test_txn_fact__session_evidence_and_satisfied),
    TEST(test_txn_fact__secrets_are_digests),
    TEST(test_txn_fact__no_header_is_a_fact),
    TEST(test_txn_fact__of_what_is_no_text),
    TEST(test_txn_reason__is_for_refusals_and_failures),
    TEST(test_txn_log__tells_what_happened),
    TEST(test_getters__survive_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("core/facts", tests, NULL, NULL);
}
