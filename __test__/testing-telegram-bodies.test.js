'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { TelegramSandbox } = require('../lib/testing');
const { shapeChecker } = require('./support/schema');
const { FORM, TOKEN, call, multipart, sha256 } = require('./support/telegram');

describe('the bodies that TelegramSandbox reads', () => {
  let tg;
  const bytes = randomBytes(200_000);
  const url = (method) => `${tg.url}/bot${TOKEN}/${method}`;
  const json = (method, body) =>
    call(url(method), { headers: { 'content-type': 'application/json' }, chunks: [JSON.stringify(body)] });

  before(async () => {
    const bots = [{ token: TOKEN, chats: [42] }];
    tg = await TelegramSandbox.start({ bots, limits: false, probe: false, keepFiles: true, maxUploadBytes: 1_000_000 });
  });
  after(() => tg.close());

  it('takes a file by every form of multipart that real clients write', async () => {
    const forms = {
      curl: multipart(
        ['Content-Disposition: form-data; name="chat_id"', '42'],
        [
          'Content-Disposition: form-data; name="document"; filename="a.bin"\r\nContent-Type: application/octet-stream',
          bytes,
        ],
      ),
      grammY: multipart(
        ['content-disposition:form-data;name="chat_id"', '42'],
        ['content-disposition:form-data;name="document"', 'attach://f1'],
        ['content-disposition:form-data;name="f1";filename=a.bin\r\ncontent-type:application/octet-stream', bytes],
      ),
      telegraf: multipart(
        ['content-disposition: form-data; name="method"', 'sendDocument'],
        ['content-disposition: form-data; name="document"; filename="a.bin"', bytes],
        ['content-disposition: form-data; name="chat_id"', '42'],
      ),
      reqwest: multipart(
        ['Content-Disposition: form-data; name="chat_id"', '42'],
        ['Content-Disposition: form-data; name="document"; filename*=utf-8\'\'a.bin\r\nContent-Type: video/mp4', bytes],
      ),
    };
    for (const [name, body] of Object.entries(forms)) {
      for (const size of [body.length, 1000, 7]) {
        const chunks = [];
        // Boundaries must be found wherever the pieces are cut; the tiny pieces are for the heads only.
        const cut = size === 7 ? 1400 : body.length;
        for (let at = 0; at < cut; at += size) chunks.push(body.subarray(at, Math.min(at + size, cut)));
        if (cut < body.length) chunks.push(body.subarray(cut));
        const headers = size === body.length ? { ...FORM, 'content-length': body.length } : FORM;
        const answer = await call(url('sendDocument'), { headers, chunks });
        assert.equal(answer.status, 200, `${name}: ${answer.text}`);
        assert.equal(tg.received.at(-1).sha256, sha256(bytes), name);
        assert.equal(tg.received.at(-1).fileName, 'a.bin', name);
        const { parts, encoding } = tg.requests.at(-1);
        assert.deepEqual([parts.length, parts[0].bytes, encoding], [1, bytes.length, 'multipart']);
        assert.match(parts[0].headers['content-disposition'], /^form-data/);
      }
    }
  });

  it('takes GET, JSON and forms', async () => {
    const { json: sent } = await json('sendMessage', { chat_id: 42, text: 'as JSON' });
    assert.deepEqual([sent.ok, sent.result.text], [true, 'as JSON']);
    const form = await call(url('SENDMESSAGE'), {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      chunks: ['chat_id=42&text=as+a+form%21'],
    });
    assert.equal(form.json.result.text, 'as a form!');
    const query = await call(`${url('sendMessage')}?chat_id=42&text=as%20query`, { method: 'GET' });
    assert.equal(query.json.result.text, 'as query');
    assert.equal((await call(url('getMe'), { method: 'GET' })).json.result.id, 123456);
    assert.equal((await call(url('getMe'))).json.ok, true);
  });

  it('refuses what is too large, announced or not, and the client gets to read it', async () => {
    const body = multipart(
      ['Content-Disposition: form-data; name="chat_id"', '42'],
      ['Content-Disposition: form-data; name="document"; filename="a.bin"', Buffer.alloc(3_000_000)],
    );
    for (const headers of [FORM, { ...FORM, 'content-length': body.length }]) {
      const answer = await call(url('sendDocument'), { headers, chunks: [body] });
      assert.deepEqual([answer.status, answer.json?.description], [413, 'Request Entity Too Large']);
    }
    const edge = (size) =>
      call(url('sendDocument'), {
        headers: FORM,
        chunks: [
          multipart(
            ['Content-Disposition: form-data; name="chat_id"', '42'],
            ['Content-Disposition: form-data; name="document"; filename="a.bin"', Buffer.alloc(size)],
          ),
        ],
      });
    assert.equal((await edge(1_000_000)).status, 200);
    assert.equal((await edge(1_000_001)).status, 413);
  });

  it('believes what is declared when it does not look into the bytes, and keeps the shape', async () => {
    const isMessage = shapeChecker('TelegramMessage');
    const kinds = { Photo: 'photo', Video: 'video', Audio: 'audio', Voice: 'voice', Animation: 'animation' };
    for (const [name, kind] of Object.entries({
      ...kinds,
      Document: 'document',
      Sticker: 'sticker',
      VideoNote: 'video_note',
    })) {
      const body = multipart(
        ['Content-Disposition: form-data; name="chat_id"', '42'],
        ['Content-Disposition: form-data; name="width"', '640'],
        ['Content-Disposition: form-data; name="duration"', '9'],
        [`Content-Disposition: form-data; name="${kind}"; filename="x"\r\nContent-Type: image/png`, bytes],
      );
      const answer = await call(url(`send${name}`), { headers: FORM, chunks: [body] });
      isMessage(answer.json.result);
      assert.ok(answer.json.result[kind], kind);
      assert.equal(tg.received.at(-1).kind, kind);
    }
    const video = tg.received.find((one) => one.kind === 'video');
    assert.deepEqual([video.width, video.duration], [640, 9]);
  });
});
