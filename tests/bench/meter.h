/* SPDX-License-Identifier: MIT */
#ifndef METER_H
#define METER_H

/* What the measuring programs share: clocks, medians, random order, and V, by which everything is judged. */

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/* What cannot go wrong ends the program with exit status 2. */
void must(int truth, const char *what);

double thread_ns(void); /* CPU time of this thread */
double wall_ns(void);

/* Sorts the samples. */
double median(double *sample, size_t count);
/* Another order of 0 .. count - 1 each time. */
void shuffle(size_t *order, size_t count, uint32_t *seed);

/* V: one raw ES256 verification on a kept EVP_PKEY_CTX. */
typedef struct meter_v {
  EVP_PKEY *key;
  EVP_PKEY_CTX *verify;
  unsigned char digest[32], sig[80];
  size_t sig_len;
} meter_v;

void meter_v_init(meter_v *v);
void meter_v_run(const meter_v *v);
void meter_v_clear(meter_v *v);

#endif
