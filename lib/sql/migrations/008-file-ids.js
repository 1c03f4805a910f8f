'use strict';

const { quote } = require('../names.js');

const fileIdIndex = ({ plain }) => `ix_${plain.slice(0, 50)}_file_id`;

module.exports = {
  id: 8,
  name: 'file ids',
  // A live send that met a stale file_id looks for its row: among a million, and perhaps for all of them.
  up({ names }) {
    const { table, c, schema } = names;
    const index = fileIdIndex(names);
    const sql = `CREATE INDEX CONCURRENTLY ${quote(index)} ON ${table} (${c.fileId}) WHERE ${c.fileId} IS NOT NULL`;
    return [{ index, schema, sql }];
  },
  down: ({ names }) => [`DROP INDEX CONCURRENTLY IF EXISTS ${names.schema}${quote(fileIdIndex(names))}`],
};
