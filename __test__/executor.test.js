'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { promisify } = require('node:util');
const { PrewarmExecutor, WarmpathError, jobKey } = require('..');
const { startStage, events, sha256, CHAT } = require('./support/prewarm.js');

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

test('run sends the bytes and resolves with what Telegram gave for them', async (t) => {
  const executor = open(t);
  const bytes = randomBytes(300_000);
  const job = await stage.job({ fileName: 'näme.bin', caption: 'hi' }, bytes);
  const value = await executor.run(job);
  const issued = stage.tg.issued(value.fileId);
  assert.equal(issued.sha256, sha256(bytes));
  assert.equal(value.fileUniqueId, issued.fileUniqueId);
  assert.deepEqual(
    { chatId: value.chatId, kind: value.kind, bytes: value.bytes, route: value.route, messageId: value.messageId },
    { chatId: CHAT, kind: 'document', bytes: bytes.length, route: 'stream', messageId: issued.messageId },
  );
  assert.equal(stage.tg.received[0].caption, 'hi');
});

test('a file is a source too', async (t) => {
  const executor = open(t);
  const bytes = randomBytes(50_000);
  const file = path.join(await fs.mkdtemp(path.join(os.tmpdir(), 'warmpath-')), 'f.bin');
  await fs.writeFile(file, bytes);
  t.after(() => fs.rm(path.dirname(file), { recursive: true }));
  const { r2Key: _r2Key, ...job } = await stage.job({}, bytes);
  const { fileId } = await executor.run({ ...job, path: file });
  assert.equal(stage.tg.issued(fileId).sha256, sha256(bytes));
});

test('of jobs with one priority the smaller file goes first, as far as jobs say their size', async (t) => {
  const executor = open(t, { concurrency: 1 });
  const job = async (size, extra) => stage.job({ size, ...extra }, randomBytes(size ?? 5000));
  const jobs = await Promise.all([
    job(600_000),
    job(100_000),
    job(undefined),
    job(3000),
    job(500_000, { priority: 1 }),
  ]);
  executor.pause();
  assert.deepEqual(new Set(executor.submitMany(jobs)), new Set(['queued']));
  executor.resume();
  await executor.drain();
  // One MiB is what a job without a size counts as: 600,000 bytes are in the same row of the table.
  const order = [jobs[4], jobs[3], jobs[1], jobs[0], jobs[2]].map((one) => one.sha256);
  assert.deepEqual(
    stage.tg.received.map((message) => message.sha256),
    order,
  );
});

test('submit answers at once; outcomes come as values, in batches', async (t) => {
  const executor = open(t, { concurrency: 2, capacity: 3 });
  executor.pause();
  const jobs = await Promise.all([1, 2, 3, 4].map(() => stage.job()));
  assert.deepEqual(executor.submitMany([...jobs, jobs[0]]), ['queued', 'queued', 'queued', 'full', 'duplicate']);
  assert.equal(executor.submit(jobs[1]), 'duplicate');
  const batches = [];
  executor.on('settled', (outcomes) => batches.push(outcomes));
  executor.resume();
  await executor.drain();
  const outcomes = batches.flat();
  assert.deepEqual(outcomes.map(({ key }) => key).sort(), jobs.slice(0, 3).map(jobKey).sort());
  for (const outcome of outcomes) {
    assert.equal(outcome.status, 'succeeded');
    assert.deepEqual(Object.keys(outcome.timings), ['queue', 'download', 'upload', 'answer', 'total']);
    assert.ok(stage.tg.issued(outcome.value.fileId));
  }
  const { succeeded, failed, queued, running } = executor.stats();
  assert.deepEqual({ succeeded, failed, queued, running }, { succeeded: 3, failed: 0, queued: 0, running: 0 });
});

test('a running job is "processing" and shows in list() and stats()', async (t) => {
  const executor = open(t);
  const fault = stall();
  const job = await stage.job();
  executor.submit(job);
  await fault.bitten();
  assert.equal(executor.submit(job), 'processing');
  assert.equal(executor.stats().running, 1);
  const [{ key, state, botSlug, kind }] = executor.list();
  assert.deepEqual(
    { key, state, botSlug, kind },
    { key: jobKey(job), state: 'running', botSlug: 'bot', kind: 'document' },
  );
  assert.equal(executor.cancel('nothing'), false);
  const settled = events(executor, 'settled');
  assert.equal(executor.cancel(jobKey(job)), true);
  const [[{ status, charged }]] = await settled;
  assert.equal(status, 'failed');
  assert.equal(typeof charged, 'boolean');
});

test('a failed run rejects with the outcome as an error that has a stack of the caller', async (t) => {
  const executor = open(t);
  const job = await stage.job();
  const wrong = { ...job, sha256: '0'.repeat(64) };
  await assert.rejects(
    (async function theCaller() {
      await executor.run(wrong);
    })(),
    (err) => {
      assert.ok(err instanceof WarmpathError);
      assert.equal(err.code, 'ERR_WARMPATH_SHA256_MISMATCH');
      assert.equal(err.class, 'permanent');
      assert.equal(err.certainty, 'not-sent');
      assert.match(err.stack, /theCaller/);
      return true;
    },
  );
  await assert.rejects(executor.run({ ...job, r2Key: 'absent' }), { code: 'ERR_WARMPATH_SOURCE_NOT_FOUND' });
  await assert.rejects(executor.run({ ...job, kind: 'x' }), { code: 'ERR_WARMPATH_INVALID_JOB', option: 'job.kind' });
  assert.equal(stage.tg.received.length, 0);
});

test('close lets running jobs finish', async (t) => {
  const executor = open(t);
  const fault = stage.tg.faults.add({ kind: 'delay', ms: 100 });
  const run = executor.run(await stage.job());
  await fault.bitten();
  await executor.close();
  assert.ok(stage.tg.issued((await run).fileId));
  const job = await stage.job();
  assert.throws(() => executor.submit(job), { code: 'ERR_WARMPATH_CLOSED' });
  assert.throws(() => executor.submitMany([job]), { code: 'ERR_WARMPATH_CLOSED' });
  await assert.rejects(executor.run(job), { code: 'ERR_WARMPATH_CLOSED' });
  await executor.close();
  await executor[Symbol.asyncDispose]();
});

test('close cancels what is left after its time, and a second call can only shorten it', async (t) => {
  const executor = open(t, { concurrency: 1 });
  const fault = stall();
  const running = executor.run(await stage.job());
  const waiting = executor.run(await stage.job());
  const ends = [assert.rejects(running), assert.rejects(waiting, { code: 'ERR_WARMPATH_CANCELLED' })];
  await fault.bitten();
  const patient = executor.close({ timeoutMs: 600_000 });
  await executor.close({ timeoutMs: 0 });
  await patient;
  await Promise.all(ends);
  for (const timeoutMs of [-1, 1.5, '5', null]) {
    await assert.rejects(executor.close({ timeoutMs }), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
});

test('arguments of the controls are checked', (t) => {
  const executor = open(t);
  for (const n of [0, -1, 1.5, Number.NaN, 2 ** 32 + 5, '5', null]) {
    assert.throws(() => executor.setConcurrency(n), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
    assert.throws(() => executor.extend(['k'], n), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
  for (const key of [5, null, undefined, '']) {
    assert.throws(() => executor.cancel(key), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
    assert.throws(() => executor.extend([key], 1000), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
  assert.throws(() => executor.submitMany([{}]), { option: 'jobs[0].botSlug' });
  assert.throws(() => executor.submitMany({}), { code: 'ERR_WARMPATH_INVALID_JOB' });
  assert.deepEqual(executor.submitMany([]), []);
  assert.deepEqual(executor.extend([], 1000), []);
  assert.deepEqual(executor.extend(['nobody'], 60_000), [false]);
  executor.setConcurrency(3);
  assert.equal(executor.stats().concurrency, 3);
});

const runChild = (body, env) =>
  promisify(execFile)(process.execPath, ['-e', `const { PrewarmExecutor } = require('.'); (async () => {${body}})()`], {
    cwd: path.join(__dirname, '..'),
    env: { ...process.env, ...env },
    timeout: 30_000,
  });

test('a pending run, drain or close keeps the process alive; submit does not', async () => {
  const env = { OPTIONS: JSON.stringify(stage.options()), JOB: JSON.stringify(await stage.job()) };
  const head =
    'const e = new PrewarmExecutor(JSON.parse(process.env.OPTIONS)); const job = JSON.parse(process.env.JOB);';
  const delayed = async (body) => {
    stage.tg.reset();
    const fault = stage.tg.faults.add({ kind: 'delay', ms: 300 });
    const { stdout } = await runChild(`${head}${body}`, env);
    return { stdout: stdout.trim(), bites: fault.bites };
  };
  assert.deepEqual(await delayed("await e.run(job); console.log('value')"), { stdout: 'value', bites: 1 });
  assert.deepEqual(await delayed("e.submit(job); await e.drain(); console.log('drained')"), {
    stdout: 'drained',
    bites: 1,
  });
  assert.deepEqual(await delayed("e.submit(job); await e.close(); console.log('closed')"), {
    stdout: 'closed',
    bites: 1,
  });
  const { stdout } = await delayed(
    "e.on('settled', () => console.log('settled')); e.submit(job); console.log('submitted')",
  );
  assert.equal(stdout, 'submitted');
});

test('a listener that throws loses no outcome', async () => {
  const jobs = [await stage.job(), await stage.job()];
  const env = { OPTIONS: JSON.stringify(stage.options()), JOBS: JSON.stringify(jobs) };
  const { stdout } = await runChild(
    `process.on('uncaughtException', (err) => console.log('uncaught', err.message));
     const e = new PrewarmExecutor(JSON.parse(process.env.OPTIONS));
     e.once('settled', () => { throw new Error('mine') });
     const values = await Promise.all(JSON.parse(process.env.JOBS).map((job) => e.run(job)));
     console.log(values.length)`,
    env,
  );
  assert.deepEqual(stdout.trim().split('\n').sort(), ['2', 'uncaught mine']);
});

test('no secret and no URL is in what comes back from failures', async (t) => {
  const options = stage.options();
  options.s3.secretAccessKey = 'wrong-secret-canary';
  const executor = open(t, { s3: options.s3 });
  const token = '987654:token-canary';
  const failures = [];
  executor.on('settled', (outcomes) => failures.push(...outcomes));
  await assert.rejects(executor.run({ ...(await stage.job()), token }), {
    code: 'ERR_WARMPATH_S3_SIGNATURE',
    class: 'config',
  });
  const other = open(t);
  other.on('settled', (outcomes) => failures.push(...outcomes));
  await assert.rejects(other.run({ ...(await stage.job()), token }), { code: 'ERR_WARMPATH_TELEGRAM_UNAUTHORIZED' });
  const text = JSON.stringify(failures);
  assert.equal(failures.length, 2);
  for (const secret of ['canary', stage.r2.url, stage.tg.url]) assert.ok(!text.includes(secret), secret);
});
