'use strict';

// Every published Signature Version 4 vector. On the worth of these alone see docs/sigv4-proof.md: many bugs pass them all.

const assert = require('node:assert/strict');
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
