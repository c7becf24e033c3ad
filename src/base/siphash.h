/* SPDX-License-Identifier: MIT */
#ifndef OCC__SIPHASH_H
#define OCC__SIPHASH_H

/* SipHash-2-4 with 128 bits of output: a short keyed hash. Whoever does not know the key can neither aim at a place in
 * the table nor make two entries look alike. */

#include <stddef.h>
#include <stdint.h>

#define OCC__SIPHASH_KEY 16u

void occ__siphash(uint64_t out[2], const uint8_t key[OCC__SIPHASH_KEY], const void *data,
                  size_t len);

#endif
