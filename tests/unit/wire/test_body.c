/* SPDX-License-Identifier: MIT */

/* Error and challenge bodies: their octets, what may not stand in them, the nested session, failed
 * allocations. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/body.h"

#include <jansson.h>

#include "fail_mem.h"

static occ_buf out;

static int setup(void **state)
{
  (void)state;
  occ__buf_init(&out, &occ__mem_libc, 100000);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  occ__buf_clear(&out);
  return 0;
}

static void test_body_text_allowed__knows_the_characters(void **state)
{
  (void)state;

  assert_int_equal(occ__body_text_allowed(NULL), 0);
  assert_int_equal(occ__body_text_allowed(""), 0);
  for (int c = 1; c < 256; c++) { /* RFC 6749 section 5.2 */
    char text[] = "abcd";
    int want = c == 0x20 || c == 0x21 || (c >= 0x23 && c <= 0x5b) || (c >= 0x5d && c <= 0x7e);

    text[3] = (char)c;
    assert_int_equal(occ__body_text_allowed(text), want);
    text[0] = (char)c;
    assert_int_equal(occ__body_text_allowed(text), want);
  }
}

static void test_body_write__errors(void **state)
{
  static const struct {
    const char *why, *error, *description, *reference, *want;
  } row[] = {
    { "error alone", "invalid_grant", NULL, NULL, "{\"error\":\"invalid_grant\"}" },
    { "with a sentence", "invalid_grant", "It is over.", NULL,
      "{\"error\":\"invalid_grant\",\"error_description\":\"It is over.\"}" },
    { "with a reference", "invalid_grant", "It is over.", "k7Q",
      "{\"error\":\"invalid_grant\",\"error_description\":\"It is over. (reference k7Q)\"}" },
    { "reference alone", "invalid_grant", NULL, "k7Q",
      "{\"error\":\"invalid_grant\",\"error_description\":\"(reference k7Q)\"}" },
    { "a host's own code", "consent_required", NULL, NULL, "{\"error\":\"consent_required\"}" },
    { "a code with a quote", "a\"b", NULL, NULL, "{\"error\":\"server_error\"}" },
    { "no code", NULL, NULL, NULL, "{\"error\":\"server_error\"}" },
    { "empty code", "", NULL, NULL, "{\"error\":\"server_error\"}" },
    { "a sentence with a quote", "invalid_grant", "a\",\"b\":\"c", NULL,
      "{\"error\":\"invalid_grant\"}" },
    { "a sentence with a backslash", "invalid_grant", "a\\u0041", NULL,
      "{\"error\":\"invalid_grant\"}" },
    { "a sentence with a line feed", "invalid_grant", "a\nb", NULL,
      "{\"error\":\"invalid_grant\"}" },
    { "a sentence beyond ASCII", "invalid_grant", "\xc3\xa9", NULL,
      "{\"error\":\"invalid_grant\"}" },
    { "a reference with a quote", "invalid_grant", "It is over.", "a\"b",
      "{\"error\":\"invalid_grant\",\"error_description\":\"It is over.\"}" },
    { "bad sentence, good reference", "invalid_grant", "\\", "k7Q",
      "{\"error\":\"invalid_grant\",\"error_description\":\"(reference k7Q)\"}" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    occ__body_write(&out, &occ__names_kahrer_00, row[i].error, row[i].description, row[i].reference,
                    NULL);
    assert_int_equal(out.rc, OCC_OK);
    assert_string_equal(occ__buf_string(&out), row[i].want);
    occ__buf_reset(&out);
  }
}

static void write_challenge(occ_buf *to, const char *requirement, int nested)
{
  const occ_body_challenge challenge = { requirement, "AbC-_1", 300, nested };

  occ__body_write(to, &occ__names_kahrer_00, "insufficient_client_authorization", "Prove it.",
                  "k7Q", &challenge);
}

static void test_body_write__challenge(void **state)
{
  (void)state;

  write_challenge(&out, "{\"type\":\"t\",\"a\":[{}]}", 0);
  assert_string_equal(occ__buf_string(&out),
                      "{\"error\":\"insufficient_client_authorization\","
                      "\"error_description\":\"Prove it. (reference k7Q)\","
                      "\"authorization_requirement\":{\"type\":\"t\",\"a\":[{}]},"
                      "\"challenge_session\":\"AbC-_1\",\"expires_in\":300}");
}

/* O-01: the compatibility switch. Read with jansson: the outer members stay, the inner one is
 * added. */
static void test_body_write__challenge_nested(void **state)
{
  static const struct {
    const char *why, *requirement, *want;
  } row[] = {
    { "members", "{\"type\":\"t\"}", "{\"type\":\"t\",\"challenge_session\":\"AbC-_1\"}" },
    { "objects at the end", "{\"type\":\"t\",\"a\":{\"b\":{}}}",
      "{\"type\":\"t\",\"a\":{\"b\":{}},\"challenge_session\":\"AbC-_1\"}" },
    { "an empty object", "{}", "{\"challenge_session\":\"AbC-_1\"}" },
    { "an empty object with spaces", " { } \r\n", "{\"challenge_session\":\"AbC-_1\"}" },
    { "spaces around the brace", "{\"a\":1 \n}\t ", "{\"a\":1,\"challenge_session\":\"AbC-_1\"}" },
    { "a brace in a string", "{\"a\":\"}\"}", "{\"a\":\"}\",\"challenge_session\":\"AbC-_1\"}" },
    { "no object is left as it is", "[1]", "[1]" },
    { "a string neither", "\"}\" ", "\"}\"" },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    json_t *body, *want;

    print_message("  %s\n", row[i].why);
    write_challenge(&out, row[i].requirement, 1);
    assert_int_equal(out.rc, OCC_OK);
    body = json_loads(occ__buf_string(&out), JSON_REJECT_DUPLICATES, NULL);
    want = json_loads(row[i].want, JSON_DECODE_ANY, NULL);
    assert_non_null(body);
    assert_true(json_equal(json_object_get(body, "authorization_requirement"), want));
    assert_string_equal(json_string_value(json_object_get(body, "challenge_session")), "AbC-_1");
    assert_int_equal(json_integer_value(json_object_get(body, "expires_in")), 300);
    assert_int_equal(json_object_size(body), 5);
    json_decref(body);
    json_decref(want);
    occ__buf_reset(&out);
  }
}

/* Such a requirement is never made; it must not be read outside its text all the same. */
static void test_body_write__requirement_that_is_no_json(void **state)
{
  static const char *const text[] = { "", " ", "}", " }", "\t\n" };
  (void)state;

  for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
    char *exact = test_malloc(strlen(text[i]) + 1);

    memcpy(exact, text[i], strlen(text[i]) + 1);
    write_challenge(&out, exact, 1);
    assert_int_equal(out.rc, OCC_OK);
    assert_int_equal(occ__buf_string(&out)[out.len - 1], '}');
    occ__buf_reset(&out);
    test_free(exact);
  }
}

static void test_body_write__uses_the_dialects_names(void **state)
{
  occ_names names = occ__names_kahrer_00;
  const occ_body_challenge challenge = { "{}", "s", 1, 1 };
  (void)state;

  names.requirement = "r";
  names.session = "q";
  names.expires_in = "e";
  occ__body_write(&out, &names, "x", NULL, NULL, &challenge);
  assert_string_equal(occ__buf_string(&out),
                      "{\"error\":\"x\",\"r\":{\"q\":\"s\"},\"q\":\"s\",\"e\":1}");
}

static void test_body_write__limit_and_failed_allocations(void **state)
{
  static char requirement[3000];
  fail_mem fm = { .failed = true };
  occ_buf buf;
  size_t need;
  (void)state;

  memset(requirement, ' ', sizeof(requirement) - 1);
  requirement[0] = '{';
  requirement[sizeof(requirement) - 2] = '}';
  write_challenge(&out, requirement, 0);
  need = out.len;
  for (size_t max = need - 1; max <= need + 1; max++) {
    occ__buf_init(&buf, &occ__mem_libc, max);
    write_challenge(&buf, requirement, 0);
    assert_int_equal(buf.rc, max < need ? OCC_ERR_LIMIT : OCC_OK);
    occ__buf_clear(&buf);
  }
  for (size_t n = 0; fm.failed; n++) {
    assert_true(n < 100);
    fail_mem_init(&fm, n, true);
    occ__buf_init(&buf, &fm.mem, 100000);
    write_challenge(&buf, requirement, 0);
    assert_int_equal(buf.rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
    occ__buf_clear(&buf);
    assert_int_equal(fm.live, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_body_text_allowed__knows_the_characters),
    cmocka_unit_test_setup_teardown(test_body_write__errors, setup, teardown),
    cmocka_unit_test_setup_teardown(test_body_write__challenge, setup, teardown),
    cmocka_unit_test_setup_teardown(test_body_write__challenge_nested, setup, teardown),
    cmocka_unit_test_setup_teardown(test_body_write__requirement_that_is_no_json, setup, teardown),
    cmocka_unit_test_setup_teardown(test_body_write__uses_the_dialects_names, setup, teardown),
    cmocka_unit_test_setup_teardown(test_body_write__limit_and_failed_allocations, setup, teardown),
  };

  return cmocka_run_group_tests_name("wire/body", tests, NULL, NULL);
}
