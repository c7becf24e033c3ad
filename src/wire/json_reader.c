/* SPDX-License-Identifier: MIT */

/* Judges JSON texts, strictly, and tells what is in them. Called by json_in.c and by jose, for canonical
 * texts. Whatever a peer sends, an octet costs a few instructions. The locale must not matter. spec: RFC 8259, RFC 3629. */

#include "wire/json_reader.h"

#include <math.h>
#include <stdlib.h>

#include "occ/base.h"
#include "wire/json_out.h"

/* What may come next: reader.due. */
enum {
  DUE_VALUE,
  DUE_FIRST_VALUE, /* or the end of the array */
  DUE_NAME,
  DUE_FIRST_NAME, /* or the end of the object */
  DUE_COMMA,      /* or the end of what is open */
  DUE_NOTHING
};

static int is_next(const occ_json_reader *r, uint8_t octet)
{
  return r->at != r->end && *r->at == octet;
}

static int is_in_object(const occ_json_reader *r)
{
  return (r->objects & 1) != 0;
}

static void pass_space(occ_json_reader *r)
{
  while (r->at != r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) {
    r->at++;
  }
}

/* ---- Strings ---- */

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
  int32_t value = 0;

  if (end - at < 4) {
    return -1;
  }
  for (int i = 0; i < 4; i++) {
    const uint8_t octet = at[i], letter = octet | 0x20;

    if (octet >= '0' && octet <= '9') {
      value = value * 16 + (octet - '0');
    } else if (letter >= 'a' && letter <= 'f') {
      value = value * 16 + (letter - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

static int is_high(int32_t unit)
{
  return unit >= 0xd800 && unit <= 0xdbff;
}

static int is_low(int32_t unit)
{
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/* What stands for the letter of a short escape; 0: it is none. */
static const uint8_t short_escape[256] = {
  ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
  ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* r->at is behind \u. A surrogate comes with its other half. U+0000 is refused: most of those who
 * read our values take their end for a zero octet. */
static int judge_unicode(occ_json_reader *r)
{
  const int32_t unit = hex4(r->at, r->end);

  if (unit <= 0 || is_low(unit)) {
    return OCC_ERR_SYNTAX;
  }
  r->at += 4;
  if (!is_high(unit)) {
    r->len += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    return OCC_OK;
  }
  if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u' ||
      !is_low(hex4(r->at + 2, r->end))) {
    return OCC_ERR_SYNTAX;
  }
  r->at += 6;
  r->len += 4;
  return OCC_OK;
}

/* r->at is at the backslash. */
static int judge_escape(occ_json_reader *r)
{
  const uint8_t letter = r->end - r->at < 2 ? 0 : r->at[1];

  r->at += 2;
  if (short_escape[letter] != 0) {
    r->len++;
    return OCC_OK;
  }
  return letter == 'u' ? judge_unicode(r) : OCC_ERR_SYNTAX;
}

static int is_plain(uint8_t octet)
{
  return (octet >= 0x20) & (octet < 0x80) & (octet != '"') & (octet != '\\');
}

/* Up to the closing quote. */
static int judge_string(occ_json_reader *r)
{
  while (r->at != r->end && *r->at != '"') {
    const uint8_t *start = r->at;

    if (*start == '\\') {
      if (judge_escape(r) != OCC_OK) {
        return OCC_ERR_SYNTAX;
      }
      continue;
    }
    while (r->at != r->end && is_plain(*r->at)) {
      r->at++;
    }
    if (*start >= 0x80) {
      r->at += occ__json_utf8_len(occ__span(start, (size_t)(r->end - start)));
    }
    if (r->at == start) {
      return OCC_ERR_SYNTAX; /* a control character, or no UTF-8 */
    }
    r->len += (size_t)(r->at - start);
  }
  return r->at == r->end ? OCC_ERR_SYNTAX : OCC_OK;
}

/* Without a branch in it, so that compilers make it look at many octets at once. */
static int are_plain(const uint8_t *at, size_t len)
{
  uint8_t others = 0;

  for (size_t i = 0; i < len; i++) {
    others |= (uint8_t)!is_plain(at[i]);
  }
  return !others;
}

/* r->at is behind the opening quote. */
static int pass_string(occ_json_reader *r)
{
  const uint8_t *start = r->at;
  const size_t left = (size_t)(r->end - start);
  const uint8_t *quote = left == 0 ? NULL : memchr(start, '"', left);
  int rc = OCC_OK;

  r->len = 0;
  if (quote != NULL && are_plain(start, (size_t)(quote - start))) {
    r->at = quote;
    r->len = (size_t)(quote - start);
  } else {
    rc = judge_string(r);
  }
  r->raw = occ__span(start, (size_t)(r->at - start));
  r->at += rc == OCC_OK;
  return rc;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t c)
{
  if (c < 0x80) {
    *out++ = (uint8_t)c;
    return out;
  }
  if (c < 0x800) {
    *out++ = (uint8_t)(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      *out++ = (uint8_t)(0xe0 | c >> 12);
    } else {
      *out++ = (uint8_t)(0xf0 | c >> 18);
      *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    }
    *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
  }
  *out++ = (uint8_t)(0x80 | (c & 0x3f));
  return out;
}

void occ__json_reader_decode(uint8_t *out, occ_span raw)
{
  const uint8_t *at = raw.base, *end = raw.base + raw.len;

  while (at != end) {
    if (*at != '\\') {
      *out++ = *at++;
    } else if (at[1] != 'u') {
      *out++ = short_escape[at[1]];
      at += 2;
    } else {
      uint32_t c = (uint32_t)hex4(at + 2, end);

      at += 6;
      if (is_high((int32_t)c)) {
        c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(at + 2, end) - 0xdc00);
        at += 6;
      }
      out = put_utf8(out, c);
    }
  }
}

/* ---- Numbers ---- */

/* How many there were. */
static size_t pass_digits(occ_json_reader *r)
{
  const uint8_t *start = r->at;

  while (r->at != r->end && *r->at >= '0' && *r->at <= '9') {
    r->at++;
  }
  return (size_t)(r->at - start);
}

/* The fraction and the exponent, of which there is one at least. */
static int pass_real(occ_json_reader *r)
{
  if (is_next(r, '.')) {
    r->at++;
    if (pass_digits(r) == 0) {
      return OCC_ERR_SYNTAX;
    }
  }
  if (is_next(r, 'e') || is_next(r, 'E')) {
    r->at++;
    r->at += is_next(r, '+') || is_next(r, '-');
    if (pass_digits(r) == 0) {
      return OCC_ERR_SYNTAX;
    }
  }
  return OCC_OK;
}

/* r->raw into r->integer; -0 is 0. */
static int read_integer(occ_json_reader *r)
{
  const size_t negative = r->raw.base[0] == '-';
  const uint64_t limit = (uint64_t)INT64_MAX + negative;
  uint64_t size = 0;

  for (size_t i = negative; i < r->raw.len; i++) {
    const uint64_t digit = (uint64_t)(r->raw.base[i] - '0');

    if (size > (limit - digit) / 10) {
      return OCC_ERR_SYNTAX;
    }
    size = size * 10 + digit;
  }
  r->integer = negative && size != 0 ? -(int64_t)(size - 1) - 1 : (int64_t)size;
  return OCC_OK;
}

static int pass_number(occ_json_reader *r, occ_json_event *event)
{
  const uint8_t *start = r->at;
  int rc = OCC_OK;

  r->at += *r->at == '-';
  if (is_next(r, '0')) {
    r->at++;
  } else if (pass_digits(r) == 0) {
    return OCC_ERR_SYNTAX;
  }
  *event =
      is_next(r, '.') || is_next(r, 'e') || is_next(r, 'E') ? OCC__JSON_REAL : OCC__JSON_INTEGER;
  if (*event == OCC__JSON_REAL) {
    rc = pass_real(r);
  }
  r->raw = occ__span(start, (size_t)(r->at - start));
  if (r->raw.len > OCC__MAX_JSON_NUMBER) {
    return OCC_ERR_LIMIT;
  }
  if (*event == OCC__JSON_INTEGER) {
    return read_integer(r);
  }
  /* A real costs as much as some other values together. */
  return r->reals++ > r->limits->values / 4 ? OCC_ERR_LIMIT : rc;
}

/* The digits behind e or E, with their sign. Beyond 9999 nothing but 0 and infinity is left. */
static int exponent_of(occ_span text)
{
  const int negative = text.len != 0 && text.base[0] == '-';
  int value = 0;

  for (size_t i = 0; i < text.len; i++) {
    if (text.base[i] >= '0') { /* neither + nor - */
      value = value > 999 ? 9999 : value * 10 + (text.base[i] - '0');
    }
  }
  return negative ? -value : value;
}

/* strtod() wants the decimal point of the locale. It gets none: 12.5e3 goes in as 125e2. */
int occ__json_reader_real(double *out, occ_span raw)
{
  char text[OCC__MAX_JSON_NUMBER + sizeof("e-10063")];
  size_t len = 0, i = 0;
  int exponent = 0, in_fraction = 0, rest;

  for (; i < raw.len && (raw.base[i] | 0x20) != 'e'; i++) {
    if (raw.base[i] == '.') {
      in_fraction = 1;
    } else {
      text[len++] = (char)raw.base[i];
      exponent -= in_fraction;
    }
  }
  if (i < raw.len) {
    exponent += exponent_of(occ__span(raw.base + i + 1, raw.len - i - 1));
  }
  text[len++] = 'e';
  text[len++] = exponent < 0 ? '-' : '+';
  rest = exponent < 0 ? -exponent : exponent;
  for (int unit = 10000; unit != 0; unit /= 10) {
    text[len++] = (char)('0' + rest / unit % 10);
  }
  text[len] = '\0';
  *out = strtod(text, NULL);
  return isfinite(*out) ? OCC_OK : OCC_ERR_SYNTAX;
}

/* ---- Structure ---- */

static int open_bracket(occ_json_reader *r, int is_object)
{
  if (r->depth == r->limits->depth || r->depth == OCC__JSON_LEVELS) {
    return OCC_ERR_LIMIT;
  }
  r->at++;
  r->depth++;
  r->objects = r->objects << 1 | (unsigned)is_object;
  r->due = is_object ? DUE_FIRST_NAME : DUE_FIRST_VALUE;
  return OCC_OK;
}

static int close_bracket(occ_json_reader *r, occ_json_event *event)
{
  if (r->depth == 0 || *r->at != (is_in_object(r) ? '}' : ']')) {
    return OCC_ERR_SYNTAX;
  }
  r->at++;
  r->depth--;
  r->objects >>= 1;
  r->due = r->depth == 0 ? DUE_NOTHING : DUE_COMMA;
  *event = OCC__JSON_CLOSE;
  return OCC_OK;
}

static int pass_word(occ_json_reader *r, const char *word)
{
  const size_t len = strlen(word);

  if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
    return OCC_ERR_SYNTAX;
  }
  r->at += len;
  return OCC_OK;
}

static int pass_value(occ_json_reader *r, occ_json_event *event)
{
  if (r->values++ == r->limits->values) {
    return OCC_ERR_LIMIT;
  }
  r->due = r->depth == 0 ? DUE_NOTHING : DUE_COMMA;
  switch (*r->at) {
  case '{':
    *event = OCC__JSON_OBJECT;
    return open_bracket(r, 1);
  case '[':
    *event = OCC__JSON_ARRAY;
    return open_bracket(r, 0);
  case '"':
    *event = OCC__JSON_STRING;
    r->at++;
    return pass_string(r);
  case 't':
    *event = OCC__JSON_TRUE;
    return pass_word(r, "true");
  case 'f':
    *event = OCC__JSON_FALSE;
    return pass_word(r, "false");
  case 'n':
    *event = OCC__JSON_NULL;
    return pass_word(r, "null");
  default:
    return pass_number(r, event);
  }
}

/* The name and its colon. */
static int pass_name(occ_json_reader *r, occ_json_event *event)
{
  int rc;

  if (*r->at != '"') {
    return OCC_ERR_SYNTAX;
  }
  r->at++;
  rc = pass_string(r);
  if (rc != OCC_OK) {
    return rc;
  }
  pass_space(r);
  if (!is_next(r, ':')) {
    return OCC_ERR_SYNTAX;
  }
  r->at++;
  r->due = DUE_VALUE;
  *event = OCC__JSON_NAME;
  return OCC_OK;
}

int occ__json_reader_next(occ_json_reader *r, occ_json_event *event)
{
  pass_space(r);
  if (r->due == DUE_COMMA && is_next(r, ',')) {
    r->at++;
    r->due = is_in_object(r) ? DUE_NAME : DUE_VALUE;
    pass_space(r);
  }
  if (r->at == r->end) {
    *event = OCC__JSON_END;
    return r->due == DUE_NOTHING ? OCC_OK : OCC_ERR_SYNTAX;
  }
  switch (r->due) {
  case DUE_FIRST_VALUE:
    return *r->at == ']' ? close_bracket(r, event) : pass_value(r, event);
  case DUE_VALUE:
    return pass_value(r, event);
  case DUE_FIRST_NAME:
    return *r->at == '}' ? close_bracket(r, event) : pass_name(r, event);
  case DUE_NAME:
    return pass_name(r, event);
  case DUE_COMMA:
    return close_bracket(r, event);
  default:
    return OCC_ERR_SYNTAX; /* text after the value */
  }
}

int occ__json_reader_init(occ_json_reader *r, occ_span text, const occ_json_limits *limits)
{
  memset(r, 0, sizeof(*r));
  r->limits = limits;
  r->at = text.base;
  r->end = text.len == 0 ? text.base : text.base + text.len;
  return text.len > limits->octets ? OCC_ERR_LIMIT : OCC_OK;
}
