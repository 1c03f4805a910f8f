'use strict';

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const http = require('node:http');
const { after, afterEach, before, describe, it } = require('node:test');
const { TelegramSandbox, selfSignedCa } = require('../lib/testing');
const { shapeChecker } = require('./support/schema');

const TOKEN = '123456:secretSecretSecret';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** One raw request. `chunks` are sent chunked unless a Content-Length is among the headers. */
function call(url, { method = 'POST', headers = {}, chunks = [], ca, onRequest } = {}) {
  return new Promise((resolve) => {
    const result = { status: null, headers: null, error: null, complete: false };
    const { request } = url.startsWith('https') ? require('node:https') : http;
    const req = request(url, { method, headers, ca, agent: false }, (res) => {
      Object.assign(result, { status: res.statusCode, headers: res.headers });
      const parts = [];
      res.on('data', (chunk) => parts.push(chunk));
      res.on('error', (error) => {
        result.error = error;
      });
      res.on('close', () => {
        result.complete = res.complete;
        result.text = Buffer.concat(parts).toString('utf8');
        try {
          result.json = JSON.parse(result.text);
        } catch {
          result.json = undefined;
        }
        resolve(result);
      });
    });
    req.on('error', (error) => {
      result.error = error;
      if (result.status === null) resolve(result);
    });
    onRequest?.(req);
    if (method === 'GET') req.end();
    else {
      for (const chunk of chunks) req.write(chunk);
      req.end();
    }
  });
}

const multipart = (...parts) => {
  const pieces = parts.flatMap(([head, body]) => ['--xYzZy\r\n', head, '\r\n\r\n', body, '\r\n']);
  return Buffer.concat([...pieces, '--xYzZy--\r\n'].map((piece) => Buffer.from(piece)));
};
const FORM = { 'content-type': 'multipart/form-data; boundary=xYzZy' };

describe('the Bot API protocol of TelegramSandbox', () => {
  let tg;
  const bytes = randomBytes(200_000);
  const url = (method, token = TOKEN) => `${tg.url}/bot${token}/${method}`;
  const json = (method, body, token) =>
    call(url(method, token), { headers: { 'content-type': 'application/json' }, chunks: [JSON.stringify(body)] });

  before(async () => {
    tg = await TelegramSandbox.start({
      bots: [
        {
          token: TOKEN,
          chats: [42, -7, { id: -8, migratedTo: -1008 }, { id: 9, blocked: true }, { id: -10, blocked: true }],
        },
      ],
      limits: false,
      probe: false,
      keepFiles: true,
      maxUploadBytes: 1_000_000,
    });
  });
  afterEach(() => tg.faults.clear());
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

  it('refuses as the Bot API does', async () => {
    const cases = [
      [await json('getMe', {}, '123456:wrong'), 401, 'Unauthorized'],
      [await json('getMe', {}, '999:unknown'), 401, 'Unauthorized'],
      [await json('getMe', {}, 'no-token'), 401, 'Unauthorized'],
      [await json('sendNonsense', {}), 404, 'Not Found: method not found'],
      [await call(`${tg.url}/`), 404, 'Not Found'],
      [await json('sendMessage', { text: 'x' }), 400, 'Bad Request: chat_id is empty'],
      [await json('sendMessage', { chat_id: 43, text: 'x' }), 400, 'Bad Request: chat not found'],
      [await json('sendMessage', { chat_id: 'abc', text: 'x' }), 400, 'Bad Request: chat not found'],
      [await json('sendMessage', { chat_id: 9, text: 'x' }), 403, 'Forbidden: bot was blocked by the user'],
      [await json('sendMessage', { chat_id: -10, text: 'x' }), 403, 'Forbidden: bot was kicked from the group chat'],
      [await json('sendPhoto', { chat_id: 42 }), 400, 'Bad Request: there is no photo in the request'],
      [await json('getFile', { file_id: 'x' }), 400, 'Bad Request: invalid file_id'],
    ];
    for (const [answer, status, description] of cases) {
      assert.deepEqual([answer.status, answer.json], [status, { ok: false, error_code: status, description }]);
    }
    const moved = await json('sendMessage', { chat_id: -8, text: 'x' });
    assert.deepEqual([moved.status, moved.json.parameters], [400, { migrate_to_chat_id: -1008 }]);
    const broken = await call(url('sendMessage'), { headers: { 'content-type': 'application/json' }, chunks: ['{'] });
    assert.equal(broken.status, 400);
    const unended = multipart(['content-disposition: form-data; name="chat_id"', '42']).subarray(0, -4);
    assert.equal((await call(url('sendMessage'), { headers: FORM, chunks: [unended] })).status, 400);
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

  const upload = (more = {}) =>
    call(url('sendDocument'), {
      headers: FORM,
      chunks: [
        multipart(
          ['Content-Disposition: form-data; name="chat_id"', '42'],
          ['Content-Disposition: form-data; name="document"; filename="a.bin"', bytes],
        ),
      ],
      ...more,
    });
  const FAULTS = [
    [
      { kind: 'status', status: 502, html: true },
      { status: 502, json: undefined, sent: 0 },
    ],
    [
      { kind: 'status', status: 500 },
      { status: 500, sent: 0 },
    ],
    [
      { kind: 'status', status: 502, at: 'answer' },
      { status: 502, sent: 1 },
    ],
    [
      { kind: 'status', status: 200, body: { ok: true, result: { odd: 1 } } },
      { status: 200, sent: 0 },
    ],
    [{ kind: 'malformedJson' }, { status: 200, json: undefined, sent: 1 }],
    [{ kind: 'emptyBody' }, { status: 200, text: '', sent: 1 }],
    [
      { kind: 'emptyBody', at: 'body' },
      { status: 200, text: '', sent: 0 },
    ],
    [
      { kind: 'cutAfterBytes', bytes: 0 },
      { complete: false, sent: 1 },
    ],
    [
      { kind: 'cutAfterBytes', bytes: 10, reset: true },
      { complete: false, sent: 1 },
    ],
    [
      { kind: 'truncate', bytes: 10 },
      { complete: false, sent: 1 },
    ],
    [
      { kind: 'trickle', bytesPerSecond: 5000 },
      { complete: true, status: 200, sent: 1 },
    ],
    [
      { kind: 'delay', ms: 3 },
      { status: 200, sent: 1 },
    ],
    [{ kind: 'answerThenClose', status: 401 }, { sent: 0 }],
    [
      { kind: 'cutAfterBytes', bytes: 500, side: 'request' },
      { status: null, sent: 0 },
    ],
  ];
  for (const [spec, { sent, ...expected }] of FAULTS) {
    it(`fault ${JSON.stringify(spec)}`, async () => {
      const before = tg.received.length;
      const fault = tg.faults.add({ ...spec, match: { apiMethod: 'sendDocument', botId: 123456 } });
      await json('getMe', {});
      assert.equal(fault.bites, 0, 'another method is not harmed');
      const answer = await upload();
      assert.equal(fault.bites, 1);
      for (const [name, value] of Object.entries(expected))
        assert.equal(answer[name], value, `${name}: ${answer.text}`);
      assert.equal(tg.received.length - before, sent, 'messages that took effect');
      assert.equal((await upload()).status, 200, 'harm is over');
    });
  }

  for (const spec of [
    { kind: 'stallBeforeHead' },
    { kind: 'stallBeforeHead', at: 'answer' },
    { kind: 'stallAfterBytes', bytes: 20 },
    { kind: 'stallAfterBytes', bytes: 0, side: 'request' },
  ]) {
    it(`fault ${JSON.stringify(spec)} hangs until the client gives up`, async () => {
      const before = tg.received.length;
      const fault = tg.faults.add(spec);
      let req;
      const pending = upload({
        onRequest: (one) => {
          req = one;
        },
      });
      await fault.bitten();
      req.destroy();
      assert.equal((await pending).complete, false);
      assert.equal(tg.received.length - before, spec.at === 'answer' || spec.bytes === 20 ? 1 : 0);
      assert.equal((await upload()).status, 200);
    });
  }

  it('matches faults by chat, and knows that a head has none', async () => {
    const fault = tg.faults.add({ kind: 'status', status: 403, match: { chatId: -7 } });
    assert.equal((await json('sendMessage', { chat_id: 42, text: 'x' })).status, 200);
    assert.equal((await json('sendMessage', { chat_id: -7, text: 'x' })).status, 403);
    assert.equal(fault.bites, 1);
    const early = { kind: 'answerThenClose', match: { chatId: 42 } };
    assert.throws(() => tg.faults.add(early), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  });

  it('is controlled over HTTP and never shows a token', async () => {
    const ask = async (method, path, body) => {
      const answer = await call(`${tg.url}/__sandbox/${path}`, { method, chunks: [JSON.stringify(body ?? {})] });
      assert.ok(!answer.text.includes('secretSecret'), path);
      return answer;
    };
    await upload();
    const received = (await ask('GET', 'received')).json;
    assert.equal(received.at(-1).sha256, sha256(bytes));
    assert.equal((await ask('GET', `issued/${received.at(-1).fileId}`)).json.sha256, sha256(bytes));
    assert.equal((await ask('GET', 'issued/none')).status, 404);
    assert.equal((await ask('GET', 'requests')).json.at(-1).method, 'sendDocument');
    assert.equal((await ask('POST', 'faults', { kind: 'status', status: 429, retryAfter: 4 })).status, 200);
    const limited = await upload();
    assert.deepEqual([limited.json.parameters, limited.headers['retry-after']], [{ retry_after: 4 }, '4']);
    assert.equal((await ask('GET', 'faults')).json[0].bites, 1);
    assert.deepEqual((await ask('POST', 'bots', { token: '5:fifth', chats: [1] })).json, {
      id: 5,
      username: 'sandbox_5_bot',
    });
    assert.equal((await ask('POST', 'bots', { token: 'nonsense' })).status, 400);
    assert.equal((await json('sendMessage', { chat_id: 2, text: 'x' }, '5:fifth')).status, 400);
    assert.equal((await ask('POST', 'chats', { botId: 5, chat: 2 })).status, 200);
    assert.equal((await json('sendMessage', { chat_id: 2, text: 'x' }, '5:fifth')).status, 200);
    assert.equal((await ask('GET', 'bots')).json.length, 2);
    assert.equal((await ask('POST', 'reset')).status, 200);
    assert.deepEqual([tg.received.length, tg.requests.length, tg.faults.list().length], [0, 0, 0]);
    assert.equal((await json('getMe', {}, '5:fifth')).status, 200, 'bots stay');
  });

  it('speaks TLS', async () => {
    const { ca, cert, key } = await selfSignedCa();
    const secure = await TelegramSandbox.start({ bots: [{ token: TOKEN }], tls: { cert, key } });
    const answer = await call(`${secure.url}/bot${TOKEN}/getMe`, { method: 'GET', ca });
    assert.equal(answer.json.result.id, 123456);
    assert.equal((await call(`${secure.url}/bot${TOKEN}/getMe`, { method: 'GET' })).status, null);
    await secure.close();
  });

  it('keeps only the hash where it is told to', async () => {
    const light = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false });
    const chunks = [
      multipart(
        ['Content-Disposition: form-data; name="chat_id"', '42'],
        ['Content-Disposition: form-data; name="document"; filename="a.bin"', bytes],
      ),
    ];
    const send = () => call(`${light.url}/bot${TOKEN}/sendDocument`, { headers: FORM, chunks });
    const answers = await Promise.all([send(), send(), send()]);
    const id = answers[0].json.result.document.file_id;
    assert.equal(light.issued(id).sha256, sha256(bytes));
    const found = await call(`${light.url}/bot${TOKEN}/getFile?file_id=${id}`, { method: 'GET' });
    assert.deepEqual([found.json.result.file_size, found.json.result.file_path], [bytes.length, undefined]);
    await light.close();
  });
});
