'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { ClaimLoop } = require('../lib/worker/claim-loop.js');

/** A loop whose waits are written down instead of waited for; `tick()` ends the current one. */
function loopOf(t, store) {
  const waits = [];
  let fire;
  t.mock.method(globalThis, 'setTimeout', (fn, ms) => {
    waits.push(ms);
    fire = fn;
    return { unref: () => ({}) };
  });
  const listeners = [];
  const loop = new ClaimLoop({
    store: {
      claim: async () => store.found?.() ?? [],
      nextDueMs: () => store.dueMs ?? null,
      onWork: (fn) => listeners.push(fn) && (() => {}),
      release: async (claims) => store.released?.push(...claims),
    },
    room: () => store.room ?? 5,
    isHeld: () => store.held === true,
    take: (claims) => {
      store.taken?.push(...claims);
      store.room = 0;
    },
    onError: (err) => store.errors?.push(err),
    options: { leaseMs: 60_000, pollMs: 2000, owner: 'me' },
  });
  const wait = async (count) => {
    while (waits.length < count) await new Promise(setImmediate);
    return waits.at(-1);
  };
  return { loop, waits, wait, tick: () => fire(), work: () => listeners[0]() };
}

const near = (ms, expected) => assert.ok(ms >= expected * 0.9 && ms <= expected * 1.1, `${ms} for ${expected}`);

test('a poll that finds nothing gets rarer, up to 30 s, and is itself again after a hint', async (t) => {
  const { loop, wait, tick, work } = loopOf(t, {});
  loop.start();
  for (const [i, expected] of [2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
    near(await wait(i + 1), expected);
    tick();
  }
  await wait(7);
  work();
  near(await wait(8), 2000);
  await loop.stop();
});

test('a due time comes before the poll', async (t) => {
  const { loop, wait } = loopOf(t, { dueMs: 123 });
  loop.start();
  assert.equal(await wait(1), 123);
  await loop.stop();
});

test('found work makes the poll itself again', async (t) => {
  let rounds = 0;
  const store = { found: () => (++rounds === 4 ? [{ key: 'k', fence: 1 }] : []) };
  const { loop, wait, tick } = loopOf(t, store);
  loop.start();
  for (const [i, expected] of [2000, 4000, 8000].entries()) {
    near(await wait(i + 1), expected);
    tick();
  }
  near(await wait(4), 2000);
  tick();
  near(await wait(5), 4000);
  await loop.stop();
});

test('what a claim gets that was on its way when the worker was held goes back', async (t) => {
  const store = { released: [], taken: [] };
  store.found = () => {
    Object.assign(store, { held: true, room: 0 });
    return [{ key: 'a', fence: 7, job: {} }];
  };
  const { loop, wait } = loopOf(t, store);
  loop.start();
  await wait(1);
  assert.deepEqual([store.released, store.taken], [[{ key: 'a', fence: 7 }], []]);
  await loop.stop();
});
