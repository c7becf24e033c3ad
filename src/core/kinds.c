/* SPDX-License-Identifier: MIT */

/* Kinds of evidence as one server has them: the host's types, the declared ones, and of the built-in ones those that some
 * requirement uses. Gives each its wire name and options, opens it, and keeps wire names apart. */

#include "core/config.h"
#include "core/digest.h"

#include <string.h>

#include "wire/json_in.h"
#include "wire/json_out.h"
#include "wire/names.h"

/* Copies a list of names into the arena. */
static int copy_names(occ_arena *arena, const char *copy[OCC__MAX_TYPE_CARRIERS + 1],
                      const char *const *list)
{
  for (size_t i = 0; i < OCC__MAX_TYPE_CARRIERS && list != NULL && list[i] != NULL; i++) {
    copy[i] = occ__arena_text(arena, list[i], strlen(list[i]));
    if (copy[i] == NULL) {
      return arena->rc;
    }
  }
  return OCC_OK;
}

/* Puts a kind into the server, still closed. key is borrowed, type outlives the server. */
static int add_kind(occ_making *making, const char *key, const occ_type *type, void *self)
{
  occ_config *config = making->config;
  occ_server *server = making->server;
  const char *name = occ__json_text(json_object_get(config->types, key), "name");
  occ_kind *kind = &server->kind[server->kinds];
  int rc;

  if (server->kinds == OCC__MAX_TYPES) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types"), "more than 32 types");
  }
  if (config->options.dpop_host && occ__types_has_header(type->headers, OCC__HEADER_DPOP)) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key),
                            "needs the nonce of DPoP proofs, which dpop=host keeps from it");
  }
  name = name == NULL ? key : name;
  kind->key = occ__arena_text(making->arena, key, strlen(key));
  kind->name = occ__arena_text(making->arena, name, strlen(name));
  rc = kind->key == NULL || kind->name == NULL ? making->arena->rc : OCC_OK;
  if (rc == OCC_OK) {
    rc = copy_names(making->arena, kind->params, type->params);
  }
  if (rc == OCC_OK) {
    rc = copy_names(making->arena, kind->headers, type->headers);
  }
  if (rc != OCC_OK) {
    return occ__config_fail_status(config, rc, OCC__PATH("types", key));
  }
  kind->type = type;
  kind->self = self;
  kind->evidence_class = type->evidence_class;
  kind->by_dpop = occ__types_has_header(type->headers, OCC__HEADER_DPOP);
  kind->by_attestation = occ__types_is_attested(type->headers);
  server->kinds++;
  return OCC_OK;
}

/* What the type said of its options, or that it said nothing. */
static int fail_options(occ_config *config, const occ_kind *kind, const occ_problem *problem)
{
  const char *path[OCC__PROBLEM_PARTS + 2] = { kind->key };

  for (size_t i = 0; i < OCC__PROBLEM_PARTS && problem->part[i][0] != '\0'; i++) {
    path[i + 1] = problem->part[i];
  }
  return occ__config_fail(config, OCC_ERR_CONFIG, path,
                          problem->why != NULL ? problem->why
                                               : "the type does not take these options");
}

/* Hands the newest kind its options: the member of its key, or an empty object. A built-in one finds in its self room to
 * say what is wrong with them, for occ_type has none. */
static int open_kind(occ_making *making)
{
  occ_config *config = making->config;
  occ_kind *kind = &making->server->kind[making->server->kinds - 1];
  const json_t *options = json_object_get(config->type_options, kind->key);
  occ_problem problem = { .why = NULL };
  occ_buf text;
  int rc;

  if (kind->type->open == NULL) {
    return options == NULL ? OCC_OK
                           : occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH(kind->key),
                                              "this type has no options");
  }
  occ__buf_init(&text, occ__lib_mem(config->lib), OCC__MAX_CONFIG_JSON);
  if (options == NULL) {
    occ__buf_text(&text, "{}");
  } else {
    occ__json_value(&text, options);
  }
  rc = text.rc;
  if (rc == OCC_OK) {
    void *self = kind->type == occ_type_builtin(kind->key) ? &problem : kind->self;

    rc = kind->type->open(&self, config->lib, occ__buf_string(&text));
    kind->opened = rc == OCC_OK;
    kind->self = kind->opened ? self : NULL;
  }
  occ__buf_clear(&text);
  if (rc == OCC_ERR_MEMORY || rc == OCC_ERR_CRYPTO) {
    return occ__config_fail_status(config, rc, OCC__PATH(kind->key));
  }
  return rc == OCC_OK ? rc : fail_options(config, kind, &problem);
}

static int add_host_type(occ_making *making, const occ_host_type *host)
{
  int rc = add_kind(making, host->type->name, host->type, host->self);

  return rc == OCC_OK ? open_kind(making) : rc;
}

/* A declared type gets a struct without functions, so that the machine has one kind of kind. */
static int add_declared(occ_making *making, const char *key, const json_t *entry)
{
  const char *params[OCC__MAX_TYPE_CARRIERS + 1], *headers[OCC__MAX_TYPE_CARRIERS + 1];
  occ_type *type = occ__arena_alloc(making->arena, sizeof(*type));
  occ_kind *kind;
  int rc;

  if (type == NULL) {
    return occ__config_fail_status(making->config, making->arena->rc, OCC__PATH("types", key));
  }
  (void)occ__types_carriers(params, json_object_get(entry, "params"),
                            0); /* good since it was set */
  (void)occ__types_carriers(headers, json_object_get(entry, "headers"), 1);
  if (params[0] == NULL && headers[0] == NULL) {
    return occ__config_fail(making->config, OCC_ERR_CONFIG, OCC__PATH("types", key),
                            "no such type, and no params or headers that would declare one");
  }
  type->size = sizeof(*type);
  type->evidence_class = (occ_class)occ__types_class(json_object_get(entry, "class"));
  type->params = params;
  type->headers = headers;
  rc = add_kind(making, key, type, NULL);
  if (rc != OCC_OK) {
    return rc;
  }
  kind = &making->server->kind[making->server->kinds - 1];
  kind->declared = 1;
  type->name = kind->key;
  type->params = kind->params; /* the copies */
  type->headers = kind->headers;
  return OCC_OK;
}

/* spec: S-10, O-11 */
int occ__kinds_build(occ_making *making)
{
  occ_config *config = making->config;
  const char *key;
  json_t *entry;
  int rc = OCC_OK;

  for (size_t i = 0; rc == OCC_OK && i < config->host_types; i++) {
    rc = add_host_type(making, &config->host_type[i]);
  }
  if (rc != OCC_OK) {
    return rc;
  }
  json_object_foreach(config->types, key, entry)
  {
    if (occ__types_host(config, key) == NULL && occ_type_builtin(key) == NULL) {
      rc = add_declared(making, key, entry);
    } else if (json_object_size(entry) != (json_object_get(entry, "name") == NULL ? 0u : 1u)) {
      rc = occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key),
                            "a type with code can only be given another name");
    }
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return OCC_OK;
}

const occ_kind *occ__kinds_find(occ_making *making, const char *key)
{
  occ_server *server = making->server;
  const occ_type *builtin;

  for (size_t i = 0; i < server->kinds; i++) {
    if (strcmp(server->kind[i].key, key) == 0) {
      return &server->kind[i];
    }
  }
  builtin = occ_type_builtin(key);
  if (builtin == NULL || add_kind(making, key, builtin, NULL) != OCC_OK ||
      open_kind(making) != OCC_OK) {
    return NULL;
  }
  return &server->kind[server->kinds - 1];
}

/* Two kinds with one name on the wire could not be told apart, neither by clients nor in a session. */
static const occ_kind *find_namesake(const occ_server *server)
{
  for (size_t i = 0; i < server->kinds; i++) {
    for (size_t k = 0; k < i; k++) {
      if (strcmp(server->kind[i].name, server->kind[k].name) == 0) {
        return &server->kind[i];
      }
    }
  }
  return NULL;
}

/* A carrier that is never in the digest could be exchanged where it is no evidence. */
static int check_ignored(occ_making *making)
{
  const occ_server *server = making->server;

  for (size_t i = 0; i < server->kinds; i++) {
    for (const char *const *param = server->kind[i].params; *param != NULL; param++) {
      if (occ__digest_ignores((const char *const *)server->digest_ignore, occ__span_text(*param))) {
        return occ__config_fail(making->config, OCC_ERR_CONFIG, OCC__PATH("digest_ignore", *param),
                                "a type's evidence comes in this parameter");
      }
    }
  }
  return OCC_OK;
}

int occ__kinds_finish(occ_making *making)
{
  occ_config *config = making->config;
  const occ_kind *namesake;
  const char *key;
  json_t *options;

  json_object_foreach(config->type_options, key, options)
  {
    if (occ__types_host(config, key) == NULL && occ_type_builtin(key) == NULL) {
      return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH(key),
                              "no such option, and no type with code");
    }
    /* Options of a type that no requirement uses are read all the same: a misspelt one makes no server. */
    if (occ__kinds_find(making, key) == NULL) {
      return config->rc != OCC_OK ? config->rc : OCC_ERR_CONFIG;
    }
  }
  namesake = find_namesake(making->server); /* now that all are there */
  if (namesake != NULL) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", namesake->key, "name"),
                            "another type has this name on the wire");
  }
  return check_ignored(making);
}
