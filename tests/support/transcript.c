/* SPDX-License-Identifier: MIT */

/* Lines, variables and evidence of the transcripts. Everything that is put together here is taken as it stands, for most
 * of it is meant to be wrong. */

#include "transcript.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_keys.h"

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

/* ---- Keys and tokens ---- */

static const struct {
  const char *name, *public, *private, *members, *thumbprint, *alg;
} keys[] = {
  { "client_a", TEST_CLIENT_A_PUBLIC, TEST_CLIENT_A_PRIVATE, TEST_CLIENT_A_MEMBERS,
    TEST_CLIENT_A_THUMBPRINT, "ES256" },
  { "client_b", TEST_CLIENT_B_PUBLIC, TEST_CLIENT_B_PRIVATE, TEST_CLIENT_B_MEMBERS,
    TEST_CLIENT_B_THUMBPRINT, "ES256" },
  { "issuer", TEST_ISSUER_PUBLIC, TEST_ISSUER_PRIVATE, TEST_ISSUER_MEMBERS,
    TEST_ISSUER_THUMBPRINT, "ES256" },
  { "issuer_ed", TEST_ISSUER_ED_PUBLIC, TEST_ISSUER_ED_PRIVATE, TEST_ISSUER_ED_MEMBERS,
    TEST_ISSUER_ED_THUMBPRINT, "Ed25519" },
};

static size_t key_of(const script_vars *vars, const char *name)
{
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    if (strcmp(keys[i].name, name) == 0) {
      return i;
    }
  }
  script_die(vars->file, vars->line, "no such key");
}

/* One setting of a token: name=value. */
typedef struct setting {
  char *name;
  script_text value;
} setting;

#define SETTINGS 24

typedef struct recipe {
  script_vars *vars;
  setting set[SETTINGS];
  size_t count;
} recipe;

static const script_text *setting_of(const recipe *r, const char *name)
{
  for (size_t i = 0; i < r->count; i++) {
    if (strcmp(r->set[i].name, name) == 0) {
      return &r->set[i].value;
    }
  }
  return NULL;
}

static const char *setting_text(const recipe *r, const char *name, const char *otherwise)
{
  const script_text *value = setting_of(r, name);

  return value == NULL ? otherwise : value->at;
}

/* name=value name='value with blanks' ... */
static void read_settings(recipe *r, const char *at, size_t len)
{
  const char *end = at + len;

  while (at < end) {
    setting *one = &r->set[r->count];
    const char *equal = memchr(at, '=', (size_t)(end - at));
    const char *stop;

    if (*at == ' ') {
      at++;
      continue;
    }
    if (equal == NULL || r->count == SETTINGS) {
      script_die(r->vars->file, r->vars->line, "name=value is missing in a token");
    }
    one->name = copy(at, (size_t)(equal - at));
    at = equal + 1;
    if (at < end && *at == '\'') {
      stop = memchr(at + 1, '\'', (size_t)(end - at - 1));
      stop = stop == NULL ? end : stop;
      text_add(&one->value, at + 1, (size_t)(stop - at - 1));
      at = stop + 1;
    } else {
      stop = memchr(at, ' ', (size_t)(end - at));
      stop = stop == NULL ? end : stop;
      text_add(&one->value, at, (size_t)(stop - at));
      at = stop;
    }
    r->count++;
  }
}

static void free_settings(recipe *r)
{
  for (size_t i = 0; i < r->count; i++) {
    free(r->set[i].name);
    text_free(&r->set[i].value);
  }
}

/* JSON if it is JSON, else a string. */
static json_t *json_of(const script_text *value)
{
  json_t *json = json_loadb(value->at, value->len, JSON_DECODE_ANY, NULL);

  return json != NULL ? json : json_stringn_nocheck(value->at, value->len);
}

/* Puts header.NAME or claim.NAME settings over the object; "-" takes a member away. */
static void override(json_t *object, const recipe *r, const char *prefix)
{
  const size_t len = strlen(prefix);

  for (size_t i = 0; i < r->count; i++) {
    const setting *one = &r->set[i];
    if (strncmp(one->name, prefix, len) != 0) {
      continue;
    }
    if (strcmp(one->value.at, "-") == 0) {
      json_object_del(object, one->name + len);
    } else {
      json_object_set_new_nocheck(object, one->name + len, json_of(&one->value));
    }
  }
}

static script_text dump(json_t *object)
{
  char *made = json_dumps(object, JSON_COMPACT);
  script_text out = { 0 };

  text_set(&out, made == NULL ? "" : made);
  free(made);
  json_decref(object);
  return out;
}

static script_text header_of(const recipe *r, int is_dpop, size_t key)
{
  const script_text *literal = setting_of(r, "header");
  json_t *object;
  script_text out = { 0 };

  if (literal != NULL) {
    text_add(&out, literal->at, literal->len);
    return out;
  }
  object = json_object();
  json_object_set_new(object, "typ",
                      json_string(is_dpop ? "dpop+jwt" : "client-challenge-assertion+jwt"));
  json_object_set_new(object, "alg", json_string(keys[key].alg));
  if (is_dpop) {
    json_object_set_new(object, "jwk", json_loads(keys[key].public, 0, NULL));
  }
  override(object, r, "header.");
  return dump(object);
}

static int64_t seconds(const script_vars *vars, const char *shift)
{
  return vars->now / 1000 + strtoll(shift, NULL, 10);
}

static void put_var(json_t *object, const char *name, const script_vars *vars, const char *var)
{
  const script_text *value = vars_get(vars, var);

  if (value != NULL) {
    json_object_set_new(object, name, json_stringn_nocheck(value->at, value->len));
  }
}

static script_text claims_of(const recipe *r, int is_dpop)
{
  const script_vars *vars = r->vars;
  const script_text *literal = setting_of(r, "claims"), *nonce = setting_of(r, "nonce");
  json_t *object;
  script_text out = { 0 };

  if (literal != NULL) {
    text_add(&out, literal->at, literal->len);
    return out;
  }
  object = json_object();
  json_object_set_new(object, "jti", json_string(setting_text(r, "jti", "jti-0")));
  json_object_set_new(object, "iat", json_integer(seconds(vars, setting_text(r, "iat", "+0"))));
  if (is_dpop) {
    json_object_set_new(object, "htm", json_string("POST"));
    put_var(object, "htu", vars, "htu");
  } else {
    json_object_set_new(object, "exp", json_integer(seconds(vars, setting_text(r, "exp", "+60"))));
    put_var(object, "iss", vars, "iss");
    put_var(object, "sub", vars, "sub");
    put_var(object, "aud", vars, "issuer");
    if (nonce == NULL) {
      put_var(object, "nonce", vars, "session");
    }
  }
  if (nonce != NULL) {
    json_object_set_new(object, "nonce", json_stringn_nocheck(nonce->at, nonce->len));
  }
  override(object, r, "claim.");
  return dump(object);
}

/* ---- Signatures ---- */

static const uint8_t p256_n[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

/* SEQUENCE of two INTEGERs. */
static void to_der(script_text *out, const uint8_t sig[64])
{
  uint8_t der[80] = { 0x30 };
  size_t at = 2;

  for (int i = 0; i < 2; i++) {
    const uint8_t *number = sig + 32 * i;
    const size_t pad = number[0] >= 0x80 ? 1 : 0;
    der[at++] = 0x02;
    der[at++] = (uint8_t)(32 + pad);
    der[at] = 0;
    memcpy(der + at + pad, number, 32);
    at += 32 + pad;
  }
  der[1] = (uint8_t)(at - 2);
  text_add(out, der, at);
}

/* sig=HOW: what becomes of a good signature. */
static script_text spoil(const script_vars *vars, const uint8_t good[64], const char *how)
{
  uint8_t sig[96] = { 0 };
  script_text out = { 0 };
  size_t len = 64;

  memcpy(sig, good, 64);
  if (strcmp(how, "der") == 0) {
    to_der(&out, good);
    return out;
  }
  if (strcmp(how, "flip") == 0) {
    sig[40] ^= 1;
  } else if (strcmp(how, "r0") == 0) {
    memset(sig, 0, 32);
  } else if (strcmp(how, "s0") == 0) {
    memset(sig + 32, 0, 32);
  } else if (strcmp(how, "rn") == 0) {
    memcpy(sig, p256_n, 32);
  } else if (strcmp(how, "sn") == 0) {
    memcpy(sig + 32, p256_n, 32);
  } else if (strcmp(how, "huge") == 0) {
    memset(sig, 0xff, 64);
  } else if (strcmp(how, "zero") == 0) {
    memset(sig, 0, 64);
  } else if (strcmp(how, "swap") == 0) {
    memcpy(sig, good + 32, 32);
    memcpy(sig + 32, good, 32);
  } else if (how[0] >= '0' && how[0] <= '9') { /* so many octets: cut, or zeros behind */
    len = (size_t)strtoul(how, NULL, 10);
    len = len > sizeof(sig) ? sizeof(sig) : len;
  } else {
    script_die(vars->file, vars->line, "no such signature");
  }
  text_add(&out, sig, len);
  return out;
}

/* ---- Kept signatures ---- */

#define KEPT 1024

static struct kept {
  char *recipe, *token;
} kept[KEPT];

static size_t slot_of(const char *recipe_text)
{
  uint64_t hash = 1469598103934665603u;

  for (const char *c = recipe_text; *c != '\0'; c++) {
    hash = (hash ^ (uint8_t)*c) * 1099511628211u;
  }
  return hash % KEPT;
}

void tokens_forget(void)
{
  for (size_t i = 0; i < KEPT; i++) {
    free(kept[i].recipe);
    free(kept[i].token);
    kept[i] = (struct kept){ 0 };
  }
}

static char *sign(const script_vars *vars, const script_text *header, const script_text *claims, size_t key,
                  const char *how)
{
  uint8_t sig[64] = { 0 };
  char *token = test_token(header->at, header->len, claims->at, claims->len, sig, sizeof(sig));
  script_text made = { 0 };

  test_sign(sig, keys[key].private, token, (size_t)(strrchr(token, '.') - token));
  free(token);
  if (how[0] == '\0') {
    text_add(&made, sig, sizeof(sig));
  } else {
    made = spoil(vars, sig, how);
  }
  token = test_token(header->at, header->len, claims->at, claims->len, made.at, made.len);
  text_free(&made);
  return token;
}

static void make_token(script_text *out, script_vars *vars, int is_dpop, const char *words, size_t len)
{
  recipe r = { .vars = vars };
  script_text header, claims, name = { 0 };
  const char *how;
  size_t key, signer, slot;

  read_settings(&r, words, len);
  key = key_of(vars, setting_text(&r, "key", is_dpop ? "client_a" : "issuer"));
  signer = key_of(vars, setting_text(&r, "sign", keys[key].name));
  how = setting_text(&r, "sig", "");
  header = header_of(&r, is_dpop, key);
  claims = claims_of(&r, is_dpop);
  text_set(&name, keys[signer].name);
  text_add(&name, " ", 1);
  text_add(&name, how, strlen(how));
  for (int i = 0; i < 2; i++) { /* the very octets, as a text */
    char *part = i == 0 ? test_b64(header.at, header.len) : test_b64(claims.at, claims.len);
    text_add(&name, ".", 1);
    text_add(&name, part, strlen(part));
    free(part);
  }
  slot = slot_of(name.at);
  if (kept[slot].recipe == NULL || strcmp(kept[slot].recipe, name.at) != 0) {
    free(kept[slot].recipe);
    free(kept[slot].token);
    kept[slot].token = sign(vars, &header, &claims, signer, how);
    kept[slot].recipe = copy(name.at, name.len);
  }
  text_add(out, kept[slot].token, strlen(kept[slot].token));
  if (vars->made != NULL) {
    vars->made(vars->user_data, kept[slot].token);
  }
  text_free(&name);
  text_free(&header);
  text_free(&claims);
  free_settings(&r);
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
    make_token(out, vars, verb[0] == 'd', rest, len);
  } else if (strcmp(verb, "iat") == 0) {
    put_integer(out, seconds(vars, len == 0 ? "0" : rest));
  } else if (strcmp(verb, "ms") == 0) {
    put_integer(out, vars->now + strtoll(len == 0 ? "0" : rest, NULL, 10));
  } else if (strcmp(verb, "jwk") == 0) {
    text_add(out, keys[key_of(vars, rest)].public, strlen(keys[key_of(vars, rest)].public));
  } else if (strcmp(verb, "members") == 0) {
    text_add(out, keys[key_of(vars, rest)].members, strlen(keys[key_of(vars, rest)].members));
  } else if (strcmp(verb, "private") == 0) {
    text_add(out, keys[key_of(vars, rest)].private, strlen(keys[key_of(vars, rest)].private));
  } else if (strcmp(verb, "thumb") == 0) {
    text_add(out, keys[key_of(vars, rest)].thumbprint, 43);
  } else if (!apply(out, vars, verb, rest, len)) {
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
