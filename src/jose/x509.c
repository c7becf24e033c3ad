/* SPDX-License-Identifier: MIT */

/* One X.509 certificate of a client. Called by core for clients that authenticate by TLS. It is read here and not by
 * OpenSSL, which decodes the key and every name at once: 2 verifications of ES256 for an honest certificate, and 900 for
 * one with a curve of its own. What is compared is compared whole, by length and octets: no part of a name, no wildcard,
 * no text that ends at a zero octet. Must never leave errors in OpenSSL's queue. spec: RFC 8705 sections 2.1, 2.2; RFC
 * 5280 sections 4.1, 4.2.1.6; X.690 section 10. */

#include "jose/x509.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "jose/curve.h"
#include "wire/json_out.h"

/* Tags of DER (X.690 section 8.1.2). */
enum {
  BOOLEAN = 0x01,
  INTEGER = 0x02,
  BITS = 0x03,
  OCTETS = 0x04,
  NOTHING = 0x05,
  OBJECT = 0x06,
  SEQUENCE = 0x30,
  CONTEXT = 0x80, /* [0], of one octet string or the like */
  EXPLICIT = 0xa0 /* [0], around another element */
};

/* ---- DER ---- */

/* The next element of *in, which moves behind it. A length has one spelling; tags have one octet. 0: there is none. */
static int take_any(occ_span *in, unsigned *tag, occ_span *body)
{
  size_t at = 2, len = 0;

  if (in->len < 2 || (in->base[0] & 0x1fu) == 0x1fu) {
    return 0;
  }
  *tag = in->base[0];
  len = in->base[1];
  if (len >= 0x80) {
    const size_t octets = len & 0x7fu;

    if (octets < 1 || octets > 2 || in->len < 2 + octets) { /* OCC__MAX_CERTIFICATE takes two */
      return 0;
    }
    len = in->base[2];
    len = octets == 2 ? len << 8 | in->base[3] : len;
    at += octets;
    if (len < (octets == 2 ? 0x100u : 0x80u)) {
      return 0;
    }
  }
  if (in->len - at < len) {
    return 0;
  }
  *body = occ__span(in->base + at, len);
  *in = occ__span(in->base + at + len, in->len - at - len);
  return 1;
}

static int take(occ_span *in, unsigned tag, occ_span *body)
{
  occ_span before = *in;
  unsigned found;

  if (take_any(in, &found, body) && found == tag) {
    return 1;
  }
  *in = before;
  return 0;
}

static int is_object(occ_span id, const char *octets, size_t len)
{
  return occ__span_equal(id, occ__span(octets, len));
}

/* ---- The certificate ---- */

#define SUBJECT_ALT_NAME "\x55\x1d\x11" /* 2.5.29.17 */

/* SEQUENCE OF { id, critical, OCTET STRING }: a name that stands there twice could be read as either. */
static int read_extensions(occ_x509 *out, occ_span list)
{
  occ_span one, id, critical, value;

  while (list.len > 0) {
    if (!take(&list, SEQUENCE, &one) || !take(&one, OBJECT, &id)) {
      return 0;
    }
    (void)take(&one, BOOLEAN, &critical);
    if (!take(&one, OCTETS, &value) || one.len != 0) {
      return 0;
    }
    if (is_object(id, SUBJECT_ALT_NAME, 3)) {
      if (out->names.base != NULL) {
        return 0;
      }
      out->names = value;
    }
  }
  return 1;
}

/* spec: RFC 5280 section 4.1.2 */
static int read_signed(occ_x509 *out, occ_span in)
{
  occ_span version, skipped, extensions, list;
  const uint8_t *start;

  (void)take(&in, EXPLICIT | 0, &version);
  if (!take(&in, INTEGER, &skipped) || !take(&in, SEQUENCE, &skipped) ||  /* number, algorithm */
      !take(&in, SEQUENCE, &skipped) || !take(&in, SEQUENCE, &skipped)) { /* issuer, validity */
    return 0;
  }
  start = in.base;
  if (!take(&in, SEQUENCE, &skipped)) {
    return 0;
  }
  out->subject = occ__span(start, (size_t)(in.base - start));
  if (!take(&in, SEQUENCE, &out->key)) {
    return 0;
  }
  (void)take(&in, CONTEXT | 1, &skipped); /* unique identifiers */
  (void)take(&in, CONTEXT | 2, &skipped);
  if (take(&in, EXPLICIT | 3, &extensions) &&
      (!take(&extensions, SEQUENCE, &list) || extensions.len != 0 || !read_extensions(out, list))) {
    return 0;
  }
  return in.len == 0;
}

int occ__x509_read(occ_x509 *out, occ_span der)
{
  occ_span all, in_it, algorithm, signature;

  memset(out, 0, sizeof(*out));
  if (der.len <= OCC__MAX_CERTIFICATE && take(&der, SEQUENCE, &all) && der.len == 0 &&
      take(&all, SEQUENCE, &in_it) && take(&all, SEQUENCE, &algorithm) &&
      take(&all, BITS, &signature) && all.len == 0 && read_signed(out, in_it)) {
    return OCC_OK;
  }
  memset(out, 0, sizeof(*out));
  return OCC__REASON_CERTIFICATE_MALFORMED;
}

/* ---- Its names ---- */

/* OpenSSL knows the fields and the kinds of text. It allocates for each, hence the limit. */
int occ__x509_has_subject(const occ_x509 *certificate, const char *dn)
{
  const occ_span subject = certificate->subject;
  const unsigned char *at = subject.base;
  X509_NAME *name = NULL;
  BIO *text = NULL;
  char *printed = NULL;
  long len = 0;
  int same = 0;

  if (subject.len > OCC__MAX_SUBJECT) {
    return 0;
  }
  (void)ERR_set_mark();
  name = d2i_X509_NAME(NULL, &at, (long)subject.len);
  text = BIO_new(BIO_s_mem());
  if (text != NULL && name != NULL && at == subject.base + subject.len &&
      X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0) {
    len = BIO_get_mem_data(text, &printed);
  }
  if (len > 0) { /* who has no subject has none that could be registered */
    same = occ__span_is(occ__span(printed, (size_t)len), dn);
  }
  BIO_free(text);
  X509_NAME_free(name);
  (void)ERR_pop_to_mark();
  return same;
}

/* Is it there, in a list that is well-formed to its end? spec: RFC 5280 section 4.2.1.6 */
static int is_listed(occ_span names, unsigned tag, occ_span value)
{
  occ_span list, name;
  unsigned kind;
  int found = 0;

  if (value.len == 0 || !take(&names, SEQUENCE, &list) || names.len != 0) {
    return 0;
  }
  while (list.len > 0) {
    if (!take_any(&list, &kind, &name) || (kind & 0xc0u) != CONTEXT) {
      return 0;
    }
    found |= kind == tag && occ__span_equal(name, value);
  }
  return found;
}

static int is_address_listed(occ_span names, const char *value)
{
  ASN1_OCTET_STRING *address;
  int found = 0;

  (void)ERR_set_mark();
  address = a2i_IPADDRESS(value);
  if (address != NULL) {
    found =
        is_listed(names, CONTEXT | 7,
                  occ__span(ASN1_STRING_get0_data(address), (size_t)ASN1_STRING_length(address)));
  }
  ASN1_OCTET_STRING_free(address);
  (void)ERR_pop_to_mark();
  return found;
}

int occ__x509_has_name(const occ_x509 *certificate, occ_x509_name kind, const char *value)
{
  const occ_span names = certificate->names, text = occ__span_text(value);

  switch (kind) { /* texts are IA5String: their octets as they are */
  case OCC__X509_DNS:
    return is_listed(names, CONTEXT | 2, text);
  case OCC__X509_URI:
    return is_listed(names, CONTEXT | 6, text);
  case OCC__X509_EMAIL:
    return is_listed(names, CONTEXT | 1, text);
  case OCC__X509_IP:
    return is_address_listed(names, value);
  }
  return 0;
}

/* ---- Its key ---- */

static void put_octets(occ_buf *out, const char *member, occ_span octets)
{
  occ__json_name(out, member);
  occ__json_b64(out, octets);
}

/* spec: RFC 5480 sections 2.1.1, 2.2: a curve by its name, a point in full. Parameters that are written out, and points
 * that have to be computed, are nobody's here. */
static int put_ec(occ_buf *out, occ_span parameters, occ_span point)
{
  static const struct {
    const char *id, *crv;
    size_t id_len;
    occ_curve curve;
  } row[] = { { "\x2a\x86\x48\xce\x3d\x03\x01\x07", "P-256", 8, OCC__P256 },
              { "\x2b\x81\x04\x00\x22", "P-384", 5, OCC__P384 },
              { "\x2b\x81\x04\x00\x23", "P-521", 5, OCC__P521 } };
  occ_span id;

  if (!take(&parameters, OBJECT, &id) || parameters.len != 0) {
    return 0;
  }
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    const size_t half = occ__curve_half(row[i].curve);

    if (is_object(id, row[i].id, row[i].id_len) && point.len == 1 + 2 * half &&
        point.base[0] == 0x04) {
      occ__json_put_text(out, "kty", "EC");
      occ__json_put_text(out, "crv", row[i].crv);
      put_octets(out, "x", occ__span(point.base + 1, half));
      put_octets(out, "y", occ__span(point.base + 1 + half, half));
      return 1;
    }
  }
  return 0;
}

/* spec: RFC 8410 section 3 */
static int put_ed25519(occ_buf *out, occ_span parameters, occ_span point)
{
  if (parameters.len != 0 || point.len != OCC__ED25519_PUB_LEN) {
    return 0;
  }
  occ__json_put_text(out, "kty", "OKP");
  occ__json_put_text(out, "crv", "Ed25519");
  put_octets(out, "x", point);
  return 1;
}

/* A positive INTEGER without the octet of its sign. */
static int take_number(occ_span *in, size_t most, occ_span *number)
{
  if (!take(in, INTEGER, number) || number->len == 0 || (number->base[0] & 0x80u) != 0) {
    return 0;
  }
  if (number->base[0] == 0) {
    *number = occ__span(number->base + 1, number->len - 1);
  }
  return number->len > 0 && number->len <= most;
}

/* spec: RFC 3279 section 2.3.1 */
static int put_rsa(occ_buf *out, occ_span parameters, occ_span octets)
{
  occ_span nothing, both, n, e;

  if (!take(&parameters, NOTHING, &nothing) || nothing.len != 0 || parameters.len != 0 ||
      !take(&octets, SEQUENCE, &both) || octets.len != 0 ||
      !take_number(&both, OCC__RSA_MAX_LEN, &n) || !take_number(&both, OCC__MAX_RSA_E_LEN, &e) ||
      both.len != 0) {
    return 0;
  }
  occ__json_put_text(out, "kty", "RSA");
  put_octets(out, "n", n);
  put_octets(out, "e", e);
  return 1;
}

/* The key as a JWK, so that it is judged as every other key is, and has the same thumbprint. 0: none of ours. spec: RFC
 * 5280 section 4.1.2.7 */
static int put_key(occ_buf *out, occ_span info)
{
  occ_span algorithm, id, bits;
  int good = 0;

  if (!take(&info, SEQUENCE, &algorithm) || !take(&algorithm, OBJECT, &id) ||
      !take(&info, BITS, &bits) || info.len != 0 || bits.len < 1 || bits.base[0] != 0) {
    return 0;
  }
  bits = occ__span(bits.base + 1, bits.len - 1); /* behind the number of bits that do not count */
  occ__json_open(out, '{');
  if (is_object(id, "\x2a\x86\x48\xce\x3d\x02\x01", 7)) {
    good = put_ec(out, algorithm, bits);
  } else if (is_object(id, "\x2b\x65\x70", 3)) {
    good = put_ed25519(out, algorithm, bits);
  } else if (is_object(id, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)) {
    good = put_rsa(out, algorithm, bits);
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
  good = put_key(&text, certificate->key);
  rc = good ? text.rc : OCC__REASON_JOSE_KEY;
  if (rc == OCC_OK) {
    rc = occ__jwk_read_text(out, ws, occ__span(text.base, text.len), 0);
  }
  occ__buf_clear(&text);
  return rc;
}
