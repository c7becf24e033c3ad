/* SPDX-License-Identifier: MIT */

/* Key sets of clients known by a URL. Called for the jwks of a document and for what jwks_uri led to. Judges and digests;
 * what a signature is verified with is read again by core, from the same text.
 * spec: draft-ietf-oauth-client-id-metadata-document-02 section 4.1; RFC 7517 section 5 */

#include "cimd/keyset.h"

#include "wire/json_in.h"

static int is_key_secret(const json_t *object)
{
  const char *kty = json_string_value(json_object_get(object, "kty"));

  return kty != NULL && (strcmp(kty, "oct") == 0 || occ__jwk_has_private(object));
}

/* Goes no deeper than the text may be nested. */
int occ__keyset_is_secret(const json_t *value)
{
  json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators are not const */

  if (json_is_object(value) && is_key_secret(value)) {
    return 1;
  }
  for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
    if (occ__keyset_is_secret(json_object_iter_value(at))) {
      return 1;
    }
  }
  for (size_t i = 0; i < json_array_size(value); i++) {
    if (occ__keyset_is_secret(json_array_get(value, i))) {
      return 1;
    }
  }
  return 0;
}

/* The next thumbprint after `last` in the order of octets; NULL: there is none. Sets are small. */
static const char *next_thumbprint(const occ_jwks *keys, const char *last)
{
  const char *next = NULL;

  for (size_t i = 0; i < keys->count; i++) {
    const char *one = keys->key[i].thumbprint;

    if (strcmp(one, last) > 0 && (next == NULL || strcmp(one, next) < 0)) {
      next = one;
    }
  }
  return next;
}

/* Neither order nor names nor repeats count: these keys, and no others. */
static int digest_keys(uint8_t digest[OCC__SHA256_LEN], occ_workspace *ws, const occ_jwks *keys)
{
  const char *thumbprint = "";

  occ__sha256_begin(ws);
  while ((thumbprint = next_thumbprint(keys, thumbprint)) != NULL) {
    occ__sha256_add_text(ws, thumbprint);
  }
  return occ__sha256_end(ws, digest);
}

static int write_kids(occ_buf *kids, const occ_jwks *keys)
{
  for (size_t i = 0; i < keys->count; i++) {
    if (keys->key[i].kid[0] != '\0') {
      occ__buf_put(kids, keys->key[i].kid, strlen(keys->key[i].kid) + 1);
    }
  }
  return kids->rc;
}

int occ__keyset_judge(uint8_t digest[OCC__SHA256_LEN], occ_buf *kids, const occ_mem *mem,
                      occ_workspace *ws, const json_t *set)
{
  const size_t size = json_array_size(json_object_get(set, "keys"));
  occ_jwks keys;
  int rc;

  if (size == 0 || size > OCC__CIMD_KEYS) {
    return OCC__REASON_CIMD_KEYS;
  }
  if (occ__keyset_is_secret(set)) {
    return OCC__REASON_CIMD_SECRET;
  }
  rc = occ__jwks_read(&keys, mem, ws, set);
  if (rc == OCC_OK) {
    rc = digest_keys(digest, ws, &keys);
  }
  if (rc == OCC_OK && kids != NULL) {
    rc = write_kids(kids, &keys);
  }
  occ__jwks_clear(&keys);
  return rc > 0 ? OCC__REASON_CIMD_KEYS : rc;
}

/* One block: the set, its text, the names of its keys. */
static int make(occ_keyset **out, const occ_mem *mem, occ_span text, const occ_buf *kids)
{
  occ_keyset *set = occ__value_new(mem, sizeof(*set) + text.len + 1 + kids->len);
  char *room;

  if (set == NULL) {
    return OCC_ERR_MEMORY;
  }
  room = (char *)(set + 1);
  memcpy(room, text.base, text.len);
  set->text = room;
  set->len = text.len;
  room += text.len + 1;
  if (kids->len > 0) {
    memcpy(room, kids->base, kids->len);
  }
  set->kids = room;
  set->kids_len = kids->len;
  *out = set;
  return OCC_OK;
}

int occ__keyset_read(occ_keyset **out, const occ_mem *mem, occ_workspace *ws, occ_span text,
                     size_t max)
{
  const occ_json_limits limits = { max, OCC__MAX_JSON_DEPTH, OCC__MAX_ANSWER_VALUES };
  uint8_t digest[OCC__SHA256_LEN];
  json_t *json = NULL;
  occ_buf kids;
  int rc;

  *out = NULL;
  if (text.len > max) {
    return OCC__REASON_CIMD_LARGE;
  }
  occ__buf_init(&kids, mem, (OCC__MAX_ID + 1) * OCC__CIMD_KEYS);
  rc = occ__json_read_object(&json, text, &limits);
  if (rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT) {
    rc = OCC__REASON_CIMD_JSON;
  }
  if (rc == OCC_OK) {
    rc = occ__keyset_judge(digest, &kids, mem, ws, json);
  }
  if (rc == OCC_OK) {
    rc = make(out, mem, text, &kids);
  }
  if (rc == OCC_OK) {
    memcpy((*out)->value.snapshot.keys, digest, sizeof(digest));
  }
  json_decref(json);
  occ__buf_clear(&kids);
  return rc;
}

int occ__keyset_has(const occ_keyset *set, const char *kid)
{
  for (size_t at = 0; at < set->kids_len; at += strlen(set->kids + at) + 1) {
    if (strcmp(set->kids + at, kid) == 0) {
      return 1;
    }
  }
  return 0;
}
