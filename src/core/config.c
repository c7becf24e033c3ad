/* SPDX-License-Identifier: MIT */

/* occ_config: collects what the host wants of its servers. Each value is checked when it is set, as far as it can be by
 * itself; server.c checks the whole. The first error sticks and keeps a path and a fixed text; names in it come from the
 * configuration, which is the host's own. One thread; no I/O, no file is read. */

#include "core/config.h"

#include <string.h>

#include "core/url.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

int occ_config_new(occ_config **out, occ_lib *lib, const char *issuer)
{
  const occ_mem *mem;
  occ_config *config;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL || !occ__url_is_issuer(issuer)) {
    return OCC_ERR_ARGUMENT;
  }
  mem = occ__lib_mem(lib);
  config = occ__mem_alloc(mem, sizeof(*config));
  if (config == NULL) {
    return OCC_ERR_MEMORY;
  }
  config->issuer = occ__mem_text(mem, issuer, strlen(issuer));
  if (config->issuer == NULL) {
    occ__mem_free(mem, config, sizeof(*config));
    return OCC_ERR_MEMORY;
  }
  config->lib = lib;
  occ__lib_hold(lib);
  occ__options_init(&config->options);
  *out = config;
  return OCC_OK;
}

const occ_lib *occ__config_lib(const occ_config *config)
{
  return config->lib;
}

void occ__config_drop_answerer(const occ_mem *mem, occ_answerer *answerer)
{
  if (answerer == NULL ||
      atomic_fetch_sub_explicit(&answerer->holds, 1, memory_order_acq_rel) != 1) {
    return;
  }
  if (answerer->release != NULL) {
    answerer->release(answerer->user_data);
  }
  occ__mem_free(mem, answerer, sizeof(*answerer));
}

void occ_config_free(occ_config *config)
{
  const occ_mem *mem;
  occ_lib *lib;

  if (config == NULL) {
    return;
  }
  lib = config->lib;
  mem = occ__lib_mem(lib);
  for (size_t i = 0; i < OCC__ASKS; i++) {
    occ__config_drop_answerer(mem, config->answerer[i]);
  }
  if (config->ring != NULL) {
    occ__keyring_drop(config->ring);
  }
  json_decref(config->urls[OCC_TOKEN]);
  json_decref(config->urls[OCC_PAR]);
  json_decref(config->digest_ignore);
  json_decref(config->requirements);
  json_decref(config->types);
  json_decref(config->type_options);
  occ__mem_text_free(mem, config->issuer);
  occ__mem_wipe_free(mem, config, sizeof(*config));
  occ__lib_drop(lib);
}

/* Appends at most `most` octets to an error text, and no more than there is room. */
static void say(occ_config *config, const char *text, size_t most)
{
  size_t at = strlen(config->error);

  for (; *text != '\0' && most > 0 && at < OCC__MAX_CONFIG_ERROR; text++, most--) {
    config->error[at++] = *text >= ' ' && *text <= '~' ? *text : '?';
  }
  config->error[at] = '\0';
}

int occ__config_fail(occ_config *config, int rc, const char *const *path, const char *text)
{
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  config->rc = rc;
  config->error[0] = '\0';
  for (size_t i = 0; path[i] != NULL; i++) {
    say(config, i == 0 ? "" : ".", 1);
    say(config, path[i], OCC__MAX_CONFIG_PART);
  }
  say(config, ": ", 2);
  say(config, text, OCC__MAX_CONFIG_ERROR);
  return rc;
}

int occ__config_fail_status(occ_config *config, int rc, const char *const *path)
{
  switch (rc) {
  case OCC_ERR_MEMORY:
    return occ__config_fail(config, rc, path, "out of memory");
  case OCC_ERR_LIMIT:
    return occ__config_fail(config, rc, path, "too large");
  case OCC_ERR_CRYPTO:
    return occ__config_fail(config, rc, path, "the cryptographic library failed");
  default:
    return occ__config_fail(config, OCC_ERR_INTERNAL, path, "internal error");
  }
}

void occ__config_keep(json_t **slot, json_t *value)
{
  json_t *before = *slot;

  *slot = json_incref(value);
  json_decref(before);
}

int occ__config_is_name(const char *text, size_t most)
{
  size_t len = strspn(text, OCC__NAME_OCTETS);

  return len > 0 && len <= most && text[len] == '\0';
}

const char *occ__config_index(char out[OCC__INDEX_LEN], size_t index)
{
  size_t at = OCC__INDEX_LEN;

  out[--at] = '\0';
  do {
    out[--at] = (char)('0' + index % 10u);
    index /= 10u;
  } while (index != 0 && at > 0);
  return out + at;
}

int occ_config_set(occ_config *config, const char *name, const char *value)
{
  if (config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  if (name == NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("configuration"),
                            "an option without a name");
  }
  if (value == NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH(name), "no value");
  }
  return occ__options_set(config, name, value);
}

/* One member of a loaded object: a string as it is, anything else as its JSON text. */
static int load_member(occ_config *config, const char *name, const json_t *value)
{
  occ_buf text;
  int rc;

  if (json_is_string(value)) {
    return occ_config_set(config, name, json_string_value(value));
  }
  occ__buf_init(&text, occ__lib_mem(config->lib), OCC__MAX_CONFIG_JSON);
  occ__json_value(&text, value);
  if (text.rc == OCC_OK) {
    rc = occ_config_set(config, name, occ__buf_string(&text));
  } else {
    rc = occ__config_fail_status(config, text.rc, OCC__PATH(name));
  }
  occ__buf_clear(&text);
  return rc;
}

int occ_config_load(occ_config *config, const char *json, size_t len)
{
  static const char *const path[] = { "configuration", NULL };
  json_t *object = NULL, *value;
  const char *name;
  int rc;

  if (config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  if (json == NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, path, "no text");
  }
  rc = occ__json_read_object(&object, occ__span(json, len), &occ__json_config);
  if (rc == OCC_ERR_SYNTAX) {
    return occ__config_fail(config, rc, path, "not one JSON object");
  }
  if (rc != OCC_OK) {
    return occ__config_fail_status(config, rc, path);
  }
  json_object_foreach(object, name, value)
  {
    rc = load_member(config, name, value);
    if (rc != OCC_OK) {
      break;
    }
  }
  json_decref(object);
  return rc;
}

int occ_config_answer(occ_config *config, occ_ask kind, occ_answer_fn answer, occ_cancel_fn cancel,
                      occ_release_fn release, void *user_data)
{
  occ_answerer *answerer;

  if (config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  if (kind < OCC_ASK_CHECK || kind > OCC_ASK_RELEASE || answer == NULL) {
    return occ__config_fail(config, OCC_ERR_ARGUMENT, OCC__PATH("answerer"),
                            answer == NULL ? "no function" : "no kind of question for a server");
  }
  answerer = occ__mem_alloc(occ__lib_mem(config->lib), sizeof(*answerer));
  if (answerer == NULL) {
    return occ__config_fail_status(config, OCC_ERR_MEMORY, OCC__PATH("answerer"));
  }
  atomic_init(&answerer->holds, 1);
  answerer->answer = answer;
  answerer->cancel = cancel;
  answerer->release = release;
  answerer->user_data = user_data;
  occ__config_drop_answerer(occ__lib_mem(config->lib), config->answerer[kind]);
  config->answerer[kind] = answerer;
  return OCC_OK;
}

int occ_config_on_wake(occ_config *config, occ_wake_fn wake)
{
  if (config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  config->wake = wake;
  return config->rc;
}

int occ_config_add_type(occ_config *config, const occ_type *type, void *self)
{
  int rc;

  if (config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  rc = occ__types_check(config, type);
  if (rc == OCC_OK) {
    config->host_type[config->host_types].type = type;
    config->host_type[config->host_types].self = self;
    config->host_types++;
  }
  return rc;
}

int occ_keyring_attach(occ_keyring *ring, occ_config *config)
{
  if (ring == NULL || config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  occ__keyring_hold(ring);
  if (config->ring != NULL) {
    occ__keyring_drop(config->ring);
  }
  config->ring = ring;
  return OCC_OK;
}

const char *occ_config_error(const occ_config *config)
{
  return config == NULL || config->error[0] == '\0' ? NULL : config->error;
}
