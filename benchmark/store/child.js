'use strict';

// One process of a run: `{ contender, url, role, from, count }`. A producer waits for `go`, puts its jobs in and says how long it took; a
// consumer waits for `go`, then says from time to time how many it ended, and when the last one did. `stop` ends it.

const readline = require('node:readline');
const { CONTENDERS } = require('./contenders.js');

const AT_ONCE = 16;
const BATCH = 1000;
const TELL_MS = 25;

const { contender, url, role, from, count, batch } = JSON.parse(process.argv[2]);
const { producer, consumer, idle, load } = CONTENDERS[contender];
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const now = () => performance.timeOrigin + performance.now();

async function wait() {
  say({ ready: true });
  await lines.next();
  const stop = await (idle ?? ((place) => consumer(place, () => {})))(url);
  await lines.next();
  await stop();
}

async function produce() {
  const to = await producer(url);
  say({ ready: true });
  await lines.next();
  const startedAt = now();
  let next = from;
  const end = from + count;
  const step = batch ? BATCH : 1;
  await Promise.all(
    Array.from({ length: batch ? 1 : AT_ONCE }, async () => {
      while (next < end) {
        const first = next;
        next += step;
        if (batch) await to.many(Array.from({ length: Math.min(step, end - first) }, (_, i) => first + i));
        else await to.one(first);
      }
    }),
  );
  say({ startedAt, endedAt: now() });
  await lines.next();
  await to.close();
}

async function consume() {
  say({ ready: true });
  await lines.next();
  let ended = 0;
  let lastAt = 0;
  const startedAt = now();
  const stop = await consumer(url, (more) => {
    ended += more;
    lastAt = now();
  });
  const timer = setInterval(() => say({ startedAt, ended, lastAt }), TELL_MS);
  await lines.next();
  clearInterval(timer);
  await stop();
}

load();
const ROLES = { produce, consume, idle: wait };
ROLES[role]().then(
  () => process.exit(0),
  (err) => {
    console.error(err);
    process.exit(1);
  },
);
