/* SPDX-License-Identifier: MIT */

/* The table of examples/token-server with a clock of the test's own: what expires, what is used up, what ends with its
 * family, what there is room for. The same by HTTP, without waiting: tests/interop/code.test.mjs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define NOW     1000000
#define ENTRIES 48 /* shares: 24 access tokens, 8 of each other kind */
#define LIFE    60000

static as_table *table;
static json_t *record;

static int make(void **state)
{
  (void)state;
  table = table_new(ENTRIES);
  record = json_pack("{s:s}", "client_id", "agent");
  return table == NULL || record == NULL;
}

static int clear(void **state)
{
  (void)state;
  table_free(table);
  json_decref(record);
  return 0;
}

static as_item item(as_kind kind, const char *secret, int64_t expires)
{
  return (as_item){ kind, secret, record, expires, NULL };
}

static as_exchange put(as_kind kind, const char *secret, int64_t now)
{
  const as_item one = item(kind, secret, now + LIFE);

  return table_exchange(table, NULL, &one, 1, now);
}

static as_found look(as_kind kind, const char *secret, int64_t now)
{
  json_t *found = NULL;
  as_found state = table_look(table, kind, secret, now, &found);

  assert_true((found != NULL) == (state != FOUND_NOTHING));
  if (found != NULL) {
    assert_true(json_equal(found, record));
  }
  json_decref(found);
  return state;
}

/* From a code to an access token and a refresh token. */
static as_exchange redeem(as_kind kind, const char *used, const char *access, const char *refresh,
                          int64_t now)
{
  const as_item from = { kind, used, NULL, now + 2 * LIFE, NULL };
  const as_item items[] = { item(KIND_ACCESS_TOKEN, access, now + LIFE),
                            item(KIND_REFRESH_TOKEN, refresh, now + 2 * LIFE) };

  return table_exchange(table, &from, items, 2, now);
}

/* ---- Looking ---- */

static void test_table_look__only_its_kind_and_its_octets(void **state)
{
  (void)state;
  assert_int_equal(put(KIND_CODE, "secret", NOW), EXCHANGE_DONE);
  assert_int_equal(look(KIND_CODE, "secret", NOW), FOUND_LIVE);
  assert_int_equal(look(KIND_CODE, "secret", NOW), FOUND_LIVE); /* looking changes nothing */
  assert_int_equal(look(KIND_REQUEST_URI, "secret", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "secret", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_REFRESH_TOKEN, "secret", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "secreT", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "secret ", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "secre", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "", NOW), FOUND_NOTHING);
}

static void test_table_look__until_it_expires(void **state)
{
  (void)state;
  assert_int_equal(put(KIND_ACCESS_TOKEN, "token", NOW), EXCHANGE_DONE);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "token", NOW + LIFE - 1), FOUND_LIVE);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "token", NOW + LIFE), FOUND_NOTHING);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "token", NOW), FOUND_NOTHING); /* it is forgotten */
}

/* ---- Using up ---- */

static void test_table_exchange__a_code_is_good_once_and_its_family_ends(void **state)
{
  (void)state;
  assert_int_equal(put(KIND_CODE, "code", NOW), EXCHANGE_DONE);
  assert_int_equal(put(KIND_CODE, "bystander", NOW), EXCHANGE_DONE);
  assert_int_equal(redeem(KIND_CODE, "code", "a1", "r.1", NOW), EXCHANGE_DONE);
  assert_int_equal(look(KIND_CODE, "code", NOW), FOUND_USED);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a1", NOW), FOUND_LIVE);
  assert_int_equal(look(KIND_REFRESH_TOKEN, "r.1", NOW), FOUND_LIVE);
  assert_int_equal(redeem(KIND_CODE, "code", "a2", "s.1", NOW), EXCHANGE_TWICE);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a1", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_REFRESH_TOKEN, "r.1", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a2", NOW), FOUND_NOTHING);
  assert_int_equal(redeem(KIND_CODE, "code", "a3", "t.1", NOW), EXCHANGE_GONE);
  assert_int_equal(look(KIND_CODE, "bystander", NOW), FOUND_LIVE);
}

static void test_table_exchange__a_used_code_is_remembered_while_its_tokens_live(void **state)
{
  (void)state;
  assert_int_equal(put(KIND_CODE, "code", NOW), EXCHANGE_DONE);
  assert_int_equal(redeem(KIND_CODE, "code", "a1", "r.1", NOW), EXCHANGE_DONE);
  assert_int_equal(look(KIND_CODE, "code", NOW + 2 * LIFE - 1), FOUND_USED);
  assert_int_equal(look(KIND_CODE, "code", NOW + 2 * LIFE), FOUND_NOTHING);
}

static void test_table_exchange__an_expired_code_is_gone(void **state)
{
  (void)state;
  assert_int_equal(put(KIND_CODE, "code", NOW), EXCHANGE_DONE);
  assert_int_equal(redeem(KIND_CODE, "code", "a1", "r.1", NOW + LIFE), EXCHANGE_GONE);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a1", NOW + LIFE), FOUND_NOTHING);
  assert_int_equal(redeem(KIND_CODE, "no code", "a1", "r.1", NOW), EXCHANGE_GONE);
}

static void test_table_exchange__a_refresh_token_is_replaced_and_known_as_such(void **state)
{
  char *first = refresh_successor(NULL);
  char *second = refresh_successor(first);
  char *stranger = refresh_successor(NULL);
  (void)state;

  assert_int_equal(put(KIND_CODE, "code", NOW), EXCHANGE_DONE);
  assert_int_equal(redeem(KIND_CODE, "code", "a1", first, NOW), EXCHANGE_DONE);
  assert_int_equal(redeem(KIND_REFRESH_TOKEN, first, "a2", second, NOW), EXCHANGE_DONE);
  assert_int_equal(look(KIND_REFRESH_TOKEN, first, NOW), FOUND_USED);
  assert_int_equal(look(KIND_REFRESH_TOKEN, second, NOW), FOUND_LIVE);
  assert_int_equal(look(KIND_REFRESH_TOKEN, stranger, NOW), FOUND_NOTHING);
  assert_int_equal(redeem(KIND_REFRESH_TOKEN, first, "a3", "x.1", NOW), EXCHANGE_TWICE);
  assert_int_equal(look(KIND_REFRESH_TOKEN, second, NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a1", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a2", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "code", NOW), FOUND_NOTHING);
  free(stranger);
  free(second);
  free(first);
}

/* A page that is loaded again must not end what came of it. */
static void test_table_exchange__a_request_uri_is_forgotten(void **state)
{
  const as_item used = { KIND_REQUEST_URI, "uri", NULL, 0, NULL };
  const as_item code = item(KIND_CODE, "code", NOW + LIFE);
  const as_item again = item(KIND_CODE, "again", NOW + LIFE);
  (void)state;

  assert_int_equal(put(KIND_REQUEST_URI, "uri", NOW), EXCHANGE_DONE);
  assert_int_equal(table_exchange(table, &used, &code, 1, NOW), EXCHANGE_DONE);
  assert_int_equal(look(KIND_REQUEST_URI, "uri", NOW), FOUND_NOTHING);
  assert_int_equal(table_exchange(table, &used, &again, 1, NOW), EXCHANGE_GONE);
  assert_int_equal(look(KIND_CODE, "again", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "code", NOW), FOUND_LIVE);
}

static void test_table_end__the_whole_family_and_no_other(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(put(KIND_CODE, i == 0 ? "c1" : "c2", NOW), EXCHANGE_DONE);
  }
  assert_int_equal(redeem(KIND_CODE, "c1", "a1", "r.1", NOW), EXCHANGE_DONE);
  assert_int_equal(redeem(KIND_CODE, "c2", "a2", "s.1", NOW), EXCHANGE_DONE);
  table_end(table, KIND_REFRESH_TOKEN, "r.whatever comes behind the point");
  table_end(table, KIND_CODE, "unknown");
  assert_int_equal(look(KIND_CODE, "c1", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a1", NOW), FOUND_NOTHING);
  assert_int_equal(look(KIND_CODE, "c2", NOW), FOUND_USED);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a2", NOW), FOUND_LIVE);
  assert_int_equal(look(KIND_REFRESH_TOKEN, "s.1", NOW), FOUND_LIVE);
}

/* ---- Room ---- */

/* Good until the same letter comes again. */
static const char *numbered(char letter, int i)
{
  static char text[26][16];
  char *mine = text[letter - 'a'];

  (void)snprintf(mine, sizeof(text[0]), "%c-%d", letter, i);
  return mine;
}

static void test_table_exchange__each_kind_has_its_share(void **state)
{
  static const struct {
    as_kind kind;
    int share;
  } row[] = {
    { KIND_CODE, 8 }, { KIND_REQUEST_URI, 8 }, { KIND_REFRESH_TOKEN, 8 }, { KIND_ACCESS_TOKEN, 24 }
  };
  (void)state;

  for (size_t r = 0; r < sizeof(row) / sizeof(row[0]); r++) {
    for (int i = 0; i < row[r].share; i++) {
      assert_int_equal(put(row[r].kind, numbered('x', i), NOW), EXCHANGE_DONE);
    }
    assert_int_equal(put(row[r].kind, "one more", NOW), EXCHANGE_FULL);
    assert_int_equal(look(row[r].kind, "one more", NOW), FOUND_NOTHING);
    assert_int_equal(look(row[r].kind, numbered('x', 0), NOW), FOUND_LIVE);
  }
}

static as_exchange put_for(as_table *large, const char *owner, as_kind kind, int i)
{
  as_item one = item(kind, numbered(owner[0], i), NOW + LIFE);

  one.owner = owner;
  return table_exchange(large, NULL, &one, 1, NOW);
}

static void test_table_exchange__an_owner_has_a_quarter_of_the_share(void **state)
{
  as_table *large = table_new(600); /* shares: 300 access tokens, 100 of each other kind */
  const int quarter[] = { [KIND_CODE] = 25, [KIND_REQUEST_URI] = 25, [KIND_ACCESS_TOKEN] = 75 };
  (void)state;

  assert_non_null(large);
  for (as_kind kind = KIND_CODE; kind <= KIND_ACCESS_TOKEN; kind++) {
    for (int i = 0; i < quarter[kind]; i++) {
      assert_int_equal(put_for(large, "first", kind, i), EXCHANGE_DONE);
    }
    assert_int_equal(put_for(large, "first", kind, quarter[kind]), EXCHANGE_FULL);
    assert_int_equal(put_for(large, "second", kind, 0), EXCHANGE_DONE);
  }
  table_end(large, KIND_CODE, "f-3"); /* what goes makes room for its owner */
  assert_int_equal(put_for(large, "first", KIND_CODE, 90), EXCHANGE_DONE);
  assert_int_equal(put_for(large, "first", KIND_CODE, 91), EXCHANGE_FULL);
  table_free(large);
}

static void test_table_exchange__an_owner_has_a_quarter_of_the_octets(void **state)
{
  char *text = calloc(1, 6001);
  as_table *large = table_new(600);
  json_t *heavy = NULL;
  (void)state;

  assert_non_null(text);
  assert_non_null(large);
  memset(text, 'x', 6000);
  heavy = json_pack("{s:s}", "x", text); /* 25 * 512 octets are a quarter: two of these */
  for (int i = 0; i < 3; i++) {
    const as_item mine = { KIND_CODE, numbered('m', i), heavy, NOW + LIFE, "first" };

    assert_int_equal(table_exchange(large, NULL, &mine, 1, NOW),
                     i < 2 ? EXCHANGE_DONE : EXCHANGE_FULL);
  }
  assert_int_equal(put_for(large, "second", KIND_CODE, 0), EXCHANGE_DONE);
  json_decref(heavy);
  table_free(large);
  free(text);
}

static void test_table_exchange__full_uses_nothing_up(void **state)
{
  (void)state;
  assert_int_equal(put(KIND_CODE, "code", NOW), EXCHANGE_DONE);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(put(KIND_REFRESH_TOKEN, numbered('r', i), NOW), EXCHANGE_DONE);
  }
  assert_int_equal(redeem(KIND_CODE, "code", "a", "s.1", NOW), EXCHANGE_FULL);
  assert_int_equal(look(KIND_CODE, "code", NOW), FOUND_LIVE);
  assert_int_equal(look(KIND_ACCESS_TOKEN, "a", NOW), FOUND_NOTHING);
  /* One that is replaced needs no more room. */
  assert_int_equal(redeem(KIND_REFRESH_TOKEN, "r-3", "a", "r-3.2", NOW), EXCHANGE_DONE);
}

static void test_table_exchange__what_has_expired_makes_room(void **state)
{
  (void)state;
  for (int i = 0; i < 8; i++) {
    assert_int_equal(put(KIND_CODE, numbered('c', i), NOW), EXCHANGE_DONE);
  }
  assert_int_equal(put(KIND_CODE, "late", NOW + LIFE - 1), EXCHANGE_FULL);
  assert_int_equal(put(KIND_CODE, "late", NOW + LIFE + 998),
                   EXCHANGE_FULL); /* looked for just now */
  assert_int_equal(put(KIND_CODE, "late", NOW + LIFE + 999), EXCHANGE_DONE);
}

static void test_table__families_come_and_go(void **state)
{
  int64_t now = NOW;
  char *token[4] = { NULL };
  (void)state;

  for (int i = 0; i < 5000; i++) {
    char *old = token[i % 4];
    char *next = refresh_successor(i % 12 < 4 ? NULL : old);

    assert_non_null(next);
    if (i % 12 < 4) { /* a family begins, and the one before it in this place ends or expires */
      if (old != NULL && i % 8 < 4) {
        table_end(table, KIND_REFRESH_TOKEN, old);
      }
      assert_int_equal(put(KIND_CODE, numbered('c', i), now), EXCHANGE_DONE);
      assert_int_equal(redeem(KIND_CODE, numbered('c', i), numbered('a', i), next, now),
                       EXCHANGE_DONE);
    } else {
      assert_int_equal(redeem(KIND_REFRESH_TOKEN, old, numbered('a', i), next, now), EXCHANGE_DONE);
      assert_int_equal(look(KIND_REFRESH_TOKEN, old, now), FOUND_USED);
    }
    assert_int_equal(look(KIND_REFRESH_TOKEN, next, now), FOUND_LIVE);
    free(old);
    token[i % 4] = next;
    now += LIFE / 8;
  }
  for (int i = 0; i < 4; i++) {
    free(token[i]);
  }
}

/* ---- In parallel ---- */

#define THREADS 8

typedef struct attempt {
  pthread_t thread;
  int number;
  as_exchange done;
} attempt;

static pthread_barrier_t line;

static void *try_code(void *user_data)
{
  attempt *mine = user_data;
  char access[16];
  char refresh[16];

  (void)snprintf(access, sizeof(access), "a%d", mine->number);
  (void)snprintf(refresh, sizeof(refresh), "r%d.1", mine->number);
  (void)pthread_barrier_wait(&line);
  mine->done = redeem(KIND_CODE, "code", access, refresh, NOW);
  return NULL;
}

static void test_table_exchange__one_code_in_parallel_is_one_token(void **state)
{
  (void)state;
  for (int round = 0; round < 200; round++) {
    attempt all[THREADS] = { 0 };
    int done = 0;

    assert_int_equal(put(KIND_CODE, "code", NOW), EXCHANGE_DONE);
    assert_int_equal(pthread_barrier_init(&line, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
      all[i].number = i;
      assert_int_equal(pthread_create(&all[i].thread, NULL, try_code, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
      assert_int_equal(pthread_join(all[i].thread, NULL), 0);
      done += all[i].done == EXCHANGE_DONE;
    }
    (void)pthread_barrier_destroy(&line);
    assert_int_equal(done, 1);
    for (int i = 0; i < THREADS; i++) { /* and nothing of it is left */
      char access[16];

      (void)snprintf(access, sizeof(access), "a%d", i);
      assert_int_equal(look(KIND_ACCESS_TOKEN, access, NOW), FOUND_NOTHING);
    }
  }
}

static void test_table_new__sizes(void **state)
{
  (void)state;
  assert_null(table_new(0));
  assert_null(table_new(15));
  assert_null(table_new(((size_t)1 << 24) + 1));
  table_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)
  const struct CMUnitTest tests[] = {
    TEST(test_table_look__only_its_kind_and_its_octets),
    TEST(test_table_look__until_it_expires),
    TEST(test_table_exchange__a_code_is_good_once_and_its_family_ends),
    TEST(test_table_exchange__a_used_code_is_remembered_while_its_tokens_live),
    TEST(test_table_exchange__an_expired_code_is_gone),
    TEST(test_table_exchange__a_refresh_token_is_replaced_and_known_as_such),
    TEST(test_table_exchange__a_request_uri_is_forgotten),
    TEST(test_table_end__the_whole_family_and_no_other),
    TEST(test_table_exchange__each_kind_has_its_share),
    TEST(test_table_exchange__an_owner_has_a_quarter_of_the_share),
    TEST(test_table_exchange__an_owner_has_a_quarter_of_the_octets),
    TEST(test_table_exchange__full_uses_nothing_up),
    TEST(test_table_exchange__what_has_expired_makes_room),
    TEST(test_table__families_come_and_go),
    TEST(test_table_exchange__one_code_in_parallel_is_one_token),
    TEST(test_table_new__sizes),
  };

  return cmocka_run_group_tests_name("examples/table", tests, NULL, NULL);
}
