'use strict';

const { quote } = require('../names.js');

/** The indexes of an app's own migration: left as they are where they exist, but an unfinished build of one is made good. */
const SEED_INDEXES = ['ix_media_cache_lookup', 'ix_media_cache_warming', 'ix_media_cache_retry'];

const claimIndex = ({ plain }) => `ix_${plain.slice(0, 50)}_claim`;
const fileIdIndex = ({ plain }) => `ix_${plain.slice(0, 50)}_file_id`;

module.exports = {
  id: 4,
  name: 'indexes',
  up({ names }) {
    const { table, c, schema, isDefault } = names;
    const index = claimIndex(names);
    return [
      // The order of a claim: bot by bot, best priority first, then the longest due. Nothing in it changes when a row is
      // claimed, extended or released, so those updates stay in their page ("heap-only tuples") and touch no index.
      {
        index,
        schema,
        sql: `CREATE INDEX CONCURRENTLY ${quote(index)} ON ${table} (${c.botSlug}, ${c.priority} DESC, ${c.runAt}) WHERE ${c.status} = 'warming'`,
      },
      // A live send that met a stale file_id looks for its row: among a million, and perhaps for all of them.
      {
        index: fileIdIndex(names),
        schema,
        sql: `CREATE INDEX CONCURRENTLY ${quote(fileIdIndex(names))} ON ${table} (${c.fileId}) WHERE ${c.fileId} IS NOT NULL`,
      },
      ...(isDefault ? SEED_INDEXES.map((name) => ({ index: name, schema, repairOnly: true })) : []),
    ];
  },
  down: ({ names }) =>
    [claimIndex(names), fileIdIndex(names)].map(
      (index) => `DROP INDEX CONCURRENTLY IF EXISTS ${names.schema}${quote(index)}`,
    ),
};
