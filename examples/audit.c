/* SPDX-License-Identifier: MIT */

/* See audit.h. Called from all threads, and in libocc's event sink: a host with a slow disk puts
 * the line into a queue instead. */

#include "audit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_OF_CLIENT 255u

int audit_open(const char *path)
{
  int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                        : dup(STDERR_FILENO);

  if (fd < 0) {
    fprintf(stderr, "audit: cannot write to %s\n", path != NULL ? path : "stderr");
  }
  return fd;
}

void audit_use(as_audit *audit, int fd)
{
  (void)pthread_mutex_lock(&audit->lock);
  if (audit->fd >= 0) {
    (void)close(audit->fd);
  }
  audit->fd = fd;
  (void)pthread_mutex_unlock(&audit->lock);
}

void audit_close(as_audit *audit)
{
  if (audit->fd >= 0) {
    (void)close(audit->fd);
  }
  audit->fd = -1;
}

void audit_text(as_audit *audit, const char *line)
{
  (void)pthread_mutex_lock(&audit->lock);
  if (dprintf(audit->fd, "%s\n", line) < 0) {
    fprintf(stderr, "audit: a line was lost\n");
  }
  (void)pthread_mutex_unlock(&audit->lock);
}

json_t *audit_client(const char *id)
{
  size_t len = strcspn(id, "?#");

  return json_stringn(id, len < MOST_OF_CLIENT ? len : MOST_OF_CLIENT);
}

void audit_json(as_audit *audit, json_t *line)
{
  char *text = json_dumps(line, JSON_COMPACT);

  audit_text(audit, text != NULL ? text : "{\"event\":\"no_memory\"}");
  free(text);
  json_decref(line);
}
