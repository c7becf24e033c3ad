/* SPDX-License-Identifier: MIT */
#ifndef TWO_THREADS_H
#define TWO_THREADS_H

/* What two threads get done together, against one alone, by the wall clock. */

#include "exchange.h"

typedef struct two_threads {
  double speed_up;       /* best of five */
  double one_ns, two_ns; /* a request, in that try */
} two_threads;

/* number: requests a thread in one try. */
void two_threads_run(two_threads *out, exchange *e, exchange_kind kind, size_t number);
/* The same for a loop that touches no memory: what the machine has to give at the moment. */
double two_threads_machine(void);

#endif
