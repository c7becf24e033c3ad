/* SPDX-License-Identifier: MIT */

/* occ_lib: its life, its allocator, randomness, tickets, workspaces, the event sink. Some tests use four threads and are
 * run under the thread sanitizer too. */

#include "core/lib.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_mem.h"

#define THREADS 4
#define TIMES   2000

static occ_lib *make(const occ_mem *mem)
{
  occ_lib *lib = NULL;

  assert_int_equal(occ_lib_new(&lib, mem), OCC_OK);
  assert_non_null(lib);
  return lib;
}

static void test_lib_new__takes_libc_or_an_allocator(void **state)
{
  fail_mem fm;
  occ_lib *lib;
  (void)state;

  lib = make(NULL);
  assert_non_null(occ__lib_mem(lib)->alloc);
  occ_lib_free(lib);

  fail_mem_init(&fm, SIZE_MAX, false);
  lib = make(&fm.mem);
  assert_true(occ__lib_mem(lib)->alloc == fm.mem.alloc);
  assert_ptr_equal(occ__lib_mem(lib)->user_data, &fm);
  assert_int_equal(fm.live, 1);
  occ_lib_free(lib);
  assert_int_equal(fm.live, 0);
}

static void test_lib_new__refuses(void **state)
{
  fail_mem fm;
  occ_lib *lib = (occ_lib *)(uintptr_t)1;
  occ_mem half;
  (void)state;

  assert_int_equal(occ_lib_new(NULL, NULL), OCC_ERR_ARGUMENT);
  fail_mem_init(&fm, SIZE_MAX, false);
  half = fm.mem;
  half.alloc = NULL;
  assert_int_equal(occ_lib_new(&lib, &half), OCC_ERR_ARGUMENT);
  assert_null(lib);
  half = fm.mem;
  half.release = NULL;
  lib = (occ_lib *)(uintptr_t)1;
  assert_int_equal(occ_lib_new(&lib, &half), OCC_ERR_ARGUMENT);
  assert_null(lib);
  fail_mem_init(&fm, 0, true);
  lib = (occ_lib *)(uintptr_t)1;
  assert_int_equal(occ_lib_new(&lib, &fm.mem), OCC_ERR_MEMORY);
  assert_null(lib);
}

static void test_lib_free__waits_for_the_last_hold(void **state)
{
  fail_mem fm;
  occ_lib *lib;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  lib = make(&fm.mem);
  occ__lib_hold(lib);
  occ__lib_hold(lib);
  occ_lib_free(lib);
  assert_int_equal(fm.live, 1);
  assert_int_equal(occ__lib_ticket(lib), 1); /* still good */
  occ__lib_drop(lib);
  assert_int_equal(fm.live, 1);
  occ__lib_drop(lib);
  assert_int_equal(fm.live, 0);
  occ_lib_free(NULL);
}

/* ---- Randomness ---- */

typedef struct source {
  int rc;
  size_t calls, len;
} source;

static int from_source(void *out, size_t len, void *user_data)
{
  source *from = user_data;

  from->calls++;
  from->len = len;
  memset(out, 0x5a, len);
  return from->rc;
}

static void test_lib_random__is_the_callback(void **state)
{
  static const int failure[] = { OCC_ERR_CRYPTO, OCC_ERR_MEMORY, -1, 1 /* as OpenSSL says yes */ };
  uint8_t out[33];
  source from = { OCC_OK, 0, 0 };
  occ_lib *lib = make(NULL);
  (void)state;

  assert_int_equal(occ_lib_set_random(lib, from_source, &from), OCC_OK);
  assert_int_equal(occ__lib_random(lib, out, 32), OCC_OK);
  assert_int_equal(from.calls, 1);
  assert_int_equal(from.len, 32);
  assert_int_equal(out[31], 0x5a);
  for (size_t i = 0; i < sizeof(failure) / sizeof(failure[0]); i++) {
    from.rc = failure[i];
    out[32] = 7;
    assert_int_equal(occ__lib_random(lib, out, 32), OCC_ERR_CRYPTO);
    for (size_t k = 0; k < 32; k++) {
      assert_int_equal(out[k], 0); /* nobody can use it by mistake */
    }
    assert_int_equal(out[32], 7);
  }
  assert_int_equal(occ_lib_set_random(lib, NULL, NULL), OCC_OK); /* the default again */
  assert_int_equal(occ__lib_random(lib, out, 32), OCC_OK);
  assert_int_equal(from.calls, 1 + sizeof(failure) / sizeof(failure[0]));
  occ_lib_free(lib);
}

static void test_lib_random__differs_by_default(void **state)
{
  uint8_t a[32] = { 0 }, b[32] = { 0 };
  occ_lib *lib = make(NULL);
  (void)state;

  assert_int_equal(occ__lib_random(lib, a, sizeof(a)), OCC_OK);
  assert_int_equal(occ__lib_random(lib, b, sizeof(b)), OCC_OK);
  assert_memory_not_equal(a, b, sizeof(a));
  occ_lib_free(lib);
}

/* ---- Events ---- */

typedef struct sink {
  size_t calls;
  int id;
} sink;

static void keep_event(const occ_event *event, void *user_data)
{
  sink *into = user_data;

  into->calls++;
  into->id = event->id;
}

static void test_lib_emit__reaches_the_sink(void **state)
{
  const occ_event event = { .id = OCC__EVENT_GRANTED };
  sink into = { 0, 0 };
  occ_lib *lib = make(NULL);
  (void)state;

  occ__lib_emit(lib, &event); /* nobody listens */
  assert_int_equal(occ_lib_on_event(lib, keep_event, &into), OCC_OK);
  occ__lib_emit(lib, &event);
  assert_int_equal(into.calls, 1);
  assert_int_equal(into.id, OCC__EVENT_GRANTED);
  assert_int_equal(occ_lib_on_event(lib, NULL, NULL), OCC_OK);
  occ__lib_emit(lib, &event);
  assert_int_equal(into.calls, 1);
  occ_lib_free(lib);
}

static void test_lib_set__comes_before_first_use(void **state)
{
  occ_lib *lib = make(NULL);
  (void)state;

  assert_int_equal(occ_lib_set_random(NULL, from_source, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_lib_on_event(NULL, keep_event, NULL), OCC_ERR_ARGUMENT);
  occ__lib_hold(lib); /* something was made in it */
  assert_int_equal(occ_lib_set_random(lib, from_source, NULL), OCC_ERR_STATE);
  assert_int_equal(occ_lib_on_event(lib, keep_event, NULL), OCC_ERR_STATE);
  occ__lib_drop(lib);
  assert_int_equal(occ_lib_on_event(lib, NULL, NULL), OCC_OK);
  occ_lib_free(lib);
}

/* ---- Workspaces ---- */

static void test_lib_take__uses_them_again(void **state)
{
  fail_mem fm;
  occ_lib *lib;
  occ_workspace *a = NULL, *b = NULL, *c = NULL;
  size_t count;
  (void)state;

  fail_mem_init(&fm, SIZE_MAX, false);
  lib = make(&fm.mem);
  assert_int_equal(occ__lib_take(lib, &a), OCC_OK);
  assert_int_equal(occ__lib_take(lib, &b), OCC_OK);
  assert_non_null(a);
  assert_non_null(b);
  assert_ptr_not_equal(a, b);
  occ__lib_give(lib, a);
  occ__lib_give(lib, b);
  count = fm.count;
  assert_int_equal(occ__lib_take(lib, &c), OCC_OK);
  assert_ptr_equal(c, b); /* the warm one */
  occ__lib_give(lib, c);
  assert_int_equal(fm.count, count);
  occ__lib_give(lib, NULL);
  occ_lib_free(lib);
  assert_int_equal(fm.live, 0);
}

static void test_lib_take__gives_working_ones(void **state)
{
  static const uint8_t want[4] = { 0xba, 0x78, 0x16, 0xbf }; /* FIPS 180-2, "abc" */
  uint8_t out[OCC__SHA256_LEN];
  occ_lib *lib = make(NULL);
  occ_workspace *ws = NULL;
  (void)state;

  assert_int_equal(occ__lib_take(lib, &ws), OCC_OK);
  assert_int_equal(occ__sha256(ws, out, occ__span("abc", 3)), OCC_OK);
  assert_memory_equal(out, want, sizeof(want));
  occ__lib_give(lib, ws);
  occ_lib_free(lib);
}

static void test_lib_take__survives_every_failed_allocation(void **state)
{
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    int rc = OCC_ERR_MEMORY;

    for (size_t n = 1; n < 100 && rc != OCC_OK; n++) { /* number 0 is the lib's own */
      occ_workspace *ws = (occ_workspace *)(uintptr_t)1;
      fail_mem fm;
      occ_lib *lib;

      fail_mem_init(&fm, n, keep != 0);
      lib = make(&fm.mem);
      rc = occ__lib_take(lib, &ws);
      if (rc != OCC_OK) {
        assert_int_equal(rc, OCC_ERR_MEMORY);
        assert_null(ws);
        assert_int_equal(fm.live, 1);
      } else {
        assert_false(fm.failed);
        occ__lib_give(lib, ws);
      }
      occ_lib_free(lib);
      assert_int_equal(fm.live, 0);
    }
    assert_int_equal(rc, OCC_OK);
  }
}

/* ---- Threads ---- */

typedef struct worker {
  occ_lib *lib;
  occ_ticket ticket[TIMES];
  int bad;
} worker;

static void *work(void *data)
{
  worker *self = data;

  for (size_t i = 0; i < TIMES; i++) {
    uint8_t out[OCC__SHA256_LEN];
    occ_workspace *ws = NULL;

    self->ticket[i] = occ__lib_ticket(self->lib);
    occ__lib_hold(self->lib);
    if (occ__lib_take(self->lib, &ws) != OCC_OK ||
        occ__sha256(ws, out, occ__span(&i, sizeof(i))) != OCC_OK) {
      self->bad = 1; /* two threads in one workspace are the sanitizer's to find */
    }
    occ__lib_give(self->lib, ws);
    occ__lib_drop(self->lib);
  }
  return NULL;
}

static int by_number(const void *a, const void *b)
{
  const occ_ticket *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

static void test_lib__serves_four_threads(void **state)
{
  static worker all[THREADS];
  static occ_ticket ticket[THREADS * TIMES];
  pthread_t thread[THREADS];
  occ_lib *lib = make(NULL);
  (void)state;

  for (size_t i = 0; i < THREADS; i++) {
    all[i].lib = lib;
    assert_int_equal(pthread_create(&thread[i], NULL, work, &all[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_false(all[i].bad);
    memcpy(ticket + i * TIMES, all[i].ticket, sizeof(all[i].ticket));
  }
  qsort(ticket, THREADS * TIMES, sizeof(ticket[0]), by_number);
  for (size_t i = 0; i < THREADS * TIMES; i++) {
    assert_int_equal(ticket[i], i + 1); /* never 0, never twice, below 2^53 for long */
  }
  occ_lib_free(lib);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lib_new__takes_libc_or_an_allocator),
    cmocka_unit_test(test_lib_new__refuses),
    cmocka_unit_test(test_lib_free__waits_for_the_last_hold),
    cmocka_unit_test(test_lib_random__is_the_callback),
    cmocka_unit_test(test_lib_random__differs_by_default),
    cmocka_unit_test(test_lib_emit__reaches_the_sink),
    cmocka_unit_test(test_lib_set__comes_before_first_use),
    cmocka_unit_test(test_lib_take__uses_them_again),
    cmocka_unit_test(test_lib_take__gives_working_ones),
    cmocka_unit_test(test_lib_take__survives_every_failed_allocation),
    cmocka_unit_test(test_lib__serves_four_threads),
  };

  return cmocka_run_group_tests_name("core/lib", tests, NULL, NULL);
}
