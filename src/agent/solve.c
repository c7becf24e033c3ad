/* SPDX-License-Identifier: MIT */

/* What an agent can make by itself: DPoP proofs (RFC 9449 section 4.2), assertions (presentation profile, section 5.3),
 * and evidence from either; all other types are the host's (SOLVE). Called by call_steps.c. The issuer and the client id
 * come from the agent, only the nonce from the challenge. A key that is elsewhere signs by SIGN, and what comes back is
 * verified before it can cost a session. */

#include "agent/agent.h"
#include "base/b64.h"
#include "jose/jws.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

static const char claim_token[] = "claim_token";
static const char claim_token_format[] = "claim_token_format";
static const char jwt_format[] = "urn:ietf:params:oauth:token-type:jwt";

typedef struct occ_solver {
  const char *type;
  int (*fits)(const occ_call *call);               /* can it make all that is wanted? */
  int (*begin)(occ_call *call, occ_workspace *ws); /* OCC_OK, OCC_PENDING (SIGN) or negative */
  int (*end)(occ_call *call);                      /* call->jwt is signed: write the evidence */
  occ_agent_use use;
} occ_solver;

static const occ_agent_key *find_key(const occ_call *call, occ_agent_use use)
{
  return call->agent->key[use].present ? &call->agent->key[use] : NULL;
}

/* A signed JWT in call->jwt, or its signing input and SIGN. */
static int sign(occ_call *call, occ_workspace *ws, const occ_jwk *key, const occ_buf *header,
                const occ_buf *claims)
{
  occ_span head = occ__span(header->base, header->len), body = occ__span(claims->base, claims->len);
  occ_question *question;
  int rc;

  if (header->rc != OCC_OK || claims->rc != OCC_OK) {
    return header->rc != OCC_OK ? header->rc : claims->rc;
  }
  occ__buf_reset(&call->jwt);
  if (key->is_private) {
    rc = occ__jws_sign(&call->jwt, ws, key, head, body);
    return rc > 0 ? OCC_ERR_INTERNAL : rc;
  }
  rc = occ__jws_input(&call->jwt, head, body);
  if (rc != OCC_OK) {
    return rc;
  }
  question = occ__call_ask(call, OCC_ASK_SIGN);
  question->kid = key->kid[0] != '\0' ? key->kid : key->thumbprint;
  question->data = occ__buf_string(&call->jwt);
  question->len = call->jwt.len;
  return OCC_PENDING;
}

/* SIGN was answered with yes: R || S, or the 64 octets of Ed25519. */
static int take_signature(occ_call *call, occ_workspace *ws, const occ_jwk *key)
{
  occ_jws jws = { 0 };
  uint8_t *room;
  int rc;

  if (call->answer.len != OCC__JWS_MADE_LEN) {
    return OCC_ERR_ANSWER;
  }
  (void)occ__buf_byte(&call->jwt, '.');
  room = occ__buf_grow(&call->jwt, OCC__B64_LEN(OCC__JWS_MADE_LEN));
  if (room == NULL) {
    return call->jwt.rc;
  }
  (void)occ__b64_encode((char *)room, call->answer.base, call->answer.len);
  rc = occ__jws_parse(&jws, call->mem, occ__span(call->jwt.base, call->jwt.len), &occ__json_peer);
  if (rc == OCC_OK) {
    rc = occ__jws_check(&jws, OCC__ALGS_DEFAULT, NULL);
  }
  if (rc == OCC_OK) {
    rc = occ__jws_verify(&jws, ws, key);
  }
  occ__jws_clear(&jws);
  return rc > 0 ? OCC_ERR_ANSWER : rc;
}

static void put_alg(occ_buf *header, const char *typ, const occ_jwk *key)
{
  occ_alg alg = key->alg;

  if (alg == OCC__ALG_NONE) {
    alg = key->kty == OCC__KTY_P256 ? OCC__ALG_ES256 : OCC__ALG_ED25519;
  }
  occ__json_put_text(header, "typ", typ);
  occ__json_put_text(header, "alg", occ__alg_name(alg));
}

static int put_jti(occ_buf *claims, occ_lib *lib)
{
  uint8_t octets[OCC__AGENT_JTI_OCTETS];
  int rc = occ__lib_random(lib, octets, sizeof(octets));

  if (rc == OCC_OK) {
    occ__json_name(claims, "jti");
    occ__json_b64(claims, occ__span(octets, sizeof(octets)));
  }
  return rc;
}

/* nonce: NULL for none. */
static int begin_proof(occ_call *call, occ_workspace *ws, const char *nonce)
{
  const occ_agent_key *key = find_key(call, OCC__USE_DPOP);
  occ_buf header, claims;
  int rc;

  if (!OCC_INVARIANT(key != NULL)) {
    return OCC_ERR_INTERNAL;
  }
  occ__buf_init(&header, call->mem, OCC__MAX_JWT);
  occ__buf_init(&claims, call->mem, OCC__MAX_JWT);
  occ__json_open(&header, '{');
  put_alg(&header, "dpop+jwt", &key->jwk);
  occ__json_name(&header, "jwk");
  occ__jwk_write_public(&header, &key->jwk);
  occ__json_close(&header, '}');
  occ__json_open(&claims, '{');
  rc = put_jti(&claims, call->agent->lib);
  occ__json_put_text(&claims, "htm", "POST");
  occ__json_put_text(&claims, "htu", call->agent->htu);
  occ__json_put_number(&claims, "iat", call->now / 1000);
  occ__json_put_text(&claims, "nonce", nonce);
  occ__json_close(&claims, '}');
  if (rc == OCC_OK) {
    rc = sign(call, ws, &key->jwk, &header, &claims);
  }
  occ__buf_clear(&header);
  occ__buf_clear(&claims);
  return rc;
}

static int keep_proof(occ_call *call)
{
  occ__buf_reset(&call->proof);
  (void)occ__buf_put(&call->proof, call->jwt.base, call->jwt.len);
  occ__buf_reset(&call->jwt);
  return call->proof.rc;
}

int occ__solve_proof(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  int rc;

  if (!call->answered) {
    rc = begin_proof(call, ws, call->nonce.len > 0 ? occ__buf_string(&call->nonce) : NULL);
  } else if (call->verdict == OCC_YES) {
    rc = take_signature(call, ws, &call->agent->key[OCC__USE_DPOP].jwk);
  } else if (call->pending == NULL) {
    return OCC_ERR_ANSWER; /* there is no response that could stand as the result */
  } else {
    *event = OCC__CALL_NO;
    return OCC_OK;
  }
  if (rc == OCC_OK) {
    *event = OCC__CALL_GO;
    rc = keep_proof(call);
  }
  return rc;
}

/* One parameter of the evidence, for DISCLOSE and for the body. */
static void put_evidence(occ_call *call, const char *name, occ_span value)
{
  occ__json_name(&call->evidence, name);
  occ__json_string(&call->evidence, value);
  (void)occ__form_put(&call->evidence_form, name, value);
}

static int has_evidence(const occ_call *call)
{
  return call->evidence.rc != OCC_OK ? call->evidence.rc : call->evidence_form.rc;
}

static int is_one_of(const json_t *list, const char *text)
{
  const json_t *item;
  size_t i;

  json_array_foreach(list, i, item)
  {
    if (json_string_value(item) != NULL && strcmp(json_string_value(item), text) == 0) {
      return 1;
    }
  }
  return json_string_value(list) != NULL && strcmp(json_string_value(list), text) == 0;
}

static int has_claims(const json_t *required)
{
  static const char *const ours[] = { "iss", "sub", "aud", "nonce", "iat", "exp", "jti" };
  const json_t *item;
  size_t i;

  if (required != NULL && !json_is_array(required)) {
    return 0;
  }
  json_array_foreach(required, i, item)
  {
    size_t known = 0;
    for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
      known += json_string_value(item) != NULL && strcmp(json_string_value(item), ours[k]) == 0;
    }
    if (known == 0) {
      return 0;
    }
  }
  return 1;
}

static int assertion_fits(const occ_call *call)
{
  const json_t *wanted = call->pending->wanted;
  const json_t *format = json_object_get(wanted, claim_token_format);
  const json_t *issuer = json_object_get(wanted, "issuer");

  return (format == NULL || is_one_of(format, jwt_format)) &&
         (issuer == NULL || is_one_of(issuer, call->agent->assertion_issuer)) &&
         has_claims(json_object_get(wanted, "required_claims")) &&
         json_object_get(wanted, "transaction_data") == NULL &&
         occ__form_find(&call->form, claim_token, 0) == NULL &&
         occ__form_find(&call->form, claim_token_format, 0) == NULL;
}

static int assertion_begin(occ_call *call, occ_workspace *ws)
{
  const occ_agent *agent = call->agent;
  const occ_jwk *key = &agent->key[OCC__USE_ASSERTION].jwk;
  occ_buf header, claims;
  int rc;

  occ__buf_init(&header, call->mem, OCC__MAX_JWT);
  occ__buf_init(&claims, call->mem, OCC__MAX_JWT);
  occ__json_open(&header, '{');
  put_alg(&header, agent->assertion_typ, key);
  occ__json_put_text(&header, "kid", key->kid[0] != '\0' ? key->kid : NULL);
  occ__json_close(&header, '}');
  occ__json_open(&claims, '{');
  rc = put_jti(&claims, agent->lib);
  occ__json_put_text(&claims, "iss", agent->assertion_issuer);
  occ__json_put_text(&claims, "sub", agent->client_id);
  occ__json_put_text(&claims, "aud", agent->issuer);
  occ__json_put_text(&claims, "nonce", call->pending->session);
  occ__json_put_number(&claims, "iat", call->now / 1000);
  occ__json_put_number(&claims, "exp", call->now / 1000 + OCC__AGENT_ASSERTION_S);
  occ__json_close(&claims, '}');
  if (rc == OCC_OK) {
    rc = sign(call, ws, key, &header, &claims);
  }
  occ__buf_clear(&header);
  occ__buf_clear(&claims);
  return rc;
}

static int assertion_end(occ_call *call)
{
  occ__json_open(&call->evidence, '{');
  put_evidence(call, claim_token, occ__span(call->jwt.base, call->jwt.len));
  put_evidence(call, claim_token_format, occ__span_text(jwt_format));
  occ__json_close(&call->evidence, '}');
  occ__buf_reset(&call->jwt);
  return has_evidence(call);
}

static int proof_fits(const occ_call *call)
{
  (void)call;
  return 1;
}

static int proof_begin(occ_call *call, occ_workspace *ws)
{
  return begin_proof(call, ws, call->pending->session);
}

/* The proof of the next request is the evidence; its later requests keep showing the key. */
static int proof_end(occ_call *call)
{
  int rc = keep_proof(call);

  occ__json_open(&call->evidence, '{');
  occ__json_put_text(&call->evidence, OCC__HEADER_DPOP, occ__buf_string(&call->proof));
  occ__json_close(&call->evidence, '}');
  call->proof_ready = 1;
  call->proof_bound = 1;
  call->dpop = 1;
  return rc != OCC_OK ? rc : has_evidence(call);
}

static const occ_solver built_in[] = {
  { "jwt_assertion", assertion_fits, assertion_begin, assertion_end, OCC__USE_ASSERTION },
  { "dpop_proof", proof_fits, proof_begin, proof_end, OCC__USE_DPOP },
};

static const occ_solver *find_solver(const occ_call *call)
{
  for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
    if (strcmp(built_in[i].type, call->pending->type) == 0 &&
        find_key(call, built_in[i].use) != NULL && built_in[i].fits(call)) {
      return &built_in[i];
    }
  }
  return NULL;
}

static int ask_solve(occ_call *call)
{
  occ_question *question = occ__call_ask(call, OCC_ASK_SOLVE);

  question->type = call->pending->type;
  question->wanted = call->pending->requirement;
  question->nonce = call->pending->session;
  question->audience = call->agent->issuer;
  return OCC_PENDING;
}

/* The first request stays as it was, and the session is the call's own. */
static int may_add(const occ_call *call, const char *name, const json_t *value)
{
  for (const char *at = name; *at != '\0'; at++) {
    if (*at < 0x21 || *at > 0x7e) {
      return 0;
    }
  }
  return name[0] != '\0' && json_is_string(value) && json_string_length(value) > 0 &&
         strcmp(name, occ__names_kahrer_00.session) != 0 &&
         occ__form_find(&call->form, name, 0) == NULL;
}

/* The host's {"parameter":"value"}. */
static int take_solution(occ_call *call)
{
  json_t *root = NULL, *value;
  const char *name;
  int rc = occ__json_read_object(&root, occ__span(call->answer.base, call->answer.len),
                                 &occ__json_answer);

  if (rc != OCC_OK) {
    return rc == OCC_ERR_MEMORY ? rc : OCC_ERR_ANSWER;
  }
  if (json_object_size(root) == 0 || json_object_size(root) > OCC__AGENT_MAX_EVIDENCE) {
    rc = OCC_ERR_ANSWER;
  }
  occ__json_open(&call->evidence, '{');
  json_object_foreach(root, name, value)
  {
    if (rc == OCC_OK && may_add(call, name, value)) {
      put_evidence(call, name, occ__span(json_string_value(value), json_string_length(value)));
    } else {
      rc = OCC_ERR_ANSWER;
    }
  }
  occ__json_close(&call->evidence, '}');
  occ__peer_json_drop(root);
  return rc != OCC_OK ? rc : has_evidence(call);
}

/* The question was answered with yes. */
static int finish(occ_call *call, occ_workspace *ws)
{
  int rc;

  if (call->solver == NULL) {
    return take_solution(call);
  }
  rc = take_signature(call, ws, &call->agent->key[call->solver->use].jwk);
  return rc == OCC_OK ? call->solver->end(call) : rc;
}

int occ__solve_evidence(occ_call *call, occ_workspace *ws, occ_call_event *event)
{
  int rc;

  if (call->answered && call->verdict != OCC_YES) {
    *event = OCC__CALL_NO;
    return OCC_OK;
  }
  if (call->answered) {
    rc = finish(call, ws);
  } else {
    call->solver = find_solver(call);
    if (call->solver == NULL) {
      return ask_solve(call);
    }
    rc = call->solver->begin(call, ws);
    if (rc == OCC_OK) {
      rc = call->solver->end(call);
    }
  }
  if (rc == OCC_OK) {
    *event = OCC__CALL_GO;
  }
  return rc;
}
