/* SPDX-License-Identifier: MIT */

/* The agent: which authorization server, which client, which keys, which budget. Made by the host on one thread, fixed
 * as soon as a call is made, then shared by calls on any thread. The issuer stands here and nowhere else: the audience of
 * all evidence is taken from it, never from a challenge, which is what stops one server from passing on the challenge of
 * another (presentation profile, section 5.0). */

#include "agent/agent.h"
#include "jose/jws.h"
#include "wire/json_in.h"

static const char default_typ[] = "client-challenge-assertion+jwt";
static const char *const use_names[OCC__USES] = { "dpop", "assertion" };

/* The numeric loopback addresses and their one name. */
static int is_loopback(occ_span host)
{
  static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (occ__span_is(host, names[i])) {
      return 1;
    }
  }
  return 0;
}

static int has_url_octets(const char *url, int may_query)
{
  for (const char *at = url; *at != '\0'; at++) {
    if (*at < 0x21 || *at > 0x7e || strchr("\"\\#", *at) != NULL || (*at == '?' && !may_query)) {
      return 0;
    }
  }
  return 1;
}

/* The text after the scheme, or NULL. */
static const char *skip_scheme(const char *url, int *is_plain)
{
  static const char https[] = "https://", http[] = "http://";

  *is_plain = strncmp(url, http, sizeof(http) - 1) == 0;
  if (*is_plain) {
    return url + sizeof(http) - 1;
  }
  return strncmp(url, https, sizeof(https) - 1) == 0 ? url + sizeof(https) - 1 : NULL;
}

/* https, or http on a loopback address: evidence and secrets go there. No user info, no fragment. */
static int is_url(const char *url, int may_query)
{
  int is_plain;
  const char *host = skip_scheme(url, &is_plain);
  size_t authority, name;

  if (host == NULL || !has_url_octets(url, may_query)) {
    return 0;
  }
  authority = strcspn(host, "/?");
  name = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?");
  if (name == 0 || name > authority || memchr(host, '@', authority) != NULL) {
    return 0;
  }
  return !is_plain || is_loopback(occ__span(host, name));
}

static int is_text(const char *text) /* RFC 6749 appendix A.1: VSCHAR */
{
  for (const char *at = text; *at != '\0'; at++) {
    if (*at < 0x20 || *at > 0x7e) {
      return 0;
    }
  }
  return text[0] != '\0';
}

static int set_text(occ_agent *agent, const char **out, const json_t *value)
{
  const char *text = json_string_value(value);

  if (text == NULL || strlen(text) != json_string_length(value) ||
      strlen(text) > OCC__MAX_CLIENT_ID || !is_text(text)) {
    return OCC_ERR_CONFIG;
  }
  *out = occ__arena_text(&agent->arena, text, strlen(text));
  return *out == NULL ? agent->arena.rc : OCC_OK;
}

static int set_url(occ_agent *agent, const char **out, const json_t *value, int may_query)
{
  int rc = set_text(agent, out, value);

  if (rc == OCC_OK && !is_url(*out, may_query)) {
    return OCC_ERR_CONFIG;
  }
  return rc;
}

static int set_number(size_t *out, const json_t *value)
{
  if (!json_is_integer(value) || json_integer_value(value) < 1 ||
      json_integer_value(value) > OCC__AGENT_MAX_ROUNDS) {
    return OCC_ERR_CONFIG;
  }
  *out = (size_t)json_integer_value(value);
  return OCC_OK;
}

static int set_option(occ_agent *agent, const char *name, const json_t *value)
{
  if (strcmp(name, "issuer") == 0) {
    return set_url(agent, &agent->issuer, value, 0);
  }
  if (strcmp(name, "token_url") == 0) {
    return set_url(agent, &agent->token_url, value, 1);
  }
  if (strcmp(name, "client_id") == 0) {
    return set_text(agent, &agent->client_id, value);
  }
  if (strcmp(name, "assertion_issuer") == 0) {
    return set_text(agent, &agent->assertion_issuer, value);
  }
  if (strcmp(name, "assertion_typ") == 0) {
    return set_text(agent, &agent->assertion_typ, value);
  }
  if (strcmp(name, "rounds") == 0) {
    return set_number(&agent->rounds, value);
  }
  if (strcmp(name, "answers") == 0) {
    return set_number(&agent->answers, value);
  }
  if (strcmp(name, "dpop") == 0 && json_is_boolean(value)) {
    agent->dpop = json_is_true(value);
    return OCC_OK;
  }
  return OCC_ERR_CONFIG; /* a misspelt option must not be silently without effect */
}

static int set_defaults(occ_agent *agent)
{
  if (agent->issuer == NULL || agent->token_url == NULL || agent->client_id == NULL) {
    return OCC_ERR_CONFIG;
  }
  if (agent->assertion_issuer == NULL) {
    agent->assertion_issuer = agent->client_id;
  }
  if (agent->assertion_typ == NULL) {
    agent->assertion_typ = default_typ;
  }
  /* spec: RFC 9449 section 4.2: htu is without query and fragment */
  agent->htu = occ__arena_text(&agent->arena, agent->token_url, strcspn(agent->token_url, "?"));
  return agent->htu == NULL ? agent->arena.rc : OCC_OK;
}

static int read_options(occ_agent *agent, const char *options, size_t len)
{
  json_t *root = NULL, *value;
  const char *name;
  int rc = occ__json_read_object(&root, occ__span(options, len), &occ__json_peer);

  if (rc != OCC_OK) {
    return rc;
  }
  json_object_foreach(root, name, value)
  {
    rc = set_option(agent, name, value);
    if (rc != OCC_OK) {
      break;
    }
  }
  json_decref(root);
  return rc == OCC_OK ? set_defaults(agent) : rc;
}

int occ_agent_new(occ_agent **out, occ_lib *lib, const char *options, size_t len)
{
  occ_agent *agent;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL || options == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  agent = occ__mem_alloc(occ__lib_mem(lib), sizeof(*agent));
  if (agent == NULL) {
    return OCC_ERR_MEMORY;
  }
  occ__lib_hold(lib);
  agent->lib = lib;
  agent->mem = occ__lib_mem(lib);
  agent->rounds = OCC__AGENT_ROUNDS;
  agent->answers = OCC__AGENT_ANSWERS;
  agent->dpop = -1;
  atomic_init(&agent->holds, 1);
  atomic_init(&agent->frozen, 0);
  occ__arena_init(&agent->arena, agent->mem, OCC__AGENT_MAX_MEMORY);

  rc = read_options(agent, options, len);
  if (rc == OCC_OK) {
    *out = agent;
    agent = NULL;
  }
  occ_agent_free(agent);
  return rc;
}

static int read_key(occ_agent *agent, occ_jwk *jwk, occ_span text)
{
  occ_workspace *ws = NULL;
  json_t *root = NULL;
  int rc = occ__json_read_object(&root, text, &occ__json_peer);

  if (rc == OCC_OK) {
    rc = occ__lib_take(agent->lib, &ws);
  }
  if (rc == OCC_OK) {
    rc = occ__jwk_read(jwk, ws, root, json_object_get(root, "d") != NULL);
    if (rc > 0 || (rc == OCC_OK && !occ__jws_may_sign(jwk))) {
      rc = OCC_ERR_SYNTAX;
    }
  }
  if (ws != NULL) {
    occ__lib_give(agent->lib, ws);
  }
  occ__peer_json_drop(root);
  return rc;
}

static occ_agent_key *find_key(occ_agent *agent, const char *use)
{
  for (size_t i = 0; i < OCC__USES; i++) {
    if (strcmp(use, use_names[i]) == 0) {
      return &agent->key[i];
    }
  }
  return NULL;
}

int occ_agent_add_key(occ_agent *agent, const char *use, const char *jwk, size_t len)
{
  occ_agent_key *key;
  int rc;

  if (agent == NULL || use == NULL || jwk == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  key = find_key(agent, use);
  if (key == NULL) {
    return OCC_ERR_ARGUMENT; /* nothing here would ever use it */
  }
  if (atomic_load(&agent->frozen) || key->present) {
    return OCC_ERR_STATE;
  }
  rc = read_key(agent, &key->jwk, occ__span(jwk, len));
  if (rc != OCC_OK) {
    occ__jwk_wipe(&key->jwk);
    return rc;
  }
  key->present = 1;
  return OCC_OK;
}

int occ__agent_uses_dpop(const occ_agent *agent)
{
  return agent->dpop < 0 ? agent->key[OCC__USE_DPOP].present : agent->dpop;
}

int occ__agent_hold(occ_agent *agent)
{
  if (occ__agent_uses_dpop(agent) && !agent->key[OCC__USE_DPOP].present) {
    return OCC_ERR_CONFIG;
  }
  atomic_store(&agent->frozen, 1);
  atomic_fetch_add(&agent->holds, 1);
  return OCC_OK;
}

void occ__agent_drop(occ_agent *agent)
{
  occ_lib *lib;

  if (agent == NULL || atomic_fetch_sub(&agent->holds, 1) != 1) {
    return;
  }
  lib = agent->lib;
  for (size_t i = 0; i < OCC__USES; i++) {
    occ__jwk_wipe(&agent->key[i].jwk);
  }
  occ__arena_clear(&agent->arena);
  occ__mem_wipe_free(agent->mem, agent, sizeof(*agent));
  occ__lib_drop(lib);
}

void occ_agent_free(occ_agent *agent)
{
  occ__agent_drop(agent);
}
