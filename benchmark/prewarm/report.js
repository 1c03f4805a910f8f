'use strict';

const { bytes, digits, range, table } = require('../lib/markdown');

const NAMES = {
  ours: '**warmpath**',
  'fetch-formdata': 'fetch + FormData + Blob',
  'undici-buffered': 'undici, buffered',
  'undici-streaming': 'undici, streaming',
  'undici-gathered': 'undici, streaming and gathered',
  bare: 'bare hyper on tokio',
  floor: 'floor (blocking copy loop)',
};

const MB = 1 << 20;

/** Columns: title, figure, what it is divided by to be shown, and which direction is better. */
const COLUMNS = [
  ['jobs/s', 'jobsPerSecond', 1, 'more'],
  ['CPU ms/job', 'cpuPerJobUs', 1000, 'less'],
  ['sleeps/job', 'sleepsPerJob', 1, null],
  ['server sleeps/job', 'serverSleepsPerJob', 1, null],
  ['delay p50 ms', 'delayP50', 1, null],
  ['p99 ms', 'delayP99', 1, 'less'],
  ['max ms', 'delayMax', 1, 'less'],
  ['p99 above idle', 'aboveIdleP99', 1, null],
  ['loop busy %', 'loopBusy', 0.01, null],
  ['peak RSS MB', 'peakRss', MB, 'less'],
  ['RSS grown MB', 'grownRss', MB, 'less'],
];

/**
 * What we promise of CPU, without verification: over TLS as a part of undici streaming's, by size; over plain HTTP as a
 * multiple of the floor's.
 */
const promiseOf = ({ tls, size }) =>
  tls ? { peer: 'undici-streaming', most: size < MB ? 1 / 5 : 1 / 4 } : { peer: 'floor', most: 1.5 };

/** The most that memory may grow with 16 transfers at once, whatever their size. */
const GROWTH_LIMIT = 32 * MB;
const DELAY_LIMIT_MS = 2;

/** Above this share of the machine taken by other processes, a figure is theirs as much as ours. */
const DISTURBED = 0.1;

const othersIn = (cell) => Math.max(...cell.rows.map((row) => row.othersShare.median));

/** Whether a peer's median beats ours. The floor and bare hyper are no peers: they cannot do the job, only bound it. */
function beats(row, ours, figure, better) {
  if (!ours || !better || row === ours || ['bare', 'floor'].includes(row.contender) || row[figure] === null) {
    return false;
  }
  const [theirs, own] = [row[figure].median, ours[figure].median];
  return better === 'more' ? theirs > own : theirs < own;
}

function cellTable(cell) {
  const ours = cell.rows.find((row) => row.contender === 'ours');
  const rows = cell.rows.map((row) => {
    const figures = COLUMNS.map(([, figure, unit, better]) => {
      const text = range(row[figure], unit);
      return beats(row, ours, figure, better) ? `${text} †` : text;
    });
    return [NAMES[row.contender], ...figures];
  });
  const idle = cell.rows.filter((row) => row.idleP99);
  if (idle.length > 0) {
    // One control ran beside every contender; the table shows its worst.
    const worst = (figure) => digits(Math.max(...idle.map((row) => row[figure].max)));
    const delay = [worst('idleP50'), worst('idleP99'), worst('idleMax')];
    rows.push(['idle Node beside them (worst)', '–', '–', '–', '–', ...delay, '–', '–', '–', '–']);
  }
  const title = `#### ${cell.tls ? 'TLS' : 'Plain HTTP'}, ${bytes(cell.size)}${cell.verify ? ', SHA-256 verified' : ''}`;
  const others = othersIn(cell);
  const warning = `\n\n**Disturbed**: other processes took up to ${digits(others * 100)} % of the machine beside a contender.`;
  return `${title}\n\n${table(['', ...COLUMNS.map(([name]) => name)], rows)}${others > DISTURBED ? warning : ''}`;
}

function ratioTable(cells) {
  const columns = ['CPU per job: ours divided by …', 'fetch', 'buffered', 'streaming', 'gathered', 'bare', 'floor'];
  columns.push('limit', 'delay p99 above idle ms', 'limit', 'RSS grown MB', 'limit', 'met');
  const rows = cells.flatMap((cell) => {
    const of = (name) => cell.rows.find((row) => row.contender === name);
    const ours = of('ours');
    if (!ours) {
      return [];
    }
    const ratio = (name) => (of(name) ? ours.cpuPerJobUs.median / of(name).cpuPerJobUs.median : Number.NaN);
    const shown = ['fetch-formdata', 'undici-buffered', 'undici-streaming', 'undici-gathered', 'bare', 'floor'].map(
      ratio,
    );
    const { peer, most } = promiseOf(cell);
    const promised = !cell.verify && of(peer) !== undefined;
    const cpuMet = !promised || ratio(peer) <= most;
    const grown = ours.grownRss.median;
    const met = cpuMet && ours.aboveIdleP99.median <= DELAY_LIMIT_MS && grown <= GROWTH_LIMIT;
    const title = `${cell.tls ? 'TLS' : 'plain'} ${bytes(cell.size)}${cell.verify ? ' verified' : ''}`;
    const limit = promised ? `${digits(most)} (${peer === 'floor' ? 'floor' : 'streaming'})` : '–';
    const limits = [limit, digits(ours.aboveIdleP99.median), `${DELAY_LIMIT_MS}`];
    limits.push(digits(grown / MB), digits(GROWTH_LIMIT / MB));
    return [
      [title, ...shown.map((value) => (Number.isNaN(value) ? '–' : digits(value))), ...limits, met ? 'yes' : '**no**'],
    ];
  });
  return rows.length > 0 ? table(columns, rows) : '';
}

/** The tables, those without verification first, then what they come to. */
function report({ plan, cells }) {
  const tables = (verify) => cells.filter((cell) => cell.verify === verify).map(cellTable);
  return [
    '## prewarm: object server → Bot API, 16 at once',
    `Median (min–max) of ${plan.rounds} interleaved round(s) of about ${plan.measureMs / 1000} s after ${plan.warmMs / 1000} s of warm-up, each in a fresh process. ` +
      `The servers ${plan.core === null ? 'on all processors' : `on processor ${plan.core} alone`}, the clients on all. ` +
      'CPU is user + system time of the whole client process. Delay is `monitorEventLoopDelay` at a resolution of 1 ms, in a run of its own: an idle loop shows about 1 ms. ' +
      'Sleeps: how often a thread of the client, or of the servers, had nothing to do and had to be woken by the other side. ' +
      '† = a row where a peer beats ours (the floor and bare hyper are no peers: they only copy).',
    '### Without verification',
    ...tables(false),
    '### With verification (everybody hashes)',
    ...tables(true),
    '### Ratios',
    ratioTable(cells),
  ].join('\n\n');
}

module.exports = { report };
