/* SPDX-License-Identifier: MIT */

/* token-server CONFIG.json: a token endpoint with libocc in it, over libmicrohttpd.
 *
 * To embed libocc in a server of your own, read handle_token() and answer_question() first: they
 * are the whole of it. Above them stands how the server is made, below them plain HTTP. policy.c
 * is what an authorization server has in any case (clients, grants, rules), listen.c opens the
 * socket.
 *
 * It shows how libocc is used; it is no authorization server: tokens are random texts that
 * nobody can look up. */

#include <microhttpd.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "listen.h"
#include "occ/occ.h"
#include "policy.h"

#define MOST_BODY     (96u * 1024u) /* libocc refuses more, and sees it by one octet above */
#define THREADS       4u
#define TOKEN_LIFE_S  300
#define STORE_ENTRIES (1u << 20)
#define KEY_LIFE_MS   (30LL * 24 * 3600 * 1000)
#define HEADER_MEMORY (64u * 1024u) /* above libocc's 16 KiB a header, so that libocc answers */
#define IDLE_SECONDS  15u

typedef struct as_host {
  json_t *config;
  as_policy policy;
  occ_lib *lib;
  occ_keyring *ring;
  occ_store *store;
  occ_server *server;
} as_host;

typedef struct as_request {
  char *body;
  size_t len, cap;
  const as_client *client; /* authenticated, or NULL */
  const char *method;      /* how */
  as_grant grant;          /* read when libocc asks CHECK */
} as_request;

/* ---- Making the server ----------------------------------------------------------------------- */

/* On the thread that runs the txn: a real host only puts the event into a queue here. */
static void log_event(const occ_event *event, void *user_data)
{
  char line[2048];

  (void)user_data;
  if (occ_event_json(event, line, sizeof(line)) < sizeof(line)) {
    fprintf(stderr, "%s\n", line);
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

static int make_ring(as_host *host)
{
  int64_t now = clock_ms();
  const json_t *configured = json_object_get(host->config, "keys");
  char *keys = configured != NULL ? json_dumps(configured, JSON_COMPACT) : make_keys(now);
  int rc = OCC_ERR_MEMORY;

  if (keys != NULL) {
    rc = occ_keyring_new(&host->ring, host->lib);
    if (rc == OCC_OK) {
      rc = occ_keyring_load(host->ring, keys, strlen(keys), now, 0);
    }
    OPENSSL_cleanse(keys, strlen(keys));
    free(keys);
  }
  return rc;
}

/* Its numbers decide how much one client may have on its way at once: it gets 1 % of the room of
 * a purpose. */
static int make_store(as_host *host)
{
  json_int_t entries = json_integer_value(json_object_get(host->config, "store_entries"));

  return occ_store_new(&host->store, host->lib, entries > 0 ? (size_t)entries : STORE_ENTRIES,
                       clock_ms());
}

/* The errors of a configuration stick, so that occ_server_new() tells of all that came before
 * it. */
static int make_server(as_host *host)
{
  const char *issuer = json_string_value(json_object_get(host->config, "issuer"));
  char *options = json_dumps(json_object_get(host->config, "libocc"), JSON_COMPACT);
  occ_config *config = NULL;
  const char *problem = "issuer: https, or http on a loopback address";
  int rc = OCC_ERR_MEMORY;

  if (options == NULL) {
    return rc;
  }
  rc = occ_config_new(&config, host->lib, issuer);
  if (rc == OCC_OK) {
    (void)occ_config_load(config, options, strlen(options));
    (void)occ_config_set(config, "check", "true"); /* this host answers CHECK, see below */
    (void)occ_keyring_attach(host->ring, config);
    (void)occ_store_attach(host->store, config);
    rc = occ_server_new(&host->server, config);
  }
  if (rc != OCC_OK) {
    problem = config != NULL ? occ_config_error(config) : problem;
    fprintf(stderr, "configuration: %s\n", problem != NULL ? problem : occ_status_text(rc));
  }
  occ_config_free(config);
  free(options);
  return rc;
}

static int make_host(as_host *host)
{
  int rc = occ_lib_new(&host->lib, NULL);

  if (rc == OCC_OK) {
    rc = occ_lib_on_event(host->lib, log_event, NULL);
  }
  if (rc == OCC_OK) {
    rc = make_ring(host);
  }
  if (rc == OCC_OK) {
    rc = make_store(host);
  }
  if (rc != OCC_OK) {
    fprintf(stderr, "cannot start: %s\n", occ_status_text(rc));
    return 0;
  }
  return policy_load(&host->policy, host->config) && make_server(host) == OCC_OK;
}

static void clear_host(as_host *host)
{
  occ_server_free(host->server);
  occ_store_free(host->store);
  occ_keyring_free(host->ring);
  occ_lib_free(host->lib);
  policy_clear(&host->policy);
  json_decref(host->config);
}

/* ---- One token request ----------------------------------------------------------------------- */

/* Is the grant good? This only looks. Whatever a grant can be used up by (a code, a refresh
 * token, a subject token that is good for one exchange) stays as it is until GRANT: the client
 * comes again with the same one after a challenge. */
static int answer_check(const as_host *host, as_request *request, occ_txn *txn,
                        const occ_question *q)
{
  char good_until[64];
  const char *error = "invalid_client";

  if (request->client != NULL) {
    error = policy_grant(&request->grant, &host->policy, request->client, txn, q->now);
  }
  if (error != NULL) {
    return occ_txn_answer_refuse(txn, q->ticket, error, NULL);
  }
  if (request->grant.not_after == 0) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
  }
  (void)snprintf(good_until, sizeof(good_until), "{\"not_after\":%lld}",
                 (long long)request->grant.not_after);
  return occ_txn_answer(txn, q->ticket, OCC_YES, good_until, strlen(good_until));
}

/* The policy. It is asked with what is proven so far, and asked again after each round. */
static int answer_decide(const as_host *host, as_request *request, occ_txn *txn,
                         const occ_question *q)
{
  const char *requirement = NULL;

  if (request->client == NULL || request->grant.type == NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
  }
  requirement = policy_requirement(&host->policy, &request->grant, txn);
  if (requirement == NULL) {
    return occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
  }
  if (occ_txn_answer_challenge(txn, q->ticket, requirement, NULL) == OCC_OK) {
    return OCC_OK;
  }
  /* One that this grant cannot carry: the question is still open, and a requirement that cannot
   * be met is a no. */
  return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
}

/* The store answers ONCE by itself, and jwt_assertion has its keys from the configuration: two
 * kinds are left for us. No to all others. CLIENT is asked about a client that we did not
 * authenticate, and there are none but ours. */
static int answer_question(const as_host *host, as_request *request, occ_txn *txn)
{
  const occ_question *q = occ_txn_question(txn);

  if (q->kind == OCC_ASK_CHECK) {
    return answer_check(host, request, txn, q);
  }
  if (q->kind == OCC_ASK_DECIDE) {
    return answer_decide(host, request, txn, q);
  }
  return occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
}

static enum MHD_Result add_header(void *txn, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
  (void)kind;
  (void)name_len;
  /* An error sticks until occ_txn_run(). */
  (void)occ_txn_add_header(txn, name, value != NULL ? value : "", value_len);
  return MHD_YES;
}

/* Within one txn time must not run back, even where somebody sets the clock. */
static int64_t later(int64_t than)
{
  int64_t now = clock_ms();

  return now > than ? now : than;
}

static void authenticate(const as_host *host, struct MHD_Connection *connection,
                         as_request *request);
static enum MHD_Result send_token(struct MHD_Connection *connection, const as_request *request,
                                  const occ_txn *txn);
static enum MHD_Result send_answer(struct MHD_Connection *connection, const occ_txn *txn);

/* The whole walk. The body goes in raw and every header line as it came: repeated parameters and
 * a second DPoP header must be seen to be refused, and a framework that drops parameters it does
 * not know drops challenge_session first. */
static enum MHD_Result handle_token(const as_host *host, struct MHD_Connection *connection,
                                    as_request *request)
{
  occ_txn *txn = NULL;
  int64_t now = clock_ms();
  enum MHD_Result sent = MHD_NO;

  authenticate(host, connection, request);
  if (occ_txn_new(&txn, host->server, OCC_TOKEN, request) == OCC_OK) {
    (void)occ_txn_set_body(txn, request->body, request->len);
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, add_header, txn);
    if (request->client != NULL) { /* else libocc answers invalid_client, where its turn is */
      (void)occ_txn_set_client(txn, request->client->id, request->method, NULL);
      (void)occ_txn_set_metadata(txn, request->client->metadata, strlen(request->client->metadata));
    }
    while (occ_txn_run(txn, now) == OCC_PENDING && answer_question(host, request, txn) == OCC_OK) {
      now = later(now);
    }
  }
  if (occ_txn_outcome(txn) == OCC_GRANT) {
    /* Here a host uses up what the grant can be used up by, atomically: GRANT is leave, no more. */
    sent = send_token(connection, request, txn);
  } else {
    /* A challenge, a refusal, or a fault of ours: status, headers and body are made. */
    sent = send_answer(connection, txn);
  }
  occ_txn_free(txn);
  return sent;
}

/* ---- Client authentication ------------------------------------------------------------------- */

/* spec: RFC 6749 section 2.3.1: id and secret are form-encoded before they become Basic
 * credentials. */
static int authenticate_basic(const as_host *host, struct MHD_Connection *connection,
                              as_request *request)
{
  char *raw_secret = NULL;
  char *raw_id = MHD_basic_auth_get_username_password(connection, &raw_secret);
  char *id = raw_id != NULL ? form_decode(raw_id, strlen(raw_id), NULL) : NULL;
  char *secret = raw_secret != NULL ? form_decode(raw_secret, strlen(raw_secret), NULL) : NULL;
  int used = raw_id != NULL;

  request->client = policy_client(&host->policy, id, secret);
  request->method = "client_secret_basic";
  free(secret);
  free(id);
  MHD_free(raw_secret);
  MHD_free(raw_id);
  return used;
}

/* Finds request->client, or leaves it NULL. One method at a time (RFC 6749 section 2.3). */
static void authenticate(const as_host *host, struct MHD_Connection *connection,
                         as_request *request)
{
  char *secret = form_find(request->body, request->len, "client_secret");
  char *id = form_find(request->body, request->len, "client_id");

  if (authenticate_basic(host, connection, request)) {
    request->client = secret == NULL || *secret == '\0' ? request->client : NULL;
  } else {
    request->client = policy_client(&host->policy, id, secret);
    request->method = "client_secret_post";
  }
  free(id);
  free(secret);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* A response with libocc's headers. Takes body, which comes from malloc() and may be NULL after
 * a failure. */
static struct MHD_Response *make_response(char *body, size_t len, const occ_txn *txn)
{
  struct MHD_Response *response = NULL;

  if (body != NULL) {
    response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
  }
  if (response == NULL) {
    free(body);
    return NULL;
  }
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    (void)MHD_add_response_header(response, occ_txn_header_name(txn, i),
                                  occ_txn_header_value(txn, i));
  }
  return response;
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
  enum MHD_Result sent = MHD_NO; /* closes the connection */

  if (response != NULL) {
    sent = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
  }
  return sent;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, const occ_txn *txn)
{
  size_t len = 0;
  const char *body = occ_txn_body(txn, &len);
  struct MHD_Response *response = make_response(text_copy(body, len), len, txn);

  return queue(connection, (unsigned)occ_txn_http_status(txn), response);
}

/* A real server keeps this under the hash of the token: what a resource server must check lies
 * in cnf. */
static void record_token(const as_request *request, const occ_txn *txn)
{
  json_t *cnf =
      json_loads(occ_txn_confirmation(txn) != NULL ? occ_txn_confirmation(txn) : "{}", 0, NULL);
  json_t *record =
      json_pack("{s:s, s:s, s:s*, s:o*, s:s*}", "issued_to", request->client->id, "grant_type",
                request->grant.type, "scope", occ_txn_param(txn, "scope", 0, NULL), "cnf", cnf,
                "reference", occ_txn_reference(txn));
  char *line = json_dumps(record, JSON_COMPACT);

  if (line != NULL) {
    fprintf(stderr, "%s\n", line);
  }
  free(line);
  json_decref(record);
}

static int token_life(const as_request *request)
{
  int64_t left = (request->grant.not_after - clock_ms()) / 1000;

  return request->grant.not_after != 0 && left < TOKEN_LIFE_S ? (int)left : TOKEN_LIFE_S;
}

static enum MHD_Result send_token(struct MHD_Connection *connection, const as_request *request,
                                  const occ_txn *txn)
{
  char *token = random_text(32);
  int is_exchange = strcmp(request->grant.type, GRANT_TOKEN_EXCHANGE) == 0;
  const char *type = occ_txn_sender(txn, OCC_SENDER_DPOP) != NULL ? "DPoP" : "Bearer";
  json_t *body = json_pack(
      "{s:s, s:s, s:i, s:s*, s:O*, s:s*}", "access_token", token, "token_type", type, "expires_in",
      token_life(request), "scope", occ_txn_param(txn, "scope", 0, NULL), "authorization_details",
      request->grant.details, "issued_token_type", is_exchange ? TOKEN_TYPE_ACCESS_TOKEN : NULL);
  char *text = json_dumps(body, JSON_COMPACT);
  struct MHD_Response *response = make_response(text, text != NULL ? strlen(text) : 0, txn);

  if (response != NULL) {
    record_token(request, txn);
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "Pragma", "no-cache");
  }
  json_decref(body);
  free(token);
  return queue(connection, MHD_HTTP_OK, response);
}

/* Keeps one octet more than is allowed and drops the rest: libocc then sees that it is too much. */
static int take_body(as_request *request, const char *data, size_t len)
{
  size_t room = MOST_BODY + 1 - request->len;
  size_t cap = 0;
  char *body = NULL;

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

/* MHD calls this once with the headers, once with each piece of the body, and once when all is
 * there. */
static enum MHD_Result on_request(void *user_data, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *data, size_t *len, void **state)
{
  as_request *request = *state;
  struct MHD_Response *response = NULL;

  (void)version;
  if (request == NULL) {
    *state = calloc(1, sizeof(*request));
    return *state != NULL ? MHD_YES : MHD_NO;
  }
  if (*len > 0) {
    int taken = take_body(request, data, *len);

    *len = 0;
    return taken ? MHD_YES : MHD_NO;
  }
  if (strcmp(url, "/token") == 0 && strcmp(method, "POST") == 0) {
    return handle_token(user_data, connection, request);
  }
  response = make_response(text_copy("", 0), 0, NULL);
  if (strcmp(url, "/token") != 0) {
    return queue(connection, MHD_HTTP_NOT_FOUND, response);
  }
  (void)MHD_add_response_header(response, "Allow", "POST");
  return queue(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

static void on_completed(void *user_data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
  as_request *request = *state;

  (void)user_data;
  (void)connection;
  (void)why;
  if (request != NULL) {
    grant_clear(&request->grant);
    if (request->body != NULL) {
      OPENSSL_cleanse(request->body, request->cap); /* it had secrets in it */
    }
    free(request->body);
    free(request);
    *state = NULL;
  }
}

static int serve(as_host *host, int fd, const char *origin)
{
  struct MHD_Daemon *daemon = NULL;
  sigset_t ends;
  int caught = 0;

  (void)signal(SIGPIPE, SIG_IGN);
  (void)sigemptyset(&ends);
  (void)sigaddset(&ends, SIGTERM);
  (void)sigaddset(&ends, SIGINT);
  (void)pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before the threads: they inherit it */
  daemon = MHD_start_daemon(
      MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, host,
      MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      (size_t)HEADER_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
  if (daemon == NULL) {
    fprintf(stderr, "cannot start the HTTP server\n");
    (void)close(fd);
    return EXIT_FAILURE;
  }
  printf("listening on %s\n", origin);
  (void)fflush(stdout);
  (void)sigwait(&ends, &caught);
  MHD_stop_daemon(daemon); /* closes the socket, lets running requests end */
  return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
  as_host host = { 0 };
  json_error_t error;
  char *origin = NULL;
  int fd = -1;
  int status = EXIT_FAILURE;

  if (argc != 2) {
    fprintf(stderr, "usage: token-server CONFIG.json\n");
    return 2;
  }
  host.config = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
  if (host.config == NULL) {
    fprintf(stderr, "%s, line %d: %s\n", argv[1], error.line, error.text);
    return EXIT_FAILURE;
  }
  fd = listen_on(host.config, &origin);
  if (fd >= 0 && make_host(&host)) {
    status = serve(&host, fd, origin);
  } else if (fd >= 0) {
    (void)close(fd);
  }
  clear_host(&host);
  free(origin);
  return status;
}
