'use strict';

const { claimSql, boundOf, nextDueSql, orphansSql } = require('./sql-claim.js');
const { enqueueSql } = require('./sql-enqueue.js');
const { balanceSql, giveUpSql, leaveSql, sweepSql, instancesSql } = require('./sql-lanes.js');
const { invalidateSql, recordSql } = require('./sql-results.js');
const { settleSql, extendSql, releaseSql, countSql } = require('./sql-settle.js');

/**
 * Every statement of a store, made once for its names. Each is one round trip and one short transaction of its own. `claim` is a
 * function of the limit; limits of one size have one text.
 */
function statements(names) {
  const claims = new Map();
  const claim = (limit) => {
    const most = boundOf(limit);
    if (!claims.has(most)) claims.set(most, claimSql(names, most));
    return claims.get(most);
  };
  return {
    enqueue: enqueueSql(names),
    enqueueBounded: enqueueSql(names, { bounded: true }),
    claim,
    nextDue: nextDueSql(names),
    orphans: orphansSql(names),
    settle: settleSql(names),
    record: recordSql(names),
    invalidate: invalidateSql(names),
    extend: extendSql(names),
    release: releaseSql(names),
    count: countSql(names),
    balance: balanceSql(names),
    giveUp: giveUpSql(names),
    leave: leaveSql(names),
    sweep: sweepSql(names),
    instances: instancesSql(names),
  };
}

module.exports = { statements };
