// SPDX-License-Identifier: MIT
//
// X.509 certificates of one run, written octet by octet: Node reads certificates and makes none. P-256, SHA-256.

import { X509Certificate, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts) => der(0x30, ...parts);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const octets = (content) => der(0x04, content);
const bits = (content) => der(0x03, Buffer.from([0]), content);

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = '550403';
const extension = (id, critical, value) =>
  sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), octets(value));

const name = (text) => sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, Buffer.from(text)))));
const time = (ms) => der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '').slice(2)}`));

const PURPOSES = { client: '2b06010505070302', server: '2b06010505070301' };

function extensions({ ca, purpose, dns, ip }) {
  const names = [];
  if (dns !== undefined) {
    names.push(der(0x82, Buffer.from(dns)));
  }
  if (ip !== undefined) {
    names.push(der(0x87, Buffer.from(ip.split('.').map(Number))));
  }
  const all = [];
  if (ca) {
    all.push(extension('551d13', true, sequence(der(0x01, Buffer.from([0xff])))));
    all.push(extension('551d0f', true, der(0x03, Buffer.from([2, 0x04])))); // keyCertSign
  }
  if (purpose !== undefined) {
    all.push(extension('551d25', false, sequence(oid(PURPOSES[purpose]))));
  }
  if (names.length > 0) {
    all.push(extension('551d11', false, sequence(...names)));
  }
  return all.length === 0 ? [] : [der(0xa3, sequence(...all))];
}

// makeCertificate COMMON-NAME, {issuer: another of these, days, ca, purpose, dns, ip}: {cn, key, cert, raw, publicKey};
// key and cert are PEM.
export function makeCertificate(cn, { issuer, days = 1, ...more } = {}) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const serial = randomBytes(9).fill(1, 0, 1);
  const start = Date.now() - 3_600_000;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_SHA256,
    name(issuer?.cn ?? cn),
    sequence(time(start), time(start + days * 86_400_000)),
    name(cn),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...extensions(more),
  );
  const signature = sign('sha256', body, issuer?.key ?? key);
  const certificate = new X509Certificate(sequence(body, ECDSA_SHA256, bits(signature)));
  return { cn, key, cert: certificate.toString(), raw: certificate.raw, publicKey };
}
