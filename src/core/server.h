/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_SERVER_H
#define OCC__CORE_SERVER_H

/* occ_server: what a configuration became. Immutable after occ_server_new(), reference-counted, read by many threads at
 * once without a lock. config.c fills it, everything else reads it. */

#include <jansson.h>
#include <stdatomic.h>

#include "core/handle.h"
#include "core/keyring.h"
#include "jose/jwk.h"
#include "occ/question.h"
#include "occ/server.h"
#include "occ/type.h"
#include "wire/names.h"

/* Counted, so that the component behind it is released when the last server or configuration lets go. */
typedef struct occ_answerer {
  atomic_size_t holds;
  occ_answer_fn answer;
  occ_cancel_fn cancel;
  occ_release_fn release;
  void *user_data;
} occ_answerer;

#define OCC__ASKS 16 /* kinds that a server may have answerers for: 1 .. OCC_ASK_RELEASE */

/* A type as this server has it. */
typedef struct occ_kind {
  const char *key;  /* its name in the configuration */
  const char *name; /* on the wire */
  const occ_type *type;
  void *self;
  int opened;                                     /* close() is due */
  int declared;                                   /* no code: judged by ASK_VERIFY */
  occ_class evidence_class;                       /* 0: the requirement's member says */
  const char *params[OCC__MAX_TYPE_CARRIERS + 1]; /* NULL-terminated */
  const char *headers[OCC__MAX_TYPE_CARRIERS + 1];
  int by_dpop;        /* carried by the DPoP header: its nonce is the handle */
  int by_attestation; /* carried by the attestation headers */
} occ_kind;

/* A named requirement. */
typedef struct occ_requirement {
  const char *name;
  const occ_kind *kind;
  occ_class evidence_class;
  occ_span members; /* the object to send, in canonical form, without the library's own members */
  const char *text; /* of the whole object, where it does not depend on the request; else NULL */
  uint8_t digest[OCC__SHA256_LEN]; /* JCS digest of that */
  occ_span
      written; /* by the type, where text is not NULL: members that go over all others, in canonical form; empty: none */
  uint8_t id[OCC__TEMPLATE_ID_LEN]; /* SHA-256(name, configured template in JCS form), cut */
  int64_t expiry_ms;
} occ_requirement;

typedef enum occ_nonce_mode {
  OCC__NONCE_OFF = 0,
  OCC__NONCE_ACCEPT = 1,
  OCC__NONCE_REQUIRE = 2
} occ_nonce_mode;

struct occ_server {
  atomic_size_t holds;
  occ_lib *lib;
  const char *issuer;
  const occ_names *names;
  char **urls
      [3]; /* by occ_endpoint: public URLs, normalised (core/url.h), NULL-terminated; never NULL */
  occ_keyring *ring; /* NULL: no challenge can be made */
  uint8_t store_id[OCC__STORE_ID_LEN];
  occ_answerer *answerer[OCC__ASKS];
  occ_wake_fn wake;
  occ_kind kind[OCC__MAX_TYPES];
  size_t kinds;
  occ_requirement *requirement;
  size_t requirements;
  const char *const *headers; /* every header name that matters to this server, NULL-terminated */
  const char **digest_ignore; /* NULL-terminated */
  /* options: docs/options.md */
  int dpop_host;              /* "dpop": "host" */
  occ_nonce_mode nonce_mode;  /* "dpop_nonce" */
  int nonce_unknown_refuse;   /* "dpop_nonce_unknown": "refuse" */
  unsigned dpop_algs;         /* bits */
  unsigned assertion_algs;    /* "client_assertion_algs": bits */
  int assertion_typ_required; /* "client_assertion_typ": "required" */
  int assertion_endpoint;     /* "client_assertion_audience": "endpoint" */
  int check;                  /* "check" */
  int client_urls;            /* "client_id_metadata_document_supported" */
  int challenge_status;       /* "challenge_status": 403 or 400 */
  int nested_session;         /* "challenge_session_nested" (O-01) */
  int stored;                 /* "session_mode": "stored" */
  int64_t deadline_ms;        /* "deadline" in seconds */
  /* what server_new derived */
  uint32_t asks;
  char *metadata;
};

/* evidence.c: sets text, digest and written where the type's write looks at nothing. */
int occ__evidence_fix(const occ_server *server, occ_requirement *requirement, occ_workspace *ws,
                      occ_arena *arena);
void occ__server_hold(occ_server *server);
const occ_requirement *occ__server_requirement(const occ_server *server,
                                               occ_span name); /* NULL: none */
/* Is this parameter, or header, a carrier of some type of this server? */
const occ_kind *occ__server_carrier(const occ_server *server, const char *param);

#endif
