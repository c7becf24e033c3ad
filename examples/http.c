/* SPDX-License-Identifier: MIT */

/* See http.h. Called by agent.c where it carries its messages itself, and for what a browser would
 * do. */

#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define LONGEST_ANSWER  (256u * 1024u) /* more than any token response has */
#define TIMEOUT_SECONDS 15L

/* Appends to a NUL-terminated text that may not grow without end. */
static size_t collect(char **text, size_t *len, const char *data, size_t more)
{
  char *grown = NULL;

  if (more > LONGEST_ANSWER || *len > LONGEST_ANSWER - more) {
    return 0; /* curl then gives up with an error */
  }
  grown = realloc(*text, *len + more + 1);
  if (grown == NULL) {
    return 0;
  }
  memcpy(grown + *len, data, more);
  *len += more;
  grown[*len] = '\0';
  *text = grown;
  return more;
}

static size_t on_body(char *data, size_t size, size_t count, void *user_data)
{
  http_answer *answer = user_data;

  return collect(&answer->body, &answer->len, data, size * count);
}

static size_t on_header(char *line, size_t size, size_t count, void *user_data)
{
  http_answer *answer = user_data;

  if (size * count > 5 && strncmp(line, "HTTP/", 5) == 0) {
    answer->headers_len = 0; /* a status line: what stood before belonged to an interim response */
    return size * count;
  }
  return collect(&answer->headers, &answer->headers_len, line, size * count);
}

/* spec: RFC 6749 section 2.3.1: form-encoded first. */
static CURLcode set_credentials(CURL *curl, const char *client_id, const char *client_secret)
{
  char *id = NULL;
  char *secret = NULL;
  CURLcode rc = CURLE_OUT_OF_MEMORY;

  if (client_secret == NULL) {
    return CURLE_OK;
  }
  id = form_encode(client_id, strlen(client_id));
  secret = form_encode(client_secret, strlen(client_secret));

  if (id != NULL && secret != NULL) {
    rc = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_USERNAME, id) : rc;
    rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_PASSWORD, secret) : rc;
  }
  free(id);
  free(secret);
  return rc;
}

CURL *http_open(const char *client_id, const char *client_secret)
{
  CURL *curl = curl_easy_init();

  if (curl == NULL) {
    return NULL;
  }
  /* Redirects stay off, as is curl's default: credentials go where the configuration says and
   * nowhere else. */
  if (curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
      set_credentials(curl, client_id, client_secret) != CURLE_OK) {
    curl_easy_cleanup(curl);
    return NULL;
  }
  return curl;
}

static struct curl_slist *split(const char *headers)
{
  struct curl_slist *list = NULL;

  while (*headers != '\0') {
    size_t len = strcspn(headers, "\r\n");
    char *line = text_copy(headers, len);

    if (line != NULL) {
      list = curl_slist_append(list, line);
    }
    free(line);
    headers += len;
    headers += strspn(headers, "\r\n");
  }
  return list;
}

void http_post(CURL *curl, const char *url, const char *headers, const char *body, size_t len,
               http_answer *answer)
{
  struct curl_slist *list = split(headers);
  long status = 0;
  CURLcode rc = curl_easy_setopt(curl, CURLOPT_URL, url);

  rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) : rc;
  rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) : rc;
  rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list) : rc;
  rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer) : rc;
  rc = rc == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer) : rc;
  rc = rc == CURLE_OK ? curl_easy_perform(curl) : rc;
  rc = rc == CURLE_OK ? curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) : rc;
  if (rc != CURLE_OK) {
    fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(rc));
    status = 0;
  }
  answer->status = (int)status;
  curl_slist_free_all(list);
}

static size_t drop(char *data, size_t size, size_t count, void *user_data)
{
  (void)data;
  (void)user_data;
  return size * count;
}

int http_print_redirect(const char *url)
{
  CURL *curl = curl_easy_init();
  char *location = NULL; /* curl's own */
  int good = curl != NULL && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK &&
             curl_easy_perform(curl) == CURLE_OK &&
             curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location) == CURLE_OK &&
             location != NULL;

  if (good) {
    printf("%s\n", location);
  } else {
    fprintf(stderr, "no redirect\n");
  }
  if (curl != NULL) {
    curl_easy_cleanup(curl);
  }
  return good;
}

void http_answer_clear(http_answer *answer)
{
  free(answer->headers);
  free(answer->body);
  *answer = (http_answer){ 0 };
}
