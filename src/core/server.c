/* SPDX-License-Identifier: MIT */

/* occ_server: made from a configuration in steps, each of which may refuse; afterwards immutable, counted, and read by
 * many threads without a lock. What it points to lies in its own arena, so that a configuration may change or go. */

#include "core/server.h"

#include <string.h>

#include "core/config.h"
#include "wire/header.h"
#include "wire/json_out.h"

/* The server and what its memory comes from. */
typedef struct box {
  occ_server server; /* first: a server is its box */
  occ_arena arena;
} box;

/* ---- Its end ---- */

static void close_kinds(occ_server *server)
{
  for (size_t i = server->kinds; i-- > 0;) {
    const occ_kind *kind = &server->kind[i];

    if (kind->opened && kind->type->close != NULL) {
      kind->type->close(kind->self);
    }
  }
}

static void destroy(occ_server *server)
{
  box *whole = (box *)(void *)server;
  occ_lib *lib = server->lib;
  const occ_mem *mem = occ__lib_mem(lib);

  close_kinds(server);
  for (size_t i = 0; i < OCC__ASKS; i++) {
    occ__config_drop_answerer(mem, server->answerer[i]);
  }
  if (server->ring != NULL) {
    occ__keyring_drop(server->ring);
  }
  occ__arena_clear(&whole->arena);
  occ__mem_wipe_free(mem, whole, sizeof(*whole));
  occ__lib_drop(lib);
}

void occ__server_hold(occ_server *server)
{
  atomic_fetch_add_explicit(&server->holds, 1, memory_order_relaxed);
}

void occ_server_free(occ_server *server)
{
  if (server != NULL && atomic_fetch_sub_explicit(&server->holds, 1, memory_order_acq_rel) == 1) {
    destroy(server);
  }
}

/* ---- Its making: steps ---- */

static int fail_arena(const occ_making *making)
{
  return occ__config_fail_status(making->config, making->arena->rc, OCC__PATH("server"));
}

/* What it shares with the configuration. */
static int take_holds(occ_making *making)
{
  const occ_config *config = making->config;
  occ_server *server = making->server;

  for (size_t i = 0; i < OCC__ASKS; i++) {
    server->answerer[i] = config->answerer[i];
    if (server->answerer[i] != NULL) {
      atomic_fetch_add_explicit(&server->answerer[i]->holds, 1, memory_order_relaxed);
    }
  }
  server->ring = config->ring;
  if (server->ring != NULL) {
    occ__keyring_hold(server->ring);
  }
  server->wake = config->wake;
  server->names = &occ__names_kahrer_00;
  server->issuer = occ__arena_text(making->arena, config->issuer, strlen(config->issuer));
  return server->issuer == NULL ? fail_arena(making) : OCC_OK;
}

static int is_listed(const char *const *list, const char *name)
{
  for (; *list != NULL; list++) {
    if (occ__header_name_equal(*list, name)) {
      return 1;
    }
  }
  return 0;
}

/* The header lines that a txn keeps: credentials, proofs, and what carries evidence. */
static int list_headers(occ_making *making)
{
  occ_server *server = making->server;
  size_t room = 2 + server->kinds * OCC__MAX_TYPE_CARRIERS + 1, count = 0;
  const char **list = occ__arena_alloc(making->arena, room * sizeof(*list));

  if (list == NULL) {
    return fail_arena(making);
  }
  list[count++] = OCC__HEADER_AUTHORIZATION;
  list[count++] = OCC__HEADER_DPOP;
  for (size_t i = 0; i < server->kinds; i++) {
    for (const char *const *header = server->kind[i].headers; *header != NULL; header++) {
      if (!is_listed(list, *header)) {
        list[count++] = *header;
      }
    }
  }
  server->headers = list;
  return OCC_OK;
}

/* Does some requirement use it? */
static int is_used(const occ_server *server, const occ_kind *kind)
{
  for (size_t i = 0; i < server->requirements; i++) {
    if (server->requirement[i].kind == kind) {
      return 1;
    }
  }
  return 0;
}

#define BIT(ask) (UINT32_C(1) << (ask))

/* What a kind may ask. Without looking into its code this is a guess upwards. */
static uint32_t asks_of(const occ_kind *kind)
{
  uint32_t asks = 0;

  if (kind->declared || kind->type->judge == NULL) {
    asks |= BIT(OCC_ASK_VERIFY);
  }
  if (kind->declared) {
    return asks;
  }
  if (kind->type != occ_type_builtin(kind->key)) {
    asks |= BIT(OCC_ASK_FETCH) | BIT(OCC_ASK_STATUS) | BIT(OCC_ASK_COVER) | BIT(OCC_ASK_VERIFY);
    if (kind->evidence_class != OCC_PROVENANCE) {
      asks |= BIT(OCC_ASK_RESERVE) | BIT(OCC_ASK_COMMIT) | BIT(OCC_ASK_RELEASE);
    }
  }
  return asks;
}

static int find_asks(occ_making *making)
{
  occ_server *server = making->server;
  /* KEYS: of clients that authenticate by a key, and whose metadata do not have it. */
  uint32_t asks = BIT(OCC_ASK_DECIDE) | BIT(OCC_ASK_CLIENT) | BIT(OCC_ASK_KEYS) | BIT(OCC_ASK_ONCE);

  if (server->check) {
    asks |= BIT(OCC_ASK_CHECK);
  }
  if (server->stored) {
    asks |= BIT(OCC_ASK_KEEP) | BIT(OCC_ASK_RECALL);
  }
  for (size_t i = 0; i < server->kinds; i++) {
    if (is_used(server, &server->kind[i])) {
      asks |= asks_of(&server->kind[i]);
    }
  }
  /* An answerer of these may want to fetch something first. */
  if (server->answerer[OCC_ASK_CLIENT] != NULL || server->answerer[OCC_ASK_KEYS] != NULL) {
    asks |= BIT(OCC_ASK_FETCH);
  }
  for (unsigned kind = 0; kind < OCC__ASKS; kind++) {
    if (server->answerer[kind] != NULL) {
      asks &= ~BIT(kind);
    }
  }
  if (server->client_urls) { /* whose answerer passes on what is about other clients */
    asks |= BIT(OCC_ASK_CLIENT) | BIT(OCC_ASK_KEYS);
  }
  server->asks = asks;
  return OCC_OK;
}

static void put_algs(occ_buf *text, const char *member, unsigned algs)
{
  occ__json_name(text, member);
  occ__json_open(text, '[');
  for (int alg = OCC__ALG_NONE + 1; alg < OCC__ALGS; alg++) {
    if ((algs & OCC__ALG_BIT((unsigned)alg)) != 0) {
      occ__json_string(text, occ__span_text(occ__alg_name((occ_alg)alg)));
    }
  }
  occ__json_close(text, ']');
}

/* What is done here alone, whatever the host does: the methods by certificates need what the host passes of the
 * connection, those by secrets the host itself. */
static void put_methods(occ_buf *text)
{
  occ__json_name(text, "token_endpoint_auth_methods_supported");
  occ__json_open(text, '[');
  occ__json_string(text, occ__span_text("private_key_jwt"));
  occ__json_string(text, occ__span_text("none"));
  occ__json_close(text, ']');
}

/* Members without elements are left out. spec: RFC 8414 section 2, RFC 9449 section 5.1, O-13 */
static int write_metadata(occ_making *making)
{
  occ_server *server = making->server;
  occ_buf text;

  occ__buf_init(&text, occ__lib_mem(server->lib), OCC__MAX_CONFIG_JSON);
  occ__json_open(&text, '{');
  if (server->requirements > 0) {
    occ__json_name(&text, server->names->types_supported);
    occ__json_open(&text, '[');
    for (size_t i = 0; i < server->kinds; i++) {
      if (is_used(server, &server->kind[i])) {
        occ__json_string(&text, occ__span_text(server->kind[i].name));
      }
    }
    occ__json_close(&text, ']');
  }
  put_methods(&text);
  put_algs(&text, "token_endpoint_auth_signing_alg_values_supported", server->assertion_algs);
  if (!server->dpop_host) {
    put_algs(&text, "dpop_signing_alg_values_supported", server->dpop_algs);
  }
  if (server->client_urls) {
    occ__json_name(&text, "client_id_metadata_document_supported");
    occ__json_bool(&text, 1);
  }
  occ__json_close(&text, '}');
  if (text.rc != OCC_OK) {
    int rc = occ__config_fail_status(making->config, text.rc, OCC__PATH("server"));

    occ__buf_clear(&text);
    return rc;
  }
  server->metadata = occ__arena_text(making->arena, text.base, text.len);
  occ__buf_clear(&text);
  return server->metadata == NULL ? fail_arena(making) : OCC_OK;
}

static int build(occ_making *making)
{
  static int (*const step[])(occ_making *) = { take_holds,        occ__settings_build,
                                               occ__kinds_build,  occ__requirements_build,
                                               occ__kinds_finish, list_headers,
                                               find_asks,         write_metadata };
  occ_config *config = making->config;
  int rc = occ__lib_take(config->lib, &making->ws);

  if (rc != OCC_OK) {
    return occ__config_fail_status(config, rc, OCC__PATH("server"));
  }
  for (size_t i = 0; rc == OCC_OK && i < sizeof(step) / sizeof(step[0]); i++) {
    rc = step[i](making);
  }
  occ__lib_give(config->lib, making->ws);
  return rc;
}

int occ_server_new(occ_server **out, occ_config *config)
{
  occ_making making = { .config = config };
  const occ_mem *mem;
  box *whole;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (config->rc != OCC_OK) {
    return config->rc;
  }
  config->error[0] = '\0';
  mem = occ__lib_mem(config->lib);
  whole = occ__mem_alloc(mem, sizeof(*whole));
  if (whole == NULL) {
    rc = occ__config_fail_status(config, OCC_ERR_MEMORY, OCC__PATH("server"));
  } else {
    atomic_init(&whole->server.holds, 1);
    whole->server.lib = config->lib;
    occ__lib_hold(config->lib);
    occ__arena_init(&whole->arena, mem, OCC__MAX_SERVER_MEMORY);
    making.server = &whole->server;
    making.arena = &whole->arena;
    rc = build(&making);
  }
  config->rc = OCC_OK; /* what is wrong with the whole may be put right before the next try */
  if (rc == OCC_OK) {
    occ__settings_tell(config, making.server);
    *out = making.server;
  } else {
    occ_server_free(making.server);
  }
  return rc;
}

/* ---- Reading it ---- */

uint32_t occ_server_asks(const occ_server *server)
{
  return server == NULL ? 0 : server->asks;
}

const char *occ_server_metadata(const occ_server *server)
{
  return server == NULL ? NULL : server->metadata;
}

const occ_requirement *occ__server_requirement(const occ_server *server, occ_span name)
{
  for (size_t i = 0; i < server->requirements; i++) {
    if (occ__span_is(name, server->requirement[i].name)) {
      return &server->requirement[i];
    }
  }
  return NULL;
}

const occ_kind *occ__server_carrier(const occ_server *server, const char *param)
{
  for (size_t i = 0; i < server->kinds; i++) {
    const occ_kind *kind = &server->kind[i];

    for (const char *const *name = kind->params; *name != NULL; name++) {
      if (strcmp(*name, param) == 0) {
        return kind;
      }
    }
    if (is_listed(kind->headers, param)) {
      return kind;
    }
  }
  return NULL;
}
