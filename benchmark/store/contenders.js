'use strict';

// Every queue as its users use it: `prepare(url)` once per database, `producer(url)` to put jobs in, `consumer(url, done)` to take
// them out and end each without doing anything; done(n) tells of n jobs that have ended. `load()`
// loads its modules before anything is measured; `idle(url)` where an idle worker is something else than a consumer.

const { randomUUID } = require('node:crypto');

const QUEUE = 'prewarm';
const BOTS = 16;

const jobOf = (i) => ({
  botSlug: `bot-${i % BOTS}`,
  sha256: i.toString(16).padStart(64, '0'),
  kind: 'photo',
  r2Key: `media/${i}.jpg`,
});

const pgPool = (url, max) => {
  const { Pool } = require('pg');
  const pool = new Pool({ connectionString: url, max });
  pool.on('error', () => {});
  // Of a client that somebody holds: graphile-worker looks for both.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
};

/**
 * Takes jobs and ends them, again and again until stop() is called: the next ones are taken while the last ones are ended, as a
 * worker does. Without any it waits a moment.
 */
function loop(take, end, done) {
  let stopped = false;
  const over = (async () => {
    let ending = Promise.resolve();
    while (!stopped) {
      const jobs = await take();
      await ending;
      if (jobs.length > 0) ending = end(jobs).then(() => done(jobs.length));
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await ending;
  })();
  return async () => {
    stopped = true;
    await over;
  };
}

const ours = (batch) => ({
  load: () => [require('../..').PostgresStore, require('../..').PrewarmWorker, require('pg')],
  idle: idleWorker,
  async prepare(url) {
    const pool = pgPool(url, 1);
    await require('../..').migrate(pool);
    await pool.end();
  },
  producer(url) {
    const { PostgresStore } = require('../..');
    const pool = pgPool(url, 16);
    const store = new PostgresStore({ pool, enqueueTimeoutMs: 60_000 });
    return {
      one: (i) => store.enqueue([jobOf(i)]),
      many: (list) => store.enqueue(list.map(jobOf)),
      close: async () => {
        await store.close();
        await pool.end();
      },
    };
  },
  consumer(url, done) {
    const { PostgresStore } = require('../..');
    const pool = pgPool(url, 4);
    const store = new PostgresStore({ pool });
    const leave = store.onWork(() => {});
    const take = () => store.claim({ limit: batch, leaseMs: 60_000 });
    const stop = loop(take, (claims) => settle(store, claims), done);
    return async () => {
      await stop();
      leave();
      await store.close();
      await pool.end();
    };
  },
});

/** A worker as an app has it; its loop of claims is what an idle process costs. */
async function idleWorker(url) {
  const { PrewarmWorker } = require('../..');
  const pool = pgPool(url, 4);
  const s3 = { endpoint: 'http://127.0.0.1:9', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
  const worker = new PrewarmWorker({ pool, s3 });
  await worker.start();
  return async () => {
    await worker.stop();
    await pool.end();
  };
}

/** With a result of its own for every job, as Telegram gives them: the table has an index on file_ids. */
function settle(store, claims) {
  return store.settle(
    claims.map(({ key, fence, job: { sha256 } }) => {
      const value = { fileId: `AgACAgIAAxkDAAIB${sha256}`, fileUniqueId: sha256.slice(48), messageId: 1, chatId: '1' };
      return { key, fence, status: 'succeeded', charged: true, value };
    }),
  );
}

const graphile = (options) => ({
  load: () => require('graphile-worker'),
  async prepare(url) {
    const { runMigrations } = require('graphile-worker');
    // A pool of its own is still open for a moment afterwards, when the database is dropped under it.
    const pool = pgPool(url, 1);
    await runMigrations({ pgPool: pool });
    await pool.end();
  },
  async producer(url) {
    const { makeWorkerUtils } = require('graphile-worker');
    const utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: 16 });
    return {
      one: (i) => utils.addJob(QUEUE, jobOf(i), { jobKey: jobOf(i).sha256 }),
      many: (list) =>
        utils.addJobs(list.map((i) => ({ identifier: QUEUE, payload: jobOf(i), jobKey: jobOf(i).sha256 }))),
      close: () => utils.release(),
    };
  },
  async consumer(url, done) {
    const { run, Logger } = require('graphile-worker');
    const runner = await run({
      connectionString: url,
      logger: new Logger(() => () => {}),
      noHandleSignals: true,
      taskList: { [QUEUE]: async () => {} },
      ...options,
    });
    runner.events.on('job:success', () => done(1));
    return () => runner.stop();
  },
});

async function openBoss(url, extra) {
  const PgBoss = require('pg-boss');
  const boss = new PgBoss({ connectionString: url, max: 16, ...extra });
  boss.on('error', () => {});
  await boss.start();
  return boss;
}

const pgBoss = (consume) => ({
  load: () => require('pg-boss'),
  async prepare(url) {
    const boss = await openBoss(url);
    await boss.createQueue(QUEUE);
    await boss.stop({ graceful: false });
  },
  async producer(url) {
    const boss = await openBoss(url, { supervise: false, schedule: false });
    return {
      one: (i) => boss.send(QUEUE, jobOf(i)),
      many: (list) => boss.insert(list.map((i) => ({ name: QUEUE, data: jobOf(i) }))),
      close: () => boss.stop({ graceful: false }),
    };
  },
  async consumer(url, done) {
    const boss = await openBoss(url);
    const stop = await consume(boss, done);
    return async () => {
      await stop();
      await boss.stop({ graceful: false });
    };
  },
});

const bossWork = async (boss, done) => {
  await boss.work(QUEUE, async (jobs) => done(jobs.length));
  return async () => {};
};

const bossLoop = (batchSize) => async (boss, done) => {
  const complete = (jobs) =>
    boss.complete(
      QUEUE,
      jobs.map(({ id }) => id),
    );
  return loop(() => boss.fetch(QUEUE, { batchSize }), complete, done);
};

const redisOptions = (url) => ({ host: '127.0.0.1', port: Number(new URL(url).port), maxRetriesPerRequest: null });

const bullmq = (concurrency) => ({
  load: () => require('bullmq'),
  redis: true,
  async prepare() {},
  async producer(url) {
    const { Queue } = require('bullmq');
    const queue = new Queue(QUEUE, { connection: redisOptions(url) });
    await queue.waitUntilReady();
    return {
      one: (i) => queue.add('job', jobOf(i), { jobId: jobOf(i).sha256 }),
      many: (list) =>
        queue.addBulk(list.map((i) => ({ name: 'job', data: jobOf(i), opts: { jobId: jobOf(i).sha256 } }))),
      close: () => queue.close(),
    };
  },
  async consumer(url, done) {
    const { Worker } = require('bullmq');
    const worker = new Worker(QUEUE, async () => {}, {
      connection: redisOptions(url),
      concurrency,
      name: randomUUID(),
      removeOnComplete: { count: 100 },
    });
    worker.on('error', () => {});
    worker.on('completed', () => done(1));
    return () => worker.close();
  },
});

const CONTENDERS = {
  'ours-10': { title: '**warmpath**, claims of 10', ...ours(10) },
  'ours-100': { title: '**warmpath**, claims of 100', pace: 'fast', ...ours(100), producer: null },
  graphile: { title: 'graphile-worker, as it comes', ...graphile({}) },
  'graphile-tuned': {
    title: 'graphile-worker, tuned (24 at once, local queue of 500, completions in batches: unfenced)',
    pace: 'fast',
    ...graphile({
      concurrency: 24,
      preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    }),
    producer: null,
  },
  'pg-boss': { title: 'pg-boss, work() as it comes', pace: 'slow', ...pgBoss(bossWork) },
  'pg-boss-10': { title: 'pg-boss, fetch and complete of 10', ...pgBoss(bossLoop(10)), producer: null },
  'pg-boss-100': {
    title: 'pg-boss, fetch and complete of 100',
    pace: 'fast',
    ...pgBoss(bossLoop(100)),
    producer: null,
  },
  bullmq: { title: 'BullMQ on Redis, as it comes (1 at once)', ...bullmq(1) },
  'bullmq-50': { title: 'BullMQ on Redis, 50 at once', pace: 'fast', ...bullmq(50), producer: null },
};

module.exports = { CONTENDERS, pgPool };
