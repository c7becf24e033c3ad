/* SPDX-License-Identifier: MIT */

/* The canonical form: order, escapes, numbers, digests that two other programs computed. */

#include "jose/jcs.h"

#include "base/b64.h"
#include "base/limits.h"
#include "jose_test.h"

static occ_workspace *ws;

static int setup(void **state)
{
  (void)state;
  return occ__workspace_new(&ws, &occ__mem_libc);
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

static void test_jcs_write__gives_the_form(void **state)
{
  static const struct {
    const char *why, *json, *want;
  } row[] = {
    { "white space goes", " { \"a\" : [ 1 , 2 ] } ", "{\"a\":[1,2]}" },
    { "members are sorted", "{\"b\":1,\"a\":2,\"\":3,\"ab\":4}",
      "{\"\":3,\"a\":2,\"ab\":4,\"b\":1}" },
    { "at every depth, arrays are not", "[{\"z\":{\"y\":1,\"x\":2}},\"b\",\"a\"]",
      "[{\"z\":{\"x\":2,\"y\":1}},\"b\",\"a\"]" },
    { "empty ones", "[{},[],\"\"]", "[{},[],\"\"]" },
    { "words", "[true,false,null]", "[true,false,null]" },
    { "a string alone", "\"x\"", "\"x\"" },
    { "integers", "[0,-0,-1,42]", "[0,0,-1,42]" },
    { "2^53-1 is the last", "[9007199254740991,-9007199254740991]",
      "[9007199254740991,-9007199254740991]" },
    { "short escapes", "\"\\u0008\\u0009\\u000a\\u000c\\u000d\\u0022\\u005c\"",
      "\"\\b\\t\\n\\f\\r\\\"\\\\\"" },
    { "other controls in lower case", "\"\\u0001\\u000B\\u001F\\u001b\"",
      "\"\\u0001\\u000b\\u001f\\u001b\"" },
    { "nothing else is escaped", "\"\\/\\u007f\\u0080\\u20ac\\ud83d\\ude00<>&'\"",
      "\"/\x7f\xc2\x80\xe2\x82\xac\xf0\x9f\x98\x80<>&'\"" },
    { "no normalisation", "[\"\\u00e9\",\"e\\u0301\"]", "[\"\xc3\xa9\",\"e\xcc\x81\"]" },
    { "U+1F600 before U+FB33: UTF-16 order", "{\"\\ufb33\":1,\"\\ud83d\\ude00\":2}",
      "{\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}" },
    { "U+1F600 before U+E000", "{\"\\ue000\":1,\"\\ud83d\\ude00\":2}",
      "{\"\xf0\x9f\x98\x80\":2,\"\xee\x80\x80\":1}" },
    { "U+D7FF before U+1F600", "{\"\\ud83d\\ude00\":2,\"\\ud7ff\":1}",
      "{\"\xed\x9f\xbf\":1,\"\xf0\x9f\x98\x80\":2}" },
    { "U+E000 before U+FFFD", "{\"\\ufffd\":1,\"\\ue000\":2}",
      "{\"\xee\x80\x80\":2,\"\xef\xbf\xbd\":1}" },
    { "U+10000 before U+10FFFF", "{\"\\udbff\\udfff\":1,\"\\ud800\\udc00\":2}",
      "{\"\xf0\x90\x80\x80\":2,\"\xf4\x8f\xbf\xbf\":1}" },
    { "RFC 8785 section 3.2.3",
      "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew\","
      "\"1\":\"One\",\"\\ud83d\\ude00\":\"Smiley\",\"\\u0080\":\"Control\",\"\\u00f6\":\"o\"}",
      "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"o\","
      "\"\xe2\x82\xac\":\"Euro "
      "Sign\",\"\xf0\x9f\x98\x80\":\"Smiley\",\"\xef\xac\xb3\":\"Hebrew\"}" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *value = json_of(row[i].json);
    occ_buf out;

    occ__buf_init(&out, &occ__mem_libc, 1000);
    check_rc(row[i].why, occ__jcs_write(&out, value), OCC_OK);
    if (strcmp(occ__buf_string(&out), row[i].want) != 0) {
      fail_msg("%s: %s", row[i].why, occ__buf_string(&out));
    }
    occ__buf_clear(&out);
    json_decref(value);
  }
}

static void test_jcs_write__refuses(void **state)
{
  static const struct {
    const char *why, *json;
  } row[] = {
    { "1.0", "1.0" },
    { "1e21", "[1e21]" },
    { "1E-7", "{\"a\":1E-7}" },
    { "-0.0", "-0.0" },
    { "2^53", "9007199254740992" },
    { "9007199254740993", "{\"a\":[9007199254740993]}" },
    { "-2^53", "-9007199254740992" },
    { "int64 begin", "-9223372036854775808" },
  };
  static const uint8_t zero[OCC__SHA256_LEN];
  uint8_t digest[OCC__SHA256_LEN];
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *value = json_of(row[i].json);
    occ_buf out;

    occ__buf_init(&out, &occ__mem_libc, 1000);
    check_rc(row[i].why, occ__jcs_write(&out, value), OCC_ERR_SYNTAX);
    occ__buf_clear(&out);
    memset(digest, 0xaa, sizeof(digest));
    check_rc(row[i].why, occ__jcs_digest(digest, ws, &occ__mem_libc, value), OCC_ERR_SYNTAX);
    assert_memory_equal(digest, zero, sizeof(zero));
    json_decref(value);
  }
  check_rc("no value", occ__jcs_digest(digest, ws, &occ__mem_libc, NULL), OCC_ERR_SYNTAX);
}

/* Names of one, two, ... members in falling, rising and mixed order, beyond what is sorted without an allocation. */
static void test_jcs_write__sorts_any_number_of_members(void **state)
{
  (void)state;

  for (size_t count = 1; count <= 520; count += count < 40 ? 1 : 60) {
    for (size_t step = 1; step <= 7; step += 3) {
      json_t *object = json_object();
      occ_buf got, want;

      occ__buf_init(&got, &occ__mem_libc, 100000);
      occ__buf_init(&want, &occ__mem_libc, 100000);
      for (size_t i = 0; i < count; i++) {
        char name[8];

        /* 523 is prime and more than count: every name once. */
        (void)snprintf(name, sizeof(name), "%05zu", (count - i) * step * 31 % 523);
        assert_int_equal(json_object_set_new(object, name, json_integer(0)), 0);
      }
      assert_int_equal(json_object_size(object), count);
      (void)occ__buf_byte(&want, '{');
      for (size_t number = 0; number < 523; number++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%05zu", number);
        if (json_object_get(object, name) != NULL) {
          (void)snprintf(name, sizeof(name), "%s\"%05zu\":0", want.len > 1 ? "," : "", number);
          (void)occ__buf_text(&want, name);
        }
      }
      (void)occ__buf_byte(&want, '}');
      assert_int_equal(occ__jcs_write(&got, object), OCC_OK);
      assert_string_equal(occ__buf_string(&got), occ__buf_string(&want));
      occ__buf_clear(&got);
      occ__buf_clear(&want);
      json_decref(object);
    }
  }
}

#define DETAILS                                                                                    \
  "[{\"type\":\"payment_initiation\",\"actions\":[\"initiate\",\"status\",\"cancel\"],"            \
  "\"locations\":[\"https://api.openbanking.example/payments\"],"                                  \
  "\"instructedAmount\":{\"currency\":\"EUR\",\"amount\":\"123.50\"},"                             \
  "\"creditorName\":\"Merchant A\",\"creditorAccount\":{\"iban\":\"DE02100100109307118603\"},"     \
  "\"remittanceInformationUnstructured\":\"Ref Number Merchant\"}]"

#define ACTION                                                                                     \
  "{\"type\":\"urn:libocc:td:oauth-request\",\"credential_ids\":[\"mandate\"],"                    \
  "\"transaction_data_hashes_alg\":[\"sha-256\"],\"iss\":\"https://"                               \
  "authorization-server.example\","                                                                \
  "\"client_id\":\"client-1\",\"grant_type\":\"client_credentials\","                              \
  "\"resource\":[\"https://api.openbanking.example\"],\"authorization_details\":" DETAILS "}"

static void check_b64(const char *why, const uint8_t digest[OCC__SHA256_LEN], const char *want)
{
  char text[OCC__B64_LEN(OCC__SHA256_LEN) + 1];

  (void)occ__b64_encode(text, digest, OCC__SHA256_LEN);
  if (strcmp(text, want) != 0) {
    fail_msg("%s: %s", why, text);
  }
}

static void test_jcs_digest__gives_the_reference_digests(void **state)
{
  json_t *details = json_of(DETAILS), *action = json_of(ACTION);
  uint8_t digest[OCC__SHA256_LEN];
  char text[1000];
  size_t len;
  occ_buf out;
  (void)state;

  assert_int_equal(occ__jcs_digest(digest, ws, &occ__mem_libc, details), OCC_OK);
  check_b64("the draft's authorization_details", digest,
            "lwWMVNs3TH8ufntLW-EyKhQGHNybmAGcGUhMtLP9S24");
  assert_int_equal(occ__sha256(ws, digest, occ__span_text(DETAILS)), OCC_OK);
  check_b64("the same, octets as sent", digest, "jyG0_YNz4fKjxD9cULdZ_V40WhdvY8fUlEsuAdo7vx8");

  occ__buf_init(&out, &occ__mem_libc, 1000);
  assert_int_equal(occ__jcs_write(&out, action), OCC_OK);
  assert_int_equal(out.len, 606);
  len = occ__b64_encode(text, out.base, out.len);
  assert_int_equal(len, 808);
  assert_int_equal(occ__sha256(ws, digest, occ__span(text, len)), OCC_OK);
  check_b64("the action object, as transaction data", digest,
            "Cm6LGRycDbGP1a291GxQ2qkZ7W_pjVssybQJnYzWyxo");
  occ__buf_clear(&out);
  json_decref(details);
  json_decref(action);
}

static void test_jcs_digest__tells_values_apart_and_spellings_not(void **state)
{
  static const struct {
    const char *why, *a, *b;
    int same;
  } row[] = {
    { "order", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", 1 },
    { "escapes and space", "{\"a\":\"x/\"}", " { \"\\u0061\" : \"x\\/\" } ", 1 },
    { "order of an array", "[1,2]", "[2,1]", 0 },
    { "number and string", "[1]", "[\"1\"]", 0 },
    { "null and absent", "{\"a\":null}", "{}", 0 },
    { "false and null", "[false]", "[null]", 0 },
    { "case of a name", "{\"a\":1}", "{\"A\":1}", 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    json_t *a = json_of(row[i].a), *b = json_of(row[i].b);
    uint8_t da[OCC__SHA256_LEN], db[OCC__SHA256_LEN];

    check_rc(row[i].why, occ__jcs_digest(da, ws, &occ__mem_libc, a), OCC_OK);
    check_rc(row[i].why, occ__jcs_digest(db, ws, &occ__mem_libc, b), OCC_OK);
    check_rc(row[i].why, memcmp(da, db, sizeof(da)) == 0, row[i].same);
    json_decref(a);
    json_decref(b);
  }
}

static void test_jcs_write__limits(void **state)
{
  (void)state;

  for (size_t depth = OCC__MAX_JSON_DEPTH - 1; depth <= OCC__MAX_JSON_DEPTH + 1; depth++) {
    for (int kind = 0; kind <= 1; kind++) {
      json_t *value = json_integer(1);
      occ_buf out;

      for (size_t i = 0; i < depth; i++) {
        value = kind ? json_pack("{s:o}", "a", value) : json_pack("[o]", value);
      }
      occ__buf_init(&out, &occ__mem_libc, 1000);
      check_rc("depth", occ__jcs_write(&out, value),
               depth <= OCC__MAX_JSON_DEPTH ? OCC_OK : OCC_ERR_LIMIT);
      occ__buf_clear(&out);
      json_decref(value);
    }
  }
  for (size_t max = 6; max <= 8; max++) {
    json_t *value = json_of("{\"a\":1}");
    occ_buf out;

    occ__buf_init(&out, &occ__mem_libc, max);
    check_rc("the buffer's end", occ__jcs_write(&out, value), max < 7 ? OCC_ERR_LIMIT : OCC_OK);
    occ__buf_clear(&out);
    json_decref(value);
  }
}

static void test_jcs_digest__survives_every_failed_allocation(void **state)
{
  json_t *value = json_of("{\"a\":[{}]}");
  int rc = OCC_ERR_MEMORY;
  uint8_t digest[OCC__SHA256_LEN];
  fail_mem fm;
  (void)state;

  for (int i = 0; i < 40;
       i++) { /* more members than are sorted on the stack, more text than one block */
    char name[64];

    (void)snprintf(name, sizeof(name), "a rather long name of a member %d", i);
    assert_int_equal(json_object_set_new(value, name, json_string(name)), 0);
  }
  for (int keep = 0; keep <= 1; keep++) {
    size_t n;

    for (n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__jcs_digest(digest, ws, &fm.mem, value);
      assert_int_equal(fm.live, 0);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
    }
    assert_int_equal(rc, OCC_OK);
    assert_true(n >= 3);
  }
  json_decref(value);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jcs_write__gives_the_form),
    cmocka_unit_test(test_jcs_write__refuses),
    cmocka_unit_test(test_jcs_write__sorts_any_number_of_members),
    cmocka_unit_test(test_jcs_digest__gives_the_reference_digests),
    cmocka_unit_test(test_jcs_digest__tells_values_apart_and_spellings_not),
    cmocka_unit_test(test_jcs_write__limits),
    cmocka_unit_test(test_jcs_digest__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("jose/jcs", tests, setup, teardown);
}
