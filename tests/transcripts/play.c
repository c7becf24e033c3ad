/* SPDX-License-Identifier: MIT */

/* Plays one case of a transcript: a new world, its lines one after another, and everything away again. */

#include "play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *play_copy(const char *from)
{
  char *to = malloc(strlen(from) + 1);

  assert_non_null(to);
  memcpy(to, from, strlen(from) + 1);
  return to;
}

static void replace(char **slot, const char *value)
{
  free(*slot);
  *slot = value == NULL ? NULL : play_copy(value);
}

void play_wrong(play *p, const char *what, const char *detail)
{
  const char *file = strrchr(p->script->file, '/');

  print_error("%s:%d: %s: %s%s%.600s\n", file == NULL ? p->script->file : file + 1, p->vars.line,
              p->title, what, detail[0] == '\0' ? "" : ": ", detail);
  p->failed = 1;
  p->over = 1;
}

void play_broken(const play *p, const char *why)
{
  script_die(p->script->file, p->vars.line, why);
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
static int run_with_failures(play *p)
{
  run_request(p);
  if (p->pass == PASS_MEMORY && p->host.fm.failed) {
    const int used = p->host.once_asked > 0;
    heal(p);
    check_failed(p);
    if (used || p->failed) {
      p->over = 1;
      return 0;
    }
    p->host.problem[0] = '\0';
    run_request(p);
  }
  if (p->pass == PASS_JANSSON && host_json_failed()) {
    check_failed(p);
    p->over = 1;
    return 0;
  }
  return 1;
}

static void end_part(play *p)
{
  if (p->parts == PARTS) {
    play_broken(p, "too many requests in one case");
  }
  p->part[p->parts].end = p->pass == PASS_JANSSON ? host_json_count() : p->host.fm.count;
  p->part[p->parts++].hash = p->hash;
}

static void outcome(play *p, const char *want)
{
  size_t until = p->host.fm.until;
  bool keep = p->host.fm.keep;

  p->building = 0;
  p->requests++;
  check_request(p);
  if (!run_with_failures(p)) {
    return;
  }
  if (!p->host.fm.failed) { /* until then the host's own look at the answer must not fail */
    until = p->host.fm.until;
    keep = p->host.fm.keep;
  }
  heal(p);
  end_part(p);
  check_outcome(p, want);
  if (p->pass == PASS_MEMORY) {
    p->host.fm.until = until;
    p->host.fm.keep = keep;
  }
}

/* ---- Set-up ---- */

static int has_failed(const play *p)
{
  return p->host.fm.failed || (p->pass == PASS_JANSSON && host_json_failed());
}

/* A call of the set-up: fails only where an allocation did, and then as such. */
static void set_up_call(play *p, const char *what, int rc)
{
  if (rc == OCC_OK) {
    if (has_failed(p)) {
      play_wrong(p, "an allocation failed, the call did not", what);
    }
    return;
  }
  p->over = 1;
  if (!has_failed(p) || rc != OCC_ERR_MEMORY || p->host.problem[0] != '\0') {
    play_wrong(p, what, p->host.problem[0] != '\0' ? p->host.problem : occ_status_name(rc));
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
    play_broken(p, "a name and a requirement are needed");
    return;
  }
  (void)snprintf(name, sizeof(name), "%.*s", (int)(blank - words), words);
  if (strcmp(blank + 1, "-") == 0) {
    json_object_del(p->requirements, name);
    return;
  }
  value = json_loads(blank + 1, 0, NULL);
  if (value == NULL) {
    play_broken(p, "no JSON");
  }
  json_object_set_new(p->requirements, name, value);
}

static void load_keys(play *p, const char *word, const char *json)
{
  const int rc = host_load_keys(&p->host, json, word[4] == '!');

  if (word[4] != '?') {
    set_up_call(p, "a key ring", rc);
  } else if (rc != OCC_ERR_STATE && !(rc == OCC_ERR_MEMORY && has_failed(p))) {
    play_wrong(p, "the key ring was not refused", occ_status_name(rc));
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
    *id = play_copy(words);
    (*id)[blank - words] = '\0';
    *method = play_copy(blank + 1);
  }
}

/* The name, cut off, and what follows. */
static const char *split(play *p, char *words, char stop)
{
  char *at = strchr(words, stop);

  if (at == NULL) {
    play_broken(p, "a name and a value are needed");
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
      play_broken(p, "no such server");
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
    play_broken(p, "a request without its outcome");
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
    p->request.client_id = play_copy(p->client_id);
    p->request.client_method = play_copy(p->client_method);
  }
  if (p->metadata != NULL) {
    p->request.metadata = play_copy(p->metadata);
  }
}

static void add_pair(play *p, host_pair *list, size_t *count, size_t max, const char *name,
                     const char *value, size_t len)
{
  if (*count == max) {
    play_broken(p, "too many lines of this kind");
  }
  list[*count].name = play_copy(name);
  text_add(&list[*count].value, value, len);
  (*count)++;
}

/* A certificate as it is, or a DER SEQUENCE around a text: what certificates begin with. */
static void set_certificate(play *p, const char *words, size_t len)
{
  const uint8_t head[2] = { 0x30, (uint8_t)len };

  if (len > 2 && words[0] == 0x30 && (uint8_t)words[1] >= 0x80) {
    text_add(&p->request.certificate, words, len);
    return;
  }
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
    play_broken(p, "too many answers");
  }
  p->request.answers++;
  answer->kind = kind;
  if (strncmp(words, "after=", 6) == 0) {
    answer->after = strtoll(words + 6, NULL, 10);
    words += strcspn(words, " ") + 1;
  }
  answer->how = play_copy(words);
  blank = strchr(words, ' ');
  if (blank == NULL) {
    return;
  }
  answer->how[blank - words] = '\0';
  words = blank + 1;
  if (strcmp(answer->how, "challenge") == 0 || strcmp(answer->how, "refuse") == 0) {
    answer->first = play_copy(words);
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
    set_certificate(p, rest, len);
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
    play_broken(p, line->words);
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
             !(p->ran && check_after(p, word, rest)) && !(!p->building && set_up(p, word, rest))) {
    play_broken(p, line->words);
  }
  text_free(&all);
}

int play_is_case(const script_line *line)
{
  return strncmp(line->words, "case ", 5) == 0;
}

size_t play_first_case(const script *s)
{
  size_t i = 0;

  while (i < s->lines && !play_is_case(&s->line[i])) {
    i++;
  }
  return i;
}

static void end_play(play *p)
{
  if (p->building) {
    play_broken(p, "a request without its outcome");
  }
  p->host.fm.until = SIZE_MAX;
  host_request_free(&p->request);
  if (host_close(&p->host) != 0) {
    play_wrong(p, "something is left in memory", "");
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

/* One case, from a new world to its end. */
played play_case(const script *s, size_t at, how way)
{
  play p = { .script = s, .title = s->line[at].words + 5, .pass = way.pass };
  const size_t preamble = play_first_case(s);
  played result;

  if (way.pass == PASS_JANSSON) {
    host_json_fail(way.until);
    way.until = SIZE_MAX;
  }
  p.requirements = json_object();
  p.vars.file = s->file;
  p.vars.line = s->line[at].number;
  p.vars.made = check_made;
  p.vars.user_data = &p;
  vars_set(&p.vars, "session", "", 0);
  vars_set(&p.vars, "nonce", "", 0);
  set_up_call(&p, "a lib", host_open(&p.host, way.mode, way.until, way.keep, START));
  for (size_t i = 0; i < preamble && !p.over; i++) {
    play_line(&p, &s->line[i]);
  }
  for (size_t i = at + 1; i < s->lines && !play_is_case(&s->line[i]) && !p.over; i++) {
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
