/* SPDX-License-Identifier: MIT */

/* The key ring: reads generations of seal keys, judges whether one may follow the other, and lends the current one to
 * runs. Called by hosts (occ/keyring.h), by config.c and by the machine. The only state that changes is the list of
 * generations, under one mutex that is never held while memory is asked for or an event goes out.
 *
 * Key octets are decoded from jansson's text straight into the generation, which is wiped at its end. jansson
 * frees its strings as they are: the tree is dropped as soon as the keys are read. The text handed in belongs to the caller. */

#include "core/keyring.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/b64.h"
#include "base/lib.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/status.h"
#include "core/lib.h"
#include "jose/workspace.h"
#include "wire/json_in.h"

#define LONGEST_SESSION_MS ((occ_time)OCC__MAX_EXPIRY_S * 1000)
#define MAX_TIME           (((occ_time)1 << 53) - 1) /* exact in every JSON; sums stay far from overflow */

struct occ_key_set {
  occ_key_set *older; /* the next of the ring's list */
  size_t holds;       /* runs, and the ring itself while this is the current one */
  size_t count;
  occ_seal_key key[];
};

struct occ_keyring {
  occ_lib *lib;
  atomic_size_t holds;
  pthread_mutex_t lock; /* over newest, and over older and holds of every generation */
  occ_key_set *newest;  /* the current one, then those that a run still holds */
};

/* ---- Generations --------------------------------------------------------------------------------------------- */

static size_t set_size(size_t count)
{
  return sizeof(occ_key_set) + count * sizeof(occ_seal_key);
}

static occ_key_set *set_new(const occ_mem *mem, size_t count)
{
  occ_key_set *set = occ__mem_alloc(mem, set_size(count));

  if (set != NULL) {
    set->holds = 1;
    set->count = count;
  }
  return set;
}

static void set_free(const occ_mem *mem, occ_key_set *set)
{
  if (set != NULL) {
    occ__mem_wipe_free(mem, set, set_size(set->count));
  }
}

/* Under the lock: takes back one hold. Returns the generation when that was the last, out of the list and the caller's
 * to free. The pointer that a run has is const, so it is looked up; the list is one or two long. */
static occ_key_set *let_go(occ_keyring *ring, const occ_key_set *set)
{
  for (occ_key_set **at = &ring->newest; *at != NULL; at = &(*at)->older) {
    occ_key_set *found = *at;

    if (found == set) {
      if (--found->holds > 0) {
        return NULL;
      }
      *at = found->older;
      return found;
    }
  }
  return NULL;
}

/* Of two that begin to seal at the same moment the greater id wins: on every node, in whatever order they were listed. */
static int is_later(const occ_seal_key *a, const occ_seal_key *b)
{
  return a->seal_from > b->seal_from ||
         (a->seal_from == b->seal_from && memcmp(a->id, b->id, sizeof(a->id)) > 0);
}

const occ_seal_key *occ__key_set_seals(const occ_key_set *set, occ_time now)
{
  const occ_seal_key *best = NULL;

  for (size_t i = 0; i < set->count; i++) {
    const occ_seal_key *key = &set->key[i];

    if (key->seal_from <= now && now < key->open_until && (best == NULL || is_later(key, best))) {
      best = key;
    }
  }
  return best;
}

const occ_seal_key *occ__key_set_opens(const occ_key_set *set,
                                       const uint8_t id[OCC__SEAL_KEY_ID_LEN], occ_time now)
{
  for (size_t i = 0; i < set->count; i++) {
    const occ_seal_key *key = &set->key[i];

    if (memcmp(key->id, id, OCC__SEAL_KEY_ID_LEN) == 0) {
      return now < key->open_until ? key : NULL;
    }
  }
  return NULL;
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

static int read_time(occ_time *out, const json_t *entry, const char *member)
{
  const json_t *value = json_object_get(entry, member);

  if (!json_is_integer(value) || json_integer_value(value) < 0 ||
      json_integer_value(value) > MAX_TIME) {
    return OCC_ERR_SYNTAX;
  }
  *out = json_integer_value(value);
  return OCC_OK;
}

static int read_key(occ_seal_key *out, occ_workspace *ws, const json_t *entry)
{
  const char *id = occ__json_text(entry, "id");
  const char *key = occ__json_text(entry, "key");
  uint8_t hash[OCC__SHA256_LEN];
  int rc;

  /* Four members, and these four are there: so no other is. */
  if (id == NULL || key == NULL || json_object_size(entry) != 4 || id[0] == '\0' ||
      strlen(id) > OCC__MAX_ID) {
    return OCC_ERR_SYNTAX;
  }
  if (read_time(&out->seal_from, entry, "seal_from") != OCC_OK ||
      read_time(&out->open_until, entry, "open_until") != OCC_OK ||
      out->seal_from >= out->open_until ||
      occ__b64_decode_exact(out->master, sizeof(out->master), occ__span_text(key)) != OCC_OK) {
    return OCC_ERR_SYNTAX;
  }
  rc = occ__sha256(ws, hash, occ__span_text(id));
  if (rc == OCC_OK) {
    memcpy(out->id, hash, sizeof(out->id));
  }
  return rc;
}

/* Two keys whose ids share their hash could not be told apart in a handle. Equal ids are the common case of that. */
static int is_clear(const occ_key_set *set)
{
  for (size_t i = 0; i < set->count; i++) {
    for (size_t j = 0; j < i; j++) {
      if (memcmp(set->key[i].id, set->key[j].id, OCC__SEAL_KEY_ID_LEN) == 0) {
        return 0;
      }
    }
  }
  return 1;
}

static int read_keys(occ_key_set **out, const occ_mem *mem, occ_workspace *ws, const json_t *keys)
{
  occ_key_set *set = NULL;
  int rc = OCC_OK;

  if (!json_is_array(keys)) {
    return OCC_ERR_SYNTAX;
  }
  if (json_array_size(keys) > OCC__MAX_SEAL_KEYS) {
    return OCC_ERR_LIMIT;
  }
  set = set_new(mem, json_array_size(keys));
  if (set == NULL) {
    return OCC_ERR_MEMORY;
  }
  for (size_t i = 0; i < set->count && rc == OCC_OK; i++) {
    rc = read_key(&set->key[i], ws, json_array_get(keys, i));
  }
  if (rc == OCC_OK && !is_clear(set)) {
    rc = OCC_ERR_SYNTAX;
  }
  if (rc == OCC_OK) {
    *out = set;
    set = NULL;
  }
  set_free(mem, set);
  return rc;
}

static int read_set(occ_key_set **out, occ_lib *lib, occ_span text)
{
  occ_workspace *ws = NULL;
  json_t *root = NULL;
  int rc;

  rc = occ__json_read_object(&root, text, &occ__json_config);
  if (rc != OCC_OK) {
    goto out;
  }
  rc = OCC_ERR_SYNTAX;
  if (json_object_size(root) != 1) {
    goto out;
  }
  rc = occ__lib_take(lib, &ws);
  if (rc == OCC_OK) {
    rc = read_keys(out, occ__lib_mem(lib), ws, json_object_get(root, "keys"));
  }

out:
  json_decref(root);
  if (ws != NULL) {
    occ__lib_give(lib, ws);
  }
  return rc;
}

/* ---- May this generation follow that one? -------------------------------------------------------------------- */

/* Until when the sessions sealed by `key` may live: the last moment at which it may have sealed, plus the longest
 * session, plus the skew of node clocks. It sealed last when its successor took over, or seals still. Another node may
 * be ahead of us: a key that is pending here for less than the skew may have sealed there. 0: it never sealed; nobody
 * opens with it past its own open_until. */
static occ_time needed_until(const occ_key_set *set, const occ_seal_key *key, occ_time now)
{
  occ_time last = now, until;

  if (key->seal_from > now + OCC__NODE_SKEW_MS) {
    return 0;
  }
  for (size_t i = 0; i < set->count; i++) {
    occ_time from = set->key[i].seal_from;

    /* A successor that closed already may have handed sealing back; then `key` counts as one that seals still. */
    if (from > key->seal_from && from < last && now < set->key[i].open_until) {
      last = from;
    }
  }
  until = last + LONGEST_SESSION_MS + OCC__NODE_SKEW_MS;
  return until < key->open_until ? until : key->open_until;
}

/* NULL: it may. Else what is wrong, as a token for the event. */
static const char *objection(const occ_key_set *old, const occ_key_set *set, occ_time now)
{
  const occ_seal_key *seals = occ__key_set_seals(set, now);

  if (seals != NULL && seals->open_until < now + LONGEST_SESSION_MS) {
    return "key_closes_too_soon";
  }
  for (size_t i = 0; i < old->count; i++) {
    const occ_seal_key *was = &old->key[i];
    const occ_seal_key *is = occ__key_set_opens(set, was->id, now);
    occ_time until = needed_until(old, was, now);

    if (until <= now) {
      continue;
    }
    /* The same id with other octets opens nothing. */
    if (is == NULL || is->open_until < until ||
        !occ__equal_ct(is->master, was->master, OCC__SEAL_KEY_LEN)) {
      return "key_dropped";
    }
  }
  return NULL;
}

/* ---- The ring ------------------------------------------------------------------------------------------------ */

int occ_keyring_new(occ_keyring **out, occ_lib *lib)
{
  const occ_mem *mem;
  occ_keyring *ring;

  if (out != NULL) {
    *out = NULL;
  }
  if (out == NULL || lib == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  mem = occ__lib_mem(lib);
  ring = occ__mem_alloc(mem, sizeof(*ring));
  if (ring == NULL) {
    return OCC_ERR_MEMORY;
  }
  ring->newest = set_new(mem, 0);
  if (ring->newest == NULL || pthread_mutex_init(&ring->lock, NULL) != 0) {
    set_free(mem, ring->newest);
    occ__mem_free(mem, ring, sizeof(*ring));
    return OCC_ERR_MEMORY;
  }
  atomic_init(&ring->holds, 1);
  ring->lib = lib;
  occ__lib_hold(lib);
  *out = ring;
  return OCC_OK;
}

int occ_keyring_load(occ_keyring *ring, const char *json, size_t len, occ_time now, int force)
{
  occ_key_set *set = NULL, *gone = NULL;
  const char *wrong;
  int rc;

  if (ring == NULL || json == NULL || now < 0 || now > MAX_TIME) {
    return OCC_ERR_ARGUMENT;
  }
  rc = read_set(&set, ring->lib, occ__span(json, len));
  if (rc != OCC_OK) {
    return rc;
  }

  /* Judged under the lock: two loads at once must not both follow the same generation. */
  pthread_mutex_lock(&ring->lock);
  wrong = objection(ring->newest, set, now);
  if (wrong == NULL || force != 0) {
    occ_key_set *old = ring->newest;

    set->older = old;
    ring->newest = set;
    gone = let_go(ring, old);
  } else {
    gone = set;
    rc = OCC_ERR_STATE;
  }
  pthread_mutex_unlock(&ring->lock);

  set_free(occ__lib_mem(ring->lib), gone);
  if (rc == OCC_OK && wrong != NULL) {
    occ__lib_emit(ring->lib,
                  &(occ_event){ .id = OCC__EVENT_KEYS_FORCED, .time = now, .detail = wrong });
  }
  return rc;
}

const occ_key_set *occ__keyring_take(occ_keyring *ring)
{
  occ_key_set *set;

  pthread_mutex_lock(&ring->lock);
  set = ring->newest;
  set->holds++;
  pthread_mutex_unlock(&ring->lock);
  return set;
}

void occ__keyring_give(occ_keyring *ring, const occ_key_set *set)
{
  occ_key_set *gone;

  if (set == NULL) {
    return;
  }
  pthread_mutex_lock(&ring->lock);
  gone = let_go(ring, set);
  pthread_mutex_unlock(&ring->lock);
  set_free(occ__lib_mem(ring->lib), gone);
}

void occ__keyring_hold(occ_keyring *ring)
{
  atomic_fetch_add_explicit(&ring->holds, 1, memory_order_relaxed);
}

void occ__keyring_drop(occ_keyring *ring)
{
  occ_lib *lib;
  const occ_mem *mem;

  if (ring == NULL || atomic_fetch_sub_explicit(&ring->holds, 1, memory_order_acq_rel) > 1) {
    return;
  }
  lib = ring->lib;
  mem = occ__lib_mem(lib);
  pthread_mutex_destroy(&ring->lock);
  set_free(mem, ring->newest); /* who holds a generation holds the ring: there is no other left */
  occ__mem_free(mem, ring, sizeof(*ring));
  occ__lib_drop(lib);
}

void occ_keyring_free(occ_keyring *ring)
{
  occ__keyring_drop(ring);
}
