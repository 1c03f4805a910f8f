'use strict';

// Keys and buckets in place of URLs, hoisted headers, presigned explanations and hashes of payloads.

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const { pathToFileURL } = require('node:url');
const test = require('node:test');
const { SigV4Signer } = require('..');

const keys = { accessKeyId: 'AKID', secretAccessKey: 's'.repeat(64) };
const date = '20261122T023000Z';
const signed = (options, request) => new SigV4Signer({ ...keys, ...options }).sign({ method: 'GET', date, ...request });

test('keys become URLs: path style, virtual host, jurisdictions, other endpoints', () => {
  const account = 'acc.r2.cloudflarestorage.com';
  for (const [options, request, url] of [
    [{ accountId: 'acc', bucket: 'b' }, { key: 'k' }, `https://${account}/b/k`],
    [{ accountId: 'acc', bucket: 'b' }, { key: 'k', bucket: 'other' }, `https://${account}/other/k`],
    [{ accountId: 'acc', bucket: 'b' }, { bucket: 'b' }, `https://${account}/b`],
    [{ accountId: 'acc' }, { key: '/k', bucket: 'b' }, `https://${account}/b//k`],
    [
      { accountId: 'acc', jurisdiction: 'eu', bucket: 'b' },
      { key: 'k' },
      'https://acc.eu.r2.cloudflarestorage.com/b/k',
    ],
    [{ accountId: 'acc', bucket: 'b', virtualHost: true }, { key: 'k' }, `https://b.${account}/k`],
    [{ accountId: 'acc', bucket: 'b', virtualHost: true }, { bucket: 'b' }, `https://b.${account}/`],
    [{ endpoint: 'http://127.0.0.1:9000/base/', bucket: 'b' }, { key: 'k' }, 'http://127.0.0.1:9000/base/b/k'],
    [{ endpoint: 'https://h:443', bucket: 'b' }, { key: 'k' }, 'https://h/b/k'],
    [
      { endpoint: 'https://h', bucket: 'b' },
      { query: { 'list-type': 2, prefix: 'a b/+', skip: undefined, flag: true } },
      'https://h/b?list-type=2&prefix=a%20b%2F%2B&flag=true',
    ],
  ]) {
    const byKey = signed(options, request);
    assert.equal(byKey.url, url);
    const { url: _url, ...rest } = byKey;
    assert.deepEqual(rest, signed({}, { url }), url);
  }
  assert.ok(!('url' in signed({}, { url: 'https://h/k' })), 'a URL that was given is not given back');
});

test('every character of a key goes over the wire as itself', () => {
  const signer = new SigV4Signer({ ...keys, endpoint: 'https://h', bucket: 'b' });
  const key = 'a b+c%20d!\'()*é漢🎉?#&=~-_.;:@$,[]"<>\\^`{|}';
  const { url } = signer.sign({ method: 'GET', key, date });
  assert.match(url, /^[A-Za-z0-9:/%._~-]+$/);
  assert.ok(url.includes('a%20b%2Bc%2520d%21%27%28%29%2A'));
  assert.equal(decodeURIComponent(new URL(url).pathname), `/b/${key}`);
  // What is sent is what is signed.
  const { canonicalRequest } = signer.explain({ method: 'GET', key, date });
  assert.equal(canonicalRequest.split('\n')[1], new URL(url).pathname);
  const presigned = signer.presign({ key, date });
  assert.equal(presigned.split('?')[0], url);
  assert.deepEqual(signer.presignMany([{ key }, { key: 'k' }], { date })[0], presigned);
});

test('a batch of keys, URLs and whole requests shares what is said once', () => {
  const signer = new SigV4Signer({ ...keys, accountId: 'acc', bucket: 'b' });
  const items = [
    { key: 'a' },
    { key: 'b c' },
    'https://h/c',
    { key: 'd', expiresIn: 5 },
    { url: 'https://h/e' },
    { key: 'f' },
  ];
  const wholes = (shared) =>
    items.map((item) => ({ date, ...shared, ...(typeof item === 'string' ? { url: item } : item) }));
  for (const shared of [
    { date },
    { date, expiresIn: 60, method: 'PUT' },
    { date, method: 'PATCH', headers: { host: 'given', 'x-amz-acl': 'private' }, hoist: true },
    { date, payloadHash: 'a'.repeat(64) },
    { date, body: 'text' },
  ]) {
    const expected = wholes(shared).map((request) => signer.presign(request));
    assert.deepEqual(signer.presignMany(items, shared), expected);
    assert.deepEqual(signer.presignMany([...items].reverse(), shared), expected.toReversed());
  }
  const elsewhere = { date, bucket: 'other' };
  assert.deepEqual(
    signer.presignMany([{ key: 'a' }, { key: 'b' }, { key: 'c', bucket: 'b' }], elsewhere),
    ['a', 'b'].map((key) => signer.presign({ key, ...elsewhere })).concat(signer.presign({ key: 'c', date })),
  );
  assert.throws(() => signer.presignMany([{ key: 'a' }, 'https://h/c'], elsewhere), { option: 'requests[1].bucket' });
  assert.throws(() => signer.presignMany([{ key: 'a' }, { key: 5 }]), { option: 'requests[1].key' });
  assert.throws(() => signer.presignMany([{ key: 'a' }, { key: 'b', region: 'x' }]), { option: 'requests[1].region' });
});

test('keys that cannot be are refused', () => {
  const signer = new SigV4Signer({ ...keys, accountId: 'acc', bucket: 'b' });
  const wrong = [
    { key: '' },
    { key: 5 },
    { key: '\ud800' },
    { key: 'a\nb' },
    { key: 'a\0' },
    { key: 'x'.repeat(1025) },
    { key: 'é'.repeat(513) },
    { key: 'k', bucket: 'a/b' },
    { key: 'k', bucket: '' },
    { key: 'k', query: 5 },
    { key: 'k', query: { a: {} } },
    { key: 'k', query: { a: '\ud800' } },
    { key: 'k', url: 'https://h' },
  ];
  for (const request of wrong) {
    assert.throws(
      () => signer.sign({ method: 'GET', ...request }),
      { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: /^request\.(key|bucket|query)/ },
      JSON.stringify(request),
    );
  }
  assert.throws(() => new SigV4Signer(keys).presign({ key: 'k' }), { option: 'request.key' });
  assert.throws(() => new SigV4Signer({ ...keys, accountId: 'a' }).presign({ key: 'k' }), { option: 'request.bucket' });
});

test('x-amz-* headers of a presigned URL are signed as headers, or hoisted into its query', () => {
  const signer = new SigV4Signer(keys);
  const headers = {
    'x-amz-meta-a': 'b  c',
    'Content-Type': 'a/b',
    'x-amz-acl': 'private',
    'x-amz-server-side-encryption': 'AES256',
  };
  const request = { method: 'PUT', url: 'https://h/k', date, headers };
  const plain = new URL(signer.presign(request)).searchParams;
  assert.equal(
    plain.get('X-Amz-SignedHeaders'),
    'content-type;host;x-amz-acl;x-amz-meta-a;x-amz-server-side-encryption',
  );
  const hoisted = new URL(signer.presign({ ...request, hoist: true })).searchParams;
  assert.equal(hoisted.get('X-Amz-SignedHeaders'), 'content-type;host;x-amz-server-side-encryption');
  assert.equal(hoisted.get('x-amz-acl'), 'private');
  assert.ok(hoisted.has('x-amz-meta-a') && !plain.has('x-amz-acl'));
  const unchanged = { url: 'https://h/k', date, headers: { a: 'b' } };
  assert.equal(signer.presign({ ...unchanged, hoist: true }), signer.presign(unchanged));
});

test('presign sends a path that no client could send escaped, every other verbatim', () => {
  const signer = new SigV4Signer(keys);
  const pathOf = (given) =>
    signer
      .presign({ url: `https://h${given}`, date })
      .split('?')[0]
      .slice('https://h'.length);
  for (const same of ['/a(1)$!.txt', '/a%20b', '//a/../b', '/a+b', '/%41']) assert.equal(pathOf(same), same);
  for (const [given, sent] of [
    ['/a b', '/a%20b'],
    ['/é', '/%C3%A9'],
    ['/a\\b', '/a%5Cb'],
    ['/"<>', '/%22%3C%3E'],
    ['', '/'],
  ]) {
    assert.equal(pathOf(given), sent);
  }
});

test('explain shows the stages of a presigned URL', () => {
  const signer = new SigV4Signer({ ...keys, sessionToken: 't' });
  const request = { url: 'https://h/k?b=1', date, expiresIn: 60, headers: { 'x-amz-acl': 'private' } };
  for (const more of [{}, { hoist: true }]) {
    const url = signer.presign({ ...request, ...more });
    const stages = signer.explain({ ...request, ...more, presign: true });
    assert.ok(url.endsWith(`&X-Amz-Signature=${stages.signature}`));
    const [method, uri, query] = stages.canonicalRequest.split('\n');
    assert.deepEqual([method, uri], ['GET', '/k']);
    assert.equal(`https://h/k?${query}&X-Amz-Signature=${stages.signature}`, url);
    assert.match(stages.stringToSign, /^AWS4-HMAC-SHA256\n20261122T023000Z\n20261122\/auto\/s3\/aws4_request\n/);
  }
});

test('hashPayload reads bytes, files and streams', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-hash-'));
  try {
    for (const size of [0, 1, 65_537, 524_288, 524_289, 3_000_000]) {
      const bytes = Buffer.alloc(size + 3, size % 251).subarray(3);
      const expected = createHash('sha256').update(bytes).digest('hex');
      const file = path.join(folder, `f${size}`);
      fs.writeFileSync(file, bytes);
      const reused = Buffer.alloc(1000);
      const sources = {
        bytes,
        file,
        'file URL': pathToFileURL(file),
        'file stream': fs.createReadStream(file),
        'web stream': new Blob([bytes]).stream(),
        'odd chunks': Readable.from(
          (function* () {
            for (let at = 0; at < size; at += 70_001) yield bytes.subarray(at, Math.min(at + 70_001, size));
          })(),
        ),
        'one buffer for all chunks': (async function* () {
          for (let at = 0; at < size; at += 1000) {
            const length = bytes.copy(reused, 0, at, Math.min(at + 1000, size));
            yield reused.subarray(0, length);
          }
        })(),
      };
      for (const [name, source] of Object.entries(sources)) {
        assert.equal(await SigV4Signer.hashPayload(source), expected, `${name} of ${size}`);
      }
    }
    const text = await new SigV4Signer(keys).hashPayload(Readable.from(['tä', 'xt']));
    assert.equal(text, createHash('sha256').update('täxt').digest('hex'));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test('hashPayload fails as it should', async () => {
  await assert.rejects(SigV4Signer.hashPayload('/nonexistent/file'), { code: 'ERR_WARMPATH_SOURCE_NOT_FOUND' });
  await assert.rejects(SigV4Signer.hashPayload(os.tmpdir()), { code: 'ERR_WARMPATH_DOWNLOAD_FAILED' });
  for (const wrong of [undefined, null, 5, {}, [], '', 'a\0', new URL('https://h')]) {
    await assert.rejects(SigV4Signer.hashPayload(wrong), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
  await assert.rejects(SigV4Signer.hashPayload(Readable.from([5])), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  const cause = new Error('torn');
  const torn = new Readable({
    read() {
      this.destroy(cause);
    },
  });
  await assert.rejects(SigV4Signer.hashPayload(torn), cause);
});

test('the event loop runs on while a payload is hashed', async () => {
  const bytes = Buffer.alloc(32 << 20);
  let turns = 0;
  let done = false;
  const spin = () => {
    turns++;
    if (!done) setImmediate(spin);
  };
  setImmediate(spin);
  await SigV4Signer.hashPayload(bytes);
  done = true;
  // 64 pieces, each away on another thread: hashed at once, not one turn would pass.
  assert.ok(turns > 32, `${turns} turns`);
});
