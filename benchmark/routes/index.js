'use strict';

const { bytes, digits, range, table } = require('../lib/markdown');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');
const { spread } = require('../lib/statistics');

const MB = 1 << 20;

const PLANS = {
  full: { size: MB, rounds: 3, warmMs: 2000, measureMs: 2000 },
  quick: { size: MB, rounds: 1, warmMs: 100, measureMs: 150 },
};

const ROUTES = ['stream', 'url'];

/** What we promise: jobs of a CPU second by URL, as a multiple of those by stream. */
const PROMISED = 10;

/**
 * The same objects by either route. Our process alone is measured: that Telegram then fetches the object is its own work, and
 * the Bot API here does not.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, programs, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const plan = { ...base, rounds: rounds || base.rounds };
  const results = [];
  for (const tls of [true, false]) {
    const servers = await startServers(programs.server, { tls, sizes: [plan.size] });
    try {
      const measured = new Map(ROUTES.map((route) => [route, []]));
      for (let round = 0; round < plan.rounds; round += 1) {
        for (const route of round % 2 === 0 ? ROUTES : ROUTES.toReversed()) {
          const { size, warmMs, measureMs } = plan;
          const result = await measure('ours', servers, { size, concurrency: 16, warmMs, measureMs, route });
          measured.get(route).push(result);
          log(`${tls ? 'TLS' : 'plain'} ${route}: ${result.cpuPerJobUs.toFixed(0)} µs CPU per job`);
        }
      }
      for (const route of ROUTES) results.push({ tls, route, rounds: measured.get(route) });
    } finally {
      await servers.close();
    }
  }
  return { data: { plan, results }, markdown: report(plan, results) };
}

function report(plan, results) {
  const perCpuSecond = (row) => spread(row.rounds.map(({ cpuPerJobUs }) => 1e6 / cpuPerJobUs));
  const rows = results.map((row) => {
    const stream = results.find(({ tls, route }) => tls === row.tls && route === 'stream');
    const times = perCpuSecond(row).median / perCpuSecond(stream).median;
    const met = row.route === 'stream' ? '–' : times >= PROMISED ? 'yes' : '**no**';
    const name = `${row.route === 'url' ? 'by URL' : 'streamed'}, ${row.tls ? 'TLS' : 'plain'}`;
    return [
      name,
      range(spread(row.rounds.map((round) => round.cpuPerJobUs))),
      range(perCpuSecond(row)),
      digits(times),
      met,
    ];
  });
  return [
    `## routes: ${bytes(plan.size)} by URL and by stream`,
    `Median (min–max) of ${plan.rounds} round(s), 16 at once, nothing verified. CPU of our whole process; the URL is signed for each job. Promised: ${PROMISED} times the jobs of a CPU second.`,
    table(['', 'CPU µs/job', 'jobs per CPU second', 'times the stream', 'met'], rows),
  ].join('\n\n');
}

module.exports = { run };
