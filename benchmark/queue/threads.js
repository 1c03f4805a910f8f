'use strict';

// Child process: one transport between threads. `config` = { transport, item, consumers, batch?, count, ms | warmUp, samples,
// turns? }: at least so many items and for so long, after as much to warm up; or the delays of so many items, after those of others.

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const BATCH = 1000;
/** Room for what MessagePorts, which have no bound, hold of a batch that was sent all at once. */
const CAPACITY = 64 * BATCH;
const LENGTH = 64;
const ITEMS = {
  string: (i) => String(i).padStart(LENGTH, 'x'),
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
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The items in batches of so many. */
function cut(items, batch) {
  return Array.from({ length: Math.floor(items.length / batch) }, (_, i) => items.slice(i * batch, (i + 1) * batch));
}

/** Per transport: `send(end, items, count, batch)` on one side; `receive(end, each, batch)` on the other, `each` says how many came. */
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
    async send(queue, items, count, batch) {
      const batches = cut(items, batch).map((part) => part.map((item) => ({ item })));
      let room = 0;
      for (let sent = 0, n = 0; sent < count; sent += batch, n++) {
        // Nobody else puts anything in, so what there was room for stays free.
        if (room < batch) room = CAPACITY - queue.length;
        while (room < batch) {
          await turn();
          room = CAPACITY - queue.length;
        }
        queue.enqueueMany(batches[n % batches.length]);
        room -= batch;
      }
    },
    async receive(queue, each, batch) {
      for (;;) {
        const items = await queue.dequeueManyWait(batch);
        if (items.length === 0) return;
        each(items[0], items.length);
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
    async send(workers, items, count, batch) {
      const batches = cut(items, batch);
      for (let sent = 0, n = 0; sent < count; sent += batch, n++) {
        workers[n % workers.length].postMessage(batches[n % batches.length]);
        if (sent % (4 * BATCH) < batch) await turn();
      }
    },
    receive: (_, each) => parentPort.on('message', (items) => each(items[0], items.length)),
  },
  'sab-ring': {
    memory: () => require('./sab-ring.js').Ring.memory(),
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
  'text-ring': {
    memory: (batch) => require('./text-ring.js').TextRing.memory(batch, LENGTH),
    open: (_, memory, __, batch) => new (require('./text-ring.js').TextRing)(memory, batch, LENGTH),
    async send(ring, items, count, batch) {
      const batches = cut(items, batch);
      for (let sent = 0, n = 0; sent < count; sent += batch, n++) ring.put(batches[n % batches.length]);
    },
    receive(ring, each, batch) {
      for (;;) each(ring.take()[0], batch);
    },
  },
};

if (isMainThread) main(JSON.parse(process.argv[2]));
else consume(workerData);

async function consume({ transport, item, name, memory, received, warmUp, samples, batch }) {
  const counter = new Int32Array(received);
  const { open, receive } = TRANSPORTS[transport];
  const queue = open?.(name, memory, item, batch);
  const delays = [];
  parentPort.postMessage('ready');
  const each = (value, count) => {
    if (samples > 0) {
      delays.push(Number(process.hrtime.bigint() - BigInt(value)));
      if (delays.length === warmUp + samples) parentPort.postMessage(delays.slice(warmUp));
    }
    Atomics.add(counter, 0, count);
    Atomics.notify(counter, 0);
  };
  // The loop must have turned once, or the first wait would be measured with the start.
  await turn();
  await receive(queue, each, batch);
}

async function main({ transport, item, consumers, count, ms = 0, warmUp, samples = 0, turns, batch = BATCH }) {
  const name = 'benchmark';
  const received = new SharedArrayBuffer(4);
  const counter = new Int32Array(received);
  const { memory: shared, open, send } = TRANSPORTS[transport];
  const memory = shared?.(batch);
  const data = { transport, item, name, memory, received, warmUp, samples, batch };
  const workers = Array.from({ length: consumers }, () => new Worker(__filename, { workerData: data }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  const end = open ? open(name, memory, item, batch) : workers;
  if (samples > 0) {
    const report = new Promise((resolve) => workers[0].once('message', resolve));
    for (let i = 0; i < warmUp + samples; i++) {
      const rests = i > warmUp && !turns;
      // Where this thread goes on turning, the system may have put the consumer on its processor, to wait for the end of its time slice.
      if (rests) await sleep(2);
      while (Atomics.load(counter, 0) < i) await (rests ? sleep(1) : turn());
      // The consumer has gone to sleep by then, and so have we.
      if (i >= warmUp && !rests) await sleep(2);
      await send(end, [String(process.hrtime.bigint()).padStart(64, '0')], 1);
    }
    console.log(JSON.stringify({ delays: await report }));
    process.exit();
  }
  const items = make(item);
  const pass = async (least) => {
    const many = Math.ceil(least / batch) * batch;
    const before = Atomics.load(counter, 0);
    const started = performance.now();
    await send(end, items, many, batch);
    while (Atomics.load(counter, 0) - before < many) await turn();
    return (many / (performance.now() - started)) * 1000;
  };
  // V8 compiles JavaScript while it runs, on the processors that the two threads need: what is written in C++ would win the first tenths
  // of a second.
  const warm = performance.now() + ms;
  let rate;
  do rate = await pass(count / 4);
  while (performance.now() < warm);
  console.log(JSON.stringify({ itemsPerSecond: await pass(Math.max(count, (rate / 1000) * ms)) }));
  process.exit();
}
