'use strict';

// What one thread compares: each contender makes `{ put(i), take() }` for a task, of an object item per operation.

const { SeedQueue } = require('./seed-queue.js');

const BATCH = 1000;
const item = (i) => ({ jobId: `shop-${i % 97}:${String(i).padStart(48, '0')}:photo`, i });

/** Items made beforehand: making them is nobody's queue. */
const items = Array.from({ length: 1 << 18 }, (_, i) => item(i));
const at = (i) => items[i & (items.length - 1)];

/** Priorities that look like those of jobs: few, and not in order. */
const PRIORITIES = Array.from({ length: 1024 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 28) % 8);
const priority = (i) => PRIORITIES[i & 1023];

function ours(options) {
  const { Queue } = require('../..');
  return new Queue({ capacity: 1 << 20, ...options });
}

const TASKS = {
  fifo: {
    ours: () => {
      const queue = ours();
      return { put: (i) => queue.enqueue(at(i)), take: () => queue.dequeue() };
    },
    seed: () => {
      const queue = new SeedQueue();
      return { put: (i) => queue.enqueue(at(i)), take: () => queue.dequeue() };
    },
    array: () => {
      const queue = [];
      return { put: (i) => queue.push(at(i)), take: () => queue.shift() };
    },
    denque: () => {
      const queue = new (require('denque'))();
      return { put: (i) => queue.push(at(i)), take: () => queue.shift() };
    },
    // It has no take(): a task is pushed, and its worker is called when its turn comes.
    fastq: () => {
      const queue = require('fastq')((_task, done) => done(), 1);
      const nobody = () => {};
      return { put: (i) => queue.push(at(i), nobody), take: () => {} };
    },
    'sab-ring': () => {
      const { Ring } = require('./sab-ring.js');
      const ring = new Ring(Ring.memory(), 'number');
      return { put: (i) => ring.tryPut(i), take: () => ring.tryTake() };
    },
    'message-port': () => {
      const { MessageChannel, receiveMessageOnPort } = require('node:worker_threads');
      const { port1, port2 } = new MessageChannel();
      port1.unref();
      port2.unref();
      return { put: (i) => port1.postMessage(at(i)), take: () => receiveMessageOnPort(port2) };
    },
  },
  unique: {
    ours: () => {
      const queue = ours();
      return { put: (i) => queue.enqueue(at(i), { key: at(i).jobId }), take: () => queue.dequeue() };
    },
    seed: () => {
      const queue = new SeedQueue();
      const fill = (depth) => {
        for (const each of items.slice(0, depth)) queue.enqueue(each);
      };
      return { put: (i) => queue.enqueueUnique(at(i)), take: () => queue.dequeue(), fill };
    },
    // What one would write by hand today.
    'denque-set': () => {
      const queue = new (require('denque'))();
      const keys = new Set();
      return {
        put(i) {
          const { jobId } = at(i);
          if (keys.has(jobId)) return false;
          keys.add(jobId);
          queue.push(at(i));
          return true;
        },
        take() {
          const job = queue.shift();
          keys.delete(job.jobId);
          return job;
        },
      };
    },
  },
  priority: {
    ours: () => {
      const queue = ours();
      return { put: (i) => queue.enqueuePriority(at(i), priority(i)), take: () => queue.dequeue() };
    },
    seed: () => {
      const queue = new SeedQueue();
      const fill = (depth) => {
        for (let i = 0; i < depth; i++) queue.enqueue({ ...at(i), _priority: 7 - Math.floor((8 * i) / depth) });
      };
      return { put: (i) => queue.enqueuePriority(at(i), priority(i)), take: () => queue.dequeue(), fill };
    },
    // A sorted array, its place found by bisection.
    'array-bisect': () => {
      const queue = [];
      return {
        put(i) {
          const rank = priority(i);
          let low = 0;
          let high = queue.length;
          while (low < high) {
            const middle = (low + high) >>> 1;
            if (queue[middle].rank >= rank) low = middle + 1;
            else high = middle;
          }
          queue.splice(low, 0, { rank, item: at(i) });
        },
        take: () => queue.shift(),
      };
    },
  },
  batch: {
    ours: () => {
      const queue = ours();
      const entries = Array.from({ length: BATCH }, (_, i) => ({ item: at(i) }));
      return { put: () => queue.enqueueMany(entries), take: () => queue.dequeueMany(BATCH) };
    },
    'ours-single': () => loop(TASKS.fifo.ours()),
    'ours-keyed': () => {
      const queue = ours();
      const entries = Array.from({ length: BATCH }, (_, i) => ({ item: at(i), key: at(i).jobId }));
      return { put: () => queue.enqueueMany(entries), take: () => queue.dequeueMany(BATCH) };
    },
    'ours-keyed-single': () => loop(TASKS.unique.ours()),
    seed: () => loop(TASKS.fifo.seed()),
    array: () => loop(TASKS.fifo.array()),
    denque: () => loop(TASKS.fifo.denque()),
  },
};

/** A batch one by one. */
function loop({ put, take }) {
  return {
    put() {
      for (let i = 0; i < BATCH; i++) put(i);
    },
    take() {
      for (let i = 0; i < BATCH; i++) take();
    },
  };
}

module.exports = { TASKS, BATCH };
