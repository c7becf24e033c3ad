/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_TXN_H
#define OCC__CORE_TXN_H

/* One token request going through: the struct that the machine's states share, and what each file of the machine offers
 * to the others. A request walks: txn.c (filled, run) -> txn_states.c (the table) -> request.c, client.c, sender.c,
 * session.c, once.c, judge.c, decide.c -> response.c. question.c asks and takes answers, evidence.c is what a type sees.
 * One thread at a time. */

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "core/digest.h"
#include "core/handle.h"
#include "core/lib.h"
#include "core/receipt.h"
#include "core/server.h"
#include "jose/jws.h"
#include "occ/occ.h"
#include "wire/form.h"
#include "wire/header.h"

/* Where a txn is. The order is that of the walk. */
typedef enum occ_state {
  OCC__PARSED = 0,
  OCC__CLIENT,
  OCC__SENDER,
  OCC__CHECK,
  OCC__SESSION,
  OCC__ONCE,
  OCC__EVIDENCE,
  OCC__DECIDE,
  OCC__DONE,
  OCC__SETTLE,
  OCC__ENDED,
  OCC__STATES
} occ_state;

/* What happened there: the result of an action, or the answer to the open question. */
typedef enum occ_step {
  OCC__GO = 0, /* the state's work is done */
  OCC__SKIP,   /* there is no live session */
  OCC__YES,    /* answers */
  OCC__NO,
  OCC__RETRY,
  OCC__CHALLENGE, /* the policy asks for more */
  OCC__REFUSE,    /* the peer did wrong, or the host refused: txn->error is set */
  OCC__AGAIN,     /* the same requirement once more */
  OCC__FAULT,     /* a fault of ours or the host's: txn->status is set */
  OCC__STEPS,
  OCC__ASKED, /* not in the table: a question is open, the run pauses */
  OCC__END    /* not in the table: the run is over */
} occ_step;

typedef occ_step (*occ_action)(occ_txn *txn);

typedef struct occ_cell {
  occ_state next;
  occ_action action; /* NULL: cannot happen; fails closed */
} occ_cell;

/* The machine. Total: a step that a state does not expect gives the cell of a fault. */
occ_cell occ__states_cell(occ_state state, occ_step step);
const char *occ__states_name(occ_state state);
const char *occ__states_step_name(occ_step step);

/* The open question and its answer. */
typedef struct occ_asking {
  occ_question q;
  occ_question wait; /* what the host sees while an answerer keeps q */
  int open, told, kept, passed, answered;
  occ_step step;    /* of the answer */
  const void *data; /* of the answer; in the arena */
  size_t len;
  const occ_requirement *requirement; /* answer_challenge */
  occ_span params;
  const char *error, *description; /* answer_refuse */
  int http_status;                 /* answer_fetch */
  const char *headers;
} occ_asking;

/* One requirement being written, parsed or judged: what a type sees (evidence.c). */
typedef enum occ_phase { OCC__IDLE = 0, OCC__WRITING, OCC__PARSING, OCC__JUDGING } occ_phase;

struct occ_evidence {
  occ_txn *txn; /* NULL while a requirement is written that no request has asked for yet */
  occ_lib *lib;
  const occ_names *names;
  const occ_requirement *requirement;
  occ_phase phase;
  int step;
  occ_question about;
  json_t *object; /* what the type writes; owned; NULL: nothing */
  int *looked;    /* set when the type asks what the request is like; NULL: nobody minds */
  void *kept;     /* occ_evidence_keep(); in the arena, wiped with it */
  size_t kept_size;
  int rc; /* first error inside a type's call */
  const char *nonce;
  size_t nonce_len;
  int has_once;
  uint8_t once[OCC__SHA256_LEN];
  occ_time once_issued;
  char key[OCC__SENDERS][OCC__THUMBPRINT_LEN + 1]; /* "" for none */
  int verdict_given;
  occ_verdict verdict;
  const char *facts, *reason;
  occ_verdict answer; /* to what the type asked */
  const void *answer_data;
  size_t answer_len;
};

/* What the proof's nonce turned out to be (sender.c). */
typedef enum occ_nonce_kind {
  OCC__NONCE_NONE = 0,
  OCC__NONCE_OURS,
  OCC__NONCE_HANDLE, /* the handle of this request, authentic and not expired */
  OCC__NONCE_FOREIGN
} occ_nonce_kind;

typedef struct occ_proof {
  int present;
  occ_nonce_kind nonce;
  int nonce_deferred;  /* left to SESSION: the pending type is carried by the proof */
  occ_span nonce_text; /* where it is deferred, in the arena; empty: none that is a text */
  occ_time iat;
  occ_time issued; /* earliest moment at which it can have been used */
  uint8_t once[OCC__SHA256_LEN];
} occ_proof;

/* The assertion by which a client authenticates (authenticate.c); in the arena. */
typedef struct occ_assertion {
  occ_jws jws;     /* without header and claims; its input lies in the form */
  const char *jti; /* in the arena, as jws.kid is */
  occ_time issued; /* earliest moment at which it can have been used */
  occ_time expires;
  uint8_t once[OCC__SHA256_LEN]; /* once it is verified */
} occ_assertion;

/* The members of a client's metadata that the machine itself looks at (client.c); borrowed, NULL: not there. */
typedef struct occ_registered {
  const json_t *capability, *client_id, *method, *grant_types, *dpop_bound, *certificate_bound;
} occ_registered;

typedef struct occ_response {
  int http_status; /* 0 on GRANT */
  occ_buf body;
  struct {
    const char *name, *value;
  } header[6];
  size_t headers;
} occ_response;

typedef struct occ_logged { /* an event, kept for occ_txn_log() */
  int id, reason;
  occ_time time;
  const char *requirement, *detail;
} occ_logged;

#define OCC__FACTS 6 /* parts of the facts (facts.c) */

struct occ_txn {
  occ_txn *self; /* getters are const for the host, yet copy texts into the arena */
  occ_lib *lib;
  occ_server *server;
  void *user_data;
  occ_arena arena;
  occ_endpoint endpoint;

  /* the request as the host filled it in */
  occ_form form;
  int has_body, has_params;
  occ_headers headers;
  int input_rc;          /* first error while filling: negative status or reason */
  const char *input_by;  /* the call that failed; static */
  int client_set;        /* the host said who the client is */
  const char *client_id; /* set, or claimed by the form */
  const char *client_method, *client_key;
  int authenticated;        /* by the host or by authenticate.c, with a method other than "none" */
  occ_assertion *assertion; /* NULL: none that is ours to verify */
  json_t *metadata;
  occ_registered registered;
  json_t *client_facts; /* CLIENT's answer, less the metadata */
  int capable;          /* insufficient_client_authorization_supported: true */
  uint8_t senders;      /* bit set by occ_sender */
  char sender[OCC__SENDERS][OCC__THUMBPRINT_LEN + 1];
  uint8_t sender_key[OCC__SENDERS][OCC__SHA256_LEN]; /* the same, decoded */
  uint8_t certificate[OCC__SHA256_LEN];
  int has_certificate;
  occ_span certificate_der;
  int certificate_verified; /* its chain, by the host's word */
  const char *reference;
  occ_span receipt;  /* occ_txn_set("receipt"), decoded; its octets lie in the arena */
  int64_t expiry_ms; /* occ_txn_set("expiry"); 0: the requirement's */
  int challenge_status, challenge_anyway;

  /* the machine */
  occ_state state;
  int begun, running, in_answerer, free_later;
  int status; /* sticky: OCC_OK or a negative status */
  occ_time now, deadline;
  occ_workspace *ws;       /* during a run */
  const occ_key_set *keys; /* during a run */
  occ_asking asking;
  unsigned fetches; /* asked for by answerers */
  occ_asking outer; /* the question that waits behind a FETCH of its answerer */

  /* what has been found */
  json_t *details;          /* authorization_details, parsed */
  occ_canonical canonical;  /* of details and claims */
  json_t *fact[OCC__FACTS]; /* as of this question; each is built when first asked for */
  json_t *facts;            /* all of them */
  const char *handle;
  occ_session session;    /* opened; its spans lie in the arena */
  int opened;             /* authentic */
  int live;               /* passed every check of SESSION, and ONCE */
  int stale;              /* reason, or 0 */
  const occ_receipt *met; /* of the receipt, where it counts; in the arena */
  occ_proof proof;
  occ_time not_after; /* of the grant; 0: none */
  uint8_t binding[OCC__SHA256_LEN];
  int has_binding;
  occ_evidence evidence; /* for the pending requirement */
  uint8_t once_keys[OCC__MAX_ONCE_KEYS][OCC__SHA256_LEN];
  size_t once_count;
  int accepted; /* the pending requirement's evidence, in this request */
  uint8_t mandate[OCC__SHA256_LEN];
  occ_time mandate_expires;
  int reserved, settled; /* settled: 0 no, 1 commit, -1 release */

  /* how it ends */
  occ_outcome outcome;
  occ_oauth_error error;
  const char *error_name, *error_description; /* of the host's own, else NULL */
  int reason;
  const char *reason_detail;
  uint8_t memo[OCC__MAX_MEMO]; /* for the next challenge */
  size_t memo_len;
  int memo_set;
  occ_session next; /* the session being made */
  occ_sealed *sealed;
  const char *next_handle, *next_receipt;
  occ_response response;

  size_t logged;
  /* Last, for nothing beyond `logged` is ever read, and it holds no secret: it is neither zeroed nor wiped. */
  occ_logged log[OCC__MAX_EVENTS_KEPT];
};

/* txn.c: what a setter came to; by: its name, static. The result to return: the peer's fault is none of the call. */
int occ__txn_filled(occ_txn *txn, int rc, const char *by);
/* txn.c: ways out of an action. */
occ_step occ__txn_refuse(occ_txn *txn, int reason);
occ_step occ__txn_refuse_as(occ_txn *txn, occ_oauth_error error, int reason);
occ_step occ__txn_fail(occ_txn *txn, int status, int reason);
occ_step occ__txn_fail_status(occ_txn *txn, int status); /* reason by status */
/* rc of a peer-judging function: negative fails, positive refuses as `error` (OCC__NO_ERROR: the reason's own). */
occ_step occ__txn_step_of(occ_txn *txn, int rc, occ_oauth_error error);
/* An event of this txn; requirement and detail are texts that live as long as the txn. */
void occ__txn_emit(occ_txn *txn, int id, int reason, const char *requirement, const char *detail);
/* A reason of a type's, a host's or a component's for the audit log; NULL unless it is a short, clean token. */
const char *occ__txn_token(const char *text, size_t len);
int occ__txn_is_vschar(const char *text);            /* spec: RFC 6749 appendix A: %x20-7E */
const char *occ__txn_grant_type(const occ_txn *txn); /* "" at PAR without one */
const char *occ__txn_text(occ_txn *txn, const void *octets,
                          size_t len); /* arena copy; NULL sets txn->arena.rc */

/* question.c */
const char *occ__question_name(occ_ask kind); /* "decide" */
occ_question *occ__question_open(occ_txn *txn,
                                 occ_ask kind); /* blank but for ticket, deadline, client, now */
int occ__question_offer(
    occ_txn *txn); /* to its answerer; OCC_OK answered, OCC_PENDING, or negative */
occ_step occ__question_close(
    occ_txn *txn); /* the answer's step; the answer's data stays readable in txn->asking */
int occ__question_is_open(const occ_txn *txn, occ_ticket ticket); /* and not answered yet */
void occ__question_cancel(occ_txn *txn); /* an open question ends unanswered */

/* evidence.c */
/* Writes the requirement object; *text in the arena, digest is its JCS digest. params: in canonical form, or empty. A
 * failure of the host's type: OCC_ERR_ARGUMENT. OCC_ERR_MEMORY, OCC_ERR_LIMIT, OCC_ERR_CRYPTO. */
int occ__evidence_write(occ_txn *txn, const occ_requirement *requirement, occ_span params,
                        const char **text, uint8_t digest[OCC__SHA256_LEN]);
/* What a type's parse or judge came to: OCC_OK, OCC_PENDING with a question open, or a negative status. What it did wrong
 * on the way counts more than what it says. */
int occ__evidence_result(occ_txn *txn, int rc);
int occ__evidence_present(const occ_txn *txn, const occ_kind *kind);
/* Has this requirement been met, in this request, in a round before, or where the receipt comes from? */
int occ__session_satisfied(const occ_txn *txn, const occ_requirement *requirement);

/* session.c */
/* The digest over all that is only compared; carriers: left out. */
int occ__session_bound(occ_txn *txn, const occ_requirement *requirement,
                       const uint8_t requirement_digest[OCC__SHA256_LEN],
                       const char *const *carriers, uint8_t out[OCC__SHA256_LEN]);
/* NULL-terminated, in the arena; NULL: txn->arena.rc. */
const char *const *occ__session_carriers(occ_txn *txn, const occ_session *session,
                                         const occ_requirement *pending);
/* Evidence on a request without a live session: not looked at, with an event (O-14). */
void occ__session_note_ignored(occ_txn *txn);

/* receipt.c */
/* What the host hands in: OCC_OK; OCC_ERR_ARGUMENT: no receipt by its form, a second one, at PAR, or too late. */
int occ__receipt_set(occ_txn *txn, const char *text);
/* Judges it, once client and sender keys are known. OCC_OK, with an event, also where it does not count; negative. */
int occ__receipt_match(occ_txn *txn);
int occ__receipt_satisfies(const occ_txn *txn, const occ_requirement *requirement);
/* Before GRANT: at PAR, where something was met. OCC_OK or negative. */
int occ__receipt_make(occ_txn *txn);

/* authenticate.c: a client of which the host has not said who it is. Each is OCC__GO at once where the host has. */
/* Before the client's metadata: credentials that cannot be, an assertion read and all but its signature judged. */
occ_step occ__authenticate_begin(occ_txn *txn);
/* After: by the method that is registered. OCC__GO, OCC__ASKED (KEYS), OCC__REFUSE, OCC__FAULT. */
occ_step occ__authenticate_client(occ_txn *txn);
/* KEYS was answered. */
occ_step occ__authenticate_keys(occ_txn *txn);

/* sender.c */
/* One more key that the request shows. */
void occ__sender_add(occ_txn *txn, occ_sender kind, const char *thumbprint,
                     const uint8_t octets[OCC__SHA256_LEN]);
/* Are all of these keys, bits and octets, shown in this request? */
int occ__sender_shows(const occ_txn *txn, unsigned senders,
                      const uint8_t (*sender)[OCC__SHA256_LEN]);
/* After a stale session: its handle is no nonce, and the nonce rule that SENDER may have left to
 * SESSION applies. OCC__GO, OCC__REFUSE. */
occ_step occ__sender_without_session(occ_txn *txn);

/* response.c */
int occ__response_header(occ_txn *txn, const char *name, const char *value);
int occ__response_fresh_nonce(occ_txn *txn); /* adds a DPoP-Nonce, unless the mode is off */
/* facts.c */
const json_t *
occ__facts_get(const occ_txn *txn); /* borrowed until the machine moves; NULL: memory */
void occ__facts_drop(occ_txn *txn);
const char *occ__facts_text(const occ_txn *txn, const json_t *value,
                            size_t *len); /* arena; NULL: memory */

/* Actions, by file. */
occ_step occ__request_parse(occ_txn *txn);
occ_step occ__request_recalled(occ_txn *txn);
occ_step occ__request_not_recalled(occ_txn *txn);
occ_step occ__client_begin(occ_txn *txn);
occ_step occ__client_known(occ_txn *txn);
occ_step occ__client_unknown(occ_txn *txn);
occ_step occ__sender_verify(occ_txn *txn);
occ_step occ__check_begin(occ_txn *txn);
occ_step occ__check_passed(occ_txn *txn);
occ_step occ__check_failed(occ_txn *txn);
occ_step occ__session_match(occ_txn *txn);
occ_step occ__session_answered(occ_txn *txn);
occ_step occ__once_begin(occ_txn *txn);
occ_step occ__once_first(occ_txn *txn);
occ_step occ__once_seen(occ_txn *txn);
occ_step occ__once_retry(occ_txn *txn);
occ_step occ__judge_begin(occ_txn *txn);
occ_step occ__judge_answered(occ_txn *txn);
occ_step occ__judge_retry(occ_txn *txn);
occ_step occ__decide_ask(occ_txn *txn);
occ_step occ__decide_no(occ_txn *txn);
occ_step occ__decide_challenge(occ_txn *txn);
occ_step occ__decide_again(occ_txn *txn);
occ_step occ__host_retry(occ_txn *txn); /* an answer RETRY where only yes or no will do */
occ_step occ__response_grant(occ_txn *txn);
occ_step occ__response_kept(occ_txn *txn);
occ_step occ__response_not_kept(occ_txn *txn);
occ_step occ__response_refuse(occ_txn *txn);
occ_step occ__response_fail(occ_txn *txn);
occ_step occ__settle_begin(occ_txn *txn);
occ_step occ__settle_done(occ_txn *txn);
occ_step occ__settle_failed(occ_txn *txn);
occ_step occ__end(occ_txn *txn);

#endif
