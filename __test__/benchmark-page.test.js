'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { DOMParser } = require('@xmldom/xmldom');
const { BENCHMARKS } = require('../benchmark/names.js');
const { chart } = require('../benchmark/page/chart.js');
const { DOCS, render } = require('../benchmark/page/index.js');
const { losses } = require('../benchmark/page/losses.js');

test('the page and its charts are made of what is recorded', () => {
  const files = render(BENCHMARKS);
  assert.ok(files.size > 1, 'nothing is recorded');
  for (const [file, text] of files) {
    const found = fs.readFileSync(path.join(DOCS, file), 'utf8');
    assert.equal(found, text, `docs/${file} is stale: npm run bench:page`);
  }
  const drawn = fs.readdirSync(path.join(DOCS, 'benchmarks')).map((name) => `benchmarks/${name}`);
  assert.deepEqual(drawn.sort(), [...files.keys()].filter((file) => file.endsWith('.svg')).sort());
});

test('a recorded run is a whole one, and names its command and its machine', () => {
  const folder = path.join(__dirname, '..', 'benchmark', 'recorded');
  for (const file of fs.readdirSync(folder)) {
    const { about, markdown } = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'));
    assert.match(about.command, new RegExp(`^node benchmark/run\\.js ${path.parse(file).name}( --rounds \\d+)?$`));
    assert.ok(about.cpu && about.versions.node && about.date, file);
    assert.match(markdown, /^## /);
  }
});

test('a row in which a peer is better, and a promise that was not held, are found in the tables', () => {
  const { beaten, missed } = losses(
    [
      '## queue: one thread',
      '',
      'First in, first out:',
      '',
      '| ns | 100 deep | 500 deep |',
      '|---|---:|---:|',
      '| **warmpath** | 200 | 210 |',
      '| Array | 20 (19–21) † | 300 |',
      '| seed | 300 | 400 |',
      '',
      '### What we promise',
      '',
      '| ratio | measured | promised | met |',
      '|---|---:|---:|---:|',
      '| batch / single | 0.41 | ≤ 0.25 | **no** |',
      '| wake-up | 0.9 | ≤ 1 | yes |',
      '',
      '- CPU a message: 0.5: **missed**',
    ].join('\n'),
  );
  assert.deepEqual(beaten, ['First in, first out: Array: 100 deep 20 (19–21) against our 200']);
  assert.deepEqual(missed, [
    'What we promise: batch / single: measured 0.41; promised ≤ 0.25',
    'What we promise: CPU a message: 0.5: missed',
  ]);
});

test('a chart is well-formed, says its figures to those who cannot see it, and stays inside its frame', () => {
  const bars = [
    { name: 'warm <path> & co', ours: true, spread: { median: 1, min: 0.5, max: 40 } },
    { name: 'peer', ours: false, spread: { median: 10, min: 10, max: 10 } },
  ];
  const errors = [];
  const svg = new DOMParser({ onError: (_level, message) => errors.push(message) }).parseFromString(
    chart('A & B', [{ title: 'CPU', unit: 'ms', better: 'less', bars }]),
    'image/svg+xml',
  );
  assert.deepEqual(errors, []);
  const all = (name) => Array.from(svg.getElementsByTagName(name));
  const width = (rect) => Number(rect.getAttribute('width'));
  const [ours, peer] = all('rect');
  assert.ok(Math.abs(width(peer) / width(ours) - 10) < 0.1);
  for (const line of all('line')) assert.ok(Number(line.getAttribute('x2')) <= 760);
  assert.match(all('desc')[0].textContent, /CPU: warm <path> & co 1 ms; CPU: peer 10 ms/);
});
