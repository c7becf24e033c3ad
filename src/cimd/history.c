/* SPDX-License-Identifier: MIT */

/* Histories of clients, and the records of them that hosts keep. Called by cache.c under its lock (noting), and by cimd.c
 * without it (records). A record is the host's own text, and may still be anything: what it does not say is not known.
 * spec: draft-ietf-oauth-client-id-metadata-document-02 section 8.4 */

#include "cimd/history.h"

#include "base/b64.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

#define SNAPSHOT (2u * OCC__SHA256_LEN + 1u) /* octets of a document's: method, keys, flag */

void occ__history_note(occ_history *history, const occ_snapshot *now_seen, occ_time now)
{
  const unsigned changes = history->seen ? occ__value_changes(&history->last, now_seen) : 0;

  if (changes != 0) {
    history->changed = now;
    history->changes |= changes;
  }
  if (history->first_seen == 0) {
    history->first_seen = now;
  }
  history->seen = 1;
  history->last = *now_seen;
}

/* ---- Changes, by name ---- */

static const struct {
  unsigned bit;
  const char *name;
} change[] = { { OCC__CHANGED_METHOD, "method" },
               { OCC__CHANGED_KEYS, "keys" },
               { OCC__CHANGED_CAPABILITY, "challenge_supported" } };

#define CHANGES (sizeof(change) / sizeof(change[0]))

void occ__history_write_changes(occ_buf *out, unsigned changes)
{
  occ__json_open(out, '[');
  for (size_t i = 0; i < CHANGES; i++) {
    if ((changes & change[i].bit) != 0) {
      occ__json_string(out, occ__span_text(change[i].name));
    }
  }
  occ__json_close(out, ']');
}

static unsigned read_changes(const json_t *list)
{
  unsigned changes = 0;

  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));

    for (size_t k = 0; name != NULL && k < CHANGES; k++) {
      changes |= strcmp(name, change[k].name) == 0 ? change[k].bit : 0;
    }
  }
  return changes;
}

/* ---- Records ---- */

static occ_time read_time(const json_t *object, const char *name, occ_time now)
{
  const json_int_t time = json_integer_value(json_object_get(object, name)); /* 0: no integer */

  return time < 0 ? 0 : time < now ? (occ_time)time : now;
}

static int read_octets(uint8_t *out, size_t len, const json_t *object, const char *name)
{
  const json_t *text = json_object_get(object, name);

  return json_is_string(text) &&
         occ__b64_decode_exact(
             out, len, occ__span(json_string_value(text), json_string_length(text))) == OCC_OK;
}

int occ__record_read(occ_record *out, const char *text, occ_time now)
{
  uint8_t octets[SNAPSHOT];
  json_t *object = NULL;
  int rc = occ__json_read_object(&object, occ__span_text(text), &occ__json_answer);

  *out = (occ_record){ .first_seen = 0 };
  if (rc != OCC_OK) {
    return rc == OCC_ERR_MEMORY ? rc : OCC_ERR_SYNTAX;
  }
  out->first_seen = read_time(object, "first_seen", now);
  out->changed = read_time(object, "changed", now);
  out->changes = read_changes(json_object_get(object, "changes"));
  out->has_document = read_octets(octets, SNAPSHOT, object, "document");
  if (out->has_document) {
    memcpy(out->document.method, octets, OCC__SHA256_LEN);
    memcpy(out->document.keys, octets + OCC__SHA256_LEN, OCC__SHA256_LEN);
    out->document.capable = octets[SNAPSHOT - 1] != 0;
  }
  out->has_keys = read_octets(out->keys.keys, OCC__SHA256_LEN, object, "keys");
  json_decref(object);
  return OCC_OK;
}

void occ__record_write(occ_buf *out, const occ_record *record)
{
  uint8_t octets[SNAPSHOT];

  occ__json_open(out, '{');
  occ__json_put_number(out, "first_seen", record->first_seen);
  if (record->changed != 0) {
    occ__json_put_number(out, "changed", record->changed);
    occ__json_name(out, "changes");
    occ__history_write_changes(out, record->changes);
  }
  if (record->has_document) {
    memcpy(octets, record->document.method, OCC__SHA256_LEN);
    memcpy(octets + OCC__SHA256_LEN, record->document.keys, OCC__SHA256_LEN);
    octets[SNAPSHOT - 1] = record->document.capable != 0;
    occ__json_name(out, "document");
    occ__json_b64(out, occ__span(octets, SNAPSHOT));
  }
  if (record->has_keys) {
    occ__json_name(out, "keys");
    occ__json_b64(out, occ__span(record->keys.keys, OCC__SHA256_LEN));
  }
  occ__json_close(out, '}');
}

static occ_time earlier(occ_time a, occ_time b)
{
  return a == 0 || (b != 0 && b < a) ? b : a;
}

void occ__record_join(occ_history *history, const occ_record *record, int keys)
{
  history->first_seen = earlier(history->first_seen, record->first_seen);
  history->changed = record->changed > history->changed ? record->changed : history->changed;
  history->changes |= record->changes;
  if (keys ? record->has_keys : record->has_document) { /* another node may have seen it since */
    history->seen = 1;
    history->last = keys ? record->keys : record->document;
  }
}

void occ__record_take(occ_record *record, const occ_history *history, int keys)
{
  record->first_seen = earlier(record->first_seen, history->first_seen);
  record->changed = history->changed > record->changed ? history->changed : record->changed;
  record->changes |= history->changes;
  if (keys) {
    record->has_keys = 1;
    record->keys = history->last;
  } else {
    record->has_document = 1;
    record->document = history->last;
  }
}
