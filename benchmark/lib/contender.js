'use strict';

// Child process of one contender: builds it, warms it up, then runs as many jobs as each line on standard input says: first with
// what they use metered, then, on a second line, with the event loop's delay watched.

const path = require('node:path');
const readline = require('node:readline');
const { memory, resetPeak, startDelayWatch, startMeter } = require('./probe');

/**
 * Runs batches of growing size until `warmMs` have passed.
 * @returns {Promise<number>} jobs a second in the last batch; 0 when nothing was to be warmed
 */
async function warmUp(contender, { warmMs, concurrency }) {
  const started = performance.now();
  let rate = 0;
  for (let batch = concurrency; performance.now() - started < warmMs; batch *= 2) {
    const begun = performance.now();
    await contender.run(batch);
    rate = (batch / (performance.now() - begun)) * 1000;
  }
  return rate;
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function main(config) {
  // Read from the start: the open pipe keeps the process alive while only native threads work.
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const toRun = async () => Number((await lines.next()).value);
  const { create } = require(path.join(__dirname, '..', 'contenders', config.contender));
  const contender = create(config);
  // What the process took to start is no part of what its transfers take.
  resetPeak();
  const baseRss = memory('VmRSS');
  say({ event: 'ready', jobsPerSecond: await warmUp(contender, config), baseRss });

  const jobs = await toRun();
  const stopMeter = startMeter();
  const extra = await contender.run(jobs);
  say({ event: 'done', jobs, ...stopMeter(), ...extra });

  const watched = await toRun();
  if (watched > 0) {
    const stopWatch = startDelayWatch();
    await contender.run(watched);
    say({ event: 'watched', ...stopWatch() });
  }
  await contender.close();
  process.stdin.destroy();
}

main(JSON.parse(process.argv[2]));
