/* SPDX-License-Identifier: MIT */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H

/* What the tests of the agent share: keys, an agent, and a host that answers every question of a call from a script of
 * responses. It remembers what was sent and disclosed. Header only, one test binary a file. */

/* clang-format off */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "agent/agent.h"
#include "base/b64.h"
#include "fail_mem.h"
#include "jose/jws.h"
#include "occ/agent.h"
#include "wire/json_in.h"

#define ISSUER    "https://as.example.com"
#define TOKEN_URL "https://as.example.com/token"
#define NOW       INT64_C(1800000000000)
#define OPTIONS(more)                                                                              \
  "{\"issuer\":\"" ISSUER "\",\"token_url\":\"" TOKEN_URL "\",\"client_id\":\"agent-7\"" more "}"

/* RFC 7515 A.3 and RFC 8037 A.1. */
#define EC_X      "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y      "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_D      "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define OKP_X     "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define OKP_D     "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define EC_PUBLIC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}"
#define EC_PRIVATE                                                                                 \
  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"d\":\"" EC_D "\"}"
#define OKP_PUBLIC "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"signer-1\",\"x\":\"" OKP_X "\"}"
#define OKP_PRIVATE                                                                                \
  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"signer-1\",\"x\":\"" OKP_X "\",\"d\":\"" OKP_D   \
  "\"}"

#define TOKEN "{\"access_token\":\"tok-1\",\"token_type\":\"DPoP\",\"expires_in\":60}"
#define CHALLENGE_OF(type, session, more)                                                          \
  "{\"error\":\"insufficient_client_authorization\",\"authorization_requirement\":{\"type\":"      \
  "\"" type "\"" more "},\"challenge_session\":\"" session "\",\"expires_in\":120}"

typedef struct reply {
  int status;
  const char *headers, *body;
} reply;

#define MAX_SENT 24

typedef struct host {
  occ_lib *lib;
  occ_agent *agent;
  occ_call *call;
  const char *solution[MAX_SENT]; /* for SOLVE, in turn; NULL: no */
  occ_verdict disclose, sign;     /* answers */
  const char *signer;             /* private JWK text for SIGN */
  int late;                       /* run once more while each question is open */
  occ_time step;                  /* time that passes with every run */

  size_t sends, solves, signs, discloses;
  char body[MAX_SENT][4096], proof[MAX_SENT][4096], disclosed[MAX_SENT][4096];
  char wanted[1024], kid[256], nonce[256];
} host;

static inline void host_open(host *h, const occ_mem *mem, const char *options)
{
  memset(h, 0, sizeof(*h));
  h->disclose = OCC_YES;
  h->sign = OCC_YES;
  assert_int_equal(occ_lib_new(&h->lib, mem), OCC_OK);
  assert_int_equal(occ_agent_new(&h->agent, h->lib, options, strlen(options)), OCC_OK);
}

static inline void host_key(host *h, const char *use, const char *jwk)
{
  assert_int_equal(occ_agent_add_key(h->agent, use, jwk, strlen(jwk)), OCC_OK);
}

static inline void host_param(host *h, const char *name, const char *value)
{
  assert_int_equal(occ_call_add_param(h->call, name, value, strlen(value)), OCC_OK);
}

static inline void host_call(host *h)
{
  assert_int_equal(occ_call_new(&h->call, h->agent), OCC_OK);
  host_param(h, "grant_type", "client_credentials");
  host_param(h, "scope", "a b");
}

static inline void host_close(host *h)
{
  occ_call_free(h->call);
  occ_agent_free(h->agent);
  occ_lib_free(h->lib);
}

/* The signature of a key that only the host has, made with the library's own signer over the same header and claims. */
static inline int host_signature(host *h, const occ_question *q, uint8_t sig[64])
{
  uint8_t header[4096], claims[8192];
  size_t header_len = 0, claims_len = 0;
  occ_workspace *ws = NULL;
  occ_jwk jwk = { 0 };
  occ_buf out;
  const char *input = q->data, *dot = memchr(q->data, '.', q->len);
  int rc;

  assert_non_null(dot);
  assert_int_equal(
      occ__b64_decode(header, sizeof(header), &header_len, occ__span(input, (size_t)(dot - input))),
      OCC_OK);
  assert_int_equal(occ__b64_decode(claims, sizeof(claims), &claims_len,
                                   occ__span(dot + 1, q->len - (size_t)(dot - input) - 1)),
                   OCC_OK);
  occ__buf_init(&out, &occ__mem_libc, OCC__MAX_JWT);
  rc = occ__workspace_new(&ws, &occ__mem_libc);
  assert_int_equal(rc, OCC_OK);
  assert_int_equal(occ__jwk_read_text(&jwk, ws, occ__span_text(h->signer), 1), OCC_OK);
  assert_int_equal(
      occ__jws_sign(&out, ws, &jwk, occ__span(header, header_len), occ__span(claims, claims_len)),
      OCC_OK);
  assert_memory_equal(out.base, q->data, q->len); /* the signing input is what was asked */
  assert_int_equal(
      occ__b64_decode_exact(sig, 64, occ__span(out.base + q->len + 1, out.len - q->len - 1)),
      OCC_OK);
  occ__buf_clear(&out);
  occ__workspace_free(ws);
  return OCC_OK;
}

static inline void host_copy(char *out, size_t cap, const void *text, size_t len)
{
  assert_true(len < cap);
  if (len > 0) {
    memcpy(out, text, len);
  }
  out[len] = '\0';
}

static inline int host_send(host *h, const occ_question *q, const reply *replies, size_t count)
{
  const reply *r;
  const char *proof = occ_call_header_value(h->call, 2);

  assert_true(h->sends < MAX_SENT);
  assert_string_equal(q->url, TOKEN_URL);
  assert_string_equal(occ_call_header_name(h->call, 0), "Content-Type");
  assert_string_equal(occ_call_header_value(h->call, 0), "application/x-www-form-urlencoded");
  assert_string_equal(occ_call_header_value(h->call, 1), "application/json");
  host_copy(h->body[h->sends], sizeof(h->body[0]), q->data, q->len);
  host_copy(h->proof[h->sends], sizeof(h->proof[0]), proof, proof == NULL ? 0 : strlen(proof));
  assert_true(h->sends < count); /* the call may not send more often than the script says */
  r = &replies[h->sends++];
  return occ_call_answer_send(h->call, q->ticket, r->status, r->headers, r->body,
                              r->body == NULL ? 0 : strlen(r->body));
}

/* Answers the open question. */
static inline int host_answer(host *h, const reply *replies, size_t count)
{
  const occ_question *q = occ_call_question(h->call);
  const char *solution;
  uint8_t sig[64];

  assert_non_null(q);
  switch ((int)q->kind) {
  case OCC_ASK_SEND:
    return host_send(h, q, replies, count);
  case OCC_ASK_SOLVE:
    assert_string_equal(q->audience, ISSUER);
    host_copy(h->wanted, sizeof(h->wanted), q->wanted, strlen(q->wanted));
    host_copy(h->nonce, sizeof(h->nonce), q->nonce, strlen(q->nonce));
    solution = h->solution[h->solves++];
    return occ_call_answer(h->call, q->ticket, solution == NULL ? OCC_NO : OCC_YES, solution,
                           solution == NULL ? 0 : strlen(solution));
  case OCC_ASK_SIGN:
    h->signs++;
    host_copy(h->kid, sizeof(h->kid), q->kid, strlen(q->kid));
    assert_int_equal(host_signature(h, q, sig), OCC_OK);
    return occ_call_answer(h->call, q->ticket, h->sign, sig, sizeof(sig));
  case OCC_ASK_DISCLOSE:
    assert_non_null(q->type);
    assert_non_null(q->wanted);
    assert_string_equal(q->audience, ISSUER);
    host_copy(h->disclosed[h->discloses++], sizeof(h->disclosed[0]), q->data, q->len);
    return occ_call_answer(h->call, q->ticket, h->disclose, NULL, 0);
  default:
    fail_msg("a question that a call never asks: %d", (int)q->kind);
    return OCC_ERR_INTERNAL;
  }
}

/* Runs the call to its end; any status of an answer but OCC_OK ends it too. */
static inline int host_run(host *h, occ_time now, const reply *replies, size_t count)
{
  int rc = occ_call_run(h->call, now);

  while (rc == OCC_PENDING) {
    if (h->late) {
      assert_int_equal(occ_call_run(h->call, now), OCC_PENDING);
    }
    rc = host_answer(h, replies, count);
    if (rc != OCC_OK) {
      return rc;
    }
    assert_null(occ_call_question(h->call)); /* answered once, not again */
    now += h->step;
    rc = occ_call_run(h->call, now);
  }
  return rc;
}

static inline const char *host_error(const host *h)
{
  const char *error = occ_challenge_error(occ_call_result(h->call));

  assert_non_null(occ_call_result(h->call));
  return error == NULL ? "" : error;
}

/* A JWT that was sent, parsed and verified with the public half of jwk. */
static inline void host_jwt(occ_jws *out, const char *token, const char *typ, const char *jwk)
{
  occ_workspace *ws = NULL;
  occ_jwk key = { 0 };

  assert_int_equal(occ__workspace_new(&ws, &occ__mem_libc), OCC_OK);
  assert_int_equal(occ__jwk_read_text(&key, ws, occ__span_text(jwk), 0), OCC_OK);
  assert_int_equal(occ__jws_parse(out, &occ__mem_libc, occ__span_text(token), &occ__json_peer),
                   OCC_OK);
  assert_int_equal(occ__jws_check(out, OCC__ALGS_DEFAULT, typ), OCC_OK);
  assert_int_equal(occ__jws_verify(out, ws, &key), OCC_OK);
  occ__workspace_free(ws);
}

static inline const char *claim(const occ_jws *jws, const char *name)
{
  return json_string_value(json_object_get(jws->claims, name));
}

/* The decoded value of a parameter in a body, into out; 0: it is not there. */
static inline int body_param(char *out, size_t cap, const char *body, const char *name)
{
  occ_arena arena;
  occ_form form = { 0 };
  const occ_param *param;

  occ__arena_init(&arena, &occ__mem_libc, OCC__AGENT_MAX_MEMORY);
  assert_int_equal(occ__form_parse(&form, &arena, occ__span_text(body)), OCC_OK);
  param = occ__form_find(&form, name, 0);
  if (param != NULL) {
    host_copy(out, cap, param->value, param->value_len);
  }
  occ__arena_clear(&arena);
  return param != NULL;
}

#endif
