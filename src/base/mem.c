/* SPDX-License-Identifier: MIT */

/* The door to the heap, wiping, comparison of secrets. Called from every room. It holds the
 * library's only calls of calloc(), malloc() and free(), keeps no state, and never sets an allocator of the
 * process or of another library. */

#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static void *libc_alloc(size_t size, void *user_data)
{
  (void)user_data;
  return calloc(1, size);
}

static void libc_release(void *memory, size_t size, void *user_data)
{
  (void)size;
  (void)user_data;
  free(memory);
}

const occ_mem occ__mem_libc = { libc_alloc, libc_release, NULL };

/* A host's allocator may have no answer for a size of 0; alloc and free agree on one octet. */
static size_t real_size(size_t size)
{
  return size == 0 ? 1 : size;
}

void *occ__mem_alloc(const occ_mem *mem, size_t size)
{
  void *memory = mem->alloc(real_size(size), mem->user_data);

  /* What calloc() gave is zero already, and the pages of a large block stay untouched until they
   * are used. */
  if (memory != NULL && mem->alloc != libc_alloc) {
    memset(memory, 0, real_size(size));
  }
  return memory;
}

void *occ__mem_alloc_raw(const occ_mem *mem, size_t size)
{
  return mem->alloc == libc_alloc ? malloc(real_size(size))
                                  : mem->alloc(real_size(size), mem->user_data);
}

char *occ__mem_text(const occ_mem *mem, const void *octets, size_t len)
{
  char *text;

  if (len == SIZE_MAX) {
    return NULL;
  }
  text = occ__mem_alloc(mem, len + 1);
  if (text != NULL && len != 0) {
    memcpy(text, octets, len);
  }
  return text;
}

void occ__mem_free(const occ_mem *mem, void *memory, size_t size)
{
  if (memory != NULL) {
    mem->release(memory, real_size(size), mem->user_data);
  }
}

void occ__mem_wipe_free(const occ_mem *mem, void *memory, size_t size)
{
  occ__wipe(memory, size);
  occ__mem_free(mem, memory, size);
}

void occ__mem_text_free(const occ_mem *mem, char *text)
{
  if (text != NULL) {
    occ__mem_wipe_free(mem, text, strlen(text) + 1);
  }
}

/* Volatile, so that no compiler can know what is called and leave out a write that nobody reads. OPENSSL_cleanse() does
 * the same eight octets at a time, and a txn has thousands to wipe. */
static void *(*const volatile wipe_with)(void *memory, int value, size_t size) = memset;

void occ__wipe(void *memory, size_t size)
{
  if (memory != NULL && size != 0) {
    (void)wipe_with(memory, 0, size);
  }
}

int occ__equal_ct(const void *a, const void *b, size_t len)
{
  return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}
