/* SPDX-License-Identifier: MIT
 *
 * A store in memory that others can write. Processes that share a store are trusted, yet no offset or length is taken from
 * there: whatever it holds, nothing outside is read or written, every call ends, and what is not a finished store of this
 * size is refused and left as it was. The mutex is the exception: it is the C library's, and as good as whoever writes it.
 *
 * Byte 0: 0 a region that was never a store, 1 one that is. Then steps. A step whose first byte is below 0x80 writes into
 * the region: two bytes of offset (high bit of the step: further on), a length, so many octets. Any other asks the store:
 * kind, number of the key, client, now, expires. */

#include <stdlib.h>
#include <string.h>

#include "occ/store.h"
#include "stores/table.h"

#define LEN  65536u
#define NOW  INT64_C(1800000000000)
#define KEEP 24u /* octets of KEEP */

static occ_lib *lib;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

/* Octets of the input; 0 when it is used up. */
typedef struct input {
  const uint8_t *at;
  size_t left;
} input;

static uint8_t take(input *in)
{
  if (in->left == 0) {
    return 0;
  }
  in->left--;
  return *in->at++;
}

/* The state says "somebody is making it": waiting a second for that is tested elsewhere. The mutex is left alone. */
static int may_write(size_t at)
{
  return at >= offsetof(occ__header, mutex) + sizeof(pthread_mutex_t) ||
         (at >= sizeof(uint32_t) && at < offsetof(occ__header, mutex));
}

static void write_some(uint8_t *region, uint8_t step, input *in)
{
  size_t at = (size_t)take(in) << 8;
  uint8_t len;

  at = (at | take(in)) % LEN;
  at = (step & 1) != 0 ? at : at % sizeof(occ__header);
  len = take(in);
  for (size_t i = 0; i < len && in->left > 0 && at + i < LEN; i++) {
    const uint8_t octet = take(in);

    if (may_write(at + i)) {
      region[at + i] = octet;
    }
  }
}

static void ask(const occ__region *region, uint8_t kind, input *in, int clean)
{
  static const char *const client[] = { NULL, "", "agent-7", "another" };
  uint8_t key[3 * 32] = { 0 }, out[OCC__MAX_KEPT];
  occ_question q = { .key = key, .keys = 1 + kind % 3, .data = key, .len = KEEP };
  size_t detail = 0, len = 0;
  int verdict = OCC_NO;

  for (size_t i = 0; i < 3; i++) {
    key[32 * i] = (uint8_t)(take(in) % 7);
    key[32 * i + 1] = take(in);
  }
  q.client_id = client[take(in) % 4];
  q.authenticated = take(in) & 1;
  q.now = NOW + (occ_time)take(in) * 60000 - 7200000;
  q.expires = q.now + (occ_time)take(in) * 60000 - 600000;
  q.issued = q.now - (occ_time)take(in) * 1000;
  switch (kind / 4 % 6) {
  case 0:
    verdict = occ__table_once(region, &q, &detail);
    must(verdict != OCC_NO || detail < q.keys);
    if (verdict == OCC_YES && clean) {
      must(occ__table_once(region, &q, &detail) == OCC_NO);
    }
    break;
  case 1:
    verdict = occ__table_keep(region, &q);
    if (verdict == OCC_YES && clean) {
      must(occ__table_recall(region, &q, out, &len) == OCC_YES && len == KEEP);
      must(memcmp(out, key, len) == 0);
    }
    break;
  case 2:
    verdict = occ__table_recall(region, &q, out, &len);
    must(verdict == OCC_YES ? len <= sizeof(out) : len == 0);
    break;
  case 3:
    verdict = occ__table_reserve(region, &q);
    break;
  case 4:
    verdict = occ__table_commit(region, &q);
    break;
  default:
    verdict = occ__table_release(region, &q);
    break;
  }
  must((verdict >= OCC_NO && verdict <= OCC_RETRY) || verdict == OCC_ERR_ARGUMENT);
}

/* Opens it once more: the same store, or refused and not touched. */
static void join(uint8_t *region, const uint8_t *copy)
{
  occ_store *other = NULL;
  const int rc = occ_store_open(&other, lib, region, LEN, NOW);

  must(rc == OCC_OK || rc == OCC_ERR_STATE);
  must((rc == OCC_OK) == (other != NULL));
  must(memcmp(region, copy, LEN) == 0);
  occ_store_free(other);
}

static void run(uint8_t *region, uint8_t *copy, int is_store, input *in)
{
  occ_store *store = NULL;
  occ__region own = { region, { 0 } };
  int rc, clean = is_store;

  must(occ__region_fit(&own.layout, LEN) == OCC_OK && own.layout.len <= LEN);
  if (is_store) {
    must(occ_store_open(&store, lib, region, LEN, NOW - 3600000) == OCC_OK);
  }
  while (in->left > 0) {
    const uint8_t step = take(in);

    if (step < 0x80) {
      write_some(region, step, in);
      clean = 0;
    } else if (is_store) {
      ask(&own, step & 0x7f, in, clean);
    }
  }
  memcpy(copy, region, LEN);
  if (is_store) {
    join(region, copy);
  } else {
    rc = occ_store_open(&store, lib, region, LEN, NOW);
    must(rc == OCC_OK || (rc == OCC_ERR_STATE && memcmp(region, copy, LEN) == 0));
  }
  occ_store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  uint8_t *region = aligned_alloc(64, LEN), *copy = malloc(LEN);
  input in = { data, size };
  uint8_t first;

  must(region != NULL && copy != NULL);
  if (lib == NULL) { /* made once, reachable to the end */
    must(occ_lib_new(&lib, NULL) == OCC_OK);
  }
  memset(region, 0, LEN);
  first = take(&in);
  if ((first & 2) != 0) { /* a foreign state word: never the one of a maker at work */
    memcpy(region, "ccoc", 4);
  }
  run(region, copy, (first & 1) != 0 && (first & 2) == 0, &in);
  free(region);
  free(copy);
  return 0;
}
