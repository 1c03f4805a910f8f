'use strict';

const BATCH = 10_000;

// Rows from before get the order and the waits they had. In batches: one statement over a large table would hold its row
// locks, and keep dead rows from being cleaned up, for minutes.

function batch({ table, set, where }) {
  return {
    repeat: true,
    sql: `UPDATE ${table} SET ${set}\nWHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${where} LIMIT ${BATCH}))`,
  };
}

module.exports = {
  id: 3,
  name: 'backfill',
  up({ names: { table, c } }) {
    const due = [c.nextRetryAt, c.createdAt].filter(Boolean);
    const statements = [];
    if (due.length > 0) {
      const before = `coalesce(${[...due, c.runAt].join(', ')})`;
      const where = `${c.status} = 'warming' AND ${c.fence} = 0 AND ${c.runAt} <> ${before}`;
      statements.push(batch({ table, set: `${c.runAt} = ${before}`, where }));
    }
    if (c.retryCount !== null) {
      statements.push(
        `ALTER TABLE ${table} ALTER COLUMN ${c.retryCount} SET DEFAULT 0`,
        batch({ table, set: `${c.retryCount} = 0`, where: `${c.retryCount} IS NULL` }),
        // A validated check lets SET NOT NULL skip its scan of the table under the strongest lock.
        `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS warmpath_retry_count`,
        `ALTER TABLE ${table} ADD CONSTRAINT warmpath_retry_count CHECK (${c.retryCount} IS NOT NULL) NOT VALID`,
        `ALTER TABLE ${table} VALIDATE CONSTRAINT warmpath_retry_count`,
        `ALTER TABLE ${table} ALTER COLUMN ${c.retryCount} SET NOT NULL`,
        `ALTER TABLE ${table} DROP CONSTRAINT warmpath_retry_count`,
        // What was given up before stays given up, and what was tried before has its tries counted.
        batch({
          table,
          set: `${c.attempts} = ${c.retryCount}`,
          where: `${c.status} = 'warming' AND ${c.fence} = 0 AND ${c.attempts} < ${c.retryCount}`,
        }),
      );
    }
    return statements;
  },
  down: () => [],
};
