/* SPDX-License-Identifier: MIT */
#ifndef OCC__ADDRESS_H
#define OCC__ADDRESS_H

/* May a connection to this address be made, in order to fetch what a client's URL names? Judged after name resolution and
 * before connect(), on the very octets that go to the kernel: whatever a name, a redirect or a resolver played is over by
 * then. A pure function. */

#include <sys/socket.h>

#include "base/limits.h"
#include "base/span.h"

typedef struct
    occ_address_block { /* prefix/len, as 16 octets; IPv4 in the last four, with len + 96 */
  uint8_t octet[16];
  unsigned len;
} occ_address_block;

typedef struct occ_address_rules {
  occ_address_block deny[OCC__CIMD_BLOCKS];
  size_t denies;
  occ_address_block allow[OCC__CIMD_BLOCKS]; /* development: the only way to a special address */
  size_t allows;
  occ_address_block
      nat64[OCC__CIMD_BLOCKS]; /* translation prefixes; len 32, 40, 48, 56, 64 or 96 */
  size_t nat64s;
} occ_address_rules;

typedef enum occ_address {
  OCC__ADDRESS_NONE = 0, /* no address, or of another family: refused */
  OCC__ADDRESS_GOOD = 1,
  OCC__ADDRESS_SPECIAL, /* the tables of address.c: refused */
  OCC__ADDRESS_DENIED   /* the host's own list: refused */
} occ_address;

/* len: octets of address. Only OCC__ADDRESS_GOOD may be connected to. */
occ_address occ__address_judge(const struct sockaddr *address, size_t len,
                               const occ_address_rules *rules);
/* "10.0.0.0/8", "2001:db8::/32"; no octet behind the prefix may be set. OCC_OK or OCC_ERR_SYNTAX. */
int occ__address_block_read(occ_address_block *out, occ_span text);
/* May it be a NAT64 prefix? spec: RFC 6052 section 2.2 */
int occ__address_block_is_nat64(const occ_address_block *block);

#endif
