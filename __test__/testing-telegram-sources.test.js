'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, afterEach, before, describe, it } = require('node:test');
const { SigV4Signer } = require('..');
const { R2Sandbox, TelegramSandbox, selfSignedCa } = require('../lib/testing');
const { TOKEN, sha256 } = require('./support/telegram');

const MIB = 1024 * 1024;
const FAILED = 'Bad Request: failed to get HTTP URL content';
const WRONG_TYPE = 'Bad Request: wrong type of the web page content';
const WRONG_ID = 'Bad Request: wrong file identifier/HTTP URL specified';

/** Bytes that begin like a file of this type. */
const withHead = (head, size) => Buffer.concat([Buffer.from(head), randomBytes(size - head.length)]);
const JPEG = [0xff, 0xd8, 0xff, 0xe0];

describe('TelegramSandbox fetches files by URL', () => {
  let tg;
  let site;
  let base;
  const files = new Map();
  const asked = [];
  before(async () => {
    site = http.createServer((req, res) => {
      asked.push(req.url);
      const { status = 200, type, body = '', location } = files.get(req.url.split('?')[0]) ?? { status: 404 };
      res.writeHead(status, { ...(type && { 'content-type': type }), ...(location && { location }) });
      res.end(body);
    });
    await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${site.address().port}`;
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false });
  });
  afterEach(() => {
    files.clear();
    asked.length = 0;
    tg.reset();
  });
  after(async () => {
    site.close();
    await tg.close();
  });
  const send = (kind, url) => tg.call(`send${kind[0].toUpperCase()}${kind.slice(1)}`, { chat_id: 1, [kind]: url });

  it('takes them up to 5 MB for a photo and 20 MB for others, to the byte', async () => {
    for (const [kind, limit, head, type] of [
      ['photo', 5 * MIB, JPEG, 'image/jpeg'],
      ['video', 20 * MIB, [], 'video/mp4'],
    ]) {
      const body = withHead(head, limit);
      files.set('/right', { type, body });
      files.set('/above', { type, body: Buffer.concat([body, Buffer.alloc(1)]) });
      const { ok, result } = await send(kind, `${base}/right`);
      assert.ok(ok);
      const { sha256: hash, bytes, from, url, reused } = tg.received.at(-1);
      assert.deepEqual([hash, bytes, from, url, reused], [sha256(body), limit, 'url', `${base}/right`, false]);
      assert.ok(result[kind]);
      assert.equal((await send(kind, `${base}/above`)).description, FAILED);
    }
  });

  it('takes as a document only GIF, PDF and ZIP, and of the other kinds their types', async () => {
    const cases = {
      document: [
        ['GIF89a', '%PDF-1.7', [0x50, 0x4b, 3, 4]],
        [JPEG, 'plain text'],
      ],
      photo: [[JPEG, [0x89, 0x50, 0x4e, 0x47]], ['%PDF']],
      animation: [['GIF89a', [0, 0, 0, 24, ...Buffer.from('ftypisom')]], [JPEG]],
      audio: [['ID3', [0, 0, 0, 24, ...Buffer.from('ftypM4A ')]], ['OggS']],
      voice: [['OggS'], ['ID3']],
      sticker: [['RIFF0000WEBP'], [JPEG]],
    };
    let n = 0;
    for (const [kind, [right, wrong]] of Object.entries(cases)) {
      for (const head of [...right, ...wrong]) {
        n += 1;
        files.set(`/${n}`, { type: 'application/octet-stream', body: withHead(Buffer.from(head), 200) });
        const { ok, description } = await send(kind, `${base}/${n}`);
        if (right.includes(head)) assert.ok(ok, `${kind} ${head}: ${description}`);
        else assert.equal(description, WRONG_TYPE, `${kind} ${head}`);
      }
    }
    // What the bytes do not tell, the header does.
    files.set('/typed', { type: 'Video/MP4; x=y', body: randomBytes(20) });
    assert.ok((await send('video', `${base}/typed`)).ok);
    assert.equal((await tg.call('sendVideoNote', { chat_id: 1, video_note: `${base}/typed` })).description, WRONG_ID);
    // A long voice message is sent as a file.
    files.set('/long', { type: 'audio/ogg', body: withHead(Buffer.from('OggS'), MIB + 1) });
    assert.ok((await send('voice', `${base}/long`)).result.document);
  });

  it('remembers what failed, until the URL is written in another way', async () => {
    assert.equal((await send('photo', `${base}/late.jpg?a=1`)).description, FAILED);
    files.set('/late.jpg', { type: 'image/jpeg', body: withHead(JPEG, 100) });
    assert.equal((await send('photo', `${base}/late.jpg?a=1`)).description, FAILED);
    assert.deepEqual(asked, ['/late.jpg?a=1'], 'the second time it did not look');
    assert.ok((await send('photo', `${base}/late.jpg?a=1&nonce=2`)).ok);
    assert.equal(tg.received.at(-1).url, `${base}/late.jpg`, 'no query on record');
    assert.equal(tg.fetches, 2);
  });

  it('follows five redirects, and refuses what is no http', async () => {
    for (let i = 1; i <= 6; i += 1) files.set(`/hop${i}`, { status: 302, location: `/hop${i + 1}` });
    files.set('/hop7', { type: 'image/jpeg', body: withHead(JPEG, 100) });
    assert.ok((await send('photo', `${base}/hop2`)).ok);
    assert.equal((await send('photo', `${base}/hop1`)).description, FAILED);
    files.set('/away', { status: 302, location: 'ftp://127.0.0.1/x' });
    assert.equal((await send('photo', `${base}/away`)).description, WRONG_ID);
    assert.equal((await send('photo', 'http://127.0.0.1:1/x')).description, FAILED);
    assert.equal((await send('photo', 'file:///etc/hostname')).description, WRONG_ID);
    files.set('/empty', { type: 'image/jpeg' });
    assert.equal((await send('photo', `${base}/empty`)).description, FAILED);
  });

  it('fetches a presigned URL of R2Sandbox, by TLS too, and an album of them', async () => {
    const { ca, key, cert } = await selfSignedCa();
    for (const secure of [false, true]) {
      const r2 = await R2Sandbox.start(secure ? { tls: { key, cert } } : {});
      const own = await TelegramSandbox.start({
        bots: [{ token: TOKEN }],
        limits: false,
        probe: false,
        ...(secure && { fetchCa: ca }),
      });
      const signer = new SigV4Signer(r2.credentials[0]);
      const bodies = [withHead(JPEG, 1000), withHead(JPEG, 2000)];
      const media = [];
      for (const [i, body] of bodies.entries()) {
        await r2.put('media', `${i}.jpg`, body, { contentType: 'image/jpeg' });
        media.push({ type: 'photo', media: signer.presign({ url: `${r2.url}/media/${i}.jpg` }) });
      }
      const { ok, description } = await own.call('sendMediaGroup', { chat_id: 1, media });
      assert.ok(ok, description);
      assert.deepEqual(
        own.received.map((one) => [one.sha256, one.fileName, one.url]),
        bodies.map((body, i) => [sha256(body), `${i}.jpg`, `${r2.url}/media/${i}.jpg`]),
      );
      assert.ok(!JSON.stringify([own.received, own.requests]).includes('X-Amz-Signature'));
      await Promise.all([own.close(), r2.close()]);
    }
  });
});

describe('TelegramSandbox as a local server', () => {
  let folder;
  let tg;
  const bytes = randomBytes(50_000);
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-local-'));
    fs.writeFileSync(path.join(folder, 'clip.bin'), bytes);
    tg = await TelegramSandbox.start({
      bots: [{ token: TOKEN }],
      local: true,
      probe: false,
      keepFiles: true,
      limits: false,
    });
  });
  after(async () => {
    await tg.close();
    fs.rmSync(folder, { recursive: true });
  });
  const send = (document) => tg.call('sendDocument', { chat_id: 1, document });

  it('takes file:// paths and gives back absolute ones', async () => {
    for (const form of ['file://', 'file:']) {
      const { result } = await send(`${form}${folder}/clip.bin`);
      const { sha256: hash, from, fileName } = tg.received.at(-1);
      assert.deepEqual([hash, from, fileName], [sha256(bytes), 'path', 'clip.bin']);
      const { result: file } = await tg.call('getFile', { file_id: result.document.file_id });
      assert.ok(path.isAbsolute(file.file_path));
      assert.ok(fs.readFileSync(file.file_path).equals(bytes));
      assert.equal((await fetch(`${tg.url}/file/bot${TOKEN}/${file.file_path}`)).status, 404);
    }
    assert.equal((await send(`file://${folder}/none`)).description, "Bad Request: can't open the file: ENOENT");
  });

  it('has no bound of 20 MiB on getFile', async () => {
    const large = path.join(folder, 'large.bin');
    fs.closeSync(fs.openSync(large, 'w'));
    fs.truncateSync(large, 60 * MIB);
    const { result } = await send(`file://${large}`);
    const { result: file } = await tg.call('getFile', { file_id: result.document.file_id });
    assert.equal(fs.statSync(file.file_path).size, 60 * MIB);
  });
});

describe('the record of TelegramSandbox', () => {
  it('holds what the client said of a file, and keeps the bytes where they are wanted', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-saved-'));
    const tg = await TelegramSandbox.start({
      bots: [{ token: TOKEN }],
      limits: false,
      probe: false,
      saveTo: path.join(folder, 'in'),
    });
    const bytes = randomBytes(3000);
    const said = { width: 640, height: 360, duration: 12, supports_streaming: true };
    const { result } = await tg.call('sendVideo', { chat_id: 1, video: bytes, ...said });
    const { result: audio } = await tg.call('sendAudio', { chat_id: 1, audio: bytes, title: 'T', performer: 'P' });
    const declared = { width: 640, height: 360, duration: 12, supportsStreaming: true };
    const issued = tg.issued(result.video.file_id);
    assert.deepEqual([issued.declared, tg.received[0].declared], [declared, declared]);
    assert.deepEqual(tg.issued(audio.audio.file_id).declared, { title: 'T', performer: 'P' });
    assert.equal(issued.path, path.join(folder, 'in', sha256(bytes)));
    await tg.close();
    // One file for equal bytes, and it outlives the sandbox.
    assert.deepEqual(fs.readdirSync(path.join(folder, 'in')), [sha256(bytes)]);
    assert.ok(fs.readFileSync(issued.path).equals(bytes));
    fs.rmSync(folder, { recursive: true });
  });
});
