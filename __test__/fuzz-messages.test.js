'use strict';

// Messages of WhatsApp come from strangers, through libraries whose shapes change: thousands of them with parts exchanged at random.
// Each is a job that the worker takes and every store can hold, or none, or no message at all; nothing else is thrown.

const assert = require('node:assert/strict');
const test = require('node:test');
const { WarmpathError } = require('..');
const baileys = require('../lib/adapters/baileys.js');
const web = require('../lib/adapters/whatsapp-web.js');
const { checkIngestWorkerJob } = require('../lib/options/ingest-worker-job.js');
const { Random, testSeed } = require('./support/sigv4/random.js');

const SEED = testSeed();
const ROUNDS = process.env.WARMPATH_TEST_LONG === '1' ? 300_000 : 6_000;

const key = Buffer.alloc(32, 7);
const media = {
  url: 'https://mmg.whatsapp.net/v/t62/a.enc?x=1',
  directPath: '/v/t62/a.enc?x=1',
  mediaKey: key,
  fileSha256: key,
  fileEncSha256: key,
  mimetype: 'image/jpeg; q=1',
  caption: 'Oi, Ana! \u{1f600}',
  fileName: 'contrato final.pdf',
  fileLength: { low: 3000, high: 0, unsigned: true },
};
const of = (message, more = {}) => ({
  key: { remoteJid: '5511988887777@s.whatsapp.net', id: '3EB0A1', fromMe: false, participant: '5511@lid' },
  message,
  messageTimestamp: 1_700_000_000,
  pushName: 'Ana',
  ...more,
});
const BAILEYS = [
  of({ imageMessage: media }),
  of({ videoMessage: { ...media, gifPlayback: true } }),
  of({ ephemeralMessage: { message: { viewOnceMessageV2: { message: { audioMessage: { ...media, ptt: true } } } } } }),
  of({ documentWithCaptionMessage: { message: { documentMessage: media } } }),
  of({ templateMessage: { hydratedTemplate: { imageMessage: media } } }),
  of(
    { imageMessage: { url: 'https://a.de/x', fileSha256: { type: 'Buffer', data: [...key] } } },
    { key: { remoteJid: 'a@newsletter', id: '1' } },
  ),
];
const WEB = [
  {
    id: { fromMe: false, remote: '5511988887777@c.us', id: '3EB0', _serialized: 'false_5511_3EB0' },
    _data: {
      ...media,
      deprecatedMms3Url: media.url,
      filehash: key.toString('base64'),
      notifyName: 'Ana',
      size: 3000,
      t: 1_700_000_000,
    },
    type: 'image',
    mediaKey: key.toString('base64'),
    hasMedia: true,
    timestamp: 1_700_000_000,
    body: 'Oi',
    from: '5511988887777@c.us',
  },
];

/** What a field may turn out to be. */
const HOSTILE = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  2 ** 53,
  1n,
  '',
  '\0',
  '\ud83d',
  `${'x'.repeat(4095)}\u{1f600}`,
  `${'x'.repeat(254)}\u{1f600}${'x'.repeat(800)}`,
  '\u0001'.repeat(5000),
  '"\\'.repeat(3000),
  '\u2028'.repeat(300),
  '../../etc/passwd',
  'image/png\r\nx: y',
  'javascript:alert(1)',
  'https://user:pw@a.de/',
  'a'.repeat(20_000),
  '__proto__',
  Symbol('x'),
  [],
  {},
  { type: 'Buffer', data: 'AAAA' },
  { type: 'Buffer', data: { type: 'Buffer', data: [1, 2, 3] } },
  { 0: 1, 1: 256 },
  { low: -1, high: 0 },
  { toNumber: () => Number.POSITIVE_INFINITY },
  new Uint8Array(0),
  new Uint8Array(33),
  () => 1,
];

/** A copy with one part exchanged: for something hostile, for a part of it from elsewhere, or gone. */
function changed(value, random, parts) {
  const copy = copied(value);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const places = placesOf(copy);
    const { object, name } = random.pick(places);
    const kind = random.below(4);
    if (kind === 0) delete object[name];
    else object[name] = copied(random.pick(kind === 1 ? parts : HOSTILE));
  }
  return copy;
}

const isTree = (value) => typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
const copied = (value) =>
  isTree(value)
    ? Object.assign(
        Array.isArray(value) ? [] : {},
        Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copied(v)])),
      )
    : value;

function placesOf(object) {
  return Object.keys(object).flatMap((name) => [
    { object, name },
    ...(isTree(object[name]) ? placesOf(object[name]) : []),
  ]);
}

/** Every text of a value. */
function* textsOf(value) {
  if (typeof value === 'string') yield value;
  else if (isTree(value)) for (const [name, inner] of Object.entries(value)) yield* [name, ...textsOf(inner)];
}

for (const [name, adapter, messages] of [
  ['Baileys', baileys, BAILEYS],
  ['whatsapp-web.js', web, WEB],
]) {
  test(`a message of ${name} of any shape is a job that can be stored, or none (seed ${SEED})`, () => {
    const random = new Random(SEED);
    const parts = messages.flatMap((message) => placesOf(message).map(({ object, name }) => object[name]));
    const ends = { job: 0, none: 0, refused: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const message = changed(random.pick(messages), random, parts);
      let job;
      try {
        job = adapter.ingestJob(message, { session: 's1' });
      } catch (error) {
        assert.ok(error instanceof WarmpathError, `round ${round}: ${error.stack}`);
        assert.equal(error.code, 'ERR_WARMPATH_INVALID_ARGUMENT');
        ends.refused += 1;
        continue;
      }
      if (job === null) {
        ends.none += 1;
        continue;
      }
      ends.job += 1;
      const stored = JSON.parse(JSON.stringify(checkIngestWorkerJob(job)));
      for (const text of textsOf(stored)) {
        assert.ok(text.isWellFormed() && !text.includes('\0'), `round ${round}: ${JSON.stringify(text.slice(-40))}`);
      }
    }
    // A test in which all is refused tries nothing.
    assert.ok(Math.min(ends.job, ends.none, ends.refused) > ROUNDS / 50, JSON.stringify(ends));
  });
}
