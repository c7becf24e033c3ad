/* SPDX-License-Identifier: MIT */

/* Which members of a document are kept, and what they have to be. Called by document.c for each document. What decides about
 * security is refused when it is odd; what is only shown is left out then; what is not in the table never gets further.
 * spec: RFC 7591 section 2; draft-ietf-oauth-client-id-metadata-document-02 sections 4, 8.6 */

#include "cimd/members.h"

#include "base/limits.h"
#include "base/status.h"
#include "cimd/client_url.h"

typedef int (*kind)(json_t **kept, const json_t *value);

static int is_text(const json_t *value)
{
  return json_is_string(value) && json_string_length(value) > 0 &&
         strlen(json_string_value(value)) == json_string_length(value);
}

static int is_texts(const json_t *value)
{
  for (size_t i = 0; i < json_array_size(value); i++) {
    if (!is_text(json_array_get(value, i))) {
      return 0;
    }
  }
  return json_is_array(value);
}

/* As it is. */
static int keep(json_t **kept, const json_t *value)
{
  *kept = json_incref((json_t *)(uintptr_t)value);
  return OCC_OK;
}

static int text(json_t **kept, const json_t *value)
{
  return is_text(value) ? keep(kept, value) : OCC__REASON_CIMD_MEMBER;
}

static int texts(json_t **kept, const json_t *value)
{
  return is_texts(value) ? keep(kept, value) : OCC__REASON_CIMD_MEMBER;
}

static int truth(json_t **kept, const json_t *value)
{
  return json_is_boolean(value) ? keep(kept, value) : OCC__REASON_CIMD_MEMBER;
}

static int shown(json_t **kept, const json_t *value)
{
  return is_text(value) && json_string_length(value) <= OCC__CIMD_TEXT ? keep(kept, value) : OCC_OK;
}

static int shown_texts(json_t **kept, const json_t *value)
{
  return is_texts(value) ? keep(kept, value) : OCC_OK;
}

/* For links that a page may show: never followed here. spec: section 8.6, known schemes only */
static int link(json_t **kept, const json_t *value)
{
  return is_text(value) && json_string_length(value) <= OCC__CIMD_TEXT &&
                 occ__client_url_is_ours(occ__span_text(json_string_value(value)))
             ? keep(kept, value)
             : OCC_OK;
}

static int begins(const char *value, const char *prefix)
{
  return strncmp(value, prefix, strlen(prefix)) == 0;
}

/* What can stand in a Location line, and takes parameters at its end. spec: RFC 6749 section 3.1.2 */
static int is_plain(const char *uri)
{
  while (*uri > 0x20 && *uri < 0x7f && *uri != '#') {
    uri++;
  }
  return *uri == '\0';
}

/* https; http to this machine; a scheme of an app, which is a domain name and so has a dot. Not javascript: or data:.
 * spec: RFC 8252 section 7 */
static int is_redirect(const char *uri)
{
  static const char *const http[] = {
    "http://127.0.0.1/", "http://127.0.0.1:", "http://[::1]/",
    "http://[::1]:",     "http://localhost/", "http://localhost:"
  };
  const size_t scheme = strcspn(uri, ":/?#");

  if (!is_plain(uri)) {
    return 0;
  }
  if (begins(uri, "https://")) {
    return 1;
  }
  for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++) {
    if (begins(uri, http[i])) {
      return 1;
    }
  }
  return uri[scheme] == ':' && memchr(uri, '.', scheme) != NULL;
}

/* Those that a server may redirect to, octet for octet; the others are nobody's. Not used at a token endpoint. */
static int redirects(json_t **kept, const json_t *value)
{
  if (!is_texts(value)) {
    return OCC__REASON_CIMD_MEMBER;
  }
  *kept = json_array();
  for (size_t i = 0; *kept != NULL && i < json_array_size(value); i++) {
    json_t *one = json_array_get(value, i);

    if (is_redirect(json_string_value(one)) && json_array_append(*kept, one) != 0) {
      return OCC_ERR_MEMORY;
    }
  }
  return *kept == NULL ? OCC_ERR_MEMORY : OCC_OK;
}

/* All that is kept; what has rules of its own comes later. "#": also with a language (client_name#de). */
static const struct {
  const char *name;
  kind kind;
  int tagged;
} members[] = {
  { "client_id", text, 0 },
  { "client_name", shown, 1 },
  { "client_uri", link, 1 },
  { "logo_uri", link, 1 },
  { "tos_uri", link, 1 },
  { "policy_uri", link, 1 },
  { "contacts", shown_texts, 0 },
  { "scope", text, 0 },
  { "redirect_uris", redirects, 0 },
  { "grant_types", texts, 0 },
  { "response_types", shown_texts, 0 },
  { OCC__MEMBERS_METHOD, text, 0 },
  { OCC__MEMBERS_METHODS, texts, 0 },
  { OCC__MEMBERS_ALG, text, 0 },
  { "token_endpoint_auth_signing_alg_values_supported", texts, 0 },
  { "jwks", keep, 0 },
  { "jwks_uri", text, 0 },
  { "software_id", shown, 0 },
  { "software_version", shown, 0 },
  { "tls_client_auth_subject_dn", text, 0 },
  { "tls_client_auth_san_dns", text, 0 },
  { "tls_client_auth_san_uri", text, 0 },
  { "tls_client_auth_san_ip", text, 0 },
  { "tls_client_auth_san_email", text, 0 },
  { "tls_client_certificate_bound_access_tokens", truth, 0 },
  { "dpop_bound_access_tokens", truth, 0 },
  { "authorization_details_types", texts, 0 },
  { "authorization_requirement_types_supported", shown_texts, 0 },
};

/* The row of a member, or NULL: not kept. */
static kind find_kind(const char *name)
{
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    const size_t len = strlen(members[i].name);

    if (strncmp(name, members[i].name, len) == 0 &&
        (name[len] == '\0' || (name[len] == '#' && members[i].tagged))) {
      return members[i].kind;
    }
  }
  return NULL;
}

int occ__members_select(json_t *out, json_t *document)
{
  for (void *at = json_object_iter(document); at != NULL;
       at = json_object_iter_next(document, at)) {
    const char *name = json_object_iter_key(at);
    kind judge = find_kind(name);
    json_t *kept = NULL;
    int rc = judge == NULL ? OCC_OK : judge(&kept, json_object_iter_value(at));

    if (rc == OCC_OK && kept != NULL && json_object_set(out, name, kept) != 0) {
      rc = OCC_ERR_MEMORY;
    }
    json_decref(kept);
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return OCC_OK;
}
