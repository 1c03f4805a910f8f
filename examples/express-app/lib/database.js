'use strict';

const fs = require('node:fs/promises');
const path = require('node:path');
const { Pool } = require('pg');

/**
 * @param {string} databaseUrl
 * @param {{ error: (tag: string, fields: object) => void }} logger
 * @returns {import('pg').Pool}
 */
function createPool(databaseUrl, logger) {
  const pool = new Pool({ connectionString: databaseUrl, max: 10, connectionTimeoutMillis: 5000 });
  // Without this listener a restart of the database ends the process: pg emits 'error' for idle connections that break.
  pool.on('error', (error) => logger.error('[DB][POOL][ERR]', { code: error.code ?? 'UNKNOWN' }));
  return pool;
}

// Any number that nobody else in this database locks.
const SCHEMA_LOCK = 20_261_122;

/** Creates the tables where they are missing. Statements sent as one text are one transaction: processes that start together do it in turn. */
async function applySchema(pool) {
  const schema = await fs.readFile(path.join(__dirname, '..', 'schema.sql'), 'utf8');
  await pool.query(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK});\n${schema}`);
}

/** True when the database answers a query now. */
async function isAvailable(pool) {
  try {
    await pool.query('SELECT 1');
    return true;
  } catch {
    return false;
  }
}

module.exports = { createPool, applySchema, isAvailable };
