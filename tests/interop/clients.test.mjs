// SPDX-License-Identifier: MIT
//
// Clients that libocc authenticates: private_key_jwt and certificates of real TLS connections, by oauth4webapi's own
// PrivateKeyJwt and TlsClientAuth. And those that only say that they are one of them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { CALLBACK, Flow, RESOURCE_SERVER, isChallenged, isError, isGranted, tlsFetch } from './flow.mjs';
import { OLD_ASSERTION_MS, SECRET, startServer, writeFile } from './server.mjs';
import { test } from './tap.mjs';
import { makeCertificate } from './x509.mjs';

const scope = ['status', 'payments'];
const capable = { insufficient_client_authorization_supported: true, scope };
const status = { scope: 'status' };
const payments = { scope: 'payments' };
const GRANT = 'client_credentials';

const keys = {
  es256: await generateKeyPair('ES256', { extractable: true }),
  ed25519: await generateKeyPair('Ed25519', { extractable: true }),
  ps256: await generateKeyPair('PS256', { extractable: true }),
  stranger: await generateKeyPair('ES256', { extractable: true }),
};
const jwk = async (name) => ({ ...(await exportJWK(keys[name].publicKey)), kid: name });

const ca = makeCertificate('clients CA', { ca: true });
const otherCa = makeCertificate('clients CA', { ca: true }); // of the same name
const certificates = {
  good: makeCertificate('agent-tls', { issuer: ca, purpose: 'client', dns: 'agent.example' }),
  named: makeCertificate('agent-tls', { issuer: ca, purpose: 'client', dns: 'other.example' }),
  longer: makeCertificate('agent-tls', { issuer: ca, purpose: 'client', dns: 'agent.example.net' }),
  server: makeCertificate('agent-tls', { issuer: ca, purpose: 'server', dns: 'agent.example' }),
  old: makeCertificate('agent-tls', { issuer: ca, purpose: 'client', dns: 'agent.example', days: -1 }),
  forged: makeCertificate('agent-tls', { issuer: otherCa, purpose: 'client', dns: 'agent.example' }),
  selfNamed: makeCertificate('agent-tls', { dns: 'agent.example' }),
  self: makeCertificate('agent-self'),
  otherSelf: makeCertificate('agent-self'),
};
const site = makeCertificate('token-server', { ip: '127.0.0.1' });

const byAssertion = { token_endpoint_auth_method: 'private_key_jwt', ...capable };
const selfJwk = {
  ...(await exportJWK(certificates.self.publicKey)),
  x5c: [certificates.self.raw.toString('base64')],
};
const clients = [
  { client_id: 'jwt', ...byAssertion, jwks: { keys: await Promise.all(['es256', 'ed25519', 'ps256'].map(jwk)) } },
  { client_id: 'jwt-2', ...byAssertion, jwks: { keys: [await jwk('stranger')] } },
  { client_id: 'tls', token_endpoint_auth_method: 'tls_client_auth', ...capable,
    tls_client_auth_san_dns: 'agent.example' },
  { client_id: 'self', token_endpoint_auth_method: 'self_signed_tls_client_auth', ...capable,
    jwks: { keys: [selfJwk] } },
  { client_id: 'bound', client_secret: SECRET, ...capable, tls_client_certificate_bound_access_tokens: true },
  { client_id: 'secret', client_secret: SECRET, ...capable },
  { client_id: 'basic', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic', ...capable },
  { client_id: 'app', token_endpoint_auth_method: 'none', ...capable,
    grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK] },
];
const more = { clients, resource_servers: [RESOURCE_SERVER], test_user: { sub: 'customer-12', scope } };
const tls = {
  certificate: writeFile(site.cert, 'site.pem'),
  key: writeFile(site.key, 'site.key'),
  client_ca: writeFile(ca.cert, 'ca.pem'),
};
const [plain, secure] = await Promise.all([
  startServer({ dpop_nonce: 'require' }, more), // or a proof would need an older store than an assertion does
  startServer({}, { ...more, tls, issuer: 'https://127.0.0.1:0' }),
]);

const isNobody = (answer) => isError(answer, 'invalid_client', 401);

// ---- private_key_jwt ----------------------------------------------------------------------------------------------

const byKey = (name, change) =>
  oauth.PrivateKeyJwt({ key: keys[name].privateKey, kid: name }, change && { [oauth.modifyAssertion]: change });

// A server too young to know whether an assertion was used says 503: it is waited for.
async function jwtFlow(auth, id = 'jwt', dpop = undefined) {
  return Flow.make(await plain.isOld(OLD_ASSERTION_MS), id, { auth, dpop });
}

for (const name of ['es256', 'ed25519', 'ps256']) {
  test(`private_key_jwt by the library, ${name}: granted, and bound to nothing`, async () => {
    const flow = await jwtFlow(byKey(name));
    const answer = isGranted(await flow.token(GRANT, status), 'status');
    const said = await flow.introspect(answer.body.access_token);
    assert.deepEqual([said.client_id, said.sub, said.cnf], ['jwt', 'jwt', undefined]);
  });
}

test('private_key_jwt: challenged, answered with another assertion and another of its keys, granted', async () => {
  const flow = await jwtFlow(byKey('es256'));
  const challenge = isChallenged(await flow.token(GRANT, payments));
  const next = flow.like({ auth: byKey('ed25519') });
  isGranted(await next.token(GRANT, payments, await next.evidence(challenge)), 'payments');
});

test('private_key_jwt with DPoP: the token is bound to the DPoP key', async () => {
  const flow = await jwtFlow(byKey('es256'), 'jwt', 'ES256');
  const answer = isGranted(await flow.token(GRANT, status));
  const jkt = await flow.options.DPoP.calculateThumbprint();
  assert.deepEqual((await flow.introspect(answer.body.access_token)).cnf, { jkt });
});

test('private_key_jwt: the session of one client is none of another', async () => {
  const flow = await jwtFlow(byKey('es256'));
  const challenge = isChallenged(await flow.token(GRANT, payments));
  const other = await jwtFlow(byKey('stranger'), 'jwt-2');
  isChallenged(await other.token(GRANT, payments, await other.evidence(challenge)));
  isGranted(await flow.token(GRANT, payments, await flow.evidence(challenge)));
});

const now = () => Math.floor(Date.now() / 1000);
const past = () => ({ iat: now() - 120, nbf: now() - 120, exp: now() - 30 });
const assertions = [
  ['a key of another client', byKey('stranger')],
  ['the key of another under a known name', oauth.PrivateKeyJwt({ key: keys.stranger.privateKey, kid: 'es256' })],
  ['the token endpoint as audience (N-JA-03)', byKey('es256', (_, claims) => (claims.aud = plain.tokenUrl))],
  ['another issuer as audience', byKey('es256', (_, claims) => (claims.aud = 'https://as.example'))],
  ['issuer and token endpoint', byKey('es256', (_, claims) => (claims.aud = [plain.issuer, plain.tokenUrl]))],
  ['expired', byKey('es256', (_, claims) => Object.assign(claims, past()))],
  ['good for a day', byKey('es256', (_, claims) => (claims.exp = now() + 86_400))],
  ['without exp', byKey('es256', (_, claims) => delete claims.exp)],
  ['without jti', byKey('es256', (_, claims) => delete claims.jti)],
  ['of another subject', byKey('es256', (_, claims) => (claims.sub = 'jwt-2'))],
  ['of another issuer', byKey('es256', (_, claims) => (claims.iss = 'jwt-2'))],
  ['with the typ of a DPoP proof', byKey('es256', (header) => (header.typ = 'dpop+jwt'))],
  ['none at all', oauth.None()],
  ['a secret instead', oauth.ClientSecretPost(SECRET)],
  ['a secret instead, in Basic', oauth.ClientSecretBasic(SECRET)],
  ['a JWT under a secret', oauth.ClientSecretJwt(SECRET)],
];
for (const [why, auth] of assertions) {
  test(`private_key_jwt refused: ${why}`, async () => {
    isNobody(await (await jwtFlow(auth)).token(GRANT, status));
  });
}

test('private_key_jwt refused: an assertion that was used (N-JA)', async () => {
  const kept = new Map();
  const once = async (as, client, body, headers) => {
    if (kept.size === 0) {
      await byKey('es256')(as, client, body, headers);
      body.forEach((value, name) => name.startsWith('client_') && kept.set(name, value));
    }
    kept.forEach((value, name) => body.set(name, value));
  };
  const flow = await jwtFlow(once);
  isGranted(await flow.token(GRANT, status));
  isNobody(await flow.token(GRANT, status));
});

test('private_key_jwt refused: for a client that has a secret, and for one that is public', async () => {
  isNobody(await (await jwtFlow(byKey('es256'), 'secret')).token(GRANT, status));
  isNobody(await (await jwtFlow(byKey('es256'), 'app')).token(GRANT, status));
});

// ---- Secrets, and none --------------------------------------------------------------------------------------------

test('a client that has registered client_secret_basic: its secret in the body is refused', async () => {
  isGranted(await (await Flow.make(plain, 'basic', { auth: oauth.ClientSecretBasic(SECRET) })).token(GRANT, status));
  isNobody(await (await Flow.make(plain, 'basic', { auth: oauth.ClientSecretPost(SECRET) })).token(GRANT, status));
});

test('a client that has a secret and shows none is no public client', async () => {
  isNobody(await (await Flow.make(plain, 'secret', { auth: oauth.None() })).token(GRANT, status));
});

test('a public client cannot use client_credentials, nor a secret', async () => {
  isError(await (await Flow.make(plain, 'app', { auth: oauth.None() })).token(GRANT, status), 'unauthorized_client');
  isNobody(await (await Flow.make(plain, 'app')).token(GRANT, status));
});

test('nobody: no client at all, and one that is unknown', async () => {
  isNobody(await (await Flow.make(plain, 'nobody', { auth: oauth.None() })).token(GRANT, status));
  isNobody(await (await Flow.make(plain, 'nobody', { auth: () => {} })).token(GRANT, status));
});

// ---- Certificates -------------------------------------------------------------------------------------------------

const x5t = (certificate) => createHash('sha256').update(certificate.raw).digest('base64url');

// A client on a TLS connection with that certificate, or none.
function tlsFlow(id, certificate, auth = oauth.TlsClientAuth(), headers = {}) {
  const shown = certificate && { key: certificate.key, cert: certificate.cert };
  const fetch = tlsFetch({ ca: site.cert, ...shown });
  const withHeaders = (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } });
  return Flow.make(secure, id, { auth, fetch: withHeaders });
}

test('tls_client_auth by the library: granted, and bound to the certificate', async () => {
  const flow = await tlsFlow('tls', certificates.good);
  const answer = isGranted(await flow.token(GRANT, status), 'status');
  assert.equal(answer.body.token_type, 'Bearer');
  assert.deepEqual((await flow.introspect(answer.body.access_token)).cnf, { 'x5t#S256': x5t(certificates.good) });
});

test('tls_client_auth: challenged, answered; another certificate is challenged afresh, or refused', async () => {
  const flow = await tlsFlow('tls', certificates.good);
  const challenge = isChallenged(await flow.token(GRANT, payments));
  const evidence = await flow.evidence(challenge);
  isNobody(await (await tlsFlow('tls', certificates.named)).token(GRANT, payments, evidence));
  isGranted(await flow.token(GRANT, payments, evidence), 'payments');
});

test('self_signed_tls_client_auth by the library: granted, and bound to the certificate', async () => {
  const flow = await tlsFlow('self', certificates.self);
  const answer = isGranted(await flow.token(GRANT, status), 'status');
  assert.deepEqual((await flow.introspect(answer.body.access_token)).cnf, { 'x5t#S256': x5t(certificates.self) });
});

test('a certificate beside a secret: bound to it; where it must be there and is not, refused (N-MTLS-01)', async () => {
  const auth = oauth.ClientSecretBasic(SECRET);
  const flow = await tlsFlow('bound', certificates.self, auth);
  const answer = isGranted(await flow.token(GRANT, status));
  assert.deepEqual((await flow.introspect(answer.body.access_token)).cnf, { 'x5t#S256': x5t(certificates.self) });
  isError(await (await tlsFlow('bound', undefined, auth)).token(GRANT, status), 'invalid_request');
});

test('public client: its refresh token is bound to the certificate (RFC 8705 4, N-MTLS-02)', async () => {
  const flow = await tlsFlow('app', certificates.self, oauth.None());
  const first = isGranted(await flow.token('authorization_code', await flow.code(status)));
  assert.deepEqual((await flow.introspect(first.body.access_token)).cnf, { 'x5t#S256': x5t(certificates.self) });
  for (const other of [certificates.otherSelf, certificates.good, undefined]) {
    isError(await (await tlsFlow('app', other, oauth.None())).refresh(first.body.refresh_token), 'invalid_grant');
  }
  isGranted(await flow.refresh(first.body.refresh_token));
});

test('public client: what was met at PAR does not count without the certificate that was shown there', async () => {
  const flow = await tlsFlow('app', certificates.self, oauth.None());
  const request = await flow.request(payments);
  const challenge = isChallenged(await flow.push(request));
  const grant = await flow.pushedCode(await flow.push({ ...request, ...(await flow.evidence(challenge)) }));
  isChallenged(await (await tlsFlow('app', certificates.otherSelf, oauth.None())).token('authorization_code', grant));
  isGranted(await flow.token('authorization_code', grant), 'payments');
});

const shown = [
  ['no certificate', 'tls', undefined],
  ['the name of another', 'tls', certificates.named],
  ['a name that only begins like it', 'tls', certificates.longer],
  ['a certificate for servers', 'tls', certificates.server],
  ['an expired certificate', 'tls', certificates.old],
  ['one of another CA of that name', 'tls', certificates.forged],
  ['a self-signed one with the right name', 'tls', certificates.selfNamed],
  ['no certificate, self-signed', 'self', undefined],
  ['another self-signed one of that name', 'self', certificates.otherSelf],
  ['one of the CA instead of the registered one', 'self', certificates.good],
  ['a certificate for a client that has a secret', 'secret', certificates.good],
  ['a certificate for a client that has a key', 'jwt', certificates.good],
];
for (const [why, id, certificate] of shown) {
  test(`certificate refused: ${why}`, async () => {
    isNobody(await (await tlsFlow(id, certificate)).token(GRANT, status));
  });
}

// What a proxy would say (RFC 9440, and what is older) counts for nothing when a client says it.
const field = `:${certificates.good.raw.toString('base64')}:`;
const pem = encodeURIComponent(certificates.good.cert);
const claims = [
  ['Client-Cert', field],
  ['Client-Cert-Chain', field],
  ['X-Client-Cert', pem],
  ['X-SSL-Client-Cert', pem],
  ['SSL-Client-Cert', pem],
  ['X-Forwarded-Client-Cert', `Cert="${pem}"`],
  ['X-SSL-Client-Verify', 'SUCCESS'],
];
for (const [name, value] of claims) {
  test(`N-MTLS-05 a certificate in a header of the client's own: ${name}`, async () => {
    const headers = { [name]: value };
    isNobody(await (await tlsFlow('tls', undefined, oauth.TlsClientAuth(), headers)).token(GRANT, status));
    isNobody(await (await tlsFlow('tls', certificates.forged, oauth.TlsClientAuth(), headers)).token(GRANT, status));
    const over = (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } });
    const without = await Flow.make(plain, 'tls', { auth: oauth.TlsClientAuth(), fetch: over });
    isNobody(await without.token(GRANT, status));
    const bound = await Flow.make(plain, 'bound', { fetch: over });
    isError(await bound.token(GRANT, status), 'invalid_request');
  });
}

test('metadata tell of certificates where they are looked at, and nowhere else', async () => {
  const over = await tlsFlow('tls', certificates.good);
  assert.equal(over.as.tls_client_certificate_bound_access_tokens, true);
  assert.equal((await Flow.make(plain, 'jwt')).as.tls_client_certificate_bound_access_tokens, undefined);
  assert.deepEqual([...over.as.token_endpoint_auth_methods_supported].sort(), [
    'client_secret_basic', 'client_secret_post', 'none', 'private_key_jwt', 'self_signed_tls_client_auth',
    'tls_client_auth',
  ]);
  assert.ok(over.as.token_endpoint_auth_signing_alg_values_supported.includes('ES256'));
});

test('the token-servers of clients end with 0', async () => {
  assert.deepEqual([await plain.stop(), await secure.stop()], [0, 0]);
});
