/* SPDX-License-Identifier: MIT
 *
 * The options and a key of an agent. Byte 0 picks the failing allocation (255: none), byte 1 what the key is for; then the
 * options, an octet 0, and the JWK. An agent that is taken makes a request whose header lines and body are sound. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "occ/agent.h"

#define NOW INT64_C(1800000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static void check_request(const occ_call *call)
{
  const occ_question *q = occ_call_question(call);
  const char *body = q->data;
  json_t *json;

  must(strncmp(q->url, "http", 4) == 0 && strpbrk(q->url, " \r\n\"#") == NULL);
  for (size_t i = 0; occ_call_header_name(call, i) != NULL; i++) {
    must(strpbrk(occ_call_header_name(call, i), " :\r\n") == NULL);
    must(occ_call_header_value(call, i) != NULL &&
         strpbrk(occ_call_header_value(call, i), "\r\n") == NULL);
  }
  must(occ_call_header_value(call, 99) == NULL && q->len > 0);
  for (size_t i = 0; i < q->len; i++) {
    must(body[i] > ' ' && body[i] <= '~');
  }
  json = json_loads(occ_call_question_json(call, NULL) == NULL ? "{}"
                                                               : occ_call_question_json(call, NULL),
                    JSON_REJECT_DUPLICATES, NULL);
  must(json != NULL);
  json_decref(json);
}

static void run_call(occ_agent *agent)
{
  occ_call *call = NULL;
  int rc = occ_call_new(&call, agent);

  must((rc == OCC_OK) == (call != NULL));
  if (rc == OCC_OK && occ_call_add_param(call, "grant_type", "x", 1) == OCC_OK) {
    rc = occ_call_run(call, NOW);
    must(rc == OCC_PENDING || rc < 0);
    if (rc == OCC_PENDING && occ_call_question(call)->kind == OCC_ASK_SEND) {
      check_request(call);
    }
  }
  occ_call_free(call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const use[] = { "dpop", "assertion", "attestation", "holder" };
  const uint8_t *end;
  occ_agent *agent = NULL;
  occ_lib *lib = NULL;
  size_t len;
  fail_mem fm;
  int rc;

  if (size < 3 || (end = memchr(data + 2, 0, size - 2)) == NULL) {
    return 0;
  }
  len = (size_t)(end - data) - 2;
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  if (occ_lib_new(&lib, &fm.mem) == OCC_OK) {
    rc = occ_agent_new(&agent, lib, (const char *)data + 2, len);
    must((rc == OCC_OK) == (agent != NULL));
    must(rc == OCC_OK || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_CONFIG || rc == OCC_ERR_LIMIT ||
         (rc == OCC_ERR_MEMORY && fm.failed));
    if (agent != NULL) {
      rc = occ_agent_add_key(agent, use[data[1] % 4], (const char *)end + 1, size - len - 3);
      must(rc == OCC_OK || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT ||
           (rc == OCC_ERR_ARGUMENT && data[1] % 4 > 1) || (rc == OCC_ERR_MEMORY && fm.failed));
      run_call(agent);
    }
  }
  occ_agent_free(agent);
  occ_lib_free(lib);
  must(fm.live == 0);
  return 0;
}
