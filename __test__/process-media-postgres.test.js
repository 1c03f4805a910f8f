'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const path = require('node:path');
const { Pool } = require('pg');
const test = require('node:test');
const { migrate, PostgresIngestStore } = require('..');
const { ProcessMedia, jobId } = require('../lib/adapters/bullmq.js');
const { folder, startOrigin, gate, hashes } = require('./support/ingest-media.js');
const { startPostgres } = require('./support/postgres.js');
const { until } = require('./support/prewarm.js');
const { startRedis, redisMissing } = require('./support/redis.js');

const skip = redisMissing() ?? false;
const long = process.env.WARMPATH_TEST_LONG === '1';
const PATIENT = { deadlineMs: 10_000, redisDeadlineMs: 10_000 };
// As short as they can be: what a killed process held is free again after them.
const SOON = { lockDurationMs: 10_000, workerOptions: { stalledInterval: 500, maxStalledCount: 10 } };

let server;
let pool;
let redis;
let origin;
let medium;
if (!skip) {
  test.before(async () => {
    [server, redis, origin] = await Promise.all([startPostgres(), startRedis(), startOrigin()]);
    medium = origin.medium;
    pool = new Pool({ connectionString: server.url });
    pool.on('error', () => {});
    await migrate(pool);
  });
  test.after(async () => {
    origin?.close();
    await pool?.end();
    await Promise.all([server?.stop(), redis?.stop()]);
  });
  test.beforeEach(() => pool.query('DELETE FROM ingest_jobs'));
}

const settings = (place, extra) => ({
  ...{
    dir: place.dir,
    http: origin.http,
    fsync: false,
    retry: { quick: 0 },
    concurrency: 4,
    prefix: `p-${randomUUID()}`,
  },
  ...extra,
});

function open(t, place, extra) {
  const connection = { ...redis.connection, retryStrategy: () => 50 };
  const media = new ProcessMedia(settings(place, { pool, connection, ...extra }));
  media.on('error', () => {});
  t.after(() => media.close({ timeoutMs: 0 }));
  return media;
}

const row = async ({ name }) => (await pool.query('SELECT * FROM ingest_jobs WHERE key = $1', [name])).rows[0];
const rowsIn = async (status) => (await pool.query('SELECT FROM ingest_jobs WHERE status = $1', [status])).rowCount;
const stored = (place, media) => () => place.names().length >= media.length;

test('what Redis does not take is a row, and is stored once when both are there again', { skip }, async (t) => {
  const mine = await startRedis();
  t.after(() => mine.stop());
  const place = folder(t);
  const queue = open(t, place, { connection: { ...mine.connection, retryStrategy: () => 50 } });
  await queue.queue.waitUntilReady();
  const media = Array.from({ length: 40 }, () => medium());
  const add = (list) => Promise.all(list.map(({ job }) => queue.add(job)));
  assert.ok((await add(media.slice(0, 20))).every(({ via }) => via === 'bullmq'));
  await mine.kill();
  assert.ok((await add(media.slice(20))).every(({ via }) => via === 'store' || via === 'memory'));
  await until(async () => (await rowsIn('waiting')) === 20);
  await mine.start();
  // The sender delivers everything again, as senders do: part of it goes the other way this time.
  await until(async () => (await queue.add(media[0].job)).via === 'bullmq');
  await add(media);
  queue.process();
  await until(stored(place, media));
  await until(async () => (await rowsIn('done')) === 40);
  await until(async () => (await queue.stats()).depth.redis === 0 && (await queue.stats()).running === 0);
  assert.deepEqual(place.hashes(), hashes(media));
  assert.ok(
    media.every((one) => origin.gets(one) === 1),
    'none was fetched twice',
  );
});

test('a job that fails for good leaves its evidence, one that is done no source', { skip }, async (t) => {
  const place = folder(t);
  const queue = open(t, place, { ...PATIENT, jobOptions: { attempts: 2, backoff: { type: 'fixed', delay: 10 } } });
  const [bad, good] = [medium({ meta: { chat: 'ana' } }, { play: () => ({ status: 503 }) }), medium()];
  queue.process();
  await Promise.all([bad, good].map(({ job }) => queue.add(job)));
  await until(async () => (await rowsIn('failed')) === 1 && (await rowsIn('done')) === 1);
  const { last_error: error, job } = await row(bad);
  assert.match(error, /^ERR_WARMPATH_DOWNLOAD_FAILED: /);
  assert.deepEqual([job.source, job.meta], [bad.job.source, { chat: 'ana' }]);
  const { job: done, result } = await row(good);
  assert.equal(done.source, undefined);
  assert.equal(result.sha256, good.sha256);
});

test('one job in both queues, in two processes: it is run by one of them', { skip }, async (t) => {
  const place = folder(t);
  const prefix = `p-${randomUUID()}`;
  const held = gate();
  const media = Array.from({ length: 6 }, () => medium({}, held));
  const first = open(t, place, { ...PATIENT, prefix });
  await Promise.all(media.map(({ job }) => first.add(job)));
  // As it is when Redis has taken what was thought to be lost, and nobody could withdraw it.
  const store = new PostgresIngestStore({ pool, listen: false });
  await store.enqueue(media.slice(0, 3).map(({ job }) => job));
  const second = open(t, place, { ...PATIENT, prefix });
  for (const one of [first, second]) one.process();
  await until(() => media.every((one) => origin.gets(one) === 1));
  held.open();
  await until(stored(place, media));
  await until(async () => (await rowsIn('done')) === 6);
  await until(
    async () => (await first.queue.getJobCountByTypes('completed')) === 6,
    'jobs that ran elsewhere to complete',
  );
  assert.ok(media.every((one) => origin.gets(one) === 1));
  const { returnvalue } = await first.queue.getJob(jobId(media[0].name));
  assert.equal(returnvalue.sha256, media[0].sha256);
});

test('the process is killed at work and started anew: every medium is stored, none has two files', {
  skip,
}, async (t) => {
  const place = folder(t);
  const options = settings(place, { databaseUrl: server.url, connection: redis.connection, ...SOON });
  const queue = open(t, place, { ...PATIENT, prefix: options.prefix });
  const [large, held] = [medium({}, { size: 12 * 2 ** 20 }), gate()];
  // The first tries hang: the end meets jobs at work.
  const hung = Array.from({ length: 3 }, () => medium({}, { play: (nth) => (nth === 1 ? held.play() : undefined) }));
  const media = [...Array.from({ length: long ? 300 : 30 }, () => medium()), ...hung, large];
  await Promise.all(media.slice(0, -1).map(({ job }) => queue.add(job)));
  const store = new PostgresIngestStore({ pool, listen: false });
  await store.enqueue([large.job]);

  const begin = async () => {
    const child = spawn(
      process.execPath,
      [path.join(__dirname, 'support', 'ingest-process.js'), JSON.stringify(options)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    t.after(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return child;
  };
  const first = await begin();
  await until(() => hung.every((one) => origin.gets(one) === 1));
  first.kill(long ? 'SIGKILL' : 'SIGTERM');
  await once(first, 'exit');
  const second = await begin();
  await until(stored(place, media), 'all to be stored', 60_000);
  assert.deepEqual(place.hashes(), hashes(media));
  second.kill('SIGTERM');
  const [code] = await once(second, 'exit');
  assert.equal(code, 0);
});
