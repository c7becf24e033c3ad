/* SPDX-License-Identifier: MIT */

/* What is looked at when a request of a transcript has ended: the form of the answer, the outcome, secrets where they
 * must not be, and the lines of the transcript that ask for more. Changes nothing but what it remembers. */

#include "play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Secrets ---- */

static void keep_secret(play *p, const char *value, size_t len)
{
  char *kept;

  if (len < 12 || len > 32768 || p->secrets == SECRETS) {
    return;
  }
  kept = malloc(len + 1);
  assert_non_null(kept);
  memcpy(kept, value, len);
  kept[len] = '\0';
  p->secret[p->secrets++] = kept;
}

/* A token, and each part of it. */
void check_made(void *user_data, const char *token)
{
  keep_secret(user_data, token, strlen(token));
  for (const char *at = token; *at != '\0';) {
    size_t len = strcspn(at, ".");
    keep_secret(user_data, at, len);
    at += len + (at[len] == '.');
  }
}

/* Values of parameters and headers that are nobody's business. */
void check_request(play *p)
{
  static const char *const names[] = {
    "client_secret=",    "claim_token=",  "challenge_session=", "code=",
    "refresh_token=",    "assertion=",    "password=",          "ev=",
    "client_assertion=", "subject_token="
  };
  const host_request *r = &p->request;

  for (size_t i = 0; r->has_body && i < sizeof(names) / sizeof(names[0]); i++) {
    const char *at = strstr(r->body.at, names[i]);
    if (at != NULL) {
      at += strlen(names[i]);
      keep_secret(p, at, strcspn(at, "&"));
    }
  }
  for (size_t i = 0; i < r->headers; i++) {
    keep_secret(p, r->header[i].value.at, strlen(r->header[i].value.at));
  }
  if (r->has_memo) {
    keep_secret(p, r->memo.at, r->memo.len);
  }
}

static void must_not_leak(play *p, const char *where, const char *text)
{
  for (size_t i = 0; text != NULL && i < p->secrets; i++) {
    if (strstr(text, p->secret[i]) != NULL) {
      play_wrong(p, "a secret stands in what is told", where);
      print_error("  %s\n", text);
    }
  }
}

/* ---- The form of an answer ---- */

static size_t count_header(const occ_txn *txn, const char *name, const char **value)
{
  size_t count = 0;

  for (size_t i = 0; occ_txn_header_name(txn, i) != NULL; i++) {
    if (strcmp(occ_txn_header_name(txn, i), name) == 0) {
      count++;
      if (value != NULL) {
        *value = occ_txn_header_value(txn, i);
      }
    }
  }
  return count;
}

static void must_have_once(play *p, const char *name, const char *want)
{
  const char *value = NULL;

  if (count_header(p->host.txn, name, &value) != 1 || strcmp(value, want) != 0) {
    play_wrong(p, "header is not there once and as it must be", name);
  }
}

/* spec: RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E */
static int is_description(const char *text)
{
  for (; *text != '\0'; text++) {
    if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\') {
      return 0;
    }
  }
  return 1;
}

static void check_error_body(play *p, const json_t *body, int is_challenge)
{
  static const char *const members[] = { "error", "error_description", "authorization_requirement",
                                         "challenge_session", "expires_in" };
  const char *description = json_string_value(json_object_get(body, "error_description"));
  const char *name;
  json_t *value;

  if (!json_is_string(json_object_get(body, "error"))) {
    play_wrong(p, "no error in the body", "");
  }
  if (description != NULL && !is_description(description)) {
    play_wrong(p, "error_description has octets that it may not have", description);
  }
  json_object_foreach((json_t *)(uintptr_t)body, name, value)
  {
    size_t i = 0;
    while (i < 5 && strcmp(members[i], name) != 0) {
      i++;
    }
    if (i == 5 || (i > 1 && !is_challenge)) {
      play_wrong(p, "a member that does not belong there", name);
    }
  }
}

/* S-01 to S-04, S-09: the challenge. */
static void check_challenge(play *p, const json_t *body)
{
  const json_t *requirement = json_object_get(body, "authorization_requirement");
  const json_t *expires = json_object_get(body, "expires_in");
  const char *session = json_string_value(json_object_get(body, "challenge_session"));

  if (!json_is_object(requirement) || !json_is_string(json_object_get(requirement, "type"))) {
    play_wrong(p, "no requirement with a type", "");
  }
  if (!json_is_integer(expires) || json_integer_value(expires) < 1) {
    play_wrong(p, "no expires_in that is a positive number", "");
  }
  if (session == NULL || strlen(session) < 43 || strlen(session) > 1024 ||
      strspn(session, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
          strlen(session)) {
    play_wrong(p, "no challenge_session of the alphabet", session == NULL ? "none" : session);
    return;
  }
  for (size_t i = 0; i < p->sessions; i++) {
    if (strcmp(p->session[i], session) == 0) {
      play_wrong(p, "a session that was given before", session);
    }
  }
  vars_set(&p->vars, "session", session, strlen(session));
  if (p->sessions < SECRETS) {
    p->session[p->sessions++] = play_copy(session);
  }
}

static void check_grant(play *p)
{
  size_t len = 1;

  if (occ_txn_http_status(p->host.txn) != 0 || occ_txn_body(p->host.txn, &len)[0] != '\0' ||
      len != 0) {
    play_wrong(p, "a grant with a status or a body", "");
  }
  for (size_t i = 0; occ_txn_header_name(p->host.txn, i) != NULL; i++) {
    if (strcmp(occ_txn_header_name(p->host.txn, i), "DPoP-Nonce") != 0) {
      play_wrong(p, "a header that does not belong to a grant",
                 occ_txn_header_name(p->host.txn, i));
    }
  }
}

static void check_error(play *p, int is_challenge)
{
  size_t len = 0;
  const char *text = occ_txn_body(p->host.txn, &len);
  json_t *body = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

  must_have_once(p, "Content-Type", "application/json");
  must_have_once(p, "Cache-Control", "no-store");
  must_have_once(p, "Pragma", "no-cache");
  if (count_header(p->host.txn, "Retry-After", NULL) !=
      (occ_txn_http_status(p->host.txn) == 503 ? 1u : 0u)) {
    play_wrong(p, "Retry-After belongs to 503 and to nothing else", "");
  }
  if (!json_is_object(body)) {
    play_wrong(p, "the body is no JSON object", text);
  } else {
    if (p->pass == PASS_PLAIN || occ_txn_outcome(p->host.txn) == OCC_FAILED) {
      must_not_leak(p, "the body", text);
    }
    check_error_body(p, body, is_challenge);
    if (is_challenge) {
      check_challenge(p, body);
    }
  }
  json_decref(body);
}

static void check_secrets(play *p)
{
  for (size_t i = 0; i < p->host.events; i++) {
    must_not_leak(p, "an event", p->host.event[i].json);
  }
  must_not_leak(p, "the reason", occ_txn_reason(p->host.txn));
  must_not_leak(p, "the log", occ_txn_log(p->host.txn, NULL));
}

/* What was met at the PAR endpoint, for the host alone. */
static void check_receipt(play *p)
{
  const char *receipt = occ_txn_receipt(p->host.txn);

  if (receipt == NULL) {
    return;
  }
  if (p->request.endpoint != OCC_PAR || occ_txn_outcome(p->host.txn) != OCC_GRANT ||
      strlen(receipt) > 506 ||
      strspn(receipt, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
          strlen(receipt)) {
    play_wrong(p, "a receipt that must not be", receipt);
  }
  vars_set(&p->vars, "receipt", receipt, strlen(receipt));
  keep_secret(p, receipt, strlen(receipt));
}

static void check_answer(play *p)
{
  const occ_txn *txn = p->host.txn;
  const char *nonce = NULL;

  check_receipt(p);
  if (p->pass == PASS_PLAIN) { /* with failures: where they occur */
    check_secrets(p);
  }
  if (occ_txn_outcome(txn) == OCC_GRANT) {
    check_grant(p);
  } else {
    check_error(p, occ_txn_outcome(txn) == OCC_CHALLENGE);
  }
  if (count_header(txn, "DPoP-Nonce", &nonce) > 1) {
    play_wrong(p, "two DPoP-Nonce headers", "");
  }
  if (nonce != NULL) {
    vars_set(&p->vars, "nonce", nonce, strlen(nonce));
    keep_secret(p, nonce, strlen(nonce));
  }
}

/* ---- The outcome ---- */

static const host_event *find_event(const play *p, const char *name)
{
  for (size_t i = 0; i < p->host.events; i++) {
    if (strcmp(occ_event_name(p->host.event[i].id), name) == 0) {
      return &p->host.event[i];
    }
  }
  return NULL;
}

static int is_about(const host_event *event, const char *requirement)
{
  char want[128];

  (void)snprintf(want, sizeof(want), "\"requirement\":\"%s\"", requirement);
  return event != NULL && strstr(event->json, want) != NULL;
}

static void describe(const play *p, char *out, size_t size)
{
  static const char *const outcomes[] = { "undecided", "grant", "challenge", "refuse", "failed" };
  const occ_txn *txn = p->host.txn;

  (void)snprintf(out, size, "got %s, %d, reason %s, %s", outcomes[occ_txn_outcome(txn)],
                 occ_txn_http_status(txn), occ_txn_reason(txn) == NULL ? "-" : occ_txn_reason(txn),
                 occ_txn_body(txn, NULL));
}

/* want: "grant", "403 challenge NAME", "400 error". */
static int outcome_is(const play *p, const char *want)
{
  const occ_txn *txn = p->host.txn;
  const int status = (int)strtol(want, NULL, 10);
  const occ_outcome outcome = occ_txn_outcome(txn);
  json_t *body;
  int good;

  if (strcmp(want, "grant") == 0) {
    return outcome == OCC_GRANT && p->rc == OCC_OK;
  }
  if (strlen(want) < 5 || status != occ_txn_http_status(txn)) {
    return 0;
  }
  if (strncmp(want + 4, "challenge ", 10) == 0) {
    return outcome == OCC_CHALLENGE && p->rc == OCC_OK &&
           is_about(find_event(p, "challenged"), want + 14) &&
           strstr(occ_txn_body(txn, NULL), "\"error\":\"insufficient_client_authorization\"") !=
               NULL;
  }
  body = json_loads(occ_txn_body(txn, NULL), 0, NULL);
  good = json_is_string(json_object_get(body, "error")) &&
         strcmp(json_string_value(json_object_get(body, "error")), want + 4) == 0;
  json_decref(body);
  return good && outcome == (status >= 500 ? OCC_FAILED : OCC_REFUSE) &&
         (status >= 500 ? p->rc < 0 : p->rc == OCC_OK);
}

static void check_answers_used(play *p)
{
  const char *reason = occ_txn_reason(p->host.txn);

  if (reason != NULL && strcmp(reason, "deadline") == 0) {
    return; /* the answer came too late to be asked for */
  }
  for (size_t i = 0; i < p->request.answers; i++) {
    if (!p->request.answer[i].used) {
      play_wrong(p, "an answer of the transcript was never asked for", p->request.answer[i].how);
    }
  }
}

/* ---- Failing allocations ---- */

/* The request met a failed allocation: it must have failed closed. */
void check_failed(play *p)
{
  const occ_txn *txn = p->host.txn;
  char got[512];

  if (txn == NULL) {
    if (p->rc != OCC_ERR_MEMORY) {
      play_wrong(p, "occ_txn_new() failed with another status", occ_status_name(p->rc));
    }
    return;
  }
  if (occ_txn_outcome(txn) != OCC_FAILED || p->rc >= 0 || occ_txn_http_status(txn) < 500) {
    describe(p, got, sizeof(got));
    play_wrong(p, "an allocation failed, the request did not", got);
    return;
  }
  check_error(p, 0);
  check_secrets(p);
}

void check_outcome(play *p, const char *want)
{
  const script_text *session;
  char got[512];

  if (p->host.problem[0] != '\0') {
    play_wrong(p, p->host.problem, "");
  } else if (p->host.txn == NULL) {
    play_wrong(p, "no txn", occ_status_name(p->rc));
  } else if (!outcome_is(p, want)) {
    describe(p, got, sizeof(got));
    play_wrong(p, want, got);
  } else {
    check_answers_used(p);
    check_answer(p);
    session = vars_get(&p->vars, "session");
    keep_secret(p, session->at, session->len);
  }
}

/* ---- After the outcome ---- */

static void after_reason(play *p, const char *want)
{
  const char *got = occ_txn_reason(p->host.txn), *bar = strchr(want, '|');
  size_t len = bar == NULL ? strlen(want) : (size_t)(bar - want);

  if (bar != NULL && p->host.mode == HOST_LATER) {
    want = bar + 1;
    len = strlen(want);
  }
  if (got == NULL || strlen(got) != len || strncmp(got, want, len) != 0) {
    play_wrong(p, want, got == NULL ? "no reason" : got);
  }
}

static void after_event(play *p, const char *want)
{
  const char *blank = strchr(want, ' ');
  const size_t len = blank == NULL ? strlen(want) : (size_t)(blank - want);

  for (size_t i = 0; i < p->host.events; i++) {
    const host_event *event = &p->host.event[i];
    const char *name = occ_event_name(event->id);
    if (strlen(name) == len && strncmp(name, want, len) == 0 &&
        (blank == NULL || strcmp(occ_reason_name(event->reason), blank + 1) == 0)) {
      return;
    }
  }
  play_wrong(p, "no such event", want);
  for (size_t i = 0; i < p->host.events; i++) {
    print_error("  %s\n", p->host.event[i].json);
  }
}

static void after_detail(play *p, const char *token)
{
  char want[128];

  (void)snprintf(want, sizeof(want), "\"detail\":\"%s\"", token);
  for (size_t i = 0; i < p->host.events; i++) {
    if (strstr(p->host.event[i].json, want) != NULL) {
      return;
    }
  }
  play_wrong(p, "no event with this detail", token);
  for (size_t i = 0; i < p->host.events; i++) {
    print_error("  %s\n", p->host.event[i].json);
  }
}

static void after_header(play *p, const char *want)
{
  char name[64] = { 0 };
  const char *value = NULL, *blank = strchr(want, ' ');

  (void)snprintf(name, sizeof(name), "%.*s",
                 (int)(blank == NULL ? strlen(want) : (size_t)(blank - want)), want);
  if (count_header(p->host.txn, name, &value) != 1 ||
      (blank != NULL && strcmp(value, blank + 1) != 0)) {
    play_wrong(p, want, value == NULL ? "no such header" : value);
  }
}

static json_t *at_pointer(json_t *value, const char *pointer)
{
  char name[128];

  while (*pointer == '/' && value != NULL) {
    size_t len = strcspn(pointer + 1, "/");
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, pointer + 1);
    value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(name, NULL, 10))
                                 : json_object_get(value, name);
    pointer += len + 1;
  }
  return value;
}

static void must_equal(play *p, const char *what, const json_t *got, const char *want)
{
  json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);
  char *shown = got == NULL ? NULL : json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT);
  const int none = strcmp(want, "none") == 0;

  if (!none && wanted == NULL) {
    play_broken(p, "no JSON");
  }
  if (none ? got != NULL : !json_equal((json_t *)(uintptr_t)got, wanted)) {
    play_wrong(p, what, shown == NULL ? "none" : shown);
  }
  free(shown);
  json_decref(wanted);
}

/* "/pointer JSON" in a text. */
static void must_point(play *p, const char *json_text, const char *words)
{
  const char *blank = strchr(words, ' ');
  json_t *root = json_text == NULL ? NULL : json_loads(json_text, JSON_DECODE_ANY, NULL);
  char pointer[128];

  if (blank == NULL) {
    play_broken(p, "a pointer and a value are needed");
    return;
  }
  (void)snprintf(pointer, sizeof(pointer), "%.*s", (int)(blank - words), words);
  must_equal(p, words, at_pointer(root, pointer), blank + 1);
  json_decref(root);
}

static void after_cnf(play *p, const char *want)
{
  const char *got = occ_txn_confirmation(p->host.txn);
  json_t *value = got == NULL ? NULL : json_loads(got, 0, NULL);

  must_equal(p, "cnf", value, want);
  json_decref(value);
}

static void must_count(play *p, const char *what, int got, const char *want)
{
  char shown[32];

  if (got != (int)strtol(want, NULL, 10)) {
    (void)snprintf(shown, sizeof(shown), "%d", got);
    play_wrong(p, what, shown);
  }
}

/* 1: it was one of them. */
int check_after(play *p, const char *word, const char *rest)
{
  const occ_txn *txn = p->host.txn;

  if (strcmp(word, "reason") == 0) {
    after_reason(p, rest);
  } else if (strcmp(word, "event") == 0) {
    after_event(p, rest);
  } else if (strcmp(word, "no-event") == 0) {
    if (find_event(p, rest) != NULL) {
      play_wrong(p, "an event that must not be", rest);
    }
  } else if (strcmp(word, "detail") == 0) {
    after_detail(p, rest);
  } else if (strcmp(word, "has") == 0) {
    after_header(p, rest);
  } else if (strcmp(word, "has-no") == 0) {
    if (count_header(txn, rest, NULL) != 0) {
      play_wrong(p, "a header that must not be", rest);
    }
  } else if (strcmp(word, "body") == 0) {
    must_point(p, occ_txn_body(txn, NULL), rest);
  } else if (strcmp(word, "receipt") == 0) {
    if ((occ_txn_receipt(txn) != NULL) != (strcmp(rest, "yes") == 0)) {
      play_wrong(p, "receipt", occ_txn_receipt(txn) == NULL ? "none" : "yes");
    }
  } else if (strcmp(word, "cnf") == 0) {
    after_cnf(p, rest);
  } else if (strcmp(word, "fact") == 0) {
    must_point(p, occ_txn_fact(txn, "", NULL), rest);
  } else if (strcmp(word, "once-asked") == 0) {
    must_count(p, "ONCE asked", p->host.once_asked, rest);
  } else if (strcmp(word, "decided") == 0) {
    must_count(p, "DECIDE asked", p->host.decides, rest);
  } else {
    return 0;
  }
  return 1;
}
