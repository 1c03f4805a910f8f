'use strict';

// Media into a bucket: alone, beside a directory, and out of one.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { randomBytes } = require('node:crypto');
const { IngestExecutor } = require('..');
const { R2Sandbox } = require('../lib/testing');
const { startIngest, startWeb, refusal, sha256 } = require('./support/ingest.js');
const { realMedia } = require('./support/media.js');

let r2;
let s3;

test.before(async () => {
  r2 = await R2Sandbox.start();
  s3 = { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] };
});
test.after(() => r2.close());

/** What lies under a key, or null. */
const object = (key) => r2.get('media', key);

test('one medium goes to the directory and the bucket at once, whatever its size', async (t) => {
  const { executor } = startIngest(t, { s3, s3Prefix: 'in/' });
  for (const size of [1, 5 * 2 ** 20, 5 * 2 ** 20 + 1, 12_000_000]) {
    const bytes = randomBytes(size);
    const { location, ...value } = await executor.run({ id: `n${size}`, timestamp: 5, source: { bytes } });
    assert.equal(location.r2Key, `in/5_n${size}.bin`);
    assert.ok(fs.readFileSync(location.path).equals(bytes));
    assert.ok((await object(location.r2Key)).equals(bytes));
    assert.equal(value.sha256, sha256(bytes));
  }
});

test('a medium goes out of the bucket and into it, and is known by its content', async (t) => {
  const { executor, stored } = startIngest(t, { s3 });
  const bytes = randomBytes(6_000_000);
  await r2.put('media', 'source', bytes, { contentType: 'video/x-thing' });
  const value = await executor.run({ source: { r2Key: 'source' }, to: ['s3'], r2Key: 'copies/one' });
  assert.deepEqual(value.location, { r2Key: 'copies/one' });
  assert.deepEqual([value.sha256, value.mime], [sha256(bytes), 'video/x-thing']);
  assert.ok((await object('copies/one')).equals(bytes));
  const back = await executor.run({ source: { r2Key: 'copies/one' }, to: ['disk'] });
  assert.equal(back.sha256, sha256(bytes));
  assert.equal(stored().length, 1);
  const missing = await refusal(executor, { source: { r2Key: 'nowhere' } });
  assert.equal(missing.code, 'ERR_WARMPATH_SOURCE_NOT_FOUND');
});

test('a generated key never replaces another medium, and a repeated job is no other one', async (t) => {
  const { executor } = startIngest(t, { s3, sinks: ['s3'] });
  const job = (bytes, extra) => ({ id: 'twice', timestamp: 9, source: { bytes }, ...extra });
  const [one, two] = [randomBytes(1000), randomBytes(1000)];
  const first = await executor.run(job(one));
  assert.deepEqual((await executor.run(job(one))).location, first.location);
  assert.equal((await refusal(executor, job(two))).code, 'ERR_WARMPATH_S3_REJECTED');
  assert.ok((await object(first.location.r2Key)).equals(one));
  const named = { r2Key: 'mine' };
  await executor.run(job(one, named));
  await executor.run(job(two, named));
  assert.ok((await object('mine')).equals(two));
});

test('what turns out wrong at its end is in neither place', async (t) => {
  const web = await startWeb();
  t.after(() => web.close());
  const { executor, stored } = startIngest(t, { s3, web });
  for (const size of [1000, 11_000_000]) {
    const job = { id: `wrong${size}`, timestamp: 3, source: { bytes: randomBytes(size) }, sha256: '0'.repeat(64) };
    assert.equal((await refusal(executor, job)).code, 'ERR_WARMPATH_SHA256_MISMATCH');
    assert.equal(await object(`3_wrong${size}.bin`), null);
    const url = web.serve('/cut', randomBytes(size), { cut: [size - 10], headers: { etag: 'W/"x"' } });
    assert.equal((await refusal(executor, { ...job, source: { url }, sha256: undefined })).class, 'transient');
    assert.equal(await object(`3_wrong${size}.bin`), null);
  }
  assert.deepEqual(stored(), []);
});

test('geometry and duration are found without a directory as with one, of known and unknown length', async (t) => {
  const web = await startWeb();
  t.after(() => web.close());
  const { executor } = startIngest(t, { web, s3 });
  const media = await realMedia(14);
  const seen = new Set();
  for (const { data, path: file } of media) {
    const plain = web.serve('/known', data);
    const known = await executor.run({ source: { url: plain }, to: ['s3'] });
    const unknown = await executor.run({ source: { url: web.serve('/unknown', data, { chunked: true }) }, to: ['s3'] });
    const onDisk = await executor.run({ source: { url: plain }, to: ['disk'] });
    const facts = ({ mime, extension, kind, width, height, duration, sha256: hash, bytes }) => {
      return { mime, extension, kind, width, height, duration, sha256: hash, bytes };
    };
    const name = path.basename(file);
    assert.deepEqual(facts(known), facts(onDisk), name);
    assert.equal(path.extname(onDisk.location.path), `.${onDisk.extension}`);
    seen.add(onDisk.kind);
    // Of a film with its index neither at the beginning nor at the very end nothing is known where it was only seen to pass by.
    const { width, height, duration, ...rest } = facts(unknown);
    const { width: w, height: h, duration: d, ...expected } = facts(onDisk);
    assert.deepEqual(rest, expected, name);
    if (width !== undefined || duration !== undefined) assert.deepEqual([width, height, duration], [w, h, d], name);
  }
  assert.ok(seen.size >= 4, [...seen].join());
});

test('an executor needs no directory', async () => {
  const executor = new IngestExecutor({ s3 });
  const value = await executor.run({ source: { bytes: randomBytes(10) } });
  assert.match(value.location.r2Key, /^\d{10}_[0-9a-f]{16}\.bin$/);
  await executor[Symbol.asyncDispose]();
});
