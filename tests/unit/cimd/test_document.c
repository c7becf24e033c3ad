/* SPDX-License-Identifier: MIT */

/* Metadata documents: what is refused, what is kept, how a client authenticates, what changed. Case ids: cases D, and the
 * rules DOC and AU of the requirements. */

#include "../jose/jose_test.h"

#include "cimd/document.h"
#include "wire/json_in.h"

#define ID            "https://app.example.org/c"
#define DOC(members)  "{\"client_id\":\"" ID "\"" members "}"
#define JWKS          ",\"jwks\":{\"keys\":[" TEST_CLIENT_A_PUBLIC "]}"
#define METHOD(m)     ",\"token_endpoint_auth_method\":\"" m "\""
#define METHODS(list) ",\"token_endpoint_auth_methods_supported\":[" list "]"
#define URI(uri)      METHOD("private_key_jwt") ",\"jwks_uri\":\"" uri "\""
#define FLAG(value)   ",\"insufficient_client_authorization_supported\":" value

#define JSON     OCC__REASON_CIMD_JSON
#define MISMATCH OCC__REASON_CIMD_MISMATCH
#define MEMBER   OCC__REASON_CIMD_MEMBER
#define SECRET   OCC__REASON_CIMD_SECRET
#define METHOD_  OCC__REASON_CIMD_METHOD
#define KEYS     OCC__REASON_CIMD_KEYS
#define URI_     OCC__REASON_CIMD_JWKS_URI

static occ_workspace *ws;
static const occ_document_rules usual = { .octets = OCC__CIMD_DOCUMENT,
                                          .jwks_uri = { .octets = OCC__CIMD_URL, .query = 1 } };

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

static int read_octets(occ_document **out, const char *text, size_t len)
{
  return occ__document_read(out, &occ__mem_libc, ws, occ__span(text, len), occ__span_text(ID),
                            &usual);
}

static occ_document *read_good(const char *why, const char *text)
{
  occ_document *document = NULL;

  check_rc(why, read_octets(&document, text, strlen(text)), OCC_OK);
  return document;
}

static void test_document_read__refuses(void **state)
{
  static const struct {
    const char *why, *text;
    int want;
  } row[] = {
    { "D01 no client_id", "{}", MISMATCH },
    { "D01 client_id no string", "{\"client_id\":1}", MISMATCH },
    { "D01 client_id null", "{\"client_id\":null}", MISMATCH },
    { "D01 client_id a list", "{\"client_id\":[\"" ID "\"]}", MISMATCH },
    { "D02 a slash more", "{\"client_id\":\"" ID "/\"}", MISMATCH },
    { "D02 case of the host", "{\"client_id\":\"https://App.example.org/c\"}", MISMATCH },
    { "D02 case of the path", "{\"client_id\":\"https://app.example.org/C\"}", MISMATCH },
    { "D02 the port", "{\"client_id\":\"https://app.example.org:443/c\"}", MISMATCH },
    { "D02 an escape", "{\"client_id\":\"https://app.example.org/%63\"}", MISMATCH },
    { "D02 a prefix", "{\"client_id\":\"https://app.example.org/\"}", MISMATCH },
    { "D02 empty", "{\"client_id\":\"\"}", MISMATCH },
    { "D03 array", "[" DOC("") "]", JSON },
    { "D03 string", "\"" ID "\"", JSON },
    { "D03 null", "null", JSON },
    { "D03 nothing", "", JSON },
    { "D03 two documents", DOC("") DOC(""), JSON },
    { "D03 HTML", "<!doctype html>", JSON },
    { "D04 client_id twice", DOC(",\"client_id\":\"" ID "\""), JSON },
    { "D04 client_id twice, once escaped", DOC(",\"client\\u005fid\":\"x\""), JSON },
    { "D04 a member of a member twice", DOC(",\"x\":{\"a\":1,\"a\":2}"), JSON },
    { "D05 BOM", "\xef\xbb\xbf" DOC(""), JSON },
    { "D05 no UTF-8", DOC(",\"client_name\":\"\xff\""), JSON },
    { "D05 a lone surrogate", DOC(",\"client_name\":\"\\ud800\""), JSON },
    { "D05 U+0000", DOC(",\"client_name\":\"\\u0000\""), JSON },
    { "D05 U+0000 behind the client_id", "{\"client_id\":\"" ID "\\u0000\"}", JSON },
    { "D06 DOC-7 client_secret", DOC(",\"client_secret\":\"x\""), SECRET },
    { "D06 client_secret null", DOC(",\"client_secret\":null"), SECRET },
    { "D06 client_secret_expires_at", DOC(",\"client_secret_expires_at\":0"), SECRET },
    { "D07 DOC-6 client_secret_basic", DOC(METHOD("client_secret_basic")), SECRET },
    { "D07 client_secret_post", DOC(METHOD("client_secret_post")), SECRET },
    { "D07 client_secret_jwt", DOC(METHOD("client_secret_jwt")), SECRET },
    { "D07 another secret", DOC(METHOD("client_secret_new")), SECRET },
    { "D10 DOC-9 a secret in the list", DOC(METHODS("\"none\",\"client_secret_post\"")), SECRET },
    { "D10 a secret in the list, another chosen",
      DOC(METHOD("private_key_jwt") METHODS("\"private_key_jwt\",\"client_secret_jwt\"") JWKS),
      SECRET },
    { "D11 AU-6 not in the list", DOC(METHOD("none") METHODS("\"private_key_jwt\"") JWKS),
      METHOD_ },
    { "an empty list", DOC(METHODS("")), METHOD_ },
    { "a list of the wrong type", DOC(",\"token_endpoint_auth_methods_supported\":\"none\""),
      MEMBER },
    { "a list with a number", DOC(METHODS("1")), MEMBER },
    { "a list with an empty text", DOC(METHODS("\"\"")), MEMBER },
    { "a method of the wrong type", DOC(",\"token_endpoint_auth_method\":1"), MEMBER },
    { "an empty method", DOC(METHOD("")), MEMBER },
    { "a method null", DOC(",\"token_endpoint_auth_method\":null"), MEMBER },
    { "D13 both kinds of keys", DOC(URI("https://app.example.org/k") JWKS), KEYS },
    { "D14 DOC-8 a private key", DOC(",\"jwks\":{\"keys\":[" TEST_CLIENT_A_PRIVATE "]}"), SECRET },
    { "D14 a symmetric key", DOC(",\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}"), SECRET },
    { "D14 kty oct", DOC(",\"jwks\":{\"keys\":[{\"kty\":\"oct\"}]}"), SECRET },
    { "D14 a private key anywhere", DOC(",\"x\":[{\"y\":" TEST_CLIENT_A_PRIVATE "}]"), SECRET },
    { "D15 AU-3 no keys", DOC(METHOD("private_key_jwt")), KEYS },
    { "D15 no keys, from the list", DOC(METHODS("\"private_key_jwt\"")), KEYS },
    { "D15 no keys for an own certificate", DOC(METHOD("self_signed_tls_client_auth")), KEYS },
    { "jwks empty", DOC(",\"jwks\":{\"keys\":[]}"), KEYS },
    { "jwks no object", DOC(",\"jwks\":[]"), KEYS },
    { "jwks null", DOC(",\"jwks\":null"), KEYS },
    { "jwks with a bad key", DOC(",\"jwks\":{\"keys\":[{\"kty\":\"EC\"}]}"), KEYS },
    { "D16 SS-5 http", DOC(URI("http://app.example.org/k")), URI_ },
    { "D16 file", DOC(URI("file:///etc/passwd")), URI_ },
    { "D16 data", DOC(URI("data:application/json,{}")), URI_ },
    { "D16 userinfo", DOC(URI("https://a@app.example.org/k")), URI_ },
    { "D16 fragment", DOC(URI("https://app.example.org/k#a")), URI_ },
    { "D16 relative", DOC(URI("/k")), URI_ },
    { "D16 relative to the scheme", DOC(URI("//app.example.org/k")), URI_ },
    { "D16 a special-use host", DOC(URI("https://localhost/k")), URI_ },
    { "D16 an address", DOC(URI("https://169.254.169.254/k")), URI_ },
    { "D16 another port", DOC(URI("https://app.example.org:8443/k")), URI_ },
    { "jwks_uri of the wrong type", DOC(",\"jwks_uri\":1"), MEMBER },
    { "jwks_uri empty", DOC(",\"jwks_uri\":\"\""), MEMBER },
    { "D22 redirect_uris no array", DOC(",\"redirect_uris\":\"https://a.org/\""), MEMBER },
    { "D22 redirect_uris with a number", DOC(",\"redirect_uris\":[1]"), MEMBER },
    { "grant_types no array", DOC(",\"grant_types\":\"client_credentials\""), MEMBER },
    { "grant_types null", DOC(",\"grant_types\":null"), MEMBER },
    { "scope no string", DOC(",\"scope\":[\"a\"]"), MEMBER },
    { "dpop_bound_access_tokens no boolean", DOC(",\"dpop_bound_access_tokens\":\"false\""),
      MEMBER },
    { "tls_client_certificate_bound_access_tokens no boolean",
      DOC(",\"tls_client_certificate_bound_access_tokens\":0"), MEMBER },
    { "authorization_details_types no array", DOC(",\"authorization_details_types\":{}"), MEMBER },
    { "the algorithm none",
      DOC(METHOD("private_key_jwt") JWKS ",\"token_endpoint_auth_signing_alg\":\"none\""),
      METHOD_ },
    { "an algorithm of secrets",
      DOC(METHOD("private_key_jwt") JWKS ",\"token_endpoint_auth_signing_alg\":\"HS256\""),
      METHOD_ },
    { "an algorithm of the wrong type", DOC(",\"token_endpoint_auth_signing_alg\":[]"), MEMBER },
    { "tls_client_auth without a name", DOC(METHOD("tls_client_auth")), METHOD_ },
    { "tls_client_auth with two names",
      DOC(METHOD("tls_client_auth") ",\"tls_client_auth_san_dns\":\"a.org\","
                                    "\"tls_client_auth_san_uri\":\"https://a.org/\""),
      METHOD_ },
    { "a name of a certificate of the wrong type",
      DOC(METHOD("tls_client_auth") ",\"tls_client_auth_san_dns\":[\"a.org\"]"), MEMBER },
    { "D20 17 levels", DOC(",\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"), JSON },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document *document = (occ_document *)(uintptr_t)1;

    check_rc(row[i].why, read_octets(&document, row[i].text, strlen(row[i].text)), row[i].want);
    assert_null(document);
  }
}

static void test_document_read__utf16(void **state)
{
  char text[2 * sizeof(DOC(""))];
  occ_document *document = NULL;
  (void)state;

  for (size_t i = 0; i < sizeof(DOC("")); i++) { /* D05 */
    text[2 * i] = DOC("")[i];
    text[2 * i + 1] = '\0';
  }
  check_rc("D05 UTF-16", read_octets(&document, text, sizeof(text) - 2), JSON);
  assert_null(document);
}

/* The method that counts. */
static void test_document_read__methods(void **state)
{
  static const struct {
    const char *why, *text, *method;
  } row[] = {
    { "D08 AU-4 neither", DOC(""), "none" },
    { "D08 keys do not make a method", DOC(JWKS), "none" },
    { "none", DOC(METHOD("none")), "none" },
    { "private_key_jwt", DOC(METHOD("private_key_jwt") JWKS), "private_key_jwt" },
    { "D09 AU-5 the list alone", DOC(METHODS("\"private_key_jwt\"") JWKS), "private_key_jwt" },
    { "D09 a list of none", DOC(METHODS("\"none\"")), "none" },
    { "AU-6 both", DOC(METHOD("private_key_jwt") METHODS("\"none\",\"private_key_jwt\"") JWKS),
      "private_key_jwt" },
    { "AU-2 who declares a key is not public",
      DOC(METHOD("none") METHODS("\"none\",\"private_key_jwt\"") JWKS), "private_key_jwt" },
    { "AU-2 the same without the single one", DOC(METHODS("\"none\",\"private_key_jwt\"") JWKS),
      "private_key_jwt" },
    { "AU-8 one that we do not know beside one that we do",
      DOC(METHODS("\"foo_jwt\",\"private_key_jwt\"") JWKS), "private_key_jwt" },
    { "AU-8 the single one is unknown",
      DOC(METHOD("foo_jwt") METHODS("\"foo_jwt\",\"private_key_jwt\"") JWKS), "private_key_jwt" },
    { "AU-8 unknown, or none", DOC(METHODS("\"foo_jwt\",\"none\"")), "none" },
    { "the single one is unknown, the list has none: no downgrade",
      DOC(METHOD("foo_jwt") METHODS("\"foo_jwt\",\"none\"")), "foo_jwt" },
    { "D12 unknown, refused at authentication", DOC(METHOD("foo_jwt")), "foo_jwt" },
    { "D12 unknown, from the list", DOC(METHODS("\"foo_jwt\",\"bar\"")), "foo_jwt" },
    { "own certificate", DOC(METHOD("self_signed_tls_client_auth") JWKS),
      "self_signed_tls_client_auth" },
    { "certificate", DOC(METHOD("tls_client_auth") ",\"tls_client_auth_san_dns\":\"a.org\""),
      "tls_client_auth" },
    { "the single one counts before the order of ours",
      DOC(METHOD("tls_client_auth") METHODS("\"private_key_jwt\",\"tls_client_auth\"") JWKS
          ",\"tls_client_auth_san_dns\":"
          "\"a.org\""),
      "tls_client_auth" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document *document = read_good(row[i].why, row[i].text);
    json_t *kept = json_of(document->metadata);

    assert_string_equal(document->method, row[i].method);
    assert_string_equal(occ__json_text(kept, "token_endpoint_auth_method"), row[i].method);
    json_decref(kept);
    occ__value_drop(&document->value);
  }
}

/* One member of what is kept; NULL: it is not. */
static void test_document_read__keeps(void **state)
{
  static const struct {
    const char *why, *text, *member, *kept;
  } row[] = {
    { "client_id", DOC(""), "client_id", "\"" ID "\"" },
    { "the client's name", DOC(",\"client_name\":\"M\xc3\xbcller\""), "client_name",
      "\"M\xc3\xbcller\"" },
    { "its name in a language", DOC(",\"client_name#de\":\"a\""), "client_name#de", "\"a\"" },
    { "D20 an unknown member", DOC(",\"x\":{\"y\":1}"), "x", NULL },
    { "an unknown member with a known beginning", DOC(",\"client_names\":\"a\""), "client_names",
      NULL },
    { "a tag where none is due", DOC(",\"scope#de\":\"a\""), "scope#de", NULL },
    { "X3 sector_identifier_uri", DOC(",\"sector_identifier_uri\":\"https://a.org/\""),
      "sector_identifier_uri", NULL },
    { "registration_access_token", DOC(",\"registration_access_token\":\"a\""),
      "registration_access_token", NULL },
    { "D21 DOC-10 software_statement", DOC(",\"software_statement\":\"a.b.c\""),
      "software_statement", NULL },
    { "a name of the wrong type", DOC(",\"client_name\":1"), "client_name", NULL },
    { "a link", DOC(",\"logo_uri\":\"https://a.org/l.png\""), "logo_uri",
      "\"https://a.org/l.png\"" },
    { "a link of another scheme", DOC(",\"logo_uri\":\"javascript:alert(1)\""), "logo_uri", NULL },
    { "a link without TLS", DOC(",\"client_uri\":\"http://a.org/\""), "client_uri", NULL },
    { "D17 grant_types absent", DOC(""), "grant_types", "[\"authorization_code\"]" },
    { "D18 an unknown grant beside a known one",
      DOC(METHOD("private_key_jwt") JWKS ",\"grant_types\":[\"x\",\"client_credentials\"]"),
      "grant_types", "[\"x\",\"client_credentials\"]" },
    { "D08 a public client has no grant of its own",
      DOC(",\"grant_types\":[\"client_credentials\",\"authorization_code\"]"), "grant_types",
      "[\"authorization_code\"]" },
    { "D19 true", DOC(FLAG("true")), "insufficient_client_authorization_supported", "true" },
    { "D19 false", DOC(FLAG("false")), "insufficient_client_authorization_supported", NULL },
    { "D19 absent", DOC(""), "insufficient_client_authorization_supported", NULL },
    { "D-6 a text", DOC(FLAG("\"true\"")), "insufficient_client_authorization_supported", NULL },
    { "D22 javascript: is left out",
      DOC(",\"redirect_uris\":[\"javascript:alert(1)\",\"https://a.org/cb\",\"data:text/html,\","
          "\"http://evil.org/\",\"http://127.0.0.1:1/cb\",\"com.example.app:/cb\",\"app:/cb\","
          "\"http://localhost.evil.org/\"]"),
      "redirect_uris", "[\"https://a.org/cb\",\"http://127.0.0.1:1/cb\",\"com.example.app:/cb\"]" },
    { "D22 what can stand in no Location line, or has a fragment, is left out",
      DOC(",\"redirect_uris\":[\"https://a.org/\\r\\nX: 1\",\"https://a.org/ "
          "b\",\"https://a.org/#f\","
          "\"https://a.org/#\",\"com.example.app:\\t\",\"https://a.org/\\u00e9\",\"https://a.org/"
          "\\u007f\","
          "\"http://127.0.0.1:1/\\n\",\"https://a.org/?a=~!\"]"),
      "redirect_uris", "[\"https://a.org/?a=~!\"]" },
    { "types of requirements", DOC(",\"authorization_requirement_types_supported\":[\"a\"]"),
      "authorization_requirement_types_supported", "[\"a\"]" },
    { "types of requirements, odd", DOC(",\"authorization_requirement_types_supported\":\"a\""),
      "authorization_requirement_types_supported", NULL },
    { "DPoP", DOC(",\"dpop_bound_access_tokens\":true"), "dpop_bound_access_tokens", "true" },
    { "scope", DOC(",\"scope\":\"a b\""), "scope", "\"a b\"" },
    { "contacts", DOC(",\"contacts\":[\"a@a.org\"]"), "contacts", "[\"a@a.org\"]" },
    { "jwks_uri", DOC(URI("https://keys.example.net/k?x=1")), "jwks_uri",
      "\"https://keys.example.net/k?x=1\"" },
    { "an algorithm",
      DOC(METHOD("private_key_jwt") JWKS ",\"token_endpoint_auth_signing_alg\":\"ES256\""),
      "token_endpoint_auth_signing_alg", "\"ES256\"" },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document *document = read_good(row[i].why, row[i].text);
    json_t *all = json_of(document->metadata);
    const json_t *member = json_object_get(all, row[i].member);
    char *text = member == NULL ? NULL : json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_int_equal(document->metadata_len, strlen(document->metadata));
    check_rc(row[i].why, text != NULL, row[i].kept != NULL);
    if (text != NULL) {
      assert_string_equal(text, row[i].kept);
    }
    free(text);
    json_decref(all);
    occ__value_drop(&document->value);
  }
}

/* D19, D-6: only the JSON boolean true. */
static void test_document_read__capability(void **state)
{
  static const struct {
    const char *text;
    int capable, odd;
  } row[] = {
    { DOC(FLAG("true")), 1, 0 },     { DOC(FLAG("false")), 0, 0 }, { DOC(""), 0, 0 },
    { DOC(FLAG("\"true\"")), 0, 1 }, { DOC(FLAG("1")), 0, 1 },     { DOC(FLAG("null")), 0, 1 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document *document = read_good(row[i].text, row[i].text);

    assert_int_equal(document->capable, row[i].capable);
    assert_int_equal(document->value.snapshot.capable, row[i].capable);
    assert_int_equal(document->capability_odd, row[i].odd);
    occ__value_drop(&document->value);
  }
}

/* D16, F11: the host of the keys. */
static void test_document_read__same_host(void **state)
{
  static const struct {
    const char *why, *text;
    int same_host, want;
  } row[] = {
    { "F11 another host", DOC(URI("https://keys.example.net/k")), 0, OCC_OK },
    { "F11 another host, by option", DOC(URI("https://keys.example.net/k")), 1, URI_ },
    { "below the host", DOC(URI("https://a.app.example.org/k")), 1, URI_ },
    { "the host", DOC(URI("https://app.example.org/k")), 1, OCC_OK },
    { "the host in capitals", DOC(URI("https://APP.example.org/k")), 1, OCC_OK },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document_rules rules = usual;
    occ_document *document = NULL;

    rules.same_host = row[i].same_host;
    check_rc(row[i].why,
             occ__document_read(&document, &occ__mem_libc, ws, occ__span_text(row[i].text),
                                occ__span_text(ID), &rules),
             row[i].want);
    if (document != NULL) {
      assert_non_null(document->jwks_uri);
      occ__value_drop(&document->value);
    }
  }
}

/* SZ-1, D20: as many unknown members as fit, a long name; at -1, 0, +1. */
static void test_document_read__limits(void **state)
{
  char text[OCC__CIMD_DOCUMENT + 64];
  occ_document *document;
  size_t len;
  (void)state;

  for (size_t want = OCC__CIMD_DOCUMENT - 1; want <= OCC__CIMD_DOCUMENT + 1; want++) {
    memset(text, ' ', sizeof(text));
    memcpy(text, DOC(""), strlen(DOC("")));
    document = NULL;
    check_rc("octets", read_octets(&document, text, want),
             want <= OCC__CIMD_DOCUMENT ? OCC_OK : OCC__REASON_CIMD_LARGE);
    occ__value_drop(document == NULL ? NULL : &document->value);
  }
  len = (size_t)snprintf(text, sizeof(text), "{\"client_id\":\"" ID "\"");
  for (int i = 0; len < OCC__CIMD_DOCUMENT - 16; i++) {
    len += (size_t)snprintf(text + len, 16, ",\"%x\":0", (unsigned)i);
  }
  len += (size_t)snprintf(text + len, 16, "}");
  check_rc("D20 unknown members", read_octets(&document, text, len), OCC_OK);
  occ__value_drop(&document->value);
  len = (size_t)snprintf(text, sizeof(text), "{\"client_id\":\"" ID "\",\"%04096d\":0}", 0);
  check_rc("D20 a name of 4 KB", read_octets(&document, text, len), OCC_OK);
  assert_true(document->metadata_len < 300);
  occ__value_drop(&document->value);
  len = (size_t)snprintf(text, sizeof(text), DOC(",\"client_name\":\"%01024d\""), 0);
  check_rc("a name that is shown", read_octets(&document, text, len), OCC_OK);
  assert_non_null(strstr(document->metadata, "client_name"));
  occ__value_drop(&document->value);
  len = (size_t)snprintf(text, sizeof(text), DOC(",\"client_name\":\"%01025d\""), 0);
  check_rc("a longer one", read_octets(&document, text, len), OCC_OK);
  assert_null(strstr(document->metadata, "client_name"));
  occ__value_drop(&document->value);
  document = read_good("D20 16 levels", DOC(",\"x\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]"));
  occ__value_drop(&document->value);
}

/* CH-1, CH-2. */
static void test_document_read__changes(void **state)
{
  static const char before[] = DOC(METHOD("private_key_jwt") JWKS FLAG("true"));
  static const struct {
    const char *why, *text;
    unsigned changes;
  } row[] = {
    { "nothing", DOC(FLAG("true") JWKS METHOD("private_key_jwt")), 0 },
    { "what is shown", DOC(METHOD("private_key_jwt") JWKS FLAG("true") ",\"client_name\":\"x\""),
      0 },
    { "the method", DOC(METHOD("self_signed_tls_client_auth") JWKS FLAG("true")),
      OCC__CHANGED_METHOD },
    { "to a public client", DOC(JWKS FLAG("true")), OCC__CHANGED_METHOD },
    { "the keys",
      DOC(METHOD("private_key_jwt") ",\"jwks\":{\"keys\":[" TEST_CLIENT_B_PUBLIC "]}" FLAG("true")),
      OCC__CHANGED_KEYS },
    { "a key more",
      DOC(METHOD("private_key_jwt") ",\"jwks\":{\"keys\":[" TEST_CLIENT_A_PUBLIC
                                    "," TEST_CLIENT_B_PUBLIC "]}" FLAG("true")),
      OCC__CHANGED_KEYS },
    { "where the keys are", DOC(URI("https://app.example.org/k") FLAG("true")), OCC__CHANGED_KEYS },
    { "the flag", DOC(METHOD("private_key_jwt") JWKS), OCC__CHANGED_CAPABILITY },
    { "all", DOC(""), OCC__CHANGED_METHOD | OCC__CHANGED_KEYS | OCC__CHANGED_CAPABILITY },
  };
  occ_document *first = read_good("first", before);
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document *document = read_good(row[i].why, row[i].text);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__value_changes(&first->value.snapshot, &document->value.snapshot),
                     row[i].changes);
    occ__value_drop(&document->value);
  }
  occ__value_drop(&first->value);
}

/* By tls_client_auth it is this name that shows who it is, where others have keys. */
static void test_document_read__changes_of_a_name(void **state)
{
  static const char before[] =
      DOC(METHOD("tls_client_auth") ",\"tls_client_auth_san_dns\":\"a.org\"");
  static const struct {
    const char *why, *text;
    unsigned changes;
  } row[] = {
    { "nothing", DOC(",\"tls_client_auth_san_dns\":\"a.org\"" METHOD("tls_client_auth")), 0 },
    { "the name", DOC(METHOD("tls_client_auth") ",\"tls_client_auth_san_dns\":\"b.org\""),
      OCC__CHANGED_KEYS },
    { "its kind", DOC(METHOD("tls_client_auth") ",\"tls_client_auth_subject_dn\":\"a.org\""),
      OCC__CHANGED_KEYS },
    { "keys instead", DOC(METHOD("private_key_jwt") JWKS),
      OCC__CHANGED_METHOD | OCC__CHANGED_KEYS },
  };
  occ_document *first = read_good("first", before);
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_document *document = read_good(row[i].why, row[i].text);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__value_changes(&first->value.snapshot, &document->value.snapshot),
                     row[i].changes);
    occ__value_drop(&document->value);
  }
  occ__value_drop(&first->value);
}

static const char large[] = DOC(METHOD("private_key_jwt") METHODS("\"private_key_jwt\"") JWKS FLAG(
    "true") ",\"redirect_uris\":[\"https://a.org/\"],\"client_name\":\"a\",\"x\":[{}]");

static void test_document_read__survives_every_failed_allocation(void **state)
{
  int rc = OCC_ERR_MEMORY;
  occ_document *document = NULL;
  fail_mem fm;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 100; n++) {
      fail_mem_init(&fm, n, keep != 0);
      rc = occ__document_read(&document, &fm.mem, ws, occ__span_text(large), occ__span_text(ID),
                              &usual);
      if (!fm.failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(document);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
    occ__value_drop(&document->value);
    assert_int_equal(fm.live, 0);
  }
}

static void test_document_read__survives_every_failed_allocation_of_jansson(void **state)
{
  occ_document *document = NULL;
  int rc = OCC_ERR_MEMORY;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    for (size_t n = 0; n < 1000; n++) {
      json_fail_at(n, keep);
      rc = occ__document_read(&document, &occ__mem_libc, ws, occ__span_text(large),
                              occ__span_text(ID), &usual);
      if (!json_failed) {
        break;
      }
      assert_int_equal(rc, OCC_ERR_MEMORY);
      assert_null(document);
      assert_int_equal(json_live, 0);
    }
    json_fail_never();
    assert_int_equal(rc, OCC_OK);
    occ__value_drop(&document->value);
    assert_int_equal(json_live, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_document_read__refuses),
    cmocka_unit_test(test_document_read__utf16),
    cmocka_unit_test(test_document_read__methods),
    cmocka_unit_test(test_document_read__keeps),
    cmocka_unit_test(test_document_read__capability),
    cmocka_unit_test(test_document_read__same_host),
    cmocka_unit_test(test_document_read__limits),
    cmocka_unit_test(test_document_read__changes),
    cmocka_unit_test(test_document_read__changes_of_a_name),
    cmocka_unit_test(test_document_read__survives_every_failed_allocation),
    cmocka_unit_test(test_document_read__survives_every_failed_allocation_of_jansson),
  };
  return cmocka_run_group_tests_name("cimd/document", tests, setup, teardown);
}
