/* SPDX-License-Identifier: MIT */
/* occ_store: the memory store as an answerer like any other. Only public functions tie it to a configuration; what it
 * knows lies in one region (stores/region.h), what it answers in stores/table.c. Called by the host at start and reload,
 * by the machine through the answerers. Memory of its own is a shared mapping and not of the heap: after a fork() parent
 * and child must see one store, or each would take the same session once. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include "occ/store.h"
#include "base/b64.h"
#include "base/lib.h"
#include "base/mem.h"
#include "stores/table.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64u

struct occ_store {
  occ_lib *lib;
  occ__region region;
  size_t mapped; /* 0: the region is the host's */
  atomic_size_t holds;
};

static int store_make(occ_store **out, occ_lib *lib, void *base, const occ__layout *layout,
                      occ_time now)
{
  const occ_mem *mem = occ__lib_mem(lib);
  occ_store *store = NULL;
  uint8_t seed[32] = { 0 };
  int rc;

  store = occ__mem_alloc(mem, sizeof(*store));
  if (store == NULL) {
    return OCC_ERR_MEMORY;
  }
  rc = occ__lib_random(lib, seed, sizeof(seed));
  if (rc != OCC_OK) {
    goto out;
  }
  rc = occ__region_open(&store->region, base, layout, seed, now);
  if (rc != OCC_OK) {
    goto out;
  }
  occ__lib_hold(lib);
  store->lib = lib;
  atomic_init(&store->holds, 1);
  *out = store;
  store = NULL;

out:
  occ__wipe(seed, sizeof(seed));
  occ__mem_free(mem, store, sizeof(*store));
  return rc;
}

int occ_store_new(occ_store **out, occ_lib *lib, size_t entries, occ_time now)
{
  occ__layout layout;
  void *base;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL || entries == 0 || now < 0) {
    return OCC_ERR_ARGUMENT;
  }
  if (entries > OCC__MAX_STORE_ENTRIES) {
    return OCC_ERR_LIMIT;
  }
  occ__region_layout(&layout, entries);
  if (layout.len > SIZE_MAX) {
    return OCC_ERR_LIMIT;
  }
  base = mmap(NULL, (size_t)layout.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return OCC_ERR_MEMORY;
  }
  rc = store_make(out, lib, base, &layout, now);
  if (rc != OCC_OK) {
    (void)munmap(base, (size_t)layout.len);
    return rc;
  }
  (*out)->mapped = (size_t)layout.len;
  return OCC_OK;
}

int occ_store_open(occ_store **out, occ_lib *lib, void *region, size_t len, occ_time now)
{
  occ__layout layout;
  int rc;

  if (out == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  *out = NULL;
  if (lib == NULL || region == NULL || (uintptr_t)region % ALIGNMENT != 0 || now < 0) {
    return OCC_ERR_ARGUMENT;
  }
  rc = occ__region_fit(&layout, len);
  if (rc != OCC_OK) {
    return rc;
  }
  return store_make(out, lib, region, &layout, now);
}

void occ_store_free(occ_store *store)
{
  occ_lib *lib;

  if (store == NULL || atomic_fetch_sub(&store->holds, 1) > 1) {
    return;
  }
  lib = store->lib;
  if (store->mapped != 0) { /* a child of a fork() keeps its own mapping of it */
    (void)munmap(store->region.base, store->mapped);
  }
  occ__mem_free(occ__lib_mem(lib), store, sizeof(*store));
  occ__lib_drop(lib);
}

/* --- the answerers --- */

static int answer(occ_txn *txn, const occ_question *question, int verdict, occ_span data)
{
  if (verdict < 0) {
    return verdict; /* no answer: the txn fails closed */
  }
  return occ_txn_answer(txn, question->ticket, (occ_verdict)verdict, data.base, data.len);
}

static int answer_once(occ_txn *txn, const occ_question *question, void *user_data)
{
  static const char *const why[] = {
    [OCC__WHY_YOUNG] = "young", [OCC__WHY_FULL] = "full", [OCC__WHY_CLOCK] = "clock"
  };
  const occ_store *store = user_data;
  size_t detail = 0;
  int verdict = occ__table_once(&store->region, question, &detail);
  char digit = (char)('0' + (int)detail);
  occ_span data = occ__span(NULL, 0);

  if (verdict == OCC_NO) {
    data = occ__span(&digit, 1);
  } else if (verdict == OCC_RETRY) {
    data = occ__span_text(why[detail]);
  }
  return answer(txn, question, verdict, data);
}

static int answer_recall(occ_txn *txn, const occ_question *question, void *user_data)
{
  const occ_store *store = user_data;
  uint8_t data[OCC__MAX_KEPT];
  size_t len = 0;
  int verdict = occ__table_recall(&store->region, question, data, &len);
  int rc = answer(txn, question, verdict, occ__span(data, len));

  occ__wipe(data, len);
  return rc;
}

static int answer_keep(occ_txn *txn, const occ_question *question, void *user_data)
{
  const occ_store *store = user_data;

  return answer(txn, question, occ__table_keep(&store->region, question), occ__span(NULL, 0));
}

static int answer_reserve(occ_txn *txn, const occ_question *question, void *user_data)
{
  const occ_store *store = user_data;

  return answer(txn, question, occ__table_reserve(&store->region, question), occ__span(NULL, 0));
}

static int answer_commit(occ_txn *txn, const occ_question *question, void *user_data)
{
  const occ_store *store = user_data;

  return answer(txn, question, occ__table_commit(&store->region, question), occ__span(NULL, 0));
}

static int answer_release(occ_txn *txn, const occ_question *question, void *user_data)
{
  const occ_store *store = user_data;

  return answer(txn, question, occ__table_release(&store->region, question), occ__span(NULL, 0));
}

static void release(void *user_data)
{
  occ_store_free(user_data);
}

int occ_store_attach(occ_store *store, occ_config *config)
{
  static const struct {
    occ_ask kind;
    occ_answer_fn answer;
  } part[] = {
    { OCC_ASK_ONCE, answer_once },     { OCC_ASK_KEEP, answer_keep },
    { OCC_ASK_RECALL, answer_recall }, { OCC_ASK_RESERVE, answer_reserve },
    { OCC_ASK_COMMIT, answer_commit }, { OCC_ASK_RELEASE, answer_release },
  };
  char id[OCC__B64_LEN(16u) + 1u];

  if (store == NULL || config == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
    int rc;

    atomic_fetch_add(&store->holds, 1); /* the configuration's, for this kind */
    rc = occ_config_answer(config, part[i].kind, part[i].answer, NULL, release, store);
    if (rc != OCC_OK) {
      occ_store_free(store); /* it did not take it */
      return rc;
    }
  }
  (void)occ__b64_encode(id, occ__region_header(&store->region)->id,
                        sizeof(occ__region_header(&store->region)->id));
  return occ_config_set(config, "store_id", id);
}
