/* SPDX-License-Identifier: MIT */

/* See common.h. Called by token-server and agent. */

#include "common.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ms(void)
{
  struct timespec now = { 0, 0 };

  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t steady_ms(void)
{
  struct timespec now = { 0, 0 };

  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

char *text_copy(const char *text, size_t len)
{
  char *copy = malloc(len + 1);

  if (copy != NULL) {
    memcpy(copy, text, len);
    copy[len] = '\0';
  }
  return copy;
}

char *base64url(const unsigned char *octets, size_t len)
{
  char *text = malloc(4 * ((len + 2) / 3) + 1);

  if (text == NULL) {
    return NULL;
  }
  (void)EVP_EncodeBlock((unsigned char *)text, octets, (int)len);
  for (char *c = text; *c != '\0'; c++) {
    if (*c == '+') {
      *c = '-';
    } else if (*c == '/') {
      *c = '_';
    } else if (*c == '=') {
      *c = '\0'; /* padding only ends a text */
      break;
    }
  }
  return text;
}

static int base64url_value(char c)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

  return at != NULL ? (int)(at - alphabet) : -1;
}

int base64url_read(unsigned char *octets, size_t len, const char *text)
{
  unsigned bits = 0;
  size_t have = 0, n = 0;

  for (; *text != '\0' && base64url_value(*text) >= 0; text++) {
    bits = (bits << 6 | (unsigned)base64url_value(*text)) & 0xffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      if (n == len) {
        return 0;
      }
      octets[n++] = (unsigned char)(bits >> have);
    }
  }
  return *text == '\0' && n == len;
}

char *random_text(size_t octets)
{
  unsigned char random[64];

  if (octets > sizeof(random) || RAND_bytes(random, (int)octets) != 1) {
    return NULL;
  }
  return base64url(random, octets);
}

int write_private_file(const char *path, const char *text)
{
  size_t len = strlen(text);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int good = 0;

  if (fd >= 0) {
    good = write(fd, text, len) == (ssize_t)len;
    good = close(fd) == 0 && good;
  }
  if (!good) {
    fprintf(stderr, "cannot write %s\n", path);
  }
  return good;
}

json_t *read_config(const char *path)
{
  json_error_t error;
  json_t *config = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

  if (config == NULL && error.line > 0) {
    fprintf(stderr, "%s, line %d: %s\n", path, error.line, error.text);
  } else if (config == NULL) {
    fprintf(stderr, "%s\n", error.text); /* it could not be opened; the text has its name */
  }
  return config;
}

static int hex_value(char c)
{
  static const char digits[] = "0123456789abcdef";
  const char *at = NULL;

  if (c >= 'A' && c <= 'F') {
    c = (char)(c - 'A' + 'a');
  }
  at = c != '\0' ? strchr(digits, c) : NULL;
  return at != NULL ? (int)(at - digits) : -1;
}

char *form_decode(const char *text, size_t len, size_t *decoded_len)
{
  char *decoded = malloc(len + 1);
  size_t n = 0;

  if (decoded == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < len; i++) {
    if (text[i] != '%') {
      decoded[n++] = text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (len - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) {
      free(decoded);
      return NULL;
    }
    decoded[n++] = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
    i += 2;
  }
  decoded[n] = '\0';
  if (decoded_len != NULL) {
    *decoded_len = n;
  } else if (strlen(decoded) != n) {
    free(decoded);
    return NULL;
  }
  return decoded;
}

char *form_encode(const char *text, size_t len)
{
  static const char digits[] = "0123456789ABCDEF";
  char *encoded = malloc(3 * len + 1);
  size_t n = 0;

  if (encoded == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];

    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        (c != '\0' && strchr("-._~", c) != NULL)) {
      encoded[n++] = (char)c;
    } else {
      encoded[n++] = '%';
      encoded[n++] = digits[c >> 4];
      encoded[n++] = digits[c & 15];
    }
  }
  encoded[n] = '\0';
  return encoded;
}

/* One name=value of a form, still encoded. */
typedef struct form_pair {
  const char *name, *value;
  size_t name_len, value_len;
} form_pair;

/* Takes the pair at *form, which is before end, and moves on behind it. */
static form_pair next_pair(const char **form, const char *end)
{
  const char *ampersand = memchr(*form, '&', (size_t)(end - *form));
  const char *pair_end = ampersand != NULL ? ampersand : end;
  const char *equals = memchr(*form, '=', (size_t)(pair_end - *form));
  form_pair pair = { *form, pair_end, (size_t)(pair_end - *form), 0 };

  if (equals != NULL) {
    pair.name_len = (size_t)(equals - *form);
    pair.value = equals + 1;
    pair.value_len = (size_t)(pair_end - pair.value);
  }
  *form = ampersand != NULL ? ampersand + 1 : end;
  return pair;
}

char *form_find(const char *form, size_t len, const char *name)
{
  const char *end = len > 0 ? form + len : form;

  while (form < end) {
    form_pair pair = next_pair(&form, end);
    char *found = form_decode(pair.name, pair.name_len, NULL);
    int is_it = found != NULL && strcmp(found, name) == 0;

    free(found);
    if (is_it) {
      size_t decoded_len = 0;
      char *value = form_decode(pair.value, pair.value_len, &decoded_len);

      if (value != NULL && strlen(value) != decoded_len) {
        free(value);
        value = NULL;
      }
      return value;
    }
  }
  return NULL;
}

json_t *form_read(const char *form, size_t len)
{
  json_t *pairs = json_array();
  const char *end = form + len;
  int good = pairs != NULL;

  while (good && form < end) {
    form_pair pair = next_pair(&form, end);
    char *name = form_decode(pair.name, pair.name_len, NULL);
    char *value = form_decode(pair.value, pair.value_len, NULL);

    good = name != NULL && value != NULL &&
           json_array_append_new(pairs, json_pack("[s,s]", name, value)) == 0;
    free(name);
    free(value);
  }
  if (!good) {
    json_decref(pairs);
    pairs = NULL;
  }
  return pairs;
}

/* Appends text to *out and frees text. */
static int append(char **out, size_t *len, const char *before, char *text)
{
  size_t more = text != NULL ? strlen(before) + strlen(text) : 0;
  char *grown = text != NULL ? realloc(*out, *len + more + 1) : NULL;

  if (grown != NULL) {
    (void)snprintf(grown + *len, more + 1, "%s%s", before, text);
    *out = grown;
    *len += more;
  }
  free(text);
  return grown != NULL;
}

char *form_write(const json_t *pairs)
{
  char *form = text_copy("", 0);
  const json_t *pair = NULL;
  size_t len = 0;
  size_t i = 0;
  int good = form != NULL;

  json_array_foreach(pairs, i, pair)
  {
    const char *name = json_string_value(json_array_get(pair, 0));
    const char *value = json_string_value(json_array_get(pair, 1));

    good = good && append(&form, &len, i > 0 ? "&" : "", form_encode(name, strlen(name))) &&
           append(&form, &len, "=", form_encode(value, strlen(value)));
  }
  if (!good) {
    free(form);
    form = NULL;
  }
  return form;
}
