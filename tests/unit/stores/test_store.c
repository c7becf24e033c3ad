/* SPDX-License-Identifier: MIT */
/* occ_store as a host and the machine see it: made, opened, attached, asked, given up. The lib, the configuration and the
 * txn are doubles, defined here; their real namesakes stay out of this binary. */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif

#include "base/b64.h"
#include "base/lib.h"
#include "fail_mem.h"
#include "occ/store.h"
#include "region_help.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- doubles --- */

struct occ_lib {
  fail_mem fm;
  int holds;
  int random_rc;
  uint8_t next;
};

const occ_mem *occ__lib_mem(const occ_lib *lib)
{
  return &lib->fm.mem;
}

int occ__lib_random(occ_lib *lib, void *out, size_t len)
{
  if (lib->random_rc == OCC_OK) {
    memset(out, ++lib->next, len);
  }
  return lib->random_rc;
}

void occ__lib_hold(occ_lib *lib)
{
  lib->holds++;
}

void occ__lib_drop(occ_lib *lib)
{
  lib->holds--;
}

enum { KINDS = 16 };

struct occ_config {
  struct {
    occ_answer_fn answer;
    occ_release_fn release;
    void *user_data;
  } kind[KINDS];
  int taken;
  int refuse_at; /* answerer number that is refused; -1: none */
  int set_rc;
  char store_id[64];
};

int occ_config_answer(occ_config *config, occ_ask kind, occ_answer_fn answer, occ_cancel_fn cancel,
                      occ_release_fn release, void *user_data)
{
  assert_true(kind > OCC_ASK_NONE && (int)kind < KINDS);
  assert_null(cancel);
  if (config->taken == config->refuse_at) {
    return OCC_ERR_CONFIG;
  }
  assert_null(config->kind[kind].answer);
  config->kind[kind].answer = answer;
  config->kind[kind].release = release;
  config->kind[kind].user_data = user_data;
  config->taken++;
  return OCC_OK;
}

int occ_config_set(occ_config *config, const char *name, const char *value)
{
  assert_string_equal(name, "store_id");
  assert_true(strlen(value) < sizeof(config->store_id));
  memcpy(config->store_id, value, strlen(value) + 1);
  return config->set_rc;
}

struct occ_txn {
  int answers;
  occ_ticket ticket;
  occ_verdict verdict;
  size_t len;
  uint8_t data[2048];
};

int occ_txn_answer(occ_txn *txn, occ_ticket ticket, occ_verdict verdict, const void *data,
                   size_t len)
{
  txn->answers++;
  txn->ticket = ticket;
  txn->verdict = verdict;
  txn->len = len;
  assert_true(len <= sizeof(txn->data));
  if (len > 0) {
    memcpy(txn->data, data, len);
  }
  return 4711; /* whatever it says is handed on */
}

static void lib_up(occ_lib *lib)
{
  memset(lib, 0, sizeof(*lib));
  fail_mem_init(&lib->fm, SIZE_MAX, false);
}

static void lib_down(const occ_lib *lib)
{
  assert_int_equal(lib->fm.live, 0);
  assert_int_equal(lib->holds, 0);
}

/* What a server does when its last txn is gone. */
static void config_release(occ_config *config)
{
  for (int i = 0; i < KINDS; i++) {
    if (config->kind[i].answer != NULL) {
      config->kind[i].release(config->kind[i].user_data);
      config->kind[i].answer = NULL;
    }
  }
}

static int ask(const occ_config *config, occ_txn *txn, occ_question *question, occ_ask kind)
{
  question->kind = kind;
  memset(txn, 0xee, sizeof(*txn));
  txn->answers = 0;
  return config->kind[kind].answer(txn, question, config->kind[kind].user_data);
}

static void assert_answer(const occ_txn *txn, int rc, occ_verdict verdict, const char *data)
{
  assert_int_equal(rc, 4711);
  assert_int_equal(txn->answers, 1);
  assert_int_equal(txn->ticket, 77);
  assert_int_equal(txn->verdict, verdict);
  assert_int_equal(txn->len, strlen(data));
  assert_memory_equal(txn->data, data, strlen(data));
}

/* --- made and given up --- */

static void test_new__checks_its_arguments(void **state)
{
  static const struct {
    const char *why;
    size_t entries;
    occ_time now;
    int want;
  } row[] = {
    { "no entries", 0, T0, OCC_ERR_ARGUMENT },
    { "now before 1970", 1, -1, OCC_ERR_ARGUMENT },
    { "now in 1970", 1, 0, OCC_OK },
    { "one entry", 1, T0, OCC_OK },
    { "one more than the most", (size_t)OCC__MAX_STORE_ENTRIES + 1, T0, OCC_ERR_LIMIT },
    { "as many as there are numbers", SIZE_MAX, T0, OCC_ERR_LIMIT },
  };
  occ_lib lib;
  occ_store *store;
  (void)state;

  lib_up(&lib);
  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    store = (occ_store *)(uintptr_t)1;
    assert_int_equal(occ_store_new(&store, &lib, row[i].entries, row[i].now), row[i].want);
    assert_true((store != NULL) == (row[i].want == OCC_OK));
    occ_store_free(store);
    lib_down(&lib);
  }
  assert_int_equal(occ_store_new(NULL, &lib, 1, T0), OCC_ERR_ARGUMENT);
  store = (occ_store *)(uintptr_t)1;
  assert_int_equal(occ_store_new(&store, NULL, 1, T0), OCC_ERR_ARGUMENT);
  assert_null(store);
  occ_store_free(NULL);
}

static void test_new__fails_cleanly(void **state)
{
  occ_lib lib;
  occ_store *store = NULL;
  int rc = OCC_ERR_MEMORY;
  size_t n;
  (void)state;

  for (n = 0; rc == OCC_ERR_MEMORY; n++) {
    lib_up(&lib);
    fail_mem_init(&lib.fm, n, true);
    rc = occ_store_new(&store, &lib, 1000, T0);
    assert_true((store != NULL) == (rc == OCC_OK));
    occ_store_free(store);
    lib_down(&lib);
  }
  assert_int_equal(rc, OCC_OK);
  assert_true(n > 1);

  lib_up(&lib);
  lib.random_rc = OCC_ERR_CRYPTO;
  assert_int_equal(occ_store_new(&store, &lib, 1000, T0), OCC_ERR_CRYPTO);
  assert_null(store);
  lib_down(&lib);
}

/* Where the system has no memory left to map. In a child, for the limit cannot be raised again. */
static void test_new__without_memory_to_map(void **state)
{
  int status = 0;
  pid_t pid;
  (void)state;

  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    struct rlimit none = { 0, 0 };
    occ_lib lib;
    occ_store *store = NULL;
    int rc;

    lib_up(&lib);
    if (setrlimit(RLIMIT_AS, &none) != 0) {
      _exit(2);
    }
    rc = occ_store_new(&store, &lib, 1000000, T0);
    _exit(rc == OCC_ERR_MEMORY && store == NULL && lib.fm.live == 0 ? 0 : 1);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_open__checks_its_arguments(void **state)
{
  occ__layout least;
  occ_lib lib;
  occ_store *store;
  uint8_t *region;
  (void)state;

  lib_up(&lib);
  occ__region_layout(&least, 1);
  region = aligned_alloc(64, (size_t)least.len + 64);
  assert_non_null(region);
  for (size_t row = 0;; row++) {
    const char *why;
    void *at = region;
    size_t len = (size_t)least.len;
    occ_lib *from = &lib;
    occ_time now = T0;
    int want = OCC_ERR_ARGUMENT;

    memset(region, 0, (size_t)least.len + 64);
    switch (row) {
    case 0:
      why = "no lib";
      from = NULL;
      break;
    case 1:
      why = "no region";
      at = NULL;
      break;
    case 2:
      why = "a region at an odd address";
      at = region + 1;
      break;
    case 3:
      why = "a region at half a line";
      at = region + 32;
      break;
    case 4:
      why = "a region at the next line";
      at = region + 64;
      want = OCC_OK;
      break;
    case 5:
      why = "now before 1970";
      now = -1;
      break;
    case 6:
      why = "no octets";
      len = 0;
      want = OCC_ERR_LIMIT;
      break;
    case 7:
      why = "an octet less than the least";
      len--;
      want = OCC_ERR_LIMIT;
      break;
    case 8:
      why = "the least";
      want = OCC_OK;
      break;
    case 9:
      why = "an octet more";
      len++;
      want = OCC_OK;
      break;
    case 10:
      why = "not blank, not a store";
      region[9] = 1;
      want = OCC_ERR_STATE;
      break;
    default:
      assert_int_equal(occ_store_open(NULL, &lib, region, len, T0), OCC_ERR_ARGUMENT);
      free(region);
      return;
    }
    print_message("  %s\n", why);
    store = (occ_store *)(uintptr_t)1;
    assert_int_equal(occ_store_open(&store, from, at, len, now), want);
    assert_true((store != NULL) == (want == OCC_OK));
    occ_store_free(store);
    lib_down(&lib);
  }
}

static void test_open__fails_cleanly(void **state)
{
  occ__layout layout;
  occ_lib lib;
  occ_store *store = NULL;
  uint8_t *region;
  (void)state;

  occ__region_layout(&layout, 100);
  region = aligned_alloc(64, (size_t)layout.len);
  assert_non_null(region);
  memset(region, 0, (size_t)layout.len);

  lib_up(&lib);
  fail_mem_init(&lib.fm, 0, true);
  assert_int_equal(occ_store_open(&store, &lib, region, (size_t)layout.len, T0), OCC_ERR_MEMORY);
  lib_down(&lib);
  lib_up(&lib);
  lib.random_rc = OCC_ERR_CRYPTO;
  assert_int_equal(occ_store_open(&store, &lib, region, (size_t)layout.len, T0), OCC_ERR_CRYPTO);
  assert_null(store);
  lib_down(&lib);
  for (size_t i = 0; i < layout.len; i++) {
    assert_int_equal(region[i], 0); /* still blank: another attempt may make it */
  }
  free(region);
}

/* --- attached --- */

static void test_attach__answers_and_is_held_by_each_kind(void **state)
{
  static const occ_ask kind[] = { OCC_ASK_ONCE,    OCC_ASK_KEEP,   OCC_ASK_RECALL,
                                  OCC_ASK_RESERVE, OCC_ASK_COMMIT, OCC_ASK_RELEASE };
  occ_config first = { .refuse_at = -1 };
  occ_config second = { .refuse_at = -1 };
  occ_lib lib;
  occ_store *store = NULL;
  uint8_t id[16];
  (void)state;

  lib_up(&lib);
  assert_int_equal(occ_store_new(&store, &lib, 100, T0), OCC_OK);
  assert_int_equal(occ_store_attach(NULL, &first), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_store_attach(store, NULL), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_store_attach(store, &first), OCC_OK);
  assert_int_equal(occ_store_attach(store, &second), OCC_OK);
  assert_int_equal(first.taken, 6);
  for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
    assert_non_null(first.kind[kind[i]].answer);
  }
  assert_int_equal(strlen(first.store_id), 22);
  assert_string_equal(first.store_id, second.store_id);
  assert_int_equal(occ__b64_decode_exact(id, sizeof(id), occ__span_text(first.store_id)), OCC_OK);
  assert_int_equal(id[0], lib.next);

  occ_store_free(store); /* the host's hold; the two servers have theirs */
  assert_int_equal(lib.holds, 1);
  config_release(&first);
  assert_int_equal(lib.holds, 1);
  assert_int_equal(lib.fm.live, 1);
  config_release(&second);
  lib_down(&lib);
}

static void test_attach__hands_on_what_the_configuration_says(void **state)
{
  (void)state;

  for (int at = 0; at <= 6; at++) { /* refused at each answerer, then at the option */
    occ_config config = { .refuse_at = at, .set_rc = OCC_ERR_MEMORY };
    occ_lib lib;
    occ_store *store = NULL;

    lib_up(&lib);
    assert_int_equal(occ_store_new(&store, &lib, 100, T0), OCC_OK);
    assert_int_equal(occ_store_attach(store, &config), at < 6 ? OCC_ERR_CONFIG : OCC_ERR_MEMORY);
    assert_int_equal(config.taken, at);
    config_release(&config);
    assert_int_equal(lib.holds, 1); /* what was refused is not held twice, nor dropped twice */
    occ_store_free(store);
    lib_down(&lib);
  }
}

static void test_answer__every_kind_says_what_the_table_says(void **state)
{
  occ_config config = { .refuse_at = -1 };
  occ_lib lib;
  occ_store *store = NULL;
  occ_txn txn;
  uint8_t keys[4][32] = { { 0 } };
  occ_question q = question_of(keys[0], "c");
  (void)state;

  lib_up(&lib);
  assert_int_equal(occ_store_new(&store, &lib, 1000, T0), OCC_OK);
  assert_int_equal(occ_store_attach(store, &config), OCC_OK);
  q.ticket = 77;
  for (unsigned k = 0; k < 4; k++) {
    key_set(keys[k], k + 1, 1);
  }
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_YES, "");
  q.keys = 4;
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_NO, "0");
  for (unsigned place = 1; place < 4; place++) { /* each time one of them more is new */
    const char digit[2] = { (char)('0' + place), '\0' };

    for (unsigned k = 0; k < 4; k++) {
      key_set(keys[k], k + 1, k < place ? 10 * place + k : 10 * place);
    }
    q.key = keys[place];
    q.keys = 1;
    assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_YES, "");
    q.key = keys[0];
    q.keys = 4;
    assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_NO, digit);
  }
  q.issued = T0 - 1;
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_RETRY, "young");
  q.now = T0 - 1;
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_RETRY, "clock");
  q.now = T0;
  q.issued = T0;
  q.keys = 1;
  q.client_id = "greedy";
  for (uint64_t n = 0; n < 50; n++) {
    key_set(keys[0], 5, 1000 + n);
    (void)ask(&config, &txn, &q, OCC_ASK_ONCE);
  }
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_RETRY, "full");
  q.client_id = "c";

  key_set(keys[0], 3, 500);
  q.data = "kept";
  q.len = 4;
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_RECALL), OCC_NO, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_KEEP), OCC_YES, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_KEEP), OCC_NO, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_RECALL), OCC_YES, "kept");

  key_set(keys[0], 5, 500);
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_COMMIT), OCC_NO, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_RESERVE), OCC_YES, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_RELEASE), OCC_YES, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_RESERVE), OCC_YES, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_COMMIT), OCC_YES, "");
  assert_answer(&txn, ask(&config, &txn, &q, OCC_ASK_RELEASE), OCC_NO, "");

  occ_store_free(store);
  config_release(&config);
  lib_down(&lib);
}

/* A question that makes no sense gets no answer but a status: the txn fails closed. */
static void test_answer__malformed_questions_get_none(void **state)
{
  static const occ_ask kind[] = { OCC_ASK_ONCE,    OCC_ASK_KEEP,   OCC_ASK_RECALL,
                                  OCC_ASK_RESERVE, OCC_ASK_COMMIT, OCC_ASK_RELEASE };
  occ_config config = { .refuse_at = -1 };
  occ_lib lib;
  occ_store *store = NULL;
  occ_txn txn;
  uint8_t key[32] = { 0 };
  uint8_t data[1025] = { 0 };
  occ_question q = question_of(key, "c");
  (void)state;

  lib_up(&lib);
  assert_int_equal(occ_store_new(&store, &lib, 1000, T0), OCC_OK);
  assert_int_equal(occ_store_attach(store, &config), OCC_OK);
  key_set(key, 0, 1);
  for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
    assert_int_equal(ask(&config, &txn, &q, kind[i]), OCC_ERR_ARGUMENT);
    assert_int_equal(txn.answers, 0);
  }
  key_set(key, 3, 1);
  q.keys = 0;
  assert_int_equal(ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_ERR_ARGUMENT);
  q.keys = 5;
  assert_int_equal(ask(&config, &txn, &q, OCC_ASK_ONCE), OCC_ERR_ARGUMENT);
  q.data = data;
  q.len = sizeof(data);
  assert_int_equal(ask(&config, &txn, &q, OCC_ASK_KEEP), OCC_ERR_LIMIT);
  assert_int_equal(txn.answers, 0);
  occ_store_free(store);
  config_release(&config);
  lib_down(&lib);
}

/* --- one store, or two --- */

static occ_verdict once_by(occ_config *config, uint64_t n, occ_time now)
{
  occ_txn txn;
  uint8_t key[32] = { 0 };
  occ_question q = question_of(key, "c");

  key_set(key, 3, n);
  q.now = now;
  q.expires = now + LIFE;
  assert_int_equal(ask(config, &txn, &q, OCC_ASK_ONCE), 4711);
  return txn.verdict;
}

static void test_stores__made_apart_are_apart(void **state)
{
  occ_config a = { .refuse_at = -1 };
  occ_config b = { .refuse_at = -1 };
  occ_lib lib;
  occ_store *one = NULL;
  occ_store *two = NULL;
  (void)state;

  lib_up(&lib);
  assert_int_equal(occ_store_new(&one, &lib, 100, T0), OCC_OK);
  assert_int_equal(occ_store_new(&two, &lib, 100, T0), OCC_OK);
  assert_int_equal(occ_store_attach(one, &a), OCC_OK);
  assert_int_equal(occ_store_attach(two, &b), OCC_OK);
  assert_string_not_equal(a.store_id, b.store_id);
  assert_int_equal(once_by(&a, 1, T0), OCC_YES);
  assert_int_equal(once_by(&b, 1, T0), OCC_YES); /* why the id is sealed into sessions */
  occ_store_free(one);
  occ_store_free(two);
  config_release(&a);
  config_release(&b);
  lib_down(&lib);
}

static void test_stores__opened_on_one_region_are_one(void **state)
{
  occ_config a = { .refuse_at = -1 };
  occ_config b = { .refuse_at = -1 };
  occ_lib lib;
  occ_store *old = NULL;
  occ_store *new = NULL;
  size_t len = 100000;
  void *region = aligned_alloc(64, 100032);
  (void)state;

  assert_non_null(region);
  memset(region, 0, 100032);
  lib_up(&lib);
  assert_int_equal(occ_store_open(&old, &lib, region, len, T0), OCC_OK);
  assert_int_equal(occ_store_attach(old, &a), OCC_OK);
  assert_int_equal(once_by(&a, 1, T0), OCC_YES);
  assert_int_equal(occ_store_open(&new, &lib, region, len, T0 + 200000), OCC_OK);
  assert_int_equal(occ_store_attach(new, &b), OCC_OK);
  assert_string_equal(a.store_id, b.store_id);
  assert_int_equal(once_by(&b, 1, T0 + 79999), OCC_NO); /* the opener's clock has cleared nothing */
  assert_int_equal(once_by(&b, 1, T0 + 200000), OCC_NO);
  assert_int_equal(once_by(&b, 2, T0 + 80000), OCC_YES);
  occ_store_free(old);
  config_release(&a); /* the old worker goes */
  assert_int_equal(once_by(&b, 2, T0 + 200000), OCC_NO);
  occ_store_free(new);
  config_release(&b);
  lib_down(&lib);

  /* Nobody holds it, and it is still there, but not for one who takes it for smaller. */
  assert_int_equal(occ_store_open(&new, &lib, region, len - 8192, T0), OCC_ERR_STATE);
  assert_null(new);
  assert_int_equal(occ_store_open(&new, &lib, region, len, T0 + 200000), OCC_OK);
  occ_store_free(new);
  lib_down(&lib);
  free(region);
}

static void test_stores__made_before_a_fork_are_one(void **state)
{
  occ_config config = { .refuse_at = -1 };
  occ_lib lib;
  occ_store *store = NULL;
  int status = 0;
  pid_t pid;
  (void)state;

  lib_up(&lib);
  assert_int_equal(occ_store_new(&store, &lib, 100, T0), OCC_OK);
  assert_int_equal(occ_store_attach(store, &config), OCC_OK);
  assert_int_equal(once_by(&config, 1, T0), OCC_YES);
  pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    int ok = once_by(&config, 1, T0) == OCC_NO && once_by(&config, 2, T0) == OCC_YES;

    occ_store_free(store);
    config_release(&config); /* the child's mapping goes, the parent's stays */
    _exit(ok ? 0 : 1);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(once_by(&config, 2, T0), OCC_NO);
  assert_int_equal(once_by(&config, 3, T0), OCC_YES);
  occ_store_free(store);
  config_release(&config);
  lib_down(&lib);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_new__checks_its_arguments),
    cmocka_unit_test(test_new__fails_cleanly),
    cmocka_unit_test(test_new__without_memory_to_map),
    cmocka_unit_test(test_open__checks_its_arguments),
    cmocka_unit_test(test_open__fails_cleanly),
    cmocka_unit_test(test_attach__answers_and_is_held_by_each_kind),
    cmocka_unit_test(test_attach__hands_on_what_the_configuration_says),
    cmocka_unit_test(test_answer__every_kind_says_what_the_table_says),
    cmocka_unit_test(test_answer__malformed_questions_get_none),
    cmocka_unit_test(test_stores__made_apart_are_apart),
    cmocka_unit_test(test_stores__opened_on_one_region_are_one),
    cmocka_unit_test(test_stores__made_before_a_fork_are_one),
  };
  return cmocka_run_group_tests_name("stores/store", tests, NULL, NULL);
}
