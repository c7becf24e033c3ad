// SPDX-License-Identifier: MIT
//
// Grants that can be used up: authorization codes with PKCE, refresh tokens, pushed authorization requests, by
// oauth4webapi. What is used up is used up by a token alone, not by a challenge and not by whatever is refused.

import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { SECRET, startServer } from './server.mjs';
import { CALLBACK, Flow, RESOURCE_SERVER, isChallenged, isError, isGranted, isPushed } from './flow.mjs';
import { test } from './tap.mjs';

const CODE = 'authorization_code';
const REFRESH = 'refresh_token';
const scope = ['status', 'payments', 'payments.large'];
const capable = { insufficient_client_authorization_supported: true, scope };
const redirect_uris = [CALLBACK, 'https://client.example/two?x=1'];
const by_code = { ...capable, redirect_uris, grant_types: [CODE, REFRESH] };
const secret = { client_secret: SECRET };
const open = { token_endpoint_auth_method: 'none' };

const server = await startServer({}, {
  clients: [
    { client_id: 'web', ...secret, ...by_code, resource: ['https://api.example/plain', 'https://api.example/two'] },
    { client_id: 'other', ...secret, ...by_code },
    { client_id: 'once', ...secret, ...by_code, grant_types: [CODE] },
    { client_id: 'machine', ...secret, ...capable },
    { client_id: 'pushing', ...secret, ...by_code, require_pushed_authorization_requests: true },
    { client_id: 'old', ...secret, ...by_code, challenge_status: 400 },
    { client_id: 'app', ...open, ...by_code },
  ],
  resource_servers: [RESOURCE_SERVER],
  test_user: { sub: 'customer-12', scope: ['status', 'payments'] },
});
const web = await Flow.make(server, 'web');
const app = await Flow.make(server, 'app', { auth: oauth.None(), dpop: 'ES256' });
const status = { scope: 'status' };
const payments = { scope: 'payments' };

const active = async (answer) => (await web.introspect(answer.body.access_token)).active;

// ---- Codes ------------------------------------------------------------------------------------------------------

test('code and PKCE: the whole flow by the library, from the metadata to the token', async () => {
  const flow = web.like({});
  const request = await flow.request({ ...status });
  const callback = flow.callback(await flow.browse({ client_id: 'web', ...request }));
  assert.equal(callback.get('iss'), server.issuer); // RFC 9207
  const answer = isGranted(await flow.redeem(callback), 'status');
  assert.equal(answer.token.token_type, 'bearer');
  assert.ok(answer.token.refresh_token.length >= 64);
  const said = await flow.introspect(answer.body.access_token);
  assert.deepEqual([said.sub, said.client_id, said.scope, said.cnf], ['customer-12', 'web', 'status', undefined]);
});

test('code: a client that has not registered refresh_token gets none', async () => {
  const flow = await Flow.make(server, 'once');
  const answer = isGranted(await flow.token(CODE, await flow.code(status)));
  assert.equal(answer.body.refresh_token, undefined);
  isError(await flow.token(REFRESH, { refresh_token: 'x' }), 'unauthorized_client');
});

test('code: challenged three times, then granted (O-09)', async () => {
  const grant = await web.code(payments);
  for (let i = 0; i < 3; i++) {
    isChallenged(await web.token(CODE, grant));
  }
  const challenge = isChallenged(await web.token(CODE, grant));
  isGranted(await web.token(CODE, grant, await web.evidence(challenge)), 'payments');
});

test('code: no scope at the token endpoint does not slip past the rule for the scope of the code', async () => {
  isChallenged(await web.token(CODE, await web.code({ scope: 'status payments' })));
});

test('code: a part of its scope may be asked for, and is judged by that part', async () => {
  isGranted(await web.token(CODE, await web.code({ scope: 'status payments' }), status), 'status');
});

test('code: its resource is what the token is for', async () => {
  const both = [['resource', 'https://api.example/plain'], ['resource', 'https://api.example/two']];
  const params = Object.entries({ client_id: 'web', ...(await web.request(status)) });
  const callback = web.callback(await web.browse(new URLSearchParams([...params, ...both])));
  const grant = { code: callback.get('code'), code_verifier: web.verifier, redirect_uri: CALLBACK };
  isError(await web.token(CODE, grant, { resource: 'https://api.example/third' }), 'invalid_target');
  const answer = isGranted(await web.token(CODE, grant, { resource: 'https://api.example/two' }));
  assert.deepEqual((await web.introspect(answer.body.access_token)).aud, ['https://api.example/two']);
});

test('code used twice: refused, and the tokens made of it have ended (RFC 6749 4.1.2)', async () => {
  const grant = await web.code(status);
  const first = isGranted(await web.token(CODE, grant));
  assert.equal(await active(first), true);
  isError(await web.token(CODE, grant), 'invalid_grant');
  assert.equal(await active(first), false);
  isError(await web.refresh(first.body.refresh_token), 'invalid_grant');
  isError(await web.token(CODE, grant), 'invalid_grant');
});

// What does not fit does not use the code up either, nor end what came of it.
const misfits = [
  ['another verifier', async (grant) =>
    web.token(CODE, { ...grant, code_verifier: oauth.generateRandomCodeVerifier() })],
  ['the challenge as verifier', async (grant) =>
    web.token(CODE, { ...grant, code_verifier: await oauth.calculatePKCECodeChallenge(grant.code_verifier) })],
  ['no verifier', async ({ code_verifier: _, ...grant }) => web.token(CODE, grant)],
  ['a verifier of 42 characters', async (grant) => web.token(CODE, { ...grant, code_verifier: 'a'.repeat(42) })],
  ['a verifier of 129 characters', async (grant) => web.token(CODE, { ...grant, code_verifier: 'a'.repeat(129) })],
  ['another redirect_uri of the client', async (grant) =>
    web.token(CODE, { ...grant, redirect_uri: 'https://client.example/two?x=1' })],
  ['a redirect_uri with a slash more', async (grant) => web.token(CODE, { ...grant, redirect_uri: `${CALLBACK}/` })],
  ['no redirect_uri', async ({ redirect_uri: _, ...grant }) => web.token(CODE, grant)],
  ['another client', async (grant) => (await Flow.make(server, 'other')).token(CODE, grant)],
  ['a code with one character more', async (grant) => web.token(CODE, { ...grant, code: `${grant.code}A` })],
  ['the code as refresh token', async (grant) => web.refresh(grant.code)],
];
for (const [why, send] of misfits) {
  test(`code refused, and still good: ${why}`, async () => {
    const grant = await web.code(status);
    isError(await send(grant), 'invalid_grant');
    const first = isGranted(await web.token(CODE, grant));
    isError(await send(grant), 'invalid_grant');
    assert.equal(await active(first), true);
  });
}

test('code refused, and still good: more scope than it has; no code at all', async () => {
  const grant = await web.code(status);
  isError(await web.token(CODE, grant, payments), 'invalid_scope');
  isError(await web.token(CODE, { ...grant, code: '' }), 'invalid_request');
  isGranted(await web.token(CODE, grant));
});

test('N-DPOP-20 code with dpop_jkt: another key, or none, is refused; its own is granted and bound', async () => {
  const flow = await web.withKey();
  const dpop_jkt = await flow.options.DPoP.calculateThumbprint();
  const grant = await flow.code({ ...status, dpop_jkt });
  isError(await web.token(CODE, grant), 'invalid_grant');
  isError(await (await web.withKey()).token(CODE, grant), 'invalid_grant');
  const answer = isGranted(await flow.token(CODE, grant));
  assert.deepEqual((await flow.introspect(answer.body.access_token)).cnf, { jkt: dpop_jkt });
});

test('the same code in parallel: one token (and it has ended, for the code was used twice)', async () => {
  for (let round = 0; round < 3; round++) {
    const grant = await web.code(status);
    const answers = await Promise.all(Array.from({ length: 8 }, () => web.token(CODE, grant)));
    const granted = answers.filter((answer) => answer.status === 200);
    assert.equal(granted.length, 1);
    answers.filter((answer) => answer.status !== 200).forEach((answer) => isError(answer, 'invalid_grant'));
    assert.equal(await active(granted[0]), false);
  }
});

test('a client without authorization_code: unauthorized_client, at each endpoint', async () => {
  const flow = await Flow.make(server, 'machine');
  isError(await flow.token(CODE, await web.code(status)), 'unauthorized_client');
  isError(await flow.push(await flow.request(status)), 'invalid_request'); // it has no redirect_uri to be told by
});

test('a client with grant_types has no others: client_credentials is unauthorized_client', async () => {
  isError(await web.token('client_credentials', status), 'unauthorized_client');
  isError(await app.token('client_credentials', status), 'unauthorized_client');
});

// ---- /authorize -------------------------------------------------------------------------------------------------

const errors = [
  ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['a challenge without its method', { code_challenge_method: '' }, 'invalid_request'],
  ['no challenge', { code_challenge: '' }, 'invalid_request'],
  ['a challenge that is too short', { code_challenge: 'A'.repeat(42) }, 'invalid_request'],
  ['a challenge that is no base64url', { code_challenge: `${'A'.repeat(42)}+` }, 'invalid_request'],
  ['response_type token', { response_type: 'token' }, 'unsupported_response_type'],
  ['no response_type', { response_type: '' }, 'invalid_request'],
  ['response_mode fragment', { response_mode: 'fragment' }, 'invalid_request'],
  ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
  ['a scope that the client has not', { scope: 'admin' }, 'invalid_scope'],
  ['a scope that the user has not', { scope: 'payments.large' }, 'invalid_scope'],
  ['a resource that nobody knows', { resource: 'https://api.example/third' }, 'invalid_target'],
  ['authorization_details of no type', { authorization_details: '[{"type":"x"}]' }, 'invalid_authorization_details'],
  ['authorization_details that are no JSON', { authorization_details: '[' }, 'invalid_authorization_details'],
  ['a dpop_jkt that is none', { dpop_jkt: 'x' }, 'invalid_request'],
];
for (const [why, params, error] of errors) {
  test(`/authorize tells the client: ${why}`, async () => {
    const request = await web.request({ ...status, ...params });
    const { location } = await web.browse({ client_id: 'web', ...request });
    const said = new URL(location).searchParams;
    assert.deepEqual([said.get('error'), said.get('code')], [error, null]);
    assert.throws(
      () => web.callback({ status: 303, location }), // state and iss are as they should be, says the library
      (thrown) => thrown instanceof oauth.AuthorizationResponseError && thrown.error === error,
    );
  });
}

const strangers = [
  ['an unknown client', { client_id: 'nobody' }],
  ['no client', { client_id: '' }],
  ['no redirect_uri', { redirect_uri: '' }],
  ['a redirect_uri of somebody else', { redirect_uri: 'https://thief.example/callback' }],
  ['a redirect_uri with a path more', { redirect_uri: `${CALLBACK}/../thief` }],
  ['a redirect_uri in capitals', { redirect_uri: CALLBACK.toUpperCase() }],
  ['a redirect_uri with a query more', { redirect_uri: `${CALLBACK}?x=1` }],
  ['a redirect_uri with its query missing', { redirect_uri: 'https://client.example/two' }],
  ['a redirect_uri with a line break', { redirect_uri: `${CALLBACK}\r\nSet-Cookie: x` }],
  ['a request_uri that nobody has pushed', { request_uri: `urn:ietf:params:oauth:request_uri:${'A'.repeat(43)}` }],
  ['a request_uri elsewhere', { request_uri: 'https://thief.example/request' }],
];
for (const [why, params] of strangers) {
  test(`/authorize redirects nobody: ${why}`, async () => {
    const answer = await web.browse({ client_id: 'web', ...(await web.request(status)), ...params });
    assert.deepEqual([answer.status, answer.location], [400, null]);
  });
}

test('/authorize: a repeated parameter, or a zero octet, redirects nobody', async () => {
  const request = new URLSearchParams({ client_id: 'web', ...(await web.request(status)) }).toString();
  for (const more of ['&scope=payments', '&state=x', `&redirect_uri=${encodeURIComponent(CALLBACK)}`, '&x=a%00b']) {
    const answer = await web.browse(request + more);
    assert.deepEqual([answer.status, answer.location], [400, null]);
  }
});

test('/authorize: a state comes back as it was, whatever it is', async () => {
  const state = `"';<>&=%+ ${'x'.repeat(500)}`;
  const { location } = await web.browse({ client_id: 'web', ...(await web.request({ ...status, state })) });
  assert.equal(new URL(location).searchParams.get('state'), state);
});

test('/authorize: a redirect_uri with a query keeps it', async () => {
  const redirect_uri = 'https://client.example/two?x=1';
  const { location } = await web.browse({ client_id: 'web', ...(await web.request({ ...status, redirect_uri })) });
  assert.ok(location.startsWith(`${redirect_uri}&code=`), location);
});

// ---- Refresh tokens ---------------------------------------------------------------------------------------------

test('refresh token: each use gives another, and what was granted stays', async () => {
  let { body } = isGranted(await web.token(CODE, await web.code(status)));
  const all = new Set([body.refresh_token]);
  for (let i = 0; i < 4; i++) {
    ({ body } = isGranted(await web.refresh(body.refresh_token), 'status'));
    all.add(body.refresh_token);
  }
  assert.equal(all.size, 5);
});

test('refresh token: one that was rotated is refused, and its family has ended', async () => {
  const first = isGranted(await web.token(CODE, await web.code(status)));
  const second = isGranted(await web.refresh(first.body.refresh_token));
  const third = isGranted(await web.refresh(second.body.refresh_token));
  assert.equal(await active(third), true);
  isError(await web.refresh(first.body.refresh_token), 'invalid_grant');
  isError(await web.refresh(third.body.refresh_token), 'invalid_grant');
  for (const answer of [first, second, third]) {
    assert.equal(await active(answer), false);
  }
});

test('refresh token: one family that ends leaves the others', async () => {
  const one = isGranted(await web.token(CODE, await web.code(status)));
  const two = isGranted(await web.token(CODE, await web.code(status)));
  isGranted(await web.refresh(one.body.refresh_token));
  isError(await web.refresh(one.body.refresh_token), 'invalid_grant');
  assert.equal(await active(two), true);
  isGranted(await web.refresh(two.body.refresh_token));
});

test('refresh token: challenged 10 times it is still good; used after GRANT it is not (O-09)', async () => {
  const grant = await web.code({ scope: 'status payments' });
  const { body } = isGranted(await web.token(CODE, grant, status), 'status');
  for (let i = 0; i < 10; i++) {
    isChallenged(await web.refresh(body.refresh_token)); // payments too, for that is what was granted
  }
  const challenge = isChallenged(await web.refresh(body.refresh_token));
  const second = isGranted(await web.refresh(body.refresh_token, await web.evidence(challenge)), 'status payments');
  isError(await web.refresh(body.refresh_token), 'invalid_grant');
  assert.equal(await active(second), false);
});

test('refresh token: less scope for one token; more than was granted never', async () => {
  const grant = await web.code({ scope: 'status payments' });
  const first = isGranted(await web.token(CODE, grant, await web.evidence(isChallenged(await web.token(CODE, grant)))));
  const second = isGranted(await web.refresh(first.body.refresh_token, status), 'status');
  isError(await web.refresh(second.body.refresh_token, { scope: 'payments.large' }), 'invalid_scope');
  isChallenged(await web.refresh(second.body.refresh_token, payments)); // RFC 6749 section 6: it has the whole scope
});

test('refresh token refused, and still good: another client, a forged one, an access token, none', async () => {
  const { body } = isGranted(await web.token(CODE, await web.code(status)));
  const other = await Flow.make(server, 'other');
  isError(await other.refresh(body.refresh_token), 'invalid_grant');
  isError(await web.refresh(`${'A'.repeat(43)}.${body.refresh_token.split('.')[1]}`), 'invalid_grant');
  isError(await web.refresh(body.access_token), 'invalid_grant');
  isError(await web.token(REFRESH, {}), 'invalid_request');
  isGranted(await web.refresh(body.refresh_token));
});

test('the same refresh token in parallel: one token', async () => {
  const { body } = isGranted(await web.token(CODE, await web.code(status)));
  const answers = await Promise.all(Array.from({ length: 8 }, () => web.refresh(body.refresh_token)));
  const granted = answers.filter((answer) => answer.status === 200);
  assert.equal(granted.length, 1);
  answers.filter((answer) => answer.status !== 200).forEach((answer) => isError(answer, 'invalid_grant'));
  isError(await web.refresh(granted[0].body.refresh_token), 'invalid_grant');
});

test('N-DPOP-22 public client: its refresh token is bound to the DPoP key (RFC 9449 5); others change nothing', async () => {
  const first = isGranted(await app.token(CODE, await app.code(status)), 'status');
  assert.equal(first.body.token_type, 'DPoP');
  const other = await app.withKey();
  isError(await other.refresh(first.body.refresh_token), 'invalid_grant');
  isError(await app.withoutKey().refresh(first.body.refresh_token), 'invalid_grant');
  const second = isGranted(await app.refresh(first.body.refresh_token), 'status');
  isError(await other.refresh(first.body.refresh_token), 'invalid_grant'); // a thief cannot end it either
  assert.equal(await active(second), true);
  isError(await app.refresh(first.body.refresh_token), 'invalid_grant'); // the client itself does
  assert.equal(await active(second), false);
});

test('confidential client: another DPoP key binds the next access token, not the refresh token', async () => {
  const one = await web.withKey();
  const two = await web.withKey();
  const first = isGranted(await one.token(CODE, await one.code(status)));
  const second = isGranted(await two.refresh(first.body.refresh_token));
  assert.equal((await web.introspect(second.body.access_token)).cnf.jkt, await two.options.DPoP.calculateThumbprint());
});

test('public client: challenged with its key alone to bind to, answered, granted', async () => {
  const grant = await app.code(payments);
  const challenge = isChallenged(await app.token(CODE, grant));
  isChallenged(await (await app.withKey()).token(CODE, grant, await app.evidence(challenge)));
  isGranted(await app.token(CODE, grant, await app.evidence(challenge)), 'payments');
});

test('public client without a key: nothing to bind a challenge to', async () => {
  const flow = app.withoutKey();
  isError(await flow.token(CODE, await flow.code(payments)), 'unauthorized_client');
  isGranted(await flow.token(CODE, await flow.code(status)));
});

test('a client that wants 400 for challenges gets it, the others 403 (O-03)', async () => {
  const flow = await Flow.make(server, 'old');
  isChallenged(await flow.token(CODE, await flow.code(payments)), 400);
  isChallenged(await flow.push(await flow.request(payments)), 400);
  isChallenged(await web.token(CODE, await web.code(payments)), 403);
});

// ---- Pushed authorization requests ------------------------------------------------------------------------------

test('PAR: pushed, a code, a token', async () => {
  const flow = await Flow.make(server, 'pushing');
  const pushed = isPushed(await flow.push(await flow.request(status)));
  isGranted(await flow.token(CODE, await flow.pushedCode(pushed)), 'status');
});

test('PAR: who must push cannot do without', async () => {
  const flow = await Flow.make(server, 'pushing');
  const { location } = await flow.browse({ client_id: 'pushing', ...(await flow.request(status)) });
  assert.equal(new URL(location).searchParams.get('error'), 'invalid_request');
});

test('PAR: a challenge at /par, and none for the code: what was met is carried there (O-09)', async () => {
  for (const flow of [web, await web.withKey(), app]) {
    const request = await flow.request(payments);
    const challenge = isChallenged(await flow.push(request));
    const pushed = isPushed(await flow.push({ ...request, ...(await flow.evidence(challenge)) }));
    assert.equal(JSON.stringify(pushed.body).length < 200, true); // no receipt in it
    isGranted(await flow.token(CODE, await flow.pushedCode(pushed)), 'payments');
  }
});

test('PAR: what was met is for its code alone: the refresh token is challenged again', async () => {
  const request = await web.request(payments);
  const evidence = await web.evidence(isChallenged(await web.push(request)));
  const pushed = isPushed(await web.push({ ...request, ...evidence }));
  const { body } = isGranted(await web.token(CODE, await web.pushedCode(pushed)));
  isChallenged(await web.refresh(body.refresh_token));
  isChallenged(await web.token(CODE, await web.code(payments)));
});

test('PAR: what was met does not count for another key than the one shown there', async () => {
  const flow = await web.withKey();
  const request = await flow.request(payments);
  const evidence = await flow.evidence(isChallenged(await flow.push(request)));
  const pushed = isPushed(await flow.push({ ...request, ...evidence }));
  const grant = await flow.pushedCode(pushed);
  isError(await web.token(CODE, grant), 'invalid_grant'); // the code is bound to it, RFC 9449 section 10.1
  isError(await (await web.withKey()).token(CODE, grant), 'invalid_grant');
  isGranted(await flow.token(CODE, grant));
});

test('PAR: a changed request with the session of another is challenged afresh', async () => {
  const request = await web.request(payments);
  const challenge = isChallenged(await web.push(request));
  const changed = await web.request({ scope: 'status payments' });
  isChallenged(await web.push({ ...changed, ...(await web.evidence(challenge)) }));
  isPushed(await web.push({ ...request, ...(await web.evidence(challenge)) }));
});

test('PAR: a session of the PAR endpoint is none at the token endpoint', async () => {
  const challenge = isChallenged(await web.push(await web.request(payments)));
  isChallenged(await web.token(CODE, await web.code(payments), await web.evidence(challenge)));
});

test('PAR: a request_uri is good once, and for its client', async () => {
  const pushed = isPushed(await web.push(await web.request(status)));
  const params = { request_uri: pushed.body.request_uri };
  assert.equal((await web.browse({ client_id: 'other', ...params })).status, 400);
  assert.equal((await web.browse({ client_id: 'web', ...params, scope: 'payments' })).status, 303);
  const again = await web.browse({ client_id: 'web', ...params });
  assert.deepEqual([again.status, again.location], [400, null]);
});

test('PAR: the same request_uri in parallel: one code', async () => {
  const pushed = isPushed(await web.push(await web.request(status)));
  const params = { client_id: 'web', request_uri: pushed.body.request_uri };
  const answers = await Promise.all(Array.from({ length: 8 }, () => web.browse(params)));
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [303, ...Array(7).fill(400)]);
});

test('PAR: a request_uri or a code of it is no code, no token', async () => {
  const pushed = isPushed(await web.push(await web.request(status)));
  const grant = { code: pushed.body.request_uri, code_verifier: web.verifier, redirect_uri: CALLBACK };
  isError(await web.token(CODE, grant), 'invalid_grant');
  assert.equal((await web.introspect(pushed.body.request_uri)).active, false);
});

const refusals = [
  ['a redirect_uri of somebody else', { redirect_uri: 'https://thief.example/' }, 'invalid_request'],
  ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['no challenge', { code_challenge: '' }, 'invalid_request'],
  ['a request_uri in it (RFC 9126 2.1)', { request_uri: 'urn:x' }, 'invalid_request'],
  ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
  ['response_type token', { response_type: 'token' }, 'unsupported_response_type'],
  ['a scope that the user has not', { scope: 'payments.large' }, 'invalid_scope'],
  ['a resource that nobody knows', { resource: 'https://api.example/third' }, 'invalid_target'],
  ['a zero octet in the scope', { scope: 'status\0payments' }, 'invalid_request'],
];
for (const [why, params, error] of refusals) {
  test(`PAR refused: ${why}`, async () => {
    isError(await web.push(await web.request({ ...status, ...params })), error);
  });
}

test('N-DPOP-21 PAR refused: dpop_jkt is another key than the one that is shown', async () => {
  const flow = await web.withKey();
  isError(await flow.push(await flow.request({ ...status, dpop_jkt: 'A'.repeat(43) })), 'invalid_dpop_proof');
});

test('PAR refused: nobody, a wrong secret', async () => {
  const request = await web.request(status);
  isError(await web.like({ auth: oauth.None() }).push(request), 'invalid_client', 401);
  isError(await web.like({ auth: oauth.ClientSecretBasic('wrong') }).push(request), 'invalid_client', 401);
});

test('PAR and /authorize take their own methods alone', async () => {
  const rows = [['/par', 'GET', 'POST'], ['/authorize', 'POST', 'GET'], ['/token', 'PUT', 'POST']];
  for (const [path, method, allow] of rows) {
    const response = await fetch(server.origin + path, { method });
    assert.deepEqual([response.status, response.headers.get('allow')], [405, allow]);
  }
});

test('token-server of codes ends with 0', async () => {
  assert.equal(await server.stop(), 0);
});
