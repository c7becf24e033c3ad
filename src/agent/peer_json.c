/* SPDX-License-Identifier: MIT */

/* JSON text that a server sent: the exact octets of one member, and forgetting values that may be secret. Called by
 * challenge.c and call.c, always after wire/json_in.c has judged the text; so there is no error path for bad JSON here,
 * only "not found". Must never read past the span, whatever it is given. */

#include "agent/agent.h"

static size_t skip_space(occ_span text, size_t at)
{
  while (at < text.len && (text.base[at] == ' ' || text.base[at] == '\t' || text.base[at] == '\n' ||
                           text.base[at] == '\r')) {
    at++;
  }
  return at;
}

/* at: an opening quote. The place after the closing one. */
static size_t skip_string(occ_span text, size_t at)
{
  for (at++; at < text.len; at++) {
    if (text.base[at] == '\\') {
      at++;
    } else if (text.base[at] == '"') {
      return at + 1;
    }
  }
  return text.len;
}

/* at: the first octet of a value. The place of the comma or bracket after it, trailing space included. */
static size_t skip_value(occ_span text, size_t at)
{
  size_t depth = 0;

  while (at < text.len) {
    uint8_t octet = text.base[at];
    if (octet == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (octet == '{' || octet == '[') {
      depth++;
    } else if ((octet == '}' || octet == ']' || octet == ',') && depth == 0) {
      return at;
    } else if (octet == '}' || octet == ']') {
      depth--;
    }
    at++;
  }
  return text.len;
}

static size_t trim_end(occ_span text, size_t from, size_t to)
{
  while (to > from && skip_space(text, to - 1) >= to) {
    to--;
  }
  return to;
}

occ_span occ__peer_json_slice(occ_span object, size_t index)
{
  size_t at = skip_space(object, 0);

  if (at >= object.len || object.base[at] != '{') {
    return occ__span(NULL, 0);
  }
  for (size_t member = 0;; member++) {
    size_t from, to;
    at = skip_space(object, at + 1); /* over the bracket or the comma */
    if (at >= object.len || object.base[at] != '"') {
      return occ__span(NULL, 0);
    }
    at = skip_space(object, skip_string(object, at));
    from = skip_space(object, at + 1); /* over the colon */
    to = skip_value(object, from);
    if (member == index && from < to) {
      return occ__span(object.base + from, trim_end(object, from, to) - from);
    }
    at = to;
  }
}

/* Depth is bounded by the limits with which it was read. */
static void wipe_strings(json_t *value)
{
  const char *name;
  json_t *item;
  size_t i;

  if (json_is_string(value)) {
    /* The text is jansson's own copy and dies with the value. */
    occ__wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
  } else if (json_is_array(value)) {
    json_array_foreach(value, i, item)
    {
      wipe_strings(item);
    }
  } else if (json_is_object(value)) {
    json_object_foreach(value, name, item)
    {
      wipe_strings(item);
    }
  }
}

void occ__peer_json_drop(json_t *value)
{
  if (value != NULL) {
    wipe_strings(value);
    json_decref(value);
  }
}
