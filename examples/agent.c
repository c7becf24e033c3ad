/* SPDX-License-Identifier: MIT */

/* agent CONFIG.json [OPTIONS]: gets a token and answers the challenges on the way, over libcurl.
 *
 * To use libocc in an agent of your own, read run_call() and send_request(): they are the whole
 * of it. http.c carries the messages, show.c prints them, options.c reads the command line, keys.c
 * makes keys; spoil.c is for the demo and has no place in an honest agent. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "http.h"
#include "keys.h"
#include "occ/occ.h"
#include "options.h"
#include "show.h"
#include "spoil.h"

typedef struct agent_program {
  agent_options options;
  occ_lib *lib;
  occ_agent *agent;
  CURL *curl;
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

    if (rc == OCC_OK) {
      rc = text != NULL ? occ_agent_add_key(agent, use, text, strlen(text)) : OCC_ERR_MEMORY;
      if (rc != OCC_OK) {
        fprintf(stderr, "keys.%s: ", use);
      }
    }
    free(text);
  }
  return rc;
}

static int make_agent(agent_program *me)
{
  const char *id = json_string_value(json_object_get(me->options.config, "client_id"));
  const char *secret = json_string_value(json_object_get(me->options.config, "client_secret"));
  char *options = libocc_options(me->options.config);
  int rc = options != NULL ? OCC_OK : OCC_ERR_MEMORY;

  if (rc == OCC_OK && (id == NULL || secret == NULL)) {
    fprintf(stderr, "client_id and client_secret: ");
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
  if (rc == OCC_OK) {
    me->curl = http_open(id, secret);
    rc = me->curl != NULL ? OCC_OK : OCC_ERR_MEMORY;
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

/* Header lines for curl: those of libocc (a DPoP proof is made afresh for each message). */
static struct curl_slist *request_headers(const occ_call *call)
{
  struct curl_slist *headers = NULL;

  for (size_t i = 0; occ_call_header_name(call, i) != NULL; i++) {
    const char *name = occ_call_header_name(call, i);
    const char *value = occ_call_header_value(call, i);
    size_t len = strlen(name) + strlen(value) + 3;
    char *line = malloc(len);

    if (line != NULL) {
      (void)snprintf(line, len, "%s: %s", name, value);
      headers = curl_slist_append(headers, line);
      free(line);
    }
  }
  return headers;
}

/* Sends what libocc asks to send, and answers with what came back. Fills *answer for
 * judge_spoiled(). An honest agent sends q->data as it is. */
static int send_request(agent_program *me, occ_call *call, http_answer *answer)
{
  const occ_question *q = occ_call_question(call);
  char *body = spoil_body(&me->options.plan, q->data, q->len);
  struct curl_slist *headers = request_headers(call);
  int rc = OCC_ERR_MEMORY;

  http_answer_clear(answer);
  if (body != NULL) {
    show_request(me->options.verbose, q->url, headers, body, strlen(body));
    http_post(me->curl, q->url, headers, body, strlen(body), answer);
    show_answer(me->options.verbose, answer);
    rc = occ_call_answer_send(call, q->ticket, answer->status, answer->headers, answer->body,
                              answer->len);
  }
  curl_slist_free_all(headers);
  free(body);
  return rc;
}

/* One question at a time, as on the server's side. Returns OCC_OK when the call is at its end. */
static int answer_question(agent_program *me, occ_call *call, http_answer *answer)
{
  const occ_question *q = occ_call_question(call);

  if (q->kind == OCC_ASK_SEND) {
    return send_request(me, call, answer);
  }
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

/* Did that message end the call by itself? A missing nonce is no verdict: the message goes out
 * once more. */
static int ends_here(const spoil_plan *plan, const http_answer *answer)
{
  return plan->saved || (plan->spoiled && (answer->body == NULL ||
                                           strstr(answer->body, "\"use_dpop_nonce\"") == NULL));
}

static int run_call(agent_program *me)
{
  http_answer answer = { 0 };
  occ_call *call = NULL;
  int status = FAILED;
  int rc = occ_call_new(&call, me->agent);

  if (rc == OCC_OK) {
    rc = add_params(call, me->options.params);
  }
  while (rc == OCC_OK && (rc = occ_call_run(call, clock_ms())) == OCC_PENDING) {
    rc = answer_question(me, call, &answer);
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
  occ_call_free(call);
  http_answer_clear(&answer);
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
  if (me->curl != NULL) {
    curl_easy_cleanup(me->curl);
  }
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
