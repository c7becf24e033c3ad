/* SPDX-License-Identifier: MIT
 *
 * The machine as one table: [state][step] = { next state, what to do on the way }. An action belongs to the state it
 * leads into, and its result is the next step. txn.c drives it; docs/state-machine.md is generated from it. A cell that
 * is not written here cannot happen; if it does, the txn fails closed. Nothing else decides where a txn goes. */

#include "core/txn.h"

static const occ_cell table[OCC__STATES][OCC__STEPS] = {
  [OCC__PARSED] = {
    [OCC__GO] = { OCC__CLIENT, occ__client_begin },
    [OCC__YES] = { OCC__PARSED, occ__request_recalled },
    [OCC__NO] = { OCC__PARSED, occ__request_not_recalled },
    [OCC__RETRY] = { OCC__DONE, occ__host_retry },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__CLIENT] = {
    [OCC__GO] = { OCC__SENDER, occ__sender_verify },
    [OCC__YES] = { OCC__CLIENT, occ__client_known },
    [OCC__NO] = { OCC__CLIENT, occ__client_unknown },
    [OCC__RETRY] = { OCC__DONE, occ__host_retry },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__SENDER] = {
    [OCC__GO] = { OCC__CHECK, occ__check_begin },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__CHECK] = {
    [OCC__GO] = { OCC__SESSION, occ__session_match },
    [OCC__YES] = { OCC__CHECK, occ__check_passed },
    [OCC__NO] = { OCC__CHECK, occ__check_failed },
    [OCC__RETRY] = { OCC__DONE, occ__host_retry },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__SESSION] = {
    [OCC__GO] = { OCC__ONCE, occ__once_begin },
    [OCC__SKIP] = { OCC__ONCE, occ__once_begin },
    [OCC__YES] = { OCC__SESSION, occ__session_answered },
    [OCC__NO] = { OCC__SESSION, occ__session_answered },
    [OCC__RETRY] = { OCC__DONE, occ__host_retry },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__ONCE] = {
    [OCC__GO] = { OCC__EVIDENCE, occ__judge_begin },
    [OCC__SKIP] = { OCC__DECIDE, occ__decide_ask },
    [OCC__YES] = { OCC__ONCE, occ__once_first },
    [OCC__NO] = { OCC__ONCE, occ__once_seen },
    [OCC__RETRY] = { OCC__ONCE, occ__once_retry },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__EVIDENCE] = {
    [OCC__GO] = { OCC__DECIDE, occ__decide_ask },
    [OCC__YES] = { OCC__EVIDENCE, occ__judge_answered },
    [OCC__NO] = { OCC__EVIDENCE, occ__judge_answered },
    [OCC__RETRY] = { OCC__EVIDENCE, occ__judge_retry },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__AGAIN] = { OCC__DONE, occ__decide_again },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__DECIDE] = {
    [OCC__YES] = { OCC__DONE, occ__response_grant },
    [OCC__NO] = { OCC__DECIDE, occ__decide_no },
    [OCC__RETRY] = { OCC__DONE, occ__host_retry },
    [OCC__CHALLENGE] = { OCC__DONE, occ__decide_challenge },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__DONE] = {
    [OCC__GO] = { OCC__SETTLE, occ__settle_begin },
    [OCC__YES] = { OCC__DONE, occ__response_kept },
    [OCC__NO] = { OCC__DONE, occ__response_not_kept },
    [OCC__RETRY] = { OCC__DONE, occ__response_not_kept },
    [OCC__REFUSE] = { OCC__DONE, occ__response_refuse },
    [OCC__AGAIN] = { OCC__DONE, occ__decide_again },
    [OCC__FAULT] = { OCC__DONE, occ__response_fail },
  },
  [OCC__SETTLE] = {
    [OCC__GO] = { OCC__ENDED, occ__end },
    [OCC__YES] = { OCC__SETTLE, occ__settle_done },
    [OCC__NO] = { OCC__SETTLE, occ__settle_failed },
    [OCC__RETRY] = { OCC__SETTLE, occ__settle_failed },
    [OCC__FAULT] = { OCC__ENDED, occ__response_fail },
  },
  [OCC__ENDED] = {
    [OCC__GO] = { OCC__SETTLE, occ__settle_begin }, /* occ_txn_settle() was called */
    [OCC__FAULT] = { OCC__ENDED, occ__response_fail },
  },
};

occ_cell occ__states_cell(occ_state state, occ_step step)
{
  static const occ_cell closed = { OCC__DONE, occ__response_fail };

  if ((unsigned)state >= OCC__STATES || (unsigned)step >= OCC__STEPS ||
      table[state][step].action == NULL) {
    return closed;
  }
  return table[state][step];
}

const char *occ__states_name(occ_state state)
{
  static const char *const name[OCC__STATES] = {
    [OCC__PARSED] = "PARSED",     [OCC__CLIENT] = "CLIENT",   [OCC__SENDER] = "SENDER",
    [OCC__CHECK] = "CHECK",       [OCC__SESSION] = "SESSION", [OCC__ONCE] = "ONCE",
    [OCC__EVIDENCE] = "EVIDENCE", [OCC__DECIDE] = "DECIDE",   [OCC__DONE] = "DONE",
    [OCC__SETTLE] = "SETTLE",     [OCC__ENDED] = "ENDED",
  };

  return (unsigned)state < OCC__STATES ? name[state] : NULL;
}

const char *occ__states_step_name(occ_step step)
{
  static const char *const name[OCC__STEPS] = {
    [OCC__GO] = "go",         [OCC__SKIP] = "skip",   [OCC__YES] = "yes",
    [OCC__NO] = "no",         [OCC__RETRY] = "retry", [OCC__CHALLENGE] = "challenge",
    [OCC__REFUSE] = "refuse", [OCC__AGAIN] = "again", [OCC__FAULT] = "fault",
  };

  return (unsigned)step < OCC__STEPS ? name[step] : NULL;
}
