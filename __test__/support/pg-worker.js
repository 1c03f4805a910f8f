'use strict';

// Child process: a worker on a Postgres store, told what to do over IPC. WORKER = { url, options, leaseMs, concurrency }.

const { Pool } = require('pg');
const { PostgresStore } = require('../..');
const { PrewarmExecutor } = require('../..');
const { Worker } = require('../../lib/worker/worker.js');
const { PrewarmReport } = require('../../lib/worker/report.js');
const { TOKEN, CHAT } = require('./prewarm.js');

/** The worker without the checks of its options, which ask for longer leases than a test can wait for. */
class TestWorker extends Worker {
  #options;

  constructor({ store, options, leaseMs, concurrency }) {
    super({ store, recorder: null, report: new PrewarmReport({}), concurrency, leaseMs, pollMs: 50 });
    this.#options = { ...options, concurrency, capacity: 2 * concurrency };
  }

  createExecutor() {
    return new PrewarmExecutor(this.#options);
  }

  prepare(claims) {
    this.submit(claims, ({ job }) => ({ ...job, token: TOKEN, chatIds: [CHAT] }));
  }
}

/** A worker on the database at `url`; `settled` collects what came of its jobs, `claims` when it asked for more. */
function makeWorker({ url, options, leaseMs, concurrency = 2 }) {
  const pool = new Pool({ connectionString: url, max: 3 });
  const store = new PostgresStore({ pool, delaysMs: [10, 10] });
  const seen = { claimedAt: [], settled: [], results: [] };
  const claim = store.claim.bind(store);
  store.claim = async (request) => {
    const at = Date.now();
    const claims = await claim(request);
    seen.claimedAt.push({ at, count: claims.length });
    return claims;
  };
  const settle = store.settle.bind(store);
  store.settle = async (outcomes) => {
    const results = await settle(outcomes);
    seen.settled.push(
      ...results.map((result, i) => ({ ...result, status: outcomes[i].status, error: outcomes[i].error?.code })),
    );
    return results;
  };
  const worker = new TestWorker({ store, options, leaseMs, concurrency });
  return { worker, store, pool, seen };
}

module.exports = { makeWorker };

if (require.main === module) {
  const { worker, store, pool, seen } = makeWorker(JSON.parse(process.env.WORKER));
  worker.begin();
  process.on('message', ({ block }) => {
    // Stops this thread, its timers and its sockets, as a long synchronous piece of work does.
    const shared = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(shared, 0, 0, block);
    // What the loop had to catch up with has had its turn when the answer of a round trip is here.
    setTimeout(() => pool.query('SELECT 1').then(() => process.send({ awake: true, seen })), 500);
  });
  process.on('SIGTERM', async () => {
    const at = Date.now();
    await worker.stop({ timeoutMs: Number(process.env.GRACE_MS) });
    await store.close();
    await pool.end();
    // One that was under way is given back when its answer comes.
    const late = seen.claimedAt.filter((claim) => claim.at > at + 50);
    process.send({ late, settled: seen.settled }, () => process.exit(0));
  });
  process.send({ ready: true });
}
