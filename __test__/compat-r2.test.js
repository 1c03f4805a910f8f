'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { createHash, createHmac, randomBytes } = require('node:crypto');
const http = require('node:http');
const path = require('node:path');
const { Readable } = require('node:stream');
const test = require('node:test');
const r2Service = require('warmpath/compat/r2Service');
const { canonicalPath } = require('../lib/compat/canonical-path.js');
const { R2Sandbox } = require('../lib/testing');

const { signRequest, getSigningKey, downloadMedia, uploadMedia, configure } = r2Service;

let r2;
let config;
test.before(async () => {
  r2 = await R2Sandbox.start();
  config = { ...r2.credentials[0], endpoint: r2.url };
  configure({ s3: { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] } });
});
test.after(() => r2.close());

/** Sends exactly this path and these headers: fetch would rewrite both. */
function send(method, target, headers, body) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(r2.url);
    const request = http.request(
      { hostname, port, method, path: target, headers, setHost: false },
      async (response) => {
        const chunks = await response.toArray();
        resolve({ status: response.statusCode, body: Buffer.concat(chunks) });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

test('what signRequest signs, an independent verifier accepts', async () => {
  const bytes = randomBytes(3000);
  for (const key of ['plain.bin', 'a b+é/ü~!.bin', "x'(1)*.bin", '%41', '100%', 'a//b/./../c']) {
    const wire = `/media/${key.split('/').map(encodeURIComponent).join('/')}`;
    const put = signRequest('PUT', wire, { 'Content-Type': 'image/png', 'X-Amz-Meta-N': 5 }, bytes, config);
    assert.equal((await send('PUT', wire, put, bytes)).status, 200, key);
    const get = await send('GET', wire, signRequest('GET', wire, {}, undefined, config));
    assert.equal(get.status, 200, key);
    assert.deepEqual(get.body, bytes);
  }
});

test('a raw path signs like its escaped form, and a query is signed', async () => {
  await r2.put('media', 'ä b.txt', Buffer.from('x'));
  const raw = signRequest('GET', '/media/ä b.txt', {}, '', config);
  assert.equal((await send('GET', '/media/%C3%A4%20b.txt', raw)).status, 200);
  const list = '/media?list-type=2&prefix=%C3%A4%20&max-keys=5';
  const answer = await send('GET', list, signRequest('GET', list, {}, '', config));
  assert.equal(answer.status, 200);
  assert.match(answer.body.toString(), /<Key>/);
});

test('tampering, another secret and another clock are refused', async () => {
  await r2.put('media', 'k', Buffer.from('x'));
  const headers = signRequest('GET', '/media/k', {}, '', config);
  assert.equal((await send('GET', '/media/k', headers)).status, 200);
  assert.equal((await send('GET', '/media/other', headers)).status, 403);
  const wrong = signRequest('GET', '/media/k', {}, '', { ...config, secretAccessKey: 'wrong' });
  assert.equal((await send('GET', '/media/k', wrong)).status, 403);
});

test('the headers given stay as they are; ours replace theirs in any case', () => {
  const given = Object.freeze({ Host: 'h.example', 'content-type': 'a/b', 'X-AMZ-DATE': 'old', AUTHORIZATION: 'old' });
  const out = signRequest('GET', '/k', given, '', config);
  assert.deepEqual(Object.keys(out), ['Host', 'content-type', 'Authorization', 'x-amz-date', 'x-amz-content-sha256']);
  assert.match(out['x-amz-date'], /^\d{8}T\d{6}Z$/);
  assert.match(out.Authorization, /SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,/);
  assert.equal(out['x-amz-content-sha256'], createHash('sha256').digest('hex'));
  const token = signRequest('GET', '/k', {}, '', { ...config, sessionToken: 'tok' });
  assert.equal(token['x-amz-security-token'], 'tok');
  assert.match(token.Authorization, /x-amz-security-token/);
  assert.equal(token.host, new URL(r2.url).host);
});

test('payloads: text, bytes, streams and a hash of the caller', () => {
  const hash = (payload, headers = {}) => signRequest('PUT', '/k', headers, payload, config)['x-amz-content-sha256'];
  const expected = createHash('sha256').update('é').digest('hex');
  assert.equal(hash('é'), expected);
  assert.equal(hash(Buffer.from('é')), expected);
  assert.equal(hash(Readable.from(['x'])), 'UNSIGNED-PAYLOAD');
  assert.equal(hash(new Blob(['x']).stream()), 'UNSIGNED-PAYLOAD');
  assert.equal(hash(Readable.from(['x']), { 'X-Amz-Content-Sha256': expected }), expected);
  for (const payload of [5, {}, true]) assert.throws(() => hash(payload), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
});

test('signRequest names what is missing', () => {
  assert.throws(() => signRequest('GET', '/k', {}, '', { accessKeyId: 'a', secretAccessKey: 's' }), {
    option: 'headers.host',
  });
  assert.throws(() => signRequest('GET', 5, {}, '', config), { option: 'path' });
  assert.throws(() => signRequest('GET', '/k', {}, '', { endpoint: r2.url }), { option: 'accessKeyId' });
  assert.throws(() => signRequest('GET', '/k', { a: 'b\r\nc: d' }, '', config), {
    code: 'ERR_WARMPATH_INVALID_ARGUMENT',
  });
});

test('signing keys are right, kept per secret, and handed out as copies', () => {
  const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
  for (const secret of ['short', 'x'.repeat(64), 'y'.repeat(200)]) {
    const expected = hmac(hmac(hmac(hmac(`AWS4${secret}`, '20261122'), 'auto'), 's3'), 'aws4_request');
    const key = getSigningKey(secret, '20261122', 'auto', 's3');
    assert.deepEqual(key, expected);
    key.fill(0);
    assert.deepEqual(getSigningKey(secret, '20261122', 'auto', 's3'), expected);
  }
  const keys = [
    ['a', '20261122', 'auto', 's3'],
    ['b', '20261122', 'auto', 's3'],
    ['a', '20261123', 'auto', 's3'],
    ['a', '20261122', 'eu', 's3'],
    ['a', '20261122', 'auto', 'sqs'],
  ].map((args) => getSigningKey(...args).toString('hex'));
  assert.equal(new Set(keys).size, keys.length);
  for (let i = 0; i < 1000; i++) getSigningKey(`s${i}`, '20261122', 'auto', 's3');
});

test('the process can end with signing keys alive', () => {
  const code = "require('warmpath/compat/r2Service').getSigningKey('s', '20261122', 'auto', 's3')";
  execFileSync(process.execPath, ['-e', code], { cwd: path.join(__dirname, '..'), timeout: 20_000 });
});

test('paths: raw and escaped forms meet in one', () => {
  const cases = [
    ['/a b+é', '/a%20b%2B%C3%A9'],
    ['/a%20b%2B%C3%A9', '/a%20b%2B%C3%A9'],
    ["/!'()*~", '/%21%27%28%29%2A~'],
    ['/100%', '/100%25'],
    ['//a/../b/', '//a/../b/'],
    ['/%c3%a9', '/%C3%A9'],
  ];
  for (const [given, expected] of cases) assert.equal(canonicalPath(given), expected);
});

test('upload and download a Buffer', async () => {
  const bytes = randomBytes(200_000);
  const key = 'dir/ü +.bin';
  const answer = await uploadMedia(key, bytes, 'image/png');
  const { etag, ...rest } = answer;
  assert.deepEqual(rest, { ok: true, key, size: bytes.length });
  assert.ok(etag.includes(createHash('md5').update(bytes).digest('hex')), etag);
  assert.deepEqual(await r2.get('media', key), bytes);
  const back = await downloadMedia(key);
  assert.ok(Buffer.isBuffer(back));
  assert.deepEqual(back, bytes);
});

test('failures of up- and download are typed', async () => {
  await assert.rejects(downloadMedia('absent'), { name: 'WarmpathError', code: 'ERR_WARMPATH_SOURCE_NOT_FOUND' });
  for (const key of ['', 5, null]) await assert.rejects(downloadMedia(key), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  await assert.rejects(uploadMedia('k', 'text'), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'buffer' });
  const wrong = { endpoint: r2.url, bucket: 'media', ...r2.credentials[0], secretAccessKey: 'wrong-canary' };
  configure({ s3: wrong });
  const failure = await downloadMedia('k').catch((err) => err);
  assert.equal(failure.code, 'ERR_WARMPATH_S3_SIGNATURE');
  assert.match(failure.message, /secretAccessKey|R2_SECRET_ACCESS_KEY/);
  assert.ok(!JSON.stringify(failure).includes('canary'));
  assert.throws(() => configure({ s3: { bucket: 5 } }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  configure();
  const { R2_BUCKET } = process.env;
  delete process.env.R2_BUCKET;
  await assert.rejects(downloadMedia('k'), { code: 'ERR_WARMPATH_INVALID_OPTION', message: /R2_BUCKET/ });
  if (R2_BUCKET !== undefined) process.env.R2_BUCKET = R2_BUCKET;
});
