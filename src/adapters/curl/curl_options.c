/* SPDX-License-Identifier: MIT */

/* Options of occ_curl, read once by occ_curl_new(). They are the operator's own text, which is why jansson may read it;
 * no text of a peer comes here. */

#include "adapters/curl/curl_options.h"

#include <jansson.h>
#include <string.h>

#define FETCH_MS    3000 /* field range 2.5 to 10 s */
#define CONNECT_MS  1500
#define CALL_MS     15000
#define CALL_OCTETS 65536 /* more than any token response has */

typedef struct reader {
  occ_curl_options *out;
  int development, rc;
} reader;

static const char *take_text(reader *r, const json_t *value)
{
  const char *text = json_string_value(value);

  if (text == NULL || text[0] == '\0' || strlen(text) != json_string_length(value)) {
    r->rc = OCC_ERR_CONFIG;
  }
  return text;
}

static long take_number(reader *r, const json_t *value, long least, long most)
{
  const json_int_t number = json_integer_value(value);

  if (!json_is_integer(value) || number < least || number > most) {
    r->rc = OCC_ERR_CONFIG;
    return least;
  }
  return (long)number;
}

static int take_flag(reader *r, const json_t *value)
{
  if (!json_is_boolean(value)) {
    r->rc = OCC_ERR_CONFIG;
  }
  return json_is_true(value);
}

/* Lines for CURLOPT_RESOLVE, "host:port:address". */
static struct curl_slist *take_lines(reader *r, const json_t *value)
{
  struct curl_slist *lines = NULL;
  size_t i;
  json_t *line;

  if (!json_is_array(value)) {
    r->rc = OCC_ERR_CONFIG;
    return NULL;
  }
  json_array_foreach(value, i, line)
  {
    const char *text = take_text(r, line);
    struct curl_slist *longer = text == NULL ? NULL : curl_slist_append(lines, text);

    if (longer == NULL) {
      r->rc = r->rc == OCC_OK ? OCC_ERR_MEMORY : r->rc;
      break;
    }
    lines = longer;
  }
  return lines;
}

static char *escape(reader *r, const json_t *value)
{
  const char *text = take_text(r, value);
  char *escaped = text == NULL ? NULL : curl_easy_escape(NULL, text, 0);

  if (escaped == NULL && r->rc == OCC_OK) {
    r->rc = OCC_ERR_MEMORY;
  }
  return escaped;
}

/* Which text an option is; NULL: none of them. */
static const char **text_of(occ_curl_options *out, const char *name)
{
  const struct {
    const char *name;
    const char **text;
  } row[] = { { "ca_file", &out->ca_file },
              { "ca_path", &out->ca_path },
              { "ca_pem", &out->ca_pem },
              { "user_agent", &out->user_agent },
              { "call_proxy", &out->call_proxy } };

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    if (strcmp(name, row[i].name) == 0) {
      return row[i].text;
    }
  }
  return NULL;
}

static void take(reader *r, const char *name, const json_t *value)
{
  occ_curl_options *out = r->out;
  const char **text = text_of(out, name);

  if (text != NULL) {
    *text = take_text(r, value);
  } else if (strcmp(name, "fetch_ms") == 0) {
    out->fetch_ms = take_number(r, value, 100, 10000);
  } else if (strcmp(name, "connect_ms") == 0) {
    out->connect_ms = take_number(r, value, 100, 10000);
  } else if (strcmp(name, "call_ms") == 0) {
    out->call_ms = take_number(r, value, 100, 120000);
  } else if (strcmp(name, "call_octets") == 0) {
    out->call_octets = (size_t)take_number(r, value, 1024, 1048576);
  } else if (strcmp(name, "skip_refused_addresses") == 0) {
    out->skip_refused = take_flag(r, value);
  } else if (strcmp(name, "client_id") == 0) {
    out->user = escape(r, value);
  } else if (strcmp(name, "client_secret") == 0) {
    out->password = escape(r, value);
  } else if (strcmp(name, "development") == 0) {
    r->development = take_flag(r, value);
  } else if (strcmp(name, "resolve") == 0) {
    out->resolve = take_lines(r, value);
  } else {
    r->rc = OCC_ERR_CONFIG;
  }
}

/* What does not go together. */
static int judge(const reader *r)
{
  const occ_curl_options *out = r->out;

  if ((out->resolve != NULL && !r->development) || (out->user == NULL) != (out->password == NULL) ||
      (out->ca_pem != NULL && out->ca_file != NULL)) {
    return OCC_ERR_CONFIG;
  }
  return OCC_OK;
}

int occ__curl_options_read(occ_curl_options *out, const char *json)
{
  reader r = { .out = out, .rc = OCC_OK };
  json_error_t error;
  json_t *object, *value;
  const char *name;

  *out = (occ_curl_options){ .user_agent = "libocc",
                             .fetch_ms = FETCH_MS,
                             .connect_ms = CONNECT_MS,
                             .call_ms = CALL_MS,
                             .call_octets = CALL_OCTETS };
  if (json == NULL) {
    return OCC_OK;
  }
  object = json_loads(json, JSON_REJECT_DUPLICATES, &error);
  if (object == NULL && json_error_code(&error) == json_error_out_of_memory) {
    return OCC_ERR_MEMORY;
  }
  if (!json_is_object(object)) {
    json_decref(object);
    return OCC_ERR_SYNTAX;
  }
  out->json = object;
  json_object_foreach(object, name, value)
  {
    if (r.rc == OCC_OK) {
      take(&r, name, value);
    }
  }
  return r.rc == OCC_OK ? judge(&r) : r.rc;
}

void occ__curl_options_clear(occ_curl_options *options)
{
  json_decref(options->json);
  curl_free(options->user);
  curl_free(options->password);
  curl_slist_free_all(options->resolve);
  *options = (occ_curl_options){ 0 };
}
