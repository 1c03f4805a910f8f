'use strict';

const { parseArgs } = require('node:util');
const { WarmpathError } = require('../errors.js');
const { requirePeer } = require('../peer.js');
const { migrateCampaigns } = require('../sql/campaign.js');
const { migrate } = require('../sql/index.js');

const HELP = `warmpath migrate [options]

Prepares the database for PostgresStore: the app's tables where they are missing, lease and retry columns, indexes, and
the functions get_next_prewarm_batch, mark_prewarm_retry and the view media_warming_stats. Safe to run again.

  --url URL             the database; default: the variable DATABASE_URL
  --dry-run             print the SQL, change nothing
  --down                take it back (tables of the app stay)
  --campaigns           the tables, columns and functions of CampaignWorker instead
  --table NAME          the table of the jobs (media_cache)
  --token-column NAME   the column of bots that holds the token (token)
  --json                one JSON object: what was applied, and the SQL
  --help
`;

const OPTIONS = {
  url: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  down: { type: 'boolean', default: false },
  campaigns: { type: 'boolean', default: false },
  table: { type: 'string' },
  'token-column': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/**
 * @param {string[]} argv the arguments after `migrate`
 * @param {{ env?: NodeJS.ProcessEnv, out?: (text: string) => void, err?: (text: string) => void }} [io]
 * @returns {Promise<number>} exit code: 0, 1 the database refused, 2 wrong usage
 */
async function runMigrate(argv, io = {}) {
  const { env = process.env, out = (text) => process.stdout.write(text) } = io;
  const { err = (text) => process.stderr.write(text) } = io;
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS }));
  } catch (error) {
    err(`${error.message}\n\n${HELP}`);
    return 2;
  }
  if (values.help) {
    out(HELP);
    return 0;
  }
  const url = values.url ?? env.DATABASE_URL;
  if (!url) {
    err('warmpath migrate: give --url or set DATABASE_URL\n');
    return 2;
  }
  return run(url, values, { out, err });
}

async function run(url, values, { out, err }) {
  const dryRun = values['dry-run'];
  try {
    const { Pool } = requirePeer('pg', 'warmpath migrate');
    const pool = new Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 10_000 });
    pool.on('error', () => {});
    try {
      const log = values.json ? () => {} : (sql) => out(`${sql};\n`);
      const common = { dryRun, down: values.down, table: values.table, log };
      const { migrations, statements } = values.campaigns
        ? await migrateCampaigns(pool, common)
        : await migrate(pool, { ...common, tokenColumn: values['token-column'] });
      const list = migrations.length === 0 ? 'nothing' : migrations.join(', ');
      if (values.json) {
        out(`${JSON.stringify({ migrations, statements, dryRun, down: values.down })}\n`);
        return 0;
      }
      const verb = values.down ? 'taken back' : 'applied';
      out(`-- ${dryRun ? 'would be ' : ''}${verb}: ${list}\n`);
      return 0;
    } finally {
      await pool.end();
    }
  } catch (error) {
    // The driver's own text may hold the connection string; SQLSTATE and the server's message for a statement do not.
    const detail = error instanceof WarmpathError ? error.message : `${error.name} ${error.code ?? ''}`;
    const server = error.cause?.severity === undefined ? '' : `: ${error.cause.message}`;
    err(`warmpath migrate: ${detail}${server}\n`);
    return 1;
  }
}

module.exports = { runMigrate };
