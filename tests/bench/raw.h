/* SPDX-License-Identifier: MIT */
#ifndef RAW_H
#define RAW_H

/* The least that sealing and opening a session can cost: OpenSSL's primitives on kept contexts, and nothing around them.
 * One thread. */

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_SESSION_MAX 768u /* octets of a session before it is sealed */
#define RAW_TABLE       (1u << 20)

typedef struct raw {
  EVP_CIPHER_CTX *gcm;
  EVP_MAC_CTX *hmac; /* with its key */
  uint8_t plain[RAW_SESSION_MAX], sealed[RAW_SESSION_MAX], tag[16];
  size_t len;
  char text[2 * RAW_SESSION_MAX];
  uint64_t *table; /* open addressing, two words an entry */
  uint64_t used;
} raw;

/* len: of the session. */
void raw_init(raw *r, size_t len);
void raw_clear(raw *r);
/* getentropy() for an id, AES-256-GCM with key and IV, base64url. */
void raw_issue(raw *r);
/* HMAC-SHA-256 of the id, AES-256-GCM with the key that it gives, an insert into a table. */
void raw_open_once(raw *r);

#endif
