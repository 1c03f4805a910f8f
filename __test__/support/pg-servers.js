'use strict';

const fs = require('node:fs');
const test = require('node:test');
const { Pool } = require('pg');
const { SYSTEM_BIN } = require('./pg-shared.js');
const { startPostgres } = require('./postgres.js');

/** The servers the store is proved on: Debian's 15 and the embedded 18. A server of the user's own stands for both. */
function servers() {
  if (process.env.DATABASE_URL_TEST) return [{ name: 'the server at DATABASE_URL_TEST', start: startPostgres }];
  const list = [{ name: 'embedded PostgreSQL 18', start: (options) => startPostgres({ ...options, binDir: '' }) }];
  if (fs.existsSync(`${SYSTEM_BIN}/initdb`)) {
    list.push({ name: 'system PostgreSQL 15', start: (options) => startPostgres({ ...options, binDir: SYSTEM_BIN }) });
  } else if (process.env.CI === 'true') {
    throw new Error(`no PostgreSQL 15 in ${SYSTEM_BIN}: apt-get install postgresql-15`);
  } else {
    process.stderr.write('\nNOT TESTED: PostgreSQL 15 of the system (apt-get install postgresql-15)\n\n');
  }
  return list;
}

/**
 * Registers the same suite once per server. `world` has `url`, `pool` and `open(options)` for further pools; a pool that a test
 * opens is closed at the end of the suite.
 *
 * @param {string} title
 * @param {(world: object, t: import('node:test').TestContext) => unknown} suite
 * @param {{ fsync?: boolean, only?: 'first' }} [options] only: for what no version of the server can change
 */
function onServers(title, suite, { fsync, only } = {}) {
  const list = servers();
  for (const { name, start } of only === 'first' ? list.slice(0, 1) : list) {
    test(`${title}, ${name}`, async (t) => {
      const server = await start({ fsync });
      const pools = [];
      const open = (options = {}) => {
        const pool = new Pool({ connectionString: server.url, ...options });
        pool.on('error', () => {});
        pools.push(pool);
        return pool;
      };
      t.after(async () => {
        await Promise.all(pools.map((pool) => pool.ended || pool.end()));
        await server.stop();
      });
      await suite({ server, url: server.url, pool: open(), open }, t);
    });
  }
}

module.exports = { onServers, SYSTEM_BIN };
