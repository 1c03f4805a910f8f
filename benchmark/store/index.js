'use strict';

const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Child } = require('../lib/child');
const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const { CONTENDERS } = require('./contenders.js');
const { startDatabase, startRedis } = require('./servers.js');

const PLANS = {
  full: {
    ...{ rounds: 3, jobs: 20_000, fastJobs: 60_000, slowJobs: 10 },
    ...{ idleMs: 60_000, settleMs: 40_000, timeoutMs: 20_000 },
  },
  quick: {
    ...{ rounds: 1, jobs: 2000, fastJobs: 2000, slowJobs: 4 },
    ...{ idleMs: 6000, settleMs: 6000, timeoutMs: 60_000 },
  },
};
const PROCESSES = [1, 4];

const startChild = (config) => Child.node(path.join(__dirname, 'child.js'), config);

/** Producers, all at once: jobs a second from the first start to the last end. */
async function produce(contender, url, { jobs, processes, batch, from = 0 }) {
  const each = Math.ceil(jobs / processes);
  const children = Array.from({ length: processes }, (_, i) =>
    startChild({ contender, url, role: 'produce', from: from + i * each, count: each, batch }),
  );
  try {
    for (const child of children) await child.hear();
    for (const child of children) child.tell('go');
    const times = await Promise.all(children.map((child) => child.hear()));
    const startedAt = Math.min(...times.map((one) => one.startedAt));
    return (each * processes * 1000) / (Math.max(...times.map((one) => one.endedAt)) - startedAt);
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

/** Consumers of jobs that are there already: jobs a second from the start to the last end. */
async function consume(contender, url, { jobs, processes, timeoutMs }) {
  const children = Array.from({ length: processes }, () => startChild({ contender, url, role: 'consume' }));
  const deadline = performance.now() + timeoutMs;
  try {
    for (const child of children) await child.hear();
    for (const child of children) child.tell('go');
    for (;;) {
      const states = await Promise.all(children.map((child) => child.hear()));
      const ended = states.reduce((sum, one) => sum + one.ended, 0);
      const startedAt = Math.min(...states.map((one) => one.startedAt));
      const lastAt = Math.max(...states.map((one) => one.lastAt));
      if (ended >= jobs) return (ended * 1000) / (lastAt - startedAt);
      // Too slow to wait for: what it has done until now says it as well.
      if (performance.now() > deadline) return ended === 0 ? 0 : (ended * 1000) / (lastAt - startedAt);
    }
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

/** Who puts the jobs in for this contender: variants of one queue share a producer. */
function producerOf(name) {
  if (CONTENDERS[name].producer !== null) return name;
  return Object.keys(CONTENDERS).find(
    (other) => CONTENDERS[other].producer !== null && name.startsWith(other.replace(/-10$/, '')),
  );
}

/** Enough that the first moments of a process, whose code is not compiled yet, do not decide; and no more than can be waited for. */
const jobsFor = (name, plan) => plan[{ fast: 'fastJobs', slow: 'slowJobs' }[CONTENDERS[name].pace] ?? 'jobs'];

async function measure(name, server, plan, processes) {
  const contender = CONTENDERS[name];
  const result = {};
  const place = await server.fresh();
  try {
    await contender.prepare(place.url);
    if (contender.producer !== null) {
      const jobs = Math.ceil(plan.jobs / 4);
      result.single = await produce(name, place.url, { jobs, processes, batch: false });
      result.batch = await produce(name, place.url, { jobs: plan.jobs, processes, batch: true, from: jobs + 1000 });
    }
  } finally {
    await place.drop();
  }
  const other = await server.fresh();
  try {
    await contender.prepare(other.url);
    const jobs = jobsFor(name, plan);
    await produce(producerOf(name), other.url, { jobs, processes: 1, batch: true });
    // What autovacuum does a minute later anyway: nobody is measured with a plan for an empty table.
    await other.settle();
    result.work = await consume(name, other.url, { jobs, processes, timeoutMs: plan.timeoutMs });
  } finally {
    await other.drop();
  }
  return result;
}

/** Statements a minute of one worker that finds nothing, all contenders at the same time. */
async function idle(names, serverOf, plan) {
  const rows = await Promise.all(
    names.map(async (name) => {
      const place = await serverOf(name).fresh();
      await CONTENDERS[name].prepare(place.url);
      const child = startChild({ contender: name, url: place.url, role: 'idle' });
      await child.hear();
      child.tell('go');
      return { name, place, child };
    }),
  );
  await sleep(plan.settleMs);
  const before = await Promise.all(rows.map(({ place }) => place.statements()));
  await sleep(plan.idleMs);
  const after = await Promise.all(rows.map(({ place }) => place.statements()));
  await Promise.all(rows.map(({ child }) => child.end()));
  for (const { place } of rows) await place.drop();
  return Object.fromEntries(rows.map(({ name }, i) => [name, ((after[i] - before[i]) * 60_000) / plan.idleMs]));
}

/**
 * The durable store against the queues people use, on one server with the durability it comes with.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, contenders, log }) {
  const plan = { ...(quick ? PLANS.quick : PLANS.full), ...(rounds && { rounds }) };
  const postgres = await startDatabase();
  const redis = await startRedis();
  const names = Object.keys(CONTENDERS).filter(
    (name) => (!contenders || contenders.includes(name)) && (redis !== null || !CONTENDERS[name].redis),
  );
  const serverOf = (name) => (CONTENDERS[name].redis ? redis : postgres);
  try {
    const results = names.flatMap((name) =>
      PROCESSES.map((processes) => ({ name, processes, single: [], batch: [], work: [] })),
    );
    for (let round = 0; round < plan.rounds; round++) {
      for (let i = 0; i < results.length; i++) {
        const one = results[(i + round) % results.length];
        const found = await measure(one.name, serverOf(one.name), plan, one.processes);
        for (const [what, value] of Object.entries(found)) one[what].push(value);
        log(`round ${round + 1} of ${plan.rounds}, ${one.name}, ${one.processes}: ${JSON.stringify(found)}`);
      }
    }
    const quiet = await idle(
      names.filter((name) => CONTENDERS[name].producer !== null),
      serverOf,
      plan,
    );
    const titles = [postgres.title, redis?.title ?? 'no Redis here: BullMQ was not measured'];
    return { data: { plan, titles, results, idle: quiet }, markdown: report(plan, titles, results, quiet) };
  } finally {
    await postgres.stop();
    await redis?.stop();
  }
}

function report(plan, titles, results, quiet) {
  const cells = (what, names) =>
    names.map((name) => [
      CONTENDERS[name].title,
      ...PROCESSES.map((processes) => {
        const mine = spread(results.find((one) => one.name === name && one.processes === processes)[what]);
        const best = ['ours-10', 'ours-100'].map((own) =>
          results.find((one) => one.name === own && one.processes === processes),
        );
        const own = Math.max(...best.filter(Boolean).map((one) => spread(one[what])?.median ?? 0));
        return `${range(mine)}${!name.startsWith('ours') && own > 0 && mine?.median > own ? ' †' : ''}`;
      }),
    ]);
  const names = [...new Set(results.map(({ name }) => name))];
  const producers = names.filter((name) => CONTENDERS[name].producer !== null);
  const heads = PROCESSES.map((n) => `${n} process${n === 1 ? '' : 'es'}`);
  const plain = (title) => title.replace(/, (claims of 10|as it comes.*|work\(\) as it comes)$/, '');
  const putting = (what) => cells(what, producers).map(([title, ...rest]) => [plain(title), ...rest]);
  return [
    '## store: durable queues',
    `${titles.join('; ')}. ${plan.jobs} jobs of 16 bots (${plan.fastJobs} to work off with claims of 100, or tuned), jobs a second: median (minimum–maximum) of ${plan.rounds} rounds, each in a fresh ` +
      'database. † a peer beats our best row. Work counts from the start of the processes’ own connections, jobs do nothing, every ' +
      'result is recorded.',
    `Claim and settle:\n\n${table(['jobs/s', ...heads], cells('work', names))}`,
    `Enqueue one by one, 16 at once in each process, with a check for duplicates where the queue has one:\n\n${table(['jobs/s', ...heads], putting('single'))}`,
    `Enqueue in batches of 1,000:\n\n${table(['jobs/s', ...heads], putting('batch'))}`,
    `One idle worker, after ${plan.settleMs / 1000} s without work, transactions a minute (commands for Redis), counted by the server:\n\n${table(
      ['', 'a minute'],
      Object.entries(quiet).map(([name, value]) => [plain(CONTENDERS[name].title), digits(value)]),
    )}`,
  ].join('\n\n');
}

module.exports = { run };
