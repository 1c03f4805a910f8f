'use strict';

// Sends requests byte for byte as they are told to: no URL class, no client that adds, folds or escapes anything.

const http = require('node:http');

const TARGET = /^https?:\/\/[^/?#]+([^#]*)/;

/** Code of an S3 error, from its body. */
const codeOf = (text) => /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? null;

/**
 * @param {{ method: string, target: string, headers: Record<string, string>, body?: Uint8Array | string }} request
 * @param {{ port: number, agent: http.Agent }} to
 * @returns {Promise<{ status: number, code: string | null }>}
 */
function send({ method, target, headers, body }, { port, agent }) {
  return new Promise((resolve, reject) => {
    const lengths = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = http.request(
      { host: '127.0.0.1', port, agent, method, path: target, headers: { ...headers, ...lengths } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, code: codeOf(text) }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** The wire form of a call signed by headers. */
function signedWire(signer, call) {
  const { headers } = signer.sign(call);
  return { method: call.method.toUpperCase(), target: TARGET.exec(call.url)[1], headers, body: call.body };
}

/** The wire form of a presigned call: the URL, with the headers that were signed into it. */
function presignedWire(signer, call) {
  const url = signer.presign(call);
  const host = /:\/\/([^/?]+)/.exec(url)[1];
  const headers = { host, ...call.headers };
  return { method: (call.method ?? 'GET').toUpperCase(), target: TARGET.exec(url)[1], headers, body: call.body };
}

/** Another character in that place: what stands there can no longer mean the same. */
const other = (text, at, by = 'x') => `${text.slice(0, at)}${text[at] === by ? 'y' : by}${text.slice(at + 1)}`;

/** The request with one byte changed, for every byte of what a signature covers: `[what, request]`. */
function* flipped(wire) {
  const { method, target, headers, body } = wire;
  for (const another of ['GET', 'PUT', 'DELETE', 'POST']) {
    // A body where none belongs would be refused for its own sake.
    if (another !== method) yield [`method ${another}`, { ...wire, method: another }];
  }
  for (let i = 1; i < target.length; i++) yield [`target[${i}] ${target[i]}`, { ...wire, target: other(target, i) }];
  for (const [name, value] of Object.entries(headers)) {
    for (let i = 0; i < value.length; i++) {
      yield [`${name}[${i}] ${value[i]}`, { ...wire, headers: { ...headers, [name]: other(value, i) } }];
    }
    const { [name]: _, ...rest } = headers;
    // Node would put its own host in the place of a missing one.
    if (name !== 'host') yield [`no ${name}`, { ...wire, headers: rest }];
  }
  yield ['an x-amz- header more', { ...wire, headers: { ...headers, 'x-amz-meta-added': '1' } }];
  yield ['a query parameter more', { ...wire, target: `${target}${target.includes('?') ? '&' : '?'}acl` }];
  for (let i = 0; i < (body?.length ?? 0); i++) yield [`body[${i}]`, { ...wire, body: other(body, i) }];
}

module.exports = { send, signedWire, presignedWire, flipped };
