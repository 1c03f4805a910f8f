'use strict';

const BATCH = 10_000;

// A message that somebody locked before there were leases: it comes back when whoever has it must be over with it. An edge
// function lives for minutes.
const LONGEST = '15 minutes';

module.exports = {
  id: 23,
  name: 'campaign-backfill',
  up: ({ names: { table, c } }) => [
    {
      repeat: true,
      sql: `UPDATE ${table} SET ${c.leaseUntil} = now() + interval '${LONGEST}'
WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${table} WHERE ${c.status} = 'processing' AND ${c.leaseUntil} IS NULL LIMIT ${BATCH}))`,
    },
  ],
  down: () => [],
};
