'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { useCompat } = require('./support/compat.js');
const { until } = require('./support/prewarm.js');

const world = useCompat();
const durable = (t, config) => world.fresh(t, { store: 'postgres', ...config });

test('postgres: accepted before the start, written, sent, recorded, and gone from the numbers', async (t) => {
  const compat = durable(t);
  const params = await world.params();
  assert.equal(compat.enqueuePrewarm(params), true);
  assert.equal(compat.enqueuePrewarm(params), false, 'it waits here already');
  assert.equal(compat.getQueueMetrics().queue_size, 1);
  const [item] = compat.getWorkerController().getQueueItems();
  assert.equal(item.jobId, `bot:${params.sha256}:document`);
  assert.ok(Math.abs(item.enqueued_at - Date.now()) < 60_000);
  const controller = compat.startPrewarmWorker(world.db.pool);
  assert.ok(controller.isRunning());
  await until(() => world.isReady(params));
  const row = await world.db.row(params);
  assert.deepEqual([row.attempts, row.lease_until, row.job.r2Key], [1, null, params.r2_key]);
  await until(() => compat.tags().includes('[MEDIA][PREWARM][OK]'));
  await until(() => compat.getQueueMetrics().queue_size === 0);
  assert.deepEqual(controller.getQueueItems(), []);

  assert.equal(compat.enqueuePrewarm(params), true, 'accepted; only the table knows that it is ready');
  await until(() => compat.tags().includes('[MEDIA][PREWARM][QUEUE][CACHED]'));
  assert.equal(world.stage.tg.received.length, 1);
  await controller.stop();
  assert.equal((await world.db.pool.query('SELECT 1 FROM warmpath_instances')).rows.length, 0);
});

test('postgres: what was accepted at the last moment is written, and another process sends it', async (t) => {
  const first = durable(t);
  const params = await world.params();
  const controller = first.startPrewarmWorker(world.db.pool);
  await controller.stop();
  first.startPrewarmWorker(world.db.pool);
  assert.equal(first.enqueuePrewarm(params), true);
  await controller.stop({ timeoutMs: 0 });
  assert.ok(await world.db.row(params), 'its row is there');
  durable(t).startPrewarmWorker(world.db.pool);
  await until(() => world.isReady(params));
  assert.equal(world.stage.tg.received.length, 1);
});

test('postgres: a database that is away delays what was accepted, and the queue has a bound', async (t) => {
  let away = true;
  const pool = {
    query(...args) {
      if (away) return Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
      return world.db.pool.query(...args);
    },
  };
  const compat = durable(t, { capacity: 2 });
  compat.startPrewarmWorker(pool);
  const all = await Promise.all([world.params(), world.params(), world.params()]);
  assert.deepEqual(all.map(compat.enqueuePrewarm), [true, true, false]);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][QUEUE][FULL]'));
  away = false;
  await until(async () => (await world.isReady(all[0])) && (await world.isReady(all[1])));
});

test('postgres: the queue moves with the setting; services that record are refused by name', async (t) => {
  const compat = world.fresh(t);
  const params = await world.params();
  assert.equal(compat.enqueuePrewarm(params), true);
  const { s3, telegram } = world.stage.options();
  compat.configure({ s3, telegram, limits: false, store: 'postgres', logger: console });
  const refused = { code: 'ERR_WARMPATH_INVALID_OPTION', option: 'services.markCacheError' };
  assert.throws(() => compat.configure({ store: 'postgres', services: { markCacheError() {} } }), refused);
  assert.throws(() => compat.configure({ store: 'redis' }), { option: 'store' });
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  compat.configure({ s3, telegram, limits: false, store: 'postgres', logger: quiet });
  compat.startPrewarmWorker(world.db.pool);
  await until(() => world.isReady(params));
});
