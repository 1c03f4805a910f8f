'use strict';

// What watching costs: CPU of a process whose worker settles 500 results a second and holds 128 claimed jobs, with nobody watching, and
// with 20 open dashboards and a scrape every 5 s. The results are made here, not sent: so that only the watching is measured.
//
//   node benchmark/admin [seconds]

const { fork } = require('node:child_process');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

const READERS = 20;
const RATE = 500;

function readers(url) {
  const read = (path) => http.get(`${url}${path}`, (res) => res.resume());
  for (let i = 0; i < READERS; i++) read('/events');
  setInterval(() => read('/metrics/prometheus'), 5000);
}

async function main(seconds) {
  const { PrewarmWorker } = require('../../index.js');
  const worker = new PrewarmWorker({
    s3: { endpoint: 'http://127.0.0.1:9', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' },
    concurrency: 64,
    resolveBot: async () => ({ token: '123456:benchmark', chatIds: [1] }),
  });
  worker.on('error', () => {});
  const job = (i) => ({
    botSlug: `bot-${i % 40}`,
    sha256: String(i).padStart(64, '0'),
    kind: 'photo',
    r2Key: `media/${i}.jpg`,
  });
  await worker.enqueueMany(Array.from({ length: 128 }, (_, i) => job(i)));
  await worker.start();
  worker.executor.pause();
  const server = http.createServer(worker.router({ auth: 'external' })).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const timings = { queue: 1, download: 20, upload: 30, answer: 80, total: 131 };
  let n = 0;
  setInterval(() => {
    const results = Array.from({ length: RATE / 50 }, () => {
      const one = { key: `k${++n}`, job: job(n), attempt: 1, timings, waitedMs: 5, bytes: 1000 };
      return n % 50 === 0
        ? {
            ...one,
            state: 'dead',
            status: 'failed',
            error: { code: 'ERR_WARMPATH_SEND_FAILED', class: 'transient', message: 'x' },
          }
        : { ...one, state: 'done', status: 'succeeded', value: { route: 'stream' } };
    });
    worker.monitor.settled(results, (each) => worker.describe(each));
  }, 20);
  const share = async () => {
    const before = process.cpuUsage();
    const startedAt = performance.now();
    await sleep(seconds * 1000);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 10 / (performance.now() - startedAt);
  };
  const url = `http://127.0.0.1:${server.address().port}`;
  await sleep(1000);
  const differences = [];
  for (let round = 1; round <= 5; round++) {
    const alone = await share();
    const child = fork(__filename, ['--readers', url]);
    await sleep(1500);
    const watched = await share();
    const open = await new Promise((resolve) => server.getConnections((_err, count) => resolve(count)));
    if (open < READERS) throw new Error(`only ${open} readers are there`);
    child.kill();
    await sleep(500);
    differences.push(watched - alone);
    console.log(`round ${round}: ${alone.toFixed(2)} % of a core alone, ${watched.toFixed(2)} % watched`);
  }
  differences.sort((a, b) => a - b);
  console.log(
    `watching costs ${differences[2].toFixed(2)} % of one core (median of 5, ${differences[0].toFixed(2)} to ${differences[4].toFixed(2)})`,
  );
  process.exit(0);
}

if (process.argv[2] === '--readers') readers(process.argv[3]);
else main(Number(process.argv[2] ?? 5));
