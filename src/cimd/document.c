/* SPDX-License-Identifier: MIT */

/* Reads client ID metadata documents. Called with the body of a response that was fetched from the very client id. Strict
 * where a member decides about security, lenient where it is only shown: such a one is left out when it is odd.
 * spec: draft-ietf-oauth-client-id-metadata-document-02 sections 4, 4.1, 8.2; RFC 7591 section 2 */

#include "cimd/document.h"

#include "cimd/members.h"
#include "wire/json_in.h"
#include "wire/json_out.h"
#include "wire/names.h"

#define METHOD  OCC__MEMBERS_METHOD
#define METHODS OCC__MEMBERS_METHODS
#define ALG     OCC__MEMBERS_ALG

static int begins(const char *value, const char *prefix)
{
  return strncmp(value, prefix, strlen(prefix)) == 0;
}

/* ---- How the client authenticates ---- */

static int has_text(const json_t *list, const char *value)
{
  for (size_t i = 0; i < json_array_size(list); i++) {
    if (strcmp(json_string_value(json_array_get(list, i)), value) == 0) {
      return 1;
    }
  }
  return 0;
}

/* spec: section 4.1: nothing that is built on a shared secret, in no list either. */
static int has_secret_method(const json_t *out)
{
  const json_t *list = json_object_get(out, METHODS);
  const char *single = json_string_value(json_object_get(out, METHOD));

  if (single != NULL && begins(single, "client_secret")) {
    return 1;
  }
  for (size_t i = 0; i < json_array_size(list); i++) {
    if (begins(json_string_value(json_array_get(list, i)), "client_secret")) {
      return 1;
    }
  }
  return 0;
}

/* Methods by which it can show a key, in the order in which they are chosen. Who declares one is no public client, whatever
 * stands beside it. */
static const char *const strong[] = { "private_key_jwt", "self_signed_tls_client_auth",
                                      "tls_client_auth" };

static const char *choose_method(const char *single, const json_t *list)
{
  for (size_t i = 0; single != NULL && i < sizeof(strong) / sizeof(strong[0]); i++) {
    if (strcmp(single, strong[i]) == 0) {
      return single;
    }
  }
  for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++) {
    if (has_text(list, strong[i])) {
      return strong[i];
    }
  }
  if (single != NULL) {
    return single;
  }
  return list == NULL || has_text(list, "none") ? "none"
                                                : json_string_value(json_array_get(list, 0));
}

/* What a certificate may have to be known by. spec: RFC 8705 section 2.1.2 */
static const char *const subjects[] = { "tls_client_auth_subject_dn", "tls_client_auth_san_dns",
                                        "tls_client_auth_san_uri", "tls_client_auth_san_ip",
                                        "tls_client_auth_san_email" };

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static int count_subjects(const json_t *out) /* exactly one is right */
{
  int count = 0;

  for (size_t i = 0; i < SUBJECTS; i++) {
    count += json_object_get(out, subjects[i]) != NULL;
  }
  return count;
}

/* Who authenticates by a certificate has its name where others have keys: with another name it is somebody else, too. */
static int add_subject(occ_snapshot *snapshot, const json_t *out, occ_workspace *ws,
                       const char *method)
{
  if (strcmp(method, strong[2]) != 0) {
    return OCC_OK;
  }
  occ__sha256_begin(ws);
  occ__sha256_add(ws, snapshot->keys, sizeof(snapshot->keys));
  for (size_t i = 0; i < SUBJECTS; i++) {
    const char *name = json_string_value(json_object_get(out, subjects[i]));

    if (name != NULL) {
      occ__sha256_add_text(ws, subjects[i]);
      occ__sha256_add_text(ws, name);
    }
  }
  return occ__sha256_end(ws, snapshot->keys);
}

/* The RFC 7591 default, a secret, does not count here. spec: editor's copy of September 2026, section 6 */
static int read_method(json_t *out, const char **method)
{
  const json_t *list = json_object_get(out, METHODS);
  const char *single = json_string_value(json_object_get(out, METHOD));
  const char *alg = json_string_value(json_object_get(out, ALG));
  const int has_keys =
      json_object_get(out, "jwks") != NULL || json_object_get(out, "jwks_uri") != NULL;

  if (has_secret_method(out)) {
    return OCC__REASON_CIMD_SECRET;
  }
  if ((list != NULL && json_array_size(list) == 0) ||
      (list != NULL && single != NULL && !has_text(list, single)) ||
      (alg != NULL && (strcmp(alg, "none") == 0 || begins(alg, "HS")))) {
    return OCC__REASON_CIMD_METHOD;
  }
  *method = choose_method(single, list);
  if (!has_keys && (strcmp(*method, strong[0]) == 0 || strcmp(*method, strong[1]) == 0)) {
    return OCC__REASON_CIMD_KEYS;
  }
  if (strcmp(*method, strong[2]) == 0 && count_subjects(out) != 1) {
    return OCC__REASON_CIMD_METHOD;
  }
  if (json_object_set_new(out, METHOD, json_string(*method)) != 0) {
    return OCC_ERR_MEMORY;
  }
  *method = json_string_value(json_object_get(out, METHOD));
  return OCC_OK;
}

/* What the default would be, said: core compares the grant of the request with it. A client that shows no key has no grant
 * that is its own. spec: RFC 7591 section 2, RFC 6749 section 4.4 */
static int write_grants(json_t *out, const char *method)
{
  const json_t *list = json_object_get(out, "grant_types");
  json_t *grants = json_array();
  int good = grants != NULL;

  if (good && list == NULL) {
    good = json_array_append_new(grants, json_string("authorization_code")) == 0;
  }
  for (size_t i = 0; good && i < json_array_size(list); i++) {
    json_t *one = json_array_get(list, i);

    if (strcmp(method, "none") != 0 || strcmp(json_string_value(one), "client_credentials") != 0) {
      good = json_array_append(grants, one) == 0;
    }
  }
  if (!good) {
    json_decref(grants);
    return OCC_ERR_MEMORY;
  }
  return json_object_set_new(out, "grant_types", grants) == 0 ? OCC_OK : OCC_ERR_MEMORY;
}

/* ---- Keys ---- */

static int judge_uri(const char *uri, occ_span client_id, const occ_document_rules *rules)
{
  const occ_client_url_rules all = { .octets = client_id.len,
                                     .any_port = 1,
                                     .query = 1,
                                     .addresses = 1,
                                     .single_label = 1,
                                     .special_names = 1 };
  occ_client_url keys, client;
  char host[256];

  if (occ__client_url_read(&keys, occ__span_text(uri), &rules->jwks_uri) != OCC_OK) {
    return OCC__REASON_CIMD_JWKS_URI;
  }
  if (!rules->same_host) {
    return OCC_OK;
  }
  if (occ__client_url_read(&client, client_id, &all) != OCC_OK || client.host.len >= sizeof(host)) {
    return OCC__REASON_CIMD_JWKS_URI;
  }
  memcpy(host, client.host.base, client.host.len);
  host[client.host.len] = '\0';
  return occ__client_url_host_is(keys.host, host) ? OCC_OK : OCC__REASON_CIMD_JWKS_URI;
}

static int read_keys(occ_snapshot *snapshot, const json_t *out, const occ_mem *mem,
                     occ_workspace *ws, occ_span client_id, const occ_document_rules *rules)
{
  const json_t *set = json_object_get(out, "jwks");
  const char *uri = json_string_value(json_object_get(out, "jwks_uri"));
  int rc;

  if (set != NULL && uri != NULL) { /* spec: RFC 7591 section 2 */
    return OCC__REASON_CIMD_KEYS;
  }
  if (set != NULL) {
    return occ__keyset_judge(snapshot->keys, NULL, mem, ws, set);
  }
  if (uri == NULL) {
    return OCC_OK;
  }
  rc = judge_uri(uri, client_id, rules);
  return rc == OCC_OK ? occ__sha256(ws, snapshot->keys, occ__span_text(uri)) : rc;
}

/* ---- The whole ---- */

static int check_whole(const json_t *document, occ_span client_id)
{
  const json_t *id = json_object_get(document, "client_id");

  /* spec: section 4: simple string comparison, and no document passes without it */
  if (!json_is_string(id) ||
      !occ__span_equal(occ__span(json_string_value(id), json_string_length(id)), client_id)) {
    return OCC__REASON_CIMD_MISMATCH;
  }
  if (json_object_get(document, "client_secret") != NULL ||
      json_object_get(document, "client_secret_expires_at") != NULL ||
      occ__keyset_is_secret(document)) {
    return OCC__REASON_CIMD_SECRET;
  }
  return OCC_OK;
}

/* Only the JSON boolean true is a yes. */
static int read_capability(json_t *out, const json_t *document, int *capable, int *odd)
{
  const char *name = occ__names_kahrer_00.capability;
  const json_t *flag = json_object_get(document, name);

  *capable = json_is_true(flag);
  *odd = flag != NULL && !json_is_boolean(flag);
  return !*capable || json_object_set_new(out, name, json_true()) == 0 ? OCC_OK : OCC_ERR_MEMORY;
}

/* Text and NUL behind what is there; returns where it begins, NULL for none. */
static const char *append(char **room, const char *from)
{
  const size_t size = from == NULL ? 0 : strlen(from) + 1;
  char *at = *room;

  if (from == NULL) {
    return NULL;
  }
  memcpy(at, from, size);
  *room += size;
  return at;
}

static size_t size_of(const char *text)
{
  return text == NULL ? 0 : strlen(text) + 1;
}

/* One block: the document and its texts. */
static int make(occ_document **made, const occ_mem *mem, const occ_document *from)
{
  occ_document *document =
      occ__value_new(mem, sizeof(*document) + size_of(from->metadata) + size_of(from->method) +
                              size_of(from->jwks_uri) + size_of(from->jwks));
  char *room;

  if (document == NULL) {
    return OCC_ERR_MEMORY;
  }
  room = (char *)(document + 1);
  document->metadata = append(&room, from->metadata);
  document->metadata_len = strlen(from->metadata);
  document->method = append(&room, from->method);
  document->jwks_uri = append(&room, from->jwks_uri);
  document->jwks = append(&room, from->jwks);
  document->capable = from->capable;
  document->capability_odd = from->capability_odd;
  document->value.snapshot = from->value.snapshot;
  *made = document;
  return OCC_OK;
}

static int write_document(occ_document **made, const occ_mem *mem, occ_document *from,
                          const json_t *out, const occ_document_rules *rules)
{
  const json_t *set = json_object_get(out, "jwks");
  occ_buf metadata, jwks;
  int rc;

  occ__buf_init(&metadata, mem, 8 * rules->octets);
  occ__buf_init(&jwks, mem, 8 * rules->octets);
  occ__json_value(&metadata, out);
  if (set != NULL) {
    occ__json_value(&jwks, set);
    from->jwks = occ__buf_string(&jwks);
  }
  from->metadata = occ__buf_string(&metadata);
  rc = metadata.rc == OCC_OK ? jwks.rc : metadata.rc;
  rc = rc == OCC_ERR_LIMIT ? OCC__REASON_CIMD_LARGE : rc;
  if (rc == OCC_OK) {
    rc = make(made, mem, from);
  }
  occ__buf_clear(&metadata);
  occ__buf_clear(&jwks);
  return rc;
}

/* json: read within limits. */
static int read_json(occ_document **made, const occ_mem *mem, occ_workspace *ws, json_t *json,
                     occ_span client_id, const occ_document_rules *rules)
{
  occ_document found = { .capable = 0 };
  json_t *out = json_object();
  int rc = out == NULL ? OCC_ERR_MEMORY : check_whole(json, client_id);

  if (rc == OCC_OK) {
    rc = occ__members_select(out, json);
  }
  if (rc == OCC_OK) {
    rc = read_keys(&found.value.snapshot, out, mem, ws, client_id, rules);
  }
  if (rc == OCC_OK) {
    rc = read_method(out, &found.method);
  }
  if (rc == OCC_OK) {
    rc = add_subject(&found.value.snapshot, out, ws, found.method);
  }
  if (rc == OCC_OK) {
    rc = write_grants(out, found.method);
  }
  if (rc == OCC_OK) {
    rc = read_capability(out, json, &found.capable, &found.capability_odd);
  }
  if (rc == OCC_OK) {
    found.jwks_uri = json_string_value(json_object_get(out, "jwks_uri"));
    found.value.snapshot.capable = found.capable;
    rc = occ__sha256(ws, found.value.snapshot.method, occ__span_text(found.method));
  }
  if (rc == OCC_OK) {
    rc = write_document(made, mem, &found, out, rules);
  }
  json_decref(out);
  return rc;
}

int occ__document_read(occ_document **out, const occ_mem *mem, occ_workspace *ws, occ_span body,
                       occ_span client_id, const occ_document_rules *rules)
{
  const occ_json_limits limits = { rules->octets, OCC__MAX_JSON_DEPTH, OCC__MAX_ANSWER_VALUES };
  json_t *json = NULL;
  int rc;

  *out = NULL;
  if (body.len > rules->octets) {
    return OCC__REASON_CIMD_LARGE;
  }
  rc = occ__json_read_object(&json, body, &limits);
  if (rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT) {
    rc = OCC__REASON_CIMD_JSON;
  }
  if (rc == OCC_OK) {
    rc = read_json(out, mem, ws, json, client_id, rules);
  }
  json_decref(json);
  return rc;
}
