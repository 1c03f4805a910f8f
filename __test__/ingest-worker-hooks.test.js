'use strict';

// What the worker asks the app for, and tells it: record, resolve, then.

const assert = require('node:assert/strict');
const test = require('node:test');
const { WarmpathError } = require('..');
const { startOrigin, openWorker } = require('./support/ingest-media.js');
const { events } = require('./support/prewarm.js');

let origin;
let medium;
test.before(async () => {
  origin = await startOrigin();
  medium = origin.medium;
});
test.after(() => origin.close());

const open = (t, extra) => openWorker(t, origin, extra);

test('record() comes before a job is done, is repeated when it fails, and nothing is fetched again for it', async (t) => {
  const calls = [];
  const record = async (stored) => {
    calls.push(stored.map(({ key }) => key));
    if (calls.length === 1) throw new Error('postgres://u:hunter2@db is away');
  };
  const worker = open(t, { record });
  const problems = events(worker, 'error');
  const one = medium({ meta: { id: 7 } });
  const done = events(worker, 'succeeded');
  await worker.enqueue(one.job);
  await worker.start();
  const [problem] = await problems;
  assert.equal(problem.message, 'record() failed');
  const [{ value }] = await done;
  assert.deepEqual(calls, [[one.name], [one.name]]);
  assert.equal(origin.gets(one), 1);
  assert.equal(value.sha256, one.sha256);
});

test("then: 'prewarm' enqueues the prewarm of what was stored, for every bot, before the job is done", async (t) => {
  const enqueued = [];
  let full = 1;
  const prewarm = {
    async enqueueMany(jobs) {
      if (full-- > 0) return jobs.map(() => 'full');
      if (jobs.some(({ botSlug }) => botSlug === 'bad')) {
        throw new WarmpathError('ERR_WARMPATH_INVALID_JOB', 'no');
      }
      enqueued.push(...jobs);
      return jobs.map(() => 'queued');
    },
  };
  // biome-ignore lint/suspicious/noThenProperty: the name of the option.
  const worker = open(t, { then: 'prewarm', prewarm });
  const problems = [];
  worker.on('error', (err) => problems.push(err.code));
  const media = medium({
    fileName: 'cat.dat',
    prewarm: [{ botSlug: 'shop' }, { botSlug: 'bad' }, { botSlug: 'blog', kind: 'voice', caption: 'A cat' }],
  });
  const plain = medium();
  const done = events(worker, 'succeeded', 2);
  await worker.enqueueMany([media.job, plain.job]);
  await worker.start();
  const results = await done;
  const { value } = results.find(({ key }) => key === media.name);
  const common = { contentType: value.mime, fileName: 'cat.dat', size: 2000, sha256: media.sha256 };
  const from = { path: value.location.path };
  assert.deepEqual(enqueued, [
    { ...common, ...from, kind: value.kind, botSlug: 'shop' },
    { ...common, ...from, kind: 'voice', botSlug: 'blog', caption: 'A cat' },
  ]);
  assert.deepEqual(problems.slice(0, 2), ['ERR_WARMPATH_QUEUE_FULL', 'ERR_WARMPATH_INVALID_JOB']);
});

test('hooks are asked with the job of the app; one that fails is asked again by the next attempt, null is the end', async (t) => {
  const target = medium();
  const asked = [];
  const resolve = async (job) => {
    asked.push(job);
    if (job.source.mediaId === 'none') return null;
    if (asked.length === 1) throw new Error('postgres://u:hunter2@db is away');
    return { url: target.url };
  };
  const worker = open(t, { resolve });
  const retried = events(worker, 'retry');
  const done = events(worker, 'succeeded');
  const failed = events(worker, 'failed');
  await worker.enqueue({ key: 'wa:1', source: { mediaId: '99' }, meta: { phone: 'p' } });
  await worker.start();
  const [[{ error }], [{ value }]] = [await retried, await done];
  assert.deepEqual([error.code, error.class], ['ERR_WARMPATH_DOWNLOAD_FAILED', 'transient']);
  assert.ok(!error.message.includes('hunter2'));
  assert.equal(value.sha256, target.sha256);
  assert.equal(asked.length, 2);
  for (const { key, meta, source } of asked) {
    assert.deepEqual([key, meta, source], ['wa:1', { phone: 'p' }, { mediaId: '99' }]);
  }
  await worker.enqueue({ key: 'wa:2', source: { mediaId: 'none' } });
  const [{ error: end, attempt }] = await failed;
  assert.deepEqual([end.code, attempt], ['ERR_WARMPATH_SOURCE_UNRESOLVED', 1]);
});

test('a hook that does not answer, or answers what it may not, is asked again by the next attempt', async (t) => {
  const target = medium();
  let asked = 0;
  const failures = [
    () => new Promise(() => {}),
    () => ({ url: 'no address' }),
    () => 'nothing that could be read',
    () => Promise.reject(),
  ];
  const resolve = () => failures[asked++]?.() ?? { url: target.url };
  const retry = { quick: 0, baseMs: 10, maxMs: 10, delaysMs: failures.map(() => 10) };
  const worker = open(t, { resolve, retry, hookTimeoutMs: 20 });
  const codes = [];
  worker.on('retry', ({ error }) => codes.push(`${error.code} ${error.class}`));
  const done = events(worker, 'succeeded');
  await worker.enqueue({ source: { mediaId: '99' } });
  await worker.start();
  const [{ value }] = await done;
  assert.equal(value.sha256, target.sha256);
  assert.deepEqual(codes, Array(failures.length).fill('ERR_WARMPATH_DOWNLOAD_FAILED transient'));
});
