/* SPDX-License-Identifier: MIT */

/* See visits.h. Called from the threads of the connections, and by the main thread while it waits
 * for signals. */

#include "visits.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common.h"

typedef struct visit {
  struct visit *next, *before;
  int fd;
  _Atomic int64_t since; /* steady_ms() */
} visit;

static void enter(as_visits *visits, visit *who)
{
  (void)pthread_mutex_lock(&visits->lock);
  who->next = visits->first;
  if (who->next != NULL) {
    who->next->before = who;
  }
  visits->first = who;
  (void)pthread_mutex_unlock(&visits->lock);
}

static void leave(as_visits *visits, visit *who)
{
  (void)pthread_mutex_lock(&visits->lock);
  if (who->next != NULL) {
    who->next->before = who->before;
  }
  if (who->before != NULL) {
    who->before->next = who->next;
  } else {
    visits->first = who->next;
  }
  (void)pthread_mutex_unlock(&visits->lock);
  free(who);
}

void visits_notify(void *visits, struct MHD_Connection *connection, void **who,
                   enum MHD_ConnectionNotificationCode code)
{
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  visit *fresh = NULL;

  if (code == MHD_CONNECTION_NOTIFY_CLOSED) { /* the socket is still there */
    if (*who != NULL) {
      leave(visits, *who);
    }
    return;
  }
  fresh = info != NULL ? calloc(1, sizeof(*fresh)) : NULL;
  *who = fresh;
  if (fresh != NULL) { /* without memory nobody watches this one */
    fresh->fd = info->connect_fd;
    fresh->since = steady_ms();
    enter(visits, fresh);
  }
}

void visits_request_ended(struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  visit *who = info != NULL ? info->socket_context : NULL;

  if (who != NULL) {
    who->since = steady_ms();
  }
}

void visits_end_slow(as_visits *visits, int64_t most_ms)
{
  const int64_t now = steady_ms();

  (void)pthread_mutex_lock(
      &visits->lock); /* so that no socket is closed, and another's, meanwhile */
  for (visit *who = visits->first; who != NULL; who = who->next) {
    if (now - who->since > most_ms) {
      (void)shutdown(who->fd, SHUT_RDWR); /* its thread sees the end of it */
    }
  }
  (void)pthread_mutex_unlock(&visits->lock);
}
