/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SHOW_H
#define EXAMPLES_SHOW_H

#include <stddef.h>

/* Messages for people, on stdout: one line each, or whole ones where verbose. Secrets, proofs
 * and evidence are cut. */
void show_request(int verbose, const char *url, int basic, const char *headers, const char *body,
                  size_t len);
/* status 0: nothing came. */
void show_answer(int verbose, int status, const char *headers, const char *body, size_t len);

#endif
