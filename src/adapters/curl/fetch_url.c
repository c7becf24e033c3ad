/* SPDX-License-Identifier: MIT */

/* The URL of a FETCH before libcurl has it. occ_cimd has judged it already by stricter rules; this is the second look, for
 * whoever else asks FETCH. Called by transfer.c. */

#include "adapters/curl/fetch_url.h"

#include <curl/curl.h>
#include <string.h>

#define MAX_HOST 255u

typedef struct parts {
  char host[MAX_HOST + 1];
  unsigned port;
  const char *target; /* path and query */
} parts;

static int is_host(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("-.[]:", c) != NULL);
}

/* ":8443", without leading zeros; or nothing. */
static int read_port(const char **at, unsigned *port)
{
  const char *c = *at;

  *port = 443;
  if (*c != ':') {
    return 1;
  }
  c++;
  if (*c < '1' || *c > '9') {
    return 0;
  }
  for (*port = 0; *c >= '0' && *c <= '9' && *port <= 65535; c++) {
    *port = *port * 10 + (unsigned)(*c - '0');
  }
  *at = c;
  return *port <= 65535;
}

static int read_strictly(const char *url, parts *out)
{
  static const char https[] = "https://";
  const char *host = url + sizeof(https) - 1;
  size_t len;

  if (strncmp(url, https, sizeof(https) - 1) != 0) {
    return 0;
  }
  len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
  if (len == 0 || len > MAX_HOST || strlen(host) < len) {
    return 0;
  }
  for (size_t i = 0; i < len; i++) {
    if (!is_host(host[i])) {
      return 0;
    }
  }
  memcpy(out->host, host, len);
  out->host[len] = '\0';
  out->target = host + len;
  if (!read_port(&out->target, &out->port) || out->target[0] != '/') {
    return 0;
  }
  for (const char *c = out->target; *c != '\0'; c++) {
    if (*c <= 0x20 || *c >= 0x7f || *c == '#' || *c == '\\') {
      return 0;
    }
  }
  return 1;
}

/* Is this part the text, and no more? */
static int part_is(CURLU *url, CURLUPart what, const char *text, size_t len)
{
  char *part = NULL;
  const int same = curl_url_get(url, what, &part, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   strlen(part) == len && memcmp(part, text, len) == 0;

  curl_free(part);
  return same;
}

static int has_part(CURLU *url, CURLUPart what)
{
  char *part = NULL;
  const CURLUcode rc = curl_url_get(url, what, &part, 0);

  curl_free(part);
  return rc == CURLUE_OK;
}

static size_t write_port(char out[6], unsigned port)
{
  size_t len = 0;

  for (unsigned unit = 10000; unit > 0; unit /= 10) {
    if (port >= unit || len > 0) {
      out[len++] = (char)('0' + port / unit % 10);
    }
  }
  return len;
}

/* libcurl's reading of it. */
static int is_read_alike(CURLU *url, const parts *p)
{
  const size_t path = strcspn(p->target, "?");
  const char *query = p->target[path] == '?' ? p->target + path + 1 : "";
  char port[6];
  const size_t port_len = write_port(port, p->port);

  return part_is(url, CURLUPART_SCHEME, "https", 5) &&
         part_is(url, CURLUPART_HOST, p->host, strlen(p->host)) &&
         part_is(url, CURLUPART_PORT, port, port_len) &&
         part_is(url, CURLUPART_PATH, p->target, path) &&
         (query[0] == '\0' || part_is(url, CURLUPART_QUERY, query, strlen(query))) &&
         !has_part(url, CURLUPART_USER) && !has_part(url, CURLUPART_FRAGMENT);
}

int occ__fetch_url_read(const char *url, unsigned *port)
{
  CURLU *handle = NULL;
  parts p;
  int alike;

  if (url == NULL || !read_strictly(url, &p)) {
    return 0;
  }
  handle = curl_url();
  alike = handle != NULL &&
          curl_url_set(handle, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
          is_read_alike(handle, &p);
  curl_url_cleanup(handle);
  *port = p.port;
  return alike;
}
