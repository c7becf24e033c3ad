/* SPDX-License-Identifier: MIT */

/* The digests that tie a session to its request, and the keys under which stores remember. Called by the machine. Every
 * part is hashed with its length, so that no two different inputs give the same octets. spec: O-07. */

#include "core/digest.h"

#include "core/params.h"
#include "jose/jcs.h"
#include "wire/json_in.h"

/* list: NULL-terminated, may be NULL. */
static int is_listed(const char *const *list, occ_span name)
{
  for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
    if (occ__span_is(name, list[i])) {
      return 1;
    }
  }
  return 0;
}

/* The same, and a name of the list that ends in "*" stands for all that begin like it. */
int occ__digest_ignores(const char *const *list, occ_span name)
{
  if (is_listed(list, name)) {
    return 1;
  }
  for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
    size_t len = strlen(list[i]);

    if (len > 0 && list[i][len - 1] == '*' && name.len >= len - 1 &&
        memcmp(name.base, list[i], len - 1) == 0) {
      return 1;
    }
  }
  return 0;
}

static occ_span name_of(const occ_param *param)
{
  return occ__span(param->name, param->name_len);
}

static int is_kept(const occ_digest_query *query, const occ_param *param)
{
  const unsigned flags = occ__params_flags(param->name);
  const occ_span name = name_of(param);

  if (param->value_len == 0 || (flags & OCC__PARAM_CREDENTIAL) != 0 ||
      (query->binding != NULL && (flags & OCC__PARAM_GRANT) != 0)) {
    return 0;
  }
  return !occ__span_is(name, query->session_param) && !is_listed(query->carriers, name) &&
         !occ__digest_ignores(query->ignore, name);
}

/* Octet order, the shorter first where one begins the other. */
static int is_before(const occ_param *a, const occ_param *b)
{
  size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
  int order = memcmp(a->name, b->name, len);

  return order < 0 || (order == 0 && a->name_len < b->name_len);
}

/* Kept parameters, sorted by name; equal names stay in their order of appearance. Each place is found by halving: with
 * long names the comparisons are what costs, not the moves. Returns their number. */
static size_t sort_kept(const occ_param *sorted[OCC__MAX_PARAMS], const occ_digest_query *query)
{
  size_t count = 0;

  for (size_t i = 0; i < query->form->count; i++) {
    const occ_param *param = &query->form->param[i];
    size_t low = 0, high = count;

    if (!is_kept(query, param)) {
      continue;
    }
    while (low < high) { /* the first that comes after param */
      size_t middle = low + (high - low) / 2;

      if (is_before(param, sorted[middle])) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    for (size_t j = count; j > low; j--) {
      sorted[j] = sorted[j - 1];
    }
    sorted[low] = param;
    count++;
  }
  return count;
}

static void add_sized(occ_workspace *ws, occ_span span)
{
  occ__sha256_add_u32(ws, span.len);
  if (span.len > 0) {
    occ__sha256_add(ws, span.base, span.len);
  }
}

static const occ_json_limits of_claims = { OCC__MAX_CLAIMS, OCC__MAX_JSON_DEPTH,
                                           OCC__MAX_CLAIMS_VALUES };

/* parsed: the value, where it is parsed already, else NULL. OCC_ERR_SYNTAX, OCC_ERR_LIMIT: it has no canonical form. */
static int canonical_form(occ_buf *out, occ_span value, const json_t *parsed)
{
  json_t *json = NULL;
  int rc = OCC_OK;

  if (parsed == NULL) {
    rc = occ__json_read(&json, value, &of_claims);
    parsed = json;
  }
  if (rc == OCC_OK) {
    rc = occ__buf_reserve(out, value.len); /* mostly it is not longer */
  }
  if (rc == OCC_OK) {
    rc = occ__jcs_write(out, parsed);
  }
  json_decref(json);
  return rc;
}

/* The text of a parameter that is JSON, as it is hashed, into *kept. The canonical form, or the value as it is where it has
 * none. Two values never meet by that: a text without canonical form is nobody's canonical form. */
static int keep_json(occ_span *kept, occ_arena *arena, occ_span value, const json_t *parsed)
{
  occ_buf text;
  int rc;

  occ__buf_init(&text, arena->mem, OCC__MAX_BODY);
  rc = canonical_form(&text, value, parsed);
  if (rc == OCC_OK) {
    *kept = occ__span(occ__arena_text(arena, text.base, text.len), text.len);
    rc = kept->base == NULL ? arena->rc : OCC_OK;
  } else if (rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT) {
    *kept = value;
    rc = OCC_OK;
  }
  occ__buf_clear(&text);
  return rc;
}

static int add_json(occ_workspace *ws, const occ_digest_query *query, occ_span value,
                    int is_details)
{
  occ_canonical *canonical = query->canonical;
  occ_span *kept = is_details ? &canonical->details : &canonical->claims;
  int rc = OCC_OK;

  if (kept->base == NULL) {
    rc = keep_json(kept, canonical->arena, value, is_details ? query->details : NULL);
  }
  if (rc == OCC_OK) {
    add_sized(ws, *kept);
  }
  return rc;
}

/* Two parameters are JSON, so that the same value may be spelled in several ways; neither may be repeated.
 * One name with its values, sorted[0 .. count - 1]. */
static int add_values(occ_workspace *ws, const occ_digest_query *query,
                      const occ_param *const *sorted, size_t count)
{
  occ_span name = name_of(sorted[0]);
  const int is_details = occ__span_is(name, "authorization_details");
  const int is_json = is_details || occ__span_is(name, "claims");
  int rc = OCC_OK;

  add_sized(ws, name);
  occ__sha256_add_u32(ws, count);
  for (size_t i = 0; i < count && rc == OCC_OK; i++) {
    occ_span value = occ__span(sorted[i]->value, sorted[i]->value_len);

    if (is_json) {
      rc = add_json(ws, query, value, is_details);
    } else {
      add_sized(ws, value);
    }
  }
  return rc;
}

static int add_request(occ_workspace *ws, const occ_digest_query *query)
{
  const occ_param *sorted[OCC__MAX_PARAMS];
  size_t count, values;
  int rc = OCC_OK;

  if (!OCC_INVARIANT(query->form->count <= OCC__MAX_PARAMS)) {
    return OCC_ERR_INTERNAL;
  }
  count = sort_kept(sorted, query);
  for (size_t i = 0; i < count && rc == OCC_OK; i += values) {
    values = 1;
    while (i + values < count && occ__span_equal(name_of(sorted[i + values]), name_of(sorted[i]))) {
      values++;
    }
    rc = add_values(ws, query, &sorted[i], values);
  }
  if (query->binding != NULL) {
    occ__sha256_add_u32(ws, 0); /* no name is empty: what follows cannot be taken for a parameter */
    occ__sha256_add(ws, query->binding, OCC__SHA256_LEN);
  }
  return rc;
}

int occ__digest_bound(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, const occ_bound *bound)
{
  int rc, end;

  occ__sha256_begin(ws);
  occ__sha256_add_text(ws, "libocc bound 1");
  occ__sha256_add_text(ws, bound->issuer);
  occ__sha256_add_text(ws, bound->client_id);
  occ__sha256_add_text(ws, bound->method);
  occ__sha256_add_u32(ws, (size_t)bound->endpoint);
  occ__sha256_add_text(ws, bound->grant_type);
  occ__sha256_add_text(ws, bound->type);
  occ__sha256_add(ws, bound->requirement, OCC__SHA256_LEN);
  rc = add_request(ws, &bound->request);
  end = occ__sha256_end(ws, out);
  if (rc != OCC_OK) {
    memset(out, 0, OCC__SHA256_LEN);
    return rc;
  }
  return end;
}

int occ__digest_key(uint8_t out[OCC__SHA256_LEN], occ_workspace *ws, int purpose, const char *tag,
                    const char *issuer, const occ_span *part, size_t parts)
{
  int rc;

  occ__sha256_begin(ws);
  occ__sha256_add_text(ws, tag);
  occ__sha256_add_text(ws, issuer);
  for (size_t i = 0; i < parts; i++) {
    add_sized(ws, part[i]);
  }
  rc = occ__sha256_end(ws, out);
  if (rc == OCC_OK) {
    out[0] = (uint8_t)purpose;
  }
  return rc;
}
