'use strict';

// A bot goes from one process to another: what the former has sent still counts.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const test = require('node:test');
const { PostgresStore, PrewarmWorker } = require('..');
const { Handover } = require('../lib/worker/handover.js');
const { startStage, until, TOKEN, CHAT } = require('./support/prewarm.js');
const { startTables } = require('./support/tables.js');

const limits = { chat: { limit: 1, periodMs: 1000 }, group: { limit: 20, periodMs: 60_000 }, channel: false };

/** A hand-over with a clock to turn, and what it reports. */
function scripted({ limits: given = limits, throttled = [] } = {}) {
  const world = { now: 0, reports: [] };
  const executor = { limits: () => given, throttled: () => throttled, report: (live) => world.reports.push(live) };
  const open = () =>
    new Handover(
      () => executor,
      () => world.now,
    );
  return Object.assign(world, { open });
}

test('what is left is how long each chat is full, and the next owner books as many messages', () => {
  const world = scripted();
  const [one, two] = [world.open(), world.open()];
  one.sent('shop', '1');
  for (let i = 0; i < 4; i++) one.sent('shop', '-100');
  one.sent('other', '2');
  world.now = 400;
  const left = one.leave(['shop', 'quiet']);
  assert.deepEqual(left, {
    shop: {
      chats: [
        ['1', 600],
        ['-100', 11_600],
      ],
      closed: [],
    },
  });
  assert.deepEqual(one.leave(['shop']), {}, 'it is not its own any more');

  two.inherit('shop', { left: left.shop, agoMs: 100, lost: false });
  two.settle('shop', { token: TOKEN, chatIds: ['1'] });
  const messages = (chatId) => world.reports.filter((live) => live.chatId === chatId).length;
  assert.deepEqual([messages('1'), messages('-100')], [1, 4]);
  two.settle('shop', { token: TOKEN, chatIds: ['1'] });
  assert.equal(world.reports.length, 5, 'once');

  world.reports.length = 0;
  two.inherit('shop', { left: left.shop, agoMs: 3000, lost: false });
  world.now += 3000;
  two.settle('shop', { token: TOKEN, chatIds: ['1'] });
  assert.deepEqual([messages('1'), messages('-100')], [0, 2], 'time has passed');
});

test('what a 429 has closed stays closed; of a lost owner every chat is taken to have had a message', () => {
  const throttled = [
    { botSlug: 'shop', chatId: '7', pace: 0.5, blockedMs: 9000 },
    { botSlug: 'shop', pace: 1, blockedMs: 2000 },
    { botSlug: 'shop', chatId: '8', pace: 0.5 },
    { botSlug: 'other', chatId: '9', pace: 0.5, blockedMs: 9000 },
  ];
  const world = scripted({ throttled });
  const one = world.open();
  const { shop } = one.leave(['shop']);
  const two = world.open();
  two.inherit('shop', { left: shop, agoMs: 3000, lost: false });
  two.settle('shop', { token: TOKEN, chatIds: [] });
  assert.deepEqual(world.reports.splice(0), [{ token: TOKEN, chatId: '7', retryAfterMs: 6000 }]);

  two.inherit('shop', { left: null, agoMs: 500, lost: true });
  two.settle('shop', { token: TOKEN, chatIds: ['1', '-2'] });
  assert.deepEqual(world.reports.splice(0), [
    { token: TOKEN, chatId: '1' },
    { token: TOKEN, chatId: '-2' },
  ]);
  two.inherit('shop', { left: null, agoMs: 60_000, lost: true });
  two.settle('shop', { token: TOKEN, chatIds: ['1', '-2'] });
  assert.deepEqual(world.reports, [], 'long ago');

  const unpaced = scripted({ limits: false });
  const three = unpaced.open();
  three.sent('shop', '1');
  assert.deepEqual(three.leave(['shop']), {});
});

test('two processes, one after the other, keep the pace of a chat', async (t) => {
  const [stage, db] = await Promise.all([startStage(), startTables()]);
  t.after(() => Promise.all([stage.close(), db.stop()]));
  const PERIOD_MS = 3000;
  const open = async () => {
    const store = new PostgresStore({ pool: db.pool });
    const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
    const pace = { limit: 1, periodMs: PERIOD_MS, burst: 1 };
    const worker = new PrewarmWorker(
      stage.options({
        pool: db.pool,
        store,
        resolveBot,
        leaseMs: 10_000,
        limits: { chat: pace, group: pace, channel: pace },
      }),
    );
    await worker.start();
    const stop = async () => {
      await worker.stop();
      await store.close();
    };
    t.after(() => stop().catch(() => {}));
    return { worker, stop };
  };
  const sent = (n) => until(() => stage.tg.received.length >= n && stage.tg.received[n - 1].at);
  const media = await Promise.all([stage.workerJob(), stage.workerJob(), stage.workerJob()]);

  const one = await open();
  await one.worker.enqueue(media[0]);
  const first = await sent(1);
  await one.stop();
  const { rows } = await db.pool.query('SELECT paced FROM warmpath_lanes');
  assert.equal(rows[0].paced.chats.length, 1);

  const two = await open();
  await two.worker.enqueue(media[1]);
  const second = await sent(2);
  // A little less: the message counts from some moment between its last byte and its answer.
  assert.ok(second - first > PERIOD_MS * 0.8, `${second - first} ms between two messages`);
  await two.stop();

  // The last one has ended without a word. (A server that has just started keeps such a bot for half the time of a lane.)
  await db.pool.query('UPDATE warmpath_lanes SET owner = $1, until = now(), paced = NULL', [randomUUID()]);
  const three = await open();
  const from = Date.now();
  await three.worker.enqueue(media[2]);
  const third = await sent(3);
  assert.ok(third - from > PERIOD_MS * 0.5, `${third - from} ms after the bot was taken over`);
  await three.stop();
});
