/* SPDX-License-Identifier: MIT */
#ifndef TXN_HOST_H
#define TXN_HOST_H

/* A small host for unit tests of core and evidence: one lib over fail_mem, one key ring, one server, and a txn that is
 * driven while the answers are what the test has put into the struct. ONCE is a plain list. Whole conversations with
 * the real store are the transcripts' (fake_host.h). Include after cmocka.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "fail_mem.h"
#include "occ/occ.h"
#include "test_keys.h"

#define X_T0       INT64_C(1800000000000)
#define X_ISSUER   "https://as.example"
#define X_TOKEN    "https://as.example/token"
#define X_CLIENT   "agent-7"
#define X_BODY     "grant_type=client_credentials&scope=a"
#define X_CAPABLE  "{\"insufficient_client_authorization_supported\":true}"
#define X_STORE_ID "AAECAwQFBgcICQoLDA0ODw"
#define X_JWT      "urn:ietf:params:oauth:token-type:jwt"
#define X_BASE     "\"token_urls\":[\"" X_TOKEN "\"],\"store_id\":\"" X_STORE_ID "\","
#define X_ROWS(a)  (sizeof(a) / sizeof((a)[0]))
#define X_UNUSED   __attribute__((unused))

typedef struct x_host {
  fail_mem fm;
  occ_lib *lib;
  occ_keyring *ring;
  occ_server *server;
  occ_time now;
  /* the request */
  occ_endpoint endpoint;         /* 0: the token endpoint */
  const char *client, *metadata; /* NULL: not set */
  const char *receipt;           /* NULL: none */
  const char *dpop;              /* the header; NULL: none */
  occ_sender sender;             /* 0: none */
  const char *thumbprint;
  /* the answers */
  const char *challenge, *params; /* DECIDE, while it is not satisfied; NULL: grant */
  occ_verdict verdict[16];        /* other kinds; data as below, NULL: none */
  const char *data[16];
  occ_ask stop; /* x_run() returns when it is asked */
  /* what was seen */
  unsigned asked[16];
  uint8_t used[128][32];
  size_t used_count;
  char handle[OCC__MAX_HANDLE + 1];
} x_host;

static X_UNUSED void x_ring(x_host *x)
{
  static const char json[] =
      "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
      "\"seal_from\":1,\"open_until\":9000000000000}]}";

  assert_int_equal(occ_keyring_new(&x->ring, x->lib), OCC_OK);
  assert_int_equal(occ_keyring_load(x->ring, json, strlen(json), X_T0, 0), OCC_OK);
}

/* A server of this text, with the type if there is one. Else NULL, and the error is copied. */
static X_UNUSED occ_server *x_server(x_host *x, const char *json, const occ_type *type, void *self,
                                     char error[512])
{
  occ_config *config = NULL;
  occ_server *server = NULL;
  int rc;

  assert_int_equal(occ_config_new(&config, x->lib, X_ISSUER), OCC_OK);
  assert_int_equal(occ_keyring_attach(x->ring, config), OCC_OK);
  rc = type == NULL ? OCC_OK : occ_config_add_type(config, type, self);
  if (rc == OCC_OK) {
    rc = occ_config_load(config, json, strlen(json));
  }
  if (rc == OCC_OK) {
    rc = occ_server_new(&server, config);
  }
  assert_true((rc == OCC_OK) == (server != NULL));
  if (error != NULL) {
    (void)snprintf(error, 512, "%s", server == NULL ? occ_config_error(config) : "");
  } else if (server == NULL) {
    print_error("%s\n", occ_config_error(config));
  }
  occ_config_free(config);
  return server;
}

static X_UNUSED void x_init(x_host *x, size_t until, bool keep)
{
  memset(x, 0, sizeof(*x));
  fail_mem_init(&x->fm, SIZE_MAX, false);
  assert_int_equal(occ_lib_new(&x->lib, &x->fm.mem), OCC_OK);
  x_ring(x);
  x->now = X_T0;
  x->client = X_CLIENT;
  x->metadata = X_CAPABLE;
  x->verdict[OCC_ASK_CLIENT] = OCC_YES;
  x->fm.until = until;
  x->fm.keep = keep;
}

static X_UNUSED void x_open(x_host *x, const char *json, const occ_type *type, void *self)
{
  x_init(x, SIZE_MAX, false);
  x->server = x_server(x, json, type, self, NULL);
  assert_non_null(x->server);
}

/* Everything away; nothing may be left. */
static X_UNUSED void x_close(x_host *x)
{
  x->fm.until = SIZE_MAX;
  x->fm.keep = false;
  occ_server_free(x->server);
  occ_keyring_free(x->ring);
  occ_lib_free(x->lib);
  assert_int_equal(x->fm.live, 0);
}

/* The list of ONCE: yes and inserted, or the place of the first that is there. */
static X_UNUSED occ_verdict x_once(x_host *x, const occ_question *q, char place[2])
{
  for (size_t k = 0; k < q->keys; k++) {
    for (size_t i = 0; i < x->used_count; i++) {
      if (memcmp(x->used[i], q->key + 32 * k, 32) == 0) {
        place[0] = (char)('0' + k);
        place[1] = '\0';
        return OCC_NO;
      }
    }
  }
  for (size_t k = 0; k < q->keys; k++) {
    assert_true(x->used_count < X_ROWS(x->used));
    memcpy(x->used[x->used_count++], q->key + 32 * k, 32);
  }
  place[0] = '\0';
  return OCC_YES;
}

static X_UNUSED int x_answer(x_host *x, occ_txn *txn, const occ_question *q)
{
  const char *data = x->data[q->kind];
  occ_verdict verdict = x->verdict[q->kind];
  char place[2];

  if (q->kind == OCC_ASK_DECIDE) {
    return x->challenge != NULL && !occ_txn_is_satisfied(txn, x->challenge)
               ? occ_txn_answer_challenge(txn, q->ticket, x->challenge, x->params)
               : occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);
  }
  if (q->kind == OCC_ASK_ONCE) {
    verdict = x_once(x, q, place);
    data = place;
  }
  if (q->kind == OCC_ASK_FETCH && verdict == OCC_YES) {
    return occ_txn_answer_fetch(txn, q->ticket, 200, NULL, data, data == NULL ? 0 : strlen(data));
  }
  return occ_txn_answer(txn, q->ticket, verdict, data, data == NULL ? 0 : strlen(data));
}

/* To the end, or until x->stop is asked. */
static X_UNUSED int x_run(x_host *x, occ_txn *txn)
{
  int rc, rounds = 0;

  while ((rc = occ_txn_run(txn, x->now)) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);

    assert_non_null(q);
    assert_true(++rounds < 50);
    assert_true(q->kind > OCC_ASK_NONE && q->kind < 16);
    if (q->kind == x->stop) {
      return rc;
    }
    x->asked[q->kind]++;
    rc = x_answer(x, txn, q);
    if (rc == OCC_ERR_MEMORY) { /* the host could try again; this one gives up */
      (void)occ_txn_answer(txn, q->ticket, OCC_NO, NULL, 0);
    } else {
      assert_int_equal(rc, OCC_OK);
    }
  }
  return rc;
}

/* A filled txn, not run; NULL where there was no memory. */
static X_UNUSED occ_txn *x_txn(x_host *x, const char *body)
{
  occ_txn *txn = NULL;

  if (occ_txn_new(&txn, x->server, x->endpoint == 0 ? OCC_TOKEN : x->endpoint, x) != OCC_OK) {
    assert_true(x->fm.failed);
    return NULL;
  }
  (void)occ_txn_set_body(txn, body, strlen(body));
  if (x->client != NULL) {
    (void)occ_txn_set_client(txn, x->client, "client_secret_basic", NULL);
  }
  if (x->metadata != NULL) {
    (void)occ_txn_set_metadata(txn, x->metadata, strlen(x->metadata));
  }
  if (x->dpop != NULL) {
    (void)occ_txn_add_header(txn, "DPoP", x->dpop, strlen(x->dpop));
  }
  if (x->sender != 0) {
    (void)occ_txn_set_sender(txn, x->sender, x->thumbprint);
  }
  if (x->receipt != NULL) {
    (void)occ_txn_set(txn, "receipt", x->receipt);
  }
  return txn;
}

/* A filled txn, run until the kind is asked. */
static X_UNUSED occ_txn *x_at(x_host *x, const char *body, occ_ask kind)
{
  occ_txn *txn = x_txn(x, body);

  x->stop = kind;
  assert_int_equal(x_run(x, txn), OCC_PENDING);
  x->stop = OCC_ASK_NONE;
  assert_int_equal(occ_txn_question(txn)->kind, kind);
  return txn;
}

/* Copies the handle of a challenge; 0: there is none. */
static X_UNUSED int x_handle(x_host *x, const occ_txn *txn)
{
  static const char member[] = "\"challenge_session\":\"";
  const char *at = strstr(occ_txn_body(txn, NULL), member);
  size_t len;

  if (at == NULL) {
    return 0;
  }
  at += strlen(member);
  len = strcspn(at, "\"");
  assert_true(len > 0 && len < sizeof(x->handle));
  memcpy(x->handle, at, len);
  x->handle[len] = '\0';
  return 1;
}

/* A first request that is challenged with x->challenge; the handle is kept. */
static X_UNUSED void x_challenge(x_host *x)
{
  occ_txn *txn = x_txn(x, X_BODY);

  assert_int_equal(x_run(x, txn), OCC_OK);
  assert_int_equal(occ_txn_outcome(txn), OCC_CHALLENGE);
  assert_int_equal(x_handle(x, txn), 1);
  occ_txn_free(txn);
}

/* The follow-up with these parameters beside the session's; not run. */
static X_UNUSED occ_txn *x_follow_up(x_host *x, const char *evidence)
{
  static char body[64 * 1024];
  int len = snprintf(body, sizeof(body), X_BODY "&challenge_session=%s%s%s", x->handle,
                     evidence[0] == '\0' ? "" : "&", evidence);

  assert_true(len > 0 && (size_t)len < sizeof(body));
  return x_txn(x, body);
}

/* malloc()ed */
static X_UNUSED char *x_copy(const char *text)
{
  char *copy;

  assert_non_null(text);
  copy = malloc(strlen(text) + 1);
  assert_non_null(copy);
  return memcpy(copy, text, strlen(text) + 1);
}

/* Does the txn's log have an event with this? */
static X_UNUSED int x_logged(const occ_txn *txn, const char *member, const char *value)
{
  char want[256];
  const char *log = occ_txn_log(txn, NULL);

  assert_non_null(log);
  (void)snprintf(want, sizeof(want), "\"%s\":\"%s\"", member, value);
  return strstr(log, want) != NULL;
}

/* Whatever failed, there is something to send, and it is no grant. */
static X_UNUSED void x_is_failure(const occ_txn *txn, int rc, int status, const char *reason)
{
  assert_int_equal(rc, status);
  assert_int_equal(occ_txn_outcome(txn), OCC_FAILED);
  assert_true(occ_txn_http_status(txn) == 500 || occ_txn_http_status(txn) == 503);
  assert_non_null(strstr(occ_txn_body(txn, NULL), "\"error\":\""));
  assert_non_null(occ_txn_reason(txn));
  if (reason != NULL) {
    assert_string_equal(occ_txn_reason(txn), reason);
  }
}

#endif
