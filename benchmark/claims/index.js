'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const { pgPool } = require('../store/contenders.js');
const { startDatabase } = require('../store/servers.js');

const PLANS = {
  full: { few: 1000, finished: 1_000_000, waiting: 100_000, claims: 101, rounds: 3 },
  quick: { few: 1000, finished: 20_000, waiting: 10_000, claims: 21, rounds: 1 },
};
const BOTS = 20;
const LIMIT = 16;
const LEASE_MS = 60_000;

/** What we promise: a claim costs so many times that of a small table, at most. */
const MOST = 2;

/** Tables that are claimed from, by what is in them: [status, from which number on, how many, when]. */
const tablesOf = ({ few, finished, waiting }) => {
  const done = ['ready', 0, finished];
  return {
    few: { title: `${few.toLocaleString('en')} wait`, rows: [['warming', 2e7, few]] },
    many: {
      title: `${waiting.toLocaleString('en')} wait, ${finished.toLocaleString('en')} are finished`,
      rows: [done, ['warming', 2e7, waiting]],
    },
    later: {
      title: `the same, and ${waiting.toLocaleString('en')} of higher priority wait for later`,
      rows: [done, ['warming', 2e7, waiting], ['warming', 3e7, waiting, "now() + interval '1 day'", 5]],
    },
  };
};

const fill = (pool, [status, from, count, runAt = 'now()', priority = 0]) =>
  pool.query(
    `INSERT INTO media_cache (bot_slug, sha256, kind, status, job, priority, run_at)
     SELECT 'bot-' || i % ${BOTS}, lpad(i::text, 64, '0'), 'photo', '${status}', '{"r2Key":"k"}', ${priority}, ${runAt}
     FROM generate_series(${from} + 1, ${from} + ${count}) i`,
  );

/** A store on a table of its own, which takes jobs and gives them back. */
async function open(server, { rows }) {
  const { PostgresStore, migrate } = require('../..');
  const place = await server.fresh();
  const pool = pgPool(place.url, 4);
  await migrate(pool);
  for (const some of rows) await fill(pool, some);
  await place.settle();
  const store = new PostgresStore({ pool });
  const leave = store.onWork(() => {});
  const claim = () => store.claim({ limit: LIMIT, leaseMs: LEASE_MS });
  // The bots have to become this process's own first.
  for (let claims = []; claims.length < LIMIT; ) {
    await store.release(claims);
    claims = await claim();
    if (claims.length === LIMIT) await store.release(claims);
    else await sleep(20);
  }
  return {
    async once() {
      const startedAt = performance.now();
      const claims = await claim();
      const ms = performance.now() - startedAt;
      if (claims.length !== LIMIT) throw new Error(`a claim of ${LIMIT} took ${claims.length}`);
      await store.release(claims);
      return ms;
    },
    async close() {
      leave();
      await store.close();
      await pool.end();
      await place.drop();
    },
  };
}

/**
 * What a claim costs its worker in a table of much history and many waiting rows, beside a small one.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const plan = { ...base, rounds: rounds || base.rounds };
  const server = await startDatabase();
  const opened = [];
  try {
    for (const [name, about] of Object.entries(tablesOf(plan))) {
      opened.push({ name, title: about.title, rounds: [], ...(await open(server, about)) });
      log(`${about.title}: ready`);
    }
    for (let round = 0; round < plan.rounds; round += 1) {
      const times = opened.map(() => []);
      // In turns, claim by claim: what the machine does meanwhile, it does to all.
      for (let i = 0; i < plan.claims; i += 1) {
        for (let k = 0; k < opened.length; k += 1) times[k].push(await opened[k].once());
      }
      opened.forEach((one, k) => {
        one.rounds.push(spread(times[k]).median);
        log(`round ${round + 1} of ${plan.rounds}, ${one.title}: ${one.rounds.at(-1).toFixed(2)} ms`);
      });
    }
  } finally {
    for (const one of opened) await one.close();
    await server.stop();
  }
  const results = opened.map(({ name, title, rounds: times }) => ({ name, title, rounds: times }));
  return { data: { plan, title: server.title, results }, markdown: report(plan, server.title, results) };
}

function report(plan, title, results) {
  const least = spread(results[0].rounds).median;
  const rows = results.map((row) => {
    const times = spread(row.rounds);
    const ratio = times.median / least;
    return [row.title, range(times), digits(ratio), ratio <= MOST ? 'yes' : '**no**'];
  });
  return [
    '## claims: what a claim costs in a large table',
    `${title}. ${LIMIT} jobs of ${BOTS} bots a claim, one process; median of ${plan.claims} claims, in turns claim by claim, of ${plan.rounds} round(s) (min–max). ` +
      `Promised: ${MOST} times the small table at most.`,
    table(['in the table', 'ms a claim', 'times the first', 'met'], rows),
  ].join('\n\n');
}

module.exports = { run };
