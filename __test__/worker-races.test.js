'use strict';

const assert = require('node:assert/strict');
const { setImmediate: turn } = require('node:timers/promises');
const test = require('node:test');
const { databaseError } = require('../lib/errors.js');
const { Bots } = require('../lib/worker/bots.js');
const { Deadline } = require('../lib/worker/deadline.js');
const { Outbox } = require('../lib/worker/outbox.js');
const { until, events } = require('./support/prewarm.js');
const { useWorkers } = require('./support/workers.js');

const world = useWorkers();

const entry = (i, extra) => ({
  claim: { key: `k${i}`, fence: i, job: { id: i } },
  outcome: { status: 'succeeded', value: {}, charged: true },
  ...extra,
});

/** An outbox on a store that accepts everything; `save` stands for the database. */
function box({ save = async () => {}, onDone = () => {} } = {}) {
  const done = [];
  const errors = [];
  const outbox = new Outbox({
    store: { settle: async (list) => list.map(() => ({ applied: true, state: 'done' })), release: async () => {} },
    recorder: { saveReady: save, saveError: save },
    onDone: (entries) => {
      done.push(...entries.map(({ claim }) => claim.key));
      onDone(entries);
    },
    onError: (err) => errors.push(err),
  });
  return { outbox, done, errors };
}

test('whatever is pushed, and whenever, is recorded: nothing wedges the outbox', async () => {
  const pushes = [[], [entry(1)], [], [], [entry(2), entry(3)], [], [entry(4)]];
  for (let gap = 0; gap < 4; gap++) {
    const { outbox, done } = box();
    for (const entries of pushes) {
      outbox.push(entries);
      // Each gap meets the flush at another of its steps.
      for (let i = 0; i < gap; i++) await null;
    }
    await until(() => done.length === 4);
    outbox.push([]);
    assert.equal(await outbox.close(1000), true);
    assert.equal(outbox.size, 0);
  }
});

test('pushed in the very moment a flush ends, a record is still written', async () => {
  let more = 50;
  const { outbox, done } = box({
    onDone: () => {
      if (more-- > 0) Promise.resolve().then(() => outbox.push([entry(more)]));
    },
  });
  outbox.push([entry(99)]);
  await until(() => done.length === 51);
});

test('who is told of a result and throws is reported, and the records after it still go', async () => {
  let calls = 0;
  const { outbox, done, errors } = box({
    onDone: () => {
      if (++calls === 1) throw new Error('mine');
    },
  });
  outbox.push([entry(1)]);
  await until(() => done.length === 1);
  outbox.push([entry(2)]);
  await until(() => done.length === 2);
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['mine'],
  );
  assert.equal(await outbox.close(1000), true);
});

test('a second close cuts the first short, and both say that something is left', async () => {
  let asked = 0;
  const { outbox } = box({
    save: () => {
      asked++;
      return new Promise(() => {});
    },
  });
  outbox.push([entry(1)]);
  await until(() => asked === 1);
  const patient = outbox.close(600_000);
  assert.equal(await outbox.close(1), false);
  assert.equal(await patient, false);
  assert.equal(outbox.size, 1);
});

test('a close that is over does not limit a later one', async () => {
  let fail = true;
  let saves = 0;
  const { outbox, done } = box({
    save: async () => {
      saves++;
      if (fail) throw databaseError('saving', new Error('gone'));
    },
  });
  outbox.push([entry(1)]);
  await until(() => saves === 1);
  fail = false;
  assert.equal(await outbox.close(600_000), true);
  fail = true;
  outbox.push([entry(2)]);
  await until(() => saves > 2);
  assert.equal(await outbox.close(1), false);
  assert.deepEqual(done, ['k1']);
});

test('a deadline can only be moved nearer', async () => {
  const deadline = new Deadline(600_000);
  deadline.shorten(700_000);
  assert.ok(deadline.leftMs <= 600_000);
  deadline.shorten(0);
  await deadline.passed;
  assert.equal(deadline.leftMs, 0);
});

test('an old lookup neither replaces nor ends the one that began after an invalidation', async () => {
  const answers = [];
  const bots = new Bots(() => new Promise((resolve) => answers.push(resolve)));
  const bot = (token) => ({ token, chatIds: ['1'] });
  const first = bots.get('a');
  bots.invalidate('a');
  const second = bots.get('a');
  answers[0](bot('1:old'));
  assert.equal((await first).token, '1:old');
  const third = bots.get('a');
  await turn();
  assert.equal(answers.length, 2, 'the second lookup is joined, not started anew');
  answers[1](bot('1:new'));
  assert.equal((await second).token, '1:new');
  assert.equal((await third).token, '1:new');
  assert.equal((await bots.get('a')).token, '1:new');
  assert.equal(answers.length, 2);
});

test('an impatient second stop does not wait for a database that is away', async (t) => {
  const pool = world.faultyPool((text) => /AS i\(bot_slug, sha256, kind, fence, ok/.test(text));
  const worker = world.pooled(t, { pool });
  const errors = [];
  worker.on('error', (err) => errors.push(err.message));
  await worker.start();
  await worker.enqueue(await world.stage.workerJob());
  await until(() => pool.failures > 0);
  const patient = worker.stop({ timeoutMs: 600_000 });
  await worker.stop({ timeoutMs: 0 });
  await patient;
  assert.match(errors.at(-1), /1 results could not be recorded/);
});

test('results do not need the public event: removing all listeners stops no recovery', async (t) => {
  const jobs = await Promise.all(Array.from({ length: 6 }, () => world.stage.workerJob()));
  for (const job of jobs) await world.db.addWarming(job);
  const worker = world.remembering(t, { capacity: 2 });
  worker.removeAllListeners('settled');
  const done = events(worker, 'succeeded', 6);
  await worker.start();
  await done;
});
