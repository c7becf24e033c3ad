/* SPDX-License-Identifier: MIT */

/* The options of a configuration: one table of names, what each accepts, and how each is checked by itself;
 * settings.c puts them together. docs/options.md says the same in words. A name that is not in the table may be the key of an evidence type,
 * whose options are an object; types.c finds out when the server is made, for types may be added later. */

#include "core/config.h"

#include <string.h>

#include "base/b64.h"
#include "core/params.h"
#include "core/url.h"
#include "wire/json_in.h"

void occ__options_init(occ_options *options)
{
  *options = (occ_options){ .nonce_mode = OCC__NONCE_ACCEPT,
                            .dpop_algs = OCC__ALGS_DEFAULT,
                            .client_assertion_algs = OCC__ALGS_ASSERTION,
                            .challenge_status = occ__names_kahrer_00.challenge_status,
                            .deadline_ms = OCC__DEADLINE_MS };
}

/* ---- Values ---- */

/* Which of the words is it? -1: none. */
static int choose(const char *value, const char *const *words)
{
  for (int i = 0; words[i] != NULL; i++) {
    if (strcmp(value, words[i]) == 0) {
      return i;
    }
  }
  return -1;
}

/* A decimal number from low to high, written without sign or leading zeros; -1: it is none. */
static int64_t number_in(const char *value, int64_t low, int64_t high)
{
  int64_t number = 0;
  size_t len = strlen(value);

  if (len == 0 || len > 9 || (len > 1 && value[0] == '0')) {
    return -1;
  }
  for (size_t i = 0; i < len; i++) {
    if (value[i] < '0' || value[i] > '9') {
      return -1;
    }
    number = number * 10 + (value[i] - '0');
  }
  return number >= low && number <= high ? number : -1;
}

static int set_bool(int *out, const char *value)
{
  static const char *const words[] = { "false", "true", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  *out = choice;
  return OCC_OK;
}

/* ---- Setters of plain values: OCC_OK, or OCC_ERR_CONFIG, for which the table has the text ---- */

static int set_dpop(occ_config *config, const char *value)
{
  static const char *const words[] = { "verify", "host", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.dpop_host = choice == 1;
  return OCC_OK;
}

static int set_dpop_nonce(occ_config *config, const char *value)
{
  static const char *const words[] = { "off", "accept", "require", NULL }; /* as occ_nonce_mode */
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.nonce_mode = (occ_nonce_mode)choice;
  config->options.dpop_detail = "dpop_nonce";
  return OCC_OK;
}

static int set_dpop_nonce_unknown(occ_config *config, const char *value)
{
  static const char *const words[] = { "ignore", "refuse", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.nonce_unknown_refuse = choice == 1;
  config->options.dpop_detail = "dpop_nonce_unknown";
  return OCC_OK;
}

static int set_assertion_typ(occ_config *config, const char *value)
{
  static const char *const words[] = { "any", "required", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.client_assertion_typ_required = choice == 1;
  return OCC_OK;
}

static int set_assertion_audience(occ_config *config, const char *value)
{
  static const char *const words[] = { "issuer", "endpoint", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.client_assertion_endpoint = choice == 1;
  return OCC_OK;
}

static int set_check(occ_config *config, const char *value)
{
  return set_bool(&config->options.check, value);
}

/* spec: draft-ietf-oauth-client-id-metadata-document-02 section 6 */
static int set_client_urls(occ_config *config, const char *value)
{
  return set_bool(&config->options.client_urls, value);
}

static int set_nested(occ_config *config, const char *value)
{
  return set_bool(&config->options.nested_session, value);
}

/* spec: S-06, O-03 */
static int set_status(occ_config *config, const char *value)
{
  static const char *const words[] = { "403", "400", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.challenge_status = choice == 1 ? 400 : 403;
  return OCC_OK;
}

static int set_session_mode(occ_config *config, const char *value)
{
  static const char *const words[] = { "sealed", "stored", NULL };
  int choice = choose(value, words);

  if (choice < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.stored = choice == 1;
  return OCC_OK;
}

static int set_session_format(occ_config *config, const char *value)
{
  (void)config; /* there is one so far */
  return number_in(value, 1, 1) < 0 ? OCC_ERR_CONFIG : OCC_OK;
}

static int set_deadline(occ_config *config, const char *value)
{
  int64_t seconds = number_in(value, 1, OCC__MAX_DEADLINE_S);

  if (seconds < 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.deadline_ms = seconds * 1000;
  return OCC_OK;
}

/* An attached store sets it, and so may the host; two that differ would let sessions of one store through at the other. */
static int set_store_id(occ_config *config, const char *value)
{
  occ_options *options = &config->options;
  uint8_t id[OCC__STORE_ID_LEN];

  if (occ__b64_decode_exact(id, sizeof(id), occ__span_text(value)) != OCC_OK) {
    return OCC_ERR_CONFIG;
  }
  if (options->has_store_id && memcmp(id, options->store_id, sizeof(id)) != 0) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("store_id"),
                            "another one is set already");
  }
  memcpy(options->store_id, id, sizeof(id));
  options->has_store_id = 1;
  return OCC_OK;
}

/* ---- Setters of JSON values ---- */

/* Names of algorithms to bits; 0: no list of them. */
static unsigned read_algs(json_t *value)
{
  unsigned algs = 0;

  for (size_t i = 0; i < json_array_size(value); i++) {
    const char *name = json_string_value(json_array_get(value, i));
    occ_alg alg = name == NULL ? OCC__ALG_NONE : occ__alg_of_name(name);

    if (alg == OCC__ALG_NONE) {
      return 0;
    }
    algs |= OCC__ALG_BIT(alg);
  }
  return algs;
}

static int set_assertion_algs(occ_config *config, json_t *value)
{
  unsigned algs = read_algs(value);

  if (algs == 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.client_assertion_algs = algs;
  return OCC_OK;
}

static int set_dpop_algs(occ_config *config, json_t *value)
{
  unsigned algs = read_algs(value);

  if (algs == 0) {
    return OCC_ERR_CONFIG;
  }
  config->options.dpop_algs = algs;
  config->options.dpop_detail = "dpop_algs";
  return OCC_OK;
}

static int check_urls(occ_config *config, const char *name, const json_t *value)
{
  char normal[OCC__MAX_URL + 1], at[OCC__INDEX_LEN];

  if (json_array_size(value) == 0 || json_array_size(value) > OCC__MAX_URLS) {
    return OCC_ERR_CONFIG;
  }
  for (size_t i = 0; i < json_array_size(value); i++) {
    const char *url = json_string_value(json_array_get(value, i));

    if (url == NULL || !occ__url_is_endpoint(url) ||
        occ__url_normal(normal, NULL, occ__span_text(url)) != OCC_OK) {
      return occ__config_fail(
          config, OCC_ERR_CONFIG, OCC__PATH(name, occ__config_index(at, i)),
          "no https URL without user and fragment (http: on a loopback address only)");
    }
  }
  return OCC_OK;
}

static int set_token_urls(occ_config *config, json_t *value)
{
  int rc = check_urls(config, "token_urls", value);

  if (rc == OCC_OK) {
    occ__config_keep(&config->urls[OCC_TOKEN], value);
  }
  return rc;
}

static int set_par_urls(occ_config *config, json_t *value)
{
  int rc = check_urls(config, "par_urls", value);

  if (rc == OCC_OK) {
    occ__config_keep(&config->urls[OCC_PAR], value);
  }
  return rc;
}

/* A parameter name, which may end in "*" after at least one other octet. */
static int is_pattern(const char *pattern)
{
  size_t len = strspn(pattern, OCC__NAME_OCTETS);

  return len > 0 && strlen(pattern) <= OCC__MAX_ID &&
         (pattern[len] == '\0' || strcmp(pattern + len, "*") == 0);
}

static int set_digest_ignore(occ_config *config, json_t *value)
{
  char at[OCC__INDEX_LEN];

  if (!json_is_array(value) || json_array_size(value) > OCC__MAX_DIGEST_IGNORE) {
    return OCC_ERR_CONFIG;
  }
  for (size_t i = 0; i < json_array_size(value); i++) {
    const char *pattern = json_string_value(json_array_get(value, i));
    const char *bound;

    if (pattern == NULL || !is_pattern(pattern)) {
      return occ__config_fail(config, OCC_ERR_CONFIG,
                              OCC__PATH("digest_ignore", occ__config_index(at, i)),
                              "no parameter name");
    }
    bound = occ__params_bound_by(pattern);
    if (bound != NULL) {
      return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH("digest_ignore", bound),
                              "a challenge must stay bound to this parameter");
    }
  }
  occ__config_keep(&config->digest_ignore, value);
  return OCC_OK;
}

/* ---- The table ---- */

typedef struct entry {
  const char *name, *expects;
  int (*set)(occ_config *config, const char *value); /* one of the two */
  int (*set_json)(occ_config *config, json_t *value);
} entry;

static const entry table[] = {
  { "challenge_session_nested", "true or false", set_nested, NULL },
  { "challenge_status", "403 or 400", set_status, NULL },
  { "check", "true or false", set_check, NULL },
  { "client_assertion_algs", "an array of asymmetric algorithms, such as ES256", NULL,
    set_assertion_algs },
  { "client_assertion_audience", "issuer or endpoint", set_assertion_audience, NULL },
  { "client_assertion_typ", "any or required", set_assertion_typ, NULL },
  { "client_id_metadata_document_supported", "true or false", set_client_urls, NULL },
  { "deadline", "seconds from 1 to 60", set_deadline, NULL },
  { "digest_ignore", "an array of at most 32 parameter names", NULL, set_digest_ignore },
  { "dpop", "verify or host", set_dpop, NULL },
  { "dpop_algs", "an array of asymmetric algorithms, such as ES256", NULL, set_dpop_algs },
  { "dpop_nonce", "off, accept or require", set_dpop_nonce, NULL },
  { "dpop_nonce_unknown", "ignore or refuse", set_dpop_nonce_unknown, NULL },
  { "par_urls", "an array of 1 to 16 URLs", NULL, set_par_urls },
  { "requirements", "an object of at most 256 requirements", NULL, occ__requirements_set },
  { "session_format", "1", set_session_format, NULL },
  { "session_mode", "sealed or stored", set_session_mode, NULL },
  { "store_id", "16 octets as base64url", set_store_id, NULL },
  { "token_urls", "an array of 1 to 16 URLs", NULL, set_token_urls },
  { "types", "an object of at most 32 types", NULL, occ__types_set },
};

static const entry *find(const char *name)
{
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    if (strcmp(table[i].name, name) == 0) {
      return &table[i];
    }
  }
  return NULL;
}

int occ__options_has(const char *name)
{
  return find(name) != NULL;
}

/* Says "must be ..." unless the setter has said something better. */
static int fail_expects(occ_config *config, const entry *option)
{
  char text[64] = "must be ";
  size_t at = strlen(text);

  for (const char *from = option->expects; *from != '\0' && at < sizeof(text) - 1; from++) {
    text[at++] = *from;
  }
  text[at] = '\0';
  return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH(option->name), text);
}

/* What is no option may be an object of options for a type. */
static int set_type_options(occ_config *config, const char *name, json_t *value)
{
  int rc = OCC_OK;

  if (config->type_options == NULL) {
    config->type_options = json_object();
  }
  if (config->type_options == NULL || json_object_set(config->type_options, name, value) != 0) {
    rc = occ__config_fail_status(config, OCC_ERR_MEMORY, OCC__PATH(name));
  }
  return rc;
}

static int read_json(occ_config *config, const char *name, const char *value, json_t **out)
{
  int rc = occ__json_read(out, occ__span_text(value), &occ__json_config);

  if (rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT) {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH(name),
                            rc == OCC_ERR_LIMIT ? "too large" : "not JSON");
  }
  return rc == OCC_OK ? rc : occ__config_fail_status(config, rc, OCC__PATH(name));
}

int occ__options_set(occ_config *config, const char *name, const char *value)
{
  const entry *option = find(name);
  json_t *json = NULL;
  int rc;

  if (option != NULL && option->set != NULL) {
    rc = option->set(config, value);
    return rc == OCC_ERR_CONFIG ? fail_expects(config, option) : rc;
  }
  if (option == NULL && value[0] != '{') {
    return occ__config_fail(config, OCC_ERR_CONFIG, OCC__PATH(name), "no such option");
  }
  rc = read_json(config, name, value, &json);
  if (rc != OCC_OK) {
    return rc;
  }
  if (option == NULL) {
    rc = set_type_options(config, name, json);
  } else {
    rc = option->set_json(config, json);
    rc = rc == OCC_ERR_CONFIG ? fail_expects(config, option) : rc;
  }
  json_decref(json);
  return rc;
}
