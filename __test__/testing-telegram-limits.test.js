'use strict';

const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { ManualClock, TelegramSandbox } = require('../lib/testing');

const TOKEN = '123456:secretSecretSecret';

/** A sandbox on a clock of its own; `send` answers 'ok' or the seconds of the 429. */
async function startLimited(limits) {
  const clock = new ManualClock(1000);
  const tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], clock, limits, probe: false, journalLimit: 100 });
  const send = async (chat) => {
    const { ok, parameters } = await tg.call('sendMessage', { chat_id: chat, text: 'x' });
    return ok ? 'ok' : parameters.retry_after;
  };
  return { tg, clock, send };
}

for (const algorithm of ['bucket', 'window']) {
  describe(`the rates of TelegramSandbox by ${algorithm}`, () => {
    let tg;
    let clock;
    let send;
    beforeEach(async () => {
      ({ tg, clock, send } = await startLimited({ algorithm }));
    });
    afterEach(() => tg.close());

    it('one message a second to a chat; the announced time holds', async () => {
      assert.deepEqual([await send(1), await send(1), await send(2)], ['ok', 1, 'ok']);
      clock.advance(999);
      assert.equal(await send(1), 1);
      clock.advance(1);
      assert.equal(await send(1), 'ok');
      const { accepted, refused, early, overlapping } = tg.limitStats();
      assert.deepEqual([accepted, refused.chat, early, overlapping], [3, 1, 1, 0]);
    });

    it('thirty a second for a bot, and then the whole bot is refused', async () => {
      for (let chat = 100; chat < 130; chat += 1) assert.equal(await send(chat), 'ok');
      assert.equal(await send(130), 1);
      assert.equal(await send(131), 1);
      clock.advance(1000);
      assert.equal(await send(131), 'ok');
      assert.deepEqual([tg.limitStats().refused.bot, tg.limitStats().early], [1, 1]);
    });

    it('the announced time reaches a client in the header and in the body', async () => {
      await send(1);
      const answer = await fetch(`${tg.url}/bot${TOKEN}/sendMessage?chat_id=1&text=x`);
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '1']);
      assert.deepEqual(await answer.json(), {
        ok: false,
        error_code: 429,
        description: 'Too Many Requests: retry after 1',
        parameters: { retry_after: 1 },
      });
      assert.equal(tg.requests.at(-1).retryAfter, 1);
    });

    it('an album needs room for one message and counts as all of them', async () => {
      const album = Array.from({ length: 5 }, (_, i) => ({ type: 'document', media: `attach://f${i}` }));
      const parts = Object.fromEntries(album.map((_, i) => [`f${i}`, { size: 10 }]));
      const sendAlbum = async () => (await tg.call('sendMediaGroup', { chat_id: 7, media: album, ...parts })).status;
      assert.equal(await sendAlbum(), 200);
      clock.advance(1000);
      // In a window of one second nothing is left of them; a bucket remembers that they were five.
      assert.equal(await send(7), algorithm === 'bucket' ? 4 : 'ok');
      assert.equal(tg.limitStats().accepted, algorithm === 'bucket' ? 5 : 6);
    });
  });
}

describe('the rates of TelegramSandbox', () => {
  let tg;
  let clock;
  let send;
  const start = async (limits) => {
    ({ tg, clock, send } = await startLimited(limits));
  };
  afterEach(() => tg.close());

  it('by window: twenty a minute to a group, and refused until the minute is over', async () => {
    await start({ algorithm: 'window' });
    const first = clock.now() + 1000;
    for (let i = 0; i < 20; i += 1) {
      clock.advance(1000);
      assert.equal(await send(-5), 'ok', `message ${i}`);
    }
    clock.advance(1000);
    assert.equal(await send(-5), 40);
    assert.equal(await send(5), 'ok', 'another chat goes on');
    clock.advance(first + 59_999 - clock.now());
    assert.equal(await send(-5), 1);
    clock.advance(1);
    assert.equal(await send(-5), 'ok');
  });

  it('by bucket: a burst of three to a group, then one in three seconds', async () => {
    await start({ chatPerSecond: false });
    assert.deepEqual([await send(-5), await send(-5), await send(-5), await send(-5)], ['ok', 'ok', 'ok', 3]);
    clock.advance(2999);
    assert.equal(await send(-5), 1);
    clock.advance(1);
    assert.deepEqual([await send(-5), await send(-5)], ['ok', 3]);
    clock.advance(60_000);
    assert.deepEqual([await send(-5), await send(-5), await send(-5), await send(-5)], ['ok', 'ok', 'ok', 3]);
  });

  it('a tolerance forgives a message that comes a little early, and no more', async () => {
    await start({ toleranceMs: 50 });
    await send(1);
    clock.advance(950);
    assert.equal(await send(1), 'ok');
    clock.advance(999);
    assert.equal(await send(1), 1, 'what was early stays owed');
  });

  it('a request that began before the refusal overlaps, a later one is early', async () => {
    await start({});
    // The delay holds the second request between its beginning and its message.
    const fault = tg.faults.add({ kind: 'delay', ms: 100, nth: 2 });
    assert.equal(await send(1), 'ok');
    const slow = send(1);
    await fault.bitten();
    assert.equal(await send(1), 1);
    await clock.advanceAsync(100);
    assert.equal(await slow, 1);
    assert.deepEqual([tg.limitStats().early, tg.limitStats().overlapping], [0, 1]);
    await send(1);
    assert.equal(tg.limitStats().early, 1);
  });

  it('gives a client time to read a refusal, where it is told to', async () => {
    await start({});
    await tg.close();
    const bots = [{ token: TOKEN }];
    tg = await TelegramSandbox.start({ bots, clock, probe: false, limits: false, noticeMs: 50 });
    tg.faults.add({ name: 'flood-of-chat' });
    const once = () => tg.call('sendMessage', { chat_id: 1, text: 'x' });
    await once();
    clock.advance(49);
    await once();
    assert.deepEqual([tg.limitStats().early, tg.limitStats().overlapping], [0, 1]);
    clock.advance(1);
    await once();
    assert.deepEqual([tg.limitStats().early, tg.limitStats().overlapping], [1, 1]);
  });

  it('can be switched off one by one, and refuses nonsense', async () => {
    await start({ chatPerSecond: false, botPerSecond: false });
    for (let i = 0; i < 100; i += 1) assert.equal(await send(1), 'ok');
    for (const options of [
      { limits: true },
      { limits: { chatPerHour: 1 } },
      { limits: { chatPerSecond: 0 } },
      { limits: { groupBurst: 1.5 } },
      { limits: { algorithm: 'leaky' } },
      { limits: { sameSize: { aheadMs: -1 } } },
      { bots: [{}] },
      { clock: { now: () => 1 } },
    ]) {
      await assert.rejects(TelegramSandbox.start(options), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    }
  });
});

describe('a client that keeps a rate by GCRA', () => {
  const hours = process.env.WARMPATH_TEST_LONG ? 24 : 1;

  /** Sends as early as a GCRA of this rate and burst allows: how many were refused. */
  async function run({ limits, chat, perSecond, burst, seconds }) {
    const { tg, clock, send } = await startLimited(limits);
    const interval = 1000 / perSecond;
    const end = clock.now() + seconds * 1000;
    let due = clock.now();
    let sent = 0;
    let refused = 0;
    for (;;) {
      const wait = due - (burst - 1) * interval - clock.now();
      if (wait > 0) clock.advance(wait);
      if (clock.now() >= end) break;
      due = Math.max(due, clock.now()) + interval;
      sent += 1;
      if ((await send(chat(sent))) !== 'ok') refused += 1;
    }
    const stats = tg.limitStats();
    await tg.close();
    return { sent, refused, accepted: stats.accepted };
  }

  const CASES = {
    'a private chat': { chat: () => 1, perSecond: 1, burst: 1 },
    'a group': { chat: () => -1, perSecond: 20 / 60, burst: 1 },
    'a group, burst of 3': { chat: () => -1, perSecond: 20 / 60, burst: 3, limits: { chatPerSecond: false } },
    'a bot of many chats': { chat: (n) => n, perSecond: 30, burst: 5, part: 0.1 },
  };
  for (const [name, { part = 1, ...given }] of Object.entries(CASES)) {
    it(`${name}: none refused at 100 % and 97 % of the rate in ${hours * part} virtual hours; some at 103 %`, async () => {
      const seconds = hours * 3600 * part;
      for (const share of [1, 0.97]) {
        const result = await run({ limits: {}, ...given, perSecond: given.perSecond * share, seconds });
        assert.equal(result.refused, 0, `at ${share}`);
        assert.ok(result.accepted >= Math.floor(seconds * given.perSecond * share), `${result.accepted} sent`);
      }
      const over = await run({ limits: {}, ...given, perSecond: given.perSecond * 1.03, seconds: 600 });
      assert.ok(over.refused > 0);
    });
  }

  it('in a window no burst is free: 20 a minute pass with a burst of 1, not of 3', async () => {
    const group = { chat: () => -1, perSecond: 20 / 60, seconds: 3600 };
    const limits = { algorithm: 'window', chatPerSecond: false };
    assert.equal((await run({ limits, ...group, burst: 1 })).refused, 0);
    assert.ok((await run({ limits, ...group, burst: 3 })).refused > 0);
  });
});
