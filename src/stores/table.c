/* SPDX-License-Identifier: MIT */
/* What a store answers. Called by stores/store.c with the question as the machine asked it. No allocation, no clock, no
 * randomness; work per call is bounded, all of it under one mutex that every process sharing the store uses.
 *
 * Time. Whether an entry is live is judged by the question's now. A node whose clock is ahead may have freed what another
 * would still see. Hence an entry outlives what it guards by the skew, by the clock of whoever takes it; each
 * pool remembers the latest expiry of all that it has freed, and a question from further than the skew before that is
 * answered RETRY. So no clock, however wrong, gets a wrong YES. The highest now seen would do as well, but a single
 * question from a clock a year ahead would then shut the others out for a year; what it can free has expired within
 * minutes. */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* robust mutexes */
#endif

#include "stores/table.h"
#include "base/siphash.h"
#include "stores/pool.h"
#include <errno.h>
#include <string.h>

#define KEY_LEN      32u
#define PURPOSES     5u
#define LAST_EXPIRES ((INT64_C(1) << 55) - 1) /* a slot's word has no more bits for it */

/* ONCE, KEEP and the ledger do not see each other's entries, even under one key. */
typedef enum space { SPACE_ONCE = 0, SPACE_KEPT = 1, SPACE_LEDGER = 2 } space;

static int enter(const occ__region *region)
{
  occ__header *header = occ__region_header(region);
  int rc = pthread_mutex_lock(&header->mutex);

  if (rc == EOWNERDEAD) {
    for (size_t i = 0; i < OCC__POOLS; i++) {
      occ__pool_view v = occ__pool_of(region, i);

      occ__pool_recount(&v);
    }
    rc = pthread_mutex_consistent(&header->mutex);
  }
  return rc == 0 ? OCC_OK : OCC_ERR_INTERNAL;
}

static void leave(const occ__region *region)
{
  (void)pthread_mutex_unlock(&occ__region_header(region)->mutex);
}

/* Could one of the keys have been used before this store was there to see it? */
static int is_born_too_late(const occ__region *region, occ_time issued)
{
  return occ__region_header(region)->born > issued;
}

static int key_is_valid(const uint8_t *key)
{
  return key[0] >= 1 && key[0] <= PURPOSES;
}

static size_t pool_of_key(const uint8_t *key)
{
  return key[0] - 1u;
}

static int question_is_valid(const occ_question *question)
{
  return question->key != NULL && key_is_valid(question->key) && question->now >= 0;
}

static int expiry_is_valid(const occ_question *question)
{
  return question->expires > question->now && question->expires <= LAST_EXPIRES;
}

/* Keys are digests, but of input that the peer may choose: their hash is keyed. */
static void tag_make(const occ__region *region, const uint8_t *key, space in, uint64_t tag[2])
{
  uint8_t own[KEY_LEN];

  memcpy(own, key, sizeof(own));
  own[0] = (uint8_t)(key[0] | (unsigned)in << 4); /* purposes need three bits */
  occ__siphash(tag, occ__region_header(region)->hash_key, own, sizeof(own));
}

/* No client id and no key: one common client. */
static uint32_t client_hash(const occ__region *region, const char *client_id)
{
  const char *text = client_id == NULL ? "" : client_id;
  uint64_t hash[2];

  occ__siphash(hash, occ__region_header(region)->hash_key, text, strlen(text));
  return (uint32_t)hash[0];
}

static occ__entry entry_make(const occ__region *region, const occ_question *question,
                             occ__slot_state state)
{
  return (occ__entry){ .client = client_hash(region, question->client_id),
                       .is_limited = 1,
                       .is_stranger = !question->authenticated,
                       .expires = question->expires,
                       .state = state };
}

/* One key of ONCE on its way into the table. */
typedef struct step {
  occ__pool_view view;
  occ__entry entry;
  occ__slot slot;
} step;

static occ_verdict once_locked(step *steps, size_t count, occ_time now, size_t *detail)
{
  for (size_t i = 0; i < count; i++) {
    step *s = &steps[i];
    occ_verdict verdict = occ__pool_put(&s->view, &s->entry, now, &s->slot);

    if (verdict == OCC_YES) {
      continue;
    }
    *detail = verdict == OCC_RETRY ? (size_t)OCC__WHY_FULL : i;
    while (verdict == OCC_RETRY && i-- > 0) { /* nothing was used, so nothing may stay */
      occ__pool_free(&steps[i].view, steps[i].slot);
    }
    return verdict;
  }
  return OCC_YES;
}

static occ_verdict once_judged(const occ__region *region, const occ_question *question, step *steps,
                               size_t *detail)
{
  for (size_t i = 0; i < question->keys; i++) {
    if (occ__pool_is_past(&steps[i].view, question->now)) {
      *detail = OCC__WHY_CLOCK;
      return OCC_RETRY;
    }
  }
  if (is_born_too_late(region, question->issued)) { /* a nonce made now would be, too? */
    *detail = is_born_too_late(region, question->now) ? OCC__WHY_CLOCK : OCC__WHY_YOUNG;
    return OCC_RETRY;
  }
  return once_locked(steps, question->keys, question->now, detail);
}

static int once_is_valid(const occ_question *question)
{
  if (question->keys < 1 || question->keys > OCC__MAX_ONCE_KEYS || !question_is_valid(question) ||
      !expiry_is_valid(question)) {
    return 0;
  }
  for (size_t i = 1; i < question->keys; i++) {
    if (!key_is_valid(question->key + i * KEY_LEN)) {
      return 0;
    }
  }
  return 1;
}

int occ__table_once(const occ__region *region, const occ_question *question, size_t *detail)
{
  occ_verdict verdict;
  step steps[OCC__MAX_ONCE_KEYS];
  occ__entry entry;
  int rc;

  if (!once_is_valid(question)) {
    return OCC_ERR_ARGUMENT;
  }
  entry = entry_make(region, question, OCC__SLOT_ONCE);
  for (size_t i = 0; i < question->keys; i++) {
    const uint8_t *key = question->key + i * KEY_LEN;

    steps[i].view = occ__pool_of(region, pool_of_key(key));
    steps[i].entry = entry;
    tag_make(region, key, SPACE_ONCE, steps[i].entry.tag);
    occ__pool_prefetch(&steps[i].view, &steps[i].entry);
  }
  rc = enter(region);
  if (rc != OCC_OK) {
    return rc;
  }
  verdict = once_judged(region, question, steps, detail);
  leave(region);
  return (int)verdict;
}

int occ__table_keep(const occ__region *region, const occ_question *question)
{
  occ__pool_view v = occ__pool_of(region, OCC__POOL_KEPT);
  occ_verdict verdict = OCC_RETRY;
  occ__slot s;
  occ__entry e;
  int rc;

  if (!question_is_valid(question) || !expiry_is_valid(question) ||
      (question->data == NULL && question->len > 0)) {
    return OCC_ERR_ARGUMENT;
  }
  if (question->len > OCC__MAX_KEPT) {
    return OCC_ERR_LIMIT;
  }
  e = entry_make(region, question, OCC__SLOT_KEPT);
  e.data = occ__span(question->data, question->len);
  tag_make(region, question->key, SPACE_KEPT, e.tag);
  rc = enter(region);
  if (rc != OCC_OK) {
    return rc;
  }
  if (!occ__pool_is_past(&v, question->now)) {
    verdict = occ__pool_put(&v, &e, question->now, &s);
  }
  leave(region);
  return (int)verdict;
}

int occ__table_recall(const occ__region *region, const occ_question *question,
                      uint8_t out[OCC__MAX_KEPT], size_t *len)
{
  occ__pool_view v = occ__pool_of(region, OCC__POOL_KEPT);
  occ_verdict verdict = OCC_NO;
  uint64_t tag[2];
  occ__slot s;
  int rc;

  if (!question_is_valid(question)) {
    return OCC_ERR_ARGUMENT;
  }
  tag_make(region, question->key, SPACE_KEPT, tag);
  rc = enter(region);
  if (rc != OCC_OK) {
    return rc;
  }
  if (occ__pool_is_past(&v, question->now)) {
    verdict = OCC_RETRY;
  } else if (occ__pool_find(&v, tag, question->now, &s)) {
    const occ__block *block = occ__pool_block(&v, s);

    if (block->len <= sizeof(block->data)) { /* other processes can write it too */
      memcpy(out, block->data, block->len);
      *len = block->len;
      verdict = OCC_YES;
    }
  }
  leave(region);
  return (int)verdict;
}

/* A mandate that names its earliest use must not be older than the store; a client is counted only where it is named. */
int occ__table_reserve(const occ__region *region, const occ_question *question)
{
  occ_verdict verdict = OCC_RETRY;
  occ__slot s;
  occ__pool_view v;
  occ__entry e;
  int rc;

  if (!question_is_valid(question) || !expiry_is_valid(question)) {
    return OCC_ERR_ARGUMENT;
  }
  v = occ__pool_of(region, pool_of_key(question->key));
  e = entry_make(region, question, OCC__SLOT_RESERVED);
  e.is_limited = question->client_id != NULL;
  tag_make(region, question->key, SPACE_LEDGER, e.tag);
  rc = enter(region);
  if (rc != OCC_OK) {
    return rc;
  }
  if (!occ__pool_is_past(&v, question->now) &&
      (question->issued == 0 || !is_born_too_late(region, question->issued))) {
    verdict = occ__pool_put(&v, &e, question->now, &s);
  }
  leave(region);
  return (int)verdict;
}

static occ_verdict settle_locked(const occ__pool_view *v, occ__slot s, int is_commit)
{
  if (occ__pool_state(s) == OCC__SLOT_COMMITTED) {
    return is_commit ? OCC_YES : OCC_NO; /* what is committed is never given back */
  }
  if (is_commit) {
    occ__pool_commit(s);
  } else {
    occ__pool_free(v, s);
  }
  return OCC_YES;
}

/* What was reserved is settled whatever the clock says. Where nothing is reserved (any more) there is nothing to commit,
 * while to release it once more does no harm. */
static int settle(const occ__region *region, const occ_question *question, int is_commit)
{
  occ_verdict verdict = is_commit ? OCC_NO : OCC_YES;
  uint64_t tag[2];
  occ__slot s;
  occ__pool_view v;
  int rc;

  if (!question_is_valid(question)) {
    return OCC_ERR_ARGUMENT;
  }
  v = occ__pool_of(region, pool_of_key(question->key));
  tag_make(region, question->key, SPACE_LEDGER, tag);
  rc = enter(region);
  if (rc != OCC_OK) {
    return rc;
  }
  if (occ__pool_find(&v, tag, question->now, &s)) {
    verdict = settle_locked(&v, s, is_commit);
  }
  leave(region);
  return (int)verdict;
}

int occ__table_commit(const occ__region *region, const occ_question *question)
{
  return settle(region, question, 1);
}

int occ__table_release(const occ__region *region, const occ_question *question)
{
  return settle(region, question, 0);
}
