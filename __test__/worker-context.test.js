'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { after, before, describe, it } = require('node:test');
const { PrewarmWorker, WarmpathError } = require('..');
const { Origins } = require('../lib/worker/origins.js');
const { startStage, events, until, TOKEN, CHAT } = require('./support/prewarm.js');

const gone = { botSlug: 'bot', sha256: 'a'.repeat(64), kind: 'photo', r2Key: 'gone' };

describe('where a job comes from, and who is told when it fails', () => {
  let stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage.close());

  function aWorker(t, extra = {}) {
    const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
    const worker = new PrewarmWorker({ ...stage.options(), resolveBot, ...extra });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    return worker;
  }

  it("gives a job's events the async context of its enqueue", async (t) => {
    const requests = new AsyncLocalStorage();
    const worker = aWorker(t);
    const seen = [];
    for (const name of ['succeeded', 'failed'])
      worker.on(name, ({ job }) => seen.push([job.r2Key, requests.getStore()]));
    const job = await stage.workerJob();
    await requests.run('request 1', () => worker.enqueue(job));
    await requests.run('request 2', () => worker.enqueueMany([gone]));
    const other = await stage.workerJob();
    await worker.enqueue(other);
    await worker.start();
    await until(() => seen.length === 3);
    assert.deepEqual(Object.fromEntries(seen), {
      [job.r2Key]: 'request 1',
      gone: 'request 2',
      [other.r2Key]: undefined,
    });
  });

  it('forgets contexts of jobs that are over, and the oldest of too many', () => {
    const storage = new AsyncLocalStorage();
    const origins = new Origins();
    storage.run('a', () => origins.learn(['one']));
    assert.equal(
      origins.run('one', false, () => storage.getStore()),
      'a',
    );
    assert.equal(
      origins.run('one', true, () => storage.getStore()),
      'a',
    );
    assert.equal(
      origins.run('one', true, () => storage.getStore()),
      undefined,
    );
    storage.run('a', () => origins.learn(['first', ...Array.from({ length: 10_000 }, (_, i) => `k${i}`)]));
    assert.equal(
      origins.run('first', true, () => storage.getStore()),
      undefined,
    );
    assert.equal(
      origins.run('k9999', true, () => storage.getStore()),
      'a',
    );
  });

  it('tells onError of failed jobs and of failures of no job, and lets it fail by itself', async (t) => {
    const told = [];
    const onError = (err, context) => {
      told.push([err, context]);
      if (told.length === 1) throw new Error('the tracker is away');
      return Promise.reject(new Error('still away'));
    };
    const worker = aWorker(t, { onError });
    const failed = events(worker, 'failed', 2);
    await worker.enqueueMany([gone, { ...gone, kind: 'video' }]);
    await worker.start();
    await failed;
    worker.problem(new WarmpathError('ERR_WARMPATH_DATABASE', 'away'));
    assert.equal(told.length, 3);
    const [err, { worker: name, job, key, attempt }] = told[0];
    assert.ok(err instanceof WarmpathError && err.stack.includes('WarmpathError'));
    assert.deepEqual([err.code, name, job.r2Key, attempt], ['ERR_WARMPATH_SOURCE_NOT_FOUND', 'prewarm', 'gone', 1]);
    assert.ok(key.includes(gone.sha256));
    assert.deepEqual(told[2], [told[2][0], { worker: 'prewarm' }]);
    assert.ok(!JSON.stringify(told).includes(TOKEN));
  });
});
