'use strict';

const os = require('node:os');
const { SigV4Signer } = require('../signer.js');
const { Queue } = require('../queue.js');
const { EXIT, runCommand, wholeNumber } = require('./command.js');
const { table } = require('./table.js');

const HELP = `warmpath bench [options]: what this machine does, with what needs no server

  --ms N           how long each is measured, ms, 50 to 60000 (500)
  --json           one JSON object

Signing and queueing on one thread, the median of five runs. Transfers are measured in a checkout: npm run bench.
Exit code: 0, 1 the addon does not load, 2 wrong usage
`;

const OPTIONS = { ms: { type: 'string' }, json: { type: 'boolean', default: false } };

const RUNS = 5;
const BATCH = 200;

/** Each makes what is measured, and does it `n` times. */
const SUBJECTS = {
  'sign a GET': () => {
    const signer = newSigner();
    const request = { method: 'GET', url: 'https://account.r2.cloudflarestorage.com/media/folder/object.jpg' };
    return (n) => {
      for (let i = 0; i < n; i++) signer.sign(request);
    };
  },
  'presign a GET': () => {
    const signer = newSigner();
    const request = { url: 'https://account.r2.cloudflarestorage.com/media/folder/object.jpg' };
    return (n) => {
      for (let i = 0; i < n; i++) signer.presign(request);
    };
  },
  'presign, in batches of 200': () => {
    const signer = newSigner();
    const requests = Array.from({ length: BATCH }, (_, i) => ({
      url: `https://account.r2.cloudflarestorage.com/media/${i}.jpg`,
    }));
    return (n) => {
      for (let i = 0; i < n; i += BATCH) signer.presignMany(requests);
    };
  },
  'enqueue and dequeue, with a key': () => {
    const queue = new Queue({ capacity: 10_000 });
    const item = { id: 1 };
    return (n) => {
      for (let i = 0; i < n; i++) {
        queue.enqueue(item, { key: `job-${i}` });
        queue.dequeue();
      }
    };
  },
};

const newSigner = () => new SigV4Signer({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'example' });

/** Microseconds for one, the median of some runs of `ms` together. */
function measure(make, ms) {
  const work = make();
  work(BATCH * 10);
  const each = ms / RUNS;
  const times = [];
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    let n = 0;
    while (performance.now() - startedAt < each) {
      work(BATCH);
      n += BATCH;
    }
    times.push(((performance.now() - startedAt) * 1000) / n);
  }
  return times.sort((a, b) => a - b)[RUNS >> 1];
}

/** @param {string[]} argv @param {object} [io] @returns {Promise<number>} exit code */
function runBench(argv, io) {
  return runCommand({ name: 'bench', help: HELP, options: OPTIONS }, argv, io, async (values, { out }) => {
    const ms = wholeNumber(values, 'ms', { min: 50, max: 60_000 }) ?? 500;
    const machine = {
      node: process.versions.node,
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.availableParallelism(),
    };
    const results = Object.entries(SUBJECTS).map(([name, make]) => ({ name, microseconds: measure(make, ms) }));
    if (values.json) out(`${JSON.stringify({ machine, results })}\n`);
    else {
      out(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n\n`);
      const rows = results.map(({ name, microseconds }) => [
        name,
        microseconds.toFixed(2),
        Math.round(1e6 / microseconds),
      ]);
      out(table(['', 'µs each', 'a second'], rows, [1, 2]));
    }
    return EXIT.ok;
  });
}

module.exports = { runBench };
