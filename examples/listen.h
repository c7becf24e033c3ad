/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_LISTEN_H
#define EXAMPLES_LISTEN_H

#include <jansson.h>

/* Opens the socket that config.listen names ({"address":"127.0.0.1","port":0}). Port 0 is a free
 * one: the one bound then takes the place of ":0" in config.issuer, config.libocc.token_urls and
 * par_urls. A missing token_urls becomes the issuer's origin with /token. Returns the socket and
 * *origin ("http://127.0.0.1:4711", freed by the caller); -1 after a message on stderr. */
int listen_on(json_t *config, char **origin);

#endif
