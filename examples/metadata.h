/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_METADATA_H
#define EXAMPLES_METADATA_H

/* The authorization server's metadata, RFC 8414: only what is true of this configuration. */

#include <jansson.h>

#include "occ/server.h"

/* *out and *path are the caller's in both cases. 1, or 0 after a message on stderr. */
int metadata_make(json_t **out, char **path, const json_t *config, const occ_server *server);

#endif
