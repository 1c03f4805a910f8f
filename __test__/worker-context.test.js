'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { randomUUID } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { IngestWorker, PrewarmExecutor, PrewarmWorker, WarmpathError } = require('..');
const { Origins } = require('../lib/worker/origins.js');
const { folder, startOrigin } = require('./support/ingest-media.js');
const { workerWorld } = require('./support/campaign-worker.js');
const { startTables } = require('./support/tables.js');
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

  /** By job, the context in which its last event was heard. */
  function seenBy(worker, requests, nameOf) {
    const seen = new Map();
    for (const name of ['succeeded', 'failed'])
      worker.on(name, (result) => seen.set(nameOf(result), requests.getStore()));
    worker.on('settled', () =>
      assert.equal(requests.getStore(), undefined, 'settled is told in the context of somebody'),
    );
    return seen;
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

  it('does so for jobs that are rows', async (t) => {
    const db = await startTables();
    t.after(() => db.stop());
    const requests = new AsyncLocalStorage();
    const worker = aWorker(t, {
      pool: db.pool,
      resolveBot: async () => ({ token: TOKEN, chatIds: [CHAT] }),
      pollMs: 20,
    });
    const seen = seenBy(worker, requests, ({ job }) => job.r2Key);
    // What another process enqueues comes in nobody's context, and not in that of the request which started this worker.
    const [own, theirs] = [await stage.workerJob(), await stage.workerJob()];
    await db.addWarming(theirs);
    await requests.run('request', () => worker.enqueueMany([own]));
    await requests.run('start', () => worker.start());
    await until(() => seen.size === 2);
    assert.deepEqual(Object.fromEntries(seen), { [own.r2Key]: 'request', [theirs.r2Key]: undefined });
  });

  it('does so for media that are taken in', async (t) => {
    const requests = new AsyncLocalStorage();
    const origin = await startOrigin();
    t.after(() => origin.close());
    const worker = new IngestWorker({ dir: folder(t).dir, fsync: false, http: origin.http, pollMs: 20 });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    const seen = seenBy(worker, requests, ({ key }) => key);
    const media = [origin.medium(), origin.medium(), origin.medium()];
    await requests.run('one', () => worker.enqueue(media[0].job));
    await requests.run('many', () => worker.enqueueMany([media[1].job]));
    await worker.enqueue(media[2].job);
    await requests.run('start', () => worker.start());
    await until(() => seen.size === 3);
    assert.deepEqual(
      media.map(({ job }) => seen.get(job.key)),
      ['one', 'many', undefined],
    );
  });

  it('does so for messages, whoever named them', async (t) => {
    const db = await startTables();
    t.after(() => db.stop());
    const requests = new AsyncLocalStorage();
    const world = await workerWorld({ pool: db.pool }, t);
    const worker = await requests.run('start', () => world.start(t));
    const seen = seenBy(worker, requests, ({ key }) => key);
    const runId = await world.addRun();
    const messageId = randomUUID();
    await requests.run('named', () => worker.enqueue({ runId, messageId }));
    await requests.run('unnamed', () => worker.enqueueMany([{ runId }, { runId }]));
    const [theirs] = await world.addMessages(runId, 1);
    await until(() => seen.size === 4);
    assert.equal(seen.get(messageId), 'named');
    assert.equal(seen.get(String(theirs)), undefined);
    assert.deepEqual([...seen.values()].sort(), ['named', 'unnamed', 'unnamed', undefined]);
  });

  it("keeps the caller's context in run(), and has none for what concerns many jobs", async (t) => {
    const requests = new AsyncLocalStorage();
    const executor = requests.run('made it', () => new PrewarmExecutor(stage.options()));
    t.after(() => executor.close());
    const settled = [];
    executor.on('settled', (outcomes) => settled.push(...outcomes.map(({ status }) => [status, requests.getStore()])));
    const [one, other] = [await stage.job(), await stage.job()];
    await requests.run('runs', async () => {
      await executor.run(one);
      assert.equal(requests.getStore(), 'runs');
    });
    requests.run('submits', () => executor.submit(other));
    await until(() => settled.length === 2);
    assert.deepEqual(settled, Array(2).fill(['succeeded', undefined]));
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
