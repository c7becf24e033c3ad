/* SPDX-License-Identifier: MIT */

/* See table.h. Called from all threads. A hash table with chains; entries of one family (a code and
 * all that came of it) are linked in a ring. Indexes stand for pointers: an entry is small. */

#include "table.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define NONE        UINT32_MAX
#define KINDS       4
#define DIGEST      32
#define MOST        (1u << 24)
#define RECORD_ROOM 512u  /* octets that a record has on an average, or there is room for fewer */
#define SWEEP_EVERY 1000  /* milliseconds: a full table is not searched for room at every request */
#define OWNERS      1024u /* by a hash: two may have to share what each could have */
#define NOBODY      OWNERS
#define SMALL       64u /* a share of so few entries is not divided among owners */

typedef struct entry {
  unsigned char key[DIGEST];   /* of kind and secret; of a refresh token: of its first part */
  unsigned char check[DIGEST]; /* of a refresh token: of its second part; else zero */
  char *record;                /* JSON text; NULL: the entry is free */
  int64_t expires;
  uint32_t next;   /* in its bucket, or among the free ones */
  uint32_t kin[2]; /* the ring of its family: next, previous */
  uint16_t owner;
  unsigned char kind;
  unsigned char used;
} entry;

/* So many entries, with so many octets in their records. */
typedef struct amount {
  size_t entries, octets;
} amount;

struct as_table {
  pthread_mutex_t lock;
  entry *entry;
  uint32_t *bucket; /* as many as entries */
  uint32_t entries;
  uint32_t touched; /* entries from here on have never been used */
  uint32_t spare;   /* the first free one below touched */
  amount kept[KINDS];
  amount owned[OWNERS + 1][KINDS]; /* of these by each owner, and by nobody */
  int64_t swept;
};

/* ---- Secrets --------------------------------------------------------------------------------- */

typedef struct digests {
  unsigned char key[DIGEST], check[DIGEST];
  uint16_t owner;
} digests;

static int hash(unsigned char out[DIGEST], const char *text, size_t len)
{
  return EVP_Digest(text, len, out, NULL, EVP_sha256(), NULL) == 1;
}

static int digest_secret(digests *out, as_kind kind, const char *secret)
{
  size_t first = kind == KIND_REFRESH_TOKEN ? strcspn(secret, ".") : strlen(secret);

  *out = (digests){ .key = { 0 } };
  if (!hash(out->key, secret, first)) {
    return 0;
  }
  out->key[0] = (unsigned char)((out->key[0] & 0xfcu) | (unsigned)kind); /* a code is no token */
  return kind != KIND_REFRESH_TOKEN || hash(out->check, secret + first, strlen(secret + first));
}

static int digest_owner(digests *out, const char *owner)
{
  unsigned char octets[DIGEST] = { 0 };

  out->owner = NOBODY;
  if (owner == NULL) {
    return 1;
  }
  if (!hash(octets, owner, strlen(owner))) {
    return 0;
  }
  out->owner = (uint16_t)((unsigned)(octets[0] << 8 | octets[1]) % OWNERS);
  return 1;
}

char *refresh_successor(const char *old)
{
  char *family = old != NULL ? text_copy(old, strcspn(old, ".")) : random_text(32);
  char *secret = random_text(32);
  char *token = NULL;

  if (family != NULL && secret != NULL) {
    size_t len = strlen(family) + strlen(secret) + 2;

    token = malloc(len);
    if (token != NULL) {
      (void)snprintf(token, len, "%s.%s", family, secret);
    }
  }
  free(secret);
  free(family);
  return token;
}

/* ---- Entries. Everything from here to "The calls" is called with the lock held --------------- */

static uint32_t *bucket_of(const as_table *table, const unsigned char *key)
{
  uint32_t number = 0;

  memcpy(&number, key + 4, sizeof(number)); /* a digest is as random as can be */
  return &table->bucket[number % table->entries];
}

static uint32_t find(const as_table *table, const unsigned char *key)
{
  uint32_t i = *bucket_of(table, key);

  while (i != NONE && memcmp(table->entry[i].key, key, DIGEST) != 0) {
    i = table->entry[i].next;
  }
  return i;
}

static void add(amount *to, size_t octets)
{
  to->entries++;
  to->octets += octets;
}

static void take(amount *from, size_t octets)
{
  from->entries--;
  from->octets -= octets;
}

static void drop(as_table *table, uint32_t i)
{
  entry *old = &table->entry[i];
  uint32_t *link = bucket_of(table, old->key);

  while (*link != i) {
    link = &table->entry[*link].next;
  }
  *link = old->next;
  table->entry[old->kin[0]].kin[1] = old->kin[1];
  table->entry[old->kin[1]].kin[0] = old->kin[0];
  take(&table->kept[old->kind], strlen(old->record));
  take(&table->owned[old->owner][old->kind], strlen(old->record));
  free(old->record);
  *old = (entry){ .next = table->spare };
  table->spare = i;
}

static void drop_family(as_table *table, uint32_t i)
{
  while (table->entry[i].kin[0] != i) {
    drop(table, table->entry[i].kin[0]);
  }
  drop(table, i);
}

static void sweep(as_table *table, int64_t now)
{
  if (now < table->swept + SWEEP_EVERY) {
    return;
  }
  table->swept = now;
  for (uint32_t i = 0; i < table->touched; i++) {
    if (table->entry[i].record != NULL && table->entry[i].expires <= now) {
      drop(table, i);
    }
  }
}

#define MOST_ITEMS 2

/* One table_exchange(), with all of it that the lock need not be held for. */
typedef struct exchange {
  const as_item *used, *item;
  size_t items;
  int64_t now;
  digests used_digest;
  digests digest[MOST_ITEMS];
  char *record[MOST_ITEMS];
} exchange;

static int has_place(const amount *now, size_t more, size_t octets, size_t share)
{
  return now->entries + more <= share && now->octets + octets <= share * RECORD_ROOM;
}

/* Access tokens may have half of the table, each other kind a sixth. A refresh token that is used
 * up makes room for its successor. No two items are of one kind. */
static int fits(const as_table *table, const exchange *it)
{
  int good = 1;

  for (size_t i = 0; i < it->items && good; i++) {
    as_kind kind = it->item[i].kind;
    size_t share = table->entries / (kind == KIND_ACCESS_TOKEN ? 2 : 6);
    size_t part = share < SMALL || it->digest[i].owner == NOBODY ? share : share / 4;
    size_t octets = strlen(it->record[i]);
    int replaces = kind == KIND_REFRESH_TOKEN && it->used != NULL && it->used->kind == kind;

    good = has_place(&table->kept[kind], !replaces, octets, share) &&
           has_place(&table->owned[it->digest[i].owner][kind], !replaces, octets, part);
  }
  return good;
}

static int has_room(as_table *table, const exchange *it)
{
  if (!fits(table, it)) {
    sweep(table, it->now);
  }
  return fits(table, it);
}

/* The entry of key, new or not, is put into the ring of kin (NONE: a ring of its own). */
static uint32_t place(as_table *table, const digests *digest, as_kind kind, uint32_t kin)
{
  uint32_t i = find(table, digest->key);
  uint32_t *bucket = bucket_of(table, digest->key);
  entry *new = NULL;

  if (i != NONE) { /* a refresh token that is replaced: it stays where it is */
    return i;
  }
  i = table->spare;
  if (i != NONE) {
    table->spare = table->entry[i].next;
  } else {
    i = table->touched++;
  }
  new = &table->entry[i];
  memcpy(new->key, digest->key, DIGEST);
  new->kind = (unsigned char)kind;
  new->owner = digest->owner;
  new->next = *bucket;
  *bucket = i;
  new->kin[0] = kin != NONE ? table->entry[kin].kin[0] : i;
  new->kin[1] = kin != NONE ? kin : i;
  if (kin != NONE) {
    table->entry[new->kin[0]].kin[1] = i;
    table->entry[kin].kin[0] = i;
  }
  return i;
}

static as_found state_of(as_table *table, const digests *digest, int64_t now, uint32_t *at)
{
  *at = find(table, digest->key);
  if (*at == NONE) {
    return FOUND_NOTHING;
  }
  if (table->entry[*at].expires <= now) {
    drop(table, *at);
    return FOUND_NOTHING;
  }
  return table->entry[*at].used ||
                 CRYPTO_memcmp(table->entry[*at].check, digest->check, DIGEST) != 0
             ? FOUND_USED
             : FOUND_LIVE;
}

/* ---- The calls ------------------------------------------------------------------------------- */

as_table *table_new(size_t entries)
{
  as_table *table = entries >= 16 && entries <= MOST ? calloc(1, sizeof(*table)) : NULL;

  if (table == NULL) {
    return NULL;
  }
  table->entries = (uint32_t)entries;
  table->spare = NONE;
  table->entry = calloc(entries, sizeof(*table->entry));
  table->bucket = malloc(entries * sizeof(*table->bucket));
  if (table->entry == NULL || table->bucket == NULL ||
      pthread_mutex_init(&table->lock, NULL) != 0) {
    free(table->bucket);
    free(table->entry);
    free(table);
    return NULL;
  }
  memset(table->bucket, 0xff, entries * sizeof(*table->bucket)); /* all NONE */
  return table;
}

void table_free(as_table *table)
{
  if (table == NULL) {
    return;
  }
  for (uint32_t i = 0; i < table->touched; i++) {
    free(table->entry[i].record);
  }
  (void)pthread_mutex_destroy(&table->lock);
  free(table->bucket);
  free(table->entry);
  free(table);
}

as_found table_look(as_table *table, as_kind kind, const char *secret, int64_t now, json_t **record)
{
  as_found found = FOUND_NOTHING;
  digests digest;
  uint32_t at = NONE;
  char *text = NULL;

  *record = NULL;
  if (!digest_secret(&digest, kind, secret)) {
    return FOUND_NOTHING;
  }
  (void)pthread_mutex_lock(&table->lock);
  found = state_of(table, &digest, now, &at);
  if (found != FOUND_NOTHING) {
    text = text_copy(table->entry[at].record, strlen(table->entry[at].record));
  }
  (void)pthread_mutex_unlock(&table->lock);
  if (text != NULL) {
    *record = json_loads(text, 0, NULL);
    free(text);
  }
  return *record != NULL ? found : FOUND_NOTHING;
}

static int prepare(exchange *it)
{
  int good =
      it->items <= MOST_ITEMS &&
      (it->used == NULL || digest_secret(&it->used_digest, it->used->kind, it->used->secret));

  for (size_t i = 0; i < it->items && good; i++) {
    it->record[i] = json_dumps(it->item[i].record, JSON_COMPACT);
    good = it->record[i] != NULL &&
           digest_secret(&it->digest[i], it->item[i].kind, it->item[i].secret) &&
           digest_owner(&it->digest[i], it->item[i].owner);
  }
  return good;
}

/* Takes the record of item i. */
static uint32_t keep(as_table *table, exchange *it, size_t i, uint32_t kin)
{
  uint32_t at = place(table, &it->digest[i], it->item[i].kind, kin);
  entry *kept = &table->entry[at];

  if (kept->record != NULL) {
    take(&table->kept[kept->kind], strlen(kept->record));
    take(&table->owned[kept->owner][kept->kind], strlen(kept->record));
  }
  add(&table->kept[kept->kind], strlen(it->record[i]));
  add(&table->owned[kept->owner][kept->kind], strlen(it->record[i]));
  memcpy(kept->check, it->digest[i].check, DIGEST);
  free(kept->record);
  kept->record = it->record[i];
  kept->expires = it->item[i].expires;
  it->record[i] = NULL;
  return at;
}

static as_exchange exchange_locked(as_table *table, exchange *it)
{
  uint32_t kin = NONE;
  as_found found = it->used != NULL ? state_of(table, &it->used_digest, it->now, &kin) : FOUND_LIVE;

  if (found == FOUND_USED) {
    drop_family(table, kin);
    return EXCHANGE_TWICE;
  }
  if (found == FOUND_NOTHING) {
    return EXCHANGE_GONE;
  }
  if (!has_room(table, it)) {
    return EXCHANGE_FULL;
  }
  for (size_t i = 0; i < it->items; i++) {
    uint32_t at = keep(table, it, i, kin);

    kin = kin != NONE ? kin : at;
  }
  if (it->used != NULL && it->used->kind == KIND_CODE) {
    table->entry[kin].used = 1;
    table->entry[kin].expires = it->used->expires;
  } else if (it->used != NULL && it->used->kind == KIND_REQUEST_URI) {
    drop(table, kin);
  }
  return EXCHANGE_DONE;
}

as_exchange table_exchange(as_table *table, const as_item *used, const as_item *items, size_t count,
                           int64_t now)
{
  exchange it = { .used = used, .item = items, .items = count, .now = now };
  as_exchange done = EXCHANGE_FULL;

  if (prepare(&it)) {
    (void)pthread_mutex_lock(&table->lock);
    done = exchange_locked(table, &it);
    (void)pthread_mutex_unlock(&table->lock);
  }
  for (size_t i = 0; i < MOST_ITEMS; i++) {
    free(it.record[i]);
  }
  return done;
}

void table_end(as_table *table, as_kind kind, const char *secret)
{
  digests digest;
  uint32_t at = NONE;

  if (!digest_secret(&digest, kind, secret)) {
    return;
  }
  (void)pthread_mutex_lock(&table->lock);
  at = find(table, digest.key);
  if (at != NONE) {
    drop_family(table, at);
  }
  (void)pthread_mutex_unlock(&table->lock);
}
