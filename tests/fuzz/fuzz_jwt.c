/* SPDX-License-Identifier: MIT
 *
 * Times and audience of a JWT. Bytes 0 to 5 are the host's time in milliseconds, the rest is the claims, a JSON object.
 * Every verdict is compared with one that is found here in another way, in long double. Nothing here allocates. */

#include <stdlib.h>

#include "base/limits.h"
#include "jose/jws.h"

#define AUDIENCE "https://as.example"
#define LAST     9007199254740992.0L /* 2^53 seconds */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

/* 1: seconds without their fraction; 0: absent; -1: no NumericDate. */
static int seconds_of(const json_t *claims, const char *name, long double *out)
{
  const json_t *value = json_object_get(claims, name);
  long double number;

  if (value == NULL) {
    return 0;
  }
  if (!json_is_number(value)) {
    return -1;
  }
  number = json_is_integer(value) ? (long double)json_integer_value(value)
                                  : (long double)json_real_value(value);
  if (number < 0 || number > LAST) {
    return -1;
  }
  *out = (long double)(int64_t)number;
  return 1;
}

static int is_good(const json_t *claims, int64_t now, int require_exp, int with_iat)
{
  const long double skew = OCC__JWT_SKEW_MS;
  long double exp = 0, nbf = 0, iat = 0;
  const int has_exp = seconds_of(claims, "exp", &exp), has_nbf = seconds_of(claims, "nbf", &nbf),
            has_iat = with_iat ? seconds_of(claims, "iat", &iat) : 0;

  return has_exp >= require_exp && has_nbf >= 0 && has_iat >= 0 &&
         (has_exp == 0 || exp * 1000 + skew > (long double)now) &&
         (has_nbf == 0 || nbf * 1000 - skew <= (long double)now) &&
         (has_iat == 0 || iat * 1000 - skew <= (long double)now);
}

static void check_time(const json_t *claims, const char *name)
{
  long double seconds = 0;
  int64_t ms = -1;
  int has = -1;
  const int there = seconds_of(claims, name, &seconds);
  const int rc = occ__jwt_time(claims, name, 1, &ms, &has);

  must(rc == (there == 1 ? OCC_OK : OCC__REASON_JWT_CLAIM));
  must(has == (there == 1) && ms == (there == 1 ? (int64_t)seconds * 1000 : 0));
  must(occ__jwt_time(claims, name, 0, &ms, &has) == (there < 0 ? OCC__REASON_JWT_CLAIM : OCC_OK));
}

static void check_audience(const json_t *claims)
{
  json_t *text = json_string(AUDIENCE), *list = json_array();
  const json_t *aud = json_object_get(claims, "aud");
  int good;

  must(text != NULL && json_array_append(list, text) == 0);
  good = aud != NULL && (json_equal(aud, text) || json_equal(aud, list));
  must(occ__jwt_check_audience(claims, AUDIENCE) == (good ? OCC_OK : OCC__REASON_JWT_AUDIENCE));
  json_decref(text);
  json_decref(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  json_t *claims = NULL;
  int64_t now = 0;

  if (size < 6) {
    return 0;
  }
  for (size_t i = 0; i < 6; i++) {
    now = now << 8 | data[i];
  }
  if (occ__json_read_object(&claims, occ__span(data + 6, size - 6), &occ__json_peer) != OCC_OK) {
    return 0;
  }
  check_time(claims, "exp");
  check_time(claims, "iat");
  for (int require_exp = 0; require_exp <= 1; require_exp++) {
    must((occ__jwt_check_lifetime(claims, now, require_exp) == OCC_OK) ==
         is_good(claims, now, require_exp, 0));
    must((occ__jwt_check_times(claims, now, require_exp) == OCC_OK) ==
         is_good(claims, now, require_exp, 1));
  }
  check_audience(claims);
  json_decref(claims);
  return 0;
}
