'use strict';

const { bytes, digits, range, table } = require('../lib/markdown');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');
const { spread } = require('../lib/statistics');

const KB = 1024;
const MB = 1e6;

const PLANS = {
  full: { size: 20 * KB, depths: [1_000, 10_000, 100_000], rounds: 5, warmMs: 2000, measureMs: 2000 },
  quick: { size: 20 * KB, depths: [100, 1_000], rounds: 1, warmMs: 100, measureMs: 150 },
};

/** What we promise: the dearest depth costs this much more than the cheapest, at most. */
const FLAT = 1.2;

/** And 100,000 queued jobs take this much memory, at most. */
const MOST_MB = 60;
/** Fewer jobs are lost in what the allocator holds anyway. */
const MANY = 100_000;

/**
 * What a whole job costs with so many others queued all the time: every job that ends is replaced.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, programs, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const plan = { ...base, rounds: rounds || base.rounds };
  const { size, depths, warmMs, measureMs } = plan;
  const measured = new Map(depths.map((queued) => [queued, []]));
  const servers = await startServers(programs.server, { tls: true, sizes: [size] });
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      for (let turn = 0; turn < depths.length; turn += 1) {
        const queued = depths[(turn + round) % depths.length];
        const result = await measure('ours-deep', servers, { size, concurrency: 16, warmMs, measureMs, queued });
        measured.get(queued).push(result);
        log(`${queued} queued: ${result.cpuPerJobUs.toFixed(1)} µs CPU per job`);
      }
    }
  } finally {
    await servers.close();
  }
  const results = depths.map((queued) => ({ queued, rounds: measured.get(queued) }));
  return { data: { plan, results }, markdown: report(plan, results) };
}

function report(plan, results) {
  const cost = (row) => spread(row.rounds.map((round) => round.cpuPerJobUs));
  const least = Math.min(...results.map((row) => cost(row).median));
  const rows = results.map((row) => {
    const more = cost(row).median / least;
    const held = spread(row.rounds.map((round) => (round.bytesPerQueued * row.queued) / MB));
    const many = row.queued >= MANY;
    return [
      row.queued.toLocaleString('en'),
      range(cost(row)),
      `${digits((more - 1) * 100)} %`,
      many ? range(held) : '–',
      more <= FLAT && (!many || held.median <= MOST_MB) ? 'yes' : '**no**',
    ];
  });
  return [
    `## depth: ${bytes(plan.size)} over TLS, 16 at once, with others queued all the time`,
    `Median (min–max) of ${plan.rounds} interleaved round(s). CPU of the whole process, each job from its submission to its outcome; jobs of 50 bots in turns. ` +
      `Promised: ${digits((FLAT - 1) * 100)} % above the cheapest at most, and ${MOST_MB} MB for ${MANY.toLocaleString('en')} jobs (1 MB is 1,000,000 bytes). Memory: what the process grew by, beside V8's heap, while they came in.`,
    table(['queued', 'CPU µs/job', 'above the cheapest', 'native MB of those queued', 'met'], rows),
  ].join('\n\n');
}

module.exports = { run };
