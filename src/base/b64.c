/* SPDX-License-Identifier: MIT */

/* base64url (and base64, to read only), strict. Called by wire, jose, core and stores. A length of
 * 4k+1, a character outside the alphabet or a set bit that carries nothing is refused: two
 * spellings of one value would be two sessions to one comparison and one session to another.
 * Nothing is written past the room given. */

#include "base/b64.h"

#include "occ/base.h"

static const char alphabet[64] = {
  'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
  'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
  'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
  'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '_',
};

/* The value of each character; the high bit is set where it has none. */
#define __ 0xff
static const uint8_t values_url[256] = {
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, 62, __, __,
  52, 53, 54, 55, 56, 57, 58, 59, 60, 61, __, __, __, __, __, __, __, 0,  1,  2,  3,  4,  5,  6,
  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, __, __, __, __, 63,
  __, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
  49, 50, 51, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
};

static const uint8_t values_std[256] = {
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, 62, __, __, __, 63,
  52, 53, 54, 55, 56, 57, 58, 59, 60, 61, __, __, __, __, __, __, __, 0,  1,  2,  3,  4,  5,  6,
  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, __, __, __, __, __,
  __, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
  49, 50, 51, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
  __, __, __, __, __, __, __, __, __, __, __, __, __, __, __, __,
};
#undef __

size_t occ__b64_encode(char *out, const void *octets, size_t len)
{
  const uint8_t *in = octets;
  char *at = out;
  uint32_t group;

  for (; len >= 3; len -= 3, in += 3, at += 4) {
    group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
    at[0] = alphabet[group >> 18];
    at[1] = alphabet[group >> 12 & 63];
    at[2] = alphabet[group >> 6 & 63];
    at[3] = alphabet[group & 63];
  }
  if (len != 0) {
    group = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
    *at++ = alphabet[group >> 18];
    *at++ = alphabet[group >> 12 & 63];
    if (len == 2) {
      *at++ = alphabet[group >> 6 & 63];
    }
  }
  *at = '\0';
  return (size_t)(at - out);
}

/* The last 2 or 3 characters: 1 or 2 octets, the bits left over zero. */
static int decode_rest(uint8_t *out, const uint8_t *in, size_t rest, const uint8_t *values)
{
  uint32_t a = values[in[0]], b = values[in[1]], c = rest == 3 ? values[in[2]] : 0;

  if ((a | b | c) > 63 || (rest == 2 ? b & 15 : c & 3) != 0) {
    return OCC_ERR_SYNTAX;
  }
  out[0] = (uint8_t)(a << 2 | b >> 4);
  if (rest == 3) {
    out[1] = (uint8_t)(b << 4 | c >> 2);
  }
  return OCC_OK;
}

static int decode(void *octets, size_t cap, size_t *len, occ_span text, const uint8_t *values)
{
  uint8_t *out = octets;
  const uint8_t *in = text.base;
  size_t rest = text.len % 4, size = text.len / 4 * 3 + (rest == 0 ? 0 : rest - 1);
  uint32_t a, b, c, d, seen = 0;

  if (rest == 1) {
    return OCC_ERR_SYNTAX;
  }
  if (size > cap) {
    return OCC_ERR_LIMIT;
  }
  for (size_t groups = text.len / 4; groups != 0; groups--, in += 4, out += 3) {
    a = values[in[0]];
    b = values[in[1]];
    c = values[in[2]];
    d = values[in[3]];
    seen |= a | b | c | d;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    out[1] = (uint8_t)(b << 4 | c >> 2);
    out[2] = (uint8_t)(c << 6 | d);
  }
  /* One look after the loop is cheaper than one in every round. */
  if (seen > 63 || (rest != 0 && decode_rest(out, in, rest, values) != OCC_OK)) {
    return OCC_ERR_SYNTAX;
  }
  *len = size;
  return OCC_OK;
}

int occ__b64_decode(void *out, size_t cap, size_t *len, occ_span text)
{
  return decode(out, cap, len, text, values_url);
}

int occ__b64_decode_exact(void *out, size_t len, occ_span text)
{
  size_t got;

  if (text.len / 4 > len || text.len != OCC__B64_LEN(len)) {
    return OCC_ERR_SYNTAX;
  }
  return decode(out, len, &got, text, values_url);
}

int occ__b64_decode_padded(void *out, size_t cap, size_t *len, occ_span text)
{
  if (text.len % 4 != 0) {
    return OCC_ERR_SYNTAX;
  }
  for (int pads = 0; pads < 2 && text.len != 0 && text.base[text.len - 1] == '='; pads++) {
    text.len--;
  }
  return decode(out, cap, len, text, values_std);
}
