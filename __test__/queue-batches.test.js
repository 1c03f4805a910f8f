'use strict';

// Batches of a shared queue, and the memory that its items come back in.

const assert = require('node:assert/strict');
const test = require('node:test');
const { Queue } = require('..');

test('a batch of texts comes back as it went in, however it is taken', () => {
  const texts = Array.from({ length: 5000 }, (_, i) => `${i} ${'ab'.repeat(i % 50)}`);
  const wide = texts.map((text, i) => (i % 3 === 0 ? '' : `${text} ключ`));
  const long = ['', 'a'.repeat(2_000_000), 'b', 'в'.repeat(1_100_000), ''];
  for (const items of [texts, wide, long, texts.map((text, i) => ({ i, text })), ['', '', '']]) {
    const queue = new Queue({ name: 'texts', capacity: 20_000 });
    const put = () =>
      assert.deepEqual(new Set(queue.enqueueMany(items.map((item) => ({ item })))), new Set(['queued']));
    put();
    assert.deepEqual(queue.dequeueMany(20_000), items);
    put();
    assert.deepEqual(queue.toArray(), items);
    const out = [queue.dequeue(), queue.dequeue()];
    for (let max = 1; queue.length > 0; max += 7) out.push(...queue.dequeueMany(max));
    assert.deepEqual(out, items);
    const { bytesIn, bytesOut } = queue.stats();
    assert.equal(bytesIn, bytesOut, 'what went in came out');
    put();
    assert.equal(queue.clear(), items.length);
    assert.equal(queue.stats().bytesIn, queue.stats().bytesOut);
    queue.close();
  }
});

test('a text comes back as it went in, however V8 holds it', () => {
  const cyrillic = 'ключ';
  const texts = [
    ['plain', 'more'],
    ['caf\u00e9', '\u0080\u00ff', 'z'],
    ['a', '\u0100'],
    ['\u00ff', '\u0100\u017f'],
    ['half \ud83d', '\ude00 half', 'whole \u{1f600}', '\udc00\ud800'],
    // Two bytes a character, of which each would fit into one.
    [(cyrillic + 'latin \u00e9 '.repeat(9)).slice(4), 'b'],
    // Put together from pieces, nested, and pieces of others.
    [
      ['a', 'b'].reduce((text, part) => `${text}${part.repeat(20)}${text}`, 'x'.repeat(15)),
      'y'.repeat(99).slice(3, 70),
    ],
    ['\0', '', '\0\0'],
  ];
  for (const items of [...texts, texts.flat()]) {
    const queue = new Queue({ name: 'held', capacity: 100 });
    const keyed = new Queue({ name: 'held with keys', capacity: 100 });
    queue.enqueueMany(items.map((item) => ({ item })));
    keyed.enqueueMany(items.map((item, i) => ({ item, key: `${i}` })));
    assert.deepEqual(queue.toArray(), items);
    assert.deepEqual(queue.dequeueMany(100), items);
    assert.deepEqual(keyed.dequeueMany(100), items);
    queue.enqueueMany(items.map((item) => ({ item })));
    assert.deepEqual(
      items.map(() => queue.dequeue()),
      items,
    );
    queue.close();
    keyed.close();
  }
});

test('a batch that cannot cross leaves the queue as it was, wherever it breaks', () => {
  const queue = new Queue({ name: 'breaks', capacity: 5000 });
  // Above what crosses at a time, so that the first part would have been queued.
  for (const count of [1, 10, 1200]) {
    const entries = Array.from({ length: count }, () => ({ item: 'x'.repeat(100) }));
    assert.throws(() => queue.enqueueMany([...entries, { item: () => {} }]), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
    assert.throws(() => queue.enqueueMany([...entries, {}]), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
    assert.equal(queue.length, 0);
    queue.enqueueMany([...entries, { item: 7 }]);
    assert.equal(queue.dequeueMany(5000).at(-1), 7);
  }
  queue.close();
});

test('a batch with keys goes as one, and each of its items for itself', () => {
  const of = {
    strings: (i) => `item ${i} \u00e9`,
    wide: (i) => `${i} ключ`,
    objects: (i) => ({ i }),
    bytes: (i) => new Uint8Array(3).fill(i),
    mixed: (i) => (i % 2 ? i : `${i}`),
  };
  for (const [name, make] of Object.entries(of)) {
    const queue = new Queue({ name: `keys of ${name}`, capacity: 2000 });
    const entry = (i) => ({ item: make(i), key: i % 3 ? `k${i}` : `ключ ${i}` });
    const entries = Array.from({ length: 1000 }, (_, i) => entry(i));
    queue.enqueue(make(7), { key: entry(7).key });
    queue.enqueue(make(500), { key: entry(500).key });
    // Equal ones in the batch too: the first wins.
    const statuses = queue.enqueueMany([...entries, entry(3), entry(999)]);
    const duplicates = statuses.flatMap((status, i) => (status === 'duplicate' ? [i] : []));
    assert.deepEqual(duplicates, [7, 500, 1000, 1001], name);
    assert.ok(statuses.every((status) => status === 'queued' || status === 'duplicate'));
    assert.equal(queue.length, 1000);
    assert.deepEqual(queue.remove(entry(600).key), make(600));
    assert.equal(queue.has(entry(600).key), false);
    assert.equal(queue.enqueue(make(600), { key: entry(600).key }), 'queued');
    assert.equal(queue.enqueue(make(1), { key: entry(1).key }), 'duplicate');
    const left = Array.from({ length: 1000 }, (_, i) => i).filter((i) => ![7, 500, 600].includes(i));
    assert.deepEqual(queue.dequeueMany(2000), [7, 500, ...left, 600].map(make), name);
    const { bytesIn, bytesOut, duplicates: refused } = queue.stats();
    assert.equal(bytesIn, bytesOut, `what went in came out (${name})`);
    assert.equal(refused, 5);
    // Keys are free again; there is no room for all of these.
    assert.equal(
      queue.enqueueMany(entries).every((status) => status === 'queued'),
      true,
    );
    const more = Array.from({ length: 1001 }, (_, i) => ({ item: make(i), key: `more ${i}` }));
    assert.deepEqual(queue.enqueueMany(more), [...Array(1000).fill('queued'), 'full']);
    assert.equal(queue.clear(), 2000);
    queue.close();
    assert.throws(() => queue.enqueueMany(entries), { code: 'ERR_WARMPATH_CLOSED' });
  }
});

test('a batch of bytes comes back as it went in, however it is taken', () => {
  const of = (length, i) => new Uint8Array(length).fill(i);
  const short = Array.from({ length: 5000 }, (_, i) => of(1 + (i % 90), i));
  const long = Array.from({ length: 40 }, (_, i) => of(1 + ((i * 7919) % 65_536), i));
  const most = [of(65_536, 1), of(1, 2), of(65_536, 3), of(65_535, 4), of(1, 5)];
  const alone = [of(5, 1), of(65_537, 2), of(5, 3), of(0, 0), of(9, 4)];
  const resizable = [new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 })), of(3, 1)];
  for (const items of [short, long, most, alone, resizable, short.map((item) => Buffer.from(item))]) {
    const queue = new Queue({ name: 'batches of bytes', capacity: 20_000 });
    const put = () =>
      assert.deepEqual(new Set(queue.enqueueMany(items.map((item) => ({ item })))), new Set(['queued']));
    const check = (got) => {
      assert.equal(got.length, items.length);
      for (const [i, item] of got.entries()) {
        assert.equal(Buffer.compare(item, items[i]), 0);
        assert.equal(Buffer.isBuffer(item), Buffer.isBuffer(items[i]));
        assert.notEqual(item.buffer, items[i].buffer);
      }
      assert.equal(new Set(got.map((item) => item.buffer)).size, got.length, 'each has memory of its own');
    };
    put();
    check(queue.dequeueMany(20_000));
    put();
    check(queue.toArray());
    const out = [queue.dequeue(), queue.dequeue()];
    for (let max = 1; queue.length > 0; max += 7) out.push(...queue.dequeueMany(max));
    check(out);
    const { bytesIn, bytesOut } = queue.stats();
    assert.deepEqual([bytesIn, bytesOut], [bytesIn, bytesIn], 'what went in came out');
    queue.close();
  }
});

test('an item for which there is no memory is not lost', () => {
  const queue = new Queue({ name: 'memory', capacity: 100 });
  const long = (byte) => Buffer.alloc(100_000, byte);
  const { allocUnsafeSlow } = Buffer;
  const without = (allowed, use) => {
    let left = allowed;
    Buffer.allocUnsafeSlow = (length) => {
      if (left-- === 0) throw new RangeError('Array buffer allocation failed');
      return allocUnsafeSlow(length);
    };
    try {
      return use();
    } finally {
      Buffer.allocUnsafeSlow = allocUnsafeSlow;
    }
  };
  queue.enqueueMany([long(1), 'text', long(2), long(3), 'last'].map((item) => ({ item })));
  assert.throws(() => without(0, () => queue.peek()), RangeError);
  assert.throws(() => without(0, () => queue.dequeue()), RangeError);
  assert.throws(() => without(0, () => queue.dequeue()), RangeError);
  // Two of them fit: the third is the next to come, and those behind it after it.
  const some = without(1, () => queue.dequeueMany(10));
  assert.deepEqual(some, [long(1), 'text']);
  assert.throws(() => without(0, () => queue.dequeueMany(10)), RangeError);
  assert.deepEqual(queue.dequeue(), long(2));
  assert.deepEqual(queue.dequeueMany(10), [long(3), 'last']);
  assert.equal(queue.dequeue(), null);
});

for (const [how, wait] of [
  ['one', (queue) => queue.dequeueWait()],
  ['many', async (queue) => (await queue.dequeueManyWait(5))[0]],
])
  test(`whoever was served what was owed takes no other’s wake-up: ${how}`, async () => {
    const [other, queue] = [0, 1].map(() => new Queue({ name: `owed ${how}`, capacity: 10 }));
    const turn = () => new Promise(setImmediate);
    // A waiter looks once more after a turn of the event loop, and sleeps then: the other first, so that it is the one to be woken.
    const theirs = other.dequeueWait();
    for (let turns = 0; turns < 3; turns++) await turn();
    const ours = wait(queue);
    for (let turns = 0; turns < 3; turns++) await turn();
    const { allocUnsafeSlow } = Buffer;
    const long = Buffer.alloc(100_000, 1);
    queue.enqueue(long);
    try {
      Buffer.allocUnsafeSlow = () => {
        throw new RangeError('Array buffer allocation failed');
      };
      assert.throws(() => queue.dequeue(), RangeError);
    } finally {
      Buffer.allocUnsafeSlow = allocUnsafeSlow;
    }
    assert.deepEqual(await ours, long);
    // The other was woken for what is gone, and waits again.
    for (let turns = 0; turns < 3; turns++) await turn();
    queue.enqueue('for the other');
    assert.equal(await theirs, 'for the other');
  });

test('a dequeued Uint8Array is nobody else’s', () => {
  const queue = new Queue({ name: 'bytes' });
  queue.enqueueMany([new Uint8Array([1, 2]), Buffer.from([3])].map((item) => ({ item })));
  const [first, second] = queue.dequeueMany(2);
  first.fill(9);
  second.fill(9);
  queue.enqueue(new Uint8Array([5, 6]));
  const third = queue.dequeue();
  queue.enqueue(new Uint8Array([7, 8]));
  assert.deepEqual([...first, ...second, ...third, ...queue.dequeue()], [9, 9, 9, 5, 6, 7, 8]);
});

test('a batch of items with keys: duplicates are refused, each can be taken out, and its key is free again', () => {
  const queue = new Queue({ capacity: 10_000 });
  const entries = Array.from({ length: 3000 }, (_, i) => ({ item: { i }, key: `chave ${i} ${i % 2 ? 'é' : '钥匙'}` }));
  queue.enqueue('before', { key: entries[2100].key });
  const expected = entries.map((_, i) => (i === 2100 ? 'duplicate' : 'queued'));
  assert.deepEqual(queue.enqueueMany(entries), expected);
  assert.deepEqual(new Set(queue.enqueueMany(entries)), new Set(['duplicate']), 'the same again');
  const same = [1, 2, 3].map((item) => ({ item, key: 'same' }));
  assert.deepEqual(queue.enqueueMany(same), ['queued', 'duplicate', 'duplicate']);
  for (const i of [0, 1, 500, 1023, 1024, 2099, 2999]) {
    assert.equal(queue.remove(entries[i].key), entries[i].item);
    assert.equal(queue.has(entries[i].key), false);
    assert.equal(queue.enqueue(entries[i].item, { key: entries[i].key }), 'queued');
  }
  const out = queue.dequeueMany(10_000);
  assert.equal(out[0], 'before');
  const moved = [0, 1, 500, 1023, 1024, 2099, 2999];
  const order = entries.map(({ item }) => item).filter(({ i }) => i !== 2100 && !moved.includes(i));
  assert.deepEqual(out.slice(1), [...order, 1, ...moved.map((i) => entries[i].item)]);
  for (const { key } of entries) assert.equal(queue.has(key), false);
  const { enqueued, dequeued, removed, duplicates } = queue.stats();
  assert.deepEqual([enqueued, dequeued, removed, duplicates], [3008, 3001, 7, 3003]);
});

test('a batch of items with keys of which one is wrong queues none of them', () => {
  const good = Array.from({ length: 2000 }, (_, i) => ({ item: i, key: `key ${i}` }));
  for (const name of [undefined, 'wrong keys']) {
    const queue = new Queue({ capacity: 5000, ...(name && { name }) });
    for (const key of ['a\0b', '\ud800', 'x'.repeat(4097), 5, null]) {
      assert.throws(() => queue.enqueueMany([...good, { item: 1, key }]), {
        code: 'ERR_WARMPATH_INVALID_ARGUMENT',
        option: 'entries[2000].key',
      });
    }
    assert.equal(queue.length, 0);
    // There is not room for all: as many as fit, in order.
    const full = new Queue({ capacity: 1500, ...(name && { name: 'full of keys' }) });
    const statuses = full.enqueueMany(good);
    assert.deepEqual([statuses.indexOf('full'), statuses.lastIndexOf('queued')], [1500, 1499]);
  }
});
