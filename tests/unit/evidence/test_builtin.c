/* SPDX-License-Identifier: MIT */

/* The list of built-in types. */

#include "evidence/builtin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_type_builtin__knows_its_names(void **state)
{
  static const char *const unknown[] = { "",
                                         "jwt",
                                         "jwt_assertio",
                                         "jwt_assertion ",
                                         "JWT_ASSERTION",
                                         "dpop",
                                         "dpop-proof",
                                         "verifiable_presentation",
                                         NULL };
  (void)state;

  for (size_t i = 0; unknown[i] != NULL; i++) {
    assert_null(occ_type_builtin(unknown[i]));
  }
  assert_null(occ_type_builtin(NULL));
  assert_ptr_equal(occ_type_builtin("jwt_assertion"), &occ__jwt_assertion_type);
  assert_ptr_equal(occ_type_builtin("dpop_proof"), &occ__dpop_proof_type);
}

static void test_type_builtin__are_whole(void **state)
{
  static const char *const name[] = { "jwt_assertion", "dpop_proof" };
  (void)state;

  for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
    const occ_type *type = occ_type_builtin(name[i]);

    assert_int_equal(type->size, sizeof(occ_type));
    assert_string_equal(type->name, name[i]);
    assert_int_equal(type->evidence_class, OCC_PROVENANCE);
    assert_true((type->params != NULL) != (type->headers != NULL));
    assert_non_null(type->open);
    assert_non_null(type->close);
    assert_non_null(type->accepts);
    assert_non_null(type->parse);
    assert_non_null(type->judge);
    type->close(NULL); /* what was never opened */
  }
  assert_string_equal(occ__jwt_assertion_type.params[0], "claim_token");
  assert_string_equal(occ__jwt_assertion_type.params[1], "claim_token_format");
  assert_null(occ__jwt_assertion_type.params[2]);
  assert_string_equal(occ__dpop_proof_type.headers[0], "DPoP");
  assert_null(occ__dpop_proof_type.headers[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_type_builtin__knows_its_names),
    cmocka_unit_test(test_type_builtin__are_whole),
  };

  return cmocka_run_group_tests_name("evidence/builtin", tests, NULL, NULL);
}
