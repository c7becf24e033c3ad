/* SPDX-License-Identifier: MIT */
#ifndef OCC_EVENT_H
#define OCC_EVENT_H

/**
 * @file
 * What happened, for audit and metrics. Ids and reasons are closed sets; texts are clean and hold
 * no secret. Counting is the host's.
 */

#include "occ/txn.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One event. Made by the library, grows at its end only, dies on return of the sink. A text that
 * does not apply is NULL. */
typedef struct occ_event {
  int id;                  /**< metric label: occ_event_name() */
  int reason;              /**< metric label: occ_reason_name(); 0: none */
  occ_time time;           /**< of the run in which it happened */
  const char *issuer;      /**< of the server */
  const char *reference;   /**< of the txn: what a client can quote */
  const char *chain;       /**< the same for every round of one challenge */
  const char *client;      /**< cleaned client id, no query */
  const char *requirement; /**< its configured name */
  const char *detail;      /**< a token, never peer bytes */
} occ_event;

/** A sink. On the thread that runs the txn; must be quick and may not call into it. */
typedef void (*occ_event_fn)(const occ_event *event, void *user_data);

/**
 * Sets the one sink of a process. Before anything else is made in the lib.
 *
 * @param[in] lib        made, and not used yet
 * @param[in] on_event   may be NULL: none
 * @param[in] user_data  borrowed as long as the lib lives; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_STATE: something has been made in the lib
 */
OCC_API int occ_lib_on_event(occ_lib *lib, occ_event_fn on_event, void *user_data);

/**
 * The name of an event id. Count up from 0 to list them.
 *
 * @return "session_stale", static
 * @return NULL past the last
 */
OCC_API const char *occ_event_name(int id);

/**
 * The name of a reason. Count up from 0 to list them.
 *
 * @return "session_used", static
 * @return NULL past the last
 */
OCC_API const char *occ_reason_name(int reason);

/**
 * Writes an event as one line of JSON, without a line end. Allocates nothing.
 *
 * @param[in]  event  what to write
 * @param[out] out    NUL-terminated, cut where it does not fit; may be NULL if cap is 0
 * @param[in]  cap    room in out, the NUL included
 * @return the length it needs, without the NUL: it was cut if that is not below cap
 */
OCC_API size_t occ_event_json(const occ_event *event, char *out, size_t cap);

/**
 * The txn's events so far, for hosts without callbacks: a JSON array, as occ_event_json() writes
 * them.
 *
 * @param[in]  txn  may be NULL
 * @param[out] len  may be NULL
 * @return borrowed until the next run, answer or free
 * @return NULL: there was no memory for it
 */
OCC_API const char *occ_txn_log(const occ_txn *txn, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
