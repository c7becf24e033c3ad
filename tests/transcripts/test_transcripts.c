/* SPDX-License-Identifier: MIT */

/* The protocol tests: every file of tests/transcripts is played in four ways, each a test of its own: answered at once,
 * answered later, with every allocation of the library failing in turn, and with those of jansson. Each `case` of a file
 * is a world of its own: the lines above the first `case` are played before each. Words of a transcript:
 *
 *   # ..                    a comment; a line that ends in \ goes on in the next
 *   include FILE            the lines of common.inc, say
 *   macro NAME .. end       lines kept for `do NAME a | b`, with $1, $2 for what is called with
 *   case TEXT               begins an exchange; TEXT names what is shown
 *
 * The server. A lib, key "k1" and a store "main", both ten minutes old, are there at the start.
 *   issuer URL              of the servers made afterwards
 *   option NAME VALUE       occ_config_set() for the servers made afterwards
 *   requirement NAME JSON   one of their named requirements; "-" takes it away
 *   server NAME             makes one and goes on with it; without this line the first request makes "main"
 *   at NAME                 goes on with that server
 *   store NAME              a store born now (or an older one), for the servers made afterwards
 *   keys JSON, keys! JSON   a key ring replaced by this text, with ! by force; `keys? JSON` must be OCC_ERR_STATE
 *   now +MS, now -MS        moves the clock
 *   let NAME VALUE          a variable, expanded at once
 *
 * A request: from POST to =>. `client` and `metadata` outside of a request count for all that follow.
 *   POST FORM               raw form octets; "& FORM" adds more to them; POST alone has no body
 *   par                     it came in at the PAR endpoint
 *   param NAME VALUE        a decoded parameter, in the place of a body
 *   header NAME: VALUE      one line
 *   client ID METHOD        the host has authenticated the client; "client -": it says nothing
 *   metadata JSON           "metadata -": CLIENT is asked
 *   certificate TEXT        of the TLS connection: a DER sequence with this text in it
 *   sender KIND THUMBPRINT  dpop, mtls, attested: the host has verified the proof
 *   set NAME VALUE          occ_txn_set()
 *   decide, check, keys-for, verify, who, once, keep, recall HOW
 *                           the next answer to DECIDE, CHECK, KEYS, VERIFY, CLIENT, .. HOW: yes [DATA], no [DATA],
 *                           retry [DATA], silent (never), challenge NAME [PARAMS], refuse [ERROR [DESCRIPTION]];
 *                           with "after=MS" in front the answer takes that long. What the file does not answer must not
 *                           be asked (but the store's questions, which the store answers); what it answers must be asked.
 *   memo TEXT               given by the policy with its answer
 *   sees satisfied NAME yes|no, sees memo TEXT|none, sees /POINTER JSON|none
 *                           looked at when the policy is asked
 *   => grant                the outcome;
 *   => 403 challenge NAME   a challenge with the requirement of that name, and its HTTP status;
 *   => 400 ERROR            a refusal (or 5xx, a failure) with that OAuth error
 * After it, about the answer:
 *   reason NAME             occ_txn_reason(); "A|B": A answered at once, B answered later
 *   event NAME [REASON]     is among the events; `no-event NAME`: is not
 *   detail TOKEN            some event says so
 *   has NAME [VALUE]        a header of the answer; `has-no NAME`
 *   body /POINTER JSON|none a member of the body
 *   cnf JSON|none           occ_txn_confirmation()
 *   fact /POINTER JSON|none occ_txn_fact()
 *   once-asked N, decided N how often ONCE and DECIDE were asked; once-asked 0: nothing can have been used up
 *
 * ${..} in a line: a variable; ${session} and ${nonce} are those of the last answer that had one; ${iat +5} seconds,
 * ${ms +5} milliseconds from now; ${jwk KEY} public, ${private KEY}, ${members KEY} without braces, ${thumb KEY}; KEY is
 * client_a, client_b, issuer, issuer_ed; ${form TEXT} percent-encoded, ${b64 TEXT}, ${octets HEX}, ${repeat N TEXT},
 * ${cut N TEXT} without its last N, ${flip TEXT} with one character changed, ${part N TOKEN} between its dots;
 * ${dpop ..} and ${jwt ..}, a proof and an assertion with key=KEY sign=KEY jti= iat=+S exp=+S nonce= and
 * header.NAME=JSON, claim.NAME=JSON (- takes it away), or the whole as header='..' claims='..', and sig=der, flip, swap,
 * r0, s0, rn, sn, zero, huge or so many octets. They take htu, iss, sub, issuer from the variables of that name, and an
 * assertion's nonce is ${session} unless told otherwise.
 *
 * Always checked: the form of every answer (RFC 6749 section 5.2), that sessions never repeat, that no secret (client
 * secrets, tokens, evidence, handles, nonces) stands in an event, a reason or an error body, and that nothing is left
 * in memory. With a failing allocation the request ends as a failure, and is repeated with the same octets if ONCE had
 * not been asked: it must then come out as the transcript says. */

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "transcript.h"

#define START   INT64_C(1790000000000)
#define SECRETS 512
#define FILES   64

#define PARTS   24
#define KNOWN   4096

/* Part of a case: the allocations up to its end, and what it is made of. */
typedef struct segment {
  size_t end;
  uint64_t hash;
} segment;

typedef enum pass { PASS_PLAIN = 0, PASS_MEMORY, PASS_JANSSON } pass;

typedef struct play {
  const script *script;
  const char *title;
  script_vars vars;
  host host;
  pass pass;
  int loud;
  char *client_id, *client_method, *metadata; /* of all requests */
  json_t *requirements;
  host_request request;
  int building, ran, rc;
  char *secret[SECRETS];
  size_t secrets;
  char *session[SECRETS];
  size_t sessions;
  segment part[PARTS]; /* the set-up, then one request after another */
  size_t parts;
  uint64_t hash; /* of the lines of this case so far */
  int requests;
  int over;   /* the rest of the case is not played */
  int failed; /* something was not as it must be */
} play;

static char *copy(const char *from)
{
  char *to = malloc(strlen(from) + 1);

  assert_non_null(to);
  memcpy(to, from, strlen(from) + 1);
  return to;
}

static void replace(char **slot, const char *value)
{
  free(*slot);
  *slot = value == NULL ? NULL : copy(value);
}

static void wrong(play *p, const char *what, const char *detail)
{
  const char *file = strrchr(p->script->file, '/');

  print_error("%s:%d: %s: %s%s%.600s\n", file == NULL ? p->script->file : file + 1, p->vars.line,
              p->title, what, detail[0] == '\0' ? "" : ": ", detail);
  p->failed = 1;
  p->over = 1;
}

static void broken(const play *p, const char *why)
{
  script_die(p->script->file, p->vars.line, why);
}

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
static void token_made(void *user_data, const char *token)
{
  keep_secret(user_data, token, strlen(token));
  for (const char *at = token; *at != '\0';) {
    size_t len = strcspn(at, ".");
    keep_secret(user_data, at, len);
    at += len + (at[len] == '.');
  }
}

/* Values of parameters and headers that are nobody's business. */
static void keep_request_secrets(play *p)
{
  static const char *const names[] = { "client_secret=", "claim_token=",  "challenge_session=",
                                       "code=",          "refresh_token=", "assertion=",
                                       "password=",      "ev=",            "client_assertion=",
                                       "subject_token=" };
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
      wrong(p, "a secret stands in what is told", where);
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
    wrong(p, "header is not there once and as it must be", name);
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
    wrong(p, "no error in the body", "");
  }
  if (description != NULL && !is_description(description)) {
    wrong(p, "error_description has octets that it may not have", description);
  }
  json_object_foreach((json_t *)(uintptr_t)body, name, value)
  {
    size_t i = 0;
    while (i < 5 && strcmp(members[i], name) != 0) {
      i++;
    }
    if (i == 5 || (i > 1 && !is_challenge)) {
      wrong(p, "a member that does not belong there", name);
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
    wrong(p, "no requirement with a type", "");
  }
  if (!json_is_integer(expires) || json_integer_value(expires) < 1) {
    wrong(p, "no expires_in that is a positive number", "");
  }
  if (session == NULL || strlen(session) < 43 || strlen(session) > 1024 ||
      strspn(session, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
          strlen(session)) {
    wrong(p, "no challenge_session of the alphabet", session == NULL ? "none" : session);
    return;
  }
  for (size_t i = 0; i < p->sessions; i++) {
    if (strcmp(p->session[i], session) == 0) {
      wrong(p, "a session that was given before", session);
    }
  }
  vars_set(&p->vars, "session", session, strlen(session));
  if (p->sessions < SECRETS) {
    p->session[p->sessions++] = copy(session);
  }
}

static void check_grant(play *p)
{
  size_t len = 1;

  if (occ_txn_http_status(p->host.txn) != 0 || occ_txn_body(p->host.txn, &len)[0] != '\0' ||
      len != 0) {
    wrong(p, "a grant with a status or a body", "");
  }
  for (size_t i = 0; occ_txn_header_name(p->host.txn, i) != NULL; i++) {
    if (strcmp(occ_txn_header_name(p->host.txn, i), "DPoP-Nonce") != 0) {
      wrong(p, "a header that does not belong to a grant", occ_txn_header_name(p->host.txn, i));
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
    wrong(p, "Retry-After belongs to 503 and to nothing else", "");
  }
  if (!json_is_object(body)) {
    wrong(p, "the body is no JSON object", text);
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

static void check_answer(play *p)
{
  const occ_txn *txn = p->host.txn;
  const char *nonce = NULL;

  if (p->pass == PASS_PLAIN) { /* with failures: where they occur */
    check_secrets(p);
  }
  if (occ_txn_outcome(txn) == OCC_GRANT) {
    check_grant(p);
  } else {
    check_error(p, occ_txn_outcome(txn) == OCC_CHALLENGE);
  }
  if (count_header(txn, "DPoP-Nonce", &nonce) > 1) {
    wrong(p, "two DPoP-Nonce headers", "");
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
           strstr(occ_txn_body(txn, NULL), "\"error\":\"insufficient_client_authorization\"") != NULL;
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
      wrong(p, "an answer of the transcript was never asked for", p->request.answer[i].how);
    }
  }
}

/* ---- Failing allocations ---- */

/* The request met a failed allocation: it must have failed closed. */
static void check_failed_closed(play *p)
{
  const occ_txn *txn = p->host.txn;
  char got[512];

  if (txn == NULL) {
    if (p->rc != OCC_ERR_MEMORY) {
      wrong(p, "occ_txn_new() failed with another status", occ_status_name(p->rc));
    }
    return;
  }
  if (occ_txn_outcome(txn) != OCC_FAILED || p->rc >= 0 || occ_txn_http_status(txn) < 500) {
    describe(p, got, sizeof(got));
    wrong(p, "an allocation failed, the request did not", got);
    return;
  }
  check_error(p, 0);
  check_secrets(p);
}

/* Only what the peer could have done as well: never a grant that the transcript does not give. */
static void check_json_closed(play *p, const char *want)
{
  char got[512];

  if (p->host.txn != NULL && occ_txn_outcome(p->host.txn) == OCC_GRANT &&
      strcmp(want, "grant") != 0) {
    describe(p, got, sizeof(got));
    wrong(p, "an allocation of jansson failed, and it was granted", got);
  }
}

static void run_request(play *p)
{
  p->rc = host_run(&p->host, &p->request);
  p->ran = 1;
}

static void heal(play *p)
{
  p->host.fm.until = SIZE_MAX;
  p->host.fm.keep = false;
  p->host.fm.failed = false;
}

/* Runs it; after a failed allocation once more, if nothing can have been used up. 0: the case is over. */
static int run_with_failures(play *p, const char *want)
{
  run_request(p);
  if (p->pass == PASS_MEMORY && p->host.fm.failed) {
    const int used = p->host.once_asked > 0;
    heal(p);
    check_failed_closed(p);
    if (used || p->failed) {
      p->over = 1;
      return 0;
    }
    p->host.problem[0] = '\0';
    run_request(p);
  }
  if (p->pass == PASS_JANSSON && host_json_failed()) {
    check_json_closed(p, want);
    p->over = 1;
    return 0;
  }
  return 1;
}

static void end_part(play *p)
{
  if (p->parts == PARTS) {
    broken(p, "too many requests in one case");
  }
  p->part[p->parts].end = p->pass == PASS_JANSSON ? host_json_count() : p->host.fm.count;
  p->part[p->parts++].hash = p->hash;
}

static void outcome(play *p, const char *want)
{
  char got[512];
  size_t until = p->host.fm.until;
  bool keep = p->host.fm.keep;

  p->building = 0;
  p->requests++;
  keep_request_secrets(p);
  if (!run_with_failures(p, want)) {
    return;
  }
  if (!p->host.fm.failed) { /* until then the host's own look at the answer must not fail */
    until = p->host.fm.until;
    keep = p->host.fm.keep;
  }
  heal(p);
  end_part(p);
  if (p->host.problem[0] != '\0') {
    wrong(p, p->host.problem, "");
  } else if (p->host.txn == NULL) {
    wrong(p, "no txn", occ_status_name(p->rc));
  } else if (!outcome_is(p, want)) {
    describe(p, got, sizeof(got));
    wrong(p, want, got);
  } else {
    check_answers_used(p);
    check_answer(p);
    keep_secret(p, vars_get(&p->vars, "session")->at, vars_get(&p->vars, "session")->len);
  }
  if (p->pass == PASS_MEMORY) {
    p->host.fm.until = until;
    p->host.fm.keep = keep;
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
    wrong(p, want, got == NULL ? "no reason" : got);
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
  wrong(p, "no such event", want);
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
  wrong(p, "no event with this detail", token);
  for (size_t i = 0; i < p->host.events; i++) {
    print_error("  %s\n", p->host.event[i].json);
  }
}

static void after_header(play *p, const char *want)
{
  char name[64] = { 0 };
  const char *value = NULL, *blank = strchr(want, ' ');

  (void)snprintf(name, sizeof(name), "%.*s", (int)(blank == NULL ? strlen(want) : (size_t)(blank - want)),
                 want);
  if (count_header(p->host.txn, name, &value) != 1 ||
      (blank != NULL && strcmp(value, blank + 1) != 0)) {
    wrong(p, want, value == NULL ? "no such header" : value);
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
    broken(p, "no JSON");
  }
  if (none ? got != NULL : !json_equal((json_t *)(uintptr_t)got, wanted)) {
    wrong(p, what, shown == NULL ? "none" : shown);
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
    broken(p, "a pointer and a value are needed");
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
    wrong(p, what, shown);
  }
}

/* 1: it was one of them. */
static int after_outcome(play *p, const char *word, const char *rest)
{
  const occ_txn *txn = p->host.txn;

  if (strcmp(word, "reason") == 0) {
    after_reason(p, rest);
  } else if (strcmp(word, "event") == 0) {
    after_event(p, rest);
  } else if (strcmp(word, "no-event") == 0) {
    if (find_event(p, rest) != NULL) {
      wrong(p, "an event that must not be", rest);
    }
  } else if (strcmp(word, "detail") == 0) {
    after_detail(p, rest);
  } else if (strcmp(word, "has") == 0) {
    after_header(p, rest);
  } else if (strcmp(word, "has-no") == 0) {
    if (count_header(txn, rest, NULL) != 0) {
      wrong(p, "a header that must not be", rest);
    }
  } else if (strcmp(word, "body") == 0) {
    must_point(p, occ_txn_body(txn, NULL), rest);
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

/* ---- Set-up ---- */

/* A call of the set-up: fails only where an allocation did, and then as such. */
static void set_up_call(play *p, const char *what, int rc)
{
  if (rc == OCC_OK) {
    if (p->pass == PASS_MEMORY && p->host.fm.failed) {
      wrong(p, "an allocation failed, the call did not", what);
    }
    return;
  }
  p->over = 1;
  if (p->pass == PASS_JANSSON && host_json_failed()) {
    return;
  }
  if (!p->host.fm.failed || rc != OCC_ERR_MEMORY || p->host.problem[0] != '\0') {
    wrong(p, what, p->host.problem[0] != '\0' ? p->host.problem : occ_status_name(rc));
  }
}

static void add_server(play *p, const char *name)
{
  char *all = json_dumps(p->requirements, JSON_COMPACT);

  if (json_object_size(p->requirements) > 0) {
    host_option(&p->host, "requirements", all);
  }
  free(all);
  set_up_call(p, "a server", host_add_server(&p->host, name));
}

static void set_requirement(play *p, const char *words)
{
  const char *blank = strchr(words, ' ');
  char name[80];
  json_t *value;

  if (blank == NULL) {
    broken(p, "a name and a requirement are needed");
    return;
  }
  (void)snprintf(name, sizeof(name), "%.*s", (int)(blank - words), words);
  if (strcmp(blank + 1, "-") == 0) {
    json_object_del(p->requirements, name);
    return;
  }
  value = json_loads(blank + 1, 0, NULL);
  if (value == NULL) {
    broken(p, "no JSON");
  }
  json_object_set_new(p->requirements, name, value);
}

static void load_keys(play *p, const char *word, const char *json)
{
  const int rc = host_load_keys(&p->host, json, word[4] == '!');

  if (word[4] != '?') {
    set_up_call(p, "a key ring", rc);
  } else if (rc != OCC_ERR_STATE && !(rc == OCC_ERR_MEMORY && p->host.fm.failed) &&
             !(p->pass == PASS_JANSSON && host_json_failed())) {
    wrong(p, "the key ring was not refused", occ_status_name(rc));
  } else if (rc != OCC_ERR_STATE) {
    p->over = 1;
  }
}

static void set_client(char **id, char **method, const char *words)
{
  const char *blank = strchr(words, ' ');

  replace(id, NULL);
  replace(method, NULL);
  if (blank != NULL) {
    *id = copy(words);
    (*id)[blank - words] = '\0';
    *method = copy(blank + 1);
  }
}

/* The name, cut off, and what follows. */
static const char *split(play *p, char *words, char stop)
{
  char *at = strchr(words, stop);

  if (at == NULL) {
    broken(p, "a name and a value are needed");
    return words;
  }
  *at++ = '\0';
  while (*at == ' ') {
    at++;
  }
  return at;
}

/* 1: it was one of them. */
static int set_up(play *p, const char *word, char *rest)
{
  const char *value;

  if (strcmp(word, "issuer") == 0) {
    replace(&p->host.issuer, rest);
    vars_set(&p->vars, "issuer", rest, strlen(rest));
  } else if (strcmp(word, "option") == 0) {
    value = split(p, rest, ' ');
    host_option(&p->host, rest, value);
  } else if (strcmp(word, "requirement") == 0) {
    set_requirement(p, rest);
  } else if (strcmp(word, "server") == 0) {
    add_server(p, rest);
  } else if (strcmp(word, "at") == 0) {
    if (!host_use(&p->host, rest)) {
      broken(p, "no such server");
    }
  } else if (strcmp(word, "store") == 0) {
    if (!host_use_store(&p->host, rest)) {
      set_up_call(p, "a store", host_add_store(&p->host, rest));
    }
  } else if (strncmp(word, "keys", 4) == 0 && word[strcspn(word, "-")] == '\0') {
    load_keys(p, word, rest);
  } else if (strcmp(word, "now") == 0) {
    p->host.now += strtoll(rest, NULL, 10);
  } else if (strcmp(word, "client") == 0) {
    set_client(&p->client_id, &p->client_method, rest);
  } else if (strcmp(word, "metadata") == 0) {
    replace(&p->metadata, strcmp(rest, "-") == 0 ? NULL : rest);
  } else {
    return 0;
  }
  return 1;
}

/* ---- A request ---- */

static void begin_request(play *p, const script_text *form)
{
  if (p->building) {
    broken(p, "a request without its outcome");
  }
  if (p->host.servers == 0) {
    add_server(p, "main");
    if (p->over) {
      return;
    }
  }
  if (p->parts == 0) {
    end_part(p);
  }
  host_end(&p->host);
  host_request_free(&p->request);
  p->ran = 0;
  p->building = 1;
  p->request.endpoint = OCC_TOKEN;
  p->request.has_body = form->len > 0;
  text_add(&p->request.body, form->at, form->len);
  if (p->client_id != NULL) {
    p->request.client_id = copy(p->client_id);
    p->request.client_method = copy(p->client_method);
  }
  if (p->metadata != NULL) {
    p->request.metadata = copy(p->metadata);
  }
}

static void add_pair(play *p, host_pair *list, size_t *count, size_t max, const char *name,
                     const char *value, size_t len)
{
  if (*count == max) {
    broken(p, "too many lines of this kind");
  }
  list[*count].name = copy(name);
  text_add(&list[*count].value, value, len);
  (*count)++;
}

/* A DER SEQUENCE around the text: what certificates begin with. */
static void set_certificate(play *p, const char *words)
{
  const size_t len = strlen(words);
  const uint8_t head[2] = { 0x30, (uint8_t)len };

  text_add(&p->request.certificate, head, 2);
  text_add(&p->request.certificate, words, len);
}

static const struct {
  const char *word;
  occ_ask kind;
} asks[] = {
  { "decide", OCC_ASK_DECIDE }, { "check", OCC_ASK_CHECK },   { "keys-for", OCC_ASK_KEYS },
  { "verify", OCC_ASK_VERIFY }, { "who", OCC_ASK_CLIENT },    { "once", OCC_ASK_ONCE },
  { "keep", OCC_ASK_KEEP },     { "recall", OCC_ASK_RECALL },
};

/* [after=MS] HOW [FIRST] [DATA] */
static void add_answer(play *p, occ_ask kind, const char *words)
{
  host_answer *answer = &p->request.answer[p->request.answers];
  const char *blank;

  if (p->request.answers == HOST_LINES) {
    broken(p, "too many answers");
  }
  p->request.answers++;
  answer->kind = kind;
  if (strncmp(words, "after=", 6) == 0) {
    answer->after = strtoll(words + 6, NULL, 10);
    words += strcspn(words, " ") + 1;
  }
  answer->how = copy(words);
  blank = strchr(words, ' ');
  if (blank == NULL) {
    return;
  }
  answer->how[blank - words] = '\0';
  words = blank + 1;
  if (strcmp(answer->how, "challenge") == 0 || strcmp(answer->how, "refuse") == 0) {
    answer->first = copy(words);
    blank = strchr(words, ' ');
    if (blank == NULL) {
      return;
    }
    answer->first[blank - words] = '\0';
    words = blank + 1;
  }
  answer->has_data = 1;
  text_set(&answer->data, words);
}

static void add_sees(play *p, char *rest)
{
  host_request *r = &p->request;
  const size_t skip = strncmp(rest, "satisfied ", 10) == 0 ? 10 : 0;
  const char *value = split(p, rest + skip, ' ');

  add_pair(p, r->sees, &r->sees_count, HOST_LINES, rest, value, strlen(value));
}

static int request_pairs(play *p, const char *word, char *rest, size_t len)
{
  host_request *r = &p->request;
  const char *value;

  if (strcmp(word, "header") == 0) {
    value = split(p, rest, ':');
    add_pair(p, r->header, &r->headers, HOST_LINES, rest, value, len - (size_t)(value - rest));
  } else if (strcmp(word, "param") == 0) {
    value = split(p, rest, ' ');
    add_pair(p, r->param, &r->params, HOST_LINES, rest, value, len - (size_t)(value - rest));
  } else if (strcmp(word, "sender") == 0) {
    value = split(p, rest, ' ');
    add_pair(p, r->sender, &r->senders, 4, rest, value, strlen(value));
  } else if (strcmp(word, "set") == 0) {
    value = split(p, rest, ' ');
    add_pair(p, r->set, &r->sets, 8, rest, value, strlen(value));
  } else if (strcmp(word, "sees") == 0) {
    add_sees(p, rest);
  } else {
    return 0;
  }
  return 1;
}

static int request_line(play *p, const char *word, char *rest, size_t len)
{
  host_request *r = &p->request;

  for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
    if (strcmp(word, asks[i].word) == 0) {
      add_answer(p, asks[i].kind, rest);
      return 1;
    }
  }
  if (strcmp(word, "&") == 0) {
    text_add(&r->body, "&", r->body.len > 0 ? 1 : 0);
    text_add(&r->body, rest, len);
    r->has_body = 1;
  } else if (strcmp(word, "par") == 0) {
    r->endpoint = OCC_PAR;
  } else if (strcmp(word, "client") == 0) {
    set_client(&r->client_id, &r->client_method, rest);
  } else if (strcmp(word, "metadata") == 0) {
    replace(&r->metadata, strcmp(rest, "-") == 0 ? NULL : rest);
  } else if (strcmp(word, "certificate") == 0) {
    set_certificate(p, rest);
  } else if (strcmp(word, "memo") == 0) {
    r->has_memo = 1;
    text_add(&r->memo, rest, len);
  } else {
    return request_pairs(p, word, rest, len);
  }
  return 1;
}

/* ---- Lines ---- */

static uint64_t add_hash(uint64_t hash, const char *words)
{
  for (; *words != '\0'; words++) {
    hash = (hash ^ (uint8_t)*words) * 1099511628211u;
  }
  return (hash ^ '\n') * 1099511628211u;
}

static void play_line(play *p, const script_line *line)
{
  script_text all = { 0 };
  char word[32] = { 0 }, *rest;
  size_t head, len;

  p->vars.line = line->number;
  p->vars.now = p->host.now;
  vars_expand(&all, &p->vars, line->words);
  head = strcspn(all.at, " ");
  if (head >= sizeof(word)) {
    broken(p, line->words);
  }
  memcpy(word, all.at, head);
  rest = all.at + head;
  while (*rest == ' ') {
    rest++;
  }
  len = all.len - (size_t)(rest - all.at);
  if (strcmp(word, "let") == 0) {
    const char *value = split(p, rest, ' ');
    vars_set(&p->vars, rest, value, len - (size_t)(value - rest));
  } else if (strcmp(word, "POST") == 0) {
    script_text form = { rest, len };
    begin_request(p, &form);
  } else if (p->building && strcmp(word, "=>") == 0) {
    outcome(p, rest);
  } else if (!(p->building && request_line(p, word, rest, len)) &&
             !(p->ran && after_outcome(p, word, rest)) &&
             !(!p->building && set_up(p, word, rest))) {
    broken(p, line->words);
  }
  text_free(&all);
}

static int is_case(const script_line *line)
{
  return strncmp(line->words, "case ", 5) == 0;
}

static size_t first_case(const script *s)
{
  size_t i = 0;

  while (i < s->lines && !is_case(&s->line[i])) {
    i++;
  }
  return i;
}

static void end_play(play *p)
{
  if (p->building) {
    broken(p, "a request without its outcome");
  }
  p->host.fm.until = SIZE_MAX;
  host_request_free(&p->request);
  if (host_close(&p->host) != 0) {
    wrong(p, "something is left in memory", "");
  }
  vars_clear(&p->vars);
  replace(&p->client_id, NULL);
  replace(&p->client_method, NULL);
  replace(&p->metadata, NULL);
  json_decref(p->requirements);
  while (p->secrets > 0) {
    free(p->secret[--p->secrets]);
  }
  while (p->sessions > 0) {
    free(p->session[--p->sessions]);
  }
}

typedef struct how {
  pass pass;
  host_mode mode;
  size_t until;
  bool keep;
} how;

typedef struct played {
  int failed, requests;
  segment part[PARTS];
  size_t parts;
} played;

/* One case, from a new world to its end. */
static played play_case(const script *s, size_t at, how way)
{
  play p = { .script = s, .title = s->line[at].words + 5, .pass = way.pass };
  const size_t preamble = first_case(s);
  played result;

  if (way.pass == PASS_JANSSON) {
    host_json_fail(way.until);
    way.until = SIZE_MAX;
  }
  p.requirements = json_object();
  p.vars.file = s->file;
  p.vars.line = s->line[at].number;
  p.vars.made = token_made;
  p.vars.user_data = &p;
  vars_set(&p.vars, "session", "", 0);
  vars_set(&p.vars, "nonce", "", 0);
  set_up_call(&p, "a lib", host_open(&p.host, way.mode, way.until, way.keep, START));
  for (size_t i = 0; i < preamble && !p.over; i++) {
    play_line(&p, &s->line[i]);
  }
  for (size_t i = at + 1; i < s->lines && !is_case(&s->line[i]) && !p.over; i++) {
    p.hash = add_hash(p.hash, s->line[i].words);
    play_line(&p, &s->line[i]);
  }
  if (p.over) {
    p.building = 0;
  }
  result = (played){ .requests = p.requests, .parts = p.parts };
  memcpy(result.part, p.part, sizeof(p.part));
  if (way.pass == PASS_JANSSON) {
    host_json_off();
  }
  end_play(&p);
  result.failed = p.failed;
  return result;
}

/* ---- The four ways ---- */

typedef struct test {
  char path[1024], name[4][128];
} test;

static test tests[FILES];
static size_t files;

/* What has been played with failures in this way: cases begin alike, and it need not be done again. */
static uint64_t known[KNOWN];
static size_t knowns;

static int is_known(uint64_t hash)
{
  for (size_t i = 0; i < knowns; i++) {
    if (known[i] == hash) {
      return 1;
    }
  }
  if (knowns < KNOWN) {
    known[knowns++] = hash;
  }
  return 0;
}

/* Each allocation of the case fails in turn: of the set-up, then of one request after another. */
static int play_failures(const script *s, size_t at, how way, const played *first)
{
  int failures = 0;
  size_t n = 0;

  for (size_t i = 0; i < first->parts; i++) {
    const int skip = is_known(first->part[i].hash);
    for (; n < first->part[i].end && failures < 3; n++) {
      way.until = n;
      failures += skip ? 0 : play_case(s, at, way).failed;
    }
  }
  return failures;
}

/* Every case without failures; with pass, then with each of them. */
static void play_all(const test *t, how way)
{
  const how plain = { .pass = way.pass, .mode = way.mode, .until = SIZE_MAX };
  script s;
  int failures = 0, cases = 0;

  knowns = 0;
  script_read(&s, t->path);
  for (size_t i = first_case(&s); i < s.lines; i++) {
    if (is_case(&s.line[i])) {
      played first = play_case(&s, i, plain);
      failures += first.failed || first.requests == 0;
      if (way.pass != PASS_PLAIN && !first.failed) {
        failures += play_failures(&s, i, way, &first);
      }
      cases++;
    }
  }
  script_free(&s);
  tokens_forget();
  assert_true(cases > 0);
  assert_int_equal(failures, 0);
}

static void test_transcript__answered_at_once(void **state)
{
  play_all(*state, (how){ .pass = PASS_PLAIN, .mode = HOST_AT_ONCE });
}

static void test_transcript__answered_later(void **state)
{
  play_all(*state, (how){ .pass = PASS_PLAIN, .mode = HOST_LATER });
}

static void test_transcript__survives_every_failed_allocation(void **state)
{
  play_all(*state, (how){ .pass = PASS_MEMORY, .mode = HOST_AT_ONCE });
  play_all(*state, (how){ .pass = PASS_MEMORY, .mode = HOST_LATER, .keep = true });
}

static void test_transcript__survives_every_failed_allocation_of_jansson(void **state)
{
  play_all(*state, (how){ .pass = PASS_JANSSON, .mode = HOST_AT_ONCE });
}

static int by_path(const void *a, const void *b)
{
  return strcmp(((const test *)a)->path, ((const test *)b)->path);
}

/* One of the words is in the name; a word with ^ in front must not be. No word: every name will do. */
static int is_wanted(const char *name, char **words)
{
  int wanted = 1;

  for (; *words != NULL; words++) {
    if ((*words)[0] == '^' && strstr(name, *words + 1) != NULL) {
      return 0;
    }
    if ((*words)[0] != '^') {
      if (strstr(name, *words) != NULL) {
        return 1;
      }
      wanted = 0;
    }
  }
  return wanted;
}

static void find_files(const char *folder, char **words)
{
  DIR *dir = opendir(folder);
  struct dirent *entry;

  while (dir != NULL && files < FILES && (entry = readdir(dir)) != NULL) {
    const size_t len = strlen(entry->d_name);
    if (len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0 &&
        is_wanted(entry->d_name, words)) {
      (void)snprintf(tests[files++].path, sizeof(tests[0].path), "%s/%s", folder, entry->d_name);
    }
  }
  if (dir != NULL) {
    closedir(dir);
  }
  qsort(tests, files, sizeof(tests[0]), by_path);
}

/* test_transcripts FOLDER [PART-OF-A-FILE-NAME | ^NOT-THIS-PART]... */
int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    CMUnitTestFunction function;
  } ways[] = {
    { "answered at once", test_transcript__answered_at_once },
    { "answered later", test_transcript__answered_later },
    { "every allocation failing", test_transcript__survives_every_failed_allocation },
    { "every allocation of jansson failing",
      test_transcript__survives_every_failed_allocation_of_jansson },
  };
  static struct CMUnitTest all[FILES * 4];

  find_files(argc > 1 ? argv[1] : "tests/transcripts", argc > 1 ? argv + 2 : argv + argc);
  for (size_t i = 0; i < files; i++) {
    const char *base = strrchr(tests[i].path, '/') + 1;
    for (size_t k = 0; k < 4; k++) {
      (void)snprintf(tests[i].name[k], sizeof(tests[i].name[k]), "%.60s, %s", base, ways[k].name);
      all[i * 4 + k] = (struct CMUnitTest){ .name = tests[i].name[k],
                                            .test_func = ways[k].function,
                                            .initial_state = &tests[i] };
    }
  }
  return files == 0 ? 1
                    : _cmocka_run_group_tests("transcripts", all, files * 4, NULL, NULL);
}
