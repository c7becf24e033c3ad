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

/* Kinds that nothing is signed with but tokens are verified with. */
#define TEST_RSA_N                                                                                 \
  "9plMQmT3jVgNqqRv5y_8ygCKOlyONGq28JmncMQO4KhLUiR-J-QcJvbCAFl5dTVcTjxLr-2rSeMCK50X95Bv"           \
  "1yNKMhaOMa_InHcRET34hPh2JeMzemy90QynBsnHlvusIsxK2kzA3HoMqhdRJYw4Imrntf9JWv_kFE-wWAar"           \
  "ZlT_2VUemsafW5sug1yIJ7ClRfvAD7KwTGWhcH8RrKGJ4oVeUWwNBQ4cgIIaaDX3wmY5EB_BL3DZ_jKVGMHK"           \
  "WemKyRxEjU9VJ-yqz0eHvPNqWMpsicyzsOUp89ZJBVV0tXrqF_W3af4XsbL8bWSazwjk3I0z-h4xAS-EqdH4"           \
  "bR8_qw"
#define TEST_RSA_MEMBERS "\"kty\":\"RSA\",\"n\":\"" TEST_RSA_N "\",\"e\":\"AQAB\""
#define TEST_RSA_PUBLIC  "{" TEST_RSA_MEMBERS "}"
#define TEST_RSA_PRIVATE_MEMBERS                                                                   \
  "\"d\":\"IiQoQDr9YRbTUZBRo-brb0Yy3RCqaYxqxpXnbj_etXDneLhvtPMqiKR6SJUasUURgg1sBy_3GpQw3Tv"        \
  "zMQXQzi7nG1cvGab2Nd9wP_xd93700JsLqgP7JcHEMDboiLlQZEL3jBC7VOsa7MOsqu-mZ_F4IiT1kYFDISL"           \
  "FTfKicVjGu-21Cl-ZZB8gUT0u0O67mWfuy2pFZK8c4WokG8gr2JJUkLk2dX5KNzetJlqKEN4QhpyZSnMpjc9"           \
  "IPe_PfLOJTLfMbKmRSChO5aiFP6OVIWLv2nwBnJfQAvJSt4-Be44YgZWoWGcIeEZpYcwfxgGh6BH2QASChZR"           \
  "2dmlj8DopdQ\",\"p\":\"_7lcx7k4FQOiZDEICuFPHONb-50tgBrP8CNMH3pRyN5EB9g3hs8oTqK1LUpGjsjfeq"       \
  "ecySrYbp-qNFu6eDH-j1i3JZu1VtJYNpjZhwFY6auqDqg0EFbys8-qAQLarIdvGrNGfw69QcMN9iS13RDUoR"           \
  "i0Ew0YUcnrh6WKTNZPYo8\",\"q\":\"9t1qMq4h_lp_GtzDHXFV4SSGK-01BgPV5EwyYZLWg8HSAFk-tFIP9tGh"       \
  "Ej7pfMT89q0YrNq6IpPusdHAFSgoNOPGBJfL59sAYpumXO6I3HxQc2WLCUWQirAa6TMg4HE1GYGn2BpEA2sr"           \
  "q-wuxkKLctIATxIL6JvOhJ3sccZ2byU\",\"dp\":\"oj-MY1fcAlE8_k6xqJ2NYWnLmZf_H3FjjxwGF063hzeme"       \
  "Eex60GSdFn9k8-1drByQlMIQgaCLaX2CqRMaihmN7L0-NKTOpPYzkMqeOLc890r14LXDars8DMIzP1vmtmPH"           \
  "6SxTLogUBIe0JY4IRulnNScpB3B2VrAql7Yoamz0nc\",\"dq\":\"xIWHIUlWbnIEdZIBEdNDlrPIy_dOGre68r"       \
  "9l7B9E_iax0u046bvaUZaYLzo-DcGTz5wE5LZLL3OstYpQ64bIWzJoVQeyn6TMLbPTQG_0K_Ia6YKQqJTkeE"           \
  "OxaKv3JDV7HA8HWxWtxzrtzTN8GQComoNrE4c-S7KdOR2vOPPRHLE\",\"qi\":\"d9NzlY08btBjGGii0gLCNiT"       \
  "xtTKr8UykYcMNAdBAPoRNAA_QxYbyadsqtTo2mVVlW8kPzxkfFyLhaGZaGefVVNSLhCb3yxU58HXIoULAwbD"           \
  "W9JKBVUSgjtNn-9bld4I4DVMikDRvGkVPCylzNrdLjNoDuwkOowXm2EbxwF3Iqt8\""
#define TEST_RSA_PRIVATE    "{" TEST_RSA_MEMBERS "," TEST_RSA_PRIVATE_MEMBERS "}"
#define TEST_RSA_THUMBPRINT "rKDZwssbonUyYelbADjXWhgwnZxuHinr-DbQcG2o6Lc"

#define TEST_P384_X "7ztTooMUowgieN2zWcvadVN6IrNcS-LuTmwa87vSaCeyDic4qgYkQMKQIxNW6rSS"
#define TEST_P384_Y "VpTC4KjxB9hyhYzei3QWbLLPrPaYvXzwZdjDPc0WnwoAOC4C-1sAY8Yp8boZkdG-"
#define TEST_P384_MEMBERS                                                                          \
  "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" TEST_P384_X "\",\"y\":\"" TEST_P384_Y "\""
#define TEST_P384_PUBLIC "{" TEST_P384_MEMBERS "}"
#define TEST_P384_PRIVATE                                                                          \
  "{" TEST_P384_MEMBERS                                                                            \
  ",\"d\":\"80FHaGhdvWAfP-XVzItP80c0BORVsodX1CEgiowbw2R7FQbClvbQIGNPYV568jt5\"}"
#define TEST_P384_THUMBPRINT "7kTBEVydufDNuETb1AwZnRTnbRQDRbt2iSkkvzN2UUQ"

#define TEST_P521_X                                                                                \
  "Af-mR9B11mlroL8q5AUHmJUKvwEnpxLA3S9UDNvYU3yYRK36BfEFXHacs6DqC27UpmpIcUkA53_ydIx_exaP"           \
  "ImxV"
#define TEST_P521_Y                                                                                \
  "ACugDVjtqSemsA7MC0LNM1OfwFd9pki_BwSNf_fiNt0dCBD7f-oKYzHvt9vAWZE_SbJq-aaL61c7UxemAMFy"           \
  "Hyu6"
#define TEST_P521_MEMBERS                                                                          \
  "\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"" TEST_P521_X "\",\"y\":\"" TEST_P521_Y "\""
#define TEST_P521_PUBLIC "{" TEST_P521_MEMBERS "}"
#define TEST_P521_PRIVATE                                                                          \
  "{" TEST_P521_MEMBERS ",\"d\":\"AJdTTR7n-H9eLL78GltBiJteGjBD3Eg3pvf35Ws4_"                       \
  "v6ZaBhjXuQ7vQxOy80nqdaogZjNRaaxjyCbqUkFV6WxQHLC\"}"
#define TEST_P521_THUMBPRINT "x6L2Fc3G7vVeW3LpPvh3bDL6KUmLaU918iOFGPr1FVs"

/* All texts returned are malloc()ed, NUL-terminated; free() them. A broken call ends the test program. */

/* base64url without padding. */
char *test_b64(const void *octets, size_t len);
/* R || S for P-256, or an Ed25519 signature, by the kind of the key (a private JWK text). */
void test_sign(uint8_t sig[64], const char *jwk_private, const void *input, size_t len);
/* The same for keys of all kinds; returns the octets. alg tells RSA keys what to do, others know by themselves. */
#define TEST_SIG_MAX 512u
size_t test_sign_alg(uint8_t sig[TEST_SIG_MAX], const char *jwk_private, const char *alg,
                     const void *input, size_t len);
/* RSASSA-PSS with whatever hash, hash of the mask and length of the salt (-1: as long as the hash). */
size_t test_sign_pss(uint8_t sig[TEST_SIG_MAX], const char *jwk_private, const char *hash,
                     const char *mgf1_hash, int salt_len, const void *input, size_t len);
/* The bare private operation on an encoded message as long as the modulus, and below it. */
size_t test_rsa_raw(uint8_t sig[TEST_SIG_MAX], const char *jwk_private, const uint8_t *em,
                    size_t len);
/* Three parts put together as they are; nothing is judged or signed. */
char *test_token(const void *header, size_t header_len, const void *payload, size_t payload_len,
                 const void *sig, size_t sig_len);
/* A compact JWS. The header is taken literally, so that bad ones can be made; the key's kind decides how it is signed,
 * with RSA keys the header's alg (RS256 where that is none of theirs). */
char *test_jws(const char *jwk_private, const char *header_json, const char *claims_json);
/* A DPoP proof. The texts go in as they are, without escapes; nonce: NULL for none. */
char *test_dpop(const char *jwk_private, const char *htm, const char *htu, int64_t iat,
                const char *jti, const char *nonce);
/* A certificate in DER, signed by its own key. subject: pairs of field and UTF-8 value, from the first to the last RDN,
 * NULL behind them. names: alternative names in the notation of openssl's configuration ("DNS:a,IP:192.0.2.1"), or NULL. */
uint8_t *test_certificate(size_t *len, const char *jwk_private, const char *const *subject,
                          const char *names);
/* base64 with padding, as in x5c. */
char *test_b64_plain(const void *octets, size_t len);

#endif
