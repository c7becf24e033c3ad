// SPDX-License-Identifier: MIT
//
// The client's side, by other people's code: oauth4webapi sends token requests and reads the responses, jose signs
// assertions and such proofs as oauth4webapi would never make. What stands here is what any caller of the two adds: the
// loop of RFC 9449 section 8, the parameters of a follow-up, and what every response must be.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { SignJWT, exportJWK } from 'jose';
import * as oauth from 'oauth4webapi';
import { ATTESTER, keys } from './keys.mjs';
import { CLIENT, SECRET } from './server.mjs';

export const JWT_FORMAT = 'urn:ietf:params:oauth:token-type:jwt';
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

// ---- oauth4webapi -----------------------------------------------------------------------------------------------

export class Stock {
  // dpop: true (ES256), or the name of an algorithm.
  static async make(server, { id = CLIENT, secret = SECRET, auth = 'basic', dpop = null } = {}) {
    const stock = new Stock();
    stock.id = id;
    stock.server = server;
    stock.as = { issuer: server.issuer, token_endpoint: server.tokenUrl };
    stock.client = { client_id: id };
    stock.auth = auth === 'basic' ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
    if (dpop) {
      stock.pair = await oauth.generateKeyPair(dpop === true ? 'ES256' : dpop, { extractable: true });
      stock.dpop = oauth.DPoP(stock.client, stock.pair);
    }
    return stock;
  }

  // The same client and the same DPoP key, another place, method or name.
  like(changes) {
    return Object.assign(new Stock(), this, changes);
  }

  // One message: {status, headers, body, token (what the library made of it) or thrown}.
  async send(params, grant = 'client_credentials') {
    const options = { [oauth.allowInsecureRequests]: true, DPoP: this.dpop, signal: AbortSignal.timeout(20_000) };
    const { as, client, auth } = this;
    const response =
      grant === 'client_credentials'
        ? await oauth.clientCredentialsGrantRequest(as, client, auth, params, options)
        : await oauth.genericTokenEndpointRequest(as, client, auth, grant, params, options);
    const answer = { status: response.status, headers: response.headers, body: await response.clone().json() };
    try {
      answer.token =
        grant === 'client_credentials'
          ? await oauth.processClientCredentialsResponse(as, client, response)
          : await oauth.processGenericTokenEndpointResponse(as, client, response);
    } catch (thrown) {
      answer.thrown = thrown;
    }
    checkResponse(answer);
    return answer;
  }

  // With the round for a nonce, if the server wants one; answer.nonces tells how often it did.
  async ask(params, grant) {
    let answer = await this.send(params, grant);
    let nonces = 0;
    while (answer.thrown && oauth.isDPoPNonceError(answer.thrown) && nonces < 2) {
      nonces++;
      answer = await this.send(params, grant);
    }
    return Object.assign(answer, { nonces });
  }

  // The follow-up to a challenge of jwt_assertion.
  async answer(params, challenge, { token, grant, ...changes } = {}) {
    const session = challenge.body.challenge_session;
    return this.ask(
      {
        ...params,
        challenge_session: session,
        claim_token: token ?? (await assertion({ server: this.server, client: this.id, session, ...changes })),
        claim_token_format: JWT_FORMAT,
      },
      grant,
    );
  }
}

// ---- What every response must be --------------------------------------------------------------------------------

// spec: RFC 6749 sections 5.1 and 5.2, RFC 9449 section 8.1 (fetch joins what stood on two lines with a comma).
function checkResponse({ status, headers, body }) {
  assert.match(headers.get('content-type') ?? '', /^application\/json(;|$)/);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('pragma'), 'no-cache');
  assert.match(headers.get('dpop-nonce') ?? 'none', /^[A-Za-z0-9_-]+$/);
  if (status === 200) {
    assert.equal(body.error, undefined);
  } else {
    assert.match(body.error, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    assert.equal(body.access_token, undefined);
  }
}

export function isToken(answer, { type = 'bearer', scope } = {}) {
  assert.equal(answer.thrown, undefined, `refused: ${JSON.stringify(answer.body)}`);
  assert.equal(answer.status, 200);
  assert.ok(answer.token.access_token.length >= 32);
  assert.equal(answer.token.token_type, type); // oauth4webapi writes it in small letters
  assert.equal(answer.body.token_type, type === 'dpop' ? 'DPoP' : 'Bearer'); // N-DPOP-23
  assert.ok(answer.token.expires_in > 0);
  if (scope !== undefined) {
    assert.equal(answer.token.scope, scope);
  }
  return answer;
}

// As oauth4webapi shows it: a ResponseBodyError whose cause is the whole body.
export function isRefused(answer, error, status = 400) {
  assert.ok(answer.thrown instanceof oauth.ResponseBodyError, `not refused: ${JSON.stringify(answer.body)}`);
  assert.equal(answer.thrown.error, error);
  assert.equal(answer.thrown.status, status);
  assert.deepEqual(answer.thrown.cause, answer.body);
  return answer;
}

const seen = new Set();

export function isChallenge(answer, { type = 'jwt_assertion', status = 403, expires = 60 } = {}) {
  isRefused(answer, 'insufficient_client_authorization', status);
  const { authorization_requirement: requirement, challenge_session: session, expires_in } = answer.thrown.cause;
  assert.equal(requirement.type, type);
  assert.match(session, /^[A-Za-z][A-Za-z0-9_-]{42,1023}$/);
  assert.ok(!seen.has(session), 'a session was given twice');
  seen.add(session);
  assert.equal(expires_in, type === 'jwt_assertion' ? expires : 300);
  if (type === 'jwt_assertion') {
    assert.deepEqual(requirement.issuer, [ATTESTER]);
    assert.deepEqual(requirement.claim_token_format, [JWT_FORMAT]);
  } else {
    assert.equal(answer.headers.get('dpop-nonce'), session);
  }
  return answer;
}

// ---- jose -------------------------------------------------------------------------------------------------------

const seconds = () => Math.floor(Date.now() / 1000);

function without(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

// An assertion as it should be, but for claims and header: a member that is undefined is left out.
export async function assertion({ server, client, session, key = keys.es256, claims = {}, header = {}, sign }) {
  const now = seconds();
  const payload = without({
    iss: ATTESTER,
    sub: client,
    aud: server.issuer,
    nonce: session,
    iat: now,
    exp: now + 60,
    jti: randomUUID(),
    ...claims,
  });
  const head = without({ typ: 'client-challenge-assertion+jwt', alg: key.alg, kid: key.kid, ...header });
  return new SignJWT(payload).setProtectedHeader(head).sign(sign ?? key.privateKey);
}

// A DPoP proof by jose, with the key of a Stock client or any other.
export async function proof({ server, pair, nonce, claims = {}, header = {}, sign }) {
  const jwk = await exportJWK(pair.publicKey);
  const alg = jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
  const payload = without({
    jti: randomUUID(),
    htm: 'POST',
    htu: server.tokenUrl,
    iat: seconds(),
    nonce,
    ...claims,
  });
  const head = without({ typ: 'dpop+jwt', alg, jwk, ...header });
  return new SignJWT(payload).setProtectedHeader(head).sign(sign ?? pair.privateKey);
}

// ---- Plain HTTP, where the lines of a header count ----------------------------------------------------------------

export const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 100 });

export function basic(id = CLIENT, secret = SECRET) {
  const encode = (text) => new URLSearchParams({ x: text }).toString().slice(2);
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}

// params: an object, or the body as it is. proofs: one line each. Returns {status, lines: name to values, body}.
export function post(server, { params, proofs = [], authorization = basic() }) {
  const body = typeof params === 'string' ? params : new URLSearchParams(params).toString();
  const headers = {
    authorization,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(body),
  };
  if (proofs.length > 0) {
    headers.DPoP = proofs;
  }
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers, agent: keepAlive, timeout: 30_000 };
    const request = http.request(`${server.origin}/token`, options);
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          const lines = {};
          for (let i = 0; i < response.rawHeaders.length; i += 2) {
            (lines[response.rawHeaders[i].toLowerCase()] ??= []).push(response.rawHeaders[i + 1]);
          }
          resolve({ status: response.statusCode, lines, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
        } catch (error) {
          reject(error);
        }
      });
    });
    request.end(body);
  });
}
