/* SPDX-License-Identifier: MIT */

/* Responses to a fetch of a document or key set. Called before their body is parsed.
 * spec: draft-ietf-oauth-client-id-metadata-document-02 sections 4, 5, 8.7 */

#include "cimd/fetched.h"

#include "wire/header.h"

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Takes `word` off the text, without case; 0: it does not begin with it. */
static int take(occ_span *text, const char *word)
{
  const size_t len = strlen(word);

  if (text->len < len) {
    return 0;
  }
  for (size_t i = 0; i < len; i++) {
    if (lower(text->base[i]) != (uint8_t)word[i]) {
      return 0;
    }
  }
  *text = occ__span(text->base + len, text->len - len);
  return 1;
}

static void skip_blanks(occ_span *text)
{
  while (text->len > 0 && (text->base[0] == ' ' || text->base[0] == '\t')) {
    *text = occ__span(text->base + 1, text->len - 1);
  }
}

static int is_token(uint8_t c)
{
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("!#$&-^_.+", c) != NULL);
}

/* json, or something that ends in +json. spec: RFC 6838 section 4.2 */
static int take_subtype(occ_span *text)
{
  occ_span subtype = { text->base, 0 };

  while (subtype.len < text->len && is_token(text->base[subtype.len])) {
    subtype.len++;
  }
  *text = occ__span(text->base + subtype.len, text->len - subtype.len);
  if (subtype.len > 5) {
    subtype = occ__span(subtype.base + subtype.len - 5, 5);
    return take(&subtype, "+json");
  }
  return subtype.len == 4 && take(&subtype, "json");
}

/* One parameter: a charset must be UTF-8, others do not matter. */
static int take_parameter(occ_span *text)
{
  const int charset = take(text, "charset=");
  int quoted = 0;

  if (charset) {
    quoted = take(text, "\"");
    return take(text, "utf-8") && (!quoted || take(text, "\""));
  }
  while (text->len > 0 && (quoted || text->base[0] != ';')) {
    quoted = text->base[0] == '"' ? !quoted : quoted;
    *text = occ__span(text->base + 1, text->len - 1);
  }
  return !quoted;
}

static int is_json(occ_span type)
{
  if (!take(&type, "application/") || !take_subtype(&type)) {
    return 0;
  }
  for (;;) {
    skip_blanks(&type);
    if (type.len == 0) {
      return 1;
    }
    if (!take(&type, ";")) {
      return 0;
    }
    skip_blanks(&type);
    if (!take_parameter(&type)) {
      return 0;
    }
  }
}

/* What is encoded was not asked for, and may be a bomb. */
static int is_encoded(occ_span headers)
{
  size_t count = 0;
  occ_span encoding = occ__header_in_block(headers, "Content-Encoding", &count);

  return count > 1 || (count == 1 && (!take(&encoding, "identity") || encoding.len > 0));
}

/* A fetcher need not read what is announced to be too long. */
static int is_announced_large(occ_span headers, size_t most)
{
  size_t count = 0, length = 0;
  const occ_span value = occ__header_in_block(headers, "Content-Length", &count);

  for (size_t i = 0; i < value.len && value.base[i] >= '0' && value.base[i] <= '9'; i++) {
    if (length > most) {
      break;
    }
    length = length * 10 + (size_t)(value.base[i] - '0');
  }
  return length > most;
}

int occ__fetched_judge(int64_t status, occ_span headers, size_t len, const occ_fetched_rules *rules)
{
  size_t count = 0;
  const occ_span type = occ__header_in_block(headers, "Content-Type", &count);

  if (status == 0 || status == 429 || (status >= 500 && status <= 599)) {
    return OCC__REASON_CIMD_UNREACHABLE;
  }
  if (status != 200) { /* redirects too: who follows them believes whoever can redirect */
    return OCC__REASON_CIMD_STATUS;
  }
  if (is_encoded(headers) || count > 1 || (count == 0 && !rules->type_optional) ||
      (count == 1 && !is_json(type))) {
    return OCC__REASON_CIMD_TYPE;
  }
  return len > rules->octets || is_announced_large(headers, rules->octets) ? OCC__REASON_CIMD_LARGE
                                                                           : OCC_OK;
}
