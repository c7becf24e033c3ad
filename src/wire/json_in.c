/* SPDX-License-Identifier: MIT */

/* JSON text to jansson values. Called by jose, core, evidence and agent for every JSON text there
 * is. A text is read once, and values are made as they come: what is over a limit, or turns out to
 * be no JSON, has cost no more than a text just inside of the limit does. jansson is what values are
 * made of; its own reader is never used, for it writes past a buffer that it could not grow, takes
 * memory that ran out for bad syntax, and calls itself. Nothing of jansson that is process-wide is
 * changed here. spec: RFC 8259. */

#include "wire/json_in.h"

#include "base/limits.h"
#include "occ/base.h"
#include "wire/json_reader.h"

/* A peer sends no JSON text longer than the claims of a JWT. */
const occ_json_limits occ__json_peer = { OCC__MAX_JWT / 4 * 3, OCC__MAX_JSON_DEPTH,
                                         OCC__MAX_JSON_VALUES };
const occ_json_limits occ__json_request = { OCC__MAX_JWT / 4 * 3, OCC__MAX_JSON_DEPTH,
                                            OCC__MAX_REQUEST_VALUES };
const occ_json_limits occ__json_proof = { OCC__MAX_PROOF, OCC__MAX_PROOF_DEPTH,
                                          OCC__MAX_PROOF_VALUES };
const occ_json_limits occ__json_assertion = { OCC__MAX_JWT / 4 * 3, OCC__MAX_PROOF_DEPTH,
                                              OCC__MAX_PROOF_VALUES };
const occ_json_limits occ__json_client = { OCC__MAX_METADATA, OCC__MAX_JSON_DEPTH,
                                           OCC__MAX_METADATA_VALUES };
const occ_json_limits occ__json_answer = { OCC__MAX_ANSWER, OCC__MAX_JSON_DEPTH,
                                           OCC__MAX_ANSWER_VALUES };
const occ_json_limits occ__json_config = { OCC__MAX_CONFIG_JSON, OCC__MAX_JSON_DEPTH,
                                           OCC__MAX_CONFIG_VALUES };

int occ__json_scan(occ_span text, const occ_json_limits *limits)
{
  occ_json_reader reader;
  occ_json_event event = OCC__JSON_NULL;
  int rc = occ__json_reader_init(&reader, text, limits);

  while (rc == OCC_OK && event != OCC__JSON_END) {
    rc = occ__json_reader_next(&reader, &event);
  }
  return rc;
}

/* A value that grows from the events of a text. */
typedef struct builder {
  occ_json_reader reader;
  json_t *root;                   /* owned, until it is handed out */
  json_t *open[OCC__JSON_LEVELS]; /* borrowed from root: what is not closed yet, innermost last */
  size_t depth;
  occ_span name;           /* of the member whose value comes next */
  json_t *long_name;       /* owned; what name lies in if it had escapes: this ... */
  uint8_t short_name[256]; /* ... or this */
} builder;

/* The string of the last event, or NULL. It gets its length first, and then its octets in place: so
 * there is no other copy of what may be a secret. */
static json_t *decoded(const occ_json_reader *reader)
{
  json_t *string = json_stringn_nocheck((const char *)reader->raw.base, reader->len);

  if (string != NULL && reader->len != reader->raw.len) {
    occ__json_reader_decode((uint8_t *)(uintptr_t)json_string_value(string), reader->raw);
  }
  return string;
}

static int take_name(builder *b)
{
  const occ_json_reader *reader = &b->reader;

  b->name = reader->raw;
  if (reader->len == reader->raw.len) {
    return OCC_OK;
  }
  if (reader->len <= sizeof(b->short_name)) {
    occ__json_reader_decode(b->short_name, reader->raw);
    b->name = occ__span(b->short_name, reader->len);
    return OCC_OK;
  }
  b->long_name = decoded(reader);
  b->name = occ__span(json_string_value(b->long_name), reader->len);
  return b->long_name != NULL ? OCC_OK : OCC_ERR_MEMORY;
}

/* Takes value. */
static int put_member(builder *b, json_t *object, json_t *value)
{
  const size_t before = json_object_size(object);
  const int failed =
      json_object_setn_new_nocheck(object, (const char *)b->name.base, b->name.len, value);

  json_decref(b->long_name);
  b->long_name = NULL;
  if (failed) {
    return OCC_ERR_MEMORY;
  }
  return json_object_size(object) == before ? OCC_ERR_SYNTAX
                                            : OCC_OK; /* a name for the second time */
}

/* Takes value; NULL: there was no memory for it. */
static int put_value(builder *b, json_t *value)
{
  json_t *parent = b->depth == 0 ? NULL : b->open[b->depth - 1];

  if (value == NULL) {
    return OCC_ERR_MEMORY;
  }
  if (parent == NULL) {
    b->root = value;
    return OCC_OK;
  }
  if (json_is_object(parent)) {
    return put_member(b, parent, value);
  }
  return json_array_append_new(parent, value) == 0 ? OCC_OK : OCC_ERR_MEMORY;
}

static int put_container(builder *b, json_t *value)
{
  int rc = put_value(b, value);

  if (rc == OCC_OK) {
    b->open[b->depth++] = value; /* the reader has no more levels than that */
  }
  return rc;
}

static int put_real(builder *b)
{
  double real;
  int rc = occ__json_reader_real(&real, b->reader.raw);

  return rc == OCC_OK ? put_value(b, json_real(real)) : rc;
}

static int build(builder *b, occ_json_event event)
{
  switch (event) {
  case OCC__JSON_OBJECT:
    return put_container(b, json_object());
  case OCC__JSON_ARRAY:
    return put_container(b, json_array());
  case OCC__JSON_CLOSE:
    b->depth--;
    return OCC_OK;
  case OCC__JSON_NAME:
    return take_name(b);
  case OCC__JSON_STRING:
    return put_value(b, decoded(&b->reader));
  case OCC__JSON_INTEGER:
    return put_value(b, json_integer(b->reader.integer));
  case OCC__JSON_REAL:
    return put_real(b);
  case OCC__JSON_TRUE:
    return put_value(b, json_true());
  case OCC__JSON_FALSE:
    return put_value(b, json_false());
  case OCC__JSON_NULL:
    return put_value(b, json_null());
  case OCC__JSON_END:
    break;
  }
  return OCC_OK;
}

int occ__json_read(json_t **out, occ_span text, const occ_json_limits *limits)
{
  builder b; /* large, so only what is read before it is written is set */
  occ_json_event event = OCC__JSON_NULL;
  int rc = occ__json_reader_init(&b.reader, text, limits);

  *out = b.root = b.long_name = NULL;
  b.depth = 0;
  while (rc == OCC_OK && event != OCC__JSON_END) {
    rc = occ__json_reader_next(&b.reader, &event);
    if (rc == OCC_OK) {
      rc = build(&b, event);
    }
  }
  if (rc == OCC_OK) {
    *out = b.root;
    b.root = NULL;
  }
  json_decref(b.long_name);
  json_decref(b.root);
  return rc;
}

int occ__json_read_object(json_t **out, occ_span text, const occ_json_limits *limits)
{
  int rc = occ__json_read(out, text, limits);

  if (rc == OCC_OK && !json_is_object(*out)) {
    json_decref(*out);
    *out = NULL;
    rc = OCC_ERR_SYNTAX;
  }
  return rc;
}

/* The names of the objects that are open, so that one that comes twice is seen. */
#define NAMES_SEEN 64u

typedef struct judge {
  occ_json_reader reader;
  occ_span name[NAMES_SEEN];
  size_t names;
  size_t first[OCC__JSON_LEVELS + 1]; /* by level: where its names begin */
} judge;

/* OCC_OK; OCC_ERR_SYNTAX: for the second time; OCC_ERR_LIMIT: too many to tell, or one that is escaped. */
static int see_name(judge *j)
{
  const occ_span name = j->reader.raw;

  if (j->names == NAMES_SEEN || j->reader.len != name.len) {
    return OCC_ERR_LIMIT;
  }
  for (size_t i = j->first[j->reader.depth]; i < j->names; i++) {
    if (occ__span_equal(j->name[i], name)) {
      return OCC_ERR_SYNTAX;
    }
  }
  j->name[j->names++] = name;
  return OCC_OK;
}

static int see(judge *j, occ_json_event event, int *cannot_tell)
{
  double real;
  int rc;

  switch (event) {
  case OCC__JSON_OBJECT:
  case OCC__JSON_ARRAY:
    j->first[j->reader.depth] = j->names;
    return OCC_OK;
  case OCC__JSON_CLOSE: /* the level above is open again */
    j->names = j->first[j->reader.depth + 1];
    return OCC_OK;
  case OCC__JSON_NAME:
    rc = see_name(j);
    *cannot_tell = rc == OCC_ERR_LIMIT;
    return *cannot_tell ? OCC_OK : rc;
  case OCC__JSON_REAL:
    return occ__json_reader_real(&real, j->reader.raw);
  case OCC__JSON_STRING:
  case OCC__JSON_INTEGER:
  case OCC__JSON_TRUE:
  case OCC__JSON_FALSE:
  case OCC__JSON_NULL:
  case OCC__JSON_END:
    break;
  }
  return OCC_OK;
}

static int read_and_drop(occ_span text, const occ_json_limits *limits)
{
  json_t *object = NULL;
  int rc = occ__json_read_object(&object, text, limits);

  json_decref(object);
  return rc;
}

int occ__json_check_object(occ_span text, const occ_json_limits *limits)
{
  judge j;
  occ_json_event event = OCC__JSON_NULL;
  int cannot_tell = 0, is_object = 0, rc = occ__json_reader_init(&j.reader, text, limits);

  j.names = 0;
  while (rc == OCC_OK && event != OCC__JSON_END) {
    rc = occ__json_reader_next(&j.reader, &event);
    is_object |= event == OCC__JSON_OBJECT && j.reader.depth == 1 && j.reader.values == 1;
    if (rc == OCC_OK) {
      rc = see(&j, event, &cannot_tell);
    }
    if (cannot_tell) {
      return read_and_drop(text, limits);
    }
  }
  return rc == OCC_OK && !is_object ? OCC_ERR_SYNTAX : rc;
}

const char *occ__json_text(const json_t *object, const char *member)
{
  const json_t *value = json_object_get(object, member);
  const char *text = json_string_value(value);

  return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}
