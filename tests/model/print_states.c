/* SPDX-License-Identifier: MIT
 *
 * Prints docs/state-machine.md from the machine's own table (src/core/txn_states.c). tests/checks/state_machine.sh
 * compares the file with what this prints; `tests/checks/state_machine.sh --write` writes it. */

#include <stdio.h>

#include "core/txn.h"

static const struct {
  occ_action action;
  const char *name, *what;
} actions[] = {
  { occ__request_recalled, "recalled", "open the octets that the store had kept" },
  { occ__request_not_recalled, "not recalled", "remember that the session is stale" },
  { occ__client_begin, "client",
    "compare the identities; read the client's assertion; ask for metadata" },
  { occ__client_known, "client known",
    "read metadata and capability flag, or its keys; authenticate it, or ask for its keys" },
  { occ__client_unknown, "client unknown",
    "refuse, unless the host authenticated it; refuse without its keys" },
  { occ__sender_verify, "sender", "verify the DPoP proof; collect the sender keys" },
  { occ__check_begin, "check", "ask whether the grant is good (option check)" },
  { occ__check_passed, "check passed", "take not_after and binding" },
  { occ__check_failed, "check failed", "refuse: invalid_grant" },
  { occ__session_match, "session", "compare every binding; parse the evidence" },
  { occ__session_answered, "answered", "go on parsing with the keys" },
  { occ__once_begin, "once", "ask for all keys that may be used but once" },
  { occ__once_first, "first", "the session is used up" },
  { occ__once_seen, "seen", "replayed proof or evidence: refuse; used session: stale" },
  { occ__once_retry, "store cannot tell", "a fresh nonce where that helps, else fail" },
  { occ__judge_begin, "judge", "let the type, or the host, judge" },
  { occ__judge_answered, "answered", "go on judging" },
  { occ__judge_retry, "retry", "another attempt may help" },
  { occ__decide_ask, "decide", "ask the policy" },
  { occ__decide_no, "no", "refuse: unauthorized_client" },
  { occ__decide_challenge, "challenge", "make a session, seal it, write the 403" },
  { occ__decide_again, "again", "the same requirement, attempt + 1" },
  { occ__host_retry, "host retry", "fail: 503, nothing used up" },
  { occ__response_grant, "grant", "compare expiry once more; GRANT" },
  { occ__response_kept, "kept", "CHALLENGE" },
  { occ__response_not_kept, "not kept", "fail: 503" },
  { occ__response_refuse, "refuse", "REFUSE, with its OAuth error" },
  { occ__response_fail, "fail", "FAILED: 500 or 503" },
  { occ__settle_begin, "settle", "commit or give back a reservation" },
  { occ__settle_done, "settled", "" },
  { occ__settle_failed, "not settled", "fail: the token must not be sent" },
  { occ__end, "end", "the run is over" },
};

static const char *name_of(occ_action action)
{
  for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
    if (actions[i].action == action) {
      return actions[i].name;
    }
  }
  return NULL;
}

/* Does the table itself hold this cell, or does it fall to the fault? */
static int is_written(occ_state state, occ_step step)
{
  occ_cell cell = occ__states_cell(state, step);

  return !(cell.next == OCC__DONE && cell.action == occ__response_fail && step != OCC__FAULT);
}

static void print_graph(void)
{
  puts("```mermaid\nstateDiagram-v2\n  [*] --> PARSED: run");
  for (int state = 0; state < OCC__STATES; state++) {
    for (int step = 0; step < OCC__STEPS; step++) {
      occ_cell cell = occ__states_cell((occ_state)state, (occ_step)step);
      if (is_written((occ_state)state, (occ_step)step) && step != OCC__FAULT) {
        printf("  %s --> %s: %s\n", occ__states_name((occ_state)state), occ__states_name(cell.next),
               occ__states_step_name((occ_step)step));
      }
    }
  }
  puts("  ENDED --> [*]\n```\n");
}

static int print_table(void)
{
  puts("| state | step | next state | action |\n|---|---|---|---|");
  for (int state = 0; state < OCC__STATES; state++) {
    for (int step = 0; step < OCC__STEPS; step++) {
      occ_cell cell = occ__states_cell((occ_state)state, (occ_step)step);
      const char *name = name_of(cell.action);
      if (name == NULL) {
        fprintf(stderr, "an action without a name in print_states.c\n");
        return 1;
      }
      if (is_written((occ_state)state, (occ_step)step)) {
        printf("| %s | %s | %s | %s |\n", occ__states_name((occ_state)state),
               occ__states_step_name((occ_step)step), occ__states_name(cell.next), name);
      }
    }
  }
  puts("");
  return 0;
}

int main(void)
{
  puts("# The state machine\n\n"
       "Generated from `src/core/txn_states.c` by `tests/checks/state_machine.sh --write`; a check "
       "fails when it is "
       "stale.\n\n"
       "A txn is in one state. A *step* is what happened there: `go` (the state's work is done), "
       "`skip` (there is no live "
       "session), `yes`, `no` and `retry` (answers to the open question), `challenge`, `refuse`, "
       "`again` (the same "
       "requirement once more) and `fault`. The table gives the next state and the action that "
       "leads into it. A pair that "
       "is not listed cannot happen; if it does, the txn fails closed. Arrows of `fault` are left "
       "out of the picture: each "
       "leads to DONE, and ends as FAILED.\n");
  print_graph();
  if (print_table() != 0) {
    return 1;
  }
  puts("## Actions\n\n| action | does |\n|---|---|");
  for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
    if (actions[i].what[0] != '\0') {
      printf("| %s | %s |\n", actions[i].name, actions[i].what);
    }
  }
  return 0;
}
