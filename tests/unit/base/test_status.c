/* SPDX-License-Identifier: MIT */

/* Statuses and reasons: every one has its name and text, names are unique, nothing is guessed for a
 * stranger. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/status.h"

#include <ctype.h>
#include <string.h>

#include "occ/event.h"

static const struct {
  int status;
  const char *name;
  int reason;
} statuses[] = {
  { OCC_OK, "OCC_OK", OCC__REASON_INTERNAL },
  { OCC_PENDING, "OCC_PENDING", OCC__REASON_INTERNAL },
  { OCC_PASS, "OCC_PASS", OCC__REASON_INTERNAL },
  { OCC_ERR_ARGUMENT, "OCC_ERR_ARGUMENT", OCC__REASON_HOST_INPUT },
  { OCC_ERR_STATE, "OCC_ERR_STATE", OCC__REASON_HOST_INPUT },
  { OCC_ERR_REENTRANT, "OCC_ERR_REENTRANT", OCC__REASON_HOST_INPUT },
  { OCC_ERR_STALE, "OCC_ERR_STALE", OCC__REASON_HOST_INPUT },
  { OCC_ERR_CONFIG, "OCC_ERR_CONFIG", OCC__REASON_HOST_INPUT },
  { OCC_ERR_MEMORY, "OCC_ERR_MEMORY", OCC__REASON_MEMORY },
  { OCC_ERR_LIMIT, "OCC_ERR_LIMIT", OCC__REASON_LIMIT },
  { OCC_ERR_ANSWER, "OCC_ERR_ANSWER", OCC__REASON_HOST_ANSWER },
  { OCC_ERR_DEADLINE, "OCC_ERR_DEADLINE", OCC__REASON_DEADLINE },
  { OCC_ERR_SYNTAX, "OCC_ERR_SYNTAX", OCC__REASON_HOST_INPUT },
  { OCC_ERR_CRYPTO, "OCC_ERR_CRYPTO", OCC__REASON_CRYPTO },
  { OCC_ERR_INTERNAL, "OCC_ERR_INTERNAL", OCC__REASON_INTERNAL },
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static void test_status__each_has_name_text_and_reason(void **state)
{
  (void)state;

  for (size_t i = 0; i < STATUSES; i++) {
    const char *text = occ_status_text(statuses[i].status);

    assert_string_equal(occ_status_name(statuses[i].status), statuses[i].name);
    assert_true(isupper((unsigned char)text[0]) && text[strlen(text) - 1] == '.');
    assert_int_equal(occ__reason_of_status(statuses[i].status), statuses[i].reason);
    for (size_t k = 0; k < i; k++) {
      assert_string_not_equal(text, occ_status_text(statuses[k].status));
    }
  }
}

/* In the range of the bands, no other number may have a name of a status. */
static void test_status__knows_no_others(void **state)
{
  size_t known = 0;
  (void)state;

  for (int status = -1000; status <= 1000; status++) {
    if (strcmp(occ_status_name(status), "unknown") != 0) {
      known++;
    } else {
      assert_string_equal(occ_status_text(status), "The status is unknown.");
      assert_int_equal(occ__reason_of_status(status), OCC__REASON_INTERNAL);
    }
  }
  assert_int_equal(known, STATUSES);
}

static void test_reason_name__is_a_unique_token(void **state)
{
  (void)state;

  for (int i = 0; i < OCC__REASONS; i++) {
    const char *name = occ_reason_name(i);

    assert_non_null(name);
    assert_true(strlen(name) > 0 && strlen(name) < 40);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    for (int k = 0; k < i; k++) {
      assert_string_not_equal(name, occ_reason_name(k));
    }
  }
  assert_string_equal(occ_reason_name(OCC__REASON_NONE), "none");
  assert_string_equal(occ_reason_name(OCC__REASON_FORM_MALFORMED), "form_malformed");
  assert_string_equal(occ_reason_name(OCC__REASON_SESSION_USED), "session_used");
  assert_string_equal(occ_reason_name(OCC__REASON_INTERNAL), "internal");
}

static void test_reason__strangers_fail_closed(void **state)
{
  static const int stranger[] = { -1, OCC__REASONS, OCC__REASONS + 1, INT32_MAX, INT32_MIN };
  (void)state;

  for (size_t i = 0; i < sizeof(stranger) / sizeof(stranger[0]); i++) {
    assert_null(occ_reason_name(stranger[i]));
    assert_int_equal(occ__reason_error(stranger[i]), OCC__SERVER_ERROR);
  }
  assert_int_equal(occ__reason_error(OCC__REASON_NONE), OCC__SERVER_ERROR);
}

static void test_reason_error__leads_where_it_should(void **state)
{
  static const struct {
    int reason;
    occ_oauth_error want;
  } row[] = {
    { OCC__REASON_PARAM_REPEATED, OCC__INVALID_REQUEST },
    { OCC__REASON_CLIENT_UNKNOWN, OCC__INVALID_CLIENT },
    { OCC__REASON_DPOP_NONCE_MISSING, OCC__USE_DPOP_NONCE },
    { OCC__REASON_DPOP_REPLAYED, OCC__INVALID_DPOP_PROOF },
    { OCC__REASON_GRANT_EXPIRED, OCC__INVALID_GRANT },
    { OCC__REASON_SESSION_USED, OCC__NO_ERROR },
    { OCC__REASON_EVIDENCE_REJECTED, OCC__UNAUTHORIZED_CLIENT },
    { OCC__REASON_POLICY_CHALLENGED, OCC__INSUFFICIENT_CLIENT_AUTHORIZATION },
    { OCC__REASON_STORE_UNAVAILABLE, OCC__TEMPORARILY_UNAVAILABLE },
    { OCC__REASON_INTERNAL, OCC__SERVER_ERROR },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    assert_int_equal(occ__reason_error(row[i].reason), row[i].want);
  }
  for (int i = 0; i < OCC__REASONS; i++) {
    assert_true(occ__reason_error(i) < OCC__ERRORS);
  }
}

static void test_version__is_three_numbers(void **state)
{
  const char *at = occ_version();
  (void)state;

  for (int part = 0; part < 3; part++) {
    assert_true(isdigit((unsigned char)*at));
    at += strspn(at, "0123456789");
    assert_int_equal(*at, part < 2 ? '.' : '\0');
    at += part < 2;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_status__each_has_name_text_and_reason),
    cmocka_unit_test(test_status__knows_no_others),
    cmocka_unit_test(test_reason_name__is_a_unique_token),
    cmocka_unit_test(test_reason__strangers_fail_closed),
    cmocka_unit_test(test_reason_error__leads_where_it_should),
    cmocka_unit_test(test_version__is_three_numbers),
  };

  return cmocka_run_group_tests_name("base/status", tests, NULL, NULL);
}
