/* SPDX-License-Identifier: MIT
 *
 * Canonical JSON. Byte 0 picks the failing allocation (255: none), the rest is a JSON text. Its canonical form is that of
 * itself and of the same value with all members in reverse; names stand in the order of their UTF-16 code units, by a
 * conversion of our own; no octet of it could be left out. The way from text to text comes to the same, and merging gives
 * what values would, where the first of them is cut anywhere, too. */

#include <stdlib.h>

#include "fail_mem.h"
#include "jose/jcs_text.h"
#include "wire/json_in.h"

#define ROOM (1u << 20)

static occ_workspace *ws;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

/* The next code unit of a UTF-8 text; *low: what is left of a pair. 0: the end. */
static unsigned next_unit(const unsigned char **at, unsigned *low)
{
  const unsigned char *p = *at;
  unsigned code, more, unit = *low;

  if (unit != 0) {
    *low = 0;
    return unit;
  }
  code = *p;
  more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc0 ? 1 : 0;
  code &= more == 0 ? 0x7fu : 0x3fu >> more;
  for (unsigned i = 1; i <= more; i++) {
    code = code << 6 | (p[i] & 0x3fu);
  }
  *at = code == 0 ? p : p + more + 1;
  if (code < 0x10000u) {
    return code;
  }
  *low = 0xdc00u | ((code - 0x10000u) & 0x3ffu);
  return 0xd800u | ((code - 0x10000u) >> 10);
}

static int comes_before(const char *a, const char *b)
{
  const unsigned char *left = (const unsigned char *)a, *right = (const unsigned char *)b;
  unsigned left_low = 0, right_low = 0;

  for (;;) {
    const unsigned x = next_unit(&left, &left_low), y = next_unit(&right, &right_low);

    if (x != y || x == 0) {
      return x < y;
    }
  }
}

/* What jansson reads keeps the order of the text. */
static void check_order(json_t *value)
{
  const char *name, *before = NULL;
  json_t *child;
  size_t i;

  json_array_foreach(value, i, child)
  {
    check_order(child);
  }
  json_object_foreach(value, name, child)
  {
    must(before == NULL || comes_before(before, name));
    before = name;
    check_order(child);
  }
}

/* A copy whose members come the other way round. */
static json_t *reverse(json_t *value)
{
  json_t *out, *child;
  const char *name[256], *member;
  size_t i, count = 0;

  if (json_is_array(value)) {
    out = json_array();
    json_array_foreach(value, i, child)
    {
      must(json_array_append_new(out, reverse(child)) == 0);
    }
    return out;
  }
  if (!json_is_object(value) || json_object_size(value) > sizeof(name) / sizeof(name[0])) {
    return json_incref(value);
  }
  out = json_object();
  json_object_foreach(value, member, child)
  {
    name[count++] = member;
  }
  while (count-- > 0) {
    must(json_object_set_new(out, name[count], reverse(json_object_get(value, name[count]))) == 0);
  }
  return out;
}

static void check_same(json_t *value, occ_span form)
{
  occ_buf text;

  occ__buf_init(&text, &occ__mem_libc, ROOM);
  must(occ__jcs_write(&text, value) == OCC_OK);
  must(occ__span_equal(occ__span(text.base, text.len), form));
  occ__buf_clear(&text);
}

static void check_form(json_t *value, occ_span form)
{
  json_t *again = NULL, *turned = reverse(value);
  uint8_t digest[2][OCC__SHA256_LEN];

  must(occ__json_read(&again, form, &occ__json_config) == OCC_OK && json_equal(value, again));
  check_order(again);
  check_same(again, form);
  check_same(turned, form);
  must(occ__jcs_digest(digest[0], ws, &occ__mem_libc, turned) == OCC_OK);
  must(occ__sha256(ws, digest[1], form) == OCC_OK);
  must(memcmp(digest[0], digest[1], sizeof(digest[0])) == 0);
  json_decref(again);
  json_decref(turned);
}

/* Has it none? The reasons by another look. */
static int has_form(json_t *value)
{
  const char *name;
  json_t *child;
  size_t i;

  if (json_is_integer(value)) {
    return json_integer_value(value) >= -(INT64_C(1) << 53) + 1 &&
           json_integer_value(value) <= (INT64_C(1) << 53) - 1;
  }
  json_array_foreach(value, i, child)
  {
    if (!has_form(child)) {
      return 0;
    }
  }
  json_object_foreach(value, name, child)
  {
    if (!has_form(child)) {
      return 0;
    }
  }
  return !json_is_real(value);
}

/* The members of the second over those of the first. */
static void check_merge(json_t *value, occ_arena *arena, occ_span form)
{
  static const char over[] = "{\"a\":[],\"challenge_session\":\"x\",\"type\":1}";
  const occ_span layer[] = { form, occ__span_text(over) };
  json_t *second = NULL, *both = json_copy(value);
  occ_span merged, found;

  must(occ__json_read(&second, layer[1], &occ__json_config) == OCC_OK);
  must(json_object_update(both, second) == 0);
  must(occ__jcs_text_merge(&merged, arena, layer, 2) == OCC_OK);
  check_same(both, merged);
  found = occ__jcs_text_get(form, "type");
  must((found.base != NULL) == (json_object_get(value, "type") != NULL));
  json_decref(both);
  json_decref(second);
}

/* Whatever there is, nothing outside of it is looked at. */
static void walk_cut(occ_span form)
{
  const size_t len = form.len / 2;
  uint8_t *cut = malloc(len == 0 ? 1 : len);

  must(cut != NULL);
  memcpy(cut, form.base, len);
  (void)occ__jcs_text_get(occ__span(cut, len), "no such name");
  free(cut);
}

static void check_text(json_t *value, occ_span text, int want, occ_span form)
{
  occ_arena arena;
  occ_span got;

  occ__arena_init(&arena, &occ__mem_libc, ROOM);
  must(occ__jcs_text(&got, &arena, text, &occ__json_peer) == want);
  if (want == OCC_OK) {
    must(occ__span_equal(got, form));
    walk_cut(got);
  }
  if (want == OCC_OK && json_is_object(value)) {
    check_merge(value, &arena, got);
  }
  occ__arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  json_t *value = NULL;
  fail_mem fm;
  occ_buf text;
  int rc;

  if (size < 1) {
    return 0;
  }
  if (ws == NULL) { /* made once, reachable to the end */
    must(occ__workspace_new(&ws, &occ__mem_libc) == OCC_OK);
  }
  if (occ__json_read(&value, occ__span(data + 1, size - 1), &occ__json_peer) != OCC_OK) {
    return 0;
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  occ__buf_init(&text, &fm.mem, ROOM);
  rc = occ__jcs_write(&text, value);
  must((rc == OCC_ERR_MEMORY) == fm.failed || rc == OCC_ERR_SYNTAX);
  if (rc != OCC_ERR_MEMORY) {
    must(rc == (has_form(value) ? OCC_OK : OCC_ERR_SYNTAX));
  }
  if (rc == OCC_OK) {
    check_form(value, occ__span(text.base, text.len));
  }
  if (rc != OCC_ERR_MEMORY) {
    check_text(value, occ__span(data + 1, size - 1), rc, occ__span(text.base, text.len));
  }
  occ__buf_clear(&text);
  json_decref(value);
  must(fm.live == 0);
  return 0;
}
