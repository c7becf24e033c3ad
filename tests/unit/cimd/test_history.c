/* SPDX-License-Identifier: MIT */

/* What is remembered of a client, and the record of it: changes add up, and a record may be anything. Case ids: CH-1, CH-2
 * of the requirements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cimd/history.h"
#include "fail_mem.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define OCTETS  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define T0      INT64_C(1800000000000)

static occ_snapshot snapshot(int method, int keys, int capable)
{
  occ_snapshot s;

  memset(&s, 0, sizeof(s));
  s.method[0] = (uint8_t)method;
  s.keys[31] = (uint8_t)keys;
  s.capable = capable;
  return s;
}

static void note(occ_history *h, occ_snapshot s, occ_time now)
{
  occ__history_note(h, &s, now);
}

/* All that has changed, and when the last of it did. */
static void test_note__changes_add_up(void **state)
{
  occ_history h = { .seen = 0 };
  (void)state;

  note(&h, snapshot(1, 1, 1), T0);
  assert_int_equal(h.first_seen, T0);
  assert_int_equal(h.changed, 0);
  assert_int_equal(h.changes, 0);
  note(&h, snapshot(1, 2, 1), T0 + 1);
  assert_int_equal(h.changed, T0 + 1);
  assert_int_equal(h.changes, OCC__CHANGED_KEYS);
  note(&h, snapshot(1, 2, 1), T0 + 2);
  assert_int_equal(h.changed, T0 + 1);
  note(&h, snapshot(1, 2, 0), T0 + 3);
  assert_int_equal(h.changed, T0 + 3);
  assert_int_equal(h.changes, OCC__CHANGED_KEYS | OCC__CHANGED_CAPABILITY);
  note(&h, snapshot(1, 1, 1), T0 + 4); /* back to the first */
  assert_int_equal(h.changed, T0 + 4);
  note(&h, snapshot(2, 1, 1), T0 + 5);
  assert_int_equal(h.changes, OCC__CHANGED_METHOD | OCC__CHANGED_KEYS | OCC__CHANGED_CAPABILITY);
  assert_int_equal(h.first_seen, T0);
}

static void write_record(char out[OCC__RECORD_MAX], const occ_record *record)
{
  occ_buf buf;

  occ__buf_init(&buf, &occ__mem_libc, OCC__RECORD_MAX - 1);
  occ__record_write(&buf, record);
  assert_int_equal(buf.rc, OCC_OK);
  memcpy(out, occ__buf_string(&buf), buf.len + 1);
  occ__buf_clear(&buf);
}

static void test_record__is_read_as_it_was_written(void **state)
{
  const occ_record record = { .first_seen = INT64_C(9007199254740991),
                              .changed = INT64_C(9007199254740990),
                              .changes =
                                  OCC__CHANGED_METHOD | OCC__CHANGED_KEYS | OCC__CHANGED_CAPABILITY,
                              .has_document = 1,
                              .has_keys = 1,
                              .document = snapshot(1, 2, 1),
                              .keys = snapshot(0, 3, 0) };
  char text[OCC__RECORD_MAX]; /* the longest that there is */
  occ_record got;
  (void)state;

  write_record(text, &record);
  assert_int_equal(occ__record_read(&got, text, INT64_MAX), OCC_OK);
  assert_memory_equal(&got.document, &record.document, sizeof(got.document));
  assert_memory_equal(&got.keys, &record.keys, sizeof(got.keys));
  assert_true(got.first_seen == record.first_seen && got.changed == record.changed);
  assert_int_equal(got.changes, record.changes);
  assert_int_equal(got.has_document + got.has_keys, 2);
}

static void test_record__may_be_anything(void **state)
{
  static const struct {
    const char *why, *text;
    int rc;
    occ_time first_seen, changed;
    unsigned changes;
    int document, keys;
  } row[] = {
    { "empty", "", OCC_ERR_SYNTAX, 0, 0, 0, 0, 0 },
    { "no JSON", "x", OCC_ERR_SYNTAX, 0, 0, 0, 0, 0 },
    { "cut", "{\"first_seen\":1800000000000,\"chan", OCC_ERR_SYNTAX, 0, 0, 0, 0, 0 },
    { "an array", "[1]", OCC_ERR_SYNTAX, 0, 0, 0, 0, 0 },
    { "a name twice", "{\"first_seen\":1,\"first_seen\":2}", OCC_ERR_SYNTAX, 0, 0, 0, 0, 0 },
    { "nothing known", "{}", OCC_OK, 0, 0, 0, 0, 0 },
    { "a host's own", "{\"first_seen\":5,\"note\":[\"a\"]}", OCC_OK, 5, 0, 0, 0, 0 },
    { "a time to come", "{\"first_seen\":1800000000001,\"changed\":9007199254740991}", OCC_OK, T0,
      T0, 0, 0, 0 },
    { "no times", "{\"first_seen\":-1,\"changed\":\"1\"}", OCC_OK, 0, 0, 0, 0, 0 },
    { "other times", "{\"first_seen\":1.5,\"changed\":null}", OCC_OK, 0, 0, 0, 0, 0 },
    { "unknown changes", "{\"changes\":[\"method\",7,\"logo\"]}", OCC_OK, 0, 0, OCC__CHANGED_METHOD,
      0, 0 },
    { "no list of changes", "{\"changes\":\"method\"}", OCC_OK, 0, 0, 0, 0, 0 },
    { "keys", "{\"keys\":\"" OCTETS "\"}", OCC_OK, 0, 0, 0, 0, 1 },
    { "keys too short", "{\"keys\":\"AAAA\"}", OCC_OK, 0, 0, 0, 0, 0 },
    { "keys of another kind", "{\"keys\":[\"" OCTETS "\"]}", OCC_OK, 0, 0, 0, 0, 0 },
    { "a document too short", "{\"document\":\"" OCTETS "\"}", OCC_OK, 0, 0, 0, 0, 0 },
    { "no octets", "{\"keys\":\"!!!!" OCTETS "\"}", OCC_OK, 0, 0, 0, 0, 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_record got;

    print_message("  %s\n", row[i].why);
    memset(&got, 0x55, sizeof(got));
    assert_int_equal(occ__record_read(&got, row[i].text, T0), row[i].rc);
    assert_true(got.first_seen == row[i].first_seen && got.changed == row[i].changed);
    assert_int_equal(got.changes, row[i].changes);
    assert_int_equal(got.has_document, row[i].document);
    assert_int_equal(got.has_keys, row[i].keys);
  }
}

/* The earliest that it was seen, the latest that it changed, all that did; and what it was is what the record says, for
 * another node may have seen it since. */
static void test_record_join__what_each_knows(void **state)
{
  occ_record record = { .first_seen = T0 - 10,
                        .changed = T0 - 5,
                        .changes = OCC__CHANGED_METHOD,
                        .has_document = 1,
                        .document = snapshot(1, 2, 1) };
  occ_history h = { .seen = 0 };
  (void)state;

  occ__record_join(&h, &record, 0); /* nothing is known here */
  note(&h, snapshot(1, 2, 1), T0);
  assert_true(h.first_seen == T0 - 10 && h.changed == T0 - 5);
  note(&h, snapshot(1, 3, 1), T0 + 1);
  assert_true(h.changed == T0 + 1);
  assert_int_equal(h.changes, OCC__CHANGED_METHOD | OCC__CHANGED_KEYS);

  record.document = snapshot(1, 3, 0); /* the other has seen another change */
  record.changed = T0 + 2;
  occ__record_join(&h, &record, 0);
  note(&h, snapshot(1, 3, 0), T0 + 3);
  assert_true(h.changed == T0 + 2);
  record.has_document = 0; /* of the document it says nothing */
  record.first_seen = 0;
  record.changed = T0 - 5;
  occ__record_join(&h, &record, 0);
  note(&h, snapshot(1, 3, 0), T0 + 4);
  assert_true(h.first_seen == T0 - 10 && h.changed == T0 + 2);

  record = (occ_record){ .first_seen = T0 + 9 };
  occ__record_take(&record, &h, 0);
  assert_true(record.first_seen == T0 - 10 && record.changed == T0 + 2);
  assert_int_equal(record.has_document, 1);
  assert_int_equal(record.has_keys, 0);
  occ__record_take(&record, &h, 1);
  assert_int_equal(record.has_keys, 1);
}

static void test_record__survives_every_failed_allocation(void **state)
{
  const occ_record record = { .first_seen = T0, .has_keys = 1 };
  int failed = 1;
  (void)state;

  for (size_t n = 0; failed; n++) {
    fail_mem fm;
    occ_buf buf;

    assert_true(n < 20);
    fail_mem_init(&fm, n, false);
    occ__buf_init(&buf, &fm.mem, OCC__RECORD_MAX - 1);
    occ__record_write(&buf, &record);
    failed = fm.failed;
    assert_int_equal(buf.rc, failed ? OCC_ERR_MEMORY : OCC_OK);
    occ__buf_clear(&buf);
    assert_int_equal(fm.live, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_note__changes_add_up),
    cmocka_unit_test(test_record__is_read_as_it_was_written),
    cmocka_unit_test(test_record__may_be_anything),
    cmocka_unit_test(test_record_join__what_each_knows),
    cmocka_unit_test(test_record__survives_every_failed_allocation),
  };
  return cmocka_run_group_tests_name("cimd/history", tests, NULL, NULL);
}
