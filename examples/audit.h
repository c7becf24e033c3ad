/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_AUDIT_H
#define EXAMPLES_AUDIT_H

/* The audit log: a line of JSON for each event of libocc, and for what this server does by itself.
 * Lines of one request have its reference, which its client finds in error_description. No secret
 * is in any of them. */

#include <jansson.h>
#include <pthread.h>

typedef struct as_audit {
  pthread_mutex_t lock;
  int fd;
} as_audit;

/* Opens a file, which is continued where it is there; path NULL: stderr. -1 after a message on
 * stderr. */
int audit_open(const char *path);
/* Lines go to fd from now on, which the log closes. */
void audit_use(as_audit *audit, int fd);
void audit_close(as_audit *audit);

void audit_text(as_audit *audit, const char *line);
/* A client id for a line, cut as in those of libocc: strangers choose theirs. NULL: no memory. */
json_t *audit_client(const char *id);
/* Takes line; NULL: there was no memory for it. */
void audit_json(as_audit *audit, json_t *line);

#endif
