// SPDX-License-Identifier: MIT
//
// Clients whom nobody has registered: their id is a URL, their documents and keys are served here over TLS. oauth4webapi
// speaks for them. Case ids: those of the requirements.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';
import { CALLBACK, Flow, RESOURCE_SERVER, isChallenged, isError, isGranted, isPushed } from './flow.mjs';
import { OLD_ASSERTION_MS, SECRET, filePath, startServer } from './server.mjs';
import { basic } from './stock.mjs';
import { test } from './tap.mjs';
import { Web } from './web.mjs';

const GRANT = 'client_credentials';
const CODE = 'authorization_code';
const FLAG = 'client_id_metadata_document_supported';
const status = { scope: 'status' };
const payments = { scope: 'payments' };
const scope = ['status', 'payments'];
const rules = [{ scope: 'payments', requirement: 'attested' }];

async function makeKey(kid) {
  const pair = await generateKeyPair('ES256', { extractable: true });
  return { kid, ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256' } };
}

const keys = {};
for (const name of ['first', 'second', 'third', 'stranger']) {
  keys[name] = await makeKey(name);
}
keys.forged = { ...keys.stranger, kid: 'first' }; // under the name of another

const web = await Web.open();
const byKey = (key) => oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid });

// A document at path; what is undefined is not in it.
function document(path, more = {}) {
  return web.put(path, {
    client_id: web.origin + path,
    client_name: 'An agent',
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: [GRANT],
    jwks: more.jwks_uri === undefined ? { keys: [keys.first.jwk] } : undefined,
    insufficient_client_authorization_supported: true,
    ...more,
  });
}

const OURS = `${web.origin}/ours`; // a client of ours with such an id; somebody else has what stands there
const OURS_TOO = `${web.origin}/ours-too`;
document('/ours', { jwks: { keys: [keys.stranger.jwk] } });
document('/ours-too', { jwks: { keys: [keys.stranger.jwk] } });
const ours = [
  { client_id: OURS, client_secret: SECRET, scope: ['status', 'ours'] },
  { client_id: OURS_TOO, scope: ['status', 'ours'], token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [keys.first.jwk] } },
];

const auditFile = filePath('audit.log');
const client = { scope };
const more = {
  clients: ours, rules, resource_servers: [RESOURCE_SERVER], test_user: { sub: 'customer-12', scope },
  audit: { file: auditFile },
};
const fetching = { fetch_ms: 1500 };
const unknown = { first_seen_within_hours: 1_000_000, requirement: 'attested' }; // longer than there are clocks
const SECOND = { ttl: 1, ttl_least: 1 }; // how long a document counts
const BRIEF_MS = 1500;
const [off, on, wary, brief] = await Promise.all([
  startServer({}, more),
  startServer({ dpop_nonce: 'require' }, { ...more, cimd: web.config(client, { stale_if_error: 60 }, fetching) }),
  startServer({ dpop_nonce: 'require' }, { ...more, rules: [unknown, ...rules], cimd: web.config(client, SECOND) }),
  startServer({}, { ...more, cimd: web.config(client, SECOND),
    rules: [{ first_seen_within_hours: BRIEF_MS / 3_600_000, requirement: 'attested' }] }),
]);

// A server too young to know whether an assertion was used says 503: it is waited for.
async function flowOf(id, { server = on, key = keys.first, auth = byKey(key), ...rest } = {}) {
  return Flow.make(await server.isOld(OLD_ASSERTION_MS), id, { auth, ...rest });
}

const isNobody = (answer) => isError(answer, 'invalid_client', 401);
const isLater = (answer) => isError(answer, 'temporarily_unavailable', 503);

// ---- Off, and on --------------------------------------------------------------------------------------------------

test('G03 cimd off: no such client, nothing is fetched, and the metadata do not speak of it', async () => {
  const at = await flowOf(document('/g03'), { server: off });
  isNobody(await at.token(GRANT, status));
  isNobody(await at.push(await at.request(status)));
  assert.equal(at.as[FLAG], undefined);
  assert.equal(web.requests.length, 0);
});

test('G04 cimd on: the metadata say so, and what strangers can use; a stranger is granted', async () => {
  const at = await flowOf(document('/g04'));
  assert.equal(at.as[FLAG], true);
  assert.deepEqual(at.as.grant_types_supported, [GRANT, 'urn:ietf:params:oauth:grant-type:token-exchange', CODE,
    'refresh_token']);
  assert.deepEqual(at.as.token_endpoint_auth_methods_supported, ['client_secret_basic', 'client_secret_post',
    'private_key_jwt', 'none']);
  const { body } = isGranted(await at.token(GRANT, status), 'status');
  const said = await at.introspect(body.access_token);
  assert.deepEqual([said.active, said.client_id, said.sub], [true, web.origin + '/g04', web.origin + '/g04']);
});

test('a document is fetched once; with a DPoP key the token is bound to it', async () => {
  const at = await flowOf(document('/once'), { dpop: 'ES256' });
  for (let i = 0; i < 5; i++) {
    const { body } = isGranted(await at.token(GRANT, status));
    const jkt = await at.options.DPoP.calculateThumbprint();
    assert.deepEqual((await at.introspect(body.access_token)).cnf, { jkt });
  }
  assert.equal(web.count('/once'), 1);
});

test('challenged, and granted with evidence', async () => {
  const at = await flowOf(document('/challenged'));
  const challenge = isChallenged(await at.token(GRANT, payments));
  isGranted(await at.token(GRANT, payments, await at.evidence(challenge)), 'payments');
});

test('D19 a document without the flag: refused, not challenged', async () => {
  for (const flag of [undefined, false]) {
    const id = document(`/d19-${flag}`, { insufficient_client_authorization_supported: flag });
    const at = await flowOf(id);
    isError(await at.token(GRANT, payments), 'unauthorized_client');
    isGranted(await at.token(GRANT, status));
  }
});

test('SIGHUP: off, their tokens are good for nothing; on again, all are new', async () => {
  const { cimd } = on.content;
  const at = await flowOf(document('/sighup'));
  const { body } = isGranted(await at.token(GRANT, status));
  assert.equal(await on.reload({ rules }), true); // the same options: who is known stays known
  isGranted(await at.token(GRANT, status));
  assert.equal(web.count('/sighup'), 1);
  assert.equal(await on.reload({ cimd: undefined }), true);
  assert.equal((await flowOf(OURS)).as[FLAG], undefined);
  isNobody(await at.token(GRANT, status));
  assert.equal((await at.introspect(body.access_token)).active, false);
  assert.equal(await on.reload({ cimd }), true);
  isGranted(await at.token(GRANT, status));
  assert.equal((await at.introspect(body.access_token)).active, true);
  assert.equal(web.count('/sighup'), 2);
  assert.equal(await on.reload({ cimd: web.config(client, { stale_if_error: 61 }, fetching) }), true);
  isGranted(await at.token(GRANT, status));
  assert.equal(web.count('/sighup'), 3);
});

const badOptions = [
  ['an option of documents', web.config(client, { per_hosts: 16 }), 'cimd.documents: '],
  ['one that weakens without development', web.config(client, { development: false }), 'cimd.documents: '],
  ['an option of fetch', web.config(client, {}, { ca_files: '/x' }), 'cimd.fetch: '],
  ['a member of client', web.config({ scopes: scope }), 'configuration: cimd.client.scopes: there is no such member'],
  ['a status that there is not', web.config({ challenge_status: 200 }), 'cimd.client: challenge_status is 400 or 403'],
];
test('SIGHUP with wrong options: the old stay, and who is known', async () => {
  const good = on.content;
  const at = await flowOf(document('/stay'));
  isGranted(await at.token(GRANT, status));
  for (const [why, cimd, text] of badOptions) {
    const log = on.log.length;
    assert.equal(await on.reload({ cimd }), false, why);
    assert.ok(on.log.slice(log).includes(text), why);
    isGranted(await at.token(GRANT, status));
  }
  on.content = good;
  assert.equal(await on.reload({}), true);
  isGranted(await at.token(GRANT, status));
  assert.equal(web.count('/stay'), 1);
});

// ---- Who is not who he says ---------------------------------------------------------------------------------------

test('the key of another, and one under the name of the right one: refused', async () => {
  const id = document('/keys');
  isGranted(await (await flowOf(id)).token(GRANT, status));
  for (const name of ['stranger', 'forged']) {
    isNobody(await (await flowOf(id, { key: keys[name] })).token(GRANT, status));
  }
});

const wrong = [
  ['no document', () => web.origin + '/nothing'],
  ['no JSON', () => web.put('/html', '<html>')],
  ['a document of another', () => web.put('/copied', { client_id: `${web.origin}/copy` })],
  ['a secret in it', () => document('/secret', { client_secret: 'x' })],
  ['an id that is no good one', () => `${document('/x')}?a=b`],
  ['another port', () => `https://app.example.org:1/c`],
  ['a special host', () => `https://localhost:${web.port}/c`],
  ['an address', () => `https://127.0.0.1:${web.port}/c`],
  ['plain HTTP', () => `http://app.example.org:${web.port}/c`],
];
for (const [why, id] of wrong) {
  test(`no client: ${why}; the answer does not tell what is wrong`, async () => {
    const answer = isNobody(await (await flowOf(id())).token(GRANT, status));
    assert.match(answer.body.error_description, /^[A-Za-z ,.]*\(reference \S+\)$/);
    assert.deepEqual(Object.keys(answer.body).sort(), ['error', 'error_description']);
  });
}

test('G01 G02 G06 what leads to no fetch: two names, a secret, Basic credentials, no grant type', async () => {
  const id = document('/unfetched');
  const params = { grant_type: GRANT, ...status };
  const ask = async (error, changes, headers = {}) => {
    const body = new URLSearchParams({ ...params, client_id: id, ...changes });
    const response = await fetch(on.tokenUrl, { method: 'POST', headers, body });
    assert.equal((await response.json()).error, error);
  };
  await ask('invalid_client', {}, { authorization: basic(id) });
  await ask('invalid_client', { client_secret: SECRET });
  await ask('invalid_request', { grant_type: '' });
  const at = await flowOf(id, { auth: (as, it, body, headers) => {
    const other = { client_id: document('/other') };
    return byKey(keys.first)(as, other, body, headers).then(() => body.set('client_id', id));
  } });
  isNobody(await at.token(GRANT, status));
  assert.deepEqual([web.count('/unfetched'), web.count('/other')], [0, 0]);
});

test('a client of ours with such an id is ours: by its secret, by its registered key, and nothing is fetched', async () => {
  for (const auth of [oauth.ClientSecretBasic(SECRET), oauth.ClientSecretPost(SECRET)]) {
    isGranted(await (await flowOf(OURS, { auth })).token(GRANT, { scope: 'ours' }), 'ours');
  }
  isGranted(await (await flowOf(OURS_TOO)).token(GRANT, { scope: 'ours' }), 'ours');
  isNobody(await (await flowOf(OURS_TOO, { key: keys.stranger })).token(GRANT, { scope: 'ours' }));
  isNobody(await (await flowOf(OURS, { key: keys.stranger })).token(GRANT, status));
  assert.deepEqual([web.count('/ours'), web.count('/ours-too')], [0, 0]);
});

test('whoever has what stands at the URL of a client of ours is not that client', async () => {
  const key = keys.stranger;
  const auth = async (as, it, body, headers) => {
    await byKey(key)(as, it, body, headers);
    body.delete('client_id'); // named by the assertion alone
  };
  for (const id of [OURS, OURS_TOO]) {
    isNobody(await (await flowOf(id, { auth })).token(GRANT, status));
  }
});

test('a client of ours that is ours no more: what it has got is good for nothing, for a stranger of that id neither', async () => {
  const id = `${web.origin}/left`;
  const both = { grant_types: [GRANT, CODE, 'refresh_token'], redirect_uris: [CALLBACK] };
  const left = { client_id: id, client_secret: SECRET, scope: ['status', 'ours'], ...both };
  const active = async (at, body) => (await at.introspect(body.access_token)).active;
  document('/left', { ...both, jwks: { keys: [keys.stranger.jwk] } });
  assert.equal(await on.reload({ clients: [...ours, left] }), true);
  const at = await flowOf(id, { auth: oauth.ClientSecretBasic(SECRET) });
  const { body } = isGranted(await at.token(GRANT, { scope: 'ours' }), 'ours');
  const user = isGranted(await at.token(CODE, await at.code(status)), 'status').body;
  const pushed = isPushed(await at.push(await at.request(status)));
  assert.deepEqual([await active(at, body), await active(at, user)], [true, true]);
  assert.equal(await on.reload({ clients: ours }), true);
  const other = await flowOf(id, { key: keys.stranger });
  assert.deepEqual([await active(at, body), await active(at, user)], [false, false]);
  isError(await other.refresh(user.refresh_token), 'invalid_grant');
  const answer = await at.browse({ client_id: id, request_uri: pushed.body.request_uri });
  assert.deepEqual([answer.status, answer.location], [400, null]);
  const theirs = isGranted(await other.token(GRANT, status)).body;
  const said = await other.introspect(theirs.access_token);
  assert.deepEqual([said.active, 'stranger' in said], [true, false]);
  assert.equal(await on.reload({ clients: [...ours, left] }), true); // and the other way round
  assert.deepEqual([await active(at, theirs), await active(at, body)], [false, true]);
  assert.equal(await on.reload({ clients: ours }), true);
});

// ---- What strangers may ask for -----------------------------------------------------------------------------------

test('a scope or a type of details that only the document names is not given', async () => {
  const id = document('/greedy', {
    scope: 'status payments.large', authorization_details_types: ['account_information'],
    resource: ['https://api.example/'],
  });
  const at = await flowOf(id);
  isError(await at.token(GRANT, { scope: 'payments.large' }), 'invalid_scope');
  isError(await at.token(GRANT, { resource: 'https://api.example/' }), 'invalid_target');
  isError(await at.token(GRANT, { authorization_details: '[{"type":"account_information"}]' }),
    'invalid_authorization_details');
});

test('grants that the document does not name, and client_credentials of one without a key, are refused', async () => {
  const at = await flowOf(document('/grants', { grant_types: [CODE], redirect_uris: [CALLBACK] }));
  isError(await at.token(GRANT, status), 'unauthorized_client');
  const id = document('/public', { token_endpoint_auth_method: 'none', jwks: undefined });
  const app = await flowOf(id, { auth: oauth.None() });
  isError(await app.token(GRANT, status), 'unauthorized_client');
});

const codes = [
  ['with a key', {}, undefined],
  ['public', { token_endpoint_auth_method: 'none', jwks: undefined }, oauth.None()],
];
for (const [why, changes, auth] of codes) {
  test(`a code for a stranger ${why}: pushed, challenged there, redeemed, refreshed`, async () => {
    const grant_types = [CODE, 'refresh_token'];
    const id = document(`/code-${why.slice(0, 4)}`, { grant_types, redirect_uris: [CALLBACK], ...changes });
    const at = await flowOf(id, { dpop: 'ES256', ...(auth && { auth }) });
    const request = await at.request(payments);
    const challenge = isChallenged(await at.push(request));
    const pushed = isPushed(await at.push({ ...request, ...(await at.evidence(challenge)) }));
    const { body } = isGranted(await at.token(CODE, await at.pushedCode(pushed)), 'payments');
    const again = isChallenged(await at.refresh(body.refresh_token));
    isGranted(await at.refresh(body.refresh_token, await at.evidence(again)), 'payments');
    isError(await at.push({ ...request, redirect_uri: 'https://other.example/' }), 'invalid_request');
    const direct = await at.browse({ client_id: id, ...(await at.request(status)) });
    assert.deepEqual([direct.status, direct.location], [400, null]); // without PAR nobody has seen its document
  });
}

test('a request_uri of one stranger is none of another', async () => {
  const uris = { grant_types: [CODE], redirect_uris: [CALLBACK] };
  const at = await flowOf(document('/mine', uris));
  const { body } = isPushed(await at.push(await at.request(status)));
  const other = document('/yours', uris);
  const answer = await at.browse({ client_id: other, request_uri: body.request_uri });
  assert.deepEqual([answer.status, answer.location], [400, null]);
});

// ---- Documents that are slow, or away -----------------------------------------------------------------------------

function held() {
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  return { gate, open };
}

async function until(condition) {
  for (let i = 0; i < 500 && !condition(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(condition());
}

test('20 requests while the document comes: one fetch, all granted; others do not wait', async () => {
  const { gate, open } = held();
  const id = document('/slow');
  const page = web.pages.get('/slow');
  web.put('/slow', () => gate.then(() => page));
  const at = await flowOf(id);
  const all = Array.from({ length: 20 }, () => at.token(GRANT, status));
  await until(() => web.count('/slow') > 0);
  const other = await flowOf(OURS, { auth: oauth.ClientSecretBasic(SECRET) });
  isGranted(await other.token(GRANT, status));
  open();
  for (const answer of await Promise.all(all)) {
    isGranted(answer);
  }
  assert.equal(web.count('/slow'), 1);
});

test('a document that does not come: 503 when its time is over, for all who wait, and a word in the log', async () => {
  const { gate, open } = held();
  const at = await flowOf(document('/never'));
  web.put('/never', () => gate);
  const begun = Date.now();
  const all = await Promise.all(Array.from({ length: 5 }, () => at.token(GRANT, status)));
  assert.ok(Date.now() - begun < 5000, String(Date.now() - begun));
  open();
  for (const answer of all) {
    isLater(answer);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
  }
  assert.ok(readFileSync(auditFile, 'utf8').includes('"detail":"fetch_timeout"'));
});

test('audit and counters: the id is cut, and no label has anything of it', async () => {
  const path = `/${'long-name-'.repeat(50)}`.slice(0, 512 - web.origin.length);
  const id = document(path);
  assert.equal(id.length, 512);
  const at = await flowOf(id);
  isGranted(await at.token(GRANT, status));
  isNobody(await (await flowOf(`${id}x`)).token(GRANT, status)); // too long
  const lines = readFileSync(auditFile, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const named = lines.filter((line) => line.client?.includes('long-name'));
  assert.ok(named.some((line) => line.event === 'token_issued') && named.some((line) => line.event === 'granted'));
  assert.ok(named.every((line) => line.client === id.slice(0, 255)));
  assert.ok(named.every((line) => JSON.stringify(line).length < 1000));
  const counters = await (await fetch(`${on.origin}/metrics`)).text();
  assert.ok(!counters.includes('long-name') && !counters.includes('example.org'));
  assert.match(counters, /reason="client_unknown"/);
});

// ---- Seen for the first time --------------------------------------------------------------------------------------

// Challenged for what everybody else gets at once, and granted with evidence.
async function proves(at, params = status) {
  const challenge = isChallenged(await at.token(GRANT, params));
  isGranted(await at.token(GRANT, params, await at.evidence(challenge)));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test('unknown: challenged; it has proved itself: granted at once, also after SIGHUP', async () => {
  const at = await flowOf(document('/new'), { server: wary });
  await proves(at);
  isGranted(await at.token(GRANT, status));
  isChallenged(await at.token(GRANT, payments)); // of which every request has to show it
  assert.equal(await wary.reload({}), true);
  isGranted(await at.token(GRANT, status));
});

test('what one has proved is nothing to another, and a client of ours is not new', async () => {
  await proves(await flowOf(document('/one'), { server: wary }));
  isChallenged(await (await flowOf(document('/two'), { server: wary })).token(GRANT, status));
  const auth = oauth.ClientSecretBasic(SECRET);
  isGranted(await (await flowOf(OURS, { server: wary, auth })).token(GRANT, status));
});

test('challenged, and not proved: by no evidence, by wrong evidence, by that of another', async () => {
  const at = await flowOf(document('/liar'), { server: wary });
  const other = await flowOf(document('/helper'), { server: wary });
  const challenge = isChallenged(await at.token(GRANT, status));
  isChallenged(await at.token(GRANT, status));
  const evidence = await other.evidence(challenge); // names the other one
  isError(await at.token(GRANT, status, evidence), 'unauthorized_client');
  isChallenged(await at.token(GRANT, status));
});

test('D19 an unknown client whose document lacks the flag: refused', async () => {
  const id = document('/d19-new', { insufficient_client_authorization_supported: undefined });
  isError(await (await flowOf(id, { server: wary })).token(GRANT, status), 'unauthorized_client');
});

test('the document changes its keys: challenged again, and granted at once after that', async () => {
  const id = document('/rekeyed');
  const at = await flowOf(id, { server: wary });
  await proves(at);
  document('/rekeyed', { jwks: { keys: [keys.second.jwk] } });
  await pause(1100);
  const next = await flowOf(id, { server: wary, key: keys.second });
  isNobody(await at.token(GRANT, status));
  await proves(next);
  isGranted(await next.token(GRANT, status));
});

test('the document gets a key more: challenged again, also with the old one', async () => {
  const id = document('/more-keys');
  const at = await flowOf(id, { server: wary });
  await proves(at);
  document('/more-keys', { jwks: { keys: [keys.first.jwk, keys.second.jwk] } });
  await pause(1100);
  await proves(at);
  await proves(await flowOf(id, { server: wary, key: keys.second }));
  isGranted(await at.token(GRANT, status));
});

test('keys behind jwks_uri change: the first request with the new one is challenged, without a wait', async () => {
  const jwks_uri = web.put('/keys-1', { keys: [keys.first.jwk] });
  const id = document('/by-uri', { jwks_uri });
  const at = await flowOf(id, { server: on }); // on, documents count for 300 s
  const { rules: usual } = on.content;
  assert.equal(await on.reload({ rules: [unknown] }), true);
  await proves(at);
  isGranted(await at.token(GRANT, status));
  web.put('/keys-1', { keys: [keys.second.jwk] });
  const next = await flowOf(id, { key: keys.second });
  await proves(next);
  isGranted(await next.token(GRANT, status));
  assert.deepEqual([web.count('/by-uri'), web.count('/keys-1')], [1, 2]);
  isNobody(await at.token(GRANT, status)); // its key is not there any more
  assert.equal(await on.reload({ rules: usual }), true);
});

test('the requirement in other words, or a cache that is new: challenged again', async () => {
  const at = await flowOf(document('/words'), { server: wary });
  await proves(at);
  const { libocc, cimd } = wary.content;
  const attested = { ...libocc.requirements.attested, expiry: 50 };
  const requirements = { ...libocc.requirements, attested };
  assert.equal(await wary.reload({ libocc: { ...libocc, requirements } }), true);
  await proves(at);
  isGranted(await at.token(GRANT, status));
  assert.equal(await wary.reload({ cimd: { ...cimd, documents: { ...cimd.documents, stale_if_error: 1 } } }), true);
  isChallenged(await at.token(GRANT, status));
});

test('pushed: proved there, and the code and all that follows are granted at once', async () => {
  const more = { grant_types: [GRANT, CODE], redirect_uris: [CALLBACK] };
  const at = await flowOf(document('/pushed', more), { server: wary, dpop: 'ES256' });
  const request = await at.request(status);
  const challenge = isChallenged(await at.push(request));
  const pushed = isPushed(await at.push({ ...request, ...(await at.evidence(challenge)) }));
  isGranted(await at.token(CODE, await at.pushedCode(pushed)));
  isGranted(await at.token(GRANT, status));
});

test('a public client: what one installation has proved is nothing to the next', async () => {
  const more = { token_endpoint_auth_method: 'none', jwks: undefined, grant_types: [CODE], redirect_uris: [CALLBACK] };
  const id = document('/app', more);
  const options = { server: wary, auth: oauth.None() };
  const at = await flowOf(id, { ...options, dpop: 'ES256' });
  const request = await at.request(status);
  const challenge = isChallenged(await at.push(request));
  isPushed(await at.push({ ...request, ...(await at.evidence(challenge)) }));
  isPushed(await at.push(await at.request(status)));
  const other = await flowOf(id, { ...options, dpop: 'ES256' });
  isChallenged(await other.push(await other.request(status)));
});

test('first seen longer ago than the rule says: not challenged; but when its keys are new', async () => {
  const id = document('/old');
  const at = await flowOf(id, { server: brief });
  isChallenged(await at.token(GRANT, status));
  await pause(BRIEF_MS);
  isGranted(await at.token(GRANT, status));
  document('/old', { jwks: { keys: [keys.second.jwk] } });
  await pause(1100);
  isChallenged(await (await flowOf(id, { server: brief, key: keys.second })).token(GRANT, status));
});

test('first seen long ago, never proved: the first request with new keys behind jwks_uri is challenged', async () => {
  const jwks_uri = web.put('/keys-2', { keys: [keys.first.jwk] });
  const id = document('/old-by-uri', { jwks_uri });
  const at = await flowOf(id, { server: brief });
  isChallenged(await at.token(GRANT, status));
  await pause(BRIEF_MS);
  isGranted(await at.token(GRANT, status));
  web.put('/keys-2', { keys: [keys.second.jwk] });
  isChallenged(await (await flowOf(id, { server: brief, key: keys.second })).token(GRANT, status));
});

test('nobody was connected to at an address that is not allowed', () => {
  assert.equal(web.disturbed, 0);
});

test('the token-servers of strangers end with 0', async () => {
  web.close();
  const all = [off, on, wary, brief];
  assert.deepEqual(await Promise.all(all.map((one) => one.stop())), all.map(() => 0));
});
