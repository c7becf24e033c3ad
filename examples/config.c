/* SPDX-License-Identifier: MIT */

/* See config.h. Which members there are, and of what kind; what they say is judged where it is
 * used. Called by token-server.c at the start, by host.c on SIGHUP. */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common.h"

typedef enum kind {
  TEXT,
  NUMBER,
  TRUTH,
  TEXTS,  /* an array of texts */
  ANY,    /* an object that somebody else judges */
  OBJECT, /* one of the members inside */
  LIST,   /* an array of such */
  MAP     /* an object of such, whose names are free, and secret */
} kind;

typedef struct member {
  const char *name; /* NULL: the end; "": whatever else there is, libocc judges it */
  kind kind;
  const struct member *inside;
} member;

static const member listens[] = { { "address", TEXT, NULL }, { "port", NUMBER, NULL }, { 0 } };

static const member tls[] = {
  { "certificate", TEXT, NULL }, { "key", TEXT, NULL }, { "client_ca", TEXT, NULL }, { 0 }
};

static const member audits[] = { { "file", TEXT, NULL }, { 0 } };

static const member users[] = { { "sub", TEXT, NULL }, { "scope", TEXTS, NULL }, { 0 } };

static const member subject_tokens[] = {
  { "sub", TEXT, NULL }, { "scope", TEXTS, NULL }, { "not_after", NUMBER, NULL }, { 0 }
};

static const member resource_servers[] = { { "id", TEXT, NULL }, { "secret", TEXT, NULL }, { 0 } };

static const member rules[] = {
  { "scope", TEXT, NULL },
  { "resource", TEXT, NULL },
  { "authorization_details_type", TEXT, NULL },
  { "first_seen_within_hours", NUMBER, NULL },
  { "requirement", TEXT, NULL },
  { 0 },
};

/* What this program or libocc looks at; jwks_uri is not here, for nobody fetches it. */
static const member clients[] = {
  { "client_id", TEXT, NULL },
  { "client_name", TEXT, NULL },
  { "client_secret", TEXT, NULL },
  { "scope", TEXTS, NULL },
  { "resource", TEXTS, NULL },
  { "authorization_details_types", TEXTS, NULL },
  { "grant_types", TEXTS, NULL },
  { "redirect_uris", TEXTS, NULL },
  { "require_pushed_authorization_requests", TRUTH, NULL },
  { "challenge_status", NUMBER, NULL },
  { "insufficient_client_authorization_supported", TRUTH, NULL },
  { "token_endpoint_auth_method", TEXT, NULL },
  { "token_endpoint_auth_signing_alg", TEXT, NULL },
  { "jwks", ANY, NULL },
  { "tls_client_auth_subject_dn", TEXT, NULL },
  { "tls_client_auth_san_dns", TEXT, NULL },
  { "tls_client_auth_san_uri", TEXT, NULL },
  { "tls_client_auth_san_ip", TEXT, NULL },
  { "tls_client_auth_san_email", TEXT, NULL },
  { "dpop_bound_access_tokens", TRUTH, NULL },
  { "tls_client_certificate_bound_access_tokens", TRUTH, NULL },
  { 0 },
};

static const member liboccs[] = {
  { "token_urls", TEXTS, NULL },
  { "par_urls", TEXTS, NULL },
  { "", ANY, NULL },
  { 0 },
};

/* Of a client whom nobody has registered: what its document cannot say. */
static const member strangers[] = {
  { "scope", TEXTS, NULL },
  { "resource", TEXTS, NULL },
  { "authorization_details_types", TEXTS, NULL },
  { "challenge_status", NUMBER, NULL },
  { 0 },
};

static const member cimds[] = {
  { "client", OBJECT, strangers },
  { "documents", ANY, NULL },
  { "fetch", ANY, NULL },
  { 0 },
};

static const member top[] = {
  { "issuer", TEXT, NULL },
  { "listen", OBJECT, listens },
  { "tls", OBJECT, tls },
  { "libocc", OBJECT, liboccs },
  { "clients", LIST, clients },
  { "cimd", OBJECT, cimds },
  { "rules", LIST, rules },
  { "test_user", OBJECT, users },
  { "keys", ANY, NULL },
  { "subject_tokens", MAP, subject_tokens },
  { "resource_servers", LIST, resource_servers },
  { "audit", OBJECT, audits },
  { "store_entries", NUMBER, NULL },
  { "table_entries", NUMBER, NULL },
  { 0 },
};

/* ---- Judging it ------------------------------------------------------------------------------ */

/* Where a value stands, the last part first: "clients", "[1]", "scope". */
typedef struct place {
  const struct place *above; /* NULL: the whole file */
  const char *name;          /* NULL: an element */
  size_t index;
} place;

static void print_place(const place *at)
{
  if (at->above != NULL) {
    print_place(at->above);
  }
  if (at->name == NULL) {
    fprintf(stderr, "[%zu]", at->index);
  } else {
    fprintf(stderr, at->above != NULL ? ".%s" : "%s", at->name);
  }
}

static int complain(const place *at, const char *what)
{
  fprintf(stderr, "configuration: ");
  if (at != NULL) {
    print_place(at);
  }
  fprintf(stderr, "%s%s\n", at != NULL ? ": " : "", what);
  return 0;
}

static int is_texts(const json_t *value)
{
  const json_t *element = NULL;
  size_t i = 0;

  json_array_foreach(value, i, element)
  {
    if (!json_is_string(element)) {
      return 0;
    }
  }
  return json_is_array(value);
}

static int has_kind(const json_t *value, kind wanted)
{
  switch (wanted) {
  case TEXT:
    return json_is_string(value);
  case NUMBER:
    return json_is_number(value);
  case TRUTH:
    return json_is_boolean(value);
  case TEXTS:
    return is_texts(value);
  case LIST:
    return json_is_array(value);
  case ANY:
  case OBJECT:
  case MAP:
  default:
    return json_is_object(value);
  }
}

static int is_good(json_t *value, const member *of, const place *at);

static const member *find(const member *of, const char *name)
{
  while (of->name != NULL && of->name[0] != '\0' && strcmp(of->name, name) != 0) {
    of++;
  }
  return of->name != NULL ? of : NULL;
}

static int are_good(json_t *object, const member *members, const place *above)
{
  const char *name = NULL;
  json_t *value = NULL;

  json_object_foreach(object, name, value)
  {
    const member *of = find(members, name);
    const place at = { above, name, 0 };

    if (of == NULL) {
      return complain(&at, "there is no such member");
    }
    if (of->name[0] != '\0' && !is_good(value, of, &at)) {
      return 0;
    }
  }
  return 1;
}

static int element_is_good(json_t *value, const member *members, const place *at)
{
  return json_is_object(value) ? are_good(value, members, at) : complain(at, "must be an object");
}

/* Of a list or of a map, of which only the number is told. */
static int each_is_good(json_t *values, const member *members, const place *above)
{
  place at = { above, NULL, 0 };
  const char *name = NULL;
  json_t *value = NULL;
  int good = 1;

  json_array_foreach(values, at.index, value)
  {
    good = good && element_is_good(value, members, &at);
  }
  json_object_foreach(values, name, value)
  {
    good = good && element_is_good(value, members, &at);
    at.index++;
  }
  return good;
}

static int is_good(json_t *value, const member *of, const place *at)
{
  static const char *const wanted[] = { "must be a text",        "must be a number",
                                        "must be true or false", "must be an array of texts",
                                        "must be an object",     "must be an object",
                                        "must be an array",      "must be an object" };

  if (!has_kind(value, of->kind)) {
    return complain(at, wanted[of->kind]);
  }
  if (of->kind == OBJECT) {
    return are_good(value, of->inside, at);
  }
  return of->inside == NULL || each_is_good(value, of->inside, at);
}

json_t *config_read(const char *path)
{
  json_t *config = read_config(path);
  int good = config != NULL;

  if (good && !json_is_object(config)) {
    good = complain(NULL, "must be an object");
  }
  if (good) {
    good = are_good(config, top, NULL);
  }
  if (!good) {
    json_decref(config);
    config = NULL;
  }
  return config;
}
