'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { ClaimLoop } = require('../lib/worker/claim-loop.js');
const { Heartbeat } = require('../lib/worker/heartbeat.js');
const { Inflight } = require('../lib/worker/inflight.js');
const { Outbox } = require('../lib/worker/outbox.js');
const { databaseError } = require('../lib/errors.js');
const { until } = require('./support/prewarm.js');

const entry = (i, outcome) => ({
  claim: { key: `k${i}`, fence: i, job: { id: i } },
  outcome: { status: 'succeeded', value: { id: i }, charged: true, ...outcome },
});

function outbox({ saveReady = async () => {}, saveError = async () => {}, settle } = {}) {
  const log = { settled: [], released: [], done: [], errors: [], ready: [], dead: [] };
  const box = new Outbox({
    store: {
      settle: async (list) => {
        await settle?.(list);
        log.settled.push(...list.map(({ key }) => key));
        return list.map(({ status }) => ({ applied: true, state: status === 'succeeded' ? 'done' : 'dead' }));
      },
      release: async (list) => log.released.push(...list.map(({ key }) => key)),
    },
    recorder: {
      saveReady: async (records) => {
        await saveReady(records);
        log.ready.push(...records.map(({ job }) => job.id));
      },
      saveError: async (records) => {
        await saveError(records);
        log.dead.push(...records.map(({ job }) => job.id));
      },
    },
    onDone: (entries) => log.done.push(...entries.map(({ claim }) => claim.key)),
    onError: (err) => log.errors.push(err),
  });
  return { box, log };
}

test('a result is recorded before the job is settled, and only the failing step is repeated', async () => {
  let saves = 0;
  let settles = 0;
  const { box, log } = outbox({
    saveReady: async () => {
      assert.deepEqual(log.settled, []);
      if (++saves < 3) throw databaseError('saving', new Error('gone'));
    },
    settle: async () => {
      if (++settles < 2) throw new Error('store gone');
    },
  });
  box.push([entry(1)]);
  assert.deepEqual(
    box.claims().map(({ key }) => key),
    ['k1'],
  );
  await until(() => log.done.length === 1);
  assert.deepEqual([saves, settles, log.errors.length], [3, 2, 3]);
  assert.equal(box.size, 0);
});

test('pushing nothing does not wedge it', async () => {
  const { box, log } = outbox();
  box.push([]);
  assert.equal(await box.close(1000), true);
  box.push([entry(1)]);
  await until(() => log.done.length === 1);
});

test('one record that always fails does not hold up the others', async () => {
  let broken = true;
  const { box, log } = outbox({
    saveReady: async (records) => {
      if (broken && records.some(({ job }) => job.id === 1)) throw new TypeError('mine');
    },
  });
  box.push([1, 2, 3, 4, 5].map((i) => entry(i)));
  await until(() => log.done.length === 4);
  assert.deepEqual(log.done.sort(), ['k2', 'k3', 'k4', 'k5']);
  broken = false;
  await until(() => log.done.length === 5);
});

test('a value that the database can never take is reported, and the job still ends', async () => {
  const refused = databaseError('saving', Object.assign(new Error('out of range'), { code: '22003' }));
  const { box, log } = outbox({
    saveReady: async (records) => {
      if (records.some(({ job }) => job.id === 2)) throw refused;
    },
  });
  box.push([1, 2, 3].map((i) => entry(i)));
  await until(() => log.done.length === 3);
  assert.deepEqual(log.ready, [1, 3]);
  assert.deepEqual(log.settled, ['k1', 'k2', 'k3']);
  assert.deepEqual(log.errors, [refused]);
});

test('a dead job is recorded as an error, a released one not at all', async () => {
  const { box, log } = outbox();
  box.push([
    entry(1, { status: 'failed', error: {} }),
    { ...entry(2, { status: 'failed', error: {} }), release: true },
  ]);
  await until(() => log.done.length === 2);
  assert.deepEqual(log.dead, [1]);
  assert.deepEqual(log.released, ['k2']);
  assert.deepEqual(log.settled, ['k1']);
});

test('close waits for what is unrecorded, and gives up in time', async () => {
  const { box, log } = outbox();
  box.push([entry(1)]);
  assert.equal(await box.close(10_000), true);
  assert.deepEqual(log.done, ['k1']);
  const down = outbox({ saveReady: () => Promise.reject(new Error('gone')) });
  down.box.push([entry(1)]);
  assert.equal(await down.box.close(20), false);
  assert.equal(down.box.size, 1);
});

test('a heartbeat renews in the store, then in the executor, and drops what is lost', async () => {
  const inflight = new Inflight();
  const claims = [1, 2, 3, 4].map((i) => inflight.add({ key: `k${i}`, fence: i, job: {} }, 0));
  for (const claim of claims.slice(0, 3)) claim.submitted = true;
  const seen = { extended: [], cancelled: [], stored: [], hurried: 0 };
  const parts = {
    store: {
      extend: async (list, leaseMs) => {
        seen.stored.push([list, leaseMs]);
        return list.map(({ key }) => !['k2', 'k4'].includes(key));
      },
    },
    executor: { extend: (keys, ms) => seen.extended.push([keys, ms]), cancel: (key) => seen.cancelled.push(key) },
    inflight,
    outbox: { claims: () => [{ key: 'k9', fence: 9 }], hurry: () => seen.hurried++ },
    leaseMs: 60_000,
    onError: (err) => assert.fail(err),
  };
  const heartbeat = new Heartbeat(parts);
  const before = performance.now();
  await heartbeat.beat();
  assert.deepEqual(seen.stored[0][0].at(-1), { key: 'k9', fence: 9 });
  const [[keys, leftMs]] = seen.extended;
  assert.deepEqual(keys, ['k1#1', 'k3#3']);
  assert.ok(leftMs > 0 && leftMs <= 60_000);
  assert.deepEqual(seen.cancelled, ['k2#2']);
  assert.ok(claims[0].leaseEnd >= before + 60_000);
  assert.equal(inflight.has(claims[3]), false);
  assert.equal(seen.hurried, 1, 'the database is there: what waits for it need not wait');
});

test('without the store, a heartbeat promises the executor nothing', async () => {
  const inflight = new Inflight();
  inflight.add({ key: 'k', fence: 1, job: {} }, 0).submitted = true;
  const errors = [];
  const heartbeat = new Heartbeat({
    store: { extend: () => Promise.reject(new Error('gone')) },
    executor: { extend: () => assert.fail('extended'), cancel: () => assert.fail('cancelled') },
    inflight,
    outbox: { claims: () => [] },
    leaseMs: 60_000,
    onError: (err) => errors.push(err.message),
  });
  await heartbeat.beat();
  assert.deepEqual(errors, ['gone']);
});

/** A store of which only claiming matters. */
function claimStore(claim) {
  const listeners = new Set();
  const released = [];
  return {
    claim,
    released,
    release: async (list) => released.push(...list),
    nextDueMs: () => null,
    onWork: (fn) => {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
    notify: () => {
      for (const fn of listeners) fn();
    },
    listeners,
  };
}

test('many wake-ups of one turn are one claim, and none is lost while one is in flight', async () => {
  let calls = 0;
  let answer;
  const store = claimStore(() => {
    calls++;
    return new Promise((resolve) => {
      answer = resolve;
    });
  });
  const options = { leaseMs: 1000, pollMs: 2 ** 30, owner: 'me' };
  const loop = new ClaimLoop({ store, room: () => 1, take() {}, onError: assert.fail, options });
  loop.start();
  for (let i = 0; i < 10; i++) store.notify();
  await until(() => calls === 1);
  for (let i = 0; i < 10; i++) store.notify();
  answer([]);
  await until(() => calls === 2);
  answer([]);
  await loop.stop();
  assert.equal(calls, 2);
  assert.equal(store.listeners.size, 0);
});

test('a claim that comes in after stop is handed back', async () => {
  let answer;
  const store = claimStore(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const take = () => assert.fail('taken');
  const options = { leaseMs: 1000, pollMs: 2 ** 30, owner: 'me' };
  const loop = new ClaimLoop({ store, room: () => 1, take, onError: assert.fail, options });
  loop.start();
  await until(() => answer);
  const stopped = loop.stop();
  answer([{ key: 'k', fence: 7, job: {} }]);
  await stopped;
  assert.deepEqual(store.released, [{ key: 'k', fence: 7 }]);
});

test('a store that fails is asked again later, and told of', async () => {
  const errors = [];
  let calls = 0;
  const store = claimStore(async () => {
    if (++calls === 1) throw new Error('gone');
    return [];
  });
  const options = { leaseMs: 1000, pollMs: 10, owner: 'me' };
  const loop = new ClaimLoop({ store, room: () => 1, take() {}, onError: (err) => errors.push(err), options });
  loop.start();
  const alive = setInterval(() => {}, 1000);
  await until(() => calls >= 2);
  clearInterval(alive);
  await loop.stop();
  assert.equal(errors.length, 1);
});
