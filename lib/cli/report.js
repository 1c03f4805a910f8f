'use strict';

const { runCommand, EXIT, UsageError } = require('./command.js');
const { withDatabase, DATABASE_OPTIONS, DATABASE_HELP } = require('./database.js');
const { adminServer, SERVER_OPTIONS, SERVER_HELP } = require('./server.js');
const { table, span } = require('./table.js');

const HELP = `warmpath report [options]: how the prewarming goes, from the running server and the database

${SERVER_HELP}${DATABASE_HELP}  --json           one JSON object

Either source may be missing; what it would have told is left out.
Exit code: 0, 2 wrong usage, 3 the server or the database does not answer
`;

const OPTIONS = { ...SERVER_OPTIONS, ...DATABASE_OPTIONS, json: { type: 'boolean', default: false } };

const PENDING = `SELECT kind::text, count(*)::int AS count,
  round(extract(epoch FROM avg(now() - created_at)))::float8 * 1000 AS "averageAgeMs",
  round(extract(epoch FROM max(now() - created_at)))::float8 * 1000 AS "oldestAgeMs"
FROM media_cache WHERE status = 'warming' GROUP BY kind ORDER BY kind`;

const BY_STATUS = `SELECT status::text, kind::text, count(*)::int AS count
FROM media_cache GROUP BY status, kind ORDER BY status, kind`;

// percentile_disc names a value that was really there, which is what "P99 of the last 100" says.
const LATENCY = `SELECT count(*)::int AS count, percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) AS p95, percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) AS p99, avg(ms) AS mean
FROM (SELECT extract(epoch FROM warmup_at - created_at)::float8 * 1000 AS ms FROM media_cache
  WHERE warmup_at IS NOT NULL ORDER BY warmup_at DESC LIMIT 100) last`;

async function fromDatabase(pool) {
  const rows = async (sql) => (await pool.query(sql)).rows;
  const byStatus = await rows(BY_STATUS);
  const total = (status) => byStatus.filter((row) => row.status === status).reduce((sum, { count }) => sum + count, 0);
  const [ready, warming, error] = ['ready', 'warming', 'error'].map(total);
  const ended = ready + error;
  return {
    pending: await rows(PENDING),
    byStatus,
    totals: { ready, warming, error },
    // Of what has ended: what waits has neither succeeded nor failed yet.
    successRate: ended === 0 ? null : ready / ended,
    latencyOfLast100: (await rows(LATENCY))[0],
  };
}

function text({ server, database }) {
  let out = '';
  if (server !== undefined) {
    const { queue_items: _items, ...metrics } = server;
    out += 'Worker\n';
    out += table(
      ['', ''],
      Object.entries(metrics).map(([name, value]) => [name, value ?? 'unbounded']),
      [1],
    )
      .split('\n')
      .slice(2)
      .join('\n');
  }
  if (database === undefined) return out;
  const { pending, byStatus, totals, successRate, latencyOfLast100: latency } = database;
  out += `\nWaiting to be warmed: ${totals.warming}\n`;
  if (pending.length > 0) {
    const rows = pending.map(({ kind, count, averageAgeMs, oldestAgeMs }) => [
      kind,
      count,
      span(averageAgeMs),
      span(oldestAgeMs),
    ]);
    out += table(['kind', 'media', 'average age', 'oldest'], rows, [1, 2, 3]);
  }
  out += '\nMedia by status\n';
  if (byStatus.length > 0)
    out += table(
      ['status', 'kind', 'media'],
      byStatus.map(({ status, kind, count }) => [status, kind, count]),
      [2],
    );
  const percent = (share) => `${(share * 100).toFixed(1)} %`;
  if (successRate !== null) out += `\nSuccess rate: ${percent(successRate)}, failed: ${percent(1 - successRate)}\n`;
  out += `\nFrom request to file_id, last ${latency.count}\n`;
  if (latency.count > 0) {
    const { p50, p95, p99, mean } = latency;
    out += table(['P50', 'P95', 'P99', 'mean'], [[p50, p95, p99, mean].map(span)], [0, 1, 2, 3]);
  }
  return out;
}

/** @param {string[]} argv @param {object} [io] @returns {Promise<number>} exit code */
function runReport(argv, io) {
  return runCommand({ name: 'report', help: HELP, options: OPTIONS }, argv, io, async (values, full) => {
    const report = {};
    const server = adminServer(values, full);
    if (server !== null) report.server = (await server.get('/metrics')).metrics;
    if (values.database ?? full.env.DATABASE_URL) {
      report.database = await withDatabase(values, full, 'warmpath report', fromDatabase);
    }
    if (server === null && report.database === undefined) throw new UsageError('give --url or --database');
    full.out(values.json ? `${JSON.stringify(report)}\n` : text(report));
    return EXIT.ok;
  });
}

module.exports = { runReport };
