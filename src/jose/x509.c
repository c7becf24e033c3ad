/* SPDX-License-Identifier: MIT */

/* One X.509 certificate of a client. Called by core for clients that authenticate by TLS. What OpenSSL parses is compared
 * whole, by length and octets: no part of a name, no wildcard, no text that ends at a zero octet. Must never leave errors
 * in OpenSSL's queue. spec: RFC 8705 sections 2.1, 2.2; RFC 5280 section 4.2.1.6. */

#include "jose/x509.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "jose/curve.h"
#include "wire/json_out.h"

/* An occ_x509 is OpenSSL's object under another name, so that nobody else need see its headers. */
static X509 *own(occ_x509 *certificate)
{
  return (X509 *)(void *)certificate;
}

static const X509 *look(const occ_x509 *certificate)
{
  return (const X509 *)(const void *)certificate;
}

int occ__x509_read(occ_x509 **out, occ_span der)
{
  const unsigned char *at = der.base;
  X509 *made = NULL;

  *out = NULL;
  if (der.len == 0 || der.len > OCC__MAX_CERTIFICATE) {
    return OCC__REASON_CERTIFICATE_MALFORMED;
  }
  (void)ERR_set_mark();
  made = d2i_X509(NULL, &at, (long)der.len);
  (void)ERR_pop_to_mark();
  if (made == NULL || at != der.base + der.len) {
    X509_free(made);
    return OCC__REASON_CERTIFICATE_MALFORMED;
  }
  *out = (occ_x509 *)(void *)made;
  return OCC_OK;
}

void occ__x509_free(occ_x509 *certificate)
{
  X509_free(own(certificate));
}

int occ__x509_has_subject(const occ_x509 *certificate, const char *dn)
{
  const X509_NAME *name = X509_get_subject_name(look(certificate));
  BIO *text;
  char *printed = NULL;
  long len = 0;
  int same = 0;

  (void)ERR_set_mark();
  text = BIO_new(BIO_s_mem());
  if (text != NULL && name != NULL && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0) {
    len = BIO_get_mem_data(text, &printed);
  }
  if (len > 0) { /* who has no subject has none that could be registered */
    same = occ__span_is(occ__span(printed, (size_t)len), dn);
  }
  BIO_free(text);
  (void)ERR_pop_to_mark();
  return same;
}

/* Texts of names are IA5String: their octets as they are. */
static int is_text(const ASN1_IA5STRING *name, const char *value)
{
  const int len = ASN1_STRING_length(name);

  return len > 0 && occ__span_is(occ__span(ASN1_STRING_get0_data(name), (size_t)len), value);
}

static int is_address(const ASN1_OCTET_STRING *name, const char *value)
{
  ASN1_OCTET_STRING *address = a2i_IPADDRESS(value);
  int same = address != NULL && ASN1_OCTET_STRING_cmp(address, name) == 0;

  ASN1_OCTET_STRING_free(address);
  return same;
}

static int is_name(const GENERAL_NAME *name, occ_x509_name kind, const char *value)
{
  switch (kind) {
  case OCC__X509_DNS:
    return name->type == GEN_DNS && is_text(name->d.dNSName, value);
  case OCC__X509_URI:
    return name->type == GEN_URI && is_text(name->d.uniformResourceIdentifier, value);
  case OCC__X509_EMAIL:
    return name->type == GEN_EMAIL && is_text(name->d.rfc822Name, value);
  case OCC__X509_IP:
    return name->type == GEN_IPADD && is_address(name->d.iPAddress, value);
  }
  return 0;
}

int occ__x509_has_name(const occ_x509 *certificate, occ_x509_name kind, const char *value)
{
  GENERAL_NAMES *names;
  int found = 0;

  (void)ERR_set_mark();
  /* NULL where there is no such extension, or more than one. */
  names = X509_get_ext_d2i(look(certificate), NID_subject_alt_name, NULL, NULL);
  for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
    found = is_name(sk_GENERAL_NAME_value(names, i), kind, value);
  }
  GENERAL_NAMES_free(names);
  (void)ERR_pop_to_mark();
  return found;
}

/* A number of the key as base64url; len 0: as long as it is. 0: there is none, or it is too long. */
static int put_number(occ_buf *out, const char *member, const EVP_PKEY *key, const char *param,
                      size_t len)
{
  uint8_t octets[OCC__RSA_MAX_LEN];
  BIGNUM *number = NULL;
  int good = EVP_PKEY_get_bn_param(key, param, &number) == 1;

  if (good && len == 0) {
    len = (size_t)BN_num_bytes(number);
  }
  good = good && len <= sizeof(octets) && BN_bn2binpad(number, octets, (int)len) == (int)len;
  BN_free(number);
  if (good) {
    occ__json_name(out, member);
    occ__json_b64(out, occ__span(octets, len));
  }
  return good;
}

static int put_ec(occ_buf *out, const EVP_PKEY *key)
{
  static const struct {
    const char *group, *crv;
    occ_curve curve;
  } row[] = { { "prime256v1", "P-256", OCC__P256 },
              { "secp384r1", "P-384", OCC__P384 },
              { "secp521r1", "P-521", OCC__P521 } };
  char group[32];

  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) !=
      1) {
    return 0; /* parameters written out: whatever curve that is */
  }
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const size_t half = occ__curve_half(row[i].curve);

    if (strcmp(row[i].group, group) == 0) {
      occ__json_put_text(out, "kty", "EC");
      occ__json_put_text(out, "crv", row[i].crv);
      return put_number(out, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, half) &&
             put_number(out, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, half);
    }
  }
  return 0;
}

static int put_ed25519(occ_buf *out, const EVP_PKEY *key)
{
  uint8_t octets[OCC__ED25519_PUB_LEN];
  size_t len = sizeof(octets);

  if (EVP_PKEY_get_raw_public_key(key, octets, &len) != 1 || len != sizeof(octets)) {
    return 0;
  }
  occ__json_put_text(out, "kty", "OKP");
  occ__json_put_text(out, "crv", "Ed25519");
  occ__json_name(out, "x");
  occ__json_b64(out, occ__span(octets, len));
  return 1;
}

/* The key as a JWK, so that it is judged as every other key is, and has the same thumbprint. 0: none of ours. */
static int put_key(occ_buf *out, const EVP_PKEY *key)
{
  int good = 0;

  occ__json_open(out, '{');
  if (key != NULL && EVP_PKEY_is_a(key, "EC")) {
    good = put_ec(out, key);
  } else if (key != NULL && EVP_PKEY_is_a(key, "ED25519")) {
    good = put_ed25519(out, key);
  } else if (key != NULL && EVP_PKEY_is_a(key, "RSA")) {
    occ__json_put_text(out, "kty", "RSA");
    good = put_number(out, "n", key, OSSL_PKEY_PARAM_RSA_N, 0) &&
           put_number(out, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
  }
  occ__json_close(out, '}');
  return good;
}

int occ__x509_key(occ_jwk *out, occ_workspace *ws, const occ_mem *mem, const occ_x509 *certificate)
{
  occ_buf text;
  int good, rc;

  memset(out, 0, sizeof(*out));
  occ__buf_init(&text, mem, OCC__MAX_JWT);
  (void)ERR_set_mark();
  good = put_key(&text, X509_get0_pubkey(look(certificate)));
  (void)ERR_pop_to_mark();
  rc = good ? text.rc : OCC__REASON_JOSE_KEY;
  if (rc == OCC_OK) {
    rc = occ__jwk_read_text(out, ws, occ__span(text.base, text.len), 0);
  }
  occ__buf_clear(&text);
  return rc;
}
