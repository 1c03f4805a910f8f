'use strict';

// Several workers on one database, as several processes of an app are.

const assert = require('node:assert/strict');
const test = require('node:test');
const { Pool } = require('pg');
const { PrewarmWorker } = require('..');
const { until, events, TOKEN, CHAT } = require('./support/prewarm.js');
const { useWorkers, RETRY } = require('./support/workers.js');

const world = useWorkers();

test('three workers share the bots, and every media is sent once', async (t) => {
  const slugs = Array.from({ length: 6 }, (_, i) => `shop-${i}`);
  for (const slug of slugs) await world.db.addBot(slug, TOKEN, CHAT);
  const workers = Array.from({ length: 3 }, () => world.pooled(t, { concurrency: 4 }));
  const jobs = await Promise.all(
    Array.from({ length: 90 }, (_, i) => world.stage.workerJob({ botSlug: slugs[i % slugs.length] })),
  );
  // The first is there alone for a while, and has to give some of its bots away.
  await workers[0].enqueueMany(jobs.slice(0, 30));
  await workers[0].start();
  await Promise.all(workers.slice(1).map((worker) => worker.start()));
  const answers = await Promise.all(workers.map((worker) => worker.enqueueMany(jobs)));
  assert.ok(answers.flat().every((status) => ['queued', 'duplicate', 'processing', 'cached'].includes(status)));
  await until(async () => (await world.db.rows()).every(({ status }) => status === 'ready'));
  assert.equal(world.stage.tg.received.length, jobs.length);
  assert.equal(new Set(world.stage.tg.received.map(({ sha256 }) => sha256)).size, jobs.length);
  assert.ok((await world.db.rows()).every(({ attempts }) => attempts === 1));
});

test('what one worker leaves at its stop, another one does, uncharged', async (t) => {
  const [one, two] = [1, 2].map(() => world.pooled(t, { concurrency: 2 }));
  const fault = world.stage.r2.faults.add({ kind: 'stallBeforeHead', times: 2 });
  const jobs = await Promise.all(Array.from({ length: 8 }, () => world.stage.workerJob()));
  await one.enqueueMany(jobs);
  await one.start();
  await fault.bitten(2);
  await two.start();
  const done = events(two, 'succeeded', jobs.length);
  await one.stop({ timeoutMs: 0 });
  for (const { attempt } of await done) assert.equal(attempt, 1);
  assert.equal(world.stage.tg.received.length, jobs.length);
});

test('rows that make no job end as errors, with an event, and hold up nobody', async (t) => {
  const insert = "INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ('bot', $1, $2, 'warming')";
  await world.db.pool.query(insert, ['0'.repeat(64), 'photo']);
  await world.db.pool.query(insert, ['1'.repeat(64), 'hologram']);
  await world.db.pool.query("INSERT INTO media_store (bot_slug, sha256, r2_key) VALUES ('bot', $1, 'k')", [
    '1'.repeat(64),
  ]);
  const good = await world.stage.workerJob();
  const worker = world.pooled(t);
  const failed = events(worker, 'failed', 2);
  const done = events(worker, 'succeeded');
  await worker.enqueue(good);
  await worker.start();
  assert.deepEqual((await failed).map(({ error }) => error.code).sort(), [
    'ERR_WARMPATH_INVALID_JOB',
    'ERR_WARMPATH_SOURCE_NOT_FOUND',
  ]);
  await done;
  const rows = await world.db.rows();
  assert.deepEqual(rows.map(({ status }) => status).sort(), ['error', 'error', 'ready']);
  assert.ok(
    rows.some((row) => row.last_error === 'ERR_WARMPATH_SOURCE_NOT_FOUND: media_store has no row for this media'),
  );
});

test('a database without the columns says what to do, and the token column has the name it was given', async (t) => {
  await world.db.pool.query('CREATE SCHEMA bare');
  const bare = new Pool({ connectionString: world.db.server.url, options: '-c search_path=bare' });
  bare.on('error', () => {});
  t.after(() => bare.end());
  for (const statement of world.db.statements) await bare.query(statement);
  const worker = new PrewarmWorker(world.stage.options({ pool: bare, retry: RETRY }));
  const told = events(worker, 'error');
  await worker.start();
  assert.match((await told)[0].message, /npx warmpath migrate/);
  await assert.rejects(worker.enqueue(await world.stage.workerJob()), { class: 'config' });
  await worker.stop();

  await world.db.pool.query('ALTER TABLE bots RENAME COLUMN token TO "bot secret"');
  t.after(() => world.db.pool.query('ALTER TABLE bots RENAME COLUMN "bot secret" TO token'));
  const named = world.pooled(t, { tokenColumn: 'bot secret' });
  const done = events(named, 'succeeded');
  await named.start();
  await named.enqueue(await world.stage.workerJob());
  await done;
});
