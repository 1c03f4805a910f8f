'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Bots } = require('../lib/worker/bots.js');
const { events, CHAT, TOKEN } = require('./support/prewarm.js');
const { useWorkers } = require('./support/workers.js');

const world = useWorkers();

const OLD = '-5501';
const NEW = '-1005501';

test.beforeEach(() => {
  const bot = Number(TOKEN.split(':')[0]);
  world.stage.tg.addChat(bot, { id: OLD, type: 'group', migratedTo: NEW });
});

// TwiN/gatus#179, FruitieX/teleirc#52: libraries leave it to their users.
test('a supergroup migration is followed in the same try, told once, and used from then on', async (t) => {
  await world.db.pool.query('UPDATE bots SET warmup_chat_id = $1', [OLD]);
  for (const round of ['first', 'after a restart, the app having written nothing down']) {
    world.stage.tg.reset();
    const told = [];
    const worker = world.pooled(t, { concurrency: 1 });
    worker.on('chat-migrated', (chat) => told.push(chat));
    await worker.start();
    const done = events(worker, 'succeeded', 3);
    await worker.enqueueMany(await Promise.all([1, 2, 3].map(() => world.stage.workerJob())));
    const results = await done;
    assert.deepEqual(told, [{ botSlug: 'bot', from: OLD, to: NEW }], round);
    assert.deepEqual(
      results.map(({ attempt, attempts, value }) => [attempt, attempts, value.chatId]),
      Array(3).fill([1, 1, NEW]),
    );
    const asked = world.stage.tg.requests.map(({ chatId }) => chatId);
    assert.deepEqual(asked, [OLD, NEW, NEW, NEW], 'one request in vain, for all jobs');
    // The next job is claimed with the new id already.
    const next = events(worker, 'succeeded');
    await worker.enqueue(await world.stage.workerJob());
    assert.equal((await next)[0].value.migratedChat, undefined);
    assert.equal((await world.db.row(results[0].job)).warmup_chat_id, NEW);
    await worker.stop();
  }
});

test('an app that wrote the new id down hears nothing', async (t) => {
  await world.db.pool.query('UPDATE bots SET warmup_chat_id = $1', [NEW]);
  const worker = world.pooled(t);
  worker.on('chat-migrated', () => assert.fail('told of nothing'));
  await worker.start();
  const done = events(worker, 'succeeded');
  await worker.enqueue(await world.stage.workerJob());
  assert.equal((await done)[0].value.chatId, NEW);
});

test('a migration is news once, for its own bot, and outlives the cached lookup', async () => {
  let now = 0;
  const bots = new Bots(async () => ({ token: TOKEN, chatIds: [OLD, CHAT] }), { now: () => now });
  assert.equal(bots.migrate('a', OLD, NEW), true);
  assert.equal(bots.migrate('a', OLD, NEW), false);
  assert.deepEqual((await bots.get('a')).chatIds, [NEW, CHAT]);
  assert.deepEqual((await bots.get('b')).chatIds, [OLD, CHAT]);
  now += 1_000_000;
  assert.deepEqual((await bots.get('a')).chatIds, [NEW, CHAT]);
});
