/* SPDX-License-Identifier: MIT */

/* Header field lines. Called by core with what the host received, and by agent and core with blocks
 * of lines that came with an answer. It never joins two lines of one name, for a repeated one must
 * be seen. spec: RFC 9110 section 5. */

#include "wire/header.h"

#include "base/limits.h"

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static int is_blank(uint8_t c)
{
  return c == ' ' || c == '\t';
}

static occ_span trim(occ_span text)
{
  while (text.len != 0 && is_blank(text.base[0])) {
    text.base++;
    text.len--;
  }
  while (text.len != 0 && is_blank(text.base[text.len - 1])) {
    text.len--;
  }
  return text;
}

static int name_is(occ_span received, const char *name)
{
  if (received.len != strlen(name)) {
    return 0;
  }
  for (size_t i = 0; i < received.len; i++) {
    if (lower(received.base[i]) != lower((uint8_t)name[i])) {
      return 0;
    }
  }
  return 1;
}

int occ__header_name_equal(const char *a, const char *b)
{
  return name_is(occ__span_text(a), b);
}

/* The host's own spelling, so that whoever looks later can compare with it; NULL: nobody asked for
 * this one. */
static const char *find_wanted(const char *const *wanted, occ_span name)
{
  for (; wanted != NULL && *wanted != NULL; wanted++) {
    if (name_is(name, *wanted)) {
      return *wanted;
    }
  }
  return NULL;
}

/* Without a branch in it, so that compilers make it look at many octets at once. */
static int is_clean(occ_span value)
{
  uint8_t controls = 0;

  for (size_t i = 0; i < value.len; i++) {
    controls |= (uint8_t)((value.base[i] < 0x20) | (value.base[i] == 0x7f));
  }
  return !controls;
}

int occ__headers_add(occ_headers *headers, occ_arena *arena, const char *const *wanted,
                     occ_span name, occ_span value)
{
  occ_header header = { .name = find_wanted(wanted, name) };

  if (header.name == NULL) {
    return OCC_OK;
  }
  value = trim(value);
  if (value.len > OCC__MAX_HEADER) {
    return OCC__REASON_HEADER_TOO_LARGE;
  }
  if (!is_clean(value)) {
    return OCC__REASON_HEADER_MALFORMED;
  }
  if (headers->count == OCC__MAX_HEADERS) {
    return OCC__REASON_HEADERS_TOO_MANY;
  }
  if (headers->line == NULL) {
    headers->line = occ__arena_alloc(arena, OCC__MAX_HEADERS * sizeof(*headers->line));
  }
  header.value = headers->line == NULL ? NULL : occ__arena_text(arena, value.base, value.len);
  if (header.value == NULL) {
    return arena->rc;
  }
  header.value_len = value.len;
  headers->line[headers->count++] = header;
  return OCC_OK;
}

const occ_header *occ__headers_find(const occ_headers *headers, const char *name, size_t i)
{
  for (size_t at = 0; at < headers->count; at++) {
    if (occ__header_name_equal(headers->line[at].name, name) && i-- == 0) {
      return &headers->line[at];
    }
  }
  return NULL;
}

/* Takes the first line off the block, without its LF or CRLF. */
static occ_span next_line(occ_span *block)
{
  const uint8_t *end = memchr(block->base, '\n', block->len);
  occ_span line = { block->base, end == NULL ? block->len : (size_t)(end - block->base) };
  size_t step = line.len + (end == NULL ? 0 : 1);

  block->base += step;
  block->len -= step;
  if (line.len != 0 && line.base[line.len - 1] == '\r') {
    line.len--;
  }
  return line;
}

occ_span occ__header_in_block(occ_span lines, const char *name, size_t *count)
{
  occ_span found = { NULL, 0 }, line, value;
  const uint8_t *colon;
  size_t met = 0;

  while (lines.len != 0) {
    line = next_line(&lines);
    colon = line.len == 0 ? NULL : memchr(line.base, ':', line.len);
    /* A status line, an empty line or a folded one has no such name and is passed over. */
    if (colon == NULL || !name_is(occ__span(line.base, (size_t)(colon - line.base)), name)) {
      continue;
    }
    value = occ__span(colon + 1, line.len - (size_t)(colon - line.base) - 1);
    if (met++ == 0) {
      found = trim(value);
    }
  }
  if (count != NULL) {
    *count = met;
  }
  return found;
}
