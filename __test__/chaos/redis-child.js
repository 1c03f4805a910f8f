'use strict';

// A process of the Redis storm: BullMQ's worker with our processor, and beside it the durable worker that takes what went the other
// way. BullMQ connects as it does by itself. CHAOS holds its settings: redis, url, bots, options, concurrency.

const { monitorEventLoopDelay } = require('node:perf_hooks');
const bullmq = require('bullmq');
const { Pool } = require('pg');
const { PostgresStore, PrewarmExecutor, PrewarmWorker } = require('../..');
const { processor, closeWorker } = require('../../lib/adapters/bullmq');

const settings = JSON.parse(process.env.CHAOS);
const { concurrency, options, queue } = settings;
const resolveBot = async (slug) => settings.bots[slug] ?? null;

// Far below what one would set, so that a killed process's jobs can be waited for.
const LOCK = { lockDuration: 10_000, stalledInterval: 2000, maxStalledCount: 20 };

const pool = new Pool({ connectionString: settings.url, max: 4 });
pool.on('error', () => {});
const store = new PostgresStore({ pool, delaysMs: settings.delaysMs });
const durable = new PrewarmWorker({ ...options, store, resolveBot, concurrency, leaseMs: 10_000, pollMs: 200 });
durable.on('error', () => {});
const executor = new PrewarmExecutor({ ...options, concurrency });

/** What the table has is not sent again. */
async function lookup({ botSlug, sha256, kind }) {
  const { rows } = await pool.query(
    "SELECT file_id FROM media_cache WHERE bot_slug = $1 AND sha256 = $2 AND kind = $3 AND status = 'ready'",
    [botSlug, sha256, kind],
  );
  return rows.length === 0 ? null : { fileId: rows[0].file_id };
}

const worker = new bullmq.Worker(
  queue,
  processor(executor, { resolveBot, lookup, bullmq, lockDurationMs: LOCK.lockDuration }),
  { connection: { ...settings.redis, maxRetriesPerRequest: null }, concurrency, drainDelay: 1, ...LOCK },
);
worker.on('error', () => {});
worker.on('completed', () => process.send({ completed: Date.now() }));
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

process.on('SIGTERM', async () => {
  await Promise.all([closeWorker(worker, { timeoutMs: 5000 }), durable.stop({ timeoutMs: 5000 })]);
  await executor.close({ timeoutMs: 0 });
  await store.close();
  await pool.end();
  process.send({ stopped: true, loopP99Ms: Math.round(delay.percentile(99) / 1e6) }, () => process.exit(0));
});
process.on('disconnect', () => process.exit(0));

Promise.all([durable.start(), worker.waitUntilReady()]).then(() => process.send({ ready: true, id: store.id }));
