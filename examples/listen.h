/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_LISTEN_H
#define EXAMPLES_LISTEN_H

#include <jansson.h>

/* Opens the socket that config.listen names ({"address":"127.0.0.1","port":0}), and does what
 * listen_put_port() does. Returns the socket and *origin ("http://127.0.0.1:4711", or https with
 * config.tls; freed by the caller); -1 after a message on stderr. */
int listen_on(json_t *config, char **origin);

/* Port 0 is a free one: that of the socket takes the place of ":0" in config.issuer and in
 * config.libocc.token_urls and par_urls. Where these are missing they become the issuer's origin
 * with /token and /par. 1, or 0 after a message on stderr. */
int listen_put_port(json_t *config, int fd);

#endif
