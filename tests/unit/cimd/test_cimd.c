/* SPDX-License-Identifier: MIT */

/* occ_cimd with the machine: who is fetched, what is asked of the host, what the policy sees, and what the peer does not.
 * Case ids: cases A to G of the requirements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/hmac.h>
#include <sys/socket.h>

#include "txn_host.h"

#define ID        "https://app.example.org/c"
#define KEYS_URL  "https://app.example.org/k"
#define TYPE      "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define PUBLIC    "grant_type=urn:x&client_id=" ID
#define JSON_TYPE "Content-Type: application/json\r\n"
#define GRANTS    ",\"grant_types\":[\"urn:x\",\"client_credentials\"]"
#define DOC(more) "{\"client_id\":\"" ID "\"" more "}"
#define FLAG      ",\"insufficient_client_authorization_supported\":true"
#define PKJWT     ",\"token_endpoint_auth_method\":\"private_key_jwt\""
#define A(kid)    "{" TEST_CLIENT_A_MEMBERS ",\"kid\":\"" kid "\"}"
#define B(kid)    "{" TEST_CLIENT_B_MEMBERS ",\"kid\":\"" kid "\"}"
#define JWKS(key) ",\"jwks\":{\"keys\":[" key "]}"
#define URI       ",\"jwks_uri\":\"" KEYS_URL "\""
#define SET(key)  "{\"keys\":[" key "]}"
#define CONFIG_SELF                                                                                \
  "{" X_BASE                                                                                       \
  "\"jwt_assertion\":{\"self_issued\":true,\"issuers\":{\"https://other.example.org/c\":{}}},"     \
  "\"requirements\":{\"attested\":{\"type\":\"jwt_assertion\"}}}"
#define CONFIG                                                                                     \
  "{" X_BASE "\"types\":{\"https://bank.example/"                                                  \
  "ev\":{\"class\":\"provenance\",\"params\":[\"ev\"],\"headers\":[]}},"                           \
  "\"requirements\":{\"attested\":{\"type\":\"https://bank.example/ev\"}}}"

/* What the web says. */
typedef struct page {
  const char *url, *body, *headers;
  int status;
} page;

typedef struct web {
  x_host x;
  occ_cimd *cimd;
  page page[4];
  unsigned fetched, keys_fetched;
  occ_verdict fetch_verdict; /* where there is no such page */
} web;

static const void *woken[4];
static size_t wakes;

static void on_wake(void *user_data)
{
  assert_true(wakes < 4);
  woken[wakes++] = user_data;
}

/* The host's memory of clients: of one, which is enough. */
typedef struct memory {
  web *w;
  char record[512];
  occ_verdict verdict; /* of recall() */
  unsigned recalls, keeps;
} memory;

static occ_verdict recall(const char *client_id, char *record, size_t size, void *user_data)
{
  memory *m = user_data;

  assert_string_equal(client_id, ID);
  assert_int_equal(size, sizeof(m->record));
  assert_int_equal(occ_cimd_forget(m->w->cimd, "https://somebody.else.org/"), OCC_OK); /* no lock */
  memcpy(record, m->record, size);
  m->recalls++;
  return m->verdict;
}

static void keep(const char *client_id, const char *record, void *user_data)
{
  memory *m = user_data;

  assert_string_equal(client_id, ID);
  assert_true(strlen(record) < sizeof(m->record));
  strcpy(m->record, record);
  m->verdict = OCC_YES;
  m->keeps++;
}

static void web_open_with(web *w, const char *options, const char *json, memory *m)
{
  occ_config *config = NULL;

  memset(w, 0, sizeof(*w));
  wakes = 0;
  x_init(&w->x, SIZE_MAX, false);
  w->x.client = w->x.metadata = NULL;
  assert_int_equal(occ_cimd_new(&w->cimd, w->x.lib, options), OCC_OK);
  if (m != NULL) {
    m->w = w;
    m->recalls = m->keeps = 0;
    assert_int_equal(occ_cimd_remember(w->cimd, recall, keep, m), OCC_OK);
  }
  assert_int_equal(occ_config_new(&config, w->x.lib, X_ISSUER), OCC_OK);
  assert_int_equal(occ_keyring_attach(w->x.ring, config), OCC_OK);
  assert_int_equal(occ_cimd_attach(w->cimd, config), OCC_OK);
  assert_int_equal(occ_config_on_wake(config, on_wake), OCC_OK);
  assert_int_equal(occ_config_load(config, json, strlen(json)), OCC_OK);
  assert_int_equal(occ_server_new(&w->x.server, config), OCC_OK);
  occ_config_free(config);
}

static void web_open_as(web *w, const char *options, const char *json)
{
  web_open_with(w, options, json, NULL);
}

static void web_open(web *w, const char *options)
{
  web_open_as(w, options, CONFIG);
}

static void web_close(web *w)
{
  occ_cimd_free(w->cimd);
  x_close(&w->x);
}

static void put_page(web *w, size_t i, const char *url, const char *body)
{
  w->page[i] = (page){ url, body, JSON_TYPE, 200 };
}

static int answer_fetch(web *w, occ_txn *txn, const occ_question *q)
{
  w->fetched++;
  w->keys_fetched += strcmp(q->url, KEYS_URL) == 0;
  for (size_t i = 0; i < 4; i++) {
    const page *p = &w->page[i];

    if (p->url != NULL && strcmp(p->url, q->url) == 0) {
      return occ_txn_answer_fetch(txn, q->ticket, p->status, p->headers, p->body, strlen(p->body));
    }
  }
  return occ_txn_answer(txn, q->ticket, w->fetch_verdict, NULL, 0);
}

static occ_txn *web_txn(web *w, const char *body)
{
  memset(w->x.asked, 0, sizeof(w->x.asked));
  return x_txn(&w->x, body);
}

/* To the end, or until x.stop is asked. */
static int web_run(web *w, occ_txn *txn)
{
  int rc;

  while ((rc = occ_txn_run(txn, w->x.now)) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);

    if (q->kind == w->x.stop) {
      return rc;
    }
    w->x.asked[q->kind]++;
    rc = q->kind == OCC_ASK_FETCH ? answer_fetch(w, txn, q) : x_answer(&w->x, txn, q);
    if (rc == OCC_ERR_MEMORY) {
      (void)occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
    } else {
      assert_int_equal(rc, OCC_OK);
    }
  }
  return rc;
}

static occ_txn *web_ended(web *w, const char *body)
{
  occ_txn *txn = web_txn(w, body);

  w->fetched = w->keys_fetched = 0;
  (void)web_run(w, txn);
  assert_true(occ_txn_outcome(txn) != OCC_UNDECIDED);
  return txn;
}

static void ends(web *w, const char *why, const char *body, occ_outcome outcome, int status,
                 const char *reason)
{
  occ_txn *txn = web_ended(w, body);

  if (occ_txn_outcome(txn) != outcome || occ_txn_http_status(txn) != status) {
    fail_msg("%s: outcome %d, %d, %s", why, (int)occ_txn_outcome(txn), occ_txn_http_status(txn),
             occ_txn_reason(txn));
  }
  if (reason != NULL) {
    assert_string_equal(occ_txn_reason(txn), reason);
  }
  occ_txn_free(txn);
}

static void is_granted(web *w, const char *why, const char *body)
{
  ends(w, why, body, OCC_GRANT, 0, NULL);
}

static const char *claims_now(const web *w)
{
  static char claims[512];
  static unsigned number;

  (void)snprintf(claims, sizeof(claims),
                 "{\"iss\":\"" ID "\",\"sub\":\"" ID "\",\"aud\":\"" X_ISSUER
                 "\",\"jti\":\"j%u\",\"exp\":%lld}",
                 number++, (long long)(w->x.now / 1000 + 60));
  return claims;
}

/* A body with this assertion, which is freed; the last one made. */
static const char *with_assertion(char *token)
{
  static char body[8 * 1024];

  (void)snprintf(body, sizeof(body), X_BODY "&" TYPE "&client_assertion=%s", token);
  free(token);
  return body;
}

static const char *signed_as(const web *w, const char *key, const char *header)
{
  return with_assertion(test_jws(key, header, claims_now(w)));
}

static const char *signed_by(const web *w, const char *key, const char *kid)
{
  char header[128];

  (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
  return signed_as(w, key, header);
}

/* ---- Who is fetched ---- */

/* C01, E01, G04: once; then it is in the cache. */
static void test_client__is_fetched_once(void **state)
{
  web w;
  (void)state;

  web_open(&w, NULL);
  assert_non_null(
      strstr(occ_server_metadata(w.x.server), "\"client_id_metadata_document_supported\":true"));
  assert_true((occ_server_asks(w.x.server) & (1u << OCC_ASK_FETCH)) != 0);
  assert_true((occ_server_asks(w.x.server) & (1u << OCC_ASK_CLIENT)) != 0);
  put_page(&w, 0, ID, DOC(GRANTS));
  is_granted(&w, "first", PUBLIC);
  assert_int_equal(w.fetched, 1);
  assert_int_equal(w.x.asked[OCC_ASK_CLIENT], 0);
  w.x.now += 299999;
  is_granted(&w, "second", PUBLIC);
  assert_int_equal(w.fetched, 0);
  w.x.now += 1;
  is_granted(&w, "after its time", PUBLIC);
  assert_int_equal(w.fetched, 1);
  web_close(&w);
}

static void test_client__the_fetch_has_its_limit(void **state)
{
  occ_txn *txn;
  web w;
  (void)state;

  web_open(&w, NULL);
  txn = web_txn(&w, PUBLIC);
  w.x.stop = OCC_ASK_FETCH;
  assert_int_equal(web_run(&w, txn), OCC_PENDING);
  assert_string_equal(occ_txn_question(txn)->url, ID);
  assert_int_equal(occ_txn_question(txn)->index, 5120 + 1);
  occ_txn_free(txn);
  web_close(&w);
}

/* A02, A22, G01, G02, G03, G06: no fetch, and whose question it is. */
static void test_client__is_not_fetched(void **state)
{
  static const struct {
    const char *why, *body, *metadata;
    unsigned client;
    int granted;
  } row[] = {
    { "A02 http", "grant_type=urn:x&client_id=http://app.example.org/c", NULL, 1, 1 },
    { "another id", "grant_type=urn:x&client_id=agent-7", NULL, 1, 1 },
    { "no client", "grant_type=urn:x", NULL, 0, 1 },
    { "A22 the host knows it", PUBLIC, "{}", 0, 1 },
    { "A03 no such URL", "grant_type=urn:x&client_id=https://app.example.org", NULL, 0, 0 },
    { "A08 fragment", "grant_type=urn:x&client_id=" ID "%23", NULL, 0, 0 },
    { "A15 an address", "grant_type=urn:x&client_id=https://127.0.0.1/c", NULL, 0, 0 },
    { "A13 CR LF", "grant_type=urn:x&client_id=" ID "%0d%0a", NULL, 0, 0 },
    { "G02 a secret", PUBLIC "&client_secret=x", NULL, 0, 0 },
    { "G06 no grant", "client_id=" ID, NULL, 0, 0 },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;
    web w;

    print_message("  %s\n", row[i].why);
    web_open(&w, NULL);
    w.x.metadata = row[i].metadata;
    txn = web_ended(&w, row[i].body);
    assert_int_equal(w.fetched, 0);
    assert_int_equal(w.x.asked[OCC_ASK_CLIENT], row[i].client);
    assert_int_equal(occ_txn_outcome(txn), row[i].granted ? OCC_GRANT : OCC_REFUSE);
    occ_txn_free(txn);
    web_close(&w);
  }
}

/* G01, G02: two names, or somebody whom the host does not vouch for. Basic: "https%3A..:x". */
static void test_client__two_names(void **state)
{
#define OTHER "&client_id=https://other.example.org/c"
#define BASIC "Basic aHR0cHMlM0ElMkYlMkZhcHAuZXhhbXBsZS5vcmclMkZjOng="
  static const struct {
    const char *why, *body; /* NULL: an assertion */
    const char *more, *authorization, *client, *reason;
    int status;
  } row[] = {
    { "G01 form and assertion", NULL, OTHER, NULL, NULL, "client_mismatch", 401 },
    { "G01 form and Basic", X_BODY, OTHER, BASIC, NULL, "client_credentials_unverified", 401 },
    { "G01 assertion and Basic", NULL, "", BASIC, NULL, "client_methods_several", 400 },
    { "G01 form and Basic, which the host has verified", X_BODY, OTHER, BASIC, ID,
      "client_mismatch", 401 },
    { "G02 Basic", X_BODY, "", BASIC, NULL, "client_credentials_unverified", 401 },
    { "G02 Basic and the same name", X_BODY, "&client_id=" ID, BASIC, NULL,
      "client_credentials_unverified", 401 },
    { "G02 a secret", X_BODY, "&client_id=" ID "&client_secret=x", NULL, NULL,
      "client_credentials_unverified", 401 },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char body[8 * 1024];
    occ_txn *txn;
    web w;

    print_message("  %s\n", row[i].why);
    web_open(&w, NULL);
    w.x.client = row[i].client;
    put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
    (void)snprintf(body, sizeof(body), "%s%s",
                   row[i].body != NULL ? row[i].body : signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"),
                   row[i].more);
    txn = web_txn(&w, body);
    if (row[i].authorization != NULL) {
      assert_int_equal(occ_txn_add_header(txn, "Authorization", row[i].authorization,
                                          strlen(row[i].authorization)),
                       OCC_OK);
    }
    (void)web_run(&w, txn);
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_string_equal(occ_txn_reason(txn), row[i].reason);
    assert_int_equal(occ_txn_http_status(txn), row[i].status);
    assert_int_equal(w.fetched, 0);
    occ_txn_free(txn);
    web_close(&w);
  }
}

/* G10: whatever octets an id has, what is logged is one line of what can be shown. */
static void test_client__is_logged_safely(void **state)
{
  static const char *const id[] = { "%0d%0a", "%1b[31m", "%7f", "%00", "%c2%9b", "%22%5c" };
  (void)state;

  for (size_t i = 0; i < X_ROWS(id); i++) {
    char body[256];
    const char *log;
    occ_txn *txn;
    web w;

    web_open(&w, NULL);
    (void)snprintf(body, sizeof(body), PUBLIC "%sforged", id[i]);
    txn = web_ended(&w, body);
    assert_int_equal(w.fetched, 0);
    log = occ_txn_log(txn, NULL);
    assert_non_null(log);
    for (; *log != '\0'; log++) {
      assert_true(*log >= 0x20 && *log < 0x7f);
    }
    occ_txn_free(txn);
    web_close(&w);
  }
}

/* G05: which hosts, for what is in the cache too (another cimd with another list refuses before it looks). */
static void test_client__hosts(void **state)
{
  web w;
  (void)state;

  web_open(&w, "{\"hosts\":[\"*.example.net\",\"app.example.com\"]}");
  put_page(&w, 0, ID, DOC(GRANTS));
  ends(&w, "G05", PUBLIC, OCC_REFUSE, 401, "client_unknown");
  assert_int_equal(w.fetched, 0);
  web_close(&w);
  web_open(&w, "{\"hosts\":[\"*.example.net\",\"*.example.org\"]}");
  put_page(&w, 0, ID, DOC(GRANTS));
  is_granted(&w, "one of the hosts", PUBLIC);
  web_close(&w);
}

/* ---- What can be wrong with a response ---- */

/* X9, D-3: one answer for all that is wrong with a document, one for all that may be over soon; the log has the word. */
static void test_client__failures_look_alike_outside(void **state)
{
  static const struct {
    const char *why, *body, *headers, *word;
    int status, soon;
  } row[] = {
    { "C03 404", "", JSON_TYPE, "cimd_status", 404, 0 },
    { "C02 G07 302", DOC(GRANTS), JSON_TYPE, "cimd_status", 302, 0 },
    { "C03 204", "", JSON_TYPE, "cimd_status", 204, 0 },
    { "C03 304", "", JSON_TYPE, "cimd_status", 304, 0 },
    { "C15 HTML", DOC(GRANTS), "Content-Type: text/html\r\n", "cimd_content_type", 200, 0 },
    { "C15 no type", DOC(GRANTS), "", "cimd_content_type", 200, 0 },
    { "D03 no JSON", "<html>", JSON_TYPE, "cimd_json", 200, 0 },
    { "D02 another client", "{\"client_id\":\"" ID "/\"}", JSON_TYPE, "cimd_client_id", 200, 0 },
    { "D06 a secret", DOC(",\"client_secret\":1"), JSON_TYPE, "cimd_secret", 200, 0 },
    { "D15 no keys", DOC(PKJWT), JSON_TYPE, "cimd_keys", 200, 0 },
    { "D22 a member", DOC(",\"redirect_uris\":1"), JSON_TYPE, "cimd_member", 200, 0 },
    { "C03 500", "", JSON_TYPE, "cimd_unreachable", 500, 1 },
    { "C03 503", "", JSON_TYPE, "cimd_unreachable", 503, 1 },
    { "429", "", JSON_TYPE, "cimd_unreachable", 429, 1 },
    { "B02, B12, C11 no response", NULL, NULL, "cimd_unreachable", 0, 1 },
  };
  char first[2][512] = { "", "" };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    char *text = first[row[i].soon];
    occ_txn *txn;
    web w;

    print_message("  %s\n", row[i].why);
    web_open(&w, NULL);
    if (row[i].body != NULL) {
      w.page[0] = (page){ ID, row[i].body, row[i].headers, row[i].status };
    }
    for (int again = 0; again <= 1; again++) { /* during the pause, without a fetch, the same */
      txn = web_ended(&w, PUBLIC);
      assert_int_equal(w.fetched, again ? 0 : 1);
      assert_int_equal(occ_txn_outcome(txn), row[i].soon ? OCC_FAILED : OCC_REFUSE);
      assert_int_equal(occ_txn_http_status(txn), row[i].soon ? 503 : 401);
      assert_string_equal(occ_txn_reason(txn), row[i].soon ? "host_retry" : "client_unknown");
      if (text[0] == '\0') {
        (void)snprintf(text, 512, "%s", occ_txn_body(txn, NULL));
      }
      assert_string_equal(occ_txn_body(txn, NULL), text);
      assert_true(x_logged(txn, "detail", row[i].word));
      occ_txn_free(txn);
    }
    put_page(&w, 0, ID, DOC(GRANTS)); /* E08, E09 */
    w.x.now += 2000;
    is_granted(&w, row[i].why, PUBLIC);
    web_close(&w);
  }
}

/* E14: over the budget is 503, and another host works. */
static void test_client__budget(void **state)
{
  static const char other[] = "https://other.example.org/c";
  web w;
  (void)state;

  web_open(&w, "{\"fetches_per_minute_per_host\":1}");
  put_page(&w, 0, ID, DOC(GRANTS));
  put_page(&w, 1, other, "{\"client_id\":\"https://other.example.org/c\"" GRANTS "}");
  is_granted(&w, "first", PUBLIC);
  ends(&w, "E14 same host", "grant_type=urn:x&client_id=https://app.example.org/2", OCC_FAILED, 503,
       "host_retry");
  assert_int_equal(w.fetched, 0);
  is_granted(&w, "E14 other host", "grant_type=urn:x&client_id=https://other.example.org/c");
  is_granted(&w, "E14 what is in the cache", PUBLIC);
  web_close(&w);
}

/* ---- Metadata ---- */

static void test_client__grants(void **state)
{
  static const struct {
    const char *why, *document, *body;
    int granted;
  } row[] = {
    { "D17 absent: only codes", DOC(PKJWT JWKS(A("1"))), NULL, 0 },
    { "D17 another", DOC(PKJWT JWKS(A("1")) ",\"grant_types\":[\"urn:x\"]"), NULL, 0 },
    { "D17 empty", DOC(PKJWT JWKS(A("1")) ",\"grant_types\":[]"), NULL, 0 },
    { "D18 beside an unknown one", DOC(PKJWT JWKS(A("1")) GRANTS), NULL, 1 },
    { "D08 a public client, a grant that it can have", DOC(GRANTS), PUBLIC, 1 },
    { "D08 a public client, client credentials", DOC(GRANTS), X_BODY "&client_id=" ID, 0 },
    { "absent: a code", DOC(""), "grant_type=authorization_code&code=x&client_id=" ID, 1 },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    web w;

    print_message("  %s\n", row[i].why);
    web_open(&w, NULL);
    put_page(&w, 0, ID, row[i].document);
    ends(&w, row[i].why,
         row[i].body == NULL ? signed_by(&w, TEST_CLIENT_A_PRIVATE, "1") : row[i].body,
         row[i].granted ? OCC_GRANT : OCC_REFUSE, row[i].granted ? 0 : 400,
         row[i].granted ? NULL : "grant_type_unregistered");
    web_close(&w);
  }
}

/* D19, D-6 */
static void test_client__challenge_only_with_the_flag(void **state)
{
  static const struct {
    const char *why, *document;
    occ_outcome want;
  } row[] = {
    { "true", DOC(PKJWT JWKS(A("1")) GRANTS FLAG), OCC_CHALLENGE },
    { "absent", DOC(PKJWT JWKS(A("1")) GRANTS), OCC_REFUSE },
    { "a text",
      DOC(PKJWT JWKS(A("1")) GRANTS ",\"insufficient_client_authorization_supported\":\"true\""),
      OCC_REFUSE },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;
    web w;

    web_open(&w, NULL);
    w.x.challenge = "attested";
    put_page(&w, 0, ID, row[i].document);
    txn = web_ended(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
    print_message("  D19 %s\n", row[i].why);
    assert_int_equal(occ_txn_outcome(txn), row[i].want);
    occ_txn_free(txn);
    web_close(&w);
  }
}

/* What the policy is told: a number, or -1. */
static long long fact(const occ_txn *txn, const char *pointer)
{
  const char *text = occ_txn_fact(txn, pointer, NULL);

  return text == NULL ? -1 : strtoll(text, NULL, 10);
}

static occ_txn *at_decide(web *w, const char *body)
{
  occ_txn *txn = web_txn(w, body);

  w->x.stop = OCC_ASK_DECIDE;
  assert_int_equal(web_run(w, txn), OCC_PENDING);
  w->x.stop = OCC_ASK_NONE;
  return txn;
}

static void test_client__facts_for_the_policy(void **state)
{
  occ_txn *txn;
  web w;
  (void)state;

  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS FLAG));
  txn = at_decide(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(fact(txn, "/client/first_seen"), X_T0);
  assert_int_equal(fact(txn, "/client/age"), 0);
  assert_string_equal(occ_txn_fact(txn, "/client/host", NULL), "\"app.example.org\"");
  assert_null(occ_txn_fact(txn, "/client/changed", NULL));
  assert_string_equal(occ_txn_fact(txn, "/client/key", NULL), "\"" TEST_CLIENT_A_THUMBPRINT "\"");
  assert_string_equal(occ_txn_fact(txn, "/client/challenge_supported", NULL), "true");
  assert_string_equal(occ_txn_fact(txn, "/client/metadata/client_id", NULL), "\"" ID "\"");
  occ_txn_free(txn);

  w.x.now += 1000;
  txn = at_decide(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(fact(txn, "/client/age"), 1000);
  occ_txn_free(txn);

  put_page(&w, 0, ID, DOC(PKJWT JWKS(B("1")) GRANTS)); /* CH-1, CH-2 */
  w.x.now = X_T0 + 300000;
  txn = at_decide(&w, signed_by(&w, TEST_CLIENT_B_PRIVATE, "1"));
  assert_int_equal(fact(txn, "/client/first_seen"), X_T0);
  assert_int_equal(fact(txn, "/client/changed"), X_T0 + 300000);
  assert_string_equal(occ_txn_fact(txn, "/client/changes", NULL),
                      "[\"keys\",\"challenge_supported\"]");
  occ_txn_free(txn);

  assert_int_equal(occ_cimd_forget(w.cimd, ID), OCC_OK);
  w.x.now += 1;
  txn = at_decide(&w, signed_by(&w, TEST_CLIENT_B_PRIVATE, "1"));
  assert_int_equal(fact(txn, "/client/first_seen"), w.x.now);
  assert_null(occ_txn_fact(txn, "/client/changed", NULL));
  occ_txn_free(txn);
  web_close(&w);
}

/* Changes add up: what is back to what it was has changed, too. */
static void test_client__changes_add_up(void **state)
{
  static const struct {
    const char *document, *key, *changes;
  } row[] = {
    { DOC(PKJWT JWKS(A("1")) GRANTS FLAG), TEST_CLIENT_A_PRIVATE, NULL },
    { DOC(PKJWT JWKS(B("1")) GRANTS FLAG), TEST_CLIENT_B_PRIVATE, "[\"keys\"]" },
    { DOC(PKJWT JWKS(B("1")) GRANTS), TEST_CLIENT_B_PRIVATE, "[\"keys\",\"challenge_supported\"]" },
    { DOC(PKJWT JWKS(A("1")) GRANTS FLAG), TEST_CLIENT_A_PRIVATE,
      "[\"keys\",\"challenge_supported\"]" },
  };
  web w;
  (void)state;

  web_open(&w, NULL);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    put_page(&w, 0, ID, row[i].document);
    w.x.now = X_T0 + (occ_time)i * 300000;
    txn = at_decide(&w, signed_by(&w, row[i].key, "1"));
    assert_int_equal(fact(txn, "/client/first_seen"), X_T0);
    assert_int_equal(fact(txn, "/client/changed"), i == 0 ? -1 : w.x.now);
    if (i > 0) {
      assert_string_equal(occ_txn_fact(txn, "/client/changes", NULL), row[i].changes);
    }
    occ_txn_free(txn);
  }
  web_close(&w);
}

/* ---- A memory of the host's ---- */

/* With facts of a request signed by that key: first_seen, changed (0: never), changes. */
static void is_known_as(web *w, const char *key, const char *kid, occ_time first_seen,
                        occ_time changed, const char *changes)
{
  occ_txn *txn = at_decide(w, signed_by(w, key, kid));
  const char *found = occ_txn_fact(txn, "/client/changes", NULL);

  assert_int_equal(fact(txn, "/client/first_seen"), first_seen);
  assert_string_equal(found == NULL ? "" : found, changes);
  assert_int_equal(fact(txn, "/client/changed"), changed == 0 ? -1 : changed);
  occ_txn_free(txn);
}

static void restart(web *w, memory *m, occ_time now, const char *document, const char *set)
{
  web_close(w);
  web_open_with(w, NULL, CONFIG, m);
  w->x.now = now;
  put_page(w, 0, ID, document);
  put_page(w, 1, KEYS_URL, set);
}

/* It is asked, and told, where something may be new, and nowhere else. */
static void test_memory__is_asked_when_there_is_news(void **state)
{
  memory m = { .verdict = OCC_NO };
  web w;
  (void)state;

  web_open_with(&w, NULL, CONFIG, &m);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS FLAG));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.recalls, 1);
  assert_int_equal(m.keeps, 1);
  w.x.now += 300000; /* fetched again, and the same */
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.recalls, 1);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(B("1")) GRANTS FLAG));
  w.x.now += 300000;
  is_known_as(&w, TEST_CLIENT_B_PRIVATE, "1", X_T0, w.x.now, "[\"keys\"]");
  assert_int_equal(m.recalls, 2);
  assert_int_equal(m.keeps, 2);
  w.page[0].status = 404;
  w.x.now += 300000;
  ends(&w, "it is gone", PUBLIC, OCC_REFUSE, 401, "client_unknown");
  assert_int_equal(m.recalls, 2);
  web_close(&w);
}

/* Over restarts, and what has changed meanwhile. */
static void test_memory__lasts(void **state)
{
  const occ_time day = 86400000;
  memory m = { .verdict = OCC_NO };
  web w;
  (void)state;

  web_open_with(&w, NULL, CONFIG, &m);
  put_page(&w, 0, ID, DOC(PKJWT URI GRANTS FLAG));
  put_page(&w, 1, KEYS_URL, SET(A("1")));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.keeps, 2);
  restart(&w, &m, X_T0 + day, DOC(PKJWT URI GRANTS FLAG), SET(A("1")));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.recalls, 2);
  assert_int_equal(m.keeps, 0);
  restart(&w, &m, X_T0 + 2 * day, DOC(PKJWT URI GRANTS FLAG), SET(B("1")));
  is_known_as(&w, TEST_CLIENT_B_PRIVATE, "1", X_T0, X_T0 + 2 * day, "[\"keys\"]");
  assert_int_equal(m.keeps, 1);
  restart(&w, &m, X_T0 + 3 * day, DOC(PKJWT URI GRANTS), SET(B("1")));
  is_known_as(&w, TEST_CLIENT_B_PRIVATE, "1", X_T0, X_T0 + 3 * day,
              "[\"keys\",\"challenge_supported\"]");
  restart(&w, &m, X_T0 + 4 * day, DOC(PKJWT URI GRANTS), SET(B("1")));
  is_known_as(&w, TEST_CLIENT_B_PRIVATE, "1", X_T0, X_T0 + 3 * day,
              "[\"keys\",\"challenge_supported\"]");
  assert_int_equal(m.keeps, 0);
  web_close(&w);
}

/* Another node has seen it before, and has seen it change. */
static void test_memory__of_several_nodes(void **state)
{
  memory m = { .verdict = OCC_NO };
  web first, second;
  (void)state;

  web_open_with(&second, NULL, CONFIG, &m);
  put_page(&second, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
  is_known_as(&second, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  web_open_with(&first, NULL, CONFIG, &m);
  first.x.now = X_T0 + 1000;
  put_page(&first, 0, ID, DOC(PKJWT JWKS(B("1")) GRANTS));
  is_known_as(&first, TEST_CLIENT_B_PRIVATE, "1", X_T0, X_T0 + 1000, "[\"keys\"]");
  web_close(&first);
  m.w = &second;
  put_page(&second, 0, ID, DOC(PKJWT JWKS(B("1")) GRANTS));
  second.x.now = X_T0 + 300000;
  is_known_as(&second, TEST_CLIENT_B_PRIVATE, "1", X_T0, X_T0 + 1000, "[\"keys\"]");
  web_close(&second);
}

/* What a host has from elsewhere. */
static void test_memory__of_another_origin(void **state)
{
  static const struct {
    const char *why, *record;
    occ_time first_seen;
  } row[] = {
    { "known for long", "{\"first_seen\":1700000000000}", INT64_C(1700000000000) },
    { "for longer than we know", "{\"first_seen\":1900000000000}", X_T0 },
    { "nothing of use", "{}", X_T0 },
    { "no record", "{\"first_seen\":", X_T0 },
    { "empty", "", X_T0 },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    memory m = { .verdict = OCC_YES };
    web w;

    print_message("  %s\n", row[i].why);
    memset(m.record, 'x', sizeof(m.record)); /* without an end, too */
    strcpy(m.record, row[i].record);
    web_open_with(&w, NULL, CONFIG, &m);
    put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
    is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", row[i].first_seen, 0, "");
    assert_int_equal(m.keeps, 1);
    web_close(&w);
  }
}

static void test_memory__without_an_end(void **state)
{
  memory m = { .verdict = OCC_YES };
  web w;
  (void)state;

  memset(m.record, '[', sizeof(m.record));
  web_open_with(&w, NULL, CONFIG, &m);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.keeps, 1);
  web_close(&w);
}

/* What it cannot say now it is asked again, and nothing is put in its place. */
static void test_memory__is_away(void **state)
{
  memory m = { .verdict = OCC_RETRY, .record = "{\"first_seen\":1700000000000}" };
  web w;
  (void)state;

  web_open_with(&w, NULL, CONFIG, &m);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.recalls, 1);
  w.x.now += 300000;
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.recalls, 2);
  assert_int_equal(m.keeps, 0);
  m.verdict = OCC_YES;
  w.x.now += 300000;
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", INT64_C(1700000000000), 0, "");
  assert_int_equal(m.keeps, 1);
  w.x.now += 300000;
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", INT64_C(1700000000000), 0, "");
  assert_int_equal(m.recalls, 3);
  web_close(&w);
}

/* Forgotten here, it is not forgotten there. */
static void test_memory__of_what_is_forgotten(void **state)
{
  memory m = { .verdict = OCC_NO };
  web w;
  (void)state;

  web_open_with(&w, NULL, CONFIG, &m);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(occ_cimd_forget(w.cimd, ID), OCC_OK);
  w.x.now += 1000;
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  assert_int_equal(m.recalls, 2);
  assert_int_equal(m.keeps, 1);
  web_close(&w);
}

/* ---- Keys ---- */

static void test_keys__of_jwks_uri(void **state)
{
  occ_txn *txn;
  web w;
  (void)state;

  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
  put_page(&w, 1, KEYS_URL, SET(A("1")));
  is_granted(&w, "two fetches", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(w.fetched, 2);
  is_granted(&w, "none", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(w.fetched, 0);
  ends(&w, "signed by another", signed_by(&w, TEST_CLIENT_B_PRIVATE, "1"), OCC_REFUSE, 401, NULL);
  assert_int_equal(w.fetched, 0);
  w.x.now += 1;
  put_page(&w, 1, KEYS_URL, SET(A("1") "," B("2")));
  is_granted(&w, "F04 rotated", signed_by(&w, TEST_CLIENT_B_PRIVATE, "2"));
  assert_int_equal(w.fetched, 1);
  for (int i = 0; i < 20; i++) { /* F05 */
    ends(&w, "F05", signed_by(&w, TEST_CLIENT_B_PRIVATE, "3"), OCC_REFUSE, 401, "jose_key_unknown");
    assert_int_equal(w.fetched, 0);
  }
  is_granted(&w, "F05 the good ones stay", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  txn = at_decide(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(fact(txn, "/client/changed"), X_T0 + 1);
  assert_string_equal(occ_txn_fact(txn, "/client/changes", NULL), "[\"keys\"]");
  occ_txn_free(txn);
  w.page[1].status = 500; /* F06 */
  w.x.now += 30000;
  ends(&w, "F06", signed_by(&w, TEST_CLIENT_B_PRIVATE, "3"), OCC_REFUSE, 401, "jose_key_unknown");
  assert_int_equal(w.fetched, 1);
  is_granted(&w, "F06", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  w.x.now += 300000; /* F10 */
  ends(&w, "F10", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"), OCC_FAILED, 503, "host_retry");
  web_close(&w);
}

/* The request that finds the new keys has it in its facts, and what has changed before. */
static void test_keys__are_new_at_once(void **state)
{
  web w;
  (void)state;

  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(PKJWT URI GRANTS FLAG));
  put_page(&w, 1, KEYS_URL, SET(A("1")));
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, 0, "");
  put_page(&w, 1, KEYS_URL, SET(A("1") "," B("2")));
  w.x.now = X_T0 + 1000; /* an unknown kid */
  is_known_as(&w, TEST_CLIENT_B_PRIVATE, "2", X_T0, X_T0 + 1000, "[\"keys\"]");
  put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
  w.x.now = X_T0 + 300000; /* the document first; the set is younger */
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, X_T0 + 300000,
              "[\"keys\",\"challenge_supported\"]");
  put_page(&w, 1, KEYS_URL, SET(A("1")));
  w.x.now = X_T0 + 301000; /* its time is over */
  is_known_as(&w, TEST_CLIENT_A_PRIVATE, "1", X_T0, X_T0 + 301000,
              "[\"keys\",\"challenge_supported\"]");
  web_close(&w);
}

static void test_keys__failures(void **state)
{
  static const struct {
    const char *why, *set;
    int status;
    const char *word;
  } row[] = {
    { "F01 302", SET(A("1")), 302, "cimd_status" },
    { "F03 a private key", SET(A("1") "," TEST_CLIENT_B_PRIVATE), 200, "cimd_secret" },
    { "F12 empty", SET(""), 200, "cimd_keys" },
    { "no JSON", "x", 200, "cimd_json" },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;
    web w;

    print_message("  %s\n", row[i].why);
    web_open(&w, NULL);
    put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
    put_page(&w, 1, KEYS_URL, row[i].set);
    w.page[1].status = row[i].status;
    txn = web_ended(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
    assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
    assert_int_equal(occ_txn_http_status(txn), 401);
    assert_true(x_logged(txn, "detail", row[i].word));
    occ_txn_free(txn);
    web_close(&w);
  }
}

/* F02: no more is asked for than may be read. */
static void test_keys__the_fetch_has_its_limit(void **state)
{
  occ_txn *txn;
  web w;
  (void)state;

  web_open(&w, "{\"jwks_octets\":2000}");
  put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
  txn = web_txn(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  w.x.stop = OCC_ASK_FETCH;
  assert_int_equal(web_run(&w, txn), OCC_PENDING);
  assert_int_equal(answer_fetch(&w, txn, occ_txn_question(txn)), OCC_OK);
  assert_int_equal(web_run(&w, txn), OCC_PENDING);
  assert_string_equal(occ_txn_question(txn)->url, KEYS_URL);
  assert_int_equal(occ_txn_question(txn)->index, 2000 + 1);
  occ_txn_free(txn);
  web_close(&w);
}

/* Keys of a client that the host knows are the host's, whatever its id looks like. */
static void test_keys__of_others_are_the_hosts(void **state)
{
  web w;
  (void)state;

  web_open(&w, NULL);
  w.x.metadata = "{\"client_id\":\"" ID "\",\"token_endpoint_auth_method\":\"private_key_jwt\"}";
  w.x.verdict[OCC_ASK_KEYS] = OCC_YES;
  w.x.data[OCC_ASK_KEYS] = SET(A("1"));
  is_granted(&w, "A22", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(w.x.asked[OCC_ASK_KEYS], 1);
  assert_int_equal(w.fetched, 0);
  web_close(&w);
}

/* A follow-up with a statement of this issuer, signed with the client's own key. */
static const char *vouched_by(web *w, const char *issuer)
{
  static char body[16 * 1024];
  char claims[4096], *token;

  (void)snprintf(claims, sizeof(claims),
                 "{\"iss\":\"%s\",\"sub\":\"" ID "\",\"aud\":\"" X_ISSUER
                 "\",\"nonce\":\"%s\",\"jti\":\"e\",\"iat\":%lld,\"exp\":%lld}",
                 issuer, w->x.handle, (long long)(w->x.now / 1000),
                 (long long)(w->x.now / 1000 + 60));
  token = test_jws(TEST_CLIENT_A_PRIVATE,
                   "{\"alg\":\"ES256\",\"typ\":\"client-challenge-assertion+jwt\",\"kid\":\"1\"}",
                   claims);
  (void)snprintf(body, sizeof(body),
                 "%s&challenge_session=%s&claim_token_format=" X_JWT "&claim_token=%s",
                 signed_by(w, TEST_CLIENT_A_PRIVATE, "1"), w->x.handle, token);
  free(token);
  return body;
}

/* Evidence: keys of the client itself, where its type lets it speak for itself; keys of others never. */
static void test_keys__of_evidence(void **state)
{
  static const struct {
    const char *why, *issuer, *document;
    int granted;
    unsigned keys; /* asked of the host */
  } row[] = {
    { "its own, in the document", ID, DOC(PKJWT JWKS(A("1")) GRANTS FLAG), 1, 0 },
    { "its own, behind jwks_uri", ID, DOC(PKJWT URI GRANTS FLAG), 1, 0 },
    { "another client's", "https://other.example.org/c", DOC(PKJWT JWKS(A("1")) GRANTS FLAG), 0,
      1 },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;
    web w;

    print_message("  %s\n", row[i].why);
    web_open_as(&w, NULL, CONFIG_SELF);
    put_page(&w, 0, ID, row[i].document);
    put_page(&w, 1, KEYS_URL, SET(A("1")));
    put_page(&w, 2, "https://other.example.org/c",
             "{\"client_id\":\"https://other.example.org/c\"" PKJWT JWKS(A("1")) GRANTS "}");
    ends(&w, "the other is known", "grant_type=urn:x&client_id=https://other.example.org/c",
         OCC_REFUSE, 401, "client_not_authenticated");
    assert_int_equal(w.fetched, 1);
    w.x.challenge = "attested";
    txn = web_ended(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
    assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
    assert_int_equal(x_handle(&w.x, txn), 1);
    occ_txn_free(txn);
    txn = web_ended(&w, vouched_by(&w, row[i].issuer));
    assert_int_equal(occ_txn_outcome(txn), row[i].granted ? OCC_GRANT : OCC_REFUSE);
    assert_int_equal(w.x.asked[OCC_ASK_KEYS], row[i].keys);
    assert_int_equal(w.fetched, 0);
    occ_txn_free(txn);
    web_close(&w);
  }
}

/* F09: whoever has the public key cannot sign with it; and neither it nor the document is fetched for that. */
static void test_keys__are_for_signatures(void **state)
{
  static const char *const secret[] = { TEST_CLIENT_A_PUBLIC, A("1"), SET(A("1")), "" };
  static const char *const document[] = { DOC(PKJWT JWKS(A("1")) GRANTS), DOC(PKJWT URI GRANTS) };
  static const char none[] = "{\"alg\":\"none\",\"kid\":\"1\"}";
  static const char hs256[] = "{\"alg\":\"HS256\",\"kid\":\"1\"}";
  (void)state;

  for (size_t d = 0; d < X_ROWS(document); d++) {
    for (size_t i = 0; i <= X_ROWS(secret); i++) { /* the last one: alg none */
      const char *header = i < X_ROWS(secret) ? hs256 : none, *claims, *key;
      unsigned char mac[32];
      unsigned len = 0;
      char *token;
      web w;

      print_message("  F09 %s\n", header);
      web_open(&w, NULL);
      put_page(&w, 0, ID, document[d]);
      put_page(&w, 1, KEYS_URL, SET(A("1")));
      claims = claims_now(&w);
      token = test_token(header, strlen(header), claims, strlen(claims), "", 0);
      if (i < X_ROWS(secret)) {
        key = secret[i];
        assert_non_null(HMAC(EVP_sha256(), key, (int)strlen(key), (unsigned char *)token,
                             strlen(token) - 1, mac, &len));
        free(token);
        token = test_token(header, strlen(header), claims, strlen(claims), mac, len);
      }
      ends(&w, "F09", with_assertion(token), OCC_REFUSE, 401,
           i < X_ROWS(secret) ? "jose_alg" : "jose_malformed");
      assert_int_equal(w.fetched, 0);
      token = test_token(none, strlen(none), claims, strlen(claims), "no signature", 12);
      ends(&w, "F09 none, and something", with_assertion(token), OCC_REFUSE, 401, "jose_alg");
      assert_int_equal(w.fetched, 0);
      is_granted(&w, "F09 the right one", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
      web_close(&w);
    }
  }
}

/* F07: without a kid the one key that would do; where several would, nobody tries them in turn. */
static void test_keys__without_a_kid(void **state)
{
#define ED "{" TEST_ISSUER_ED_MEMBERS ",\"kid\":\"3\"}"
  static const struct {
    const char *why, *set, *key;
    int granted;
  } row[] = {
    { "F07 one", SET(A("1")), TEST_CLIENT_A_PRIVATE, 1 },
    { "F07 one of its kind", SET(ED "," A("1")), TEST_CLIENT_A_PRIVATE, 1 },
    { "F07 one that would do, and did not sign", SET(ED "," A("1")), TEST_CLIENT_B_PRIVATE, 0 },
    { "F07 two, the first", SET(A("1") "," B("2")), TEST_CLIENT_A_PRIVATE, 0 },
    { "F07 two, the second", SET(A("1") "," B("2")), TEST_CLIENT_B_PRIVATE, 0 },
    { "F07 none of its kind", SET(ED), TEST_CLIENT_A_PRIVATE, 0 },
  };
  (void)state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    web w;

    print_message("  %s\n", row[i].why);
    web_open(&w, NULL);
    put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
    put_page(&w, 1, KEYS_URL, row[i].set);
    ends(&w, row[i].why, signed_as(&w, row[i].key, "{\"alg\":\"ES256\"}"),
         row[i].granted ? OCC_GRANT : OCC_REFUSE, row[i].granted ? 0 : 401, NULL);
    assert_int_equal(w.fetched, 2);
    web_close(&w);
  }
}

/* F10: a key that is taken away counts for as long as the set does, and no longer. */
static void test_keys__taken_away(void **state)
{
  web w;
  (void)state;

  web_open(&w, NULL);
  w.page[0] = (page){ ID, DOC(PKJWT URI GRANTS), JSON_TYPE "Cache-Control: max-age=3600\r\n", 200 };
  put_page(&w, 1, KEYS_URL, SET(A("1") "," B("2")));
  is_granted(&w, "F10 it is there", signed_by(&w, TEST_CLIENT_B_PRIVATE, "2"));
  put_page(&w, 1, KEYS_URL, SET(A("1")));
  w.x.now = X_T0 + 299999;
  is_granted(&w, "F10 in its time", signed_by(&w, TEST_CLIENT_B_PRIVATE, "2"));
  assert_int_equal(w.fetched, 0);
  w.x.now++;
  ends(&w, "F10 after it", signed_by(&w, TEST_CLIENT_B_PRIVATE, "2"), OCC_REFUSE, 401,
       "jose_key_unknown");
  is_granted(&w, "F10 the other", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  web_close(&w);
}

/* F11: keys are fetched out of the budget of the host where they are. */
static void test_keys__of_another_host(void **state)
{
  static const char elsewhere[] = "https://keys.example.net/k";
  web w;
  (void)state;

  web_open(&w, "{\"fetches_per_minute_per_host\":1}");
  put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
  put_page(&w, 1, KEYS_URL, SET(A("1")));
  ends(&w, "F11 the same host", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"), OCC_FAILED, 503,
       "host_retry");
  assert_int_equal(w.fetched, 1);
  web_close(&w);
  web_open(&w, "{\"fetches_per_minute_per_host\":1}");
  put_page(&w, 0, ID, DOC(PKJWT ",\"jwks_uri\":\"https://keys.example.net/k\"" GRANTS));
  put_page(&w, 1, elsewhere, SET(A("1")));
  is_granted(&w, "F11 another", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  assert_int_equal(w.fetched, 2);
  web_close(&w);
}

/* D12, AU-2, AU-3 */
static void test_client__must_authenticate(void **state)
{
  web w;
  (void)state;

  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
  ends(&w, "AU-2 without an assertion", PUBLIC, OCC_REFUSE, 401, "client_not_authenticated");
  ends(&w, "AU-3 another key", signed_by(&w, TEST_CLIENT_B_PRIVATE, "1"), OCC_REFUSE, 401, NULL);
  is_granted(&w, "AU-3", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
  web_close(&w);
  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(",\"token_endpoint_auth_method\":\"foo_jwt\"" GRANTS));
  ends(&w, "D12", PUBLIC, OCC_REFUSE, 401, "client_not_authenticated");
  web_close(&w);
}

/* ---- Waiting ---- */

static occ_txn *at_fetch(web *w)
{
  occ_txn *txn = web_txn(w, PUBLIC);

  w->x.stop = OCC_ASK_FETCH;
  assert_int_equal(web_run(w, txn), OCC_PENDING);
  w->x.stop = OCC_ASK_NONE;
  return txn;
}

static occ_txn *at_wait(web *w)
{
  occ_txn *txn = NULL;

  assert_int_equal(occ_txn_new(&txn, w->x.server, OCC_TOKEN, w), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, PUBLIC, strlen(PUBLIC)), OCC_OK);
  assert_int_equal(occ_txn_run(txn, w->x.now), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, OCC_ASK_WAIT);
  return txn;
}

static void test_wait__a_follower_has_what_was_fetched(void **state)
{
  occ_txn *first, *second;
  web w;
  (void)state;

  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(GRANTS));
  first = at_fetch(&w);
  second = at_wait(&w);
  w.fetched = 0;
  (void)web_run(&w, first);
  assert_int_equal(occ_txn_outcome(first), OCC_GRANT);
  assert_int_equal(wakes, 1);
  assert_ptr_equal(woken[0], &w);
  (void)web_run(&w, second);
  assert_int_equal(occ_txn_outcome(second), OCC_GRANT);
  assert_int_equal(w.fetched, 1);
  occ_txn_free(first);
  occ_txn_free(second);
  web_close(&w);
}

/* G08: the one that fetches goes away, in each way in which it can. */
static void test_wait__a_follower_takes_over(void **state)
{
  (void)state;

  for (int way = 0; way < 4; way++) {
    occ_txn *first, *second;
    web w;

    print_message("  way %d\n", way);
    web_open(&w, NULL);
    first = at_fetch(&w);
    second = at_wait(&w);
    if (way == 0) {
      occ_txn_free(first);
      first = NULL;
    } else if (way == 1) { /* its deadline */
      occ_txn_free(second);
      w.x.now += 5000;
      second = at_wait(&w);
      w.x.now += 5000;
      assert_int_equal(occ_txn_run(first, w.x.now), OCC_ERR_DEADLINE);
    } else if (way == 2) { /* its fetcher cannot say */
      assert_int_equal(occ_txn_answer(first, occ_txn_question(first)->ticket, OCC_RETRY, NULL, 0),
                       OCC_OK);
      assert_int_equal(occ_txn_run(first, w.x.now), OCC_ERR_ANSWER);
    } else { /* nothing: only time passes, and the host forgot it */
      occ_txn_free(second);
      w.x.now += 5000;
      second = at_wait(&w);
      w.x.now += 5000;
    }
    assert_int_equal(wakes, way == 3 ? 0 : 1);
    put_page(&w, 0, ID, DOC(GRANTS));
    w.fetched = 0;
    (void)web_run(&w, second);
    assert_int_equal(occ_txn_outcome(second), OCC_GRANT);
    assert_int_equal(w.fetched, 1);
    occ_txn_free(first);
    occ_txn_free(second);
    web_close(&w);
  }
}

static void test_wait__a_follower_goes(void **state)
{
  occ_txn *first, *second;
  web w;
  (void)state;

  web_open(&w, NULL);
  put_page(&w, 0, ID, DOC(GRANTS));
  first = at_fetch(&w);
  second = at_wait(&w);
  occ_txn_free(second);
  (void)web_run(&w, first);
  assert_int_equal(occ_txn_outcome(first), OCC_GRANT);
  assert_int_equal(wakes, 0);
  occ_txn_free(first);
  web_close(&w);
}

/* ---- The document goes while its keys are fetched ---- */

/* Known, with keys that have to be fetched again; the document is over a moment later. */
static void open_with_old_keys(web *w)
{
  web_open(w, NULL);
  w->page[0] = (page){ ID, DOC(PKJWT URI GRANTS), JSON_TYPE "Cache-Control: max-age=600\r\n", 200 };
  w->page[1] = (page){ KEYS_URL, SET(A("1")), JSON_TYPE "Cache-Control: max-age=60\r\n", 200 };
  is_granted(w, "known", signed_by(w, TEST_CLIENT_A_PRIVATE, "1"));
  w->x.now = X_T0 + 599999;
}

static occ_txn *at_keys(web *w, occ_ask stop, void *user_data)
{
  const char *body = signed_by(w, TEST_CLIENT_A_PRIVATE, "1");
  occ_txn *txn = NULL;

  assert_int_equal(occ_txn_new(&txn, w->x.server, OCC_TOKEN, user_data), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, body, strlen(body)), OCC_OK);
  assert_int_equal(occ_txn_run(txn, w->x.now), OCC_PENDING);
  assert_int_equal(occ_txn_question(txn)->kind, stop);
  if (stop == OCC_ASK_FETCH) {
    assert_string_equal(occ_txn_question(txn)->url, KEYS_URL);
  }
  return txn;
}

/* What it fetched are keys, whatever has become of the document: over, forgotten, or pushed out. */
static void test_keys__are_taken_without_the_document(void **state)
{
  (void)state;

  for (int way = 0; way < 2; way++) {
    occ_txn *txn;
    web w;

    print_message("  way %d\n", way);
    open_with_old_keys(&w);
    txn = at_keys(&w, OCC_ASK_FETCH, NULL);
    if (way == 0) {
      w.x.now++;
    } else {
      assert_int_equal(occ_cimd_forget(w.cimd, ID), OCC_OK);
    }
    w.fetched = 0;
    (void)web_run(&w, txn);
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    assert_int_equal(w.fetched, 1);
    assert_int_equal(w.x.asked[OCC_ASK_KEYS], 0);
    occ_txn_free(txn);
    is_granted(&w, "the next", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
    assert_int_equal(w.fetched, 1); /* the document alone */
    web_close(&w);
  }
}

/* Who waited for the keys has them then. */
static void test_wait__for_keys_without_the_document(void **state)
{
  (void)state;

  for (int way = 0; way < 2; way++) {
    occ_txn *first, *second;
    web w;

    print_message("  way %d\n", way);
    open_with_old_keys(&w);
    first = at_keys(&w, OCC_ASK_FETCH, NULL);
    second = at_keys(&w, OCC_ASK_WAIT, &w);
    w.x.now++;
    if (way == 0) {
      (void)web_run(&w, first);
      assert_int_equal(occ_txn_outcome(first), OCC_GRANT);
    } else {
      occ_txn_free(first);
      first = NULL;
    }
    assert_int_equal(wakes, 1);
    (void)web_run(&w, second);
    assert_int_equal(occ_txn_outcome(second), OCC_GRANT);
    occ_txn_free(first);
    occ_txn_free(second);
    web_close(&w);
  }
}

/* One that waited for the keys and then has to fetch the document waits no more: it may be gone when they come. */
static void test_wait__goes_on_to_the_document(void **state)
{
  occ_txn *first, *second;
  web w;
  (void)state;

  open_with_old_keys(&w);
  first = at_keys(&w, OCC_ASK_FETCH, NULL);
  second = at_keys(&w, OCC_ASK_WAIT, &w);
  w.x.now++;
  assert_int_equal(occ_txn_run(second, w.x.now), OCC_PENDING);
  assert_string_equal(occ_txn_question(second)->url, ID);
  occ_txn_free(second);
  (void)web_run(&w, first);
  assert_int_equal(occ_txn_outcome(first), OCC_GRANT);
  assert_int_equal(wakes, 0);
  occ_txn_free(first);
  web_close(&w);
}

/* ... nor one that has its answer: the document names no keys any more, or is not to be had. */
static void test_wait__has_its_answer(void **state)
{
  (void)state;

  for (int way = 0; way < 2; way++) {
    occ_txn *first, *second;
    web w;

    print_message("  way %d\n", way);
    open_with_old_keys(&w);
    first = at_keys(&w, OCC_ASK_FETCH, NULL);
    second = at_keys(&w, OCC_ASK_WAIT, &w);
    w.x.now++;
    if (way == 0) {
      put_page(&w, 0, ID, DOC(PKJWT JWKS(A("1")) GRANTS));
    } else {
      w.page[0].status = 500;
    }
    (void)web_run(&w, second);
    assert_int_equal(occ_txn_outcome(second), way == 0 ? OCC_GRANT : OCC_FAILED);
    occ_txn_free(second);
    (void)web_run(&w, first);
    assert_int_equal(occ_txn_outcome(first), OCC_GRANT);
    assert_int_equal(wakes, 0);
    occ_txn_free(first);
    web_close(&w);
  }
}

/* ---- The rest ---- */

/* G09: whatever fails, it is refused or failed, nothing is left, and the next request gets there. */
static void test_txn__survives_every_failed_allocation(void **state)
{
  int ended = 0;
  (void)state;

  for (size_t n = 0; !ended && n < 400; n++) {
    memory m = { .verdict = OCC_YES };
    occ_txn *txn;
    web w;

    strcpy(m.record, "{\"first_seen\":5,\"keys\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    web_open_with(&w, NULL, CONFIG, &m);
    put_page(&w, 0, ID, DOC(PKJWT URI GRANTS));
    put_page(&w, 1, KEYS_URL, SET(A("1") "," B("2")));
    w.x.fm.until = w.x.fm.count + n;
    txn = web_txn(&w, signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
    if (txn != NULL) {
      (void)web_run(&w, txn);
      assert_true(occ_txn_outcome(txn) == OCC_GRANT || w.x.fm.failed);
    }
    ended = !w.x.fm.failed;
    occ_txn_free(txn);
    w.x.fm.until = SIZE_MAX;
    w.x.now += 2000; /* a failure that was told as the host's makes a pause */
    is_granted(&w, "afterwards", signed_by(&w, TEST_CLIENT_A_PRIVATE, "1"));
    web_close(&w);
  }
  assert_true(ended);
}

static void test_cimd_new__survives_every_failed_allocation(void **state)
{
  int rc = OCC_ERR_MEMORY;
  x_host x;
  (void)state;

  x_init(&x, SIZE_MAX, false);
  for (size_t n = 0; n < 100; n++) {
    occ_cimd *cimd = NULL;
    size_t live = x.fm.live;

    x.fm.failed = false;
    x.fm.until = x.fm.count + n;
    rc = occ_cimd_new(&cimd, x.lib, "{\"hosts\":[\"a.org\",\"b.org\"]}");
    if (!x.fm.failed) {
      occ_cimd_free(cimd);
      break;
    }
    assert_int_equal(rc, OCC_ERR_MEMORY);
    assert_null(cimd);
    assert_int_equal(x.fm.live, live);
  }
  assert_int_equal(rc, OCC_OK);
  x.server = NULL;
  x_close(&x);
}

static void test_cimd__arguments(void **state)
{
  struct sockaddr_in in = { .sin_family = AF_INET };
  char id[2100];
  occ_cimd *cimd = (occ_cimd *)(uintptr_t)1;
  web w;
  (void)state;

  web_open(&w, "{\"development\":true,\"allow_addresses\":[\"127.0.0.2/32\"]}");
  assert_int_equal(occ_cimd_new(NULL, w.x.lib, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_new(&cimd, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_null(cimd);
  assert_int_equal(occ_cimd_new(&cimd, w.x.lib, "[]"), OCC_ERR_SYNTAX);
  assert_null(cimd);
  assert_int_equal(occ_cimd_remember(NULL, recall, keep, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_remember(w.cimd, NULL, keep, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_remember(w.cimd, recall, NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_remember(w.cimd, recall, keep, NULL), OCC_ERR_STATE);
  occ_cimd_hold(NULL);
  assert_int_equal(occ_cimd_attach(NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_attach(w.cimd, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_forget(NULL, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_forget(w.cimd, ""), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_cimd_forget(w.cimd, NULL), OCC_OK);
  memset(id, 'a', sizeof(id));
  id[2048] = '\0';
  assert_int_equal(occ_cimd_forget(w.cimd, id), OCC_OK);
  id[2048] = 'a';
  id[2049] = '\0';
  assert_int_equal(occ_cimd_forget(w.cimd, id), OCC_ERR_ARGUMENT);
  assert_int_equal(inet_pton(AF_INET, "127.0.0.2", &in.sin_addr), 1);
  assert_int_equal(occ_cimd_may_connect(w.cimd, (struct sockaddr *)&in, sizeof(in)), 1);
  assert_int_equal(occ_cimd_may_connect(NULL, (struct sockaddr *)&in, sizeof(in)), 0);
  assert_int_equal(occ_cimd_may_connect(w.cimd, NULL, sizeof(in)), 0);
  assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &in.sin_addr), 1);
  assert_int_equal(occ_cimd_may_connect(w.cimd, (struct sockaddr *)&in, sizeof(in)), 0);
  occ_cimd_free(NULL);
  web_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_client__is_fetched_once),
    cmocka_unit_test(test_client__the_fetch_has_its_limit),
    cmocka_unit_test(test_client__is_not_fetched),
    cmocka_unit_test(test_client__two_names),
    cmocka_unit_test(test_client__is_logged_safely),
    cmocka_unit_test(test_client__hosts),
    cmocka_unit_test(test_client__failures_look_alike_outside),
    cmocka_unit_test(test_client__budget),
    cmocka_unit_test(test_client__grants),
    cmocka_unit_test(test_client__challenge_only_with_the_flag),
    cmocka_unit_test(test_client__facts_for_the_policy),
    cmocka_unit_test(test_client__changes_add_up),
    cmocka_unit_test(test_memory__is_asked_when_there_is_news),
    cmocka_unit_test(test_memory__lasts),
    cmocka_unit_test(test_memory__of_several_nodes),
    cmocka_unit_test(test_memory__of_another_origin),
    cmocka_unit_test(test_memory__without_an_end),
    cmocka_unit_test(test_memory__is_away),
    cmocka_unit_test(test_memory__of_what_is_forgotten),
    cmocka_unit_test(test_keys__of_jwks_uri),
    cmocka_unit_test(test_keys__are_new_at_once),
    cmocka_unit_test(test_keys__failures),
    cmocka_unit_test(test_keys__the_fetch_has_its_limit),
    cmocka_unit_test(test_keys__of_others_are_the_hosts),
    cmocka_unit_test(test_keys__of_evidence),
    cmocka_unit_test(test_keys__are_for_signatures),
    cmocka_unit_test(test_keys__without_a_kid),
    cmocka_unit_test(test_keys__taken_away),
    cmocka_unit_test(test_keys__of_another_host),
    cmocka_unit_test(test_client__must_authenticate),
    cmocka_unit_test(test_wait__a_follower_has_what_was_fetched),
    cmocka_unit_test(test_wait__a_follower_takes_over),
    cmocka_unit_test(test_wait__a_follower_goes),
    cmocka_unit_test(test_keys__are_taken_without_the_document),
    cmocka_unit_test(test_wait__for_keys_without_the_document),
    cmocka_unit_test(test_wait__goes_on_to_the_document),
    cmocka_unit_test(test_wait__has_its_answer),
    cmocka_unit_test(test_txn__survives_every_failed_allocation),
    cmocka_unit_test(test_cimd_new__survives_every_failed_allocation),
    cmocka_unit_test(test_cimd__arguments),
  };
  return cmocka_run_group_tests_name("cimd/cimd", tests, NULL, NULL);
}
