/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_KNOWN_H
#define EXAMPLES_KNOWN_H

/* Strangers who have met a requirement, as they looked then. In memory, and of a fixed size: the
 * oldest make room, and are asked again. Only who has met one gets in, so nobody is pushed out by
 * such as have nothing to show. A real host has a table of its database, with a row a client. */

#define KNOWN_DIGEST 32

typedef struct as_known as_known;

as_known *known_new(void);        /* NULL: no memory */
void known_free(as_known *known); /* may be NULL */
/* digest: of all that must be as it was. */
void known_add(as_known *known, const unsigned char digest[KNOWN_DIGEST]);
int known_has(as_known *known, const unsigned char digest[KNOWN_DIGEST]);

#endif
