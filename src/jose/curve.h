/* SPDX-License-Identifier: MIT */
#ifndef OCC__CURVE_H
#define OCC__CURVE_H

/* ECDSA and Ed25519 on plain octets, for jwk.c and jws.c: which public keys are good, verify; sign with P-256 and
 * Ed25519. */

#include "jose/workspace.h"

#define OCC__CURVE_SIG_LEN   64u
#define OCC__CURVE_PRIV_LEN  32u
#define OCC__ED25519_PUB_LEN 32u

size_t occ__curve_half(occ_curve curve); /* octets of x, of y, of R and of S */
/* pub: 04 || x || y. OCC_OK or OCC__REASON_JOSE_KEY: x or y not below p, off the curve; OCC_ERR_CRYPTO. */
int occ__curve_check(occ_workspace *ws, occ_curve curve, const uint8_t *pub);
/* For Ed25519: y not below p (a second spelling), one of the small-order points. Whether the octets are a point at all
 * shows at verification: no signature fits them then. */
int occ__curve_check_ed25519(const uint8_t pub[OCC__ED25519_PUB_LEN]);

/* sig: R || S, or the 64 octets of Ed25519. OCC_OK, OCC__REASON_JOSE_SIGNATURE (R or S zero or not below n; S not below L), OCC__REASON_JOSE_KEY,
 * OCC_ERR_CRYPTO. */
int occ__curve_verify(occ_workspace *ws, occ_curve curve, const uint8_t *pub, occ_span input,
                      const uint8_t *sig);
int occ__curve_verify_ed25519(const uint8_t pub[OCC__ED25519_PUB_LEN], occ_span input,
                              const uint8_t sig[OCC__CURVE_SIG_LEN]);

/* priv is checked to be the one of pub when a key is read: OCC_OK, OCC__REASON_JOSE_KEY. Slow; for keys of our own. */
int occ__curve_pair_p256(const uint8_t pub[OCC__P256_PUB_LEN],
                         const uint8_t priv[OCC__CURVE_PRIV_LEN]);
int occ__curve_pair_ed25519(const uint8_t pub[OCC__ED25519_PUB_LEN],
                            const uint8_t priv[OCC__CURVE_PRIV_LEN]);
/* OCC_OK, OCC_ERR_CRYPTO. */
int occ__curve_sign_p256(occ_workspace *ws, uint8_t sig[OCC__CURVE_SIG_LEN],
                         const uint8_t pub[OCC__P256_PUB_LEN],
                         const uint8_t priv[OCC__CURVE_PRIV_LEN], occ_span input);
int occ__curve_sign_ed25519(uint8_t sig[OCC__CURVE_SIG_LEN],
                            const uint8_t priv[OCC__CURVE_PRIV_LEN], occ_span input);

#endif
