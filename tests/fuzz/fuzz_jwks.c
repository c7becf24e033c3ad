/* SPDX-License-Identifier: MIT
 *
 * JWK Sets, and which of their keys is taken. Byte 0 picks the failing allocation (255: none), byte 1 the algorithm; then a
 * kid up to a line feed, then the set. A set means the same in whatever order its keys come; the key that is found is
 * the only one that would do. Single keys: fuzz_jwk.c. */

#include <stdlib.h>

#include "fail_mem.h"
#include "jose/jwk.h"
#include "wire/json_in.h"

static occ_workspace *ws;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static size_t how_many(const occ_jwks *set, const char *kid, occ_alg alg)
{
  size_t n = 0;

  for (size_t i = 0; i < set->count; i++) {
    n += occ__jwk_fits(&set->key[i], alg) && (kid[0] == '\0' || strcmp(kid, set->key[i].kid) == 0);
  }
  return n;
}

static void check_find(const occ_jwks *set, const char *kid, occ_alg alg)
{
  const occ_jwk *key = occ__jwks_find(set, kid, alg);

  must((key != NULL) == (how_many(set, kid, alg) == 1));
  must(key == NULL || (occ__jwk_fits(key, alg) && (kid[0] == '\0' || strcmp(kid, key->kid) == 0)));
}

/* The members of the value that are no names of the set must not matter, nor where a key stands. */
static json_t *turned(const json_t *value)
{
  const json_t *keys = json_object_get(value, "keys");
  json_t *list = json_array(), *out = json_object();

  for (size_t i = json_array_size(keys); i > 0; i--) {
    must(json_array_append(list, json_array_get(keys, i - 1)) == 0);
  }
  must(json_object_set_new(out, "keys", json_is_array(keys) ? list : json_null()) == 0);
  if (!json_is_array(keys)) {
    json_decref(list);
  }
  return out;
}

static void check_turned(const json_t *value, const occ_jwks *set, int rc)
{
  json_t *other = turned(value);
  occ_jwks again;

  must(occ__jwks_read(&again, &occ__mem_libc, ws, other) == rc && again.count == set->count);
  for (size_t i = 0; i < set->count; i++) {
    const occ_jwk *key = &again.key[set->count - 1 - i];

    must(strcmp(set->key[i].thumbprint, key->thumbprint) == 0);
    must(strcmp(set->key[i].kid, key->kid) == 0 && !key->is_private);
  }
  occ__jwks_clear(&again);
  json_decref(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *end = size < 3 ? NULL : memchr(data + 2, '\n', size - 2);
  json_t *value = NULL;
  char kid[128];
  fail_mem fm;
  occ_jwks set;
  size_t kid_len;
  int rc;

  if (end == NULL || (kid_len = (size_t)(end - data) - 2) >= sizeof(kid)) {
    return 0;
  }
  memcpy(kid, data + 2, kid_len);
  kid[kid_len] = '\0';
  if (ws == NULL) { /* made once, reachable to the end */
    must(occ__workspace_new(&ws, &occ__mem_libc) == OCC_OK);
  }
  if (occ__json_read(&value, occ__span(end + 1, size - kid_len - 3), &occ__json_answer) != OCC_OK) {
    return 0;
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  rc = occ__jwks_read(&set, &fm.mem, ws, value);
  must(rc == OCC_OK || rc == OCC__REASON_JOSE_KEY || (rc == OCC_ERR_MEMORY && fm.failed));
  must(rc == OCC_OK ? set.count <= OCC__MAX_JWKS_KEYS : set.count == 0);
  if (rc != OCC_ERR_MEMORY) {
    check_turned(value, &set, rc);
  }
  check_find(&set, kid, (occ_alg)(data[1] % OCC__ALGS));
  check_find(&set, "", (occ_alg)(data[1] % OCC__ALGS));
  occ__jwks_clear(&set);
  json_decref(value);
  must(fm.live == 0);
  return 0;
}
