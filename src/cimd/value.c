/* SPDX-License-Identifier: MIT */

/* Counted blocks, and what changed from one to the next. Called by the cache under its lock, and by requests that hold a
 * document. */

#include "cimd/value.h"

void *occ__value_new(const occ_mem *mem, size_t size)
{
  occ_value *value = occ__mem_alloc(mem, size);

  if (value == NULL) {
    return NULL;
  }
  atomic_init(&value->holds, 1);
  value->mem = mem;
  value->size = size;
  return value;
}

void occ__value_hold(occ_value *value)
{
  atomic_fetch_add_explicit(&value->holds, 1, memory_order_relaxed);
}

void occ__value_drop(occ_value *value)
{
  if (value != NULL && atomic_fetch_sub_explicit(&value->holds, 1, memory_order_acq_rel) == 1) {
    occ__mem_free(value->mem, value, value->size);
  }
}

unsigned occ__value_changes(const occ_snapshot *before, const occ_snapshot *now)
{
  unsigned changes = 0;

  if (memcmp(before->method, now->method, sizeof(now->method)) != 0) {
    changes |= OCC__CHANGED_METHOD;
  }
  if (memcmp(before->keys, now->keys, sizeof(now->keys)) != 0) {
    changes |= OCC__CHANGED_KEYS;
  }
  return before->capable != now->capable ? changes | OCC__CHANGED_CAPABILITY : changes;
}
