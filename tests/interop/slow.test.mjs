// SPDX-License-Identifier: MIT
//
// Peers that are never idle and never done. They begin before the first test and are looked at after all others, so that
// nobody waits for them.

import assert from 'node:assert/strict';
import net from 'node:net';
import { startServer } from './server.mjs';
import { test } from './tap.mjs';

const server = await startServer();

// {kind, ms until the server had enough}
const begun = Date.now();
const slow = [
  ['header lines', 'POST /token HTTP/1.1\r\nX: ', 'x'],
  ['a body', 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n', 'x'],
  ['empty lines', '\r\n', '\r\n'],
].map(([kind, first, next]) => {
  const socket = net.connect(new URL(server.origin).port, '127.0.0.1');
  const timer = setInterval(() => socket.write(next), 1000);
  socket.on('error', () => {}).write(first);
  return new Promise((resolve) => socket.on('close', () => {
    clearInterval(timer);
    resolve({ kind, ms: Date.now() - begun });
  }));
});

test('whoever is never idle and never done is let go after 30 s', async () => {
  for (const { kind, ms } of await Promise.all(slow)) {
    assert.ok(ms > 29_000 && ms < 45_000, `${kind}: ${ms} ms`);
  }
});

test('the token-server of slow peers ends with 0', async () => {
  assert.equal(await server.stop(), 0);
});
