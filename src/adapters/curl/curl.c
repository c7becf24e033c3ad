/* SPDX-License-Identifier: MIT */

/* occ_curl: FETCH over libcurl, an answerer like any other, on public functions alone. Blocking: the answer is there when
 * the answerer returns. On a CURLM of the host's: the question is kept, its transfer runs in the host's loop, and its
 * ticket finds it when the machine shows the question again, or cancels it. No thread and no lock of its own: a CURLM
 * belongs to one thread, and so do the requests that wait for it. */

#include "adapters/curl/curl.h"

#include <string.h>

/* What a configuration holds: one of these for each time it was attached. */
typedef struct fetcher {
  occ_curl *curl;
  occ_cimd *cimd;
} fetcher;

/* ---- Its life ---- */

static void *allocate(const occ_mem *mem, size_t size)
{
  void *memory = mem->alloc(size, mem->user_data);

  if (memory != NULL) {
    memset(memory, 0, size);
  }
  return memory;
}

/* Header lines of every fetch. */
static int make_lines(occ_curl *curl)
{
  static const char *const line[] = { "Accept: application/json", "Accept-Encoding: identity" };

  for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
    struct curl_slist *longer = curl_slist_append(curl->get_lines, line[i]);

    if (longer == NULL) {
      return OCC_ERR_MEMORY;
    }
    curl->get_lines = longer;
  }
  return OCC_OK;
}

/* Does this libcurl take all of it? Names have to be resolved beside the transfer, or no limit of time would hold. */
static int try_out(const occ_curl *curl)
{
  const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
  CURLcode get = CURLE_OUT_OF_MEMORY, post = CURLE_OUT_OF_MEMORY;
  occ_transfer *t;

  if ((version->features & CURL_VERSION_ASYNCHDNS) == 0 ||
      (version->features & CURL_VERSION_SSL) == 0) {
    return OCC_ERR_CONFIG;
  }
  t = occ__transfer_new(&curl->mem, 0);
  if (t != NULL) {
    get = occ__transfer_set_get(t, &curl->options, curl->get_lines, "https://a.example/", 1);
    post = occ__transfer_set_post(t, &curl->options, "https://a.example/", "", 0, 1);
  }
  occ__transfer_free(t);
  if (get == CURLE_OUT_OF_MEMORY || post == CURLE_OUT_OF_MEMORY) {
    return OCC_ERR_MEMORY;
  }
  return get == CURLE_OK && post == CURLE_OK ? OCC_OK : OCC_ERR_CONFIG;
}

int occ_curl_new(occ_curl **out, occ_lib *lib, const char *options)
{
  occ_curl *curl;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  curl = allocate(occ_lib_mem(lib), sizeof(*curl));
  if (curl == NULL) {
    return OCC_ERR_MEMORY;
  }
  curl->mem = *occ_lib_mem(lib);
  atomic_init(&curl->holds, 1);
  rc = occ__curl_options_read(&curl->options, options);
  if (rc == OCC_OK) {
    rc = make_lines(curl);
  }
  if (rc == OCC_OK) {
    rc = try_out(curl);
  }
  if (rc != OCC_OK) {
    occ_curl_free(curl);
    return rc;
  }
  *out = curl;
  return OCC_OK;
}

void occ_curl_free(occ_curl *curl)
{
  occ_mem mem;

  if (curl == NULL || atomic_fetch_sub(&curl->holds, 1) > 1) {
    return;
  }
  mem = curl->mem;
  occ__curl_options_clear(&curl->options);
  curl_slist_free_all(curl->get_lines);
  mem.release(curl, sizeof(*curl), mem.user_data);
}

/* ---- Answering ---- */

static int answer(occ_txn *txn, const occ_question *q, const occ_transfer *t)
{
  if (t->failure != NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_NO, t->failure, strlen(t->failure));
  }
  return occ_txn_answer_fetch(txn, q->ticket, (int)t->status, t->headers, t->body, t->len);
}

/* A transfer that is ready to start, or NULL with a status. */
static int prepare(const fetcher *f, const occ_question *q, int64_t ms, occ_transfer **out)
{
  const occ_curl *curl = f->curl;
  CURLcode rc;

  *out = occ__transfer_new(&curl->mem, q->index > 0 ? (size_t)q->index : 0);
  if (*out == NULL) {
    return OCC_ERR_MEMORY;
  }
  (*out)->cimd = f->cimd;
  (*out)->txn = NULL;
  (*out)->fetcher = f;
  (*out)->ticket = q->ticket;
  rc = occ__transfer_set_get(*out, &curl->options, curl->get_lines, q->url,
                             ms < curl->options.fetch_ms ? ms : curl->options.fetch_ms);
  if (rc != CURLE_OK) {
    occ__transfer_end(*out, rc);
  }
  return OCC_OK;
}

/* ---- Blocking ---- */

/* What fetches of this run have taken already: the machine has one `now` for the whole of a run, and a second fetch must
 * not begin anew with the time that the first has used up. */
static _Thread_local struct {
  const occ_txn *txn;
  occ_time now, deadline;
  int64_t spent;
} run;

static int64_t time_left(const occ_txn *txn, const occ_question *q)
{
  if (run.txn != txn || run.now != q->now || run.deadline != q->deadline) {
    run.txn = txn;
    run.now = q->now;
    run.deadline = q->deadline;
    run.spent = 0;
  }
  return q->deadline - q->now - run.spent;
}

static void note_time(const occ_transfer *t)
{
  curl_off_t us = 0;

  if (curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us) == CURLE_OK) {
    run.spent += us / 1000;
  }
}

static int fetch_now(const fetcher *f, occ_txn *txn, const occ_question *q)
{
  static const char late[] = "fetch_timeout";
  const int64_t ms = time_left(txn, q);
  occ_transfer *t = NULL;
  int rc;

  if (ms <= 0) {
    return occ_txn_answer(txn, q->ticket, OCC_NO, late, sizeof(late) - 1);
  }
  rc = prepare(f, q, ms, &t);
  if (rc != OCC_OK) {
    return rc;
  }
  if (!t->done) {
    occ__transfer_end(t, curl_easy_perform(t->easy));
    note_time(t);
  }
  rc = answer(txn, q, t);
  occ__transfer_free(t);
  return rc;
}

/* ---- On the host's loop ---- */

/* A ticket is one of the lib in which this configuration was made, and of no other. */
static occ_transfer *find(const fetcher *f, occ_ticket ticket)
{
  occ_transfer *t = f->curl->transfer;

  while (t != NULL && (t->fetcher != f || t->ticket != ticket)) {
    t = t->next;
  }
  return t;
}

/* Off the list and the loop. */
static void drop(occ_curl *curl, occ_transfer *t)
{
  occ_transfer **at = &curl->transfer;

  while (*at != NULL && *at != t) {
    at = &(*at)->next;
  }
  if (*at != NULL) {
    *at = t->next;
  }
  if (!t->done) {
    (void)curl_multi_remove_handle(curl->multi, t->easy);
  }
  occ__transfer_free(t);
}

static int start(const fetcher *f, occ_txn *txn, const occ_question *q)
{
  occ_curl *curl = f->curl;
  occ_transfer *t = NULL;
  int rc = prepare(f, q, q->deadline - q->now, &t);

  if (rc != OCC_OK) {
    return rc;
  }
  if (!t->done && curl_multi_add_handle(curl->multi, t->easy) != CURLM_OK) {
    occ__transfer_end(t, CURLE_FAILED_INIT);
  }
  if (t->done) { /* it did not even begin */
    rc = answer(txn, q, t);
    occ__transfer_free(t);
    return rc;
  }
  t->txn = txn;
  t->next = curl->transfer;
  curl->transfer = t;
  return OCC_PENDING;
}

static int fetch_later(const fetcher *f, occ_txn *txn, const occ_question *q)
{
  occ_transfer *t = find(f, q->ticket);
  int rc;

  if (t == NULL) {
    return start(f, txn, q);
  }
  if (!t->done) {
    return OCC_PENDING;
  }
  rc = answer(txn, q, t);
  drop(f->curl, t);
  return rc;
}

int occ_curl_done(occ_curl *curl, const void *message)
{
  const CURLMsg *msg = message;
  occ_transfer *t = curl == NULL ? NULL : curl->transfer;

  if (msg == NULL || msg->msg != CURLMSG_DONE) {
    return 0;
  }
  while (t != NULL && (t->easy != msg->easy_handle || t->done)) {
    t = t->next;
  }
  if (t == NULL) {
    return 0;
  }
  occ__transfer_end(t, msg->data.result);
  (void)curl_multi_remove_handle(curl->multi, t->easy); /* msg is gone with it */
  occ_txn_wake(t->txn);
  return 1;
}

int occ_curl_use_multi(occ_curl *curl, void *curlm)
{
  if (curl == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (curl->transfer != NULL) {
    return OCC_ERR_STATE;
  }
  curl->multi = curlm;
  return OCC_OK;
}

/* ---- Attaching ---- */

static int answer_fetch(occ_txn *txn, const occ_question *q, void *user_data)
{
  const fetcher *f = user_data;

  return f->curl->multi == NULL ? fetch_now(f, txn, q) : fetch_later(f, txn, q);
}

static void cancel(occ_ask kind, occ_ticket ticket, void *user_data)
{
  const fetcher *f = user_data;
  occ_transfer *t = find(f, ticket);

  (void)kind;
  if (t != NULL) {
    drop(f->curl, t);
  }
}

static void release(void *user_data)
{
  fetcher *f = user_data;
  occ_curl *curl = f->curl;

  occ_cimd_free(f->cimd);
  curl->mem.release(f, sizeof(*f), curl->mem.user_data);
  occ_curl_free(curl);
}

int occ_curl_attach(occ_curl *curl, occ_config *config, occ_cimd *cimd)
{
  fetcher *f;
  int rc;

  if (curl == NULL || config == NULL || cimd == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  f = allocate(&curl->mem, sizeof(*f));
  if (f == NULL) {
    return OCC_ERR_MEMORY;
  }
  f->curl = curl;
  f->cimd = cimd;
  occ_cimd_hold(cimd);
  atomic_fetch_add(&curl->holds, 1);
  rc = occ_config_answer(config, OCC_ASK_FETCH, answer_fetch, cancel, release, f);
  if (rc != OCC_OK) {
    release(f); /* it did not take it */
  }
  return rc;
}
