'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const window = require('./window');

const CONTENDERS = ['ours', 'openai-p-queue', 'fetch-p-retry'];
const CONCURRENCY = 32;
const SECRET = 'benchmark-secret';

// What a third of the CPU and a calm loop mean.
const CPU_TARGET = 1 / 3;
const DELAY_TARGET_MS = 2;

const PLANS = {
  full: { rounds: 3, warmMs: 2000, measureMs: 4000, latencyMs: 40, hookMs: 4 },
  quick: { rounds: 1, warmMs: 100, measureMs: 300, latencyMs: 10, hookMs: 1 },
};

const FIGURES = {
  jobsPerSecond: (round) => round.jobsPerSecond,
  cpuPerJobUs: (round) => round.cpuPerJobUs,
  serverCpuPerJobUs: (round) => round.serverCpuPerJobUs,
  loopBusy: (round) => round.loopBusy,
  peakRss: (round) => round.peakRss,
  delayP99: (round) => round.delay.p99,
  aboveIdleP99: (round) => round.delay.p99 - round.idle.p99,
};

/** What the server saw of a run; a contender that did less, or something else, is not measured. */
async function checked(server, jobs) {
  server.tell('seen');
  const { cpuUs, completions, parts, repeated, wrong } = await server.hear();
  if (completions !== jobs || parts !== 2 * jobs || repeated > 0 || wrong > 0) {
    throw new Error(
      `of ${jobs} messages: ${completions} completions, ${parts} parts, ${repeated} twice, ${wrong} wrong`,
    );
  }
  return cpuUs;
}

/** One contender once, in a fresh process. */
async function measure(name, { server, idle, config, plan }) {
  const entry = path.join(__dirname, '..', 'lib', 'contender.js');
  const child = Child.node(entry, { ...config, contender: `../campaign/contenders/${name}`, warmMs: plan.warmMs });
  try {
    const ready = await child.hear();
    const jobs = Math.max(Math.ceil((ready.jobsPerSecond * plan.measureMs) / 1000), 2 * CONCURRENCY);
    server.tell('seen');
    const before = (await server.hear()).cpuUs;
    child.tell(jobs);
    const done = await child.hear();
    const after = await checked(server, jobs);
    idle.tell('start');
    child.tell(Math.ceil(jobs / 2));
    const delay = await child.hear();
    idle.tell('stop');
    return {
      ...done,
      delay,
      idle: await idle.hear(),
      jobsPerSecond: (jobs / done.wallMs) * 1000,
      cpuPerJobUs: done.cpuUs / jobs,
      serverCpuPerJobUs: (after - before) / jobs,
    };
  } finally {
    await child.end();
  }
}

/**
 * Campaign messages: a completion, two parts to a webhook. Ours against the SDK with a queue, and against careful fetch.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, contenders, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const plan = { ...base, rounds: rounds || base.rounds };
  const chosen = CONTENDERS.filter((name) => !contenders || contenders.includes(name));
  const server = Child.node(path.join(__dirname, 'server.js'), { ...plan, secret: SECRET });
  const idle = Child.node(path.join(__dirname, '..', 'lib', 'idle.js'), {});
  const measured = new Map(chosen.map((name) => [name, []]));
  try {
    const { port } = await server.hear();
    const config = { url: `http://127.0.0.1:${port}`, secret: SECRET, concurrency: CONCURRENCY };
    for (let round = 0; round < plan.rounds; round += 1) {
      for (let turn = 0; turn < chosen.length; turn += 1) {
        const name = chosen[(turn + round) % chosen.length];
        const result = await measure(name, { server, idle, config, plan });
        measured.get(name).push(result);
        log(`${name}: ${digits(result.jobsPerSecond)} messages/s, ${digits(result.cpuPerJobUs)} µs CPU a message`);
      }
    }
  } finally {
    await Promise.all([server.end(), idle.end()]);
  }
  const rows = chosen.map((name) => {
    const all = measured.get(name);
    const figures = Object.entries(FIGURES).map(([figure, read]) => [figure, spread(all.map(read))]);
    return { contender: name, ...Object.fromEntries(figures), rounds: all };
  });
  const slots = contenders ? null : await window.run({ quick, log });
  const markdown = [report(plan, rows), ...(slots ? [slots.markdown] : [])].join('\n\n');
  return { data: { plan, rows, window: slots?.data }, markdown };
}

function report(plan, rows) {
  const ours = rows.find(({ contender }) => contender === 'ours');
  const lines = rows.map((row) => [
    row === ours ? '**warmpath**' : row.contender,
    range(row.cpuPerJobUs),
    ours ? `${digits(row.cpuPerJobUs.median / ours.cpuPerJobUs.median)} ×` : '–',
    range(row.jobsPerSecond),
    `${digits(row.loopBusy.median * 100)} %`,
    range(row.delayP99),
    range(row.aboveIdleP99),
    range(row.peakRss, 1 << 20),
  ]);
  const columns = [
    '',
    'CPU µs/message',
    'of ours',
    'messages/s',
    'loop busy',
    'delay p99 ms',
    'above idle',
    'peak RSS MB',
  ];
  return [
    `## campaign: ${CONCURRENCY} messages at once, ${plan.latencyMs} ms for a completion, ${plan.hookMs} ms for a part`,
    'A completion of 550 tokens, cut into two parts, each posted with an idempotency key and a signature that the webhook verifies; median of ' +
      `${plan.rounds} rounds (minimum–maximum), plain HTTP on loopback. The server saw every part once.`,
    table(columns, lines),
    ...(ours && rows.length > 1 ? [verdict(ours, rows)] : []),
  ].join('\n\n');
}

function verdict(ours, rows) {
  const best = Math.min(...rows.filter((row) => row !== ours).map((row) => row.cpuPerJobUs.median));
  const share = ours.cpuPerJobUs.median / best;
  const delay = ours.aboveIdleP99.median;
  const met = (holds) => (holds ? 'met' : '**missed**');
  return [
    `- CPU a message, ours / the best peer's: ${digits(share)} (target ≤ 1/3): ${met(share <= CPU_TARGET)}`,
    `- loop delay p99 above idle: ${digits(delay)} ms (target ≤ ${DELAY_TARGET_MS} ms): ${met(delay <= DELAY_TARGET_MS)}`,
  ].join('\n');
}

module.exports = { run };
