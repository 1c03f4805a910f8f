'use strict';

// What a queue says of what it did: when dropped items are told of, and how many of a batch were queued.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { Queue } = require('..');
const { sharedDoor } = require('../lib/queue/core.js');

const entries = (items, more = () => ({})) => items.map((item, i) => ({ item, ...more(i) }));

/** More than crosses at a time, by number or by length. */
const BATCHES = {
  texts: Array.from({ length: 5000 }, (_, i) => `${i}`.padEnd(100)),
  objects: Array.from({ length: 5000 }, (_, i) => ({ i, pad: ''.padEnd(100) })),
  bytes: Array.from({ length: 5000 }, (_, i) => new Uint8Array(100).fill(i)),
  mixed: Array.from({ length: 5000 }, (_, i) => (i % 2 ? i : `${i}`)),
  long: Array.from({ length: 20 }, (_, i) => new Uint8Array(70_000).fill(i)),
};

for (const form of ['local', 'shared']) {
  test(`${form}: dropped items are told of when the whole batch is queued`, () => {
    for (const [kind, items] of Object.entries(BATCHES)) {
      const queue = new Queue({
        capacity: 10,
        full: 'drop-oldest',
        ...(form === 'shared' && { name: `told ${kind}` }),
      });
      const before = Array.from({ length: 10 }, (_, i) => `before ${i}`);
      queue.enqueueMany(entries(before));
      const told = [];
      const lengths = new Set();
      queue.on('dropped', (item) => {
        told.push(item);
        lengths.add(queue.stats().enqueued);
      });
      queue.enqueueMany(entries(items));
      assert.deepEqual([...lengths], [10 + items.length], kind);
      assert.deepEqual(told, [...before, ...items].slice(0, -10), kind);
      assert.deepEqual(queue.dequeueMany(100), items.slice(-10));
    }
  });
}

/** Closes the queue as soon as native code has done a part of a batch, as another thread may. */
function closeAfterFirst(t, queue, name) {
  const door = sharedDoor();
  const call = door[name];
  const { mock } = t.mock.method(door, name, (...given) => {
    mock.restore();
    const answer = call(...given);
    const { integers } = door;
    const kept = integers.slice();
    queue.close();
    integers.set(kept);
    return answer;
  });
}

test('a batch that was closed half-way says how many were queued, duplicates not among them', (t) => {
  const queue = new Queue({ name: 'half-way', capacity: 3000 });
  closeAfterFirst(t, queue, 'putMany');
  const given = entries(BATCHES.texts.slice(0, 4000), (i) => ({ key: `${i % 100}`, priority: 1 }));
  let error = null;
  try {
    queue.enqueueMany(given);
  } catch (err) {
    error = err;
  }
  assert.equal(error?.code, 'ERR_WARMPATH_CLOSED');
  assert.ok(queue.stats().duplicates > 0);
  assert.match(error.message, /after 100 of 4000 entries were queued/);
});

test('a batch that was closed half-way has told what it dropped before it fails', (t) => {
  for (const [kind, name] of [
    ['texts', 'putRun'],
    ['mixed', 'putMany'],
  ]) {
    const queue = new Queue({ name: `half-way ${kind}`, capacity: 10, full: 'drop-oldest' });
    queue.enqueueMany(entries(BATCHES[kind].slice(0, 10)));
    const told = [];
    queue.on('dropped', (item) => told.push(item));
    closeAfterFirst(t, queue, name);
    assert.throws(() => queue.enqueueMany(entries(BATCHES[kind])), { code: 'ERR_WARMPATH_CLOSED' });
    assert.equal(told.length, queue.stats().dropped, kind);
    assert.ok(told.length > 10);
  }
});

test('an item that was dropped is free for the garbage collector', () => {
  const out = execFileSync(
    process.execPath,
    [
      '--expose-gc',
      '-e',
      `const { Queue } = require('.');
       const queue = new Queue({ capacity: 2, full: 'drop-oldest' });
       const refs = [];
       const item = () => {
         const made = {};
         refs.push(new WeakRef(made));
         return { item: made };
       };
       queue.enqueueMany([item(), item()]);
       queue.enqueueMany([{ item: 1 }, { item: 2 }]);
       setImmediate(() => {
         gc();
         console.log(refs.filter((ref) => ref.deref()).length, queue.length);
       });`,
    ],
    { cwd: path.join(__dirname, '..'), encoding: 'utf8' },
  );
  assert.equal(out, '0 2\n');
});
