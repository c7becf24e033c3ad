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

/* Starts, or goes on with another file: path NULL is stderr. 1, or 0 after a message on stderr; the
 * log is then what it was. A file that was there is continued. */
int audit_open(as_audit *audit, const char *path);
void audit_close(as_audit *audit);

void audit_text(as_audit *audit, const char *line);
/* Takes line; NULL: there was no memory for it. */
void audit_json(as_audit *audit, json_t *line);

#endif
