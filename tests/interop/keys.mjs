// SPDX-License-Identifier: MIT
//
// Keys of one run, made by jose: those of the issuer of assertions, and strangers. Nothing is stored.

import { exportJWK, generateKeyPair } from 'jose';

export const ATTESTER = 'https://attester.example';

async function makeKey(alg, kid, jwkAlg = alg) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid };
  return { alg, kid, ...pair, jwk: jwkAlg === null ? jwk : { ...jwk, alg: jwkAlg } };
}

export const keys = {
  es256: await makeKey('ES256', 'attester-es256'),
  ed25519: await makeKey('Ed25519', 'attester-ed25519'),
  eddsa: await makeKey('EdDSA', 'attester-eddsa'),
  silent: await makeKey('ES256', 'attester-silent', null), // its JWK says no alg
  rsa: await makeKey('RS256', 'attester-rsa'),
  p384: await makeKey('ES384', 'attester-p384'),
  stranger: await makeKey('ES256', 'attester-es256'), // a trusted name, and another key
};

// A set as it is found in the world: with keys in it that libocc has no use for.
export const attesterJwks = {
  keys: ['rsa', 'es256', 'ed25519', 'p384', 'eddsa', 'silent'].map((name) => keys[name].jwk),
};
