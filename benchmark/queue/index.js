'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { digits, range, table } = require('../lib/markdown');
const { spread } = require('../lib/statistics');
const { TASKS } = require('./contenders.js');

const DEPTHS = [500, 10_000, 100_000];
const ITEMS = { string: '64-byte string', bytes: '64-byte Uint8Array', job: 'object of five fields' };
const TRANSPORTS = ['ours', 'ours-batch', 'message-port', 'message-port-batch', 'sab-ring'];

/** Items of a batch, on both sides: what a message costs beside its items shows in the small ones. */
const SIZES = [10, 32, 100, 316, 1000];

/** Of strings a bound, too: what no transport in JavaScript does without (`text-ring.js`). */
const BATCHED = { string: ['text-ring'], bytes: [], job: [] };

/** How many times postMessage's pace in batches we aim at. At none with objects. */
const AIMS = { string: 3, bytes: 3 };

/** warmUp: items one by one before a delay counts, as to compile what runs often takes the cores that both sides run on. */
const PLANS = {
  full: { rounds: 5, ms: 300, count: 200_000, warmUp: 5000, samples: 1000, depths: DEPTHS },
  quick: { rounds: 1, ms: 20, count: 20_000, warmUp: 500, samples: 30, depths: DEPTHS.slice(0, 1) },
};

const NAMES = {
  ours: '**warmpath**',
  'ours-single': '**warmpath**, one by one',
  'ours-keyed': '**warmpath**, with keys',
  'ours-keyed-single': '**warmpath**, with keys, one by one',
  'ours-batch': '**warmpath**, batches',
  seed: 'seed’s queue',
  array: 'Array push/shift',
  'array-bisect': 'sorted Array, bisection',
  denque: 'denque',
  'denque-set': 'denque + Set',
  fastq: 'fastq (calls a worker)',
  'sab-ring': 'SharedArrayBuffer ring (blocks)',
  'text-ring': 'the least a ring of texts does (spins)',
  'message-port': 'postMessage',
  'message-port-batch': 'postMessage, arrays',
};

/** What one fresh child process measures. */
async function inChild(script, config) {
  const child = Child.node(path.join(__dirname, script), config);
  try {
    return await child.hear();
  } finally {
    await child.end();
  }
}

/** Every case in every round, each round beginning with another: `{ …case, values }`. */
async function measureAll(cases, rounds, measure, log) {
  const results = cases.map((each) => ({ ...each, values: [] }));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < results.length; i++) {
      const result = results[(i + round) % results.length];
      result.values.push(await measure(result));
    }
    log(`round ${round + 1} of ${rounds}`);
  }
  return results.map((result) => ({ ...result, spread: spread(result.values.flat()) }));
}

/**
 * The queue in one thread and between threads, against what people use.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, contenders, log }) {
  const plan = { ...(quick ? PLANS.quick : PLANS.full), ...(rounds && { rounds }) };
  const chosen = (name) => !contenders || contenders.some((each) => name === each || name.startsWith(`${each}-`));
  const tasks = (task, depths) =>
    depths.flatMap((depth) =>
      Object.keys(TASKS[task])
        .filter(chosen)
        .map((contender) => ({ task, contender, depth })),
    );
  const cases = [
    ...tasks('fifo', [100]),
    ...tasks('batch', [0]),
    ...tasks('unique', [100, ...plan.depths]),
    ...tasks('priority', plan.depths),
  ];
  const ns = async ({ task, contender, depth }) =>
    (await inChild('single.js', { task, contender, depth, ms: plan.ms })).ns;
  const single = await measureAll(cases, plan.rounds, ns, (text) => log(`one thread, ${text}`));

  const between = [1, 3].flatMap((consumers) =>
    Object.keys(ITEMS).flatMap((item) =>
      TRANSPORTS.filter(chosen).map((transport) => ({ transport, item, consumers })),
    ),
  );
  const rate = async ({ transport, item, consumers, batch }) => {
    const { count, ms } = plan;
    return (await inChild('threads.js', { transport, item, consumers, batch, count, ms })).itemsPerSecond;
  };
  const threads = await measureAll(between, plan.rounds, rate, (text) => log(`between threads, ${text}`));

  const batched = Object.keys(ITEMS).flatMap((item) =>
    SIZES.flatMap((batch) =>
      ['ours-batch', 'message-port-batch', ...BATCHED[item]]
        .filter(chosen)
        .map((transport) => ({ transport, item, batch, consumers: 1 })),
    ),
  );
  const batches = await measureAll(batched, plan.rounds, rate, (text) => log(`batches between threads, ${text}`));

  const waiting = ['ours', 'message-port', 'sab-ring']
    .filter(chosen)
    .flatMap((transport) => [false, true].map((turns) => ({ transport, turns })));
  const delays = async ({ transport, turns }) => {
    const { warmUp, samples } = plan;
    return (await inChild('threads.js', { transport, item: 'string', consumers: 1, warmUp, samples, turns })).delays;
  };
  const wakes = await measureAll(waiting, plan.rounds, delays, (text) => log(`wake-up, ${text}`));
  return {
    data: { plan, single, threads, batches, wakes: wakes.map(({ spread: _, ...rest }) => rest) },
    markdown: report(plan, single, threads, batches, wakes),
  };
}

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** `mine`; † where it is a peer's, and better than ours. */
function marked(name, mine, own, { isMoreBetter = false, unit = 1 } = {}) {
  const isBetter = own && (isMoreBetter ? mine.median > own.median : mine.median < own.median);
  return `${range(mine, unit)}${isBetter && !name.startsWith('ours') ? ' †' : ''}`;
}

const RATE = { isMoreBetter: true, unit: 1000 };

/** One table of ns: contenders down, depths across; † where a peer beats ours. */
function times(single, task, depths) {
  const of = (contender, depth) =>
    single.find((each) => each.task === task && each.contender === contender && each.depth === depth)?.spread;
  const rows = Object.keys(TASKS[task])
    .filter((contender) => depths.some((depth) => of(contender, depth)))
    .map((contender) => [
      NAMES[contender],
      ...depths.map((depth) => marked(contender, of(contender, depth), of('ours', depth))),
    ]);
  return table(['ns', ...depths.map((depth) => (depth > 0 ? `${depth} deep` : '1,000 at once'))], rows);
}

const ofBatches = (batches, item) => (transport, batch) =>
  batches.find((each) => each.transport === transport && each.item === item && each.batch === batch)?.spread;

/** Batches of one kind of item. */
function sizes(batches, item) {
  const of = ofBatches(batches, item);
  const rows = ['ours-batch', 'message-port-batch', ...BATCHED[item]]
    .filter((transport) => of(transport, SIZES[0]))
    .map((transport) => [
      NAMES[transport],
      ...SIZES.map((batch) => marked(transport, of(transport, batch), of('ours-batch', batch), RATE)),
    ]);
  return table([`${ITEMS[item]}, 1,000 items/s`, ...SIZES.map((batch) => `of ${batch}`)], rows);
}

/** How many times what postMessage does, of each kind of item, and whether that is what we aimed at. */
function ratios(batches) {
  const rows = Object.keys(ITEMS).flatMap((item) => {
    const of = ofBatches(batches, item);
    return ['ours-batch', ...BATCHED[item]]
      .filter((transport) => of(transport, SIZES[0]) && of('message-port-batch', SIZES[0]))
      .map((transport) => {
        const times = SIZES.map((batch) => of(transport, batch).median / of('message-port-batch', batch).median);
        const aim = transport === 'ours-batch' ? AIMS[item] : undefined;
        const held = times.every((ratio) => ratio >= aim) ? 'yes' : '**no**';
        const cells = times.map((ratio) => `${digits(ratio)} ×`);
        return [`${NAMES[transport]}, ${ITEMS[item]}`, ...cells, ...(aim ? [`${aim} ×`, held] : ['–', '–'])];
      });
  });
  return table(['times postMessage', ...SIZES.map((batch) => `of ${batch}`), 'aim', 'held'], rows);
}

/** Delays by what the producer does meanwhile; † where a peer beats ours. */
function delaysOf(wakes) {
  const columns = [false, true].flatMap((turns) => [0.5, 0.99].map((share) => ({ turns, share })));
  const of = (transport, { turns, share }) => {
    const values = wakes.find((each) => each.transport === transport && each.turns === turns)?.values;
    return values && spread(values.map((each) => percentile(each, share) / 1000));
  };
  const rows = [...new Set(wakes.map(({ transport }) => transport))].map((transport) => [
    NAMES[transport],
    ...columns.map((column) => marked(transport, of(transport, column), of('ours', column))),
  ]);
  return table(['µs', 'p50', 'p99', 'p50, producer turns', 'p99, producer turns'], rows);
}

function report(plan, single, threads, batches, wakes) {
  const of = (transport, item, consumers) =>
    threads.find((each) => each.transport === transport && each.item === item && each.consumers === consumers)?.spread;
  const rates = (consumers) => {
    const rows = TRANSPORTS.filter((transport) => of(transport, 'string', consumers)).map((transport) => [
      NAMES[transport],
      ...Object.keys(ITEMS).map((item) => {
        const own = of(transport.endsWith('batch') ? 'ours-batch' : 'ours', item, consumers);
        return marked(transport, of(transport, item, consumers), own, RATE);
      }),
    ]);
    return table(['1,000 items/s', ...Object.values(ITEMS)], rows);
  };
  const slow = digits(plan.ms);
  return [
    '## queue: one thread',
    `CPU ns of one put and one take (of the batch: per item of 1,000 put and 1,000 taken), all threads of the process, ${slow} ms after a warm-up of half as long: ` +
      'median (minimum–maximum) of the rounds. † a peer beats ours.',
    `First in, first out, 100 deep:\n\n${times(single, 'fifo', [100])}`,
    `Batches of 1,000:\n\n${times(single, 'batch', [0])}`,
    `With a duplicate check:\n\n${times(single, 'unique', [100, ...plan.depths])}`,
    `With one of eight priorities:\n\n${times(single, 'priority', plan.depths)}`,
    '## queue: between threads',
    `At least ${plan.count} items and ${plan.ms} ms from one thread, after as much to warm up; none lost, until all have come.`,
    `To one consumer:\n\n${rates(1)}`,
    `To three consumers (postMessage: in turn, so without a queue that they share):\n\n${rates(3)}`,
    'Batches of the same size on both sides (enqueueMany and dequeueManyWait; postMessage of an array).',
    ...Object.keys(ITEMS).map((item) => `Batches to one consumer, ${ITEMS[item]}:\n\n${sizes(batches, item)}`),
    `Batches to one consumer:\n\n${ratios(batches)}`,
    `From the call to the item in the hands of a consumer that slept, ${plan.samples} items 2 ms apart after ${plan.warmUp} that do not count, µs. The producer’s thread sleeps after each item, or turns its loop until the item has come; then the system may wake the consumer on the producer’s processor, behind it.`,
    `Wake-up of a sleeping consumer:\n\n${delaysOf(wakes)}`,
  ].join('\n\n');
}

module.exports = { run };
