'use strict';

// Messages of WhatsApp libraries as jobs. Those of Baileys are made by Baileys, encrypted as it encrypts them, and stored.

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const test = require('node:test');
const { IngestWorker } = require('..');
const baileysAdapter = require('../lib/adapters/baileys.js');
const webAdapter = require('../lib/adapters/whatsapp-web.js');
const { checkIngestWorkerJob } = require('../lib/options/ingest-worker-job.js');
const { folder, sha256 } = require('./support/ingest-media.js');
const { events } = require('./support/prewarm.js');

let baileys;
let server;
let origin;
const uploads = new Map();

test.before(async () => {
  baileys = await import('baileys');
  server = http.createServer((req, res) => {
    const bytes = uploads.get(req.url.split('?')[0]);
    res.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
});
test.after(() => server.close());

/** Baileys' upload, to a server of ours. */
const upload = async (file) => {
  const directPath = `/v/${randomBytes(8).toString('hex')}.enc`;
  uploads.set(directPath, fs.readFileSync(file));
  return { mediaUrl: `https://mmg.whatsapp.net${directPath}`, directPath };
};

let made = 0;

/** A message as it comes from the socket: content made by Baileys, written and read as protobuf. */
async function received(content, wrap = (message) => message) {
  const jpegThumbnail = Buffer.from('thumb');
  const inner = await baileys.generateWAMessageContent({ ...content, jpegThumbnail }, { upload });
  const message = baileys.proto.Message.decode(baileys.proto.Message.encode(wrap(inner)).finish());
  const key = { remoteJid: '5511988887777@s.whatsapp.net', id: `3EB0${++made}`, fromMe: false };
  return baileys.proto.WebMessageInfo.fromObject({
    key,
    message,
    messageTimestamp: 1_700_000_000 + made,
    pushName: 'Ana',
  });
}

const bytesOf = () => randomBytes(3000);

test('media of every kind that Baileys can send are stored as they were, also after JSON', async (t) => {
  const inside = (name) => (message) => ({ [name]: { message } });
  const contents = [
    [{ image: bytesOf(), caption: 'A cat', mimetype: 'image/png' }, 'image'],
    [{ video: bytesOf() }, 'video'],
    [{ video: bytesOf(), gifPlayback: true }, 'gif'],
    [{ video: bytesOf(), ptv: true }, 'ptv'],
    [{ audio: bytesOf(), mimetype: 'audio/mp4', seconds: 3 }, 'audio'],
    [{ audio: bytesOf(), mimetype: 'audio/ogg; codecs=opus', ptt: true, seconds: 3 }, 'ptt'],
    [
      { document: bytesOf(), mimetype: 'application/pdf', fileName: '../../etc/report.pdf', caption: 'See' },
      'document',
    ],
    [{ sticker: bytesOf() }, 'sticker'],
    [{ image: bytesOf() }, 'image', inside('ephemeralMessage')],
    [{ video: bytesOf(), viewOnce: true }, 'video'],
    [{ image: bytesOf() }, 'image', (message) => inside('ephemeralMessage')(inside('viewOnceMessageV2')(message))],
  ];
  const forms = [
    (message) => message,
    (message) => JSON.parse(JSON.stringify(message, baileys.BufferJSON.replacer)),
    (message) => JSON.parse(JSON.stringify(baileys.proto.WebMessageInfo.toObject(message))),
  ];
  const place = folder(t);
  const http = { plain: true, allow: ['127.0.0.1'], ports: [server.address().port] };
  const worker = new IngestWorker({ dir: place.dir, http, fsync: false, whatsapp: { origin } });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const wanted = new Map();
  for (const [i, [content, mediaType, wrap]] of contents.entries()) {
    const message = await received(content, wrap);
    const job = baileysAdapter.ingestJob(forms[i % 3](message), { session: 's1', meta: { own: i } });
    assert.equal(job.source.whatsapp.mediaType, mediaType);
    // The address is that of WhatsApp; here the file lies elsewhere.
    delete job.source.whatsapp.url;
    wanted.set(job.key, { content, job, message });
    assert.deepEqual({ ...baileysAdapter.ingestJob(message, { session: 's1', meta: { own: i } }).meta }, job.meta);
  }
  assert.equal(wanted.size, contents.length);
  const done = events(worker, 'succeeded', contents.length);
  await worker.enqueueMany([...wanted.values()].map(({ job }) => job));
  await worker.start();
  for (const { key, value, job } of await done) {
    const { content, message } = wanted.get(key);
    const plain = content.image ?? content.video ?? content.audio ?? content.document ?? content.sticker;
    assert.equal(value.sha256, sha256(plain));
    assert.ok(value.location.path.includes(`${message.messageTimestamp}_${message.key.id}.`));
    assert.deepEqual([job.session, job.meta.pushName, job.meta.size], ['s1', 'Ana', 3000]);
    if (content.document !== undefined) assert.deepEqual([value.fileName, job.meta.caption], ['report.pdf', 'See']);
  }
});

test('what holds no media, or none that can be had, is no job; what is no message is said', async () => {
  const key = { remoteJid: 'a@s.whatsapp.net', id: '1', fromMe: true };
  const none = [
    undefined,
    null,
    { conversation: 'hi' },
    { imageMessage: null },
    { imageMessage: { url: 'https://x', mediaKey: new Uint8Array(31) } },
    { imageMessage: { mediaKey: new Uint8Array(32) } },
    { imageMessage: { url: 'javascript:alert(1)', directPath: 'no', mediaKey: new Uint8Array(32) } },
    { stickerMessage: { url: 'https://x', mediaKey: { 0: 1, 2: 3 } } },
    { ephemeralMessage: {} },
  ];
  for (const message of none) assert.equal(baileysAdapter.ingestJob({ key, message }), null);
  let deep = { imageMessage: { url: 'https://x/1', mediaKey: new Uint8Array(32) } };
  for (let i = 0; i < 50; i++) deep = { ephemeralMessage: { message: deep } };
  assert.equal(baileysAdapter.ingestJob({ key, message: deep }), null, 'as deep as no message is');
  for (const wrong of [undefined, null, 1, {}, { key: {} }, { key: { remoteJid: 'a' } }]) {
    const refused = { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'message' };
    assert.throws(() => baileysAdapter.ingestJob(wrong), refused);
    assert.throws(() => webAdapter.ingestJob(wrong), refused);
  }
  const image = { directPath: '/v/1', mediaKey: new Uint8Array(32) };
  for (const message of [
    { groupStatusMessage: { message: { imageMessage: image } } },
    { groupStatusMessageV2: { message: { imageMessage: image } } },
    { templateMessage: { fourRowTemplate: { imageMessage: image } } },
  ]) {
    assert.equal(baileysAdapter.ingestJob({ key, message }).source.whatsapp.directPath, '/v/1');
  }
  // What Baileys writes where there is no address of the file.
  const home = { imageMessage: { ...image, url: 'https://web.whatsapp.net' } };
  assert.equal(baileysAdapter.ingestJob({ key, message: home }).source.whatsapp.url, undefined);
  const channel = { key: { ...key, remoteJid: '1@newsletter' }, message: { imageMessage: { url: 'https://x/1' } } };
  assert.deepEqual(baileysAdapter.ingestJob(channel).source, { url: 'https://x/1' });
});

test('names of strangers become jobs that can be enqueued', () => {
  const evil = 'a:b/../\u0000\ud800%"\u202e';
  const message = {
    key: { remoteJid: evil, id: evil, participant: evil },
    message: {
      documentMessage: {
        directPath: '/v/1',
        mediaKey: new Uint8Array(32),
        mimetype: 'text/html\r\nx: y',
        fileName: 'x'.repeat(5000),
        caption: 'y'.repeat(10_000),
        fileLength: { low: 5, high: 0, unsigned: true },
      },
    },
    messageTimestamp: { low: 1_700_000_000, high: 0, unsigned: true },
    pushName: evil.repeat(100),
  };
  const job = checkIngestWorkerJob(baileysAdapter.ingestJob(message, { session: 's' }));
  assert.deepEqual(
    [job.mimeType, job.fileName.length, job.meta.size, job.timestamp],
    [undefined, 1024, 5, 1_700_000_000],
  );
  const other = { ...message, key: { ...message.key, remoteJid: 'a', id: `b:${evil}` } };
  assert.notEqual(baileysAdapter.ingestJob(other).key, baileysAdapter.ingestJob(message).key);
});

test('the reupload hook asks the phone, and says where the media is now', async () => {
  const message = await received({ image: bytesOf() });
  const calls = [];
  const socket = {
    async updateMediaMessage(given) {
      calls.push(given);
      const directPath = '/v/new.enc';
      const imageMessage = { ...given.message.imageMessage, url: `https://mmg.whatsapp.net${directPath}`, directPath };
      return { ...given, message: { imageMessage } };
    },
  };
  const job = { key: 'wa:1', session: 's1' };
  const hook = baileysAdapter.reupload(socket, ({ key }) => (key === 'wa:1' ? message : null));
  assert.deepEqual(await hook(job), { url: 'https://mmg.whatsapp.net/v/new.enc', directPath: '/v/new.enc' });
  assert.equal(calls[0], message);
  assert.equal(await hook({ key: 'wa:2' }), null);
  const away = baileysAdapter.reupload(
    () => null,
    () => message,
  );
  await assert.rejects(away(job), /not connected/);
  assert.throws(() => baileysAdapter.reupload({}, () => null), { option: 'socket' });
  assert.throws(() => baileysAdapter.reupload(socket), { option: 'messageOf' });
});

/** A message of whatsapp-web.js, as its constructor makes it of the browser's data. */
function webMessage(type, data = {}) {
  const hash = (text) => createHash('sha256').update(text).digest('base64');
  const id = { fromMe: false, remote: '5511988887777@c.us', id: '3A01', _serialized: 'false_5511988887777@c.us_3A01' };
  const _data = {
    ...{ id, type, t: 1_700_000_000, notifyName: 'Ana', mimetype: 'image/jpeg', size: 1234, caption: 'A cat' },
    ...{
      directPath: '/v/t62.7118-24/1.enc?ccb=11-4',
      mediaKey: hash('key'),
      filehash: hash('f'),
      encFilehash: hash('e'),
    },
    ...data,
  };
  const { mediaKey, t: timestamp } = _data;
  const hasMedia = Boolean(_data.directPath);
  return {
    _data,
    id,
    type,
    mediaKey,
    hasMedia,
    timestamp,
    author: undefined,
    body: 'A cat',
    isGif: Boolean(data.isGif),
  };
}

test('messages of whatsapp-web.js: by reference, or with the bytes that are there already', () => {
  const message = webMessage('image');
  const job = webAdapter.ingestJob(message, { session: 's1', meta: { own: 1 } });
  const { _data: data } = message;
  assert.deepEqual(job.source.whatsapp, {
    mediaType: 'image',
    mediaKey: data.mediaKey,
    directPath: data.directPath,
    fileSha256: data.filehash,
    fileEncSha256: data.encFilehash,
  });
  assert.equal(job.key, 'wa:s1:5511988887777%40c.us::3A01');
  const { own, chat, caption, size, pushName } = job.meta;
  assert.deepEqual([own, chat, caption, size, pushName], [1, '5511988887777@c.us', 'A cat', 1234, 'Ana']);
  assert.ok(checkIngestWorkerJob(job));
  // Public name of the same data, and what JSON leaves of a message.
  assert.deepEqual(
    webAdapter.ingestJob({ ...message, _data: undefined, rawData: data }, { session: 's1', meta: { own: 1 } }),
    job,
  );
  assert.deepEqual(webAdapter.ingestJob(JSON.parse(JSON.stringify(message)), { session: 's1', meta: { own: 1 } }), job);

  const typeOf = (type, more) => webAdapter.ingestJob(webMessage(type, more))?.source.whatsapp.mediaType;
  assert.deepEqual(
    ['video', 'ptt', 'audio', 'document', 'sticker', 'ptv'].map((type) => typeOf(type)),
    [...['video', 'ptt', 'audio', 'document', 'sticker', 'ptv']],
  );
  assert.equal(typeOf('video', { isGif: true }), 'gif');
  for (const type of ['chat', 'location', 'vcard', 'constructor', '__proto__']) assert.equal(typeOf(type), undefined);
  assert.equal(typeOf('image', { directPath: undefined }), undefined);

  const media = { mimetype: 'audio/ogg; codecs=opus', data: 'AAAA', filename: null, filesize: 3 };
  const bytes = webAdapter.ingestJob(webMessage('ptt', { directPath: undefined }), { media });
  assert.deepEqual(
    [bytes.source, bytes.kind, bytes.mimeType, bytes.meta.size],
    [{ base64: 'AAAA' }, 'voice', media.mimetype, 3],
  );
});
