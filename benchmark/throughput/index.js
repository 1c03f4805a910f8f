'use strict';

const { digits, table } = require('../lib/markdown');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');

const CONCURRENCY = 5;
const SIZE = 20 * 1024;
const TARGET = 0.97;

const PLANS = {
  full: { jobs: 150, latencyMs: 800 },
  quick: { jobs: 20, latencyMs: 100 },
};

const CONTENDERS = ['ours', 'undici-streaming'];

/**
 * Slots against a server that answers late: what is lost between two jobs of a slot shows in the throughput.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, programs, contenders, log }) {
  const plan = quick ? PLANS.quick : PLANS.full;
  const chosen = CONTENDERS.filter((name) => !contenders || contenders.includes(name));
  const cases = [false, true].flatMap((tls) => chosen.map((contender) => ({ tls, contender })));
  // All of them wait nearly all of the time, so they do not disturb each other.
  const results = await Promise.all(
    cases.map(async ({ tls, contender }) => {
      const servers = await startServers(programs.server, { tls, sizes: [SIZE], latencyMs: plan.latencyMs });
      try {
        const options = { size: SIZE, concurrency: CONCURRENCY, jobs: plan.jobs, warmMs: 0, floor: programs.floor };
        const result = await measure(contender, servers, options);
        const reached = result.jobsPerSecond / (CONCURRENCY / (plan.latencyMs / 1000));
        log(`${tls ? 'TLS' : 'plain'} ${contender}: ${digits(reached * 100)} %`);
        return { tls, contender, reached, ...result };
      } finally {
        await servers.close();
      }
    }),
  );
  return { data: { plan, results }, markdown: report(plan, results) };
}

function report(plan, results) {
  const ideal = CONCURRENCY / (plan.latencyMs / 1000);
  const rows = results.map((result) => {
    const ours = result.contender === 'ours';
    const met = ours ? (result.reached >= TARGET ? 'yes' : '**no**') : '–';
    const name = `${ours ? '**warmpath**' : 'undici, streaming'}, ${result.tls ? 'TLS' : 'plain'}`;
    return [name, digits(result.jobsPerSecond), `${digits(result.reached * 100)} %`, met];
  });
  return [
    `## throughput: concurrency ${CONCURRENCY}, ${plan.latencyMs} ms of server latency a job`,
    `${plan.jobs} jobs of 20 KB, from a cold start (no connection is open) to the last outcome, nothing taken out: jobs / wall time, against ` +
      `${CONCURRENCY} / ${plan.latencyMs / 1000} s = ${digits(ideal)} jobs/s. The jobs are a multiple of the slots, so the tail costs nothing. Target: 97 %.`,
    table(['', 'jobs/s', 'of the possible', 'met'], rows),
  ].join('\n\n');
}

module.exports = { run };
