'use strict';

const assert = require('node:assert/strict');
const { randomInt } = require('node:crypto');
const { test } = require('node:test');
const theirs = require('aws4');
const ours = require('../lib/adapters/aws4.js');
const { generator } = require('./support/random.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const CASES = LONG ? 50_000 : 3_000;
const seed = Number(process.env.WARMPATH_TEST_SEED ?? randomInt(2 ** 31));

const CHARS = [
  ...'abcXYZ019-._~',
  ...'!\'()*;:@&=+$,/?#[] "<>\\^`{|}',
  ...'éß中😀\u00a0',
  ...['%20', '%2F', '%2f', '%C3%A9', '%c3%a9', '%41', '%7E', '%', '%zz', '%ff', '//', '/./', '/../', '\t'],
];
const HOSTS = [
  ...['acc.r2.cloudflarestorage.com', 'localhost:9000', 'bucket.s3.eu-west-1.amazonaws.com', 's3.amazonaws.com'],
  ...[
    'x.s3-us-west-2.amazonaws.com',
    'sqs.us-east-1.amazonaws.com',
    'a.us-east-1.es.amazonaws.com',
    'iam.amazonaws.com',
  ],
];
const NAMES = [
  'Accept',
  'Range',
  'User-Agent',
  'content-type',
  'Content-Type',
  'x-amz-acl',
  'X-Amz-Meta-A',
  'cache-control',
  'A-B',
  'A',
];

function requests(random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const chance = (p) => random() < p;
  const text = (max) => Array.from({ length: Math.floor(random() * max) }, () => pick(CHARS)).join('');
  const body = () => pick([undefined, '', text(40), Buffer.from(text(40)), new Uint8Array([1, 2, 3])]);
  return () => {
    const headers = { Date: new Date(Math.floor(random() * 4e12)).toUTCString() };
    for (let n = Math.floor(random() * 5); n > 0; n--) headers[pick(NAMES)] = pick([text(12), 5, 'plain']);
    if (chance(0.2)) headers['X-Amz-Content-Sha256'] = 'UNSIGNED-PAYLOAD';
    if (chance(0.1)) headers['x-amz-date'] = '20250102T030405Z';
    const request = { headers, path: `/${text(12)}` };
    // Names differ: for a name that comes twice, S3 is a class of its own.
    const parts = Array.from(
      { length: Math.floor(random() * 5) },
      (_, i) => `${pick([text(4), 'p'])}${i}${pick(['', `=${text(8)}`])}`,
    );
    if (chance(0.6)) request.path += `?${parts.join('&')}`;
    if (chance(0.8)) request[pick(['host', 'hostname'])] = pick(HOSTS);
    if (chance(0.6)) request.service = pick(['s3', 's3', 'sqs', 'es', 'iam', 'ses']);
    if (chance(0.6)) request.region = pick(['auto', 'us-east-1', 'eu-west-1']);
    if (chance(0.6)) request.method = pick(['GET', 'PUT', 'POST', 'DELETE', 'head']);
    if (chance(0.3)) request.signQuery = true;
    if (chance(0.1)) request.doNotModifyHeaders = true;
    if (chance(0.1)) request.doNotEncodePath = true;
    if (chance(0.1)) request.port = 8080;
    const given = body();
    if (given !== undefined) request.body = given;
    const credentials = {
      accessKeyId: pick(['AK', 'B+/=']),
      secretAccessKey: pick(['s', 's'.repeat(64), 'k/+'.repeat(70)]),
    };
    if (chance(0.3)) credentials.sessionToken = 'FwoG/+==';
    return [request, credentials];
  };
}

/** The class in which we differ on purpose that this generator can hit (docs/adapters.md). */
function isDifferentOnPurpose({ path, service, host, hostname }) {
  const query = path.slice(path.indexOf('?') + 1);
  const names = query.split('&').map((pair) => pair.split('=')[0]);
  const s3 = service === 's3' || /s3/.test(host ?? hostname ?? '');
  return s3 && path.includes('?') && new Set(names).size < names.length;
}

const outcome = (sign, [request, credentials]) => {
  const copy = { ...request, headers: { ...request.headers } };
  try {
    return sign(copy, credentials);
  } catch (error) {
    return error;
  }
};

test(`${CASES} random requests, seed ${seed} (WARMPATH_TEST_SEED): as aws4 signs them`, () => {
  const next = requests(generator(seed));
  let [signed, refused] = [0, 0];
  for (let i = 0; i < CASES; i++) {
    const given = next();
    if (isDifferentOnPurpose(given[0])) continue;
    // Where aws4 signs for no service at all, ours says that it does not know the service.
    const nameless = new theirs.RequestSigner({ ...given[0] }, given[1]).service === '';
    const expected = nameless ? new Error('no service') : outcome(theirs.sign, given);
    const actual = outcome(ours.sign, given);
    if (expected instanceof Error) {
      assert.equal(actual.code, 'ERR_WARMPATH_INVALID_ARGUMENT', `${JSON.stringify(given)}: ${expected.message}`);
      refused++;
    } else {
      assert.deepEqual(actual, expected, JSON.stringify(given));
      signed++;
    }
  }
  // The generator must not drift into making only what is refused.
  assert.ok(signed > CASES / 3 && refused > CASES / 50, `${signed} signed, ${refused} refused`);
});
