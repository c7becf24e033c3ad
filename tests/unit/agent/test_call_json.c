/* SPDX-License-Identifier: MIT */

/* A call driven by JSON texts alone, as a binding of another language does. */

#include "agent_host.h"

#include <stdlib.h>

static int answer(host *h, const char *json)
{
  return occ_call_answer_json(h->call, json, strlen(json));
}

/* Where the text has a $, the ticket of the open question is put. */
static int answer_open(host *h, const char *text)
{
  const occ_question *q = occ_call_question(h->call);
  const char *mark = strchr(text, '$');
  char json[4096];

  assert_non_null(q);
  if (mark == NULL) {
    return answer(h, text);
  }
  snprintf(json, sizeof(json), "%.*s%llu%s", (int)(mark - text), text,
           (unsigned long long)q->ticket, mark + 1);
  return answer(h, json);
}

static json_t *question(host *h)
{
  size_t len = 0;
  const char *text = occ_call_question_json(h->call, &len);
  json_t *root;

  assert_non_null(text);
  assert_int_equal(len, strlen(text));
  root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  assert_int_equal(json_integer_value(json_object_get(root, "ticket")),
                   occ_call_question(h->call)->ticket);
  return root;
}

static const char *text_of(const json_t *root, const char *name)
{
  const char *text = json_string_value(json_object_get(root, name));
  return text == NULL ? "" : text;
}

#define SENT_403                                                                                   \
  "{\"ticket\":$,\"answer\":\"sent\",\"status\":403,\"headers\":[[\"DPoP-Nonce\",\"n-1\"]],"       \
  "\"data\":\"{\\\"error\\\":\\\"insufficient_client_authorization\\\","                           \
  "\\\"authorization_requirement\\\":{\\\"type\\\":\\\"t\\\"},\\\"challenge_session\\\":"          \
  "\\\"s-1\\\",\\\"expires_in\\\":60}\"}"
#define SENT_200                                                                                   \
  "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"data\":\"{\\\"access_token\\\":\\\"x\\\""    \
  "}\"}"

static void test_occ_call_question_json__whole_call(void **state)
{
  uint8_t sig[64];
  char b64[OCC__B64_LEN(64) + 1], json[256];
  json_t *q, *headers;
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  host_key(&h, "dpop", OKP_PUBLIC);
  h.signer = OKP_PRIVATE;
  host_call(&h);
  assert_null(occ_call_question_json(h.call, NULL));

  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  q = question(&h);
  assert_string_equal(text_of(q, "kind"), "sign");
  assert_string_equal(text_of(q, "kid"), "signer-1");
  assert_string_equal(text_of(q, "data"), (const char *)occ_call_question(h.call)->data);
  json_decref(q);
  assert_int_equal(host_signature(&h, occ_call_question(h.call), sig), OCC_OK);
  (void)occ__b64_encode(b64, sig, sizeof(sig));
  snprintf(json, sizeof(json), "{\"ticket\":%llu,\"answer\":\"yes\",\"data\":\"%s\"}",
           (unsigned long long)occ_call_question(h.call)->ticket, b64);
  assert_int_equal(answer(&h, json), OCC_OK);

  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  q = question(&h);
  assert_string_equal(text_of(q, "kind"), "send");
  assert_string_equal(text_of(q, "url"), TOKEN_URL);
  assert_string_equal(text_of(q, "data"),
                      "grant_type=client_credentials&scope=a+b&client_id=agent-7");
  headers = json_object_get(q, "headers");
  assert_int_equal(json_array_size(headers), 3);
  assert_string_equal(json_string_value(json_array_get(json_array_get(headers, 2), 0)), "DPoP");
  assert_string_equal(json_string_value(json_array_get(json_array_get(headers, 2), 1)),
                      occ_call_header_value(h.call, 2));
  json_decref(q);
  assert_int_equal(answer_open(&h, SENT_403), OCC_OK);
  assert_null(occ_call_question_json(h.call, NULL));

  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  q = question(&h);
  assert_string_equal(text_of(q, "kind"), "solve");
  assert_string_equal(text_of(q, "type"), "t");
  assert_string_equal(text_of(q, "nonce"), "s-1");
  assert_string_equal(text_of(q, "audience"), ISSUER);
  assert_string_equal(text_of(json_object_get(q, "wanted"), "type"), "t");
  assert_int_equal(json_integer_value(json_object_get(q, "deadline")), NOW + 60000);
  json_decref(q);
  assert_int_equal(answer_open(&h, "{\"ticket\":$,\"answer\":\"yes\",\"data\":{\"ev\":\"1\"}}"),
                   OCC_OK);

  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  q = question(&h);
  assert_string_equal(text_of(q, "kind"), "disclose");
  assert_string_equal(text_of(json_object_get(q, "data"), "ev"), "1");
  json_decref(q);
  assert_int_equal(answer_open(&h, "{\"ticket\":$,\"answer\":\"yes\"}"), OCC_OK);

  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING); /* SIGN, with the nonce */
  assert_int_equal(host_answer(&h, NULL, 0), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  assert_int_equal(answer_open(&h, SENT_200), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_OK);
  assert_null(occ_challenge_error(occ_call_result(h.call)));
  host_close(&h);
}

static void test_occ_call_answer_json__refuses(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "no JSON", "yes", OCC_ERR_SYNTAX },
    { "empty", "", OCC_ERR_SYNTAX },
    { "an array", "[$]", OCC_ERR_SYNTAX },
    { "a name twice", "{\"ticket\":$,\"ticket\":1,\"answer\":\"no\"}", OCC_ERR_SYNTAX },
    { "no ticket", "{\"answer\":\"no\"}", OCC_ERR_ARGUMENT },
    { "ticket as text", "{\"ticket\":\"$\",\"answer\":\"no\"}", OCC_ERR_ARGUMENT },
    { "ticket as a real", "{\"ticket\":$.0,\"answer\":\"no\"}", OCC_ERR_ARGUMENT },
    { "ticket zero", "{\"ticket\":0,\"answer\":\"no\"}", OCC_ERR_ARGUMENT },
    { "ticket below zero", "{\"ticket\":-$,\"answer\":\"no\"}", OCC_ERR_ARGUMENT },
    { "another ticket", "{\"ticket\":$0,\"answer\":\"no\"}", OCC_ERR_STALE },
    { "no answer", "{\"ticket\":$}", OCC_ERR_ARGUMENT },
    { "answer true", "{\"ticket\":$,\"answer\":true}", OCC_ERR_ARGUMENT },
    { "answer unknown", "{\"ticket\":$,\"answer\":\"maybe\"}", OCC_ERR_ARGUMENT },
    { "answer in capitals", "{\"ticket\":$,\"answer\":\"YES\"}", OCC_ERR_ARGUMENT },
    { "yes to SEND", "{\"ticket\":$,\"answer\":\"yes\"}", OCC_ERR_ARGUMENT },
    { "data a number", "{\"ticket\":$,\"answer\":\"no\",\"data\":7}", OCC_ERR_ARGUMENT },
    { "sent without a status", "{\"ticket\":$,\"answer\":\"sent\",\"data\":\"{}\"}",
      OCC_ERR_ARGUMENT },
    { "status as text", "{\"ticket\":$,\"answer\":\"sent\",\"status\":\"200\"}", OCC_ERR_ARGUMENT },
    { "status below zero", "{\"ticket\":$,\"answer\":\"sent\",\"status\":-1}", OCC_ERR_ARGUMENT },
    { "status 600", "{\"ticket\":$,\"answer\":\"sent\",\"status\":600}", OCC_ERR_ARGUMENT },
    { "status that would wrap", "{\"ticket\":$,\"answer\":\"sent\",\"status\":4294967496}",
      OCC_ERR_ARGUMENT },
    { "body an object", "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"data\":{}}",
      OCC_ERR_ARGUMENT },
    { "headers an object", "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":{}}",
      OCC_ERR_ARGUMENT },
    { "a header no pair", "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":[[\"a\"]]}",
      OCC_ERR_ARGUMENT },
    { "a header of three",
      "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":[[\"a\",\"b\",\"c\"]]}",
      OCC_ERR_ARGUMENT },
    { "a header a number",
      "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":[[\"a\",1]]}",
      OCC_ERR_ARGUMENT },
    { "a line end in a value",
      "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":[[\"a\",\"b\\r\\nc: d\"]]}",
      OCC_ERR_ARGUMENT },
    { "a line end in a name",
      "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":[[\"a\\n\",\"b\"]]}",
      OCC_ERR_ARGUMENT },
    { "a colon in a name",
      "{\"ticket\":$,\"answer\":\"sent\",\"status\":200,\"headers\":[[\"a: b\",\"c\"]]}",
      OCC_ERR_ARGUMENT },
  };
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  host_call(&h);
  assert_int_equal(answer(&h, "{\"ticket\":1,\"answer\":\"no\"}"), OCC_ERR_STALE); /* none open */
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(answer_open(&h, row[i].json), row[i].want);
    assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING); /* no effect */
  }
  assert_int_equal(occ_call_answer_json(NULL, "{}", 2), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_call_answer_json(h.call, NULL, 2), OCC_ERR_ARGUMENT);
  assert_int_equal(answer_open(&h, "{\"ticket\":$,\"answer\":\"sent\",\"status\":0}"), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_ANSWER);
  host_close(&h);
}

static void test_occ_call_answer_json__signatures(void **state)
{
  static const struct {
    const char *why, *json;
    int want;
  } row[] = {
    { "too short", "{\"ticket\":$,\"answer\":\"yes\",\"data\":\"AAAA\"}", OCC_ERR_ARGUMENT },
    { "no base64url", "{\"ticket\":$,\"answer\":\"yes\",\"data\":\"+/==\"}", OCC_ERR_ARGUMENT },
    { "sent to SIGN", SENT_200, OCC_ERR_ARGUMENT },
    { "no", "{\"ticket\":$,\"answer\":\"no\",\"data\":null}", OCC_OK },
  };
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  host_key(&h, "dpop", EC_PUBLIC);
  host_call(&h);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(answer_open(&h, row[i].json), row[i].want);
  }
  assert_int_equal(occ_call_run(h.call, NOW), OCC_ERR_ANSWER);
  host_close(&h);
}

/* SOLVE's data as text, and no to DISCLOSE. */
static void test_occ_call_answer_json__solve_as_text(void **state)
{
  host h;
  (void)state;

  host_open(&h, NULL, OPTIONS(""));
  host_call(&h);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  assert_int_equal(answer_open(&h, SENT_403), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  assert_int_equal(
      answer_open(&h, "{\"ticket\":$,\"answer\":\"yes\",\"data\":\"{\\\"ev\\\":\\\"1\\\"}\"}"),
      OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
  assert_int_equal(occ_call_question(h.call)->kind, OCC_ASK_DISCLOSE);
  assert_int_equal(answer_open(&h, "{\"ticket\":$,\"answer\":\"retry\"}"), OCC_OK);
  assert_int_equal(occ_call_run(h.call, NOW), OCC_OK);
  assert_string_equal(host_error(&h), "unauthorized_client");
  host_close(&h);
}

static void test_occ_call_json__survives_every_failed_allocation(void **state)
{
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    size_t n = 0;
    int done = 0;
    for (; n < 100 && !done; n++) {
      const char *text;
      fail_mem fm;
      host h;
      int rc;
      fail_mem_init(&fm, SIZE_MAX, false);
      host_open(&h, &fm.mem, OPTIONS(""));
      host_call(&h);
      assert_int_equal(occ_call_run(h.call, NOW), OCC_PENDING);
      fm.until = fm.count + n;
      fm.keep = keep != 0;
      text = occ_call_question_json(h.call, NULL);
      rc = answer_open(&h, SENT_403);
      done = text != NULL && rc == OCC_OK;
      assert_true(done || fm.failed);
      if (rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
        fm.keep = false;
        fm.until = SIZE_MAX;
        assert_int_equal(answer_open(&h, SENT_403), OCC_OK); /* it is still open */
      }
      host_close(&h);
      assert_int_equal(fm.live, 0);
    }
    assert_true(done);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_occ_call_question_json__whole_call),
    cmocka_unit_test(test_occ_call_answer_json__refuses),
    cmocka_unit_test(test_occ_call_answer_json__signatures),
    cmocka_unit_test(test_occ_call_answer_json__solve_as_text),
    cmocka_unit_test(test_occ_call_json__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("agent/call_json", tests, NULL, NULL);
}
