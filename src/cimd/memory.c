/* SPDX-License-Identifier: MIT */

/* A host's memory of clients. Called by cimd.c between a fetch and the cache, which is the only moment at which anything
 * of a client can be new. One record for document and key set; who writes it last is right enough, for what gets lost is
 * seen again. */

#include "cimd/memory.h"

/* There may be something that the host knows, or does not know yet. */
static int is_news(const occ_history *history, const occ_snapshot *seen)
{
  return !history->seen || history->unkept || occ__value_changes(&history->last, seen) != 0;
}

static int keep(const occ_memory *memory, const occ_mem *mem, const occ_cache_ask *ask,
                const occ_record *record, const char *kept)
{
  occ_buf out;
  int rc;

  occ__buf_init(&out, mem, OCC__RECORD_MAX - 1);
  occ__record_write(&out, record);
  rc = out.rc;
  if (rc == OCC_OK && strcmp(occ__buf_string(&out), kept) != 0) {
    memory->keep((const char *)ask->client_id.base, occ__buf_string(&out), memory->user_data);
  }
  occ__buf_clear(&out);
  return rc;
}

int occ__memory_note(const occ_memory *memory, const occ_mem *mem, const occ_cache_ask *ask,
                     const occ_snapshot *seen, occ_history *history)
{
  const int keys = ask->kind == OCC__CACHE_KEYSET, news = is_news(history, seen);
  occ_record record = { .first_seen = 0 };
  occ_verdict verdict = OCC_NO;
  char kept[OCC__RECORD_MAX] = "";
  int rc = OCC_OK;

  if (news) {
    verdict =
        memory->recall((const char *)ask->client_id.base, kept, sizeof(kept), memory->user_data);
    kept[sizeof(kept) - 1] = '\0';
  }
  if (verdict == OCC_YES) { /* what is no record is as if there were none */
    rc = occ__record_read(&record, kept, ask->now);
    occ__record_join(history, &record, keys);
  }
  if (rc == OCC_ERR_MEMORY) {
    return rc;
  }
  occ__history_note(history, seen, ask->now);
  history->unkept = verdict != OCC_YES && verdict != OCC_NO;
  if (!news || history->unkept) {
    return OCC_OK;
  }
  occ__record_take(&record, history, keys);
  return keep(memory, mem, ask, &record, verdict == OCC_YES ? kept : "");
}
