/* SPDX-License-Identifier: MIT */
#ifndef OCC__CURL_H
#define OCC__CURL_H

/* What an occ_curl holds. */

#include <stdatomic.h>

#include "adapters/curl/transfer.h"
#include "occ/curl.h"

struct occ_curl {
  occ_mem mem; /* the lib's, copied */
  occ_curl_options options;
  struct curl_slist *get_lines; /* header lines of every fetch */
  atomic_size_t holds;
  CURLM *multi;           /* the host's; NULL: fetches block */
  occ_transfer *transfer; /* that run on it, or are done and not yet asked for */
  occ_curl_message_fn see;
  void *see_data;
};

#endif
