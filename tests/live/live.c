/* SPDX-License-Identifier: MIT */

/* See live.h. */

#include "live.h"

#include <dirent.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(x)                                                                                    \
  do {                                                                                             \
    if (!(x)) {                                                                                    \
      fprintf(stderr, "live.c:%d: %s\n", __LINE__, #x);                                            \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

#define T0 INT64_C(1800000000000)

struct live_waiter {
  pthread_mutex_t lock;
  pthread_cond_t change;
  int woken;
};

/* ---- Options ---- */

static char *put_over(json_t *object, const char *more)
{
  char *text;

  if (more != NULL) {
    json_t *over = json_loads(more, 0, NULL);

    MUST(json_is_object(over) && json_object_update(object, over) == 0);
    json_decref(over);
  }
  text = json_dumps(object, 0);
  MUST(text != NULL);
  json_decref(object);
  return text;
}

static char *curl_options(const live *x, const live_options *options)
{
  json_t *object =
      json_pack("{s:s,s:b,s:i}", "ca_pem", web_ca(x->web), "development", 1, "fetch_ms", 10000);
  char line[2][64];

  if (!options->real_names) {
    (void)snprintf(line[0], sizeof(line[0]), WEB_HOST ":%u:127.0.0.2", web_port(x->web));
    (void)snprintf(line[1], sizeof(line[1]), WEB_OTHER_HOST ":%u:127.0.0.2", web_port(x->web));
    MUST(json_object_set_new(object, "resolve", json_pack("[s,s]", line[0], line[1])) == 0);
  }
  return put_over(object, options->curl);
}

static char *cimd_options(const live *x, const live_options *options)
{
  return put_over(json_pack("{s:[i],s:b,s:[s]}", "ports", (int)web_port(x->web), "development", 1,
                            "allow_addresses", "127.0.0.2/32"),
                  options->cimd);
}

static char *config_options(const live_options *options)
{
  return put_over(json_pack("{s:[s],s:s}", "token_urls", "https://as.example/token", "store_id",
                            "AAECAwQFBgcICQoLDA0ODw"),
                  options->config);
}

/* ---- Its life ---- */

static void wake(void *user_data)
{
  live_waiter *w = user_data;

  MUST(pthread_mutex_lock(&w->lock) == 0);
  w->woken = 1;
  MUST(pthread_cond_signal(&w->change) == 0);
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

static void make_ring(live *x)
{
  static const char json[] =
      "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
      "\"seal_from\":1,\"open_until\":9000000000000}]}";

  MUST(occ_keyring_new(&x->ring, x->lib) == OCC_OK);
  MUST(occ_keyring_load(x->ring, json, strlen(json), T0, 0) == OCC_OK);
}

static void make_lib(live *x, const live_options *options)
{
  char *text = cimd_options(x, options);

  MUST(occ_lib_new(&x->lib, options->mem) == OCC_OK);
  make_ring(x);
  MUST(occ_cimd_new(&x->cimd, x->lib, text) == OCC_OK);
  free(text);
}

static void make_server(live *x, const live_options *options)
{
  occ_config *config = NULL;
  char *text;

  MUST(occ_config_new(&config, x->lib, "https://as.example") == OCC_OK);
  MUST(occ_keyring_attach(x->ring, config) == OCC_OK);
  MUST(occ_cimd_attach(x->cimd, config) == OCC_OK);
  MUST(occ_curl_attach(x->curl, config, x->cimd) == OCC_OK);
  MUST(occ_config_on_wake(config, options->wake == NULL ? wake : options->wake) == OCC_OK);
  text = config_options(options);
  MUST(occ_config_load(config, text, strlen(text)) == OCC_OK);
  free(text);
  MUST(occ_server_new(&x->server, config) == OCC_OK);
  occ_config_free(config);
}

void live_open(live *x, const live_options *options)
{
  char *text;

  *x = (live){ .web = web_open(), .now = T0 };
  make_lib(x, options);
  text = curl_options(x, options);
  MUST(occ_curl_new(&x->curl, x->lib, text) == OCC_OK);
  free(text);
  MUST(occ_curl_use_multi(x->curl, options->curlm) == OCC_OK);
  make_server(x, options);
}

void live_open_beside(live *x, const live *first, const live_options *options)
{
  *x = (live){ .web = first->web, .curl = first->curl, .now = first->now };
  make_lib(x, options);
  make_server(x, options);
}

void live_close_beside(live *x)
{
  occ_server_free(x->server);
  occ_cimd_free(x->cimd);
  occ_keyring_free(x->ring);
  occ_lib_free(x->lib);
}

void live_close(live *x)
{
  occ_curl_free(x->curl);
  live_close_beside(x);
  web_close(x->web);
}

/* ---- Requests ---- */

occ_txn *live_txn(live *x, const char *path, const char *more, void *user_data)
{
  occ_txn *txn = NULL;
  char body[4096];

  (void)snprintf(body, sizeof(body), "client_id=https://" WEB_HOST ":%u%s%s%s", web_port(x->web),
                 path,
                 more == NULL || strstr(more, "grant_type") == NULL ? "&grant_type=urn:x" : "",
                 more == NULL ? "" : more);
  MUST(occ_txn_new(&txn, x->server, OCC_TOKEN, user_data) == OCC_OK);
  MUST(occ_txn_set_body(txn, body, strlen(body)) == OCC_OK);
  return txn;
}

void live_assertion(const live *x, char *out, size_t size, const char *path)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char part[2][512];
  size_t used;

  (void)snprintf(part[0], sizeof(part[0]), "{\"alg\":\"ES256\",\"kid\":\"k\"}");
  (void)snprintf(part[1], sizeof(part[1]),
                 "{\"iss\":\"https://" WEB_HOST ":%u%s\",\"sub\":\"https://" WEB_HOST
                 ":%u%s\",\"aud\":\"https://as.example\",\"jti\":\"j\",\"exp\":%lld}",
                 web_port(x->web), path, web_port(x->web), path, (long long)(x->now / 1000 + 60));
  used =
      (size_t)snprintf(out, size,
                       "&grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:"
                       "client-assertion-type:jwt-bearer&client_assertion=");
  for (int p = 0; p < 2; p++) {
    const unsigned char *in = (const unsigned char *)part[p];

    for (size_t i = 0, len = strlen(part[p]); i < len; i += 3) {
      const unsigned long group = (unsigned long)in[i] << 16 |
                                  (i + 1 < len ? (unsigned long)in[i + 1] << 8 : 0) |
                                  (i + 2 < len ? in[i + 2] : 0u);

      for (size_t k = 0; k < (len - i >= 3 ? 4 : len - i + 1); k++) {
        out[used++] = alphabet[group >> (18 - 6 * k) & 63];
      }
    }
    out[used++] = '.';
  }
  memset(out + used, 'A', 86);
  out[used + 86] = '\0';
}

/* The last `"name":"value"`. */
static void find_last(char *out, size_t size, const char *json, const char *name)
{
  char want[64];
  const char *at = json, *found = NULL;

  (void)snprintf(want, sizeof(want), "\"%s\":\"", name);
  while (at != NULL && (at = strstr(at, want)) != NULL) {
    at += strlen(want);
    found = at;
  }
  out[0] = '\0';
  if (found != NULL) {
    (void)snprintf(out, size, "%.*s", (int)strcspn(found, "\""), found);
  }
}

void live_read(live_result *out, const occ_txn *txn, int rc)
{
  const char *log = occ_txn_log(txn, NULL);

  *out = (live_result){ .rc = rc,
                        .status = occ_txn_http_status(txn),
                        .outcome = occ_txn_outcome(txn) };
  find_last(out->error, sizeof(out->error), occ_txn_body(txn, NULL), "error");
  MUST(log != NULL);
  find_last(out->detail, sizeof(out->detail), log, "detail");
}

static void wait_for_wake(live_waiter *w)
{
  struct timespec until;

  MUST(clock_gettime(CLOCK_REALTIME, &until) == 0);
  until.tv_sec += 2 * WEB_PATIENCE_MS / 1000;
  MUST(pthread_mutex_lock(&w->lock) == 0);
  while (!w->woken) {
    MUST(pthread_cond_timedwait(&w->change, &w->lock, &until) == 0);
  }
  w->woken = 0;
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

void live_ask_more(live *x, const char *path, const char *more, occ_time now, live_result *out)
{
  live_waiter waiter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
  occ_txn *txn = live_txn(x, path, more, &waiter);
  const long long from = web_clock_ms();
  int rc;

  while ((rc = occ_txn_run(txn, now)) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);

    if (q->kind == OCC_ASK_WAIT) {
      wait_for_wake(&waiter);
    } else {
      (void)occ_txn_answer(txn, q->ticket, q->kind == OCC_ASK_KEYS ? OCC_NO : OCC_YES, NULL, 0);
    }
  }
  live_read(out, txn, rc);
  out->ms = web_clock_ms() - from;
  occ_txn_free(txn);
  (void)pthread_mutex_destroy(&waiter.lock);
  (void)pthread_cond_destroy(&waiter.change);
}

void live_ask(live *x, const char *path, live_result *out)
{
  x->now += 120000;
  live_ask_more(x, path, NULL, x->now, out);
}

/* ---- Threads ---- */

unsigned live_threads(void)
{
  DIR *tasks = opendir("/proc/self/task");
  const struct dirent *entry;
  unsigned count = 0;

  MUST(tasks != NULL);
  while ((entry = readdir(tasks)) != NULL) {
    count += entry->d_name[0] != '.';
  }
  MUST(closedir(tasks) == 0);
  return count;
}

/* There is no event for the end of another's thread. */
int live_wait_threads(unsigned count)
{
  const long long until = web_clock_ms() + WEB_PATIENCE_MS;

  while (live_threads() > count) {
    if (web_clock_ms() > until) {
      return 0;
    }
    (void)poll(NULL, 0, 2);
  }
  return 1;
}
