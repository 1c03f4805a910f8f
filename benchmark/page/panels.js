'use strict';

// What is drawn of each benchmark: panels of bars, from the data that its run returned. Everything else stands in its tables.

const { spread } = require('../lib/statistics');
const { bytes } = require('../lib/markdown');

const MB = 1 << 20;

/**
 * @typedef {{ median: number, min: number, max: number }} Spread
 * @typedef {{ name: string, ours: boolean, spread: Spread }} Bar
 * @typedef {{ title: string, unit: string, better: 'less' | 'more', bars: Bar[] }} Panel
 */

const scaled = ({ median, min, max }, unit) => ({ median: median / unit, min: min / unit, max: max / unit });

const bar = (name, figure, unit = 1) => ({
  name: name.replaceAll('*', ''),
  ours: name.includes('warmpath'),
  spread: scaled(figure, unit),
});

/** A panel of those bars that were measured; none where ours has nobody beside it. */
function panel(title, unit, better, bars) {
  const measured = bars.filter((each) => each !== null);
  return measured.length > 1 ? [{ title, unit, better, bars: measured }] : [];
}

const PREWARM_NAMES = {
  ours: 'warmpath',
  'fetch-formdata': 'fetch + FormData',
  'undici-buffered': 'undici, buffered',
  'undici-streaming': 'undici, streaming',
  'undici-gathered': 'undici, gathered',
  floor: 'floor (copy loop)',
};

function prewarm({ cells }) {
  return cells
    .filter(({ tls, verify }) => tls && !verify)
    .flatMap(({ size, rows }) =>
      panel(
        `CPU of a job of ${bytes(size)}, TLS`,
        'ms',
        'less',
        rows.map((row) => bar(PREWARM_NAMES[row.contender], row.cpuPerJobUs, 1000)),
      ),
    );
}

const INGEST_NAMES = { 'ingest-url-ours': 'warmpath', 'ingest-url-undici': 'undici + crypto + fs' };

function ingest({ cells }) {
  return cells
    .filter(({ form }) => form === 'url')
    .flatMap(({ size, rows }) =>
      panel(
        `CPU of a file of ${bytes(size)}, TLS to disk`,
        'ms',
        'less',
        rows.map((row) =>
          INGEST_NAMES[row.contender] ? bar(INGEST_NAMES[row.contender], row.cpuPerJobUs, 1000) : null,
        ),
      ),
    );
}

function express({ rows }) {
  const names = { ours: 'warmpath', 'undici-streaming': 'undici, streaming' };
  const shift = (row) => spread(row.rounds.map((round) => round.shift));
  return panel(
    'Shift of the route’s p99 while 16 uploads run',
    'ms',
    'less',
    rows.map((row) => bar(names[row.contender], shift(row))),
  );
}

function memory({ plan, results }) {
  const title = `Memory above base, ${plan.transfers} × ${plan.size / MB} MB, slow receiver`;
  return panel(
    title,
    'MB',
    'less',
    results.map((one) => {
      const grown = one.peakRss - one.baseRss;
      const name = `${one.contender === 'ours' ? 'warmpath' : 'undici, streaming'}, ${one.tls ? 'TLS' : 'plain'}`;
      return bar(name, { median: grown, min: grown, max: grown }, MB);
    }),
  );
}

function signer({ results }) {
  const titles = { sign: 'sign()', presign: 'presign()', getSignedUrl: 'getSignedUrl()' };
  return Object.entries(titles).flatMap(([group, title]) =>
    panel(
      `${title}, one URL`,
      'µs',
      'less',
      results.filter((each) => each.group === group).map(({ name, ns }) => bar(name, ns, 1000)),
    ),
  );
}

const QUEUE_NAMES = {
  ours: 'warmpath',
  'ours-batch': 'warmpath, batches',
  seed: 'seed’s queue',
  array: 'Array push/shift',
  denque: 'denque',
  'denque-set': 'denque + Set',
  fastq: 'fastq',
  'sab-ring': 'SharedArrayBuffer ring',
  'message-port': 'postMessage',
  'message-port-batch': 'postMessage, arrays',
};

function queue({ single, threads }) {
  const cases = (task, depth) => single.filter((each) => each.task === task && each.depth === depth);
  const bars = (all, nameOf, unit) =>
    all.map((each) =>
      QUEUE_NAMES[each[nameOf]] && each.spread ? bar(QUEUE_NAMES[each[nameOf]], each.spread, unit) : null,
    );
  const strings = threads.filter((each) => each.item === 'string' && each.consumers === 1);
  return [
    ...panel('Put and take, one thread, 100 deep', 'ns', 'less', bars(cases('fifo', 100), 'contender', 1)),
    ...panel(
      'The same with a duplicate check, 10,000 deep',
      'ns',
      'less',
      bars(cases('unique', 10_000), 'contender', 1),
    ),
    ...panel('64-byte strings to another thread', 'million/s', 'more', bars(strings, 'transport', 1e6)),
  ];
}

function store({ results }) {
  const { CONTENDERS } = require('../store/contenders.js');
  return [1, 4].flatMap((processes) =>
    panel(
      `Claim and settle, ${processes} process${processes === 1 ? '' : 'es'}`,
      'jobs/s',
      'more',
      results
        .filter((one) => one.processes === processes)
        .map((one) => bar(CONTENDERS[one.name].title, spread(one.work))),
    ),
  );
}

function campaign({ rows }) {
  return panel(
    'CPU of a message',
    'ms',
    'less',
    rows.map((row) => bar(row.contender === 'ours' ? 'warmpath' : row.contender, row.cpuPerJobUs, 1000)),
  );
}

function routes({ results }) {
  return panel(
    'CPU of a job of 1 MB',
    'µs',
    'less',
    results.map((row) =>
      bar(
        `warmpath ${row.route === 'url' ? 'by URL' : 'streamed'}, ${row.tls ? 'TLS' : 'plain'}`,
        spread(row.rounds.map((round) => round.cpuPerJobUs)),
      ),
    ),
  );
}

const PANELS = { prewarm, ingest, express, memory, signer, queue, store, campaign, routes };

/** @returns {Panel[]} what to draw of that benchmark; none where its table says it better */
const panelsOf = (name, data) => (PANELS[name] ? PANELS[name](data) : []);

module.exports = { panelsOf };
