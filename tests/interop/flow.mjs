// SPDX-License-Identifier: MIT
//
// The authorization code flow by oauth4webapi: /authorize without a browser, PAR, codes, refresh tokens, introspection.
// Beside it the same messages as nobody should send them.

import assert from 'node:assert/strict';
import https from 'node:https';
import * as oauth from 'oauth4webapi';
import { SECRET } from './server.mjs';
import { JWT_FORMAT, assertion } from './stock.mjs';

export const CALLBACK = 'https://client.example/callback';
export const RESOURCE_SERVER = { id: 'api.example', secret: 'a secret of the API: % & ü' };

const insecure = { [oauth.allowInsecureRequests]: true };

// What the server says of itself, as the library reads it.
export async function discover(server, options = {}) {
  const issuer = new URL(server.issuer);
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure, ...options });
  return oauth.processDiscoveryResponse(issuer, response);
}

// A fetch() that shows a certificate, or none, and knows the server's. spec: RFC 8705
export function tlsFetch(options) {
  return (url, { method, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const request = https.request(url, { method, headers, signal, agent: false, ...options });
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const init = { status: response.statusCode, headers: response.headers };
          resolve(new Response(Buffer.concat(chunks), init));
        });
      });
      request.end(body === undefined ? undefined : body.toString());
    });
}

// One response, read by the library: {status, headers, body, token or thrown}.
async function read(response, process) {
  const answer = { status: response.status, headers: response.headers, body: await response.clone().json() };
  try {
    answer.token = await process(response);
  } catch (thrown) {
    answer.thrown = thrown;
  }
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  return answer;
}

export class Flow {
  // auth: an authentication of oauth4webapi; dpop: a key, or an algorithm to make one for.
  static async make(server, id, { auth = oauth.ClientSecretBasic(SECRET), dpop, fetch } = {}) {
    const flow = new Flow();
    Object.assign(flow, { server, auth, client: { client_id: id } });
    flow.options = { ...insecure, signal: undefined, ...(fetch && { [oauth.customFetch]: fetch }) };
    flow.as = await discover(server, fetch && { [oauth.customFetch]: fetch });
    if (dpop !== undefined) {
      flow.pair = typeof dpop === 'string' ? await oauth.generateKeyPair(dpop, { extractable: true }) : dpop;
      flow.options.DPoP = oauth.DPoP(flow.client, flow.pair);
    }
    return flow;
  }

  like(changes) {
    const { options, ...rest } = changes;
    return Object.assign(new Flow(), this, rest, { options: { ...this.options, ...options } });
  }

  // The same client with another DPoP key.
  async withKey(alg = 'ES256') {
    const pair = await oauth.generateKeyPair(alg, { extractable: true });
    return this.like({ pair, options: { DPoP: oauth.DPoP(this.client, pair) } });
  }

  withoutKey() {
    return this.like({ pair: undefined, options: { DPoP: undefined } });
  }

  // Sends until it is not about a nonce.
  async ask(send) {
    let answer = await send();
    for (let i = 0; i < 2 && answer.thrown && oauth.isDPoPNonceError(answer.thrown); i++) {
      answer = await send();
    }
    return answer;
  }

  // A grant as it is, whatever the library would say to that.
  token(grant, params, more = {}) {
    const { as, client, auth, options } = this;
    return this.ask(async () =>
      read(
        await oauth.genericTokenEndpointRequest(as, client, auth, grant, { ...params, ...more }, options),
        (response) => oauth.processGenericTokenEndpointResponse(as, client, response),
      ),
    );
  }

  // What an authorization request has; verifier and state are remembered.
  async request(params = {}) {
    this.verifier = oauth.generateRandomCodeVerifier();
    this.state = oauth.generateRandomState();
    return {
      response_type: 'code',
      redirect_uri: CALLBACK,
      state: this.state,
      code_challenge: await oauth.calculatePKCECodeChallenge(this.verifier),
      code_challenge_method: 'S256',
      ...params,
    };
  }

  push(params) {
    const { as, client, auth, options } = this;
    return this.ask(async () =>
      read(await oauth.pushedAuthorizationRequest(as, client, auth, params, options), (response) =>
        oauth.processPushedAuthorizationResponse(as, client, response),
      ),
    );
  }

  // What the browser gets: {status, location, text}.
  async browse(params) {
    const url = new URL(this.as.authorization_endpoint);
    url.search = new URLSearchParams(params).toString();
    const response = await (this.options[oauth.customFetch] ?? fetch)(url, { redirect: 'manual', headers: {} });
    return {
      status: response.status,
      location: response.headers.get('location'),
      text: await response.text(),
    };
  }

  // What the client takes from it, judged by the library: state, iss, error.
  callback({ status, location }) {
    assert.equal(status, 303);
    assert.ok(location.startsWith(`${CALLBACK}?`), location);
    return oauth.validateAuthResponse(this.as, this.client, new URL(location), this.state);
  }

  // From nothing to the parameters of a code grant.
  async code(params = {}) {
    const request = await this.request(params);
    const callback = this.callback(await this.browse({ client_id: this.client.client_id, ...request }));
    return { code: callback.get('code'), code_verifier: this.verifier, redirect_uri: CALLBACK };
  }

  // The same by PAR.
  async pushedCode(pushed) {
    const params = { client_id: this.client.client_id, request_uri: pushed.body.request_uri };
    const callback = this.callback(await this.browse(params));
    return { code: callback.get('code'), code_verifier: this.verifier, redirect_uri: CALLBACK };
  }

  // By the library's own function for codes.
  async redeem(callback, verifier = this.verifier) {
    const { as, client, auth, options } = this;
    const send = () => oauth.authorizationCodeGrantRequest(as, client, auth, callback, CALLBACK, verifier, options);
    return this.ask(async () =>
      read(await send(), (response) => oauth.processAuthorizationCodeResponse(as, client, response)),
    );
  }

  async refresh(token, additionalParameters = {}) {
    const { as, client, auth, options } = this;
    const all = { ...options, additionalParameters };
    return this.ask(async () =>
      read(await oauth.refreshTokenGrantRequest(as, client, auth, token, all), (response) =>
        oauth.processRefreshTokenResponse(as, client, response),
      ),
    );
  }

  // The evidence for a challenge of jwt_assertion, as parameters.
  async evidence(challenge) {
    const session = challenge.body.challenge_session;
    const token = await assertion({ server: this.server, client: this.client.client_id, session });
    return { challenge_session: session, claim_token: token, claim_token_format: JWT_FORMAT };
  }

  async introspect(token, { id, secret } = RESOURCE_SERVER) {
    const client = { client_id: id };
    const auth = oauth.ClientSecretBasic(secret);
    const { DPoP: _, ...options } = this.options;
    const response = await oauth.introspectionRequest(this.as, client, auth, token, options);
    return oauth.processIntrospectionResponse(this.as, client, response);
  }
}

export function isGranted(answer, scope) {
  assert.equal(answer.thrown, undefined, JSON.stringify(answer.body));
  assert.equal(answer.status, 200);
  if (scope !== undefined) {
    assert.equal(answer.body.scope, scope);
  }
  return answer;
}

export function isPushed(answer) {
  assert.equal(answer.thrown, undefined, JSON.stringify(answer.body));
  assert.equal(answer.status, 201);
  assert.match(answer.body.request_uri, /^urn:ietf:params:oauth:request_uri:[A-Za-z0-9_-]{43}$/);
  assert.equal(answer.body.expires_in, 60);
  return answer;
}

// With a reference that the client can quote.
export function isError(answer, error, status = 400) {
  assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify(answer.body));
  assert.match(answer.body.error_description, /\(reference [A-Za-z0-9_-]{12}\)$/);
  assert.equal(answer.body.access_token, undefined);
  return answer;
}

export function isChallenged(answer, status = 403) {
  isError(answer, 'insufficient_client_authorization', status);
  assert.equal(answer.body.authorization_requirement.type, 'jwt_assertion');
  assert.ok(answer.body.expires_in > 0 && answer.body.expires_in <= 60);
  return answer;
}
