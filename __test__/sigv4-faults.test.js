'use strict';

// The proof that the other SigV4 tests can fail: each known way to sign wrongly is planted in the reference signer, and must be seen.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { makeCases } = require('./support/sigv4/cases');
const { ask, compare, describe } = require('./support/sigv4/differential');
const { FAULTS } = require('./support/sigv4/faults');
const { startAws4 } = require('./support/sigv4/oracles/aws4');
const { startSmithy } = require('./support/sigv4/oracles/smithy');
const { Random, testSeed } = require('./support/sigv4/random');
const { makeReference } = require('./support/sigv4/reference');
const { exampleChecks, publishedChecks } = require('./support/sigv4/vectors');

const seed = testSeed();
/** The rarest fault shows in about one case of fifty. */
const CASES = 1000;
const oracles = [startSmithy(), startAws4()];
let cases;
let asked;

before(async () => {
  console.log(`WARMPATH_TEST_SEED=${seed}`);
  cases = makeCases(new Random(seed), CASES);
  asked = await ask(oracles, cases);
});

after(() => Promise.all(oracles.map((oracle) => oracle.close())));

const vectorFailures = (Signer) =>
  [...publishedChecks(), ...exampleChecks()].filter(({ run }) => run(Signer).length > 0);

test('without a fault the reference passes every vector and agrees with every oracle', () => {
  assert.deepEqual(vectorFailures(makeReference()), []);
  const { mismatches } = compare(makeReference(), cases, asked, { reference: false, most: 3 });
  assert.equal(mismatches.length, 0, mismatches.map(describe).join('\n\n'));
});

for (const { name, what, hidden } of FAULTS) {
  test(`seen: ${what}`, () => {
    const { mismatches } = compare(makeReference(name), cases, asked, { reference: false, most: 1 });
    assert.ok(mismatches.length > 0, `${name} passed ${CASES} cases of seed ${seed}`);
    if (hidden)
      assert.deepEqual(vectorFailures(makeReference(name)), [], `${name} is seen by vectors: no longer hidden`);
  });
}

test('the faults are the ones that were listed', () => {
  assert.equal(FAULTS.filter(({ hidden }) => hidden).length, 15);
  assert.ok(FAULTS.length >= 33);
});
