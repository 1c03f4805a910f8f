'use strict';

// docs/failures.md says what becomes of every fault and which test shows it. A row without a test, or with one that is gone, is
// a promise that nobody keeps.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const root = path.join(__dirname, '..');
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

/** The file that a name in the table stands for. */
function fileOf(name) {
  if (name.startsWith('engine:')) return `engine/tests/prewarm/${name.slice('engine:'.length)}.rs`;
  return name.includes('/') ? name : `__test__/${name}.test.js`;
}

/** Rows of the tables whose last column says what shows them: the fault, and its tests as `[file, name]`. */
function rowsOf(markdown) {
  const rows = [];
  let shows = false;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('| ')) continue;
    const cells = line.slice(2, -2).split(' | ');
    if (cells.at(-1) === 'shown by') shows = true;
    else if (cells.at(-1) === 'then') shows = false;
    else if (shows) rows.push({ fault: cells[0], tests: testsOf(cells.at(-1)) });
  }
  return rows;
}

function testsOf(cell) {
  const tests = [];
  let file;
  // Text and `names` take turns; the last word before a name is its file, unless there is none: then it is that of the last.
  cell.split('`').forEach((part, index) => {
    if (index % 2 === 1) tests.push([file, part]);
    else file = /([\w:/.-]+)\s*$/.exec(part)?.[1] ?? file;
  });
  return tests;
}

/** The names of the tests of a file. */
function namesIn(file, text) {
  const pattern = file.endsWith('.rs')
    ? /#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)/g
    : /\b(?:it|test)\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|`([^`]*)`)/g;
  return [...text.matchAll(pattern)].map((match) => match.slice(1).find((name) => name !== undefined));
}

const rows = rowsOf(read('docs/failures.md'));

test('every row names a test that is there', () => {
  assert.ok(rows.length > 45, `${rows.length} rows`);
  const lost = [];
  for (const { fault, tests } of rows) {
    if (tests.length === 0) lost.push(`${fault}: names no test`);
    for (const [file, name] of tests) {
      const there = file && fs.existsSync(path.join(root, fileOf(file)));
      const begin = name.endsWith('…') ? name.slice(0, -1) : null;
      const matches = (known) => (begin === null ? known === name : known.startsWith(begin));
      if (!there || !namesIn(fileOf(file), read(fileOf(file))).some(matches)) lost.push(`${fault}: ${file} ${name}`);
    }
  }
  assert.deepEqual(lost, []);
});

test('every test of the engine that plays a fault is in the table', () => {
  const named = new Set(rows.flatMap(({ tests }) => tests.map(([file]) => file)));
  for (const file of ['bytes', 'cancel', 'download', 'routes', 'security', 'store', 'telegram', 'upload']) {
    assert.ok(named.has(`engine:${file}`), file);
  }
});
