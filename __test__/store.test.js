'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { MemoryStore } = require('..');
const { afterFailure } = require('../lib/store/retry-policy.js');

const hex = (i) => String(i).padStart(64, '0');
const job = (i, extra) => ({
  botSlug: 'bot',
  sha256: hex(i),
  kind: 'photo',
  r2Key: `k${i}`,
  key: `job-${i}`,
  ...extra,
});
const transient = { code: 'ERR_WARMPATH_SEND_FAILED', class: 'transient', message: 'x' };

/** A store on a clock that is turned by hand, without jitter unless asked for. */
function onClock(options, random = () => 0) {
  let now = 1000;
  const store = new MemoryStore({ delaysMs: [100, 200], ...options }, { now: () => now, random });
  return { store, pass: (ms) => (now += ms) };
}

const claim = (store, limit = 10, leaseMs = 60_000) => store.claim({ limit, leaseMs, owner: 'me' });
const fail = (store, { key, fence }, extra) =>
  store.settle([{ key, fence, status: 'failed', error: transient, charged: true, ...extra }])[0];

test('jobs are claimed by priority, then in order, each once', () => {
  const { store } = onClock();
  const jobs = [job(1), job(2, { priority: 5 }), job(3), job(4, { priority: -1 }), job(5, { priority: 5 })];
  assert.deepEqual(store.enqueue(jobs), Array(5).fill('queued'));
  assert.deepEqual(
    claim(store, 3).map(({ key }) => key),
    ['job-2', 'job-5', 'job-1'],
  );
  assert.deepEqual(
    claim(store).map(({ key, attempt }) => [key, attempt]),
    [
      ['job-3', 1],
      ['job-4', 1],
    ],
  );
  assert.deepEqual(claim(store), []);
});

test('an equal key is a duplicate while it waits and "processing" while it is claimed', () => {
  const { store, pass } = onClock();
  store.enqueue([job(1)]);
  assert.deepEqual(store.enqueue([job(1)]), ['duplicate']);
  const [claimed] = claim(store);
  assert.deepEqual(store.enqueue([job(1)]), ['processing']);
  fail(store, claimed);
  assert.deepEqual(store.enqueue([job(1)]), ['duplicate']);
  pass(100);
  const [again] = claim(store);
  store.settle([{ key: again.key, fence: again.fence, status: 'succeeded', charged: true }]);
  assert.deepEqual(store.enqueue([job(1)]), ['queued']);
});

test('the capacity bounds what is ready, not what is claimed or delayed', () => {
  const { store } = onClock({ capacity: 2 });
  assert.deepEqual(store.enqueue([job(1), job(2), job(3)]), ['queued', 'queued', 'full']);
  for (const claimed of claim(store)) fail(store, claimed);
  assert.deepEqual(store.stats(), { queued: 0, delayed: 2, running: 0, capacity: 2 });
  assert.deepEqual(store.enqueue([job(3), job(4), job(5)]), ['queued', 'queued', 'full']);
});

test('a failed job comes back after its delays, one by one, and then is dead', () => {
  const { store, pass } = onClock();
  store.enqueue([job(1)]);
  for (const [attempt, delay] of [
    [1, 100],
    [2, 200],
  ]) {
    const [claimed] = claim(store);
    assert.equal(claimed.attempt, attempt);
    const before = Date.now();
    const { applied, state, runAtMs } = fail(store, claimed);
    assert.deepEqual({ applied, state }, { applied: true, state: 'retry' });
    assert.ok(runAtMs >= before + delay);
    assert.equal(store.nextDueMs(), delay);
    pass(delay - 1);
    assert.deepEqual(claim(store), []);
    pass(1);
  }
  assert.equal(fail(store, claim(store)[0]).state, 'dead');
  assert.equal(store.nextDueMs(), null);
  assert.deepEqual(store.enqueue([job(1)]), ['queued']);
});

test('an uncharged failure costs no attempt and comes back at the named time', () => {
  const { store, pass } = onClock();
  store.enqueue([job(1)]);
  const throttled = { error: { class: 'throttled' }, charged: false, retryAfterMs: 7000 };
  for (let i = 0; i < 10; i++) {
    const [claimed] = claim(store);
    assert.equal(claimed.attempt, 1);
    assert.equal(fail(store, claimed, throttled).state, 'retry');
    assert.equal(store.nextDueMs(), 7000);
    pass(7000);
  }
});

test('what becomes of a failure follows its class', () => {
  const policy = { delaysMs: [100, 200], random: () => 0 };
  const next = (kind, extra, attempt = 1) =>
    afterFailure(attempt, { error: { class: kind }, charged: true, ...extra }, policy);
  for (const kind of ['permanent', 'config']) assert.deepEqual(next(kind), { state: 'dead' });
  // A setting that is not the job's own: with a time and without a charge there is something to wait for.
  const later = { charged: false, retryAfterMs: 7000 };
  assert.deepEqual(next('config', later, 99), { state: 'retry', delayMs: 7000 });
  assert.deepEqual(next('config', { ...later, charged: true }), { state: 'dead' });
  assert.deepEqual(next('config', { charged: false }), { state: 'dead' });
  assert.deepEqual(next('permanent', later), { state: 'dead' });
  for (const kind of ['transient', 'ambiguous', 'bug', 'cancelled'])
    assert.deepEqual(next(kind), { state: 'retry', delayMs: 100 });
  assert.deepEqual(next('transient', { retryAfterMs: 5000 }), { state: 'retry', delayMs: 5000 });
  assert.deepEqual(next('transient', { retryAfterMs: 5 }, 2), { state: 'retry', delayMs: 200 });
  assert.deepEqual(next('transient', {}, 3), { state: 'dead' });
  assert.deepEqual(next('throttled', { charged: false }), { state: 'retry', delayMs: 100 });
  assert.deepEqual(next('cancelled', { charged: false }, 99), { state: 'retry', delayMs: 1000 });
  const jittered = afterFailure(1, { error: transient, charged: true }, { ...policy, random: () => 0.999999 });
  assert.equal(jittered.delayMs, 110);
});

test('a lease that is not renewed ends, and its old owner changes nothing any more', () => {
  const { store, pass } = onClock();
  store.enqueue([job(1)]);
  const [old] = claim(store, 1, 1000);
  pass(900);
  assert.deepEqual(store.extend([old], 1000), [true]);
  pass(900);
  assert.deepEqual(claim(store), []);
  assert.equal(store.nextDueMs(), 100);
  pass(100);
  const [current] = claim(store);
  assert.ok(current.fence > old.fence);
  assert.equal(current.attempt, 2);
  assert.deepEqual(store.extend([old], 1000), [false]);
  assert.deepEqual(fail(store, old), { applied: false });
  store.release([old]);
  assert.deepEqual(claim(store), []);
  assert.deepEqual(store.settle([{ ...current, status: 'succeeded', charged: true }]), [
    { applied: true, state: 'done' },
  ]);
});

test('a released job is back at once, in its old place, uncharged', () => {
  const { store } = onClock();
  store.enqueue([job(1), job(2)]);
  const [first] = claim(store, 1);
  store.release([first]);
  const again = claim(store);
  assert.deepEqual(
    again.map(({ key, attempt }) => [key, attempt]),
    [
      ['job-1', 1],
      ['job-2', 1],
    ],
  );
});

test('listeners hear of work, until they leave', () => {
  const { store } = onClock();
  let calls = 0;
  const leave = store.onWork(() => calls++);
  store.enqueue([job(1)]);
  store.enqueue([job(1)]);
  assert.equal(calls, 1);
  const [claimed] = claim(store);
  fail(store, claimed);
  assert.equal(calls, 2);
  leave();
  store.enqueue([job(2)]);
  assert.equal(calls, 2);
});

test('a closed store refuses jobs and still hands out what it holds', () => {
  const { store } = onClock();
  store.enqueue([job(1)]);
  store.close();
  assert.throws(() => store.enqueue([job(2)]), { code: 'ERR_WARMPATH_CLOSED' });
  assert.equal(claim(store).length, 1);
});

test('a thousand delayed jobs come back in the order of their times', () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const { store, pass } = onClock({ capacity: 1000, delaysMs: [1000] }, random);
  store.enqueue(Array.from({ length: 1000 }, (_, i) => job(i)));
  for (const claimed of claim(store, 1000)) fail(store, claimed);
  let found = 0;
  while (store.nextDueMs() !== null) {
    pass(store.nextDueMs());
    const due = claim(store, 1000, 2 ** 31);
    found += due.length;
    for (const claimed of due) store.settle([{ ...claimed, status: 'succeeded', charged: true }]);
  }
  assert.equal(found, 1000);
});
