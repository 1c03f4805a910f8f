'use strict';

// The plan of the house, held by a test: which room may use which (ARCHITECTURE.md), and files that stay readable in one sitting.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const root = path.join(__dirname, '..');
const ENGINE = 'engine/src/';

/** Rooms of the engine, by floor: a room uses those of lower floors and nobody beside it or above. */
const FLOORS = [
  ['fuzz'],
  ['pipeline'],
  ['executor', 's3', 'telegram', 'llm', 'media'],
  ['http', 'sigv4', 'queue'],
  ['runtime'],
  ['error', 'clock', 'secret', 'failpoint'],
];

/** Beside each other, with the reason. */
const NEIGHBOURS = new Map([['s3>media', 'an upload is labelled by what its first bytes are']]);

/** Longer than the others, each with what holds it together. */
const LONG = new Map([
  ['index.d.ts', 'the whole face, one declaration after another'],
  ['lib/adapters/bullmq.d.ts', 'one declaration after another'],
  ['engine/src/queue/shared.rs', 'one protocol of waiting, closing and keys; its proofs are about all of it'],
  ['engine/src/queue/lanes.rs', 'one order: lanes, keys and runs change together or not at all'],
  ['engine/src/executor/schedule/sim/scenarios.rs', 'one scenario after another'],
  ['lib/store/postgres.js', 'the store contract, one method after another'],
  ['lib/store/postgres-ingest.js', 'the store contract, one method after another'],
  ['lib/worker/campaign-pipeline.js', 'the way of one message through its steps'],
]);
const MOST_LINES = 340;
/** Tests are lists. */
const MOST_LINES_OF_A_TEST = 410;

function tracked(...patterns) {
  const out = execFileSync('git', ['ls-files', '-z', ...patterns], { cwd: root, encoding: 'utf8' });
  return out.split('\0').filter((file) => file && fs.existsSync(path.join(root, file)));
}

const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

/** Rust without its comments, and without its own unit tests, which may look anywhere. */
const codeOf = (file) =>
  read(file)
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/#\[cfg\(test\)\]\s*mod \w+ \{[\s\S]*$/m, '');

/** The rooms that a Rust text names by `crate::room` or `crate::{room, …}`. */
function roomsNamed(code) {
  const rooms = new Set();
  for (const { 1: name } of code.matchAll(/\bcrate::(\w+)/g)) rooms.add(name);
  for (const { index } of code.matchAll(/\bcrate::\{/g)) {
    let depth = 0;
    let word = '';
    for (let i = code.indexOf('{', index); i < code.length; i++) {
      const at = code[i];
      if (at === '{') depth += 1;
      else if (at === '}') depth -= 1;
      const inside = depth === 1 && at !== '{';
      if (inside && /\w/.test(at)) word += at;
      else if (word && (inside || depth === 0)) {
        rooms.add(word.replace(/^.*:/, ''));
        // What follows `room::` is inside that room.
        if (code.startsWith('::', i)) i = skipPath(code, i);
        word = '';
      }
      if (depth === 0) break;
    }
  }
  return rooms;
}

/** Behind `room` in a list: to the comma, or the brace that opens or closes. */
function skipPath(code, from) {
  let depth = 0;
  for (let i = from; i < code.length; i++) {
    if (code[i] === '{') depth += 1;
    else if (code[i] === '}' && depth > 0) depth -= 1;
    else if (depth === 0 && (code[i] === ',' || code[i] === '}')) return i - 1;
  }
  return code.length;
}

test('a room of the engine uses only rooms below it', () => {
  const floorOf = (room) => FLOORS.findIndex((floor) => floor.includes(room));
  const wrong = [];
  let arrows = 0;
  for (const file of tracked(`${ENGINE}*.rs`)) {
    if (/\/tests?(\/|\.rs$)|\/sim\//.test(file)) continue;
    const from = file.slice(ENGINE.length).split(/[/.]/)[0];
    if (from === 'lib') continue;
    assert.notEqual(floorOf(from), -1, `${file}: a room that the plan does not know`);
    for (const to of roomsNamed(codeOf(file))) {
      if (to === from || floorOf(to) === -1) continue;
      arrows += 1;
      if (floorOf(to) <= floorOf(from) && !NEIGHBOURS.has(`${from}>${to}`)) wrong.push(`${file}: ${from} → ${to}`);
    }
  }
  assert.ok(arrows > 100, `only ${arrows} arrows were seen`);
  assert.deepEqual(wrong, []);
});

test('the engine does not know Node, and only the door names napi', () => {
  const manifest = read('engine/Cargo.toml');
  assert.doesNotMatch(manifest, /napi/);
  for (const file of tracked('engine/*.rs')) assert.doesNotMatch(codeOf(file), /\bnapi\b/, file);
});

test('a path of the engine’s rooms is read as the compiler reads it', () => {
  const named = (code) => [...roomsNamed(code)].sort();
  assert.deepEqual(named('use crate::{error::{Code, Error}, s3, llm::a::{b, media}, http::x};'), [
    'error',
    'http',
    'llm',
    's3',
  ]);
  assert.deepEqual(named('fn f() -> crate::error::Result<()> { crate::clock::now() }'), ['clock', 'error']);
});

test('a file holds one concept: it is short, or its length has a reason', () => {
  const files = tracked('*.rs', '*.js', '*.ts', '*.mts').filter(
    (file) => !file.startsWith('native/') && !file.includes('/vendor/'),
  );
  const most = (file) => (/test/.test(file) ? MOST_LINES_OF_A_TEST : MOST_LINES);
  const long = files.filter((file) => read(file).split('\n').length - 1 > most(file));
  assert.deepEqual(
    long.filter((file) => !LONG.has(file)),
    [],
    'longer than it may be',
  );
  assert.deepEqual(
    [...LONG.keys()].filter((file) => !long.includes(file)),
    [],
    'not long any more',
  );
});
