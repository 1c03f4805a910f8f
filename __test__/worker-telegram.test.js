'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');
const { MemoryStore } = require('..');
const { until, events, TOKEN } = require('./support/prewarm.js');
const { useWorkers, resolveBot } = require('./support/workers.js');

const world = useWorkers();

test('a long 429 gives the job back uncharged, with its time, and the job is done later', async (t) => {
  const clock = { now: 0 };
  const store = new MemoryStore({ delaysMs: [10] }, { now: () => clock.now, random: () => 0 });
  const worker = world.open(t, { store, resolveBot });
  await worker.start();
  const fault = world.stage.tg.faults.add({ kind: 'status', status: 429, retryAfter: 6 });
  const retry = events(worker, 'retry');
  await worker.enqueue(await world.stage.workerJob());
  const [{ error, charged, attempt, runAtMs }] = await retry;
  assert.equal(fault.bites, 1);
  assert.deepEqual(
    [error.code, error.class, charged, attempt],
    ['ERR_WARMPATH_TELEGRAM_THROTTLED', 'throttled', false, 1],
  );
  assert.ok(error.retryAfterMs > 5000 && error.retryAfterMs <= 6000, String(error.retryAfterMs));
  assert.ok(runAtMs <= Date.now() + error.retryAfterMs);
  assert.equal(worker.stats().waiting, 1);
  assert.equal(worker.stats().failed, 0);
  assert.equal(world.stage.tg.received.length, 0);
  // The store waits exactly as long as it was told: a millisecond earlier it gives nothing out.
  assert.equal(store.nextDueMs(), error.retryAfterMs);
  clock.now = error.retryAfterMs - 1;
  assert.deepEqual(store.claim({ limit: 1, leaseMs: 1, owner: 'me' }), []);
  // The engine keeps the bot quiet for those seconds too; with another one only the store's clock has to be turned.
  await worker.stop();
  const next = world.open(t, { store, resolveBot });
  const done = events(next, 'succeeded');
  clock.now = error.retryAfterMs;
  await next.start();
  const [result] = await done;
  assert.equal(result.attempt, 1);
  assert.equal(world.stage.tg.received.length, 1);
});

test('a job that a store should not have held fails alone', async (t) => {
  const store = new MemoryStore();
  const good = await world.stage.workerJob();
  const bad = { ...(await world.stage.workerJob()), kind: 'hologram', key: 'bad' };
  store.enqueue([bad, good]);
  const worker = world.open(t, { store, resolveBot });
  const failed = events(worker, 'failed');
  const done = events(worker, 'succeeded');
  await worker.start();
  assert.equal((await failed)[0].error.code, 'ERR_WARMPATH_INVALID_JOB');
  assert.equal((await done)[0].job.r2Key, good.r2Key);
});

test('claims that make no sense end as failures; they hold no room', async (t) => {
  const store = new MemoryStore({ delaysMs: [] });
  const claim = store.claim.bind(store);
  let nonsense = 0;
  store.claim = (options) =>
    claim(options).map((one) => {
      if (one.key !== 'bad') return one;
      nonsense++;
      return { ...one, job: undefined };
    });
  const settled = [];
  const settle = store.settle.bind(store);
  store.settle = (list) => {
    settled.push(...list);
    return settle(list);
  };
  const good = await world.stage.workerJob();
  const worker = world.open(t, { store, resolveBot, concurrency: 1 });
  await worker.start();
  store.enqueue([{ key: 'bad' }]);
  await until(() => store.stats().running === 0 && nonsense === 1);
  assert.equal(settled[0].error.code, 'ERR_WARMPATH_INTERNAL');
  const done = events(worker, 'succeeded');
  store.enqueue([{ ...good, key: 'good' }]);
  await done;
});

test("a listener's exception surfaces as its own, and changes no result", async (t) => {
  const thrown = [];
  process.setUncaughtExceptionCaptureCallback((err) => thrown.push(err.message));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const worker = world.pooled(t);
  for (const name of ['settled', 'succeeded']) {
    worker.on(name, () => {
      throw new Error(`mine: ${name}`);
    });
  }
  await worker.start();
  const jobs = await Promise.all([1, 2].map(() => world.stage.workerJob()));
  for (const job of jobs) {
    await worker.enqueue(job);
    await until(async () => (await world.db.row(job)).status === 'ready');
  }
  await until(() => thrown.length >= 4);
  assert.deepEqual([...new Set(thrown)].sort(), ['mine: settled', 'mine: succeeded']);
  assert.equal(worker.stats().succeeded, 2);
  assert.equal(world.stage.tg.received.length, 2);
});

/** The secret itself, and as it would stand in a URL. */
const forms = (secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];

test('no secret in any line, metric, event, error or row of a worker that fails in every way', async (t) => {
  const secretKey = 'S3-secret/canary+5f1c';
  const token = '777777:bot-token-canary-9d2e';
  const said = [];
  const log = (...args) => said.push(inspect(args, { depth: 9 }));
  const logger = { debug: log, info: log, warn: log, error: log };
  const base = world.stage.options();
  const setups = [
    // The S3 secret is wrong.
    { s3: { ...base.s3, secretAccessKey: secretKey } },
    // Nobody listens at the address of the Bot API, which has the token in its path.
    { telegram: { apiRoot: 'http://127.0.0.1:9' } },
    // Telegram does not know the token.
    {},
  ];
  await world.db.pool.query("UPDATE bots SET token = $1 WHERE slug = 'bot'", [token]);
  const codes = [];
  for (const extra of setups) {
    const worker = world.pooled(t, {
      ...extra,
      logger,
      observe: log,
      retry: { quick: 1, baseMs: 1, maxMs: 1, delaysMs: [] },
    });
    for (const name of ['settled', 'failed', 'error']) worker.on(name, log);
    // A token that is refused holds the bot's jobs.
    const failed = Promise.race(['failed', 'retry'].map((name) => events(worker, name)));
    await worker.start();
    await worker.enqueue(await world.stage.workerJob());
    codes.push((await failed)[0].error.code);
    await worker.stop();
    said.push(inspect(worker, { depth: 9, showHidden: true }), JSON.stringify(worker.stats()));
  }
  assert.deepEqual(codes, [
    'ERR_WARMPATH_S3_SIGNATURE',
    'ERR_WARMPATH_SEND_FAILED',
    'ERR_WARMPATH_TELEGRAM_UNAUTHORIZED',
  ]);
  said.push(JSON.stringify(await world.db.rows()));
  const text = said.join('\n');
  assert.ok(text.includes('[MEDIA][PREWARM][ERR]'));
  for (const secret of [secretKey, token, TOKEN, world.stage.r2.credentials[0].secretAccessKey]) {
    for (const form of forms(secret)) assert.ok(!text.includes(form), 'a secret was said');
  }
  assert.ok(!text.includes('canary'));
});
