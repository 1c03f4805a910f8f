'use strict';

// One table of error codes: the engine's. docs/errors.md, index.d.ts and everything JavaScript throws are held against it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const { errorTable } = require('../native/index.js');
const { withTable } = require('../scripts/error-table.js');

const root = path.join(__dirname, '..');
const read = (...parts) => fs.readFileSync(path.join(root, ...parts), 'utf8');
const rows = JSON.parse(errorTable());
const codes = rows.map((row) => row.code).sort();

test('docs/errors.md holds the table as it is', () => {
  const page = read('docs', 'errors.md');
  assert.equal(page, withTable(page, rows), 'stale: run node scripts/error-table.js');
});

test('index.d.ts lists exactly the same codes', () => {
  const union = read('index.d.ts').match(/export type WarmpathErrorCode =([\s\S]*?);/);
  assert.ok(union, 'index.d.ts has no WarmpathErrorCode');
  const listed = [...union[1].matchAll(/'(ERR_WARMPATH_[A-Z0-9_]+)'/g)].map((match) => match[1]);
  assert.deepEqual(listed.sort(), codes);
});

test('index.d.ts lists exactly the same classes', () => {
  const union = read('index.d.ts').match(/export type WarmpathErrorClass =([\s\S]*?);/);
  assert.ok(union, 'index.d.ts has no WarmpathErrorClass');
  const listed = [...union[1].matchAll(/'([a-z]+)'/g)].map((match) => match[1]);
  assert.deepEqual(listed.sort(), [...new Set(rows.map((row) => row.class))].sort());
});

test('every code that JavaScript names is in the table', () => {
  let named = 0;
  for (const folder of ['lib', 'bin', 'examples']) {
    for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(js|ts)$/.test(entry.name) || entry.parentPath.includes('node_modules')) continue;
      const text = fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8');
      for (const [code] of text.matchAll(/ERR_WARMPATH_[A-Z0-9_]*[A-Z0-9]/g)) {
        assert.ok(codes.includes(code), `${entry.name} names ${code}`);
        named++;
      }
    }
  }
  assert.ok(named > 10, 'the scan found nothing');
});
