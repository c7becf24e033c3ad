/* SPDX-License-Identifier: MIT */

/* The canonical form of JSON values and its digest. Called by core for the requirement and for parameters that are JSON,
 * by evidence for what was agreed to. jansson's own sorted output is another form: octet order of names, upper-case
 * escapes. Must never round a number. spec: RFC 8785. */

#include "jose/jcs.h"

#include "base/limits.h"

#define MAX_EXACT INT64_C(9007199254740991) /* 2^53 - 1, the last integer that I-JSON can carry */
#define FEW       16u /* members sorted without an allocation: requirements and details have fewer */

typedef struct member {
  const char *name;
  size_t len;
  const json_t *value;
} member;

static int put_value(occ_buf *out, const json_t *value, size_t depth);

/* UTF-8 sorts as code points do; UTF-16 has the surrogates of U+10000 and up (lead octets F0 to F4) before U+E000 to
 * U+FFFF (lead octets EE and EF). At the first octet that differs, both are lead octets or neither is one of these. */
static unsigned rank(uint8_t octet)
{
  return octet == 0xee || octet == 0xef ? octet + 0x10u : octet;
}

int occ__jcs_is_before(occ_span a, occ_span b)
{
  const size_t common = a.len < b.len ? a.len : b.len;
  size_t i = 0;

  while (common - i >= 64 && memcmp(a.base + i, b.base + i, 64) == 0) {
    i += 64; /* a peer may choose names that begin alike */
  }
  while (common - i >= 8 && memcmp(a.base + i, b.base + i, 8) == 0) {
    i += 8;
  }
  while (i < common && a.base[i] == b.base[i]) {
    i++;
  }
  return i == common ? a.len < b.len : rank(a.base[i]) < rank(b.base[i]);
}

static int is_before(const member *a, const member *b)
{
  return occ__jcs_is_before(occ__span(a->name, a->len), occ__span(b->name, b->len));
}

/* Two sorted runs, in[start..middle) and in[middle..end), into one. */
static void merge(member *out, const member *in, size_t start, size_t middle, size_t end)
{
  size_t left = start, right = middle;

  for (size_t at = start; at < end; at++) {
    if (right == end || (left < middle && !is_before(&in[right], &in[left]))) {
      out[at] = in[left++];
    } else {
      out[at] = in[right++];
    }
  }
}

/* Merge sort: no allocation of its own (qsort() may make one), and no bad case for a peer to choose. */
static void sort(member *list, member *scratch, size_t count)
{
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      const size_t middle = start + width < count ? start + width : count;
      const size_t end = middle + width < count ? middle + width : count;

      merge(scratch, list, start, middle, end);
    }
    memcpy(list, scratch, count * sizeof(*list));
  }
}

/* spec: RFC 8785 section 3.2.2.2 */
static void put_escape(occ_buf *out, uint8_t octet)
{
  static const char hex[] = "0123456789abcdef";
  static const char *const word[] = {
    ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
    ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"
  };

  char code[] = "\\u0000";

  if (word[octet] != NULL) {
    (void)occ__buf_put(out, word[octet], 2);
    return;
  }
  code[4] = hex[octet >> 4];
  code[5] = hex[octet & 15];
  (void)occ__buf_put(out, code, 6);
}

static int is_escaped(uint8_t octet)
{
  return (octet < 0x20) | (octet == '"') | (octet == '\\');
}

/* Without a branch in it, so that compilers make it look at many octets at once. */
static int needs_escapes(const char *text, size_t len)
{
  uint8_t found = 0;

  for (size_t i = 0; i < len; i++) {
    found |= (uint8_t)is_escaped((uint8_t)text[i]);
  }
  return found != 0;
}

static void put_escaped(occ_buf *out, const char *text, size_t len)
{
  size_t start = 0;

  for (size_t i = 0; i < len; i++) {
    if (is_escaped((uint8_t)text[i])) {
      if (i != start) {
        (void)occ__buf_put(out, text + start, i - start);
      }
      put_escape(out, (uint8_t)text[i]);
      start = i + 1;
    }
  }
  (void)occ__buf_put(out, text + start, len - start);
}

static void put_string(occ_buf *out, const char *text, size_t len)
{
  (void)occ__buf_byte(out, '"');
  if (needs_escapes(text, len)) {
    put_escaped(out, text, len);
  } else {
    (void)occ__buf_put(out, text, len);
  }
  (void)occ__buf_byte(out, '"');
}

static int put_members(occ_buf *out, const member *list, size_t count, size_t depth)
{
  int rc = OCC_OK;

  (void)occ__buf_byte(out, '{');
  for (size_t i = 0; rc == OCC_OK && i < count; i++) {
    if (i > 0) {
      (void)occ__buf_byte(out, ',');
    }
    put_string(out, list[i].name, list[i].len);
    (void)occ__buf_byte(out, ':');
    rc = put_value(out, list[i].value, depth);
  }
  (void)occ__buf_byte(out, '}');
  return rc;
}

static int is_hidden(const json_t *const *layer, size_t layers, const char *name, size_t len)
{
  for (size_t i = 0; i < layers; i++) {
    if (json_object_getn(layer[i], name, len) != NULL) {
      return 1;
    }
  }
  return 0;
}

/* Those that no later layer has too. list: room for all. */
static size_t collect(member *list, const json_t *const *layer, size_t layers)
{
  const char *name;
  json_t *value;
  size_t len, count = 0;

  for (size_t i = 0; i < layers; i++) {
    /* The iterator only reads, but takes an object that may be changed. */
    json_object_keylen_foreach((json_t *)(uintptr_t)layer[i], name, len, value)
    {
      if (!is_hidden(layer + i + 1, layers - i - 1, name, len)) {
        list[count++] = (member){ name, len, value };
      }
    }
  }
  return count;
}

static int put_layers(occ_buf *out, const json_t *const *layer, size_t layers, size_t depth)
{
  member few[2 * FEW];
  member *list = few;
  size_t size = 0, count;
  int rc;

  for (size_t i = 0; i < layers; i++) {
    size += json_object_size(layer[i]);
  }
  if (size > FEW) {
    list = occ__mem_alloc(out->mem, 2 * size * sizeof(*list));
    if (list == NULL) {
      return OCC_ERR_MEMORY;
    }
  }
  count = collect(list, layer, layers);
  sort(list, list + count, count);
  rc = put_members(out, list, count, depth);
  if (list != few) {
    occ__mem_free(out->mem, list, 2 * size * sizeof(*list));
  }
  return rc;
}

static int put_array(occ_buf *out, const json_t *array, size_t depth)
{
  int rc = OCC_OK;

  (void)occ__buf_byte(out, '[');
  for (size_t i = 0; rc == OCC_OK && i < json_array_size(array); i++) {
    if (i > 0) {
      (void)occ__buf_byte(out, ',');
    }
    rc = put_value(out, json_array_get(array, i), depth);
  }
  (void)occ__buf_byte(out, ']');
  return rc;
}

int occ__jcs_is_exact(int64_t number)
{
  return number >= -MAX_EXACT && number <= MAX_EXACT;
}

static int put_integer(occ_buf *out, int64_t number)
{
  if (!occ__jcs_is_exact(number)) {
    return OCC_ERR_SYNTAX;
  }
  (void)occ__buf_number(out, number);
  return OCC_OK;
}

/* depth: containers that may still be opened. */
static int put_value(occ_buf *out, const json_t *value, size_t depth)
{
  if (out->rc != OCC_OK) {
    return out->rc;
  }
  if (value == NULL) {
    return OCC_ERR_SYNTAX;
  }
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    return depth == 0 ? OCC_ERR_LIMIT : put_layers(out, &value, 1, depth - 1);
  case JSON_ARRAY:
    return depth == 0 ? OCC_ERR_LIMIT : put_array(out, value, depth - 1);
  case JSON_STRING:
    put_string(out, json_string_value(value), json_string_length(value));
    return OCC_OK;
  case JSON_INTEGER:
    return put_integer(out, json_integer_value(value));
  case JSON_TRUE:
    return occ__buf_text(out, "true");
  case JSON_FALSE:
    return occ__buf_text(out, "false");
  case JSON_NULL:
    return occ__buf_text(out, "null");
  case JSON_REAL:
  default:
    return OCC_ERR_SYNTAX; /* two programs may write it in two ways */
  }
}

int occ__jcs_write(occ_buf *out, const json_t *value)
{
  int rc = put_value(out, value, OCC__MAX_JSON_DEPTH);

  return rc == OCC_OK ? out->rc : rc;
}

int occ__jcs_write_layers(occ_buf *out, const json_t *const *layer, size_t layers)
{
  int rc = put_layers(out, layer, layers, OCC__MAX_JSON_DEPTH - 1);

  return rc == OCC_OK ? out->rc : rc;
}

static int check_value(json_t *value, size_t depth);

static int check_children(json_t *value, size_t depth)
{
  const char *name;
  json_t *child;
  size_t i;
  int rc = OCC_OK;

  json_object_foreach(value, name, child)
  {
    rc = rc == OCC_OK ? check_value(child, depth) : rc;
  }
  json_array_foreach(value, i, child)
  {
    rc = rc == OCC_OK ? check_value(child, depth) : rc;
  }
  return rc;
}

static int check_value(json_t *value, size_t depth)
{
  if (value == NULL || json_is_real(value) ||
      (json_is_integer(value) && !occ__jcs_is_exact(json_integer_value(value)))) {
    return OCC_ERR_SYNTAX;
  }
  if (!json_is_object(value) && !json_is_array(value)) {
    return OCC_OK;
  }
  return depth == 0 ? OCC_ERR_LIMIT : check_children(value, depth - 1);
}

int occ__jcs_check(const json_t *value)
{
  return check_value((json_t *)(uintptr_t)value, OCC__MAX_JSON_DEPTH); /* iterators only read */
}

int occ__jcs_digest(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, const occ_mem *mem,
                    const json_t *value)
{
  occ_buf text;
  int rc;

  memset(out, 0, OCC__SHA256_LEN);
  occ__buf_init(&text, mem, OCC__MAX_CONFIG_JSON);
  rc = occ__jcs_write(&text, value);
  if (rc == OCC_OK) {
    rc = occ__sha256(ws, out, occ__span(text.base, text.len));
  }
  occ__buf_clear(&text);
  return rc;
}
