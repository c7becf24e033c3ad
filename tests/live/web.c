/* SPDX-License-Identifier: MIT */

/* See web.h. A thread that accepts, and one for each connection. */

#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MUST(x)                                                                                    \
  do {                                                                                             \
    if (!(x)) {                                                                                    \
      fprintf(stderr, "web.c:%d: %s: errno %d\n", __LINE__, #x, errno);                            \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

typedef struct identity {
  X509 *cert;
  EVP_PKEY *key;
} identity;

struct web {
  int listener, canary;
  unsigned port;
  identity ca, other_ca, leaf[WEB_OTHER_CA + 1];
  char *pem;
  pthread_t acceptor;
  pthread_mutex_t lock;
  pthread_cond_t change;
  int closing;
  unsigned active, connections, requests, released;
  web_tls tls;
  web_serve serve;
  const void *data;
  char request[8192];
};

long long web_clock_ms(void)
{
  struct timespec now;

  MUST(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Certificates ---- */

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX ctx;
  X509_EXTENSION *extension;

  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  MUST(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/* names: alternative names; NULL: a CA. issuer NULL: signed by itself. */
static identity make_identity(const char *name, const char *names, const identity *issuer,
                              long from, long until)
{
  identity out = { X509_new(), EVP_EC_gen("P-256") };
  const identity *by = issuer == NULL ? &out : issuer;
  X509_NAME *subject = X509_NAME_new();
  static long serial = 1;

  MUST(out.cert != NULL && out.key != NULL && subject != NULL);
  MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                                  0) == 1);
  MUST(X509_set_version(out.cert, 2) == 1);
  MUST(ASN1_INTEGER_set(X509_get_serialNumber(out.cert), serial++) == 1);
  MUST(X509_gmtime_adj(X509_getm_notBefore(out.cert), from) != NULL);
  MUST(X509_gmtime_adj(X509_getm_notAfter(out.cert), until) != NULL);
  MUST(X509_set_subject_name(out.cert, subject) == 1);
  MUST(X509_set_issuer_name(out.cert, issuer == NULL ? subject : X509_get_subject_name(by->cert)));
  MUST(X509_set_pubkey(out.cert, out.key) == 1);
  if (names == NULL) {
    add_extension(out.cert, by->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(out.cert, by->cert, NID_key_usage, "critical,keyCertSign");
  } else {
    add_extension(out.cert, by->cert, NID_subject_alt_name, names);
  }
  MUST(X509_sign(out.cert, by->key, EVP_sha256()) > 0);
  X509_NAME_free(subject);
  return out;
}

static void make_identities(web *w)
{
  static const char names[] = "DNS:" WEB_HOST ",DNS:" WEB_OTHER_HOST;
  const long day = 86400;
  BIO *bio = BIO_new(BIO_s_mem());
  char *text;
  long len;

  w->ca = make_identity("test CA", NULL, NULL, -day, day);
  w->other_ca = make_identity("another CA", NULL, NULL, -day, day);
  w->leaf[WEB_TLS] = make_identity(WEB_HOST, names, &w->ca, -day, day);
  w->leaf[WEB_EXPIRED] = make_identity(WEB_HOST, names, &w->ca, -2 * day, -day);
  w->leaf[WEB_SELF_SIGNED] = make_identity(WEB_HOST, names, NULL, -day, day);
  w->leaf[WEB_WRONG_NAME] = make_identity(WEB_HOST, "DNS:www.example.net", &w->ca, -day, day);
  w->leaf[WEB_OTHER_CA] = make_identity(WEB_HOST, names, &w->other_ca, -day, day);
  MUST(bio != NULL && PEM_write_bio_X509(bio, w->ca.cert) == 1);
  len = BIO_get_mem_data(bio, &text);
  w->pem = calloc(1, (size_t)len + 1);
  MUST(w->pem != NULL);
  memcpy(w->pem, text, (size_t)len);
  BIO_free(bio);
}

static void free_identity(identity *id)
{
  X509_free(id->cert);
  EVP_PKEY_free(id->key);
}

/* ---- One connection ---- */

static int only_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
  static const unsigned char h2[] = { 2, 'h', '2' };
  unsigned char *chosen = NULL;

  (void)ssl;
  (void)arg;
  if (SSL_select_next_proto(&chosen, out_len, h2, sizeof(h2), in, in_len) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_ctx(web *w, web_tls tls)
{
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  const identity *id = &w->leaf[tls <= WEB_OTHER_CA ? tls : WEB_TLS];

  MUST(ctx != NULL && SSL_CTX_use_certificate(ctx, id->cert) == 1);
  MUST(SSL_CTX_use_PrivateKey(ctx, id->key) == 1);
  if (tls == WEB_TLS_1_1) {
    MUST(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0") == 1);
    MUST(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1);
    MUST(SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION) == 1);
  }
  if (tls == WEB_ONLY_H2) {
    SSL_CTX_set_alpn_select_cb(ctx, only_h2, NULL);
  }
  return ctx;
}

/* Head and body. */
static int is_whole(const char *request)
{
  const char *end = strstr(request, "\r\n\r\n");
  const char *length = strstr(request, "\r\nContent-Length: ");

  return end != NULL &&
         (length == NULL || length > end || strlen(end + 4) >= strtoul(length + 18, NULL, 10));
}

/* 0: the peer is gone, or there was no whole request. */
static int read_request(web_conn *c)
{
  size_t len = 0, got = 0;

  while (len < sizeof(c->request) - 1 && !is_whole(c->request)) {
    if (SSL_read_ex(c->ssl, c->request + len, sizeof(c->request) - 1 - len, &got) != 1) {
      return 0;
    }
    len += got;
    c->request[len] = '\0';
  }
  return 1;
}

static void serve(web_conn *c, web_tls tls, web_serve how, const void *data)
{
  web *w = c->web;
  SSL_CTX *ctx = NULL;

  if (tls == WEB_NO_TLS) {
    web_hold(c);
    return;
  }
  ctx = make_ctx(w, tls);
  c->ssl = SSL_new(ctx);
  MUST(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
  if (SSL_accept(c->ssl) == 1 && read_request(c)) {
    MUST(pthread_mutex_lock(&w->lock) == 0);
    w->requests++;
    memcpy(w->request, c->request, sizeof(w->request));
    MUST(pthread_cond_broadcast(&w->change) == 0);
    MUST(pthread_mutex_unlock(&w->lock) == 0);
    how(c, data);
    (void)SSL_shutdown(c->ssl);
  }
  ERR_clear_error();
  SSL_free(c->ssl);
  SSL_CTX_free(ctx);
}

static void *on_connection(void *arg)
{
  web_conn *c = arg;
  web *w = c->web;
  web_tls tls;
  web_serve how;
  const void *data;

  MUST(pthread_mutex_lock(&w->lock) == 0);
  tls = w->tls;
  how = w->serve;
  data = w->data;
  MUST(pthread_mutex_unlock(&w->lock) == 0);
  serve(c, tls, how, data);
  MUST(close(c->fd) == 0);
  free(c);
  MUST(pthread_mutex_lock(&w->lock) == 0);
  w->active--;
  MUST(pthread_cond_broadcast(&w->change) == 0);
  MUST(pthread_mutex_unlock(&w->lock) == 0);
  return NULL;
}

static void start_connection(web *w, int fd)
{
  const struct timeval patience = { WEB_PATIENCE_MS / 1000, 0 };
  web_conn *c = calloc(1, sizeof(*c));
  pthread_attr_t attr;
  pthread_t thread;

  MUST(c != NULL);
  MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
  MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
  c->web = w;
  c->fd = fd;
  MUST(pthread_mutex_lock(&w->lock) == 0);
  w->active++;
  w->connections++;
  MUST(pthread_cond_broadcast(&w->change) == 0);
  MUST(pthread_mutex_unlock(&w->lock) == 0);
  MUST(pthread_attr_init(&attr) == 0);
  MUST(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
  MUST(pthread_create(&thread, &attr, on_connection, c) == 0);
  MUST(pthread_attr_destroy(&attr) == 0);
}

static void *accept_all(void *arg)
{
  web *w = arg;
  int fd;

  while ((fd = accept(w->listener, NULL, NULL)) >= 0) {
    start_connection(w, fd);
  }
  return NULL; /* web_close() has shut it down */
}

/* ---- Its life ---- */

static int listen_on(uint32_t host, unsigned port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  MUST(fd >= 0);
  address.sin_addr.s_addr = htonl(host);
  if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 128) != 0) {
    MUST(close(fd) == 0);
    return -1;
  }
  return fd;
}

/* Both on one port, whichever is free on both. */
static void open_sockets(web *w)
{
  struct sockaddr_in address;
  socklen_t len = sizeof(address);

  w->canary = -1;
  for (int i = 0; i < 50 && w->canary < 0; i++) {
    w->listener = listen_on(0x7f000002, 0);
    MUST(w->listener >= 0);
    MUST(getsockname(w->listener, (struct sockaddr *)&address, &len) == 0);
    w->port = ntohs(address.sin_port);
    w->canary = listen_on(0x7f000001, w->port);
    if (w->canary < 0) {
      MUST(close(w->listener) == 0);
    }
  }
  MUST(w->canary >= 0);
  MUST(fcntl(w->canary, F_SETFL, O_NONBLOCK) == 0);
}

web *web_open(void)
{
  web *w = calloc(1, sizeof(*w));
  pthread_condattr_t attr;

  MUST(w != NULL);
  MUST(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  make_identities(w);
  open_sockets(w);
  MUST(pthread_mutex_init(&w->lock, NULL) == 0);
  MUST(pthread_condattr_init(&attr) == 0);
  MUST(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
  MUST(pthread_cond_init(&w->change, &attr) == 0);
  MUST(pthread_condattr_destroy(&attr) == 0);
  w->serve = web_good;
  MUST(pthread_create(&w->acceptor, NULL, accept_all, w) == 0);
  return w;
}

void web_close(web *w)
{
  web_wait_idle(w);
  MUST(shutdown(w->listener, SHUT_RDWR) == 0);
  MUST(pthread_join(w->acceptor, NULL) == 0);
  MUST(close(w->listener) == 0);
  MUST(close(w->canary) == 0);
  free_identity(&w->ca);
  free_identity(&w->other_ca);
  for (size_t i = 0; i < sizeof(w->leaf) / sizeof(w->leaf[0]); i++) {
    free_identity(&w->leaf[i]);
  }
  free(w->pem);
  (void)pthread_mutex_destroy(&w->lock);
  (void)pthread_cond_destroy(&w->change);
  free(w);
}

/* ---- What the test sees ---- */

/* Until *value is at least count; or exactly 0 where count is 0. Locked. */
static void wait_for(web *w, const unsigned *value, unsigned count)
{
  struct timespec until;

  MUST(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
  until.tv_sec += 2 * WEB_PATIENCE_MS / 1000;
  while (count == 0 ? *value != 0 : *value < count) {
    MUST(pthread_cond_timedwait(&w->change, &w->lock, &until) == 0);
  }
}

void web_behave(web *w, web_tls tls, web_serve how, const void *data)
{
  MUST(pthread_mutex_lock(&w->lock) == 0);
  wait_for(w, &w->active, 0);
  w->tls = tls;
  w->serve = how;
  w->data = data;
  w->connections = w->requests = w->released = 0;
  w->request[0] = '\0';
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

unsigned web_port(const web *w)
{
  return w->port;
}

const char *web_ca(const web *w)
{
  return w->pem;
}

static unsigned get(web *w, const unsigned *value)
{
  unsigned out;

  MUST(pthread_mutex_lock(&w->lock) == 0);
  out = *value;
  MUST(pthread_mutex_unlock(&w->lock) == 0);
  return out;
}

unsigned web_connections(web *w)
{
  return get(w, &w->connections);
}

unsigned web_requests(web *w)
{
  return get(w, &w->requests);
}

void web_wait_requests(web *w, unsigned count)
{
  MUST(pthread_mutex_lock(&w->lock) == 0);
  wait_for(w, &w->requests, count);
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

void web_wait_idle(web *w)
{
  MUST(pthread_mutex_lock(&w->lock) == 0);
  wait_for(w, &w->active, 0);
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

/* Whoever had connected would still be in the queue. */
int web_canary_is_quiet(web *w)
{
  const int fd = accept(w->canary, NULL, NULL);

  if (fd < 0) {
    MUST(errno == EAGAIN);
    return 1;
  }
  MUST(close(fd) == 0);
  return 0;
}

void web_request(web *w, char *out, size_t size)
{
  MUST(pthread_mutex_lock(&w->lock) == 0);
  (void)snprintf(out, size, "%s", w->request);
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

/* ---- For web_serve ---- */

int web_send(web_conn *c, const void *data, size_t len)
{
  size_t sent = 0;

  return SSL_write_ex(c->ssl, data, len, &sent) == 1 && sent == len;
}

int web_say(web_conn *c, const char *text)
{
  return web_send(c, text, strlen(text));
}

/* What the peer sends now is its good-bye. */
static int wait_for_peer(web_conn *c, int ms)
{
  struct pollfd fd = { .fd = c->fd, .events = POLLIN | POLLRDHUP };

  return poll(&fd, 1, ms) == 0;
}

int web_pause(web_conn *c, int ms)
{
  return wait_for_peer(c, ms);
}

void web_hold(web_conn *c)
{
  const long long until = web_clock_ms() + WEB_PATIENCE_MS;
  char octet[512];

  while (web_clock_ms() < until && get(c->web, &c->web->released) == 0) {
    if (!wait_for_peer(c, 20) && read(c->fd, octet, sizeof(octet)) <= 0) {
      return; /* before that: the beginning of its handshake, or of its good-bye */
    }
  }
}

void web_release(web *w)
{
  MUST(pthread_mutex_lock(&w->lock) == 0);
  w->released = 1;
  MUST(pthread_mutex_unlock(&w->lock) == 0);
}

void web_reset(web_conn *c)
{
  const struct linger at_once = { 1, 0 };

  MUST(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
  SSL_set_quiet_shutdown(c->ssl, 1);
}

const char *web_document(const web_conn *c, size_t *len)
{
  static _Thread_local char text[2048];
  char path[512] = "", host[256] = "";
  const char *line = strstr(c->request, "\r\nHost: ");

  MUST(sscanf(c->request, "GET %511s", path) == 1);
  MUST(line != NULL && sscanf(line + 8, "%255s", host) == 1);
  *len =
      (size_t)snprintf(text, sizeof(text),
                       "{\"client_id\":\"https://%s%s\",\"grant_types\":[\"urn:x\"]}", host, path);
  return text;
}

void web_good(web_conn *c, const void *data)
{
  char head[1024];
  size_t len;
  const char *body = web_document(c, &len);

  (void)snprintf(
      head, sizeof(head),
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
      data == NULL ? "" : (const char *)data, len);
  (void)(web_say(c, head) && web_send(c, body, len));
}
