/* SPDX-License-Identifier: MIT */
/* One store, several threads and processes: each key is new exactly once, whoever asks and whoever dies. Run under TSan
 * too. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include "region_help.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, KEYS = 4000, CHILDREN = 3, OPENERS = 4 };

typedef struct tally {
  _Atomic uint32_t yes[KEYS];
  _Atomic uint32_t other; /* answers that are neither YES nor NO */
} tally;

/* All keys, starting somewhere else for each who asks. */
static void ask_all(const test_region *r, tally *t, unsigned who)
{
  for (unsigned i = 0; i < KEYS; i++) {
    unsigned n = (i + who * KEYS / 7) % KEYS;
    uint8_t key[32];
    char client[24];
    occ_question q = question_of(key, client_name(client, n / 8));
    size_t place = 0;
    int got;

    key_set(key, n % 4 + 1, n);
    got = occ__table_once(&r->region, &q, &place);
    if (got == OCC_YES) {
      atomic_fetch_add(&t->yes[n], 1);
    } else if (got != OCC_NO) {
      atomic_fetch_add(&t->other, 1);
    }
  }
}

static void assert_each_once(tally *t)
{
  assert_int_equal(atomic_load(&t->other), 0);
  for (unsigned n = 0; n < KEYS; n++) {
    assert_int_equal(atomic_load(&t->yes[n]), 1);
  }
}

typedef struct worker {
  const test_region *region;
  tally *tally;
  unsigned who;
} worker;

static void *work(void *arg)
{
  const worker *w = arg;

  ask_all(w->region, w->tally, w->who);
  return NULL;
}

static void test_threads__each_key_is_new_once(void **state)
{
  static tally t;
  test_region r;
  pthread_t thread[THREADS];
  worker w[THREADS];
  (void)state;

  region_up(&r, 40000);
  for (unsigned i = 0; i < THREADS; i++) {
    w[i] = (worker){ &r, &t, i };
    assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
  }
  assert_each_once(&t);
  region_down(&r);
}

static void *keep_and_recall(void *arg)
{
  const worker *w = arg;

  for (unsigned i = 0; i < 500; i++) {
    uint8_t key[32];
    uint8_t data[64];
    uint8_t out[OCC__MAX_KEPT];
    char client[24];
    occ_question q = question_of(key, client_name(client, i));
    size_t len = 0;

    memset(data, (int)(i % 251), sizeof(data)); /* the same from everybody */
    key_set(key, 3, i);
    q.data = data;
    q.len = sizeof(data);
    q.now += i;
    if (occ__table_keep(&w->region->region, &q) == OCC_RETRY ||
        occ__table_recall(&w->region->region, &q, out, &len) != OCC_YES || len != sizeof(data) ||
        memcmp(out, data, len) != 0) {
      atomic_fetch_add(&w->tally->other, 1);
    }
  }
  return NULL;
}

static void test_threads__recall_sees_all_or_nothing(void **state)
{
  static tally t;
  test_region r;
  pthread_t thread[THREADS];
  worker w = { &r, &t, 0 };
  (void)state;

  region_up(&r, 64000); /* 1000 blocks */
  for (unsigned i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&thread[i], NULL, keep_and_recall, &w), 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
  }
  assert_int_equal(atomic_load(&t.other), 0);
  region_down(&r);
}

typedef struct opener {
  void *base;
  occ__layout layout;
  uint8_t seed;
  uint8_t id;
  int rc;
} opener;

static void *open_it(void *arg)
{
  opener *o = arg;
  occ__region region;
  uint8_t seed[32];

  memset(seed, o->seed, sizeof(seed));
  o->rc = occ__region_open(&region, o->base, &o->layout, seed, T0 + o->seed);
  o->id = o->rc == OCC_OK ? occ__region_header(&region)->id[0] : 0;
  return NULL;
}

static void test_threads__blank_memory_is_made_once(void **state)
{
  (void)state;

  for (unsigned round = 0; round < 50; round++) {
    pthread_t thread[OPENERS];
    opener o[OPENERS];
    occ__layout layout;
    void *base;

    occ__region_layout(&layout, 2000);
    base =
        mmap(NULL, (size_t)layout.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    for (unsigned i = 0; i < OPENERS; i++) {
      o[i] = (opener){ base, layout, (uint8_t)(i + 1), 0, -1 };
      assert_int_equal(pthread_create(&thread[i], NULL, open_it, &o[i]), 0);
    }
    for (unsigned i = 0; i < OPENERS; i++) {
      assert_int_equal(pthread_join(thread[i], NULL), 0);
      assert_int_equal(o[i].rc, OCC_OK);
    }
    for (unsigned i = 0; i < OPENERS; i++) {
      assert_true(o[i].id >= 1 && o[i].id <= OPENERS);
      assert_int_equal(o[i].id, o[0].id);
    }
    assert_int_equal(munmap(base, (size_t)layout.len), 0);
  }
}

static void *shared_memory(size_t len)
{
  void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  assert_true(memory != MAP_FAILED);
  return memory;
}

static void assert_child_ended(pid_t pid, int killed)
{
  int status = 0;

  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (killed) {
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  } else {
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

static void test_fork__each_key_is_new_once(void **state)
{
  tally *t = shared_memory(sizeof(*t));
  pid_t pid[CHILDREN];
  test_region r;
  (void)state;

  region_up(&r, 40000);
  for (unsigned i = 0; i < CHILDREN; i++) {
    pid[i] = fork();
    assert_true(pid[i] >= 0);
    if (pid[i] == 0) {
      ask_all(&r, t, i + 1);
      _exit(0);
    }
  }
  ask_all(&r, t, 0);
  for (unsigned i = 0; i < CHILDREN; i++) {
    assert_child_ended(pid[i], 0);
  }
  assert_each_once(t);
  region_down(&r);
  assert_int_equal(munmap(t, sizeof(*t)), 0);
}

static void test_fork__blank_memory_is_made_once(void **state)
{
  uint8_t *id = shared_memory(OPENERS);
  (void)state;

  for (unsigned round = 0; round < 20; round++) {
    pid_t pid[OPENERS];
    occ__layout layout;
    void *base;

    occ__region_layout(&layout, 20000);
    base = shared_memory((size_t)layout.len);
    for (unsigned i = 0; i < OPENERS; i++) {
      pid[i] = fork();
      assert_true(pid[i] >= 0);
      if (pid[i] == 0) {
        opener o = { base, layout, (uint8_t)(i + 1), 0, -1 };

        (void)open_it(&o);
        id[i] = o.id;
        _exit(o.rc == OCC_OK ? 0 : 1);
      }
    }
    for (unsigned i = 0; i < OPENERS; i++) {
      assert_child_ended(pid[i], 0);
    }
    for (unsigned i = 0; i < OPENERS; i++) {
      assert_true(id[i] >= 1 && id[i] <= OPENERS);
      assert_int_equal(id[i], id[0]);
    }
    assert_int_equal(munmap(base, (size_t)layout.len), 0);
  }
  assert_int_equal(munmap(id, OPENERS), 0);
}

/* A child dies with the mutex, in the middle of an insert: counted, but its slot not written. */
static void test_death__with_the_mutex_held(void **state)
{
  test_region r;
  pid_t pid;
  (void)state;

  region_up(&r, 1000);
  for (uint64_t n = 0; n < 10; n++) {
    assert_int_equal(once(&r, 3, n, "c", T0), OCC_YES);
  }
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    const occ__pool_layout *l = &r.region.layout.pool[2];
    uint32_t *counters = (uint32_t *)(void *)(r.region.base + l->counters_at);

    if (pthread_mutex_lock(&occ__region_header(&r.region)->mutex) != 0) {
      _exit(1);
    }
    occ__region_header(&r.region)->pool[2].used = l->capacity;
    for (size_t i = 0; i < 2 * ((size_t)l->counter_mask + 1); i++) {
      counters[i] = 1000;
    }
    _exit(0);
  }
  assert_child_ended(pid, 0);
  assert_int_equal(once(&r, 3, 10, "c", T0), OCC_YES); /* RETRY, had it not counted again */
  for (uint64_t n = 0; n <= 10; n++) {
    assert_int_equal(once(&r, 3, n, "c", T0), OCC_NO);
  }
  region_down(&r);
}

/* A mutex that nobody has made consistent again is lost for good: the txn fails closed. */
static void test_death__of_the_mutex(void **state)
{
  test_region r;
  occ_question q;
  uint8_t key[32];
  uint8_t out[OCC__MAX_KEPT];
  size_t len;
  pthread_mutex_t *mutex;
  pid_t pid;
  (void)state;

  region_up(&r, 1000);
  mutex = &occ__region_header(&r.region)->mutex;
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    _exit(pthread_mutex_lock(mutex) == 0 ? 0 : 1);
  }
  assert_child_ended(pid, 0);
  assert_int_not_equal(pthread_mutex_lock(mutex), 0); /* the owner has died */
  assert_int_equal(pthread_mutex_unlock(mutex), 0);   /* and so does the mutex */

  key_set(key, 3, 1);
  q = question_of(key, "c");
  assert_int_equal(occ__table_once(&r.region, &q, &len), OCC_ERR_INTERNAL);
  assert_int_equal(occ__table_keep(&r.region, &q), OCC_ERR_INTERNAL);
  assert_int_equal(occ__table_recall(&r.region, &q, out, &len), OCC_ERR_INTERNAL);
  assert_int_equal(occ__table_reserve(&r.region, &q), OCC_ERR_INTERNAL);
  assert_int_equal(occ__table_commit(&r.region, &q), OCC_ERR_INTERNAL);
  assert_int_equal(occ__table_release(&r.region, &q), OCC_ERR_INTERNAL);
  region_down(&r);
}

/* Children that insert as fast as they can are killed anywhere. What is counted stays right, nothing hangs, and no key
 * that a child has been told is new is new again. */
static void test_death__anywhere(void **state)
{
  _Atomic uint64_t *told = shared_memory(sizeof(*told));
  (void)state;

  for (unsigned round = 0; round < 40; round++) {
    struct timespec pause = { 0, 200000 + (long)round * 50000 };
    test_region r;
    uint64_t last;
    pid_t pid;

    atomic_store(told, 0);
    region_up(&r, 40000);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
      for (uint64_t n = 1;; n++) {
        char client[24];

        if (once(&r, 3, n, client_name(client, (unsigned)(n / 8)), T0) == OCC_YES) {
          atomic_store(told, n);
        }
      }
    }
    (void)nanosleep(&pause, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_child_ended(pid, 1);
    last = atomic_load(told);
    assert_int_equal(once(&r, 4, 1, "d", T0), OCC_YES); /* whoever comes next repairs */
    for (uint64_t n = 1; n <= last; n++) {
      assert_int_equal(once(&r, 3, n, "d", T0), OCC_NO);
    }
    region_down(&r);
  }
  assert_int_equal(munmap((void *)(uintptr_t)told, sizeof(*told)), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_threads__each_key_is_new_once),
    cmocka_unit_test(test_threads__recall_sees_all_or_nothing),
    cmocka_unit_test(test_threads__blank_memory_is_made_once),
    cmocka_unit_test(test_fork__each_key_is_new_once),
    cmocka_unit_test(test_fork__blank_memory_is_made_once),
    cmocka_unit_test(test_death__with_the_mutex_held),
    cmocka_unit_test(test_death__of_the_mutex),
    cmocka_unit_test(test_death__anywhere),
  };
  return cmocka_run_group_tests_name("stores/table_shared", tests, NULL, NULL);
}
