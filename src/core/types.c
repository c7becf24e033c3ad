/* SPDX-License-Identifier: MIT */

/* Types of evidence in a configuration: structs of the host, and types that the host only declares and judges by itself.
 * Their shape is checked here, when they are set; kinds.c makes of them what a server has. Knows no evidence. */

#include "core/config.h"

#include <string.h>

#include "core/params.h"
#include "wire/header.h"

/* The host's own headers: evidence never travels in them. */
static const char *const taken_headers[] = {
  "Authorization", "Content-Length", "Content-Type", "Cookie", "Host", "Transfer-Encoding", NULL
};

/* ---- Names ---- */

/* A key or wire name: printable ASCII without space, mostly a word or a URI. */
static int is_type_name(const char *name)
{
  size_t len = 0;

  for (; name != NULL && name[len] != '\0'; len++) {
    if (len == OCC__MAX_TYPE_NAME || name[len] <= ' ' || name[len] > '~' || name[len] == '"' ||
        name[len] == '\\') {
      return 0;
    }
  }
  return len > 0;
}

/* Names that the digest of a request must hold, the protocol's own, and the host's headers. */
static int is_taken(const char *name, int header)
{
  if (!header) {
    return (occ__params_flags(name) & (OCC__PARAM_BOUND | OCC__PARAM_CREDENTIAL)) != 0 ||
           strcmp(name, occ__names_kahrer_00.session) == 0;
  }
  for (const char *const *taken = taken_headers; *taken != NULL; taken++) {
    if (occ__header_name_equal(name, *taken)) {
      return 1;
    }
  }
  return 0;
}

/* Why not? NULL: the carriers are fine. list: NULL-terminated, may be NULL. */
static const char *find_carrier_fault(const char *const *list, int header)
{
  for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
    if (i == OCC__MAX_TYPE_CARRIERS) {
      return "more than 8 names";
    }
    /* spec: RFC 6749 appendix A (name-char); of RFC 9110's token what header names use. */
    if (!occ__config_is_name(list[i], OCC__MAX_ID)) {
      return "a name with characters that it may not have";
    }
    if (is_taken(list[i], header)) {
      return "a name that evidence may not take";
    }
    for (size_t k = 0; k < i; k++) {
      if (header ? occ__header_name_equal(list[i], list[k]) : strcmp(list[i], list[k]) == 0) {
        return "the same name twice";
      }
    }
  }
  return NULL;
}

int occ__types_has_header(const char *const *headers, const char *name)
{
  for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
    if (occ__header_name_equal(headers[i], name)) {
      return 1;
    }
  }
  return 0;
}

int occ__types_is_attested(const char *const *headers)
{
  return occ__types_has_header(headers, OCC__HEADER_ATTESTATION) ||
         occ__types_has_header(headers, OCC__HEADER_ATTESTATION_POP);
}

/* In a header whose nonce the machine compares with the handle. */
static int is_by_proof(const char *const *headers)
{
  return occ__types_has_header(headers, OCC__HEADER_DPOP) || occ__types_is_attested(headers);
}

/* ---- Structs of the host ---- */

/* Is it an occ_type that this release understands? A newer one may be, if what it has more is not used. */
static int is_known_size(const occ_type *type)
{
  const uint8_t *octet = (const uint8_t *)type;

  if (type->size < sizeof(*type) || type->size > OCC__MAX_TYPE_SIZE) {
    return 0;
  }
  for (size_t i = sizeof(*type); i < type->size; i++) {
    if (octet[i] != 0) {
      return 0;
    }
  }
  return 1;
}

const occ_host_type *occ__types_host(const occ_config *config, const char *key)
{
  for (size_t i = 0; i < config->host_types; i++) {
    if (strcmp(config->host_type[i].type->name, key) == 0) {
      return &config->host_type[i];
    }
  }
  return NULL;
}

static const char *find_type_fault(const occ_config *config, const occ_type *type)
{
  if (type->evidence_class != 0 && type->evidence_class != OCC_PROVENANCE &&
      type->evidence_class != OCC_AUTHORIZATION) {
    return "no such class";
  }
  if (type->parse == NULL && is_by_proof(type->headers)) {
    return "a type carried by proof headers needs parse, for the nonce";
  }
  if (occ__options_has(type->name)) {
    return "an option has this name";
  }
  if (occ_type_builtin(type->name) != NULL) {
    return "a built-in type has this name";
  }
  if (occ__types_host(config, type->name) != NULL) {
    return "added twice";
  }
  return config->host_types == OCC__MAX_TYPES ? "more than 32 types" : NULL;
}

int occ__types_check(occ_config *config, const occ_type *type)
{
  const char *fault;

  if (type == NULL || !is_known_size(type)) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("types"),
                            "an occ_type of unknown size");
  }
  if (!is_type_name(type->name)) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("types"),
                            "an occ_type without a usable name");
  }
  fault = find_type_fault(config, type);
  if (fault != NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("types", type->name), fault);
  }
  fault = find_carrier_fault(type->params, 0);
  if (fault != NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("types", type->name, "params"),
                            fault);
  }
  fault = find_carrier_fault(type->headers, 1);
  if (fault != NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("types", type->name, "headers"),
                            fault);
  }
  return OCC_OK;
}

/* ---- The option "types" ---- */

/* An array of texts to a NULL-terminated list of borrowed ones; why not, or NULL. */
const char *occ__types_carriers(const char *list[OCC__MAX_TYPE_CARRIERS + 1], const json_t *array,
                                int header)
{
  size_t count = json_array_size(array);

  list[0] = NULL;
  if (array != NULL && !json_is_array(array)) {
    return "must be an array of names";
  }
  if (count > OCC__MAX_TYPE_CARRIERS) {
    return "more than 8 names";
  }
  for (size_t i = 0; i < count; i++) {
    list[i] = json_string_value(json_array_get(array, i));
    list[i + 1] = NULL;
    if (list[i] == NULL) {
      return "must be an array of names";
    }
  }
  return find_carrier_fault(list, header);
}

static int check_carriers(occ_config *config, const char *key, const json_t *object)
{
  const char *params[OCC__MAX_TYPE_CARRIERS + 1], *headers[OCC__MAX_TYPE_CARRIERS + 1];
  const char *fault;

  fault = occ__types_carriers(params, json_object_get(object, "params"), 0);
  if (fault != NULL) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key, "params"), fault);
  }
  fault = occ__types_carriers(headers, json_object_get(object, "headers"), 1);
  if (fault != NULL) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key, "headers"), fault);
  }
  if (is_by_proof(headers)) {
    /* Its nonce must be compared before the session is used up, which takes code. */
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key, "headers"),
                            "a declared type cannot be carried by proof headers");
  }
  return OCC_OK;
}

int occ__types_class(const json_t *class)
{
  const char *text = json_string_value(class);

  if (class == NULL) {
    return 0;
  }
  if (text != NULL && strcmp(text, "provenance") == 0) {
    return OCC_PROVENANCE;
  }
  return text != NULL && strcmp(text, "authorization") == 0 ? OCC_AUTHORIZATION : -1;
}

static int check_entry(occ_config *config, const char *key, json_t *object)
{
  const char *member;
  json_t *value;

  if (!is_type_name(key)) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key),
                            "no usable name of a type");
  }
  if (!json_is_object(object)) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key), "must be an object");
  }
  json_object_foreach(object, member, value)
  {
    if (strcmp(member, "class") != 0 && strcmp(member, "params") != 0 &&
        strcmp(member, "headers") != 0 && strcmp(member, "name") != 0) {
      return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key, member),
                              "no such member");
    }
  }
  if (occ__types_class(json_object_get(object, "class")) < 0) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key, "class"),
                            "must be provenance or authorization");
  }
  value = json_object_get(object, "name");
  if (value != NULL && !is_type_name(json_string_value(value))) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("types", key, "name"),
                            "no usable name of a type");
  }
  return check_carriers(config, key, object);
}

int occ__types_set(occ_config *config, json_t *value)
{
  const char *key;
  json_t *object;

  if (!json_is_object(value) || json_object_size(value) > OCC__MAX_TYPES) {
    return OCC_ERR_CONFIG;
  }
  json_object_foreach(value, key, object)
  {
    int rc = check_entry(config, key, object);

    if (rc != OCC_OK) {
      return rc;
    }
  }
  occ__config_keep(&config->types, value);
  return OCC_OK;
}
