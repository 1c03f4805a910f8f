'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { PrewarmExecutor, MemoryStore } = require('..');
const { Worker } = require('../lib/worker/worker.js');
const { PrewarmReport } = require('../lib/worker/report.js');
const { startStage, until, events, TOKEN, CHAT } = require('./support/prewarm.js');

// The engine stops a job 5 s before its lease ends: the shortest lease under which work is possible, a little above.
const LEASE_MS = 5500;

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());

/** The worker without the checks of its options, which ask for longer leases than a test can wait for. */
class ShortLease extends Worker {
  constructor(store) {
    super({ store, recorder: null, report: new PrewarmReport({}), concurrency: 2, leaseMs: LEASE_MS, pollMs: 50 });
  }

  createExecutor() {
    return new PrewarmExecutor(stage.options());
  }

  prepare(claims) {
    this.submit(claims, ({ job }) => ({ ...job, token: TOKEN, chatIds: [CHAT] }));
  }
}

/** Stops this thread, its timers and its sockets, as a long synchronous piece of work does. */
function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('an event loop blocked beyond the lease: the engine stops the job, and it runs once more, not twice at once', async (t) => {
  const store = new MemoryStore({ delaysMs: [10] });
  const running = new Map();
  const overlaps = [];
  const claim = store.claim.bind(store);
  store.claim = (options) => {
    const claims = claim(options);
    for (const { key } of claims) running.set(key, (running.get(key) ?? 0) + 1);
    return claims;
  };
  const worker = new ShortLease(store);
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const outcomes = [];
  const fault = stage.r2.faults.add({ kind: 'stallBeforeHead' });
  const job = await stage.workerJob();
  store.enqueue([job]);
  worker.begin();
  const engine = worker.executor;
  engine.on('settled', (list) => outcomes.push(...list));
  const atWork = () => engine.list().length;
  await fault.bitten();
  const done = events(worker, 'succeeded');
  block(LEASE_MS + 100);
  // No JS ran since, and the lease is over: the engine must have stopped by itself, before anybody claims anew.
  overlaps.push(atWork());
  const [result] = await done;
  overlaps.push(atWork());
  assert.deepEqual(overlaps, [0, 0]);
  const ends = outcomes.map(({ status, error, charged }) => [status, error?.code, charged]);
  assert.deepEqual(ends[0], ['failed', 'ERR_WARMPATH_LEASE_LOST', false]);
  assert.equal(ends.at(-1)[0], 'succeeded');
  assert.equal(outcomes.length, 2);
  assert.equal(running.get(result.key), 2);
  assert.equal(stage.tg.received.length, 1);
  assert.equal(worker.stats().succeeded, 1);
});

/** A memory store whose clock can be put forward. */
function jumpingStore() {
  const clock = { ahead: 0 };
  const store = new MemoryStore({ delaysMs: [10] }, { now: () => performance.now() + clock.ahead });
  return { store, clock };
}

test('the outcome of a job that somebody else has claimed since changes nothing', async (t) => {
  const { store, clock } = jumpingStore();
  const worker = new ShortLease(store);
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const news = [];
  worker.on('settled', (results) => news.push(...results));
  const answers = [];
  const settle = store.settle.bind(store);
  store.settle = (list) => {
    answers.push(...settle(list));
    return answers.slice(-list.length);
  };
  const fault = stage.r2.faults.add({ kind: 'status', status: 404 });
  const slow = stage.r2.faults.add({ kind: 'delay', ms: 100 });
  store.enqueue([await stage.workerJob()]);
  worker.begin();
  await slow.bitten();
  clock.ahead = 60_000;
  const [theirs] = store.claim({ limit: 1, leaseMs: 60_000, owner: 'somebody else' });
  await until(() => answers.length === 1);
  assert.equal(fault.bites, 1);
  assert.deepEqual(answers, [{ applied: false }]);
  assert.deepEqual(news, []);
  assert.deepEqual(settle([{ ...theirs, status: 'succeeded', charged: true }]), [{ applied: true, state: 'done' }]);
});
