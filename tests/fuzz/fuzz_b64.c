/* SPDX-License-Identifier: MIT */

/* base64url and base64. Byte 0 is the room for the octets; the rest is the text, and then octets to
 * encode. One value has one spelling: what was decoded must encode to the very text. */

#include <stdlib.h>

#include "base/b64.h"
#include "occ/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int truth)
{
  if (!truth) {
    abort();
  }
}

static void decode(occ_span text, size_t cap)
{
  uint8_t *out = malloc(cap == 0 ? 1 : cap); /* exact: ASan watches its end */
  char *again = malloc(OCC__B64_LEN(cap) + 1);
  size_t len = 0;
  int rc = occ__b64_decode(out, cap, &len, text);

  check(out != NULL && again != NULL);
  if (rc == OCC_OK) {
    check(len <= cap && OCC__B64_LEN(len) == text.len);
    check(occ__b64_encode(again, out, len) == text.len);
    check(occ__span_is(text, again));
    check(occ__b64_decode_exact(out, len, text) == OCC_OK);
  } else {
    check(len == 0 && (rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT));
  }
  check(occ__b64_decode_exact(out, cap, text) ==
        (rc == OCC_OK && len == cap ? OCC_OK : OCC_ERR_SYNTAX));
  free(out);
  free(again);
}

/* The same value in the other alphabet, with padding, must be found good by the url reader too. */
static void decode_padded(occ_span text, size_t cap)
{
  uint8_t *out = malloc(cap == 0 ? 1 : cap), *url_out = malloc(cap == 0 ? 1 : cap);
  char *url = malloc(text.len + 1);
  size_t len = 0, url_len = 0, pads = 0;

  check(out != NULL && url_out != NULL && url != NULL);
  if (occ__b64_decode_padded(out, cap, &len, text) == OCC_OK) {
    check(text.len % 4 == 0 && len <= cap);
    for (size_t i = 0; i < text.len; i++) {
      pads += text.base[i] == '=';
      url[i] = text.base[i] == '+' ? '-' : text.base[i] == '/' ? '_' : (char)text.base[i];
    }
    check(pads <= 2);
    check(occ__b64_decode(url_out, cap, &url_len, occ__span(url, text.len - pads)) == OCC_OK);
    check(occ__span_equal(occ__span(out, len), occ__span(url_out, url_len)));
  } else {
    check(len == 0);
  }
  free(out);
  free(url_out);
  free(url);
}

static void encode(occ_span octets)
{
  char *text = malloc(OCC__B64_LEN(octets.len) + 1);
  uint8_t *back = malloc(octets.len == 0 ? 1 : octets.len);
  size_t len;

  check(text != NULL && back != NULL);
  check(occ__b64_encode(text, octets.base, octets.len) == OCC__B64_LEN(octets.len));
  check(occ__b64_decode(back, octets.len, &len, occ__span_text(text)) == OCC_OK);
  check(occ__span_equal(octets, occ__span(back, len)));
  free(text);
  free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  occ_span rest;

  if (size < 1) {
    return 0;
  }
  rest = occ__span(data + 1, size - 1);
  decode(rest, data[0]);
  decode(rest, rest.len);
  decode_padded(rest, data[0]);
  decode_padded(rest, rest.len);
  encode(rest);
  return 0;
}
