/* SPDX-License-Identifier: MIT */

/* Which addresses may be fetched from. Called by fetchers for every address that they are about to connect to. Judges
 * octets, never text; resolves nothing, opens nothing. Every row of the special-purpose registries is refused, also those
 * that the registry calls globally reachable, for the draft speaks of special use.
 * spec: draft-ietf-oauth-client-id-metadata-document-02 section 8.6; RFC 6890; RFC 6052 section 2.2 */

#include "cimd/address.h"

#include <netinet/in.h>

#include "base/status.h"

typedef struct row {
  uint8_t octet[8];
  uint8_t len;
} row;

/* IANA IPv4 Special-Purpose Address Registry, as checked in November 2026 against two implementations and the RFCs; the
 * registry's own page could not be read then. Beside it multicast, and an address of one cloud that is in no registry. */
static const row special4[] = {
  { { 0, 0, 0, 0 }, 8 },        /* RFC 791: this network */
  { { 10, 0, 0, 0 }, 8 },       /* RFC 1918 */
  { { 100, 64, 0, 0 }, 10 },    /* RFC 6598: shared; metadata of one cloud */
  { { 127, 0, 0, 0 }, 8 },      /* RFC 1122: loopback */
  { { 169, 254, 0, 0 }, 16 },   /* RFC 3927: link local; metadata of clouds */
  { { 172, 16, 0, 0 }, 12 },    /* RFC 1918 */
  { { 192, 0, 0, 0 }, 24 },     /* RFC 6890: protocol assignments, with all that is in them */
  { { 192, 0, 2, 0 }, 24 },     /* RFC 5737: documentation */
  { { 192, 31, 196, 0 }, 24 },  /* RFC 7535: AS112 */
  { { 192, 52, 193, 0 }, 24 },  /* RFC 7450: AMT */
  { { 192, 88, 99, 0 }, 24 },   /* RFC 7526: 6to4 relays */
  { { 192, 168, 0, 0 }, 16 },   /* RFC 1918 */
  { { 192, 175, 48, 0 }, 24 },  /* RFC 7534: AS112 */
  { { 198, 18, 0, 0 }, 15 },    /* RFC 2544: benchmarking */
  { { 198, 51, 100, 0 }, 24 },  /* RFC 5737: documentation */
  { { 203, 0, 113, 0 }, 24 },   /* RFC 5737: documentation */
  { { 224, 0, 0, 0 }, 4 },      /* RFC 5771: multicast */
  { { 240, 0, 0, 0 }, 4 },      /* RFC 1112: reserved; limited broadcast */
  { { 168, 63, 129, 16 }, 32 }, /* platform endpoint of one cloud */
};

/* IANA IPv6 Special-Purpose Address Registry, checked as above: what of it lies in 2000::/3. All that lies outside is
 * refused without a table: unspecified, loopback, IPv4-mapped, -compatible and -translated, NAT64 64:ff9b::/96 and
 * 64:ff9b:1::/48, 100::/64, 100:0:0:1::/64, 5f00::/16, fc00::/7, fe80::/10, fec0::/10, ff00::/8. */
static const row special6[] = {
  { { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* RFC 2928: protocol assignments, Teredo, ORCHID, .. */
  { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* RFC 3849: documentation */
  { { 0x20, 0x02 }, 16 },             /* RFC 3056: 6to4, has an IPv4 address in it */
  { { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48 }, /* RFC 7534: AS112 */
  { { 0x3f, 0xff, 0x00 }, 20 },                   /* RFC 9637: documentation */
};

static int is_within(const uint8_t *octet, const uint8_t *prefix, unsigned len)
{
  const unsigned whole = len / 8, rest = len % 8;

  return memcmp(octet, prefix, whole) == 0 &&
         (rest == 0 || ((octet[whole] ^ prefix[whole]) >> (8 - rest)) == 0);
}

static int is_in_rows(const uint8_t *octet, const row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (is_within(octet, rows[i].octet, rows[i].len)) {
      return 1;
    }
  }
  return 0;
}

static int is_special4(const uint8_t octet[4])
{
  return is_in_rows(octet, special4, sizeof(special4) / sizeof(special4[0]));
}

static int is_special6(const uint8_t octet[16])
{
  static const uint8_t global[1] = { 0x20 };

  return !is_within(octet, global, 3) ||
         is_in_rows(octet, special6, sizeof(special6) / sizeof(special6[0]));
}

static const occ_address_block *find_block(const uint8_t octet[16], const occ_address_block *block,
                                           size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (is_within(octet, block[i].octet, block[i].len)) {
      return &block[i];
    }
  }
  return NULL;
}

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* An IPv4 address as the 16 octets that blocks are compared with. */
static void map4(uint8_t out[16], const uint8_t octet[4])
{
  memcpy(out, mapped_prefix, sizeof(mapped_prefix));
  memcpy(out + 12, octet, 4);
}

/* The host's lists come first: what it denies is denied, what it allows is allowed. */
static occ_address judge(const uint8_t octet[16], int special, const occ_address_rules *rules)
{
  if (find_block(octet, rules->deny, rules->denies) != NULL) {
    return OCC__ADDRESS_DENIED;
  }
  if (find_block(octet, rules->allow, rules->allows) != NULL) {
    return OCC__ADDRESS_GOOD;
  }
  return special ? OCC__ADDRESS_SPECIAL : OCC__ADDRESS_GOOD;
}

static occ_address judge4(const uint8_t octet[4], const occ_address_rules *rules)
{
  uint8_t mapped[16];

  map4(mapped, octet);
  return judge(mapped, is_special4(octet), rules);
}

/* spec: RFC 6052 section 2.2: the IPv4 address follows the prefix, around octet 8, which is zero. */
static void extract4(uint8_t out[4], const uint8_t octet[16], unsigned len)
{
  size_t at = len / 8;

  for (size_t i = 0; i < 4; i++) {
    at += at == 8;
    out[i] = octet[at++];
  }
}

static occ_address judge6(const uint8_t octet[16], const occ_address_rules *rules)
{
  const occ_address_block *nat64 = find_block(octet, rules->nat64, rules->nat64s);
  uint8_t inner[4];
  occ_address good;

  if (memcmp(octet, mapped_prefix, sizeof(mapped_prefix)) == 0) {
    return OCC__ADDRESS_SPECIAL; /* whatever is allowed: no resolver has a reason to give one */
  }
  if (nat64 == NULL) {
    return judge(octet, is_special6(octet), rules);
  }
  good = judge(octet, 0, rules); /* the prefix itself may be denied */
  if (good != OCC__ADDRESS_GOOD) {
    return good;
  }
  if (nat64->len < 96 && octet[8] != 0) {
    return OCC__ADDRESS_SPECIAL;
  }
  extract4(inner, octet, nat64->len);
  return judge4(inner, rules);
}

occ_address occ__address_judge(const struct sockaddr *address, size_t len,
                               const occ_address_rules *rules)
{
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  uint8_t octet[4];

  if (address == NULL || len < sizeof(*address)) {
    return OCC__ADDRESS_NONE;
  }
  if (address->sa_family == AF_INET && len >= sizeof(in)) {
    memcpy(&in, address, sizeof(in));
    memcpy(octet, &in.sin_addr, sizeof(octet));
    return judge4(octet, rules);
  }
  if (address->sa_family == AF_INET6 && len >= sizeof(in6)) {
    memcpy(&in6, address, sizeof(in6));
    /* A scope names an interface of this machine: no address of the Internet has one. */
    return in6.sin6_scope_id != 0 ? OCC__ADDRESS_SPECIAL : judge6(in6.sin6_addr.s6_addr, rules);
  }
  return OCC__ADDRESS_NONE;
}

/* ---- Blocks as text ---- */

/* A decimal number up to max without leading zeros, taken off the text; -1: none. */
static int take_number(occ_span *text, int max)
{
  int value = 0;
  size_t i = 0;

  while (i < text->len && i < 3 && text->base[i] >= '0' && text->base[i] <= '9') {
    value = value * 10 + (text->base[i++] - '0');
  }
  if (i == 0 || value > max || (i > 1 && text->base[0] == '0')) {
    return -1;
  }
  *text = occ__span(text->base + i, text->len - i);
  return value;
}

static int take_char(occ_span *text, char c)
{
  if (text->len == 0 || text->base[0] != (uint8_t)c) {
    return 0;
  }
  *text = occ__span(text->base + 1, text->len - 1);
  return 1;
}

static int take4(uint8_t out[4], occ_span *text)
{
  for (int i = 0; i < 4; i++) {
    const int value = i > 0 && !take_char(text, '.') ? -1 : take_number(text, 255);

    if (value < 0) {
      return 0;
    }
    out[i] = (uint8_t)value;
  }
  return 1;
}

/* Up to four hexadecimal digits; -1: none. */
static int take_group(occ_span *text)
{
  int value = 0;
  size_t i = 0;

  for (; i < text->len && i < 4; i++) {
    const uint8_t c = text->base[i];

    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      value = value * 16 + ((c | 0x20) - 'a' + 10);
    } else {
      break;
    }
  }
  *text = occ__span(text->base + i, text->len - i);
  return i == 0 ? -1 : value;
}

/* Groups of 16 bits, once "::" for the zeros in between. No dotted part: a configuration does without. */
static int take6(uint8_t out[16], occ_span *text)
{
  size_t len = 0, gap = 16;

  memset(out, 0, 16);
  if (text->len >= 2 && text->base[0] == ':' && text->base[1] == ':') {
    *text = occ__span(text->base + 2, text->len - 2);
    gap = 0;
  }
  while (len < 16) {
    int group = take_group(text);

    if (group < 0) {
      break;
    }
    out[len++] = (uint8_t)(group >> 8);
    out[len++] = (uint8_t)(group & 0xff);
    if (len == 16 || !take_char(text, ':')) {
      break;
    }
    if (take_char(text, ':')) {
      if (gap < 16) {
        return 0;
      }
      gap = len;
    } else if (text->len == 0 || text->base[0] == '/') {
      return 0; /* a colon and nothing behind it */
    }
  }
  if (gap == 16 || len == 16) {
    return len == 16 && gap == 16;
  }
  memmove(out + gap + (16 - len), out + gap, len - gap);
  memset(out + gap, 0, 16 - len);
  return 1;
}

/* An octet behind the prefix is a typing error, and nobody knows which. */
static int is_clean(const uint8_t octet[16], unsigned len)
{
  for (unsigned bit = len; bit < 128; bit++) {
    if ((octet[bit / 8] >> (7 - bit % 8) & 1) != 0) {
      return 0;
    }
  }
  return 1;
}

int occ__address_block_read(occ_address_block *out, occ_span text)
{
  uint8_t four[4];
  occ_span rest = text;
  int is4, len;

  memset(out, 0, sizeof(*out));
  if (text.len == 0) {
    return OCC_ERR_SYNTAX;
  }
  is4 = take4(four, &rest);
  if (is4) {
    map4(out->octet, four);
  } else {
    rest = text;
    if (!take6(out->octet, &rest)) {
      return OCC_ERR_SYNTAX;
    }
  }
  len = take_char(&rest, '/') ? take_number(&rest, is4 ? 32 : 128) : -1;
  if (len < 0 || rest.len != 0) {
    return OCC_ERR_SYNTAX;
  }
  out->len = (unsigned)len + (is4 ? 96 : 0);
  return is_clean(out->octet, out->len) ? OCC_OK : OCC_ERR_SYNTAX;
}

int occ__address_block_is_nat64(const occ_address_block *block)
{
  return block->len == 32 || block->len == 40 || block->len == 48 || block->len == 56 ||
         block->len == 64 || block->len == 96;
}
