// SPDX-License-Identifier: MIT
//
// DPoP by a stock client: oauth4webapi's own handle puts the last DPoP-Nonce that it saw into every later proof,
// whatever that nonce was for, and must get along with all three nonce modes and with sessions that are nonces
// (dpop_proof). Proofs as oauth4webapi would not make them come from jose. Also many follow-ups at once.

import assert from 'node:assert/strict';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { keys } from './keys.mjs';
import { CLIENT, OTHER_CLIENT, SECRET, SUBJECT_TOKEN, startServer } from './server.mjs';
import {
  ACCESS_TOKEN, EXCHANGE, JWT_FORMAT, Stock, assertion, isChallenge, isRefused, isToken, post, proof,
} from './stock.mjs';
import { test } from './tap.mjs';

// All started now: what only a store older than 31 s can show comes last.
const [off, accept, require, refuse] = await Promise.all([
  startServer({ dpop_nonce: 'off' }),
  startServer({ dpop_nonce: 'accept' }),
  startServer({ dpop_nonce: 'require' }),
  startServer({ dpop_nonce: 'off', dpop_nonce_unknown: 'refuse' }),
]);
const payments = { scope: 'payments' };
const device = { scope: 'device' };
const status = { scope: 'status' };
const isDevice = { type: 'dpop_proof' };

// The follow-up to dpop_proof is the same request with the session: the evidence is the proof.
function prove(stock, params, challenge, grant) {
  return stock.ask({ ...params, challenge_session: challenge.body.challenge_session }, grant);
}

// ---- The modes --------------------------------------------------------------------------------------------------

test('mode require: use_dpop_nonce, and the library goes on with the nonce', async () => {
  const stock = await Stock.make(require, { dpop: true });
  const first = await stock.send(status);
  isRefused(first, 'use_dpop_nonce');
  assert.ok(oauth.isDPoPNonceError(first.thrown));
  isToken(await stock.send(status), { type: 'dpop', scope: 'status' });
});

test('mode accept, in the first half minute of a store: a nonce stands in for what the store cannot know', async () => {
  const stock = await Stock.make(accept, { dpop: true });
  const answer = isToken(await stock.ask(status), { type: 'dpop' });
  assert.equal(answer.nonces, 1);
});

test('mode off, in the first half minute of a store: 503, and nothing is granted', async () => {
  const { pair } = await Stock.make(off, { dpop: true });
  const params = { grant_type: 'client_credentials', ...status };
  const answer = await post(off, { params, proofs: [await proof({ server: off, pair })] });
  assert.deepEqual([answer.status, answer.body.error], [503, 'temporarily_unavailable']);
  assert.deepEqual(answer.lines['retry-after'], ['1']);
  assert.equal(answer.lines['dpop-nonce'], undefined);
});

// What holds in every mode. The server comes from a function, so that it can be waited for.
function inMode(mode, find) {
  const make = async (options) => Stock.make(await find(), { dpop: true, ...options });

  for (const alg of ['ES256', 'Ed25519']) {
    test(`mode ${mode}, ${alg}: granted at once, bound to the key`, async () => {
      const stock = await make({ dpop: alg });
      const answer = isToken(await stock.ask(status), { type: 'dpop', scope: 'status' });
      assert.equal(answer.headers.has('dpop-nonce'), mode !== 'off');
      const jkt = await stock.dpop.calculateThumbprint();
      await stock.server.logged(`"cnf":{"jkt":"${jkt}"}`); // token-server writes down what it has bound
    });
  }

  test(`mode ${mode}: challenged, answered, granted, and then an unrelated request`, async () => {
    const stock = await make();
    const challenge = isChallenge(await stock.ask(payments));
    isToken(await stock.answer(payments, challenge), { type: 'dpop', scope: 'payments' });
    isToken(await stock.ask(status), { type: 'dpop' });
  });

  test(`mode ${mode}: another DPoP key, or none, gets a new challenge and the session stays good`, async () => {
    const stock = await make();
    const challenge = isChallenge(await stock.ask(payments));
    isChallenge(await (await make()).answer(payments, challenge));
    isChallenge(await stock.like({ dpop: undefined }).answer(payments, challenge));
    isToken(await stock.answer(payments, challenge), { type: 'dpop' });
  });

  test(`mode ${mode}: another client with the same DPoP key gets a new challenge`, async () => {
    const stock = await make();
    const challenge = isChallenge(await stock.ask(payments));
    const other = stock.like({ id: OTHER_CLIENT, client: { client_id: OTHER_CLIENT } });
    isChallenge(await other.answer(payments, challenge));
    isToken(await stock.answer(payments, challenge), { type: 'dpop' });
  });

  test(`mode ${mode}: a DPoP key that comes in with the follow-up must be named by the evidence`, async () => {
    const stock = await make();
    const jkt = await stock.dpop.calculateThumbprint();
    const challenge = isChallenge(await stock.like({ dpop: undefined }).ask(payments));
    isRefused(await stock.answer(payments, challenge), 'invalid_request');
    isRefused(await stock.answer(payments, challenge, { claims: { cnf: { jkt: 'A'.repeat(43) } } }), 'invalid_request');
    isToken(await stock.answer(payments, challenge, { claims: { cnf: { jkt } } }), { type: 'dpop' });
  });

  test(`mode ${mode}: evidence for another DPoP key than the one shown is unauthorized_client`, async () => {
    const stock = await make();
    const jkt = await (await make()).dpop.calculateThumbprint();
    const challenge = isChallenge(await stock.ask(payments));
    isRefused(await stock.answer(payments, challenge, { claims: { cnf: { jkt } } }), 'unauthorized_client');
  });

  test(`mode ${mode}, dpop_proof: the library itself answers with the session as nonce`, async () => {
    const stock = await make();
    const challenge = isChallenge(await stock.ask(device), isDevice);
    const answer = isToken(await prove(stock, device, challenge), { type: 'dpop', scope: 'device' });
    assert.equal(answer.nonces, 0);
    isChallenge(await prove(stock, device, challenge), isDevice); // a replay
  });

  test(`mode ${mode}, dpop_proof: after the grant, unrelated requests of the same client object`, async () => {
    const stock = await make();
    isToken(await prove(stock, device, isChallenge(await stock.ask(device), isDevice)), { type: 'dpop' });
    isToken(await stock.ask(status), { type: 'dpop', scope: 'status' });
    isToken(await stock.answer(payments, isChallenge(await stock.ask(payments))), { type: 'dpop' });
    isToken(await prove(stock, device, isChallenge(await stock.ask(device), isDevice)), { type: 'dpop' });
  });

  test(`mode ${mode}, dpop_proof: a challenge is left unanswered, then unrelated requests`, async () => {
    const stock = await make();
    isChallenge(await stock.ask(device), isDevice);
    isToken(await stock.ask(status), { type: 'dpop', scope: 'status' });
    isToken(await stock.answer(payments, isChallenge(await stock.ask(payments))), { type: 'dpop' });
  });

  test(`mode ${mode}, dpop_proof: two challenges at once overwrite each other's nonce; both granted`, async () => {
    const stock = await make();
    await stock.ask(status);
    const [first, second] = await Promise.all([stock.ask(device), stock.ask(device)]);
    isChallenge(first, isDevice);
    isChallenge(second, isDevice);
    const answers = [];
    for (const challenge of [first, second]) {
      answers.push(isToken(await prove(stock, device, challenge), { type: 'dpop', scope: 'device' }));
    }
    assert.ok(answers[0].nonces + answers[1].nonces >= 1, 'no nonce was overwritten: the case did not come up');
  });

  test(`mode ${mode}, dpop_proof: use_dpop_nonce carries that very session and costs nothing`, async () => {
    const stock = await make();
    const first = isChallenge(await stock.ask(device), isDevice);
    const second = isChallenge(await stock.ask(device), isDevice); // the library now has this nonce
    const { challenge_session } = first.body;
    const refused = isRefused(await stock.send({ ...device, challenge_session }), 'use_dpop_nonce');
    assert.equal(refused.headers.get('dpop-nonce'), challenge_session);
    isToken(await prove(stock, device, first), { type: 'dpop' });
    isToken(await prove(stock, device, second), { type: 'dpop' });
  });

  test(`mode ${mode}, dpop_proof: another key gets a new challenge and the session stays good`, async () => {
    const stock = await make();
    const challenge = isChallenge(await stock.ask(device), isDevice);
    isChallenge(await prove(await make(), device, challenge), isDevice);
    isToken(await prove(stock, device, challenge), { type: 'dpop' });
  });

  test(`mode ${mode}: two rounds, an assertion and then a proof`, async () => {
    const stock = await make();
    const both = { scope: 'both' };
    const second = isChallenge(await stock.answer(both, isChallenge(await stock.ask(both))), isDevice);
    isToken(await prove(stock, both, second), { type: 'dpop', scope: 'both' });
  });

  test(`mode ${mode}: two rounds for a token exchange`, async () => {
    const stock = await make();
    const params = { subject_token: SUBJECT_TOKEN, subject_token_type: ACCESS_TOKEN, scope: 'both' };
    const first = isChallenge(await stock.ask(params, EXCHANGE));
    const second = isChallenge(await stock.answer(params, first, { grant: EXCHANGE }), isDevice);
    const answer = isToken(await prove(stock, params, second, EXCHANGE), { type: 'dpop', scope: 'both' });
    assert.equal(answer.token.issued_token_type, ACCESS_TOKEN);
  });
}

inMode('accept', async () => accept);
inMode('require', async () => require);

test('dpop_proof for a client that shows no key: challenged, but a key that nobody knows will not do', async () => {
  const stock = await Stock.make(accept, { dpop: true });
  const bare = stock.like({ dpop: undefined });
  const challenge = isChallenge(await bare.ask(device), isDevice);
  isRefused(await bare.ask({ ...device, challenge_session: challenge.body.challenge_session }), 'invalid_request');
  isRefused(await prove(stock, device, challenge), 'unauthorized_client');
});

// ---- Proofs by jose ---------------------------------------------------------------------------------------------

// Asks with proofs that are given as they are.
async function askWith(server, proofs, params = status, grant_type = 'client_credentials') {
  return post(server, { params: { grant_type, ...params }, proofs });
}

function isOne(answer, status, error) {
  assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify(answer.body));
  assert.ok((answer.lines['dpop-nonce'] ?? []).length <= 1); // N-DPOP-23
  for (const name of ['cache-control', 'pragma', 'content-type']) {
    assert.equal(answer.lines[name].length, 1);
  }
  return answer;
}

async function freshNonce(server) {
  return isOne(await askWith(server, ['no proof']), 400, 'invalid_dpop_proof').lines['dpop-nonce'][0];
}

const pair = await generateKeyPair('ES256', { extractable: true });
const jwk = await exportJWK(pair.publicKey);
const nonce = await freshNonce(require);
const base = { server: require, pair, nonce };
const now = () => Math.floor(Date.now() / 1000);

test('N-DPOP-11, -13: a proof by jose is taken, and each answer has exactly one DPoP-Nonce', async () => {
  const answer = isOne(await askWith(require, [await proof(base)]), 200, undefined);
  assert.equal(answer.lines['dpop-nonce'].length, 1);
  assert.equal(answer.body.token_type, 'DPoP');
  const htu = `${require.tokenUrl.replace('http:', 'HTTP:')}?a=b#c`;
  isOne(await askWith(require, [await proof({ ...base, claims: { htu } })]), 200, undefined);
  isOne(await askWith(require, [await proof({ ...base, header: { typ: 'DPoP+JWT' } })]), 200, undefined);
  const more = { claims: { things: { more: [] } }, header: { kid: 'x' } };
  isOne(await askWith(require, [await proof({ ...base, ...more })]), 200, undefined);
});

for (const [why, wrong] of [
  ['missing', undefined],
  ['empty', ''],
  ['a number', 7],
  ['unknown', 'A'.repeat(43)],
  ['of another server', await freshNonce(accept)],
]) {
  test(`N-DPOP-13 mode require, the nonce is ${why}: use_dpop_nonce with one DPoP-Nonce`, async () => {
    const answer = isOne(await askWith(require, [await proof({ ...base, nonce: wrong })]), 400, 'use_dpop_nonce');
    assert.equal(answer.lines['dpop-nonce'].length, 1);
  });
}

test('N-DPOP-14 mode off, dpop_nonce_unknown=refuse: a nonce that nobody gave is invalid_dpop_proof', async () => {
  const answer = await askWith(refuse, [await proof({ server: refuse, pair, nonce: 'x' })]);
  assert.equal(isOne(answer, 400, 'invalid_dpop_proof').lines['dpop-nonce'], undefined);
});

test('N-DPOP-16 the same proof again is invalid_dpop_proof', async () => {
  const same = [await proof(base)];
  isOne(await askWith(require, same), 200, undefined);
  isOne(await askWith(require, same), 400, 'invalid_dpop_proof');
});

test('N-DPOP-24 a follow-up with the proof of the first request is invalid_dpop_proof and costs nothing', async () => {
  const same = [await proof(base)];
  const { challenge_session } = isOne(await askWith(require, same, payments), 403,
    'insufficient_client_authorization').body;
  const follow_up = {
    ...payments,
    challenge_session,
    claim_token: await assertion({ server: require, client: CLIENT, session: challenge_session }),
    claim_token_format: JWT_FORMAT,
  };
  isOne(await askWith(require, same, follow_up), 400, 'invalid_dpop_proof');
  isOne(await askWith(require, [await proof(base)], follow_up), 200, undefined);
});

const b64 = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
const cut = (text) => text.split('.');
const privateJwk = await exportJWK(pair.privateKey);
const other = await generateKeyPair('ES256', { extractable: true });

for (const [why, how] of [
  ['01 two lines', async () => [await proof(base), await proof(base)]],
  ['01 two proofs in one line', async () => [`${await proof(base)}, ${await proof(base)}`]],
  ['02 two parts', async () => [cut(await proof(base)).slice(0, 2).join('.')]],
  ['02 four parts', async () => [`${await proof(base)}.AAAA`]],
  ['03 no typ', async () => [await proof({ ...base, header: { typ: undefined } })]],
  ['03 typ JWT', async () => [await proof({ ...base, header: { typ: 'JWT' } })]],
  ['04 alg none', async () => [`${b64({ typ: 'dpop+jwt', alg: 'none', jwk })}.${cut(await proof(base))[1]}.AA`]],
  ['04 HS256', async () => [await proof({ ...base, header: { alg: 'HS256' }, sign: new Uint8Array(32) })]],
  ['04 RS256', async () => [await proof({ ...base, pair: keys.rsa, header: { alg: 'RS256' } })]],
  ['04 ES384', async () => [await proof({ ...base, pair: keys.p384, header: { alg: 'ES384' } })]],
  ['05 no jwk', async () => [await proof({ ...base, header: { jwk: undefined } })]],
  ['05 a private jwk', async () => [await proof({ ...base, header: { jwk: privateJwk } })]],
  ['06 signed with another key', async () => [await proof({ ...base, sign: other.privateKey })]],
  ...['jti', 'htm', 'htu', 'iat'].map((name) => [
    `08 no ${name}`, async () => [await proof({ ...base, claims: { [name]: undefined } })],
  ]),
  ['09 htm GET', async () => [await proof({ ...base, claims: { htm: 'GET' } })]],
  ['09 jti a number', async () => [await proof({ ...base, claims: { jti: 7 } })]],
  ['10 htu of another server', async () => [await proof({ ...base, claims: { htu: accept.tokenUrl } })]],
  ['10 htu with a slash more', async () => [await proof({ ...base, claims: { htu: `${require.tokenUrl}/` } })]],
  ['12 iat a text', async () => [await proof({ ...base, claims: { iat: String(now()) } })]],
  ['12 exp past', async () => [await proof({ ...base, claims: { exp: now() - 60 } })]],
]) {
  test(`N-DPOP-${why}: invalid_dpop_proof`, async () => {
    isOne(await askWith(require, await how()), 400, 'invalid_dpop_proof');
  });
}

for (const [why, iat] of [['two minutes old', -120], ['a minute ahead', 60]]) {
  test(`N-DPOP-12 without a nonce, ${why}: invalid_dpop_proof`, async () => {
    const claims = { iat: now() + iat };
    isOne(await askWith(accept, [await proof({ server: accept, pair, claims })]), 400, 'invalid_dpop_proof');
  });
}

// ---- Many at once -----------------------------------------------------------------------------------------------

const MANY = 1000;

test(`${MANY} follow-ups at once with one session: one is granted, all others are challenged anew`, async () => {
  const { body } = isOne(await askWith(require, [await proof(base)], payments), 403,
    'insufficient_client_authorization');
  const session = body.challenge_session;
  const messages = await Promise.all(Array.from({ length: MANY }, async () => ({
    proofs: [await proof(base)],
    params: {
      grant_type: 'client_credentials',
      ...payments,
      challenge_session: session,
      claim_token: await assertion({ server: require, client: CLIENT, session }),
      claim_token_format: JWT_FORMAT,
    },
  })));
  const answers = await Promise.all(messages.map((message) => post(require, message)));
  const granted = answers.filter((answer) => answer.status === 200);
  const challenged = answers.filter((answer) => answer.body.error === 'insufficient_client_authorization');
  assert.deepEqual([granted.length, challenged.length], [1, MANY - 1]);
  assert.equal(granted[0].body.token_type, 'DPoP');
  const sessions = new Set(challenged.map((answer) => answer.body.challenge_session).concat(session));
  assert.equal(sessions.size, MANY);
});

test('100 times the same octets at once: one is granted, all others are invalid_dpop_proof', async () => {
  const { body } = isOne(await askWith(require, [await proof(base)], payments), 403,
    'insufficient_client_authorization');
  const session = body.challenge_session;
  const message = {
    proofs: [await proof(base)],
    params: {
      grant_type: 'client_credentials',
      ...payments,
      challenge_session: session,
      claim_token: await assertion({ server: require, client: CLIENT, session }),
      claim_token_format: JWT_FORMAT,
    },
  };
  const answers = await Promise.all(Array.from({ length: 100 }, () => post(require, message)));
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
  assert.equal(answers.filter((answer) => answer.body.error === 'invalid_dpop_proof').length, 99);
});

test('events carry no secret: neither sessions, evidence, proofs nor the client secret are in the log', async () => {
  const stock = await Stock.make(accept, { dpop: true });
  const challenge = isChallenge(await stock.ask(payments));
  const session = challenge.body.challenge_session;
  const token = await assertion({ server: accept, client: CLIENT, session });
  isToken(await stock.answer(payments, challenge, { token }), { type: 'dpop' });
  await accept.logged(await stock.dpop.calculateThumbprint());
  for (const secret of [session, token, cut(token)[2], SECRET]) {
    assert.ok(!accept.log.includes(secret));
  }
});

// ---- When the store is old enough to know all proofs that count ---------------------------------------------------

test('N-DPOP-15 mode accept, an older store: no nonce is needed, and none that was left out is missed', async () => {
  await accept.isOld();
  const stock = await Stock.make(accept, { dpop: true });
  assert.equal(isToken(await stock.ask(status), { type: 'dpop' }).nonces, 0);
  isOne(await askWith(accept, [await proof({ server: accept, pair })]), 200, undefined);
});

test('N-DPOP-14 mode off: a nonce that nobody gave is not minded', async () => {
  await off.isOld();
  const answer = isOne(await askWith(off, [await proof({ server: off, pair, nonce: 'x' })]), 200, undefined);
  assert.equal(answer.lines['dpop-nonce'], undefined);
  isOne(await askWith(off, [await proof({ server: off, pair })]), 200, undefined);
});

inMode('off', () => off.isOld());

test('the key in cnf is the thumbprint that jose computes', async () => {
  isOne(await askWith(accept, [await proof({ server: accept, pair })]), 200, undefined);
  await accept.logged(`"cnf":{"jkt":"${await calculateJwkThumbprint(jwk)}"}`);
});

test('the token-servers of DPoP end with 0', async () => {
  const codes = await Promise.all([off, accept, require, refuse].map((server) => server.stop()));
  assert.deepEqual(codes, [0, 0, 0, 0]);
});
