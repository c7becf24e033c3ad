/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_KEYS_H
#define EXAMPLES_KEYS_H

/* Keys for the examples, printed as one line of JSON. Both return the exit code of the program. */
int keys_print_new(const char *kid);         /* a private JWK, P-256 */
int keys_print_public(const char *jwk_path); /* the public part of one */

#endif
