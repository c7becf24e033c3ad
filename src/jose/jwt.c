/* SPDX-License-Identifier: MIT */

/* The claims that every kind of JWT shares: times and audience. Called by core and evidence on claims whose signature may
 * not have been judged yet. No clock: time is an argument. spec: RFC 7519 sections 2 and 4.1. */

#include "base/limits.h"
#include "jose/jws.h"

/* Whole seconds beyond this are no exact doubles, and their milliseconds would come near the end of int64_t. */
#define MAX_SECONDS (INT64_C(1) << 53)

/* A NumericDate in whole seconds: OCC_OK, or JWT_CLAIM. */
static int read_seconds(const json_t *value, int64_t *seconds)
{
  if (json_is_integer(value)) {
    *seconds = json_integer_value(value);
  } else if (json_is_real(value) && json_real_value(value) >= 0 &&
             json_real_value(value) <= (double)MAX_SECONDS) {
    *seconds = (int64_t)json_real_value(value);
  } else {
    return OCC__REASON_JWT_CLAIM;
  }
  return *seconds >= 0 && *seconds <= MAX_SECONDS ? OCC_OK : OCC__REASON_JWT_CLAIM;
}

int occ__jwt_time(const json_t *claims, const char *name, int required, int64_t *ms, int *has)
{
  const json_t *value = json_object_get(claims, name);
  int64_t seconds = 0;
  int rc;

  *ms = 0;
  *has = 0;
  if (value == NULL) {
    return required ? OCC__REASON_JWT_CLAIM : OCC_OK;
  }
  rc = read_seconds(value, &seconds);
  if (rc == OCC_OK) {
    *ms = seconds * 1000;
    *has = 1;
  }
  return rc;
}

int occ__jwt_check_lifetime(const json_t *claims, int64_t now, int require_exp)
{
  int64_t exp, nbf;
  int has_exp, has_nbf, rc;

  rc = occ__jwt_time(claims, "exp", require_exp, &exp, &has_exp);
  if (rc == OCC_OK) {
    rc = occ__jwt_time(claims, "nbf", 0, &nbf, &has_nbf);
  }
  if (rc != OCC_OK) {
    return rc;
  }
  /* The skew is on the claim's side, which is bounded; now is the host's. */
  if ((has_exp && exp + OCC__JWT_SKEW_MS <= now) || (has_nbf && nbf - OCC__JWT_SKEW_MS > now)) {
    return OCC__REASON_JWT_TIME;
  }
  return OCC_OK;
}

int occ__jwt_check_times(const json_t *claims, int64_t now, int require_exp)
{
  int64_t iat;
  int has_iat;
  int rc = occ__jwt_check_lifetime(claims, now, require_exp);

  if (rc == OCC_OK) {
    rc = occ__jwt_time(claims, "iat", 0, &iat, &has_iat);
  }
  if (rc == OCC_OK && has_iat && iat - OCC__JWT_SKEW_MS > now) {
    rc = OCC__REASON_JWT_TIME;
  }
  return rc;
}

static int is_text(const json_t *value, const char *text)
{
  const size_t len = strlen(text);

  return json_is_string(value) && json_string_length(value) == len &&
         memcmp(json_string_value(value), text, len) == 0;
}

int occ__jwt_check_audience(const json_t *claims, const char *audience)
{
  const json_t *aud = json_object_get(claims, "aud");

  /* One audience only: a token for several servers could be carried from one to another. */
  if (json_is_array(aud) && json_array_size(aud) == 1) {
    aud = json_array_get(aud, 0);
  }
  return is_text(aud, audience) ? OCC_OK : OCC__REASON_JWT_AUDIENCE;
}
