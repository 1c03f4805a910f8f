'use strict';

// Room in every page for the next version of a row (claims and heartbeats then stay in it), and a vacuum after 2 % of
// dead rows instead of 20 %: a queue changes each of its rows a few times, in an otherwise quiet table.
const SETTINGS = {
  fillfactor: 80,
  autovacuum_vacuum_scale_factor: 0.02,
  autovacuum_analyze_scale_factor: 0.02,
};

module.exports = {
  id: 7,
  name: 'storage',
  up: ({ names }) => [
    `ALTER TABLE ${names.table} SET (${Object.entries(SETTINGS)
      .map(([name, value]) => `${name} = ${value}`)
      .join(', ')})`,
  ],
  down: ({ names }) => [`ALTER TABLE ${names.table} RESET (${Object.keys(SETTINGS).join(', ')})`],
};
