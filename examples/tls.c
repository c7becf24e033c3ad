/* SPDX-License-Identifier: MIT */

/* See tls.h. libmicrohttpd asks for a client certificate where it has CAs to name; it requires
 * none and judges none, so self-signed ones come through. Whether the chain is good is said here,
 * whether the certificate is the client's is libocc's to say. */

#include "tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_FILE (256u * 1024u)

static char *read_file(const char *path)
{
  FILE *file = fopen(path, "r");
  char *text = file != NULL ? calloc(1, LONGEST_FILE + 1) : NULL;
  size_t len = text != NULL ? fread(text, 1, LONGEST_FILE, file) : 0;

  if (file != NULL) {
    (void)fclose(file);
  }
  if (len == 0 || strlen(text) != len) {
    free(text);
    text = NULL;
  }
  return text;
}

static int load(char **out, const json_t *config, const char *name)
{
  const char *path = json_string_value(json_object_get(config, name));

  *out = path != NULL ? read_file(path) : NULL;
  if (*out == NULL) {
    fprintf(stderr, "tls: \"%s\" must name a PEM file\n", name);
  }
  return *out != NULL;
}

int tls_load(as_tls *out, const json_t *config)
{
  return config == NULL ||
         (load(&out->certificate, config, "certificate") && load(&out->key, config, "key") &&
          (json_object_get(config, "client_ca") == NULL ||
           load(&out->client_ca, config, "client_ca")));
}

void tls_clear(as_tls *tls)
{
  if (tls->key != NULL) {
    OPENSSL_cleanse(tls->key, LONGEST_FILE);
  }
  free(tls->certificate);
  free(tls->key);
  free(tls->client_ca);
  *tls = (as_tls){ 0 };
}

/* Does the chain lead to client_ca, and is the certificate one for clients? */
static int chain_is_good(gnutls_session_t session)
{
  gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID };
  char oid[] = GNUTLS_KP_TLS_WWW_CLIENT;
  unsigned status = 0;

  purpose.data = (unsigned char *)oid;
  return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == GNUTLS_E_SUCCESS &&
         status == 0;
}

void tls_certificate(struct MHD_Connection *connection, occ_txn *txn)
{
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  gnutls_session_t session = info != NULL ? info->tls_session : NULL;
  const gnutls_datum_t *chain = NULL;
  unsigned count = 0;

  if (session == NULL) {
    return;
  }
  chain = gnutls_certificate_get_peers(session, &count);
  if (chain == NULL || count == 0) {
    return;
  }
  (void)occ_txn_set_certificate(txn, chain[0].data, chain[0].size); /* DER, the client's own */
  if (chain_is_good(session)) {
    (void)occ_txn_set(txn, "certificate_verified", "true");
  }
}
