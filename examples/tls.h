/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_TLS_H
#define EXAMPLES_TLS_H

/* TLS of the listener, and the client's certificate. It comes from the connection alone: a
 * Client-Cert header (RFC 9440) of whoever sends one is a header like any other, and nobody looks
 * at it. Behind a proxy that ends TLS a host would take it from there, and nowhere else. */

#include <jansson.h>
#include <microhttpd.h>

#include "occ/txn.h"

/* As MHD wants them: PEM texts. All NULL: no TLS. */
typedef struct as_tls {
  char *certificate, *key, *client_ca;
} as_tls;

/* config.tls: {"certificate","key","client_ca"}, names of files, or NULL. 1, or 0 after a message
 * on stderr. */
int tls_load(as_tls *out, const json_t *config);
void tls_clear(as_tls *tls);

/* Hands txn the certificate of the connection, if there is one. */
void tls_certificate(struct MHD_Connection *connection, occ_txn *txn);

#endif
