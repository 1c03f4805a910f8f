'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { inspect } = require('node:util');
const theirs = require('aws4');
const ours = require('../lib/adapters/aws4.js');

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };
const SESSION = { ...CREDENTIALS, sessionToken: 'FwoGZXIvYXdzEXAMPLE//token==' };
const DATE = { Date: 'Sun, 22 Nov 2026 02:30:00 GMT' };

/** Signs the same request with both, and compares all that was changed. */
function same(make, credentials = CREDENTIALS) {
  const [a, b] = [make(), make()];
  const expected = theirs.sign(a, credentials);
  const actual = ours.sign(b, credentials);
  assert.equal(actual, typeof b === 'string' ? actual : b, 'hands back what it was given');
  assert.deepEqual({ ...actual }, { ...expected }, inspect(make()));
  assert.deepEqual(Object.keys(actual.headers), Object.keys(expected.headers));
}

const BUCKET = 'bucket.s3.eu-west-1.amazonaws.com';

/** [what, request]; a function where the request cannot be copied. */
const TABLE = [
  ['service alone', { service: 'sqs', path: '/?Action=ListQueues' }],
  ['service and region', { service: 'sqs', region: 'us-west-1', path: '/?Action=ListQueues' }],
  ['global services', { service: 'iam', path: '/?Action=ListGroups&Version=2010-05-08' }],
  ['s3 in us-east-1', { service: 's3', path: '/' }],
  ['s3 elsewhere', { service: 's3', region: 'eu-west-1', path: '/b/k' }],
  ['ses has another host', { service: 'ses', path: '/' }],
  ['email is ses', { host: 'email.us-east-1.amazonaws.com', path: '/' }],
  ['virtual host', { host: BUCKET, path: '/k' }],
  ['virtual host without region', { host: 'bucket.s3.amazonaws.com', path: '/k' }],
  ['dashed region', { host: 'bucket.s3-eu-west-1.amazonaws.com', path: '/k' }],
  ['dashed region, path style', { host: 's3-eu-west-1.amazonaws.com', path: '/bucket/k' }],
  ['turned round', { host: 'search-x.us-east-1.es.amazonaws.com', path: '/' }],
  ['turned round, serverless', { host: 'abc.us-east-1.aoss.amazonaws.com', path: '/' }],
  ['china', { host: 'sqs.cn-north-1.amazonaws.com.cn', path: '/' }],
  ['hostname', { hostname: 'dynamodb.eu-west-1.amazonaws.com' }],
  ['host header alone', { headers: { Host: 'sqs.us-east-1.amazonaws.com' } }],
  ['host header in lower case', { headers: { host: 'sqs.us-east-1.amazonaws.com' } }],
  ['port', { service: 's3', host: 'localhost', port: 9000, path: '/b/k' }],
  ['r2', { host: 'acc.r2.cloudflarestorage.com', service: 's3', region: 'auto', path: '/b/k' }],
  ['a URL', () => 'https://sqs.us-east-1.amazonaws.com/?Action=ListQueues'],
  ['body', { service: 'sqs', body: 'Action=é' }],
  ['body, no method', { service: 's3', path: '/b/k', body: 'x' }],
  ['bytes', { service: 's3', method: 'PUT', path: '/b/k', body: Buffer.from([0, 255, 1]) }],
  ['a view of bytes', { service: 's3', method: 'PUT', path: '/b/k', body: new Uint16Array([1, 2]) }],
  ['given headers win', { service: 's3', body: 'x', headers: { 'content-type': 'a/b', 'Content-Length': 1 } }],
  ['given hash', { service: 's3', path: '/b/k', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }],
  ['given hash, other service', { service: 'es', body: 'x', headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' } }],
  ['given time', { service: 'sqs', headers: { 'X-Amz-Date': '20200101T000000Z' } }],
  ['given time in lower case', { service: 'sqs', headers: { 'x-amz-date': '20200101T000000Z' } }],
  ['given time wins over Date', { service: 'sqs', headers: { 'x-amz-date': '20200101T000000Z', ...DATE } }],
  ['given token', { service: 'sqs', headers: { 'x-amz-security-token': 'mine' } }],
  ['spaces in values', { service: 'sqs', headers: { A: '  x   y\tz "q   q" ' } }],
  ['a number, a list, an empty value', { service: 'sqs', headers: { N: 5, L: [' a', 'b '], E: '' } }],
  ['one name twice', { service: 'sqs', headers: { 'X-Twice': 'b', 'x-twice': 'a' } }],
  [
    'never signed',
    { service: 'sqs', headers: { Range: 'b=0-1', 'User-Agent': 'x', Connection: 'close', Expect: 'y' } },
  ],
  ['asked for', { service: 's3', headers: { Range: 'b=0-1' }, extraHeadersToInclude: { range: true } }],
  ['asked to leave', { service: 's3', headers: { 'X-Me': '1' }, extraHeadersToIgnore: { 'x-me': true } }],
  ['old authorization', { service: 's3', headers: { Authorization: 'x', authorization: 'y' } }],
  ['left alone', { service: 'sqs', body: 'x', doNotModifyHeaders: true, headers: {} }],
  [
    'codecommit',
    { service: 'codecommit', method: 'GIT', host: 'git-codecommit.us-east-1.amazonaws.com', path: '/v1/x' },
  ],
  ['lower-case method', { service: 's3', method: 'put', path: '/k' }],
  ['empty query', { service: 's3', path: '/b/k?' }],
  ['names without values', { service: 's3', path: '/b?uploads&acl' }],
  ['empty name', { service: 's3', path: '/b?=x&a=1&&' }],
  ['only an empty name', { service: 's3', path: '/b?=x' }],
  ['order of names', { service: 's3', path: '/b?a-b=1&a=2&B=3&%7B=4&é=5&10=6&9=7' }],
  ['escapes in values', { service: 's3', path: '/b?a=b+c%20d%2Fe%zz&x=(1)!*' }],
  ['repeated names', { service: 'sqs', path: '/?a=2&b=1&a=10&a=' }],
  ['query alone', { service: 's3', path: '?acl' }],
  ['folding', { service: 'es', host: 'es.x', path: '/a//b/./c/../d/.' }],
  ['above the root', { service: 'es', host: 'es.x', path: '/../a/..' }],
  ['no folding at s3', { service: 's3', path: '/b//a/../c/./' }],
  ['no folding at s3, with escapes', { service: 's3', path: '/b/a b/../c//./' }],
  ['spaces and accents at s3', { service: 's3', path: '/b/a b+c/é/😀/中.txt' }],
  ['escaped at s3', { service: 's3', path: '/b/a%20b%2Bc%2Fd%c3%a9%41%7E' }],
  ['signs at s3', { service: 's3', path: "/b/!'()*$@:=,;~" }],
  ['spaces and accents elsewhere', { service: 'es', host: 'es.x', path: '/a b+c/é%20%2F' }],
  ['escaped already', { service: 'es', host: 'es.x', path: '/a%20b/%C3%A9', doNotEncodePath: true }],
  ['query: other service', { service: 'sqs', signQuery: true, path: '/?Action=ListQueues' }],
  ['query: other service, body', { service: 'sqs', signQuery: true, method: 'POST', body: 'x' }],
  ['query: s3', { service: 's3', signQuery: true, path: '/b/k é' }],
  ['query: s3 expiry', { service: 's3', signQuery: true, path: '/b/k?X-Amz-Expires=60&b=1' }],
  ['query: time', { service: 's3', signQuery: true, path: '/b/k?X-Amz-Date=20200101T000000Z' }],
  [
    'query: with headers',
    { service: 's3', signQuery: true, path: '/b/k', headers: { 'X-Amz-Acl': 'private', ...DATE } },
  ],
  ['query: repeated', { service: 'sqs', signQuery: true, path: '/?X-Amz-Date=20200101T000000Z&a=1&a=0' }],
];

const copy = (request) => (typeof request === 'function' ? request() : { ...request });
/** A time in the request, so that both sign the same second. */
const dated = (request) => {
  const made = copy(request);
  if (typeof made === 'string') return made;
  return { ...made, headers: { ...DATE, ...made.headers } };
};

for (const [what, request] of TABLE) {
  test(`equals aws4: ${what}`, () => {
    same(() => dated(request));
    same(() => dated(request), SESSION);
  });
}

test('the clock: both sign the same second, without a Date header', () => {
  for (let tries = 0; ; tries++) {
    const [a, b] = [
      { service: 'sqs', headers: {} },
      { service: 'sqs', headers: {} },
    ];
    theirs.sign(a, CREDENTIALS);
    ours.sign(b, CREDENTIALS);
    // A second may end between the two.
    if (a.headers['X-Amz-Date'] !== b.headers['X-Amz-Date'] && tries < 3) continue;
    assert.deepEqual(b, a);
    break;
  }
});

test('credentials from the environment', () => {
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_ACCESS_KEY', 'AWS_SECRET_KEY'];
  const before = names.map((name) => process.env[name]);
  try {
    for (const name of names) delete process.env[name];
    Object.assign(process.env, { AWS_ACCESS_KEY: 'OLD', AWS_SECRET_KEY: 'old' });
    same(() => ({ service: 'sqs', headers: { ...DATE } }), null);
    const [id, secret, token] = ['NEW', 'new', 'tok'];
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token });
    same(() => ({ service: 'sqs', headers: { ...DATE } }), null);
  } finally {
    for (const [i, name] of names.entries()) {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    }
  }
});

test('every stage of RequestSigner equals that of aws4', () => {
  const stages = [
    'canonicalString',
    'stringToSign',
    'signature',
    'authHeader',
    'signedHeaders',
    'canonicalHeaders',
    'credentialString',
    'getDateTime',
    'getDate',
    'isSingleRegion',
    'createHost',
    'formatPath',
  ];
  for (const [what, request] of TABLE) {
    const a = new theirs.RequestSigner(dated(request), CREDENTIALS);
    const b = new ours.RequestSigner(dated(request), CREDENTIALS);
    assert.deepEqual([b.service, b.region, b.isCodeCommitGit], [a.service, a.region, a.isCodeCommitGit], what);
    for (const stage of stages) assert.equal(b[stage](), a[stage](), `${what}: ${stage}`);
  }
  const hosts = ['', 'x', 's3.amazonaws.com', 'a.s3.amazonaws.com', 'a.b.c.amazonaws.com', 's3-x.amazonaws.com'];
  for (const host of hosts) {
    const list = (signer) => [...signer.prototype.matchHost.call({}, host)];
    assert.deepEqual(list(ours.RequestSigner), list(theirs.RequestSigner), host);
  }
});

test('a rotation takes effect at once, whichever way it is done', () => {
  const request = { service: 's3', path: '/b/k', headers: DATE };
  const credentials = { ...CREDENTIALS };
  const check = () => same(() => ({ ...request }), credentials);
  check();
  credentials.secretAccessKey = 'another';
  check();
  credentials.accessKeyId = 'OTHER';
  check();
  credentials.sessionToken = 'token';
  check();
  // A new object each time, two secrets under one public half.
  for (const secretAccessKey of ['a', 'b', 'a', 'c'.repeat(64), 'd'.repeat(500)])
    same(() => ({ ...request }), { accessKeyId: 'SAME', secretAccessKey });
});

test('secrets are not in what can be printed', () => {
  const signer = new ours.RequestSigner({ service: 's3', path: '/b/k' }, SESSION);
  signer.sign();
  const texts = [inspect(signer, { depth: 9, showHidden: true }), JSON.stringify(signer)];
  for (const text of texts) assert.ok(!text.includes(SECRET));
  const bad = [
    [{ secretAccessKey: SECRET }, /accessKeyId/],
    [{ accessKeyId: 'a' }, /secretAccessKey/],
    [{ accessKeyId: 'a', secretAccessKey: `${SECRET}\n` }, /secretAccessKey/],
    [{ accessKeyId: 'a\nb', secretAccessKey: SECRET }, /accessKeyId/],
    [{ accessKeyId: 'a', secretAccessKey: 7 }, /secretAccessKey/],
  ];
  for (const [credentials, message] of bad) {
    assert.throws(
      () => ours.sign({ service: 's3' }, credentials),
      (error) =>
        error.code === 'ERR_WARMPATH_INVALID_ARGUMENT' &&
        message.test(error.message) &&
        !inspect(error).includes(SECRET),
    );
  }
});

test('what cannot be signed is an error with a code', () => {
  const bad = [
    { path: '/b/100%', service: 's3' },
    { path: '/b/%ff', service: 's3' },
    { path: '/é%' },
    { path: '/\ud800' },
    { headers: { 'a\nb': '1' } },
    { headers: { a: '1\r\nb: 2' } },
    { headers: { a: '\0' } },
    { headers: { a: undefined } },
    { headers: { a: null } },
    { headers: { Date: 'yesterday' } },
    { headers: { 'x-amz-date': '2026\n' } },
    { method: 'GET /\n' },
    { region: 'a\nb' },
    { service: undefined },
    { headers: { 'x-amz-date': '20260230T000000Z' } },
    { region: 'a/b' },
    { service: 'a b' },
    { body: { a: 1 } },
    { service: 's3', body: 7 },
    { signQuery: true, path: '/?X-Amz-Date=a&X-Amz-Date=b%0A' },
  ];
  for (const request of bad) {
    const whole = { host: 'x.y', service: 'sqs', ...request };
    assert.throws(() => ours.sign(whole, CREDENTIALS), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' }, inspect(request));
  }
  for (const request of [null, 7, undefined])
    assert.throws(() => ours.sign(request, CREDENTIALS), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
});

test('deliberately different from aws4', () => {
  const sign = (request) => ours.sign({ host: 'h', headers: { ...DATE }, ...request }, CREDENTIALS);
  const canonical = (request) =>
    new ours.RequestSigner({ headers: { ...DATE }, ...request }, CREDENTIALS).canonicalString();
  // S3 signs every value of a repeated name.
  assert.match(canonical({ service: 's3', path: '/?a=2&a=1' }), /\na=1&a=2\n/);
  // A name in another case is the same header.
  const { headers } = sign({
    service: 's3',
    body: 'x',
    headers: { 'CONTENT-TYPE': 'a/b', 'X-AMZ-DATE': '20200101T000000Z' },
  });
  assert.deepEqual(Object.keys(headers), [
    ...['CONTENT-TYPE', 'X-AMZ-DATE', 'Host', 'Content-Length', 'X-Amz-Content-Sha256', 'Authorization'],
  ]);
  assert.match(headers.Authorization, /Credential=AKIDEXAMPLE\/20200101\//);
  // Names that JavaScript objects are born with.
  const odd = canonical({ service: 'sqs', path: '/?__proto__=1&a=2', headers: { constructor: 'x', ...DATE } });
  assert.match(odd, /\n__proto__=1&a=2\n/);
  assert.match(odd, /\nconstructor:x\n/);
  // More than a thousand parameters.
  const many = Array.from({ length: 1500 }, (_, i) => `k${i}=1`).join('&');
  assert.equal(sign({ service: 's3', path: `/?${many}` }).path.split('&').length, 1500);
  // Signing what was signed before.
  const once = sign({ service: 's3', signQuery: true, path: '/k' }).path;
  assert.equal(sign({ service: 's3', signQuery: true, path: once }).path, once);
});
