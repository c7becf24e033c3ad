/* SPDX-License-Identifier: MIT */
/* The layout of a store's memory, and how a process makes it or joins it. Called by stores/store.c when a store is
 * opened, never while requests run. Never trusts a length or offset that it finds in the memory; never waits for another
 * process longer than a second. */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* robust mutexes, nanosleep */
#endif

#include "stores/region.h"
#include <string.h>
#include <time.h>

#define MAGIC   UINT64_C(0x726f7473636f6363) /* "ccocstor" */
#define VERSION 2u
#define LINE    64u

/* Values of the header's state. 0 is blank memory. */
enum { BLANK = 0, MAKING = 0x4d4b0001, READY = 0x4d4b0002 };

/* How the entries are shared out, in sixteenths. Every request leaves a proof or an assertion behind, only a follow-up
 * also a session and its evidence, and there is at least one request without follow-up to each with one; hence the first
 * two get more. The two last pools: a mandate is reserved only by the rare request that is about to be granted; kept data
 * (sessions in stored mode, which is not the default) costs 1 KiB each and gets a 64th, so that it takes about a third
 * of the memory. */
static const struct {
  uint32_t parts, of;
} share[OCC__POOLS] = {
  { 5, 16 }, /* 1 proof */
  { 4, 16 }, /* 2 assertion */
  { 3, 16 }, /* 3 session */
  { 3, 16 }, /* 4 evidence */
  { 1, 16 }, /* 5 mandate */
  { 1, 64 }, /* kept data */
};

_Static_assert(sizeof(occ__header) <= 1024, "occ/store.h says what is looked at");
_Static_assert(sizeof(occ__bucket) % LINE == 0, "buckets keep to cache lines");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock inside an atomic would not be shared");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock inside an atomic would not be shared");

static uint64_t line_up(uint64_t n)
{
  return (n + LINE - 1) / LINE * LINE;
}

/* Counters: as many as entries, up to 65,536 a row, which takes 16 bits of a client's hash for each of the two rows. */
static uint32_t counters_for(uint64_t capacity)
{
  uint32_t n = LINE;

  while (n < capacity && n < 0x10000u) {
    n *= 2;
  }
  return n;
}

static uint64_t part_of(uint64_t capacity, uint64_t parts)
{
  uint64_t part = capacity / parts;

  return part > OCC__STORE_CLIENT_LEAST ? part : OCC__STORE_CLIENT_LEAST;
}

static uint64_t pool_lay(occ__pool_layout *pool, uint64_t capacity, uint64_t at)
{
  uint32_t counters = counters_for(capacity);

  pool->capacity = capacity;
  pool->client_limit = (uint32_t)part_of(capacity, OCC__STORE_CLIENT_PART);
  pool->strangers_limit = part_of(capacity, OCC__STORE_STRANGERS_PART);

  /* Three slots of four may be taken; see table.c for what that does. */
  pool->buckets = (capacity * 4 + 3 * OCC__BUCKET_SLOTS - 1) / (3 * OCC__BUCKET_SLOTS);
  pool->buckets_at = at;
  at = line_up(at + pool->buckets * sizeof(occ__bucket));
  pool->counter_mask = counters - 1;
  pool->counters_at = at;
  return line_up(at + 2u * counters * sizeof(uint32_t));
}

void occ__region_layout(occ__layout *out, uint64_t entries)
{
  uint64_t at = line_up(sizeof(occ__header));

  *out = (occ__layout){ .entries = entries };
  for (size_t i = 0; i < OCC__POOLS; i++) {
    uint64_t capacity = entries * share[i].parts / share[i].of;

    if (capacity < OCC__STORE_CLIENT_LEAST) {
      capacity = OCC__STORE_CLIENT_LEAST;
    }
    at = pool_lay(&out->pool[i], capacity, at);
  }
  out->blocks_at = at;
  at += out->pool[OCC__POOL_KEPT].buckets * OCC__BUCKET_SLOTS * sizeof(occ__block);
  out->len = line_up(at);
}

int occ__region_fit(occ__layout *out, size_t len)
{
  uint64_t low = 1;
  uint64_t high = OCC__MAX_STORE_ENTRIES;

  occ__region_layout(out, low);
  if (out->len > len) {
    return OCC_ERR_LIMIT;
  }
  while (low < high) { /* the length never falls as entries grow */
    uint64_t middle = low + (high - low + 1) / 2;

    occ__region_layout(out, middle);
    if (out->len <= len) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  occ__region_layout(out, low);
  return OCC_OK;
}

static int mutex_make(pthread_mutex_t *mutex)
{
  pthread_mutexattr_t attr;
  int rc;

  if (pthread_mutexattr_init(&attr) != 0) {
    return OCC_ERR_INTERNAL;
  }
  rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
  if (rc == 0) {
    rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  }
  if (rc == 0) {
    rc = pthread_mutex_init(mutex, &attr);
  }
  (void)pthread_mutexattr_destroy(&attr);
  return rc == 0 ? OCC_OK : OCC_ERR_INTERNAL;
}

static int is_blank(const occ__header *header)
{
  const uint8_t *octet = (const uint8_t *)header;
  uint8_t all = 0;

  for (size_t i = sizeof(header->state); i < sizeof(*header); i++) {
    all |= octet[i];
  }
  return all == 0;
}

/* The caller has moved the state from BLANK to MAKING, so nobody else is in here. */
static int make(occ__header *header, const occ__layout *layout, const uint8_t seed[32],
                occ_time now)
{
  int rc = OCC_ERR_STATE;

  if (!is_blank(header)) {
    goto out;
  }
  /* Touches every page: memory that is not there is missed now and not while a request waits. */
  memset((uint8_t *)header + sizeof(*header), 0, (size_t)layout->len - sizeof(*header));
  rc = mutex_make(&header->mutex);
  if (rc != OCC_OK) {
    memset((uint8_t *)header + sizeof(header->state), 0, sizeof(*header) - sizeof(header->state));
    goto out;
  }
  header->version = VERSION;
  header->magic = MAGIC;
  header->len = layout->len;
  header->entries = layout->entries;
  header->header_len = sizeof(occ__header);
  header->mutex_len = sizeof(pthread_mutex_t);
  memcpy(header->id, seed, sizeof(header->id));
  memcpy(header->hash_key, seed + sizeof(header->id), sizeof(header->hash_key));
  header->born = now;

out:
  atomic_store_explicit(&header->state, rc == OCC_OK ? (uint32_t)READY : (uint32_t)BLANK,
                        memory_order_release);
  return rc;
}

static int join(const occ__header *header, const occ__layout *layout)
{
  /* A maker at work: a thousand looks, one a millisecond. One that died leaves MAKING for good. */
  for (unsigned i = 0; atomic_load_explicit(&header->state, memory_order_acquire) == MAKING; i++) {
    struct timespec pause = { 0, 1000000 };

    if (i == 1000) {
      return OCC_ERR_STATE;
    }
    (void)nanosleep(&pause, NULL);
  }
  if (atomic_load_explicit(&header->state, memory_order_acquire) != READY ||
      header->magic != MAGIC || header->version != VERSION ||
      header->header_len != sizeof(occ__header) || header->mutex_len != sizeof(pthread_mutex_t) ||
      header->len != layout->len || header->entries != layout->entries) {
    return OCC_ERR_STATE;
  }
  return OCC_OK;
}

int occ__region_open(occ__region *out, void *base, const occ__layout *layout,
                     const uint8_t seed[32], occ_time now)
{
  occ__header *header = base;
  uint32_t blank = BLANK;
  int rc;

  if (atomic_compare_exchange_strong(&header->state, &blank, (uint32_t)MAKING)) {
    rc = make(header, layout, seed, now);
  } else {
    rc = join(header, layout);
  }
  if (rc == OCC_OK) {
    *out = (occ__region){ base, *layout };
  }
  return rc;
}
