/* SPDX-License-Identifier: MIT */
#ifndef OCC__FETCH_URL_H
#define OCC__FETCH_URL_H

/* May this URL be given to libcurl? It mends what it reads: decodes hosts, completes addresses, drops empty parts. Fetched
 * is only a URL of which libcurl's reading and a strict one are the same, octet for octet. */

#include "occ/base.h"

/* 1, and the port; or 0. */
int occ__fetch_url_read(const char *url, unsigned *port);

#endif
