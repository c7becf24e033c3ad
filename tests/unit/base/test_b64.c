/* SPDX-License-Identifier: MIT */

/* base64url: vectors of RFC 4648 section 10, every octet and character, and every way to spell a
 * value twice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/b64.h"
#include "occ/base.h"

static void test_b64__known_values(void **state)
{
  static const struct {
    const char *octets, *url, *std;
    size_t len;
  } row[] = {
    { "", "", "", 0 },
    { "f", "Zg", "Zg==", 1 },
    { "fo", "Zm8", "Zm8=", 2 },
    { "foo", "Zm9v", "Zm9v", 3 },
    { "foob", "Zm9vYg", "Zm9vYg==", 4 },
    { "fooba", "Zm9vYmE", "Zm9vYmE=", 5 },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy", 6 },
    { "\x03\xec\xff\xe0\xc1", "A-z_4ME", "A+z/4ME=", 5 }, /* RFC 7515 appendix C */
    { "\xff\xff\xff", "____", "////", 3 },
    { "\xfb\xef\xbe", "----", "++++", 3 },
  };
  char text[16];
  uint8_t out[16];
  size_t len;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    assert_int_equal(occ__b64_encode(text, row[i].octets, row[i].len), strlen(row[i].url));
    assert_string_equal(text, row[i].url);
    assert_int_equal(OCC__B64_LEN(row[i].len), strlen(row[i].url));
    assert_int_equal(occ__b64_decode(out, sizeof(out), &len, occ__span_text(row[i].url)), OCC_OK);
    assert_int_equal(len, row[i].len);
    assert_memory_equal(out, row[i].octets, len);
    assert_int_equal(occ__b64_decode_padded(out, sizeof(out), &len, occ__span_text(row[i].std)),
                     OCC_OK);
    assert_int_equal(len, row[i].len);
    assert_memory_equal(out, row[i].octets, len);
    assert_int_equal(occ__b64_decode_exact(out, row[i].len, occ__span_text(row[i].url)), OCC_OK);
  }
}

static void test_b64_decode__refuses(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "N-JOSE-02 padding", "Zg==" },
    { "N-JOSE-02 padding, one", "Zm8=" },
    { "padding alone", "=" },
    { "N-JOSE-02 plus", "A+z_4ME" },
    { "N-JOSE-02 slash", "A-z/4ME" },
    { "N-JOSE-02 length 1", "Z" },
    { "N-JOSE-02 length 4k+1", "Zm9vY" },
    { "N-JOSE-02 trailing bits, one octet", "Zh" },
    { "trailing bits, one octet, the highest", "Zo" },
    { "N-JOSE-02 trailing bits, two octets", "Zm9" },
    { "trailing bits after a whole group", "Zm9vYh" },
    { "N-JOSE-02 %2E", "Zm9v%2E0" },
    { "space before", " Zm9" },
    { "space after", "Zm9vYm8 " },
    { "line feed", "Zm\n9" },
    { "dot", "Zm9." },
    { "octet above 0x7f", "Zm9\xff" },
    { "bad character in the first place", "*m9v" },
    { "bad character in the second place", "Z*9v" },
    { "bad character in the third place", "Zm*v" },
    { "bad character in the rest, first", "Zm9v*g" },
    { "bad character in the rest, second", "Zm9vY*" },
    { "bad character in the rest, third", "Zm9vYm*" },
    { "bad first group, good last", "Z!9vZm9v" },
  };
  uint8_t out[16];
  size_t len = 99;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__b64_decode(out, sizeof(out), &len, occ__span_text(row[i].text)),
                     OCC_ERR_SYNTAX);
    assert_int_equal(len, 99);
  }
  print_message("  N-JOSE-02 embedded NUL\n");
  assert_int_equal(occ__b64_decode(out, sizeof(out), &len, occ__span("Zm\0v", 4)), OCC_ERR_SYNTAX);
}

static void test_b64_decode_padded__refuses(void **state)
{
  static const struct {
    const char *why, *text;
  } row[] = {
    { "no padding where due", "Zg" },
    { "too little padding", "Zg=" },
    { "too much padding", "Zm8==" },
    { "padding after whole groups", "Zm9v====" },
    { "padding alone", "====" },
    { "three of them", "Z===" },
    { "padding within", "Zg==Zg==" },
    { "url alphabet, minus", "A-z/4ME=" },
    { "url alphabet, underscore", "A+z_4ME=" },
    { "trailing bits", "Zh==" },
    { "trailing bits, two octets", "Zm9=" },
    { "line feed, as PEM has it", "Zm9v\nZm9" },
  };
  uint8_t out[16];
  size_t len = 99;
  (void)state;

  for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(occ__b64_decode_padded(out, sizeof(out), &len, occ__span_text(row[i].text)),
                     OCC_ERR_SYNTAX);
    assert_int_equal(len, 99);
  }
}

/* Each octet stands for one value or for none, in each place of a group; the alphabet is written
 * out here again. */
static void test_b64_decode__knows_each_octet(void **state)
{
  static const char *const alphabet[] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  };
  static const unsigned shift[] = { 18, 12, 6, 0 };
  uint8_t text[4], out[3];
  size_t len;
  (void)state;

  for (size_t std = 0; std <= 1; std++) {
    for (unsigned c = 0; c < 256; c++) {
      const char *at = c == 0 ? NULL : strchr(alphabet[std], (int)c);

      for (size_t place = 0; place < 4; place++) {
        int rc;

        memset(text, 'A', sizeof(text));
        text[place] = (uint8_t)c;
        if (std && place == 3 && c == '=') {
          continue; /* that is padding */
        }
        rc = std ? occ__b64_decode_padded(out, 3, &len, occ__span(text, 4))
                 : occ__b64_decode(out, 3, &len, occ__span(text, 4));
        assert_int_equal(rc, at == NULL ? OCC_ERR_SYNTAX : OCC_OK);
        if (at != NULL) {
          assert_int_equal(out[0] << 16 | out[1] << 8 | out[2], (unsigned)(at - alphabet[std])
                                                                    << shift[place]);
        }
      }
    }
  }
}

static void test_b64_decode__keeps_to_its_room(void **state)
{
  static const char text[] = "AAAAAAAAAA"; /* 10 characters, of which some are used */
  uint8_t out[8];
  size_t len;
  (void)state;

  for (size_t n = 0; n <= 10; n++) {
    size_t octets = n / 4 * 3 + (n % 4 == 0 ? 0 : n % 4 - 1);

    if (n % 4 == 1) {
      continue;
    }
    for (size_t cap = 0; cap <= 7; cap++) {
      memset(out, 0xee, sizeof(out));
      assert_int_equal(occ__b64_decode(out, cap, &len, occ__span(text, n)),
                       octets > cap ? OCC_ERR_LIMIT : OCC_OK);
      assert_int_equal(out[cap], 0xee);
      assert_int_equal(occ__b64_decode_exact(out, cap, occ__span(text, n)),
                       octets == cap ? OCC_OK : OCC_ERR_SYNTAX);
      assert_int_equal(out[cap], 0xee);
    }
  }
  assert_int_equal(occ__b64_decode(NULL, 0, &len, occ__span(NULL, 0)), OCC_OK);
  assert_int_equal(len, 0);
  assert_int_equal(occ__b64_decode_padded(NULL, 0, &len, occ__span(NULL, 0)), OCC_OK);
  assert_int_equal(occ__b64_decode_exact(NULL, 0, occ__span(NULL, 0)), OCC_OK);
  assert_int_equal(occ__b64_decode_exact(NULL, SIZE_MAX, occ__span(text, 2)), OCC_ERR_SYNTAX);
}

static void test_b64__comes_back(void **state)
{
  uint8_t in[70], out[70];
  char text[OCC__B64_LEN(70) + 1];
  size_t len;
  (void)state;

  for (size_t i = 0; i < sizeof(in); i++) {
    in[i] = (uint8_t)(i * 151 + 17);
  }
  for (size_t n = 0; n <= sizeof(in); n++) {
    memset(text, '!', sizeof(text));
    assert_int_equal(occ__b64_encode(text, in, n), OCC__B64_LEN(n));
    assert_int_equal(text[OCC__B64_LEN(n)], '\0');
    assert_int_equal(occ__b64_decode(out, n, &len, occ__span_text(text)), OCC_OK);
    assert_int_equal(len, n);
    assert_memory_equal(out, in, n);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_b64__known_values),
    cmocka_unit_test(test_b64_decode__refuses),
    cmocka_unit_test(test_b64_decode_padded__refuses),
    cmocka_unit_test(test_b64_decode__knows_each_octet),
    cmocka_unit_test(test_b64_decode__keeps_to_its_room),
    cmocka_unit_test(test_b64__comes_back),
  };

  return cmocka_run_group_tests_name("base/b64", tests, NULL, NULL);
}
