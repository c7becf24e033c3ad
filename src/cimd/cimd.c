/* SPDX-License-Identifier: MIT */

/* occ_cimd: clients known by a URL, as an answerer like any other. Only public functions tie it to a configuration and a
 * request. It says who fetches and judges what came; the fetch itself is whoever answers FETCH. Nothing that is wrong with
 * a document is told to the peer: the answer's word goes to the audit log alone. */

#include "occ/cimd.h"

#include "base/lib.h"
#include "cimd/cimd_options.h"
#include "cimd/memory.h"
#include "occ/event.h"
#include "occ/question.h"
#include "wire/json_out.h"

#define MAX_OPTIONS (4u * 1024u * 1024u) /* arena of the options: patterns of hosts */

struct occ_cimd {
  occ_lib *lib;
  occ_arena arena;
  occ_cimd_options options;
  occ_cache *cache;
  occ_memory memory;
  atomic_size_t holds;
  atomic_int attached;
};

static void wake(const void *who)
{
  occ_txn_wake(who);
}

int occ_cimd_new(occ_cimd **out, occ_lib *lib, const char *options)
{
  uint8_t hash_key[16];
  const occ_mem *mem;
  occ_cimd *cimd;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  mem = occ__lib_mem(lib);
  cimd = occ__mem_alloc(mem, sizeof(*cimd));
  if (cimd == NULL) {
    return OCC_ERR_MEMORY;
  }
  occ__lib_hold(lib);
  cimd->lib = lib;
  atomic_init(&cimd->holds, 1);
  atomic_init(&cimd->attached, 0);
  occ__arena_init(&cimd->arena, mem, MAX_OPTIONS);
  rc = occ__cimd_options_read(&cimd->options, &cimd->arena, options);
  if (rc == OCC_OK) {
    rc = occ__lib_random(lib, hash_key, sizeof(hash_key));
  }
  if (rc == OCC_OK) {
    rc = occ__cache_new(&cimd->cache, mem, &cimd->options.cache, hash_key, wake);
  }
  if (rc != OCC_OK) {
    occ_cimd_free(cimd);
    return rc;
  }
  *out = cimd;
  return OCC_OK;
}

void occ_cimd_hold(occ_cimd *cimd)
{
  if (cimd != NULL) {
    atomic_fetch_add(&cimd->holds, 1);
  }
}

void occ_cimd_free(occ_cimd *cimd)
{
  occ_lib *lib;

  if (cimd == NULL || atomic_fetch_sub(&cimd->holds, 1) > 1) {
    return;
  }
  lib = cimd->lib;
  occ__cache_free(cimd->cache);
  occ__arena_clear(&cimd->arena);
  occ__mem_free(occ__lib_mem(lib), cimd, sizeof(*cimd));
  occ__lib_drop(lib);
}

int occ_cimd_forget(occ_cimd *cimd, const char *client_id)
{
  const occ_span id = occ__span_text(client_id);

  if (cimd == NULL || id.len > OCC__CIMD_URL_MAX || (client_id != NULL && id.len == 0)) {
    return OCC_ERR_ARGUMENT;
  }
  occ__cache_forget(cimd->cache, id);
  return OCC_OK;
}

int occ_cimd_remember(occ_cimd *cimd, occ_cimd_recall_fn recall, occ_cimd_keep_fn keep,
                      void *user_data)
{
  if (cimd == NULL || recall == NULL || keep == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (atomic_load(&cimd->attached)) { /* requests read it without a lock */
    return OCC_ERR_STATE;
  }
  cimd->memory = (occ_memory){ recall, keep, user_data };
  return OCC_OK;
}

int occ_cimd_may_connect(const occ_cimd *cimd, const struct sockaddr *address, size_t len)
{
  return cimd != NULL &&
         occ__address_judge(address, len, &cimd->options.address) == OCC__ADDRESS_GOOD;
}

/* ---- Answers ---- */

/* The word of the reason is for the log. What may be over soon is no fault of the client's. A fetcher that got nothing may
 * say why. */
static int refuse(occ_txn *txn, const occ_question *q, int reason)
{
  const int silent = reason == OCC__REASON_CIMD_UNREACHABLE && q->index == 0 && q->len > 0;
  const char *word = silent ? q->data : occ_reason_name(reason);
  const int soon = occ__reason_error(reason) == OCC__TEMPORARILY_UNAVAILABLE;

  return occ_txn_answer(txn, q->ticket, soon ? OCC_RETRY : OCC_NO, word,
                        silent ? q->len : strlen(word));
}

static void put_changes(occ_buf *out, const occ_cache_found *found)
{
  if (found->changed != 0) {
    occ__json_put_number(out, "changed", found->changed);
    occ__json_name(out, "changes");
    occ__history_write_changes(out, found->changes);
  }
}

/* A key set changes on its own, and belongs to the client like its document. */
static void add_changes(const occ_cimd *cimd, const occ_cache_ask *ask, occ_cache_found *found)
{
  occ_cache_found known;

  if (occ__cache_peek(cimd->cache, ask, &known)) {
    found->changed = known.changed > found->changed ? known.changed : found->changed;
    found->changes |= known.changes;
  }
}

static void add_keys(const occ_cimd *cimd, const occ_document *document, const occ_cache_ask *ask,
                     occ_cache_found *found)
{
  occ_cache_ask keys = *ask;

  if (document->jwks_uri != NULL) {
    keys.kind = OCC__CACHE_KEYSET;
    keys.url = occ__span_text(document->jwks_uri);
    add_changes(cimd, &keys, found);
  }
}

/* Metadata, and what a policy wants to know beside it. */
static int answer_known(occ_cimd *cimd, occ_txn *txn, const occ_question *q,
                        const occ_cache_ask *ask, occ_cache_found *found)
{
  const occ_document *document = (const occ_document *)(const void *)found->value;
  occ_buf out;
  int rc;

  add_keys(cimd, document, ask, found);
  occ__buf_init(&out, occ__lib_mem(cimd->lib), document->metadata_len + 1024);
  (void)occ__buf_reserve(&out, document->metadata_len + 1024);
  occ__json_open(&out, '{');
  occ__json_name(&out, "metadata");
  occ__json_raw(&out, occ__span(document->metadata, document->metadata_len));
  occ__json_name(&out, "host");
  occ__json_string(&out, ask->host);
  occ__json_put_number(&out, "first_seen", found->first_seen);
  occ__json_put_number(&out, "age", ask->now > found->fetched ? ask->now - found->fetched : 0);
  put_changes(&out, found);
  if (found->stale) {
    occ__json_name(&out, "stale");
    occ__json_bool(&out, 1);
  }
  if (document->capability_odd) {
    occ__json_name(&out, "challenge_supported_malformed");
    occ__json_bool(&out, 1);
  }
  occ__json_close(&out, '}');
  rc = out.rc == OCC_OK ? occ_txn_answer(txn, q->ticket, OCC_YES, out.base, out.len) : out.rc;
  occ__buf_clear(&out);
  return rc;
}

/* ---- What was fetched ---- */

static int read_body(const occ_cimd *cimd, const occ_question *q, const occ_cache_ask *ask,
                     occ_value **out)
{
  const occ_mem *mem = occ__lib_mem(cimd->lib);
  const occ_span body = occ__span(q->data, q->len);
  occ_workspace *ws = NULL;
  occ_document *document = NULL;
  occ_keyset *set = NULL;
  int rc = occ__lib_take(cimd->lib, &ws);

  if (rc != OCC_OK) {
    return rc;
  }
  if (ask->kind == OCC__CACHE_DOCUMENT) {
    rc = occ__document_read(&document, mem, ws, body, ask->client_id, &cimd->options.document);
    *out = document == NULL ? NULL : &document->value;
  } else {
    rc = occ__keyset_read(&set, mem, ws, body, cimd->options.fetched[ask->kind].octets);
    *out = set == NULL ? NULL : &set->value;
  }
  occ__lib_give(cimd->lib, ws);
  return rc;
}

/* Into the cache, and what is known of it into the host's memory. OCC_OK or a negative status. */
static int keep_value(occ_cimd *cimd, const occ_cache_ask *ask, occ_value *value,
                      occ_freshness fresh, occ_cache_found *found)
{
  const int remembers = cimd->memory.recall != NULL;
  occ_history history;
  int rc = OCC_OK;

  if (remembers) {
    occ__cache_past(cimd->cache, ask, &history);
    rc = occ__memory_note(&cimd->memory, occ__lib_mem(cimd->lib), ask, &value->snapshot, &history);
  }
  if (rc == OCC_OK) {
    occ__cache_store(cimd->cache, ask, value, fresh, remembers ? &history : NULL, found);
  } else {
    occ__value_drop(value);
  }
  return rc;
}

/* The response is in the question. A step, or a negative status. */
static int take_response(occ_cimd *cimd, const occ_question *q, const occ_cache_ask *ask,
                         occ_cache_found *found)
{
  const occ_span headers = occ__span_text(q->headers);
  occ_value *value = NULL;
  int rc = occ__fetched_judge(q->index, headers, q->len, &cimd->options.fetched[ask->kind]);

  if (rc == OCC_OK) {
    rc = read_body(cimd, q, ask, &value);
  }
  if (rc == OCC_OK) {
    rc = keep_value(cimd, ask, value, occ__freshness_of(headers, &cimd->options.freshness), found);
  }
  if (rc < 0) { /* a fault of ours: another request may have more luck */
    occ__cache_cancel(cimd->cache, ask->ticket);
    return rc;
  }
  return rc == OCC_OK ? (int)OCC__CACHE_HIT : (int)occ__cache_fail(cimd->cache, ask, rc, found);
}

/* From the cache, or from the response that this question came back with: that is what this request went for, whatever
 * would be fetched now. ask->kind says which it is. A step, or a negative status. */
static int look_up(occ_cimd *cimd, const occ_question *q, occ_cache_ask *ask,
                   occ_cache_found *found)
{
  occ_cache_step step = occ__cache_ask(cimd->cache, ask, found);

  if (step != OCC__CACHE_MINE) {
    return (int)step;
  }
  ask->kind = found->kind;
  return take_response(cimd, q, ask, found);
}

/* Every step but a hit. */
static int answer_step(occ_cimd *cimd, occ_txn *txn, const occ_question *q,
                       const occ_cache_ask *ask, int step, int reason)
{
  int rc;

  if (step < 0) {
    return step;
  }
  if (step == OCC__CACHE_WAIT) {
    return OCC_PENDING;
  }
  if (step == OCC__CACHE_REFUSED) {
    return refuse(txn, q, reason);
  }
  if (step == OCC__CACHE_UNKNOWN) {
    return OCC_PASS;
  }
  /* One octet more than there may be: what was cut there is too large, and never looks whole. */
  rc = occ_txn_answer_fetch_first(
      txn, q->ticket,
      (const char *)(ask->kind == OCC__CACHE_KEYSET ? ask->url : ask->client_id).base,
      (int64_t)cimd->options.fetched[ask->kind].octets + 1);
  if (rc != OCC_OK) {
    occ__cache_cancel(cimd->cache, ask->ticket);
  }
  return rc;
}

/* ---- CLIENT ---- */

static int is_host_allowed(const occ_cimd *cimd, occ_span host)
{
  const char *const *pattern = cimd->options.hosts;

  for (; pattern != NULL && *pattern != NULL; pattern++) {
    if (occ__client_url_host_is(host, *pattern)) {
      return 1;
    }
  }
  return cimd->options.hosts == NULL;
}

static occ_cache_ask ask_of(const occ_txn *txn, const occ_question *q, const char *client_id)
{
  return (occ_cache_ask){ .kind = OCC__CACHE_DOCUMENT,
                          .client_id = occ__span_text(client_id),
                          .kid = q->kid,
                          .who = txn,
                          .ticket = q->ticket,
                          .now = q->now,
                          .deadline = q->deadline };
}

/* Also when it is in the cache: what the host allows may be less than before. */
static int judge_id(const occ_cimd *cimd, occ_cache_ask *ask)
{
  occ_client_url url;
  int rc = occ__client_url_read(&url, ask->client_id, &cimd->options.url);

  if (rc == OCC_OK && !is_host_allowed(cimd, url.host)) {
    rc = OCC__REASON_CIMD_HOST;
  }
  ask->host = url.host;
  return rc;
}

static int answer_client(occ_txn *txn, const occ_question *q, void *user_data)
{
  occ_cimd *cimd = user_data;
  occ_cache_ask ask = ask_of(txn, q, q->client_id);
  occ_cache_found found;
  int rc, step;

  if (!occ__client_url_is_ours(ask.client_id)) {
    return OCC_PASS;
  }
  rc = judge_id(cimd, &ask);
  if (rc != OCC_OK) {
    return refuse(txn, q, rc);
  }
  step = look_up(cimd, q, &ask, &found);
  if (step != OCC__CACHE_HIT) {
    return answer_step(cimd, txn, q, &ask, step, found.reason);
  }
  rc = ask.kind == OCC__CACHE_DOCUMENT ? answer_known(cimd, txn, q, &ask, &found)
                                       : OCC_ERR_INTERNAL; /* no keys were fetched before */
  occ__value_drop(found.value);
  return rc;
}

/* ---- KEYS ---- */

/* That keys are new may be known only now, when they are asked for, and CLIENT was answered before. */
static int tell_changes(const occ_cimd *cimd, occ_txn *txn, const occ_cache_ask *ask,
                        occ_cache_found *found)
{
  occ_cache_ask document = *ask;
  occ_buf out;
  int rc;

  if (found->changed == 0) {
    return OCC_OK;
  }
  document.kind = OCC__CACHE_DOCUMENT;
  add_changes(cimd, &document, found);
  occ__buf_init(&out, occ__lib_mem(cimd->lib), 256);
  occ__json_open(&out, '{');
  put_changes(&out, found);
  occ__json_close(&out, '}');
  rc = out.rc == OCC_OK ? occ__txn_tell_client(txn, out.base, out.len) : out.rc;
  occ__buf_clear(&out);
  return rc;
}

static int give_set(const occ_cimd *cimd, occ_txn *txn, const occ_question *q,
                    const occ_cache_ask *ask, occ_cache_found *found)
{
  const occ_keyset *set = (const occ_keyset *)(const void *)found->value;
  const int rc = tell_changes(cimd, txn, ask, found);

  return rc == OCC_OK ? occ_txn_answer(txn, q->ticket, OCC_YES, set->text, set->len) : rc;
}

/* The document has the set, or names it. ask: of the document, and of the set afterwards. */
static int answer_set(occ_cimd *cimd, occ_txn *txn, const occ_question *q, occ_cache_ask *ask,
                      const occ_document *document)
{
  occ_cache_found found;
  occ_client_url url;
  int rc, step;

  if (document->jwks != NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, document->jwks, strlen(document->jwks));
  }
  if (document->jwks_uri == NULL) {
    return refuse(txn, q, OCC__REASON_CIMD_KEYS);
  }
  ask->kind = OCC__CACHE_KEYSET;
  ask->only_known = 0;
  ask->url = occ__span_text(document->jwks_uri);
  rc = occ__client_url_read(&url, ask->url, &cimd->options.document.jwks_uri);
  if (rc != OCC_OK) {
    return refuse(txn, q, OCC__REASON_CIMD_JWKS_URI);
  }
  ask->host = url.host;
  step = look_up(cimd, q, ask, &found);
  if (step != OCC__CACHE_HIT) {
    return answer_step(cimd, txn, q, ask, step, found.reason);
  }
  rc = give_set(cimd, txn, q, ask, &found);
  occ__value_drop(found.value);
  return rc;
}

/* Only of the client itself: by which it authenticates, and for evidence of which its type has found that the client may
 * be its own issuer. Whom else to believe in evidence is for the host to say. A set that this request has fetched is
 * taken for what the document was when it went for it. */
static int answer_keys(occ_txn *txn, const occ_question *q, void *user_data)
{
  occ_cimd *cimd = user_data;
  occ_cache_ask ask = ask_of(txn, q, q->issuer);
  occ_cache_found found;
  int rc, step;

  if (q->issuer == NULL || q->client_id == NULL || strcmp(q->issuer, q->client_id) != 0 ||
      !occ__client_url_is_ours(ask.client_id) || judge_id(cimd, &ask) != OCC_OK) {
    return OCC_PASS;
  }
  ask.only_known = 1;
  step = look_up(cimd, q, &ask, &found);
  if (step != OCC__CACHE_HIT) {
    return answer_step(cimd, txn, q, &ask, step, found.reason);
  }
  rc = ask.kind == OCC__CACHE_KEYSET
           ? give_set(cimd, txn, q, &ask, &found)
           : answer_set(cimd, txn, q, &ask, (const occ_document *)(const void *)found.value);
  occ__value_drop(found.value);
  return rc;
}

/* ---- Attaching ---- */

static void cancel(occ_ask kind, occ_ticket ticket, void *user_data)
{
  occ_cimd *cimd = user_data;

  (void)kind;
  occ__cache_cancel(cimd->cache, ticket);
}

static void release(void *user_data)
{
  occ_cimd_free(user_data);
}

static int attach(occ_cimd *cimd, occ_config *config, occ_ask kind, occ_answer_fn answer)
{
  int rc;

  occ_cimd_hold(cimd); /* the configuration's, for this kind */
  rc = occ_config_answer(config, kind, answer, cancel, release, cimd);
  if (rc != OCC_OK) {
    occ_cimd_free(cimd); /* it did not take it */
  }
  return rc;
}

int occ_cimd_attach(occ_cimd *cimd, occ_config *config)
{
  int rc;

  if (cimd == NULL || config == NULL || occ__config_lib(config) != cimd->lib) {
    return OCC_ERR_ARGUMENT;
  }
  atomic_store(&cimd->attached, 1);
  rc = attach(cimd, config, OCC_ASK_CLIENT, answer_client);
  if (rc == OCC_OK) {
    rc = attach(cimd, config, OCC_ASK_KEYS, answer_keys);
  }
  if (rc == OCC_OK) {
    rc = occ_config_set(config, "client_id_metadata_document_supported", "true");
  }
  for (const char *const *what = cimd->options.weakened; rc == OCC_OK && *what != NULL; what++) {
    occ__lib_tell_weakened(cimd->lib, *what);
  }
  return rc;
}
