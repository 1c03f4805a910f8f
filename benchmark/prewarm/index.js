'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { lastCore } = require('../lib/cores');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');
const { spread } = require('../lib/statistics');
const { report } = require('./report');

const KB = 1024;
const MB = 1024 * KB;
const CONTENDERS = [
  'ours',
  'fetch-formdata',
  'undici-buffered',
  'undici-streaming',
  'undici-gathered',
  'bare',
  'floor',
];

/** Neither TLS nor a hash is in it. */
const can = (name, { tls, verify }) => name !== 'bare' || !(tls || verify);

const PLANS = {
  full: { sizes: [20 * KB, MB, 20 * MB], rounds: 3, warmMs: 2000, measureMs: 2000 },
  quick: { sizes: [20 * KB], rounds: 1, warmMs: 100, measureMs: 150 },
};

/** Figures that are summed up over the rounds. */
const FIGURES = {
  jobsPerSecond: (round) => round.jobsPerSecond,
  cpuPerJobUs: (round) => round.cpuPerJobUs,
  serverCpuPerJobUs: (round) => round.serverCpuPerJobUs,
  sleepsPerJob: (round) => round.sleepsPerJob,
  serverSleepsPerJob: (round) => round.serverSleepsPerJob,
  othersShare: (round) => round.othersShare,
  delayP50: (round) => round.delay?.p50,
  delayP99: (round) => round.delay?.p99,
  delayMax: (round) => round.delay?.max,
  idleP50: (round) => round.idle?.p50,
  idleP99: (round) => round.idle?.p99,
  idleMax: (round) => round.idle?.max,
  aboveIdleP99: (round) => round.delay?.p99 - round.idle?.p99,
  loopBusy: (round) => round.loopBusy,
  baseRss: (round) => round.baseRss,
  peakRss: (round) => round.peakRss,
  grownRss: (round) => round.peakRss - round.baseRss,
};

/** Every contender once a round, each round beginning with another one, so that none always runs first or after the same one. */
async function runCell(cell, { plan, contenders: all, servers, idle, programs, log }) {
  const contenders = all.filter((name) => can(name, cell));
  const rounds = new Map(contenders.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const name = contenders[(turn + round) % contenders.length];
      const { warmMs, measureMs } = plan;
      const options = { size: cell.size, verify: cell.verify, concurrency: 16, warmMs, measureMs, idle };
      const result = await measure(name, servers, { ...options, floor: programs.floor });
      rounds.get(name).push(result);
      const { jobsPerSecond, cpuPerJobUs } = result;
      log(`${describe(cell)} ${name}: ${jobsPerSecond.toFixed(1)} jobs/s, ${cpuPerJobUs.toFixed(0)} µs CPU per job`);
    }
  }
  const rows = contenders.map((name) => {
    const measured = rounds.get(name);
    const figures = Object.entries(FIGURES).map(([figure, read]) => [figure, spread(measured.map(read))]);
    return { contender: name, ...Object.fromEntries(figures), rounds: measured };
  });
  return { ...cell, rows };
}

const describe = ({ tls, size, verify }) => `${tls ? 'TLS' : 'plain'} ${size / KB} KB${verify ? ', verified' : ''}`;

/**
 * Object server → Bot API, 16 at once, ours against four clients written in JavaScript and the floor.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, sizes, programs, contenders, servers: where, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const core = where === 'anywhere' ? null : lastCore();
  const plan = { ...base, rounds: rounds || base.rounds, sizes: sizes ?? base.sizes, core };
  const chosen = CONTENDERS.filter((name) => !contenders || contenders.includes(name));
  const idle = Child.node(path.join(__dirname, '..', 'lib', 'idle.js'), {});
  const cells = [];
  try {
    for (const verify of [false, true]) {
      for (const tls of [true, false]) {
        // A smoke run needs either kind of connection and either kind of check once, not each with each.
        if (quick && verify === tls) {
          continue;
        }
        const servers = await startServers(programs.server, { tls, sizes: plan.sizes, core });
        try {
          for (const size of plan.sizes) {
            cells.push(
              await runCell({ tls, size, verify }, { plan, contenders: chosen, servers, idle, programs, log }),
            );
          }
        } finally {
          await servers.close();
        }
      }
    }
  } finally {
    await idle.end();
  }
  return { data: { plan, cells }, markdown: report({ plan, cells }) };
}

module.exports = { run };
