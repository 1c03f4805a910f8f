'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Client, Pool } = require('pg');
const { until, events } = require('./support/prewarm.js');
const { useWorkers } = require('./support/workers.js');

const world = useWorkers();

/** Ends every connection of this application name, idle or in a statement, as a restart of the server does. */
async function cut(client, name) {
  const { rows } = await client.query(
    'SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity WHERE application_name = $1',
    [name],
  );
  return rows.filter(({ done }) => done).length;
}

test('connections that are cut, idle ones and busy ones: nothing crashes, nothing is lost, nothing is sent twice', async (t) => {
  const name = 'warmpath-cut';
  // No 'error' listener of its own: that is the worker's part.
  const pool = new Pool({ connectionString: world.db.server.url, application_name: name, max: 3 });
  const admin = new Client({ connectionString: world.db.server.url });
  await admin.connect();
  const worker = world.pooled(t, { pool, concurrency: 3 });
  const problems = [];
  worker.on('error', (err) => problems.push(err.code));
  const jobs = await Promise.all(Array.from({ length: 12 }, () => world.stage.workerJob()));
  const done = events(worker, 'succeeded', jobs.length);
  await worker.enqueueMany(jobs);
  // Under this lock rows can be read, not written: the first results hang in their statement when the cut comes.
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE media_cache IN EXCLUSIVE MODE');
  await worker.start();
  const hanging = `SELECT 1 FROM pg_stat_activity WHERE application_name = '${name}' AND wait_event_type = 'Lock'`;
  await until(async () => (await world.db.pool.query(hanging)).rows.length > 0);
  assert.ok((await cut(world.db.pool, name)) > 0);
  await until(() => problems.length > 0);
  await admin.query('COMMIT');
  const results = await done;
  assert.equal(results.length, jobs.length);
  assert.deepEqual([...new Set((await world.db.rows()).map((row) => row.status))], ['ready']);
  assert.equal(world.stage.tg.received.length, jobs.length);
  assert.deepEqual([...new Set(world.stage.tg.received.map(({ sha256 }) => sha256))].length, jobs.length);
  // And once more with nothing but idle connections.
  const before = problems.length;
  assert.ok((await cut(world.db.pool, name)) > 0);
  await until(() => problems.length > before);
  assert.deepEqual([...new Set(problems)], ['ERR_WARMPATH_DATABASE']);
  const more = await world.stage.workerJob();
  const again = events(worker, 'succeeded');
  await worker.enqueue(more);
  await again;
  await worker.stop();
  pool.on('error', () => {});
  await pool.end();
  await admin.end();
});
