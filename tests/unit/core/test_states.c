/* SPDX-License-Identifier: MIT */

/* The machine's table by itself: it is total, what is not written fails closed, and only one cell grants. How it is
 * walked is the model's and the transcripts'. */

#include "core/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int is_closed(occ_cell cell)
{
  return cell.next == OCC__DONE && cell.action == occ__response_fail;
}

static void test_states_cell__is_total(void **state)
{
  (void)state;
  for (int s = 0; s < OCC__STATES; s++) {
    for (int step = 0; step < OCC__STEPS; step++) {
      const occ_cell cell = occ__states_cell((occ_state)s, (occ_step)step);

      assert_non_null(cell.action);
      assert_in_range(cell.next, 0, OCC__STATES - 1);
    }
  }
}

static void test_states_cell__closes_what_is_not_in_the_table(void **state)
{
  static const struct {
    const char *why;
    int state, step;
  } row[] = {
    { "no such state", OCC__STATES, OCC__GO },
    { "a state below all", -1, OCC__GO },
    { "no such step", OCC__PARSED, OCC__STEPS },
    { "a question is no step", OCC__PARSED, OCC__ASKED },
    { "the end is no step", OCC__DONE, OCC__END },
    { "a step below all", OCC__PARSED, -1 },
    { "PARSED challenges nobody", OCC__PARSED, OCC__CHALLENGE },
    { "CLIENT does not skip", OCC__CLIENT, OCC__SKIP },
    { "SENDER asks nothing", OCC__SENDER, OCC__YES },
    { "CHECK does not skip", OCC__CHECK, OCC__SKIP },
    { "SESSION repeats nothing", OCC__SESSION, OCC__AGAIN },
    { "ONCE challenges nobody", OCC__ONCE, OCC__CHALLENGE },
    { "EVIDENCE cannot be left out", OCC__EVIDENCE, OCC__SKIP },
    { "EVIDENCE does not challenge by itself", OCC__EVIDENCE, OCC__CHALLENGE },
    { "DECIDE goes nowhere without an answer", OCC__DECIDE, OCC__GO },
    { "DECIDE cannot be left out", OCC__DECIDE, OCC__SKIP },
    { "DONE challenges nobody any more", OCC__DONE, OCC__CHALLENGE },
    { "SETTLE refuses nobody any more", OCC__SETTLE, OCC__REFUSE },
    { "after the end no answer counts", OCC__ENDED, OCC__YES },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_true(is_closed(occ__states_cell((occ_state)row[i].state, (occ_step)row[i].step)));
  }
}

static void test_states_cell__every_fault_ends(void **state)
{
  (void)state;
  for (int s = 0; s < OCC__STATES; s++) {
    const occ_cell cell = occ__states_cell((occ_state)s, OCC__FAULT);

    assert_ptr_equal(cell.action, occ__response_fail);
    assert_true(cell.next == OCC__DONE || cell.next == OCC__ENDED);
  }
}

static void test_states_cell__one_cell_grants(void **state)
{
  size_t grants = 0;
  (void)state;

  for (int s = 0; s < OCC__STATES; s++) {
    for (int step = 0; step < OCC__STEPS; step++) {
      const occ_cell cell = occ__states_cell((occ_state)s, (occ_step)step);

      if (cell.action == occ__response_grant) {
        assert_int_equal(s, OCC__DECIDE);
        assert_int_equal(step, OCC__YES);
        grants++;
      }
      if (cell.next == OCC__EVIDENCE && s != OCC__EVIDENCE) { /* nothing is judged before ONCE */
        assert_int_equal(s, OCC__ONCE);
        assert_int_equal(step, OCC__GO);
      }
    }
  }
  assert_int_equal(grants, 1);
}

static void test_states_name__has_all(void **state)
{
  (void)state;
  for (int s = 0; s < OCC__STATES; s++) {
    assert_non_null(occ__states_name((occ_state)s));
    for (int k = 0; k < s; k++) {
      assert_string_not_equal(occ__states_name((occ_state)s), occ__states_name((occ_state)k));
    }
  }
  for (int step = 0; step < OCC__STEPS; step++) {
    assert_non_null(occ__states_step_name((occ_step)step));
    for (int k = 0; k < step; k++) {
      assert_string_not_equal(occ__states_step_name((occ_step)step),
                              occ__states_step_name((occ_step)k));
    }
  }
  assert_string_equal(occ__states_name(OCC__EVIDENCE), "EVIDENCE");
  assert_string_equal(occ__states_step_name(OCC__CHALLENGE), "challenge");
  assert_null(occ__states_name(OCC__STATES));
  assert_null(occ__states_name((occ_state)-1));
  assert_null(occ__states_step_name(OCC__STEPS));
  assert_null(occ__states_step_name(OCC__ASKED));
  assert_null(occ__states_step_name((occ_step)-1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_states_cell__is_total),
    cmocka_unit_test(test_states_cell__closes_what_is_not_in_the_table),
    cmocka_unit_test(test_states_cell__every_fault_ends),
    cmocka_unit_test(test_states_cell__one_cell_grants),
    cmocka_unit_test(test_states_name__has_all),
  };

  return cmocka_run_group_tests_name("core/states", tests, NULL, NULL);
}
