/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_CONFIG_H
#define OCC__CORE_CONFIG_H

/* occ_config from the inside, for the files that fill it (config.c, options.c, types.c, requirements.c) and that turn it
 * into a server (server.c, settings.c, kinds.c, requirements.c). A configuration is used by one thread; its JSON values are copied into each server. */

#include <jansson.h>

#include "base/arena.h"
#include "core/lib.h"
#include "core/server.h"

/* Limits of what the host writes itself: they stop mistakes, not attackers. */
#define OCC__MAX_CONFIG_ERROR 400u /* characters of occ_config_error() */
#define OCC__MAX_CONFIG_PART  64u  /* of one part of its path, so that there is room for the text */
#define OCC__MAX_SERVER_MEMORY                                                                     \
  (8u * 1024u * 1024u)             /* arena of one server: twice the largest configuration */
#define OCC__MAX_URLS          16u /* of one endpoint: mTLS aliases, a move */
#define OCC__MAX_DIGEST_IGNORE 32u
#define OCC__MAX_TYPE_NAME     256u  /* a URI */
#define OCC__MAX_TYPE_SIZE     4096u /* of an occ_type from the future; more is no size */
#define OCC__MAX_DEADLINE_S    60

/* Options that are plain values; docs/options.md. */
typedef struct occ_options {
  int dpop_host;
  occ_nonce_mode nonce_mode;
  int nonce_unknown_refuse;
  unsigned dpop_algs;
  unsigned client_assertion_algs;
  int client_assertion_typ_required, client_assertion_endpoint;
  const char
      *dpop_detail; /* the last of these three that was set: means nothing with "dpop": "host" */
  int check;
  int client_urls;
  int challenge_status;
  int nested_session;
  int stored;
  int64_t deadline_ms;
  int has_store_id;
  uint8_t store_id[OCC__STORE_ID_LEN];
} occ_options;

typedef struct occ_host_type {
  const occ_type *type; /* static data of the host */
  void *self;
} occ_host_type;

struct occ_config {
  occ_lib *lib;
  char *issuer;
  int rc;                                /* the first error; sticks */
  char error[OCC__MAX_CONFIG_ERROR + 1]; /* "path: text", or "" */
  occ_answerer *answerer[OCC__ASKS];
  occ_wake_fn wake;
  occ_keyring *ring;
  occ_host_type host_type[OCC__MAX_TYPES];
  size_t host_types;
  occ_options options;
  json_t *urls[3];       /* by occ_endpoint: arrays of texts, or NULL */
  json_t *digest_ignore; /* array of texts, or NULL for the default */
  json_t *requirements;  /* object of templates, or NULL */
  json_t *types;         /* object: declared types and wire names, or NULL */
  json_t *type_options;  /* object: what was set for names that are no option */
};

/* A server being made. */
typedef struct occ_making {
  occ_config *config;
  occ_server *server;
  occ_arena
      *arena; /* the server's: everything that it points to and that is not counted by itself */
  occ_workspace *ws;
} occ_making;

/* Keeps rc and "path[0].path[1]...: text" unless an earlier error is kept; returns the one that is kept. Octets of path
 * and text that are not printable ASCII become "?"; long parts are cut. path: NULL-terminated. */
int occ__config_fail(occ_config *config, int rc, const char *const *path, const char *text);
/* The same where rc says it all: no memory, too large, no cryptography. */
int occ__config_fail_status(occ_config *config, int rc, const char *const *path);
#define OCC__PATH(...) ((const char *const[]){ __VA_ARGS__, NULL })
/* Puts value (a new hold is taken) in the place of what was there. */
void occ__config_keep(json_t **slot, json_t *value);
/* Letters, digits, "-", ".", "_": what names of parameters, headers and requirements are made of. */
#define OCC__NAME_OCTETS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
int occ__config_is_name(const char *text, size_t most); /* 1 to most of these octets */
/* An index as a part of a path. */
#define OCC__INDEX_LEN 24u
const char *occ__config_index(char out[OCC__INDEX_LEN], size_t index);
/* Drops one hold; the last one calls release. NULL is fine. */
void occ__config_drop_answerer(const occ_mem *mem, occ_answerer *answerer);

/* options.c */
void occ__options_init(occ_options *options);
int occ__options_set(occ_config *config, const char *name, const char *value);
int occ__options_has(const char *name);

/* types.c: shapes */
int occ__types_check(occ_config *config, const occ_type *type); /* occ_config_add_type() */
int occ__types_set(occ_config *config, json_t *value);          /* option "types" */
int occ__types_class(const json_t *text); /* an occ_class; 0: NULL was given, -1: no class */
const occ_host_type *occ__types_host(const occ_config *config, const char *key);
/* Borrows the names of an array into a NULL-terminated list, empty for NULL. Why not, or NULL. */
const char *occ__types_carriers(const char *list[OCC__MAX_TYPE_CARRIERS + 1], const json_t *array,
                                int header);
int occ__types_has_header(const char *const *headers, const char *name); /* headers may be NULL */
int occ__types_is_attested(const char *const *headers);

/* requirements.c; its second half needs the kinds */
int occ__requirements_set(occ_config *config, json_t *value); /* option "requirements" */
int occ__requirements_build(occ_making *making);

/* settings.c */
int occ__settings_build(occ_making *making);
void occ__settings_tell(const occ_config *config, const occ_server *server);

/* kinds.c */
int occ__kinds_build(occ_making *making);
/* Adds a built-in one when it is first asked for. NULL: there is none, or config->rc says what went wrong. */
const occ_kind *occ__kinds_find(occ_making *making, const char *key);
int occ__kinds_finish(occ_making *making);

#endif
