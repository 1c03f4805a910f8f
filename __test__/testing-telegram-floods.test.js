'use strict';

const assert = require('node:assert/strict');
const { afterEach, describe, it } = require('node:test');
const { ManualClock, TelegramSandbox } = require('../lib/testing');
const { FORM, TOKEN, call, documentOf } = require('./support/telegram');

const RATES_OFF = { chatPerSecond: false, groupPerMinute: false, botPerSecond: false };

describe('what the server of Telegram itself refuses', () => {
  let tg;
  let clock;
  const start = async (limits, more) => {
    clock = new ManualClock();
    const bots = [{ token: TOKEN }, { token: '654321:other' }];
    tg = await TelegramSandbox.start({ bots, clock, limits: { ...RATES_OFF, ...limits }, probe: false, ...more });
  };
  afterEach(() => tg.close());
  const upload = (size, chat = 1, botId = 123456) =>
    tg.call('sendDocument', { chat_id: chat, document: { size } }, { botId });
  /** When each of `n` uploads was answered, or its refusal; the clock runs until all are. */
  const uploads = async (n, size) => {
    const all = Array.from({ length: n }, async () => {
      const { ok, parameters } = await upload(size);
      return ok ? clock.now() : `429 ${parameters.retry_after} at ${clock.now()}`;
    });
    await clock.advanceAsync(100_000);
    return Promise.all(all);
  };

  it('files of the same size go out spaced: 0.2 s to 0.9 s, a second in hand, refused 5 s ahead', async () => {
    await start({});
    const times = await uploads(34, 150_000);
    // The first six take the second in hand, then one goes in 200 ms, until the schedule is more than 5 s ahead.
    const places = Array.from({ length: 32 }, (_, n) => Math.max(0, -1000 + n * 200));
    // Refused after a hold of three seconds, for a minute.
    assert.deepEqual(times, [...places, '429 60 at 3000', '429 60 at 3000']);
    assert.equal(tg.limitStats().refused.sameSize, 2);
    assert.equal(tg.limitStats().delayed, 26);
  });

  it('the step grows with the size', async () => {
    for (const [size, step] of [
      [5_000_000, 500],
      [20_000_000, 900],
    ]) {
      await start({});
      const times = await uploads(4, size);
      // One second in hand: the place before that decides who waits.
      const place = (n) => Math.max(0, -1000 + n * step);
      assert.deepEqual(times, [0, 1, 2, 3].map(place));
      await tg.close();
    }
    await start({});
  });

  it('other sizes, other bots, small files and a local server know no spacing', async () => {
    await start({});
    await uploads(20, 150_000);
    assert.ok(tg.limitStats().delayed > 0);
    const before = tg.limitStats().delayed;
    const more = await Promise.all([upload(150_001), upload(150_000, 1, 654321)]);
    assert.deepEqual(
      more.map(({ ok }) => ok),
      [true, true],
    );
    await uploads(40, 100_000);
    assert.equal(tg.limitStats().delayed, before);
    await tg.close();
    await start({}, { local: true });
    await uploads(40, 150_000);
    assert.equal(tg.limitStats().delayed, 0);
  });

  it('a hit blocks the whole bot from its refusal on, but not what was let in before', async () => {
    await start({ sameSize: { aheadMs: 0, bucketMs: 0 } });
    const all = [upload(150_000), upload(150_000), upload(150_000)];
    await clock.advanceAsync(100);
    assert.equal((await upload(10)).status, 200, 'the refusal is still held back');
    await clock.advanceAsync(2900);
    assert.deepEqual(
      (await Promise.all(all)).map(({ status }) => status),
      [200, 200, 429],
    );
    assert.deepEqual([(await upload(10)).parameters, (await upload(10, 1, 654321)).status], [{ retry_after: 60 }, 200]);
    clock.advance(59_999);
    assert.equal((await upload(10, 2)).status, 429);
    clock.advance(1);
    assert.equal((await upload(10, 2)).status, 200);
    assert.deepEqual([tg.limitStats().refused.sameSize, tg.limitStats().early], [1, 2]);
  });

  it('too many uploads in flight', async () => {
    await start({ uploadsInFlight: 2, floodHoldMs: 0 });
    const slow = tg.faults.add({ kind: 'delay', ms: 1000, times: 2, match: { apiMethod: 'sendDocument' } });
    const two = [upload(10, 1), upload(10, 2)];
    await slow.bitten(2);
    const third = upload(10, 3);
    await clock.advanceAsync(0);
    assert.deepEqual((await third).parameters, { retry_after: 60 });
    await clock.advanceAsync(1000);
    assert.deepEqual([(await two[0]).status, (await two[1]).status], [200, 200]);
    const { refused, overlapping, early, peakUploads } = tg.limitStats();
    assert.deepEqual([refused.uploads, overlapping, early, peakUploads], [1, 0, 0, 3]);
    await clock.advanceAsync(60_000);
    assert.equal((await upload(10, 3)).status, 200);
  });

  it('too many bytes in flight, too many requests, too many unsent messages of a chat', async () => {
    for (const [limit, name] of [
      [{ uploadBytesInFlight: 100 }, 'uploadBytes'],
      [{ requestsInFlight: 1 }, 'requests'],
    ]) {
      await start({ ...limit, floodHoldMs: 0 });
      const slow = tg.faults.add({ kind: 'delay', ms: 10, at: 'answer' });
      const first = upload(90);
      await slow.bitten();
      const second = upload(90, 2);
      await clock.advanceAsync(10);
      assert.deepEqual([(await first).status, (await second).status], [200, 429], name);
      assert.equal(tg.limitStats().refused[name], 1, name);
      // What is done takes no room any more.
      clock.advance(60_000);
      assert.deepEqual([(await upload(90)).status, (await upload(90)).status], [200, 200]);
      await tg.close();
    }
    await start({ unsentPerChat: 1, floodHoldMs: 0 });
    const slow = tg.faults.add({ kind: 'delay', ms: 10, at: 'answer' });
    const first = upload(90, 5);
    await slow.bitten();
    const same = upload(91, 5);
    const other = upload(92, 6);
    await clock.advanceAsync(10);
    assert.deepEqual([(await first).status, (await same).status, (await other).status], [200, 429, 200]);
    assert.equal(tg.limitStats().refused.unsent, 1);
    // Only that chat is blocked.
    assert.deepEqual([(await upload(9, 5)).status, (await upload(9, 7)).status], [429, 200]);
    assert.equal(tg.limitStats().early, 1);
  });

  it('a client that goes away at any moment leaves no room taken', async () => {
    await start({
      uploadsInFlight: 1,
      requestsInFlight: 1,
      uploadBytesInFlight: 100,
      unsentPerChat: 1,
      floodHoldMs: 0,
    });
    for (const at of ['head', 'body', 'answer']) {
      const slow = tg.faults.add({ kind: 'delay', ms: 10, at });
      const body = documentOf(Buffer.alloc(90), 1);
      let req;
      const gone = call(`${tg.url}/bot${TOKEN}/sendDocument`, {
        headers: { ...FORM, 'content-length': body.length },
        chunks: [body],
        onRequest: (one) => {
          req = one;
        },
      });
      await slow.bitten();
      req.destroy();
      await gone;
      while (tg.connections > 0) await new Promise(setImmediate);
      await clock.advanceAsync(10);
      while (tg.requests.at(-1).ms === undefined) await new Promise(setImmediate);
      clock.advance(60_000);
      assert.equal((await upload(90)).status, 200, at);
    }
  });

  it('keeps to its clock over HTTP', async () => {
    await start({ floodHoldMs: 3000, sameSize: { aheadMs: 0, bucketMs: 0 } });
    const send = () => {
      const form = new FormData();
      form.set('chat_id', '1');
      form.set('document', new Blob([Buffer.alloc(150_000)]), 'a.bin');
      return fetch(`${tg.url}/bot${TOKEN}/sendDocument`, { method: 'POST', body: form }).then((answer) =>
        answer.json(),
      );
    };
    assert.equal((await send()).ok, true);
    const second = send();
    while (clock.pending === 0) await new Promise(setImmediate);
    assert.equal(clock.next, 200);
    const third = send();
    while (clock.pending < 2) await new Promise(setImmediate);
    clock.advance(3000);
    assert.deepEqual([(await second).ok, (await third).parameters], [true, { retry_after: 60 }]);
  });
});
