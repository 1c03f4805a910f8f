'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { digits, range, table } = require('../lib/markdown');
const { configOf } = require('../lib/measure');
const { startServers } = require('../lib/server');
const { spread } = require('../lib/statistics');

const MB = 1 << 20;
const UPLOADS = 16;

const PLANS = {
  full: { rounds: 5, size: 20 * MB, readBytesPerSecond: 4 * MB, capacityMs: 3000, settleMs: 1000, measureMs: 8000 },
  quick: { rounds: 1, size: MB, readBytesPerSecond: MB, capacityMs: 300, settleMs: 200, measureMs: 600 },
};

const CONTENDERS = ['ours', 'undici-streaming'];
const NAMES = { ours: '**warmpath**', 'undici-streaming': 'undici, streaming' };

/** The part of the app's capacity that the requests take. */
const SHARE = 0.3;

/** What we promise: the shift of p99, as a part of the one that the undici client causes. */
const LIMIT = 1 / 3;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** One app with one contender: p99 at rest, and while the uploads run. */
async function round(contender, { plan, servers, load, rate }) {
  const { size, readBytesPerSecond, settleMs, measureMs } = plan;
  const config = configOf(contender, servers, { size, concurrency: UPLOADS, warmMs: 0 });
  const app = Child.node(path.join(__dirname, 'app.js'), config, { NODE_EXTRA_CA_CERTS: config.caFile });
  try {
    const { port } = await app.hear();
    const ask = async (task) => {
      load.tell(JSON.stringify({ port, ...task }));
      return load.hear();
    };
    // At full speed first: it warms the app up, and in the first round says what it can do.
    const { perSecond } = await ask({ ms: plan.capacityMs, connections: 16 });
    const steady = { ms: measureMs, rate: Math.max(1, Math.round(rate ?? perSecond * SHARE)) };
    const rest = await ask(steady);
    // The receiver sets the pace, so that everybody uploads equally fast; enough to outlast the requests.
    const each = Math.ceil(((settleMs + measureMs) * 1.2 * readBytesPerSecond) / 1000 / size);
    app.tell(UPLOADS * each);
    const uploaded = app.hear();
    await wait(settleMs);
    const busy = await ask(steady);
    const { wallMs, cpuUs } = await uploaded;
    const megabytes = (UPLOADS * each * size) / MB;
    return {
      rate: steady.rate,
      rest,
      busy,
      shift: busy.p99 - rest.p99,
      megabytesPerSecond: megabytes / (wallMs / 1000),
      cpuMsPerMegabyte: cpuUs / 1000 / megabytes,
    };
  } finally {
    await app.end();
  }
}

/**
 * An Express route at a fixed rate while 16 uploads run in its process, to a Bot API that reads at a fixed speed.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, programs, contenders, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const plan = { ...base, rounds: rounds || base.rounds };
  const { size, readBytesPerSecond } = plan;
  const chosen = CONTENDERS.filter((name) => !contenders || contenders.includes(name));
  const servers = await startServers(programs.server, { tls: true, sizes: [size], readBytesPerSecond });
  const load = Child.node(path.join(__dirname, 'load.js'), {});
  const results = new Map(chosen.map((name) => [name, []]));
  let rate;
  try {
    for (let n = 0; n < plan.rounds; n += 1) {
      for (let turn = 0; turn < chosen.length; turn += 1) {
        const name = chosen[(turn + n) % chosen.length];
        const result = await round(name, { plan, servers, load, rate });
        // One rate for all.
        rate ??= result.rate;
        results.get(name).push(result);
        log(`${name}: p99 ${digits(result.rest.p99)} → ${digits(result.busy.p99)} ms at ${rate} requests/s`);
      }
    }
  } finally {
    await load.end();
    await servers.close();
  }
  const rows = chosen.map((name) => ({ contender: name, rounds: results.get(name) }));
  return { data: { plan, rate, rows }, markdown: report(plan, rate, rows) };
}

function report(plan, rate, rows) {
  const figure = (row, read) => spread(row.rounds.map(read));
  const lines = rows.map((row) => [
    NAMES[row.contender],
    range(figure(row, ({ rest }) => rest.p99)),
    range(figure(row, ({ busy }) => busy.p99)),
    range(figure(row, ({ shift }) => shift)),
    range(figure(row, ({ busy }) => busy.max)),
    range(figure(row, ({ megabytesPerSecond }) => megabytesPerSecond)),
    range(figure(row, ({ cpuMsPerMegabyte }) => cpuMsPerMegabyte)),
  ]);
  const shiftOf = (name) => {
    const row = rows.find(({ contender }) => contender === name);
    return row && figure(row, ({ shift }) => shift).median;
  };
  const [ours, theirs] = CONTENDERS.map(shiftOf);
  const columns = ['', 'p99 at rest ms', 'p99 with uploads', 'shift', 'max', 'uploaded MB/s', 'CPU ms/MB'];
  const sections = [
    `## express: a route at ${rate} requests/s while ${UPLOADS} uploads run`,
    `Requests at ${SHARE * 100} % of what the app can do, at a fixed rate; ${UPLOADS} uploads of ${plan.size / MB} MB over TLS in the app's process, to a Bot API that ` +
      `reads ${plan.readBytesPerSecond / MB} MB/s from each connection, so that everybody uploads equally fast. Median (min–max) of ${plan.rounds} round(s), fresh processes. ` +
      'CPU is that of the whole process, the route’s own in it.',
    table(columns, lines),
  ];
  if (ours !== undefined && theirs !== undefined) {
    // A shift below the noise is none.
    const met = Math.max(0, ours) <= Math.max(0, theirs) * LIMIT;
    sections.push(
      `Shift of p99, ours: ${digits(ours)} ms, undici: ${digits(theirs)} ms. At most a third: ${met ? 'met' : '**not met**'}.`,
    );
  }
  return sections.join('\n\n');
}

module.exports = { run };
