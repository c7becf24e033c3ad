/* SPDX-License-Identifier: MIT */

/* Writes JSON onto a bounded buffer. Called by wire, jose, core and agent for everything that is
 * sent or shown. Whatever octets come in, valid JSON in valid UTF-8 goes out. It keeps no state:
 * whether a comma is due can be seen from the last octet, for no finished value ends with an
 * opening bracket or a colon. spec: RFC 8259, RFC 3629. */

#include "wire/json_out.h"

#include "base/b64.h"

static void put_comma(occ_buf *out)
{
  uint8_t last = out->len == 0 ? '[' : out->base[out->len - 1];

  if (last != '[' && last != '{' && last != ':') {
    occ__buf_byte(out, ',');
  }
}

size_t occ__json_utf8_len(occ_span text)
{
  uint8_t first = text.base[0], low = 0x80, high = 0xbf;
  size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

  if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || len > text.len) {
    return 0;
  }
  /* Overlong forms, surrogates and what lies beyond U+10FFFF show in the second octet. */
  low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
  high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
  for (size_t i = 1; i < len; i++) {
    if (text.base[i] < low || text.base[i] > high) {
      return 0;
    }
    low = 0x80;
    high = 0xbf;
  }
  return len;
}

int occ__json_is_utf8(occ_span text)
{
  size_t run = 1;

  for (size_t i = 0; run != 0 && i < text.len; i += run) {
    run = occ__json_utf8_len(occ__span(text.base + i, text.len - i));
  }
  return run != 0;
}

static void put_escaped(occ_buf *out, uint8_t c)
{
  static const char digit[] = "0123456789abcdef";
  static const char named[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
  char escape[6] = { '\\', 'u', '0', '0', 0, 0 };
  const char *at = c == 0 ? NULL : strchr(named, c);

  if (at != NULL) {
    escape[1] = letter[at - named];
    occ__buf_put(out, escape, 2);
  } else {
    escape[4] = digit[c >> 4];
    escape[5] = digit[c & 15];
    occ__buf_put(out, escape, 6);
  }
}

static int is_plain(uint8_t c)
{
  return (c >= 0x20) & (c < 0x80) & (c != '"') & (c != '\\');
}

/* Without a branch in it, so that compilers make it look at many octets at once. */
static int are_plain(occ_span text)
{
  uint8_t others = 0;

  for (size_t i = 0; i < text.len; i++) {
    others |= (uint8_t)!is_plain(text.base[i]);
  }
  return !others;
}

static void put_in_quotes(occ_buf *out, occ_span text)
{
  uint8_t *room = occ__buf_grow(out, text.len + 2);

  if (room != NULL) {
    room[0] = '"';
    memcpy(room + 1, text.base, text.len);
    room[text.len + 1] = '"';
  }
}

static void put_quoted(occ_buf *out, occ_span text)
{
  size_t run;

  if (text.len > 0 && are_plain(text)) {
    put_in_quotes(out, text);
    return;
  }
  occ__buf_byte(out, '"');
  for (size_t i = 0; i < text.len; i += run) {
    for (run = 0; i + run < text.len && is_plain(text.base[i + run]); run++) {
    }
    if (run == 0 && text.base[i] >= 0x80) {
      run = occ__json_utf8_len(occ__span(text.base + i, text.len - i));
      if (run == 0) {
        occ__buf_text(out, "\xef\xbf\xbd"); /* U+FFFD */
        run = 1;
        continue;
      }
    }
    if (run != 0) {
      occ__buf_put(out, text.base + i, run);
    } else {
      put_escaped(out, text.base[i]);
      run = 1;
    }
  }
  occ__buf_byte(out, '"');
}

void occ__json_open(occ_buf *out, char bracket)
{
  put_comma(out);
  occ__buf_byte(out, (uint8_t)bracket);
}

void occ__json_close(occ_buf *out, char bracket)
{
  occ__buf_byte(out, (uint8_t)bracket);
}

void occ__json_name(occ_buf *out, const char *name)
{
  put_comma(out);
  put_quoted(out, occ__span_text(name));
  occ__buf_byte(out, ':');
}

void occ__json_string(occ_buf *out, occ_span text)
{
  put_comma(out);
  put_quoted(out, text);
}

void occ__json_number(occ_buf *out, int64_t number)
{
  put_comma(out);
  occ__buf_number(out, number);
}

void occ__json_bool(occ_buf *out, int truth)
{
  put_comma(out);
  occ__buf_text(out, truth ? "true" : "false");
}

void occ__json_null(occ_buf *out)
{
  put_comma(out);
  occ__buf_text(out, "null");
}

void occ__json_raw(occ_buf *out, occ_span json)
{
  put_comma(out);
  occ__buf_put(out, json.base, json.len);
}

static int dump_piece(const char *piece, size_t len, void *out)
{
  return occ__buf_put(out, piece, len) == OCC_OK ? 0 : -1;
}

void occ__json_value(occ_buf *out, const json_t *value)
{
  put_comma(out);
  /* No value is an allocation of jansson's that failed, and so is a dump that fails by itself. */
  if (json_dump_callback(value, dump_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0 &&
      out->rc == OCC_OK) {
    out->rc = OCC_ERR_MEMORY;
  }
}

void occ__json_b64(occ_buf *out, occ_span octets)
{
  uint8_t *room;

  put_comma(out);
  occ__buf_byte(out, '"');
  room = occ__buf_grow(out, OCC__B64_LEN(octets.len));
  if (room != NULL) {
    occ__b64_encode((char *)room, octets.base, octets.len);
  }
  occ__buf_byte(out, '"');
}

void occ__json_put_text(occ_buf *out, const char *name, const char *text)
{
  if (text != NULL) {
    occ__json_name(out, name);
    occ__json_string(out, occ__span_text(text));
  }
}

void occ__json_put_number(occ_buf *out, const char *name, int64_t number)
{
  occ__json_name(out, name);
  occ__json_number(out, number);
}
