'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { TelegramSandbox, selfSignedCa } = require('../lib/testing');
const { FORM, TOKEN, call, documentOf, multipart, sha256 } = require('./support/telegram');

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
    });
  });
  after(() => tg.close());

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

  const upload = (more = {}) => call(url('sendDocument'), { headers: FORM, chunks: [documentOf(bytes)], ...more });

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
    const chunks = [documentOf(bytes)];
    const send = () => call(`${light.url}/bot${TOKEN}/sendDocument`, { headers: FORM, chunks });
    const answers = await Promise.all([send(), send(), send()]);
    const id = answers[0].json.result.document.file_id;
    assert.equal(light.issued(id).sha256, sha256(bytes));
    const found = await call(`${light.url}/bot${TOKEN}/getFile?file_id=${id}`, { method: 'GET' });
    assert.deepEqual([found.json.result.file_size, found.json.result.file_path], [bytes.length, undefined]);
    await light.close();
  });
});
