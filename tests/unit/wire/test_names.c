/* SPDX-License-Identifier: MIT */

/* The names on the wire, octet for octet as the draft and the RFCs have them, and statuses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/names.h"

#include <string.h>

#include "wire/body.h"

static void test_names__are_those_of_the_draft(void **state)
{
  const occ_names *names = &occ__names_kahrer_00;
  (void)state;

  assert_string_equal(names->dialect, "kahrer-00");
  assert_string_equal(names->challenge_error, "insufficient_client_authorization"); /* S-01 */
  assert_string_equal(names->requirement, "authorization_requirement");             /* S-02 */
  assert_string_equal(names->session, "challenge_session");                         /* S-03, S-13 */
  assert_string_equal(names->expires_in, "expires_in");                             /* S-04 */
  assert_int_equal(names->challenge_status, 403);                                   /* S-06 */
  assert_string_equal(names->type, "type");                                         /* S-09 */
  assert_string_equal(names->capability,
                      "insufficient_client_authorization_supported"); /* S-16, C-05 */
  assert_string_equal(names->types_supported, "authorization_requirement_types_supported");
}

static const struct {
  occ_oauth_error error;
  const char *name;
  int http_status;
} errors[] = {
  { OCC__INVALID_REQUEST, "invalid_request", 400 },
  { OCC__INVALID_CLIENT, "invalid_client", 401 },
  { OCC__INVALID_GRANT, "invalid_grant", 400 },
  { OCC__UNAUTHORIZED_CLIENT, "unauthorized_client", 400 },
  { OCC__INVALID_AUTHORIZATION_DETAILS, "invalid_authorization_details", 400 },
  { OCC__INSUFFICIENT_CLIENT_AUTHORIZATION, "insufficient_client_authorization", 403 },
  { OCC__USE_DPOP_NONCE, "use_dpop_nonce", 400 },
  { OCC__INVALID_DPOP_PROOF, "invalid_dpop_proof", 400 },
  { OCC__USE_ATTESTATION_CHALLENGE, "use_attestation_challenge", 400 },
  { OCC__SERVER_ERROR, "server_error", 500 },
  { OCC__TEMPORARILY_UNAVAILABLE, "temporarily_unavailable", 503 },
};

static void test_error__each_has_name_status_and_sentence(void **state)
{
  (void)state;

  assert_int_equal(sizeof(errors) / sizeof(errors[0]), OCC__ERRORS - 1);
  for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
    const char *text = occ__error_text(errors[i].error);

    assert_string_equal(occ__error_name(&occ__names_kahrer_00, errors[i].error), errors[i].name);
    assert_int_equal(occ__error_http_status(&occ__names_kahrer_00, errors[i].error),
                     errors[i].http_status);
    assert_true(occ__body_text_allowed(text)); /* S-05 */
    assert_true(strlen(text) < 80);
    for (size_t k = 0; k < i; k++) {
      assert_string_not_equal(text, occ__error_text(errors[k].error));
    }
  }
}

static void test_error__is_the_dialects(void **state)
{
  occ_names other = occ__names_kahrer_00;
  (void)state;

  other.challenge_error = "insufficient_authorization";
  other.challenge_status = 400;
  assert_string_equal(occ__error_name(&other, OCC__INSUFFICIENT_CLIENT_AUTHORIZATION),
                      "insufficient_authorization");
  assert_int_equal(occ__error_http_status(&other, OCC__INSUFFICIENT_CLIENT_AUTHORIZATION), 400);
  assert_int_equal(occ__error_http_status(&other, OCC__INVALID_CLIENT), 401);
}

static void test_error__what_is_none_fails_closed(void **state)
{
  (void)state;

  for (int error = -1; error <= OCC__ERRORS + 1; error++) {
    if (error <= OCC__NO_ERROR || error >= OCC__ERRORS) {
      assert_string_equal(occ__error_name(&occ__names_kahrer_00, (occ_oauth_error)error),
                          "server_error");
      assert_int_equal(occ__error_http_status(&occ__names_kahrer_00, (occ_oauth_error)error), 500);
    }
  }
  assert_null(occ__error_text(OCC__NO_ERROR));
}

/* Every reason that ends a request leads to an error that can be sent. */
static void test_reasons__lead_to_errors_with_names(void **state)
{
  (void)state;

  for (int reason = 0; reason < OCC__REASONS; reason++) {
    occ_oauth_error error = occ__reason_error(reason);

    assert_true(error == OCC__NO_ERROR || occ__error_text(error) != NULL);
    assert_int_equal(occ__error_http_status(&occ__names_kahrer_00, error) >= 500,
                     error == OCC__NO_ERROR || error == OCC__SERVER_ERROR ||
                         error == OCC__TEMPORARILY_UNAVAILABLE);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_names__are_those_of_the_draft),
    cmocka_unit_test(test_error__each_has_name_status_and_sentence),
    cmocka_unit_test(test_error__is_the_dialects),
    cmocka_unit_test(test_error__what_is_none_fails_closed),
    cmocka_unit_test(test_reasons__lead_to_errors_with_names),
  };

  return cmocka_run_group_tests_name("wire/names", tests, NULL, NULL);
}
