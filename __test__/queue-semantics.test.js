'use strict';

// The table of docs/queue.md: both forms of the queue against a model, and what the options and the waiting promise.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { getEventListeners } = require('node:events');
const path = require('node:path');
const test = require('node:test');
const { Queue, WarmpathError } = require('..');
const { play } = require('./support/queue-model.js');

const HISTORIES = process.env.WARMPATH_TEST_LONG === '1' ? 5_000 : 150;
const refused = (code, option) => (err) =>
  err instanceof WarmpathError && err.code === code && (option === undefined || err.option === option);

const localItem = (step) => ({ step });
const SHARED_ITEMS = [
  (step) => `text ${step}`,
  (step) => `\t${step} é 钥匙 🗝`,
  (step) => new Uint8Array(1 + (step % 200)).fill(step),
  (step) => Buffer.from(`buffer ${step}`),
  (step) => ({ step, name: 'é', none: null, list: [1, 'two', false] }),
  (step) => ({ date: new Date(step), map: new Map([[step, 1n]]), missing: undefined }),
  (step) => `\ud800 lone ${step}`,
  (step) => step,
  (step) => 'x'.repeat(100_000) + step,
  (step) => new Uint8Array(70_000).fill(step),
];
/** Batches of texts alone, of JSON alone and of bytes alone cross as one. */
const ALIKE = [
  (step) => `text ${step}`,
  (step) =>
    ['', '\t', `\tтекст ${step}`, `é ${step}`, `\ud800 ${step} \udc00`, 'x'.repeat(9000), '🗝', `text ${step}`][
      Math.floor(step * 1000) % 8
    ],
  (step) => ({ step, name: `текст ${step}`, none: null }),
  (step) => ({ step, list: [`text ${step}`] }),
  (step) => new Uint8Array(1 + (Math.floor(step * 1000) % 100)).fill(step),
  (step) => Buffer.alloc(1 + (Math.floor(step * 1000) % 7) * 9000, step),
];
const sharedItem = (step, random) => SHARED_ITEMS[random(50) ? random(8) : random(10)](step);

for (const full of ['reject', 'drop-oldest', 'drop-lowest']) {
  test(`local, ${full}: random histories agree with the model`, () => {
    for (let seed = 0; seed < HISTORIES; seed++) {
      const options = { capacity: 1 + (seed % 24), full };
      play(new Queue(options), options, seed, 150, localItem);
    }
  });

  test(`shared, ${full}: random histories agree with the model`, () => {
    for (let seed = 0; seed < HISTORIES; seed++) {
      const options = { capacity: 1 + (seed % 24), full };
      const queue = new Queue({ ...options, name: `history ${full} ${seed}` });
      play(queue, options, seed, 150, seed % 2 ? sharedItem : ALIKE[(seed / 2) % ALIKE.length]);
      queue.close();
      queue.clear();
    }
  });
}

test('shared items come back as what they were, and as copies', () => {
  const queue = new Queue({ name: 'fidelity', capacity: 100 });
  const shared = {};
  const holes = [1];
  holes[2] = 3;
  const items = [
    '',
    'latin é ÿ',
    '\t["not json"]',
    '\0',
    0,
    -0,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2n ** 70n,
    true,
    false,
    {},
    [],
    holes,
    Object.assign([1], { extra: true }),
    { a: { b: { c: [1, { d: null }] } } },
    { first: shared, second: shared },
    JSON.parse('{"__proto__": {"polluted": true}, "x": 1}'),
    { date: new Date(5), re: /x/g, set: new Set([1]), err: new RangeError('r'), bytes: new Uint8Array([1, 2]) },
    new Uint8Array(0),
    Buffer.alloc(0),
    new Uint8Array(new SharedArrayBuffer(100_000)).fill(7),
    new Float64Array([1, 2]),
    { toJSON: 'not a function', n: -0 },
    { __proto__: null, bare: 1 },
  ];
  for (const item of items) queue.enqueue(item);
  const again = structuredClone(items, { transfer: [] });
  const check = (got) => {
    for (const [i, item] of got.entries()) {
      assert.deepStrictEqual(
        Buffer.isBuffer(items[i]) ? Buffer.from(item) : item,
        again[i] instanceof Uint8Array ? item : again[i],
      );
      if (items[i] instanceof Uint8Array) assert.equal(Buffer.compare(item, items[i]), 0);
      assert.equal(Buffer.isBuffer(item), Buffer.isBuffer(items[i]));
    }
  };
  check(queue.toArray());
  const cyclic = { name: 'c' };
  cyclic.self = cyclic;
  queue.enqueue(cyclic);
  const out = queue.dequeueMany(100);
  check(out.slice(0, items.length));
  const { first, second } = out[17];
  assert.equal(first, second, 'one object in two places stays one');
  assert.equal(out.at(-1).self, out.at(-1));
  assert.notEqual(out[12], items[12]);
  for (const item of [() => {}, Symbol('s'), { f() {} }]) {
    assert.throws(() => queue.enqueue(item), refused('ERR_WARMPATH_INVALID_ARGUMENT', 'item'));
    assert.throws(
      () => queue.enqueueMany([{ item: 1 }, { item }]),
      refused('ERR_WARMPATH_INVALID_ARGUMENT', 'entries[1].item'),
    );
  }
  assert.equal(queue.length, 0);
});

test('options are refused by name, from own properties only', () => {
  const wrong = [
    [{ capacity: 0 }, 'capacity'],
    [{ capacity: 1.5 }, 'capacity'],
    [{ capacity: '5' }, 'capacity'],
    [{ capacity: Number.NaN }, 'capacity'],
    [{ capacity: 2 ** 32 + 5 }, 'capacity'],
    [{ name: '' }, 'name'],
    [{ name: 5 }, 'name'],
    [{ name: 'a\0b' }, 'name'],
    [{ full: 'drop' }, 'full'],
    [{ agingMs: -1 }, 'agingMs'],
    [{ agingMs: 0.5 }, 'agingMs'],
    [{ priority: 1 }, 'priority'],
  ];
  for (const [options, option] of wrong)
    assert.throws(() => new Queue(options), refused('ERR_WARMPATH_INVALID_OPTION', option));
  assert.throws(() => new Queue(null), refused('ERR_WARMPATH_INVALID_OPTION'));
  assert.throws(() => new Queue([]), refused('ERR_WARMPATH_INVALID_OPTION'));
  const queue = new Queue({ capacity: 5 });
  Object.defineProperty(Object.prototype, 'key', { value: 'polluted', configurable: true, writable: true });
  Object.defineProperty(Object.prototype, 'capacity', { value: 1, configurable: true, writable: true });
  try {
    assert.deepEqual(queue.enqueueMany([{ item: 1 }, { item: 2 }]), ['queued', 'queued']);
    assert.equal(queue.enqueue(3, { priority: 1 }), 'queued');
    assert.equal(queue.enqueue(3, {}), 'queued');
    assert.equal(new Queue({}).stats().capacity, 500);
    Object.defineProperty(Object.prototype, 'timeoutMs', { value: 0, configurable: true, writable: true });
    for (const given of [[], [undefined], [{}]]) {
      const waiting = new Queue();
      waiting.dequeueWait(...given);
      waiting.dequeueManyWait(5, ...given);
      assert.equal(waiting.stats().waiters, 2);
    }
  } finally {
    delete Object.prototype.timeoutMs;
    delete Object.prototype.key;
    delete Object.prototype.capacity;
  }
  assert.throws(() => queue.enqueue(4, Object.create({ key: 'inherited' })), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  assert.throws(() => queue.enqueueMany([Object.create({ item: 1 })]), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  // Of a parent that hides its fields from loops, too.
  const parent = Object.create({}, { item: { value: 1 }, key: { value: 'inherited' }, priority: { value: 9 } });
  const child = (own) => Object.defineProperties(Object.create(parent), Object.getOwnPropertyDescriptors(own));
  for (const own of [{}, { key: 'own' }, { priority: 1 }]) {
    assert.throws(() => queue.enqueue(4, child(own)), refused('ERR_WARMPATH_INVALID_ARGUMENT', 'options'));
    assert.throws(() => queue.enqueueMany([child(own)]), refused('ERR_WARMPATH_INVALID_ARGUMENT', 'entries[0]'));
  }
  assert.throws(() => queue.enqueueMany([child({ item: 1, priority: 1 })]), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
  const own = Object.defineProperty({ priority: 1 }, 'key', { value: 'hidden, but its own' });
  assert.equal(queue.enqueue(4, own), 'queued');
  assert.equal(queue.remove('hidden, but its own'), 4);
  assert.throws(
    () => queue.enqueueMany([{ item: 1, prio: 2 }]),
    refused('ERR_WARMPATH_INVALID_ARGUMENT', 'entries[0].prio'),
  );
  assert.throws(() => queue.enqueue(4, { key: '\ud800' }), refused('ERR_WARMPATH_INVALID_ARGUMENT', 'options.key'));
  assert.throws(() => queue.enqueuePriority(4, '1'), refused('ERR_WARMPATH_INVALID_ARGUMENT', 'priority'));
  assert.equal(queue.length, 4);
});

test('a shared name needs equal options; both orders of opening are refused alike', () => {
  const first = new Queue({ name: 'equal', capacity: 7, full: 'drop-oldest', agingMs: 5 });
  const same = { name: 'equal', capacity: 7, full: 'drop-oldest', agingMs: 5 };
  for (const [option, value] of [
    ['capacity', 8],
    ['full', 'reject'],
    ['agingMs', 6],
  ]) {
    assert.throws(() => new Queue({ ...same, [option]: value }), refused('ERR_WARMPATH_INVALID_OPTION', option));
  }
  const second = new Queue(same);
  first.enqueue('x', { key: 'k' });
  assert.ok(second.has('k'));
  assert.equal(second.dequeue(), 'x');
  first.close();
  assert.throws(() => second.enqueue(1), refused('ERR_WARMPATH_CLOSED'));
  assert.equal(new Queue({ name: 'equal' }).enqueue(1), 'queued', 'closed and drained: the name is free');
});

test('a faulty listener of dropped items loses nothing', () => {
  const script = `const { Queue } = require('.');
    process.on('uncaughtException', (err) => console.log(err.message));
    for (const name of [undefined, 'faulty listener']) {
      const queue = new Queue({ capacity: 1, full: 'drop-oldest', ...(name && { name }) });
      const seen = [];
      queue.on('dropped', (item) => {
        seen.push(item);
        if (item === 'a') throw new Error('listener');
      });
      console.log(queue.enqueueMany(['a', 'b', 'c'].map((item) => ({ item }))).join(), seen.join(), queue.toArray().join());
    }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    cwd: path.join(__dirname, '..'),
    encoding: 'utf8',
  });
  assert.equal(stdout, `${'queued,queued,queued a,b c\n'.repeat(2)}${'listener\n'.repeat(2)}`, stderr);
});

test('a loop over a queue that is never empty lets timers and messages have their turn', async () => {
  const queue = new Queue({ name: 'never empty', capacity: 10_000 });
  queue.enqueueMany(Array.from({ length: 10_000 }, (_, item) => ({ item })));
  let turns = 0;
  const count = setInterval(() => turns++, 0);
  for (let i = 0; i < 5_000; i++) {
    assert.equal(
      await queue.dequeueWait(i % 2 ? { timeoutMs: 0 } : undefined),
      i,
      'looking once finds it, however often',
    );
  }
  for await (const item of queue) if (item === 9_999) break;
  clearInterval(count);
  assert.equal(queue.length, 0);
  assert.ok(turns > 0, 'no timer fired');
});

test('with aging, a low item overtakes a later high one, and not without', async () => {
  const order = async (agingMs) => {
    const queue = new Queue({ agingMs });
    queue.enqueue('low', { priority: 0 });
    const started = performance.now();
    // Waits for time to pass, not for something to happen: age is time.
    while (performance.now() - started < 15) await new Promise(setImmediate);
    queue.enqueue('high', { priority: 5 });
    return queue.dequeueMany(2);
  };
  assert.deepEqual(await order(1), ['low', 'high']);
  assert.deepEqual(await order(0), ['high', 'low']);
  assert.deepEqual(await order(2 ** 31 - 1), ['high', 'low']);
});

for (const name of [undefined, 'waiting']) {
  const options = name === undefined ? {} : { name };
  const form = name === undefined ? 'local' : 'shared';

  test(`${form}: dequeueWait gives an item, or null in time, at the end, or rejects when aborted`, async () => {
    const queue = new Queue(options);
    queue.enqueue('now');
    assert.equal(await queue.dequeueWait(), 'now');
    assert.equal(await queue.dequeueWait({ timeoutMs: 0 }), null);
    assert.equal(await queue.dequeueWait({ timeoutMs: 5 }), null);
    const waits = [queue.dequeueWait(), queue.dequeueWait({ timeoutMs: 60_000 }), queue.dequeueWait()];
    assert.equal(queue.stats().waiters, 3);
    queue.enqueue('first');
    queue.enqueueMany([{ item: 'second' }, { item: 'third' }, { item: 'left' }]);
    assert.deepEqual(await Promise.all(waits), ['first', 'second', 'third'], 'first come, first served');
    assert.equal(queue.dequeue(), 'left');
    const abort = new AbortController();
    const pending = queue.dequeueWait({ signal: abort.signal });
    const other = queue.dequeueWait();
    abort.abort(new Error('enough'));
    await assert.rejects(
      pending,
      (err) => err.code === 'ERR_WARMPATH_ABORTED' && err.name === 'AbortError' && err.cause.message === 'enough',
    );
    await assert.rejects(queue.dequeueWait({ signal: abort.signal }), { code: 'ERR_WARMPATH_ABORTED' });
    queue.enqueue('for the other');
    assert.equal(await other, 'for the other');
    for (const wrong of [
      { timeoutMs: -1 },
      { timeoutMs: '5' },
      { timeoutMs: Number.NaN },
      { signal: {} },
      { timeout: 5 },
      5,
      null,
    ]) {
      await assert.rejects(queue.dequeueWait(wrong), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
    }
    const last = [queue.dequeueWait(), queue.dequeueWait({ timeoutMs: 60_000, signal: new AbortController().signal })];
    const loop = (async () => {
      const seen = [];
      for await (const item of queue) seen.push(item);
      return seen;
    })();
    queue.close();
    assert.deepEqual(await Promise.all(last), [null, null]);
    assert.deepEqual(await loop, []);
    assert.equal(await queue.dequeueWait(), null);
  });

  test(`${form}: dequeueManyWait gives what there is, up to its bound`, async () => {
    const queue = new Queue(options);
    const put = (...items) => queue.enqueueMany(items.map((item) => ({ item })));
    put('a', 'b', 'c');
    assert.deepEqual(await queue.dequeueManyWait(2), ['a', 'b']);
    assert.deepEqual(await queue.dequeueManyWait(2, { timeoutMs: 0 }), ['c']);
    assert.deepEqual(await queue.dequeueManyWait(2, { timeoutMs: 0 }), []);
    assert.deepEqual(await queue.dequeueManyWait(2, { timeoutMs: 5 }), []);
    const waits = [queue.dequeueManyWait(2), queue.dequeueWait(), queue.dequeueManyWait(1000), queue.dequeueWait()];
    queue.enqueue('first');
    assert.deepEqual(await waits[0], ['first'], 'it waits for one, not for as many as it may have');
    put(1, 2, 3, 4);
    assert.deepEqual(await Promise.all(waits.slice(1, 3)), [1, [2, 3, 4]], 'first come, first served');
    put({ five: 5 }, new Uint8Array([6]));
    assert.deepEqual(await waits[3], { five: 5 });
    assert.deepEqual(await queue.dequeueManyWait(5), [new Uint8Array([6])]);
    const abort = new AbortController();
    const pending = queue.dequeueManyWait(5, { signal: abort.signal });
    abort.abort();
    await assert.rejects(pending, { code: 'ERR_WARMPATH_ABORTED' });
    for (const wrong of [[], [0], ['5'], [1.5], [5, null], [5, { timeoutMs: -1 }]]) {
      await assert.rejects(queue.dequeueManyWait(...wrong), refused('ERR_WARMPATH_INVALID_ARGUMENT'));
    }
    const last = queue.dequeueManyWait(5);
    queue.close();
    assert.deepEqual(await last, []);
    assert.deepEqual(await queue.dequeueManyWait(5), []);
  });

  test(`${form}: waits that end leave no listener and no timer`, async () => {
    const queue = new Queue(options);
    const { signal } = new AbortController();
    const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 50; i++) {
      const wait = queue.dequeueWait({ signal, timeoutMs: i % 2 ? 60_000 : 1 });
      if (i % 2) queue.enqueue(i);
      assert.equal(await wait, i % 2 ? i : null);
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    // The 1 ms timers are gone by having fired; those of a minute must have been cleared.
    assert.ok(timers() <= before, `${timers()} timers, ${before} before`);
    queue.close();
  });
}
