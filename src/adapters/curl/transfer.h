/* SPDX-License-Identifier: MIT */
#ifndef OCC__TRANSFER_H
#define OCC__TRANSFER_H

/* One request over libcurl, by the strict recipe: a handle of its own that is used once. Either a fetch of a URL that a
 * stranger has named, where each address is asked about before connect(); or a message of an agent to its own server.
 * Limits are kept while reading, in memory of a size that is known before. */

#include <curl/curl.h>
#include <sys/socket.h>

#include "adapters/curl/curl_options.h"
#include "occ/cimd.h"

#define OCC__TRANSFER_HEADERS                                                                      \
  16384u /* octets of all header lines, interim responses and trailers too */

typedef struct occ_transfer {
  const occ_mem *mem;
  size_t size; /* of the block that begins here */
  CURL *easy;
  struct curl_slist *lines; /* of the request, where they are this one's own */
  /* A fetch. */
  const occ_cimd *cimd;
  int skip_refused;
  unsigned port;
  struct sockaddr_storage good[8]; /* addresses that may be connected to */
  size_t goods;
  int refused; /* some address may not */
  /* What came. */
  size_t header_octets, header_lines;
  char *headers; /* of the final response, NUL-terminated */
  size_t headers_len;
  int ended;   /* its last header line was read */
  int stopped; /* no more is wanted, or it would be too much */
  long status;
  int64_t announced; /* Content-Length; -1: none */
  char *body;
  size_t len, most;
  const char *failure; /* why there is no response, a word for the log; NULL: there is one */
  /* The list of occ_curl. */
  struct occ_transfer *next;
  const void *fetcher; /* of whose question it is, with ... */
  occ_ticket ticket;
  const occ_txn *txn;
  int done;
} occ_transfer;

/* NULL: no memory. most: octets of body. */
occ_transfer *occ__transfer_new(const occ_mem *mem, size_t most);
void occ__transfer_free(occ_transfer *t); /* NULL is fine */
/* Options of all transfers, then those of a GET of url. Anything but CURLE_OK: it must not be started. lines live longer
 * than t. ms: at most; below 1 there is no time for it. */
CURLcode occ__transfer_set_get(occ_transfer *t, const occ_curl_options *options,
                               struct curl_slist *lines, const char *url, int64_t ms);
CURLcode occ__transfer_set_post(occ_transfer *t, const occ_curl_options *options, const char *url,
                                const void *body, size_t len, int64_t ms);
/* It is over, libcurl says so: is there a response? Sets status, headers, body, failure. */
void occ__transfer_end(occ_transfer *t, CURLcode rc);

#endif
