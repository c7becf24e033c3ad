/* SPDX-License-Identifier: MIT
 *
 * The type `dpop_proof`: the client shows once more, and freshly, that it holds its DPoP key. The evidence is the proof in
 * the DPoP header, whose nonce is the handle; the core has verified its signature, audience and jti already (state
 * SENDER), so only two things are left: the nonce, and whether the key is one that is known. Never verifies again. */

#include "evidence/builtin.h"

#include "base/lib.h"
#include "jose/jwk.h"
#include "occ/txn.h"
#include "wire/json_in.h"

typedef struct options {
  occ_lib *lib;
  int any_key; /* weakens: a key that nobody vouches for will do */
} options;

static void close_type(void *opened)
{
  options *self = opened;

  if (self != NULL) {
    occ__mem_free(occ__lib_mem(self->lib), self, sizeof(*self));
  }
}

static int read_options(options *self, const char *text, occ_problem *problem)
{
  json_t *json = NULL;
  const json_t *any_key;
  int rc = occ__json_read_object(&json, occ__span_text(text), &occ__json_config);

  if (rc != OCC_OK) {
    return rc;
  }
  any_key = json_object_get(json, "any_key");
  if (json_object_size(json) != (any_key == NULL ? 0u : 1u)) {
    rc = occ__lib_problem(problem, "only any_key may be set", NULL, NULL, NULL);
  } else if (any_key != NULL && !json_is_boolean(any_key)) {
    rc = occ__lib_problem(problem, "true or false", "any_key", NULL, NULL);
  }
  self->any_key = json_is_true(any_key);
  if (rc == OCC_OK && self->any_key) {
    occ__lib_tell_weakened(self->lib, "dpop_proof.any_key");
  }
  json_decref(json);
  return rc;
}

static int open_type(void **out, occ_lib *lib, const char *text)
{
  options *self = occ__mem_alloc(occ__lib_mem(lib), sizeof(*self));
  int rc = OCC_OK;

  if (self == NULL) {
    return OCC_ERR_MEMORY;
  }
  self->lib = lib;
  if (text != NULL) {
    rc = read_options(self, text, *out);
  }
  if (rc != OCC_OK) {
    close_type(self);
    return rc;
  }
  *out = self;
  return OCC_OK;
}

static int accepts(const char *requirement, const char **problem, void *self)
{
  json_t *json = NULL;
  const char *member;
  json_t *value;
  int rc = occ__json_read_object(&json, occ__span_text(requirement), &occ__json_config);

  (void)self;
  json_object_foreach(json, member, value)
  {
    if (strcmp(member, "type") != 0 && strcmp(member, "expiry") != 0 &&
        strcmp(member, "class") != 0) {
      *problem = "this type has no members";
      rc = OCC_ERR_CONFIG;
    }
  }
  json_decref(json);
  return rc;
}

/* The nonce is there already: the core knows it from the proof. */
static int parse(occ_evidence *evidence, int step, void *opened)
{
  const char *jkt = occ_txn_sender(occ_evidence_txn(evidence), OCC_SENDER_DPOP);

  (void)step;
  (void)opened;
  return jkt == NULL ? OCC_ERR_SYNTAX : occ_evidence_set_key(evidence, OCC_SENDER_DPOP, jkt);
}

/* Is there a key with that thumbprint in the client's registered set? A fact that is always there is asked for, so that
 * NULL can only mean that there was no memory for it: which is no answer. */
static int is_registered(const options *self, const occ_txn *txn, const char *jkt, int *found)
{
  size_t len = 0;
  const char *text = occ_txn_fact(txn, "/client", &len);
  occ_workspace *ws = NULL;
  occ_jwks keys = { 0 };
  json_t *json = NULL;
  int rc;

  if (text == NULL) {
    return OCC_ERR_MEMORY;
  }
  rc = occ__lib_take(self->lib, &ws);
  if (rc != OCC_OK) {
    return rc;
  }
  rc = occ__json_read_object(&json, occ__span(text, len), &occ__json_config);
  if (rc == OCC_OK) {
    rc = occ__jwks_read(&keys, occ__lib_mem(self->lib), ws,
                        json_object_get(json_object_get(json, "metadata"), "jwks"));
  }
  for (size_t i = 0; rc == OCC_OK && i < keys.count; i++) {
    *found = *found || strcmp(keys.key[i].thumbprint, jkt) == 0;
  }
  occ__jwks_clear(&keys);
  json_decref(json);
  occ__lib_give(self->lib, ws);
  /* A set that cannot be read registers nothing. */
  return rc == OCC_ERR_MEMORY || rc == OCC_ERR_CRYPTO ? rc : OCC_OK;
}

/* Shown with the first request, attested, or registered: then somebody knows it. */
static int is_known(const options *self, const occ_evidence *evidence, const char *jkt, int *known)
{
  const occ_txn *txn = occ_evidence_txn(evidence);
  const char *attested = occ_txn_sender(txn, OCC_SENDER_ATTESTED);

  *known = self->any_key || occ_evidence_is_bound(evidence, OCC_SENDER_DPOP) ||
           (attested != NULL && strcmp(attested, jkt) == 0);
  return *known ? OCC_OK : is_registered(self, txn, jkt, known);
}

static int judge(occ_evidence *evidence, int step, void *opened)
{
  const char *jkt = occ_txn_sender(occ_evidence_txn(evidence), OCC_SENDER_DPOP);
  int known = 0;
  int rc;

  (void)step;
  if (jkt == NULL) {
    return occ_evidence_reject(evidence, "no_key");
  }
  rc = is_known(opened, evidence, jkt, &known);
  if (rc != OCC_OK) {
    return rc;
  }
  return known ? occ_evidence_accept(evidence, NULL, 0)
               : occ_evidence_reject(evidence, "key_unknown");
}

static const char *const headers[] = { "DPoP", NULL };

const occ_type occ__dpop_proof_type = {
  .size = sizeof(occ_type),
  .name = "dpop_proof",
  .evidence_class = OCC_PROVENANCE,
  .headers = headers,
  .open = open_type,
  .close = close_type,
  .accepts = accepts,
  .parse = parse,
  .judge = judge,
};
