'use strict';

// Writes the table of error codes into docs/errors.md, from the engine's own table. The test `error-table` fails when it is stale.

const fs = require('node:fs');
const path = require('node:path');

const START = '<!-- error-table -->';
const END = '<!-- /error-table -->';

/** The table as Markdown: `rows` are `{ code, class, doc }`. */
function markdown(rows) {
  const lines = rows.map((row) => `| \`${row.code}\` | ${row.class} | ${row.doc} |`);
  return ['| code | class | meaning |', '|---|---|---|', ...lines].join('\n');
}

/** `text` with the table between the markers replaced. */
function withTable(text, rows) {
  const start = text.indexOf(START);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new Error(`docs/errors.md has no ${START} … ${END}`);
  return `${text.slice(0, start + START.length)}\n${markdown(rows)}\n${text.slice(end)}`;
}

module.exports = { withTable };

if (require.main === module) {
  const file = path.join(__dirname, '..', 'docs', 'errors.md');
  const rows = JSON.parse(require('../native/index.js').errorTable());
  fs.writeFileSync(file, withTable(fs.readFileSync(file, 'utf8'), rows));
}
