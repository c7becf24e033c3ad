/* SPDX-License-Identifier: MIT */

/* Client identifier URLs. Called for every request that names a client by a URL, before anything is looked up or fetched,
 * and for the jwks_uri of a document. A pure function of octets: no locale, no name resolution, no memory. */

/* spec: draft-ietf-oauth-client-id-metadata-document-02 section 3; RFC 3986 sections 3 and 3.3 */

#include "cimd/client_url.h"

#define SCHEME "https://"

static int is_digit(uint8_t c)
{
  return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static int is_letter(uint8_t c)
{
  return lower(c) >= 'a' && lower(c) <= 'z';
}

static int is_among(uint8_t c, const char *set)
{
  return c != '\0' && strchr(set, c) != NULL;
}

static int hex_value(uint8_t c)
{
  if (is_digit(c)) {
    return c - '0';
  }
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static occ_span skip(occ_span text, size_t n)
{
  return occ__span(text.base + n, text.len - n);
}

/* The part before the first octet of `set`; *rest begins with that octet afterwards, or is empty. */
static occ_span take_until(occ_span *rest, const char *set)
{
  occ_span part = { rest->base, 0 };

  while (part.len < rest->len && !is_among(part.base[part.len], set)) {
    part.len++;
  }
  *rest = skip(*rest, part.len);
  return part;
}

int occ__client_url_is_ours(occ_span id)
{
  return id.len >= strlen(SCHEME) && memcmp(id.base, SCHEME, strlen(SCHEME)) == 0;
}

/* ---- Host ---- */

static int is_equal(occ_span a, const char *b)
{
  if (a.len != strlen(b)) {
    return 0;
  }
  for (size_t i = 0; i < a.len; i++) {
    if (lower(a.base[i]) != lower((uint8_t)b[i])) {
      return 0;
    }
  }
  return 1;
}

static int is_below(occ_span host, const char *domain)
{
  const size_t len = strlen(domain);

  return host.len > len + 1 && host.base[host.len - len - 1] == '.' &&
         is_equal(skip(host, host.len - len), domain);
}

int occ__client_url_host_is(occ_span host, const char *pattern)
{
  return pattern[0] == '*' && pattern[1] == '.' ? is_below(host, pattern + 2)
                                                : is_equal(host, pattern);
}

/* spec: RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476: names that lead to this machine, this network, or nowhere. */
static int is_special_name(occ_span host)
{
  static const char *const name[] = { "localhost", "local", "internal",  "test", "invalid",
                                      "example",   "onion", "home.arpa", "alt" };

  for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
    if (is_equal(host, name[i]) || is_below(host, name[i])) {
      return 1;
    }
  }
  return 0;
}

static int is_label(occ_span label)
{
  if (label.len == 0 || label.len > 63 || label.base[0] == '-' ||
      label.base[label.len - 1] == '-') {
    return 0;
  }
  for (size_t i = 0; i < label.len; i++) {
    if (!is_letter(label.base[i]) && !is_digit(label.base[i]) && label.base[i] != '-') {
      return 0;
    }
  }
  return 1;
}

/* Would a resolver read it as a part of an IPv4 address: all digits, or 0x and hexadecimal ones? */
static int is_number(occ_span label)
{
  const int hex = label.len >= 2 && label.base[0] == '0' && lower(label.base[1]) == 'x';

  for (size_t i = hex ? 2 : 0; i < label.len; i++) {
    if (hex ? hex_value(label.base[i]) < 0 : !is_digit(label.base[i])) {
      return 0;
    }
  }
  return 1;
}

/* Four numbers from 0 to 255 without leading zeros: the one spelling that all parsers agree on. */
static int is_ipv4(occ_span host)
{
  int parts = 0;

  for (;; parts++) {
    occ_span part = take_until(&host, ".");
    unsigned value = 0;

    if (part.len == 0 || part.len > 3 || (part.len > 1 && part.base[0] == '0') ||
        !is_number(part)) {
      return 0;
    }
    for (size_t i = 0; i < part.len; i++) {
      value = value * 10u + (unsigned)(part.base[i] - '0');
    }
    if (value > 255) {
      return 0;
    }
    if (host.len == 0) {
      return parts == 3;
    }
    host = skip(host, 1);
  }
}

static int is_name(occ_span host, const occ_client_url_rules *rules)
{
  occ_span rest = host, label;
  size_t labels = 0;

  if (host.len > 253) {
    return 0;
  }
  do {
    label = take_until(&rest, ".");
    if (!is_label(label)) {
      return 0; /* an empty one too: no dot at the end */
    }
    labels++;
    if (rest.len == 1) {
      return 0;
    }
    rest = rest.len > 0 ? skip(rest, 1) : rest;
  } while (rest.len > 0);
  return !is_number(label) && (labels > 1 || rules->single_label) &&
         (rules->special_names || !is_special_name(host));
}

/* The brackets and what may stand in them; a zone id may not. The resolver says whether it is an address. */
static int is_ipv6(occ_span host)
{
  size_t colons = 0;

  if (host.len < 4 || host.len > 47 || host.base[0] != '[' || host.base[host.len - 1] != ']') {
    return 0;
  }
  for (size_t i = 1; i < host.len - 1; i++) {
    if (hex_value(host.base[i]) < 0 && host.base[i] != ':' && host.base[i] != '.') {
      return 0;
    }
    colons += host.base[i] == ':';
  }
  return colons >= 2;
}

static int is_host(occ_span host, const occ_client_url_rules *rules)
{
  if (is_name(host, rules)) {
    return 1;
  }
  return rules->addresses && (is_ipv4(host) || is_ipv6(host));
}

/* ---- Port ---- */

/* spec: the port blocking of the Fetch standard, and the stores that take commands line by line. A TLS hello that is sent
 * there may be read as something else. */
static int is_bad_port(unsigned port)
{
  static const uint16_t bad[] = {
    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,    25,    37,    42,
    43,   53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,   110,   111,   113,
    115,  117,  119,  123,  135,  137,  139,  143,  161,  179,  389,  427,   465,   512,   513,
    514,  515,  526,  530,  531,  532,  540,  548,  554,  556,  563,  587,   601,   636,   989,
    990,  993,  995,  1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190, 5060,  5061,  5432,  6000,
    6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9200, 9300, 10080, 11211, 27017,
  };

  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    if (bad[i] == port) {
      return 1;
    }
  }
  return 0;
}

static int is_port_allowed(unsigned port, const occ_client_url_rules *rules)
{
  if (port == 443 || (rules->any_port && !is_bad_port(port))) {
    return 1;
  }
  for (size_t i = 0; i < rules->ports; i++) {
    if (rules->port[i] == port) {
      return 1;
    }
  }
  return 0;
}

/* text: nothing, or a colon and a number without leading zeros. */
static int read_port(uint16_t *port, occ_span text, const occ_client_url_rules *rules)
{
  unsigned value = 0;

  *port = 443;
  if (text.len == 0) {
    return 1;
  }
  if (text.base[0] != ':' || text.len < 2 || text.len > 6 || text.base[1] == '0') {
    return 0;
  }
  for (size_t i = 1; i < text.len; i++) {
    if (!is_digit(text.base[i])) {
      return 0;
    }
    value = value * 10u + (unsigned)(text.base[i] - '0');
  }
  if (value > 65535 || !is_port_allowed(value, rules)) {
    return 0;
  }
  *port = (uint16_t)value;
  return 1;
}

/* ---- Path and query ---- */

/* One octet as written or as %HH; -1: neither. *i is moved to its last octet. */
static int octet_at(occ_span text, size_t *i)
{
  int high, low;

  if (text.base[*i] != '%') {
    return text.base[*i];
  }
  high = *i + 2 < text.len ? hex_value(text.base[*i + 1]) : -1;
  low = *i + 2 < text.len ? hex_value(text.base[*i + 2]) : -1;
  *i += 2;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* spec: RFC 3986 section 3.3, pchar */
static int is_plain(uint8_t c)
{
  return is_letter(c) || is_digit(c) || is_among(c, "-._~!$&'()*+,;=:@");
}

/* Of pchars, not "." or ".." however spelled, and nothing in it that a server behind might take for the end of a text or
 * of a segment. */
static int is_segment(occ_span segment)
{
  size_t dots = 0, octets = 0;

  for (size_t i = 0; i < segment.len; i++, octets++) {
    const int escaped = segment.base[i] == '%';
    const int octet = octet_at(segment, &i);

    if (octet < 0 || (!escaped && !is_plain((uint8_t)octet)) ||
        (escaped && (octet == '\0' || octet == '/' || octet == '\\'))) {
      return 0;
    }
    dots += octet == '.';
  }
  return dots != octets || octets == 0 || octets > 2;
}

static int is_path(occ_span path)
{
  if (path.len == 0 || path.base[0] != '/') {
    return 0;
  }
  while (path.len > 0) {
    path = skip(path, 1);
    if (!is_segment(take_until(&path, "/"))) {
      return 0;
    }
  }
  return 1;
}

static int is_query(occ_span query)
{
  for (size_t i = 0; i < query.len; i++) {
    const int escaped = query.base[i] == '%';
    const int octet = octet_at(query, &i);

    if (octet < 0 || (!escaped && !is_plain((uint8_t)octet) && octet != '/' && octet != '?')) {
      return 0;
    }
  }
  return 1;
}

int occ__client_url_read(occ_client_url *out, occ_span id, const occ_client_url_rules *rules)
{
  occ_span rest, path, port;
  int good;

  *out = (occ_client_url){ { NULL, 0 }, { NULL, 0 }, 0 };
  if (id.len > rules->octets || !occ__client_url_is_ours(id)) {
    return OCC__REASON_CIMD_URL;
  }
  rest = skip(id, strlen(SCHEME));
  port = take_until(&rest, "/?#"); /* host and port; "@" is in none of them */
  out->host = port.len > 0 && port.base[0] == '[' ? take_until(&port, "]") : take_until(&port, ":");
  if (port.len > 0 && port.base[0] == ']') {
    out->host.len++;
    port = skip(port, 1);
  }
  out->target = rest;
  path = take_until(&rest, "?"); /* "#" is no octet of a path or a query */
  good = is_host(out->host, rules) && read_port(&out->port, port, rules) && is_path(path) &&
         (!rules->need_path || path.len > 1) &&
         (rest.len == 0 || (rules->query && is_query(skip(rest, 1))));
  if (!good) {
    *out = (occ_client_url){ { NULL, 0 }, { NULL, 0 }, 0 };
    return OCC__REASON_CIMD_URL;
  }
  return OCC_OK;
}
