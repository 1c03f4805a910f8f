'use strict';

// Items of a shared queue that cannot be made again where they are taken: each is lost with an error, and nothing beside it.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const test = require('node:test');
const { Worker } = require('node:worker_threads');
const { Queue } = require('..');
const core = require('../lib/queue/core.js');
const { WarmpathError } = require('../lib/errors.js');

const module_ = () => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));

/** V8 writes it, and cannot read it. */
const broken = () => ({ inside: module_() });

const gone = (err) =>
  err instanceof WarmpathError && err.code === 'ERR_WARMPATH_INTERNAL' && err.cause instanceof Error;

const entries = (items) => items.map((item) => ({ item }));

test('an item nested deeper than the consumer’s stack is lost with an error, those behind it are not', async () => {
  const queue = new Queue({ name: 'deep', capacity: 1000 });
  const worker = new Worker(
    `const { Queue } = require('.');
    let deep = { at: new Date(0) };
    for (let level = 0; level < 15_000; level++) deep = { deep };
    const rest = Array.from({ length: 98 }, (_, i) => ({ i, text: 'item ' + i }));
    new Queue({ name: 'deep', capacity: 1000 }).enqueueMany(['one', deep, ...rest].map((item) => ({ item })));`,
    // The stack of the main thread is 1 MB.
    { eval: true, resourceLimits: { stackSizeMb: 64 } },
  );
  await once(worker, 'exit');
  assert.deepEqual(queue.dequeueMany(100), ['one']);
  assert.equal(queue.length, 99, 'what this handle has still to give counts');
  assert.throws(() => queue.dequeueMany(100), gone);
  const rest = Array.from({ length: 98 }, (_, i) => ({ i, text: `item ${i}` }));
  assert.deepEqual(queue.dequeueMany(100), rest);
  assert.equal(queue.length, 0);
  assert.equal(queue.dequeue(), null);
});

test('whatever lies behind one that cannot be made again comes next, in order, before what is in the queue', () => {
  const long = Buffer.alloc(100_000, 7);
  const behind = [
    'text',
    { a: 1 },
    { a: 2 },
    [1, 2],
    new Uint8Array([1, 2]),
    long,
    'x'.repeat(70_000),
    new Date(5),
    '',
  ];
  const queue = new Queue({ name: 'behind', capacity: 10_000 });
  const take = {
    one: () => queue.dequeue(),
    many: () => queue.dequeueMany(3),
    all: () => queue.dequeueMany(10_000),
  };
  for (const [first, rest] of [
    [take.all, take.one],
    [take.all, take.many],
    [take.all, take.all],
    [take.many, take.one],
  ]) {
    const many = Array.from({ length: 3000 }, (_, i) => `${i}`);
    queue.enqueueMany(entries([broken(), ...behind, ...many]));
    queue.enqueue('last');
    assert.throws(first, gone);
    assert.equal(queue.length, behind.length + many.length + 1);
    assert.equal(queue.isEmpty(), false);
    const expected = [...behind, ...many, 'last'];
    assert.deepEqual(queue.toArray(), expected);
    assert.equal(queue.peek(), 'text');
    const out = [];
    while (!queue.isEmpty()) out.push(...(rest === take.one ? [rest()] : rest()));
    assert.deepEqual(out, expected);
  }
});

test('each of many that cannot be made again has its error, and those between them come out', () => {
  const queue = new Queue({ name: 'several', capacity: 100 });
  queue.enqueueMany(entries(['a', broken(), broken(), { b: 1 }, broken(), 'c']));
  assert.throws(() => queue.toArray(), gone);
  assert.deepEqual(queue.dequeueMany(100), ['a']);
  assert.throws(() => queue.peek(), gone);
  assert.throws(() => queue.dequeueMany(100), gone);
  assert.throws(() => queue.dequeue(), gone);
  assert.deepEqual(queue.dequeueMany(100), [{ b: 1 }]);
  assert.throws(() => queue.dequeueMany(100), gone);
  queue.enqueue('d');
  assert.deepEqual(queue.dequeueMany(100), ['c', 'd'], 'what is owed, and then of the queue');
  queue.enqueueMany(entries(['a', broken(), 'b', 'c']));
  queue.dequeueMany(100);
  queue.enqueue('d');
  assert.equal(queue.clear(), 4, 'dropped with the others');
  assert.equal(queue.length, 0);
});

test('a copy that peek and toArray give of what is owed is a copy', () => {
  const queue = new Queue({ name: 'owed copies', capacity: 100 });
  queue.enqueueMany(entries([broken(), new Uint8Array([1, 2]), Buffer.from([3])]));
  assert.throws(() => queue.dequeueMany(10), gone);
  queue.peek().fill(9);
  for (const item of queue.toArray()) item.fill(9);
  assert.deepEqual(queue.dequeueMany(10), [new Uint8Array([1, 2]), Buffer.from([3])]);
});

test('one that cannot be made again rejects the wait that takes it, and no other', async () => {
  const queue = new Queue({ name: 'rejects', capacity: 100 });
  const other = new Queue({ name: 'rejects not', capacity: 100 });
  const waits = [queue.dequeueWait(), queue.dequeueWait(), queue.dequeueManyWait(5), other.dequeueWait()];
  queue.enqueue(broken());
  queue.enqueueMany(entries(['a', 'b', 'c']));
  other.enqueue('hello');
  await assert.rejects(waits[0], gone);
  assert.equal(await waits[1], 'a');
  assert.deepEqual(await waits[2], ['b', 'c']);
  assert.equal(await waits[3], 'hello');
  // Found at once, with options and without.
  for (const options of [undefined, {}, { timeoutMs: 0 }, { timeoutMs: 60_000 }]) {
    queue.enqueue(broken());
    await assert.rejects(queue.dequeueWait(options), gone);
    queue.enqueueMany(entries(['a', broken(), 'b']));
    assert.deepEqual(await queue.dequeueManyWait(5, options), ['a']);
    await assert.rejects(queue.dequeueManyWait(5, options), gone);
    assert.deepEqual(await queue.dequeueManyWait(5, options), ['b']);
  }
  queue.enqueueMany(entries(['a', broken(), 'b', 'c']));
  queue.close();
  const seen = [];
  const loop = async () => {
    for await (const item of queue) seen.push(item);
  };
  await assert.rejects(loop, gone);
  await loop();
  assert.deepEqual(seen, ['a', 'b', 'c'], 'a loop that is taken up again ends where the queue does');
});

test('who waits is given what somebody else left over, without another wake-up', async () => {
  const queue = new Queue({ name: 'left over', capacity: 100 });
  const waits = [queue.dequeueWait(), queue.dequeueWait()];
  queue.enqueueMany(entries(['a', broken(), 'b', 'c']));
  assert.deepEqual(queue.dequeueMany(10), ['a']);
  await assert.rejects(waits[0], gone);
  assert.equal(await waits[1], 'b');
  assert.equal(queue.dequeue(), 'c');
  // Two wake-ups for two items, both for others.
  const others = [0, 1].map(() => new Queue({ name: 'left over', capacity: 100 }));
  const theirs = others.map((other) => other.dequeueWait());
  await new Promise(setImmediate);
  const ours = queue.dequeueWait();
  await new Promise(setImmediate);
  queue.enqueueMany(entries([broken(), 'd']));
  assert.throws(() => queue.dequeueMany(10), gone);
  assert.equal(await ours, 'd');
  queue.close();
  assert.deepEqual(await Promise.all(theirs), [null, null]);
});

test('a queue that cannot be served keeps no wake-up from the others', async (t) => {
  const faulty = new Queue({ name: 'faulty' });
  const other = new Queue({ name: 'not faulty' });
  const first = faulty.dequeueWait();
  // It looks once more, and is known to native code then.
  await new Promise(setImmediate);
  const [[number, waiters]] = core.waiting;
  core.waiting.set(number, {
    serve() {
      throw new Error('faulty');
    },
  });
  const second = other.dequeueWait();
  await new Promise(setImmediate);
  const errors = [];
  const monitor = (err) => errors.push(err.message);
  process.setUncaughtExceptionCaptureCallback(monitor);
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  faulty.enqueue(1);
  other.enqueue(2);
  assert.equal(await second, 2);
  assert.deepEqual(errors, ['faulty']);
  waiters.serve();
  assert.equal(await first, 1);
});

test('a WebAssembly.Module is refused', () => {
  const queue = new Queue({ name: 'modules' });
  const refused = { code: 'ERR_WARMPATH_INVALID_ARGUMENT' };
  assert.throws(() => queue.enqueue(module_()), { ...refused, option: 'item' });
  assert.throws(() => queue.enqueueMany(entries(['a', module_()])), { ...refused, option: 'entries[1].item' });
  assert.equal(queue.length, 0);
});

test('what is dropped is made again only for a listener, and never fails who enqueues', () => {
  for (const heard of [false, true]) {
    const queue = new Queue({ name: `drops ${heard}`, capacity: 4, full: 'drop-oldest' });
    const seen = [];
    if (heard) queue.on('dropped', (item) => seen.push(item));
    const long = Buffer.alloc(100_000, 1);
    queue.enqueueMany(entries(['a', broken(), long, { b: 1 }]));
    assert.equal(queue.enqueue('new'), 'queued');
    assert.equal(queue.enqueue('new'), 'queued');
    assert.deepEqual(queue.enqueueMany(entries(['new', 'new'])), ['queued', 'queued']);
    queue.enqueueMany(entries([broken(), 'x', broken(), 'y']));
    queue.enqueueMany(entries([1, 2, 3, 4]));
    assert.deepEqual(seen, heard ? ['a', long, { b: 1 }, 'new', 'new', 'new', 'new', 'x', 'y'] : []);
    assert.equal(queue.stats().dropped, 12);
    assert.deepEqual(queue.dequeueMany(10), [1, 2, 3, 4]);
    const { bytesIn, bytesOut } = queue.stats();
    assert.equal(bytesIn, bytesOut);
  }
});

test('what is dropped and nobody sees is freed at once', (t) => {
  const door = core.sharedDoor();
  const queue = new Queue({ name: 'freed', capacity: 2, full: 'drop-oldest' });
  const { mock } = t.mock.method(door, 'dropped');
  const long = Buffer.alloc(100_000, 1);
  queue.enqueueMany(entries([long, long]));
  queue.enqueueMany(entries(['a', 'b']));
  const [handle] = mock.calls.at(-1).arguments;
  door.more(handle);
  assert.equal(door.integers[0], 0, 'items are pending');
});
