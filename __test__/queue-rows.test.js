'use strict';

// Objects of a shared queue, which cross as rows: what comes back is what structured clone gives, wherever a batch is cut.

const assert = require('node:assert/strict');
const test = require('node:test');
const { Queue } = require('..');
const { rowOf } = require('../lib/queue/rows.js');
const { generator } = require('./support/random.js');

const NUMBERS = [
  0,
  1,
  125,
  126,
  127,
  128,
  2 ** 21 - 1,
  2 ** 21,
  2 ** 31,
  -1,
  0.1,
  5e-324,
  1.7976931348623157e308,
  1e21,
];
const TEXTS = [
  '',
  'a',
  '\u0001',
  '\u0002s',
  '\t',
  '{"a":1}',
  'é\u00ff',
  'ключ',
  '\u{1f600}',
  'x'.repeat(125),
  'y'.repeat(126),
];
const LONG = ['z'.repeat(127), 'w'.repeat(2 ** 14), 'в'.repeat(9000), 'l'.repeat(70_000)];
const OTHERS = [
  -0,
  NaN,
  Infinity,
  undefined,
  5n,
  '\ud800',
  new Date(0),
  new Map([[1, 2]]),
  Object.assign(new Array(2), { 1: 1 }),
  { a: undefined },
];
const NAMES = [
  'id',
  'kind',
  '',
  '0',
  '17',
  'a b',
  '__proto__',
  'constructor',
  'toString',
  'ключ',
  'with \u0002',
  'length',
];

function objects(seed, count) {
  const random = generator(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const value = (depth) => {
    const dice = random();
    if (dice < 0.35) return pick(NUMBERS);
    if (dice < 0.7) return pick(TEXTS);
    if (dice < 0.72) return pick(LONG);
    if (dice < 0.8) return random() < 0.5;
    if (dice < 0.88) return null;
    if (dice < 0.9) return pick(OTHERS);
    if (depth === 2) return [];
    return dice < 0.95 ? Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1)) : object(depth + 1);
  };
  const object = (depth) => {
    const made = {};
    for (let n = Math.floor(random() * (random() < 0.05 ? 80 : 6)); n > 0; n--) {
      const name = random() < 0.8 ? pick(NAMES) : `field ${Math.floor(random() * 90)}`;
      Object.defineProperty(made, name, { value: value(depth), writable: true, enumerable: true, configurable: true });
    }
    return made;
  };
  // Stretches of one shape, as jobs have, with others among them.
  return Array.from({ length: count }, (_, i) =>
    random() < 0.5
      ? { id: i, name: pick(TEXTS), sha256: 'f'.repeat(64), left: pick(NUMBERS), done: i % 3 === 0 }
      : object(0),
  );
}

function assertSame(got, given, message) {
  assert.equal(got.length, given.length, message);
  for (const [i, object] of got.entries()) {
    const clone = structuredClone(given[i]);
    assert.deepStrictEqual(object, clone, `${message}, item ${i}`);
    assert.deepStrictEqual(Object.keys(object), Object.keys(clone), `${message}, item ${i}: the order of its fields`);
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
  }
}

const LONG_TEST = process.env.WARMPATH_TEST_LONG === '1';

test('objects come back as structured clone gives them, however they are put and taken', () => {
  for (let seed = 1; seed <= (LONG_TEST ? 400 : 20); seed++) {
    const random = generator(seed);
    const given = objects(seed, 1 + Math.floor(random() * 300));
    const queue = new Queue({ name: 'objects', capacity: 1000 });
    const label = `seed ${seed}`;
    const keyed = random() < 0.5;
    for (let at = 0; at < given.length; ) {
      const end = Math.min(given.length, at + (random() < 0.2 ? 1 : Math.ceil(random() * 100)));
      if (end === at + 1) queue.enqueue(given[at]);
      else queue.enqueueMany(given.slice(at, end).map((item, i) => (keyed ? { item, key: `${at + i}` } : { item })));
      at = end;
    }
    assertSame(queue.toArray(), given, label);
    const out = [];
    while (queue.length > 0) {
      if (random() < 0.3) out.push(queue.dequeue());
      else out.push(...queue.dequeueMany(Math.ceil(random() * 60)));
    }
    assertSame(out, given, label);
    const { bytesIn, bytesOut } = queue.stats();
    assert.equal(bytesIn, bytesOut, label);
    queue.close();
  }
});

test('objects of one shape cross as rows, those that a row cannot hold do not', () => {
  const held = [
    { a: 1 },
    { a: null, b: [{ c: 1 }], d: 'x', e: false, f: -1.5 },
    JSON.parse('{"__proto__":"x"}'),
    { a: '\u0001' },
  ];
  for (const object of held) assert.equal(rowOf(object)?.charCodeAt(0), 1, JSON.stringify(object));
  const cycle = {};
  cycle.cycle = cycle;
  const twice = [1];
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, i]));
  const others = [
    {},
    [],
    cycle,
    { twice, again: twice },
    many,
    { '\u0002': 1 },
    { a: -0 },
    { a: () => 1 },
    { a: '\ud800' },
  ];
  for (const object of [
    ...others,
    Object.create(null),
    new (class Own {
      a = 1;
    })(),
    new Error('no'),
  ]) {
    assert.equal(rowOf(object), null);
  }
});

test('some of a batch with keys that were there already, and an end removed by its key', () => {
  const queue = new Queue({ name: 'objects with keys', capacity: 100 });
  const row = (i) => ({ i, text: `item ${i}` });
  queue.enqueue(row(2), { key: '2' });
  const entries = [0, 1, 2, 3, 4, 2, 5].map((i) => ({ item: row(i), key: `${i}` }));
  const queued = 'queued';
  assert.deepEqual(queue.enqueueMany(entries), [queued, queued, 'duplicate', queued, queued, 'duplicate', queued]);
  assert.deepEqual(queue.remove('4'), row(4));
  assert.deepEqual(queue.dequeueMany(3), [2, 0, 1].map(row));
  assert.deepEqual(queue.dequeueMany(3), [3, 5].map(row));
  queue.close();
});

test('a getter may use the queue while its object is read', () => {
  const queue = new Queue({ name: 'objects with getters', capacity: 100 });
  const given = {
    a: 1,
    get b() {
      queue.enqueue({ other: 'shape', of: 3 });
      return 'read';
    },
    c: 2,
  };
  queue.enqueueMany([{ item: { a: 0, b: '', c: 0 } }, { item: given }, { item: { a: 3, b: 'x', c: 4 } }]);
  const inner = { other: 'shape', of: 3 };
  const outer = [
    { a: 0, b: '', c: 0 },
    { a: 1, b: 'read', c: 2 },
    { a: 3, b: 'x', c: 4 },
  ];
  assert.deepEqual(queue.dequeueMany(100), [inner, ...outer]);
  assert.throws(
    () =>
      queue.enqueueMany([
        { item: { a: 1 } },
        {
          item: {
            get a() {
              throw new Error('mine');
            },
          },
        },
      ]),
    (err) => err.option === 'entries[1].item' && err.cause.message === 'mine',
  );
  assert.equal(queue.length, 0, 'nothing of a batch that cannot be read is queued');
  queue.close();
});

test('what somebody added to Object.prototype is no field', (t) => {
  const queue = new Queue({ name: 'objects and a dirty prototype', capacity: 10 });
  Object.prototype.added = 'by somebody';
  t.after(() => delete Object.prototype.added);
  queue.enqueue({ a: 1 });
  queue.enqueueMany([{ item: { a: 2 } }, { item: { a: 3 } }]);
  const out = queue.dequeueMany(10);
  delete Object.prototype.added;
  assert.deepEqual(out, [{ a: 1 }, { a: 2 }, { a: 3 }]);
  queue.close();
});
