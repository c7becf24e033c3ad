/* SPDX-License-Identifier: MIT */
#ifndef OCC__X509_H
#define OCC__X509_H

/* One X.509 certificate, as far as it authenticates a client (RFC 8705): its subject, its alternative names, its public
 * key. No chain, no signature and no time is looked at: that is done by whoever ended the TLS connection. */

#include "jose/jwk.h"

/* Borrowed from the DER that was read. */
typedef struct occ_x509 {
  occ_span subject; /* a Name, with its tag and length */
  occ_span key;     /* what is in SubjectPublicKeyInfo */
  occ_span names;   /* what is in the extension subjectAltName; base NULL: there is none */
} occ_x509;

/* Kinds of subject alternative names (RFC 5280 section 4.2.1.6). */
typedef enum occ_x509_name {
  OCC__X509_DNS = 1,
  OCC__X509_URI = 2,
  OCC__X509_IP = 3,
  OCC__X509_EMAIL = 4
} occ_x509_name;

/* der is one certificate in DER and nothing behind it: OCC_OK, else OCC__REASON_CERTIFICATE_MALFORMED. */
int occ__x509_read(occ_x509 *out, occ_span der);

/* 1 or 0; whatever fails is a 0. dn: the subject as OpenSSL prints it by RFC 2253, octet for octet, not empty. One of more
 * than OCC__MAX_SUBJECT octets is nobody's. */
int occ__x509_has_subject(const occ_x509 *certificate, const char *dn);
/* Is value one of the names of that kind? Octet for octet, no wildcard has a meaning; addresses by their octets. */
int occ__x509_has_name(const occ_x509 *certificate, occ_x509_name kind, const char *value);
/* Its public key. OCC_OK; OCC__REASON_JOSE_KEY for one that occ__jwk_read() would not take; OCC_ERR_MEMORY,
 * OCC_ERR_CRYPTO. */
int occ__x509_key(occ_jwk *out, occ_workspace *ws, const occ_mem *mem, const occ_x509 *certificate);

#endif
