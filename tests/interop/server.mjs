// SPDX-License-Identifier: MIT
//
// The two programs of examples/: token-server as a process with a configuration of its own, agent as one run.
// Everything started here is ended by its process id. Traffic goes to 127.0.0.1 alone.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ATTESTER, attesterJwks } from './keys.mjs';

const START_MS = 15_000;
const AGENT_MS = 20_000;
export const OLD_ASSERTION_MS = 11_000; // the same for client assertions: 10 s
const OLD_MS = 31_500; // a store refuses proofs that can be older than itself: iat may be 30 s ahead, and is cut

const bin = join(process.env.OCC_BUILD, 'examples');
const work = mkdtempSync(join(tmpdir(), 'occ-interop-'));
const running = new Set();
let files = 0;

export const SECRET = 'a secret: with %, + & / ü';

const scope = ['status', 'payments', 'payments.large', 'device', 'both'];
const capable = { insufficient_client_authorization_supported: true, scope, client_secret: SECRET };

// An id that is a URL has colons and slashes in it, which Basic credentials must carry encoded.
export const CLIENT = 'https://agents.example/7';
export const OTHER_CLIENT = 'agent-8';
export const PLAIN_CLIENT = 'plain-9'; // has never said that it understands challenges

export const SUBJECT_TOKEN = 'subject-token-of-customer-12';
export const OTHER_SUBJECT_TOKEN = 'subject-token-of-customer-13';

function configuration(libocc, more) {
  return {
    issuer: 'http://127.0.0.1:0',
    listen: { address: '127.0.0.1', port: 0 },
    libocc: {
      jwt_assertion: { algs: ['ES256', 'Ed25519', 'EdDSA'], issuers: { [ATTESTER]: { jwks: attesterJwks } } },
      requirements: {
        attested: { type: 'jwt_assertion', issuer: [ATTESTER], expiry: 60 },
        known_device: { type: 'dpop_proof' },
      },
      ...libocc,
    },
    clients: [
      { client_id: CLIENT, ...capable },
      { client_id: OTHER_CLIENT, ...capable },
      { client_id: PLAIN_CLIENT, scope, client_secret: SECRET },
    ],
    rules: [
      { scope: 'payments', requirement: 'attested' },
      { scope: 'payments.large', requirement: 'attested' },
      { scope: 'device', requirement: 'known_device' },
      { scope: 'both', requirement: 'attested' },
      { scope: 'both', requirement: 'known_device' },
      { resource: 'https://api.example/ledger', requirement: 'attested' },
      { resource: 'https://api.example/other', requirement: 'attested' },
      { authorization_details_type: 'payment_initiation', requirement: 'attested' },
    ],
    subject_tokens: {
      [SUBJECT_TOKEN]: { sub: 'customer-12', scope },
      [OTHER_SUBJECT_TOKEN]: { sub: 'customer-13', scope },
    },
    ...more,
  };
}

// Where a file of this run lies; text: what is in it, an object as JSON.
export function filePath(name) {
  return join(work, `${++files}-${name}`);
}

export function writeFile(content, name = 'config.json') {
  const path = filePath(name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

class Server {
  constructor(process, path) {
    this.process = process;
    this.path = path;
    this.log = '';
    this.said = '';
    this.started = Date.now();
    process.stdout.setEncoding('utf8').on('data', (text) => (this.said += text));
    process.stderr.setEncoding('utf8').on('data', (text) => {
      this.log = (this.log + text).slice(-1_000_000);
    });
  }

  async ready() {
    let said = '';
    const late = AbortSignal.timeout(START_MS);
    for await (const [octets] of on(this.process.stdout, 'data', { signal: late, close: ['end'] })) {
      said += octets;
      const found = /^listening on (\S+)$/m.exec(said);
      if (found) {
        this.started = Date.now();
        this.origin = found[1];
        this.issuer ??= found[1];
        this.tokenUrl = `${this.issuer}/token`;
        return this;
      }
    }
    throw new Error(`token-server did not start: ${this.log.slice(-500)}`);
  }

  // Waits until the store is older than any proof that is made now; of client assertions: after OLD_ASSERTION_MS.
  async isOld(ms = OLD_MS) {
    await sleep(Math.max(0, this.started + ms - Date.now()));
    return this;
  }

  // SIGHUP, with other members in the configuration, or another text. Waits until the server has taken it, or has said
  // why it does not.
  async reload(change) {
    const before = [this.said.length, this.log.length];
    this.content = { ...this.content, ...(typeof change === 'string' ? {} : change) };
    writeFileSync(this.path, typeof change === 'string' ? change : JSON.stringify(this.content), { mode: 0o600 });
    this.process.kill('SIGHUP');
    const end = Date.now() + START_MS;
    for (;;) {
      if (this.said.slice(before[0]).includes('reloaded\n')) {
        return true;
      }
      if (this.log.slice(before[1]).includes('kept the old configuration\n')) {
        return false;
      }
      assert.ok(Date.now() < end, 'no answer to SIGHUP');
      await sleep(5);
    }
  }

  // Waits until the log has text in it: it comes by a pipe, and so a little later than the response.
  async logged(text) {
    for (let i = 0; i < 100 && !this.log.includes(text); i++) {
      await sleep(20);
    }
    if (!this.log.includes(text)) {
      throw new Error(`not in the server's log: ${text}`);
    }
  }

  // The exit code.
  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      this.process.kill('SIGTERM');
      await Promise.race([ended, sleep(10_000, null, { ref: false })]);
    }
    running.delete(this.process);
    return this.process.exitCode;
  }
}

function start(program, args) {
  const child = spawn(join(bin, program), args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
  running.add(child);
  child.on('exit', () => running.delete(child));
  return child;
}

function environment() {
  return { ...process.env, no_proxy: '127.0.0.1', NO_PROXY: '127.0.0.1' };
}

// startServer LIBOCC-OPTIONS, MORE-MEMBERS
export async function startServer(libocc = {}, more = {}) {
  const content = configuration(libocc, more);
  const path = writeFile(content);
  const server = new Server(start('token-server', [path]), path);
  server.content = content;
  server.issuer = content.issuer.endsWith(':0') ? undefined : content.issuer;
  return server.ready();
}

// One run of the agent: {code, out, err}.
export async function runAgent(config, args = []) {
  const child = start('agent', [writeFile(config), ...args]);
  const result = { code: null, out: '', err: '' };
  const timer = setTimeout(() => child.kill('SIGKILL'), AGENT_MS);
  child.stdout.setEncoding('utf8').on('data', (text) => (result.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (result.err += text));
  [result.code] = await once(child, 'close');
  clearTimeout(timer);
  return result;
}

// Whatever still runs, and the files.
export function cleanUp() {
  for (const child of running) {
    child.kill('SIGKILL');
  }
  rmSync(work, { recursive: true, force: true });
}
