'use strict';

const { claimSql, nextDueSql, orphansSql } = require('./sql-claim.js');
const { enqueueSql } = require('./sql-enqueue.js');
const { balanceSql, giveUpSql, leaveSql, sweepSql, instancesSql } = require('./sql-lanes.js');
const { invalidateSql, recordSql } = require('./sql-results.js');
const { settleSql, extendSql, releaseSql, countSql } = require('./sql-settle.js');

/** Every statement of a store, made once for its names. Each is one round trip and one short transaction of its own. */
function statements(names) {
  return {
    enqueue: enqueueSql(names),
    claim: claimSql(names),
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
