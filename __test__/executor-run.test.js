'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { writeFileSync } = require('node:fs');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { PrewarmExecutor, jobKey } = require('..');
const { startStage, events } = require('./support/prewarm.js');

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());
test.beforeEach(() => stage.tg.reset());

const open = (t, extra) => {
  const executor = new PrewarmExecutor(stage.options(extra));
  t.after(() => executor.close({ timeoutMs: 0 }));
  return executor;
};

/** Holds every send until the fault is removed by the test's end. */
const stall = () => stage.tg.faults.add({ kind: 'stallBeforeHead', times: Number.POSITIVE_INFINITY });

/** An AbortSignal that counts its listeners. */
function countingSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args) => {
    listeners++;
    return addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args) => {
    listeners--;
    return removeEventListener.apply(signal, args);
  };
  return { controller, signal, listeners: () => listeners };
}

test('equal runs join, and runs join what was submitted', async (t) => {
  const executor = open(t);
  const fault = stage.tg.faults.add({ kind: 'delay', ms: 50 });
  const job = await stage.job();
  executor.submit(job);
  const values = await Promise.all([executor.run(job), executor.run(job), executor.run({ ...job, fileName: 'other' })]);
  assert.equal(new Set(values.map(({ fileId }) => fileId)).size, 1);
  assert.equal(fault.bites, 1);
  assert.equal(stage.tg.received.length, 1);
});

test('an aborted caller leaves alone; the others get their value', async (t) => {
  const executor = open(t);
  const fault = stage.tg.faults.add({ kind: 'delay', ms: 100 });
  const job = await stage.job();
  const { controller, signal, listeners } = countingSignal();
  const leaving = executor.run(job, { signal });
  const staying = executor.run(job);
  assert.equal(listeners(), 1);
  await fault.bitten();
  const reason = new Error('user left');
  controller.abort(reason);
  await assert.rejects(leaving, { name: 'AbortError', code: 'ERR_WARMPATH_ABORTED', cause: reason });
  assert.equal(listeners(), 0);
  assert.ok(stage.tg.issued((await staying).fileId));
});

test('when the last caller leaves, a job of run() is cancelled', async (t) => {
  const executor = open(t);
  const fault = stall();
  const job = await stage.job();
  const settled = events(executor, 'settled');
  const controllers = [new AbortController(), new AbortController()];
  const runs = controllers.map(({ signal }) => executor.run(job, { signal }));
  await fault.bitten();
  for (const controller of controllers) controller.abort();
  for (const run of runs) await assert.rejects(run, { name: 'AbortError' });
  const [[outcome]] = await settled;
  assert.equal(outcome.key, jobKey(job));
  assert.equal(outcome.status, 'failed');
});

test('a submitted job survives the callers that joined it, whoever came first', async (t) => {
  const executor = open(t);
  for (const runFirst of [false, true]) {
    const fault = stage.tg.faults.add({ kind: 'delay', ms: 100 });
    const job = await stage.job();
    const controller = new AbortController();
    const settled = events(executor, 'settled');
    if (!runFirst) executor.submit(job);
    const run = executor.run(job, { signal: controller.signal });
    if (runFirst) assert.match(executor.submit(job), /duplicate|processing/);
    await fault.bitten();
    controller.abort();
    await assert.rejects(run, { name: 'AbortError' });
    const [[outcome]] = await settled;
    assert.equal(outcome.status, 'succeeded');
  }
});

test('whoever asks for a job while it is being cancelled gets it run again', async (t) => {
  const executor = open(t);
  const fault = stage.tg.faults.add({ kind: 'stallBeforeHead', times: 1 });
  const job = await stage.job();
  const controller = new AbortController();
  const first = executor.run(job, { signal: controller.signal });
  await fault.bitten();
  controller.abort();
  const second = executor.run(job);
  await assert.rejects(first, { name: 'AbortError' });
  assert.ok(stage.tg.issued((await second).fileId));

  const again = stage.tg.faults.add({ kind: 'stallBeforeHead', times: 1 });
  const other = await stage.job();
  const gone = new AbortController();
  const run = executor.run(other, { signal: gone.signal });
  await again.bitten();
  gone.abort();
  const settled = events(executor, 'settled', 2);
  executor.submit(other);
  await assert.rejects(run, { name: 'AbortError' });
  const statuses = (await settled).flat().map(({ status }) => status);
  assert.deepEqual(statuses, ['failed', 'succeeded']);
});

test('a signal that is aborted already rejects at once and submits nothing', async (t) => {
  const executor = open(t);
  const job = await stage.job();
  await assert.rejects(executor.run(job, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(executor.stats().queued + executor.stats().running, 0);
  await assert.rejects(executor.run(job, { signal: {} }), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  await assert.rejects(executor.run(job, { sginal: undefined }), { option: 'options.sginal' });
});

test('a full queue rejects a run', async (t) => {
  const executor = open(t, { concurrency: 1, capacity: 1 });
  executor.pause();
  executor.submit(await stage.job());
  await assert.rejects(executor.run(await stage.job()), { code: 'ERR_WARMPATH_QUEUE_FULL' });
});

test('a run that starts while the outcome of the job before is on its way gets its own outcome', async (t) => {
  const executor = open(t);
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'warmpath-'));
  t.after(() => fs.rm(folder, { recursive: true }));
  const bytes = randomBytes(1000);
  const { r2Key: _r2Key, ...rest } = await stage.job({}, bytes);
  const job = { ...rest, path: path.join(folder, 'late.bin') };
  const statuses = [];
  executor.on('settled', (outcomes) => statuses.push(...outcomes.map(({ status }) => status)));
  executor.submit(job);
  // The event loop does not turn here, so the first outcome is settled, but not delivered, when the second job goes in.
  const deadline = performance.now() + 10_000;
  while (executor.stats().failed === 0 && performance.now() < deadline);
  writeFileSync(job.path, bytes);
  const value = await executor.run(job);
  assert.ok(stage.tg.issued(value.fileId));
  assert.deepEqual(statuses, ['failed', 'succeeded']);
});
