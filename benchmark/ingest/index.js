'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');
const { spread } = require('../lib/statistics');
const { report } = require('./report');

const MB = 1 << 20;

const FORMS = {
  url: ['ingest-url-ours', 'ingest-url-undici'],
  base64: ['ingest-base64-ours', 'ingest-base64-node', 'ingest-base64-copy'],
};

const PLANS = {
  full: { sizes: [100 * 1024, 5 * MB, 50 * MB], rounds: 3, warmMs: 2000, measureMs: 2500, concurrency: 8 },
  quick: { sizes: [100 * 1024], rounds: 1, warmMs: 100, measureMs: 150, concurrency: 8 },
};

const FIGURES = {
  jobsPerSecond: (round) => round.jobsPerSecond,
  cpuPerJobUs: (round) => round.cpuPerJobUs,
  othersShare: (round) => round.othersShare,
  delayP99: (round) => round.delay?.p99,
  delayMax: (round) => round.delay?.max,
  aboveIdleP99: (round) => round.delay?.p99 - round.idle?.p99,
  loopBusy: (round) => round.loopBusy,
  perTransfer: (round, { concurrency }) => (round.peakRss - round.baseRss) / concurrency,
};

async function runCell(cell, { plan, servers, idle, log }) {
  const contenders = FORMS[cell.form];
  const rounds = new Map(contenders.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const name = contenders[(turn + round) % contenders.length];
      const { warmMs, measureMs, concurrency } = plan;
      const result = await measure(name, servers, { size: cell.size, concurrency, warmMs, measureMs, idle });
      rounds.get(name).push(result);
      log(
        `${cell.size / 1024} KB ${name}: ${result.jobsPerSecond.toFixed(1)} jobs/s, ${result.cpuPerJobUs.toFixed(0)} µs CPU`,
      );
    }
  }
  const rows = contenders.map((name) => {
    const measured = rounds.get(name);
    const figures = Object.entries(FIGURES).map(([figure, read]) => [
      figure,
      spread(measured.map((r) => read(r, plan))),
    ]);
    return { contender: name, ...Object.fromEntries(figures), rounds: measured };
  });
  return { ...cell, rows };
}

/**
 * TLS URL → disk and base64 → disk, sha256 and fsync on every side, ours against JavaScript by hand.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, programs, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const plan = { ...base, rounds: rounds || base.rounds };
  const idle = Child.node(path.join(__dirname, '..', 'lib', 'idle.js'), {});
  const servers = await startServers(programs.server, { tls: true, sizes: plan.sizes });
  const cells = [];
  try {
    for (const form of Object.keys(FORMS)) {
      for (const size of plan.sizes) cells.push(await runCell({ form, size }, { plan, servers, idle, log }));
    }
  } finally {
    await servers.close();
    await idle.end();
  }
  return { data: { plan, cells }, markdown: report({ plan, cells }) };
}

module.exports = { run };
