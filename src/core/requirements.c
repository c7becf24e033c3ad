/* SPDX-License-Identifier: MIT */

/* Named requirements of a configuration. A template is what the host writes: "type" (a key), the members to send, and two
 * members that are libocc's own, "expiry" and "class". Here it is checked, given to its type, and becomes what the machine
 * reads: the object to send, its class, its life, and the id under which sessions remember that it was met. */

#include "core/config.h"

#include <string.h>

#include "jose/jcs.h"
#include "wire/json_in.h"

/* A template travels inside a body that clients read within the same limits: one level and a few values are kept back for
 * what stands around it and for what params and the type add. */
static const occ_json_limits template_limits = { OCC__MAX_JWT / 2, OCC__MAX_JSON_DEPTH - 1,
                                                 OCC__MAX_JSON_VALUES / 2 };

static int fail(occ_config *config, const char *name, const char *member, const char *text)
{
  /* A NULL member ends the path. */
  return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("requirements", name, member), text);
}

static int class_of(const json_t *template)
{
  return occ__types_class(json_object_get(template, "class"));
}

static int check_expiry(occ_config *config, const char *name, const json_t *template)
{
  const json_t *expiry = json_object_get(template, "expiry");

  if (expiry != NULL &&
      (!json_is_integer(expiry) || json_integer_value(expiry) < OCC__MIN_EXPIRY_S ||
       json_integer_value(expiry) > OCC__MAX_EXPIRY_S)) {
    return fail(config, name, "expiry", "must be seconds from 10 to 600");
  }
  return OCC_OK;
}

/* Within the limits, and with a canonical form, for digests are taken of it. */
static int check_form(occ_config *config, const char *name, const json_t *template)
{
  occ_buf text;
  int rc;

  occ__buf_init(&text, occ__lib_mem(config->lib), template_limits.octets);
  rc = occ__jcs_write(&text, template);
  if (rc == OCC_OK) {
    rc = occ__json_scan(occ__span(text.base, text.len), &template_limits);
  }
  occ__buf_clear(&text);
  switch (rc) {
  case OCC_OK:
    return OCC_OK;
  case OCC_ERR_SYNTAX:
    return fail(config, name, NULL, "has a number that is no integer within 2^53-1");
  case OCC_ERR_LIMIT:
    return fail(config, name, NULL, "too large");
  default:
    return occ__config_fail_status(config, rc, OCC__PATH("requirements", name));
  }
}

static int check_template(occ_config *config, const char *name, const json_t *template)
{
  int rc;

  if (!occ__config_is_name(name, OCC__MAX_REQUIREMENT_NAME)) {
    return fail(config, name, NULL, "a name has 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  if (!json_is_object(template)) {
    return fail(config, name, NULL, "must be an object");
  }
  if (occ__json_text(template, "type") == NULL) {
    return fail(config, name, "type", "missing, or no text");
  }
  if (class_of(template) < 0) {
    return fail(config, name, "class", "must be provenance or authorization");
  }
  if (json_object_get(template, occ__names_kahrer_00.session) != NULL) {
    return fail(config, name, occ__names_kahrer_00.session, "libocc writes this member");
  }
  rc = check_expiry(config, name, template);
  return rc == OCC_OK ? check_form(config, name, template) : rc;
}

int occ__requirements_set(occ_config *config, json_t *value)
{
  const char *name;
  json_t *template;

  if (!json_is_object(value) || json_object_size(value) > OCC__MAX_REQUIREMENTS) {
    return OCC_ERR_CONFIG;
  }
  json_object_foreach(value, name, template)
  {
    int rc = check_template(config, name, template);

    if (rc != OCC_OK) {
      return rc;
    }
  }
  occ__config_keep(&config->requirements, value);
  return OCC_OK;
}

/* ---- Into the server ---- */

/* "type" by its wire name, and the template's members but for libocc's own. NULL: no memory. */
static json_t *pick_members(const char *wire_name, json_t *template)
{
  json_t *members = json_object(), *value;
  const char *member;
  int good = members != NULL && json_object_set_new(members, "type", json_string(wire_name)) == 0;

  json_object_foreach(template, member, value)
  {
    if (strcmp(member, "type") != 0 && strcmp(member, "expiry") != 0 &&
        strcmp(member, "class") != 0) {
      good = good && json_object_set(members, member, value) == 0;
    }
  }
  if (!good) {
    json_decref(members);
    return NULL;
  }
  return members;
}

/* The object to send. */
static int write_members(occ_making *making, occ_requirement *out, json_t *template)
{
  json_t *members = pick_members(out->kind->name, template);
  occ_buf text;
  int rc = members == NULL ? OCC_ERR_MEMORY : OCC_OK;

  occ__buf_init(&text, occ__lib_mem(making->config->lib), OCC__MAX_CONFIG_JSON);
  if (rc == OCC_OK) {
    rc = occ__jcs_write(&text, members);
  }
  if (rc == OCC_OK) {
    out->members = occ__span(occ__arena_text(making->arena, text.base, text.len), text.len);
    rc = out->members.base == NULL ? making->arena->rc : OCC_OK;
  }
  occ__buf_clear(&text);
  json_decref(members);
  return rc;
}

/* Names the requirement and its wording for the sessions that carry it: another template is another requirement. */
static int make_id(occ_making *making, occ_requirement *out, const json_t *template)
{
  uint8_t digest[OCC__SHA256_LEN];
  occ_buf text;
  int rc;

  occ__buf_init(&text, occ__lib_mem(making->config->lib), template_limits.octets);
  rc = occ__jcs_write(&text, template);
  if (rc == OCC_OK) {
    occ__sha256_begin(making->ws);
    occ__sha256_add_text(making->ws, out->name);
    occ__sha256_add(making->ws, text.base, text.len);
    rc = occ__sha256_end(making->ws, digest);
  }
  if (rc == OCC_OK) {
    memcpy(out->id, digest, sizeof(out->id));
  }
  occ__buf_clear(&text);
  return rc;
}

/* A problem that begins with a member's name continues the path. */
static int fail_problem(occ_config *config, const char *name, const char *problem)
{
  char member[OCC__MAX_REQUIREMENT_NAME + 1];
  size_t len = problem == NULL ? 0 : strcspn(problem, ": ");

  if (problem == NULL) {
    return fail(config, name, NULL, "its type does not accept it");
  }
  if (len == 0 || len >= sizeof(member) || strncmp(problem + len, ": ", 2) != 0) {
    return fail(config, name, NULL, problem);
  }
  memcpy(member, problem, len);
  member[len] = '\0';
  return fail(config, name, member, problem + len + 2);
}

/* Asks the type whether it can work with what will be sent. */
static int ask_type(occ_making *making, const occ_requirement *requirement)
{
  occ_config *config = making->config;
  const occ_type *type = requirement->kind->type;
  const char *problem = NULL;
  int rc;

  if (type->accepts == NULL) {
    return OCC_OK;
  }
  rc = type->accepts((const char *)requirement->members.base, &problem, requirement->kind->self);
  if (rc == OCC_ERR_MEMORY || rc == OCC_ERR_CRYPTO) {
    return occ__config_fail_status(config, rc, OCC__PATH("requirements", requirement->name));
  }
  return rc == OCC_OK ? rc : fail_problem(config, requirement->name, problem);
}

/* The class is the type's; where that has none, the template's. spec: O-12 */
static int find_class(occ_making *making, occ_requirement *out, const json_t *template)
{
  int wanted = class_of(template);
  occ_class own = out->kind->evidence_class;

  if (own == 0 && wanted == 0) {
    return fail(making->config, out->name, "class", "missing, and its type has none");
  }
  if (own != 0 && wanted != 0 && (int)own != wanted) {
    return fail(making->config, out->name, "class", "its type is of the other class");
  }
  out->evidence_class = own != 0 ? own : (occ_class)wanted;
  return OCC_OK;
}

static int64_t expiry_of(const occ_requirement *requirement, const json_t *template)
{
  const json_t *expiry = json_object_get(template, "expiry");
  int64_t usual = requirement->evidence_class == OCC_AUTHORIZATION ? OCC__EXPIRY_AUTHORIZATION_S
                                                                   : OCC__EXPIRY_S;

  return 1000 * (expiry == NULL ? usual : (int64_t)json_integer_value(expiry));
}

static int build_one(occ_making *making, occ_requirement *out, const char *name, json_t *template)
{
  occ_config *config = making->config;
  int rc;

  out->name = occ__arena_text(making->arena, name, strlen(name));
  if (out->name == NULL) {
    return occ__config_fail_status(config, making->arena->rc, OCC__PATH("requirements", name));
  }
  out->kind = occ__kinds_find(making, json_string_value(json_object_get(template, "type")));
  if (out->kind == NULL) {
    return config->rc != OCC_OK ? config->rc : fail(config, name, "type", "no such type");
  }
  rc = find_class(making, out, template);
  if (rc != OCC_OK) {
    return rc;
  }
  out->expiry_ms = expiry_of(out, template);
  rc = write_members(making, out, template);
  if (rc == OCC_OK) {
    rc = make_id(making, out, template);
  }
  if (rc != OCC_OK) {
    return occ__config_fail_status(config, rc, OCC__PATH("requirements", name));
  }
  rc = ask_type(making, out);
  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__evidence_fix(making->server, out, making->ws, making->arena);
  return rc == OCC_OK ? rc
                      : occ__config_fail_status(config, rc, OCC__PATH("requirements", out->name));
}

int occ__requirements_build(occ_making *making)
{
  occ_server *server = making->server;
  json_t *all = making->config->requirements, *template;
  const char *name;

  server->requirement =
      occ__arena_alloc(making->arena, (json_object_size(all) + 1) * sizeof(*server->requirement));
  if (server->requirement == NULL) {
    return occ__config_fail_status(making->config, making->arena->rc, OCC__PATH("requirements"));
  }
  json_object_foreach(all, name, template)
  {
    /* Counted first: what it got before it failed is given back with the server. */
    int rc = build_one(making, &server->requirement[server->requirements++], name, template);

    if (rc != OCC_OK) {
      return rc;
    }
  }
  return OCC_OK;
}
