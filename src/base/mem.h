/* SPDX-License-Identifier: MIT */
#ifndef OCC__MEM_H
#define OCC__MEM_H

/* The only door to the heap: every allocation of the library goes through the occ_mem of its
 * occ_lib. Wiping and the comparison of secrets live here too. */

#include "occ/base.h"
#include "span.h"

extern const occ_mem occ__mem_libc;

/* Zeroed memory, or NULL. mem: never NULL here (occ_lib_new() has put libc in its place). size 0
 * gives one octet. */
void *occ__mem_alloc(const occ_mem *mem, size_t size);
/* The same, but what it holds is whatever was there: the caller writes before it reads. */
void *occ__mem_alloc_raw(const occ_mem *mem, size_t size);
/* A NUL-terminated copy of len octets (its size is len + 1), or NULL. */
char *occ__mem_text(const occ_mem *mem, const void *octets, size_t len);
/* Both accept NULL. size: as allocated. */
void occ__mem_free(const occ_mem *mem, void *memory, size_t size);
void occ__mem_wipe_free(const occ_mem *mem, void *memory, size_t size);
void occ__mem_text_free(
    const occ_mem *mem,
    char *text); /* wipes; size is strlen + 1, so only for text without zero octets */

void occ__wipe(void *memory, size_t size);
/* 1 when equal; time depends on len alone. */
int occ__equal_ct(const void *a, const void *b, size_t len);

#endif
