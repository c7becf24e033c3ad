/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_VISITS_H
#define EXAMPLES_VISITS_H

/* Who is connected, and since when there has been no end of a request: libmicrohttpd ends a
 * connection that is idle, but not one that sends an octet now and then. */

#include <microhttpd.h>
#include <pthread.h>
#include <stdint.h>

typedef struct as_visits {
  pthread_mutex_t lock;
  struct visit *first;
} as_visits;

#define AS_VISITS                                                                                  \
  {                                                                                                \
    PTHREAD_MUTEX_INITIALIZER, NULL                                                                \
  }

/* For MHD_OPTION_NOTIFY_CONNECTION, with an as_visits. */
void visits_notify(void *visits, struct MHD_Connection *connection, void **visit,
                   enum MHD_ConnectionNotificationCode code);
/* A request has ended: the next has its full time. */
void visits_request_ended(struct MHD_Connection *connection);
/* Ends the connections on which a request has taken longer than this. To be called now and then. */
void visits_end_slow(as_visits *visits, int64_t most_ms);

#endif
