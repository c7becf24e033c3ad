/* SPDX-License-Identifier: MIT */

/* JSON in and out. Byte 0 picks which allocation of the writer fails (255: none) and, by its lowest
 * bit, how narrow the limits are; the rest is the text. jansson's own reader must agree with ours about
 * every text within the limits, and about what is in it. What was read keeps to the limits by
 * another count, and is written and read again. The text is also written as a string, whatever its
 * octets. */

#include <stdlib.h>

#include "fail_mem.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int truth)
{
  if (!truth) {
    abort();
  }
}

static size_t count(json_t *value, size_t depth, size_t *deepest)
{
  size_t sum = 1, i;
  const char *name;
  json_t *child;

  if (json_is_array(value) || json_is_object(value)) {
    depth++;
  }
  if (depth > *deepest) {
    *deepest = depth;
  }
  json_array_foreach(value, i, child)
  {
    sum += count(child, depth, deepest);
  }
  json_object_foreach(value, name, child)
  {
    sum += count(child, depth, deepest);
  }
  return sum;
}

static void check_value(json_t *value, const occ_json_limits *limits)
{
  const occ_json_limits wide = { SIZE_MAX, limits->depth, limits->values };
  size_t depth = 0, values = count(value, 0, &depth);
  json_t *again = NULL;
  occ_buf out;

  check(values <= limits->values && depth <= limits->depth);
  occ__buf_init(&out, &occ__mem_libc, SIZE_MAX);
  occ__json_value(&out, value);
  check(out.rc == OCC_OK);
  check(occ__json_read(&again, occ__span(out.base, out.len), &wide) == OCC_OK);
  check(json_equal(value, again));
  json_decref(again);
  occ__buf_clear(&out);
}

/* Two differences: we refuse what is over a limit, where jansson has none; and a zero octet anywhere, which behind a value
 * is the end of the text to jansson. */
static void check_against_jansson(json_t *value, int rc, occ_span text)
{
  const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
  json_t *theirs =
      text.len == 0 ? NULL : json_loadb((const char *)text.base, text.len, flags, NULL);

  if (memchr(text.base, 0, text.len) != NULL) {
    check(value == NULL);
    json_decref(theirs);
    return;
  }
  check(rc == OCC_ERR_LIMIT || (value != NULL) == (theirs != NULL));
  check(value == NULL || json_equal(value, theirs));
  json_decref(theirs);
}

static void write_string(occ_span text, size_t until)
{
  static const occ_json_limits wide = { SIZE_MAX, 1, 3 };
  fail_mem fm;
  occ_buf out;
  json_t *back = NULL;

  fail_mem_init(&fm, until, true);
  occ__buf_init(&out, &fm.mem, SIZE_MAX);
  occ__json_open(&out, '[');
  occ__json_string(&out, text);
  occ__json_b64(&out, text);
  occ__json_close(&out, ']');
  check((out.rc == OCC_ERR_MEMORY) == fm.failed);
  if (out.rc == OCC_OK) {
    /* U+0000 is written as an escape, which the library's own reader refuses. */
    check(occ__json_scan(occ__span(out.base, out.len), &wide) == OCC_OK ||
          memchr(text.base, 0, text.len) != NULL);
    back = json_loadb(occ__buf_string(&out), out.len, JSON_ALLOW_NUL, NULL);
    check(json_array_size(back) == 2);
    json_decref(back);
  }
  occ__buf_clear(&out);
  check(fm.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const occ_json_limits narrow = { 4096, 4, 24 };
  const occ_json_limits *limits;
  json_t *value = NULL, *object = NULL;
  occ_span text;
  int rc, object_rc;

  if (size < 1) {
    return 0;
  }
  limits = data[0] & 1 ? &occ__json_peer : &narrow;
  text = occ__span(data + 1, size - 1);

  rc = occ__json_read(&value, text, limits);
  check((rc == OCC_OK) == (value != NULL));
  check(rc == OCC_OK || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT);
  check(rc != OCC_OK || occ__json_scan(text, limits) == OCC_OK);
  check_against_jansson(value, rc, text);
  object_rc = occ__json_read_object(&object, text, limits);
  check((object_rc == OCC_OK) == json_is_object(value));
  check((occ__json_check_object(text, limits) == OCC_OK) == (object_rc == OCC_OK));
  if (value != NULL) {
    check_value(value, limits);
  }
  json_decref(value);
  json_decref(object);

  write_string(text, data[0] == 255 ? SIZE_MAX : data[0] >> 1);
  return 0;
}
