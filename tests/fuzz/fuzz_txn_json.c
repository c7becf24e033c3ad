/* SPDX-License-Identifier: MIT
 *
 * A txn by its JSON interface. Byte 0 picks the failing allocation (255: none), byte 1 the server; then a line with the
 * request, and one answer a line. In them the octet 1 stands for the open ticket, 2 for the handle of a challenge that
 * waits. A line that begins with "/" asks for a fact by its pointer. Whatever comes out is JSON; an answer that is not
 * taken leaves its question open and the challenge as it was. */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "traffic.h"

#define MAX_TEXT (64u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static fail_mem memory;
static traffic world;
static occ_server *servers[2];
static char handle[1025];

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static void asks_check(occ_config *config, void *user_data)
{
  (void)user_data;
  (void)occ_config_set(config, "check", "true");
  (void)occ_config_set(config, "session_mode", "stored");
}

static void set_store(occ_config *config, void *user_data)
{
  (void)occ_config_set(config, "store_id", "AAAAAAAAAAAAAAAAAAAAAA");
  if (user_data != NULL) {
    asks_check(config, NULL);
  }
}

/* Made once, reachable to the end. */
static void set_up(void)
{
  static const traffic_request request = { .body = TRAFFIC_BODY, .wants = "asked" };
  traffic_result result;
  occ_txn *txn;
  int rc;

  if (servers[0] != NULL) {
    return;
  }
  fail_mem_init(&memory, SIZE_MAX, false);
  traffic_open(&world, &memory.mem);
  servers[0] = traffic_server(&world, traffic_config, NULL, set_store, NULL);
  servers[1] = traffic_server(&world, traffic_config, NULL, set_store, &world);
  txn = traffic_begin(servers[0], &request, NULL);
  rc = traffic_run(txn, request.wants, TRAFFIC_NOW);
  traffic_read(&result, txn, rc);
  occ_txn_free(txn);
  must(result.session[0] != '\0');
  memcpy(handle, result.session, sizeof(handle));
}

/* Out-of-memory alone excuses a text that is missing. */
static json_t *check_json(const char *text, size_t len)
{
  json_t *json;

  must(text != NULL ? strlen(text) == len : memory.failed && len == 0);
  if (text == NULL) {
    return NULL;
  }
  json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  must(json != NULL);
  return json;
}

/* The line with its placeholders replaced, in a block of its own length. */
static char *expand(const uint8_t *line, size_t len, occ_ticket ticket, size_t *out_len)
{
  char *text = malloc(MAX_TEXT), *exact;
  size_t n = 0;

  must(text != NULL);
  for (size_t i = 0; i < len && n + sizeof(handle) < MAX_TEXT; i++) {
    if (line[i] == 1) {
      n += (size_t)snprintf(text + n, 24, "%" PRIu64, (uint64_t)ticket);
    } else if (line[i] == 2) {
      memcpy(text + n, handle, strlen(handle));
      n += strlen(handle);
    } else {
      text[n++] = (char)line[i];
    }
  }
  exact = malloc(n == 0 ? 1 : n);
  must(exact != NULL);
  memcpy(exact, text, n);
  free(text);
  *out_len = n;
  return exact;
}

static void ask_fact(const occ_txn *txn, const char *text, size_t len)
{
  char *pointer = malloc(len + 1);
  size_t fact_len = 0;
  const char *fact;

  must(pointer != NULL);
  memcpy(pointer, text, len);
  pointer[len] = '\0';
  fact = occ_txn_fact(txn, pointer, &fact_len);
  if (fact != NULL) {
    json_decref(check_json(fact, fact_len));
  }
  free(pointer);
}

static void answer(occ_txn *txn, const uint8_t *line, size_t line_len)
{
  const occ_ticket ticket = occ_txn_question(txn)->ticket;
  size_t len;
  char *text = expand(line, line_len, ticket, &len);
  int rc;

  if (len > 0 && text[0] == '/') {
    ask_fact(txn, text, len);
  } else {
    rc = occ_txn_answer_json(txn, text, len);
    must(rc <= 0 && rc != OCC_ERR_INTERNAL);
    must(rc == OCC_OK ||
         (occ_txn_question(txn) != NULL && occ_txn_question(txn)->ticket == ticket));
  }
  free(text);
}

static void check_question(const occ_txn *txn)
{
  size_t len = 0;
  const char *text = occ_txn_question_json(txn, &len);
  json_t *json = check_json(text, len);
  const occ_question *q = occ_txn_question(txn);

  if (json != NULL) {
    must(q != NULL && json_is_string(json_object_get(json, "kind")));
    must((occ_ticket)json_integer_value(json_object_get(json, "ticket")) == q->ticket);
  }
  json_decref(json);
}

static void check_result(const occ_txn *txn)
{
  size_t len = 0;
  const char *text = occ_txn_result_json(txn, &len);
  json_t *json = check_json(text, len);

  if (json != NULL) {
    must(json_integer_value(json_object_get(json, "status")) == occ_txn_http_status(txn));
    must((strcmp(json_string_value(json_object_get(json, "outcome")), "grant") == 0) ==
         (occ_txn_outcome(txn) == OCC_GRANT));
  }
  json_decref(json);
}

/* Takes the next line. */
static size_t next_line(const uint8_t **line, const uint8_t **at, size_t *left)
{
  const uint8_t *end = *left == 0 ? NULL : memchr(*at, '\n', *left);
  const size_t len = end == NULL ? *left : (size_t)(end - *at);

  *line = *at;
  *at += len + (end != NULL);
  *left -= len + (end != NULL);
  return len;
}

static void run(occ_txn *txn, const uint8_t *at, size_t left)
{
  occ_time now = TRAFFIC_NOW + 1;
  const uint8_t *line;
  size_t len = next_line(&line, &at, &left), filled_len;
  char *filled = expand(line, len, 0, &filled_len);
  int rc = occ_txn_set_json(txn, filled, filled_len);
  const int was_good = rc == OCC_OK;

  must(rc <= 0 && rc != OCC_ERR_INTERNAL);
  free(filled);
  while ((rc = occ_txn_run(txn, now)) == OCC_PENDING) {
    must(was_good); /* half a request must not run */
    check_question(txn);
    if (left == 0 || occ_txn_question(txn) == NULL) {
      now += 4000; /* nobody answers, and the deadline comes */
      continue;
    }
    len = next_line(&line, &at, &left);
    answer(txn, line, len);
  }
  must(was_good || occ_txn_outcome(txn) == OCC_FAILED);
  check_result(txn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  occ_txn *txn = NULL;
  size_t before;

  if (size < 2) {
    return 0;
  }
  set_up();
  before = memory.live;
  memory.count = 0;
  memory.failed = false;
  memory.keep = true;
  memory.until = data[0] == 255 ? SIZE_MAX : data[0];
  if (occ_txn_new(&txn, servers[data[1] & 1], (data[1] & 2) != 0 ? OCC_PAR : OCC_TOKEN, NULL) ==
      OCC_OK) {
    run(txn, data + 2, size - 2);
  }
  occ_txn_free(txn);
  memory.until = SIZE_MAX;
  must(memory.live <= before + 8); /* the pool may have made a workspace */
  return 0;
}
