/* SPDX-License-Identifier: MIT */
#ifndef JOSE_TEST_H
#define JOSE_TEST_H

/* What the tests of this room share: cmocka, rows that say why, JSON from text, and a jansson that fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/status.h"
#include "fail_mem.h"
#include "test_keys.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static inline void check_rc(const char *why, int got, int want)
{
  if (got != want) {
    fail_msg("%s: got %d, want %d", why, got, want);
  }
}

static inline json_t *json_of(const char *text)
{
  json_t *value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

  if (value == NULL) {
    fail_msg("no JSON: %s", text);
  }
  return value;
}

/* Allocation number json_until of jansson fails, with json_keep all later ones too. Only test programs may set the
 * allocator of another library. */
static size_t json_until, json_count, json_live;
static int json_keep, json_failed;
/* Counts blocks that begin with this text, where it is set, when they are given back: a secret that was not wiped. */
static const char *json_secret;
static size_t json_unwiped;

typedef union json_head {
  size_t size;
  max_align_t align;
} json_head;

static inline void *json_take(size_t size)
{
  const size_t number = json_count++;
  json_head *block;

  if (number == json_until || (json_keep && number > json_until)) {
    json_failed = 1;
    return NULL;
  }
  block = malloc(sizeof(*block) + size);
  if (block == NULL) {
    fail_msg("the machine has no memory left");
    return NULL;
  }
  block->size = size;
  json_live++;
  return block + 1;
}

static inline void json_give(void *memory)
{
  json_head *block = memory;

  if (block == NULL) {
    return;
  }
  block--;
  if (json_secret != NULL && block->size > strlen(json_secret)) {
    json_unwiped += memcmp(memory, json_secret, strlen(json_secret)) == 0;
  }
  json_live--;
  free(block);
}

static inline void json_fail_at(size_t until, int keep)
{
  json_until = until;
  json_keep = keep;
  json_count = 0;
  json_live = 0;
  json_failed = 0;
  json_unwiped = 0;
  json_set_alloc_funcs(json_take, json_give);
}

static inline void json_fail_never(void)
{
  json_set_alloc_funcs(malloc, free);
}

#endif
