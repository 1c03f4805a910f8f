'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { jobKey } = require('..');
const { MemoryStore } = require('../lib/store/memory.js');
const { Recovery } = require('../lib/worker/recovery.js');
const { until, events } = require('./support/prewarm.js');
const { useWorkers } = require('./support/workers.js');

const world = useWorkers();

const job = (i) => ({ botSlug: 'bot', sha256: String(i).padStart(64, '0'), kind: 'photo', r2Key: `k${i}` });

/** A recovery over a memory store; `answers` are the looks, in order, as functions of what was asked. */
function recovery({ capacity = 10, answers, busy = () => [] }) {
  const store = new MemoryStore({ capacity });
  const errors = [];
  const looks = [];
  const recorder = {
    recover: async (options) => {
      looks.push(options);
      const answer = answers[looks.length - 1];
      return answer === undefined ? { jobs: [], refused: 0, more: false } : answer(options);
    },
  };
  const onError = (err) => errors.push(err);
  const parts = { recorder, store, busy, keyOf: jobKey, onError, onRecovered() {} };
  return { recovery: new Recovery(parts), store, errors, looks };
}

test('rows that bring no job do not hide the rows behind them', async () => {
  const refused = () => ({ jobs: [], refused: 10, more: true });
  const found = () => ({ jobs: [job(1)], refused: 0, more: false });
  const { recovery: it, store, looks } = recovery({ answers: [refused, refused, found] });
  await it.start();
  assert.equal(looks.length, 3);
  assert.equal(store.stats().queued, 1);
});

test('on the real tables: more bad rows than fit, and a good one behind them', async (t) => {
  for (let i = 0; i < 5; i++) {
    const values = [String(i).padStart(64, '0'), 10 + i];
    await world.db.pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status, created_at) VALUES ('bot', $1, 'photo', 'warming', now() - make_interval(mins => $2))",
      values,
    );
  }
  const good = await world.stage.workerJob();
  await world.db.addWarming(good);
  const worker = world.remembering(t, { capacity: 2 });
  const done = events(worker, 'succeeded');
  await worker.start();
  await done;
  const statuses = (await world.db.rows()).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [...Array(5).fill('error'), 'ready']);
});

test('a job that ended during the look is not taken up again', async () => {
  let answer;
  const late = ({ skip }) =>
    new Promise((resolve) => {
      answer = () => resolve({ jobs: [job(1), job(2)].filter((one) => !skip(one)), refused: 0, more: false });
    });
  const { recovery: it, store } = recovery({ answers: [late] });
  const started = it.start();
  await until(() => answer !== undefined);
  it.check([{ job: job(1) }]);
  answer();
  await started;
  assert.deepEqual(
    store.list().map((held) => held.job.r2Key),
    ['k2'],
  );
});

test('jobs on their way in or out count as known, before and after the look', async () => {
  const busy = [job(1)];
  const { recovery: it, looks } = recovery({
    busy: () => busy,
    answers: [
      ({ known, skip }) => {
        assert.deepEqual(known, [job(1)]);
        busy.push(job(2));
        assert.deepEqual([1, 2, 3].map(job).map(skip), [true, true, false]);
        return { jobs: [], refused: 0, more: false };
      },
    ],
  });
  await it.start();
  assert.equal(looks.length, 1);
});

test('the row of a job that is queued while the look is under way is not called an orphan', async (t) => {
  let looked = false;
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  const pool = {
    query: async (text, params) => {
      if (!/LEFT JOIN media_store/.test(text)) return world.db.pool.query(text, params);
      await held;
      const answer = await world.db.pool.query(text, params);
      looked = true;
      return answer;
    },
  };
  const fault = world.stage.r2.faults.add({ kind: 'stallBeforeHead' });
  const worker = world.remembering(t, { pool });
  const started = worker.start();
  const one = await world.stage.workerJob();
  await worker.enqueue(one);
  await fault.bitten();
  letGo();
  await started;
  assert.ok(looked);
  const row = await world.db.row(one);
  assert.deepEqual([row.status, row.last_error], ['warming', null]);
});

test('a look that fails at once, for ever, is repeated with growing waits, and stop ends it', async () => {
  const fail = () => {
    throw new Error('gone');
  };
  const { recovery: it, errors, looks } = recovery({ answers: [fail, fail, fail] });
  await it.start();
  assert.equal(errors.length, 1);
  it.stop();
  await it.start();
  assert.equal(looks.length, 2);
  it.stop();
});

test('tables that do not exist are not asked for again', async () => {
  const fail = () => {
    throw Object.assign(new Error('no table'), { cause: { code: '42P01' } });
  };
  const { recovery: it, errors, looks } = recovery({ answers: [fail] });
  await it.start();
  it.check([]);
  assert.equal(errors.length, 1);
  assert.equal(looks.length, 1);
  it.stop();
});
