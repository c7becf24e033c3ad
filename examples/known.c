/* SPDX-License-Identifier: MIT */

/* See known.h. Called from all threads. */

#include "known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u
#define WAYS    4u

/* All zero is no digest of anything. */
typedef struct bucket {
  unsigned char digest[WAYS][KNOWN_DIGEST];
  unsigned oldest;
} bucket;

struct as_known {
  pthread_mutex_t lock;
  bucket bucket[BUCKETS];
};

as_known *known_new(void)
{
  as_known *known = calloc(1, sizeof(*known));

  if (known != NULL && pthread_mutex_init(&known->lock, NULL) != 0) {
    free(known);
    known = NULL;
  }
  return known;
}

void known_free(as_known *known)
{
  if (known != NULL) {
    (void)pthread_mutex_destroy(&known->lock);
  }
  free(known);
}

static bucket *bucket_of(as_known *known, const unsigned char digest[KNOWN_DIGEST])
{
  return &known->bucket[(unsigned)(digest[0] << 8 | digest[1]) % BUCKETS];
}

static int has(const bucket *in, const unsigned char digest[KNOWN_DIGEST])
{
  for (size_t way = 0; way < WAYS; way++) {
    if (memcmp(in->digest[way], digest, KNOWN_DIGEST) == 0) {
      return 1;
    }
  }
  return 0;
}

void known_add(as_known *known, const unsigned char digest[KNOWN_DIGEST])
{
  bucket *in = bucket_of(known, digest);

  (void)pthread_mutex_lock(&known->lock);
  if (!has(in, digest)) {
    memcpy(in->digest[in->oldest], digest, KNOWN_DIGEST);
    in->oldest = (in->oldest + 1) % WAYS;
  }
  (void)pthread_mutex_unlock(&known->lock);
}

int known_has(as_known *known, const unsigned char digest[KNOWN_DIGEST])
{
  int found = 0;

  (void)pthread_mutex_lock(&known->lock);
  found = has(bucket_of(known, digest), digest);
  (void)pthread_mutex_unlock(&known->lock);
  return found;
}
