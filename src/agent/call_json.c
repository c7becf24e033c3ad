/* SPDX-License-Identifier: MIT */

/* A call's questions and answers as JSON texts, for bindings of other languages. Called by hosts. Texts stay texts (a
 * form body, a signing input, a kid); requirement and evidence are objects; octets that are no text (a signature) are
 * base64url. It adds no way to do anything that call.c does not do. */

#include "agent/agent.h"
#include "base/b64.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

#define SIGNATURE_LEN 64u

/* A response body of full length, every octet written as an escape of six, with its header lines. */
static const occ_json_limits answer_limits = { 6 * OCC__MAX_BODY + OCC__AGENT_MAX_HEADERS,
                                               OCC__MAX_JSON_DEPTH, OCC__MAX_JSON_VALUES };

struct occ_call_json { /* apart from the call, because its getter takes a const one */
  occ_buf text;
};

int occ__call_json_new(occ_call_json **out, const occ_mem *mem)
{
  *out = occ__mem_alloc(mem, sizeof(**out));
  if (*out == NULL) {
    return OCC_ERR_MEMORY;
  }
  occ__buf_init(&(*out)->text, mem, 7 * OCC__MAX_ANSWER);
  return OCC_OK;
}

void occ__call_json_wipe(occ_call_json *json)
{
  if (json != NULL) {
    occ__buf_reset(&json->text);
  }
}

void occ__call_json_free(occ_call_json *json, const occ_mem *mem)
{
  if (json != NULL) {
    occ__buf_clear(&json->text);
    occ__mem_free(mem, json, sizeof(*json));
  }
}

static const char *kind_name(occ_ask kind)
{
  static const char *const names[] = { "send", "solve", "sign", "disclose" };

  return names[kind - OCC_ASK_SEND];
}

static void put_headers(occ_buf *out, const occ_call *call)
{
  occ__json_name(out, "headers");
  occ__json_open(out, '[');
  for (size_t i = 0; occ_call_header_name(call, i) != NULL; i++) {
    occ__json_open(out, '[');
    occ__json_string(out, occ__span_text(occ_call_header_name(call, i)));
    occ__json_string(out, occ__span_text(occ_call_header_value(call, i)));
    occ__json_close(out, ']');
  }
  occ__json_close(out, ']');
}

static void put_question(occ_buf *out, const occ_call *call, const occ_question *question)
{
  occ_span data = occ__span(question->data, question->len);

  occ__json_open(out, '{');
  occ__json_put_text(out, "kind", kind_name(question->kind));
  occ__json_put_number(out, "ticket", (int64_t)question->ticket);
  if (question->deadline != 0) {
    occ__json_put_number(out, "deadline", question->deadline);
  }
  occ__json_put_text(out, "type", question->type);
  if (question->wanted != NULL) {
    occ__json_name(out, "wanted");
    occ__json_raw(out, occ__span_text(question->wanted));
  }
  occ__json_put_text(out, "nonce", question->nonce);
  occ__json_put_text(out, "audience", question->audience);
  occ__json_put_text(out, "kid", question->kid);
  occ__json_put_text(out, "url", question->url);
  if (question->kind == OCC_ASK_SEND) {
    put_headers(out, call);
  }
  if (data.len > 0) {
    occ__json_name(out, "data");
    if (question->kind == OCC_ASK_DISCLOSE) {
      occ__json_raw(out, data);
    } else {
      occ__json_string(out, data);
    }
  }
  occ__json_close(out, '}');
}

const char *occ_call_question_json(const occ_call *call, size_t *len)
{
  const occ_question *question = occ_call_question(call);
  occ_buf *out;

  if (len != NULL) {
    *len = 0;
  }
  if (question == NULL) {
    return NULL;
  }
  out = &call->json->text;
  occ__buf_reset(out);
  put_question(out, call, question);
  if (out->rc != OCC_OK) {
    return NULL;
  }
  if (len != NULL) {
    *len = out->len;
  }
  return occ__buf_string(out);
}

/* [["name","value"],..] to lines. Nothing in them may make another line. */
static int read_headers(occ_buf *out, const json_t *headers)
{
  const json_t *pair;
  size_t i;

  if (headers != NULL && !json_is_array(headers)) {
    return OCC_ERR_ARGUMENT;
  }
  json_array_foreach(headers, i, pair)
  {
    const char *name = json_string_value(json_array_get(pair, 0));
    const char *value = json_string_value(json_array_get(pair, 1));
    if (name == NULL || value == NULL || json_array_size(pair) != 2 ||
        strpbrk(name, ":\r\n") != NULL || strpbrk(value, "\r\n") != NULL ||
        strlen(name) != json_string_length(json_array_get(pair, 0)) ||
        strlen(value) != json_string_length(json_array_get(pair, 1))) {
      return OCC_ERR_ARGUMENT;
    }
    (void)occ__buf_text(out, name);
    (void)occ__buf_text(out, ": ");
    (void)occ__buf_text(out, value);
    (void)occ__buf_text(out, "\r\n");
  }
  return out->rc;
}

static int answer_sent(occ_call *call, occ_ticket ticket, const json_t *root)
{
  const json_t *status = json_object_get(root, "status");
  const json_t *data = json_object_get(root, "data");
  occ_buf lines;
  int rc;

  if (!json_is_integer(status) || json_integer_value(status) < 0 ||
      json_integer_value(status) > 599 || (data != NULL && !json_is_string(data))) {
    return OCC_ERR_ARGUMENT;
  }
  occ__buf_init(&lines, call->mem, OCC__AGENT_MAX_HEADERS);
  rc = read_headers(&lines, json_object_get(root, "headers"));
  if (rc == OCC_OK) {
    rc =
        occ_call_answer_send(call, ticket, (int)json_integer_value(status), occ__buf_string(&lines),
                             json_string_value(data), json_string_length(data));
  }
  occ__buf_clear(&lines);
  return rc;
}

/* SIGN: base64url; SOLVE: an object, or its text. */
static int read_data(occ_buf *out, const json_t *data, occ_ask kind)
{
  occ_span text = occ__span(json_string_value(data), json_string_length(data));
  uint8_t signature[SIGNATURE_LEN];

  if (data == NULL || json_is_null(data)) {
    return OCC_OK;
  }
  if (json_is_object(data)) {
    occ__json_value(out, data);
    return out->rc;
  }
  if (!json_is_string(data)) {
    return OCC_ERR_ARGUMENT;
  }
  if (kind != OCC_ASK_SIGN) {
    return occ__buf_put(out, text.base, text.len);
  }
  if (occ__b64_decode_exact(signature, sizeof(signature), text) != OCC_OK) {
    return OCC_ERR_ARGUMENT;
  }
  return occ__buf_put(out, signature, sizeof(signature));
}

static int answer_verdict(occ_call *call, occ_ticket ticket, const char *answer, const json_t *data)
{
  static const char *const names[] = { [OCC_NO] = "no", [OCC_YES] = "yes", [OCC_RETRY] = "retry" };
  occ_buf octets;
  int rc;

  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcmp(answer, names[i]) == 0) {
      occ__buf_init(&octets, call->mem, OCC__MAX_ANSWER);
      rc = read_data(&octets, data, call->question.kind);
      if (rc == OCC_OK) {
        rc = occ_call_answer(call, ticket, (occ_verdict)i, octets.base, octets.len);
      }
      occ__buf_clear(&octets);
      return rc;
    }
  }
  return OCC_ERR_ARGUMENT;
}

static int answer_object(occ_call *call, const json_t *root)
{
  const json_t *ticket = json_object_get(root, "ticket");
  const char *answer = occ__json_text(root, "answer");

  if (!json_is_integer(ticket) || json_integer_value(ticket) < 1 || answer == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (!call->open || call->question.ticket != (occ_ticket)json_integer_value(ticket)) {
    return OCC_ERR_STALE;
  }
  if (strcmp(answer, "sent") == 0) {
    return answer_sent(call, call->question.ticket, root);
  }
  return answer_verdict(call, call->question.ticket, answer, json_object_get(root, "data"));
}

int occ_call_answer_json(occ_call *call, const char *json, size_t len)
{
  json_t *root = NULL;
  int rc;

  if (call == NULL || json == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  rc = occ__json_read_object(&root, occ__span(json, len), &answer_limits);
  if (rc == OCC_OK) {
    rc = answer_object(call, root);
  }
  occ__peer_json_drop(root);
  return rc;
}
