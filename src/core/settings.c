/* SPDX-License-Identifier: MIT */

/* The options of a configuration put together: what makes no sense side by side is refused, the rest is copied into the
 * server, and whatever weakens something is told. */

#include "core/config.h"

#include <string.h>

#include "core/url.h"

/* What may change after a challenge by default: tracing, not authority. */
static const char *const default_ignore[] = { "client-request-id", "x-client-*" };

/* What makes no sense together. A text, or NULL; *name: whose fault it is. */
static const char *find_conflict(const occ_config *config, const char **name)
{
  const occ_options *options = &config->options;

  if (!options->has_store_id) {
    *name = "store_id";
    return "attach a store or set it";
  }
  if (options->dpop_host && options->dpop_detail != NULL) {
    *name = options->dpop_detail;
    return "has no effect with dpop=host";
  }
  if (!options->dpop_host && config->urls[OCC_TOKEN] == NULL) {
    *name = "token_urls";
    return "missing: DPoP proofs are compared with them (dpop=host does without)";
  }
  if (config->ring == NULL && (json_object_size(config->requirements) > 0 ||
                               (!options->dpop_host && options->nonce_mode != OCC__NONCE_OFF))) {
    *name = "keyring";
    return "attach one: it seals sessions and DPoP nonces";
  }
  return NULL;
}

/* The normal forms of an endpoint's URLs, into the server's arena. */
static char **copy_urls(occ_arena *arena, const json_t *urls)
{
  size_t count = json_array_size(urls);
  char **copy = occ__arena_alloc(arena, (count + 1) * sizeof(*copy));
  char normal[OCC__MAX_URL + 1];

  for (size_t i = 0; copy != NULL && i < count; i++) {
    size_t len = 0;

    /* It was good when it was set. */
    (void)occ__url_normal(normal, &len, occ__span_text(json_string_value(json_array_get(urls, i))));
    copy[i] = occ__arena_text(arena, normal, len);
    if (copy[i] == NULL) {
      return NULL;
    }
  }
  return copy;
}

static const char **copy_ignore(occ_arena *arena, const json_t *patterns)
{
  size_t defaults = sizeof(default_ignore) / sizeof(default_ignore[0]);
  size_t count = patterns == NULL ? defaults : json_array_size(patterns);
  const char **copy = occ__arena_alloc(arena, (count + 1) * sizeof(*copy));

  for (size_t i = 0; copy != NULL && i < count; i++) {
    const char *pattern =
        patterns == NULL ? default_ignore[i] : json_string_value(json_array_get(patterns, i));

    copy[i] = occ__arena_text(arena, pattern, strlen(pattern));
    if (copy[i] == NULL) {
      return NULL;
    }
  }
  return copy;
}

int occ__settings_build(occ_making *making)
{
  occ_config *config = making->config;
  occ_server *server = making->server;
  const occ_options *options = &config->options;
  const char *name = NULL;
  const char *conflict = find_conflict(config, &name);

  if (conflict != NULL) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH(name), conflict);
  }
  server->dpop_host = options->dpop_host;
  server->nonce_mode = options->dpop_host ? OCC__NONCE_OFF : options->nonce_mode;
  server->nonce_unknown_refuse = options->nonce_unknown_refuse;
  server->dpop_algs = options->dpop_algs;
  server->assertion_algs = options->client_assertion_algs;
  server->assertion_typ_required = options->client_assertion_typ_required;
  server->assertion_endpoint = options->client_assertion_endpoint;
  server->check = options->check;
  server->client_urls = options->client_urls;
  server->challenge_status = options->challenge_status;
  server->nested_session = options->nested_session;
  server->stored = options->stored;
  server->deadline_ms = options->deadline_ms;
  memcpy(server->store_id, options->store_id, sizeof(server->store_id));
  for (size_t i = 0; i < sizeof(server->urls) / sizeof(server->urls[0]); i++) {
    server->urls[i] = copy_urls(making->arena, config->urls[i]);
    if (server->urls[i] == NULL) {
      return occ__config_fail_status(config, making->arena->rc, OCC__PATH("server"));
    }
  }
  server->digest_ignore = copy_ignore(making->arena, config->digest_ignore);
  if (server->digest_ignore == NULL) {
    return occ__config_fail_status(config, making->arena->rc, OCC__PATH("server"));
  }
  return OCC_OK;
}

/* Does it ignore more than by default? */
static int is_loose(const json_t *patterns)
{
  for (size_t i = 0; i < json_array_size(patterns); i++) {
    const char *pattern = json_string_value(json_array_get(patterns, i));

    if (strcmp(pattern, default_ignore[0]) != 0 && strcmp(pattern, default_ignore[1]) != 0) {
      return 1;
    }
  }
  return 0;
}

void occ__settings_tell(const occ_config *config, const occ_server *server)
{
  const struct {
    const char *name;
    int weak;
  } row[] = {
    { "client_assertion_audience", server->assertion_endpoint },
    { "digest_ignore", is_loose(config->digest_ignore) },
    { "dpop", server->dpop_host },
    { "dpop_nonce", !server->dpop_host && server->nonce_mode == OCC__NONCE_OFF },
    { "session_mode", server->stored },
  };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_event event = { .id = OCC__EVENT_OPTION_WEAKENED,
                        .issuer = server->issuer,
                        .detail = row[i].name };

    if (row[i].weak) {
      occ__lib_emit(server->lib, &event);
    }
  }
}
