/* SPDX-License-Identifier: MIT
 *
 * Key rings as JSON. Byte 0 picks the failing allocation (255: none), byte 1 is 1 for a second load by force, bytes 2 to 4
 * are seconds between the two; then two texts with an octet 0 between. A load that is refused changes nothing; one that is
 * not forced keeps open what may live. */

#include <stdlib.h>

#include "base/lib.h"
#include "base/limits.h"
#include "core/keyring.h"
#include "fail_mem.h"

#define T       INT64_C(1800000000000)
#define LONGEST ((occ_time)OCC__MAX_EXPIRY_S * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
  if (!truth) {
    abort();
  }
}

static void check_rc(int rc, const fail_mem *fm, int force)
{
  must(rc == OCC_OK || rc == OCC_ERR_SYNTAX || rc == OCC_ERR_LIMIT ||
       (rc == OCC_ERR_STATE && !force) || (rc == OCC_ERR_MEMORY && fm->failed));
}

/* A key that seals now opens now, and for as long as what it seals may live. */
static void check_set(const occ_key_set *set, occ_time now, int force)
{
  const occ_seal_key *seals = occ__key_set_seals(set, now);

  if (seals != NULL) {
    must(seals->seal_from <= now && now < seals->open_until);
    must(occ__key_set_opens(set, seals->id, now) == seals);
    must(force || occ__key_set_opens(set, seals->id, now + LONGEST - 1) == seals);
    must(occ__key_set_opens(set, seals->id, seals->open_until) == NULL);
  }
}

/* What was sealed before the change is opened by the same octets, until it has ended. */
static void check_change(const occ_key_set *old, const occ_key_set *set, occ_time now)
{
  const occ_seal_key *was = occ__key_set_seals(old, now), *is;
  occ_time last = now + LONGEST - 1;

  if (was == NULL) {
    return;
  }
  if (last >= was->open_until) {
    last = was->open_until - 1;
  }
  is = occ__key_set_opens(set, was->id, last);
  must(is != NULL && memcmp(is->master, was->master, OCC__SEAL_KEY_LEN) == 0);
}

/* The text in a block of its own length. */
static int load(occ_keyring *ring, const uint8_t *text, size_t len, occ_time now, int force)
{
  char *exact = malloc(len == 0 ? 1 : len);
  int rc;

  must(exact != NULL);
  memcpy(exact, text, len);
  rc = occ_keyring_load(ring, exact, len, now, force);
  free(exact);
  return rc;
}

static void run(occ_keyring *ring, const fail_mem *fm, const uint8_t *data, size_t size)
{
  const occ_time now =
      T + (occ_time)((unsigned)data[2] << 16 | (unsigned)data[3] << 8 | data[4]) * 1000;
  const uint8_t *text = data + 5, *end = memchr(text, 0, size - 5);
  const size_t first = end == NULL ? size - 5 : (size_t)(end - text);
  const int force = data[1] == 1;
  const occ_key_set *before, *after;
  int rc = load(ring, text, first, T, 0);

  check_rc(rc, fm, 0);
  before = occ__keyring_take(ring);
  must(rc == OCC_OK || occ__key_set_seals(before, T) == NULL);
  check_set(before, T, 0);
  if (end != NULL) {
    rc = load(ring, end + 1, size - 6 - first, now, force);
    check_rc(rc, fm, force);
    after = occ__keyring_take(ring);
    must((rc == OCC_OK) == (after != before));
    if (rc == OCC_OK) {
      check_set(after, now, force);
    }
    if (!force) {
      check_change(before, after, now);
    }
    occ__keyring_give(ring, after);
  }
  occ__keyring_give(ring, before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  occ_keyring *ring = NULL;
  occ_lib *lib = NULL;
  fail_mem fm;

  if (size < 5) {
    return 0;
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  if (occ_lib_new(&lib, &fm.mem) == OCC_OK && occ_keyring_new(&ring, lib) == OCC_OK) {
    run(ring, &fm, data, size);
  }
  occ_keyring_free(ring);
  occ_lib_free(lib);
  must(fm.live == 0);
  return 0;
}
