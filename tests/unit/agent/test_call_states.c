/* SPDX-License-Identifier: MIT */

/* The table of a call's rounds, walked whole: what must hold whatever the steps do. */

#include "agent_host.h"

static void test_occ__call_states_next__ends_have_no_way_out(void **state)
{
  (void)state;
  for (int event = 0; event < OCC__CALL_EVENTS; event++) {
    assert_int_equal(occ__call_states_next(OCC__CALL_DONE, (occ_call_event)event),
                     OCC__CALL_FAILED);
    assert_int_equal(occ__call_states_next(OCC__CALL_FAILED, (occ_call_event)event),
                     OCC__CALL_FAILED);
  }
}

static void test_occ__call_states_next__outside_the_table_is_failed(void **state)
{
  (void)state;
  assert_int_equal(occ__call_states_next(OCC__CALL_STATES, OCC__CALL_GO), OCC__CALL_FAILED);
  assert_int_equal(occ__call_states_next(OCC__CALL_SEND, OCC__CALL_EVENTS), OCC__CALL_FAILED);
  assert_int_equal(occ__call_states_expires(OCC__CALL_STATES), 0);
}

/* From a challenge to the next request there is one way: WEIGH, SOLVE, DISCLOSE, PROVE, SEND. */
static void test_occ__call_states_next__no_evidence_leaves_without_leave(void **state)
{
  (void)state;
  for (int from = 0; from < OCC__CALL_STATES; from++) {
    for (int event = 0; event < OCC__CALL_EVENTS; event++) {
      occ_call_state to = occ__call_states_next((occ_call_state)from, (occ_call_event)event);
      if (to == OCC__CALL_SEND) {
        assert_true(from == OCC__CALL_PROVE && event == OCC__CALL_GO);
      }
      if (to == OCC__CALL_PROVE) { /* the first request apart: leave, or the same request again */
        assert_true((from == OCC__CALL_DISCLOSE && event == OCC__CALL_GO) ||
                    (from == OCC__CALL_SEND && event == OCC__CALL_REPEAT));
      }
      if (to == OCC__CALL_DISCLOSE) {
        assert_true(from == OCC__CALL_SOLVE && event == OCC__CALL_GO);
      }
      if (to == OCC__CALL_SOLVE) {
        assert_true(from == OCC__CALL_WEIGH && event == OCC__CALL_GO);
      }
    }
  }
}

static void test_occ__call_states_next__every_state_can_end(void **state)
{
  (void)state;
  for (int start = OCC__CALL_PROVE; start < OCC__CALL_DONE; start++) {
    unsigned reached = 1u << start, before = 0;
    while (reached != before) {
      before = reached;
      for (int from = 0; from < OCC__CALL_STATES; from++) {
        for (int event = 0; event < OCC__CALL_EVENTS && (before & 1u << from) != 0; event++) {
          reached |= 1u << occ__call_states_next((occ_call_state)from, (occ_call_event)event);
        }
      }
    }
    assert_true((reached & 1u << OCC__CALL_DONE) != 0);
  }
}

/* C-04 holds in every state that still leads to an answer, and each of them can give up. */
static void test_occ__call_states_expires__c04(void **state)
{
  (void)state;
  for (int from = 0; from < OCC__CALL_STATES; from++) {
    int expires = occ__call_states_expires((occ_call_state)from);
    assert_int_equal(expires != 0, from >= OCC__CALL_PROVE && from <= OCC__CALL_DISCLOSE);
    if (expires) {
      assert_int_equal(occ__call_states_next((occ_call_state)from, OCC__CALL_NO),
                       OCC__CALL_GIVE_UP);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_occ__call_states_next__ends_have_no_way_out),
    cmocka_unit_test(test_occ__call_states_next__outside_the_table_is_failed),
    cmocka_unit_test(test_occ__call_states_next__no_evidence_leaves_without_leave),
    cmocka_unit_test(test_occ__call_states_next__every_state_can_end),
    cmocka_unit_test(test_occ__call_states_expires__c04),
  };

  return cmocka_run_group_tests_name("agent/call_states", tests, NULL, NULL);
}
