/* SPDX-License-Identifier: MIT */

/* Form bodies: what is refused, what an empty value is, the limits, failed allocations, writing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "wire/form.h"

#include <stdio.h>

#include "base/limits.h"
#include "fail_mem.h"

static occ_arena arena;

static int setup(void **state)
{
  (void)state;
  occ__arena_init(&arena, &occ__mem_libc, OCC__MAX_TXN_MEMORY);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  occ__arena_clear(&arena);
  return 0;
}

/* "name=value;name=value;" of what a form holds. */
static const char *shown(const occ_form *form)
{
  static char text[4096];
  size_t at = 0;

  text[0] = '\0';
  for (size_t i = 0; i < form->count; i++) {
    assert_int_equal(strlen(form->param[i].name), form->param[i].name_len);
    assert_int_equal(form->param[i].value[form->param[i].value_len], '\0');
    at += (size_t)snprintf(text + at, sizeof(text) - at, "%s=%s;", form->param[i].name,
                           form->param[i].value);
  }
  return text;
}

static void test_form_parse__reads(void **state)
{
  static const struct {
    const char *why, *body, *want;
    size_t seen;
  } row[] = {
    { "nothing", "", "", 0 },
    { "one", "a=1", "a=1;", 1 },
    { "order kept", "b=1&a=2&c=3", "b=1;a=2;c=3;", 3 },
    { "plus and escapes", "a=x+y%20z%2B%26%3d", "a=x y z+&=;", 1 },
    { "escapes in a name", "%61+%62=1", "a b=1;", 1 },
    { "RFC 6749 appendix B", "a=+%25%26%2B%C2%A3%E2%82%AC", "a= %&+\xc2\xa3\xe2\x82\xac;", 1 },
    { "equals sign in a value", "a=b=c==", "a=b=c==;", 1 },
    { "O-10 empty value is absent, but counted", "a=&b=1&c", "b=1;", 3 },
    { "nothing between separators", "&a=1&&b=2&", "a=1;b=2;", 2 },
    { "resource may repeat", "resource=x&resource=y", "resource=x;resource=y;", 2 },
    { "audience may repeat", "audience=x&a=1&audience=x", "audience=x;a=1;audience=x;", 3 },
    { "resource, once empty", "resource=&resource=y&resource=", "resource=y;", 3 },
    { "names are compared with case", "a=1&A=2", "a=1;A=2;", 2 },
    { "one name begins the other", "scope=1&scop=2&scopes=3", "scope=1;scop=2;scopes=3;", 3 },
    { "octets that are no UTF-8 are kept", "a=%ff\xfe", "a=\xff\xfe;", 1 },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_form form = { 0 };

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__form_parse(&form, &arena, occ__span_text(row[i].body)), OCC_OK);
    assert_string_equal(shown(&form), row[i].want);
    assert_int_equal(form.seen, row[i].seen);
  }
}

static void test_form_parse__refuses(void **state)
{
  static const struct {
    const char *why, *body;
    int want;
  } row[] = {
    { "O-10 repeated parameter", "grant_type=a&grant_type=b", OCC__REASON_PARAM_REPEATED },
    { "repeated, the same value", "scope=a&scope=a", OCC__REASON_PARAM_REPEATED },
    { "repeated, the second empty", "scope=a&scope=", OCC__REASON_PARAM_REPEATED },
    { "repeated, the first empty", "scope=&scope=a", OCC__REASON_PARAM_REPEATED },
    { "repeated, both empty", "scope=&scope", OCC__REASON_PARAM_REPEATED },
    { "repeated by its decoded name", "scope=a&s%63ope=b", OCC__REASON_PARAM_REPEATED },
    { "repeated with a plus", "a+b=1&a%20b=2", OCC__REASON_PARAM_REPEATED },
    { "Resource is not resource", "Resource=1&Resource=2", OCC__REASON_PARAM_REPEATED },
    { "the session repeated", "challenge_session=x&a=1&challenge_session=x",
      OCC__REASON_PARAM_REPEATED },
    { "cut escape", "a=%2", OCC__REASON_FORM_MALFORMED },
    { "cut escape, nothing", "a=%", OCC__REASON_FORM_MALFORMED },
    { "cut escape before a separator", "a=%2&b=1", OCC__REASON_FORM_MALFORMED },
    { "bad hex digit", "a=%zz", OCC__REASON_FORM_MALFORMED },
    { "bad second digit", "a=%2g", OCC__REASON_FORM_MALFORMED },
    { "hex digit just outside, slash", "a=%/0", OCC__REASON_FORM_MALFORMED },
    { "hex digit just outside, colon", "a=%:0", OCC__REASON_FORM_MALFORMED },
    { "hex digit just outside, at", "a=%@0", OCC__REASON_FORM_MALFORMED },
    { "hex digit just outside, grave", "a=%`0", OCC__REASON_FORM_MALFORMED },
    { "a sign is no digit", "a=%+1", OCC__REASON_FORM_MALFORMED },
    { "cut escape in a name", "%6=1", OCC__REASON_FORM_MALFORMED },
    { "escape over the equals sign", "a%=1", OCC__REASON_FORM_MALFORMED },
    { "empty name", "=1", OCC__REASON_FORM_MALFORMED },
    { "empty name and value", "a=1&=", OCC__REASON_FORM_MALFORMED },
    { "zero octet in a name", "a%00b=1", OCC__REASON_FORM_MALFORMED },
    { "a name of a zero octet", "%00=1", OCC__REASON_FORM_MALFORMED },
    { "zero octet at the end of an empty one", "a%00", OCC__REASON_FORM_MALFORMED },
  };
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    occ_form form = { 0 };

    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__form_parse(&form, &arena, occ__span_text(row[i].body)), row[i].want);
  }
}

static void test_form_parse__keeps_zero_octets_in_values(void **state)
{
  occ_form form = { 0 };
  (void)state;

  assert_int_equal(occ__form_parse(&form, &arena, occ__span("a=x%00y\0z&b=%00", 15)), OCC_OK);
  assert_int_equal(form.count, 2);
  assert_int_equal(form.param[0].value_len, 5);
  assert_memory_equal(form.param[0].value, "x\0y\0z", 6);
  assert_int_equal(form.param[1].value_len, 1); /* one zero octet is not the empty value */
}

static void test_form_parse__does_not_read_past_the_body(void **state)
{
  static const char body[] = "abc=%41%42&d=e";
  (void)state;

  for (size_t len = 0; len < sizeof(body); len++) {
    uint8_t *exact = test_malloc(len == 0 ? 1 : len); /* ASan watches its end */
    occ_form form = { 0 };

    memcpy(exact, body, len);
    (void)occ__form_parse(&form, &arena, occ__span(exact, len));
    assert_true(form.count <= 2);
    test_free(exact);
  }
}

static void test_form_parse__limit_of_octets(void **state)
{
  static char body[OCC__MAX_BODY + 1];
  (void)state;

  memset(body, 'x', sizeof(body));
  body[1] = '=';
  for (size_t len = OCC__MAX_BODY - 1; len <= OCC__MAX_BODY + 1; len++) {
    occ_form form = { 0 };

    if (len > OCC__MAX_BODY) {
      assert_int_equal(occ__form_parse(&form, &arena, occ__span(body, len)),
                       OCC__REASON_FORM_TOO_LARGE);
      assert_null(form.param); /* not looked at */
    } else {
      assert_int_equal(occ__form_parse(&form, &arena, occ__span(body, len)), OCC_OK);
      assert_int_equal(form.param[0].value_len, len - 2);
    }
  }
}

static void test_form_parse__limit_of_parameters(void **state)
{
  static const char *const pattern[] = { "n%zu=1&", "n%zu=&", "resource=%zu&" };
  (void)state;

  for (size_t k = 0; k < sizeof(pattern) / sizeof(pattern[0]); k++) {
    for (size_t n = OCC__MAX_PARAMS - 1; n <= OCC__MAX_PARAMS + 1; n++) {
      char body[4096];
      size_t len = 0;
      occ_form form = { 0 };

      for (size_t i = 0; i < n; i++) {
        char number[24];
        const char *at = strstr(pattern[k], "%zu");

        snprintf(number, sizeof(number), "%zu", i);
        len += (size_t)snprintf(body + len, sizeof(body) - len, "%.*s%s%s", (int)(at - pattern[k]),
                                pattern[k], number, at + 3);
      }
      assert_int_equal(occ__form_parse(&form, &arena, occ__span(body, len)),
                       n <= OCC__MAX_PARAMS ? OCC_OK : OCC__REASON_FORM_TOO_MANY);
      assert_int_equal(form.seen, n <= OCC__MAX_PARAMS ? n : OCC__MAX_PARAMS);
      assert_int_equal(form.count, k == 1 ? 0 : form.seen);
    }
  }
}

static void test_form_parse__arena_is_full(void **state)
{
  occ_arena small;
  occ_form form = { 0 };
  (void)state;

  occ__arena_init(&small, &occ__mem_libc, 100);
  assert_int_equal(occ__form_parse(&form, &small, occ__span_text("a=1")), OCC_ERR_LIMIT);
  occ__arena_clear(&small);

  form = (occ_form){ 0 };
  occ__arena_init(&small, &occ__mem_libc, 16 * sizeof(occ_param) + 3);
  assert_int_equal(occ__form_parse(&form, &small, occ__span_text("a=1")), OCC_ERR_LIMIT);
  occ__arena_clear(&small);
}

static void test_form_parse__names_have_a_limit(void **state)
{
  char body[OCC__MAX_PARAM_NAME + 8];
  (void)state;

  for (size_t len = OCC__MAX_PARAM_NAME - 1; len <= OCC__MAX_PARAM_NAME + 1; len++) {
    occ_form form = { 0 };
    occ_arena room;
    occ__arena_init(&room, &occ__mem_libc, 1u << 20);
    memset(body, 'n', len);
    memcpy(body + len, "=1", 3);
    assert_int_equal(occ__form_parse(&form, &room, occ__span_text(body)),
                     len <= OCC__MAX_PARAM_NAME ? OCC_OK : OCC__REASON_FORM_TOO_LARGE);
    occ__arena_clear(&room);
  }
}

static void test_form_add__has_the_same_rules(void **state)
{
  static char large[OCC__MAX_BODY + 1];
  occ_form form = { 0 };
  (void)state;

  assert_int_equal(occ__form_parse(&form, &arena, occ__span_text("a=1&b=")), OCC_OK);
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("c%+"), occ__span_text("x%20+")),
                   OCC_OK); /* decoded already */
  assert_string_equal(shown(&form), "a=1;c%+=x%20+;");
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("d"), occ__span(NULL, 0)), OCC_OK);
  assert_int_equal(form.seen, 4);
  assert_int_equal(form.count, 2);

  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("a"), occ__span_text("2")),
                   OCC__REASON_PARAM_REPEATED);
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("b"), occ__span_text("2")),
                   OCC__REASON_PARAM_REPEATED);
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("d"), occ__span(NULL, 0)),
                   OCC__REASON_PARAM_REPEATED);
  assert_int_equal(occ__form_parse(&form, &arena, occ__span_text("a=3")),
                   OCC__REASON_PARAM_REPEATED); /* a body after a parameter, too */
  assert_int_equal(occ__form_add(&form, &arena, occ__span(NULL, 0), occ__span_text("2")),
                   OCC__REASON_FORM_MALFORMED);
  assert_int_equal(occ__form_add(&form, &arena, occ__span("e\0", 2), occ__span_text("2")),
                   OCC__REASON_FORM_MALFORMED);
  assert_int_equal(
      occ__form_add(&form, &arena, occ__span_text("e"), occ__span(large, sizeof(large))),
      OCC__REASON_FORM_TOO_LARGE);
  assert_int_equal(occ__form_add(&form, &arena, occ__span(large, sizeof(large)), occ__span("", 0)),
                   OCC__REASON_FORM_TOO_LARGE);
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("resource"), occ__span_text("x")),
                   OCC_OK);
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("resource"), occ__span_text("x")),
                   OCC_OK);
}

static void test_form_add__limits(void **state)
{
  static char value[OCC__MAX_BODY];
  occ_form form;
  (void)state;

  memset(value, 'v', sizeof(value));
  for (size_t len = OCC__MAX_BODY - 2; len <= OCC__MAX_BODY; len++) { /* and one of the name */
    form = (occ_form){ 0 };
    assert_int_equal(occ__form_add(&form, &arena, occ__span_text("a"), occ__span(value, len)),
                     len + 1 <= OCC__MAX_BODY ? OCC_OK : OCC__REASON_FORM_TOO_LARGE);
  }
  form = (occ_form){ 0 };
  assert_int_equal(
      occ__form_add(&form, &arena, occ__span_text("a"), occ__span(value, OCC__MAX_BODY - 3)),
      OCC_OK);
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("b"), occ__span_text("12")),
                   OCC__REASON_FORM_TOO_LARGE); /* together */
  assert_int_equal(occ__form_add(&form, &arena, occ__span_text("b"), occ__span_text("1")), OCC_OK);

  form = (occ_form){ 0 };
  for (size_t i = 0; i <= OCC__MAX_PARAMS; i++) {
    assert_int_equal(occ__form_add(&form, &arena, occ__span_text("audience"), occ__span_text("x")),
                     i < OCC__MAX_PARAMS ? OCC_OK : OCC__REASON_FORM_TOO_MANY);
  }
}

static void test_form_find__counts_through_a_name(void **state)
{
  occ_form form = { 0 };
  (void)state;

  assert_null(occ__form_find(&form, "a", 0)); /* of a form that nothing was put in */
  assert_int_equal(
      occ__form_parse(&form, &arena, occ__span_text("resource=x&a=1&resource=y&empty=")), OCC_OK);
  assert_string_equal(occ__form_find(&form, "resource", 0)->value, "x");
  assert_string_equal(occ__form_find(&form, "resource", 1)->value, "y");
  assert_null(occ__form_find(&form, "resource", 2));
  assert_string_equal(occ__form_find(&form, "a", 0)->value, "1");
  assert_null(occ__form_find(&form, "a", 1));
  assert_null(occ__form_find(&form, "empty", 0));
  assert_null(occ__form_find(&form, "", 0));
  assert_null(occ__form_find(&form, "resourc", 0));
}

static void test_form_put__writes_what_parse_reads(void **state)
{
  static const char all[] = "AZaz09-._~* !\"%&'()+,/:;<=>?@[]\r\n\x01\x7f\x80\xff";
  occ_buf out;
  occ_form form = { 0 };
  (void)state;

  occ__buf_init(&out, &occ__mem_libc, 1000);
  assert_int_equal(occ__form_put(&out, "a b", occ__span_text(" %&+\xc2\xa3\xe2\x82\xac")), OCC_OK);
  assert_string_equal(occ__buf_string(&out), "a+b=+%25%26%2B%C2%A3%E2%82%AC"); /* RFC 6749 B */
  occ__buf_reset(&out);

  occ__form_put(&out, "all", occ__span(all, sizeof(all))); /* its NUL as well */
  occ__form_put(&out, "empty", occ__span(NULL, 0));
  assert_int_equal(occ__form_put(&out, "=&", occ__span_text("x")), OCC_OK);
  assert_int_equal(strspn(occ__buf_string(&out),
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._+%&="),
                   out.len);
  assert_int_equal(occ__form_parse(&form, &arena, occ__span(out.base, out.len)), OCC_OK);
  assert_int_equal(form.seen, 3);
  assert_int_equal(form.count, 2);
  assert_int_equal(form.param[0].value_len, sizeof(all));
  assert_memory_equal(form.param[0].value, all, sizeof(all));
  assert_string_equal(form.param[1].name, "=&");
  occ__buf_clear(&out);

  occ__buf_init(&out, &occ__mem_libc, 5);
  assert_int_equal(occ__form_put(&out, "name", occ__span_text("x")), OCC_ERR_LIMIT);
  occ__buf_clear(&out);
}

static void test_form_parse__survives_every_failed_allocation(void **state)
{
  fail_mem fm;
  occ_arena own;
  (void)state;

  for (int keep = 0; keep <= 1; keep++) {
    fm.failed = true;
    for (size_t n = 0; fm.failed; n++) {
      occ_form form = { 0 };
      int rc;

      assert_true(n < 100);
      fail_mem_init(&fm, n, keep != 0);
      occ__arena_init(&own, &fm.mem, OCC__MAX_TXN_MEMORY);
      rc = occ__form_parse(&form, &own, occ__span_text("a=1&b=2&resource=x&resource=y"));
      for (char name[] = "d0"; rc == OCC_OK && name[1] <= '9'; name[1]++) {
        static const char value[2000] = { 'x' };

        rc = occ__form_add(&form, &own, occ__span_text(name), occ__span(value, sizeof(value)));
      }
      assert_int_equal(rc, fm.failed ? OCC_ERR_MEMORY : OCC_OK);
      occ__arena_clear(&own);
      assert_int_equal(fm.live, 0);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_form_parse__reads, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_parse__refuses, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_parse__keeps_zero_octets_in_values, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_parse__does_not_read_past_the_body, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_parse__limit_of_octets, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_parse__limit_of_parameters, setup, teardown),
    cmocka_unit_test(test_form_parse__arena_is_full),
    cmocka_unit_test(test_form_parse__names_have_a_limit),
    cmocka_unit_test_setup_teardown(test_form_add__has_the_same_rules, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_add__limits, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_find__counts_through_a_name, setup, teardown),
    cmocka_unit_test_setup_teardown(test_form_put__writes_what_parse_reads, setup, teardown),
    cmocka_unit_test(test_form_parse__survives_every_failed_allocation),
  };

  return cmocka_run_group_tests_name("wire/form", tests, NULL, NULL);
}
