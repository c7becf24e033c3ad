/* SPDX-License-Identifier: MIT */

/* Normal forms of http and https URLs, for the htu comparison of DPoP proofs and for the URLs of a configuration. Strict
 * on purpose: what a lenient parser would mend (backslashes, spaces, user names, missing slashes) is refused. Never looks
 * at a Host header, resolves no name, knows no punycode. */

/* spec: RFC 9449 section 4.3; RFC 3986 sections 5.2.4, 6.2.2, 6.2.3 */

#include "core/url.h"

#include <string.h>

#include "occ/base.h"

static int is_digit(uint8_t octet)
{
  return octet >= '0' && octet <= '9';
}

static int is_letter(uint8_t octet)
{
  return (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z');
}

static int is_among(uint8_t octet, const char *set)
{
  return octet != '\0' && strchr(set, octet) != NULL;
}

static int is_unreserved(uint8_t octet)
{
  return is_letter(octet) || is_digit(octet) || is_among(octet, "-._~");
}

static int is_sub_delim(uint8_t octet)
{
  return is_among(octet, "!$&'()*+,;=");
}

static int is_uri_octet(uint8_t octet)
{
  return is_unreserved(octet) || is_sub_delim(octet) || is_among(octet, ":/?#[]@%");
}

static char lower(uint8_t octet)
{
  return (char)(octet >= 'A' && octet <= 'Z' ? octet + ('a' - 'A') : octet);
}

static int hex_value(uint8_t octet)
{
  if (is_digit(octet)) {
    return octet - '0';
  }
  octet = (uint8_t)lower(octet);
  return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

/* The part of *rest before the first octet of `set`; *rest begins with that octet afterwards. */
static occ_span take_until(occ_span *rest, const char *set)
{
  occ_span part = { rest->base, 0 };

  while (part.len < rest->len && !is_among(part.base[part.len], set)) {
    part.len++;
  }
  *rest = occ__span(rest->base + part.len, rest->len - part.len);
  return part;
}

static int begins(occ_span text, const char *prefix)
{
  size_t len = strlen(prefix);

  if (text.len < len) {
    return 0;
  }
  for (size_t i = 0; i < len; i++) {
    if (lower(text.base[i]) != prefix[i]) {
      return 0;
    }
  }
  return 1;
}

/* Where the normal form goes. It is never longer than its source, but for the slash of an empty path. */
typedef struct target {
  char *out;
  size_t len;
} target;

static void put(target *to, const char *text)
{
  size_t len = strlen(text);

  memcpy(to->out + to->len, text, len);
  to->len += len;
}

/* Copies text whose octets are unreserved, sub-delims, escapes or in `more`; escapes of unreserved octets are decoded, the
 * others get upper-case digits. */
static int put_part(target *to, occ_span text, const char *more, int fold)
{
  static const char upper_hex[] = "0123456789ABCDEF";

  for (size_t i = 0; i < text.len; i++) {
    uint8_t octet = text.base[i];

    if (octet == '%') {
      int high = i + 2 < text.len ? hex_value(text.base[i + 1]) : -1;
      int low = i + 2 < text.len ? hex_value(text.base[i + 2]) : -1;

      if (high < 0 || low < 0) {
        return OCC_ERR_SYNTAX;
      }
      octet = (uint8_t)(high * 16 + low);
      i += 2;
      if (!is_unreserved(octet)) {
        to->out[to->len++] = '%';
        to->out[to->len++] = upper_hex[high];
        to->out[to->len++] = upper_hex[low];
        continue;
      }
    } else if (!is_unreserved(octet) && !is_sub_delim(octet) && !is_among(octet, more)) {
      return OCC_ERR_SYNTAX;
    }
    to->out[to->len++] = fold ? lower(octet) : (char)octet;
  }
  return OCC_OK;
}

/* "[" hexadecimal digits, colons, dots "]": enough to compare, for nothing is resolved here. */
static int put_address(target *to, occ_span *authority)
{
  size_t end = 1;

  while (end < authority->len &&
         (hex_value(authority->base[end]) >= 0 || is_among(authority->base[end], ":."))) {
    end++;
  }
  if (end < 4 || end == authority->len || authority->base[end] != ']') {
    return OCC_ERR_SYNTAX;
  }
  for (size_t i = 0; i <= end; i++) {
    to->out[to->len++] = lower(authority->base[i]);
  }
  *authority = occ__span(authority->base + end + 1, authority->len - end - 1);
  return OCC_OK;
}

/* What follows the host: nothing, or a colon and a port number. The default port and an empty one go. */
static int put_port(target *to, occ_span port, const char *usual)
{
  unsigned number = 0;

  if (port.len == 0) {
    return OCC_OK;
  }
  if (port.base[0] != ':' || port.len > 6 || (port.len > 2 && port.base[1] == '0')) {
    return OCC_ERR_SYNTAX;
  }
  for (size_t i = 1; i < port.len; i++) {
    if (!is_digit(port.base[i])) {
      return OCC_ERR_SYNTAX;
    }
    number = number * 10u + (unsigned)(port.base[i] - '0');
  }
  if (number > 65535u) {
    return OCC_ERR_SYNTAX;
  }
  if (port.len == 1 || occ__span_is(port, usual)) {
    return OCC_OK;
  }
  memcpy(to->out + to->len, port.base, port.len);
  to->len += port.len;
  return OCC_OK;
}

static int put_authority(target *to, occ_span authority, const char *usual_port)
{
  occ_span host;
  int rc;

  if (authority.len > 0 && authority.base[0] == '[') {
    rc = put_address(to, &authority);
  } else {
    host = take_until(&authority, ":");
    rc = host.len == 0 ? OCC_ERR_SYNTAX : put_part(to, host, "", 1); /* "@" is not among these */
  }
  return rc != OCC_OK ? rc : put_port(to, authority, usual_port);
}

/* Takes "." and ".." segments out of the path that begins at `start`, in place. */
static void resolve_dots(target *to, size_t start)
{
  size_t read = start, end = to->len;

  to->len = start;
  while (read < end) {
    occ_span segment;
    size_t next = read + 1;
    int up;

    while (next < end && to->out[next] != '/') {
      next++;
    }
    segment = occ__span(to->out + read, next - read);
    up = occ__span_is(segment, "/..");
    while (up && to->len > start && to->out[--to->len] != '/') {
      continue; /* back to before the last segment */
    }
    if (!up && !occ__span_is(segment, "/.")) {
      memmove(to->out + to->len, segment.base, segment.len);
      to->len += segment.len;
    } else if (next == end) {
      to->out[to->len++] = '/';
    }
    read = next;
  }
}

static int put_path(target *to, occ_span path)
{
  size_t start = to->len;
  int rc;

  if (path.len == 0) {
    if (to->len == OCC__MAX_URL) {
      return OCC_ERR_SYNTAX; /* no room for the slash */
    }
    put(to, "/");
    return OCC_OK;
  }
  rc = put_part(to, path, "/:@", 0);
  if (rc == OCC_OK) {
    resolve_dots(to, start);
  }
  return rc;
}

int occ__url_normal(char *out, size_t *len, occ_span url)
{
  target to = { out, 0 };
  occ_span rest = url, authority, path;
  int https = begins(url, "https://");
  int rc;

  out[0] = '\0';
  if (url.len > OCC__MAX_URL || (!https && !begins(url, "http://"))) {
    return OCC_ERR_SYNTAX;
  }
  for (size_t i = 0; i < url.len; i++) {
    if (!is_uri_octet(url.base[i])) {
      return OCC_ERR_SYNTAX;
    }
  }
  put(&to, https ? "https://" : "http://");
  rest = occ__span(url.base + to.len, url.len - to.len);
  authority = take_until(&rest, "/?#");
  path = take_until(&rest, "?#");
  rc = put_authority(&to, authority, https ? ":443" : ":80");
  if (rc == OCC_OK) {
    rc = put_path(&to, path);
  }
  out[rc == OCC_OK ? to.len : 0] = '\0';
  if (rc == OCC_OK && len != NULL) {
    *len = to.len;
  }
  return rc;
}

/* A decimal number from 0 to 255 as usually written; -1: it is none. */
static int byte_of(occ_span digits)
{
  int number = 0;

  if (digits.len == 0 || digits.len > 3 || (digits.len > 1 && digits.base[0] == '0')) {
    return -1;
  }
  for (size_t i = 0; i < digits.len; i++) {
    if (!is_digit(digits.base[i])) {
      return -1;
    }
    number = number * 10 + (digits.base[i] - '0');
  }
  return number <= 255 ? number : -1;
}

/* 127.0.0.0/8, four numbers. */
static int is_loopback_v4(occ_span host)
{
  for (int part = 0; part < 4; part++) {
    int number = byte_of(take_until(&host, "."));

    if (number < 0 || (part == 0 && number != 127) || (part < 3 && host.len == 0)) {
      return 0;
    }
    if (part < 3) {
      host = occ__span(host.base + 1, host.len - 1);
    }
  }
  return host.len == 0;
}

/* url: normal form. */
static int is_loopback(const char *url)
{
  occ_span rest = occ__span_text(url + strlen("http://"));
  occ_span host = take_until(&rest, rest.base[0] == '[' ? "/" : ":/");

  if (host.len > 0 && host.base[0] == '[') {
    return host.len >= 5 && memcmp(host.base, "[::1]", 5) == 0 &&
           (host.len == 5 || host.base[5] == ':');
  }
  return occ__span_is(host, "localhost") || is_loopback_v4(host);
}

/* https anywhere, http on this machine only; none of the octets in `never`. */
static int is_allowed(const char *url, const char *never)
{
  char normal[OCC__MAX_URL + 1];

  if (url == NULL || strpbrk(url, never) != NULL ||
      occ__url_normal(normal, NULL, occ__span_text(url)) != OCC_OK) {
    return 0;
  }
  return strncmp(normal, "https://", 8) == 0 || is_loopback(normal);
}

int occ__url_is_issuer(const char *url)
{
  return is_allowed(url, "?#");
}

int occ__url_is_endpoint(const char *url)
{
  return is_allowed(url, "#");
}
