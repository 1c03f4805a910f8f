'use strict';

// What a shared queue copies: views have memory of their own, JSON is chosen only where it says all, and what cannot be read or cloned
// is refused before anything is queued.

const assert = require('node:assert/strict');
const { constants } = require('node:buffer');
const test = require('node:test');
const { Queue } = require('..');
const codec = require('../lib/queue/codec.js');
const { sharedDoor } = require('../lib/queue/core.js');

const VIEWS = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

const refused = (option) => (err) =>
  err.code === 'ERR_WARMPATH_INVALID_ARGUMENT' && err.option === option && err.cause instanceof Error;

/** Refused alone and at the end of a batch of which the first part would have been queued. */
function assertRefused(queue, make, cause = /./) {
  const is = (option) => (err) => refused(option)(err) && cause.test(err.cause.message);
  assert.throws(() => queue.enqueue(make()), is('item'));
  for (const item of ['text', { a: 1 }, 1, new Date(0), Buffer.from([1])]) {
    const entries = Array.from({ length: 2100 }, () => ({ item }));
    assert.throws(() => queue.enqueueMany([...entries, { item: make() }]), is('entries[2100].item'));
    assert.throws(() => queue.enqueueMany([{ item: make() }, ...entries]), is('entries[0].item'));
  }
  assert.equal(queue.length, 0);
}

test('a view comes back of its own memory, and of no more', () => {
  const queue = new Queue({ name: 'views', capacity: 100 });
  const source = Uint8Array.from({ length: 64 }, (_, i) => i).buffer;
  for (const View of VIEWS) {
    for (const count of [0, 1, 3]) {
      const length = count * (View.BYTES_PER_ELEMENT ?? 1);
      const view = new View(source, 16, count);
      const bytes = new Uint8Array(source, 16, length);
      // The text puts what follows it at another place of the item.
      const items = [view, { pad: 'x', view }, { pad: 'xx', map: new Map([[1, [view]]]) }];
      queue.enqueueMany(items.map((item) => ({ item })));
      for (const got of [...queue.toArray(), ...queue.dequeueMany(2), queue.dequeue()]) {
        const back = ArrayBuffer.isView(got) ? got : (got.view ?? got.map.get(1)[0]);
        assert.equal(Object.getPrototypeOf(back), View.prototype);
        assert.deepEqual([back.byteOffset, back.byteLength, back.buffer.byteLength], [0, length, length], View.name);
        assert.deepEqual(new Uint8Array(back.buffer), bytes);
      }
    }
  }
  const buffer = Buffer.from('text');
  queue.enqueue({ buffer, again: buffer, at: new Date(0) });
  const { buffer: back, again } = queue.dequeue();
  assert.ok(Buffer.isBuffer(back));
  assert.equal(back, again, 'one view in two places stays one');
  assert.equal(back.toString(), 'text');
  assert.equal(back.buffer.byteLength, 4);
});

test('a view whose memory has gone is refused, wherever it is', () => {
  const queue = new Queue({ name: 'views without memory', capacity: 5000 });
  const shrunk = (View) => {
    const buffer = new ArrayBuffer(16, { maxByteLength: 16 });
    const view = new View(buffer, 8, 1);
    buffer.resize(4);
    return view;
  };
  const transferred = (View) => {
    const view = new View(new ArrayBuffer(8));
    structuredClone(0, { transfer: [view.buffer] });
    return view;
  };
  const buffer = () => {
    const memory = new ArrayBuffer(16, { maxByteLength: 16 });
    const view = Buffer.from(memory, 8, 8);
    memory.resize(4);
    return view;
  };
  for (const lose of [shrunk, transferred]) {
    assertRefused(queue, () => lose(Uint8Array));
    for (const View of [Uint8Array, Float64Array, DataView]) assertRefused(queue, () => ({ at: lose(View) }));
  }
  assertRefused(queue, buffer);
  const tracking = new Uint8Array(new ArrayBuffer(8, { maxByteLength: 8 }));
  tracking.buffer.resize(0);
  queue.enqueue(tracking);
  assert.deepEqual(queue.dequeue(), new Uint8Array(0), 'one that shows none of a buffer of none');
});

test('what a view says of itself is asked of the view', () => {
  const queue = new Queue({ name: 'lying views', capacity: 100 });
  queue.enqueue(new Uint8Array(300).fill(7));
  queue.dequeue();
  for (const length of [200, 0, 70_000, -1, 'x']) {
    const lying = new Uint8Array([1, 2]);
    Object.defineProperty(lying, 'length', { value: length });
    const nested = new Float64Array([1]);
    for (const name of ['byteLength', 'byteOffset']) Object.defineProperty(nested, name, { value: length });
    queue.enqueue(lying);
    queue.enqueueMany([{ item: lying }, { item: lying }]);
    queue.enqueueMany([
      { item: lying, priority: 0 },
      { item: 'x', priority: 0 },
    ]);
    queue.enqueue({ nested });
    const out = queue.dequeueMany(10);
    for (const at of [0, 1, 2, 3]) assert.deepEqual(out[at], new Uint8Array([1, 2]));
    assert.deepEqual(out[5].nested, new Float64Array([1]));
  }
  assertRefused(queue, () => Object.setPrototypeOf({}, Uint8Array.prototype));
});

test('shared memory is copied before native code reads it', (t) => {
  const door = sharedDoor();
  const queue = new Queue({ name: 'shared memory' });
  const memory = new SharedArrayBuffer(100_000);
  for (const view of [new Uint8Array(memory), Buffer.from(memory)]) {
    const { mock } = t.mock.method(door, 'putBytes');
    queue.enqueue(view);
    assert.ok(mock.calls[0].arguments[2].buffer instanceof ArrayBuffer, view.constructor.name);
    mock.restore();
    assert.equal(queue.dequeue().length, 100_000);
  }
});

test('an array with a hole and a field beside its elements is no JSON', () => {
  const queue = new Queue({ name: 'holes', capacity: 100 });
  // biome-ignore lint/suspicious/noSparseArray: that is what it is about
  const items = [[1, , 3], [, 2], [1, ,], [], [1], [1, [2, [3]]]].map((item) => Object.assign(item, { foo: 1 }));
  items.push(Object.assign([], { 1: 1 }), Object.assign([1], { '-1': 2 }), [[1], []]);
  for (const item of items) {
    for (const given of [item, { item }, [item]]) {
      queue.enqueue(given);
      assert.deepStrictEqual(queue.dequeue(), structuredClone(given));
    }
  }
});

test('a toJSON that no loop finds is not called', () => {
  const queue = new Queue({ name: 'toJSON', capacity: 100 });
  const hidden = (object) => Object.defineProperty(object, 'toJSON', { value: () => assert.fail('called') });
  for (const item of [hidden({ a: 1 }), hidden([1]), { a: hidden({ b: 1 }) }, [hidden([1])], { a: hidden([1]) }]) {
    queue.enqueue(item);
    queue.enqueueMany([{ item }, { item }]);
    const plain = structuredClone(item);
    assert.deepEqual(queue.dequeueMany(3), [plain, plain, plain]);
  }
});

test('what cannot be read or cloned is refused with what was thrown as the cause', () => {
  const queue = new Queue({ name: 'unreadable', capacity: 5000 });
  const fail = () => {
    throw new RangeError('mine');
  };
  const getter = (object, get = fail) => Object.defineProperty(object, 'field', { get, enumerable: true });
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  assertRefused(queue, () => getter({}), /mine/);
  assertRefused(queue, () => getter([]), /mine/);
  assertRefused(queue, () => ({ a: getter({}) }), /mine/);
  assertRefused(queue, () => new Map([[1, getter({})]]), /mine/);
  assertRefused(queue, revoked, /revoked/);
  assertRefused(queue, () => ({ a: revoked() }), /revoked/);
  const nested = () => {
    let reads = 0;
    return { a: getter({}, () => (reads++ % 2 ? 5n : 1)) };
  };
  assertRefused(queue, nested, /BigInt/);
});

test('JSON that no consumer could be given is refused', (t) => {
  const most = constants.MAX_STRING_LENGTH;
  const { stringify } = JSON;
  t.after(() => {
    JSON.stringify = stringify;
  });
  // Half a gigabyte of text takes seconds to make; what is asked of it is its length.
  const text = (length) => ({ length });
  JSON.stringify = () => text(most);
  assert.throws(() => codec.payload(codec.JSON_TEXT, [1]), RangeError);
  JSON.stringify = () => text(most - 1);
  assert.equal(codec.payload(codec.JSON_TEXT, [1]).length, most - 1);
});
