/* SPDX-License-Identifier: MIT */

/* Certificates as far as they authenticate clients: what is one, which names it has, which key. They are made by OpenSSL
 * alone (tests/support/test_keys.c); thumbprints of the keys come from another implementation. */

#include "jose/x509.h"

#include "jose_test.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdbool.h>

#define MALFORMED OCC__REASON_CERTIFICATE_MALFORMED

static occ_workspace *ws;

static const char *const agent[] = { "C", "DE", "O", "Example, Inc.", "CN", "agent-7", NULL };

/* OpenSSL's allocation number ssl_until fails. */
static size_t ssl_until = SIZE_MAX, ssl_count;
static bool ssl_failed;

static bool ssl_fails(void)
{
  if (ssl_until == SIZE_MAX || ssl_count++ < ssl_until) {
    return false;
  }
  ssl_failed = true;
  return true;
}

static void *ssl_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return ssl_fails() ? NULL : malloc(size);
}

static void *ssl_realloc(void *memory, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return ssl_fails() ? NULL : realloc(memory, size);
}

static void ssl_free(void *memory, const char *file, int line)
{
  (void)file;
  (void)line;
  free(memory);
}

static int setup(void **state)
{
  (void)state;
  return occ__workspace_new(&ws, &occ__mem_libc);
}

static int teardown(void **state)
{
  (void)state;
  occ__workspace_free(ws);
  return 0;
}

/* A certificate and the octets that it is borrowed from. */
typedef struct made {
  uint8_t *der;
  size_t len;
  occ_x509 it;
} made;

static made certificate_of(const char *key, const char *const *subject, const char *names)
{
  made out = { NULL, 0, { .subject = { NULL, 0 } } };

  out.der = test_certificate(&out.len, key, subject, names);
  assert_int_equal(occ__x509_read(&out.it, occ__span(out.der, out.len)), OCC_OK);
  return out;
}

static made certificate_with(const char *const *subject, const char *names)
{
  return certificate_of(TEST_CLIENT_A_PRIVATE, subject, names);
}

/* An exact block, so that reading past it is seen. */
static int read_block(const uint8_t *octets, size_t len)
{
  uint8_t *block = malloc(len == 0 ? 1 : len);
  occ_x509 out;
  int rc;

  assert_non_null(block);
  memcpy(block, octets, len);
  rc = occ__x509_read(&out, occ__span(block, len));
  assert_true((rc == OCC_OK) == (out.subject.base != NULL));
  free(block);
  assert_int_equal(ERR_peek_error(), 0);
  return rc;
}

static void test_x509_read__takes_one_and_nothing_else(void **state)
{
  static const char pem[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, agent, NULL), *twice;
  (void)state;

  assert_int_equal(read_block(der, len), OCC_OK);
  assert_int_equal(read_block(der, 0), MALFORMED);
  for (size_t cut = 1; cut < len; cut++) { /* at every octet */
    assert_int_equal(read_block(der, cut), MALFORMED);
  }
  twice = malloc(2 * len);
  assert_non_null(twice);
  memcpy(twice, der, len);
  memcpy(twice + len, der, len);
  assert_int_equal(read_block(twice, len + 1), MALFORMED); /* N-MTLS-08 */
  assert_int_equal(read_block(twice, 2 * len), MALFORMED);
  free(twice);
  assert_int_equal(read_block((const uint8_t *)pem, sizeof(pem) - 1), MALFORMED); /* N-MTLS-07 */
  assert_int_equal(read_block((const uint8_t *)"\x30\x00", 2), MALFORMED);
  assert_int_equal(read_block((const uint8_t *)"\x30\x03\x02\x01\x01", 5), MALFORMED);
  free(der);
}

/* Names of several lengths bring it to the limit, to the octet. */
static void test_x509_read__has_a_limit(void **state)
{
  static char names[2 * OCC__MAX_CERTIFICATE];
  size_t body = OCC__MAX_CERTIFICATE - 400, len = 0;
  (void)state;

  for (int tries = 0; len != OCC__MAX_CERTIFICATE + 1 && tries < 400; tries++, body++) {
    uint8_t *der;

    memcpy(names, "URI:", 4);
    memset(names + 4, 'a', body);
    names[4 + body] = '\0';
    der =
        test_certificate(&len, TEST_ISSUER_ED_PRIVATE, agent, names); /* signatures of one length */
    if (len + 1 >= OCC__MAX_CERTIFICATE && len <= OCC__MAX_CERTIFICATE + 1) {
      assert_int_equal(read_block(der, len), len > OCC__MAX_CERTIFICATE ? MALFORMED : OCC_OK);
    }
    free(der);
  }
  assert_int_equal(len, OCC__MAX_CERTIFICATE + 1);
}

static void test_x509_has_subject__is_exact(void **state)
{
  static const struct {
    const char *why, *dn;
    int want;
  } row[] = {
    { "RFC 2253, last RDN first", "CN=agent-7,O=Example\\, Inc.,C=DE", 1 },
    { "N-MTLS-04 a blank behind the comma", "CN=agent-7, O=Example\\, Inc., C=DE", 0 },
    { "N-MTLS-04 quotes in the place of the escape", "CN=agent-7,O=\"Example, Inc.\",C=DE", 0 },
    { "N-MTLS-04 escaped in hexadecimal", "CN=agent-7,O=Example\\2C Inc.,C=DE", 0 },
    { "N-MTLS-04 no escape", "CN=agent-7,O=Example, Inc.,C=DE", 0 },
    { "N-MTLS-04 the other order", "C=DE,O=Example\\, Inc.,CN=agent-7", 0 },
    { "N-MTLS-04 OpenSSL's old notation", "/C=DE/O=Example, Inc./CN=agent-7", 0 },
    { "N-MTLS-04 field in lower case", "cn=agent-7,o=Example\\, Inc.,c=DE", 0 },
    { "N-MTLS-04 value in capitals", "CN=AGENT-7,O=Example\\, Inc.,C=DE", 0 },
    { "N-MTLS-04 field by its number", "2.5.4.3=agent-7,O=Example\\, Inc.,C=DE", 0 },
    { "N-MTLS-03 its beginning", "CN=agent-7", 0 },
    { "N-MTLS-03 its end", "O=Example\\, Inc.,C=DE", 0 },
    { "N-MTLS-03 all but the last character", "CN=agent-7,O=Example\\, Inc.,C=D", 0 },
    { "N-MTLS-03 one character more", "CN=agent-7,O=Example\\, Inc.,C=DE ", 0 },
    { "N-MTLS-03 wildcard", "*", 0 },
    { "empty", "", 0 },
  };
  made certificate = certificate_with(agent, NULL);
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, occ__x509_has_subject(&certificate.it, row[i].dn), row[i].want);
  }
  free(certificate.der);
}

static void test_x509_has_subject__of_strange_names(void **state)
{
  static const char *const umlaut[] = { "CN", "M\xc3\xbcller", NULL };
  static const char *const tricky[] = { "CN", "a,O=Bank", NULL };
  static const char *const none[] = { NULL };
  made certificate = certificate_with(umlaut, NULL);
  (void)state;

  assert_int_equal(occ__x509_has_subject(&certificate.it, "CN=M\\C3\\BCller"), 1);
  assert_int_equal(occ__x509_has_subject(&certificate.it, "CN=M\xc3\xbcller"), 0);
  free(certificate.der);
  certificate = certificate_with(tricky, NULL); /* one value that looks like two */
  assert_int_equal(occ__x509_has_subject(&certificate.it, "CN=a,O=Bank"), 0);
  assert_int_equal(occ__x509_has_subject(&certificate.it, "CN=a\\,O=Bank"), 1);
  free(certificate.der);
  certificate = certificate_with(none, "DNS:a.example");
  assert_int_equal(occ__x509_has_subject(&certificate.it, ""), 0);
  free(certificate.der);
}

static void test_x509_has_name__is_exact(void **state)
{
  static const char names[] = "DNS:agent.example,DNS:*.wild.example,URI:https://agent.example/"
                              "7,IP:192.0.2.7,IP:2001:db8::7,"
                              "email:agent@example.org,DNS:second.example";
  static const struct {
    const char *why;
    occ_x509_name kind;
    const char *value;
    int want;
  } row[] = {
    { "DNS", OCC__X509_DNS, "agent.example", 1 },
    { "DNS, not the first", OCC__X509_DNS, "second.example", 1 },
    { "N-MTLS-03 substring at the end", OCC__X509_DNS, "example", 0 },
    { "N-MTLS-03 substring at the beginning", OCC__X509_DNS, "agent.exampl", 0 },
    { "N-MTLS-03 longer", OCC__X509_DNS, "agent.example.", 0 },
    { "N-MTLS-03 subdomain", OCC__X509_DNS, "www.agent.example", 0 },
    { "N-MTLS-03 what the certificate's wildcard would cover", OCC__X509_DNS, "a.wild.example", 0 },
    { "N-MTLS-03 a registered wildcard", OCC__X509_DNS, "*.example", 0 },
    { "DNS in capitals", OCC__X509_DNS, "AGENT.example", 0 },
    { "the subject's CN is no name", OCC__X509_DNS, "agent-7", 0 },
    { "empty", OCC__X509_DNS, "", 0 },
    { "URI", OCC__X509_URI, "https://agent.example/7", 1 },
    { "N-MTLS-03 URI, its beginning", OCC__X509_URI, "https://agent.example/", 0 },
    { "URI with another spelling", OCC__X509_URI, "HTTPS://agent.example/7", 0 },
    { "URI as DNS", OCC__X509_DNS, "https://agent.example/7", 0 },
    { "DNS as URI", OCC__X509_URI, "agent.example", 0 },
    { "IPv4", OCC__X509_IP, "192.0.2.7", 1 },
    { "another IPv4", OCC__X509_IP, "192.0.2.8", 0 },
    { "N-MTLS-03 IPv4 cut", OCC__X509_IP, "192.0.2", 0 },
    { "IPv4 as DNS", OCC__X509_DNS, "192.0.2.7", 0 },
    { "IPv6", OCC__X509_IP, "2001:db8::7", 1 },
    { "the same IPv6 in full", OCC__X509_IP, "2001:0DB8:0:0:0:0:0:7", 1 },
    { "another IPv6", OCC__X509_IP, "2001:db8::8", 0 },
    { "IPv4 mapped to IPv6", OCC__X509_IP, "::ffff:192.0.2.7", 0 },
    { "no address", OCC__X509_IP, "agent.example", 0 },
    { "empty address", OCC__X509_IP, "", 0 },
    { "email", OCC__X509_EMAIL, "agent@example.org", 1 },
    { "N-MTLS-03 email, the host alone", OCC__X509_EMAIL, "example.org", 0 },
    { "email in capitals", OCC__X509_EMAIL, "Agent@example.org", 0 },
    { "no such kind", (occ_x509_name)9, "agent.example", 0 },
  };
  made certificate = certificate_with(agent, names), bare = certificate_with(agent, NULL);
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, occ__x509_has_name(&certificate.it, row[i].kind, row[i].value),
             row[i].want);
    check_rc("none at all", occ__x509_has_name(&bare.it, row[i].kind, row[i].value), 0);
  }
  assert_int_equal(ERR_peek_error(), 0);
  free(certificate.der);
  free(bare.der);
}

static void test_x509_key__is_read_as_every_other(void **state)
{
  static const struct {
    const char *why, *key, *thumbprint;
  } row[] = {
    { "P-256", TEST_CLIENT_A_PRIVATE, TEST_CLIENT_A_THUMBPRINT },
    { "another", TEST_CLIENT_B_PRIVATE, TEST_CLIENT_B_THUMBPRINT },
    { "P-384", TEST_P384_PRIVATE, TEST_P384_THUMBPRINT },
    { "P-521", TEST_P521_PRIVATE, TEST_P521_THUMBPRINT },
    { "Ed25519", TEST_ISSUER_ED_PRIVATE, TEST_ISSUER_ED_THUMBPRINT },
    { "RSA", TEST_RSA_PRIVATE, TEST_RSA_THUMBPRINT },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    made certificate = certificate_of(row[i].key, agent, NULL);
    occ_jwk key;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__x509_key(&key, ws, &occ__mem_libc, &certificate.it), OCC_OK);
    assert_string_equal(key.thumbprint, row[i].thumbprint);
    assert_int_equal(key.is_private, 0);
    free(certificate.der);
  }
}

/* The octets of the algorithm, where they stand for the first time, changed into those of another. */
static void test_x509_key__of_no_kind_of_ours(void **state)
{
  static const uint8_t p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
  static const uint8_t k1[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x06 };
  made certificate = certificate_with(agent, NULL);
  uint8_t *der = certificate.der;
  const size_t len = certificate.len;
  size_t at = 0;
  occ_jwk key;
  (void)state;

  while (at + sizeof(p256) < len && memcmp(der + at, p256, sizeof(p256)) != 0) {
    at++;
  }
  assert_true(at + sizeof(p256) < len);
  memcpy(der + at, k1, sizeof(k1)); /* prime239v3 */
  assert_int_equal(occ__x509_read(&certificate.it, occ__span(der, len)), OCC_OK);
  assert_int_equal(occ__x509_key(&key, ws, &occ__mem_libc, &certificate.it), OCC__REASON_JOSE_KEY);
  assert_int_equal(ERR_peek_error(), 0);
  free(certificate.der);
}

/* ---- Certificates that OpenSSL does not make: put together octet by octet ---- */

typedef struct text {
  uint8_t at[20 * 1024];
  size_t len;
} text;

/* Takes the shortest spelling of the length. */
static void put(text *out, unsigned tag, const void *body, size_t len)
{
  static uint8_t kept[sizeof(out->at)];

  assert_true(out->len + len + 4 <= sizeof(out->at) && len < 0x10000);
  if (len > 0) {
    memcpy(kept, body, len); /* it may lie in out */
  }
  out->at[out->len++] = (uint8_t)tag;
  if (len >= 0x100) {
    out->at[out->len++] = 0x82;
    out->at[out->len++] = (uint8_t)(len >> 8);
  } else if (len >= 0x80) {
    out->at[out->len++] = 0x81;
  }
  out->at[out->len++] = (uint8_t)len;
  memcpy(out->at + out->len, kept, len);
  out->len += len;
}

static void put_text(text *out, const char *octets, size_t len)
{
  assert_true(out->len + len <= sizeof(out->at));
  memcpy(out->at + out->len, octets, len);
  out->len += len;
}

#define RAW(out, octets) put_text(out, octets, sizeof(octets) - 1)
/* CN=a; 2020 to 2049; ecdsa-with-SHA256 */
#define NAME             "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01\x61"
#define VALIDITY                                                                                   \
  "\x30\x1e\x17\x0d"                                                                               \
  "200101000000Z\x17\x0d"                                                                          \
  "491231235959Z"
#define BY "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define ED25519_KEY                                                                                \
  "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\xef\x09\x53\xbf\x4e\x7b\x69\x09\x96\x24\x1d"   \
  "\x61\x6c\xe0\xc4\x99\xfc\x4a\xad\xc7\x03\x76\x13\x3c\x9c\x6b\x18\xad\x83\x38\x89\xbf"

/* name, key: elements; more: what stands behind the key. */
static void put_certificate(text *out, const text *name, const text *key, const text *more)
{
  static text inner, all;

  inner.len = all.len = out->len = 0;
  RAW(&inner, "\xa0\x03\x02\x01\x02\x02\x01\x07" BY NAME VALIDITY);
  put_text(&inner, (const char *)name->at, name->len);
  put_text(&inner, (const char *)key->at, key->len);
  put_text(&inner, (const char *)more->at, more->len);
  put(&all, 0x30, inner.at, inner.len);
  RAW(&all, BY "\x03\x03\x00\x01\x02");
  put(out, 0x30, all.at, all.len);
}

/* The one with these extensions; list: what is in their SEQUENCE. */
static void put_extensions(text *out, const char *list, size_t len)
{
  static text name, key, list_of, more;

  name.len = key.len = list_of.len = more.len = 0;
  RAW(&name, NAME);
  RAW(&key, ED25519_KEY);
  put(&list_of, 0x30, list, len);
  put(&more, 0xa3, list_of.at, list_of.len);
  put_certificate(out, &name, &key, &more);
}

static int read_der(occ_x509 *out, const text *all)
{
  int rc = read_block(all->at, all->len);

  assert_int_equal(occ__x509_read(out, occ__span(all->at, all->len)), rc);
  return rc;
}

/* names: general names. */
static void put_names(text *out, const char *names, size_t len)
{
  static text list, value, extension;

  list.len = value.len = extension.len = 0;
  put(&list, 0x30, names, len);
  RAW(&value, "\x06\x03\x55\x1d\x11");
  put(&value, 0x04, list.at, list.len);
  put(&extension, 0x30, value.at, value.len);
  put_extensions(out, (const char *)extension.at, extension.len);
}

static void test_x509_has_name__in_lists_that_nobody_makes(void **state)
{
#define ROW(why, octets, dns, want)                                                                \
  {                                                                                                \
    why, octets, sizeof(octets) - 1, dns, want                                                     \
  }
  static const struct {
    const char *why, *octets;
    size_t len;
    const char *dns;
    int want;
  } row[] = {
    ROW("one",
        "\x82\x01"
        "a",
        "a", 1),
    ROW("the second",
        "\x82\x01"
        "b\x82\x01"
        "a",
        "a", 1),
    ROW("N-MTLS-03 a zero octet behind it",
        "\x82\x02"
        "a\x00",
        "a", 0),
    ROW("N-MTLS-03 a zero octet and another name",
        "\x82\x0a"
        "a\x00.evil.ex",
        "a", 0),
    ROW("N-MTLS-03 a zero octet before it",
        "\x82\x02\x00"
        "a",
        "a", 0),
    ROW("N-MTLS-03 empty", "\x82\x00", "", 0),
    ROW("as the name of a mailbox",
        "\x81\x01"
        "a",
        "a", 0),
    ROW("as a URI",
        "\x86\x01"
        "a",
        "a", 0),
    ROW("as a text of no kind",
        "\x0c\x01"
        "a",
        "a", 0),
    ROW("in parts",
        "\xa2\x03\x82\x01"
        "a",
        "a", 0),
    ROW("behind another kind",
        "\xa0\x04\x06\x02\x2a\x03\x82\x01"
        "a",
        "a", 1),
    ROW("a list that breaks off behind it",
        "\x82\x01"
        "a\x82\x05"
        "b",
        "a", 0),
    ROW("something else behind it",
        "\x82\x01"
        "a\x30\x00",
        "a", 0),
    ROW("a long length",
        "\x82\x81\x01"
        "a",
        "a", 0),
    ROW("a length without an end",
        "\xa2\x80\x82\x01"
        "a\x00\x00",
        "a", 0),
    ROW("a long tag",
        "\x9f\x02\x01"
        "a",
        "a", 0),
    ROW("no names", "", "a", 0),
  };
#undef ROW
  static text all;
  occ_x509 certificate;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    put_names(&all, row[i].octets, row[i].len);
    check_rc(row[i].why, read_der(&certificate, &all), OCC_OK);
    check_rc(row[i].why, occ__x509_has_name(&certificate, OCC__X509_DNS, row[i].dns), row[i].want);
  }
}

static void test_x509_read__refuses_what_is_no_der(void **state)
{
#define SAN "\x30\x0c\x06\x03\x55\x1d\x11\x04\x05\x30\x03\x82\x01\x61"
#define ROW(why, octets, rc)                                                                       \
  {                                                                                                \
    why, octets, sizeof(octets) - 1, rc                                                            \
  }
  static const struct {
    const char *why, *octets; /* the extensions */
    size_t len;
    int rc;
  } row[] = {
    ROW("one", SAN, OCC_OK),
    ROW("critical", "\x30\x0f\x06\x03\x55\x1d\x11\x01\x01\xff\x04\x05\x30\x03\x82\x01\x61", OCC_OK),
    ROW("another", "\x30\x07\x06\x03\x55\x1d\x0e\x04\x00", OCC_OK),
    ROW("names twice", SAN SAN, MALFORMED),
    ROW("no value", "\x30\x05\x06\x03\x55\x1d\x11", MALFORMED),
    ROW("a value of another kind", "\x30\x07\x06\x03\x55\x1d\x11\x0c\x00", MALFORMED),
    ROW("something behind the value", "\x30\x09\x06\x03\x55\x1d\x11\x04\x00\x05\x00", MALFORMED),
    ROW("no object identifier", "\x30\x02\x04\x00", MALFORMED),
    ROW("no extension", "\x02\x01\x00", MALFORMED),
    ROW("a length too long", SAN "\x30\x05\x06", MALFORMED),
    ROW("a length in a longer spelling", "\x30\x81\x05\x06\x03\x55\x1d\x11", MALFORMED),
    ROW("a length of two octets in place of one",
        "\x30\x82\x00\x0c\x06\x03\x55\x1d\x11\x04\x05\x30\x03\x82\x01\x61", MALFORMED),
    ROW("a length of three octets",
        "\x30\x83\x00\x00\x0c\x06\x03\x55\x1d\x11\x04\x05\x30\x03\x82\x01\x61", MALFORMED),
    ROW("a length without an end", "\x30\x80\x06\x03\x55\x1d\x11\x04\x00\x00\x00", MALFORMED),
  };
#undef ROW
  static text all;
  occ_x509 certificate;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    put_extensions(&all, row[i].octets, row[i].len);
    check_rc(row[i].why, read_der(&certificate, &all), row[i].rc);
  }
}

static void test_x509_read__behind_the_key(void **state)
{
#define ROW(why, octets, rc)                                                                       \
  {                                                                                                \
    why, octets, sizeof(octets) - 1, rc                                                            \
  }
  static const struct {
    const char *why, *octets;
    size_t len;
    int rc;
  } row[] = {
    ROW("nothing", "", OCC_OK),
    ROW("unique identifiers", "\x81\x02\x00\x01\x82\x02\x00\x01", OCC_OK),
    ROW("... in the other order", "\x82\x02\x00\x01\x81\x02\x00\x01", MALFORMED),
    ROW("extensions twice", "\xa3\x02\x30\x00\xa3\x02\x30\x00", MALFORMED),
    ROW("extensions and more", "\xa3\x04\x30\x00\x05\x00", MALFORMED),
    ROW("extensions that are none", "\xa3\x02\x31\x00", MALFORMED),
    ROW("N-MTLS-08 something else", "\x05\x00", MALFORMED),
    ROW("N-MTLS-08 an octet", "\x00", MALFORMED),
  };
#undef ROW
  static text name, key, more, all;
  occ_x509 certificate;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    name.len = key.len = more.len = 0;
    RAW(&name, NAME);
    RAW(&key, ED25519_KEY);
    put_text(&more, row[i].octets, row[i].len);
    put_certificate(&all, &name, &key, &more);
    check_rc(row[i].why, read_der(&certificate, &all), row[i].rc);
  }
}

/* A subject of so many octets, of which OpenSSL prints as many as stand in the value. */
static void test_x509_has_subject__has_a_limit(void **state)
{
  static text name, key, more, all;
  static char value[OCC__MAX_SUBJECT], dn[OCC__MAX_SUBJECT + 8];
  (void)state;

  for (size_t len = OCC__MAX_SUBJECT - 1; len <= OCC__MAX_SUBJECT + 1; len++) {
    const size_t of_it = len - 21; /* five lengths of two octets each, and the field */
    occ_x509 certificate;

    memset(value, 'n', of_it);
    (void)snprintf(dn, sizeof(dn), "CN=%.*s", (int)of_it, value);
    name.len = key.len = more.len = 0;
    RAW(&more, "\x06\x03\x55\x04\x03");
    put(&more, 0x0c, value, of_it);
    put(&key, 0x30, more.at, more.len);
    put(&all, 0x31, key.at, key.len);
    name.len = more.len = key.len = 0;
    put(&name, 0x30, all.at + 0, all.len);
    all.len = 0;
    assert_int_equal(name.len, len);
    RAW(&key, ED25519_KEY);
    put_certificate(&all, &name, &key, &more);
    assert_int_equal(read_der(&certificate, &all), OCC_OK);
    assert_int_equal(occ__x509_has_subject(&certificate, dn), len <= OCC__MAX_SUBJECT);
    all.len = 0;
  }
}

static void test_x509_key__in_another_spelling(void **state)
{
#define EC   "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define RSA  "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define ED   "\x06\x03\x2b\x65\x70"
#define ED_32                                                                                      \
  "\x00\xef\x09\x53\xbf\x4e\x7b\x69\x09\x96\x24\x1d\x61\x6c\xe0\xc4\x99\xfc\x4a\xad\xc7\x03\x76"   \
  "\x13\x3c\x9c\x6b\x18\xad\x83\x38\x89\xbf"
#define ROW(why, algorithm, key)                                                                   \
  {                                                                                                \
    why, algorithm, sizeof(algorithm) - 1, key, sizeof(key) - 1                                    \
  }
  static const struct {
    const char *why, *algorithm;
    size_t algorithm_len;
    const char *key;
    size_t key_len;
  } row[] = {
    ROW("the one that is good", ED, ED_32),
    ROW("with parameters", ED "\x05\x00", ED_32),
    ROW("bits that do not count", ED, "\x01" ED_32),
    ROW("no octet for those", ED, ""),
    ROW("a point of one octet", ED, "\x00\x01"),
    ROW("another algorithm", "\x06\x03\x2b\x65\x71", ED_32),
    ROW("no algorithm", "\x05\x00", ED_32),
    ROW("a compressed point", EC P256,
        "\x00\x02\x54\xae\x4a\x2a\xc4\x41\x1a\x58\xb8\x30\x32\x29\x6e\xdd\x8a\xcb\x77\x13\xec\xd5"
        "\x18\xd2\xf5\xd3\xec\x03\x10\x25\xb7\x0b\x28\xed"),
    ROW("the point at infinity", EC P256, "\x00\x00"),
    ROW("no parameters", EC, "\x00\x04"),
    ROW("parameters of a curve of its own", EC "\x30\x03\x02\x01\x01", "\x00\x04"),
    ROW("two curves", EC P256 P256, "\x00\x04"),
    ROW("RSA without parameters", RSA, "\x00\x30\x06\x02\x01\x03\x02\x01\x03"),
    ROW("RSA: numbers of an octet", RSA "\x05\x00", "\x00\x30\x06\x02\x01\x03\x02\x01\x03"),
    ROW("RSA: a negative number", RSA "\x05\x00", "\x00\x30\x06\x02\x01\x83\x02\x01\x03"),
    ROW("RSA: zero", RSA "\x05\x00", "\x00\x30\x06\x02\x01\x00\x02\x01\x03"),
    ROW("RSA: no number", RSA "\x05\x00", "\x00\x30\x05\x02\x00\x02\x01\x03"),
    ROW("RSA: three numbers", RSA "\x05\x00", "\x00\x30\x09\x02\x01\x03\x02\x01\x03\x02\x01\x03"),
    ROW("RSA: no list", RSA "\x05\x00", "\x00\x02\x01\x03\x02\x01\x03"),
    ROW("RSA: more behind the list", RSA "\x05\x00",
        "\x00\x30\x06\x02\x01\x03\x02\x01\x03\x05\x00"),
  };
#undef ROW
  static text name, algorithm, bits, info, more, all;
  occ_x509 certificate;
  occ_jwk key;
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    name.len = algorithm.len = bits.len = info.len = more.len = 0;
    RAW(&name, NAME);
    put(&algorithm, 0x30, row[i].algorithm, row[i].algorithm_len);
    put(&algorithm, 0x03, row[i].key, row[i].key_len);
    put(&info, 0x30, algorithm.at, algorithm.len);
    put_certificate(&all, &name, &info, &more);
    check_rc(row[i].why, read_der(&certificate, &all), OCC_OK);
    check_rc(row[i].why, occ__x509_key(&key, ws, &occ__mem_libc, &certificate),
             i == 0 ? OCC_OK : OCC__REASON_JOSE_KEY);
    check_rc(row[i].why, key.thumbprint[0] != '\0', i == 0);
  }
}

/* A modulus of more than can be, and an exponent: no number of theirs is looked at. */
static void test_x509_key__of_huge_numbers(void **state)
{
  static text name, numbers, list, bits, info, more, all;
  static uint8_t n[OCC__MAX_CERTIFICATE - 400];
  occ_x509 certificate;
  occ_jwk key;
  (void)state;

  memset(n, 0x7f, sizeof(n));
  for (size_t len = OCC__RSA_MAX_LEN; len < sizeof(n); len += 6000) {
    name.len = numbers.len = list.len = bits.len = info.len = more.len = all.len = 0;
    RAW(&name, NAME);
    put(&numbers, 0x02, n, len);
    RAW(&numbers, "\x02\x03\x01\x00\x01");
    RAW(&list, "\x00");
    put(&list, 0x30, numbers.at, numbers.len);
    put(&bits, 0x30, RSA "\x05\x00", sizeof(RSA "\x05\x00") - 1);
    put(&bits, 0x03, list.at, list.len);
    put(&info, 0x30, bits.at, bits.len);
    put_certificate(&all, &name, &info, &more);
    assert_int_equal(read_der(&certificate, &all), OCC_OK);
    assert_int_equal(occ__x509_key(&key, ws, &occ__mem_libc, &certificate),
                     len > OCC__RSA_MAX_LEN ? OCC__REASON_JOSE_KEY : OCC_OK);
  }
}

static void test_x509__survives_every_failed_allocation(void **state)
{
  made certificate = certificate_with(agent, NULL);
  occ_jwk key;
  int rc = OCC_ERR_MEMORY;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    size_t n = 0;

    do {
      fail_mem fm;

      fail_mem_init(&fm, n++, keep != 0);
      rc = occ__x509_key(&key, ws, &fm.mem, &certificate.it);
      assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      assert_int_equal(fm.live, 0);
    } while (rc != OCC_OK && n < 100);
    assert_int_equal(rc, OCC_OK);
    assert_true(n > 1);
  }
  free(certificate.der);
}

/* Whatever OpenSSL has no memory for, is not there: never a match, never a crash. */
static void test_x509__survives_every_failed_allocation_of_openssl(void **state)
{
  static const char names[] = "DNS:agent.example,IP:192.0.2.7";
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, agent, names);
  (void)state;

  ssl_failed = true;
  for (size_t n = 0; ssl_failed && n < 5000; n++) {
    occ_x509 certificate;
    int rc, matches = 0;

    ssl_until = n;
    ssl_count = 0;
    ssl_failed = false;
    rc = occ__x509_read(&certificate, occ__span(der, len));
    if (rc == OCC_OK) {
      matches = occ__x509_has_subject(&certificate, "CN=other") +
                occ__x509_has_name(&certificate, OCC__X509_DNS, "other.example") +
                occ__x509_has_name(&certificate, OCC__X509_IP, "192.0.2.8");
    }
    assert_int_equal(matches, 0);
    ssl_until = SIZE_MAX;
    if (!ssl_failed) {
      assert_int_equal(rc, OCC_OK);
    }
  }
  assert_false(ssl_failed);
  free(der);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_x509_read__takes_one_and_nothing_else),
    cmocka_unit_test(test_x509_read__has_a_limit),
    cmocka_unit_test(test_x509_has_subject__is_exact),
    cmocka_unit_test(test_x509_has_subject__of_strange_names),
    cmocka_unit_test(test_x509_has_name__is_exact),
    cmocka_unit_test(test_x509_key__is_read_as_every_other),
    cmocka_unit_test(test_x509_key__of_no_kind_of_ours),
    cmocka_unit_test(test_x509_has_name__in_lists_that_nobody_makes),
    cmocka_unit_test(test_x509_read__refuses_what_is_no_der),
    cmocka_unit_test(test_x509_read__behind_the_key),
    cmocka_unit_test(test_x509_has_subject__has_a_limit),
    cmocka_unit_test(test_x509_key__in_another_spelling),
    cmocka_unit_test(test_x509_key__of_huge_numbers),
    cmocka_unit_test(test_x509__survives_every_failed_allocation),
    cmocka_unit_test(test_x509__survives_every_failed_allocation_of_openssl),
  };

  /* Before anything else of OpenSSL is touched. */
  if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1) {
    return 1;
  }
  return cmocka_run_group_tests_name("jose/x509", tests, setup, teardown);
}
