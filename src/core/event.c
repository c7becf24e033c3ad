/* SPDX-License-Identifier: MIT */

/* Names of events, and an event as one line of JSON for an audit log. Called by hosts, from inside their sink mostly:
 * so it allocates nothing. */

#include "occ/event.h"

#include <string.h>

#include "core/lib.h"

const char *occ_event_name(int id)
{
  static const char *const name[] = { [OCC__EVENT_NONE] = "none",
#define X(id, text) [OCC__EVENT_##id] = text,
                                      OCC__EVENT_LIST(X)
#undef X
  };

  return id >= 0 && id < OCC__EVENTS ? name[id] : NULL;
}

/* Counts everything, writes what fits. */
typedef struct line {
  char *out;
  size_t cap, len;
} line;

static void put(line *to, const char *text)
{
  for (; *text != '\0'; text++, to->len++) {
    if (to->len < to->cap) {
      to->out[to->len] = *text;
    }
  }
}

/* The texts of events are printable ASCII; whatever is not becomes an escape, so that a line stays one line of JSON. */
static void put_string(line *to, const char *text)
{
  static const char hex[] = "0123456789abcdef";

  put(to, "\"");
  for (; *text != '\0'; text++) {
    unsigned char octet = (unsigned char)*text;
    char one[3] = { (char)octet, '\0', '\0' };
    char control[7] = { '\\', 'u', '0', '0', hex[octet >> 4], hex[octet & 15u], '\0' };

    if (octet >= 0x80) {
      put(to, "\\ufffd");
    } else if (octet < 0x20 || octet == 0x7f) {
      put(to, control);
    } else {
      put(to, octet == '"' || octet == '\\' ? "\\" : "");
      put(to, one);
    }
  }
  put(to, "\"");
}

static void put_text(line *to, const char *member, const char *text)
{
  if (text != NULL) {
    put(to, ",\"");
    put(to, member);
    put(to, "\":");
    put_string(to, text);
  }
}

static void put_number(line *to, int64_t number)
{
  char digits[24];
  size_t at = sizeof(digits);
  uint64_t rest = number < 0 ? 0u - (uint64_t)number : (uint64_t)number;

  digits[--at] = '\0';
  do {
    digits[--at] = (char)('0' + rest % 10u);
    rest /= 10u;
  } while (rest != 0);
  put(to, number < 0 ? "-" : "");
  put(to, digits + at);
}

size_t occ_event_json(const occ_event *event, char *out, size_t cap)
{
  line to = { out, out == NULL ? 0 : cap, 0 };
  const char *name, *reason;

  if (event == NULL) {
    if (to.cap > 0) {
      out[0] = '\0';
    }
    return 0;
  }
  name = occ_event_name(event->id);
  reason = event->reason == 0 ? NULL : occ_reason_name(event->reason);
  put(&to, "{\"event\":");
  put_string(&to, name == NULL ? "unknown" : name);
  put(&to, ",\"time\":");
  put_number(&to, event->time);
  put_text(&to, "reason", reason);
  put_text(&to, "issuer", event->issuer);
  put_text(&to, "reference", event->reference);
  put_text(&to, "chain", event->chain);
  put_text(&to, "client", event->client);
  put_text(&to, "requirement", event->requirement);
  put_text(&to, "detail", event->detail);
  put(&to, "}");
  if (to.cap > 0) {
    out[to.len < to.cap ? to.len : 0] =
        '\0'; /* half a line in an audit log would be worse than none */
  }
  return to.len;
}
