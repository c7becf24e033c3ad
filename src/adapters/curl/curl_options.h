/* SPDX-License-Identifier: MIT */
#ifndef OCC__CURL_OPTIONS_H
#define OCC__CURL_OPTIONS_H

/* The options of occ_curl_new(), one JSON object; docs/options.md has them all. */

#include <curl/curl.h>

#include "occ/base.h"

typedef struct occ_curl_options {
  void *json;                             /* jansson's; texts without another owner lie in it */
  const char *ca_file, *ca_path, *ca_pem; /* NULL, all three: libcurl's own */
  const char *user_agent;
  const char *call_proxy; /* NULL: none */
  char *user, *password;  /* libcurl's; NULL: no credentials. spec: RFC 6749 section 2.3.1 */
  long fetch_ms, connect_ms, call_ms;
  size_t call_octets;
  int skip_refused; /* an address that may not be connected to does not end the fetch */
  struct curl_slist *resolve;
} occ_curl_options;

/* json: NULL for the defaults. OCC_OK, OCC_ERR_SYNTAX, OCC_ERR_CONFIG, OCC_ERR_MEMORY. To be cleared in any case. */
int occ__curl_options_read(occ_curl_options *out, const char *json);
void occ__curl_options_clear(occ_curl_options *options);

#endif
