'use strict';

const { shape, withDefault, boolean, func, having, milliseconds, failWith } = require('../options/check.js');
const { campaignNameFields, campaignNamesOf } = require('./campaign-names.js');
const { CAMPAIGN_MIGRATIONS } = require('./migrations/campaign.js');
const { FUNCTIONS, MARK } = require('./migrations/025-campaign-functions.js');
const { Runner } = require('./runner.js');
const { withLock } = require('./session.js');

const fields = shape({
  ...campaignNameFields,
  dryRun: withDefault(boolean, false),
  down: withDefault(boolean, false),
  lockWaitMs: withDefault(milliseconds(), 300_000),
  log: func,
});

/** What the database has that decides what is to be done: the app's table of leads, functions of its own under our names. */
async function lookAround(client, names) {
  const { rows } = await client.query(
    `SELECT to_regclass($1) IS NOT NULL AS leads, ARRAY (
       SELECT DISTINCT p.proname::text FROM pg_proc p
       WHERE p.proname = ANY ($2) AND pg_function_is_visible(p.oid)
         AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE $3 || '%'
     ) AS functions`,
    [names.leads, FUNCTIONS, MARK],
  );
  return { leads: rows[0].leads || names.isDefault, foreignFunctions: rows[0].functions };
}

/**
 * Brings a database to what CampaignWorker needs, or back. Safe to run again, by two processes at once, on a database in use,
 * and on one that has tables, columns, functions and indexes of these names: what is there stays.
 *
 * @param {object} pool a pg.Pool (its connect() is used; not through a pooler in transaction mode)
 * @param {object} [options] table, runsTable, leadsTable, columns, runColumns: names; the others as of migrate()
 * @returns {Promise<{ migrations: string[], statements: string[] }>}
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_DATABASE
 */
async function migrateCampaigns(pool, options = {}) {
  having('connect')(pool, 'pool', failWith('ERR_WARMPATH_INVALID_ARGUMENT'));
  const checked = fields(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));
  const { dryRun, down, lockWaitMs, log = () => {} } = checked;
  const names = campaignNamesOf(checked);
  return withLock(pool, lockWaitMs, async (client) => {
    const context = { names, has: await lookAround(client, names) };
    const runner = new Runner({ client, context, log, dryRun });
    const migrations = await (down ? runner.down(CAMPAIGN_MIGRATIONS) : runner.up(CAMPAIGN_MIGRATIONS));
    return { migrations, statements: [...runner.statements] };
  });
}

module.exports = { migrateCampaigns };
