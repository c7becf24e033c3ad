/* SPDX-License-Identifier: MIT
 *
 * A configuration as JSON, with the options of the types. Byte 0 picks the failing allocation (255: none), byte 1 what is
 * set beforehand; then one text, or two with an octet 0 between. Errors stick and say where they are. From what is
 * taken as a whole a server comes, and every requirement in it can be challenged for. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fail_mem.h"
#include "occ/occ.h"

#define NOW INT64_C(1800000000000)

enum { WITH_STORE = 1, WITH_URLS = 2, WITHOUT_TYPE = 4, WITHOUT_RING = 8, AT_PAR = 16 };

static const char ring_json[] =
    "{\"keys\":[{\"id\":\"k1\",\"key\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
    "\"seal_from\":1,\"open_until\":9000000000000}]}";
static const char metadata[] = "{\"insufficient_client_authorization_supported\":true}";
static const char thumbprint[] = "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS4";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

/* ---- A type of the host's, so that its options and its requirements are read ---- */

static int parse(occ_evidence *evidence, int step, void *self)
{
  (void)evidence;
  (void)step;
  (void)self;
  return OCC_ERR_SYNTAX;
}

static int judge(occ_evidence *evidence, int step, void *self)
{
  (void)step;
  (void)self;
  return occ_evidence_reject(evidence, NULL);
}

static const char *const params[] = { "host_ev", NULL };

static const occ_type host_type = {
  .size = sizeof(occ_type),
  .name = "host",
  .params = params,
  .parse = parse,
  .judge = judge,
};

/* ---- A server at work ---- */

static int is_json(const char *text)
{
  json_t *json = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  const int good = json_is_object(json);

  json_decref(json);
  return good;
}

/* The policy wants this; all else is answered with a yes. */
static void challenge(occ_server *server, const char *requirement, uint8_t flags)
{
  static const char body[] = "grant_type=client_credentials&scope=a";
  occ_txn *txn = NULL;
  int rc, asked = 0;

  if (occ_txn_new(&txn, server, (flags & AT_PAR) != 0 ? OCC_PAR : OCC_TOKEN, NULL) != OCC_OK) {
    return;
  }
  /* Their errors stick until the run. */
  (void)occ_txn_set_body(txn, body, sizeof(body) - 1);
  (void)occ_txn_set_client(txn, "agent-7", "client_secret_basic", NULL);
  (void)occ_txn_set_metadata(txn, metadata, sizeof(metadata) - 1);
  (void)occ_txn_set_sender(txn, OCC_SENDER_MTLS, thumbprint);
  while ((rc = occ_txn_run(txn, NOW)) == OCC_PENDING) {
    const occ_question *q = occ_txn_question(txn);
    const int rounds = q->kind == OCC_ASK_DECIDE
                           ? occ_txn_answer_challenge(txn, q->ticket, requirement, NULL)
                           : occ_txn_answer(txn, q->ticket, OCC_YES, NULL, 0);

    if (rounds != OCC_OK) {
      must(rounds != OCC_ERR_ARGUMENT); /* the name is one of the server's */
      break;
    }
    must(++asked < 16);
  }
  must(rc != OCC_OK || occ_txn_outcome(txn) == OCC_CHALLENGE);
  must(rc == OCC_PENDING || is_json(occ_txn_body(txn, NULL)));
  must(rc != OCC_ERR_INTERNAL);
  occ_txn_free(txn);
}

static void challenge_all(occ_server *server, const uint8_t *text, size_t len, uint8_t flags)
{
  json_t *json = json_loadb((const char *)text, len, 0, NULL), *value;
  const char *name;

  json_object_foreach(json_object_get(json, "requirements"), name, value)
  {
    challenge(server, name, flags);
  }
  json_decref(json);
}

/* ---- The configuration ---- */

static void check_error(const occ_config *config, int rc)
{
  const char *error = occ_config_error(config);

  must((rc == OCC_OK) == (error == NULL));
  must(error == NULL || strstr(error, ": ") != NULL);
  for (; error != NULL && *error != '\0'; error++) {
    must(*error >= ' ' && *error <= '~');
  }
}

/* The text in a block of its own length. */
static int load(occ_config *config, const uint8_t *text, size_t len, const fail_mem *fm)
{
  char *exact = malloc(len == 0 ? 1 : len);
  int rc;

  must(exact != NULL);
  memcpy(exact, text, len);
  rc = occ_config_load(config, exact, len);
  free(exact);
  must(rc == OCC_OK || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_CONFIG || rc == OCC_ERR_LIMIT ||
       rc == OCC_ERR_ARGUMENT || (rc == OCC_ERR_MEMORY && fm->failed));
  check_error(config, rc);
  must(rc == OCC_OK || occ_config_set(config, "check", "true") == rc);
  return rc;
}

static void prepare(occ_config *config, occ_keyring *ring, uint8_t flags)
{
  if ((flags & WITHOUT_TYPE) == 0) {
    (void)occ_config_add_type(config, &host_type, NULL);
  }
  if ((flags & WITH_STORE) != 0) {
    (void)occ_config_set(config, "store_id", "AAAAAAAAAAAAAAAAAAAAAA");
  }
  if ((flags & WITH_URLS) != 0) {
    (void)occ_config_set(config, "token_urls", "[\"https://as.example/token\"]");
  }
  if ((flags & WITHOUT_RING) == 0) {
    (void)occ_keyring_attach(ring, config);
  }
}

static void run(occ_config *config, const fail_mem *fm, const uint8_t *data, size_t size)
{
  const uint8_t *text = data + 2, *end = memchr(text, 0, size - 2);
  size_t len = end == NULL ? size - 2 : (size_t)(end - text);
  occ_server *server = NULL;
  int rc = load(config, text, len, fm);

  if (rc == OCC_OK && end != NULL) {
    text = end + 1;
    len = size - 3 - len;
    rc = load(config, text, len, fm);
  }
  if (rc != OCC_OK) {
    must(occ_server_new(&server, config) == rc && server == NULL);
    return;
  }
  rc = occ_server_new(&server, config);
  must((rc == OCC_OK) == (server != NULL));
  must(rc == OCC_OK || rc == OCC_ERR_CONFIG || (rc == OCC_ERR_MEMORY && fm->failed));
  check_error(config, rc);
  if (server != NULL) {
    must(is_json(occ_server_metadata(server)));
    must((occ_server_asks(server) & 1u << OCC_ASK_DECIDE) != 0);
    challenge_all(server, text, len, data[1]);
  }
  occ_server_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  occ_keyring *ring = NULL;
  occ_config *config = NULL;
  occ_lib *lib = NULL;
  fail_mem fm;

  if (size < 2) {
    return 0;
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  if (occ_lib_new(&lib, &fm.mem) == OCC_OK && occ_keyring_new(&ring, lib) == OCC_OK &&
      occ_keyring_load(ring, ring_json, sizeof(ring_json) - 1, NOW, 0) == OCC_OK &&
      occ_config_new(&config, lib, "https://as.example") == OCC_OK) {
    prepare(config, ring, data[1]);
    if (occ_config_error(config) == NULL) {
      run(config, &fm, data, size);
    }
  }
  occ_config_free(config);
  occ_keyring_free(ring);
  occ_lib_free(lib);
  must(fm.live == 0);
  return 0;
}
