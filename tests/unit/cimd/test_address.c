/* SPDX-License-Identifier: MIT */

/* Addresses: every row of both tables at its edges, embedded IPv4, the host's lists. Case ids: cases B. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>

#include "cimd/address.h"
#include "occ/base.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define GOOD    OCC__ADDRESS_GOOD
#define SPECIAL OCC__ADDRESS_SPECIAL
#define DENIED  OCC__ADDRESS_DENIED

static const occ_address_rules none;

/* text: IPv4 or IPv6. */
static socklen_t address_of(struct sockaddr_storage *out, const char *text)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(443) };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };

  memset(out, 0, sizeof(*out));
  if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
    memcpy(out, &in, sizeof(in));
    return sizeof(in);
  }
  assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
  memcpy(out, &in6, sizeof(in6));
  return sizeof(in6);
}

static occ_address judge(const char *text, const occ_address_rules *rules)
{
  struct sockaddr_storage address;
  socklen_t len = address_of(&address, text);

  return occ__address_judge((const struct sockaddr *)&address, len, rules);
}

static void block(occ_address_block *list, size_t *count, const char *text)
{
  assert_int_equal(occ__address_block_read(&list[(*count)++], occ__span_text(text)), OCC_OK);
}

/* B01: before, first, last, after; the neighbours are good unless another row has them. */
static void test_judge__every_row_at_its_edges(void **state)
{
  static const struct {
    const char *why, *before;
    occ_address before_is;
    const char *first, *last, *after;
    occ_address after_is;
  } row[] = {
    { "0.0.0.0/8 (B10)", NULL, GOOD, "0.0.0.0", "0.255.255.255", "1.0.0.0", GOOD },
    { "10.0.0.0/8", "9.255.255.255", GOOD, "10.0.0.0", "10.255.255.255", "11.0.0.0", GOOD },
    { "100.64.0.0/10", "100.63.255.255", GOOD, "100.64.0.0", "100.127.255.255", "100.128.0.0",
      GOOD },
    { "127.0.0.0/8", "126.255.255.255", GOOD, "127.0.0.0", "127.255.255.255", "128.0.0.0", GOOD },
    { "169.254.0.0/16", "169.253.255.255", GOOD, "169.254.0.0", "169.254.255.255", "169.255.0.0",
      GOOD },
    { "172.16.0.0/12", "172.15.255.255", GOOD, "172.16.0.0", "172.31.255.255", "172.32.0.0", GOOD },
    { "192.0.0.0/24", "191.255.255.255", GOOD, "192.0.0.0", "192.0.0.255", "192.0.1.0", GOOD },
    { "192.0.2.0/24", "192.0.1.255", GOOD, "192.0.2.0", "192.0.2.255", "192.0.3.0", GOOD },
    { "192.31.196.0/24", "192.31.195.255", GOOD, "192.31.196.0", "192.31.196.255", "192.31.197.0",
      GOOD },
    { "192.52.193.0/24", "192.52.192.255", GOOD, "192.52.193.0", "192.52.193.255", "192.52.194.0",
      GOOD },
    { "192.88.99.0/24", "192.88.98.255", GOOD, "192.88.99.0", "192.88.99.255", "192.88.100.0",
      GOOD },
    { "192.168.0.0/16", "192.167.255.255", GOOD, "192.168.0.0", "192.168.255.255", "192.169.0.0",
      GOOD },
    { "192.175.48.0/24", "192.175.47.255", GOOD, "192.175.48.0", "192.175.48.255", "192.175.49.0",
      GOOD },
    { "198.18.0.0/15", "198.17.255.255", GOOD, "198.18.0.0", "198.19.255.255", "198.20.0.0", GOOD },
    { "198.51.100.0/24", "198.51.99.255", GOOD, "198.51.100.0", "198.51.100.255", "198.51.101.0",
      GOOD },
    { "203.0.113.0/24", "203.0.112.255", GOOD, "203.0.113.0", "203.0.113.255", "203.0.114.0",
      GOOD },
    { "224.0.0.0/4 (B11)", "223.255.255.255", GOOD, "224.0.0.0", "239.255.255.255", "240.0.0.0",
      SPECIAL },
    { "240.0.0.0/4", "239.255.255.255", SPECIAL, "240.0.0.0", "255.255.255.255", NULL, GOOD },
    { "168.63.129.16/32", "168.63.129.15", GOOD, "168.63.129.16", "168.63.129.16", "168.63.129.17",
      GOOD },
    { "::/128 and ::1/128 (B04, B10)", NULL, GOOD, "::", "::1", "::2", SPECIAL },
    { "::/96", NULL, GOOD, "::2", "::ffff:ffff", "::1:0:0", SPECIAL },
    { "::ffff:0:0/96", "::fffe:ffff:ffff", SPECIAL, "::ffff:0:0", "::ffff:ffff:ffff", "::1:0:0:0",
      SPECIAL },
    { "::ffff:0:0:0/96", "::fffe:ffff:ffff:ffff", SPECIAL, "::ffff:0:0:0", "::ffff:0:ffff:ffff",
      "::ffff:1:0:0", SPECIAL },
    { "64:ff9b::/96", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "64:ff9b::", "64:ff9b::ffff:ffff", "64:ff9b::1:0:0", SPECIAL },
    { "64:ff9b:1::/48", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::", SPECIAL },
    { "100::/64", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::", SPECIAL },
    { "100:0:0:1::/64", "100::ffff:ffff:ffff:ffff", SPECIAL,
      "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "100:0:0:2::", SPECIAL },
    { "2001::/23", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GOOD,
      "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::", GOOD },
    { "2001:db8::/32", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", GOOD,
      "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", GOOD },
    { "2002::/16", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GOOD,
      "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::", GOOD },
    { "2620:4f:8000::/48", "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", GOOD,
      "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::", GOOD },
    { "3fff::/20", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GOOD,
      "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", GOOD },
    { "all but 2000::/3, below", NULL, GOOD, "1fff::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "2000::", GOOD },
    { "all but 2000::/3, above", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GOOD,
      "4000::", "4000::1", NULL, GOOD },
    { "5f00::/16", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::", SPECIAL },
    { "fc00::/7 (B04)", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", SPECIAL },
    { "fe80::/10 (B04)", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", SPECIAL },
    { "fec0::/10", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", SPECIAL },
    { "ff00::/8 (B11)", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SPECIAL,
      "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, GOOD },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s\n", row[i].why);
    assert_int_equal(judge(row[i].first, &none), SPECIAL);
    assert_int_equal(judge(row[i].last, &none), SPECIAL);
    if (row[i].before != NULL) {
      assert_int_equal(judge(row[i].before, &none), row[i].before_is);
    }
    if (row[i].after != NULL) {
      assert_int_equal(judge(row[i].after, &none), row[i].after_is);
    }
  }
}

static void test_judge__single_addresses(void **state)
{
  static const struct {
    const char *why, *address;
    occ_address want;
  } row[] = {
    { "a server", "93.184.215.14", GOOD },
    { "a server", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", GOOD },
    { "B02 loopback", "127.0.0.1", SPECIAL },
    { "B03 private", "10.0.0.5", SPECIAL },
    { "B03 private", "192.168.1.1", SPECIAL },
    { "B03 private", "172.31.255.255", SPECIAL },
    { "B03 shared", "100.64.0.1", SPECIAL },
    { "B03 metadata of clouds", "169.254.169.254", SPECIAL },
    { "metadata of one cloud", "100.100.100.200", SPECIAL },
    { "metadata of another", "192.0.0.192", SPECIAL },
    { "B04 loopback", "::1", SPECIAL },
    { "B04 unique local, metadata", "fd00:ec2::254", SPECIAL },
    { "B04 link local", "fe80::1", SPECIAL },
    { "B05 mapped loopback", "::ffff:127.0.0.1", SPECIAL },
    { "B05 mapped public", "::ffff:93.184.215.14", SPECIAL },
    { "B06 6to4 of loopback", "2002:7f00:1::1", SPECIAL },
    { "B06 6to4 of a public address", "2002:5db8:d70e::1", SPECIAL },
    { "B06 Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", SPECIAL },
    { "B06 ORCHIDv2", "2001:20::1", SPECIAL },
    { "B10 this host", "0.0.0.0", SPECIAL },
    { "B10 unspecified", "::", SPECIAL },
    { "B11 broadcast", "255.255.255.255", SPECIAL },
    { "B11 multicast", "ff02::1", SPECIAL },
    { "NAT64 of loopback", "64:ff9b::7f00:1", SPECIAL },
    { "NAT64 of a public address, not configured", "64:ff9b::5db8:d70e", SPECIAL },
    { "compatible", "::127.0.0.1", SPECIAL },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    print_message("  %s: %s\n", row[i].why, row[i].address);
    assert_int_equal(judge(row[i].address, &none), row[i].want);
  }
}

static void test_judge__lists_of_the_host(void **state)
{
  occ_address_rules rules = { .denies = 0 };
  (void)state;

  block(rules.deny, &rules.denies, "93.184.215.0/24");
  block(rules.deny, &rules.denies, "2606:2800::/32");
  block(rules.deny, &rules.denies, "127.0.0.3/32");
  block(rules.allow, &rules.allows, "127.0.0.2/31");
  block(rules.allow, &rules.allows, "::1/128");
  assert_int_equal(judge("93.184.215.14", &rules), DENIED); /* B14 */
  assert_int_equal(judge("93.184.216.14", &rules), GOOD);
  assert_int_equal(judge("2606:2800:21f::1", &rules), DENIED);
  assert_int_equal(judge("2606:2801::1", &rules), GOOD);
  assert_int_equal(judge("127.0.0.2", &rules), GOOD);
  assert_int_equal(judge("127.0.0.3", &rules), DENIED); /* what is denied is denied */
  assert_int_equal(judge("127.0.0.1", &rules), SPECIAL);
  assert_int_equal(judge("::1", &rules), GOOD);
  assert_int_equal(judge("::2", &rules), SPECIAL);
  assert_int_equal(judge("::ffff:127.0.0.2", &rules),
                   SPECIAL); /* even though 127.0.0.2 is allowed */
}

/* spec: RFC 6052 section 2.4: 192.0.2.33 in each form; here with a public and a private address. */
static void test_judge__nat64_by_option(void **state)
{
  static const struct {
    const char *why, *prefix, *address;
    occ_address want;
  } row[] = {
    { "/32, public", "2001:4db8::/32", "2001:4db8:5db8:d70e::", GOOD },
    { "/32, private", "2001:4db8::/32", "2001:4db8:a00:5::", SPECIAL },
    { "/40, public", "2001:4db8:100::/40", "2001:4db8:15d:b8d7:e::", GOOD },
    { "/40, private", "2001:4db8:100::/40", "2001:4db8:10a:0:5::", SPECIAL },
    { "/48, public", "2001:4db8:122::/48", "2001:4db8:122:5db8:d7:e00::", GOOD },
    { "/48, private", "2001:4db8:122::/48", "2001:4db8:122:a00:0:500::", SPECIAL },
    { "/56, public", "2001:4db8:122:300::/56", "2001:4db8:122:35d:b8:d70e::", GOOD },
    { "/56, private", "2001:4db8:122:300::/56", "2001:4db8:122:30a:0:5::", SPECIAL },
    { "/64, public", "2001:4db8:122:344::/64", "2001:4db8:122:344:5d:b8d7:e00:0", GOOD },
    { "/64, private", "2001:4db8:122:344::/64", "2001:4db8:122:344:a:0:500:0", SPECIAL },
    { "/96, public", "64:ff9b::/96", "64:ff9b::5db8:d70e", GOOD },
    { "/96, private", "64:ff9b::/96", "64:ff9b::a00:5", SPECIAL },
    { "/96, loopback", "64:ff9b::/96", "64:ff9b::7f00:1", SPECIAL },
    { "/64, octet 8 is not zero", "2001:4db8:122:344::/64", "2001:4db8:122:344:15d:b8d7:e00:0",
      SPECIAL },
  };
  occ_address_rules well_known = { .denies = 0 };
  (void)state;

  block(well_known.nat64, &well_known.nat64s, "64:ff9b::/96");
  assert_int_equal(judge("64:ff9b::1:5db8:d70e", &well_known), SPECIAL); /* one above */
  for (size_t i = 0; i < ROWS(row); i++) {
    occ_address_rules rules = { .denies = 0 };

    print_message("  %s\n", row[i].why);
    block(rules.nat64, &rules.nat64s, row[i].prefix);
    assert_true(occ__address_block_is_nat64(&rules.nat64[0]));
    assert_int_equal(judge(row[i].address, &rules), row[i].want);
    block(rules.deny, &rules.denies, row[i].prefix);
    assert_int_equal(judge(row[i].address, &rules), DENIED);
  }
}

static void test_judge__what_is_no_address(void **state)
{
  struct sockaddr_un local = { .sun_family = AF_UNIX };
  struct sockaddr_storage address;
  struct sockaddr_in6 in6;
  socklen_t len = address_of(&address, "93.184.215.14");
  uint8_t *exact = malloc(sizeof(struct sockaddr_in6) - 1);
  (void)state;

  assert_non_null(exact);
  assert_int_equal(occ__address_judge((const struct sockaddr *)&local, sizeof(local), &none),
                   OCC__ADDRESS_NONE);
  assert_int_equal(occ__address_judge(NULL, 16, &none), OCC__ADDRESS_NONE);
  assert_int_equal(occ__address_judge((const struct sockaddr *)&address, 0, &none),
                   OCC__ADDRESS_NONE);
  assert_int_equal(occ__address_judge((const struct sockaddr *)&address, len - 1, &none),
                   OCC__ADDRESS_NONE);
  assert_int_equal(occ__address_judge((const struct sockaddr *)&address, len, &none), GOOD);
  (void)address_of(&address, "2606:2800::1");
  memcpy(exact, &address, sizeof(in6) - 1);
  assert_int_equal(
      occ__address_judge((const struct sockaddr *)(void *)exact, sizeof(in6) - 1, &none),
      OCC__ADDRESS_NONE);
  memcpy(&in6, &address, sizeof(in6));
  in6.sin6_scope_id = 1;
  assert_int_equal(occ__address_judge((const struct sockaddr *)&in6, sizeof(in6), &none), SPECIAL);
  address.ss_family = AF_UNSPEC;
  assert_int_equal(occ__address_judge((const struct sockaddr *)&address, sizeof(in6), &none),
                   OCC__ADDRESS_NONE);
  free(exact);
}

static void test_block_read__texts(void **state)
{
  static const struct {
    const char *why, *text, *first; /* NULL: refused */
    unsigned len;
  } row[] = {
    { "IPv4", "10.0.0.0/8", "::ffff:10.0.0.0", 104 },
    { "one address", "127.0.0.2/32", "::ffff:127.0.0.2", 128 },
    { "everything", "0.0.0.0/0", "::ffff:0.0.0.0", 96 },
    { "IPv6", "2001:db8::/32", "2001:db8::", 32 },
    { "everything", "::/0", "::", 0 },
    { "one address", "::1/128", "::1", 128 },
    { "zeros in between", "2001:DB8::1:0/112", "2001:db8::1:0", 112 },
    { "no zeros left out", "1:2:3:4:5:6:7:8/128", "1:2:3:4:5:6:7:8", 128 },
    { "no length", "10.0.0.0", NULL, 0 },
    { "length 33", "10.0.0.0/33", NULL, 0 },
    { "length 129", "::/129", NULL, 0 },
    { "an octet behind the prefix", "10.0.0.1/8", NULL, 0 },
    { "a bit behind the prefix", "10.128.0.0/8", NULL, 0 },
    { "three parts", "10.0.0/8", NULL, 0 },
    { "256", "256.0.0.0/8", NULL, 0 },
    { "leading zero", "010.0.0.0/8", NULL, 0 },
    { "two gaps", "1::2::3/128", NULL, 0 },
    { "three colons", "1:::2/128", NULL, 0 },
    { "a colon at the beginning", ":1::/16", NULL, 0 },
    { "a colon at the end", "1:2:3:4:5:6:7:/112", NULL, 0 },
    { "seven groups", "1:2:3:4:5:6:7/128", NULL, 0 },
    { "nine groups", "1:2:3:4:5:6:7:8:9/128", NULL, 0 },
    { "eight groups and a gap", "1:2:3:4::5:6:7:8/128", NULL, 0 },
    { "five digits", "12345::/16", NULL, 0 },
    { "no hex", "g::/16", NULL, 0 },
    { "text behind", "10.0.0.0/8 ", NULL, 0 },
    { "leading zero of the length", "10.0.0.0/08", NULL, 0 },
    { "no number", "10.0.0.0/", NULL, 0 },
    { "a zone", "fe80::%1/10", NULL, 0 },
    { "nothing", "", NULL, 0 },
  };
  (void)state;

  for (size_t i = 0; i < ROWS(row); i++) {
    occ_address_block out;
    uint8_t octet[16];
    int rc = occ__address_block_read(&out, occ__span_text(row[i].text));

    print_message("  %s: %s\n", row[i].why, row[i].text);
    assert_int_equal(rc, row[i].first == NULL ? OCC_ERR_SYNTAX : OCC_OK);
    if (row[i].first != NULL) {
      assert_int_equal(inet_pton(AF_INET6, row[i].first, octet), 1);
      assert_memory_equal(out.octet, octet, 16);
      assert_int_equal(out.len, row[i].len);
    }
  }
}

static void test_block_is_nat64__lengths(void **state)
{
  (void)state;

  for (unsigned len = 0; len <= 128; len++) {
    const occ_address_block one = { .len = len };
    const int want = (len >= 32 && len <= 64 && len % 8 == 0) || len == 96;

    assert_int_equal(occ__address_block_is_nat64(&one), want);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_judge__every_row_at_its_edges),
    cmocka_unit_test(test_judge__single_addresses),
    cmocka_unit_test(test_judge__lists_of_the_host),
    cmocka_unit_test(test_judge__nat64_by_option),
    cmocka_unit_test(test_judge__what_is_no_address),
    cmocka_unit_test(test_block_read__texts),
    cmocka_unit_test(test_block_is_nat64__lengths),
  };
  return cmocka_run_group_tests_name("cimd/address", tests, NULL, NULL);
}
