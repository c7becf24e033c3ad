/* SPDX-License-Identifier: MIT
 *
 * The table of request parameters: what each kind of question gets for an answer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/params.h"

static void test_params_flags__rows(void **state)
{
  static const struct {
    const char *why, *name;
    unsigned want;
  } row[] = {
    { "first of the table", "acr_values", OCC__PARAM_BOUND },
    { "last of the table", "vp_token", OCC__PARAM_SECRET },
    { "a grant", "code", OCC__PARAM_BOUND | OCC__PARAM_GRANT | OCC__PARAM_SECRET },
    { "another", "subject_token", OCC__PARAM_BOUND | OCC__PARAM_GRANT | OCC__PARAM_SECRET },
    { "what is asked for", "scope", OCC__PARAM_BOUND },
    { "what is asked for", "authorization_details", OCC__PARAM_BOUND },
    { "a credential", "client_secret", OCC__PARAM_CREDENTIAL | OCC__PARAM_SECRET },
    { "evidence", "claim_token", OCC__PARAM_SECRET },
    { "nobody's", "x-trace", 0 },
    { "a longer name is another", "scopes", 0 },
    { "a shorter one too", "scop", 0 },
    { "case matters", "Scope", 0 },
    { "before the first", "a", 0 },
    { "behind the last", "zzz", 0 },
    { "empty", "", 0 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__params_flags(row[i].name), row[i].want);
  }
}

/* Every bound name is found by the search, too, so the table is sorted as far as that goes. */
static void test_params_bound_by__finds_what_the_search_finds(void **state)
{
  char pattern[3] = "a*";
  (void)state;

  for (char c = 'a'; c <= 'z'; c++) {
    const char *name;
    pattern[0] = c;
    name = occ__params_bound_by(pattern);
    if (name != NULL) {
      assert_true((occ__params_flags(name) & OCC__PARAM_BOUND) != 0);
      assert_int_equal(name[0], c);
    }
  }
  assert_string_equal(occ__params_bound_by("scope"), "scope");
  assert_string_equal(occ__params_bound_by("subject_token_*"), "subject_token_type");
  assert_string_equal(occ__params_bound_by("*"), "acr_values");
  assert_null(occ__params_bound_by("x-*"));
  assert_null(occ__params_bound_by("claim_token"));
  assert_null(occ__params_bound_by(""));
}

static void test_params_owned__rows(void **state)
{
  static const char uma[] = "urn:ietf:params:oauth:grant-type:uma-ticket";
  (void)state;

  assert_true(occ__params_owned("client_credentials", "scope"));
  assert_true(occ__params_owned("client_credentials", "client_assertion"));
  assert_true(occ__params_owned("urn:example:own", "assertion")); /* whatever the grant */
  assert_true(occ__params_owned(uma, "claim_token"));
  assert_true(occ__params_owned(uma, "claim_token_format"));
  assert_false(occ__params_owned("client_credentials", "claim_token"));
  assert_false(occ__params_owned(uma, "vp_token"));
  assert_false(occ__params_owned("", "ev"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_params_flags__rows),
    cmocka_unit_test(test_params_bound_by__finds_what_the_search_finds),
    cmocka_unit_test(test_params_owned__rows),
  };

  return cmocka_run_group_tests_name("core/params", tests, NULL, NULL);
}
