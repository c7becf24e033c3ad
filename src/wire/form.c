/* SPDX-License-Identifier: MIT */

/* application/x-www-form-urlencoded, in and out. Called by core (request bodies) and agent
 * (follow-ups). One pass over the body, one allocation for all its texts. It knows no parameter by
 * its meaning but the two that may be repeated. spec: RFC 6749 section 3.2 and appendix B, RFC 8707
 * section 2, RFC 8693 section 2.1. */

#include "wire/form.h"

#include "base/limits.h"

#define FIRST_ROOM 16u

/* spec: O-10 */
static int may_repeat(const char *name)
{
  return strcmp(name, "resource") == 0 || strcmp(name, "audience") == 0;
}

/* Dropped parameters are remembered from the far end of the array, so that an empty repeat is seen
 * as a repeat. */
static occ_param *dropped(const occ_form *form, size_t i)
{
  return &form->param[form->room - 1 - i];
}

static int has_name(const occ_form *form, const occ_param *param)
{
  size_t drops = form->seen - form->count;
  const occ_param *other;

  for (size_t i = 0; i < form->seen; i++) {
    other = i < drops ? dropped(form, i) : &form->param[i - drops];
    if (other->name_len == param->name_len &&
        memcmp(other->name, param->name, param->name_len) == 0) {
      return 1;
    }
  }
  return 0;
}

/* Room for one more. Most requests have few parameters, and what is taken here is wiped with the txn. */
static int make_room(occ_form *form, occ_arena *arena)
{
  const size_t drops = form->seen - form->count;
  occ_form grown = *form;

  if (form->seen < form->room) {
    return OCC_OK;
  }
  grown.room = form->room == 0 ? FIRST_ROOM : 2 * form->room;
  grown.param = occ__arena_alloc(arena, grown.room * sizeof(*grown.param));
  if (grown.param == NULL) {
    return arena->rc;
  }
  for (size_t i = 0; i < form->count; i++) {
    grown.param[i] = form->param[i];
  }
  for (size_t i = 0; i < drops; i++) {
    *dropped(&grown, i) = *dropped(form, i);
  }
  *form = grown;
  return OCC_OK;
}

/* The rules for a decoded parameter whose texts are in the arena. */
static int take_param(occ_form *form, occ_arena *arena, const occ_param *param)
{
  int rc;

  if (param->name_len == 0 || memchr(param->name, 0, param->name_len) != NULL) {
    return OCC__REASON_FORM_MALFORMED;
  }
  if (param->name_len > OCC__MAX_PARAM_NAME) {
    return OCC__REASON_FORM_TOO_LARGE;
  }
  if (form->seen == OCC__MAX_PARAMS) {
    return OCC__REASON_FORM_TOO_MANY;
  }
  if (!may_repeat(param->name) && has_name(form, param)) {
    return OCC__REASON_PARAM_REPEATED;
  }
  rc = make_room(form, arena);
  if (rc != OCC_OK) {
    return rc;
  }
  if (param->value_len == 0) { /* spec: RFC 6749 section 3.2: as if it were omitted */
    *dropped(form, form->seen - form->count) = *param;
  } else {
    form->param[form->count++] = *param;
  }
  form->seen++;
  return OCC_OK;
}

static int hex_value(uint8_t c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c |= 0x20; /* to lower case */
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

typedef struct decoder {
  const uint8_t *in, *end;
  char *out;
} decoder;

/* d->in is at a '%'. 0: no two hexadecimal digits follow. */
static int decode_escape(decoder *d)
{
  int high = d->end - d->in > 2 ? hex_value(d->in[1]) : -1;
  int low = d->end - d->in > 2 ? hex_value(d->in[2]) : -1;

  if (high < 0 || low < 0) {
    return 0;
  }
  *d->out++ = (char)(high << 4 | low);
  d->in += 3;
  return 1;
}

/* The first of that octet before the end, else the end. */
static const uint8_t *find(const uint8_t *at, const uint8_t *end, int octet)
{
  const uint8_t *found = at == end ? NULL : memchr(at, octet, (size_t)(end - at));

  return found == NULL ? end : found;
}

/* In locals, because a char that is written may be any member of *d to the compiler. */
static void copy_run(decoder *d)
{
  const uint8_t *in = d->in, *end = d->end;
  char *out = d->out;

  while (in != end && *in != '+' && *in != '%') {
    *out++ = (char)*in++;
  }
  d->in = in;
  d->out = out;
}

/* What has no escape, as handles and tokens have none, at once. */
static void copy_start(decoder *d)
{
  const uint8_t *plus = find(d->in, d->end, '+');
  const uint8_t *stop = find(d->in, plus, '%');
  const size_t len = (size_t)(stop - d->in);

  if (len > 0) {
    memcpy(d->out, d->in, len);
    d->in = stop;
    d->out += len;
  }
}

/* What lies before end, and a NUL. 0: a bad escape. */
static int decode_until(decoder *d, const uint8_t *end)
{
  decoder part = { d->in, end, d->out };

  for (copy_start(&part); part.in != end; copy_run(&part)) {
    if (*part.in == '+') {
      *part.out++ = ' ';
      part.in++;
    } else if (!decode_escape(&part)) {
      return 0;
    }
  }
  *part.out++ = '\0';
  d->in = end;
  d->out = part.out;
  return 1;
}

/* One name=value. The name's NUL takes the place of '=', the value's that of '&'. */
static int read_param(occ_form *form, occ_arena *arena, decoder *d)
{
  const uint8_t *end = find(d->in, d->end, '&'), *equals = find(d->in, end, '=');
  occ_param param = { .name = d->out };

  if (!decode_until(d, equals)) {
    return OCC__REASON_FORM_MALFORMED;
  }
  param.name_len = (size_t)(d->out - param.name) - 1;
  param.value = d->out - 1; /* the empty text, where there is no '=' */
  if (equals != end) {
    d->in++;
    param.value = d->out;
    if (!decode_until(d, end)) {
      return OCC__REASON_FORM_MALFORMED;
    }
    param.value_len = (size_t)(d->out - param.value) - 1;
  }
  return take_param(form, arena, &param);
}

/* What all parameters of one form may hold together, however they came. */
static int count_octets(occ_form *form, size_t octets)
{
  if (octets > OCC__MAX_BODY - form->octets) {
    return OCC__REASON_FORM_TOO_LARGE;
  }
  form->octets += octets;
  return OCC_OK;
}

int occ__form_parse(occ_form *form, occ_arena *arena, occ_span body)
{
  decoder d = { .in = body.base };
  int rc = count_octets(form, body.len);

  if (rc != OCC_OK || body.len == 0) {
    return rc;
  }
  d.end = body.base + body.len;
  d.out = occ__arena_alloc(arena, body.len + 1);
  if (d.out == NULL) {
    return arena->rc;
  }
  while (rc == OCC_OK && d.in != d.end) {
    if (*d.in == '&') { /* nothing between two separators is no parameter */
      d.in++;
    } else {
      rc = read_param(form, arena, &d);
    }
  }
  return rc;
}

int occ__form_add(occ_form *form, occ_arena *arena, occ_span name, occ_span value)
{
  occ_param param = { .name_len = name.len, .value_len = value.len };
  int rc;

  /* First each alone, so that the sum cannot wrap around. */
  if (name.len > OCC__MAX_BODY || value.len > OCC__MAX_BODY) {
    return OCC__REASON_FORM_TOO_LARGE;
  }
  rc = count_octets(form, name.len + value.len);
  if (rc != OCC_OK) {
    return rc;
  }
  param.name = occ__arena_text(arena, name.base, name.len);
  param.value = param.name == NULL ? NULL : occ__arena_text(arena, value.base, value.len);
  return param.value == NULL ? arena->rc : take_param(form, arena, &param);
}

const occ_param *occ__form_find_span(const occ_form *form, occ_span name, size_t i)
{
  for (size_t at = 0; at < form->count; at++) {
    const occ_param *param = &form->param[at];

    if (param->name_len == name.len && memcmp(param->name, name.base, name.len) == 0 && i-- == 0) {
      return param;
    }
  }
  return NULL;
}

static int is_plain(uint8_t c)
{
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_';
}

static void put_encoded(occ_buf *out, occ_span text)
{
  static const char digit[] = "0123456789ABCDEF";
  char escape[3] = { '%', 0, 0 };
  size_t run;

  for (size_t i = 0; i < text.len; i += run) {
    for (run = 0; i + run < text.len && is_plain(text.base[i + run]); run++) {
    }
    if (run != 0) {
      occ__buf_put(out, text.base + i, run);
    } else {
      run = 1;
      escape[1] = digit[text.base[i] >> 4];
      escape[2] = digit[text.base[i] & 15];
      occ__buf_put(out, text.base[i] == ' ' ? "+" : escape, text.base[i] == ' ' ? 1 : 3);
    }
  }
}

int occ__form_put(occ_buf *out, const char *name, occ_span value)
{
  if (out->len != 0) {
    occ__buf_byte(out, '&');
  }
  put_encoded(out, occ__span_text(name));
  occ__buf_byte(out, '=');
  put_encoded(out, value);
  return out->rc;
}
