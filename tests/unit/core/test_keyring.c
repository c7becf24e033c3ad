/* SPDX-License-Identifier: MIT */

/* Generations of seal keys: what is read and refused, which key seals and opens at which moment, which generation may
 * follow which, and that nobody ever reads a generation that is gone. Runs under TSan as well. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/sha.h>

#include "base/b64.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/keyring.h"
#include "core/lib.h"
#include "fail_mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY          ((occ_time)24 * 3600 * 1000)
#define T            ((occ_time)1000000000000) /* "now" of most rows */
#define SESSION      ((occ_time)OCC__MAX_EXPIRY_S * 1000)
#define NEEDED       (SESSION + OCC__NODE_SKEW_MS)

/* One key of a generation; id NULL ends a list. Its master is `fill`, 32 times. */
typedef struct row_key {
  const char *id;
  uint8_t fill;
  occ_time from, until;
} row_key;

#define TEXT_ROOM (64u * 1024u)

/* The JSON text of a generation; room: TEXT_ROOM. */
static const char *text_of(char *room, const row_key *key)
{
  size_t len = (size_t)snprintf(room, TEXT_ROOM, "{\"keys\":[");

  for (size_t i = 0; key[i].id != NULL; i++) {
    uint8_t master[OCC__SEAL_KEY_LEN];
    char text[OCC__B64_LEN(sizeof(master)) + 1];

    memset(master, key[i].fill, sizeof(master));
    occ__b64_encode(text, master, sizeof(master));
    len += (size_t)snprintf(room + len, TEXT_ROOM - len,
                            "%s{\"id\":\"%s\",\"key\":\"%s\",\"seal_from\":%lld,"
                            "\"open_until\":%lld}",
                            i == 0 ? "" : ",", key[i].id, text, (long long)key[i].from,
                            (long long)key[i].until);
  }
  len += (size_t)snprintf(room + len, TEXT_ROOM - len, "]}");
  assert_true(len < TEXT_ROOM);
  return room;
}

static int load(occ_keyring *ring, const row_key *key, occ_time now, int force)
{
  static char room[TEXT_ROOM];
  const char *text = text_of(room, key);

  return occ_keyring_load(ring, text, strlen(text), now, force);
}

static void hash_of(uint8_t out[OCC__SEAL_KEY_ID_LEN], const char *id)
{
  uint8_t hash[32];

  SHA256((const unsigned char *)id, strlen(id), hash);
  memcpy(out, hash, OCC__SEAL_KEY_ID_LEN);
}

/* The fill octet of the key that seals at `now`, -1 for none. */
static int sealing(occ_keyring *ring, occ_time now)
{
  const occ_key_set *set = occ__keyring_take(ring);
  const occ_seal_key *key = occ__key_set_seals(set, now);
  int fill = key == NULL ? -1 : key->master[0];

  occ__keyring_give(ring, set);
  return fill;
}

static int opening(occ_keyring *ring, const char *id, occ_time now)
{
  const occ_key_set *set = occ__keyring_take(ring);
  uint8_t hash[OCC__SEAL_KEY_ID_LEN];
  const occ_seal_key *key;
  int fill;

  hash_of(hash, id);
  key = occ__key_set_opens(set, hash, now);
  fill = key == NULL ? -1 : key->master[0];
  occ__keyring_give(ring, set);
  return fill;
}

typedef struct fixture {
  fail_mem fm;
  occ_lib *lib;
  occ_keyring *ring;
  int events;
  int event_id;
  occ_time event_time;
  char detail[64];
} fixture;

static void on_event(const occ_event *event, void *user_data)
{
  fixture *fx = user_data;

  fx->events++;
  fx->event_id = event->id;
  fx->event_time = event->time;
  snprintf(fx->detail, sizeof(fx->detail), "%s", event->detail == NULL ? "" : event->detail);
}

static void open_fixture(fixture *fx)
{
  memset(fx, 0, sizeof(*fx));
  fail_mem_init(&fx->fm, SIZE_MAX, false);
  assert_int_equal(occ_lib_new(&fx->lib, &fx->fm.mem), OCC_OK);
  assert_int_equal(occ_lib_on_event(fx->lib, on_event, fx), OCC_OK);
  assert_int_equal(occ_keyring_new(&fx->ring, fx->lib), OCC_OK);
}

static void close_fixture(fixture *fx)
{
  occ_keyring_free(fx->ring);
  occ_lib_free(fx->lib);
  assert_int_equal(fx->fm.live, 0);
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

static void test_new__is_empty_and_checks_its_arguments(void **state)
{
  fixture fx;
  occ_keyring *ring = (occ_keyring *)(uintptr_t)1;
  const occ_key_set *set;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(occ_keyring_new(NULL, fx.lib), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_new(&ring, NULL), OCC_ERR_ARGUMENT);
  assert_null(ring);
  occ_keyring_free(NULL);

  set = occ__keyring_take(fx.ring);
  assert_non_null(set);
  assert_null(occ__key_set_seals(set, T));
  assert_null(occ__key_set_opens(set, (const uint8_t *)"\0\0\0\0", T));
  occ__keyring_give(fx.ring, set);
  occ__keyring_give(fx.ring, NULL);
  close_fixture(&fx);
}

static void test_load__checks_its_arguments(void **state)
{
  static const char empty[] = "{\"keys\":[]}";
  fixture fx;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(occ_keyring_load(NULL, empty, strlen(empty), T, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_load(fx.ring, NULL, 0, T, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_load(fx.ring, empty, strlen(empty), -1, 0), OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_load(fx.ring, empty, strlen(empty), 0, 0), OCC_OK);
  assert_int_equal(occ_keyring_load(fx.ring, empty, strlen(empty), ((occ_time)1 << 53) - 1, 0),
                   OCC_OK);
  assert_int_equal(occ_keyring_load(fx.ring, empty, strlen(empty), (occ_time)1 << 53, 0),
                   OCC_ERR_ARGUMENT);
  assert_int_equal(occ_keyring_load(fx.ring, empty, strlen(empty), INT64_MAX, 1), OCC_ERR_ARGUMENT);
  close_fixture(&fx);
}

static void test_load__reads_every_member(void **state)
{
  static const char text[] =
      "{ \"keys\": [ {\"open_until\":2000000000000,\"seal_from\":17,\"id\":\"k7\","
      "\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"} ] }";
  fixture fx;
  const occ_key_set *set;
  const occ_seal_key *key;
  uint8_t id[OCC__SEAL_KEY_ID_LEN];
  (void)state;

  open_fixture(&fx);
  assert_int_equal(occ_keyring_load(fx.ring, text, strlen(text), T, 0), OCC_OK);
  set = occ__keyring_take(fx.ring);
  key = occ__key_set_seals(set, T);
  assert_non_null(key);
  for (uint8_t i = 0; i < OCC__SEAL_KEY_LEN; i++) {
    assert_int_equal(key->master[i], i);
  }
  hash_of(id, "k7");
  assert_memory_equal(key->id, id, sizeof(id));
  assert_true(key->seal_from == 17);
  assert_true(key->open_until == 2000000000000);
  assert_ptr_equal(occ__key_set_opens(set, id, T), key);
  occ__keyring_give(fx.ring, set);
  close_fixture(&fx);
}

#define K32          "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI" /* 32 times 'B' */
#define KEY(id, key) "{\"id\":" id ",\"key\":" key ",\"seal_from\":0,\"open_until\":2000000000000}"
#define TIMED(from, until)                                                                         \
  "{\"id\":\"a\",\"key\":\"" K32 "\",\"seal_from\":" from ",\"open_until\":" until "}"
#define GOOD TIMED("0", "2000000000000")

static void test_load__refuses_bad_texts_and_keeps_what_it_has(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "nothing", "" },
    { "no JSON", "keys" },
    { "cut", "{\"keys\":[" GOOD "]" },
    { "text behind", "{\"keys\":[" GOOD "]}x" },
    { "an array at the top", "[" GOOD "]" },
    { "null at the top", "null" },
    { "no member", "{}" },
    { "another member alone", "{\"key\":[" GOOD "]}" },
    { "unknown member at the top", "{\"keys\":[" GOOD "],\"note\":1}" },
    { "keys twice", "{\"keys\":[" GOOD "],\"keys\":[]}" },
    { "keys is an object", "{\"keys\":{\"a\":" GOOD "}}" },
    { "keys is null", "{\"keys\":null}" },
    { "a key that is a string", "{\"keys\":[\"" K32 "\"]}" },
    { "a key that is null", "{\"keys\":[" GOOD ",null]}" },
    { "a key that is empty", "{\"keys\":[{}]}" },
    { "unknown member of a key",
      "{\"keys\":[{\"id\":\"a\",\"key\":\"" K32
      "\",\"seal_from\":0,\"open_until\":2000000000000,\"use\":\"sig\"}]}" },
    { "id missing, another member in its place",
      "{\"keys\":[{\"kid\":\"a\",\"key\":\"" K32
      "\",\"seal_from\":0,\"open_until\":2000000000000}]}" },
    { "id missing",
      "{\"keys\":[{\"key\":\"" K32 "\",\"seal_from\":0,\"open_until\":2000000000000}]}" },
    { "key missing", "{\"keys\":[{\"id\":\"a\",\"seal_from\":0,\"open_until\":2000000000000}]}" },
    { "seal_from missing",
      "{\"keys\":[{\"id\":\"a\",\"key\":\"" K32 "\",\"open_until\":2000000000000}]}" },
    { "open_until missing", "{\"keys\":[{\"id\":\"a\",\"key\":\"" K32 "\",\"seal_from\":0}]}" },
    { "a member twice", "{\"keys\":[{\"id\":\"a\",\"id\":\"a\",\"key\":\"" K32
                        "\",\"seal_from\":0,\"open_until\":2000000000000}]}" },
    { "empty id", "{\"keys\":[" KEY("\"\"", "\"" K32 "\"") "]}" },
    { "id is a number", "{\"keys\":[" KEY("1", "\"" K32 "\"") "]}" },
    { "zero octet in an id", "{\"keys\":[" KEY("\"a\\u0000\"", "\"" K32 "\"") "]}" },
    { "key is a number", "{\"keys\":[" KEY("\"a\"", "7") "]}" },
    { "key is empty", "{\"keys\":[" KEY("\"a\"", "\"\"") "]}" },
    { "key of 31 octets",
      "{\"keys\":[" KEY("\"a\"", "\"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQg\"") "]}" },
    { "key of 33 octets", "{\"keys\":[" KEY("\"a\"", "\"" K32 "AA\"") "]}" },
    { "key with padding", "{\"keys\":[" KEY("\"a\"", "\"" K32 "=\"") "]}" },
    { "unused bits set in the last character",
      "{\"keys\":[" KEY("\"a\"", "\"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ\"") "]}" },
    { "plain base64",
      "{\"keys\":[" KEY("\"a\"", "\"QkJCQkJCQkJCQkJCQkJC/kJCQkJCQkJCQkJCQkJCQkI\"") "]}" },
    { "white space in the key",
      "{\"keys\":[" KEY("\"a\"", "\"QkJCQkJCQkJCQkJCQkJC QkJCQkJCQkJCQkJCQkJCQkI\"") "]}" },
    { "seal_from is text", "{\"keys\":[" TIMED("\"0\"", "2000000000000") "]}" },
    { "seal_from is a real", "{\"keys\":[" TIMED("0.0", "2000000000000") "]}" },
    { "seal_from is negative", "{\"keys\":[" TIMED("-1", "2000000000000") "]}" },
    { "open_until is a real", "{\"keys\":[" TIMED("0", "2e12") "]}" },
    { "open_until is null", "{\"keys\":[" TIMED("0", "null") "]}" },
    { "open_until at 2^53", "{\"keys\":[" TIMED("0", "9007199254740992") "]}" },
    { "closes when it begins", "{\"keys\":[" TIMED("5", "5") "]}" },
    { "closes before it begins", "{\"keys\":[" TIMED("5", "4") "]}" },
    { "one id twice", "{\"keys\":[" GOOD "," KEY("\"b\"", "\"" K32 "\"") "," GOOD "]}" },
    { "two ids with one hash of four octets",
      "{\"keys\":[" KEY("\"key-8337\"", "\"" K32 "\"") "," KEY("\"key-15029\"",
                                                               "\"" K32 "\"") "]}" },
  };
  static const row_key kept[] = { { "old", 7, 0, T + DAY }, { NULL, 0, 0, 0 } };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(load(fx.ring, kept, T, 0), OCC_OK);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ_keyring_load(fx.ring, row[i].text, strlen(row[i].text), T, 1),
                     OCC_ERR_SYNTAX);
    assert_int_equal(sealing(fx.ring, T), 7);
  }
  assert_int_equal(fx.events, 0);
  close_fixture(&fx);
}

static void test_load__takes_just_what_is_allowed(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "no key at all", "{\"keys\":[]}" },
    { "one key", "{\"keys\":[" GOOD "]}" },
    { "closes one after it begins", "{\"keys\":[" TIMED("5", "6") "]}" },
    { "open_until at 2^53-1", "{\"keys\":[" TIMED("9007199254740990", "9007199254740991") "]}" },
    { "the same master under two ids", "{\"keys\":[" GOOD "," KEY("\"b\"", "\"" K32 "\"") "]}" },
    { "an id that is not ASCII", "{\"keys\":[" KEY("\"\\u00e4\"", "\"" K32 "\"") "]}" },
  };
  fixture fx;
  (void)state;

  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    open_fixture(&fx);
    assert_int_equal(occ_keyring_load(fx.ring, row[i].text, strlen(row[i].text), T, 0), OCC_OK);
    close_fixture(&fx);
  }
}

static void test_load__stands_at_its_limits(void **state)
{
  static char name[OCC__MAX_ID + 2];
  static char names[OCC__MAX_SEAL_KEYS + 1][8];
  row_key key[OCC__MAX_SEAL_KEYS + 2];
  fixture fx;
  (void)state;

  for (size_t count = OCC__MAX_SEAL_KEYS - 1; count <= OCC__MAX_SEAL_KEYS + 1; count++) {
    for (size_t i = 0; i < count; i++) {
      snprintf(names[i], sizeof(names[i]), "n%zu", i);
      key[i] = (row_key){ names[i], (uint8_t)i, (occ_time)i, T + DAY };
    }
    key[count] = (row_key){ NULL, 0, 0, 0 };
    open_fixture(&fx);
    assert_int_equal(load(fx.ring, key, T, 1),
                     count <= OCC__MAX_SEAL_KEYS ? OCC_OK : OCC_ERR_LIMIT);
    assert_int_equal(sealing(fx.ring, T), count <= OCC__MAX_SEAL_KEYS ? (int)count - 1 : -1);
    close_fixture(&fx);
  }
  for (size_t len = OCC__MAX_ID - 1; len <= OCC__MAX_ID + 1; len++) {
    memset(name, 'i', len);
    name[len] = '\0';
    key[0] = (row_key){ name, 9, 0, T + DAY };
    key[1] = (row_key){ NULL, 0, 0, 0 };
    open_fixture(&fx);
    assert_int_equal(load(fx.ring, key, T, 0), len <= OCC__MAX_ID ? OCC_OK : OCC_ERR_SYNTAX);
    close_fixture(&fx);
  }
}

static void test_load__refuses_a_text_beyond_the_limits_of_a_configuration(void **state)
{
  char *text = malloc(OCC__MAX_CONFIG_JSON + 1);
  fixture fx;
  (void)state;

  assert_non_null(text);
  memset(text, ' ', OCC__MAX_CONFIG_JSON + 1);
  memcpy(text, "{\"keys\":[]}", strlen("{\"keys\":[]}"));
  open_fixture(&fx);
  assert_int_equal(occ_keyring_load(fx.ring, text, OCC__MAX_CONFIG_JSON, T, 0), OCC_OK);
  assert_int_equal(occ_keyring_load(fx.ring, text, OCC__MAX_CONFIG_JSON + 1, T, 0), OCC_ERR_LIMIT);
  close_fixture(&fx);
  free(text);
}

/* ---- Which key seals, which opens ---------------------------------------------------------------------------- */

static void test_key_set__knows_the_state_of_each_key(void **state)
{
  static const row_key key[] = { { "one", 1, T, T + 3 * DAY },
                                 { "two", 2, T + DAY, T + 2 * DAY },
                                 { "three", 3, T + 10 * DAY, T + 11 * DAY },
                                 { NULL, 0, 0, 0 } };
  static const struct {
    const char *why;
    occ_time now;
    int seals, one, two, three; /* fill, -1: none */
  } row[] = {
    { "long before", 0, -1, 1, 2, 3 },
    { "one is pending, 1 ms before", T - 1, -1, 1, 2, 3 },
    { "one begins to seal", T, 1, 1, 2, 3 },
    { "one seals", T + 1, 1, 1, 2, 3 },
    { "two is pending, 1 ms before", T + DAY - 1, 1, 1, 2, 3 },
    { "two takes over", T + DAY, 2, 1, 2, 3 },
    { "one opens only", T + DAY + 1, 2, 1, 2, 3 },
    { "two is open, 1 ms before it closes", T + 2 * DAY - 1, 2, 1, 2, 3 },
    { "two is closed: the one before it seals again", T + 2 * DAY, 1, 1, -1, 3 },
    { "two stays closed", T + 2 * DAY + 1, 1, 1, -1, 3 },
    { "one is open, 1 ms before it closes", T + 3 * DAY - 1, 1, 1, -1, 3 },
    { "one is closed: nothing seals", T + 3 * DAY, -1, -1, -1, 3 },
    { "one stays closed", T + 3 * DAY + 1, -1, -1, -1, 3 },
    { "three seals", T + 10 * DAY, 3, -1, -1, 3 },
    { "all are closed", T + 11 * DAY, -1, -1, -1, -1 },
  };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(load(fx.ring, key, T - 10 * DAY, 0), OCC_OK);
  for (size_t i = 0; i < COUNT(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(sealing(fx.ring, row[i].now), row[i].seals);
    assert_int_equal(opening(fx.ring, "one", row[i].now), row[i].one);
    assert_int_equal(opening(fx.ring, "two", row[i].now), row[i].two);
    assert_int_equal(opening(fx.ring, "three", row[i].now), row[i].three);
    assert_int_equal(opening(fx.ring, "four", row[i].now), -1);
  }
  close_fixture(&fx);
}

static void test_seals__does_not_depend_on_the_order_of_equals(void **state)
{
  static const row_key key[2][3] = {
    { { "a", 1, 5, T + DAY }, { "b", 2, 5, T + DAY }, { NULL, 0, 0, 0 } },
    { { "b", 2, 5, T + DAY }, { "a", 1, 5, T + DAY }, { NULL, 0, 0, 0 } }
  };
  int seals[2];
  fixture fx;
  (void)state;

  for (size_t i = 0; i < 2; i++) {
    open_fixture(&fx);
    assert_int_equal(load(fx.ring, key[i], T, 0), OCC_OK);
    seals[i] = sealing(fx.ring, T);
    close_fixture(&fx);
  }
  assert_true(seals[0] > 0);
  assert_int_equal(seals[0], seals[1]);
}

/* ---- Which generation may follow which ----------------------------------------------------------------------- */

#define MAX_ROW_KEYS 4

static void test_load__refuses_to_drop_what_sessions_may_need(void **state)
{
  static const struct {
    const char *why;
    row_key old[MAX_ROW_KEYS], set[MAX_ROW_KEYS];
    occ_time now;
    int want;
  } row[] = {
    { "the same again", { { "a", 1, 0, T + DAY } }, { { "a", 1, 0, T + DAY } }, T, OCC_OK },
    { "a later end", { { "a", 1, 0, T + DAY } }, { { "a", 1, 0, T + 2 * DAY } }, T, OCC_OK },
    { "a pending key is added",
      { { "a", 1, 0, T + DAY } },
      { { "a", 1, 0, T + DAY }, { "b", 2, T + DAY / 2, T + 9 * DAY } },
      T,
      OCC_OK },
    { "the key that seals is dropped",
      { { "a", 1, 0, T + DAY } },
      { { "b", 2, 0, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "all keys are dropped", { { "a", 1, 0, T + DAY } }, { { NULL, 0, 0, 0 } }, T, OCC_ERR_STATE },
    { "the same id with other octets",
      { { "a", 1, 0, T + DAY } },
      { { "a", 2, 0, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "the same octets under another id",
      { { "a", 1, 0, T + DAY } },
      { { "b", 1, 0, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "the key that seals closes 1 ms too early",
      { { "a", 1, 0, T + DAY } },
      { { "a", 1, 0, T + NEEDED - 1 } },
      T,
      OCC_ERR_STATE },
    { "the key that seals closes just late enough",
      { { "a", 1, 0, T + DAY } },
      { { "a", 1, 0, T + NEEDED } },
      T,
      OCC_OK },
    { "it was to close before that, and does",
      { { "a", 1, 0, T + SESSION + 5 } },
      { { "a", 1, 0, T + SESSION + 5 } },
      T,
      OCC_OK },
    { "it was to close before that, and would 1 ms earlier",
      { { "a", 1, 0, T + SESSION + 5 } },
      { { "a", 1, 0, T + SESSION + 4 } },
      T,
      OCC_ERR_STATE },
    { "closed in the old generation",
      { { "a", 1, 0, T }, { "b", 2, 1, T + DAY } },
      { { "b", 2, 1, T + DAY } },
      T,
      OCC_OK },
    { "open for 1 ms more in the old generation, superseded just now",
      { { "a", 1, 0, T + 1 }, { "b", 2, T - 1, T + DAY } },
      { { "b", 2, T - 1, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "pending, and no node can be that far ahead",
      { { "a", 1, T + OCC__NODE_SKEW_MS + 1, T + DAY }, { "b", 2, 0, T + DAY } },
      { { "b", 2, 0, T + DAY } },
      T,
      OCC_OK },
    { "pending here, but sealing on a node that is ahead",
      { { "a", 1, T + OCC__NODE_SKEW_MS, T + DAY }, { "b", 2, 0, T + DAY } },
      { { "b", 2, 0, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "superseded, 1 ms before its last session may end",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - NEEDED + 1, T + DAY } },
      { { "b", 2, T - NEEDED + 1, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "superseded for long enough",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - NEEDED, T + DAY } },
      { { "b", 2, T - NEEDED, T + DAY } },
      T,
      OCC_OK },
    { "superseded for 1 ms more",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - NEEDED - 1, T + DAY } },
      { { "b", 2, T - NEEDED - 1, T + DAY } },
      T,
      OCC_OK },
    { "superseded: it may close when its last session may have ended",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - 1000, T + DAY } },
      { { "a", 1, 0, T - 1000 + NEEDED }, { "b", 2, T - 1000, T + DAY } },
      T,
      OCC_OK },
    { "superseded: 1 ms before that",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - 1000, T + DAY } },
      { { "a", 1, 0, T - 1000 + NEEDED - 1 }, { "b", 2, T - 1000, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "the nearest successor counts, not the last one",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - NEEDED, T + DAY }, { "c", 3, T - 1, T + DAY } },
      { { "b", 2, T - NEEDED, T + DAY }, { "c", 3, T - 1, T + DAY } },
      T,
      OCC_OK },
    { "a successor that is still pending does not count",
      { { "a", 1, 0, T + DAY }, { "b", 2, T + DAY / 2, T + DAY } },
      { { "b", 2, 0, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "a successor that has closed gave sealing back",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - NEEDED, T } },
      { { "c", 3, 0, T + DAY } },
      T,
      OCC_ERR_STATE },
    { "a retired key is dropped, another is added",
      { { "a", 1, 0, T + DAY }, { "b", 2, T - DAY, T + DAY } },
      { { "b", 2, T - DAY, T + DAY }, { "c", 3, T + DAY / 2, T + 2 * DAY } },
      T,
      OCC_OK },
    { "the key that seals now closes 1 ms before its sessions",
      { { NULL, 0, 0, 0 } },
      { { "a", 1, 0, T + SESSION - 1 } },
      T,
      OCC_ERR_STATE },
    { "the key that seals now closes with its sessions",
      { { NULL, 0, 0, 0 } },
      { { "a", 1, 0, T + SESSION } },
      T,
      OCC_OK },
    { "the key that seals now closes 1 ms later",
      { { NULL, 0, 0, 0 } },
      { { "a", 1, 0, T + SESSION + 1 } },
      T,
      OCC_OK },
    { "a key that only opens may close soon",
      { { NULL, 0, 0, 0 } },
      { { "a", 1, 0, T + 1 }, { "b", 2, 1, T + DAY } },
      T,
      OCC_OK },
    { "a closed key is no harm",
      { { NULL, 0, 0, 0 } },
      { { "a", 1, 0, T }, { "b", 2, 1, T + DAY } },
      T,
      OCC_OK },
    { "a pending key alone", { { NULL, 0, 0, 0 } }, { { "a", 1, T + 1, T + 2 } }, T, OCC_OK },
  };
  fixture fx;
  (void)state;

  for (size_t i = 0; i < COUNT(row); i++) {
    row_key old[MAX_ROW_KEYS + 1] = { { NULL, 0, 0, 0 } };
    row_key set[MAX_ROW_KEYS + 1] = { { NULL, 0, 0, 0 } };
    int before, after;

    print_message("  %s\n", row[i].why);
    memcpy(old, row[i].old, sizeof(row[i].old));
    memcpy(set, row[i].set, sizeof(row[i].set));
    open_fixture(&fx);
    assert_int_equal(load(fx.ring, old, 0, 1), OCC_OK);
    fx.events = 0;
    before = sealing(fx.ring, row[i].now);
    assert_int_equal(load(fx.ring, set, row[i].now, 0), row[i].want);
    after = sealing(fx.ring, row[i].now);
    if (row[i].want != OCC_OK) {
      assert_int_equal(after, before); /* nothing was replaced */
    }
    assert_int_equal(fx.events, 0);

    /* Forced, every one of them goes through, and says so exactly where it had to be forced. */
    assert_int_equal(load(fx.ring, old, 0, 1), OCC_OK);
    fx.events = 0;
    assert_int_equal(load(fx.ring, set, row[i].now, 1), OCC_OK);
    assert_int_equal(fx.events, row[i].want == OCC_OK ? 0 : 1);
    close_fixture(&fx);
  }
}

static void test_load__forced_says_so_in_an_event(void **state)
{
  static const row_key old[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key set[] = { { "b", 2, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key brief[] = { { "b", 2, 0, T + SESSION - 1 }, { NULL, 0, 0, 0 } };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(load(fx.ring, old, T, 1), OCC_OK);
  assert_int_equal(fx.events, 0); /* nothing was lost */
  assert_int_equal(load(fx.ring, set, T, 0), OCC_ERR_STATE);
  assert_int_equal(fx.events, 0);
  assert_int_equal(sealing(fx.ring, T), 1);

  assert_int_equal(load(fx.ring, set, T, 1), OCC_OK);
  assert_int_equal(fx.events, 1);
  assert_int_equal(fx.event_id, OCC__EVENT_KEYS_FORCED);
  assert_true(fx.event_time == T);
  assert_string_equal(fx.detail, "key_dropped");
  assert_int_equal(sealing(fx.ring, T), 2);
  assert_int_equal(opening(fx.ring, "a", T), -1);

  assert_int_equal(load(fx.ring, brief, T, 7), OCC_OK);
  assert_int_equal(fx.events, 2);
  assert_string_equal(fx.detail, "key_closes_too_soon");
  close_fixture(&fx);
}

/* ---- Generations and holds ----------------------------------------------------------------------------------- */

static void test_take__keeps_a_generation_through_later_loads(void **state)
{
  static const row_key one[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key two[] = { { "a", 1, 0, T + DAY },
                                 { "b", 2, T, T + DAY },
                                 { NULL, 0, 0, 0 } };
  static const row_key three[] = { { "c", 3, T, T + DAY }, { NULL, 0, 0, 0 } };
  const occ_key_set *first, *second, *again, *third;
  size_t live;
  fixture fx;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(load(fx.ring, one, T, 0), OCC_OK);
  live = fx.fm.live;
  first = occ__keyring_take(fx.ring);
  assert_int_equal(load(fx.ring, two, T, 0), OCC_OK);
  assert_int_equal(fx.fm.live, live + 1);
  second = occ__keyring_take(fx.ring);
  again = occ__keyring_take(fx.ring);
  assert_ptr_equal(second, again);
  assert_ptr_not_equal(first, second);
  assert_int_equal(load(fx.ring, three, T, 1), OCC_OK);
  assert_int_equal(fx.fm.live, live + 2);
  third = occ__keyring_take(fx.ring);

  assert_int_equal(occ__key_set_seals(first, T)->master[0], 1);
  assert_int_equal(occ__key_set_seals(second, T)->master[0], 2);
  assert_int_equal(occ__key_set_seals(third, T)->master[0], 3);

  occ__keyring_give(fx.ring, second);
  assert_int_equal(fx.fm.live, live + 2); /* held once more */
  assert_int_equal(occ__key_set_seals(again, T)->master[0], 2);
  occ__keyring_give(fx.ring, again);
  assert_int_equal(fx.fm.live, live + 1);
  occ__keyring_give(fx.ring, first);
  assert_int_equal(fx.fm.live, live);
  occ__keyring_give(fx.ring, third); /* the current one stays */
  assert_int_equal(fx.fm.live, live);
  assert_int_equal(sealing(fx.ring, T), 3);
  close_fixture(&fx);
}

static void test_give__ignores_what_it_did_not_lend(void **state)
{
  static const row_key one[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  fixture fx, other;
  const occ_key_set *foreign;
  (void)state;

  open_fixture(&fx);
  open_fixture(&other);
  assert_int_equal(load(fx.ring, one, T, 0), OCC_OK);
  foreign = occ__keyring_take(other.ring);
  occ__keyring_give(fx.ring, foreign);
  assert_int_equal(sealing(fx.ring, T), 1);
  occ__keyring_give(other.ring, foreign);
  close_fixture(&other);
  close_fixture(&fx);
}

static void test_hold__keeps_the_ring_and_its_lib(void **state)
{
  static const row_key one[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  fixture fx;
  (void)state;

  open_fixture(&fx);
  assert_int_equal(load(fx.ring, one, T, 0), OCC_OK);
  occ__keyring_hold(fx.ring);
  occ_keyring_free(fx.ring);
  occ_lib_free(fx.lib);
  assert_int_equal(sealing(fx.ring, T), 1);
  assert_int_not_equal(fx.fm.live, 0);
  occ__keyring_drop(fx.ring);
  assert_int_equal(fx.fm.live, 0);
  occ__keyring_drop(NULL);
}

/* An allocator that looks at every block that comes back. */
typedef struct spy {
  size_t seen; /* blocks that still held a piece of a key */
  size_t released;
} spy;

#define SPY_FILL 0x5e

static void *spy_alloc(size_t size, void *user_data)
{
  (void)user_data;
  return calloc(1, size);
}

static void spy_release(void *memory, size_t size, void *user_data)
{
  spy *eye = user_data;
  const uint8_t *octet = memory;
  size_t run = 0;

  eye->released++;
  for (size_t i = 0; i < size; i++) {
    run = octet[i] == SPY_FILL ? run + 1 : 0;
    if (run == 4) {
      eye->seen++;
      break;
    }
  }
  free(memory);
}

static void test_every_generation_is_wiped_before_it_is_released(void **state)
{
  static const row_key one[] = { { "a", SPY_FILL, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key two[] = { { "a", SPY_FILL, 0, T + DAY },
                                 { "b", SPY_FILL, 1, T + DAY },
                                 { NULL, 0, 0, 0 } };
  static const row_key other[] = { { "c", SPY_FILL, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key wrong[] = { { "a", SPY_FILL, 0, T + DAY },
                                   { "a", SPY_FILL, 0, T + DAY },
                                   { NULL, 0, 0, 0 } };
  spy eye = { 0, 0 };
  occ_mem mem = { spy_alloc, spy_release, &eye };
  occ_lib *lib = NULL;
  occ_keyring *ring = NULL;
  const occ_key_set *set;
  (void)state;

  assert_int_equal(occ_lib_new(&lib, &mem), OCC_OK);
  assert_int_equal(occ_keyring_new(&ring, lib), OCC_OK);
  assert_int_equal(load(ring, one, T, 0), OCC_OK);
  set = occ__keyring_take(ring);
  assert_int_equal(occ__key_set_seals(set, T)->master[31], SPY_FILL);
  assert_int_equal(load(ring, two, T, 0), OCC_OK);          /* replaces */
  occ__keyring_give(ring, set);                             /* the last to let go */
  assert_int_equal(load(ring, other, T, 0), OCC_ERR_STATE); /* dropped before it was used */
  assert_int_equal(load(ring, wrong, T, 0), OCC_ERR_SYNTAX);
  occ_keyring_free(ring);
  occ_lib_free(lib);
  assert_int_equal(eye.seen, 0);
  assert_true(eye.released >= 6);
}

/* ---- Memory that runs out ------------------------------------------------------------------------------------ */

static void test_new_and_load__survive_every_failed_allocation(void **state)
{
  static const row_key one[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key two[] = { { "a", 1, 0, T + DAY },
                                 { "b", 2, 5, T + DAY },
                                 { NULL, 0, 0, 0 } };
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    bool reached = false;

    for (size_t n = 0; n < 1000 && !reached; n++) {
      fail_mem fm;
      occ_lib *lib = NULL;
      occ_keyring *ring = NULL;
      int rc;

      fail_mem_init(&fm, n, keep != 0);
      rc = occ_lib_new(&lib, &fm.mem);
      if (rc == OCC_OK) {
        rc = occ_keyring_new(&ring, lib);
        assert_true((rc == OCC_OK) == (ring != NULL));
      }
      if (rc == OCC_OK) {
        rc = load(ring, one, T, 0);
        assert_int_equal(sealing(ring, T), rc == OCC_OK ? 1 : -1);
      }
      if (rc == OCC_OK) {
        rc = load(ring, two, T, 0);
        assert_int_equal(sealing(ring, T), rc == OCC_OK ? 2 : 1);
      }
      assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      reached = !fm.failed;
      occ_keyring_free(ring);
      occ_lib_free(lib);
      assert_int_equal(fm.live, 0);
    }
    assert_true(reached);
  }
}

static size_t json_left; /* allocations of jansson that still succeed */

static void *json_alloc(size_t size)
{
  if (json_left == 0) {
    return NULL;
  }
  json_left--;
  return malloc(size);
}

static void test_load__survives_every_failed_allocation_of_jansson(void **state)
{
  static const row_key one[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  static const row_key two[] = { { "a", 1, 0, T + DAY },
                                 { "b", 2, 5, T + DAY },
                                 { NULL, 0, 0, 0 } };
  json_malloc_t before_malloc;
  json_free_t before_free;
  int rc = OCC_ERR_MEMORY;
  fixture fx;
  (void)state;

  json_get_alloc_funcs(&before_malloc, &before_free);
  open_fixture(&fx);
  assert_int_equal(load(fx.ring, one, T, 0), OCC_OK);
  json_set_alloc_funcs(json_alloc, free);
  for (size_t n = 0; n < 1000 && rc != OCC_OK; n++) {
    size_t live = fx.fm.live;

    json_left = n;
    rc = load(fx.ring, two, T, 0);
    if (rc != OCC_OK) {
      /* jansson calls it a syntax error in some places: no generation either way. */
      assert_true(rc == OCC_ERR_MEMORY || rc == OCC_ERR_SYNTAX);
      assert_int_equal(fx.fm.live, live);
      assert_int_equal(sealing(fx.ring, T), 1);
    }
  }
  json_set_alloc_funcs(before_malloc, before_free);
  assert_int_equal(rc, OCC_OK);
  assert_int_equal(sealing(fx.ring, T), 2);
  close_fixture(&fx);
}

/* ---- Threads ------------------------------------------------------------------------------------------------- */

#define TAKERS  3
#define LOADERS 2
#define ROUNDS  300

typedef struct race {
  occ_keyring *ring;
  atomic_int wrong;
  atomic_int refused;
} race;

/* In every generation of the race the key `a` has master 1, and the others their number, all 32 octets of it. */
static void *take_and_look(void *user_data)
{
  race *r = user_data;
  uint8_t id[OCC__SEAL_KEY_ID_LEN];

  hash_of(id, "a");
  for (int i = 0; i < ROUNDS * 4; i++) {
    const occ_key_set *set = occ__keyring_take(r->ring);
    const occ_seal_key *seals = occ__key_set_seals(set, T);
    const occ_seal_key *opens = occ__key_set_opens(set, id, T);

    if (opens == NULL || opens->master[0] != 1 || seals == NULL ||
        seals->master[0] != seals->master[OCC__SEAL_KEY_LEN - 1]) {
      atomic_fetch_add(&r->wrong, 1);
    }
    occ__keyring_give(r->ring, set);
  }
  return NULL;
}

static void *load_again(void *user_data)
{
  race *r = user_data;
  char *room = malloc(TEXT_ROOM);

  for (int i = 0; room != NULL && i < ROUNDS; i++) {
    const row_key set[] = { { "a", 1, 0, T + DAY },
                            { i % 2 == 0 ? "b" : "c", (uint8_t)(2 + i % 2), T / 2, T + DAY },
                            { NULL, 0, 0, 0 } };
    const char *text = text_of(room, set);

    if (occ_keyring_load(r->ring, text, strlen(text), T, i % 3 != 0) != OCC_OK) {
      atomic_fetch_add(&r->refused, 1); /* it would drop b or c, unless the same stands there */
    }
  }
  free(room);
  return NULL;
}

static void test_load__replaces_under_takes(void **state)
{
  static const row_key first[] = { { "a", 1, 0, T + DAY }, { NULL, 0, 0, 0 } };
  pthread_t thread[TAKERS + LOADERS];
  occ_lib *lib = NULL;
  race r;
  (void)state;

  assert_int_equal(occ_lib_new(&lib, NULL), OCC_OK);
  assert_int_equal(occ_keyring_new(&r.ring, lib), OCC_OK);
  assert_int_equal(load(r.ring, first, T, 0), OCC_OK);
  atomic_init(&r.wrong, 0);
  atomic_init(&r.refused, 0);
  for (int i = 0; i < TAKERS + LOADERS; i++) {
    assert_int_equal(pthread_create(&thread[i], NULL, i < TAKERS ? take_and_look : load_again, &r),
                     0);
  }
  for (int i = 0; i < TAKERS + LOADERS; i++) {
    assert_int_equal(pthread_join(thread[i], NULL), 0);
  }
  assert_int_equal(atomic_load(&r.wrong), 0);
  assert_true(atomic_load(&r.refused) < LOADERS * ROUNDS);
  assert_int_equal(opening(r.ring, "a", T), 1);
  occ_keyring_free(r.ring);
  occ_lib_free(lib);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_new__is_empty_and_checks_its_arguments),
    cmocka_unit_test(test_load__checks_its_arguments),
    cmocka_unit_test(test_load__reads_every_member),
    cmocka_unit_test(test_load__refuses_bad_texts_and_keeps_what_it_has),
    cmocka_unit_test(test_load__takes_just_what_is_allowed),
    cmocka_unit_test(test_load__stands_at_its_limits),
    cmocka_unit_test(test_load__refuses_a_text_beyond_the_limits_of_a_configuration),
    cmocka_unit_test(test_key_set__knows_the_state_of_each_key),
    cmocka_unit_test(test_seals__does_not_depend_on_the_order_of_equals),
    cmocka_unit_test(test_load__refuses_to_drop_what_sessions_may_need),
    cmocka_unit_test(test_load__forced_says_so_in_an_event),
    cmocka_unit_test(test_take__keeps_a_generation_through_later_loads),
    cmocka_unit_test(test_give__ignores_what_it_did_not_lend),
    cmocka_unit_test(test_hold__keeps_the_ring_and_its_lib),
    cmocka_unit_test(test_every_generation_is_wiped_before_it_is_released),
    cmocka_unit_test(test_new_and_load__survive_every_failed_allocation),
    cmocka_unit_test(test_load__survives_every_failed_allocation_of_jansson),
    cmocka_unit_test(test_load__replaces_under_takes),
  };

  return cmocka_run_group_tests_name("core/keyring", tests, NULL, NULL);
}
