'use strict';

/**
 * In order. A migration is `{ id, name, up(context), down(context) }`; both give a list of statements, each run by itself
 * and safe to run again: text, `{ repeat, sql }` (until it changes no row), or `{ index, schema, sql }` (an index built
 * concurrently; `repairOnly`: only an invalid one is rebuilt). Published ones never change; new ones are added.
 */
const MIGRATIONS = [
  require('./001-tables.js'),
  require('./002-columns.js'),
  require('./003-backfill.js'),
  require('./004-indexes.js'),
  require('./005-instances.js'),
  require('./006-seed-names.js'),
  require('./007-storage.js'),
  require('./010-ingest.js'),
];

module.exports = { MIGRATIONS };
