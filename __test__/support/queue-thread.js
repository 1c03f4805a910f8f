'use strict';

// A worker thread that does something with a named queue: `workerData` = { role, name, … }.

const { parentPort, workerData } = require('node:worker_threads');
const { Queue } = require('../..');

const { role, name, options = {} } = workerData;
const queue = new Queue({ ...options, name });
const pause = () => new Promise(setImmediate);

const roles = {
  /** Puts `count` numbers, singly or in batches; those that found no room again, until all are in. */
  async produce({ from, count }) {
    let sent = 0;
    while (sent < count) {
      let items = Array.from({ length: Math.min(count - sent, sent % 3 === 0 ? 1 : 64) }, (_, i) => from + sent + i);
      sent += items.length;
      for (;;) {
        const statuses =
          items.length === 1 ? [queue.enqueue(items[0])] : queue.enqueueMany(items.map((item) => ({ item })));
        items = items.filter((_, i) => statuses[i] !== 'queued');
        if (items.length === 0) break;
        await pause();
      }
    }
    parentPort.postMessage({ sent });
  },

  /** Takes until the queue ends, in every way there is, and reports what it took. */
  async consume() {
    const seen = [];
    for (let turn = 0; ; turn++) {
      if (turn % 4 === 0) seen.push(...queue.dequeueMany(100));
      if (turn % 4 === 2) seen.push(...(await queue.dequeueManyWait(30, { timeoutMs: 5 })));
      if (turn % 4 === 1) {
        for await (const item of queue) {
          seen.push(item);
          if (seen.length % 50 === 0) break;
        }
      }
      const item = await queue.dequeueWait(turn % 2 ? { timeoutMs: 5 } : undefined);
      if (item !== null) seen.push(item);
      else if (queue.stats().closed && queue.isEmpty()) break;
    }
    parentPort.postMessage({ seen });
  },

  /** Takes one by one, notes each in shared memory before it takes the next, until somebody ends the thread. */
  async takeUntilEnded({ noted }) {
    const marks = new Int32Array(noted);
    parentPort.postMessage('ready');
    for await (const item of queue) Atomics.add(marks, item, 1);
  },

  /** Waits, and never does anything else. */
  async wait({ waits = 1 }) {
    const pending = Array.from({ length: waits }, () => queue.dequeueWait());
    await pause();
    await pause();
    parentPort.postMessage('ready');
    parentPort.postMessage({ got: await Promise.all(pending) });
  },

  /** Waits, and ends as `how` says without looking again: whatever it is woken for, it cannot take. */
  async end({ how, gate }) {
    queue.dequeueWait();
    // It is in line for a wake-up from the next turn of the loop on.
    await pause();
    await pause();
    parentPort.postMessage('ready');
    Atomics.wait(new Int32Array(gate), 0, 0);
    if (how === 'throw') throw new Error('on purpose');
    process.exit(3);
  },
};

roles[role](workerData);
