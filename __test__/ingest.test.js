'use strict';

// IngestExecutor: sources, names, types, caps, hooks and the life of a job.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { randomBytes } = require('node:crypto');
const { IngestExecutor } = require('..');
const { startIngest, startWeb, refusal, sha256 } = require('./support/ingest.js');
const { until, events } = require('./support/prewarm.js');

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

test('the same bytes from every local source', async (t) => {
  const { executor, dir, stored } = startIngest(t);
  const bytes = randomBytes(700_001);
  const file = path.join(dir, '.source');
  fs.writeFileSync(file, bytes);
  const text = bytes.toString('base64');
  const sources = [
    { bytes },
    { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) },
    { base64: text },
    { base64: bytes.toString('base64url') },
    { base64: text.replace(/.{76}/g, '$&\r\n') },
    { dataUrl: `data:application/octet-stream;base64,${text}` },
    { path: file },
  ];
  for (const [i, source] of sources.entries()) {
    const value = await executor.run({ id: `s${i}`, timestamp: 1640995200, source });
    assert.equal(value.sha256, sha256(bytes));
    assert.equal(value.bytes, bytes.length);
    assert.equal(value.location.path, path.join(fs.realpathSync(dir), `1640995200_s${i}.bin`));
    assert.ok(fs.readFileSync(value.location.path).equals(bytes));
  }
  assert.equal(stored().length, sources.length);
  const { heldBytes, bytesIn } = executor.stats();
  assert.deepEqual([heldBytes, bytesIn >= 6 * bytes.length], [0, true]);
});

test('bytes are copied at submit: what becomes of them afterwards changes nothing', async (t) => {
  const { executor } = startIngest(t);
  executor.pause();
  const bytes = Buffer.from(PNG);
  const value = executor.run({ source: { bytes } });
  bytes.fill(0);
  executor.resume();
  assert.equal((await value).sha256, sha256(PNG));
});

test('a medium is stored as what it is, under a generated name', async (t) => {
  const { executor } = startIngest(t);
  const value = await executor.run({
    id: '../..//a b/c\u202e',
    timestamp: 7,
    source: { bytes: PNG },
    mimeType: 'image/jpeg',
    fileName: '../../etc/cron.d/photo.jpg',
  });
  const { location, ...rest } = value;
  assert.equal(path.basename(location.path), '7_abc.png');
  assert.deepEqual(rest, {
    sha256: sha256(PNG),
    bytes: PNG.length,
    mime: 'image/png',
    extension: 'png',
    kind: 'photo',
    declared: 'image/jpeg',
    fileName: 'photo.jpg',
    width: 1,
    height: 1,
  });
  const nameless = await executor.run({ source: { bytes: Buffer.from('hi') }, mimeType: 'text/plain' });
  assert.match(path.basename(nameless.location.path), /^\d{10}_[0-9a-f]{16}\.txt$/);
});

test('a repeated job finds its file, another medium gets a name of its own', async (t) => {
  const { executor, stored } = startIngest(t);
  const job = (bytes) => ({ id: 'x', timestamp: 1, source: { bytes: Buffer.from(bytes) }, mimeType: 'text/plain' });
  const first = await executor.run(job('one'));
  assert.equal((await executor.run(job('one'))).location.path, first.location.path);
  assert.equal(path.basename((await executor.run(job('two'))).location.path), '1_x_2.txt');
  assert.deepEqual(stored().sort(), ['1_x.txt', '1_x_2.txt']);
});

test('policies for types', async (t) => {
  const html = Buffer.from('<!DOCTYPE html><script>alert(1)</script>');
  const job = { source: { bytes: html }, mimeType: 'image/png' };
  const keep = startIngest(t, { onMismatch: 'keep' });
  const kept = await keep.executor.run(job);
  assert.deepEqual([kept.mime, kept.extension, kept.declared], ['image/png', 'png', 'image/png']);
  const fail = startIngest(t, { onMismatch: 'fail' });
  assert.equal((await refusal(fail.executor, job)).code, 'ERR_WARMPATH_TYPE_REFUSED');
  const accept = startIngest(t, { accept: ['image/*'], onMismatch: 'keep' });
  assert.equal((await refusal(accept.executor, job)).code, 'ERR_WARMPATH_TYPE_REFUSED');
  const claimed = { source: { bytes: randomBytes(5000) }, mimeType: 'image/png' };
  assert.equal((await refusal(accept.executor, claimed)).code, 'ERR_WARMPATH_TYPE_REFUSED');
  assert.equal((await accept.executor.run({ source: { bytes: PNG } })).mime, 'image/png');
  for (const { stored } of [fail]) assert.deepEqual(stored(), []);
});

test('what cannot be stored is refused by its code, and leaves nothing', async (t) => {
  const { executor, dir, stored, temporary } = startIngest(t, { maxBytes: 1_000_000 });
  const big = randomBytes(1_000_001);
  const file = path.join(dir, '.big');
  fs.writeFileSync(file, big);
  for (const [code, job] of [
    ['INVALID_BASE64', { source: { base64: 'AAAA!' } }],
    ['INVALID_BASE64', { source: { base64: `${big.subarray(0, 900_000).toString('base64')}é` } }],
    ['TYPE_REFUSED', { source: { base64: '' } }],
    ['TYPE_REFUSED', { source: { bytes: Buffer.alloc(0) } }],
    ['TOO_LARGE', { source: { bytes: big } }],
    ['TOO_LARGE', { source: { base64: big.toString('base64') } }],
    ['TOO_LARGE', { source: { path: file } }],
    ['TOO_LARGE', { source: { bytes: PNG }, maxBytes: PNG.length - 1 }],
    ['SHA256_MISMATCH', { source: { bytes: big }, maxBytes: 2_000_000, sha256: 'a'.repeat(64) }],
    ['SOURCE_NOT_FOUND', { source: { path: path.join(dir, 'nowhere') } }],
    ['SOURCE_NOT_FOUND', { source: { path: dir } }],
    ['SOURCE_NOT_FOUND', { source: { path: '/dev/zero' } }],
    ['SOURCE_UNRESOLVED', { source: { mediaId: '1' } }],
    ['INVALID_JOB', { source: { r2Key: 'a' } }],
    ['URL_REFUSED', { source: { url: 'https://127.0.0.1/a' } }],
    ['URL_REFUSED', { source: { url: 'http://example.com/a' } }],
  ]) {
    const err = await refusal(executor, job);
    assert.equal(err.code, `ERR_WARMPATH_${code}`, err.message);
  }
  // The low byte of the third one is an A: whoever copies a byte a character has to have looked before.
  for (const wrong of ['*', 'é', '\u0141', '\u{1f4f7}']) {
    const at = await refusal(executor, { source: { base64: `${'AAAA'.repeat(100_000)}AA${wrong}A` } });
    assert.match(at.message, /character 400002$/, wrong);
  }
  assert.deepEqual(stored(), []);
  await until(() => temporary().length === 0);
});

test('options and jobs that cannot work are refused by name', (t) => {
  const { executor, dir } = startIngest(t);
  const s3 = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
  for (const [option, options] of [
    ['dir', {}],
    ['dir', { dir: path.join(dir, 'nowhere') }],
    ['dir', { dir: __filename }],
    ['sinks', { dir, sinks: ['s3'] }],
    ['sinks', { s3, sinks: ['s3', 's3'] }],
    ['maxBytes', { dir, maxBytes: 0 }],
    ['accept[0]', { dir, accept: ['image'] }],
    ['onMismatch', { dir, onMismatch: 'ask' }],
    ['directIo', { dir, directIo: 1 }],
    ['http.redirects', { dir, http: { redirects: -1 } }],
    ['http.allow', { dir, http: { allow: ['10.0.0.1/8'] } }],
    ['reupload', { dir, reupload: true }],
    ['telegram', { dir, telegram: {} }],
    ['capacityBytes', { dir, capacityBytes: 1.5 }],
  ]) {
    assert.throws(
      () => new IngestExecutor(options),
      (err) => err.code === 'ERR_WARMPATH_INVALID_OPTION' && err.message.includes(option.replace(/\[0\]$/, '')),
      option,
    );
  }
  const key = randomBytes(32);
  for (const [field, job] of [
    ['source', {}],
    ['source', { source: {} }],
    ['source', { source: { bytes: PNG, base64: 'AAAA' } }],
    ['source.bytes', { source: { bytes: 'AAAA' } }],
    ['source.base64', { source: { base64: PNG } }],
    ['source.dataUrl', { source: { dataUrl: 'data:text/plain,hello' } }],
    ['source.dataUrl', { source: { dataUrl: 'hello' } }],
    ['source.url', { source: { url: 'file:///etc/passwd' } }],
    ['source.headers', { source: { path: '/a', headers: {} } }],
    ['source.headers.host', { source: { url: 'https://a/', headers: { host: 'b' } } }],
    ['source.headers.x', { source: { url: 'https://a/', headers: { x: 'a\r\nb: c' } } }],
    ['source.whatsapp.mediaType', { source: { whatsapp: { url: 'https://a/', mediaKey: key } } }],
    ['source.whatsapp.url', { source: { whatsapp: { mediaKey: key, mediaType: 'image' } } }],
    ['source.whatsapp.mediaKey', { source: { whatsapp: { url: 'https://a/', mediaKey: 'x', mediaType: 'image' } } }],
    ['to', { source: { bytes: PNG }, to: ['s3'] }],
    ['timestamp', { source: { bytes: PNG }, timestamp: Number.NaN }],
    ['kind', { source: { bytes: PNG }, kind: 'gif' }],
    ['constructor', { source: { bytes: PNG }, constructor: 1 }],
  ]) {
    assert.throws(
      () => executor.submit(job),
      (err) => err.code === 'ERR_WARMPATH_INVALID_JOB' && err.option === `job.${field}`,
      field,
    );
  }
  assert.deepEqual(executor.list(), []);
});

test('what jobs bring along is bounded', async (t) => {
  const { executor } = startIngest(t, { capacityBytes: 1000 });
  executor.pause();
  const job = (id, size) => ({ id, source: { bytes: randomBytes(size) } });
  assert.deepEqual(executor.submitMany([job('a', 600), job('b', 600), job('c', 400)]), ['queued', 'full', 'queued']);
  assert.equal(executor.submit({ id: 'd', source: { base64: 'AAAA' } }), 'full');
  assert.equal(executor.stats().heldBytes, 1000);
  assert.equal(executor.submit({ id: 'e', source: { path: __filename } }), 'queued');
  executor.resume();
  await executor.drain();
  assert.equal(executor.stats().heldBytes, 0);
  await executor.run(job('f', 1000));
});

test('an address is looked up when its turn comes, and again when it is refused', async (t) => {
  const web = await startWeb();
  t.after(() => web.close());
  const asked = [];
  let denied = 1;
  web.serve('/expired', null, { status: 403 });
  web.serve('/media', PNG);
  const { executor } = startIngest(t, {
    web,
    resolve: async (job) => {
      asked.push(job.source.mediaId ?? job.source.url);
      return { url: `${web.origin}${denied-- > 0 ? '/expired' : '/media'}`, headers: { authorization: 'Bearer x' } };
    },
  });
  assert.equal((await executor.run({ source: { mediaId: '42' } })).sha256, sha256(PNG));
  assert.deepEqual(asked.splice(0), ['42', '42']);
  assert.equal(web.requests.at(-1).headers.authorization, 'Bearer x');
  const url = `${web.origin}/nowhere`;
  assert.equal((await executor.run({ source: { url } })).sha256, sha256(PNG));
  assert.deepEqual(asked.splice(0), [url]);
  denied = 9;
  const err = await refusal(executor, { source: { mediaId: '43' } });
  assert.deepEqual([err.code, err.class, asked.length], ['ERR_WARMPATH_SOURCE_UNRESOLVED', 'permanent', 2]);
});

test('a job that waits for a hook is a job like any other', async (t) => {
  const web = await startWeb();
  t.after(() => web.close());
  let answer;
  const { executor } = startIngest(t, {
    web,
    capacity: 1,
    resolve: () => new Promise((resolve) => (answer = resolve)),
  });
  const job = { key: 'k', source: { mediaId: '1' }, leaseMs: 60_000 };
  assert.equal(executor.submit(job), 'queued');
  await until(() => answer);
  assert.equal(executor.stats().asking, 1);
  assert.deepEqual(
    executor.list().map(({ key, state }) => [key, state]),
    [['k', 'waiting']],
  );
  assert.equal(executor.submit(job), 'processing');
  assert.deepEqual(executor.extend(['k', 'other'], 90_000), [true, false]);
  let [settled] = [events(executor, 'settled')];
  assert.equal(executor.cancel('k'), true);
  assert.equal(executor.cancel('k'), false);
  const [[cancelled]] = await settled;
  assert.deepEqual([cancelled.error.code, cancelled.charged], ['ERR_WARMPATH_CANCELLED', false]);
  // The answer that comes too late changes nothing.
  answer({ url: web.serve('/a', PNG) });

  // A queue that is full has room again, sooner or later.
  answer = undefined;
  const value = executor.run(job);
  await until(() => answer);
  executor.pause();
  assert.equal(executor.submit({ key: 'other', source: { bytes: PNG } }), 'queued');
  answer({ url: web.serve('/a', PNG) });
  await new Promise(setImmediate);
  assert.equal(executor.stats().asking, 1);
  executor.resume();
  assert.equal((await value).sha256, sha256(PNG));

  // close() waits for hooks as for everything else.
  answer = undefined;
  const last = executor.run({ ...job, leaseMs: undefined });
  await until(() => answer);
  settled = executor.close();
  answer({ url: web.serve('/a', PNG) });
  assert.equal((await last).sha256, sha256(PNG));
  await settled;
  assert.throws(() => executor.submit(job), { code: 'ERR_WARMPATH_CLOSED' });
});

test('closing at once cancels a job whose hook runs', async (t) => {
  let asked = false;
  const { executor } = startIngest(t, {
    resolve: () => {
      asked = true;
      return new Promise(() => {});
    },
  });
  const job = assert.rejects(executor.run({ source: { mediaId: '1' } }), { code: 'ERR_WARMPATH_CANCELLED' });
  await until(() => asked);
  await executor.close({ timeoutMs: 0 });
  await job;
});
