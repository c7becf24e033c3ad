/* SPDX-License-Identifier: MIT */

/* Evidence of the transcripts: proofs and assertions, good ones and such as are broken on purpose. Signed by OpenSSL alone
 * (test_keys); kept by what they are made of. */

#include "transcript_token.h"

#include <jansson.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "test_keys.h"

static char *copy(const char *from, size_t len)
{
  char *to = calloc(1, len + 1);

  if (to == NULL) {
    script_die("transcript", 0, "no memory");
  }
  memcpy(to, from, len);
  return to;
}

/* ---- Keys and tokens ---- */

static const struct {
  const char *name, *public, *private, *members, *thumbprint, *alg;
} keys[] = {
  { "client_a", TEST_CLIENT_A_PUBLIC, TEST_CLIENT_A_PRIVATE, TEST_CLIENT_A_MEMBERS,
    TEST_CLIENT_A_THUMBPRINT, "ES256" },
  { "client_b", TEST_CLIENT_B_PUBLIC, TEST_CLIENT_B_PRIVATE, TEST_CLIENT_B_MEMBERS,
    TEST_CLIENT_B_THUMBPRINT, "ES256" },
  { "issuer", TEST_ISSUER_PUBLIC, TEST_ISSUER_PRIVATE, TEST_ISSUER_MEMBERS, TEST_ISSUER_THUMBPRINT,
    "ES256" },
  { "issuer_ed", TEST_ISSUER_ED_PUBLIC, TEST_ISSUER_ED_PRIVATE, TEST_ISSUER_ED_MEMBERS,
    TEST_ISSUER_ED_THUMBPRINT, "Ed25519" },
};

static size_t key_of(const script_vars *vars, const char *name)
{
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    if (strcmp(keys[i].name, name) == 0) {
      return i;
    }
  }
  script_die(vars->file, vars->line, "no such key");
}

/* One setting of a token: name=value. */
typedef struct setting {
  char *name;
  script_text value;
} setting;

#define SETTINGS 24

typedef struct recipe {
  script_vars *vars;
  setting set[SETTINGS];
  size_t count;
} recipe;

static const script_text *setting_of(const recipe *r, const char *name)
{
  for (size_t i = 0; i < r->count; i++) {
    if (strcmp(r->set[i].name, name) == 0) {
      return &r->set[i].value;
    }
  }
  return NULL;
}

static const char *setting_text(const recipe *r, const char *name, const char *otherwise)
{
  const script_text *value = setting_of(r, name);

  return value == NULL ? otherwise : value->at;
}

/* name=value name='value with blanks' ... */
static void read_settings(recipe *r, const char *at, size_t len)
{
  const char *end = at + len;

  while (at < end) {
    setting *one = &r->set[r->count];
    const char *equal = memchr(at, '=', (size_t)(end - at));
    const char *stop;

    if (*at == ' ') {
      at++;
      continue;
    }
    if (equal == NULL || r->count == SETTINGS) {
      script_die(r->vars->file, r->vars->line, "name=value is missing in a token");
    }
    one->name = copy(at, (size_t)(equal - at));
    at = equal + 1;
    if (at < end && *at == '\'') {
      stop = memchr(at + 1, '\'', (size_t)(end - at - 1));
      stop = stop == NULL ? end : stop;
      text_add(&one->value, at + 1, (size_t)(stop - at - 1));
      at = stop + 1;
    } else {
      stop = memchr(at, ' ', (size_t)(end - at));
      stop = stop == NULL ? end : stop;
      text_add(&one->value, at, (size_t)(stop - at));
      at = stop;
    }
    r->count++;
  }
}

static void free_settings(recipe *r)
{
  for (size_t i = 0; i < r->count; i++) {
    free(r->set[i].name);
    text_free(&r->set[i].value);
  }
}

/* JSON if it is JSON, else a string. */
static json_t *json_of(const script_text *value)
{
  json_t *json = json_loadb(value->at, value->len, JSON_DECODE_ANY, NULL);

  return json != NULL ? json : json_stringn_nocheck(value->at, value->len);
}

/* Puts header.NAME or claim.NAME settings over the object; "-" takes a member away. */
static void override(json_t *object, const recipe *r, const char *prefix)
{
  const size_t len = strlen(prefix);

  for (size_t i = 0; i < r->count; i++) {
    const setting *one = &r->set[i];
    if (strncmp(one->name, prefix, len) != 0) {
      continue;
    }
    if (strcmp(one->value.at, "-") == 0) {
      json_object_del(object, one->name + len);
    } else {
      json_object_set_new_nocheck(object, one->name + len, json_of(&one->value));
    }
  }
}

static script_text dump(json_t *object)
{
  char *made = json_dumps(object, JSON_COMPACT);
  script_text out = { 0 };

  text_set(&out, made == NULL ? "" : made);
  free(made);
  json_decref(object);
  return out;
}

static script_text header_of(const recipe *r, token_kind kind, size_t key)
{
  const script_text *literal = setting_of(r, "header");
  json_t *object;
  script_text out = { 0 };

  if (literal != NULL) {
    text_add(&out, literal->at, literal->len);
    return out;
  }
  object = json_object();
  json_object_set_new(object, "typ",
                      json_string(kind == TOKEN_DPOP     ? "dpop+jwt"
                                  : kind == TOKEN_CLIENT ? "client-authentication+jwt"
                                                         : "client-challenge-assertion+jwt"));
  json_object_set_new(object, "alg", json_string(keys[key].alg));
  if (kind == TOKEN_DPOP) {
    json_object_set_new(object, "jwk", json_loads(keys[key].public, 0, NULL));
  }
  override(object, r, "header.");
  return dump(object);
}

int64_t token_seconds(const script_vars *vars, const char *shift)
{
  return vars->now / 1000 + strtoll(shift, NULL, 10);
}

static void put_var(json_t *object, const char *name, const script_vars *vars, const char *var)
{
  const script_text *value = vars_get(vars, var);

  if (value != NULL) {
    json_object_set_new(object, name, json_stringn_nocheck(value->at, value->len));
  }
}

static script_text claims_of(const recipe *r, token_kind kind)
{
  const script_vars *vars = r->vars;
  const script_text *literal = setting_of(r, "claims"), *nonce = setting_of(r, "nonce");
  json_t *object;
  script_text out = { 0 };

  if (literal != NULL) {
    text_add(&out, literal->at, literal->len);
    return out;
  }
  object = json_object();
  json_object_set_new(object, "jti", json_string(setting_text(r, "jti", "jti-0")));
  json_object_set_new(object, "iat",
                      json_integer(token_seconds(vars, setting_text(r, "iat", "+0"))));
  if (kind == TOKEN_DPOP) {
    json_object_set_new(object, "htm", json_string("POST"));
    put_var(object, "htu", vars, "htu");
  } else {
    json_object_set_new(object, "exp",
                        json_integer(token_seconds(vars, setting_text(r, "exp", "+60"))));
    put_var(object, "iss", vars, kind == TOKEN_CLIENT ? "sub" : "iss");
    put_var(object, "sub", vars, "sub");
    put_var(object, "aud", vars, "issuer");
    if (nonce == NULL && kind == TOKEN_JWT) {
      put_var(object, "nonce", vars, "session");
    }
  }
  if (nonce != NULL) {
    json_object_set_new(object, "nonce", json_stringn_nocheck(nonce->at, nonce->len));
  }
  override(object, r, "claim.");
  return dump(object);
}

/* ---- Signatures ---- */

static const uint8_t p256_n[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

/* SEQUENCE of two INTEGERs. */
static void to_der(script_text *out, const uint8_t sig[64])
{
  uint8_t der[80] = { 0x30 };
  size_t at = 2;

  for (int i = 0; i < 2; i++) {
    const uint8_t *number = sig + 32 * i;
    const size_t pad = number[0] >= 0x80 ? 1 : 0;
    der[at++] = 0x02;
    der[at++] = (uint8_t)(32 + pad);
    der[at] = 0;
    memcpy(der + at + pad, number, 32);
    at += 32 + pad;
  }
  der[1] = (uint8_t)(at - 2);
  text_add(out, der, at);
}

/* sig=HOW: what becomes of a good signature. */
static script_text spoil(const script_vars *vars, const uint8_t good[64], const char *how)
{
  uint8_t sig[96] = { 0 };
  script_text out = { 0 };
  size_t len = 64;

  memcpy(sig, good, 64);
  if (strcmp(how, "der") == 0) {
    to_der(&out, good);
    return out;
  }
  if (strcmp(how, "flip") == 0) {
    sig[40] ^= 1;
  } else if (strcmp(how, "r0") == 0) {
    memset(sig, 0, 32);
  } else if (strcmp(how, "s0") == 0) {
    memset(sig + 32, 0, 32);
  } else if (strcmp(how, "rn") == 0) {
    memcpy(sig, p256_n, 32);
  } else if (strcmp(how, "sn") == 0) {
    memcpy(sig + 32, p256_n, 32);
  } else if (strcmp(how, "huge") == 0) {
    memset(sig, 0xff, 64);
  } else if (strcmp(how, "zero") == 0) {
    memset(sig, 0, 64);
  } else if (strcmp(how, "swap") == 0) {
    memcpy(sig, good + 32, 32);
    memcpy(sig + 32, good, 32);
  } else if (how[0] >= '0' && how[0] <= '9') { /* so many octets: cut, or zeros behind */
    len = (size_t)strtoul(how, NULL, 10);
    len = len > sizeof(sig) ? sizeof(sig) : len;
  } else {
    script_die(vars->file, vars->line, "no such signature");
  }
  text_add(&out, sig, len);
  return out;
}

/* ---- Kept signatures ---- */

#define KEPT 1024

static struct kept {
  char *recipe, *token;
} kept[KEPT];

static size_t slot_of(const char *recipe_text)
{
  uint64_t hash = 1469598103934665603u;

  for (const char *c = recipe_text; *c != '\0'; c++) {
    hash = (hash ^ (uint8_t)*c) * 1099511628211u;
  }
  return hash % KEPT;
}

void tokens_forget(void)
{
  for (size_t i = 0; i < KEPT; i++) {
    free(kept[i].recipe);
    free(kept[i].token);
    kept[i] = (struct kept){ 0 };
  }
}

static char *sign(const script_vars *vars, const script_text *header, const script_text *claims,
                  size_t key, const char *how)
{
  uint8_t sig[64] = { 0 };
  char *token = test_token(header->at, header->len, claims->at, claims->len, sig, sizeof(sig));
  script_text made = { 0 };

  test_sign(sig, keys[key].private, token, (size_t)(strrchr(token, '.') - token));
  free(token);
  if (how[0] == '\0') {
    text_add(&made, sig, sizeof(sig));
  } else {
    made = spoil(vars, sig, how);
  }
  token = test_token(header->at, header->len, claims->at, claims->len, made.at, made.len);
  text_free(&made);
  return token;
}

void token_make(script_text *out, script_vars *vars, token_kind kind, const char *words, size_t len)
{
  static const char *const usual[] = { "issuer", "client_a", "client_b" };
  recipe r = { .vars = vars };
  script_text header, claims, name = { 0 };
  const char *how;
  size_t key, signer, slot;

  read_settings(&r, words, len);
  key = key_of(vars, setting_text(&r, "key", usual[kind]));
  signer = key_of(vars, setting_text(&r, "sign", keys[key].name));
  how = setting_text(&r, "sig", "");
  header = header_of(&r, kind, key);
  claims = claims_of(&r, kind);
  text_set(&name, keys[signer].name);
  text_add(&name, " ", 1);
  text_add(&name, how, strlen(how));
  for (int i = 0; i < 2; i++) { /* the very octets, as a text */
    char *part = i == 0 ? test_b64(header.at, header.len) : test_b64(claims.at, claims.len);
    text_add(&name, ".", 1);
    text_add(&name, part, strlen(part));
    free(part);
  }
  slot = slot_of(name.at);
  if (kept[slot].recipe == NULL || strcmp(kept[slot].recipe, name.at) != 0) {
    free(kept[slot].recipe);
    free(kept[slot].token);
    kept[slot].token = sign(vars, &header, &claims, signer, how);
    kept[slot].recipe = copy(name.at, name.len);
  }
  text_add(out, kept[slot].token, strlen(kept[slot].token));
  if (vars->made != NULL) {
    vars->made(vars->user_data, kept[slot].token);
  }
  text_free(&name);
  text_free(&header);
  text_free(&claims);
  free_settings(&r);
}

/* ---- Keys, as texts ---- */

int token_key_text(script_text *out, const script_vars *vars, const char *verb, const char *name)
{
  static const char *const verbs[] = { "jwk", "members", "private", "thumb" };

  for (size_t i = 0; i < 4; i++) {
    if (strcmp(verb, verbs[i]) == 0) {
      const size_t key = key_of(vars, name);
      const char *const value[] = { keys[key].public, keys[key].members, keys[key].private,
                                    keys[key].thumbprint };

      text_add(out, value[i], strlen(value[i]));
      return 1;
    }
  }
  return 0;
}

/* ---- Certificates ---- */

/* Made once a run of the program, for no two are alike. Their keys: those of the same name. */
static struct {
  const char *name, *key, *names;
  uint8_t *der;
  size_t len;
} certificates[] = {
  { "client_a", TEST_CLIENT_A_PRIVATE, "DNS:agent-7.example,URI:https://agent.example/7", NULL, 0 },
  { "client_b", TEST_CLIENT_B_PRIVATE, "DNS:agent-8.example", NULL, 0 },
};

static size_t certificate_of(const script_vars *vars, const char *name)
{
  const char *const subject[] = { "O", "Example, Inc.", "CN", name, NULL };

  for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++) {
    if (strcmp(certificates[i].name, name) == 0) {
      if (certificates[i].der == NULL) {
        certificates[i].der = test_certificate(&certificates[i].len, certificates[i].key, subject,
                                               certificates[i].names);
      }
      return i;
    }
  }
  script_die(vars->file, vars->line, "no such certificate");
}

int token_certificate(script_text *out, const script_vars *vars, const char *verb, const char *name)
{
  uint8_t digest[SHA256_DIGEST_LENGTH];
  char *coded;
  size_t i;

  if (strcmp(verb, "cert") != 0 && strcmp(verb, "x5c") != 0 && strcmp(verb, "x5t") != 0) {
    return 0;
  }
  i = certificate_of(vars, name);
  if (strcmp(verb, "cert") == 0) {
    text_add(out, certificates[i].der, certificates[i].len);
    return 1;
  }
  SHA256(certificates[i].der, certificates[i].len, digest);
  coded = verb[2] == 't' ? test_b64(digest, sizeof(digest))
                         : test_b64_plain(certificates[i].der, certificates[i].len);
  text_add(out, coded, strlen(coded));
  free(coded);
  return 1;
}
