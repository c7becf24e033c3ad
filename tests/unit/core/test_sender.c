/* SPDX-License-Identifier: MIT */

/* The state SENDER where transcripts cannot look closely enough: that a handle in strange hands tells nothing, compared
 * octet for octet, and how long a proof may be. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn_host.h"

#define REST                                                                                       \
  "\"types\":{\"t\":{\"class\":\"provenance\",\"params\":[\"ev\"]}},"                              \
  "\"requirements\":{\"r\":{\"type\":\"t\"},\"p\":{\"type\":\"dpop_proof\"}}}"
#define CONFIG "{" X_BASE REST
#define DAY    INT64_C(86400)

static x_host host;

static int set_up(void **state)
{
  x_open(&host, CONFIG, NULL, NULL);
  *state = &host;
  return 0;
}

static int tear_down(void **state)
{
  x_close(*state);
  return 0;
}

static void use_server(x_host *x, const char *issuer, const char *json)
{
  occ_config *config = NULL;

  occ_server_free(x->server);
  x->server = NULL;
  assert_int_equal(occ_config_new(&config, x->lib, issuer), OCC_OK);
  assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
  assert_int_equal(occ_config_load(config, json, strlen(json)), OCC_OK);
  assert_int_equal(occ_server_new(&x->server, config), OCC_OK);
  occ_config_free(config);
}

/* ---- A stolen handle ---- */

typedef enum handle_is { ALIVE = 0, FORGED, EXPIRED } handle_is;
typedef enum nonce_is { THE_HANDLE = 0, ANOTHER, NONE } nonce_is;
typedef enum proof_is { GOOD = 0, OLD, BROKEN } proof_is;

/* What a client learns, but for the values of its headers, which are random. */
typedef struct told {
  int status;
  char body[512], headers[512];
} told;

static void listen(told *out, const occ_txn *txn)
{
  memset(out, 0, sizeof(*out));
  out->status = occ_txn_http_status(txn);
  (void)snprintf(out->body, sizeof(out->body), "%s", occ_txn_body(txn, NULL));
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    const size_t len = strlen(out->headers);
    (void)snprintf(out->headers + len, sizeof(out->headers) - len, "%s\n",
                   occ_txn_header_name(txn, i));
  }
}

static void spoil(char *text, size_t from_end)
{
  char *at = text + strlen(text) - from_end;

  *at = *at == 'A' ? 'B' : 'A';
}

static char *make_proof(const char *key, int64_t iat, const char *nonce)
{
  static unsigned proofs;
  char jti[24];

  (void)snprintf(jti, sizeof(jti), "j-%u", proofs++);
  return test_dpop(key, "POST", X_TOKEN, iat, jti, nonce);
}

/* What the stranger is told who shows the handle and a proof of his own key. The policy says no to whoever comes so far. */
static told ask_as_stranger(x_host *x, handle_is handle, nonce_is nonce, proof_is proof)
{
  char owned[OCC__MAX_HANDLE + 1];
  char *dpop;
  told answer;
  occ_txn *txn;

  memcpy(owned, x->handle, sizeof(owned));
  if (handle == FORGED) {
    spoil(x->handle, 1 + strlen(x->handle) / 2);
  }
  x->now = X_T0 + (handle == EXPIRED ? OCC__EXPIRY_S * 1000 : 0);
  dpop = make_proof(TEST_CLIENT_B_PRIVATE, x->now / 1000 - (proof == OLD ? DAY : 0),
                    nonce == NONE      ? NULL
                    : nonce == ANOTHER ? "of-a-resource-server"
                                       : x->handle);
  if (proof == BROKEN) {
    spoil(dpop, 10);
  }
  x->dpop = dpop;
  x->challenge = NULL;
  txn = x_follow_up(x, "");
  x->stop = OCC_ASK_DECIDE;
  if (x_run(x, txn) == OCC_PENDING) {
    assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_NO, NULL, 0), OCC_OK);
    assert_int_equal(occ_txn_run(txn, x->now), OCC_OK);
  }
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  listen(&answer, txn);
  occ_txn_free(txn);
  free(dpop);
  x->dpop = NULL;
  x->stop = OCC_ASK_NONE;
  x->now = X_T0;
  memcpy(x->handle, owned, sizeof(owned));
  return answer;
}

static const struct {
  const char *why, *options, *error[3]; /* by the proof, where its nonce is the handle */
} mode[] = {
  { "off",
    "\"dpop_nonce\":\"off\",",
    { "unauthorized_client", "invalid_dpop_proof", "invalid_dpop_proof" } },
  { "off, unknown ones are refused",
    "\"dpop_nonce\":\"off\",\"dpop_nonce_unknown\":\"refuse\",",
    { "invalid_dpop_proof", "invalid_dpop_proof", "invalid_dpop_proof" } },
  { "accept",
    "\"dpop_nonce\":\"accept\",",
    { "unauthorized_client", "invalid_dpop_proof", "invalid_dpop_proof" } },
  { "accept, unknown ones are refused",
    "\"dpop_nonce_unknown\":\"refuse\",",
    { "use_dpop_nonce", "invalid_dpop_proof", "use_dpop_nonce" } },
  { "require",
    "\"dpop_nonce\":\"require\",",
    { "use_dpop_nonce", "invalid_dpop_proof", "use_dpop_nonce" } },
};

static void compare(x_host *x, size_t m, nonce_is nonce, proof_is proof)
{
  const told live = ask_as_stranger(x, ALIVE, nonce, proof);
  char error[80];

  if (nonce == THE_HANDLE) {
    (void)snprintf(error, sizeof(error), "{\"error\":\"%s\"", mode[m].error[proof]);
    assert_memory_equal(live.body, error, strlen(error));
  }
  for (int handle = FORGED; handle <= EXPIRED; handle++) {
    const told other = ask_as_stranger(x, (handle_is)handle, nonce, proof);

    assert_int_equal(live.status, other.status);
    assert_string_equal(live.body, other.body);
    assert_string_equal(live.headers, other.headers);
  }
}

/* A live handle of agent-7, in the mode; the name is the requirement's. */
static void steal(x_host *x, size_t m, const char *requirement, const char *key)
{
  char json[1024], *first;

  (void)snprintf(json, sizeof(json), "{%s" X_BASE "%s", mode[m].options, REST);
  use_server(x, X_ISSUER, CONFIG); /* where a first proof needs no nonce */
  x->client = X_CLIENT;
  x->challenge = requirement;
  first = key == NULL ? NULL : make_proof(key, X_T0 / 1000, NULL);
  x->dpop = first;
  x_challenge(x);
  x->dpop = NULL;
  free(first);
  use_server(x, X_ISSUER, json);
}

static void compare_all(x_host *x, size_t m)
{
  for (int nonce = THE_HANDLE; nonce <= NONE; nonce++) {
    for (int proof = GOOD; proof <= BROKEN; proof++) {
      x->used_count = 0;
      compare(x, m, (nonce_is)nonce, (proof_is)proof);
    }
  }
}

/* O-08: whether a handle lives is nobody's business but its owner's, and it makes nobody's old proofs good. The requirement
 * p is that of dpop_proof, for which SENDER leaves the nonce to SESSION. */
static void test_sender__stolen_handle_tells_nothing(void **state)
{
  static const struct {
    const char *why, *client, *key;
  } who[] = {
    { "another client with another key", "agent-8", NULL },
    { "the client itself with another key", X_CLIENT, TEST_CLIENT_A_PRIVATE },
  };
  static const char *const requirement[] = { "r", "p" };
  x_host *x = *state;

  for (size_t m = 0; m < X_ROWS(mode); m++) {
    for (size_t i = 0; i < X_ROWS(who) * X_ROWS(requirement); i++) {
      print_message("  %s: %s, %s\n", mode[m].why, who[i / 2].why, requirement[i % 2]);
      steal(x, m, requirement[i % 2], who[i / 2].key);
      x->client = who[i / 2].client;
      compare_all(x, m);
    }
  }
}

static void test_sender__stolen_handle_tells_nothing_at_another_issuers_server(void **state)
{
  x_host *x = *state;
  char json[1024];

  for (size_t m = 0; m < X_ROWS(mode); m++) {
    print_message("  %s\n", mode[m].why);
    steal(x, m, "r", NULL);
    (void)snprintf(json, sizeof(json), "{%s" X_BASE "%s", mode[m].options, REST);
    use_server(x, "https://second.example", json); /* the ring and the store are the same */
    compare_all(x, m);
  }
}

/* ---- The length of a proof ---- */

/* A good proof of so many characters. */
static char *make_long_proof(size_t len, const char *jti)
{
  static char header[OCC__MAX_PROOF], claims[OCC__MAX_PROOF], pad[OCC__MAX_PROOF];

  memset(pad, 'x', sizeof(pad) - 1);
  for (int more = 0; more < 3;
       more++) { /* base64url has no lengths of 4n + 1, so two parts share */
    (void)snprintf(header, sizeof(header),
                   "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"x\":\"%.*s\",\"jwk\":%s}", more, pad,
                   TEST_CLIENT_A_PUBLIC);
    for (int n = 2000; n < 3200; n++) {
      char *proof;
      const int claims_len =
          snprintf(claims, sizeof(claims),
                   "{\"jti\":\"%s\",\"htm\":\"POST\",\"htu\":\"" X_TOKEN "\",\"iat\":1800000000,"
                   "\"x\":\"%.*s\"}",
                   jti, n, pad);
      const size_t made = (strlen(header) * 4 + 2) / 3 + ((size_t)claims_len * 4 + 2) / 3 + 2 + 86;
      if (made == len) {
        proof = test_jws(TEST_CLIENT_A_PRIVATE, header, claims);
        assert_int_equal(strlen(proof), len);
        return proof;
      }
    }
  }
  fail_msg("no proof of %u characters", (unsigned)len);
  return NULL;
}

static void test_sender__proof_has_a_limit(void **state)
{
  x_host *x = *state;

  for (size_t len = OCC__MAX_PROOF - 1; len <= OCC__MAX_PROOF + 1; len++) {
    char jti[16], *proof;
    occ_txn *txn;

    (void)snprintf(jti, sizeof(jti), "long-%u", (unsigned)(len % 10000));
    proof = make_long_proof(len, jti);
    x->dpop = proof;
    txn = x_txn(x, X_BODY);
    assert_int_equal(x_run(x, txn), OCC_OK);
    if (len <= OCC__MAX_PROOF) {
      assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
      assert_string_equal(occ_txn_sender(txn, OCC_SENDER_DPOP), TEST_CLIENT_A_THUMBPRINT);
    } else {
      assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
      assert_string_equal(occ_txn_reason(txn), "jose_malformed");
      assert_non_null(strstr(occ_txn_body(txn, NULL), "\"invalid_dpop_proof\""));
      assert_null(occ_txn_sender(txn, OCC_SENDER_DPOP));
    }
    occ_txn_free(txn);
    free(proof);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The proofs of RFC 9449, at the server that they were made for and at their time; the second has the jti of the first,
 * 45 minutes later. */
static void test_sender__published_proofs(void **state)
{
  static const struct {
    const char *why, *proof;
    int64_t now;
    const char *reason; /* NULL: granted */
  } row[] = {
    { "RFC 9449 4.1",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgt"
      "MzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VO"
      "SmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFR"
      "jIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
      "xNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FN"
      "yJK70nfbV37xRZT3Lg",
      1562262616, NULL },
    { "the same a minute later",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgt"
      "MzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VO"
      "SmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFR"
      "jIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
      "xNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FN"
      "yJK70nfbV37xRZT3Lg",
      1562262677, "dpop_time" },
    { "RFC 9449 5, of a refresh",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgt"
      "MzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VO"
      "SmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFR"
      "jIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
      "xNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8yn"
      "rrvZLTk41mSRroapUA",
      1562265296, NULL },
    { "RFC 9449 7.1, for a resource server",
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgt"
      "MzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VO"
      "SmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUV"
      "CIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXN"
      "vdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUl"
      "pS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy"
      "1dqd-jfxSYoMxhAJpLjA",
      1562262618, "dpop_htm" },
  };
  x_host *x = *state;

  use_server(x, "https://server.example.com",
             "{\"token_urls\":[\"https://server.example.com/token\"],\"store_id\":\"" X_STORE_ID
             "\"}");
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    x->dpop = row[i].proof;
    x->now = row[i].now * 1000;
    x->used_count = 0; /* the store has forgotten what was before */
    txn = x_txn(x, X_BODY);
    print_message("  %s\n", row[i].why);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), row[i].reason == NULL ? OCC_GRANT : OCC_REFUSE);
    if (row[i].reason == NULL) { /* RFC 9449 6.1 */
      assert_string_equal(occ_txn_confirmation(txn),
                          "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}");
    } else {
      assert_string_equal(occ_txn_reason(txn), row[i].reason);
    }
    occ_txn_free(txn);
  }
  x->dpop = NULL;
}

/* RFC 9449 8: a nonce has dots, too; it is not ours. */
static void test_sender__published_nonce(void **state)
{
  static const char *const config[] = { CONFIG, "{" X_BASE "\"dpop_nonce\":\"require\"}" };
  x_host *x = *state;
  char *proof = test_dpop(TEST_CLIENT_A_PRIVATE, "POST", X_TOKEN, X_T0 / 1000, "n",
                          "eyJ7S_zG.eyJH0-Z.HX4w-7v");

  for (size_t i = 0; i < X_ROWS(config); i++) {
    occ_txn *txn;

    use_server(x, X_ISSUER, config[i]);
    x->dpop = proof;
    x->used_count = 0;
    txn = x_txn(x, X_BODY);
    assert_int_equal(x_run(x, txn), OCC_OK);
    assert_int_equal(occ_txn_outcome(txn), i == 0 ? OCC_GRANT : OCC_REFUSE);
    assert_true(i == 0 || strcmp(occ_txn_reason(txn), "dpop_nonce_unknown") == 0);
    occ_txn_free(txn);
  }
  x->dpop = NULL;
  free(proof);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(test_sender__stolen_handle_tells_nothing),
    TEST(test_sender__stolen_handle_tells_nothing_at_another_issuers_server),
    TEST(test_sender__proof_has_a_limit),
    TEST(test_sender__published_proofs),
    TEST(test_sender__published_nonce),
  };

  return cmocka_run_group_tests_name("core/sender", tests, NULL, NULL);
}
