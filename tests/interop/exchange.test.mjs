// SPDX-License-Identifier: MIT
//
// The exchange by a stock client (oauth4webapi) with evidence that jose signed, without DPoP: granted, challenged,
// wrong evidence, sessions that do not fit, token exchange, authorization_details, the other status.

import assert from 'node:assert/strict';
import { EncryptJWT, UnsecuredJWT, exportJWK } from 'jose';
import * as oauth from 'oauth4webapi';
import { keys } from './keys.mjs';
import {
  CLIENT, OTHER_CLIENT, OTHER_SUBJECT_TOKEN, PLAIN_CLIENT, SECRET, SUBJECT_TOKEN, startServer,
} from './server.mjs';
import {
  ACCESS_TOKEN, EXCHANGE, JWT_FORMAT, Stock, assertion, basic, isChallenge, isRefused, isToken, post,
} from './stock.mjs';
import { test } from './tap.mjs';

const server = await startServer();
const stock = await Stock.make(server);
const payments = { scope: 'payments' };

// ---- Clients and grants -----------------------------------------------------------------------------------------

test('client_credentials is granted at once', async () => {
  isToken(await stock.ask({ scope: 'status' }), { scope: 'status' });
});

test('client_secret_post is granted at once', async () => {
  isToken(await stock.like({ auth: oauth.ClientSecretPost(SECRET) }).ask({ scope: 'status' }));
});

test('a wrong secret in Basic is 401 with a WWW-Authenticate that the library reads', async () => {
  const answer = await (await Stock.make(server, { secret: 'wrong' })).ask(payments);
  assert.equal(answer.status, 401);
  assert.ok(answer.thrown instanceof oauth.WWWAuthenticateChallengeError);
  assert.equal(answer.thrown.cause[0].scheme, 'basic');
  assert.equal(answer.body.error, 'invalid_client');
});

test('a wrong secret in the body is 401 invalid_client', async () => {
  isRefused(await (await Stock.make(server, { secret: 'wrong', auth: 'post' })).ask(payments), 'invalid_client', 401);
});

// spec: RFC 6749 section 2.3. libocc believes what the host has verified: so the host must not.
test('two ways to authenticate, each of them good, are none', async () => {
  const grant = { grant_type: 'client_credentials', scope: 'status' };
  const inBody = { client_id: CLIENT, client_secret: SECRET };
  const asserted = { client_assertion: 'x', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' };
  const rows = [
    ['Basic and a secret in the body', 'invalid_request', { ...grant, ...inBody }, basic()],
    ['Basic and an assertion', 'invalid_request', { ...grant, ...asserted }, basic()],
    ['a secret in the body and an assertion', 'invalid_request', { ...grant, ...inBody, ...asserted }, []],
    ['Basic twice', 'invalid_client', grant, [basic(), basic()]],
    ['Basic and that of another', 'invalid_client', grant, [basic(), basic(OTHER_CLIENT)]],
    ['Basic and Bearer', 'invalid_client', grant, [basic(), 'Bearer x']],
    ['a zero octet behind the secret', 'invalid_client', grant, basic(CLIENT, `${SECRET}\0x`)],
  ];
  for (const [why, error, params, authorization] of rows) {
    const { status, body } = await post(server, { params, authorization });
    assert.deepEqual([why, status, body.error], [why, error === 'invalid_client' ? 401 : 400, error]);
  }
  assert.equal((await post(server, { params: { ...grant, client_secret: '' }, authorization: basic() })).status, 200);
  assert.equal((await post(server, { params: { ...grant, ...inBody }, authorization: [] })).status, 200);
});

test('a scope that the client has not is invalid_scope', async () => {
  isRefused(await stock.ask({ scope: 'admin' }), 'invalid_scope');
});

test('a client that never said it understands challenges is refused (S-16)', async () => {
  isRefused(await (await Stock.make(server, { id: PLAIN_CLIENT })).ask(payments), 'unauthorized_client');
});

// ---- Challenged, answered, granted ------------------------------------------------------------------------------

test('a challenge is a 403 that the library gives out as ResponseBodyError (S-01 to S-06)', async () => {
  const { body } = isChallenge(await stock.ask(payments));
  assert.deepEqual(Object.keys(body).filter((name) => !name.startsWith('error_')).sort(), [
    'authorization_requirement', 'challenge_session', 'error', 'expires_in',
  ]);
  assert.equal(body.authorization_requirement.challenge_session, undefined); // O-01
});

for (const [name, key] of [
  ['ES256', keys.es256],
  ['Ed25519', keys.ed25519],
  ['EdDSA', keys.eddsa],
  ['ES256 by a JWK without alg', keys.silent],
]) {
  test(`an assertion that jose signed with ${name} is granted`, async () => {
    const challenge = isChallenge(await stock.ask(payments));
    isToken(await stock.answer(payments, challenge, { key }), { scope: 'payments' });
  });
}

test('many challenges may wait, and are answered in another order', async () => {
  const challenges = await Promise.all(Array.from({ length: 20 }, () => stock.ask(payments)));
  for (const challenge of challenges.map((each) => isChallenge(each)).reverse()) {
    isToken(await stock.answer(payments, challenge));
  }
});

test('by client_secret_post: challenged, answered, granted', async () => {
  const other = await Stock.make(server, { auth: 'post' });
  isToken(await other.answer(payments, isChallenge(await other.ask(payments))));
});

test('with status 400 and the session inside too (O-01, O-03): challenged, answered, granted', async () => {
  const here = await startServer({ challenge_status: '400', challenge_session_nested: true });
  const client = await Stock.make(here);
  const challenge = isChallenge(await client.ask(payments), { status: 400 });
  const { authorization_requirement: requirement, challenge_session: session } = challenge.body;
  assert.equal(requirement.challenge_session, session);
  isToken(await client.answer(payments, challenge));
  isChallenge(await client.answer(payments, challenge), { status: 400 });
  assert.equal(await here.stop(), 0);
});

// ---- Wrong evidence ---------------------------------------------------------------------------------------------

const now = () => Math.floor(Date.now() / 1000);
const publicOctets = async () => new TextEncoder().encode(JSON.stringify(await exportJWK(keys.es256.publicKey)));

// Judged, and so the session is used up: what is right comes too late.
const wrong = [
  ["another's key under a trusted kid", { key: keys.stranger }],
  ['a kid that the issuer has not', { header: { kid: 'nobody' } }],
  ['a trusted key under the kid of another', { header: { kid: keys.silent.kid } }],
  ['an alg that is not the kid\'s', { key: keys.ed25519, header: { kid: keys.es256.kid } }],
  ['an issuer that is not configured (N78)', { claims: { iss: 'https://other.example' } }],
  ['issued by the client itself', { claims: { iss: CLIENT } }],
  ["another client's assertion", { claims: { sub: OTHER_CLIENT } }],
  ['no sub', { claims: { sub: undefined } }],
  ['another audience (N79)', { claims: { aud: 'https://other.example' } }],
  ['the token endpoint as audience', { claims: { aud: server.tokenUrl } }],
  ['two audiences', { claims: { aud: [server.issuer, 'https://other.example'] } }],
  ['the issuer with a slash', { claims: { aud: `${server.issuer}/` } }],
  ['no audience', { claims: { aud: undefined } }],
  ['no typ', { header: { typ: undefined } }],
  ['typ JWT', { header: { typ: 'JWT' } }],
  ['typ dpop+jwt', { header: { typ: 'dpop+jwt' } }],
  ['expired', { claims: { iat: now() - 120, exp: now() - 60 } }],
  ['no exp', { claims: { exp: undefined } }],
  ['no iat', { claims: { iat: undefined } }],
  ['issued tomorrow', { claims: { iat: now() + 86400, exp: now() + 86460 } }],
  ['not yet valid', { claims: { nbf: now() + 3600 } }],
  ['good for eleven minutes', { claims: { exp: now() + 660 } }],
  ['no jti', { claims: { jti: undefined } }],
  ['bound to a key that was not shown', { claims: { cnf: { jkt: 'A'.repeat(43) } } }],
  ['RS256, which is not among the algs', { key: keys.rsa }],
  ['ES384, which is not among the algs', { key: keys.p384 }],
  ['a critical header that nobody knows', async (of) => {
    const [head, ...rest] = (await assertion(of)).split('.');
    const header = { ...JSON.parse(Buffer.from(head, 'base64url')), crit: ['x'], x: 1 };
    return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
  }],
  ['HS256 keyed with the public key', async (of) =>
    assertion({ ...of, header: { alg: 'HS256' }, sign: await publicOctets() })],
  ['alg none with a signature', async (of) => {
    const [head, payload, signature] = (await assertion(of)).split('.');
    const header = { ...JSON.parse(Buffer.from(head, 'base64url')), alg: 'none' };
    return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`;
  }],
  ['a signature with one bit changed', async (of) => {
    const [head, payload, signature] = (await assertion(of)).split('.');
    const octets = Buffer.from(signature, 'base64url');
    octets[40] ^= 1;
    return `${head}.${payload}.${octets.toString('base64url')}`;
  }],
  ['claims changed after signing', async (of) => {
    const [head, , signature] = (await assertion({ ...of, client: OTHER_CLIENT })).split('.');
    const [, payload] = (await assertion(of)).split('.');
    return `${head}.${payload}.${signature}`;
  }],
];

// Either options of assertion(), or a function that makes the text.
async function make(how, challenge) {
  const of = { server, client: CLIENT, session: challenge.body.challenge_session };
  return typeof how === 'function' ? how(of) : assertion({ ...of, ...how });
}

for (const [why, how] of wrong) {
  test(`wrong evidence is unauthorized_client (S-12): ${why}`, async () => {
    const challenge = isChallenge(await stock.ask(payments));
    isRefused(await stock.answer(payments, challenge, { token: await make(how, challenge) }), 'unauthorized_client');
    isChallenge(await stock.answer(payments, challenge)); // the session is used up (O-06)
  });
}

// Seen before the session is used up.
const unfit = [
  ['the nonce of another session (N80)', 'unauthorized_client', { claims: { nonce: 'x'.repeat(200) } }],
  ['no nonce', 'unauthorized_client', { claims: { nonce: undefined } }],
  ['no JWT', 'invalid_request', async () => 'not a JWT'],
  ['a JWE', 'invalid_request', async () =>
    new EncryptJWT({}).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(new Uint8Array(32))],
  ['two signatures\' worth of dots', 'invalid_request', async (of) => `${await assertion(of)}.AAAA`],
  ['an unsecured JWT (its third part is empty, N-JOSE-01)', 'invalid_request', async ({ session }) =>
    new UnsecuredJWT({ nonce: session }).encode()],
];

for (const [why, error, how] of unfit) {
  test(`evidence that does not fit is ${error} and costs nothing: ${why}`, async () => {
    const challenge = isChallenge(await stock.ask(payments));
    isRefused(await stock.answer(payments, challenge, { token: await make(how, challenge) }), error);
    isToken(await stock.answer(payments, challenge));
  });
}

test('a session without evidence is invalid_request and costs nothing', async () => {
  const challenge = isChallenge(await stock.ask(payments));
  const { challenge_session } = challenge.body;
  isRefused(await stock.ask({ ...payments, challenge_session }), 'invalid_request');
  isToken(await stock.answer(payments, challenge));
});

test('evidence in a format that nobody asked for is invalid_request and costs nothing', async () => {
  const challenge = isChallenge(await stock.ask(payments));
  const { challenge_session } = challenge.body;
  const claim_token = await make({}, challenge);
  const follow_up = { ...payments, challenge_session, claim_token, claim_token_format: ACCESS_TOKEN };
  isRefused(await stock.ask(follow_up), 'invalid_request');
  isToken(await stock.answer(payments, challenge));
});

test('evidence without a session is not looked at (O-14)', async () => {
  const claim_token = await assertion({ server, client: CLIENT, session: 'none' });
  isChallenge(await stock.ask({ ...payments, claim_token, claim_token_format: JWT_FORMAT }));
  isToken(await stock.ask({ scope: 'status', claim_token: 'x', claim_token_format: 'y' }));
});

test('one jti for two sessions is unauthorized_client', async () => {
  const claims = { jti: 'the same one' };
  const first = isChallenge(await stock.ask(payments));
  const second = isChallenge(await stock.ask(payments));
  isToken(await stock.answer(payments, first, { claims }));
  isRefused(await stock.answer(payments, second, { claims }), 'unauthorized_client');
});

// ---- Sessions that do not fit -----------------------------------------------------------------------------------

test('a session is good once: a replay gets a new challenge (O-06, O-08)', async () => {
  const challenge = isChallenge(await stock.ask(payments));
  isToken(await stock.answer(payments, challenge));
  const again = isChallenge(await stock.answer(payments, challenge));
  isToken(await stock.answer(payments, again));
});

test('a client that lost the reply can go on', async () => {
  const challenge = isChallenge(await stock.ask(payments));
  await stock.answer(payments, challenge); // the reply is lost
  const again = isChallenge(await stock.answer(payments, challenge));
  isToken(await stock.answer(payments, again));
});

const changes = [
  ['a raised scope', { scope: 'payments.large' }],
  ['one scope more', { scope: 'payments status' }],
  ['no scope but an action', {
    scope: '', authorization_details: JSON.stringify([{ type: 'payment_initiation' }]),
  }],
  ['a resource more', { ...payments, resource: 'https://api.example/ledger' }],
  ['a parameter that nobody knows', { ...payments, color: 'red' }],
];

for (const [why, params] of changes) {
  test(`a changed request gets a new challenge and the session stays good (O-07): ${why}`, async () => {
    const challenge = isChallenge(await stock.ask(payments));
    isChallenge(await stock.answer(params, challenge));
    isToken(await stock.answer(payments, challenge));
  });
}

test("another client's session gets a new challenge and stays good for its own (N64)", async () => {
  const other = await Stock.make(server, { id: OTHER_CLIENT });
  const challenge = isChallenge(await stock.ask(payments));
  isChallenge(await other.answer(payments, challenge));
  isChallenge(await other.answer(payments, challenge, { claims: { sub: CLIENT } }));
  isToken(await stock.answer(payments, challenge));
});

test('a session from Basic is no session for client_secret_post, and stays good', async () => {
  const params = { ...payments, client_id: CLIENT }; // so that the method is all that differs
  const challenge = isChallenge(await stock.ask(params));
  isChallenge(await (await Stock.make(server, { auth: 'post' })).answer(params, challenge));
  isToken(await stock.answer(params, challenge));
});

for (const [why, change] of [
  ['cut', (text) => text.slice(0, -1)],
  ['one character changed', (text) => text.slice(0, 60) + (text[60] === 'A' ? 'B' : 'A') + text.slice(61)],
  ['made up', () => '7f3d9e2a-4c1b-4f8e-b5a0-1e6c8d2f0a9b'],
  ['with other characters in it', (text) => `${text} `],
]) {
  test(`an unknown session gets a new challenge: ${why}`, async () => {
    const challenge = isChallenge(await stock.ask(payments));
    const body = { challenge_session: change(challenge.body.challenge_session) };
    isChallenge(await stock.answer(payments, { body }));
    isToken(await stock.answer(payments, challenge));
  });
}

test('two sessions in one request are invalid_request, and both stay good (O-10)', async () => {
  const first = isChallenge(await stock.ask(payments));
  const second = isChallenge(await stock.ask(payments));
  const session = first.body.challenge_session;
  const body = new URLSearchParams([
    ['grant_type', 'client_credentials'],
    ['scope', 'payments'],
    ['challenge_session', session],
    ['challenge_session', second.body.challenge_session],
    ['claim_token', await assertion({ server, client: CLIENT, session })],
    ['claim_token_format', JWT_FORMAT],
  ]);
  const answer = await post(server, { params: body.toString(), authorization: basic() });
  assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_request']);
  isToken(await stock.answer(payments, first));
  isToken(await stock.answer(payments, second));
});

test('two servers of one configuration: a session of one is no session at the other, nor after a restart', async () => {
  const libocc = { token_urls: ['https://as.example/token'] };
  const key = { id: 'k1', key: Buffer.alloc(32, 7).toString('base64url'), seal_from: 0, open_until: Date.now() + 1e8 };
  const more = { issuer: 'https://as.example', keys: { keys: [key] } };
  const one = await startServer(libocc, more);
  const two = await startServer(libocc, more);
  const ask = async (at, params) => post(at, { params: { grant_type: 'client_credentials', ...params } });
  const answer = async (at, session) =>
    ask(at, {
      ...payments,
      challenge_session: session,
      claim_token: await assertion({ server: at, client: CLIENT, session }),
      claim_token_format: JWT_FORMAT,
    });
  const first = (await ask(one, payments)).body.challenge_session;
  const second = (await ask(two, payments)).body.challenge_session;
  assert.equal((await answer(two, first)).status, 403);
  assert.equal((await answer(one, second)).status, 403);
  assert.equal((await answer(one, first)).status, 200);
  assert.equal(await one.stop(), 0);
  const restarted = await startServer(libocc, more);
  assert.equal((await answer(restarted, first)).status, 403);
  assert.equal((await answer(two, second)).status, 200);
  assert.deepEqual([await restarted.stop(), await two.stop()], [0, 0]);
});

// ---- Other grants, other parameters ------------------------------------------------------------------------------

const exchange = { subject_token: SUBJECT_TOKEN, subject_token_type: ACCESS_TOKEN, ...payments };

test('token exchange: challenged, answered, granted (the subject token was not used up, O-09)', async () => {
  const challenge = isChallenge(await stock.ask(exchange, EXCHANGE));
  const answer = isToken(await stock.answer(exchange, challenge, { grant: EXCHANGE }), { scope: 'payments' });
  assert.equal(answer.token.issued_token_type, ACCESS_TOKEN);
});

test('token exchange: without a challenge where no rule wants one', async () => {
  isToken(await stock.ask({ ...exchange, scope: 'status' }, EXCHANGE), { scope: 'status' });
});

test('token exchange: an unknown subject token is invalid_grant before any challenge', async () => {
  isRefused(await stock.ask({ ...exchange, subject_token: 'x' }, EXCHANGE), 'invalid_grant');
});

test('token exchange: another subject token in the follow-up gets a new challenge', async () => {
  const challenge = isChallenge(await stock.ask(exchange, EXCHANGE));
  const changed = { ...exchange, subject_token: OTHER_SUBJECT_TOKEN };
  isChallenge(await stock.answer(changed, challenge, { grant: EXCHANGE }));
  isToken(await stock.answer(exchange, challenge, { grant: EXCHANGE }));
});

test('a session of client_credentials is none for token exchange', async () => {
  const challenge = isChallenge(await stock.ask(payments));
  isChallenge(await stock.answer(exchange, challenge, { grant: EXCHANGE }));
  isToken(await stock.answer(payments, challenge));
});

const payment = {
  type: 'payment_initiation',
  actions: ['initiate', 'status', 'cancel'],
  locations: ['https://api.example/payments'],
  instructedAmount: { currency: 'EUR', amount: '123.50' },
  creditorName: 'Merchant A',
};
const details = (change) => JSON.stringify([{ ...payment, ...change }]);

test('authorization_details: challenged, answered, granted, and echoed', async () => {
  const params = { authorization_details: details() };
  const answer = isToken(await stock.answer(params, isChallenge(await stock.ask(params))));
  assert.deepEqual(answer.body.authorization_details, [payment]);
});

test('authorization_details written in another way are the same request', async () => {
  const challenge = isChallenge(await stock.ask({ authorization_details: details() }));
  const turned = JSON.stringify([Object.fromEntries(Object.entries(payment).reverse())], null, 2);
  isToken(await stock.answer({ authorization_details: turned }, challenge));
});

test('authorization_details with a raised amount get a new challenge (N66)', async () => {
  const challenge = isChallenge(await stock.ask({ authorization_details: details() }));
  const raised = details({ instructedAmount: { currency: 'EUR', amount: '9123.50' } });
  isChallenge(await stock.answer({ authorization_details: raised }, challenge));
  isToken(await stock.answer({ authorization_details: details() }, challenge));
});

test('two resources: challenged, answered, granted; in another order it is another request', async () => {
  const pairs = (...names) => names.map((name) => ['resource', `https://api.example/${name}`]);
  const send = async (list, more = []) =>
    post(server, { params: new URLSearchParams([['grant_type', 'client_credentials'], ...list, ...more]).toString() });
  const evidence = async (session) => [
    ['challenge_session', session],
    ['claim_token', await assertion({ server, client: CLIENT, session })],
    ['claim_token_format', JWT_FORMAT],
  ];
  const challenge = await send(pairs('ledger', 'other'));
  assert.equal(challenge.status, 403);
  const session = challenge.body.challenge_session;
  assert.equal((await send(pairs('other', 'ledger'), await evidence(session))).status, 403);
  assert.equal((await send(pairs('ledger'), await evidence(session))).status, 403);
  assert.equal((await send(pairs('ledger', 'other'), await evidence(session))).status, 200);
});

test('token-server of the exchange ends with 0', async () => {
  assert.equal(await server.stop(), 0);
});
