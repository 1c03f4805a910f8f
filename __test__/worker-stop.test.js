'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const test = require('node:test');
const { MemoryStore, PrewarmWorker } = require('..');
const { events, until } = require('./support/prewarm.js');
const { useWorkers, resolveBot, RETRY } = require('./support/workers.js');

const world = useWorkers();

test('stop lets running jobs finish, and leaves the rest warming for the next start', async (t) => {
  const worker = world.pooled(t, { concurrency: 1 });
  const jobs = await Promise.all(Array.from({ length: 6 }, () => world.stage.workerJob()));
  await worker.enqueueMany(jobs);
  const fault = world.stage.tg.faults.add({ kind: 'delay', ms: 100 });
  await worker.start();
  await fault.bitten();
  await worker.stop();
  const sent = world.stage.tg.received.length;
  assert.equal(sent, 1, 'what waited for its slot is not begun any more');
  const statuses = (await world.db.rows()).map((row) => row.status).sort();
  assert.deepEqual(statuses, [...Array(sent).fill('ready'), ...Array(6 - sent).fill('warming')]);
  await assert.rejects(worker.enqueue(jobs[0]), { code: 'ERR_WARMPATH_CLOSED' });
  const done = events(worker, 'succeeded', 6 - sent);
  await worker.start();
  await done;
  assert.equal(world.stage.tg.received.length, 6);
});

test('stop in a hurry cancels, hands back uncharged, and the jobs run after a restart', async (t) => {
  const worker = world.pooled(t, { concurrency: 2 });
  const fault = world.stage.r2.faults.add({ kind: 'stallBeforeHead', times: 2 });
  const jobs = await Promise.all(Array.from({ length: 4 }, () => world.stage.workerJob()));
  await worker.enqueueMany(jobs);
  const failures = [];
  worker.on('failed', (result) => failures.push(result)).on('retry', (result) => failures.push(result));
  await worker.start();
  await fault.bitten(2);
  await worker.stop({ timeoutMs: 0 });
  assert.deepEqual(failures, []);
  assert.equal(world.stage.tg.received.length, 0);
  assert.deepEqual([...new Set((await world.db.rows()).map((row) => row.status))], ['warming']);
  const done = events(worker, 'succeeded', 4);
  await worker.start();
  for (const { attempt } of await done) assert.equal(attempt, 1);
  assert.equal(world.stage.tg.received.length, 4);
});

/** A worker with one job that runs and a claim that is on its way, and what lets that claim go on. */
async function midClaim(t) {
  let asked = 0;
  let gate = null;
  class SlowStore extends MemoryStore {
    released = 0;

    async claim(options) {
      asked += 1;
      await gate;
      const claims = super.claim(options);
      await turn();
      return claims;
    }

    async release(claims) {
      await super.release(claims);
      this.released += claims.length;
    }
  }
  const store = new SlowStore({ capacity: 10, delaysMs: [10] });
  const worker = new PrewarmWorker(world.stage.options({ retry: RETRY, resolveBot, concurrency: 2 }), { store });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const fault = world.stage.r2.faults.add({ kind: 'stallBeforeHead' });
  await worker.enqueue(await world.stage.workerJob());
  await worker.start();
  await fault.bitten();
  let open;
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const before = asked;
  worker.wake();
  await until(() => asked > before);
  return { store, worker, open };
}

test('a claim that is on its way at a hurried stop leaves nothing claimed', async (t) => {
  const { store, worker, open } = await midClaim(t);
  const stopped = worker.stop({ timeoutMs: 0 });
  await until(() => store.released === 1);
  // It gets the job that was cancelled a moment ago.
  open();
  await stopped;
  assert.equal(store.released, 2);
  assert.deepEqual([store.stats().queued, store.stats().running], [1, 0]);
});

test('a claim that never comes back does not hold up the stop, and an impatient one still less', async (t) => {
  const { store, worker, open } = await midClaim(t);
  const patient = worker.stop({ timeoutMs: 600_000 });
  await worker.stop({ timeoutMs: 0 });
  await patient;
  assert.equal(store.released, 1);
  open();
  await until(() => store.released === 2);
});

test('an impatient second stop cuts the first one short', async (t) => {
  const worker = world.open(t, { resolveBot });
  const fault = world.stage.tg.faults.add({ kind: 'stallBeforeHead' });
  await worker.enqueue(await world.stage.workerJob());
  await worker.start();
  await fault.bitten();
  const patient = worker.stop({ timeoutMs: 600_000 });
  await worker.stop({ timeoutMs: 0 });
  await patient;
  await worker.stop();
  await worker[Symbol.asyncDispose]();
});

test('a stop with a wrong argument stops nothing', async (t) => {
  const worker = world.open(t, { resolveBot });
  await worker.start();
  for (const timeoutMs of [-1, 1.5, '5', null]) {
    await assert.rejects(worker.stop({ timeoutMs }), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
  const done = events(worker, 'succeeded');
  await worker.enqueue(await world.stage.workerJob());
  await done;
});

test('an idle worker does not keep the process alive', () => {
  const code = `const { PrewarmWorker } = require('.');
    new PrewarmWorker({ ...JSON.parse(process.env.OPTIONS), resolveBot: async () => null }).start()`;
  const env = { ...process.env, OPTIONS: JSON.stringify(world.stage.options()) };
  execFileSync(process.execPath, ['-e', code], { cwd: path.join(__dirname, '..'), env, timeout: 20_000 });
});
