/* SPDX-License-Identifier: MIT
 *
 * Reads the trusted issuers of a type's options. Called when a server is made, and for look-ups afterwards; immutable in
 * between, so any thread may read. */

#include "evidence/issuers.h"

void occ__issuers_clear(occ_issuers *issuers)
{
  for (size_t i = 0; i < issuers->count; i++) {
    occ__mem_text_free(issuers->mem, issuers->issuer[i].name);
    occ__jwks_clear(&issuers->issuer[i].keys);
  }
  if (issuers->issuer != NULL) {
    occ__mem_free(issuers->mem, issuers->issuer, issuers->count * sizeof(occ_issuer));
  }
  memset(issuers, 0, sizeof(*issuers));
}

/* A member that an issuer may not have, or NULL. */
static const char *find_stranger(json_t *json)
{
  const char *member;
  json_t *value;

  json_object_foreach(json, member, value)
  {
    if (strcmp(member, "jwks") != 0) {
      return member;
    }
  }
  return NULL;
}

static int check_shape(const char *name, json_t *json, occ_problem *problem)
{
  const char *stranger = find_stranger(json);

  if (name[0] == '\0') {
    return occ__lib_problem(problem, "an issuer without a name", "issuers", NULL, NULL);
  }
  if (!json_is_object(json)) {
    return occ__lib_problem(problem, "an object: its jwks, or nothing", "issuers", name, NULL);
  }
  return stranger == NULL
             ? OCC_OK
             : occ__lib_problem(problem, "only jwks may be set", "issuers", name, stranger);
}

static int read_one(occ_issuer *out, const occ_mem *mem, occ_workspace *ws, const char *name,
                    json_t *json, occ_problem *problem)
{
  const json_t *jwks = json_object_get(json, "jwks");
  int rc = check_shape(name, json, problem);

  if (rc != OCC_OK) {
    return rc;
  }
  out->name = occ__mem_text(mem, name, strlen(name));
  if (out->name == NULL) {
    return OCC_ERR_MEMORY;
  }
  if (jwks == NULL) {
    return OCC_OK;
  }
  rc = occ__jwks_read(&out->keys, mem, ws, jwks);
  out->has_keys = rc == OCC_OK;
  return rc <= 0 ? rc
                 : occ__lib_problem(problem, "not a set of public keys, each whole, each kid once",
                                    "issuers", name, "jwks");
}

int occ__issuers_read(occ_issuers *out, occ_lib *lib, json_t *json, occ_problem *problem)
{
  const occ_mem *mem = occ__lib_mem(lib);
  occ_workspace *ws = NULL;
  const char *name;
  json_t *value;
  size_t i = 0;
  int rc;

  if (!json_is_object(json) || out->issuer != NULL) {
    return occ__lib_problem(problem, "an object: issuers by name", "issuers", NULL, NULL);
  }
  if (json_object_size(json) == 0) {
    return OCC_OK;
  }
  out->mem = mem;
  out->issuer = occ__mem_alloc(mem, json_object_size(json) * sizeof(occ_issuer));
  if (out->issuer == NULL) {
    return OCC_ERR_MEMORY;
  }
  out->count = json_object_size(json);
  rc = occ__lib_take(lib, &ws);
  json_object_foreach(json, name, value)
  {
    if (rc != OCC_OK) {
      break;
    }
    rc = read_one(&out->issuer[i++], mem, ws, name, value, problem);
  }
  if (ws != NULL) {
    occ__lib_give(lib, ws);
  }
  return rc; /* the caller clears what has been read so far */
}

const occ_issuer *occ__issuers_find(const occ_issuers *issuers, const char *name)
{
  for (size_t i = 0; i < issuers->count; i++) {
    if (strcmp(issuers->issuer[i].name, name) == 0) {
      return &issuers->issuer[i];
    }
  }
  return NULL;
}

unsigned occ__issuers_algs(const json_t *list)
{
  unsigned algs = 0;

  if (!json_is_array(list)) {
    return 0;
  }
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));
    occ_alg alg = name == NULL ? OCC__ALG_NONE : occ__alg_of_name(name);
    if (alg == OCC__ALG_NONE) {
      return 0;
    }
    algs |= OCC__ALG_BIT(alg);
  }
  return algs;
}
