'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { run, runMigrations, makeWorkerUtils, Logger } = require('graphile-worker');
const { Pool } = require('pg');
const { PrewarmExecutor, WarmpathError, jobKey } = require('..');
const { task } = require('../lib/adapters/graphile-worker');
const { startPostgres } = require('./support/postgres');
const { startStage, until, TOKEN, CHAT } = require('./support/prewarm');
const { scripted } = require('./support/scripted');

const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
const job = (n = 1) => ({ botSlug: 'bot', sha256: String(n).padStart(64, '0'), kind: 'photo', r2Key: `${n}.jpg` });
const failing = (code, fields) => new WarmpathError(code, 'as the test says', fields);

let server;
let stage;
let pool;
let utils;
const lines = [];
const logger = new Logger(() => (level, message) => lines.push(`${level} ${message}`));
test.before(async () => {
  [server, stage] = await Promise.all([startPostgres(), startStage()]);
  pool = new Pool({ connectionString: server.url });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  await runMigrations({ pgPool: pool, logger });
  utils = await makeWorkerUtils({ pgPool: pool, logger });
});
test.after(async () => {
  await utils.release();
  await pool.end();
  await Promise.all([server.stop(), stage.close()]);
});

const rows = async () => (await pool.query('SELECT * FROM graphile_worker._private_jobs ORDER BY id')).rows;

async function work(t, executor, options = {}) {
  const runner = await run({
    pgPool: pool,
    logger,
    concurrency: 4,
    noHandleSignals: true,
    pollInterval: 100,
    taskList: { prewarm: task(executor, { resolveBot }) },
    ...options,
  });
  t.after(() => runner.stop().catch(() => {}));
  return runner;
}

test('a job is sent, and gone', async (t) => {
  const executor = new PrewarmExecutor(stage.options());
  t.after(() => executor.close({ timeoutMs: 0 }));
  const data = await stage.workerJob();
  await utils.addJob('prewarm', data, { jobKey: jobKey(data) });
  await work(t, executor);
  await until(async () => (await rows()).length === 0);
  assert.ok(stage.tg.received.some(({ sha256 }) => sha256 === data.sha256));
});

test('a transient failure is thrown: graphile-worker retries and charges it', async (t) => {
  const executor = scripted(() => {
    throw failing('ERR_WARMPATH_SEND_FAILED', { class: 'transient' });
  });
  await utils.addJob('prewarm', job(), { maxAttempts: 3 });
  await work(t, executor);
  const [row] = await until(async () => {
    const all = await rows();
    return all[0].last_error !== null && all;
  });
  assert.strictEqual(row.attempts, 1);
  assert.match(row.last_error, /^ERR_WARMPATH_SEND_FAILED: as the test says/);
  assert.ok(row.run_at > new Date());
  await pool.query('DELETE FROM graphile_worker._private_jobs');
});

test('a throttled job comes back later with the attempts it had', async (t) => {
  const executor = scripted((_, nth) => {
    if (nth <= 4) throw failing('ERR_WARMPATH_TELEGRAM_THROTTLED', { class: 'throttled', retryAfterMs: 1 });
    if (nth === 5) throw failing('ERR_WARMPATH_SEND_FAILED', { class: 'transient' });
    return {};
  });
  const data = job();
  await utils.addJob('prewarm', data, {
    jobKey: jobKey(data),
    maxAttempts: 2,
    priority: 7,
    queueName: 'serial',
    flags: ['media'],
  });
  await work(t, executor);
  const [row] = await until(async () => {
    const all = await rows();
    return all.length === 1 && all[0].last_error !== null && all;
  });
  assert.deepStrictEqual([row.attempts, row.max_attempts, row.priority, row.key], [1, 2, 7, jobKey(data)]);
  assert.deepStrictEqual(row.flags, { media: true });
  assert.notStrictEqual(row.job_queue_id, null);
  await utils.rescheduleJobs([String(row.id)], { runAt: new Date(0) });
  await until(async () => (await rows()).length === 0);
  assert.strictEqual(executor.calls.length, 6);
});

test('a failure for good stays with its reason where the job has a key, and is logged', async (t) => {
  const executor = scripted(() => {
    throw failing('ERR_WARMPATH_SOURCE_NOT_FOUND', { class: 'permanent' });
  });
  await utils.addJob('prewarm', job(1), { jobKey: 'one', maxAttempts: 5 });
  await utils.addJob('prewarm', { ...job(2), token: '1:x' }, { maxAttempts: 5 });
  await work(t, executor);
  const [row] = await until(async () => {
    const all = await rows();
    return all.length === 1 && all[0].last_error !== null && all;
  });
  assert.strictEqual(row.attempts, row.max_attempts);
  assert.match(row.last_error, /^ERR_WARMPATH_SOURCE_NOT_FOUND: as the test says/);
  assert.ok(lines.some((line) => /failed for good: ERR_WARMPATH_SOURCE_NOT_FOUND/.test(line)));
  assert.ok(lines.some((line) => /failed for good: ERR_WARMPATH_INVALID_JOB: job.token/.test(line)));
  // The key is free again.
  await utils.addJob('prewarm', job(1), { jobKey: 'one', runAt: new Date(Date.now() + 60_000) });
  assert.strictEqual((await rows()).length, 2);
  await pool.query('DELETE FROM graphile_worker._private_jobs');
});

test('a shutdown ends running jobs and puts them back, uncharged', async (t) => {
  const executor = new PrewarmExecutor(stage.options());
  t.after(() => executor.close({ timeoutMs: 0 }));
  executor.pause();
  const data = await stage.workerJob();
  await utils.addJob('prewarm', data, { jobKey: jobKey(data), maxAttempts: 1 });
  const runner = await work(t, executor, { gracefulShutdownAbortTimeout: 10 });
  await until(() => executor.stats().queued === 1);
  await runner.stop();
  const [row] = await until(async () => {
    const all = await rows();
    return all.every(({ locked_at: at }) => at === null) && all;
  });
  assert.deepStrictEqual([row.attempts, row.max_attempts, row.locked_at], [0, 1, null]);
  await until(() => executor.stats().queued === 0);
});
