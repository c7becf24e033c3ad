/* SPDX-License-Identifier: MIT */
#ifndef OCC__CLIENT_URL_H
#define OCC__CLIENT_URL_H

/* The client identifier URL, read strictly and from its octets alone, and jwks_uri by the same rules. What a lenient
 * parser would mend is refused, so that no two parsers can disagree on where such a URL leads. Nothing is decoded or
 * normalised: two ids are one client when their octets are equal. */

#include "base/limits.h"
#include "base/span.h"
#include "base/status.h"

/* The draft allows more than the first four rows do; what is beyond is the server's policy, by option. */
typedef struct occ_client_url_rules {
  size_t octets;
  uint16_t port[OCC__CIMD_PORTS]; /* beside 443 */
  size_t ports;
  int any_port;      /* all but those that other protocols have */
  int query;         /* a query is allowed */
  int addresses;     /* IP literals as host */
  int single_label;  /* a host of one label */
  int special_names; /* localhost, .test and the like */
  int need_path;     /* "/" alone is too little */
} occ_client_url_rules;

typedef struct occ_client_url { /* spans of the id */
  occ_span host;
  occ_span target; /* path and query: what goes into the request line */
  uint16_t port;
} occ_client_url;

/* Does it claim to be one? Literally "https://", in lower case. */
int occ__client_url_is_ours(occ_span id);
/* OCC_OK, or OCC__REASON_CIMD_URL. Looks at no octet beyond rules->octets, allocates nothing. */
int occ__client_url_read(occ_client_url *out, occ_span id, const occ_client_url_rules *rules);
/* Is host the name, or where the pattern begins with "*.", any name below it? Letters compare without case. */
int occ__client_url_host_is(occ_span host, const char *pattern);

#endif
