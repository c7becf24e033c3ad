/* SPDX-License-Identifier: MIT */
#ifndef PEERS_H
#define PEERS_H

/* Other libraries on the same tokens, each by its public interface alone and as its manual has it. A peer is a module of
 * its own, peer_NAME.c, which is built where pkg-config finds the library. What each checks, and what not: README.md. */

#include <stddef.h>

typedef struct peer {
  const char *name;
  void (*open)(void); /* reads TEST_ISSUER_PUBLIC, once */
  /* 1: good. Texts end with NUL. */
  int (*proof)(const char *proof); /* a DPoP proof: the key comes with it */
  int (*token)(const char *token); /* a JWT of the issuer */
  void (*close)(void);
} peer;

extern const peer the_peer; /* of a module */

#define PEERS 4u

/* NULL: i is not among those that were found. *name says which it is, in any case. */
const peer *peers_get(size_t i, const char **name);

#endif
