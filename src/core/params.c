/* SPDX-License-Identifier: MIT
 *
 * The table of request parameters. Sorted, because it is searched by halving; a test sees to that. */

#include "core/params.h"

#include <stddef.h>
#include <string.h>

enum {
  B = OCC__PARAM_BOUND,
  G = OCC__PARAM_GRANT,
  C = OCC__PARAM_CREDENTIAL,
  S = OCC__PARAM_SECRET
};

static const struct {
  const char *name;
  unsigned flags;
} table[] = {
  { "acr_values", B },
  { "actor_token", B | G | S },
  { "actor_token_type", B },
  { "assertion", B | G | S },
  { "audience", B },
  { "auth_req_id", B | S },
  { "authorization_details", B },
  { "claim_token", S }, /* evidence, but for the grant of UMA: below */
  { "claims", B },
  { "client_assertion", C | S },
  { "client_assertion_type", C },
  { "client_id", B },
  { "client_secret", C | S },
  { "code", B | G | S },
  { "code_challenge", B },
  { "code_challenge_method", B },
  { "code_verifier", B | S },
  { "device_code", B | S },
  { "dpop_jkt", B },
  { "grant_type", B },
  { "id_token_hint", B | S },
  { "login_hint", B },
  { "login_hint_token", B | S },
  { "max_age", B },
  { "nonce", B },
  { "password", B | S },
  { "pct", B | S },
  { "prompt", B },
  { "redirect_uri", B },
  { "refresh_token", B | G | S },
  { "request", B },
  { "request_uri", B },
  { "requested_token_type", B },
  { "resource", B },
  { "response_mode", B },
  { "response_type", B },
  { "rpt", B | S },
  { "scope", B },
  { "state", B },
  { "subject_token", B | G | S },
  { "subject_token_type", B },
  { "ticket", B | S },
  { "user_code", B | S },
  { "username", B },
  { "vp_token", S },
};

#define ROWS (sizeof(table) / sizeof(table[0]))

unsigned occ__params_flags(const char *name)
{
  size_t low = 0, high = ROWS;

  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const char *row = table[middle].name;
    const int first = (unsigned char)name[0] - (unsigned char)row[0];
    const int order = first != 0 ? first : strcmp(name, row); /* mostly the first letter tells */

    if (order == 0) {
      return table[middle].flags;
    }
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return 0;
}

int occ__params_owned(const char *grant_type, const char *name)
{
  if ((occ__params_flags(name) & (B | C)) != 0) {
    return 1;
  }
  /* UMA 2.0 has the name first, and as a part of its grant. */
  return strcmp(grant_type, "urn:ietf:params:oauth:grant-type:uma-ticket") == 0 &&
         (strcmp(name, "claim_token") == 0 || strcmp(name, "claim_token_format") == 0);
}

const char *occ__params_bound_by(const char *pattern)
{
  const size_t len = strlen(pattern);
  const int is_prefix = len > 0 && pattern[len - 1] == '*';

  for (size_t i = 0; i < ROWS; i++) {
    if ((table[i].flags & B) != 0 && (is_prefix ? strncmp(pattern, table[i].name, len - 1) == 0
                                                : strcmp(pattern, table[i].name) == 0)) {
      return table[i].name;
    }
  }
  return NULL;
}
