/* SPDX-License-Identifier: MIT
 *
 * URLs: the htu of a proof and the URLs of a configuration. Byte 0 picks a place, the rest is the URL. A normal form is its
 * own normal form, has nothing left to normalise, and does not change with what it must not depend on: a query, the
 * case of the scheme, an escape where none is needed. Nothing here allocates. */

#include <stdlib.h>

#include "core/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

/* The text in a block of its own length has this normal form. */
static void check_same(const char *text, size_t len, const char *normal)
{
  char *exact = malloc(len == 0 ? 1 : len), *out = malloc(OCC__MAX_URL + 1);
  size_t out_len = 0;

  must(exact != NULL && out != NULL);
  memcpy(exact, text, len);
  must(occ__url_normal(out, &out_len, occ__span(exact, len)) == OCC_OK);
  must(out_len == strlen(normal) && strcmp(out, normal) == 0);
  free(exact);
  free(out);
}

static void check_normal(const char *normal, size_t len)
{
  const char *authority = strstr(normal, "://") + 3, *path = strchr(authority, '/');

  must(strlen(normal) == len && len <= OCC__MAX_URL && path != NULL && path > authority);
  must(strncmp(normal, "http://", 7) == 0 || strncmp(normal, "https://", 8) == 0);
  must(strpbrk(normal, "?# \\\"<>") == NULL &&
       memchr(authority, '@', (size_t)(path - authority)) == NULL);
  must(strstr(path, "/./") == NULL && strstr(path, "/../") == NULL);
  must(len < 2 || strcmp(normal + len - 2, "/.") != 0);
  must(len < 3 || strcmp(normal + len - 3, "/..") != 0);
  for (const char *at = normal; *at != '\0'; at++) {
    must(*at > ' ' && *at <= '~' &&
         (at >= path || *at < 'A' || *at > 'Z' || at[-1] == '%' ||
          (at > normal + 1 && at[-2] == '%')));
  }
  check_same(normal, len, normal);
}

static int is_plain(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '~';
}

static void check_alike(const char *normal, size_t len, uint8_t place)
{
  static const char hex[] = "0123456789abcdef";
  const size_t scheme = (size_t)(strstr(normal, "://") - normal) + 3;
  const size_t at = scheme + place % (len - scheme);
  char text[OCC__MAX_URL + 8];

  if (len + 4 > OCC__MAX_URL) {
    return;
  }
  memcpy(text, normal, len);
  memcpy(text + len, "?a#b", 4);
  check_same(text, len + 4, normal);
  text[0] = 'H';
  check_same(text, len, normal);
  /* Of the path: a port is digits, and an address has no escapes. Nor can there be one inside another. */
  if (is_plain(normal[at]) && strchr(normal + scheme, '/') < normal + at && normal[at - 1] != '%' &&
      normal[at - 2] != '%') {
    memcpy(text, normal, at);
    text[at] = '%';
    text[at + 1] = hex[(unsigned char)normal[at] >> 4];
    text[at + 2] = hex[(unsigned char)normal[at] & 15];
    memcpy(text + at + 3, normal + at + 1, len - at - 1);
    check_same(text, len + 2, normal);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *normal = malloc(OCC__MAX_URL + 1), *text = malloc(size + 1);
  size_t len = 0;
  int rc, is_text;

  must(normal != NULL && text != NULL);
  if (size >= 1) {
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    is_text = strlen(text) == size - 1;
    rc = occ__url_normal(normal, &len, occ__span(data + 1, size - 1));
    must(rc == OCC_OK || (rc == OCC_ERR_SYNTAX && normal[0] == '\0'));
    if (rc == OCC_OK) {
      check_normal(normal, len);
      check_alike(normal, len, data[0]);
    }
    if (is_text) {
      must(!occ__url_is_issuer(text) || (occ__url_is_endpoint(text) && strchr(text, '?') == NULL));
      must(!occ__url_is_endpoint(text) || (rc == OCC_OK && strchr(text, '#') == NULL));
      must(rc != OCC_OK || strncmp(normal, "https:", 6) != 0 || strchr(text, '#') != NULL ||
           occ__url_is_endpoint(text));
    }
  }
  free(normal);
  free(text);
  return 0;
}
