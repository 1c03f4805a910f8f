'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');
const { TelegramSandbox } = require('../lib/testing');
const { FORM, TOKEN, call, documentOf } = require('./support/telegram');

describe('the faults of TelegramSandbox by kind', () => {
  let tg;
  const bytes = randomBytes(200_000);
  const url = (method) => `${tg.url}/bot${TOKEN}/${method}`;
  const json = (method, body) =>
    call(url(method), { headers: { 'content-type': 'application/json' }, chunks: [JSON.stringify(body)] });
  const upload = (more = {}) => call(url('sendDocument'), { headers: FORM, chunks: [documentOf(bytes)], ...more });

  before(async () => {
    const bots = [{ token: TOKEN, chats: [42, -7] }];
    tg = await TelegramSandbox.start({ bots, limits: false, probe: false });
  });
  afterEach(() => tg.faults.clear());
  after(() => tg.close());

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
});
