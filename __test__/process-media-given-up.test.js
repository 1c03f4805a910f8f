'use strict';

// ProcessMedia: jobs whose processes died at them, and jobs that somebody else has put into the queue.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const test = require('node:test');
const { MemoryStore } = require('..');
const { Once } = require('../lib/adapters/bullmq/once.js');
const { until } = require('./support/prewarm.js');
const { skip, bullmq, PATIENT, useWorld, medium, open } = require('./support/process-media.js');
const { BULLMQ } = require('./support/redis-queues.js');

const NAME = 'ProcessMedia';
const world = useWorld({ redis: true });

for (const [name, version] of BULLMQ) {
  test(`${name}: a job at which every process died is told of, captured and recorded`, { skip }, async (t) => {
    const prefix = `p-${randomUUID()}`;
    const captured = [];
    const store = new MemoryStore({ keepDone: 10 });
    const queue = open(t, world.redis, {
      ...{ ...PATIENT, bullmq: version, prefix, store, fallback: 'store', runsFallback: false },
      workerOptions: { maxStalledCount: 0, stalledInterval: 20 },
      captureException: (err, { extra }) => captured.push([err.code, extra.key]),
    });
    const { job } = medium();
    await queue.add(job);
    // Takes the job, and is never heard of again.
    const { connection } = world.redis;
    const dead = new version.Worker(NAME, null, { connection, prefix, lockDuration: 1, autorun: false });
    t.after(() => dead.close(true));
    dead.on('error', () => {});
    assert.equal((await dead.getNextJob('of the dead')).data.key, job.key);

    const settled = [];
    const settle = store.settle.bind(store);
    store.settle = (list) => {
      settled.push(...list);
      return settle(list);
    };
    const failed = once(queue, 'failed');
    queue.process();
    const [{ key, state, error, job: shown }] = await failed;
    assert.deepEqual([key, state, error.code], [job.key, 'dead', 'ERR_WARMPATH_LEASE_LOST']);
    assert.equal(error.message, 'job stalled more than allowable limit');
    assert.deepEqual(shown.source.type, 'url');
    assert.deepEqual(captured, [['ERR_WARMPATH_LEASE_LOST', job.key]]);
    assert.deepEqual(
      settled.map((one) => [one.key, one.status, one.error.code]),
      [[job.key, 'failed', 'ERR_WARMPATH_LEASE_LOST']],
    );
    assert.equal((await queue.stats()).failed, 1);
  });
}

test('a job that fails here is told of once, and may stall three times', { skip }, async (t) => {
  const options = [];
  class Noted extends bullmq.Worker {
    constructor(...args) {
      super(...args);
      options.push(args[2].maxStalledCount);
      noted = this;
    }
  }
  let noted;
  const queue = open(t, world.redis, { ...PATIENT, bullmq: { ...bullmq, Worker: Noted } });
  let [told, failed] = [0, 0];
  queue.on('failed', () => told++);
  queue.process();
  noted.on('failed', () => failed++);
  await queue.add(medium({ sha256: '0'.repeat(64) }).job);
  await until(() => failed === 1);
  assert.deepEqual([told, options], [1, [3]]);
});

test('a job without a key, or without anything, fails by its name, and is not counted as running', {
  skip,
}, async (t) => {
  const queue = open(t, world.redis, PATIENT);
  const failed = [];
  queue.on('failed', ({ error }) => failed.push(error.code));
  for (const data of [null, undefined, 'text', {}, { key: 7 }]) {
    const job = { id: '1', name: NAME, data, opts: {}, timestamp: Date.now(), attemptsMade: 0 };
    await assert.rejects(queue.handle(job, 'token'), {
      name: 'UnrecoverableError',
      message: 'ERR_WARMPATH_INVALID_JOB: job.key must be a string',
    });
  }
  assert.deepEqual(failed, Array(5).fill('ERR_WARMPATH_INVALID_JOB'));
  assert.equal((await queue.stats()).running, 0);
});

test('what comes after a stored medium is repeated for as long as the job is ours, and nothing is fetched again', async () => {
  let [fetched, tries] = [0, 0];
  const executor = {
    run: async () => {
      fetched++;
      return { bytes: 1 };
    },
  };
  const lost = new AbortController();
  const after = {
    saveReady: async () => {
      if (++tries === 200) return;
      if (tries === 300) lost.abort();
      throw new Error('the database is away');
    },
  };
  const waits = [];
  const wait = async (ms) => waits.push(ms);
  const once = new Once({ executor, store: null, after, leaseMs: 30_000, onError() {}, wait });
  assert.deepEqual(await once.run({ key: 'a' }, { signal: lost.signal }), { bytes: 1 });
  assert.deepEqual([fetched, tries, waits.length, Math.max(...waits)], [1, 200, 199, 10_000]);
  await assert.rejects(once.run({ key: 'b' }, { signal: lost.signal }), { code: 'ERR_WARMPATH_DATABASE' });
  assert.deepEqual([fetched, tries], [2, 300]);
});
