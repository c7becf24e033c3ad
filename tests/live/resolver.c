/* SPDX-License-Identifier: MIT */

/* See resolver.h. Called by libcurl's resolver threads. */

#include "resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct {
  pthread_mutex_t lock;
  pthread_cond_t change;
  char say[2][512];
  unsigned queries;
  int hang;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

void resolver_flip(const char *first, const char *later)
{
  (void)pthread_mutex_lock(&state.lock);
  (void)snprintf(state.say[0], sizeof(state.say[0]), "%s", first);
  (void)snprintf(state.say[1], sizeof(state.say[1]), "%s", later);
  state.queries = 0;
  (void)pthread_mutex_unlock(&state.lock);
}

void resolver_say(const char *addresses)
{
  resolver_flip(addresses, addresses);
}

void resolver_hang(int hang)
{
  (void)pthread_mutex_lock(&state.lock);
  state.hang = hang;
  state.queries = 0;
  (void)pthread_cond_broadcast(&state.change);
  (void)pthread_mutex_unlock(&state.lock);
}

unsigned resolver_queries(void)
{
  unsigned queries;

  (void)pthread_mutex_lock(&state.lock);
  queries = state.queries;
  (void)pthread_mutex_unlock(&state.lock);
  return queries;
}

static void take_answer(char out[512])
{
  struct timespec until;

  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 8;
  (void)pthread_mutex_lock(&state.lock);
  (void)snprintf(out, 512, "%s", state.say[state.queries++ > 0]);
  while (state.hang && pthread_cond_timedwait(&state.change, &state.lock, &until) == 0) {
  }
  (void)pthread_mutex_unlock(&state.lock);
}

typedef struct entry {
  struct addrinfo info;
  struct sockaddr_storage address;
} entry;

static struct addrinfo *make_entry(const char *text, const char *service,
                                   const struct addrinfo *hints)
{
  const uint16_t port = htons((uint16_t)(service == NULL ? 0 : strtoul(service, NULL, 10)));
  struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port };
  entry *e = calloc(1, sizeof(*e));

  if (e == NULL) {
    abort();
  }
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    memcpy(&e->address, &v4, sizeof(v4));
    e->info.ai_addrlen = sizeof(v4);
  } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
    memcpy(&e->address, &v6, sizeof(v6));
    e->info.ai_addrlen = sizeof(v6);
  } else {
    abort();
  }
  e->info.ai_family = e->address.ss_family;
  e->info.ai_socktype = hints == NULL ? SOCK_STREAM : hints->ai_socktype;
  e->info.ai_protocol = IPPROTO_TCP;
  e->info.ai_addr = (struct sockaddr *)&e->address;
  return &e->info;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
  struct addrinfo **end = out;
  char text[512], *rest = NULL;

  (void)node;
  *out = NULL;
  take_answer(text);
  if (text[0] == '!') {
    return EAI_AGAIN;
  }
  for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
    *end = make_entry(word, service, hints);
    end = &(*end)->ai_next;
  }
  return *out == NULL ? EAI_NONAME : 0;
}

void freeaddrinfo(struct addrinfo *list)
{
  while (list != NULL) {
    struct addrinfo *next = list->ai_next;

    free(list);
    list = next;
  }
}
