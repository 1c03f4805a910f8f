'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { Queue, WarmpathError } = require('..');

const refused = (code) => (err) => err instanceof WarmpathError && err.code === code;

test('higher priority first, first in first out among equals, whatever way they came', () => {
  const queue = new Queue();
  queue.enqueue('a', { priority: 1 });
  queue.enqueue('plain');
  queue.enqueuePriority('low', -1);
  queue.enqueue('plain2');
  queue.enqueuePriority('b', 1);
  queue.enqueue('ten', { priority: 10 });
  queue.enqueue('min', { priority: -(2 ** 31) });
  queue.enqueue('max', { priority: 2 ** 31 - 1 });
  const order = ['max', 'ten', 'a', 'b', 'plain', 'plain2', 'low', 'min'];
  assert.deepEqual(queue.toArray(), order);
  assert.equal(queue.peek(), 'max');
  assert.deepEqual([queue.dequeue(), ...queue.dequeueMany(3)], order.slice(0, 4));
  assert.deepEqual(queue.dequeueMany(100), order.slice(4));
  assert.equal(queue.dequeue(), null);
  assert.equal(queue.peek(), null);
  assert.ok(queue.isEmpty());
});

test('items keep their identity and are not touched', () => {
  const queue = new Queue();
  const items = [Object.freeze({ a: 1 }), 'text', 0, false, '', Number.NaN, Symbol('s'), () => {}];
  for (const item of items) assert.equal(queue.enqueuePriority(item, 0), 'queued');
  assert.deepEqual(queue.toArray(), items);
  for (const item of items) assert.ok(Object.is(queue.dequeue(), item));
});

test('the same object can be queued at two priorities', () => {
  const queue = new Queue();
  const item = {};
  queue.enqueue(item, { priority: 1 });
  queue.enqueue('between', { priority: 5 });
  queue.enqueue(item, { priority: 9 });
  assert.deepEqual(queue.toArray(), [item, 'between', item]);
});

test('null and undefined are refused, and so are priorities that are no 32-bit integers', () => {
  const queue = new Queue();
  for (const item of [null, undefined]) {
    assert.throws(() => queue.enqueue(item), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
    assert.throws(() => queue.enqueueMany([{ item }]), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  }
  for (const priority of ['2', Number.NaN, 1.5, 2 ** 31, -(2 ** 31) - 1, Number.POSITIVE_INFINITY, 1n, null, {}]) {
    assert.throws(() => queue.enqueuePriority('x', priority), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  }
  for (const key of [5, null, {}, Symbol('x')]) {
    assert.throws(() => queue.enqueue('x', { key }), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
    assert.throws(() => queue.has(key), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
    assert.throws(() => queue.remove(key), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  }
  assert.throws(() => queue.enqueue('x', { prio: 1 }), { option: 'options.prio' });
  for (const max of [0, -1, 1.5, Number.NaN, '5', null]) {
    assert.throws(() => queue.dequeueMany(max), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  }
  assert.equal(queue.length, 0);
});

test('an equal key is a duplicate while it is queued', () => {
  const queue = new Queue();
  assert.equal(queue.enqueue('a', { key: 'k' }), 'queued');
  assert.equal(queue.enqueue('b', { key: 'k', priority: 9 }), 'duplicate');
  assert.ok(queue.has('k'));
  assert.equal(queue.dequeue(), 'a');
  assert.ok(!queue.has('k'));
  assert.equal(queue.enqueue('c', { key: 'k' }), 'queued');
  assert.equal(queue.remove('k'), 'c');
  assert.equal(queue.remove('k'), null);
  assert.equal(queue.length, 0);
});

test('the bound is exact, and a duplicate is not called full', () => {
  const queue = new Queue({ capacity: 3 });
  const put = (i) => queue.enqueue(i, { key: `${i}` });
  assert.deepEqual([1, 2, 3, 4].map(put), ['queued', 'queued', 'queued', 'full']);
  assert.equal(put(1), 'duplicate');
  queue.dequeue();
  assert.deepEqual([4, 5].map(put), ['queued', 'full']);
  assert.deepEqual(queue.stats(), {
    queued: 3,
    waiting: 0,
    running: 0,
    succeeded: 1,
    failed: 0,
    byClass: {},
    bytesIn: 0,
    bytesOut: 0,
    phases: {},
    name: null,
    capacity: 3,
    closed: false,
    waiters: 0,
    enqueued: 4,
    dequeued: 1,
    removed: 0,
    duplicates: 1,
    full: 2,
    dropped: 0,
  });
});

test('enqueueMany answers for each, and checks all before it queues one', () => {
  const queue = new Queue({ capacity: 2 });
  assert.throws(() => queue.enqueueMany([{ item: 1 }, { item: 2, priority: 0.5 }]), { option: 'entries[1].priority' });
  assert.throws(() => queue.enqueueMany([{ item: 1 }, 2]), { option: 'entries[1]' });
  assert.throws(() => queue.enqueueMany('ab'), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  assert.equal(queue.length, 0);
  const entries = [{ item: 'a', key: 'k' }, { item: 'b', key: 'k' }, { item: 'c', priority: 1 }, { item: 'd' }];
  assert.deepEqual(queue.enqueueMany(entries), ['queued', 'duplicate', 'queued', 'full']);
  assert.deepEqual(queue.toArray(), ['c', 'a']);
});

test('clear drops everything and frees keys and room', () => {
  const queue = new Queue({ capacity: 2 });
  queue.enqueue('a', { key: 'a' });
  queue.enqueue('b', { key: 'b' });
  assert.equal(queue.clear(), 2);
  assert.equal(queue.length, 0);
  assert.equal(queue.enqueue('a2', { key: 'a' }), 'queued');
  assert.deepEqual(queue.toArray(), ['a2']);
});

test('after close producers are refused and consumers drain', async () => {
  const queue = new Queue();
  queue.enqueueMany([{ item: 1 }, { item: 2 }]);
  queue.close();
  queue.close();
  for (const call of [
    () => queue.enqueue(3),
    () => queue.enqueueMany([{ item: 3 }]),
    () => queue.enqueuePriority(3, 1),
  ]) {
    assert.throws(call, refused('ERR_WARMPATH_CLOSED'));
  }
  const seen = [];
  for await (const item of queue) seen.push(item);
  assert.deepEqual(seen, [1, 2]);
});

test('loops wait without items, share them, and end on close', async () => {
  const queue = new Queue();
  const seen = [];
  const consume = async () => {
    for await (const item of queue) seen.push(item);
  };
  const loops = [consume(), consume(), consume()];
  for (let i = 0; i < 100; i++) {
    queue.enqueue(i);
    if (i % 10 === 0) await new Promise(setImmediate);
  }
  queue.close();
  await Promise.all(loops);
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test('a loop can be left and taken up again', async () => {
  const queue = new Queue();
  queue.enqueueMany([1, 2, 3].map((item) => ({ item })));
  for await (const item of queue) if (item === 2) break;
  assert.deepEqual(queue.toArray(), [3]);
});

test('it is async-disposable', async () => {
  const queue = new Queue();
  await queue[Symbol.asyncDispose]();
  assert.throws(() => queue.enqueue(1), refused('ERR_WARMPATH_CLOSED'));
});

test('removed items are free for the garbage collector', () => {
  const out = execFileSync(
    process.execPath,
    [
      '--expose-gc',
      '-e',
      `const { Queue } = require('.');
       const queue = new Queue({ capacity: 10 });
       const refs = [];
       (() => {
         for (let i = 0; i < 8; i++) {
           const item = { i };
           refs.push(new WeakRef(item));
           queue.enqueue(item, { key: String(i) });
           // Refused as a duplicate, one by one and in a batch.
           for (const many of [false, true]) {
             const refused = { i };
             refs.push(new WeakRef(refused));
             const entry = { item: refused, key: String(i) };
             const answer = many ? queue.enqueueMany([entry])[0] : queue.enqueue(refused, { key: entry.key });
             if (answer !== 'duplicate') throw new Error(answer);
           }
         }
         queue.dequeue(); queue.dequeueMany(2); queue.remove('5'); queue.dequeueMany(10);
         const cleared = { cleared: true };
         refs.push(new WeakRef(cleared));
         const other = new Queue();
         other.enqueue(cleared);
         other.clear();
         globalThis.kept = [queue, other];
       })();
       setImmediate(() => { gc(); console.log(refs.filter((ref) => ref.deref()).length); });`,
    ],
    { cwd: path.join(__dirname, '..'), encoding: 'utf8' },
  );
  assert.equal(out.trim(), '0');
});
