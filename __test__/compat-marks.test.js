'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Marks } = require('../lib/compat/marks.js');
const { useCompat } = require('./support/compat.js');
const { until } = require('./support/prewarm.js');

const world = useCompat();

/** A recorder whose statements end when the test says so. */
function recorder() {
  const calls = [];
  return {
    calls,
    markWarming: (jobs) =>
      new Promise((resolve, reject) => {
        calls.push({ keys: jobs.map(({ key }) => key), resolve, reject });
      }),
  };
}

const never = (err) => assert.fail(err);

test('marks of one turn share a statement, and those from before the connection are written then', async () => {
  const marks = new Marks();
  const it = recorder();
  marks.add({ key: 'a' });
  marks.add({ key: 'b' });
  marks.connect(it, never);
  await until(() => it.calls.length === 1);
  assert.deepEqual(it.calls[0].keys, ['a', 'b']);
  marks.add({ key: 'c' });
  it.calls[0].resolve();
  await until(() => it.calls.length === 2);
  assert.deepEqual(it.calls[1].keys, ['c']);
  it.calls[1].resolve();
  await marks.close();
  assert.equal(it.calls.length, 2);
});

test('what is over is not marked any more, and nothing that might mark it is under way', async () => {
  const marks = new Marks();
  const it = recorder();
  const [a, b] = [{ key: 'a' }, { key: 'b' }];
  marks.connect(it, never);
  marks.add(a);
  await until(() => it.calls.length === 1);
  marks.add(b);
  let forgotten = false;
  const forget = marks.forget([a, b]).then(() => {
    forgotten = true;
  });
  await new Promise(setImmediate);
  assert.equal(forgotten, false);
  it.calls[0].resolve();
  await forget;
  await marks.close();
  assert.equal(it.calls.length, 1);
});

test('an equal job that was queued anew keeps its mark', async () => {
  const marks = new Marks();
  const it = recorder();
  const old = { key: 'a' };
  marks.add(old);
  marks.add({ key: 'a' });
  await marks.forget([old]);
  marks.connect(it, never);
  await until(() => it.calls.length === 1);
  assert.deepEqual(it.calls[0].keys, ['a']);
  it.calls[0].resolve();
});

test('what could not be written is tried again, with what came since', async () => {
  const marks = new Marks();
  const it = recorder();
  const errors = [];
  marks.connect(it, (err) => errors.push(err.message));
  marks.add({ key: 'a' });
  await until(() => it.calls.length === 1);
  it.calls[0].reject(new Error('gone'));
  await until(() => errors.length === 1);
  marks.add({ key: 'b' });
  const closed = marks.close();
  await until(() => it.calls.length === 2);
  assert.deepEqual(it.calls[1].keys, ['a', 'b']);
  it.calls[1].resolve();
  await closed;
});

test('a job that fails at once leaves an error row, not one that says warming for ever', async (t) => {
  // The mark is slow and the failure is not: its bot is known to be missing by then.
  let slow = false;
  let held = 0;
  let letGo = () => {};
  const pool = {
    query: async (text, params) => {
      if (slow && /'warming' FROM input/.test(text)) {
        held++;
        await new Promise((resolve) => {
          letGo = resolve;
        });
      }
      return world.db.pool.query(text, params);
    },
  };
  const compat = world.fresh(t);
  compat.startPrewarmWorker(pool);
  const first = await world.params({ bot_slug: 'nobody' });
  compat.enqueuePrewarm(first);
  await until(async () => (await world.db.row(first))?.status === 'error');
  slow = true;
  const second = await world.params({ bot_slug: 'nobody' });
  const third = await world.params();
  compat.enqueuePrewarm(third);
  await until(() => held === 1);
  compat.enqueuePrewarm(second);
  await until(() => world.stage.tg.received.length === 1);
  slow = false;
  letGo();
  await until(async () => (await world.db.row(second))?.status === 'error');
  await compat.getWorkerController().stop();
  const row = await world.db.row(second);
  assert.equal(row.status, 'error');
  assert.match(row.last_error, /^ERR_WARMPATH_BOT_NOT_FOUND: /);
});

test('a stop in the turn of the enqueue still writes the row, and waits for it', async (t) => {
  const compat = world.fresh(t);
  const controller = compat.startPrewarmWorker(world.db.pool);
  const jobs = await Promise.all([1, 2, 3].map(() => world.params()));
  for (const job of jobs) assert.equal(compat.enqueuePrewarm(job), true);
  await controller.stop({ timeoutMs: 0 });
  const rows = await world.db.rows();
  assert.deepEqual(rows.map(({ sha256 }) => sha256).sort(), jobs.map(({ sha256 }) => sha256).sort());
  assert.deepEqual([...new Set(rows.map(({ status }) => status))], ['warming']);
});

test('a stop with a wrong argument stops nothing', async (t) => {
  const compat = world.fresh(t);
  const controller = compat.startPrewarmWorker(world.db.pool);
  await assert.rejects(controller.stop({ timeoutMs: '5' }), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  assert.equal(controller.isRunning(), true);
  const job = await world.params();
  compat.enqueuePrewarm(job);
  await until(() => world.isReady(job));
});

test('settings for the next start do not show in the numbers of the running worker', async (t) => {
  const compat = world.fresh(t, { concurrency: 3, capacity: 7 });
  const controller = compat.startPrewarmWorker(world.db.pool);
  const { s3, telegram } = world.stage.options();
  compat.configure({ s3, telegram, concurrency: 9, capacity: 99 });
  assert.equal(controller.getMaxConcurrency(), 3);
  assert.equal(compat.getQueueMetrics().max_queue_size, 7);
  await controller.stop();
  assert.equal(controller.getMaxConcurrency(), 9);
  assert.equal(compat.getQueueMetrics().max_queue_size, 99);
});

test('the exports are the ones of the seed, and configure and router', (t) => {
  world.fresh(t);
  assert.deepEqual(Object.keys(require('warmpath/compat/mediaPrewarmWorker')), [
    'enqueuePrewarm',
    'startPrewarmWorker',
    'getQueueMetrics',
    'getWorkerController',
    'configure',
    'router',
  ]);
  assert.deepEqual(Object.keys(require('warmpath/compat/mediaPrewarmWorker').getWorkerController()), [
    'stop',
    'getQueueSize',
    'getProcessingCount',
    'getActiveWorkers',
    'getMaxConcurrency',
    'getQueueItems',
    'isRunning',
  ]);
});
