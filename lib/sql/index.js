'use strict';

const { shape, withDefault, boolean, func, having, milliseconds, failWith } = require('../options/check.js');
const { identifier, tableName, quote, quoteTable, nameFields, namesOf } = require('./names.js');
const { MIGRATIONS } = require('./migrations/index.js');
const { Runner } = require('./runner.js');
const { withLock } = require('./session.js');

const fields = shape({
  ...nameFields,
  botsTable: withDefault(tableName, 'bots'),
  tokenColumn: withDefault(identifier, 'token'),
  dryRun: withDefault(boolean, false),
  down: withDefault(boolean, false),
  lockWaitMs: withDefault(milliseconds(), 300_000),
  log: func,
});

/**
 * Brings a database to what PostgresStore needs, or back. Safe to run again, by two processes at once, on a database in
 * use, and on one that has an app's own tables, columns, functions and indexes.
 *
 * @param {object} pool a pg.Pool (its connect() is used; not through a pooler in transaction mode)
 * @param {object} [options] table, mediaTable, columns, botsTable, tokenColumn: names; dryRun: only says what would be run;
 *   down: takes back what this package added, never a table of the app; lockWaitMs: how long to wait for another
 *   process that migrates, 300,000; log(sql): called before each statement
 * @returns {Promise<{ migrations: string[], statements: string[] }>}
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_DATABASE
 */
async function migrate(pool, options = {}) {
  having('connect')(pool, 'pool', failWith('ERR_WARMPATH_INVALID_ARGUMENT'));
  const checked = fields(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));
  const { dryRun, down, lockWaitMs, log = () => {} } = checked;
  const context = {
    names: namesOf(checked),
    bots: quoteTable(checked.botsTable),
    tokenColumn: quote(checked.tokenColumn),
  };
  return withLock(pool, lockWaitMs, async (client) => {
    const runner = new Runner({ client, context, log, dryRun });
    const migrations = await (down ? runner.down(MIGRATIONS) : runner.up(MIGRATIONS));
    return { migrations, statements: [...runner.statements] };
  });
}

module.exports = { migrate };
