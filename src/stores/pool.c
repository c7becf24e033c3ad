/* SPDX-License-Identifier: MIT */
/* One pool of a store: where entries live, how they are counted, how expired ones go. Called by stores/table.c alone, with
 * the store's mutex held. No allocation, no clock, no randomness; the work of a call is bounded (occ__pool_recount()
 * excepted, which runs only after a process died inside).
 *
 * Where an entry may live. The keyed hash of its key names two buckets of sixteen slots; it goes into the emptier one and
 * never moves. A look-up reads these 32 slots and no other, so there is no chain that a deletion could break, no
 * tombstone, and no longest probe to defend. With three slots of four in use, both buckets of a new key are full less
 * than once in a million inserts (simulated, with lifetimes of every length); that insert is answered RETRY like one into
 * a full pool.
 *
 * Counting clients. An entry keeps 32 bits of the keyed hash of its client id; each half of them names a counter in one
 * of two rows, and a client is taken to hold the lesser of its two. That is never too few, so the limit holds; it is too
 * many only for one who shares both counters with others, which nobody can arrange without the key.
 *
 * A sender key costs nothing to make, so a limit for each would be none: the entries of all requests that nobody has
 * authenticated are also counted together, in the pool, and a flag in the slot's word tells which these are.
 *
 * Expired entries stay until something frees them: an insert that wants their slot, and the sweep, one bucket an insert,
 * up to 256 more when the pool or the client is at its limit: a client at 1 % has one entry in eight buckets, so of a
 * tenth of them that have expired, one is found nineteen times in twenty. */

#include "stores/pool.h"
#include <string.h>

#define SWEEP_HARD 256u /* buckets; it ends with the first that helps */
#define STATE_BITS 8u
#define STRANGER   0x80u /* a flag beside the state */

occ__pool_view occ__pool_of(const occ__region *region, size_t i)
{
  const occ__pool_layout *layout = &region->layout.pool[i];

  return (occ__pool_view){
    .layout = layout,
    .pool = &occ__region_header(region)->pool[i],
    .buckets = (occ__bucket *)(void *)(region->base + layout->buckets_at),
    .counters = (uint32_t *)(void *)(region->base + layout->counters_at),
    .blocks = i == OCC__POOL_KEPT ? (occ__block *)(void *)(region->base + region->layout.blocks_at)
                                  : NULL,
  };
}

static uint64_t word_get(const occ__bucket *bucket, size_t at)
{
  return atomic_load_explicit(&bucket->word[at], memory_order_relaxed);
}

/* Release: what the slot holds is written before its word says so. */
static void word_set(occ__slot s, uint64_t word)
{
  atomic_store_explicit(&s.bucket->word[s.at], word, memory_order_release);
}

static uint64_t word_of(const occ__entry *e)
{
  return (uint64_t)e->expires << STATE_BITS | (uint64_t)e->state | (e->is_stranger ? STRANGER : 0u);
}

static occ_time word_expires(uint64_t word)
{
  return (occ_time)(word >> STATE_BITS);
}

/* A free slot's word is 0, and now is never below that: free counts as expired. */
static int word_is_live(uint64_t word, occ_time now)
{
  return word_expires(word) > now;
}

/* Which of the two rows' counters: the halves of the client's hash are independent. */
static uint32_t *counter(const occ__pool_view *v, uint32_t client, size_t row)
{
  uint32_t at = (client >> (16u * row)) & v->layout->counter_mask;

  return &v->counters[row * ((size_t)v->layout->counter_mask + 1) + at];
}

static void count_in(const occ__pool_view *v, uint64_t word, uint32_t client)
{
  v->pool->used++;
  v->pool->strangers += (word & STRANGER) != 0;
  ++*counter(v, client, 0);
  ++*counter(v, client, 1);
}

static void count_out(const occ__pool_view *v, uint64_t word, uint32_t client)
{
  v->pool->used--;
  v->pool->strangers -= (word & STRANGER) != 0;
  --*counter(v, client, 0);
  --*counter(v, client, 1);
}

void occ__pool_free(const occ__pool_view *v, occ__slot s)
{
  uint64_t word = word_get(s.bucket, s.at);

  word_set(s, 0);
  count_out(v, word, s.bucket->client[s.at]);
}

/* Frees what has expired, and remembers how far that reached: a clock behind might still have needed it. Noted first, for
 * the process may die in between. */
static void slot_forget(const occ__pool_view *v, occ__slot s)
{
  occ_time expires = word_expires(word_get(s.bucket, s.at));

  if (expires > v->pool->forgotten) {
    v->pool->forgotten = expires;
  }
  occ__pool_free(v, s);
}

occ__block *occ__pool_block(const occ__pool_view *v, occ__slot s)
{
  return &v->blocks[(size_t)(s.bucket - v->buckets) * OCC__BUCKET_SLOTS + s.at];
}

static void slot_fill(const occ__pool_view *v, occ__slot s, const occ__entry *e)
{
  if (v->blocks != NULL) {
    occ__block *block = occ__pool_block(v, s);

    block->len = (uint32_t)e->data.len;
    if (e->data.len > 0) {
      memcpy(block->data, e->data.base, e->data.len);
    }
  }
  s.bucket->tag[0][s.at] = e->tag[0];
  s.bucket->tag[1][s.at] = e->tag[1];
  s.bucket->client[s.at] = e->client;
  word_set(s, word_of(e));
  count_in(v, word_of(e), e->client);
}

/* Maps 32 bits onto the buckets without a division; pools have fewer than 2^32 of them. */
static size_t bucket_of(const occ__pool_view *v, uint64_t hash)
{
  return (size_t)(((hash >> 32) * v->layout->buckets) >> 32);
}

static void bucket_pair(const occ__pool_view *v, const uint64_t tag[2], occ__bucket *pair[2])
{
  size_t first = bucket_of(v, tag[0]);
  size_t second = bucket_of(v, tag[1]);

  if (second == first) {
    second = (first + 1) % (size_t)v->layout->buckets;
  }
  pair[0] = &v->buckets[first];
  pair[1] = &v->buckets[second];
}

static void bucket_prefetch(const occ__bucket *bucket)
{
  __builtin_prefetch(&bucket->word[0]);
  __builtin_prefetch(&bucket->word[OCC__BUCKET_SLOTS / 2]);
  __builtin_prefetch(&bucket->tag[0][0]);
  __builtin_prefetch(&bucket->tag[0][OCC__BUCKET_SLOTS / 2]);
}

void occ__pool_prefetch(const occ__pool_view *v, const occ__entry *e)
{
  occ__bucket *pair[2];

  bucket_pair(v, e->tag, pair);
  bucket_prefetch(pair[0]);
  bucket_prefetch(pair[1]);
  __builtin_prefetch(counter(v, e->client, 0));
  __builtin_prefetch(counter(v, e->client, 1));
}

int occ__pool_is_past(const occ__pool_view *v, occ_time now)
{
  const occ_time forgotten = v->pool->forgotten; /* others can write it: no sum may overflow */

  return forgotten > now && forgotten - now > OCC__NODE_SKEW_MS;
}

static int bucket_find(occ__bucket *bucket, const uint64_t tag[2], occ__slot *out)
{
  for (size_t i = 0; i < OCC__BUCKET_SLOTS; i++) {
    if (bucket->tag[0][i] == tag[0] && bucket->tag[1][i] == tag[1] && word_get(bucket, i) != 0) {
      *out = (occ__slot){ bucket, i };
      return 1;
    }
  }
  return 0;
}

static int pool_find(const occ__pool_view *v, const uint64_t tag[2], occ__slot *out)
{
  occ__bucket *pair[2];

  bucket_pair(v, tag, pair);
  return bucket_find(pair[0], tag, out) || bucket_find(pair[1], tag, out);
}

int occ__pool_find(const occ__pool_view *v, const uint64_t tag[2], occ_time now, occ__slot *out)
{
  return pool_find(v, tag, out) && word_is_live(word_get(out->bucket, out->at), now);
}

/* How many of the slots are not live; *at is one of them, a free one where there is one. */
static size_t bucket_room(const occ__bucket *bucket, occ_time now, size_t *at)
{
  size_t room = 0;

  for (size_t i = 0; i < OCC__BUCKET_SLOTS; i++) {
    uint64_t word = word_get(bucket, i);

    if (word_is_live(word, now)) {
      continue;
    }
    if (room++ == 0 || word == 0) {
      *at = i;
    }
  }
  return room;
}

static int pool_room(const occ__pool_view *v, const uint64_t tag[2], occ_time now, occ__slot *out)
{
  occ__bucket *pair[2];
  size_t at[2] = { 0, 0 };
  size_t room[2];
  size_t best;

  bucket_pair(v, tag, pair);
  room[0] = bucket_room(pair[0], now, &at[0]);
  room[1] = bucket_room(pair[1], now, &at[1]);
  best = room[1] > room[0] ? 1 : 0;
  *out = (occ__slot){ pair[best], at[best] };
  return room[best] > 0;
}

static void sweep_bucket(const occ__pool_view *v, occ_time now)
{
  uint64_t at = v->pool->cursor < v->layout->buckets ? v->pool->cursor : 0;
  occ__bucket *bucket = &v->buckets[at];

  v->pool->cursor = at + 1;
  for (size_t i = 0; i < OCC__BUCKET_SLOTS; i++) {
    uint64_t word = word_get(bucket, i);

    if (word != 0 && !word_is_live(word, now)) {
      slot_forget(v, (occ__slot){ bucket, i });
    }
  }
}

static int is_crowded(const occ__pool_view *v, const occ__entry *e)
{
  uint32_t limit = v->layout->client_limit;

  if (v->pool->used >= v->layout->capacity ||
      (e->is_stranger && v->pool->strangers >= v->layout->strangers_limit)) {
    return 1;
  }
  return e->is_limited && *counter(v, e->client, 0) >= limit && *counter(v, e->client, 1) >= limit;
}

occ_verdict occ__pool_put(const occ__pool_view *v, const occ__entry *e, occ_time now,
                          occ__slot *out)
{
  occ__slot s;

  if (pool_find(v, e->tag, &s)) {
    if (word_is_live(word_get(s.bucket, s.at), now)) {
      return OCC_NO;
    }
    slot_forget(v, s); /* never two of one key */
  }
  sweep_bucket(v, now);
  if (!pool_room(v, e->tag, now, &s)) {
    return OCC_RETRY;
  }
  if (word_get(s.bucket, s.at) != 0) {
    slot_forget(v, s);
  }
  for (size_t i = 0; i < SWEEP_HARD && is_crowded(v, e); i++) {
    sweep_bucket(v, now);
  }
  if (is_crowded(v, e)) {
    return OCC_RETRY;
  }
  slot_fill(v, s, e);
  *out = s;
  return OCC_YES;
}

void occ__pool_recount(const occ__pool_view *v)
{
  v->pool->used = 0;
  v->pool->strangers = 0;
  memset(v->counters, 0, 2u * ((size_t)v->layout->counter_mask + 1) * sizeof(*v->counters));
  for (size_t b = 0; b < v->layout->buckets; b++) {
    for (size_t i = 0; i < OCC__BUCKET_SLOTS; i++) {
      uint64_t word = word_get(&v->buckets[b], i);

      if (word != 0) {
        count_in(v, word, v->buckets[b].client[i]);
      }
    }
  }
}

occ__slot_state occ__pool_state(occ__slot s)
{
  return (occ__slot_state)(word_get(s.bucket, s.at) & (STRANGER - 1u));
}

void occ__pool_commit(occ__slot s)
{
  uint64_t word = word_get(s.bucket, s.at);

  word_set(s, (word & ~(uint64_t)(STRANGER - 1u)) | (uint64_t)OCC__SLOT_COMMITTED);
}
