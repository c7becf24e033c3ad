/* SPDX-License-Identifier: MIT
 *
 * A call's answers as JSON. Byte 0 picks the failing allocation (255: none), byte 1 says which keys are elsewhere; then one
 * answer a line, in which the octet 1 stands for the open ticket. A question is JSON for whoever asks; an answer that is
 * not taken leaves it open. */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "occ/agent.h"
#include "test_keys.h"

#define NOW      INT64_C(1800000000000)
#define MAX_TEXT (64u * 1024u)

static const char options[] = "{\"issuer\":\"https://as.example\",\"token_url\":"
                              "\"https://as.example/token\",\"client_id\":\"agent-7\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static void check_question(const occ_call *call, const fail_mem *fm)
{
  const occ_question *q = occ_call_question(call);
  const char *text;
  json_t *json;
  size_t len = 0;

  must(q != NULL && q->ticket != 0);
  text = occ_call_question_json(call, &len);
  must(text != NULL ? strlen(text) == len : fm->failed && len == 0);
  if (text != NULL) {
    json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    must((occ_ticket)json_integer_value(json_object_get(json, "ticket")) == q->ticket);
    json_decref(json);
  }
}

/* The next line in a block of its own length, with the ticket in it. */
static int answer(occ_call *call, const uint8_t *line, size_t len)
{
  const occ_ticket ticket = occ_call_question(call)->ticket;
  char *text = malloc(MAX_TEXT), *exact;
  size_t n = 0;
  int rc;

  must(text != NULL);
  for (size_t i = 0; i < len && n + 24 < MAX_TEXT; i++) {
    if (line[i] == 1) {
      n += (size_t)snprintf(text + n, 24, "%" PRIu64, (uint64_t)ticket);
    } else {
      text[n++] = (char)line[i];
    }
  }
  exact = malloc(n == 0 ? 1 : n);
  must(exact != NULL);
  memcpy(exact, text, n);
  rc = occ_call_answer_json(call, exact, n);
  must(rc <= 0 && (rc == OCC_OK ||
                   (occ_call_question(call) != NULL && occ_call_question(call)->ticket == ticket)));
  free(exact);
  free(text);
  return rc;
}

static void run(occ_call *call, const fail_mem *fm, const uint8_t *data, size_t size)
{
  int rc = occ_call_run(call, NOW);

  while (rc == OCC_PENDING && size > 0) {
    const uint8_t *end = memchr(data, '\n', size);
    const size_t len = end == NULL ? size : (size_t)(end - data);

    check_question(call, fm);
    (void)answer(call, data, len);
    data += len + (end != NULL);
    size -= len + (end != NULL);
    rc = occ_call_run(call, NOW);
  }
  must(rc == OCC_OK || rc == OCC_PENDING ? rc == OCC_PENDING || occ_call_result(call) != NULL
                                         : occ_call_run(call, NOW) == rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *proof, *assertion;
  occ_agent *agent = NULL;
  occ_call *call = NULL;
  occ_lib *lib = NULL;
  fail_mem fm;

  if (size < 2) {
    return 0;
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  proof = (data[1] & 1) != 0 ? TEST_CLIENT_A_PUBLIC : TEST_CLIENT_A_PRIVATE;
  assertion = (data[1] & 2) != 0 ? TEST_ISSUER_PUBLIC : TEST_ISSUER_PRIVATE;
  if (occ_lib_new(&lib, &fm.mem) == OCC_OK &&
      occ_agent_new(&agent, lib, options, sizeof(options) - 1) == OCC_OK &&
      ((data[1] & 4) != 0 || occ_agent_add_key(agent, "dpop", proof, strlen(proof)) == OCC_OK) &&
      ((data[1] & 8) != 0 ||
       occ_agent_add_key(agent, "assertion", assertion, strlen(assertion)) == OCC_OK) &&
      occ_call_new(&call, agent) == OCC_OK &&
      occ_call_add_param(call, "grant_type", "x", 1) == OCC_OK) {
    run(call, &fm, data + 2, size - 2);
  }
  occ_call_free(call);
  occ_agent_free(agent);
  occ_lib_free(lib);
  must(fm.live == 0);
  return 0;
}
