/* SPDX-License-Identifier: MIT */
/* Clocks, medians, random order, V. Knows nothing of the library. */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#endif

#include "meter.h"

#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void must(int truth, const char *what)
{
  if (!truth) {
    fprintf(stderr, "cannot measure: %s\n", what);
    exit(2);
  }
}

static double read_clock(clockid_t clock)
{
  struct timespec t;

  must(clock_gettime(clock, &t) == 0, "clock");
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double thread_ns(void)
{
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double wall_ns(void)
{
  return read_clock(CLOCK_MONOTONIC);
}

static int by_size(const void *a, const void *b)
{
  const double left = *(const double *)a, right = *(const double *)b;

  return (left > right) - (left < right);
}

double median(double *sample, size_t count)
{
  qsort(sample, count, sizeof(sample[0]), by_size);
  return sample[count / 2];
}

void shuffle(size_t *order, size_t count, uint32_t *seed)
{
  for (size_t i = count; i-- > 1;) {
    size_t other, swap = order[i];

    *seed = *seed * 1664525u + 1013904223u;
    other = (*seed >> 8) % (i + 1);
    order[i] = order[other];
    order[other] = swap;
  }
}

void meter_v_init(meter_v *v)
{
  EVP_PKEY_CTX *sign;

  memset(v, 0, sizeof(*v));
  memset(v->digest, 0x5a, sizeof(v->digest));
  v->sig_len = sizeof(v->sig);
  v->key = EVP_EC_gen("P-256");
  sign = EVP_PKEY_CTX_new(v->key, NULL);
  v->verify = EVP_PKEY_CTX_new(v->key, NULL);
  must(v->key != NULL && EVP_PKEY_sign_init(sign) == 1 &&
           EVP_PKEY_sign(sign, v->sig, &v->sig_len, v->digest, sizeof(v->digest)) == 1 &&
           EVP_PKEY_verify_init(v->verify) == 1,
       "key");
  EVP_PKEY_CTX_free(sign);
}

void meter_v_run(const meter_v *v)
{
  must(EVP_PKEY_verify(v->verify, v->sig, v->sig_len, v->digest, sizeof(v->digest)) == 1, "V");
}

void meter_v_clear(meter_v *v)
{
  EVP_PKEY_CTX_free(v->verify);
  EVP_PKEY_free(v->key);
}
