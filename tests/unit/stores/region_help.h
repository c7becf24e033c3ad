/* SPDX-License-Identifier: MIT */
#ifndef REGION_HELP_H
#define REGION_HELP_H

/* For the tests of src/stores: regions in shared memory, and questions with everything filled in. Define
 * _DEFAULT_SOURCE before the first include. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

#include "stores/table.h"

#define T0   INT64_C(1700000000000) /* when regions here are made */
#define LIFE INT64_C(840000)        /* OCC__ONCE_LIFE_MS, written out */

typedef struct test_region {
  occ__region region;
  void *base;
  size_t len;
} test_region;

static inline void region_up(test_region *r, uint64_t entries)
{
  uint8_t seed[32];
  occ__layout layout;

  for (size_t i = 0; i < sizeof(seed); i++) {
    seed[i] = (uint8_t)(i + 1);
  }
  occ__region_layout(&layout, entries);
  r->len = (size_t)layout.len;
  r->base = mmap(NULL, r->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(r->base != MAP_FAILED);
  assert_int_equal(occ__region_open(&r->region, r->base, &layout, seed, T0), OCC_OK);
}

/* What is counted agrees with what is there: after whatever happened, a death inside included. */
static inline void assert_counts_right(const occ__region *region)
{
  for (size_t i = 0; i < OCC__POOLS; i++) {
    const occ__pool_layout *l = &region->layout.pool[i];
    const occ__bucket *b = (const occ__bucket *)(const void *)(region->base + l->buckets_at);
    const uint32_t *c = (const uint32_t *)(const void *)(region->base + l->counters_at);
    uint64_t used = 0;
    uint64_t strangers = 0;
    uint64_t row[2] = { 0, 0 };

    for (size_t at = 0; at < l->buckets * OCC__BUCKET_SLOTS; at++) {
      uint64_t word = atomic_load(&b[at / OCC__BUCKET_SLOTS].word[at % OCC__BUCKET_SLOTS]);

      used += word != 0;
      strangers += (word & 0x80) != 0;
    }
    for (size_t at = 0; at <= l->counter_mask; at++) {
      row[0] += c[at];
      row[1] += c[(size_t)l->counter_mask + 1 + at];
    }
    assert_int_equal(occ__region_header(region)->pool[i].used, used);
    assert_int_equal(occ__region_header(region)->pool[i].strangers, strangers);
    assert_int_equal(row[0], used);
    assert_int_equal(row[1], used);
  }
}

static inline void region_down(test_region *r)
{
  assert_counts_right(&r->region);
  assert_int_equal(munmap(r->base, r->len), 0);
}

/* Key number n of a purpose; differs from others in its last octets only, as bad a key as a peer could choose. */
static inline void key_set(uint8_t key[32], unsigned purpose, uint64_t n)
{
  memset(key, 0, 32);
  key[0] = (uint8_t)purpose;
  for (size_t i = 0; i < 8; i++) {
    key[24 + i] = (uint8_t)(n >> (8 * i));
  }
}

static inline occ_question question_of(const uint8_t *key, const char *client)
{
  return (occ_question){ .ticket = 1,
                         .client_id = client,
                         .authenticated = 1,
                         .key = key,
                         .keys = 1,
                         .now = T0,
                         .issued = T0,
                         .expires = T0 + LIFE };
}

/* One key, once; place is not looked at. */
static inline int once(const test_region *r, unsigned purpose, uint64_t n, const char *client,
                       occ_time now)
{
  uint8_t key[32];
  occ_question question;
  size_t place = 99;

  key_set(key, purpose, n);
  question = question_of(key, client);
  question.now = now;
  question.issued = now < T0 ? T0 : now;
  question.expires = now + LIFE;
  return occ__table_once(&r->region, &question, &place);
}

/* Text of a client number. */
static inline const char *client_name(char out[24], unsigned n)
{
  size_t at = 23;

  out[at] = '\0';
  do {
    out[--at] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  return out + at;
}

#endif
