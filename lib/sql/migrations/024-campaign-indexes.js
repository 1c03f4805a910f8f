'use strict';

const { quote } = require('../names.js');
const { dueOf, OPEN } = require('../campaign-pieces.js');

/** The order of a claim: run by run, the longest due first. Nothing in it changes while a message is worked on. */
const selection = (names) => ({
  table: names.table,
  on: `(${names.c.runId}, (${dueOf(names.c, '')})) WHERE ${names.c.status} IN ${OPEN}`,
});

function indexes(names) {
  const { table, runs, leads, c, r, plain, isDefault } = names;
  const prefix = isDefault ? 'campaign_messages' : plain.slice(0, 40);
  const list = [
    [`idx_${prefix}_atomic_selection`, selection(names)],
    [`idx_${prefix}_scheduled`, { table, on: `(${c.scheduledAt}) WHERE ${c.status} = 'pending'` }],
  ];
  if (isDefault) {
    list.push(
      ['idx_campaign_runs_id_status', { table: runs, on: `(${r.id}, ${r.status})` }],
      ['idx_leads_id_for_context', { table: leads, on: '(id)' }],
    );
  }
  return list;
}

module.exports = {
  id: 24,
  name: 'campaign-indexes',
  up: ({ names, has }) =>
    indexes(names)
      .filter(([, { table }]) => table !== names.leads || has.leads)
      .map(([index, { table, on }]) => ({
        index,
        schema: names.schema,
        sql: `CREATE INDEX CONCURRENTLY ${quote(index)} ON ${table} ${on}`,
      })),
  down: ({ names }) =>
    indexes(names).map(([index]) => `DROP INDEX CONCURRENTLY IF EXISTS ${names.schema}${quote(index)}`),
};
