'use strict';

// The fuzz targets, their programs and the bugs that prove them go together. Whether the bugs are found is tried by `npm run fuzz -- --planted`.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { PLANTED } = require('../scripts/fuzz/planted.js');

const root = path.join(__dirname, '..');

test('every fuzz target has a bug of its own to find', () => {
  const programs = fs.readdirSync(path.join(root, 'fuzz', 'fuzz_targets')).map((file) => path.parse(file).name);
  assert.deepEqual(PLANTED.map(({ target }) => target).sort(), programs.sort());
});

for (const { target, file, find, replace } of PLANTED) {
  test(`the bug of ${target} can be planted`, () => {
    const source = fs.readFileSync(path.join(root, 'engine', 'src', file), 'utf8');
    assert.equal(source.split(find).length - 1, 1, `in ${file} once: ${find}`);
    assert.notEqual(find, replace);
  });
}

test('the page of the fuzz targets names all of them', () => {
  const page = fs.readFileSync(path.join(root, 'fuzz', 'README.md'), 'utf8');
  const named = [...page.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names]) => names.match(/\w+/g));
  assert.deepEqual(named.sort(), PLANTED.map(({ target }) => target).sort());
});
