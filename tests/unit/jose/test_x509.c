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

static occ_x509 *certificate_with(const char *const *subject, const char *names)
{
  occ_x509 *out = NULL;
  size_t len = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, subject, names);

  assert_int_equal(occ__x509_read(&out, occ__span(der, len)), OCC_OK);
  assert_non_null(out);
  free(der); /* nothing of it is borrowed */
  return out;
}

/* An exact block, so that reading past it is seen. */
static int read_block(const uint8_t *octets, size_t len)
{
  uint8_t *block = malloc(len == 0 ? 1 : len);
  occ_x509 *out = (occ_x509 *)(uintptr_t)1;
  int rc;

  assert_non_null(block);
  memcpy(block, octets, len);
  rc = occ__x509_read(&out, occ__span(block, len));
  assert_true((rc == OCC_OK) == (out != NULL));
  occ__x509_free(out);
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
  occ__x509_free(NULL);
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
  occ_x509 *certificate = certificate_with(agent, NULL);
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, occ__x509_has_subject(certificate, row[i].dn), row[i].want);
  }
  occ__x509_free(certificate);
}

static void test_x509_has_subject__of_strange_names(void **state)
{
  static const char *const umlaut[] = { "CN", "M\xc3\xbcller", NULL };
  static const char *const tricky[] = { "CN", "a,O=Bank", NULL };
  static const char *const none[] = { NULL };
  occ_x509 *certificate = certificate_with(umlaut, NULL);
  (void)state;

  assert_int_equal(occ__x509_has_subject(certificate, "CN=M\\C3\\BCller"), 1);
  assert_int_equal(occ__x509_has_subject(certificate, "CN=M\xc3\xbcller"), 0);
  occ__x509_free(certificate);
  certificate = certificate_with(tricky, NULL); /* one value that looks like two */
  assert_int_equal(occ__x509_has_subject(certificate, "CN=a,O=Bank"), 0);
  assert_int_equal(occ__x509_has_subject(certificate, "CN=a\\,O=Bank"), 1);
  occ__x509_free(certificate);
  certificate = certificate_with(none, "DNS:a.example");
  assert_int_equal(occ__x509_has_subject(certificate, ""), 0);
  occ__x509_free(certificate);
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
  occ_x509 *certificate = certificate_with(agent, names), *bare = certificate_with(agent, NULL);
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    check_rc(row[i].why, occ__x509_has_name(certificate, row[i].kind, row[i].value), row[i].want);
    check_rc("none at all", occ__x509_has_name(bare, row[i].kind, row[i].value), 0);
  }
  assert_int_equal(ERR_peek_error(), 0);
  occ__x509_free(certificate);
  occ__x509_free(bare);
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
    size_t len = 0;
    uint8_t *der = test_certificate(&len, row[i].key, agent, NULL);
    occ_x509 *certificate = NULL;
    occ_jwk key;

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__x509_read(&certificate, occ__span(der, len)), OCC_OK);
    assert_int_equal(occ__x509_key(&key, ws, &occ__mem_libc, certificate), OCC_OK);
    assert_string_equal(key.thumbprint, row[i].thumbprint);
    assert_int_equal(key.is_private, 0);
    occ__x509_free(certificate);
    free(der);
  }
}

/* The octets of the algorithm, where they stand for the first time, changed into those of another. */
static void test_x509_key__of_no_kind_of_ours(void **state)
{
  static const uint8_t p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
  static const uint8_t k1[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x06 };
  size_t len = 0, at = 0;
  uint8_t *der = test_certificate(&len, TEST_CLIENT_A_PRIVATE, agent, NULL);
  occ_x509 *certificate = NULL;
  occ_jwk key;
  (void)state;

  while (at + sizeof(p256) < len && memcmp(der + at, p256, sizeof(p256)) != 0) {
    at++;
  }
  assert_true(at + sizeof(p256) < len);
  memcpy(der + at, k1, sizeof(k1)); /* prime239v3: the point is not one of it */
  assert_int_equal(occ__x509_read(&certificate, occ__span(der, len)), OCC_OK);
  assert_int_equal(occ__x509_key(&key, ws, &occ__mem_libc, certificate), OCC__REASON_JOSE_KEY);
  assert_int_equal(ERR_peek_error(), 0);
  occ__x509_free(certificate);
  free(der);
}

static void test_x509__survives_every_failed_allocation(void **state)
{
  occ_x509 *certificate = certificate_with(agent, NULL);
  occ_jwk key;
  int rc = OCC_ERR_MEMORY;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    size_t n = 0;

    do {
      fail_mem fm;

      fail_mem_init(&fm, n++, keep != 0);
      rc = occ__x509_key(&key, ws, &fm.mem, certificate);
      assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      assert_int_equal(fm.live, 0);
    } while (rc != OCC_OK && n < 100);
    assert_int_equal(rc, OCC_OK);
    assert_true(n > 1);
  }
  occ__x509_free(certificate);
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
    occ_x509 *certificate = NULL;
    int rc, matches = 0;

    ssl_until = n;
    ssl_count = 0;
    ssl_failed = false;
    rc = occ__x509_read(&certificate, occ__span(der, len));
    if (rc == OCC_OK) {
      matches = occ__x509_has_subject(certificate, "CN=other") +
                occ__x509_has_name(certificate, OCC__X509_DNS, "other.example") +
                occ__x509_has_name(certificate, OCC__X509_IP, "192.0.2.8");
    }
    assert_int_equal(matches, 0);
    occ__x509_free(certificate);
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
    cmocka_unit_test(test_x509__survives_every_failed_allocation),
    cmocka_unit_test(test_x509__survives_every_failed_allocation_of_openssl),
  };

  /* Before anything else of OpenSSL is touched. */
  if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1) {
    return 1;
  }
  return cmocka_run_group_tests_name("jose/x509", tests, setup, teardown);
}
