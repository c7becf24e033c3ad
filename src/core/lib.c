/* SPDX-License-Identifier: MIT */

/* occ_lib: what one process lends to the library. Memory, randomness, tickets, the event sink, and the pool of
 * workspaces, whose lock is one of three on a request's way (the key ring and the store have the others). Every object made in a lib holds it, so that the host may
 * let go in any order. After fork() a child may go on with the lib as long as no other thread was inside the library at
 * that moment: tickets name questions within one process, and the kernel's random generator has no state in either.
 * Must never read a clock, touch a process-wide allocator, or print. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* getentropy() */
#endif

#include "core/lib.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define ENTROPY_MOST 256u /* that getentropy() gives at once */

/* A workspace of the pool. Each has a place of its own from the start, so giving one back cannot fail. */
typedef struct place {
  occ_workspace *ws; /* NULL while somebody uses it */
  struct place *next;
} place;

struct occ_lib {
  occ_mem mem;
  atomic_size_t holds;
  atomic_uint_fast64_t ticket;
  occ_random_fn random;
  void *random_data;
  occ_event_fn on_event;
  void *event_data;
  pthread_mutex_t lock; /* of the two lists */
  place *idle;          /* with a workspace */
  place *empty;         /* without */
};

/* The kernel's generator: nothing in this process to be seeded, copied by a fork, or guessed from. */
static int from_kernel(void *out, size_t len, void *user_data)
{
  uint8_t *at = out;

  (void)user_data;
  for (size_t left = len, part; left > 0; at += part, left -= part) {
    part = left < ENTROPY_MOST ? left : ENTROPY_MOST;
    if (getentropy(at, part) != 0) {
      return OCC_ERR_CRYPTO;
    }
  }
  return OCC_OK;
}

int occ_lib_new(occ_lib **out, const occ_mem *mem)
{
  occ_lib *lib;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (mem == NULL) {
    mem = &occ__mem_libc;
  }
  if (mem->alloc == NULL || mem->release == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  lib = occ__mem_alloc(mem, sizeof(*lib));
  if (lib == NULL) {
    return OCC_ERR_MEMORY;
  }
  if (pthread_mutex_init(&lib->lock, NULL) != 0) {
    occ__mem_free(mem, lib, sizeof(*lib));
    return OCC_ERR_MEMORY;
  }
  lib->mem = *mem;
  atomic_init(&lib->holds, 1);
  atomic_init(&lib->ticket, 0);
  lib->random = from_kernel;
  *out = lib;
  return OCC_OK;
}

/* Nothing has been made in it yet, so nobody can be reading what is about to change. */
static int is_fresh(const occ_lib *lib)
{
  return atomic_load_explicit(&lib->holds, memory_order_relaxed) == 1;
}

int occ_lib_set_random(occ_lib *lib, occ_random_fn random, void *user_data)
{
  if (lib == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (!is_fresh(lib)) {
    return OCC_ERR_STATE;
  }
  lib->random = random == NULL ? from_kernel : random;
  lib->random_data = user_data;
  return OCC_OK;
}

int occ_lib_on_event(occ_lib *lib, occ_event_fn on_event, void *user_data)
{
  if (lib == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  if (!is_fresh(lib)) {
    return OCC_ERR_STATE;
  }
  lib->on_event = on_event;
  lib->event_data = user_data;
  return OCC_OK;
}

void occ_lib_free(occ_lib *lib)
{
  if (lib != NULL) {
    occ__lib_drop(lib);
  }
}

void occ__lib_hold(occ_lib *lib)
{
  atomic_fetch_add_explicit(&lib->holds, 1, memory_order_relaxed);
}

static void free_places(const occ_mem *mem, place *list)
{
  while (list != NULL) {
    place *next = list->next;

    occ__workspace_free(list->ws);
    occ__mem_free(mem, list, sizeof(*list));
    list = next;
  }
}

void occ__lib_drop(occ_lib *lib)
{
  occ_mem mem;

  if (atomic_fetch_sub_explicit(&lib->holds, 1, memory_order_acq_rel) != 1) {
    return;
  }
  mem = lib->mem; /* the lib's own block goes last */
  free_places(&lib->mem, lib->idle);
  free_places(&lib->mem, lib->empty);
  (void)pthread_mutex_destroy(&lib->lock);
  occ__mem_free(&mem, lib, sizeof(*lib));
}

const occ_mem *occ__lib_mem(const occ_lib *lib)
{
  return &lib->mem;
}

const occ_mem *occ_lib_mem(const occ_lib *lib)
{
  return lib == NULL ? NULL : &lib->mem;
}

int occ__lib_random(occ_lib *lib, void *out, size_t len)
{
  if (lib->random(out, len, lib->random_data) != OCC_OK) {
    occ__wipe(out, len); /* half a random value must not pass for one */
    return OCC_ERR_CRYPTO;
  }
  return OCC_OK;
}

void occ__lib_tell_weakened(occ_lib *lib, const char *what)
{
  const occ_event event = { .id = OCC__EVENT_OPTION_WEAKENED, .detail = what };

  occ__lib_emit(lib, &event);
}

int occ__lib_problem(occ_problem *problem, const char *why, const char *a, const char *b,
                     const char *c)
{
  const char *const part[OCC__PROBLEM_PARTS] = { a, b, c };

  if (problem == NULL || problem->why != NULL) {
    return OCC_ERR_SYNTAX;
  }
  problem->why = why;
  for (size_t i = 0; i < OCC__PROBLEM_PARTS && part[i] != NULL; i++) {
    size_t len = strlen(part[i]), most = sizeof(problem->part[i]) - 1;

    memcpy(problem->part[i], part[i], len < most ? len : most);
  }
  return OCC_ERR_SYNTAX;
}

occ_ticket occ__lib_ticket(occ_lib *lib)
{
  /* 2^53 of them last for 285 years at a million a second. */
  return (occ_ticket)atomic_fetch_add_explicit(&lib->ticket, 1, memory_order_relaxed) + 1;
}

/* Takes the first place of a list; lock held. */
static place *pop(place **list)
{
  place *first = *list;

  if (first != NULL) {
    *list = first->next;
    first->next = NULL;
  }
  return first;
}

static void push(place **list, place *first)
{
  first->next = *list;
  *list = first;
}

static occ_workspace *take_idle(occ_lib *lib)
{
  occ_workspace *ws = NULL;
  place *first;

  (void)pthread_mutex_lock(&lib->lock);
  first = pop(&lib->idle);
  if (first != NULL) {
    ws = first->ws;
    first->ws = NULL;
    push(&lib->empty, first);
  }
  (void)pthread_mutex_unlock(&lib->lock);
  return ws;
}

int occ__lib_take(occ_lib *lib, occ_workspace **out)
{
  place *own;
  int rc;

  *out = take_idle(lib);
  if (*out != NULL) {
    return OCC_OK;
  }
  own = occ__mem_alloc(&lib->mem, sizeof(*own));
  if (own == NULL) {
    return OCC_ERR_MEMORY;
  }
  rc = occ__workspace_new(out, &lib->mem);
  if (rc != OCC_OK) {
    occ__mem_free(&lib->mem, own, sizeof(*own));
    *out = NULL;
    return rc;
  }
  (void)pthread_mutex_lock(&lib->lock);
  push(&lib->empty, own);
  (void)pthread_mutex_unlock(&lib->lock);
  return OCC_OK;
}

void occ__lib_give(occ_lib *lib, occ_workspace *ws)
{
  place *own;

  if (ws == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&lib->lock);
  own = pop(&lib->empty); /* never NULL: as many places as workspaces */
  own->ws = ws;
  push(&lib->idle, own);
  (void)pthread_mutex_unlock(&lib->lock);
}

int occ__lib_has_sink(const occ_lib *lib)
{
  return lib->on_event != NULL;
}

void occ__lib_emit(occ_lib *lib, const occ_event *event)
{
  if (lib->on_event != NULL) {
    lib->on_event(event, lib->event_data);
  }
}
