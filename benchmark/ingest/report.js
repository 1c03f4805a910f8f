'use strict';

const { bytes, digits, range, table } = require('../lib/markdown');

const NAMES = {
  'ingest-url-ours': '**warmpath**',
  'ingest-url-undici': 'undici + node:crypto + fs',
  'ingest-base64-ours': '**warmpath**',
  'ingest-base64-node': 'Buffer + node:crypto + fs',
  'ingest-base64-copy': 'making and copying the text alone',
};

const MB = 1 << 20;

const COLUMNS = [
  ['jobs/s', 'jobsPerSecond', 1, 'more'],
  ['CPU ms/job', 'cpuPerJobUs', 1000, 'less'],
  ['delay p99 ms', 'delayP99', 1, 'less'],
  ['max ms', 'delayMax', 1, 'less'],
  ['p99 above idle', 'aboveIdleP99', 1, null],
  ['loop busy %', 'loopBusy', 0.01, 'less'],
  ['RSS per transfer MB', 'perTransfer', MB, 'less'],
];

/** What we promise for a URL to disk. */
const CPU_LIMIT = 1 / 2;
const DELAY_LIMIT_MS = 2;
const RSS_LIMIT = MB;

const isOurs = (row) => row.contender.endsWith('-ours');
const isPeer = (row) => !isOurs(row) && !row.contender.endsWith('-copy');

function cellTable(cell) {
  const ours = cell.rows.find(isOurs);
  const rows = cell.rows.map((row) => {
    const figures = COLUMNS.map(([, figure, unit, better]) => {
      const text = range(row[figure], unit);
      if (!isPeer(row) || better === null || row[figure] === null) return text;
      const [theirs, own] = [row[figure].median, ours[figure].median];
      return (better === 'more' ? theirs > own : theirs < own) ? `${text} †` : text;
    });
    return [NAMES[row.contender], ...figures];
  });
  const title = `#### ${cell.form === 'url' ? 'TLS URL' : 'base64'} → disk, ${bytes(cell.size)}`;
  const others = Math.max(...cell.rows.map((row) => row.othersShare.median));
  const warning = `\n\n**Disturbed**: other processes took up to ${digits(others * 100)} % of the machine beside a contender.`;
  return `${title}\n\n${table(['', ...COLUMNS.map(([name]) => name)], rows)}${others > 0.1 ? warning : ''}`;
}

function ratioTable(cells) {
  const columns = [
    '',
    'CPU: ours / by hand',
    'limit',
    'p99 above idle ms',
    'limit',
    'RSS per transfer MB',
    'limit',
    'met',
  ];
  const rows = cells.map((cell) => {
    const [ours, peer] = [cell.rows.find(isOurs), cell.rows.find(isPeer)];
    const ratio = ours.cpuPerJobUs.median / peer.cpuPerJobUs.median;
    const [delay, rss] = [ours.aboveIdleP99.median, ours.perTransfer.median];
    const promised = cell.form === 'url';
    const met = ratio <= CPU_LIMIT && delay <= DELAY_LIMIT_MS && rss <= RSS_LIMIT;
    const limit = (text) => (promised ? text : '–');
    return [
      `${cell.form} ${bytes(cell.size)}`,
      digits(ratio),
      limit(digits(CPU_LIMIT)),
      digits(delay),
      limit(`${DELAY_LIMIT_MS}`),
      digits(rss / MB),
      limit(digits(RSS_LIMIT / MB)),
      promised ? (met ? 'yes' : '**no**') : '–',
    ];
  });
  return table(columns, rows);
}

function report({ plan, cells }) {
  return [
    `## ingest: to disk, ${plan.concurrency} at once, hashed and synced`,
    `Median (min–max) of ${plan.rounds} interleaved round(s) of about ${plan.measureMs / 1000} s, each in a fresh process. CPU is user + system time of the whole ` +
      'client process, the removal of the stored file included; RSS per transfer is what the peak grew by over the start, divided by the number of transfers. Every side hashes, ' +
      'writes to a temporary file, syncs it, links it under its name and syncs the directory. † = a peer beats ours.',
    ...cells.map(cellTable),
    '### Ratios',
    ratioTable(cells),
  ].join('\n\n');
}

module.exports = { report };
