/* SPDX-License-Identifier: MIT */
#ifndef OCC_BASE_H
#define OCC_BASE_H

/**
 * @file
 * Status, time, memory, and occ_lib: what one process lends to the library. Every other header
 * needs this one; occ.h says how to read the comments.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Shown by the shared library. */
#define OCC_API        __attribute__((visibility("default")))
/** The result tells whether there is an object, or a decision, at all. */
#define OCC_MUST_CHECK __attribute__((warn_unused_result))

/** Milliseconds since 1970-01-01 UTC. Always an argument: the library reads no clock. */
typedef int64_t occ_time;
/** Names one question. Never 0, never reused in one occ_lib, below 2^53 so that any language can
 * hold it. */
typedef uint64_t occ_ticket;

/** What one process lends to the library: memory, randomness, kept crypto contexts. Any thread. */
typedef struct occ_lib occ_lib;
/** Options of one issuer, being gathered (server.h). One thread. */
typedef struct occ_config occ_config;
/** One issuer, immutable and reference-counted (server.h). Any thread. */
typedef struct occ_server occ_server;
/** One token request going through (txn.h). One thread at a time, any thread. */
typedef struct occ_txn occ_txn;
/** What is asked of the host (question.h). */
typedef struct occ_question occ_question;

/**
 * What a call returns. Zero is done, positive is normal but not finished, negative is a fault of
 * the library or the host. Input of the peer never makes a txn call fail: a malformed request is an
 * outcome (OCC_REFUSE). The first negative value of occ_txn_run() sticks to its txn.
 */
enum {
  /** Done. */
  OCC_OK = 0,
  /** A question is open: occ_txn_run(), occ_call_run(). In an answerer: it will be answered
   * later. */
  OCC_PENDING = 1,
  /** Only from an answerer: this question is none of mine, the host sees it. */
  OCC_PASS = 2,
  /** A NULL, a number or a text that this function does not take; or it was a setter's, told by
   * occ_txn_run(). Any. */
  OCC_ERR_ARGUMENT = -101,
  /** Right, but not now: setters after the run has begun, occ_txn_settle() without GRANT, a key
   * ring that would lose a key in use, occ_lib_set_random() and occ_lib_on_event() after first
   * use, keys for an agent with calls. */
  OCC_ERR_STATE = -102,
  /** occ_txn_run() from inside an answerer of that txn. */
  OCC_ERR_REENTRANT = -103,
  /** The ticket names no open question: it was answered, cancelled, or is another's. No effect.
   * All answer functions. */
  OCC_ERR_STALE = -104,
  /** The options make no server or agent; occ_config_error() says why. occ_config_load(),
   * occ_config_set(), occ_server_new(), occ_agent_new(), occ_call_new(). */
  OCC_ERR_CONFIG = -105,
  /** An allocation failed. Any function that makes or copies something. */
  OCC_ERR_MEMORY = -201,
  /** A limit of the library was reached by the host's own input (docs/options.md). Any function
   * that copies. */
  OCC_ERR_LIMIT = -202,
  /** The host failed: an answerer that gave no answer or a malformed one, or RETRY where the run
   * cannot go on. */
  OCC_ERR_ANSWER = -301,
  /** The question was still open at its deadline. occ_txn_run(), occ_call_run(). */
  OCC_ERR_DEADLINE = -302,
  /** Only from readers: occ_config_load(), occ_keyring_load(), occ_challenge_read(),
   * occ_agent_new(), occ_agent_add_key(), the *_json() setters; and from a type's parse. */
  OCC_ERR_SYNTAX = -401,
  /** OpenSSL or the source of randomness failed. */
  OCC_ERR_CRYPTO = -501,
  /** An error in libocc itself; it fails closed. Please report it. */
  OCC_ERR_INTERNAL = -901
};

/** Every answer to every question. Untouched means no. */
typedef enum occ_verdict {
  OCC_NO = 0,
  OCC_YES = 1,
  OCC_RETRY = 2 /**< cannot say now; another attempt may help */
} occ_verdict;

/** Where the request came in. The public URLs of each come from the configuration, never from a
 * Host header. */
typedef enum occ_endpoint {
  OCC_TOKEN = 1, /**< RFC 6749 section 3.2 */
  OCC_PAR = 2    /**< pushed authorization requests, RFC 9126 */
} occ_endpoint;

/** The host's allocator, made by the host. Frozen: it never grows. Called from every thread that
 * calls the library. */
typedef struct occ_mem {
  /** size is never 0. @return memory aligned for any type, or NULL */
  void *(*alloc)(size_t size, void *user_data);
  /** memory is never NULL; size is the one it was allocated with. */
  void (*release)(void *memory, size_t size, void *user_data);
  /** Handed to both; may be NULL. */
  void *user_data;
} occ_mem;

/**
 * A source of randomness for cryptographic use. Must be safe on any thread and after fork().
 *
 * @return OCC_OK: all len octets are written
 * @return anything else: it failed, and what needed them fails with OCC_ERR_CRYPTO
 */
typedef int (*occ_random_fn)(void *out, size_t len, void *user_data);

/**
 * The version of the library that is running.
 *
 * @return "1.2.0", static
 */
OCC_API const char *occ_version(void);

/**
 * The name of a status, for logs.
 *
 * @return "OCC_ERR_LIMIT", static
 * @return a fixed text for what is no status; never NULL
 */
OCC_API const char *occ_status_name(int status);

/**
 * A status in words. Never holds anything that came from a peer.
 *
 * @return a fixed English sentence, static; never NULL
 */
OCC_API const char *occ_status_text(int status);

/**
 * Makes the one lib of a process. May be made before fork() and used in each child, as long as no
 * other thread is inside the library at that moment.
 *
 * @param[out] out  the lib, owned by the caller, free with occ_lib_free(); NULL on error
 * @param[in]  mem  copied; may be NULL: malloc() and free() of libc
 * @return OCC_OK
 * @return OCC_ERR_ARGUMENT: a function of mem is NULL
 * @return OCC_ERR_MEMORY
 *
 * Threads: any; the lib may be used by all. Process-wide allocators (OpenSSL's, jansson's) are
 * never set.
 */
OCC_API int occ_lib_new(occ_lib **out, const occ_mem *mem) OCC_MUST_CHECK;

/**
 * Replaces the kernel's generator, getentropy(), as the source of randomness. Before anything else
 * is made in the lib.
 *
 * @param[in] lib        made, and not used yet
 * @param[in] random     may be NULL: the kernel's again
 * @param[in] user_data  borrowed as long as the lib lives; may be NULL
 * @return OCC_OK
 * @return OCC_ERR_STATE: something has been made in the lib
 */
OCC_API int occ_lib_set_random(occ_lib *lib, occ_random_fn random, void *user_data);

/**
 * The allocator that it was made with, for components that live beside the library.
 *
 * @param[in] lib  may be NULL
 * @return borrowed as long as lib lives
 * @return NULL for NULL
 */
OCC_API const occ_mem *occ_lib_mem(const occ_lib *lib);

/**
 * Gives up the host's hold. The lib itself ends with the last object that was made in it.
 *
 * @param[in] lib  may be NULL
 */
OCC_API void occ_lib_free(occ_lib *lib);

#ifdef __cplusplus
}
#endif

#endif
