/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_HTTP_H
#define EXAMPLES_HTTP_H

/* Messages to which something was added: a client assertion, or what an attacker would add. An
 * agent with a secret has occ_curl_call(). And a step of the user agent, for --redirect. */

#include <curl/curl.h>
#include <stddef.h>

/* What came back. status 0: nothing did. headers: the lines as received, without the status
 * line. */
typedef struct http_answer {
  int status;
  char *headers;
  size_t headers_len;
  char *body; /* NUL-terminated */
  size_t len;
} http_answer;

/* A handle for one client: its id and secret become HTTP Basic credentials; without a secret, which
 * may be NULL, there are none. NULL: failed. */
CURL *http_open(const char *client_id, const char *client_secret);
/* Posts a form; headers: lines, each with its end. Fills answer, which the caller clears; a failure
 * is an answer with status 0 and a line on stderr. */
void http_post(CURL *curl, const char *url, const char *headers, const char *body, size_t len,
               http_answer *answer);
/* GET url, and prints where it redirects to: what a browser would follow. 1, or 0 after a message
 * on stderr. */
int http_print_redirect(const char *url);
void http_answer_clear(http_answer *answer);

#endif
