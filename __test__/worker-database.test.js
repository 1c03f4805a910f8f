'use strict';

const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const test = require('node:test');
const { PostgresStore } = require('..');
const { events, until } = require('./support/prewarm.js');
const { useWorkers } = require('./support/workers.js');

const world = useWorkers();

// What tells the statements of the store apart.
const SETTLE = /fence, ok, class, charged/;
const ENQUEUE = /INSERT INTO "media_cache" AS c/;
const CLAIM = /FOR UPDATE SKIP LOCKED/;

test('a lookup that fails is transient, costs no attempt, and is never "not set"', async (t) => {
  const pool = world.faultyPool((text) => /FROM bots/.test(text));
  const worker = world.pooled(t, { pool });
  const errors = [];
  worker.on('error', (err) => errors.push(err));
  await worker.start();
  const job = await world.stage.workerJob();
  const retry = events(worker, 'retry');
  await worker.enqueue(job);
  const [{ error, charged }] = await retry;
  assert.ok(pool.failures > 0);
  assert.equal(error.code, 'ERR_WARMPATH_DATABASE');
  assert.equal(charged, false);
  assert.equal(errors[0].code, 'ERR_WARMPATH_DATABASE');
  assert.equal((await world.db.row(job)).status, 'warming');
});

test('a send that cannot be recorded is recorded later, and not sent again', async (t) => {
  const pool = world.faultyPool((text, { failures }) => SETTLE.test(text) && failures < 3);
  const worker = world.pooled(t, { pool });
  const errors = [];
  worker.on('error', (err) => errors.push(err));
  await worker.start();
  const job = await world.stage.workerJob();
  const done = events(worker, 'succeeded');
  await worker.enqueue(job);
  await until(() => pool.failures > 0);
  assert.equal(await worker.enqueue(job), 'processing');
  await done;
  assert.equal(pool.failures, 3);
  assert.equal(errors.length, 3);
  assert.ok(errors.every((err) => err.code === 'ERR_WARMPATH_DATABASE' && !err.message.includes('hunter2')));
  assert.equal((await world.db.row(job)).status, 'ready');
  assert.equal(world.stage.tg.received.length, 1);
});

test("an 'error' without a listener is not thrown", async (t) => {
  const pool = world.faultyPool((text, { failures }) => SETTLE.test(text) && failures < 1);
  const worker = world.pooled(t, { pool });
  await worker.start();
  const done = events(worker, 'succeeded');
  await worker.enqueue(await world.stage.workerJob());
  await done;
  assert.equal(pool.failures, 1);
});

test('enqueue rejects, typed, when the durable copy cannot be written', async (t) => {
  const pool = world.faultyPool((text) => ENQUEUE.test(text));
  const store = new PostgresStore({ pool, enqueueTimeoutMs: 300 });
  const worker = world.open(t, { pool, store });
  await assert.rejects(worker.enqueue(await world.stage.workerJob()), {
    code: 'ERR_WARMPATH_DATABASE',
    class: 'transient',
  });
  assert.equal(worker.stats().queued, 0);
});

test('the first look is repeated when the database was away at start', async (t) => {
  const job = await world.stage.workerJob();
  await world.db.addWarming(job);
  const pool = world.faultyPool((text, { failures }) => CLAIM.test(text) && failures < 1);
  const worker = world.pooled(t, { pool });
  const done = events(worker, 'succeeded');
  const failed = events(worker, 'error');
  await worker.start();
  await failed;
  await done;
  assert.equal(pool.failures, 1);
  assert.equal((await world.db.row(job)).status, 'ready');
});

test('rows found warming are taken up at start, more of them than fit at once', async (t) => {
  const jobs = await Promise.all(Array.from({ length: 12 }, () => world.stage.workerJob()));
  for (const job of jobs) await world.db.addWarming(job);
  const worker = world.pooled(t, { concurrency: 1 });
  const done = events(worker, 'succeeded', 12);
  await worker.start();
  await done;
  assert.deepEqual([...new Set((await world.db.rows()).map((row) => row.status))], ['ready']);
  assert.equal(world.stage.tg.received.length, 12);
});

test('"full" delays a job whose row is in the table, it does not lose it', async (t) => {
  const worker = world.remembering(t, { capacity: 2, concurrency: 1 });
  const jobs = await Promise.all(Array.from({ length: 6 }, () => world.stage.workerJob()));
  for (const { botSlug, sha256, kind, r2Key } of jobs) {
    await world.db.pool.query('INSERT INTO media_store (bot_slug, sha256, kind, r2_key) VALUES ($1, $2, $3, $4)', [
      botSlug,
      sha256,
      kind,
      r2Key,
    ]);
  }
  await worker.start();
  const done = events(worker, 'succeeded', 6);
  const statuses = await worker.enqueueMany(jobs);
  assert.ok(statuses.includes('full'), statuses.join());
  await done;
  assert.deepEqual([...new Set((await world.db.rows()).map((row) => row.status))], ['ready']);
});

test('start is idempotent, and a broken idle connection reaches the error event', async (t) => {
  const emitter = Object.assign(new EventEmitter(), { query: (text, params) => world.db.pool.query(text, params) });
  const worker = world.pooled(t, { pool: emitter });
  await worker.start();
  await worker.start();
  assert.equal(emitter.listenerCount('error'), 1);
  const errors = events(worker, 'error');
  emitter.emit('error', Object.assign(new Error('terminating'), { code: '57P01' }));
  assert.equal((await errors)[0].code, 'ERR_WARMPATH_DATABASE');
  await worker.stop();
  assert.equal(emitter.listenerCount('error'), 0);
});
