/* SPDX-License-Identifier: MIT */
#ifndef OCC_TYPE_H
#define OCC_TYPE_H

/**
 * @file
 * A kind of evidence in C. Built-in types are made of this too. Most hosts need none: a declared
 * type (option "types") and ASK_VERIFY do.
 */

#include "occ/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a kind of evidence speaks about. */
typedef enum occ_class {
  OCC_PROVENANCE = 1,   /**< who is the client; carried over the rounds of one challenge */
  OCC_AUTHORIZATION = 2 /**< may it do this; judged in the round that grants, needs a sender key */
} occ_class;

/** One requirement being written or judged. Lives for the call of the type's function that it is
 * handed to. The first error of a function below sticks to it, so that a type that does not look
 * cannot go on to accept. */
typedef struct occ_evidence occ_evidence;

/**
 * A type: static data of the host. Its functions are called on the thread of the run, on several
 * threads at once for several txns, and must not block: what takes time is asked. They return
 * OCC_OK, OCC_PENDING after occ_evidence_ask(), or a negative status, which fails the txn closed.
 */
struct occ_type {
  /** sizeof(occ_type). New members come at the end; those that a caller's size leaves out are
   * zero. */
  size_t size;
  /** Its name on the wire, which the configuration may change. */
  const char *name;
  /** 0: the requirement's member "class" says. */
  occ_class evidence_class;
  /** Form parameters that carry the evidence, NULL-terminated; may be NULL. */
  const char *const *params;
  /** Header fields that do, NULL-terminated; may be NULL. */
  const char *const *headers;
  /** When the server is made: options is the configuration's member of the type's name, or NULL.
   * Trusted keys in it are parsed here; KEYS is asked for issuers without. Puts its own data in
   * *self. May be NULL. */
  int (*open)(void **self, occ_lib *lib, const char *options);
  /** When the last reference to the server is gone. May be NULL. */
  void (*close)(void *self);
  /** When the server is made: is this template well formed? OCC_OK; else a negative status, with
   * *problem a static text for the operator. May be NULL. */
  int (*accepts)(const char *requirement, const char **problem, void *self);
  /** Puts the members of the requirement object by occ_evidence_put(). A pure function of what
   * evidence shows: it is written again when the answer comes, and compared. May be NULL. */
  int (*write)(occ_evidence *evidence, void *self);
  /** Before anything is used up: syntax, nonce, jti, keys. May ask KEYS and FETCH, and is called
   * with step + 1 after the answer. OCC_ERR_SYNTAX: `invalid_request`, the session stays good.
   * May be NULL. */
  int (*parse)(occ_evidence *evidence, int step, void *self);
  /** Judges: one accept, reject, retry or ask; after an answer called with step + 1. May be NULL:
   * VERIFY is asked. */
  int (*judge)(occ_evidence *evidence, int step, void *self);
};

/**
 * A type of the library's own; every configuration has them.
 *
 * @param[in] name  "jwt_assertion", "dpop_proof"
 * @return static
 * @return NULL: there is none of that name
 */
OCC_API const occ_type *occ_type_builtin(const char *name);

/**
 * The evidence: a parameter or a header field, as the client sent it.
 *
 * @param[in]  evidence  being parsed or judged
 * @param[in]  name      one of the type's params or headers
 * @param[out] len       may be NULL
 * @return borrowed as long as the txn lives
 * @return NULL: it was not sent
 */
OCC_API const char *occ_evidence_param(const occ_evidence *evidence, const char *name, size_t *len);

/**
 * What it is about: wanted, nonce, audience, client_id, requirement, type, now, issued, expires.
 * While writing, wanted is the object so far, and there is no nonce yet.
 *
 * @param[in] evidence  being written, parsed or judged
 * @return borrowed during the call
 */
OCC_API const occ_question *occ_evidence_about(const occ_evidence *evidence);

/**
 * The txn, for its getters.
 *
 * @param[in] evidence  being written, parsed or judged
 * @return borrowed during the call
 */
OCC_API const occ_txn *occ_evidence_txn(const occ_evidence *evidence);

/**
 * Room for what the type knows already: zeroed at first, the same block in every later call, wiped
 * with the txn.
 *
 * @param[in] evidence  being parsed or judged
 * @param[in] size      never more than in the first call
 * @return NULL: no memory, or more than before; return OCC_ERR_MEMORY then
 */
OCC_API void *occ_evidence_keep(occ_evidence *evidence, size_t size);

/**
 * In parse: the nonce in the evidence. It is compared with the handle before anything is used up.
 *
 * @param[in] evidence  being parsed
 * @param[in] nonce     copied
 * @param[in] len       of nonce
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in parse
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_evidence_set_nonce(occ_evidence *evidence, const char *nonce, size_t len);

/**
 * In parse: the evidence's own identifier, taken in ONCE so that it is good once.
 *
 * @param[in] evidence  being parsed
 * @param[in] issuer    of the evidence
 * @param[in] id        its jti, unique at that issuer
 * @param[in] issued    when it was made, or 0: not known
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in parse
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 * @return OCC_ERR_CRYPTO
 */
OCC_API int occ_evidence_set_once(occ_evidence *evidence, const char *issuer, const char *id,
                                  occ_time issued);

/**
 * In parse: a sender key that the evidence names or is made with. It may be one that the first
 * request did not show.
 *
 * @param[in] evidence    being parsed
 * @param[in] kind        of the key
 * @param[in] thumbprint  base64url of 32 octets
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in parse, or no such kind or thumbprint
 */
OCC_API int occ_evidence_set_key(occ_evidence *evidence, occ_sender kind, const char *thumbprint);

/**
 * In parse and judge: did the request that was challenged show a key of this kind? Then it is the
 * one that this request shows, or the session were stale.
 *
 * @param[in] evidence  being parsed or judged; may be NULL: no
 * @param[in] kind      of the key
 * @return 1, or 0
 */
OCC_API int occ_evidence_is_bound(const occ_evidence *evidence, occ_sender kind);

/**
 * In write: one member of the requirement object. It wins over the template and the answer's
 * params.
 *
 * @param[in] evidence  being written
 * @param[in] member    its name; not "type"
 * @param[in] json      its value, JSON of any kind that has a canonical form (RFC 8785, no reals)
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in write, "type", or no such JSON
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_evidence_put(occ_evidence *evidence, const char *member, const char *json);

/**
 * In judge: the evidence is good.
 *
 * @param[in] evidence  being judged
 * @param[in] facts     what it says, a JSON object for the policy; may be NULL
 * @param[in] len       of facts
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in judge
 * @return OCC_ERR_STATE: judged already
 * @return OCC_ERR_LIMIT
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_evidence_accept(occ_evidence *evidence, const char *facts, size_t len);

/**
 * In judge: it is not, finally. The client sees `unauthorized_client`.
 *
 * @param[in] evidence  being judged
 * @param[in] reason    a token for the audit, [a-z0-9_]; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in judge
 * @return OCC_ERR_STATE: judged already
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_evidence_reject(occ_evidence *evidence, const char *reason);

/**
 * In judge: another attempt may help. The client gets the same requirement again while attempts
 * last.
 *
 * @param[in] evidence  being judged
 * @param[in] reason    a token for the audit, [a-z0-9_]; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: not in judge
 * @return OCC_ERR_STATE: judged already
 * @return OCC_ERR_MEMORY
 */
OCC_API int occ_evidence_retry(occ_evidence *evidence, const char *reason);

/**
 * A blank question: fill in what its kind uses, then return OCC_PENDING. Texts put there must live
 * until the next call of the type's function: occ_evidence_keep() is a place.
 *
 * @param[in] evidence  being parsed (KEYS, FETCH) or judged (STATUS, COVER, VERIFY, RESERVE)
 * @param[in] kind      what is asked
 * @return borrowed until it is answered
 * @return NULL: not now, or not this kind; return OCC_ERR_INTERNAL then
 */
OCC_API occ_question *occ_evidence_ask(occ_evidence *evidence, occ_ask kind);

/**
 * The answer to the last question. After a FETCH, occ_evidence_about() has the HTTP status as index
 * and the header lines as headers; YES says only that there was a response.
 *
 * @param[in]  evidence  in the step after asking
 * @param[out] data      what came with it, or NULL; borrowed as long as the txn lives; may be NULL
 * @param[out] len       may be NULL
 * @return OCC_NO too when nothing was asked
 */
OCC_API occ_verdict occ_evidence_answer(const occ_evidence *evidence, const void **data,
                                        size_t *len);

#ifdef __cplusplus
}
#endif

#endif
