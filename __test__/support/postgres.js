'use strict';

const crypto = require('node:crypto');
const { Client } = require('pg');
const { startPostgres: startServer } = require('../../lib/cli/services/postgres');
const { sharedServer } = require('./pg-shared.js');

/** A server that others use too: every test file gets a database of its own there, dropped at the end. */
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
 * A real, empty Postgres for one test file: a database on the server that the run shares (pg-shared.js), else a server of its
 * own; or one on the server at DATABASE_URL_TEST.
 *
 * @param {{ fsync?: boolean, binDir?: string }} [options] fsync: a server that may be killed, so never a shared one; binDir: the
 *   binaries, for example /usr/lib/postgresql/15/bin; '' for the embedded ones; the default is WARMPATH_TEST_PG_BIN, else these
 * @returns {Promise<{ url: string, stop: () => Promise<void>, pid?: number }>}
 */
function startPostgres({ fsync = false, binDir = process.env.WARMPATH_TEST_PG_BIN ?? '' } = {}) {
  const { DATABASE_URL_TEST: serverUrl } = process.env;
  if (serverUrl) return databaseOn(serverUrl);
  const shared = fsync ? undefined : sharedServer(binDir);
  if (shared !== undefined) return databaseOn(shared);
  return startServer({ binDir: binDir || undefined, fsync });
}

module.exports = { startPostgres };
