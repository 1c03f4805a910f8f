'use strict';

// Those who wait for items: how their waits end, and what they leave behind.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { getEventListeners } = require('node:events');
const path = require('node:path');
const { Readable } = require('node:stream');
const test = require('node:test');
const { Queue } = require('..');

const END = { value: undefined, done: true };

const turn = () => new Promise(setImmediate);

/** Keeps the event loop busy until a timer of 1 ms is due. */
function block() {
  const end = performance.now() + 5;
  while (performance.now() < end);
}

const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;

/** The names that are open stay open: each test has its own. */
let names = 0;

for (const form of ['local', 'shared']) {
  const open = (more) => new Queue({ ...more, ...(form === 'shared' && { name: `waits ${names}` }) });
  const make = (more) => {
    names++;
    return open(more);
  };

  test(`${form}: a loop that is left while it waits takes nothing`, async () => {
    const queue = make();
    const loop = queue[Symbol.asyncIterator]();
    const other = queue[Symbol.asyncIterator]();
    const waits = [loop.next(), loop.next()];
    const others = other.next();
    await turn();
    assert.equal(queue.stats().waiters, 3);
    assert.deepEqual(await loop.return(), END);
    assert.deepEqual(await Promise.all(waits), [END, END]);
    assert.equal(queue.stats().waiters, 1);
    queue.enqueueMany([{ item: 'a' }, { item: 'b' }]);
    assert.deepEqual(await others, { value: 'a', done: false }, 'another loop waits on');
    assert.deepEqual(await loop.next(), END);
    assert.equal(queue.dequeue(), 'b');
    const stream = Readable.from(queue);
    stream.read();
    await turn();
    stream.destroy();
    await turn();
    queue.enqueue('c');
    await turn();
    assert.equal(queue.dequeue(), 'c');
  });

  test(`${form}: looking once, those who wait are served first, and what is left is found`, async () => {
    const queue = make();
    const wait = queue.dequeueWait();
    queue.enqueueMany([{ item: 'a' }, { item: 'b' }]);
    assert.equal(await queue.dequeueWait({ timeoutMs: 0 }), 'b');
    assert.equal(await wait, 'a');
    const waits = [queue.dequeueWait(), queue.dequeueWait()];
    queue.enqueue('a');
    assert.equal(await queue.dequeueWait({ timeoutMs: 0 }), null);
    queue.enqueue('b');
    assert.deepEqual(await Promise.all(waits), ['a', 'b']);
  });

  test(`${form}: a wait whose time is over takes what is there`, async () => {
    const queue = make({ capacity: 5000 });
    // From here on, timers are the next to have their turn.
    await turn();
    const waits = [queue.dequeueWait({ timeoutMs: 1 }), queue.dequeueManyWait(5, { timeoutMs: 1 })];
    queue.enqueueMany(['a', 'b', 'c'].map((item) => ({ item })));
    block();
    assert.deepEqual(await Promise.all(waits), ['a', ['b', 'c']]);
    // After so many in a row the event loop has its turn, and the timer may be first.
    queue.enqueueMany(Array.from({ length: 3000 }, (_, item) => ({ item })));
    for (let i = 0; i < 3000; i++) {
      if (i % 1000 === 0) await turn();
      const wait = queue.dequeueWait({ timeoutMs: 1 });
      if (i % 1000 === 0) block();
      assert.equal(await wait, i);
    }
  });

  test(`${form}: a loop whose body puts what it takes lets the event loop have its turn`, async () => {
    const queue = make();
    let turns = 0;
    const count = () => {
      if (++turns < 3) setImmediate(count);
    };
    setImmediate(count);
    queue.enqueueMany([{ item: 1 }, { item: 2 }, { item: 3 }]);
    let left = 100_000;
    const loop = async () => {
      for await (const item of queue) {
        if (turns === 3 || left-- === 0) break;
        queue.enqueue(item);
      }
    };
    await Promise.all([loop(), loop(), loop()]);
    assert.ok(left > 0, 'nothing else had a turn');
  });

  test(`${form}: a signal that cannot be listened to leaves nothing behind`, async () => {
    const queue = make();
    const before = timers();
    const fail = () => {
      throw new Error('mine');
    };
    const wait = queue.dequeueWait();
    const more = form === 'shared' ? 1 : 0;
    for (const signal of [
      { addEventListener: fail, removeEventListener() {} },
      {
        get aborted() {
          return fail();
        },
        addEventListener() {},
        removeEventListener() {},
      },
    ]) {
      await assert.rejects(queue.dequeueWait({ signal, timeoutMs: 60_000 }), /mine/);
      await assert.rejects(queue.dequeueManyWait(5, { signal, timeoutMs: 60_000 }), /mine/);
      assert.equal(queue.stats().waiters, 1);
      assert.ok(timers() <= before + more, 'no timer stays');
    }
    const last = queue.dequeueWait({ signal: { addEventListener() {}, removeEventListener: fail } });
    const early = { addEventListener: (_, listener) => listener(), removeEventListener() {} };
    await assert.rejects(queue.dequeueWait({ signal: early }), { code: 'ERR_WARMPATH_ABORTED' });
    queue.enqueueMany([{ item: 'a' }, { item: 'b' }]);
    assert.deepEqual(await Promise.all([wait, last]), ['a', 'b']);
  });

  test(`${form}: many waits on one signal are one listener`, async () => {
    const queues = [make(), make(), make()];
    const abort = new AbortController();
    const { signal } = abort;
    const waits = Array.from({ length: 30 }, (_, i) => queues[i % 3].dequeueWait({ signal }));
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    queues[0].enqueue('a');
    assert.equal(await waits[0], 'a');
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    abort.abort();
    for (const { status, reason } of (await Promise.allSettled(waits)).slice(1)) {
      assert.deepEqual([status, reason.code], ['rejected', 'ERR_WARMPATH_ABORTED']);
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    assert.deepEqual(
      queues.map((queue) => queue.stats().waiters),
      [0, 0, 0],
    );
  });

  test(`${form}: timers that a test mocks hang nobody`, async (t) => {
    const queue = make({ capacity: 5000 });
    t.mock.timers.enable({ apis: ['setImmediate', 'setInterval', 'setTimeout'] });
    assert.equal(await queue.dequeueWait({ timeoutMs: 1 }), null);
    queue.enqueueMany(Array.from({ length: 3000 }, (_, item) => ({ item })));
    for (let i = 0; i < 3000; i++) assert.equal(await queue.dequeueWait(), i);
  });
}

test('a wake-up that came to a loop that is left goes to the next', async () => {
  const [left, stays] = [new Queue({ name: 'left loops' }), new Queue({ name: 'left loops' })];
  const loop = left[Symbol.asyncIterator]();
  const next = loop.next();
  await turn();
  const wait = stays.dequeueWait();
  await turn();
  left.enqueue('a');
  await loop.return();
  assert.deepEqual(await next, END);
  assert.equal(await wait, 'a');
});

test('a loop that is left keeps no thread alive; a timed wait does, until its time', () => {
  const script = `const { Queue } = require('.');
    const loop = new Queue({ name: 'left' })[Symbol.asyncIterator]();
    loop.next();
    setImmediate(() => loop.return());
    new Queue().dequeueWait();
    new Queue().dequeueWait({ timeoutMs: 50 }).then(console.log);`;
  const { status, stdout, signal } = spawnSync(process.execPath, ['-e', script], {
    cwd: path.join(__dirname, '..'),
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.deepEqual([status, signal, stdout], [0, null, 'null\n']);
});
