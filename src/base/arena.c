/* SPDX-License-Identifier: MIT */

/* Memory of one txn: blocks that grow, handed out from front to back, wiped and freed together.
 * Called by wire (forms, headers) and core. A single piece is never given back. */

#include "base/arena.h"

#define BLOCK_FIRST 8192u /* one block is enough for the usual request */
#define BLOCK_LAST  65536u

struct occ_arena_block {
  occ_arena_block *next;
  size_t room, used; /* of data */
  _Alignas(max_align_t) uint8_t data[];
};

void occ__arena_init(occ_arena *arena, const occ_mem *mem, size_t max)
{
  *arena = (occ_arena){ .mem = mem, .max = max };
}

static void *fail(occ_arena *arena, int rc)
{
  arena->rc = rc;
  return NULL;
}

/* A block with room for size. It becomes the one that is filled, unless it is for this one piece
 * alone. */
static occ_arena_block *add_block(occ_arena *arena, size_t size)
{
  occ_arena_block *head = arena->blocks, *block;
  size_t room = head == NULL ? BLOCK_FIRST : 2 * (head->room + sizeof(*head));

  room = (room > BLOCK_LAST ? BLOCK_LAST : room) - sizeof(*block);
  if (size > room / 2) {
    room = size; /* alone: what is left in the head is not lost */
  }
  block = occ__mem_alloc_raw(arena->mem, sizeof(*block) + room);
  if (block == NULL) {
    return NULL;
  }
  block->room = room;
  block->used = 0;
  if (head != NULL && room == size) {
    block->next = head->next;
    head->next = block;
  } else {
    block->next = head;
    arena->blocks = block;
  }
  return block;
}

void *occ__arena_raw(occ_arena *arena, size_t size, size_t align)
{
  occ_arena_block *block = arena->blocks;
  size_t pad = block == NULL ? 0 : (0 - block->used) & (align - 1);
  void *memory;

  /* used never passes max, nor a block's used its room: no sum here can wrap around. */
  if (size > arena->max - arena->used) {
    return fail(arena, OCC_ERR_LIMIT);
  }
  if (block == NULL || pad > block->room - block->used || size > block->room - block->used - pad) {
    pad = 0;
    block = add_block(arena, size);
    if (block == NULL) {
      return fail(arena, OCC_ERR_MEMORY);
    }
  }
  if (pad > arena->max - arena->used - size) {
    return fail(arena, OCC_ERR_LIMIT);
  }
  memory = block->data + block->used + pad;
  block->used += pad + size;
  arena->used += pad + size;
  return memory;
}

void *occ__arena_alloc(occ_arena *arena, size_t size)
{
  void *memory;

  size = size == 0 ? 1 : size;
  memory = occ__arena_raw(arena, size, _Alignof(max_align_t));
  if (memory != NULL) {
    memset(memory, 0, size);
  }
  return memory;
}

char *occ__arena_text(occ_arena *arena, const void *octets, size_t len)
{
  char *text;

  if (len == SIZE_MAX) {
    return fail(arena, OCC_ERR_LIMIT);
  }
  text = occ__arena_raw(arena, len + 1, 1);
  if (text != NULL) {
    if (len != 0) {
      memcpy(text, octets, len);
    }
    text[len] = '\0';
  }
  return text;
}

void occ__arena_clear(occ_arena *arena)
{
  occ_arena_block *block = arena->blocks, *next;

  for (; block != NULL; block = next) {
    next = block->next;
    occ__wipe(block->data, block->used);
    occ__mem_free(arena->mem, block, sizeof(*block) + block->room);
  }
  occ__arena_init(arena, arena->mem, arena->max);
}
