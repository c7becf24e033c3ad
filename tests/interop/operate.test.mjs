// SPDX-License-Identifier: MIT
//
// What is not about one client: introspection, metadata, counters, the audit log, reload on SIGHUP while requests come.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import * as oauth from 'oauth4webapi';
import { CALLBACK, Flow, RESOURCE_SERVER, discover, isChallenged, isError, isGranted, isPushed } from './flow.mjs';
import { SECRET, filePath, startServer } from './server.mjs';
import { basic, post } from './stock.mjs';
import { test } from './tap.mjs';

const CODE = 'authorization_code';
const GRANT = 'client_credentials';
const scope = ['status', 'payments', 'payments.large'];
const agent = {
  client_id: 'agent', client_secret: SECRET, scope, insufficient_client_authorization_supported: true,
  grant_types: [GRANT, CODE, 'refresh_token'], redirect_uris: [CALLBACK],
  authorization_details_types: ['account_information'],
};
const rule = { scope: 'payments', requirement: 'attested' };
const more = {
  clients: [agent],
  rules: [rule],
  resource_servers: [RESOURCE_SERVER, { id: 'second', secret: 'two' }],
  test_user: { sub: 'customer-12', scope },
};
const sealKey = (id, seal_from) => ({
  id, key: Buffer.alloc(32, id).toString('base64url'), seal_from, open_until: Date.now() + 86_400_000,
});
const auditFile = filePath('audit.log');
const anybody = {
  ...agent, client_id: 'app', client_secret: undefined, token_endpoint_auth_method: 'none', grant_types: [CODE, 'refresh_token'],
};
const [server, bare, audited, hostile, keyed, small, shared] = await Promise.all([
  startServer({}, more),
  startServer(),
  startServer({}, { ...more, audit: { file: auditFile } }),
  startServer({}, more),
  startServer({}, { ...more, keys: { keys: [sealKey('k1', 0)] } }),
  startServer({}, { ...more, table_entries: 16 }),
  startServer({}, { ...more, table_entries: 600, clients: [agent, anybody] }),
]);
const flow = await Flow.make(server, 'agent');
const status = { scope: 'status' };
const payments = { scope: 'payments' };
const auth = basic('agent');

// ---- Introspection ------------------------------------------------------------------------------------------------

test('introspection: all that a resource server must know, cnf first of all', async () => {
  const bound = await flow.withKey();
  const details = [{ type: 'account_information', actions: ['list'] }];
  const params = { ...status, authorization_details: JSON.stringify(details) };
  const answer = isGranted(await bound.token(GRANT, params));
  const said = await bound.introspect(answer.body.access_token);
  assert.ok(Math.abs(said.exp - said.iat - 300) <= 1 && Math.abs(said.iat - Date.now() / 1000) < 10);
  const { exp: _, iat: __, ...rest } = said;
  assert.deepEqual(rest, {
    active: true, iss: server.issuer, client_id: 'agent', sub: 'agent', scope: 'status', token_type: 'DPoP',
    authorization_details: details, cnf: { jkt: await bound.options.DPoP.calculateThumbprint() },
  });
});

test('introspection by the second resource server; a token without a key has no cnf', async () => {
  const { body } = isGranted(await flow.token(GRANT, status));
  const said = await flow.introspect(body.access_token, { id: 'second', secret: 'two' });
  assert.deepEqual([said.active, said.token_type, said.cnf], [true, 'Bearer', undefined]);
});

test('introspection: what is no access token is inactive, and nothing more is said', async () => {
  const code = await flow.code(status);
  const { body } = isGranted(await flow.token(CODE, await flow.code(status)));
  const others = [
    body.refresh_token, code.code, `${body.access_token}A`, body.access_token.slice(1), body.access_token.toUpperCase(),
    'A'.repeat(43), '\u00e4', 'x'.repeat(50_000),
  ];
  for (const token of others) {
    assert.deepEqual(await flow.introspect(token), { active: false });
  }
});

test('introspection is for resource servers: wrong secret, other name, a client, nobody', async () => {
  const { body } = isGranted(await flow.token(GRANT, status));
  const ask = (authorization) =>
    fetch(`${server.origin}/introspect`, {
      method: 'POST',
      headers: authorization === undefined ? {} : { authorization },
      body: new URLSearchParams({ token: body.access_token }),
    });
  const swapped = basic('second', RESOURCE_SERVER.secret);
  const others = [basic('api.example', 'wrong'), swapped, basic('agent'), basic('', '')];
  for (const who of [...others, 'Basic =', undefined]) {
    const response = await ask(who);
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate'), /^Basic /);
    assert.deepEqual(await response.json(), { error: 'invalid_client' });
  }
  assert.equal((await ask(basic('second', 'two'))).status, 200);
});

test('introspection without a token is invalid_request; without resource servers everybody is nobody', async () => {
  const headers = { authorization: basic(RESOURCE_SERVER.id, RESOURCE_SERVER.secret) };
  const empty = await fetch(`${server.origin}/introspect`, { method: 'POST', headers });
  assert.deepEqual([empty.status, (await empty.json()).error], [400, 'invalid_request']);
  assert.equal((await fetch(`${bare.origin}/introspect`, { method: 'POST', headers })).status, 401);
});

// ---- Metadata -----------------------------------------------------------------------------------------------------

test('metadata by discovery: what is configured', async () => {
  const as = await discover(server);
  assert.deepEqual(as, {
    issuer: server.issuer,
    token_endpoint: `${server.origin}/token`,
    authorization_endpoint: `${server.origin}/authorize`,
    pushed_authorization_request_endpoint: `${server.origin}/par`,
    introspection_endpoint: `${server.origin}/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [GRANT, CODE, 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA'],
    authorization_requirement_types_supported: ['jwt_assertion', 'dpop_proof'],
  });
});

test('metadata: what is not configured is not there, and does not answer', async () => {
  const as = await discover(bare);
  for (const name of ['authorization_endpoint', 'pushed_authorization_request_endpoint', 'introspection_endpoint']) {
    assert.equal(as[name], undefined);
  }
  assert.deepEqual(as.response_types_supported, []);
  const answer = await fetch(`${bare.origin}/authorize?client_id=agent-8&response_type=code`, { redirect: 'manual' });
  assert.equal(answer.status, 400);
});

test('/healthz says ok; other paths are not found', async () => {
  const response = await fetch(`${server.origin}/healthz`);
  assert.deepEqual([response.status, await response.text()], [200, 'ok\n']);
  for (const path of ['/', '/tokens', '/token/', '/.well-known/openid-configuration', '/%00', '/healthz/..']) {
    assert.equal((await fetch(server.origin + path)).status, 404);
  }
});

test('HEAD is answered like GET, without the body; at /authorize it is not taken', async () => {
  for (const path of ['/healthz', '/metrics', '/.well-known/oauth-authorization-server']) {
    const response = await fetch(server.origin + path, { method: 'HEAD' });
    assert.deepEqual([path, response.status, await response.text()], [path, 200, '']);
  }
  const request = new URLSearchParams({ client_id: 'agent', ...(await flow.request(status)) });
  const response = await fetch(`${server.origin}/authorize?${request}`, { method: 'HEAD', redirect: 'manual' });
  assert.deepEqual([response.status, response.headers.get('location')], [405, null]);
});

test('a body without end: the connection is closed; one that is only too large is answered', async () => {
  const answer = await post(server, { params: `grant_type=${GRANT}&x=${'x'.repeat(1 << 20)}`, authorization: auth });
  assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_request']);
  const socket = net.connect(new URL(server.origin).port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
  socket.write('POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  let sent = 0;
  const send = () => {
    while (!socket.destroyed && sent < 64 << 20 && socket.write(`10000\r\n${'x'.repeat(1 << 16)}\r\n`)) {
      sent += 1 << 16;
    }
  };
  socket.on('drain', send).on('connect', send);
  await closed;
  assert.ok(sent < 64 << 20, String(sent));
});

const framings = [
  ['two lengths', ['Content-Length: 3', 'Content-Length: 4']],
  ['the same length twice', ['Content-Length: 3', 'Content-Length: 3']],
  ['a length and chunks', ['Content-Length: 3', 'Transfer-Encoding: chunked']],
  ['chunks and a length', ['transfer-encoding: chunked', 'content-length: 3']],
];
test('a body with two ends is refused, and what follows it is no request', async () => {
  for (const [why, lines] of framings) {
    const socket = net.connect(new URL(server.origin).port, '127.0.0.1');
    const answers = new Promise((resolve) => {
      let text = '';
      socket.on('data', (data) => (text += data)).on('error', () => {}).on('close', () => resolve(text));
    });
    socket.write(`POST /token HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n0\r\n\r\n`);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    const found = (await answers).match(/^HTTP\/1\.1 \d+/gm);
    assert.deepEqual([why, found], [why, ['HTTP/1.1 400']]);
  }
});

// ---- Counters -----------------------------------------------------------------------------------------------------

async function counters(of) {
  const response = await fetch(`${of.origin}/metrics`);
  assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const all = new Map();
  for (const line of (await response.text()).trimEnd().split('\n')) {
    if (!line.startsWith('#')) {
      const found = /^(token_server_[a-z_]+(?:\{[^}]*\})?) (\d+)$/.exec(line);
      assert.ok(found, line);
      all.set(found[1], Number(found[2]));
    }
  }
  return all;
}

test('counters: a challenge, a grant and a refusal are counted by outcome, reason and grant type', async () => {
  const before = await counters(server);
  isChallenged(await flow.token(GRANT, payments));
  isGranted(await flow.token(GRANT, status));
  isError(await flow.token(GRANT, { scope: 'unheard-of' }), 'invalid_scope');
  isError(await flow.token('urn:x:unheard-of', status), 'unauthorized_client'); // not in its grant_types
  const after = await counters(server);
  const more = (name) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  assert.equal(more('token_server_events_total{event="challenged",reason="policy_challenged"}'), 1);
  assert.equal(more('token_server_events_total{event="refused",reason="grant_refused"}'), 1);
  assert.equal(more('token_server_events_total{event="refused",reason="grant_type_unregistered"}'), 1);
  assert.equal(more('token_server_requests_total{grant_type="client_credentials",outcome="refused"}'), 1);
  assert.equal(more('token_server_requests_total{grant_type="client_credentials",outcome="challenged"}'), 1);
  assert.equal(more('token_server_requests_total{grant_type="client_credentials",outcome="granted"}'), 1);
  assert.equal(more('token_server_requests_total{grant_type="other",outcome="refused"}'), 1);
  assert.equal(more('token_server_issued_total{kind="access_token"}'), 1);
});

const LABELS = {
  grant_type: ['authorization_code', 'client_credentials', 'refresh_token', 'token_exchange', 'other', 'none', 'par'],
  outcome: ['undecided', 'granted', 'challenged', 'refused', 'failed'],
  kind: ['code', 'request_uri', 'access_token', 'refresh_token'],
  result: ['failed', 'done'],
};

test('counters: 1,000 hostile requests make no label and hold nothing that was sent', async () => {
  const canary = 'Canary-';
  const make = [
    (i) => ({ grant_type: `${canary}${i}"}\n` }),
    (i) => ({ grant_type: GRANT, scope: `${canary}${i}` }),
    (i) => ({ grant_type: CODE, code: `${canary}${i}` }),
    (i) => ({ grant_type: 'refresh_token', refresh_token: `${canary}${i}.x` }),
    (i) => ({ grant_type: GRANT, client_id: `${canary}${i}` }),
    (i) => ({ grant_type: GRANT, scope: 'x', challenge_session: `${canary}${i}` }),
    (i) => ({ [`${canary}${i}`]: 'x' }),
    (i) => `grant_type=${GRANT}&grant_type=${canary}${i}`,
    (i) => `%${canary}${i}`,
    (i) => ({ grant_type: `token_exchange\0${canary}${i}` }),
  ];
  const who = [auth, basic('agent', 'wrong'), basic(`${canary}x`, 'x')];
  let sent = 0;
  const worker = async () => {
    while (sent < 1000) {
      const i = sent++;
      const authorization = who[Math.floor(i / make.length) % who.length];
      const answer = await post(hostile, { params: make[i % make.length](i), authorization });
      assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const all = await counters(hostile);
  const names = await vocabulary();
  let refused = 0;
  for (const [series, value] of all) {
    const labels = [...series.matchAll(/([a-z_]+)="([^"]*)"/g)];
    for (const [, name, label] of labels) {
      const known = LABELS[name] ?? names[name];
      assert.ok(known.includes(label), series);
    }
    refused += /requests_total.*outcome="refused"/.test(series) ? value : 0;
  }
  assert.equal(refused, 1000);
  assert.ok(all.size < 60, `${all.size} series`);
  assert.ok(![...all.keys()].join('').includes(canary));
});

// Events and reasons as docs/errors.md lists them.
async function vocabulary() {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const list = (title) => {
    const part = page.slice(page.indexOf(`## ${title}`)).split('\n## ')[0];
    return [...part.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map(([, name]) => name);
  };
  return { event: list('Events'), reason: ['none', ...list('Reasons')] };
}

// ---- The audit log ------------------------------------------------------------------------------------------------

const lines = () =>
  readFileSync(auditFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const reference = (answer) => /\(reference (\S+)\)$/.exec(answer.body.error_description)[1];

test('audit: the reference that the client was told leads to its lines', async () => {
  const at = await Flow.make(audited, 'agent');
  const refused = isError(await at.token(GRANT, { scope: 'admin' }), 'invalid_scope');
  const challenged = isChallenged(await at.token(GRANT, payments));
  const events = (answer) => lines().filter((line) => line.reference === reference(answer)).map((line) => line.event);
  assert.equal(events(refused)[0], 'request');
  assert.equal(events(refused).at(-1), 'refused');
  assert.ok(events(challenged).includes('session_created') && events(challenged).includes('challenged'));
  assert.notEqual(reference(refused), reference(challenged));
});

test('audit: grants, tokens and a family that ended; no secret in any line', async () => {
  const at = await (await Flow.make(audited, 'agent')).withKey();
  const grant = await at.code({ scope: 'status payments' });
  const challenge = isChallenged(await at.token(CODE, grant));
  const evidence = await at.evidence(challenge);
  const { body } = isGranted(await at.token(CODE, grant, evidence));
  const next = isGranted(await at.refresh(body.refresh_token, status));
  isError(await at.token(CODE, grant), 'invalid_grant');
  const log = readFileSync(auditFile, 'utf8');
  for (const event of ['code_issued', 'token_issued', 'family_ended']) {
    assert.ok(log.includes(`"event":"${event}"`), event);
  }
  const secrets = [
    SECRET, encodeURIComponent(SECRET), body.access_token, body.refresh_token, next.body.access_token,
    ...body.refresh_token.split('.'), ...next.body.refresh_token.split('.'), ...Object.values(evidence).slice(0, 2),
    grant.code, grant.code_verifier,
  ];
  for (const secret of secrets) {
    assert.ok(!log.includes(secret) && !audited.log.includes(secret), 'a secret in the log');
  }
});

test('audit: nobody can write lines of their own', async () => {
  const forged = '{"event":"granted"}';
  const before = lines().length;
  await post(audited, { params: { grant_type: `x\n${forged}` }, authorization: basic(`x\n${forged}`) });
  assert.ok(lines().length > before); // each is JSON still
  assert.ok(!lines().some((line) => line.event === 'granted' && line.reference === undefined));
});

// ---- SIGHUP -------------------------------------------------------------------------------------------------------

test('SIGHUP: another file for the audit log, and the first is left alone', async () => {
  const file = filePath('audit.log');
  assert.equal(await audited.reload({ audit: { file } }), true);
  const before = readFileSync(auditFile, 'utf8').length;
  isGranted(await (await Flow.make(audited, 'agent')).token(GRANT, status));
  assert.ok(readFileSync(file, 'utf8').includes('"event":"token_issued"'));
  assert.equal(readFileSync(auditFile, 'utf8').length, before);
});

test('SIGHUP: new clients, rules, secrets and users; what is out stays good', async () => {
  const session = isChallenged(await flow.token(GRANT, payments));
  const { body } = isGranted(await flow.token(CODE, await flow.code(status)));
  const code = await flow.code(status);
  const added = { client_id: 'new', client_secret: 'of its own', scope };
  const rules = [rule, { scope: 'status', requirement: 'attested' }];
  assert.equal(await server.reload({ clients: [agent, added], rules }), true);
  isGranted(await flow.token(GRANT, payments, await flow.evidence(session)));
  assert.equal((await flow.introspect(body.access_token)).active, true);
  isChallenged(await flow.token(GRANT, status)); // the new rule, for what was granted before it, too
  isChallenged(await flow.token(CODE, code));
  isChallenged(await flow.refresh(body.refresh_token));
  const fresh = await Flow.make(server, 'new', { auth: oauth.ClientSecretBasic('of its own') });
  isError(await fresh.token(GRANT, status), 'unauthorized_client'); // it knows no challenges
  assert.equal(await server.reload({ clients: [agent], rules: [rule] }), true);
  isError(await fresh.token(GRANT, status), 'invalid_client', 401);
  isGranted(await flow.token(CODE, code));
  isGranted(await flow.refresh(body.refresh_token));
});

const api = 'https://api.example/plain';
const taken = [
  ['the user', 'invalid_grant', { test_user: undefined }],
  ['the user, and another is there', 'invalid_grant', { test_user: { ...more.test_user, sub: 'customer-13' } }],
  ["the user's scope", 'invalid_scope', { test_user: { ...more.test_user, scope: ['payments'] } }],
  ["the client's scope", 'invalid_scope', { clients: [{ ...agent, resource: [api], scope: ['payments'] }] }],
  ["the client's resource", 'invalid_target', { clients: [agent] }],
  ["the client's type of details", 'invalid_authorization_details', {
    clients: [{ ...agent, resource: [api], authorization_details_types: [] }],
  }],
  ["the client's grants", 'unauthorized_client', {
    clients: [{ ...agent, resource: [api], grant_types: [GRANT] }],
  }],
];
test('SIGHUP: what is taken from user or client is not given for a code or refresh token from before', async () => {
  const usual = { clients: [{ ...agent, resource: [api] }], rules: [rule], test_user: more.test_user };
  assert.equal(await server.reload(usual), true);
  const all = { ...status, resource: api, authorization_details: '[{"type":"account_information"}]' };
  const { body } = isGranted(await flow.token(CODE, await flow.code(all)));
  const code = await flow.code(all);
  for (const [why, error, change] of taken) {
    assert.equal(await server.reload(change), true, why);
    isError(await flow.token(CODE, code), error);
    isError(await flow.refresh(body.refresh_token), error);
    isError(await flow.refresh(body.refresh_token, { resource: api, ...status }), error);
    assert.equal(await server.reload(usual), true);
  }
  isGranted(await flow.token(CODE, code)); // none of it was used up
  isGranted(await flow.refresh(body.refresh_token));
  assert.equal(await server.reload({ clients: [agent], rules: [rule] }), true);
});

const sub = 'customer-12';
// What is wrong, and what is said of it.
const bad = [
  ['no JSON', '{'],
  ['no object', '[]', 'configuration: must be an object'],
  ['a member misspelled', { client: [agent] }, 'configuration: client: there is no such member'],
  ['one of listen', { listen: { address: '127.0.0.1', port: 0, backlog: 1 } }, 'listen.backlog: there is no such member'],
  ['one of a client', { clients: [agent, { ...agent, redirect_uri: CALLBACK }] },
    'clients[1].redirect_uri: there is no such member'],
  ['keys of a client that nobody fetches', { clients: [{ ...agent, jwks_uri: 'https://x.example' }] },
    'clients[0].jwks_uri: there is no such member'],
  ['one of a rule', { rules: [rule, { ...rule, scopes: 'x' }] }, 'rules[1].scopes: there is no such member'],
  ['a rule for clients seen within no hours', { rules: [{ first_seen_within_hours: 0, requirement: 'attested' }] },
    'rules: each needs'],
  ['hours that are a text', { rules: [{ first_seen_within_hours: '24', requirement: 'attested' }] },
    'rules[0].first_seen_within_hours: must be a number'],
  ['a rule of two kinds', { rules: [{ ...rule, first_seen_within_hours: 24 }] }, 'rules: each needs'],
  ['one of the user', { test_user: { sub, scopes: [] } }, 'test_user.scopes: there is no such member'],
  ['one of a subject token', { subject_tokens: { a: { sub, scope }, b: { sub, scopes: [] } } },
    'subject_tokens[1].scopes: there is no such member'],
  ['one of a resource server', { resource_servers: [{ id: 'x', secrets: 'y' }] },
    'resource_servers[0].secrets: there is no such member'],
  ['one of the audit log', { audit: { path: '/dev/null' } }, 'audit.path: there is no such member'],
  ['clients that are no array', { clients: { agent } }, 'clients: must be an array'],
  ['a client that is none', { clients: ['agent'] }, 'clients[0]: must be an object'],
  ['a scope that is a text', { clients: [{ ...agent, scope: 'status payments' }] },
    'clients[0].scope: must be an array of texts'],
  ['a flag that is a text', { clients: [{ ...agent, insufficient_client_authorization_supported: 'true' }] },
    'clients[0].insufficient_client_authorization_supported: must be true or false'],
  ['a size that is a text', { table_entries: '16' }, 'table_entries: must be a number'],
  ['token_urls that are a text', { libocc: { token_urls: 'https://as.example/token' } },
    'libocc.token_urls: must be an array of texts'],
  ['a token URL that is none', { libocc: { token_urls: [1] } }, 'libocc.token_urls: must be an array of texts'],
  ['a member twice', '{"issuer":1,"issuer":1}'],
  ['no issuer', { issuer: undefined }],
  ['a rule for no requirement', { rules: [{ scope: 'status', requirement: 'nothing' }] }],
  ['a client twice', { clients: [agent, agent] }],
  ['a client without a secret', { clients: [{ client_id: 'x' }] }],
  ['a method that there is not', { clients: [{ client_id: 'x', token_endpoint_auth_method: 'magic' }] }],
  ['a public client with client_credentials', { clients: [{ client_id: 'x', token_endpoint_auth_method: 'none' }] }],
  ['a code client without redirect_uris', { clients: [{ ...agent, redirect_uris: [] }] }],
  ['a redirect_uri with a fragment', { clients: [{ ...agent, redirect_uris: [`${CALLBACK}#x`] }] }],
  ['a status that there is not', { clients: [{ ...agent, challenge_status: 200 }] }],
  ['an option of libocc that there is not', { libocc: { ...bare.content.libocc, unheard_of: 1 } },
    'configuration: unheard_of'],
  ['a requirement of no type', { libocc: { requirements: { attested: { type: 'x' } } }, rules: [rule] },
    'configuration: requirements.attested.type'],
  ['a test user without a name', { test_user: {} }],
  ['keys that would lose sessions', { keys: { keys: [] } }],
  ['an audit log in no folder', { audit: { file: '/nowhere/at/all' } }],
];
test('SIGHUP with what cannot be: the old stays, and it is said why', async () => {
  for (const [why, change, text = ''] of bad) {
    const good = bare.content;
    const log = bare.log.length;
    assert.equal(await bare.reload(change), false, why);
    const said = bare.log.slice(log).split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    assert.ok(said.length >= 2 && said.at(-1) === 'kept the old configuration', `${why}: ${said}`);
    assert.ok(said.join('\n').includes(text), `${why}: ${said}`);
    bare.content = good;
    assert.equal((await fetch(`${bare.origin}/healthz`)).status, 200);
    const answer = await post(bare, { params: { grant_type: GRANT, scope: 'payments' } });
    assert.equal(answer.status, 403, why);
  }
  assert.equal(await bare.reload({}), true);
});

test('a server does not start with a member that there is not, or with one of another kind', async () => {
  await assert.rejects(startServer({}, { client: [agent] }), /did not start: configuration: client: there is no such member/);
  await assert.rejects(startServer({}, { subject_tokens: { secret: { scope: 'x' } } }), (error) => {
    assert.match(error.message, /subject_tokens\[0\]\.scope: must be an array of texts/);
    assert.ok(!error.message.includes('secret')); // it would be good for a token
    return true;
  });
});

test('SIGHUP: a key ring is rotated and no session is lost; one that would lose some is not taken', async () => {
  const [first, second] = [sealKey('k1', 0), sealKey('k2', Date.now())];
  assert.equal(await keyed.reload({ keys: { keys: [first] } }), true);
  const at = await Flow.make(keyed, 'agent');
  const before = isChallenged(await at.token(GRANT, payments));
  assert.equal(await keyed.reload({ keys: { keys: [first, second] } }), true);
  const after = isChallenged(await at.token(GRANT, payments));
  assert.equal(await keyed.reload({ keys: { keys: [second] } }), false); // k1 may still be needed
  for (const challenge of [before, after]) {
    isGranted(await at.token(GRANT, payments, await at.evidence(challenge)));
  }
});

test('a full table: 503 and an error to the client, and what is there stays good', async () => {
  const at = await Flow.make(small, 'agent'); // 2 codes, 2 refresh tokens, 8 access tokens
  const codes = [await at.code(status), await at.code(status)];
  const { location } = await at.browse({ client_id: 'agent', ...(await at.request(status)) });
  assert.equal(new URL(location).searchParams.get('error'), 'temporarily_unavailable');
  const tokens = [isGranted(await at.token(CODE, codes[0])), isGranted(await at.token(CODE, codes[1]))];
  for (let i = 0; i < 6; i++) {
    isGranted(await at.token(GRANT, status));
  }
  isError(await at.token(GRANT, status), 'temporarily_unavailable', 503);
  isError(await at.refresh(tokens[0].body.refresh_token), 'temporarily_unavailable', 503);
  isError(await at.token(CODE, codes[0]), 'invalid_grant'); // ends its family, and that makes room
  isGranted(await at.refresh(tokens[1].body.refresh_token)); // it was not used up by what there was no room for
  assert.equal((await at.introspect(tokens[1].body.access_token)).active, true);
});

test('a client that anybody can be takes its part of the table, and nobody else is shut out', async () => {
  const app = await Flow.make(shared, 'app', { auth: oauth.None() }); // of 100 codes 25, of request_uris, too
  const at = await Flow.make(shared, 'agent');
  for (let i = 0; i < 25; i++) {
    isGranted(await app.token(CODE, await app.code(status)));
    isPushed(await app.push(await app.request(status)));
  }
  const { location } = await app.browse({ client_id: 'app', ...(await app.request(status)) });
  assert.equal(new URL(location).searchParams.get('error'), 'temporarily_unavailable');
  isError(await app.push(await app.request(status)), 'temporarily_unavailable', 503);
  const { body } = isGranted(await at.token(CODE, await at.pushedCode(isPushed(await at.push(await at.request(status))))));
  isGranted(await at.refresh(body.refresh_token));
});

test('SIGHUP under load: every request is answered as it must be, none is lost', async () => {
  const before = await counters(server);
  let reloading = true;
  let answered = 0;
  const worker = async (i) => {
    while (reloading) {
      if (i % 4 === 0) {
        const challenge = isChallenged(await flow.token(GRANT, payments));
        isGranted(await flow.token(GRANT, payments, await flow.evidence(challenge)));
        answered += 2;
      } else {
        const answer = await post(server, { params: { grant_type: GRANT, ...status }, authorization: auth });
        assert.equal(answer.status, 200);
        answered++;
      }
    }
  };
  const workers = Array.from({ length: 8 }, (_, i) => worker(i));
  for (let i = 0; i < 20; i++) {
    const clients = i % 2 === 0 ? [agent, { client_id: `new-${i}`, client_secret: 'x', scope }] : [agent];
    const good = await server.reload(i % 5 === 4 ? { rules: [{}] } : { clients, rules: [rule] });
    assert.equal(good, i % 5 !== 4);
  }
  assert.equal(await server.reload({ clients: [agent], rules: [rule] }), true);
  reloading = false;
  await Promise.all(workers);
  const after = await counters(server);
  const count = (name) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  assert.equal(count('token_server_reloads_total{result="done"}'), 17);
  assert.equal(count('token_server_reloads_total{result="failed"}'), 4);
  assert.equal(
    count('token_server_requests_total{grant_type="client_credentials",outcome="granted"}') +
      count('token_server_requests_total{grant_type="client_credentials",outcome="challenged"}'),
    answered,
  );
  assert.ok(answered >= 20, String(answered));
});

test('the token-servers of operation end with 0', async () => {
  const all = [server, bare, audited, hostile, keyed, small, shared];
  assert.deepEqual(await Promise.all(all.map((one) => one.stop())), all.map(() => 0));
});
