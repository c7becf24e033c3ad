/* SPDX-License-Identifier: MIT */

/* agent CONFIG.json [OPTIONS]: gets a token and answers the challenges on the way, over libcurl.
 *
 * To use libocc in an agent of your own, read run_by_curl() and answer_question(): they are the
 * whole of it. libocc-curl carries the messages, show.c prints them, options.c reads the command
 * line, keys.c makes keys. run_by_hand() carries them itself, over http.c, where something has to
 * be added: an agent that authenticates by a key signs each of them (assertion.c), and for the demo
 * spoil.c does what has no place in an honest one. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertion.h"
#include "common.h"
#include "http.h"
#include "keys.h"
#include "occ/curl.h"
#include "occ/occ.h"
#include "options.h"
#include "show.h"
#include "spoil.h"

#define CLIENT_KEY "client" /* of keys: by which it authenticates, without a secret */

typedef struct agent_program {
  agent_options options;
  occ_lib *lib;
  occ_agent *agent;
  occ_curl *curl;
} agent_program;

/* ---- Making the agent ------------------------------------------------------------------------ */

/* The members of the file that are libocc's. The issuer comes from here and never from a
 * challenge: evidence is made for it, and a server that passes on the challenge of another one
 * gets nothing that it could use there. */
static char *libocc_options(const json_t *config)
{
  static const char *const names[] = { "issuer",           "token_url",     "client_id",
                                       "assertion_issuer", "assertion_typ", "rounds",
                                       "answers",          "dpop" };
  json_t *options = json_object();
  char *text = NULL;

  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    json_t *value = json_object_get(config, names[i]);

    if (value != NULL) {
      (void)json_object_set(options, names[i], value);
    }
  }
  text = json_dumps(options, JSON_COMPACT);
  json_decref(options);
  return text;
}

static int add_keys(occ_agent *agent, json_t *keys)
{
  const char *use = NULL;
  json_t *jwk = NULL;
  int rc = OCC_OK;

  json_object_foreach(keys, use, jwk)
  {
    char *text = json_dumps(jwk, JSON_COMPACT | JSON_ENCODE_ANY);

    if (rc == OCC_OK && strcmp(use, CLIENT_KEY) != 0) {
      rc = text != NULL ? occ_agent_add_key(agent, use, text, strlen(text)) : OCC_ERR_MEMORY;
      if (rc != OCC_OK) {
        fprintf(stderr, "keys.%s: ", use);
      }
    }
    free(text);
  }
  return rc;
}

/* Each message of occ_curl_call(), for people. */
static void on_message(const occ_curl_message *message, void *user_data)
{
  agent_program *me = user_data;

  if (message->is_request) {
    free(spoil_body(&me->options.plan, message->body,
                    message->len)); /* only looked at: for --repeat */
    show_request(me->options.verbose, message->url, 1, message->headers, message->body,
                 message->len);
  } else {
    show_answer(me->options.verbose, message->http_status, message->headers, message->body,
                message->len);
  }
}

/* What carries the messages: with the credentials of the client, over whatever libcurl trusts. */
static int make_curl(agent_program *me, const char *id, const char *secret)
{
  json_t *object = json_pack("{s:s, s:s}", "client_id", id, "client_secret", secret);
  char *options = json_dumps(object, JSON_COMPACT);
  int rc = options != NULL ? occ_curl_new(&me->curl, me->lib, options) : OCC_ERR_MEMORY;

  free(options);
  json_decref(object);
  return rc == OCC_OK ? occ_curl_on_message(me->curl, on_message, me) : rc;
}

static const char *text_of(const agent_program *me, const char *name)
{
  return json_string_value(json_object_get(me->options.config, name));
}

static const json_t *client_key(const agent_program *me)
{
  return json_object_get(json_object_get(me->options.config, "keys"), CLIENT_KEY);
}

static int make_agent(agent_program *me)
{
  const char *secret = text_of(me, "client_secret");
  char *options = libocc_options(me->options.config);
  int rc = options != NULL ? OCC_OK : OCC_ERR_MEMORY;

  if (rc == OCC_OK &&
      (text_of(me, "client_id") == NULL || (secret != NULL) == (client_key(me) != NULL))) {
    fprintf(stderr, "client_id, and either client_secret or keys." CLIENT_KEY ": ");
    rc = OCC_ERR_CONFIG;
  }
  if (rc == OCC_OK) {
    rc = occ_lib_new(&me->lib, NULL);
  }
  if (rc == OCC_OK) {
    rc = occ_agent_new(&me->agent, me->lib, options, strlen(options));
  }
  if (rc == OCC_OK) {
    rc = add_keys(me->agent, json_object_get(me->options.config, "keys"));
  }
  if (rc == OCC_OK && secret != NULL) {
    rc = make_curl(me, text_of(me, "client_id"), secret);
  }
  if (rc != OCC_OK) {
    fprintf(stderr, "%s\n", occ_status_text(rc));
  }
  free(options);
  return rc;
}

/* ---- One token request with its rounds ------------------------------------------------------- */

/* It is the token, or what was pushed is known by a request_uri. */
static int judge_success(const agent_program *me, const json_t *answer)
{
  const char *type = json_string_value(json_object_get(answer, "token_type"));
  const char *scope = json_string_value(json_object_get(answer, "scope"));
  int status = FAILED;

  if (json_object_get(answer, "request_uri") != NULL) {
    printf("pushed: request_uri\n");
    status = GOT_TOKEN;
  } else if (type == NULL || json_object_get(answer, "access_token") == NULL) {
    fprintf(stderr, "neither a token nor an error\n");
  } else if (json_object_get(json_object_get(me->options.config, "keys"), "dpop") != NULL &&
             strcmp(type, "DPoP") != 0) {
    /* spec: RFC 9449 section 5 */
    fprintf(stderr, "a proof was sent and the token is not bound to its key: thrown away\n");
  } else {
    printf("token: %s, scope %s\n", type, scope != NULL ? scope : "(none)");
    status = GOT_TOKEN;
  }
  return status;
}

/* What the last response says: a success, or some OAuth error. */
static int judge(const agent_program *me, const occ_challenge *result)
{
  const char *error = occ_challenge_error(result);
  const char *body = occ_challenge_body(result, NULL);
  json_t *answer = NULL;
  int status = REFUSED;

  if (error != NULL) {
    printf("refused: %s\n", error);
    return status;
  }
  answer = json_loads(body, 0, NULL);
  status = judge_success(me, answer);
  json_decref(answer);
  if (status == GOT_TOKEN && me->options.save != NULL &&
      !write_private_file(me->options.save, body)) {
    status = FAILED;
  }
  return status;
}

/* The end of a call of which a message was spoiled: the answer to it is what counts, whatever
 * could come later. */
static int judge_spoiled(const agent_program *me, const http_answer *answer)
{
  occ_challenge *result = NULL;
  int status = FAILED;

  if (occ_challenge_read(&result, me->lib, answer->status, answer->headers, answer->body,
                         answer->len) == OCC_OK) {
    status = judge(me, result);
  }
  occ_challenge_free(result);
  return status;
}

/* One question at a time, as on the server's side. */
static int answer_question(occ_call *call)
{
  const occ_question *q = occ_call_question(call);

  if (q->kind == OCC_ASK_DISCLOSE) {
    /* May this evidence leave? An agent that acts for a person asks here, or looks into its
     * mandate. */
    return occ_call_answer(call, q->ticket, OCC_YES, NULL, 0);
  }
  /* SOLVE: a type that libocc has no solver for. SIGN: a key that is not in the configuration.
   * We have neither. */
  return occ_call_answer(call, q->ticket, OCC_NO, NULL, 0);
}

static int add_params(occ_call *call, json_t *params)
{
  const char *name = NULL;
  json_t *value = NULL;
  int rc = OCC_OK;

  json_object_foreach(params, name, value)
  {
    if (rc == OCC_OK && json_is_string(value)) {
      rc = occ_call_add_param(call, name, json_string_value(value), json_string_length(value));
    }
  }
  return rc;
}

/* All that an agent with a secret does: the messages are occ_curl_call()'s, the questions ours. */
static int run_by_curl(agent_program *me, occ_call *call)
{
  int rc;

  while ((rc = occ_curl_call(me->curl, call, clock_ms())) == OCC_PENDING) {
    rc = answer_question(call);
    if (rc != OCC_OK) {
      break;
    }
  }
  if (rc == OCC_OK) {
    return judge(me, occ_call_result(call));
  }
  fprintf(stderr, "failed: %s\n", occ_status_text(rc));
  return FAILED;
}

/* ---- A token request with messages of our own ------------------------------------------------ */

/* The header lines that libocc wants sent; freed by the caller. */
static char *header_lines(const occ_call *call)
{
  size_t size = 1, used = 0;
  char *lines = NULL;

  for (size_t i = 0; occ_call_header_name(call, i) != NULL; i++) {
    size += strlen(occ_call_header_name(call, i)) + strlen(occ_call_header_value(call, i)) + 4;
  }
  lines = calloc(size, 1);
  for (size_t i = 0; lines != NULL && occ_call_header_name(call, i) != NULL; i++) {
    used += (size_t)snprintf(lines + used, size - used, "%s: %s\r\n", occ_call_header_name(call, i),
                             occ_call_header_value(call, i));
  }
  return lines;
}

/* What to send instead of what libocc has made. */
static char *make_body(agent_program *me, const occ_question *q)
{
  char *body = spoil_body(&me->options.plan, q->data, q->len);
  char *signed_body = NULL;

  if (body == NULL || client_key(me) == NULL) {
    return body;
  }
  signed_body =
      assertion_add(body, text_of(me, "client_id"), text_of(me, "issuer"), client_key(me));
  free(body);
  return signed_body;
}

/* Sends something else than what libocc asks to send, and answers with what came back. Fills
 * *answer for judge_spoiled(). */
static int send_by_hand(agent_program *me, CURL *curl, occ_call *call, http_answer *answer)
{
  const occ_question *q = occ_call_question(call);
  char *body = make_body(me, q);
  char *headers = header_lines(call);
  int rc = OCC_ERR_MEMORY;

  http_answer_clear(answer);
  if (body != NULL && headers != NULL) {
    show_request(me->options.verbose, q->url, client_key(me) == NULL, headers, body, strlen(body));
    http_post(curl, q->url, headers, body, strlen(body), answer);
    show_answer(me->options.verbose, answer->status, answer->headers, answer->body, answer->len);
    rc = occ_call_answer_send(call, q->ticket, answer->status, answer->headers, answer->body,
                              answer->len);
  }
  free(headers);
  free(body);
  return rc;
}

/* Did that message end the call by itself? A missing nonce is no verdict: the message goes out
 * once more. */
static int ends_here(const spoil_plan *plan, const http_answer *answer)
{
  return plan->saved || (plan->spoiled && (answer->body == NULL ||
                                           strstr(answer->body, "\"use_dpop_nonce\"") == NULL));
}

/* occ_curl_call() sends what libocc has made and nothing else, which is why this has a loop of its
 * own. */
static int run_by_hand(agent_program *me, occ_call *call)
{
  CURL *curl = http_open(text_of(me, "client_id"), text_of(me, "client_secret"));
  http_answer answer = { 0 };
  int status = FAILED;
  int rc = curl != NULL ? OCC_OK : OCC_ERR_MEMORY;

  while (rc == OCC_OK && (rc = occ_call_run(call, clock_ms())) == OCC_PENDING) {
    rc = occ_call_question(call)->kind == OCC_ASK_SEND ? send_by_hand(me, curl, call, &answer)
                                                       : answer_question(call);
    if (ends_here(&me->options.plan, &answer)) {
      break;
    }
  }
  if (me->options.plan.saved) {
    printf("saved: session and evidence, not sent\n");
    status = GOT_TOKEN;
  } else if (me->options.plan.spoiled) {
    status = judge_spoiled(me, &answer);
  } else if (rc == OCC_OK) {
    status = judge(me, occ_call_result(call));
  } else {
    fprintf(stderr, "failed: %s\n", occ_status_text(rc));
  }
  http_answer_clear(&answer);
  curl_easy_cleanup(curl);
  return status;
}

static int run_call(agent_program *me)
{
  const spoil_plan *plan = &me->options.plan;
  const int by_hand = client_key(me) != NULL || plan->change != NULL || plan->save != NULL ||
                      plan->put != NULL || plan->wait != 0;
  occ_call *call = NULL;
  int status = FAILED;
  int rc = occ_call_new(&call, me->agent);

  if (rc == OCC_OK) {
    rc = add_params(call, me->options.params);
  }
  if (rc == OCC_OK) {
    status = by_hand ? run_by_hand(me, call) : run_by_curl(me, call);
  } else {
    fprintf(stderr, "failed: %s\n", occ_status_text(rc));
  }
  occ_call_free(call);
  return status;
}

/* The session and the evidence that just got a token, once more: in a new call, so that its DPoP
 * proof is a new one and nothing but the session is used twice. */
static int repeat_call(agent_program *me)
{
  if (me->options.plan.added == NULL) {
    fprintf(stderr, "nothing to repeat: there was no challenge\n");
    return FAILED;
  }
  json_decref(me->options.plan.put);
  me->options.plan.put = json_incref(me->options.plan.added);
  return run_call(me);
}

/* ---- The program ------------------------------------------------------------------------------ */

static void clear_agent(agent_program *me)
{
  occ_curl_free(me->curl);
  occ_agent_free(me->agent);
  occ_lib_free(me->lib);
  options_clear(&me->options);
}

int main(int argc, char **argv)
{
  agent_program me = { 0 };
  int status = USAGE;

  if (argc == 3 && strcmp(argv[1], "--new-key") == 0) {
    return keys_print_new(argv[2]);
  }
  if (argc == 3 && strcmp(argv[1], "--public-key") == 0) {
    return keys_print_public(argv[2]);
  }
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return FAILED;
  }
  if (argc == 3 && strcmp(argv[1], "--redirect") == 0) {
    status = http_print_redirect(argv[2]) ? GOT_TOKEN : FAILED;
    curl_global_cleanup();
    return status;
  }
  status = options_read(&me.options, argc, argv);
  if (status == GOT_TOKEN) {
    status = make_agent(&me) == OCC_OK ? run_call(&me) : FAILED;
  }
  if (status == GOT_TOKEN && me.options.repeat) {
    status = repeat_call(&me);
  }
  clear_agent(&me);
  curl_global_cleanup();
  return status;
}
