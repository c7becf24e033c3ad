/* SPDX-License-Identifier: MIT */

/* Canonical JSON from texts. Called by core, for requirements and their params. Most texts need no more than a look, since
 * their members are sorted already and nothing is escaped in them; all others go through jansson's values, and the outcome
 * is the same. Must never take a text for canonical that is not: two spellings of one requirement would be two. */

#include "jose/jcs_text.h"

#include "wire/json_reader.h"

#define MAX_LAYERS 4u

/* ---- A text as it stands ---- */

/* What has been written so far is canonical. */
typedef struct stream {
  occ_json_reader reader;
  uint8_t *at;  /* room for as many octets as the text has */
  int finished; /* the last event was the end of a value: a comma is due if something follows */
  occ_span last[OCC__MAX_JSON_DEPTH + 1]; /* of each object that is open: its latest name */
} stream;

typedef enum found { WRITTEN, OTHERWISE, NO_FORM } found;

static void put(stream *s, const void *octets, size_t len)
{
  memcpy(s->at, octets, len);
  s->at += len;
}

static void put_byte(stream *s, char byte)
{
  *s->at++ = (uint8_t)byte;
}

static void put_quoted(stream *s)
{
  put_byte(s, '"');
  put(s, s->reader.raw.base, s->reader.raw.len);
  put_byte(s, '"');
}

static int has_escapes(const occ_json_reader *reader)
{
  return reader->len != reader->raw.len;
}

static found put_name(stream *s)
{
  occ_span *last = &s->last[s->reader.depth];

  /* Not after the one before it: to be sorted, or there twice. */
  if (has_escapes(&s->reader) ||
      (last->base != NULL && !occ__jcs_is_before(*last, s->reader.raw))) {
    return OTHERWISE;
  }
  *last = s->reader.raw;
  put_quoted(s);
  put_byte(s, ':');
  return WRITTEN;
}

static found put_string(stream *s)
{
  if (has_escapes(&s->reader)) {
    return OTHERWISE;
  }
  put_quoted(s);
  return WRITTEN;
}

static found put_integer(stream *s)
{
  if (!occ__jcs_is_exact(s->reader.integer)) {
    return NO_FORM;
  }
  if (s->reader.integer == 0) { /* -0 too */
    put_byte(s, '0');
  } else {
    put(s, s->reader.raw.base, s->reader.raw.len);
  }
  return WRITTEN;
}

static found put_word(stream *s, const char *word)
{
  put(s, word, strlen(word));
  return WRITTEN;
}

static found put_event(stream *s, occ_json_event event)
{
  if (s->finished && event != OCC__JSON_CLOSE && event != OCC__JSON_END) {
    put_byte(s, ',');
  }
  s->finished = event != OCC__JSON_OBJECT && event != OCC__JSON_ARRAY && event != OCC__JSON_NAME;
  switch (event) {
  case OCC__JSON_OBJECT:
    s->last[s->reader.depth] = occ__span(NULL, 0);
    return put_word(s, "{");
  case OCC__JSON_ARRAY:
    return put_word(s, "[");
  case OCC__JSON_CLOSE: /* by the bracket that was just read */
    put_byte(s, (char)s->reader.at[-1]);
    return WRITTEN;
  case OCC__JSON_NAME:
    return put_name(s);
  case OCC__JSON_STRING:
    return put_string(s);
  case OCC__JSON_INTEGER:
    return put_integer(s);
  case OCC__JSON_TRUE:
    return put_word(s, "true");
  case OCC__JSON_FALSE:
    return put_word(s, "false");
  case OCC__JSON_NULL:
    return put_word(s, "null");
  case OCC__JSON_REAL:
    return NO_FORM;
  case OCC__JSON_END:
    break;
  }
  return WRITTEN;
}

/* Into room, which has a place for every octet of the text. *len where it is WRITTEN. */
static int write_stream(uint8_t *room, size_t *len, occ_span text, const occ_json_limits *limits,
                        found *how)
{
  stream s;
  occ_json_event event = OCC__JSON_NULL;
  int rc = occ__json_reader_init(&s.reader, text, limits);

  s.at = room;
  s.finished = 0;
  *how = WRITTEN;
  while (rc == OCC_OK && *how == WRITTEN && event != OCC__JSON_END) {
    rc = occ__json_reader_next(&s.reader, &event);
    if (rc == OCC_OK) {
      *how = put_event(&s, event);
    }
  }
  *len = (size_t)(s.at - room);
  return rc;
}

static int keep(occ_span *out, occ_arena *arena, const occ_buf *text)
{
  const char *copy = occ__arena_text(arena, text->base, text->len);

  *out = occ__span(copy, text->len);
  return copy == NULL ? arena->rc : OCC_OK;
}

/* By its values. */
static int write_values(occ_span *out, occ_arena *arena, occ_span text,
                        const occ_json_limits *limits)
{
  json_t *value = NULL;
  occ_buf canonical;
  int rc = occ__json_read(&value, text, limits);

  occ__buf_init(&canonical, arena->mem, text.len);
  if (rc == OCC_OK) {
    rc = occ__jcs_write(&canonical, value);
  }
  if (rc == OCC_OK) {
    rc = keep(out, arena, &canonical);
  }
  occ__buf_clear(&canonical);
  json_decref(value);
  return rc;
}

int occ__jcs_text(occ_span *out, occ_arena *arena, occ_span text, const occ_json_limits *limits)
{
  uint8_t *room;
  size_t len;
  found how;
  int rc;

  *out = occ__span(NULL, 0);
  if (text.len > limits->octets || limits->depth > OCC__MAX_JSON_DEPTH) {
    return OCC_ERR_LIMIT;
  }
  room = occ__arena_raw(arena, text.len + 1, 1);
  if (room == NULL) {
    return arena->rc;
  }
  rc = write_stream(room, &len, text, limits, &how);
  if (rc != OCC_OK || how == NO_FORM) {
    len = 0; /* what is no JSON is no JSON by its values either */
  }
  room[len] = '\0';
  if (rc != OCC_OK) {
    return rc;
  }
  if (how == WRITTEN) {
    *out = occ__span(room, len);
    return OCC_OK;
  }
  return how == NO_FORM ? OCC_ERR_SYNTAX : write_values(out, arena, text, limits);
}

/* ---- Members of canonical objects ---- */

/* Stands at a member, or at the end. It stays inside of the text whatever that holds: a session's params are as good as the
 * key that sealed them. */
typedef struct walker {
  occ_span name;           /* as it stands there, without quotes; base NULL: at the end */
  occ_span whole;          /* with its value */
  const uint8_t *at, *end; /* behind it */
} walker;

/* Is the quote at w->at a character of the string that began at start? */
static int is_escaped(const walker *w, const uint8_t *start)
{
  const uint8_t *at = w->at;

  while (at - 1 != start && at[-1] == '\\') {
    at--;
  }
  return (w->at - at) % 2 != 0;
}

/* Behind the string that begins at w->at. */
static void pass_string(walker *w)
{
  const uint8_t *start = w->at;

  do {
    const size_t left = (size_t)(w->end - w->at) - 1;
    const uint8_t *quote = left == 0 ? NULL : memchr(w->at + 1, '"', left);

    w->at = quote;
    if (quote == NULL) {
      w->at = w->end;
      return;
    }
  } while (is_escaped(w, start));
  w->at++;
}

/* Behind the value that begins there: at a comma or bracket of the object's own. */
static void pass_value(walker *w)
{
  size_t depth = 0;

  while (w->at != w->end) {
    const uint8_t octet = *w->at;

    if (octet == '"') {
      pass_string(w);
      continue;
    }
    if (depth == 0 && (octet == ',' || octet == '}' || octet == ']')) {
      return;
    }
    depth += octet == '{' || octet == '[';
    depth -= octet == '}' || octet == ']';
    w->at++;
  }
}

static void step(walker *w)
{
  const uint8_t *quote = w->at == w->end ? w->at : w->at + 1; /* behind the bracket or comma */

  w->name = w->whole = occ__span(NULL, 0);
  if (w->end - w->at < 4 || *quote != '"') { /* nothing but the closing bracket */
    return;
  }
  w->at = quote;
  pass_string(w);
  w->name = occ__span(quote + 1, (size_t)(w->at - quote) - 2);
  pass_value(w);
  w->whole = occ__span(quote, (size_t)(w->at - quote));
}

static void walk(walker *w, occ_span object)
{
  *w = (walker){ .at = object.base,
                 .end = object.len == 0 ? object.base : object.base + object.len };
  step(w);
}

occ_span occ__jcs_text_get(occ_span object, const char *name)
{
  walker w;

  for (walk(&w, object); w.name.base != NULL; step(&w)) {
    if (occ__span_is(w.name, name)) {
      const size_t before = w.name.len + 3; /* two quotes and a colon */

      return w.whole.len < before ? occ__span(NULL, 0)
                                  : occ__span(w.whole.base + before, w.whole.len - before);
    }
  }
  return occ__span(NULL, 0);
}

/* The member that comes next, of the latest layer that has it. All that have it go on. */
static occ_span take_next(walker *w, size_t layers)
{
  const walker *next = NULL;
  occ_span name, whole;

  for (size_t i = 0; i < layers; i++) {
    if (w[i].name.base != NULL && (next == NULL || !occ__jcs_is_before(next->name, w[i].name))) {
      next = &w[i];
    }
  }
  if (next == NULL) {
    return occ__span(NULL, 0);
  }
  name = next->name;
  whole = next->whole;
  for (size_t i = 0; i < layers; i++) {
    if (w[i].name.base != NULL && occ__span_equal(w[i].name, name)) {
      step(&w[i]);
    }
  }
  return whole;
}

/* room: as long as all layers together. Returns the length. */
static size_t merge(uint8_t *room, const occ_span *layer, size_t layers)
{
  walker w[MAX_LAYERS];
  uint8_t *at = room;
  occ_span member;

  for (size_t i = 0; i < layers; i++) {
    walk(&w[i], layer[i]);
  }
  *at++ = '{';
  for (member = take_next(w, layers); member.base != NULL; member = take_next(w, layers)) {
    if (at[-1] != '{') {
      *at++ = ',';
    }
    memcpy(at, member.base, member.len);
    at += member.len;
  }
  *at++ = '}';
  return (size_t)(at - room);
}

/* Names that are escaped are not sorted as they stand. */
static int merge_values(occ_span *out, occ_arena *arena, const occ_span *layer, size_t layers)
{
  json_t *value[MAX_LAYERS] = { NULL };
  const json_t *of[MAX_LAYERS];
  occ_buf text;
  int rc = OCC_OK;

  occ__buf_init(&text, arena->mem, OCC__MAX_ANSWER);
  for (size_t i = 0; i < layers && rc == OCC_OK; i++) {
    rc = layer[i].len == 0 ? OCC_OK : occ__json_read(&value[i], layer[i], &occ__json_config);
  }
  for (size_t i = 0; i < layers; i++) {
    of[i] = value[i];
  }
  if (rc == OCC_OK) {
    rc = occ__jcs_write_layers(&text, of, layers);
  }
  if (rc == OCC_OK) {
    rc = keep(out, arena, &text);
  }
  for (size_t i = 0; i < layers; i++) {
    json_decref(value[i]);
  }
  occ__buf_clear(&text);
  return rc;
}

int occ__jcs_text_merge(occ_span *out, occ_arena *arena, const occ_span *layer, size_t layers)
{
  size_t most = 2, len;
  uint8_t *room;

  *out = occ__span(NULL, 0);
  if (!OCC_INVARIANT(layers <= MAX_LAYERS)) {
    return OCC_ERR_INTERNAL;
  }
  for (size_t i = 0; i < layers; i++) {
    most += layer[i].len;
    if (layer[i].len > 0 && memchr(layer[i].base, '\\', layer[i].len) != NULL) {
      return merge_values(out, arena, layer, layers);
    }
  }
  room = occ__arena_raw(arena, most + 1, 1);
  if (room == NULL) {
    return arena->rc;
  }
  len = merge(room, layer, layers);
  room[len] = '\0';
  if (len > OCC__MAX_ANSWER) {
    return OCC_ERR_LIMIT; /* as by values */
  }
  *out = occ__span(room, len);
  return OCC_OK;
}
