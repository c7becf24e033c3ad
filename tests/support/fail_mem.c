/* SPDX-License-Identifier: MIT */

/* The failing allocator of the tests. Each block has a head in front of it that keeps its size and
 * its owner. */

#include "fail_mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x6f63636d656d3031u /* a released or foreign block does not have it */

typedef union head {
  struct {
    uint64_t magic;
    size_t size;
    const fail_mem *owner;
  } in;
  max_align_t align;
} head;

static void die(const char *why)
{
  fprintf(stderr, "fail_mem: %s\n", why);
  abort();
}

static void *take(size_t size, void *user_data)
{
  fail_mem *fm = user_data;
  size_t number = fm->count++;
  head *block;

  if (number == fm->until || (fm->keep && number > fm->until)) {
    fm->failed = true;
    return NULL;
  }
  if (size > SIZE_MAX - sizeof(*block)) {
    die("a size that cannot be");
  }
  block = malloc(sizeof(*block) + size);
  if (block == NULL) {
    die("the machine has no memory left"); /* else a test would take it for its own failure */
  }
  block->in.magic = MAGIC;
  block->in.size = size;
  block->in.owner = fm;
  memset(block + 1, 0xa5, size);
  fm->live++;
  fm->live_octets += size;
  return block + 1;
}

static void give(void *memory, size_t size, void *user_data)
{
  fail_mem *fm = user_data;
  head *block;

  if (memory == NULL) {
    die("release of NULL");
  }
  block = (head *)memory - 1;
  if (block->in.magic != MAGIC || block->in.owner != fm) {
    die("release of a block that is not its own");
  }
  if (block->in.size != size) {
    fprintf(stderr, "fail_mem: allocated %zu octets, released %zu\n", block->in.size, size);
    abort();
  }
  block->in.magic = 0;
  fm->live--;
  fm->live_octets -= size;
  free(block);
}

void fail_mem_init(fail_mem *fm, size_t until, bool keep)
{
  *fm = (fail_mem){ .mem = { .alloc = take, .release = give, .user_data = fm },
                    .until = until,
                    .keep = keep };
}
