/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SHOW_H
#define EXAMPLES_SHOW_H

#include "http.h"

/* Messages for people, on stdout: one line each, or whole ones where verbose. Secrets, proofs
 * and evidence are cut. */
void show_request(int verbose, const char *url, const struct curl_slist *headers, const char *body,
                  size_t len);
void show_answer(int verbose, const http_answer *answer);

#endif
