/* SPDX-License-Identifier: MIT */
/* Allocators that count and leave the rest to libc. */

#include "counts.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "meter.h"

static _Thread_local counts seen;

static void *own_alloc(size_t size, void *user_data)
{
  (void)user_data;
  seen.own++;
  return malloc(size);
}

static void own_release(void *memory, size_t size, void *user_data)
{
  (void)size;
  (void)user_data;
  free(memory);
}

const occ_mem counts_mem = { own_alloc, own_release, NULL };

static void *jansson_malloc(size_t size)
{
  seen.jansson++;
  return malloc(size);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  seen.openssl++;
  return malloc(size);
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  seen.openssl++;
  return realloc(memory, size);
}

static void openssl_free(void *memory, const char *file, int line)
{
  (void)file;
  (void)line;
  free(memory);
}

void counts_begin(void)
{
  must(CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1, "hooks");
  counts_take_jansson();
}

void counts_take_jansson(void)
{
  json_set_alloc_funcs(jansson_malloc, free);
}

counts counts_now(void)
{
  return seen;
}
