/* SPDX-License-Identifier: MIT */

/* See strangers.h. Called by host.c for each configuration, by walk.c and policy.c for each request
 * of theirs. */

#include "strangers.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "occ/curl.h"

#define SCHEME "https://"
#define METHOD "token_endpoint_auth_method"

int stranger_is_named(const char *client_id)
{
  return client_id != NULL && strncmp(client_id, SCHEME, strlen(SCHEME)) == 0;
}

/* ---- Who answers for them -------------------------------------------------------------------- */

static int say(const char *of, int rc)
{
  if (rc != OCC_OK) {
    fprintf(stderr, "configuration: cimd.%s: %s\n", of, occ_status_text(rc));
  }
  return rc == OCC_OK;
}

/* The fetcher blocks while a document comes, which on a thread of the connection's own holds up
 * nobody else. It knows nothing of clients, so each configuration has a new one. */
static int attach_fetcher(occ_lib *lib, occ_config *config, const json_t *options, occ_cimd *cimd)
{
  char *text = options != NULL ? json_dumps(options, JSON_COMPACT) : NULL;
  occ_curl *curl = NULL;
  int rc = options != NULL && text == NULL ? OCC_ERR_MEMORY : occ_curl_new(&curl, lib, text);

  if (rc == OCC_OK) {
    rc = occ_curl_attach(curl, config, cimd);
  }
  occ_curl_free(curl); /* the configuration holds it */
  free(text);
  return say("fetch", rc);
}

/* Who is known is known by the occ_cimd alone: with another one all are new. */
static int same_options(const json_t *a, const json_t *b)
{
  const json_t *of_a = json_object_get(a, "documents");
  const json_t *of_b = json_object_get(b, "documents");

  return of_a == NULL ? of_b == NULL : of_b != NULL && json_equal(of_a, of_b);
}

static int make(occ_cimd **out, occ_lib *lib, const json_t *wanted)
{
  const json_t *options = json_object_get(wanted, "documents");
  char *text = options != NULL ? json_dumps(options, JSON_COMPACT) : NULL;
  int rc = options != NULL && text == NULL ? OCC_ERR_MEMORY : occ_cimd_new(out, lib, text);

  free(text);
  return say("documents", rc);
}

int strangers_attach(occ_cimd **cimd, occ_lib *lib, occ_config *config, const json_t *wanted,
                     occ_cimd *before, const json_t *in_use)
{
  occ_cimd *made = NULL;
  int good = 0;

  *cimd = NULL;
  if (wanted == NULL) {
    return 1;
  }
  if (before != NULL && same_options(wanted, in_use)) {
    *cimd = before;
  } else if (make(&made, lib, wanted)) {
    *cimd = made;
  }
  good = *cimd != NULL && say("documents", occ_cimd_attach(*cimd, config)) &&
         attach_fetcher(lib, config, json_object_get(wanted, "fetch"), *cimd);
  occ_cimd_free(made);
  return good;
}

/* ---- One of them ----------------------------------------------------------------------------- */

static json_t *fact(const occ_txn *txn, const char *pointer)
{
  size_t len = 0;
  const char *text = occ_txn_fact(txn, pointer, &len);

  return text != NULL ? json_loadb(text, len, JSON_DECODE_ANY, NULL) : NULL;
}

/* Of its document how it authenticates and asks, and where a code goes; not what it may ask for,
 * which would be for itself to say. */
static json_t *write_config(const json_t *like, const json_t *document)
{
  static const char *const own[] = { METHOD, "grant_types", "redirect_uris" };
  json_t *config = like != NULL ? json_deep_copy(like) : json_object();

  for (size_t i = 0; config != NULL && i < sizeof(own) / sizeof(own[0]); i++) {
    json_t *value = json_object_get(document, own[i]);

    if (value != NULL && json_object_set(config, own[i], value) != 0) {
      json_decref(config);
      config = NULL;
    }
  }
  return config;
}

const as_client *stranger_read(as_stranger *out, const as_client *like, const occ_txn *txn)
{
  json_t *document = fact(txn, "/client/metadata");
  json_t *host = fact(txn, "/client/host"); /* is there where a document was fetched */
  const char *id = json_string_value(json_object_get(document, "client_id"));

  out->client = *like;
  if (host != NULL && id != NULL) {
    out->config = write_config(like->config, document);
    out->id = strdup(id);
  }
  json_decref(document);
  json_decref(host);
  out->client.id = out->id;
  out->client.method = json_string_value(json_object_get(out->config, METHOD));
  out->client.config = out->config;
  return out->id != NULL && out->client.method != NULL ? &out->client : NULL;
}

void stranger_clear(as_stranger *stranger)
{
  json_decref(stranger->config);
  free(stranger->id);
  *stranger = (as_stranger){ 0 };
}

/* ---- Who is new ------------------------------------------------------------------------------ */

static json_t *fact_or_null(const occ_txn *txn, const char *pointer)
{
  json_t *value = fact(txn, pointer);

  return value != NULL ? value : json_null();
}

/* The client and what it shows. Whatever changes makes another of it: its document or key set
 * (changed), the key of them that it uses, or that the cache had lost it and cannot tell
 * (first_seen). And so does another wording of the requirement. Anybody can be a public
 * client, so that there the key of the tokens has to be the same. 0: no memory. */
static int digest_looks(unsigned char out[KNOWN_DIGEST], const as_proof *proof, const occ_txn *txn)
{
  const char *shown = occ_txn_client_id(txn) != NULL ? "/client/key" : "/sender";
  json_t *looks = json_pack(
      "[o,o,o,o,s,O]", fact_or_null(txn, "/client/id"), fact_or_null(txn, "/client/first_seen"),
      fact_or_null(txn, "/client/changed"), fact_or_null(txn, shown), proof->name, proof->wording);
  char *text = json_dumps(looks, JSON_COMPACT | JSON_SORT_KEYS);
  int good = text != NULL && EVP_Digest(text, strlen(text), out, NULL, EVP_sha256(), NULL) == 1;

  free(text);
  json_decref(looks);
  return good;
}

static int64_t time_fact(const occ_txn *txn, const char *pointer)
{
  json_t *value = fact(txn, pointer);
  int64_t time = json_integer_value(value);

  json_decref(value);
  return time;
}

void stranger_remember(as_known *known, const as_proof *proof, const occ_txn *txn)
{
  unsigned char looks[KNOWN_DIGEST];
  json_t *met =
      fact(txn, "/evidence/requirement"); /* not before: that may have been by another key */

  if (met != NULL && strcmp(json_string_value(met), proof->name) == 0 &&
      digest_looks(looks, proof, txn)) {
    known_add(known, looks);
  }
  json_decref(met);
}

/* Where it cannot be told since when (no memory), first is 0: new. */
int stranger_is_new(as_known *known, const as_proof *proof, double hours, const occ_txn *txn,
                    int64_t now)
{
  const int64_t first = time_fact(txn, "/client/first_seen");
  const int64_t changed = time_fact(txn, "/client/changed");
  const int64_t since = changed > first ? changed : first;
  unsigned char looks[KNOWN_DIGEST];

  return (first == 0 || (double)(now - since) < hours * 3600000.0) &&
         !(digest_looks(looks, proof, txn) && known_has(known, looks));
}
