/* SPDX-License-Identifier: MIT */

/* The JSON body of an error answer and of a challenge. Called by core's response alone. Nothing
 * that a peer sent goes in: a text that may not stand here is left out, never repaired. spec: RFC
 * 6749 section 5.2. */

#include "wire/body.h"

#include "wire/json_out.h"

int occ__body_text_allowed(const char *text)
{
  const char *at = text;

  if (text == NULL || *text == '\0') {
    return 0;
  }
  for (; *at != '\0'; at++) {
    if (*at < 0x20 || *at > 0x7e || *at == '"' || *at == '\\') {
      return 0;
    }
  }
  return 1;
}

/* Both texts are of the allowed characters or absent, so they need no escape. */
static void write_description(occ_buf *out, const char *description, const char *reference)
{
  int has_text = occ__body_text_allowed(description);

  if (!has_text && !occ__body_text_allowed(reference)) {
    return;
  }
  occ__json_name(out, "error_description");
  occ__buf_byte(out, '"');
  if (has_text) {
    occ__buf_text(out, description);
  }
  if (occ__body_text_allowed(reference)) {
    occ__buf_text(out, has_text ? " (reference " : "(reference ");
    occ__buf_text(out, reference);
    occ__buf_byte(out, ')');
  }
  occ__buf_byte(out, '"');
}

static int is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The object's text without its closing brace, then the session and the brace. */
static void write_nested(occ_buf *out, const occ_names *names, const occ_body_challenge *challenge)
{
  const char *text = challenge->requirement;
  size_t len = strlen(text);

  while (len != 0 && is_space(text[len - 1])) {
    len--;
  }
  if (len == 0 || text[len - 1] != '}') { /* no object: it is not for us to make one of it */
    occ__json_raw(out, occ__span(text, len));
    return;
  }
  for (len--; len != 0 && is_space(text[len - 1]); len--) {
  }
  occ__json_raw(out, occ__span(text, len));
  occ__json_put_text(out, names->session, challenge->session);
  occ__json_close(out, '}');
}

static void write_challenge(occ_buf *out, const occ_names *names,
                            const occ_body_challenge *challenge)
{
  occ__json_name(out, names->requirement);
  if (challenge->nested) {
    write_nested(out, names, challenge);
  } else {
    occ__json_raw(out, occ__span_text(challenge->requirement));
  }
  occ__json_put_text(out, names->session, challenge->session);
  occ__json_put_number(out, names->expires_in, challenge->expires_in);
}

void occ__body_write(occ_buf *out, const occ_names *names, const char *error,
                     const char *description, const char *reference,
                     const occ_body_challenge *challenge)
{
  occ__json_open(out, '{');
  occ__json_put_text(out, "error",
                     occ__body_text_allowed(error) ? error
                                                   : occ__error_name(names, OCC__SERVER_ERROR));
  write_description(out, description, reference);
  if (challenge != NULL) {
    write_challenge(out, names, challenge);
  }
  occ__json_close(out, '}');
}
