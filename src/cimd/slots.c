/* SPDX-License-Identifier: MIT */

/* The table of the cache. Called under its lock. A look-up costs a bucket; all slots are looked at only for a fetch, of
 * which there are few, or once a minute for an entry on trial. */

#include "cimd/slots.h"

int occ__slots_init(occ_slots *slots, const occ_mem *mem, size_t count, size_t per_host,
                    size_t per_domain)
{
  *slots = (occ_slots){
    .mem = mem, .count = count, .buckets = 1, .per_host = per_host, .per_domain = per_domain
  };
  while (slots->buckets < count) {
    slots->buckets *= 2;
  }
  slots->slot = occ__mem_alloc(mem, count * sizeof(*slots->slot));
  slots->bucket = occ__mem_alloc(mem, slots->buckets * sizeof(*slots->bucket));
  if (slots->slot == NULL || slots->bucket == NULL) {
    occ__slots_clear(slots);
    return OCC_ERR_MEMORY;
  }
  for (size_t i = 0; i < slots->buckets; i++) {
    slots->bucket[i] = OCC__SLOTS_NONE;
  }
  return OCC_OK;
}

void occ__slots_clear(occ_slots *slots)
{
  if (slots->slot != NULL) {
    for (size_t i = 0; i < slots->count; i++) {
      occ__value_drop(slots->slot[i].value);
    }
    occ__mem_free(slots->mem, slots->slot, slots->count * sizeof(*slots->slot));
  }
  if (slots->bucket != NULL) {
    occ__mem_free(slots->mem, slots->bucket, slots->buckets * sizeof(*slots->bucket));
  }
  *slots = (occ_slots){ .mem = slots->mem };
}

static uint32_t *bucket_of(const occ_slots *slots, const uint64_t name[2])
{
  return &slots->bucket[name[0] & (slots->buckets - 1)];
}

occ_slot *occ__slots_find(const occ_slots *slots, const uint64_t name[2])
{
  for (uint32_t at = *bucket_of(slots, name); at != OCC__SLOTS_NONE; at = slots->slot[at].next) {
    if (slots->slot[at].name[0] == name[0] && slots->slot[at].name[1] == name[1]) {
      return &slots->slot[at];
    }
  }
  return NULL;
}

void occ__slots_set(occ_slots *slots, occ_slot *slot, occ_value *value)
{
  if (slot->value != NULL) {
    slots->octets -= slot->value->size;
    occ__value_drop(slot->value);
  }
  slot->value = value;
  slots->octets += value == NULL ? 0 : value->size;
}

void occ__slots_remove(occ_slots *slots, occ_slot *slot)
{
  const uint32_t place = (uint32_t)(slot - slots->slot);
  uint32_t *at = bucket_of(slots, slot->name);

  while (*at != place) {
    at = &slots->slot[*at].next;
  }
  *at = slot->next;
  occ__slots_set(slots, slot, NULL);
  memset(slot, 0, sizeof(*slot));
}

/* The one of two that was used less recently; either may be NULL. */
static occ_slot *older(occ_slot *a, occ_slot *b)
{
  return a == NULL || (b != NULL && b->last_used < a->last_used) ? b : a;
}

/* Where a newcomer goes: a free slot, else one on trial. A host, or domain, that has its part gives one of its own. */
static occ_slot *find_room(const occ_slots *slots, uint64_t host, uint64_t domain)
{
  occ_slot *blank = NULL, *any = NULL, *own = NULL, *near = NULL;
  size_t of_host = 0, of_domain = 0;

  for (size_t i = 0; i < slots->count; i++) {
    occ_slot *slot = &slots->slot[i];

    if (!slot->used) {
      blank = slot;
      continue;
    }
    of_host += slot->host == host;
    of_domain += slot->domain == domain;
    if (!slot->kept && slot->flight == 0) {
      any = older(any, slot);
      own = slot->host == host ? older(own, slot) : own;
      near = slot->domain == domain ? older(near, slot) : near;
    }
  }
  if (of_host >= slots->per_host) {
    return own;
  }
  if (of_domain >= slots->per_domain) {
    return near;
  }
  return blank != NULL ? blank : any;
}

occ_slot *occ__slots_add(occ_slots *slots, const uint64_t name[2], uint64_t host, uint64_t domain,
                         occ_time now)
{
  occ_slot *slot = find_room(slots, host, domain);
  uint32_t *bucket = bucket_of(slots, name);

  if (slot == NULL) {
    return NULL;
  }
  if (slot->used) {
    occ__slots_remove(slots, slot);
  }
  *slot = (occ_slot){ .name = { name[0], name[1] },
                      .host = host,
                      .domain = domain,
                      .used = 1,
                      .born = now,
                      .last_used = now,
                      .prove_at = now + OCC__CIMD_PROVE_MS,
                      .next = *bucket };
  *bucket = (uint32_t)(slot - slots->slot);
  return slot;
}

/* May this one be kept? One that has been idle for long makes room. */
static int may_be_kept(occ_slots *slots, const occ_slot *candidate, occ_time now)
{
  size_t kept = 0, of_host = 0, of_domain = 0;
  occ_slot *idle = NULL;

  for (size_t i = 0; i < slots->count; i++) {
    occ_slot *slot = &slots->slot[i];

    if (slot->used && slot->kept) {
      kept++;
      of_host += slot->host == candidate->host;
      of_domain += slot->domain == candidate->domain;
      idle = older(idle, slot);
    }
  }
  if (of_host >= OCC__CIMD_KEPT_PART(slots->per_host) ||
      of_domain >= OCC__CIMD_KEPT_PART(slots->per_domain)) {
    return 0;
  }
  if (kept < OCC__CIMD_KEPT_PART(slots->count)) {
    return 1;
  }
  if (idle == NULL || now - idle->last_used < OCC__CIMD_IDLE_MS) {
    return 0;
  }
  idle->kept = 0;
  return 1;
}

void occ__slots_touch(occ_slots *slots, occ_slot *slot, occ_time now)
{
  slot->last_used = now;
  if (!slot->kept && now >= slot->prove_at) {
    slot->prove_at = now + OCC__CIMD_PROVE_MS;
    slot->kept = may_be_kept(slots, slot, now);
  }
}

occ_slot *occ__slots_oldest(const occ_slots *slots, const occ_slot *but)
{
  occ_slot *oldest = NULL;

  for (size_t i = 0; i < slots->count; i++) {
    occ_slot *slot = &slots->slot[i];

    if (slot->used && !slot->kept && slot->flight == 0 && slot != but && slot->value != NULL) {
      oldest = older(oldest, slot);
    }
  }
  return oldest;
}
