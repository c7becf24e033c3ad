// SPDX-License-Identifier: MIT
//
// The web where clients known by a URL have their documents: HTTPS on 127.0.0.2 with a CA of its own, under names that
// token-server is told (libocc-curl's resolve). On 127.0.0.1, with the same port, is somebody to whom nobody may connect.

import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import { writeFile } from './server.mjs';
import { makeCertificate } from './x509.mjs';

const HOST = 'app.example.org';
const JSON_TYPE = 'application/json';
// All clients of a run are of one host.
const MANY = { per_host: 1000, fetches_per_minute: 1200, fetches_per_minute_per_host: 1200 };

export class Web {
  static async open() {
    const web = new Web();
    const ca = makeCertificate('web CA', { ca: true });
    const { key, cert } = makeCertificate('web', { issuer: ca, purpose: 'server', dns: HOST });
    web.pages = new Map();
    web.requests = [];
    web.disturbed = 0;
    web.caFile = writeFile(ca.cert, 'web-ca.pem');
    web.server = https.createServer({ key, cert }, (request, response) => web.answer(request, response));
    web.server.listen(0, '127.0.0.2');
    await once(web.server, 'listening');
    web.port = web.server.address().port;
    web.origin = `https://${HOST}:${web.port}`;
    web.canary = net.createServer((socket) => (web.disturbed++, socket.destroy()));
    web.canary.listen(web.port, '127.0.0.1');
    await once(web.canary, 'listening');
    return web;
  }

  // What stands at a path: an object or a text; or a function that answers by itself.
  put(path, page) {
    this.pages.set(path, page);
    return this.origin + path;
  }

  async answer(request, response) {
    const page = this.pages.get(request.url);
    this.requests.push(request.url);
    const content = typeof page === 'function' ? await page() : page;
    response.writeHead(content === undefined ? 404 : 200, { 'Content-Type': JSON_TYPE });
    response.end(typeof content === 'string' ? content : JSON.stringify(content ?? {}));
  }

  // How often a path was fetched.
  count(path) {
    return this.requests.filter((url) => url === path).length;
  }

  // The member "cimd" of token-server's configuration.
  config(client, documents = {}, fetch = {}) {
    return {
      client,
      documents: { development: true, allow_addresses: ['127.0.0.2/32'], ports: [this.port], ...MANY, ...documents },
      fetch: { development: true, resolve: [`${HOST}:${this.port}:127.0.0.2`], ca_file: this.caFile, ...fetch },
    };
  }

  close() {
    for (const server of [this.server, this.canary]) {
      server.close();
    }
    this.server.closeAllConnections();
  }
}
