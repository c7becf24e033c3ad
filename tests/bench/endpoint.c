/* SPDX-License-Identifier: MIT */
/* A token endpoint to be measured over loopback: libmicrohttpd and libocc, one thread. endpoint.sh starts it and sends the
 * requests, which are made here beforehand, signatures and all:
 *
 *   bench_endpoint FOLDER ROUNDS SECONDS
 *
 * writes FOLDER/static, challenge, proof.N, follow-up.N (each record its length, a line feed, a request as it goes over the
 * wire), then a line "PID PORT" when it listens. SIGUSR1: a line with the CPU time of the process so far, in
 * microseconds, and how many requests ended in what. SIGTERM: the end. It knows libocc by its public headers alone, and
 * believes a header X-Client, as a host behind a proxy that authenticates clients might. */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, sigwait */
#endif

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"
#include "test_keys.h"
#include "traffic.h"

#define CLIENTS  1000u /* one may hold 1 % of the store */
#define MAX_BODY 4096u

static const char config[] =
    "{\"token_urls\":[\"" TRAFFIC_URL "\"],\"requirements\":{\"proven-key\":"
    "{\"type\":\"dpop_proof\",\"expiry\":600}}}";
static const char first_body[] =
    "grant_type=client_credentials&scope=accounts+payments&resource=https%3A%2F%2Frs.example%2Fv1";
static const char refusal[] = "{\"error\":\"access_denied\",\"error_description\":\"static\"}";
static const char token[] = "{\"access_token\":\"SlAV32hkKG2YotnFZFEjr1zCsicMWpAA\",\"token_type\":"
                            "\"DPoP\",\"expires_in\":300}";

static traffic world;
static occ_store *store;
static occ_server *server;
static struct MHD_Response *static_answer;
static atomic_ulong challenged, granted, refused, answered;

static occ_time now_ms(void)
{
  struct timespec t;

  must(clock_gettime(CLOCK_REALTIME, &t) == 0, "clock");
  return (occ_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- One request through libocc ---- */

static enum MHD_Result add_header(void *txn, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
  (void)kind;
  return occ_txn_add_header(txn, name, value, strlen(value)) == OCC_OK ? MHD_YES : MHD_NO;
}

/* The policy; the store answers the rest. */
static void run(occ_txn *txn)
{
  const occ_time now = now_ms();
  const occ_question *q;
  int rc = occ_txn_run(txn, now);

  if (rc == OCC_PENDING) {
    q = occ_txn_question(txn);
    must(q->kind == OCC_ASK_DECIDE, "question");
    rc = occ_txn_is_satisfied(txn, "proven-key")
             ? occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0)
             : occ_txn_answer_challenge(txn, q->ticket, "proven-key", NULL);
    must(rc == OCC_OK, "answer");
    rc = occ_txn_run(txn, now);
  }
  if (rc == OCC_OK && occ_txn_outcome(txn) == OCC_GRANT) {
    must(occ_txn_settle(txn, 1) == OCC_OK && occ_txn_run(txn, now) == OCC_OK, "settled");
  }
}

static void count(const occ_txn *txn)
{
  const occ_outcome outcome = occ_txn_outcome(txn);

  atomic_fetch_add(outcome == OCC_GRANT       ? &granted
                   : outcome == OCC_CHALLENGE ? &challenged
                                              : &refused,
                   1);
}

static enum MHD_Result respond(struct MHD_Connection *connection, const occ_txn *txn)
{
  const int is_grant = occ_txn_outcome(txn) == OCC_GRANT;
  size_t len = sizeof(token) - 1;
  const char *body = is_grant ? token : occ_txn_body(txn, &len);
  struct MHD_Response *response =
      MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
  enum MHD_Result rc;

  must(response != NULL, "response");
  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    (void)MHD_add_response_header(response, occ_txn_header_name(txn, i),
                                  occ_txn_header_value(txn, i));
  }
  rc = MHD_queue_response(connection, is_grant ? 200u : (unsigned)occ_txn_http_status(txn),
                          response);
  MHD_destroy_response(response);
  return rc;
}

static enum MHD_Result token_request(struct MHD_Connection *connection, const char *body,
                                     size_t len)
{
  const char *client = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Client");
  occ_txn *txn = NULL;
  enum MHD_Result rc;

  must(occ_txn_new(&txn, server, OCC_TOKEN, NULL) == OCC_OK, "txn");
  /* Errors of these stick until the run. */
  (void)occ_txn_set_body(txn, body, len);
  (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, txn);
  (void)occ_txn_set_client(txn, client == NULL ? "" : client, "tls_client_auth", NULL);
  (void)occ_txn_set_metadata(txn, traffic_metadata, strlen(traffic_metadata));
  run(txn);
  count(txn);
  rc = respond(connection, txn);
  occ_txn_free(txn);
  return rc;
}

/* ---- libmicrohttpd ---- */

typedef struct upload {
  size_t len;
  char body[MAX_BODY];
} upload;

static enum MHD_Result handle(void *user_data, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **kept)
{
  upload *up = *kept;

  (void)user_data;
  (void)version;
  if (strcmp(method, "POST") != 0) {
    return MHD_NO;
  }
  if (up == NULL) {
    up = *kept = malloc(sizeof(*up));
    must(up != NULL, "memory");
    up->len = 0;
    return MHD_YES;
  }
  if (*size > 0) {
    must(*size <= MAX_BODY - up->len, "body");
    memcpy(up->body + up->len, data, *size);
    up->len += *size;
    *size = 0;
    return MHD_YES;
  }
  if (strcmp(url, "/static") == 0) {
    atomic_fetch_add(&answered, 1);
    return MHD_queue_response(connection, MHD_HTTP_FORBIDDEN, static_answer);
  }
  return token_request(connection, up->body, up->len);
}

static void completed(void *user_data, struct MHD_Connection *connection, void **kept,
                      enum MHD_RequestTerminationCode why)
{
  (void)user_data;
  (void)connection;
  (void)why;
  free(*kept);
  *kept = NULL;
}

static struct MHD_Daemon *listen_on(unsigned *port)
{
  struct sockaddr_in here = { .sin_family = AF_INET };
  struct MHD_Daemon *daemon;

  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            handle, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&here,
                            MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
  must(daemon != NULL, "port");
  *port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
  static_answer = MHD_create_response_from_buffer(sizeof(refusal) - 1, (void *)(uintptr_t)refusal,
                                                  MHD_RESPMEM_PERSISTENT);
  must(static_answer != NULL, "response");
  (void)MHD_add_response_header(static_answer, "Content-Type", "application/json");
  (void)MHD_add_response_header(static_answer, "Cache-Control", "no-store");
  return daemon;
}

/* ---- The requests ---- */

static unsigned made;

static char *make_proof(occ_time ahead, const char *nonce)
{
  char jti[32];

  (void)snprintf(jti, sizeof(jti), "proof-%u", ++made);
  return test_dpop(TEST_CLIENT_A_PRIVATE, "POST", TRAFFIC_URL, (now_ms() + ahead) / 1000, jti,
                   nonce);
}

static FILE *create(const char *folder, const char *name, int round)
{
  char *path = traffic_text(round < 0 ? "%s/%s" : "%s/%s.%d", folder, name, round);
  FILE *file = fopen(path, "wb");

  must(file != NULL, path);
  free(path);
  return file;
}

static void put(FILE *file, const char *path, unsigned client, const char *proof, const char *body)
{
  char *request = traffic_text("POST %s HTTP/1.1\r\nHost: as.example\r\nX-Client: agent-%u\r\n"
                               "Content-Type: application/x-www-form-urlencoded\r\n"
                               "Content-Length: %zu\r\n%s%s%s\r\n%s",
                               path, client, strlen(body),
                               proof == NULL ? "" : "DPoP: ", proof == NULL ? "" : proof,
                               proof == NULL ? "" : "\r\n", body);

  must(fprintf(file, "%zu\n%s", strlen(request), request) > 0, "file");
  free(request);
}

/* A session that waits, of a request with a proof. */
static char *make_session(unsigned client)
{
  static const char member[] = "\"challenge_session\":\"";
  char *proof = make_proof(0, NULL), *name = traffic_text("agent-%u", client), *session;
  const char *at;
  occ_txn *txn = NULL;

  must(occ_txn_new(&txn, server, OCC_TOKEN, NULL) == OCC_OK, "txn");
  (void)occ_txn_set_body(txn, first_body, strlen(first_body));
  (void)occ_txn_set_client(txn, name, "tls_client_auth", NULL);
  (void)occ_txn_set_metadata(txn, traffic_metadata, strlen(traffic_metadata));
  (void)occ_txn_add_header(txn, "DPoP", proof, strlen(proof));
  run(txn);
  at = strstr(occ_txn_body(txn, NULL), member);
  must(at != NULL, occ_txn_reason(txn) == NULL ? "challenge" : occ_txn_reason(txn));
  at += strlen(member);
  session = traffic_text("%.*s", (int)strcspn(at, "\""), at);
  occ_txn_free(txn);
  free(name);
  free(proof);
  return session;
}

static void make_follow_ups(const char *folder, int round, unsigned number)
{
  FILE *file = create(folder, "follow-up", round);

  for (unsigned i = 0; i < number; i++) {
    char *session = make_session(i % CLIENTS);
    char *proof = make_proof(0, session);
    char *body = traffic_text("%s&challenge_session=%s", first_body, session);

    put(file, "/token", i % CLIENTS, proof, body);
    free(body);
    free(proof);
    free(session);
  }
  must(fclose(file) == 0, "file");
}

/* A proof may lie half a minute ahead, so they keep while the others are sent. */
static void make_proofs(const char *folder, int round, unsigned number)
{
  FILE *file = create(folder, "proof", round);

  for (unsigned i = 0; i < number; i++) {
    char *proof = make_proof(25000, NULL);

    put(file, "/token", i % CLIENTS, proof, first_body);
    free(proof);
  }
  must(fclose(file) == 0, "file");
}

/* As many as a server of one thread could verify at the most. */
static unsigned most_requests(int seconds)
{
  double least = 1e9;
  meter_v v;

  meter_v_init(&v);
  for (int i = 0; i < 200; i++) {
    const double start = thread_ns();
    double ns;

    meter_v_run(&v);
    ns = thread_ns() - start;
    least = ns < least ? ns : least;
  }
  meter_v_clear(&v);
  return (unsigned)(seconds * 1e9 / least) + 100;
}

static void make_all(const char *folder, int rounds, int seconds)
{
  const unsigned number = most_requests(seconds);
  FILE *file = create(folder, "static", -1);

  put(file, "/static", 0, NULL, first_body);
  must(fclose(file) == 0, "file");
  file = create(folder, "challenge", -1);
  put(file, "/token", 0, NULL, first_body);
  must(fclose(file) == 0, "file");
  for (int round = 0; round < rounds; round++) {
    make_follow_ups(folder, round, number);
  }
  for (int round = 0; round < rounds; round++) {
    make_proofs(folder, round, number);
  }
}

/* ---- */

static void tell(void)
{
  struct rusage usage;

  must(getrusage(RUSAGE_SELF, &usage) == 0, "rusage");
  printf("%lld %lu %lu %lu %lu\n",
         ((long long)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
             usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
         atomic_load(&answered), atomic_load(&challenged), atomic_load(&granted),
         atomic_load(&refused));
  (void)fflush(stdout);
}

int main(int argc, char **argv)
{
  struct MHD_Daemon *daemon;
  unsigned port = 0;
  sigset_t signals;
  int number = 0;

  must(argc == 4 && atoi(argv[2]) > 0 && atoi(argv[3]) > 0, "FOLDER ROUNDS SECONDS");
  (void)sigemptyset(&signals);
  (void)sigaddset(&signals, SIGUSR1);
  (void)sigaddset(&signals, SIGTERM);
  must(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0, "signals");
  traffic_open(&world, NULL);
  store = traffic_store(&world, 1u << 22, now_ms() - 3600000);
  server = traffic_server(&world, config, store, NULL, NULL);
  make_all(argv[1], atoi(argv[2]), atoi(argv[3]));
  atomic_store(&challenged, 0);
  daemon = listen_on(&port);
  printf("%ld %u\n", (long)getpid(), port);
  (void)fflush(stdout);
  while (sigwait(&signals, &number) == 0 && number == SIGUSR1) {
    tell();
  }
  MHD_stop_daemon(daemon);
  MHD_destroy_response(static_answer);
  occ_server_free(server);
  occ_store_free(store);
  traffic_close(&world);
  return 0;
}
