'use strict';

// Images made smaller on their way to the sinks, by the real sharp; what it makes is judged by sharp as well.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const sharp = require('sharp');
const { IngestExecutor, IngestWorker } = require('..');
const { R2Sandbox } = require('../lib/testing');
const { startIngest, startWeb, refusal, sha256 } = require('./support/ingest.js');
const { events, until } = require('./support/prewarm.js');

let web;
test.before(async () => {
  web = await startWeb();
});
test.after(() => web.close());

/** A photo of noise, which no codec makes small by itself. */
const photo = (width, height, channels = 3) => {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 };
  const image = sharp({ create: { width, height, channels: 3, background: 'gray', noise } });
  return channels === 4 ? image.ensureAlpha(0.5) : image;
};

const compress = { maxWidth: 300, maxHeight: 300 };
const left = (dir) => fs.readdirSync(dir).filter((name) => name.endsWith('.tmp'));

test('images are fitted, turned, and stored as what they are then; the outcome tells of both', async (t) => {
  const { executor, dir, stored } = startIngest(t, { web, compress });
  const jpeg = await photo(800, 400).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer();
  const value = await executor.run({
    id: 'a',
    source: { url: web.serve('/a.jpg', jpeg) },
    sha256: sha256(jpeg),
    fileName: '../photo.jpg',
  });
  const bytes = fs.readFileSync(value.location.path);
  const { width, height, orientation, exif } = await sharp(bytes).metadata();
  // It was taken on its side: 400 × 800 as shown.
  assert.deepEqual([width, height, orientation, exif], [150, 300, undefined, undefined]);
  assert.deepEqual(
    [value.sha256, value.bytes, value.mime, value.extension, value.width, value.height, value.kind, value.fileName],
    [sha256(bytes), bytes.length, 'image/jpeg', 'jpg', 150, 300, 'photo', 'photo.jpg'],
  );
  assert.deepEqual(value.compressed, {
    sha256: sha256(jpeg),
    bytes: jpeg.length,
    mime: 'image/jpeg',
    width: 400,
    height: 800,
  });
  assert.match(path.basename(value.location.path), /^\d+_a\.jpg$/);
  assert.equal(stored().length, 1);
  const { succeeded, asking } = executor.stats();
  assert.deepEqual([succeeded, asking], [1, 0]);
  await until(() => left(dir).length === 0);
});

test('another format is one for which the image has a place', async (t) => {
  const { executor } = startIngest(t, { web, compress: { ...compress, format: 'jpeg' } });
  const png = await photo(400, 400).png().toBuffer();
  const clear = await photo(400, 400, 4).png().toBuffer();
  const opaque = await executor.run({ source: { bytes: png }, mimeType: 'image/png' });
  assert.deepEqual([opaque.mime, opaque.extension, opaque.compressed.mime], ['image/jpeg', 'jpg', 'image/png']);
  assert.equal(opaque.declared, undefined);
  const { mime, width, compressed } = await executor.run({ source: { bytes: clear } });
  assert.deepEqual([mime, width, compressed.bytes], ['image/png', 300, clear.length]);
});

test('what cannot be smaller, moves, is a sticker, a bomb or broken is stored as it came', async (t) => {
  const { executor, dir } = startIngest(t, { web, compress: { ...compress, maxPixels: 1_000_000 } });
  const small = await photo(40, 40).jpeg({ quality: 20 }).toBuffer();
  const frames = await Promise.all([1, 2].map(() => photo(400, 400).png().toBuffer()));
  const moving = await sharp(frames, { join: { animated: true } })
    .webp()
    .toBuffer();
  // Some hundred bytes that unfold to 100 million pixels.
  const bomb = await sharp({ create: { width: 10_000, height: 10_000, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const chunk = (name, data) =>
    Buffer.concat([Buffer.from([0, 0, 0, data.length]), Buffer.from(name), data, Buffer.alloc(4)]);
  const plain = await photo(400, 400).png().toBuffer();
  // Its first picture is all that sharp sees. Signature and IHDR are 33 bytes.
  const film = Buffer.concat([plain.subarray(0, 33), chunk('acTL', Buffer.alloc(8)), plain.subarray(33)]);
  const deep = await photo(400, 400).toColourspace('rgb16').png().toBuffer();
  const broken = (await photo(600, 600).jpeg().toBuffer()).subarray(0, 20_000);
  const sticker = await photo(400, 400).webp({ lossless: true }).toBuffer();
  const pdf = Buffer.from('%PDF-1.7\n1 0 obj\nendobj\n');
  for (const [name, bytes, extra] of [
    ['small', small],
    ['moving', moving],
    ['film', film],
    ['deep', deep],
    ['bomb', bomb],
    ['broken', broken],
    ['sticker', sticker, { kind: 'sticker' }],
    ['pdf', pdf],
  ]) {
    const value = await executor.run({ id: name, source: { bytes }, ...extra });
    assert.equal(value.sha256, sha256(bytes), name);
    assert.ok(fs.readFileSync(value.location.path).equals(bytes), name);
    assert.ok(!('compressed' in value) && !('aside' in value), name);
  }
  await until(() => left(dir).length === 0);
});

test('what is welcome is judged by what was sent, and not by what is made of it', async (t) => {
  const { executor } = startIngest(t, { web, compress: { ...compress, format: 'webp' }, accept: ['image/jpeg'] });
  const jpeg = await photo(400, 400).jpeg().toBuffer();
  const { mime, compressed } = await executor.run({ source: { bytes: jpeg } });
  assert.deepEqual([mime, compressed.mime], ['image/webp', 'image/jpeg']);
  const png = await photo(400, 400).png().toBuffer();
  assert.equal((await refusal(executor, { source: { bytes: png } })).code, 'ERR_WARMPATH_TYPE_REFUSED');
});

test('jobs that are cancelled while their images are put aside leave nothing', async (t) => {
  const { executor, dir } = startIngest(t, { web, compress });
  const jpeg = await photo(600, 600).jpeg().toBuffer();
  for (let round = 0; round < 40; round++) {
    const keys = [0, 1, 2, 3].map((i) => `${round}-${i}`);
    executor.submitMany(keys.map((key) => ({ key, source: { bytes: jpeg } })));
    for (let turn = 0; turn < round * 5; turn++) await new Promise(setImmediate);
    for (const key of keys) executor.cancel(key);
    await executor.drain();
  }
  await until(() => left(dir).length === 0);
});

test('a promise about the original is kept: a wrong hash is refused, and nothing is left of it', async (t) => {
  const { executor, dir, stored } = startIngest(t, { web, compress });
  const jpeg = await photo(400, 400).jpeg().toBuffer();
  const err = await refusal(executor, { source: { bytes: jpeg }, sha256: sha256(Buffer.from('other')) });
  assert.equal(err.code, 'ERR_WARMPATH_SHA256_MISMATCH');
  await until(() => left(dir).length === 0);
  assert.deepEqual(stored(), []);
});

test('a job that is cancelled while its image is compressed has one end, and leaves nothing', async (t) => {
  const { executor, dir, stored } = startIngest(t, { web, compress });
  const jpeg = await photo(2000, 2000).jpeg().toBuffer();
  const ended = events(executor, 'settled');
  executor.submit({ key: 'k', source: { bytes: jpeg } });
  await until(() => executor.stats().asking === 1, 'the compressor');
  assert.equal(executor.submit({ key: 'k', source: { bytes: jpeg } }), 'processing');
  assert.equal(executor.cancel('k'), true);
  const [[{ key, status, charged, error, value }]] = await ended;
  assert.deepEqual(
    [key, status, charged, error.code, value],
    ['k', 'failed', false, 'ERR_WARMPATH_CANCELLED', undefined],
  );
  await until(() => left(dir).length === 0);
  assert.deepEqual(stored(), []);
});

test('only the smaller image goes to a bucket, and a worker stores many', async (t) => {
  const r2 = await R2Sandbox.start();
  t.after(() => r2.close());
  const place = startIngest(t, { web });
  const s3 = { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] };
  const worker = new IngestWorker({ dir: place.dir, s3, sinks: ['s3'], compress, fsync: false });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const done = events(worker, 'succeeded', 6);
  await worker.start();
  const images = await Promise.all(Array.from({ length: 6 }, () => photo(500, 500).jpeg().toBuffer()));
  await worker.enqueueMany(images.map((bytes, i) => ({ key: `k${i}`, source: { bytes } })));
  for (const { key, value } of await done) {
    assert.equal(value.compressed.sha256, sha256(images[key.slice(1)]));
    assert.equal(value.location.path, undefined);
  }
  const puts = r2.requests.filter(({ method }) => method === 'PUT');
  assert.equal(puts.length, 6);
  assert.equal(worker.stats().completed, 6);
});

test('the option is checked', () => {
  const refused = (options, option) =>
    assert.throws(() => new IngestExecutor(options), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
  refused({ dir: '/tmp', compress: { quality: 0 } }, 'compress.quality');
  refused({ dir: '/tmp', compress: { size: 1 } }, 'compress.size');
  refused({ dir: '/tmp', compress: { format: 'gif' } }, 'compress.format');
  const s3 = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
  refused({ s3, compress: {} }, 'compress');
});
