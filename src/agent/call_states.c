/* SPDX-License-Identifier: MIT */

/* The rounds of a call as one table. A state's work (call_steps.c) ends in an event; the cell says where that leads. A
 * cell that is not filled in is FAILED. A challenge can only be left towards another request by way of WEIGH, SOLVE and
 * DISCLOSE, so no evidence leaves without leave. */

#include "agent/agent.h"

static const occ_call_state next[OCC__CALL_STATES][OCC__CALL_EVENTS] = {
  [OCC__CALL_PROVE] = { [OCC__CALL_GO] = OCC__CALL_SEND, [OCC__CALL_NO] = OCC__CALL_GIVE_UP },
  [OCC__CALL_SEND] = { [OCC__CALL_NO] = OCC__CALL_GIVE_UP,
                       [OCC__CALL_REPEAT] = OCC__CALL_PROVE,
                       [OCC__CALL_CHALLENGED] = OCC__CALL_WEIGH,
                       [OCC__CALL_ENDED] = OCC__CALL_DONE },
  [OCC__CALL_WEIGH] = { [OCC__CALL_GO] = OCC__CALL_SOLVE, [OCC__CALL_NO] = OCC__CALL_GIVE_UP },
  [OCC__CALL_SOLVE] = { [OCC__CALL_GO] = OCC__CALL_DISCLOSE, [OCC__CALL_NO] = OCC__CALL_GIVE_UP },
  [OCC__CALL_DISCLOSE] = { [OCC__CALL_GO] = OCC__CALL_PROVE, [OCC__CALL_NO] = OCC__CALL_GIVE_UP },
  [OCC__CALL_GIVE_UP] = { [OCC__CALL_GO] = OCC__CALL_DONE },
};

occ_call_state occ__call_states_next(occ_call_state state, occ_call_event event)
{
  if ((unsigned)state >= OCC__CALL_STATES || (unsigned)event >= OCC__CALL_EVENTS) {
    return OCC__CALL_FAILED;
  }
  return next[state][event];
}

int occ__call_states_expires(occ_call_state state)
{
  static const unsigned char expires[OCC__CALL_STATES] = {
    [OCC__CALL_PROVE] = 1, [OCC__CALL_SEND] = 1,     [OCC__CALL_WEIGH] = 1,
    [OCC__CALL_SOLVE] = 1, [OCC__CALL_DISCLOSE] = 1,
  };

  return (unsigned)state < OCC__CALL_STATES && expires[state];
}
