/* SPDX-License-Identifier: MIT */

/* token-server CONFIG.json: an authorization server with libocc in it, over libmicrohttpd.
 *
 * To embed libocc in a server of your own, read walk.c first: one request, and what libocc asks.
 * host.c makes the server and reloads it. Here is plain HTTP: which path is whose, bodies, signals.
 *
 * It shows how libocc is used; it is no authorization server for use: whoever opens /authorize is
 * the configured test user, and what it hands out is forgotten when it ends. */

#include <curl/curl.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "authorize.h"
#include "common.h"
#include "config.h"
#include "host.h"
#include "introspect.h"
#include "listen.h"
#include "reply.h"
#include "tls.h"
#include "visits.h"
#include "walk.h"

#define MOST_BODY     (96u * 1024u) /* libocc refuses more, and sees it by one octet above */
#define HEADER_MEMORY (64u * 1024u) /* above libocc's 16 KiB a header, so that libocc answers */
#define CONNECTIONS   1000u         /* a thread each */
#define IDLE_SECONDS  15u
/* A peer that sends on and on, or an octet now and then, is never idle. */
#define MOST_SENT     (4u * 1024u * 1024u)
#define MOST_MS       30000

/* ---- Which path is whose --------------------------------------------------------------------- */

static enum MHD_Result handle_health(as_request *request)
{
  return reply_text(request->connection, MHD_HTTP_OK, "text/plain", text_copy("ok\n", 3), NULL,
                    NULL);
}

/* For the operator: a real server has these on an address of their own. */
static enum MHD_Result handle_metrics(as_request *request)
{
  return reply_text(request->connection, MHD_HTTP_OK, "text/plain; version=0.0.4",
                    metrics_text(&request->host->metrics), NULL, NULL);
}

static enum MHD_Result handle_metadata(as_request *request)
{
  return reply_json(request->connection, MHD_HTTP_OK, json_incref(request->as->metadata), NULL);
}

typedef struct route {
  const char *path, *method;
  enum MHD_Result (*handle)(as_request *request);
} route;

static const route routes[] = {
  { "/token", "POST", handle_token },        { "/par", "POST", handle_par },
  { "/authorize", "GET", handle_authorize }, { "/introspect", "POST", handle_introspect },
  { "/healthz", "GET", handle_health },      { "/metrics", "GET", handle_metrics },
  { NULL, "GET", handle_metadata }, /* its path depends on the issuer's */
};

/* Where GET is right HEAD is, too, but not where it would make a code. MHD leaves the body out. */
static int is_method_of(const route *of, const char *method)
{
  return strcmp(of->method, method) == 0 ||
         (strcmp(method, "HEAD") == 0 && strcmp(of->method, "GET") == 0 &&
          of->handle != handle_authorize);
}

static enum MHD_Result dispatch(as_request *request, const char *path, const char *method)
{
  for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
    const char *own = routes[i].path != NULL ? routes[i].path : request->as->metadata_path;

    if (strcmp(own, path) == 0) {
      return is_method_of(&routes[i], method)
                 ? routes[i].handle(request)
                 : reply_text(request->connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
                              text_copy("", 0), "Allow", routes[i].method);
    }
  }
  return reply_text(request->connection, MHD_HTTP_NOT_FOUND, "text/plain", text_copy("", 0), NULL,
                    NULL);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* Keeps one octet more than is allowed and drops the rest: libocc then sees that it is too much. 0:
 * no memory, or somebody who means to keep us busy; the connection is closed. */
static int take_body(as_request *request, const char *data, size_t len)
{
  size_t room = MOST_BODY + 1 - request->len;
  size_t cap = 0;
  char *body = NULL;

  request->sent += len;
  if (request->sent > MOST_SENT) {
    return 0;
  }
  len = len < room ? len : room;
  if (request->cap - request->len < len) {
    cap = 2 * (request->len + len);
    body = realloc(request->body, cap);
    if (body == NULL) {
      return 0;
    }
    request->body = body;
    request->cap = cap;
  }
  if (len > 0) {
    memcpy(request->body + request->len, data, len);
    request->len += len;
  }
  return 1;
}

static enum MHD_Result count_framing(void *count, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
  (void)kind;
  (void)value;
  *(int *)count +=
      strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
  return MHD_YES;
}

/* Where a body ends must be as clear to us as to the proxy in front, or the rest would be somebody
 * else's request. spec: RFC 9112 section 6.3 */
static int has_one_end(struct MHD_Connection *connection)
{
  int count = 0;

  (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, count_framing, &count);
  return count <= 1;
}

static as_request *begin(as_host *host, struct MHD_Connection *connection)
{
  as_request *request = calloc(1, sizeof(*request));

  if (request != NULL) {
    request->host = host;
    request->as = host_hold(host);
    request->connection = connection;
    (void)sem_init(&request->woken, 0, 0);
  }
  return request;
}

/* MHD calls this once with the headers, once with each piece of the body, and once when all is
 * there. */
static enum MHD_Result on_request(void *user_data, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *data, size_t *len, void **state)
{
  as_request *request = *state;

  (void)version;
  if (request == NULL) {
    if (!has_one_end(connection)) { /* answered before the body: MHD closes the connection */
      return reply_text(connection, MHD_HTTP_BAD_REQUEST, "text/plain", text_copy("", 0),
                        "Connection", "close");
    }
    *state = begin(user_data, connection);
    return *state != NULL ? MHD_YES : MHD_NO;
  }
  if (*len > 0) {
    int taken = take_body(request, data, *len);

    *len = 0;
    return taken ? MHD_YES : MHD_NO;
  }
  return dispatch(request, url, method);
}

static void on_completed(void *user_data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
  as_request *request = *state;

  (void)why;
  visits_request_ended(connection);
  if (request != NULL) {
    grant_clear(&request->grant);
    stranger_clear(&request->stranger);
    (void)sem_destroy(&request->woken);
    json_decref(request->pushed);
    host_release(user_data, request->as);
    if (request->body != NULL) {
      OPENSSL_cleanse(request->body, request->cap); /* it had secrets in it */
    }
    free(request->body);
    free(request);
    *state = NULL;
  }
}

/* A thread for each connection: a request may have to wait, and then nobody else has to. */
static struct MHD_Daemon *start(as_host *host, const as_tls *tls, as_visits *visits)
{
  struct MHD_OptionItem options[4] = { { MHD_OPTION_END, 0, NULL } };
  unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ERROR_LOG;

  if (tls->certificate != NULL) {
    flags |= MHD_USE_TLS;
    options[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate };
    options[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key };
    options[2] = (struct MHD_OptionItem){ tls->client_ca != NULL ? MHD_OPTION_HTTPS_MEM_TRUST
                                                                 : MHD_OPTION_END,
                                          0, tls->client_ca };
    options[3] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
  }
  return MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, host, MHD_OPTION_LISTEN_SOCKET, host->fd,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, host, MHD_OPTION_NOTIFY_CONNECTION, visits_notify,
      visits, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      (size_t)HEADER_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* SIGHUP: reload. SIGTERM, SIGINT: let running requests end, and stop. */
static void wait_for_the_end(as_host *host, const sigset_t *signals, as_visits *visits)
{
  const struct timespec second = { 1, 0 };
  int caught = SIGHUP;

  while (caught < 0 || caught == SIGHUP) {
    caught = sigtimedwait(signals, NULL, &second);
    if (caught == SIGHUP && host_reload(host)) {
      printf("reloaded\n");
      (void)fflush(stdout);
    }
    visits_end_slow(visits, MOST_MS);
  }
}

static int serve(as_host *host, const as_tls *tls, const char *origin)
{
  struct MHD_Daemon *daemon = NULL;
  as_visits visits = AS_VISITS;
  sigset_t signals;

  (void)signal(SIGPIPE, SIG_IGN);
  (void)sigemptyset(&signals);
  (void)sigaddset(&signals, SIGTERM);
  (void)sigaddset(&signals, SIGINT);
  (void)sigaddset(&signals, SIGHUP);
  (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before the threads: they inherit it */
  daemon = start(host, tls, &visits);
  if (daemon == NULL) {
    fprintf(stderr, "cannot start the HTTP server\n");
    (void)close(host->fd);
    return EXIT_FAILURE;
  }
  printf("listening on %s\n", origin);
  (void)fflush(stdout);
  wait_for_the_end(host, &signals, &visits);
  MHD_stop_daemon(daemon); /* closes the socket, lets running requests end */
  return EXIT_SUCCESS;
}

static int run(as_host *host, json_t *config)
{
  as_tls tls = { 0 };
  char *origin = NULL;
  int status = EXIT_FAILURE;

  if (!tls_load(&tls, json_object_get(config, "tls"))) {
    tls_clear(&tls);
    json_decref(config);
    return status;
  }
  host->fd = listen_on(config, &origin);
  if (json_object_get(config, "test_user") != NULL) {
    fprintf(stderr, "\"test_user\" is configured: whoever opens /authorize is that user\n");
  }
  if (host->fd < 0) {
    json_decref(config);
  } else {
    if (host_make(host, config)) {
      status = serve(host, &tls, origin);
    } else {
      (void)close(host->fd);
    }
    host_clear(host);
  }
  tls_clear(&tls);
  free(origin);
  return status;
}

int main(int argc, char **argv)
{
  as_host *host = NULL;
  json_t *config = NULL;
  int status = EXIT_FAILURE;

  if (argc != 2 || argv[1][0] == '-') {
    fprintf(stderr, "usage: token-server CONFIG.json\n");
    return 2;
  }
  config = config_read(argv[1]);
  if (config == NULL) {
    return EXIT_FAILURE;
  }
  host = calloc(1, sizeof(*host)); /* not on the stack: it has the counters in it */
  if (host == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    json_decref(config);
    free(host);
    return EXIT_FAILURE;
  }
  host->path = argv[1];
  status = run(host, config);
  curl_global_cleanup();
  free(host);
  return status;
}
