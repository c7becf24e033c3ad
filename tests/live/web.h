/* SPDX-License-Identifier: MIT */
#ifndef WEB_H
#define WEB_H

/* The web that the fetcher sees, on loopback alone: a TLS server on 127.0.0.2 with certificates of a CA that is made when
 * the test runs, and a canary on 127.0.0.1 with the same port, which nobody may ever connect to. What the server does is
 * the test's, connection by connection. What goes wrong in here ends the program. Nothing waits longer than WEB_PATIENCE. */

#include <openssl/ssl.h>
#include <stddef.h>

#define WEB_HOST        "app.example.org" /* in the good certificate, with WEB_OTHER_HOST */
#define WEB_OTHER_HOST  "keys.example.org"
#define WEB_PATIENCE_MS 10000

typedef enum web_tls {
  WEB_TLS,
  WEB_EXPIRED,
  WEB_SELF_SIGNED,
  WEB_WRONG_NAME,
  WEB_OTHER_CA,
  WEB_TLS_1_1, /* speaks nothing newer */
  WEB_ONLY_H2, /* takes no protocol but h2 */
  WEB_NO_TLS   /* takes the connection, and never says a word */
} web_tls;

typedef struct web web;

typedef struct web_conn {
  web *web;
  int fd;
  SSL *ssl;
  char request[8192]; /* NUL-terminated */
} web_conn;

/* Answers one request; the connection is closed behind it. */
typedef void (*web_serve)(web_conn *c, const void *data);

web *web_open(void);
void web_close(web *w); /* when all connections are over */
void web_behave(web *w, web_tls tls, web_serve serve, const void *data);
unsigned web_port(const web *w);
const char *web_ca(const web *w); /* PEM */
/* Since web_behave(). */
unsigned web_connections(web *w);
unsigned web_requests(web *w);
void web_wait_requests(web *w, unsigned count);
void web_wait_idle(web *w);                       /* no connection is left */
int web_canary_is_quiet(web *w);                  /* nobody has connected to 127.0.0.1, ever */
void web_request(web *w, char *out, size_t size); /* the last one */

/* For web_serve. 0: the peer is gone. */
int web_send(web_conn *c, const void *data, size_t len);
int web_say(web_conn *c, const char *text);
int web_pause(web_conn *c, int ms); /* 0 as soon as the peer is gone */
void web_hold(web_conn *c);         /* says nothing until the peer is gone, or web_release() */
void web_release(web *w);
void web_reset(web_conn *c); /* RST instead of FIN */
/* A document for the URL of the request, its length in len; borrowed by the connection's thread. */
const char *web_document(const web_conn *c, size_t *len);
void web_good(web_conn *c,
              const void *data); /* 200 with that document; data: more header lines or NULL */

long long web_clock_ms(void);

#endif
