'use strict';

// Child process: one transport between threads. `config` = { transport, item, consumers, count | samples }.

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const BATCH = 1000;
const CAPACITY = 4 * BATCH;
const ITEMS = {
  string: (i) => String(i).padStart(64, 'x'),
  bytes: (i) => new Uint8Array(64).fill(i & 255),
  job: (i) => ({
    botSlug: `shop-${i % 97}`,
    sha256: String(i).padStart(64, '0'),
    kind: 'photo',
    r2Key: `media/shop-${i % 97}/${i}.jpg`,
    chatId: -1001234567890 + i,
  }),
};

/** Few enough to stay in the cache, enough that no item is the one before. */
const make = (kind) => Array.from({ length: 2 * BATCH }, (_, i) => ITEMS[kind](i));
const turn = () => new Promise(setImmediate);

/** Per transport: `send(i, last)` on one side; `receive(each)` on the other, `each` says how many came. */
const TRANSPORTS = {
  ours: {
    open: (name) => new (require('../..').Queue)({ name, capacity: CAPACITY }),
    async send(queue, items, count) {
      for (let sent = 0; sent < count; ) {
        if (queue.enqueue(items[sent % items.length]) === 'queued') sent++;
        else await turn();
      }
    },
    async receive(queue, each) {
      for await (const item of queue) each(item, 1);
    },
  },
  'ours-batch': {
    open: (name) => TRANSPORTS.ours.open(name),
    async send(queue, items, count) {
      const halves = [items.slice(0, BATCH), items.slice(BATCH)].map((part) => part.map((item) => ({ item })));
      for (let sent = 0; sent < count; sent += BATCH) {
        while (queue.length > CAPACITY - BATCH) await turn();
        queue.enqueueMany(halves[(sent / BATCH) % 2]);
      }
    },
    async receive(queue, each) {
      for (;;) {
        const first = await queue.dequeueWait();
        if (first === null) return;
        each(first, 1 + queue.dequeueMany(BATCH).length);
      }
    },
  },
  'message-port': {
    async send(workers, items, count) {
      for (let sent = 0; sent < count; sent++) {
        workers[sent % workers.length].postMessage(items[sent % items.length]);
        // It has no bound: without a pause now and then the messages would pile up.
        if (sent % BATCH === 0) await turn();
      }
    },
    receive: (_, each) => parentPort.on('message', (item) => each(item, 1)),
  },
  'message-port-batch': {
    async send(workers, items, count) {
      const halves = [items.slice(0, BATCH), items.slice(BATCH)];
      for (let sent = 0, n = 0; sent < count; sent += BATCH, n++) {
        workers[n % workers.length].postMessage(halves[n % 2]);
        if (n % 4 === 0) await turn();
      }
    },
    receive: (_, each) => parentPort.on('message', (items) => each(items[0], items.length)),
  },
  'sab-ring': {
    open: (_, memory, kind) => new (require('./sab-ring.js').Ring)(memory, kind),
    async send(ring, items, count) {
      for (let sent = 0; sent < count; ) {
        if (ring.tryPut(items[sent % items.length])) sent++;
        else await turn();
      }
    },
    receive(ring, each) {
      for (;;) each(ring.take(), 1);
    },
  },
};

if (isMainThread) main(JSON.parse(process.argv[2]));
else consume(workerData);

async function consume({ transport, item, name, memory, received, samples }) {
  const counter = new Int32Array(received);
  const { open, receive } = TRANSPORTS[transport];
  const queue = open?.(name, memory, item);
  const delays = [];
  parentPort.postMessage('ready');
  const each = (value, count) => {
    if (samples > 0) {
      delays.push(Number(process.hrtime.bigint() - BigInt(value)));
      if (delays.length === samples) parentPort.postMessage(delays);
    }
    Atomics.add(counter, 0, count);
    Atomics.notify(counter, 0);
  };
  // The loop must have turned once, or the first wait would be measured with the start.
  await turn();
  await receive(queue, each);
}

async function main({ transport, item, consumers, count, samples = 0 }) {
  const name = 'benchmark';
  const received = new SharedArrayBuffer(4);
  const counter = new Int32Array(received);
  const memory = transport === 'sab-ring' ? require('./sab-ring.js').Ring.memory() : undefined;
  const { open, send } = TRANSPORTS[transport];
  const data = { transport, item, name, memory, received, samples };
  const workers = Array.from({ length: consumers }, () => new Worker(__filename, { workerData: data }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  const end = open ? open(name, memory, item) : workers;
  if (samples > 0) {
    const report = new Promise((resolve) => workers[0].once('message', resolve));
    for (let i = 0; i < samples; i++) {
      // The consumer has gone to sleep by then, and so have we.
      await new Promise((resolve) => setTimeout(resolve, 2));
      await send(end, [String(process.hrtime.bigint()).padStart(64, '0')], 1);
    }
    console.log(JSON.stringify({ delays: await report }));
    process.exit();
  }
  const items = make(item);
  const pass = async (many) => {
    const before = Atomics.load(counter, 0);
    const started = performance.now();
    await send(end, items, many);
    while (Atomics.load(counter, 0) - before < many) await turn();
    return (many / (performance.now() - started)) * 1000;
  };
  await pass(Math.ceil(count / 4 / BATCH) * BATCH);
  console.log(JSON.stringify({ itemsPerSecond: await pass(count) }));
  process.exit();
}
