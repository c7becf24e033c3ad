/* SPDX-License-Identifier: MIT */
#ifndef TEST_KEYS_H
#define TEST_KEYS_H

/* Keys of the tests, and tokens signed with them by OpenSSL alone, so that what is expected does not come from the code
 * under test. Thumbprints were computed by another implementation. The keys are public knowledge: for tests only. */

#include <stddef.h>
#include <stdint.h>

#define TEST_CLIENT_A_MEMBERS                                                                      \
  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"VK5KKsRBGli4MDIpbt2Ky3cT7NUY0vXT7AMQJbcLKO0\","        \
  "\"y\":\"ICjA9aAif1-ZBbfpqvPAbpbIBsgE5qrB-6nUVXVInXI\""
#define TEST_CLIENT_A_PUBLIC "{" TEST_CLIENT_A_MEMBERS "}"
#define TEST_CLIENT_A_PRIVATE                                                                      \
  "{" TEST_CLIENT_A_MEMBERS ",\"d\":\"3ecNzrm6C2Ohl67KEQSwCsly4_rxXZPdsHXZi9phE1c\"}"
#define TEST_CLIENT_A_THUMBPRINT "rs2Xx4ck0ItiZCctvyPMJwAaDMXGYLkkjLZ_LRKKrS4"

#define TEST_CLIENT_B_MEMBERS                                                                      \
  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"VsXqTrTtDKj9AgOeyVkhSD8tKY4BT0Aaxk0Fm3sHdck\","        \
  "\"y\":\"IdLW8UNaS-4IzgAX8iTrfeqwlKE3FiEQHiAMV7WCQIU\""
#define TEST_CLIENT_B_PUBLIC "{" TEST_CLIENT_B_MEMBERS "}"
#define TEST_CLIENT_B_PRIVATE                                                                      \
  "{" TEST_CLIENT_B_MEMBERS ",\"d\":\"vUpJB5bNPYgKgcfZbpYbEgyyK6HMLuqbho3fSuPSH1s\"}"
#define TEST_CLIENT_B_THUMBPRINT "aBc5x6aWMIRAFtW6dfv8HSaMgIPx-vREoPd1aPrgN1Q"

#define TEST_ISSUER_MEMBERS                                                                        \
  "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"TzUvXi9I-fy_f75TZHDyoQpn3JcFeCPf2zroO8oqXO4\","        \
  "\"y\":\"KMND1v1k1rjrgBzg1H-_ergGku30u4Vy0ybEWAzOAuw\""
#define TEST_ISSUER_PUBLIC "{" TEST_ISSUER_MEMBERS "}"
#define TEST_ISSUER_PRIVATE                                                                        \
  "{" TEST_ISSUER_MEMBERS ",\"d\":\"uaOohANwpvTaZ2_iKx3q9BxjRQg09k2biclKGylLdZE\"}"
#define TEST_ISSUER_THUMBPRINT "PRCZYoIytvmCKOHy4bk1liiUuq6arnR6587A7dxYCuk"

#define TEST_ISSUER_ED_MEMBERS                                                                     \
  "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"7wlTv057aQmWJB1hbODEmfxKrccDdhM8nGsYrYM4ib8\""
#define TEST_ISSUER_ED_PUBLIC "{" TEST_ISSUER_ED_MEMBERS "}"
#define TEST_ISSUER_ED_PRIVATE                                                                     \
  "{" TEST_ISSUER_ED_MEMBERS ",\"d\":\"TOVcAP1DJaCiQpklHBmpBaBX04Hc7LR4dUHEOLStdD4\"}"
#define TEST_ISSUER_ED_THUMBPRINT "E8ZRz5bbetj15PzgTdPv1wkw_WSu-rbX_5MsFnGhED4"

/* All texts returned are malloc()ed, NUL-terminated; free() them. A broken call ends the test program. */

/* base64url without padding. */
char *test_b64(const void *octets, size_t len);
/* R || S for P-256, or an Ed25519 signature, by the kind of the key (a private JWK text). */
void test_sign(uint8_t sig[64], const char *jwk_private, const void *input, size_t len);
/* Three parts put together as they are; nothing is judged or signed. */
char *test_token(const void *header, size_t header_len, const void *payload, size_t payload_len,
                 const void *sig, size_t sig_len);
/* A compact JWS. The header is taken literally, so that bad ones can be made; the key's kind decides how it is signed. */
char *test_jws(const char *jwk_private, const char *header_json, const char *claims_json);
/* A DPoP proof. The texts go in as they are, without escapes; nonce: NULL for none. */
char *test_dpop(const char *jwk_private, const char *htm, const char *htu, int64_t iat,
                const char *jti, const char *nonce);

#endif
