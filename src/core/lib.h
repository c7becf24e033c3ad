/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_LIB_H
#define OCC__CORE_LIB_H

/* occ_lib from the inside: what core alone may know of it. The rest is lent through base/lib.h. */

#include "base/lib.h"
#include "jose/workspace.h"
#include "occ/event.h"

/* Ids of events; names in event.c. X(NAME, "name"). New ones at the end; never reused. */
#define OCC__EVENT_LIST(X)                                                                         \
  X(REQUEST, "request")                                                                            \
  X(ASKED, "question_asked")                                                                       \
  X(ANSWERED, "question_answered")                                                                 \
  X(CANCELLED, "question_cancelled")                                                               \
  X(SESSION_CREATED, "session_created")                                                            \
  X(SESSION_ACCEPTED, "session_accepted")                                                          \
  X(SESSION_STALE, "session_stale")                                                                \
  X(SESSION_REFUSED, "session_refused")                                                            \
  X(EVIDENCE_ACCEPTED, "evidence_accepted")                                                        \
  X(EVIDENCE_REJECTED, "evidence_rejected")                                                        \
  X(EVIDENCE_RETRY, "evidence_retry")                                                              \
  X(EVIDENCE_IGNORED, "evidence_ignored")                                                          \
  X(NONCE_IGNORED, "dpop_nonce_ignored")                                                           \
  X(GRANTED, "granted")                                                                            \
  X(CHALLENGED, "challenged")                                                                      \
  X(REFUSED, "refused")                                                                            \
  X(FAILED, "failed")                                                                              \
  X(OPTION_WEAKENED, "option_weakened")                                                            \
  X(KEYS_FORCED, "keys_forced")                                                                    \
  X(RECEIPT_CREATED, "receipt_created")                                                            \
  X(RECEIPT_ACCEPTED, "receipt_accepted")                                                          \
  X(RECEIPT_IGNORED, "receipt_ignored")

enum {
  OCC__EVENT_NONE = 0,
#define X(name, text) OCC__EVENT_##name,
  OCC__EVENT_LIST(X)
#undef X
      OCC__EVENTS
};

int occ__lib_has_sink(const occ_lib *lib);
/* Calls the sink, if there is one, on this thread. */
void occ__lib_emit(occ_lib *lib, const occ_event *event);

#endif
