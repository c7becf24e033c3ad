// SPDX-License-Identifier: MIT
//
// The other side: the agent of examples/ asks an authorization server that is played here with node:http, and jose
// verifies what it signs (proofs, assertions). A play is a list of answers, one a request; each may look at its request
// and throw. Also servers that are not honest.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import {
  EmbeddedJWK, calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify,
} from 'jose';
import { CLIENT, SECRET, runAgent } from './server.mjs';
import { JWT_FORMAT } from './stock.mjs';
import { test } from './tap.mjs';

const ISSUER = 'https://as.example'; // the agent has it from its configuration, not from where it connects to
const ASSERTER = 'https://attester.example';
const NONCE_1 = 'eyJ7S_zG.eyJH0-Z.HX4w-7v'; // printable, and unlike ours
const session = () => randomUUID();

async function makeKey(alg, kid, jwkAlg = alg) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const more = { kid, ...(jwkAlg && { alg: jwkAlg }) };
  return {
    secret: { ...(await exportJWK(pair.privateKey)), ...more },
    shown: { ...(await exportJWK(pair.publicKey)), ...more },
    jkt: await calculateJwkThumbprint(await exportJWK(pair.publicKey)),
  };
}

const algorithms = {
  ES256: { dpop: await makeKey('ES256', 'device'), assertion: await makeKey('ES256', 'asserter') },
  Ed25519: { dpop: await makeKey('Ed25519', 'device'), assertion: await makeKey('Ed25519', 'asserter') },
  EdDSA: { dpop: await makeKey('EdDSA', 'device'), assertion: await makeKey('EdDSA', 'asserter') },
  'no alg': { dpop: await makeKey('ES256', 'device', null), assertion: await makeKey('Ed25519', 'asserter', null) },
};

// ---- The server's part --------------------------------------------------------------------------------------------

// Gives each request the next answer of the play. Returns what the agent said, and the requests.
async function play(answers, { keys = algorithms.ES256, args = [], params = {}, ...more } = {}) {
  const requests = [];
  const errors = [];
  const server = http.createServer(async (message, response) => {
    try {
      const chunks = [];
      for await (const chunk of message) {
        chunks.push(chunk);
      }
      const request = { message, body: Buffer.concat(chunks).toString('utf8'), url: `${origin}/token`, keys };
      request.params = new URLSearchParams(request.body);
      requests.push(request);
      assert.ok(answers.length >= requests.length, 'a request more than there should be');
      await isProper(request, requests);
      const answer = await answers[requests.length - 1](request, requests);
      response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers });
      response.end(JSON.stringify(answer.body));
    } catch (error) {
      errors.push(error);
      response.writeHead(500).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  const { dpop, assertion, client } = keys;
  const config = {
    issuer: ISSUER,
    token_url: `${origin}/token`,
    client_id: CLIENT,
    ...(!client && { client_secret: SECRET }),
    assertion_issuer: ASSERTER,
    keys: {
      ...(dpop && { dpop: dpop.secret }), ...(assertion && { assertion: assertion.secret }),
      ...(client && { client: client.secret }),
    },
    params: { grant_type: 'client_credentials', scope: 'payments', ...params },
    ...more,
  };
  try {
    const result = await runAgent(config, args);
    if (errors.length > 0) {
      throw errors[0];
    }
    return { ...result, requests, said: result.out.trim().split('\n').at(-1) };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

// spec: RFC 6749 section 2.3.1 and appendix B
function credentials(message) {
  const encoded = Buffer.from(/^Basic (.+)$/.exec(message.headers.authorization)[1], 'base64').toString('utf8');
  return encoded.split(':').map((text) => new URLSearchParams(`x=${text}`).get('x'));
}

// How it authenticates: by its secret, or by a key, for which it makes an assertion each time. spec: RFC 7523 section 3
async function isClient({ message, params, keys }) {
  if (!keys.client) {
    assert.deepEqual(credentials(message), [CLIENT, SECRET]);
    assert.equal(params.get('client_assertion'), null);
    return;
  }
  assert.equal(message.headers.authorization, undefined);
  assert.equal(params.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  const { payload, protectedHeader } = await jwtVerify(
    params.get('client_assertion'), createLocalJWKSet({ keys: [keys.client.shown] }), {
      typ: 'client-authentication+jwt', issuer: CLIENT, subject: CLIENT, audience: ISSUER, maxTokenAge: 10,
      requiredClaims: ['iss', 'sub', 'aud', 'iat', 'exp', 'jti'],
    });
  assert.equal(payload.aud, ISSUER);
  assert.equal(protectedHeader.kid, keys.client.shown.kid);
  assert.ok(payload.exp - payload.iat <= 60);
  isNew(payload.jti);
}

// What holds for every request of the agent.
async function isProper(request, requests) {
  const { message, body, params } = request;
  assert.equal(message.method, 'POST');
  assert.equal(message.url, '/token');
  await isClient(request);
  assert.equal(message.headers['content-type'], 'application/x-www-form-urlencoded');
  assert.equal(message.headers.accept, 'application/json');
  assert.equal(new Set(params.keys()).size, [...params.keys()].length, 'a repeated parameter');
  const first = requests[0].params;
  for (const [name, value] of first) { // the very same request again (C-03, O-07)
    assert.ok(params.get(name) === value || name === 'client_assertion', name);
  }
  assert.ok(!body.includes('client_secret'));
}

const jtis = new Set();

function isNew(jti) {
  assert.match(jti, /^.{16,256}$/);
  assert.ok(!jtis.has(jti), 'a jti that was used before');
  jtis.add(jti);
}

// spec: RFC 9449 section 4.3. wanted: the nonce, or undefined for none.
async function isProof({ message, url, keys }, wanted) {
  const lines = message.rawHeaders.filter((_, i) => i % 2 === 0).filter((name) => name.toLowerCase() === 'dpop');
  assert.equal(lines.length, 1);
  const { payload, protectedHeader } = await jwtVerify(message.headers.dpop, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: ['ES256', 'Ed25519', 'EdDSA'],
    maxTokenAge: 10,
    requiredClaims: ['jti', 'htm', 'htu', 'iat'],
  });
  assert.deepEqual([payload.htm, payload.htu, payload.nonce], ['POST', url, wanted]);
  assert.equal(payload.ath, undefined);
  assert.equal(await calculateJwkThumbprint(protectedHeader.jwk), keys.dpop.jkt);
  assert.ok(['d', 'k', 'p'].every((name) => !(name in protectedHeader.jwk)));
  isNew(payload.jti);
  return protectedHeader;
}

async function isAssertion({ params, keys }, nonce) {
  assert.equal(params.get('challenge_session'), nonce);
  assert.equal(params.get('claim_token_format'), JWT_FORMAT);
  const { payload, protectedHeader } = await jwtVerify(
    params.get('claim_token'), createLocalJWKSet({ keys: [keys.assertion.shown] }), {
      typ: 'client-challenge-assertion+jwt',
      issuer: ASSERTER,
      subject: CLIENT,
      audience: ISSUER,
      maxTokenAge: 10,
      requiredClaims: ['iss', 'sub', 'aud', 'nonce', 'iat', 'exp', 'jti'],
    });
  assert.equal(payload.aud, ISSUER); // one text, no list
  assert.equal(payload.nonce, nonce);
  assert.ok(payload.exp - payload.iat > 0 && payload.exp - payload.iat <= 600);
  isNew(payload.jti);
  return protectedHeader;
}

// ---- Its answers --------------------------------------------------------------------------------------------------

const token = (body = {}, headers = {}) => ({
  status: 200,
  headers,
  body: { access_token: 'at', token_type: 'DPoP', expires_in: 60, scope: 'payments', ...body },
});

const refusal = (error, headers = {}) => ({ status: 400, headers, body: { error } });

function challenge(challenge_session, { status = 403, headers = {}, requirement = {}, ...body } = {}) {
  return {
    status,
    headers,
    body: {
      error: 'insufficient_client_authorization',
      authorization_requirement: {
        type: 'jwt_assertion', claim_token_format: [JWT_FORMAT], issuer: [ASSERTER], ...requirement,
      },
      challenge_session,
      expires_in: 60,
      ...body,
    },
  };
}

const wantsProof = (id, more = {}) => ({
  status: 403,
  headers: { 'DPoP-Nonce': id },
  body: {
    error: 'insufficient_client_authorization',
    authorization_requirement: { type: 'dpop_proof' },
    challenge_session: id,
    ...more,
  },
});

function got({ code, said, err }, text = 'token: DPoP, scope payments') {
  assert.deepEqual([code, said], [0, text], err);
}

function gaveUp({ code, said, requests }, error, count) {
  assert.deepEqual([code, said, requests.length], [1, `refused: ${error}`, count]);
}

// ---- Honest servers -------------------------------------------------------------------------------------------------

test('agent: granted at once, with a proof that jose verifies', async () => {
  got(await play([async (request) => {
    await isProof(request, undefined);
    assert.equal(request.params.has('challenge_session'), false);
    return token();
  }]));
});

for (const [name, keys] of Object.entries(algorithms)) {
  test(`agent, keys with ${name}: challenged; jose verifies assertion and proofs`, async () => {
    const id = session();
    got(await play([
      async (request) => (await isProof(request, undefined), challenge(id)),
      async (request) => {
        const head = await isProof(request, undefined);
        assert.equal(head.alg, keys.dpop.shown.alg ?? 'ES256');
        const { alg, kid } = await isAssertion(request, id);
        assert.deepEqual([alg, kid], [keys.assertion.shown.alg ?? 'Ed25519', 'asserter']);
        return token();
      },
    ], { keys }));
  });
}

test('agent without a DPoP key: challenged, answered, granted', async () => {
  const id = session();
  const keys = { assertion: algorithms.ES256.assertion };
  got(await play([
    async ({ message }) => (assert.equal(message.headers.dpop, undefined), challenge(id)),
    async (request) => (await isAssertion(request, id), token({ token_type: 'Bearer' })),
  ], { keys }), 'token: Bearer, scope payments');
});

test('agent with a key instead of a secret: an assertion of its own for each message, and jose verifies them', async () => {
  const id = session();
  const keys = { ...algorithms.ES256, client: await makeKey('ES256', 'agent-key') };
  const { requests, ...result } = await play([
    async () => refusal('use_dpop_nonce', { 'DPoP-Nonce': NONCE_1 }),
    async () => challenge(id),
    async (request) => (await isAssertion(request, id), token()),
  ], { keys });
  got(result);
  assert.equal(requests.length, 3);
  assert.equal(requests[0].params.get('client_id'), CLIENT);
});

test('agent: a secret and a key, or neither, is no configuration', async () => {
  const { client } = { client: await makeKey('ES256', 'agent-key') };
  for (const [more, keys] of [[{ client_secret: SECRET }, { client }], [{ client_secret: undefined }, {}]]) {
    const { code, err, requests } = await play([], { keys, ...more });
    assert.deepEqual([code, requests.length], [3, 0]);
    assert.match(err, /either client_secret or keys\.client/);
  }
});

test('agent: use_dpop_nonce, then the latest nonce in every later proof', async () => {
  const id = session();
  got(await play([
    async (request) => (await isProof(request, undefined), refusal('use_dpop_nonce', { 'DPoP-Nonce': NONCE_1 })),
    async (request) => (await isProof(request, NONCE_1), challenge(id, { headers: { 'DPoP-Nonce': 'second' } })),
    async (request) => {
      await isProof(request, 'second');
      await isAssertion(request, id);
      return refusal('use_dpop_nonce', { 'DPoP-Nonce': 'third' });
    },
    async (request) => {
      await isProof(request, 'third');
      assert.equal(request.params.get('challenge_session'), id);
      return token();
    },
  ]));
});

test('agent: the evidence stays the same when only the nonce of the proof was wrong', async () => {
  const id = session();
  const { requests } = await play([
    async () => challenge(id),
    async () => refusal('use_dpop_nonce', { 'DPoP-Nonce': 'n' }),
    async (request) => (await isProof(request, 'n'), await isAssertion(request, id), token()),
  ]);
  assert.equal(requests[1].params.get('claim_token'), requests[2].params.get('claim_token'));
});

for (const [why, headers] of [['with', true], ['without', false]]) {
  test(`agent, dpop_proof ${why} a DPoP-Nonce: the session is the nonce`, async () => {
    const id = session();
    got(await play([
      async () => (headers ? wantsProof(id) : { ...wantsProof(id), headers: {} }),
      async (request) => {
        await isProof(request, id);
        assert.equal(request.params.get('challenge_session'), id);
        assert.equal(request.params.has('claim_token'), false);
        return token();
      },
    ]));
  });
}

test('agent: two rounds, an assertion and then a proof', async () => {
  const [first, second] = [session(), session()];
  got(await play([
    async () => challenge(first),
    async (request) => (await isAssertion(request, first), wantsProof(second)),
    async (request) => {
      assert.equal(request.params.get('challenge_session'), second);
      await isProof(request, second);
      return token();
    },
  ]));
});

test('agent: token exchange with a resource and authorization_details keeps all of it', async () => {
  const id = session();
  const params = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: 'a b+c&d=é',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: 'https://api.example/ledger?a=b&c',
    authorization_details: '[{"type":"payment_initiation","amount":"123.50 €"}]',
  };
  const { requests, ...result } = await play([
    async () => challenge(id),
    async (request) => (await isAssertion(request, id), token()),
  ], { params });
  got(result);
  for (const [name, value] of Object.entries(params)) {
    assert.equal(requests[1].params.get(name), value);
  }
});

for (const [why, answer] of [
  ['status 400 (O-03)', (id) => challenge(id, { status: 400 })],
  ['the session inside the requirement, as in the draft\'s examples (O-01)', (id) =>
    challenge(undefined, { requirement: { challenge_session: id } })],
  ['the same session in both places', (id) => challenge(id, { requirement: { challenge_session: id } })],
  ['members that nobody knows (C-01)', (id) =>
    challenge(id, { hint: { a: [1, null] }, error_description: 'More is needed.', requirement: { color: 'red' } })],
  ['no expires_in', (id) => challenge(id, { expires_in: undefined })],
  ['the name of section 6 (O-02)', (id) => challenge(id, { error: 'insufficient_authorization' })],
  ['several issuers and formats', (id) =>
    challenge(id, { requirement: { issuer: ['x', ASSERTER], claim_token_format: ['x', JWT_FORMAT] } })],
  ['our own issuer as client_id', (id) => challenge(id, { requirement: { client_id: ISSUER } })],
]) {
  test(`agent takes a challenge with ${why}`, async () => {
    const id = session();
    got(await play([async () => answer(id), async (request) => (await isAssertion(request, id), token())]));
  });
}

// ---- Servers that ask for what cannot be, or are not honest ---------------------------------------------------------

for (const [why, answer] of [
  ['a type that it does not know (C-02)', { requirement: { type: 'https://types.example/face' } }],
  ['an issuer that it has not', { requirement: { issuer: ['https://other.example'] } }],
  ['a format that it cannot make', { requirement: { claim_token_format: ['x'] } }],
  ['claims that it cannot make', { requirement: { required_claims: ['iss', 'shoe_size'] } }],
  ['a challenge of another server, passed on', { requirement: { client_id: 'https://victim.example' } }],
]) {
  test(`agent sends no evidence for ${why}`, async () => {
    gaveUp(await play([async () => challenge(session(), answer)]), 'unauthorized_client', 1);
  });
}

for (const [why, answer] of [
  ['two different sessions', challenge(session(), { requirement: { challenge_session: session() } })],
  ['no session', challenge(undefined)],
  ['no requirement', challenge(session(), { authorization_requirement: undefined })],
  ['a requirement without a type', challenge(session(), { requirement: { type: undefined } })],
  ['an expires_in that is no number', challenge(session(), { expires_in: '60' })],
]) {
  test(`agent fails on a challenge with ${why}, and sends nothing more`, async () => {
    const { code, requests } = await play([async () => answer]);
    assert.deepEqual([code, requests.length], [3, 1]);
  });
}

test('agent: wrong evidence is the end (S-12)', async () => {
  gaveUp(await play([async () => challenge(session()), async () => refusal('unauthorized_client')]),
    'unauthorized_client', 2);
});

test('agent: a server that challenges for ever gets three answers to one requirement', async () => {
  const answers = Array.from({ length: 4 }, () => async () => challenge(session()));
  gaveUp(await play(answers), 'unauthorized_client', 4);
});

test('agent: the same session a second time is not answered again', async () => {
  const id = session();
  gaveUp(await play([async () => challenge(id), async () => challenge(id)]), 'unauthorized_client', 2);
});

test('agent: nonces for ever come to an end', async () => {
  let count = 0;
  const answers = Array.from({ length: 20 }, () => async () =>
    refusal('use_dpop_nonce', { 'DPoP-Nonce': `n${++count}` }));
  const { requests, ...result } = await play(answers);
  assert.equal(result.said, 'refused: use_dpop_nonce');
  assert.ok(requests.length <= 6, `${requests.length} requests`);
});

test('agent does not answer after expires_in (C-04)', async () => {
  gaveUp(await play([async () => challenge(session(), { expires_in: 0 })]), 'unauthorized_client', 1);
});

test('agent throws away a token that is not bound to its key', async () => {
  const { code } = await play([async () => token({ token_type: 'Bearer' })]);
  assert.equal(code, 3);
});

test('agent does not follow a redirect with its credentials', async () => {
  const { code, requests } = await play([async () => ({ status: 307, headers: { Location: '/token' }, body: {} })]);
  assert.deepEqual([code, requests.length], [3, 1]);
});
