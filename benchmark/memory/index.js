'use strict';

const { digits, table } = require('../lib/markdown');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');

const KB = 1024;
const MB = 1024 * KB;

const PLANS = {
  full: { transfers: 64, size: 50 * MB, readBytesPerSecond: 2 * MB },
  quick: { transfers: 8, size: 4 * MB, readBytesPerSecond: 4 * MB },
};

/** The bound we promise on top of what the process takes without transfers. */
const boundOf = (transfers) => transfers * 512 * KB + 16 * MB;

const CONTENDERS = ['ours', 'undici-streaming'];

/**
 * All transfers at once to a Bot API that reads slowly: whatever is buffered on the way shows in the peak.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, programs, contenders, log }) {
  const plan = quick ? PLANS.quick : PLANS.full;
  const { transfers, size, readBytesPerSecond } = plan;
  const results = [];
  for (const tls of [false, true]) {
    for (const contender of CONTENDERS.filter((name) => !contenders || contenders.includes(name))) {
      const servers = await startServers(programs.server, { tls, sizes: [size], readBytesPerSecond });
      try {
        const options = { size, concurrency: transfers, jobs: transfers, warmMs: 0, floor: programs.floor };
        const result = await measure(contender, servers, options);
        // Had the receiver not been slow, the bound would prove nothing.
        const slowestMs = (size / readBytesPerSecond) * 1000;
        const heldBack = result.wallMs >= slowestMs * 0.98 && result.wallMs < slowestMs * 3;
        results.push({ tls, contender, bound: boundOf(transfers), heldBack, ...result });
        log(`${tls ? 'TLS' : 'plain'} ${contender}: ${digits((result.peakRss - result.baseRss) / MB)} MB above base`);
      } finally {
        await servers.close();
      }
    }
  }
  return { data: { plan, results }, markdown: report(plan, results) };
}

function report(plan, results) {
  const columns = [
    '',
    'base RSS MB',
    'peak RSS MB',
    'grown by MB',
    'KB per transfer',
    'bound MB',
    'met',
    's',
    'held back by receiver',
  ];
  const rows = results.map((result) => {
    const grown = result.peakRss - result.baseRss;
    const name = result.contender === 'ours' ? '**warmpath**' : 'undici, streaming';
    const sizes = [result.baseRss, result.peakRss, grown].map((value) => digits(value / MB));
    const met = result.contender === 'ours' ? (grown <= result.bound ? 'yes' : '**no**') : '–';
    const bound = [digits(result.bound / MB), met, digits(result.wallMs / 1000), result.heldBack ? 'yes' : '**no**'];
    return [`${name}, ${result.tls ? 'TLS' : 'plain'}`, ...sizes, digits(grown / plan.transfers / KB), ...bound];
  });
  return [
    `## memory: ${plan.transfers} transfers of ${plan.size / MB} MB at once to a slow receiver`,
    `The Bot API reads ${plan.readBytesPerSecond / MB} MB/s from each connection. Base = resident memory after the client is built and before its first ` +
      'transfer; peak = the kernel’s high-water mark from there on. Bound: transfers × 512 KiB + 16 MiB above base.',
    table(columns, rows),
  ].join('\n\n');
}

module.exports = { run };
