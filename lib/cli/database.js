'use strict';

const { requirePeer } = require('../peer.js');
const { Unreachable, UsageError } = require('./command.js');

const DATABASE_OPTIONS = { database: { type: 'string' } };
const DATABASE_HELP = `  --database URL   the database; default: the variable DATABASE_URL
`;

/**
 * Opens a pool, does the work, ends the pool.
 *
 * @param {(pool: object) => Promise<T>} work
 * @throws {UsageError} where no database is named, {Unreachable} where it does not answer
 */
async function withDatabase(values, { env }, purpose, work, { max = 1 } = {}) {
  const connectionString = values.database ?? env.DATABASE_URL;
  if (!connectionString) throw new UsageError('give --database or set DATABASE_URL');
  const { Pool } = requirePeer('pg', purpose);
  const pool = new Pool({ connectionString, max, connectionTimeoutMillis: 10_000, statement_timeout: 60_000 });
  pool.on('error', () => {});
  try {
    await pool.query('SELECT 1').catch((error) => {
      throw new Unreachable(`the database does not answer (${error.code ?? error.name})`);
    });
    return await work(pool);
  } finally {
    await pool.end();
  }
}

module.exports = { withDatabase, DATABASE_OPTIONS, DATABASE_HELP };
