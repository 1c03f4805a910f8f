'use strict';

const { bytes, digits, range, table } = require('../lib/markdown');

const NAMES = {
  'ingest-url-ours': '**warmpath**',
  'ingest-url-undici': 'undici + node:crypto + fs',
  'ingest-floor': 'floor (blocking, hashed)',
  'ingest-base64-ours': '**warmpath**',
  'ingest-base64-node': 'Buffer + node:crypto + fs',
  'ingest-base64-copy': 'making and copying the text alone',
};

const TITLES = {
  url: 'TLS URL → disk',
  unsynced: 'TLS URL → disk, nobody waiting for the disk (`fsync: false`)',
  base64: 'base64 → disk',
};

const MB = 1 << 20;

const COLUMNS = [
  ['jobs/s', 'jobsPerSecond', 1, 'more'],
  ['CPU ms/job', 'cpuPerJobUs', 1000, 'less'],
  ['delay p99 ms', 'delayP99', 1, 'less'],
  ['max ms', 'delayMax', 1, 'less'],
  ['p99 above idle', 'aboveIdleP99', 1, null],
  ['loop busy %', 'loopBusy', 0.01, 'less'],
];

/** What we promise for a URL to disk. */
const CPU_LIMIT = 1 / 2;
const DELAY_LIMIT_MS = 2;
const RSS_LIMIT = MB;
const RSS_LIMIT_S3 = 6 * MB;

/** And for a peak, above idle. */
const PEAK_LIMIT_MS = 5;

const isOurs = (row) => row.contender.endsWith('-ours');
// What cannot do the job, and only bounds it, is no peer.
const isPeer = (row) => !isOurs(row) && !/-(copy|floor)$/.test(row.contender);

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
  const title = `#### ${TITLES[cell.form]}, ${bytes(cell.size)}`;
  const others = Math.max(...cell.rows.map((row) => row.othersShare.median));
  const warning = `\n\n**Disturbed**: other processes took up to ${digits(others * 100)} % of the machine beside a contender.`;
  return `${title}\n\n${table(['', ...COLUMNS.map(([name]) => name)], rows)}${others > 0.1 ? warning : ''}`;
}

function ratioTable(cells) {
  const columns = [
    '',
    'CPU: ours / by hand',
    'limit',
    'floor / by hand',
    'p99 above idle ms',
    'limit',
    'RSS per transfer MB',
    'limit',
    'by hand',
    'met',
  ];
  const rows = cells.map((cell) => {
    const [ours, peer] = [cell.rows.find(isOurs), cell.rows.find(isPeer)];
    const floor = cell.rows.find((row) => row.contender === 'ingest-floor');
    const ratio = ours.cpuPerJobUs.median / peer.cpuPerJobUs.median;
    const [delay, rss] = [ours.aboveIdleP99.median, ours.perTransfer];
    const promised = cell.form !== 'base64';
    const memory = cell.form === 'url';
    const met = ratio <= CPU_LIMIT && delay <= DELAY_LIMIT_MS && (!memory || rss <= RSS_LIMIT);
    const limit = (text) => (promised ? text : '–');
    return [
      `${cell.form} ${bytes(cell.size)}`,
      digits(ratio),
      limit(digits(CPU_LIMIT)),
      floor ? digits(floor.cpuPerJobUs.median / peer.cpuPerJobUs.median) : '–',
      digits(delay),
      limit(`${DELAY_LIMIT_MS}`),
      memory ? digits(rss / MB) : '–',
      memory ? digits(RSS_LIMIT / MB) : '–',
      memory ? digits(peer.perTransfer / MB) : '–',
      promised ? (met ? 'yes' : '**no**') : '–',
    ];
  });
  return table(columns, rows);
}

function uploadTable({ size, perTransfer }) {
  const met = perTransfer <= RSS_LIMIT_S3 ? 'yes' : '**no**';
  const row = [`url ${bytes(size)} → bucket`, digits(perTransfer / MB), digits(RSS_LIMIT_S3 / MB), met];
  return table(['', 'RSS per transfer MB', 'limit', 'met'], [row]);
}

function peakTable(peak) {
  if (peak === null) return '**Not measured**: there is no redis-server here.';
  const above = peak.delay.p99 - peak.idle.p99;
  const row = [
    `${peak.media} of ${bytes(peak.size)}`,
    digits(peak.wallMs / 1000),
    ...[peak.delay.p99, peak.idle.p99, above, PEAK_LIMIT_MS, peak.delay.max].map(digits),
    above <= PEAK_LIMIT_MS ? 'yes' : '**no**',
  ];
  return table(['', 's', 'delay p99 ms', 'idle', 'above idle', 'limit', 'max ms', 'met'], [row]);
}

function report({ plan, cells, upload, peak }) {
  return [
    `## ingest: to disk, ${plan.concurrency} at once, hashed`,
    `Median (min–max) of ${plan.rounds} interleaved round(s) of about ${plan.measureMs / 1000} s, each in a fresh process. CPU is user + system time of the whole ` +
      'client process. RSS per transfer is what each transfer beyond the first adds to the peak: nine at once against one, as many jobs, fresh processes. Every side hashes, ' +
      'writes to a temporary file, syncs it, links it under its name and syncs the directory, but for the rows that say otherwise. † = a peer beats ours. The floor is no peer: it receives, ' +
      `hashes and stores on a blocking thread a slot, and can do nothing else. Files lie on ${plan.fileSystem}.`,
    ...cells.map(cellTable),
    '### Ratios',
    ratioTable(cells),
    uploadTable(upload),
    '### A peak of messages: ProcessMedia on Redis, all at once',
    peakTable(peak),
  ].join('\n\n');
}

module.exports = { report };
