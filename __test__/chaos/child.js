'use strict';

// A worker process of the crash harness, told what to do over IPC: `{ block: ms, until: file }`, SIGTERM, or an end without a word. CHAOS holds
// its settings: name, url, options, leaseMs, concurrency, delaysMs, maxLostLeases, graceMs, plant, trace (a folder).

const fs = require('node:fs');

const settings = { engineKnowsLeases: true, ...JSON.parse(process.env.CHAOS) };
const { leaseMs } = settings;

// The shortest lease that the options allow is too long to be waited for by a test that runs all the time. Patched before
// the worker takes it.
const workerFile = require('../../lib/options/worker.js');
const { workerOptions } = workerFile;
workerFile.workerOptions = (options) => ({
  ...workerOptions({ ...options, leaseMs: Math.max(leaseMs, 10_000) }),
  leaseMs,
});
require('./plants.js').plant(settings.plant, settings);

const path = require('node:path');
const { Pool } = require('pg');
const { slackMs: slackOf } = require('./leases.js');
const { record } = require('./trace.js');
const { PostgresStore, PrewarmWorker } = require('../..');

const slackMs = slackOf(leaseMs);

function withSlack(executor) {
  // The worker asks twice for its first one.
  if (Object.hasOwn(executor, 'submitMany')) return executor;
  const { submitMany, extend } = executor;
  const later = ({ leaseMs: ms, ...job }) => (settings.engineKnowsLeases ? { ...job, leaseMs: ms + slackMs } : job);
  executor.submitMany = (jobs) => submitMany.call(executor, jobs.map(later));
  executor.extend = (keys, ms) => extend.call(executor, keys, ms + slackMs);
  return executor;
}

class ChaosWorker extends PrewarmWorker {
  createExecutor() {
    const executor = withSlack(super.createExecutor());
    tracing.engine(executor);
    return executor;
  }

  submit(claims, toJob) {
    super.submit(claims, (claim) => {
      // A job that ends its process whenever it is begun.
      if (claim.job.r2Key.startsWith('poison')) process.kill(process.pid, 'SIGKILL');
      // The only thing in a request that tells the sandbox who sends it, and under which claim.
      return { ...toJob(claim), fileName: `${settings.name}.${claim.fence}` };
    });
  }
}

const pool = new Pool({ connectionString: settings.url, max: 4 });
const store = new PostgresStore({
  pool,
  delaysMs: settings.delaysMs,
  maxLostLeases: settings.maxLostLeases,
  onError: () => {},
});
const tracing = record({ file: path.join(settings.trace, `${settings.name}.jsonl`), store });
const claimedAt = [];
const { claim } = store;
store.claim = (request) => {
  claimedAt.push(Date.now());
  return claim.call(store, request);
};
const worker = new ChaosWorker({
  ...settings.options,
  store,
  resolveBot: async (slug) => settings.bots[slug] ?? null,
  concurrency: settings.concurrency,
  leaseMs,
  pollMs: 200,
});
worker.on('error', () => {});

process.on('message', ({ block, until }) => {
  if (block === undefined) return;
  // Stops this thread, its timers and its sockets, as a long synchronous piece of work does: so long, and until that file is there.
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const from = performance.now();
  while (performance.now() - from < block || !fs.existsSync(until)) Atomics.wait(cell, 0, 0, 50);
  // What the loop has to catch up with has had its turn when the answer of a round trip is here.
  setTimeout(() => pool.query('SELECT 1').then(() => process.send({ awake: true })), 500);
});
process.on('SIGTERM', async () => {
  const at = Date.now();
  await worker.stop({ timeoutMs: settings.graceMs });
  const tookMs = Date.now() - at;
  await store.close();
  await pool.end();
  process.send({ stopped: true, tookMs, late: claimedAt.filter((one) => one > at + 50).length }, () => process.exit(0));
});
// Without its parent it has nothing to do.
process.on('disconnect', () => process.exit(0));

worker.start().then(() => process.send({ ready: true, id: store.id }));
