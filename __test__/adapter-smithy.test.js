'use strict';

const assert = require('node:assert/strict');
const { createHash, createHmac, randomInt } = require('node:crypto');
const { test } = require('node:test');
const { inspect } = require('node:util');
const { HttpRequest } = require('@smithy/core/protocols');
const { SignatureV4 } = require('@smithy/signature-v4');
const { SignatureV4MultiRegion } = require('@aws-sdk/signature-v4-multi-region');
const { RequestSigner } = require('../lib/adapters/smithy.js');

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };
const SESSION = { ...CREDENTIALS, sessionToken: 'FwoGZXIvYXdzEXAMPLE//token==' };
const signingDate = new Date('2026-11-22T02:30:00.999Z');

class Sha256 {
  constructor(secret) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return this.hash.digest();
  }
}

const both = (options) => [new SignatureV4({ sha256: Sha256, ...options }), new RequestSigner(options)];
const S3 = { credentials: SESSION, region: 'auto', service: 's3', uriEscapePath: false };
const OTHER = { credentials: CREDENTIALS, region: 'us-east-1', service: 'sqs', uriEscapePath: true };
const BARE = { ...OTHER, applyChecksum: false };

const fields = (request) => ({ ...request, headers: { ...request.headers }, query: { ...request.query } });

async function same(options, request, more = {}) {
  const [theirs, ours] = both(options);
  for (const call of ['sign', 'presign']) {
    const { body: _body, ...rest } = fields(request);
    const before = structuredClone(rest);
    const expected = await theirs[call](request, { signingDate, ...more });
    const actual = await ours[call](request, { signingDate, ...more });
    assert.deepEqual(fields(actual), fields(expected), inspect([call, request, more]));
    assert.deepEqual(Object.keys(actual.headers), Object.keys(expected.headers));
    assert.notEqual(actual, request);
    const { body: _after, ...left } = fields(request);
    assert.deepEqual(left, before, 'the request given is left as it was');
    assert.equal(actual instanceof HttpRequest, expected instanceof HttpRequest && request instanceof HttpRequest);
  }
}

const base = { method: 'GET', protocol: 'https:', hostname: 'h.example', path: '/', headers: { host: 'h.example' } };
const REQUESTS = {
  plain: {},
  port: { port: 9000, hostname: 'localhost' },
  'what is missing is filled in': {
    method: undefined,
    hostname: undefined,
    protocol: 'http',
    path: 'k',
    headers: undefined,
  },
  path: { path: '/a//b/./c/../d/' },
  'path above the root': { path: '/../../' },
  'escaped path': { path: "/a%20b/%C3%A9!'()*$@" },
  query: {
    query: { b: '2', a: ['2', '10', ''], 'a-b': '', é: "!'()*", '{': 'x', empty: [], 'X-Amz-Signature': 'old' },
  },
  headers: { headers: { Host: 'H', 'X-Amz-Meta-A': '  a \t b  ', range: 'bytes=0-1', e: '', u: undefined } },
  'two spellings': { headers: { 'x-a': '1', 'X-A': '2', 'X-a': '3' } },
  'line breaks are folded': { headers: { a: 'x\r\n y' } },
  'never signed': { headers: { 'Cache-Control': 'x', 'user-agent': 'y', 'proxy-x': 'z', 'Sec-Fetch': 'w', te: 'v' } },
  generated: { headers: { Authorization: 'x', 'X-Amz-Date': 'y', Date: 'z', 'x-amz-security-token': 'w' } },
  'given hash': { headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' } },
  'empty hash header': { headers: { 'x-amz-content-sha256': '' }, body: 'x' },
  text: { method: 'PUT', body: 'é' },
  'empty text': { body: '' },
  bytes: { method: 'PUT', body: Buffer.from([0, 255]) },
  'a view': { body: new Uint16Array([1, 2]) },
  'an ArrayBuffer': { body: new Uint8Array([1, 2, 3]).buffer },
  stream: { body: { pipe() {} } },
  'lower-case method': { method: 'get' },
  user: { username: 'u', password: 'p', fragment: 'f' },
};

for (const [what, request] of Object.entries(REQUESTS)) {
  test(`equals @smithy/signature-v4: ${what}`, async () => {
    for (const options of [S3, OTHER, BARE]) {
      await same(options, { ...base, ...request });
      await same(options, new HttpRequest({ ...base, ...request }));
    }
  });
}

test('every option of a call', async () => {
  const headers = {
    host: 'h',
    'cache-control': 'c',
    'content-type': 't',
    'x-amz-acl': 'a',
    'X-Amz-Tagging': 'g',
    other: 'o',
  };
  const request = { ...base, headers };
  for (const more of [
    { unsignableHeaders: new Set(['content-type', 'other']) },
    { signableHeaders: new Set(['cache-control']) },
    { signableHeaders: new Set(['content-type']), unsignableHeaders: new Set(['content-type', 'other']) },
    { unhoistableHeaders: new Set(['x-amz-acl']) },
    { hoistableHeaders: new Set(['other', 'content-type']) },
    { signingRegion: 'eu-west-1', signingService: 'es' },
    { signingRegion: '*' },
    { expiresIn: 1 },
    { expiresIn: 604800 },
  ]) {
    for (const options of [S3, OTHER]) await same(options, request, more);
  }
  for (const date of [
    1_700_000_000,
    '1700000000',
    '2026-11-22T02:30:00Z',
    new Date(0),
    new Date('9999-12-31T23:59:59Z'),
  ])
    await same(S3, request, { signingDate: date });
});

test('texts, events and messages', async () => {
  const [theirs, ours] = both(OTHER);
  for (const options of [{ signingDate }, { signingDate, signingRegion: 'x', signingService: 'y' }]) {
    for (const text of ['', 'text', 'é\n'])
      assert.equal(await ours.sign(text, options), await theirs.sign(text, options));
    const event = { headers: new Uint8Array([1, 2]), payload: new Uint8Array([3]) };
    const prior = { ...options, priorSignature: 'ab'.repeat(32) };
    assert.equal(await ours.sign(event, prior), await theirs.sign(event, prior));
    const eventStreamCredentials = { accessKeyId: 'OTHER', secretAccessKey: 'other' };
    const as = { ...prior, eventStreamCredentials };
    assert.equal(await ours.sign(event, as), await theirs.sign(event, as));
    const headers = { ':date': { type: 'timestamp', value: signingDate }, s: { type: 'string', value: 'é' } };
    const message = { message: { headers, body: new Uint8Array([9]) }, priorSignature: 'cd'.repeat(32) };
    assert.deepEqual(await ours.sign(message, options), await theirs.sign(message, options));
  }
  assert.match(await ours.sign('now'), /^[0-9a-f]{64}$/);
});

test('session credentials of S3 Express', async () => {
  const session = { accessKeyId: 'EXPRESS', secretAccessKey: 'x', sessionToken: 'session' };
  for (const call of ['signWithCredentials', 'presignWithCredentials']) {
    const request = () => new HttpRequest({ ...base, headers: { ...base.headers }, query: { 'x-id': 'GetObject' } });
    const theirs = await new SignatureV4MultiRegion({ sha256: Sha256, ...S3 })[call](request(), session, {
      signingDate,
    });
    const ours = await new RequestSigner(S3)[call](request(), session, { signingDate });
    assert.deepEqual(fields(ours), fields(theirs), call);
  }
});

test('providers are asked every time, so that a rotation takes effect at once', async () => {
  let now = { ...CREDENTIALS };
  let region = 'auto';
  const [theirs, ours] = both({ ...S3, credentials: async () => now, region: async () => region });
  const check = async () => {
    const [expected, actual] = [await theirs.sign(base, { signingDate }), await ours.sign(base, { signingDate })];
    assert.equal(actual.headers.authorization, expected.headers.authorization);
  };
  await check();
  now = { ...SESSION, secretAccessKey: 'new' };
  await check();
  now.secretAccessKey = 'newer';
  await check();
  region = 'eu';
  await check();
  const days = [new Date('2026-11-22T23:59:59.999Z'), new Date('2026-11-23T00:00:00.000Z')];
  for (const date of days) await same(S3, base, { signingDate: date });
});

test('an error says what is wrong, and never the secret', async () => {
  const code = 'ERR_WARMPATH_INVALID_ARGUMENT';
  const signer = new RequestSigner(S3);
  await assert.rejects(signer.presign(base, { expiresIn: 604801 }), { code });
  await assert.rejects(signer.sign(base, { signingDate: new Date('x') }), { code });
  await assert.rejects(signer.sign({ ...base, headers: { 'a\nb': '1' } }), { code });
  await assert.rejects(signer.sign({ ...base, method: 'GET\n' }), { code });
  await assert.rejects(signer.sign({ ...base, path: '/a\nb' }), { code });
  for (const credentials of [
    undefined,
    null,
    {},
    { accessKeyId: 'a' },
    async () => null,
    { accessKeyId: SECRET, secretAccessKey: '' },
  ]) {
    await assert.rejects(
      new RequestSigner({ ...S3, credentials }).sign(base),
      (error) => error.code === code && !inspect(error).includes(SECRET),
    );
  }
  const failing = async () => {
    throw new Error('the provider failed');
  };
  await assert.rejects(new RequestSigner({ ...S3, credentials: failing }).sign(base), /the provider failed/);
  for (const text of [inspect(signer, { depth: 9, showHidden: true }), JSON.stringify(signer)])
    assert.ok(!text.includes(SECRET) && !text.includes('token=='));
});

test('s3 is never escaped twice by default; every other service is, as in the SDK', () => {
  assert.equal(new RequestSigner({ ...CREDENTIALS, service: 's3' }).uriEscapePath, false);
  assert.equal(new RequestSigner({ ...CREDENTIALS, service: 'sqs' }).uriEscapePath, true);
  assert.equal(new RequestSigner({ service: 's3', uriEscapePath: true }).uriEscapePath, true);
});

const CASES = process.env.WARMPATH_TEST_LONG === '1' ? 20_000 : 1_500;
const seed = Number(process.env.WARMPATH_TEST_SEED ?? randomInt(2 ** 31));

test(`${CASES} random requests, seed ${seed} (WARMPATH_TEST_SEED): as @smithy/signature-v4 signs them`, async () => {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = (list) => list[Math.floor(random() * list.length)];
  const chars = [...'abcXYZ019-._~', ...'!\'()*;:@&=+$,/?#[] "%', 'é', '中', '😀', '\t', '%20', '//', '/../', '/./'];
  const text = (max) => Array.from({ length: Math.floor(random() * max) }, () => pick(chars)).join('');
  const names = [
    'Host',
    'host',
    'Range',
    'x-amz-acl',
    'X-Amz-Meta-A',
    'cache-control',
    'content-type',
    'A-B',
    'A',
    'sec-x',
  ];
  for (let i = 0; i < CASES; i++) {
    const headers = { host: 'h' };
    for (let n = Math.floor(random() * 5); n > 0; n--) headers[pick(names)] = text(10);
    const query = {};
    for (let n = Math.floor(random() * 5); n > 0; n--) query[text(4)] = pick([text(6), [text(3), text(3)], []]);
    const body = pick([undefined, '', text(20), Buffer.from(text(9)), new Uint8Array(3)]);
    const request = { ...base, method: pick(['GET', 'PUT']), path: `/${text(10)}`, headers, query, body };
    const date = new Date(Math.floor(random() * 4e12));
    // A tab or a line break in a path that is not escaped cannot be sent; ours says so.
    if (/\t/.test(request.path)) request.path = '/';
    await same(pick([S3, OTHER, BARE]), request, { signingDate: date });
  }
});
