'use strict';

const crypto = require('node:crypto');
const { Client } = require('pg');
const { startPostgres: startServer } = require('../../lib/cli/services/postgres');

/** A server of the user's own: every test file gets a database of its own there, dropped at the end. */
async function databaseOn(serverUrl) {
  const name = `warmpath_test_${crypto.randomBytes(6).toString('hex')}`;
  const admin = async (statement) => {
    const client = new Client({ connectionString: serverUrl });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await admin(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, stop: () => admin(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/**
 * A real, empty Postgres for one test file: the embedded one, or the server at DATABASE_URL_TEST, or the binaries in the folder
 * WARMPATH_TEST_PG_BIN (for example /usr/lib/postgresql/15/bin).
 *
 * @param {{ fsync?: boolean }} [options]
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
function startPostgres({ fsync = false } = {}) {
  const { DATABASE_URL_TEST: serverUrl, WARMPATH_TEST_PG_BIN: binDir } = process.env;
  if (serverUrl) return databaseOn(serverUrl);
  return startServer({ binDir: binDir || undefined, fsync });
}

module.exports = { startPostgres };
