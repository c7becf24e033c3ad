/* SPDX-License-Identifier: MIT */

/* A token response from a hostile server: read by itself, then as every response of a call that answers all it is asked.
 * Byte 0 picks which allocation fails (255 = none, and so does any number above those that are made), byte 1 the HTTP
 * status, then header lines, an octet 0, and the body. Aborts on a broken invariant. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "occ/agent.h"

#define NOW       1800000000000
#define MAX_ROUND 4
#define MAX_SENDS (2 * (MAX_ROUND + 1)) /* four rounds, a repeat for each request and one more */

static const char options[] = "{\"issuer\":\"https://as.example\",\"token_url\":"
                              "\"https://as.example/token\",\"client_id\":\"agent-7\"}";
static const char key[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                          "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":"
                          "\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}";

typedef struct response {
  int status;
  const char *headers, *body;
  size_t len;
} response;

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static void check_challenge(const occ_challenge *challenge, const response *r)
{
  const char *session = occ_challenge_session(challenge);
  const char *nonce = occ_challenge_nonce(challenge, "DPoP-Nonce");
  size_t len = 0;

  must(occ_challenge_body(challenge, &len) != NULL && len == r->len);
  must((occ_challenge_type(challenge) != NULL) == (session != NULL));
  must((occ_challenge_type(challenge) != NULL) == (occ_challenge_requirement(challenge) != NULL));
  must(occ_challenge_error(challenge) != NULL || (r->status >= 200 && r->status <= 299));
  must(occ_challenge_expires_in(challenge) >= -1);
  if (session != NULL) {
    must(r->status >= 400 && r->status <= 499);
    must(session[0] != '\0' && strlen(session) <= 4096 && strpbrk(session, " \r\n") == NULL);
    must(occ_challenge_requirement(challenge)[0] == '{');
  }
  must(nonce == NULL || strpbrk(nonce, " \r\n") == NULL);
}

static int read_alone(occ_lib *lib, const response *r)
{
  occ_challenge *challenge = NULL;
  int rc = occ_challenge_read(&challenge, lib, r->status, r->headers, r->body, r->len);

  must((rc == OCC_OK) == (challenge != NULL));
  must(rc == OCC_OK || rc == OCC_ERR_MEMORY || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT);
  if (challenge != NULL) {
    check_challenge(challenge, r);
  }
  occ_challenge_free(challenge);
  return rc;
}

/* Yes to everything; evidence differs each time. */
static int answer(occ_call *call, const response *r, size_t *sends, size_t *solves)
{
  const occ_question *q = occ_call_question(call);
  char evidence[64];

  must(q != NULL && q->ticket != 0);
  if (q->kind == OCC_ASK_SEND) {
    must(++*sends <= MAX_SENDS);
    return occ_call_answer_send(call, q->ticket, r->status, r->headers, r->body, r->len);
  }
  if (q->kind == OCC_ASK_DISCLOSE) {
    return occ_call_answer(call, q->ticket, OCC_YES, NULL, 0);
  }
  must(q->kind == OCC_ASK_SOLVE);
  snprintf(evidence, sizeof(evidence), "{\"ev\":\"%zu\"}", ++*solves);
  return occ_call_answer(call, q->ticket, OCC_YES, evidence, strlen(evidence));
}

static void run_call(occ_agent *agent, const response *r)
{
  occ_call *call = NULL;
  size_t sends = 0, solves = 0;
  int rc = occ_call_new(&call, agent);

  must((rc == OCC_OK) == (call != NULL));
  if (rc == OCC_OK) {
    rc = occ_call_add_param(call, "grant_type", "x", 1);
  }
  while (rc == OCC_OK || rc == OCC_PENDING) {
    rc = occ_call_run(call, NOW);
    if (rc != OCC_PENDING) {
      break;
    }
    rc = answer(call, r, &sends, &solves);
  }
  must(solves <= MAX_ROUND);
  if (call != NULL && rc == OCC_OK) {
    const occ_challenge *result = occ_call_result(call);
    must(result != NULL && occ_challenge_type(result) == NULL);
    must(occ_challenge_error(result) != NULL || (r->status >= 200 && r->status <= 299));
  }
  occ_call_free(call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const int statuses[] = { 200, 400, 401, 403, 429, 500, 302, 201 };
  response r = { 0 };
  occ_agent *agent = NULL;
  occ_lib *lib = NULL;
  const uint8_t *end;
  fail_mem fm;

  if (size < 3 || (end = memchr(data + 2, 0, size - 2)) == NULL) {
    return 0;
  }
  r.status = statuses[data[1] % 8];
  r.headers = (const char *)data + 2;
  r.body = (const char *)end + 1;
  r.len = size - (size_t)(r.body - (const char *)data);
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);

  if (occ_lib_new(&lib, &fm.mem) == OCC_OK) {
    (void)read_alone(lib, &r);
    if (occ_agent_new(&agent, lib, options, sizeof(options) - 1) == OCC_OK &&
        occ_agent_add_key(agent, "dpop", key, sizeof(key) - 1) == OCC_OK &&
        occ_agent_add_key(agent, "assertion", key, sizeof(key) - 1) == OCC_OK) {
      run_call(agent, &r);
    }
    occ_agent_free(agent);
    occ_lib_free(lib);
  }
  must(fm.live == 0); /* nothing may outlive the lib, whatever failed */
  return 0;
}
