/* SPDX-License-Identifier: MIT
 *
 * Header field lines, read in both ways: as a block that came with an answer, and line by line as a host hands them in.
 * Byte 0 picks the failing allocation (255: none), the rest is the block. What is found is compared with a plain
 * reading of our own; what is kept is written as a block and read again. */

#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "fail_mem.h"
#include "wire/header.h"

#define NAMES 3

static const char *const wanted[NAMES + 1] = { "DPoP-Nonce", "Cache-Control", "x", NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static int same_name(occ_span a, const char *b)
{
  for (size_t i = 0; i < a.len; i++) {
    const int lower = a.base[i] >= 'A' && a.base[i] <= 'Z' ? a.base[i] + 32 : a.base[i];
    const int other = b[i] >= 'A' && b[i] <= 'Z' ? b[i] + 32 : b[i];

    if (b[i] == '\0' || lower != other) {
      return 0;
    }
  }
  return b[a.len] == '\0';
}

static int is_blank(uint8_t octet)
{
  return octet == ' ' || octet == '\t';
}

static void check_trimmed(occ_span value)
{
  must(value.len == 0 || (!is_blank(value.base[0]) && !is_blank(value.base[value.len - 1])));
}

/* What comes before the colon is a name, whatever it holds. Length 0: it has none. */
static occ_span name_of(occ_span line)
{
  const uint8_t *colon = line.len == 0 ? NULL : memchr(line.base, ':', line.len);

  return occ__span(line.base, colon == NULL ? 0 : (size_t)(colon - line.base));
}

static int count_line(occ_span line, size_t counts[NAMES])
{
  const occ_span name = name_of(line);

  for (size_t i = 0; i < NAMES && name.len > 0; i++) {
    if (same_name(name, wanted[i])) {
      counts[i]++;
      return 1;
    }
  }
  return 0;
}

static int add_line(occ_headers *headers, occ_arena *arena, occ_span line, int is_wanted)
{
  const occ_span name = name_of(line);
  const size_t before = headers->count;
  int rc;

  if (name.len == 0) {
    return OCC_OK;
  }
  rc = occ__headers_add(headers, arena, wanted, name,
                        occ__span(name.base + name.len + 1, line.len - name.len - 1));
  must(rc == OCC_OK || rc == OCC_ERR_MEMORY || rc == OCC_ERR_LIMIT ||
       rc == OCC__REASON_HEADER_MALFORMED || rc == OCC__REASON_HEADER_TOO_LARGE ||
       rc == OCC__REASON_HEADERS_TOO_MANY);
  must(headers->count == before + (rc == OCC_OK && is_wanted ? 1 : 0));
  must(is_wanted || rc == OCC_OK);
  return rc;
}

static void check_kept(const occ_headers *headers)
{
  occ_buf block;

  must(headers->count <= OCC__MAX_HEADERS);
  for (size_t i = 0; i < headers->count; i++) {
    const occ_header *line = &headers->line[i];
    size_t count = 0;
    occ_span back;

    must(strlen(line->value) == line->value_len && line->value_len <= OCC__MAX_HEADER);
    check_trimmed(occ__span(line->value, line->value_len));
    occ__buf_init(&block, &occ__mem_libc, SIZE_MAX);
    (void)occ__buf_text(&block, "HTTP/1.1 200 OK\r\n");
    (void)occ__buf_text(&block, line->name);
    (void)occ__buf_text(&block, ": ");
    (void)occ__buf_put(&block, line->value, line->value_len);
    (void)occ__buf_text(&block, "\r\n\r\n");
    back = occ__header_in_block(occ__span(block.base, block.len), line->name, &count);
    must(count == 1 && occ__span_is(back, line->value));
    must(occ__headers_find(headers, line->name, 0) != NULL);
    occ__buf_clear(&block);
  }
}

/* Each line goes into a block of its own length, so that a step past its end is seen. */
static int add_all(occ_headers *headers, occ_arena *arena, occ_span block, size_t counts[NAMES])
{
  int rc = OCC_OK;

  while (block.len != 0) {
    const uint8_t *end = memchr(block.base, '\n', block.len);
    const size_t step = end == NULL ? block.len : (size_t)(end - block.base) + 1;
    size_t len = end == NULL ? step : step - 1;
    uint8_t *line;
    int is_wanted;

    if (len != 0 && block.base[len - 1] == '\r') {
      len--;
    }
    line = malloc(len == 0 ? 1 : len);
    must(line != NULL);
    memcpy(line, block.base, len);
    is_wanted = count_line(occ__span(line, len), counts);
    if (rc >= 0) { /* a peer's fault does not end it, no memory does */
      rc = add_line(headers, arena, occ__span(line, len), is_wanted);
    }
    free(line);
    block = occ__span(block.base + step, block.len - step);
  }
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  size_t counts[NAMES] = { 0 };
  occ_headers headers = { 0 };
  occ_arena arena;
  occ_span block;
  fail_mem fm;
  int rc;

  if (size < 1) {
    return 0;
  }
  block = occ__span(data + 1, size - 1);
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  occ__arena_init(&arena, &fm.mem, OCC__MAX_TXN_MEMORY);
  rc = add_all(&headers, &arena, block, counts);
  must((rc == OCC_ERR_MEMORY) == fm.failed);
  check_kept(&headers);
  for (size_t i = 0; i < NAMES; i++) {
    size_t count = 0;
    const occ_span value = occ__header_in_block(block, wanted[i], &count);

    must(count == counts[i] && (count != 0 || (value.base == NULL && value.len == 0)));
    must(count == 0 || (value.base >= block.base && value.len <= block.len &&
                        value.base + value.len <= block.base + block.len));
    check_trimmed(value);
  }
  occ__arena_clear(&arena);
  must(fm.live == 0);
  return 0;
}
