'use strict';

// node benchmark/queue/floor.js [items in a batch] [bytes of a string]
// Where the time of a batch of strings between threads goes: each side alone, in one thread, so that neither waiting nor waking nor the
// other thread's cache is in it; and the parts that neither side can do without. Stretches of all take turns: ns an item, the lowest
// quartile. At the end what three times the pace of postMessage would leave to either side, and the least that the sender needs. The
// strings are one piece each: those that were put together from many cost every sender more the first time.

const { MessageChannel, receiveMessageOnPort } = require('node:worker_threads');
const { table, digits } = require('../lib/markdown');
const { Queue } = require('../..');

const BATCH = Number(process.argv[2] ?? 1000);
const LENGTH = Number(process.argv[3] ?? 64);
const STRETCHES = 100;
const REPEATS = Math.max(2, Math.ceil(4000 / BATCH));

const strings = Array.from({ length: BATCH }, (_, i) =>
  Buffer.from(String(i).padStart(LENGTH, 'x')).toString('latin1'),
);
const entries = strings.map((item) => ({ item }));
const bytes = Buffer.alloc(BATCH * LENGTH);
const cut = new Array(BATCH);
const { port1, port2 } = new MessageChannel();
const queue = new Queue({ name: 'floor', capacity: 2 * REPEATS * BATCH });

const owns = Object.prototype.hasOwnProperty;
let sum = 0;

/** What every checked entry takes: is it plain, has it fields of its own, and only those that there are? */
function look() {
  for (const entry of entries) {
    if (entry.constructor !== Object) return;
    for (const name in entry) if (name !== 'item' || !owns.call(entry, name)) return;
    sum += entry.item.length;
  }
}

function together() {
  let text = '';
  for (const string of strings) text += string;
  return text;
}

/** One text in, as many pieces out: V8 makes a piece without a copy where it is long enough. */
function apart() {
  const text = bytes.latin1Slice();
  for (let i = 0; i < BATCH; i++) cut[i] = text.slice(i * LENGTH, (i + 1) * LENGTH);
}

// What is sent in a stretch is received in the next.
const CASES = {
  'postMessage of the array': () => port1.postMessage(strings),
  'receiving it': () => {
    sum += receiveMessageOnPort(port2).message.length;
  },
  '**warmpath**, enqueueMany': () => queue.enqueueMany(entries),
  '**warmpath**, dequeueMany': () => {
    sum += queue.dequeueMany(BATCH).length;
  },
  'looking at the entries': look,
  // Latin-1: nothing is converted, and nothing comes nearer to a plain copy.
  'one text of the strings, read once': () => {
    sum += bytes.latin1Write(together());
  },
  'cutting one text into the strings': apart,
};

const times = new Map(Object.keys(CASES).map((name) => [name, []]));
for (let stretch = -STRETCHES; stretch < STRETCHES; stretch++) {
  for (const [name, run] of Object.entries(CASES)) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < REPEATS; i++) run();
    // The first half warms up.
    if (stretch >= 0) times.get(name).push(Number(process.hrtime.bigint() - started) / REPEATS / BATCH);
  }
}
port1.close();
const quartile = (values) => values.sort((a, b) => a - b)[values.length >> 2];
const ns = new Map([...times].map(([name, values]) => [name, quartile(values)]));
const rows = [...ns].map(([name, value]) => [name, digits(value)]);
const third = Math.max(ns.get('postMessage of the array'), ns.get('receiving it')) / 3;
const least = ns.get('looking at the entries') + ns.get('one text of the strings, read once');
rows.push(
  ['a third of the slower side of postMessage', digits(third)],
  ['looking and one text: the least a sender does', digits(least)],
);
console.log(table([`ns an item, ${BATCH} strings of ${LENGTH} bytes`, 'one thread'], rows));
if (sum === 0) throw new Error('nothing was measured');
