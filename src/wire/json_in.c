/* SPDX-License-Identifier: MIT */

/* JSON text to jansson values. Called by jose, core, evidence and agent for every JSON text there
 * is. The scan comes first, always: jansson recurses on the C stack and allocates for every value,
 * so 60 KiB of "[0,0,..." would cost more than sixty signatures. It never changes anything of
 * jansson that is process-wide. spec: RFC 8259. */

#include "wire/json_in.h"

#include "base/limits.h"
#include "occ/base.h"

/* A peer sends no JSON text longer than the claims of a JWT: jansson's reader costs some 15 ns an
 * octet, whatever it is. */
const occ_json_limits occ__json_peer = { OCC__MAX_JWT / 4 * 3, OCC__MAX_JSON_DEPTH,
                                         OCC__MAX_JSON_VALUES };
const occ_json_limits occ__json_answer = { OCC__MAX_ANSWER, OCC__MAX_JSON_DEPTH,
                                           OCC__MAX_ANSWER_VALUES };
const occ_json_limits occ__json_config = { OCC__MAX_CONFIG_JSON, OCC__MAX_JSON_DEPTH,
                                           OCC__MAX_CONFIG_VALUES };

/* Classes of octets outside strings. */
enum { WORD, SPACE, QUOTE, OPEN_OBJECT, OPEN_ARRAY, CLOSE_OBJECT, CLOSE_ARRAY, COMMA, COLON };

static const uint8_t class_of[256] = {
  ['\t'] = SPACE,      ['\n'] = SPACE,      ['\r'] = SPACE,     [' '] = SPACE,
  ['"'] = QUOTE,       ['{'] = OPEN_OBJECT, ['['] = OPEN_ARRAY, ['}'] = CLOSE_OBJECT,
  [']'] = CLOSE_ARRAY, [','] = COMMA,       [':'] = COLON,
};

typedef struct scanner {
  const uint8_t *at, *end;
  const occ_json_limits *limits;
  size_t depth, values;
  uint64_t objects; /* one bit a level, the innermost lowest: 1 in an object, 0 in an array */
  int name_due;     /* a string here is a member's name, which is no value */
} scanner;

#define MAX_LEVELS 64u /* bits of scanner.objects */

static int count_value(scanner *s)
{
  s->name_due = 0;
  return s->values++ == s->limits->values ? OCC_ERR_LIMIT : OCC_OK;
}

/* s->at is behind the opening quote. */
static int pass_string(scanner *s)
{
  for (; s->at != s->end && *s->at >= 0x20; s->at++) {
    if (*s->at == '"') {
      s->at++;
      return s->name_due ? OCC_OK : count_value(s);
    }
    if (*s->at == '\\' && (++s->at == s->end || *s->at < 0x20)) {
      break;
    }
  }
  return OCC_ERR_SYNTAX;
}

/* A number or a literal; s->at is behind its first octet. */
static int pass_word(scanner *s)
{
  for (s->at--; s->at != s->end && class_of[*s->at] == WORD; s->at++) {
    if (*s->at < 0x20) {
      return OCC_ERR_SYNTAX;
    }
  }
  return count_value(s);
}

static int open_bracket(scanner *s, unsigned is_object)
{
  int rc = count_value(s);

  if (rc != OCC_OK || s->depth == s->limits->depth || s->depth == MAX_LEVELS) {
    return OCC_ERR_LIMIT;
  }
  s->depth++;
  s->objects = s->objects << 1 | is_object;
  s->name_due = is_object != 0;
  return OCC_OK;
}

static int close_bracket(scanner *s, unsigned is_object)
{
  if (s->depth == 0 || (s->objects & 1) != is_object) {
    return OCC_ERR_SYNTAX;
  }
  s->depth--;
  s->objects >>= 1;
  s->name_due = 0;
  return OCC_OK;
}

static int pass_token(scanner *s)
{
  uint8_t what = class_of[*s->at++];

  switch (what) {
  case SPACE:
    return OCC_OK;
  case QUOTE:
    return pass_string(s);
  case OPEN_OBJECT:
  case OPEN_ARRAY:
    return open_bracket(s, what == OPEN_OBJECT);
  case CLOSE_OBJECT:
  case CLOSE_ARRAY:
    return close_bracket(s, what == CLOSE_OBJECT);
  case COMMA:
    s->name_due = s->depth != 0 && (s->objects & 1) != 0;
    return OCC_OK;
  case COLON:
    s->name_due = 0;
    return OCC_OK;
  default:
    return pass_word(s);
  }
}

int occ__json_scan(occ_span text, const occ_json_limits *limits)
{
  scanner s = { .at = text.base, .limits = limits };
  int rc = OCC_OK;

  if (text.len > limits->octets) {
    return OCC_ERR_LIMIT;
  }
  if (text.len == 0) {
    return OCC_ERR_SYNTAX;
  }
  s.end = text.base + text.len;
  while (rc == OCC_OK && s.at != s.end) {
    rc = pass_token(&s);
  }
  return rc == OCC_OK && s.depth != 0 ? OCC_ERR_SYNTAX : rc;
}

static int read_with(json_t **out, occ_span text, const occ_json_limits *limits, size_t flags)
{
  json_error_t error;
  int rc = occ__json_scan(text, limits);

  *out = NULL;
  if (rc != OCC_OK) {
    return rc;
  }
  *out = json_loadb((const char *)text.base, text.len, flags | JSON_REJECT_DUPLICATES, &error);
  if (*out != NULL) {
    return OCC_OK;
  }
  /* jansson leaves the error without a text when an allocation of its own fails. */
  return error.text[0] == '\0' ? OCC_ERR_MEMORY : OCC_ERR_SYNTAX;
}

int occ__json_read(json_t **out, occ_span text, const occ_json_limits *limits)
{
  return read_with(out, text, limits, JSON_DECODE_ANY);
}

int occ__json_read_object(json_t **out, occ_span text, const occ_json_limits *limits)
{
  int rc = read_with(out, text, limits, 0);

  if (rc == OCC_OK && !json_is_object(*out)) {
    json_decref(*out);
    *out = NULL;
    rc = OCC_ERR_SYNTAX;
  }
  return rc;
}

const char *occ__json_text(const json_t *object, const char *member)
{
  const json_t *value = json_object_get(object, member);
  const char *text = json_string_value(value);

  return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}
