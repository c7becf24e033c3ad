/* SPDX-License-Identifier: MIT */

/* See host.h. Called by token-server.c: at the start, on SIGHUP, and once a request. */

#include "host.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "config.h"
#include "listen.h"
#include "metadata.h"
#include "walk.h"

#define STORE_ENTRIES (1u << 20)
#define TABLE_ENTRIES (1u << 20)
#define KEY_LIFE_MS   (30LL * 24 * 3600 * 1000)

/* ---- What stays ------------------------------------------------------------------------------ */

/* On the thread that runs the txn: a real host only puts the event into a queue here. */
static void on_event(const occ_event *event, void *user_data)
{
  as_host *host = user_data;
  char line[2048];

  metrics_event(&host->metrics, event);
  if (occ_event_json(event, line, sizeof(line)) < sizeof(line)) {
    audit_text(&host->audit, line);
  }
}

/* The keys that seal sessions. All nodes of one issuer share them, so they belong into the
 * configuration. */
static char *make_keys(int64_t now)
{
  char *key = random_text(32);
  char *id = random_text(6);
  json_t *keys = json_pack("{s:[{s:s, s:s, s:I, s:I}]}", "keys", "id", id, "key", key, "seal_from",
                           (json_int_t)now, "open_until", (json_int_t)(now + KEY_LIFE_MS));
  char *text = json_dumps(keys, JSON_COMPACT);

  fprintf(stderr, "no \"keys\" in the configuration: made one that dies with this process\n");
  json_decref(keys);
  if (key != NULL) {
    OPENSSL_cleanse(key, strlen(key));
  }
  free(key);
  free(id);
  return text;
}

/* Takes keys, a JSON text. */
static int load_keys(as_host *host, char *keys)
{
  int rc = OCC_ERR_MEMORY;

  if (keys != NULL) {
    rc = occ_keyring_load(host->ring, keys, strlen(keys), clock_ms(), 0);
    OPENSSL_cleanse(keys, strlen(keys));
    free(keys);
  }
  if (rc != OCC_OK) {
    fprintf(stderr, "keys: %s\n", occ_status_text(rc));
  }
  return rc == OCC_OK;
}

static int load_configured_keys(as_host *host, const json_t *config)
{
  const json_t *keys = json_object_get(config, "keys");

  return keys == NULL || load_keys(host, json_dumps(keys, JSON_COMPACT));
}

static size_t entries_of(const json_t *config, const char *name, size_t usual)
{
  json_int_t entries = json_integer_value(json_object_get(config, name));

  return entries > 0 ? (size_t)entries : usual;
}

/* The store's numbers decide how much one client may have on its way at once: it gets 1 % of the
 * room of a purpose. */
static int make_parts(as_host *host, const json_t *config)
{
  int rc = occ_lib_new(&host->lib, NULL);

  host->table = table_new(entries_of(config, "table_entries", TABLE_ENTRIES));
  host->known = known_new();
  if (rc == OCC_OK && (host->table == NULL || host->known == NULL)) {
    rc = OCC_ERR_MEMORY;
  }
  if (rc == OCC_OK) {
    rc = occ_lib_on_event(host->lib, on_event, host);
  }
  if (rc == OCC_OK) {
    rc = occ_keyring_new(&host->ring, host->lib);
  }
  if (rc == OCC_OK) {
    rc = occ_store_new(&host->store, host->lib, entries_of(config, "store_entries", STORE_ENTRIES),
                       clock_ms());
  }
  if (rc != OCC_OK) {
    fprintf(stderr, "cannot start: %s\n", occ_status_text(rc));
  }
  return rc == OCC_OK;
}

/* ---- What a reload replaces ------------------------------------------------------------------ */

static void snapshot_free(as_snapshot *snapshot)
{
  if (snapshot != NULL) {
    occ_server_free(snapshot->server);
    policy_clear(&snapshot->policy);
    json_decref(snapshot->metadata);
    free(snapshot->metadata_path);
    json_decref(snapshot->config);
    free(snapshot);
  }
}

/* In the place of what answers for them now, or that again. */
static int attach_strangers(as_host *host, as_snapshot *snapshot, occ_config *config)
{
  const as_snapshot *now = host->snapshot; /* only this thread replaces it */

  (void)occ_config_on_wake(config, walk_wake);
  return strangers_attach(&snapshot->cimd, host->lib, config,
                          json_object_get(snapshot->config, "cimd"), now != NULL ? now->cimd : NULL,
                          now != NULL ? json_object_get(now->config, "cimd") : NULL);
}

/* The errors of a configuration stick, so that occ_server_new() tells of all that came before
 * it. Ring and store are those of every snapshot: what waits there is good after a reload, too. */
static int make_server(as_host *host, as_snapshot *snapshot)
{
  const char *issuer = json_string_value(json_object_get(snapshot->config, "issuer"));
  char *options = json_dumps(json_object_get(snapshot->config, "libocc"), JSON_COMPACT);
  occ_config *config = NULL;
  const char *problem = "issuer: https, or http on a loopback address";
  int rc = OCC_ERR_MEMORY;
  int good = 0;

  if (options == NULL) {
    return 0;
  }
  rc = occ_config_new(&config, host->lib, issuer);
  if (rc == OCC_OK) {
    (void)occ_config_load(config, options, strlen(options));
    (void)occ_config_set(config, "check", "true"); /* this host answers CHECK, see walk.c */
    (void)occ_keyring_attach(host->ring, config);
    (void)occ_store_attach(host->store, config);
    good = attach_strangers(host, snapshot, config);
    rc = occ_server_new(&snapshot->server, config);
  }
  if (rc != OCC_OK) {
    problem = config != NULL ? occ_config_error(config) : problem;
    fprintf(stderr, "configuration: %s\n", problem != NULL ? problem : occ_status_text(rc));
  }
  occ_config_free(config);
  free(options);
  return good && rc == OCC_OK;
}

/* Takes config. NULL after a message on stderr. */
static as_snapshot *snapshot_make(as_host *host, json_t *config)
{
  as_snapshot *snapshot = calloc(1, sizeof(*snapshot));

  if (snapshot == NULL) {
    json_decref(config);
    return NULL;
  }
  snapshot->config = config;
  snapshot->holders = 1;
  if (!policy_load(&snapshot->policy, config) || !make_server(host, snapshot) ||
      !metadata_make(&snapshot->metadata, &snapshot->metadata_path, config, snapshot->server)) {
    snapshot_free(snapshot);
    snapshot = NULL;
  }
  return snapshot;
}

as_snapshot *host_hold(as_host *host)
{
  as_snapshot *snapshot = NULL;

  (void)pthread_mutex_lock(&host->lock);
  snapshot = host->snapshot;
  snapshot->holders++;
  (void)pthread_mutex_unlock(&host->lock);
  return snapshot;
}

void host_release(as_host *host, as_snapshot *snapshot)
{
  int last = 0;

  if (snapshot != NULL) {
    (void)pthread_mutex_lock(&host->lock);
    last = --snapshot->holders == 0;
    (void)pthread_mutex_unlock(&host->lock);
  }
  if (last) {
    snapshot_free(snapshot);
  }
}

/* ---- Start, reload, end ---------------------------------------------------------------------- */

static int open_audit(const json_t *config)
{
  return audit_open(json_string_value(json_object_get(json_object_get(config, "audit"), "file")));
}

int host_make(as_host *host, json_t *config)
{
  int good = pthread_mutex_init(&host->lock, NULL) == 0 &&
             pthread_mutex_init(&host->audit.lock, NULL) == 0;

  host->audit.fd = open_audit(config);
  good = good && host->audit.fd >= 0 && make_parts(host, config) &&
         (json_object_get(config, "keys") != NULL ? load_configured_keys(host, config)
                                                  : load_keys(host, make_keys(clock_ms())));
  if (!good) {
    json_decref(config);
    return 0;
  }
  host->snapshot = snapshot_make(host, config);
  return host->snapshot != NULL;
}

/* The new is made beside the old, and nothing is replaced before all of it is there. The keys are
 * replaced last, at once, and only if no session that waits would be lost. */
static as_snapshot *load_again(as_host *host)
{
  json_t *config = config_read(host->path);
  as_snapshot *fresh = NULL;
  int log = -1;

  if (config == NULL) {
    return NULL;
  }
  if (!listen_put_port(config, host->fd)) {
    json_decref(config);
    return NULL;
  }
  fresh = snapshot_make(host, config);
  log = fresh != NULL ? open_audit(fresh->config) : -1;
  if (log >= 0 && load_configured_keys(host, fresh->config)) {
    audit_use(&host->audit, log);
    return fresh;
  }
  if (log >= 0) {
    (void)close(log);
  }
  snapshot_free(fresh);
  return NULL;
}

int host_reload(as_host *host)
{
  as_snapshot *fresh = load_again(host);
  as_snapshot *old = NULL;

  if (fresh != NULL) {
    (void)pthread_mutex_lock(&host->lock);
    old = host->snapshot;
    host->snapshot = fresh;
    (void)pthread_mutex_unlock(&host->lock);
    host_release(host, old);
  } else {
    fprintf(stderr, "kept the old configuration\n");
  }
  metrics_reload(&host->metrics, fresh != NULL);
  audit_json(&host->audit,
             json_pack("{s:s}", "event", fresh != NULL ? "reloaded" : "not_reloaded"));
  return fresh != NULL;
}

void host_clear(as_host *host)
{
  host_release(host, host->snapshot);
  occ_store_free(host->store);
  occ_keyring_free(host->ring);
  occ_lib_free(host->lib);
  table_free(host->table);
  known_free(host->known);
  audit_close(&host->audit);
}
