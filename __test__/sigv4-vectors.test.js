'use strict';

// Every published Signature Version 4 vector. On the worth of these alone see docs/sigv4-proof.md: many bugs pass them all.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { SigV4Signer } = require('..');
const { exampleChecks, publishedChecks } = require('./support/sigv4/vectors');

const published = publishedChecks();
const examples = exampleChecks();

test('the suites are whole: 112 published vectors and the 4 examples of the S3 documentation', () => {
  const of = (suite, mode) => published.filter(({ name }) => name.startsWith(suite) && name.endsWith(mode)).length;
  assert.deepEqual([of('runtime/', '(header)'), of('runtime/', '(query)')], [38, 38]);
  assert.deepEqual([of('crate/', '(header)'), of('older/', '(header)')], [2, 34]);
  assert.deepEqual([published.length, examples.length], [112, 4]);
});

for (const { name, run } of [...published, ...examples]) {
  test(name, () => {
    for (const [what, got, expected] of run(SigV4Signer)) assert.equal(got, expected, what);
  });
}

// Needs cargo, pip and a network or their caches.
if (process.env.WARMPATH_TEST_LONG === '1') {
  test('vectors.jsonl is what its script makes', (t) => {
    const script = path.join(__dirname, '..', 'scripts', 'vectors.js');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    if (status !== 0 && !stderr.includes('stale') && process.env.CI !== 'true') {
      process.stderr.write(`\nNOT TESTED: the sources of vectors.jsonl cannot be fetched: ${stderr}\n\n`);
      t.skip('the sources cannot be fetched');
      return;
    }
    assert.equal(status, 0, stderr);
  });
}
