/* SPDX-License-Identifier: MIT */
/* Two threads against one. All requests are made before the clock runs. */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* pthread_barrier_t */
#endif

#include "two_threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "meter.h"

#define TRIES 5

typedef struct work {
  exchange_request *request; /* NULL: the loop */
  size_t number;
  pthread_barrier_t *start;
  double began, ended;
} work;

static void loop(size_t number)
{
  volatile uint32_t sink = 0;
  uint32_t value = 1;

  for (size_t i = 0; i < number; i++) {
    value = value * 1664525u + 1013904223u;
  }
  sink = value;
  (void)sink;
}

static void *run(void *argument)
{
  work *w = argument;

  (void)pthread_barrier_wait(w->start);
  w->began = wall_ns();
  if (w->request == NULL) {
    loop(w->number);
  }
  for (size_t i = 0; w->request != NULL && i < w->number; i++) {
    exchange_run(&w->request[i], NULL);
  }
  w->ended = wall_ns();
  return NULL;
}

/* Nanoseconds from the first that begins to the last that ends. */
static double time_of(work *w, unsigned threads)
{
  pthread_barrier_t start;
  pthread_t thread[2];
  double began, ended;

  must(pthread_barrier_init(&start, NULL, threads) == 0, "barrier");
  for (unsigned i = 0; i < threads; i++) {
    w[i].start = &start;
    must(pthread_create(&thread[i], NULL, run, &w[i]) == 0, "thread");
  }
  for (unsigned i = 0; i < threads; i++) {
    (void)pthread_join(thread[i], NULL);
  }
  (void)pthread_barrier_destroy(&start);
  began = w[0].began;
  ended = w[0].ended;
  if (threads == 2) {
    began = w[1].began < began ? w[1].began : began;
    ended = w[1].ended > ended ? w[1].ended : ended;
  }
  return ended - began;
}

static void make_all(exchange *e, work *w, exchange_kind kind, size_t number)
{
  for (size_t i = 0; i < number; i++) {
    exchange_make(e, &w->request[i], kind);
  }
  w->number = number;
}

static void free_all(work *w)
{
  for (size_t i = 0; i < w->number; i++) {
    exchange_free(&w->request[i]);
  }
}

static void note(two_threads *out, double one, double two, size_t number)
{
  if (2 * one / two > out->speed_up) {
    out->speed_up = 2 * one / two;
    out->one_ns = one / (double)number;
    out->two_ns = two / (double)(2 * number);
  }
}

void two_threads_run(two_threads *out, exchange *e, exchange_kind kind, size_t number)
{
  work w[2] = { { 0 }, { 0 } };

  *out = (two_threads){ 0 };
  for (int i = 0; i < 2; i++) {
    w[i].request = calloc(number, sizeof(*w[i].request));
    must(w[i].request != NULL, "memory");
  }
  for (int try = 0; try < TRIES; try++) {
    double one, two;

    make_all(e, &w[0], kind, number);
    one = time_of(w, 1);
    free_all(&w[0]);
    make_all(e, &w[0], kind, number);
    make_all(e, &w[1], kind, number);
    two = time_of(w, 2);
    free_all(&w[0]);
    free_all(&w[1]);
    note(out, one, two, number);
  }
  free(w[0].request);
  free(w[1].request);
}

double two_threads_machine(void)
{
  const size_t number = 20000000;
  two_threads out = { 0 };
  work w[2] = { { .number = number }, { .number = number } };

  for (int try = 0; try < TRIES; try++) {
    const double one = time_of(w, 1);

    note(&out, one, time_of(w, 2), number);
  }
  return out.speed_up;
}
