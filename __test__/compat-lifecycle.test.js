'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { useCompat } = require('./support/compat.js');
const { until } = require('./support/prewarm.js');

const world = useCompat();

test('start is idempotent while running; after stop another pool takes over', async (t) => {
  const compat = world.fresh(t);
  const controller = compat.startPrewarmWorker(world.db.pool);
  compat.startPrewarmWorker(world.db.pool);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][WORKER][ALREADY_RUNNING]'));
  const stopped = controller.stop();
  assert.equal(controller.isRunning(), false);
  const job = await world.params();
  assert.equal(compat.enqueuePrewarm(job), true);
  assert.equal(compat.getQueueMetrics().queue_size, 1);
  await stopped;
  assert.equal(world.stage.tg.received.length, 0);
  let queries = 0;
  const other = {
    query: (...args) => {
      queries++;
      return world.db.pool.query(...args);
    },
  };
  compat.startPrewarmWorker(other);
  assert.equal(controller.isRunning(), true);
  await until(() => world.isReady(job));
  assert.ok(queries > 0);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][WORKER][STOP]'));
});

test('a start right after a stop does not wait for it, and no job runs twice', async (t) => {
  const compat = world.fresh(t, { concurrency: 2 });
  const fault = world.stage.tg.faults.add({ kind: 'delay', ms: 100, times: 2 });
  compat.startPrewarmWorker(world.db.pool);
  const jobs = await Promise.all(Array.from({ length: 8 }, () => world.params()));
  for (const job of jobs) compat.enqueuePrewarm(job);
  await fault.bitten();
  const stopped = compat.getWorkerController().stop();
  compat.startPrewarmWorker(world.db.pool);
  await stopped;
  await until(async () => (await world.db.rows()).filter((row) => row.status === 'ready').length === 8);
  assert.equal(world.stage.tg.received.length, 8);
});

test('stop hands the running jobs back; they run after the next start', async (t) => {
  const compat = world.fresh(t);
  const fault = world.stage.r2.faults.add({ kind: 'stallBeforeHead' });
  const controller = compat.startPrewarmWorker(world.db.pool);
  const job = await world.params();
  compat.enqueuePrewarm(job);
  await fault.bitten();
  assert.equal(controller.getActiveWorkers(), 1);
  assert.equal(controller.getProcessingCount(), 1);
  const { utilization, utilization_pct: percent } = compat.getQueueMetrics();
  assert.deepEqual([utilization, percent], [0.2, 20]);
  assert.equal(compat.enqueuePrewarm(job), false);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][QUEUE][DUPLICATE]'));
  await controller.stop({ timeoutMs: 0 });
  assert.equal((await world.db.row(job)).status, 'warming');
  assert.equal(controller.getQueueSize(), 1);
  compat.startPrewarmWorker(world.db.pool);
  await until(() => world.isReady(job));
});

test('jobs claimed ahead still count as queued', async (t) => {
  const compat = world.fresh(t, { concurrency: 1 });
  const fault = world.stage.r2.faults.add({ kind: 'stallBeforeHead' });
  const controller = compat.startPrewarmWorker(world.db.pool);
  const jobs = await Promise.all([1, 2, 3, 4].map(() => world.params()));
  for (const job of jobs) compat.enqueuePrewarm(job);
  await fault.bitten();
  await until(() => controller.getProcessingCount() === 1);
  assert.equal(controller.getQueueSize(), 3);
  assert.deepEqual(
    controller.getQueueItems().map(({ r2_key }) => r2_key),
    jobs.slice(1).map(({ r2_key }) => r2_key),
  );
});

test('rows found warming are taken up at start, under the job id of the seed', async (t) => {
  const job = await world.stage.workerJob();
  await world.db.addWarming(job);
  const compat = world.fresh(t);
  compat.startPrewarmWorker(world.db.pool);
  await until(async () => (await world.db.row(job)).status === 'ready');
  assert.equal(world.stage.tg.received.length, 1);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][RECOVERED]'));
});
