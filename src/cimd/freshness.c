/* SPDX-License-Identifier: MIT */

/* Freshness of responses. Called for each document and key set that was taken. Reads no clock: the server's own two dates
 * are compared with each other, and the result is a length of time. Nothing in here can overflow: numbers end at 2^31. */

#include "cimd/freshness.h"

#include "wire/header.h"

#define MOST_SECONDS INT64_C(2147483647)

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static int is_name(occ_span text, const char *name)
{
  if (text.len != strlen(name)) {
    return 0;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (lower(text.base[i]) != (uint8_t)name[i]) {
      return 0;
    }
  }
  return 1;
}

/* spec: RFC 9111 section 1.2.2; -1: no number, or a larger one than a cache has to understand. */
static int64_t seconds(occ_span text)
{
  int64_t value = 0;

  if (text.len == 0 || text.len > 10) {
    return -1;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (text.base[i] < '0' || text.base[i] > '9') {
      return -1;
    }
    value = value * 10 + (text.base[i] - '0');
  }
  return value <= MOST_SECONDS ? value : -1;
}

/* ---- Dates ---- */

static int place_of(occ_span text, const char *names, int count)
{
  for (int i = 0; i < count; i++) {
    if (memcmp(text.base, names + 3 * i, 3) == 0) {
      return i;
    }
  }
  return -1;
}

/* Days since 1970 of a date of the Gregorian calendar; month from 1. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
  const int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t last_day(int64_t year, int64_t month)
{
  const int64_t next = month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1);

  return next - days_of(year, month, 1);
}

int64_t occ__freshness_date(occ_span text)
{
  static const char form[] = "___, __ ___ ____ __:__:__ GMT";
  int64_t day, month, year, hour, minute, second;

  if (text.len != sizeof(form) - 1) {
    return -1;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (form[i] != '_' && form[i] != (char)text.base[i]) {
      return -1;
    }
  }
  day = seconds(occ__span(text.base + 5, 2));
  month = place_of(occ__span(text.base + 8, 3), "JanFebMarAprMayJunJulAugSepOctNovDec", 12) + 1;
  year = seconds(occ__span(text.base + 12, 4));
  hour = seconds(occ__span(text.base + 17, 2));
  minute = seconds(occ__span(text.base + 20, 2));
  second = seconds(occ__span(text.base + 23, 2));
  if (place_of(text, "MonTueWedThuFriSatSun", 7) < 0 || month == 0 || year < 1970 || day < 1 ||
      day > last_day(year, month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return -1;
  }
  return ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

/* ---- Cache-Control ---- */

typedef struct control {
  int64_t max_age, s_maxage; /* -1: absent */
  int odd;                   /* something is wrong, or is there twice */
  int never;                 /* not to be kept, or not by us */
  int strict;                /* not to be used when it is over */
} control;

static occ_span trim(occ_span text)
{
  while (text.len > 0 && (text.base[0] == ' ' || text.base[0] == '\t')) {
    text = occ__span(text.base + 1, text.len - 1);
  }
  while (text.len > 0 && (text.base[text.len - 1] == ' ' || text.base[text.len - 1] == '\t')) {
    text.len--;
  }
  return text;
}

/* Up to the next comma that stands in no quoted text; 0: such a text does not end. */
static int take_directive(occ_span *rest, occ_span *out)
{
  size_t i = 0;
  int quoted = 0;

  for (; i < rest->len && (quoted || rest->base[i] != ','); i++) {
    if (rest->base[i] == '"') {
      quoted = !quoted;
    } else if (quoted && rest->base[i] == '\\') {
      i++;
    }
  }
  if (quoted || i > rest->len) {
    return 0;
  }
  *out = trim(occ__span(rest->base, i));
  i += i < rest->len; /* the comma */
  *rest = occ__span(rest->base + i, rest->len - i);
  return 1;
}

static void read_age(control *c, int64_t *age, occ_span value)
{
  c->odd |= *age >= 0;
  *age = seconds(value); /* not in quotes: spec: RFC 9111 section 5.2.2.1 */
  c->odd |= *age < 0;
}

static void read_directive(control *c, occ_span directive)
{
  const uint8_t *equals = directive.len == 0 ? NULL : memchr(directive.base, '=', directive.len);
  occ_span name = directive, value = { NULL, 0 };

  if (equals != NULL) {
    name.len = (size_t)(equals - directive.base);
    value = occ__span(equals + 1, directive.len - name.len - 1);
  }
  if (is_name(name, "max-age")) {
    read_age(c, &c->max_age, value);
  } else if (is_name(name, "s-maxage")) {
    read_age(c, &c->s_maxage, value);
  } else if (is_name(name, "no-store") || is_name(name, "no-cache") || is_name(name, "private")) {
    c->never = 1; /* for some fields alone: counts for all */
  } else if (is_name(name, "must-revalidate") || is_name(name, "proxy-revalidate")) {
    c->strict = 1;
  }
}

static control read_control(occ_span value)
{
  control c = { .max_age = -1, .s_maxage = -1 };
  occ_span directive;

  while (value.len > 0) {
    if (!take_directive(&value, &directive)) {
      c.odd = 1;
      return c;
    }
    read_directive(&c, directive);
  }
  return c;
}

/* ---- The whole ---- */

/* The value of a field that may be there once; *odd: it is there twice. */
static occ_span field(occ_span headers, const char *name, int *odd)
{
  size_t count = 0;
  const occ_span value = occ__header_in_block(headers, name, &count);

  *odd |= count > 1;
  return value;
}

/* Seconds that the lines give it, less those that it has spent on its way; -1: they say nothing. */
static int64_t lifetime(occ_span headers, const control *c, int *odd)
{
  const occ_span age = field(headers, "Age", odd);
  const occ_span expires = field(headers, "Expires", odd);
  const int64_t spent = age.base == NULL ? 0 : seconds(age);
  int64_t from, to, life = c->s_maxage >= 0 ? c->s_maxage : c->max_age;

  *odd |= spent < 0;
  if (life < 0 && expires.base == NULL) {
    return -1;
  }
  if (life < 0) {
    from = occ__freshness_date(field(headers, "Date", odd));
    to = occ__freshness_date(expires);
    *odd |= from < 0 || to < 0;
    life = to - from;
  }
  return life > spent ? life - spent : 0;
}

occ_freshness occ__freshness_of(occ_span headers, const occ_freshness_rules *rules)
{
  occ_freshness out = { rules->least, 0 };
  const occ_span vary = occ__header_in_block(headers, "Vary", NULL);
  int odd = 0;
  const control c = read_control(field(headers, "Cache-Control", &odd));
  const int64_t life = lifetime(headers, &c, &odd);

  odd |= c.odd || c.never || (vary.len > 0 && memchr(vary.base, '*', vary.len) != NULL);
  if (!odd) {
    out.may_be_stale = !c.strict;
    out.ms = life < 0 ? rules->usual : life > rules->most / 1000 ? rules->most : life * 1000;
  }
  if (out.ms < rules->least) {
    out.ms = rules->least;
  }
  return out;
}
