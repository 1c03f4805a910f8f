'use strict';

// Encrypted media of WhatsApp: made by Baileys, read by us and by Baileys, and refused when a bit of them is not right.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const test = require('node:test');
const { randomBytes, randomInt } = require('node:crypto');
const { buffer } = require('node:stream/consumers');
const { startWeb, startIngest, refusal, sha256 } = require('./support/ingest.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';

const TYPES = [
  'image',
  'video',
  'gif',
  'ptv',
  'audio',
  'ptt',
  'document',
  'sticker',
  'thumbnail-document',
  'thumbnail-image',
  'thumbnail-video',
  'thumbnail-link',
];

// Around the block of the cipher, of the disk writer, and of nothing in particular.
const SIZES = [1, 9, 10, 11, 15, 16, 17, 31, 32, 33, 4095, 4096, 65_535, 65_536, 262_143, 262_144, 262_145];

let baileys;
let web;

test.before(async () => {
  baileys = await import('baileys');
  web = await startWeb();
});
test.after(() => web.close());

/** A medium as WhatsApp has it: what lies on the server, and what the message says. */
async function encrypt(bytes, mediaType) {
  const made = await baileys.encryptedStream(bytes, mediaType);
  const encrypted = fs.readFileSync(made.encFilePath);
  fs.rmSync(made.encFilePath);
  const { mediaKey, fileSha256, fileEncSha256 } = made;
  return { encrypted, media: { mediaKey, fileSha256, fileEncSha256, mediaType } };
}

test('200 media of every type come out byte-equal, and as Baileys decrypts them', async (t) => {
  const { executor, stored, temporary } = startIngest(t, { web, fsync: false });
  const jobs = [];
  for (let i = 0; i < 200; i++) {
    const mediaType = TYPES[i % TYPES.length];
    const bytes = randomBytes(SIZES[i] ?? randomInt(1, LONG ? 3_000_000 : 300_000));
    const { encrypted, media } = await encrypt(bytes, mediaType);
    const url = web.serve(`/media-${i}`, encrypted, { chunked: i % 3 === 0 });
    // As the objects of Baileys have them, and as JSON has them.
    const asText = Object.fromEntries(Object.entries(media).map(([k, v]) => [k, v.toString('base64')]));
    const whatsapp = i % 2 === 0 ? { ...media, url } : { ...asText, mediaType, directPath: `/media-${i}` };
    jobs.push({ bytes, url, media, job: { id: `m${i}`, source: { whatsapp } } });
  }
  await Promise.all(
    jobs.map(async ({ bytes, url, media, job }, i) => {
      const value = await executor.run(job);
      assert.equal(value.sha256, sha256(bytes), job.id);
      assert.equal(value.bytes, bytes.length);
      assert.ok(fs.readFileSync(value.location.path).equals(bytes), job.id);
      if (i % 10 !== 0) return;
      // Their reader takes https alone unless it is given the address itself.
      const keys = await baileys.getMediaKeys(media.mediaKey, media.mediaType);
      const theirs = await buffer(await baileys.downloadEncryptedContent(url, keys));
      assert.ok(theirs.equals(bytes), `Baileys, ${job.id}`);
    }),
  );
  assert.equal(stored().length, 200);
  assert.deepEqual(temporary(), []);
});

test('a flipped bit anywhere is refused, and nothing is stored', async (t) => {
  const { executor, dir, stored } = startIngest(t, { web, capacity: 5000 });
  const bytes = randomBytes(35);
  const { encrypted, media } = await encrypt(bytes, 'image');
  const { fileSha256, fileEncSha256, ...bare } = media;
  const refused = [];
  for (let bit = 0; bit < encrypted.length * 8; bit++) {
    const flipped = Buffer.from(encrypted);
    flipped[bit >> 3] ^= 1 << (bit & 7);
    const url = web.serve(`/flipped-${bit}`, flipped);
    // The MAC alone, and what the message says of the hashes.
    const whatsapp = bit % 2 === 0 ? { ...bare, url } : { ...media, url };
    refused.push(refusal(executor, { source: { whatsapp } }));
  }
  const codes = (await Promise.all(refused)).map((err) => err.code);
  assert.equal(codes.length, (48 + 10) * 8);
  codes.forEach((code, bit) => {
    assert.equal(code, bit % 2 === 0 ? 'ERR_WARMPATH_DECRYPT_FAILED' : 'ERR_WARMPATH_SHA256_MISMATCH', `bit ${bit}`);
  });
  // A large one, of which blocks are on the disk before its end shows that it is wrong.
  const large = await encrypt(randomBytes(1_500_000), 'video');
  for (const at of [0, 16, 700_000, large.encrypted.length - 11, large.encrypted.length - 1]) {
    const flipped = Buffer.from(large.encrypted);
    flipped[at] ^= 0x10;
    const { fileEncSha256: _, ...whatsapp } = { ...large.media, url: web.serve('/large', flipped) };
    const err = await refusal(executor, { source: { whatsapp } });
    assert.equal(err.code, 'ERR_WARMPATH_DECRYPT_FAILED');
  }
  assert.deepEqual(stored(), []);
  await executor.close();
  // What was dropped half-way is removed by another thread.
  while (fs.readdirSync(dir).some((name) => name.endsWith('.tmp'))) await new Promise(setImmediate);
});

test('another key, another type, a cut file and a wrong hash are refused', async (t) => {
  const { executor, stored } = startIngest(t, { web });
  const bytes = randomBytes(5000);
  const { encrypted, media } = await encrypt(bytes, 'image');
  const { fileEncSha256, ...rest } = media;
  const url = web.serve('/right', encrypted);
  const code = async (whatsapp) => (await refusal(executor, { source: { whatsapp } })).code;
  assert.equal(await code({ ...rest, url, mediaKey: randomBytes(32) }), 'ERR_WARMPATH_DECRYPT_FAILED');
  assert.equal(await code({ ...rest, url, mediaType: 'video' }), 'ERR_WARMPATH_DECRYPT_FAILED');
  assert.equal(await code({ ...rest, url, fileSha256: randomBytes(32) }), 'ERR_WARMPATH_SHA256_MISMATCH');
  for (const length of [1, 9, 10, 11, 26, 5000, encrypted.length - 1]) {
    const cut = web.serve('/cut', encrypted.subarray(0, length));
    assert.equal(await code({ ...rest, url: cut }), 'ERR_WARMPATH_DECRYPT_FAILED', `${length} bytes`);
  }
  const longer = web.serve('/longer', Buffer.concat([encrypted, Buffer.alloc(16)]));
  assert.equal(await code({ ...rest, url: longer }), 'ERR_WARMPATH_DECRYPT_FAILED');
  assert.deepEqual(stored(), []);
  // A sticker and an image have the same keys; the job is stored under either.
  const value = await executor.run({ source: { whatsapp: { ...rest, url, mediaType: 'sticker' } } });
  assert.deepEqual([value.kind, value.sha256], ['sticker', sha256(bytes)]);
});

test('a medium whose servers have lost it is uploaded again, once, as the same job', async (t) => {
  const asked = [];
  const bytes = randomBytes(3000);
  const { encrypted, media } = await encrypt(bytes, 'document');
  const { executor } = startIngest(t, {
    web,
    reupload: async (job) => {
      asked.push(job);
      web.serve('/again', encrypted);
      // As a library has it: a class, with fields that say nothing or something else.
      return Object.assign(Object.create({ url: '', fileSha256: null }), { directPath: '/again', mimetype: 'a/b' });
    },
  });
  const outcomes = [];
  executor.on('settled', (batch) => outcomes.push(...batch));
  for (const status of [404, 410, 403]) {
    const job = { id: `gone-${status}`, source: { whatsapp: { ...media, url: web.serve('/gone', null, { status }) } } };
    const value = await executor.run(job);
    assert.equal(value.sha256, sha256(bytes));
    assert.equal(asked.pop(), job);
    assert.equal(asked.length, 0);
  }
  assert.deepEqual(
    outcomes.map(({ key, status }) => [key, status]),
    ['gone-404', 'gone-410', 'gone-403'].map((key) => [key, 'succeeded']),
  );
});

test('without an answer of the hook the outcome says what it needs, and is not charged', async (t) => {
  const { media } = await encrypt(randomBytes(10), 'ptt');
  const gone = { ...media, directPath: '/nowhere' };
  let calls = 0;
  const thrower = (thrown) => () => {
    throw thrown;
  };
  const unreadable = {
    get name() {
      throw new Error('of the getter');
    },
  };
  const answers = [undefined, () => null, () => ({ directPath: '/still-nowhere' })];
  const failures = [
    thrower(new TypeError('with a secret in it')),
    thrower(undefined),
    () => Promise.reject(null),
    () => ({ directPath: 'not a path' }),
    () => new Promise(() => {}),
  ];
  for (const hook of [...answers, ...failures]) {
    calls = 0;
    const counted = () => {
      calls++;
      return hook();
    };
    const reupload = hook && counted;
    const { executor } = startIngest(t, { web, reupload, hookTimeoutMs: 20 });
    const settled = new Promise((resolve) => executor.once('settled', resolve));
    const err = await refusal(executor, { key: 'k', source: { whatsapp: gone } });
    const [outcome] = await settled;
    assert.equal(err.code, 'ERR_WARMPATH_MEDIA_GONE');
    assert.ok(!err.message.includes('secret'), err.message);
    assert.deepEqual([outcome.error.needs, outcome.charged], ['reupload', false]);
    const failed = failures.includes(hook) ? true : undefined;
    assert.deepEqual([outcome.error.hookFailed, err.hookFailed, err.needs], [failed, failed, 'reupload']);
    assert.equal(calls, hook ? 1 : 0);
  }
  // Not even what cannot be looked at takes the process along.
  const { executor } = startIngest(t, { web, reupload: thrower(unreadable) });
  const err = await refusal(executor, { key: 'k', source: { whatsapp: gone } });
  assert.deepEqual([err.code, err.class], ['ERR_WARMPATH_INTERNAL', 'bug']);
  assert.deepEqual(executor.list(), []);
});

test('the path of a message stands in for its address', async (t) => {
  const { executor } = startIngest(t, { web });
  const bytes = randomBytes(100);
  const { encrypted, media } = await encrypt(bytes, 'audio');
  web.serve('/direct', encrypted);
  const whatsapp = { ...media, url: `${web.origin}/nowhere`, directPath: '/direct' };
  assert.equal((await executor.run({ source: { whatsapp } })).sha256, sha256(bytes));
});
