'use strict';

// What watching costs: CPU of a process whose PrewarmWorker does 500 real jobs a second (20 KB each, from an object server to a Bot
// API that answers after 100 ms), with nobody watching, and with 20 open event streams and a scrape every 5 s. The two take
// turns, and the order changes every round; the readers are a process of their own. With `--pages` the readers do what the
// dashboard does, which reads the list of jobs too, every 2 s each.
//
//   node benchmark/admin [--seconds 8] [--rounds 8] [--pages]

const { fork } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const { parseArgs } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const { CHAT_ID, CREDENTIALS, TOKEN, objectPath } = require('../contenders/shared');
const { buildNative } = require('../lib/native');
const { startServers } = require('../lib/server');

const READERS = 20;
const RATE = 500;
const SIZE = 20 * 1024;
const BOTS = 40;
const TICK_MS = 20;
const SETTLE_MS = 1500;
const BOUND = 2;

/** The process that watches. Told to stop, it closes its connections, so that the next round begins anew. */
function readers(url, pages) {
  const agent = new http.Agent({ keepAlive: true });
  const open = new Set();
  const timers = [];
  const read = (path, options) => http.get(`${url}${path}`, options, (res) => res.resume()).on('error', () => {});
  process.on('message', (message) => {
    if (message === 'stop') {
      for (const timer of timers.splice(0)) clearInterval(timer);
      for (const request of open) request.destroy();
      open.clear();
      agent.destroy();
      return;
    }
    for (let i = 0; i < READERS; i++) open.add(read('/events', { agent: false }));
    timers.push(setInterval(() => read('/metrics/prometheus', { agent }), 5000));
    if (!pages) return;
    for (let i = 0; i < READERS; i++)
      timers.push(setInterval(() => read('/jobs?limit=25&state=&search=', { agent }), 2000));
  });
}

/** Gives the worker its jobs, evenly: what a late timer missed is made good. */
function feed(worker, sha256) {
  let made = 0;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * RATE) - made;
    const jobs = Array.from({ length: due }, () => {
      made++;
      return {
        key: `job-${made}`,
        botSlug: `bot-${made % BOTS}`,
        sha256,
        kind: 'document',
        r2Key: objectPath(SIZE, made).slice('/bucket/'.length),
      };
    });
    if (due > 0) worker.enqueueMany(jobs);
  }, TICK_MS);
  return () => clearInterval(timer);
}

async function startWorker(servers) {
  const { PrewarmWorker } = require('../..');
  const worker = new PrewarmWorker({
    s3: { endpoint: servers.s3Url, bucket: 'bucket', ...CREDENTIALS },
    telegram: { apiRoot: servers.botUrl },
    limits: false,
    concurrency: 128,
    capacity: 5000,
    resolveBot: async () => ({ token: TOKEN, chatIds: [CHAT_ID] }),
  });
  worker.on('error', (err) => {
    throw err;
  });
  worker.on('failed', ({ error }) => {
    throw new Error(`a job failed: ${error.code} ${error.message}`);
  });
  await worker.start();
  return worker;
}

/** CPU of this process, all threads, as % of a core, over so many seconds of work at the rate. */
async function share(worker, seconds) {
  const before = process.cpuUsage();
  const done = worker.stats().succeeded;
  const startedAt = performance.now();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  const wall = performance.now() - startedAt;
  const rate = ((worker.stats().succeeded - done) / wall) * 1000;
  if (rate < RATE * 0.97) throw new Error(`only ${rate.toFixed(0)} jobs a second were done: the machine is too busy`);
  return (user + system) / 10 / wall;
}

/** Median, and the interval that holds it with 95 % (from the order of the values, whatever their distribution). */
function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  const middle = n % 2 === 1 ? sorted[n >> 1] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  const out = Math.max(0, Math.floor((n - 1.96 * Math.sqrt(n)) / 2) - 1);
  return { middle, low: sorted[out], high: sorted[n - 1 - out] };
}

async function main({ seconds, rounds, pages }) {
  const servers = await startServers((await buildNative()).server, { tls: false, sizes: [SIZE], latencyMs: 100 });
  const worker = await startWorker(servers);
  const server = http.createServer(worker.router({ auth: 'external' })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connections = () => new Promise((resolve) => server.getConnections((_err, count) => resolve(count)));
  const child = fork(__filename, [
    '--readers',
    `http://127.0.0.1:${server.address().port}`,
    ...(pages ? ['--pages'] : []),
  ]);
  const stopFeeding = feed(worker, servers.sha256[SIZE]);
  await sleep(3000);
  const ways = {
    alone: () => share(worker, seconds),
    watched: async () => {
      child.send('start');
      await sleep(SETTLE_MS);
      const result = await share(worker, seconds);
      if ((await connections()) < READERS) throw new Error('not all readers were there to the end');
      child.send('stop');
      await sleep(SETTLE_MS);
      return result;
    },
  };
  const [alone, differences] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? ['alone', 'watched'] : ['watched', 'alone'];
    const got = {};
    for (const way of order) got[way] = await ways[way]();
    alone.push(got.alone);
    differences.push(got.watched - got.alone);
    console.log(`round ${round}: ${got.alone.toFixed(2)} % of a core alone, ${got.watched.toFixed(2)} % watched`);
  }
  stopFeeding();
  child.kill();
  const { middle, low, high } = summary(differences);
  console.log(
    `${RATE} jobs a second cost ${summary(alone).middle.toFixed(2)} % of a core; watching ${middle.toFixed(2)} % more ` +
      `(median of ${rounds}, ${low.toFixed(2)} to ${high.toFixed(2)}); at most ${BOUND} %: ${middle <= BOUND ? 'met' : 'NOT met'}`,
  );
  await worker.stop();
  server.closeAllConnections();
  server.close();
  await servers.close();
  process.exitCode = middle <= BOUND ? 0 : 1;
}

const { values } = parseArgs({
  options: {
    readers: { type: 'string' },
    pages: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '8' },
  },
});
if (values.readers) readers(values.readers, values.pages);
else main({ seconds: Number(values.seconds), rounds: Number(values.rounds), pages: values.pages });
