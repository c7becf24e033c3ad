/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_CONFIG_H
#define EXAMPLES_CONFIG_H

#include <jansson.h>

/* The configuration file of token-server. NULL after a message on stderr: it cannot be read, or has
 * a member that there is not, or one of another kind. A typing error would else take away all
 * clients, or a rule. */
json_t *config_read(const char *path);

#endif
