/* SPDX-License-Identifier: MIT */

/* Receipts. First as octets: the layout as documented (written once more here, with OpenSSL alone), and no other spelling,
 * bit, length, key or kind of sealed octets. Then in the machine: what was met at the PAR endpoint counts at the token
 * request of the same client with the same keys, for 600 s, and for nothing else; one that does not fit is an event. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/arena.h"
#include "base/b64.h"
#include "core/receipt.h"
#include "core/txn.h"
#include "txn_host.h"

#define HEAD   37u
#define LABEL  "libocc receipt 1"
#define DPOP   (1u << OCC_SENDER_DPOP)
#define MTLS   (1u << OCC_SENDER_MTLS)
#define KEY_A  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define KEY_B  "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define PUSHED "response_type=code&scope=a"
#define CODE   "grant_type=authorization_code&code=c0de"

/* ---- The layout, written once more from the documentation, with OpenSSL alone -------------------------------- */

/* Sealed as any kind, with the ring of txn_host.h; returns the number of octets. */
static size_t seal_by_hand(uint8_t *out, uint8_t format, const char *label, const uint8_t id[32],
                           const uint8_t *plain, size_t len)
{
  uint8_t master[32], message[64], material[32], hash[32];
  static const uint8_t iv[12] = { 0 };
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  const size_t label_len = strlen(label) + 1; /* its NUL too */
  unsigned material_len = 0;
  int n = 0;

  memset(master, 1, sizeof(master));
  memcpy(message, label, label_len);
  memcpy(message + label_len, id, 32);
  assert_non_null(HMAC(EVP_sha256(), master, 32, message, label_len + 32, material, &material_len));
  SHA256((const unsigned char *)"k1", 2, hash);
  out[0] = format;
  memcpy(out + 1, hash, 4);
  memcpy(out + 5, id, 32);
  assert_non_null(ctx);
  assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, material, iv), 1);
  assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, out, HEAD), 1);
  assert_int_equal(EVP_EncryptUpdate(ctx, out + HEAD, &n, plain, (int)len), 1);
  assert_int_equal(EVP_EncryptFinal_ex(ctx, out + HEAD + len, &n), 1);
  assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + HEAD + len), 1);
  EVP_CIPHER_CTX_free(ctx);
  return HEAD + len + 16;
}

static occ_receipt sample(void)
{
  occ_receipt r = { .issued = 0x010203040506, .expires = 0x0a0b0c0d0e0f, .met_count = 2 };

  memset(r.id, 0xa1, sizeof(r.id));
  memset(r.bound, 0xb1, sizeof(r.bound));
  r.senders = DPOP | MTLS;
  memset(r.sender[OCC_SENDER_DPOP], 0xc1, OCC__SHA256_LEN);
  memset(r.sender[OCC_SENDER_MTLS], 0xc2, OCC__SHA256_LEN);
  memset(r.met[0].id, 0xd1, OCC__TEMPLATE_ID_LEN);
  r.met[0].at = 1;
  r.met[0].senders = MTLS;
  memset(r.met[1].id, 0xd2, OCC__TEMPLATE_ID_LEN);
  r.met[1].at = 0xfffffffffffe;
  r.met[1].senders = DPOP | MTLS;
  return r;
}

/* The plain text of sample(). */
static size_t sample_by_hand(uint8_t *out)
{
  static const uint8_t times[] = { 1, 2, 3, 4, 5, 6, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };
  uint8_t *at = out;

#define FILL(octet, n)  (memset(at, octet, n), at += (n))
#define COPY(octets, n) (memcpy(at, octets, n), at += (n))
  COPY(times, sizeof(times));
  FILL(0xb1, 32);
  assert_int_equal(at - out, 44);
  COPY("\x06", 1); /* DPoP and mTLS */
  FILL(0xc1, 32);
  FILL(0xc2, 32);
  COPY("\x02", 1);
  FILL(0xd1, 16);
  COPY("\0\0\0\0\0\x01\x04", 7);
  FILL(0xd2, 16);
  COPY("\xff\xff\xff\xff\xff\xfe\x06", 7);
#undef FILL
#undef COPY
  return (size_t)(at - out);
}

/* Where the pieces of that plain text lie. */
#define AT_SENDERS 44u
#define AT_COUNT   109u
#define AT_ENTRY   110u
#define AT_SECOND  (AT_ENTRY + 23u)
#define SAMPLE_LEN (AT_SECOND + 23u)

typedef struct bench {
  x_host x;
  occ_workspace *ws;
  const occ_key_set *keys;
} bench;

static void open_bench(bench *b)
{
  x_init(&b->x, SIZE_MAX, false);
  assert_int_equal(occ__lib_take(b->x.lib, &b->ws), OCC_OK);
  b->keys = occ__keyring_take(b->x.ring);
}

static void close_bench(bench *b)
{
  occ__lib_give(b->x.lib, b->ws);
  occ__keyring_give(b->x.ring, b->keys);
  x_close(&b->x);
}

static int seal(bench *b, const occ_receipt *receipt, char text[OCC__MAX_RECEIPT + 1])
{
  occ_sealed sealed;
  int rc = occ__receipt_seal(&sealed, b->ws, occ__key_set_seals(b->keys, X_T0), receipt);
  size_t len = occ__receipt_text(text, &sealed);

  assert_true((rc == OCC_OK) == (len > 0));
  assert_int_equal(len, strlen(text));
  return rc;
}

static int open_octets(bench *b, occ_receipt *out, const uint8_t *octets, size_t len)
{
  occ_sealed sealed = { .len = len };
  char text[2 * OCC__MAX_HANDLE];
  int rc;

  assert_true(len <= sizeof(sealed.octets));
  rc = occ__receipt_decode(&sealed, occ__span(text, occ__b64_encode(text, octets, len)));
  return rc != OCC_OK ? rc : occ__receipt_open(out, b->ws, b->keys, &sealed, X_T0);
}

static int open_text(bench *b, occ_receipt *out, const char *text)
{
  occ_sealed sealed;
  int rc = occ__receipt_decode(&sealed, occ__span_text(text));

  assert_true((rc == OCC_OK) == (sealed.len > 0));
  return rc != OCC_OK ? rc : occ__receipt_open(out, b->ws, b->keys, &sealed, X_T0);
}

static void assert_equal(const occ_receipt *a, const occ_receipt *b)
{
  assert_memory_equal(a->id, b->id, sizeof(a->id));
  assert_true(a->issued == b->issued);
  assert_true(a->expires == b->expires);
  assert_memory_equal(a->bound, b->bound, sizeof(a->bound));
  assert_int_equal(a->senders, b->senders);
  assert_memory_equal(a->sender, b->sender, sizeof(a->sender));
  assert_int_equal(a->met_count, b->met_count);
  for (size_t i = 0; i < OCC__MAX_SATISFIED; i++) {
    assert_memory_equal(a->met[i].id, b->met[i].id, OCC__TEMPLATE_ID_LEN);
    assert_true(a->met[i].at == b->met[i].at);
    assert_int_equal(a->met[i].senders, b->met[i].senders);
  }
}

static void test_seal_and_open__are_what_the_layout_says(void **state)
{
  uint8_t plain[512], sealed[1024];
  char want[2048], text[OCC__MAX_RECEIPT + 1];
  const occ_receipt r = sample();
  occ_receipt got;
  size_t len;
  bench b;
  (void)state;

  open_bench(&b);
  len = sample_by_hand(plain);
  assert_int_equal(len, SAMPLE_LEN);
  len = seal_by_hand(sealed, 0x21, LABEL, r.id, plain, len);
  occ__b64_encode(want, sealed, len);
  assert_int_equal(seal(&b, &r, text), OCC_OK);
  assert_string_equal(text, want);
  assert_int_equal(text[0], 'I');
  assert_int_equal(open_text(&b, &got, want), OCC_OK);
  assert_equal(&got, &r);
  close_bench(&b);
}

static void test_seal__has_limits(void **state)
{
  static const struct {
    const char *why;
    size_t met;
    unsigned senders;
    occ_time issued, expires, at;
    int want;
  } row[] = {
    { "nothing met", 0, DPOP, 1, 2, 1, OCC_ERR_LIMIT },
    { "one", 1, 0, 1, 2, 1, OCC_OK },
    { "seven", 7, DPOP, 1, 2, 1, OCC_OK },
    { "eight", 8, OCC__SENDER_BITS, 1, 2, 1, OCC_OK },
    { "nine", 9, DPOP, 1, 2, 1, OCC_ERR_LIMIT },
    { "a sender that is none", 1, 1, 1, 2, 1, OCC_ERR_LIMIT },
    { "a fourth sender", 1, 0x10, 1, 2, 1, OCC_ERR_LIMIT },
    { "issued before all time", 1, 0, -1, 2, 1, OCC_ERR_LIMIT },
    { "issued at the last moment", 1, 0, OCC__MAX_SEALED_TIME, 2, 1, OCC_OK },
    { "issued after it", 1, 0, OCC__MAX_SEALED_TIME + 1, 2, 1, OCC_ERR_LIMIT },
    { "expires at the last moment", 1, 0, 1, OCC__MAX_SEALED_TIME, 1, OCC_OK },
    { "expires after it", 1, 0, 1, OCC__MAX_SEALED_TIME + 1, 1, OCC_ERR_LIMIT },
    { "met before all time", 1, 0, 1, 2, -1, OCC_ERR_LIMIT },
    { "met after all time", 1, 0, 1, 2, OCC__MAX_SEALED_TIME + 1, OCC_ERR_LIMIT },
  };
  char text[OCC__MAX_RECEIPT + 1];
  bench b;
  (void)state;

  open_bench(&b);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_receipt r = { .issued = row[i].issued, .expires = row[i].expires }, got;

    print_message("  %s\n", row[i].why);
    r.met_count = row[i].met;
    r.senders = (uint8_t)row[i].senders;
    for (size_t k = 0; k < row[i].met && k < OCC__MAX_SATISFIED; k++) {
      r.met[k].at = row[i].at;
      r.met[k].id[0] = (uint8_t)k;
    }
    assert_int_equal(seal(&b, &r, text), row[i].want);
    if (row[i].want == OCC_OK) {
      assert_int_equal(open_text(&b, &got, text), OCC_OK);
      assert_equal(&got, &r);
    }
    if (row[i].met == 8) {
      assert_int_equal(strlen(text), OCC__MAX_RECEIPT);
    }
  }
  close_bench(&b);
}

static void test_seal__an_entry_shows_no_key_that_the_receipt_has_not(void **state)
{
  char text[OCC__MAX_RECEIPT + 1];
  occ_receipt r = sample();
  bench b;
  (void)state;

  open_bench(&b);
  r.met[1].senders = DPOP | MTLS | 1u << OCC_SENDER_ATTESTED;
  assert_int_equal(seal(&b, &r, text), OCC_ERR_LIMIT);
  close_bench(&b);
}

static void test_open__refuses_plain_texts(void **state)
{
  static const struct {
    const char *why;
    size_t at;     /* this octet .. */
    uint8_t octet; /* .. is that */
    size_t len;    /* and so much of it is sealed */
  } row[] = {
    { "an octet short", 0, 1, SAMPLE_LEN - 1 },
    { "an octet behind it", 0, 1, SAMPLE_LEN + 1 },
    { "an entry behind it", 0, 1, SAMPLE_LEN + 23 },
    { "the second entry is missing", 0, 1, AT_SECOND },
    { "fewer entries than there are", AT_COUNT, 1, SAMPLE_LEN },
    { "more entries than there are", AT_COUNT, 3, SAMPLE_LEN },
    { "no entry", AT_COUNT, 0, SAMPLE_LEN },
    { "nine entries", AT_COUNT, 9, AT_ENTRY + 9 * 23 },
    { "255 entries", AT_COUNT, 255, SAMPLE_LEN },
    { "a sender that is none", AT_SENDERS, 0x07, SAMPLE_LEN },
    { "a fourth sender", AT_SENDERS, 0x16, SAMPLE_LEN },
    { "a sender without its thumbprint", AT_SENDERS, 0x0e, SAMPLE_LEN },
    { "a thumbprint without its sender", AT_SENDERS, 0x02, SAMPLE_LEN },
    { "an entry with a sender that is none", AT_SECOND - 1, 0x01, SAMPLE_LEN },
    { "an entry with a key that the receipt has not", AT_SECOND - 1, 0x08, SAMPLE_LEN },
  };
  static const occ_receipt nothing;
  bench b;
  (void)state;

  open_bench(&b);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    uint8_t plain[512] = { 0 }, sealed[1024], id[32] = { 7 };
    occ_receipt got = sample();
    size_t len;

    print_message("  %s\n", row[i].why);
    sample_by_hand(plain);
    plain[row[i].at] = row[i].octet;
    len = seal_by_hand(sealed, 0x21, LABEL, id, plain, row[i].len);
    assert_int_equal(open_octets(&b, &got, sealed, len), OCC__REASON_RECEIPT_MALFORMED);
    assert_equal(&got, &nothing);
  }
  close_bench(&b);
}

static void test_open__refuses_other_kinds(void **state)
{
  static const struct {
    const char *why, *label;
    uint8_t format;
    int want;
  } row[] = {
    { "a session's label", "libocc session 1", 0x21, OCC__REASON_RECEIPT_FORGED },
    { "a nonce's label", "libocc dpop nonce 1", 0x21, OCC__REASON_RECEIPT_FORGED },
    { "the next label", "libocc receipt 2", 0x21, OCC__REASON_RECEIPT_FORGED },
    { "a session's format", LABEL, 0x01, OCC__REASON_RECEIPT_MALFORMED },
    { "a stored session's format", LABEL, 0x81, OCC__REASON_RECEIPT_MALFORMED },
    { "a nonce's format", LABEL, 0xc1, OCC__REASON_RECEIPT_MALFORMED },
    { "the format before", LABEL, 0x20, OCC__REASON_RECEIPT_MALFORMED },
    { "the next format", LABEL, 0x22, OCC__REASON_RECEIPT_MALFORMED },
    { "with the bit of what is stored", LABEL, 0xa1, OCC__REASON_RECEIPT_MALFORMED },
  };
  bench b;
  (void)state;

  open_bench(&b);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    uint8_t plain[512], sealed[1024], id[32] = { 7 };
    occ_receipt got;
    size_t len = sample_by_hand(plain);

    print_message("  %s\n", row[i].why);
    len = seal_by_hand(sealed, row[i].format, row[i].label, id, plain, len);
    assert_int_equal(open_octets(&b, &got, sealed, len), row[i].want);
  }
  close_bench(&b);
}

/* A receipt is no handle, whoever shows it; nor is a handle that was made by hand from a receipt's octets. */
static void test_open__as_a_handle(void **state)
{
  uint8_t plain[512], octets[1024], id[32] = { 7 };
  char text[OCC__MAX_RECEIPT + 1];
  const occ_receipt r = sample();
  occ_session session;
  occ_sealed sealed;
  occ_arena arena;
  int stored;
  bench b;
  (void)state;

  open_bench(&b);
  occ__arena_init(&arena, &b.x.fm.mem, (size_t)64 * 1024);
  assert_int_equal(seal(&b, &r, text), OCC_OK);
  assert_int_equal(occ__handle_kind(occ__span_text(text), &stored, id),
                   OCC__REASON_SESSION_MALFORMED);
  assert_int_equal(occ__handle_decode(&sealed, occ__span_text(text)),
                   OCC__REASON_SESSION_MALFORMED);
  sealed.len = seal_by_hand(octets, 0x01, LABEL, id, plain, sample_by_hand(plain));
  memcpy(sealed.octets, octets, sealed.len);
  assert_int_equal(occ__handle_open(&session, &arena, b.ws, b.keys, &sealed, X_T0),
                   OCC__REASON_SESSION_FORGED);
  occ__arena_clear(&arena);
  close_bench(&b);
}

static void test_open__every_bit_counts(void **state)
{
  uint8_t plain[512], sealed[1024], id[32] = { 7 };
  occ_receipt got;
  size_t len;
  bench b;
  (void)state;

  open_bench(&b);
  len = seal_by_hand(sealed, 0x21, LABEL, id, plain, sample_by_hand(plain));
  assert_int_equal(open_octets(&b, &got, sealed, len), OCC_OK);
  for (size_t bit = 0; bit < len * 8; bit++) {
    int rc;

    sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    rc = open_octets(&b, &got, sealed, len);
    assert_int_equal(rc, bit < 8    ? OCC__REASON_RECEIPT_MALFORMED
                         : bit < 40 ? OCC__REASON_RECEIPT_KEY_UNKNOWN
                                    : OCC__REASON_RECEIPT_FORGED);
    sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  close_bench(&b);
}

/* ---- In the machine ------------------------------------------------------------------------------------------ */

#define TYPES                                                                                      \
  "\"types\":{\"ev\":{\"class\":\"provenance\",\"params\":[\"ev\"]},"                              \
  "\"act\":{\"class\":\"authorization\",\"params\":[\"act\"]}},"
#define SERVER(requirements)                                                                       \
  "{" X_BASE "\"par_urls\":[\"https://as.example/par\"],\"dpop\":\"host\"," TYPES                  \
  "\"requirements\":{" requirements "}}"
#define TWO SERVER("\"who\":{\"type\":\"ev\"},\"may\":{\"type\":\"act\"}")

static int open_host(void **state)
{
  x_host *x = calloc(1, sizeof(*x));

  assert_non_null(x);
  x_open(x, TWO, NULL, NULL);
  x->verdict[OCC_ASK_VERIFY] = OCC_YES;
  x->sender = OCC_SENDER_DPOP;
  x->thumbprint = KEY_A;
  *state = x;
  return 0;
}

static int close_host(void **state)
{
  x_host *x = *state;

  free((char *)(uintptr_t)x->receipt);
  x_close(x);
  free(x);
  return 0;
}

static void replace_server(x_host *x, const char *json)
{
  occ_server_free(x->server);
  x->server = x_server(x, json, NULL, NULL, NULL);
  assert_non_null(x->server);
}

#define EV  "ev=0123456789abcdef"
#define ACT "act=0123456789abcdef"

/* One request, run to its end: with the session of the last challenge and this evidence, or without both (NULL). It is
 * granted unless the policy asks for a requirement that is not met (NULL: it asks for none). */
static occ_txn *step(x_host *x, const char *form, const char *evidence, const char *ask)
{
  char body[4096];
  occ_txn *txn;

  (void)snprintf(body, sizeof(body), "%s%s%s%s%s", form,
                 evidence == NULL ? "" : "&challenge_session=", evidence == NULL ? "" : x->handle,
                 evidence == NULL ? "" : "&", evidence == NULL ? "" : evidence);
  x->challenge = ask;
  txn = x_txn(x, body);
  assert_non_null(txn);
  assert_int_equal(x_run(x, txn), OCC_OK);
  x->challenge = NULL;
  if (occ_txn_outcome(txn) == OCC_CHALLENGE) {
    assert_int_equal(x_handle(x, txn), 1);
  }
  return txn;
}

static void challenged(x_host *x, const char *form, const char *evidence, const char *ask)
{
  occ_txn *txn = step(x, form, evidence, ask);

  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  occ_txn_free(txn);
}

/* A pushed request that is granted when it has met "who", "may" or both ("who" first). */
static occ_txn *push(x_host *x, int who, int may)
{
  occ_txn *txn;

  x->endpoint = OCC_PAR;
  if (who) {
    challenged(x, PUSHED, NULL, "who");
  }
  if (may) {
    challenged(x, PUSHED, who ? EV : NULL, "may");
  }
  txn = step(x, PUSHED, may ? ACT : who ? EV : NULL, NULL);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  x->endpoint = OCC_TOKEN;
  return txn;
}

/* The same, and its receipt is what all later requests hand in. */
static void pushed(x_host *x, int who, int may)
{
  occ_txn *txn;

  free((char *)(uintptr_t)x->receipt);
  x->receipt = NULL;
  txn = push(x, who, may);
  x->receipt = x_copy(occ_txn_receipt(txn));
  occ_txn_free(txn);
}

/* A token request at DECIDE. */
static occ_txn *at_decide(x_host *x, const char *form)
{
  occ_txn *txn = x_at(x, form, OCC_ASK_DECIDE);

  assert_false(occ_txn_is_satisfied(txn, "none"));
  return txn;
}

static void assert_counts(x_host *x, const char *form, int who, int may)
{
  occ_txn *txn = at_decide(x, form);

  assert_int_equal(occ_txn_is_satisfied(txn, "who"), who);
  assert_int_equal(occ_txn_is_satisfied(txn, "may"), may);
  assert_string_equal(occ_txn_fact(txn, "/satisfied", NULL), who && may ? "[\"who\",\"may\"]"
                                                             : who      ? "[\"who\"]"
                                                             : may      ? "[\"may\"]"
                                                                        : "[]");
  occ_txn_free(txn);
}

/* Nothing counts, one event says why, and the client sees nothing of it. */
static void assert_ignored(x_host *x, const char *form, const char *reason)
{
  occ_txn *txn = at_decide(x, form);
  const char *log = occ_txn_log(txn, NULL), *first = strstr(log, "\"event\":\"receipt_ignored\"");

  assert_false(occ_txn_is_satisfied(txn, "who"));
  assert_false(occ_txn_is_satisfied(txn, "may"));
  assert_string_equal(occ_txn_fact(txn, "/satisfied", NULL), "[]");
  assert_true(x_logged(txn, "reason", reason));
  assert_non_null(first);
  assert_null(strstr(first + 1, "\"event\":\"receipt_"));
  assert_false(x_logged(txn, "event", "receipt_accepted"));
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  occ_txn_free(txn);
}

static void test_receipt__counts_at_the_token_request(void **state)
{
  static const struct {
    const char *why;
    int who, may;
  } row[] = {
    { "provenance", 1, 0 },
    { "authorization", 0, 1 },
    { "both", 1, 1 },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    pushed(x, row[i].who, row[i].may);
    assert_counts(x, CODE, row[i].who, row[i].may);
    assert_counts(x, CODE, row[i].who, row[i].may); /* the client may send the code again */
    txn = step(x, CODE, NULL, row[i].may ? "may" : "who");
    assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
    assert_true(x_logged(txn, "event", "receipt_accepted"));
    assert_false(x_logged(txn, "reason", "receipt_requirement_gone"));
    assert_null(occ_txn_receipt(txn));
    occ_txn_free(txn);
  }
}

static void test_receipt__is_there_after_a_grant_at_par_alone(void **state)
{
  x_host *x = *state;
  occ_txn *txn = push(x, 0, 0);
  char body[2048];

  assert_null(occ_txn_receipt(NULL));
  assert_null(occ_txn_receipt(txn)); /* nothing was met */
  assert_false(x_logged(txn, "event", "receipt_created"));
  occ_txn_free(txn);

  x->endpoint = OCC_PAR;
  txn = step(x, PUSHED, NULL, "who");
  assert_null(occ_txn_receipt(txn)); /* a challenge */
  occ_txn_free(txn);
  x->stop = OCC_ASK_DECIDE;
  (void)snprintf(body, sizeof(body), PUSHED "&challenge_session=%s&" EV, x->handle);
  txn = x_txn(x, body);
  assert_null(occ_txn_receipt(txn)); /* not run */
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_true(occ_txn_is_satisfied(txn, "who"));
  assert_null(occ_txn_receipt(txn)); /* not decided */
  assert_int_equal(occ_txn_answer(txn, occ_txn_question(txn)->ticket, OCC_NO, NULL, 0), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_REFUSE);
  assert_null(occ_txn_receipt(txn)); /* refused */
  occ_txn_free(txn);
  x->stop = OCC_ASK_NONE;

  x->endpoint = OCC_TOKEN; /* another endpoint */
  challenged(x, X_BODY, NULL, "who");
  txn = step(x, X_BODY, EV, NULL);
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_null(occ_txn_receipt(txn));
  occ_txn_free(txn);
}

static void test_receipt__goes_with_what_is_given_back(void **state)
{
  x_host *x = *state;
  occ_txn *txn = push(x, 1, 1);
  const char *receipt = occ_txn_receipt(txn);

  assert_non_null(receipt);
  assert_true(x_logged(txn, "event", "receipt_created"));
  assert_int_equal(occ_txn_settle(txn, 1), OCC_OK);
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_ptr_equal(occ_txn_receipt(txn), receipt);
  occ_txn_free(txn);
  txn = push(x, 1, 1);
  assert_int_equal(occ_txn_settle(txn, 0), OCC_OK);
  assert_null(occ_txn_receipt(txn));
  assert_int_equal(occ_txn_run(txn, X_T0), OCC_OK);
  assert_null(occ_txn_receipt(txn));
  occ_txn_free(txn);
}

static void test_receipt__says_what_was_met_and_how(void **state)
{
  x_host *x = *state;
  const occ_key_set *keys = occ__keyring_take(x->ring);
  occ_workspace *ws = NULL;
  occ_receipt receipt;
  occ_sealed sealed;

  x->sender = OCC_SENDER_MTLS;
  x->now += 7;
  pushed(x, 1, 1);
  assert_int_equal(occ__lib_take(x->lib, &ws), OCC_OK);
  assert_int_equal(occ__receipt_decode(&sealed, occ__span_text(x->receipt)), OCC_OK);
  assert_int_equal(occ__receipt_open(&receipt, ws, keys, &sealed, X_T0), OCC_OK);
  assert_true(receipt.issued == X_T0 + 7);
  assert_true(receipt.expires == X_T0 + 7 + 600000);
  assert_int_equal(receipt.senders, MTLS);
  assert_int_equal(receipt.met_count, 2);
  for (size_t i = 0; i < 2; i++) {
    assert_true(receipt.met[i].at == X_T0 + 7);
    assert_int_equal(receipt.met[i].senders, MTLS);
    assert_memory_equal(receipt.met[i].id, x->server->requirement[i].id, OCC__TEMPLATE_ID_LEN);
  }
  occ__lib_give(x->lib, ws);
  occ__keyring_give(x->ring, keys);
}

/* An entry of an earlier round keeps the time of that round; one that has lapsed there is not met here either. */
static void test_receipt__keeps_the_time_of_earlier_rounds(void **state)
{
  static const struct {
    const char *why;
    occ_time later;
    size_t met;
  } row[] = {
    { "a millisecond before it lapses", 299999, 2 },
    { "it has lapsed", 300000, 1 },
  };
  x_host *x = *state;

  replace_server(x, SERVER("\"who\":{\"type\":\"ev\"},\"may\":{\"type\":\"act\",\"expiry\":600}"));
  for (size_t i = 0; i < X_ROWS(row); i++) {
    const occ_key_set *keys = occ__keyring_take(x->ring);
    occ_workspace *ws = NULL;
    occ_receipt receipt;
    occ_sealed sealed;
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    x->now = X_T0;
    x->endpoint = OCC_PAR;
    challenged(x, PUSHED, NULL, "who");
    challenged(x, PUSHED, EV, "may");
    x->now += row[i].later;
    txn = step(x, PUSHED, ACT, NULL);
    assert_int_equal(occ__lib_take(x->lib, &ws), OCC_OK);
    assert_int_equal(occ__receipt_decode(&sealed, occ__span_text(occ_txn_receipt(txn))), OCC_OK);
    assert_int_equal(occ__receipt_open(&receipt, ws, keys, &sealed, X_T0), OCC_OK);
    assert_int_equal(receipt.met_count, row[i].met);
    assert_true(receipt.met[0].at == (row[i].met == 2 ? X_T0 : x->now));
    assert_true(receipt.met[row[i].met - 1].at == x->now);
    occ_txn_free(txn);
    occ__lib_give(x->lib, ws);
    occ__keyring_give(x->ring, keys);
  }
}

static void test_receipt__what_was_met_twice_has_the_later_time(void **state)
{
  x_host *x = *state;
  const occ_key_set *keys = occ__keyring_take(x->ring);
  occ_workspace *ws = NULL;
  occ_receipt receipt;
  occ_sealed sealed;
  char body[2048];
  occ_txn *txn;

  x->endpoint = OCC_PAR;
  challenged(x, PUSHED, NULL, "who");
  (void)snprintf(body, sizeof(body), PUSHED "&challenge_session=%s&" EV, x->handle);
  txn = x_at(x, body, OCC_ASK_DECIDE);
  assert_true(occ_txn_is_satisfied(txn, "who"));
  assert_int_equal(occ_txn_answer_challenge(txn, occ_txn_question(txn)->ticket, "who", NULL),
                   OCC_OK);
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(x_handle(x, txn), 1);
  occ_txn_free(txn);
  x->now += 1000;
  txn = step(x, PUSHED, EV, NULL);
  assert_int_equal(occ__lib_take(x->lib, &ws), OCC_OK);
  assert_int_equal(occ__receipt_decode(&sealed, occ__span_text(occ_txn_receipt(txn))), OCC_OK);
  assert_int_equal(occ__receipt_open(&receipt, ws, keys, &sealed, X_T0), OCC_OK);
  assert_int_equal(receipt.met_count, 1);
  assert_true(receipt.met[0].at == X_T0 + 1000);
  occ_txn_free(txn);
  occ__lib_give(x->lib, ws);
  occ__keyring_give(x->ring, keys);
}

static void test_receipt__counts_for_its_time(void **state)
{
  static const struct {
    const char *why;
    occ_time later;
    const char *reason; /* NULL: it counts */
  } row[] = {
    { "at once", 0, NULL },
    { "evidence of a round would have lapsed", 300000, NULL },
    { "a millisecond before the end", 599999, NULL },
    { "at the end", 600000, "receipt_expired" },
    { "after the end", 600001, "receipt_expired" },
    { "made by a node 120 s ahead", -120000, NULL },
    { "made by one that is further ahead", -120001, "receipt_ahead" },
  };
  x_host *x = *state;

  pushed(x, 1, 1);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    x->now = X_T0 + row[i].later;
    if (row[i].reason == NULL) {
      assert_counts(x, CODE, 1, 1);
    } else {
      assert_ignored(x, CODE, row[i].reason);
    }
  }
}

/* It ends while the policy thinks. */
static void test_receipt__ends_while_it_is_looked_at(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  pushed(x, 1, 0);
  x->now += 599999;
  txn = at_decide(x, CODE);
  assert_true(occ_txn_is_satisfied(txn, "who"));
  assert_int_equal(occ_txn_run(txn, x->now + 1), OCC_PENDING);
  assert_false(occ_txn_is_satisfied(txn, "who"));
  occ_txn_free(txn);
}

static void test_receipt__is_for_one_client_and_its_keys(void **state)
{
  static const struct {
    const char *why, *client;
    occ_sender sender;
    const char *thumbprint, *reason;
  } row[] = {
    { "another client", "agent-8", OCC_SENDER_DPOP, KEY_A, "receipt_of_another_client" },
    { "a client whose id begins like it", "agent-77", OCC_SENDER_DPOP, KEY_A,
      "receipt_of_another_client" },
    { "no client", NULL, OCC_SENDER_DPOP, KEY_A, "receipt_of_another_client" },
    { "another key", X_CLIENT, OCC_SENDER_DPOP, KEY_B, "receipt_of_another_sender" },
    { "no key", X_CLIENT, (occ_sender)0, NULL, "receipt_of_another_sender" },
    { "a key of another kind", X_CLIENT, OCC_SENDER_MTLS, KEY_A, "receipt_of_another_sender" },
    { "another key of another kind", X_CLIENT, OCC_SENDER_ATTESTED, KEY_B,
      "receipt_of_another_sender" },
  };
  x_host *x = *state;

  pushed(x, 1, 1);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    x->client = row[i].client;
    x->metadata = row[i].client == NULL ? NULL : X_CAPABLE;
    x->sender = row[i].sender;
    x->thumbprint = row[i].thumbprint;
    assert_ignored(x, CODE, row[i].reason);
  }
}

static occ_txn *bare(x_host *x, const char *client, const char *method)
{
  occ_txn *txn = NULL;

  assert_int_equal(occ_txn_new(&txn, x->server, OCC_TOKEN, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_body(txn, CODE, strlen(CODE)), OCC_OK);
  assert_int_equal(occ_txn_set_client(txn, client, method, NULL), OCC_OK);
  assert_int_equal(occ_txn_set_metadata(txn, X_CAPABLE, strlen(X_CAPABLE)), OCC_OK);
  return txn;
}

static void test_receipt__is_for_one_method(void **state)
{
  static const struct {
    const char *why, *method;
    int want;
  } row[] = {
    { "the same", "client_secret_basic", 1 },
    { "the other secret", "client_secret_post", 0 },
    { "none", "none", 0 },
    { "a longer word", "client_secret_basic2", 0 },
  };
  x_host *x = *state;

  pushed(x, 1, 0);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = bare(x, X_CLIENT, row[i].method);

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set(txn, "receipt", x->receipt), OCC_OK);
    assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_DPOP, KEY_A), OCC_OK);
    x->stop = OCC_ASK_DECIDE;
    assert_int_equal(x_run(x, txn), OCC_PENDING);
    assert_int_equal(occ_txn_is_satisfied(txn, "who"), row[i].want);
    assert_int_equal(x_logged(txn, "reason", "receipt_of_another_client"), !row[i].want);
    occ_txn_free(txn);
  }
}

/* Keys beside those of the pushed request take nothing away, as in a follow-up; each of those must be there. */
static void test_receipt__of_two_keys(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  pushed(x, 1, 1);
  txn = bare(x, X_CLIENT, "client_secret_basic");
  assert_int_equal(occ_txn_set(txn, "receipt", x->receipt), OCC_OK);
  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_DPOP, KEY_A), OCC_OK);
  assert_int_equal(occ_txn_set_sender(txn, OCC_SENDER_MTLS, KEY_B), OCC_OK);
  x->stop = OCC_ASK_DECIDE;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  assert_true(occ_txn_is_satisfied(txn, "may"));
  occ_txn_free(txn);
  x->stop = OCC_ASK_NONE;
}

static void test_receipt__without_a_key(void **state)
{
  x_host *x = *state;

  x->sender = (occ_sender)0;
  pushed(x, 1, 0);
  assert_counts(x, CODE, 1, 0);
  x->sender = OCC_SENDER_DPOP; /* RFC 9449 section 10: nothing binds the code to a key */
  assert_counts(x, CODE, 1, 0);
  x->client = "agent-8";
  assert_ignored(x, CODE, "receipt_of_another_client");
}

static void test_receipt__is_for_a_code(void **state)
{
  static const struct {
    const char *why, *form;
  } row[] = {
    { "no user", X_BODY },
    { "a refresh token", "grant_type=refresh_token&refresh_token=r" },
    { "another spelling", "grant_type=Authorization_code&code=c" },
    { "a longer word", "grant_type=authorization_code2&code=c" },
    { "a device", "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=c" },
    { "token exchange", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange" },
  };
  x_host *x = *state;

  pushed(x, 1, 1);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_ignored(x, row[i].form, "receipt_for_another_grant");
  }
}

static void test_receipt__ends_with_the_wording(void **state)
{
  static const struct {
    const char *why, *json, *reason; /* reason of the event, or NULL: no reason */
    int who, may;
  } row[] = {
    { "loaded again", TWO, NULL, 1, 1 },
    { "one more requirement",
      SERVER("\"who\":{\"type\":\"ev\"},\"may\":{\"type\":\"act\"},\"new\":{\"type\":\"ev\"}"),
      NULL, 1, 1 },
    { "one was changed", SERVER("\"who\":{\"type\":\"ev\",\"level\":2},\"may\":{\"type\":\"act\"}"),
      "receipt_requirement_gone", 0, 1 },
    { "one is gone", SERVER("\"who\":{\"type\":\"ev\"}"), "receipt_requirement_gone", 1, 0 },
    { "they changed names", SERVER("\"may\":{\"type\":\"ev\"},\"who\":{\"type\":\"act\"}"),
      "receipt_requirement_gone", 0, 0 },
    { "both were changed",
      SERVER("\"who\":{\"type\":\"ev\",\"a\":1},\"may\":{\"type\":\"act\",\"a\":1}"),
      "receipt_requirement_gone", 0, 0 },
    { "there is none any more", SERVER(""), "receipt_requirement_gone", 0, 0 },
  };
  x_host *x = *state;

  pushed(x, 1, 1);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn;

    print_message("  %s\n", row[i].why);
    replace_server(x, row[i].json);
    if (!row[i].who && !row[i].may) {
      assert_ignored(x, CODE, row[i].reason);
      continue;
    }
    assert_counts(x, CODE, row[i].who, row[i].may);
    txn = at_decide(x, CODE);
    assert_true(x_logged(txn, "event", "receipt_accepted"));
    assert_int_equal(x_logged(txn, "reason", "receipt_requirement_gone"), row[i].reason != NULL);
    occ_txn_free(txn);
  }
}

/* Raised from provenance, which needs no key, to authorization, which does. O-12 */
static void test_receipt__of_a_class_that_was_raised(void **state)
{
#define EITHER(class)                                                                              \
  "{" X_BASE                                                                                       \
  "\"dpop\":\"host\",\"types\":{\"ev\":{\"class\":\"" class "\",\"params\":[\"ev\"]}},"            \
                                                            "\"requirements\":{\"who\":{\"type\":" \
                                                            "\"ev\"}}}"
  x_host *x = *state;

  replace_server(x, EITHER("provenance"));
  x->sender = (occ_sender)0;
  pushed(x, 1, 0);
  assert_counts(x, CODE, 1, 0);
  replace_server(x, EITHER("authorization"));
  assert_ignored(x, CODE, "receipt_requirement_gone");
#undef EITHER
}

static void test_receipt__is_for_one_issuer(void **state)
{
  x_host *x = *state;
  occ_server *here = x->server;
  occ_config *config = NULL;

  pushed(x, 1, 1);
  assert_int_equal(occ_config_new(&config, x->lib, "https://other.example"), OCC_OK);
  assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
  assert_int_equal(occ_config_load(config, TWO, strlen(TWO)), OCC_OK);
  assert_int_equal(occ_server_new(&x->server, config), OCC_OK);
  occ_config_free(config);
  assert_ignored(x, CODE, "receipt_of_another_client");
  occ_server_free(x->server);
  x->server = here;
  assert_counts(x, CODE, 1, 1);
}

static void test_receipt__ends_with_its_key(void **state)
{
#define K1 "{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\",\"seal_from\":1,"
#define K2 "{\"id\":\"k2\",\"key\":\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\",\"seal_from\":2,"
#define K3 "{\"id\":\"k1\",\"key\":\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\",\"seal_from\":1,"
  static const struct {
    const char *why, *ring, *reason;
    occ_time later;
  } row[] = {
    { "another key seals now",
      "{\"keys\":[" K1 "\"open_until\":9000000000000}," K2 "\"open_until\":9000000000000}]}", NULL,
      0 },
    { "a millisecond before the key is closed",
      "{\"keys\":[" K1 "\"open_until\":1800000100000}," K2 "\"open_until\":9000000000000}]}", NULL,
      99999 },
    { "the key is closed",
      "{\"keys\":[" K1 "\"open_until\":1800000100000}," K2 "\"open_until\":9000000000000}]}",
      "receipt_key_unknown", 100000 },
    { "the key is gone", "{\"keys\":[" K2 "\"open_until\":9000000000000}]}", "receipt_key_unknown",
      0 },
    { "the key's id with other octets", "{\"keys\":[" K3 "\"open_until\":9000000000000}]}",
      "receipt_forged", 0 },
    { "no key", "{\"keys\":[]}", "receipt_key_unknown", 0 },
  };
#undef K1
#undef K2
#undef K3
  x_host *x = *state;

  pushed(x, 1, 1);
  for (size_t i = 0; i < X_ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    x->now = X_T0 + row[i].later;
    assert_int_equal(
        occ_keyring_load(x->ring, row[i].ring, strlen(row[i].ring), X_T0, 1 /* by force */),
        OCC_OK);
    if (row[i].reason == NULL) {
      assert_counts(x, CODE, 1, 1);
    } else {
      assert_ignored(x, CODE, row[i].reason);
    }
  }
}

/* Rounds at the token request: what the receipt says counts in each of them that brings it, and is carried by none. */
static void test_receipt__survives_rounds(void **state)
{
  x_host *x = *state;
  const char *receipt;
  occ_txn *txn;

  replace_server(x, SERVER("\"who\":{\"type\":\"ev\"},\"may\":{\"type\":\"act\"},"
                           "\"more\":{\"type\":\"ev\"}"));
  pushed(x, 1, 1);
  receipt = x->receipt;
  challenged(x, CODE, NULL, "more");
  txn = step(x, CODE, EV, "may");
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_true(occ_txn_is_satisfied(txn, "who"));
  assert_true(occ_txn_is_satisfied(txn, "may"));
  assert_true(occ_txn_is_satisfied(txn, "more"));
  occ_txn_free(txn);

  challenged(x, CODE, NULL, "more");
  x->receipt = NULL;
  txn = step(x, CODE, EV, "may"); /* asked again, for the host forgot it */
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_false(occ_txn_is_satisfied(txn, "who"));
  assert_true(occ_txn_is_satisfied(txn, "more"));
  occ_txn_free(txn);
  x->receipt = receipt; /* and in the next round it did not */
  txn = step(x, CODE, ACT, "who");
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_true(occ_txn_is_satisfied(txn, "more"));
  occ_txn_free(txn);
}

/* What is met anew takes nothing from what the receipt says, and a session that is stale neither. */
static void test_receipt__beside_a_stale_session(void **state)
{
  x_host *x = *state;
  occ_txn *txn;

  pushed(x, 1, 0);
  challenged(x, CODE, NULL, "may");
  x->now += 60000;
  txn = step(x, CODE, ACT, "who");
  assert_int_equal(occ_txn_outcome(txn), OCC_GRANT);
  assert_true(x_logged(txn, "reason", "session_expired"));
  assert_true(occ_txn_is_satisfied(txn, "who"));
  assert_false(occ_txn_is_satisfied(txn, "may"));
  occ_txn_free(txn);
}

/* ---- What the host hands in ---------------------------------------------------------------------------------- */

static void test_set__refuses(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "nothing", NULL },
    { "empty", "" },
    { "a word", "x" },
    { "no base64url", "*" },
    { "a session's first octets", "AQ" },
    { "a format and nothing behind it", "IQ" },
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    occ_txn *txn = bare(x, X_CLIENT, "none");

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_txn_set(txn, "receipt", row[i].text), OCC_ERR_ARGUMENT);
    x_is_failure(txn, x_run(x, txn), OCC_ERR_ARGUMENT, "host_input");
    occ_txn_free(txn);
  }
}

static void test_set__refuses_other_spellings(void **state)
{
  char text[OCC__MAX_RECEIPT + 16];
  x_host *x = *state;
  occ_txn *txn;
  size_t len;

  pushed(x, 1, 0);
  len = strlen(x->receipt);
  for (int i = 0; i < 7; i++) {
    static const char *const why[] = { "padded",         "a blank behind it", "a blank before it",
                                       "another format", "a line end",        "a handle",
                                       "plus for minus" };
    print_message("  %s\n", why[i]);
    (void)snprintf(text, sizeof(text), i == 2 ? " %s" : "%s%s", x->receipt,
                   i == 0   ? "="
                   : i == 1 ? " "
                   : i == 4 ? "\n"
                            : "");
    if (i == 3 || i == 5) {
      text[0] = i == 3 ? 'J' : 'A';
    }
    if (i == 6) {
      text[20] = '+';
    }
    txn = bare(x, X_CLIENT, "none");
    assert_int_equal(occ_txn_set(txn, "receipt", text), OCC_ERR_ARGUMENT);
    occ_txn_free(txn);
  }
  assert_true(len < OCC__MAX_RECEIPT);
}

/* By length alone: 122 to 379 octets, the format in front. */
static void test_set__has_limits(void **state)
{
  static const struct {
    size_t octets;
    int want;
  } row[] = {
    { 121, OCC_ERR_ARGUMENT },
    { 122, OCC_OK },
    { 123, OCC_OK },
    { 378, OCC_OK },
    { 379, OCC_OK },
    { 380, OCC_ERR_ARGUMENT },
    { 1024, OCC_ERR_ARGUMENT } /* more than a handle may have */,
  };
  x_host *x = *state;

  for (size_t i = 0; i < X_ROWS(row); i++) {
    uint8_t octets[1024] = { 0x21 };
    char text[2048];
    occ_txn *txn = bare(x, X_CLIENT, "none");

    print_message("  %u octets\n", (unsigned)row[i].octets);
    occ__b64_encode(text, octets, row[i].octets);
    assert_int_equal(occ_txn_set(txn, "receipt", text), row[i].want);
    assert_int_equal(strlen(text) <= OCC__MAX_RECEIPT,
                     row[i].want == OCC_OK || row[i].octets == 121);
    occ_txn_free(txn);
  }
}

static void test_set__at_its_place_alone(void **state)
{
  x_host *x = *state;
  const char *receipt;
  occ_txn *txn = NULL;

  pushed(x, 1, 0);
  receipt = x->receipt;
  assert_int_equal(occ_txn_new(&txn, x->server, OCC_PAR, NULL), OCC_OK);
  assert_int_equal(occ_txn_set(txn, "receipt", receipt), OCC_ERR_ARGUMENT); /* at PAR */
  occ_txn_free(txn);

  txn = bare(x, X_CLIENT, "none");
  assert_int_equal(occ_txn_set(txn, "receipt", receipt), OCC_OK);
  assert_int_equal(occ_txn_set(txn, "receipt", receipt), OCC_ERR_ARGUMENT); /* twice */
  occ_txn_free(txn);

  x->receipt = NULL;
  txn = at_decide(x, CODE);
  assert_int_equal(occ_txn_set(txn, "receipt", receipt), OCC_ERR_ARGUMENT); /* too late */
  assert_false(occ_txn_is_satisfied(txn, "who"));
  x->stop = OCC_ASK_NONE;
  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_set(txn, "receipt", receipt), OCC_ERR_STATE);
  occ_txn_free(txn);
  x->receipt = receipt;
}

/* A server without a ring asks for nothing, and opens nothing. */
static void test_receipt__without_a_ring(void **state)
{
  static const char json[] = "{\"dpop\":\"host\",\"store_id\":\"" X_STORE_ID "\"}";
  x_host *x = *state;
  occ_server *here = x->server;
  occ_config *config = NULL;

  pushed(x, 1, 0);
  assert_int_equal(occ_config_new(&config, x->lib, X_ISSUER), OCC_OK);
  assert_int_equal(occ_config_load(config, json, strlen(json)), OCC_OK);
  assert_int_equal(occ_server_new(&x->server, config), OCC_OK);
  occ_config_free(config);
  assert_ignored(x, CODE, "receipt_key_unknown");
  occ_server_free(x->server);
  x->server = here;
}

/* The ring seals no more when the pushed request is granted: that is told, and no receipt goes missing silently. */
static void test_receipt__no_key_seals(void **state)
{
  static const char ring[] =
      "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
      "\"seal_from\":8000000000000,\"open_until\":9000000000000}]}";
  x_host *x = *state;
  char body[2048];
  occ_txn *txn;

  x->endpoint = OCC_PAR;
  challenged(x, PUSHED, NULL, "who");
  assert_int_equal(occ_keyring_load(x->ring, ring, strlen(ring), X_T0, 1), OCC_OK);
  (void)snprintf(body, sizeof(body), PUSHED "&challenge_session=%s&" EV, x->handle);
  txn = x_txn(x, body);
  x_is_failure(txn, x_run(x, txn), OCC_ERR_CONFIG, "host_input");
  assert_null(occ_txn_receipt(txn));
  occ_txn_free(txn);
}

/* Every allocation of a request fails in turn: then it fails, and is never a grant that has lost its receipt. */
static void test_receipt__survives_every_failed_allocation(void **state)
{
  x_host *x = *state;

  for (int keep = 0; keep <= 1; keep++) {
    int rc = OCC_ERR_MEMORY, reached = 0;

    for (size_t n = 0; n < 2000 && !reached; n++) {
      char body[2048];
      occ_txn *txn;

      x->receipt = NULL;
      x->endpoint = OCC_PAR;
      x->used_count = 0;
      challenged(x, PUSHED, NULL, "who");
      (void)snprintf(body, sizeof(body), PUSHED "&challenge_session=%s&" EV, x->handle);
      x->fm.failed = false;
      x->fm.count = 0;
      x->fm.until = n;
      x->fm.keep = keep != 0;
      txn = x_txn(x, body);
      rc = txn == NULL ? OCC_ERR_MEMORY : x_run(x, txn);
      assert_true(txn == NULL || occ_txn_outcome(txn) != OCC_GRANT || occ_txn_receipt(txn) != NULL);
      assert_true(rc == OCC_OK || x->fm.failed);
      reached = rc == OCC_OK && !x->fm.failed;
      x->fm.until = SIZE_MAX;
      x->fm.keep = false;
      occ_txn_free(txn);
    }
    assert_true(reached);
  }
}

static void test_match__survives_every_failed_allocation(void **state)
{
  x_host *x = *state;

  pushed(x, 1, 1);
  for (int keep = 0; keep <= 1; keep++) {
    int reached = 0;

    for (size_t n = 0; n < 2000 && !reached; n++) {
      occ_txn *txn;
      int rc;

      x->challenge = "may";
      x->fm.failed = false;
      x->fm.count = 0;
      x->fm.until = n;
      x->fm.keep = keep != 0;
      txn = x_txn(x, CODE);
      rc = txn == NULL ? OCC_ERR_MEMORY : x_run(x, txn);
      assert_true(rc == OCC_OK || x->fm.failed);
      assert_true(txn == NULL || occ_txn_outcome(txn) != OCC_CHALLENGE); /* it is not lost */
      reached = rc == OCC_OK && !x->fm.failed;
      assert_true(!reached || occ_txn_outcome(txn) == OCC_GRANT);
      x->fm.until = SIZE_MAX;
      x->fm.keep = false;
      occ_txn_free(txn);
    }
    assert_true(reached);
  }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_seal_and_open__are_what_the_layout_says),
    cmocka_unit_test(test_seal__has_limits),
    cmocka_unit_test(test_seal__an_entry_shows_no_key_that_the_receipt_has_not),
    cmocka_unit_test(test_open__refuses_plain_texts),
    cmocka_unit_test(test_open__refuses_other_kinds),
    cmocka_unit_test(test_open__as_a_handle),
    cmocka_unit_test(test_open__every_bit_counts),
    TEST(test_receipt__counts_at_the_token_request),
    TEST(test_receipt__is_there_after_a_grant_at_par_alone),
    TEST(test_receipt__goes_with_what_is_given_back),
    TEST(test_receipt__says_what_was_met_and_how),
    TEST(test_receipt__keeps_the_time_of_earlier_rounds),
    TEST(test_receipt__what_was_met_twice_has_the_later_time),
    TEST(test_receipt__counts_for_its_time),
    TEST(test_receipt__ends_while_it_is_looked_at),
    TEST(test_receipt__is_for_one_client_and_its_keys),
    TEST(test_receipt__is_for_one_method),
    TEST(test_receipt__of_two_keys),
    TEST(test_receipt__without_a_key),
    TEST(test_receipt__is_for_a_code),
    TEST(test_receipt__ends_with_the_wording),
    TEST(test_receipt__of_a_class_that_was_raised),
    TEST(test_receipt__is_for_one_issuer),
    TEST(test_receipt__ends_with_its_key),
    TEST(test_receipt__survives_rounds),
    TEST(test_receipt__beside_a_stale_session),
    TEST(test_set__refuses),
    TEST(test_set__refuses_other_spellings),
    TEST(test_set__has_limits),
    TEST(test_set__at_its_place_alone),
    TEST(test_receipt__without_a_ring),
    TEST(test_receipt__no_key_seals),
    TEST(test_receipt__survives_every_failed_allocation),
    TEST(test_match__survives_every_failed_allocation),
  };
#undef TEST

  return cmocka_run_group_tests_name("core/receipt", tests, NULL, NULL);
}
