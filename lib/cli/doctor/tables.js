'use strict';

const { migrate } = require('../../sql/index.js');

const INVALID_INDEXES = `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid WHERE t.oid = to_regclass('media_cache') AND NOT i.indisvalid ORDER BY 1`;

const COUNTS = `SELECT count(*) FILTER (WHERE status = 'warming')::int AS warming, count(*) FILTER (WHERE status = 'error')::int AS failed
FROM media_cache`;

/**
 * The database: its version, whether it is prepared for this package, whether its indexes are whole.
 *
 * @param {object} found
 * @param {object} pool
 * @param {{ needed: boolean }} options needed: jobs are to be rows; else the tables of the app may be as they are
 */
async function checkTables(found, pool, { needed }) {
  const [{ version }] = (await pool.query("SELECT current_setting('server_version') AS version")).rows;
  const major = Number.parseInt(version, 10);
  if (major >= 12) found.ok('database', `PostgreSQL ${version}`);
  else
    found.warn(
      'database',
      `PostgreSQL ${version} is older than what this package is tested with`,
      'use PostgreSQL 13 or newer',
    );

  const { migrations } = await migrate(pool, { dryRun: true });
  if (migrations.length === 0) found.ok('migrations', 'all are applied');
  else if (needed) found.fail('migrations', `not applied: ${migrations.join(', ')}`, 'npx warmpath migrate');
  else
    found.warn(
      'migrations',
      `not applied: ${migrations.join(', ')}; jobs in memory (MEDIA_PREWARM_STORE) need none of them`,
      'npx warmpath migrate, before jobs are to be rows, and before npx warmpath warm',
    );

  const invalid = (await pool.query(INVALID_INDEXES)).rows.map(({ name }) => name);
  if (invalid.length === 0) found.ok('indexes', 'none is invalid');
  else
    found.fail(
      'indexes',
      `invalid, and never used: ${invalid.join(', ')}`,
      'npx warmpath migrate builds those of this package anew; REINDEX INDEX CONCURRENTLY the others',
    );

  const [{ regclass }] = (await pool.query("SELECT to_regclass('media_cache')::text AS regclass")).rows;
  if (regclass === null) return;
  const [{ warming, failed }] = (await pool.query(COUNTS)).rows;
  if (failed > 0)
    found.warn('media', `${warming} wait, ${failed} have failed`, 'the dashboard says why, and can try them again');
  else found.ok('media', `${warming} wait, none has failed`);
}

module.exports = { checkTables };
