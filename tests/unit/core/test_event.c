/* SPDX-License-Identifier: MIT */

/* Names of events, and events as lines of JSON. */

#include "occ/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/status.h"
#include "core/lib.h"

static void test_event_name__is_there_and_unique(void **state)
{
  (void)state;

  for (int i = OCC__EVENT_NONE; i < OCC__EVENTS; i++) {
    const char *name = occ_event_name(i);

    assert_non_null(name);
    assert_true(name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
    for (int k = OCC__EVENT_NONE; k < i; k++) {
      assert_string_not_equal(name, occ_event_name(k));
    }
  }
  assert_string_equal(occ_event_name(OCC__EVENT_NONE), "none");
  assert_string_equal(occ_event_name(OCC__EVENT_OPTION_WEAKENED), "option_weakened");
  assert_string_equal(occ_event_name(OCC__EVENTS - 1), "receipt_ignored");
}

static void test_event_name__ends(void **state)
{
  (void)state;

  assert_null(occ_event_name(-1));
  assert_null(occ_event_name(OCC__EVENTS));
  assert_null(occ_event_name(1000000));
}

/* The line in an exact block of cap octets. */
static size_t line(const occ_event *event, size_t cap, char **out)
{
  *out = malloc(cap == 0 ? 1 : cap);
  assert_non_null(*out);
  memset(*out, '#', cap == 0 ? 1 : cap);
  return occ_event_json(event, *out, cap);
}

static const occ_event full = { .id = OCC__EVENT_REFUSED,
                                .reason = OCC__REASON_POLICY_REFUSED,
                                .time = 1700000000123,
                                .issuer = "https://as.example",
                                .reference = "r1",
                                .chain = "c1",
                                .client = "agent-7",
                                .requirement = "attested",
                                .detail = "dpop" };
static const char full_line[] =
    "{\"event\":\"refused\",\"time\":1700000000123,\"reason\":\"policy_refused\","
    "\"issuer\":\"https://as.example\",\"reference\":\"r1\",\"chain\":\"c1\","
    "\"client\":\"agent-7\",\"requirement\":\"attested\",\"detail\":\"dpop\"}";

static void test_event_json__writes_one_line(void **state)
{
  const occ_event least = { .id = OCC__EVENT_REQUEST };
  char *out = NULL;
  (void)state;

  assert_int_equal(line(&full, sizeof(full_line), &out), strlen(full_line));
  assert_string_equal(out, full_line);
  free(out);
  assert_int_equal(line(&least, 100, &out), 28);
  assert_string_equal(out, "{\"event\":\"request\",\"time\":0}");
  free(out);
}

static void test_event_json__tells_the_length_it_needs(void **state)
{
  const size_t need = strlen(full_line);
  char *out = NULL;
  (void)state;

  assert_int_equal(line(&full, need + 1, &out), need);
  assert_string_equal(out, full_line);
  free(out);
  for (size_t cap = 1; cap <= need; cap++) { /* too small: nothing rather than half */
    assert_int_equal(line(&full, cap, &out), need);
    assert_string_equal(out, "");
    free(out);
  }
  assert_int_equal(line(&full, 0, &out), need);
  assert_int_equal(out[0], '#');
  free(out);
  assert_int_equal(occ_event_json(&full, NULL, 0), need);
  assert_int_equal(occ_event_json(&full, NULL, 100), need);
}

static void test_event_json__stays_json(void **state)
{
  static const struct {
    const char *why, *text, *want;
  } row[] = {
    { "quote", "a\"b", "a\\\"b" },
    { "backslash", "a\\b", "a\\\\b" },
    { "line end", "a\nb", "a\\u000ab" },
    { "escape", "\x1b[0m", "\\u001b[0m" },
    { "DEL", "\x7f", "\\u007f" },
    { "octet that is no UTF-8", "\xff", "\\ufffd" },
    { "empty", "", "" },
  };
  char want[64];
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_event event = { .id = OCC__EVENT_GRANTED, .detail = row[i].text };
    json_t *json;
    char *out = NULL;

    print_message("  %s\n", row[i].why);
    snprintf(want, sizeof(want), "\"detail\":\"%s\"}", row[i].want);
    line(&event, 200, &out);
    assert_non_null(strstr(out, want));
    json = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    json_decref(json);
    free(out);
  }
}

static void test_event_json__writes_every_time(void **state)
{
  static const struct {
    occ_time time;
    const char *want;
  } row[] = { { 0, "\"time\":0}" },
              { 1, "\"time\":1}" },
              { -1, "\"time\":-1}" },
              { INT64_MAX, "\"time\":9223372036854775807}" },
              { INT64_MIN, "\"time\":-9223372036854775808}" } };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_event event = { .id = OCC__EVENT_GRANTED, .time = row[i].time };
    char *out = NULL;

    line(&event, 100, &out);
    assert_non_null(strstr(out, row[i].want));
    free(out);
  }
}

static void test_event_json__survives_nonsense(void **state)
{
  const occ_event event = { .id = OCC__EVENTS, .reason = OCC__REASONS };
  char *out = NULL;
  (void)state;

  line(&event, 100, &out);
  assert_string_equal(out, "{\"event\":\"unknown\",\"time\":0}");
  free(out);
  assert_int_equal(line(NULL, 10, &out), 0);
  assert_string_equal(out, "");
  free(out);
  assert_int_equal(occ_event_json(NULL, NULL, 0), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_event_name__is_there_and_unique),
    cmocka_unit_test(test_event_name__ends),
    cmocka_unit_test(test_event_json__writes_one_line),
    cmocka_unit_test(test_event_json__tells_the_length_it_needs),
    cmocka_unit_test(test_event_json__stays_json),
    cmocka_unit_test(test_event_json__writes_every_time),
    cmocka_unit_test(test_event_json__survives_nonsense),
  };

  return cmocka_run_group_tests_name("core/event", tests, NULL, NULL);
}
