'use strict';

const assert = require('node:assert/strict');
const { Sha256 } = require('@aws-crypto/sha256-js');
const { SignatureV4 } = require('@smithy/signature-v4');
const aws4 = require('aws4');
const test = require('node:test');
const { signRequest, getSigningKey } = require('warmpath/compat/r2Service');

const HOST = 'acc.r2.cloudflarestorage.com';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

const query = (text) => Object.fromEntries([...new URLSearchParams(text)]);

/** method, path as it goes over the wire, headers, payload; config beside the credentials. */
const REQUESTS = [
  ['GET', '/media/plain.bin', {}, ''],
  ['HEAD', '/media/part.bin', { Range: 'bytes=0-9' }, ''],
  ['PUT', '/media/a.png', { 'Content-Type': 'image/png', 'X-Amz-Meta-Owner': 'me' }, 'some text'],
  ['PUT', '/media/b.bin', { 'content-type': 'application/octet-stream' }, Buffer.from([0, 255, 128])],
  ['PUT', '/media/%C3%A9t%C3%A9/a%20b%2Bc.bin', { 'Content-TYPE': 'a/b' }, 'é'],
  ['GET', '/media/a%3Db%26c%3Bd%2Ce%40f%3Ag%24h', {}, ''],
  ['GET', '/media/%F0%9F%98%80.jpg', {}, ''],
  ['GET', '/media/it%27s%20%28new%29%21%2A.txt', {}, ''],
  ['DELETE', '/media/a//b/', {}, ''],
  ['GET', '/media/a/./b/../c', {}, ''],
  ['GET', '/media?list-type=2&prefix=a%20b%2F&delimiter=%2F', {}, ''],
  ['GET', '/media?prefix=&max-keys=5&continuation-token=a%2Bb%3D%3D', {}, ''],
  ['POST', '/media/k?uploads=', {}, ''],
  ['PUT', '/media/k?partNumber=2&uploadId=x%2Fy', {}, Buffer.alloc(1000, 7)],
  ['GET', '/media?Z=1&a=2&B=3&b=4', {}, ''],
  ['PUT', '/media/k', { 'X-AMZ-Meta-B': '2', 'x-amz-meta-A': '1' }, 'x'],
  ['PUT', '/media/cached', { 'Cache-Control': 'no-cache' }, 'x'],
  ['PUT', '/media/k', { 'x-amz-meta-spaces': '  a   b  ' }, 'x'],
  ['GET', '/media/k', {}, '', { sessionToken: 'FwoGZXIvYXdzEXAMPLE//token==' }],
  ['GET', '/bucket/k', {}, '', { region: 'eu-central-1' }],
];

const signature = (authorization) => /Signature=([0-9a-f]{64})$/.exec(authorization)[1];
const signed = (authorization) => /SignedHeaders=([^,]+)/.exec(authorization)[1];
const lowered = (headers) => Object.fromEntries(Object.entries(headers).map(([name, v]) => [name.toLowerCase(), v]));

/** What signRequest sent is what the oracle is given, so that both sign the same headers at the same second. */
function ours([method, path, headers, payload, extra]) {
  // aws4 adds and signs these two wherever there is a body.
  const body = { 'Content-Length': String(Buffer.byteLength(payload)), 'content-type': 'text/plain' };
  const named = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (named) delete body['content-type'];
  const given = { Host: HOST, ...(payload === '' ? {} : body), ...headers };
  const out = signRequest(method, path, given, payload, { ...CREDENTIALS, ...extra });
  const { authorization, ...rest } = lowered(out);
  return { authorization, headers: rest };
}

test('every signature equals the one of @smithy/signature-v4', async () => {
  const left = [];
  for (const request of REQUESTS) {
    const [method, path, , payload, extra = {}] = request;
    const { authorization, headers } = ours(request);
    const date = headers['x-amz-date'];
    const signer = new SignatureV4({
      service: 's3',
      region: extra.region ?? 'auto',
      credentials: { ...CREDENTIALS, sessionToken: extra.sessionToken },
      sha256: Sha256,
      uriEscapePath: false,
      applyChecksum: true,
    });
    const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
    const [pathname, search = ''] = path.split('?');
    const { 'x-amz-date': _date, 'x-amz-security-token': _token, ...rest } = headers;
    const result = await signer.sign(
      {
        method,
        protocol: 'https:',
        hostname: HOST,
        path: pathname,
        query: query(search),
        headers: rest,
        body: payload,
      },
      { signingDate: new Date(iso) },
    );
    const theirs = result.headers.authorization ?? result.headers.Authorization;
    if (signed(theirs) !== signed(authorization)) left.push(path);
    else assert.equal(signature(authorization), signature(theirs), `${method} ${path}`);
  }
  // It never signs this one, because proxies change it.
  assert.deepEqual(left, ['/media/cached']);
});

test('every signature equals the one of aws4', () => {
  const left = [];
  for (const request of REQUESTS) {
    const [method, path, , payload, extra = {}] = request;
    const { authorization, headers } = ours(request);
    const { 'x-amz-security-token': _token, ...rest } = headers;
    const theirs = aws4.sign(
      { service: 's3', region: extra.region ?? 'auto', method, path, host: HOST, headers: { ...rest }, body: payload },
      { ...CREDENTIALS, sessionToken: extra.sessionToken },
    ).headers.Authorization;
    if (signed(theirs) !== signed(authorization)) left.push(path);
    else assert.equal(signature(authorization), signature(theirs), `${method} ${path}`);
  }
  assert.deepEqual(left, ['/media/part.bin']);
});

test('the derived key is the published one', () => {
  // https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
  const key = getSigningKey('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', '20120215', 'us-east-1', 'iam');
  assert.equal(key.toString('hex'), 'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d');
});

test('a key is never shared between two secrets, also not right after a rotation', () => {
  const sign = (secretAccessKey) =>
    signature(
      signRequest('GET', '/media/k', { Host: HOST }, '', { accessKeyId: 'same', secretAccessKey }).Authorization,
    );
  const first = sign('old-secret');
  assert.notEqual(sign('new-secret'), first);
  const args = ['20261122', 'auto', 's3'];
  assert.notDeepEqual(getSigningKey('old-secret', ...args), getSigningKey('new-secret', ...args));
});
