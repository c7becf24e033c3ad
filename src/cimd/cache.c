/* SPDX-License-Identifier: MIT */

/* The cache of clients known by a URL: who fetches, who waits, what is good for how long, and how much of it all. One
 * lock, held for no longer than a look at the table; never while something is fetched or parsed, or somebody is woken.
 * Called by cimd.c in the answerers, and by fetches that end. No clock, no network, no thread of its own. */

#include "cimd/cache.h"

#include "base/siphash.h"
#include "cimd/budget.h"
#include "cimd/flights.h"
#include "cimd/keyset.h"

struct occ_cache {
  const occ_mem *mem;
  occ_cache_rules rules;
  uint8_t hash_key[OCC__SIPHASH_KEY];
  pthread_mutex_t lock;
  occ_slots slots[OCC__CACHE_KINDS];
  occ_flights flights;
  occ_budget fetches, kids;
};

/* ---- Its life ---- */

static size_t of_domain(const occ_cache_rules *rules, size_t all, size_t of_host)
{
  const size_t some = all * rules->domain_percent / 100;

  return some > of_host ? some : of_host;
}

int occ__cache_new(occ_cache **out, const occ_mem *mem, const occ_cache_rules *rules,
                   const uint8_t *hash_key, occ_cache_wake wake)
{
  occ_cache *cache = occ__mem_alloc(mem, sizeof(*cache));
  int rc;

  *out = NULL;
  if (cache == NULL) {
    return OCC_ERR_MEMORY;
  }
  cache->mem = mem;
  cache->rules = *rules;
  memcpy(cache->hash_key, hash_key, sizeof(cache->hash_key));
  if (pthread_mutex_init(&cache->lock, NULL) != 0) {
    occ__mem_free(mem, cache, sizeof(*cache));
    return OCC_ERR_MEMORY;
  }
  rc = occ__flights_init(&cache->flights, mem, rules->flights, wake);
  for (int kind = 0; rc == OCC_OK && kind < OCC__CACHE_KINDS; kind++) {
    rc = occ__slots_init(&cache->slots[kind], mem, rules->entries[kind], rules->per_host,
                         of_domain(rules, rules->entries[kind], rules->per_host));
  }
  if (rc == OCC_OK) {
    rc = occ__budget_init(&cache->fetches, mem, rules->minute);
  }
  if (rc == OCC_OK) {
    rc = occ__budget_init(&cache->kids, mem, rules->kid_minute);
  }
  if (rc != OCC_OK) {
    occ__cache_free(cache);
    return rc;
  }
  *out = cache;
  return OCC_OK;
}

void occ__cache_free(occ_cache *cache)
{
  if (cache == NULL) {
    return;
  }
  for (int kind = 0; kind < OCC__CACHE_KINDS; kind++) {
    occ__slots_clear(&cache->slots[kind]);
  }
  occ__budget_clear(&cache->fetches);
  occ__budget_clear(&cache->kids);
  occ__flights_clear(&cache->flights);
  (void)pthread_mutex_destroy(&cache->lock);
  occ__mem_wipe_free(cache->mem, cache, sizeof(*cache));
}

/* ---- The lock ---- */

static void lock(occ_cache *cache)
{
  (void)pthread_mutex_lock(&cache->lock);
}

/* What is answered is known by now: those who are to be woken may ask. */
static void unlock(occ_cache *cache)
{
  occ__flights_wake(&cache->flights, &cache->lock);
  (void)pthread_mutex_unlock(&cache->lock);
}

/* ---- Names ---- */

typedef struct names {
  uint64_t name[2];
  uint64_t client, host, domain;
} names;

/* Longer texts than a client id may have were refused before. */
static void name_entry(const occ_cache *cache, const occ_cache_ask *ask, names *out)
{
  uint8_t text[2 * OCC__CIMD_URL_MAX + 1];
  uint64_t hash[2];
  size_t len = 0;

  occ__siphash(hash, cache->hash_key, ask->client_id.base, ask->client_id.len);
  out->client = hash[0];
  memcpy(out->name, hash, sizeof(hash));
  if (ask->kind == OCC__CACHE_KEYSET) {
    memcpy(text, ask->client_id.base, ask->client_id.len);
    len = ask->client_id.len;
    text[len++] = '\n'; /* in no URL */
    memcpy(text + len, ask->url.base, ask->url.len);
    occ__siphash(out->name, cache->hash_key, text, len + ask->url.len);
  }
}

/* Where the last two labels begin, without a list of who sells names below which others; 0 where it is an address: then
 * the last one is a number, or ends with a bracket. */
static size_t domain_at(const uint8_t *host, size_t len)
{
  size_t at = len, dots = 0, others = 0;

  while (at > 0 && dots < 2) {
    at--;
    dots += host[at] == '.';
    others += dots == 0 && host[at] != ']' && (host[at] < '0' || host[at] > '9');
  }
  return dots == 2 && others > 0 ? at + 1 : 0;
}

/* A host is one host however it is spelled. Never 0. */
static void name_host(const occ_cache *cache, const occ_cache_ask *ask, names *out)
{
  uint8_t text[256];
  const size_t len = ask->host.len < sizeof(text) ? ask->host.len : sizeof(text);
  uint64_t hash[2];
  size_t at;

  for (size_t i = 0; i < len; i++) {
    const uint8_t c = ask->host.base[i];

    text[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
  }
  occ__siphash(hash, cache->hash_key, text, len);
  out->host = hash[0] | 1;
  at = domain_at(text, len);
  occ__siphash(hash, cache->hash_key, text + at, len - at);
  out->domain = hash[1] | 1; /* the other half: that of no host */
}

/* ---- Budgets ---- */

/* Who is known may use all of it, strangers leave a quarter. */
static size_t part(size_t most, int known)
{
  return known ? most : OCC__CIMD_KEPT_PART(most);
}

/* Clients that are known share a domain's part with nobody: beside what strangers of it may have they have as much again.
 * Without an end one domain of known clients that all want to be fetched would keep those of others from it. */
static size_t part_of_domain(const occ_cache_rules *rules, size_t all, size_t of_host, int known)
{
  return of_domain(rules, all, of_host) * (known ? 2 : 1);
}

static int may_fetch(const occ_cache *cache, uint64_t host, uint64_t domain, int known,
                     occ_time now)
{
  const occ_cache_rules *rules = &cache->rules;

  return occ__flights_count(&cache->flights, 0, now) < part(rules->flights, known) &&
         occ__flights_count(&cache->flights, host, now) < rules->flights_per_host &&
         occ__budget_count(&cache->fetches, 0, now) < part(rules->minute, known) &&
         occ__budget_count(&cache->fetches, host, now) < rules->minute_per_host &&
         occ__flights_count(&cache->flights, domain, now) <
             part_of_domain(rules, rules->flights, rules->flights_per_host, known) &&
         occ__budget_count(&cache->fetches, domain, now) <
             part_of_domain(rules, rules->minute, rules->minute_per_host, known);
}

/* Nobody has signed yet, and whoever has a domain has as many sets there as he likes. */
static int may_look_again(const occ_cache *cache, const occ_slot *slot, occ_time now)
{
  const occ_cache_rules *rules = &cache->rules;

  return occ__budget_count(&cache->kids, 0, now) < rules->kid_minute &&
         occ__budget_count(&cache->kids, slot->domain, now) <
             of_domain(rules, rules->kid_minute, 1);
}

/* This request fetches. */
static int take_off(occ_cache *cache, occ_slot *slot, const occ_cache_ask *ask)
{
  if (!may_fetch(cache, slot->host, slot->domain, slot->kept, ask->now) ||
      !occ__flights_start(&cache->flights, slot, ask)) {
    return 0;
  }
  occ__budget_add(&cache->fetches, slot->host, slot->domain, ask->now);
  return 1;
}

/* ---- Asking ---- */

/* More than it can be is a clock that went back. */
static int is_fresh(const occ_cache *cache, const occ_slot *slot, occ_time now)
{
  return slot->value != NULL && now < slot->fresh_until &&
         slot->fresh_until - now <= cache->rules.most_ms;
}

static int is_soon(int reason)
{
  return reason == OCC__REASON_CIMD_UNREACHABLE;
}

static int may_be_stale(const occ_cache *cache, const occ_slot *slot, occ_time now)
{
  return slot->value != NULL && is_soon(slot->reason) && now < slot->stale_until &&
         slot->stale_until - now <= cache->rules.most_ms + cache->rules.stale_ms;
}

static occ_cache_step refuse(occ_cache_found *found, int reason)
{
  *found = (occ_cache_found){ .reason = reason };
  return OCC__CACHE_REFUSED;
}

static void tell(const occ_slot *slot, occ_cache_found *found)
{
  *found = (occ_cache_found){ .value = slot->value,
                              .fetched = slot->fetched,
                              .first_seen = slot->history.first_seen,
                              .changed = slot->history.changed,
                              .changes = slot->history.changes };
}

static occ_cache_step hit(occ_cache *cache, occ_cache_kind kind, occ_slot *slot,
                          const occ_cache_ask *ask, occ_cache_found *found)
{
  occ__slots_touch(&cache->slots[kind], slot, ask->now);
  tell(slot, found);
  found->stale = ask->now >= slot->fresh_until;
  occ__value_hold(slot->value);
  return OCC__CACHE_HIT;
}

static int lacks_key(const occ_slot *slot, const occ_cache_ask *ask)
{
  return ask->kind == OCC__CACHE_KEYSET && ask->kid != NULL && ask->kid[0] != '\0' &&
         !occ__keyset_has((const occ_keyset *)(const void *)slot->value, ask->kid);
}

/* The set is fresh and has no such key: perhaps it is newer than the set. Nothing is signed yet, so one look for a set and
 * a while, and few for all. Whatever comes of it, the set that is there counts. */
static occ_cache_step look_again(occ_cache *cache, occ_slot *slot, const occ_cache_ask *ask,
                                 occ_cache_found *found)
{
  occ_flight *f = occ__flights_of(&cache->flights, slot, ask->now);

  if (f != NULL) {
    return occ__flights_join(&cache->flights, f, ask) ? OCC__CACHE_WAIT
                                                      : hit(cache, ask->kind, slot, ask, found);
  }
  if ((ask->now < slot->kid_at && slot->kid_at - ask->now <= OCC__CIMD_KID_MS) ||
      !may_look_again(cache, slot, ask->now) || !take_off(cache, slot, ask)) {
    return hit(cache, ask->kind, slot, ask, found);
  }
  occ__budget_add(&cache->kids, slot->host, slot->domain, ask->now);
  slot->kid_at = ask->now + OCC__CIMD_KID_MS;
  return OCC__CACHE_FETCH;
}

static int is_paused(const occ_slot *slot, occ_time now)
{
  return slot->reason != 0 && now < slot->retry_at &&
         slot->retry_at - now <= OCC__CIMD_RETRY_MAX_MS;
}

/* There is nothing that is fresh. slot: NULL where nothing is known. */
static occ_cache_step go_and_see(occ_cache *cache, occ_slot *slot, const names *n,
                                 const occ_cache_ask *ask, occ_cache_found *found)
{
  occ_flight *f = occ__flights_of(&cache->flights, slot, ask->now);

  if (f != NULL) {
    return occ__flights_join(&cache->flights, f, ask) ? OCC__CACHE_WAIT
                                                      : refuse(found, OCC__REASON_CIMD_BUSY);
  }
  if (slot != NULL && is_paused(slot, ask->now)) {
    return may_be_stale(cache, slot, ask->now) ? hit(cache, ask->kind, slot, ask, found)
                                               : refuse(found, slot->reason);
  }
  if (slot == NULL) {
    if (!may_fetch(cache, n->host, n->domain, 0, ask->now)) {
      return refuse(found, OCC__REASON_CIMD_BUSY); /* before anything has to go for it */
    }
    slot = occ__slots_add(&cache->slots[ask->kind], n->name, n->host, n->domain, ask->now);
  }
  if (slot == NULL) {
    return refuse(found, OCC__REASON_CIMD_BUSY);
  }
  slot->client = n->client;
  return take_off(cache, slot, ask) ? OCC__CACHE_FETCH : refuse(found, OCC__REASON_CIMD_BUSY);
}

static occ_cache_step find(occ_cache *cache, const occ_cache_ask *ask, names *n,
                           occ_cache_found *found)
{
  occ_slot *slot = occ__slots_find(&cache->slots[ask->kind], n->name);

  if (slot == NULL || !slot->history.seen) {
    if (ask->only_known) {
      return OCC__CACHE_UNKNOWN;
    }
  }
  if (slot == NULL || !is_fresh(cache, slot, ask->now)) {
    name_host(cache, ask, n);
    return go_and_see(cache, slot, n, ask, found);
  }
  return lacks_key(slot, ask) ? look_again(cache, slot, ask, found)
                              : hit(cache, ask->kind, slot, ask, found);
}

occ_cache_step occ__cache_ask(occ_cache *cache, const occ_cache_ask *ask, occ_cache_found *found)
{
  occ_cache_step step = OCC__CACHE_WAIT;
  occ_flight *flight;
  occ_place place;
  names n;

  *found = (occ_cache_found){ .value = NULL };
  name_entry(cache, ask, &n);
  lock(cache);
  place = occ__flights_enter(&cache->flights, ask, &flight);
  if (place == OCC__PLACE_FETCHES) {
    found->kind = flight->kind;
    step = OCC__CACHE_MINE;
  } else if (place == OCC__PLACE_NONE) {
    step = find(cache, ask, &n, found);
  }
  unlock(cache);
  return step;
}

/* ---- What came of a fetch ---- */

/* Is there room for that many octets? Entries on trial go for it. */
static int make_room(occ_cache *cache, occ_cache_kind kind, const occ_slot *slot, size_t size)
{
  occ_slots *both = cache->slots;
  const size_t old = slot->value == NULL ? 0 : slot->value->size;

  while (both[0].octets + both[1].octets - old + size > cache->rules.octets) {
    occ_slot *first = occ__slots_oldest(&both[kind], slot);
    occ_slot *second = first != NULL ? NULL : occ__slots_oldest(&both[1 - kind], NULL);

    if (first == NULL && second == NULL) {
      return 0;
    }
    occ__slots_remove(first != NULL ? &both[kind] : &both[1 - kind],
                      first != NULL ? first : second);
  }
  return 1;
}

static void back_off(occ_slot *slot, int reason, occ_time now)
{
  int64_t wait = OCC__CIMD_RETRY_MS;

  for (unsigned i = 0; i < slot->failures && wait < OCC__CIMD_RETRY_MAX_MS; i++) {
    wait *= 2;
  }
  slot->failures++;
  slot->reason = reason;
  slot->retry_at = now + (wait < OCC__CIMD_RETRY_MAX_MS ? wait : OCC__CIMD_RETRY_MAX_MS);
}

/* Of the client whose key set this is; NULL: there is none any more. */
static occ_slot *document_of(const occ_cache *cache, const occ_cache_ask *ask)
{
  uint64_t name[2];

  occ__siphash(name, cache->hash_key, ask->client_id.base, ask->client_id.len);
  return occ__slots_find(&cache->slots[OCC__CACHE_DOCUMENT], name);
}

/* Key sets have fewer places than documents, and one that was pushed out must not come back as if it were the first: other
 * keys of a client who is long known would look like no change. So the document keeps what its set was. */
static const occ_history *past_of_keys(const occ_cache *cache, const occ_cache_ask *ask,
                                       const uint64_t name[2])
{
  const occ_slot *document = document_of(cache, ask);

  return document != NULL && document->keys.seen && document->keys_name[0] == name[0] &&
                 document->keys_name[1] == name[1]
             ? &document->keys
             : NULL;
}

static void note(occ_cache *cache, occ_cache_kind kind, occ_slot *slot, const occ_cache_ask *ask,
                 const occ_snapshot *now_seen)
{
  const occ_history *past = kind == OCC__CACHE_KEYSET && !slot->history.seen
                                ? past_of_keys(cache, ask, slot->name)
                                : NULL;

  if (past != NULL) {
    slot->history = *past;
  }
  occ__history_note(&slot->history, now_seen, ask->now);
}

static void keep_keys(occ_cache *cache, const occ_slot *set, const occ_cache_ask *ask)
{
  occ_slot *document = document_of(cache, ask);

  if (document != NULL) {
    document->keys = set->history;
    memcpy(document->keys_name, set->name, sizeof(document->keys_name));
  }
}

void occ__cache_store(occ_cache *cache, const occ_cache_ask *ask, occ_value *value,
                      occ_freshness fresh, const occ_history *history, occ_cache_found *found)
{
  occ_flight *flight;

  *found = (occ_cache_found){ .value = value, .fetched = ask->now, .first_seen = ask->now };
  lock(cache);
  flight = occ__flights_by(&cache->flights, ask->who); /* NULL: another has taken over */
  if (flight != NULL) {
    occ_slot *slot = flight->slot;

    if (history != NULL) {
      slot->history = *history;
    } else {
      note(cache, flight->kind, slot, ask, &value->snapshot);
    }
    if (flight->kind == OCC__CACHE_KEYSET) {
      keep_keys(cache, slot, ask);
    }
    slot->fetched = ask->now;
    if (make_room(cache, flight->kind, slot, value->size)) {
      occ__value_hold(value); /* the cache's */
      occ__slots_set(&cache->slots[flight->kind], slot, value);
      slot->fresh_until = ask->now + fresh.ms;
      slot->stale_until = slot->fresh_until;
      if (flight->kind == OCC__CACHE_DOCUMENT && fresh.may_be_stale) {
        slot->stale_until += cache->rules.stale_ms; /* never keys: who took them away means it */
      }
      slot->failures = 0;
      slot->reason = 0;
    } else {
      occ__slots_set(&cache->slots[flight->kind], slot, NULL);
      back_off(slot, OCC__REASON_CIMD_BUSY, ask->now);
    }
    slot->last_used = ask->now;
    tell(slot, found);
    found->value = value;
    occ__flights_land(&cache->flights, flight);
  }
  unlock(cache);
}

/* What is there counts still, or it goes. */
static occ_cache_step fail(occ_cache *cache, const occ_flight *flight, const occ_cache_ask *ask,
                           int reason, occ_cache_found *found)
{
  occ_slot *slot = flight->slot;

  if (is_fresh(cache, slot, ask->now)) { /* a look for an unknown key */
    return hit(cache, flight->kind, slot, ask, found);
  }
  back_off(slot, reason, ask->now);
  if (may_be_stale(cache, slot, ask->now)) {
    return hit(cache, flight->kind, slot, ask, found);
  }
  if (!is_soon(reason)) {
    occ__slots_set(&cache->slots[flight->kind], slot, NULL); /* it is gone, or something else */
    slot->kept = 0;
  }
  return refuse(found, reason);
}

void occ__cache_past(occ_cache *cache, const occ_cache_ask *ask, occ_history *out)
{
  const occ_history *past = NULL;
  const occ_flight *flight;

  *out = (occ_history){ .seen = 0 };
  lock(cache);
  flight = occ__flights_by(&cache->flights, ask->who);
  if (flight != NULL) {
    past = &flight->slot->history;
    if (flight->kind == OCC__CACHE_KEYSET && !past->seen) {
      past = past_of_keys(cache, ask, flight->slot->name);
    }
  }
  if (past != NULL) {
    *out = *past;
  }
  unlock(cache);
}

occ_cache_step occ__cache_fail(occ_cache *cache, const occ_cache_ask *ask, int reason,
                               occ_cache_found *found)
{
  occ_cache_step step = refuse(found, reason);
  occ_flight *flight;

  lock(cache);
  flight = occ__flights_by(&cache->flights, ask->who);
  if (flight != NULL) {
    step = fail(cache, flight, ask, reason, found);
    occ__flights_land(&cache->flights, flight);
  }
  unlock(cache);
  return step;
}

void occ__cache_cancel(occ_cache *cache, occ_ticket ticket)
{
  lock(cache);
  occ__flights_cancel(&cache->flights, ticket, &cache->lock);
  unlock(cache);
}

/* ---- Forgetting, looking ---- */

/* As if it had never been; a flight goes on, for somebody waits for it. */
static void forget_slot(occ_slots *slots, occ_slot *slot)
{
  if (slot->flight == 0) {
    occ__slots_remove(slots, slot);
    return;
  }
  occ__slots_set(slots, slot, NULL);
  slot->history = slot->keys = (occ_history){ .seen = 0 };
  slot->kept = slot->reason = 0;
  slot->failures = 0;
  slot->kid_at = 0;
}

void occ__cache_forget(occ_cache *cache, occ_span client_id)
{
  const occ_cache_ask ask = { .kind = OCC__CACHE_DOCUMENT, .client_id = client_id };
  names n;

  name_entry(cache, &ask, &n);
  lock(cache);
  for (int kind = 0; kind < OCC__CACHE_KINDS; kind++) {
    occ_slots *slots = &cache->slots[kind];

    for (size_t i = 0; i < slots->count; i++) {
      if (slots->slot[i].used && (client_id.len == 0 || slots->slot[i].client == n.client)) {
        forget_slot(slots, &slots->slot[i]);
      }
    }
  }
  unlock(cache);
}

int occ__cache_peek(occ_cache *cache, const occ_cache_ask *ask, occ_cache_found *found)
{
  const occ_history *past = NULL;
  const occ_slot *slot;
  names n;

  *found = (occ_cache_found){ .value = NULL };
  name_entry(cache, ask, &n);
  lock(cache);
  slot = occ__slots_find(&cache->slots[ask->kind], n.name);
  if (slot != NULL && slot->history.seen) {
    tell(slot, found);
    found->value = NULL;
  } else if (ask->kind == OCC__CACHE_KEYSET) {
    past = past_of_keys(cache, ask, n.name);
  }
  if (past != NULL) {
    *found = (occ_cache_found){ .first_seen = past->first_seen,
                                .changed = past->changed,
                                .changes = past->changes };
  }
  unlock(cache);
  return found->first_seen != 0;
}
