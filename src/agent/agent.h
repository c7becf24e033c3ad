/* SPDX-License-Identifier: MIT */
#ifndef OCC__AGENT_H
#define OCC__AGENT_H

/* What the files of the client's side share: a response that was read, the agent, one call with its rounds. Nothing here
 * does I/O or reads a clock; time comes in by occ_call_run(). Every octet that may be secret is wiped when it goes. */

#include <jansson.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/lib.h"
#include "base/limits.h"
#include "jose/jwk.h"
#include "occ/agent.h"
#include "wire/form.h"
#include "wire/names.h"

#define OCC__AGENT_NONCES 2u /* headers that carry a nonce */

struct occ_challenge {
  occ_lib *lib;    /* held */
  occ_arena arena; /* every text below */
  int http_status;
  const char *error, *type, *session, *requirement;
  const char *nonce[OCC__AGENT_NONCES];
  json_t *root;         /* owned; kept for a challenge only */
  const json_t *wanted; /* in root: the requirement; NULL unless it is a challenge */
  const char *body;
  size_t body_len;
  int64_t expires_in;
};

/* C-02: from here on it reads as unauthorized_client; requirement and body stay. */
void occ__challenge_give_up(occ_challenge *challenge);

/* peer_json.c. The text of member number `index` (as jansson's order has them) of a JSON object that jansson has read
 * already; length 0: there is none. */
occ_span occ__peer_json_slice(occ_span object, size_t index);
/* json_decref() for values that may hold secrets: strings are wiped first. Only for values that nobody else holds. */
void occ__peer_json_drop(json_t *value);

typedef enum occ_agent_use { OCC__USE_DPOP = 0, OCC__USE_ASSERTION = 1, OCC__USES } occ_agent_use;

typedef struct occ_agent_key {
  int present;
  occ_jwk jwk;
} occ_agent_key;

struct occ_agent {
  occ_lib *lib; /* held */
  const occ_mem *mem;
  atomic_size_t holds;
  atomic_int frozen; /* a call was made */
  occ_arena arena;   /* every text below */
  const char *issuer, *token_url, *htu, *client_id, *assertion_issuer, *assertion_typ;
  size_t rounds, answers;
  int dpop; /* -1: where there is a key */
  occ_agent_key key[OCC__USES];
};

int occ__agent_hold(occ_agent *agent); /* for a call; OCC_ERR_CONFIG: dpop without a key */
void occ__agent_drop(occ_agent *agent);
int occ__agent_uses_dpop(const occ_agent *agent);

typedef enum occ_call_state { /* FAILED is 0: a cell that nobody filled in fails closed */
                              OCC__CALL_FAILED = 0,
                              OCC__CALL_PROVE, /* a DPoP proof for the next request */
                              OCC__CALL_SEND,
                              OCC__CALL_WEIGH, /* a challenge came: may it be answered? */
                              OCC__CALL_SOLVE,
                              OCC__CALL_DISCLOSE,
                              OCC__CALL_GIVE_UP,
                              OCC__CALL_DONE,
                              OCC__CALL_STATES
} occ_call_state;

typedef enum occ_call_event {
  OCC__CALL_GO = 0,     /* the state's work is done */
  OCC__CALL_NO,         /* it cannot be done, or must not */
  OCC__CALL_REPEAT,     /* the same request with another DPoP nonce */
  OCC__CALL_CHALLENGED, /* the response is a challenge */
  OCC__CALL_ENDED,      /* it is a token or another error */
  OCC__CALL_EVENTS
} occ_call_event;

occ_call_state occ__call_states_next(occ_call_state state, occ_call_event event);
int occ__call_states_expires(occ_call_state state); /* leads to an answer, so C-04 holds in it */

typedef struct occ_call_round { /* one answered challenge, by digests */
  uint8_t requirement[OCC__SHA256_LEN], session[OCC__SHA256_LEN], evidence[OCC__SHA256_LEN];
} occ_call_round;

struct occ_solver;
typedef struct occ_call_json occ_call_json;

struct occ_call {
  occ_agent *agent; /* held */
  const occ_mem *mem;
  int rc;     /* sticky */
  int set_rc; /* of occ_call_add_param(); told by the first run */
  occ_call_state state;
  occ_time now; /* the highest that was seen */
  int started;

  occ_arena arena; /* the form's */
  occ_form form;   /* of the first request; never changed after the first run */

  occ_question question;
  int open, answered;
  occ_verdict verdict;
  occ_buf answer;
  occ_challenge *response; /* the last one */
  int response_rc;         /* why there is none */

  occ_challenge *pending; /* the challenge that is being answered */
  occ_time deadline;      /* of it; -1: none */
  const struct occ_solver *solver;
  occ_call_round round[OCC__AGENT_MAX_ROUNDS];
  occ_call_round current;
  size_t rounds, repeats;

  occ_buf evidence;      /* JSON {"parameter":"value"}, shown by DISCLOSE */
  occ_buf evidence_form; /* the same for the body */
  occ_buf jwt;           /* being signed, or signed and not yet used */
  occ_buf body, proof, nonce;
  int dpop;        /* requests carry a proof */
  int proof_ready; /* proof was made as evidence for the next request */
  int proof_bound; /* it must carry the session as nonce: pending is answered by it */

  occ_call_json *json; /* room for occ_call_question_json() */
};

/* call.c: opens a question with kind, ticket and times; the caller fills in the rest. */
occ_question *occ__call_ask(occ_call *call, occ_ask kind);
/* call_json.c */
int occ__call_json_new(occ_call_json **out, const occ_mem *mem);
void occ__call_json_wipe(occ_call_json *json); /* NULL is fine */
void occ__call_json_free(occ_call_json *json, const occ_mem *mem);
/* call_steps.c: the work of one state. OCC_OK and an event, OCC_PENDING with a question open, or a negative status. */
int occ__call_steps_run(occ_call *call, occ_workspace *ws, occ_call_event *event);
/* solve.c. The first two: OCC_OK and an event, OCC_PENDING (SIGN or SOLVE is open), or a negative status. */
int occ__solve_proof(occ_call *call, occ_workspace *ws, occ_call_event *event);
int occ__solve_evidence(occ_call *call, occ_workspace *ws, occ_call_event *event);

#endif
