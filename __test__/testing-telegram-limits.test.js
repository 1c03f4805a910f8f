'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { TelegramSandbox } = require('../lib/testing');

const TOKEN = '123456:secretSecretSecret';

describe('the limits of TelegramSandbox', () => {
  let tg;
  let now = 1000;
  const send = async (chat) => {
    const answer = await fetch(`${tg.url}/bot${TOKEN}/sendMessage?chat_id=${chat}&text=x`);
    const { description, parameters } = await answer.json();
    const retry = parameters?.retry_after;
    if (answer.status === 429) {
      assert.equal(answer.headers.get('retry-after'), String(retry));
      assert.equal(description, `Too Many Requests: retry after ${retry}`);
    }
    return answer.status === 200 ? 'ok' : retry;
  };
  before(async () => {
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], clock: () => now });
  });
  after(() => tg.close());

  it('one message a second to a chat; the announced time holds', async () => {
    assert.deepEqual([await send(1), await send(1), await send(2)], ['ok', 1, 'ok']);
    now += 999;
    assert.equal(await send(1), 1);
    now += 1;
    assert.equal(await send(1), 'ok');
  });

  it('twenty a minute to a group, and refused until the minute is over', async () => {
    const first = now + 1000;
    for (let i = 0; i < 20; i += 1) {
      now += 1000;
      assert.equal(await send(-5), 'ok', `message ${i}`);
    }
    now += 1000;
    assert.equal(await send(-5), 40);
    assert.equal(await send(5), 'ok', 'another chat goes on');
    now = first + 59_999;
    assert.equal(await send(-5), 1);
    now = first + 60_000;
    assert.equal(await send(-5), 'ok');
    assert.equal(tg.requests.at(-2).retryAfter, 1);
  });

  it('thirty a second for a bot, and then the whole bot is refused', async () => {
    now += 5000;
    for (let chat = 100; chat < 130; chat += 1) assert.equal(await send(chat), 'ok');
    assert.equal(await send(130), 1);
    assert.equal(await send(131), 1);
    now += 1000;
    assert.equal(await send(131), 'ok');
  });

  it('can be set', async () => {
    const other = await TelegramSandbox.start({
      bots: [{ token: TOKEN }],
      clock: () => now,
      limits: { chatBurst: 3 },
    });
    const old = tg;
    tg = other;
    assert.deepEqual([await send(1), await send(1), await send(1), await send(1)], ['ok', 'ok', 'ok', 3]);
    tg = old;
    await other.close();
    for (const options of [
      { limits: true },
      { limits: { chatPerHour: 1 } },
      { limits: { chatPerSecond: 0 } },
      { bots: [{}] },
    ]) {
      await assert.rejects(TelegramSandbox.start(options), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    }
  });
});
