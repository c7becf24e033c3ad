/* SPDX-License-Identifier: MIT */

/* occ_challenge_read(): any token response (status, header lines, body) to a challenge, another OAuth error, or a token.
 * Called by hosts that do their own rounds, and by call.c for each response. No I/O, no clock. Whatever the server
 * sends, the result is one object or one status; a response that is no success and names no error is OCC_ERR_SYNTAX, so
 * that "error NULL" always means success. Protocol: docs, ids C-01, C-03, C-04, O-01, O-02, O-03. */

#include "agent/agent.h"
#include "wire/body.h"
#include "wire/header.h"
#include "wire/json_in.h"

static const char *const nonce_headers[OCC__AGENT_NONCES] = { OCC__HEADER_DPOP_NONCE,
                                                              OCC__HEADER_ATTESTATION_CHALLENGE };

/* O-02: the name that section 6 of the draft uses once, the first-party-apps error. */
static const char challenge_alias[] = "insufficient_authorization";

/* A token response is longer than what peers send to a server: it may hold several tokens. */
static const occ_json_limits response_limits = { OCC__MAX_BODY, OCC__MAX_JSON_DEPTH,
                                                 OCC__MAX_JSON_VALUES };

static int is_success(int http_status)
{
  return http_status >= 200 && http_status <= 299;
}

static int is_client_error(int http_status) /* O-03: any of them */
{
  return http_status >= 400 && http_status <= 499;
}

static int is_printable(const char *text, size_t len) /* %x21-7E */
{
  for (size_t i = 0; i < len; i++) {
    if (text[i] < 0x21 || text[i] > 0x7e) {
      return 0;
    }
  }
  return len > 0;
}

static int keep_text(occ_challenge *challenge, const char **out, const void *text, size_t len)
{
  *out = occ__arena_text(&challenge->arena, text, len);
  return *out == NULL ? challenge->arena.rc : OCC_OK;
}

static int keep_nonces(occ_challenge *challenge, const char *headers)
{
  const char *end;
  occ_span lines;
  int rc = OCC_OK;

  if (headers == NULL) {
    return OCC_OK;
  }
  end = memchr(headers, 0, OCC__AGENT_MAX_HEADERS + 1); /* the host's text; never read further */
  if (end == NULL) {
    return OCC_ERR_LIMIT;
  }
  lines = occ__span(headers, (size_t)(end - headers));
  for (size_t i = 0; i < OCC__AGENT_NONCES && rc == OCC_OK; i++) {
    size_t count = 0;
    occ_span value = occ__header_in_block(lines, nonce_headers[i], &count);
    /* spec: RFC 9449 section 8.1: never two, and no octet that could end a line. Else it is no nonce at all. */
    if (count == 1 && value.len <= OCC__AGENT_MAX_SESSION &&
        is_printable((const char *)value.base, value.len)) {
      rc = keep_text(challenge, &challenge->nonce[i], value.base, value.len);
    }
  }
  return rc;
}

/* Not a number, negative or beyond 68 years: *out = -1 and 0. A fraction is cut: never later than the server said. */
static int read_expiry(int64_t *out, const json_t *value)
{
  double number;

  *out = -1;
  if (json_is_integer(value)) {
    if (json_integer_value(value) < 0 || json_integer_value(value) > OCC__AGENT_MAX_EXPIRES_S) {
      return 0;
    }
    *out = json_integer_value(value);
    return 1;
  }
  if (!json_is_real(value)) {
    return 0;
  }
  number = json_real_value(value);
  if (!(number >= 0) || !(number <= (double)OCC__AGENT_MAX_EXPIRES_S)) {
    return 0;
  }
  *out = (int64_t)number;
  return 1;
}

/* O-01: at the top level, else inside the requirement; in both places only if it is the same. */
static int read_session(occ_challenge *challenge, const json_t *root, const json_t *requirement)
{
  const json_t *top = json_object_get(root, occ__names_kahrer_00.session);
  const json_t *inside = json_object_get(requirement, occ__names_kahrer_00.session);
  const json_t *session = top != NULL ? top : inside;
  const char *text = json_string_value(session);

  if (top != NULL && inside != NULL && !json_equal(top, inside)) {
    return OCC_ERR_SYNTAX;
  }
  if (text == NULL || json_string_length(session) > OCC__AGENT_MAX_SESSION ||
      !is_printable(text, json_string_length(session))) {
    return OCC_ERR_SYNTAX;
  }
  return keep_text(challenge, &challenge->session, text, json_string_length(session));
}

/* The member's own octets: a number or an escape that jansson would write otherwise stays as it was. */
static int read_requirement(occ_challenge *challenge, json_t *root)
{
  const char *name;
  json_t *value;
  size_t index = 0;
  occ_span text = { NULL, 0 };

  json_object_foreach(root, name, value)
  {
    if (strcmp(name, occ__names_kahrer_00.requirement) == 0) {
      text = occ__peer_json_slice(occ__span(challenge->body, challenge->body_len), index);
      challenge->wanted = value;
      break;
    }
    index++;
  }
  if (text.len == 0) {
    return OCC_ERR_INTERNAL;
  }
  return keep_text(challenge, &challenge->requirement, text.base, text.len);
}

static int read_challenge(occ_challenge *challenge, json_t *root)
{
  const json_t *requirement = json_object_get(root, occ__names_kahrer_00.requirement);
  const json_t *expires_in = json_object_get(root, occ__names_kahrer_00.expires_in);
  const char *type = occ__json_text(requirement, occ__names_kahrer_00.type);
  int rc;

  if (!json_is_object(requirement) || type == NULL || type[0] == '\0') {
    return OCC_ERR_SYNTAX;
  }
  /* C-04: an expiry that cannot be read is no "never": the challenge is malformed. */
  if (!read_expiry(&challenge->expires_in, expires_in) && expires_in != NULL) {
    return OCC_ERR_SYNTAX;
  }
  challenge->error = occ__names_kahrer_00.challenge_error;
  rc = read_session(challenge, root, requirement);
  if (rc == OCC_OK) {
    rc = keep_text(challenge, &challenge->type, type, strlen(type));
  }
  if (rc == OCC_OK) {
    rc = read_requirement(challenge, root);
  }
  return rc;
}

static int is_challenge(int http_status, const char *error, const json_t *root)
{
  if (!is_client_error(http_status)) {
    return 0;
  }
  if (strcmp(error, occ__names_kahrer_00.challenge_error) == 0) {
    return 1;
  }
  /* First-party apps use that name for an error without a requirement: left as it is. */
  return strcmp(error, challenge_alias) == 0 &&
         json_object_get(root, occ__names_kahrer_00.requirement) != NULL;
}

static int read_object(occ_challenge *challenge, json_t *root)
{
  const char *error = occ__json_text(root, "error");

  /* spec: RFC 6749 section 5.1, RFC 9126 section 2.2 */
  if (is_success(challenge->http_status) && (occ__json_text(root, "access_token") != NULL ||
                                             occ__json_text(root, "request_uri") != NULL)) {
    (void)read_expiry(&challenge->expires_in,
                      json_object_get(root, occ__names_kahrer_00.expires_in));
    return OCC_OK;
  }
  /* spec: RFC 6749 section 5.2 */
  if (error == NULL || strlen(error) > OCC__AGENT_MAX_ERROR || !occ__body_text_allowed(error)) {
    return OCC_ERR_SYNTAX;
  }
  if (is_challenge(challenge->http_status, error, root)) {
    return read_challenge(challenge, root);
  }
  (void)read_expiry(&challenge->expires_in, json_object_get(root, occ__names_kahrer_00.expires_in));
  return keep_text(challenge, &challenge->error, error, strlen(error));
}

static int read_response(occ_challenge *challenge, const char *headers, const void *body,
                         size_t len)
{
  int rc;

  if (len > OCC__MAX_BODY) {
    return OCC_ERR_LIMIT;
  }
  rc = keep_nonces(challenge, headers);
  if (rc == OCC_OK) {
    rc = keep_text(challenge, &challenge->body, len == 0 ? "" : body, len);
  }
  challenge->body_len = rc == OCC_OK ? len : 0;
  if (rc == OCC_OK) {
    rc = occ__json_read_object(&challenge->root, occ__span(challenge->body, len), &response_limits);
  }
  if (rc == OCC_OK) {
    rc = read_object(challenge, challenge->root);
  }
  if (challenge->wanted == NULL) {
    occ__peer_json_drop(challenge->root); /* it may hold a token, and nobody needs it any more */
    challenge->root = NULL;
  }
  return rc;
}

int occ_challenge_read(occ_challenge **out, occ_lib *lib, int http_status, const char *headers,
                       const void *body, size_t len)
{
  occ_challenge *challenge = NULL;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL || http_status < 100 || http_status > 599 || (body == NULL && len > 0)) {
    return OCC_ERR_ARGUMENT;
  }
  challenge = occ__mem_alloc(occ__lib_mem(lib), sizeof(*challenge));
  if (challenge == NULL) {
    return OCC_ERR_MEMORY;
  }
  challenge->lib = lib;
  occ__lib_hold(lib);
  occ__arena_init(&challenge->arena, occ__lib_mem(lib), OCC__AGENT_MAX_MEMORY);
  challenge->http_status = http_status;
  challenge->expires_in = -1;

  rc = read_response(challenge, headers, body, len);
  if (rc == OCC_OK) {
    *out = challenge;
    challenge = NULL;
  }
  occ_challenge_free(challenge);
  return rc;
}

void occ__challenge_give_up(occ_challenge *challenge)
{
  challenge->error = occ__error_name(&occ__names_kahrer_00, OCC__UNAUTHORIZED_CLIENT);
  challenge->type = NULL;
  challenge->session = NULL;
}

const char *occ_challenge_error(const occ_challenge *challenge)
{
  return challenge == NULL ? NULL : challenge->error;
}

const char *occ_challenge_type(const occ_challenge *challenge)
{
  return challenge == NULL ? NULL : challenge->type;
}

const char *occ_challenge_session(const occ_challenge *challenge)
{
  return challenge == NULL ? NULL : challenge->session;
}

const char *occ_challenge_requirement(const occ_challenge *challenge)
{
  return challenge == NULL ? NULL : challenge->requirement;
}

const char *occ_challenge_nonce(const occ_challenge *challenge, const char *header)
{
  if (challenge == NULL || header == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < OCC__AGENT_NONCES; i++) {
    if (occ__header_name_equal(header, nonce_headers[i])) {
      return challenge->nonce[i];
    }
  }
  return NULL;
}

int64_t occ_challenge_expires_in(const occ_challenge *challenge)
{
  return challenge == NULL ? -1 : challenge->expires_in;
}

const char *occ_challenge_body(const occ_challenge *challenge, size_t *len)
{
  if (len != NULL) {
    *len = challenge == NULL ? 0 : challenge->body_len;
  }
  return challenge == NULL ? NULL : challenge->body;
}

void occ_challenge_free(occ_challenge *challenge)
{
  occ_lib *lib;

  if (challenge == NULL) {
    return;
  }
  lib = challenge->lib;
  occ__peer_json_drop(challenge->root);
  occ__arena_clear(&challenge->arena);
  occ__mem_wipe_free(occ__lib_mem(lib), challenge, sizeof(*challenge));
  occ__lib_drop(lib);
}
