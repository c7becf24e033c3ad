/* SPDX-License-Identifier: MIT */
#ifndef OCC_QUESTION_H
#define OCC_QUESTION_H

/**
 * @file
 * What the machine asks, and how it is answered: at once by an answerer, or whenever the host is
 * ready. One question is open at a time. Forgetting is refusing: a question that nobody answers
 * ends in a failure, never in a grant.
 */

#include "occ/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is asked. "yes + X": OCC_YES with X as data. What NO and RETRY lead to: docs/guide.md. */
typedef enum occ_ask {
  OCC_ASK_NONE = 0,
  /** Check your grant, do not use it up. yes + {"not_after":ms,"binding":"<base64url, 32
   * octets>"} (both may be left out), or occ_txn_answer_refuse(). NO: `invalid_grant`. Asked
   * only with the option "check". */
  OCC_ASK_CHECK = 1,
  /** The policy. yes: grant; occ_txn_answer_challenge(); occ_txn_answer_refuse(). NO:
   * `unauthorized_client`. */
  OCC_ASK_DECIDE = 2,
  /** Who is client_id? yes + {"metadata":{},"first_seen":ms}; no: unknown, `invalid_client`
   * unless the host has authenticated it. */
  OCC_ASK_CLIENT = 3,
  /** Which keys has issuer (kid is the one looked for)? yes + a JWK Set; no: not trusted, the
   * evidence is rejected. Without type: issuer is a client that authenticates, and asked for are its
   * own keys; no: `invalid_client`. */
  OCC_ASK_KEYS = 4,
  /** Is entry index of the status list at url in force? yes, no. */
  OCC_ASK_STATUS = 5,
  /** Does the evidence cover data, one element of authorization_details? yes, no. */
  OCC_ASK_COVER = 6,
  /** Is the evidence good? yes + facts (JSON); no + a reason; for types that the configuration
   * declares. The nonce is the host's to compare. */
  OCC_ASK_VERIFY = 7,
  /** GET url, no redirects: occ_txn_answer_fetch(). */
  OCC_ASK_FETCH = 8,
  /** Is this the first time for these keys? Insert them until expires, atomically: yes. no + the
   * place of the one that exists, one character "0" to "3". RETRY + why: cannot say; nothing is
   * used up. "young", or no data: issued lies before the memory of the store, so that a proof with
   * a fresh nonce may be told from a used one; the client is given one. "full", "clock" or any
   * other word: a nonce does not help, 503. */
  OCC_ASK_ONCE = 9,
  /** Keep data under key until expires. yes. */
  OCC_ASK_KEEP = 10,
  /** What was kept under key? yes + data; no: nothing. */
  OCC_ASK_RECALL = 11,
  OCC_ASK_RESERVE = 12, /**< mandate ledger: set data aside under key */
  OCC_ASK_COMMIT = 13,  /**< mandate ledger: it was used */
  OCC_ASK_RELEASE = 14, /**< mandate ledger: it was not */
  /** Nothing for the host: somebody else's answer is on its way, then wake. Takes no answer; run
   * again then. */
  OCC_ASK_WAIT = 15,
  OCC_ASK_SEND = 32,    /**< agent.h: send this request, occ_call_answer_send() */
  OCC_ASK_SOLVE = 33,   /**< agent.h: meet this requirement. yes + {"parameter":"value"} */
  OCC_ASK_SIGN = 34,    /**< agent.h: sign data with the key kid. yes + the signature */
  OCC_ASK_DISCLOSE = 35 /**< agent.h: may this evidence leave? yes, no */
} occ_ask;

/**
 * An open question. Made by the library, read by the host, grows at its end only. Text is UTF-8 and
 * NUL-terminated; a member that the kind does not use is NULL or 0. Lives until the question is
 * answered or its txn freed.
 */
struct occ_question {
  occ_ask kind;
  occ_ticket ticket;       /**< to answer with; 0 with WAIT */
  occ_time deadline;       /**< still open then: the txn fails closed */
  const char *client_id;   /**< CHECK DECIDE CLIENT VERIFY; ONCE KEEP RESERVE: if it is
                          * authenticated, else a sender key's thumbprint */
  const char *requirement; /**< VERIFY COVER SOLVE: its name in the configuration */
  const char *type;        /**< VERIFY KEYS SOLVE */
  const char *wanted;      /**< VERIFY SOLVE: the requirement object as sent, JSON */
  const char *nonce;       /**< VERIFY SOLVE: the session handle */
  const char *audience;    /**< VERIFY SOLVE: the issuer */
  const char *issuer;      /**< KEYS */
  const char *kid;         /**< KEYS SIGN */
  const char *url;         /**< FETCH STATUS SEND */
  /** STATUS: entry; FETCH: most octets to read, a body of so many may have been cut; CLIENT KEYS:
   * HTTP status of a fetch. */
  int64_t index;
  /** ONCE KEEP RECALL RESERVE COMMIT RELEASE: 32 octets, safe to store; the first is the purpose:
   * 1 proof, 2 assertion, 3 session, 4 evidence, 5 mandate. */
  const uint8_t *key;
  /** ONCE: how many of them follow each other, 1 to 4. Tried in order; the first that exists ends
   * it with no. */
  size_t keys;
  occ_time now;        /**< of the run that asks */
  occ_time issued;     /**< ONCE: the earliest moment at which one of its keys can have been used */
  occ_time expires;    /**< ONCE KEEP: forget it then */
  const char *headers; /**< CLIENT KEYS: after a fetch, its header lines */
  /** VERIFY: {"parameter":"value"}; CLIENT KEYS: after a fetch, its body; COVER KEEP RESERVE SIGN
   * SEND: payload. */
  const void *data;
  size_t len;        /**< of data */
  int authenticated; /**< ONCE KEEP RESERVE: client_id is a client that is authenticated.
                      * 0: a key, which anybody can make as many of as they like: limit them
                      * together, not each */
};

/**
 * The open question.
 *
 * @param[in] txn  may be NULL
 * @return borrowed until it is answered or the txn freed
 * @return NULL: none is open
 */
OCC_API const occ_question *occ_txn_question(const occ_txn *txn);

/**
 * Answers a question of any kind. The answer is copied before return and never runs the machine:
 * run again.
 *
 * @param[in] txn      whose question it is
 * @param[in] ticket   of the question
 * @param[in] verdict  a FETCH cannot be answered YES this way
 * @param[in] data     what the kind wants beside the verdict; may be NULL
 * @param[in] len      of data
 * @return OCC_OK
 * @return OCC_ERR_STALE: the ticket names no open question; no effect
 * @return OCC_ERR_ARGUMENT: no such verdict, or not for this kind; the question stays open
 * @return OCC_ERR_LIMIT: data is too long; the question stays open
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_answer(occ_txn *txn, occ_ticket ticket, occ_verdict verdict, const void *data,
                           size_t len);

/**
 * Answers DECIDE: the client must meet a requirement first.
 *
 * @param[in] txn          whose question it is
 * @param[in] ticket       of a DECIDE
 * @param[in] requirement  its name in the configuration
 * @param[in] params       JSON object put over the template's members, at most 256 octets; may be
 *                         NULL
 * @return OCC_OK
 * @return OCC_ERR_STALE: as above
 * @return OCC_ERR_ARGUMENT: unknown name, params with "type" or without a canonical form, or
 *         evidence that would come in a parameter of this grant; the question stays open
 * @return OCC_ERR_LIMIT: name, params and memo are over 512 octets together
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_answer_challenge(occ_txn *txn, occ_ticket ticket, const char *requirement,
                                     const char *params);

/**
 * Answers DECIDE or CHECK: no, with an OAuth error of the host's choice.
 *
 * @param[in] txn          whose question it is
 * @param[in] ticket       of a DECIDE or CHECK
 * @param[in] error        error code; may be NULL: the usual one
 * @param[in] description  for the client's developer, no detail of the decision; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_STALE: as above
 * @return OCC_ERR_ARGUMENT: characters that RFC 6749 section 5.2 forbids, or the code of a
 *         challenge
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_answer_refuse(occ_txn *txn, occ_ticket ticket, const char *error,
                                  const char *description);

/**
 * Answers FETCH with the response as it came. Redirects are responses too.
 *
 * @param[in] txn          whose question it is
 * @param[in] ticket       of a FETCH
 * @param[in] http_status  0: no response was to be had
 * @param[in] headers      header lines as received, each with its line end; may be NULL
 * @param[in] body         at most as many octets as were asked for; may be NULL
 * @param[in] len          of body
 * @return OCC_OK
 * @return OCC_ERR_STALE: as above
 * @return OCC_ERR_ARGUMENT: no HTTP status, or headers too long
 * @return OCC_ERR_LIMIT: body too long
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_answer_fetch(occ_txn *txn, occ_ticket ticket, int http_status,
                                 const char *headers, const void *body, size_t len);

/**
 * For an answerer of CLIENT or KEYS: FETCH this first, then ask me again. The question that comes
 * again has the HTTP status as index, the header lines as headers, the body as data.
 *
 * @param[in] txn     whose question it is
 * @param[in] ticket  of a CLIENT or KEYS
 * @param[in] url     what to fetch
 * @param[in] most    octets to read at most
 * @return OCC_OK: return OCC_OK from the answerer too
 * @return OCC_ERR_STALE: as above
 * @return OCC_ERR_ARGUMENT: another kind, url too long, most below 1
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_txn_answer_fetch_first(occ_txn *txn, occ_ticket ticket, const char *url,
                                       int64_t most);

/**
 * An answerer: sees each question of its kind first, inside occ_txn_run(), for questions that can
 * be answered on the spot or by a component. Allowed inside: getters, the answer to this question,
 * and for DECIDE occ_txn_set() and occ_txn_set_memo(). occ_txn_run() is OCC_ERR_REENTRANT there,
 * occ_txn_free() is deferred: the run returns OCC_ERR_STATE, and there is no txn any more.
 *
 * @return what the answer function returned
 * @return OCC_PENDING: kept; it will be answered later, the host sees WAIT, and every later run
 *         shows it here again
 * @return OCC_PASS: not mine; the host sees the question, as if there were no answerer
 * @return anything else, or OCC_OK without an answer: the txn fails closed
 *
 * Threads: that of the run.
 */
typedef int (*occ_answer_fn)(occ_txn *txn, const occ_question *question, void *user_data);
/** Called once when a kept question ends unanswered: free, deadline, failure; or one that waits for
 * a fetch of its answerer's. The txn must not be touched after it. */
typedef void (*occ_cancel_fn)(occ_ask kind, occ_ticket ticket, void *user_data);
/** Called once when the last server, or configuration, that used user_data is gone. Any thread. */
typedef void (*occ_release_fn)(void *user_data);

/**
 * Sets the answerer for one kind of question. Without one a question simply stays open until the
 * host reads it. One a kind: a later call replaces the earlier one.
 *
 * @param[in] config     servers made from it have the answerer
 * @param[in] kind       OCC_ASK_CHECK to OCC_ASK_RELEASE
 * @param[in] answer     the answerer
 * @param[in] cancel     may be NULL
 * @param[in] release    may be NULL
 * @param[in] user_data  handed to all three; borrowed until release is called; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: no such kind
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_config_answer(occ_config *config, occ_ask kind, occ_answer_fn answer,
                              occ_cancel_fn cancel, occ_release_fn release, void *user_data);

/** Tells which txn to run again, by the user_data of that txn. Any thread; may only post, not
 * run. */
typedef void (*occ_wake_fn)(void *txn_user_data);

/**
 * Sets what answerers that finish later call through occ_txn_wake(). One for the server.
 *
 * @param[in] config  servers made from it have it
 * @param[in] wake    may be NULL: the host runs waiting txns by itself
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT
 */
OCC_API int occ_config_on_wake(occ_config *config, occ_wake_fn wake);

/**
 * For an answerer that kept a question and can answer it now: run me again.
 *
 * @param[in] txn  whose question was kept; never after its cancel
 *
 * Threads: any.
 */
OCC_API void occ_txn_wake(const occ_txn *txn);

#ifdef __cplusplus
}
#endif

#endif
