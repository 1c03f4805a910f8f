'use strict';

// Random requests against independent implementations. WARMPATH_TEST_SEED replays a run; WARMPATH_TEST_LONG=1 makes it 50,000 cases.

const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const { after, before, test } = require('node:test');
const { SigV4Signer } = require('..');
const { makeCases } = require('./support/sigv4/cases');
const { CLASSES, exclusions } = require('./support/sigv4/classes');
const { alteredHeaders, ask, compare, describe } = require('./support/sigv4/differential');
const { startAws4 } = require('./support/sigv4/oracles/aws4');
const { startBotocore } = require('./support/sigv4/oracles/botocore');
const { startSmithy } = require('./support/sigv4/oracles/smithy');
const { Random, testSeed } = require('./support/sigv4/random');

const seed = testSeed();
/** Cases that at least two independent implementations answered. */
const WANTED = process.env.WARMPATH_TEST_LONG === '1' ? 50_000 : 3000;
const CHUNK = 2500;

const oracles = [startSmithy(), startAws4()];
let botocoreMissing;

before(async () => {
  console.log(`WARMPATH_TEST_SEED=${seed}`);
  try {
    oracles.push(await startBotocore());
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    botocoreMissing = error.message;
    process.stderr.write(`\nNOT TESTED: the signer against botocore: ${botocoreMissing}\n\n`);
  }
});

after(() => Promise.all(oracles.map((oracle) => oracle.close())));

test(`${WANTED} random requests are signed as at least two independent implementations sign them`, async (t) => {
  const random = new Random(seed);
  const compared = {};
  let doubly = 0;
  let total = 0;
  // Without botocore many cases have one oracle only: the others go on as far as they go.
  while (doubly < WANTED && total < 2 * WANTED) {
    const cases = makeCases(random, Math.min(CHUNK, Math.ceil((WANTED - doubly) * 1.15)));
    const asked = await ask(oracles, cases);
    const result = compare(SigV4Signer, cases, asked, { most: 3 });
    assert.equal(result.mismatches.length, 0, `seed ${seed}\n${result.mismatches.map(describe).join('\n\n')}`);
    for (const [name, count] of Object.entries(result.compared)) compared[name] = (compared[name] ?? 0) + count;
    doubly += cases.filter((one) => asked.filter(({ answers }) => answers.has(one)).length >= 2).length;
    total += cases.length;
  }
  assert.ok(botocoreMissing || doubly >= WANTED, 'the cases left out are not to grow into the rule');
  const versions = oracles.map(({ name, version }) => `${name} ${version}: ${compared[name]}`).join(', ');
  t.diagnostic(`seed ${seed}: ${total} cases, ${doubly} with two or more oracles (${versions}); the reference: all`);
});

test('every class of known disagreement occurs, or it would have no place in the list', () => {
  const cases = makeCases(new Random(1), 2000);
  for (const { name, oracles: spared } of CLASSES) {
    const hit = cases.some((one) => exclusions(one, spared[0]).some((found) => found.name === name));
    assert.ok(hit, name);
  }
});

test('secrets of every length from 1 to 500 characters', () => {
  const date = '20261122T023000Z';
  for (let length = 1; length <= 500; length++) {
    const secretAccessKey = Array.from({ length }, (_, i) => String.fromCharCode(33 + ((i * 7 + length) % 94))).join(
      '',
    );
    const signer = new SigV4Signer({ accessKeyId: 'AKID', secretAccessKey });
    const { stringToSign, signature } = signer.explain({ method: 'GET', url: 'https://h.example/k', date });
    const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
    const key = ['20261122', 'auto', 's3', 'aws4_request'].reduce(hmac, `AWS4${secretAccessKey}`);
    assert.equal(signature, hmac(key, stringToSign).toString('hex'), `${length} characters`);
  }
});

test('presignMany signs each of a mixed list as presign does', () => {
  const cases = makeCases(new Random(seed), 400).filter(({ mode }) => mode === 'presign');
  const groups = Map.groupBy
    ? Map.groupBy(cases, ({ identity }) => identity)
    : cases.reduce((map, one) => map.set(one.identity, [...(map.get(one.identity) ?? []), one]), new Map());
  for (const [identity, group] of groups) {
    const signer = new SigV4Signer(identity);
    const calls = group.map(({ call }) => call);
    assert.deepEqual(
      signer.presignMany(calls),
      calls.map((call) => signer.presign(call)),
    );
  }
});

// Spaces are folded in the canonical request alone: folded in what is sent, they would be lost to the object's metadata.
test('header values to send are the values given', () => {
  for (const one of makeCases(new Random(seed), 500)) {
    if (one.mode !== 'sign' || one.call.payloadHash !== undefined) continue;
    const signed = new SigV4Signer(one.identity).sign(one.call);
    assert.deepEqual(alteredHeaders(signed, one), [], `seed ${seed}, case ${one.id}`);
  }
});
