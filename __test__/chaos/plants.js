'use strict';

// Bugs that the harness must find. Each is planted in a worker process of a test, before the package is loaded: nothing of it
// ships. A place that is no longer there fails at once, so that no plant can wither unseen.

const settleFile = require('../../lib/store/postgres/sql-settle.js');
const claimFile = require('../../lib/store/postgres/sql-claim.js');
const { Heartbeat } = require('../../lib/worker/heartbeat.js');

/** Changes the SQL that `name` of a file of statements makes, before statements.js takes it. */
function rewrite(file, name, changes) {
  const make = file[name];
  file[name] = (...args) => {
    let sql = make(...args);
    for (const [from, to] of changes) {
      if (!sql.includes(from)) throw new Error(`the bug cannot be planted: ${name} has no ${from}`);
      sql = sql.replaceAll(from, to);
    }
    return sql;
  };
}

const PLANTS = {
  /** Who comes back late is believed. */
  'no fence'() {
    for (const name of ['settleSql', 'extendSql', 'releaseSql']) {
      rewrite(settleFile, name, [[' AND c."fence" = i.fence', '']]);
    }
  },

  /** A claim writes nothing of the attempt; only a result counts it. */
  'attempt counted after'() {
    rewrite(claimFile, 'claimSql', [
      ['"attempts" = c."attempts" + 1', '"attempts" = c."attempts"'],
      ['"lost_leases" = c."lost_leases" + (c."lease_until" IS NOT NULL)::int', '"lost_leases" = c."lost_leases"'],
    ]);
    rewrite(settleFile, 'settleSql', [
      ['THEN c."attempts" ELSE c."attempts" - 1', 'THEN c."attempts" + 1 ELSE c."attempts"'],
      ['c."attempts" > cardinality', 'c."attempts" + 1 > cardinality'],
      ['[c."attempts"]', '[c."attempts" + 1]'],
    ]);
  },

  /** Nobody renews a lease, and the engine does not know of it. */
  'lease shorter than the job, without heartbeat'(settings) {
    Heartbeat.prototype.beat = async () => {};
    Heartbeat.prototype.lapsed = () => false;
    settings.engineKnowsLeases = false;
  },

  /** The store renews leases, but the engine goes on when that does not happen. */
  'engine without leases'(settings) {
    settings.engineKnowsLeases = false;
  },

  'release charges an attempt'() {
    rewrite(settleFile, 'releaseSql', [['greatest(c."attempts" - 1, 0)', 'c."attempts"']]);
  },
};

/** Plants the bug of that name in this process; undefined: none. `settings` are those of the worker to come. */
function plant(name, settings) {
  if (name === undefined) return;
  if (!Object.hasOwn(PLANTS, name)) throw new Error(`no such bug: ${name}`);
  PLANTS[name](settings);
}

module.exports = { plant, PLANTS: Object.keys(PLANTS) };
