/* SPDX-License-Identifier: MIT */

/* Lines, variables and expressions of the transcripts. Everything that is put together here is taken as it stands, for
 * most of it is meant to be wrong. */

#include "transcript.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_keys.h"
#include "transcript_token.h"

void script_die(const char *file, int line, const char *why)
{
  fprintf(stderr, "%s:%d: %s\n", file, line, why);
  abort();
}

static void *room(size_t size)
{
  void *memory = calloc(1, size);

  if (memory == NULL) {
    script_die("transcript", 0, "no memory");
  }
  return memory;
}

static char *copy(const char *from, size_t len)
{
  char *to = room(len + 1);

  memcpy(to, from, len);
  return to;
}

/* Room for len octets and the NUL: powers of two, so that it need not be kept. */
static size_t capacity(size_t len)
{
  size_t cap = 32;

  while (cap < len + 1) {
    cap *= 2;
  }
  return cap;
}

void text_add(script_text *to, const void *octets, size_t len)
{
  const size_t cap = capacity(to->len + len);

  if (to->at == NULL || cap != capacity(to->len)) {
    char *grown = room(cap);
    if (to->len > 0) {
      memcpy(grown, to->at, to->len);
    }
    free(to->at);
    to->at = grown;
  }
  if (len > 0) {
    memcpy(to->at + to->len, octets, len);
  }
  to->len += len;
  to->at[to->len] = '\0';
}

void text_set(script_text *to, const char *string)
{
  text_free(to);
  text_add(to, string, strlen(string));
}

void text_free(script_text *t)
{
  free(t->at);
  *t = (script_text){ 0 };
}

/* ---- Lines ---- */

#define MACROS 64

typedef struct macro {
  char *name;
  script_line *line;
  size_t lines;
} macro;

typedef struct reader {
  script *out;
  macro macros[MACROS];
  size_t count;
  macro *open;
} reader;

static void add_line(script_line **list, size_t *count, int number, const char *words)
{
  script_line *grown = realloc(*list, (*count + 1) * sizeof(*grown));

  if (grown == NULL) {
    script_die("transcript", 0, "no memory");
  }
  *list = grown;
  grown[*count].number = number;
  grown[*count].words = copy(words, strlen(words));
  (*count)++;
}

/* The word is `name`, alone or with a blank behind it: what follows. NULL: it is not. */
static const char *after(const char *words, const char *name)
{
  size_t len = strlen(name);

  if (strncmp(words, name, len) != 0 || (words[len] != '\0' && words[len] != ' ')) {
    return NULL;
  }
  words += len;
  while (*words == ' ') {
    words++;
  }
  return words;
}

/* a | b | c: argument `which`, from 1, without blanks around it. */
static script_text argument(const char *list, int which)
{
  script_text out = { 0 };
  const char *end;

  for (int i = 1; i < which && list != NULL; i++) {
    list = strstr(list, " | ");
    list = list == NULL ? NULL : list + 3;
  }
  if (list == NULL) {
    text_set(&out, "");
    return out;
  }
  end = strstr(list, " | ");
  text_add(&out, list, end == NULL ? strlen(list) : (size_t)(end - list));
  return out;
}

static void take(reader *r, int number, const char *words);
static void read_file(reader *r, const char *path, int number);

/* Beside the file that says so; its lines have the number of that line. */
static void include(reader *r, int number, const char *name)
{
  const char *slash = strrchr(r->out->file, '/');
  script_text path = { 0 };

  text_add(&path, r->out->file, slash == NULL ? 0 : (size_t)(slash + 1 - r->out->file));
  text_add(&path, name, strlen(name));
  read_file(r, path.at, number);
  text_free(&path);
}

static void call(reader *r, int number, const char *words)
{
  const macro *found = NULL;
  const char *list = "";

  for (size_t i = 0; i < r->count && found == NULL; i++) {
    const char *rest = after(words, r->macros[i].name);
    if (rest != NULL) {
      found = &r->macros[i];
      list = rest;
    }
  }
  if (found == NULL) {
    script_die(r->out->file, number, "no such macro");
  }
  for (size_t i = 0; i < found->lines; i++) {
    script_text made = { 0 };
    for (const char *c = found->line[i].words; *c != '\0'; c++) { /* once a file: no hurry */
      if (c[0] == '$' && c[1] >= '1' && c[1] <= '9') {
        script_text value = argument(list, c[1] - '0');
        text_add(&made, value.at, value.len);
        text_free(&value);
        c++;
      } else {
        text_add(&made, c, 1);
      }
    }
    take(r, number, made.at);
    text_free(&made);
  }
}

static void take(reader *r, int number, const char *words)
{
  const char *rest;

  if ((rest = after(words, "macro")) != NULL && r->open == NULL && r->count < MACROS) {
    r->open = &r->macros[r->count++];
    *r->open = (macro){ .name = copy(rest, strlen(rest)) };
  } else if (after(words, "end") != NULL && r->open != NULL) {
    r->open = NULL;
  } else if (r->open != NULL) {
    add_line(&r->open->line, &r->open->lines, number, words);
  } else if ((rest = after(words, "do")) != NULL) {
    call(r, number, rest);
  } else if ((rest = after(words, "include")) != NULL) {
    include(r, number, rest);
  } else {
    add_line(&r->out->line, &r->out->lines, number, words);
  }
}

/* One line of the file, joined where it ends in a backslash; NULL at the end. */
static char *next_line(FILE *file, int *number, int *first)
{
  script_text joined = { 0 };
  char part[8192];

  *first = *number + 1;
  while (fgets(part, sizeof(part), file) != NULL) {
    size_t len = strcspn(part, "\r\n");
    const char *start = part;

    (*number)++;
    while (len > 0 && (*start == ' ' || *start == '\t')) {
      start++;
      len--;
    }
    while (len > 0 && start[len - 1] == ' ') {
      len--;
    }
    if (len > 0 && start[len - 1] == '\\') {
      text_add(&joined, start, len - 1);
      continue;
    }
    text_add(&joined, start, len);
    return joined.at;
  }
  text_free(&joined);
  return NULL;
}

/* number: what its lines are said to stand in; 0: their own. */
static void read_file(reader *r, const char *path, int number)
{
  FILE *file = fopen(path, "r");
  int at = 0, first = 0;
  char *words;

  if (file == NULL) {
    script_die(path, 0, "cannot be read");
  }
  while ((words = next_line(file, &at, &first)) != NULL) {
    if (words[0] != '\0' && words[0] != '#') {
      take(r, number == 0 ? first : number, words);
    }
    free(words);
  }
  fclose(file);
}

void script_read(script *out, const char *path)
{
  reader r = { .out = out };

  *out = (script){ .file = copy(path, strlen(path)) };
  read_file(&r, path, 0);
  for (size_t i = 0; i < r.count; i++) {
    for (size_t k = 0; k < r.macros[i].lines; k++) {
      free(r.macros[i].line[k].words);
    }
    free(r.macros[i].line);
    free(r.macros[i].name);
  }
}

void script_free(script *s)
{
  for (size_t i = 0; i < s->lines; i++) {
    free(s->line[i].words);
  }
  free(s->line);
  free(s->file);
  *s = (script){ 0 };
}

/* ---- Variables ---- */

const script_text *vars_get(const script_vars *vars, const char *name)
{
  for (size_t i = 0; i < vars->count; i++) {
    if (strcmp(vars->var[i].name, name) == 0) {
      return &vars->var[i].value;
    }
  }
  return NULL;
}

void vars_set(script_vars *vars, const char *name, const void *octets, size_t len)
{
  script_text value = { 0 };

  text_add(&value, octets, len);
  for (size_t i = 0; i < vars->count; i++) {
    if (strcmp(vars->var[i].name, name) == 0) {
      text_free(&vars->var[i].value);
      vars->var[i].value = value;
      return;
    }
  }
  if (vars->count == SCRIPT_VARS) {
    script_die(vars->file, vars->line, "too many variables");
  }
  vars->var[vars->count].name = copy(name, strlen(name));
  vars->var[vars->count++].value = value;
}

void vars_clear(script_vars *vars)
{
  for (size_t i = 0; i < vars->count; i++) {
    free(vars->var[i].name);
    text_free(&vars->var[i].value);
  }
  vars->count = 0;
}

/* ---- Expressions ---- */

/* N words: a number, a blank, the rest. */
static long number_first(const script_vars *vars, const char **at, size_t *len)
{
  char *end = NULL;
  long number = strtol(*at, &end, 10);

  if (end == *at || *end != ' ') {
    script_die(vars->file, vars->line, "a number and a text are needed");
  }
  *len -= (size_t)(end + 1 - *at);
  *at = end + 1;
  return number;
}

static void put_percent(script_text *out, const char *at, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)at[i];
    char escape[4];

    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        (c != '\0' && strchr("-._~", c) != NULL)) {
      text_add(out, at + i, 1);
    } else {
      (void)snprintf(escape, sizeof(escape), "%%%02X", c);
      text_add(out, escape, 3);
    }
  }
}

static void put_part(script_text *out, const char *token, size_t len, long which)
{
  const char *end = token + len;

  for (long i = 0; token <= end; i++) {
    const char *dot = memchr(token, '.', (size_t)(end - token));
    const char *stop = dot == NULL ? end : dot;
    if (i == which) {
      text_add(out, token, (size_t)(stop - token));
      return;
    }
    token = stop + 1;
  }
}

static void put_octets(script_text *out, const char *at, size_t len)
{
  for (size_t i = 0; i + 1 < len; i += 2) {
    char pair[3] = { at[i], at[i + 1], '\0' };
    uint8_t octet = (uint8_t)strtoul(pair, NULL, 16);
    text_add(out, &octet, 1);
  }
}

/* The expressions that work on a text. 0: it is none of them. */
static int apply(script_text *out, script_vars *vars, const char *verb, const char *at, size_t len)
{
  char *coded;
  long n;

  if (strcmp(verb, "form") == 0) {
    put_percent(out, at, len);
  } else if (strcmp(verb, "octets") == 0) {
    put_octets(out, at, len);
  } else if (strcmp(verb, "b64") == 0) {
    coded = test_b64(at, len);
    text_add(out, coded, strlen(coded));
    free(coded);
  } else if (strcmp(verb, "flip") == 0) { /* one character in the middle */
    size_t middle = out->len + len / 2;
    text_add(out, at, len);
    out->at[middle] = out->at[middle] == 'A' ? 'B' : 'A';
  } else if (strcmp(verb, "repeat") == 0) {
    for (n = number_first(vars, &at, &len); n > 0; n--) {
      text_add(out, at, len);
    }
  } else if (strcmp(verb, "part") == 0) {
    n = number_first(vars, &at, &len);
    put_part(out, at, len, n);
  } else if (strcmp(verb, "cut") == 0) { /* the last N characters away */
    n = number_first(vars, &at, &len);
    text_add(out, at, len > (size_t)n ? len - (size_t)n : 0);
  } else {
    return 0;
  }
  return 1;
}

static void put_integer(script_text *out, int64_t value)
{
  char digits[32];

  (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
  text_add(out, digits, strlen(digits));
}

/* One expression, its inner ones replaced already. */
static void evaluate(script_text *out, script_vars *vars, const script_text *inner)
{
  const char *blank = memchr(inner->at, ' ', inner->len);
  const size_t head = blank == NULL ? inner->len : (size_t)(blank - inner->at);
  char *verb = copy(inner->at, head);
  const char *rest = blank == NULL ? "" : blank + 1;
  const size_t len = blank == NULL ? 0 : inner->len - head - 1;
  const script_text *value = vars_get(vars, verb);

  if (value != NULL && blank == NULL) {
    text_add(out, value->at, value->len);
  } else if (strcmp(verb, "dpop") == 0 || strcmp(verb, "jwt") == 0) {
    token_make(out, vars, verb[0] == 'd' ? TOKEN_DPOP : TOKEN_JWT, rest, len);
  } else if (strcmp(verb, "assert") == 0) {
    token_make(out, vars, TOKEN_CLIENT, rest, len);
  } else if (strcmp(verb, "iat") == 0) {
    put_integer(out, token_seconds(vars, len == 0 ? "0" : rest));
  } else if (strcmp(verb, "ms") == 0) {
    put_integer(out, vars->now + strtoll(len == 0 ? "0" : rest, NULL, 10));
  } else if (!token_key_text(out, vars, verb, rest) && !token_certificate(out, vars, verb, rest) &&
             !apply(out, vars, verb, rest, len)) {
    fprintf(stderr, "${%s}\n", verb);
    script_die(vars->file, vars->line, "no such variable or expression");
  }
  free(verb);
}

/* The brace that ends the expression; in quotes only an inner expression counts. */
static const char *end_of(const script_vars *vars, const char *at)
{
  int depth = 0, quoted = 0;

  for (; *at != '\0'; at++) {
    if (at[0] == '$' && at[1] == '{') {
      at = end_of(vars, at + 2);
    } else if (*at == '\'') {
      quoted = !quoted;
    } else if (!quoted && *at == '{') {
      depth++;
    } else if (!quoted && *at == '}' && depth-- == 0) {
      return at;
    }
  }
  script_die(vars->file, vars->line, "an expression without its end");
}

static void expand(script_text *out, script_vars *vars, const char *at, const char *end)
{
  while (at < end) {
    if (at[0] == '$' && at + 1 < end && at[1] == '{') {
      const char *stop = end_of(vars, at + 2);
      script_text inner = { 0 };

      expand(&inner, vars, at + 2, stop);
      text_add(&inner, "", 0);
      evaluate(out, vars, &inner);
      text_free(&inner);
      at = stop + 1;
    } else {
      const char *next = memchr(at + 1, '$', (size_t)(end - at - 1));

      next = next == NULL ? end : next;
      text_add(out, at, (size_t)(next - at));
      at = next;
    }
  }
}

void vars_expand(script_text *out, script_vars *vars, const char *source)
{
  text_add(out, "", 0);
  expand(out, vars, source, source + strlen(source));
}
