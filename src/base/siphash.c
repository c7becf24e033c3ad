/* SPDX-License-Identifier: MIT */
/* SipHash-2-4-128 (Aumasson, Bernstein 2012), written from its definition. Called by stores and cimd for every key and
 * client id. No memory, no state. out[0] and out[1] are the two halves of the output, read little-endian. */

#include "base/siphash.h"

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
  return (x << bits) | (x >> (64u - bits));
}

static inline void rounds(uint64_t v[4], unsigned n)
{
  while (n-- > 0) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
  }
}

static inline uint64_t read_le(const uint8_t in[8])
{
  return (uint64_t)in[0] | (uint64_t)in[1] << 8 | (uint64_t)in[2] << 16 | (uint64_t)in[3] << 24 |
         (uint64_t)in[4] << 32 | (uint64_t)in[5] << 40 | (uint64_t)in[6] << 48 |
         (uint64_t)in[7] << 56;
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
  v[3] ^= word;
  rounds(v, 2);
  v[0] ^= word;
}

void occ__siphash(uint64_t out[2], const uint8_t key[OCC__SIPHASH_KEY], const void *data,
                  size_t len)
{
  const uint8_t *in = data;
  uint64_t k0 = read_le(key);
  uint64_t k1 = read_le(key + 8);
  uint64_t v[4] = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                    k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };
  uint64_t last = (uint64_t)len << 56;
  size_t left = len;

  v[1] ^= 0xee; /* what sets the 128-bit variant apart, as 0xdd below */
  for (; left >= 8; left -= 8, in += 8) {
    absorb(v, read_le(in));
  }
  for (size_t i = 0; i < left; i++) {
    last |= (uint64_t)in[i] << (8u * i);
  }
  absorb(v, last);

  v[2] ^= 0xee;
  rounds(v, 4);
  out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
  v[1] ^= 0xdd;
  rounds(v, 4);
  out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}
